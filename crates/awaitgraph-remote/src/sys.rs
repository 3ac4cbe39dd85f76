//! The system calls that the standard library does not have.
//!
//! This is the only place of the crate with `unsafe`. Nothing here writes to a
//! target: of ptrace, only what stops it, asks for registers and lets it go.

#![allow(unsafe_code)]

mod mapped;
mod region;

use std::io;

pub(crate) use mapped::{MappedFile, next_mapped_file};
pub(crate) use region::Region;

/// How a thread answered to being stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Waited {
    /// It has not stopped yet.
    NotYet,
    /// It stopped because we asked, or was stopped already.
    Stopped,
    /// It stopped because this signal is about to be delivered to it.
    BeforeSignal(i32),
    /// It ended.
    Ended,
}

/// Copies bytes of process `pid` at `addr` into `buf`; returns how many.
pub(crate) fn read_memory(pid: u32, addr: u64, buf: &mut [u8]) -> io::Result<usize> {
    let local = libc::iovec {
        iov_base: buf.as_mut_ptr().cast(),
        iov_len: buf.len(),
    };
    let remote = libc::iovec {
        iov_base: addr as *mut libc::c_void,
        iov_len: buf.len(),
    };
    // SAFETY: the kernel writes to the local range only, which is `buf` and is
    // borrowed mutably for the call; the remote range is checked by the kernel.
    let read = unsafe { libc::process_vm_readv(pid as libc::pid_t, &local, 1, &remote, 1, 0) };
    usize::try_from(read).map_err(|_| io::Error::last_os_error())
}

/// What `CLOCK_MONOTONIC` says, in seconds.
pub(crate) fn monotonic() -> f64 {
    let mut now = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    // SAFETY: the kernel writes to `now` only, which is borrowed mutably.
    unsafe { libc::clock_gettime(libc::CLOCK_MONOTONIC, &raw mut now) };
    // An uptime has room in a float, to the microsecond.
    #[allow(clippy::cast_precision_loss)]
    let seconds = now.tv_sec as f64 + now.tv_nsec as f64 / 1e9;
    seconds
}

/// How many pieces [`read_memory_pieces`] takes at once (`UIO_MAXIOV`).
pub(crate) const MOST_PIECES: usize = 1024;

/// Copies bytes of process `pid` from each address into the buffer beside it,
/// one after the other, up to the first that cannot be read; returns how many
/// bytes that were in all.
pub(crate) fn read_memory_pieces<'a>(
    pid: u32,
    pieces: impl Iterator<Item = (u64, &'a mut [u8])>,
) -> io::Result<usize> {
    let pieces = pieces.take(MOST_PIECES);
    let count = pieces.size_hint().0;
    let (mut local, mut remote) = (Vec::with_capacity(count), Vec::with_capacity(count));
    for (addr, bytes) in pieces {
        let iov_len = bytes.len();
        local.push(libc::iovec {
            iov_base: bytes.as_mut_ptr().cast(),
            iov_len,
        });
        remote.push(libc::iovec {
            iov_base: addr as *mut libc::c_void,
            iov_len,
        });
    }
    let count = local.len() as libc::c_ulong;
    let pid = pid as libc::pid_t;
    // SAFETY: the kernel writes to the local ranges only, which are distinct
    // mutable borrows that outlive the call; the remote ranges are checked by
    // the kernel; both lists are as long as said.
    let read =
        unsafe { libc::process_vm_readv(pid, local.as_ptr(), count, remote.as_ptr(), count, 0) };
    usize::try_from(read).map_err(|_| io::Error::last_os_error())
}

/// The number of the processor that this thread runs on.
pub(crate) fn processor() -> Option<usize> {
    // SAFETY: it has no arguments and writes to no memory.
    usize::try_from(unsafe { libc::sched_getcpu() }).ok()
}

/// A set of processors.
#[derive(Clone, Copy)]
pub(crate) struct Processors(libc::cpu_set_t);

impl Processors {
    /// Those that this thread may run on.
    pub(crate) fn of_this_thread() -> Option<Self> {
        // SAFETY: a set of processors is bits, all of which may be 0.
        let mut set: libc::cpu_set_t = unsafe { std::mem::zeroed() };
        // SAFETY: the kernel writes to the set, which is as large as said.
        let known = unsafe { libc::sched_getaffinity(0, size_of_val(&set), &raw mut set) };
        (known == 0).then_some(Self(set))
    }

    /// All but this one.
    pub(crate) fn without(mut self, number: usize) -> Self {
        if number < 8 * size_of_val(&self.0) {
            // SAFETY: the number is one of those that the set has room for.
            unsafe { libc::CPU_CLR(number, &mut self.0) };
        }
        self
    }

