//! Futures of which each task has its own, as those that wait for answers.
//!
//! Nothing is taken on trust: a future that anything else may complete, or that
//! anybody else has in hand, goes the long way.

use std::sync::Arc;

use awaitgraph_model::{Future, Wait, WaitsFor};

use super::super::connections::NEAREST;
use super::super::frames::{Itself, Level};
use super::super::sight::is_kept;
use super::super::{Waits, plain};
use super::rows::Rows;
use super::ways::Way;
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
        let is_alone = found.also_held_by.is_empty() && !found.threadsafe;
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

    /// What is said of futures that are found in the same way; `None` of one that is
    /// not, or of which more may be known.
    pub(super) fn such_futures(
        &self,
        own: &OwnFuture,
        rows: &Rows<'_>,
    ) -> Result<Vec<Option<Arc<WaitsFor>>>, Fault> {
        let objects = self.objects;
        let futures = rows.futures();
        let layout = &objects.layout.future;
        objects.expect(futures);
        let fields = [
            objects.layout.object.ob_type,
            layout.callback0,
            layout.callbacks,
            layout.loop_,
        ];
        let fields = objects.rows(futures, fields)?;
        let callbacks: Vec<u64> = (fields.iter())
            .map(|[_, callback, ..]| callback.unwrap_or_default())
            .collect();
        let mut are_such = objects.are_of_kind(&callbacks, |kind| kind != Kind::Function)?;
        for (is_such, [type_, _, others, _]) in are_such.iter_mut().zip(fields.iter()) {
            *is_such = *is_such && *type_ == Some(own.type_.addr) && self.is_none(*others);
        }
        for (level, type_) in &own.itselves {
            let have_values = objects.have_values(&rows.itselves(*level), type_)?;
            for (is_such, has_values) in are_such.iter_mut().zip(have_values) {
                *is_such &= has_values;
            }
        }
        let names = self.names_by(&own.way, futures, rows)?;
        // What nobody has who could complete it, the loop has not either.
        let orphaned = own.way.is_variable();
        let are_orphaned = match orphaned {
            true => self.are_orphaned(rows, &own.type_)?,
            false => vec![false; futures.len()],
        };
        let mut found = Vec::with_capacity(futures.len());
        for ((((&future, is_such), name), [.., loop_]), is_orphaned) in
            (futures.iter().zip(are_such).zip(names).zip(fields.iter())).zip(are_orphaned)
        {
            let name = name.filter(|_| is_such && !self.is_shared(future));
            let Some(name) = name else {
                found.push(None);
                continue;
            };
            let is_idle = own.idle_loop.is_some() && *loop_ == own.idle_loop;
            let may_be_more = self.is_held_by_threads(future)?
                || match orphaned {
                    true => !is_orphaned,
                    false => {
                        !is_idle
                            && self
                                .completed_by_loop(future, own.type_.kind, true)?
                                .is_some()
                    }
                };
            found.push((!may_be_more).then(|| {
                let what = Future {
                    threadsafe: false,
                    also_held_by: Vec::new(),
                    orphaned,
                };
                Arc::new(WaitsFor {
                    name: Some(name),
                    ..plain(Wait::Future(what), future)
                })
            }));
        }
        Ok(found)
    }

    /// Whether a word is NULL or stands for `None`.
    fn is_none(&self, word: Option<u64>) -> bool {
        let addr = word.filter(|&addr| addr != 0);
        word.is_some() && self.frames.not_none(addr) == Ok(None)
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
}
