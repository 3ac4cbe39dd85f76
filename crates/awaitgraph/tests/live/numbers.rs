//! More tasks than CPython's own tool can read: every name, in a bounded time.

use std::collections::BTreeMap;
use std::time::Duration;

use libtest_mimic::{Failed, Trial};
use serde_json::Value;

use crate::compare;
use crate::pythons::{Python, Pythons};
use crate::scene::{self, Scene};

/// Many times what a debug build takes, so that only a wrong order of growth fails.
const LIMIT: Duration = Duration::from_secs(30);

/// One version of each kind of registry: one set, two sets, lists of threads.
const MINORS: [u32; 4] = [8, 12, 14, 15];

pub(crate) fn trials(pythons: &Pythons) -> Vec<Trial> {
    let all = &pythons.interpreters;
    let some = all
        .iter()
        .filter(|it| MINORS.contains(&it.minor) || all.len() == 1);
    some.map(|python| {
        let name = format!("seventy_thousand_tasks_are_read_whole::{}", python.version);
        let python = python.clone();
        crate::outcome::trial(name, move || check(&python).map_err(Failed::from))
    })
    .collect()
}

fn check(python: &Python) -> Result<(), String> {
    let scene = Scene::start(python, "seventy_thousand.py", &[])?;
    let reading = scene::read(scene.pid, &[], LIMIT)?;
    let mut differences = compare::flawless(&reading);
    for (what, expected, got) in [
        ("names", names(&scene.truth["names"]), {
            let tasks = reading.document["tasks"].as_array();
            let names = tasks.into_iter().flatten().map(|task| task["name"].clone());
            names_of(names)
        }),
        (
            "states",
            counts(&scene.truth["states"]),
            counted(&reading.document, |task| vec![&task["state"]]),
        ),
        (
            "edges",
            counts(&scene.truth["edges"]),
            counted(&reading.document, |task| {
                let edges = task["awaited_by"].as_array();
                edges.into_iter().flatten().map(|it| &it["how"]).collect()
            }),
        ),
    ] {
        if expected != got {
            let odd: Vec<_> = expected
                .iter()
                .filter(|(key, count)| got.get(*key) != Some(count))
                .take(5)
                .collect();
            differences.push(format!(
                "{what}: expected {} different ones, got {}; among the missing {odd:?}",
                expected.len(),
                got.len()
            ));
        }
    }
    differences.result()
}

fn names(list: &Value) -> BTreeMap<String, u64> {
    names_of(list.as_array().into_iter().flatten().cloned())
}

fn names_of(names: impl Iterator<Item = Value>) -> BTreeMap<String, u64> {
    let mut counts = BTreeMap::new();
    for name in names {
        *counts.entry(name.to_string()).or_default() += 1;
    }
    counts
}

fn counts(object: &Value) -> BTreeMap<String, u64> {
    let entries = object.as_object();
    entries
        .into_iter()
        .flatten()
        .map(|(key, count)| (key.clone(), count.as_u64().unwrap_or_default()))
        .collect()
}

fn counted<'a>(
    document: &'a Value,
    words: impl Fn(&'a Value) -> Vec<&'a Value>,
) -> BTreeMap<String, u64> {
    let mut counts = BTreeMap::new();
    for task in document["tasks"].as_array().into_iter().flatten() {
        for word in words(task) {
            let word = word.as_str().unwrap_or_default().to_owned();
            *counts.entry(word).or_default() += 1;
        }
    }
    counts
}
