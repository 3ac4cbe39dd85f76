//! Greenlets: the frames of one that is switched out.
//!
//! SQLAlchemy's asyncio layer runs synchronous code in a greenlet, which
//! switches back to a coroutine with whatever is to be awaited:
//!
//! ```text
//!   handler() ─awaits─> greenlet_spawn() ─awaits─────────────────────> connect()
//!                          │ a variable                                    │
//!                          └─> greenlet: session() ─> await_only() ─has────┘
//! ```
//!
//! Neither a thread's stack nor `cr_await` leads to those frames; the greenlet
//! does. That a coroutine has a greenlet in hand does not make its frames part
//! of the stack: it awaits on behalf of the greenlet only where the innermost
//! frame there has the very thing that is awaited.
//!
//! The layout is that of the extension, which nothing tells but the size of its
//! type. So each step is held against what must be there: a pointer back to
//! the greenlet, a frame object, frames with code to the last.

use crate::frame::{Kept, RawFrame};
use crate::layout::FrameLayout;
use crate::limits;
use crate::map::HashSet;
use crate::object::Reason::Unexpected;
use crate::object::{Fault, Kind, Objects, fault};

/// `PyGreenlet` from 2.0 on, behind the header: a list of weak references, a
/// dict, and the implementation (`greenlet.h`).
const IMPLEMENTATION: u64 = 16;
const SIZE: u64 = 24;
/// To 1.1, the greenlet before it on the C stack comes fifth, then its parent,
/// what it runs, and the frame.
const OLD_PARENT: u64 = 40;
const OLD_FRAME: u64 = 56;
const OLD_SIZE: u64 = 80;

/// `Greenlet` of 2.0 and later (`TGreenlet.hpp`): a table of its methods, and
/// from 3.0 the way back to the greenlet.
const METHODS: u64 = 8;
const BACK: u64 = 8;
/// Then a pointer to an `_PyErr_StackItem` and one such item, and what is handed
/// over at a switch (two), the C stack (five) and the context (one).
const ERROR_POINTER: u64 = 8;
const UP_TO_FRAME: u64 = 8 * (2 + 5 + 1);

/// The innermost frames of a greenlet in which what it has handed over is looked for.
const INNERMOST: usize = 2;

impl Objects<'_> {
    /// Adds the frames of the greenlet that the suspended coroutine whose frame
    /// is the last of `stack` awaits `awaited` for, if it does.
    pub(crate) fn through_greenlet(
        &self,
        frame: &RawFrame,
        awaited: u64,
        stack: &mut Vec<RawFrame>,
    ) -> Result<(), Fault> {
        let variables = self.objects_of(frame)?;
        let mut missing = None;
        for &(value, kind) in &variables {
            if kind != Kind::Greenlet {
                continue;
            }
            match self.switched_out(value) {
                Ok(frames) if self.has_handed_over(&frames, awaited, &variables)? => {
                    stack.extend(frames.into_iter().rev());
                    return Ok(());
                }
                Ok(_) => {}
                Err(fault) => missing = Some(fault),
            }
        }
        missing.map_or(Ok(()), Err)
    }

    /// The frames of a greenlet that is switched out, innermost first.
    fn switched_out(&self, addr: u64) -> Result<Vec<RawFrame>, Fault> {
        let mut frames = Vec::new();
        let Some(object) = self.top_frame(addr)? else {
            // It has not begun, has ended, or runs.
            return Ok(frames);
        };
        if self.kind_of(object)? != Kind::Frame {
            return fault(
                addr,
                &Unexpected("a greenlet in which the frame is not where it should be"),
            );
        }
        let mut next = match &self.layout.frame {
            FrameLayout::Object(_) => Some(object),
            FrameLayout::Interpreter(layout) => self.pointer(object, layout.of_object)?,
        };
        let mut seen = HashSet::default();
        while let Some(here) = next {
            if !seen.insert(here) || seen.len() > limits::DEEPEST_STACK {
                return fault(here, &Unexpected("a greenlet's stack that does not end"));
            }
            let link = self.frame(here)?;
            let Some(mut frame) = link.frame else {
                // What the interpreter has on the C stack, which is another's now.
                return fault(
                    here,
                    &Unexpected("a greenlet's frame that executes no code"),
                );
            };
            self.hold_frame()?;
            frame.kept = Kept::InGreenlet;
            frames.push(frame);
            next = link.back;
        }
        Ok(frames)
    }

    /// The frame object that the greenlet at `addr` keeps while it is switched out.
    fn top_frame(&self, addr: u64) -> Result<Option<u64>, Fault> {
        let unknown =
            &Unexpected("a greenlet of a version that is not known: its frames are missing");
        let Some(type_) = self.base_named(addr, "greenlet.greenlet")? else {
            return fault(addr, unknown);
        };
        let header = self.layout.object.header;
        let size = self.u64(type_, self.layout.type_object.tp_basicsize)?;
        let Some(size) = size.checked_sub(header) else {
            return fault(addr, unknown);
        };
        if size >= OLD_SIZE {
            if let Some(parent) = self.pointer(addr, header + OLD_PARENT)?
                && self.kind_of(parent)? != Kind::Greenlet
            {
                return fault(addr, unknown);
            }
            return self.pointer(addr, header + OLD_FRAME);
        }
        if size != SIZE {
            return fault(addr, unknown);
        }
        let implementation = self.required(
            addr,
            header + IMPLEMENTATION,
            &Unexpected("a greenlet without an implementation"),
        )?;
        let has_way_back = self.u64(implementation, METHODS)? == addr;
        let before = METHODS + if has_way_back { BACK } else { 0 };
        let error = ERROR_POINTER + self.layout.error_item_size;
        self.pointer(implementation, before + error + UP_TO_FRAME)
    }

    /// Whether the innermost of the frames have what is awaited, or an awaitable
    /// of the coroutine's `variables` (what is awaited then may come from its
    /// `__await__`).
    fn has_handed_over(
        &self,
        frames: &[RawFrame],
        awaited: u64,
        variables: &[(u64, Kind)],
    ) -> Result<bool, Fault> {
        let mut wanted = HashSet::default();
        wanted.insert(awaited);
        if self.kind_of(awaited)? == Kind::Wrapper {
            wanted.extend(self.pointer(awaited, self.layout.object.header)?);
        }
        for &(value, _) in variables {
            if self.is_awaitable(value)? {
                wanted.insert(value);
            }
        }
        for frame in frames.iter().take(INNERMOST) {
            let values = self.objects_of(frame)?;
            if values.iter().any(|(value, _)| wanted.contains(value)) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// The values of a frame's variables, and their kinds.
    fn objects_of(&self, frame: &RawFrame) -> Result<Vec<(u64, Kind)>, Fault> {
        let mut found = Vec::new();
        for place in 0..self.variable_count(frame.code)? {
            if let Some(value) = self.variable(frame, place)? {
                found.push((value, self.kind_of(value)?));
            }
        }
        Ok(found)
    }
}
