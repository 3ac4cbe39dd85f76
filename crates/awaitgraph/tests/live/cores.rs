//! Core files: what is read from one is what the scene knew, and what was read
//! of the live process before.

mod damaged;
mod files;
mod written;

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use libtest_mimic::{Failed, Trial};
use serde_json::Value;

use crate::pythons::{Python, Pythons};
use crate::scene::{self, Reading};
use crate::{awaitgraph, compare, limited};

use written::{Dumped, Filter, Writer};

const LIMIT: Duration = Duration::from_secs(60);

/// Scenes that need something each: names of types from many files, several
/// threads, frames of threads, other interpreters, what each version registers.
const SCENES: &[(&str, u32)] = &[
    ("gather", 8),
    ("shield", 8),
    ("as_completed", 8),
    ("generator_methods", 8),
    ("primitives", 8),
    ("names", 8),
    ("two_loops", 8),
    ("thread_ended", 8),
    ("running_through_c", 8),
    ("chain_of_tasks", 8),
    ("task_group_nested", 11),
    ("subinterpreter", 12),
    ("recorded", 14),
];

/// Scenes in which something is wrong, and what that is; it is all there in
/// one moment.
const WRONG: &[(&str, &str)] = &[
    ("deadlock_two_locks.py", "deadlock"),
    ("deadlock_queue.py", "deadlock"),
    ("self_gather.py", "waits_for_itself"),
    ("holder_finished.py", "abandoned"),
];

/// A test for each scene, interpreter and way to write a core.
pub(crate) fn trials(pythons: &Pythons) -> Vec<Trial> {
    let writers = Writer::at_hand(&pythons.gaps());
    let mut trials = Vec::new();
    for python in &pythons.interpreters {
        for &writer in &writers {
            for &(scene, from) in SCENES {
                if python.minor < from {
                    continue;
                }
                let sentence = match writer {
                    Writer::Kernel => "a_core_of_the_kernel_says_the_same",
                    Writer::Gcore => "a_core_of_gcore_says_the_same",
                };
                let name = format!("{sentence}::{}::{scene}", python.version);
                let (python, file) = (python.clone(), format!("{scene}.py"));
                trials.push(crate::outcome::trial(name, move || {
                    same(&python, writer, &file, &[]).map_err(Failed::from)
                }));
            }
            let name = format!("a_core_has_the_findings::{}::{writer:?}", python.version);
            let one = python.clone();
            trials.push(crate::outcome::trial(name, move || {
                same_findings(&one, writer).map_err(Failed::from)
            }));
            if let Some(uvloop) = pythons.with_module(python, "uvloop") {
                let (python, sentence) = (uvloop.clone(), "a_core_on_uvloop_says_the_same");
                let name = format!("{sentence}::{}::{writer:?}", python.version);
                trials.push(crate::outcome::trial(name, move || {
                    same(&python, writer, "gather.py", &["--loop=uvloop"]).map_err(Failed::from)
                }));
            }
        }
    }
    trials.extend(damaged::trials(pythons, &writers));
    trials.extend(files::trials(pythons, &writers));
    trials
}

fn same(python: &Python, writer: Writer, file: &str, arguments: &[&str]) -> Result<(), String> {
    let dumped = Dumped::new(python, writer, file, arguments, Filter::Default)?;
    let reading = read(&dumped.core, &[])?;
    match is_same(&dumped, &reading) {
        Err(_) if !dumped.is_whole => told(&dumped, &reading),
        result => result,
    }
}

/// That `check` finds in a core what it found in the process.
fn same_findings(python: &Python, writer: Writer) -> Result<(), String> {
    for &(file, kind) in WRONG {
        let mut command = written::crashing(&python.path);
        command.arg(scene::folder().join(file));
        let of_process = |scene: &scene::Scene| {
            let reading = check(&[&scene.pid.to_string(), "--for", "0.2"])?;
            Ok(reading.document["findings"].clone())
        };
        let dumped = Dumped::read_by(of_process, command, writer, Filter::Default)?;
        let core = dumped.core.to_str().ok_or("a path that is not UTF-8")?;
        let reading = check(&["--core", core])?;
        let found = &reading.document["findings"];
        let is_kind = |finding: &Value| finding["kind"] == kind;
        let is_found = found.as_array().is_some_and(|it| it.iter().any(is_kind));
        // Where the core is not whole, another code says so.
        let is_said = reading.code == Some(4) || !dumped.is_whole;
        if *found != dumped.live || !is_found || !is_said {
            let live = &dumped.live;
            return Err(format!("{file}, live:\n{live:#}\nits core: {reading:#?}"));
        }
    }
    Ok(())
}

/// Runs `awaitgraph check --json` with more arguments.
fn check(arguments: &[&str]) -> Result<Reading, String> {
    let mut command = Command::new(awaitgraph());
    command.args(["check", "--json"]).args(arguments);
    Ok(limited::output(&mut command, LIMIT)?.into())
}

fn is_same(dumped: &Dumped, reading: &Reading) -> Result<(), String> {
    compare::whole(&dumped.scene, reading, true)?;
    let (live, core) = (&dumped.live, lasting(&reading.document));
    if *live != core {
        return Err(format!("live:\n{live:#}\nfrom its core:\n{core:#}"));
    }
    Ok(())
}

/// That what the core's writer left out is a problem, and the tasks are there.
fn told(dumped: &Dumped, reading: &Reading) -> Result<(), String> {
    let names = |document: &Value| -> Vec<Value> {
        let tasks = document["tasks"].as_array();
        tasks
            .into_iter()
            .flatten()
            .map(|task| task["name"].clone())
            .collect()
    };
    let is_told = reading.stderr.contains("put zeros for the stacks of ");
    if is_told && reading.code == Some(3) && names(&reading.document) == names(&dumped.live) {
        return Ok(());
    }
    Err(format!("of half a core: {reading:#?}"))
}

/// What of a document must be the same however the process was read.
fn lasting(document: &Value) -> Value {
    let mut document = document.clone();
    if let Some(keys) = document.as_object_mut() {
        keys.remove("snapshot");
    }
    // A core does not tell which of its ids it has.
    if let Some(target) = document["target"].as_object_mut() {
        target.remove("own_pid");
    }
    // Nor what time it was, nor what the system knew of descriptors and children.
    for task in document["tasks"].as_array_mut().into_iter().flatten() {
        if let Some(waits_for) = task["waits_for"].as_object_mut() {
            for key in ["left", "deadline", "family", "local", "peer", "alive"] {
                waits_for.remove(key);
            }
        }
    }
    document
}

/// Runs `awaitgraph pstree --json --core` with more arguments.
fn read(core: &Path, arguments: &[&str]) -> Result<Reading, String> {
    read_with(core, arguments, &[])
}

/// The same with variables in its environment.
fn read_with(
    core: &Path,
    arguments: &[&str],
    variables: &[(&str, &Path)],
) -> Result<Reading, String> {
    let mut command = Command::new(awaitgraph());
    command.args(["pstree", "--json", "--core"]).arg(core);
    command.args(arguments).envs(variables.iter().copied());
    Ok(limited::output(&mut command, LIMIT)?.into())
}

/// That a reading of the process gives what its scene knows.
fn live(scene: &scene::Scene) -> Result<Value, String> {
    let reading = scene::read(scene.pid, &[], LIMIT)?;
    compare::whole(scene, &reading, true)?;
    Ok(lasting(&reading.document))
}
