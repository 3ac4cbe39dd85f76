//! JSON, schema 1 (docs/json.md): all that the graph holds, never shortened.
//!
//! The structs here are views: what a document looks like, field by field.
//! How it is written is `json_lines`.

use std::fmt::{self, Write};

use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};

use crate::graph::{Awaiter, Frame, Graph, Problem, SnapshotInfo, Target, Task, TaskIndex, Thread};
use crate::render::json_lines::write_document;
use crate::waits::{Wait, WaitsFor};

/// The number of the schema, raised when a key changes its meaning.
pub(super) const SCHEMA: u32 = 1;

/// Writes the whole graph as one JSON document, with a line feed at its end.
pub fn json<W: Write + ?Sized>(graph: &Graph, out: &mut W) -> fmt::Result {
    let document = Document {
        schema: SCHEMA,
        target: TargetView::of(&graph.target),
        snapshot: SnapshotView::of(&graph.snapshot),
        threads: List(&graph.threads, |thread| ThreadView::of(graph, thread)),
        tasks: List(&graph.tasks, |task| TaskView::of(graph, task)),
        problems: List(&graph.problems, ProblemView::of),
    };
    write_document(&document, out)
}

#[derive(Serialize)]
struct Document<'a, Threads: Serialize, Tasks: Serialize, Problems: Serialize> {
    schema: u32,
    target: TargetView<'a>,
    snapshot: SnapshotView,
    threads: Threads,
    tasks: Tasks,
    problems: Problems,
}

#[derive(Serialize)]
struct TargetView<'a> {
    pid: Option<u32>,
    python: &'a str,
    executable: &'a str,
    free_threaded: bool,
}

impl<'a> TargetView<'a> {
    fn of(target: &'a Target) -> Self {
        let Target {
            pid,
            python,
            executable,
            free_threaded,
        } = target;
        Self {
            pid: *pid,
            python,
            executable,
            free_threaded: *free_threaded,
        }
    }
}

#[derive(Serialize)]
struct SnapshotView {
    consistent: bool,
    paused_us: u64,
    total_us: u64,
    bytes_read: u64,
}

impl SnapshotView {
    fn of(snapshot: &SnapshotInfo) -> Self {
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
    waits_for: Option<WaitsFor>,
}

impl TaskView<'_, (), (), ()> {
    fn of<'a>(graph: &'a Graph, task: &'a Task) -> impl Serialize + use<'a> {
        TaskView {
            id: Address(task.id),
            name: &task.name,
            state: task.state.as_str(),
            interpreter: task.interpreter,
            thread: task.thread,
            stack: List(&task.stack, |frame| FrameView::of(graph, frame)),
            awaited_by: List(&task.awaited_by, |awaiter| AwaiterView::of(graph, awaiter)),
            waits_for: (task.waits_for.as_ref()).map(|object| WaitsForView::of(graph, object)),
        }
    }
}

#[derive(Serialize)]
struct FrameView<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    function: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    file: Option<&'a str>,
    line: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    kind: Option<&'static str>,
}

impl<'a> FrameView<'a> {
    fn of(graph: &'a Graph, frame: &Frame) -> Self {
        let code = graph.code(frame);
        Self {
            function: code.map(|code| code.function.as_str()),
            file: code.map(|code| code.file.as_str()),
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

struct WaitsForView<'a>(&'a Graph, &'a WaitsFor);

impl<'a> WaitsForView<'a> {
    fn of(graph: &'a Graph, object: &'a WaitsFor) -> Self {
        Self(graph, object)
    }
}

impl Serialize for WaitsForView<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self(graph, object) = self;
        let address = |&task: &TaskIndex| Address::of(graph, task);
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("kind", object.what.kind())?;
        map.serialize_entry("id", &object.id.map(Address))?;
        map.serialize_entry("holders", &List(object.what.holders(), address))?;
        entry(&mut map, "name", object.name.as_ref())?;
        entry(&mut map, "deadline", object.deadline)?;
        match &object.what {
            Wait::Sleep { left } => entry(&mut map, "left", *left)?,
            Wait::Primitive(it) => {
                entry(&mut map, "waiting", it.waiting)?;
                entry(&mut map, "value", it.value)?;
                entry(&mut map, "bound", it.bound)?;
                entry(&mut map, "abandoned", it.abandoned.then_some(true))?;
            }
            Wait::Queue(it) => {
                map.serialize_entry("end", it.end.as_str())?;
                entry(&mut map, "size", it.size)?;
                entry(&mut map, "bound", it.bound)?;
                entry(&mut map, "getters", it.getters)?;
                entry(&mut map, "putters", it.putters)?;
                if !it.others.is_empty() {
                    map.serialize_entry("others", &List(&it.others, address))?;
                }
            }
            Wait::Socket(it) => {
                entry(&mut map, "action", it.action)?;
                entry(&mut map, "fd", it.fd)?;
                entry(&mut map, "family", it.family.as_ref())?;
                entry(&mut map, "local", it.local.as_ref())?;
                entry(&mut map, "peer", it.peer.as_ref())?;
                entry(&mut map, "buffered", it.buffered)?;
            }
            Wait::Executor(it) => {
                entry(&mut map, "thread", it.thread)?;
                if !it.stack.is_empty() {
                    let frames = List(&it.stack, |frame| FrameView::of(graph, frame));
                    map.serialize_entry("stack", &frames)?;
                }
                entry(&mut map, "queued_before", it.queued_before)?;
                entry(&mut map, "function", it.function.as_ref())?;
            }
            Wait::Subprocess { pid, alive } => {
                entry(&mut map, "pid", *pid)?;
                entry(&mut map, "alive", *alive)?;
            }
            Wait::Future(it) => {
                if !it.held_by.is_empty() {
                    map.serialize_entry("held_by", &it.held_by)?;
                }
                entry(&mut map, "orphaned", it.orphaned.then_some(true))?;
            }
        }
        map.end()
    }
}

/// Writes a key, unless there is nothing to say.
fn entry<M: SerializeMap>(
    map: &mut M,
    key: &'static str,
    value: Option<impl Serialize>,
) -> Result<(), M::Error> {
    match value {
        Some(value) => map.serialize_entry(key, &value),
        None => Ok(()),
    }
}

#[derive(Serialize)]
struct ProblemView<'a> {
    #[serde(rename = "where")]
    location: &'a str,
    what: &'a str,
}

impl<'a> ProblemView<'a> {
    fn of(problem: &'a Problem) -> Self {
        Self {
            location: &problem.location,
            what: &problem.what,
        }
    }
}

/// An address, in hexadecimal digits.
struct Address(u64);

impl Address {
    fn of(graph: &Graph, task: TaskIndex) -> Option<Self> {
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
