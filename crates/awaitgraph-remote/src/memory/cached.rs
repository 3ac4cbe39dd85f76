//! A target's memory, each page read once.
//!
//! CPython's objects lie close together: a task, its coroutine, its name and
//! its waiter are small and come from the same pools. Reading 64 KiB costs
//! little more than reading 64 bytes, so nearly every object after the first
//! is already here. But a small process touches few places, far apart: a chunk
//! is read page by page at first, and as a whole once that seems worth it.

mod pages;

use std::cell::{Cell, RefCell};
use std::mem;

use super::{Memory, Piece, Unreadable, Why};
use crate::limits;
use pages::{ALL, CHUNK, PAGE, PAGES, Pages, Run, bit, pages, runs};

/// How many pages come together from the second miss in a chunk on.
const GROUP: usize = 4;
/// How many pages of a chunk are there when all others come.
const ENOUGH: u32 = 8;
/// How much is kept.
const KEPT_CHUNKS: usize = limits::MOST_KEPT / CHUNK;
/// How many pages may be fetched.
const MOST_FETCHED: u64 = limits::MOST_FETCHED_ANEW * (KEPT_CHUNKS * PAGES) as u64;
/// Reads from this size on go past the cache.
const LARGE: usize = 4 * CHUNK;
/// How many pages are asked for in one call that do not lie together.
const TOGETHER: usize = 256;
/// How many pages are known without a look into the table of chunks.
const RECENT: usize = 256;
/// How much is held against what is here at a time: so little that it stays in
/// the processor's own cache.
const STAGE: usize = CHUNK;

/// A [`Memory`] that remembers what was read.
pub(crate) struct Cached<M> {
    memory: M,
    kept: RefCell<Pages>,
    /// Readable pages that were asked for lately, each at the place that its
    /// number gives.
    recent: Box<[Cell<Recent>; RECENT]>,
    bytes_read: Cell<u64>,
    /// How much may still be fetched.
    left: Cell<u64>,
    lost: Cell<Option<Why>>,
    sealed: Cell<bool>,
    missed: Cell<bool>,
    /// Whether something was read that is not here any more.
    dropped: Cell<bool>,
    /// Whether what is here is known to be of one moment, but for what is known
    /// to have changed.
    compared: Cell<bool>,
    torn: Cell<u64>,
}

