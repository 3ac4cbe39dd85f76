//! The Python package beside `asyncio`, in one process.

use anyhow::{Context, Result, ensure};

use crate::test::environment::Environment;
use crate::wheel;
use crate::workspace::root;

/// Builds the package into `environment` and lets it measure itself there.
pub(super) fn measure(environment: &Environment) -> Result<()> {
    let python = environment.python();
    let pips = [python.as_path()];
    let wheel = wheel::build(&python, &pips)?;
    let wheel = wheel.to_str().context("the wheel's path is not UTF-8")?;
    environment.install(
        &pips,
        &["--no-index", "--no-deps", "--force-reinstall", wheel],
    )?;
    let script = root()?.join("crates/awaitgraph-py/benches/call_graph.py");
    let status = environment.command()?.arg("-B").arg(script).status()?;
    ensure!(status.success(), "the comparison ended with {status}");
    Ok(())
}
