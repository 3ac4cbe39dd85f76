//! What a core file says of a process: what `/proc` says of a live one.
//!
//! `core(5)` and `elf(5)` describe it. The segments are the memory
//! ([`Dump`]); the notes tell the rest:
//!
//! ```text
//!   NT_PRPSINFO   the process id
//!   NT_PRSTATUS   one for each thread: its id and its registers
//!   NT_FILE       the mapped files, as the lines of `/proc/PID/maps`
//!   NT_AUXV       where the program's own headers are
//! ```
//!
//! The kernel writes the notes before the memory and gdb's `gcore` behind it,
//! so a core that is cut off may have none.

mod files;
mod unpack;

use std::ffi::OsStr;
use std::fs::File;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use object::LittleEndian as LE;
use object::elf::{
    EM_X86_64, ET_CORE, NT_AUXV, NT_FILE, NT_PRPSINFO, NT_PRSTATUS, PN_XNUM, PT_LOAD, PT_NOTE,
    ProgramHeader64,
};

use super::elf::{self, Note, u32_at, u64_at};
use super::loaded;
use super::maps::Mapping;
use crate::error::{Error, NotCore};
use crate::map::HashMap;
use crate::memory::{CoreBytes, Dump, Segment};

pub(crate) use files::Files;
pub(crate) use unpack::Progress;

/// Where the kernel keeps what in its notes on x86-64 (`linux/elfcore.h`).
const PRSTATUS_PID: usize = 32;
const PRSTATUS_RSP: usize = 112 + 19 * 8;
const PRSTATUS_FS_BASE: usize = 112 + 21 * 8;
const PRPSINFO_PID: usize = 24;
/// The most segments of notes that are read; there is one.
const MOST_NOTES: usize = 8;
/// The largest table of headers, and the largest segment of notes, that is read:
/// one header for each mapping, and some kilobytes of notes for each thread.
const LARGEST_HEADERS: u64 = 64 << 20;
const LARGEST_NOTES: u64 = 1 << 30;
/// The longest path, which the kernel has a page for.
const LONGEST_PATH: usize = 4096;
/// Entries of the auxiliary vector (`getauxval(3)`).
const AT_PHDR: u64 = 3;
const AT_EXECFN: u64 = 31;

/// An opened core file.
pub(crate) struct Opened {
    bytes: CoreBytes,
    /// Whether it had more before it was packed.
    cut_off: Option<String>,
}

/// What is in a core file.
pub(crate) struct CoreFile<'a> {
    /// The process id; 0 where no note has it.
    pub(crate) pid: u32,
    /// The file that the process was started from.
    pub(crate) executable: Option<PathBuf>,
    /// The mapped files.
    pub(crate) maps: Vec<Mapping>,
    /// The kernel's id of each thread, by its `pthread_t`.
    pub(crate) threads: HashMap<u64, u32>,
    pub(crate) dump: Dump<'a>,
    bytes: &'a CoreBytes,
    /// The ends of the stacks of all threads.
    stacks: Vec<u64>,
    /// What it lacks, in a sentence.
    pub(crate) cut_off: Option<String>,
}

impl Opened {
    /// Opens a core file, which may be packed with zstd.
    ///
    /// # Errors
    ///
    /// Where it cannot be opened or unpacked.
    pub(crate) fn new(path: &Path, progress: Progress<'_>) -> Result<Self, Error> {
        let system = |what: String| move |source| Error::System { what, source };
        let shown = path.display();
        let mut file = File::open(path).map_err(system(format!("open {shown}")))?;
        let metadata = file
            .metadata()
            .map_err(system(format!("look at {shown}")))?;
        if !metadata.is_file() {
            return Err(not_core(path, NotCore::NoFile));
        }
        let mut cut_off = None;
        if let Some(packed) = unpack::packed(&file) {
            let unpacked = unpack::unpack(file, packed, metadata.len(), progress);
            let unpacked = unpacked.map_err(|failure| failure.into_error(path))?;
            (file, cut_off) = unpacked;
        }
        // That of what was unpacked.
        let length = file.metadata().map(|it| it.len());
        let length = length.map_err(system(format!("look at {shown}")))?;
        let bytes = CoreBytes::new(file, length);
        Ok(Self { bytes, cut_off })
    }

    /// What is in it.
    ///
    /// # Errors
    ///
    /// Where it is no core file of this architecture.
    pub(crate) fn read(&self, path: &Path) -> Result<CoreFile<'_>, Error> {
        let headers = headers(&self.bytes).map_err(|why| not_core(path, why))?;
        let mut core = CoreFile::new(&self.bytes, &headers);
        core.cut_off = self.cut_off.clone().or(core.cut_off);
        Ok(core)
    }
}

