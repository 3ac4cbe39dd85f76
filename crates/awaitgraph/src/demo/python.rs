//! Finding a Python that can run the demo's service.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::bail;

/// A Python of version 3.8 or later.
pub(super) struct Python {
    pub(super) program: PathBuf,
    /// Its major and minor version.
    pub(super) version: (u32, u32),
}

const OVERRIDE: &str = "AWAITGRAPH_PYTHON";
const OLDEST: (u32, u32) = (3, 8);
const NEWEST_MINOR: u32 = 15;
/// Prints the version of a Python that can be looked into, and else ends with an error.
const PROBE: &str = "import sys, sysconfig
assert sys.implementation.name == 'cpython' and not sysconfig.get_config_var('Py_GIL_DISABLED')
print('%d %d' % sys.version_info[:2])";

impl Python {
    /// The one that the environment names, else the first on the PATH:
    /// `python3`, then the versions from the newest to the oldest.
    pub(super) fn find() -> anyhow::Result<Self> {
        if let Some(program) = std::env::var_os(OVERRIDE).filter(|value| !value.is_empty()) {
            let program = PathBuf::from(program);
            return match version(&program) {
                Some(version) if is_known(version) => Ok(Self { program, version }),
                Some((major, minor)) => bail!(
                    "{OVERRIDE} names Python {major}.{minor}, but the demo needs 3.8 to 3.{NEWEST_MINOR}"
                ),
                None => bail!(
                    "{OVERRIDE} names {}, which does not run as CPython with the GIL",
                    program.display()
                ),
            };
        }
        let path = std::env::var_os("PATH").unwrap_or_default();
        let mut unknown = None;
        for program in candidates(&path) {
            match version(&program) {
                Some(version) if is_known(version) => return Ok(Self { program, version }),
                Some(version) => unknown = unknown.max(Some(version)),
                None => {}
            }
        }
        match unknown {
            Some((major, minor)) => bail!(
                "the demo needs CPython 3.8 to 3.{NEWEST_MINOR}, and the newest on the PATH is {major}.{minor}; set {OVERRIDE} to another one"
            ),
            None => bail!(
                "there is no Python on the PATH to run the demo with; install python3, or set {OVERRIDE} to one"
            ),
        }
    }
}

/// Whether the reader knows this version.
fn is_known(version: (u32, u32)) -> bool {
    (OLDEST..=(OLDEST.0, NEWEST_MINOR)).contains(&version)
}

fn candidates(path: &OsStr) -> impl Iterator<Item = PathBuf> {
    let versions = (OLDEST.1..=NEWEST_MINOR).rev();
    let names = std::iter::once("python3".to_owned())
        .chain(versions.map(|minor| format!("python3.{minor}")))
        .chain(std::iter::once("python".to_owned()));
    names
        .flat_map(move |name| std::env::split_paths(path).map(move |folder| folder.join(&name)))
        .filter(|program| program.is_file())
}

/// The version of the Python that `program` is, if it is one.
fn version(program: &Path) -> Option<(u32, u32)> {
    let output = Command::new(program)
        .args(["-I", "-c", PROBE])
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .output()
        .ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    let (major, minor) = text.trim().split_once(' ')?;
    Some((major.parse().ok()?, minor.parse().ok()?))
}
