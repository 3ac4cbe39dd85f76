//! The functions of the package: their arguments, and what they ask for.

use pyo3::ffi;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{IntoPyDict, PyString};

use crate::awaiters::sort_by_name;
use crate::callback::Waiter;
use crate::capture::{capture, capture_several};
use crate::frame::Limit;
use crate::future::RecordOf;
use crate::interpreter::Interpreter;
use crate::record;
use crate::reference::Ref;
use crate::scene::Scene;
use crate::text::write_text;

/// Capture the call graph of a future, or of the current task.
///
/// Return a `FutureCallGraph` of the future: its frames, innermost first, and
/// the graphs of what waits for it, up to the tasks that nobody awaits. Each
/// future is captured once, however many others it waits for; where a cycle
/// closes stands a graph without awaiters.
///
/// Without `future` it is that of the current task, and `None` where a loop
/// runs but no task. `depth` skips frames of the current task from the top:
/// with 1 the top one is that of the caller. `limit` is how many entries of
/// each stack are kept: a positive one those closest to the invocation point, a
/// negative one the topmost; with 0 no stacks are captured at all.
///
/// Raises `RuntimeError` where no future is given and no loop is running in
/// this thread, `TypeError` where `future` is something else, and `ValueError`
/// where `depth` is more than the frames there are. What a subclass raises in
/// its `get_coro` comes through.
///
/// Described at https://docs.python.org/3.14/library/asyncio-graph.html
#[pyfunction]
#[pyo3(signature = (future=None, /, *, depth=Clipped(1), limit=None), text_signature = "(future=None, /, *, depth=1, limit=None)")]
pub(crate) fn capture_call_graph<'py>(
    py: Python<'py>,
    future: Option<&Bound<'py, PyAny>>,
    depth: Clipped,
    limit: Option<Clipped>,
) -> PyResult<Option<Bound<'py, PyAny>>> {
    let graph = Scene::with(py, future, skipped(depth), limit_of(limit), |scene| {
        capture(py, scene)
    })?;
    Ok(graph.map(Bound::from))
}

/// Return the call graph of a future, or of the current task, as text.
///
/// The text is that of `asyncio.format_call_graph`, but that a future which
/// stands at several places is written whole at the first and marked `(*)` at
/// the others, that a cycle is cut and marked `(cycle)`, and that past 1,000
/// levels the indentation starts anew. It has no line feed at its end, and is
/// empty where no future is given and no task is running.
///
/// The arguments, and the errors, are those of `capture_call_graph`. What a
/// subclass raises in its `get_name` comes through, too.
///
/// Described at https://docs.python.org/3.14/library/asyncio-graph.html
#[pyfunction]
#[pyo3(signature = (future=None, /, *, depth=Clipped(1), limit=None), text_signature = "(future=None, /, *, depth=1, limit=None)")]
pub(crate) fn format_call_graph<'py>(
    py: Python<'py>,
    future: Option<&Bound<'py, PyAny>>,
    depth: Clipped,
    limit: Option<Clipped>,
) -> PyResult<Bound<'py, PyString>> {
    let text = Scene::with(py, future, skipped(depth), limit_of(limit), |scene| {
        write_text(py, scene)
    })?;
    Ok(text.unwrap_or_else(|| PyString::new(py, "")))
}

/// Print the call graph of a future, or of the current task.
///
/// Writes what `format_call_graph` returns, and a line feed, to `file`, by
/// default to `sys.stdout`. With a `depth` of 1 the top entry is the caller.
/// Returns `None`.
///
/// The other arguments, and the errors, are those of `capture_call_graph`; what
/// `file` raises comes through.
///
/// Described at https://docs.python.org/3.14/library/asyncio-graph.html
#[pyfunction]
#[pyo3(signature = (future=None, /, *, file=None, depth=Clipped(1), limit=None), text_signature = "(future=None, /, *, file=None, depth=1, limit=None)")]
pub(crate) fn print_call_graph<'py>(
    py: Python<'py>,
    future: Option<&Bound<'py, PyAny>>,
    file: Option<&Bound<'py, PyAny>>,
    depth: Clipped,
    limit: Option<Clipped>,
) -> PyResult<()> {
    let text = format_call_graph(py, future, depth, limit)?;
    let print = py
        .import(intern!(py, "builtins"))?
        .getattr(intern!(py, "print"))?;
    print.call((text,), Some(&[("file", file)].into_py_dict(py)?))?;
    Ok(())
}

