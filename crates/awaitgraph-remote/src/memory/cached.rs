//! A target's memory, each page read once.
//!
//! CPython's objects lie close together: a task, its coroutine, its name and
//! its waiter are small and come from the same pools. Reading 64 KiB costs
//! little more than reading 64 bytes, so nearly every object after the first
//! is already here. But a small process touches few places, far apart: a chunk
//! is read page by page at first, and as a whole once that seems worth it.

mod ahead;
mod pages;
mod part;
mod rooms;
mod second_look;
#[cfg(test)]
mod tests;

use std::cell::{Cell, RefCell};

use super::{Aside, Look, Memory, Piece, Unreadable, Why};
use crate::limits;
use crate::sys::Region;
use ahead::Ahead;
use pages::{ALL, CHUNK, PAGES, Pages, bit, pages};
use part::{PAGE, Part};
use rooms::Rooms;

/// How many pages come together where so many of a chunk are wanted.
const GROUP: usize = 4;
/// How many pages of a chunk are wanted when all others come.
const ENOUGH: usize = 12;
/// How much is kept.
const KEPT_CHUNKS: usize = limits::MOST_KEPT / CHUNK;
/// How many pages may be fetched.
const MOST_FETCHED: u64 = limits::MOST_FETCHED_ANEW * (KEPT_CHUNKS * PAGES) as u64;
/// Reads from this size on go past the cache.
const LARGE: usize = 4 * CHUNK;
/// How many pages there is room for in a part, and so how many are asked for in
/// one call that do not lie together: so few that of a small target, too, several
/// threads have something to look at.
const ROOM: usize = 64;
/// How many pages are known without a look into the table of chunks.
const RECENT: usize = 256;

/// A [`Memory`] that remembers what was read.
pub(crate) struct Cached<M> {
    memory: M,
    kept: RefCell<Pages>,
    rooms: RefCell<Rooms>,
    ahead: Ahead,
    /// Readable pages that were asked for lately, each at the place that its
    /// number gives.
    recent: Box<[Cell<Recent>; RECENT]>,
    bytes_read: Cell<u64>,
    /// How much may still be fetched.
    left: Cell<u64>,
    lost: Cell<Option<Why>>,
    /// Whether anything was fetched since all of it was of one moment.
    late: Cell<bool>,
    /// Whether something was read that is not here any more.
    dropped: Cell<bool>,
    /// Whether what is here is known to be of one moment, but for what is known
    /// to have changed.
    compared: Cell<bool>,
    torn: Cell<u64>,
}

/// A readable page and where it is kept.
#[derive(Debug, Clone, Copy)]
struct Recent {
    number: u64,
    place: u32,
}

impl Recent {
    /// No page has this number.
    const NONE: Self = Self {
        number: u64::MAX,
        place: 0,
    };
}

impl<M: Memory> Cached<M> {
    pub(crate) fn new(memory: M) -> Self {
        Self {
            memory,
            kept: RefCell::default(),
            rooms: RefCell::default(),
            ahead: Ahead::default(),
            recent: Box::new([const { Cell::new(Recent::NONE) }; RECENT]),
            bytes_read: Cell::new(0),
            left: Cell::new(MOST_FETCHED),
            lost: Cell::new(None),
            late: Cell::new(false),
            dropped: Cell::new(false),
            compared: Cell::new(false),
            torn: Cell::new(0),
        }
    }

    /// Has a thread aside get memory ready, and hold pages against the target.
    pub(crate) fn set_aside(&mut self, aside: Box<dyn Aside>) {
        self.rooms.get_mut().set_aside(aside);
    }

    /// Has the thread aside look ahead too, until any of it is read once more.
    pub(crate) fn begin_ahead(&mut self) {
        self.ahead.begin();
    }

    /// Takes what is here for all there is of one moment, of which nothing has been
    /// used yet.
    pub(crate) fn begin_anew(&mut self) {
        self.ahead.forget();
        self.late.set(false);
        self.kept.get_mut().forget_use();
    }

    /// Whether anything was fetched since, which is of another moment.
    pub(crate) fn is_late(&self) -> bool {
        self.late.get()
    }

