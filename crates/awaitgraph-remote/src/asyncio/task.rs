//! What a task or a future says of itself.
//!
//! Those of `_asyncio` have a struct (`FutureObj`, `TaskObj` in
//! `Modules/_asynciomodule.c`), those written in Python have attributes
//! (`Lib/asyncio/futures.py`, `Lib/asyncio/tasks.py`).

use crate::layout::MustCancel;
use crate::object::{Fault, Kind, Objects, unexpected};

/// `PENDING` of `enum fut_state`.
const PENDING: i32 = 0;

/// A task, as it lies in memory.
#[derive(Debug, Clone)]
pub(crate) struct RawTask {
    pub(crate) addr: u64,
    /// Its coroutine; NULL for a moment at its making.
    pub(crate) coro: Option<u64>,
    /// The future or task that it is suspended at.
    pub(crate) waits_for: Option<u64>,
    pub(crate) loop_: Option<u64>,
    /// Whether it was asked to cancel.
    pub(crate) cancelling: bool,
}

impl Objects<'_> {
    /// The task at `addr`, or `None` where it is finished.
    pub(crate) fn task(&self, addr: u64) -> Result<Option<RawTask>, Fault> {
        if !self.is_pending(addr)? {
            return Ok(None);
        }
        let (coro, waits_for, loop_) = match self.kind_of(addr)? {
            Kind::Task => (
                self.pointer(addr, self.layout.task.coro)?,
                self.pointer(addr, self.layout.task.fut_waiter)?,
                self.pointer(addr, self.layout.future.loop_)?,
            ),
            _ => (
                self.attribute(addr, "_coro")?,
                self.attribute(addr, "_fut_waiter")?,
                self.attribute(addr, "_loop")?,
            ),
        };
        Ok(Some(RawTask {
            addr,
            coro: self.not_none(coro)?,
            waits_for: self.not_none(waits_for)?,
            loop_,
            cancelling: self.is_cancelling(addr)?,
        }))
    }

    /// Whether the task at `addr` was asked to cancel: it is to be told at its
    /// next step, or (3.11+) has not taken it back since it was told.
    fn is_cancelling(&self, addr: u64) -> Result<bool, Fault> {
        if self.kind_of(addr)? == Kind::Task {
            let layout = &self.layout.task;
            let must_cancel = match layout.must_cancel {
                MustCancel::Word(offset) => self.i32(addr, offset)? != 0,
                MustCancel::Bit { byte, bit } => self.u8(addr, byte)? >> bit & 1 != 0,
            };
            return Ok(match layout.cancels_requested {
                Some(offset) => must_cancel || self.i32(addr, offset)? > 0,
                None => must_cancel,
            });
        }
        for name in ["_must_cancel", "_num_cancels_requested"] {
            if let Some(number) = self.attribute(addr, name)?
                && self.kind_of(number)? == Kind::Int
                && self.int(number)? > 0
            {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// What `get_name()` of the task at `addr` would return.
    pub(crate) fn task_name(&self, addr: u64) -> Result<String, Fault> {
        let name = match self.kind_of(addr)? {
            Kind::Task => self.pointer(addr, self.layout.task.name)?,
            _ => self.attribute(addr, "_name")?,
        };
        let Some(name) = name else {
            return unexpected(addr, "a task without a name");
        };
        match self.kind_of(name)? {
            Kind::Text => self.text(name),
            // 3.12+ counts, and makes the text when it is asked for.
            Kind::Int => Ok(format!("Task-{}", self.int(name)?)),
            _ => unexpected(addr, "a task whose name is not a str"),
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
                Some(_) => unexpected(addr, "a future whose state is not a str"),
            },
            _ => unexpected(addr, "not a task of a kind that is known"),
        }
    }

    /// The callables that the future at `addr` calls when it completes.
    pub(crate) fn callbacks(&self, addr: u64) -> Result<Vec<u64>, Fault> {
        match self.kind_of(addr)? {
            Kind::Task | Kind::Future => {
                let layout = &self.layout.future;
                let first = self.pointer(addr, layout.callback0)?;
                let rest = self.pointer(addr, layout.callbacks)?;
                let mut callbacks: Vec<u64> = first.into_iter().collect();
                if let Some(rest) = self.not_none(rest)? {
                    self.add_callbacks(rest, &mut callbacks)?;
                }
                Ok(callbacks)
            }
            Kind::PyTask | Kind::PyFuture => {
                // asyncio's own, or those of a `concurrent.futures.Future`.
                let list = match self.attribute(addr, "_callbacks")? {
                    Some(list) => Some(list),
                    None => self.attribute(addr, "_done_callbacks")?,
                };
                let mut callbacks = Vec::new();
                if let Some(list) = list {
                    self.add_callbacks(list, &mut callbacks)?;
                }
                Ok(callbacks)
            }
            _ => Ok(Vec::new()),
        }
    }

    /// The futures that the interpreter recorded as waiting for the one at `addr` (3.14+).
    pub(crate) fn recorded_awaiters(&self, addr: u64) -> Result<Vec<u64>, Fault> {
        let Some(layout) = self.layout.future.awaited_by else {
            return Ok(Vec::new());
        };
        match self.kind_of(addr)? {
            Kind::Task | Kind::Future => match self.pointer(addr, layout.value)? {
                None => Ok(Vec::new()),
                Some(set) if self.u8(addr, layout.is_set)? != 0 => match self.kind_of(set)? {
                    Kind::Set => self.set(set),
                    _ => unexpected(addr, "a record of awaiters that is no set"),
                },
                Some(future) => Ok(vec![future]),
            },
            Kind::PyTask | Kind::PyFuture => {
                match self.attribute(addr, "_Future__asyncio_awaited_by")? {
                    Some(set) if self.kind_of(set)? == Kind::Set => self.set(set),
                    _ => Ok(Vec::new()),
                }
            }
            _ => Ok(Vec::new()),
        }
    }

    /// A list of callbacks, or of pairs of a callback and its context.
    fn add_callbacks(&self, list: u64, callbacks: &mut Vec<u64>) -> Result<(), Fault> {
        if self.kind_of(list)? != Kind::List {
            return unexpected(list, "callbacks that are no list");
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
            Some(addr) if self.kind_of(addr)? == Kind::None => Ok(None),
            addr => Ok(addr),
        }
    }
}
