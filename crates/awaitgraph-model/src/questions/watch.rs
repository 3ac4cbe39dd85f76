//! Loops that synchronous code does not let go of, over several looks.
//!
//! A loop that tells when it last looked for what is ready (`Thread::turn`), or
//! where it has come to in that (`Thread::at`), tells whether it has come round
//! since. Of others, one look cannot tell: whatever runs is in some synchronous
//! code. A blocked loop is one in which nothing moves from look to look but what
//! is inside that code. So a loop is taken off the list as soon as it runs another
//! task, or the same one at another place, or as any other task of it has taken a
//! step; that is what a loop does which is only busy. Most are gone at the second
//! look.

use crate::map::HashMap;
use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash, Hasher};

use crate::graph::{Frame, FrameKind, Graph, Task, TaskIndex, TaskState, Thread};
use crate::questions::findings::BlockedLoop;
use crate::waits::Wait;

/// The loops that may be blocked, as far as the looks so far can tell.
#[derive(Debug)]
pub struct Watch {
    suspects: Vec<Suspect>,
    looks: u32,
}

/// A loop in which nothing has moved.
#[derive(Debug)]
struct Suspect {
    interpreter: i64,
    thread: u64,
    running: Running,
    /// For how long it has not come round, where that is known.
    turn: Option<f64>,
    /// Where it has come to in what it has to call, where that is known.
    at: Option<u64>,
    /// The other tasks of the loop, by their addresses.
    others: HashMap<u64, Other>,
    /// Whether each look found the same line and the same call.
    is_still: bool,
}

#[derive(Debug, PartialEq, Eq)]
struct Running {
    /// `None` where it is a callback.
    task: Option<u64>,
    /// The coroutines that it is in, but for the line of the innermost; the
    /// function of a callback.
    coroutines: u64,
    /// That line, and the function that is called there.
    place: u64,
}

#[derive(Debug)]
struct Other {
    stack: u64,
    is_ready: bool,
    /// The address of what it waits for.
    waits_for: Option<u64>,
    /// Seconds until its sleep or its timeout is over.
    left: Option<f64>,
}

impl Other {
    fn of(graph: &Graph, task: &Task) -> Self {
        let waits_for = task.waits_for.as_ref();
        Self {
            stack: stack_of(graph, &task.stack),
            is_ready: task.state == TaskState::Ready,
            waits_for: waits_for.and_then(|wait| wait.id),
            left: waits_for.and_then(|wait| match wait.what {
                Wait::Sleep { left: Some(left) } => Some(left),
                _ => wait.deadline,
            }),
        }
    }

    /// Whether it may be at this place still since it was seen `before`. It may
    /// have become ready, by another thread or by the code that runs. But one
    /// that now waits for something else, or for longer, has gone round a loop.
    fn has_stayed_since(&self, before: &Self) -> bool {
        let is_later = |now: Option<f64>, before: Option<f64>| matches!((now, before), (Some(now), Some(before)) if now > before + CLOCK);
        let is_other = |now: Option<u64>, before: Option<u64>| matches!((now, before), (Some(now), Some(before)) if now != before);
        self.stack == before.stack
            && self.is_ready >= before.is_ready
            && !is_other(self.waits_for, before.waits_for)
            && !is_later(self.left, before.left)
    }
}

/// What two readings of the same clock may differ by, in seconds.
const CLOCK: f64 = 0.001;

/// A sleep that is overdue by this much of the time that passed shows that the
/// loop was at no timer in between; and so does a turn of it that is as long.
const OVERDUE_OF_TIME: f64 = 0.8;
/// But only where that is not the time of a busy moment.
const OVERDUE_AT_LEAST: f64 = 0.5;