    /// Forgets all that is here.
    pub(crate) fn reopen(&self) {
        self.ahead.forget();
        *self.kept.borrow_mut() = Pages::default();
        self.forget_recent();
        self.left.set(MOST_FETCHED);
        self.late.set(false);
        self.dropped.set(false);
        self.compared.set(false);
    }

    /// What is read through this.
    #[cfg(test)]
    pub(crate) fn inner(&self) -> &M {
        &self.memory
    }

    /// How many bytes were copied from the target so far.
    pub(crate) fn bytes_read(&self) -> u64 {
        self.bytes_read.get()
    }

    /// Whether a read failed because the process is gone or closed to us.
    pub(crate) fn lost(&self) -> Option<Why> {
        self.lost.get()
    }

    /// The page of this number, tried if it has not been, and where it is kept.
    fn find(&self, number: u64) -> Result<u32, Why> {
        self.look_for(number).map_err(|place| {
            let kept = self.kept.borrow();
            if place.is_some_and(|place| kept.miss(place)) {
                self.torn.set(self.torn.get() + 1);
            }
            self.why_not()
        })
    }

    /// The same; of one that cannot be read, the place that it would have.
    fn look_for(&self, number: u64) -> Result<u32, Option<u32>> {
        let mut kept = self.kept.borrow_mut();
        let (chunk_number, page) = (number / PAGES as u64, (number % PAGES as u64) as usize);
        let mut chunk = kept.chunk(chunk_number);
        let wanted = pages(page, page);
        if wanted & !chunk.tried != 0 {
            self.late.set(true);
            if chunk.tried == 0 && kept.chunks() >= KEPT_CHUNKS {
                *kept = Pages::default();
                self.forget_recent();
                self.dropped.set(true);
            }
            self.fetch(&mut kept, chunk_number, page);
            chunk = kept.chunk(chunk_number);
        }
        match chunk.place(page) {
            Some(place) if wanted & chunk.readable != 0 => {
                if let Some(recent) = self.recent_at(number) {
                    recent.set(Recent { number, place });
                }
                Ok(place)
            }
            place => Err(place),
        }
    }

    /// Tries a page of a chunk which has not been tried, and others with it where
    /// some have been used.
    fn fetch(&self, kept: &mut Pages, number: u64, page: usize) {
        let mut known = kept.chunk(number);
        let tried = known.tried;
        if tried == 0 {
            // Who needed much of the chunk before is likely to need as much of this.
            known = kept.chunk(number.wrapping_sub(1));
        }
        let wanted = kept.wanted(&known);
        let is_worth_it = 2 * wanted >= known.tried.count_ones();
        let together = match wanted as usize {
            _ if !is_worth_it => pages(page, page),
            ..GROUP => pages(page, page),
            GROUP..ENOUGH => {
                let first = page - page % GROUP;
                pages(first, first + GROUP - 1)
            }
            ENOUGH.. => ALL,
        };
        let missing = together & !tried;
        let first = number.wrapping_mul(PAGES as u64);
        let numbers: Vec<u64> = (first..first.wrapping_add(PAGES as u64))
            .filter(|&number| missing & bit(number) != 0)
            .collect();
        self.make_room(kept, numbers.len());
        self.copy(kept, &numbers);
        if self.compared.get() {
            // They come from another moment than the rest.
            kept.distrust(&numbers);
        }
    }

