//! A number for each of some objects, by their addresses.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use foldhash::fast::FixedState;
use smallvec::SmallVec;

/// Numbers objects in the order in which they come, each once. Whoever asks
/// keeps the objects alive.
#[derive(Default)]
pub(crate) struct Addresses {
    list: SmallVec<[usize; SMALL]>,
    /// Used from [`SMALL`] objects on.
    map: HashMap<usize, usize, FixedState>,
}

/// Up to this many, looking through all is faster than hashing.
const SMALL: usize = 8;

/// Whether an object has its number already.
pub(crate) enum Number {
    Known(usize),
    New(usize),
}

impl Addresses {
    /// Whether the object at `address` has a number.
    #[inline]
    pub(crate) fn has(&self, address: usize) -> bool {
        match self.list.len() <= SMALL {
            true => self.list.contains(&address),
            false => self.map.contains_key(&address),
        }
    }

    /// The number of the object at `address`.
    #[inline]
    pub(crate) fn number(&mut self, address: usize) -> Number {
        let new = self.list.len();
        if new < SMALL {
            if let Some(known) = self.list.iter().position(|&present| present == address) {
                return Number::Known(known);
            }
        } else {
            if new == SMALL {
                self.map = self.list.iter().copied().zip(0..).collect();
            }
            match self.map.entry(address) {
                Entry::Occupied(known) => return Number::Known(*known.get()),
                Entry::Vacant(place) => place.insert(new),
            };
        }
        self.list.push(address);
        Number::New(new)
    }
}
