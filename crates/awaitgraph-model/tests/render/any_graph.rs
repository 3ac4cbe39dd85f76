//! What must hold for every graph, tried on a few thousand that are made at random.

use std::collections::HashSet;
use std::sync::Arc;

use awaitgraph_model::questions::{Components, Grouping, Links, Mask, Outline, deadlocks};
use awaitgraph_model::render::{
    DumpFrames, TableOptions, TreeFrames, TreeOptions, dump, json, table, tree,
};
use awaitgraph_model::{
    Awaiter, Graph, How, Primitive, PrimitiveKind, Task, TaskIndex, TaskState, Wait, WaitsFor,
};

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
                state: [TaskState::Waiting, TaskState::Ready][random.below(10) / 9],
                waits_for: (random.below(6) == 0).then(|| {
                    Arc::new(WaitsFor {
                        what: Wait::Primitive(Box::new(Primitive {
                            kind: [PrimitiveKind::Lock, PrimitiveKind::Semaphore][random.below(2)],
                            waiting: None,
                            value: None,
                            bound: None,
                            holders: (0..random.below(3))
                                .map(|_| TaskIndex::from_usize(random.below(count)))
                                .collect(),
                            entering: false,
                            more_holders: false,
                            abandoned: false,
                        })),
                        id: Some(random.below(3) as u64),
                        name: None,
                        deadline: None,
                    })
                }),
                thread: Some(random.below(3) as u64),
                ..Task::default()
            });
        }
        for _ in 0..edges {
            let awaiter = Awaiter {
                task: TaskIndex::from_usize(random.below(count)),
                how: [How::Await, How::Gather, How::Recorded][random.below(3)],
                via: Arc::default(),
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
        .filter(|line| !line.contains("Waits for: "))
        .map(|line| &line[line.find('<').unwrap()..=line.find('>').unwrap()])
        .collect()
}

/// What follows the deadlocks, which name their tasks once more.
fn below_deadlocks(text: &str) -> &str {
    let mut rest = text;
    while rest.starts_with("deadlock: ") {
        rest = rest.split_once("\n\n").unwrap().1;
    }
    rest
}

/// How many tasks the lines stand for that are not marked.
fn tasks_in_lines(text: &str) -> usize {
    let lines = text.lines().filter(|line| line.contains('<'));
    let lines = lines.filter(|line| !line.contains("Waits for: "));
    let whole = lines.filter(|line| !line.ends_with("(*)") && !line.ends_with("(cycle)"));
    whole
        .map(|line| match line.split_once(" ×") {
            Some((_, count)) => count.split(' ').next().unwrap().parse().unwrap(),
            None => 1,
        })
        .sum()
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
            let text = written(|out| tree(&Outline::whole(&graph), &options, out));
            let text = below_deadlocks(&text);
            assert_each_once(&graph, text);
            let shown = names(text, false).len() + names(text, true).len();
            assert_eq!(shown, roots + edges, "{text}");
        }
    }
}

#[test]
fn the_call_graph_shows_every_task_whole_once() {
    for graph in graphs() {
        let text = written(|out| dump(&Outline::whole(&graph), DumpFrames::All, out));
        assert_each_once(&graph, below_deadlocks(&text));
    }
}

#[test]
fn grouped_every_task_is_counted_once() {
    let (mut tasks, mut nodes) = (0, 0);
    for graph in graphs() {
        let outline = Outline::new(&graph, Mask::all(&graph), Grouping::Alike);
        let texts = [
            written(|out| tree(&outline, &TreeOptions::default(), out)),
            written(|out| dump(&outline, DumpFrames::All, out)),
            written(|out| table(&outline, &TableOptions::default(), out)),
        ];
        for text in &texts {
            assert_eq!(
                tasks_in_lines(below_deadlocks(text)),
                graph.tasks.len(),
                "{text}"
            );
        }
        // Each task in one group, and each edge between groups an edge of tasks.
        let members = outline.nodes().iter().flat_map(|&node| outline.alike(node));
        assert_eq!(members.collect::<HashSet<_>>().len(), graph.tasks.len());
        let children = Links::children(&graph);
        for task in graph.task_indices() {
            let expected: HashSet<TaskIndex> = children
                .of(task)
                .iter()
                .map(|it| outline.node_of(it.task))
                .collect();
            let found: HashSet<TaskIndex> = outline
                .children()
                .of(outline.node_of(task))
                .iter()
                .map(|it| it.task)
                .collect();
            assert!(expected.is_subset(&found));
        }
        // Groups close no circle.
        let cycles =
            |links: &Links| -> usize { Components::new(links).cycles().iter().map(Vec::len).sum() };
        assert_eq!(cycles(outline.children()), cycles(&children));
        tasks += graph.tasks.len();
        nodes += outline.nodes().len();
    }
    assert!(
        nodes < tasks * 95 / 100,
        "{nodes} of {tasks}: hardly any are alike"
    );
}

#[test]
fn of_some_tasks_each_is_counted_once_and_no_other() {
    let mut random = Random(0x2545_f491_4f6c_dd1d);
    for graph in graphs() {
        let share = 1 + random.below(4);
        let chosen: Vec<bool> = graph
            .tasks
            .iter()
            .map(|_| random.below(share) == 0)
            .collect();
        let mask = Mask::of(&graph, |task, _| chosen[task.as_usize()]);
        let count = chosen.iter().filter(|&&is_chosen| is_chosen).count();
        for grouping in [Grouping::Alike, Grouping::None] {
            let outline = Outline::new(&graph, mask.clone(), grouping);
            assert_eq!(outline.task_count(), count);
            for text in [
                written(|out| tree(&outline, &TreeOptions::default(), out)),
                written(|out| dump(&outline, DumpFrames::Folded, out)),
                written(|out| table(&outline, &TableOptions::default(), out)),
            ] {
                assert_eq!(tasks_in_lines(below_deadlocks(&text)), count, "{text}");
            }
            let members = outline.nodes().iter().flat_map(|&node| outline.alike(node));
            assert!(members.into_iter().all(|task| chosen[task.as_usize()]));
        }
    }
}

#[test]
fn a_deadlock_is_a_circle_of_tasks_that_wait() {
    let mut found = 0;
    for graph in graphs() {
        let mut seen = HashSet::new();
        for deadlock in deadlocks(&graph, &Links::children(&graph)) {
            let steps = deadlock.steps.iter();
            for (step, next) in steps.clone().zip(steps.clone().cycle().skip(1)) {
                assert_eq!(step.next, next.task);
                assert!(deadlock.tasks.contains(&step.task));
            }
            assert!(!deadlock.steps.is_empty());
            let tasks = deadlock.tasks.iter().chain(&deadlock.behind);
            for task in tasks {
                assert!(seen.insert(*task));
                assert_eq!(graph.tasks[task.as_usize()].state, TaskState::Waiting);
            }
            found += 1;
        }
    }
    assert!(found > 300, "{found}");
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
        let text = written(|out| json(&Outline::whole(&graph), out));
        let value: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(
            value["tasks"].as_array().map(Vec::len),
            Some(graph.tasks.len())
        );
    }
}
