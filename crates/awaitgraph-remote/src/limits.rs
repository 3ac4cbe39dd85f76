//! How much of anything is read, followed, kept and waited for, and why no more.
//!
//! The target's memory may say anything: that a tuple has 2^63 items, that a
//! stack has no end. No walk goes on for longer, and nothing is made larger,
//! than what stands here, wherever honest programs stay far below. Reaching a
//! bound is a problem in the answer, and the rest is shown. What bounds the
//! files of a process (ELF, core files) stands in `process/`, with their formats.

use std::time::Duration;

/// What one snapshot may take, all of its walks together.
///
/// Walks nest, and in memory that lies each step of one may lead to the whole
/// of another: a million tasks that share a chain of a million coroutines are a
/// few megabytes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    /// Steps: each read is one, and one more for each 64 bytes of it.
    pub(crate) steps: u64,
    /// Bytes of what was found, and of what is kept to find it.
    pub(crate) held: u64,
    /// How long it may take. The steps bound that too, but not on a machine that
    /// has no time for us.
    pub(crate) time: Duration,
}

impl Limits {
    /// Those of a snapshot. A million tasks, ten frames deep, take a third of
    /// the steps, half of the bytes and a tenth of the time.
    pub(crate) const SNAPSHOT: Self = Self {
        steps: 1 << 29,
        held: 4 * 1024 * 1024 * 1024,
        time: Duration::from_secs(60),
    };
    /// Those of a question that is answered from a few objects.
    pub(crate) const QUESTION: Self = Self {
        steps: 1 << 20,
        held: 1024 * 1024,
        time: Duration::from_secs(1),
    };
}

// The memory itself.

/// How many bytes of the target are kept. A service with a million tasks needs a
/// gigabyte; past this the cache starts anew, which costs time and nothing else.
pub(crate) const MOST_KEPT: usize = 4 * 1024 * 1024 * 1024;
/// How often that much may be fetched, in pages and with a fetch counted as one
/// more. A service that needs no more than is kept fetches each page once; one
/// that leads us to ever new places must not do so without end.
pub(crate) const MOST_FETCHED_ANEW: u64 = 4;

// Collections.

/// The items of a tuple, list, set or deque. The largest set that honest
/// programs have is that of all tasks.
pub(crate) const MOST_ITEMS: u64 = 1 << 24;
/// The slots of a set: up to half of them and more are empty.
pub(crate) const MOST_SLOTS: u64 = 2 * MOST_ITEMS;
/// The entries of a dict. Those that are read are namespaces of modules and
/// instances, and the modules themselves.
pub(crate) const MOST_ENTRIES: u64 = 1 << 22;
/// The keys of a dict that are asked for together: as many as a program has
/// modules, or a module names.
pub(crate) const MOST_KEYS_AT_ONCE: u64 = 256;
/// The code objects that are asked for together: more than a stack most likely has.
pub(crate) const MOST_CODES_AT_ONCE: usize = 64;
/// The bases of a class: no class of a real program has a tenth of that.
pub(crate) const MOST_BASES: usize = 256;

// Text and tables.

/// The bytes of a str. A name of 100 MB is possible and nobody's.
pub(crate) const LONGEST_TEXT: u64 = 16 * 1024 * 1024;
/// The bytes of a type's name in C; longer ones are cut.
pub(crate) const LONGEST_C_STRING: usize = 256;
/// The bytes of a line table: those of generated functions reach some megabytes.
pub(crate) const LONGEST_LINE_TABLE: u64 = 16 * 1024 * 1024;
/// The bytes of an exception table, which is far shorter.
pub(crate) const LONGEST_EXCEPTION_TABLE: u64 = 1024 * 1024;
/// The bytes of a function's instructions that are asked what it calls.
pub(crate) const LONGEST_CODE: u64 = 64 * 1024;
/// The ways by which one function may come by what it calls: several for each
/// call, most of which it does not take.
pub(crate) const MOST_CALLED: usize = 8192;
/// The variables of a function, and the values on its stack.
pub(crate) const MOST_VARIABLES: u64 = 1 << 14;
/// An offset in a struct that the target describes: none of CPython's is as large.
pub(crate) const LARGEST_STRUCT: u64 = 1 << 20;

// Stacks and chains.

/// The interpreters, and the threads of one: more than the kernel's usual
/// `pid_max` has.
pub(crate) const MOST_STATES: usize = 1 << 16;
/// The frames of a thread. Recursion without C frames has no limit but the one
/// that the program sets.
pub(crate) const DEEPEST_STACK: usize = 1 << 20;
/// The coroutines that a task is suspended in; for the same reason.
pub(crate) const LONGEST_CHAIN: usize = 1 << 20;

// Tasks and what they wait for.

/// The tasks: sixteen times as many as the largest service that was ever told of.
pub(crate) const MOST_TASKS: usize = 1 << 24;
/// The futures on the way from a task to one that waits for it; the nearest are told.
pub(crate) const LONGEST_WAY: usize = 256;
/// The tasks that are named as holders, or at the other end of a queue, in all
/// tasks together: a thousand that wait for what a thousand hold are a million.
pub(crate) const MOST_TOGETHER: usize = 1 << 20;
/// The frames of each thread that are asked what they have to do with a future.
pub(crate) const DEEPEST_REFERENCES: usize = 256;
/// How deep in a thread's stack its loop is looked for.
pub(crate) const DEEPEST_TURN: usize = 4096;
/// The bytes of a socket's address, of which a path has 108.
pub(crate) const LONGEST_ADDRESS: u64 = 256;
/// The pieces that a transport has buffered, which are added up.
pub(crate) const MOST_BUFFERS: usize = 4096;
/// The frames in which the name of a lock is looked for, from the innermost one
/// that is the program's own.
pub(crate) const MOST_OWNER_FRAMES: usize = 12;
/// The attributes of an object that is asked whether one of them is the lock.
pub(crate) const MOST_ATTRIBUTES: usize = 256;
/// The globals of a module that is asked the same.
pub(crate) const MOST_GLOBALS: usize = 2048;
/// The objects of one task, and the frames that are not in its stack, that are
/// looked through for locks that it holds.
pub(crate) const MOST_INSIDE: usize = 4096;

// The answer, and the target's patience.

/// The problems that are listed; the last then says how many more there were.
pub(crate) const MOST_PROBLEMS: usize = 1000;
/// How often a process that is not stopped is read before what is torn is told.
pub(crate) const TRIES: usize = 8;
/// For how long that is tried, at most.
pub(crate) const LONGEST_TRYING: Duration = Duration::from_secs(1);
/// How long a thread may take to stop. One that does not hangs in the kernel.
pub(crate) const STOP_PATIENCE: Duration = Duration::from_secs(2);
/// With more threads than this a process is stopped even where all of them sleep: a
/// file is open for each.
pub(crate) const MOST_RESTING: usize = 256;
/// How often a process is stopped, to hold against it what was read, before it is
/// stopped for a whole reading.
pub(crate) const MOST_STOPS: usize = 3;
/// The threads that hold what was read against the stopped process: it waits for
/// them, but there are others on the machine.
pub(crate) const MOST_LOOKERS: usize = 4;
/// For how long a thread that is waited for is asked again and again.
pub(crate) const AWAKE: Duration = Duration::from_millis(3);
/// A stop so short may happen again where not all could be read in it.
pub(crate) const BRIEF: Duration = Duration::from_millis(100);
/// The sockets that are asked for their addresses while the process is stopped:
/// some microseconds each.
pub(crate) const MOST_ASKED: usize = 256;
