//! The chain of coroutines that a task is suspended in.
//!
//! ```text
//!   task.coro ─> main() ─awaits─> async_generator_asend ─wraps─> rows() ─awaits─> Future
//! ```
//!
//! What a frame awaits lies on its value stack. CPython puts objects of its
//! own between: `cr_await` ends at them, but each passes on to the one object
//! that it wraps. An awaitable written in Python as a class with `__next__`,
//! or one written in C, is opaque: the chain ends there.

use crate::frame::RawFrame;
use crate::layout::{AwaitSign, FrameStates, StackTop};
use crate::limits;
use crate::map::HashSet;
use crate::object::{Fault, Kind, Objects};

/// A chain of so many links is followed without asking whether it is a circle.
const SHORT: usize = 64;

/// The chain that begins at one coroutine.
#[derive(Debug, Default)]
pub(crate) struct Chain {
    /// Its frames, outermost first.
    pub(crate) frames: Vec<RawFrame>,
    /// Where it ends.
    pub(crate) end: End,
    /// Why it could not be followed to its end.
    pub(crate) fault: Option<Fault>,
}

/// Where a chain ends.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    /// At a coroutine that is not suspended in an `await`: it has not begun,
    /// has ended, or yields to the loop.
    #[default]
    Resting,
    /// At a coroutine that is being executed; its frame is the last of the chain.
    Executing,
    /// At an object that is no coroutine: a future, most likely.
    Awaiting(u64),
}

/// What the threads' stacks say of coroutines that are being executed.
#[derive(Debug, Default)]
pub(crate) struct Stacks {
    /// The frames that are innermost, or directly below that of a plain function.
    below_a_function: HashSet<u64>,
}

impl Stacks {
    /// `stacks` innermost first.
    pub(crate) fn new<'f>(stacks: impl Iterator<Item = &'f [RawFrame]>) -> Self {
        let mut below_a_function = HashSet::default();
        for stack in stacks {
            let mut on_top_is_function = true;
            for frame in stack {
                if on_top_is_function {
                    below_a_function.insert(frame.addr);
                }
                on_top_is_function = frame.generator.is_none();
            }
        }
        Self { below_a_function }
    }
}

/// What a coroutine is doing.
enum State {
    Finished,
    Executing(RawFrame),
    Suspended {
        frame: RawFrame,
        awaits: Option<u64>,
    },
}

impl Objects<'_> {
    /// The chain of coroutines from the one at `addr` inwards.
    pub(crate) fn chain(&self, addr: u64, stacks: &Stacks) -> Chain {
        let mut chain = Chain::default();
        let mut seen = HashSet::default();
        let (mut next, mut steps) = (Some(addr), 0);
        while let Some(here) = next {
            // No chain of coroutines comes back to itself; torn memory may. A short
            // one need not be looked at for that.
            steps += 1;
            if steps > limits::LONGEST_CHAIN || (steps > SHORT && !seen.insert(here)) {
                let what = "a chain of coroutines that does not end";
                chain.fault = Some(Fault::Unexpected { addr: here, what });
                break;
            }
            match self.follow(here, stacks, &mut chain) {
                Ok(awaits) => next = awaits,
                Err(fault) => {
                    chain.fault = Some(fault);
                    break;
                }
            }
        }
        chain
    }

    /// Adds the object at `addr` to the chain and returns what comes after it.
    fn follow(&self, addr: u64, stacks: &Stacks, chain: &mut Chain) -> Result<Option<u64>, Fault> {
        match self.kind_of(addr)? {
            Kind::Generator => match self.generator(addr, stacks)? {
                State::Finished => Ok(None),
                State::Executing(frame) => {
                    self.hold_frame()?;
                    chain.frames.push(frame);
                    chain.end = End::Executing;
                    Ok(None)
                }
                State::Suspended { frame, awaits } => {
                    self.hold_frame()?;
                    chain.frames.push(frame);
                    Ok(awaits)
                }
            },
            Kind::Wrapper => self.pointer(addr, self.layout.object.header),
            _ => {
                chain.end = End::Awaiting(addr);
                Ok(None)
            }
        }
    }

    fn generator(&self, addr: u64, stacks: &Stacks) -> Result<State, Fault> {
        let layout = &self.layout.generator;
        let (frame, created, executing, yields_from) = match layout.states {
            FrameStates::OfFrame => {
                let Some(frame) = self.pointer(addr, layout.frame)? else {
                    return Ok(State::Finished);
                };
                let executing = self.frame_is_executing(frame)?;
                (self.raw_frame(frame)?, false, executing, None)
            }
            FrameStates::Numbered {
                offset,
                created,
                suspended,
                suspended_yield_from,
                executing,
            } => {
                let state = self.u8(addr, offset)?.cast_signed();
                if ![created, suspended, suspended_yield_from, executing].contains(&state) {
                    return Ok(State::Finished);
                }
                let frame = self.raw_frame(addr.wrapping_add(layout.frame))?;
                let yields_from = Some(state == suspended_yield_from);
                (frame, state == created, state == executing, yields_from)
            }
        };
        let Some(mut frame) = frame else {
            return Ok(State::Finished);
        };
        frame.generator = Some(addr);
        if executing {
            return Ok(match self.passes_on_to(frame.addr, stacks)? {
                None => State::Executing(frame),
                awaits => State::Suspended { frame, awaits },
            });
        }
        let awaits = if !created && frame.offset >= 0 && self.awaits(&frame, yields_from)? {
            self.stack_value(frame.addr, self.layout.awaited.depth)?
        } else {
            None
        };
        Ok(State::Suspended { frame, awaits })
    }

    /// What a coroutine passes an exception on to, that is marked as executed
    /// but only has its exception thrown further in (`gen_throw` in
    /// `Objects/genobject.c`): its frame has a value stack in memory, and is on
    /// no thread's stack, or on one with another coroutine's frame on top of it.
    ///
    /// To 3.9 such a one is not marked; from 3.14 all of them are on the stack.
    fn passes_on_to(&self, addr: u64, stacks: &Stacks) -> Result<Option<u64>, Fault> {
        let calls_a_function = stacks.below_a_function.contains(&addr);
        match self.layout.frame.stack_top() {
            StackTop::Count(_) if !calls_a_function => {
                let value = self.stack_value(addr, self.layout.awaited.depth)?;
                match value {
                    Some(value)
                        if matches!(self.kind_of(value)?, Kind::Generator | Kind::Wrapper) =>
                    {
                        Ok(Some(value))
                    }
                    _ => Ok(None),
                }
            }
            _ => Ok(None),
        }
    }

    fn raw_frame(&self, addr: u64) -> Result<Option<RawFrame>, Fault> {
        Ok(self.frame(addr)?.frame)
    }

    /// Whether a suspended frame awaits the value on its stack, and did not
    /// merely yield with that value below.
    fn awaits(&self, frame: &RawFrame, yields_from: Option<bool>) -> Result<bool, Fault> {
        let next = |objects: &Self| -> Result<[u8; 2], Fault> {
            let begin = objects.instructions(frame.code)?;
            objects.bytes(begin, frame.offset.cast_unsigned().wrapping_add(2))
        };
        Ok(match self.layout.awaited.sign {
            AwaitSign::NextIsYieldFrom { opcode } => {
                let [next, _argument] = next(self)?;
                next == opcode
            }
            AwaitSign::ResumeArgument => {
                let [_resume, argument] = next(self)?;
                argument & 3 >= 2
            }
            AwaitSign::State => yields_from.unwrap_or(false),
        })
    }
}
