//! The task that is running now, and the frames of this thread that are its own.
//!
//! ```text
//!   top        helper()            what the task is in
//!              async inner()
//!              async main()        the task's own coroutine: here its stack ends
//!              Handle._run()       the loop, and whatever started it
//!   bottom     <module>
//! ```

use pyo3::exceptions::PyValueError;
use pyo3::ffi;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyType};

use crate::attribute::{Field, Function};
use crate::frame::{CallFrame, Limit, Stack};
use crate::planted::{load, place_of};
use crate::reference::Ref;

/// How to find them.
pub(crate) struct Running {
    get_running_loop: Function,
    /// `asyncio.current_task` as it was at import.
    current_task: Function,
    /// The same for tasks in Python, which that in C does not know: CPython 3.14+.
    current_task_in_python: Option<Function>,
    /// The namespace of `asyncio.tasks`.
    tasks: Py<PyDict>,
    frame_back: Field,
    frame_code: Field,
    code_flags: Field,
    owner: Option<OwnerPlace>,
}

pub(crate) const CO_GENERATOR: i32 = 0x0020;
pub(crate) const CO_COROUTINE: i32 = 0x0080;
pub(crate) const CO_ASYNC_GENERATOR: i32 = 0x0200;
const CO_SUSPENDABLE: i32 = CO_GENERATOR | CO_COROUTINE | CO_ASYNC_GENERATOR;

impl Running {
    pub(crate) fn find(py: Python<'_>) -> PyResult<Self> {
        let types = py.import("types")?;
        let frame = types.getattr("FrameType")?.cast_into::<PyType>()?;
        let code = types.getattr("CodeType")?.cast_into::<PyType>()?;
        let tasks = py.import("asyncio.tasks")?;
        Ok(Self {
            get_running_loop: Function::new(
                &py.import("asyncio.events")?.getattr("_get_running_loop")?,
            ),
            current_task: Function::new(&tasks.getattr("current_task")?),
            current_task_in_python: tasks
                .getattr_opt("_py_current_task")?
                .map(|function| Function::new(&function)),
            tasks: tasks.dict().unbind(),
            frame_back: Field::new(&frame, "f_back"),
            frame_code: Field::new(&frame, "f_code"),
            owner: if code.hasattr("co_qualname")? {
                None
            } else {
                OwnerPlace::learn(py)?
            },
            code_flags: Field::new(&code, "co_flags"),
        })
    }

    /// Whether an event loop is running in this thread.
    #[inline]
    pub(crate) fn has_loop(&self, py: Python<'_>) -> PyResult<bool> {
        Ok(!self.get_running_loop.call(py)?.is_none())
    }

    /// The task that the running loop of this thread is executing.
    #[inline]
    pub(crate) fn task<'py>(&self, py: Python<'py>) -> PyResult<Option<Ref<'py>>> {
        // Looked up each time: a program may have put another one in its place.
        let Some(current_task) = self.tasks.bind(py).get_item(intern!(py, "current_task"))? else {
            return Ok(None);
        };
        if !self.current_task.is(&current_task) {
            return Ok(Ref::from(current_task.call0()?).unless_none());
        }
        let task = self.current_task.call(py)?.unless_none();
        match &self.current_task_in_python {
            Some(in_python) if task.is_none() => Ok(in_python.call(py)?.unless_none()),
            _ => Ok(task),
        }
    }

    /// Puts the frames of this thread that belong to the running task into
    /// `stack`, innermost first, without the first `skip`.
    ///
    /// `end` is the frame of the task's coroutine. Where that is not on the
    /// thread's stack the outermost frame is, as in asyncio itself, the first
    /// coroutine that was called by something else than a coroutine.
    ///
    /// # Errors
    ///
    /// `ValueError` where the whole thread has no more than `skip` frames.
    pub(crate) fn stack<'py>(
        &self,
        py: Python<'py>,
        end: Option<&Bound<'py, PyAny>>,
        skip: usize,
        limit: Limit,
        stack: &mut Stack<'py>,
    ) -> PyResult<()> {
        if limit == Limit::Outermost(0) {
            return Ok(());
        }
        // SAFETY: the interpreter is ours; there is no frame where no Python code called us.
        let top: Option<Ref<'py>> = unsafe { Ref::borrowed(py, ffi::PyEval_GetFrame().cast()) };
        let mut next = top;
        for _ in 0..skip {
            let Some(frame) = next else { break };
            next = self.back(&frame)?;
        }
        if next.is_none() {
            return Err(PyValueError::new_err("call stack is not deep enough"));
        }

        let mut ends = false;
        while let Some(frame) = next
            && !ends
        {
            ends = end.is_some_and(|end| end.is(&frame));
            next = self.back(&frame)?;
            let owner = self.owner.and_then(|place| place.owner_of(&frame));
            stack.push(CallFrame { frame, owner });
        }
        if !ends && let Some(outermost) = self.first_end(stack)? {
            stack.truncate(outermost.saturating_add(1));
        }
        match limit {
            Limit::All => {}
            Limit::Outermost(most) => {
                let surplus = stack.len().saturating_sub(most);
                drop(stack.drain(..surplus));
            }
            Limit::Innermost(most) => stack.truncate(most),
        }
        Ok(())
    }

    /// The first frame of a coroutine that was called by a plain function.
    fn first_end(&self, stack: &[CallFrame<'_>]) -> PyResult<Option<usize>> {
        let mut called_by = stack.iter().skip(1);
        for (index, CallFrame { frame, .. }) in stack.iter().enumerate() {
            let Some(caller) = called_by.next() else {
                break;
            };
            let is_coroutine = self.flags(frame)? & (CO_COROUTINE | CO_ASYNC_GENERATOR) != 0;
            if is_coroutine && self.flags(&caller.frame)? & CO_SUSPENDABLE == 0 {
                return Ok(Some(index));
            }
        }
        Ok(None)
    }

    fn flags(&self, frame: &Bound<'_, PyAny>) -> PyResult<i32> {
        self.code_flags
            .read(&*self.frame_code.read(frame)?)?
            .extract()
    }

    fn back<'py>(&self, frame: &Bound<'py, PyAny>) -> PyResult<Option<Ref<'py>>> {
        Ok(Some(self.frame_back.read(frame)?).filter(|back| !back.is_none()))
    }
}

/// Where a frame points to the coroutine or generator whose it is: to CPython
/// 3.10, where that alone knows the qualified name and nothing else leads to it.
///
/// Learnt by looking for a known generator in its own frame. CPython keeps the
/// pointer only as long as the generator lives.
#[derive(Clone, Copy)]
struct OwnerPlace(usize);

impl OwnerPlace {
    fn learn(py: Python<'_>) -> PyResult<Option<Self>> {
        let generator = py.eval(c"(0 for _ in ())", None, None)?;
        let frame = generator.getattr("gi_frame")?;
        let size = frame.get_type().getattr("__basicsize__")?.extract()?;
        Ok(place_of(&generator, &frame, size).map(Self))
    }

    fn owner_of<'py>(self, frame: &Bound<'py, PyAny>) -> Option<Ref<'py>> {
        // SAFETY: a frame has a pointer to an object, or null, at this place.
        unsafe { load(frame, self.0) }
    }
}
