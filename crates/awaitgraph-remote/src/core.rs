//! A snapshot of a process that is no more, from its core file.

use std::path::Path;
use std::time::Instant;

use awaitgraph_model::{Graph, Problem, SnapshotInfo};

use crate::error::Error;
use crate::live::micros;
use crate::memory::Core;
use crate::process::{Around, Files, Opened, Progress};
use crate::snapshot::Detail;
use crate::subject::Subject;

/// The await graph of the process whose core file is at `path`, as it was when
/// the core was written.
///
/// What a core leaves out, because a file has it too, is read from that file.
/// It is looked for by the path that it had, below `sysroot` first where one
/// is given, and by its build id where debuginfod's clients keep what they
/// fetched. What lies there is believed only if it begins as the core says.
///
/// A core may be packed with zstd. It is then unpacked into a nameless file in
/// the folder for temporary files, and `progress` told of how many bytes that
/// is done, and of how many in all.
///
/// # Errors
///
/// Where nothing at all can be read. A part that can't be, as of a core that is
/// cut off, is named in [`Graph::problems`] instead.
pub fn snapshot_of_core(
    path: &Path,
    sysroot: Option<&Path>,
    progress: Progress<'_>,
) -> Result<Graph, Error> {
    let begin = Instant::now();
    let opened = Opened::new(path, progress)?;
    let core = opened.read(path)?;
    let files = Files::new(&core, sysroot);
    let memory = Core::new(&core.dump, &files);
    let executable = core.executable.as_deref().unwrap_or(Path::new(""));
    let read = || {
        let subject = Subject {
            pid: core.pid,
            executable: &executable.to_string_lossy(),
            runtime: &files.find_runtime()?,
            detail: Detail::Whole,
        };
        let thread_ids = |pthread| core.threads.get(&pthread).copied().map(u64::from);
        let read = subject.read(&memory, &Around::of_threads(&thread_ids));
        // That comes before whatever could not be told without it.
        read.map_err(|error| files.first_missing().unwrap_or(error))
    };
    let mut graph = read().map_err(|source| Error::InCore {
        path: path.to_owned(),
        cut_off: core.cut_off.clone().or_else(|| core.is_shorter()),
        source: Box::new(source),
    })?;
    graph.target.pid = Some(core.pid).filter(|&pid| pid != 0);
    let cut_off = core.cut_off.iter().cloned().chain(core.is_shorter());
    let stacks = Some(core.lost_stacks()).filter(|&count| count > 0);
    let stacks = stacks.map(|count| {
        let all = core.threads.len();
        format!("whoever wrote it put zeros for the stacks of {count} of its {all} threads, and what those were in may be missing")
    });
    let of_file = cut_off.chain(stacks).map(|what| Problem {
        location: path.to_string_lossy().into_owned(),
        what,
    });
    // Others follow from these.
    let problems = of_file.chain(files.problems()).chain(graph.problems);
    Ok(Graph {
        snapshot: SnapshotInfo {
            consistent: true,
            paused_us: 0,
            total_us: micros(begin.elapsed()),
            bytes_read: memory.bytes_read(),
        },
        problems: problems.collect(),
        ..graph
    })
}
