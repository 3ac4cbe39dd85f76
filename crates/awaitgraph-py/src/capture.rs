//! The awaiters of a future as Python objects.
//!
//! Each future is made into one `FutureCallGraph`, shared by all that it waits
//! for. A frozen object is made after what it holds, so the walk goes up first
//! and makes the objects on its way back. Where it comes to a future that it is
//! still on the way from, it has gone around a cycle: there it puts an object
//! that holds the future and its stack, and no awaiters.

#![allow(
    clippy::indexing_slicing,
    reason = "there is a state for each node of the scene"
)]

use pyo3::prelude::*;
use smallvec::SmallVec;

use crate::awaiters::NodeIndex;
use crate::entries::tuple;
use crate::frame::Stack;
use crate::scene::Scene;

/// Objects that were made.
pub(crate) type Made<'py> = SmallVec<[Bound<'py, PyAny>; 8]>;

/// The `FutureCallGraph` of each of the first `roots` nodes of a scene.
pub(crate) fn capture<'py>(
    py: Python<'py>,
    scene: &mut Scene<'_, 'py>,
    roots: usize,
) -> PyResult<Made<'py>> {
    let states = std::iter::repeat_with(|| State::New)
        .take(scene.awaiters.len())
        .collect();
    let mut capture = Capture {
        py,
        scene,
        states,
        path: SmallVec::new(),
        made: SmallVec::new(),
        frames: SmallVec::new(),
    };
    for root in 0..roots {
        capture.run(root)?;
    }
    Ok(capture.made)
}

struct Capture<'s, 'a, 'py> {
    py: Python<'py>,
    scene: &'s mut Scene<'a, 'py>,
    states: SmallVec<[State<'py>; 8]>,
    path: SmallVec<[Step; 8]>,
    /// The objects of the roots that are done, then those of the awaiters, as
    /// far as they are made, of each future on the path.
    made: Made<'py>,
    frames: Stack<'py>,
}

enum State<'py> {
    New,
    /// On the path. The stack is known.
    Open(Bound<'py, PyAny>),
    Done(Bound<'py, PyAny>),
}

/// A future on the way up.
struct Step {
    node: NodeIndex,
    /// Which of its awaiters comes next.
    next: usize,
}

impl<'py> Capture<'_, '_, 'py> {
    /// Adds the object of `root` to what is made.
    fn run(&mut self, root: NodeIndex) -> PyResult<()> {
        self.arrive(root)?;
        while let Some(step) = self.path.last_mut() {
            match self.scene.awaiters.waiter(step.node, step.next) {
                Some(waiter) => {
                    step.next = step.next.saturating_add(1);
                    self.arrive(waiter)?;
                }
                None => self.finish()?,
            }
        }
        Ok(())
    }

    #[inline]
    fn arrive(&mut self, node: NodeIndex) -> PyResult<()> {
        let classes = &self.scene.interpreter.classes;
        match &self.states[node] {
            State::Done(graph) => self.made.push(graph.clone()),
            State::Open(stack) => {
                let future = self.scene.awaiters.future(node).clone();
                let nobody = tuple(self.py, std::iter::empty())?;
                self.made
                    .push(classes.graph(future, stack.clone(), nobody)?);
            }
            State::New => {
                self.scene.stack(node, &mut self.frames)?;
                let stack = classes.call_stack(self.py, &mut self.frames)?;
                self.states[node] = State::Open(stack);
                self.path.push(Step { node, next: 0 });
            }
        }
        Ok(())
    }

    /// Makes the object of the future at the end of the path.
    #[inline]
    fn finish(&mut self) -> PyResult<()> {
        let Some(Step { node, next }) = self.path.pop() else {
            return Ok(());
        };
        let State::Open(stack) = std::mem::replace(&mut self.states[node], State::New) else {
            return Ok(());
        };
        let first = self.made.len().saturating_sub(next);
        let awaited_by = tuple(self.py, self.made.drain(first..).map(Ok))?;
        let future = self.scene.awaiters.future(node).clone();
        let graph = self
            .scene
            .interpreter
            .classes
            .graph(future, stack, awaited_by)?;
        self.states[node] = State::Done(graph.clone());
        self.made.push(graph);
        Ok(())
    }
}
