//! Text from the target, made safe to show.
//!
//! A task may be named by whoever sends a request, so a name may hold escape
//! sequences that rewrite the terminal, or marks that turn the reading order
//! around. Whatever has no shape of its own is written out as an escape, in
//! Python's notation: control characters, format characters (bidirectional
//! overrides, zero-width joiners), line and paragraph separators, and code
//! points that are private or not assigned.

use std::fmt::{self, Write};

/// Text for a terminal. Spaces of any width stay, backslashes too.
#[derive(Debug, Clone, Copy)]
pub struct Escaped<'a>(pub &'a str);

impl fmt::Display for Escaped<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_escaped(self.0, out)
    }
}

/// Writes `text` for a terminal, as [`Escaped`] does.
pub fn write_escaped<W: Write + ?Sized>(text: &str, out: &mut W) -> fmt::Result {
    if is_plain(text) {
        return out.write_str(text);
    }
    write_with(text, out, is_shown, write_escape)
}

/// Writes `text` as Python's `repr` of a `str`: in single quotes, or in double
/// quotes where it holds single quotes and no double ones.
pub fn write_repr<W: Write + ?Sized>(text: &str, out: &mut W) -> fmt::Result {
    if is_plain(text) && !text.bytes().any(|byte| matches!(byte, b'\'' | b'\\')) {
        out.write_char('\'')?;
        out.write_str(text)?;
        return out.write_char('\'');
    }
    let quote = if text.contains('\'') && !text.contains('"') {
        '"'
    } else {
        '\''
    };
    out.write_char(quote)?;
    write_with(
        text,
        out,
        |c| c != quote && c != '\\' && is_printable(c),
        |c, out| match c {
            '\\' | '\'' | '"' => {
                out.write_char('\\')?;
                out.write_char(c)
            }
            _ => write_escape(c, out),
        },
    )?;
    out.write_char(quote)
}

/// Whether `text` is printable ASCII and nothing else, which nearly all text
/// is. No branch in the loop, so that many bytes are tried at once.
fn is_plain(text: &str) -> bool {
    text.bytes()
        .fold(true, |plain, byte| plain & matches!(byte, b' '..=b'~'))
}

/// Writes `text` with every character that is not `plain` through `escape`.
pub(super) fn write_with<W: Write + ?Sized>(
    text: &str,
    out: &mut W,
    plain: impl Fn(char) -> bool,
    escape: impl Fn(char, &mut W) -> fmt::Result,
) -> fmt::Result {
    let mut rest = text;
    while let Some((at, c)) = first_that_is_not(&plain, rest) {
        let (before, from) = rest.split_at(at);
        out.write_str(before)?;
        escape(c, out)?;
        rest = from.get(c.len_utf8()..).unwrap_or_default();
    }
    out.write_str(rest)
}

fn first_that_is_not(plain: &impl Fn(char) -> bool, text: &str) -> Option<(usize, char)> {
    // Nearly all text is plain ASCII to its end, which takes no decoding.
    let ascii = text
        .bytes()
        .position(|byte| !byte.is_ascii() || !plain(char::from(byte)))?;
    let rest = text.get(ascii..)?;
    let (at, c) = rest.char_indices().find(|&(_, c)| !plain(c))?;
    Some((ascii.saturating_add(at), c))
}

/// Whether Python would print `c` as it is: `str.isprintable`.
#[inline]
fn is_printable(c: char) -> bool {
    matches!(c, ' '..='~') || (!c.is_ascii() && is_printable_beyond_ascii(c))
}

/// The standard library's `Debug` escapes exactly the code points of the same
/// Unicode categories (Other and Separator, but for the space), and beyond
/// those only combining marks that begin a string.
#[inline(never)]
fn is_printable_beyond_ascii(c: char) -> bool {
    String::from_iter(['-', c]).escape_debug().nth(1) == Some(c)
}

/// Whether `c` can go to a terminal as it is: what Python would print, and the
/// spaces (category Zs), which its `repr` escapes.
#[inline]
pub(super) fn is_shown(c: char) -> bool {
    is_printable(c)
        || matches!(
            c,
            '\u{a0}' | '\u{1680}' | '\u{2000}'..='\u{200a}' | '\u{202f}' | '\u{205f}' | '\u{3000}'
        )
}

/// Writes the escape of one character that is not shown as it is.
pub(super) fn write_escape<W: Write + ?Sized>(c: char, out: &mut W) -> fmt::Result {
    match c {
        '\n' => out.write_str("\\n"),
        '\r' => out.write_str("\\r"),
        '\t' => out.write_str("\\t"),
        _ => match u32::from(c) {
            code @ 0..=0xff => write!(out, "\\x{code:02x}"),
            code @ 0x100..=0xffff => write!(out, "\\u{code:04x}"),
            code => write!(out, "\\U{code:08x}"),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn repr(text: &str) -> String {
        let mut out = String::new();
        write_repr(text, &mut out).unwrap();
        out
    }

    #[test]
    fn nothing_that_acts_on_a_terminal_gets_through() {
        for (text, shown) in [
            ("\x1b[2J\x07", "\\x1b[2J\\x07"),
            ("a\r\n\tb\x7f\u{9b}31m", "a\\r\\n\\tb\\x7f\\x9b31m"),
            ("\u{202e}txt\u{2066}", "\\u202etxt\\u2066"),
            ("a\u{200b}b\u{2028}c\u{feff}", "a\\u200bb\\u2028c\\ufeff"),
            ("\u{e0041}\u{10ffff}", "\\U000e0041\\U0010ffff"),
            (
                "größe 東京 e\u{301} 🦀 a\u{a0}b",
                "größe 東京 e\u{301} 🦀 a\u{a0}b",
            ),
            ("\u{301}", "\u{301}"),
            ("C:\\new", "C:\\new"),
            ("", ""),
        ] {
            assert_eq!(Escaped(text).to_string(), shown);
        }
    }

    #[test]
    fn a_repr_is_the_one_that_python_writes() {
        for (text, shown) in [
            ("", "''"),
            ("leaf", "'leaf'"),
            ("it's", "\"it's\""),
            ("say \"x\"", "'say \"x\"'"),
            ("it's \"x\"", "'it\\'s \"x\"'"),
            ("a\\b\n\x00", "'a\\\\b\\n\\x00'"),
            ("é\u{ad}\u{a0}\u{301}", "'é\\xad\\xa0\u{301}'"),
            ("\u{3000}\u{e000}", "'\\u3000\\ue000'"),
        ] {
            assert_eq!(repr(text), shown);
        }
    }
}
