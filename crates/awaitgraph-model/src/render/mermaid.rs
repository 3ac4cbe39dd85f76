//! The graph as a Mermaid flowchart, which code hosts draw inside Markdown: an
//! arrow from each task to those that it awaits.

use std::fmt::{self, Write};

use crate::graph::Graph;
use crate::questions::{Links, OwnCode};
use crate::render::escape::{is_shown, write_escape, write_with};

/// Writes the graph as a flowchart.
pub fn mermaid<W: Write + ?Sized>(graph: &Graph, out: &mut W) -> fmt::Result {
    let own_code = OwnCode::new(graph);
    out.write_str("flowchart TD\n")?;
    for (at, task) in graph.tasks.iter().enumerate() {
        write!(out, "    t{at}[\"")?;
        write_label(&task.name, out)?;
        let place = own_code.innermost(&task.stack);
        if let Some((code, frame)) = place.and_then(|frame| Some((graph.code(frame)?, frame))) {
            out.write_str("<br/>")?;
            write_label(&code.function, out)?;
            out.write_char(' ')?;
            write_label(&code.file, out)?;
            if let Some(line) = frame.line {
                write!(out, ":{line}")?;
            }
        }
        out.write_str("\"]\n")?;
    }
    let children = Links::children(graph);
    for task in graph.task_indices() {
        for link in children.of(task) {
            write!(out, "    t{} -->", task.as_usize())?;
            if !link.constructs.is_plain_await() {
                write!(out, "|\"{}\"|", link.constructs)?;
            }
            writeln!(out, " t{}", link.task.as_usize())?;
        }
    }
    Ok(())
}

/// Writes text from the target into a label, where quotes, HTML and Markdown
/// have a meaning: whatever could have one becomes a character reference in
/// Mermaid's notation.
fn write_label<W: Write + ?Sized>(text: &str, out: &mut W) -> fmt::Result {
    write_with(
        text,
        out,
        |c| {
            is_shown(c)
                && !matches!(
                    c,
                    '"' | '#' | '&' | ';' | '<' | '>' | '\\' | '`' | '*' | '~' | '[' | ']'
                )
        },
        |c, out| {
            if is_shown(c) {
                return write!(out, "#{};", u32::from(c));
            }
            let mut escape = String::new();
            write_escape(c, &mut escape)?;
            // The escape begins with a backslash.
            out.write_str(&escape.replace('\\', "#92;"))
        },
    )
}
