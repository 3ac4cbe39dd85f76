//! Who awaits whom, each pair of tasks once.
//!
//! A [`Task`](crate::Task) lists its awaiters by construct, so that one task may
//! stand there several times, and the other direction is not stored at all.
//! [`Links`] holds one direction for the whole graph in two flat lists:
//!
//! ```text
//!   starts  0  2  2  3          task 0 has links[0..2], task 1 none, task 2 links[2..3]
//!   links   1  2  0
//! ```

use std::fmt;

use crate::graph::{Graph, How, TaskIndex};

/// For each task the tasks that it is joined to, in one direction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Links {
    starts: Vec<usize>,
    links: Vec<Link>,
}

/// One end of a link between two tasks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Link {
    /// The other task.
    pub task: TaskIndex,
    /// The constructs that join the two.
    pub constructs: Constructs,
}

impl Links {
    /// For each task the tasks that await it, in the order of
    /// [`Task::awaited_by`](crate::Task::awaited_by).
    pub fn awaiters(graph: &Graph) -> Self {
        Self::merged(graph.tasks.len(), |task, add| {
            let task = graph.task(task).into_iter();
            for awaiter in task.flat_map(|task| &task.awaited_by) {
                add(awaiter.task, awaiter.how.into());
            }
        })
    }

    /// The links that `list` adds for each of `count` tasks, those of the same
    /// pair as one. What leads to no task is left out.
    pub(super) fn merged(
        count: usize,
        mut list: impl FnMut(TaskIndex, &mut dyn FnMut(TaskIndex, Constructs)),
    ) -> Self {
        let mut starts = Vec::with_capacity(count.saturating_add(1));
        let mut links: Vec<Link> = Vec::with_capacity(count);
        // Where in `links` a task was last written: at or past `start`, that is
        // for the task at hand.
        let mut written_at = vec![usize::MAX; count];
        for at in 0..count {
            let start = links.len();
            starts.push(start);
            list(TaskIndex::from_usize(at), &mut |task, constructs| {
                let Some(at) = written_at.get_mut(task.as_usize()) else {
                    return;
                };
                match links.get_mut(*at).filter(|_| *at >= start) {
                    Some(link) => link.constructs.extend(constructs),
                    None => {
                        *at = links.len();
                        links.push(Link { task, constructs });
                    }
                }
            });
        }
        starts.push(links.len());
        Self { starts, links }
    }

    /// For each task the tasks that it awaits, in the graph's order.
    pub fn children(graph: &Graph) -> Self {
        Self::awaiters(graph).reversed()
    }

    /// The links that `list` adds for each of `count` tasks. What leads to no
    /// task is left out.
    pub(super) fn collect(count: usize, mut list: impl FnMut(TaskIndex, &mut Vec<Link>)) -> Self {
        let mut starts = Vec::with_capacity(count.saturating_add(1));
        let mut links: Vec<Link> = Vec::with_capacity(count);
        let mut row = Vec::new();
        for at in 0..count {
            starts.push(links.len());
            list(TaskIndex::from_usize(at), &mut row);
            links.extend(row.drain(..).filter(|link| link.task.as_usize() < count));
        }
        starts.push(links.len());
        Self { starts, links }
    }

    /// The same links seen from the other end; what each task is joined to
    /// comes in the graph's order.
    #[allow(
        clippy::indexing_slicing,
        clippy::arithmetic_side_effects,
        reason = "all indices are of lists made here: `awaiters` lets no other in"
    )]
    pub fn reversed(&self) -> Self {
        let count = self.task_count();
        let mut starts = vec![0; count + 1];
        for link in &self.links {
            starts[link.task.as_usize() + 1] += 1;
        }
        for at in 1..=count {
            starts[at] += starts[at - 1];
        }
        let mut free = starts.clone();
        let mut links = self.links.clone();
        for at in 0..count {
            let task = TaskIndex::from_usize(at);
            for link in self.of(task) {
                let slot = &mut free[link.task.as_usize()];
                links[*slot] = Link { task, ..*link };
                *slot += 1;
            }
        }
        Self { starts, links }
    }

    /// The links of one task; none where the index is of another graph.
    pub fn of(&self, task: TaskIndex) -> &[Link] {
        let at = task.as_usize();
        let start = self.starts.get(at).copied().unwrap_or_default();
        let end = self.starts.get(at.saturating_add(1)).copied();
        self.links
            .get(start..end.unwrap_or(start))
            .unwrap_or_default()
    }

    /// How many tasks there are, joined or not.
    pub fn task_count(&self) -> usize {
        self.starts.len().saturating_sub(1)
    }
}

/// A set of [`How`]: one task may await another by several constructs at once.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Constructs(u16);

impl Constructs {
    const ALL: [How; 9] = [
        How::Await,
        How::Gather,
        How::Shield,
        How::Wait,
        How::WaitFor,
        How::AsCompleted,
        How::TaskGroup,
        How::Callback,
        How::Recorded,
    ];

    /// Adds one construct.
    pub fn insert(&mut self, how: How) {
        self.0 |= 1 << how as u16;
    }

    /// Adds those of another set.
    pub(super) fn extend(&mut self, others: Self) {
        self.0 |= others.0;
    }

    /// The set as a number.
    pub(super) fn bits(self) -> u16 {
        self.0
    }

    /// Whether the construct is among them.
    pub fn contains(self, how: How) -> bool {
        self.0 & (1 << how as u16) != 0
    }

    /// The constructs, always in the same order.
    pub fn iter(self) -> impl Iterator<Item = How> {
        Self::ALL.into_iter().filter(move |&how| self.contains(how))
    }

    /// Whether there is nothing to say about it: a plain `await` and no more.
    pub fn is_plain_await(self) -> bool {
        self == Self::from(How::Await)
    }
}

impl fmt::Display for Constructs {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, how) in self.iter().enumerate() {
            out.write_str(if at == 0 { "" } else { ", " })?;
            out.write_str(how.as_str())?;
        }
        Ok(())
    }
}

impl From<How> for Constructs {
    fn from(how: How) -> Self {
        let mut constructs = Self::default();
        constructs.insert(how);
        constructs
    }
}
