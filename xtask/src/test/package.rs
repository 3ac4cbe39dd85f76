//! The tests of the Python package: one wheel, every interpreter it is for.
//!
//! The wheel is built once, as a user's is, and installed into each
//! environment; so what is tested is what is published.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use super::environment::Environment;
use super::report::Report;
use super::tee;
use crate::pypi;
use crate::wheel;
use crate::workspace::root;

/// The crate, seen from the root.
const CRATE: &str = "crates/awaitgraph-py";

/// The oldest minor version that the package is for.
const OLDEST: u32 = 9;

/// The oldest minor version whose own tests are about asyncio's call graph.
const OLDEST_WITH_TEST_GRAPH: u32 = 14;

/// Builds the wheel and runs all tests of the package.
pub(crate) fn run(
    environments: &[Environment],
    variables: &[(&str, String)],
    report: &mut Report,
) -> Result<()> {
    let tests = root()?.join(CRATE).join("tests");
    if !tests.is_dir() {
        return Ok(());
    }
    let supported: Vec<&Environment> = environments
        .iter()
        .filter(|it| it.version.minor >= OLDEST)
        .collect();
    let pythons: Vec<PathBuf> = environments.iter().map(Environment::python).collect();
    let pips: Vec<&Path> = pythons.iter().map(PathBuf::as_path).collect();
    let Some(first) = supported.first() else {
        report.gap(format!("the Python package: no CPython from 3.{OLDEST} on"));
        return Ok(());
    };
    let wheel = wheel::build(&first.python(), &pips)?;
    let wheel = wheel.to_str().context("the wheel's path is not UTF-8")?;
    for environment in supported {
        environment.install(
            &pips,
            &["--no-index", "--no-deps", "--force-reinstall", wheel],
        )?;
        pytest(environment, &tests, variables, report)?;
        if environment.version.minor >= OLDEST_WITH_TEST_GRAPH {
            test_graph(environment, &tests, report)?;
        }
    }
    Ok(())
}

fn pytest(
    environment: &Environment,
    tests: &Path,
    variables: &[(&str, String)],
    report: &mut Report,
) -> Result<()> {
    let name = format!("pytest {}", environment.version);
    eprintln!("\n{name}");
    let mut pytest = environment.command()?;
    // Leaves nothing in the tree.
    pytest.args(["-B", "-m", "pytest", "-p", "no:cacheprovider"]);
    pytest
        .current_dir(tests)
        .envs(variables.iter().map(|(name, value)| (name, value)));
    run_and_report(&name, &mut pytest, 1, report)
}

/// CPython's own tests of its call graph, with our functions in place of its.
fn test_graph(environment: &Environment, tests: &Path, report: &mut Report) -> Result<()> {
    let script = tests.join("run_cpython_test_graph.py");
    if !script.is_file() {
        return Ok(());
    }
    let name = format!("test.test_asyncio.test_graph {}", environment.version);
    if !pypi::has_module(&environment.python(), "test.test_asyncio.test_graph") {
        report.gap(format!("{name}: this interpreter comes without its tests"));
        return Ok(());
    }
    eprintln!("\n{name}");
    // unittest ends with two lines: how many tests, and whether they passed.
    run_and_report(
        &name,
        environment.command()?.arg("-B").arg(script),
        2,
        report,
    )
}

/// Runs a runner of tests whose last `closing` lines are its result.
fn run_and_report(
    name: &str,
    runner: &mut Command,
    closing: usize,
    report: &mut Report,
) -> Result<()> {
    let mut said: Vec<String> = Vec::new();
    let status = tee::run(runner, |line| {
        if !line.is_empty() {
            said.push(line.to_owned());
        }
    })?;
    let last = said.split_off(said.len().saturating_sub(closing));
    report.closing(name, &last.join("; "));
    if !status.success() {
        report.failure(name);
    }
    Ok(())
}
