//! What was copied, held against what the target has now.
//!
//! The target may be waiting for that. So several threads do it, part by part:
//! each is given away whole, and comes back.

use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use super::pages::{CHUNK, Pages, Run};
use super::part::{MOST_PAGES, PAGE, Part};
use super::{Cached, MOST_FETCHED, settle};
use crate::limits;
use crate::memory::aside::Errand;
use crate::memory::{Memory, Piece, Unreadable, Why};
use crate::sys::Region;

/// How much is held against what is here at a time: so little that it stays in
/// the processor's own cache.
const STAGE: usize = CHUNK;
/// From so many pages on it is told to the thread aside.
const FOR_TWO: usize = 64;
/// From so many on it is worth the making of more threads.
const FOR_MORE: usize = 4 * MOST_PAGES;

/// What a second look at all that is here takes.
pub(crate) struct SecondLook {
    /// The pages of which something was used, and those that came with them, by
    /// the parts that they are in.
    used: Vec<Vec<Run>>,
    others: Vec<Vec<Run>>,
    /// One for each that looks.
    stages: Vec<Region>,
}

impl<M: Memory> Cached<M> {
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
        let used = kept.runs(true);
        SecondLook {
            stages: self.stages(&used),
            used,
            others: kept.runs(false),
        }
    }

    /// A stage for each thread that is to look at these.
    fn stages(&self, runs: &[Vec<Run>]) -> Vec<Region> {
        let pages: usize = runs.iter().flatten().map(|run| run.length).sum();
        let has_aside = self.rooms.borrow().aside().is_some();
        let lookers = match pages {
            _ if !has_aside => 1,
            ..FOR_TWO => 1,
            FOR_TWO..FOR_MORE => 2,
            FOR_MORE.. => thread::available_parallelism()
                .map_or(2, usize::from)
                .clamp(2, limits::MOST_LOOKERS),
        };
        let stage = |_| {
            let mut stage = self.room(STAGE);
            // The kernel has to find it now, and not while the target waits.
            stage.fill(0);
            stage
        };
        (0..lookers).map(stage).collect()
    }

    /// The same as [`Self::refresh`] where something has changed; where nothing
    /// has, only the pages are read of which something was used. Nothing may
    /// have been read since `second` was made.
    pub(crate) fn refresh_if_changed(&mut self, second: SecondLook) -> bool {
        self.compared.set(false);
        self.begin_again();
        if self.look_again(second.used, second.stages, true) {
            return true;
        }
        let stages = self.stages(&second.others);
        self.look_again(second.others, stages, true);
        false
    }

    /// The same, but what is here stays. What has changed is known from now on:
    /// reads of it are counted in [`Memory::torn`].
    pub(crate) fn compare(&mut self) -> bool {
        self.compared.set(true);
        self.look_at_all(false)
    }

    fn look_at_all(&mut self, renew: bool) -> bool {
        let second = self.second_look();
        self.begin_again();
        let same = self.look_again(second.used, second.stages, renew);
        let stages = self.stages(&second.others);
        self.look_again(second.others, stages, renew);
        same
    }

    fn begin_again(&mut self) {
        self.ahead.forget();
        self.left.set(MOST_FETCHED);
        self.forget_recent();
    }

    fn look_again(&mut self, runs: Vec<Vec<Run>>, stages: Vec<Region>, renew: bool) -> bool {
        let (mut parts, work) = hand_out(self.kept.get_mut(), runs);
        let work = Arc::new(Mutex::new(work));
        let mut stages = stages.into_iter();
        let own = stages.next();
        let looks: Vec<Errand<Found>> = (stages.enumerate())
            .filter_map(|(number, stage)| self.look_elsewhere(number, stage, &work, renew))
            .collect();
        let own = own.map(|stage| look(&self.memory, &work, stage, renew));
        // Whoever has not begun by now has nothing left to do.
        let others = looks.into_iter().filter_map(Errand::result_if_begun);
        let found: Vec<Found> = own.into_iter().chain(others).collect();

        let mut same = !self.dropped.get();
        let mut changed = Vec::new();
        for found in found {
            same &= found.same;
            self.bytes_read.set(self.bytes_read.get() + found.bytes);
            self.lost.set(found.lost.or(self.lost.get()));
            changed.extend(found.changed);
            for (number, part) in found.looked_at {
                if let Some(place) = parts.get_mut(number) {
                    *place = Some(part);
                }
            }
        }
        match parts.into_iter().collect() {
            Some(parts) => self.kept.get_mut().put_parts(parts),
            None => {
                // A thread has ended that had some of them in hand.
                *self.kept.get_mut() = Pages::default();
                self.dropped.set(true);
                return false;
            }
        }
        for (run, readable) in changed {
            self.kept.get_mut().set_readable(run, readable);
        }
        same
    }

    /// Has another thread look too: the one aside, and then others that are made
    /// for it.
    fn look_elsewhere(
        &self,
        number: usize,
        stage: Region,
        work: &Arc<Mutex<Vec<Work>>>,
        renew: bool,
    ) -> Option<Errand<Found>> {
        let memory = self.memory.apart()?;
        let work = Arc::clone(work);
        let (look, job) = Errand::new(move || look(&*memory, &work, stage, renew));
        match self.rooms.borrow().aside() {
            Some(aside) if number == 0 => aside.run(job),
            // Where the system has no more threads, there are fewer.
            _ => drop(thread::Builder::new().name("looker".to_owned()).spawn(job)),
        }
        Some(look)
    }
}

