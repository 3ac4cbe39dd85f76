//! How long a task waits at most: the time limits around its wait.

use awaitgraph_model::{CodeIndex, How, TaskIndex};

use super::Waits;
use super::frames::Level;
use super::roles::Role;
use crate::object::Fault;

impl Waits<'_> {
    /// Seconds until the first of what is around the task's wait gives up; `levels`
    /// are its frames, where the innermost of them may be waiting for so long.
    pub(super) fn deadline(
        &self,
        task: TaskIndex,
        levels: &[Level<'_>],
    ) -> Result<Option<f64>, Fault> {
        let mut limits = Vec::new();
        if !levels.is_empty() || self.entered.has_timeouts() {
            self.add_limits(task, levels, &mut limits)?;
        }
        if !self.picture.has_wait_for {
            return Ok(first_to_run_out(&limits));
        }
        // To 3.11 `wait_for` has a task of its own for what it waits for.
        let awaited_by = self.picture.tasks.get(task.as_usize());
        for awaiter in awaited_by.into_iter().flat_map(|task| &task.awaited_by) {
            if awaiter.how == How::WaitFor {
                self.add_limits(awaiter.task, &self.levels(awaiter.task), &mut limits)?;
            }
        }
        Ok(first_to_run_out(&limits))
    }

    /// Adds the time limits that the task is inside of, the innermost first:
    /// `asyncio.timeout(None)` has none.
    fn add_limits(
        &self,
        task: TaskIndex,
        levels: &[Level<'_>],
        limits: &mut Vec<f64>,
    ) -> Result<(), Fault> {
        limits.extend(self.left_of_wait_for(levels)?);
        for timeout in self.timeouts_that_reach(task)? {
            limits.extend(self.left_of_timeout(timeout)?);
        }
        Ok(())
    }

    /// Seconds until the first time limit in the task that waits for others ends
    /// that.
    pub(crate) fn limit(&self, task: TaskIndex) -> Result<Option<f64>, Fault> {
        let mut limits = Vec::new();
        self.add_limits(task, &self.levels(task), &mut limits)?;
        Ok(first_to_run_out(&limits))
    }

    /// Whether a time limit around the task's wait has yet to run out, so that
    /// it goes on then; also where the clock is not known, as of a core file.
    pub(crate) fn is_limited(&self, task: TaskIndex) -> Result<bool, Fault> {
        if self.entered.has_timeouts() {
            for timeout in self.timeouts_that_reach(task)? {
                if self.will_run_out(timeout)? {
                    return Ok(true);
                }
            }
        }
        if self.unlimited.get() == Some(task) {
            return Ok(false);
        }
        let innermost = self.picture.tasks.get(task.as_usize());
        let innermost = innermost.and_then(|task| task.stack.first());
        match innermost {
            Some(frame) if self.may_be_limited(frame.code) => {
                Ok(self.timer_of_wait_for(&self.levels(task))?.is_some())
            }
            _ => Ok(false),
        }
    }

    /// Whether a task whose innermost function this is may have a timer that ends
    /// its wait.
    pub(super) fn may_be_limited(&self, innermost: CodeIndex) -> bool {
        let role = self.frames.role(innermost);
        matches!(role, Some(Role::WaitFor | Role::WaitSet | Role::Awaiting))
    }
}

/// Which of the time limits around a wait ends it, by the seconds that are left
/// of each, innermost first. One that has run out does so no more; where that is
/// the innermost, it is what matters.
fn first_to_run_out(limits: &[f64]) -> Option<f64> {
    match limits.first() {
        Some(&innermost) if innermost < 0.0 => Some(innermost),
        _ => (limits.iter().copied())
            .filter(|&left| left >= 0.0)
            .reduce(f64::min),
    }
}
