//! How much one snapshot may take.
//!
//! Every walk has a bound of its own. But walks nest, and in memory that lies
//! each step of one may lead to the whole of another: a million tasks that
//! share a chain of a million coroutines are a few megabytes. So all walks of
//! a snapshot draw on one budget, which a million honest tasks do not use up.
//! When it is used up, nothing more can be read, and the snapshot says so.

use std::cell::Cell;
use std::time::Instant;

use super::Reason::TooMuch;
use super::{Fault, Objects, Reason};
use crate::limits::Limits;

/// After how many steps the clock is looked at.
const STEPS_BY_THE_CLOCK: u64 = 1 << 14;

/// What is left.
#[derive(Debug)]
pub(super) struct Budget {
    limits: Limits,
    steps: Cell<u64>,
    held: Cell<u64>,
    used_up: Cell<Option<Fault>>,
    begin: Instant,
}

impl Budget {
    pub(super) fn new(limits: Limits) -> Self {
        Self {
            limits,
            steps: Cell::new(limits.steps),
            held: Cell::new(limits.held),
            used_up: Cell::new(None),
            begin: Instant::now(),
        }
    }

    fn hold(&self, bytes: u64, leaving: u64) -> Result<(), Fault> {
        match self.held.get().checked_sub(bytes) {
            Some(left) if left >= leaving => {
                self.held.set(left);
                Ok(())
            }
            _ => self.too_much(&TooMuch("it takes more memory than one snapshot may")),
        }
    }

    #[cold]
    fn too_much(&self, what: &'static Reason) -> Result<(), Fault> {
        let fault = Fault::new(0, what);
        self.used_up.set(Some(fault));
        Err(fault)
    }
}

impl Objects<'_> {
    /// Accounts for work.
    pub(crate) fn spend(&self, steps: u64) -> Result<(), Fault> {
        let left = &self.budget.steps;
        let before = left.get();
        match before.checked_sub(steps) {
            Some(rest) => {
                left.set(rest);
                if before / STEPS_BY_THE_CLOCK != rest / STEPS_BY_THE_CLOCK
                    && self.budget.begin.elapsed() > self.budget.limits.time
                {
                    left.set(0);
                    return self
                        .budget
                        .too_much(&TooMuch("it takes longer than one snapshot may"));
                }
                Ok(())
            }
            None => self
                .budget
                .too_much(&TooMuch("it takes more steps than one snapshot may")),
        }
    }

    /// Accounts for one step, unless the clock is to be looked at, or none is left.
    #[inline]
    pub(super) fn spend_one(&self) -> bool {
        let left = &self.budget.steps;
        match left.get() {
            before if before.is_multiple_of(STEPS_BY_THE_CLOCK) => false,
            before => {
                left.set(before - 1);
                true
            }
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
    pub(crate) fn used_up(&self) -> Option<Fault> {
        self.budget.used_up.get()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::layout::for_minor;
    use crate::memory::{Memory, Unreadable};

    struct Nothing;

    impl Memory for Nothing {
        fn read(&self, _addr: u64, _buf: &mut [u8]) -> Result<(), Unreadable> {
            Ok(())
        }
    }

    fn steps_within(limits: Limits) -> (u64, Option<String>) {
        let layout = for_minor(11).expect("a layout");
        let objects = Objects::new(&Nothing, &layout, limits);
        let steps = (0..).find(|_| objects.spend(1).is_err());
        let used_up = objects.used_up().map(|why| why.to_string());
        (steps.unwrap_or(0), used_up)
    }

    #[test]
    fn steps_have_an_end() {
        let limits = Limits {
            steps: 100_000,
            ..Limits::SNAPSHOT
        };
        let (steps, why) = steps_within(limits);
        assert_eq!(steps, 100_000);
        let expected = "it takes more steps than one snapshot may";
        assert_eq!(why.as_deref(), Some(expected));
    }

    #[test]
    fn time_has_an_end() {
        let limits = Limits {
            time: Duration::ZERO,
            ..Limits::SNAPSHOT
        };
        let (steps, why) = steps_within(limits);
        assert!(steps <= STEPS_BY_THE_CLOCK, "{steps} steps");
        assert_eq!(
            why.as_deref(),
            Some("it takes longer than one snapshot may")
        );
    }
}
