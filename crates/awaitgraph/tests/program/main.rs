//! The program as its user meets it: arguments, streams, exit codes, whole
//! outputs.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::print_stderr,
    reason = "a test stops at its first surprise"
)]

mod arguments;
mod demo;
mod outputs;
mod ran;
mod service;
