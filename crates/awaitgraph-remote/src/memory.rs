//! The bytes of one CPython process.
//!
//! Everything above this module reads through [`Memory`] and cannot tell a
//! live process from a core file or a test:
//!
//! ```text
//!   live process ──┐
//!   core file ─────┼──> Memory ──> Cached ──> object, frame, asyncio
//!   test ──────────┘
//! ```
//!
//! Reading can fail at any address and at any time: the target may run on
//! while we look, and may be hostile. A failed read is an ordinary value,
//! never a panic.

mod aside;
mod cached;
mod core;
mod live;

use std::fmt;

pub(crate) use self::core::{Core, CoreBytes, Dump, Segment};
pub(crate) use aside::{Aside, Job};
pub(crate) use cached::Cached;
pub(crate) use live::Live;

/// A place to read a process's bytes from.
pub(crate) trait Memory {
    /// Fills `buf` with the bytes at `addr`, or fails without having promised
    /// anything about the content of `buf`.
    fn read(&self, addr: u64, buf: &mut [u8]) -> Result<(), Unreadable>;

    /// The eight bytes at `addr`.
    fn word(&self, addr: u64) -> Result<u64, Unreadable> {
        let mut word = [0; 8];
        self.read(addr, &mut word)?;
        Ok(u64::from_le_bytes(word))
    }

    /// The same of bytes that stay as they are for as long as what led to them
    /// does: only that need be held against the target again.
    fn lasting_word(&self, addr: u64) -> Result<u64, Unreadable> {
        self.word(addr)
    }

    /// The same, as nearly all reads of a snapshot are, where
    /// they are at hand without asking the target.
    fn word_at_hand(&self, _addr: u64) -> Option<u64> {
        None
    }

    /// The eight bytes at each of these offsets behind each of these addresses, one
    /// address after the other; 0 stands for none. `None` for that, and for what
    /// cannot be read, or is known not to be of the same moment as the rest. Neither
    /// is counted: who needs them will ask again.
    fn words(&self, addrs: &[u64], offsets: &[u64]) -> Vec<Option<u64>> {
        let mut words = Vec::with_capacity(addrs.len() * offsets.len());
        for &addr in addrs {
            let here = offsets.iter().map(|&offset| match addr {
                0 => None,
                _ => self.word(addr.wrapping_add(offset)).ok(),
            });
            words.extend(here);
        }
        words
    }

    /// Told which places will be read next, so that they can be asked for
    /// together.
    fn expect(&self, _addrs: &[u64]) {}

    /// Whether anything is looked at ahead, and that has been worth it so far.
    fn looks_ahead(&self) -> bool {
        false
    }

    /// Has `look` done by another thread meanwhile, if there is one, to copy what
    /// will be read later on.
    fn look_ahead(&self, _look: Look) {}

    /// Takes over what was copied by then.
    fn take_over(&self) {}

    /// How many reads so far were of bytes that are known not to be of the same
    /// moment as the rest.
    fn torn(&self) -> u64 {
        0
    }

    /// The same memory for another thread, if one may read it too.
    fn apart(&self) -> Option<Box<dyn Memory + Send>> {
        None
    }

    /// Reads many pieces; each then knows whether it could be read.
    fn read_many(&self, pieces: &mut [Piece<'_>]) {
        for piece in pieces {
            piece.result = self.read(piece.addr, piece.bytes);
        }
    }
}

/// A look at the target through a memory that is copied meanwhile.
pub(crate) type Look = Box<dyn FnOnce(&dyn Memory) + Send>;

/// One of many places to read.
#[derive(Debug)]
pub(crate) struct Piece<'a> {
    pub(crate) addr: u64,
    pub(crate) bytes: &'a mut [u8],
    /// Whether it was read.
    pub(crate) result: Result<(), Unreadable>,
}

impl<'a> Piece<'a> {
    /// A piece that is still to be read.
    pub(crate) fn new(addr: u64, bytes: &'a mut [u8]) -> Self {
        Self {
            addr,
            bytes,
            result: Err(Unreadable {
                addr,
                why: Why::Unmapped,
            }),
        }
    }
}

/// The target has no readable memory there (any more).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Unreadable {
    /// Where the read began.
    pub(crate) addr: u64,
    /// Why it failed.
    pub(crate) why: Why,
}

/// Why a read failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Why {
    /// Nothing is mapped there.
    Unmapped,
    /// The process is gone.
    Gone,
    /// The kernel does not let us read this process.
    NotPermitted,
    /// More was read than one snapshot may.
    TooMuch,
    /// The core file does not have it, nor any file that we found for it.
    NotInCore,
}

impl Why {
    /// Whether nothing more can be read from then on.
    pub(crate) fn is_lasting(self) -> bool {
        match self {
            Self::Gone | Self::NotPermitted => true,
            Self::Unmapped | Self::TooMuch | Self::NotInCore => false,
        }
    }
}

impl fmt::Display for Unreadable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let why = match self.why {
            Why::Unmapped => "nothing is mapped there",
            Why::Gone => "the process is gone",
            Why::NotPermitted => "not permitted",
            Why::TooMuch => "more was read than one snapshot may",
            Why::NotInCore => "the core file does not have it",
        };
        write!(f, "cannot read {:#x}: {why}", self.addr)
    }
}
