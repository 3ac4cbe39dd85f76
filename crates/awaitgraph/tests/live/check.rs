//! `awaitgraph check`: what is wrong is found and named, and nothing else is.

use std::collections::BTreeSet;
use std::process::Command;
use std::time::Duration;

use libtest_mimic::{Failed, Trial};

use crate::pythons::{Python, Pythons};
use crate::scene::{Reading, Scene};
use crate::{awaitgraph, limited};

const LIMIT: Duration = Duration::from_secs(60);

/// How often a service is looked at in which nothing is wrong, and how often
/// one that computes, which takes several looks each time.
const LOOKS: usize = 200;
const LOOKS_AT_COMPUTING: usize = 30;
/// Of so many looks one may tell of something that could not be read.
const SELDOM: usize = 100;

/// A scene in which something is wrong.
struct Row {
    sentence: &'static str,
    file: &'static str,
    /// The kind of each finding, and the labels of its tasks.
    findings: &'static [(&'static str, &'static [&'static str])],
    /// What each step of a deadlock says, by the label of its task.
    steps: &'static [(&'static str, &'static str)],
}

const ROWS: &[Row] = &[
    Row {
        sentence: "two_tasks_that_take_two_locks_are_found",
        file: "deadlock_two_locks.py",
        findings: &[("deadlock", &["a-to-b", "b-to-a"])],
        steps: &[("a-to-b", "waits for lock "), ("b-to-a", "waits for lock ")],
    },
    Row {
        sentence: "a_deadlock_over_a_semaphore_of_one_is_found",
        file: "deadlock_semaphore.py",
        findings: &[("deadlock", &["with slot", "with lock"])],
        steps: &[
            ("with slot", "waits for lock "),
            ("with lock", "waits for semaphore "),
        ],
    },
    Row {
        sentence: "deadlocks_over_the_lock_of_a_condition_are_found",
        file: "deadlock_condition.py",
        findings: &[
            ("deadlock", &["enters", "is inside"]),
            ("deadlock", &["is notified", "notifies"]),
        ],
        steps: &[
            ("enters", "waits for the lock of condition "),
            ("is notified", "waits for the lock of condition "),
            ("notifies", "waits for lock "),
        ],
    },
    Row {
        sentence: "a_task_that_gathers_what_wants_its_lock_is_found",
        file: "deadlock_gather.py",
        findings: &[("deadlock", &["holds", "wants"])],
        steps: &[("holds", "awaits "), ("wants", "waits for lock ")],
    },
    Row {
        sentence: "deadlocks_are_found_wherever_a_program_keeps_what_they_are_over",
        file: "deadlock_in_reach.py",
        findings: &[
            ("deadlock", &["attribute", "attribute, too"]),
            ("deadlock", &["closure", "closure, too"]),
            ("deadlock", &["global", "global, too"]),
            ("deadlock", &["queue", "queue, too"]),
            ("deadlock", &["two away", "two away, too"]),
        ],
        steps: &[
            ("attribute, too", "waits for semaphore "),
            ("queue", "waits to put into queue "),
        ],
    },
    Row {
        sentence: "a_deadlock_across_a_full_queue_is_found",
        file: "deadlock_queue.py",
        findings: &[("deadlock", &["produces", "consumes"])],
        steps: &[
            ("produces", "waits to put into queue "),
            ("consumes", "waits for lock "),
        ],
    },
    Row {
        sentence: "a_deadlock_over_the_end_of_a_queue_is_found",
        file: "deadlock_join.py",
        findings: &[("deadlock", &["joins", "works"])],
        steps: &[
            ("joins", "waits for the end of queue "),
            ("works", "waits for lock "),
        ],
    },
    Row {
        sentence: "a_deadlock_over_a_pool_is_found",
        file: "deadlock_pool.py",
        findings: &[("deadlock", &["first", "second"])],
        // Each of them is one of those that it waits for.
        steps: &[("first", "waits for queue Pool.free held by ")],
    },
    Row {
        sentence: "tasks_that_await_each_other_are_found",
        file: "cycle.py",
        findings: &[("deadlock", &["x", "y"]), ("deadlock", &["a", "b", "c"])],
        steps: &[("x", "awaits "), ("y", "awaits "), ("c", "awaits ")],
    },
    Row {
        sentence: "tasks_that_await_themselves_are_found",
        file: "self_gather.py",
        findings: &[
            ("waits_for_itself", &["gathers"]),
            ("waits_for_itself", &["shields"]),
        ],
        steps: &[("gathers", "awaits "), ("shields", "awaits ")],
    },
    Row {
        sentence: "a_lock_whose_holder_has_finished_is_found",
        file: "holder_finished.py",
        findings: &[("abandoned", &["first", "second"])],
        steps: &[],
    },
    Row {
        sentence: "a_loop_blocked_in_a_function_is_found",
        file: "running_sync.py",
        findings: &[("blocked_loop", &["handler"])],
        steps: &[],
    },
    Row {
        sentence: "a_loop_blocked_in_a_sleep_is_found",
        file: "running_sleep.py",
        findings: &[("blocked_loop", &["child"])],
        steps: &[],
    },
    Row {
        sentence: "a_loop_blocked_by_a_callback_is_found",
        file: "running_callback.py",
        findings: &[("blocked_loop", &[])],
        steps: &[],
    },
    Row {
        sentence: "a_loop_blocked_by_the_callback_of_a_task_is_found",
        file: "running_done_callback.py",
        findings: &[("blocked_loop", &[])],
        steps: &[],
    },
];

