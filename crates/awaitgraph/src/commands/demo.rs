//! `awaitgraph demo`

use awaitgraph_model::render::escape::Escaped;
use awaitgraph_remote::Stop;

use crate::arguments::Demo;
use crate::demo::Service;
use crate::exit::ExitCode;
use crate::show;
use crate::stream::Stream;

pub(crate) fn run(
    arguments: &Demo,
    out: &mut Stream<'_>,
    err: &mut Stream<'_>,
) -> anyhow::Result<ExitCode> {
    let service = Service::start()?;
    err.tell(format_args!(
        "Started a small asyncio service on Python {}, which is stuck somewhere:\n  $ {}\nA look at it from outside:\n  $ awaitgraph pstree {}\n\n",
        service.python,
        Escaped(&service.command),
        service.pid(),
    ));
    let graph = awaitgraph_remote::snapshot(service.pid(), Stop::Pause)?;
    let format = arguments.output.format();
    let code = show::graph(&graph, &arguments.shown(), format, out, err)?;
    err.tell(format_args!(
        "\nNow one of yours: `awaitgraph ps` lists them, `awaitgraph pstree PID` shows one.\n"
    ));
    Ok(code)
}
