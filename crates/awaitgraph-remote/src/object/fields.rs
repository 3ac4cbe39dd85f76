//! The fields of one object, copied together.
//!
//! What a task or a frame says of itself lies within some hundred bytes, and
//! nearly all of it is asked for.

use std::ops::Range;

use super::{Fault, Objects};

/// The most bytes that are copied together.
const MOST: usize = 384;

/// Room for the fields of one object after the other.
pub(crate) struct Room([u8; MOST]);

impl Room {
    pub(crate) const fn new() -> Self {
        Self([0; MOST])
    }
}

/// Bytes of the object at an address.
pub(crate) struct Fields<'a> {
    objects: &'a Objects<'a>,
    addr: u64,
    /// Where in the object the bytes begin.
    begin: u64,
    bytes: &'a [u8],
}

impl Objects<'_> {
    /// The fields of the object at `addr` between these offsets. A field that is
    /// not there is read when it is asked for.
    pub(crate) fn fields<'r>(
        &'r self,
        room: &'r mut Room,
        addr: u64,
        between: Range<u64>,
    ) -> Result<Fields<'r>, Fault> {
        let length = between.end.saturating_sub(between.start).min(MOST as u64) as usize;
        let (bytes, _) = room.0.split_at_mut(length);
        self.fill(addr.wrapping_add(between.start), bytes)?;
        Ok(Fields {
            objects: self,
            addr,
            begin: between.start,
            bytes,
        })
    }
}

impl Fields<'_> {
    pub(crate) fn u64(&self, offset: u64) -> Result<u64, Fault> {
        match self.at(offset) {
            Some(bytes) => Ok(u64::from_le_bytes(bytes)),
            None => self.objects.u64(self.addr, offset),
        }
    }

    pub(crate) fn i32(&self, offset: u64) -> Result<i32, Fault> {
        match self.at(offset) {
            Some(bytes) => Ok(i32::from_le_bytes(bytes)),
            None => self.objects.i32(self.addr, offset),
        }
    }

    pub(crate) fn u8(&self, offset: u64) -> Result<u8, Fault> {
        match self.at(offset) {
            Some([byte]) => Ok(byte),
            None => self.objects.u8(self.addr, offset),
        }
    }

    /// A pointer that may be NULL.
    pub(crate) fn pointer(&self, offset: u64) -> Result<Option<u64>, Fault> {
        Ok(Some(self.u64(offset)?).filter(|&pointer| pointer != 0))
    }

    fn at<const N: usize>(&self, offset: u64) -> Option<[u8; N]> {
        let begin = usize::try_from(offset.checked_sub(self.begin)?).ok()?;
        self.bytes.get(begin..)?.first_chunk().copied()
    }
}
