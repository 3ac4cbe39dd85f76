//! The tree of `pstree`: the task that waits above the tasks that it waits for.
//!
//! ```text
//! main  serve /app/service.py:42
//! ├── [gather] worker-1  work /app/service.py:17  waits for lock 0x7f0a held by worker-2
//! └── [gather] worker-2  work /app/service.py:19
//!     └── fetch  fetch /app/service.py:9
//! ```
//!
//! Tasks that are alike have one line, with their number. A graph is no tree: a task that stands at several places is shown whole at
//! the first and marked `(*)` after that, and a cycle is cut at `(cycle)`. So
//! there are as many lines as tasks and edges. The width of a line is bounded
//! too: past some depth the indentation starts anew and the line tells at which
//! level it does.

use std::fmt::{self, Write};

use crate::graph::{Graph, Task, TaskIndex};
use crate::questions::{Components, Constructs, Outline, OwnCode};
use crate::render::findings::{self, FindingsOptions};
use crate::render::line::{Color, Line, Span};
use crate::render::{names, place};

/// How to write a tree.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct TreeOptions {
    /// Which frames of each task are shown.
    pub frames: TreeFrames,
    /// Whether the text is coloured.
    pub color: Color,
    /// The columns to fit each line into; `None` leaves the lines whole.
    pub width: Option<usize>,
}

/// Which frames of each task a tree shows.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum TreeFrames {
    /// The innermost one of the user's own code, on the task's line.
    #[default]
    Own,
    /// All of them, below the task's line. The outermost comes first, so that
    /// the stack leads down into the tasks that it waits for.
    All,
}

/// Writes the deadlocks, and then the tree of all tasks that are shown.
///
/// Where they belong to several threads, the roots stand below a heading for
/// each thread.
pub fn tree<W: Write + ?Sized>(
    outline: &Outline<'_>,
    options: &TreeOptions,
    out: &mut W,
) -> fmt::Result {
    let graph = outline.graph();
    let mut roots = Components::new(outline.children()).roots();
    roots.retain(|&root| !outline.alike(root).is_empty());
    let groups = groups(graph, &roots);
    let own_code = OwnCode::new(graph);
    findings::deadlocks(
        graph,
        &own_code,
        outline.deadlocks(),
        &FindingsOptions {
            color: options.color,
            width: options.width,
        },
        out,
    )?;
    let mut tree = Tree {
        outline,
        graph,
        options: *options,
        own_code,
        shown: vec![Shown::No; graph.tasks.len()],
        path: Vec::new(),
        levels_in_a_line: levels_in_a_line(options.width),
        line: Line::default(),
        out,
    };
    let several = groups.len() > 1;
    for (at, group) in groups.iter().enumerate() {
        if several {
            if at > 0 {
                tree.out.write_char('\n')?;
            }
            tree.write_heading(group)?;
        }
        for &root in &group.roots {
            tree.write_root(root)?;
        }
    }
    Ok(())
}

/// The roots that belong to one thread.
struct Group {
    interpreter: i64,
    thread: Option<u64>,
    roots: Vec<TaskIndex>,
}

/// Groups the roots by thread; those of no known thread come last.
fn groups(graph: &Graph, roots: &[TaskIndex]) -> Vec<Group> {
    let mut keyed: Vec<_> = roots
        .iter()
        .filter_map(|&root| {
            let task = graph.task(root)?;
            Some((task.interpreter, task.thread, root))
        })
        .collect();
    // Stable: within a group the roots keep their order.
    keyed.sort_by_key(|&(interpreter, thread, _)| (interpreter, thread.is_none(), thread));
    let mut groups: Vec<Group> = Vec::new();
    for (interpreter, thread, root) in keyed {
        match groups.last_mut() {
            Some(group) if (group.interpreter, group.thread) == (interpreter, thread) => {
                group.roots.push(root);
            }
            _ => groups.push(Group {
                interpreter,
                thread,
                roots: vec![root],
            }),
        }
    }
    groups
}

/// Guides stop at this depth, or earlier where they would take more than half
/// of the line.
const DEEPEST_GUIDES: usize = 50;
const COLUMNS_OF_A_LEVEL: usize = 4;

fn levels_in_a_line(width: Option<usize>) -> usize {
    let half = width.map_or(usize::MAX, |width| width / (2 * COLUMNS_OF_A_LEVEL));
    half.clamp(4, DEEPEST_GUIDES)
}

/// Where a task stands already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Shown {
    No,
    /// Above the place at hand: to show it again would never end.
    OnThePath,
    Yes,
}

/// One task above the place at hand.
struct Step {
    task: TaskIndex,
    /// Which of its children comes next.
    next: usize,
    /// Whether it is the last child of the task above it.
    is_last: bool,
}

