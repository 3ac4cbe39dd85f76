//! Which CPython a target runs, and so which layout it has.
//!
//! ```text
//!   3.13+      `_PyRuntime` begins with a cookie, the version and the offsets
//!   3.11-3.12  the symbol `Py_Version`
//!   3.8-3.10   nothing says it (nor in 3.11 and 3.12 without that symbol): the
//!              layout with which `sys.hexversion` can be read, and then says
//!              that version, is the one
//! ```

use crate::error::Error;
use crate::layout::{self, AsyncioDebug, DebugOffsets, Layout, StrHash};
use crate::limits::Limits;
use crate::memory::Memory;
use crate::object::Reason::Unexpected;
use crate::object::{Fault, Kind, Objects, fault};
use crate::process::Runtime;

/// The versions without a mark of their own, or whose mark, the symbol, may
/// have been left out of a program; newest first.
const UNMARKED: [u8; 5] = [12, 11, 10, 9, 8];

/// A target's version and layout.
pub(crate) struct Identity {
    /// As `3.11.7`.
    pub(crate) version: String,
    /// Whether it was built without the GIL.
    pub(crate) free_threaded: bool,
    pub(crate) layout: Layout,
    /// Where it has its state.
    pub(crate) py_runtime: u64,
    /// How many others in the process have begun too.
    pub(crate) others: usize,
}

/// Finds out which CPython process `pid` runs: of several the first that has
/// an interpreter.
pub(crate) fn identify(
    pid: u32,
    memory: &dyn Memory,
    runtime: &Runtime,
) -> Result<Identity, Error> {
    if runtime.others.is_empty() {
        return identify_one(pid, memory, runtime);
    }
    let all = std::iter::once(runtime).chain(&runtime.others);
    let identities = all.filter_map(|it| identify_one(pid, memory, it).ok());
    let mut running = identities.filter(|it| has_begun(memory, it));
    match running.next() {
        Some(identity) => Ok(Identity {
            others: running.count(),
            ..identity
        }),
        None => identify_one(pid, memory, runtime),
    }
}

/// Whether a CPython has an interpreter, with modules.
fn has_begun(memory: &dyn Memory, identity: &Identity) -> bool {
    let layout = &identity.layout;
    let objects = Objects::new(memory, layout, Limits::QUESTION);
    let head = objects.pointer(identity.py_runtime, layout.runtime.interpreters_head);
    let modules = |interpreter| objects.pointer(interpreter, layout.interpreter.modules);
    matches!(head, Ok(Some(interpreter)) if matches!(modules(interpreter), Ok(Some(_))))
}

fn identify_one(pid: u32, memory: &dyn Memory, runtime: &Runtime) -> Result<Identity, Error> {
    let py_runtime = runtime.py_runtime;
    let found = |version, layout: Layout| Identity {
        version,
        free_threaded: false,
        layout: Layout {
            str_hash: StrHash {
                secret: runtime.hash_secret,
                ..layout.str_hash
            },
            ..layout
        },
        py_runtime,
        others: 0,
    };
    let mut bytes = [0; DebugOffsets::SIZE];
    if memory.read(runtime.py_runtime, &mut bytes).is_ok()
        && let Some(offsets) = DebugOffsets::parse(&bytes)
    {
        let (version, layout) = described(pid, memory, runtime, &offsets)?;
        return Ok(Identity {
            free_threaded: offsets.free_threaded,
            ..found(version, layout)
        });
    }
    let mut hexversion = [0; 8];
    if runtime.py_version != 0 && memory.read(runtime.py_version, &mut hexversion).is_ok() {
        let hexversion = u64::from_le_bytes(hexversion);
        let version = spell(hexversion);
        return match minor(hexversion).and_then(layout::for_minor) {
            Some(layout) => Ok(found(version, layout)),
            None => Err(Error::UnknownVersion { pid, version }),
        };
    }
    let probed = UNMARKED.iter().find_map(|&candidate| {
        let layout = layout::for_minor(candidate)?;
        let hexversion = read_hexversion(memory, &layout, runtime.py_runtime).ok()?;
        let version = spell(hexversion);
        (minor(hexversion) == Some(candidate)).then(|| found(version, layout))
    });
    let version = || runtime.version_in_name.clone();
    let named = UNMARKED
        .iter()
        .any(|minor| version() == format!("3.{minor}"));
    probed.ok_or_else(|| match named {
        true => Error::Starting {
            pid,
            version: version(),
        },
        false => Error::UnknownVersion {
            pid,
            version: version(),
        },
    })
}

