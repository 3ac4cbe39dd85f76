//! Reads the await graph of a process and says what that took, in a line of
//! JSON: `read PID [--nonblocking] [--tasks-only]`. `cargo xtask bench` measures
//! with it.
//!
//! Times are in microseconds. `peak_bytes` is the most memory that this whole
//! program had until the graph was there; the renderings come after it.

#![allow(clippy::print_stdout, reason = "what it says is what it is there for")]

use std::error::Error;
use std::fmt::{self, Write};
use std::fs;
use std::time::Instant;

use awaitgraph_model::Graph;
use awaitgraph_model::questions::{Grouping, Mask, Outline};
use awaitgraph_model::render::{TableOptions, TreeOptions, json, table, tree};
use awaitgraph_remote::{Detail, Stop, snapshot_with};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let pid = arguments.next().ok_or("which process?")?.parse()?;
    let (mut stop, mut detail) = (Stop::Pause, Detail::Whole);
    for option in arguments {
        match option.as_str() {
            "--nonblocking" => stop = Stop::Nonblocking,
            "--tasks-only" => detail = Detail::Tasks,
            other => return Err(format!("no such option: {other}").into()),
        }
    }
    let graph = snapshot_with(pid, stop, detail)?;
    let peak = peak_bytes()?;
    let info = &graph.snapshot;
    println!(
        "{{\"tasks\":{},\"problems\":{},\"total_us\":{},\"paused_us\":{},\"bytes_read\":{},\
         \"peak_bytes\":{peak},\"tree_us\":{},\"table_us\":{},\"json_us\":{}}}",
        graph.tasks.len(),
        graph.problems.len(),
        info.total_us,
        info.paused_us,
        info.bytes_read,
        time(&graph, |outline, out| tree(
            outline,
            &TreeOptions::default(),
            out
        ))?,
        time(&graph, |outline, out| table(
            outline,
            &TableOptions::default(),
            out
        ))?,
        time(&graph, json)?,
    );
    Ok(())
}

/// The most memory that this process has had (`VmHWM` of proc(5)).
fn peak_bytes() -> Result<u64, Box<dyn Error>> {
    let status = fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kibibytes = line.and_then(|line| line.split_whitespace().next());
    Ok(kibibytes.ok_or("no VmHWM")?.parse::<u64>()? * 1024)
}

/// How long a rendering takes that goes nowhere.
fn time(
    graph: &Graph,
    render: impl Fn(&Outline<'_>, &mut Nowhere) -> fmt::Result,
) -> Result<u128, fmt::Error> {
    let begin = Instant::now();
    let whole = Mask::all(graph);
    render(&Outline::new(graph, whole, Grouping::Alike), &mut Nowhere)?;
    Ok(begin.elapsed().as_micros())
}

struct Nowhere;

impl Write for Nowhere {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        std::hint::black_box(text);
        Ok(())
    }
}
