//! Memory that nobody wrote.

use std::cell::{Cell, RefCell};

use crate::memory::{Memory, Unreadable, Why};
use crate::replay::random::{Random, mix};

/// Memory that has a word for every address, by a rule.
pub(super) struct Words<F>(pub(super) F);

impl<F: Fn(u64) -> u64> Memory for Words<F> {
    fn read(&self, addr: u64, buf: &mut [u8]) -> Result<(), Unreadable> {
        let mut at = addr;
        let mut rest = buf;
        while !rest.is_empty() {
            let (word, skip) = (at & !7, (at & 7) as usize);
            let bytes = self.0(word).to_le_bytes();
            let take = (8 - skip).min(rest.len());
            let (now, later) = rest.split_at_mut(take);
            now.copy_from_slice(&bytes[skip..skip + take]);
            rest = later;
            at = at.wrapping_add(take as u64);
        }
        Ok(())
    }
}

/// Random numbers everywhere.
pub(super) fn noise(seed: u64) -> Words<impl Fn(u64) -> u64> {
    Words(move |addr| mix(seed ^ mix(addr)))
}

/// Every word is the address of another word.
pub(super) fn pointers(seed: u64, words: u64) -> Words<impl Fn(u64) -> u64> {
    Words(move |addr| 0x10_0000 + mix(seed ^ mix(addr)) % words * 8)
}

/// Pointers, mostly, but small numbers and text too, as a heap has.
pub(super) fn heap(seed: u64, words: u64) -> Words<impl Fn(u64) -> u64> {
    Words(move |addr| {
        let random = mix(seed ^ mix(addr));
        match random % 16 {
            0 => 0,
            1..=3 => random >> 8 & 0xff,
            4 => random >> 32,
            5 => u64::from_le_bytes(*b"corouti\0"),
            _ => 0x10_0000 + (random >> 4) % words * 8,
        }
    })
}

/// A memory some of whose reads fail, never twice the same ones.
pub(super) struct Torn<'m> {
    memory: &'m dyn Memory,
    random: RefCell<Random>,
    one_in: usize,
}

impl<'m> Torn<'m> {
    /// One in so many reads fails.
    pub(super) fn new(memory: &'m dyn Memory, seed: u64, one_in: usize) -> Self {
        let random = RefCell::new(Random::new(seed));
        Self {
            memory,
            random,
            one_in,
        }
    }
}

impl Memory for Torn<'_> {
    fn read(&self, addr: u64, buf: &mut [u8]) -> Result<(), Unreadable> {
        if self.random.borrow_mut().below(self.one_in) == 0 {
            let why = Why::Unmapped;
            return Err(Unreadable { addr, why });
        }
        self.memory.read(addr, buf)
    }
}

/// Counts how often a memory was asked, and for how much.
pub(super) struct Counted<'m> {
    pub(super) memory: &'m dyn Memory,
    pub(super) reads: Cell<u64>,
}

impl Memory for Counted<'_> {
    fn read(&self, addr: u64, buf: &mut [u8]) -> Result<(), Unreadable> {
        self.reads.set(self.reads.get() + 1);
        self.memory.read(addr, buf)
    }
}

/// A memory one of whose reads fails.
pub(super) struct FailsAt<'m> {
    memory: &'m dyn Memory,
    /// How many reads come before that one.
    before: Cell<u64>,
}

impl<'m> FailsAt<'m> {
    pub(super) fn new(memory: &'m dyn Memory, before: u64) -> Self {
        let before = Cell::new(before);
        Self { memory, before }
    }

    /// How many reads `with` makes.
    pub(super) fn count<T>(memory: &'m dyn Memory, with: impl FnOnce(&dyn Memory) -> T) -> u64 {
        let never = Self::new(memory, u64::MAX);
        with(&never);
        u64::MAX - never.before.get()
    }
}

impl Memory for FailsAt<'_> {
    fn read(&self, addr: u64, buf: &mut [u8]) -> Result<(), Unreadable> {
        let before = self.before.get();
        self.before.set(before.wrapping_sub(1));
        if before == 0 {
            let why = Why::Unmapped;
            return Err(Unreadable { addr, why });
        }
        self.memory.read(addr, buf)
    }
}