/// The same of scenes that import a package.
const WITH_PACKAGES: &[(&str, Row)] = &[
    (
        "sqlalchemy",
        Row {
            sentence: "a_deadlock_over_a_pool_of_sqlalchemy_is_found",
            file: "deadlock_sqlalchemy.py",
            findings: &[("deadlock", &["connection", "session"])],
            steps: &[(
                "connection",
                "waits for pool Engine.pool (2 of 2 lent) held by ",
            )],
        },
    ),
    (
        "aiohttp",
        Row {
            sentence: "a_deadlock_over_a_connector_of_aiohttp_is_found",
            file: "deadlock_aiohttp.py",
            findings: &[("deadlock", &["first", "second"])],
            steps: &[(
                "first",
                "waits for pool ClientSession._connector (2 of 2 lent) held by ",
            )],
        },
    ),
];

/// Scenes in which tasks wait, run and hold things, and nothing is wrong.
const HEALTHY: &[&str] = &[
    "workers.py",
    "gather_nested.py",
    "task_group_body.py",
    "popular_task.py",
    "executor.py",
    "streams.py",
    "limited_circles.py",
    "semaphore_of_others.py",
    "given_back_elsewhere.py",
    "let_go_meanwhile.py",
    "released_by_hand.py",
];

/// The same of scenes that import a package.
const HEALTHY_WITH_PACKAGES: &[(&str, &str)] = &[("sqlalchemy", "limited_pools.py")];

pub(crate) fn trials(pythons: &Pythons) -> Vec<Trial> {
    let mut trials = Vec::new();
    for python in &pythons.interpreters {
        let version = &python.version;
        let with_packages = WITH_PACKAGES.iter().filter_map(|(module, row)| {
            let python = pythons.with_module(python, module)?;
            Some((python, row))
        });
        for (python, row) in ROWS.iter().map(|row| (python, row)).chain(with_packages) {
            let python = python.clone();
            let name = format!("{}::{version}", row.sentence);
            trials.push(crate::outcome::trial(name, move || {
                found(&python, row).map_err(Failed::from)
            }));
        }
        for (sentence, arguments, looks) in [
            ("nothing_is_wrong_with_a_service_under_load", &[][..], LOOKS),
            (
                "nothing_is_wrong_with_a_service_that_computes",
                &["--load=computing"][..],
                LOOKS_AT_COMPUTING,
            ),
        ] {
            let python = python.clone();
            trials.push(crate::outcome::trial(
                format!("{sentence}::{version}"),
                move || healthy_under_load(&python, arguments, looks).map_err(Failed::from),
            ));
        }
        for (module, file) in HEALTHY_WITH_PACKAGES {
            let Some(python) = pythons.with_module(python, module).cloned() else {
                continue;
            };
            let sentence = "nothing_is_wrong_with_tasks_that_wait_for_pools";
            trials.push(crate::outcome::trial(
                format!("{sentence}::{module}::{version}"),
                move || healthy(&python, &[file]).map_err(Failed::from),
            ));
        }
        for (sentence, arguments) in [
            (
                "a_task_that_lets_go_again_and_again_blocks_nothing",
                &[][..],
            ),
            (
                "callbacks_that_let_go_again_and_again_block_nothing",
                &["--by=callback"][..],
            ),
            (
                "a_task_that_lets_go_of_uvloop_again_and_again_blocks_nothing",
                &["--loop=uvloop"][..],
            ),
        ] {
            let is_on_uvloop = arguments.contains(&"--loop=uvloop");
            let python = match is_on_uvloop {
                true => pythons.with_module(python, "uvloop"),
                false => Some(python),
            };
            let Some(python) = python.cloned() else {
                continue;
            };
            trials.push(crate::outcome::trial(
                format!("{sentence}::{version}"),
                move || lets_go(&python, arguments).map_err(Failed::from),
            ));
        }
        let python = python.clone();
        trials.push(crate::outcome::trial(
            format!("nothing_is_wrong_with_tasks_that_only_wait::{version}"),
            move || healthy(&python, HEALTHY).map_err(Failed::from),
        ));
    }
    trials
}

