//! One graph through all formats: what one of them learns to show, the others
//! are to be asked about too.

use awaitgraph_model::questions::Outline;
use awaitgraph_model::render::{
    DumpFrames, TableOptions, TreeOptions, dot, dump, json, mermaid, table, tree,
};
use expect_test::expect;

use crate::notation::{graph, written};

#[test]
fn the_same_graph_in_every_format() {
    let graph = graph(
        "main in run /app/x.py:9
         main -gather-> a
         main -gather-> b
         a -> lock
         b -> lock
         b -shield-> lock
         lock in acquire /usr/lib/python3.9/asyncio/locks.py:9, guard /app/x.py:4
         lock is ready",
    );
    expect![[r#"
        main  run /app/x.py:9
        ├── [gather] a
        │   └── lock  guard /app/x.py:4  ready
        └── [gather] b
            └── [await, shield] lock  guard /app/x.py:4 (*)
    "#]]
    .assert_eq(&written(|out| {
        tree(&Outline::whole(&graph), &TreeOptions::default(), out)
    }));
    expect![[r#"
        ID      STATE    THREAD  NAME  AWAITED BY  WHERE
        0x1000  waiting  -       main  -           run /app/x.py:9
        0x1010  waiting  -       a     main
        0x1020  waiting  -       b     main
        0x1030  ready    -       lock  a +1        guard /app/x.py:4
    "#]]
    .assert_eq(&written(|out| {
        table(&Outline::whole(&graph), &TableOptions::default(), out)
    }));
    expect![[r#"
        * Task(name='lock', id=0x1030)
          + Call stack:
          |   File '/usr/lib/python3.9/asyncio/locks.py', line 9, in async acquire()
          |   File '/app/x.py', line 4, in async guard()
          + Awaited by:
            * Task(name='a', id=0x1010)
              + Awaited by:
                * Task(name='main', id=0x1000)
                  + Call stack:
                  |   File '/app/x.py', line 9, in async run()
            * Task(name='b', id=0x1020)
              + Awaited by:
                * Task(name='main', id=0x1000) (*)
    "#]]
    .assert_eq(&written(|out| {
        dump(&Outline::whole(&graph), DumpFrames::All, out)
    }));
    expect![[r#"
        {"schema":1,
        "target":{"pid":null,"python":"","executable":"","free_threaded":false},
        "snapshot":{"consistent":false,"paused_us":0,"total_us":0,"bytes_read":0},
        "threads":[],
        "tasks":[
        {"id":"0x1000","name":"main","state":"waiting","interpreter":0,"thread":null,"stack":[{"function":"run","file":"/app/x.py","line":9,"kind":"async"}],"awaited_by":[],"waits_for":null},
        {"id":"0x1010","name":"a","state":"waiting","interpreter":0,"thread":null,"stack":[],"awaited_by":[{"id":"0x1000","how":"gather","via":[]}],"waits_for":null},
        {"id":"0x1020","name":"b","state":"waiting","interpreter":0,"thread":null,"stack":[],"awaited_by":[{"id":"0x1000","how":"gather","via":[]}],"waits_for":null},
        {"id":"0x1030","name":"lock","state":"ready","interpreter":0,"thread":null,"stack":[{"function":"acquire","file":"/usr/lib/python3.9/asyncio/locks.py","line":9,"kind":"async"},{"function":"guard","file":"/app/x.py","line":4,"kind":"async"}],"awaited_by":[{"id":"0x1010","how":"await","via":[]},{"id":"0x1020","how":"await","via":[]},{"id":"0x1020","how":"shield","via":[]}],"waits_for":null}],
        "deadlocks":[],
        "problems":[]}
    "#]].assert_eq(&written(|out| json(&Outline::whole(&graph), out)));
    expect![[r#"
        digraph awaitgraph {
            node [shape=box, fontname="monospace"];
            t0 [label="main\nrun /app/x.py:9"];
            t1 [label="a"];
            t2 [label="b"];
            t3 [label="lock\nguard /app/x.py:4", color="darkorange"];
            t0 -> t1 [label="gather"];
            t0 -> t2 [label="gather"];
            t1 -> t3;
            t2 -> t3 [label="await, shield"];
        }
    "#]]
    .assert_eq(&written(|out| dot(&Outline::whole(&graph), out)));
    expect![[r#"
        flowchart TD
            t0["main<br/>run /app/x.py:9"]
            t1["a"]
            t2["b"]
            t3["lock<br/>guard /app/x.py:4"]
            t0 -->|"gather"| t1
            t0 -->|"gather"| t2
            t1 --> t3
            t2 -->|"await, shield"| t3
            classDef ready stroke:#bf8700,stroke-width:2px
            class t3 ready
    "#]]
    .assert_eq(&written(|out| mermaid(&Outline::whole(&graph), out)));
}
