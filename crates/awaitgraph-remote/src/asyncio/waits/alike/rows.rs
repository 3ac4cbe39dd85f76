//! Tasks that are in the same functions, and are looked at together.

use awaitgraph_model::Task;

use super::super::Waits;
use crate::coroutine::Chain;
use crate::frame::RawFrame;
use crate::object::Fault;

/// Such tasks, in their order.
#[derive(Default)]
pub(super) struct Rows<'a> {
    rows: Vec<Row<'a>>,
    futures: Vec<u64>,
}

/// One of them.
struct Row<'a> {
    place: usize,
    task: &'a Task,
    chain: Chain<'a>,
}

impl<'a> Rows<'a> {
    /// Adds the one at this place of those that are looked at, which waits for
    /// `future`.
    pub(super) fn add(&mut self, place: usize, task: &'a Task, chain: Chain<'a>, future: u64) {
        self.rows.push(Row { place, task, chain });
        self.futures.push(future);
    }

    pub(super) fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// The place of each.
    pub(super) fn places(&self) -> impl Iterator<Item = usize> {
        self.rows.iter().map(|row| row.place)
    }

    /// Each as the graph has it.
    pub(super) fn tasks(&self) -> impl Iterator<Item = &'a Task> {
        self.rows.iter().map(|row| row.task)
    }

    /// What each waits for.
    pub(super) fn futures(&self) -> &[u64] {
        &self.futures
    }

    /// How many frames each has.
    pub(super) fn depth(&self) -> usize {
        let first = self.rows.first();
        first.map_or(0, |row| row.chain.frames.len())
    }

    /// A frame of each, by how far out it is.
    pub(super) fn frames(&self, level: usize) -> impl Iterator<Item = Option<&'a RawFrame>> {
        let chains = self.rows.iter().map(|row| row.chain.frames);
        chains.map(move |frames| frames.iter().rev().nth(level))
    }

    /// What is the `self` of that frame, where it is its first variable; else 0.
    pub(super) fn itselves(&self, level: usize) -> Vec<u64> {
        let frames = self.frames(level);
        frames
            .map(|frame| frame.map_or(0, RawFrame::first_object))
            .collect()
    }
}

impl Waits<'_> {
    /// The object that a variable of such a frame refers to; 0 where it has none.
    pub(super) fn variables_of(
        &self,
        rows: &Rows<'_>,
        level: usize,
        variable: usize,
    ) -> Result<Vec<u64>, Fault> {
        self.objects.variable_of_each(rows.frames(level), variable)
    }
}
