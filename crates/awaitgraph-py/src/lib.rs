//! The native half of the Python package `awaitgraph`.
//!
//! ```text
//!   calls      functions of the package, their arguments
//!     scene      what a call asks about
//!       awaiters   who waits for it: callback, record, future
//!       frame      where a suspended task stands;  running: the one that runs
//!     capture    Python objects of it: entries
//!     text       lines of it: code_words
//!   snapshot   another process;  check: what is wrong in it;  command: the program
//!   allow      who may read this one
//! ```
//!
//! What depends on the version of CPython is learnt once, at import
//! (`interpreter`), and from the objects themselves: there is no table of
//! versions here, and one build serves every CPython from 3.9 on.
#![allow(missing_docs, reason = "nothing here is public to Rust")]

use pyo3::prelude::*;

mod allow;
mod calls;
mod check;
mod command;
mod snapshot;

mod capture;
mod scene;
mod text;

mod awaiters;
mod callback;
mod code_words;
mod entries;
mod frame;
mod future;
mod record;
mod running;

mod interpreter;

mod addresses;
mod attribute;
mod cpython;
mod future_layout;
mod planted;
mod reference;

#[pymodule]
mod _native {
    use pyo3::prelude::*;

    #[pymodule_export]
    use crate::calls::{
        capture_all, capture_call_graph, format_call_graph, future_add_to_awaited_by,
        future_discard_from_awaited_by, print_call_graph,
    };

    #[pymodule_export]
    use crate::allow::allow_attach;

    #[pymodule_export]
    use crate::check::{Finding, check};

    #[pymodule_export]
    use crate::command::run;

    #[pymodule_export]
    use crate::snapshot::{Snapshot, snapshot};

    use crate::interpreter::Interpreter;

    #[pymodule_init]
    fn init(module: &Bound<'_, PyModule>) -> PyResult<()> {
        Interpreter::get(module.py()).map(drop)
    }
}
