//! Interpreters whose path looks like something else in the kernel's list of
//! mappings, where it stands unquoted.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use libtest_mimic::{Failed, Trial};

use crate::compare;
use crate::pythons::{Python, Pythons};
use crate::scene::{self, Scene};
use crate::temporary::{TemporaryFolder, copy_program};

const LIMIT: Duration = Duration::from_secs(30);

/// A test for each interpreter that starts when it is copied elsewhere: some
/// look for their libraries beside them.
pub(crate) fn trials(pythons: &Pythons) -> Vec<Trial> {
    let gaps = pythons.gaps();
    let interpreters = pythons.interpreters.clone();
    vec![crate::outcome::trial(
        "a_python_in_an_odd_folder_is_read",
        move || {
            let mut read = 0;
            for python in &interpreters {
                if check(python)
                    .map_err(|text| Failed::from(format!("{}\n{text}", python.version)))?
                {
                    read += 1;
                }
            }
            if read == 0 {
                gaps.add("a Python in an odd folder: none starts when it is copied".to_owned());
            }
            Ok(())
        },
    )]
}

/// Whether the copy starts; an error where it is then not read.
fn check(python: &Python) -> Result<bool, String> {
    let name = format!(
        "awaitgraph-{}-{} a\nb 漢 (deleted)",
        std::process::id(),
        python.version
    );
    let folder = TemporaryFolder::new(&name);
    // The interpreter itself, not an environment's link to it.
    let executable = fs::canonicalize(&python.path).map_err(|error| error.to_string())?;
    let copy = folder.0.join("python");
    copy_program(&executable, &copy).map_err(|error| error.to_string())?;
    let home = python.prefix()?;
    if !starts(&copy, &home) {
        return Ok(false);
    }
    let mut command = Command::new(copy);
    command
        .env("PYTHONHOME", home)
        .arg(scene::folder().join("gather.py"));
    let mut scene = Scene::start_command(&mut command)?;
    compare::whole(&scene, &scene::read(scene.pid, &[], LIMIT)?, true)?;
    scene.is_well()?;
    Ok(true)
}

fn starts(copy: &Path, home: &Path) -> bool {
    let mut command = Command::new(copy);
    let status = command
        .env("PYTHONHOME", home)
        .args(["-c", "import asyncio"])
        .stderr(Stdio::null())
        .status();
    status.is_ok_and(|status| status.success())
}
