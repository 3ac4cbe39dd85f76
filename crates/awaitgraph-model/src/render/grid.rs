//! Rows and columns, aligned.
//!
//! As in other tables of processes, columns of fixed width come first and what
//! may be long comes last: one long name must move nothing else.

use std::fmt::{self, Write};

use crate::render::line::{Color, Line, Span};

/// How to write a table.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct TableOptions {
    /// Whether the text is coloured.
    pub color: Color,
    /// The columns to fit each line into; `None` leaves the lines whole.
    pub width: Option<usize>,
}

/// A column: its heading, and what adds a row's field to a line.
pub(super) type Column<'a, Row> = (&'static str, &'a dyn Fn(Row, &mut Line));

/// What is longer than this sticks out instead of widening its column.
const WIDEST: usize = 32;

/// Writes the headings and a line for each row; nothing where there is no row.
pub(super) fn grid<Row: Copy, W: Write + ?Sized>(
    rows: impl Iterator<Item = Row> + Clone,
    columns: &[Column<'_, Row>],
    options: &TableOptions,
    out: &mut W,
) -> fmt::Result {
    if rows.clone().next().is_none() {
        return Ok(());
    }
    let mut line = Line::default();
    let mut stops = Vec::with_capacity(columns.len());
    let mut stop = 0_usize;
    for (heading, push) in columns {
        stops.push(stop);
        let mut widest = heading.len();
        for row in rows.clone() {
            push(row, &mut line);
            widest = widest.max(line.columns().min(WIDEST));
            line.clear();
        }
        stop = stop.saturating_add(widest).saturating_add(2);
    }
    for ((heading, _), &stop) in columns.iter().zip(&stops) {
        separate(&mut line, stop);
        line.push(Span::Faint, heading);
    }
    line.finish(options.color, options.width, out)?;
    for row in rows {
        for ((_, push), &stop) in columns.iter().zip(&stops) {
            separate(&mut line, stop);
            push(row, &mut line);
        }
        line.finish(options.color, options.width, out)?;
    }
    Ok(())
}

/// Pads to the column at `stop`, or sets off from a field that reaches into it.
fn separate(line: &mut Line, stop: usize) {
    if stop > 0 {
        line.push(Span::Text, "  ");
        line.pad_to(stop);
    }
}
