//! Graphs that a walk without care does not survive: long chains, ladders of
//! diamonds, tens of thousands of tasks.

use awaitgraph_model::render::{
    TableOptions, TreeFrames, TreeOptions, call_graph, dot, json, mermaid, table, tree,
};
use awaitgraph_model::{Awaiter, Code, CodeIndex, Frame, Graph, How, Task, TaskIndex};

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
            via: Vec::new(),
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
    let call_graph = written(|out| call_graph(graph, out));
    let texts = [
        (
            "tree",
            written(|out| tree(graph, &TreeOptions::default(), out)),
        ),
        ("narrow tree", written(|out| tree(graph, &narrow, out))),
        (
            "tree of frames",
            written(|out| tree(graph, &all_frames, out)),
        ),
        (
            "table",
            written(|out| table(graph, &TableOptions::default(), out)),
        ),
        ("json", written(|out| json(graph, out))),
        ("dot", written(|out| dot(graph, out))),
        ("mermaid", written(|out| mermaid(graph, out))),
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
    let tree = written(|out| tree(&graph, &TreeOptions::default(), out));
    let call_graph = written(|out| call_graph(&graph, out));
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
    let text = written(|out| tree(&graph, &TreeOptions::default(), out));
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
    let tree = written(|out| tree(&graph, &TreeOptions::default(), out));
    let call_graph = written(|out| call_graph(&graph, out));
    for text in [tree, call_graph] {
        assert_eq!(text.matches("(cycle)").count(), 1);
    }
}
