//! The renderers and questions, tried on graphs that are written as text.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

mod notation;

mod any_graph;
mod call_graph;
mod every_format;
mod json;
mod large;
mod questions;
mod table;
mod tree;
mod untrusted;
mod waits;
