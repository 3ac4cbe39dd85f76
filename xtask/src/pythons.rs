//! `cargo xtask pythons`: the CPython interpreters that tests can use.
//!
//! An interpreter is believed by what it says of itself when it is run, never
//! by the name of its file: search gives candidates, probe asks them. What a
//! Debian system can fetch for itself is fetched where it is missing.
//!
//!   search ──> probe ──> listed, newest last
//!                ^
//!   fetch ───────┤   (apt_sources ──> apt ──> unpack, patchelf)
//!   build ───────┘   (apt_sources ──> apt ──> configure, make)
//!
//! Those on the C library musl are kept apart: no other test is for them.

use std::path::Path;

use anyhow::{Result, bail};

use crate::version::Version;

pub(crate) mod probe;

mod apt;
mod apt_sources;
mod build;
mod fetch;
mod search;

use build::Kind;
use probe::{Answer, Interpreter};
use search::Candidate;

/// Whether `find` may use the network.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fetching {
    /// Fetch what is missing and can be fetched.
    Allowed,
    /// Only what is on the machine.
    Never,
}

/// Runs the command.
pub(crate) fn command(options: &[String]) -> Result<()> {
    let mut fetching = Fetching::Allowed;
    let mut symbols = false;
    let mut all_builds = false;
    let mut list_on_musl = false;
    let mut kinds = Vec::new();
    for option in options {
        match option.as_str() {
            "--no-fetch" => fetching = Fetching::Never,
            "--debug-symbols" => symbols = true,
            "--all-builds" => all_builds = true,
            "--build-free-threaded" => kinds.push(Kind::FreeThreaded),
            "--build-on-musl" => kinds.push(Kind::OnMusl),
            "--on-musl" => list_on_musl = true,
            unknown => bail!("no such option of pythons: {unknown}"),
        }
    }
    let mut found = find(fetching)?;
    if symbols {
        debug_symbols()?;
    }
    if all_builds && fetching == Fetching::Allowed {
        debug_builds(&mut found)?;
    }
    build_missing(&kinds, &mut found)?;
    if list_on_musl {
        found = on_musl()?;
    }
    for interpreter in &found {
        if all_builds || interpreter.is_plain() {
            println!("{interpreter}");
        }
    }
    Ok(())
}

/// Fetches the debugging information of the interpreters that were fetched,
/// by which the tests hold the layouts of CPython's structs.
pub(crate) fn debug_symbols() -> Result<()> {
    fetch::debug_symbols()
}

/// Fetches the debug builds of the interpreters that were fetched, and adds
/// them to those that were found.
pub(crate) fn debug_builds(found: &mut Vec<Interpreter>) -> Result<()> {
    let pythons: Vec<&Path> = found.iter().map(|it| it.path.as_path()).collect();
    let result = fetch::debug_builds(&pythons);
    // Also after an error: one of several may have come.
    ask(search::fetched()?, found);
    sort(found);
    result
}

/// Builds the interpreters of these kinds that are missing, and adds them to
/// those that were found.
fn build_missing(kinds: &[Kind], found: &mut Vec<Interpreter>) -> Result<()> {
    let mut missing = Vec::new();
    for kind in kinds {
        let on_musl = on_musl()?;
        let is_there = |minor: u32| match kind {
            Kind::FreeThreaded => {
                let mut of_minor = found.iter().filter(|it| it.version.minor == minor);
                of_minor.any(Interpreter::is_free_threaded)
            }
            Kind::OnMusl => on_musl.iter().any(|it| it.version.minor == minor),
        };
        let minors = kind.minors().iter().filter(|minor| !is_there(**minor));
        missing.extend(minors.map(|minor| (*kind, *minor)));
    }
    if missing.is_empty() {
        return Ok(());
    }
    let result = build::build(&missing);
    // Also after an error: one of several may have come.
    ask(search::fetched()?, found);
    sort(found);
    result
}

/// Those on the C library musl that were built here, sorted by version. They are
/// of no use but to the tests of targets on it, so `find` leaves them out.
pub(crate) fn on_musl() -> Result<Vec<Interpreter>> {
    let mut found = Vec::new();
    for candidate in search::fetched()? {
        // One that is broken has been told by `find`.
        if let Ok(Answer::OnMusl(interpreter)) = probe::ask(&candidate.path) {
            found.push(interpreter);
        }
    }
    sort(&mut found);
    Ok(found)
}

