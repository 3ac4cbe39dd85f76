//! The files that were mapped into the process of a core, found again.
//!
//! The core itself leaves out what only repeats them. So each file that is
//! needed is looked for by its path, which is that on the machine and in the
//! container where the process ran, and by its build id. The one is believed
//! that begins as the core says that it began.

use std::cell::{OnceCell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::fmt::Write;
use std::fs::File;
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use awaitgraph_model::Problem;
use object::LittleEndian as LE;
use object::elf::{PF_W, PT_LOAD};

use super::CoreFile;
use crate::error::Error;
use crate::memory::{Dump, Memory, Unreadable, Why};
use crate::process::elf::Headers;
use crate::process::image::{Image, Landmarks};
use crate::process::loaded;
use crate::process::maps::Mapping;
use crate::process::runtime::{self, Absent, Runtime};

/// The most files that are said to be missing.
const MOST_PROBLEMS: usize = 100;
/// What a core has of every file that was mapped, at the least.
const PAGE: usize = 4096;

/// The mapped files of a core. As a [`Memory`] it has what the process cannot
/// have changed of them.
pub(crate) struct Files<'a> {
    core: &'a CoreFile<'a>,
    sysroot: Option<&'a Path>,
    files: Vec<Mapped<'a>>,
    /// The file of each of the core's mappings.
    of_mapping: Vec<usize>,
    /// Those that were needed.
    asked: RefCell<BTreeSet<usize>>,
}

/// A file that was mapped.
struct Mapped<'a> {
    mappings: Vec<&'a Mapping>,
    found: OnceCell<Result<Found, Missing>>,
}

/// A file that was found again.
struct Found {
    file: File,
    /// Where in it is what no process changes in its memory.
    constant: Vec<Range<u64>>,
    /// Whether it is known to be the one.
    is_certain: bool,
    place: PathBuf,
}

/// Why there is none.
#[derive(Debug, Clone)]
struct Missing {
    /// The path of one that it was not.
    other: Option<PathBuf>,
}

/// What a core knows of the beginning of a file.
struct Beginning {
    build_id: Option<Vec<u8>>,
    /// As much as there is of its first page.
    bytes: Vec<u8>,
}

impl<'a> Files<'a> {
    /// The files of `core`; below `sysroot`, where one is given, lie those of
    /// the machine that it is from.
    pub(crate) fn new(core: &'a CoreFile<'a>, sysroot: Option<&'a Path>) -> Self {
        let mut numbers = BTreeMap::new();
        let mut files: Vec<Mapped<'_>> = Vec::new();
        let mut of_mapping = Vec::with_capacity(core.maps.len());
        for mapping in &core.maps {
            let number = *numbers.entry(&mapping.path).or_insert(files.len());
            match files.get_mut(number) {
                Some(file) => file.mappings.push(mapping),
                None => files.push(Mapped {
                    mappings: vec![mapping],
                    found: OnceCell::new(),
                }),
            }
            of_mapping.push(number);
        }
        Self {
            core,
            sysroot,
            files,
            of_mapping,
            asked: RefCell::default(),
        }
    }

    /// Finds CPython in the core.
    ///
    /// # Errors
    ///
    /// Where it does not run CPython, or a file is missing without which that
    /// cannot be told.
    pub(crate) fn find_runtime(&self) -> Result<Runtime, Error> {
        let pid = self.core.pid;
        let executable = self.core.executable.as_deref();
        let open = |mappings: &[&Mapping]| self.landmarks(mappings.first()?.start);
        runtime::search(&self.core.maps, executable, &open)
            .or_else(|absent| match absent {
                Absent::Older { .. } => Err(absent),
                // A core that is cut off may not say which files were mapped.
                _ => loaded::search(&self.core.dump).ok_or(absent),
            })
            .map_err(|absent| match absent {
                Absent::Older { version } => Error::UnknownVersion { pid, version },
                Absent::Unopened(path) => self.missing(&path),
                Absent::NotPython if self.core.maps.is_empty() => Error::NoFilesInCore,
                Absent::NotPython => match executable {
                    Some(path) if self.is_missing(path) => self.missing(path),
                    path => Error::NotPython {
                        pid,
                        executable: path.unwrap_or(Path::new("")).to_string_lossy().into_owned(),
                    },
                },
            })
    }

    /// The first file that was needed and is not here.
    pub(crate) fn first_missing(&self) -> Option<Error> {
        let asked = self.asked.borrow();
        let mut files = asked.iter().filter_map(|&number| self.files.get(number));
        let missing = files.find(|file| self.find(file).is_err())?;
        Some(self.missing_of(missing))
    }

