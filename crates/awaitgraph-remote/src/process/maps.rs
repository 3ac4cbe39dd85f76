//! What is mapped into a process: the lines of `/proc/PID/maps`.
//!
//! `proc_pid_maps(5)` describes them. Where the kernel answers questions about
//! them, it need not write all of them first.

use std::ffi::OsString;
use std::fs::File;
use std::io::{self, ErrorKind, Read};
use std::os::unix::ffi::OsStringExt;
use std::path::PathBuf;

use crate::sys::{MappedFile, next_mapped_file};

/// The longest path that the kernel tells, with the zero behind it.
const LONGEST_PATH: usize = 4096;
/// The most mappings that are asked for: the kernel's usual limit, sixteen times.
const MOST_ASKED: usize = 1 << 20;

/// One mapping of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Mapping {
    /// The first address.
    pub(crate) start: u64,
    /// The address after the last.
    pub(crate) end: u64,
    /// Where in the file it begins.
    pub(crate) offset: u64,
    /// The device that the file is on: its major and its minor number.
    pub(crate) device: (u32, u32),
    /// The file's inode.
    pub(crate) inode: u64,
    /// The file's path, as the target or the host sees it. A deleted file's
    /// path is what it was.
    pub(crate) path: PathBuf,
}

/// The mappings of files in the process whose `/proc/PID/maps` this is; `None`
/// where it has no memory, as one that has ended.
///
/// # Errors
///
/// Where the kernel refuses.
pub(crate) fn read(maps: &mut File) -> io::Result<Option<Vec<Mapping>>> {
    if let Some(mappings) = ask(maps).filter(|mappings| !mappings.is_empty()) {
        return Ok(Some(mappings));
    }
    // One of a process with a hundred libraries fits.
    let mut text = Vec::with_capacity(64 * 1024);
    maps.read_to_end(&mut text)?;
    Ok((!text.is_empty()).then(|| parse(&text)))
}

/// The same, asked for one by one; `None` where the kernel does not answer.
fn ask(maps: &File) -> Option<Vec<Mapping>> {
    let mut found: Vec<Mapping> = Vec::new();
    let mut path = [0; LONGEST_PATH];
    let mut addr = 0;
    // Most files are mapped in several pieces, one behind the other.
    let mut last: Option<(MappedFile, PathBuf)> = None;
    for _ in 0..MOST_ASKED {
        let (mut mapped, _) = match next_mapped_file(maps, addr, &mut []) {
            Ok(next) => next,
            Err(error) if error.kind() == ErrorKind::NotFound => return Some(found),
            Err(_) => return None,
        };
        let is_known = last.as_ref().is_some_and(|(last, _)| {
            (last.device, last.inode) == (mapped.device, mapped.inode) && mapped.inode != 0
        });
        if !is_known {
            let length;
            (mapped, length) = next_mapped_file(maps, mapped.start, &mut path).ok()?;
            let name = without_mark(path.get(..length)?);
            last = Some((mapped, PathBuf::from(OsString::from_vec(name.to_vec()))));
        }
        addr = mapped.end;
        if let Some((_, path)) = &last
            && path.is_absolute()
        {
            found.push(Mapping {
                start: mapped.start,
                end: mapped.end,
                offset: mapped.offset,
                device: mapped.device,
                inode: mapped.inode,
                path: path.clone(),
            });
        }
    }
    None
}

/// A path without what the kernel adds to that of a deleted file.
fn without_mark(path: &[u8]) -> &[u8] {
    path.strip_suffix(b" (deleted)").unwrap_or(path)
}

/// The mappings of files among the lines of `/proc/PID/maps`; lines of another
/// form are passed over.
fn parse(maps: &[u8]) -> Vec<Mapping> {
    maps.split(|&byte| byte == b'\n')
        .filter_map(parse_line)
        .collect()
}

fn parse_line(line: &[u8]) -> Option<Mapping> {
    let mut fields = line.splitn(6, |&byte| byte == b' ');
    let range = str::from_utf8(fields.next()?).ok()?;
    let (_permissions, offset) = (fields.next()?, str::from_utf8(fields.next()?).ok()?);
    let device = str::from_utf8(fields.next()?).ok()?;
    let inode = str::from_utf8(fields.next()?).ok()?;
    let path = without_mark(fields.next()?.trim_ascii_start());
    if !path.starts_with(b"/") {
        return None;
    }
    let (start, end) = range.split_once('-')?;
    let (major, minor) = device.split_once(':')?;
    let number = |text| u32::from_str_radix(text, 16).ok();
    Some(Mapping {
        start: u64::from_str_radix(start, 16).ok()?,
        end: u64::from_str_radix(end, 16).ok()?,
        offset: u64::from_str_radix(offset, 16).ok()?,
        device: (number(major)?, number(minor)?),
        inode: inode.parse().ok()?,
        path: PathBuf::from(OsString::from_vec(unescape(path))),
    })
}

/// The kernel writes a newline in a path as `\012`.
fn unescape(path: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(path.len());
    let mut rest = path;
    while let Some((&byte, after)) = rest.split_first() {
        if let Some(after) = rest.strip_prefix(b"\\012") {
            out.push(b'\n');
            rest = after;
        } else {
            out.push(byte);
            rest = after;
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[allow(unsafe_code, reason = "a file of the test's own is mapped")]
    fn what_is_asked_for_is_what_the_text_says() {
        // A file that is gone, and a name with a line feed.
        let path = std::env::temp_dir().join(format!("awaitgraph\n{}", std::process::id()));
        std::fs::write(&path, [7; 5000]).unwrap();
        let file = File::open(&path).unwrap();
        std::fs::remove_file(&path).unwrap();
        // SAFETY: nobody changes the file, which has no name any more.
        let mapped = unsafe { memmap2::Mmap::map(&file) }.unwrap();
        let open = || File::open("/proc/self/maps").unwrap();
        let mut text = Vec::new();
        open().read_to_end(&mut text).unwrap();
        // Other tests map and unmap memory meanwhile, but no files.
        let expected = parse(&text);
        let here = mapped.as_ptr() as u64;
        let its = expected.iter().find(|it| it.start == here).unwrap();
        assert_eq!(its.path, path);
        match ask(&open()) {
            Some(asked) => assert_eq!(asked, expected),
            None => crate::at_hand::say_not_tested(
                "questions about what is mapped: this kernel answers none",
            ),
        }
    }

    #[test]
    fn files_are_kept_and_the_rest_is_passed_over() {
        let maps = b"7f00-7f10 r-xp 00001000 08:01 77   /usr/lib/lib python.so\n\
            7f10-7f20 rw-p 00000000 00:00 0 \n\
            7f20-7f30 rw-p 00000000 00:00 0                          [heap]\n\
            7f30-7f40 r--p 00000000 08:01 78                         /opt/a\\012b (deleted)\n\
            nonsense\n";
        let found = parse(maps);
        let paths: Vec<_> = found
            .iter()
            .map(|mapping| mapping.path.to_str().unwrap())
            .collect();
        assert_eq!(paths, ["/usr/lib/lib python.so", "/opt/a\nb"]);
        let first = &found[0];
        assert_eq!(
            (first.start, first.end, first.offset),
            (0x7f00, 0x7f10, 0x1000)
        );
        assert_eq!((first.device, first.inode), ((8, 1), 77));
    }
}
