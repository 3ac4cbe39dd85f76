//! The memory that is in a core file.
//!
//! A core holds what the process had changed. What only repeats a file, as
//! the program's code and its constants do, is mostly left out and has to come
//! from that file:
//!
//! ```text
//!   Core ──> Dump      the segments in the core
//!        └─> behind    what they lack: the files that were mapped
//! ```

use std::cell::Cell;

use super::{Memory, Unreadable, Why};

/// The memory of a process, as its core has it.
pub(crate) struct Dump<'a> {
    /// By address.
    segments: Vec<Segment<'a>>,
}

/// A run of memory that is in the core.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Segment<'a> {
    /// Its first address.
    pub(crate) start: u64,
    /// All that is there of it.
    pub(crate) bytes: &'a [u8],
}

impl<'a> Dump<'a> {
    pub(crate) fn new(mut segments: Vec<Segment<'a>>) -> Self {
        segments.retain(|segment| !segment.bytes.is_empty());
        segments.sort_by_key(|segment| segment.start);
        Self { segments }
    }

    /// The first addresses of its segments, in ascending order.
    pub(crate) fn starts(&self) -> impl Iterator<Item = u64> {
        self.segments.iter().map(|segment| segment.start)
    }

    /// The bytes from `addr` to the end of its segment; empty where the core
    /// does not have that address.
    pub(crate) fn from(&self, addr: u64) -> &'a [u8] {
        let behind = self.behind(addr);
        let segment = behind.checked_sub(1).and_then(|it| self.segments.get(it));
        segment
            .and_then(|segment| {
                let skip = usize::try_from(addr.checked_sub(segment.start)?).ok()?;
                segment.bytes.get(skip..)
            })
            .unwrap_or_default()
    }

    /// How many bytes from `addr` on, which the core does not have, it lacks too.
    fn gap(&self, addr: u64) -> u64 {
        let next = self.segments.get(self.behind(addr));
        next.map_or(u64::MAX, |segment| segment.start - addr)
    }

    /// The index of the first segment that begins behind `addr`.
    fn behind(&self, addr: u64) -> usize {
        self.segments
            .partition_point(|segment| segment.start <= addr)
    }
}

impl Memory for Dump<'_> {
    fn read(&self, addr: u64, buf: &mut [u8]) -> Result<(), Unreadable> {
        Core::new(self, &Nothing).read(addr, buf)
    }
}

/// The memory of a process: its core's, and behind it that of another.
pub(crate) struct Core<'a> {
    dump: &'a Dump<'a>,
    behind: &'a dyn Memory,
    bytes_read: Cell<u64>,
}

impl<'a> Core<'a> {
    pub(crate) fn new(dump: &'a Dump<'a>, behind: &'a dyn Memory) -> Self {
        Self {
            dump,
            behind,
            bytes_read: Cell::new(0),
        }
    }

    /// How many bytes were read so far.
    pub(crate) fn bytes_read(&self) -> u64 {
        self.bytes_read.get()
    }
}

impl Memory for Core<'_> {
    fn read(&self, addr: u64, buf: &mut [u8]) -> Result<(), Unreadable> {
        let why = Why::NotInCore;
        let length = buf.len() as u64;
        let mut here = addr;
        let mut rest = buf;
        while !rest.is_empty() {
            let have = self.dump.from(here);
            let most = match have.len() {
                0 => usize::try_from(self.dump.gap(here)).unwrap_or(usize::MAX),
                length => length,
            };
            let take = most.min(rest.len());
            let (to, later) = rest.split_at_mut(take);
            match have.get(..take) {
                Some(bytes) => to.copy_from_slice(bytes),
                None => self.behind.read(here, to)?,
            }
            rest = later;
            here = here
                .checked_add(take as u64)
                .filter(|_| take > 0)
                .ok_or(Unreadable { addr, why })?;
        }
        self.bytes_read
            .set(self.bytes_read.get().saturating_add(length));
        Ok(())
    }
}

/// A memory without a byte.
struct Nothing;

impl Memory for Nothing {
    fn read(&self, addr: u64, _: &mut [u8]) -> Result<(), Unreadable> {
        let why = Why::NotInCore;
        Err(Unreadable { addr, why })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every byte is 9, but from 0x5000 on nothing is there.
    struct Nines;

    impl Memory for Nines {
        fn read(&self, addr: u64, buf: &mut [u8]) -> Result<(), Unreadable> {
            if addr + buf.len() as u64 > 0x5000 {
                return Nothing.read(addr, buf);
            }
            buf.fill(9);
            Ok(())
        }
    }

    fn check(addr: u64, expected: Option<&[u8]>) {
        let (ones, twos) = ([1; 0x10], [2; 0x10]);
        let segment = |start, bytes| Segment { start, bytes };
        let dump = Dump::new(vec![
            segment(0x1010, &twos),
            segment(0x2000, &[]),
            segment(0x1000, &ones),
            segment(u64::MAX - 0xf, &ones),
        ]);
        let core = Core::new(&dump, &Nines);
        let mut bytes = [0; 4];
        let read = core.read(addr, &mut bytes).map(|()| bytes.as_slice());
        assert_eq!(read.ok(), expected, "{addr:#x}");
    }

    #[test]
    fn what_the_core_lacks_comes_from_behind_it() {
        check(0x1000, Some(&[1, 1, 1, 1]));
        check(0x100e, Some(&[1, 1, 2, 2]));
        check(0x0ffe, Some(&[9, 9, 1, 1]));
        check(0x101e, Some(&[2, 2, 9, 9]));
        check(0x2000, Some(&[9, 9, 9, 9]));
        check(0x4fff, None);
    }

    #[test]
    fn memory_has_an_end() {
        check(u64::MAX - 4, Some(&[1, 1, 1, 1]));
        check(u64::MAX - 1, None);
        check(u64::MAX, None);
    }
}
