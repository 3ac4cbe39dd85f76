//! JSON, schema 1.

use std::sync::Arc;

use awaitgraph_model::questions::Outline;
use awaitgraph_model::render::json;
use awaitgraph_model::{Problem, SnapshotInfo, Target, TaskIndex, Thread};
use expect_test::expect;
use serde_json::Value;

use crate::notation::{graph, written};

#[test]
fn it_holds_all_that_the_graph_holds() {
    let mut graph = graph(
        "leaf in leaf /app/x.py:3, def run /app/x.py:?
         root -gather-> leaf
         root on 4711
         root is running
         leaf waits for lock 0x7f0a held by root",
    );
    graph.target = Target {
        pid: Some(4711),
        own_pid: Some(1),
        python: "3.11.7".to_owned(),
        executable: "/usr/bin/python3.11".to_owned(),
        free_threaded: false,
    };
    graph.snapshot = SnapshotInfo {
        consistent: true,
        paused_us: 140,
        total_us: 2100,
        bytes_read: 1_048_576,
    };
    graph.tasks[0].awaited_by[0].via = Arc::from([0x7f09]);
    graph.threads.push(Thread {
        interpreter: 0,
        thread: 4711,
        running: Some(TaskIndex::from_usize(1)),
        stack: graph.tasks[0].stack.clone(),
        turn: None,
        at: None,
    });
    graph.problems.push(Problem {
        location: "task 0x7f05".to_owned(),
        what: "name is not a str".to_owned(),
    });
    let text = written(|out| json(&Outline::whole(&graph), out));
    let _: Value = serde_json::from_str(&text).unwrap();
    expect![[r#"
        {"schema":1,
        "target":{"pid":4711,"own_pid":1,"python":"3.11.7","executable":"/usr/bin/python3.11","free_threaded":false},
        "snapshot":{"consistent":true,"paused_us":140,"total_us":2100,"bytes_read":1048576},
        "threads":[
        {"interpreter":0,"thread":4711,"running":"0x1010","stack":[{"function":"leaf","file":"/app/x.py","line":3,"kind":"async"},{"function":"run","file":"/app/x.py","line":null,"kind":"sync"}]}],
        "tasks":[
        {"id":"0x1000","name":"leaf","state":"waiting","interpreter":0,"thread":null,"stack":[{"function":"leaf","file":"/app/x.py","line":3,"kind":"async"},{"function":"run","file":"/app/x.py","line":null,"kind":"sync"}],"awaited_by":[{"id":"0x1010","how":"gather","via":["0x7f09"]}],"waits_for":{"kind":"lock","id":"0x7f0a","holders":["0x1010"]}},
        {"id":"0x1010","name":"root","state":"running","interpreter":0,"thread":4711,"stack":[],"awaited_by":[],"waits_for":null}],
        "deadlocks":[],
        "problems":[
        {"where":"task 0x7f05","what":"name is not a str"}]}
    "#]].assert_eq(&text);
}

#[test]
fn an_empty_graph_is_a_document_too() {
    let text = written(|out| json(&Outline::whole(&graph("")), out));
    let _: Value = serde_json::from_str(&text).unwrap();
    expect![[r#"
        {"schema":1,
        "target":{"pid":null,"python":"","executable":"","free_threaded":false},
        "snapshot":{"consistent":false,"paused_us":0,"total_us":0,"bytes_read":0},
        "threads":[],
        "tasks":[],
        "deadlocks":[],
        "problems":[]}
    "#]]
    .assert_eq(&text);
}

#[test]
fn any_string_comes_back_as_it_was_and_acts_on_no_terminal() {
    let mut graph = graph("a");
    // All of the scripts, and a sample of the vast blocks beyond.
    let codes = (0..0x3000).chain((0x3000..=0x10_ffff).step_by(31));
    graph.tasks[0].name = codes.filter_map(char::from_u32).collect();
    let text = written(|out| json(&Outline::whole(&graph), out));
    let value: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(value["tasks"][0]["name"], graph.tasks[0].name.as_str());
    let raw = text.chars().find(|&c| c != '\n' && c.is_control());
    assert_eq!(raw, None);
    assert!(!text.contains(['\u{202e}', '\u{2028}', '\u{200b}']));
}

#[test]
fn only_a_task_that_is_being_cancelled_has_that_key() {
    let graph = graph("a cancels\nb");
    let text = written(|out| json(&Outline::whole(&graph), out));
    let value: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(value["tasks"][0]["cancelling"], true);
    assert_eq!(value["tasks"][1].get("cancelling"), None);
}
