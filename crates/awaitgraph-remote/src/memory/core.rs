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

use std::cell::{Cell, RefCell};
use std::fs::File;
use std::os::unix::fs::FileExt;

use super::{Memory, Unreadable, Why};

/// What is read of a core at once, and how many such pieces are kept: 1 GiB.
/// A service with a million tasks needs as much; past that, some are read again.
const CHUNK: usize = 64 * 1024;
const MOST_CHUNKS: u64 = 1 << 14;

/// The bytes of a core file.
///
/// They are read and not mapped: a file that another process makes shorter
/// meanwhile would end us by a signal.
pub(crate) struct CoreBytes {
    file: File,
    length: u64,
    /// Each at a place by its number.
    chunks: RefCell<Vec<Chunk>>,
    /// Whether there was less than `length` says.
    is_shorter: Cell<bool>,
}

/// A piece of a core file.
#[derive(Clone)]
struct Chunk {
    number: u64,
    bytes: Vec<u8>,
}

impl CoreBytes {
    /// The first `length` bytes of `file`, which are all that there are, or all
    /// that matter.
    pub(crate) fn new(file: File, length: u64) -> Self {
        let none = Chunk {
            number: u64::MAX,
            bytes: Vec::new(),
        };
        let count = length.div_ceil(CHUNK as u64).min(MOST_CHUNKS);
        Self {
            file,
            length,
            chunks: RefCell::new(vec![none; count as usize]),
            is_shorter: Cell::new(false),
        }
    }

    /// How many there were when it was opened.
    pub(crate) fn length(&self) -> u64 {
        self.length
    }

    /// Whether the file has become shorter since.
    pub(crate) fn is_shorter(&self) -> bool {
        self.is_shorter.get()
    }

    /// As many of `length` bytes at `at` as there are.
    pub(crate) fn part(&self, at: u64, length: u64) -> Vec<u8> {
        let length = length.min(self.length.saturating_sub(at));
        let mut bytes = vec![0; usize::try_from(length).unwrap_or(0)];
        let read = fill(&self.file, at, &mut bytes);
        if read < bytes.len() {
            self.is_shorter.set(true);
            bytes.truncate(read);
        }
        bytes
    }

    /// Fills `buf` with the bytes at `at`; `None` where some are not there.
    fn copy(&self, at: u64, buf: &mut [u8]) -> Option<()> {
        let (mut at, mut rest) = (at, buf);
        while !rest.is_empty() {
            let number = at / CHUNK as u64;
            let skip = (at % CHUNK as u64) as usize;
            let take = rest.len().min(CHUNK - skip);
            let (to, later) = rest.split_at_mut(take);
            self.copy_within(number, skip, to)?;
            rest = later;
            at = at.checked_add(take as u64)?;
        }
        Some(())
    }

    /// The same where all of it is in one chunk.
    fn copy_within(&self, number: u64, skip: usize, to: &mut [u8]) -> Option<()> {
        let mut chunks = self.chunks.borrow_mut();
        let count = chunks.len().max(1) as u64;
        let chunk = chunks.get_mut((number % count) as usize)?;
        if chunk.number != number {
            chunk.bytes.resize(CHUNK, 0);
            let begin = number.checked_mul(CHUNK as u64)?;
            let read = fill(&self.file, begin, &mut chunk.bytes);
            chunk.bytes.truncate(read);
            chunk.number = number;
        }
        let end = skip.checked_add(to.len())?;
        let Some(bytes) = chunk.bytes.get(skip..end) else {
            self.is_shorter.set(true);
            return None;
        };
        to.copy_from_slice(bytes);
        Some(())
    }
}

/// Fills `buf` from a file as far as that goes.
fn fill(file: &File, at: u64, buf: &mut [u8]) -> usize {
    let mut done = 0;
    while let Some(rest) = buf.get_mut(done..).filter(|rest| !rest.is_empty()) {
        match file.read_at(rest, at.saturating_add(done as u64)) {
            Ok(0) => break,
            Ok(read) => done += read,
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(_) => break,
        }
    }
    done
}

/// The memory of a process, as its core has it.
pub(crate) struct Dump<'a> {
    bytes: &'a CoreBytes,
    /// By address.
    segments: Vec<Segment>,
}

/// A run of memory that is in the core.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Segment {
    /// Its first address.
    pub(crate) start: u64,
    /// Where in the file it begins.
    pub(crate) offset: u64,
    /// How much there is of it.
    pub(crate) length: u64,
}

impl<'a> Dump<'a> {
    pub(crate) fn new(bytes: &'a CoreBytes, mut segments: Vec<Segment>) -> Self {
        segments.retain(|segment| segment.length > 0);
        segments.sort_by_key(|segment| segment.start);
        Self { bytes, segments }
    }

