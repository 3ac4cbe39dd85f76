//! Where a walk over the graph has to begin, and where it would not end.
//!
//! Tasks that await each other in a circle form one component. Seen as
//! components the graph has no circles any more, so both questions are about
//! single components: one that nobody outside of it awaits holds a root, and
//! one of several tasks (or of a task that awaits itself) is a cycle.

use crate::graph::TaskIndex;
use crate::questions::Links;

/// The strongly connected components of a graph.
#[derive(Debug, Clone)]
pub struct Components {
    /// The component of each task.
    of_task: Vec<usize>,
    about: Vec<Component>,
}

#[derive(Debug, Clone, Copy)]
struct Component {
    first: TaskIndex,
    is_cycle: bool,
    awaited_from_outside: bool,
}

impl Components {
    /// Finds the components of a graph, given the tasks that each task awaits.
    #[allow(
        clippy::indexing_slicing,
        reason = "`components_of` gives each task a component of the list made here"
    )]
    pub fn new(children: &Links) -> Self {
        let (of_task, count) = components_of(children);
        let mut about: Vec<Option<Component>> = vec![None; count];
        for (at, &component) in of_task.iter().enumerate() {
            match &mut about[component] {
                Some(known) => known.is_cycle = true,
                unknown => {
                    *unknown = Some(Component {
                        first: TaskIndex::from_usize(at),
                        is_cycle: false,
                        awaited_from_outside: false,
                    });
                }
            }
        }
        let mut about: Vec<Component> = about.into_iter().flatten().collect();
        for (at, &component) in of_task.iter().enumerate() {
            let task = TaskIndex::from_usize(at);
            for link in children.of(task) {
                let other = of_task[link.task.as_usize()];
                if link.task == task {
                    about[component].is_cycle = true;
                } else if other != component {
                    about[other].awaited_from_outside = true;
                }
            }
        }
        Self { of_task, about }
    }

    /// The tasks from which every task can be reached: those that nobody
    /// awaits, then for each cycle that none of them reaches its first task.
    /// Both in the graph's order.
    pub fn roots(&self) -> Vec<TaskIndex> {
        let roots = || {
            self.about
                .iter()
                .filter(|component| !component.awaited_from_outside)
        };
        let mut plain: Vec<_> = roots().filter(|c| !c.is_cycle).map(|c| c.first).collect();
        let mut cyclic: Vec<_> = roots().filter(|c| c.is_cycle).map(|c| c.first).collect();
        plain.sort_unstable();
        cyclic.sort_unstable();
        plain.append(&mut cyclic);
        plain
    }

    /// All tasks, each after those that it awaits; those of a cycle together,
    /// in the graph's order.
    pub fn children_first(&self) -> Vec<TaskIndex> {
        // Components are numbered as they are done with: below comes before above.
        let mut order: Vec<TaskIndex> =
            (0..self.of_task.len()).map(TaskIndex::from_usize).collect();
        order.sort_by_key(|task| self.of_task.get(task.as_usize()).copied());
        order
    }

    /// Whether the task awaits itself, over others or at once.
    pub fn is_in_cycle(&self, task: TaskIndex) -> bool {
        let component = self.of_task.get(task.as_usize());
        component
            .and_then(|&component| self.about.get(component))
            .is_some_and(|component| component.is_cycle)
    }

    /// The tasks of each cycle, in the graph's order; the cycles ordered by
    /// their first tasks. Cycles that share a task are one.
    pub fn cycles(&self) -> Vec<Vec<TaskIndex>> {
        let mut members: Vec<Vec<TaskIndex>> = vec![Vec::new(); self.about.len()];
        for (at, &component) in self.of_task.iter().enumerate() {
            if self.about.get(component).is_some_and(|c| c.is_cycle)
                && let Some(members) = members.get_mut(component)
            {
                members.push(TaskIndex::from_usize(at));
            }
        }
        members.retain(|tasks| !tasks.is_empty());
        members.sort_unstable_by_key(|tasks| tasks.first().copied());
        members
    }
}

/// The component of each task and the number of components, by Tarjan's
/// algorithm with a stack of its own in place of recursion.
#[allow(
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "all indices are of tasks of `children`, all lists are as long as it"
)]
fn components_of(children: &Links) -> (Vec<usize>, usize) {
    const NONE: usize = usize::MAX;
    let count = children.task_count();
    let mut component = vec![NONE; count];
    let mut found = 0;
    // When each task was first seen, from 1, and the earliest task still open
    // that it reaches.
    let mut seen_at = vec![0_usize; count];
    let mut earliest = vec![0_usize; count];
    let mut clock = 0;
    let mut open: Vec<usize> = Vec::new();
    let mut walk: Vec<(usize, usize)> = Vec::new();

    for start in 0..count {
        if seen_at[start] == 0 {
            walk.push((start, 0));
        }
        while let Some((task, next)) = walk.last_mut() {
            let task = *task;
            if *next == 0 {
                clock += 1;
                seen_at[task] = clock;
                earliest[task] = clock;
                open.push(task);
            }
            let link = children.of(TaskIndex::from_usize(task)).get(*next);
            *next += 1;
            if let Some(link) = link {
                let child = link.task.as_usize();
                if seen_at[child] == 0 {
                    walk.push((child, 0));
                } else if component[child] == NONE {
                    earliest[task] = earliest[task].min(seen_at[child]);
                }
                continue;
            }
            walk.pop();
            if let Some(&(parent, _)) = walk.last() {
                earliest[parent] = earliest[parent].min(earliest[task]);
            }
            if earliest[task] == seen_at[task] {
                while let Some(member) = open.pop() {
                    component[member] = found;
                    if member == task {
                        break;
                    }
                }
                found += 1;
            }
        }
    }
    (component, found)
}
