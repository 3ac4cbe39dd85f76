//! The chain of coroutines that a task is suspended in.
//!
//! ```text
//!   task.coro ─> main() ─awaits─> async_generator_asend ─wraps─> rows() ─awaits─> Future
//! ```
//!
//! What a frame awaits lies on its value stack. CPython puts objects of its
//! own between: `cr_await` ends at them, but each passes on to the one object
//! that it wraps. Coroutines that Cython has compiled are links like others
//! (`compiled`), and one may await on behalf of a greenlet (`greenlet`). An
//! awaitable written in Python as a class with `__next__`, or another one
//! written in C, is opaque: the chain ends there.

use std::num::NonZeroU64;

use crate::frame::{FrameFields, RawFrame, WORD};
use crate::layout::{AwaitSign, FrameLayout, FrameStates, StackTop};
use crate::limits;
use crate::map::{HashMap, HashSet};
use crate::object::Reason::Unexpected;
use crate::object::{Fault, Kind, Objects, Room};

/// A chain of so many links is followed without asking whether it is a circle.
const SHORT: usize = 64;

/// The chain that begins at one coroutine.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct Chain<'c> {
    /// Its frames, outermost first.
    pub(crate) frames: &'c [RawFrame],
    /// Where it ends.
    pub(crate) end: End,
    /// Why it could not be followed to its end.
    pub(crate) fault: Option<Fault>,
}

/// Chains, their frames one behind the other: they are short and many.
#[derive(Debug, Default)]
pub(crate) struct Chains {
    frames: Vec<RawFrame>,
    /// Of each chain, where its frames begin, and where it ends.
    places: Vec<(usize, End)>,
    faults: HashMap<usize, Fault>,
}

impl Chains {
    /// None yet, and room for so many.
    pub(crate) fn with_capacity(count: usize) -> Self {
        Self {
            // Most tasks are in two or three functions.
            frames: Vec::with_capacity(2 * count),
            places: Vec::with_capacity(count),
            faults: HashMap::default(),
        }
    }

    /// Adds the chain whose frames `follow` adds.
    pub(crate) fn push(&mut self, follow: impl FnOnce(&mut Vec<RawFrame>) -> (End, Option<Fault>)) {
        let begin = self.frames.len();
        let (end, fault) = follow(&mut self.frames);
        if let Some(fault) = fault {
            self.faults.insert(self.places.len(), fault);
        }
        self.places.push((begin, end));
    }

    /// The chain that came in this place.
    #[inline]
    pub(crate) fn get(&self, place: usize) -> Option<Chain<'_>> {
        let &(begin, end) = self.places.get(place)?;
        let behind = self.places.get(place + 1);
        let behind = behind.map_or(self.frames.len(), |&(begin, _)| begin);
        let fault = match self.faults.is_empty() {
            true => None,
            false => self.faults.get(&place).copied(),
        };
        Some(Chain {
            frames: self.frames.get(begin..behind)?,
            end,
            fault,
        })
    }

    /// All of them.
    pub(crate) fn iter(&self) -> impl Iterator<Item = Chain<'_>> {
        (0..self.places.len()).filter_map(|place| self.get(place))
    }
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

