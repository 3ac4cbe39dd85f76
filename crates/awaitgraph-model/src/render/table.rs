//! The table of `ps PID`: one line per task.

use std::fmt::{self, Write};

use crate::graph::{Graph, TaskIndex, TaskState};
use crate::questions::{Links, OwnCode};
use crate::render::grid::{TableOptions, grid};
use crate::render::line::{Line, Span};
use crate::render::place;

/// Writes a heading and a line for each task; nothing where there is no task.
pub fn table<W: Write + ?Sized>(graph: &Graph, options: &TableOptions, out: &mut W) -> fmt::Result {
    let awaiters = Links::awaiters(graph);
    let own_code = OwnCode::new(graph);
    let rows = graph.task_indices().zip(&graph.tasks);
    grid(
        rows,
        &[
            ("ID", &|(_, task), line| {
                line.push_format(Span::Faint, format_args!("{:#x}", task.id));
            }),
            ("STATE", &|(_, task), line| {
                let span = match task.state {
                    TaskState::Running => Span::Running,
                    TaskState::Ready => Span::Ready,
                    TaskState::Waiting => Span::Text,
                };
                line.push(span, task.state.as_str());
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
            ("NAME", &|(_, task), line| place::push_name(task, line)),
            ("AWAITED BY", &|(index, _), line| {
                push_awaiters(graph, &awaiters, index, line);
            }),
            ("WHERE", &|(index, task), line| {
                let frame = own_code.innermost(&task.stack);
                if let Some(frame) = frame {
                    place::push_frame(graph, frame, line);
                }
                if task.waits_for.is_some() {
                    line.push(Span::Text, if frame.is_some() { "  " } else { "" });
                    place::push_doing(graph, &own_code, &[index], line);
                }
            }),
        ],
        options,
        out,
    )
}

/// Adds the name of the first awaiter and the number of the others.
fn push_awaiters(graph: &Graph, awaiters: &Links, task: TaskIndex, line: &mut Line) {
    let mut links = awaiters.of(task).iter();
    let Some(first) = links.next().and_then(|link| graph.task(link.task)) else {
        line.push(Span::Faint, "-");
        return;
    };
    place::push_name(first, line);
    match links.len() {
        0 => {}
        others => line.push_format(Span::Faint, format_args!(" +{others}")),
    }
}
