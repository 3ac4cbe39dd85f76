//! How many tasks are in which state.

use crate::graph::{Graph, TaskState};

/// The number of tasks by state.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct StateCounts {
    /// On a thread now.
    pub running: usize,
    /// Scheduled.
    pub ready: usize,
    /// Suspended until something else completes.
    pub waiting: usize,
}

impl StateCounts {
    /// Counts the tasks of `graph`.
    pub fn new(graph: &Graph) -> Self {
        let mut counts = Self::default();
        for task in &graph.tasks {
            let count = match task.state {
                TaskState::Running => &mut counts.running,
                TaskState::Ready => &mut counts.ready,
                TaskState::Waiting => &mut counts.waiting,
            };
            *count = count.saturating_add(1);
        }
        counts
    }
}
