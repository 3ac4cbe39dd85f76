//! Core files that are cut off anywhere, or changed: what is there is read, a
//! problem tells that something is not, and nothing stands there that is not so.

use std::fs::{self, File};
use std::os::unix::fs::FileExt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

use awaitgraph_model::{Graph, Problem};

use super::partial::{made_up, same};
use super::seeds;
use crate::at_hand::{Python, say_not_tested};
use crate::error::Error;
use crate::replay::random::Random;
use crate::snapshot_of_core;

/// In how many places the cores of one interpreter are cut.
const CUTS: u64 = 1000;
/// How often their headers and notes are changed.
const CHANGES: u64 = 200;

/// A folder that goes with its content.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let name = format!("awaitgraph-{name}-{}", std::process::id());
        let folder = std::env::temp_dir().join(name);
        fs::create_dir_all(&folder).expect("a folder");
        Self(folder)
    }

    fn only_file(&self) -> Option<PathBuf> {
        let mut files = fs::read_dir(&self.0).expect("a folder").flatten();
        files.next().map(|file| file.path())
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        drop(fs::remove_dir_all(&self.0));
    }
}

/// A core of the scene for each way to write one that this machine has, for
/// this test alone.
fn cores(python: &Python, test: &str) -> Vec<(&'static str, Folder)> {
    let script = include_str!("../replay/scene.py");
    let mut cores = Vec::new();

    let folder = Folder::new(&format!("kernel-{test}-{}", python.version));
    python.start_to_crash(script, &folder.0).crash();
    if folder.only_file().is_some() {
        cores.push(("the kernel", folder));
    } else {
        say_not_tested("damaged cores of the kernel: it does not write them where we are");
    }

    let folder = Folder::new(&format!("gcore-{test}-{}", python.version));
    let target = python.start(script);
    let mut gcore = Command::new("gcore");
    gcore.arg("-o").arg(folder.0.join("core"));
    gcore.arg(target.pid().to_string());
    let status = gcore.stdout(Stdio::null()).stderr(Stdio::null()).status();
    if status.is_ok_and(|status| status.success()) {
        cores.push(("gcore", folder));
    } else {
        say_not_tested("damaged cores of gcore: it is not here, or may not trace");
    }
    cores
}

fn read(path: &Path) -> Result<Graph, Error> {
    let mut graph = snapshot_of_core(path, None, &mut |_, _| {})?;
    for thread in &mut graph.threads {
        // To 3.10 only a note has the kernel's id. Without it there is the
        // `pthread_t`, which no id can be.
        if thread.thread > u64::from(u32::MAX) {
            thread.thread = 0;
        }
    }
    Ok(graph)
}

#[test]
fn a_core_may_be_cut_off_anywhere() {
    for python in &Python::all() {
        let cores = cores(python, "cut");
        for (writer, folder) in &cores {
            let path = folder.only_file().expect("a core");
            let whole = read(&path).expect("a graph");
            // Some versions of gdb write zeros for the stacks of threads.
            let is_whole = whole.problems.is_empty() || *writer == "gcore";
            assert!(is_whole, "{:#?}", whole.problems);
            assert!(whole.tasks.len() > 50, "{} tasks", whole.tasks.len());

            let file = File::options().write(true).open(&path).expect("a core");
            let length = file.metadata().expect("a length").len();
            let mut random = Random::new(length);
            let mut places: Vec<u64> = seeds(CUTS / cores.len() as u64)
                .map(|seed| match seed % 8 {
                    // Among the headers and the notes of the kernel, among the
                    // notes of gcore, and behind all that says anything.
                    0 | 4 => random.next() % (32 << 10),
                    1 => length - 1 - random.next() % (256 << 10),
                    5 => length - 1 - random.next() % (4 << 10),
                    _ => random.next() % length,
                })
                .collect();
            places.sort_unstable();
            let (mut graphs, mut with_tasks) = (0, 0);
            let mut without = Vec::new();
            for place in places.into_iter().rev() {
                let of = format!("{} of {writer}, cut at {place}", python.version);
                file.set_len(place).expect("a shorter core");
                let part = catch_unwind(|| read(&path));
                let Ok(part) = part.unwrap_or_else(|_| panic!("{of}")) else {
                    continue;
                };
                graphs += 1;
                with_tasks += usize::from(!part.tasks.is_empty());
                if part.tasks.is_empty() {
                    without.clone_from(&part.problems);
                }
                // gcore puts headers behind all memory that say nothing to us.
                let told = !part.problems.is_empty() || same(&part, &whole);
                assert!(told, "{of} is not told");
                // What the process had changed does not come from a file, where
                // it is as it was at the beginning: without interpreters.
                let failed = |it: &Problem| it.what.contains("cannot read");
                let explained = !part.tasks.is_empty() || part.problems.iter().any(failed);
                assert!(explained, "{of} is empty without a reason");
                assert_eq!(made_up(&part, &whole), None, "{of}: {:#?}", part.problems);
            }
            assert!(
                graphs > 20 && with_tasks > 3,
                "{} of {writer}: {graphs} graphs, {with_tasks} with tasks; one without: {without:#?}",
                python.version
            );
        }
    }
}

#[test]
fn a_core_may_say_anything_of_itself() {
    for python in &Python::all() {
        for (writer, folder) in cores(python, "changed") {
            let path = folder.only_file().expect("a core");
            let whole = read(&path).expect("a graph");
            let content = fs::read(&path).expect("a core");
            let file = File::options().write(true).open(&path).expect("a core");
            // Where the headers are, the kernel's notes, and gcore's.
            let headers = 0..(32 << 10);
            let behind = content.len() - (64 << 10)..content.len();
            let places: Vec<usize> = headers.chain(behind).collect();
            for seed in seeds(CHANGES) {
                let mut random = Random::new(seed);
                let mut changed = Vec::new();
                for _ in 0..1 << random.below(6) {
                    let at = *random.one_of(&places) & !7;
                    let word: [u8; 8] = std::array::from_fn(|it| content[at + it]);
                    let word = u64::from_le_bytes(word);
                    let new = match random.below(6) {
                        0 => u64::MAX,
                        1 => random.next() >> random.below(64),
                        2 => word ^ 1 << random.below(64),
                        3 => word.wrapping_add(1 << random.below(64)),
                        4 => 0,
                        _ => u64::MAX >> random.below(64),
                    };
                    file.write_all_at(&new.to_le_bytes(), at as u64)
                        .expect("a change");
                    changed.push(at);
                }
                let begin = Instant::now();
                let part = catch_unwind(AssertUnwindSafe(|| read(&path)));
                let of = format!("{} of {writer}, changed with {seed}", python.version);
                assert!(part.is_ok(), "{of}");
                assert!(
                    begin.elapsed().as_secs() < 20,
                    "{of} took {:?}",
                    begin.elapsed()
                );
                for at in changed {
                    file.write_all_at(&content[at..at + 8], at as u64)
                        .expect("a change");
                }
            }
            assert!(same(&read(&path).expect("a graph"), &whole));
        }
    }
}
