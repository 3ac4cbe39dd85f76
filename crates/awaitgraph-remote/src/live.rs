//! A snapshot of a live process.

use std::time::{Duration, Instant};

use awaitgraph_model::{Graph, SnapshotInfo, Target};

use crate::error::Error;
use crate::memory::{Cached, Live, Why};
use crate::process::{self, Stopped};
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

/// The await graph of the live process `pid`.
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
    let runtime = process::find_runtime(pid)?;
    let memory = Cached::new(Live::new(pid));
    let stopped = match stop {
        Stop::Pause if pid != std::process::id() => Some(Stopped::new(pid)?),
        _ => None,
    };
    let read = version::identify(pid, &memory, &runtime).and_then(|identity| {
        let thread_ids = |pthread| match &stopped {
            Some(stopped) => stopped.thread_of(pthread).map(u64::from),
            None => process::thread_in(&memory, pid, pthread).map(u64::from),
        };
        let graph =
            snapshot::read_graph(&memory, &identity.layout, runtime.py_runtime, &thread_ids);
        match graph {
            Ok(graph) => Ok((graph, identity.version)),
            Err(Mismatch { found, expected }) => Err(Error::Layout {
                pid,
                version: identity.version,
                what: format!("a task has {found} bytes, not {expected}"),
            }),
        }
    });
    let consistent = stopped.is_some();
    let paused = stopped.map_or(Duration::ZERO, Stopped::release);
    match memory.lost() {
        Some(Why::NotPermitted) => return Err(process::not_permitted(pid)),
        Some(Why::Gone) => return Err(Error::Ended { pid }),
        Some(Why::Unmapped) | None => {}
    }
    let (graph, python) = read?;
    if !process::is_alive(pid) {
        return Err(Error::Ended { pid });
    }
    Ok(Graph {
        target: Target {
            pid: Some(pid),
            python,
            executable: process::executable(pid),
            free_threaded: false,
        },
        snapshot: SnapshotInfo {
            consistent,
            paused_us: micros(paused),
            total_us: micros(begin.elapsed()),
            bytes_read: memory.bytes_read(),
        },
        ..graph
    })
}

fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}
