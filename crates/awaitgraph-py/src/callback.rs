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

mod known;

use known::{Closure, Receiver};

use crate::attribute::{Field, is_exactly, is_subtype, type_of};
use crate::future::{Futures, Shape};
use crate::reference::Ref;

/// What waits for a future.
pub(crate) struct Waiter<'py> {
    pub(crate) object: Ref<'py>,
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
    /// What `run_until_complete` leaves in the main task, which wakes nobody.
    run_until_complete: Py<PyAny>,
    methods: Vec<Receiver>,
    /// The C function that wakes a task, once one was seen.
    wakeup: AtomicUsize,
    /// Whether tasks are woken by objects of a type of their own: CPython 3.9.
    has_wrappers: bool,
    /// That type, once one was seen.
    wrapper: AtomicUsize,
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
            closures: Closure::find_all(py)?,
            run_until_complete: py
                .import("asyncio.base_events")?
                .getattr_opt("_run_until_complete_cb")?
                .unwrap_or_else(|| py.None().into_bound(py))
                .unbind(),
            methods: Receiver::find_all(py)?,
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
        mut each: impl FnMut(Waiter<'py>) -> PyResult<()>,
    ) -> PyResult<()> {
        let mut take = |object: Ref<'py>| match futures.shape_of(&object) {
            Some(shape) => each(Waiter { object, shape }),
            None => Ok(()),
        };
        if is_exactly(callback, &self.builtin) {
            if let Some(receiver) = self.woken_by_builtin(callback, futures)? {
                take(receiver)?;
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
            if callback.is(&self.run_until_complete) {
                return Ok(());
            }
            let code = self.code.read(callback)?;
            if let Some(known) = self.closures.iter().find(|known| code.is(&known.code)) {
                if let Some(content) = self.cell(callback, known.cell)? {
                    known.leads_to.waiters(content, &mut take)?;
                }
            } else if let Some(host) = self.anyio_host(callback, &code)? {
                take(host)?;
            }
        } else if is_exactly(callback, &self.partial) {
            self.held_by_partial(callback, |object| {
                // A task is completed by its coroutine only, never by a callback.
                match futures.shape_of(&object) {
                    Some(Shape::Plain | Shape::Concurrent) => take(object),
                    Some(Shape::Task) | None => Ok(()),
                }
            })?;
        } else if is_subtype(callback, &self.builtin) {
            // One that is told its class: `set_result`, from CPython 3.12.
            if let Some(receiver) = self.woken_by_builtin(callback, futures)? {
                take(receiver)?;
            }
        } else if let Some(task) = self.woken_by_wrapper(callback)? {
            take(task)?;
        }
        Ok(())
    }

    /// The task that `task_wakeup` wakes, or the future that `set_result` completes.
    #[inline]
    fn woken_by_builtin<'py>(
        &self,
        callback: &Bound<'py, PyAny>,
        futures: &Futures,
    ) -> PyResult<Option<Ref<'py>>> {
        let py = callback.py();
        // SAFETY: the callback is exactly a builtin function; a static one has no receiver.
        let (function, receiver) = unsafe {
            let function = ffi::PyCFunction_GetFunction(callback.as_ptr());
            let receiver = ffi::PyCFunction_GetSelf(callback.as_ptr());
            (
                function.map_or(0, |function| function as usize),
                Ref::borrowed(py, receiver),
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
    fn woken_by_wrapper<'py>(&self, callback: &Bound<'py, PyAny>) -> PyResult<Option<Ref<'py>>> {
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
        Ok(callback
            .getattr_opt(intern!(py, "__self__"))?
            .map(Ref::from))
    }

    /// What is in a cell of a function.
    fn cell<'py>(&self, function: &Bound<'py, PyAny>, index: usize) -> PyResult<Option<Ref<'py>>> {
        let closure = self.closure.read(function)?;
        let Ok(closure) = closure.cast_exact::<PyTuple>() else {
            return Ok(None);
        };
        // An empty cell is a ValueError.
        Ok(closure
            .get_item(index)
            .and_then(|cell| Ok(self.cell_contents.read(&cell)?))
            .ok())
    }

    /// Gives the arguments of a partial, and the object of the method in it, to `each`.
    fn held_by_partial<'py>(
        &self,
        partial: &Bound<'py, PyAny>,
        mut each: impl FnMut(Ref<'py>) -> PyResult<()>,
    ) -> PyResult<()> {
        if let Ok(args) = self.partial_args.read(partial)?.cast::<PyTuple>() {
            args.iter().try_for_each(|value| each(value.into()))?;
        }
        if let Ok(keywords) = self.partial_keywords.read(partial)?.cast::<PyDict>() {
            keywords
                .iter()
                .try_for_each(|(_, value)| each(value.into()))?;
        }
        let function = self.partial_function.read(partial)?;
        if is_exactly(&function, &self.method) || is_subtype(&function, &self.builtin) {
            each(function.getattr(intern!(partial.py(), "__self__"))?.into())?;
        }
        Ok(())
    }

    /// The task that a task group of anyio belongs to, where the callback is
    /// the one that such a group leaves in its children.
    fn anyio_host<'py>(
        &self,
        function: &Bound<'py, PyAny>,
        code: &Bound<'py, PyAny>,
    ) -> PyResult<Option<Ref<'py>>> {
        let py = function.py();
        // Names in code are interned, so this is one comparison for all other functions.
        if !self.code_name.read(code)?.is(intern!(py, "task_done")) {
            return Ok(None);
        }
        let Some(backend) = anyio_backend(py)? else {
            return Ok(None);
        };
        let names = self.code_free_variables.read(code)?;
        let names = names.cast::<PyTuple>()?;
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
            Some(scope) => Ok(scope.getattr_opt(intern!(py, "_host_task"))?.map(Ref::from)),
            None => Ok(None),
        }
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
