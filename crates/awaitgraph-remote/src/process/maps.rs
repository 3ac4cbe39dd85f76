//! What is mapped into a process: the lines of `/proc/PID/maps`.
//!
//! `proc_pid_maps(5)` describes them.

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;
use std::path::PathBuf;

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

/// The mappings of files among the lines of `/proc/PID/maps`; lines of another
/// form are passed over.
pub(crate) fn parse(maps: &[u8]) -> Vec<Mapping> {
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
    let path = fields.next()?.trim_ascii_start();
    let path = path.strip_suffix(b" (deleted)").unwrap_or(path);
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
