//! The way in for a fuzzer.

use std::path::Path;

use awaitgraph_model::questions::{Grouping, Mask, Outline};
use awaitgraph_model::render::{DumpFrames, TableOptions, TreeOptions, dump, json, table, tree};

use super::{Elsewhere, Recording};
use crate::at_hand::Python;
use crate::layout::Layout;
use crate::limits::Limits;
use crate::process::{Around, Runtime};
use crate::snapshot::{self, Detail};
use crate::version;

/// The memory of a small asyncio program, recorded when this is made.
pub struct Door {
    recording: Recording,
    runtime: Runtime,
    layout: Layout,
}

/// A change: which of the recorded words, what is done with it, and with what.
const CHANGE: usize = 2 + 1 + 8;

impl Door {
    /// Runs a program under the CPython at `python` and records it.
    ///
    /// # Panics
    ///
    /// Where that is no CPython that is known.
    pub fn open(python: &Path) -> Self {
        let python = Python::at(python);
        let mut layout = None;
        let (recording, runtime) = Recording::of_scene(&python, |memory, runtime| {
            let identity = version::identify(0, memory, runtime).expect("a version");
            let read = snapshot::read_graph(
                memory,
                &identity.layout,
                runtime.py_runtime,
                &around(),
                Detail::Whole,
            );
            assert!(!read.expect("a graph").tasks.is_empty());
            layout = Some(identity.layout);
        });
        Self {
            recording,
            runtime,
            layout: layout.expect("it was read"),
        }
    }

    /// Reads the recording with the changes that `bytes` say, and shows what
    /// was found in every form. It must not panic, nor take long, and nothing
    /// that a terminal would obey may come out.
    ///
    /// # Panics
    ///
    /// Where that is not so.
    pub fn read(&self, bytes: &[u8]) {
        let mut changed = self.recording.play(Elsewhere::Again(bytes.len() as u64));
        for change in bytes.chunks_exact(CHANGE) {
            let [low, high, how, value @ ..] = change else {
                continue;
            };
            let value = value.try_into().map_or(0, u64::from_le_bytes);
            changed.change_one(usize::from(u16::from_le_bytes([*low, *high])), *how, value);
        }
        let limits = Limits {
            steps: 1 << 16,
            held: 1 << 20,
            ..Limits::SNAPSHOT
        };
        let runtime = self.runtime.py_runtime;
        if let Ok(identity) = version::identify(0, &changed, &self.runtime) {
            let _ = snapshot::read_within(limits, &changed, &identity.layout, runtime, &around());
        }
        let graph = snapshot::read_within(limits, &changed, &self.layout, runtime, &around());
        let Ok(graph) = graph else {
            return;
        };
        let mut text = String::new();
        let outline = Outline::new(&graph, Mask::all(&graph), Grouping::Alike);
        tree(&outline, &TreeOptions::default(), &mut text).expect("a string takes all");
        table(&outline, &TableOptions::default(), &mut text).expect("a string takes all");
        dump(&outline, DumpFrames::All, &mut text).expect("a string takes all");
        json(&outline, &mut text).expect("a string takes all");
        let raw = |c: char| c.is_control() && c != '\n';
        assert!(!text.contains(raw), "{text:?}");
    }
}

/// What is asked beside the memory has an answer, so that it is used.
fn around() -> Around<'static> {
    Around {
        now: Some(0.0),
        is_alive: &|pid| Some(pid % 2 == 0),
        ..Around::of_threads(&|pthread| Some(pthread))
    }
}
