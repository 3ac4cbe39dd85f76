//! The functions of the package: their arguments, and what they ask for.

use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{IntoPyDict, PyString};

use crate::capture::capture;
use crate::frame::Limit;
use crate::future::RecordOf;
use crate::interpreter::Interpreter;
use crate::record;
use crate::scene::Scene;
use crate::text::write_text;

#[pyfunction]
#[pyo3(signature = (future=None, /, *, depth=1, limit=None))]
pub(crate) fn capture_call_graph<'py>(
    py: Python<'py>,
    future: Option<&Bound<'py, PyAny>>,
    depth: isize,
    limit: Option<isize>,
) -> PyResult<Option<Bound<'py, PyAny>>> {
    let graph = Scene::with(py, future, skipped(depth), limit_of(limit), |scene| {
        capture(py, scene)
    })?;
    Ok(graph.map(Bound::from))
}

#[pyfunction]
#[pyo3(signature = (future=None, /, *, depth=1, limit=None))]
pub(crate) fn format_call_graph<'py>(
    py: Python<'py>,
    future: Option<&Bound<'py, PyAny>>,
    depth: isize,
    limit: Option<isize>,
) -> PyResult<Bound<'py, PyString>> {
    let text = Scene::with(py, future, skipped(depth), limit_of(limit), |scene| {
        write_text(py, scene)
    })?;
    Ok(text.unwrap_or_else(|| PyString::new(py, "")))
}

#[pyfunction]
#[pyo3(signature = (future=None, /, *, file=None, depth=1, limit=None))]
pub(crate) fn print_call_graph<'py>(
    py: Python<'py>,
    future: Option<&Bound<'py, PyAny>>,
    file: Option<&Bound<'py, PyAny>>,
    depth: isize,
    limit: Option<isize>,
) -> PyResult<()> {
    let text = format_call_graph(py, future, depth, limit)?;
    let print = py
        .import(intern!(py, "builtins"))?
        .getattr(intern!(py, "print"))?;
    print.call((text,), Some(&[("file", file)].into_py_dict(py)?))?;
    Ok(())
}

/// With a depth of 1 the top frame is that of the caller: the functions here
/// have no frames of their own.
fn skipped(depth: isize) -> usize {
    usize::try_from(depth).unwrap_or(0).saturating_sub(1)
}

fn limit_of(limit: Option<isize>) -> Limit {
    match limit {
        None => Limit::All,
        Some(limit @ 0..) => Limit::Outermost(limit.unsigned_abs()),
        Some(limit) => Limit::Innermost(limit.unsigned_abs()),
    }
}

#[pyfunction]
#[pyo3(signature = (future, waiter, /))]
pub(crate) fn future_add_to_awaited_by(
    future: &Bound<'_, PyAny>,
    waiter: &Bound<'_, PyAny>,
) -> PyResult<()> {
    let interpreter = Interpreter::get(future.py())?;
    match interpreter.futures.record_of(future, waiter) {
        RecordOf::Nobody => Ok(()),
        RecordOf::Interpreter { add, .. } => {
            add.bind(future.py()).call1((future, waiter)).map(drop)
        }
        RecordOf::Ours => record::add(future, waiter),
    }
}

#[pyfunction]
#[pyo3(signature = (future, waiter, /))]
pub(crate) fn future_discard_from_awaited_by(
    future: &Bound<'_, PyAny>,
    waiter: &Bound<'_, PyAny>,
) -> PyResult<()> {
    let interpreter = Interpreter::get(future.py())?;
    match interpreter.futures.record_of(future, waiter) {
        RecordOf::Nobody => {}
        RecordOf::Interpreter { discard, .. } => {
            discard.bind(future.py()).call1((future, waiter))?;
        }
        RecordOf::Ours => record::discard(future, waiter),
    }
    Ok(())
}
