//! An ELF file as it is loaded into a process: where its symbols and sections
//! are in memory.
//!
//! The path of a mapping is the host's for a chroot and the container's for a
//! container, and the file may have been replaced or deleted since. So every
//! way to it is tried, and the one is believed whose device and inode are the
//! mapping's.

mod by_hash;

use std::fs::File;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};

use object::elf::{FileHeader64, PT_LOAD, SHT_DYNSYM, SHT_SYMTAB, Sym64};
use object::read::elf::{FileHeader, ProgramHeader, SectionHeader, SectionTable, Sym};
use object::{Endianness, ReadCache, SectionIndex};

use self::by_hash::ByHash;
use super::maps::Mapping;
use crate::memory::{Live, Memory};

/// The most headers, of sections or of segments, and the largest table, of
/// symbols or of names, that are read. The file is the target's, may be sparse,
/// and may say that they are as large as any memory.
const MOST_HEADERS: usize = 1 << 12;
const LARGEST_TABLE: u64 = 64 * 1024 * 1024;

/// What `_PyRuntime` begins with where it tells its own version, from 3.13
/// (`_Py_Debug_Cookie` in `Include/internal/pycore_debug_offsets.h`): no symbol
/// is needed then.
const SELF_DESCRIBED: [u8; 8] = *b"xdebugpy";

/// The names of symbols, with the zeros behind them.
const PY_RUNTIME: &[u8] = b"_PyRuntime\0";
const PY_VERSION: &[u8] = b"Py_Version\0";
const PY_MAIN: &[u8] = b"Py_Main\0";
/// That of the key by which a process hashes (`_Py_HashSecret_t` in
/// `Include/pyhash.h`).
pub(super) const HASH_SECRET: &[u8] = b"_Py_HashSecret\0";

/// An ELF file and where it was loaded.
pub(crate) struct Image {
    file: File,
    /// What to add to an address of the file for one in memory.
    bias: u64,
}

/// Addresses in the target; 0 stands for none.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Landmarks {
    /// The symbol `_PyRuntime`, else the section `.PyRuntime` (3.11+).
    pub(crate) py_runtime: u64,
    /// The symbol `Py_Version` (3.11+); it is not looked for where
    /// `_PyRuntime` tells the version.
    pub(crate) py_version: u64,
    /// The symbol `_Py_HashSecret`.
    pub(crate) hash_secret: u64,
    /// The section `.AsyncioDebug` (3.14+).
    pub(crate) asyncio_debug: u64,
    /// Whether this is CPython of any version without a `_PyRuntime` that tells
    /// its own, by the symbol `Py_Main`.
    pub(crate) py_main: bool,
}

impl Image {
    /// The image of `file`, whose mappings are these; `None` where it is not
    /// ELF.
    pub(crate) fn new(file: File, mappings: &[&Mapping]) -> Option<Self> {
        let bias = load_bias(&file, mappings)?;
        Some(Self { file, bias })
    }

    /// Where the file's parts of interest are in the target's memory.
    pub(crate) fn landmarks(&self) -> Option<Landmarks> {
        let cache = ReadCache::new(&self.file);
        let header = FileHeader64::<Endianness>::parse(&cache).ok()?;
        let endian = header.endian().ok()?;
        if header.shnum(endian, &cache).ok()? > MOST_HEADERS {
            return None;
        }
        let sections = header.sections(endian, &cache).ok()?;
        if sections.is_empty() {
            return None;
        }
        let mut found = Landmarks::default();
        let mut is_described = false;
        // All names at once, as of the symbols.
        let names = SectionIndex(header.shstrndx(endian, &cache).ok()? as usize);
        let names = sections
            .section(names)
            .ok()
            .filter(|it| it.sh_size(endian) <= LARGEST_TABLE);
        let names = names.and_then(|it| it.data(endian, &cache).ok());
        for section in sections.iter() {
            let address = self.loaded(section.sh_addr(endian));
            let name = names.and_then(|it| it.get(section.sh_name(endian) as usize..));
            let is = |expected: &[u8]| name.is_some_and(|name| name.starts_with(expected));
            if is(b".PyRuntime\0") {
                found.py_runtime = address;
                let mut begin = [0; SELF_DESCRIBED.len()];
                let offset = section.sh_offset(endian);
                let read = self.file.read_exact_at(&mut begin, offset);
                is_described = read.is_ok() && begin == SELF_DESCRIBED;
            } else if is(b".AsyncioDebug\0") {
                found.asyncio_debug = address;
            }
        }
        let by_hash = ByHash::new(&self.file, &sections, endian);
        // Where it tells its own version, nothing more is needed.
        if is_described {
            found.hash_secret = match &by_hash {
                Some(symbols) => symbols.address(HASH_SECRET).map_or(0, |it| self.loaded(it)),
                None => {
                    let mut all = Landmarks::default();
                    let _ = self.look_through(SHT_DYNSYM, &sections, endian, &cache, &mut all);
                    all.hash_secret
                }
            };
            return Some(found);
        }
        if let Some(symbols) = &by_hash {
            let address = |name| symbols.address(name).map(|address| self.loaded(address));
            found.hash_secret = address(HASH_SECRET).unwrap_or(0);
            found.py_runtime = address(PY_RUNTIME).unwrap_or(found.py_runtime);
            found.py_version = address(PY_VERSION).unwrap_or(0);
            found.py_main = address(PY_MAIN).is_some();
        }

        // A program that exports nothing may still have its table for debuggers.
        let tables: &[u32] = match by_hash {
            Some(_) => &[SHT_SYMTAB],
            None => &[SHT_DYNSYM, SHT_SYMTAB],
        };
        for &table in tables {
            if !found.py_main {
                self.look_through(table, &sections, endian, &cache, &mut found)?;
            }
        }
        Some(found)
    }

