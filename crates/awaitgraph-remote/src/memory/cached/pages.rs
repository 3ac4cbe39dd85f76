//! Pages of memory, kept close together, each found by its number.
//!
//! A small process touches few pages, far apart. So they are not kept where
//! their addresses would put them but one behind the other, as they come: only
//! what is really there takes memory.

use std::mem;
use std::ops::Range;

use super::part::{Looked, MOST_PAGES, PAGE, Part};
use crate::map::HashMap;

/// The pages of a chunk.
pub(super) const PAGES: usize = 16;
/// Neighbouring pages that are looked up, and often read, together.
pub(super) const CHUNK: usize = PAGES * PAGE;

/// The pages that have been tried.
#[derive(Debug, Default)]
pub(super) struct Pages {
    chunks: HashMap<u64, Chunk>,
    parts: Vec<Part>,
    /// The one that pages are added to that come by themselves.
    open: Option<usize>,
}

/// What is known of a chunk; sets of pages are bits, the first page the lowest.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Chunk {
    pub(super) tried: u32,
    pub(super) readable: u32,
    /// Those that were asked for by their own addresses, and may not have been
    /// used yet.
    expected: u32,
    /// Of the tried ones, where they are kept.
    places: [u32; PAGES],
}

/// Where a page is kept: the number of a part, and that of a page in it.
fn place(part: usize, page: usize) -> u32 {
    // Chunks are bounded, and so are parts.
    (part * MOST_PAGES + page) as u32
}

/// The same taken apart.
#[inline]
fn at(place: u32) -> (usize, usize) {
    let place = place as usize;
    (place / MOST_PAGES, place % MOST_PAGES)
}

/// Consecutive pages that are kept one behind the other.
#[derive(Debug, Clone, Copy)]
pub(super) struct Run {
    /// The number of their chunk.
    pub(super) chunk: u64,
    /// The first of them, in the chunk.
    pub(super) first: usize,
    /// How many they are.
    pub(super) length: usize,
    /// Those of the chunk that can be read.
    pub(super) readable: u32,
    place: u32,
}

impl Run {
    /// The address of the first byte.
    pub(super) fn addr(self) -> u64 {
        self.chunk
            .wrapping_mul(CHUNK as u64)
            .wrapping_add((self.first * PAGE) as u64)
    }

    /// In which part it is kept.
    fn part(self) -> usize {
        at(self.place).0
    }

    /// Which pages of that it is.
    pub(super) fn within(self) -> Range<usize> {
        let (_, first) = at(self.place);
        first..first + self.length
    }

    /// The set of its pages.
    pub(super) fn pages(self) -> u32 {
        pages(self.first, self.first + self.length - 1)
    }
}

impl Chunk {
    /// Where the page is kept.
    pub(super) fn place(&self, page: usize) -> Option<u32> {
        self.places.get(page).copied()
    }
}

impl Pages {
    /// How many chunks are known.
    pub(super) fn chunks(&self) -> usize {
        self.chunks.len()
    }

    /// The chunk of this number.
    pub(super) fn chunk(&self, number: u64) -> Chunk {
        self.chunks.get(&number).copied().unwrap_or_default()
    }

    /// The same, to be changed; a new one if there is none.
    pub(super) fn chunk_mut(&mut self, number: u64) -> &mut Chunk {
        self.chunks.entry(number).or_default()
    }

    /// For how many more pages there is room in the part that they are added to.
    pub(super) fn room(&self) -> usize {
        let open = self.open.and_then(|number| self.parts.get(number));
        open.map_or(0, Part::left)
    }

    /// Has pages be added to this part from now on.
    pub(super) fn open(&mut self, part: Part) {
        self.open = Some(self.parts.len());
        self.parts.push(part);
    }

    /// Gives places to pages that have none yet, one behind the other: their
    /// bytes. There must be room.
    pub(super) fn add(&mut self, numbers: &[u64]) -> Option<&mut [u8]> {
        let number = self.open?;
        let first = self.parts.get_mut(number)?.take(numbers.len());
        let places = place(number, first)..;
        for (place, &number) in places.zip(numbers) {
            let chunk = self.chunk_mut(number / PAGES as u64);
            chunk.tried |= bit(number);
            let slot = chunk.places.get_mut((number % PAGES as u64) as usize);
            if let Some(slot) = slot {
                *slot = place;
            }
        }
        let pages = first..first + numbers.len();
        self.parts.get_mut(number)?.range_mut(pages)
    }

    /// Takes it that these pages will be used.
    pub(super) fn expect(&mut self, numbers: &[u64]) {
        for &number in numbers {
            self.chunk_mut(number / PAGES as u64).expected |= bit(number);
        }
    }

    /// Whether the page of this number has been tried.
    pub(super) fn is_tried(&self, number: u64) -> bool {
        let chunk = self.chunks.get(&(number / PAGES as u64));
        chunk.is_some_and(|chunk| chunk.tried & bit(number) != 0)
    }

