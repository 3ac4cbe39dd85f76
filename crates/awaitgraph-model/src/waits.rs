//! What a task waits for where that is not another task.

use crate::graph::{Frame, TaskIndex};

/// What a task waits for where that is not another task.
#[derive(Debug, Clone, PartialEq)]
pub struct WaitsFor {
    /// What it is, and what is known of it.
    pub what: Wait,
    /// The address of the object: the lock, the queue, the transport; of the
    /// future, where nothing more is known.
    pub id: Option<u64>,
    /// The name by which the program refers to it, as `Pool.lock`, `ready` or
    /// `Pool.locks['a']`: the attribute of an object, behind the name of that
    /// object's class, or a variable; where that is a container, with the place
    /// in it; of what is further away as the program writes it. It comes from the target, and is not escaped.
    pub name: Option<String>,
    /// Seconds until the first of the `asyncio.timeout` and `wait_for` around it
    /// gives up; negative where the innermost that has a limit is overdue.
    pub deadline: Option<f64>,
}

impl WaitsFor {
    /// The name without the place in a container: what is in one is alike.
    pub fn name_of_kind(&self) -> Option<&str> {
        self.name.as_deref().map(without_place)
    }

    /// What in sight refers to the future that is waited for, in words, as
    /// `Connection._waiter`; the name comes first. Nothing of any other kind.
    pub fn held_by(&self) -> impl Iterator<Item = &str> + Clone {
        let others = match &self.what {
            Wait::Future(future) => Some((self.name.as_deref(), &future.also_held_by)),
            _ => None,
        };
        let names = others.into_iter();
        names.flat_map(|(name, others)| name.into_iter().chain(others.iter().map(String::as_str)))
    }

    /// Whether it is known when it ends.
    pub(crate) fn has_end(&self) -> bool {
        matches!(self.what, Wait::Sleep { .. }) || self.deadline.is_some()
    }

    /// See [`Graph::pass`](crate::Graph::pass).
    pub(crate) fn pass(&mut self, seconds: f64) {
        let left = match &mut self.what {
            Wait::Sleep { left } => left.as_mut(),
            _ => None,
        };
        for left in left.into_iter().chain(self.deadline.as_mut()) {
            *left -= seconds;
        }
    }
}

/// `Pool.locks` of `Pool.locks['a']`.
pub(crate) fn without_place(name: &str) -> &str {
    name.split('[').next().unwrap_or(name)
}

/// What is waited for, by kind.
#[derive(Debug, Clone, PartialEq)]
pub enum Wait {
    /// `asyncio.sleep`.
    Sleep {
        /// Seconds until it ends; negative where it is overdue.
        left: Option<f64>,
    },
    /// A lock, a semaphore, a condition, a barrier, an event.
    Primitive(Box<Primitive>),
    /// An `asyncio.Queue`, or one like it.
    Queue(Box<Queue>),
    /// A pool of connections, all of which are lent.
    Pool(Box<Pool>),
    /// A connection, a listening socket, a pipe.
    Socket(Box<Socket>),
    /// A function in a thread or a process of an executor.
    Executor(Box<Executor>),
    /// A child process.
    Subprocess {
        /// Its process id, in the reader's namespace where that is known.
        pid: Option<u32>,
        /// Whether it still lives.
        alive: Option<bool>,
    },
    /// A future that something else completes.
    Future(Future),
}

impl Wait {
    /// The word for it in every output, as `lock`.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Sleep { .. } => "sleep",
            Self::Primitive(primitive) => primitive.kind.as_str(),
            Self::Queue(_) => "queue",
            Self::Pool(_) => "pool",
            Self::Socket(socket) => socket.kind.as_str(),
            Self::Executor(_) => "executor",
            Self::Subprocess { .. } => "subprocess",
            Self::Future(future) if future.threadsafe => "threadsafe",
            Self::Future(_) => "future",
        }
    }

    /// The tasks that hold it, as far as that is on record.
    pub fn holders(&self) -> &[TaskIndex] {
        match self {
            Self::Primitive(primitive) => &primitive.holders,
            Self::Queue(queue) => &queue.holders,
            Self::Pool(pool) => &pool.holders,
            _ => &[],
        }
    }
}

/// A primitive of `asyncio.locks`, or one like it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Primitive {
    /// Which one.
    pub kind: PrimitiveKind,
    /// How many tasks wait for it, this one included.
    pub waiting: Option<u64>,
    /// Of a lock, a condition or an event whether it is taken or set (1 or 0),
    /// of a semaphore what is left, of a barrier how many have arrived.
    pub value: Option<i64>,
    /// Of a bounded semaphore or a barrier, the most.
    pub bound: Option<i64>,
    /// The tasks that are known to hold it, in the graph's order.
    pub holders: Vec<TaskIndex>,
    /// Of a semaphore, whether it may be held by somebody who is not on record: a
    /// task, or a callback that lets go of it in its own time.
    pub more_holders: bool,
    /// Of a condition, whether only its lock is waited for: to enter it, or to
    /// go on in it after it was notified.
    pub entering: bool,
    /// Whether no unfinished task that could let go of it is in sight: it is
    /// taken, nobody is on record as its holder, and no frame of an unfinished
    /// task, no thread and no callback refers to it but to wait for it.
    pub abandoned: bool,
}

