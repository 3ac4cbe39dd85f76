//! JSON, schema 1 (docs/json.md): all that the graph holds, never shortened.
//!
//! The structs here are views: what a document looks like, field by field.
//! How it is written is `json_lines`.

use std::fmt::{self, Write};
use std::sync::Arc;

use serde::{Serialize, Serializer};

use crate::graph::{Awaiter, Frame, Graph, Problem, SnapshotInfo, Target, Task, TaskIndex, Thread};
use crate::questions::{Outline, OwnCode};
use crate::render::json_findings::deadlock_view;
use crate::render::json_known::Known;
use crate::render::json_lines::write_document;
use crate::render::json_waits::{seconds, waits_for};
use crate::waits::WaitsFor;

/// The number of the schema, raised when a key changes its meaning.
pub(super) const SCHEMA: u32 = 1;

/// Writes the whole graph as one JSON document, with a line feed at its end.
///
/// Alike tasks are never one here, and tasks that are not shown are left out.
pub fn json<W: Write + ?Sized>(outline: &Outline<'_>, out: &mut W) -> fmt::Result {
    let graph = outline.graph();
    let own_code = OwnCode::new(graph);
    let document = Document {
        schema: SCHEMA,
        target: TargetView::of(&graph.target),
        snapshot: SnapshotView::of(&graph.snapshot),
        threads: List(&graph.threads, |thread| ThreadView::of(graph, thread)),
        tasks: Tasks(outline),
        deadlocks: List(outline.deadlocks(), |deadlock| {
            deadlock_view(graph, &own_code, deadlock)
        }),
        problems: List(&graph.problems, ProblemView::of),
    };
    write_document(&document, out)
}

#[derive(Serialize)]
struct Document<'a, Threads: Serialize, Deadlocks: Serialize, Problems: Serialize> {
    schema: u32,
    target: TargetView<'a>,
    snapshot: SnapshotView,
    threads: Threads,
    tasks: Tasks<'a>,
    deadlocks: Deadlocks,
    problems: Problems,
}

/// The tasks that are shown, in the graph's order.
struct Tasks<'a>(&'a Outline<'a>);

impl Serialize for Tasks<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let graph = self.0.graph();
        let tasks = graph.task_indices().zip(&graph.tasks);
        let shown = tasks.filter(|(index, _)| self.0.shows(*index));
        let known = Shared::new();
        serializer.collect_seq(shown.map(|(_, task)| TaskView::of(graph, task, &known)))
    }
}

/// What many tasks have in common.
struct Shared<'a> {
    stacks: Known<&'a [Frame]>,
    awaiters: Known<&'a [Awaiter]>,
    /// By the place that they lie in.
    waits: Known<*const WaitsFor>,
}

impl Shared<'_> {
    fn new() -> Self {
        Self {
            stacks: Known::new(),
            awaiters: Known::new(),
            waits: Known::new(),
        }
    }
}

#[derive(Serialize)]
pub(super) struct TargetView<'a> {
    pid: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    own_pid: Option<u32>,
    python: &'a str,
    executable: &'a str,
    free_threaded: bool,
}

impl<'a> TargetView<'a> {
    pub(super) fn of(target: &'a Target) -> Self {
        let Target {
            pid,
            own_pid,
            python,
            executable,
            free_threaded,
        } = target;
        Self {
            pid: *pid,
            own_pid: *own_pid,
            python,
            executable,
            free_threaded: *free_threaded,
        }
    }
}

#[derive(Serialize)]
pub(super) struct SnapshotView {
    consistent: bool,
    paused_us: u64,
    total_us: u64,
    bytes_read: u64,
}

impl SnapshotView {
    pub(super) fn of(snapshot: &SnapshotInfo) -> Self {
        let SnapshotInfo {
            consistent,
            paused_us,
            total_us,
            bytes_read,
        } = *snapshot;
        Self {
            consistent,
            paused_us,
            total_us,
            bytes_read,
        }
    }
}

#[derive(Serialize)]
struct ThreadView<Stack: Serialize> {
    interpreter: i64,
    thread: u64,
    running: Option<Address>,
    stack: Stack,
}