    /// Adds what a table of symbols has, all of which are looked at; `None` where
    /// it cannot be read.
    fn look_through<'a>(
        &self,
        table: u32,
        sections: &SectionTable<'a, FileHeader64<Endianness>, &'a ReadCache<&'a File>>,
        endian: Endianness,
        cache: &'a ReadCache<&'a File>,
        found: &mut Landmarks,
    ) -> Option<()> {
        let mut tables = sections.iter();
        let Some(symbols) = tables.find(|section| section.sh_type(endian) == table) else {
            return Some(());
        };
        let names = sections.section(symbols.link(endian)).ok()?;
        if [symbols, names]
            .iter()
            .any(|it| it.sh_size(endian) > LARGEST_TABLE)
        {
            return None;
        }
        let symbols: &[Sym64<Endianness>] = symbols.data_as_array(endian, cache).ok()?;
        // All names at once: a table of symbols has thousands of them.
        let names = names.data(endian, cache).ok()?;
        for symbol in symbols.iter().filter(|symbol| symbol.is_definition(endian)) {
            let address = self.loaded(symbol.st_value(endian));
            let name = names.get(symbol.st_name(endian) as usize..);
            // Only what is looked for: a name may have no end.
            let is = |expected: &[u8]| name.is_some_and(|name| name.starts_with(expected));
            if is(PY_RUNTIME) {
                found.py_runtime = address;
            } else if is(PY_VERSION) {
                found.py_version = address;
            } else if is(HASH_SECRET) {
                found.hash_secret = address;
            } else if is(PY_MAIN) {
                found.py_main = true;
            }
        }
        Some(())
    }

    fn loaded(&self, address: u64) -> u64 {
        address.wrapping_add(self.bias)
    }
}

/// The file of a mapping of the live process `pid`.
pub(crate) fn open_mapped(pid: u32, mapping: &Mapping) -> Option<File> {
    let root = PathBuf::from(format!("/proc/{pid}/root"));
    let below = |path: &Path| root.join(path.strip_prefix("/").unwrap_or(path));
    // After a chroot the path still begins at the root of the mounts.
    let in_changed_root = || {
        let changed_root = std::fs::read_link(&root).unwrap_or_default();
        mapping.path.strip_prefix(changed_root).ok().map(below)
    };
    let executable = || PathBuf::from(format!("/proc/{pid}/exe"));
    let by_range = || {
        let (start, end) = (mapping.start, mapping.end);
        PathBuf::from(format!("/proc/{pid}/map_files/{start:x}-{end:x}"))
    };
    let open = |way: PathBuf| open_if_mapped(&way, pid, mapping);
    open(below(&mapping.path))
        .or_else(|| in_changed_root().and_then(open))
        .or_else(|| open(mapping.path.clone()))
        .or_else(|| open(executable()))
        .or_else(|| open(by_range()))
}

/// The file at `path`, if it is that of the mapping.
fn open_if_mapped(path: &Path, pid: u32, mapping: &Mapping) -> Option<File> {
    let metadata = std::fs::metadata(path).ok()?;
    // A pipe or a device under that name must not be opened, let alone read.
    if !metadata.is_file() || metadata.ino() != mapping.inode {
        return None;
    }
    let file = File::open(path).ok()?;
    let device = metadata.dev();
    let is_same = (libc::major(device), libc::minor(device)) == mapping.device;
    // btrfs and overlayfs tell one device in the list of mappings and another here.
    (is_same || begins_alike(&file, pid, mapping)).then_some(file)
}

