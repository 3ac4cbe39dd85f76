//! The reader beside CPython's own, and the program beside CPython's, each
//! time in turn and as a process of its own.

use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use serde::Deserialize;

use super::service::{CHURNING, EACH_WAITS, KINDS, Service, WAITING};
use crate::command;
use crate::version::Version;
use crate::workspace::{root, target_folder};

/// How many tasks there are, and how often they are read.
const SIZES: [(usize, usize); 4] = [(1_000, 21), (10_000, 15), (100_000, 7), (1_000_000, 3)];
/// The same for whole processes.
const WHOLE: [(usize, usize); 3] = [(10, 21), (1_000, 11), (10_000, 7)];
/// How many tasks wait for something of a kind, and how often they are read with
/// what that is and without.
const WAITS: (usize, usize) = (10_000, 15);
/// How many tasks come and go, and how often they are read.
const CHURN: (usize, usize) = (1_000, 300);

/// From so many tasks on a reading comes right after another one, which is not
/// counted. In a virtual machine, memory that its host has to find first costs
/// ten times as much as other memory: that would be most of a large reading, and
/// nothing of a small one, whose memory the one before it has just given back.
const LARGE: usize = 100_000;

/// CPython's own reader, timed inside of it; a line of JSON.
const THEIRS: &str = "
import _remote_debugging, json, sys, time
begin = time.perf_counter()
try:
    _remote_debugging.RemoteUnwinder(int(sys.argv[1])).get_all_awaited_by()
    print(json.dumps({'total_us': (time.perf_counter() - begin) * 1e6}))
except Exception as error:
    print(json.dumps({'error': str(error)}))
";

/// What `read` says of a reading.
#[derive(Deserialize)]
struct Ours {
    tasks: usize,
    problems: usize,
    total_us: f64,
    paused_us: f64,
    bytes_read: f64,
    peak_bytes: f64,
    tree_us: f64,
    table_us: f64,
    json_us: f64,
}

/// What CPython's own reader says.
#[derive(Deserialize)]
#[serde(untagged)]
enum Theirs {
    Read { total_us: f64 },
    Failed { error: String },
}

/// What is measured with.
pub(super) struct Programs {
    awaitgraph: PathBuf,
    read: PathBuf,
}

impl Programs {
    pub(super) fn build() -> Result<Self> {
        for what in [
            ["--package", "awaitgraph", "--bin", "awaitgraph"],
            ["--package", "awaitgraph-remote", "--example", "read"],
        ] {
            let build = ["build", "--release"];
            let mut cargo = Command::new("cargo");
            command::run(cargo.current_dir(root()?).args(build).args(what))?;
        }
        let release = target_folder()?.join("release");
        Ok(Self {
            awaitgraph: release.join("awaitgraph"),
            read: release.join("examples/read"),
        })
    }

    fn read(&self, pid: &str, options: &[&str]) -> Result<Ours> {
        let mut read = Command::new(&self.read);
        let said = command::output(read.arg(pid).args(options))?;
        Ok(serde_json::from_slice(&said)?)
    }
}

/// One reading by CPython's own reader.
fn theirs(python: &Path, pid: &str) -> Result<Theirs> {
    let mut reader = Command::new(python);
    let said = command::output(reader.args(["-c", THEIRS, pid]))?;
    Ok(serde_json::from_slice(&said)?)
}

/// Times the reading of targets of all sizes by each of the interpreters.
pub(super) fn readings(programs: &Programs, pythons: &[(Version, PathBuf)]) -> Result<String> {
    let mut table = String::from(
        "| target | tasks | read | a task | stopped for | copied, a task | peak memory, a task | tree, table, JSON | CPython's reader | ratio |\n\
         |---|---|---|---|---|---|---|---|---|---|\n",
    );
    for (version, python) in pythons {
        for (size, rounds) in SIZES {
            for how in ["at rest", "awake"] {
                let service = Service::start_with(python, WAITING, size, &[how])?;
                let target = format!("{version}, {how}");
                let row = reading(programs, version, &target, python, &service, (size, rounds))?;
                eprint!("{row}");
                table.push_str(&row);
            }
        }
    }
    Ok(table)
}

