//! How our JSON is written: each task, thread and problem on a line of its own,
//! so that the text can also be read, searched and compared line by line; and
//! with more escaped than JSON asks for, so that a document on a terminal does
//! not act on it.

use std::fmt;
use std::io;

use serde::Serialize;
use serde_json::ser::Formatter;

use crate::render::escape::{is_shown, write_with};

/// Writes a document, with a line feed at its end.
pub(super) fn write_document<W: fmt::Write + ?Sized>(
    document: &impl Serialize,
    out: &mut W,
) -> fmt::Result {
    let mut bytes = Utf8 {
        out,
        buffer: Vec::with_capacity(BUFFER),
    };
    let mut serializer = serde_json::Serializer::with_formatter(&mut bytes, Lines::default());
    document
        .serialize(&mut serializer)
        .map_err(|_| fmt::Error)?;
    bytes.pass_on().map_err(|_| fmt::Error)?;
    out.write_char('\n')
}

/// What stands for `item` within an item of one of the document's lists.
pub(super) fn text_in_list(item: &impl Serialize) -> serde_json::Result<String> {
    let mut text = String::new();
    let mut bytes = Utf8 {
        out: &mut text,
        buffer: Vec::new(),
    };
    let lines = Lines { depth: LIST + 1 };
    item.serialize(&mut serde_json::Serializer::with_formatter(
        &mut bytes, lines,
    ))?;
    bytes.pass_on().map_err(serde_json::Error::io)?;
    Ok(text)
}

/// The items of the document's own lists begin a line each, and so do its keys.
#[derive(Default)]
struct Lines {
    depth: usize,
}

/// Within the document itself.
const DOCUMENT: usize = 1;
/// Within a list of the document.
const LIST: usize = 2;

impl Formatter for Lines {
    fn begin_array<W: io::Write + ?Sized>(&mut self, out: &mut W) -> io::Result<()> {
        self.depth += 1;
        out.write_all(b"[")
    }

    fn end_array<W: io::Write + ?Sized>(&mut self, out: &mut W) -> io::Result<()> {
        self.depth -= 1;
        out.write_all(b"]")
    }

    fn begin_array_value<W: io::Write + ?Sized>(
        &mut self,
        out: &mut W,
        first: bool,
    ) -> io::Result<()> {
        out.write_all(separator(first, self.depth == LIST))
    }

    fn begin_object<W: io::Write + ?Sized>(&mut self, out: &mut W) -> io::Result<()> {
        self.depth += 1;
        out.write_all(b"{")
    }

    fn end_object<W: io::Write + ?Sized>(&mut self, out: &mut W) -> io::Result<()> {
        self.depth -= 1;
        out.write_all(b"}")
    }

    fn begin_object_key<W: io::Write + ?Sized>(
        &mut self,
        out: &mut W,
        first: bool,
    ) -> io::Result<()> {
        out.write_all(separator(first, self.depth == DOCUMENT && !first))
    }

    fn write_string_fragment<W: io::Write + ?Sized>(
        &mut self,
        out: &mut W,
        fragment: &str,
    ) -> io::Result<()> {
        if fragment.chars().all(is_shown) {
            return out.write_all(fragment.as_bytes());
        }
        let mut escaped = String::new();
        write_with(fragment, &mut escaped, is_shown, |c, out| {
            let mut units = [0; 2];
            let mut units = c.encode_utf16(&mut units).iter();
            units.try_for_each(|unit| fmt::Write::write_fmt(out, format_args!("\\u{unit:04x}")))
        })
        .map_err(io::Error::other)?;
        out.write_all(escaped.as_bytes())
    }
}

fn separator(first: bool, line: bool) -> &'static [u8] {
    match (first, line) {
        (true, false) => b"",
        (true, true) => b"\n",
        (false, false) => b",",
        (false, true) => b",\n",
    }
}

/// Text for one who takes bytes. The serializer writes whole pieces of UTF-8,
/// most of them a few bytes long: they are passed on many at once.
struct Utf8<'a, W: ?Sized> {
    out: &'a mut W,
    buffer: Vec<u8>,
}

const BUFFER: usize = 64 * 1024;

impl<W: fmt::Write + ?Sized> Utf8<'_, W> {
    fn pass_on(&mut self) -> io::Result<()> {
        let text = str::from_utf8(&self.buffer).map_err(io::Error::other)?;
        self.out.write_str(text).map_err(io::Error::other)?;
        self.buffer.clear();
        Ok(())
    }
}

impl<W: fmt::Write + ?Sized> io::Write for Utf8<'_, W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.write_all(bytes)?;
        Ok(bytes.len())
    }

    fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.buffer.extend_from_slice(bytes);
        if self.buffer.len() >= BUFFER {
            self.pass_on()?;
        }
        Ok(())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.pass_on()
    }
}
