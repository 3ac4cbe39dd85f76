//! The call graph in the words of CPython 3.14's `asyncio.print_call_graph`:
//! each task with its stack, and below it the tasks that await it.
//!
//! ```text
//! * Task(name='leaf', id=0x7f01)
//!   + Call stack:
//!   |   File '/app/x.py', line 3, in async leaf()
//!   + Awaited by:
//!     * Task(name='main', id=0x7f02)
//!       + Call stack:
//!       |   File '/app/x.py', line 9, in async main()
//! ```
//!
//! The format is that of `format_call_graph` in CPython's Lib/asyncio/graph.py
//! (3.14, 3.15), byte for byte, as long as no node stands at two places. Where
//! one does, CPython writes it again with all that is above it, which takes
//! exponential time, or without end in a cycle. Here it is written whole once,
//! and marked `(*)` or `(cycle)` elsewhere.
//!
//! What a task waits for where that is no task has a line of its own, which
//! CPython does not write: `+ Waits for: lock Pool.lock (0x7f0a) held by main`.
//!
//! The nodes are whatever implements [`CallGraph`]: the tasks of a graph
//! (`dump`), or Python objects with plain futures among them.

use std::fmt::{self, Write};

use crate::graph::FrameKind;
use crate::render::escape::{write_escaped, write_repr};

/// What [`CallGraphWriter`] writes: nodes numbered from 0.
pub trait CallGraph {
    /// How many nodes there are.
    fn node_count(&self) -> usize;

    /// The headline of a node.
    fn node(&self, node: usize) -> Node<'_>;

    /// The frames of a node, in the order in which they are to be written
    /// (innermost first), each with the line that it is at, if any.
    fn frames(&self, node: usize) -> impl Iterator<Item = (&FrameWords, Option<u32>)>;

    /// What a node waits for, in words, where it is no node and has words.
    fn waits_for(&self, _node: usize) -> Option<String> {
        None
    }

    /// The awaiter at `position` of a node's list of them; `None` past its end.
    fn awaiter(&self, node: usize, position: usize) -> Option<usize>;
}

