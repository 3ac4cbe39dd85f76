//! The awaiters of a future as Python objects.
//!
//! Each future is made into one `FutureCallGraph`, shared by all that it waits
//! for. A frozen object is made after what it holds, so those that wait are
//! made before those that they wait for. In a cycle one of them has to come
//! first: where it needs one that is not made yet, it holds a second object for
//! that future, with its stack and without awaiters.

#![allow(
    clippy::indexing_slicing,
    reason = "there is a state for each node of the scene"
)]

use pyo3::prelude::*;
use smallvec::SmallVec;

use crate::awaiters::{NodeIndex, Order};
use crate::entries::tuple;
use crate::frame::Stack;
use crate::reference::{Answer, Ref};
use crate::scene::Scene;

/// The `FutureCallGraph` of the first node of a scene.
#[inline]
pub(crate) fn capture<'py>(py: Python<'py>, scene: &Scene<'_, 'py>) -> PyResult<Ref<'py>> {
    let mut capture = Capture::new(py, scene);
    capture.make_all()?;
    Ok(capture.graph(0)?)
}

/// The `FutureCallGraph` of each of some nodes of a scene, sharing what they share.
pub(crate) fn capture_several<'py>(
    py: Python<'py>,
    scene: &Scene<'_, 'py>,
    nodes: &[NodeIndex],
) -> PyResult<Ref<'py>> {
    let mut capture = Capture::new(py, scene);
    capture.make_all()?;
    Ok(tuple(py, nodes.iter().map(|&node| capture.graph(node)))?)
}

struct Capture<'s, 'a, 'py> {
    py: Python<'py>,
    scene: &'s Scene<'a, 'py>,
    /// What is made of each node.
    made: SmallVec<[Made<'py>; 8]>,
    frames: Stack<'py>,
}

enum Made<'py> {
    Nothing,
    CallStack(Ref<'py>),
    Graph(Ref<'py>),
}

impl<'s, 'a, 'py> Capture<'s, 'a, 'py> {
    #[inline]
    fn new(py: Python<'py>, scene: &'s Scene<'a, 'py>) -> Self {
        let mut made = SmallVec::new();
        made.resize_with(scene.awaiters.len(), || Made::Nothing);
        Self {
            py,
            scene,
            made,
            frames: SmallVec::new(),
        }
    }

    /// Makes the objects of all nodes that are shown.
    #[inline]
    fn make_all(&mut self) -> PyResult<()> {
        match self.scene.awaiters.waiters_first() {
            Order::Backwards => {
                for node in (0..self.made.len()).rev() {
                    self.make(node)?;
                }
            }
            Order::Listed(nodes) => {
                for node in nodes {
                    self.make(node)?;
                }
            }
        }
        Ok(())
    }

    #[inline]
    fn make(&mut self, node: NodeIndex) -> PyResult<()> {
        let Scene {
            awaiters,
            interpreter,
            ..
        } = self.scene;
        if !awaiters.is_shown(node) {
            return Ok(());
        }
        let call_stack = self.call_stack(node)?;
        let waiters = awaiters.waiters(node);
        let awaited_by = tuple(self.py, waiters.map(|waiter| self.graph(waiter)))?;
        let future = awaiters.future(node).clone();
        self.made[node] = Made::Graph(interpreter.classes.graph(future, call_stack, awaited_by)?);
        Ok(())
    }

    /// The object of a node or, where that is not made yet, one that goes no further.
    #[inline]
    fn graph(&mut self, node: NodeIndex) -> Answer<'py> {
        if let Made::Graph(graph) = &self.made[node] {
            return Ok(graph.clone());
        }
        let call_stack = self.call_stack(node)?;
        self.made[node] = Made::CallStack(call_stack.clone());
        let nobody = tuple(self.py, std::iter::empty())?;
        let future = self.scene.awaiters.future(node).clone();
        self.scene
            .interpreter
            .classes
            .graph(future, call_stack, nobody)
    }

    /// The tuple of a node's frames.
    #[inline]
    fn call_stack(&mut self, node: NodeIndex) -> Answer<'py> {
        if let Made::CallStack(call_stack) = &self.made[node] {
            return Ok(call_stack.clone());
        }
        self.scene.stack(node, &mut self.frames)?;
        self.scene
            .interpreter
            .classes
            .call_stack(self.py, &mut self.frames)
    }
}