impl CoreFile<'_> {
    /// Says that the file was made shorter since it was opened.
    pub(crate) fn is_shorter(&self) -> Option<String> {
        let what = "it was made shorter while it was read, and what was behind its end is missing";
        self.bytes.is_shorter().then(|| what.to_owned())
    }
}

fn not_core(path: &Path, why: NotCore) -> Error {
    let path = path.to_owned();
    Error::NotCore { path, why }
}

/// The headers of a core's segments.
struct Headers {
    list: Vec<ProgramHeader64<LE>>,
    /// Whether none are missing at the end.
    is_whole: bool,
}

fn headers(bytes: &CoreBytes) -> Result<Headers, NotCore> {
    let begin = bytes.part(0, elf::HEADER as u64);
    if begin.is_empty() {
        return Err(NotCore::Empty);
    }
    if !begin.starts_with(&object::elf::ELFMAG) {
        return Err(match unpack::packed_otherwise(&begin) {
            Some(program) => NotCore::Packed { program },
            // It may be what is left of one.
            None if object::elf::ELFMAG.starts_with(&begin) => NotCore::CutOff,
            None => NotCore::NotElf,
        });
    }
    let Some(header) = elf::header(&begin) else {
        return Err(if begin.len() < elf::HEADER {
            NotCore::CutOff
        } else {
            NotCore::Architecture {
                machine: "not a 64-bit little-endian one".to_owned(),
            }
        });
    };
    if header.e_type.get(LE) != ET_CORE {
        return Err(NotCore::OtherElf);
    }
    if header.e_machine.get(LE) != EM_X86_64 {
        return Err(NotCore::Architecture {
            machine: machine(header.e_machine.get(LE)),
        });
    }
    let at = header.e_phoff.get(LE);
    let mut count = u64::from(header.e_phnum.get(LE));
    if header.e_phnum.get(LE) == PN_XNUM {
        // elf(5): more than fit are counted in the header of a section, which
        // the kernel writes behind all. What is first in the file says it too.
        let first = bytes.part(at, elf::SEGMENT_HEADER as u64);
        let end = elf::segments(&first).first().map(|it| it.p_offset.get(LE));
        let space = end.and_then(|end| end.checked_sub(at));
        count = space.unwrap_or(0) / elf::SEGMENT_HEADER as u64;
    }
    let length = count.saturating_mul(elf::SEGMENT_HEADER as u64);
    let list = elf::segments(&bytes.part(at, length.min(LARGEST_HEADERS))).to_vec();
    if list.is_empty() {
        return Err(NotCore::CutOff);
    }
    Ok(Headers {
        is_whole: list.len() as u64 == count,
        list,
    })
}

fn machine(number: u16) -> String {
    match number {
        object::elf::EM_AARCH64 => "aarch64",
        object::elf::EM_386 => "i386",
        object::elf::EM_ARM => "arm",
        object::elf::EM_RISCV => "riscv64",
        object::elf::EM_PPC64 => "ppc64",
        object::elf::EM_S390 => "s390x",
        _ => return format!("machine {number} of the ELF standard"),
    }
    .to_owned()
}

impl<'a> CoreFile<'a> {
    fn new(bytes: &'a CoreBytes, headers: &Headers) -> Self {
        let list = headers.list.iter();
        let of_kind = |kind| list.clone().filter(move |it| it.p_type.get(LE) == kind);
        let segments = of_kind(PT_LOAD).map(|header| {
            let offset = header.p_offset.get(LE).min(bytes.length());
            Segment {
                start: header.p_vaddr.get(LE),
                offset,
                length: header.p_filesz.get(LE).min(bytes.length() - offset),
            }
        });
        let mut core = Self {
            pid: 0,
            executable: None,
            maps: Vec::new(),
            threads: HashMap::default(),
            dump: Dump::new(bytes, segments.collect()),
            bytes,
            stacks: Vec::new(),
            cut_off: cut_off(bytes.length(), headers),
        };
        let mut auxv = Vec::new();
        for header in of_kind(PT_NOTE).take(MOST_NOTES) {
            let length = header.p_filesz.get(LE).min(LARGEST_NOTES);
            let notes = bytes.part(header.p_offset.get(LE), length);
            for note in elf::notes_of(&notes, header.p_align.get(LE)) {
                if (note.name, note.kind) == (b"CORE", NT_AUXV) {
                    auxv = note.content.to_vec();
                }
                core.learn(&note);
            }
        }
        if core.maps.is_empty() {
            core.maps = loaded::maps(&core.dump);
        }
        core.maps.sort_by_key(|mapping| mapping.start);
        core.executable = core.executable(&auxv);
        core
    }

