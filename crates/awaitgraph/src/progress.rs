//! How far something is, for a person who has to wait for it.

use std::fmt;
use std::time::{Duration, Instant};

use crate::stream::Stream;

/// A line on a terminal that is written anew at each step, and goes at the end.
pub(crate) struct Progress<'s, 'a> {
    err: &'s mut Stream<'a>,
    begin: Instant,
    is_shown: bool,
}

impl<'s, 'a> Progress<'s, 'a> {
    /// Who waits no longer than this needs to be told nothing.
    const PATIENCE: Duration = Duration::from_millis(500);

    pub(crate) fn new(err: &'s mut Stream<'a>) -> Self {
        Self {
            err,
            begin: Instant::now(),
            is_shown: false,
        }
    }

    /// Shows how far it is.
    pub(crate) fn step(&mut self, far: fmt::Arguments<'_>) {
        if self.err.is_terminal() && self.begin.elapsed() > Self::PATIENCE {
            self.is_shown = true;
            self.err.tell(format_args!("\r{far}"));
        }
    }

    /// Takes the line away.
    pub(crate) fn end(self) {
        if self.is_shown {
            // Back to the beginning of the line, which is cleared.
            self.err.tell(format_args!("\r\x1b[K"));
        }
    }
}