impl Watch {
    /// A watch over the loops of `graph`, which is the first look.
    pub fn new(graph: &Graph) -> Self {
        let suspects = graph.threads.iter().filter_map(|thread| {
            Some(Suspect {
                interpreter: thread.interpreter,
                thread: thread.thread,
                running: Running::of(graph, thread)?,
                turn: thread.turn,
                at: thread.at,
                others: others(graph, thread),
                is_still: true,
            })
        });
        Self {
            suspects: suspects.collect(),
            looks: 1,
        }
    }

    /// Takes another look.
    pub fn look(&mut self, graph: &Graph) {
        self.looks = self.looks.saturating_add(1);
        self.suspects.retain_mut(|suspect| suspect.stays_in(graph));
    }

    /// How many looks were taken.
    pub fn looks(&self) -> u32 {
        self.looks
    }

    /// Whether there is any loop left that may be blocked.
    pub fn goes_on(&self) -> bool {
        !self.suspects.is_empty()
    }

    /// The loops that are blocked, as they are in `graph`, which is the last
    /// look, `seconds` after the first.
    pub fn blocked(&self, graph: &Graph, seconds: f64) -> Vec<BlockedLoop> {
        let blocked = self.suspects.iter().filter_map(|suspect| {
            let thread = suspect.thread_in(graph)?;
            let (sync, coroutines) = match thread.running {
                Some(index) => split(graph, &graph.task(index)?.stack),
                None => (callback(graph, thread)?, &[][..]),
            };
            let overdue = overdue(graph, thread);
            let is_starved = overdue
                .is_some_and(|time| time >= OVERDUE_AT_LEAST && time >= OVERDUE_OF_TIME * seconds);
            let is_blocked = match thread.turn {
                Some(turn) => turn >= OVERDUE_OF_TIME * seconds,
                // A callback may be another one each time.
                None => is_starved || suspect.is_still && thread.running.is_some(),
            };
            is_blocked.then(|| BlockedLoop {
                interpreter: suspect.interpreter,
                thread: suspect.thread,
                task: thread.running,
                coroutine: coroutines.first().copied(),
                stack: sync.to_vec(),
                ready: suspect.others.values().filter(|it| it.is_ready).count(),
                overdue: overdue.filter(|&time| time >= OVERDUE_AT_LEAST),
                turn: thread.turn,
                looks: self.looks,
                seconds,
            })
        });
        blocked.collect()
    }
}

impl Suspect {
    fn thread_in<'a>(&self, graph: &'a Graph) -> Option<&'a Thread> {
        let mut threads = graph.threads.iter();
        threads.find(|it| (it.interpreter, it.thread) == (self.interpreter, self.thread))
    }

    /// Whether nothing has moved since the last look.
    fn stays_in(&mut self, graph: &Graph) -> bool {
        let Some(thread) = self.thread_in(graph) else {
            return false;
        };
        let Some(running) = Running::of(graph, thread) else {
            return false;
        };
        let place = std::mem::replace(&mut self.running.place, running.place);
        self.is_still &= place == running.place;
        let before = std::mem::replace(&mut self.turn, thread.turn);
        let is_shorter =
            matches!((thread.turn, before), (Some(now), Some(before)) if now + CLOCK < before);
        let before = std::mem::replace(&mut self.at, thread.at);
        let has_called = matches!((thread.at, before), (Some(now), Some(before)) if now != before);
        if self.running != running || is_shorter || has_called {
            return false;
        }
        let others = others(graph, thread);
        // The code that runs may have made new ones.
        let stay = self.others.iter().all(|(id, before)| {
            let now = others.get(id);
            now.is_some_and(|now| now.has_stayed_since(before))
        });
        self.others = others;
        stay
    }
}