    /// Tries pages that have not been tried, in ascending order. There must be room.
    fn copy(&self, kept: &mut Pages, numbers: &[u64]) {
        self.ahead.note(numbers);
        let Some(mut bytes) = kept.add(numbers) else {
            return;
        };
        let runs: Vec<&[u64]> = (numbers.chunk_by(|one, next| one + 1 == *next)).collect();
        let mut pieces = Vec::with_capacity(runs.len());
        for run in &runs {
            let (piece, rest) = bytes.split_at_mut(run.len() * PAGE);
            bytes = rest;
            let addr = run
                .first()
                .map_or(0, |number| number.wrapping_mul(PAGE as u64));
            pieces.push(Piece::new(addr, piece));
        }
        let cost = (numbers.len() + runs.len()) as u64;
        if self.spend(cost) {
            self.memory.read_many(&mut pieces);
        }
        let settle = |piece: &mut Piece<'_>| {
            let _ = self.note(piece.bytes.len(), piece.result);
            settle(piece, |addr, bytes| {
                self.lost.get().is_none() && self.note(PAGE, self.ask(addr, bytes)).is_ok()
            })
        };
        let readable: Vec<u64> = pieces.iter_mut().map(settle).collect();
        for (run, readable) in runs.iter().zip(readable) {
            for (page, number) in run.iter().enumerate() {
                if readable & 1 << page != 0 {
                    kept.chunk_mut(number / PAGES as u64).readable |= bit(*number);
                }
            }
        }
    }

    /// Makes sure that there is room for so many pages, of a chunk or of few.
    fn make_room(&self, kept: &mut Pages, length: usize) {
        if kept.room() < length {
            kept.open(Part::new(self.room(ROOM * PAGE)));
        }
    }

    /// So many bytes of memory.
    fn room(&self, bytes: usize) -> Region {
        self.rooms.borrow_mut().give(bytes)
    }

    fn read_through(&self, addr: u64, buf: &mut [u8]) -> Result<(), Unreadable> {
        self.late.set(true);
        self.dropped.set(true);
        if self.compared.get() {
            self.torn.set(self.torn.get() + 1);
        }
        self.note(buf.len(), self.ask(addr, buf))
    }

    fn ask(&self, addr: u64, buf: &mut [u8]) -> Result<(), Unreadable> {
        if !self.spend(1 + (buf.len() / PAGE) as u64) {
            let why = Why::TooMuch;
            return Err(Unreadable { addr, why });
        }
        self.memory.read(addr, buf)
    }

    /// Takes so much from what may be fetched; whether there was more than that.
    fn spend(&self, cost: u64) -> bool {
        let left = self.left.get().saturating_sub(cost);
        self.left.set(left);
        left > 0
    }

    /// Why a page is not here that was tried.
    fn why_not(&self) -> Why {
        match self.lost.get() {
            Some(why) => why,
            None if self.left.get() == 0 => Why::TooMuch,
            None => Why::Unmapped,
        }
    }

    fn note(&self, length: usize, result: Result<(), Unreadable>) -> Result<(), Unreadable> {
        match result {
            Ok(()) => self.bytes_read.set(self.bytes_read.get() + length as u64),
            Err(error) if error.why.is_lasting() => self.lost.set(Some(error.why)),
            Err(_) => {}
        }
        result
    }

    #[inline]
    fn recent_at(&self, number: u64) -> Option<&Cell<Recent>> {
        self.recent.get(number as usize % RECENT)
    }

    fn forget_recent(&self) {
        for recent in &*self.recent {
            recent.set(Recent::NONE);
        }
    }

    /// Where the page of `addr` is kept.
    #[inline]
    fn place(&self, addr: u64) -> Result<u32, Unreadable> {
        let number = addr / PAGE as u64;
        match self.recent_at(number).map(Cell::get) {
            Some(recent) if recent.number == number => Ok(recent.place),
            _ => self.find(number).map_err(|why| Unreadable { addr, why }),
        }
    }

    /// Gives `with` up to `length` bytes from `addr` on, as far as its page goes.
    #[inline]
    fn with_page<T>(
        &self,
        addr: u64,
        length: usize,
        with: impl FnOnce(&[u8]) -> T,
    ) -> Result<T, Unreadable> {
        let place = self.place(addr)?;
        let kept = self.kept.borrow();
        match kept.read(place, (addr % PAGE as u64) as usize, length) {
            Some((bytes, torn)) => {
                if torn {
                    self.torn.set(self.torn.get() + 1);
                }
                Ok(with(bytes))
            }
            None => Err(Unreadable {
                addr,
                why: Why::Unmapped,
            }),
        }
    }
}

/// Which pages of a piece could be read, the first one the lowest bit. Where not all
/// could, `again` tries them one by one: some may not be mapped.
fn settle(piece: &mut Piece<'_>, mut again: impl FnMut(u64, &mut [u8]) -> bool) -> u64 {
    let length = piece.bytes.len() / PAGE;
    if piece.result.is_ok() {
        return u64::MAX >> (64 - length.clamp(1, 64));
    }
    let mut readable = 0;
    if length > 1 {
        for (page, bytes) in piece.bytes.chunks_mut(PAGE).enumerate() {
            let addr = piece.addr.wrapping_add((page * PAGE) as u64);
            if again(addr, bytes) {
                readable |= 1 << page;
            }
        }
    }
    readable
}

