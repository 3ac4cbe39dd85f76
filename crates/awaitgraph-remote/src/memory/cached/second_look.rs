//! What was copied, held against what the target has now.
//!
//! The target may be waiting for that. So where there is much of it, several
//! threads do it, part by part.

use std::sync::{Mutex, PoisonError};
use std::thread;

use super::pages::{CHUNK, Chunk, PAGE, Part, Run};
use super::{Cached, MOST_FETCHED, settle};
use crate::limits;
use crate::map::HashMap;
use crate::memory::{Memory, Piece, Unreadable, Why};

/// How much is held against what is here at a time: so little that it stays in
/// the processor's own cache.
const STAGE: usize = CHUNK;

/// For fewer parts a second thread is not worth its making.
const MANY_PARTS: usize = 5;

/// What a second look at all that is here takes.
pub(crate) struct SecondLook {
    /// The pages of which something was used, and those that came with them.
    used: Vec<Vec<Run>>,
    others: Vec<Vec<Run>>,
    /// One for each that looks.
    stages: Vec<Vec<u8>>,
}

impl<M: Memory + Sync> Cached<M> {
    /// Reads every page again that was tried before, and says whether all that
    /// was ever used of them is still the same. Where it is not, it is from now on.
    pub(crate) fn refresh(&mut self) -> bool {
        self.compared.set(false);
        self.look_at_all(true)
    }

    /// Makes ready for [`Self::refresh_if_changed`], so that the target need not
    /// wait for that.
    pub(crate) fn second_look(&self) -> SecondLook {
        let kept = self.kept.borrow();
        let lookers = match kept.count_parts() {
            0..MANY_PARTS => 1,
            parts => thread::available_parallelism()
                .map_or(1, usize::from)
                .min(limits::MOST_LOOKERS)
                .min(parts),
        };
        SecondLook {
            used: kept.runs(true),
            others: kept.runs(false),
            // Not zeros, which would not be there before they are written to.
            stages: vec![vec![1; STAGE]; lookers],
        }
    }

    /// The same as [`Self::refresh`] where something has changed; where nothing
    /// has, only the pages are read of which something was used. Nothing may
    /// have been read since `second` was made.
    pub(crate) fn refresh_if_changed(&mut self, second: SecondLook) -> bool {
        let SecondLook {
            used,
            others,
            mut stages,
        } = second;
        self.compared.set(false);
        self.begin_again();
        if self.look_again(&used, &mut stages, true) {
            return true;
        }
        self.look_again(&others, &mut stages, true);
        false
    }

    /// The same, but what is here stays. What has changed is known from now on:
    /// reads of it are counted in [`Memory::torn`].
    pub(crate) fn compare(&mut self) -> bool {
        self.compared.set(true);
        self.look_at_all(false)
    }

    fn look_at_all(&mut self, renew: bool) -> bool {
        let SecondLook {
            used,
            others,
            mut stages,
        } = self.second_look();
        self.begin_again();
        let same = self.look_again(&used, &mut stages, renew);
        self.look_again(&others, &mut stages, renew);
        same
    }

    fn begin_again(&mut self) {
        self.left.set(MOST_FETCHED);
        self.forget_recent();
    }

    fn look_again(&mut self, runs: &[Vec<Run>], stages: &mut [Vec<u8>], renew: bool) -> bool {
        let kept = self.kept.get_mut();
        let (parts, chunks) = kept.parts();
        let look = Look {
            memory: &self.memory,
            chunks,
            parts: Mutex::new(parts.zip(runs)),
            renew,
        };
        let found: Vec<Found> = thread::scope(|scope| {
            let mut stages = stages.iter_mut();
            let own = stages.next();
            // Where the system has no more threads, there are fewer.
            let others: Vec<_> = stages
                .filter_map(|stage| {
                    let looker = thread::Builder::new().name("looker".to_owned());
                    looker.spawn_scoped(scope, || look.at_parts(stage)).ok()
                })
                .collect();
            let own = own.map(|stage| look.at_parts(stage));
            let others = others.into_iter().map(|other| match other.join() {
                Ok(found) => found,
                Err(panic) => std::panic::resume_unwind(panic),
            });
            own.into_iter().chain(others).collect()
        });
        drop(look);
        let mut same = !self.dropped.get();
        for found in found {
            same &= found.same;
            self.bytes_read.set(self.bytes_read.get() + found.bytes);
            if found.lost.is_some() {
                self.lost.set(found.lost);
            }
            for (run, readable) in found.changed {
                kept.set_readable(run, readable);
            }
        }
        same
    }
}

/// What several threads look at.
struct Look<'a, M, P> {
    memory: &'a M,
    chunks: &'a HashMap<u64, Chunk>,
    /// The parts that nobody looks at yet, each with its runs.
    parts: Mutex<P>,
    renew: bool,
}

/// What one of them found.
struct Found {
    /// Whether all that was used is the same.
    same: bool,
    /// How many bytes it read.
    bytes: u64,
    lost: Option<Why>,
    /// The runs of which other pages can be read than before, and which.
    changed: Vec<(Run, u32)>,
}

impl<'a, M: Memory, P: Iterator<Item = (Part<'a>, &'a Vec<Run>)>> Look<'a, M, P> {
    /// Looks at part after part, as long as there are any.
    fn at_parts(&self, stage: &mut [u8]) -> Found {
        let mut found = Found {
            same: true,
            bytes: 0,
            lost: None,
            changed: Vec::new(),
        };
        let next = || {
            self.parts
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .next()
        };
        while let Some((mut part, runs)) = next() {
            self.at_part(&mut part, runs, stage, &mut found);
        }
        found
    }

    fn at_part(&self, part: &mut Part<'_>, runs: &[Run], stage: &mut [u8], found: &mut Found) {
        let mut rest = runs;
        while !rest.is_empty() {
            let mut room = &mut *stage;
            let mut pieces = Vec::with_capacity(STAGE / PAGE);
            let mut left = rest.iter();
            while let Some(run) = left.as_slice().first()
                && let Some((bytes, behind)) = room.split_at_mut_checked(run.length * PAGE)
            {
                pieces.push(Piece::new(run.addr(), bytes));
                room = behind;
                left.next();
            }
            self.memory.read_many(&mut pieces);
            for (run, piece) in rest.iter().zip(&mut pieces) {
                found.note(piece.bytes.len(), piece.result);
                let readable = settle(run.first, piece, |addr, bytes| {
                    found.lost.is_none() && found.note(PAGE, self.memory.read(addr, bytes))
                });
                let was = self.chunks.get(&run.chunk).copied().unwrap_or_default();
                let both = (was.readable, readable);
                found.same &= part.look_again(*run, piece.bytes, both, self.renew);
                if self.renew && was.readable & run.pages() != readable {
                    found.changed.push((*run, readable));
                }
            }
            rest = left.as_slice();
        }
    }
}

impl Found {
    /// Takes note of a reading; whether it was one.
    fn note(&mut self, length: usize, result: Result<(), Unreadable>) -> bool {
        match result {
            Ok(()) => self.bytes += length as u64,
            Err(error) if error.why.is_lasting() => self.lost = Some(error.why),
            Err(_) => {}
        }
        result.is_ok()
    }
}
