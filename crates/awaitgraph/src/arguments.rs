//! The command line. Its help is the manual of the program.

use std::path::PathBuf;

use awaitgraph_model::Graph;
use awaitgraph_model::render::TreeFrames;
use awaitgraph_remote::{Error, Stop};
use clap::error::ErrorKind;
use clap::{ArgGroup, Args, CommandFactory, Parser, Subcommand, ValueEnum};

use crate::progress::Progress;
use crate::show::View;
use crate::stream::{ColorChoice, Stream};

/// Shows which asyncio task waits for which in a live Python process, down to
/// file and line.
///
/// Works on a running process of CPython 3.8 to 3.15 as it is: nothing is
/// installed into it, nothing restarted, nothing written to it. The process is
/// stopped while its memory is copied, about a millisecond for a thousand
/// tasks, and goes on whatever happens to awaitgraph.
#[derive(Debug, Parser)]
#[command(
    name = "awaitgraph",
    version,
    arg_required_else_help = true,
    subcommand_required = true,
    disable_help_subcommand = true,
    after_long_help = EXAMPLES
)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    pub(crate) command: Command,

    /// When to colour text: always, never, or auto, which is on a terminal
    /// unless NO_COLOR is set
    #[arg(
        long,
        global = true,
        value_enum,
        value_name = "WHEN",
        default_value_t,
        hide_possible_values = true,
        display_order = 100
    )]
    pub(crate) color: ColorChoice,
}

const EXAMPLES: &str = "\
Examples:
  awaitgraph demo                         see it at work on a service of its own
  awaitgraph ps                           find the process
  awaitgraph pstree 4711                  which task waits for which
  awaitgraph pstree 4711 --stack          ... with every frame
  awaitgraph dump 4711 | less             every task as print_call_graph() has it
  awaitgraph ps 4711 --json | jq '.tasks[] | select(.state == \"running\")'
  awaitgraph pstree --core core.4711      ... of a process that has crashed
  awaitgraph pstree 4711 --format dot | dot -Tsvg > tasks.svg

Exit codes:
  0  all was read (a process without asyncio tasks is an empty answer)
  1  nothing could be read
  2  wrong usage
  3  read, with problems, which are listed on the error output

Permission: a process of one's own can be read where the kernel lets one
process look into another (kernel.yama.ptrace_scope 0), any process with sudo,
and those of a container from the host, or in it with --cap-add=SYS_PTRACE.";

const PS_EXAMPLE: &str = "\
Example:
  $ awaitgraph ps
  PID   PYTHON  RUNNING  READY  WAITING  COMMAND
  1190  3.11.2  0        0      12       /usr/bin/python3 shop.py
  $ awaitgraph ps 1190
  ID              STATE    THREAD  NAME            AWAITED BY  WHERE
  0x7fcfbe7d9600  waiting  1190    Task-1          -           in_a_group /srv/shop/shop.py:84
  0x7fcfbe7daf80  waiting  1190    payment-5       worker-1    Shop.charge /srv/shop/shop.py:37
  0x7fcfbe7daa40  waiting  1190    worker-1        Task-1      Shop.book /srv/shop/shop.py:44
  ...";

const TREE_EXAMPLE: &str = "\
Example:
  $ awaitgraph pstree 1190
  Task-1  in_a_group /srv/shop/shop.py:84
  ├── [task_group] worker-1  Shop.book /srv/shop/shop.py:44
  │   └── [shield] payment-5  Shop.charge /srv/shop/shop.py:37
  └── [task_group] worker-2  Shop.transaction /srv/shop/shop.py:32
  heartbeat  beat /srv/shop/shop.py:118";

