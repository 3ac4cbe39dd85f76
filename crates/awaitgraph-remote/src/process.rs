//! A process, seen from outside: what is mapped into it, where its CPython
//! keeps its state, and how to stop it while we look.
//!
//! Nothing here knows what a Python object looks like.

mod around;
mod clock;
mod core;
mod descriptors;
mod elf;
mod image;
mod listing;
mod loaded;
mod maps;
mod own_ids;
mod permission;
mod rest;
mod runtime;
mod status;
mod stop;
mod thread_id;

pub(crate) use self::core::{Files, Opened, Progress};
pub(crate) use around::Around;
pub(crate) use clock::Clock;
pub(crate) use descriptors::{Descriptor, Descriptors, is_alive_in, of_stopped};
pub(crate) use listing::{command_line, processes};
pub(crate) use own_ids::OwnIds;
pub(crate) use permission::{allow_attach, not_permitted};
pub(crate) use rest::Rest;
pub(crate) use runtime::{Runtime, find_runtime};
pub(crate) use status::{Ids, executable, is_alive};
pub(crate) use stop::{ThreadPointers, Tracer};
pub(crate) use thread_id::thread_in;