impl ThreadView<()> {
    fn of<'a>(graph: &'a Graph, thread: &'a Thread) -> ThreadView<impl Serialize + use<'a>> {
        ThreadView {
            interpreter: thread.interpreter,
            thread: thread.thread,
            running: thread.running.and_then(|task| Address::of(graph, task)),
            stack: List(&thread.stack, |frame| FrameView::of(graph, frame)),
        }
    }
}

#[derive(Serialize)]
struct TaskView<'a, Stack: Serialize, Awaiters: Serialize, WaitsFor: Serialize> {
    id: Address,
    name: &'a str,
    state: &'static str,
    interpreter: i64,
    thread: Option<u64>,
    stack: Stack,
    awaited_by: Awaiters,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    cancelling: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    deadline: Option<f64>,
    waits_for: Option<WaitsFor>,
}

impl TaskView<'_, (), (), ()> {
    fn of<'a: 'k, 'k>(
        graph: &'a Graph,
        task: &'a Task,
        known: &'k Shared<'a>,
    ) -> impl Serialize + use<'a, 'k> {
        let stack = || List(&task.stack, |frame| FrameView::of(graph, frame));
        let awaited_by = || List(&task.awaited_by, |awaiter| AwaiterView::of(graph, awaiter));
        TaskView {
            id: Address(task.id),
            name: &task.name,
            state: task.state.as_str(),
            interpreter: task.interpreter,
            thread: task.thread,
            stack: known.stacks.of(&*task.stack, stack),
            awaited_by: known.awaiters.of(&*task.awaited_by, awaited_by),
            cancelling: task.cancelling,
            deadline: task.deadline.and_then(seconds),
            waits_for: (task.waits_for.as_ref())
                .map(|wait| (known.waits).of(Arc::as_ptr(wait), || waits_for(graph, wait))),
        }
    }
}

#[derive(Serialize)]
pub(super) struct FrameView<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    function: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    file: Option<&'a str>,
    line: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    kind: Option<&'static str>,
}

impl<'a> FrameView<'a> {
    pub(super) fn of(graph: &'a Graph, frame: &Frame) -> Self {
        let code = graph.code(frame);
        Self {
            function: code.map(|code| code.function.as_str()),
            // What older versions of Cython compile has neither.
            file: (code.map(|code| code.file.as_str()))
                .filter(|file| !file.is_empty() || frame.line.is_some()),
            line: frame.line,
            kind: code.map(|code| code.kind.as_str()),
        }
    }
}

#[derive(Serialize)]
struct AwaiterView<Via: Serialize> {
    id: Option<Address>,
    how: &'static str,
    via: Via,
}

impl AwaiterView<()> {
    fn of<'a>(graph: &Graph, awaiter: &'a Awaiter) -> AwaiterView<impl Serialize + use<'a>> {
        AwaiterView {
            id: Address::of(graph, awaiter.task),
            how: awaiter.how.as_str(),
            via: List(&awaiter.via, |&future| Address(future)),
        }
    }
}

#[derive(Serialize)]
pub(super) struct ProblemView<'a> {
    #[serde(rename = "where")]
    location: &'a str,
    what: &'a str,
}

impl<'a> ProblemView<'a> {
    pub(super) fn of(problem: &'a Problem) -> Self {
        Self {
            location: &problem.location,
            what: &problem.what,
        }
    }
}

/// An address, in hexadecimal digits.
pub(super) struct Address(pub(super) u64);

impl Address {
    pub(super) fn of(graph: &Graph, task: TaskIndex) -> Option<Self> {
        graph.task(task).map(|task| Self(task.id))
    }
}

impl Serialize for Address {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&format_args!("{:#x}", self.0))
    }
}

/// A list whose items become views one by one, as they are written.
pub(super) struct List<'a, T, F>(pub(super) &'a [T], pub(super) F);

impl<'a, T, V: Serialize, F: Fn(&'a T) -> V> Serialize for List<'a, T, F> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self(items, view) = self;
        serializer.collect_seq(items.iter().map(view))
    }
}
