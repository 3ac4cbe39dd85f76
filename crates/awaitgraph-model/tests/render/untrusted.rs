//! Names and paths that try to be more than text.

use awaitgraph_model::Graph;
use awaitgraph_model::questions::Outline;
use awaitgraph_model::render::{
    DumpFrames, TableOptions, TreeOptions, dot, dump, json, mermaid, table, tree,
};
use expect_test::expect;

use crate::notation::{graph, written};

const HOSTILE: &str = "x\x1b[2J\"]\n\\\u{202e}\u{85}<b>#`'";

fn hostile() -> Graph {
    let mut graph = graph("a in f /app/x.py:1\na -> b\nb waits for lock 0x1 held by a");
    graph.tasks[0].name = HOSTILE.to_owned();
    graph.codes[0].function = HOSTILE.to_owned();
    graph.codes[0].file = HOSTILE.to_owned();
    graph
}

#[test]
fn every_format_shows_them_as_text() {
    let graph = hostile();
    expect![[r#"
        deadlock: x\x1b[2J"]\n\\u202e\x85<b>#`' and b wait for each other
          x\x1b[2J"]\n\\u202e\x85<b>#`'  x\x1b[2J"]\n\\u202e\x85<b>#`' x\x1b[2J"]\n\\u202e\x85<b>#`':1
            awaits b
          b
            waits for lock 0x1 held by x\x1b[2J"]\n\\u202e\x85<b>#`'

        x\x1b[2J"]\n\\u202e\x85<b>#`'  x\x1b[2J"]\n\\u202e\x85<b>#`' x\x1b[2J"]\n\\u202e\x85<b>#`':1
        └── b  waits for lock 0x1 held by x\x1b[2J"]\n\\u202e\x85<b>#`'
    "#]]
    .assert_eq(&written(|out| {
        tree(&Outline::whole(&graph), &TreeOptions::default(), out)
    }));
    expect![[r#"
        ID      STATE    THREAD  NAME                           AWAITED BY                     WHERE
        0x1000  waiting  -       x\x1b[2J"]\n\\u202e\x85<b>#`'  -                              x\x1b[2J"]\n\\u202e\x85<b>#`' x\x1b[2J"]\n\\u202e\x85<b>#`':1
        0x1010  waiting  -       b                              x\x1b[2J"]\n\\u202e\x85<b>#`'  waits for lock 0x1 held by x\x1b[2J"]\n\\u202e\x85<b>#`'
    "#]].assert_eq(&written(|out| table(&Outline::whole(&graph), &TableOptions::default(), out)));
    expect![[r#"
        deadlock: x\x1b[2J"]\n\\u202e\x85<b>#`' and b wait for each other
          x\x1b[2J"]\n\\u202e\x85<b>#`'  x\x1b[2J"]\n\\u202e\x85<b>#`' x\x1b[2J"]\n\\u202e\x85<b>#`':1
            awaits b
          b
            waits for lock 0x1 held by x\x1b[2J"]\n\\u202e\x85<b>#`'

        * Task(name='b', id=0x1010)
          + Waits for: lock 0x1 held by x\x1b[2J"]\n\\u202e\x85<b>#`'
          + Awaited by:
            * Task(name='x\x1b[2J"]\n\\\u202e\x85<b>#`\'', id=0x1000)
              + Call stack:
              |   File 'x\x1b[2J"]\n\\\u202e\x85<b>#`\'', line 1, in async x\x1b[2J"]\n\\u202e\x85<b>#`'()
    "#]].assert_eq(&written(|out| dump(&Outline::whole(&graph), DumpFrames::All, out)));
    expect![[r#"
        {"schema":1,
        "target":{"pid":null,"python":"","executable":"","free_threaded":false},
        "snapshot":{"consistent":false,"paused_us":0,"total_us":0,"bytes_read":0},
        "threads":[],
        "tasks":[
        {"id":"0x1000","name":"x\u001b[2J\"]\n\\\u202e\u0085<b>#`'","state":"waiting","interpreter":0,"thread":null,"stack":[{"function":"x\u001b[2J\"]\n\\\u202e\u0085<b>#`'","file":"x\u001b[2J\"]\n\\\u202e\u0085<b>#`'","line":1,"kind":"async"}],"awaited_by":[],"waits_for":null},
        {"id":"0x1010","name":"b","state":"waiting","interpreter":0,"thread":null,"stack":[],"awaited_by":[{"id":"0x1000","how":"await","via":[]}],"waits_for":{"kind":"lock","id":"0x1","holders":["0x1000"]}}],
        "deadlocks":[
        {"tasks":["0x1000","0x1010"],"steps":[{"task":"0x1000","next":"0x1010","because":"awaits","words":"awaits b"},{"task":"0x1010","next":"0x1000","because":"holds","words":"waits for lock 0x1 held by x\\x1b[2J\"]\\n\\\\u202e\\x85<b>#`'"}],"behind":[]}],
        "problems":[]}
    "#]].assert_eq(&written(|out| json(&Outline::whole(&graph), out)));
    expect![[r#"
        digraph awaitgraph {
            node [shape=box, fontname="monospace"];
            t0 [label="x\\x1b[2J\"]\\n\\\\u202e\\x85<b>#`'\nx\\x1b[2J\"]\\n\\\\u202e\\x85<b>#`' x\\x1b[2J\"]\\n\\\\u202e\\x85<b>#`':1", color="red"];
            t1 [label="b\nwaits for lock 0x1 held by x\\x1b[2J\"]\\n\\\\u202e\\x85<b>#`'", color="red"];
            t0 -> t1 [color="red"];
            t1 -> t0 [label="lock", style=dashed, color="red"];
        }
    "#]].assert_eq(&written(|out| dot(&Outline::whole(&graph), out)));
    expect![[r#"
        flowchart TD
            t0["x#92;x1b#91;2J#34;#93;#92;n#92;#92;u202e#92;x85#60;b#62;#35;#96;'<br/>x#92;x1b#91;2J#34;#93;#92;n#92;#92;u202e#92;x85#60;b#62;#35;#96;' x#92;x1b#91;2J#34;#93;#92;n#92;#92;u202e#92;x85#60;b#62;#35;#96;':1"]
            t1["b<br/>waits for lock 0x1 held by x#92;x1b#91;2J#34;#93;#92;n#92;#92;u202e#92;x85#60;b#62;#35;#96;'"]
            t0 --> t1
            t1 -.->|"lock"| t0
            classDef deadlocked stroke:#cf222e,stroke-width:3px
            class t0,t1 deadlocked
            linkStyle 0,1 stroke:#cf222e
    "#]].assert_eq(&written(|out| mermaid(&Outline::whole(&graph), out)));
}

#[test]
fn a_task_without_a_name_still_has_something_to_show() {
    let mut graph = graph("a -> b");
    graph.tasks[0].name = String::new();
    expect![[r#"
        ''
        └── b
    "#]]
    .assert_eq(&written(|out| {
        tree(&Outline::whole(&graph), &TreeOptions::default(), out)
    }));
}

#[test]
fn indices_of_another_graph_are_left_out() {
    let mut graph = graph("a in f /app/x.py:1\na -> b");
    graph.codes.clear();
    graph.tasks.remove(0);
    expect![[r#"
        deadlock: b waits for itself
          b
            awaits b

        b
        └── b (cycle)
    "#]]
    .assert_eq(&written(|out| {
        tree(&Outline::whole(&graph), &TreeOptions::default(), out)
    }));
    for text in [
        written(|out| table(&Outline::whole(&graph), &TableOptions::default(), out)),
        written(|out| dump(&Outline::whole(&graph), DumpFrames::All, out)),
        written(|out| json(&Outline::whole(&graph), out)),
        written(|out| dot(&Outline::whole(&graph), out)),
        written(|out| mermaid(&Outline::whole(&graph), out)),
    ] {
        assert!(text.contains('b') && !text.contains("/app/x.py"), "{text}");
    }
}
