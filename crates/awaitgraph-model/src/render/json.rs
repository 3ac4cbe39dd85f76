//! JSON, schema 1 (docs/json.md): all that the graph holds, never shortened.
//!
//! Each task, thread and problem has a line of its own, so that the text can
//! also be read, searched and compared line by line.

use std::fmt::{self, Write};

use crate::graph::{Awaiter, Frame, Graph, Problem, Task, TaskIndex, Thread, WaitsFor};
use crate::render::escape::{is_shown, write_with};

/// The number of the schema, raised when a key changes its meaning.
pub(super) const SCHEMA: u32 = 1;

/// Writes the whole graph as one JSON document, with a line feed at its end.
pub fn json<W: Write + ?Sized>(graph: &Graph, out: &mut W) -> fmt::Result {
    let Graph {
        target, snapshot, ..
    } = graph;
    write!(out, "{{\"schema\":{SCHEMA},\n\"target\":{{\"pid\":")?;
    number_or_null(target.pid, out)?;
    out.write_str(",\"python\":")?;
    string(&target.python, out)?;
    out.write_str(",\"executable\":")?;
    string(&target.executable, out)?;
    writeln!(out, ",\"free_threaded\":{}}},", target.free_threaded)?;
    writeln!(
        out,
        "\"snapshot\":{{\"consistent\":{},\"paused_us\":{},\"total_us\":{},\"bytes_read\":{}}},",
        snapshot.consistent, snapshot.paused_us, snapshot.total_us, snapshot.bytes_read
    )?;
    out.write_str("\"threads\":")?;
    lines(&graph.threads, out, |thread, out| {
        write_thread(graph, thread, out)
    })?;
    out.write_str(",\n\"tasks\":")?;
    lines(&graph.tasks, out, |task, out| write_task(graph, task, out))?;
    out.write_str(",\n\"problems\":")?;
    lines(&graph.problems, out, write_problem)?;
    out.write_str("}\n")
}

fn write_thread<W: Write + ?Sized>(graph: &Graph, thread: &Thread, out: &mut W) -> fmt::Result {
    write!(
        out,
        "{{\"interpreter\":{},\"thread\":{},\"running\":",
        thread.interpreter, thread.thread
    )?;
    match thread.running.and_then(|index| graph.task(index)) {
        Some(task) => address(task.id, out)?,
        None => out.write_str("null")?,
    }
    out.write_str(",\"stack\":")?;
    list(&thread.stack, out, |frame, out| {
        write_frame(graph, frame, out)
    })?;
    out.write_char('}')
}

fn write_task<W: Write + ?Sized>(graph: &Graph, task: &Task, out: &mut W) -> fmt::Result {
    out.write_str("{\"id\":")?;
    address(task.id, out)?;
    out.write_str(",\"name\":")?;
    string(&task.name, out)?;
    write!(
        out,
        ",\"state\":\"{}\",\"interpreter\":{},\"thread\":",
        task.state.as_str(),
        task.interpreter
    )?;
    number_or_null(task.thread, out)?;
    out.write_str(",\"stack\":")?;
    list(&task.stack, out, |frame, out| {
        write_frame(graph, frame, out)
    })?;
    out.write_str(",\"awaited_by\":")?;
    list(&task.awaited_by, out, |awaiter, out| {
        write_awaiter(graph, awaiter, out)
    })?;
    out.write_str(",\"waits_for\":")?;
    match &task.waits_for {
        Some(waits_for) => write_waits_for(graph, waits_for, out)?,
        None => out.write_str("null")?,
    }
    out.write_char('}')
}

fn write_frame<W: Write + ?Sized>(graph: &Graph, frame: &Frame, out: &mut W) -> fmt::Result {
    out.write_char('{')?;
    let code = graph.code(frame);
    if let Some(code) = code {
        out.write_str("\"function\":")?;
        string(&code.function, out)?;
        out.write_str(",\"file\":")?;
        string(&code.file, out)?;
        out.write_char(',')?;
    }
    out.write_str("\"line\":")?;
    number_or_null(frame.line, out)?;
    if let Some(code) = code {
        write!(out, ",\"kind\":\"{}\"", code.kind.as_str())?;
    }
    out.write_char('}')
}

fn write_awaiter<W: Write + ?Sized>(graph: &Graph, awaiter: &Awaiter, out: &mut W) -> fmt::Result {
    out.write_str("{\"id\":")?;
    write_task_id(graph, awaiter.task, out)?;
    write!(out, ",\"how\":\"{}\",\"via\":", awaiter.how.as_str())?;
    list(&awaiter.via, out, |&future, out| address(future, out))?;
    out.write_char('}')
}

fn write_waits_for<W: Write + ?Sized>(
    graph: &Graph,
    waits_for: &WaitsFor,
    out: &mut W,
) -> fmt::Result {
    out.write_str("{\"kind\":")?;
    string(&waits_for.kind, out)?;
    out.write_str(",\"id\":")?;
    match waits_for.id {
        Some(id) => address(id, out)?,
        None => out.write_str("null")?,
    }
    out.write_str(",\"holders\":")?;
    list(&waits_for.holders, out, |&holder, out| {
        write_task_id(graph, holder, out)
    })?;
    out.write_char('}')
}

fn write_task_id<W: Write + ?Sized>(graph: &Graph, index: TaskIndex, out: &mut W) -> fmt::Result {
    match graph.task(index) {
        Some(task) => address(task.id, out),
        None => out.write_str("null"),
    }
}

fn write_problem<W: Write + ?Sized>(problem: &Problem, out: &mut W) -> fmt::Result {
    out.write_str("{\"where\":")?;
    string(&problem.location, out)?;
    out.write_str(",\"what\":")?;
    string(&problem.what, out)?;
    out.write_char('}')
}

/// Writes an array with a line for each item.
pub(super) fn lines<T, W: Write + ?Sized>(
    items: &[T],
    out: &mut W,
    mut item: impl FnMut(&T, &mut W) -> fmt::Result,
) -> fmt::Result {
    list(items, out, |value, out| {
        out.write_char('\n')?;
        item(value, out)
    })
}

fn list<T, W: Write + ?Sized>(
    items: &[T],
    out: &mut W,
    mut item: impl FnMut(&T, &mut W) -> fmt::Result,
) -> fmt::Result {
    out.write_char('[')?;
    for (at, value) in items.iter().enumerate() {
        if at > 0 {
            out.write_char(',')?;
        }
        item(value, out)?;
    }
    out.write_char(']')
}

fn address<W: Write + ?Sized>(address: u64, out: &mut W) -> fmt::Result {
    write!(out, "\"{address:#x}\"")
}

fn number_or_null<W: Write + ?Sized>(
    number: Option<impl fmt::Display>,
    out: &mut W,
) -> fmt::Result {
    match number {
        Some(number) => write!(out, "{number}"),
        None => out.write_str("null"),
    }
}

/// Writes a string. More is escaped than JSON asks for: a document on a
/// terminal must not act on it either.
pub(super) fn string<W: Write + ?Sized>(text: &str, out: &mut W) -> fmt::Result {
    out.write_char('"')?;
    write_with(
        text,
        out,
        |c| c != '"' && c != '\\' && is_shown(c),
        |c, out| match c {
            '"' => out.write_str("\\\""),
            '\\' => out.write_str("\\\\"),
            '\n' => out.write_str("\\n"),
            '\r' => out.write_str("\\r"),
            '\t' => out.write_str("\\t"),
            _ => c
                .encode_utf16(&mut [0; 2])
                .iter()
                .try_for_each(|unit| write!(out, "\\u{unit:04x}")),
        },
    )?;
    out.write_char('"')
}
