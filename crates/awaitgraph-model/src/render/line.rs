//! One line of text output, in colour and cut to a width where that is asked for.
//!
//! A line is put together from spans, and each knows how it gives way when the
//! line is too long: paths lose their beginning first, then names their end,
//! then whatever stands last is cut off.

use std::fmt::{self, Write};

use crate::render::escape::write_escaped;

/// Whether text is coloured.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Color {
    /// Plain text.
    #[default]
    Plain,
    /// The escape sequences of ANSI terminals.
    Ansi,
}

/// What a span of a line is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Span {
    /// Text in the terminal's own colour.
    Text,
    /// A heading.
    Heading,
    /// What joins things: guides, constructs, column heads.
    Faint,
    /// The name of a task. Gives way second.
    Name,
    /// Between several names, and how many there are.
    Count,
    /// The name of a function.
    Function,
    /// The path of a file. Gives way first, from the left.
    Path,
    /// The line of a file.
    LineNumber,
    /// `running`.
    Running,
    /// `ready`.
    Ready,
    /// What a task waits for.
    Waits,
    /// The path of a file in it. Gives way before any other.
    WaitsPath,
    /// `(*)`
    Repeat,
    /// `(cycle)`
    Cycle,
}

impl Span {
    /// The parameters of the escape sequence "select graphic rendition".
    fn rendition(self) -> &'static str {
        match self {
            Self::Text => "",
            Self::Heading | Self::Name => "1",
            Self::Faint | Self::Path | Self::LineNumber | Self::Repeat => "2",
            Self::Count => "1",
            Self::Function => "36",
            Self::Running => "32",
            Self::Ready => "33",
            Self::Waits | Self::WaitsPath => "35",
            Self::Cycle => "1;31",
        }
    }
}

/// A line that is being put together. One value serves for all lines of an
/// output, so that a line costs no allocation.
#[derive(Debug, Default)]
pub(super) struct Line {
    text: String,
    /// The spans, with the ends of their texts.
    spans: Vec<(Span, usize)>,
}

/// A task's name keeps at least this many columns as long as anything else can give way.
const SHORTEST_NAME: usize = 12;

impl Line {
    /// Adds a span of text that we wrote ourselves.
    pub(super) fn push(&mut self, span: Span, text: &str) {
        self.text.push_str(text);
        self.end(span);
    }

    /// Adds a span of text from the target, escaped.
    pub(super) fn push_untrusted(&mut self, span: Span, text: &str) {
        // Writing to a string cannot fail.
        let _ = write_escaped(text, &mut self.text);
        self.end(span);
    }

    /// Adds a span of formatted text that holds nothing from the target.
    pub(super) fn push_format(&mut self, span: Span, text: fmt::Arguments<'_>) {
        let _ = self.text.write_fmt(text);
        self.end(span);
    }

    fn end(&mut self, span: Span) {
        let end = self.text.len();
        match self.spans.last_mut() {
            Some((last, last_end)) if *last == span => *last_end = end,
            _ => self.spans.push((span, end)),
        }
    }

    /// Adds spaces up to `column`; none where the line is that long already.
    pub(super) fn pad_to(&mut self, column: usize) {
        let missing = column.saturating_sub(self.columns());
        self.text.extend(std::iter::repeat_n(' ', missing));
        self.end(Span::Text);
    }

    /// How many columns it takes so far.
    pub(super) fn columns(&self) -> usize {
        columns(&self.text)
    }

    /// Its text, which it gives away.
    pub(super) fn take_text(&mut self) -> String {
        self.spans.clear();
        std::mem::take(&mut self.text)
    }

    /// Empties it.
    pub(super) fn clear(&mut self) {
        self.text.clear();
        self.spans.clear();
    }

    /// Writes the line and its end, and empties it for the next.
    pub(super) fn finish<W: Write + ?Sized>(
        &mut self,
        color: Color,
        width: Option<usize>,
        out: &mut W,
    ) -> fmt::Result {
        self.trim();
        if let Some(width) = width {
            self.fit(width);
        }
        let mut start = 0;
        for &(span, end) in &self.spans {
            let text = self.text.get(start..end).unwrap_or_default();
            start = end;
            let rendition = match color {
                Color::Plain => "",
                Color::Ansi => span.rendition(),
            };
            if rendition.is_empty() || text.is_empty() {
                out.write_str(text)?;
            } else {
                write!(out, "\x1b[{rendition}m{text}\x1b[0m")?;
            }
        }
        self.clear();
        out.write_char('\n')
    }

    /// Takes away the spaces at the end: padding with nothing behind it.
    fn trim(&mut self) {
        let start = self.spans.iter().rev().nth(1).map_or(0, |&(_, end)| end);
        if let Some((Span::Text, end)) = self.spans.last_mut() {
            let text = self.text.get(start..).unwrap_or_default();
            *end = start.saturating_add(text.trim_end_matches(' ').len());
            self.text.truncate(*end);
        }
    }

    /// Makes the line at most `width` columns wide. First folders give way,
    /// then names, then the end of the line up to the line number or mark, then
    /// file names, at last everything.
    fn fit(&mut self, width: usize) {
        if self.columns() <= width {
            return;
        }
        self.shorten(Span::WaitsPath, self.columns(), width, shorten_folders);
        self.shorten(Span::Path, self.columns(), width, shorten_folders);
        self.shorten(Span::Name, self.columns(), width, shorten_name);
        let place = self.parts().fold((0, 0), |(so_far, place), (span, text)| {
            let so_far = columns(text).saturating_add(so_far);
            match span {
                Span::Path | Span::LineNumber | Span::Repeat | Span::Cycle => (so_far, so_far),
                _ => (so_far, place),
            }
        });
        self.shorten(Span::Path, place.1, width, shorten_file);
        if self.columns() > width {
            self.cut_off(width);
        }
    }

