//! What `/proc/PID` says of a process.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;

use crate::error::Error;
use crate::sys;

/// What it runs, as far as that can be told.
pub(crate) fn executable(pid: u32) -> Option<PathBuf> {
    let path = fs::read_link(format!("/proc/{}/exe", living(pid))).ok()?;
    let bytes = path.as_os_str().as_bytes();
    Some(match bytes.strip_suffix(b" (deleted)") {
        Some(path) => PathBuf::from(OsStr::from_bytes(path)),
        None => path,
    })
}

/// The ids of its threads.
///
/// # Errors
///
/// [`Error::NoSuchProcess`] where it is gone.
pub(crate) fn threads(pid: u32) -> Result<Vec<u32>, Error> {
    let entries = match fs::read_dir(format!("/proc/{pid}/task")) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            return Err(Error::NoSuchProcess { pid });
        }
        Err(source) => {
            let what = format!("list /proc/{pid}/task");
            return Err(Error::System { what, source });
        }
    };
    Ok(entries
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
        .collect())
}

/// What has become of a process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Life {
    /// It runs, or is stopped.
    Alive,
    /// It has ended, and its parent has not taken note yet.
    Zombie,
    /// There is none.
    Gone,
    /// It exists, but we are not shown what it is.
    Hidden,
}

/// What has become of process `pid`. It lives as long as any of its threads does.
pub(crate) fn life(pid: u32) -> Life {
    match field(pid, "State") {
        Some(_) if has_ended(living(pid)) => Life::Zombie,
        Some(_) => Life::Alive,
        None if sys::exists(pid) => Life::Hidden,
        None => Life::Gone,
    }
}

/// Whether it may still run.
pub(crate) fn is_alive(pid: u32) -> bool {
    matches!(life(pid), Life::Alive | Life::Hidden)
}

/// The thread of process `pid` by whose id the kernel tells of the process: the
/// main thread, or, where that has ended (`pthread_exit`), another that lives.
/// A main thread that has ended has neither memory nor files any more.
pub(crate) fn living(pid: u32) -> u32 {
    if !has_ended(pid) {
        return pid;
    }
    let threads = threads(pid).unwrap_or_default();
    let mut alive = threads.into_iter().filter(|&tid| !has_ended(tid));
    alive.next().unwrap_or(pid)
}

/// Whether a thread has ended, and only its id is still there.
pub(crate) fn has_ended(tid: u32) -> bool {
    field(tid, "State").is_some_and(|state| state.starts_with(['Z', 'X']))
}

/// The process that `pid` is a thread of; itself, where it is a process.
pub(crate) fn process_of(pid: u32) -> u32 {
    field(pid, "Tgid")
        .and_then(|id| id.parse().ok())
        .unwrap_or(pid)
}

/// The id that a process or a thread has in its own pid namespace, the
/// innermost one; `None` where the kernel does not tell (before Linux 4.1).
pub(crate) fn own_id(id: u32) -> Option<u32> {
    let ids = field(id, "NSpid")?;
    ids.split_whitespace().next_back()?.parse().ok()
}

/// Whether it is a thread of the kernel, which has no memory of its own: all
/// are children of process 2.
pub(crate) fn is_kernel_thread(pid: u32) -> bool {
    pid == 2 || field(pid, "PPid").is_some_and(|parent| parent == "2")
}

/// The value of a line of `/proc/PID/status`.
pub(crate) fn field(pid: u32, name: &str) -> Option<String> {
    let status = fs::read(format!("/proc/{pid}/status")).ok()?;
    field_of(&String::from_utf8_lossy(&status), name)
}

/// The same of the calling process itself.
pub(crate) fn own_field(name: &str) -> Option<String> {
    field_of(&fs::read_to_string("/proc/self/status").ok()?, name)
}

fn field_of(status: &str, name: &str) -> Option<String> {
    let lines = status.lines().filter_map(|line| line.split_once(':'));
    let mut found = lines.filter(|(key, _)| *key == name);
    found.next().map(|(_, value)| value.trim().to_owned())
}

/// The name that the kernel keeps for a process, at most 15 bytes.
pub(crate) fn name(pid: u32) -> String {
    let name = fs::read(format!("/proc/{pid}/comm")).unwrap_or_default();
    String::from_utf8_lossy(name.trim_ascii_end()).into_owned()
}
