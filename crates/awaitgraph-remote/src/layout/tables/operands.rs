//! How each version's instructions name what they load.
//!
//! The compiler of Python code decides it; `dis` tells it of each version
//! (`truth/asked.rs`).

use crate::layout::{Operand, Operands};

pub(super) const V3_8: Operands = Operands {
    async_with: 52,
    attribute: Operand {
        flags: 0,
        caches: 0,
    },
    global: Operand {
        flags: 0,
        caches: 0,
    },
};

pub(super) const V3_11: Operands = Operands {
    attribute: Operand {
        flags: 0,
        caches: 4,
    },
    global: Operand {
        flags: 1,
        caches: 5,
    },
    ..V3_8
};

pub(super) const V3_12: Operands = Operands {
    attribute: Operand {
        flags: 1,
        caches: 9,
    },
    global: Operand {
        flags: 1,
        caches: 4,
    },
    ..V3_11
};

pub(super) const V3_13: Operands = Operands {
    async_with: 1,
    ..V3_12
};

pub(super) const V3_14: Operands = Operands {
    async_with: 59,
    ..V3_13
};

pub(super) const V3_15: Operands = Operands {
    async_with: 57,
    ..V3_14
};