    /// The numbers of all pages that have been tried.
    pub(super) fn numbers(&self) -> Vec<u64> {
        let mut numbers = Vec::new();
        for (number, chunk) in &self.chunks {
            let first = number * PAGES as u64;
            let pages = first..first + PAGES as u64;
            numbers.extend(pages.filter(|&page| chunk.tried & bit(page) != 0));
        }
        numbers
    }

    /// Takes over the pages of another that have not been tried here; nothing of them
    /// has been used.
    pub(super) fn take_over(&mut self, others: Self) {
        let first = place(self.parts.len(), 0);
        for mut part in others.parts {
            part.forget_use();
            self.parts.push(part);
        }
        for (number, theirs) in others.chunks {
            let chunk = self.chunk_mut(number);
            let new = theirs.tried & !chunk.tried;
            for (page, (place, theirs)) in chunk.places.iter_mut().zip(theirs.places).enumerate() {
                if new & 1 << page != 0 {
                    *place = first + theirs;
                }
            }
            chunk.tried |= new;
            chunk.readable |= new & theirs.readable;
            chunk.expected |= new & theirs.expected;
        }
    }

    /// All pages that have been tried, and of which something was used or nothing,
    /// by the parts that they are in.
    pub(super) fn runs(&self, used: bool) -> Vec<Vec<Run>> {
        let mut found = vec![Vec::new(); self.parts.len()];
        for (&number, chunk) in &self.chunks {
            for (first, length) in runs(self.marked(chunk, used)) {
                let mut from = first;
                for page in first..first + length {
                    let next = chunk.place(page + 1).filter(|_| page + 1 < first + length);
                    let follows = chunk.place(page).map(|place| place + 1);
                    let goes_on = next.is_some_and(|next| Some(next) == follows && at(next).1 > 0);
                    if !goes_on {
                        let run = Run {
                            chunk: number,
                            first: from,
                            length: page + 1 - from,
                            readable: chunk.readable,
                            place: chunk.place(from).unwrap_or_default(),
                        };
                        if let Some(runs) = found.get_mut(run.part()) {
                            runs.push(run);
                        }
                        from = page + 1;
                    }
                }
            }
        }
        found
    }

    /// How many pages of a chunk have been used, or will be.
    pub(super) fn wanted(&self, chunk: &Chunk) -> u32 {
        (self.marked(chunk, true) | chunk.expected).count_ones()
    }

    /// The tried pages of a chunk, of which something was used or nothing.
    fn marked(&self, chunk: &Chunk, used: bool) -> u32 {
        let is_used = |place: u32| {
            let (part, page) = at(place);
            self.parts.get(part).is_some_and(|part| part.is_used(page))
        };
        let pages = (0..).zip(chunk.places);
        pages
            .filter(|&(page, place)| chunk.tried & 1 << page != 0 && is_used(place) == used)
            .fold(0, |set, (page, _)| set | 1 << page)
    }

    /// Up to `length` bytes of the page that is kept at `place`, which are
    /// noted as used; and whether they were seen to change.
    #[inline]
    pub(super) fn read(&self, place: u32, offset: usize, length: usize) -> Option<(&[u8], bool)> {
        let (part, page) = at(place);
        self.parts.get(part)?.read(page, offset, length)
    }

    /// The same of eight bytes, the address of which is a multiple of eight.
    #[inline]
    pub(super) fn word(&self, place: u32, offset: usize) -> Option<(u64, bool)> {
        let (part, page) = at(place);
        self.parts.get(part)?.word(page, offset)
    }

    /// The page that is kept at `place`.
    pub(super) fn page(&self, place: u32) -> Option<Looked<'_>> {
        let (part, page) = at(place);
        self.parts.get(part)?.looked(page)
    }

    /// The same, which is not noted as used; `None` where something of the page
    /// was seen to change.
    pub(super) fn lasting_word(&self, place: u32, offset: usize) -> Option<u64> {
        let (part, page) = at(place);
        self.parts.get(part)?.lasting_word(page, offset)
    }

    /// Forgets what was used of all that is here.
    pub(super) fn forget_use(&mut self) {
        self.parts.iter_mut().for_each(Part::forget_use);
    }

    /// Gives all that is kept away for a while, so that each part can be looked
    /// at by a thread of its own.
    pub(super) fn take_parts(&mut self) -> Vec<Part> {
        mem::take(&mut self.parts)
    }

    /// Takes it back, in the order in which it was.
    pub(super) fn put_parts(&mut self, parts: Vec<Part>) {
        self.parts = parts;
    }

    /// Notes which pages of a run can be read from now on.
    pub(super) fn set_readable(&mut self, run: Run, readable: u32) {
        let chunk = self.chunk_mut(run.chunk);
        chunk.readable = chunk.readable & !run.pages() | readable;
    }

    /// Takes all of these pages for changed.
    pub(super) fn distrust(&mut self, numbers: &[u64]) {
        for number in numbers {
            let chunk = self.chunk(number / PAGES as u64);
            let place = chunk.place((number % PAGES as u64) as usize).map(at);
            if let Some((part, page)) = place
                && let Some(part) = self.parts.get_mut(part)
            {
                part.distrust(page);
            }
        }
    }

    /// Notes that somebody wanted the page at `place`, which cannot be read;
    /// whether that was seen to change.
    pub(super) fn miss(&self, place: u32) -> bool {
        let (part, page) = at(place);
        self.parts.get(part).is_some_and(|part| part.miss(page))
    }
}

