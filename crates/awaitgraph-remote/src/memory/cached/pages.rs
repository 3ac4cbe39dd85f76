//! Pages of memory, kept close together, each found by its number.
//!
//! A small process touches few pages, far apart. So they are not kept where
//! their addresses would put them but one behind the other, as they come: only
//! what is really there takes memory.

use std::cell::Cell;
use std::ops::Range;

use super::slabs::{SLAB, Slabs};
use crate::map::HashMap;

/// The unit in which memory is mapped.
pub(super) const PAGE: usize = 4096;
type Page = [u8; PAGE];
/// The pages of a chunk.
pub(super) const PAGES: usize = 16;
/// Neighbouring pages that are looked up, and often read, together.
pub(super) const CHUNK: usize = PAGES * PAGE;
/// The pages that are looked at again by one thread at a time, of which a slab
/// has several.
const PART: usize = SLAB / 4;
/// The unit in which it is noted what of a page was used.
const LINE: usize = PAGE / 64;

/// The pages that have been tried.
#[derive(Debug, Default)]
pub(super) struct Pages {
    chunks: HashMap<u64, Chunk>,
    slabs: Slabs,
    /// Of each page that is given away, by its place.
    marks: Vec<Marks>,
}

/// Sets of a page's lines, as bits, the first line the lowest.
#[derive(Debug, Clone, Default)]
struct Marks {
    /// Those that somebody read.
    used: Cell<u64>,
    /// Those that were another when they were looked at again.
    changed: u64,
}

/// What is known of a chunk; sets of pages are bits, the first page the lowest.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Chunk {
    pub(super) tried: u32,
    pub(super) readable: u32,
    /// Of the tried ones, where they are kept.
    places: [u32; PAGES],
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
    place: u32,
}

impl Run {
    /// The address of the first byte.
    pub(super) fn addr(self) -> u64 {
        self.chunk
            .wrapping_mul(CHUNK as u64)
            .wrapping_add((self.first * PAGE) as u64)
    }

