//! The command line. Its help is the manual of the program.

use std::path::PathBuf;
use std::time::Duration;

use awaitgraph_model::questions::{self, Filter, Grouping};
use awaitgraph_model::render::{DumpFrames, TreeFrames};
use awaitgraph_model::{Graph, TaskState};
use awaitgraph_remote::{Error, Stop};
use clap::error::ErrorKind;
use clap::{ArgGroup, Args, CommandFactory, Parser, Subcommand, ValueEnum};

use crate::progress::Progress;
use crate::show::{Shown, View};
use crate::stream::{ColorChoice, Stream};

/// Shows which asyncio task waits for which in a live Python process, down to
/// file and line.
///
/// Works on a running process of CPython 3.8 to 3.15 as it is: nothing is
/// installed into it, nothing restarted, nothing written to it. One that runs is
/// stopped while its memory is copied, half a millisecond for a thousand tasks,
/// and goes on whatever happens to awaitgraph; one that sleeps is not even woken.
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
  awaitgraph pstree 4711 --task worker-7  ... around one task
  awaitgraph check 4711                   is it stuck, and where
  awaitgraph dump 4711 | less             every task as print_call_graph() has it
  awaitgraph ps 4711 --by where           how many tasks at which place
  awaitgraph ps 4711 --json | jq '.tasks[] | select(.state == \"running\")'
  awaitgraph pstree --core core.4711      ... of a process that has crashed
  awaitgraph pstree 4711 --format dot | dot -Tsvg > tasks.svg

Exit codes:
  0  all was read (a process without asyncio tasks is an empty answer)
  1  nothing could be read
  2  wrong usage
  3  read, with problems, which are listed on the error output
  4  `awaitgraph check` has found something

Permission: a process of one's own can be read where the kernel lets one
process look into another (kernel.yama.ptrace_scope 0, or 1 and the program has
called awaitgraph.allow_attach()), any process with sudo or the capability
SYS_PTRACE alone, and those of a container from the host, or in it with
--cap-add=SYS_PTRACE. Nothing is ever written to a target.";

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
    |   File '/srv/shop/shop.py', line 37, in async Shop.charge()
    + Waits for: event Shop.provider (0x7fcfbe80c210); 3 wait
    + Awaited by:
      * Task(name='worker-1', id=0x7fcfbe7daa40)
        + Call stack:
        |   File '/srv/shop/shop.py', line 44, in async Shop.book()
        |   File '/srv/shop/shop.py', line 51, in async Shop.worker()
  ...";

const CHECK_EXAMPLE: &str = "\
Example:
  $ awaitgraph check 1190
  deadlock: a-to-b and b-to-a wait for each other
    a-to-b  transfer /srv/bank/bank.py:17
      waits for lock Account.lock (0x7fcfbe80c210) held by b-to-a
    b-to-a  transfer /srv/bank/bank.py:17
      waits for lock Account.lock (0x7fcfbe80c3d0) held by a-to-b
    behind them waits Task-1

Exit codes:
  0  nothing was found
  4  something was found
  1, 2 and 3 as for the other commands";

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Ps(Ps),
    Pstree(Pstree),
    Dump(Dump),
    Check(Check),
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
/// it and how many others do, the innermost frame of the program's own code, and
/// what it waits for. Tasks that are alike share a line, with their number.
#[derive(Debug, Args)]
#[command(after_long_help = PS_EXAMPLE, group(ArgGroup::new("which").args(["pid", "core"])))]
pub(crate) struct Ps {
    /// The process whose tasks to list
    #[arg(value_parser = pid, allow_negative_numbers = true)]
    pid: Option<u32>,

    /// Count the tasks that have this in common, largest count first
    ///
    /// By `name`, numbers in names do not count: worker-1 and worker-2 are worker-*.
    #[arg(long, value_enum, value_name = "WHAT", requires = "which")]
    by: Option<By>,

    #[command(flatten)]
    select: Select,

    /// Give each task a line of its own
    #[arg(long, requires = "which")]
    no_group: bool,

    #[command(flatten)]
    reading: Reading,

