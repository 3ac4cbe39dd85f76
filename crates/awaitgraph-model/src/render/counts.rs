//! Counts of tasks that have something in common, as a table and as JSON.

use std::fmt::{self, Write};

use serde::Serialize;

use crate::questions::{By, Count, Outline, OwnCode};
use crate::render::grid::{TableOptions, grid};
use crate::render::json::{List, ProblemView, SCHEMA, SnapshotView, TargetView};
use crate::render::json_lines::write_document;
use crate::render::line::{Line, Span};
use crate::render::place;

/// Writes a heading and a line for each count; nothing where there is none.
pub fn counts_table<W: Write + ?Sized>(
    outline: &Outline<'_>,
    by: By,
    counts: &[Count],
    options: &TableOptions,
    out: &mut W,
) -> fmt::Result {
    let graph = outline.graph();
    let own_code = OwnCode::new(graph);
    let heading = match by {
        By::Where => "WHERE",
        By::Name => "NAME",
        By::WaitsFor => "WAITS FOR",
        By::State => "STATE",
    };
    let push_what = |count: &Count, line: &mut Line| {
        let task = graph.task(count.first);
        let frame = task.and_then(|task| own_code.innermost(&task.stack));
        match (by, frame) {
            (By::Where, Some(frame)) => place::push_frame(graph, frame, line),
            (By::Name, _) => line.push_untrusted(Span::Name, &count.what),
            _ => line.push_untrusted(Span::Text, &count.what),
        }
    };
    grid(
        counts.iter(),
        &[
            ("TASKS", &|count, line| {
                line.push_format(Span::Text, format_args!("{}", count.tasks));
            }),
            (heading, &push_what),
        ],
        options,
        out,
    )
}

/// Writes the counts as one JSON document, with a line feed at its end.
pub fn counts_json<W: Write + ?Sized>(
    outline: &Outline<'_>,
    by: By,
    counts: &[Count],
    out: &mut W,
) -> fmt::Result {
    let graph = outline.graph();
    let document = Document {
        schema: SCHEMA,
        target: TargetView::of(&graph.target),
        snapshot: SnapshotView::of(&graph.snapshot),
        by: by.as_str(),
        counts: List(counts, CountView::of),
        problems: List(&graph.problems, ProblemView::of),
    };
    write_document(&document, out)
}

#[derive(Serialize)]
struct Document<'a, Counts: Serialize, Problems: Serialize> {
    schema: u32,
    target: TargetView<'a>,
    snapshot: SnapshotView,
    by: &'static str,
    counts: Counts,
    problems: Problems,
}

#[derive(Serialize)]
struct CountView<'a> {
    tasks: usize,
    what: &'a str,
}

impl<'a> CountView<'a> {
    fn of(count: &'a Count) -> Self {
        Self {
            tasks: count.tasks,
            what: &count.what,
        }
    }
}
