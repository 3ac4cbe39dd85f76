//! Tasks that wait for each other in a circle, over tasks awaited and locks held.
//!
//! ```text
//!   main ──awaits──> transfer-1 ──lock B, held by──> transfer-2 ──lock A, held by──┐
//!                        ^                                                         │
//!                        └─────────────────────────────────────────────────────────┘
//! ```
//!
//! A circle alone is no deadlock: a task that waits for a semaphore goes on when
//! any of its holders does. So first it is found which tasks can go on at all,
//! beginning with those that run or wait for something outside, like a sleep or
//! the end of a timeout; what that never reaches is stuck, and the circles among
//! the stuck are the deadlocks. Where it is not known what a task waits for it can go on: what is
//! said here is to be so.

use std::collections::VecDeque;

use crate::graph::{Frame, Graph, How, Task, TaskIndex, TaskState};
use crate::questions::links::Link;
use crate::questions::{Components, Constructs, Links};
use crate::waits::{PrimitiveKind, QueueEnd, Wait};

/// Tasks that wait for each other, so that none of them can go on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Deadlock {
    /// All tasks that are in it, in the graph's order.
    pub tasks: Vec<TaskIndex>,
    /// The shortest circle from the first of them back to itself.
    pub steps: Vec<Step>,
    /// The tasks that are not in it and wait for it, in the graph's order. A
    /// task that waits for two deadlocks stands behind the first.
    pub behind: Vec<TaskIndex>,
}

/// One step of the circle.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Step {
    /// The task that waits.
    pub task: TaskIndex,
    /// The task that would have to go on first.
    pub next: TaskIndex,
    /// What it has to do with it.
    pub because: Because,
}

/// Why a task waits for another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Because {
    /// It awaits it.
    Awaits(Constructs),
    /// The other holds the lock or semaphore that it waits for.
    Holds,
    /// The other stands at the other end of the queue that it waits for.
    AtQueue,
}

/// Finds the deadlocks, ordered by their first tasks. `children` are the tasks
/// that each task of `graph` awaits.
pub fn deadlocks(graph: &Graph, children: &Links) -> Vec<Deadlock> {
    let needs = Needs::new(graph, children);
    let stuck = needs.stuck(graph, &may_be_cancelled(graph, children));
    if !stuck.contains(&true) {
        return Vec::new();
    }
    let is_stuck = |task: TaskIndex| stuck.get(task.as_usize()) == Some(&true);
    let among_stuck = Links::collect(graph.tasks.len(), |task, links| {
        if is_stuck(task) {
            let stuck_ones = needs.links.of(task).iter();
            links.extend(stuck_ones.filter(|link| is_stuck(link.task)));
        }
    });
    let mut found: Vec<Deadlock> = Components::new(&among_stuck)
        .cycles()
        .into_iter()
        .map(|tasks| Deadlock {
            tasks,
            steps: Vec::new(),
            behind: Vec::new(),
        })
        .collect();
    let mut deadlock_of = vec![None; graph.tasks.len()];
    for (at, deadlock) in found.iter().enumerate() {
        for task in &deadlock.tasks {
            if let Some(place) = deadlock_of.get_mut(task.as_usize()) {
                *place = Some(at);
            }
        }
    }
    let mut circles = Circles::new(graph, &among_stuck, &deadlock_of);
    for (at, deadlock) in found.iter_mut().enumerate() {
        deadlock.steps = circles.shortest(at, deadlock);
    }
    queue_up_behind(&among_stuck, deadlock_of, &mut found);
    found
}

/// What each task needs in order to go on.
struct Needs {
    /// The tasks that would have to go on first; none where it is up to
    /// something else. Without a construct where one only holds something.
    links: Links,
    /// Whether any one of them is enough.
    any: Vec<bool>,
}

impl Needs {
    fn new(graph: &Graph, children: &Links) -> Self {
        let mut any = vec![false; graph.tasks.len()];
        let links = Links::collect(graph.tasks.len(), |index, links| {
            let Some(task) = graph.task(index) else {
                return;
            };
            let one_is_enough = match needs_of_wait(task) {
                Some(others) => {
                    links.extend(others.iter().map(|&task| Link {
                        task,
                        constructs: Constructs::default(),
                    }));
                    true
                }
                None => needs_of_awaits(graph, task, children.of(index), links),
            };
            if let Some(any) = any.get_mut(index.as_usize()) {
                *any = one_is_enough;
            }
        });
        Self { links, any }
    }