fn check(pid: u32, arguments: &[&str]) -> Result<Reading, String> {
    let mut command = Command::new(awaitgraph());
    command.arg("check").args(arguments).arg(pid.to_string());
    Ok(limited::output(&mut command, LIMIT)?.into())
}

fn found(python: &Python, row: &Row) -> Result<(), String> {
    let scene = Scene::start(python, row.file, &[])?;
    let reading = check(scene.pid, &["--json", "--for", "0.2"])?;
    let label = |id: &serde_json::Value| {
        let labels = scene.truth["labels"].as_object().unwrap();
        let found = labels.iter().find(|(_, known)| *known == id);
        found.map_or("?", |(label, _)| label.as_str())
    };
    let list = |value: &serde_json::Value| value.as_array().cloned().unwrap_or_default();
    let mut findings = BTreeSet::new();
    let mut steps: Vec<(String, String)> = Vec::new();
    for finding in list(&reading.document["findings"]) {
        let tasks: BTreeSet<String> = list(&finding["tasks"])
            .iter()
            .map(|id| label(id).to_owned())
            .collect();
        findings.insert((
            finding["kind"].as_str().unwrap_or_default().to_owned(),
            tasks,
        ));
        for step in list(&finding["steps"]) {
            let words = step["words"].as_str().unwrap_or_default();
            steps.push((label(&step["task"]).to_owned(), words.to_owned()));
        }
    }
    let expected: BTreeSet<(String, BTreeSet<String>)> = row
        .findings
        .iter()
        .map(|(kind, labels)| {
            let labels = labels.iter().map(|label| (*label).to_owned());
            ((*kind).to_owned(), labels.collect())
        })
        .collect();
    let says = |(task, words): &(&str, &str)| {
        steps
            .iter()
            .any(|(label, said)| label == task && said.starts_with(words))
    };
    if findings != expected || !row.steps.iter().all(says) || reading.code != Some(4) {
        return Err(format!("expected {expected:#?}, got {reading:#?}"));
    }
    let text = check(scene.pid, &["--for", "0.2"])?;
    let blocks = text.stdout.split("\n\n").count();
    if text.code != Some(4) || blocks != expected.len() {
        return Err(format!("expected {} blocks, got {text:#?}", expected.len()));
    }
    first_of_every_picture(&scene, row)
}

/// Deadlocks stand first in the tree and in the dump.
fn first_of_every_picture(scene: &Scene, row: &Row) -> Result<(), String> {
    let deadlocks = row.findings.iter();
    let deadlocks = deadlocks.filter(|(kind, _)| matches!(*kind, "deadlock" | "waits_for_itself"));
    let expected = deadlocks.count();
    for command in ["pstree", "dump"] {
        let mut program = Command::new(awaitgraph());
        let reading: Reading =
            limited::output(program.arg(command).arg(scene.pid.to_string()), LIMIT)?.into();
        let blocks = reading.stdout.split("\n\n");
        let named = blocks.take_while(|block| block.starts_with("deadlock: "));
        if named.count() != expected || reading.code != Some(0) {
            return Err(format!("expected {expected} deadlocks, got {reading:#?}"));
        }
    }
    Ok(())
}

fn nothing_wrong(reading: &Reading) -> Result<(), String> {
    let findings = reading.document["findings"].as_array();
    if reading.code == Some(0) && findings.is_some_and(Vec::is_empty) {
        return Ok(());
    }
    Err(format!("expected no finding, got {reading:#?}"))
}

fn healthy(python: &Python, files: &[&str]) -> Result<(), String> {
    for file in files {
        if file.contains("task_group") && python.minor < 11 {
            continue;
        }
        let scene = Scene::start(python, file, &[])?;
        nothing_wrong(&check(scene.pid, &["--json", "--for", "0.2"])?)
            .map_err(|text| format!("{file}: {text}"))?;
    }
    Ok(())
}

fn lets_go(python: &Python, arguments: &[&str]) -> Result<(), String> {
    let scene = Scene::start(python, "lets_go.py", arguments)?;
    for _ in 0..5 {
        nothing_wrong(&check(scene.pid, &["--json", "--for", "0.3"])?)?;
    }
    Ok(())
}

fn healthy_under_load(python: &Python, arguments: &[&str], looks: usize) -> Result<(), String> {
    let mut scene = Scene::start(python, "healthy_service.py", arguments)?;
    let mut flawed = 0;
    for look in 0..looks {
        let reading = check(scene.pid, &["--json"])?;
        let findings = reading.document["findings"].as_array();
        // A thread may be stopped halfway through making a frame: that is told,
        // and is seldom.
        if reading.code == Some(3) && findings.is_some_and(Vec::is_empty) {
            flawed += 1;
        } else {
            nothing_wrong(&reading).map_err(|text| format!("at look {look}: {text}"))?;
        }
    }
    if flawed > looks / SELDOM {
        return Err(format!("{flawed} of {looks} looks told of problems"));
    }
    scene.is_well()
}
