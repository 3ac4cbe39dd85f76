//! A process held still while we look.
//!
//! ptrace stops each thread by itself and tells the target nothing: with
//! `PTRACE_SEIZE` and `PTRACE_INTERRUPT` no signal is sent, and a process that
//! was stopped before (SIGSTOP) stays so afterwards.
//!
//! The tracer is a thread of its own, which stands ready before it is needed and
//! does other things meanwhile. It is started when it is first needed, as it may
//! never be.
//! When a tracer ends, however it ends, the kernel lets its tracees go, even one
//! that hangs in the kernel and has not stopped yet: so whichever way we leave,
//! and even if we are killed, the target runs on.

use std::cell::{Cell, OnceCell};
use std::collections::{HashMap, HashSet};
use std::io;
use std::rc::Rc;
use std::sync::mpsc::{self, Receiver, RecvError, Sender};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use super::{not_permitted, status};
use crate::error::Error;
use crate::limits;
use crate::memory::{Aside, Job};
use crate::messages::receive;
use crate::sys::{self, Waited};

/// The stopped threads of a process: the kernel's ids, by `pthread_t`.
pub(crate) type ThreadPointers = HashMap<u64, u32>;

/// The thread that stops a process.
pub(crate) struct Tracer(Rc<Starting>);

/// A thread that is started when it is first needed.
struct Starting {
    pid: u32,
    /// Whether it is to keep away from the processor that its maker runs on.
    works_elsewhere: Cell<bool>,
    /// Or why the system has no more threads.
    started: OnceCell<Result<Started, io::ErrorKind>>,
}

struct Started {
    orders: Sender<Order>,
    reports: Receiver<Report>,
    thread: Cell<Option<JoinHandle<()>>>,
}

enum Order {
    /// There will be another one soon.
    Attend,
    /// Something that has nothing to do with the process.
    Run(Job),
    Stop,
    LetGo,
}

enum Report {
    Stopped(Result<ThreadPointers, Error>),
    /// The process was stopped for this long, at most.
    LetGo(Duration),
}

impl Tracer {
    /// A tracer for process `pid`, which it leaves alone until it is told to stop it.
    pub(crate) fn of(pid: u32) -> Self {
        Self(Rc::new(Starting {
            pid,
            works_elsewhere: Cell::new(false),
            started: OnceCell::new(),
        }))
    }

    /// Has what it does aside done on another processor than that of whoever starts
    /// it: some kernels let a new thread wait behind its maker, though another
    /// processor has nothing to do.
    pub(crate) fn work_elsewhere(&self) {
        self.0.works_elsewhere.set(true);
    }

    /// Has it stand ready.
    ///
    /// # Errors
    ///
    /// Where the system has no more threads.
    pub(crate) fn start(&self) -> Result<(), Error> {
        self.0.started().map(|_| ())
    }

    /// Why it could not be started, where that was tried.
    pub(crate) fn why_not_started(&self) -> Option<Error> {
        let kind = self.0.started.get()?.as_ref().err()?;
        Some(no_thread(*kind))
    }

    /// The thread, for whatever there is to do while the process is not to be
    /// stopped or let go.
    pub(crate) fn aside(&self) -> Box<dyn Aside> {
        Box::new(Idle(Rc::clone(&self.0)))
    }

    /// Tells that the process will be stopped in a moment.
    pub(crate) fn attend(&self) {
        // One that is gone is met where its report is missing.
        self.0.tell(Order::Attend);
    }

    /// Stops every thread of the process, looks, and lets them go; returns what
    /// was seen and how long the process was stopped, at most.
    ///
    /// # Errors
    ///
    /// Where it is gone, may not be traced, has a tracer already, or has a thread
    /// that does not stop. It is not stopped then, and nobody looks. Also where
    /// [`Self::start`] fails.
    pub(crate) fn while_stopped<T>(
        &mut self,
        look: impl FnOnce(&ThreadPointers) -> T,
    ) -> Result<(T, Duration), Error> {
        let started = self.0.started()?;
        let _ = started.orders.send(Order::Stop);
        let threads = match receive(&started.reports) {
            Ok(Report::Stopped(threads)) => threads?,
            Ok(Report::LetGo(_)) | Err(RecvError) => return Err(started.lost()),
        };
        let let_go = LetGo(&started.orders);
        let seen = look(&threads);
        drop(let_go);
        match receive(&started.reports) {
            Ok(Report::LetGo(paused)) => Ok((seen, paused)),
            Ok(Report::Stopped(_)) | Err(RecvError) => Err(started.lost()),
        }
    }
}

impl Starting {
    fn started(&self) -> Result<&Started, Error> {
        let started = self.started.get_or_init(|| {
            let (orders, ordered) = mpsc::channel();
            let (report, reports) = mpsc::channel();
            let pid = self.pid;
            let thread = thread::Builder::new().name("tracer".to_owned());
            let left = self.works_elsewhere.get().then(sys::processor).flatten();
            let thread = thread.spawn(move || {
                let elsewhere = left.and_then(Elsewhere::than);
                obey(pid, elsewhere, &ordered, &report);
            });
            Ok(Started {
                orders,
                reports,
                thread: Cell::new(Some(thread.map_err(|error| error.kind())?)),
            })
        });
        started.as_ref().map_err(|&kind| no_thread(kind))
    }

