//! A scene and a core file of it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};

use serde_json::Value;

use super::{LIMIT, live};
use crate::limited;
use crate::pythons::{Gaps, Python};
use crate::scene::{self, Scene};
use crate::temporary::TemporaryFolder;

/// Who writes a core.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Writer {
    /// The kernel, when the process crashes.
    Kernel,
    /// gdb's `gcore`, while it runs.
    Gcore,
}

/// What goes into a core (`core(5)`, "Controlling which mappings").
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Filter {
    /// What is not also in a file.
    Default,
    /// All that is mapped.
    Everything,
    /// The same as the default without the first pages of ELF files.
    NoHeaders,
}

/// A scene of which there is a core.
pub(super) struct Dumped {
    pub(super) scene: Scene,
    /// What was read of it while it was alive.
    pub(super) live: Value,
    pub(super) core: PathBuf,
    /// Whether its writer wrote all that it should.
    pub(super) is_whole: bool,
    /// Goes with all that is in it.
    pub(super) folder: TemporaryFolder,
}

impl Writer {
    /// Those that can be had here; of the others it is noted why not.
    pub(super) fn at_hand(gaps: &Gaps) -> Vec<Self> {
        let mut writers = Vec::new();
        let pattern = fs::read_to_string("/proc/sys/kernel/core_pattern").unwrap_or_default();
        let pattern = pattern.trim();
        if pattern.is_empty() || pattern.contains(['|', '/']) {
            gaps.add(format!(
                "cores written by the kernel: kernel.core_pattern is {pattern:?}, so that they are not put where the process is"
            ));
        } else if !allows_cores() {
            gaps.add("cores written by the kernel: `ulimit -H -c` allows none".to_owned());
        } else {
            writers.push(Self::Kernel);
        }
        if Command::new("gcore").output().is_ok() {
            writers.push(Self::Gcore);
        } else {
            gaps.add("cores written by gcore: gdb is not installed".to_owned());
        }
        writers
    }
}

fn allows_cores() -> bool {
    let status = Command::new("sh").args(["-c", RAISE_LIMIT]).status();
    status.is_ok_and(|status| status.success())
}

const RAISE_LIMIT: &str = "ulimit -c unlimited";

impl Filter {
    fn bits(self) -> &'static str {
        match self {
            Self::Default => "0x33",
            Self::Everything => "0xff",
            Self::NoHeaders => "0x23",
        }
    }
}

impl Dumped {
    /// Runs a scene, reads it, and has a core written of it.
    pub(super) fn new(
        python: &Python,
        writer: Writer,
        file: &str,
        arguments: &[&str],
        filter: Filter,
    ) -> Result<Self, String> {
        let mut command = crashing(&python.path);
        command.arg(scene::folder().join(file)).args(arguments);
        Self::of_command(command, writer, filter)
    }

    /// The same with a command that [`crashing`] made.
    pub(super) fn of_command(
        command: Command,
        writer: Writer,
        filter: Filter,
    ) -> Result<Self, String> {
        Self::read_by(live, command, writer, filter)
    }

    /// The same where it is read in another way while it is alive.
    pub(super) fn read_by(
        read: impl FnOnce(&Scene) -> Result<Value, String>,
        mut command: Command,
        writer: Writer,
        filter: Filter,
    ) -> Result<Self, String> {
        let folder = new_folder();
        let mut scene = Scene::start_command(command.current_dir(&folder.0))?;
        let live = read(&scene)?;
        let bits = format!("/proc/{}/coredump_filter", scene.pid);
        fs::write(bits, filter.bits()).map_err(|error| error.to_string())?;
        let is_whole = match writer {
            Writer::Kernel => {
                scene.crash();
                true
            }
            Writer::Gcore => gcore(scene.pid, &folder.0)?,
        };
        let core = only_file(&folder.0).ok_or("no core was written")?;
        Ok(Self {
            scene,
            live,
            core,
            is_whole,
            folder,
        })
    }
}

/// A command that may leave a core; LIBRARIES in its environment is where the
/// program's libraries are, but not those of the shell that starts it.
pub(super) fn crashing(program: &Path) -> Command {
    let mut command = Command::new("sh");
    let libraries = "test -z \"$LIBRARIES\" || export LD_LIBRARY_PATH=\"$LIBRARIES\"";
    let code = format!("{RAISE_LIMIT} && {{ {libraries}; }} && exec \"$0\" \"$@\"");
    command.args(["-c", &code]).arg(program);
    command
}

pub(super) fn new_folder() -> TemporaryFolder {
    static NUMBER: AtomicU32 = AtomicU32::new(0);
    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
    TemporaryFolder::new(&format!("awaitgraph-core-{}-{number}", std::process::id()))
}

/// Whether gdb could read all that it was to write. Where a mapping begins with
/// a guard, as threads' stacks do from glibc 2.42 on, some versions of gdb write
/// zeros for all of it.
fn gcore(pid: u32, folder: &Path) -> Result<bool, String> {
    const VSYSCALL: &str = "0xffffffffff600000";
    let mut command = Command::new("gcore");
    command.arg("-o").arg(folder.join("core"));
    let output = limited::output(command.arg(pid.to_string()), LIMIT)?;
    let said = String::from_utf8_lossy(&output.stderr).into_owned()
        + &String::from_utf8_lossy(&output.stdout);
    if !output.status.success() {
        return Err(format!("{output:?}"));
    }
    let mut failed = said.lines().filter(|line| line.contains("read failed"));
    Ok(failed.all(|line| line.contains(VSYSCALL)))
}

pub(super) fn only_file(folder: &Path) -> Option<PathBuf> {
    let mut files = fs::read_dir(folder).ok()?.flatten();
    files.next().map(|file| file.path())
}
