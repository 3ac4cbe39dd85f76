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
        let size = self.u64(addr, header)?;
        let digits = match self.digits(size) {
            (0, _) => 0,
            (1, _) => self.u32(addr, header + 8)?.into(),
            _ => self.u64(addr, header + 8)?,
        };
        match self.value_of_digits(size, digits) {
            Some(value) => Ok(value),
            None => fault(addr, &Unexpected("an int of more than 60 bits")),
        }
    }

    /// How many digits an int of this size has, and whether it is negative.
    fn digits(&self, size: u64) -> (u64, bool) {
        let signed = size.cast_signed();
        match self.layout.int {
            Int::Signed => (signed.unsigned_abs(), signed < 0),
            Int::Tagged => (size >> 3, size & 3 == 2),
        }
    }

    /// What an int of this size is whose first two digits are these; `None` where it
    /// has more.
    pub(super) fn value_of_digits(&self, size: u64, digits: u64) -> Option<i64> {
        let digit = |word: u64| word.cast_signed() & ((1 << DIGIT_BITS) - 1);
        let (count, negative) = self.digits(size);
        let value = match count {
            0 => 0,
            1 => digit(digits),
            2 => digit(digits >> 32) << DIGIT_BITS | digit(digits),
            _ => return None,
        };
        Some(if negative { -value } else { value })
    }
}
