//! Whom a future wakes when it completes.
//!
//! A future's callbacks tell it: each construct of asyncio leaves its own kind
//! of callable there. Where a callable is a closure, one of its cells has the
//! future that stands for the construct (`Lib/asyncio/tasks.py`,
//! `Lib/asyncio/futures.py`, `Lib/asyncio/taskgroups.py`; anyio's
//! `_backends/_asyncio.py`).

use std::cell::RefCell;

use awaitgraph_model::How;

use super::task::RawTask;
use crate::code::Codes;
use crate::map::HashMap;
use crate::object::Reason::Unexpected;
use crate::object::{Fault, Kind, Objects, Remembered};

/// One step from a future to what it wakes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Hop {
    /// The task or future that is woken.
    pub(crate) to: u64,
    /// By which construct; `None` for the plain wake-up of a task.
    pub(crate) how: Option<How>,
}

/// Reads callbacks, each function's code once.
pub(crate) struct Callbacks<'a> {
    objects: &'a Objects<'a>,
    codes: &'a Codes<'a>,
    known: RefCell<HashMap<u64, Option<Closure>>>,
    /// Those of a future, while they are looked at.
    callbacks: RefCell<Vec<u64>>,
    /// What the callback leads to that many futures have, as the children of a
    /// gather.
    shared: Remembered<Hop, FEW>,
}

/// How many shared callbacks are remembered at a time.
const FEW: usize = 16;

/// What a future stands for, as its callbacks tell.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Behind {
    /// A `concurrent.futures.Future`.
    pub(crate) source: Option<u64>,
    /// What `asyncio.shield` is around.
    pub(crate) shielded: Option<u64>,
}

/// A closure of asyncio or anyio, and the cell that leads on.
#[derive(Debug, Clone, Copy)]
struct Closure {
    how: How,
    cell: Cell,
    /// Which of its cells.
    place: usize,
}

/// What a closure's cell holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Cell {
    /// A future.
    Future,
    /// An `asyncio.Queue`, whose waiting getters are woken.
    Queue,
    /// A task group of anyio, whose host task is woken.
    TaskGroup,
    /// A `concurrent.futures.Future` that the future stands for: it wakes
    /// nobody there, but is told where the future is cancelled.
    Source,
    /// What a shield is around; that is told where nobody waits any more.
    Shielded,
}

/// The closures that are known: module, qualified name, cell.
const CLOSURES: [(&str, &str, &str, How, Cell); 10] = [
    (
        "asyncio.tasks",
        "gather.<locals>._done_callback",
        "outer",
        How::Gather,
        Cell::Future,
    ),
    // 3.9 alone.
    (
        "asyncio.tasks",
        "_gather.<locals>._done_callback",
        "outer",
        How::Gather,
        Cell::Future,
    ),
    (
        "asyncio.tasks",
        "shield.<locals>._inner_done_callback",
        "outer",
        How::Shield,
        Cell::Future,
    ),
    (
        "asyncio.tasks",
        "shield.<locals>._outer_done_callback",
        "inner",
        How::Shield,
        Cell::Shielded,
    ),
    (
        "asyncio.tasks",
        "_wait.<locals>._on_completion",
        "waiter",
        How::Wait,
        Cell::Future,
    ),
    // To 3.12.
    (
        "asyncio.tasks",
        "as_completed.<locals>._on_completion",
        "done",
        How::AsCompleted,
        Cell::Queue,
    ),
    (
        "asyncio.futures",
        "_chain_future.<locals>._call_set_state",
        "destination",
        How::Callback,
        Cell::Future,
    ),
    (
        "asyncio.futures",
        "_chain_future.<locals>._call_check_cancel",
        "source",
        How::Callback,
        Cell::Source,
    ),
    (
        "anyio._backends._asyncio",
        "TaskGroup._spawn.<locals>.task_done",
        "self",
        How::TaskGroup,
        Cell::TaskGroup,
    ),
    // anyio before 4.
    (
        "anyio._backends._asyncio",
        "TaskGroup._spawn.<locals>._task_done",
        "self",
        How::TaskGroup,
        Cell::TaskGroup,
    ),
];

