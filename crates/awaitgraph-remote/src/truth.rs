//! The tables against a second truth: what the compiler wrote down of the
//! interpreters at hand (DWARF), and what they say of themselves.
//!
//! ```text
//!   tables ──────────────────┐
//!                            ├─ every number ─ DWARF of libpython, _asyncio, …
//!   DebugOffsets of the file ┘                 the interpreter, where it is asked
//! ```

mod asked;
mod described;
mod dwarf;
mod elf;
mod hold;

use crate::at_hand::{Python, say_not_tested};

use described::corrected;
pub(crate) use dwarf::Types;
pub(crate) use elf::Files;
use hold::Held;

/// The sources of CPython whose types are looked at, each the first to tell
/// of some of them.
const SOURCES: [&str; 20] = [
    "Modules/_asynciomodule.c",
    "Modules/_collectionsmodule.c",
    "Modules/_functoolsmodule.c",
    "Modules/_queuemodule.c",
    "Modules/socketmodule.c",
    "Objects/classobject.c",
    "Objects/dictobject.c",
    "Objects/floatobject.c",
    "Objects/frameobject.c",
    "Objects/funcobject.c",
    "Objects/descrobject.c",
    "Objects/genobject.c",
    "Objects/iterobject.c",
    "Objects/longobject.c",
    "Objects/memoryobject.c",
    "Objects/moduleobject.c",
    "Objects/setobject.c",
    "Objects/typeobject.c",
    "Objects/unicodeobject.c",
    "Python/pystate.c",
];

/// Runs `look` over the types of each interpreter at hand.
pub(crate) fn for_each(pythons: &[Python], mut look: impl FnMut(&Python, &Files, &Types<'_>)) {
    for python in pythons {
        let files = Files::of(python);
        match files.debugging_information() {
            Ok(sections) => look(python, &files, &Types::new(&sections, &SOURCES)),
            Err(file) => say_not_tested(&format!(
                "layouts of {}: {} has no debugging information",
                python.version,
                file.display()
            )),
        }
    }
}

#[test]
fn every_number_is_what_the_compiler_says() {
    let pythons = Python::all();
    let mut wrong = Vec::new();
    for_each(&pythons, |python, files, types| {
        let table = python.table();
        // The table is that of the newest patch level; an older one may differ
        // in what it says of itself.
        let same = |other: &&Python| {
            (other.minor, other.free_threaded) == (python.minor, python.free_threaded)
        };
        let newest = pythons.iter().rfind(same);
        if newest.is_some_and(|newest| newest.version == python.version) {
            wrong.extend(Held::new(types, format!("{}, table", python.version)).all(&table));
        }
        if let Some(layout) = corrected(files, table) {
            wrong.extend(Held::new(types, format!("{}, corrected", python.version)).all(&layout));
        }
    });
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
