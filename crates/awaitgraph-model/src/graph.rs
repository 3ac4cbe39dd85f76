//! The graph itself: tasks, the frames that they are suspended in, who awaits
//! them, and what could not be read.

use std::sync::Arc;

use crate::waits::WaitsFor;

/// One moment of an asyncio program.
///
/// A graph is plain data: whoever fills it decides the order of the tasks, and
/// every rendering keeps that order.
#[derive(Debug, Clone, Default)]
pub struct Graph {
    /// The process that the graph was read from.
    pub target: Target,
    /// How the reading went.
    pub snapshot: SnapshotInfo,
    /// The threads that run an event loop.
    pub threads: Vec<Thread>,
    /// Every unfinished task, of all threads and interpreters.
    pub tasks: Vec<Task>,
    /// The code objects that the frames refer to, each once.
    pub codes: Vec<Code>,
    /// What could not be read, or was not what it should have been.
    pub problems: Vec<Problem>,
}

impl Graph {
    /// The task at `index`, or `None` where the index is of another graph.
    pub fn task(&self, index: TaskIndex) -> Option<&Task> {
        self.tasks.get(index.as_usize())
    }

    /// The code that `frame` executes, or `None` where the frame is of another graph.
    pub fn code(&self, frame: &Frame) -> Option<&Code> {
        self.codes.get(frame.code.as_usize())
    }

    /// Takes the graph for one of `seconds` later, in which nothing else has
    /// changed: so much less is left of every sleep and deadline.
    pub fn pass(&mut self, seconds: f64) {
        let waits = self
            .tasks
            .iter_mut()
            .filter_map(|task| task.waits_for.as_mut());
        for waits_for in waits.filter(|it| it.has_end()) {
            Arc::make_mut(waits_for).pass(seconds);
        }
        for turn in self.threads.iter_mut().filter_map(|it| it.turn.as_mut()) {
            *turn += seconds;
        }
        for deadline in self.tasks.iter_mut().filter_map(|it| it.deadline.as_mut()) {
            *deadline -= seconds;
        }
    }

    /// The indices of all tasks, in the graph's order.
    pub fn task_indices(&self) -> impl ExactSizeIterator<Item = TaskIndex> + Clone + use<> {
        (0..self.tasks.len()).map(TaskIndex::from_usize)
    }
}

/// The process that a graph was read from.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Target {
    /// Its process id, in the reader's namespace; `None` for a graph of no live process.
    pub pid: Option<u32>,
    /// Its process id in its own pid namespace, where that is known: another one
    /// in a container.
    pub own_pid: Option<u32>,
    /// The version of its CPython, as `3.11.7`.
    pub python: String,
    /// The path of its executable, as the target sees it.
    pub executable: String,
    /// Whether its CPython was built without the GIL.
    pub free_threaded: bool,
}

/// How the reading of a graph went.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SnapshotInfo {
    /// Whether the target could not change while it was read.
    pub consistent: bool,
    /// How long the target was stopped, in microseconds; 0 where it slept while it
    /// was read, and so need not be.
    pub paused_us: u64,
    /// How long the reading took in all, in microseconds.
    pub total_us: u64,
    /// How many bytes were copied from the target.
    pub bytes_read: u64,
}

/// A thread that runs an event loop.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Thread {
    /// The id of the interpreter that it belongs to; 0 is the main one.
    pub interpreter: i64,
    /// The kernel's id of the thread where it could be learnt, else CPython's `thread_id`.
    pub thread: u64,
    /// The task that it is executing now.
    pub running: Option<TaskIndex>,
    /// All its frames, innermost first.
    pub stack: Vec<Frame>,
    /// For how many seconds the loop has been calling what was ready when it last
    /// looked; `None` where it is looking, or where that is not known.
    pub turn: Option<f64>,
    /// Where the loop has come to in what it has to call: another number is proof
    /// that it has called something in between. `None` where that is not known.
    pub at: Option<u64>,
}

