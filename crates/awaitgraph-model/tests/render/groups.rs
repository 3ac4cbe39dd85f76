//! Alike tasks once, with their number.

use awaitgraph_model::questions::{Grouping, Mask, Outline};
use awaitgraph_model::render::{
    DumpFrames, TableOptions, TreeOptions, dot, dump, json, mermaid, table, tree,
};
use expect_test::{Expect, expect};

use crate::notation::{graph, written};

fn check(text: &str, expected: Expect) {
    let graph = graph(text);
    let outline = Outline::new(&graph, Mask::all(&graph), Grouping::Alike);
    expected.assert_eq(&written(|out| tree(&outline, &TreeOptions::default(), out)));
}

const WORKERS: &str = "
    main in serve /app/x.py:42
    main -gather-> worker-1
    main -gather-> worker-2
    main -gather-> worker-3
    main -gather-> worker-4
    main -gather-> odd
    worker-1 in work /app/x.py:17
    worker-2 in work /app/x.py:17
    worker-3 in work /app/x.py:17
    worker-4 in work /app/x.py:18
    odd in work /app/x.py:17
    worker-1 -> fetch-1
    worker-2 -> fetch-2
    worker-3 -> fetch-3
    worker-4 -> fetch-4
    fetch-1 in fetch /app/x.py:9
    fetch-2 in fetch /app/x.py:9
    fetch-3 in fetch /app/x.py:9
    fetch-4 in fetch /app/x.py:9
    fetch-1 waits for stream 0x10 action=read fd=7 peer=10.0.0.5:5432 deadline=9
    fetch-2 waits for stream 0x20 action=read fd=8 peer=10.0.0.5:5432 deadline=3
    fetch-3 waits for stream 0x30 action=read fd=9 peer=10.0.0.5:5432 deadline=4
    fetch-4 waits for stream 0x40 action=read fd=10 peer=10.0.0.5:5432
    tick-1 waits for sleep left=1
    tick-2 waits for sleep left=3.5
    tock waits for sleep
    tock is ready
";

