//! What is wrong in a graph, for certain.

use crate::map::HashMap;

use crate::graph::{Frame, Graph, Task, TaskIndex, TaskState};
use crate::questions::deadlocks::Deadlock;
use crate::waits::Wait;

/// Something that is wrong.
#[derive(Debug, Clone, PartialEq)]
pub enum Finding {
    /// Tasks that wait for each other, or one that waits for itself.
    Deadlock(Deadlock),
    /// Tasks that wait for one lock (or semaphore, …) that nobody is left to
    /// release.
    Abandoned(Vec<TaskIndex>),
    /// Tasks that wait for one future that nothing is left to complete.
    Orphaned(Vec<TaskIndex>),
    /// A loop that synchronous code does not let go of.
    BlockedLoop(BlockedLoop),
}

/// A loop that was in the same synchronous code whenever it was looked at.
#[derive(Debug, Clone, PartialEq)]
pub struct BlockedLoop {
    /// The id of the interpreter that the thread belongs to; 0 is the main one.
    pub interpreter: i64,
    /// The thread, as in [`Thread::thread`](crate::Thread::thread).
    pub thread: u64,
    /// The task that it runs; `None` where it is a callback.
    pub task: Option<TaskIndex>,
    /// The coroutine frame that called the code; `None` where it has none.
    pub coroutine: Option<Frame>,
    /// The frames of the synchronous code at the last look, innermost first.
    pub stack: Vec<Frame>,
    /// How many tasks of the loop are ready to run.
    pub ready: usize,
    /// How many seconds a sleep of the loop is overdue.
    pub overdue: Option<f64>,
    /// For how many seconds the loop has not come round, as
    /// [`Thread::turn`](crate::Thread::turn).
    pub turn: Option<f64>,
    /// How often it was looked at, and over how many seconds.
    pub looks: u32,
    /// Over how many seconds it was looked at.
    pub seconds: f64,
}

impl Finding {
    /// The word for it in JSON, as `deadlock`.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Deadlock(deadlock) if deadlock.tasks.len() == 1 => "waits_for_itself",
            Self::Deadlock(_) => "deadlock",
            Self::Abandoned(_) => "abandoned",
            Self::Orphaned(_) => "orphaned",
            Self::BlockedLoop(_) => "blocked_loop",
        }
    }

    /// The tasks that it is about, in the graph's order.
    pub fn tasks(&self) -> &[TaskIndex] {
        match self {
            Self::Deadlock(deadlock) => &deadlock.tasks,
            Self::Abandoned(tasks) | Self::Orphaned(tasks) => tasks,
            Self::BlockedLoop(blocked) => blocked.task.as_slice(),
        }
    }
}

/// Finds what one look at a graph can tell. Its deadlocks are given.
pub fn findings(graph: &Graph, deadlocks: Vec<Deadlock>) -> Vec<Finding> {
    let mut found: Vec<Finding> = deadlocks.into_iter().map(Finding::Deadlock).collect();
    found.extend(sharing(graph, is_abandoned).map(Finding::Abandoned));
    found.extend(sharing(graph, is_orphaned).map(Finding::Orphaned));
    found
}

fn is_abandoned(task: &Task) -> bool {
    let waits_for = task.waits_for.as_ref();
    waits_for.is_some_and(
        |waits_for| matches!(&waits_for.what, Wait::Primitive(primitive) if primitive.abandoned),
    )
}

/// A future that nothing is left to complete is no mistake where nobody ever had
/// it in hand: `await loop.create_future()` is how a program waits for its end.
/// With a timeout around it, it is a sleep.
fn is_orphaned(task: &Task) -> bool {
    let waits_for = task.waits_for.as_ref();
    waits_for.is_some_and(|waits_for| {
        waits_for.deadline.is_none()
            && waits_for.name.is_some()
            && matches!(&waits_for.what, Wait::Future(future) if future.orphaned)
    })
}

/// The tasks that are `wanted`, those together that wait for the same object.
fn sharing(graph: &Graph, wanted: fn(&Task) -> bool) -> impl Iterator<Item = Vec<TaskIndex>> {
    let mut lists: Vec<Vec<TaskIndex>> = Vec::new();
    let mut list_of: HashMap<u64, usize> = HashMap::default();
    for (index, task) in graph.task_indices().zip(&graph.tasks) {
        if task.state != TaskState::Waiting || !wanted(task) {
            continue;
        }
        let next = lists.len();
        let at = match task.waits_for.as_ref().and_then(|wait| wait.id) {
            Some(id) => *list_of.entry(id).or_insert(next),
            None => next,
        };
        match lists.get_mut(at) {
            Some(list) => list.push(index),
            None => lists.push(vec![index]),
        }
    }
    lists.into_iter()
}
