//! Targets whose files or ids are not what they are for us: in containers and
//! parts of such, and after an upgrade in place.

use std::collections::BTreeMap;
use std::fs;
use std::process::Command;
use std::time::Duration;

use libtest_mimic::{Failed, Trial};
use serde_json::{Value, json};

use crate::each::{self, CheckInFolder};
use crate::place::{self, Place, Root};
use crate::pythons::{Python, Pythons};
use crate::scene::{self, Reading, Scene};
use crate::temporary::TemporaryFolder;
use crate::{awaitgraph, compare, limited, privileges, pythons};

const LIMIT: Duration = Duration::from_secs(30);
/// All processes of a busy machine are looked at, those of other tests too.
const LIMIT_OF_ALL: Duration = Duration::from_secs(240);

const CONTAINER: Place = Place {
    root: Root::Pivoted,
    pid_namespace: true,
    user_namespace: true,
    last: None,
};
const PIVOTED: Place = Place {
    pid_namespace: false,
    user_namespace: false,
    ..CONTAINER
};
const CHANGED: Place = Place {
    root: Root::Changed,
    ..PIVOTED
};
const PIDS: Place = Place {
    root: Root::Same,
    pid_namespace: true,
    ..PIVOTED
};
const USERS: Place = Place {
    root: Root::Same,
    user_namespace: true,
    ..PIVOTED
};

const ON_MUSL: &str = "a_target_under_a_musl_loader_is_read";

#[rustfmt::skip]
const CHECKS: &[(&str, CheckInFolder)] = &[
    ("a_target_with_another_root_is_read", |python, folder| whole(python, folder, PIVOTED)),
    ("a_target_in_a_pid_namespace_is_read", |python, folder| whole(python, folder, PIDS)),
    ("a_target_in_a_user_namespace_is_read", |python, folder| whole(python, folder, USERS)),
    ("a_target_in_a_container_is_read", |python, folder| whole(python, folder, CONTAINER)),
    ("a_target_in_a_chroot_is_read", changed_root),
    ("a_target_that_its_loader_was_told_to_start_is_read", by_loader),
];

pub(crate) fn trials(pythons: &Pythons) -> Vec<Trial> {
    let gaps = pythons.gaps();
    let mut trials = Vec::new();
    for python in &pythons.on_musl {
        let name = format!("{ON_MUSL}::{}", python.version);
        let python = python.clone();
        trials.push(crate::outcome::trial(name, move || {
            on_musl(&python).map_err(Failed::from)
        }));
    }
    for minor in pythons::ON_MUSL {
        if !pythons.on_musl.iter().any(|it| it.minor == minor) {
            gaps.add(format!(
                "{ON_MUSL}: there is no CPython 3.{minor} on musl at hand \
                 (`cargo xtask pythons --build-on-musl`)"
            ));
        }
    }
    if let Some(why) = place::none_at_hand() {
        gaps.add(format!("targets in containers: {why}"));
        return trials;
    }
    trials.extend(each::python_in_a_folder(pythons, CHECKS));
    trials
}

/// What differs with another C library and its loader: which files there are,
/// where a thread's id is, and what the list of threads looks like.
fn on_musl(python: &Python) -> Result<(), String> {
    for (file, from) in [
        ("gather.py", 8),
        ("two_loops.py", 8),
        ("many_threads.py", 8),
        ("thread_ended.py", 8),
        ("forked.py", 8),
        ("running_through_c.py", 8),
        ("waits_executor.py", 8),
        ("waits_streams.py", 8),
        ("waits_subprocess.py", 8),
        ("registered_tasks.py", 8),
        ("subinterpreter.py", 12),
    ] {
        if python.minor < from {
            continue;
        }
        for options in [&[][..], &["--nonblocking"]] {
            let scene = Scene::start(python, file, &[])?;
            let maps = fs::read_to_string(format!("/proc/{}/maps", scene.pid));
            // The loader is the C library. Its own folder may be named for musl too.
            let is_musl =
                |line: &str| line.contains("/ld-musl-") || line.ends_with("-musl/libc.so");
            if !maps.is_ok_and(|maps| maps.lines().any(is_musl)) {
                return Err(format!("{} does not run on musl", python.path.display()));
            }
            let reading = scene::read(scene.pid, options, LIMIT)?;
            let same = compare::whole(&scene, &reading, options.is_empty());
            same.map_err(|text| format!("{file}:\n{text}"))?;
        }
    }
    Ok(())
}

