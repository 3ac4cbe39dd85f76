//! Memory that is asked of the system in one piece, and given away in several.
//!
//! Fresh memory in large pages costs an eighth of what it costs in small ones,
//! and a large page is more than any thread needs at a time: so what one asks
//! for is divided, and each piece has an owner of its own.

use std::io;
use std::ops::{Deref, DerefMut};
use std::ptr::NonNull;
use std::slice;
use std::sync::Arc;

use memmap2::{Advice, MmapMut};

/// Bytes that nobody else has.
#[derive(Debug)]
pub(crate) struct Region {
    /// What it is a piece of, which is given back with the last one.
    _whole: Arc<MmapMut>,
    start: NonNull<u8>,
    length: usize,
}

// SAFETY: the bytes are reached through this one piece alone, and belong to no
// thread.
unsafe impl Send for Region {}
// SAFETY: through a shared reference they are only read.
unsafe impl Sync for Region {}

impl Region {
    /// So many bytes, all zero, in large pages where the system has them.
    pub(crate) fn new(length: usize) -> io::Result<Self> {
        let mut whole = MmapMut::map_anon(length)?;
        // Where there are no large pages, small ones do.
        let _ = whole.advise(Advice::HugePage);
        let start = NonNull::new(whole.as_mut_ptr()).ok_or(io::ErrorKind::OutOfMemory)?;
        Ok(Self {
            _whole: Arc::new(whole),
            start,
            length,
        })
    }

    /// Divides it: the first bytes, so many of them if there are; the others stay.
    pub(crate) fn take(&mut self, length: usize) -> Self {
        let length = length.min(self.length);
        let taken = Self {
            _whole: Arc::clone(&self._whole),
            start: self.start,
            length,
        };
        // SAFETY: `length` is at most the bytes that there are from `start` on.
        self.start = unsafe { self.start.add(length) };
        self.length -= length;
        taken
    }
}

impl Deref for Region {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        // SAFETY: from `start` on there are `length` bytes of the mapping, which
        // lives as long as this; they are initialised, being the system's zeros
        // or what was written; and no other piece has any of them.
        unsafe { slice::from_raw_parts(self.start.as_ptr(), self.length) }
    }
}

impl DerefMut for Region {
    fn deref_mut(&mut self) -> &mut [u8] {
        // SAFETY: as above, and this is borrowed mutably.
        unsafe { slice::from_raw_parts_mut(self.start.as_ptr(), self.length) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_have_nothing_in_common() {
        let mut rest = Region::new(10).unwrap();
        let mut pieces = [rest.take(3), rest.take(0), rest.take(4), rest.take(9)];
        assert!(rest.is_empty());
        drop(rest);
        for (number, piece) in (1..).zip(&mut pieces) {
            piece.fill(number);
        }
        assert_eq!(pieces.each_ref().map(|it| it.len()), [3, 0, 4, 3]);
        let last = std::thread::spawn(move || {
            let [first, .., last] = pieces;
            assert_eq!(*first, [1, 1, 1]);
            last
        });
        assert_eq!(*last.join().unwrap(), [4, 4, 4]);
    }
}
