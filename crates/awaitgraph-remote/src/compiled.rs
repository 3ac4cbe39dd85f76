//! Coroutines and generators that Cython has compiled: their names, and what
//! they await.
//!
//! ```text
//!   __pyx_CoroutineObject   body │ closure │ … │ yieldfrom │ how it is sent to │ name │ qualname │ module │ code │ …
//!                                  └ variables   └ cr_await    └ from Cython 3.1
//! ```
//!
//! Where the first of those fields is depends on the versions of Cython and
//! CPython, but the type tells it: `cr_await` is a member, and a member's
//! definition has the offset. What is behind is told by what is there. No frame
//! exists before somebody asks for one, and the line is in the machine code. The
//! variables are the fields of a struct of their own, which have no names.

use std::num::NonZeroU64;

use awaitgraph_model::FrameKind;

use crate::frame::{Kept, RawFrame};
use crate::object::Reason::Unexpected;
use crate::object::{Fault, Kind, Objects, fault};

/// Of what is behind `yieldfrom`, to Cython 3.0: where the qualified name is.
const QUALNAME: u64 = 16;
/// From there: the module's name and the code object.
const MODULE: u64 = 8;
const CODE: u64 = 16;
/// What the type of a struct of variables is called, behind its module.
const SCOPE: &str = "__pyx_scope_struct";
/// The largest of them that is looked through.
const LARGEST: u64 = 1024;
/// How much further on all of it is from Cython 3.1.
const SEND: u64 = 8;

impl Objects<'_> {
    /// The frame that stands for the coroutine at `addr`, and what it awaits.
    pub(crate) fn compiled(
        &self,
        addr: u64,
        kind: FrameKind,
    ) -> Result<(RawFrame, Option<u64>), Fault> {
        let type_ = self.type_of(addr)?.addr;
        let Some(awaited) = self.awaited_of_compiled(type_, kind)? else {
            return fault(
                addr,
                &Unexpected("a coroutine of Cython of a kind that is not known"),
            );
        };
        // The name of the module is where the code object was before.
        let qualname = match self.pointer(addr, awaited + QUALNAME + CODE)? {
            Some(it) if self.kind_of(it)? == Kind::Text => awaited + QUALNAME + SEND,
            _ => awaited + QUALNAME,
        };
        let text = |offset| -> Result<u64, Fault> {
            let what = &Unexpected("a coroutine of Cython whose name is not where it should be");
            let text = self.required(addr, offset, what)?;
            match self.kind_of(text)? {
                Kind::Text => Ok(text),
                _ => fault(addr, what),
            }
        };
        let name = text(qualname)?;
        text(qualname + MODULE)?;
        let code = match self.pointer(addr, qualname + CODE)? {
            Some(code) if self.kind_of(code)? == Kind::Code => code,
            _ => 0,
        };
        let awaits = match self.pointer(addr, awaited)? {
            Some(awaits) if self.kind_of(awaits)? != Kind::None => Some(awaits),
            _ => None,
        };
        let frame = RawFrame {
            addr,
            code,
            offset: -1,
            generator: NonZeroU64::new(addr),
            values: 0,
            first: name,
            kept: Kept::Compiled(kind),
        };
        Ok((frame, awaits))
    }

    /// The objects that the compiled coroutine at `addr` has in its variables,
    /// as far as one can tell.
    pub(crate) fn variables_of_compiled(&self, addr: u64) -> Result<Vec<u64>, Fault> {
        let header = self.layout.object.header;
        // It is right behind the function that is the coroutine's body.
        let Some(scope) = self.pointer(addr, header + 8)? else {
            return Ok(Vec::new());
        };
        let Ok(type_) = self.type_of(scope) else {
            return Ok(Vec::new());
        };
        if !self.type_name(type_.addr)?.contains(SCOPE) {
            return Ok(Vec::new());
        }
        let mut found = Vec::new();
        for offset in (header..type_.basicsize.min(LARGEST)).step_by(8) {
            // Not all are pointers: a number has no type that could be read.
            if let Some(word) = self.pointer(scope, offset)?
                && word.is_multiple_of(8)
                && self.type_of(word).is_ok()
            {
                found.push(word);
            }
        }
        Ok(found)
    }
}
