//! Reads the await graph of asyncio out of a CPython process, from outside.
#![cfg_attr(test, allow(clippy::unwrap_used))]

mod error;

use awaitgraph_model::Graph;

pub use error::{Error, Rule};

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
/// # Errors
///
/// Where nothing at all can be read. A part that can't be is named in
/// [`Graph::problems`] instead.
pub fn snapshot(pid: u32, stop: Stop) -> Result<Graph, Error> {
    let _ = stop;
    Err(Error::NoSuchProcess { pid })
}

/// The ids of all processes that we can see, in ascending order.
///
/// # Errors
///
/// Where `/proc` cannot be listed.
pub fn processes() -> Result<Vec<u32>, Error> {
    Ok(Vec::new())
}

/// The command line of process `pid`, its arguments separated by spaces, not
/// escaped; `None` where the process is gone.
pub fn command_line(pid: u32) -> Option<String> {
    let _ = pid;
    None
}
