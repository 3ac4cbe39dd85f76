//! The workspace's Rust tests, by plain `cargo test`.

use std::process::Command;

use anyhow::Result;

use super::report::Report;
use super::tee;
use crate::command;
use crate::workspace::root;

/// Builds all tests, then runs them, whether some fail or not.
pub(crate) fn run(variables: &[(&str, String)], report: &mut Report) -> Result<()> {
    // Apart, because while it builds cargo talks to the terminal itself.
    command::run(&mut cargo_test(&["--no-run"])?)?;

    let mut runner = String::new();
    let mut cargo = cargo_test(&["--no-fail-fast"])?;
    cargo.envs(variables.iter().map(|(name, value)| (name, value)));
    let status = tee::run(&mut cargo, |line| match read(line) {
        Some(Line::Runner(name)) => runner = name,
        Some(Line::Closing) => report.closing(&runner, line),
        Some(Line::Gap(what)) => report.gap(what),
        None => {}
    })?;
    if !status.success() {
        report.failure("cargo test");
    }
    Ok(())
}

fn cargo_test(options: &[&str]) -> Result<Command> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    command
        .current_dir(root()?)
        .args(["test", "--workspace"])
        .args(options);
    Ok(command)
}

#[derive(Debug, PartialEq, Eq)]
enum Line {
    /// The name of the executable whose tests run from here on.
    Runner(String),
    /// Its last line.
    Closing,
    /// What it had no means to test.
    Gap(String),
}

fn read(line: &str) -> Option<Line> {
    if line.starts_with("test result: ") {
        return Some(Line::Closing);
    }
    if let Some(what) = line.strip_prefix("not tested: ") {
        return Some(Line::Gap(what.to_owned()));
    }
    if let Some(name) = line.trim_start().strip_prefix("Doc-tests ") {
        return Some(Line::Runner(format!("{name} documentation")));
    }
    let (source, file) = line
        .trim_start()
        .strip_prefix("Running ")?
        .strip_suffix(')')?
        .rsplit_once(" (")?;
    // target/debug/deps/awaitgraph_model-0123456789abcdef
    let file = file.rsplit('/').next()?;
    let name = file.rsplit_once('-').map_or(file, |(name, _)| name);
    // An integration test's file has the name of its source.
    Some(Line::Runner(if source.starts_with("unittests ") {
        format!("{name} {}", source.trim_start_matches("unittests "))
    } else {
        source.to_owned()
    }))
}

#[cfg(test)]
mod tests {
    use super::{Line, read};

    #[test]
    fn runners_are_known_by_what_they_run() {
        for (line, runner) in [
            (
                "     Running unittests src/lib.rs (target/debug/deps/awaitgraph_model-01ab)",
                "awaitgraph_model src/lib.rs",
            ),
            (
                "     Running tests/commands.rs (/elsewhere/a b/debug/deps/commands-01ab)",
                "tests/commands.rs",
            ),
            (
                "   Doc-tests awaitgraph_model",
                "awaitgraph_model documentation",
            ),
        ] {
            assert_eq!(read(line), Some(Line::Runner(runner.to_owned())));
        }
    }

    #[test]
    fn what_a_runner_could_not_test_is_noted() {
        assert_eq!(
            read("not tested: uvloop on CPython 3.15.2"),
            Some(Line::Gap("uvloop on CPython 3.15.2".to_owned()))
        );
    }

    #[test]
    fn closing_lines_are_told_from_others() {
        assert_eq!(
            read("test result: ok. 3 passed; 0 failed"),
            Some(Line::Closing)
        );
        for line in ["", "test a::b ... ok", "running 3 tests", "Running late"] {
            assert_eq!(read(line), None);
        }
    }
}
