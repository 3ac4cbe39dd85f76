//! The parts of a task's line that several renderers share: where it is, and
//! what it waits for.

use crate::graph::{Frame, Graph, Task, TaskIndex, TaskState};
use crate::questions::OwnCode;
use crate::render::line::{Line, Span};
use crate::render::wait::{self, Phrase};

/// A task that many others hold up names no more of them than this.
pub(super) const NAMES_SHOWN: usize = 3;

/// Adds `function file:line`.
pub(super) fn push_frame(graph: &Graph, frame: &Frame, line: &mut Line) {
    let Some(code) = graph.code(frame) else {
        return;
    };
    line.push_untrusted(Span::Function, &code.function);
    line.push(Span::Text, " ");
    line.push_untrusted(Span::Path, &code.file);
    if let Some(number) = frame.line {
        line.push_format(Span::LineNumber, format_args!(":{number}"));
    }
}

/// Adds `function file:line` as a part of what a task waits for.
pub(super) fn push_wait_frame(graph: &Graph, frame: &Frame, line: &mut Line) {
    let Some(code) = graph.code(frame) else {
        return;
    };
    line.push_untrusted(Span::Waits, &code.function);
    line.push(Span::Waits, " ");
    line.push_untrusted(Span::WaitsPath, &code.file);
    if let Some(number) = frame.line {
        line.push_format(Span::Waits, format_args!(":{number}"));
    }
}

/// Adds the name of a task. One without a name is shown as Python shows an
/// empty string.
pub(super) fn push_name(task: &Task, line: &mut Line) {
    line.push_untrusted(Span::Name, shown_name(task));
}

/// The name of a task, not escaped.
pub(super) fn shown_name(task: &Task) -> &str {
    if task.name.is_empty() {
        "''"
    } else {
        &task.name
    }
}

/// Adds the names of the first few tasks, and how many more there are.
pub(super) fn push_names(graph: &Graph, tasks: &[TaskIndex], span: Span, line: &mut Line) {
    let mut tasks = tasks.iter().filter_map(|&task| graph.task(task));
    for (at, task) in tasks.by_ref().take(NAMES_SHOWN).enumerate() {
        line.push(span, if at == 0 { "" } else { ", " });
        line.push_untrusted(span, shown_name(task));
    }
    match tasks.count() {
        0 => {}
        more => line.push_format(span, format_args!(" and {more} more")),
    }
}

/// Adds what the task does, which is the same for all `alike`: that it is being
/// cancelled, that it runs or is about to, or what it waits for. Whether there was anything to add.
pub(super) fn push_doing(
    graph: &Graph,
    own_code: &OwnCode,
    alike: &[TaskIndex],
    line: &mut Line,
) -> bool {
    let Some(task) = alike.first().and_then(|&task| graph.task(task)) else {
        return false;
    };
    if task.cancelling {
        line.push(Span::Ready, "cancelling");
        if task.state != TaskState::Waiting || is_told_until(task) {
            line.push(Span::Text, ", ");
        }
    }
    match task.state {
        TaskState::Running => line.push(Span::Running, "running"),
        TaskState::Ready => line.push(Span::Ready, "ready"),
        TaskState::Waiting => wait::push_wait(graph, own_code, alike, Phrase::Verb, line),
    }
    does_something(task)
}

/// Whether there is anything for [`push_doing`] to add.
pub(super) fn does_something(task: &Task) -> bool {
    task.cancelling || is_told_until(task) || task.state != TaskState::Waiting
}

/// Whether it is told what the task waits for, or for how long.
pub(super) fn is_told_until(task: &Task) -> bool {
    task.waits_for.is_some() || task.deadline.is_some()
}
