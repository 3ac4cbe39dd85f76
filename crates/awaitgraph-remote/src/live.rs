//! A snapshot of a live process.

mod sockets;

use std::cell::RefCell;
use std::sync::Arc;
use std::time::{Duration, Instant};

use awaitgraph_model::{Graph, SnapshotInfo, Wait};

use crate::error::Error;
use crate::limits;
use crate::map::HashMap;
use crate::memory::{Cached, Live, Memory, Why};
use crate::process::{
    self, Around, Clock, Descriptor, Descriptors, Ids, OwnIds, Rest, Runtime, ThreadPointers,
    Tracer,
};
use crate::snapshot::{Detail, not_stopped};
use crate::subject::Subject;

/// How to read a live process.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Stop {
    /// Stop all its threads for the reading, so that the picture is of one moment;
    /// where none of them runs while it is read, that need not be.
    #[default]
    Pause,
    /// Let it run. Its memory is copied and then held against what it is; what
    /// has changed in between is read again, up to eight times or for a second,
    /// and what even then is not of one moment is listed in [`Graph::problems`].
    /// Memory that was given back and taken again in the same form between the
    /// two looks may go unseen.
    Nonblocking,
}

/// The await graph of the live process `pid`, or of the process that `pid` is a
/// thread of.
///
/// A process that asks for its own graph cannot stop itself and is always read
/// as with [`Stop::Nonblocking`].
///
/// # Errors
///
/// Where nothing at all can be read. A part that can't be is named in
/// [`Graph::problems`] instead.
pub fn snapshot(pid: u32, stop: Stop) -> Result<Graph, Error> {
    snapshot_with(pid, stop, Detail::Whole)
}

/// The same with as much of it as is asked for.
///
/// # Errors
///
/// As [`snapshot`].
pub fn snapshot_with(pid: u32, stop: Stop, detail: Detail) -> Result<Graph, Error> {
    let begin = Instant::now();
    let ids = Ids::of(pid);
    let (pid, living) = (ids.process, ids.living);
    let stop = if pid == std::process::id() {
        Stop::Nonblocking
    } else {
        stop
    };
    let mut memory = Cached::new(Live::new(living));
    // Before anything is read of its memory.
    let rest = match stop {
        Stop::Pause => Rest::of(&ids),
        Stop::Nonblocking => None,
    };
    let tracer = Tracer::of(pid);
    memory.set_aside(tracer.aside());
    if rest.is_some() {
        // It will most likely not be needed to stop anything, nor take the time of a
        // target that has use for it.
        tracer.work_elsewhere();
        memory.begin_ahead();
    } else {
        // Whoever stops is told why it could not be started.
        let _ = tracer.start();
    }
    let executable = process::executable(living).unwrap_or_default();
    let mut target = Process {
        executable: executable.to_string_lossy().into_owned(),
        runtime: process::find_runtime(&ids)?,
        memory,
        clock: Clock::of(living),
        ids,
        detail,
    };
    let (graph, paused) = match stop {
        Stop::Pause => target.paused_or_running(tracer, rest)?,
        Stop::Nonblocking => (target.running()?, None),
    };
    Ok(Graph {
        snapshot: SnapshotInfo {
            consistent: paused.is_some(),
            paused_us: micros(paused.unwrap_or_default()),
            total_us: micros(begin.elapsed()),
            bytes_read: target.memory.bytes_read(),
        },
        ..graph
    })
}

/// A live process that runs CPython.
struct Process {
    ids: Ids,
    executable: String,
    runtime: Runtime,
    memory: Cached<Live>,
    clock: Clock,
    detail: Detail,
}

/// What was seen while the process was stopped.
struct Moment {
    /// Whether what had been read of its memory was still the same; all that is
    /// kept of it is as it was then.
    is_same: bool,
    now: Option<f64>,
    threads: ThreadPointers,
    descriptors: HashMap<i32, Descriptor>,
}

impl Process {
    /// Its graph of one moment, or, where it may be read but cannot be stopped,
    /// read while it runs; then a problem says so.
    fn paused_or_running(
        &mut self,
        mut tracer: Tracer,
        rest: Option<Rest>,
    ) -> Result<(Graph, Option<Duration>), Error> {
        let why_not = match self.paused(&mut tracer, rest) {
            Ok((graph, paused)) => return Ok((graph, Some(paused))),
            Err(
                error @ (Error::Traced { .. }
                | Error::DoesNotStop { .. }
                | Error::NotPermitted { .. }),
            ) => error,
            Err(error) => tracer.why_not_started().ok_or(error)?,
        };
        if self.memory.lost().is_some() {
            return Err(why_not);
        }
        Ok((self.running_since(&why_not)?, None))
    }

