//! The graph in the language of Graphviz, an arrow from each task to those
//! that it awaits, and a dashed one to those that hold what it waits for.

use std::fmt::{self, Write};

use crate::questions::Outline;
use crate::render::picture::{Look, Picture};

/// Writes the outline for `dot`.
pub fn dot<W: Write + ?Sized>(outline: &Outline<'_>, out: &mut W) -> fmt::Result {
    let mut picture = Picture::new(outline);
    out.write_str("digraph awaitgraph {\n")?;
    out.write_str("    node [shape=box, fontname=\"monospace\"];\n")?;
    for &node in outline.nodes() {
        write!(out, "    t{} [label=\"", node.as_usize())?;
        for (at, line) in picture.lines(node).iter().enumerate() {
            out.write_str(if at == 0 { "" } else { "\\n" })?;
            write_label(line, out)?;
        }
        out.write_char('"')?;
        out.write_str(match picture.look(node) {
            Look::Running => ", style=bold, color=\"darkgreen\"",
            Look::Ready => ", color=\"darkorange\"",
            Look::Deadlocked => ", color=\"red\"",
            Look::Waiting => "",
        })?;
        out.write_str("];\n")?;
    }
    for edge in picture.edges() {
        let (from, to) = (edge.from.as_usize(), edge.to.as_usize());
        write!(out, "    t{from} -> t{to}")?;
        let mut separator = " [";
        if !edge.label.is_empty() {
            write!(out, "{separator}label=\"")?;
            write_label(&edge.label, out)?;
            out.write_char('"')?;
            separator = ", ";
        }
        for (is_so, attribute) in [
            (edge.is_indirect, "style=dashed"),
            (edge.is_deadlocked, "color=\"red\""),
        ] {
            if is_so {
                write!(out, "{separator}{attribute}")?;
                separator = ", ";
            }
        }
        out.write_str(if separator == ", " { "];\n" } else { ";\n" })?;
    }
    out.write_str("}\n")
}

/// Writes text into a quoted string, where a backslash is doubled lest it
/// begin an escape of Graphviz.
fn write_label<W: Write + ?Sized>(text: &str, out: &mut W) -> fmt::Result {
    for piece in text.split_inclusive(['"', '\\']) {
        match piece.strip_suffix(['"', '\\']) {
            None => out.write_str(piece)?,
            Some(before) => {
                out.write_str(before)?;
                out.write_char('\\')?;
                out.write_str(piece.get(before.len()..).unwrap_or_default())?;
            }
        }
    }
    Ok(())
}
