//! From the bytes of a process to a graph.
//!
//! ```text
//!   gather   interpreters ─> threads ─> stacks, running loops
//!                         └> tasks ─> names, coroutines, futures
//!   chains   tasks ─> coroutine chains; their objects are looked at ahead
//!   join     coroutine chains + stacks ─> what each task is in, and does
//!            futures, callbacks        ─> who awaits whom
//!            frames, and what they have in hand ─> what the others wait for
//! ```
//!
//! What cannot be read becomes a [`Problem`](awaitgraph_model::Problem) and is
//! left out; the rest is shown.

mod chains;
mod gather;
mod join;
mod problems;

use awaitgraph_model::{Graph, Problem};

use crate::code::Codes;
use crate::layout::Layout;
use crate::limits::Limits;
use crate::map::HashSet;
use crate::memory::Memory;
use crate::object::Objects;
use crate::process::Around;

pub(crate) use gather::Mismatch;

/// How much of a process is read.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Detail {
    /// All that a [`Graph`] has.
    #[default]
    Whole,
    /// Not what those wait for that wait for no task, nor until when, nor how far a
    /// loop has come: `waits_for` is `None` of each task. That takes somewhat less
    /// time; but what is wrong cannot be asked of it, as a circle within a time limit
    /// looks like a deadlock.
    Tasks,
}

/// That the target ran on while it was read, and why.
pub(crate) fn not_stopped(why: &str) -> Problem {
    Problem {
        location: "this snapshot".to_owned(),
        what: format!("{why}; it was read while it ran, and what changed meanwhile may be wrong"),
    }
}

/// Looks at what the threads of the CPython whose runtime is at `runtime` are
/// in, so that it is at hand: of all that is read it is what changes soonest.
pub(crate) fn visit_stacks(memory: &dyn Memory, layout: &Layout, runtime: u64) {
    let objects = Objects::new(memory, layout, Limits::QUESTION);
    let codes = Codes::new(&objects);
    let interpreters = objects.interpreters(runtime).unwrap_or_default();
    let threads = (interpreters.into_iter())
        .flat_map(|interpreter| objects.threads(interpreter).unwrap_or_default());
    let mut seen = HashSet::default();
    for thread in threads {
        let mut frames = objects.stack(thread).frames;
        // Threads of a pool are in the same functions.
        frames.retain(|frame| seen.insert(frame.code));
        codes.expect(frames.iter().map(|frame| frame.code).collect());
        for frame in frames.iter().filter(|frame| frame.has_variables()) {
            // What cannot be read is told by whoever needs it.
            let _ = codes.frame(frame.code, frame.offset.into(), None);
            for name in objects.variable_names(frame.code).unwrap_or_default() {
                let _ = objects.text(name);
            }
        }
    }
}

/// Reads the graph of the CPython whose runtime is at `runtime`; the fields
/// that say how it was read are left to the caller.
pub(crate) fn read_graph(
    memory: &dyn Memory,
    layout: &Layout,
    runtime: u64,
    around: &Around<'_>,
    detail: Detail,
) -> Result<Graph, Mismatch> {
    let objects = Objects::new(memory, layout, Limits::SNAPSHOT);
    read(&objects, runtime, around, detail)
}

/// Reads all of it, within other limits.
#[cfg(any(test, fuzzing))]
pub(crate) fn read_within(
    limits: Limits,
    memory: &dyn Memory,
    layout: &Layout,
    runtime: u64,
    around: &Around<'_>,
) -> Result<Graph, Mismatch> {
    let objects = Objects::new(memory, layout, limits);
    read(&objects, runtime, around, Detail::Whole)
}

fn read(
    objects: &Objects<'_>,
    runtime: u64,
    around: &Around<'_>,
    detail: Detail,
) -> Result<Graph, Mismatch> {
    let codes = Codes::new(objects);
    let gathered = gather::gather(objects, runtime, around.thread_ids)?;
    let mut joined = join::join(objects, &codes, gathered, around, detail);
    if let Some(why) = objects.used_up() {
        joined.problems.insert(0, problems::incomplete(why));
    }
    Ok(Graph {
        threads: joined.threads,
        tasks: joined.tasks,
        codes: codes.into_codes(),
        problems: joined.problems,
        ..Graph::default()
    })
}
