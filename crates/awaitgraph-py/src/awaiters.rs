//! Who waits for a future, and who waits for those, to the end.
//!
//! The answer is a graph of small numbers: each future once, with the numbers
//! of what waits for it. It is complete before anything is made of it, so the
//! making (`capture`, `text`) can walk it as it likes, without recursion.
//!
//! A plain future that only connects (that of a `gather`, a `shield`, a
//! `wait`) is a node here but is not shown: an edge that leads to one goes on
//! to whatever waits for it.
//!
//! ```text
//!   child ──> future of gather ──> parent      found in the callbacks
//!   child ───────────────────────> parent      shown
//! ```
//!
//! asyncio of 3.14 has it the same way: it records the task that called
//! `gather`, not the future. A plain future that the program itself recorded
//! as a waiter is shown.

#![allow(
    clippy::indexing_slicing,
    reason = "the indices are this module's own, and every node outlives them"
)]

use std::cmp::Ordering;
use std::ops::Range;

use awaitgraph_model::natural_order;
use pyo3::prelude::*;
use smallvec::SmallVec;

use crate::addresses::{Addresses, Number};
use crate::callback::Waiter;
use crate::future::{Futures, Recorded, Shape};
use crate::interpreter::Interpreter;
use crate::record;
use crate::reference::Ref;

/// The futures above one or several, each once.
pub(crate) struct Awaiters<'py> {
    nodes: Vec<Node<'py>>,
    edges: SmallVec<[Edge; 8]>,
    addresses: Addresses,
    /// Whether all edges lead to nodes that were found later.
    has_only_later_waiters: bool,
    has_hidden: bool,
}

/// An order of the nodes.
pub(crate) enum Order {
    /// The last one first.
    Backwards,
    Listed(Vec<NodeIndex>),
}

/// The place of a future in the graph.
pub(crate) type NodeIndex = usize;

struct Node<'py> {
    future: Ref<'py>,
    shape: Shape,
    edges: Range<usize>,
    /// Whether it was asked about, or some edge to it is shown.
    is_shown: bool,
    /// How many steps from a root it was found.
    depth: usize,
    /// Whether some edges lead to futures that are not shown.
    is_indirect: bool,
    /// The node from which an edge was last seen to lead here.
    seen_from: Option<NodeIndex>,
    /// The node from which this one, not shown there, was last passed over.
    passed_from: Option<NodeIndex>,
}

#[derive(Clone, Copy)]
struct Edge {
    to: NodeIndex,
    is_shown: bool,
}

impl<'py> Awaiters<'py> {
    /// A graph of nothing.
    #[inline]
    pub(crate) fn new() -> Self {
        Self {
            nodes: Vec::with_capacity(8),
            edges: SmallVec::new(),
            addresses: Addresses::default(),
            has_only_later_waiters: true,
            has_hidden: false,
        }
    }

    /// Adds a future that is asked about; returns its node. The nodes of all
    /// that are added come before any other.
    #[inline]
    pub(crate) fn add_root(&mut self, root: Waiter<'py>) -> NodeIndex {
        let node = self.node(root);
        self.nodes[node].is_shown = true;
        node
    }

    /// Adds all that waits for the roots, directly or not.
    #[inline]
    pub(crate) fn complete(&mut self, interpreter: &Interpreter) -> PyResult<()> {
        let mut next = 0;
        while let Some(node) = self.nodes.get(next) {
            let (future, shape) = (node.future.clone(), node.shape);
            let start = self.edges.len();
            in_callbacks(interpreter, &future, shape, |waiter| {
                let is_shown = waiter.shape == Shape::Task;
                self.connect(next, start, waiter, is_shown);
            })?;
            on_record(interpreter, &future, shape, |waiter| {
                self.connect(next, start, waiter, true);
            })?;
            self.nodes[next].edges = start..self.edges.len();
            next = next.saturating_add(1);
        }
        if self.has_hidden {
            self.pass_over_hidden();
        }
        Ok(())
    }

    /// The number of nodes, those included that are not shown.
    pub(crate) fn len(&self) -> usize {
        self.nodes.len()
    }

