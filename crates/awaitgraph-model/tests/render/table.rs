//! The tables of `ps`.

use awaitgraph_model::questions::{Outline, StateCounts};
use awaitgraph_model::render::{
    ProcessRow, TableOptions, UnreadProcess, processes_json, processes_table, table,
};
use expect_test::expect;

use crate::notation::{graph, written};

#[test]
fn one_line_per_task_with_what_awaits_it() {
    let graph = graph(
        "main in run /app/x.py:3
         main on 100
         main -> a
         main -gather-> b
         other -> b
         third -> b
         b waits for event 0x7f0a
         b in wait /usr/lib/python3.12/asyncio/locks.py:4, work /app/x.py:9
         a is running
         a on 1/101
         a-name-that-is-far-too-long-for-any-column-of-a-table in f /app/x.py:1",
    );
    expect![[r#"
        ID      STATE    THREAD  NAME                              AWAITED BY  WHERE
        0x1000  waiting  100     main                              -           run /app/x.py:3
        0x1010  running  1:101   a                                 main
        0x1020  waiting  -       b                                 main +2     work /app/x.py:9  waits for event 0x7f0a
        0x1030  waiting  -       other                             -
        0x1040  waiting  -       third                             -
        0x1050  waiting  -       a-name-that-is-far-too-long-for-any-column-of-a-table  -  f /app/x.py:1
    "#]].assert_eq(&written(|out| table(&Outline::whole(&graph), &TableOptions::default(), out)));
}

#[test]
fn no_task_is_an_empty_table() {
    let graph = graph("");
    expect![""].assert_eq(&written(|out| {
        table(&Outline::whole(&graph), &TableOptions::default(), out)
    }));
}

#[test]
fn a_narrow_table_cuts_its_lines() {
    let graph = graph("main in run /srv/app/current/x.py:3\nmain -> a\na in run /x.py:1");
    let options = TableOptions {
        width: Some(64),
        ..TableOptions::default()
    };
    expect![[r#"
        ID      STATE    THREAD  NAME  AWAITED BY  WHERE
        0x1000  waiting  -       main  -           run …/current/x.py:3
        0x1010  waiting  -       a     main        run /x.py:1
    "#]]
    .assert_eq(&written(|out| {
        table(&Outline::whole(&graph), &options, out)
    }));
}

fn processes() -> [ProcessRow; 2] {
    [
        ProcessRow {
            pid: 4711,
            own_pid: Some(1),
            python: "3.11.7".to_owned(),
            executable: "/usr/bin/python3.11".to_owned(),
            command: "python3 -m app --name \x1b[2J".to_owned(),
            loops: 1,
            tasks: StateCounts {
                running: 1,
                ready: 2,
                waiting: 1970,
            },
            problems: 0,
        },
        ProcessRow {
            pid: 9,
            python: "3.8.18".to_owned(),
            command: "/usr/bin/python3 worker.py".to_owned(),
            ..ProcessRow::default()
        },
    ]
}

#[test]
fn one_line_per_process_with_its_tasks_by_state() {
    let text = written(|out| processes_table(&processes(), &TableOptions::default(), out));
    expect![[r#"
        PID   PYTHON  RUNNING  READY  WAITING  COMMAND
        4711  3.11.7  1        2      1970     python3 -m app --name \x1b[2J
        9     3.8.18  0        0      0        /usr/bin/python3 worker.py
    "#]]
    .assert_eq(&text);
}

#[test]
fn processes_as_json() {
    let unread = [UnreadProcess {
        pid: 7,
        what: "no \"permission\"".to_owned(),
    }];
    let text = written(|out| processes_json(&processes(), &unread, out));
    let _: serde_json::Value = serde_json::from_str(&text).unwrap();
    expect![[r#"
        {"schema":1,
        "processes":[
        {"pid":4711,"own_pid":1,"python":"3.11.7","executable":"/usr/bin/python3.11","command":"python3 -m app --name \u001b[2J","loops":1,"tasks":{"running":1,"ready":2,"waiting":1970},"problems":0},
        {"pid":9,"python":"3.8.18","executable":"","command":"/usr/bin/python3 worker.py","loops":0,"tasks":{"running":0,"ready":0,"waiting":0},"problems":0}],
        "problems":[
        {"where":"process 7","what":"no \"permission\""}]}
    "#]].assert_eq(&text);
}

#[test]
fn a_task_that_is_being_cancelled_says_so_behind_its_state() {
    let graph = graph("a waits for event\na cancels\nb is ready");
    expect![[r#"
        ID      STATE                THREAD  NAME  AWAITED BY  WHERE
        0x1000  waiting, cancelling  -       a     -           waits for event
        0x1010  ready                -       b     -
    "#]]
    .assert_eq(&written(|out| {
        table(&Outline::whole(&graph), &TableOptions::default(), out)
    }));
}
