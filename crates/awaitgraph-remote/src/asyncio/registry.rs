//! Which tasks there are.
//!
//! ```text
//!   3.8-3.11   asyncio.tasks._all_tasks            WeakSet
//!   3.12-3.13  asyncio.tasks._scheduled_tasks      WeakSet
//!              asyncio.tasks._eager_tasks          set
//!   3.14+      those two                           tasks written in Python
//!              the state of the module _asyncio    tasks that others registered
//!              tstate.asyncio_tasks_head           a thread's tasks written in C
//!              interp.asyncio_tasks_head           those of threads that have ended
//! ```
//!
//! Weak sets also hold tasks that are finished; whoever asks sorts them out.

use crate::layout::{RunningLoop, TaskLists, TaskRegistry};
use crate::limits;
use crate::map::HashSet;
use crate::object::Reason::Unexpected;
use crate::object::{Fault, Kind, Objects, fault};

/// The bytes that are held for each: it is in several lists, and in the graph.
const HELD_TASK: u64 = 512;

/// The modules of one interpreter that know its tasks.
pub(crate) struct Modules<'a> {
    objects: &'a Objects<'a>,
    /// The dict of `asyncio.tasks`.
    tasks: Option<u64>,
    /// The module `_asyncio`, where it is needed.
    accelerator: Option<u64>,
}

/// What a look into the registries found.
#[derive(Default)]
pub(crate) struct Found {
    /// The addresses of task objects, each once.
    pub(crate) tasks: Vec<u64>,
    /// What could not be read, and where.
    pub(crate) faults: Vec<(&'static str, Fault)>,
    /// How many tasks were there before the registry that is read now.
    before: usize,
    /// The tasks, as soon as a second registry has some.
    seen: HashSet<u64>,
}

impl<'a> Modules<'a> {
    /// Those of the interpreter whose state is at `interpreter`, and what could
    /// not be read of them.
    pub(crate) fn of(objects: &'a Objects<'a>, interpreter: u64) -> (Self, Option<Fault>) {
        let mut found = Self {
            objects,
            tasks: None,
            accelerator: None,
        };
        let fault = found.find(interpreter).err();
        (found, fault)
    }

    fn find(&mut self, interpreter: u64) -> Result<(), Fault> {
        let objects = self.objects;
        let Some(modules) = objects.pointer(interpreter, objects.layout.interpreter.modules)?
        else {
            return Ok(());
        };
        if self.module(modules, "greenlet")?.is_some() {
            objects.expect_greenlets();
        }
        if let Some(tasks) = self.module(modules, "asyncio.tasks")? {
            self.tasks = objects.pointer(tasks, objects.layout.module.md_dict)?;
        }
        if let TaskRegistry::Lists(_) = objects.layout.registry {
            self.accelerator = self.module(modules, "_asyncio")?;
        }
        Ok(())
    }

    /// The module of this name in the dict `sys.modules`.
    fn module(&self, modules: u64, name: &str) -> Result<Option<u64>, Fault> {
        match self.objects.dict_get(modules, name)? {
            Some(module) if self.objects.kind_of(module)? == Kind::Module => Ok(Some(module)),
            _ => Ok(None),
        }
    }

    /// All tasks of the interpreter, whose threads' states are `threads`.
    pub(crate) fn tasks(&self, interpreter: u64, threads: &[u64]) -> Found {
        let mut found = Found::default();
        match self.objects.layout.registry {
            TaskRegistry::AllTasks => {
                self.add_global(&mut found, "_all_tasks");
            }
            TaskRegistry::ScheduledAndEager => {
                self.add_global(&mut found, "_scheduled_tasks");
                self.add_global(&mut found, "_eager_tasks");
            }
            TaskRegistry::Lists(lists) => {
                for &thread in threads {
                    let head = thread.wrapping_add(lists.thread_head);
                    found.add("a thread's list of tasks", |found| {
                        self.add_list(found, &lists, head)
                    });
                }
                let head = interpreter.wrapping_add(lists.interpreter_head);
                found.add("the interpreter's list of tasks", |found| {
                    self.add_list(found, &lists, head)
                });
                self.add_global(&mut found, "_scheduled_tasks");
                self.add_global(&mut found, "_eager_tasks");
                found.add("the tasks registered with _asyncio", |found| {
                    self.add_registered(found, &lists)
                });
            }
        }
        found
    }

    /// The loop that the thread whose state is at `thread` runs, and the task
    /// that this loop executes.
    pub(crate) fn running(&self, thread: u64) -> Result<(Option<u64>, Option<u64>), Fault> {
        let objects = self.objects;
        let (running_loop, running_task) = match objects.layout.thread.running_loop {
            RunningLoop::Holder { dict } => match self.running_item(thread, dict)? {
                Some(holder) => (objects.pointer(holder, objects.layout.object.header)?, None),
                None => (None, None),
            },
            RunningLoop::Item { dict } => (self.running_item(thread, dict)?, None),
            RunningLoop::Thread { running_loop } => (objects.pointer(thread, running_loop)?, None),
            RunningLoop::ThreadWithTask {
                running_loop,
                running_task,
            } => (
                objects.pointer(thread, running_loop)?,
                objects.pointer(thread, running_task)?,
            ),
        };
        match running_loop {
            Some(running_loop) if objects.kind_of(running_loop)? != Kind::None => {
                let current = match running_task {
                    Some(task) => Some(task),
                    None => self.current_task(running_loop)?,
                };
                Ok((Some(running_loop), current))
            }
            _ => Ok((None, None)),
        }
    }

