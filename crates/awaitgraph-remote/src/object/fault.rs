//! Why an object could not be read.

use std::fmt;

use crate::memory::{Unreadable, Why};

/// Why an object could not be read.
///
/// It has the size of two words, so that it, and what else a reading may result
/// in, fits into registers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Fault {
    /// Where, if that matters.
    addr: u64,
    reason: &'static Reason,
}

/// What is wrong.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Reason {
    /// Its memory could not be read.
    Unreadable(Why),
    /// The object is not what it should be.
    Unexpected(&'static str),
    /// It is not of the same moment as the rest.
    Torn,
    /// There is more of it than one snapshot may take.
    TooMuch(&'static str),
}

impl Fault {
    pub(crate) const TORN: Self = Self {
        addr: 0,
        reason: &Reason::Torn,
    };

    pub(crate) fn new(addr: u64, reason: &'static Reason) -> Self {
        Self { addr, reason }
    }

    /// What is wrong.
    pub(crate) fn reason(self) -> &'static Reason {
        self.reason
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let addr = self.addr;
        match *self.reason {
            Reason::Unreadable(why) => Unreadable { addr, why }.fmt(f),
            Reason::Unexpected(what) => write!(f, "{what} (at {addr:#x})"),
            Reason::Torn => f.write_str("it changed while it was read"),
            Reason::TooMuch(what) => f.write_str(what),
        }
    }
}

impl From<Unreadable> for Fault {
    fn from(unreadable: Unreadable) -> Self {
        let reason = match unreadable.why {
            Why::Unmapped => &Reason::Unreadable(Why::Unmapped),
            Why::Gone => &Reason::Unreadable(Why::Gone),
            Why::NotPermitted => &Reason::Unreadable(Why::NotPermitted),
            Why::TooMuch => &Reason::Unreadable(Why::TooMuch),
            Why::NotInCore => &Reason::Unreadable(Why::NotInCore),
        };
        Self::new(unreadable.addr, reason)
    }
}

/// Shorthand for a fault as a result.
#[cold]
pub(crate) fn fault<T>(addr: u64, reason: &'static Reason) -> Result<T, Fault> {
    Err(Fault::new(addr, reason))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_read_or_not_fits_into_two_registers() {
        assert_eq!(size_of::<Result<u64, Fault>>(), 16);
        assert_eq!(size_of::<Result<(), Fault>>(), 16);
    }
}
