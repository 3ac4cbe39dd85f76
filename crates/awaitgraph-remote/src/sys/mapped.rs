//! The files that a process has mapped, asked for one by one.
//!
//! `PROCMAP_QUERY` (`include/uapi/linux/fs.h`, from Linux 6.11) answers from
//! `/proc/PID/maps` without a text of all that is mapped, the most of which is
//! paths that were there before.

use std::fs::File;
use std::io;
use std::os::fd::AsRawFd;

/// The mapping at an address or behind it, and only one of a file.
const NEXT_OF_FILE: u64 = 0x10 | 0x20;
/// `_IOWR('f', 17, struct procmap_query)`.
const PROCMAP_QUERY: libc::c_ulong =
    3 << 30 | (size_of::<Query>() as libc::c_ulong) << 16 | (b'f' as libc::c_ulong) << 8 | 17;

/// `struct procmap_query`: the question, and the answer.
#[repr(C)]
#[derive(Debug, Default)]
struct Query {
    size: u64,
    flags: u64,
    addr: u64,
    start: u64,
    end: u64,
    protection: u64,
    page_size: u64,
    offset: u64,
    inode: u64,
    major: u32,
    minor: u32,
    name_size: u32,
    build_id_size: u32,
    name: u64,
    build_id: u64,
}

/// A mapping of a file; all numbers as in a line of `/proc/PID/maps`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct MappedFile {
    pub(crate) start: u64,
    pub(crate) end: u64,
    pub(crate) offset: u64,
    pub(crate) device: (u32, u32),
    pub(crate) inode: u64,
}

/// The first mapping of a file that ends behind `addr`, by an opened
/// `/proc/PID/maps`, and how many bytes its path has, which are put into `path`.
/// Without room for a path there is none.
///
/// # Errors
///
/// `NotFound` where there is no such mapping; another where the kernel does not
/// know the question, or there is not enough room.
pub(crate) fn next_mapped_file(
    maps: &File,
    addr: u64,
    path: &mut [u8],
) -> io::Result<(MappedFile, usize)> {
    let mut query = Query {
        size: size_of::<Query>() as u64,
        flags: NEXT_OF_FILE,
        addr,
        ..Query::default()
    };
    if !path.is_empty() {
        query.name = path.as_mut_ptr() as u64;
        query.name_size = u32::try_from(path.len()).unwrap_or(u32::MAX);
    }
    // SAFETY: the kernel reads and writes `query`, which is as large as its `size`
    // says, and writes at most `name_size` bytes to `name`, which is `path`; both
    // are borrowed mutably for the call.
    let result = unsafe { libc::ioctl(maps.as_raw_fd(), PROCMAP_QUERY, &raw mut query) };
    if result == -1 {
        return Err(io::Error::last_os_error());
    }
    let mapped = MappedFile {
        start: query.start,
        end: query.end,
        offset: query.offset,
        device: (query.major, query.minor),
        inode: query.inode,
    };
    // The zero behind it is counted.
    let length = (query.name_size as usize).saturating_sub(1);
    Ok((mapped, if path.is_empty() { 0 } else { length }))
}
