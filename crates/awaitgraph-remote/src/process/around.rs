//! What is known of a process beside its memory, for whoever reads that.
//!
//! Of a live process the system tells it; of a core file only what the file
//! has. Each question may go without an answer.

/// What can be asked.
pub(crate) struct Around<'a> {
    /// A thread's kernel id for its `pthread_t`.
    pub(crate) thread_ids: &'a dyn Fn(u64) -> Option<u64>,
    /// The clock of its event loops (`CLOCK_MONOTONIC`) at the moment of the
    /// snapshot, in seconds.
    pub(crate) now: Option<f64>,
    /// Whether the process with this id, as the target has it, still lives.
    pub(crate) is_alive: &'a dyn Fn(u32) -> Option<bool>,
}

impl<'a> Around<'a> {
    /// Where nothing but the ids of threads can be asked.
    pub(crate) fn of_threads(thread_ids: &'a dyn Fn(u64) -> Option<u64>) -> Self {
        Self {
            thread_ids,
            now: None,
            is_alive: &|_| None,
        }
    }
}
