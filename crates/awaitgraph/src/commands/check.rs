//! `awaitgraph check PID`

use awaitgraph_remote::Stop;

use crate::arguments::{Check, Format};
use crate::check::check;
use crate::exit::ExitCode;
use crate::show;
use crate::stream::Stream;

pub(crate) fn run(
    arguments: &Check,
    out: &mut Stream<'_>,
    err: &mut Stream<'_>,
) -> anyhow::Result<ExitCode> {
    let read = || awaitgraph_remote::snapshot(arguments.pid, Stop::Pause);
    let checked = check(read, arguments.window)?;
    let format = if arguments.json {
        Format::Json
    } else {
        Format::Text
    };
    show::findings(&checked, format, out, err)
}