/// The kinds of [`Primitive`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum PrimitiveKind {
    /// `asyncio.Lock`.
    Lock,
    /// `asyncio.Semaphore`, or one with a bound.
    Semaphore,
    /// `asyncio.Condition`.
    Condition,
    /// `asyncio.Barrier` (3.11+).
    Barrier,
    /// `asyncio.Event`.
    Event,
}

impl PrimitiveKind {
    /// The word for it in every output, as `lock`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Lock => "lock",
            Self::Semaphore => "semaphore",
            Self::Condition => "condition",
            Self::Barrier => "barrier",
            Self::Event => "event",
        }
    }
}

/// A queue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Queue {
    /// At which end the task waits.
    pub end: QueueEnd,
    /// How many items are in it.
    pub size: Option<u64>,
    /// The most that it takes; `None` where it has no bound.
    pub bound: Option<u64>,
    /// How many tasks wait for an item, and how many for room.
    pub getters: Option<u64>,
    /// How many tasks wait for room.
    pub putters: Option<u64>,
    /// The tasks that were seen inside its other end: that take from it where
    /// this one waits for room, that put into it where this one waits for an
    /// item. In the graph's order.
    pub others: Vec<TaskIndex>,
    /// Whether something else may take from it or put into it that is not on
    /// record: a callback, a thread.
    pub more_others: bool,
    /// Of a queue that a pool keeps what it lends in: the tasks that are known
    /// to have borrowed something, which they put back. In the graph's order.
    pub holders: Vec<TaskIndex>,
}

/// At which end of a queue a task waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum QueueEnd {
    /// For an item, in `get`.
    Get,
    /// For room, in `put`.
    Put,
    /// For all items to be done, in `join`.
    Join,
}

impl QueueEnd {
    /// The word for it in every output: `get`, `put`, `join`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Get => "get",
            Self::Put => "put",
            Self::Join => "join",
        }
    }
}

/// A pool that counts what it lends, as those of connections do. One that only
/// keeps it in a queue is a [`Queue`].
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Pool {
    /// How many are lent.
    pub lent: Option<u64>,
    /// The most that it lends at once.
    pub bound: Option<u64>,
    /// How many tasks wait for one, this one included.
    pub waiting: Option<u64>,
    /// The tasks that are known to have one, in the graph's order.
    pub holders: Vec<TaskIndex>,
    /// Whether one is lent to nobody knows whom.
    pub more_holders: bool,
    /// Whether another than the `holders` may give one back, since it is only
    /// known to be in a variable of theirs.
    pub by_others: bool,
}

/// A connection, a listening socket, a pipe.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Socket {
    /// What the task has in hand.
    pub kind: SocketKind,
    /// What the task waits to do, in one word: `read`, `write`, `connect`,
    /// `accept`, `close`.
    pub action: Option<&'static str>,
    /// The file descriptor.
    pub fd: Option<i32>,
    /// `tcp`, `udp`, `unix`, `pipe`, ….
    pub family: Option<String>,
    /// The local address, as `127.0.0.1:8080`; from the target, not escaped.
    pub local: Option<String>,
    /// The peer's address.
    pub peer: Option<String>,
    /// How many bytes are buffered in the direction that it waits for.
    pub buffered: Option<u64>,
}

/// The kinds of [`Socket`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SocketKind {
    /// A bare file descriptor (`loop.sock_recv`, `loop.add_reader`).
    Socket,
    /// A transport, most often beneath a stream or a protocol.
    Stream,
    /// A server that waits to be closed.
    Server,
}

impl SocketKind {
    /// The word for it in every output, as `stream`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Socket => "socket",
            Self::Stream => "stream",
            Self::Server => "server",
        }
    }
}

/// A function in a thread or a process of an executor.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Executor {
    /// The thread that runs it, as in [`Thread::thread`](crate::Thread::thread).
    pub thread: Option<u64>,
    /// That thread's frames, innermost first.
    pub stack: Vec<Frame>,
    /// How many items are queued before it, where no thread runs it yet.
    pub queued_before: Option<u64>,
    /// The qualified name of the function.
    pub function: Option<String>,
}

/// A future that something else completes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Future {
    /// Whether it stands for one that another thread completes
    /// (`run_coroutine_threadsafe`, `wrap_future`).
    pub threadsafe: bool,
    /// What in sight refers to it beside [`WaitsFor::name`], in words, as
    /// `Connection._waiter`; see [`WaitsFor::held_by`].
    pub also_held_by: Vec<String>,
    /// Whether nothing that could complete it is left, for certain.
    pub orphaned: bool,
}
