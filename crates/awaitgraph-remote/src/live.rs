//! A snapshot of a live process.

use std::time::{Duration, Instant};

use awaitgraph_model::{Graph, SnapshotInfo, Target};

use crate::error::Error;
use crate::memory::{Cached, Live, Why};
use crate::process::{self, Around, Descriptors, Runtime, Stopped};
use crate::snapshot::{self, Mismatch};
use crate::version;

/// How to read a live process.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Stop {
    /// Stop all its threads for the reading, so that the picture is of one moment.
    #[default]
    Pause,
    /// Let it run. The picture may be torn; what is seen to be is listed in
    /// [`Graph::problems`].
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
    let begin = Instant::now();
    let pid = process::process_of(pid);
    let executable = process::executable(pid).unwrap_or_default();
    let target = Process {
        pid,
        executable: executable.to_string_lossy().into_owned(),
        runtime: process::find_runtime(pid)?,
        memory: Cached::new(Live::new(pid)),
    };
    let (graph, paused) = match stop {
        Stop::Pause if pid != std::process::id() => {
            let (graph, paused) = target.paused()?;
            (graph, Some(paused))
        }
        _ => (target.running()?, None),
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
    pid: u32,
    executable: String,
    runtime: Runtime,
    memory: Cached<Live>,
}

impl Process {
    /// Its graph, read while it runs.
    fn running(&self) -> Result<Graph, Error> {
        let now = process::monotonic(self.pid);
        let graph = self.read_with(now, &|pthread| {
            process::thread_in(&self.memory, self.pid, pthread).map(u64::from)
        });
        self.not_lost()?;
        graph
    }

    /// Its graph of one moment, and how long it was stopped for that.
    ///
    /// Following objects takes time, copying bytes does not. So it is read once
    /// while it runs, only to learn which pages that takes; then it is stopped
    /// for as long as it takes to copy those; and then the copy is read. Only if
    /// that lacks something is the target stopped for a whole reading.
    fn paused(&self) -> Result<(Graph, Duration), Error> {
        // What is found here may be torn, and is not used.
        let _ = self.read(&Around::of_threads(&|_| None));
        self.not_lost()?;

        let stopped = Stopped::new(self.pid)?;
        let now = process::monotonic(self.pid);
        self.memory.refresh();
        let threads = stopped.threads().clone();
        let mut paused = stopped.release();
        self.not_lost()?;
        self.memory.seal();
        let mut graph = self.read_with(now, &|pthread| {
            threads.get(&pthread).copied().map(u64::from)
        });

        if self.memory.missed() {
            self.memory.reopen();
            let stopped = Stopped::new(self.pid)?;
            let now = process::monotonic(self.pid);
            let threads = stopped.threads();
            graph = self.read_with(now, &|pthread| {
                threads.get(&pthread).copied().map(u64::from)
            });
            paused += stopped.release();
            self.not_lost()?;
        }
        Ok((graph?, paused))
    }

    /// Reads with all that the system tells beside the memory.
    fn read_with(
        &self,
        now: Option<f64>,
        thread_ids: &dyn Fn(u64) -> Option<u64>,
    ) -> Result<Graph, Error> {
        let descriptors = Descriptors::of(self.pid);
        self.read(&Around {
            thread_ids,
            now,
            descriptor: &|fd| descriptors.get(fd),
            is_alive: &|child| process::is_alive_in(self.pid, child),
        })
    }

    fn read(&self, around: &Around<'_>) -> Result<Graph, Error> {
        let (pid, runtime) = (self.pid, &self.runtime);
        let identity = version::identify(pid, &self.memory, runtime)?;
        let layout = &identity.layout;
        match snapshot::read_graph(&self.memory, layout, runtime.py_runtime, around) {
            Ok(graph) => Ok(Graph {
                target: Target {
                    pid: Some(pid),
                    python: identity.version,
                    executable: self.executable.clone(),
                    free_threaded: false,
                },
                ..graph
            }),
            Err(Mismatch { found, expected }) => Err(Error::Layout {
                pid,
                version: identity.version,
                what: format!("a task has {found} bytes, not {expected}"),
            }),
        }
    }

    /// An error if the process ended, or turned out to be closed to us.
    fn not_lost(&self) -> Result<(), Error> {
        match self.memory.lost() {
            Some(Why::NotPermitted) => Err(process::not_permitted(self.pid)),
            Some(Why::Gone) => Err(Error::Ended { pid: self.pid }),
            Some(Why::Unmapped | Why::TooMuch) | None => Ok(()),
        }
    }
}

fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}
