//! Truth and reading, side by side.
//!
//! Every difference is a line or a few, in the order of the document; an empty
//! list means that the two are the same in all that a scene can know.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

use serde_json::Value;

use crate::scene::{Reading, Scene};

/// A failing test shows this many differences.
const SHOWN: usize = 12;

/// `Ok` where the reading says exactly what the scene knows.
///
/// # Errors
///
/// The differences, as text.
pub(crate) fn whole(scene: &Scene, reading: &Reading, consistent: bool) -> Result<(), String> {
    let mut differences = flawless(reading);
    let (truth, got) = (&scene.truth, &reading.document);
    differences.field("target.pid", &truth["pid"], &got["target"]["pid"]);
    differences.field("target.python", &truth["python"], &got["target"]["python"]);
    differences.field(
        "target.free_threaded",
        &truth["free_threaded"],
        &got["target"]["free_threaded"],
    );
    differences.field(
        "target.executable",
        &truth["executable"],
        &got["target"]["executable"],
    );
    differences.field(
        "snapshot.consistent",
        &Value::Bool(consistent),
        &got["snapshot"]["consistent"],
    );
    let labels = Labels::new(truth);
    tasks(truth, got, &labels, &mut differences);
    threads(truth, got, &labels, &mut differences);
    differences.result()
}

/// What every reading of a healthy process must be: whole, and without a complaint.
pub(crate) fn flawless(reading: &Reading) -> Differences {
    let mut differences = Differences::default();
    if reading.code != Some(0) || !reading.stderr.is_empty() {
        differences.push(format!(
            "exit code {:?}, stderr:\n{}",
            reading.code, reading.stderr
        ));
    }
    let problems = reading.document["problems"].as_array();
    for problem in problems.unwrap_or(&Vec::new()) {
        differences.push(format!("a problem: {problem}"));
    }
    if reading.document.is_null() {
        differences.push(format!("stdout is no document:\n{}", reading.stdout));
    }
    differences
}

/// What is different, so far.
#[derive(Debug, Default)]
pub(crate) struct Differences(Vec<String>);

impl Differences {
    pub(crate) fn push(&mut self, difference: String) {
        self.0.push(difference);
    }

    fn field(&mut self, what: &str, expected: &Value, got: &Value) {
        if expected != got {
            self.push(format!("{what}: expected {expected}, got {got}"));
        }
    }

    fn block(&mut self, what: &str, expected: &[String], got: &[String]) {
        if expected != got {
            let mut text = format!("{what}:");
            for (title, lines) in [("expected", expected), ("got", got)] {
                let _ = write!(text, "\n    {title}:");
                for line in lines {
                    let _ = write!(text, "\n      {line}");
                }
            }
            self.push(text);
        }
    }

    /// `Ok` where there are none.
    pub(crate) fn result(self) -> Result<(), String> {
        if self.0.is_empty() {
            return Ok(());
        }
        let mut text = self.0.iter().take(SHOWN).fold(String::new(), |text, line| {
            text + "  " + &line.replace('\n', "\n  ") + "\n"
        });
        if let Some(more) = self.0.len().checked_sub(SHOWN).filter(|more| *more > 0) {
            let _ = writeln!(text, "  … and {more} more differences");
        }
        Err(text)
    }
}

/// The scene's own words for its tasks.
struct Labels(BTreeMap<String, String>);

impl Labels {
    fn new(truth: &Value) -> Self {
        let labels = truth["labels"].as_object();
        Self(
            labels
                .into_iter()
                .flatten()
                .map(|(label, id)| (id.as_str().unwrap_or_default().to_owned(), label.clone()))
                .collect(),
        )
    }

    fn of(&self, id: &Value) -> String {
        let id = id.as_str().unwrap_or("no id");
        match self.0.get(id) {
            Some(label) => format!("“{label}”"),
            None => id.to_owned(),
        }
    }
}

fn by_id(document: &Value) -> BTreeMap<&str, &Value> {
    let tasks = document["tasks"].as_array();
    tasks
        .into_iter()
        .flatten()
        .map(|task| (task["id"].as_str().unwrap_or_default(), task))
        .collect()
}

