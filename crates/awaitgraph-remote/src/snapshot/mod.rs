//! From the bytes of a process to a graph.
//!
//! ```text
//!   gather   interpreters ─> threads ─> stacks, running loops
//!                         └> tasks ─> names, coroutines, futures
//!   join     coroutine chains + stacks ─> what each task is in, and does
//!            futures, callbacks        ─> who awaits whom
//! ```
//!
//! What cannot be read becomes a [`Problem`](awaitgraph_model::Problem) and is
//! left out; the rest is shown.

mod gather;
mod join;
mod problems;

use awaitgraph_model::Graph;

use crate::code::Codes;
use crate::layout::Layout;
use crate::memory::Memory;
use crate::object::Objects;

pub(crate) use gather::{Mismatch, ThreadIds};

/// Reads the graph of the CPython whose runtime is at `runtime`; the fields
/// that say how it was read are left to the caller.
pub(crate) fn read_graph(
    memory: &dyn Memory,
    layout: &Layout,
    runtime: u64,
    thread_ids: ThreadIds<'_>,
) -> Result<Graph, Mismatch> {
    let objects = Objects::new(memory, layout);
    let codes = Codes::new(&objects);
    let gathered = gather::gather(&objects, runtime, thread_ids)?;
    let joined = join::join(&objects, &codes, gathered);
    Ok(Graph {
        threads: joined.threads,
        tasks: joined.tasks,
        codes: codes.into_codes(),
        problems: joined.problems,
        ..Graph::default()
    })
}
