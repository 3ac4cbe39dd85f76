//! Findings and deadlocks in JSON (docs/json.md).

use std::fmt::{self, Write};

use serde::Serialize;

use crate::graph::Graph;
use crate::questions::{Because, Deadlock, Finding, OwnCode, Step};
use crate::render::findings::{headline_of, step_words};
use crate::render::json::{
    Address, FrameView, List, ProblemView, SCHEMA, SnapshotView, TargetView,
};
use crate::render::json_lines::write_document;

/// Writes the findings as one JSON document, with a line feed at its end.
pub fn findings_json<W: Write + ?Sized>(
    graph: &Graph,
    findings: &[Finding],
    out: &mut W,
) -> fmt::Result {
    let own_code = OwnCode::new(graph);
    let document = Document {
        schema: SCHEMA,
        target: TargetView::of(&graph.target),
        snapshot: SnapshotView::of(&graph.snapshot),
        findings: List(findings, |finding| finding_view(graph, &own_code, finding)),
        problems: List(&graph.problems, ProblemView::of),
    };
    write_document(&document, out)
}

#[derive(Serialize)]
struct Document<'a, Findings: Serialize, Problems: Serialize> {
    schema: u32,
    target: TargetView<'a>,
    snapshot: SnapshotView,
    findings: Findings,
    problems: Problems,
}

#[derive(Serialize)]
struct FindingView<Tasks: Serialize, About: Serialize> {
    kind: &'static str,
    what: String,
    tasks: Tasks,
    #[serde(flatten)]
    about: About,
}

#[derive(Serialize)]
#[serde(untagged)]
enum About<Steps: Serialize, Behind: Serialize, Coroutine: Serialize, Stack: Serialize> {
    Deadlock {
        steps: Steps,
        behind: Behind,
    },
    Hopeless {},
    BlockedLoop {
        interpreter: i64,
        thread: u64,
        coroutine: Option<Coroutine>,
        stack: Stack,
        ready: usize,
        #[serde(skip_serializing_if = "Option::is_none")]
        overdue: Option<f64>,
        #[serde(skip_serializing_if = "Option::is_none")]
        turn: Option<f64>,
        looks: u32,
        seconds: f64,
    },
}

fn finding_view<'a>(
    graph: &'a Graph,
    own_code: &'a OwnCode,
    finding: &'a Finding,
) -> impl Serialize + use<'a> {
    FindingView {
        kind: finding.kind(),
        what: headline_of(graph, own_code, finding),
        tasks: List(finding.tasks(), |&task| Address::of(graph, task)),
        about: match finding {
            Finding::Deadlock(deadlock) => About::Deadlock {
                steps: List(&deadlock.steps, |&step| StepView::of(graph, own_code, step)),
                behind: List(&deadlock.behind, |&task| Address::of(graph, task)),
            },
            Finding::Abandoned(_) | Finding::Orphaned(_) => About::Hopeless {},
            Finding::BlockedLoop(blocked) => About::BlockedLoop {
                interpreter: blocked.interpreter,
                thread: blocked.thread,
                coroutine: (blocked.coroutine.as_ref()).map(|frame| FrameView::of(graph, frame)),
                stack: List(&blocked.stack, |frame| FrameView::of(graph, frame)),
                ready: blocked.ready,
                overdue: blocked.overdue.map(milliseconds),
                turn: blocked.turn.map(milliseconds),
                looks: blocked.looks,
                seconds: milliseconds(blocked.seconds),
            },
        },
    }
}

#[derive(Serialize)]
struct DeadlockView<Tasks: Serialize, Steps: Serialize, Behind: Serialize> {
    tasks: Tasks,
    steps: Steps,
    behind: Behind,
}

/// One of `deadlocks` in the document of a graph.
pub(super) fn deadlock_view<'a>(
    graph: &'a Graph,
    own_code: &'a OwnCode,
    deadlock: &'a Deadlock,
) -> impl Serialize + use<'a> {
    DeadlockView {
        tasks: List(&deadlock.tasks, |&task| Address::of(graph, task)),
        steps: List(&deadlock.steps, |&step| StepView::of(graph, own_code, step)),
        behind: List(&deadlock.behind, |&task| Address::of(graph, task)),
    }
}

#[derive(Serialize)]
struct StepView {
    task: Option<Address>,
    next: Option<Address>,
    because: &'static str,
    words: String,
}

impl StepView {
    fn of(graph: &Graph, own_code: &OwnCode, step: Step) -> Self {
        Self {
            task: Address::of(graph, step.task),
            next: Address::of(graph, step.next),
            because: match step.because {
                Because::Awaits(_) => "awaits",
                Because::Holds => "holds",
                Because::AtQueue => "at_queue",
            },
            words: step_words(graph, own_code, step),
        }
    }
}

fn milliseconds(seconds: f64) -> f64 {
    (seconds * 1000.0).round() / 1000.0
}