    /// Its graph, read while it runs since it cannot be stopped; a problem says so.
    fn running_since(&mut self, why_not: &Error) -> Result<Graph, Error> {
        let mut graph = self.running()?;
        let why_not = match why_not {
            Error::NotPermitted { pid, rule } => {
                format!("no permission to stop process {pid}: {rule}")
            }
            other => other.to_string(),
        };
        graph.problems.insert(0, not_stopped(&why_not));
        Ok(graph)
    }

    /// Its graph, read while it runs.
    ///
    /// All pages that it takes are copied, and then held against what they are:
    /// what has not changed since it was copied was all there together, between
    /// the two. If that is not all of it, another try may meet a quieter moment;
    /// in the last, what changed is a problem.
    fn running(&mut self) -> Result<Graph, Error> {
        let begin = Instant::now();
        // What is found here may be torn, and is not used.
        let _ = self.read(None, &|_| None);
        self.not_lost()?;
        let mut best: Option<Graph> = None;
        for _ in 0..limits::TRIES {
            self.memory.refresh();
            let now = self.clock.now();
            self.memory.compare();
            let torn = self.memory.torn();
            let graph = self.read(now, &|pthread| {
                process::thread_in(&self.memory, &self.ids, pthread).map(u64::from)
            });
            self.not_lost()?;
            let graph = graph?;
            let problems = graph.problems.len();
            if best
                .as_ref()
                .is_none_or(|best| problems < best.problems.len())
            {
                best = Some(graph);
            }
            if self.memory.torn() == torn || begin.elapsed() > limits::LONGEST_TRYING {
                break;
            }
        }
        let mut graph = best.ok_or(Error::Ended {
            pid: self.ids.process,
        })?;
        self.complete(&mut graph, HashMap::default());
        Ok(graph)
    }

    /// Its graph of one moment, and how long it was stopped for that.
    ///
    /// A thread may be stopped while it makes a frame or a task, half of which
    /// cannot be read. Where something could not, and the stop was brief, there
    /// is a second look, and the better one counts. What rests need not be stopped,
    /// and stays as it is.
    fn paused(
        &mut self,
        tracer: &mut Tracer,
        rest: Option<Rest>,
    ) -> Result<(Graph, Duration), Error> {
        let (graph, paused) = self.one_look(tracer, rest)?;
        if graph.problems.is_empty() || paused > limits::BRIEF || paused.is_zero() {
            return Ok((graph, paused));
        }
        self.memory.reopen();
        let Ok((second, paused_again)) = self.one_look(tracer, None) else {
            return Ok((graph, paused));
        };
        let is_better = second.problems.len() < graph.problems.len();
        let better = if is_better { second } else { graph };
        Ok((better, paused + paused_again))
    }

    /// The same from one look, for which it may be stopped several times.
    ///
    /// Following objects takes time, copying bytes does not. So it is read while
    /// it runs; then it is stopped for as long as it takes to hold the pages
    /// that were read against what they are now. Where all are the same, what
    /// was read is the graph of that moment. Where some are not, they have been
    /// copied, and the copy is read. If that lacks something, it is fetched, and
    /// all of it is held against the target once more. Only a target that always
    /// leads somewhere else is at last stopped for a whole reading.
    ///
    /// Where none of its threads has run since `rest`, it need not be stopped.
    fn one_look(
        &mut self,
        tracer: &mut Tracer,
        mut rest: Option<Rest>,
    ) -> Result<(Graph, Duration), Error> {
        let mut paused = Duration::ZERO;
        let mut last: Option<Moment> = None;
        for _ in 0..limits::MOST_STOPS {
            let asked = RefCell::new(Vec::new());
            let begun = match &last {
                Some(moment) => moment.now,
                None => self.clock.now(),
            };
            let read = self.read(begun, &|pthread| {
                let id = match &last {
                    Some(moment) => moment.threads.get(&pthread).copied(),
                    None => process::thread_in(&self.memory, &self.ids, pthread),
                };
                asked.borrow_mut().push((pthread, id));
                id.map(u64::from)
            });
            self.not_lost()?;
            if let Some(moment) = last.take_if(|_| !self.memory.is_late()) {
                let mut graph = read?;
                self.complete(&mut graph, moment.descriptors);
                return Ok((graph, paused));
            }
            if let (Some(rest), Ok(graph)) = (rest.take(), &read) {
                let fds = sockets::unknown(graph);
                let descriptors = process::of_stopped(self.ids.living, &fds);
                if rest.lasts() {
                    let mut graph = read?;
                    self.complete(&mut graph, descriptors);
                    return Ok((graph, Duration::ZERO));
                }
            }

            tracer.attend();
            let (moment, stopped) = self.moment(tracer, &read)?;
            paused += stopped;
            let is_true =
                |(pthread, id): &(u64, Option<u32>)| moment.threads.get(pthread) == id.as_ref();
            if moment.is_same && asked.borrow().iter().all(is_true) {
                let mut graph = read?;
                if let (Some(begun), Some(now)) = (begun, moment.now) {
                    graph.pass(now - begun);
                }
                self.complete(&mut graph, moment.descriptors);
                return Ok((graph, paused));
            }
            self.memory.begin_anew();
            last = Some(moment);
        }
        let (graph, stopped) = self.whole(tracer)?;
        Ok((graph, paused + stopped))
    }

