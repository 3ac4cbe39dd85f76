//! Interpreters and their threads, and the frames that each thread is in.

use crate::frame::RawFrame;
use crate::limits;
use crate::map::HashSet;
use crate::object::Reason::Unexpected;
use crate::object::{Fault, Objects, fault};

/// The bytes that are held for each of those: what is kept of a thread, above all.
const HELD_STATE: u64 = 256;

/// The frames of one thread.
#[derive(Debug, Default)]
pub(crate) struct Stack {
    /// Innermost first.
    pub(crate) frames: Vec<RawFrame>,
    /// Why it breaks off, where it does.
    pub(crate) fault: Option<Fault>,
}

impl Objects<'_> {
    /// The states of all interpreters, in the runtime's order.
    pub(crate) fn interpreters(&self, runtime: u64) -> Result<Vec<u64>, Fault> {
        let head = self.pointer(runtime, self.layout.runtime.interpreters_head)?;
        self.linked(head, self.layout.interpreter.next)
    }

    /// The states of the threads of the interpreter at `addr`.
    pub(crate) fn threads(&self, addr: u64) -> Result<Vec<u64>, Fault> {
        let head = self.pointer(addr, self.layout.interpreter.threads_head)?;
        self.linked(head, self.layout.thread.next)
    }

    /// The frames of the thread whose state is at `addr`.
    pub(crate) fn stack(&self, addr: u64) -> Stack {
        let mut stack = Stack::default();
        if let Err(fault) = self.walk_stack(addr, &mut stack.frames) {
            stack.fault = Some(fault);
        }
        stack
    }

    fn walk_stack(&self, addr: u64, frames: &mut Vec<RawFrame>) -> Result<(), Fault> {
        let mut next = self.current_frame(addr)?;
        self.expect_codes(next);
        let mut seen = HashSet::default();
        while let Some(here) = next {
            if !seen.insert(here) || seen.len() > limits::DEEPEST_STACK {
                return fault(here, &Unexpected("a stack that does not end"));
            }
            let link = self.frame(here)?;
            self.hold_frame()?;
            frames.extend(link.frame);
            next = link.back;
        }
        Ok(())
    }

    /// Has the code of the innermost frames asked for together: each function's
    /// lies somewhere else.
    fn expect_codes(&self, innermost: Option<u64>) {
        let mut codes = Vec::new();
        let mut next = innermost;
        while let Some(here) = next.filter(|_| codes.len() < limits::MOST_CODES_AT_ONCE)
            && let Ok((code, back)) = self.code_and_back(here)
        {
            codes.push(code);
            next = back;
        }
        self.expect(&codes);
    }

    fn linked(&self, head: Option<u64>, next: u64) -> Result<Vec<u64>, Fault> {
        let mut found = Vec::new();
        let mut seen = HashSet::default();
        let mut here = head;
        while let Some(addr) = here {
            if !seen.insert(addr) || found.len() >= limits::MOST_STATES {
                return fault(addr, &Unexpected("a list that does not end"));
            }
            self.hold_listed(HELD_STATE)?;
            found.push(addr);
            here = self.pointer(addr, next)?;
        }
        Ok(found)
    }
}