    /// To 3.12: the loop, or what holds it, in the dict of a thread's state.
    fn running_item(&self, thread: u64, dict: u64) -> Result<Option<u64>, Fault> {
        match self.objects.pointer(thread, dict)? {
            Some(dict) => self
                .objects
                .dict_get(dict, "__asyncio_running_event_loop__"),
            None => Ok(None),
        }
    }

    /// To 3.13: `asyncio.tasks._current_tasks[running_loop]`.
    fn current_task(&self, running_loop: u64) -> Result<Option<u64>, Fault> {
        let Some(current) = self.global("_current_tasks")? else {
            return Ok(None);
        };
        if self.objects.kind_of(current)? != Kind::Dict {
            return fault(current, &Unexpected("_current_tasks is no dict"));
        }
        let items = self.objects.dict_items(current)?;
        Ok(items
            .into_iter()
            .find(|&(key, _)| key == running_loop)
            .map(|(_, task)| task))
    }

    fn global(&self, name: &str) -> Result<Option<u64>, Fault> {
        match self.tasks {
            Some(dict) => self.objects.dict_get(dict, name),
            None => Ok(None),
        }
    }

    fn add_global(&self, found: &mut Found, name: &'static str) {
        found.add(name, |found| match self.global(name)? {
            Some(set) => self.add_set(found, set),
            None => Ok(()),
        });
    }

    /// Adds the tasks of a set or a WeakSet.
    fn add_set(&self, found: &mut Found, addr: u64) -> Result<(), Fault> {
        let (mut tasks, missed) = match self.objects.kind_of(addr)? {
            Kind::Set => self.objects.set_as_it_is(addr)?,
            _ => self.objects.weak_set(addr)?,
        };
        // None is there twice, unless the set is none; side by side they are soon read.
        tasks.sort_unstable();
        tasks.dedup();
        found.begin();
        for task in tasks {
            found.push(self.objects, task)?;
        }
        missed.map_or(Ok(()), Err)
    }

    /// Follows an intrusive list (`Include/internal/pycore_llist.h`) from its
    /// head, and backwards too where it breaks off.
    fn add_list(&self, found: &mut Found, lists: &TaskLists, head: u64) -> Result<(), Fault> {
        const NEXT: u64 = 0;
        const PREVIOUS: u64 = 8;
        self.follow(found, lists, head, [NEXT, PREVIOUS])
            .inspect_err(|_| {
                // What this finds, if anything, is all that there is to tell.
                let _ = self.follow(found, lists, head, [PREVIOUS, NEXT]);
            })
    }

    fn follow(
        &self,
        found: &mut Found,
        lists: &TaskLists,
        head: u64,
        [forward, backward]: [u64; 2],
    ) -> Result<(), Fault> {
        let objects = self.objects;
        found.begin();
        let mut before = head;
        let Some(mut node) = objects.pointer(head, forward)? else {
            // Not initialised: the thread has never had a loop.
            return Ok(());
        };
        while node != head {
            // Each node points back at the one before it, or this is no such list.
            if objects.u64(node, backward)? != before || found.tasks.len() >= limits::MOST_TASKS {
                return fault(
                    node,
                    &Unexpected("a list of tasks that does not hold together"),
                );
            }
            // So no node comes twice.
            found.push(objects, node.wrapping_sub(lists.node))?;
            before = node;
            node = objects.required(
                node,
                forward,
                &Unexpected("a list of tasks that breaks off"),
            )?;
        }
        Ok(())
    }

    /// Adds the tasks that others registered, from the state of `_asyncio`
    /// (`asyncio_state` in `Modules/_asynciomodule.c`).
    fn add_registered(&self, found: &mut Found, lists: &TaskLists) -> Result<(), Fault> {
        let Some(module) = self.accelerator else {
            return Ok(());
        };
        let Some(state) = self
            .objects
            .pointer(module, self.objects.layout.module.md_state)?
        else {
            return Ok(());
        };
        for offset in [lists.other_tasks, lists.other_tasks + 8] {
            if let Some(set) = self.objects.pointer(state, offset)? {
                self.add_set(found, set)?;
            }
        }
        Ok(())
    }
}

impl Found {
    fn add(&mut self, location: &'static str, look: impl FnOnce(&mut Self) -> Result<(), Fault>) {
        if let Err(fault) = look(self) {
            self.faults.push((location, fault));
        }
    }

    /// What is added from now on is from another registry, or from the other end.
    fn begin(&mut self) {
        self.before = self.tasks.len();
    }

    /// Adds a task, which no registry has twice, but several may have.
    fn push(&mut self, objects: &Objects<'_>, task: u64) -> Result<(), Fault> {
        if self.before > 0 {
            if self.seen.is_empty() {
                self.seen.extend(&self.tasks);
            }
            if !self.seen.insert(task) {
                return Ok(());
            }
        }
        objects.hold_listed(HELD_TASK)?;
        self.tasks.push(task);
        Ok(())
    }
}
