//! What a call asks about: a future or the running task, those that wait for
//! it, and how much of their stacks is wanted.

use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;

use crate::awaiters::{Awaiters, NodeIndex};
use crate::callback::Waiter;
use crate::frame::{Limit, Stack};
use crate::interpreter::Interpreter;

/// The graph that is to be captured or written out. The future that was asked
/// about is its first node.
pub(crate) struct Scene<'a, 'py> {
    pub(crate) interpreter: &'a Interpreter,
    pub(crate) awaiters: Awaiters<'py>,
    limit: Limit,
    /// The frames of the first node where that is the running task.
    running: Option<Stack<'py>>,
}

impl<'a, 'py> Scene<'a, 'py> {
    /// The scene around `future`, or around the running task; `None` where no
    /// future is given and no task is running.
    ///
    /// The frames of the running task are those of this thread without the
    /// first `skip`.
    ///
    /// # Errors
    ///
    /// `RuntimeError` where no future is given and no loop is running,
    /// `TypeError` where something else than a future is given.
    pub(crate) fn of(
        py: Python<'py>,
        future: Option<&Bound<'py, PyAny>>,
        skip: usize,
        limit: Limit,
    ) -> PyResult<Option<Self>>
    where
        'py: 'a,
    {
        let interpreter: &'a Interpreter = Interpreter::get(py)?;
        let has_loop = interpreter.running.has_loop(py)?;
        let current = if has_loop {
            interpreter.running.task(py)?
        } else {
            None
        };
        let is_running = match (future, &current) {
            (Some(future), Some(current)) => future.is(current),
            (Some(_), None) => false,
            (None, Some(_)) => true,
            (None, None) if has_loop => return Ok(None),
            (None, None) => {
                return Err(PyRuntimeError::new_err(
                    "no future was given, and no event loop is running in this thread",
                ));
            }
        };
        let Some(object) = future.cloned().or(current) else {
            return Ok(None);
        };
        let shape = interpreter.futures.check(&object)?;
        let running = match is_running {
            true => Some(running_stack(interpreter, &object, skip, limit)?),
            false => None,
        };
        let awaiters = Awaiters::of(interpreter, [Waiter { object, shape }])?;
        Ok(Some(Self {
            interpreter,
            awaiters,
            limit,
            running,
        }))
    }

    /// Puts the frames of a node into `stack`, innermost first. To be asked
    /// once for each node.
    #[inline]
    pub(crate) fn stack(&mut self, node: NodeIndex, stack: &mut Stack<'py>) -> PyResult<()> {
        if node == 0
            && let Some(mut running) = self.running.take()
        {
            stack.append(&mut running);
            return Ok(());
        }
        if self.limit == Limit::Outermost(0) {
            return Ok(());
        }
        match self
            .interpreter
            .futures
            .coroutine_of(self.awaiters.future(node))?
        {
            Some(coroutine) => self
                .interpreter
                .frames
                .suspended(coroutine, self.limit, stack),
            None => Ok(()),
        }
    }
}

fn running_stack<'py>(
    interpreter: &Interpreter,
    task: &Bound<'py, PyAny>,
    skip: usize,
    limit: Limit,
) -> PyResult<Stack<'py>> {
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
        .stack(py, end.as_ref(), skip, limit, &mut stack)?;
    Ok(stack)
}
