//! The processes of `ps`: those that run asyncio, and those that could not be read.

use std::fmt::{self, Write};

use crate::questions::StateCounts;
use crate::render::grid::{TableOptions, grid};
use crate::render::json::{SCHEMA, lines, string};
use crate::render::line::Span;

/// A process that runs asyncio.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ProcessRow {
    /// Its process id.
    pub pid: u32,
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
    write!(out, "{{\"schema\":{SCHEMA},\n\"processes\":")?;
    lines(processes, out, |row, out| {
        write!(out, "{{\"pid\":{},\"python\":", row.pid)?;
        string(&row.python, out)?;
        out.write_str(",\"executable\":")?;
        string(&row.executable, out)?;
        out.write_str(",\"command\":")?;
        string(&row.command, out)?;
        write!(
            out,
            ",\"loops\":{},\"tasks\":{{\"running\":{},\"ready\":{},\"waiting\":{}}},\"problems\":{}}}",
            row.loops, row.tasks.running, row.tasks.ready, row.tasks.waiting, row.problems
        )
    })?;
    out.write_str(",\n\"problems\":")?;
    lines(unread, out, |process, out| {
        write!(out, "{{\"where\":\"process {}\",\"what\":", process.pid)?;
        string(&process.what, out)?;
        out.write_char('}')
    })?;
    out.write_str("}\n")
}
