//! Objects of CPython: how to read a str, an int, a dict, a set out of bytes.
//!
//! [`Objects`] is the target's heap: a [`Memory`] together with the [`Layout`]
//! that says what lies where in it. Each file here reads one kind of object.
//!
//! All of it is untrusted. A length is checked before anything of that size is
//! made, a walk counts its steps, and what does not fit is a [`Fault`].

mod ahead;
mod attributes;
mod budget;
mod collections;
mod columns;
mod dict;
mod fault;
mod fields;
mod hash;
mod number;
mod remembered;
mod text;
mod type_object;

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use crate::layout::{Layout, References};
use crate::limits::Limits;
use crate::map::HashMap;
use crate::memory::Memory;

use budget::Budget;
use hash::Hashing;

pub(crate) use attributes::Place;
pub(crate) use fault::{Fault, Reason, fault};
pub(crate) use fields::{Fields, Room};
pub(crate) use remembered::Remembered;
pub(crate) use type_object::{Kind, Type, flags};

/// The objects of a target.
pub(crate) struct Objects<'a> {
    memory: &'a dyn Memory,
    pub(crate) layout: &'a Layout,
    types: RefCell<HashMap<u64, Type>>,
    type_names: RefCell<HashMap<u64, Rc<str>>>,
    /// The types that were asked for last, each at a place by its address.
    recent: [Cell<Option<Type>>; RECENT],
    /// By keys that instances share and name: which of them it is.
    places: RefCell<HashMap<(u64, &'static str), Option<u64>>>,
    /// By type and name: where in an instance the slot of that name is.
    slots: RefCell<HashMap<(u64, &'static str), Option<u64>>>,
    /// By type: names and places of all its slots.
    all_slots: RefCell<HashMap<u64, Slots>>,
    /// The kinds of objects that many refer to, each at a place by its address.
    kinds: Remembered<Kind, RECENT>,
    /// Keys of dicts that were found by their names, each at a place by its address.
    names: Remembered<&'static str, FEW>,
    /// What was asked for last of `places` and `slots`, each at a place by its
    /// type and name.
    found: [Cell<Option<Found>>; RECENT],
    /// How the target hashes what a dict is asked for.
    hashing: Cell<Hashing>,
    /// How many reads were torn before.
    torn_before: u64,
    /// Whether the extension module greenlet is there.
    has_greenlets: Cell<bool>,
    budget: Budget,
}

/// How many types are at hand without a search: so many that those of which
/// there are thousands of objects most likely have a place each.
const RECENT: usize = 256;
/// How many keys of dicts are known by their names.
const FEW: usize = 64;

/// What was found of a name in a type.
#[derive(Debug, Clone, Copy)]
struct Found {
    type_: u64,
    name: &'static str,
    way: Way,
    /// Its place or offset, if it has one.
    at: Option<u64>,
}

/// How instances have what a name stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    /// Among the values whose keys their type has.
    Values,
    /// In a slot.
    Slot,
}

/// The lowest bits of `ob_ref_shared` say how the object is counted, and count
/// nothing (`Include/internal/pycore_object.h` of 3.13).
const REFERENCE_STATE_BITS: u32 = 2;

/// Names and places of slots.
type Slots = Rc<[(u64, u64)]>;

impl<'a> Objects<'a> {
    pub(crate) fn new(memory: &'a dyn Memory, layout: &'a Layout, limits: Limits) -> Self {
        Self {
            memory,
            layout,
            types: RefCell::default(),
            type_names: RefCell::default(),
            recent: [const { Cell::new(None) }; RECENT],
            places: RefCell::default(),
            slots: RefCell::default(),
            all_slots: RefCell::default(),
            kinds: Remembered::new(),
            names: Remembered::new(),
            found: [const { Cell::new(None) }; RECENT],
            hashing: Cell::new(Hashing::NotAsked),
            torn_before: memory.torn(),
            has_greenlets: Cell::new(false),
            budget: Budget::new(limits),
        }
    }

    /// Tells that some interpreter has the extension module greenlet.
    pub(crate) fn expect_greenlets(&self) {
        self.has_greenlets.set(true);
    }

    /// Whether a frame may have a greenlet in hand; where none can, frames need
    /// not be looked through for one.
    pub(crate) fn has_greenlets(&self) -> bool {
        self.has_greenlets.get()
    }

    /// How many reads so far were of bytes that are known not to be of the same
    /// moment as the rest.
    pub(crate) fn torn(&self) -> u64 {
        self.memory.torn()
    }

    /// Whether nothing was torn so far: what is remembered then may be used for
    /// others without a look at whether they too would meet such bytes.
    pub(crate) fn is_intact(&self) -> bool {
        self.torn() == self.torn_before
    }

