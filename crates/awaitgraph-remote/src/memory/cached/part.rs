//! Copied pages in one piece of memory, and what is known of them.

use std::cell::Cell;
use std::ops::Range;

use crate::sys::Region;

/// The unit in which memory is mapped.
pub(super) const PAGE: usize = 4096;
pub(super) type Page = [u8; PAGE];
/// The unit in which it is noted what of a page was used.
const LINE: usize = PAGE / 64;
/// The most pages of a part.
pub(super) const MOST_PAGES: usize = 1024;

/// Some pages, of which the first so many are in use.
#[derive(Debug)]
pub(super) struct Part {
    bytes: Region,
    /// Of each page in use.
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

/// A page that is looked at more than once.
#[derive(Clone, Copy)]
pub(super) struct Looked<'p> {
    words: &'p [[u8; 8]],
    marks: &'p Marks,
}

impl Looked<'_> {
    /// The eight bytes at `offset`, a multiple of eight, which are noted as used;
    /// `None` where they were seen to change.
    #[inline]
    pub(super) fn word(&self, offset: usize) -> Option<u64> {
        let line = 1 << (offset / LINE % 64);
        self.marks.used.set(self.marks.used.get() | line);
        let word = self.words.get(offset / 8)?;
        (self.marks.changed & line == 0).then(|| u64::from_le_bytes(*word))
    }
}

impl Part {
    /// Room for as many pages as `room` has, none of them in use.
    pub(super) fn new(room: Region) -> Self {
        let marks = Vec::with_capacity(room.len() / PAGE);
        Self { bytes: room, marks }
    }

    /// How many pages are in use.
    pub(super) fn used(&self) -> usize {
        self.marks.len()
    }

    /// How many more there is room for.
    pub(super) fn left(&self) -> usize {
        self.bytes.len() / PAGE - self.used()
    }

    /// Takes so many more pages into use: the first of them. There must be room.
    pub(super) fn take(&mut self, pages: usize) -> usize {
        let first = self.used();
        self.marks.resize(first + pages, Marks::default());
        first
    }

    /// The bytes of these pages.
    pub(super) fn range_mut(&mut self, pages: Range<usize>) -> Option<&mut [u8]> {
        self.bytes.get_mut(pages.start * PAGE..pages.end * PAGE)
    }

