//! All threads and tasks of a target, as they lie in its memory.

use std::cmp::Ordering;

use awaitgraph_model::{NaturalKey, natural_order};

use super::problems::Problems;
use crate::asyncio::{Modules, RawTask};
use crate::map::HashMap;
use crate::object::{Fault, Objects};
use crate::threads::Stack;

/// Gives a thread's kernel id for its `pthread_t`.
type ThreadIds<'a> = &'a dyn Fn(u64) -> Option<u64>;

/// The target's tasks are not of the size that the layout says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Mismatch {
    /// `_asyncio.Task.__basicsize__` of the target.
    pub(crate) found: u64,
    /// That of the layout.
    pub(crate) expected: u64,
}

/// What was found.
pub(super) struct Gathered {
    pub(super) threads: Vec<RawThread>,
    /// In the graph's order: by interpreter, then by name as people count.
    pub(super) tasks: Vec<NamedTask>,
    pub(super) problems: Problems,
}

/// A thread and the frames that it is in.
pub(super) struct RawThread {
    pub(super) interpreter: i64,
    /// The kernel's id, else the `pthread_t`.
    pub(super) id: u64,
    pub(super) running_loop: Option<u64>,
    pub(super) running_task: Option<u64>,
    pub(super) stack: Stack,
}

/// A task, its name, and the interpreter that it belongs to.
pub(super) struct NamedTask {
    pub(super) raw: RawTask,
    pub(super) name: String,
    pub(super) interpreter: i64,
}

/// Reads all threads and unfinished tasks of all interpreters.
pub(super) fn gather(
    objects: &Objects<'_>,
    runtime: u64,
    thread_ids: ThreadIds<'_>,
) -> Result<Gathered, Mismatch> {
    let mut gathering = Gathering {
        objects,
        thread_ids,
        size_checked: false,
        found: Gathered {
            threads: Vec::new(),
            tasks: Vec::new(),
            problems: Problems::default(),
        },
    };
    match objects.interpreters(runtime) {
        Ok(interpreters) => {
            for interpreter in interpreters {
                gathering.interpreter(interpreter)?;
            }
        }
        Err(fault) => gathering
            .found
            .problems
            .add("the list of interpreters", fault),
    }
    let mut found = gathering.found;
    found.give_each_task_to_one_interpreter();
    sort(&mut found.tasks);
    Ok(found)
}

struct Gathering<'a> {
    objects: &'a Objects<'a>,
    thread_ids: ThreadIds<'a>,
    size_checked: bool,
    found: Gathered,
}

impl Gathering<'_> {
    fn interpreter(&mut self, addr: u64) -> Result<(), Mismatch> {
        let objects = self.objects;
        let id = objects.i64(addr, objects.layout.interpreter.id);
        let id = id.unwrap_or_else(|fault| {
            let location = format!("the id of the interpreter at {addr:#x}");
            self.found.problems.add(location, fault);
            -1
        });
        let location = format!("interpreter {id}");
        let threads = objects.threads(addr).unwrap_or_else(|fault| {
            self.found.problems.add(location.as_str(), fault);
            Vec::new()
        });
        let (modules, fault) = Modules::of(objects, addr);
        if let Some(fault) = fault {
            self.found.problems.add(location, fault);
        }
        for &thread in &threads {
            self.thread(thread, id, &modules);
        }
        let mut torn = None;
        let registered = objects.watched(&mut torn, || modules.tasks(addr, &threads));
        if let Some(fault) = torn {
            self.found
                .problems
                .add(format!("which tasks interpreter {id} has"), fault);
        }
        for (location, fault) in registered.faults {
            self.found.problems.add(location, fault);
        }
        self.found.tasks.reserve(registered.tasks.len());
        objects.expect(&registered.tasks);
        for task in registered.tasks {
            self.check_size(task)?;
            self.task(task, id);
        }
        Ok(())
    }

    fn thread(&mut self, addr: u64, interpreter: i64, modules: &Modules<'_>) {
        let before = self.objects.torn();
        let id = self.thread_id(addr).unwrap_or_else(|fault| {
            let location = format!("the id of the thread at {addr:#x}");
            self.found.problems.add(location, fault);
            0
        });
        let (running_loop, running_task) = modules.running(addr).unwrap_or_else(|fault| {
            self.found
                .problems
                .add(format!("the loop of thread {id}"), fault);
            (None, None)
        });
        let mut stack = self.objects.stack(addr);
        if self.objects.torn() != before {
            stack.fault = stack.fault.or(Some(Fault::TORN));
        }
        let thread = RawThread {
            interpreter,
            id,
            running_loop,
            running_task,
            stack,
        };
        self.found.threads.push(thread);
    }

    /// The kernel's id of a thread, else its `pthread_t`.
    fn thread_id(&self, addr: u64) -> Result<u64, Fault> {
        let layout = &self.objects.layout.thread;
        if let Some(offset) = layout.native_thread_id
            && let Some(id) = self.objects.pointer(addr, offset)?
        {
            return Ok(id);
        }
        let pthread = self.objects.u64(addr, layout.thread_id)?;
        Ok((self.thread_ids)(pthread).unwrap_or(pthread))
    }

    /// Holds the layout against what the target says of its own tasks, once.
    fn check_size(&mut self, task: u64) -> Result<(), Mismatch> {
        if self.size_checked {
            return Ok(());
        }
        if let Ok(Some(found)) = self.objects.task_size(task) {
            let expected = self.objects.layout.task.size;
            if found != expected {
                return Err(Mismatch { found, expected });
            }
            self.size_checked = true;
        }
        Ok(())
    }

    fn task(&mut self, addr: u64, interpreter: i64) {
        let before = self.objects.torn();
        self.add_task(addr, interpreter);
        if self.objects.torn() != before {
            self.found.problems.add_of_task(addr, "{}", Fault::TORN);
        }
    }

    fn add_task(&mut self, addr: u64, interpreter: i64) {
        let (raw, name) = match self.objects.task(addr) {
            Ok(Some(found)) => found,
            Ok(None) => return,
            Err(fault) => {
                self.found.problems.add(format!("task {addr:#x}"), fault);
                return;
            }
        };
        let name = self.objects.task_name(addr, name).unwrap_or_else(|fault| {
            self.found.problems.add(format!("task {addr:#x}"), fault);
            String::new()
        });
        self.found.tasks.push(NamedTask {
            raw,
            name,
            interpreter,
        });
    }
}

