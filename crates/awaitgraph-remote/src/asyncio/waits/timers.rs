//! Timers: when a sleep ends, and when somebody gives up.

use std::rc::Rc;

use awaitgraph_model::TaskIndex;

use super::Waits;
use super::frames::Level;
use super::roles::Role;
use crate::frame::RawFrame;
use crate::limits;
use crate::map::HashMap;
use crate::object::{Fault, Kind, Place};

/// What a timer has: when it calls, what, and with which arguments.
const PARTS: [&str; 3] = ["_when", "_callback", "_args"];
/// The largest object that is searched for a float.
const LARGEST: u64 = 256;

impl Waits<'_> {
    /// Seconds until the `TimerHandle` at `addr` calls.
    pub(super) fn left_of_timer(&self, addr: u64) -> Result<Option<f64>, Fault> {
        let when = match self.objects.attribute(addr, "_when")? {
            Some(when) => self.objects.number(when)?,
            None => self.only_float_in(addr)?,
        };
        Ok(self.left(when))
    }

    /// Seconds until the timeout at `addr` gives up: one of asyncio, of the
    /// package `async_timeout`, a cancel scope of anyio, or that of a request of
    /// aiohttp, whose timer knows it and not the other way round.
    pub(super) fn left_of_timeout(&self, addr: u64) -> Result<Option<f64>, Fault> {
        if let Some(loop_) = self.loop_of_request(addr)? {
            let when = self.ends_of_requests(loop_)?.get(&addr).copied();
            return Ok(self.left(when));
        }
        for name in ["_when", "_deadline"] {
            if let Some(when) = self.objects.attribute(addr, name)? {
                return Ok(self.left(self.objects.number(when)?));
            }
        }
        Ok(None)
    }

    /// The timeouts that the task is inside of, the innermost first, but for those
    /// that do not reach it: the cancel scopes of anyio around one that shields.
    /// Those of asyncio cancel the task itself.
    pub(super) fn timeouts_that_reach(&self, task: TaskIndex) -> Result<Vec<u64>, Fault> {
        let timeouts = self.entered.timeouts(task);
        let mut reach = Vec::with_capacity(timeouts.len());
        let mut is_shielded = false;
        for &timeout in timeouts.iter().rev() {
            // Only what is further out is shielded.
            let shields = match timeouts.len() {
                1 => None,
                _ => self.frames.int(timeout, "_shield")?,
            };
            if !(is_shielded && shields.is_some()) {
                reach.push(timeout);
            }
            is_shielded |= shields == Some(1);
        }
        Ok(reach)
    }

    /// Whether the timeout at `addr` has a limit that is yet to come: one that
    /// has run out cancels its task but once.
    pub(super) fn will_run_out(&self, addr: u64) -> Result<bool, Fault> {
        let names = ["_timeout_handler", "_when", "_deadline"];
        let [handler, when, deadline] = self.objects.attributes_named(addr, names)?;
        if let Some(handler) = handler {
            return Ok(self.objects.kind_of(handler)? != Kind::None);
        }
        if self.loop_of_request(addr)?.is_some() {
            return Ok(self.frames.int(addr, "_cancelled")? != Some(1));
        }
        Ok(match when.or(deadline) {
            Some(when) => self.objects.number(when)?.is_some_and(f64::is_finite),
            None => false,
        })
    }

    /// Seconds until the `asyncio.wait_for` or `asyncio.wait` that the task is
    /// in gives up, where it has a timer of its own.
    pub(super) fn left_of_wait_for(&self, levels: &[Level<'_>]) -> Result<Option<f64>, Fault> {
        match self.timer_of_wait_for(levels)? {
            Some(handle) => self.left_of_timer(handle),
            None => Ok(None),
        }
    }

    /// That timer.
    pub(super) fn timer_of_wait_for(&self, levels: &[Level<'_>]) -> Result<Option<u64>, Fault> {
        for level in levels {
            match self.frames.role(level.code) {
                Some(Role::Awaiting) => {}
                Some(Role::WaitFor | Role::WaitSet) => {
                    return self.frames.variable(level.raw, "timeout_handle");
                }
                _ => return Ok(None),
            }
        }
        Ok(None)
    }

    /// The loop of the `TimerContext` at `addr`, if it is one
    /// (`aiohttp/helpers.py`): it is told when time is over, and cancels the
    /// tasks that are inside of it.
    fn loop_of_request(&self, addr: u64) -> Result<Option<u64>, Fault> {
        let [tasks, loop_] = self.objects.attributes_named(addr, ["_tasks", "_loop"])?;
        match tasks {
            Some(tasks) if self.objects.kind_of(tasks)? == Kind::List => Ok(loop_),
            _ => Ok(None),
        }
    }

    /// When the timers of the loop at `addr` end the requests of aiohttp, each
    /// by what its task is inside of: `call_at(when, handle.__call__)`, where the
    /// handle has a list of what it calls in its turn.
    fn ends_of_requests(&self, addr: u64) -> Result<Rc<HashMap<u64, f64>>, Fault> {
        if let Some(known) = self.requests.borrow().get(&addr) {
            return Ok(Rc::clone(known));
        }
        let objects = self.objects;
        let itself = |method| -> Result<Option<u64>, Fault> {
            match objects.kind_of(method)? {
                Kind::Method => objects.pointer(method, objects.layout.method.self_),
                _ => Ok(None),
            }
        };
        let mut found = HashMap::default();
        if let Some(timers) = objects.attribute(addr, "_scheduled")?
            && objects.kind_of(timers)? == Kind::List
        {
            for timer in objects.list(timers)? {
                let [when, callback] = objects.attributes_named(timer, ["_when", "_callback"])?;
                if let (Some(when), Some(callback)) = (when, callback)
                    && let Some(handle) = itself(callback)?
                    && objects.kind_of(handle)? == Kind::Other
                    && let Some(calls) = objects.attribute(handle, "_callbacks")?
                    && objects.kind_of(calls)? == Kind::List
                    && let Some(when) = objects.number(when)?
                {
                    for call in objects
                        .list(calls)?
                        .into_iter()
                        .take(limits::MOST_ATTRIBUTES)
                    {
                        if objects.kind_of(call)? == Kind::Tuple
                            && let Some(method) = objects.tuple_item(call, 0)?
                            && let Some(context) = itself(method)?
                        {
                            objects.hold(32)?;
                            found.insert(context, when);
                        }
                    }
                }
            }
        }
        let found = Rc::new(found);
        self.requests.borrow_mut().insert(addr, Rc::clone(&found));
        Ok(found)
    }

    pub(super) fn left(&self, when: Option<f64>) -> Option<f64> {
        let left = when? - self.around.now?;
        left.is_finite().then_some(left)
    }

    /// For how many seconds the loop whose thread has these frames, innermost
    /// first, has been calling what was ready when it last looked. It takes the
    /// time right before that (`end_time` in `Lib/asyncio/base_events.py`,
    /// `_run_once`, the same from 3.8 to 3.15), in a frame of its own each time.
    pub(crate) fn turn_of(&self, frames: &[RawFrame]) -> Result<Option<f64>, Fault> {
        let mut codes: HashMap<u64, bool> = HashMap::default();
        for frame in frames.iter().take(limits::DEEPEST_TURN) {
            let is_turn = match codes.get(&frame.code) {
                Some(&known) => known,
                None => {
                    let name = self.codes.name(frame.code)?;
                    let is_turn = name.rsplit('.').next() == Some("_run_once");
                    codes.insert(frame.code, is_turn);
                    is_turn
                }
            };
            if is_turn {
                let Some(begun) = self.frames.variable(frame, "end_time")? else {
                    return Ok(None);
                };
                let left = self.left(self.objects.number(begun)?);
                return Ok(left.map(|left| (-left).max(0.0)));
            }
        }
        Ok(None)
    }

    /// uvloop's timers are written in C, and have but one float: when they call.
    fn only_float_in(&self, addr: u64) -> Result<Option<f64>, Fault> {
        let objects = self.objects;
        let type_ = objects.type_of(addr)?;
        let name = objects.type_name(type_.addr)?;
        if !name.starts_with("uvloop.") || type_.basicsize > LARGEST {
            return Ok(None);
        }
        let begin = objects.layout.object.header;
        for offset in (begin..type_.basicsize).step_by(8) {
            // A word that is no pointer to an object is none of ours.
            if let Some(value) = objects.pointer(addr, offset)?
                && value.is_multiple_of(8)
                && objects.kind_of(value) == Ok(Kind::Float)
            {
                return objects.float(value).map(Some);
            }
        }
        Ok(None)
    }

    /// When each of the futures is completed that a timer of the loop at
    /// `addr` has in hand, but for those on which it gives up.
    pub(super) fn scheduled(&self, addr: u64) -> Result<Rc<HashMap<u64, f64>>, Fault> {
        if let Some(known) = self.scheduled.borrow().get(&addr) {
            return Ok(Rc::clone(known));
        }
        let mut found = HashMap::default();
        if let Some(timers) = self.objects.attribute(addr, "_scheduled")?
            && self.objects.kind_of(timers)? == Kind::List
        {
            let mut places = None;
            let mut in_hand = Vec::new();
            for timer in self.objects.list(timers)? {
                let [when, callback, args] = self.parts_of_timer(timer, &mut places)?;
                let when = when.map(|when| self.objects.number(when));
                let (Some(when), Some(callback)) = (when.transpose()?.flatten(), callback) else {
                    continue;
                };
                match self.only_future_of(callback, args)? {
                    Some(future) => in_hand.push(future),
                    None => {
                        let all = self.futures_of_call(callback, args)?;
                        let completed = all.iter().filter(|it| !it.gives_up);
                        in_hand.extend(completed.map(|it| it.future));
                    }
                }
                for future in in_hand.drain(..) {
                    self.objects.hold(32)?;
                    found.entry(future).or_insert(when);
                }
            }
        }
        let found = Rc::new(found);
        self.scheduled.borrow_mut().insert(addr, Rc::clone(&found));
        Ok(found)
    }

    /// When a timer calls what with which arguments; `places` are where the one
    /// before has that, as nearly all others have.
    fn parts_of_timer(
        &self,
        timer: u64,
        places: &mut Option<[Place; 3]>,
    ) -> Result<[Option<u64>; 3], Fault> {
        if let Some(places) = places
            && let Some(parts) = self.objects.values_at(timer, places)?
        {
            return Ok(parts);
        }
        *places = self.objects.places_named(timer, PARTS)?;
        self.objects.attributes_named(timer, PARTS)
    }

    /// Seconds until a timer completes the future, if one does.
    pub(super) fn left_of_scheduled(
        &self,
        future: u64,
        loop_: Option<u64>,
    ) -> Result<Option<f64>, Fault> {
        let Some(loop_) = loop_ else {
            return Ok(None);
        };
        let when = self.scheduled(loop_)?.get(&future).copied();
        Ok(self.left(when))
    }

    /// Those of the futures that `asyncio.wait` waits for that are not done.
    pub(super) fn pending_of_set(&self, frame: &RawFrame) -> Result<Vec<u64>, Fault> {
        let Some(set) = self.frames.variable(frame, "fs")? else {
            return Ok(Vec::new());
        };
        if self.objects.kind_of(set)? != Kind::Set {
            return Ok(Vec::new());
        }
        let mut pending = Vec::new();
        for future in self.objects.set(set)? {
            if self.objects.is_pending(future)? {
                pending.push(future);
            }
        }
        Ok(pending)
    }
}
