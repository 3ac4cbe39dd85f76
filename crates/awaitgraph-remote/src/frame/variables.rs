//! The variables of a frame, and what else it has in hand.
//!
//! ```text
//!   localsplus   variables · cells · free variables │ value stack ─> │
//!                └── named by the code object ─────┘ f_valuestack    └ the stack's end
//! ```

use super::{REFERENCE_TAG, RawFrame, WORD};
use crate::layout::{FrameLayout, LocalNames, StackTop};
use crate::limits;
use crate::object::Reason::Unexpected;
use crate::object::{Fault, Kind, Objects, fault};

/// To 3.10, of a frame's blocks: the size, where the level is, and the number
/// of the last one (`PyTryBlock` and `CO_MAXBLOCKS`).
const BLOCK: u64 = 12;
const BLOCK_LEVEL: u64 = 8;
const MOST_BLOCKS: u64 = 19;

/// How many words of a frame are read together.
const WORDS_AT_ONCE: usize = 16;

/// The address of the object that a word of a value stack refers to; 0 where
/// it is none. From 3.14 a number may stand there itself (`Py_INT_TAG` in
/// `Include/internal/pycore_stackref.h`), as that of an instruction does
/// within an `except`.
fn object_at(word: u64) -> u64 {
    if word & REFERENCE_TAG == REFERENCE_TAG {
        0
    } else {
        word & !REFERENCE_TAG
    }
}

