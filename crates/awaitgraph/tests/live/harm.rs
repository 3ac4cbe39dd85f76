//! Nobody comes to harm: not the target of a reader that is killed, and not the
//! reader of a target that ends, becomes another program or cannot be stopped.

use std::io::{BufRead, BufReader, Result as IoResult, Write};
use std::net::TcpStream;
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use libtest_mimic::Trial;
use serde_json::json;

use crate::each::{self, Check};
use crate::pythons::{Python, Pythons};
use crate::scene::{self, Reading, Scene};
use crate::tracer::Tracer;
use crate::{awaitgraph, compare, filter, limited};

const LIMIT: Duration = Duration::from_secs(30);

#[rustfmt::skip]
const CHECKS: &[(&str, Check)] = &[
    ("a_reader_killed_at_any_moment_fails_no_request", killed_reader),
    ("a_target_that_exits_while_it_is_read_ends_the_reading", |python| ending_target(python, "exit")),
    ("a_target_that_becomes_another_program_ends_the_reading", |python| ending_target(python, "exec")),
    ("a_target_of_a_debugger_is_read_while_it_runs", traced_target),
    ("a_process_that_sleeps_is_neither_stopped_nor_woken", sleeping_target),
    ("where_ptrace_is_forbidden_the_target_is_read_while_it_runs", forbidden_ptrace),
    ("where_there_are_no_threads_the_target_is_read_while_it_runs", forbidden_threads),
];

pub(crate) fn trials(pythons: &Pythons) -> Vec<Trial> {
    each::python(pythons, CHECKS)
}

/// Kills a reader a hundred times while four clients are served.
fn killed_reader(python: &Python) -> Result<(), String> {
    const ROUNDS: u32 = 100;
    let mut scene = Scene::start(python, "serving.py", &[])?;
    let port = u16::try_from(scene.truth["port"].as_u64().unwrap_or(0)).unwrap();
    let (end, answered) = (
        Arc::new(AtomicBool::new(false)),
        Arc::new(AtomicUsize::new(0)),
    );
    let clients: Vec<_> = (0..4)
        .map(|client| {
            let (end, answered) = (Arc::clone(&end), Arc::clone(&answered));
            thread::spawn(move || requests(port, client, &end, &answered))
        })
        .collect();
    let started = Instant::now();
    scene::read(scene.pid, &[], LIMIT)?;
    let time = started.elapsed();
    for round in 0..ROUNDS {
        let mut reader = Command::new(awaitgraph())
            .args(["pstree", "--json", &scene.pid.to_string()])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .map_err(|error| error.to_string())?;
        // Not to wait for something, but to strike at every part of a reading.
        thread::sleep(time * round / ROUNDS);
        reader.kill().map_err(|error| error.to_string())?;
        reader.wait().map_err(|error| error.to_string())?;
        let before = answered.load(Ordering::Relaxed);
        let begin = Instant::now();
        while answered.load(Ordering::Relaxed) < before + 4 {
            if begin.elapsed() > LIMIT {
                return Err(format!("no more answers after round {round}"));
            }
            thread::yield_now();
        }
    }
    end.store(true, Ordering::Relaxed);
    for client in clients {
        client.join().unwrap()?;
    }
    scene.is_well()
}

/// Asks until it is told to end; every answer must be right.
fn requests(
    port: u16,
    client: u32,
    end: &AtomicBool,
    answered: &AtomicUsize,
) -> Result<(), String> {
    let asked = || -> std::io::Result<Option<String>> {
        let mut stream = TcpStream::connect(("127.0.0.1", port))?;
        stream.set_read_timeout(Some(LIMIT))?;
        let mut answers = BufReader::new(stream.try_clone()?);
        let mut number = 0;
        while !end.load(Ordering::Relaxed) {
            let word = format!("{client}-{number};");
            writeln!(stream, "{word}")?;
            let mut answer = String::new();
            answers.read_line(&mut answer)?;
            if answer != format!("{word}{word}\n") {
                return Ok(Some(format!("{word:?} was answered with {answer:?}")));
            }
            answered.fetch_add(1, Ordering::Relaxed);
            number += 1;
        }
        Ok(None)
    };
    match asked() {
        Ok(None) => Ok(()),
        Ok(Some(wrong)) => Err(wrong),
        Err(error) => Err(format!("a request failed: {error}")),
    }
}

/// The target ends or becomes another program at a dozen moments of a reading.
fn ending_target(python: &Python, how: &str) -> Result<(), String> {
    const ROUNDS: u32 = 12;
    let mut time = Duration::from_millis(20);
    for round in 0..ROUNDS {
        let mut scene = Scene::start(python, "becoming.py", &[])?;
        let pid = scene.pid;
        if round == 0 {
            let started = Instant::now();
            whole(&scene::read(pid, &[], LIMIT)?)?;
            time = started.elapsed();
        }
        let reader = thread::spawn(move || scene::read(pid, &[], LIMIT));
        // Not to wait for something, but to strike at every part of a reading.
        thread::sleep(time * round / ROUNDS);
        scene.tell(how)?;
        let reading = reader.join().unwrap()?;
        let is_told =
            reading.stderr.starts_with("awaitgraph: ") && !reading.stderr.contains("panicked");
        match reading.code {
            // All of it, or nothing of the other program.
            Some(0) if tasks(&reading) == 0 => {}
            Some(0) => whole(&reading)?,
            Some(1) if is_told && reading.stdout.is_empty() => {}
            Some(3) if is_told => {}
            _ => return Err(format!("round {round}: {reading:#?}")),
        }
        if how == "exec" && limited::thread_states(pid).contains(['T', 't']) {
            return Err(format!("round {round}: it was left stopped"));
        }
    }
    Ok(())
}

