//! An ELF file as it is loaded into a process: where its symbols and sections
//! are in memory.
//!
//! The path of a mapping is the host's for a chroot and the container's for a
//! container, and the file may have been replaced or deleted since. So every
//! way to it is tried, and the one is believed whose inode is the mapping's.

use std::fs::File;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use object::elf::{FileHeader64, PT_LOAD, SHT_DYNSYM};
use object::read::StringTable;
use object::read::elf::{FileHeader, ProgramHeader, SectionHeader, Sym};
use object::{Endianness, ReadCache};

use super::maps::Mapping;

/// An ELF file and where it was loaded.
pub(crate) struct Image {
    file: File,
    /// What to add to an address of the file for one in memory.
    bias: u64,
    mapped: Vec<(u64, u64)>,
    /// The path in the target's map.
    pub(crate) path: PathBuf,
}

/// Addresses in the target; 0 stands for none.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Landmarks {
    /// The symbol `_PyRuntime`, else the section `.PyRuntime` (3.11+).
    pub(crate) py_runtime: u64,
    /// The symbol `Py_Version` (3.11+).
    pub(crate) py_version: u64,
    /// The section `.AsyncioDebug` (3.14+).
    pub(crate) asyncio_debug: u64,
    /// Whether this is CPython of any version, by the symbol `Py_Main`.
    pub(crate) py_main: bool,
}

impl Image {
    /// The image that `mappings`, all of one file, belong to; `None` where the
    /// file is not ELF or cannot be reached.
    pub(crate) fn open(pid: u32, mappings: &[&Mapping]) -> Option<Self> {
        let file = open_mapped(pid, mappings.first()?)?;
        let bias = load_bias(&file, mappings)?;
        Some(Self {
            file,
            bias,
            mapped: mappings
                .iter()
                .map(|mapping| (mapping.start, mapping.end))
                .collect(),
            path: mappings.first()?.path.clone(),
        })
    }

    /// Where the file's parts of interest are in the target's memory.
    pub(crate) fn landmarks(&self) -> Option<Landmarks> {
        let cache = ReadCache::new(&self.file);
        let header = FileHeader64::<Endianness>::parse(&cache).ok()?;
        let endian = header.endian().ok()?;
        let sections = header.sections(endian, &cache).ok()?;
        let mut found = Landmarks::default();

        let symbols = sections.symbols(endian, &cache, SHT_DYNSYM).ok()?;
        // All names at once: a table of symbols has thousands of them.
        let strings = sections.section(symbols.string_section()).ok()?;
        let names = strings.data(endian, &cache).ok()?;
        let names = StringTable::new(names, 0, names.len() as u64);
        for symbol in symbols.iter().filter(|symbol| symbol.is_definition(endian)) {
            let address = self.loaded(symbol.st_value(endian));
            match symbol.name(endian, names) {
                Ok(b"_PyRuntime") => found.py_runtime = address,
                Ok(b"Py_Version") => found.py_version = address,
                Ok(b"Py_Main") => found.py_main = true,
                _ => {}
            }
        }
        for section in sections.iter() {
            let address = self.loaded(section.sh_addr(endian));
            match sections.section_name(endian, section) {
                Ok(b".PyRuntime") if found.py_runtime == 0 => found.py_runtime = address,
                Ok(b".AsyncioDebug") => found.asyncio_debug = address,
                _ => {}
            }
        }
        Some(found)
    }

    /// Whether a file's mapping holds this address.
    pub(crate) fn holds(&self, addr: u64) -> bool {
        self.mapped
            .iter()
            .any(|&(start, end)| (start..end).contains(&addr))
    }

    fn loaded(&self, address: u64) -> u64 {
        address.wrapping_add(self.bias)
    }
}

fn open_mapped(pid: u32, mapping: &Mapping) -> Option<File> {
    let below_root = mapping.path.strip_prefix("/").unwrap_or(&mapping.path);
    let in_target = Path::new(&format!("/proc/{pid}/root")).join(below_root);
    let by_range = format!(
        "/proc/{pid}/map_files/{:x}-{:x}",
        mapping.start, mapping.end
    );
    let ways = [
        in_target,
        mapping.path.clone(),
        PathBuf::from(format!("/proc/{pid}/exe")),
        PathBuf::from(by_range),
    ];
    ways.iter().find_map(|way| {
        let metadata = std::fs::metadata(way).ok()?;
        // A pipe or a device under that name must not be opened, let alone read.
        (metadata.is_file() && metadata.ino() == mapping.inode).then(|| File::open(way).ok())?
    })
}

/// The first mapping that begins at a loadable segment's page tells how far
/// the file's addresses were moved.
fn load_bias(file: &File, mappings: &[&Mapping]) -> Option<u64> {
    const PAGE: u64 = 4096;
    let cache = ReadCache::new(file);
    let header = FileHeader64::<Endianness>::parse(&cache).ok()?;
    let endian = header.endian().ok()?;
    let segments = header.program_headers(endian, &cache).ok()?;
    mappings.iter().find_map(|mapping| {
        let segment = segments.iter().find(|segment| {
            segment.p_type(endian) == PT_LOAD
                && segment.p_offset(endian) & !(PAGE - 1) == mapping.offset
        })?;
        Some(
            mapping
                .start
                .wrapping_sub(segment.p_vaddr(endian) & !(PAGE - 1)),
        )
    })
}
