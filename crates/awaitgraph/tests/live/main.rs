//! The program against live processes.
//!
//! Each test starts a small Python program (a scene, `tests/scenes`) under one
//! interpreter, waits until it says that it is ready, runs the real
//! `awaitgraph` on it from outside, and compares what that reads with what the
//! scene knows about itself. Which interpreters there are is known only when
//! the tests run, so they are made then, one for each scene and interpreter,
//! and this is a program of its own rather than a list of `#[test]` functions:
//!
//! ```text
//!   cargo xtask test                                 every CPython at hand
//!   cargo test -p awaitgraph --test live             the `python3` of PATH
//!   cargo test -p awaitgraph --test live -- gather   the tests with that word in their names
//! ```
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a test stops at its first surprise, and speaks on stdout"
)]

mod bad_input;
mod builds;
mod check;
mod compare;
mod consistency;
mod cores;
mod each;
mod filter;
mod foreign;
mod harm;
mod limited;
mod numbers;
mod odd_folder;
mod outcome;
mod place;
mod places;
mod privileges;
mod pythons;
mod scene;
mod service;
mod support;
mod table;
mod temporary;
mod tracer;
mod upgraded;
mod upheaval;
mod users;

use std::path::PathBuf;

use libtest_mimic::{Arguments, Trial};

use crate::pythons::Pythons;

/// The program under test; `AWAITGRAPH_TEST_PROGRAM` names another build of it.
fn awaitgraph() -> PathBuf {
    std::env::var_os("AWAITGRAPH_TEST_PROGRAM")
        .map_or_else(|| env!("CARGO_BIN_EXE_awaitgraph").into(), PathBuf::from)
}

fn main() {
    let arguments = Arguments::from_args();
    let pythons = Pythons::at_hand();
    let mut trials: Vec<Trial> = table::trials(&pythons);
    trials.extend(numbers::trials(&pythons));
    trials.extend(upheaval::trials(&pythons));
    trials.extend(consistency::trials(&pythons));
    trials.extend(harm::trials(&pythons));
    trials.extend(bad_input::trials(&pythons));
    trials.extend(odd_folder::trials(&pythons));
    trials.extend(places::trials(&pythons));
    trials.extend(upgraded::trials(&pythons));
    trials.extend(users::trials(&pythons));
    trials.extend(cores::trials(&pythons));
    trials.extend(builds::trials(&pythons));
    trials.extend(foreign::trials(&pythons));
    trials.extend(check::trials(&pythons));
    trials.extend(service::trials(&pythons));
    let names: Vec<String> = trials.iter().map(|it| it.name().to_owned()).collect();
    let conclusion = libtest_mimic::run(&arguments, trials);
    if arguments.list {
        return;
    }
    for gap in pythons.gaps().all() {
        println!("not tested: {gap}");
    }
    if let Err(text) = support::hold(&names, &outcome::all(), &pythons) {
        println!("{text}");
        std::process::exit(1);
    }
    conclusion.exit();
}