    /// A page, to be looked at more than once.
    pub(super) fn looked(&self, page: usize) -> Option<Looked<'_>> {
        let (words, _) = self.page(page)?.as_chunks();
        let marks = self.marks.get(page)?;
        Some(Looked { words, marks })
    }

    #[inline]
    fn page(&self, page: usize) -> Option<&Page> {
        let (pages, _) = self.bytes.as_chunks();
        pages.get(page)
    }

    /// Up to `length` bytes of a page, which are noted as used; and whether they
    /// were seen to change.
    #[inline]
    pub(super) fn read(&self, page: usize, offset: usize, length: usize) -> Option<(&[u8], bool)> {
        let end = (offset + length).min(PAGE);
        let bytes = self.page(page)?.get(offset..end)?;
        let lines = lines(offset, end.saturating_sub(1));
        Some((bytes, self.use_lines(page, lines)?))
    }

    /// The same of eight bytes, the address of which is a multiple of eight.
    #[inline]
    pub(super) fn word(&self, page: usize, offset: usize) -> Option<(u64, bool)> {
        let (words, _) = self.page(page)?.as_chunks();
        let word = words.get(offset / 8)?;
        let torn = self.use_lines(page, 1 << (offset / LINE % 64))?;
        Some((u64::from_le_bytes(*word), torn))
    }

    /// The same, which is not noted as used; `None` where something of the page
    /// was seen to change.
    pub(super) fn lasting_word(&self, page: usize, offset: usize) -> Option<u64> {
        if self.marks.get(page)?.changed != 0 {
            return None;
        }
        let (words, _) = self.page(page)?.as_chunks();
        words.get(offset / 8).copied().map(u64::from_le_bytes)
    }

    /// Notes that these lines were used; whether any was seen to change.
    #[inline]
    fn use_lines(&self, page: usize, lines: u64) -> Option<bool> {
        let marks = self.marks.get(page)?;
        marks.used.set(marks.used.get() | lines);
        Some(marks.changed & lines != 0)
    }

    /// Whether anything of a page was used.
    pub(super) fn is_used(&self, page: usize) -> bool {
        let marks = self.marks.get(page);
        marks.is_some_and(|marks| marks.used.get() != 0)
    }

    /// Forgets what was used.
    pub(super) fn forget_use(&mut self) {
        for marks in &mut self.marks {
            marks.used.set(0);
        }
    }

    /// Takes all of a page for changed.
    pub(super) fn distrust(&mut self, page: usize) {
        if let Some(marks) = self.marks.get_mut(page) {
            marks.changed = u64::MAX;
        }
    }

    /// Notes that somebody wanted a page that cannot be read; whether that was
    /// seen to change.
    pub(super) fn miss(&self, page: usize) -> bool {
        let Some(marks) = self.marks.get(page) else {
            return false;
        };
        marks.used.set(u64::MAX);
        marks.changed != 0
    }

    /// Holds a page against what is there `now`, and says whether all that was
    /// used of it is still the same. `is_readable`: whether it was and is.
    ///
    /// Then either what is here becomes what is there, or it stays and what has
    /// changed is known from then on.
    pub(super) fn look_again(
        &mut self,
        page: usize,
        now: &[u8],
        is_readable: (bool, bool),
        renew: bool,
    ) -> bool {
        let (pages, _) = self.bytes.as_chunks_mut::<PAGE>();
        let (Some(here), Some(marks)) = (pages.get_mut(page), self.marks.get_mut(page)) else {
            return false;
        };
        let changed = match is_readable {
            (true, true) if here == now => 0,
            (true, true) => different_lines(here, now),
            (false, false) => 0,
            _ => u64::MAX,
        };
        // Another reading may use more of it than was used so far.
        let is_same = changed & marks.used.get() == 0;
        marks.changed = changed;
        if renew {
            marks.changed = 0;
            if is_readable.1 && here != now {
                here.copy_from_slice(now);
            }
        }
        is_same
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_was_used_can_change() {
        let mut part = Part::new(Region::new(2 * PAGE).unwrap());
        assert_eq!((part.take(2), part.left()), (0, 0));
        let mut now = [0; PAGE];
        now[700] = 1;
        let both = (true, true);
        assert!(part.look_again(1, &now, both, false));
        assert!(part.read(1, 640, 64).unwrap().1);
        assert!(!part.look_again(1, &now, both, false));
        assert!(part.read(1, 700, 1).unwrap().1);
        assert!(!part.read(1, 600, 40).unwrap().1);
        assert!(part.read(1, 600, 41).unwrap().1);
        assert_eq!(part.read(1, 700, 1).unwrap().0, [0]);
        assert!(!part.look_again(1, &now, both, true));
        assert_eq!(part.read(1, 700, 1).unwrap(), (&[1][..], false));
        assert!(part.look_again(1, &now, both, true));
        // A page that is gone has changed, and one that was missed and came.
        assert!(!part.look_again(1, &now, (true, false), true));
        assert!(!part.miss(1));
        assert!(!part.look_again(1, &now, (false, true), false));
        assert!(part.miss(1));
    }

    #[test]
    fn bytes_lie_in_lines() {
        assert_eq!(lines(0, 0), 1);
        assert_eq!(lines(63, 64), 3);
        assert_eq!(lines(4095, 4095), 1 << 63);
        assert_eq!(lines(0, 4095), u64::MAX);
        assert_eq!(lines(128, 200), 0b1100);
    }
}
