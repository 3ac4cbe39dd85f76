//! The table of `ps PID`: one line per task, or for several that are alike.

use std::fmt::{self, Write};

use crate::graph::{TaskIndex, TaskState};
use crate::questions::{Link, Outline, OwnCode};
use crate::render::grid::{TableOptions, grid};
use crate::render::line::{Line, Span};
use crate::render::wait::{self, Phrase};
use crate::render::{names, place};

/// Writes a heading and a line for each task; nothing where there is no task.
pub fn table<W: Write + ?Sized>(
    outline: &Outline<'_>,
    options: &TableOptions,
    out: &mut W,
) -> fmt::Result {
    let graph = outline.graph();
    let own_code = OwnCode::new(graph);
    let rows = outline
        .nodes()
        .iter()
        .filter_map(|&index| Some((index, graph.task(index)?)));
    grid(
        rows,
        &[
            ("ID", &|(index, task), line| {
                line.push_format(Span::Faint, format_args!("{:#x}", task.id));
                if outline.alike(index).len() > 1 {
                    line.push(Span::Faint, " …");
                }
            }),
            ("STATE", &|(_, task), line| {
                let span = match task.state {
                    TaskState::Running => Span::Running,
                    TaskState::Ready => Span::Ready,
                    TaskState::Waiting => Span::Text,
                };
                line.push(span, task.state.as_str());
                if task.cancelling {
                    line.push(Span::Ready, ", cancelling");
                }
            }),
            ("THREAD", &|(_, task), line| {
                if task.interpreter != 0 {
                    line.push_format(Span::Text, format_args!("{}:", task.interpreter));
                }
                match task.thread {
                    Some(thread) => line.push_format(Span::Text, format_args!("{thread}")),
                    None => line.push(Span::Faint, "-"),
                }
            }),
            ("NAME", &|(index, _), line| {
                names::push_alike(graph, outline.alike(index), line);
            }),
            ("AWAITED BY", &|(index, _), line| {
                push_awaiters(outline, index, line);
            }),
            ("WHERE", &|(index, task), line| {
                let frame = own_code.innermost(&task.stack);
                if let Some(frame) = frame {
                    place::push_frame(graph, frame, line);
                }
                if place::is_told_until(task) && task.state == TaskState::Waiting {
                    line.push(Span::Text, if frame.is_some() { "  " } else { "" });
                    let alike = outline.alike(index);
                    wait::push_wait(graph, &own_code, alike, Phrase::Verb, line);
                }
            }),
        ],
        options,
        out,
    )
}

/// Adds the name of the first awaiter and the number of the others.
fn push_awaiters(outline: &Outline<'_>, node: TaskIndex, line: &mut Line) {
    let graph = outline.graph();
    let links = outline.all_awaiters().of(node);
    let Some(first) = links.first().and_then(|link| graph.task(link.task)) else {
        line.push(Span::Faint, "-");
        return;
    };
    place::push_name(first, line);
    let tasks = |link: &Link| outline.alike(link.task).len().max(1);
    match links.iter().map(tasks).sum::<usize>().saturating_sub(1) {
        0 => {}
        others => line.push_format(Span::Faint, format_args!(" +{others}")),
    }
}