    /// Stops the target, and holds against it what was read of it.
    fn moment(
        &mut self,
        tracer: &mut Tracer,
        read: &Result<Graph, Error>,
    ) -> Result<(Moment, Duration), Error> {
        let fds = read.as_ref().map(sockets::unknown).unwrap_or_default();
        let second = self.memory.second_look();
        let (living, clock) = (self.ids.living, self.clock);
        let subject = Subject {
            pid: self.ids.process,
            executable: &self.executable,
            runtime: &self.runtime,
            detail: self.detail,
        };
        let memory = &mut self.memory;
        let look = |threads: &ThreadPointers| {
            let now = clock.now();
            let is_same = memory.refresh_if_changed(second);
            if !is_same {
                subject.visit(memory);
            }
            Moment {
                is_same,
                now,
                threads: threads.clone(),
                descriptors: process::of_stopped(living, &fds),
            }
        };
        let seen = tracer.while_stopped(look)?;
        self.not_lost()?;
        Ok(seen)
    }

    /// Its graph, for the whole reading of which it is stopped.
    fn whole(&mut self, tracer: &mut Tracer) -> Result<(Graph, Duration), Error> {
        let target = &mut *self;
        let look = move |threads: &ThreadPointers| {
            target.memory.refresh();
            let graph = target.read(target.clock.now(), &|pthread| {
                threads.get(&pthread).copied().map(u64::from)
            });
            let fds = graph.as_ref().map(sockets::unknown).unwrap_or_default();
            (graph, process::of_stopped(target.ids.living, &fds))
        };
        let ((graph, descriptors), stopped) = tracer.while_stopped(look)?;
        self.not_lost()?;
        let mut graph = graph?;
        self.complete(&mut graph, descriptors);
        Ok((graph, stopped))
    }

    /// Reads what the memory has, with all that the system tells beside it.
    fn read(
        &self,
        now: Option<f64>,
        thread_ids: &dyn Fn(u64) -> Option<u64>,
    ) -> Result<Graph, Error> {
        let subject = Subject {
            pid: self.ids.process,
            executable: &self.executable,
            runtime: &self.runtime,
            detail: self.detail,
        };
        let ids = OwnIds::of(&self.ids);
        let own_thread_ids = |pthread| {
            let ours = thread_ids(pthread)?;
            let own = u32::try_from(ours).map(|ours| ids.own_thread(ours).into());
            Some(own.unwrap_or(ours))
        };
        let around = Around {
            thread_ids: &own_thread_ids,
            now,
            is_alive: &|child| match ids.child(child) {
                Some(child) => Some(process::is_alive(child)),
                None => process::is_alive_in(self.ids.process, child),
            },
        };
        let mut graph = subject.read(&self.memory, &around)?;
        graph.target.own_pid = ids.process;
        if !ids.are_ours() {
            make_ours(&mut graph, &ids);
        }
        Ok(graph)
    }

    /// Adds what the system says of descriptors: `asked` while it was stopped,
    /// and the tables of its network for the others.
    fn complete(&self, graph: &mut Graph, asked: HashMap<i32, Descriptor>) {
        let tables = Descriptors::of(self.ids.living);
        sockets::complete(graph, asked, |fd| tables.get(fd));
    }

    /// An error if the process ended, or turned out to be closed to us.
    fn not_lost(&self) -> Result<(), Error> {
        match self.memory.lost() {
            Some(Why::NotPermitted) => Err(process::not_permitted(self.ids.process)),
            Some(Why::Gone) => Err(Error::Ended {
                pid: self.ids.process,
            }),
            Some(Why::Unmapped | Why::TooMuch | Why::NotInCore) | None => Ok(()),
        }
    }
}

/// Gives threads and children the ids that we know them by.
fn make_ours(graph: &mut Graph, ids: &OwnIds) {
    let thread = |thread: &mut u64| {
        let ours = u32::try_from(*thread).ok().and_then(|own| ids.thread(own));
        *thread = ours.map_or(*thread, u64::from);
    };
    for it in &mut graph.threads {
        thread(&mut it.thread);
    }
    for task in &mut graph.tasks {
        task.thread.as_mut().map(thread);
        let Some(wait) = &mut task.waits_for else {
            continue;
        };
        if !matches!(wait.what, Wait::Executor(_) | Wait::Subprocess { .. }) {
            continue;
        }
        match &mut Arc::make_mut(wait).what {
            Wait::Executor(executor) => {
                executor.thread.as_mut().map(thread);
            }
            Wait::Subprocess { pid: Some(pid), .. } => {
                *pid = ids.child(*pid).unwrap_or(*pid);
            }
            _ => {}
        }
    }
}

/// The same in microseconds.
pub(crate) fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}
