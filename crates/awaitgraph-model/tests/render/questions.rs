//! Children, awaiters, roots, cycles, and the user's own frame.

use awaitgraph_model::questions::{Components, Links, OwnCode};
use awaitgraph_model::{Graph, TaskIndex};
use expect_test::{Expect, expect};

use crate::notation::graph;

fn names(graph: &Graph, tasks: &[TaskIndex]) -> String {
    let names: Vec<&str> = tasks
        .iter()
        .map(|&task| graph.task(task).unwrap().name.as_str())
        .collect();
    names.join(" ")
}

fn check_roots_and_cycles(text: &str, expected: Expect) {
    let graph = graph(text);
    let components = Components::new(&Links::children(&graph));
    let mut found = format!("roots: {}\n", names(&graph, &components.roots()));
    for cycle in components.cycles() {
        found.push_str(&format!("cycle: {}\n", names(&graph, &cycle)));
    }
    expected.assert_eq(&found);
}

#[test]
fn roots_are_the_tasks_that_nobody_awaits() {
    check_roots_and_cycles(
        "a -> b\nb -> c\nd",
        expect![[r#"
        roots: a d
    "#]],
    );
}

#[test]
fn a_cycle_that_no_root_reaches_has_its_first_task_as_root() {
    check_roots_and_cycles(
        "leaf
         z -> y
         y -> x
         x -> y
         x -> leaf
         q -> p
         p -> q
         q -> p2
         p2 -> p3
         p3 -> p2
         s -> s",
        expect![[r#"
            roots: z q s
            cycle: y x
            cycle: q p
            cycle: p2 p3
            cycle: s
        "#]],
    );
}

#[test]
fn cycles_that_share_a_task_are_one() {
    check_roots_and_cycles(
        "a -> b\nb -> a\nb -> c\nc -> b",
        expect![[r#"
        roots: a
        cycle: a b c
    "#]],
    );
}

#[test]
fn a_child_joined_by_several_constructs_is_one_child() {
    let graph = graph(
        "b
         a -gather-> b
         a -> c
         c -> b
         a -> b
         a -recorded-> b",
    );
    let children = Links::children(&graph);
    let mut found = String::new();
    for task in graph.task_indices() {
        for link in children.of(task) {
            let names = names(&graph, &[task, link.task]);
            found.push_str(&format!("{names} ({})\n", link.constructs));
        }
    }
    expect![[r#"
        a b (await, gather, recorded)
        a c (await)
        c b (await)
    "#]]
    .assert_eq(&found);
}

#[test]
fn the_users_own_frame_is_the_innermost_one_that_is_nobody_elses() {
    const STANDARD: &str = "sleep /usr/lib/python3.12/asyncio/tasks.py:1";
    const INSTALLED: &str = "get /v/lib/python3.12/site-packages/aiohttp/client.py:2";
    for (stack, expected) in [
        (
            format!("{STANDARD}, {INSTALLED}, own /app/x.py:3, outer /app/x.py:4"),
            2,
        ),
        // What a library has made by `exec` is nobody's file.
        (
            format!("{STANDARD}, made <generated>:3, {INSTALLED}, own /app/x.py:4"),
            3,
        ),
        // What was typed in is the user's.
        (
            format!("{STANDARD}, {INSTALLED}, own <stdin>:3, outer <stdin>:4"),
            2,
        ),
        (
            format!("{STANDARD}, {INSTALLED}, {STANDARD}, {INSTALLED}"),
            1,
        ),
        (format!("{STANDARD}, {STANDARD}"), 0),
    ] {
        let graph = graph(&format!("a in {stack}"));
        let stack = &graph.tasks[0].stack;
        let found = OwnCode::new(&graph).innermost(stack);
        assert!(found.is_some_and(|frame| std::ptr::eq(frame, &stack[expected])));
    }
    assert_eq!(OwnCode::new(&Graph::default()).innermost(&[]), None);
}
