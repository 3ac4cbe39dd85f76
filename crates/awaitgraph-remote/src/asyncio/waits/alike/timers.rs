//! The timers of tasks that sleep.

use std::sync::Arc;

use awaitgraph_model::{Wait, WaitsFor};

use super::super::frames::Level;
use super::super::runs::Run;
use super::super::{Waits, plain};
use super::rows::Rows;
use crate::object::Fault;

/// The variable of `asyncio.sleep` that has its timer.
pub(in super::super) const TIMER: &str = "h";

/// Where the timer of a sleep is.
#[derive(Debug, Clone, Copy)]
pub(super) struct Timer {
    /// The frame and the variable that have it.
    level: usize,
    variable: usize,
    /// Its type, and where it has the time when it calls.
    type_: u64,
    when: u64,
}

impl Waits<'_> {
    /// Where one that sleeps has its timer.
    pub(super) fn timer_of(&self, levels: &[Level<'_>], run: &Run) -> Result<Option<Timer>, Fault> {
        let level = run.length.saturating_sub(1);
        let Some(frame) = levels.get(level).map(|level| level.raw) else {
            return Ok(None);
        };
        let Some(variable) = self.frames.only_place(frame.code, TIMER)? else {
            return Ok(None);
        };
        let Some(timer) = self.frames.variable(frame, TIMER)? else {
            return Ok(None);
        };
        let when = self.objects.only_in_slot(timer, "_when")?;
        Ok(when.map(|(type_, when)| Timer {
            level,
            variable,
            type_,
            when,
        }))
    }

    /// What is said of tasks that have their timers in that place; `None` of one that
    /// has none, or another.
    pub(super) fn such_sleeps(
        &self,
        timer: &Timer,
        rows: &Rows<'_>,
    ) -> Result<Vec<Option<Arc<WaitsFor>>>, Fault> {
        let objects = self.objects;
        let timers = self.variables_of(rows, timer.level, timer.variable)?;
        objects.expect(&timers);
        let timers = objects.rows(&timers, [objects.layout.object.ob_type, timer.when])?;
        let such = |&[type_, when]: &[Option<u64>; 2]| when.filter(|_| type_ == Some(timer.type_));
        let times: Vec<u64> = timers
            .iter()
            .map(|it| such(it).unwrap_or_default())
            .collect();
        let times = objects.floats(&times)?;
        let sleep = |(future, time): (&u64, Option<f64>)| {
            let left = self.left(Some(time?))?;
            let found = plain(Wait::Sleep { left: Some(left) }, *future);
            Some(Arc::new(found))
        };
        Ok(rows.futures().iter().zip(times).map(sleep).collect())
    }
}
