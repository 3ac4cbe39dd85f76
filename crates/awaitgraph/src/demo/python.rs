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

impl Python {
    /// The one that the environment names, else the first on the PATH:
    /// `python3`, then the versions from the newest to the oldest.
    pub(super) fn find() -> anyhow::Result<Self> {
        if let Some(program) = std::env::var_os(OVERRIDE).filter(|value| !value.is_empty()) {
            let program = PathBuf::from(program);
            return match version(&program) {
                Some(version) if version >= OLDEST => Ok(Self { program, version }),
                Some((major, minor)) => bail!(
                    "{OVERRIDE} names Python {major}.{minor}, but the demo needs 3.8 or later"
                ),
                None => bail!(
                    "{OVERRIDE} names {}, which does not run as Python",
                    program.display()
                ),
            };
        }
        let path = std::env::var_os("PATH").unwrap_or_default();
        let mut too_old = None;
        for program in candidates(&path) {
            match version(&program) {
                Some(version) if version >= OLDEST => return Ok(Self { program, version }),
                Some(version) => too_old = too_old.max(Some(version)),
                None => {}
            }
        }
        match too_old {
            Some((major, minor)) => bail!(
                "the demo needs Python 3.8 or later, and the newest on the PATH is {major}.{minor}; set {OVERRIDE} to a newer one"
            ),
            None => bail!(
                "there is no Python on the PATH to run the demo with; install python3, or set {OVERRIDE} to one"
            ),
        }
    }
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
        .args([
            "-I",
            "-c",
            "import sys; print('%d %d' % sys.version_info[:2])",
        ])
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .output()
        .ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    let (major, minor) = text.trim().split_once(' ')?;
    Some((major.parse().ok()?, minor.parse().ok()?))
}
