//! What must hold for every graph, tried on a few thousand that are made at random.

use std::collections::HashSet;

use awaitgraph_model::questions::{Components, Links};
use awaitgraph_model::render::{TreeFrames, TreeOptions, call_graph, json, tree};
use awaitgraph_model::{Awaiter, Graph, How, Task, TaskIndex};

use crate::notation::written;

/// A generator of numbers (xorshift), so that every run sees the same graphs.
struct Random(u64);

impl Random {
    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % end as u64) as usize
    }
}

/// Up to 12 tasks, from no edge to nearly all of them, on up to 3 threads.
fn graphs() -> impl Iterator<Item = Graph> {
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    (0..3_000).map(move |_| {
        let count = 1 + random.below(12);
        let edges = random.below(2 * count + 1);
        let mut graph = Graph::default();
        for at in 0..count {
            graph.tasks.push(Task {
                id: at as u64,
                name: format!("<{at}>"),
                thread: Some(random.below(3) as u64),
                ..Task::default()
            });
        }
        for _ in 0..edges {
            let awaiter = Awaiter {
                task: TaskIndex::from_usize(random.below(count)),
                how: [How::Await, How::Gather, How::Recorded][random.below(3)],
                via: Vec::new(),
            };
            graph.tasks[random.below(count)].awaited_by.push(awaiter);
        }
        graph
    })
}

/// The names of the tasks in the lines that are (or are not) marked.
fn names(text: &str, marked: bool) -> Vec<&str> {
    text.lines()
        .filter(|line| line.contains('<'))
        .filter(|line| (line.ends_with("(*)") || line.ends_with("(cycle)")) == marked)
        .map(|line| &line[line.find('<').unwrap()..=line.find('>').unwrap()])
        .collect()
}

fn assert_each_once(graph: &Graph, text: &str) {
    let whole = names(text, false);
    let distinct: HashSet<&str> = whole.iter().copied().collect();
    assert_eq!(whole.len(), graph.tasks.len(), "{text}");
    assert_eq!(distinct.len(), graph.tasks.len(), "{text}");
}

#[test]
fn the_tree_shows_every_task_whole_once_and_every_edge_once() {
    for graph in graphs() {
        let children = Links::children(&graph);
        let edges: usize = graph.task_indices().map(|t| children.of(t).len()).sum();
        let roots = Components::new(&children).roots().len();
        for frames in [TreeFrames::Own, TreeFrames::All] {
            let options = TreeOptions {
                frames,
                ..TreeOptions::default()
            };
            let text = written(|out| tree(&graph, &options, out));
            assert_each_once(&graph, &text);
            let shown = names(&text, false).len() + names(&text, true).len();
            assert_eq!(shown, roots + edges, "{text}");
        }
    }
}

#[test]
fn the_call_graph_shows_every_task_whole_once() {
    for graph in graphs() {
        let text = written(|out| call_graph(&graph, out));
        assert_each_once(&graph, &text);
    }
}

#[test]
fn the_roots_reach_every_task_and_no_root_reaches_another() {
    for graph in graphs() {
        let children = Links::children(&graph);
        let mut reached = HashSet::new();
        for root in Components::new(&children).roots() {
            assert!(reached.insert(root), "another root reaches {root:?}");
            let mut open = vec![root];
            while let Some(task) = open.pop() {
                let next = children.of(task).iter().map(|link| link.task);
                open.extend(next.filter(|&child| reached.insert(child)));
            }
        }
        assert_eq!(reached.len(), graph.tasks.len());
    }
}

#[test]
fn links_turned_around_twice_are_the_same_links() {
    for graph in graphs() {
        let children = Links::children(&graph);
        assert_eq!(children.reversed().reversed(), children);
    }
}

#[test]
fn the_json_is_valid() {
    for graph in graphs() {
        let text = written(|out| json(&graph, out));
        let value: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(
            value["tasks"].as_array().map(Vec::len),
            Some(graph.tasks.len())
        );
    }
}