    /// Shortens the spans of one kind, one after the other, until `columns`
    /// would be `width`.
    fn shorten(
        &mut self,
        kind: Span,
        columns: usize,
        width: usize,
        shorten: fn(&str, usize, &mut String),
    ) {
        let mut excess = columns.saturating_sub(width);
        if excess == 0 || !self.spans.iter().any(|(span, _)| *span == kind) {
            return;
        }
        let mut line = Line::default();
        for (span, text) in self.parts() {
            if span == kind && excess > 0 {
                let start = line.columns();
                shorten(text, excess, &mut line.text);
                let gained = start
                    .saturating_add(self::columns(text))
                    .saturating_sub(line.columns());
                excess = excess.saturating_sub(gained);
            } else {
                line.text.push_str(text);
            }
            line.end(span);
        }
        *self = line;
    }

    fn parts(&self) -> impl Iterator<Item = (Span, &str)> {
        let mut start = 0;
        self.spans.iter().map(move |&(span, end)| {
            let text = self.text.get(start..end).unwrap_or_default();
            start = end;
            (span, text)
        })
    }

    /// Cuts the end of the line off, with an ellipsis in its place.
    fn cut_off(&mut self, width: usize) {
        let kept = prefix_of(&self.text, width.saturating_sub(1)).len();
        self.text.truncate(kept);
        self.text.push_str(if width == 0 { "" } else { "…" });
        let end = self.text.len();
        if let Some(cut) = self.spans.iter().position(|&(_, end)| end > kept) {
            self.spans.truncate(cut.saturating_add(1));
        }
        if let Some((_, last_end)) = self.spans.last_mut() {
            *last_end = end;
        }
    }
}

/// Writes `path` with at least `excess` columns of its folders less; what is
/// left of them begins with a whole one.
fn shorten_folders(path: &str, excess: usize, out: &mut String) {
    let file = path.rfind('/').map_or(0, |slash| slash.saturating_add(1));
    let (folders, file) = path.split_at(file);
    let (_, rest) = folders.split_at(suffix_start(folders, excess.saturating_add(1)));
    let kept = rest.find('/').and_then(|slash| rest.get(slash..));
    let kept = kept.unwrap_or("/");
    if columns(kept).saturating_add(1) < columns(folders) {
        out.push('…');
        out.push_str(kept);
    } else {
        out.push_str(folders);
    }
    out.push_str(file);
}

/// Writes `path` with at least `excess` columns of its beginning less.
fn shorten_file(path: &str, excess: usize, out: &mut String) {
    let (_, kept) = path.split_at(suffix_start(path, excess.saturating_add(1)));
    out.push('…');
    out.push_str(kept);
}

/// Writes `name` with `excess` columns of its end less, as long as enough of it is left.
fn shorten_name(name: &str, excess: usize, out: &mut String) {
    let width = columns(name);
    let target = width.saturating_sub(excess).max(SHORTEST_NAME);
    if width <= target {
        out.push_str(name);
    } else {
        out.push_str(prefix_of(name, target.saturating_sub(1)));
        out.push('…');
    }
}

/// Where `text` begins without its first `width` columns.
fn suffix_start(text: &str, width: usize) -> usize {
    let mut passed = 0_usize;
    text.char_indices()
        .find(|&(_, c)| {
            let found = passed >= width;
            passed = passed.saturating_add(columns_of(c));
            found
        })
        .map_or(text.len(), |(at, _)| at)
}

/// As much of the beginning of `text` as fits `width` columns.
fn prefix_of(text: &str, width: usize) -> &str {
    let mut passed = 0_usize;
    let end = text
        .char_indices()
        .find(|&(_, c)| {
            passed = passed.saturating_add(columns_of(c));
            passed > width
        })
        .map_or(text.len(), |(at, _)| at);
    text.get(..end).unwrap_or_default()
}

/// How many columns of a terminal `text` takes at most.
fn columns(text: &str) -> usize {
    if text.is_ascii() {
        return text.len();
    }
    text.chars().map(columns_of).sum()
}

/// Two for the blocks of wide characters (East Asian scripts, emoji). Marks
/// that take no column count as one: a line that is a little too short is
/// better than one that breaks.
fn columns_of(c: char) -> usize {
    match c {
        // Most letters, and the lines of a tree.
        '\0'..='\u{10ff}' | '\u{2500}'..='\u{257f}' => 1,
        '\u{1100}'..='\u{115f}'
        | '\u{231a}'..='\u{231b}'
        | '\u{23e9}'..='\u{23f3}'
        | '\u{25fd}'..='\u{25fe}'
        | '\u{2614}'..='\u{2615}'
        | '\u{2648}'..='\u{2653}'
        | '\u{267f}'..='\u{27bf}'
        | '\u{2b1b}'..='\u{2b55}'
        | '\u{2e80}'..='\u{a4cf}'
        | '\u{a960}'..='\u{a97f}'
        | '\u{ac00}'..='\u{d7a3}'
        | '\u{f900}'..='\u{faff}'
        | '\u{fe10}'..='\u{fe6f}'
        | '\u{ff00}'..='\u{ff60}'
        | '\u{ffe0}'..='\u{ffe6}'
        | '\u{16fe0}'..='\u{1b2ff}'
        | '\u{1f000}'..='\u{1faff}'
        | '\u{20000}'..='\u{3fffd}' => 2,
        _ => 1,
    }
}
