//! `awaitgraph check PID`

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
    let checked = check(|| arguments.target.read(err), arguments.window())?;
    let format = if arguments.json {
        Format::Json
    } else {
        Format::Text
    };
    show::findings(&checked, format, out, err)
}
