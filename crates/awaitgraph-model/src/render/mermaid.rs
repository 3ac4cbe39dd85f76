//! The graph as a Mermaid flowchart, which code hosts draw inside Markdown: an
//! arrow from each task to those that it awaits, and a dotted one to those that
//! hold what it waits for.

use std::fmt::{self, Write};

use crate::questions::Outline;
use crate::render::escape::write_with;
use crate::render::picture::{Look, Picture};

/// The looks that differ from the plain one, each with a class.
const CLASSES: [(Look, &str, &str); 3] = [
    (Look::Running, "running", "stroke:#1a7f37,stroke-width:3px"),
    (Look::Ready, "ready", "stroke:#bf8700,stroke-width:2px"),
    (
        Look::Deadlocked,
        "deadlocked",
        "stroke:#cf222e,stroke-width:3px",
    ),
];

/// Writes the outline as a flowchart.
pub fn mermaid<W: Write + ?Sized>(outline: &Outline<'_>, out: &mut W) -> fmt::Result {
    let mut picture = Picture::new(outline);
    out.write_str("flowchart TD\n")?;
    for &node in outline.nodes() {
        write!(out, "    t{}[\"", node.as_usize())?;
        for (at, line) in picture.lines(node).iter().enumerate() {
            out.write_str(if at == 0 { "" } else { "<br/>" })?;
            write_label(line, out)?;
        }
        out.write_str("\"]\n")?;
    }
    let edges = picture.edges();
    for edge in &edges {
        let arrow = if edge.is_indirect { "-.->" } else { "-->" };
        write!(out, "    t{} {arrow}", edge.from.as_usize())?;
        if !edge.label.is_empty() {
            out.write_str("|\"")?;
            write_label(&edge.label, out)?;
            out.write_str("\"|")?;
        }
        writeln!(out, " t{}", edge.to.as_usize())?;
    }
    for (look, class, style) in CLASSES {
        let nodes = outline.nodes().iter();
        let nodes = nodes.filter(|&&node| picture.look(node) == look);
        let nodes: Vec<String> = nodes.map(|node| format!("t{}", node.as_usize())).collect();
        if !nodes.is_empty() {
            writeln!(out, "    classDef {class} {style}")?;
            writeln!(out, "    class {} {class}", nodes.join(","))?;
        }
    }
    let red = edges.iter().enumerate().filter(|(_, it)| it.is_deadlocked);
    let red: Vec<String> = red.map(|(at, _)| at.to_string()).collect();
    if !red.is_empty() {
        writeln!(out, "    linkStyle {} stroke:#cf222e", red.join(","))?;
    }
    Ok(())
}

/// Writes text into a label, where quotes, HTML and Markdown have a meaning:
/// whatever could have one becomes a character reference in Mermaid's notation.
fn write_label<W: Write + ?Sized>(text: &str, out: &mut W) -> fmt::Result {
    write_with(
        text,
        out,
        |c| {
            !matches!(
                c,
                '"' | '#' | '&' | ';' | '<' | '>' | '\\' | '`' | '*' | '~' | '[' | ']'
            )
        },
        |c, out| write!(out, "#{};", u32::from(c)),
    )
}
