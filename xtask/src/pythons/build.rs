//! Building the CPythons that no distribution has at hand, from Debian's source
//! packages, into the cache: one without the GIL, one on the C library musl.
//!
//! ```text
//!   apt (deb-src) ──> orig.tar ──┬─> configure, make, make install ──> pythons/source-3.13.15t/usr
//!                                └─> the same ──> pythons/source-3.13.15-musl/usr
//! ```
//!
//! Only the source of CPython itself is taken, without Debian's changes, and
//! once for all that is built of it. It is built for tests: with little
//! optimisation, for a short build, and without what no test asks for. The two
//! are built at once, since `configure` uses one processor only.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;
use std::time::Instant;

use anyhow::{Context, Result, anyhow, bail};

use super::apt::{Apt, Targets};
use super::fetch::with_each_suite;
use crate::cache::{self, Unfinished};
use crate::command;

mod kind;

pub(crate) use kind::Kind;

/// Leaves out what no test asks for, and pip, which has a cache of its own here.
const CONFIGURE: [&str; 2] = ["--disable-test-modules", "--without-ensurepip"];

/// Byte code of the packages is left out: tests keep theirs elsewhere.
const INSTALL: [&str; 2] = ["install", "COMPILEALL_OPTS=-q -r 0"];

/// Builds of each of these minor versions the newest whose source can be had.
pub(crate) fn build(wanted: &[(Kind, u32)]) -> Result<()> {
    for program in ["apt-get", "apt-cache", "dpkg", "tar", "xz", "make"] {
        command::find_in_path(program).with_context(|| format!("there is no {program} here"))?;
    }
    for (kind, minor) in wanted {
        let (program, package) = kind.compiler();
        command::find_in_path(program).with_context(|| {
            let name = kind.name(&format!("3.{minor}"));
            format!("there is no {program} here, of Debian's {package}, to build {name}")
        })?;
    }
    let unfinished = Unfinished::in_folder(&cache::folder("pythons")?)?;
    for (minor, kinds) in by_minor(wanted) {
        let source = Source::get(minor, &unfinished)
            .with_context(|| format!("there is no source of CPython 3.{minor}"))?;
        let one = |kind: Kind| {
            let result = source.build(kind, &unfinished);
            result.with_context(|| format!("cannot build {}", kind.name(&source.version)))
        };
        let ended = thread::scope(|scope| {
            let threads: Vec<_> = (kinds.into_iter())
                .map(|kind| scope.spawn(move || one(kind)))
                .collect();
            let joined = threads.into_iter().map(|thread| thread.join());
            joined.collect::<Vec<_>>()
        });
        for result in ended {
            result.map_err(|_| anyhow!("a thread panicked"))??;
        }
    }
    Ok(())
}

/// What is built of one source.
fn by_minor(wanted: &[(Kind, u32)]) -> BTreeMap<u32, Vec<Kind>> {
    let mut sorted: BTreeMap<u32, Vec<Kind>> = BTreeMap::new();
    for (kind, minor) in wanted {
        let kinds = sorted.entry(*minor).or_default();
        if !kinds.contains(kind) {
            kinds.push(*kind);
        }
    }
    sorted
}

/// The newest source of a minor version, unpacked.
struct Source {
    /// As `3.13.15`.
    version: String,
    /// The folder of the archive, where all of its builds are.
    folder: PathBuf,
    tree: PathBuf,
}

impl Source {
    fn get(minor: u32, unfinished: &Unfinished) -> Result<Self> {
        let (version, archive) = download(minor, unfinished)?;
        let folder = archive.parent().context("an archive has a folder")?;
        let tree = folder.join("tree");
        fs::create_dir_all(&tree)?;
        let mut unpack = Command::new("tar");
        unpack.args(["--extract", "--strip-components=1", "--file"]);
        command::output(unpack.arg(&archive).arg("--directory").arg(&tree))?;
        Ok(Self {
            version,
            folder: folder.to_owned(),
            tree,
        })
    }

    fn build(&self, kind: Kind, unfinished: &Unfinished) -> Result<()> {
        let title = kind.name(&self.version);
        let name = kind.folder(&self.version);
        let place = unfinished.place(&name);
        let folder = self.folder.join(&name);
        let objects = folder.join("objects");
        fs::create_dir_all(&objects)?;
        let log = folder.join("log");

        let begin = Instant::now();
        let step = |what: &str, command: &mut Command| -> Result<()> {
            eprintln!("{what} {title} ({} s)", begin.elapsed().as_secs());
            command.current_dir(&objects);
            // A compiler that the environment chooses may not know these options,
            // or not the C library.
            for name in ["CC", "CFLAGS", "CPPFLAGS", "LDFLAGS", "MAKEFLAGS"] {
                command.env_remove(name);
            }
            command::logged(command, &log)
        };
        // Its own files hold the place where they will be in the end.
        let mut configure = Command::new(self.tree.join("configure"));
        configure.arg(format!("--prefix={}", place.join("usr").display()));
        configure.args(CONFIGURE).args(kind.configure(&folder)?);
        step("configuring", &mut configure)?;
        let processors = thread::available_parallelism().map_or(1, usize::from);
        let mut make = Command::new("make");
        step("compiling", make.arg(format!("-j{processors}")))?;
        let root = folder.join("root");
        let mut install = Command::new("make");
        install.args(INSTALL);
        install.arg(format!("DESTDIR={}", root.display()));
        step("installing", &mut install)?;

        let built = root.join(place.strip_prefix("/").unwrap_or(&place));
        let python = built.join("usr/bin").join(kind.executable(&self.version));
        let mut import = Command::new(&python);
        import.args(["-I", "-B", "-c", &format!("import {}", kind.modules())]);
        command::output(&mut import).context(kind.lack())?;
        let place = unfinished.put(&built, &name)?;
        let seconds = begin.elapsed().as_secs();
        eprintln!("built {title} into {} ({seconds} s)", place.display());
        Ok(())
    }
}

/// The version, as `3.13.15`, and the archive of the newest source that there is.
fn download(minor: u32, unfinished: &Unfinished) -> Result<(String, PathBuf)> {
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

#[cfg(test)]
mod tests {
    use super::{Kind, by_minor, newest_first};

    #[test]
    fn the_newest_source_is_tried_first() {
        let listed = ["3.13.9-1", "3.13.15-1", "3.13.18-1", "3.13.15-1"];
        assert_eq!(
            newest_first(listed.map(str::to_owned).to_vec()),
            ["3.13.18-1", "3.13.15-1", "3.13.9-1"]
        );
    }

    #[test]
    fn what_is_built_of_one_source_goes_together() {
        let wanted = [
            (Kind::FreeThreaded, 14),
            (Kind::FreeThreaded, 13),
            (Kind::OnMusl, 13),
            (Kind::OnMusl, 13),
        ];
        let sorted: Vec<(u32, Vec<Kind>)> = by_minor(&wanted).into_iter().collect();
        let both = vec![Kind::FreeThreaded, Kind::OnMusl];
        assert_eq!(sorted, [(13, both), (14, vec![Kind::FreeThreaded])]);
    }
}
