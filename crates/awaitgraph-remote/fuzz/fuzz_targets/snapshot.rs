//! The memory of a real asyncio program, changed in whatever way the fuzzer
//! likes: whatever it says, it is read, and shown, without harm.
//!
//! `AWAITGRAPH_FUZZ_PYTHON` names the interpreter; else it is `python3`.

#![no_main]

use std::sync::LazyLock;

use awaitgraph_remote::Door;
use libfuzzer_sys::fuzz_target;

static DOOR: LazyLock<Door> = LazyLock::new(|| {
    let python = std::env::var_os("AWAITGRAPH_FUZZ_PYTHON").unwrap_or_else(|| "python3".into());
    Door::open(python.as_ref())
});

fuzz_target!(|bytes: &[u8]| DOOR.read(bytes));