    /// Which tasks cannot go on, whatever happens outside of the graph; the
    /// `cancelled` can.
    fn stuck(&self, graph: &Graph, cancelled: &[TaskIndex]) -> Vec<bool> {
        let needed_by = self.links.reversed();
        let mut missing: Vec<usize> = Vec::with_capacity(graph.tasks.len());
        let mut stuck = vec![true; graph.tasks.len()];
        let mut open = cancelled.to_vec();
        for (index, task) in graph.task_indices().zip(&graph.tasks) {
            let needs = self.links.of(index).len();
            let any = self.any.get(index.as_usize()) == Some(&true);
            missing.push(if any { needs.min(1) } else { needs });
            if needs == 0 || task.state != TaskState::Waiting {
                open.push(index);
            }
        }
        while let Some(task) = open.pop() {
            match stuck.get_mut(task.as_usize()) {
                Some(stuck) if *stuck => *stuck = false,
                _ => continue,
            }
            for link in needed_by.of(task) {
                let Some(missing) = missing.get_mut(link.task.as_usize()) else {
                    continue;
                };
                *missing = missing.saturating_sub(1);
                if *missing == 0 {
                    open.push(link.task);
                }
            }
        }
        stuck
    }
}

/// The tasks that a time limit ends, and those that are cancelled with them.
fn may_be_cancelled(graph: &Graph, children: &Links) -> Vec<TaskIndex> {
    const WITH_IT: [How; 4] = [How::Await, How::Gather, How::WaitFor, How::TaskGroup];
    let limited = graph.task_indices().zip(&graph.tasks);
    let mut found: Vec<TaskIndex> = limited
        .filter(|(_, task)| task.limited)
        .map(|(index, _)| index)
        .collect();
    if found.is_empty() {
        return found;
    }
    let mut seen = vec![false; graph.tasks.len()];
    let mut open = std::mem::take(&mut found);
    while let Some(task) = open.pop() {
        match seen.get_mut(task.as_usize()) {
            Some(seen) if !*seen => *seen = true,
            _ => continue,
        }
        found.push(task);
        let children = children.of(task).iter();
        let with_it = |link: &&Link| WITH_IT.iter().any(|&how| link.constructs.contains(how));
        open.extend(children.filter(with_it).map(|link| link.task));
    }
    found
}

/// The tasks of which any one could end the wait of `task`; `None` where it
/// waits for nothing, or for a future that may be one of tasks awaited.
fn needs_of_wait(task: &Task) -> Option<&[TaskIndex]> {
    let waits_for = task.waits_for.as_ref()?;
    match &waits_for.what {
        Wait::Primitive(primitive) => {
            let holders = primitive.holders.as_slice();
            let taken = primitive.value;
            let all_on_record = match primitive.kind {
                PrimitiveKind::Lock => taken != Some(0),
                PrimitiveKind::Condition if primitive.entering => taken != Some(0),
                // What is left over is on its way to one that waits.
                PrimitiveKind::Semaphore => {
                    let slots = primitive.bound.unwrap_or_default();
                    taken.is_none_or(|left| left <= 0)
                        && !primitive.more_holders
                        && usize::try_from(slots).is_ok_and(|slots| slots <= holders.len())
                }
                // Who has the lock of a condition need not be who notifies.
                _ => false,
            };
            Some(if all_on_record { holders } else { &[] })
        }
        Wait::Queue(queue) => {
            // A pool that has lent all that it has, and knows to whom.
            if queue.end == QueueEnd::Get
                && queue.size == Some(0)
                && queue.bound == u64::try_from(queue.holders.len()).ok()
            {
                return Some(&queue.holders);
            }
            let nothing_to_do = match queue.end {
                // Whoever has the queue may put something into it, and most do
                // so on the way to something else: only who takes has a loop
                // for that.
                QueueEnd::Get => true,
                // Who takes says when it is done with it.
                QueueEnd::Join => queue.more_others,
                QueueEnd::Put => match (queue.size, queue.bound) {
                    (Some(size), Some(bound)) => size < bound || queue.more_others,
                    _ => true,
                },
            };
            Some(if nothing_to_do { &[] } else { &queue.others })
        }
        Wait::Pool(pool) => {
            let all_on_record = pool.lent.is_some_and(|lent| Some(lent) >= pool.bound)
                && pool.bound.is_some()
                && !pool.more_holders
                && !pool.by_others;
            Some(if all_on_record { &pool.holders } else { &[] })
        }
        Wait::Future(_) => None,
        _ => Some(&[]),
    }
}

