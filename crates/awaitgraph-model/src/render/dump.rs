//! `dump`: every task in the words of `asyncio.print_call_graph`, with what
//! that does not tell: deadlocks, what is waited for, how many tasks are alike.

use std::fmt::{self, Write};

use crate::graph::{Code, Frame, Graph, TaskIndex};
use crate::questions::{Outline, OwnCode};
use crate::render::call_graph::{CallGraph, CallGraphWriter, FrameWords, Node, Text};
use crate::render::findings::{self, FindingsOptions};
use crate::render::line::Line;
use crate::render::wait::{self, Phrase};

/// Which frames of each task a dump shows.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum DumpFrames {
    /// All but those of asyncio itself; of a task that has no others the
    /// outermost.
    #[default]
    Folded,
    /// All of them.
    All,
}

/// Writes the deadlocks and then every task that is shown: first those that
/// await no other, each with its awaiters below, then those that had no place
/// below them.
pub fn dump<W: Write>(outline: &Outline<'_>, frames: DumpFrames, out: &mut W) -> fmt::Result {
    let graph = outline.graph();
    let own_code = OwnCode::new(graph);
    let options = FindingsOptions::default();
    findings::deadlocks(graph, &own_code, outline.deadlocks(), &options, out)?;
    let tasks = Tasks {
        outline,
        graph,
        words: graph.codes.iter().map(words_of).collect(),
        own_code,
        frames,
    };
    let mut writer = CallGraphWriter::new(&tasks);
    let (waiting, leaves): (Vec<TaskIndex>, Vec<TaskIndex>) = outline
        .nodes()
        .iter()
        .partition(|&&task| !outline.children().of(task).is_empty());
    let mut is_first = true;
    for task in leaves.into_iter().chain(waiting) {
        let task = task.as_usize();
        if writer.is_written(task) {
            continue;
        }
        if !is_first {
            out.write_char('\n')?;
        }
        is_first = false;
        writer.write_from(task, out)?;
    }
    Ok(())
}

/// The tasks of an outline as nodes.
struct Tasks<'a> {
    outline: &'a Outline<'a>,
    graph: &'a Graph,
    /// For each code of the graph.
    words: Vec<FrameWords>,
    own_code: OwnCode,
    frames: DumpFrames,
}

fn words_of(code: &Code) -> FrameWords {
    FrameWords::new(Text::Plain(&code.file), &code.function, code.kind)
}

impl Tasks<'_> {
    fn shown_frames(&self, stack: &[Frame]) -> impl Iterator<Item = Frame> {
        let folds = self.frames == DumpFrames::Folded
            && stack.iter().any(|frame| !self.own_code.is_asyncio(frame));
        let only_outermost = self.frames == DumpFrames::Folded && !folds;
        let first = if only_outermost {
            stack.len().saturating_sub(1)
        } else {
            0
        };
        let frames = stack.get(first..).unwrap_or_default();
        frames
            .iter()
            .copied()
            .filter(move |frame| !folds || !self.own_code.is_asyncio(frame))
    }
}

impl CallGraph for Tasks<'_> {
    fn node_count(&self) -> usize {
        self.graph.tasks.len()
    }

    fn node(&self, node: usize) -> Node<'_> {
        let alike = self.outline.alike(TaskIndex::from_usize(node));
        let tasks = || alike.iter().filter_map(|&task| self.graph.task(task));
        match (tasks().next(), tasks().next_back()) {
            (Some(first), Some(last)) if alike.len() > 1 => Node::Tasks {
                first: (Text::Plain(&first.name), first.id),
                last: (Text::Plain(&last.name), last.id),
                count: alike.len(),
            },
            (Some(task), _) => Node::Task {
                name: Text::Plain(&task.name),
                id: task.id,
            },
            (None, _) => Node::Future { id: 0 },
        }
    }

    fn frames(&self, node: usize) -> impl Iterator<Item = (&FrameWords, Option<u32>)> {
        let task = self.graph.tasks.get(node);
        let stack = task.map(|task| task.stack.as_slice()).unwrap_or_default();
        self.shown_frames(stack).filter_map(|frame| {
            let words = self.words.get(frame.code.as_usize())?;
            Some((words, frame.line))
        })
    }

    fn waits_for(&self, node: usize) -> Option<String> {
        let alike = self.outline.alike(TaskIndex::from_usize(node));
        let mut line = Line::default();
        wait::push_wait(self.graph, &self.own_code, alike, Phrase::Noun, &mut line);
        Some(line.take_text()).filter(|words| !words.is_empty())
    }

    fn awaiter(&self, node: usize, position: usize) -> Option<usize> {
        let links = self.outline.awaiters().of(TaskIndex::from_usize(node));
        links.get(position).map(|link| link.task.as_usize())
    }
}