fn tasks(reading: &Reading) -> usize {
    reading.document["tasks"].as_array().map_or(0, Vec::len)
}

fn whole(reading: &Reading) -> Result<(), String> {
    compare::flawless(reading).result()?;
    match tasks(reading) {
        501 => Ok(()),
        tasks => Err(format!("{tasks} tasks of 501")),
    }
}

fn traced_target(python: &Python) -> Result<(), String> {
    let mut scene = Scene::start(python, "two_loops.py", &[])?;
    let tracer = Tracer::attach(scene.pid)?;
    let (pid, own) = (scene.pid, std::process::id());
    let name = std::fs::read_to_string(format!("/proc/{own}/comm")).unwrap_or_default();
    let why = format!(
        "process {pid} cannot be stopped: {} (process {own}) is debugging it",
        name.trim_end()
    );
    not_stopped(&scene, scene::read(pid, &[], LIMIT)?, &why)?;
    let reading = scene::read(scene.pid, &["--nonblocking"], LIMIT)?;
    compare::whole(&scene, &reading, false)?;
    drop(tracer);
    scene.is_well()
}

/// What is read of a process that sleeps is of one moment, though the kernel lets
/// none of its threads run.
fn sleeping_target(python: &Python) -> Result<(), String> {
    let mut scene = Scene::start(python, "two_loops.py", &[])?;
    let begin = Instant::now();
    loop {
        let before = runs(scene.pid)?;
        let reading = scene::read(scene.pid, &[], LIMIT)?;
        compare::whole(&scene, &reading, true)?;
        let paused = &reading.document["snapshot"]["paused_us"];
        let after = runs(scene.pid)?;
        // Until it has gone to sleep it is stopped.
        if before == after && *paused == 0 {
            break;
        }
        if begin.elapsed() > LIMIT {
            return Err(format!(
                "stopped for {paused} µs, woken: {before:?} {after:?}"
            ));
        }
    }
    scene.is_well()?;
    // One of which a thread runs is stopped.
    let mut scene = Scene::start(python, "two_loops.py", &["--awake=yes"])?;
    let reading = scene::read(scene.pid, &[], LIMIT)?;
    compare::whole(&scene, &reading, true)?;
    if reading.document["snapshot"]["paused_us"] == 0 {
        return Err("one that is awake was not stopped".to_owned());
    }
    scene.is_well()
}

/// How often each thread was let run.
fn runs(pid: u32) -> Result<Vec<String>, String> {
    let mut found = Vec::new();
    for thread in std::fs::read_dir(format!("/proc/{pid}/task")).map_err(|it| it.to_string())? {
        let path = thread.map_err(|it| it.to_string())?.path();
        let counts = std::fs::read_to_string(path.join("schedstat"));
        let counts = counts.map_err(|it| it.to_string())?;
        found.push(format!("{} {counts}", path.display()));
    }
    found.sort();
    Ok(found)
}

fn forbidden_ptrace(python: &Python) -> Result<(), String> {
    let mut scene = Scene::start(python, "two_loops.py", &["--awake=yes"])?;
    let why = format!("no permission to stop process {}", scene.pid);
    let reading = read_within(filter::forbid_ptrace, 1, &scene)?;
    not_stopped(&scene, reading, &why)?;
    scene.is_well()
}

fn forbidden_threads(python: &Python) -> Result<(), String> {
    let mut scene = Scene::start(python, "two_loops.py", &["--awake=yes"])?;
    let reading = read_within(filter::forbid_threads, 1, &scene)?;
    not_stopped(&scene, reading, "cannot start a thread")?;
    scene.is_well()?;
    // What sleeps need not be stopped, and so needs no thread, once it does.
    let mut scene = Scene::start(python, "two_loops.py", &[])?;
    let reading = read_within(filter::forbid_threads, 0, &scene)?;
    compare::whole(&scene, &reading, true)?;
    scene.is_well()
}

/// Reads the scene with this filter, again until there are so many problems: it may
/// not have come to rest yet, and is not stopped.
fn read_within(
    filter: fn() -> IoResult<()>,
    problems: usize,
    scene: &Scene,
) -> Result<Reading, String> {
    let begin = Instant::now();
    loop {
        let mut command = Command::new(awaitgraph());
        command.args(["pstree", "--json", &scene.pid.to_string()]);
        // SAFETY: between fork and exec only system calls are made.
        unsafe { command.pre_exec(filter) };
        let reading: Reading = limited::output(&mut command, LIMIT)?.into();
        let found = reading.document["problems"].as_array().map_or(0, Vec::len);
        if found == problems || begin.elapsed() > LIMIT {
            return Ok(reading);
        }
    }
}

/// That all was read, and one problem says that it could not be stopped, and why.
fn not_stopped(scene: &Scene, mut reading: Reading, why: &str) -> Result<(), String> {
    let problems = &reading.document["problems"];
    let told = problems[0]["what"].as_str().unwrap_or_default();
    let all_told = problems.as_array().map_or(0, Vec::len) == 1
        && problems[0]["where"] == "this snapshot"
        && told.starts_with(why)
        && told.contains("it was read while it ran");
    if reading.code != Some(3) || !all_told || !reading.stderr.contains(why) {
        return Err(format!("expected a problem, “{why} …”, got {reading:#?}"));
    }
    reading.code = Some(0);
    reading.stderr.clear();
    if let Some(problems) = reading.document.get_mut("problems") {
        *problems = json!([]);
    }
    compare::whole(scene, &reading, false)
}
