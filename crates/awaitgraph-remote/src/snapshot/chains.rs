//! The chains of all tasks, and a look ahead at what those will be asked for.

use super::Detail;
use super::gather::NamedTask;
use crate::asyncio::RawTask;
use crate::coroutine::{Chains, End, Stacks};
use crate::frame::RawFrame;
use crate::map::HashMap;
use crate::object::Objects;

/// For so many tasks it is said together what of them will be looked at next:
/// so few that all of it is still at hand by then.
const BLOCK: usize = 1024;
/// So many frames of each, from the innermost out, are those of what it waits for.
const INNERMOST: usize = 3;

/// The chains of all tasks.
///
/// Where there are many, the objects of their innermost frames are looked at ahead:
/// they tell what the tasks wait for.
pub(super) fn of(
    objects: &Objects<'_>,
    tasks: &[NamedTask],
    stacks: &Stacks,
    detail: Detail,
) -> Chains {
    let mut chains = Chains::with_capacity(tasks.len());
    let may_look_ahead = detail == Detail::Whole && tasks.len() > BLOCK;
    let mut methods = Methods::default();
    let mut next = Vec::new();
    for (number, block) in tasks.chunks(BLOCK).enumerate() {
        let raw = || block.iter().map(|task| &task.raw);
        next.clear();
        next.extend(raw().filter_map(RawTask::coro));
        next.extend(raw().filter_map(RawTask::waits_for));
        objects.expect(&next);
        for task in raw() {
            chains.push(|frames| {
                let Some(coro) = task.coro() else {
                    return (End::Resting, None);
                };
                let mut torn = None;
                let (end, fault) =
                    objects.watched(&mut torn, || objects.chain(coro, stacks, frames));
                (end, fault.or(torn))
            });
        }
        if may_look_ahead && objects.looks_ahead() {
            let these = (number * BLOCK..).map_while(|place| chains.get(place));
            let frames = these.flat_map(|chain| chain.frames.iter().rev().take(INNERMOST));
            objects.look_ahead(methods.itselves(objects, frames));
        }
    }
    chains
}

/// Which code is that of a method, by its address, and of what was asked for lately,
/// each at a place that its address gives.
#[derive(Default)]
struct Methods {
    known: HashMap<u64, bool>,
    recent: [(u64, bool); RECENT],
}

const RECENT: usize = 32;

impl Methods {
    /// What the methods among these frames have as their `self`.
    fn itselves<'f>(
        &mut self,
        objects: &Objects<'_>,
        frames: impl Iterator<Item = &'f RawFrame>,
    ) -> Vec<u64> {
        let mut itselves = Vec::new();
        // Many are in the same methods of one object.
        let mut last = 0;
        for frame in frames {
            let object = frame.first_object();
            if object != last && frame.has_variables() && self.is_method(objects, frame.code) {
                itselves.push(object);
                last = object;
            }
        }
        itselves.retain(|&object| object != 0);
        itselves
    }

    fn is_method(&mut self, objects: &Objects<'_>, code: u64) -> bool {
        let place = (code >> 4 ^ code >> 9) as usize % RECENT;
        match self.recent.get(place) {
            Some(&(recent, is_method)) if recent == code => is_method,
            _ => {
                let known = self.known.entry(code);
                let is_method = *known.or_insert_with(|| objects.is_method(code).unwrap_or(false));
                if let Some(recent) = self.recent.get_mut(place) {
                    *recent = (code, is_method);
                }
                is_method
            }
        }
    }
}
