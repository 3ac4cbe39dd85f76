//! Who is woken by a callback of a future.
//!
//! Whatever waits for a future has left a callback in it, so the callbacks
//! tell who waits, on every version and without patching anything:
//!
//! ```text
//!   await            builtin or bound method        its `__self__` is the task
//!   gather, shield,
//!   wait             a function of asyncio          a cell holds the future that stands for it
//!   TaskGroup        bound method                   the group knows its parent
//!   partial(f, fut)  functools.partial              the future among its arguments
//! ```
//!
//! Functions are told apart by their code objects, found in asyncio at import:
//! a name would prove nothing, and comparing names takes longer.

use std::sync::atomic::{AtomicUsize, Ordering};

use pyo3::ffi;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyTuple, PyType};

use crate::attribute::{Field, is_exactly, type_of};
use crate::future::{Futures, Shape};

/// What waits for a future.
pub(crate) struct Waiter<'py> {
    pub(crate) object: Bound<'py, PyAny>,
    pub(crate) shape: Shape,
}

/// The callbacks that asyncio is known to leave, and how to look into them.
pub(crate) struct Callbacks {
    builtin: Py<PyType>,
    function: Py<PyType>,
    method: Py<PyType>,
    partial: Py<PyType>,
    code: Field,
    closure: Field,
    cell_contents: Field,
    method_function: Field,
    method_receiver: Field,
    partial_function: Field,
    partial_args: Field,
    partial_keywords: Field,
    code_name: Field,
    code_free_variables: Field,
    closures: Vec<Closure>,
    methods: Vec<Receiver>,
    /// The C function that wakes a task, once one was seen.
    wakeup: AtomicUsize,
    /// Whether tasks are woken by objects of a type of their own: CPython 3.9.
    has_wrappers: bool,
    /// That type, once one was seen.
    wrapper: AtomicUsize,
}

/// A function inside one of asyncio's, one cell of which leads to who waits.
struct Closure {
    code: Py<PyAny>,
    cell: usize,
    leads_to: LeadsTo,
}

/// A method of asyncio's, the object of which leads to who waits.
struct Receiver {
    function: Py<PyAny>,
    leads_to: LeadsTo,
}

/// What an object found in a callback is.
#[derive(Clone, Copy)]
enum LeadsTo {
    /// The future that waits.
    Waiter,
    /// An `asyncio.Queue`: whoever waits to get from it.
    Queue,
    /// An `asyncio.TaskGroup`: the task that it belongs to.
    TaskGroup,
    /// The iterator of `asyncio.as_completed` of CPython 3.13+.
    AsCompleted,
}

struct KnownClosure {
    module: &'static str,
    function: &'static str,
    inner: &'static str,
    cell: &'static str,
    leads_to: LeadsTo,
}

/// Those that a version lacks are passed over.
const CLOSURES: &[KnownClosure] = &[
    closure(
        "asyncio.tasks",
        "gather",
        "_done_callback",
        "outer",
        LeadsTo::Waiter,
    ),
    // CPython 3.9 has it one function further in.
    closure(
        "asyncio.tasks",
        "_gather",
        "_done_callback",
        "outer",
        LeadsTo::Waiter,
    ),
    closure(
        "asyncio.tasks",
        "shield",
        "_inner_done_callback",
        "outer",
        LeadsTo::Waiter,
    ),
    closure(
        "asyncio.tasks",
        "_wait",
        "_on_completion",
        "waiter",
        LeadsTo::Waiter,
    ),
    // To CPython 3.12.
    closure(
        "asyncio.tasks",
        "as_completed",
        "_on_completion",
        "done",
        LeadsTo::Queue,
    ),
    // wrap_future, run_in_executor, run_coroutine_threadsafe.
    closure(
        "asyncio.futures",
        "_chain_future",
        "_call_set_state",
        "destination",
        LeadsTo::Waiter,
    ),
    // create_connection that tries several addresses.
    closure(
        "asyncio.staggered",
        "staggered_race",
        "task_done",
        "on_completed_fut",
        LeadsTo::Waiter,
    ),
];