#[test]
fn the_same_groups_in_every_format() {
    let graph = graph(WORKERS);
    let outline = Outline::new(&graph, Mask::all(&graph), Grouping::Alike);
    expect![[r#"
        main  serve /app/x.py:42
        ├── [gather] worker-1 … worker-3 ×3  work /app/x.py:17
        │   └── fetch-1 … fetch-3 ×3  fetch /app/x.py:9  read 10.0.0.5:5432 (3 streams); first timeout in 3.0 s
        ├── [gather] worker-4  work /app/x.py:18
        │   └── fetch-4  fetch /app/x.py:9  reads 10.0.0.5:5432 (fd 10)
        └── [gather] odd  work /app/x.py:17
        tick-1, tick-2 ×2  sleeps, 1.0 s to 3.5 s left
        tock  ready
    "#]]
    .assert_eq(&written(|out| tree(&outline, &TreeOptions::default(), out)));
    expect![[r#"
        ID        STATE    THREAD  NAME                    AWAITED BY   WHERE
        0x1000    waiting  -       main                    -            serve /app/x.py:42
        0x1010 …  waiting  -       worker-1 … worker-3 ×3  main         work /app/x.py:17
        0x1040    waiting  -       worker-4                main         work /app/x.py:18
        0x1050    waiting  -       odd                     main         work /app/x.py:17
        0x1060 …  waiting  -       fetch-1 … fetch-3 ×3    worker-1 +2  fetch /app/x.py:9  read 10.0.0.5:5432 (3 streams); first timeout in 3.0 s
        0x1090    waiting  -       fetch-4                 worker-4     fetch /app/x.py:9  reads 10.0.0.5:5432 (fd 10)
        0x10a0 …  waiting  -       tick-1, tick-2 ×2       -            sleeps, 1.0 s to 3.5 s left
        0x10c0    ready    -       tock                    -
    "#]].assert_eq(&written(|out| {
        table(&outline, &TableOptions::default(), out)
    }));
    expect![[r#"
        * Task(name='odd', id=0x1050)
          + Call stack:
          |   File '/app/x.py', line 17, in async work()
          + Awaited by:
            * Task(name='main', id=0x1000)
              + Call stack:
              |   File '/app/x.py', line 42, in async serve()

        * Task(name='fetch-1', id=0x1060) … Task(name='fetch-3', id=0x1080) ×3
          + Call stack:
          |   File '/app/x.py', line 9, in async fetch()
          + Waits for: data from 10.0.0.5:5432 (3 streams); first timeout in 3.0 s
          + Awaited by:
            * Task(name='worker-1', id=0x1010) … Task(name='worker-3', id=0x1030) ×3
              + Call stack:
              |   File '/app/x.py', line 17, in async work()
              + Awaited by:
                * Task(name='main', id=0x1000) (*)

        * Task(name='fetch-4', id=0x1090)
          + Call stack:
          |   File '/app/x.py', line 9, in async fetch()
          + Waits for: data from 10.0.0.5:5432 (fd 10)
          + Awaited by:
            * Task(name='worker-4', id=0x1040)
              + Call stack:
              |   File '/app/x.py', line 18, in async work()
              + Awaited by:
                * Task(name='main', id=0x1000) (*)

        * Task(name='tick-1', id=0x10a0) … Task(name='tick-2', id=0x10b0) ×2
          + Waits for: sleep, 1.0 s to 3.5 s left

        * Task(name='tock', id=0x10c0)
    "#]]
    .assert_eq(&written(|out| dump(&outline, DumpFrames::Folded, out)));
    expect![[r#"
        digraph awaitgraph {
            node [shape=box, fontname="monospace"];
            t0 [label="main\nserve /app/x.py:42"];
            t1 [label="worker-1 … worker-3 ×3\nwork /app/x.py:17"];
            t4 [label="worker-4\nwork /app/x.py:18"];
            t5 [label="odd\nwork /app/x.py:17"];
            t6 [label="fetch-1 … fetch-3 ×3\nfetch /app/x.py:9\nread 10.0.0.5:5432 (3 streams); first timeout in 3.0 s"];
            t9 [label="fetch-4\nfetch /app/x.py:9\nreads 10.0.0.5:5432 (fd 10)"];
            t10 [label="tick-1, tick-2 ×2\nsleeps, 1.0 s to 3.5 s left"];
            t12 [label="tock", color="darkorange"];
            t0 -> t1 [label="gather"];
            t0 -> t4 [label="gather"];
            t0 -> t5 [label="gather"];
            t1 -> t6;
            t4 -> t9;
        }
    "#]].assert_eq(&written(|out| dot(&outline, out)));
    expect![[r#"
        flowchart TD
            t0["main<br/>serve /app/x.py:42"]
            t1["worker-1 … worker-3 ×3<br/>work /app/x.py:17"]
            t4["worker-4<br/>work /app/x.py:18"]
            t5["odd<br/>work /app/x.py:17"]
            t6["fetch-1 … fetch-3 ×3<br/>fetch /app/x.py:9<br/>read 10.0.0.5:5432 (3 streams)#59; first timeout in 3.0 s"]
            t9["fetch-4<br/>fetch /app/x.py:9<br/>reads 10.0.0.5:5432 (fd 10)"]
            t10["tick-1, tick-2 ×2<br/>sleeps, 1.0 s to 3.5 s left"]
            t12["tock"]
            t0 -->|"gather"| t1
            t0 -->|"gather"| t4
            t0 -->|"gather"| t5
            t1 --> t6
            t4 --> t9
            classDef ready stroke:#bf8700,stroke-width:2px
            class t12 ready
    "#]].assert_eq(&written(|out| mermaid(&outline, out)));
    let whole = Outline::whole(&graph);
    assert_eq!(
        written(|out| json(&outline, out)),
        written(|out| json(&whole, out))
    );
}

#[test]
fn what_is_shared_below_is_shown_once() {
    check(
        "main -> a1
         main -> a2
         a1 -> shared
         a2 -> shared
         other -> shared",
        expect![[r#"
            main
            └── a1, a2 ×2
                └── shared
            other
            └── shared (*)
        "#]],
    );
}

#[test]
fn what_differs_is_not_alike() {
    check(
        "a1 in f /app/x.py:1
         a2 in f /app/x.py:2
         b1 is ready
         b2
         c1 on 7
         c2 on 8
         d1 waits for lock 0x10 name=x held by e1
         d2 waits for lock 0x10 name=y held by e1
         e1 waits for event
         e2 waits for condition
         f1 -> g1
         f2 -> g2
         f2 -> g3
         h -gather-> g1
         h -> g2",
        expect![[r#"
            thread 7:
            c1

            thread 8:
            c2

            no running loop:
            a1  f /app/x.py:1
            a2  f /app/x.py:2
            b1  ready
            b2
            d1  waits for lock x (0x10) held by e1
            e1  waits for event
            d2  waits for lock y (0x10) held by e1
            e2  waits for condition
            f1
            └── g1
            f2
            ├── g2
            └── g3
            h
            ├── [gather] g1 (*)
            └── g2 (*)
        "#]],
    );
}

#[test]
fn those_of_a_deadlock_are_shown_each() {
    check(
        "w1 waits for lock 0x10 held by w2
         w2 waits for lock 0x20 held by w1
         w3 waits for lock 0x10 held by w2
         w4 waits for lock 0x10 held by w2
         w5 waits for lock 0x20 held by w1",
        expect![[r#"
            deadlock: w1 and w2 wait for each other
              w1
                waits for lock 0x10 held by w2
              w2
                waits for lock 0x20 held by w1
              behind them wait w3, w4, w5

            w1  waits for lock 0x10 held by w2
            w2  waits for lock 0x20 held by w1
            w3 … w5 ×3  wait for 2 locks
        "#]],
    );
}

#[test]
fn words_hold_for_all_that_share_a_line() {
    check(
        "a1 waits for lock 0x10 name=Pool.lock waiting=2 held by b
         a2 waits for lock 0x10 name=Pool.lock waiting=2 held by b
         c1 waits for lock 0x20 name=Row.lock held by b
         c2 waits for lock 0x30 name=Row.lock held by b
         d1 waits for queue 0x40 name=jobs
         d2 waits for queue 0x50 name=jobs
         e1 waits for executor 0x60 thread=7 function=crunch
         e2 waits for executor 0x70 thread=8 function=crunch
         f1 waits for executor 0x61 queued_before=1 function=crunch
         f2 waits for executor 0x71 queued_before=2 function=crunch
         g1 waits for subprocess 0x62 pid=7
         g2 waits for subprocess 0x72 pid=8
         h1 waits for future 0x63 also_held_by=Connection._waiter
         h2 waits for future 0x73 also_held_by=Connection._waiter
         k1 waits for lock 0x65 name=Pool.locks['a'] held by b
         k2 waits for lock 0x75 name=Pool.locks['b'] held by b
         l1 waits for future 0x66 name=Rpc.pending[1]
         l2 waits for future 0x76 name=Rpc.pending[2]
         m1 waits for future 0x67 name=reply
         m2 waits for future 0x77 name=reply
         n1 waits for stream 0x68 action=read local=10.0.0.5:80 peer=10.0.0.6:1111
         n2 waits for stream 0x78 action=read local=10.0.0.5:80 peer=10.0.0.7:2222
         o1 waits for stream 0x69 action=write local=10.0.0.5:1 peer=10.0.0.6:1111
         o2 waits for stream 0x79 action=write local=10.0.0.5:2 peer=10.0.0.7:2222
         i1 waits for event 0x64
         i2 waits for event 0x74",
        expect![[r#"
            a1, a2 ×2  waits for lock Pool.lock (0x10) held by b; 2 wait
            b
            c1, c2 ×2  wait for 2 locks Row.lock
            d1, d2 ×2  wait to get from 2 queues jobs
            e1, e2 ×2  run crunch in threads
            f1, f2 ×2  wait for an executor to run crunch
            g1, g2 ×2  wait for 2 processes
            h1, h2 ×2  wait for 2 futures held by Connection._waiter
            k1, k2 ×2  wait for 2 locks Pool.locks
            l1, l2 ×2  wait for 2 futures held by Rpc.pending
            m1, m2 ×2  wait for 2 futures called reply
            n1, n2 ×2  read 2 streams on 10.0.0.5:80
            o1, o2 ×2  write to 2 streams
            i1, i2 ×2  wait for 2 events
        "#]],
    );
}

#[test]
fn a_task_that_is_being_cancelled_is_unlike_others() {
    check(
        "a1\na2\nb1\nb1 cancels\nb2\nb2 cancels",
        expect![[r#"
        a1, a2 ×2
        b1, b2 ×2  cancelling
    "#]],
    );
}
