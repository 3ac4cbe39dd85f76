//! The renderers and questions, tried on graphs that are written as text.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

mod notation;

mod any_graph;
mod blocked_loops;
mod call_graph;
mod deadlocks;
mod every_format;
mod groups;
mod json;
mod large;
mod questions;
mod selection;
mod table;
mod tree;
mod untrusted;
mod waits;
