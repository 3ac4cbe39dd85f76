//! The processes of `ps`: those that run asyncio, and those that could not be read.

use std::fmt::{self, Write};

use serde::Serialize;

use crate::questions::StateCounts;
use crate::render::grid::{TableOptions, grid};
use crate::render::json::{List, SCHEMA};
use crate::render::json_lines::write_document;
use crate::render::line::Span;

/// A process that runs asyncio.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ProcessRow {
    /// Its process id.
    pub pid: u32,
    /// Its process id in its own pid namespace, where that is known.
    pub own_pid: Option<u32>,
    /// The version of its CPython.
    pub python: String,
    /// The path of its executable.
    pub executable: String,
    /// Its command line.
    pub command: String,
    /// How many of its threads run an event loop.
    pub loops: usize,
    /// Its tasks by state.
    pub tasks: StateCounts,
    /// How many things in it could not be read.
    pub problems: usize,
}

/// A process that could not be read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct UnreadProcess {
    /// Its process id.
    pub pid: u32,
    /// Why it could not be read.
    pub what: String,
}

/// Writes a heading and a line for each process; nothing where there is none.
pub fn processes_table<W: Write + ?Sized>(
    processes: &[ProcessRow],
    options: &TableOptions,
    out: &mut W,
) -> fmt::Result {
    grid(
        processes.iter(),
        &[
            ("PID", &|row, line| {
                line.push_format(Span::Name, format_args!("{}", row.pid));
            }),
            ("PYTHON", &|row, line| {
                line.push_untrusted(Span::Text, &row.python);
            }),
            ("RUNNING", &|row, line| {
                line.push_format(Span::Text, format_args!("{}", row.tasks.running));
            }),
            ("READY", &|row, line| {
                line.push_format(Span::Text, format_args!("{}", row.tasks.ready));
            }),
            ("WAITING", &|row, line| {
                line.push_format(Span::Text, format_args!("{}", row.tasks.waiting));
            }),
            ("COMMAND", &|row, line| {
                line.push_untrusted(Span::Text, &row.command);
            }),
        ],
        options,
        out,
    )
}

/// Writes the processes as one JSON document (docs/json.md).
pub fn processes_json<W: Write + ?Sized>(
    processes: &[ProcessRow],
    unread: &[UnreadProcess],
    out: &mut W,
) -> fmt::Result {
    let document = Document {
        schema: SCHEMA,
        processes: List(processes, ProcessView::of),
        problems: List(unread, UnreadView::of),
    };
    write_document(&document, out)
}

#[derive(Serialize)]
struct Document<Processes: Serialize, Problems: Serialize> {
    schema: u32,
    processes: Processes,
    problems: Problems,
}

#[derive(Serialize)]
struct ProcessView<'a> {
    pid: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    own_pid: Option<u32>,
    python: &'a str,
    executable: &'a str,
    command: &'a str,
    loops: usize,
    tasks: TasksView,
    problems: usize,
}

#[derive(Serialize)]
struct TasksView {
    running: usize,
    ready: usize,
    waiting: usize,
}

impl<'a> ProcessView<'a> {
    fn of(row: &'a ProcessRow) -> Self {
        Self {
            pid: row.pid,
            own_pid: row.own_pid,
            python: &row.python,
            executable: &row.executable,
            command: &row.command,
            loops: row.loops,
            tasks: TasksView {
                running: row.tasks.running,
                ready: row.tasks.ready,
                waiting: row.tasks.waiting,
            },
            problems: row.problems,
        }
    }
}

#[derive(Serialize)]
struct UnreadView<'a> {
    #[serde(rename = "where")]
    location: String,
    what: &'a str,
}

impl<'a> UnreadView<'a> {
    fn of(process: &'a UnreadProcess) -> Self {
        let location = format!("process {}", process.pid);
        Self {
            location,
            what: &process.what,
        }
    }
}