    fn tell(&self, order: Order) {
        if let Ok(started) = self.started() {
            let _ = started.orders.send(order);
        }
    }
}

fn no_thread(kind: io::ErrorKind) -> Error {
    Error::System {
        what: "start a thread".to_owned(),
        source: kind.into(),
    }
}

impl Started {
    /// Why there is no report.
    fn lost(&self) -> Error {
        match self.thread.take().map(JoinHandle::join) {
            Some(Err(panic)) => std::panic::resume_unwind(panic),
            _ => Error::System {
                what: "hear of the thread that stops".to_owned(),
                source: io::ErrorKind::BrokenPipe.into(),
            },
        }
    }
}

/// The tracer's thread, as others see it.
struct Idle(Rc<Starting>);

impl Aside for Idle {
    fn run(&self, job: Job) {
        self.0.tell(Order::Run(job));
    }
}

/// Has the process let go when it goes out of scope, be it in a panic.
struct LetGo<'a>(&'a Sender<Order>);

impl Drop for LetGo<'_> {
    fn drop(&mut self) {
        let _ = self.0.send(Order::LetGo);
    }
}

/// The processors that the thread may run on, while it keeps away from one.
struct Elsewhere(sys::Processors);

impl Elsewhere {
    /// Keeps away from this one, if there are others.
    fn than(number: usize) -> Option<Self> {
        let all = sys::Processors::of_this_thread()?;
        all.without(number).take().then_some(Self(all))
    }
}

impl Drop for Elsewhere {
    fn drop(&mut self) {
        self.0.take();
    }
}

/// What the tracer's thread does, until nobody is left who could tell it to.
fn obey(
    pid: u32,
    mut elsewhere: Option<Elsewhere>,
    orders: &Receiver<Order>,
    reports: &Sender<Report>,
) {
    let mut next = orders.recv();
    loop {
        next = match next {
            Ok(Order::Stop) => {
                drop(elsewhere.take());
                let since = Instant::now();
                let mut tracees = Tracees::of(pid);
                if let Err(error) = tracees.stop_all() {
                    drop(tracees);
                    let _ = reports.send(Report::Stopped(Err(error)));
                    // Those that hang in the kernel are let go when their tracer ends.
                    return;
                }
                let threads = tracees.thread_pointers();
                if reports.send(Report::Stopped(Ok(threads))).is_ok() {
                    // Whatever else comes next, even an end: it is over.
                    while let Ok(Order::Run(job)) = receive(orders) {
                        job();
                    }
                }
                drop(tracees);
                let _ = reports.send(Report::LetGo(since.elapsed()));
                orders.recv()
            }
            Ok(Order::Run(job)) => {
                job();
                receive(orders)
            }
            Ok(Order::Attend) => {
                // Where the target runs, it must not wait behind it.
                drop(elsewhere.take());
                receive(orders)
            }
            Ok(Order::LetGo) => orders.recv(),
            Err(RecvError) => return,
        };
    }
}

/// The threads of a process that we have in hand.
struct Tracees {
    pid: u32,
    seized: HashSet<u32>,
    /// The stopped ones, each with the signal that it is owed (0 for none).
    stopped: HashMap<u32, i32>,
}

impl Tracees {
    /// None yet of process `pid`.
    fn of(pid: u32) -> Self {
        Self {
            pid,
            seized: HashSet::new(),
            stopped: HashMap::new(),
        }
    }

    /// Stops the threads that there are, then those that they started
    /// meanwhile, until there are no new ones.
    fn stop_all(&mut self) -> Result<(), Error> {
        let deadline = Instant::now() + limits::STOP_PATIENCE;
        loop {
            let mut new = status::threads(self.pid)?;
            new.retain(|tid| !self.seized.contains(tid));
            let Some(&newest) = new.last() else {
                break;
            };
            // Each may start one more before it stops.
            if Instant::now() > deadline {
                return Err(self.does_not_stop(newest));
            }
            for &tid in &new {
                self.seize(tid)?;
            }
            for &tid in &new {
                self.wait_until_stopped(tid, deadline)?;
            }
        }
        if self.stopped.is_empty() {
            Err(Error::Ended { pid: self.pid })
        } else {
            Ok(())
        }
    }