fn tasks(truth: &Value, got: &Value, labels: &Labels, differences: &mut Differences) {
    let (expected, found) = (by_id(truth), by_id(got));
    let listed = got["tasks"].as_array().map_or(0, Vec::len);
    if listed != found.len() {
        differences.push(format!("{listed} tasks, {} different ones", found.len()));
    }
    for (id, task) in &found {
        if !expected.contains_key(id) {
            differences.push(format!("a task that is not there: {task}"));
        }
    }
    for (id, task) in expected {
        let label = labels.of(&task["id"]);
        let what = format!("task {label} {}", task["name"]);
        let Some(read) = found.get(id) else {
            differences.push(format!("{what} is missing"));
            continue;
        };
        for key in ["name", "state", "interpreter", "thread", "cancelling"] {
            differences.field(&format!("{what}, {key}"), &task[key], &read[key]);
        }
        differences.block(
            &format!("{what}, stack"),
            &stack(&task["stack"]),
            &stack(&read["stack"]),
        );
        let declared = |id: &Value, how: &Value| {
            let edges = task["awaited_by"].as_array();
            let same = |edge: &&Value| edge["id"] == *id && edge["how"] == *how;
            edges.is_some_and(|edges| {
                edges
                    .iter()
                    .find(same)
                    .is_some_and(|it| it["via"].is_array())
            })
        };
        let edges = |task: &Value| -> Vec<String> {
            let edges = task["awaited_by"].as_array();
            let mut edges: Vec<String> = edges
                .into_iter()
                .flatten()
                .map(|edge| {
                    let (id, how) = (&edge["id"], &edge["how"]);
                    // Few scenes know the futures on the way.
                    let via = declared(id, how).then(|| format!(" via {}", edge["via"]));
                    format!("{} by {how}{}", labels.of(id), via.unwrap_or_default())
                })
                .collect();
            edges.sort();
            edges
        };
        differences.block(&format!("{what}, awaited by"), &edges(task), &edges(read));
        waits_for(
            &format!("{what}, limit"),
            truth,
            &task["limit"],
            read,
            differences,
        );
        if task["waits_for"].is_object() {
            let what = format!("{what}, waits for");
            waits_for(
                &what,
                truth,
                &task["waits_for"],
                &read["waits_for"],
                differences,
            );
        }
    }
}

/// How far off a time may be: a scene tells the moment, and so many seconds
/// before it was read.
const SECONDS: f64 = 0.1;

/// What a task waits for, as far as the scene tells it: a key that it gives as
/// `null` must not be there.
fn waits_for(
    what: &str,
    truth: &Value,
    expected: &Value,
    got: &Value,
    differences: &mut Differences,
) {
    for (key, expected) in expected.as_object().into_iter().flatten() {
        let found = &got[key];
        let is_same = match key.as_str() {
            // The moment by the clock that scene and reader share.
            "left" | "deadline" if !expected.is_null() => {
                let left = expected.as_f64().unwrap_or(f64::NAN) - now();
                // It was read some time before now, at most since it was told.
                let since = now() - truth["monotonic"].as_f64().unwrap_or(f64::NAN);
                let found = found.as_f64().unwrap_or(f64::NAN);
                (left - SECONDS..=left + since + SECONDS).contains(&found)
            }
            "holders" | "others" => {
                let ids = |value: &Value| -> BTreeSet<String> {
                    let ids = value.as_array().into_iter().flatten();
                    ids.map(ToString::to_string).collect()
                };
                ids(expected) == ids(found)
            }
            // As many frames as the scene tells, from the innermost one on.
            "stack" => {
                let names = |value: &Value| -> Vec<String> {
                    let frames = value.as_array().into_iter().flatten();
                    let name = |frame: &Value| match frame.as_str() {
                        Some(name) => name.to_owned(),
                        None => {
                            let name = frame["function"].as_str().unwrap_or_default();
                            name.rsplit('.').next().unwrap_or_default().to_owned()
                        }
                    };
                    frames.map(name).collect()
                };
                names(found).starts_with(&names(expected))
            }
            _ => expected == found,
        };
        if !is_same {
            differences.push(format!("{what}, {key}: expected {expected}, got {got}"));
        }
    }
}

/// What `time.monotonic()` of a scene is now.
fn now() -> f64 {
    let mut now = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    // SAFETY: the kernel writes to `now` only.
    unsafe { libc::clock_gettime(libc::CLOCK_MONOTONIC, &raw mut now) };
    now.tv_sec as f64 + now.tv_nsec as f64 / 1e9
}

fn stack(frames: &Value) -> Vec<String> {
    let frames = frames.as_array();
    frames
        .into_iter()
        .flatten()
        .map(|frame| {
            format!(
                "{} {} {}:{}",
                frame["kind"], frame["function"], frame["file"], frame["line"]
            )
        })
        .collect()
}

fn threads(truth: &Value, got: &Value, labels: &Labels, differences: &mut Differences) {
    let key = |thread: &Value| (thread["interpreter"].as_i64(), thread["thread"].as_u64());
    let list = |document: &Value| -> BTreeMap<_, Value> {
        let threads = document["threads"].as_array();
        threads
            .into_iter()
            .flatten()
            .map(|thread| (key(thread), thread.clone()))
            .collect()
    };
    let (expected, found) = (list(truth), list(got));
    let keys: BTreeSet<_> = expected.keys().chain(found.keys()).collect();
    for key in keys {
        let what = format!("thread {key:?}");
        match (expected.get(key), found.get(key)) {
            (Some(thread), Some(read)) => {
                differences.field(
                    &format!("{what}, running"),
                    &labels.of(&thread["running"]).into(),
                    &labels.of(&read["running"]).into(),
                );
                differences.block(
                    &format!("{what}, stack"),
                    &stack(&thread["stack"]),
                    &stack(&read["stack"]),
                );
            }
            (Some(_), None) => differences.push(format!("{what} is missing")),
            (None, _) => differences.push(format!("{what} runs no loop, but is listed")),
        }
    }
}
