//! The await graph of an asyncio program: which task waits for which, through
//! which coroutine frames, down to file and line.
//!
//! ```text
//!   awaitgraph-remote ──┐                 ┌── questions: children, deadlocks, groups, filters, counts
//!                       ├──> Graph ───────┤
//!   awaitgraph-py ──────┘                 └── render: tree, table, dump, findings, JSON, DOT, Mermaid
//! ```
//!
//! This crate does no I/O, has no `unsafe`, and knows neither Python objects
//! nor any version of CPython. A graph's nodes are indices ([`TaskIndex`],
//! [`CodeIndex`]), so whoever builds one keeps what they like beside it.

#![forbid(unsafe_code)]
#![cfg_attr(test, allow(clippy::unwrap_used))]

pub mod graph;
pub mod intern;
mod map;
pub mod natural;
pub mod questions;
pub mod render;
pub mod waits;

pub use graph::{
    Awaiter, Code, CodeIndex, Frame, FrameKind, Graph, How, Problem, SnapshotInfo, Target, Task,
    TaskIndex, TaskState, Thread,
};
pub use intern::CodeTable;
pub use natural::{NaturalKey, natural_order};
pub use waits::{
    Executor, Future, Pool, Primitive, PrimitiveKind, Queue, QueueEnd, Socket, SocketKind, Wait,
    WaitsFor,
};
