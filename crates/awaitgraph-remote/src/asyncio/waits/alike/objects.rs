//! Events and queues of which each task has its own, as workers have for what
//! they are to do.

use awaitgraph_model::{
    Primitive, PrimitiveKind, Queue, QueueEnd, Task, TaskIndex, Wait, WaitsFor,
};

use super::super::frames::{Itself, Level};
use super::super::queues::{OF_QUEUE, bound_of};
use super::super::roles::Role;
use super::super::runs::Run;
use super::super::{Waits, plain};
use super::ways::Way;
use crate::coroutine::Chain;
use crate::frame::RawFrame;
use crate::object::{Fault, Place};

/// What an event has.
const OF_EVENT: [&str; 2] = ["_value", "_waiters"];

/// An object for which nobody else waits.
#[derive(Debug)]
pub(super) struct OwnObject {
    /// The frame whose `self` it is.
    level: usize,
    what: What,
    way: Way,
}

/// What it is, and where it has what is told of it.
#[derive(Debug)]
enum What {
    Event([Place; 2]),
    /// And who awaits the task, which may be for the queue's sake.
    Queue([Place; 4], Option<TaskIndex>),
}

impl Waits<'_> {
    /// How others may have an object of their own; `levels` are the frames of a
    /// task that waits for `object`, and `said` what was found of it.
    pub(super) fn own_object(
        &self,
        task: &Task,
        object: u64,
        levels: &[Level<'_>],
        run: &Run,
        said: &WaitsFor,
    ) -> Result<Option<OwnObject>, Fault> {
        let objects = self.objects;
        if said.id != Some(object) || run.objects.len() != 1 || run.is_entering {
            return Ok(None);
        }
        let what = match &said.what {
            Wait::Primitive(found)
                if found.kind == PrimitiveKind::Event && found.waiting == Some(1) =>
            {
                let places = objects.places_named(object, OF_EVENT)?;
                places.map(What::Event)
            }
            Wait::Queue(found)
                if run.role == Role::Queue(QueueEnd::Get)
                    && found.getters == Some(1)
                    && !self.has_borrowers()? =>
            {
                let places = objects.places_named(object, OF_QUEUE)?;
                places.map(|places| What::Queue(places, first_awaiter(task)))
            }
            _ => None,
        };
        let Some(what) = what else {
            return Ok(None);
        };
        let mut level = None;
        for (place, it) in levels.iter().enumerate() {
            if place >= run.length || self.frames.role(it.code) == Some(Role::Awaiting) {
                continue;
            }
            // The functions that tell how it waits are all methods of the object.
            match self.frames.has_itself(it.raw)? {
                Itself::First if level.is_none() && it.raw.first_object() == object => {
                    level = Some(place);
                }
                _ => return Ok(None),
            }
        }
        let Some(level) = level else {
            return Ok(None);
        };
        let Some(name) = &said.name else {
            return Ok(None);
        };
        let way = self.way_to(object, levels, run.length, name)?;
        Ok(way.map(|way| OwnObject { level, what, way }))
    }

    /// What is said of such an object of another task; `None` where it has none, or
    /// more may be known of it.
    pub(super) fn such_an_object(
        &self,
        own: &OwnObject,
        task: &Task,
        chain: Chain<'_>,
    ) -> Result<Option<WaitsFor>, Fault> {
        let objects = self.objects;
        let frame = chain.frames.iter().rev().nth(own.level);
        let object = frame.map_or(0, RawFrame::first_object);
        if object == 0 {
            return Ok(None);
        }
        let length = |list: Option<u64>| list.map(|list| objects.length(list)).transpose();
        let int = |value: Option<u64>| match value {
            Some(value) => self.frames.as_int(value),
            None => Ok(None),
        };
        let what = match &own.what {
            What::Event(places) => {
                let Some([value, waiters]) = objects.values_at(object, places)? else {
                    return Ok(None);
                };
                let waiting = length(waiters)?;
                if waiting != Some(1) {
                    return Ok(None);
                }
                Wait::Primitive(Box::new(Primitive {
                    kind: PrimitiveKind::Event,
                    waiting,
                    value: int(value)?,
                    bound: None,
                    holders: Vec::new(),
                    entering: false,
                    more_holders: false,
                    abandoned: false,
                }))
            }
            What::Queue(places, awaiter) => {
                let Some([bound, items, getters, putters]) = objects.values_at(object, places)?
                else {
                    return Ok(None);
                };
                let getters = length(getters)?;
                if getters != Some(1) || *awaiter != first_awaiter(task) {
                    return Ok(None);
                }
                Wait::Queue(Box::new(Queue {
                    end: QueueEnd::Get,
                    size: length(items)?,
                    bound: bound_of(int(bound)?),
                    getters,
                    putters: length(putters)?,
                    others: self.others(QueueEnd::Get, &[object])?,
                    more_others: false,
                    holders: Vec::new(),
                }))
            }
        };
        let Some(name) = self.name_by(&own.way, object, chain)? else {
            return Ok(None);
        };
        let mut found = plain(what, object);
        found.name = Some(name);
        Ok(Some(found))
    }
}

fn first_awaiter(task: &Task) -> Option<TaskIndex> {
    task.awaited_by.first().map(|awaiter| awaiter.task)
}
