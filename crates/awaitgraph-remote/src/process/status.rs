//! What `/proc/PID` says of a process.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::Read;
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;

use crate::error::Error;
use crate::sys;

/// No more bytes than this are most of `/proc/PID/status`.
const USUAL_STATUS: usize = 4096;

/// What a process runs that [`living`] is the id of, as far as that can be told.
pub(crate) fn executable(living: u32) -> Option<PathBuf> {
    let path = fs::read_link(format!("/proc/{living}/exe")).ok()?;
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
        Some(state) if is_end(&state) && has_ended(living(pid)) => Life::Zombie,
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
    field(tid, "State").is_some_and(|state| is_end(&state))
}

/// Whether a thread runs, or would if it had a processor.
pub(crate) fn is_ready(tid: u32) -> bool {
    field(tid, "State").is_some_and(|state| state.starts_with('R'))
}

fn is_end(state: &str) -> bool {
    state.starts_with(['Z', 'X'])
}

/// The ids that a process or a thread has in each pid namespace from ours to
/// its own, the innermost one; none where the kernel does not tell (before
/// Linux 4.1).
pub(crate) fn ids(id: u32) -> Vec<u32> {
    ids_in(&field(id, "NSpid").unwrap_or_default())
}

fn ids_in(line: &str) -> Vec<u32> {
    let ids = line.split_whitespace();
    ids.filter_map(|id| id.parse().ok()).collect()
}

/// The ids by which the kernel knows a process.
#[derive(Debug, Clone)]
pub(crate) struct Ids {
    /// Its own.
    pub(crate) process: u32,
    /// As [`living`] has it.
    pub(crate) living: u32,
    /// As [`ids`] has them.
    pub(crate) by_namespace: Vec<u32>,
    /// Whether it has a tracer.
    pub(crate) is_traced: bool,
}

impl Ids {
    /// Those of the process that `id` is a thread of, or is itself. One that is
    /// not there, or is not shown, has that id.
    pub(crate) fn of(id: u32) -> Self {
        let unknown = Self {
            process: id,
            living: id,
            by_namespace: Vec::new(),
            is_traced: false,
        };
        let Some(status) = whole(id) else {
            return unknown;
        };
        let field = |name| field_of(&status, name);
        match field("Tgid").and_then(|process| process.parse().ok()) {
            Some(process) if process != id => Self::of(process),
            _ => Self {
                living: match field("State") {
                    Some(state) if is_end(state) => living(id),
                    _ => id,
                },
                by_namespace: field("NSpid").map(ids_in).unwrap_or_default(),
                is_traced: field("TracerPid").is_some_and(|tracer| tracer != "0"),
                ..unknown
            },
        }
    }
}

/// Whether it is a thread of the kernel, which has no memory of its own: all
/// are children of process 2.
pub(crate) fn is_kernel_thread(pid: u32) -> bool {
    pid == 2 || field(pid, "PPid").is_some_and(|parent| parent == "2")
}

/// The value of a line of `/proc/PID/status`.
pub(crate) fn field(pid: u32, name: &str) -> Option<String> {
    field_of(&whole(pid)?, name).map(str::to_owned)
}

/// All of `/proc/PID/status`.
fn whole(pid: u32) -> Option<String> {
    let mut status = Vec::with_capacity(USUAL_STATUS);
    let mut file = File::open(format!("/proc/{pid}/status")).ok()?;
    file.read_to_end(&mut status).ok()?;
    Some(String::from_utf8_lossy(&status).into_owned())
}

/// The same of the calling process itself.
pub(crate) fn own_field(name: &str) -> Option<String> {
    field_of(&fs::read_to_string("/proc/self/status").ok()?, name).map(str::to_owned)
}

fn field_of<'s>(status: &'s str, name: &str) -> Option<&'s str> {
    let lines = status.lines().filter_map(|line| line.split_once(':'));
    let mut found = lines.filter(|(key, _)| *key == name);
    found.next().map(|(_, value)| value.trim())
}

/// The name that the kernel keeps for a process, at most 15 bytes.
pub(crate) fn name(pid: u32) -> String {
    let name = fs::read(format!("/proc/{pid}/comm")).unwrap_or_default();
    String::from_utf8_lossy(name.trim_ascii_end()).into_owned()
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::sync::mpsc;
    use std::thread;

    use super::is_ready;

    fn own_id() -> u32 {
        let link = fs::read_link("/proc/thread-self").expect("our own thread");
        let name = link.file_name().and_then(|name| name.to_str());
        name.and_then(|it| it.parse().ok()).expect("its id")
    }

    #[test]
    fn a_thread_that_runs_is_ready_and_one_that_sleeps_is_not() {
        assert!(is_ready(own_id()));
        let (says, said) = mpsc::channel();
        let (let_go, waits) = mpsc::channel::<()>();
        let sleeper = thread::spawn(move || {
            says.send(own_id()).expect("somebody listens");
            waits.recv().expect_err("nobody sends");
        });
        let id = said.recv().expect("its id");
        while is_ready(id) {
            thread::yield_now();
        }
        drop(let_go);
        sleeper.join().expect("an end");
    }
}