    fn seize(&mut self, tid: u32) -> Result<(), Error> {
        let pid = self.pid;
        self.seized.insert(tid);
        match sys::seize(tid).and_then(|()| sys::interrupt(tid)) {
            Ok(()) => Ok(()),
            // The thread ended; if it was the last one, we see it in `stop_all`.
            Err(error) if error.raw_os_error() == Some(libc::ESRCH) => Ok(()),
            // It has ended, and is kept, as a main thread is before the others, or is
            // gone by now: one that is about to be may not be traced any more.
            Err(_) if status::has_ended(tid) || !sys::exists(tid) => Ok(()),
            Err(error) if error.raw_os_error() == Some(libc::EPERM) => Err(match tracer_of(tid) {
                Some(tracer) => Error::Traced {
                    pid,
                    tracer,
                    tracer_name: status::name(tracer),
                },
                None => not_permitted(pid),
            }),
            Err(source) => Err(Error::System {
                what: format!("trace thread {tid}"),
                source,
            }),
        }
    }

    fn wait_until_stopped(&mut self, tid: u32, deadline: Instant) -> Result<(), Error> {
        let mut asked = 0_u32;
        loop {
            match sys::wait(tid) {
                Ok(Waited::Stopped) => {
                    self.stopped.insert(tid, 0);
                    return Ok(());
                }
                Ok(Waited::BeforeSignal(signal)) => {
                    self.stopped.insert(tid, signal);
                    return Ok(());
                }
                Ok(Waited::Ended) | Err(_) => return Ok(()),
                Ok(Waited::NotYet) if Instant::now() > deadline => {
                    return Err(self.does_not_stop(tid));
                }
                // A stop takes some ten microseconds: look again at once, then less often.
                Ok(Waited::NotYet) if asked < 200 => std::thread::yield_now(),
                Ok(Waited::NotYet) => std::thread::sleep(Duration::from_micros(50)),
            }
            asked += 1;
        }
    }

    fn does_not_stop(&self, thread: u32) -> Error {
        Error::DoesNotStop {
            pid: self.pid,
            thread,
            is_ready: status::is_ready(thread),
        }
    }

    fn thread_pointers(&self) -> ThreadPointers {
        let threads = self.stopped.keys();
        threads
            .filter_map(|&tid| Some((sys::thread_pointer(tid).ok()?, tid)))
            .collect()
    }
}

impl Drop for Tracees {
    fn drop(&mut self) {
        for (tid, signal) in self.stopped.drain() {
            // It fails only for a thread that has been killed meanwhile.
            let _ = sys::detach(tid, signal);
        }
    }
}

/// The process that traces a thread. The kernel names the thread that does.
fn tracer_of(tid: u32) -> Option<u32> {
    let number = |pid, name| status::field(pid, name)?.parse().ok();
    let tracer = number(tid, "TracerPid").filter(|&tracer| tracer != 0)?;
    Some(number(tracer, "Tgid").unwrap_or(tracer))
}

#[cfg(test)]
mod tests {
    use std::fs::{self, OpenOptions};

    use super::*;
    use crate::at_hand::{Python, say_not_tested};

    /// A thread of it waits in vfork(2) for a child that opens a pipe which
    /// nobody writes to; it cannot be stopped there.
    const HANGS: &str = r#"
import ctypes, os, sys, tempfile, threading

path = os.path.join(tempfile.mkdtemp(), "pipe")
os.mkfifo(path)
c = ctypes.CDLL(None)
actions = ctypes.create_string_buffer(256)
c.posix_spawn_file_actions_init(actions)
c.posix_spawn_file_actions_addopen(actions, 3, path.encode(), os.O_RDONLY, 0)
argv = (ctypes.c_char_p * 2)(b"true", None)
environ = (ctypes.c_char_p * 1)(None)
pid = ctypes.c_int()

def spawn():
    c.posix_spawn(ctypes.byref(pid), b"/bin/true", actions, None, argv, environ)

threading.Thread(target=spawn, daemon=True).start()

def states():
    for thread in os.listdir("/proc/self/task"):
        with open("/proc/self/task/%s/stat" % thread) as stat:
            yield stat.read().rsplit(") ", 1)[1][0]

while "D" not in states():
    os.sched_yield()
print(path)
print("ready", flush=True)
sys.stdin.read()
"#;

    #[test]
    fn a_process_that_does_not_stop_runs_on_at_once() {
        let pythons = Python::all();
        let Some(python) = pythons.first() else {
            return say_not_tested("a process that does not stop: there is no CPython at hand");
        };
        let target = python.start(HANGS);
        let mut tracer = Tracer::of(target.pid());
        let stopped = tracer.while_stopped(|_| ());
        let is_traced = || {
            let threads = status::threads(target.pid()).unwrap_or_default();
            threads.iter().any(|&tid| tracer_of(tid).is_some())
        };
        let deadline = Instant::now() + limits::STOP_PATIENCE;
        while is_traced() && Instant::now() < deadline {
            thread::yield_now();
        }
        let is_still_traced = is_traced();
        // Lets the child go on to its end, whatever comes out of this.
        let pipe = &target.said[0];
        drop(OpenOptions::new().read(true).write(true).open(pipe));
        drop(fs::remove_file(pipe));
        assert!(matches!(
            stopped,
            Err(Error::DoesNotStop {
                is_ready: false,
                ..
            })
        ));
        assert!(!is_still_traced, "it is still traced");
        drop(tracer);
    }
}
