//! Graphs that a walk without care does not survive: long chains, ladders of
//! diamonds, tens of thousands of tasks.

use std::sync::Arc;

use awaitgraph_model::questions::{By, Grouping, Mask, Outline, counts};
use awaitgraph_model::render::{
    DumpFrames, TableOptions, TreeFrames, TreeOptions, counts_table, dot, dump, json, mermaid,
    table, tree,
};
use awaitgraph_model::{Awaiter, Code, CodeIndex, Frame, Graph, How, Task, TaskIndex};
use expect_test::expect;

use crate::notation::written;

/// As many tasks as `awaiters` yields lists, each with a stack of two frames.
fn graph_of(awaiters: impl Iterator<Item = Vec<usize>>) -> Graph {
    let mut graph = Graph {
        codes: vec![Code {
            function: "work".to_owned(),
            file: "/app/service.py".to_owned(),
            kind: awaitgraph_model::FrameKind::Async,
        }],
        ..Graph::default()
    };
    let frame = Frame {
        code: CodeIndex::from_usize(0),
        line: Some(7),
    };
    for (at, awaiters) in awaiters.enumerate() {
        let awaiter = |task| Awaiter {
            task: TaskIndex::from_usize(task),
            how: How::Gather,
            via: Arc::default(),
        };
        graph.tasks.push(Task {
            id: at as u64,
            name: format!("Task-{at}"),
            stack: vec![frame, frame],
            awaited_by: awaiters.into_iter().map(awaiter).collect(),
            ..Task::default()
        });
    }
    graph
}

fn chain(length: usize) -> Graph {
    graph_of((0..length).map(|at| at.checked_sub(1).into_iter().collect()))
}

/// Every format, with the number of bytes that it takes for each task.
fn check(graph: &Graph, most_bytes_per_task: usize) {
    let all_frames = TreeOptions {
        frames: TreeFrames::All,
        ..TreeOptions::default()
    };
    let narrow = TreeOptions {
        width: Some(100),
        ..TreeOptions::default()
    };
    let call_graph = written(|out| dump(&Outline::whole(graph), DumpFrames::All, out));
    let texts = [
        (
            "tree",
            written(|out| tree(&Outline::whole(graph), &TreeOptions::default(), out)),
        ),
        (
            "narrow tree",
            written(|out| tree(&Outline::whole(graph), &narrow, out)),
        ),
        (
            "tree of frames",
            written(|out| tree(&Outline::whole(graph), &all_frames, out)),
        ),
        (
            "table",
            written(|out| table(&Outline::whole(graph), &TableOptions::default(), out)),
        ),
        ("json", written(|out| json(&Outline::whole(graph), out))),
        ("dot", written(|out| dot(&Outline::whole(graph), out))),
        (
            "mermaid",
            written(|out| mermaid(&Outline::whole(graph), out)),
        ),
    ];
    assert!(call_graph.contains("'Task-0'"));
    for (format, text) in texts {
        assert!(text.contains("Task-0"), "{format}");
        let bytes = text.len() / graph.tasks.len();
        assert!(
            bytes <= most_bytes_per_task,
            "{format}: {bytes} bytes a task"
        );
    }
}

#[test]
fn a_chain_of_5000_tasks_is_linear_in_every_format() {
    check(&chain(5_000), 1_000);
}

#[test]
fn a_chain_of_100000_tasks_is_linear_in_what_is_indented() {
    let graph = chain(100_000);
    let tree = written(|out| tree(&Outline::whole(&graph), &TreeOptions::default(), out));
    let call_graph = written(|out| dump(&Outline::whole(&graph), DumpFrames::All, out));
    for text in [tree, call_graph] {
        let bytes = text.len() / graph.tasks.len();
        assert!(bytes <= 500, "{bytes} bytes a task");
    }
}

#[test]
fn a_ladder_of_20_diamonds_is_linear_in_every_format() {
    // Each rung of two tasks awaits both tasks of the next.
    let rung = |at: usize| match at / 2 {
        0 => vec![],
        rung => vec![2 * rung - 2, 2 * rung - 1],
    };
    let graph = graph_of((0..40).map(rung));
    check(&graph, 1_000);
    let text = written(|out| tree(&Outline::whole(&graph), &TreeOptions::default(), out));
    assert_eq!(text.lines().count(), 2 + 4 * 19);
}

#[test]
fn one_task_may_wait_for_20000() {
    let graph = graph_of((0..20_000).map(|at| if at == 0 { vec![] } else { vec![0] }));
    check(&graph, 400);
}

#[test]
fn a_cycle_of_20000_tasks_is_cut_once() {
    let length: usize = 20_000;
    let graph = graph_of((0..length).map(|at| vec![at.checked_sub(1).unwrap_or(length - 1)]));
    let tree = written(|out| tree(&Outline::whole(&graph), &TreeOptions::default(), out));
    let call_graph = written(|out| dump(&Outline::whole(&graph), DumpFrames::All, out));
    for text in [tree, call_graph] {
        assert_eq!(text.matches("(cycle)").count(), 1);
    }
}

fn alike(graph: &Graph) -> Outline<'_> {
    Outline::new(graph, Mask::all(graph), Grouping::Alike)
}

#[test]
fn a_hundred_thousand_alike_siblings_are_one_line() {
    let length = 100_000;
    let graph = graph_of((0..length).map(|at| if at == 0 { vec![] } else { vec![0] }));
    let outline = alike(&graph);
    expect![[r#"
        Task-0  work /app/service.py:7
        └── [gather] Task-1 … Task-99999 ×99999  work /app/service.py:7
    "#]]
    .assert_eq(&written(|out| tree(&outline, &TreeOptions::default(), out)));
    expect![[r#"
        ID     STATE    THREAD  NAME                        AWAITED BY  WHERE
        0x0    waiting  -       Task-0                      -           work /app/service.py:7
        0x1 …  waiting  -       Task-1 … Task-99999 ×99999  Task-0      work /app/service.py:7
    "#]]
    .assert_eq(&written(|out| {
        table(&outline, &TableOptions::default(), out)
    }));
    expect![[r#"
        TASKS   NAME
        100000  Task-*
    "#]]
    .assert_eq(&written(|out| {
        let counts = counts(&outline, By::Name);
        counts_table(&outline, By::Name, &counts, &TableOptions::default(), out)
    }));
}

#[test]
fn deep_and_wide_graphs_are_grouped_in_linear_time() {
    let length = 100_000;
    let mut ladder = graph_of((0..length).map(|at| match at / 2 {
        0 => vec![],
        rung => vec![2 * rung - 2, 2 * rung - 1],
    }));
    assert_eq!(alike(&ladder).nodes().len(), length / 2);
    // At each rung one is elsewhere, so that no two are alike.
    for task in ladder.tasks.iter_mut().step_by(2) {
        task.stack.pop();
    }
    assert_eq!(alike(&ladder).nodes().len(), length);
    assert_eq!(alike(&chain(length)).nodes().len(), length);
    let circle = graph_of((0..length).map(|at| vec![at.checked_sub(1).unwrap_or(length - 1)]));
    let outline = alike(&circle);
    assert_eq!(outline.nodes().len(), length);
    assert_eq!(outline.deadlocks()[0].steps.len(), length);
    // A comb: a chain of which each task awaits a leaf of its own.
    let comb = graph_of((0..length).map(|at| match at % 2 {
        0 => at.checked_sub(2).into_iter().collect(),
        _ => vec![at - 1],
    }));
    assert!(alike(&comb).nodes().len() >= length - 1);
}
