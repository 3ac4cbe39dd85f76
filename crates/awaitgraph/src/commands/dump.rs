//! `awaitgraph dump PID`

use crate::arguments::Dump;
use crate::exit::ExitCode;
use crate::show;
use crate::stream::Stream;

pub(crate) fn run(
    arguments: &Dump,
    out: &mut Stream<'_>,
    err: &mut Stream<'_>,
) -> anyhow::Result<ExitCode> {
    let graph = arguments.target.read(err)?;
    let format = arguments.output.format();
    show::graph(&graph, &arguments.shown(), format, out, err)
}