/// What a second look at all that is here takes.
pub(crate) struct SecondLook {
    /// The pages of which something was used, and those that came with them.
    used: Vec<Run>,
    others: Vec<Run>,
    stage: Vec<u8>,
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
            recent: Box::new([const { Cell::new(Recent::NONE) }; RECENT]),
            bytes_read: Cell::new(0),
            left: Cell::new(MOST_FETCHED),
            lost: Cell::new(None),
            sealed: Cell::new(false),
            missed: Cell::new(false),
            dropped: Cell::new(false),
            compared: Cell::new(false),
            torn: Cell::new(0),
        }
    }

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
        SecondLook {
            used: kept.runs(true),
            others: kept.runs(false),
            // Not zeros, which would not be there before they are written to.
            stage: vec![1; STAGE],
        }
    }

    /// The same as [`Self::refresh`] where something has changed; where nothing
    /// has, only the pages are read of which something was used. Nothing may
    /// have been read since `second` was made.
    pub(crate) fn refresh_if_changed(&mut self, second: SecondLook) -> bool {
        let SecondLook {
            used,
            others,
            mut stage,
        } = second;
        self.compared.set(false);
        self.begin_again();
        if self.look_again(&used, &mut stage, true) {
            return true;
        }
        self.look_again(&others, &mut stage, true);
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
            mut stage,
        } = self.second_look();
        self.begin_again();
        let same = self.look_again(&used, &mut stage, renew);
        self.look_again(&others, &mut stage, renew);
        same
    }

    fn begin_again(&mut self) {
        self.left.set(MOST_FETCHED);
        self.forget_recent();
    }

    fn look_again(&mut self, runs: &[Run], stage: &mut [u8], renew: bool) -> bool {
        let mut kept = mem::take(self.kept.get_mut());
        let mut same = !self.dropped.get();
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
                let readable = self.settle(run.first, piece);
                same &= kept.look_again(*run, piece.bytes, readable, renew);
            }
            rest = left.as_slice();
        }
        *self.kept.get_mut() = kept;
        same
    }

    /// From now on, what is not here cannot be read.
    pub(crate) fn seal(&self) {
        self.sealed.set(true);
    }

    /// Lets the target be asked again, and forgets all that is here.
    pub(crate) fn reopen(&self) {
        *self.kept.borrow_mut() = Pages::default();
        self.forget_recent();
        self.left.set(MOST_FETCHED);
        self.sealed.set(false);
        self.missed.set(false);
        self.dropped.set(false);
        self.compared.set(false);
    }

    /// What is read through this.
    #[cfg(test)]
    pub(crate) fn inner(&self) -> &M {
        &self.memory
    }

    /// Whether a read failed because of the seal.
    pub(crate) fn missed(&self) -> bool {
        self.missed.get()
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
        let mut kept = self.kept.borrow_mut();
        let (chunk_number, page) = (number / PAGES as u64, (number % PAGES as u64) as usize);
        let mut chunk = kept.chunk(chunk_number);
        let wanted = pages(page, page);
        if wanted & !chunk.tried != 0 {
            if self.sealed.get() {
                self.missed.set(true);
                return Err(Why::Unmapped);
            }
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
            place => {
                if place.is_some_and(|place| kept.miss(place)) {
                    self.torn.set(self.torn.get() + 1);
                }
                Err(self.why_not())
            }
        }
    }

    /// Tries a page of a chunk which has not been tried, and others with it once
    /// some have been wanted.
    fn fetch(&self, kept: &mut Pages, number: u64, page: usize) {
        let tried = kept.chunk(number).tried;
        let together = match tried.count_ones() {
            0 => pages(page, page),
            1..ENOUGH => {
                let first = page - page % GROUP;
                pages(first, first + GROUP - 1)
            }
            _ => ALL,
        };
        let missing = together & !tried;
        for (first, length) in runs(missing) {
            let run = kept.add(number, first, length);
            if self.compared.get() {
                // It comes from another moment than the rest.
                kept.distrust(run);
            }
            if let Some(bytes) = kept.bytes(run) {
                let mut piece = Piece::new(run.addr(), bytes);
                piece.result = self.ask(piece.addr, piece.bytes);
                let readable = self.settle(first, &mut piece);
                kept.chunk_mut(number).readable |= readable;
            }
        }
    }

    /// Which pages of a run that begins at page `first` were read. Where not
    /// all were, they are tried one by one: some may not be mapped.
    fn settle(&self, first: usize, piece: &mut Piece<'_>) -> u32 {
        let length = piece.bytes.len() / PAGE;
        if self.note(piece.bytes.len(), piece.result).is_ok() {
            return pages(first, first + length - 1);
        }
        let mut readable = 0;
        if length > 1 {
            for (page, bytes) in piece.bytes.chunks_mut(PAGE).enumerate() {
                let addr = piece.addr.wrapping_add((page * PAGE) as u64);
                if self.lost.get().is_none() && self.note(PAGE, self.ask(addr, bytes)).is_ok() {
                    readable |= 1 << (first + page);
                }
            }
        }
        readable
    }

    fn read_through(&self, addr: u64, buf: &mut [u8]) -> Result<(), Unreadable> {
        if self.sealed.get() {
            self.missed.set(true);
            let why = Why::Unmapped;
            return Err(Unreadable { addr, why });
        }
        self.dropped.set(true);
        if self.compared.get() {
            self.torn.set(self.torn.get() + 1);
        }
        self.note(buf.len(), self.ask(addr, buf))
    }

    fn ask(&self, addr: u64, buf: &mut [u8]) -> Result<(), Unreadable> {
        let cost = 1 + (buf.len() / PAGE) as u64;
        let left = self.left.get().saturating_sub(cost);
        self.left.set(left);
        if left == 0 {
            let why = Why::TooMuch;
            return Err(Unreadable { addr, why });
        }
        self.memory.read(addr, buf)
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
            Err(error) => match error.why {
                Why::Gone | Why::NotPermitted => self.lost.set(Some(error.why)),
                Why::Unmapped | Why::TooMuch | Why::NotInCore => {}
            },
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
        match kept.take(place, (addr % PAGE as u64) as usize, length) {
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

    fn expect(&self, addrs: &[u64]) {
        let mut kept = self.kept.borrow_mut();
        let mut missing: Vec<u64> = addrs.iter().map(|addr| addr / PAGE as u64).collect();
        // Neighbours in the list are often neighbours in memory.
        missing.dedup();
        missing.sort_unstable();
        missing.dedup();
        // Where NULL points to, nothing is.
        missing.retain(|&number| number != 0 && !kept.is_tried(number));
        for missing in missing.chunks(TOGETHER) {
            let cost = 2 * missing.len() as u64;
            if self.sealed.get()
                || self.compared.get()
                || kept.chunks() + missing.len() > KEPT_CHUNKS
                || self.left.get() <= cost
            {
                return;
            }
            self.left.set(self.left.get() - cost);
            let Some(bytes) = kept.add_each(missing) else {
                return;
            };
            let pages = bytes.chunks_mut(PAGE).zip(missing);
            let mut pieces: Vec<Piece<'_>> = pages
                .map(|(bytes, number)| Piece::new(number.wrapping_mul(PAGE as u64), bytes))
                .collect();
            self.memory.read_many(&mut pieces);
            let results: Vec<_> = pieces.iter().map(|piece| piece.result).collect();
            for (number, result) in missing.iter().zip(results) {
                if self.note(PAGE, result).is_ok() {
                    kept.chunk_mut(number / PAGES as u64).readable |= bit(*number);
                }
            }
        }
    }

    fn torn(&self) -> u64 {
        self.torn.get()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every byte is the low byte of its page's number; one page is not mapped.
    struct Numbered {
        hole: u64,
        reads: Cell<usize>,
    }

    impl Memory for Numbered {
        fn read(&self, addr: u64, buf: &mut [u8]) -> Result<(), Unreadable> {
            self.reads.set(self.reads.get() + 1);
            let page = |at: u64| at / PAGE as u64;
            let last = addr + buf.len() as u64 - 1;
            if (page(addr)..=page(last)).contains(&self.hole) {
                return Err(Unreadable {
                    addr,
                    why: Why::Unmapped,
                });
            }
            for (at, byte) in (addr..).zip(buf) {
                *byte = page(at) as u8;
            }
            Ok(())
        }
    }

    fn cached(hole: u64) -> Cached<Numbered> {
        Cached::new(Numbered {
            hole,
            reads: Cell::new(0),
        })
    }

    #[test]
    fn a_read_may_cross_pages_and_chunks() {
        let memory = cached(1000);
        let mut buf = [0; 2 * PAGE];
        memory.read((CHUNK - PAGE / 2) as u64, &mut buf).unwrap();
        assert_eq!((buf[0], buf[PAGE / 2], buf[2 * PAGE - 1]), (15, 16, 17));
    }

    #[test]
    fn a_page_is_read_once() {
        let memory = cached(1000);
        for _ in 0..3 {
            memory.read(8, &mut [0; 8]).unwrap();
        }
        assert_eq!(memory.memory.reads.get(), 1);
    }

    #[test]
    fn what_is_expected_is_asked_for_together_and_once() {
        struct Many(Cell<usize>);
        impl Memory for Many {
            fn read(&self, addr: u64, buf: &mut [u8]) -> Result<(), Unreadable> {
                panic!("{} bytes at {addr:#x} were asked for alone", buf.len());
            }
            fn read_many(&self, pieces: &mut [Piece<'_>]) {
                self.0.set(self.0.get() + pieces.len());
                for piece in pieces {
                    if piece.addr != 7 * CHUNK as u64 {
                        piece.bytes.fill((piece.addr / CHUNK as u64) as u8);
                        piece.result = Ok(());
                    }
                }
            }
        }
        let mut memory = Cached::new(Many(Cell::new(0)));
        let addrs: Vec<u64> = (0..20)
            .map(|it| (1 + it % 10) * CHUNK as u64 + 8 * it)
            .collect();
        for _ in 0..2 {
            memory.expect(&addrs);
            assert_eq!(memory.memory.0.get(), 10);
        }
        for &addr in &addrs {
            let mut byte = [0];
            match memory.read(addr, &mut byte) {
                Ok(()) => assert_eq!(u64::from(byte[0]), addr / CHUNK as u64),
                Err(error) => assert_eq!(error.addr / CHUNK as u64, 7),
            }
        }
        assert!(memory.refresh());
        memory.seal();
        memory.expect(&[100 * CHUNK as u64, 200 * CHUNK as u64]);
        assert_eq!(memory.memory.0.get(), 20);
    }

    #[test]
    fn a_chunk_in_use_is_read_as_a_whole() {
        let memory = cached(1000);
        for page in 0..PAGES as u64 {
            memory.read(page * PAGE as u64, &mut [0; 8]).unwrap();
        }
        // The first, the rest of its group, another group, all others.
        assert_eq!(memory.memory.reads.get(), 4);
        assert_eq!(memory.bytes_read(), CHUNK as u64);
    }

    #[test]
    fn a_hole_hides_nothing_but_itself() {
        let memory = cached(5);
        let mut found = Vec::new();
        for page in 0..PAGES as u64 {
            let mut byte = [0];
            if memory.read(page * PAGE as u64 + 77, &mut byte).is_ok() {
                found.push(u64::from(byte[0]));
            }
        }
        let expected: Vec<u64> = (0..16).filter(|&page| page != 5).collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn fetching_has_an_end() {
        let memory = cached(0);
        memory.left.set(100);
        let why = |number: u64| {
            memory
                .read(number << 40, &mut [0])
                .map_err(|error| error.why)
        };
        assert_eq!(why(0), Err(Why::Unmapped));
        let end = (1..).find(|&number| why(number) == Err(Why::TooMuch));
        // A page and a fetch each.
        assert_eq!(end, Some(49));
        assert_eq!(why(0), Err(Why::TooMuch));
        assert_eq!(memory.lost(), None);
        memory.reopen();
        assert_eq!(why(49), Ok(()));
    }

    #[test]
    fn a_sealed_picture_does_not_change_and_says_what_it_lacks() {
        struct Clock(Cell<u8>);
        impl Memory for Clock {
            fn read(&self, _addr: u64, buf: &mut [u8]) -> Result<(), Unreadable> {
                buf.fill(self.0.get());
                Ok(())
            }
        }
        let byte = |memory: &Cached<Clock>, addr| {
            let mut byte = [0];
            memory.read(addr, &mut byte).map(|()| byte[0])
        };
        let mut memory = Cached::new(Clock(Cell::new(1)));
        assert_eq!(byte(&memory, 7), Ok(1));
        memory.memory.0.set(2);
        assert_eq!(byte(&memory, 7), Ok(1));
        memory.refresh();
        memory.seal();
        memory.memory.0.set(3);
        assert_eq!(byte(&memory, 7), Ok(2));
        assert!(!memory.missed());
        assert!(byte(&memory, CHUNK as u64).is_err());
        assert!(memory.missed());
        memory.reopen();
        assert_eq!(
            (
                byte(&memory, 7),
                byte(&memory, CHUNK as u64),
                memory.missed()
            ),
            (Ok(3), Ok(3), false)
        );
    }

    /// Every byte is the same but for one.
    struct Flat {
        odd: Cell<u64>,
        hole: Cell<u64>,
    }
    impl Memory for Flat {
        fn read(&self, addr: u64, buf: &mut [u8]) -> Result<(), Unreadable> {
            let range = addr..addr + buf.len() as u64;
            if range.contains(&self.hole.get()) {
                let why = Why::Unmapped;
                return Err(Unreadable { addr, why });
            }
            buf.fill(7);
            if range.contains(&self.odd.get()) {
                buf[(self.odd.get() - addr) as usize] = 8;
            }
            Ok(())
        }
    }

    #[test]
    fn a_refresh_tells_whether_anything_that_was_read_has_changed() {
        let flat = Flat {
            odd: Cell::new(1 << 40),
            hole: Cell::new(1 << 40),
        };
        let mut memory = Cached::new(flat);
        // More than is held against what is here at a time, some of it alone.
        for page in (0..200).chain([300, 400, 500]) {
            memory.read(page * PAGE as u64 + 99, &mut [0]).unwrap();
        }
        assert!(memory.refresh());
        for page in [0, 77, 199, 400] {
            let odd = page * PAGE as u64 + 99;
            memory.memory.odd.set(odd);
            assert!(!memory.refresh(), "page {page}");
            let mut byte = [0];
            memory.read(odd, &mut byte).unwrap();
            assert_eq!(byte, [8]);
            assert!(memory.refresh());
            memory.memory.hole.set(odd);
            assert!(!memory.refresh(), "page {page}");
            assert!(memory.read(odd, &mut byte).is_err());
            memory.memory.hole.set(1 << 40);
            assert!(!memory.refresh(), "page {page}");
        }
        // Nothing of this page was asked for.
        memory.memory.odd.set(333 * PAGE as u64);
        memory.refresh();
        assert!(memory.refresh());
    }

    #[test]
    fn what_nobody_used_is_read_again_only_if_something_has_changed() {
        let flat = Flat {
            odd: Cell::new(1 << 40),
            hole: Cell::new(1 << 40),
        };
        let mut memory = Cached::new(flat);
        // Two pages that were asked for bring their two neighbours.
        for page in [0, 1] {
            memory.read(page * PAGE as u64, &mut [0]).unwrap();
        }
        let before = memory.bytes_read();
        let second = memory.second_look();
        memory.memory.odd.set(3 * PAGE as u64);
        assert!(memory.refresh_if_changed(second));
        assert_eq!(memory.bytes_read() - before, 2 * PAGE as u64);
        memory.memory.odd.set(0);
        memory.refresh_if_changed(memory.second_look());
        memory.memory.odd.set(3 * PAGE as u64);
        let second = memory.second_look();
        assert!(!memory.refresh_if_changed(second));
        memory.seal();
        let mut byte = [0];
        memory.read(3 * PAGE as u64, &mut byte).unwrap();
        assert_eq!(byte, [8]);
        assert!(!memory.missed());
    }

    #[test]
    fn what_is_not_kept_is_not_the_same() {
        let mut memory = cached(1 << 40);
        memory.read(0, &mut [0; 8]).unwrap();
        assert!(memory.refresh());
        memory.read(0, &mut vec![0; LARGE]).unwrap();
        assert!(!memory.refresh());
        memory.reopen();
        assert!(memory.refresh());
    }

    #[test]
    fn a_refresh_finds_the_same_holes() {
        let mut memory = cached(5);
        for page in 0..PAGES as u64 {
            let _ = memory.read(page * PAGE as u64, &mut [0]);
        }
        memory.refresh();
        memory.seal();
        let readable = |page: u64| memory.read(page * PAGE as u64, &mut [0]).is_ok();
        assert!((0..16).all(|page| readable(page) == (page != 5)));
        assert!(!memory.missed());
    }
}
