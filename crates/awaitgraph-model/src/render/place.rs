//! The parts of a task's line that several renderers share: where it is, and
//! what it waits for.

use crate::graph::{Frame, Graph, Task, TaskState};
use crate::render::line::{Line, Span};

/// A task that many others hold up names no more of them than this.
const NAMES_SHOWN: usize = 3;

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

/// Adds the name of a task. One without a name is shown as Python shows an
/// empty string.
pub(super) fn push_name(task: &Task, line: &mut Line) {
    let name = if task.name.is_empty() {
        "''"
    } else {
        &task.name
    };
    line.push_untrusted(Span::Name, name);
}

/// Whether there is anything for [`push_wait`] to add.
pub(super) fn has_wait(task: &Task) -> bool {
    task.waits_for.is_some() || task.state != TaskState::Waiting
}

/// Adds what the task waits for, or that it does not wait.
pub(super) fn push_wait(graph: &Graph, task: &Task, line: &mut Line) {
    match (&task.waits_for, task.state) {
        (None, TaskState::Running) => line.push(Span::Running, "running"),
        (None, TaskState::Ready) => line.push(Span::Ready, "ready"),
        (None, TaskState::Waiting) => {}
        (Some(waits_for), _) => {
            line.push(Span::Waits, "waits for ");
            line.push(Span::Waits, waits_for.what.kind());
            if let Some(id) = waits_for.id {
                line.push_format(Span::Waits, format_args!(" {id:#x}"));
            }
            let mut holders = waits_for
                .what
                .holders()
                .iter()
                .filter_map(|&h| graph.task(h));
            for (at, holder) in holders.by_ref().take(NAMES_SHOWN).enumerate() {
                line.push(Span::Waits, if at == 0 { " held by " } else { ", " });
                line.push_untrusted(Span::Waits, &holder.name);
            }
            match holders.count() {
                0 => {}
                more => line.push_format(Span::Waits, format_args!(" and {more} more")),
            }
        }
    }
}
