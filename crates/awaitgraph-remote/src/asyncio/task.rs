//! What a task or a future says of itself.
//!
//! Those of `_asyncio` have a struct (`FutureObj`, `TaskObj` in
//! `Modules/_asynciomodule.c`), those written in Python have attributes
//! (`Lib/asyncio/futures.py`, `Lib/asyncio/tasks.py`).

use std::num::NonZeroU64;

use crate::layout::MustCancel;
use crate::object::Reason::Unexpected;
use crate::object::{Fault, Kind, Objects, Room, fault};

/// The bytes of a name that CPython gives, with a million before it.
const USUAL_NAME: usize = 12;
/// `PENDING` of `enum fut_state`.
const PENDING: i32 = 0;

/// A task, as it lies in memory.
#[derive(Debug, Clone)]
pub(crate) struct RawTask {
    pub(crate) addr: u64,
    coro: Option<NonZeroU64>,
    waits_for: Option<NonZeroU64>,
    loop_: Option<NonZeroU64>,
    /// Whether it was asked to cancel: it is to be told at its next step, or
    /// (3.11+) has not taken it back since it was told.
    pub(crate) cancelling: bool,
    /// Whether it is written in C, so that it has the following in its struct.
    is_native: bool,
    callback0: Option<NonZeroU64>,
    callbacks: Option<NonZeroU64>,
    awaited_by: Option<NonZeroU64>,
    awaited_by_is_set: bool,
}

impl RawTask {
    /// Its coroutine; none for a moment at its making.
    pub(crate) fn coro(&self) -> Option<u64> {
        self.coro.map(u64::from)
    }

    /// The future or task that it is suspended at.
    pub(crate) fn waits_for(&self) -> Option<u64> {
        self.waits_for.map(u64::from)
    }

    pub(crate) fn loop_(&self) -> Option<u64> {
        self.loop_.map(u64::from)
    }
}

/// The futures that the interpreter recorded as waiting for another.
#[derive(Debug)]
pub(crate) enum Recorded {
    None,
    One(u64),
    Many(Vec<u64>),
}

impl Recorded {
    pub(crate) fn as_slice(&self) -> &[u64] {
        match self {
            Self::None => &[],
            Self::One(future) => std::slice::from_ref(future),
            Self::Many(futures) => futures,
        }
    }
}