impl<M: Memory> Memory for Cached<M> {
    fn read(&self, addr: u64, buf: &mut [u8]) -> Result<(), Unreadable> {
        if buf.len() >= LARGE {
            return self.read_through(addr, buf);
        }
        let mut rest = buf;
        let mut here = addr;
        while !rest.is_empty() {
            let done = self.with_page(here, rest.len(), |bytes| {
                if let Some(to) = rest.get_mut(..bytes.len()) {
                    to.copy_from_slice(bytes);
                }
                bytes.len()
            })?;
            rest = rest.get_mut(done..).unwrap_or_default();
            here = here.checked_add(done as u64).ok_or(Unreadable {
                addr,
                why: Why::Unmapped,
            })?;
        }
        Ok(())
    }

    fn lasting_word(&self, addr: u64) -> Result<u64, Unreadable> {
        if !addr.is_multiple_of(8) {
            return self.word(addr);
        }
        let place = self.place(addr)?;
        let lasting = (self.kept.borrow()).lasting_word(place, (addr % PAGE as u64) as usize);
        lasting.map_or_else(|| self.word(addr), Ok)
    }

    fn word_at_hand(&self, addr: u64) -> Option<u64> {
        let number = addr / PAGE as u64;
        let recent = self.recent_at(number)?.get();
        if recent.number != number || !addr.is_multiple_of(8) {
            return None;
        }
        let kept = self.kept.borrow();
        let (word, torn) = kept.word(recent.place, (addr % PAGE as u64) as usize)?;
        if torn {
            self.torn.set(self.torn.get() + 1);
        }
        Some(word)
    }

    fn words(&self, addrs: &[u64], offsets: &[u64]) -> Vec<Option<u64>> {
        let mut words = Vec::with_capacity(addrs.len() * offsets.len());
        let mut kept = self.kept.borrow();
        // Neighbours in the list are often neighbours in memory.
        let (mut last, mut page) = (u64::MAX, None);
        for &addr in addrs {
            for &offset in offsets {
                let at = addr.wrapping_add(offset);
                let number = at / PAGE as u64;
                // Where NULL points to, nothing is.
                if addr == 0 || number == 0 || !at.is_multiple_of(8) {
                    words.push(None);
                    continue;
                }
                if number != last {
                    last = number;
                    let place = match self.recent_at(number).map(Cell::get) {
                        Some(recent) if recent.number == number => Some(recent.place),
                        // It may have to be fetched.
                        _ => {
                            drop(kept);
                            let place = self.look_for(number).ok();
                            kept = self.kept.borrow();
                            place
                        }
                    };
                    page = place.and_then(|place| kept.page(place));
                }
                words.push(page.and_then(|page| page.word((at % PAGE as u64) as usize)));
            }
        }
        words
    }

    fn expect(&self, addrs: &[u64]) {
        let mut kept = self.kept.borrow_mut();
        let mut missing: Vec<u64> = addrs.iter().map(|addr| addr / PAGE as u64).collect();
        // Neighbours in the list are often neighbours in memory.
        missing.dedup();
        missing.sort_unstable();
        missing.dedup();
        // Where NULL points to, nothing is.
        missing.retain(|&number| number != 0 && !kept.is_tried(number));
        self.ahead.retain_unknown(&mut missing);
        let mut rest = missing.as_slice();
        while !rest.is_empty() {
            self.make_room(&mut kept, 1);
            let (missing, behind) = rest.split_at(rest.len().min(kept.room()));
            rest = behind;
            let most = 2 * missing.len() as u64;
            if self.compared.get()
                || kept.chunks() + missing.len() > KEPT_CHUNKS
                || self.left.get() <= most
            {
                return;
            }
            self.late.set(true);
            self.copy(&mut kept, missing);
            kept.expect(missing);
        }
    }

    fn looks_ahead(&self) -> bool {
        self.ahead.is_wanted()
    }

    fn look_ahead(&self, look: Look) {
        self.look_aside(look);
    }

    fn take_over(&self) {
        self.take_over_pages();
    }

    fn torn(&self) -> u64 {
        self.torn.get()
    }
}
