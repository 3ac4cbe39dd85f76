//! Futures of which each task has its own, as those that wait for answers.
//!
//! Nothing is taken on trust: a future that anything else may complete, or that
//! anybody else has in hand, goes the long way.

use awaitgraph_model::{Future, Wait, WaitsFor};

use super::super::connections::NEAREST;
use super::super::frames::{Itself, Level};
use super::super::sight::is_kept;
use super::super::{Waits, plain};
use super::ways::Way;
use crate::coroutine::Chain;
use crate::frame::RawFrame;
use crate::object::{Fault, Kind, Type};

/// A future of which nothing is known but how the program refers to it.
#[derive(Debug)]
pub(super) struct OwnFuture {
    type_: Type,
    /// The loop that it belongs to, if that has nothing in hand that completes a
    /// future.
    idle_loop: Option<u64>,
    /// The frames whose `self` might have had to do with a connection, but is of
    /// such a type.
    itselves: Vec<(usize, Type)>,
    way: Way,
}

impl Waits<'_> {
    /// How a future that nothing else is known of may be found in other tasks;
    /// `levels` are the frames of who waits for it, and `said` what was found of it.
    pub(super) fn own_future(
        &self,
        future: u64,
        levels: &[Level<'_>],
        said: &WaitsFor,
    ) -> Result<Option<OwnFuture>, Fault> {
        let objects = self.objects;
        let (Wait::Future(found), Some(name)) = (&said.what, &said.name) else {
            return Ok(None);
        };
        let type_ = objects.type_of(future)?;
        let is_alone = *found.held_by == [name.as_str()] && !found.threadsafe;
        if !is_alone
            || is_kept(name) == found.orphaned
            || said.id != Some(future)
            || type_.kind != Kind::Future
            || !self.is_plain(&type_)?
            || !self.wakes_one_task(future)?
        {
            return Ok(None);
        }
        let mut itselves = Vec::new();
        for (place, level) in levels.iter().enumerate() {
            match self.frames.has_itself(level.raw)? {
                Itself::First if place < NEAREST => {
                    let object = level.raw.first_object();
                    if !self.is_apart(object)? {
                        return Ok(None);
                    }
                    itselves.push((place, objects.type_of(object)?));
                }
                Itself::First | Itself::Missing => {}
                Itself::Elsewhere => return Ok(None),
            }
        }
        let way = self.way_to(future, levels, 0, name)?;
        let Some(way) = way.filter(|way| way.is_variable() == found.orphaned) else {
            return Ok(None);
        };
        let loop_ = objects.pointer(future, objects.layout.future.loop_)?;
        let idle_loop = match loop_ {
            Some(loop_) if !found.orphaned && self.completes_nothing(loop_)? => Some(loop_),
            _ => None,
        };
        Ok(Some(OwnFuture {
            type_,
            idle_loop,
            itselves,
            way,
        }))
    }

    /// What is said of a future that is found in the same way; `None` where it is
    /// not, or more may be known of it.
    pub(super) fn such_a_future(
        &self,
        own: &OwnFuture,
        future: u64,
        chain: Chain<'_>,
    ) -> Result<Option<WaitsFor>, Fault> {
        let objects = self.objects;
        if objects.u64(future, objects.layout.object.ob_type)? != own.type_.addr {
            return Ok(None);
        }
        let Some(name) = self.name_by(&own.way, future, chain)? else {
            return Ok(None);
        };
        for (level, type_) in &own.itselves {
            let frame = chain.frames.iter().rev().nth(*level);
            let object = frame.map_or(0, RawFrame::first_object);
            if object == 0 || !objects.has_values(object, type_)? {
                return Ok(None);
            }
        }
        if !self.wakes_one_task(future)?
            || self.is_shared(future)
            || self.is_held_by_threads(future)?
        {
            return Ok(None);
        }
        // What nobody has who could complete it, the loop has not either.
        let orphaned = own.way.is_variable();
        let may_be_more = match orphaned {
            true => !self.is_orphaned(future, &own.type_)?,
            false => self.is_completed_by_loop(own, future)?,
        };
        if may_be_more {
            return Ok(None);
        }
        let what = Future {
            threadsafe: false,
            held_by: vec![name.clone()],
            orphaned,
        };
        let mut found = plain(Wait::Future(what), future);
        found.name = Some(name);
        Ok(Some(found))
    }

    /// Whether the future calls one thing, and that is no function: then it stands
    /// for nothing else.
    fn wakes_one_task(&self, future: u64) -> Result<bool, Fault> {
        let objects = self.objects;
        let layout = &objects.layout.future;
        let Some(callback) = objects.pointer(future, layout.callback0)? else {
            return Ok(false);
        };
        let others = objects.pointer(future, layout.callbacks)?;
        Ok(self.frames.not_none(others)?.is_none() && objects.kind_of(callback)? != Kind::Function)
    }

    fn is_completed_by_loop(&self, own: &OwnFuture, future: u64) -> Result<bool, Fault> {
        let loop_ = self.objects.layout.future.loop_;
        if own.idle_loop.is_some() && self.objects.pointer(future, loop_)? == own.idle_loop {
            return Ok(false);
        }
        let found = self.completed_by_loop(future, own.type_.kind, true)?;
        Ok(found.is_some())
    }
}