impl Objects<'_> {
    /// The names (each a str) of the variables of the code object at `addr`,
    /// in the order in which a frame has them.
    pub(crate) fn variable_names(&self, addr: u64) -> Result<Vec<u64>, Fault> {
        let layout = &self.layout.code;
        let mut names = Vec::new();
        if let LocalNames::Parts { varnames, cellvars } = layout.local_names {
            for offset in [varnames, cellvars] {
                names.extend(self.tuple(self.required(
                    addr,
                    offset,
                    &Unexpected("code without names"),
                )?)?);
            }
        }
        names.extend(self.tuple(self.required(
            addr,
            layout.names,
            &Unexpected("code without names"),
        )?)?);
        match names.len() as u64 {
            0..=limits::MOST_VARIABLES => Ok(names),
            _ => fault(addr, &Unexpected("code with too many variables")),
        }
    }

    /// Whether the first of them is called `self`.
    pub(crate) fn is_method(&self, addr: u64) -> Result<bool, Fault> {
        match self.variable_names(addr)?.first() {
            Some(&name) => self.text_is(name, "self"),
            None => Ok(false),
        }
    }

    /// How many those are.
    pub(crate) fn variable_count(&self, addr: u64) -> Result<usize, Fault> {
        let layout = &self.layout.code;
        let mut count =
            self.length(self.required(addr, layout.names, &Unexpected("code without names"))?)?;
        if let LocalNames::Parts { varnames, cellvars } = layout.local_names {
            for offset in [varnames, cellvars] {
                let names = self.required(addr, offset, &Unexpected("code without names"))?;
                count = count.saturating_add(self.length(names)?);
            }
        }
        match count {
            0..=limits::MOST_VARIABLES => Ok(count as usize),
            _ => fault(addr, &Unexpected("code with too many variables")),
        }
    }

    /// The value of a variable of the frame, also where it is in a cell.
    pub(crate) fn variable(&self, frame: &RawFrame, place: usize) -> Result<Option<u64>, Fault> {
        match self.variable_itself(frame, place)? {
            0 => Ok(None),
            cell if self.kind_of_shared(cell)? == Kind::Cell => {
                self.pointer(cell, self.layout.cell_content)
            }
            value => Ok(Some(value)),
        }
    }

    /// The same, where it is not `None`.
    pub(crate) fn variable_but_none(
        &self,
        frame: &RawFrame,
        place: usize,
    ) -> Result<Option<u64>, Fault> {
        let value = self.variable_itself(frame, place)?;
        if value == 0 {
            return Ok(None);
        }
        match self.kind_of_shared(value)? {
            Kind::None => Ok(None),
            Kind::Cell => match self.pointer(value, self.layout.cell_content)? {
                Some(content) if self.kind_of_shared(content)? == Kind::None => Ok(None),
                content => Ok(content),
            },
            _ => Ok(Some(value)),
        }
    }

    /// The object that a variable of the frame refers to, which may be a cell; 0
    /// where it has none.
    #[inline]
    pub(crate) fn variable_itself(&self, frame: &RawFrame, place: usize) -> Result<u64, Fault> {
        let word = match place {
            0 if frame.first != 0 => frame.first,
            _ => {
                let begin = match &self.layout.frame {
                    FrameLayout::Object(layout) => layout.localsplus,
                    FrameLayout::Interpreter(layout) => layout.localsplus,
                };
                self.u64(frame.addr, begin.wrapping_add(WORD * place as u64))?
            }
        };
        Ok(word & !REFERENCE_TAG)
    }

    /// The same of a variable of many frames; 0 too where there is no frame, or one
    /// that has its variables elsewhere.
    pub(crate) fn variable_of_each<'f>(
        &self,
        frames: impl Iterator<Item = Option<&'f RawFrame>>,
        place: usize,
    ) -> Result<Vec<u64>, Fault> {
        let begin = match &self.layout.frame {
            FrameLayout::Object(layout) => layout.localsplus,
            FrameLayout::Interpreter(layout) => layout.localsplus,
        };
        let (mut words, mut addrs) = (Vec::new(), Vec::new());
        for frame in frames {
            let (word, addr) = match frame.filter(|frame| frame.has_variables()) {
                Some(frame) if place == 0 && frame.first != 0 => (frame.first, 0),
                Some(frame) => (0, frame.addr),
                None => (0, 0),
            };
            words.push(word);
            addrs.push(addr);
        }
        let asked = self.column(&addrs, begin.wrapping_add(WORD * place as u64))?;
        for (word, asked) in words.iter_mut().zip(asked) {
            *word = (*word | asked.unwrap_or_default()) & !REFERENCE_TAG;
        }
        Ok(words)
    }

    /// The dict of the globals of the frame at `addr`.
    pub(crate) fn globals(&self, addr: u64) -> Result<Option<u64>, Fault> {
        let offset = match &self.layout.frame {
            FrameLayout::Object(layout) => layout.globals,
            FrameLayout::Interpreter(layout) => layout.globals,
        };
        match self.pointer(addr, offset)? {
            Some(dict) if self.kind_of_shared(dict)? == Kind::Dict => Ok(Some(dict)),
            _ => Ok(None),
        }
    }

    /// How many `values` a frame has that awaits something, and has so many
    /// variables, but no other values on its stack.
    pub(crate) fn values_of_nothing(&self, variables: usize) -> u64 {
        let below = match &self.layout.frame {
            FrameLayout::Object(_) => 0,
            FrameLayout::Interpreter(_) => variables as u64,
        };
        below.saturating_add(self.layout.awaited.depth)
    }

    /// The values on the stack of a suspended frame that has so many variables,
    /// the oldest first, but for the last `without`. A value that is not there
    /// is 0.
    pub(crate) fn value_stack(
        &self,
        frame: &RawFrame,
        variables: usize,
        without: u64,
    ) -> Result<Vec<u64>, Fault> {
        let below = match &self.layout.frame {
            FrameLayout::Object(_) => 0,
            FrameLayout::Interpreter(_) => variables as u64,
        };
        // As nearly always.
        if u64::from(frame.values) <= below.saturating_add(without) {
            return Ok(Vec::new());
        }
        let (base, count) = self.value_stack_place(frame, variables)?;
        let count = count.saturating_sub(without);
        if count > limits::MOST_VARIABLES {
            return fault(frame.addr, &Unexpected("a stack of too many values"));
        }
        let mut values = Vec::with_capacity(count.min(4) as usize);
        for place in 0..count {
            values.push(object_at(self.u64(base, 8 * place)?));
        }
        Ok(values)
    }

    /// The values on the stack of a suspended frame, all but for the last
    /// `without`, if they are one or two: 0 for one that is not there.
    pub(crate) fn few_values(
        &self,
        frame: &RawFrame,
        variables: usize,
        without: u64,
    ) -> Result<Option<[u64; 2]>, Fault> {
        let (base, count) = self.value_stack_place(frame, variables)?;
        Ok(match count.saturating_sub(without) {
            1 => Some([object_at(self.u64(base, 0)?), 0]),
            2 => Some([object_at(self.u64(base, 0)?), object_at(self.u64(base, 8)?)]),
            _ => None,
        })
    }

    /// Gives `with` the references that the frame itself counts: those of its
    /// variables and its value stack, but for borrowed ones (3.14+:
    /// `Py_TAG_REFCNT` in `Include/internal/pycore_stackref.h`).
    pub(crate) fn owned(
        &self,
        frame: &RawFrame,
        variables: usize,
        mut with: impl FnMut(u64) -> Result<(), Fault>,
    ) -> Result<(), Fault> {
        let begin = match &self.layout.frame {
            FrameLayout::Object(layout) => layout.localsplus,
            FrameLayout::Interpreter(layout) => layout.localsplus,
        };
        let (base, count) = self.value_stack_place(frame, variables)?;
        let count = count.min(limits::MOST_VARIABLES);
        let first = frame.addr.wrapping_add(begin);
        let variables = variables as u64;
        // The stack lies behind the variables, as a rule.
        let runs = match base == first.wrapping_add(8 * variables) {
            true => [(first, variables + count), (base, 0)],
            false => [(first, variables), (base, count)],
        };
        for (mut addr, mut left) in runs {
            while left > 0 {
                let take = left.min(WORDS_AT_ONCE as u64);
                let mut bytes = [0; 8 * WORDS_AT_ONCE];
                let (bytes, _) = bytes.split_at_mut(8 * take as usize);
                self.fill(addr, bytes)?;
                for word in bytes.as_chunks::<8>().0 {
                    let value = u64::from_le_bytes(*word);
                    if value != 0 && value & REFERENCE_TAG == 0 {
                        with(value)?;
                    }
                }
                addr = addr.wrapping_add(8 * take);
                left -= take;
            }
        }
        Ok(())
    }

    /// The same of many suspended frames of one function, one frame after the other,
    /// as many words of each as the fullest has: 0 where there is no reference. Of one
    /// of which that cannot be told, or not at once, there is `None`.
    pub(crate) fn owned_of_each(
        &self,
        frames: &[Option<&RawFrame>],
        variables: usize,
    ) -> Result<Vec<Option<u64>>, Fault> {
        let FrameLayout::Interpreter(layout) = &self.layout.frame else {
            return Ok(vec![None; frames.len()]);
        };
        let count = |frame: &RawFrame| variables.max(frame.values.into());
        let most = frames.iter().flatten().map(|frame| count(frame)).max();
        let most = most.unwrap_or(0).max(1);
        if most > WORDS_AT_ONCE {
            return Ok(vec![None; frames.len()]);
        }
        let with_variables = |frame: &&RawFrame| frame.has_variables();
        let addr = |frame: &Option<&RawFrame>| frame.filter(with_variables).map_or(0, |it| it.addr);
        let addrs: Vec<u64> = frames.iter().map(addr).collect();
        let places = (0..most as u64).map(|place| layout.localsplus + WORD * place);
        let mut words = self.words_of_each(&addrs, &places.collect::<Vec<_>>())?;
        for (words, frame) in words.chunks_mut(most).zip(frames) {
            let count = frame.map_or(0, count);
            for (place, word) in words.iter_mut().enumerate() {
                *word = match *word {
                    // Another frame has more than this one.
                    _ if place >= count && frame.is_some() => Some(0),
                    Some(value) if value & REFERENCE_TAG != 0 => Some(0),
                    word => word,
                };
            }
        }
        Ok(words)
    }

    /// Where the value stack of a suspended frame begins, and how many values
    /// are on it.
    fn value_stack_place(&self, frame: &RawFrame, variables: usize) -> Result<(u64, u64), Fault> {
        let variables = variables as u64;
        Ok(match &self.layout.frame {
            FrameLayout::Object(layout) => {
                let base = match layout.stack_top {
                    StackTop::Pointer(_) => self.u64(frame.addr, layout.valuestack)?,
                    StackTop::Count(_) => {
                        let begin = layout.localsplus + 8 * variables;
                        frame.addr.wrapping_add(begin)
                    }
                };
                (base, frame.values.into())
            }
            FrameLayout::Interpreter(layout) => {
                let begin = layout.localsplus + 8 * variables;
                let count = u64::from(frame.values).saturating_sub(variables);
                (frame.addr.wrapping_add(begin), count)
            }
        })
    }

    /// The values on the stack of a frame that is being executed, as far as it
    /// is certain that they are there: those below the innermost block or
    /// handler that it is in. The rest is in registers, or left from before.
    pub(crate) fn executing_stack(
        &self,
        frame: &RawFrame,
        variables: usize,
    ) -> Result<Vec<u64>, Fault> {
        let (base, count) = match &self.layout.frame {
            FrameLayout::Object(layout) => {
                let blocks = self.i32(frame.addr, layout.iblock)?;
                let Some(last) = u64::try_from(blocks).ok().and_then(|it| it.checked_sub(1)) else {
                    return Ok(Vec::new());
                };
                let block = layout.blockstack + (BLOCK * last.min(MOST_BLOCKS));
                let level = self.i32(frame.addr, block + BLOCK_LEVEL)?;
                let base = self.u64(frame.addr, layout.valuestack)?;
                (base, u64::try_from(level).unwrap_or(0))
            }
            FrameLayout::Interpreter(layout) => {
                let base = layout.localsplus + 8 * variables as u64;
                let depth = self.handler_depth(frame)?;
                (frame.addr.wrapping_add(base), depth)
            }
        };
        if count > limits::MOST_VARIABLES {
            return fault(frame.addr, &Unexpected("a stack of too many values"));
        }
        let mut values = Vec::new();
        for place in 0..count {
            values.push(object_at(self.u64(base, 8 * place)?));
        }
        Ok(values)
    }

    /// How deep the value stack is for the handler of the instruction that the
    /// frame is at: entries of a start, a length, a target and a depth, in
    /// instructions of two bytes (`InternalDocs/exception_handling.md`).
    fn handler_depth(&self, frame: &RawFrame) -> Result<u64, Fault> {
        let Some(offset) = self.layout.code.exception_table else {
            return Ok(0);
        };
        let table = self.required(
            frame.code,
            offset,
            &Unexpected("code without an exception table"),
        )?;
        if self.kind_of(table)? != Kind::Bytes {
            return fault(
                frame.code,
                &Unexpected("an exception table that is not bytes"),
            );
        }
        let table = self.byte_string(table, limits::LONGEST_EXCEPTION_TABLE)?;
        let here = i64::from(frame.offset).cast_unsigned() / 2;
        let mut bytes = table.iter().copied();
        let mut number = || -> Option<u64> {
            let mut value = 0_u64;
            for byte in bytes.by_ref() {
                value = value << 6 | u64::from(byte & 0x3f);
                if byte & 0x40 == 0 {
                    return Some(value);
                }
            }
            None
        };
        while let (Some(start), Some(length), Some(_), Some(depth)) =
            (number(), number(), number(), number())
        {
            if (start..start.saturating_add(length)).contains(&here) {
                // The lowest bit tells whether the instruction is kept too.
                return Ok(depth >> 1);
            }
        }
        Ok(0)
    }
}