    /// Does `work`, and adds a fault where it met such bytes.
    pub(crate) fn watched<T>(&self, fault: &mut Option<Fault>, work: impl FnOnce() -> T) -> T {
        let before = self.torn();
        let done = work();
        if self.torn() != before && fault.is_none() {
            *fault = Some(Fault::TORN);
        }
        done
    }

    /// Says which objects will be looked at next.
    pub(crate) fn expect(&self, addrs: &[u64]) {
        self.memory.expect(addrs);
    }

    /// `N` bytes at `addr + offset`.
    pub(crate) fn bytes<const N: usize>(&self, addr: u64, offset: u64) -> Result<[u8; N], Fault> {
        let mut buf = [0; N];
        self.spend(1)?;
        self.memory.read(addr.wrapping_add(offset), &mut buf)?;
        Ok(buf)
    }

    /// Fills `buf` from `addr`.
    pub(crate) fn fill(&self, addr: u64, buf: &mut [u8]) -> Result<(), Fault> {
        self.spend(1 + buf.len() as u64 / 64)?;
        Ok(self.memory.read(addr, buf)?)
    }

    #[inline]
    pub(crate) fn u64(&self, addr: u64, offset: u64) -> Result<u64, Fault> {
        match self.memory.word_at_hand(addr.wrapping_add(offset)) {
            Some(word) if self.spend_one() => Ok(word),
            _ => self.far_word(addr, offset),
        }
    }

    /// The same the long way, as every so often.
    #[cold]
    fn far_word(&self, addr: u64, offset: u64) -> Result<u64, Fault> {
        self.bytes(addr, offset).map(u64::from_le_bytes)
    }

    /// The same of what does not change while there is a reference to it, as a
    /// str.
    pub(super) fn lasting_u64(&self, addr: u64, offset: u64) -> Result<u64, Fault> {
        self.spend(1)?;
        Ok(self.memory.lasting_word(addr.wrapping_add(offset))?)
    }

    pub(crate) fn i64(&self, addr: u64, offset: u64) -> Result<i64, Fault> {
        Ok(self.u64(addr, offset)?.cast_signed())
    }

    pub(crate) fn u32(&self, addr: u64, offset: u64) -> Result<u32, Fault> {
        let addr = addr.wrapping_add(offset);
        let (word, within) = (addr & !7, addr % 8);
        match self.memory.word_at_hand(word) {
            Some(word) if within <= 4 && self.spend_one() => Ok((word >> (8 * within)) as u32),
            _ => self.bytes(addr, 0).map(u32::from_le_bytes),
        }
    }

    pub(crate) fn i32(&self, addr: u64, offset: u64) -> Result<i32, Fault> {
        Ok(self.u32(addr, offset)?.cast_signed())
    }

    pub(crate) fn u8(&self, addr: u64, offset: u64) -> Result<u8, Fault> {
        let addr = addr.wrapping_add(offset);
        match self.memory.word_at_hand(addr & !7) {
            Some(word) if self.spend_one() => Ok((word >> (8 * (addr % 8))) as u8),
            _ => self.bytes(addr, 0).map(|[byte]| byte),
        }
    }

    /// A pointer that may be NULL.
    pub(crate) fn pointer(&self, addr: u64, offset: u64) -> Result<Option<u64>, Fault> {
        Ok(Some(self.u64(addr, offset)?).filter(|&pointer| pointer != 0))
    }

    /// A pointer that must not be NULL.
    pub(crate) fn required(
        &self,
        addr: u64,
        offset: u64,
        what: &'static Reason,
    ) -> Result<u64, Fault> {
        match self.pointer(addr, offset)? {
            Some(pointer) => Ok(pointer),
            None => fault(addr, what),
        }
    }

    /// How many references to the object at `addr` are counted.
    pub(crate) fn references(&self, addr: u64) -> Result<u64, Fault> {
        match self.layout.object.references {
            References::Counted(offset) => Ok(self.u32(addr, offset)?.into()),
            // What others let go of may be more than what they took.
            References::Halves { local, shared } => {
                let local = i64::from(self.u32(addr, local)?);
                let shared = self.i64(addr, shared)? >> REFERENCE_STATE_BITS;
                Ok(local.saturating_add(shared).try_into().unwrap_or(0))
            }
        }
    }

    /// Whether there are weak references to the object at `addr`, which is of
    /// this type.
    pub(crate) fn has_weak_references(&self, addr: u64, type_: &Type) -> Result<bool, Fault> {
        // Negative where they are in front of the object (3.12+); 0 for none.
        match type_.weaklistoffset {
            0 => Ok(false),
            offset => Ok(self
                .pointer(addr.wrapping_add(offset.cast_unsigned()), 0)?
                .is_some()),
        }
    }
}
