//! Targets and readers that are stopped, killed, traced or busy: the target is
//! never harmed, and every reading ends with something true.

use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use libtest_mimic::Trial;
use serde_json::Value;

use crate::each::{self, Check};
use crate::pythons::{Python, Pythons};
use crate::scene::{self, Reading, Scene};
use crate::{compare, limited};

const LIMIT: Duration = Duration::from_secs(30);

#[rustfmt::skip]
const CHECKS: &[(&str, Check)] = &[
    ("a_stopped_target_is_read_and_stays_stopped", stopped_target),
    ("a_target_killed_while_it_is_read_ends_the_reading", killed_target),
    ("a_python_that_is_just_starting_is_read_or_refused", starting_target),
    ("a_busy_target_is_read_consistently", |python| busy_target(python, &[], &[])),
    ("threads_that_come_and_go_are_read_consistently", |python| busy_target(python, &["--threads=on"], &[])),
    ("a_busy_target_is_read_while_it_runs", |python| busy_target(python, &[], &["--nonblocking"])),
    ("threads_that_come_and_go_are_read_while_they_run", |python| busy_target(python, &["--threads=on"], &["--nonblocking"])),
];

pub(crate) fn trials(pythons: &Pythons) -> Vec<Trial> {
    each::python(pythons, CHECKS)
}

fn stopped_target(python: &Python) -> Result<(), String> {
    let mut scene = Scene::start(python, "two_loops.py", &[])?;
    limited::signal(scene.pid, libc::SIGSTOP);
    let all_stopped = |states: &str| !states.is_empty() && states.chars().all(|it| it == 'T');
    wait_until(|| all_stopped(&limited::thread_states(scene.pid)))?;
    for _ in 0..5 {
        let reading = scene::read(scene.pid, &[], LIMIT)?;
        compare::whole(&scene, &reading, true)?;
        // Each thread wakes for a moment inside the kernel, to stop again.
        wait_until(|| all_stopped(&limited::thread_states(scene.pid)))?;
    }
    limited::signal(scene.pid, libc::SIGCONT);
    scene.is_well()
}

/// That nothing was read, for exactly this reason.
pub(crate) fn refused(reading: &Reading, expected: &str) -> Result<(), String> {
    if reading.code == Some(1) && reading.stdout.is_empty() && reading.stderr == expected {
        return Ok(());
    }
    Err(format!(
        "expected exit code 1 and\n{expected}got {reading:#?}"
    ))
}

fn killed_target(python: &Python) -> Result<(), String> {
    let herd = Scene::start(python, "herd.py", &[])?;
    let pids: Vec<u32> = herd.truth["pids"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|pid| u32::try_from(pid.as_u64()?).ok())
        .collect();
    let started = Instant::now();
    whole_herd_member(&scene::read(pids[0], &[], LIMIT)?)?;
    let time = started.elapsed();
    let steps = u32::try_from(pids.len()).unwrap();
    for (step, &pid) in (0..).zip(&pids) {
        let reader = thread::spawn(move || scene::read(pid, &[], LIMIT));
        // Not to wait for something, but to strike at every part of a reading.
        thread::sleep(time * step / steps);
        limited::signal(pid, libc::SIGKILL);
        let reading = reader.join().unwrap()?;
        match reading.code {
            Some(0) => whole_herd_member(&reading)?,
            // Its memory goes before its threads do.
            Some(3) => {}
            Some(1) => {
                let said = reading.stderr.lines().next().unwrap_or_default();
                let gone = [
                    format!("awaitgraph: process {pid} ended while it was read"),
                    format!(
                        "awaitgraph: process {pid} has ended already: a zombie that its parent has not waited for"
                    ),
                    format!("awaitgraph: there is no process {pid}"),
                ];
                if !gone.iter().any(|text| text == said) || !reading.stdout.is_empty() {
                    return Err(format!("after {:?}: {reading:#?}", time * step / steps));
                }
            }
            _ => return Err(format!("{reading:#?}")),
        }
    }
    Ok(())
}

