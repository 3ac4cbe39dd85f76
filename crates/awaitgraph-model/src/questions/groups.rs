//! Which tasks are alike, so that they need to be shown only once.
//!
//! Two tasks are alike that stand at the same place in the same state, wait for
//! the same kind of thing, have the same below them, and are awaited by the
//! same tasks, or by tasks that are alike themselves:
//!
//! ```text
//!   main ── worker-1 ── fetch-1              main ── worker-1, worker-2 ── fetch-1, fetch-2
//!      └─── worker-2 ── fetch-2      ──>        └─── worker-3
//!      └─── worker-3
//! ```
//!
//! What is below is compared from the leaves up, then who awaits from the roots
//! down, each task once. What is in a circle is like nothing else: groups never
//! close a circle that was none.

use crate::map::HashMap;
use std::hash::Hash;

use crate::graph::{Frame, Graph, Task, TaskIndex, TaskState};
use crate::questions::links::Link;
use crate::questions::{Components, Links};
use crate::waits::{Wait, without_place};

/// For each task the first that is like it, which may be itself. Tasks that
/// are `alone` are like no other.
pub(super) fn first_alike(
    graph: &Graph,
    children: &Links,
    awaiters: &Links,
    alone: impl Fn(TaskIndex) -> bool,
) -> Vec<TaskIndex> {
    let components = Components::new(children);
    let order = components.children_first();
    let alone = |task| alone(task) || components.is_in_cycle(task);

    let own = own_kinds(graph);
    let mut kinds: Kinds<(u32, Box<[LinkTo]>)> = Kinds::default();
    let mut below = vec![0; graph.tasks.len()];
    for &task in &order {
        let kind = if alone(task) {
            kinds.fresh()
        } else {
            let own = own.get(task.as_usize()).copied().unwrap_or_default();
            kinds.of((own, sorted(children.of(task), &below)))
        };
        if let Some(place) = below.get_mut(task.as_usize()) {
            *place = kind;
        }
    }
    // The kinds of `below` are all that is needed of it from here on.
    let mut groups: Kinds<(u32, Box<[LinkTo]>)> = Kinds::default();
    let mut group_of = vec![0; graph.tasks.len()];
    for &task in order.iter().rev() {
        let kind = below.get(task.as_usize()).copied().unwrap_or_default();
        let mut awaited_by = sorted(awaiters.of(task), &group_of).into_vec();
        awaited_by.dedup();
        let group = groups.of((kind, awaited_by.into_boxed_slice()));
        if let Some(place) = group_of.get_mut(task.as_usize()) {
            *place = group;
        }
    }
    let mut first_of: Vec<Option<TaskIndex>> = vec![None; groups.count()];
    let mut first = Vec::with_capacity(graph.tasks.len());
    for (task, &group) in graph.task_indices().zip(&group_of) {
        first.push(match first_of.get_mut(group as usize) {
            Some(known) => *known.get_or_insert(task),
            None => task,
        });
    }
    first
}

/// Numbers for things that are equal.
struct Kinds<T> {
    known: HashMap<T, u32>,
    count: u32,
}

impl<T> Default for Kinds<T> {
    fn default() -> Self {
        Self {
            known: HashMap::default(),
            count: 0,
        }
    }
}

impl<T: Hash + Eq> Kinds<T> {
    fn of(&mut self, thing: T) -> u32 {
        let next = self.count;
        let kind = *self.known.entry(thing).or_insert(next);
        if kind == next {
            self.count = next.saturating_add(1);
        }
        kind
    }

    /// A number for something that nothing is equal to.
    fn fresh(&mut self) -> u32 {
        let next = self.count;
        self.count = next.saturating_add(1);
        next
    }

    fn count(&self) -> usize {
        self.count as usize
    }
}

/// A link by its constructs and by a number for what it leads to.
type LinkTo = (u16, u32);

/// The links of one task by construct and by what is known of the other end.
fn sorted(links: &[Link], known: &[u32]) -> Box<[LinkTo]> {
    let mut list: Vec<LinkTo> = links
        .iter()
        .filter_map(|link| {
            let known = known.get(link.task.as_usize())?;
            Some((link.constructs.bits(), *known))
        })
        .collect();
    list.sort_unstable();
    list.into_boxed_slice()
}

/// What a task is by itself, whatever is above and below it.
#[derive(PartialEq, Eq, Hash)]
struct Own {
    stack: u32,
    wait: Option<u32>,
    state: TaskState,
    cancelling: bool,
    interpreter: i64,
    thread: Option<u64>,
}

/// What tasks wait for that wait for the same kind of thing.
#[derive(PartialEq, Eq, Hash)]
struct WaitKind<'a> {
    kind: &'static str,
    name: Option<&'a str>,
    detail: Option<&'a str>,
    is_hopeless: bool,
    is_known: bool,
}

fn own_kinds(graph: &Graph) -> Vec<u32> {
    let mut stacks: Kinds<&[Frame]> = Kinds::default();
    let mut waits: Kinds<WaitKind<'_>> = Kinds::default();
    let mut kinds: Kinds<Own> = Kinds::default();
    graph
        .tasks
        .iter()
        .map(|task| {
            kinds.of(Own {
                stack: stacks.of(&task.stack),
                wait: wait_kind(task).map(|kind| waits.of(kind)),
                state: task.state,
                cancelling: task.cancelling,
                interpreter: task.interpreter,
                thread: task.thread,
            })
        })
        .collect()
}

fn wait_kind(task: &Task) -> Option<WaitKind<'_>> {
    let waits_for = task.waits_for.as_ref()?;
    let (detail, is_hopeless, is_known) = match &waits_for.what {
        Wait::Sleep { .. } => (None, false, true),
        Wait::Primitive(primitive) => (
            primitive.entering.then_some("enter"),
            primitive.abandoned,
            !primitive.holders.is_empty(),
        ),
        Wait::Queue(queue) => (Some(queue.end.as_str()), false, true),
        Wait::Pool(pool) => (None, false, !pool.holders.is_empty()),
        Wait::Socket(socket) => (socket.action, false, true),
        Wait::Executor(executor) => (
            executor.function.as_deref(),
            false,
            executor.thread.is_some(),
        ),
        Wait::Subprocess { alive, .. } => (None, *alive == Some(false), true),
        Wait::Future(future) => (
            waits_for.held_by().next().map(without_place),
            future.orphaned,
            true,
        ),
    };
    Some(WaitKind {
        kind: waits_for.what.kind(),
        name: waits_for.name_of_kind(),
        detail,
        is_hopeless,
        is_known,
    })
}