impl<'a> Callbacks<'a> {
    pub(crate) fn new(objects: &'a Objects<'a>, codes: &'a Codes<'a>) -> Self {
        Self {
            objects,
            codes,
            known: RefCell::default(),
            callbacks: RefCell::default(),
            shared: Remembered::new(),
        }
    }

    /// Adds what the future at `addr` wakes when it completes; what could not
    /// be read of that.
    pub(crate) fn hops(&self, addr: u64, hops: &mut Vec<Hop>) -> Option<Fault> {
        self.hops_through(|callbacks| self.objects.callbacks(addr, callbacks), hops)
    }

    /// The same of a task.
    pub(crate) fn task_hops(&self, task: &RawTask, hops: &mut Vec<Hop>) -> Option<Fault> {
        self.hops_through(
            |callbacks| self.objects.task_callbacks(task, callbacks),
            hops,
        )
    }

    fn hops_through(
        &self,
        add: impl FnOnce(&mut Vec<u64>) -> Result<(), Fault>,
        hops: &mut Vec<Hop>,
    ) -> Option<Fault> {
        let mut callbacks = self.callbacks.take();
        callbacks.clear();
        let mut fault = add(&mut callbacks).err();
        for &callback in &callbacks {
            fault = self.hops_of_shared(callback, hops).err().or(fault);
        }
        self.callbacks.replace(callbacks);
        fault
    }

    /// What the future at `addr` stands for.
    pub(crate) fn behind(&self, addr: u64) -> Result<Behind, Fault> {
        let objects = self.objects;
        let mut behind = Behind::default();
        let mut callbacks = self.callbacks.take();
        callbacks.clear();
        objects.callbacks(addr, &mut callbacks)?;
        for &callback in &callbacks {
            if objects.kind_of(callback)? != Kind::Function {
                continue;
            }
            let Some(closure) = self.closure(callback)? else {
                continue;
            };
            let found = match closure.cell {
                Cell::Source => &mut behind.source,
                Cell::Shielded => &mut behind.shielded,
                _ => continue,
            };
            if found.is_none() {
                *found = self.content(callback, closure)?;
            }
        }
        self.callbacks.replace(callbacks);
        Ok(behind)
    }

    /// Adds what a callback leads to, which is the same for all that have it.
    fn hops_of_shared(&self, callback: u64, hops: &mut Vec<Hop>) -> Result<(), Fault> {
        if let Some(hop) = self.shared.get(callback) {
            hops.push(hop);
            return Ok(());
        }
        let before = hops.len();
        self.hops_of(callback, hops)?;
        if let Some(&[hop]) = hops.get(before..) {
            self.objects.remember(&self.shared, callback, hop);
        }
        Ok(())
    }

    fn hops_of(&self, callback: u64, hops: &mut Vec<Hop>) -> Result<(), Fault> {
        let objects = self.objects;
        match objects.kind_of(callback)? {
            // What a task in C registers: 3.8-3.9 an object, then a bound builtin.
            Kind::TaskWakeup => {
                let task = objects.pointer(callback, objects.layout.object.header)?;
                self.wakeup(task, hops)
            }
            Kind::Builtin => {
                let bound_to = objects.pointer(callback, objects.layout.builtin_self)?;
                self.bound(bound_to, hops)
            }
            Kind::Method => self.method(callback, hops),
            Kind::Function => self.function(callback, hops),
            Kind::Partial => self.partial(callback, hops),
            _ => Ok(()),
        }
    }

    fn wakeup(&self, task: Option<u64>, hops: &mut Vec<Hop>) -> Result<(), Fault> {
        if let Some(to) = task
            && matches!(self.objects.kind_of(to)?, Kind::Task | Kind::PyTask)
        {
            hops.push(Hop { to, how: None });
        }
        Ok(())
    }

