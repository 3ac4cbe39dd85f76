//! The program `awaitgraph`.

use std::process::ExitCode;

use awaitgraph::Stream;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let mut out = Stream::stdout();
    let mut err = Stream::stderr();
    awaitgraph::run(std::env::args_os(), &mut out, &mut err).into()
}
