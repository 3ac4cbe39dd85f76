//! An ELF file as it stands in the memory of a process: for where the file
//! itself is not at hand.
//!
//! The headers of its sections are not there, its dynamic symbols may be. `ld.so`
//! has made addresses of the offsets in its dynamic section (glibc) or left
//! them as they were (musl).

use std::cell::Cell;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use object::LittleEndian as LE;
use object::elf::{
    DT_DEBUG, DT_GNU_HASH, DT_HASH, DT_SONAME, DT_STRTAB, DT_SYMTAB, Dyn64, PT_DYNAMIC, PT_LOAD,
    ProgramHeader64, Sym64,
};
use object::pod;
use object::read::elf::Sym;

use super::elf::{Headers, u32_at};
use super::image::{HASH_SECRET, Landmarks};
use super::maps::Mapping;
use super::runtime::{Runtime, is_libpython, version_in_name};
use crate::memory::{Dump, Memory};

const PAGE: u64 = 4096;
/// The largest dynamic section, and the most symbols, that are read.
const LARGEST_DYNAMIC: u64 = 64 * 1024;
const MOST_SYMBOLS: u64 = 1 << 20;
/// How many symbols, and links to them, are looked at in all.
const MOST_STEPS: u64 = 1 << 22;
/// The most mappings that are listed.
const MOST_MAPPINGS: usize = 1 << 14;
/// The longest name of a symbol that is told from others, and the longest text.
const LONGEST_NAME: usize = 64;
const LONGEST_TEXT: usize = 4096;
/// The most files that are looked into.
const MOST_IMAGES: usize = 4096;

/// A file and where it was loaded.
struct Loaded<'a> {
    memory: &'a dyn Memory,
    headers: Headers,
    /// What to add to an address of the file for one in memory.
    bias: u64,
    /// How many steps are left.
    steps: &'a Cell<u64>,
}

/// The build id of the file whose first byte is at `start`.
pub(super) fn build_id(memory: &dyn Memory, start: u64) -> Option<Vec<u8>> {
    let steps = Cell::new(MOST_STEPS);
    let loaded = Loaded::new(memory, start, &steps)?;
    loaded.headers.build_id(memory, |it| loaded.place(it))
}

/// What the dynamic symbols of the file at `start` tell.
pub(super) fn landmarks(memory: &dyn Memory, start: u64) -> Option<Landmarks> {
    let steps = Cell::new(MOST_STEPS);
    Loaded::new(memory, start, &steps)?.landmarks()
}

/// Finds CPython where nothing says which files were mapped.
pub(super) fn search(dump: &Dump<'_>) -> Option<Runtime> {
    let mut best: Option<(Landmarks, String)> = None;
    let steps = Cell::new(MOST_STEPS);
    for start in dump.starts().take(MOST_IMAGES) {
        let Some(loaded) = Loaded::new(dump, start, &steps) else {
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
        hash_secret: found.hash_secret,
        asyncio_debug: 0,
        version_in_name: version_in_name(name.as_ref()),
        others: Vec::new(),
    })
}

/// The mapped files, by the list of libraries that `ld.so` keeps for debuggers
/// (`struct r_debug` and `struct link_map` in `link.h`); the program itself has
/// no name there.
pub(super) fn maps(dump: &Dump<'_>) -> Vec<Mapping> {
    let steps = Cell::new(MOST_STEPS);
    let images = dump.starts().take(MOST_IMAGES);
    let mut lists = images.filter_map(|start| {
        let debug = entry(&Loaded::new(dump, start, &steps)?.dynamic()?, DT_DEBUG)?;
        let first = dump.word(debug.checked_add(8)?).ok()?;
        (debug != 0 && first != 0).then_some(first)
    });
    let mut next = lists.next();
    let mut maps = Vec::new();
    let mut left = MOST_IMAGES;
    while let Some(here) = next.filter(|_| left > 0 && maps.len() < MOST_MAPPINGS) {
        left -= 1;
        let field = |number: u64| dump.word(here.wrapping_add(8 * number)).ok();
        if let (Some(addr), Some(name)) = (field(0), field(1))
            && let Some(path) = text(dump, name).filter(|path| path.starts_with(b"/"))
            && let Some(loaded) = Loaded::new(dump, addr, &steps)
        {
            maps.extend(loaded.mappings(Path::new(OsStr::from_bytes(&path))));
        }
        next = field(3).filter(|&next| next != 0);
    }
    maps
}

/// A text that ends with a zero.
fn text(memory: &dyn Memory, addr: u64) -> Option<Vec<u8>> {
    let mut text = Vec::new();
    while text.len() < LONGEST_TEXT {
        let mut byte = [0];
        let here = addr.checked_add(text.len() as u64)?;
        memory.read(here, &mut byte).ok()?;
        match byte {
            [0] => return Some(text),
            [byte] => text.push(byte),
        }
    }
    None
}