    /// A method of a task or a future: a task's wake-up, or what completes a
    /// future, as `fut.set_result`.
    fn bound(&self, bound_to: Option<u64>, hops: &mut Vec<Hop>) -> Result<(), Fault> {
        match bound_to {
            Some(to) if matches!(self.objects.kind_of(to)?, Kind::Future | Kind::PyFuture) => {
                let how = Some(How::Callback);
                hops.push(Hop { to, how });
                Ok(())
            }
            to => self.wakeup(to, hops),
        }
    }

    /// A method written in Python: of a task or a future, `_on_task_done` of a
    /// task group (asyncio's, a subclass of it, or one that was written after it
    /// for older versions), or `_handle_completion` of an iterator that
    /// `as_completed` gave (3.13+).
    fn method(&self, callback: u64, hops: &mut Vec<Hop>) -> Result<(), Fault> {
        let objects = self.objects;
        let Some(bound_to) = objects.pointer(callback, objects.layout.method.self_)? else {
            return Ok(());
        };
        if matches!(
            objects.kind_of(bound_to)?,
            Kind::PyTask | Kind::PyFuture | Kind::Future
        ) {
            return self.bound(Some(bound_to), hops);
        }
        let Some(function) = objects.pointer(callback, objects.layout.method.function)? else {
            return Ok(());
        };
        if objects.kind_of(function)? != Kind::Function {
            return Ok(());
        }
        match self.qualname(function)?.rsplit('.').next() {
            Some("_on_task_done") => {
                let parent = objects.attribute(bound_to, "_parent_task")?;
                self.to_future(parent, How::TaskGroup, hops)
            }
            Some("_handle_completion") => {
                let queue = objects.attribute(bound_to, "_done")?;
                self.queue(queue, How::AsCompleted, hops)
            }
            _ => Ok(()),
        }
    }

    fn function(&self, callback: u64, hops: &mut Vec<Hop>) -> Result<(), Fault> {
        let objects = self.objects;
        let Some(closure) = self.closure(callback)? else {
            return Ok(());
        };
        let content = self.content(callback, closure)?;
        match closure.cell {
            Cell::Future => self.to_future(content, closure.how, hops),
            Cell::Queue => self.queue(content, closure.how, hops),
            Cell::Source | Cell::Shielded => Ok(()),
            Cell::TaskGroup => {
                let Some(group) = content else {
                    return Ok(());
                };
                match objects.attribute(group, "cancel_scope")? {
                    Some(scope) => {
                        let host = objects.attribute(scope, "_host_task")?;
                        self.to_future(host, closure.how, hops)
                    }
                    None => Ok(()),
                }
            }
        }
    }

    /// What is in the cell of a closure that leads on.
    fn content(&self, callback: u64, closure: Closure) -> Result<Option<u64>, Fault> {
        let objects = self.objects;
        let Some(cells) = objects.pointer(callback, objects.layout.function.closure)? else {
            return Ok(None);
        };
        match objects.tuple_item(cells, closure.place)? {
            Some(cell) => objects.pointer(cell, objects.layout.cell_content),
            None => Ok(None),
        }
    }