    /// The future of a node.
    #[inline]
    pub(crate) fn future(&self, node: NodeIndex) -> &Ref<'py> {
        &self.nodes[node].future
    }

    /// Whether the future of a node is a task.
    #[inline]
    pub(crate) fn is_task(&self, node: NodeIndex) -> bool {
        self.nodes[node].shape == Shape::Task
    }

    /// What waits for a node.
    #[inline]
    pub(crate) fn waiters(&self, node: NodeIndex) -> impl ExactSizeIterator<Item = NodeIndex> {
        let edges = self.edges.get(self.nodes[node].edges.clone());
        edges.unwrap_or_default().iter().map(|edge| edge.to)
    }

    /// The waiter of a node that comes `at` places after the first.
    #[inline]
    pub(crate) fn waiter(&self, node: NodeIndex, at: usize) -> Option<NodeIndex> {
        let edges = self.edges.get(self.nodes[node].edges.clone())?;
        edges.get(at).map(|edge| edge.to)
    }

    /// All nodes, each after all that wait for it, but for one edge of each cycle.
    #[inline]
    pub(crate) fn waiters_first(&self) -> Order {
        if self.has_only_later_waiters {
            Order::Backwards
        } else {
            Order::Listed(self.post_order())
        }
    }

    fn post_order(&self) -> Vec<NodeIndex> {
        let mut order = Vec::with_capacity(self.nodes.len());
        let mut is_met = vec![false; self.nodes.len()];
        // Nodes on the way from a root, each with the place of the waiter that comes next.
        let mut path: Vec<(NodeIndex, usize)> = Vec::new();
        for root in 0..self.nodes.len() {
            let mut met = Some(root);
            loop {
                if let Some(node) = met
                    && !std::mem::replace(&mut is_met[node], true)
                {
                    path.push((node, 0));
                }
                let Some((node, next)) = path.last_mut() else {
                    break;
                };
                met = self.waiter(*node, *next);
                *next = next.saturating_add(1);
                if met.is_none() {
                    order.push(*node);
                    path.pop();
                }
            }
        }
        order
    }

    /// The fewest of the first `roots` nodes above which all of them stand: those
    /// that wait for none of the others and, of each cycle that is above none of
    /// those, the first.
    pub(crate) fn lowest(&self, roots: usize) -> Vec<NodeIndex> {
        let mut is_waiter = vec![false; self.nodes.len()];
        for node in (0..self.nodes.len()).filter(|&node| self.is_shown(node)) {
            for waiter in self.waiters(node).filter(|&waiter| waiter != node) {
                is_waiter[waiter] = true;
            }
        }
        let (in_doubt, mut lowest): (Vec<_>, Vec<_>) =
            (0..roots).partition(|&node| is_waiter[node]);
        let mut is_covered = vec![false; self.nodes.len()];
        let mut pending = Vec::new();
        let mut cover = |node: NodeIndex| {
            let is_new = !is_covered[node];
            pending.push(node);
            while let Some(node) = pending.pop() {
                if !std::mem::replace(&mut is_covered[node], true) {
                    pending.extend(self.waiters(node));
                }
            }
            is_new
        };
        for &node in &lowest {
            cover(node);
        }
        lowest.extend(in_doubt.into_iter().filter(|&node| cover(node)));
        lowest.sort_unstable();
        lowest
    }

    /// About how many levels below the roots a node is written.
    pub(crate) fn depth(&self, node: NodeIndex) -> usize {
        self.nodes[node].depth
    }

    /// Whether a node is one that is shown.
    pub(crate) fn is_shown(&self, node: NodeIndex) -> bool {
        self.nodes[node].is_shown
    }

    /// The node of a future, which is added if it is new.
    fn node(&mut self, waiter: Waiter<'py>) -> NodeIndex {
        let node = match self.addresses.number(waiter.object.as_ptr() as usize) {
            Number::Known(node) => return node,
            Number::New(node) => node,
        };
        self.nodes.push(Node {
            future: waiter.object,
            shape: waiter.shape,
            edges: 0..0,
            is_shown: false,
            depth: 0,
            is_indirect: false,
            seen_from: None,
            passed_from: None,
        });
        node
    }

    /// Adds an edge to those of `node`, which begin at `start`, if there is none
    /// to this waiter yet.
    #[inline]
    fn connect(&mut self, node: NodeIndex, start: usize, waiter: Waiter<'py>, is_shown: bool) {
        let to = self.node(waiter);
        self.nodes[to].is_shown |= is_shown;
        if self.nodes[to].depth == 0 {
            self.nodes[to].depth = self.nodes[node].depth.saturating_add(1);
        }
        if self.nodes[to].seen_from.replace(node) != Some(node) {
            self.edges.push(Edge { to, is_shown });
            self.has_only_later_waiters &= to > node;
            if !is_shown {
                self.nodes[node].is_indirect = true;
                self.has_hidden = true;
            }
        } else if is_shown {
            let known = self.edges[start..]
                .iter_mut()
                .find(|edge| edge.to == to && !edge.is_shown);
            if let Some(edge) = known {
                edge.is_shown = true;
            }
        }
    }

    /// Replaces each edge to a node that is not shown by edges to the shown
    /// ones that are reached through it.
    fn pass_over_hidden(&mut self) {
        for node in &mut self.nodes {
            node.seen_from = None;
        }
        let mut pending: Vec<Range<usize>> = Vec::new();
        let mut reached: Vec<Edge> = Vec::new();
        for node in 0..self.nodes.len() {
            if !self.nodes[node].is_indirect {
                continue;
            }
            pending.push(self.nodes[node].edges.clone());
            while let Some(edges) = pending.last_mut() {
                let Some(at) = edges.next() else {
                    pending.pop();
                    continue;
                };
                let edge = self.edges[at];
                let to = &mut self.nodes[edge.to];
                // One that is shown elsewhere can still be hidden here, and
                // the other way round: each way counts once.
                if edge.is_shown {
                    if to.seen_from.replace(node) != Some(node) {
                        reached.push(edge);
                    }
                } else if to.passed_from.replace(node) != Some(node) {
                    pending.push(to.edges.clone());
                }
            }
            let start = self.edges.len();
            self.edges.extend(reached.drain(..));
            self.nodes[node].edges = start..self.edges.len();
        }
    }
}

