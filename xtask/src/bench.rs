//! `cargo xtask bench`: how fast we are, each time beside the standard
//! library's own, in one run, since these machines are never alone.

mod inside;
mod outside;
mod service;

use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result, bail};

use crate::pythons::{self, Fetching};
use crate::test::environment;
use crate::test::report::Report;
use crate::version::Version;
use crate::workspace::root;
use outside::Programs;

/// Before 3.14 nobody recorded who awaits whom; 3.14 and 3.15 have a reader of their own.
const MINORS: [u32; 3] = [11, 14, 15];
/// Where the last tables stand, and between which lines.
const DOCUMENT: &str = "docs/benchmarks.md";
const BEGIN: &str = "<!-- cargo xtask bench --write: begin -->\n";
const END: &str = "<!-- cargo xtask bench --write: end -->\n";

/// Runs the command.
pub(crate) fn command(options: &[String]) -> Result<()> {
    let write = match options {
        [] => false,
        [option] if option == "--write" => true,
        [option, ..] => bail!("no such option of bench: {option}"),
    };
    let found = pythons::find(Fetching::Allowed)?;
    let mut chosen = pythons::one_of_each(&found);
    chosen.retain(|it| it.is_plain());
    chosen.retain(|it| MINORS.contains(&it.version.minor));
    let newest = *chosen.last().context("no interpreter was found")?;
    let pythons: Vec<(Version, PathBuf)> = (chosen.iter())
        .map(|it| (it.version.clone(), it.path.clone()))
        .collect();

    let programs = Programs::build()?;
    let whole = outside::whole(&programs, &newest.version, &newest.path)?;
    let readings = outside::readings(&programs, &pythons)?;
    let waits = outside::waits(&programs, &pythons)?;
    let churn = outside::churn(&programs, &pythons)?;
    let tables = format!(
        "### Whole processes\n\n{whole}\n### Reading into a graph\n\n{readings}\n### What they wait for\n\n{waits}\n### A target that never rests\n\n{churn}"
    );
    #[allow(clippy::print_stdout, reason = "the tables are the result")]
    {
        println!("{tables}");
    }
    if write {
        put_down(&tables)?;
    }
    let environments = environment::prepare(&[newest], &mut Report::default())?;
    inside::measure(environments.first().context("no environment was made")?)
}

/// Puts the tables in place of the last ones.
fn put_down(tables: &str) -> Result<()> {
    let path = root()?.join(DOCUMENT);
    let text = fs::read_to_string(&path)?;
    let parts = text.split_once(BEGIN);
    let parts = parts.and_then(|(head, rest)| Some((head, rest.split_once(END)?.1)));
    let (head, tail) = parts.with_context(|| format!("{DOCUMENT} has no place for tables"))?;
    fs::write(&path, format!("{head}{BEGIN}\n{tables}\n{END}{tail}"))?;
    Ok(())
}