    /// `functools.partial(function, future)`, which most likely completes the
    /// future: `wait_for` does so to 3.11.
    fn partial(&self, callback: u64, hops: &mut Vec<Hop>) -> Result<(), Fault> {
        let (objects, layout) = (self.objects, &self.objects.layout.partial);
        let mut how = How::Callback;
        if let Some(function) = objects.pointer(callback, layout.function)?
            && objects.kind_of(function)? == Kind::Function
            && self.qualname(function)? == "_release_waiter"
            && self.module_is(function, "asyncio.tasks")?
        {
            how = How::WaitFor;
        }
        let mut arguments = Vec::new();
        if let Some(args) = objects.pointer(callback, layout.args)? {
            arguments.extend(objects.tuple(args)?);
        }
        if let Some(keywords) = objects.pointer(callback, layout.keywords)?
            && objects.kind_of(keywords)? == Kind::Dict
        {
            arguments.extend(
                objects
                    .dict_items(keywords)?
                    .into_iter()
                    .map(|(_, value)| value),
            );
        }
        for to in arguments {
            // A task completes by itself: as an argument it is there for something else.
            if matches!(objects.kind_of(to)?, Kind::Future | Kind::PyFuture) {
                hops.push(Hop { to, how: Some(how) });
            }
        }
        Ok(())
    }

    fn to_future(&self, to: Option<u64>, how: How, hops: &mut Vec<Hop>) -> Result<(), Fault> {
        if let Some(to) = to
            && let Kind::Task | Kind::PyTask | Kind::Future | Kind::PyFuture =
                self.objects.kind_of(to)?
        {
            hops.push(Hop { to, how: Some(how) });
        }
        Ok(())
    }

    /// The futures that wait for an item of an `asyncio.Queue`.
    fn queue(&self, queue: Option<u64>, how: How, hops: &mut Vec<Hop>) -> Result<(), Fault> {
        let Some(queue) = queue else {
            return Ok(());
        };
        match self.objects.attribute(queue, "_getters")? {
            Some(getters) if self.objects.kind_of(getters)? == Kind::Deque => {
                let getters = self.objects.deque(getters)?;
                let how = Some(how);
                hops.extend(getters.into_iter().map(|to| Hop { to, how }));
                Ok(())
            }
            _ => Ok(()),
        }
    }

    /// Which of the known closures the function at `addr` is.
    fn closure(&self, addr: u64) -> Result<Option<Closure>, Fault> {
        let objects = self.objects;
        let code = objects.required(
            addr,
            objects.layout.function.code,
            &Unexpected("a function without code"),
        )?;
        if let Some(&known) = self.known.borrow().get(&code) {
            return Ok(known);
        }
        let closure = self.recognise(addr, code)?;
        self.known.borrow_mut().insert(code, closure);
        Ok(closure)
    }

    fn recognise(&self, addr: u64, code: u64) -> Result<Option<Closure>, Fault> {
        let objects = self.objects;
        let qualname = self.qualname(addr)?;
        for (module, name, cell_name, how, cell) in CLOSURES {
            if qualname != name || !self.module_is(addr, module)? {
                continue;
            }
            let Some(cells) = objects.pointer(addr, objects.layout.function.closure)? else {
                return Ok(None);
            };
            let cells = objects.tuple(cells)?.len();
            let names = objects.required(
                code,
                objects.layout.code.names,
                &Unexpected("code without names"),
            )?;
            let names = objects.tuple(names)?;
            let names = names
                .get(names.len().saturating_sub(cells)..)
                .unwrap_or_default();
            for (place, &name) in names.iter().enumerate() {
                if objects.text_is(name, cell_name)? {
                    return Ok(Some(Closure { how, cell, place }));
                }
            }
        }
        Ok(None)
    }

    fn qualname(&self, function: u64) -> Result<String, Fault> {
        let objects = self.objects;
        if objects.layout.code.qualname.is_some() {
            let layout = &objects.layout.function;
            return self.codes.name(objects.required(
                function,
                layout.code,
                &Unexpected("a function without code"),
            )?);
        }
        let name = objects.layout.function.qualname;
        objects.text(objects.required(function, name, &Unexpected("a function without a name"))?)
    }

    fn module_is(&self, function: u64, module: &str) -> Result<bool, Fault> {
        let objects = self.objects;
        match objects.pointer(function, objects.layout.function.module)? {
            Some(name) if objects.kind_of(name)? == Kind::Text => objects.text_is(name, module),
            _ => Ok(false),
        }
    }
}