const METHODS: &[(&str, &str, &str, LeadsTo)] = &[
    ("asyncio.tasks", "_PyTask", "_Task__wakeup", LeadsTo::Waiter),
    (
        "asyncio.futures",
        "_PyFuture",
        "set_result",
        LeadsTo::Waiter,
    ),
    (
        "asyncio.taskgroups",
        "TaskGroup",
        "_on_task_done",
        LeadsTo::TaskGroup,
    ),
    (
        "asyncio.tasks",
        "_AsCompletedIterator",
        "_handle_completion",
        LeadsTo::AsCompleted,
    ),
];

const fn closure(
    module: &'static str,
    function: &'static str,
    inner: &'static str,
    cell: &'static str,
    leads_to: LeadsTo,
) -> KnownClosure {
    KnownClosure {
        module,
        function,
        inner,
        cell,
        leads_to,
    }
}

impl Callbacks {
    pub(crate) fn find(py: Python<'_>) -> PyResult<Self> {
        let types = py.import("types")?;
        let class = |name: &str| -> PyResult<Bound<'_, PyType>> {
            Ok(types.getattr(name)?.cast_into::<PyType>()?)
        };
        let function = class("FunctionType")?;
        let method = class("MethodType")?;
        let code = class("CodeType")?;
        let partial = py
            .import("functools")?
            .getattr("partial")?
            .cast_into::<PyType>()?;
        let closures = CLOSURES
            .iter()
            .filter_map(|known| Closure::find(py, known).transpose());
        let methods = METHODS.iter().filter_map(|known| Receiver::find(py, known));
        Ok(Self {
            builtin: class("BuiltinFunctionType")?.unbind(),
            code: Field::new(&function, "__code__"),
            closure: Field::new(&function, "__closure__"),
            cell_contents: Field::new(&class("CellType")?, "cell_contents"),
            method_function: Field::new(&method, "__func__"),
            method_receiver: Field::new(&method, "__self__"),
            partial_function: Field::new(&partial, "func"),
            partial_args: Field::new(&partial, "args"),
            partial_keywords: Field::new(&partial, "keywords"),
            code_name: Field::new(&code, "co_name"),
            code_free_variables: Field::new(&code, "co_freevars"),
            closures: closures.collect::<PyResult<_>>()?,
            methods: methods.collect(),
            function: function.unbind(),
            method: method.unbind(),
            partial: partial.unbind(),
            wakeup: AtomicUsize::new(0),
            has_wrappers: py.version_info() < (3, 10),
            wrapper: AtomicUsize::new(0),
        })
    }

    /// Gives what `callback` wakes, as far as that is a future of any kind, to `each`.
    #[inline]
    pub(crate) fn follow<'py>(
        &self,
        callback: &Bound<'py, PyAny>,
        futures: &Futures,
        mut each: impl FnMut(Waiter<'py>),
    ) -> PyResult<()> {
        let mut take = |object: Bound<'py, PyAny>| {
            if let Some(shape) = futures.shape_of(&object) {
                each(Waiter { object, shape });
            }
        };
        if is_exactly(callback, &self.builtin) {
            if let Some(receiver) = self.woken_by_builtin(callback, futures)? {
                take(receiver);
            }
        } else if is_exactly(callback, &self.method) {
            let function = self.method_function.read(callback)?;
            if let Some(known) = self
                .methods
                .iter()
                .find(|known| function.is(&known.function))
            {
                let receiver = self.method_receiver.read(callback)?;
                known.leads_to.waiters(receiver, &mut take)?;
            }
        } else if is_exactly(callback, &self.function) {
            let code = self.code.read(callback)?;
            if let Some(known) = self.closures.iter().find(|known| code.is(&known.code)) {
                if let Some(content) = self.cell(callback, known.cell)? {
                    known.leads_to.waiters(content, &mut take)?;
                }
            } else if let Some(host) = self.anyio_host(callback, &code)? {
                take(host);
            }
        } else if is_exactly(callback, &self.partial) {
            self.held_by_partial(callback, |object| {
                // A task is completed by its coroutine only, never by a callback.
                if matches!(
                    futures.shape_of(&object),
                    Some(Shape::Plain | Shape::Concurrent)
                ) {
                    take(object);
                }
            })?;
        } else if let Some(task) = self.woken_by_wrapper(callback)? {
            take(task);
        }
        Ok(())
    }

    /// The task that `task_wakeup` wakes, or the future that `set_result` completes.
    #[inline]
    fn woken_by_builtin<'py>(
        &self,
        callback: &Bound<'py, PyAny>,
        futures: &Futures,
    ) -> PyResult<Option<Bound<'py, PyAny>>> {
        let py = callback.py();
        // SAFETY: the callback is exactly a builtin function; a static one has no receiver.
        let (function, receiver) = unsafe {
            let function = ffi::PyCFunction_GetFunction(callback.as_ptr());
            let receiver = ffi::PyCFunction_GetSelf(callback.as_ptr());
            (
                function.map_or(0, |function| function as usize),
                Bound::from_borrowed_ptr_or_opt(py, receiver),
            )
        };
        if function != 0 && function == self.wakeup.load(Ordering::Relaxed) {
            return Ok(receiver);
        }
        let Some(receiver) = receiver else {
            return Ok(None);
        };
        let expected = match futures.shape_of(&receiver) {
            Some(Shape::Task) => "task_wakeup",
            Some(Shape::Plain) => "set_result",
            Some(Shape::Concurrent) | None => return Ok(None),
        };
        if callback.getattr(intern!(py, "__name__"))?.eq(expected)? {
            if expected == "task_wakeup" {
                self.wakeup.store(function, Ordering::Relaxed);
            }
            return Ok(Some(receiver));
        }
        Ok(None)
    }

    /// The task that an object of a type of its own wakes: CPython 3.9.
    fn woken_by_wrapper<'py>(
        &self,
        callback: &Bound<'py, PyAny>,
    ) -> PyResult<Option<Bound<'py, PyAny>>> {
        if !self.has_wrappers {
            return Ok(None);
        }
        let py = callback.py();
        let known = self.wrapper.load(Ordering::Relaxed);
        let own = type_of(callback) as usize;
        if own != known {
            let name = callback.get_type().getattr(intern!(py, "__name__"))?;
            if known != 0 || !name.eq("TaskWakeupMethWrapper")? {
                return Ok(None);
            }
            // A static type, which is never freed.
            self.wrapper.store(own, Ordering::Relaxed);
        }
        callback.getattr_opt(intern!(py, "__self__"))
    }

    /// What is in a cell of a function.
    fn cell<'py>(
        &self,
        function: &Bound<'py, PyAny>,
        index: usize,
    ) -> PyResult<Option<Bound<'py, PyAny>>> {
        let closure = self.closure.read(function)?;
        let Ok(closure) = closure.cast_into_exact::<PyTuple>() else {
            return Ok(None);
        };
        // An empty cell is a ValueError.
        Ok(closure
            .get_item(index)
            .and_then(|cell| self.cell_contents.read(&cell))
            .ok())
    }

    /// Gives the arguments of a partial, and the object of the method in it, to `each`.
    fn held_by_partial<'py>(
        &self,
        partial: &Bound<'py, PyAny>,
        mut each: impl FnMut(Bound<'py, PyAny>),
    ) -> PyResult<()> {
        if let Ok(args) = self.partial_args.read(partial)?.cast_into::<PyTuple>() {
            args.iter().for_each(&mut each);
        }
        if let Ok(keywords) = self.partial_keywords.read(partial)?.cast_into::<PyDict>() {
            keywords.iter().for_each(|(_, value)| each(value));
        }
        let function = self.partial_function.read(partial)?;
        if is_exactly(&function, &self.method) || is_exactly(&function, &self.builtin) {
            each(function.getattr(intern!(partial.py(), "__self__"))?);
        }
        Ok(())
    }

    /// The task that a task group of anyio belongs to, where the callback is
    /// the one that such a group leaves in its children.
    fn anyio_host<'py>(
        &self,
        function: &Bound<'py, PyAny>,
        code: &Bound<'py, PyAny>,
    ) -> PyResult<Option<Bound<'py, PyAny>>> {
        let py = function.py();
        // Names in code are interned, so this is one comparison for all other functions.
        if !self.code_name.read(code)?.is(intern!(py, "task_done")) {
            return Ok(None);
        }
        let Some(backend) = anyio_backend(py)? else {
            return Ok(None);
        };
        let names = self
            .code_free_variables
            .read(code)?
            .cast_into::<PyTuple>()?;
        let Ok(index) = names.index(intern!(py, "self")) else {
            return Ok(None);
        };
        let Some(group) = self.cell(function, index)? else {
            return Ok(None);
        };
        let class = backend.getattr_opt(intern!(py, "TaskGroup"))?;
        if !class.is_some_and(|class| class.is(group.get_type())) {
            return Ok(None);
        }
        match group.getattr_opt(intern!(py, "cancel_scope"))? {
            Some(scope) => scope.getattr_opt(intern!(py, "_host_task")),
            None => Ok(None),
        }
    }
}