impl Gathered {
    /// To 3.11 there is one registry in a process, so that each interpreter
    /// that has imported asyncio lists the tasks of all of them. A task belongs
    /// to the one that runs its loop; where none does, to the oldest.
    fn give_each_task_to_one_interpreter(&mut self) {
        let mut interpreters = self.threads.iter().map(|thread| thread.interpreter);
        let first = interpreters.next();
        if interpreters.all(|interpreter| Some(interpreter) == first) {
            return;
        }
        let loops: HashMap<u64, i64> = (self.threads.iter())
            .filter_map(|thread| Some((thread.running_loop?, thread.interpreter)))
            .collect();
        self.tasks.sort_by_key(|task| {
            let runs_it = task.raw.loop_().and_then(|addr| loops.get(&addr));
            let is_elsewhere = runs_it != Some(&task.interpreter);
            (task.raw.addr, is_elsewhere, task.interpreter)
        });
        self.tasks.dedup_by_key(|task| task.raw.addr);
    }
}

impl NamedTask {
    /// What is compared first.
    fn key(&self) -> (i64, NaturalKey) {
        (self.interpreter, NaturalKey::of(&self.name))
    }

    /// What is compared where that is the same. No two are equal: each has an
    /// address of its own.
    fn order(&self, other: &Self) -> Ordering {
        natural_order(&self.name, &other.name).then(self.raw.addr.cmp(&other.raw.addr))
    }
}

/// Brings tasks into the graph's order.
fn sort(tasks: &mut [NamedTask]) {
    let keyed = || tasks.iter().map(|task| (task.key(), task));
    // As they most often are that the interpreter keeps in a list.
    let in_order = keyed().is_sorted_by(|(a, one), (b, other)| match a.cmp(b) {
        Ordering::Equal => one.order(other).is_le(),
        order => order.is_lt(),
    });
    if in_order {
        return;
    }
    let mut sorted: Vec<_> = (keyed().zip(0..))
        .map(|((key, _), place)| (key, place))
        .collect();
    sorted.sort_unstable_by(|&(a, at_a), &(b, at_b)| {
        a.cmp(&b)
            .then_with(|| match (tasks.get(at_a), tasks.get(at_b)) {
                (Some(one), Some(other)) => one.order(other),
                _ => Ordering::Equal,
            })
    });
    // What is to come to a place may have been moved from where it was, by an
    // earlier swap: to the place that it was swapped with.
    for to in 0..sorted.len() {
        let place = |at: usize| sorted.get(at).map_or(at, |&(_, place)| place);
        let mut from = place(to);
        while from < to {
            from = place(from);
        }
        if let Some((_, place)) = sorted.get_mut(to) {
            *place = from;
        }
        tasks.swap(to, from);
    }
}

impl Objects<'_> {
    /// `_asyncio.Task.__basicsize__`, by way of a task of that type or a
    /// subclass; `None` for a task written in Python.
    fn task_size(&self, task: u64) -> Result<Option<u64>, Fault> {
        Ok(match self.base_named(task, "_asyncio.Task")? {
            Some(type_) => Some(self.u64(type_, self.layout.type_object.tp_basicsize)?),
            None => None,
        })
    }
}
