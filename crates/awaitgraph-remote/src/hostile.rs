//! Memory that lies: whatever it says, a reading ends soon, in little memory,
//! and without a panic.

pub(crate) mod allocations;
mod cores;
mod cost;
mod memories;
mod partial;
mod run;

use std::ops::Range;
use std::time::Duration;

use awaitgraph_model::Graph;

use memories::{FailsAt, Torn, Words, heap, noise, pointers};
use partial::{made_up, same};
use run::Trials;

use crate::at_hand::Python;
use crate::layout::Layout;
use crate::limits::Limits;
use crate::memory::{Cached, Live, Memory};
use crate::process::{Around, Ids, Runtime, find_runtime};
use crate::replay::random::Random;
use crate::replay::{Elsewhere, Recording};
use crate::snapshot::{self, Detail};
use crate::version;

/// Limits so tight that a test soon comes to them.
const TIGHT: Limits = Limits {
    steps: 1 << 16,
    held: 1 << 20,
    time: Duration::from_secs(60),
};

const RUNTIME: u64 = 0x10_0000;

fn runtime(py_version: u64) -> Runtime {
    Runtime {
        py_runtime: RUNTIME,
        py_version,
        hash_secret: RUNTIME + 0x4000,
        asyncio_debug: RUNTIME + 0x8000,
        others: Vec::new(),
        version_in_name: "3.8".to_owned(),
    }
}

#[test]
fn memory_of_one_byte_is_survived() {
    let mut trials = Trials::new(TIGHT);
    for byte in [0, 1, 2, 4, 8, 16, 32, 64, 127, 128, 255] {
        let word = u64::from_le_bytes([byte; 8]);
        let memory = Words(|_| word);
        for (minor, layout) in run::layouts() {
            let of = format_args!("{byte} everywhere, 3.{minor}");
            trials.read(of, &memory, &layout, RUNTIME);
        }
        for py_version in [0, RUNTIME] {
            let of = format_args!("{byte} everywhere");
            trials.identify(of, &memory, &runtime(py_version));
        }
    }
    trials.tell();
}

#[test]
fn random_memory_is_survived() {
    let mut trials = Trials::new(TIGHT);
    for seed in seeds(10) {
        for (minor, layout) in run::layouts() {
            let of = format_args!("noise {seed}, 3.{minor}");
            trials.read(of, &noise(seed), &layout, RUNTIME);
            for words in [1, 16, 1 << 10, 1 << 16, 1 << 30] {
                let of = format_args!("{words} words {seed}, 3.{minor}");
                trials.read(of, &pointers(seed, words), &layout, RUNTIME);
                trials.read(of, &heap(seed, words), &layout, RUNTIME);
                let whole = heap(seed, words);
                trials.read(of, &Torn::new(&whole, seed, 50), &layout, RUNTIME);
            }
        }
        trials.identify(seed, &noise(seed), &runtime(0));
        trials.identify(seed, &heap(seed, 1 << 12), &runtime(0));
    }
    trials.tell();
}

/// The seeds of a run, and of more where somebody has the time for it:
/// `AWAITGRAPH_HOSTILE_ROUNDS=500 cargo test --release -p awaitgraph-remote hostile`.
fn seeds(few: u64) -> Range<u64> {
    let rounds = std::env::var("AWAITGRAPH_HOSTILE_ROUNDS").ok();
    let rounds = rounds.map_or(1, |it| it.parse().expect("a number of rounds"));
    0..few * rounds
}

/// A process of which nothing is known but the time, and that it has children.
fn around() -> Around<'static> {
    Around {
        now: Some(0.0),
        is_alive: &|pid| Some(pid % 2 == 0),
        ..Around::of_threads(&|_| None)
    }
}

struct Scene {
    version: String,
    recording: Recording,
    runtime: Runtime,
    layout: Layout,
    graph: Graph,
}

impl Scene {
    fn record(python: &Python) -> Self {
        let mut read = None;
        let (recording, runtime) = Recording::of_scene(python, |memory, runtime| {
            let identity = version::identify(0, memory, runtime).expect("a version");
            let layout = identity.layout;
            let graph = whole(memory, &layout, runtime.py_runtime);
            read = Some((layout, graph));
        });
        let (layout, graph) = read.expect("a reading");
        Self {
            version: python.version.clone(),
            recording,
            runtime,
            layout,
            graph,
        }
    }

    fn read(&self, memory: &dyn Memory) -> Graph {
        whole(memory, &self.layout, self.runtime.py_runtime)
    }
}

fn whole(memory: &dyn Memory, layout: &Layout, runtime: u64) -> Graph {
    snapshot::read_graph(memory, layout, runtime, &around(), Detail::Whole).expect("a graph")
}

