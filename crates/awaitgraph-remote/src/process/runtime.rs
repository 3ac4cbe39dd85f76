//! Where the CPython of a process keeps its state.
//!
//! `_PyRuntime` is exported by libpython and by a static interpreter; from
//! 3.11 it also has a section of its own, which survives stripping. From 3.14
//! `_asyncio` describes itself in a section that may be in the interpreter, in
//! libpython or in the extension module.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use super::image::{Image, Landmarks, open_mapped};
use super::loaded;
use super::maps::{self, Mapping};
use super::not_permitted;
use super::status::{self, Ids, Life};
use crate::error::Error;
use crate::memory::{Cached, Live};

/// The most files that are looked into. A process may map thousands by such names.
const MOST_IMAGES: usize = 64;

/// The addresses from which everything else is found; 0 stands for none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Runtime {
    /// `_PyRuntime`.
    pub(crate) py_runtime: u64,
    /// `Py_Version`, from 3.11.
    pub(crate) py_version: u64,
    /// `_Py_HashSecret`.
    pub(crate) hash_secret: u64,
    /// `AsyncioDebug`, from 3.14, where `_asyncio` is loaded.
    pub(crate) asyncio_debug: u64,
    /// The version that the file's name tells, as `3.7`, for people to read.
    pub(crate) version_in_name: String,
    /// Those of the other CPythons in the process. An extension may bring
    /// libpython along into an interpreter that is all in one file, and then
    /// only one of the two does anything.
    pub(crate) others: Vec<Self>,
}

/// What was found where CPython was looked for and is not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Absent {
    /// A CPython from before `_PyRuntime`, which came with 3.7.
    Older {
        /// The version, as the file's name has it.
        version: String,
    },
    /// A file by whose name it should be CPython cannot be opened.
    Unopened(PathBuf),
    /// No sign of it.
    NotPython,
}

/// Finds CPython in a live process.
///
/// # Errors
///
/// Where there is no such process, it may not be looked at, or does not run
/// CPython.
pub(crate) fn find_runtime(
    &Ids {
        process: pid,
        living,
        ..
    }: &Ids,
) -> Result<Runtime, Error> {
    let maps = read_maps(pid, living)?;
    let executable = status::executable(living);
    let open = |mappings: &[&Mapping]| {
        let first = mappings.first()?;
        let Some(file) = open_mapped(living, first) else {
            // It was deleted, or is out of our sight; its symbols are in memory.
            let memory = Cached::new(Live::new(living));
            return loaded::landmarks(&memory, first.start);
        };
        let image = Image::new(file, mappings)?;
        Some(image.landmarks().unwrap_or_default())
    };
    search(&maps, executable.as_deref(), &open).map_err(|absent| match absent {
        Absent::Older { version } => Error::UnknownVersion { pid, version },
        // What runs something has an executable, until it ends.
        _ if executable.is_none() || !status::is_alive(pid) => Error::Ended { pid },
        Absent::Unopened(path) => Error::Unopened {
            pid,
            path: path.to_string_lossy().into_owned(),
        },
        Absent::NotPython => Error::NotPython {
            pid,
            executable: executable
                .as_deref()
                .unwrap_or(Path::new(""))
                .to_string_lossy()
                .into_owned(),
        },
    })
}

/// Finds CPython among mapped files. `open` gives the landmarks of the one
/// whose mappings these are, none of them where it is something else, and
/// `None` where it cannot be opened.
pub(super) fn search(
    maps: &[Mapping],
    executable: Option<&Path>,
    open: &dyn Fn(&[&Mapping]) -> Option<Landmarks>,
) -> Result<Runtime, Absent> {
    let mut candidates: Vec<_> = files(maps)
        .into_iter()
        .filter(|((path, _), _)| may_be_python(path, executable))
        .take(MOST_IMAGES)
        .collect();
    // Where there is a libpython, an executable that has the symbol too has it from there.
    candidates.sort_by_key(|((path, _), _)| !is_libpython(path));

    let mut runtimes: Vec<Runtime> = Vec::new();
    let mut asyncio_debug = 0;
    let mut older = None;
    let mut unopened = None;
    for ((path, _), mappings) in &candidates {
        let Some(Landmarks {
            py_runtime,
            py_version,
            hash_secret,
            asyncio_debug: debug,
            py_main,
        }) = open(mappings)
        else {
            if names_python(path) {
                unopened.get_or_insert(path);
            }
            continue;
        };
        let is_mapped = |addr| mappings.iter().any(|it| (it.start..it.end).contains(&addr));
        let debug = if is_mapped(debug) { debug } else { 0 };
        if asyncio_debug == 0 {
            asyncio_debug = debug;
        }
        if py_runtime != 0 {
            runtimes.push(Runtime {
                py_runtime,
                py_version,
                hash_secret,
                asyncio_debug: debug,
                version_in_name: version_in_name(path),
                others: Vec::new(),
            });
        }
        if py_main {
            older.get_or_insert(path);
        }
    }
    // Where none is in its own file, it is in that of `_asyncio`.
    for runtime in &mut runtimes {
        if runtime.asyncio_debug == 0 {
            runtime.asyncio_debug = asyncio_debug;
        }
    }
    let mut runtimes = runtimes.into_iter();
    match (runtimes.next(), older, unopened) {
        (Some(runtime), _, _) => Ok(Runtime {
            others: runtimes.collect(),
            ..runtime
        }),
        (None, Some(path), _) => Err(Absent::Older {
            version: version_in_name(path),
        }),
        (None, None, Some(path)) => Err(Absent::Unopened(path.to_path_buf())),
        (None, None, None) => Err(Absent::NotPython),
    }
}

