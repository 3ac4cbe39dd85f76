//! What a future is, and what it tells of itself: its callbacks, the awaiters
//! that the interpreter recorded, its coroutine, its name.
//!
//! There are two of everything: asyncio's classes in C and in Python. Any mix
//! of both, and subclasses of either, may stand in one graph.

use pyo3::exceptions::PyTypeError;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyFrozenSet, PyList, PySet, PyString, PyTuple, PyType};

use crate::attribute::{Method, is_exactly, is_subtype};
use crate::future_layout::{FutureLayout, new_future};
use crate::reference::{Answer, Raised, Ref};

/// The classes of asyncio, and how to read their objects.
pub(crate) struct Futures {
    /// `_asyncio.Future` and `_asyncio.Task`, or the Python classes where there is no `_asyncio`.
    c_future: Py<PyType>,
    c_task: Py<PyType>,
    /// What `gather` returns; `c_future` where that is no subclass of it.
    c_gathering: Py<PyType>,
    py_future: Py<PyType>,
    py_task: Py<PyType>,
    /// `concurrent.futures.Future`.
    concurrent: Py<PyType>,
    layout: Option<FutureLayout>,
    /// The interpreter's own record, of its futures in C and of those in
    /// Python: CPython 3.14+.
    native_record: Option<RecordFunctions>,
    python_record: Option<RecordFunctions>,
    get_coro: Method,
    get_name: Method,
}

/// What an object is to the graph.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shape {
    /// An `asyncio.Task`.
    Task,
    /// Any other `asyncio.Future`.
    Plain,
    /// A `concurrent.futures.Future`, through which one loop waits for another.
    Concurrent,
}

/// What waits for a future by the interpreter's own record.
pub(crate) enum Recorded<'py> {
    Nobody,
    One(Ref<'py>),
    /// A set, frozen or not.
    Several(Ref<'py>),
}

/// `future_add_to_awaited_by` and `future_discard_from_awaited_by` of asyncio.
struct RecordFunctions {
    add: Py<PyAny>,
    discard: Py<PyAny>,
}

/// Who keeps a record.
pub(crate) enum RecordOf<'a> {
    /// One of the two is no future.
    Nobody,
    /// The interpreter, by these functions.
    Interpreter {
        add: &'a Py<PyAny>,
        discard: &'a Py<PyAny>,
    },
    /// This package.
    Ours,
}

impl RecordFunctions {
    fn find(py: Python<'_>, module: &str, prefix: &str) -> PyResult<Option<Self>> {
        let Ok(module) = py.import(module) else {
            return Ok(None);
        };
        let function = |name: &str| module.getattr_opt(format!("{prefix}{name}"));
        let add = function("future_add_to_awaited_by")?;
        let discard = function("future_discard_from_awaited_by")?;
        Ok(match (add, discard) {
            (Some(add), Some(discard)) => Some(Self {
                add: add.unbind(),
                discard: discard.unbind(),
            }),
            _ => None,
        })
    }
}

