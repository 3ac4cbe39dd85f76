//! Frames: which code they execute, where in it, and what called them.
//!
//! ```text
//!   3.8-3.10   tstate.frame ─> PyFrameObject ─f_back─> PyFrameObject ─> ...
//!   3.11-3.12  tstate.cframe ─> current_frame ─> _PyInterpreterFrame ─previous─> ...
//!   3.13+      tstate.current_frame ─> _PyInterpreterFrame ─previous─> ...
//! ```
//!
//! A coroutine's frame is one of these while it is executed. While it is
//! suspended nothing but the coroutine leads to it.

mod variables;

use std::num::NonZeroU64;

use awaitgraph_model::FrameKind;

use crate::layout::{CurrentFrame, Executing, FrameLayout, StackTop};
use crate::object::Reason::Unexpected;
use crate::object::{Fault, Fields, Kind, Objects, Room, fault};

/// The lowest bits of a reference on 3.14+'s value stack, and of `f_executable`.
const REFERENCE_TAG: u64 = 3;
/// `enum _frameowner`: a generator owns it.
const OWNED_BY_GENERATOR: u8 = 1;
/// `enum _frameowner`: from here on it is the interpreter's own and shows nothing.
const OWNED_BY_INTERPRETER: u8 = 3;

/// The size of a variable, for which each frame has room (`localsplus[1]`).
pub(crate) const WORD: u64 = 8;

/// One frame, as it lies in memory. There are millions, so that it is small.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RawFrame {
    pub(crate) addr: u64,
    pub(crate) code: u64,
    /// How many bytes of instructions come before the one that it is at; negative
    /// where it has not begun.
    pub(crate) offset: i32,
    /// The coroutine or generator that it belongs to.
    pub(crate) generator: Option<NonZeroU64>,
    /// How many values it has in hand, where it is suspended: those on its value
    /// stack, and (3.11+) those of its variables, which lie below. No function has
    /// more than this can count.
    pub(crate) values: u16,
    /// The word of its first variable, most often `self`; 0 where that is not known.
    /// Of a coroutine that Cython has compiled, where its qualified name is.
    pub(crate) first: u64,
    pub(crate) kept: Kept,
}

/// Who keeps a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kept {
    /// The interpreter, or a coroutine of its own, as nearly all.
    Usual,
    /// A greenlet that is switched out: it is in the middle of a call, though
    /// no thread executes it.
    InGreenlet,
    /// A coroutine that Cython has compiled, which is at `addr`: there is no
    /// frame, and no `code` (0) or one without instructions.
    Compiled(FrameKind),
}

impl RawFrame {
    /// The object that the word of its first variable refers to.
    pub(crate) fn first_object(&self) -> u64 {
        self.first & !REFERENCE_TAG
    }

    /// Whether it has variables and a value stack in memory.
    pub(crate) fn has_variables(&self) -> bool {
        !matches!(self.kept, Kept::Compiled(_))
    }
}

/// What a frame's memory says: a frame of Python code, or a link of the chain
/// that stands for a call from C.
pub(crate) struct Link {
    pub(crate) frame: Option<RawFrame>,
    pub(crate) back: Option<u64>,
}

/// The fields of a frame, which may lie within another object.
pub(crate) struct FrameFields<'a> {
    pub(crate) fields: Fields<'a>,
    pub(crate) addr: u64,
    /// Where the frame begins in the object.
    pub(crate) begin: u64,
}

/// The bytes that are held for a frame: as it lies in memory, in the graph,
/// and what is known of its line, each with room to grow.
const HELD_FRAME: u64 = 128;

/// An offset into the instructions of a function, all of which are fewer than
/// this can count.
fn bounded(offset: i64) -> i32 {
    offset.clamp(i32::MIN.into(), i32::MAX.into()) as i32
}