impl Running {
    fn of(graph: &Graph, thread: &Thread) -> Option<Self> {
        let Some(index) = thread.running else {
            let outermost = callback(graph, thread)?.last();
            return Some(Self {
                task: None,
                coroutines: hash(&outermost.map(|frame| graph.code(frame))),
                place: 0,
            });
        };
        let task = graph.task(index)?;
        let (sync, coroutines) = split(graph, &task.stack);
        let (innermost, outer) = match coroutines.split_first() {
            Some((innermost, outer)) => (Some(innermost), outer),
            None => (None, coroutines),
        };
        let function = |frame: &Frame| graph.code(frame);
        Some(Self {
            task: Some(task.id),
            coroutines: hash(&(innermost.map(function), stack_of(graph, outer))),
            place: hash(&(innermost.map(|frame| frame.line), sync.last().map(function))),
        })
    }
}

/// The frames of the callback that a loop calls, which are none where that is
/// written in C; `None` where the loop calls nothing.
///
/// A loop calls each through `Handle._run`. One that is written in C, as uvloop,
/// has no frames of its own, and calls what is further in than `Runner.run`.
fn callback<'g>(graph: &'g Graph, thread: &'g Thread) -> Option<&'g [Frame]> {
    for (place, frame) in thread.stack.iter().enumerate() {
        let Some(code) = graph.code(frame) else {
            continue;
        };
        let of_runner = code.file.ends_with("asyncio/runners.py");
        if !of_runner && !code.file.ends_with("asyncio/events.py") {
            if code.file.ends_with("asyncio/base_events.py") {
                return None;
            }
            continue;
        }
        let inner = thread.stack.get(..place)?;
        return match code.function.rsplit('.').next() {
            Some("_run") if !of_runner => Some(inner),
            Some("run") if of_runner => Some(inner).filter(|it| !it.is_empty()),
            _ => None,
        };
    }
    None
}

/// The synchronous frames at the inner end of a stack, and those that follow
/// them. Where there is no coroutine all are synchronous. So are generators that
/// such frames go through, as `sum(x for x in y)`.
fn split<'s>(graph: &Graph, stack: &'s [Frame]) -> (&'s [Frame], &'s [Frame]) {
    let kinds = || (stack.iter()).map(|it| graph.code(it).map_or(FrameKind::Sync, |it| it.kind));
    let is_coroutine = |kind| matches!(kind, FrameKind::Async | FrameKind::AsyncGenerator);
    let inner = kinds().take_while(|&kind| !is_coroutine(kind)).enumerate();
    let last = inner.filter(|&(_, kind)| kind == FrameKind::Sync).last();
    let sync = last.map_or(0, |(place, _)| place + 1);
    stack.split_at_checked(sync).unwrap_or((stack, &[]))
}

/// The tasks of a loop but for the one that runs.
fn others(graph: &Graph, thread: &Thread) -> HashMap<u64, Other> {
    tasks_of(graph, thread)
        .filter(|(index, _)| thread.running != Some(*index))
        .map(|(_, task)| (task.id, Other::of(graph, task)))
        .collect()
}

fn tasks_of<'a>(
    graph: &'a Graph,
    thread: &'a Thread,
) -> impl Iterator<Item = (TaskIndex, &'a Task)> {
    let tasks = graph.task_indices().zip(&graph.tasks);
    tasks.filter(|(_, task)| {
        task.thread == Some(thread.thread) && task.interpreter == thread.interpreter
    })
}

/// How many seconds the sleep that should have ended first is overdue.
fn overdue(graph: &Graph, thread: &Thread) -> Option<f64> {
    let left =
        tasks_of(graph, thread).filter_map(|(_, task)| match task.waits_for.as_ref()?.what {
            Wait::Sleep { left } => left,
            _ => None,
        });
    let least = left.filter(|left| left.is_finite()).reduce(f64::min)?;
    (least < 0.0).then_some(-least)
}

/// Frames as a number that is the same in another graph of the same process.
fn stack_of(graph: &Graph, stack: &[Frame]) -> u64 {
    let mut hasher = DefaultHasher::new();
    for frame in stack {
        graph.code(frame).hash(&mut hasher);
        frame.line.hash(&mut hasher);
    }
    hasher.finish()
}

fn hash(value: &impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    value.hash(&mut hasher);
    hasher.finish()
}
