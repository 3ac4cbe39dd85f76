//! The commands, one file each: read, show, say what is missing.

pub(crate) mod check;
pub(crate) mod demo;
pub(crate) mod dump;
pub(crate) mod ps;
pub(crate) mod pstree;
