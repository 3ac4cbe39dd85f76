//! `str`, and the C strings of type names.
//!
//! `Include/cpython/unicodeobject.h` has the three forms of a str: compact
//! ASCII, compact, and (for subclasses) with the characters elsewhere.

use std::fmt::Write;

use super::{Fault, Objects, fault};
use crate::limits;
use crate::object::Reason::Unexpected;

/// The longest text that is looked for.
const LONGEST_EXPECTED: usize = 64;

/// The characters of a str.
struct Characters {
    start: u64,
    length: u64,
    /// How many bytes each has.
    width: u64,
    ascii: bool,
}

impl Objects<'_> {
    /// The str at `addr`. A lone surrogate, which UTF-8 does not have, is
    /// written out as `\udc80`.
    pub(crate) fn text(&self, addr: u64) -> Result<String, Fault> {
        self.text_with(addr, 0)
    }

    /// The same, with room for so many more bytes.
    pub(crate) fn text_with(&self, addr: u64, more: usize) -> Result<String, Fault> {
        let Characters {
            start,
            length,
            width,
            ascii,
        } = self.characters(addr)?;
        // A surrogate of two bytes becomes six; then there are a copy or two,
        // and what a growing text has in reserve.
        self.hold(8 * length * width)?;
        let mut bytes = Vec::with_capacity((length * width) as usize + more);
        bytes.resize((length * width) as usize, 0);
        self.fill(start, &mut bytes)?;
        Ok(match width {
            1 if ascii => from_utf8(bytes),
            1 => bytes.iter().map(|&byte| char::from(byte)).collect(),
            2 => {
                let (units, _) = bytes.as_chunks::<2>();
                from_code_points(units.iter().map(|&unit| u16::from_le_bytes(unit).into()))
            }
            _ => {
                let (units, _) = bytes.as_chunks::<4>();
                from_code_points(units.iter().map(|&unit| u32::from_le_bytes(unit)))
            }
        })
    }

    /// Whether the str at `addr` is `expected`, which is ASCII.
    pub(crate) fn text_is(&self, addr: u64, expected: &str) -> Result<bool, Fault> {
        if self.u64(addr, self.layout.text.length)? != expected.len() as u64 {
            return Ok(false);
        }
        let Characters { start, width, .. } = self.characters(addr)?;
        let mut buf = [0; LONGEST_EXPECTED];
        match buf.get_mut(..expected.len()) {
            // CPython uses the least width that the characters need.
            Some(bytes) if width == 1 => {
                self.fill(start, bytes)?;
                Ok(bytes == expected.as_bytes())
            }
            _ => Ok(false),
        }
    }

    /// Where the characters of the str at `addr` are.
    fn characters(&self, addr: u64) -> Result<Characters, Fault> {
        let layout = &self.layout.text;
        let length = self.u64(addr, layout.length)?;
        // Two bits "interned", three "kind", one "compact", one "ascii".
        let state = self.u32(addr, layout.state)?;
        let (width, compact, ascii) = (
            u64::from(state >> 2 & 7),
            state >> 5 & 1 != 0,
            state >> 6 & 1 != 0,
        );
        if length > limits::LONGEST_TEXT || !matches!(width, 1 | 2 | 4) {
            return fault(addr, &Unexpected("not a str that could be read"));
        }
        let start = match (compact, ascii) {
            (true, true) => addr.wrapping_add(layout.ascii_data),
            (true, false) => addr.wrapping_add(layout.data),
            (false, _) => {
                self.required(addr, layout.data, &Unexpected("a str without characters"))?
            }
        };
        Ok(Characters {
            start,
            length,
            width,
            ascii,
        })
    }

    /// The name of the function written in C at `addr`.
    pub(crate) fn builtin_name(&self, addr: u64) -> Result<String, Fault> {
        let what = &Unexpected("a builtin without a definition");
        let definition = self.required(addr, self.layout.builtin_definition, what)?;
        self.c_string(self.required(definition, 0, &Unexpected("a builtin without a name"))?)
    }

    /// The NUL-terminated string at `addr`, cut where it is very long.
    pub(super) fn c_string(&self, addr: u64) -> Result<String, Fault> {
        let mut bytes = Vec::new();
        while bytes.len() < limits::LONGEST_C_STRING {
            match self.u8(addr, bytes.len() as u64)? {
                0 => break,
                byte => bytes.push(byte),
            }
        }
        Ok(from_utf8(bytes))
    }
}

/// The text of bytes that should be UTF-8.
fn from_utf8(bytes: Vec<u8>) -> String {
    match String::from_utf8(bytes) {
        Ok(text) => text,
        Err(error) => String::from_utf8_lossy(error.as_bytes()).into_owned(),
    }
}

fn from_code_points(points: impl Iterator<Item = u32>) -> String {
    let mut text = String::new();
    for point in points {
        match char::from_u32(point) {
            Some(c) => text.push(c),
            // Writing to a String cannot fail.
            None if point <= 0xffff => drop(write!(text, "\\u{point:04x}")),
            None => text.push(char::REPLACEMENT_CHARACTER),
        }
    }
    text
}
