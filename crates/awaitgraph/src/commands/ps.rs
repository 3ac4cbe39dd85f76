//! `awaitgraph ps` and `awaitgraph ps PID`

use awaitgraph_model::Graph;
use awaitgraph_model::questions::StateCounts;
use awaitgraph_model::render::{
    ProcessRow, TableOptions, UnreadProcess, processes_json, processes_table,
};
use awaitgraph_remote::{Error, Stop};

use crate::arguments::{Format, Ps};
use crate::exit::ExitCode;
use crate::progress::Progress;
use crate::report::counted;
use crate::stream::Stream;
use crate::{report, show};

pub(crate) fn run(
    arguments: &Ps,
    out: &mut Stream<'_>,
    err: &mut Stream<'_>,
) -> anyhow::Result<ExitCode> {
    let format = arguments.output.format();
    let Some(target) = arguments.target() else {
        return list(format, out, err);
    };
    let graph = target.read(err)?;
    let shown = arguments.shown();
    match arguments.by() {
        Some(by) => show::tasks_by(&graph, by, &shown, format, out, err),
        None => show::graph(&graph, &shown, format, out, err),
    }
}

/// Lists the processes that run asyncio.
fn list(format: Format, out: &mut Stream<'_>, err: &mut Stream<'_>) -> anyhow::Result<ExitCode> {
    let mut found = Found::default();
    let pids = awaitgraph_remote::processes()?;
    let mut progress = Progress::new(err);
    for (done, &pid) in pids.iter().enumerate() {
        progress.step(format_args!("{done} of {} processes", pids.len()));
        found.look_at(pid);
    }
    progress.end();

    let options = TableOptions {
        color: out.color(),
        width: out.width(),
    };
    out.write(|text| match format {
        Format::Json => processes_json(&found.processes, &found.unread, text),
        _ => processes_table(&found.processes, &options, text),
    })?;
    if found.processes.is_empty() && found.unread.is_empty() {
        report::say(err, format_args!("no process here runs asyncio"));
    }
    Ok(found.report(err))
}

/// What a look at all processes brought.
#[derive(Default)]
struct Found {
    processes: Vec<ProcessRow>,
    unread: Vec<UnreadProcess>,
    /// The first reason of `unread`, for what can be done about it.
    hint: Option<String>,
    /// Processes that we may not look into, and that are not called Python.
    hidden: usize,
}

impl Found {
    fn look_at(&mut self, pid: u32) {
        let Some(command) = awaitgraph_remote::command_line(pid) else {
            return;
        };
        // A thread of the kernel has no command line.
        if command.is_empty() || pid == std::process::id() {
            return;
        }
        match read(pid) {
            Ok(graph) if graph.tasks.is_empty() && graph.threads.is_empty() => {}
            Ok(graph) => self.processes.push(ProcessRow {
                pid,
                own_pid: graph.target.own_pid,
                tasks: StateCounts::new(&graph),
                loops: graph.threads.len(),
                problems: graph.problems.len(),
                python: graph.target.python,
                executable: graph.target.executable,
                command,
            }),
            Err(
                Error::NotPython { .. }
                | Error::NoSuchProcess { .. }
                | Error::Ended { .. }
                | Error::Zombie { .. }
                | Error::Starting { .. },
            ) => {}
            Err(Error::NotPermitted { .. }) if !names_python(&command) => {
                self.hidden = self.hidden.saturating_add(1);
            }
            Err(error) => {
                self.hint = self.hint.take().or_else(|| error.hint());
                self.unread.push(UnreadProcess {
                    pid,
                    what: error.to_string(),
                });
            }
        }
    }

    /// Says what is missing from the list.
    fn report(&self, err: &mut Stream<'_>) -> ExitCode {
        if self.hidden > 0 {
            let processes = counted(self.hidden, "process", "processes");
            report::say(
                err,
                format_args!("no permission to look into {processes}, not called python"),
            );
        }
        let torn: Vec<_> = self.processes.iter().filter(|p| p.problems > 0).collect();
        for process in &torn {
            let pid = process.pid;
            report::say(
                err,
                format_args!(
                    "process {pid} changed while it was read, its counts may be off; `awaitgraph ps {pid}` stops it for the reading"
                ),
            );
        }
        if !self.unread.is_empty() {
            report::unread(&self.unread, self.hint.as_deref(), err);
        }
        match (
            self.unread.is_empty() && torn.is_empty(),
            self.processes.is_empty(),
        ) {
            (true, _) => ExitCode::Complete,
            (false, true) => ExitCode::Nothing,
            (false, false) => ExitCode::Problems,
        }
    }
}

/// Reads a process without stopping it: a list of processes must not hold up
/// all the services of a machine. What it changes meanwhile shows as problems,
/// which another attempt mostly does away with.
fn read(pid: u32) -> Result<Graph, Error> {
    const ATTEMPTS: usize = 3;
    let mut graph = awaitgraph_remote::snapshot(pid, Stop::Nonblocking)?;
    for _ in 1..ATTEMPTS {
        if graph.problems.is_empty() {
            break;
        }
        graph = awaitgraph_remote::snapshot(pid, Stop::Nonblocking)?;
    }
    Ok(graph)
}

/// Whether the command line begins with some Python.
fn names_python(command: &str) -> bool {
    let program = command.split(' ').next().unwrap_or_default();
    let name = program.rsplit('/').next().unwrap_or_default();
    name.starts_with("python")
}