/// The headline of a node.
#[derive(Debug, Clone, Copy)]
pub enum Node<'a> {
    /// A task.
    Task {
        /// Its name.
        name: Text<'a>,
        /// Its address.
        id: u64,
    },
    /// Several tasks that are alike.
    Tasks {
        /// The name and the address of the first.
        first: (Text<'a>, u64),
        /// The name and the address of the last.
        last: (Text<'a>, u64),
        /// How many they are.
        count: usize,
    },
    /// A future that is no task.
    Future {
        /// Its address.
        id: u64,
    },
}

/// A string that is shown as a Python literal.
#[derive(Debug, Clone, Copy)]
pub enum Text<'a> {
    /// The string itself.
    Plain(&'a str),
    /// The literal, made by Python: for a string that is no valid Unicode.
    Repr(&'a str),
    /// The literal as it is to be written.
    Ready(&'a str),
}

/// What the line of a frame says besides the number of the line: the same for
/// all frames of a function, and so made once for all.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FrameWords {
    before: String,
    after: String,
}

impl FrameWords {
    /// The words for a function: the path of its file, its qualified name and
    /// its kind.
    pub fn new(file: Text<'_>, function: &str, kind: FrameKind) -> Self {
        let mut words = Self {
            before: "  |   File ".to_owned(),
            after: ", in ".to_owned(),
        };
        // Writing into a String does not fail.
        let _ = write_text(file, &mut words.before);
        words.before.push_str(", line ");
        if kind != FrameKind::Sync {
            words.after.push_str(kind.as_str());
            words.after.push(' ');
        }
        let _ = write_escaped(function, &mut words.after);
        words.after.push_str("()\n");
        words
    }

    /// How many bytes they are.
    pub fn size(&self) -> usize {
        self.before.len().saturating_add(self.after.len())
    }

    fn write<W: Write>(&self, line: Option<u32>, out: &mut W) -> fmt::Result {
        out.write_str(&self.before)?;
        match line {
            Some(line) => write_digits(line.into(), 10, out)?,
            None => out.write_str("None")?,
        }
        out.write_str(&self.after)
    }
}

/// Writes nodes of one graph, each whole once.
pub struct CallGraphWriter<'a, G> {
    graph: &'a G,
    written: Vec<Written>,
    /// The nodes above the place at hand, each with the position of the
    /// awaiter that comes next.
    path: Vec<(usize, usize)>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Written {
    No,
    /// Above the place at hand: to write it again would never end.
    OnThePath,
    Yes,
}

impl<'a, G: CallGraph> CallGraphWriter<'a, G> {
    /// A writer that has written nothing yet.
    pub fn new(graph: &'a G) -> Self {
        Self {
            graph,
            written: vec![Written::No; graph.node_count()],
            path: Vec::new(),
        }
    }

    /// Whether the node has been written whole.
    pub fn is_written(&self, node: usize) -> bool {
        self.written.get(node) == Some(&Written::Yes)
    }

    /// Writes `start` and below it all that awaits it. Every line ends with a
    /// line feed, the last one too.
    pub fn write_from<W: Write>(&mut self, start: usize, out: &mut W) -> fmt::Result {
        self.write_node(start, out)?;
        while let Some((node, next)) = self.path.last_mut() {
            let node = *node;
            let awaiter = self.graph.awaiter(node, *next);
            *next = next.saturating_add(1);
            match awaiter {
                Some(awaiter) => self.write_node(awaiter, out)?,
                None => {
                    self.path.pop();
                    self.mark(node, Written::Yes);
                }
            }
        }
        Ok(())
    }

    fn write_node<W: Write>(&mut self, node: usize, out: &mut W) -> fmt::Result {
        let Some(&written) = self.written.get(node) else {
            return Ok(());
        };
        let indent = Indent::at(self.path.len());
        indent.write_labelled(out)?;
        match self.graph.node(node) {
            Node::Task { name, id } => write_task("* Task(name=", name, id, out)?,
            Node::Tasks { first, last, count } => {
                write_task("* Task(name=", first.0, first.1, out)?;
                write_task(" … Task(name=", last.0, last.1, out)?;
                write!(out, " ×{count}")?;
            }
            Node::Future { id } => {
                out.write_str("* Future(id=0x")?;
                write_digits(id, 16, out)?;
                out.write_char(')')?;
            }
        }
        match written {
            Written::Yes => return out.write_str(" (*)\n"),
            Written::OnThePath => return out.write_str(" (cycle)\n"),
            Written::No => out.write_char('\n')?,
        }
        let mut is_first = true;
        for (words, line) in self.graph.frames(node) {
            if is_first {
                indent.write(out)?;
                out.write_str("  + Call stack:\n")?;
            }
            is_first = false;
            indent.write(out)?;
            words.write(line, out)?;
        }
        if let Some(words) = self.graph.waits_for(node) {
            indent.write(out)?;
            out.write_str("  + Waits for: ")?;
            out.write_str(&words)?;
            out.write_char('\n')?;
        }
        if self.graph.awaiter(node, 0).is_some() {
            indent.write(out)?;
            out.write_str("  + Awaited by:\n")?;
        }
        self.mark(node, Written::OnThePath);
        self.path.push((node, 0));
        Ok(())
    }

    fn mark(&mut self, node: usize, written: Written) {
        if let Some(place) = self.written.get_mut(node) {
            *place = written;
        }
    }
}

fn write_task<W: Write>(before: &str, name: Text<'_>, id: u64, out: &mut W) -> fmt::Result {
    out.write_str(before)?;
    write_text(name, out)?;
    out.write_str(", id=0x")?;
    write_digits(id, 16, out)?;
    out.write_char(')')
}

fn write_text<W: Write>(text: Text<'_>, out: &mut W) -> fmt::Result {
    match text {
        Text::Plain(text) => write_repr(text, out),
        Text::Repr(literal) => write_escaped(literal, out),
        Text::Ready(literal) => out.write_str(literal),
    }
}

/// Writes a number. There are two in every three lines, and `write!` takes
/// longer for each than all else takes for the line.
fn write_digits<W: Write>(mut number: u64, base: u8, out: &mut W) -> fmt::Result {
    let mut digits = [0; 20];
    let mut length = 0;
    for place in digits.iter_mut().rev() {
        *place = match (number % u64::from(base)) as u8 {
            digit @ 0..=9 => b'0' + digit,
            digit => b'a' + (digit - 10),
        };
        number /= u64::from(base);
        length += 1;
        if number == 0 {
            break;
        }
    }
    let digits = digits.get(digits.len() - length..).unwrap_or_default();
    out.write_str(str::from_utf8(digits).unwrap_or_default())
}

/// The indentation of one node's lines: four columns a level, as CPython has
/// it, down to the depth at which CPython's recursion gives up. Past that it
/// starts anew every few levels, with the level in front of the node, so that
/// a chain of 100,000 tasks does not come out as gigabytes of spaces.
#[derive(Debug, Clone, Copy)]
struct Indent {
    /// The level at which the indentation began; 0 for CPython's own.
    origin: usize,
    columns: usize,
}

const DEEPEST_EXACT: usize = 1_000;
const LEVELS_PAST_IT: usize = 10;

impl Indent {
    fn at(level: usize) -> Self {
        let past = level.saturating_sub(DEEPEST_EXACT);
        let origin = match past.saturating_sub(1) / LEVELS_PAST_IT {
            _ if past == 0 => 0,
            windows => windows
                .saturating_mul(LEVELS_PAST_IT)
                .saturating_add(DEEPEST_EXACT),
        };
        Self {
            origin,
            columns: level.saturating_sub(origin).saturating_mul(4),
        }
    }

    /// Indents a node's first line.
    fn write_labelled<W: Write>(self, out: &mut W) -> fmt::Result {
        if self.origin > 0 {
            write!(out, "{}› ", self.origin)?;
        }
        self.write_spaces(out)
    }

    /// Indents the other lines.
    fn write<W: Write>(self, out: &mut W) -> fmt::Result {
        if let Some(digits) = self.origin.checked_ilog10() {
            // As wide as the label: its digits, the sign and the space.
            write_spaces((digits as usize).saturating_add(3), out)?;
        }
        self.write_spaces(out)
    }

    fn write_spaces<W: Write>(self, out: &mut W) -> fmt::Result {
        write_spaces(self.columns, out)
    }
}

fn write_spaces<W: Write>(count: usize, out: &mut W) -> fmt::Result {
    // Enough for any exact indentation at once: a text of a deep graph is
    // nearly all spaces.
    const SPACES: &str = match str::from_utf8(&[b' '; 4 * DEEPEST_EXACT]) {
        Ok(spaces) => spaces,
        Err(_) => " ",
    };
    let mut missing = count;
    while let Some(spaces) = SPACES.get(..missing.min(SPACES.len())) {
        if spaces.is_empty() {
            break;
        }
        out.write_str(spaces)?;
        missing = missing.saturating_sub(spaces.len());
    }
    Ok(())
}