    fn learn(&mut self, note: &Note<'_>) -> Option<()> {
        if note.name != b"CORE" {
            return None;
        }
        let content = note.content;
        match note.kind {
            NT_PRPSINFO => self.pid = u32_at(content, PRPSINFO_PID)?,
            NT_PRSTATUS => {
                let tid = u32_at(content, PRSTATUS_PID)?;
                let pthread = u64_at(content, PRSTATUS_FS_BASE)?;
                self.threads.insert(pthread, tid);
                self.stacks.push(u64_at(content, PRSTATUS_RSP)?);
            }
            NT_FILE => self.maps.extend(mappings(content)),
            _ => {}
        }
        Some(())
    }

    /// How many threads have a stack of nothing but zeros, which no thread has:
    /// some versions of gdb write them for what they cannot read.
    pub(crate) fn lost_stacks(&self) -> usize {
        const LOOKED_AT: usize = 4096;
        let is_lost = |&&end: &&u64| {
            let stack = self.dump.from(end, LOOKED_AT);
            !stack.is_empty() && stack.iter().all(|&byte| byte == 0)
        };
        self.stacks.iter().filter(is_lost).count()
    }

    /// The file that the program's own headers are in, else its name as the
    /// kernel was given it.
    fn executable(&self, auxv: &[u8]) -> Option<PathBuf> {
        let entry = |kind| {
            let mut entries = auxv.chunks_exact(16);
            let found = entries.find(|entry| u64_at(entry, 0) == Some(kind))?;
            u64_at(found, 8)
        };
        let mapped = |addr| {
            let holds = |it: &&Mapping| (it.start..it.end).contains(&addr);
            Some(self.maps.iter().find(holds)?.path.clone())
        };
        let named = |addr| {
            let name = self.dump.from(addr, LONGEST_PATH);
            let end = name.iter().position(|&byte| byte == 0)?;
            let name = OsStr::from_bytes(name.get(..end)?);
            Some(PathBuf::from(name))
        };
        let by_headers = entry(AT_PHDR).and_then(mapped);
        by_headers.or_else(|| entry(AT_EXECFN).and_then(named))
    }
}

/// Says that the segments should go on behind the end of the file.
fn cut_off(length: u64, headers: &Headers) -> Option<String> {
    const LOST: &str = "and what was in the others is missing";
    if !headers.is_whole {
        return Some(format!(
            "it is cut off within its headers: {length} bytes are there, {LOST}"
        ));
    }
    let whole = headers.end();
    (whole > length)
        .then(|| format!("it is cut off: {length} of its {whole} bytes are there, {LOST}"))
}

impl Headers {
    /// Where the last segment ends.
    fn end(&self) -> u64 {
        let ends = self
            .list
            .iter()
            .map(|it| it.p_offset.get(LE).saturating_add(it.p_filesz.get(LE)));
        ends.max().unwrap_or(0)
    }
}

/// The mapped files: how many, the unit of their offsets, a start, an end and
/// an offset for each, and then their names.
fn mappings(note: &[u8]) -> Vec<Mapping> {
    const HEADER: usize = 16;
    const ENTRY: usize = 24;
    let count = u64_at(note, 0).and_then(|count| usize::try_from(count).ok());
    let length = count.and_then(|count| count.checked_mul(ENTRY));
    let (Some(length), Some(unit)) = (length, u64_at(note, 8)) else {
        return Vec::new();
    };
    let Some((entries, names)) = note
        .get(HEADER..)
        .and_then(|it| it.split_at_checked(length))
    else {
        return Vec::new();
    };
    let names = names.split(|&byte| byte == 0);
    let entries = entries.chunks_exact(ENTRY).zip(names);
    entries
        .filter_map(|(entry, name)| {
            let offset = u64_at(entry, 16)?;
            let path = name.strip_suffix(b" (deleted)").unwrap_or(name);
            path.starts_with(b"/").then_some(())?;
            Some(Mapping {
                start: u64_at(entry, 0)?,
                end: u64_at(entry, 8)?,
                offset: offset.checked_mul(unit)?,
                device: (0, 0),
                inode: 0,
                path: PathBuf::from(OsStr::from_bytes(path)),
            })
        })
        .collect()
}