/// Gives what waits for a future, as its callbacks tell, to `each`.
#[inline]
fn in_callbacks<'py>(
    interpreter: &Interpreter,
    future: &Bound<'py, PyAny>,
    shape: Shape,
    mut each: impl FnMut(Waiter<'py>),
) -> PyResult<()> {
    let Interpreter {
        futures, callbacks, ..
    } = interpreter;
    let follow = |callback: &Bound<'py, PyAny>| callbacks.follow(callback, futures, &mut each);
    match shape {
        Shape::Task | Shape::Plain => futures.callbacks(future, follow),
        Shape::Concurrent => futures.callbacks_of_concurrent(future, follow),
    }
}

/// Gives what waits for a future, as the interpreter and the program have
/// recorded it, to `each`.
#[inline]
fn on_record<'py>(
    interpreter: &Interpreter,
    future: &Bound<'py, PyAny>,
    shape: Shape,
    mut each: impl FnMut(Waiter<'py>),
) -> PyResult<()> {
    if shape == Shape::Concurrent {
        return Ok(());
    }
    let futures = &interpreter.futures;
    let waiter = |object: Ref<'py>| match futures.shape_of(&object) {
        Some(shape @ (Shape::Task | Shape::Plain)) => Some(Waiter { object, shape }),
        Some(Shape::Concurrent) | None => None,
    };
    match futures.recorded(future)? {
        Recorded::Nobody => {}
        Recorded::One(object) => waiter(object).into_iter().for_each(&mut each),
        Recorded::Several(set) => {
            let objects = set.try_iter()?.collect::<PyResult<Vec<_>>>()?;
            let mut waiters: Vec<_> = objects
                .into_iter()
                .map(Ref::from)
                .filter_map(waiter)
                .collect();
            // They come in the order of their addresses.
            sort_by_name(futures, &mut waiters);
            waiters.into_iter().for_each(&mut each);
        }
    }
    record::waiters(future)
        .into_iter()
        .map(Ref::from)
        .filter_map(waiter)
        .for_each(each);
    Ok(())
}

/// Puts waiters into an order that is the same in every run: tasks by name, as
/// people list names, then futures.
pub(crate) fn sort_by_name(futures: &Futures, waiters: &mut [Waiter<'_>]) {
    waiters.sort_by_cached_key(|waiter| {
        let name = (waiter.shape == Shape::Task).then(|| futures.own_name_of(&waiter.object));
        (Named(name.flatten()), waiter.object.as_ptr() as usize)
    });
}

/// A name, or none: those come last.
#[derive(PartialEq, Eq)]
struct Named(Option<String>);

impl Ord for Named {
    fn cmp(&self, other: &Self) -> Ordering {
        match (&self.0, &other.0) {
            (Some(a), Some(b)) => natural_order(a, b),
            (a, b) => b.is_some().cmp(&a.is_some()),
        }
    }
}

impl PartialOrd for Named {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}