#[test]
fn what_tasks_wait_for_can_be_left_out_and_nothing_else() {
    for python in Python::all() {
        let scene = Scene::record(&python);
        let memory = scene.recording.play(Elsewhere::Unmapped);
        let runtime = scene.runtime.py_runtime;
        let read = snapshot::read_graph(&memory, &scene.layout, runtime, &around(), Detail::Tasks);
        let mut expected = scene.graph.clone();
        assert!(expected.tasks.iter().any(|task| task.waits_for.is_some()));
        for task in &mut expected.tasks {
            (task.waits_for, task.deadline, task.limited) = (None, None, false);
        }
        for thread in &mut expected.threads {
            (thread.turn, thread.at) = (None, None);
        }
        let read = read.expect("a graph");
        assert_eq!(read.tasks, expected.tasks, "{}", scene.version);
        assert_eq!(read.threads, expected.threads, "{}", scene.version);
        assert_eq!(read.problems, expected.problems, "{}", scene.version);
    }
}

#[test]
fn what_a_snapshot_holds_is_counted() {
    let pythons = Python::all();
    for python in pythons.first().into_iter().chain(pythons.last()) {
        let target = python.start(include_str!("hostile/much.py"));
        let runtime = find_runtime(&Ids::of(target.pid())).expect("a runtime");
        let memory = Cached::new(Live::new(target.pid()));
        let identity = version::identify(0, &memory, &runtime).expect("a version");
        let read = |held| {
            let limits = Limits {
                held,
                ..Limits::SNAPSHOT
            };
            let runtime = runtime.py_runtime;
            snapshot::read_within(limits, &memory, &identity.layout, runtime, &around())
        };
        // What is fetched is not held by the snapshot: from here on it is there.
        let whole = read(Limits::SNAPSHOT.held).expect("a graph");
        assert!(whole.problems.is_empty(), "{:#?}", whole.problems);
        for held in (14..24).map(|power| 1 << power) {
            let (graph, peak) = allocations::peak(|| read(held).expect("a graph"));
            // A list of tasks is made before it is known which of them are kept.
            assert!(
                peak < held as usize + (128 << 10),
                "{peak} bytes, not {held}"
            );
            match graph.problems.first() {
                Some(problem) => {
                    assert_eq!(problem.location, "this snapshot");
                    assert!(held < 1 << 23, "{problem:?}");
                    let fit = whole.tasks.len().min(held as usize / 2048);
                    assert!(
                        graph.tasks.len() >= fit,
                        "{} tasks in {held}",
                        graph.tasks.len()
                    );
                }
                None => assert!(same(&graph, &whole)),
            }
        }
    }
}

#[test]
fn failed_reads_are_told_and_nothing_is_made_up() {
    for python in &Python::all() {
        let scene = Scene::record(python);
        let (version, whole) = (&scene.version, &scene.graph);
        let recording = scene.recording.play(Elsewhere::Unmapped);
        let reads = FailsAt::count(&recording, |memory| scene.read(memory));
        let mut random = Random::new(reads);
        let check = |of: String, memory: &dyn Memory| {
            let part = scene.read(memory);
            let told = !part.problems.is_empty();
            assert!(told || same(&part, whole), "{version}: {of} was not told");
            let made_up = made_up(&part, whole);
            assert_eq!(made_up, None, "{version}: {of}: {:#?}", part.problems);
        };
        for seed in seeds(100) {
            // In a long run, every one of them.
            let at = if seed < 100 { random.next() } else { seed } % reads;
            check(format!("failure {at}"), &FailsAt::new(&recording, at));
            let one_in = 2 << random.below(12);
            let torn = Torn::new(&recording, seed, one_in);
            check(format!("one in {one_in}, {seed},"), &torn);
        }
    }
}

/// How often the memory of each version's process is changed and read: a
/// hundred thousand times with the eight that there are.
const CHANGED: u64 = 13_000;

#[test]
fn a_real_process_is_survived_however_it_is_changed() {
    let pythons = Python::all();
    std::thread::scope(|scope| {
        let tests: Vec<_> = (pythons.iter())
            .map(|python| scope.spawn(|| survived_however_it_is_changed(python)))
            .collect();
        for test in tests {
            test.join().expect("it is survived");
        }
    });
}

fn survived_however_it_is_changed(python: &Python) {
    let mut trials = Trials::new(TIGHT);
    let scene = Scene::record(python);
    let Scene {
        version,
        recording,
        runtime,
        layout,
        graph,
    } = &scene;
    let unchanged = recording.play(Elsewhere::Unmapped);
    assert!(same(&scene.read(&unchanged), graph), "{version}");
    assert!(
        graph.problems.is_empty(),
        "{version}: {:#?}",
        graph.problems
    );
    assert!(
        graph.tasks.len() > 50,
        "{version}: {} tasks",
        graph.tasks.len()
    );
    for seed in seeds(CHANGED) {
        let mut random = Random::new(seed);
        let elsewhere = match seed % 3 {
            0 => Elsewhere::Unmapped,
            _ => Elsewhere::Again(seed),
        };
        let mut changed = recording.play(elsewhere);
        let count = 1 << random.below(9);
        changed.change(&mut random, count);
        let of = format_args!("{version} with {count} changes, seed {seed}");
        let torn = Torn::new(&changed, seed, 200);
        let memory: &dyn Memory = if seed % 5 == 0 { &torn } else { &changed };
        trials.read(of, memory, layout, runtime.py_runtime);
        if seed % 4 == 0 {
            trials.identify(of, &changed, runtime);
        }
    }
    trials.tell();
}