struct Tree<'a, W: ?Sized> {
    outline: &'a Outline<'a>,
    graph: &'a Graph,
    options: TreeOptions,
    own_code: OwnCode,
    shown: Vec<Shown>,
    path: Vec<Step>,
    levels_in_a_line: usize,
    line: Line,
    out: &'a mut W,
}

impl<W: Write + ?Sized> Tree<'_, W> {
    fn write_heading(&mut self, group: &Group) -> fmt::Result {
        if group.interpreter != 0 {
            self.line.push_format(
                Span::Heading,
                format_args!("interpreter {}, ", group.interpreter),
            );
        }
        match group.thread {
            Some(thread) => self
                .line
                .push_format(Span::Heading, format_args!("thread {thread}:")),
            None => self.line.push(Span::Heading, "no running loop:"),
        }
        self.finish_line()
    }

    fn write_root(&mut self, root: TaskIndex) -> fmt::Result {
        self.write_task(root, Constructs::default(), true)?;
        while let Some(step) = self.path.last_mut() {
            let children = self.outline.children().of(step.task);
            let child = children.get(step.next).copied();
            step.next = step.next.saturating_add(1);
            let is_last = step.next >= children.len();
            match child {
                Some(child) => self.write_task(child.task, child.constructs, is_last)?,
                None => {
                    let done = step.task;
                    self.path.pop();
                    self.mark(done, Shown::Yes);
                }
            }
        }
        Ok(())
    }

    /// Writes the line of a task below the path, and adds the task to the path
    /// if this is its first place.
    fn write_task(
        &mut self,
        index: TaskIndex,
        constructs: Constructs,
        is_last: bool,
    ) -> fmt::Result {
        let Some(task) = self.graph.task(index) else {
            return Ok(());
        };
        let shown = self.shown.get(index.as_usize()).copied();
        self.push_guides(self.path.len());
        if !self.path.is_empty() {
            self.line
                .push(Span::Faint, if is_last { "└── " } else { "├── " });
        }
        self.push_constructs(constructs);
        let alike = self.outline.alike(index);
        names::push_alike(self.graph, alike, &mut self.line);
        if self.options.frames == TreeFrames::Own
            && let Some(frame) = self.own_code.innermost(&task.stack)
        {
            self.line.push(Span::Text, "  ");
            place::push_frame(self.graph, frame, &mut self.line);
        }
        match shown {
            Some(Shown::OnThePath) => self.line.push(Span::Cycle, " (cycle)"),
            Some(Shown::Yes) | None => self.line.push(Span::Repeat, " (*)"),
            Some(Shown::No) if place::does_something(task) => {
                self.line.push(Span::Text, "  ");
                place::push_doing(self.graph, &self.own_code, alike, &mut self.line);
            }
            Some(Shown::No) => {}
        }
        self.finish_line()?;
        if shown == Some(Shown::No) {
            self.mark(index, Shown::OnThePath);
            self.path.push(Step {
                task: index,
                next: 0,
                is_last,
            });
            if self.options.frames == TreeFrames::All {
                self.write_frames(index, task)?;
            }
        }
        Ok(())
    }

    /// Writes all frames of the task at the end of the path.
    fn write_frames(&mut self, index: TaskIndex, task: &Task) -> fmt::Result {
        let leads_on = !self.outline.children().of(index).is_empty();
        let depth = self.path.len().saturating_sub(1);
        for frame in task.stack.iter().rev() {
            self.push_guides(depth);
            self.line
                .push(Span::Faint, if leads_on { "│   " } else { "    " });
            self.line.push(Span::Faint, "in ");
            place::push_frame(self.graph, frame, &mut self.line);
            self.finish_line()?;
        }
        Ok(())
    }

    /// Adds the guides that lead past the lines of a task at `depth` to later
    /// children of those above it. A root needs none.
    fn push_guides(&mut self, depth: usize) {
        // With 50 levels in a line, a task at depth 51 is the first to begin anew.
        let begun_anew = depth.saturating_sub(1) / self.levels_in_a_line;
        let left_out = begun_anew.saturating_mul(self.levels_in_a_line);
        if left_out > 0 {
            self.line
                .push_format(Span::Faint, format_args!("{left_out}› "));
        }
        for step in self.path.iter().skip(left_out.saturating_add(1)) {
            self.line
                .push(Span::Faint, if step.is_last { "    " } else { "│   " });
        }
    }

    fn push_constructs(&mut self, constructs: Constructs) {
        if constructs != Constructs::default() && !constructs.is_plain_await() {
            self.line
                .push_format(Span::Faint, format_args!("[{constructs}] "));
        }
    }

    fn mark(&mut self, task: TaskIndex, shown: Shown) {
        if let Some(place) = self.shown.get_mut(task.as_usize()) {
            *place = shown;
        }
    }

    fn finish_line(&mut self) -> fmt::Result {
        self.line
            .finish(self.options.color, self.options.width, &mut *self.out)
    }
}