/// Adds the children that `task` needs; whether any one of them is enough.
fn needs_of_awaits(graph: &Graph, task: &Task, children: &[Link], links: &mut Vec<Link>) -> bool {
    const ALL_NEEDED: [How; 4] = [How::Await, How::Gather, How::Shield, How::WaitFor];
    const ONE_MAY_DO: [How; 4] = [How::Wait, How::AsCompleted, How::Callback, How::Recorded];
    let with = |hows: &'static [How]| {
        move |link: &&Link| hows.iter().any(|&how| link.constructs.contains(how))
    };
    links.extend(children.iter().filter(with(&ALL_NEEDED)));
    if !links.is_empty() {
        return false;
    }
    if children.iter().any(|link| with(&[How::TaskGroup])(&link))
        && is_at_the_end_of_a_group(graph, &task.stack)
    {
        links.extend(children.iter().filter(with(&[How::TaskGroup])));
        return false;
    }
    links.extend(children.iter().filter(with(&ONE_MAY_DO)));
    true
}

/// Whether the task waits for those of its task group, which are its children
/// already while it is in the body. The innermost frames are then those of the
/// group, one of them its `__aexit__`.
fn is_at_the_end_of_a_group(graph: &Graph, stack: &[Frame]) -> bool {
    let mut codes = stack.iter().map_while(|frame| graph.code(frame)).peekable();
    let Some(innermost) = codes.peek().copied() else {
        return false;
    };
    codes
        .take_while(|code| code.file == innermost.file)
        .any(|code| code.function.rsplit('.').next() == Some("__aexit__"))
}

/// Finds the shortest circle of each deadlock.
struct Circles<'a> {
    graph: &'a Graph,
    links: &'a Links,
    deadlock_of: &'a [Option<usize>],
    /// By which link each task was first reached.
    reached_by: Vec<Option<Step>>,
}

impl<'a> Circles<'a> {
    fn new(graph: &'a Graph, links: &'a Links, deadlock_of: &'a [Option<usize>]) -> Self {
        Self {
            graph,
            links,
            deadlock_of,
            reached_by: vec![None; deadlock_of.len()],
        }
    }

    /// The shortest way from the first task of a deadlock back to itself.
    fn shortest(&mut self, at: usize, deadlock: &Deadlock) -> Vec<Step> {
        let Some(&first) = deadlock.tasks.first() else {
            return Vec::new();
        };
        let mut open = VecDeque::from([first]);
        'search: while let Some(task) = open.pop_front() {
            for link in self.links.of(task) {
                let next = link.task.as_usize();
                let is_within = self.deadlock_of.get(next) == Some(&Some(at));
                let Some(reached_by) = self.reached_by.get_mut(next) else {
                    continue;
                };
                if !is_within || reached_by.is_some() {
                    continue;
                }
                *reached_by = Some(Step {
                    task,
                    next: link.task,
                    because: because(self.graph.task(task), link.constructs),
                });
                if link.task == first {
                    break 'search;
                }
                open.push_back(link.task);
            }
        }
        let mut steps = Vec::new();
        let mut to = first;
        while let Some(Some(step)) = self.reached_by.get(to.as_usize()).copied() {
            steps.push(step);
            to = step.task;
            if to == first {
                break;
            }
        }
        steps.reverse();
        steps
    }
}

fn because(task: Option<&Task>, constructs: Constructs) -> Because {
    if constructs != Constructs::default() {
        return Because::Awaits(constructs);
    }
    match task
        .and_then(|task| task.waits_for.as_ref())
        .map(|it| &it.what)
    {
        Some(Wait::Queue(queue)) if queue.holders.is_empty() => Because::AtQueue,
        _ => Because::Holds,
    }
}

/// Puts each stuck task that is in no deadlock behind the first that it waits for.
fn queue_up_behind(links: &Links, deadlock_of: Vec<Option<usize>>, found: &mut [Deadlock]) {
    let needed_by = links.reversed();
    let mut behind_of = deadlock_of.clone();
    let mut open: VecDeque<(TaskIndex, usize)> = VecDeque::new();
    for (at, deadlock) in found.iter().enumerate() {
        open.extend(deadlock.tasks.iter().map(|&task| (task, at)));
    }
    while let Some((task, at)) = open.pop_front() {
        for link in needed_by.of(task) {
            if let Some(behind) = behind_of.get_mut(link.task.as_usize())
                && behind.is_none()
            {
                *behind = Some(at);
                open.push_back((link.task, at));
            }
        }
    }
    for (task, (behind, within)) in behind_of.iter().zip(&deadlock_of).enumerate() {
        if let (Some(at), None) = (behind, within)
            && let Some(deadlock) = found.get_mut(*at)
        {
            deadlock.behind.push(TaskIndex::from_usize(task));
        }
    }
}
