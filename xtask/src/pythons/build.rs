//! Building the CPythons without the GIL, which Debian does not package, from
//! its source packages, into the cache.
//!
//! ```text
//!   apt (deb-src) ──> orig.tar ──> configure, make, make install ──> pythons/source-3.13.15t/usr
//! ```
//!
//! Only the source of CPython itself is taken, without Debian's changes. It is
//! built for tests: with the compiler's record of all structs, which the
//! layouts are held against, and with little optimisation, for a short build.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use anyhow::{Context, Result, bail};

use super::apt::{Apt, Targets};
use super::fetch::with_each_suite;
use crate::cache::{self, Unfinished};
use crate::command;

/// The minor versions that are built: those that are read without the GIL.
pub(crate) const FREE_THREADED: [u32; 1] = [13];

/// Leaves out what no test asks for, and pip, which has a cache of its own here.
const CONFIGURE: [&str; 3] = [
    "--disable-gil",
    "--disable-test-modules",
    "--without-ensurepip",
];

/// What it must be able to import: what the scenes of the tests do. Modules are
/// left out of a build, without a word, where there are no headers for them.
const MODULES: &str = "asyncio, ctypes, ssl";

/// Compiles sooner than CPython's own choice; nothing of the layout depends on it.
const OPTIMIZATION: &str = "OPT=-DNDEBUG -g -O1";

/// Builds the newest of each of these minor versions whose source can be had.
pub(crate) fn free_threaded(minors: &[u32]) -> Result<()> {
    for program in ["apt-get", "apt-cache", "dpkg", "tar", "xz", "make", "cc"] {
        command::find_in_path(program).with_context(|| format!("there is no {program} here"))?;
    }
    let unfinished = Unfinished::in_folder(&cache::folder("pythons")?)?;
    for minor in minors {
        let (version, archive) = source(*minor, &unfinished)
            .with_context(|| format!("there is no source of CPython 3.{minor}"))?;
        build(&version, &archive, &unfinished)
            .with_context(|| format!("cannot build CPython {version}t"))?;
    }
    Ok(())
}

/// The version, as `3.13.15`, and the archive of the newest source that there is.
fn source(minor: u32, unfinished: &Unfinished) -> Result<(String, PathBuf)> {
    let package = format!("python3.{minor}");
    let mut found = None;
    with_each_suite(unfinished, Targets::Sources, |apt, suite| {
        let mut errors = String::new();
        // A mirror may list one that it has no longer, or not yet.
        for version in newest_first(apt.source_versions(&package)?) {
            let folder = unfinished.path().join(format!("{package}-{version}"));
            eprintln!("fetching the source of CPython {version} from {suite}");
            match fetch(apt, &package, &version, &folder) {
                Ok(archive) => {
                    let upstream = version.split('-').next().unwrap_or(&version);
                    found = Some((upstream.to_owned(), archive));
                    return Ok(());
                }
                Err(error) => errors.push_str(&format!("\n{version}: {error:#}")),
            }
        }
        bail!("it gave no {package}{errors}")
    })?;
    found.context("no suite has one")
}

fn fetch(apt: &Apt, package: &str, version: &str, folder: &Path) -> Result<PathBuf> {
    fs::create_dir_all(folder)?;
    apt.download_source(package, version, folder)?;
    let mut files = fs::read_dir(folder)?.flatten().map(|entry| entry.path());
    files
        .find(|path| path.to_string_lossy().contains(".orig.tar."))
        .context("apt-get downloaded no archive")
}

/// By the numbers in them, which is right for all but release candidates; of
/// those any will do.
fn newest_first(mut versions: Vec<String>) -> Vec<String> {
    versions.sort_by_key(|version| {
        let numbers = version.split(|it: char| !it.is_ascii_digit());
        let numbers = numbers.filter_map(|it| it.parse::<u32>().ok());
        std::cmp::Reverse(numbers.collect::<Vec<_>>())
    });
    versions.dedup();
    versions
}

fn build(version: &str, archive: &Path, unfinished: &Unfinished) -> Result<()> {
    let name = format!("source-{version}t");
    let place = unfinished.place(&name);
    let folder = archive.parent().context("an archive has a folder")?;
    let (tree, objects) = (folder.join("tree"), folder.join("objects"));
    let log = folder.join("log");
    fs::create_dir_all(&tree)?;
    fs::create_dir_all(&objects)?;
    let mut unpack = Command::new("tar");
    unpack.args(["--extract", "--strip-components=1", "--file"]);
    command::output(unpack.arg(archive).arg("--directory").arg(&tree))?;

    let begin = Instant::now();
    let step = |what: &str, command: &mut Command| -> Result<()> {
        eprintln!(
            "{what} CPython {version}t ({} s)",
            begin.elapsed().as_secs()
        );
        command.current_dir(&objects);
        // A compiler that the environment chooses may not know these options.
        for name in ["CFLAGS", "CPPFLAGS", "LDFLAGS", "MAKEFLAGS"] {
            command.env_remove(name);
        }
        command::logged(command, &log)
    };
    // Its own files hold the place where they will be in the end.
    let mut configure = Command::new(tree.join("configure"));
    configure.arg(format!("--prefix={}", place.join("usr").display()));
    step("configuring", configure.args(CONFIGURE).arg(OPTIMIZATION))?;
    let processors = std::thread::available_parallelism().map_or(1, usize::from);
    let mut make = Command::new("make");
    step("compiling", make.arg(format!("-j{processors}")))?;
    let root = folder.join("root");
    let mut install = Command::new("make");
    install
        .arg("install")
        .arg(format!("DESTDIR={}", root.display()));
    step("installing", &mut install)?;

    let built = root.join(place.strip_prefix("/").unwrap_or(&place));
    let python = built.join("usr/bin").join(python_name(version));
    let mut import = Command::new(&python);
    import.args(["-I", "-B", "-c", &format!("import {MODULES}")]);
    command::output(&mut import)
        .context("it lacks a module; are libffi-dev and libssl-dev installed?")?;
    let place = unfinished.put(&built, &name)?;
    eprintln!(
        "built CPython {version}t into {} ({} s)",
        place.display(),
        begin.elapsed().as_secs()
    );
    Ok(())
}

/// `python3.13t`, for `3.13.15`.
fn python_name(version: &str) -> String {
    let minor: Vec<&str> = version.split('.').take(2).collect();
    format!("python{}t", minor.join("."))
}

#[cfg(test)]
mod tests {
    use super::newest_first;

    #[test]
    fn the_newest_source_is_tried_first() {
        let listed = ["3.13.9-1", "3.13.15-1", "3.13.18-1", "3.13.15-1"];
        assert_eq!(
            newest_first(listed.map(str::to_owned).to_vec()),
            ["3.13.18-1", "3.13.15-1", "3.13.9-1"]
        );
    }
}
