//! Locks, and semaphores, that nobody is left to let go of.
//!
//! A lock that was taken by a bare `acquire()` has no holder on record: the
//! task that took it may live, and let go of it in its own time. Only where
//! all references to a lock are accounted for, and none is of somebody who
//! could release it, it is certain that nobody will:
//!
//! ```text
//!   reference count  =  variables of those who wait for it
//!                     + variables of functions that neither take nor release
//!                       a lock by name
//! ```
//!
//! A function that speaks of `acquire` may well be the one that has the lock,
//! and let a function of its own release it.
//!
//! A lock that is a global, an attribute, or in a list may be released from
//! anywhere, and is never said to be abandoned.

use awaitgraph_model::PrimitiveKind;

use super::Waits;
use super::roles::Role;
use crate::coroutine::End;
use crate::map::HashMap;
use crate::object::{Fault, Kind};

/// What a function speaks of that lets go of a lock, or has to do with it before.
const RELEASE: [&str; 4] = ["release", "acquire", "__aenter__", "__aexit__"];

/// The references to locks that the frames of tasks have.
#[derive(Debug, Default)]
pub(super) struct Counted {
    /// By lock: how many, and whether one is of somebody who may release it.
    locks: HashMap<u64, (u64, bool)>,
}

/// What leads from a frame to a lock: a cell, or a bound method.
#[derive(Debug, Clone, Copy)]
struct Way {
    lock: u64,
    times: u64,
}

impl Waits<'_> {
    /// Whether nobody is left who could let go of the lock, which is taken and
    /// has no holder on record.
    pub(super) fn is_abandoned(&self, lock: u64) -> Result<bool, Fault> {
        Ok(match self.counted()?.locks.get(&lock) {
            Some(&(count, false)) => {
                let type_ = self.objects.type_of(lock)?;
                !self.objects.has_weak_references(lock, &type_)?
                    && count == self.objects.references(lock)?
            }
            _ => false,
        })
    }

    fn counted(&self) -> Result<&Counted, Fault> {
        if let Some(known) = self.counted.get() {
            return Ok(known);
        }
        let objects = self.objects;
        let mut counted = Counted::default();
        let mut ways: HashMap<u64, Way> = HashMap::default();
        let mut locks: HashMap<u64, bool> = HashMap::default();
        let mut semaphores: HashMap<u64, bool> = HashMap::default();
        let mut releases: HashMap<u64, bool> = HashMap::default();
        for (position, chain) in self.picture.chains.iter().enumerate() {
            let task = awaitgraph_model::TaskIndex::from_usize(position);
            // Who waits for a lock cannot release it meanwhile.
            let mut waits_for = None;
            let mut asked = false;
            for frame in chain.frames.iter().filter(|it| it.has_variables()) {
                let variables = self.frames.count(frame.code)?;
                objects.owned(frame, variables, |value| {
                    let lock = match objects.kind_of_shared(value)? {
                        Kind::Other => Some(value),
                        Kind::Cell => objects.pointer(value, objects.layout.cell_content)?,
                        Kind::Method => objects.pointer(value, objects.layout.method.self_)?,
                        _ => None,
                    };
                    let Some(lock) = lock else {
                        return Ok(());
                    };
                    if !self.is_one("Lock", lock, &mut locks)?
                        && !self.is_one("Semaphore", lock, &mut semaphores)?
                    {
                        return Ok(());
                    }
                    if !asked {
                        asked = true;
                        waits_for = match self.run(&self.levels(task))? {
                            Some(run)
                                if matches!(
                                    run.role,
                                    Role::Primitive(PrimitiveKind::Lock | PrimitiveKind::Semaphore)
                                ) =>
                            {
                                run.objects.last().copied()
                            }
                            _ => None,
                        };
                    }
                    objects.hold(64)?;
                    let (count, in_hand) = counted.locks.entry(lock).or_default();
                    if value == lock {
                        *count += 1;
                    } else {
                        let way = ways.entry(value).or_insert(Way { lock, times: 0 });
                        way.times += 1;
                        *count += u64::from(way.times == 1);
                    }
                    *in_hand |= chain.end == End::Executing
                        || waits_for != Some(lock)
                            && self.speaks_of_any(RELEASE, frame.code, &mut releases)?;
                    Ok(())
                })?;
            }
        }
        // A cell or a method that somebody else has too leads there from elsewhere.
        for (&way, &Way { lock, times }) in &ways {
            if objects.references(way)? != times
                && let Some((_, in_hand)) = counted.locks.get_mut(&lock)
            {
                *in_hand = true;
            }
        }
        Ok(self.counted.get_or_init(|| counted))
    }
}