/// Every usable interpreter, sorted by version, each real file once.
pub(crate) fn find(fetching: Fetching) -> Result<Vec<Interpreter>> {
    let mut found = Vec::new();
    ask(search::candidates()?, &mut found);
    sort(&mut found);

    let missing: Vec<u32> = fetch::MINORS
        .into_iter()
        .filter(|minor| {
            !found
                .iter()
                .any(|it| it.is_plain() && it.version.minor == *minor)
        })
        .collect();
    if !missing.is_empty() && fetching == Fetching::Allowed {
        let pythons: Vec<&Path> = found.iter().map(|it| it.path.as_path()).collect();
        if let Err(error) = fetch::fetch(&missing, &pythons) {
            let names: Vec<String> = missing.iter().map(|minor| format!("3.{minor}")).collect();
            eprintln!("could not fetch CPython {}: {error:#}", names.join(" and "));
        }
        // Also after an error: one of several may have come.
        ask(search::fetched()?, &mut found);
        sort(&mut found);
    }
    Ok(found)
}

fn sort(found: &mut [Interpreter]) {
    // Stable: among equals, first found is first listed.
    found.sort_by(|a, b| a.version.cmp(&b.version));
}

/// Asks each candidate and keeps those that are new and usable.
fn ask(candidates: Vec<Candidate>, found: &mut Vec<Interpreter>) {
    for candidate in candidates {
        let known = |path: &Path, found: &[Interpreter]| found.iter().any(|it| it.path == path);
        if known(&candidate.path, found) {
            continue;
        }
        match probe::ask(&candidate.path) {
            Ok(Answer::Usable(mut interpreter)) => {
                if !known(&interpreter.path, found) {
                    interpreter.named = candidate.named;
                    found.push(interpreter);
                }
            }
            Ok(Answer::OfNoUse(why)) if candidate.named => {
                eprintln!("{}: {why}", candidate.path.display());
            }
            Ok(Answer::OnMusl(_)) if candidate.named => {
                eprintln!(
                    "{}: it is on musl, and is tested where AWAITGRAPH_TEST_MUSL names it",
                    candidate.path.display()
                );
            }
            Ok(Answer::OfNoUse(_) | Answer::OnMusl(_)) => {}
            // A broken one is worth a line: it may be the one that is missed later.
            Err(error) => eprintln!("{}: {error:#}", candidate.path.display()),
        }
    }
}

/// One interpreter for each minor version and kind of build: one that the
/// contributor named, or else the newest.
pub(crate) fn one_of_each(found: &[Interpreter]) -> Vec<&Interpreter> {
    let mut chosen: Vec<&Interpreter> = Vec::new();
    for interpreter in found {
        let group = |it: &Interpreter| (it.version.minor, it.kind().to_owned());
        let rank = |it: &Interpreter| -> (bool, Version) { (it.named, it.version.clone()) };
        match chosen.iter_mut().find(|it| group(it) == group(interpreter)) {
            Some(other) if rank(other) < rank(interpreter) => *other = interpreter,
            Some(_) => {}
            None => chosen.push(interpreter),
        }
    }
    chosen
}

#[cfg(test)]
mod tests {
    use super::one_of_each;
    use super::probe::Interpreter;

    fn interpreter(version_info: &str, path: &str) -> Interpreter {
        Interpreter::for_test(version_info, "", path)
    }

    #[test]
    fn the_newest_of_a_minor_version_is_chosen() {
        let found = [
            interpreter("3 11 2 final 0", "/old"),
            interpreter("3 11 7 final 0", "/new"),
            interpreter("3 12 0 candidate 1", "/candidate"),
        ];
        let chosen: Vec<String> = one_of_each(&found)
            .iter()
            .map(ToString::to_string)
            .collect();
        assert_eq!(chosen, ["3.11.7 /new", "3.12.0rc1 /candidate"]);
    }

    #[test]
    fn one_that_was_named_goes_before_a_newer_one() {
        let mut named = interpreter("3 11 2 final 0", "/named");
        named.named = true;
        let found = [named, interpreter("3 11 7 final 0", "/new")];
        assert_eq!(one_of_each(&found)[0].to_string(), "3.11.2 /named");
    }

    #[test]
    fn each_kind_of_build_is_chosen_for_itself() {
        let found = [
            Interpreter::for_test("3 13 0 final 0", "t", "/old/t"),
            Interpreter::for_test("3 13 0 final 0", "d", "/d"),
            Interpreter::for_test("3 13 15 final 0", "t", "/t"),
            Interpreter::for_test("3 13 15 final 0", "t", "/other/t"),
        ];
        let chosen = one_of_each(&found);
        let chosen: Vec<String> = chosen.iter().map(ToString::to_string).collect();
        assert_eq!(chosen, ["3.13.15t /t", "3.13.0d /d"]);
    }
}
