//! Who waits for a future, and who waits for those, to the end.
//!
//! The answer is a graph of small numbers: each future once, with the numbers
//! of what waits for it. It is complete before anything is made of it, so the
//! making (`capture`, `text`) can walk it as it likes, without recursion.
//!
//! A plain future that only connects (that of a `gather`, a `shield`, a
//! `wait`) is not shown: an edge that leads to one goes on to whatever waits
//! for it.
//!
//! ```text
//!   child ──> future of gather ──> parent      found in the callbacks
//!   child ───────────────────────> parent      shown
//! ```
//!
//! Nearly always that is one step, and is taken at once. Where it is more, the
//! futures in between are nodes that are not shown, so that each is looked at
//! once however many lead through it.
//!
//! asyncio of 3.14 has it the same way: it records the task that called
//! `gather`, not the future. A plain future that the program itself recorded
//! as a waiter is shown.

#![allow(
    clippy::indexing_slicing,
    reason = "the indices are this module's own, and every node outlives them"
)]

use std::ops::Range;

use pyo3::prelude::*;
use smallvec::SmallVec;

use crate::addresses::{Addresses, Number};
use crate::callback::Waiter;
use crate::future::Shape;
use crate::interpreter::Interpreter;
use crate::reference::Ref;

mod waiters;

pub(crate) use waiters::sort_by_name;
use waiters::{in_callbacks, on_record};

/// The futures above one or several, each once.
pub(crate) struct Awaiters<'py> {
    nodes: SmallVec<[Node<'py>; 4]>,
    edges: SmallVec<[Edge; 8]>,
    addresses: Addresses,
    /// Whether all edges lead to nodes that were found later.
    has_only_later_waiters: bool,
    has_hidden: bool,
}

/// The place of a future in the graph.
pub(crate) type NodeIndex = usize;

struct Node<'py> {
    future: Ref<'py>,
    edges: Range<u32>,
    /// The node from which an edge was last seen to lead here.
    seen_from: u32,
    /// The node from which this one, not shown there, was last passed over.
    passed_from: u32,
    /// How many steps from a root it was found.
    depth: u32,
    shape: Shape,
    /// Whether it was asked about, or some edge to it is shown.
    is_shown: bool,
    /// Whether some edges lead to futures that are not shown.
    is_indirect: bool,
}

#[derive(Clone, Copy)]
struct Edge {
    to: u32,
    is_shown: bool,
}

/// No node: there is no memory for so many.
const NOWHERE: u32 = u32::MAX;

/// An order of the nodes.
pub(crate) enum Order {
    /// The last one first.
    Backwards,
    Listed(Vec<NodeIndex>),
}

impl<'py> Awaiters<'py> {
    /// A graph of nothing.
    #[inline]
    pub(crate) fn new() -> Self {
        Self {
            nodes: SmallVec::new(),
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
            let start = self.edges.len() as u32;
            let mut recorded: SmallVec<[Waiter<'py>; 2]> = SmallVec::new();
            on_record(interpreter, &future, shape, |waiter| recorded.push(waiter))?;
            in_callbacks(interpreter, &future, shape, |waiter| {
                let is_shown = waiter.shape == Shape::Task
                    || (recorded.iter()).any(|known| known.object.is(&waiter.object));
                match is_shown {
                    true => {
                        self.connect(next, waiter, true);
                        Ok(())
                    }
                    false => self.connect_through(interpreter, next, waiter),
                }
            })?;
            for waiter in recorded {
                self.connect(next, waiter, true);
            }
            self.nodes[next].edges = start..self.edges.len() as u32;
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
        self.edges_of(node).iter().map(|edge| edge.to as NodeIndex)
    }

    /// The waiter of a node that comes `at` places after the first.
    #[inline]
    pub(crate) fn waiter(&self, node: NodeIndex, at: usize) -> Option<NodeIndex> {
        let edge = self.edges_of(node).get(at)?;
        Some(edge.to as NodeIndex)
    }

    #[inline]
    fn edges_of(&self, node: NodeIndex) -> &[Edge] {
        let Range { start, end } = self.nodes[node].edges;
        self.edges
            .get(start as usize..end as usize)
            .unwrap_or_default()
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
        self.nodes[node].depth as usize
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
            edges: 0..0,
            seen_from: NOWHERE,
            passed_from: NOWHERE,
            depth: 0,
            shape: waiter.shape,
            is_shown: false,
            is_indirect: false,
        });
        node
    }

    /// Adds an edge from the node that is being looked at, if there is none to
    /// this waiter yet.
    #[inline]
    fn connect(&mut self, node: NodeIndex, waiter: Waiter<'py>, is_shown: bool) {
        let number = self.node(waiter);
        let depth = self.nodes[node].depth.saturating_add(1);
        let to = &mut self.nodes[number];
        to.is_shown |= is_shown;
        if to.depth == 0 {
            to.depth = depth;
        }
        if std::mem::replace(&mut to.seen_from, node as u32) != node as u32 {
            self.edges.push(Edge {
                to: number as u32,
                is_shown,
            });
            self.has_only_later_waiters &= number > node;
            if !is_shown {
                self.nodes[node].is_indirect = true;
                self.has_hidden = true;
            }
        }
    }

    /// Adds edges to what waits for a future that only connects.
    #[inline]
    fn connect_through(
        &mut self,
        interpreter: &Interpreter,
        node: NodeIndex,
        hidden: Waiter<'py>,
    ) -> PyResult<()> {
        if self.addresses.has(hidden.object.as_ptr() as usize) {
            self.connect(node, hidden, false);
            return Ok(());
        }
        let mut beyond: SmallVec<[Waiter<'py>; 4]> = SmallVec::new();
        let mut leads_on = false;
        in_callbacks(interpreter, &hidden.object, hidden.shape, |waiter| {
            leads_on |= waiter.shape != Shape::Task;
            beyond.push(waiter);
            Ok(())
        })?;
        if leads_on {
            self.connect(node, hidden, false);
            return Ok(());
        }
        on_record(interpreter, &hidden.object, hidden.shape, |waiter| {
            beyond.push(waiter)
        })?;
        for waiter in beyond {
            self.connect(node, waiter, true);
        }
        Ok(())
    }

    /// Replaces each edge to a node that is not shown by edges to the shown
    /// ones that are reached through it.
    fn pass_over_hidden(&mut self) {
        for node in &mut self.nodes {
            node.seen_from = NOWHERE;
        }
        let mut pending: Vec<Range<u32>> = Vec::new();
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
                let edge = self.edges[at as usize];
                let to = &mut self.nodes[edge.to as usize];
                // One that is shown elsewhere can still be hidden here, and
                // the other way round: each way counts once.
                if edge.is_shown {
                    if std::mem::replace(&mut to.seen_from, node as u32) != node as u32 {
                        reached.push(edge);
                    }
                } else if std::mem::replace(&mut to.passed_from, node as u32) != node as u32 {
                    pending.push(to.edges.clone());
                }
            }
            let start = self.edges.len() as u32;
            self.edges.extend(reached.drain(..));
            self.nodes[node].edges = start..self.edges.len() as u32;
        }
    }
}