/// 3.13 and later.
fn described(
    pid: u32,
    memory: &dyn Memory,
    runtime: &Runtime,
    offsets: &DebugOffsets,
) -> Result<(String, Layout), Error> {
    let version = spell(offsets.version);
    let known = offsets.minor().and_then(layout::for_minor);
    let base = match (known, offsets.free_threaded) {
        (None, _) => return Err(Error::UnknownVersion { pid, version }),
        (Some(base), false) => base,
        (Some(_), true) => match offsets.minor().and_then(layout::for_minor_free_threaded) {
            Some(base) => base,
            None => return Err(Error::FreeThreaded { pid, version }),
        },
    };
    let mut layout = match offsets.correct(base) {
        Ok(layout) => layout,
        Err(what) => {
            let what = format!("{what} cannot be where its `_Py_DebugOffsets` says");
            return Err(Error::Layout { pid, version, what });
        }
    };
    let mut bytes = [0; AsyncioDebug::SIZE];
    if runtime.asyncio_debug != 0
        && memory.read(runtime.asyncio_debug, &mut bytes).is_ok()
        && let Some(debug) = AsyncioDebug::parse(&bytes)
    {
        layout = debug.correct(layout);
    }
    Ok((version, layout))
}

/// `sys.hexversion` of the first interpreter.
fn read_hexversion(memory: &dyn Memory, layout: &Layout, runtime: u64) -> Result<u64, Fault> {
    let objects = Objects::new(memory, layout, Limits::QUESTION);
    let head = layout.runtime.interpreters_head;
    let interpreter = objects.required(runtime, head, &Unexpected("no interpreter"))?;
    let modules = layout.interpreter.modules;
    let modules = objects.required(interpreter, modules, &Unexpected("no modules"))?;
    if objects.kind_of(modules)? != Kind::Dict {
        return fault(modules, &Unexpected("modules that are no dict"));
    }
    let Some(sys) = objects.dict_get(modules, "sys")? else {
        return fault(modules, &Unexpected("no module sys"));
    };
    let sys = objects.required(
        sys,
        layout.module.md_dict,
        &Unexpected("a module without a dict"),
    )?;
    match objects.dict_get(sys, "hexversion")? {
        Some(version) if objects.kind_of(version)? == Kind::Int => {
            Ok(objects.int(version)?.cast_unsigned())
        }
        _ => fault(sys, &Unexpected("no sys.hexversion")),
    }
}

fn minor(hexversion: u64) -> Option<u8> {
    (hexversion >> 24 == 3).then_some((hexversion >> 16 & 0xff) as u8)
}

/// `PY_VERSION_HEX` as people write it: `3.15.0rc1`.
fn spell(hexversion: u64) -> String {
    let byte = |shift: u32| hexversion >> shift & 0xff;
    let (major, minor, micro) = (byte(24), byte(16), byte(8));
    let serial = hexversion & 0xf;
    let release = match hexversion >> 4 & 0xf {
        0xa => format!("a{serial}"),
        0xb => format!("b{serial}"),
        0xc => format!("rc{serial}"),
        _ => String::new(),
    };
    format!("{major}.{minor}.{micro}{release}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::memory::{Unreadable, Why};

    /// A runtime that begins with these numbers behind the cookie.
    struct Begin([u64; 2]);

    impl Memory for Begin {
        fn read(&self, addr: u64, buf: &mut [u8]) -> Result<(), Unreadable> {
            let mut bytes = DebugOffsets::COOKIE.to_vec();
            bytes.extend(self.0.iter().flat_map(|number| number.to_le_bytes()));
            bytes.resize(buf.len(), 0);
            let why = Why::Unmapped;
            let is_there = addr == RUNTIME.py_runtime;
            is_there
                .then(|| buf.copy_from_slice(&bytes))
                .ok_or(Unreadable { addr, why })
        }
    }

    const RUNTIME: Runtime = Runtime {
        py_runtime: 0x1000,
        py_version: 0,
        hash_secret: 0,
        asyncio_debug: 0,
        version_in_name: String::new(),
        others: Vec::new(),
    };

    #[test]
    fn an_interpreter_without_the_gil_is_refused_where_its_layout_is_not_known() {
        for (hexversion, version) in [(0x030e_0af0, "3.14.10"), (0x030f_02f0, "3.15.2")] {
            let said = identify(7, &Begin([hexversion, 1]), &RUNTIME);
            let text = said.err().map(|error| error.to_string());
            let expected = format!(
                "process 7 runs a free-threaded Python {version}, which cannot be read yet"
            );
            assert_eq!(text, Some(expected));
            // The numbers of another build: none, which is a layout, though no true one.
            assert!(identify(7, &Begin([hexversion, 0]), &RUNTIME).is_ok());
        }
        for flag in [0, 1] {
            let identity = identify(7, &Begin([0x030d_0ff0, flag]), &RUNTIME).ok();
            assert_eq!(identity.map(|it| it.free_threaded), Some(flag == 1));
        }
    }

    #[test]
    fn versions_are_spelt_as_people_write_them() {
        assert_eq!(spell(0x030b_07f0), "3.11.7");
        assert_eq!(spell(0x030f_00c1), "3.15.0rc1");
        assert_eq!(spell(0x030e_00a7), "3.14.0a7");
    }
}
