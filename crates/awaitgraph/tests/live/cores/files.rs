//! Cores whose process ran from files that are elsewhere now, or nowhere.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use libtest_mimic::{Failed, Trial};
use serde_json::Value;

use super::written::{Dumped, Filter, Writer, crashing, new_folder};
use super::{LIMIT, is_same, read, read_with};
use crate::limited;
use crate::pythons::{Gaps, Python, Pythons};
use crate::scene::{self, Reading};
use crate::temporary::TemporaryFolder;
use crate::upheaval::refused;

pub(super) fn trials(pythons: &Pythons, writers: &[Writer]) -> Vec<Trial> {
    let mut trials = Vec::new();
    for python in &pythons.interpreters {
        for &writer in writers {
            let gaps = pythons.gaps();
            let (version, python) = (&python.version, python.clone());
            trials.push(crate::outcome::trial(
                format!("the_files_of_a_core_may_have_moved::{version}::{writer:?}"),
                move || moved(&python, writer, &gaps).map_err(Failed::from),
            ));
        }
    }
    trials
}

/// An interpreter in a folder of its own, with its libpython.
struct Copied {
    /// Goes with all that is in it.
    _outer: TemporaryFolder,
    folder: PathBuf,
    home: String,
    /// Where its libraries are looked for.
    libraries: String,
}

impl Copied {
    /// `None` where a copy does not start.
    fn new(python: &Python) -> Result<Option<Self>, String> {
        let code = "import sys; print(sys.base_prefix); print(open('/proc/self/maps').read())";
        let said = limited::output(Command::new(&python.path).args(["-c", code]), LIMIT)?;
        let said = String::from_utf8_lossy(&said.stdout).into_owned();
        let home = said.lines().next().unwrap_or_default().to_owned();
        let outer = new_folder();
        // So deep that nothing is where it may look for libraries beside it.
        let folder = outer.0.join("opt/python/bin");
        fs::create_dir_all(&folder).unwrap();
        let executable = fs::canonicalize(&python.path).unwrap();
        copy(&executable, &folder.join("python"));
        let libraries: BTreeSet<&Path> = said
            .lines()
            .filter_map(|line| line.split_whitespace().nth(5))
            .filter(|path| path.contains(".so"))
            .map(Path::new)
            .collect();
        let mut folders = vec![folder.to_string_lossy().into_owned()];
        for library in libraries {
            let name = library.file_name().unwrap().to_string_lossy();
            if name.starts_with("libpython") {
                copy(library, &folder.join(&*name));
            } else if name.starts_with("libc.") {
                folders.push(library.parent().unwrap().to_string_lossy().into_owned());
            }
        }
        let copied = Self {
            _outer: outer,
            folder,
            home,
            libraries: folders.join(":"),
        };
        let mut command = crashing(&copied.executable());
        copied.dress(&mut command);
        command.args(["-c", "import asyncio"]).stderr(Stdio::null());
        let starts = command.status().is_ok_and(|status| status.success());
        Ok(starts.then_some(copied))
    }

    fn executable(&self) -> PathBuf {
        self.folder.join("python")
    }

    fn dress(&self, command: &mut Command) {
        command.env("LIBRARIES", &self.libraries);
        command.env("PYTHONHOME", &self.home);
    }

    fn dump(&self, writer: Writer, filter: Filter) -> Result<Dumped, String> {
        let mut command = crashing(&self.executable());
        self.dress(&mut command);
        command.arg(scene::folder().join("gather.py"));
        Dumped::of_command(command, writer, filter)
    }
}

/// By another process: a child that another test forks meanwhile would hold
/// the copy open for writing, and it could not be started.
fn copy(from: &Path, to: &Path) {
    let status = Command::new("cp").arg(from).arg(to).status();
    assert!(status.is_ok_and(|status| status.success()));
}

