//! A process that rests: none of its threads runs for as long as we look.
//!
//! A service that hangs, or that nobody asks for anything, sleeps in the kernel.
//! While all of its threads do that, nobody changes its memory, and what is read
//! of it is of one moment, as if it had been stopped.
//!
//! The kernel counts how often it has let each thread run
//! (`/proc/PID/task/TID/schedstat`, the third number, by `sched_info_arrive` in
//! `kernel/sched/stats.h`), and tells of one that does not run which system call
//! it is in (`…/syscall`, for which `task_current_syscall` in `lib/syscall.c`
//! waits until it is off its processor). A thread that was off in between, and
//! was not let run again, has not run.

use std::fs::{self, File};
use std::os::unix::fs::FileExt;

use super::status::{self, Ids};
use crate::limits;

/// The bytes of `schedstat`: three numbers of 64 bits.
const LONGEST: usize = 64;
/// The system calls of x86-64 in which a thread may wait for a child that has
/// the same memory: `clone`, `fork`, `vfork`, `clone3`.
const MAKE_CHILDREN: [&str; 4] = ["56", "57", "58", "435"];

/// A process none of whose threads ran when this was made.
#[derive(Debug)]
pub(crate) struct Rest {
    threads: Vec<Resting>,
}

/// A thread, and how often it had been let run.
#[derive(Debug)]
struct Resting {
    counts: File,
    runs: u64,
}

impl Rest {
    /// `None` where some thread of the process runs, or may have a child run in
    /// the same memory; where it is traced, as then others may write to it; where
    /// there are very many threads; or where the kernel does not tell.
    pub(crate) fn of(ids: &Ids) -> Option<Self> {
        if ids.is_traced {
            return None;
        }
        let pid = ids.process;
        let before = status::threads(pid).ok()?;
        if before.len() > limits::MOST_RESTING {
            return None;
        }
        let threads = before.iter().map(|&tid| Resting::of(pid, tid));
        let threads = threads.collect::<Option<Vec<_>>>()?;
        // Who did not run since has started no other.
        let now = status::threads(pid).ok()?;
        (before == now).then_some(Self { threads })
    }

    /// Whether none of them has run since.
    pub(crate) fn lasts(&self) -> bool {
        self.threads.iter().all(Resting::lasts)
    }
}

impl Resting {
    fn of(pid: u32, tid: u32) -> Option<Self> {
        let counts = File::open(format!("/proc/{pid}/task/{tid}/schedstat")).ok()?;
        // Before it is seen to be off: so one that ran in between is noticed.
        let runs = runs(&counts)?;
        let syscall = fs::read_to_string(format!("/proc/{pid}/task/{tid}/syscall")).ok()?;
        let number = syscall.split_ascii_whitespace().next()?;
        let is_off = number != "running" && !MAKE_CHILDREN.contains(&number);
        is_off.then_some(Self { counts, runs })
    }

    fn lasts(&self) -> bool {
        runs(&self.counts) == Some(self.runs)
    }
}

/// How often a thread was let run; `None` where it is gone, or where the kernel
/// does not count.
fn runs(counts: &File) -> Option<u64> {
    let mut text = [0; LONGEST];
    let length = counts.read_at(&mut text, 0).ok()?;
    let text = str::from_utf8(text.get(..length)?).ok()?;
    let runs = text.split_ascii_whitespace().nth(2)?.parse().ok()?;
    (runs > 0).then_some(runs)
}

#[cfg(test)]
mod tests {
    use std::thread;
    use std::time::Instant;

    use super::*;
    use crate::at_hand::{Python, say_not_tested};

    const RESTS: &str = "
import sys, threading
threading.Thread(target=threading.Event().wait, daemon=True).start()
print('ready', flush=True)
for line in sys.stdin:
    pass
";
    const RUNS: &str = "
import sys, threading
threading.Thread(target=sys.stdin.read, daemon=True).start()
print('ready', flush=True)
while True:
    pass
";

    fn in_time(mut is_so: impl FnMut() -> bool) -> bool {
        let deadline = Instant::now() + limits::STOP_PATIENCE;
        while Instant::now() < deadline {
            if is_so() {
                return true;
            }
            thread::yield_now();
        }
        false
    }

    #[test]
    fn a_process_rests_until_it_is_woken() {
        let pythons = Python::all();
        let Some(python) = pythons.first() else {
            return say_not_tested("a process that rests: there is no CPython at hand");
        };
        let mut target = python.start(RESTS);
        let ids = Ids::of(target.pid());
        let mut rest = None;
        assert!(in_time(|| {
            rest = Rest::of(&ids);
            rest.is_some()
        }));
        let rest = rest.expect("a rest");
        assert_eq!(rest.threads.len(), 2);
        assert!(rest.lasts());
        target.tell("wake up");
        assert!(in_time(|| !rest.lasts()));
    }

    #[test]
    fn a_process_of_which_one_thread_runs_does_not_rest() {
        let pythons = Python::all();
        let Some(python) = pythons.first() else {
            return say_not_tested("a process that runs: there is no CPython at hand");
        };
        let target = python.start(RUNS);
        let ids = Ids::of(target.pid());
        assert!((0..1000).all(|_| Rest::of(&ids).is_none_or(|rest| !rest.lasts())));
    }
}