/// An integer; one that is too large is the largest.
#[derive(Clone, Copy)]
pub(crate) struct Clipped(isize);

impl<'a, 'py> FromPyObject<'a, 'py> for Clipped {
    type Error = PyErr;

    fn extract(value: Borrowed<'a, 'py, PyAny>) -> PyResult<Self> {
        // SAFETY: without an exception for an overflow there is none.
        let clipped = unsafe { ffi::PyNumber_AsSsize_t(value.as_ptr(), std::ptr::null_mut()) };
        match PyErr::take(value.py()) {
            Some(error) if clipped == -1 => Err(error),
            _ => Ok(Self(clipped)),
        }
    }
}

/// With a depth of 1 the top frame is that of the caller: the functions here
/// have no frames of their own.
fn skipped(Clipped(depth): Clipped) -> usize {
    usize::try_from(depth).unwrap_or(0).saturating_sub(1)
}

fn limit_of(limit: Option<Clipped>) -> Limit {
    match limit {
        None => Limit::All,
        Some(Clipped(limit @ 0..)) => Limit::Outermost(limit.unsigned_abs()),
        Some(Clipped(limit)) => Limit::Innermost(limit.unsigned_abs()),
    }
}

/// Record that `waiter` waits for `future`.
///
/// For code that connects futures by callbacks of its own, which nothing else
/// tells from any other. From CPython 3.14 the record is the interpreter's;
/// before, it is kept here, keeps neither of the two alive, and goes away with
/// either.
///
/// Returns `None`, raises nothing, and has no effect unless both are
/// `asyncio.Future` or `asyncio.Task` or of a subclass.
///
/// Described at https://docs.python.org/3.14/library/asyncio-graph.html
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

/// Take back that `waiter` waits for `future`.
///
/// To be called when what `future_add_to_awaited_by` recorded is no longer so.
///
/// Returns `None`, raises nothing, and has no effect where it is not recorded,
/// or unless both are `asyncio.Future` or `asyncio.Task` or of a subclass.
///
/// Described at https://docs.python.org/3.14/library/asyncio-graph.html
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

/// Capture the call graphs of all tasks of a loop, by default the running one.
///
/// A call graph leads from a task up to those that wait for it. So the fewest
/// graphs that hold every task are those of the tasks that wait for no other,
/// and of one task of each cycle that none of those leads to. They are returned
/// as a tuple, in the order of the tasks' names (`Task-9` before `Task-10`);
/// whatever stands in several of them is the same object in all. The tasks that
/// nobody awaits are those at their ends, with an empty `awaited_by`. The
/// current task has all its frames from the caller on.
///
/// Raises `RuntimeError` where no loop is given and none is running in this
/// thread. What a subclass raises in its `get_coro` comes through.
///
/// Not in the asyncio documentation; it asks `asyncio.all_tasks`, described at
/// https://docs.python.org/3.14/library/asyncio-task.html#asyncio.all_tasks
#[pyfunction]
#[pyo3(signature = (r#loop=None))]
pub(crate) fn capture_all<'py>(
    py: Python<'py>,
    r#loop: Option<&Bound<'py, PyAny>>,
) -> PyResult<Bound<'py, PyAny>> {
    let futures = &Interpreter::get(py)?.futures;
    let module = py.import(intern!(py, "asyncio.tasks"))?;
    let found = module.getattr(intern!(py, "all_tasks"))?.call1((r#loop,))?;
    // From CPython 3.14 the function in C does not know of tasks in Python.
    if let Some(in_python) = module.getattr_opt(intern!(py, "_py_all_tasks"))? {
        found.call_method1(intern!(py, "update"), (in_python.call1((r#loop,))?,))?;
    }
    let mut tasks = Vec::new();
    for task in found.try_iter()? {
        let object = Ref::from(task?);
        let shape = futures.check(&object)?;
        tasks.push(Waiter { object, shape });
    }
    // They come out of a set.
    sort_by_name(futures, &mut tasks);
    let count = tasks.len();
    let graphs = Scene::with_all(py, tasks, |scene| {
        capture_several(py, scene, &scene.awaiters.lowest(count))
    })?;
    Ok(graphs.into())
}
