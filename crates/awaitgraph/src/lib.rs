//! The program `awaitgraph`: which asyncio task waits for which in a live
//! Python process, down to file and line.
//!
//! [`run`] is the whole program but for the process around it, so that the
//! Python package offers the same command and tests run it into buffers. One
//! file in `commands` for each command; reading is `awaitgraph-remote`'s,
//! writing is `awaitgraph-model`'s.

#![forbid(unsafe_code)]
#![cfg_attr(test, allow(clippy::unwrap_used))]

use std::ffi::OsString;

mod arguments;
mod check;
mod commands;
mod demo;
mod exit;
mod progress;
mod report;
mod show;
mod stream;

pub use check::{Checked, check};
pub use exit::ExitCode;
pub use stream::{Stream, Terminal};

use arguments::{Arguments, Command};
use clap::Parser;

/// Runs the program: `args` begin with its name. Results go to `out`,
/// everything else to `err`.
pub fn run(
    args: impl IntoIterator<Item = impl Into<OsString> + Clone>,
    out: &mut Stream<'_>,
    err: &mut Stream<'_>,
) -> ExitCode {
    let arguments = match Arguments::try_parse_from(args).and_then(Arguments::checked) {
        Ok(arguments) => arguments,
        Err(answer) => return report::usage(&answer, out, err),
    };
    out.set_color(arguments.color);
    let done = match &arguments.command {
        Command::Ps(ps) => commands::ps::run(ps, out, err),
        Command::Pstree(pstree) => commands::pstree::run(pstree, out, err),
        Command::Dump(dump) => commands::dump::run(dump, out, err),
        Command::Check(check) => commands::check::run(check, out, err),
        Command::Demo(demo) => commands::demo::run(demo, out, err),
    };
    done.unwrap_or_else(|error| report::failure(&error, err))
}
