//! The call graph in the words of CPython.

use awaitgraph_model::FrameKind;
use awaitgraph_model::questions::Outline;
use awaitgraph_model::render::call_graph::{CallGraph, CallGraphWriter, FrameWords, Node, Text};
use awaitgraph_model::render::{DumpFrames, dump};
use expect_test::{Expect, expect};

use crate::notation::{graph, written};

fn check(text: &str, expected: Expect) {
    let graph = graph(text);
    expected.assert_eq(&written(|out| {
        dump(&Outline::whole(&graph), DumpFrames::All, out)
    }));
}

#[test]
fn it_reads_as_the_interpreter_writes_it() {
    check(
        "Task-1 -task_group-> test
         Task-1 in TaskGroup.__aexit__ taskgroups.py:107, main t2.py:7
         test in def spin t2.py:2, test t2.py:4",
        expect![[r#"
            * Task(name='test', id=0x1010)
              + Call stack:
              |   File 't2.py', line 2, in spin()
              |   File 't2.py', line 4, in async test()
              + Awaited by:
                * Task(name='Task-1', id=0x1000)
                  + Call stack:
                  |   File 'taskgroups.py', line 107, in async TaskGroup.__aexit__()
                  |   File 't2.py', line 7, in async main()
        "#]],
    );
}

#[test]
fn every_task_is_written_whole_once() {
    check(
        "main -gather-> a
         main -gather-> b
         a -> shared
         b -> shared
         alone",
        expect![[r#"
            * Task(name='shared', id=0x1030)
              + Awaited by:
                * Task(name='a', id=0x1010)
                  + Awaited by:
                    * Task(name='main', id=0x1000)
                * Task(name='b', id=0x1020)
                  + Awaited by:
                    * Task(name='main', id=0x1000) (*)

            * Task(name='alone', id=0x1040)
        "#]],
    );
}

#[test]
fn cycles_are_cut_and_those_that_nothing_leads_to_are_written_too() {
    check(
        "a -> b\nb -> a\nc -> c",
        expect![[r#"
            deadlock: a and b wait for each other
              a
                awaits b
              b
                awaits a

            deadlock: c waits for itself
              c
                awaits c

            * Task(name='a', id=0x1000)
              + Awaited by:
                * Task(name='b', id=0x1010)
                  + Awaited by:
                    * Task(name='a', id=0x1000) (cycle)

            * Task(name='c', id=0x1020)
              + Awaited by:
                * Task(name='c', id=0x1020) (cycle)
        "#]],
    );
}

#[test]
fn two_constructs_between_two_tasks_are_one_awaiter() {
    check(
        "a -> b\na -shield-> b",
        expect![[r#"
        * Task(name='b', id=0x1010)
          + Awaited by:
            * Task(name='a', id=0x1000)
    "#]],
    );
}

#[test]
fn what_is_waited_for_has_a_line() {
    check(
        "a in acquire /usr/lib/python3.12/asyncio/locks.py:9, work /app/x.py:3
         a waits for lock 0x10 name=Pool.lock waiting=2 held by b
         c -> a
         b waits for sleep left=3
         d waits for queue 0x20 name=jobs end=put
         e waits for stream action=read peer=10.0.0.5:5432
         f waits for executor function=crunch thread=4712 at=Image.resize@/app/x.py:9
         g waits for future also_held_by=Connection._waiter",
        expect![[r#"
            * Task(name='a', id=0x1000)
              + Call stack:
              |   File '/usr/lib/python3.12/asyncio/locks.py', line 9, in async acquire()
              |   File '/app/x.py', line 3, in async work()
              + Waits for: lock Pool.lock (0x10) held by b; 2 wait
              + Awaited by:
                * Task(name='c', id=0x1020)

            * Task(name='b', id=0x1010)
              + Waits for: sleep, 3.0 s left

            * Task(name='d', id=0x1030)
              + Waits for: room in queue jobs

            * Task(name='e', id=0x1040)
              + Waits for: data from 10.0.0.5:5432

            * Task(name='f', id=0x1050)
              + Waits for: crunch in thread 4712: Image.resize /app/x.py:9

            * Task(name='g', id=0x1060)
              + Waits for: a future held by Connection._waiter
        "#]],
    );
}

/// Nodes that are no tasks of a graph: what the Python package brings.
struct Chain(usize, FrameWords);

fn chain(length: usize) -> Chain {
    let file = Text::Plain("a\\b.py");
    Chain(
        length,
        FrameWords::new(file, "f.<locals>.\x1b", FrameKind::AsyncGenerator),
    )
}

impl CallGraph for Chain {
    fn node_count(&self) -> usize {
        self.0
    }

    fn node(&self, node: usize) -> Node<'_> {
        match node {
            0 => Node::Future { id: 0xf0 },
            1 => Node::Task {
                name: Text::Repr(r"'\udc80'"),
                id: 0xf1,
            },
            _ => Node::Task {
                name: Text::Plain("it's"),
                id: node as u64,
            },
        }
    }

    fn frames(&self, node: usize) -> impl Iterator<Item = (&FrameWords, Option<u32>)> {
        (node == 1).then_some((&self.1, None)).into_iter()
    }

    fn awaiter(&self, node: usize, position: usize) -> Option<usize> {
        (position == 0 && node + 1 < self.0).then_some(node + 1)
    }
}

#[test]
fn plain_futures_and_literals_made_by_python_are_nodes_too() {
    let text = written(|out| CallGraphWriter::new(&chain(3)).write_from(0, out));
    expect![[r#"
        * Future(id=0xf0)
          + Awaited by:
            * Task(name='\udc80', id=0xf1)
              + Call stack:
              |   File 'a\\b.py', line None, in async generator f.<locals>.\x1b()
              + Awaited by:
                * Task(name="it's", id=0x2)
    "#]]
    .assert_eq(&text);
}

#[test]
fn the_indentation_is_exact_to_depth_1000_and_short_beyond() {
    let text = written(|out| CallGraphWriter::new(&chain(100_000)).write_from(0, out));
    let heads: Vec<&str> = text.lines().filter(|line| line.contains("* ")).collect();
    assert_eq!(heads.len(), 100_000);
    assert!(heads[1_000].starts_with(&format!("{}* Task(", " ".repeat(4_000))));
    expect![[r#"
        1000›     * Task(name="it's", id=0x3e9)
        1000›         * Task(name="it's", id=0x3ea)
        1000›                                         * Task(name="it's", id=0x3f2)
        1010›     * Task(name="it's", id=0x3f3)
        1010›         * Task(name="it's", id=0x3f4)
        99990›                                     * Task(name="it's", id=0x1869f)"#]]
    .assert_eq(
        &[1_001, 1_002, 1_010, 1_011, 1_012, 99_999]
            .map(|level| heads[level])
            .join("\n"),
    );
    let per_node = text.len() / 100_000;
    assert!(per_node < 250, "{per_node} bytes for each node");
}
