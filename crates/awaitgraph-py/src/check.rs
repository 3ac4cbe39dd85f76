//! `check`: what is wrong in a process, as objects.

use std::time::Duration;

use awaitgraph::Checked;
use awaitgraph_model::Graph;
use awaitgraph_model::questions::{self, Finding as Found, Links};
use awaitgraph_model::render::{FindingsOptions, findings, headline};
use awaitgraph_remote::Stop;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

use crate::snapshot::{raised, written};

/// Something that is wrong in a process, as `awaitgraph.check` finds it.
///
/// `str` of it is what the command `awaitgraph check` prints.
#[pyclass(frozen, module = "awaitgraph")]
pub(crate) struct Finding {
    kind: &'static str,
    headline: String,
    text: String,
    tasks: Vec<(u64, String)>,
}

#[pymethods]
impl Finding {
    /// What it is: `deadlock`, `waits_for_itself`, `abandoned`, `orphaned` or `blocked_loop`.
    #[getter]
    fn kind(&self) -> &'static str {
        self.kind
    }

    /// The tasks that it is about, each with its `id` and its name.
    #[getter]
    fn tasks(&self) -> Vec<(u64, &str)> {
        let tasks = self.tasks.iter();
        tasks.map(|(id, name)| (*id, name.as_str())).collect()
    }

    fn __str__(&self) -> &str {
        &self.text
    }

    fn __repr__(&self) -> String {
        format!("<awaitgraph.Finding {}>", self.headline)
    }
}

/// Find what is wrong in a process, and certainly so.
///
/// This is what the command `awaitgraph check` does: it finds deadlocks (tasks
/// that wait for each other or for themselves, by awaiting one another or over
/// locks, semaphores and queues), tasks that wait for a lock which nobody is
/// left to release or for a future which nothing is left to complete, and loops
/// that synchronous code does not let go of. For these a loop that may be blocked
/// is looked at again and again for `seconds`; with 0 they are left out, as they
/// are for this process, which is looked at once.
///
/// Returns a list of `Finding`, empty where nothing is wrong.
///
/// Raises `ValueError` where `seconds` is no length of time, and what `snapshot`
/// raises.
///
/// Not in the asyncio documentation; the command's is at
/// https://github.com/awaitgraph/awaitgraph
#[pyfunction]
#[pyo3(signature = (pid=None, *, seconds=1.0))]
pub(crate) fn check(py: Python<'_>, pid: Option<u32>, seconds: f64) -> PyResult<Vec<Finding>> {
    let window = Duration::try_from_secs_f64(seconds)
        .map_err(|error| PyValueError::new_err(format!("seconds: {error}")))?;
    let this = std::process::id();
    let checked = match pid.filter(|&pid| pid != this) {
        // Whoever asks is what runs.
        None => awaitgraph::check(
            || awaitgraph_remote::snapshot(this, Stop::Nonblocking),
            Duration::ZERO,
        ),
        Some(pid) => py
            .detach(|| awaitgraph::check(|| awaitgraph_remote::snapshot(pid, Stop::Pause), window)),
    };
    let Checked { graph, findings } = checked.map_err(|error| raised(&error))?;
    Ok(objects(&graph, &findings))
}

/// What a single look at `graph` tells.
pub(crate) fn findings_of(graph: &Graph) -> Vec<Finding> {
    let deadlocks = questions::deadlocks(graph, &Links::children(graph));
    objects(graph, &questions::findings(graph, deadlocks))
}

fn objects(graph: &Graph, found: &[Found]) -> Vec<Finding> {
    let object = |finding: &Found| Finding {
        kind: finding.kind(),
        headline: headline(graph, finding),
        text: written(|text| {
            let finding = std::slice::from_ref(finding);
            findings(graph, finding, &FindingsOptions::default(), text)
        }),
        tasks: finding
            .tasks()
            .iter()
            .filter_map(|&task| graph.task(task))
            .map(|task| (task.id, task.name.clone()))
            .collect(),
    };
    found.iter().map(object).collect()
}
