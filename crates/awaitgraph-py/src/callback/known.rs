//! The callbacks that asyncio itself leaves in futures, and where each of them
//! keeps what it wakes.

use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::PyTuple;

use crate::reference::Ref;

/// A function inside one of asyncio's, one cell of which leads to who waits.
pub(super) struct Closure {
    pub(super) code: Py<PyAny>,
    pub(super) cell: usize,
    pub(super) leads_to: LeadsTo,
}

/// A method of asyncio's, the object of which leads to who waits.
pub(super) struct Receiver {
    pub(super) function: Py<PyAny>,
    pub(super) leads_to: LeadsTo,
}

/// What an object found in a callback is.
#[derive(Clone, Copy)]
pub(super) enum LeadsTo {
    /// The future that waits.
    Waiter,
    /// An `asyncio.Queue`: whoever waits to get from it.
    Queue,
    /// An `asyncio.TaskGroup`: the task that it belongs to.
    TaskGroup,
    /// The iterator of `asyncio.as_completed` of CPython 3.13+.
    AsCompleted,
}

/// `module:function:inner function:cell`. Those that a version lacks are passed
/// over.
const CLOSURES: &[(&str, LeadsTo)] = &[
    ("asyncio.tasks:gather:_done_callback:outer", LeadsTo::Waiter),
    // CPython 3.9 has it one function further in.
    (
        "asyncio.tasks:_gather:_done_callback:outer",
        LeadsTo::Waiter,
    ),
    (
        "asyncio.tasks:shield:_inner_done_callback:outer",
        LeadsTo::Waiter,
    ),
    ("asyncio.tasks:_wait:_on_completion:waiter", LeadsTo::Waiter),
    // To CPython 3.12.
    (
        "asyncio.tasks:as_completed:_on_completion:done",
        LeadsTo::Queue,
    ),
    // wrap_future, run_in_executor, run_coroutine_threadsafe.
    (
        "asyncio.futures:_chain_future:_call_set_state:destination",
        LeadsTo::Waiter,
    ),
    // create_connection where it tries several addresses.
    (
        "asyncio.staggered:staggered_race:task_done:on_completed_fut",
        LeadsTo::Waiter,
    ),
];

/// `module:class:method`.
const METHODS: &[(&str, LeadsTo)] = &[
    ("asyncio.tasks:_PyTask:_Task__wakeup", LeadsTo::Waiter),
    ("asyncio.futures:_PyFuture:set_result", LeadsTo::Waiter),
    (
        "asyncio.taskgroups:TaskGroup:_on_task_done",
        LeadsTo::TaskGroup,
    ),
    (
        "asyncio.tasks:_AsCompletedIterator:_handle_completion",
        LeadsTo::AsCompleted,
    ),
];

impl Closure {
    /// All of them that this version of asyncio has.
    pub(super) fn find_all(py: Python<'_>) -> PyResult<Vec<Self>> {
        let mut found = Vec::new();
        for &(path, leads_to) in CLOSURES {
            let mut names = path.split(':');
            let Some(outer) = follow(py, names.by_ref().take(2))? else {
                continue;
            };
            // Some library may have put something else in its place.
            let Some(outer) = outer.getattr_opt("__code__")? else {
                continue;
            };
            let (inner, cell) = (names.next(), names.next());
            for code in outer.getattr("co_consts")?.try_iter()? {
                let code = code?;
                let name = code.getattr_opt("co_name")?;
                if name.map_or(Ok(false), |name| name.eq(inner))? {
                    let variables = code.getattr("co_freevars")?;
                    if let Ok(cell) = variables.cast::<PyTuple>()?.index(cell) {
                        found.push(Self {
                            code: code.unbind(),
                            cell,
                            leads_to,
                        });
                    }
                }
            }
        }
        Ok(found)
    }
}

impl Receiver {
    /// All of them that this version of asyncio has.
    pub(super) fn find_all(py: Python<'_>) -> PyResult<Vec<Self>> {
        let mut found = Vec::new();
        for &(path, leads_to) in METHODS {
            if let Some(function) = follow(py, path.split(':'))? {
                found.push(Self {
                    function: function.unbind(),
                    leads_to,
                });
            }
        }
        Ok(found)
    }
}

/// The object at the end of a path that begins with a module.
fn follow<'py, 'a>(
    py: Python<'py>,
    mut path: impl Iterator<Item = &'a str>,
) -> PyResult<Option<Bound<'py, PyAny>>> {
    let Some(Ok(module)) = path.next().map(|module| py.import(module)) else {
        return Ok(None);
    };
    let mut object = module.into_any();
    for name in path {
        match object.getattr_opt(name)? {
            Some(attribute) => object = attribute,
            None => return Ok(None),
        }
    }
    Ok(Some(object))
}

impl LeadsTo {
    /// Gives what waits there to `take`.
    #[inline]
    pub(super) fn waiters<'py>(
        self,
        object: Ref<'py>,
        take: &mut impl FnMut(Ref<'py>) -> PyResult<()>,
    ) -> PyResult<()> {
        let py = object.py();
        match self {
            Self::Waiter => take(object)?,
            Self::TaskGroup => {
                if let Some(parent) = object.getattr_opt(intern!(py, "_parent_task"))? {
                    take(parent.into())?;
                }
            }
            Self::AsCompleted => {
                if let Some(queue) = object.getattr_opt(intern!(py, "_done"))? {
                    Self::Queue.waiters(queue.into(), take)?;
                }
            }
            Self::Queue => {
                if let Some(getters) = object.getattr_opt(intern!(py, "_getters"))? {
                    for getter in getters.try_iter()? {
                        take(getter?.into())?;
                    }
                }
            }
        }
        Ok(())
    }
}