impl Objects<'_> {
    /// The task at `addr` and the object that is its name, or `None` where it is
    /// finished.
    pub(crate) fn task(&self, addr: u64) -> Result<Option<(RawTask, Option<u64>)>, Fault> {
        match self.kind_of(addr)? {
            Kind::Task => self.native_task(addr),
            _ => self.python_task(addr),
        }
    }

    fn native_task(&self, addr: u64) -> Result<Option<(RawTask, Option<u64>)>, Fault> {
        let (task, future) = (&self.layout.task, &self.layout.future);
        let mut room = Room::new();
        let fields = self.fields(&mut room, addr, self.layout.object.header..task.size)?;
        if fields.i32(future.state)? != PENDING {
            return Ok(None);
        }
        let must_cancel = match task.must_cancel {
            MustCancel::Word(offset) => fields.i32(offset)? != 0,
            MustCancel::Bit { byte, bit } => fields.u8(byte)? >> bit & 1 != 0,
        };
        let requested = match task.cancels_requested {
            Some(offset) => fields.i32(offset)? > 0,
            None => false,
        };
        let pointer = |offset| Ok::<_, Fault>(NonZeroU64::new(fields.u64(offset)?));
        let (awaited_by, awaited_by_is_set) = match future.awaited_by {
            Some(layout) => (pointer(layout.value)?, fields.u8(layout.is_set)? != 0),
            None => (None, false),
        };
        let raw = RawTask {
            addr,
            // These are NULL where there is nothing, never `None`.
            coro: pointer(task.coro)?,
            waits_for: pointer(task.fut_waiter)?,
            loop_: pointer(future.loop_)?,
            cancelling: must_cancel || requested,
            is_native: true,
            callback0: pointer(future.callback0)?,
            callbacks: pointer(future.callbacks)?,
            awaited_by,
            awaited_by_is_set,
        };
        Ok(Some((raw, fields.pointer(task.name)?)))
    }

    fn python_task(&self, addr: u64) -> Result<Option<(RawTask, Option<u64>)>, Fault> {
        if !self.is_pending(addr)? {
            return Ok(None);
        }
        let mut cancelling = false;
        for name in ["_must_cancel", "_num_cancels_requested"] {
            if let Some(number) = self.attribute(addr, name)?
                && self.kind_of(number)? == Kind::Int
                && self.int(number)? > 0
            {
                cancelling = true;
            }
        }
        let attribute = |name| -> Result<Option<NonZeroU64>, Fault> {
            let found = self.not_none(self.attribute(addr, name)?)?;
            Ok(found.and_then(NonZeroU64::new))
        };
        let raw = RawTask {
            addr,
            coro: attribute("_coro")?,
            waits_for: attribute("_fut_waiter")?,
            loop_: attribute("_loop")?,
            cancelling,
            is_native: false,
            callback0: None,
            callbacks: None,
            awaited_by: None,
            awaited_by_is_set: false,
        };
        Ok(Some((raw, self.attribute(addr, "_name")?)))
    }

    /// What `get_name()` of the task at `addr` would return, which has this name.
    pub(crate) fn task_name(&self, addr: u64, name: Option<u64>) -> Result<String, Fault> {
        let Some(name) = name else {
            return fault(addr, &Unexpected("a task without a name"));
        };
        match self.kind_of(name)? {
            Kind::Text => self.text(name),
            // 3.12+ counts, and makes the text when it is asked for.
            Kind::Int => {
                let mut text = String::with_capacity(USUAL_NAME);
                text.push_str("Task-");
                text.push_str(itoa::Buffer::new().format(self.int(name)?));
                Ok(text)
            }
            _ => fault(addr, &Unexpected("a task whose name is not a str")),
        }
    }

    /// Whether the future at `addr` has no result yet. One of a kind that we
    /// cannot look into is taken to have none.
    pub(crate) fn is_pending(&self, addr: u64) -> Result<bool, Fault> {
        match self.kind_of(addr)? {
            Kind::Task | Kind::Future => Ok(self.i32(addr, self.layout.future.state)? == PENDING),
            Kind::PyTask | Kind::PyFuture => match self.attribute(addr, "_state")? {
                Some(state) if self.kind_of(state)? == Kind::Text => {
                    // A `concurrent.futures.Future` is also RUNNING before it is done.
                    Ok(self.text_is(state, "PENDING")? || self.text_is(state, "RUNNING")?)
                }
                // asyncio's own has its state in the class until it is done.
                None => Ok(true),
                Some(_) => fault(addr, &Unexpected("a future whose state is not a str")),
            },
            _ => fault(addr, &Unexpected("not a task of a kind that is known")),
        }
    }

    /// Adds the callables that a task calls when it completes.
    pub(crate) fn task_callbacks(
        &self,
        task: &RawTask,
        callbacks: &mut Vec<u64>,
    ) -> Result<(), Fault> {
        if !task.is_native {
            return self.callbacks(task.addr, callbacks);
        }
        let [first, rest] = [task.callback0, task.callbacks].map(|it| it.map(u64::from));
        self.both_callbacks(first, rest, callbacks)
    }

    /// Those of a future in C: the first, and a list of the rest.
    fn both_callbacks(
        &self,
        first: Option<u64>,
        rest: Option<u64>,
        callbacks: &mut Vec<u64>,
    ) -> Result<(), Fault> {
        callbacks.extend(first);
        match self.not_none(rest)? {
            Some(rest) => self.add_callbacks(rest, callbacks),
            None => Ok(()),
        }
    }

    /// Adds the callables that the future at `addr` calls when it completes.
    pub(crate) fn callbacks(&self, addr: u64, callbacks: &mut Vec<u64>) -> Result<(), Fault> {
        match self.kind_of(addr)? {
            Kind::Task | Kind::Future => {
                let layout = &self.layout.future;
                let first = self.pointer(addr, layout.callback0)?;
                let rest = self.pointer(addr, layout.callbacks)?;
                self.both_callbacks(first, rest, callbacks)
            }
            Kind::PyTask | Kind::PyFuture => {
                // asyncio's own, or those of a `concurrent.futures.Future`.
                let list = match self.attribute(addr, "_callbacks")? {
                    Some(list) => Some(list),
                    None => self.attribute(addr, "_done_callbacks")?,
                };
                match list {
                    Some(list) => self.add_callbacks(list, callbacks),
                    None => Ok(()),
                }
            }
            _ => Ok(()),
        }
    }

    /// The futures that the interpreter recorded as waiting for a task (3.14+).
    pub(crate) fn task_recorded_awaiters(&self, task: &RawTask) -> Result<Recorded, Fault> {
        if !task.is_native {
            return self.recorded_awaiters(task.addr);
        }
        let value = task.awaited_by.map(u64::from);
        self.recorded_in(task.addr, value, task.awaited_by_is_set)
    }

    fn recorded_in(&self, addr: u64, value: Option<u64>, is_set: bool) -> Result<Recorded, Fault> {
        match value {
            None => Ok(Recorded::None),
            Some(set) if is_set => match self.kind_of(set)? {
                Kind::Set => self.set(set).map(Recorded::Many),
                _ => fault(addr, &Unexpected("a record of awaiters that is no set")),
            },
            Some(future) => Ok(Recorded::One(future)),
        }
    }

    /// The futures that the interpreter recorded as waiting for the one at `addr` (3.14+).
    pub(crate) fn recorded_awaiters(&self, addr: u64) -> Result<Recorded, Fault> {
        let Some(layout) = self.layout.future.awaited_by else {
            return Ok(Recorded::None);
        };
        match self.kind_of(addr)? {
            Kind::Task | Kind::Future => {
                let value = self.pointer(addr, layout.value)?;
                let is_set = value.is_some() && self.u8(addr, layout.is_set)? != 0;
                self.recorded_in(addr, value, is_set)
            }
            Kind::PyTask | Kind::PyFuture => {
                match self.attribute(addr, "_Future__asyncio_awaited_by")? {
                    Some(set) if self.kind_of(set)? == Kind::Set => {
                        self.set(set).map(Recorded::Many)
                    }
                    _ => Ok(Recorded::None),
                }
            }
            _ => Ok(Recorded::None),
        }
    }

    /// A list of callbacks, or of pairs of a callback and its context.
    fn add_callbacks(&self, list: u64, callbacks: &mut Vec<u64>) -> Result<(), Fault> {
        if self.kind_of(list)? != Kind::List {
            return fault(list, &Unexpected("callbacks that are no list"));
        }
        for item in self.list(list)? {
            match self.kind_of(item)? {
                Kind::Tuple => callbacks.extend(self.tuple(item)?.first()),
                _ => callbacks.push(item),
            }
        }
        Ok(())
    }

    fn not_none(&self, addr: Option<u64>) -> Result<Option<u64>, Fault> {
        match addr {
            Some(addr) if self.kind_of_shared(addr)? == Kind::None => Ok(None),
            addr => Ok(addr),
        }
    }
}
