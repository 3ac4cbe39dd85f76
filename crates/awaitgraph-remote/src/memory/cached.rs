//! A target's memory, each page read once.
//!
//! CPython's objects lie close together: a task, its coroutine, its name and
//! its waiter are small and come from the same pools. Reading 64 KiB costs
//! little more than reading 64 bytes, so nearly every object after the first
//! is already here. But a small process touches few places, far apart: a chunk
//! is read page by page at first, and as a whole once that seems worth it.

use std::cell::{Cell, RefCell};

use super::{Memory, Piece, Unreadable, Why};
use crate::map::HashMap;

/// The unit in which memory is mapped.
const PAGE: usize = 4096;
/// The pages of a chunk.
const PAGES: usize = 16;
/// What is read at once, in the end.
const CHUNK: usize = PAGES * PAGE;
/// How many pages of a chunk are read alone before all others are.
const ALONE: u32 = 4;
/// The chunks of a slab. A slab is so large that the system gives it as fresh
/// pages, which cost nothing before they are used.
const SLAB_CHUNKS: usize = 64;
/// How much is kept. A service with 100,000 tasks needs 150 MiB; past this
/// bound the cache starts anew, which costs time and nothing else.
const KEPT_CHUNKS: usize = 1024 * 1024 * 1024 / CHUNK;
/// How many pages may be fetched, where a fetch counts as one more. A service
/// that needs no more than is kept fetches each page once; one that leads us to
/// ever new pages, or to ever new places that are not mapped, must not do so
/// without end.
const MOST_FETCHED: u64 = 16 * (KEPT_CHUNKS * PAGES) as u64;
/// Reads from this size on go past the cache.
const LARGE: usize = 4 * CHUNK;

/// A [`Memory`] that remembers what was read.
pub(crate) struct Cached<M> {
    memory: M,
    kept: RefCell<Kept>,
    bytes_read: Cell<u64>,
    /// How much may still be fetched.
    left: Cell<u64>,
    lost: Cell<Option<Why>>,
    sealed: Cell<bool>,
    missed: Cell<bool>,
}

/// The chunks that have been touched.
#[derive(Default)]
struct Kept {
    /// Where in `chunks` the chunk of a number is.
    places: HashMap<u64, usize>,
    /// The number and place that were asked for last.
    last: Option<(u64, usize)>,
    chunks: Vec<Chunk>,
    slabs: Vec<Box<[u8]>>,
}

/// What is known of a chunk; sets of pages are bits, the first page the lowest.
#[derive(Debug, Clone, Copy, Default)]
struct Chunk {
    tried: u32,
    readable: u32,
}

impl<M: Memory> Cached<M> {
    pub(crate) fn new(memory: M) -> Self {
        Self {
            memory,
            kept: RefCell::default(),
            bytes_read: Cell::new(0),
            left: Cell::new(MOST_FETCHED),
            lost: Cell::new(None),
            sealed: Cell::new(false),
            missed: Cell::new(false),
        }
    }

    /// Reads every page again that was tried before.
    pub(crate) fn refresh(&self) {
        self.left.set(MOST_FETCHED);
        let mut kept = self.kept.borrow_mut();
        let Kept {
            places,
            chunks,
            slabs,
            ..
        } = &mut *kept;
        let mut numbers = vec![0; chunks.len()];
        for (&number, &place) in places.iter() {
            if let Some(slot) = numbers.get_mut(place) {
                *slot = number;
            }
        }
        let buffers = slabs.iter_mut().flat_map(|slab| slab.chunks_mut(CHUNK));
        let mut pieces = Vec::with_capacity(chunks.len());
        let mut owners = Vec::with_capacity(chunks.len());
        for (place, ((&number, chunk), bytes)) in numbers
            .iter()
            .zip(chunks.iter_mut())
            .zip(buffers)
            .enumerate()
        {
            chunk.readable = 0;
            let mut rest = bytes;
            for (first, length) in runs(chunk.tried) {
                let skip = first * PAGE - (CHUNK - rest.len());
                let (_, from) = rest.split_at_mut(skip);
                let (run, behind) = from.split_at_mut(length * PAGE);
                rest = behind;
                let start = number
                    .wrapping_mul(CHUNK as u64)
                    .wrapping_add((first * PAGE) as u64);
                pieces.push(Piece::new(start, run));
                owners.push((place, first));
            }
        }
        self.memory.read_many(&mut pieces);
        for (piece, &(place, first)) in pieces.iter_mut().zip(&owners) {
            let readable = self.settle(first, piece);
            if let Some(chunk) = chunks.get_mut(place) {
                chunk.readable |= readable;
            }
        }
    }

