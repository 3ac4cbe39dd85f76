//! Running the program, and what came of it.

use std::process::{Command, Output};

/// What a run of the program left behind.
pub(crate) struct Ran {
    pub(crate) out: String,
    pub(crate) err: String,
    pub(crate) code: i32,
}

/// The program, to be given arguments and an environment.
pub(crate) fn program() -> Command {
    Command::new(env!("CARGO_BIN_EXE_awaitgraph"))
}

/// Runs the program with arguments that are separated by spaces.
pub(crate) fn awaitgraph(arguments: &str) -> Ran {
    Ran::of(program().args(arguments.split_whitespace()))
}

impl Ran {
    pub(crate) fn of(command: &mut Command) -> Self {
        let Output {
            status,
            stdout,
            stderr,
        } = command.output().unwrap();
        Self {
            out: String::from_utf8(stdout).unwrap(),
            err: String::from_utf8(stderr).unwrap(),
            code: status.code().expect("the program ends by itself"),
        }
    }
}
