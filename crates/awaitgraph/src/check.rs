//! Looking at a process for what is wrong in it.

use std::time::{Duration, Instant};

use awaitgraph_model::Graph;
use awaitgraph_model::questions::{self, Finding, Links, Watch};
use awaitgraph_remote::Error;

/// A process as it was at the last look, and what was found in it.
#[derive(Debug)]
pub struct Checked {
    /// The last look.
    pub graph: Graph,
    /// What is wrong.
    pub findings: Vec<Finding>,
}

/// A loop is called blocked after as many looks as this at the least, however
/// long each of them takes.
const LEAST_LOOKS: u32 = 12;

/// The target is to run for most of the time that it is watched.
const PAUSE_FOR_EACH_STOP: u32 = 8;
const SHORTEST_PAUSE: Duration = Duration::from_millis(5);

/// Finds what is wrong in what `read` gives. Where a loop may be blocked, looks
/// at it again and again for the time of `window`.
pub fn check(
    mut read: impl FnMut() -> Result<Graph, Error>,
    window: Duration,
) -> Result<Checked, Error> {
    let begin = Instant::now();
    let mut graph = read()?;
    let mut watch = Watch::new(&graph);
    let mut looked_at = Instant::now();
    let first = looked_at;
    let mut jitter = Jitter(u64::from(begin.elapsed().subsec_nanos()) | 1);
    while !window.is_zero()
        && watch.goes_on()
        && (first.elapsed() < window || watch.looks() < LEAST_LOOKS)
    {
        let stopped = Duration::from_micros(graph.snapshot.paused_us);
        let pause = (stopped * PAUSE_FOR_EACH_STOP).min(window / LEAST_LOOKS);
        std::thread::sleep(jitter.around(pause.max(SHORTEST_PAUSE)));
        // A process that has ended by now was what the last look showed.
        let Ok(next) = read() else { break };
        looked_at = Instant::now();
        graph = next;
        watch.look(&graph);
    }
    let children = Links::children(&graph);
    let deadlocks = questions::deadlocks(&graph, &children);
    let mut findings = questions::findings(&graph, deadlocks);
    if watch.looks() >= LEAST_LOOKS {
        let seconds = looked_at.duration_since(first).as_secs_f64();
        let blocked = watch.blocked(&graph, seconds);
        findings.extend(blocked.into_iter().map(Finding::BlockedLoop));
    }
    Ok(Checked { graph, findings })
}

/// Pauses that differ, so that they do not fall in with what the target does at
/// equal intervals.
struct Jitter(u64);

impl Jitter {
    /// Between half of `pause` and one and a half.
    fn around(&mut self, pause: Duration) -> Duration {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        let share = (self.0 % 1000) as f64 / 1000.0;
        pause.mul_f64(0.5 + share)
    }
}
