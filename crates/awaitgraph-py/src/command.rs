//! The command `awaitgraph`, run inside a Python process.

use std::ffi::OsString;

use awaitgraph::Stream;
use pyo3::prelude::*;

/// Run the command `awaitgraph` with these arguments, of which the first is the
/// name that it is called by; return its exit code.
///
/// It writes to the standard streams of the process, not to those of `sys`.
#[pyfunction]
pub(crate) fn run(py: Python<'_>, arguments: Vec<OsString>) -> u8 {
    py.detach(|| {
        let (mut out, mut err) = (Stream::stdout(), Stream::stderr());
        awaitgraph::run(arguments, &mut out, &mut err) as u8
    })
}
