//! Commands that may not run for ever.

use std::process::{Command, Output, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

/// Runs `command` to its end and gives its output; kills it after `limit`.
///
/// # Errors
///
/// Where it was killed or cannot be started.
pub(crate) fn output(command: &mut Command, limit: Duration) -> Result<Output, String> {
    let child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|error| format!("{command:?} does not start: {error}"))?;
    let pid = child.id();
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || sender.send(child.wait_with_output()));
    match receiver.recv_timeout(limit) {
        Ok(output) => output.map_err(|error| format!("{command:?}: {error}")),
        Err(_) => {
            signal(pid, libc::SIGKILL);
            Err(format!("{command:?} still ran after {limit:?}"))
        }
    }
}

/// Runs `command`, which takes as long as it takes.
///
/// # Errors
///
/// What it says where it fails.
pub(crate) fn succeeds(command: &mut Command) -> Result<(), String> {
    let output = command.output().map_err(|error| error.to_string())?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    Err(format!("{command:?}: {said}"))
}

/// Sends a signal to a process of ours.
pub(crate) fn signal(pid: u32, signal: i32) {
    let pid = i32::try_from(pid).expect("a pid fits 31 bits");
    // SAFETY: kill() touches no memory of ours; the pid is one that we started
    // and have not yet waited for.
    unsafe { libc::kill(pid, signal) };
}

/// Sends a signal to every process of a group that we made.
pub(crate) fn signal_group(leader: u32, signal: i32) {
    let pid = i32::try_from(leader).expect("a pid fits 31 bits");
    // SAFETY: as above.
    unsafe { libc::kill(-pid, signal) };
}

/// The letters of the states that the threads of a process are in, as `SSR`;
/// empty where there is no such process.
pub(crate) fn thread_states(pid: u32) -> String {
    let Ok(threads) = std::fs::read_dir(format!("/proc/{pid}/task")) else {
        return String::new();
    };
    threads
        .flatten()
        .filter_map(|thread| std::fs::read_to_string(thread.path().join("stat")).ok())
        .filter_map(|stat| stat.rsplit_once(") ")?.1.chars().next())
        .collect()
}
