//! `awaitgraph dump PID`

use crate::arguments::Dump;
use crate::exit::ExitCode;
use crate::show::View;
use crate::stream::Stream;
use crate::{report, show};

pub(crate) fn run(
    arguments: &Dump,
    out: &mut Stream<'_>,
    err: &mut Stream<'_>,
) -> anyhow::Result<ExitCode> {
    let graph = arguments.target.read(err)?;
    show::graph(&graph, View::CallGraph, arguments.output.format(), out)?;
    Ok(report::graph(&graph, err))
}