impl Closure {
    fn find(py: Python<'_>, known: &KnownClosure) -> PyResult<Option<Self>> {
        let outer = match py.import(known.module) {
            Ok(module) => module.getattr_opt(known.function)?,
            Err(_) => None,
        };
        // Some library may have put something else in its place.
        let Some(code) = outer.map_or(Ok(None), |outer| outer.getattr_opt("__code__"))? else {
            return Ok(None);
        };
        for constant in code.getattr("co_consts")?.try_iter()? {
            let constant = constant?;
            let name = constant.getattr_opt("co_name")?;
            if name.map_or(Ok(false), |name| name.eq(known.inner))? {
                let variables = constant.getattr("co_freevars")?.cast_into::<PyTuple>()?;
                let cell = variables.index(known.cell).ok();
                let code = constant.unbind();
                return Ok(cell.map(|cell| Self {
                    code,
                    cell,
                    leads_to: known.leads_to,
                }));
            }
        }
        Ok(None)
    }
}

impl Receiver {
    fn find(py: Python<'_>, known: &(&str, &str, &str, LeadsTo)) -> Option<Self> {
        let &(module, class, method, leads_to) = known;
        let class = py.import(module).ok()?.getattr(class).ok()?;
        Some(Self {
            function: class.getattr(method).ok()?.unbind(),
            leads_to,
        })
    }
}

impl LeadsTo {
    fn waiters<'py>(
        self,
        object: Bound<'py, PyAny>,
        take: &mut impl FnMut(Bound<'py, PyAny>),
    ) -> PyResult<()> {
        let py = object.py();
        match self {
            Self::Waiter => take(object),
            Self::TaskGroup => {
                if let Some(parent) = object.getattr_opt(intern!(py, "_parent_task"))? {
                    take(parent);
                }
            }
            Self::AsCompleted => {
                if let Some(queue) = object.getattr_opt(intern!(py, "_done"))? {
                    Self::Queue.waiters(queue, take)?;
                }
            }
            Self::Queue => {
                if let Some(getters) = object.getattr_opt(intern!(py, "_getters"))? {
                    for getter in getters.try_iter()? {
                        take(getter?);
                    }
                }
            }
        }
        Ok(())
    }
}

/// anyio's module for asyncio, where the program has imported it.
fn anyio_backend(py: Python<'_>) -> PyResult<Option<Bound<'_, PyAny>>> {
    let modules = py
        .import(intern!(py, "sys"))?
        .getattr(intern!(py, "modules"))?;
    Ok(modules
        .get_item(intern!(py, "anyio._backends._asyncio"))
        .ok())
}