    /// From now on, what is not here cannot be read.
    pub(crate) fn seal(&self) {
        self.sealed.set(true);
    }

    /// Lets the target be asked again, and forgets all that is here.
    pub(crate) fn reopen(&self) {
        *self.kept.borrow_mut() = Kept::default();
        self.left.set(MOST_FETCHED);
        self.sealed.set(false);
        self.missed.set(false);
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

    /// Tries the pages `wanted` of a chunk that have not been tried, or all of
    /// its pages once enough have been wanted; returns which are readable.
    fn fetch(&self, number: u64, chunk: Chunk, wanted: u32, bytes: &mut [u8]) -> Chunk {
        let missing = match chunk.tried.count_ones() {
            0..ALONE => wanted & !chunk.tried,
            _ => ALL_PAGES & !chunk.tried,
        };
        let mut readable = chunk.readable;
        for (first, length) in runs(missing) {
            let range = first * PAGE..(first + length) * PAGE;
            let start = number
                .wrapping_mul(CHUNK as u64)
                .wrapping_add(range.start as u64);
            if let Some(bytes) = bytes.get_mut(range) {
                let mut piece = Piece::new(start, bytes);
                piece.result = self.ask(start, piece.bytes);
                readable |= self.settle(first, &mut piece);
            }
        }
        Chunk {
            tried: chunk.tried | missing,
            readable,
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
                if self.lost.get().is_none() && self.read_through(addr, bytes).is_ok() {
                    readable |= 1 << (first + page);
                }
            }
        }
        readable
    }

    /// Gives `with` the `length` bytes at `addr`, all of one chunk.
    fn within_chunk<T>(
        &self,
        addr: u64,
        length: usize,
        with: impl FnOnce(&[u8]) -> T,
    ) -> Result<T, Unreadable> {
        let unreadable = |why| Unreadable { addr, why };
        let (number, offset) = (addr / CHUNK as u64, offset_in_chunk(addr));
        let wanted = pages(offset / PAGE, (offset + length - 1) / PAGE);
        let mut kept = self.kept.borrow_mut();
        let place = kept.place(number);
        let (chunk, bytes) = kept.chunk_mut(place).ok_or(unreadable(Why::Unmapped))?;
        if wanted & !chunk.tried != 0 {
            if self.sealed.get() {
                self.missed.set(true);
                return Err(unreadable(Why::Unmapped));
            }
            *chunk = self.fetch(number, *chunk, wanted, bytes);
        }
        if wanted & !chunk.readable != 0 {
            return Err(unreadable(self.why_not()));
        }
        let bytes = bytes.get(offset..offset + length);
        bytes.map(with).ok_or(unreadable(Why::Unmapped))
    }

