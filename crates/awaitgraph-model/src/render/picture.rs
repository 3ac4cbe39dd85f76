//! What the pictures of a graph have in common: what each node says, which
//! edges there are, and which of them are part of a deadlock.

use crate::map::{HashMap, HashSet};

use crate::graph::{Graph, TaskIndex, TaskState};
use crate::questions::{Because, Constructs, Outline, OwnCode};
use crate::render::line::Line;
use crate::render::wait::{self, Phrase};
use crate::render::{names, place};

/// An outline as it is drawn.
pub(super) struct Picture<'a> {
    outline: &'a Outline<'a>,
    own_code: OwnCode,
    /// The nodes of all deadlocks.
    deadlocked: HashSet<TaskIndex>,
    line: Line,
}

/// An arrow between two nodes.
pub(super) struct Edge {
    /// The node that waits.
    pub(super) from: TaskIndex,
    /// The node that it waits for.
    pub(super) to: TaskIndex,
    /// What stands at the arrow; escaped, and empty where nothing does.
    pub(super) label: String,
    /// Whether the one does not await the other, but what that holds.
    pub(super) is_indirect: bool,
    /// Whether it is part of a deadlock.
    pub(super) is_deadlocked: bool,
}

/// How a node is drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Look {
    Running,
    Ready,
    Waiting,
    Deadlocked,
}

impl<'a> Picture<'a> {
    pub(super) fn new(outline: &'a Outline<'a>) -> Self {
        let deadlocks = outline.deadlocks().iter();
        Self {
            outline,
            own_code: OwnCode::new(outline.graph()),
            deadlocked: deadlocks
                .flat_map(|deadlock| deadlock.tasks.iter().copied())
                .collect(),
            line: Line::default(),
        }
    }

    pub(super) fn look(&self, node: TaskIndex) -> Look {
        if self.deadlocked.contains(&node) {
            return Look::Deadlocked;
        }
        match self.outline.graph().task(node).map(|task| task.state) {
            Some(TaskState::Running) => Look::Running,
            Some(TaskState::Ready) => Look::Ready,
            Some(TaskState::Waiting) | None => Look::Waiting,
        }
    }

    /// The lines of a node: its name, where it is, what it waits for; escaped
    /// for a terminal, but not for the language of the picture.
    pub(super) fn lines(&mut self, node: TaskIndex) -> Vec<String> {
        let graph = self.outline.graph();
        let alike = self.outline.alike(node);
        names::push_alike(graph, alike, &mut self.line);
        let mut lines = vec![self.line.take_text()];
        let stack = graph.task(node).map(|task| task.stack.as_slice());
        if let Some(frame) = self.own_code.innermost(stack.unwrap_or_default()) {
            place::push_frame(graph, frame, &mut self.line);
            lines.push(self.line.take_text());
        }
        wait::push_wait(graph, &self.own_code, alike, Phrase::Verb, &mut self.line);
        lines.push(self.line.take_text());
        lines.retain(|line| !line.is_empty());
        lines
    }

    /// All arrows, those of each node together.
    pub(super) fn edges(&mut self) -> Vec<Edge> {
        let outline = self.outline;
        // Each task is in one step at most.
        let (mut direct, mut indirect) = (HashMap::default(), HashMap::default());
        for step in outline.deadlocks().iter().flat_map(|it| &it.steps) {
            match step.because {
                Because::Awaits(_) => direct.insert(step.task, step.next),
                Because::Holds | Because::AtQueue => indirect.insert(step.task, step.next),
            };
        }
        let mut edges = Vec::new();
        let mut seen = HashSet::default();
        for &from in outline.nodes() {
            seen.clear();
            for link in outline.children().of(from) {
                edges.push(Edge {
                    from,
                    to: link.task,
                    label: label(link.constructs),
                    is_indirect: false,
                    is_deadlocked: direct.get(&from) == Some(&link.task),
                });
            }
            let next = indirect.get(&from).copied();
            let members = outline.alike(from).iter();
            let holders = members.flat_map(|&task| holders(outline.graph(), task));
            for holder in next.into_iter().chain(holders.copied()) {
                let to = outline.node_of(holder);
                if outline.shows(holder) && seen.insert(to) {
                    edges.push(Edge {
                        from,
                        to,
                        label: self.held(from),
                        is_indirect: true,
                        is_deadlocked: next == Some(to),
                    });
                }
            }
        }
        edges
    }

    /// `lock Pool.lock`
    fn held(&mut self, node: TaskIndex) -> String {
        let graph = self.outline.graph();
        if let Some(waits_for) = graph.task(node).and_then(|task| task.waits_for.as_ref()) {
            wait::push_kind_and_name(waits_for, &mut self.line);
        }
        self.line.take_text()
    }
}

/// The first few of the tasks that hold what a task waits for.
fn holders(graph: &Graph, task: TaskIndex) -> &[TaskIndex] {
    let task = graph.task(task);
    let Some(waits_for) = task.and_then(|task| task.waits_for.as_ref()) else {
        return &[];
    };
    let holders = waits_for.what.holders();
    holders.get(..place::NAMES_SHOWN).unwrap_or(holders)
}

fn label(constructs: Constructs) -> String {
    if constructs.is_plain_await() {
        String::new()
    } else {
        constructs.to_string()
    }
}
