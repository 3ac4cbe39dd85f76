//! What a process gives up before it becomes another program.
//!
//! All of that runs between fork and exec, and makes only system calls.

use std::io::Result;
use std::os::unix::process::CommandExt;
use std::process::Command;

use crate::awaitgraph;
use crate::place::checked;
use crate::temporary::{TemporaryFolder, copy_program};

/// Nobody's user id, and group's, on most systems; nothing hangs on the name.
pub(crate) const NOBODY: u32 = 65534;

const CAP_SYS_PTRACE: libc::c_ulong = 19;
/// More than there are.
const CAPABILITIES: libc::c_ulong = 64;

/// A reader that every user may start: our own program's folder may be closed to
/// others.
pub(crate) fn reader(folder: &TemporaryFolder, pid: u32) -> std::result::Result<Command, String> {
    let program = folder.0.join("awaitgraph");
    copy_program(&awaitgraph(), &program).map_err(|error| error.to_string())?;
    let mut command = Command::new(program);
    command.args(["pstree", "--json", &pid.to_string()]);
    Ok(command)
}

/// Another user, who may nothing.
pub(crate) fn nobody(command: &mut Command) -> &mut Command {
    // SAFETY: only system calls are made.
    unsafe { command.pre_exec(become_nobody) }
}

/// Another user, who may look into every process and nothing else.
pub(crate) fn only_ptrace(command: &mut Command) -> &mut Command {
    // SAFETY: as above.
    unsafe { command.pre_exec(keep_only_ptrace) }
}

/// Root, who may nothing that others may not, as in a container.
pub(crate) fn powerless_root(command: &mut Command) -> &mut Command {
    // SAFETY: as above.
    unsafe { command.pre_exec(drop_capabilities) }
}

pub(crate) fn become_nobody() -> Result<()> {
    // SAFETY: the list of groups is empty; the calls touch no memory.
    unsafe {
        checked(libc::setgroups(0, std::ptr::null()).into())?;
        checked(libc::setgid(NOBODY).into())?;
        checked(libc::setuid(NOBODY).into())
    }
}

pub(crate) fn keep_only_ptrace() -> Result<()> {
    // SAFETY: the calls touch no memory.
    unsafe {
        checked(libc::prctl(libc::PR_SET_KEEPCAPS, 1, 0, 0, 0).into())?;
        become_nobody()?;
        set_capabilities(1 << CAP_SYS_PTRACE)?;
        let raise = libc::PR_CAP_AMBIENT_RAISE;
        checked(libc::prctl(libc::PR_CAP_AMBIENT, raise, CAP_SYS_PTRACE, 0, 0).into())
    }
}

pub(crate) fn drop_capabilities() -> Result<()> {
    for capability in 0..CAPABILITIES {
        // It fails for those that there are not.
        // SAFETY: the call touches no memory.
        unsafe { libc::prctl(libc::PR_CAPBSET_DROP, capability, 0, 0, 0) };
    }
    set_capabilities(0)
}

/// `capset(2)`: the sets are effective, permitted, inheritable, the lower
/// halves of all three before the upper ones.
fn set_capabilities(capabilities: u32) -> Result<()> {
    const VERSION_3: u32 = 0x2008_0522;
    let header = [VERSION_3, 0];
    let sets = [capabilities, capabilities, capabilities, 0, 0, 0];
    // SAFETY: the kernel reads a header of two numbers and sets of six.
    checked(unsafe { libc::syscall(libc::SYS_capset, header.as_ptr(), sets.as_ptr()) })
}