    /// The first addresses of its segments, in ascending order.
    pub(crate) fn starts(&self) -> impl Iterator<Item = u64> {
        self.segments.iter().map(|segment| segment.start)
    }

    /// The bytes from `addr` on, as many as there are of `most`; none where the
    /// core does not have that address.
    pub(crate) fn from(&self, addr: u64, most: usize) -> Vec<u8> {
        match self.place(addr) {
            Some((offset, left)) => self.bytes.part(offset, left.min(most as u64)),
            None => Vec::new(),
        }
    }

    /// Where in the file the byte at `addr` is, and how many bytes there are
    /// from there to the end of its segment.
    fn place(&self, addr: u64) -> Option<(u64, u64)> {
        let segment = self.segments.get(self.behind(addr).checked_sub(1)?)?;
        let skip = addr.checked_sub(segment.start)?;
        let left = segment.length.checked_sub(skip).filter(|&left| left > 0)?;
        Some((segment.offset.checked_add(skip)?, left))
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
            let place = self.dump.place(here);
            let most = place.map_or_else(|| self.dump.gap(here), |(_, left)| left);
            let take = usize::try_from(most).unwrap_or(usize::MAX).min(rest.len());
            let (to, later) = rest.split_at_mut(take);
            match place {
                Some((offset, _)) => {
                    let read = self.dump.bytes.copy(offset, to);
                    read.ok_or(Unreadable { addr, why })?;
                }
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
    use std::sync::atomic::{AtomicU64, Ordering};

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

    /// A file of that content, whose name is gone.
    fn file(content: &[u8]) -> CoreBytes {
        static NUMBER: AtomicU64 = AtomicU64::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let name = format!("awaitgraph-core-{}-{number}", std::process::id());
        let path = std::env::temp_dir().join(name);
        let mut options = File::options();
        options.read(true).write(true).create(true).truncate(true);
        let file = options.open(&path).expect("a file");
        std::fs::remove_file(path).expect("a file");
        file.write_all_at(content, 0).expect("room for a file");
        CoreBytes::new(file, content.len() as u64)
    }

    /// A memory in which 0x10 bytes of 1 are followed by as many of 2, and in
    /// which those of 1 are at its end, too.
    fn dump(bytes: &CoreBytes) -> Dump<'_> {
        let segment = |start, offset, length| Segment {
            start,
            offset,
            length,
        };
        Dump::new(
            bytes,
            vec![
                segment(0x1010, 0x10, 0x10),
                segment(0x2000, 0, 0),
                segment(0x1000, 0, 0x10),
                segment(u64::MAX - 0xf, 0, 0x10),
            ],
        )
    }

    #[test]
    fn a_file_may_become_shorter_while_it_is_read() {
        let bytes = file(&[7; 3 * CHUNK]);
        let length = 3 * CHUNK as u64;
        let segment = Segment {
            start: 0x1000,
            offset: 0,
            length,
        };
        let dump = Dump::new(&bytes, vec![segment]);
        let read = |at: u64| {
            let mut byte = [0];
            dump.read(0x1000 + at, &mut byte).map(|()| byte)
        };
        assert_eq!(read(0), Ok([7]));
        bytes
            .file
            .set_len(CHUNK as u64 + 5)
            .expect("a shorter file");
        assert!(!bytes.is_shorter());
        assert_eq!(read(CHUNK as u64 + 4), Ok([7]));
        assert!(read(CHUNK as u64 + 5).is_err());
        assert!(bytes.is_shorter());
        assert!(read(length - 1).is_err());
        assert_eq!(dump.from(0x1000, 3 * CHUNK).len(), CHUNK + 5);
        // What was read before is still there.
        bytes.file.set_len(0).expect("an empty file");
        assert_eq!(read(0), Ok([7]));
    }

    #[test]
    fn more_is_read_than_is_kept() {
        let bytes = file(&[3; 64]);
        let chunks = MOST_CHUNKS + 3;
        let all = CoreBytes::new(bytes.file, chunks * CHUNK as u64);
        all.file.set_len(all.length).expect("a sparse file");
        let last = (chunks - 1) * CHUNK as u64;
        all.file.write_all_at(&[9], last).expect("room for a byte");
        let mut byte = [0];
        for _ in 0..2 {
            for (at, expected) in [(0, 3), (last, 9), (MOST_CHUNKS * CHUNK as u64, 0)] {
                assert_eq!(all.copy(at, &mut byte), Some(()));
                assert_eq!(byte, [expected], "{at}");
            }
        }
        assert_eq!(all.chunks.borrow().len() as u64, MOST_CHUNKS);
    }

    fn check(addr: u64, expected: Option<&[u8]>) {
        let bytes = file(&[[1; 0x10], [2; 0x10]].concat());
        let dump = dump(&bytes);
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
