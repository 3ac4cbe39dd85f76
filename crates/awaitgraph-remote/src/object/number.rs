//! `int`, where it fits 64 bits, and `float`.

use super::{Fault, Kind, Objects, fault};
use crate::layout::Int;
use crate::object::Reason::Unexpected;

/// A digit holds this many bits (`Include/cpython/longintrepr.h`).
const DIGIT_BITS: u32 = 30;

impl Objects<'_> {
    /// The float at `addr`.
    pub(crate) fn float(&self, addr: u64) -> Result<f64, Fault> {
        Ok(f64::from_bits(self.u64(addr, self.layout.float_value)?))
    }

    /// The int or float at `addr`, as `loop.time()` plus a delay may be either.
    pub(crate) fn number(&self, addr: u64) -> Result<Option<f64>, Fault> {
        Ok(match self.kind_of(addr)? {
            Kind::Float => Some(self.float(addr)?),
            // No time is so far off that a float has no room for its seconds.
            #[allow(clippy::cast_precision_loss)]
            Kind::Int => Some(self.int(addr)? as f64),
            _ => None,
        })
    }

    /// The int at `addr`.
    pub(crate) fn int(&self, addr: u64) -> Result<i64, Fault> {
        let header = self.layout.object.header;
        let word = self.i64(addr, header)?;
        let (digits, negative) = match self.layout.int {
            Int::Signed => (word.unsigned_abs(), word < 0),
            Int::Tagged => ((word as u64) >> 3, word & 3 == 2),
        };
        if digits > 2 {
            return fault(addr, &Unexpected("an int of more than 60 bits"));
        }
        let digit = |word: u64| word.cast_signed() & ((1 << DIGIT_BITS) - 1);
        let value = match digits {
            0 => 0,
            1 => digit(self.u32(addr, header + 8)?.into()),
            _ => {
                let word = self.u64(addr, header + 8)?;
                digit(word >> 32) << DIGIT_BITS | digit(word)
            }
        };
        Ok(if negative { -value } else { value })
    }
}
