//! What is known of objects that many others refer to: it need not be read for
//! each of those again.

use std::cell::Cell;

use super::{Fault, Objects};

/// Values by the addresses of objects, each at a place that its address gives;
/// whatever comes there later takes it.
pub(crate) struct Remembered<T, const N: usize>([Cell<Option<(u64, T)>>; N]);

impl<T: Copy, const N: usize> Remembered<T, N> {
    pub(crate) const fn new() -> Self {
        Self([const { Cell::new(None) }; N])
    }

    /// What is known of the object at `addr`.
    #[inline]
    pub(crate) fn get(&self, addr: u64) -> Option<T> {
        let (known, value) = self.place(addr)?.get()?;
        (known == addr).then_some(value)
    }

    #[inline]
    fn place(&self, addr: u64) -> Option<&Cell<Option<(u64, T)>>> {
        // Objects begin at multiples of sixteen.
        self.0.get((addr >> 4) as usize % N)
    }
}

impl Objects<'_> {
    /// What `places` has for the object at `addr`, or what `find` finds.
    #[inline]
    pub(crate) fn remembered<T: Copy, const N: usize>(
        &self,
        places: &Remembered<T, N>,
        addr: u64,
        find: impl FnOnce() -> Result<T, Fault>,
    ) -> Result<T, Fault> {
        if let Some(known) = places.get(addr) {
            return Ok(known);
        }
        let found = find()?;
        self.remember(places, addr, found);
        Ok(found)
    }

    /// Keeps what was found, unless something was torn: then each that refers
    /// to the object has to meet that itself.
    pub(crate) fn remember<T: Copy, const N: usize>(
        &self,
        places: &Remembered<T, N>,
        addr: u64,
        value: T,
    ) {
        if self.is_intact()
            && let Some(place) = places.place(addr)
        {
            place.set(Some((addr, value)));
        }
    }
}
