//! `allow_attach`: what a process itself can do to be read by others.

use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;

use crate::snapshot::raised;

/// Allow other processes to read this one.
///
/// Where the setting `kernel.yama.ptrace_scope` is 1, as on many desktops,
/// the command `awaitgraph` of the same user is refused unless it is an
/// ancestor of the process or has privileges. This allows it: with the default to
/// any process of the user, with a `pid` to that process and its descendants. A
/// later call takes the place of an earlier one. It is
/// `prctl(PR_SET_PTRACER)`; nothing changes where that setting has another
/// value, and no other rule of the kernel is touched.
///
/// Returns `None`.
///
/// Raises `ProcessLookupError` where there is no process `pid`, `ValueError`
/// where `pid` is a text other than `"any"`, `TypeError` where it is neither a
/// text nor a number, and `OSError` where the system refuses it.
///
/// Not in the asyncio documentation; the setting is described at
/// https://docs.kernel.org/admin-guide/LSM/Yama.html and the command at
/// https://github.com/awaitgraph/awaitgraph
#[pyfunction]
#[pyo3(signature = (pid=Tracer::Any), text_signature = "(pid='any')")]
pub(crate) fn allow_attach(pid: Tracer) -> PyResult<()> {
    let tracer = match pid {
        Tracer::Any => None,
        Tracer::Process(pid) => Some(pid),
    };
    awaitgraph_remote::allow_attach(tracer).map_err(|error| raised(&error))
}

/// Who is allowed.
pub(crate) enum Tracer {
    Any,
    Process(u32),
}

impl<'py> FromPyObject<'_, 'py> for Tracer {
    type Error = PyErr;

    fn extract(pid: Borrowed<'_, 'py, PyAny>) -> PyResult<Self> {
        if let Ok(word) = pid.extract::<String>() {
            return match word.as_str() {
                "any" => Ok(Self::Any),
                _ => Err(PyValueError::new_err("pid is a number or 'any'")),
            };
        }
        match pid.extract::<i64>() {
            // No process has a number out of range, so that 0 stands for those.
            Ok(pid) => Ok(Self::Process(u32::try_from(pid).unwrap_or(0))),
            Err(_) => Err(PyTypeError::new_err("pid is a number or 'any'")),
        }
    }
}