    fn read_through(&self, addr: u64, buf: &mut [u8]) -> Result<(), Unreadable> {
        if self.sealed.get() {
            self.missed.set(true);
            return Err(Unreadable {
                addr,
                why: Why::Unmapped,
            });
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
}

impl Kept {
    /// Where in `chunks` the chunk of this number is; a new one if there is none.
    fn place(&mut self, number: u64) -> usize {
        if let Some((last, place)) = self.last
            && last == number
        {
            return place;
        }
        let place = match self.places.get(&number) {
            Some(&place) => place,
            None => self.add(number),
        };
        self.last = Some((number, place));
        place
    }

    fn add(&mut self, number: u64) -> usize {
        if self.chunks.len() >= KEPT_CHUNKS {
            *self = Self::default();
        }
        let place = self.chunks.len();
        if place / SLAB_CHUNKS >= self.slabs.len() {
            self.slabs
                .push(vec![0; SLAB_CHUNKS * CHUNK].into_boxed_slice());
        }
        self.chunks.push(Chunk::default());
        self.places.insert(number, place);
        place
    }

    /// The chunk at `place` and its bytes.
    fn chunk_mut(&mut self, place: usize) -> Option<(&mut Chunk, &mut [u8])> {
        let slab = self.slabs.get_mut(place / SLAB_CHUNKS)?;
        let begin = place % SLAB_CHUNKS * CHUNK;
        Some((
            self.chunks.get_mut(place)?,
            slab.get_mut(begin..begin + CHUNK)?,
        ))
    }
}

const ALL_PAGES: u32 = pages(0, PAGES - 1);

/// The pages `first..=last`.
const fn pages(first: usize, last: usize) -> u32 {
    ((1 << (last + 1)) - 1) & !((1 << first) - 1)
}

fn offset_in_chunk(addr: u64) -> usize {
    (addr % CHUNK as u64) as usize
}

/// The runs of consecutive pages of a set: the first page and how many.
fn runs(set: u32) -> impl Iterator<Item = (usize, usize)> {
    let mut page = 0;
    std::iter::from_fn(move || {
        let rest = set.checked_shr(page).unwrap_or(0);
        if rest == 0 {
            return None;
        }
        let first = page + rest.trailing_zeros();
        let length = (set >> first).trailing_ones();
        page = first + length;
        Some((first as usize, length as usize))
    })
}

impl<M: Memory> Memory for Cached<M> {
    fn read(&self, addr: u64, buf: &mut [u8]) -> Result<(), Unreadable> {
        if buf.len() >= LARGE {
            return self.read_through(addr, buf);
        }
        let unmapped = Unreadable {
            addr,
            why: Why::Unmapped,
        };
        let mut done = 0;
        while let Some(rest) = buf.get_mut(done..).filter(|rest| !rest.is_empty()) {
            let here = addr.checked_add(done as u64).ok_or(unmapped)?;
            let take = (CHUNK - offset_in_chunk(here)).min(rest.len());
            let to = rest.get_mut(..take).ok_or(unmapped)?;
            self.within_chunk(here, take, |bytes| to.copy_from_slice(bytes))?;
            done += take;
        }
        Ok(())
    }

    fn word(&self, addr: u64) -> Result<u64, Unreadable> {
        let whole = |bytes: &[u8]| bytes.first_chunk().map(|&word| u64::from_le_bytes(word));
        if offset_in_chunk(addr) <= CHUNK - 8
            && let Some(word) = self.within_chunk(addr, 8, whole)?
        {
            return Ok(word);
        }
        let mut word = [0; 8];
        self.read(addr, &mut word)?;
        Ok(u64::from_le_bytes(word))
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
    fn a_chunk_in_use_is_read_as_a_whole() {
        let memory = cached(1000);
        for page in 0..PAGES as u64 {
            memory.read(page * PAGE as u64, &mut [0; 8]).unwrap();
        }
        assert_eq!(memory.memory.reads.get(), ALONE as usize + 1);
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
    fn a_set_of_pages_has_runs() {
        let found: Vec<_> = runs(0b1011_0000_0000_0110).collect();
        assert_eq!(found, [(1, 2), (12, 2), (15, 1)]);
        assert_eq!(runs(0).count(), 0);
        assert_eq!(runs(u32::MAX).collect::<Vec<_>>(), [(0, 32)]);
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
        let memory = Cached::new(Clock(Cell::new(1)));
        let byte = |addr| {
            let mut byte = [0];
            memory.read(addr, &mut byte).map(|()| byte[0])
        };
        assert_eq!(byte(7), Ok(1));
        memory.memory.0.set(2);
        assert_eq!(byte(7), Ok(1));
        memory.refresh();
        memory.seal();
        memory.memory.0.set(3);
        assert_eq!(byte(7), Ok(2));
        assert!(!memory.missed());
        assert!(byte(CHUNK as u64).is_err());
        assert!(memory.missed());
        memory.reopen();
        assert_eq!(
            (byte(7), byte(CHUNK as u64), memory.missed()),
            (Ok(3), Ok(3), false)
        );
    }

    #[test]
    fn a_refresh_finds_the_same_holes() {
        let memory = cached(5);
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
