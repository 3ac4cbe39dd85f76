//! An ELF file as it stands in the memory of a process: for where the file
//! itself is not at hand.
//!
//! The headers of its sections are not there, its dynamic symbols may be. `ld.so`
//! has made addresses of the offsets in its dynamic section (glibc) or left
//! them as they were (musl).

use object::LittleEndian as LE;
use object::elf::{
    DT_SONAME, DT_STRTAB, DT_SYMTAB, Dyn64, PT_DYNAMIC, PT_LOAD, ProgramHeader64, Sym64,
};
use object::pod;
use object::read::elf::Sym;

use super::elf::Headers;
use super::image::Landmarks;
use super::runtime::{Runtime, is_libpython, version_in_name};
use crate::memory::{Dump, Memory};

const PAGE: u64 = 4096;
/// The largest dynamic section, and the most symbols, that are read.
const LARGEST_DYNAMIC: u64 = 64 * 1024;
const MOST_SYMBOLS: u64 = 1 << 20;
/// The longest name that is told from others.
const LONGEST_NAME: usize = 64;
/// The most files that are looked into.
const MOST_IMAGES: usize = 4096;

/// A file and where it was loaded.
struct Loaded<'a> {
    memory: &'a dyn Memory,
    headers: Headers,
    /// What to add to an address of the file for one in memory.
    bias: u64,
}

/// The build id of the file whose first byte is at `start`.
pub(super) fn build_id(memory: &dyn Memory, start: u64) -> Option<Vec<u8>> {
    let loaded = Loaded::new(memory, start)?;
    loaded.headers.build_id(memory, |it| loaded.place(it))
}

/// What the dynamic symbols of the file at `start` tell.
pub(super) fn landmarks(memory: &dyn Memory, start: u64) -> Option<Landmarks> {
    Loaded::new(memory, start)?.landmarks()
}

/// Finds CPython where nothing says which files were mapped.
pub(super) fn search(dump: &Dump<'_>) -> Option<Runtime> {
    let mut best: Option<(Landmarks, String)> = None;
    for start in dump.starts().take(MOST_IMAGES) {
        let Some(loaded) = Loaded::new(dump, start) else {
            continue;
        };
        let found = loaded.landmarks().unwrap_or_default();
        if found.py_runtime != 0 {
            let name = loaded.name().unwrap_or_default();
            let is_best = is_libpython(name.as_ref());
            if is_best || best.is_none() {
                best = Some((found, name));
            }
            if is_best {
                break;
            }
        }
    }
    let (found, name) = best?;
    Some(Runtime {
        py_runtime: found.py_runtime,
        py_version: found.py_version,
        asyncio_debug: 0,
        version_in_name: version_in_name(name.as_ref()),
    })
}

impl<'a> Loaded<'a> {
    fn new(memory: &'a dyn Memory, start: u64) -> Option<Self> {
        let headers = Headers::read(memory, start)?;
        let mut segments = headers.0.iter();
        let first = segments.find(|it| it.p_type.get(LE) == PT_LOAD)?;
        let bias = start.wrapping_sub(first.p_vaddr.get(LE) & !(PAGE - 1));
        Some(Self {
            memory,
            headers,
            bias,
        })
    }

    fn place(&self, segment: &ProgramHeader64<LE>) -> u64 {
        segment.p_vaddr.get(LE).wrapping_add(self.bias)
    }

    fn landmarks(&self) -> Option<Landmarks> {
        let dynamic = self.dynamic()?;
        let names = self.address(&dynamic, DT_STRTAB)?;
        let symbols = self.address(&dynamic, DT_SYMTAB)?;
        // Their number is nowhere, but linkers put the names behind them.
        let length = names.checked_sub(symbols)?;
        if length / size_of::<Sym64<LE>>() as u64 > MOST_SYMBOLS {
            return None;
        }
        let mut bytes = vec![0; length as usize];
        self.memory.read(symbols, &mut bytes).ok()?;
        let count = bytes.len() / size_of::<Sym64<LE>>();
        let (symbols, _) = pod::slice_from_bytes::<Sym64<LE>>(&bytes, count).ok()?;
        let mut found = Landmarks::default();
        for symbol in symbols.iter().filter(|symbol| symbol.is_definition(LE)) {
            let address = symbol.st_value.get(LE).wrapping_add(self.bias);
            let name = names.wrapping_add(u64::from(symbol.st_name.get(LE)));
            let is = |expected: &[u8]| {
                let mut name_bytes = [0; LONGEST_NAME];
                let to = name_bytes.get_mut(..expected.len());
                to.is_some_and(|to| self.memory.read(name, to).is_ok() && *to == *expected)
            };
            if is(b"_PyRuntime\0") {
                found.py_runtime = address;
            } else if is(b"Py_Version\0") {
                found.py_version = address;
            } else if is(b"Py_Main\0") {
                found.py_main = true;
            }
        }
        Some(found)
    }

    /// What a library calls itself.
    fn name(&self) -> Option<String> {
        let dynamic = self.dynamic()?;
        let names = self.address(&dynamic, DT_STRTAB)?;
        let offset = entry(&dynamic, DT_SONAME)?;
        let mut bytes = [0; LONGEST_NAME];
        let name = names.wrapping_add(offset);
        let length = (1..=LONGEST_NAME).take_while(|&length| {
            let to = bytes.get_mut(..length);
            to.is_some_and(|to| self.memory.read(name, to).is_ok() && to.last() != Some(&0))
        });
        let length = length.last()?;
        Some(String::from_utf8_lossy(bytes.get(..length)?).into_owned())
    }

    fn dynamic(&self) -> Option<Vec<Dyn64<LE>>> {
        let mut segments = self.headers.0.iter();
        let dynamic = segments.find(|it| it.p_type.get(LE) == PT_DYNAMIC)?;
        let length = dynamic.p_memsz.get(LE);
        if length > LARGEST_DYNAMIC {
            return None;
        }
        let mut bytes = vec![0; length as usize];
        self.memory.read(self.place(dynamic), &mut bytes).ok()?;
        let count = bytes.len() / size_of::<Dyn64<LE>>();
        let (entries, _) = pod::slice_from_bytes(&bytes, count).ok()?;
        Some(entries.to_vec())
    }

    /// The address that an entry has, or has the offset of.
    fn address(&self, dynamic: &[Dyn64<LE>], tag: u32) -> Option<u64> {
        let value = entry(dynamic, tag)?;
        Some(if value < self.bias {
            value.wrapping_add(self.bias)
        } else {
            value
        })
    }
}

fn entry(dynamic: &[Dyn64<LE>], tag: u32) -> Option<u64> {
    let found = dynamic
        .iter()
        .find(|it| it.d_tag.get(LE) == u64::from(tag))?;
    Some(found.d_val.get(LE))
}