    /// In which slab it is kept.
    fn slab(self) -> usize {
        self.place as usize / SLAB
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

    /// How many parts there are.
    pub(super) fn count_parts(&self) -> usize {
        self.marks.len().div_ceil(PART)
    }

    /// The chunk of this number.
    pub(super) fn chunk(&self, number: u64) -> Chunk {
        self.chunks.get(&number).copied().unwrap_or_default()
    }

    /// The same, to be changed; a new one if there is none.
    pub(super) fn chunk_mut(&mut self, number: u64) -> &mut Chunk {
        self.chunks.entry(number).or_default()
    }

    /// Gives places to pages of a chunk that have none yet, all in a row.
    pub(super) fn add(&mut self, chunk: u64, first: usize, length: usize) -> Run {
        let place = self.room(length);
        let known = self.chunk_mut(chunk);
        let places = known.places.iter_mut().skip(first).take(length);
        for (place, slot) in (place..).zip(places) {
            *slot = place;
        }
        let run = Run {
            chunk,
            first,
            length,
            place,
        };
        known.tried |= run.pages();
        run
    }

    /// Gives places to pages that have none yet, one behind the other: their
    /// bytes. `None` where they are too many for that.
    pub(super) fn add_each(&mut self, numbers: &[u64]) -> Option<&mut [u8]> {
        if numbers.len() > SLAB {
            return None;
        }
        let first = self.room(numbers.len());
        for (place, &number) in (first..).zip(numbers) {
            let chunk = self.chunk_mut(number / PAGES as u64);
            chunk.tried |= bit(number);
            let slot = chunk.places.get_mut((number % PAGES as u64) as usize);
            if let Some(slot) = slot {
                *slot = place;
            }
        }
        let start = first as usize % SLAB * PAGE;
        let slab = self.slabs.get_mut(first as usize / SLAB)?;
        slab.get_mut(start..start + numbers.len() * PAGE)
    }

    /// Whether the page of this number has been tried.
    pub(super) fn is_tried(&self, number: u64) -> bool {
        let chunk = self.chunks.get(&(number / PAGES as u64));
        chunk.is_some_and(|chunk| chunk.tried & bit(number) != 0)
    }

    /// The first of so many new places in one slab.
    fn room(&mut self, length: usize) -> u32 {
        let mut given = self.marks.len();
        if given % SLAB + length > SLAB {
            given = given.next_multiple_of(SLAB);
        }
        if given / SLAB >= self.slabs.len() {
            self.slabs.add();
        }
        self.slabs.foresee(given + length);
        self.marks.resize(given + length, Marks::default());
        // Chunks are bounded, and so are places.
        given as u32
    }

    /// All pages that have been tried, and of which something was used or nothing,
    /// by the parts that they are in.
    pub(super) fn runs(&self, used: bool) -> Vec<Vec<Run>> {
        let mut found = vec![Vec::new(); self.marks.len().div_ceil(PART)];
        for (&number, chunk) in &self.chunks {
            for (first, length) in runs(self.marked(chunk, used)) {
                let mut from = first;
                for page in first..first + length {
                    let follows = |page| Some(chunk.place(page)? + 1);
                    let ends = page + 1 == first + length
                        || follows(page) != chunk.place(page + 1)
                        || chunk
                            .place(page + 1)
                            .is_some_and(|it| it % PART as u32 == 0);
                    if ends {
                        let run = Run {
                            chunk: number,
                            first: from,
                            length: page + 1 - from,
                            place: chunk.place(from).unwrap_or_default(),
                        };
                        if let Some(runs) = found.get_mut(run.place as usize / PART) {
                            runs.push(run);
                        }
                        from = page + 1;
                    }
                }
            }
        }
        found
    }

    /// The tried pages of a chunk, of which something was used or nothing.
    fn marked(&self, chunk: &Chunk, used: bool) -> u32 {
        let is_used = |place: u32| {
            let marks = self.marks.get(place as usize);
            marks.is_some_and(|marks| marks.used.get() != 0)
        };
        let pages = (0..).zip(chunk.places);
        pages
            .filter(|&(page, place)| chunk.tried & 1 << page != 0 && is_used(place) == used)
            .fold(0, |set, (page, _)| set | 1 << page)
    }

    /// Up to `length` bytes of the page that is kept at `place`, which are
    /// noted as used; and whether they were seen to change.
    #[inline]
    pub(super) fn take(&self, place: u32, offset: usize, length: usize) -> Option<(&[u8], bool)> {
        let end = (offset + length).min(PAGE);
        let bytes = self.page(place)?.get(offset..end)?;
        let lines = lines(offset, end.saturating_sub(1));
        Some((bytes, self.use_lines(place, lines)?))
    }

    /// The same of eight bytes, the address of which is a multiple of eight.
    #[inline]
    pub(super) fn word(&self, place: u32, offset: usize) -> Option<(u64, bool)> {
        let (words, _) = self.page(place)?.as_chunks();
        let word = words.get(offset / 8)?;
        let torn = self.use_lines(place, 1 << (offset / LINE % 64))?;
        Some((u64::from_le_bytes(*word), torn))
    }

    /// The same, which is not noted as used; `None` where something of the page
    /// was seen to change.
    pub(super) fn lasting_word(&self, place: u32, offset: usize) -> Option<u64> {
        if self.marks.get(place as usize)?.changed != 0 {
            return None;
        }
        let (words, _) = self.page(place)?.as_chunks();
        words.get(offset / 8).copied().map(u64::from_le_bytes)
    }

    #[inline]
    fn page(&self, place: u32) -> Option<&Page> {
        let place = place as usize;
        let (pages, _) = self.slabs.get(place / SLAB)?.as_chunks();
        pages.get(place % SLAB)
    }

    /// Notes that these lines were used; whether any was seen to change.
    #[inline]
    fn use_lines(&self, place: u32, lines: u64) -> Option<bool> {
        let marks = self.marks.get(place as usize)?;
        marks.used.set(marks.used.get() | lines);
        Some(marks.changed & lines != 0)
    }

    /// All that is kept, part by part, so that each can be looked at by a thread
    /// of its own; and what is known of the chunks.
    pub(super) fn parts(&mut self) -> (impl Iterator<Item = Part<'_>>, &HashMap<u64, Chunk>) {
        let pages = (self.slabs.iter_mut()).flat_map(|slab| slab.chunks_mut(PART * PAGE));
        let parts = pages.zip(self.marks.chunks_mut(PART));
        let parts = parts.map(|(pages, marks)| Part { pages, marks });
        (parts, &self.chunks)
    }

    /// Notes which pages of a run can be read from now on.
    pub(super) fn set_readable(&mut self, run: Run, readable: u32) {
        let chunk = self.chunk_mut(run.chunk);
        chunk.readable = chunk.readable & !run.pages() | readable;
    }

    /// Takes all of a run for changed.
    pub(super) fn distrust(&mut self, run: Run) {
        let marks = self.marks.iter_mut().skip(run.place as usize);
        for marks in marks.take(run.length) {
            marks.changed = u64::MAX;
        }
    }

    /// Notes that somebody wanted the page at `place`, which cannot be read;
    /// whether that was seen to change.
    pub(super) fn miss(&self, place: u32) -> bool {
        let Some(marks) = self.marks.get(place as usize) else {
            return false;
        };
        marks.used.set(u64::MAX);
        marks.changed != 0
    }

    /// The bytes of a run.
    pub(super) fn bytes(&mut self, run: Run) -> Option<&mut [u8]> {
        self.slabs.get_mut(run.slab())?.get_mut(run.within(SLAB))
    }
}

/// Some pages of a slab, and what is known of them.
pub(super) struct Part<'a> {
    pages: &'a mut [u8],
    marks: &'a mut [Marks],
}