/// Adds a frame. There may be millions, of which twice as many would not be held.
fn add(frames: &mut Vec<RawFrame>, frame: RawFrame) {
    if frames.len() == frames.capacity() {
        frames.reserve_exact(frames.len() / 4 + 16);
    }
    frames.push(frame);
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
    /// Adds the frames of the chain of coroutines from the one at `addr`
    /// inwards; where it ends, and why it could not be followed to its end.
    pub(crate) fn chain(
        &self,
        addr: u64,
        stacks: &Stacks,
        frames: &mut Vec<RawFrame>,
    ) -> (End, Option<Fault>) {
        let (mut end, mut missing) = (End::Resting, None);
        let mut seen = HashSet::default();
        let mut room = Room::new();
        let (mut next, mut steps) = (Some(addr), 0);
        while let Some(here) = next {
            // No chain of coroutines comes back to itself; torn memory may. A short
            // one need not be looked at for that.
            steps += 1;
            if steps > limits::LONGEST_CHAIN || (steps > SHORT && !seen.insert(here)) {
                let what = &Unexpected("a chain of coroutines that does not end");
                return (end, Some(Fault::new(here, what)));
            }
            match self.follow(here, stacks, frames, &mut room, (&mut end, &mut missing)) {
                Ok(awaits) => next = awaits,
                Err(fault) => return (end, Some(fault)),
            }
        }
        (end, missing)
    }

    /// Adds the object at `addr` to the chain and returns what comes after it;
    /// says where it ends, and what is missing in the middle.
    fn follow(
        &self,
        addr: u64,
        stacks: &Stacks,
        frames: &mut Vec<RawFrame>,
        room: &mut Room,
        (end, missing): (&mut End, &mut Option<Fault>),
    ) -> Result<Option<u64>, Fault> {
        match self.kind_of(addr)? {
            Kind::Generator => match self.generator(addr, stacks, room)? {
                State::Finished => Ok(None),
                State::Executing(frame) => {
                    self.hold_frame()?;
                    add(frames, frame);
                    *end = End::Executing;
                    Ok(None)
                }
                State::Suspended { frame, awaits } => {
                    self.hold_frame()?;
                    add(frames, frame);
                    if let Some(awaited) = awaits
                        && self.has_greenlets()
                        && let Err(fault) = self.through_greenlet(&frame, awaited, frames)
                    {
                        *missing = Some(fault);
                    }
                    Ok(awaits)
                }
            },
            Kind::Wrapper => self.pointer(addr, self.layout.object.header),
            Kind::Compiled(kind) => {
                let (frame, awaits) = self.compiled(addr, kind)?;
                self.hold_frame()?;
                add(frames, frame);
                Ok(awaits)
            }
            _ => {
                *end = End::Awaiting(addr);
                Ok(None)
            }
        }
    }

    fn generator(&self, addr: u64, stacks: &Stacks, room: &mut Room) -> Result<State, Fault> {
        let layout = &self.layout.generator;
        let (fields, created, executing, yields_from) = match layout.states {
            FrameStates::OfFrame => {
                let Some(frame) = self.pointer(addr, layout.frame)? else {
                    return Ok(State::Finished);
                };
                let fields = self.frame_fields(room, frame)?;
                let executing = self.frame_is_executing(&fields)?;
                (fields, false, executing, None)
            }
            FrameStates::Numbered {
                offset,
                created,
                suspended,
                suspended_yield_from,
                executing,
            } => {
                let fields = self.generator_fields(room, addr)?;
                let state = fields.fields.u8(offset)?.cast_signed();
                if ![created, suspended, suspended_yield_from, executing].contains(&state) {
                    return Ok(State::Finished);
                }
                let yields_from = Some(state == suspended_yield_from);
                (fields, state == created, state == executing, yields_from)
            }
        };
        let Some(mut frame) = self.link(&fields)?.frame else {
            return Ok(State::Finished);
        };
        frame.generator = NonZeroU64::new(addr);
        if executing {
            return Ok(match self.passes_on_to(&fields, stacks)? {
                None => State::Executing(frame),
                awaits => State::Suspended { frame, awaits },
            });
        }
        let awaits = if !created && frame.offset >= 0 && self.awaits(&frame, yields_from)? {
            self.stack_value(&fields, self.layout.awaited.depth)?
        } else {
            None
        };
        Ok(State::Suspended { frame, awaits })
    }

    /// The fields of a generator that has its frame within, and of that frame.
    fn generator_fields<'r>(
        &'r self,
        room: &'r mut Room,
        addr: u64,
    ) -> Result<FrameFields<'r>, Fault> {
        let begin = self.layout.generator.frame;
        let length = match &self.layout.frame {
            FrameLayout::Interpreter(layout) => layout.localsplus + WORD,
            FrameLayout::Object(_) => 0,
        };
        let between = self.layout.object.header..begin.saturating_add(length);
        Ok(FrameFields {
            fields: self.fields(room, addr, between)?,
            addr: addr.wrapping_add(begin),
            begin,
        })
    }

    /// What a coroutine passes an exception on to, that is marked as executed
    /// but only has its exception thrown further in (`gen_throw` in
    /// `Objects/genobject.c`): its frame has a value stack in memory, and is on
    /// no thread's stack, or on one with another coroutine's frame on top of it.
    ///
    /// To 3.9 such a one is not marked; from 3.14 all of them are on the stack.
    fn passes_on_to(&self, frame: &FrameFields<'_>, stacks: &Stacks) -> Result<Option<u64>, Fault> {
        let calls_a_function = stacks.below_a_function.contains(&frame.addr);
        match self.layout.frame.stack_top() {
            StackTop::Count(_) if !calls_a_function => {
                let value = self.stack_value(frame, self.layout.awaited.depth)?;
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

    /// Whether a suspended frame awaits the value on its stack, and did not
    /// merely yield with that value below.
    fn awaits(&self, frame: &RawFrame, yields_from: Option<bool>) -> Result<bool, Fault> {
        let next = |objects: &Self| -> Result<[u8; 2], Fault> {
            let begin = objects.instructions(frame.code)?;
            objects.bytes(
                begin,
                i64::from(frame.offset).cast_unsigned().wrapping_add(2),
            )
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