const DUMP_EXAMPLE: &str = "\
Example:
  $ awaitgraph dump 1190
  * Task(name='payment-5', id=0x7fcfbe7daf80)
    + Call stack:
    |   File '/usr/lib/python3.11/asyncio/locks.py', line 213, in async Event.wait()
    |   File '/srv/shop/shop.py', line 37, in async Shop.charge()
    + Awaited by:
      * Task(name='worker-1', id=0x7fcfbe7daa40)
        + Call stack:
        |   File '/srv/shop/shop.py', line 44, in async Shop.book()
        |   File '/srv/shop/shop.py', line 51, in async Shop.worker()
  ...";

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Ps(Ps),
    Pstree(Pstree),
    Dump(Dump),
    Demo(Demo),
}

/// Lists the processes that run asyncio, or the tasks of one of them
///
/// Without a PID: one line for each Python process that runs an event loop or
/// has asyncio tasks, with its tasks by state and its command. No process is
/// stopped for that.
///
/// With a PID or --core: one line for each task, with its id (that is, `id(task)`), its
/// state, the thread that runs its loop, its name, the first task that awaits
/// it and how many others do, and the innermost frame of the program's own
/// code.
#[derive(Debug, Args)]
#[command(after_long_help = PS_EXAMPLE)]
pub(crate) struct Ps {
    /// The process whose tasks to list
    #[arg(value_parser = pid, allow_negative_numbers = true)]
    pid: Option<u32>,

    #[command(flatten)]
    reading: Reading,

    #[command(flatten)]
    pub(crate) output: Output,
}

/// Shows the tasks as a tree: the task that waits above those that it waits for
///
/// One line for each task: its name, the innermost frame of the program's own
/// code, and whether it is running or ready to run; else it waits. In front of
/// the name, in brackets, stands the construct by which the task above waits,
/// unless that is a plain await: gather, task_group, shield, wait, wait_for,
/// as_completed, callback, recorded (only in the process's own record, CPython
/// 3.14 and later).
///
/// A task that several others wait for is shown whole at the first and marked
/// (*) after that. Tasks that wait for each other in a circle are cut with
/// (cycle). Every task appears.
#[derive(Debug, Args)]
#[command(after_long_help = TREE_EXAMPLE)]
pub(crate) struct Pstree {
    #[command(flatten)]
    pub(crate) target: Target,

    #[command(flatten)]
    pub(crate) tree: Tree,

    #[command(flatten)]
    pub(crate) output: Output,
}

/// Writes every task with its stack and the tasks that await it
///
/// In the words of asyncio.print_call_graph() of CPython 3.14. First the tasks
/// that wait for no other, each with its awaiters below it, then those that had
/// no place there. What stands at several places is written whole at the first
/// and marked (*) after that, or (cycle).
#[derive(Debug, Args)]
#[command(after_long_help = DUMP_EXAMPLE)]
pub(crate) struct Dump {
    #[command(flatten)]
    pub(crate) target: Target,

    #[command(flatten)]
    pub(crate) output: Output,
}

/// Starts a small asyncio service of its own and shows its tree
///
/// The service runs with the first Python of 3.8 or later that is found: the
/// one that AWAITGRAPH_PYTHON names, else python3 or python3.15 to python3.8 on
/// the PATH. It ends before this command does.
#[derive(Debug, Args)]
pub(crate) struct Demo {
    #[command(flatten)]
    pub(crate) tree: Tree,

    #[command(flatten)]
    pub(crate) output: Output,
}

/// Which process to read, and how.
#[derive(Debug, Args)]
#[command(group(ArgGroup::new("which").required(true).args(["pid", "core"])))]
pub(crate) struct Target {
    /// The process to read
    #[arg(value_parser = pid, allow_negative_numbers = true)]
    pid: Option<u32>,

    #[command(flatten)]
    reading: Reading,
}

/// How to read a process, or what to read in place of one.
#[derive(Debug, Clone, Args)]
struct Reading {
    /// Read the process without stopping it
    ///
    /// What changes meanwhile may be shown wrongly or be missing.
    #[arg(long)]
    nonblocking: bool,

