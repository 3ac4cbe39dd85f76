//! What a contributor runs: `cargo xtask <command>`.
//!
//! One file for each command; each finds what it needs on the machine, so that
//! a fresh clone with Rust and some Python 3 is enough.
#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "these are commands: results go to stdout, progress to stderr"
)]

use std::process::ExitCode;

mod bench;
mod pythons;
mod test;

mod cache;
mod command;
mod pypi;
mod version;
mod wheel;
mod workspace;

const USAGE: &str = "\
Usage: cargo xtask <command> [options]

Commands:
  pythons   Lists the CPython interpreters at hand, one `VERSION PATH` a line;
            fetches those that a Debian system can fetch for itself
              --no-fetch        list only what is there, use no network
              --debug-symbols   fetch the symbols of the fetched ones too (about 100 MB each)
              --all-builds      list free-threaded (3.13.0t) and debug (3.13.0d) builds too,
                                and fetch the debug builds of the fetched ones (90 MB each)
              --build-free-threaded
                                build 3.13t where there is none, from Debian's source (some
                                minutes; makes no use of Debian's changes)
              --build-on-musl   build 3.13 on the C library musl where there is none, of the
                                same source; with both options both are built at once
              --on-musl         list those that were built on musl, and no others
  test      Runs all tests over the interpreters at hand; ends with what was tested
              --require-all     a missing minor version is a failure
              --every-patch     use one of every version listed, not of each minor version only
  bench     Measures ours beside the standard library's own, in turn, at up to a million
            tasks (3 GB of memory, a quarter of an hour)
              --write           put the tables into docs/benchmarks.md

Environment:
  AWAITGRAPH_PYTHONS   more interpreters: executables or folders, separated by colons
";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let (name, options) = match arguments.split_first() {
        Some((name, options)) => (name.as_str(), options),
        None => ("help", [].as_slice()),
    };
    let result = match name {
        "pythons" => pythons::command(options),
        "test" => test::command(options),
        "bench" => bench::command(options),
        "help" | "--help" | "-h" => {
            print!("{USAGE}");
            return ExitCode::SUCCESS;
        }
        unknown => Err(anyhow::anyhow!("no such command: {unknown}\n\n{USAGE}")),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