impl<'a> Loaded<'a> {
    fn new(memory: &'a dyn Memory, start: u64, steps: &'a Cell<u64>) -> Option<Self> {
        let headers = Headers::read(memory, start)?;
        let mut segments = headers.0.iter();
        let first = segments.find(|it| it.p_type.get(LE) == PT_LOAD)?;
        let bias = start.wrapping_sub(first.p_vaddr.get(LE) & !(PAGE - 1));
        Some(Self {
            memory,
            headers,
            bias,
            steps,
        })
    }

    /// Accounts for work; `None` where there is no more to spend.
    fn spend(&self, steps: u64) -> Option<()> {
        self.steps.set(self.steps.get().checked_sub(steps)?);
        Some(())
    }

    fn place(&self, segment: &ProgramHeader64<LE>) -> u64 {
        segment.p_vaddr.get(LE).wrapping_add(self.bias)
    }

    fn landmarks(&self) -> Option<Landmarks> {
        let dynamic = self.dynamic()?;
        let names = self.address(&dynamic, DT_STRTAB)?;
        let symbols = self.address(&dynamic, DT_SYMTAB)?;
        let count = self.symbol_count(&dynamic)?;
        self.spend(count as u64)?;
        let mut bytes = vec![0; count * size_of::<Sym64<LE>>()];
        self.memory.read(symbols, &mut bytes).ok()?;
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
            } else if is(HASH_SECRET) {
                found.hash_secret = address;
            } else if is(b"Py_Main\0") {
                found.py_main = true;
            }
        }
        Some(found)
    }

    /// How many dynamic symbols there are. Nothing says it but the tables by
    /// which they are found: the older one has as many links, in the newer one
    /// the last chain ends at the last symbol.
    fn symbol_count(&self, dynamic: &[Dyn64<LE>]) -> Option<usize> {
        let number = |at: u64| {
            self.spend(1)?;
            let mut bytes = [0; 4];
            self.memory.read(at, &mut bytes).ok()?;
            Some(u64::from(u32::from_le_bytes(bytes)))
        };
        let bounded = |count: u64| (count <= MOST_SYMBOLS).then_some(count);
        let after = |table: u64, bytes: u64| table.wrapping_add(bytes);
        if let Some(table) = self.address(dynamic, DT_HASH) {
            return bounded(number(after(table, 4))?).map(|count| count as usize);
        }
        let table = self.address(dynamic, DT_GNU_HASH)?;
        let buckets = bounded(number(table)?)?;
        let first = bounded(number(after(table, 4))?)?;
        let bloom = bounded(number(after(table, 8))?)?;
        let table = after(table, 16 + 8 * bloom);
        self.spend(buckets)?;
        let mut bytes = vec![0; 4 * buckets as usize];
        self.memory.read(table, &mut bytes).ok()?;
        let starts = bytes.chunks_exact(4).filter_map(|it| u32_at(it, 0));
        let last = bounded(starts.max().unwrap_or(0).into())?;
        let Some(begin) = last.checked_sub(first) else {
            return Some(first as usize);
        };
        let chains = after(table, 4 * buckets);
        let is_end = |link: &u64| number(after(chains, 4 * link)).is_none_or(|it| it & 1 == 1);
        let end = (begin..MOST_SYMBOLS).find(is_end)?;
        Some((first + end + 1) as usize)
    }

    /// Where it is mapped, as it says itself.
    fn mappings(&self, path: &Path) -> Vec<Mapping> {
        let segments = self.headers.0.iter();
        let loaded = segments.filter(|it| it.p_type.get(LE) == PT_LOAD);
        let mapping = |segment: &ProgramHeader64<LE>| {
            let start = self.place(segment);
            let end = start.checked_add(segment.p_filesz.get(LE))?;
            Some(Mapping {
                start: start & !(PAGE - 1),
                end: end.checked_next_multiple_of(PAGE)?,
                offset: segment.p_offset.get(LE) & !(PAGE - 1),
                device: (0, 0),
                inode: 0,
                path: path.to_owned(),
            })
        };
        loaded.filter_map(mapping).collect()
    }

    /// What a library calls itself.
    fn name(&self) -> Option<String> {
        let dynamic = self.dynamic()?;
        let names = self.address(&dynamic, DT_STRTAB)?;
        let offset = entry(&dynamic, DT_SONAME)?;
        let name = text(self.memory, names.wrapping_add(offset))?;
        Some(String::from_utf8_lossy(&name).into_owned())
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
