//! Readings of memory that cannot be trusted, and what they took.

use std::cell::Cell;
use std::fmt::Display;
use std::panic::{self, AssertUnwindSafe};
use std::time::Duration;

use awaitgraph_model::{Awaiter, Graph};

use super::allocations;
use super::memories::Counted;
use crate::layout::{Layout, for_minor, for_minor_free_threaded};
use crate::limits::Limits;
use crate::memory::Memory;
use crate::process::{Around, Runtime};
use crate::snapshot;
use crate::version;

/// All layouts of the tables, each with its minor version.
pub(super) fn layouts() -> impl Iterator<Item = (u8, Layout)> {
    let with_gil = (8..=15).map(|minor| {
        let layout = for_minor(minor);
        (minor, layout.expect("a layout of each minor version"))
    });
    with_gil.chain((8..=15).filter_map(|minor| Some((minor, for_minor_free_threaded(minor)?))))
}

/// Many readings within the same limits, each of which must keep to them.
pub(super) struct Trials {
    limits: Limits,
    count: usize,
    with_tasks: usize,
    used_up: usize,
    slowest: Cost,
    largest: Cost,
    longest: Cost,
}

/// What a reading took.
#[derive(Debug, Clone, Default)]
#[expect(dead_code, reason = "printed")]
struct Cost {
    /// Of what it was.
    of: String,
    time: Duration,
    /// Bytes of memory, at the most.
    peak: usize,
    reads: u64,
    tasks: usize,
    frames: usize,
    problems: usize,
}

impl Trials {
    pub(super) fn new(limits: Limits) -> Self {
        Self {
            limits,
            count: 0,
            with_tasks: 0,
            used_up: 0,
            slowest: Cost::default(),
            largest: Cost::default(),
            longest: Cost::default(),
        }
    }

    /// Reads a graph by `layout`.
    pub(super) fn read(
        &mut self,
        of: impl Display,
        memory: &dyn Memory,
        layout: &Layout,
        runtime: u64,
    ) -> Option<Graph> {
        let counted = Counted {
            memory,
            reads: Cell::new(0),
        };
        let begin = processor_time();
        let (graph, peak) = allocations::peak(|| {
            let thread_ids = &|pthread| (pthread % 2 == 0).then_some(pthread / 2);
            let around = Around {
                thread_ids,
                ..super::around()
            };
            // Whoever panics says where; here is added how to see it again.
            panic::catch_unwind(AssertUnwindSafe(|| {
                snapshot::read_within(self.limits, &counted, layout, runtime, &around).ok()
            }))
            .unwrap_or_else(|_| panic!("a panic at {of}"))
        });
        let mut cost = Cost {
            of: of.to_string(),
            time: processor_time().saturating_sub(begin),
            peak,
            reads: counted.reads.get(),
            ..Cost::default()
        };
        if let Some(graph) = &graph {
            holds_together(graph);
            cost.tasks = graph.tasks.len();
            cost.frames = graph.tasks.iter().map(|task| task.stack.len()).sum();
            cost.problems = graph.problems.len();
            let first = graph.problems.first();
            let used_up = first.is_some_and(|problem| problem.location == "this snapshot");
            self.used_up += usize::from(used_up);
        }
        self.note(cost);
        graph
    }

    /// Finds out the version, and reads a graph by it if there is one.
    pub(super) fn identify(&mut self, of: impl Display, memory: &dyn Memory, runtime: &Runtime) {
        if let Ok(identity) = version::identify(0, memory, runtime) {
            self.read(of, memory, &identity.layout, runtime.py_runtime);
        }
    }

    fn note(&mut self, cost: Cost) {
        let Limits { steps, held, .. } = self.limits;
        assert!(cost.reads <= steps, "{cost:#?}");
        // A step takes a microsecond where nothing is optimised, and less
        // elsewhere; then there is what is done with what was read.
        let time = Duration::from_micros(steps) + Duration::from_secs(1);
        assert!(cost.time < time, "{cost:#?}");
        // Beside what is held there is one collection at a time, perhaps within
        // another, and while it grows in two places.
        let collection = usize::try_from(64 * steps).map_or(usize::MAX, |most| most.min(128 << 20));
        assert!(cost.peak <= held as usize + 4 * collection, "{cost:#?}");
        self.count += 1;
        self.with_tasks += usize::from(cost.tasks > 0);
        if cost.time > self.slowest.time {
            self.slowest = cost.clone();
        }
        if cost.reads > self.longest.reads {
            self.longest = cost.clone();
        }
        if cost.peak > self.largest.peak {
            self.largest = cost;
        }
    }

    /// Tells the worst, for who looks (`--nocapture`).
    #[allow(clippy::print_stderr)]
    pub(super) fn tell(&self) {
        let Self {
            limits,
            count,
            with_tasks,
            used_up,
            slowest,
            largest,
            longest,
        } = self;
        eprintln!(
            "{count} readings within {limits:?}: {with_tasks} found tasks, {used_up} used up the limits\n\
             slowest {slowest:?}\nlargest {largest:?}\nlongest {longest:?}"
        );
    }
}

/// How long this thread has been running; nothing else on the machine counts.
fn processor_time() -> Duration {
    let said = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    let nanoseconds = said.split(' ').next().and_then(|it| it.parse().ok());
    Duration::from_nanos(nanoseconds.unwrap_or(0))
}

/// All that a graph says of itself must be there.
fn holds_together(graph: &Graph) {
    let frames = (graph.tasks.iter().flat_map(|task| &task.stack))
        .chain(graph.threads.iter().flat_map(|thread| &thread.stack));
    for frame in frames {
        assert!(graph.code(frame).is_some());
    }
    for task in &graph.tasks {
        for pair in task.awaited_by.windows(2) {
            assert!((pair[0].task, pair[0].how) < (pair[1].task, pair[1].how));
        }
        let known = |awaiter: &Awaiter| graph.task(awaiter.task).is_some();
        assert!(task.awaited_by.iter().all(known));
    }
    for thread in &graph.threads {
        assert!(thread.running.is_none_or(|task| graph.task(task).is_some()));
    }
}