/// An unfinished `asyncio.Task`.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Task {
    /// The address of the task object, which is `id(task)` in the target.
    pub id: u64,
    /// Its name, as `Task.get_name()` would return it. Lone surrogates are
    /// written out as `\udc80`; nothing else is escaped.
    pub name: String,
    /// What it is doing.
    pub state: TaskState,
    /// The id of the interpreter that it belongs to; 0 is the main one.
    pub interpreter: i64,
    /// The thread whose loop runs it, as in [`Thread::thread`]; `None` where no
    /// running loop is known to own it.
    pub thread: Option<u64>,
    /// Its frames, innermost first. For a running task these begin with the
    /// synchronous code that it is in.
    pub stack: Vec<Frame>,
    /// The tasks that wait for it, each pair of task and construct once.
    pub awaited_by: Vec<Awaiter>,
    /// Whether it was asked to cancel and has neither ended nor taken that back:
    /// what `Task.cancelling()` counts from 3.11, and before only until the
    /// `CancelledError` was thrown into it.
    pub cancelling: bool,
    /// Whether there is a time limit around its wait, as `asyncio.timeout` or
    /// `wait_for` have one, that has not run out: then it goes on, however long
    /// what it waits for takes.
    pub limited: bool,
    /// Of a task that waits for other tasks: seconds until the innermost
    /// `asyncio.timeout` or `wait_for` in it that has a limit gives up; negative
    /// where that is overdue. Of any other, [`WaitsFor::deadline`] says it.
    pub deadline: Option<f64>,
    /// What it waits for where that is not a task. Tasks that wait for the same
    /// may share it.
    pub waits_for: Option<Arc<WaitsFor>>,
}

/// What a task is doing.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum TaskState {
    /// A thread is executing it now.
    Running,
    /// Its next step is scheduled.
    Ready,
    /// It is suspended until something else completes.
    #[default]
    Waiting,
}

impl TaskState {
    /// The word for it in every output: `running`, `ready`, `waiting`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Ready => "ready",
            Self::Waiting => "waiting",
        }
    }
}

/// One task that waits for another.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Awaiter {
    /// The task that waits.
    pub task: TaskIndex,
    /// The construct by which it waits: the one nearest to the awaited task.
    pub how: How,
    /// The plain futures between the two, nearest to the awaited task first,
    /// by address (of a gather, a shield, a wait).
    pub via: Arc<[u64]>,
}

/// The construct by which one task waits for another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum How {
    /// `await task`.
    Await,
    /// `asyncio.gather`.
    Gather,
    /// `asyncio.shield`.
    Shield,
    /// `asyncio.wait`.
    Wait,
    /// `asyncio.wait_for`.
    WaitFor,
    /// `asyncio.as_completed`.
    AsCompleted,
    /// `asyncio.TaskGroup`, or a task group of anyio.
    TaskGroup,
    /// A callback that completes a future which the other task waits for.
    Callback,
    /// Only in the target's own record (`_asyncio_awaited_by`, CPython 3.14+).
    Recorded,
}

impl How {
    /// The word for it in every output, as `task_group`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Await => "await",
            Self::Gather => "gather",
            Self::Shield => "shield",
            Self::Wait => "wait",
            Self::WaitFor => "wait_for",
            Self::AsCompleted => "as_completed",
            Self::TaskGroup => "task_group",
            Self::Callback => "callback",
            Self::Recorded => "recorded",
        }
    }
}

/// One frame of a stack.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Frame {
    /// The code that it executes.
    pub code: CodeIndex,
    /// The line that it is at, from 1; `None` where the code has no line there,
    /// or is machine code that does not tell it, as Cython's.
    pub line: Option<u32>,
}

/// A function's code.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Code {
    /// The qualified name where the version of CPython keeps one, else the name.
    pub function: String,
    /// The path of the source file, as the code object has it.
    pub file: String,
    /// The kind of function.
    pub kind: FrameKind,
}

/// The kind of function that a frame executes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum FrameKind {
    /// A plain function.
    #[default]
    Sync,
    /// A coroutine (`async def`).
    Async,
    /// An asynchronous generator (`async def` with `yield`).
    AsyncGenerator,
    /// A generator, one made awaitable by `types.coroutine` included.
    Generator,
}

impl FrameKind {
    /// The word for it in every output: `sync`, `async`, `async generator`, `generator`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Sync => "sync",
            Self::Async => "async",
            Self::AsyncGenerator => "async generator",
            Self::Generator => "generator",
        }
    }
}

/// Something that could not be read, or was not what it should have been.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// What it is about, as `task 0x7f05`.
    pub location: String,
    /// What is wrong with it, as `name is not a str`.
    pub what: String,
}

/// The place of a task in [`Graph::tasks`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TaskIndex(u32);

/// The place of a code object in [`Graph::codes`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct CodeIndex(u32);

macro_rules! index {
    ($name:ident) => {
        impl $name {
            /// The index for a position in the list.
            ///
            /// # Panics
            ///
            /// Where the position does not fit 32 bits: no graph is that large.
            #[allow(clippy::expect_used)]
            pub fn from_usize(position: usize) -> Self {
                Self(u32::try_from(position).expect("a graph has fewer than 2^32 nodes"))
            }

            /// The position in the list.
            pub fn as_usize(self) -> usize {
                self.0 as usize
            }
        }
    };
}

index!(TaskIndex);
index!(CodeIndex);