/// A part that nobody looks at yet, its number, and what to look at in it.
type Work = (usize, Part, Vec<Run>);

/// All parts in their order, but for those in which there is something to look
/// at; of these the largest stands last.
fn hand_out(kept: &mut Pages, runs: Vec<Vec<Run>>) -> (Vec<Option<Part>>, Vec<Work>) {
    let (mut parts, mut work) = (Vec::new(), Vec::new());
    let mut runs = runs.into_iter();
    for (number, part) in kept.take_parts().into_iter().enumerate() {
        let runs = runs.next().unwrap_or_default();
        if runs.is_empty() {
            parts.push(Some(part));
        } else {
            parts.push(None);
            work.push((number, part, runs));
        }
    }
    work.sort_by_cached_key(|(_, _, runs)| runs.iter().map(|run| run.length).sum::<usize>());
    (parts, work)
}

/// What a thread found.
struct Found {
    /// The parts that it looked at.
    looked_at: Vec<(usize, Part)>,
    /// Whether all that was used is the same.
    same: bool,
    /// How many bytes it read.
    bytes: u64,
    lost: Option<Why>,
    /// The runs of which other pages can be read than before, and which.
    changed: Vec<(Run, u32)>,
}

/// Looks at part after part, as long as there are any.
fn look(memory: &dyn Memory, work: &Mutex<Vec<Work>>, mut stage: Region, renew: bool) -> Found {
    let mut found = Found {
        looked_at: Vec::new(),
        same: true,
        bytes: 0,
        lost: None,
        changed: Vec::new(),
    };
    let next = || work.lock().unwrap_or_else(PoisonError::into_inner).pop();
    while let Some((number, mut part, runs)) = next() {
        found.look_at(&mut part, &runs, memory, &mut stage, renew);
        found.looked_at.push((number, part));
    }
    found
}

impl Found {
    fn look_at(
        &mut self,
        part: &mut Part,
        runs: &[Run],
        memory: &dyn Memory,
        stage: &mut [u8],
        renew: bool,
    ) {
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
            if pieces.is_empty() {
                // No run is longer than the stage.
                self.same = false;
                return;
            }
            memory.read_many(&mut pieces);
            for (run, piece) in rest.iter().zip(&mut pieces) {
                self.hold(part, *run, piece, memory, renew);
            }
            rest = left.as_slice();
        }
    }

    /// Holds a run against what has been read of it now.
    fn hold(
        &mut self,
        part: &mut Part,
        run: Run,
        now: &mut Piece<'_>,
        memory: &dyn Memory,
        renew: bool,
    ) {
        self.note(now.bytes.len(), now.result);
        let readable = settle(now, |addr, bytes| {
            self.lost.is_none() && self.note(PAGE, memory.read(addr, bytes))
        });
        let readable = (readable as u32) << run.first;
        let pages = (run.first..).zip(run.within()).zip(now.bytes.chunks(PAGE));
        for ((number, page), now) in pages {
            let is_in = |set: u32| set & 1 << number != 0;
            let both = (is_in(run.readable), is_in(readable));
            self.same &= part.look_again(page, now, both, renew);
        }
        if renew && run.readable & run.pages() != readable {
            self.changed.push((run, readable));
        }
    }

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