/// The page of this number among those of its chunk.
pub(super) fn bit(number: u64) -> u32 {
    1 << (number % PAGES as u64)
}

/// All pages of a chunk.
pub(super) const ALL: u32 = pages(0, PAGES - 1);

/// The pages `first..=last`.
pub(super) const fn pages(first: usize, last: usize) -> u32 {
    ((1 << (last + 1)) - 1) & !((1 << first) - 1)
}

/// The runs of consecutive pages of a set: the first page and how many.
pub(super) fn runs(set: u32) -> impl Iterator<Item = (usize, usize)> {
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sys::Region;

    fn numbers(chunk: u64, pages: Range<u64>) -> Vec<u64> {
        pages.map(|page| chunk * PAGES as u64 + page).collect()
    }

    fn part(pages: usize) -> Part {
        Part::new(Region::new(pages * PAGE).unwrap())
    }

    #[test]
    fn a_set_of_pages_has_runs() {
        let found: Vec<_> = runs(0b1011_0000_0000_0110).collect();
        assert_eq!(found, [(1, 2), (12, 2), (15, 1)]);
        assert_eq!(runs(0).count(), 0);
        assert_eq!(runs(u32::MAX).collect::<Vec<_>>(), [(0, 32)]);
    }

    #[test]
    fn pages_are_kept_in_the_order_in_which_they_come() {
        let mut kept = Pages::default();
        kept.open(part(18));
        for (mark, (chunk, pages)) in (1..).zip([(7, 3..4), (9, 0..2), (7, 4..16), (7, 0..3)]) {
            kept.add(&numbers(chunk, pages)).unwrap().fill(mark);
        }
        assert_eq!(kept.room(), 0);
        let mark = |chunk, page| {
            let place = kept.chunk(chunk).place(page).unwrap();
            kept.read(place, 0, 1).unwrap().0[0]
        };
        assert_eq!(
            [mark(7, 2), mark(7, 3), mark(7, 4), mark(9, 1)],
            [4, 1, 3, 2]
        );
        assert_eq!(kept.chunk(7).tried, ALL);
        let again = |used| {
            let runs = kept.runs(used);
            let mut runs: Vec<_> = runs
                .iter()
                .flatten()
                .map(|it| (it.chunk, it.first, it.length))
                .collect();
            runs.sort_unstable();
            runs
        };
        assert_eq!(again(true), [(7, 2, 1), (7, 3, 1), (7, 4, 1), (9, 1, 1)]);
        assert_eq!(again(false), [(7, 0, 2), (7, 5, 11), (9, 0, 1)]);
    }

    #[test]
    fn pages_that_come_together_lie_together() {
        let mut kept = Pages::default();
        kept.open(part(4));
        kept.add(&numbers(7, 0..1));
        let bytes = kept.add(&[17, 18, 40]).unwrap();
        for (number, page) in (1..).zip(bytes.chunks_mut(PAGE)) {
            page.fill(number);
        }
        assert!(kept.is_tried(18) && !kept.is_tried(19));
        let place = kept.chunk(2).place(8).unwrap();
        assert_eq!(kept.word(place, 8).unwrap().0, 0x0303_0303_0303_0303);
        let mut lengths: Vec<_> = (kept.runs(false).iter().flatten())
            .map(|run| run.length)
            .collect();
        lengths.sort_unstable();
        assert_eq!(lengths, [1, 2]);
    }

    #[test]
    fn no_run_lies_in_two_parts() {
        let mut kept = Pages::default();
        for chunk in 0..100 {
            if kept.room() < 5 {
                kept.open(part(64));
            }
            let bytes = kept.add(&numbers(chunk, 2..7)).unwrap();
            assert_eq!(bytes.len(), 5 * PAGE);
        }
        let runs = kept.runs(false);
        let parts = kept.take_parts();
        assert_eq!((runs.len(), parts.len()), (9, 9));
        for (part, run) in
            (parts.iter().zip(&runs)).flat_map(|(part, it)| it.iter().map(move |it| (part, it)))
        {
            assert!(run.within().end <= part.used());
        }
        let pages: usize = runs.concat().iter().map(|run| run.length).sum();
        assert_eq!(pages, 500);
    }
}
