//! Mermaid's own parser, by which the flowcharts are tested.
//!
//! It lies in the target folder and is fetched once, where npm is at hand.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result};

use crate::command;
use crate::workspace::target_folder;

/// What is fetched, with a jsdom that runs on Node 18 too.
const PACKAGES: [&str; 2] = ["mermaid@11", "jsdom@24"];

/// Hands the folder over to the tests.
pub(crate) const VARIABLE: &str = "AWAITGRAPH_TEST_MERMAID";

/// The folder with the packages; `None` where there is no npm to fetch them.
pub(crate) fn prepare() -> Result<Option<PathBuf>> {
    let folder = target_folder()?.join("mermaid");
    let made = folder.join(PACKAGES.join("_"));
    if made.is_file() {
        return Ok(Some(folder));
    }
    let Some(npm) = command::find_in_path("npm") else {
        return Ok(None);
    };
    fs::create_dir_all(&folder).with_context(|| format!("cannot create {}", folder.display()))?;
    // Without one npm would look for a package above.
    fs::write(folder.join("package.json"), "{ \"private\": true }\n")?;
    command::output(
        Command::new(npm)
            .current_dir(&folder)
            .args(["install", "--no-audit", "--no-fund", "--ignore-scripts"])
            .args(PACKAGES),
    )?;
    fs::write(made, "")?;
    Ok(Some(folder))
}