/// Whether what is mapped begins as the file does there. In the first page of
/// an ELF file are its headers, and most often its build id.
fn begins_alike(file: &File, pid: u32, mapping: &Mapping) -> bool {
    const BYTES: usize = 4096;
    let (mut expected, mut found) = ([0; BYTES], [0; BYTES]);
    file.read_exact_at(&mut expected, mapping.offset).is_ok()
        && Live::new(pid).read(mapping.start, &mut found).is_ok()
        && expected == found
}

/// The first mapping that begins at a loadable segment's page tells how far
/// the file's addresses were moved.
fn load_bias(file: &File, mappings: &[&Mapping]) -> Option<u64> {
    const PAGE: u64 = 4096;
    let cache = ReadCache::new(file);
    let header = FileHeader64::<Endianness>::parse(&cache).ok()?;
    let endian = header.endian().ok()?;
    if header.phnum(endian, &cache).ok()? > MOST_HEADERS {
        return None;
    }
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::at_hand::{Python, say_not_tested};
    use crate::hostile::allocations;
    use crate::replay::random::Random;

    /// Where the parts of [`elf`] are: headers of sections, symbols, names.
    const SECTIONS: usize = 64;
    const SYMBOLS: usize = SECTIONS + 3 * 64;
    const NAMES: usize = SYMBOLS + 24 * 2;

    /// A file with the symbol `_PyRuntime`, and `names` for a table of names.
    fn elf(names: &[u8]) -> Vec<u8> {
        let mut file = vec![0; NAMES];
        set(&mut file, 0, b"\x7fELF\x02\x01\x01");
        let header: [(usize, u16); 5] = [(16, 3), (52, 64), (58, 64), (60, 3), (62, 2)];
        for (at, number) in header {
            set(&mut file, at, &number.to_le_bytes());
        }
        set(&mut file, 40, &(SECTIONS as u64).to_le_bytes());
        let kinds = [(SHT_DYNSYM, SYMBOLS, 48), (3, NAMES, names.len())];
        for (number, (kind, offset, size)) in kinds.into_iter().enumerate() {
            let at = SECTIONS + 64 * (number + 1);
            set(&mut file, at + 4, &kind.to_le_bytes());
            set(&mut file, at + 24, &(offset as u64).to_le_bytes());
            set(&mut file, at + 32, &(size as u64).to_le_bytes());
            // The names of the symbols are in the second section.
            set(&mut file, at + 40, &2_u32.to_le_bytes());
        }
        let symbol = SYMBOLS + 24;
        set(&mut file, symbol, &1_u32.to_le_bytes());
        set(&mut file, symbol + 4, &[0x11, 0, 1, 0]);
        set(&mut file, symbol + 8, &0x1234_u64.to_le_bytes());
        file.extend_from_slice(names);
        file
    }

    fn set(file: &mut [u8], at: usize, bytes: &[u8]) {
        file[at..at + bytes.len()].copy_from_slice(bytes);
    }

    /// What is found in a file of this content, followed by nothing up to `length`.
    fn landmarks(content: &[u8], length: u64) -> Option<Landmarks> {
        let name = format!("awaitgraph-{:?}", std::thread::current().id());
        let path = std::env::temp_dir().join(name);
        std::fs::write(&path, content).unwrap();
        let file = File::options().read(true).write(true).open(&path).unwrap();
        std::fs::remove_file(&path).unwrap();
        if length > 0 {
            file.set_len(length).unwrap();
        }
        let mapping = Mapping {
            start: 0,
            end: 4096,
            offset: 0,
            device: (0, 0),
            inode: 1,
            path,
        };
        let _ = load_bias(&file, &[&mapping]);
        let image = Image { file, bias: 0 };
        image.landmarks()
    }

    #[test]
    fn a_small_file_has_its_symbol() {
        let found = landmarks(&elf(b"\0_PyRuntime\0"), 0).unwrap();
        assert_eq!(found.py_runtime, 0x1234);
    }

    #[test]
    fn what_a_hash_leads_to_is_what_a_look_at_all_finds() {
        let pythons = Python::all();
        let is_static = |python: &&Python| {
            let file = std::fs::read(&python.path).unwrap();
            file.windows(PY_MAIN.len()).any(|it| it == PY_MAIN)
        };
        for python in pythons.iter().filter(is_static) {
            let file = File::open(&python.path).unwrap();
            let image = Image {
                file: file.try_clone().unwrap(),
                bias: 0,
            };
            let cache = ReadCache::new(&file);
            let header = FileHeader64::<Endianness>::parse(&cache).unwrap();
            let endian = header.endian().unwrap();
            let sections = header.sections(endian, &cache).unwrap();
            let by_hash = ByHash::new(&file, &sections, endian).unwrap();
            let mut all = Landmarks::default();
            let table = SHT_DYNSYM;
            image
                .look_through(table, &sections, endian, &cache, &mut all)
                .unwrap();
            let address = |name| by_hash.address(name).unwrap_or(0);
            let version = &python.version;
            assert_eq!(address(PY_RUNTIME), all.py_runtime, "{version}");
            assert_eq!(address(PY_VERSION), all.py_version, "{version}");
            assert_eq!(address(HASH_SECRET), all.hash_secret, "{version}");
            assert_eq!(address(PY_MAIN) != 0, all.py_main, "{version}");
            assert!(all.py_main && all.hash_secret != 0, "{version}");
            assert_eq!(by_hash.address(b"Py_Nothing\0"), None, "{version}");
        }
        if !pythons.iter().any(|python| is_static(&python)) {
            say_not_tested("symbols by their hashes: there is no CPython in one file");
        }
    }

    #[test]
    fn a_file_that_says_it_is_huge_costs_nothing() {
        const HUGE: u64 = 1 << 40;
        let changes: [&[(usize, u64)]; 4] = [
            // Symbols, or names, without end.
            &[(SECTIONS + 64 + 32, HUGE)],
            &[(SECTIONS + 128 + 32, HUGE)],
            // The number of sections is told by the first.
            &[(58, 64), (SECTIONS + 32, HUGE / 64)],
            // That of segments too.
            &[
                (32, 64),
                (54, 56 | 0xffff << 16 | 64 << 32),
                (SECTIONS + 40, u64::MAX),
            ],
        ];
        for change in changes {
            let mut file = elf(b"\0_PyRuntime\0");
            for &(at, number) in change {
                set(&mut file, at, &number.to_le_bytes());
            }
            let (found, peak) = allocations::peak(|| landmarks(&file, 4 * HUGE));
            assert_eq!(found, None);
            assert!(peak < 1 << 20, "{peak} bytes");
        }
    }

    #[test]
    fn names_need_not_end() {
        let mut file = elf(&vec![b'_'; 1 << 20]);
        let symbols = file.len();
        let count = 100_000;
        for _ in 0..count {
            let symbol: Vec<u8> = file[SYMBOLS + 24..NAMES].to_vec();
            file.extend(symbol);
        }
        set(
            &mut file,
            SECTIONS + 64 + 24,
            &(symbols as u64).to_le_bytes(),
        );
        set(
            &mut file,
            SECTIONS + 64 + 32,
            &(24 * count as u64).to_le_bytes(),
        );
        assert_eq!(landmarks(&file, 0), Some(Landmarks::default()));
    }

    /// The same with a table of hashes: one bucket, in which is the symbol.
    fn with_hashes(mut file: Vec<u8>, name: &[u8]) -> Vec<u8> {
        let table = file.len();
        let hash = object::elf::gnu_hash(name) | 1;
        for word in [1, 1, 0, 0, 1, hash] {
            file.extend(u32::to_le_bytes(word));
        }
        let header = file.len();
        let sections: Vec<u8> = file[SECTIONS..SECTIONS + 3 * 64].to_vec();
        file.extend(sections);
        file.extend([0; 64]);
        set(&mut file, 40, &(header as u64).to_le_bytes());
        set(&mut file, 60, &4_u16.to_le_bytes());
        let at = header + 3 * 64;
        set(&mut file, at + 4, &object::elf::SHT_GNU_HASH.to_le_bytes());
        set(&mut file, at + 24, &(table as u64).to_le_bytes());
        set(&mut file, at + 32, &24_u64.to_le_bytes());
        set(&mut file, at + 40, &1_u32.to_le_bytes());
        file
    }

    #[test]
    fn a_symbol_is_found_by_its_hash() {
        let file = with_hashes(elf(b"\0_PyRuntime\0"), b"_PyRuntime");
        assert_eq!(landmarks(&file, 0).unwrap().py_runtime, 0x1234);
        // Of what has another name, the hash says nothing.
        let file = with_hashes(elf(b"\0_PyRuntimeX\0"), b"_PyRuntime");
        assert_eq!(landmarks(&file, 0).unwrap().py_runtime, 0);
    }

    #[test]
    fn any_file_gives_an_answer() {
        let small = elf(b"\0_PyRuntime\0");
        let hashed = with_hashes(small.clone(), b"_PyRuntime");
        for seed in 0..4000 {
            let mut random = Random::new(seed);
            let whole = if seed % 2 == 0 { &small } else { &hashed };
            let mut file = whole.clone();
            for _ in 0..=random.below(6) {
                let at = random.below(whole.len());
                file[at] = (random.next() >> random.below(64)) as u8;
            }
            let _ = landmarks(&file, 0);
        }
    }
}