    #[command(flatten)]
    pub(crate) output: Output,
}

/// Shows the tasks as a tree: the task that waits above those that it waits for
///
/// One line for each task: its name, the innermost frame of the program's own
/// code, and whether it is running or ready to run; else what it waits for, if
/// that is no task. In front of the name, in brackets, stands the construct by
/// which the task above waits, unless that is a plain await: gather, task_group,
/// shield, wait, wait_for, as_completed, callback, recorded (only in the
/// process's own record, CPython 3.14 and later).
///
/// Tasks that wait for each other, by awaiting one another or over locks, stand
/// first, as a deadlock. Tasks that are alike (the same stack, the same below
/// them) share a line, with their number and a range of names: `worker-1 …
/// worker-990 ×990`.
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
    select: Select,

    #[command(flatten)]
    shape: Shape,

    #[command(flatten)]
    pub(crate) output: Output,
}

/// Writes every task with its stack and the tasks that await it
///
/// In the words of asyncio.print_call_graph() of CPython 3.14. First the tasks
/// that wait for no other, each with its awaiters below it, then those that had
/// no place there. What stands at several places is written whole at the first
/// and marked (*) after that, or (cycle). Tasks that are alike are written once,
/// with their number. Deadlocks stand first.
#[derive(Debug, Args)]
#[command(after_long_help = DUMP_EXAMPLE)]
pub(crate) struct Dump {
    #[command(flatten)]
    pub(crate) target: Target,

    #[command(flatten)]
    select: Select,

    #[command(flatten)]
    shape: Shape,

    #[command(flatten)]
    pub(crate) output: Output,
}

/// Tells what is wrong in a process, and nothing else
///
/// Looks for what is so for certain: deadlocks, that is tasks that wait for each
/// other or for themselves, by awaiting one another or over locks, semaphores and
/// full or empty queues; tasks that wait for a lock which nobody is left to
/// release; tasks that wait for a future which nothing is left to complete; and
/// loops that synchronous code does not let go of.
///
/// Only the last takes more than one look: a loop is blocked that is in the same
/// code of the same task in each of them, and of which no other task has taken a
/// step. Where nothing runs, or anything moves, the first looks are the last. A
/// loop with a single task that is nearly always at the same place looks the
/// same; the longer the time that it is given, the fewer such there are.
#[derive(Debug, Args)]
#[command(after_long_help = CHECK_EXAMPLE)]
pub(crate) struct Check {
    #[command(flatten)]
    pub(crate) target: Target,

    /// How long to look at a loop that may be blocked; with 0 not at all
    #[arg(
        long = "for",
        value_name = "SECONDS",
        value_parser = seconds,
        default_value = "1",
        allow_negative_numbers = true
    )]
    window: Duration,

    /// Write one document, see docs/json.md
    #[arg(long)]
    pub(crate) json: bool,
}

/// Starts a small asyncio service of its own and shows its tree
///
/// The service runs with the first Python of 3.8 or later that is found: the
/// one that AWAITGRAPH_PYTHON names, else python3 or python3.15 to python3.8 on
/// the PATH. It ends before this command does.
#[derive(Debug, Args)]
pub(crate) struct Demo {
    #[command(flatten)]
    shape: Shape,

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

/// How much of each task is shown.
#[derive(Debug, Args)]
pub(crate) struct Shape {
    /// Show all frames of each task, those of asyncio too
    #[arg(long)]
    stack: bool,

    /// Show each task, also where others are alike
    #[arg(long)]
    no_group: bool,
}

const SELECT: &str = "Only what matters";

/// Which tasks are shown.
#[derive(Debug, Args)]
struct Select {
    /// Only the tasks of this name or id, with all that wait for them and all
    /// that they wait for
    ///
    /// * and ? stand for any characters and any one. May be given several times.
    #[arg(long, value_name = "NAME", requires = "which", help_heading = SELECT)]
    task: Vec<String>,