fn read_maps(pid: u32, living: u32) -> Result<Vec<Mapping>, Error> {
    let maps =
        File::open(format!("/proc/{living}/maps")).and_then(|mut maps| maps::read(&mut maps));
    let maps = match maps {
        Ok(Some(maps)) => return Ok(maps),
        other => other,
    };
    match status::life(pid) {
        Life::Gone => return Err(Error::NoSuchProcess { pid }),
        Life::Zombie => return Err(Error::Zombie { pid }),
        Life::Alive | Life::Hidden => {}
    }
    match maps {
        Ok(_) if status::is_kernel_thread(pid) => Err(Error::NotPython {
            pid,
            executable: String::new(),
        }),
        Ok(_) => Ok(Vec::new()),
        Err(_) if !status::is_alive(pid) => Err(Error::Ended { pid }),
        Err(error) if error.kind() == ErrorKind::PermissionDenied => Err(not_permitted(pid)),
        // Where processes are hidden, not even their folders are shown.
        Err(error) if error.kind() == ErrorKind::NotFound => Err(not_permitted(pid)),
        Err(source) => Err(Error::System {
            what: format!("read /proc/{pid}/maps"),
            source,
        }),
    }
}

/// The mapped files, by path and inode, each with its mappings: after an upgrade
/// in place two may have the same path.
fn files(maps: &[Mapping]) -> BTreeMap<(&Path, u64), Vec<&Mapping>> {
    let mut files: BTreeMap<_, Vec<&Mapping>> = BTreeMap::new();
    for mapping in maps {
        let file = (mapping.path.as_path(), mapping.inode);
        files.entry(file).or_default().push(mapping);
    }
    files
}

/// The executable, libpython and `_asyncio`, and what is named as Python is, since
/// the executable may be a loader that was told to start it: no other file of
/// the hundreds that a process may have mapped is opened.
fn may_be_python(path: &Path, executable: Option<&Path>) -> bool {
    Some(path) == executable || names_python(path) || name_starts(path, "_asyncio.")
}

/// Whether a file by that name is most likely CPython, even if it cannot be opened.
fn names_python(path: &Path) -> bool {
    is_libpython(path) || name_starts(path, "python")
}

pub(super) fn is_libpython(path: &Path) -> bool {
    name_starts(path, "libpython")
}

fn name_starts(path: &Path, start: &str) -> bool {
    path.file_name()
        .is_some_and(|name| name.as_encoded_bytes().starts_with(start.as_bytes()))
}

/// `2.7` of `/usr/bin/python2.7`, else a word that says that it is old.
pub(super) fn version_in_name(path: &Path) -> String {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let version: String = name
        .chars()
        .skip_while(|c| !c.is_ascii_digit())
        .take_while(|c| c.is_ascii_digit() || *c == '.')
        .collect();
    match version.trim_end_matches('.') {
        version if version.contains('.') => version.to_owned(),
        _ => "before 3.8".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_of_an_old_python_is_in_its_name() {
        assert_eq!(version_in_name(Path::new("/usr/bin/python2.7")), "2.7");
        assert_eq!(version_in_name(Path::new("/x/libpython3.6m.so.1.0")), "3.6");
        assert_eq!(version_in_name(Path::new("/opt/app/server")), "before 3.8");
    }
}
