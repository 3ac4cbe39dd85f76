//! What a task waits for, in words and in JSON.

use std::sync::Arc;

use awaitgraph_model::questions::Outline;
use awaitgraph_model::render::{TreeOptions, json, tree};
use expect_test::{Expect, expect};
use serde_json::Value;

use crate::notation::{graph, written};

/// The words and the JSON of each kind of wait, below each other.
fn check(waits: &[&str], expected: Expect) {
    let mut shown = String::new();
    for wait in waits {
        let graph = graph(&format!("a waits for {wait}\nb\nc\nd\ne\nf"));
        let tree = written(|out| tree(&Outline::whole(&graph), &TreeOptions::default(), out));
        let document = written(|out| json(&Outline::whole(&graph), out));
        let _: Value = serde_json::from_str(&document).unwrap();
        let (_, view) = document.split_once("\"waits_for\":").unwrap();
        let (view, _) = view.split_once("},\n").unwrap();
        shown.push_str(&format!("{}\n  {view}\n", tree.lines().next().unwrap()));
    }
    expected.assert_eq(&shown);
}

#[test]
fn a_sleep_says_how_long() {
    check(
        &[
            "sleep",
            "sleep 0x10 left=3.21",
            "sleep left=-0.5 deadline=1.2",
        ],
        expect![[r#"
            a  sleeps
              {"kind":"sleep","id":null,"holders":[]}
            a  sleeps, 3.2 s left
              {"kind":"sleep","id":"0x10","holders":[],"left":3.21}
            a  sleeps, overdue by 0.5 s; timeout in 1.2 s
              {"kind":"sleep","id":null,"holders":[],"deadline":1.2,"left":-0.5}
        "#]],
    );
}

#[test]
fn a_primitive_says_who_holds_it_and_how_many_wait() {
    check(
        &[
            "lock",
            "lock 0x7f0a waiting=1",
            "lock 0x7f0a name=Pool.lock waiting=3 value=1 held by b",
            "lock 0x7f0a name=Pool.lock deadline=-2 held by b",
            "lock 0x7f0a abandoned waiting=2",
            "semaphore 0x10 held by b, c, d, e, f",
            "semaphore 0x10 name=Api.limit value=0 bound=2 waiting=7 held by b, c",
            "condition 0x10 name=changed waiting=2",
            "event 0x10 value=0",
            "barrier 0x10 value=2 bound=5 waiting=2",
        ],
        expect![[r#"
            a  waits for lock
              {"kind":"lock","id":null,"holders":[]}
            a  waits for lock 0x7f0a, holder not on record
              {"kind":"lock","id":"0x7f0a","holders":[],"waiting":1}
            a  waits for lock Pool.lock (0x7f0a) held by b; 3 wait
              {"kind":"lock","id":"0x7f0a","holders":["0x1010"],"name":"Pool.lock","waiting":3,"value":1}
            a  waits for lock Pool.lock (0x7f0a) held by b; timeout overdue by 2.0 s
              {"kind":"lock","id":"0x7f0a","holders":["0x1010"],"name":"Pool.lock","deadline":-2.0}
            a  waits for lock 0x7f0a, which nobody is left to release; 2 wait
              {"kind":"lock","id":"0x7f0a","holders":[],"waiting":2,"abandoned":true}
            a  waits for semaphore 0x10 held by b, c, d and 2 more
              {"kind":"semaphore","id":"0x10","holders":["0x1010","0x1020","0x1030","0x1040","0x1050"]}
            a  waits for semaphore Api.limit (0x10, 0 of 2 left) held by b, c; 7 wait
              {"kind":"semaphore","id":"0x10","holders":["0x1010","0x1020"],"name":"Api.limit","waiting":7,"value":0,"bound":2}
            a  waits for condition changed (0x10); 2 wait
              {"kind":"condition","id":"0x10","holders":[],"name":"changed","waiting":2}
            a  waits for event 0x10
              {"kind":"event","id":"0x10","holders":[],"value":0}
            a  waits for barrier 0x10 (2 of 5 here); 2 wait
              {"kind":"barrier","id":"0x10","holders":[],"waiting":2,"value":2,"bound":5}
        "#]],
    );
}

#[test]
fn a_queue_says_which_end_and_how_full() {
    check(
        &[
            "queue",
            "queue 0x10 size=0",
            "queue 0x10 name=jobs size=0 bound=10 getters=4",
            "queue 0x10 name=jobs end=put size=10 bound=10 putters=2 others=b,c",
            "queue 0x10 name=Worker.jobs end=join size=3",
            "queue 0x10 name=Pool._queue size=0 bound=2 getters=3 held by b, c",
        ],
        expect![[r#"
            a  waits to get from queue
              {"kind":"queue","id":null,"holders":[],"end":"get"}
            a  waits to get from queue 0x10 (empty)
              {"kind":"queue","id":"0x10","holders":[],"end":"get","size":0}
            a  waits to get from queue jobs (empty, 0/10); 4 wait
              {"kind":"queue","id":"0x10","holders":[],"name":"jobs","end":"get","size":0,"bound":10,"getters":4}
            a  waits to put into queue jobs (full, 10/10); 2 wait
              {"kind":"queue","id":"0x10","holders":[],"name":"jobs","end":"put","size":10,"bound":10,"putters":2,"others":["0x1010","0x1020"]}
            a  waits for the end of queue Worker.jobs (3 in it)
              {"kind":"queue","id":"0x10","holders":[],"name":"Worker.jobs","end":"join","size":3}
            a  waits for queue Pool._queue held by b, c; 3 wait
              {"kind":"queue","id":"0x10","holders":["0x1010","0x1020"],"name":"Pool._queue","end":"get","size":0,"bound":2,"getters":3}
        "#]],
    );
}

#[test]
fn a_pool_says_how_many_are_lent_and_to_whom() {
    check(
        &[
            "pool",
            "pool 0x10 lent=2 bound=2 waiting=3 more_holders",
            "pool 0x10 name=Engine.pool lent=2 bound=2 waiting=1 held by b, c",
            "pool 0x10 name=Engine.pool lent=2 bound=2 more_holders held by b",
        ],
        expect![[r#"
            a  waits for pool
              {"kind":"pool","id":null,"holders":[]}
            a  waits for pool 0x10 (2 of 2 lent), holder not on record; 3 wait
              {"kind":"pool","id":"0x10","holders":[],"lent":2,"bound":2,"waiting":3,"more_holders":true}
            a  waits for pool Engine.pool (2 of 2 lent) held by b, c
              {"kind":"pool","id":"0x10","holders":["0x1010","0x1020"],"name":"Engine.pool","lent":2,"bound":2,"waiting":1}
            a  waits for pool Engine.pool (2 of 2 lent) held by b, others not on record
              {"kind":"pool","id":"0x10","holders":["0x1010"],"name":"Engine.pool","lent":2,"bound":2,"more_holders":true}
        "#]],
    );
}

#[test]
fn a_socket_says_what_is_done_with_whom() {
    check(
        &[
            "stream",
            "stream 0x10 action=read fd=12 family=tcp local=10.0.0.1:40312 peer=10.0.0.5:5432",
            "stream action=write fd=12 peer=10.0.0.5:5432 buffered=65536",
            "socket action=connect fd=9 family=tcp peer=[::1]:80",
            "socket action=accept fd=9 family=unix local=/run/app.sock",
            "stream 0x10 action=read fd=9 family=pipe",
            "server 0x10 action=close local=0.0.0.0:8080",
        ],
        expect![[r#"
            a  waits for stream
              {"kind":"stream","id":null,"holders":[]}
            a  reads 10.0.0.5:5432 (fd 12)
              {"kind":"stream","id":"0x10","holders":[],"action":"read","fd":12,"family":"tcp","local":"10.0.0.1:40312","peer":"10.0.0.5:5432"}
            a  writes to 10.0.0.5:5432 (fd 12, 65536 bytes buffered)
              {"kind":"stream","id":null,"holders":[],"action":"write","fd":12,"peer":"10.0.0.5:5432","buffered":65536}
            a  connects to [::1]:80 (fd 9)
              {"kind":"socket","id":null,"holders":[],"action":"connect","fd":9,"family":"tcp","peer":"[::1]:80"}
            a  accepts on /run/app.sock (fd 9)
              {"kind":"socket","id":null,"holders":[],"action":"accept","fd":9,"family":"unix","local":"/run/app.sock"}
            a  reads pipe stream 0x10 (fd 9)
              {"kind":"stream","id":"0x10","holders":[],"action":"read","fd":9,"family":"pipe"}
            a  waits for the end of server 0.0.0.0:8080
              {"kind":"server","id":"0x10","holders":[],"action":"close","local":"0.0.0.0:8080"}
        "#]],
    );
}

#[test]
fn an_executor_says_which_thread_runs_it_and_where_it_is() {
    check(
        &[
            "executor",
            "executor function=crunch thread=4712 at=Image.resize@/app/x.py:9",
            "executor function=sleep thread=4712 at=_WorkItem.run@/usr/lib/python3.12/concurrent/futures/thread.py:58",
            "executor function=crunch queued_before=0",
            "executor function=crunch queued_before=12",
        ],
        expect![[r#"
            a  waits for an executor
              {"kind":"executor","id":null,"holders":[]}
            a  runs crunch in thread 4712: Image.resize /app/x.py:9
              {"kind":"executor","id":null,"holders":[],"thread":4712,"stack":[{"function":"Image.resize","file":"/app/x.py","line":9,"kind":"async"}],"function":"crunch"}
            a  runs sleep in thread 4712
              {"kind":"executor","id":null,"holders":[],"thread":4712,"stack":[{"function":"_WorkItem.run","file":"/usr/lib/python3.12/concurrent/futures/thread.py","line":58,"kind":"async"}],"function":"sleep"}
            a  waits for an executor to run crunch, next in its queue
              {"kind":"executor","id":null,"holders":[],"queued_before":0,"function":"crunch"}
            a  waits for an executor to run crunch, 12 queued before it
              {"kind":"executor","id":null,"holders":[],"queued_before":12,"function":"crunch"}
        "#]],
    );
}

#[test]
fn a_process_and_a_future_say_what_is_known() {
    check(
        &[
            "subprocess",
            "subprocess pid=4713 alive=true",
            "subprocess pid=4713 alive=false",
            "future",
            "future 0x10",
            "future 0x10 also_held_by=Connection._waiter",
            "future 0x10 name=reply",
            "future 0x10 name=Rpc.pending[3]",
            "future 0x10 also_held_by=a,b,c,d,e deadline=1.2",
            "future 0x10 orphaned",
            "threadsafe 0x10 also_held_by=Bridge.future",
        ],
        expect![[r#"
            a  waits for a child process
              {"kind":"subprocess","id":null,"holders":[]}
            a  waits for process 4713
              {"kind":"subprocess","id":null,"holders":[],"pid":4713,"alive":true}
            a  waits for process 4713, which has ended
              {"kind":"subprocess","id":null,"holders":[],"pid":4713,"alive":false}
            a  waits for a future
              {"kind":"future","id":null,"holders":[]}
            a  waits for future 0x10
              {"kind":"future","id":"0x10","holders":[]}
            a  waits for a future held by Connection._waiter
              {"kind":"future","id":"0x10","holders":[],"held_by":["Connection._waiter"]}
            a  waits for a future called reply
              {"kind":"future","id":"0x10","holders":[],"name":"reply","held_by":["reply"]}
            a  waits for a future held by Rpc.pending[3]
              {"kind":"future","id":"0x10","holders":[],"name":"Rpc.pending[3]","held_by":["Rpc.pending[3]"]}
            a  waits for a future held by a, b, c and 2 more; timeout in 1.2 s
              {"kind":"future","id":"0x10","holders":[],"deadline":1.2,"held_by":["a","b","c","d","e"]}
            a  waits for future 0x10, which nothing is left to complete
              {"kind":"future","id":"0x10","holders":[],"orphaned":true}
            a  waits for a future of another thread held by Bridge.future
              {"kind":"threadsafe","id":"0x10","holders":[],"held_by":["Bridge.future"]}
        "#]],
    );
}

#[test]
fn what_comes_from_the_target_is_shown_as_text() {
    let mut graph = graph("a waits for lock 0x10 name=x held by b");
    Arc::make_mut(graph.tasks[0].waits_for.as_mut().unwrap()).name =
        Some("\x1b[2J\u{202e}".to_owned());
    graph.tasks[1].name = "\n".to_owned();
    expect![[r#"
        a  waits for lock \x1b[2J\u202e (0x10) held by \n
        \n
    "#]]
    .assert_eq(&written(|out| {
        tree(&Outline::whole(&graph), &TreeOptions::default(), out)
    }));
}

#[test]
fn in_a_narrow_line_the_wait_is_cut_at_its_end() {
    let graph = graph(
        "worker-1 in work /srv/app/current/service.py:17
         worker-1 waits for executor function=crunch thread=4712 at=Image.resize@/srv/app/current/x.py:9",
    );
    let mut shown = String::new();
    for width in [120, 100, 80, 60] {
        let options = TreeOptions {
            width: Some(width),
            ..TreeOptions::default()
        };
        shown.push_str(&written(|out| tree(&Outline::whole(&graph), &options, out)));
    }
    expect![[r#"
        worker-1  work /srv/app/current/service.py:17  runs crunch in thread 4712: Image.resize /srv/app/current/x.py:9
        worker-1  work /srv/app/current/service.py:17  runs crunch in thread 4712: Image.resize …/x.py:9
        worker-1  work …/service.py:17  runs crunch in thread 4712: Image.resize …/x.py…
        worker-1  work …/service.py:17  runs crunch in thread 4712:…
    "#]].assert_eq(&shown);
}
