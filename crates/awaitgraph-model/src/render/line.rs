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
            Self::Function => "36",
            Self::Running => "32",
            Self::Ready => "33",
            Self::Waits => "35",
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

    /// Makes the line at most `width` columns wide.
    fn fit(&mut self, width: usize) {
        let excess = self.columns().saturating_sub(width);
        if excess == 0 {
            return;
        }
        let mut excess = Excess(excess);
        let mut fitted = Line::default();
        for (span, text) in self.parts() {
            match span {
                Span::Path => excess.shorten_path(text, &mut fitted.text),
                _ => fitted.text.push_str(text),
            }
            fitted.end(span);
        }
        if excess.0 > 0 {
            *self = std::mem::take(&mut fitted);
            for (span, text) in self.parts() {
                match span {
                    Span::Name => excess.shorten_name(text, &mut fitted.text),
                    _ => fitted.text.push_str(text),
                }
                fitted.end(span);
            }
        }
        if excess.0 > 0 {
            fitted.cut_off(width);
        }
        *self = fitted;
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

/// By how many columns a line is too long.
struct Excess(usize);

impl Excess {
    /// Writes `path` without as much of its beginning as is in excess, but
    /// with its last part whole.
    fn shorten_path(&mut self, path: &str, out: &mut String) {
        let file = path.rfind('/').map_or(0, |slash| slash.saturating_add(1));
        let (folders, file) = path.split_at(file);
        // What is left begins with a whole folder, so more may go than must.
        let must_go = suffix_start(folders, self.0.saturating_add(1));
        let (_, rest) = folders.split_at(must_go);
        let kept = rest.find('/').and_then(|slash| rest.get(slash..));
        let kept = kept.unwrap_or("/");
        let gained = columns(folders).saturating_sub(columns(kept).saturating_add(1));
        if self.0 == 0 || gained == 0 {
            out.push_str(folders);
        } else {
            out.push('…');
            out.push_str(kept);
            self.0 = self.0.saturating_sub(gained);
        }
        out.push_str(file);
    }

    /// Writes `name` without as much of its end as is in excess.
    fn shorten_name(&mut self, name: &str, out: &mut String) {
        let width = columns(name);
        let target = width.saturating_sub(self.0).max(SHORTEST_NAME);
        if self.0 == 0 || width <= target {
            out.push_str(name);
            return;
        }
        let kept = prefix_of(name, target.saturating_sub(1));
        out.push_str(kept);
        out.push('…');
        let gained = width.saturating_sub(columns(kept)).saturating_sub(1);
        self.0 = self.0.saturating_sub(gained);
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
