//! The wheel of the Python package, built as a user's is.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Result, bail};

use crate::command;
use crate::pypi;
use crate::workspace::{root, target_folder};

/// The wheel of the repository's `pyproject.toml`.
pub(crate) fn build(python: &Path, pips: &[&Path]) -> Result<PathBuf> {
    let maturin = pypi::program("maturin", pips)?;
    let folder = target_folder()?.join("tested-wheel");
    if folder.exists() {
        fs::remove_dir_all(&folder)?;
    }
    command::run(
        Command::new(maturin)
            .current_dir(root()?)
            .args(["build", "--release", "--out"])
            .arg(&folder)
            .arg("--interpreter")
            .arg(python),
    )?;
    let mut wheels = fs::read_dir(&folder)?.flatten().map(|entry| entry.path());
    match (wheels.next(), wheels.next()) {
        (Some(wheel), None) => Ok(wheel),
        _ => bail!(
            "maturin left more or less than one wheel in {}",
            folder.display()
        ),
    }
}
