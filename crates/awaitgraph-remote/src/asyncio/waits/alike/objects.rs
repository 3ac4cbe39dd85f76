//! Events and queues of which each task has its own, as workers have for what
//! they are to do.

use std::iter;
use std::sync::Arc;

use awaitgraph_model::{
    Primitive, PrimitiveKind, Queue, QueueEnd, Task, TaskIndex, Wait, WaitsFor,
};

use super::super::frames::{Itself, Level};
use super::super::queues::{OF_QUEUE, bound_of};
use super::super::roles::Role;
use super::super::runs::Run;
use super::super::{Waits, plain};
use super::rows::Rows;
use super::ways::Way;
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

    /// What is said of such objects of other tasks; `None` of one that has none, or
    /// where more may be known of it.
    pub(super) fn such_objects(
        &self,
        own: &OwnObject,
        rows: &Rows<'_>,
    ) -> Result<Vec<Option<Arc<WaitsFor>>>, Fault> {
        let found = rows.itselves(own.level);
        let what = match &own.what {
            What::Event(places) => self.events(&found, places)?,
            What::Queue(places, awaiter) => self.queues_to_get(&found, places, *awaiter, rows)?,
        };
        let names = self.names_by(&own.way, &found, rows)?;
        Ok((what.into_iter().zip(names).zip(found))
            .map(|((what, name), object)| {
                let name = Some(name?);
                Some(Arc::new(WaitsFor {
                    name,
                    ..plain(what?, object)
                }))
            })
            .collect())
    }

    /// These events, for each of which one task waits.
    fn events(&self, events: &[u64], places: &[Place; 2]) -> Result<Vec<Option<Wait>>, Fault> {
        let rows = self.objects.values_of_each(events, places)?;
        let values = self.ints(&column(&rows, |[value, _]| value))?;
        let waiting = self
            .objects
            .lengths(&column(&rows, |[_, waiters]| waiters))?;
        Ok((waiting.into_iter().zip(values))
            .map(|(waiting, value)| {
                waiting.filter(|&waiting| waiting == 1)?;
                Some(Wait::Primitive(Box::new(Primitive {
                    kind: PrimitiveKind::Event,
                    waiting,
                    value: Some(value?),
                    bound: None,
                    holders: Vec::new(),
                    entering: false,
                    more_holders: false,
                    abandoned: false,
                })))
            })
            .collect())
    }

    /// These queues, from each of which one task wants to get something.
    fn queues_to_get(
        &self,
        queues: &[u64],
        places: &[Place; 4],
        awaiter: Option<TaskIndex>,
        rows: &Rows<'_>,
    ) -> Result<Vec<Option<Wait>>, Fault> {
        let objects = self.objects;
        let values = objects.values_of_each(queues, places)?;
        let bounds = self.ints(&column(&values, |[bound, ..]| bound))?;
        let items = column(&values, |[_, items, ..]| items);
        let getters = column(&values, |[_, _, getters, _]| getters);
        let putters = column(&values, |[.., putters]| putters);
        objects.expect(&[items.as_slice(), &getters, &putters].concat());
        let sizes = objects.lengths(&items)?;
        let getters = objects.lengths(&getters)?;
        let putters = objects.lengths(&putters)?;
        let counts = sizes.into_iter().zip(getters).zip(putters);
        let mut found = Vec::with_capacity(queues.len());
        for (((queue, task), ((size, getters), putters)), bound) in
            queues.iter().zip(rows.tasks()).zip(counts).zip(bounds)
        {
            let (Some(size), Some(1), Some(putters), Some(bound)) = (size, getters, putters, bound)
            else {
                found.push(None);
                continue;
            };
            if awaiter != first_awaiter(task) {
                found.push(None);
                continue;
            }
            found.push(Some(Wait::Queue(Box::new(Queue {
                end: QueueEnd::Get,
                size: Some(size),
                bound: bound_of(Some(bound)),
                getters: Some(1),
                putters: Some(putters),
                others: self.others(QueueEnd::Get, &[*queue])?,
                more_others: false,
                holders: Vec::new(),
            }))));
        }
        Ok(found)
    }

    /// The ints at these addresses, many of which are the same.
    fn ints(&self, addrs: &[u64]) -> Result<Vec<Option<i64>>, Fault> {
        let each: Vec<&[u64]> = addrs.chunk_by(u64::eq).collect();
        let different: Vec<u64> = (each.iter())
            .map(|same| same.first().map_or(0, |&addr| addr))
            .collect();
        let values = self.objects.ints(&different)?;
        Ok((each.iter().zip(values))
            .flat_map(|(same, value)| iter::repeat_n(value, same.len()))
            .collect())
    }
}

/// One of the words of each row; 0 where there is none.
fn column<const N: usize>(rows: &[Option<[u64; N]>], word: fn([u64; N]) -> u64) -> Vec<u64> {
    rows.iter().map(|row| row.map_or(0, word)).collect()
}

fn first_awaiter(task: &Task) -> Option<TaskIndex> {
    task.awaited_by.first().map(|awaiter| awaiter.task)
}
