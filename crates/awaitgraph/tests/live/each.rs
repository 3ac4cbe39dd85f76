//! A test for each check and interpreter.

use libtest_mimic::{Failed, Trial};

use crate::pythons::{Python, Pythons};
use crate::temporary::TemporaryFolder;

/// What is looked at with one interpreter.
pub(crate) type Check = fn(&Python) -> Result<(), String>;
/// The same, with a folder that is gone after it.
pub(crate) type CheckInFolder = fn(&Python, &TemporaryFolder) -> Result<(), String>;

/// Each of `checks`, by what it shows, with each interpreter.
pub(crate) fn python(pythons: &Pythons, checks: &[(&str, Check)]) -> Vec<Trial> {
    named(pythons, checks, |check, python, _| check(python))
}

/// The same with a folder for each.
pub(crate) fn python_in_a_folder(
    pythons: &Pythons,
    checks: &[(&str, CheckInFolder)],
) -> Vec<Trial> {
    named(pythons, checks, |check, python, name| {
        let name = format!("awaitgraph-{}-{name}", std::process::id());
        check(python, &TemporaryFolder::new(&name.replace("::", "-")))
    })
}

fn named<C: Copy + Send + 'static>(
    pythons: &Pythons,
    checks: &[(&str, C)],
    run: fn(C, &Python, &str) -> Result<(), String>,
) -> Vec<Trial> {
    let mut trials = Vec::new();
    for python in &pythons.interpreters {
        for &(sentence, check) in checks {
            let python = python.clone();
            let name = format!("{sentence}::{}", python.version);
            trials.push(crate::outcome::trial(name.clone(), move || {
                run(check, &python, &name).map_err(Failed::from)
            }));
        }
    }
    trials
}