    /// Read a core file in place of a process, see docs/cores.md
    ///
    /// As the kernel writes them when a process crashes, or gcore at any time;
    /// one that is packed with zstd is unpacked into TMPDIR first.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["pid", "nonblocking"])]
    core: Option<PathBuf>,

    /// Where the files of the core's machine or container are
    ///
    /// A core leaves out what its process only mapped: for that the same
    /// Python is needed. It is looked for below DIR, then where it was, then by
    /// build id in the cache of debuginfod.
    #[arg(long, value_name = "DIR", requires = "core", conflicts_with = "pid")]
    sysroot: Option<PathBuf>,
}

/// The shape of a tree.
#[derive(Debug, Args)]
pub(crate) struct Tree {
    /// Show all frames of each task, outermost first
    #[arg(long)]
    stack: bool,

    /// Give each task a line of its own
    ///
    /// So far every task always has one: tasks that are alike are not grouped yet.
    #[arg(long)]
    no_group: bool,
}

/// The format of the output.
#[derive(Debug, Args)]
pub(crate) struct Output {
    /// The format of the output
    #[arg(long, value_enum, default_value_t)]
    format: Format,

    /// Short for --format json
    #[arg(long, conflicts_with = "format")]
    json: bool,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// For people; fits the width of a terminal
    #[default]
    Text,
    /// One document with every task and every frame, see docs/json.md
    Json,
    /// For Graphviz
    Dot,
    /// For Markdown
    Mermaid,
}

impl Arguments {
    /// Refuses what only the combination of arguments shows to be wrong.
    pub(crate) fn checked(self) -> Result<Self, clap::Error> {
        match &self.command {
            Command::Ps(ps) if ps.target().is_none() && !ps.output.format().can_show_processes() => {
                Err(Self::command().error(
                    ErrorKind::ArgumentConflict,
                    "a list of processes is no graph: without a PID there is --format text and json",
                ))
            }
            _ => Ok(self),
        }
    }
}

impl Format {
    fn can_show_processes(self) -> bool {
        matches!(self, Self::Text | Self::Json)
    }
}

impl Ps {
    /// The process whose tasks are asked for.
    pub(crate) fn target(&self) -> Option<Target> {
        let is_one = self.pid.is_some() || self.reading.core.is_some();
        is_one.then(|| Target {
            pid: self.pid,
            reading: self.reading.clone(),
        })
    }
}

impl Target {
    /// Reads the process. What takes long is told of on `err`.
    pub(crate) fn read(&self, err: &mut Stream<'_>) -> Result<Graph, Error> {
        let Reading {
            nonblocking,
            core,
            sysroot,
        } = &self.reading;
        if let Some(core) = core {
            let mut progress = Progress::new(err);
            let tell = &mut |done, all| progress.step(format_args!("{}", unpacked(done, all)));
            let graph = awaitgraph_remote::snapshot_of_core(core, sysroot.as_deref(), tell);
            progress.end();
            return graph;
        }
        let stop = if *nonblocking {
            Stop::Nonblocking
        } else {
            Stop::Pause
        };
        awaitgraph_remote::snapshot(self.pid.unwrap_or_default(), stop)
    }
}

/// `unpacked 37 %`
fn unpacked(done: u64, all: u64) -> String {
    let percent = done.saturating_mul(100).checked_div(all).unwrap_or(0);
    format!("unpacked {percent} %")
}

impl Tree {
    pub(crate) fn view(&self) -> View {
        View::Tree(if self.stack {
            TreeFrames::All
        } else {
            TreeFrames::Own
        })
    }
}

impl Output {
    pub(crate) fn format(&self) -> Format {
        if self.json { Format::Json } else { self.format }
    }
}

/// A process id is a positive number of the kernel's `pid_t`.
fn pid(text: &str) -> Result<u32, &'static str> {
    text.parse()
        .ok()
        .filter(|pid| (1..=i32::MAX.unsigned_abs()).contains(pid))
        .ok_or("not a process id; `awaitgraph ps` lists the processes that run asyncio")
}
