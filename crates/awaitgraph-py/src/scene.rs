//! What a call asks about: a future or the running task, those that wait for
//! it, and how much of their stacks is wanted.

use std::cell::Cell;

use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;

use crate::awaiters::{Awaiters, NodeIndex};
use crate::callback::Waiter;
use crate::frame::{CallFrame, Limit, Stack};
use crate::interpreter::Interpreter;
use crate::reference::Raised;

/// The graph that is to be captured or written out. The future that was asked
/// about is its first node.
pub(crate) struct Scene<'a, 'py> {
    pub(crate) interpreter: &'a Interpreter,
    pub(crate) awaiters: Awaiters<'py>,
    limit: Limit,
    /// The node of the running task, and its frames, where those of this thread
    /// were asked for.
    running: Cell<Option<Running<'py>>>,
}

type Running<'py> = (NodeIndex, Vec<CallFrame<'py>>);

impl<'py> Scene<'_, 'py> {
    /// Looks at the scene around `future`, or around the running task; `None`
    /// where no future is given and no task is running.
    ///
    /// The frames of the running task are those of this thread without the
    /// first `skip`.
    ///
    /// # Errors
    ///
    /// `RuntimeError` where no future is given and no loop is running,
    /// `TypeError` where something else than a future is given.
    #[inline]
    pub(crate) fn with<R>(
        py: Python<'py>,
        future: Option<&Bound<'py, PyAny>>,
        skip: usize,
        limit: Limit,
        look: impl FnOnce(&Scene<'_, 'py>) -> PyResult<R>,
    ) -> PyResult<Option<R>> {
        let interpreter = Interpreter::get(py)?;
        let has_loop = interpreter.running.has_loop(py)?;
        let current = match has_loop {
            true => interpreter.running.task(py)?,
            false => None,
        };
        let object = match (future, &current) {
            (Some(future), _) => future.clone().into(),
            (None, Some(current)) => current.clone(),
            (None, None) if has_loop => return Ok(None),
            (None, None) => return Err(no_loop()),
        };
        let shape = interpreter.futures.check(&object)?;
        let mut scene = Scene {
            interpreter,
            awaiters: Awaiters::new(),
            limit,
            running: Cell::new(None),
        };
        if current.is_some_and(|current| object.is(&current)) {
            let stack = running_stack(interpreter, &object, skip, limit)?;
            scene.running.set(Some((0, stack)));
        }
        scene.awaiters.add_root(Waiter { object, shape });
        scene.awaiters.complete(interpreter)?;
        look(&scene).map(Some)
    }

    /// Looks at the scene around all of some different tasks, the running one
    /// included with all its frames.
    pub(crate) fn with_all<R>(
        py: Python<'py>,
        tasks: Vec<Waiter<'py>>,
        look: impl FnOnce(&Scene<'_, 'py>) -> PyResult<R>,
    ) -> PyResult<R> {
        let interpreter = Interpreter::get(py)?;
        let mut scene = Scene {
            interpreter,
            awaiters: Awaiters::new(),
            limit: Limit::All,
            running: Cell::new(None),
        };
        let current = match interpreter.running.has_loop(py)? {
            true => interpreter.running.task(py)?,
            false => None,
        };
        for task in tasks {
            let is_running = current
                .as_ref()
                .is_some_and(|current| task.object.is(current));
            let node = scene.awaiters.add_root(task);
            if is_running {
                let task = scene.awaiters.future(node);
                let stack = running_stack(interpreter, task, 0, Limit::All)?;
                scene.running.set(Some((node, stack)));
            }
        }
        scene.awaiters.complete(interpreter)?;
        look(&scene)
    }

    /// Puts the frames of a node into `stack`, innermost first. To be asked
    /// once for each node.
    #[inline]
    pub(crate) fn stack(&self, node: NodeIndex, stack: &mut Stack<'py>) -> Result<(), Raised<'py>> {
        match self.running.take() {
            Some((running, frames)) if running == node => {
                stack.extend(frames);
                return Ok(());
            }
            other => self.running.set(other),
        }
        if self.limit == Limit::Outermost(0) {
            return Ok(());
        }
        match self
            .interpreter
            .futures
            .coroutine_of(self.awaiters.future(node))?
        {
            Some(coroutine) => {
                let frames = &self.interpreter.frames;
                frames.suspended(coroutine, self.limit, stack)
            }
            None => Ok(()),
        }
    }
}

fn running_stack<'py>(
    interpreter: &Interpreter,
    task: &Bound<'py, PyAny>,
    skip: usize,
    limit: Limit,
) -> PyResult<Vec<CallFrame<'py>>> {
    let py = task.py();
    // Only to know where the task's frames end: a task that cannot tell its
    // coroutine still has frames.
    let coroutine = interpreter.futures.coroutine_of(task).ok().flatten();
    let end = match &coroutine {
        Some(coroutine) => interpreter.frames.frame_of(coroutine)?,
        None => None,
    };
    let mut stack = Stack::new();
    interpreter
        .running
        .stack(py, end.as_deref(), skip, limit, &mut stack)?;
    Ok(stack.into_vec())
}

#[cold]
fn no_loop() -> PyErr {
    PyRuntimeError::new_err("no future was given, and no event loop is running in this thread")
}
