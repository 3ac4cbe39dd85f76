//! A loop that never rests, read again and again: nothing may be wrong in any
//! reading. The names of the tasks tell what is true of them.

use std::collections::HashSet;

use awaitgraph_model::{Graph, How, Task, TaskState};
use awaitgraph_remote::{Stop, snapshot};
use libtest_mimic::{Failed, Trial};

use crate::pythons::{Python, Pythons};
use crate::scene::Scene;

/// The versions that differ in where tasks and frames are, read this often; the others less.
const OFTEN: (usize, [&str; 5]) = (1_000, ["3.8.", "3.11.", "3.13.", "3.14.", "3.15."]);
const SELDOM: usize = 100;
/// Without a stop each reading is several.
const RUNNING: usize = 20;

pub(crate) fn trials(pythons: &Pythons) -> Vec<Trial> {
    let mut trials = Vec::new();
    for python in &pythons.interpreters {
        for (sentence, stop, loops) in [
            ("a_loop_that_never_rests_is_read_truly", Stop::Pause, 1),
            (
                "a_loop_that_runs_on_is_read_truly_but_for_what_is_told",
                Stop::Nonblocking,
                1,
            ),
            ("loops_that_never_rest_are_read_truly", Stop::Pause, 3),
            (
                "loops_that_run_on_are_read_truly_but_for_what_is_told",
                Stop::Nonblocking,
                3,
            ),
        ] {
            // With the GIL several loops are one that takes more turns.
            if loops > 1 && !python.is_free_threaded() {
                continue;
            }
            let python = python.clone();
            let name = format!("{sentence}::{}", python.version);
            trials.push(crate::outcome::trial(name, move || {
                never_rests(&python, stop, loops).map_err(Failed::from)
            }));
        }
    }
    trials
}

fn never_rests(python: &Python, stop: Stop, loops: u32) -> Result<(), String> {
    let loops = format!("--loops={loops}");
    let mut scene = Scene::start(python, "groups_of_workers.py", &[&loops])?;
    let (often, versions) = OFTEN;
    let is_often = versions.iter().any(|it| python.version.starts_with(it));
    let is_often = is_often && !python.is_free_threaded();
    let rounds = match stop {
        Stop::Pause if is_often => often,
        Stop::Pause => SELDOM,
        Stop::Nonblocking => RUNNING,
    };
    let (mut flawed, mut told, mut seen) = (0, 0, 0);
    // Without a stop, memory that was given back and taken again in the meantime
    // may look as if it had never changed: rare, and all the same not ruled out.
    let mut wrong = 0;
    for round in 0..rounds {
        let in_round = |error: String| format!("reading {round}: {error}");
        let graph = snapshot(scene.pid, stop).map_err(|error| in_round(error.to_string()))?;
        if graph.snapshot.consistent != (stop == Stop::Pause) {
            return Err(in_round(format!("{:?}", graph.snapshot)));
        }
        flawed += usize::from(!graph.problems.is_empty());
        told += graph.problems.len();
        seen += graph.tasks.len();
        if graph.problems.iter().any(|it| it.location == "this list") {
            // Too many to be listed: it does not tell which tasks are right.
            continue;
        }
        if let Err(error) = all_true(&graph) {
            wrong += 1;
            if stop == Stop::Pause || wrong > rounds / 4 {
                return Err(in_round(error));
            }
        }
    }
    // What is stopped halfway through the creation of a task has that one task
    // left out. Of what runs on, as much is told as this machine is busy.
    if stop == Stop::Pause && (flawed > rounds / 10 || seen < rounds * 600) {
        return Err(format!(
            "{flawed} of {rounds} readings with {told} problems; {seen} tasks"
        ));
    }
    if seen == 0 {
        return Err("nothing was seen".to_owned());
    }
    scene.is_well()
}

/// That every task that no problem is told of is what its name says.
fn all_true(graph: &Graph) -> Result<(), String> {
    let told: HashSet<&str> = graph
        .problems
        .iter()
        .map(|it| it.location.as_str())
        .collect();
    let is_told = |task: &Task| {
        let id = task.id;
        told.contains(format!("task {id:#x}").as_str())
            || told.contains(format!("who waits for task {id:#x}").as_str())
    };
    let waiting: HashSet<&str> = (graph.tasks.iter())
        .filter(|task| task.state == TaskState::Waiting)
        .map(|task| task.name.as_str())
        .collect();
    let mut names = HashSet::new();
    for task in &graph.tasks {
        if is_told(task) {
            continue;
        }
        if !names.insert(&task.name) {
            return Err(format!("two tasks are {}", task.name));
        }
        is_true(graph, task, &waiting)
            .map_err(|error| format!("{error}: {task:#?}\n{:#?}", graph.problems))?;
    }
    Ok(())
}

fn is_true(graph: &Graph, task: &Task, waiting: &HashSet<&str>) -> Result<(), String> {
    let functions: Vec<&str> = (task.stack.iter())
        .filter_map(|frame| Some(graph.code(frame)?.function.as_str()))
        .collect();
    let outermost = functions.last().copied();
    let awaiters = (task.awaited_by.iter())
        .filter_map(|awaiter| Some((graph.task(awaiter.task)?, awaiter.how)));
    let Some((group, worker)) = task.name.split_once(", worker ") else {
        let function = task.name.split(' ').next().unwrap_or_default();
        if task.state == TaskState::Waiting && outermost != Some(function) {
            return Err(format!("not the stack of {function}"));
        }
        return match awaiters
            .into_iter()
            .find(|(by, _)| !by.name.starts_with("main "))
        {
            Some((by, _)) => Err(format!("{} is awaited by {}", task.name, by.name)),
            None => Ok(()),
        };
    };
    let how = match group.ends_with("gather") {
        true => How::Gather,
        false => How::Wait,
    };
    let mut is_awaited = false;
    for (by, by_how) in awaiters {
        is_awaited = true;
        // 3.14 and later record it by itself, too.
        if by.name != group || (by_how != how && by_how != How::Recorded) {
            return Err(format!(
                "{} is awaited by {} ({by_how:?})",
                task.name, by.name
            ));
        }
    }
    if waiting.contains(group) && !is_awaited {
        return Err(format!("{} is not awaited by anybody", task.name));
    }
    if task.state == TaskState::Waiting {
        let depth = worker.rsplit(' ').next().unwrap_or_default();
        let steps = functions.iter().filter(|it| **it == "step").count();
        if outermost != Some("worker") || depth != steps.saturating_sub(1).to_string() {
            return Err(format!(
                "not the stack of a worker {depth} deep: {functions:?}"
            ));
        }
    }
    Ok(())
}