fn whole_herd_member(reading: &Reading) -> Result<(), String> {
    compare::flawless(reading).result()?;
    let tasks = reading.document["tasks"].as_array().map_or(0, Vec::len);
    let children = (0..300).filter(|number| {
        let name = Value::from(format!("child {number}"));
        let tasks = reading.document["tasks"].as_array();
        tasks.is_some_and(|tasks| tasks.iter().any(|task| task["name"] == name))
    });
    match (tasks, children.count()) {
        (301, 300) => Ok(()),
        (tasks, children) => Err(format!("{tasks} tasks, {children} children of 300")),
    }
}

/// Reads one that has not even begun, again and again until it is parked.
fn starting_target(python: &Python) -> Result<(), String> {
    let mut command = Command::new(&python.path);
    let mut scene = Scene::spawn(command.arg(scene::folder().join("workers.py")))?;
    let mut readings = 0;
    while !scene.is_ready() {
        let reading = scene::read(scene.pid, &[], LIMIT)?;
        let code = reading.code.ok_or_else(|| format!("{reading:#?}"))?;
        let told =
            reading.stderr.starts_with("awaitgraph: ") && !reading.stderr.contains("panicked");
        if !(code == 0 || told && (code == 3 || code == 1)) {
            return Err(format!("after {readings} others: {reading:#?}"));
        }
        readings += 1;
    }
    if readings == 0 {
        return Err("it was ready too soon".to_owned());
    }
    scene.await_truth()?;
    compare::whole(&scene, &scene::read(scene.pid, &[], LIMIT)?, true)?;
    scene.is_well()
}

fn busy_target(python: &Python, flavour: &[&str], arguments: &[&str]) -> Result<(), String> {
    let mut scene = Scene::start(python, "churn.py", flavour)?;
    let stops = arguments.is_empty();
    let mut unread = 0;
    for _ in 0..50 {
        let reading = scene::read(scene.pid, arguments, LIMIT)?;
        let problems = reading.document["problems"].as_array().map_or(0, Vec::len);
        let expected = if problems == 0 { 0 } else { 3 };
        match reading.code {
            Some(code) if code == expected && !reading.document.is_null() => {}
            // What runs on may not stand still long enough to show anything.
            Some(1) if !stops => continue,
            _ => return Err(format!("{reading:#?}")),
        }
        if reading.document["snapshot"]["consistent"] != Value::Bool(stops) {
            return Err(format!("{}", reading.document["snapshot"]));
        }
        if stops {
            family(&reading.document)?;
            unread += problems;
        }
    }
    // Only what is caught halfway through its creation.
    if unread > 10 {
        return Err(format!("{unread} problems in 50 consistent readings"));
    }
    scene.is_well()
}

/// That every task is in its place: the names tell whose child each one is,
/// and which function it runs.
fn family(document: &Value) -> Result<(), String> {
    let tasks = document["tasks"].as_array().ok_or("no tasks")?;
    let name = |id: &Value| {
        tasks
            .iter()
            .find(|task| task["id"] == *id)
            .map(|it| &it["name"])
    };
    for task in tasks {
        let own = task["name"].as_str().unwrap_or_default();
        let function = match own.split(' ').next() {
            Some("child") => "child",
            Some("parent") => "parent",
            // Not yet named, or the main task.
            _ => continue,
        };
        let outermost = task["stack"].as_array().and_then(|stack| stack.last());
        let found = outermost.map(|frame| &frame["function"]);
        if found.is_some_and(|found| found != function)
            || (found.is_none() && task["state"] == "waiting")
        {
            return Err(format!("not the stack of a {function}: {task}"));
        }
        for edge in task["awaited_by"].as_array().into_iter().flatten() {
            let parent = name(&edge["id"])
                .and_then(Value::as_str)
                .unwrap_or_default();
            if own.strip_prefix("child of ").is_some_and(|of| of != parent) {
                return Err(format!("“{own}” is awaited by “{parent}”: {task}"));
            }
        }
    }
    if !tasks.iter().any(|task| {
        task["awaited_by"]
            .as_array()
            .is_some_and(|it| !it.is_empty())
    }) {
        return Err("no edges at all".to_owned());
    }
    Ok(())
}

fn wait_until(condition: impl Fn() -> bool) -> Result<(), String> {
    let end = Instant::now() + LIMIT;
    while !condition() {
        if Instant::now() > end {
            return Err("waited in vain".to_owned());
        }
        thread::yield_now();
    }
    Ok(())
}