impl Futures {
    pub(crate) fn find(py: Python<'_>) -> PyResult<Self> {
        let class = |module: &str, name: &str| -> PyResult<Bound<'_, PyType>> {
            Ok(py.import(module)?.getattr(name)?.cast_into::<PyType>()?)
        };
        let py_future = class("asyncio.futures", "_PyFuture")?;
        let py_task = class("asyncio.tasks", "_PyTask")?;
        // Not the names in asyncio.tasks: some libraries put other classes there.
        let c_future = class("_asyncio", "Future").unwrap_or_else(|_| py_future.clone());
        let c_task = class("_asyncio", "Task").unwrap_or_else(|_| py_task.clone());
        let layout = if c_future.is(&py_future) {
            None
        } else {
            let accelerator = py.import("_asyncio")?;
            let add_to_awaited_by = accelerator.getattr("future_add_to_awaited_by").ok();
            FutureLayout::learn(&c_future, add_to_awaited_by.as_ref())?
        };
        Ok(Self {
            native_record: RecordFunctions::find(py, "_asyncio", "")?,
            python_record: RecordFunctions::find(py, "asyncio.futures", "_py_")?,
            get_coro: Method::new(&c_task, "get_coro"),
            get_name: Method::new(&c_task, "get_name"),
            concurrent: class("concurrent.futures", "Future")?.unbind(),
            c_gathering: class("asyncio.tasks", "_GatheringFuture")
                .ok()
                .filter(|gathering| gathering.is_subclass(&c_future).unwrap_or(false))
                .unwrap_or_else(|| c_future.clone())
                .unbind(),
            c_future: c_future.unbind(),
            c_task: c_task.unbind(),
            py_future: py_future.unbind(),
            py_task: py_task.unbind(),
            layout,
        })
    }

    /// A new future of no loop, to look at.
    pub(crate) fn new_future<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        new_future(self.c_future.bind(py))
    }

    /// Whether `object` is of one of the classes that nearly all futures in C
    /// are of that are no tasks.
    #[inline]
    fn is_exactly_plain(&self, object: &Bound<'_, PyAny>) -> bool {
        is_exactly(object, &self.c_future) || is_exactly(object, &self.c_gathering)
    }

    /// What `object` is to the graph; `None` for anything but a future.
    #[inline]
    pub(crate) fn shape_of(&self, object: &Bound<'_, PyAny>) -> Option<Shape> {
        if is_exactly(object, &self.c_task) {
            Some(Shape::Task)
        } else if self.is_exactly_plain(object) {
            Some(Shape::Plain)
        } else if is_subtype(object, &self.c_task) || is_subtype(object, &self.py_task) {
            Some(Shape::Task)
        } else if is_subtype(object, &self.c_future) || is_subtype(object, &self.py_future) {
            Some(Shape::Plain)
        } else if is_subtype(object, &self.concurrent) {
            Some(Shape::Concurrent)
        } else {
            None
        }
    }

    /// Whether `object` passes for a future of asyncio: by its type or, as
    /// `isinstance` has it, by what it says that its class is.
    pub(crate) fn check(&self, object: &Bound<'_, PyAny>) -> PyResult<Shape> {
        let py = object.py();
        match self.shape_of(object) {
            Some(shape @ (Shape::Task | Shape::Plain)) => return Ok(shape),
            Some(Shape::Concurrent) | None => {}
        }
        for (class, shape) in [
            (&self.c_task, Shape::Task),
            (&self.py_task, Shape::Task),
            (&self.c_future, Shape::Plain),
            (&self.py_future, Shape::Plain),
        ] {
            if object.is_instance(class.bind(py))? {
                return Ok(shape);
            }
        }
        let shown = object.repr()?;
        Err(PyTypeError::new_err(format!(
            "{} object does not appear to be compatible with asyncio.Future",
            shown.to_string_lossy()
        )))
    }

    /// Whether `object` is a future in C, of asyncio's class or of a subclass.
    #[inline]
    pub(crate) fn is_native(&self, object: &Bound<'_, PyAny>) -> bool {
        is_exactly(object, &self.c_task)
            || self.is_exactly_plain(object)
            || (is_subtype(object, &self.c_future) && !self.c_future.is(&self.py_future))
    }

    /// Gives each callback of a future that has not completed to `each`.
    #[inline]
    pub(crate) fn callbacks<'py>(
        &self,
        future: &Bound<'py, PyAny>,
        mut each: impl FnMut(&Bound<'py, PyAny>) -> PyResult<()>,
    ) -> PyResult<()> {
        let py = future.py();
        let others = match &self.layout {
            Some(layout) if self.is_native(future) => {
                // SAFETY: the object is of the type that the layout is of, or of a subtype.
                let (first, others) = unsafe { layout.callbacks(future) };
                if let Some(first) = first {
                    each(&first)?;
                }
                others
            }
            _ => future
                .getattr_opt(intern!(py, "_callbacks"))?
                .map(Ref::from),
        };
        let Some(others) =
            others.and_then(|list| Bound::from(list).cast_into_exact::<PyList>().ok())
        else {
            return Ok(());
        };
        // The list may change under us: by an audit hook, for one.
        let mut index = 0_usize;
        while index < others.len() {
            if let Ok(entry) = others.get_item(index)?.cast_into_exact::<PyTuple>() {
                each(&entry.get_item(0)?)?;
            }
            index = index.saturating_add(1);
        }
        Ok(())
    }

    /// Gives each callback of a `concurrent.futures.Future` to `each`.
    pub(crate) fn callbacks_of_concurrent<'py>(
        &self,
        future: &Bound<'py, PyAny>,
        mut each: impl FnMut(&Bound<'py, PyAny>) -> PyResult<()>,
    ) -> PyResult<()> {
        let Some(list) = future.getattr_opt(intern!(future.py(), "_done_callbacks"))? else {
            return Ok(());
        };
        for callback in list.try_iter()? {
            each(&callback?)?;
        }
        Ok(())
    }

    /// What the interpreter recorded as waiting for a future.
    #[inline]
    pub(crate) fn recorded<'py>(&self, future: &Bound<'py, PyAny>) -> PyResult<Recorded<'py>> {
        if self.python_record.is_none() {
            return Ok(Recorded::Nobody);
        }
        let record = match &self.layout {
            Some(layout) if self.is_native(future) => {
                // SAFETY: the object is of the type that the layout is of, or of a subtype.
                unsafe { layout.awaited_by(future) }
            }
            _ => future
                .getattr_opt(intern!(future.py(), "_asyncio_awaited_by"))?
                .map(Ref::from),
        };
        Ok(match record {
            None => Recorded::Nobody,
            Some(record) if record.is_none() => Recorded::Nobody,
            Some(record)
                if record.is_exact_instance_of::<PySet>()
                    || record.is_exact_instance_of::<PyFrozenSet>() =>
            {
                Recorded::Several(record)
            }
            Some(record) => Recorded::One(record),
        })
    }

    /// Who keeps the record of what waits for `future`, if `waiter` does.
    pub(crate) fn record_of(
        &self,
        future: &Bound<'_, PyAny>,
        waiter: &Bound<'_, PyAny>,
    ) -> RecordOf<'_> {
        let is_ours = |object| matches!(self.shape_of(object), Some(Shape::Task | Shape::Plain));
        if !is_ours(future) || !is_ours(waiter) {
            return RecordOf::Nobody;
        }
        let functions = match (self.is_native(future), self.is_native(waiter)) {
            (true, true) => &self.native_record,
            (false, false) => &self.python_record,
            // Each half of asyncio ignores the futures of the other.
            (true, false) | (false, true) => &None,
        };
        match functions {
            Some(RecordFunctions { add, discard }) => RecordOf::Interpreter { add, discard },
            None => RecordOf::Ours,
        }
    }

    /// What a future executes: `future.get_coro()`, where there is such a method.
    #[inline]
    pub(crate) fn coroutine_of<'py>(
        &self,
        future: &Bound<'py, PyAny>,
    ) -> Result<Option<Ref<'py>>, Raised<'py>> {
        if is_exactly(future, &self.c_task) {
            return Ok(self.get_coro.call(future)?.unless_none());
        }
        if self.is_exactly_plain(future) {
            return Ok(None);
        }
        let get_coro = future.getattr_opt(intern!(future.py(), "get_coro"));
        let coroutine = get_coro.and_then(|get_coro| match get_coro {
            Some(get_coro) if get_coro.is_truthy()? => {
                Ok(Ref::from(get_coro.call0()?).unless_none())
            }
            _ => Ok(None),
        });
        coroutine.map_err(|error| Raised::set(future.py(), error))
    }

    /// `task.get_name()`.
    #[inline]
    pub(crate) fn name_of<'py>(&self, task: &Bound<'py, PyAny>) -> Answer<'py> {
        self.get_name.call(task)
    }

    /// The name that asyncio keeps for a task, whatever a subclass says.
    pub(crate) fn own_name_of(&self, task: &Bound<'_, PyAny>) -> Option<String> {
        let py = task.py();
        let class = if self.is_native(task) {
            &self.c_task
        } else {
            &self.py_task
        };
        let name = class
            .bind(py)
            .call_method1(intern!(py, "get_name"), (task,))
            .ok()?;
        Some(name.cast::<PyString>().ok()?.to_string_lossy().into_owned())
    }
}