impl Part<'_> {
    /// Holds a run, of which the pages `was` are readable here, against what is
    /// there `now`, of which the pages `readable` could be read, and says whether
    /// all that was used of it is still the same.
    ///
    /// Then either what is here becomes what is there, or it stays and what has
    /// changed is known from then on.
    pub(super) fn look_again(
        &mut self,
        run: Run,
        now: &[u8],
        (was, readable): (u32, u32),
        renew: bool,
    ) -> bool {
        let Some(here) = self.pages.get_mut(run.within(PART)) else {
            return false;
        };
        let mut same = true;
        let pages = here.chunks_mut(PAGE).zip(now.chunks(PAGE));
        let marks = self.marks.iter_mut().skip(run.place as usize % PART);
        for ((page, marks), (here, now)) in (run.first..).zip(marks).zip(pages) {
            let is_in = |set: u32| set & 1 << page != 0;
            let changed = match (is_in(was), is_in(readable)) {
                (true, true) if here == now => 0,
                (true, true) => different_lines(here, now),
                (false, false) => 0,
                _ => u64::MAX,
            };
            // Another reading may use more of it than was used so far.
            same &= changed & marks.used.get() == 0;
            marks.changed = changed;
            if renew {
                marks.changed = 0;
                if is_in(readable) && here != now {
                    here.copy_from_slice(now);
                }
            }
        }
        same
    }
}

impl Run {
    /// Where it is kept in its slab, or its part, of so many pages.
    fn within(self, pages: usize) -> Range<usize> {
        let start = self.place as usize % pages * PAGE;
        start..start + self.length * PAGE
    }
}

/// The lines that hold the bytes `first..=last` of a page.
fn lines(first: usize, last: usize) -> u64 {
    let from = u64::MAX << (first / LINE % 64);
    let to = u64::MAX >> (63 - last / LINE % 64);
    from & to
}

/// The lines in which two pages differ.
fn different_lines(one: &[u8], other: &[u8]) -> u64 {
    let pairs = one.chunks(LINE).zip(other.chunks(LINE));
    let different = pairs.enumerate().filter(|(_, (one, other))| one != other);
    different.fold(0, |lines, (line, _)| lines | 1 << line)
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
        let runs = [(7, 3, 1), (9, 0, 2), (7, 4, 12), (7, 0, 3)]
            .map(|(chunk, first, length)| kept.add(chunk, first, length));
        for (mark, &run) in (1..).zip(&runs) {
            kept.bytes(run).unwrap().fill(mark);
        }
        let mark = |chunk, page| {
            let place = kept.chunk(chunk).place(page).unwrap();
            kept.take(place, 0, 1).unwrap().0[0]
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
    fn only_what_was_used_can_change() {
        let mut kept = Pages::default();
        let run = kept.add(7, 3, 2);
        kept.chunk_mut(7).readable = run.pages();
        let place = kept.chunk(7).place(4).unwrap();
        let mut now = vec![0; 2 * PAGE];
        now[PAGE + 700] = 1;
        let look_again = |kept: &mut Pages, now: &[u8], readable: u32, renew: bool| {
            let was = kept.chunk(run.chunk).readable;
            let mut part = kept.parts().0.next().unwrap();
            let same = part.look_again(run, now, (was, readable), renew);
            if renew {
                kept.set_readable(run, readable);
            }
            same
        };
        assert!(look_again(&mut kept, &now, run.pages(), false));
        assert!(kept.take(place, 640, 64).unwrap().1);
        assert!(!look_again(&mut kept, &now, run.pages(), false));
        assert!(kept.take(place, 700, 1).unwrap().1);
        assert!(!kept.take(place, 600, 40).unwrap().1);
        assert!(kept.take(place, 600, 41).unwrap().1);
        assert_eq!(kept.take(place, 700, 1).unwrap().0, [0]);
        assert!(!look_again(&mut kept, &now, run.pages(), true));
        assert_eq!(kept.take(place, 700, 1).unwrap(), (&[1][..], false));
        assert!(look_again(&mut kept, &now, run.pages(), true));
        // A page that is gone has changed, and one that was missed and came.
        assert!(!look_again(&mut kept, &now, pages(3, 3), true));
        assert!(!kept.miss(place));
        assert!(!look_again(&mut kept, &now, run.pages(), false));
        assert!(kept.miss(place));
    }

    #[test]
    fn bytes_lie_in_lines() {
        assert_eq!(lines(0, 0), 1);
        assert_eq!(lines(63, 64), 3);
        assert_eq!(lines(4095, 4095), 1 << 63);
        assert_eq!(lines(0, 4095), u64::MAX);
        assert_eq!(lines(128, 200), 0b1100);
    }

    #[test]
    fn no_run_lies_in_two_slabs() {
        let mut kept = Pages::default();
        for chunk in 0..SLAB as u64 {
            let run = kept.add(chunk, 2, 5);
            assert_eq!(kept.bytes(run).unwrap().len(), 5 * PAGE);
        }
        let runs = kept.runs(false);
        assert_eq!(runs.len(), kept.count_parts());
        for (part, run) in (0..)
            .zip(&runs)
            .flat_map(|(part, runs)| runs.iter().map(move |it| (part, it)))
        {
            let last = run.place as usize + run.length - 1;
            assert_eq!([run.place as usize / PART, last / PART], [part, part]);
        }
        let pages: usize = runs.concat().iter().map(|run| run.length).sum();
        assert_eq!(pages, 5 * SLAB);
    }
}
