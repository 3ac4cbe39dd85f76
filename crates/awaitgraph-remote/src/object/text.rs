//! `str`, and the C strings of type names.
//!
//! `Include/cpython/unicodeobject.h` has the three forms of a str: compact
//! ASCII, compact, and (for subclasses) with the characters elsewhere.

use std::fmt::Write;

use super::{Fault, Objects, unexpected};

/// The longest string that is read.
const LONGEST: u64 = 16 * 1024 * 1024;
/// The longest type name that is read.
const LONGEST_C_STRING: usize = 256;

impl Objects<'_> {
    /// The str at `addr`. A lone surrogate, which UTF-8 does not have, is
    /// written out as `\udc80`.
    pub(crate) fn text(&self, addr: u64) -> Result<String, Fault> {
        let layout = &self.layout.text;
        let length = self.u64(addr, layout.length)?;
        // Two bits "interned", three "kind", one "compact", one "ascii".
        let state = self.u32(addr, layout.state)?;
        let (width, compact, ascii) = (
            u64::from(state >> 2 & 7),
            state >> 5 & 1 != 0,
            state >> 6 & 1 != 0,
        );
        if length > LONGEST || !matches!(width, 1 | 2 | 4) {
            return unexpected(addr, "not a str that could be read");
        }
        let data = match (compact, ascii) {
            (true, true) => addr.wrapping_add(layout.ascii_data),
            (true, false) => addr.wrapping_add(layout.data),
            (false, _) => self.required(addr, layout.data, "a str without characters")?,
        };
        let bytes = self.text_bytes(data, length * width)?;
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
        Ok(self.text(addr)? == expected)
    }

    /// The NUL-terminated string at `addr`, cut where it is very long.
    pub(super) fn c_string(&self, addr: u64) -> Result<String, Fault> {
        let mut bytes = Vec::new();
        while bytes.len() < LONGEST_C_STRING {
            match self.u8(addr, bytes.len() as u64)? {
                0 => break,
                byte => bytes.push(byte),
            }
        }
        Ok(from_utf8(bytes))
    }

    fn text_bytes(&self, addr: u64, length: u64) -> Result<Vec<u8>, Fault> {
        let Some(left) = self.text_budget.get().checked_sub(length) else {
            return unexpected(addr, "more text than one snapshot holds");
        };
        self.text_budget.set(left);
        let mut bytes = vec![0; length as usize];
        self.fill(addr, &mut bytes)?;
        Ok(bytes)
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
