//! What a task costs: how often memory is read for it, to the last read. Times
//! differ from machine to machine; this does not.

use std::cell::Cell;

use super::memories::Counted;
use super::{version, whole};
use crate::at_hand::Python;
use crate::memory::{Cached, Live, Memory, Unreadable};
use crate::process::{Ids, find_runtime};
use crate::replay::{Elsewhere, Recorder};

/// Numbers of tasks for which sets and dicts are of the same size.
const COUNTS: [u64; 2] = [140, 240];
/// How often a count is made that does not come out as it should.
const TRIES: usize = 12;
/// By minor version, how many reads one more task takes that waits for an event
/// and is gathered with others. Whoever makes them fewer lowers the number;
/// whoever makes them more says why.
const READS: [(u8, u64); 8] = [
    (8, 31),
    (9, 31),
    (10, 31),
    (11, 23),
    (12, 22),
    (13, 20),
    (14, 19),
    (15, 19),
];

/// Counts what is copied from the target.
struct Copied<M> {
    memory: M,
    copies: Cell<u64>,
    bytes: Cell<u64>,
}

impl<M: Memory> Memory for Copied<M> {
    fn read(&self, addr: u64, buf: &mut [u8]) -> Result<(), Unreadable> {
        self.copies.set(self.copies.get() + 1);
        self.bytes.set(self.bytes.get() + buf.len() as u64);
        self.memory.read(addr, buf)
    }
}

/// Reads of a recording of so many tasks, and copies and bytes from it; `None`
/// where the target's main thread was still on its way to rest when it was
/// recorded.
fn cost(python: &Python, count: u64) -> Option<[u64; 3]> {
    let script = format!("COUNT = {count}\n{}", include_str!("cost.py"));
    let target = python.start(&script);
    let runtime = find_runtime(&Ids::of(target.pid())).expect("a runtime");
    let recorder = Recorder::new(Live::new(target.pid()));
    let read = |memory: &dyn Memory| {
        let layout = version::identify(0, memory, &runtime)
            .expect("a version")
            .layout;
        let graph = whole(memory, &layout, runtime.py_runtime);
        assert_eq!(graph.tasks.len() as u64, count + 1);
        graph.problems.is_empty()
    };
    if !read(&recorder) {
        return None;
    }
    let recording = recorder.into_recording();
    let replayed = recording.play(Elsewhere::Again(0));
    let copied = Copied {
        memory: replayed,
        copies: Cell::new(0),
        bytes: Cell::new(0),
    };
    let cached = Cached::new(copied);
    let counted = Counted {
        memory: &cached,
        reads: Cell::new(0),
    };
    assert!(read(&counted), "the recording has problems of its own");
    let copied = cached.inner();
    Some([counted.reads.get(), copied.copies.get(), copied.bytes.get()])
}

#[test]
fn a_task_takes_so_many_reads() {
    let [few, many] = COUNTS;
    let mut wrong = Vec::new();
    for python in &Python::all() {
        let more = many - few;
        let expected = READS.iter().find(|(minor, _)| *minor == python.minor);
        let expected = expected.map_or(0, |(_, reads)| *reads);
        let off = |cost: &[u64; 3]| cost[0].abs_diff(expected * more);
        // Where the target's main thread is just then takes a few more or fewer,
        // all tasks together, and once in a while more than a few.
        let mut nearest = [u64::MAX; 3];
        for _ in 0..TRIES {
            let (Some(of_few), Some(of_many)) = (cost(python, few), cost(python, many)) else {
                continue;
            };
            let cost = [0, 1, 2].map(|at| of_many[at].saturating_sub(of_few[at]));
            if off(&cost) < off(&nearest) {
                nearest = cost;
            }
            if off(&nearest) <= more / 3 {
                break;
            }
        }
        let [reads, copies, bytes] = nearest;
        assert_ne!(
            reads,
            u64::MAX,
            "{}: the target never rests",
            python.version
        );
        if off(&nearest) > more / 3 {
            let each = reads as f64 / more as f64;
            wrong.push(format!(
                "{}: {each} reads a task, not {expected}",
                python.version
            ));
        }
        // A page or a chunk here and there, wherever they happen to lie.
        assert!(
            copies <= 2 * more && bytes <= 8192 * more,
            "{copies} copies of {bytes} bytes"
        );
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}
