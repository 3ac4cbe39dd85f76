//! The processes of this machine.

use std::fs;

use super::status;
use crate::error::Error;

/// The ids of all processes that we can see, in ascending order.
pub(crate) fn processes() -> Result<Vec<u32>, Error> {
    let entries = fs::read_dir("/proc").map_err(|source| Error::System {
        what: "list /proc".to_owned(),
        source,
    })?;
    let mut pids: Vec<u32> = entries
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
        .collect();
    pids.sort_unstable();
    Ok(pids)
}

/// The command line of a process, its arguments separated by spaces.
pub(crate) fn command_line(pid: u32) -> Option<String> {
    let mut bytes = fs::read(format!("/proc/{pid}/cmdline")).ok()?;
    if bytes.is_empty() {
        bytes = fs::read(format!("/proc/{}/cmdline", status::living(pid))).ok()?;
    }
    let bytes = bytes.strip_suffix(b"\0").unwrap_or(&bytes);
    let arguments: Vec<_> = bytes
        .split(|&byte| byte == 0)
        .map(String::from_utf8_lossy)
        .collect();
    Some(arguments.join(" "))
}
