//! Stacks that go on where CPython's own coroutines end, in what others have
//! written in C.

use std::time::Duration;

use libtest_mimic::Trial;

use crate::compare;
use crate::each::{self, Check};
use crate::pythons::{Python, Pythons};
use crate::scene::{self, Scene};

const LIMIT: Duration = Duration::from_secs(60);

const CHECKS: &[(&str, Check)] = &[(
    "a_greenlet_of_an_unknown_kind_is_a_problem",
    unknown_greenlets,
)];

pub(crate) fn trials(pythons: &Pythons) -> Vec<Trial> {
    each::python(pythons, CHECKS)
}

/// That each is named as one whose frames are missing, and all else is read.
fn unknown_greenlets(python: &Python) -> Result<(), String> {
    let scene = Scene::start(python, "greenlet_unknown.py", &[])?;
    let mut reading = scene::read(scene.pid, &[], LIMIT)?;
    let mut expected = Vec::new();
    for (label, what) in [
        ("no fields", "a greenlet of a version that is not known"),
        ("many fields", "a greenlet of a version that is not known"),
        ("no frame", "a greenlet in which the frame is not where"),
    ] {
        let task = scene.truth["labels"][label].as_str().unwrap_or_default();
        expected.push((format!("task {task}"), what));
    }
    let problems = reading.document["problems"].as_array().cloned();
    let problems = problems.unwrap_or_default();
    for (task, what) in &expected {
        let is_it = |problem: &serde_json::Value| {
            let says = problem["what"].as_str().unwrap_or_default();
            problem["where"] == **task && says.starts_with(what)
        };
        if !problems.iter().any(is_it) || !reading.stderr.contains(&format!("{task}: {what}")) {
            return Err(format!("not said: {task}: {what}\n{reading:#?}"));
        }
    }
    if problems.len() != expected.len() || reading.code != Some(3) {
        return Err(format!("{reading:#?}"));
    }
    reading.document["problems"] = serde_json::Value::Array(Vec::new());
    reading.code = Some(0);
    reading.stderr.clear();
    compare::whole(&scene, &reading, true)
}
