//! Where the program writes to, and what is known about the other end.

use std::fmt;
use std::io::{self, BufWriter, IsTerminal, Write};
use std::os::fd::AsFd;

use anyhow::Context;
use awaitgraph_model::render::Color;
use clap::ValueEnum;

/// A terminal at the other end of a stream.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Terminal {
    /// Its width in columns, where it says so.
    pub width: Option<usize>,
}

/// One of the two streams that the program writes to.
pub struct Stream<'a> {
    writer: Box<dyn Write + 'a>,
    terminal: Option<Terminal>,
    color: Color,
}

/// When text is coloured.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum ColorChoice {
    /// On a terminal, unless the environment asks for none.
    #[default]
    Auto,
    /// Also into a file or a pipe.
    Always,
    Never,
}

impl<'a> Stream<'a> {
    /// The standard output of this process.
    pub fn stdout() -> Self {
        let stdout = io::stdout();
        let terminal = terminal_of(&stdout);
        Self::new(stdout, terminal)
    }

    /// The standard error of this process.
    pub fn stderr() -> Self {
        let stderr = io::stderr();
        let terminal = terminal_of(&stderr);
        Self::new(stderr, terminal)
    }

    /// A stream to `writer`; `terminal` says whether a terminal shows it.
    pub fn new(writer: impl Write + 'a, terminal: Option<Terminal>) -> Self {
        let mut stream = Self {
            writer: Box::new(writer),
            terminal,
            color: Color::Plain,
        };
        stream.set_color(ColorChoice::Auto);
        stream
    }

    pub(crate) fn set_color(&mut self, choice: ColorChoice) {
        self.color = match choice {
            ColorChoice::Always => Color::Ansi,
            ColorChoice::Auto if self.terminal.is_some() && !is_color_refused() => Color::Ansi,
            ColorChoice::Auto | ColorChoice::Never => Color::Plain,
        };
    }

    pub(crate) fn color(&self) -> Color {
        self.color
    }

    /// The columns that a line may take; `None` for no limit.
    pub(crate) fn width(&self) -> Option<usize> {
        self.terminal.and_then(|terminal| terminal.width)
    }

    pub(crate) fn is_terminal(&self) -> bool {
        self.terminal.is_some()
    }

    /// Writes a result. Whoever closes the other end early (as `head` does) has
    /// seen enough: that is no error.
    pub(crate) fn write(
        &mut self,
        render: impl FnOnce(&mut Text<'_>) -> fmt::Result,
    ) -> anyhow::Result<()> {
        let mut text = Text {
            to: BufWriter::with_capacity(64 * 1024, &mut self.writer),
            failure: None,
        };
        // The only thing that fails is the writing itself, which `failure` keeps.
        let rendered = render(&mut text);
        let Text { mut to, failure } = text;
        let result = match (failure, rendered) {
            (Some(failure), _) => Err(failure),
            (None, Err(fmt::Error)) => Err(io::Error::other("the output could not be formatted")),
            (None, Ok(())) => to.flush(),
        };
        match result {
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => {
                // Drops what is still buffered, which would fail again.
                let _ = to.into_parts();
                Ok(())
            }
            other => other.context("cannot write the output"),
        }
    }

    /// Writes to people. There is no one left to tell if that fails.
    pub(crate) fn tell(&mut self, text: fmt::Arguments<'_>) {
        let _ = self.write(|to| fmt::Write::write_fmt(to, text));
    }
}

/// Text on its way to a stream.
pub(crate) struct Text<'a> {
    to: BufWriter<&'a mut dyn Write>,
    failure: Option<io::Error>,
}

impl fmt::Write for Text<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.to.write_all(text.as_bytes()).map_err(|error| {
            self.failure = Some(error);
            fmt::Error
        })
    }
}

fn terminal_of(stream: &(impl IsTerminal + AsFd)) -> Option<Terminal> {
    stream.is_terminal().then(|| Terminal {
        width: terminal_size::terminal_size_of(stream)
            .map(|(width, _)| usize::from(width.0))
            .filter(|&width| width > 0),
    })
}

/// Whether the environment asks for no colour: `NO_COLOR`, or a terminal that
/// has none.
fn is_color_refused() -> bool {
    std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty())
        || std::env::var_os("TERM").is_some_and(|value| value == "dumb")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A writer whose other end is gone, for one reason or another.
    struct Broken(io::ErrorKind);

    impl Write for Broken {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(self.0.into())
        }

        fn flush(&mut self) -> io::Result<()> {
            Err(self.0.into())
        }
    }

    fn write_to(kind: io::ErrorKind, bytes: usize) -> anyhow::Result<()> {
        let text = "x".repeat(bytes);
        Stream::new(Broken(kind), None).write(|to| fmt::Write::write_str(to, &text))
    }

    #[test]
    fn a_closed_pipe_is_no_error_and_a_full_disk_is() {
        // Into the buffer only, and past it.
        for bytes in [10, 1_000_000] {
            assert!(write_to(io::ErrorKind::BrokenPipe, bytes).is_ok());
            let error = write_to(io::ErrorKind::StorageFull, bytes).unwrap_err();
            assert_eq!(error.to_string(), "cannot write the output");
        }
    }

    #[test]
    fn only_a_terminal_has_a_width_and_colours_by_itself() {
        let mut pipe = Stream::new(io::sink(), None);
        assert_eq!((pipe.width(), pipe.color()), (None, Color::Plain));
        pipe.set_color(ColorChoice::Always);
        assert_eq!((pipe.width(), pipe.color()), (None, Color::Ansi));
        let terminal = Terminal { width: Some(80) };
        let mut terminal = Stream::new(io::sink(), Some(terminal));
        terminal.set_color(ColorChoice::Never);
        assert_eq!(
            (terminal.width(), terminal.color()),
            (Some(80), Color::Plain)
        );
    }
}
