//! Loops that synchronous code does not let go of, and those that are only busy.

use awaitgraph_model::questions::{Finding, Watch};
use awaitgraph_model::render::{self, FindingsOptions};
use awaitgraph_model::{Graph, TaskIndex, Thread};
use expect_test::expect;

use crate::notation::{graph, written};

/// A look at a loop on thread 7 that runs the first task.
fn look(text: &str) -> Graph {
    let mut graph = graph(text);
    for task in &mut graph.tasks {
        task.thread = Some(7);
    }
    graph.threads.push(Thread {
        thread: 7,
        running: (!graph.tasks.is_empty()).then(|| TaskIndex::from_usize(0)),
        ..Thread::default()
    });
    graph
}

fn blocked(looks: &[&str]) -> Option<Graph> {
    let mut looks = looks.iter().map(|text| look(text));
    let mut last = looks.next().unwrap();
    let mut watch = Watch::new(&last);
    for graph in looks {
        watch.look(&graph);
        last = graph;
    }
    (!watch.blocked(&last, 1.0).is_empty()).then_some(last)
}

const BLOCKED: &str = "
    crunch in def resize /app/image.py:9, def crunch /app/x.py:30, work /app/x.py:17, main /app/x.py:2
    crunch is running
    other in work /app/x.py:19
";

#[test]
fn a_loop_in_which_nothing_moves_is_blocked() {
    let last = "
        crunch in def paste /app/image.py:99, def crunch /app/x.py:31, work /app/x.py:17, main /app/x.py:2
        crunch is running
        other in work /app/x.py:19
        other is ready
        new is ready
        ticker waits for sleep left=-0.9
    ";
    let mut watch = Watch::new(&look(BLOCKED));
    watch.look(&look(BLOCKED));
    let last = look(last);
    watch.look(&last);
    let blocked = watch.blocked(&last, 1.25);
    let findings: Vec<Finding> = blocked.into_iter().map(Finding::BlockedLoop).collect();
    expect![[r#"
        blocked loop: crunch does not let go of thread 7, in 3 looks over 1.2 s
          crunch  work /app/x.py:17
            in crunch /app/x.py:31
            in paste /app/image.py:99
          2 tasks of the loop are ready to run meanwhile
          a sleep of the loop is overdue by 0.9 s
    "#]]
    .assert_eq(&written(|out| {
        render::findings(&last, &findings, &FindingsOptions::default(), out)
    }));
    let text = written(|out| render::findings_json(&last, &findings, out));
    let _: serde_json::Value = serde_json::from_str(&text).unwrap();
    expect![[r#"
        {"schema":1,
        "target":{"pid":null,"python":"","executable":"","free_threaded":false},
        "snapshot":{"consistent":false,"paused_us":0,"total_us":0,"bytes_read":0},
        "findings":[
        {"kind":"blocked_loop","what":"blocked loop: crunch does not let go of thread 7, in 3 looks over 1.2 s","tasks":["0x1000"],"interpreter":0,"thread":7,"coroutine":{"function":"work","file":"/app/x.py","line":17,"kind":"async"},"stack":[{"function":"paste","file":"/app/image.py","line":99,"kind":"sync"},{"function":"crunch","file":"/app/x.py","line":31,"kind":"sync"}],"ready":2,"overdue":0.9,"looks":3,"seconds":1.25}],
        "problems":[]}
    "#]].assert_eq(&text);
}

#[test]
fn a_loop_in_which_anything_moves_is_busy() {
    let replaced = |from: &str, to: &str| {
        assert!(BLOCKED.contains(from));
        BLOCKED.replace(from, to)
    };
    for second in [
        // Another task runs, or none.
        replaced("crunch is running", "crunch is ready")
            .replace("crunch in", "runs is running\ncrunch in"),
        String::new(),
        // The same task is elsewhere.
        replaced("work /app/x.py:17", "work /app/x.py:18"),
        replaced("def crunch", "def munch"),
        replaced("main /app/x.py:2", "main /app/x.py:3"),
        // Another one has moved, or ended.
        replaced("other in work /app/x.py:19", "other in work /app/x.py:20"),
        replaced("other in work /app/x.py:19", ""),
    ] {
        assert!(blocked(&[BLOCKED, &second, BLOCKED]).is_none(), "{second}");
    }
    // Another one has gone round a loop and waits as it did before.
    for (first, second) in [
        ("lock 0x10", "lock 0x20"),
        ("sleep left=0.1", "sleep left=0.2"),
        ("event 0x10 deadline=0.1", "event 0x10 deadline=0.2"),
    ] {
        let waits = |what: &str| format!("{BLOCKED}\nthird waits for {what}");
        assert!(blocked(&[&waits(first), &waits(second)]).is_none());
        assert!(blocked(&[&waits(second), &waits(second)]).is_some());
    }
    // What was ready waits again.
    let ready = replaced("other in", "other is ready\nother in");
    assert!(blocked(&[&ready, BLOCKED]).is_none());
    assert!(blocked(&[BLOCKED, &ready]).is_some());
}

#[test]
fn a_sleep_that_is_overdue_shows_that_the_loop_is_blocked_wherever_it_is() {
    let first = BLOCKED;
    let second = BLOCKED.replace("work /app/x.py:17", "work /app/x.py:18");
    assert!(blocked(&[first, &second]).is_none());
    let second = second + "ticker waits for sleep left=-1.5";
    assert!(blocked(&[first, &second]).is_some());
    let second = second.replace("left=-1.5", "left=-0.4");
    assert!(blocked(&[first, &second]).is_none());
}

#[test]
fn a_stack_of_many_frames_is_told_from_both_ends() {
    let frames: Vec<String> = (0..100)
        .map(|n| format!("def f{n} /app/x.py:{n}"))
        .collect();
    let text = format!(
        "deep in {}, work /app/x.py:17\ndeep is running",
        frames.join(", ")
    );
    let graph = look(&text);
    let watch = Watch::new(&graph);
    let findings: Vec<Finding> = watch
        .blocked(&graph, 1.0)
        .into_iter()
        .map(Finding::BlockedLoop)
        .collect();
    let text = written(|out| render::findings(&graph, &findings, &FindingsOptions::default(), out));
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines.len(), 23);
    expect![[r#"
        blocked loop: deep does not let go of thread 7, in 1 looks over 1.0 s
            in f99 /app/x.py:99
            in f90 /app/x.py:90
            ... 80 more frames
            in f9 /app/x.py:9
            in f0 /app/x.py:0"#]]
    .assert_eq(&[0, 2, 11, 12, 13, 22].map(|at| lines[at]).join("\n"));
}
