//! asyncio, as it lies in the target's memory.
//!
//! ```text
//!   registry   which tasks there are, and which one each loop executes
//!   task       what a task or a future says of itself
//!   callbacks  whom a future wakes when it completes
//!   awaiters   who waits for whom, joined from all of these
//!   waits      what a task waits for that waits for no other
//! ```

mod awaiters;
mod callbacks;
mod registry;
mod task;
mod waits;

pub(crate) use awaiters::{Awaiters, Waiting};
pub(crate) use registry::Modules;
pub(crate) use task::RawTask;
pub(crate) use waits::{Picture, ThreadFrames, Waits};
