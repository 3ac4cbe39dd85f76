//! The graph in the language of Graphviz, an arrow from each task to those
//! that it awaits.

use std::fmt::{self, Write};

use crate::graph::{Graph, TaskState};
use crate::questions::{Links, OwnCode};
use crate::render::escape::{is_shown, write_escape, write_with};

/// Writes the graph for `dot`.
pub fn dot<W: Write + ?Sized>(graph: &Graph, out: &mut W) -> fmt::Result {
    let own_code = OwnCode::new(graph);
    out.write_str("digraph awaitgraph {\n")?;
    out.write_str("    node [shape=box, fontname=\"monospace\"];\n")?;
    for (at, task) in graph.tasks.iter().enumerate() {
        write!(out, "    t{at} [label=\"")?;
        write_label(&task.name, out)?;
        let place = own_code.innermost(&task.stack);
        if let Some((code, frame)) = place.and_then(|frame| Some((graph.code(frame)?, frame))) {
            out.write_str("\\n")?;
            write_label(&code.function, out)?;
            out.write_char(' ')?;
            write_label(&code.file, out)?;
            if let Some(line) = frame.line {
                write!(out, ":{line}")?;
            }
        }
        out.write_char('"')?;
        match task.state {
            TaskState::Running => out.write_str(", style=bold, color=\"darkgreen\"")?,
            TaskState::Ready => out.write_str(", color=\"darkorange\"")?,
            TaskState::Waiting => {}
        }
        out.write_str("];\n")?;
    }
    let children = Links::children(graph);
    for task in graph.task_indices() {
        for link in children.of(task) {
            write!(out, "    t{} -> t{}", task.as_usize(), link.task.as_usize())?;
            if !link.constructs.is_plain_await() {
                write!(out, " [label=\"{}\"]", link.constructs)?;
            }
            out.write_str(";\n")?;
        }
    }
    out.write_str("}\n")
}

/// Writes text from the target into a quoted string, where a backslash is
/// doubled lest it begin an escape of Graphviz.
fn write_label<W: Write + ?Sized>(text: &str, out: &mut W) -> fmt::Result {
    write_with(
        text,
        out,
        |c| c != '"' && c != '\\' && is_shown(c),
        |c, out| {
            out.write_char('\\')?;
            match c {
                '"' | '\\' => out.write_char(c),
                _ => write_escape(c, out),
            }
        },
    )
}