fn reading(
    programs: &Programs,
    version: &Version,
    target: &str,
    python: &Path,
    service: &Service,
    (size, rounds): (usize, usize),
) -> Result<String> {
    let pid = service.pid();
    let is_rival = version.minor >= 14;
    let (mut ours, mut rivals, mut ratios) = (Vec::new(), Vec::new(), Vec::new());
    let mut refusal = None;
    for _ in 0..rounds {
        if size >= LARGE {
            programs.read(&pid, &[])?;
        }
        let read = programs.read(&pid, &[])?;
        ensure!(
            read.tasks == size,
            "{} tasks of {size} were read",
            read.tasks
        );
        ensure!(read.problems == 0, "{} problems", read.problems);
        if is_rival && refusal.is_none() {
            match theirs(python, &pid)? {
                Theirs::Read { total_us } => {
                    ratios.push(total_us / read.total_us);
                    rivals.push(total_us);
                }
                Theirs::Failed { error } => refusal = Some(error),
            }
        }
        ours.push(read);
    }
    let figure = |of: fn(&Ours) -> f64| median(ours.iter().map(of).collect());
    let tasks = size as f64;
    let (total, paused) = (figure(|it| it.total_us), figure(|it| it.paused_us));
    let rival = match refusal {
        Some(error) => format!("fails: {error}"),
        None if rivals.is_empty() => "cannot".to_owned(),
        None => millis(median(rivals)),
    };
    let ratio = match ratios.is_empty() {
        true => "–".to_owned(),
        false => format!("{:.1}", median(ratios)),
    };
    Ok(format!(
        "| {target} | {} | {} | {:.2} µs | {} ({:.0} %) | {:.0} B | {:.0} B | {}, {}, {} | {rival} | {ratio} |\n",
        thousands(size),
        millis(total),
        total / tasks,
        millis(paused),
        100.0 * paused / total,
        figure(|it| it.bytes_read) / tasks,
        figure(|it| it.peak_bytes) / tasks,
        millis(figure(|it| it.tree_us)),
        millis(figure(|it| it.table_us)),
        millis(figure(|it| it.json_us)),
    ))
}

/// What it costs to find out what tasks wait for that wait for no task.
pub(super) fn waits(programs: &Programs, pythons: &[(Version, PathBuf)]) -> Result<String> {
    let (size, rounds) = WAITS;
    let mut table = format!(
        "{} tasks, each of which waits for:\n\n\
         | | target | read | without that | more |\n|---|---|---|---|---|\n",
        thousands(size)
    );
    for kind in KINDS {
        for (version, python) in pythons {
            let service = Service::start_with(python, EACH_WAITS, size, &[kind])?;
            let pid = service.pid();
            let (mut with, mut without, mut ratios) = (Vec::new(), Vec::new(), Vec::new());
            for _ in 0..rounds {
                let read = programs.read(&pid, &[])?;
                let less = programs.read(&pid, &["--tasks-only"])?;
                ensure!(read.problems + less.problems == 0, "there are problems");
                ratios.push(read.total_us / less.total_us);
                with.push(read.total_us);
                without.push(less.total_us);
            }
            let row = format!(
                "| {kind} | {version} | {} | {} | {:.0} % |\n",
                millis(median(with)),
                millis(median(without)),
                100.0 * (median(ratios) - 1.0),
            );
            eprint!("{row}");
            table.push_str(&row);
        }
    }
    Ok(table)
}

