//! Loops that synchronous code does not let go of, and those that are only busy.

use awaitgraph_model::questions::{Finding, Watch};
use awaitgraph_model::render::{self, FindingsOptions};
use awaitgraph_model::{CodeIndex, Frame, Graph, TaskIndex, Thread};
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

/// A look at a loop that is in a turn for so long, in which it runs the first
/// task, or else is in these frames.
fn in_turn(text: &str, turn: Option<f64>, stack: &str) -> Graph {
    let mut graph = look(text);
    let thread = &mut graph.threads[0];
    thread.turn = turn;
    if !stack.is_empty() {
        let frames = self::graph(&format!("stack in {stack}"));
        thread.running = None;
        let places = frames.tasks[0].stack.iter();
        thread.stack = places
            .map(|frame| {
                let code = frames.codes[frame.code.as_usize()].clone();
                graph.codes.push(code);
                Frame {
                    code: CodeIndex::from_usize(graph.codes.len() - 1),
                    ..*frame
                }
            })
            .collect();
    }
    graph
}

/// What is found after looks at these turns, which are over a second.
fn found(text: &str, turns: &[Option<f64>], stack: &str) -> String {
    let mut looks = turns.iter().map(|&turn| in_turn(text, turn, stack));
    let mut last = looks.next().unwrap();
    let mut watch = Watch::new(&last);
    for graph in looks {
        watch.look(&graph);
        last = graph;
    }
    let findings: Vec<Finding> = watch
        .blocked(&last, 1.0)
        .into_iter()
        .map(Finding::BlockedLoop)
        .collect();
    written(|out| render::findings(&last, &findings, &FindingsOptions::default(), out))
}

#[test]
fn a_loop_that_has_come_round_is_not_blocked() {
    assert_eq!(found(BLOCKED, &[Some(0.1), Some(0.01)], ""), "");
    assert_eq!(found(BLOCKED, &[Some(0.1), Some(0.2)], ""), "");
    expect![[r#"
        blocked loop: crunch does not let go of thread 7, in 2 looks over 1.0 s
          crunch  work /app/x.py:17
            in crunch /app/x.py:30
            in resize /app/image.py:9
          the loop has not come round for 90 s
    "#]]
    .assert_eq(&found(BLOCKED, &[Some(89.0), Some(90.0)], ""));
}

#[test]
fn a_generator_within_is_part_of_what_blocks() {
    let text = "
        sums in generator sum.<genexpr> /app/x.py:30, def sum /app/x.py:31, work /app/x.py:17
        sums is running
    ";
    expect![[r#"
        blocked loop: sums does not let go of thread 7, in 2 looks over 1.0 s
          sums  work /app/x.py:17
            in sum /app/x.py:31
            in sum.<genexpr> /app/x.py:30
    "#]]
    .assert_eq(&found(text, &[None, None], ""));
    let awaited = text.replace("def sum /app/x.py:31, ", "");
    expect![[r#"
        blocked loop: sums does not let go of thread 7, in 2 looks over 1.0 s
          sums  sum.<genexpr> /app/x.py:30
    "#]]
    .assert_eq(&found(&awaited, &[None, None], ""));
}

const LOOP: &str = "def Handle._run /lib/python3.11/asyncio/events.py:80, def BaseEventLoop._run_once /lib/python3.11/asyncio/base_events.py:1922";

#[test]
fn a_callback_blocks_a_loop_too() {
    let waits = "waits in work /app/x.py:19\nwaits waits for sleep left=-0.9";
    let reads = format!(
        "def parse /app/x.py:3, def Proto.data_received /app/x.py:9, def _read_ready /lib/python3.11/asyncio/selector_events.py:952, {LOOP}"
    );
    expect![[r#"
        blocked loop: callback Proto.data_received does not let go of thread 7, in 2 looks over 1.0 s
            in _read_ready /lib/python3.11/asyncio/selector_events.py:952
            in Proto.data_received /app/x.py:9
            in parse /app/x.py:3
          the loop has not come round for 1.2 s
          a sleep of the loop is overdue by 0.9 s
    "#]]
    .assert_eq(&found(waits, &[Some(0.2), Some(1.2)], &reads));
    expect![[r#"
        blocked loop: a callback that is written in C does not let go of thread 7, in 2 looks over 1.0 s
          the loop has not come round for 1.2 s
          a sleep of the loop is overdue by 0.9 s
    "#]]
    .assert_eq(&found(waits, &[Some(0.2), Some(1.2)], LOOP));
    // One that is written in C tells of no turns, but is at no timer either.
    let runner = "def tick /app/x.py:4, def Runner.run /lib/python3.11/asyncio/runners.py:118";
    expect![[r#"
        blocked loop: callback tick does not let go of thread 7, in 2 looks over 1.0 s
            in tick /app/x.py:4
          a sleep of the loop is overdue by 0.9 s
    "#]]
    .assert_eq(&found(waits, &[None, None], runner));
    let waits = "waits in work /app/x.py:19";
    assert_eq!(found(waits, &[None, None], runner), "");
    assert_eq!(found(waits, &[Some(0.2), Some(0.1)], &reads), "");
    // It looks for what is ready, or a loop within it does.
    let select = "def select /lib/python3.11/selectors.py:468, def BaseEventLoop._run_once /lib/python3.11/asyncio/base_events.py:1884";
    assert_eq!(found(waits, &[None, None], select), "");
    let within = format!("{select}, def main /app/x.py:1, {LOOP}");
    assert_eq!(found(waits, &[Some(1.0), Some(2.0)], &within), "");
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