    /// Has this thread run on these alone; whether the kernel does that, as it does
    /// not where there is none.
    pub(crate) fn take(&self) -> bool {
        // SAFETY: the kernel reads the set, which is as large as said.
        unsafe { libc::sched_setaffinity(0, size_of_val(&self.0), &raw const self.0) == 0 }
    }
}

/// Makes us the tracer of thread `tid` without stopping it.
pub(crate) fn seize(tid: u32) -> io::Result<()> {
    request(libc::PTRACE_SEIZE, tid, 0)
}

/// Asks the seized thread `tid` to stop.
pub(crate) fn interrupt(tid: u32) -> io::Result<()> {
    request(libc::PTRACE_INTERRUPT, tid, 0)
}

/// Lets the stopped thread `tid` go on; `signal`, where it is not 0, is delivered to it.
pub(crate) fn detach(tid: u32, signal: i32) -> io::Result<()> {
    request(libc::PTRACE_DETACH, tid, signal)
}

fn request(request: libc::c_uint, tid: u32, data: i32) -> io::Result<()> {
    let nothing = std::ptr::null_mut::<libc::c_void>();
    let data = data as usize as *mut libc::c_void;
    // SAFETY: these requests read and write no memory of ours.
    let result = unsafe { libc::ptrace(request, tid as libc::pid_t, nothing, data) };
    if result == -1 {
        Err(io::Error::last_os_error())
    } else {
        Ok(())
    }
}

/// Whether the seized thread `tid` has stopped; does not block.
pub(crate) fn wait(tid: u32) -> io::Result<Waited> {
    let mut status = 0;
    let flags = libc::__WALL | libc::WNOHANG;
    // SAFETY: `status` is a valid place for the answer.
    let waited = unsafe { libc::waitpid(tid as libc::pid_t, &mut status, flags) };
    if waited == -1 {
        return Err(io::Error::last_os_error());
    }
    if waited == 0 {
        return Ok(Waited::NotYet);
    }
    if !libc::WIFSTOPPED(status) {
        return Ok(Waited::Ended);
    }
    // ptrace(2): the event stands above the signal; a stop without one is for
    // a signal that waits to be delivered.
    Ok(match status >> 16 {
        0 => Waited::BeforeSignal(libc::WSTOPSIG(status)),
        _ => Waited::Stopped,
    })
}

/// The thread pointer of the stopped thread `tid`, which is its `pthread_t`.
#[cfg(target_arch = "x86_64")]
pub(crate) fn thread_pointer(tid: u32) -> io::Result<u64> {
    let mut registers = std::mem::MaybeUninit::<libc::user_regs_struct>::zeroed();
    let nothing = std::ptr::null_mut::<libc::c_void>();
    // SAFETY: the kernel fills a `user_regs_struct`, of which all bit patterns are valid.
    let registers = unsafe {
        let request = libc::PTRACE_GETREGS;
        if libc::ptrace(request, tid as libc::pid_t, nothing, registers.as_mut_ptr()) == -1 {
            return Err(io::Error::last_os_error());
        }
        registers.assume_init()
    };
    Ok(registers.fs_base)
}

/// Not known on this architecture.
#[cfg(not(target_arch = "x86_64"))]
pub(crate) fn thread_pointer(_tid: u32) -> io::Result<u64> {
    Err(io::ErrorKind::Unsupported.into())
}

/// Whether there is a process `pid`, be it hidden from us.
pub(crate) fn exists(pid: u32) -> bool {
    let Ok(pid) = libc::pid_t::try_from(pid) else {
        return false;
    };
    // SAFETY: signal 0 is sent to nobody; the call touches no memory.
    let sent = unsafe { libc::kill(pid, 0) };
    sent == 0 || io::Error::last_os_error().raw_os_error() == Some(libc::EPERM)
}

/// Lets process `tracer` look into us where Yama would not, any process for
/// `None`, nobody but our ancestors for 0.
pub(crate) fn set_ptracer(tracer: Option<u32>) -> io::Result<()> {
    const ANY: libc::c_ulong = libc::c_ulong::MAX;
    let tracer = tracer.map_or(ANY, libc::c_ulong::from);
    // SAFETY: the call touches no memory.
    match unsafe { libc::prctl(libc::PR_SET_PTRACER, tracer, 0, 0, 0) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

/// The effective user id of this process.
pub(crate) fn effective_user() -> u32 {
    // SAFETY: the call cannot fail and touches no memory.
    unsafe { libc::geteuid() }
}