    /// What to say of the files that were needed and could not be had.
    pub(crate) fn problems(&self) -> Vec<Problem> {
        let asked = self.asked.borrow();
        let files = asked.iter().filter_map(|&number| self.files.get(number));
        let problem = |file: &Mapped<'_>| {
            let path = &file.mappings.first()?.path;
            let what = match file.found.get()? {
                Ok(found) if found.is_certain => return None,
                Ok(found) => {
                    const UNCHECKED: &str = "that it is the same file could not be checked: the core lacks its first page";
                    match &found.place {
                        place if place == path => UNCHECKED.to_owned(),
                        place => format!("{} was read for it, and {UNCHECKED}", place.display()),
                    }
                }
                Err(_) => {
                    let error = self.missing_of(file);
                    let hint = error.hint().unwrap_or_default();
                    format!("{error}; what only it has is missing; try: {hint}")
                }
            };
            Some(Problem {
                location: path.to_string_lossy().into_owned(),
                what,
            })
        };
        files.take(MOST_PROBLEMS).filter_map(problem).collect()
    }

    fn numbered(&self, path: &Path) -> Option<&Mapped<'a>> {
        let is_it = |file: &&Mapped<'_>| file.mappings.first().is_some_and(|it| it.path == path);
        self.files.iter().find(is_it)
    }

    fn is_missing(&self, path: &Path) -> bool {
        let file = self.numbered(path);
        file.is_none_or(|file| self.find(file).is_err())
    }

    fn missing(&self, path: &Path) -> Error {
        match self.numbered(path) {
            Some(file) => self.missing_of(file),
            None => Error::NoSuchFile {
                path: path.to_owned(),
                build_id: None,
                other: None,
            },
        }
    }

    fn missing_of(&self, file: &Mapped<'_>) -> Error {
        let path = file.mappings.first().map(|it| it.path.clone());
        let build_id = self.beginning(file).build_id;
        let found = self.find(file).as_ref();
        Error::NoSuchFile {
            path: path.unwrap_or_default(),
            build_id: build_id.map(|id| spelt(&id)),
            other: found.err().and_then(|missing| missing.other.clone()),
        }
    }

    /// The landmarks of the file that is mapped at `start`.
    fn landmarks(&self, start: u64) -> Option<Landmarks> {
        let (number, file) = self.mapped_at(start)?;
        let in_memory = || loaded::landmarks(&self.core.dump, file.mappings.first()?.start);
        match self.find(file) {
            Ok(found) => {
                if !found.is_certain {
                    self.asked.borrow_mut().insert(number);
                }
                let image = Image::new(found.file.try_clone().ok()?, &file.mappings)?;
                Some(image.landmarks().unwrap_or_default())
            }
            Err(_) => in_memory(),
        }
    }

    fn mapped_at(&self, addr: u64) -> Option<(usize, &Mapped<'a>)> {
        let (number, _) = self.mapping_at(addr)?;
        Some((number, self.files.get(number)?))
    }

    /// The mapping that holds `addr`, and the number of its file.
    fn mapping_at(&self, addr: u64) -> Option<(usize, &'a Mapping)> {
        let maps = &self.core.maps;
        let index = maps.partition_point(|it| it.start <= addr).checked_sub(1)?;
        let mapping = maps.get(index).filter(|it| addr < it.end)?;
        Some((*self.of_mapping.get(index)?, mapping))
    }

    fn find<'f>(&self, file: &'f Mapped<'_>) -> &'f Result<Found, Missing> {
        file.found.get_or_init(|| self.look_for(file))
    }

    fn look_for(&self, mapped: &Mapped<'_>) -> Result<Found, Missing> {
        let beginning = self.beginning(mapped);
        let path = mapped.mappings.first().map(|it| it.path.as_path());
        let mut missing = Missing { other: None };
        for place in places(path, self.sysroot, beginning.build_id.as_deref()) {
            let Some(file) = open(&place) else {
                continue;
            };
            let bytes = Bytes(&file);
            let Some(headers) = Headers::read(&bytes, 0) else {
                continue;
            };
            let is_certain = match beginning.is_of(&bytes, &headers) {
                Same::Yes => true,
                Same::Unknown => false,
                Same::No => {
                    missing.other.get_or_insert(place);
                    continue;
                }
            };
            let loaded = headers.0.iter().filter(|it| it.p_type.get(LE) == PT_LOAD);
            let constant = loaded.filter(|it| it.p_flags.get(LE) & PF_W == 0);
            let constant = constant
                .map(|it| {
                    let begin = it.p_offset.get(LE);
                    begin..begin.saturating_add(it.p_filesz.get(LE))
                })
                .collect();
            return Ok(Found {
                file,
                constant,
                is_certain,
                place,
            });
        }
        Err(missing)
    }

    fn beginning(&self, mapped: &Mapped<'_>) -> Beginning {
        let dump: &'a Dump<'a> = &self.core.dump;
        let first = mapped.mappings.iter().find(|mapping| mapping.offset == 0);
        let Some(start) = first.map(|mapping| mapping.start) else {
            return Beginning {
                build_id: None,
                bytes: Vec::new(),
            };
        };
        Beginning {
            build_id: loaded::build_id(dump, start),
            bytes: dump.from(start, PAGE),
        }
    }

    /// Reads from a file as much of `buf` as its mapping has.
    fn read_mapped(&self, addr: u64, buf: &mut [u8]) -> Option<usize> {
        let (number, mapping) = self.mapping_at(addr)?;
        let mapped = self.files.get(number)?;
        let Ok(found) = self.find(mapped) else {
            self.asked.borrow_mut().insert(number);
            return None;
        };
        let inside = addr - mapping.start;
        let offset = mapping.offset.checked_add(inside)?;
        let range = found.constant.iter().find(|it| it.contains(&offset))?;
        let most = (range.end - offset).min(mapping.end - addr);
        let take = usize::try_from(most).unwrap_or(usize::MAX).min(buf.len());
        if !found.is_certain {
            self.asked.borrow_mut().insert(number);
        }
        let to = buf.get_mut(..take)?;
        found.file.read_exact_at(to, offset).ok()?;
        Some(take)
    }
}