    /// Only the tasks that have a frame of this function or file
    ///
    /// `Shop.charge`, `charge`, `shop.py`, `/srv/shop/shop.py`, `shop.py:37`,
    /// `*/shop/*`. A tree shows those that wait for them too. May be given
    /// several times.
    #[arg(long = "where", value_name = "PLACE", requires = "which", help_heading = SELECT)]
    place: Vec<String>,

    /// Only the tasks in this state
    #[arg(long, value_enum, requires = "which", help_heading = SELECT)]
    state: Vec<State>,

    /// Only the tasks whose loop this thread runs, by the kernel's id
    #[arg(long, value_name = "TID", requires = "which", help_heading = SELECT)]
    thread: Vec<u64>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum State {
    Running,
    Ready,
    Waiting,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum By {
    Where,
    Name,
    WaitsFor,
    State,
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
            Command::Ps(ps) if ps.by.is_some() && !ps.output.format().can_show_processes() => {
                Err(Self::command().error(
                    ErrorKind::ArgumentConflict,
                    "counts are no graph: with --by there is --format text and json",
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

impl Ps {
    /// What to count the tasks by, if they are to be counted.
    pub(crate) fn by(&self) -> Option<questions::By> {
        self.by.map(|by| match by {
            By::Where => questions::By::Where,
            By::Name => questions::By::Name,
            By::WaitsFor => questions::By::WaitsFor,
            By::State => questions::By::State,
        })
    }

    pub(crate) fn shown(&self) -> Shown {
        Shown {
            view: View::Table,
            filter: self.select.filter(),
            grouping: grouping(self.no_group),
        }
    }
}

impl Pstree {
    pub(crate) fn shown(&self) -> Shown {
        self.shape.tree(self.select.filter())
    }
}

impl Dump {
    pub(crate) fn shown(&self) -> Shown {
        Shown {
            view: View::CallGraph(if self.shape.stack {
                DumpFrames::All
            } else {
                DumpFrames::Folded
            }),
            filter: self.select.filter(),
            grouping: grouping(self.shape.no_group),
        }
    }
}

impl Demo {
    pub(crate) fn shown(&self) -> Shown {
        self.shape.tree(Filter::default())
    }
}

impl Shape {
    fn tree(&self, filter: Filter) -> Shown {
        Shown {
            view: View::Tree(if self.stack {
                TreeFrames::All
            } else {
                TreeFrames::Own
            }),
            filter,
            grouping: grouping(self.no_group),
        }
    }
}

impl Select {
    fn filter(&self) -> Filter {
        let states = self.state.iter().map(|state| match state {
            State::Running => TaskState::Running,
            State::Ready => TaskState::Ready,
            State::Waiting => TaskState::Waiting,
        });
        Filter {
            tasks: self.task.clone(),
            places: self.place.clone(),
            states: states.collect(),
            threads: self.thread.clone(),
        }
    }
}

fn grouping(no_group: bool) -> Grouping {
    if no_group {
        Grouping::None
    } else {
        Grouping::Alike
    }
}

impl Check {
    /// How long to look. A core file shows one moment, however long one looks.
    pub(crate) fn window(&self) -> Duration {
        match self.target.reading.core {
            Some(_) => Duration::ZERO,
            None => self.window,
        }
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

impl Output {
    pub(crate) fn format(&self) -> Format {
        if self.json { Format::Json } else { self.format }
    }
}

fn seconds(text: &str) -> Result<Duration, &'static str> {
    let seconds: Option<f64> = text.parse().ok();
    seconds
        .and_then(|seconds| Duration::try_from_secs_f64(seconds).ok())
        .filter(|window| *window <= LONGEST_LOOK)
        .ok_or("not a number of seconds, at most a day")
}

const LONGEST_LOOK: Duration = Duration::from_secs(24 * 60 * 60);

/// A process id is a positive number of the kernel's `pid_t`.
fn pid(text: &str) -> Result<u32, &'static str> {
    text.parse()
        .ok()
        .filter(|pid| (1..=i32::MAX.unsigned_abs()).contains(pid))
        .ok_or("not a process id; `awaitgraph ps` lists the processes that run asyncio")
}
