//! A service as it runs in production, with ten thousand clients: what is
//! shown of it is short, and says what waits for what.

use std::collections::BTreeSet;
use std::process::Command;
use std::time::Duration;

use libtest_mimic::{Failed, Trial};
use serde_json::Value;

use crate::pythons::{Python, Pythons};
use crate::scene::{self, Reading, Scene};
use crate::{awaitgraph, compare, limited, outcome};

const LIMIT: Duration = Duration::from_secs(60);

/// A few, as each takes some seconds: the oldest, one that many people have,
/// the newest.
const MINORS: [u32; 3] = [8, 11, 15];

/// How many lines a person is shown of ten thousand tasks.
const MOST_LINES: usize = 14;
const MOST_KINDS: usize = 10;

pub(crate) fn trials(pythons: &Pythons) -> Vec<Trial> {
    let mut trials = Vec::new();
    for python in &pythons.interpreters {
        if !MINORS.contains(&python.minor) && pythons.interpreters.len() > 1 {
            continue;
        }
        let packages = ["asyncpg", "aiohttp"].map(|it| pythons.with_module(python, it));
        let [Some(python), Some(_)] = packages else {
            continue;
        };
        let name = format!("ten_thousand_connections_are_one_line::{}", python.version);
        let python = python.clone();
        trials.push(outcome::trial(name, move || {
            check(&python).map_err(Failed::from)
        }));
    }
    trials
}

fn check(python: &Python) -> Result<(), String> {
    let mut scene = Scene::start(python, "service.py", &[])?;
    let told = |key: &str| scene.truth[key].as_u64().unwrap();
    let (reports, orders) = (told("reports"), told("orders"));
    let database = format!("127.0.0.1:{}", told("database"));
    // One that asks on and on waits for its next request only now and then.
    let idle = told("idle")..=told("idle") + told("busy");

    let tree = shown(&scene, &["pstree"])?;
    let lines: Vec<&str> = tree.lines().collect();
    let line = |function: &str, count: u64| {
        let count = format!(" ×{count} ");
        let mut lines = lines.iter().filter(|it| it.contains(&count));
        lines.any(|it| it.contains(function))
    };
    let waits = idle.clone().any(|count| {
        let end = format!("  read {count} streams on 127.0.0.1:");
        line(&end, count) && line("RequestHandler.start ", count)
    });
    let reads = format!("  read {database} ({reports} streams)");
    let lends = "  waits for pool Shop.pool (";
    let is_said = waits && line(&reads, reports) && line(lends, orders);
    if !is_said || lines.len() > MOST_LINES {
        return Err(format!("{idle:?} {reads:?} {lends:?} not in:\n{tree}"));
    }

    let kinds = shown(&scene, &["ps", "--by", "waits-for"])?;
    if kinds.lines().count() > 1 + MOST_KINDS {
        return Err(format!("more than {MOST_KINDS} kinds of waits:\n{kinds}"));
    }

    let found: Reading = run(&scene, &["check", "--json"])?;
    let findings = found.document["findings"].as_array();
    if found.code != Some(0) || !findings.is_some_and(Vec::is_empty) {
        return Err(format!("expected no finding, got {found:#?}"));
    }

    let reading = scene::read(scene.pid, &[], LIMIT)?;
    compare::flawless(&reading).result()?;
    let tasks = reading.document["tasks"].as_array().unwrap();
    let of = |function: &str| -> Vec<&Value> {
        let is_of = |task: &&Value| {
            let stack = task["stack"].as_array().into_iter().flatten();
            stack.into_iter().any(|it| it["function"] == function)
        };
        tasks.iter().filter(is_of).collect()
    };
    let reporting = of("Shop.report");
    let holders: BTreeSet<String> = reporting.iter().map(|it| it["id"].to_string()).collect();
    let ordering = of("Shop.order");
    let are_right = reporting.len() as u64 == reports
        && ordering.len() as u64 == orders
        && reporting.iter().all(|task| {
            let waits_for = &task["waits_for"];
            waits_for["kind"] == "stream" && waits_for["peer"] == database.as_str()
        })
        && ordering.iter().all(|task| {
            let found = task["waits_for"]["holders"].as_array();
            let found: BTreeSet<String> =
                (found.into_iter().flatten().map(ToString::to_string)).collect();
            task["waits_for"]["kind"] == "pool" && found == holders
        });
    if !are_right {
        return Err(format!("{reporting:#?}\n{ordering:#?}"));
    }
    scene.is_well()
}

/// What a person is shown.
fn shown(scene: &Scene, arguments: &[&str]) -> Result<String, String> {
    let reading = run(scene, arguments)?;
    match (reading.code, reading.stderr.as_str()) {
        (Some(0), "") => Ok(reading.stdout),
        _ => Err(format!("{arguments:?}: {reading:#?}")),
    }
}

fn run(scene: &Scene, arguments: &[&str]) -> Result<Reading, String> {
    let mut command = Command::new(awaitgraph());
    command.args(arguments).arg(scene.pid.to_string());
    Ok(limited::output(&mut command, LIMIT)?.into())
}
