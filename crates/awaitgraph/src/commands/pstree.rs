//! `awaitgraph pstree PID`

use crate::arguments::Pstree;
use crate::exit::ExitCode;
use crate::stream::Stream;
use crate::{report, show};

pub(crate) fn run(
    arguments: &Pstree,
    out: &mut Stream<'_>,
    err: &mut Stream<'_>,
) -> anyhow::Result<ExitCode> {
    let graph = arguments.target.read(err)?;
    show::graph(
        &graph,
        arguments.tree.view(),
        arguments.output.format(),
        out,
    )?;
    Ok(report::graph(&graph, err))
}
