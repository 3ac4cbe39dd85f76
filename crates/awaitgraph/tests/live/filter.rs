//! System call filters, as containers have them (`seccomp(2)`).
//!
//! They are set between fork and exec, and only system calls are made.

use std::io::Result;

use crate::place::checked;

const REFUSE: u32 = libc::SECCOMP_RET_ERRNO | libc::EPERM as u32;
const KILL: u32 = libc::SECCOMP_RET_KILL_PROCESS;
const ALLOW: u32 = libc::SECCOMP_RET_ALLOW;
/// Where the number of the call is, and where its arguments begin.
const NUMBER: u32 = 0;
const ARGUMENTS: u32 = 16;

/// Makes the kernel answer EPERM to ptrace.
pub(crate) fn forbid_ptrace() -> Result<()> {
    refuse(libc::SYS_ptrace)
}

/// Makes the kernel answer EPERM to the call that reads another's memory.
pub(crate) fn forbid_reading() -> Result<()> {
    refuse(libc::SYS_process_vm_readv)
}

/// Makes the kernel answer EPERM to whoever wants another thread.
pub(crate) fn forbid_threads() -> Result<()> {
    set(&mut [
        load(NUMBER),
        when(libc::SYS_clone3 as u32, 2),
        when(libc::SYS_clone as u32, 1),
        end(ALLOW),
        end(REFUSE),
    ])
}

fn refuse(call: i64) -> Result<()> {
    set(&mut [
        load(NUMBER),
        unless(call as u32, 1),
        end(REFUSE),
        end(ALLOW),
    ])
}

/// Lets the kernel kill us at the first call by which one process could change
/// another, or a file: of ptrace there is left what stops, asks for registers
/// and lets go, of opening files reading, of signals the one that is none.
pub(crate) fn kill_at_writing_calls() -> Result<()> {
    let writing = libc::O_WRONLY | libc::O_RDWR | libc::O_CREAT | libc::O_TRUNC;
    set(&mut [
        load(NUMBER),
        when(libc::SYS_process_vm_writev as u32, 20),
        when(libc::SYS_openat2 as u32, 19),
        when(libc::SYS_tgkill as u32, 18),
        unless(libc::SYS_ptrace as u32, 6),
        load(ARGUMENTS),
        when(libc::PTRACE_SEIZE, 16),
        when(libc::PTRACE_INTERRUPT, 15),
        when(libc::PTRACE_GETREGS, 14),
        when(libc::PTRACE_DETACH, 13),
        end(KILL),
        unless(libc::SYS_openat as u32, 3),
        load(ARGUMENTS + 2 * 8),
        any_bit(writing as u32, 8),
        end(ALLOW),
        unless(libc::SYS_open as u32, 3),
        load(ARGUMENTS + 8),
        any_bit(writing as u32, 4),
        end(ALLOW),
        unless(libc::SYS_kill as u32, 3),
        load(ARGUMENTS + 8),
        when(0, 1),
        end(KILL),
        end(ALLOW),
    ])
}

type Step = libc::sock_filter;

fn step(code: u32, jt: u8, jf: u8, k: u32) -> Step {
    let code = code as u16;
    libc::sock_filter { code, jt, jf, k }
}

/// Looks at four bytes of the call.
fn load(at: u32) -> Step {
    step(libc::BPF_LD | libc::BPF_W | libc::BPF_ABS, 0, 0, at)
}

/// Leaves out as many steps where what is looked at is the value.
fn when(value: u32, skipped: u8) -> Step {
    step(
        libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K,
        skipped,
        0,
        value,
    )
}

/// The same where it is not.
fn unless(value: u32, skipped: u8) -> Step {
    step(
        libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K,
        0,
        skipped,
        value,
    )
}

/// The same where it has any of these bits.
fn any_bit(bits: u32, skipped: u8) -> Step {
    step(
        libc::BPF_JMP | libc::BPF_JSET | libc::BPF_K,
        skipped,
        0,
        bits,
    )
}

fn end(answer: u32) -> Step {
    step(libc::BPF_RET | libc::BPF_K, 0, 0, answer)
}

fn set(filter: &mut [Step]) -> Result<()> {
    let program = libc::sock_fprog {
        len: filter.len() as u16,
        filter: filter.as_mut_ptr(),
    };
    // SAFETY: the filter outlives the calls, which copy it.
    unsafe {
        checked(libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0).into())?;
        checked(libc::prctl(libc::PR_SET_SECCOMP, libc::SECCOMP_MODE_FILTER, &program).into())
    }
}
