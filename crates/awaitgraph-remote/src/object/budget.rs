//! How much one snapshot may take.
//!
//! Every walk has a bound of its own. But walks nest, and in memory that lies
//! each step of one may lead to the whole of another: a million tasks that
//! share a chain of a million coroutines are a few megabytes. So all walks of
//! a snapshot draw on one budget, which a million honest tasks do not use up.
//! When it is used up, nothing more can be read, and the snapshot says so.

use std::cell::Cell;

use super::{Fault, Objects};

/// What a snapshot may take.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    /// Steps: each read is one, and one more for each 64 bytes of it.
    pub(crate) steps: u64,
    /// Bytes of what was found, and of what is kept to find it.
    pub(crate) held: u64,
}

impl Limits {
    /// Those of a snapshot. A million tasks, ten frames deep, take a third of
    /// the steps and half of the bytes.
    pub(crate) const SNAPSHOT: Self = Self {
        steps: 1 << 29,
        held: 4 * 1024 * 1024 * 1024,
    };
    /// Those of a question that is answered from a few objects.
    pub(crate) const QUESTION: Self = Self {
        steps: 1 << 20,
        held: 1024 * 1024,
    };
}

/// What is left.
#[derive(Debug)]
pub(super) struct Budget {
    limits: Limits,
    steps: Cell<u64>,
    held: Cell<u64>,
    used_up: Cell<Option<&'static str>>,
}

impl Budget {
    pub(super) fn new(limits: Limits) -> Self {
        Self {
            limits,
            steps: Cell::new(limits.steps),
            held: Cell::new(limits.held),
            used_up: Cell::new(None),
        }
    }

    fn hold(&self, bytes: u64, leaving: u64) -> Result<(), Fault> {
        match self.held.get().checked_sub(bytes) {
            Some(left) if left >= leaving => {
                self.held.set(left);
                Ok(())
            }
            _ => self.too_much("it takes more memory than one snapshot may"),
        }
    }

    fn too_much(&self, what: &'static str) -> Result<(), Fault> {
        self.used_up.set(Some(what));
        Err(Fault::TooMuch { what })
    }
}

impl Objects<'_> {
    /// Accounts for work.
    pub(crate) fn spend(&self, steps: u64) -> Result<(), Fault> {
        let left = &self.budget.steps;
        match left.get().checked_sub(steps) {
            Some(rest) => {
                left.set(rest);
                Ok(())
            }
            None => self
                .budget
                .too_much("it takes more steps than one snapshot may"),
        }
    }

    /// Accounts for memory that is kept until the snapshot is finished.
    pub(crate) fn hold(&self, bytes: u64) -> Result<(), Fault> {
        self.budget.hold(bytes, 0)
    }

    /// The same for what is only a list of what will be looked at: half of all
    /// memory is left for that.
    pub(crate) fn hold_listed(&self, bytes: u64) -> Result<(), Fault> {
        self.budget.hold(bytes, self.budget.limits.held / 2)
    }

    /// What was used up, if anything was.
    pub(crate) fn used_up(&self) -> Option<&'static str> {
        self.budget.used_up.get()
    }
}
