//! `int`, where it fits 64 bits.

use super::{Fault, Objects, unexpected};
use crate::layout::Int;

/// A digit holds this many bits (`Include/cpython/longintrepr.h`).
const DIGIT_BITS: u32 = 30;

impl Objects<'_> {
    /// The int at `addr`.
    pub(crate) fn int(&self, addr: u64) -> Result<i64, Fault> {
        let header = self.layout.object.header;
        let word = self.i64(addr, header)?;
        let (digits, negative) = match self.layout.int {
            Int::Signed => (word.unsigned_abs(), word < 0),
            Int::Tagged => ((word as u64) >> 3, word & 3 == 2),
        };
        if digits > 2 {
            return unexpected(addr, "an int of more than 60 bits");
        }
        let mut value = 0;
        for digit in (0..digits).rev() {
            let digit = self.u32(addr, header + 8 + 4 * digit)?;
            value = value << DIGIT_BITS | i64::from(digit & ((1 << DIGIT_BITS) - 1));
        }
        Ok(if negative { -value } else { value })
    }
}