impl Memory for Files<'_> {
    fn read(&self, addr: u64, buf: &mut [u8]) -> Result<(), Unreadable> {
        let why = Why::NotInCore;
        let (mut here, mut rest) = (addr, buf);
        while !rest.is_empty() {
            let take = self.read_mapped(here, rest).filter(|&take| take > 0);
            let take = take.ok_or(Unreadable { addr, why })?;
            rest = rest.split_at_mut(take).1;
            here = here
                .checked_add(take as u64)
                .ok_or(Unreadable { addr, why })?;
        }
        Ok(())
    }
}

/// Whether a file is the one that was mapped.
enum Same {
    Yes,
    No,
    /// The core does not know how it began.
    Unknown,
}

impl Beginning {
    /// Whether a file with these headers is the one.
    fn is_of(&self, file: &Bytes<'_>, headers: &Headers) -> Same {
        if self.bytes.is_empty() {
            return Same::Unknown;
        }
        let mut first = vec![0; self.bytes.len()];
        if file.read(0, &mut first).is_ok() && first == self.bytes {
            return Same::Yes;
        }
        // A stripped file begins otherwise, and is the same to us.
        let of_file = headers.build_id(file, |segment| segment.p_offset.get(LE));
        if self.build_id.is_some() && self.build_id == of_file {
            Same::Yes
        } else {
            Same::No
        }
    }
}

/// The bytes of a file, by their offset.
struct Bytes<'a>(&'a File);

impl Memory for Bytes<'_> {
    fn read(&self, addr: u64, buf: &mut [u8]) -> Result<(), Unreadable> {
        let why = Why::Unmapped;
        let read = self.0.read_exact_at(buf, addr);
        read.map_err(|_| Unreadable { addr, why })
    }
}

/// A pipe or a device must not be opened, let alone read.
fn open(path: &Path) -> Option<File> {
    let metadata = std::fs::metadata(path).ok()?;
    metadata.is_file().then(|| File::open(path).ok())?
}

/// Where a file may be, the likeliest place first.
fn places(path: Option<&Path>, sysroot: Option<&Path>, build_id: Option<&[u8]>) -> Vec<PathBuf> {
    let mut places = Vec::new();
    if let Some(path) = path {
        // The name of a file may really end like this.
        let mut deleted = OsString::from(path);
        deleted.push(" (deleted)");
        let paths = [path, Path::new(&deleted)];
        if let Some(sysroot) = sysroot {
            for path in paths {
                places.push(sysroot.join(path.strip_prefix("/").unwrap_or(path)));
            }
            // A handful of files that were copied into one folder.
            if let Some(name) = path.file_name() {
                places.push(sysroot.join(name));
            }
        }
        places.extend(paths.map(Path::to_owned));
    }
    if let Some(id) = build_id {
        let cached = PathBuf::from(spelt(id)).join("executable");
        places.extend(caches().iter().map(|folder| folder.join(&cached)));
    }
    places
}

/// Where debuginfod's clients keep what they fetched (`debuginfod-find(1)`).
fn caches() -> Vec<PathBuf> {
    let folder = |name| {
        let value = std::env::var_os(name).filter(|value| !value.is_empty());
        value.map(PathBuf::from)
    };
    if let Some(cache) = folder("DEBUGINFOD_CACHE_PATH") {
        return vec![cache];
    }
    let below = |base: Option<PathBuf>, name: &str| base.map(|base| base.join(name));
    [
        below(folder("XDG_CACHE_HOME"), "debuginfod_client"),
        below(folder("HOME"), ".cache/debuginfod_client"),
        below(folder("HOME"), ".debuginfod_client_cache"),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// A build id as people and paths spell it.
fn spelt(id: &[u8]) -> String {
    id.iter().fold(String::new(), |mut text, byte| {
        // Writing into a String does not fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}