fn moved(python: &Python, writer: Writer, gaps: &Gaps) -> Result<(), String> {
    let Some(copied) = Copied::new(python)? else {
        gaps.add(format!(
            "cores of a Python that has moved: {} does not start as a copy",
            python.version
        ));
        return Ok(());
    };
    let dumped = copied.dump(writer, Filter::Default)?;
    let everything = copied.dump(writer, Filter::Everything)?;
    let no_headers = copied.dump(writer, Filter::NoHeaders)?;
    if ![&dumped, &everything, &no_headers]
        .iter()
        .all(|it| it.is_whole)
    {
        gaps.add(format!(
            "cores by gcore of a Python {} that has moved: this gdb writes zeros for stacks",
            python.version
        ));
        return Ok(());
    }
    let core = &dumped.core;
    is_same(&dumped, &read(core, &[])?)?;

    // The same files where a core of another machine would have them.
    let elsewhere = new_folder();
    let sysroot = elsewhere.0.join("root");
    let place = sysroot.join(copied.folder.strip_prefix("/").unwrap());
    fs::create_dir_all(place.parent().unwrap()).unwrap();
    fs::rename(&copied.folder, &place).unwrap();
    let sysroot = sysroot.to_str().unwrap();
    is_same(&dumped, &read(core, &["--sysroot", sysroot])?)?;
    is_same(
        &dumped,
        &read(core, &["--sysroot", place.to_str().unwrap()])?,
    )?;

    // Nowhere: only that is said, and what to try.
    let missing = read(core, &[])?;
    let build_id = missing_file(&dumped, &missing, &copied.folder)?;
    // All of it is in the core.
    is_same(&everything, &read(&everything.core, &[])?)?;

    // By build id.
    if let Some(build_id) = build_id {
        let cache = elsewhere.0.join("cache");
        fs::create_dir_all(cache.join(&build_id)).unwrap();
        let main = files(&place)
            .into_iter()
            .find(|file| file_has(file, &build_id))
            .ok_or("no file has the build id")?;
        copy(&main, &cache.join(&build_id).join("executable"));
        let reading = read_with(core, &[], &[("DEBUGINFOD_CACHE_PATH", &cache)])?;
        let tasks = |document: &Value| document["tasks"].clone();
        if tasks(&reading.document) != tasks(&dumped.live) {
            return Err(format!("with the debuginfod cache: {reading:#?}"));
        }
    }

    // Another file in its place is not taken for it.
    fs::create_dir_all(&copied.folder).unwrap();
    let other = fs::canonicalize("/proc/self/exe").unwrap();
    for file in files(&place) {
        copy(&other, &copied.folder.join(file.file_name().unwrap()));
    }
    let reading = read(core, &[])?;
    if !reading.stderr.contains("is another file") {
        return Err(format!("another file: {reading:#?}"));
    }
    // Where the core does not say how the file began, that is a problem.
    let reading = read(&no_headers.core, &["--sysroot", sysroot])?;
    let told = "that it is the same file could not be checked: the core lacks its first page";
    // Where a linker or patchelf made the first page writable it is in every core.
    let is_told = reading.stderr.contains(told)
        || writer == Writer::Gcore
        || (python.minor >= 14 && reading.code == Some(0));
    if reading.document["tasks"] != no_headers.live["tasks"] || !is_told {
        return Err(format!("without headers: {reading:#?}"));
    }
    Ok(())
}

/// That the file is said to be missing; its build id, where it has one.
fn missing_file(
    dumped: &Dumped,
    reading: &Reading,
    folder: &Path,
) -> Result<Option<String>, String> {
    let (_, told) = reading
        .stderr
        .split_once(&format!("{}/", folder.display()))
        .ok_or_else(|| format!("{reading:#?}"))?;
    let (_, id) = told.split_once(" (build id ").unwrap_or_default();
    let id = id.split(')').next().filter(|id| !id.is_empty());
    let sysroot = "--sysroot DIR, where DIR holds the files of the machine or container that the core is from";
    let fetch = id.map(|id| format!("; or `debuginfod-find executable {id}`"));
    let hint = format!("try: {sysroot}{}\n", fetch.unwrap_or_default());
    if !reading.stderr.contains(&hint) || !told.contains(" is not here") {
        return Err(format!("{reading:#?}"));
    }
    if reading.code == Some(1) {
        let file = told.split([' ', '\n']).next().unwrap_or_default();
        let name = id.map(|id| format!("{file} (build id {id})"));
        let expected = format!(
            "awaitgraph: core file {} lacks what is in the program's own files, and {}/{} is not here\n  {hint}",
            dumped.core.display(),
            folder.display(),
            name.unwrap_or_else(|| file.to_owned()),
        );
        refused(reading, &expected)?;
    } else if reading.code != Some(3) {
        return Err(format!("{reading:#?}"));
    }
    Ok(id.map(str::to_owned))
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let files = fs::read_dir(folder).unwrap().flatten();
    files.map(|file| file.path()).collect()
}

/// Whether the bytes of a build id are in a file.
fn file_has(file: &Path, build_id: &str) -> bool {
    let digits: Vec<char> = build_id.chars().collect();
    let bytes: Vec<u8> = digits
        .chunks(2)
        .filter_map(|pair| u8::from_str_radix(&String::from_iter(pair), 16).ok())
        .collect();
    let content = fs::read(file).unwrap();
    content.windows(bytes.len()).any(|window| window == bytes)
}
