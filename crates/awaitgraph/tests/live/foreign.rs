//! Stacks that go on where CPython's own coroutines end, in what others have
//! written in C.

use std::process::Command;
use std::time::Duration;

use libtest_mimic::{Failed, Trial};

use crate::each::{self, Check};
use crate::pythons::{Python, Pythons};
use crate::scene::{self, Scene};
use crate::temporary::TemporaryFolder;
use crate::{compare, limited};

const LIMIT: Duration = Duration::from_secs(60);

const CHECKS: &[(&str, Check)] = &[(
    "a_greenlet_of_an_unknown_kind_is_a_problem",
    unknown_greenlets,
)];

/// Where an interpreter has the headers that its extensions are compiled with.
const HEADERS: &str = "import os, sysconfig
folder = sysconfig.get_path('include')
print(folder if os.path.isfile(os.path.join(folder, 'Python.h')) else '', end='')";

pub(crate) fn trials(pythons: &Pythons) -> Vec<Trial> {
    let mut trials = each::python(pythons, CHECKS);
    let has_compiler = Command::new("cc").arg("--version").output().is_ok();
    if !has_compiler {
        let what = "coroutines of Cython: there is no cc";
        pythons.gaps().add(what.to_owned());
    }
    for python in pythons.interpreters.iter().filter(|_| has_compiler) {
        let sentence = "coroutines_of_cython_are_shown";
        let Some(cython) = pythons.with_module(python, "cython") else {
            continue;
        };
        let Some(headers) = headers(python) else {
            let version = &python.version;
            let gap = format!("{sentence} on CPython {version}: it has no headers (Python.h)");
            pythons.gaps().add(gap);
            continue;
        };
        let name = format!("{sentence}::{}", python.version);
        let cython = cython.clone();
        trials.push(crate::outcome::trial(name.clone(), move || {
            let name = format!("awaitgraph-{}-{name}", std::process::id());
            let folder = TemporaryFolder::new(&name.replace("::", "-"));
            compiled(&cython, &headers, &folder).map_err(Failed::from)
        }));
    }
    trials
}

fn headers(python: &Python) -> Option<String> {
    let mut command = Command::new(&python.path);
    let output = command.args(["-I", "-c", HEADERS]).output().ok()?;
    String::from_utf8(output.stdout)
        .ok()
        .filter(|it| !it.is_empty())
}

/// That coroutines that Cython has compiled have their places in the stacks.
fn compiled(python: &Python, headers: &str, folder: &TemporaryFolder) -> Result<(), String> {
    let source = scene::folder().join("compiled.pyx");
    let in_c = folder.0.join("compiled.c");
    let mut cython = Command::new(&python.path);
    cython.args(["-m", "cython", "-3"]).arg(source);
    limited::succeeds(cython.arg("-o").arg(&in_c))?;
    let mut cc = Command::new("cc");
    cc.args(["-shared", "-fPIC", "-O1", "-w"])
        .arg(format!("-I{headers}"));
    limited::succeeds(cc.arg(in_c).arg("-o").arg(folder.0.join("compiled.so")))?;
    let argument = format!("--compiled={}", folder.0.display());
    for options in [&[][..], &["--nonblocking"]] {
        let scene = Scene::start(python, "compiled.py", &[&argument])?;
        let reading = scene::read(scene.pid, options, LIMIT)?;
        compare::whole(&scene, &reading, options.is_empty())?;
    }
    Ok(())
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
