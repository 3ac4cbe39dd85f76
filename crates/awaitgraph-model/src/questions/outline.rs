//! What is shown of a graph: which tasks, and which of them as one.
//!
//! A group of alike tasks is stood for by its first one, so that whoever draws
//! an outline walks over tasks and links as over those of the graph itself.

use crate::graph::{Graph, TaskIndex};
use crate::questions::groups::first_alike;
use crate::questions::{Deadlock, Links, Mask, deadlocks};

/// Whether alike tasks are shown as one.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Grouping {
    /// Tasks that are alike are one.
    #[default]
    Alike,
    /// Each task is shown.
    None,
}

/// What is shown of a graph.
#[derive(Debug, Clone)]
pub struct Outline<'a> {
    graph: &'a Graph,
    shown: Mask,
    /// The tasks that stand for themselves and those like them.
    nodes: Vec<TaskIndex>,
    /// For each task the one that stands for it.
    node_of: Vec<TaskIndex>,
    /// Where in `members` those of each task begin that stands for any.
    starts: Vec<usize>,
    members: Vec<TaskIndex>,
    children: Links,
    awaiters: Links,
    /// The same with those that are not shown; `None` where all are.
    all_awaiters: Option<Links>,
    deadlocks: Vec<Deadlock>,
}

impl<'a> Outline<'a> {
    /// All of `graph`, each task by itself.
    pub fn whole(graph: &'a Graph) -> Self {
        Self::new(graph, Mask::all(graph), Grouping::None)
    }

    /// The tasks of `graph` that are `shown`.
    pub fn new(graph: &'a Graph, shown: Mask, grouping: Grouping) -> Self {
        let mut awaiters = Links::awaiters(graph);
        let mut children = awaiters.reversed();
        let deadlocks = deadlocks(graph, &children);
        let count = graph.tasks.len();
        let mut all_awaiters = None;
        if !shown.is_all() {
            let of_shown = Links::collect(count, |task, links| {
                if shown.contains(task) {
                    let awaiters = awaiters.of(task).iter();
                    links.extend(awaiters.filter(|link| shown.contains(link.task)));
                }
            });
            children = of_shown.reversed();
            all_awaiters = Some(std::mem::replace(&mut awaiters, of_shown));
        }
        let node_of = match grouping {
            Grouping::None => graph.task_indices().collect(),
            Grouping::Alike => {
                let mut alone = vec![false; count];
                for task in deadlocks.iter().flat_map(|deadlock| &deadlock.tasks) {
                    if let Some(alone) = alone.get_mut(task.as_usize()) {
                        *alone = true;
                    }
                }
                // What is not shown must not stand for what is.
                first_alike(graph, &children, &awaiters, |task| {
                    !shown.contains(task) || alone.get(task.as_usize()) == Some(&true)
                })
            }
        };
        let mut outline = Self {
            graph,
            shown,
            nodes: Vec::new(),
            node_of,
            starts: Vec::new(),
            members: Vec::new(),
            children,
            awaiters,
            all_awaiters,
            deadlocks,
        };
        outline.gather();
        if outline.nodes.len() < outline.members.len() {
            outline.join_links();
        }
        outline
    }

    /// Fills `nodes`, `starts` and `members` from `node_of`.
    #[allow(
        clippy::indexing_slicing,
        clippy::arithmetic_side_effects,
        reason = "all indices are of lists made here, as long as the graph's"
    )]
    fn gather(&mut self) {
        let count = self.node_of.len();
        let mut starts = vec![0; count + 1];
        for task in self.graph.task_indices() {
            if self.shown.contains(task) {
                starts[self.node_of[task.as_usize()].as_usize() + 1] += 1;
            }
        }
        for at in 1..=count {
            if starts[at] > 0 {
                self.nodes.push(TaskIndex::from_usize(at - 1));
            }
            starts[at] += starts[at - 1];
        }
        let mut free = starts.clone();
        self.members = vec![TaskIndex::from_usize(0); starts[count]];
        for task in self.graph.task_indices() {
            if self.shown.contains(task) {
                let slot = &mut free[self.node_of[task.as_usize()].as_usize()];
                self.members[*slot] = task;
                *slot += 1;
            }
        }
        self.starts = starts;
    }

    /// Makes links between tasks those between the ones that stand for them.
    fn join_links(&mut self) {
        self.awaiters = self.joined(&self.awaiters);
        self.children = self.awaiters.reversed();
        self.all_awaiters = self.all_awaiters.as_ref().map(|links| self.joined(links));
    }

    fn joined(&self, links: &Links) -> Links {
        Links::merged(self.graph.tasks.len(), |node, add| {
            for &member in self.alike(node) {
                for link in links.of(member) {
                    add(self.node_of(link.task), link.constructs);
                }
            }
        })
    }

    /// The graph that it is of.
    pub fn graph(&self) -> &'a Graph {
        self.graph
    }

    /// The tasks that stand for themselves and those like them, in the graph's
    /// order. All links of the outline are between these.
    pub fn nodes(&self) -> &[TaskIndex] {
        &self.nodes
    }

    /// Whether the task is shown, by itself or by one like it.
    pub fn shows(&self, task: TaskIndex) -> bool {
        self.shown.contains(task)
    }

    /// How many tasks are shown.
    pub fn task_count(&self) -> usize {
        self.members.len()
    }

    /// The task that stands for `task`.
    pub fn node_of(&self, task: TaskIndex) -> TaskIndex {
        self.node_of.get(task.as_usize()).copied().unwrap_or(task)
    }

    /// The tasks that `node` stands for, itself first, in the graph's order.
    pub fn alike(&self, node: TaskIndex) -> &[TaskIndex] {
        let at = node.as_usize();
        let start = self.starts.get(at).copied().unwrap_or_default();
        let end = self.starts.get(at.saturating_add(1)).copied();
        self.members
            .get(start..end.unwrap_or(start))
            .unwrap_or_default()
    }

    /// The nodes that each node awaits.
    pub fn children(&self) -> &Links {
        &self.children
    }

    /// The nodes that await each node.
    pub fn awaiters(&self) -> &Links {
        &self.awaiters
    }

    /// The nodes that await each node, and the tasks that do and are not shown.
    pub fn all_awaiters(&self) -> &Links {
        self.all_awaiters.as_ref().unwrap_or(&self.awaiters)
    }

    /// The deadlocks of the whole graph. Their tasks stand for themselves, if
    /// they are shown.
    pub fn deadlocks(&self) -> &[Deadlock] {
        &self.deadlocks
    }
}
