//! `cargo xtask test`: every test, over every minor version at hand.
//!
//! A contributor's run uses the interpreters that there are and says at its
//! end which minor versions were missing; the continuous run requires all.
//!
//!   interpreters ──> environments ──┬──> cargo test
//!                                   └──> wheel ──> pytest, CPython's own tests

use anyhow::{Context, Result, bail};

use crate::pythons::{self, Fetching, probe::Interpreter};
use crate::version::MINORS;

pub(crate) mod environment;
mod mermaid;
mod package;
pub(crate) mod report;
mod rust;
mod tee;

use report::Report;

/// Hands the interpreters to the tests: a line for each, `VERSION PATH`.
///
/// These are the lines that `cargo xtask pythons` prints, so that one crate's
/// tests can also be run by hand:
/// `AWAITGRAPH_TEST_PYTHONS="$(cargo xtask pythons)" cargo test -p awaitgraph-remote`.
const TEST_PYTHONS: &str = "AWAITGRAPH_TEST_PYTHONS";

/// Hands over virtual environments of the same interpreters, in the same form:
/// PATH is the environment's `bin/python`. Each holds those of
/// [`environment::PACKAGES`] that exist for its version.
const TEST_ENVIRONMENTS: &str = "AWAITGRAPH_TEST_ENVIRONMENTS";

/// Hands over the builds of other kinds, in the same form: debug builds
/// (`3.14.10d`) and free-threaded ones (`3.13.15t`).
const TEST_BUILDS: &str = "AWAITGRAPH_TEST_BUILDS";

/// Hands over those on the C library musl, in the same form. They are not among
/// the others: what those have to import, these lack.
const TEST_MUSL: &str = "AWAITGRAPH_TEST_MUSL";

/// Runs the command.
pub(crate) fn command(options: &[String]) -> Result<()> {
    let mut require_all = false;
    let mut every_patch = false;
    for option in options {
        match option.as_str() {
            "--require-all" => require_all = true,
            "--every-patch" => every_patch = true,
            unknown => bail!("no such option of test: {unknown}"),
        }
    }

    let mut found = pythons::find(Fetching::Allowed)?;
    let debug_builds = pythons::debug_builds(&mut found);
    let chosen: Vec<&Interpreter> = if every_patch {
        found.iter().collect()
    } else {
        pythons::one_of_each(&found)
    };
    let (mut chosen, mut builds): (Vec<&Interpreter>, Vec<&Interpreter>) =
        chosen.into_iter().partition(|it| it.is_plain());
    chosen.dedup_by_key(|it| &it.version);
    builds.dedup_by_key(|it| (&it.version, it.kind()));
    let missing: Vec<String> = MINORS
        .filter(|minor| !chosen.iter().any(|it| it.version.minor == *minor))
        .map(|minor| format!("3.{minor}"))
        .collect();
    if require_all && !missing.is_empty() {
        // Said now and not after half an hour of tests.
        bail!(
            "no interpreter was found for CPython {}; install them (by pyenv or uv), \
             or say in AWAITGRAPH_PYTHONS where they are",
            missing.join(", ")
        );
    }
    if chosen.is_empty() {
        bail!(
            "no CPython from 3.{} to 3.{} was found",
            MINORS.start(),
            MINORS.end()
        );
    }

    let mut report = Report::default();
    if let Err(error) = pythons::debug_symbols() {
        // The tests that need it say what they could not test without it.
        eprintln!("no debugging information was fetched: {error:#}");
        if require_all {
            report.failure("cargo xtask pythons --debug-symbols");
        }
    }
    if let Err(error) = debug_builds {
        eprintln!("no debug builds were fetched: {error:#}");
        report.gap("debug builds: none could be fetched".to_owned());
    }
    let environments = environment::prepare(&chosen, &mut report)?;
    let mermaid = mermaid::prepare().unwrap_or_else(|error| {
        eprintln!("Mermaid was not fetched: {error:#}");
        None
    });
    if mermaid.is_none() && require_all {
        report.failure("npm install mermaid");
    }
    let mut variables = vec![
        (TEST_PYTHONS, lines(chosen.iter().map(ToString::to_string))),
        (
            TEST_ENVIRONMENTS,
            lines(environments.iter().map(ToString::to_string)),
        ),
        (TEST_BUILDS, lines(builds.iter().map(ToString::to_string))),
    ];
    if let Some(folder) = mermaid {
        let folder = folder.to_str().context("the target folder is not UTF-8")?;
        variables.push((mermaid::VARIABLE, folder.to_owned()));
    }
    // One that a contributor names goes before those that were built here.
    if std::env::var_os(TEST_MUSL).is_none() {
        let on_musl = pythons::on_musl()?;
        let newest = pythons::one_of_each(&on_musl).into_iter();
        variables.push((TEST_MUSL, lines(newest.map(ToString::to_string))));
    }
    rust::run(&variables, &mut report)?;
    if let Err(error) = package::run(&environments, &variables, &mut report) {
        // What the Rust tests said still belongs at the end.
        eprintln!("error: {error:#}");
        report.failure("the Python package");
    }
    chosen.extend(builds);
    report.print(&chosen);
    report.verdict()
}

fn lines(lines: impl Iterator<Item = String>) -> String {
    lines.collect::<Vec<_>>().join("\n")
}