/// How many readings of a target that never rests are clean.
pub(super) fn churn(programs: &Programs, pythons: &[(Version, PathBuf)]) -> Result<String> {
    let (size, rounds) = CHURN;
    let mut table = format!(
        "Of {rounds} readings of {} tasks that live 1 to 10 ms:\n\n\
         | target | stopped, without a problem | running, without a problem | CPython's reader, without an error |\n\
         |---|---|---|---|\n",
        thousands(size)
    );
    for (version, python) in pythons {
        let service = Service::start(python, CHURNING, size)?;
        let pid = service.pid();
        let mut clean = [0; 3];
        for _ in 0..rounds {
            for (count, options) in clean.iter_mut().zip([&[][..], &["--nonblocking"]]) {
                let read = programs.read(&pid, options)?;
                *count += usize::from(read.problems == 0);
            }
            if version.minor >= 14 {
                let answer = theirs(python, &pid)?;
                let [.., count] = &mut clean;
                *count += usize::from(matches!(answer, Theirs::Read { .. }));
            }
        }
        let [stopped, running, rival] = clean;
        let rival = match version.minor {
            14.. => rival.to_string(),
            _ => "cannot".to_owned(),
        };
        let row = format!("| {version} | {stopped} | {running} | {rival} |\n");
        eprint!("{row}");
        table.push_str(&row);
    }
    Ok(table)
}

/// Times `pstree` of both, from start to end.
pub(super) fn whole(programs: &Programs, version: &Version, python: &Path) -> Result<String> {
    let mut table = format!(
        "| tasks | awaitgraph pstree | python{}.{} -m asyncio pstree | ratio (least, most) |\n|---|---|---|---|\n",
        version.major, version.minor
    );
    for (size, rounds) in WHOLE {
        let service = Service::start(python, WAITING, size)?;
        let pid = service.pid();
        let ours = || time(Command::new(&programs.awaitgraph).args(["pstree", &pid]));
        let theirs = || time(Command::new(python).args(["-m", "asyncio", "pstree", &pid]));
        // Both programs are in memory from here on.
        ours()?;
        theirs()?;
        let mut pairs = Vec::new();
        for _ in 0..rounds {
            pairs.push((ours()?, theirs()?));
        }
        let column = |of: fn(&(Duration, Duration)) -> f64| pairs.iter().map(of).collect();
        let ratios: Vec<f64> = column(|(ours, theirs)| theirs.div_duration_f64(*ours));
        let least = ratios.iter().copied().fold(f64::INFINITY, f64::min);
        let most = ratios.iter().copied().fold(0.0, f64::max);
        let row = &mut String::new();
        writeln!(
            row,
            "| {} | {} | {} | {:.1} ({least:.1}, {most:.1}) |",
            thousands(size),
            millis(median(column(|pair| pair.0.as_secs_f64() * 1e6))),
            millis(median(column(|pair| pair.1.as_secs_f64() * 1e6))),
            median(ratios),
        )?;
        eprint!("{row}");
        table.push_str(row);
    }
    Ok(table)
}

/// How long the command takes, whose output is thrown away.
fn time(command: &mut Command) -> Result<Duration> {
    let begin = Instant::now();
    let status = command.stdout(Stdio::null()).status()?;
    let time = begin.elapsed();
    ensure!(status.success(), "{} failed", command::shown(command));
    Ok(time)
}

fn median(mut numbers: Vec<f64>) -> f64 {
    numbers.sort_by(f64::total_cmp);
    numbers.get(numbers.len() / 2).copied().unwrap_or(f64::NAN)
}

/// Microseconds, as milliseconds to three digits.
fn millis(micros: f64) -> String {
    let millis = micros / 1e3;
    let decimals = match millis {
        ..10.0 => 2,
        10.0..100.0 => 1,
        _ => 0,
    };
    format!("{millis:.decimals$} ms")
}

/// `1,000,000`.
fn thousands(number: usize) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_easy_to_read() {
        assert_eq!(thousands(10), "10");
        assert_eq!(thousands(1_000_000), "1,000,000");
        assert_eq!(millis(1_234.0), "1.23 ms");
        assert_eq!(millis(43_210.0), "43.2 ms");
        assert_eq!(millis(654_321.0), "654 ms");
        assert_eq!(median(vec![3.0, 1.0, 2.0]), 2.0);
    }
}
