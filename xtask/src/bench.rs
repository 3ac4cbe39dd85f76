//! `cargo xtask bench`: how fast we are, each time beside the standard
//! library's own, in one run, since these machines are never alone.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};

use crate::command;
use crate::pythons::{self, Fetching};
use crate::test::environment::{self, Environment};
use crate::test::report::Report;
use crate::wheel;
use crate::workspace::{root, target_folder};

/// The newest minor version, whose standard library is the fastest to compare with.
const MINOR: u32 = 15;
/// How many pairs of runs a comparison takes.
const PAIRS: usize = 15;
/// How large the services are that are looked at from outside.
const SIZES: [usize; 3] = [10, 1_000, 10_000];

/// A service of so many tasks, that says when it stands.
const SERVICE: &str = "
import asyncio, sys
async def leaf(event):
    await event.wait()
async def main(size):
    event = asyncio.Event()
    tasks = [asyncio.ensure_future(leaf(event)) for _ in range(size - 1)]
    loop = asyncio.get_running_loop()
    # By then each has taken its first step.
    loop.call_soon(loop.call_soon, lambda: print('ready', flush=True))
    await asyncio.gather(*tasks)
asyncio.run(main(int(sys.argv[1])))
";

/// Runs the command.
pub(crate) fn command(options: &[String]) -> Result<()> {
    if let Some(unknown) = options.first() {
        bail!("no such option of bench: {unknown}");
    }
    let found = pythons::find(Fetching::Allowed)?;
    let chosen = pythons::one_of_each_minor(&found);
    let newest = chosen.iter().find(|it| it.version.minor == MINOR);
    let newest = newest.with_context(|| format!("this needs CPython 3.{MINOR}"))?;
    let environments = environment::prepare(&[newest], &mut Report::default())?;
    let environment = environments.first().context("no environment was made")?;

    from_inside(environment)?;
    from_outside(&environment.python())
}

/// The Python package beside `asyncio`, in one process.
fn from_inside(environment: &Environment) -> Result<()> {
    let python = environment.python();
    let pips = [python.as_path()];
    let wheel = wheel::build(&python, &pips)?;
    let wheel = wheel.to_str().context("the wheel's path is not UTF-8")?;
    environment.install(
        &pips,
        &["--no-index", "--no-deps", "--force-reinstall", wheel],
    )?;
    let script = root()?.join("crates/awaitgraph-py/benches/call_graph.py");
    let status = environment.command()?.arg("-B").arg(script).status()?;
    ensure!(status.success(), "the comparison ended with {status}");
    Ok(())
}

/// The program beside `python -m asyncio pstree`, as whole processes in turn.
fn from_outside(python: &Path) -> Result<()> {
    let program = program()?;
    println!("\nwhole processes: awaitgraph pstree, python -m asyncio pstree, ratio in turn");
    for size in SIZES {
        let service = Service::start(python, size)?;
        let pid = service.child.id().to_string();
        let ours = || time(Command::new(&program).args(["pstree", &pid]));
        let theirs = || time(Command::new(python).args(["-m", "asyncio", "pstree", &pid]));
        ours()?;
        theirs()?;
        let mut pairs = Vec::new();
        for _ in 0..PAIRS {
            pairs.push((ours()?, theirs()?));
        }
        let ratios = sorted(
            pairs
                .iter()
                .map(|(fast, slow)| slow.div_duration_f64(*fast)),
        );
        let median = |column: Vec<f64>| column.get(column.len() / 2).copied().unwrap_or(0.0);
        let millis = |time: Duration| time.as_secs_f64() * 1e3;
        println!(
            "{size:>6} tasks {:24} {:9.2} ms {:9.2} ms   {:5.1} times as fast ({:.1} to {:.1})",
            "",
            median(sorted(pairs.iter().map(|pair| millis(pair.0)))),
            median(sorted(pairs.iter().map(|pair| millis(pair.1)))),
            median(ratios.clone()),
            ratios.first().copied().unwrap_or(0.0),
            ratios.last().copied().unwrap_or(0.0),
        );
    }
    Ok(())
}

fn program() -> Result<PathBuf> {
    let build = ["build", "--release", "--package", "awaitgraph"];
    command::run(Command::new("cargo").current_dir(root()?).args(build))?;
    Ok(target_folder()?.join("release/awaitgraph"))
}

/// How long the command takes, whose output is thrown away.
fn time(command: &mut Command) -> Result<Duration> {
    let begin = Instant::now();
    let status = command.stdout(Stdio::null()).status()?;
    ensure!(status.success(), "{command:?} failed");
    Ok(begin.elapsed())
}

fn sorted(numbers: impl Iterator<Item = f64>) -> Vec<f64> {
    let mut numbers: Vec<f64> = numbers.collect();
    numbers.sort_by(f64::total_cmp);
    numbers
}

/// A process to look at; it ends when this is dropped.
struct Service {
    child: Child,
}

impl Service {
    fn start(python: &Path, size: usize) -> Result<Self> {
        let child = Command::new(python)
            .args(["-c", SERVICE, &size.to_string()])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()?;
        let mut service = Self { child };
        let stdout = service
            .child
            .stdout
            .take()
            .context("the service has no output")?;
        let mut ready = String::new();
        BufReader::new(stdout).read_line(&mut ready)?;
        ensure!(ready.starts_with("ready"), "the service did not start");
        Ok(service)
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
