//! `snapshot`: what the program `awaitgraph` reads of a process, as an object.

use std::fmt::Write;
use std::path::PathBuf;

use awaitgraph_model::Graph;
use awaitgraph_model::questions::{Grouping, Mask, Outline};
use awaitgraph_model::render::escape::Escaped;
use awaitgraph_model::render::{self, DumpFrames, TableOptions, TreeOptions};
use awaitgraph_remote::{Error, Stop};
use pyo3::exceptions::{
    PyFileNotFoundError, PyOSError, PyPermissionError, PyProcessLookupError, PyTimeoutError,
    PyTypeError, PyValueError,
};
use pyo3::prelude::*;

use crate::check::{Finding, findings_of};

/// The await graph of a process at one moment, as `awaitgraph.snapshot` reads it.
///
/// The methods return what the commands print: `tree` that of `awaitgraph
/// pstree`, `table` that of `awaitgraph ps PID`, `dump` that of `awaitgraph
/// dump`, `to_json`, `dot` and `mermaid` that of any of them with `--format`.
/// None of them raises.
#[pyclass(frozen, module = "awaitgraph")]
pub(crate) struct Snapshot {
    graph: Graph,
}

#[pymethods]
impl Snapshot {
    /// Return the graph as a JSON document, described by docs/json.md.
    fn to_json(&self) -> String {
        written(|text| render::json(&Outline::whole(&self.graph), text))
    }

    /// Return the tree of all tasks, the task that waits above those it waits for.
    fn tree(&self) -> String {
        written(|text| render::tree(&self.outline(), &TreeOptions::default(), text))
    }

    /// Return a table of all tasks, a line for each and for those that are alike.
    fn table(&self) -> String {
        written(|text| render::table(&self.outline(), &TableOptions::default(), text))
    }

    /// Return each task with its stack and the tasks that await it.
    fn dump(&self) -> String {
        written(|text| render::dump(&self.outline(), DumpFrames::default(), text))
    }

    /// Return the graph in the language of Graphviz.
    fn dot(&self) -> String {
        written(|text| render::dot(&self.outline(), text))
    }

    /// Return the graph as a Mermaid flowchart.
    fn mermaid(&self) -> String {
        written(|text| render::mermaid(&self.outline(), text))
    }

    /// Return what is wrong, as far as one look can tell; `check` takes more.
    fn findings(&self) -> Vec<Finding> {
        findings_of(&self.graph)
    }

    /// What could not be read, a line for each part; all else is in the graph.
    #[getter]
    fn problems(&self) -> Vec<String> {
        let problems = self.graph.problems.iter();
        problems
            .map(|problem| format!("{}: {}", Escaped(&problem.location), Escaped(&problem.what)))
            .collect()
    }

    fn __repr__(&self) -> String {
        let pid = self.graph.target.pid.unwrap_or_default();
        let tasks = self.graph.tasks.len();
        format!("<awaitgraph.Snapshot of process {pid}, {tasks} tasks>")
    }
}

impl Snapshot {
    fn outline(&self) -> Outline<'_> {
        Outline::new(&self.graph, Mask::all(&self.graph), Grouping::Alike)
    }
}

/// Read the await graph of a process from its memory.
///
/// This is what the command `awaitgraph` does, so it sees the same: the tasks
/// of all event loops of all threads, each with its stack and with what waits
/// for it. `pid` may be any process of CPython 3.8 to 3.15; one that runs is
/// stopped for the time that it takes to copy what is read. Without `pid` it
/// is this process, which is read as it runs.
///
/// `core` is the path of a core file, read in place of a process, as the
/// command's `--core` is; `sysroot` the folder with the files of the machine or
/// container that the core is from, if those are not here.
///
/// Returns a `Snapshot`.
///
/// Raises `ProcessLookupError` where there is no such process or it ends,
/// `PermissionError` where it may not be read or is being debugged, `ValueError`
/// where it is not a CPython whose memory is known or `core` is no core file,
/// `FileNotFoundError` where a core needs a file that is not here,
/// `TimeoutError` where the process does not stop in time, and `OSError` where
/// the system refuses anything else.
///
/// Not in the asyncio documentation; the command's is at
/// https://github.com/awaitgraph/awaitgraph
#[pyfunction]
#[pyo3(signature = (pid=None, *, core=None, sysroot=None))]
pub(crate) fn snapshot(
    py: Python<'_>,
    pid: Option<u32>,
    core: Option<PathBuf>,
    sysroot: Option<PathBuf>,
) -> PyResult<Snapshot> {
    let this = std::process::id();
    let graph = match (pid, core) {
        (Some(_), Some(_)) => {
            return Err(PyTypeError::new_err("either pid or core, not both"));
        }
        (_, None) if sysroot.is_some() => {
            return Err(PyTypeError::new_err("sysroot is for a core file"));
        }
        (None, Some(core)) => py.detach(|| {
            awaitgraph_remote::snapshot_of_core(&core, sysroot.as_deref(), &mut |_, _| {})
        }),
        // With the interpreter in our hands nothing in it changes meanwhile.
        (None, None) => awaitgraph_remote::snapshot(this, Stop::Nonblocking),
        (Some(pid), None) if pid == this => awaitgraph_remote::snapshot(this, Stop::Nonblocking),
        (Some(pid), None) => py.detach(|| awaitgraph_remote::snapshot(pid, Stop::Pause)),
    };
    Ok(Snapshot {
        graph: graph.map_err(|error| raised(&error))?,
    })
}

pub(crate) fn written(render: impl FnOnce(&mut String) -> std::fmt::Result) -> String {
    let mut text = String::new();
    // Writing into a String does not fail.
    let _ = render(&mut text);
    text
}

pub(crate) fn raised(error: &Error) -> PyErr {
    let mut text = error.to_string();
    if let Some(hint) = error.hint() {
        let _ = write!(text, " ({hint})");
    }
    class_of(error)(text)
}

/// Makes the exception that an error is raised as of its text.
fn class_of(error: &Error) -> Box<dyn FnOnce(String) -> PyErr> {
    match error {
        Error::InCore { source, .. } => class_of(source),
        Error::NoSuchProcess { .. } | Error::Ended { .. } => {
            Box::new(PyProcessLookupError::new_err)
        }
        Error::NotPermitted { .. } | Error::Traced { .. } => Box::new(PyPermissionError::new_err),
        Error::NotPython { .. }
        | Error::UnknownVersion { .. }
        | Error::FreeThreaded { .. }
        | Error::Layout { .. }
        | Error::NotCore { .. }
        | Error::NoFilesInCore => Box::new(PyValueError::new_err),
        Error::NoSuchFile { .. } => Box::new(PyFileNotFoundError::new_err),
        Error::DoesNotStop { .. } => Box::new(PyTimeoutError::new_err),
        Error::System { source, .. } => match source.raw_os_error() {
            Some(code) => Box::new(move |text| PyOSError::new_err((code, text))),
            None => Box::new(PyOSError::new_err),
        },
        _ => Box::new(PyOSError::new_err),
    }
}