fn whole(python: &Python, folder: &TemporaryFolder, place: Place) -> Result<(), String> {
    for file in ["two_loops.py", "waits_subprocess.py", "waits_executor.py"] {
        let mut scene = place.start(python, folder, file)?;
        let own_pid = as_we_see_it(&mut scene)?;
        if place.pid_namespace != (own_pid == 1) {
            return Err(format!("the place is wrong, not the reading: {own_pid}"));
        }
        for options in [&[][..], &["--nonblocking"]] {
            let reading = scene::read(scene.pid, options, LIMIT)?;
            compare::whole(&scene, &reading, options.is_empty())?;
            if reading.document["target"]["own_pid"] != own_pid {
                return Err(format!("expected {own_pid}: {reading:#?}"));
            }
        }
        if place.pid_namespace && file == "two_loops.py" {
            listed(&scene, own_pid)?;
        }
        let mut reader = privileges::reader(folder, scene.pid)?;
        let reading = limited::output(privileges::only_ptrace(&mut reader), LIMIT)?;
        compare::whole(&scene, &reading.into(), true)?;
        scene.is_well()?;
    }
    Ok(())
}

/// That the list of processes has it, by both of its ids.
fn listed(scene: &Scene, own_pid: u64) -> Result<(), String> {
    let mut command = Command::new(awaitgraph());
    let reading: Reading = limited::output(command.args(["ps", "--json"]), LIMIT_OF_ALL)?.into();
    let processes = reading.document["processes"].as_array();
    let mut processes = processes.into_iter().flatten();
    let is_it = |row: &&Value| row["pid"] == scene.pid && row["own_pid"] == own_pid;
    match processes.find(is_it) {
        Some(_) => Ok(()),
        None => Err(format!("{} is not listed: {reading:#?}", scene.pid)),
    }
}

/// The executable is the loader then, as it is where musl's is used on a
/// system of glibc.
fn by_loader(python: &Python, _: &TemporaryFolder) -> Result<(), String> {
    let loader = place::loader(&python.path).map_err(|error| error.to_string())?;
    let executable = fs::canonicalize(&python.path).map_err(|error| error.to_string())?;
    let mut command = Command::new(loader);
    command
        .arg(executable)
        .arg(scene::folder().join("two_loops.py"))
        .env("PYTHONHOME", python.prefix()?);
    let mut scene = Scene::start_command(&mut command)?;
    compare::whole(&scene, &scene::read(scene.pid, &[], LIMIT)?, true)?;
    scene.is_well()
}

/// Read from where its path is another, and from where it is the same.
fn changed_root(python: &Python, folder: &TemporaryFolder) -> Result<(), String> {
    let mut scene = CHANGED.start(python, folder, "two_loops.py")?;
    as_we_see_it(&mut scene)?;
    compare::whole(&scene, &scene::read(scene.pid, &[], LIMIT)?, true)?;
    let pid = scene.pid;
    let reading = place::beside(pid, || Ok(scene::read(pid, &[], LIMIT)));
    compare::whole(&scene, &reading.map_err(|error| error.to_string())??, true)?;
    scene.is_well()
}

/// Gives all ids in the scene's truth the values that they have on our side, and
/// its executable the path that the kernel tells us. Returns its own pid.
fn as_we_see_it(scene: &mut Scene) -> Result<u64, String> {
    let pid = scene.pid;
    let own_pid = scene.truth["pid"].as_u64().unwrap_or(0);
    let executable = fs::read_link(format!("/proc/{pid}/exe")).map_err(|it| it.to_string())?;
    scene.truth["executable"] = json!(executable);
    scene.truth["pid"] = json!(pid);
    let mut ours = BTreeMap::new();
    for process in children(pid).into_iter().chain([pid]) {
        for thread in fs::read_dir(format!("/proc/{process}/task")).map_err(|it| it.to_string())? {
            let path = thread.map_err(|error| error.to_string())?.path();
            let status = fs::read_to_string(path.join("status")).unwrap_or_default();
            let ids = status.lines().find_map(|line| line.strip_prefix("NSpid:"));
            let ids: Vec<u64> = ids
                .unwrap_or_default()
                .split_whitespace()
                .filter_map(|id| id.parse().ok())
                .collect();
            if let (Some(first), Some(last)) = (ids.first(), ids.last()) {
                ours.insert(*last, *first);
            }
        }
    }
    let translate = |value: &mut Value| {
        if let Some(id) = value.as_u64().and_then(|own| ours.get(&own)) {
            *value = json!(id);
        }
    };
    for thread in scene.truth["threads"].as_array_mut().into_iter().flatten() {
        translate(&mut thread["thread"]);
    }
    for task in scene.truth["tasks"].as_array_mut().into_iter().flatten() {
        translate(&mut task["thread"]);
        for id in ["pid", "thread"] {
            if let Some(id) = task["waits_for"].get_mut(id) {
                translate(id);
            }
        }
    }
    Ok(own_pid)
}

fn children(pid: u32) -> Vec<u32> {
    let threads = fs::read_dir(format!("/proc/{pid}/task"));
    let children = threads
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|thread| fs::read_to_string(thread.path().join("children")).ok());
    children
        .flat_map(|ids| {
            let ids = ids.split_whitespace();
            ids.filter_map(|id| id.parse().ok()).collect::<Vec<_>>()
        })
        .collect()
}
