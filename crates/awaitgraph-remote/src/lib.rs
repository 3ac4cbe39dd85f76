//! Reads the await graph of asyncio out of a CPython process, from outside:
//! no change to the target, no restart, no Python on this side.
//!
//! ```text
//!   snapshot ─> asyncio ─> coroutine, frame, code ─> object ─> layout ─> process ─> memory
//! ```
//!
//! Arrows only go down. [`snapshot()`] puts it all together: it finds CPython
//! in the process, learns its version and so its layout, reads, stops the process
//! if it runs meanwhile, lets it go, and gives a [`Graph`]. [`snapshot_of_core`] does the same
//! with what a process has left behind.
//!
//! The target is untrusted and alive. It may be hostile, may end while it is
//! read, and may be somebody's database: every read is bounded and may fail,
//! nothing is ever written to it, and it is never left stopped.
//!
//! CPython 3.8 to 3.15 on Linux x86-64, release and debug builds with the GIL.

#![deny(unsafe_code)]

#[cfg(any(test, fuzzing))]
#[allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a test stops at its first surprise"
)]
mod at_hand;

mod asyncio;
mod code;
mod compiled;
mod core;
mod coroutine;
mod error;
mod frame;
mod greenlet;
#[cfg(test)]
mod hostile;
mod layout;
mod limits;
mod live;
mod map;
mod memory;
mod messages;
mod object;
mod process;
#[cfg(any(test, fuzzing))]
#[allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a test stops at its first surprise"
)]
mod replay;
mod snapshot;
mod subject;
mod sys;
mod threads;
#[cfg(test)]
mod truth;
mod version;

pub use self::core::snapshot_of_core;
pub use awaitgraph_model::Graph;
pub use error::{Error, NotCore, Rule};
pub use live::{Stop, snapshot, snapshot_with};
#[cfg(fuzzing)]
pub use replay::Door;
pub use snapshot::Detail;

/// Allows process `tracer`, or every one of this user for `None`, to read this
/// process, where `kernel.yama.ptrace_scope` is 1 and would forbid it. It takes
/// the place of what was allowed before.
///
/// # Errors
///
/// [`Error::NoSuchProcess`], and [`Error::System`] where a filter refuses it.
pub fn allow_attach(tracer: Option<u32>) -> Result<(), Error> {
    process::allow_attach(tracer)
}

/// The ids of all processes that we can see, in ascending order.
///
/// # Errors
///
/// [`Error::System`] where `/proc` cannot be listed.
pub fn processes() -> Result<Vec<u32>, Error> {
    process::processes()
}

/// The command line of process `pid`, its arguments separated by spaces, not
/// escaped; `None` where the process is gone.
pub fn command_line(pid: u32) -> Option<String> {
    process::command_line(pid)
}