impl Objects<'_> {
    /// Accounts for a frame that is kept.
    pub(crate) fn hold_frame(&self) -> Result<(), Fault> {
        self.hold(HELD_FRAME)
    }

    /// The innermost frame of the thread state at `addr`.
    pub(crate) fn current_frame(&self, addr: u64) -> Result<Option<u64>, Fault> {
        match self.layout.thread.current_frame {
            CurrentFrame::Direct(offset) => self.pointer(addr, offset),
            CurrentFrame::Through {
                cframe,
                current_frame,
            } => match self.pointer(addr, cframe)? {
                Some(cframe) => self.pointer(cframe, current_frame),
                None => Ok(None),
            },
        }
    }

    /// The frame at `addr` and the address of the one that called it.
    pub(crate) fn frame(&self, addr: u64) -> Result<Link, Fault> {
        let mut room = Room::new();
        self.link(&self.frame_fields(&mut room, addr)?)
    }

    /// The code of the frame at `addr`, or whatever stands in its place, and the
    /// frame that called it.
    pub(crate) fn code_and_back(&self, addr: u64) -> Result<(u64, Option<u64>), Fault> {
        Ok(match &self.layout.frame {
            FrameLayout::Object(layout) => (
                self.u64(addr, layout.code)?,
                self.pointer(addr, layout.back)?,
            ),
            FrameLayout::Interpreter(layout) => (
                self.u64(addr, layout.executable)? & !REFERENCE_TAG,
                self.pointer(addr, layout.previous)?,
            ),
        })
    }

    /// The fields of the frame at `addr`.
    pub(crate) fn frame_fields<'r>(
        &'r self,
        room: &'r mut Room,
        addr: u64,
    ) -> Result<FrameFields<'r>, Fault> {
        let between = match &self.layout.frame {
            FrameLayout::Object(layout) => self.layout.object.header..layout.blockstack,
            FrameLayout::Interpreter(layout) => 0..layout.localsplus + WORD,
        };
        let fields = self.fields(room, addr, between)?;
        Ok(FrameFields {
            fields,
            addr,
            begin: 0,
        })
    }

    /// The frame and the address of the one that called it.
    pub(crate) fn link(&self, frame: &FrameFields<'_>) -> Result<Link, Fault> {
        let FrameFields { fields, addr, .. } = frame;
        let at = |offset: u64| frame.begin.wrapping_add(offset);
        match &self.layout.frame {
            FrameLayout::Object(layout) => {
                let lasti = fields.i32(at(layout.lasti))?;
                let Some(code) = fields.pointer(at(layout.code))? else {
                    return fault(*addr, &Unexpected("a frame without code"));
                };
                let frame = RawFrame {
                    addr: *addr,
                    code,
                    offset: bounded(i64::from(lasti) * layout.lasti_unit),
                    generator: NonZeroU64::new(fields.u64(at(layout.generator))?),
                    values: self.values(frame)?.1.try_into().unwrap_or(u16::MAX),
                    // It lies far behind the rest, which tells enough without it.
                    first: fields.u64(at(layout.localsplus)).unwrap_or(0),
                    kept: Kept::Usual,
                };
                Ok(Link {
                    frame: Some(frame),
                    back: fields.pointer(at(layout.back))?,
                })
            }
            FrameLayout::Interpreter(layout) => {
                let back = fields.pointer(at(layout.previous))?;
                let owner = fields.u8(at(layout.owner))?;
                let executable = fields.u64(at(layout.executable))? & !REFERENCE_TAG;
                if owner >= OWNED_BY_INTERPRETER {
                    return Ok(Link { frame: None, back });
                }
                // As of a stack that was left out of a core and is all zeros.
                if executable == 0 {
                    return fault(*addr, &Unexpected("a frame without code"));
                }
                if self.kind_of_shared(executable)? != Kind::Code {
                    return Ok(Link { frame: None, back });
                }
                let instruction = fields.u64(at(layout.instruction))?;
                let begin = self.instructions(executable)?;
                let generator = NonZeroU64::new(addr.wrapping_sub(self.layout.generator.frame));
                let frame = RawFrame {
                    addr: *addr,
                    code: executable,
                    offset: bounded(instruction.wrapping_sub(begin).cast_signed()),
                    generator: generator.filter(|_| owner == OWNED_BY_GENERATOR),
                    values: self.values(frame)?.1.try_into().unwrap_or(u16::MAX),
                    first: fields.u64(at(layout.localsplus))?,
                    kept: Kept::Usual,
                };
                Ok(Link {
                    frame: Some(frame),
                    back,
                })
            }
        }
    }

    /// Whether the `PyFrameObject` is being executed. Interpreter frames leave
    /// that to the generator.
    pub(crate) fn frame_is_executing(&self, frame: &FrameFields<'_>) -> Result<bool, Fault> {
        match &self.layout.frame {
            FrameLayout::Object(layout) => Ok(match layout.executing {
                Executing::Flag(offset) => frame.fields.u8(offset)? != 0,
                Executing::State(offset) => frame.fields.u8(offset)? == 0,
            }),
            FrameLayout::Interpreter(_) => Ok(false),
        }
    }

    /// Where the values of a suspended frame begin, and how many there are: those
    /// on its value stack, and (3.11+) those of its variables, which lie below.
    fn values(&self, frame: &FrameFields<'_>) -> Result<(u64, u64), Fault> {
        let FrameFields { fields, addr, .. } = frame;
        let at = |offset: u64| frame.begin.wrapping_add(offset);
        let (top, base) = match &self.layout.frame {
            FrameLayout::Object(layout) => (layout.stack_top, fields.u64(at(layout.valuestack))?),
            FrameLayout::Interpreter(layout) => {
                (layout.stack_top, addr.wrapping_add(layout.localsplus))
            }
        };
        let count = match top {
            StackTop::Pointer(offset) => fields.u64(at(offset))?.saturating_sub(base) / 8,
            StackTop::Count(offset) => u64::try_from(fields.i32(at(offset))?).unwrap_or(0),
        };
        Ok((base, count))
    }

    /// The value at `depth` from the end of a suspended frame's value stack;
    /// 1 is the last.
    pub(crate) fn stack_value(
        &self,
        frame: &FrameFields<'_>,
        depth: u64,
    ) -> Result<Option<u64>, Fault> {
        let (base, count) = self.values(frame)?;
        let Some(place) = count.checked_sub(depth) else {
            return Ok(None);
        };
        let value = self.u64(base, 8u64.wrapping_mul(place))? & !REFERENCE_TAG;
        Ok(Some(value).filter(|&value| value != 0))
    }
}
