//! Only what matters, and counts of it.

use awaitgraph_model::TaskState;
use awaitgraph_model::questions::{By, Filter, Grouping, Mask, Outline, Selection, counts};
use awaitgraph_model::render::{
    TableOptions, TreeOptions, counts_json, counts_table, json, table, tree,
};
use expect_test::{Expect, expect};

use crate::notation::{graph, written};

const SERVICE: &str = "
    main in serve /srv/shop/shop.py:42
    main on 100
    main -gather-> worker-1
    main -gather-> worker-2
    worker-1 in acquire /usr/lib/python3.12/asyncio/locks.py:113, Shop.work /srv/shop/shop.py:17
    worker-1 on 100
    worker-1 waits for lock 0x7f0a name=Shop.lock held by holder
    worker-2 in Shop.work /srv/shop/shop.py:19
    worker-2 on 100
    worker-2 is running
    holder in Shop.hold /srv/shop/hold.py:3
    holder on 100
    holder -> leaf
    leaf in leaf /srv/shop/hold.py:9
    leaf on 100
    ticker in main.<locals>.tick /srv/shop/tick.py:1
    ticker on 101
    ticker waits for sleep left=3
";

fn check(filter: Filter, expected: Expect) {
    let graph = graph(SERVICE);
    let selection = Selection::new(&graph, &filter);
    let list = Outline::new(&graph, selection.tasks, Grouping::None);
    let drawn = Outline::new(&graph, selection.with_awaiters, Grouping::None);
    let mut text = written(|out| tree(&drawn, &TreeOptions::default(), out));
    text.push_str("---\n");
    text.push_str(&written(|out| table(&list, &TableOptions::default(), out)));
    expected.assert_eq(&text);
    let document: serde_json::Value =
        serde_json::from_str(&written(|out| json(&list, out))).unwrap();
    assert_eq!(
        document["tasks"].as_array().map(Vec::len),
        Some(list.task_count())
    );
}

#[test]
fn a_task_with_all_that_waits_for_it_and_all_that_it_waits_for() {
    check(
        Filter {
            tasks: vec!["worker-1".to_owned()],
            ..Filter::default()
        },
        expect![[r#"
            main  serve /srv/shop/shop.py:42
            └── [gather] worker-1  Shop.work /srv/shop/shop.py:17  waits for lock Shop.lock (0x7f0a) held by holder
            holder  Shop.hold /srv/shop/hold.py:3
            └── leaf  leaf /srv/shop/hold.py:9
            ---
            ID      STATE    THREAD  NAME      AWAITED BY  WHERE
            0x1000  waiting  100     main      -           serve /srv/shop/shop.py:42
            0x1010  waiting  100     worker-1  main        Shop.work /srv/shop/shop.py:17  waits for lock Shop.lock (0x7f0a) held by holder
            0x1030  waiting  100     holder    -           Shop.hold /srv/shop/hold.py:3
            0x1040  waiting  100     leaf      holder      leaf /srv/shop/hold.py:9
        "#]],
    );
}

#[test]
fn names_are_patterns_and_ids_are_names() {
    let graph = graph(SERVICE);
    for (name, found) in [
        ("worker-*", 5),
        ("w*-?", 5),
        ("*", 6),
        ("", 0),
        ("worker", 0),
        ("0x1010", 4),
        ("4112", 4),
        ("ticker", 1),
    ] {
        let filter = Filter {
            tasks: vec![name.to_owned()],
            ..Filter::default()
        };
        let selection = Selection::new(&graph, &filter);
        let outline = Outline::new(&graph, selection.tasks, Grouping::Alike);
        assert_eq!(outline.task_count(), found, "{name}");
    }
}

#[test]
fn places_are_functions_and_files() {
    let graph = graph(SERVICE);
    for (place, found) in [
        ("Shop.work", "worker-1 worker-2"),
        ("work", "worker-1 worker-2"),
        ("Shop.*", "worker-1 worker-2 holder"),
        ("tick", "ticker"),
        ("shop.py", "main worker-1 worker-2"),
        ("shop/hold.py", "holder leaf"),
        ("/srv/shop/hold.py", "holder leaf"),
        ("op.py", ""),
        ("shop.py:17", "worker-1"),
        ("work:19", "worker-2"),
        ("*/asyncio/*", "worker-1"),
        ("hold*", "holder leaf"),
    ] {
        let filter = Filter {
            places: vec![place.to_owned()],
            ..Filter::default()
        };
        let selection = Selection::new(&graph, &filter);
        let tasks = graph.task_indices().zip(&graph.tasks);
        let names: Vec<&str> = tasks
            .filter(|(index, _)| selection.tasks.contains(*index))
            .map(|(_, task)| task.name.as_str())
            .collect();
        assert_eq!(names.join(" "), found, "{place}");
    }
}

#[test]
fn a_tree_leads_up_to_the_roots_and_a_table_lists_what_was_asked_for() {
    check(
        Filter {
            states: vec![TaskState::Running],
            ..Filter::default()
        },
        expect![[r#"
            main  serve /srv/shop/shop.py:42
            └── [gather] worker-2  Shop.work /srv/shop/shop.py:19  running
            ---
            ID      STATE    THREAD  NAME      AWAITED BY  WHERE
            0x1020  running  100     worker-2  main        Shop.work /srv/shop/shop.py:19
        "#]],
    );
    check(
        Filter {
            threads: vec![101, 102],
            ..Filter::default()
        },
        expect![[r#"
            ticker  main.<locals>.tick /srv/shop/tick.py:1  sleeps, 3.0 s left
            ---
            ID      STATE    THREAD  NAME    AWAITED BY  WHERE
            0x1050  waiting  101     ticker  -           main.<locals>.tick /srv/shop/tick.py:1  sleeps, 3.0 s left
        "#]],
    );
}

#[test]
fn filters_narrow_each_other() {
    check(
        Filter {
            places: vec!["work".to_owned()],
            states: vec![TaskState::Waiting, TaskState::Ready],
            threads: vec![100],
            ..Filter::default()
        },
        expect![[r#"
            main  serve /srv/shop/shop.py:42
            └── [gather] worker-1  Shop.work /srv/shop/shop.py:17  waits for lock Shop.lock (0x7f0a) held by holder
            ---
            ID      STATE    THREAD  NAME      AWAITED BY  WHERE
            0x1010  waiting  100     worker-1  main        Shop.work /srv/shop/shop.py:17  waits for lock Shop.lock (0x7f0a) held by holder
        "#]],
    );
    check(
        Filter {
            tasks: vec!["ticker".to_owned()],
            states: vec![TaskState::Running],
            ..Filter::default()
        },
        expect![[r#"
            ---
        "#]],
    );
}

#[test]
fn counts_largest_first() {
    let mut text = SERVICE.to_owned();
    for n in 3..8 {
        text.push_str(&format!(
            "worker-{n} in Shop.work /srv/shop/shop.py:19
             worker-{n} waits for queue 0x20 name=Shop.jobs
             conn-{n} waits for stream 0x{n} action=read
             run-{n} waits for executor function=crunch
             reply-{n} waits for future also_held_by=Connection._waiter\n"
        ));
    }
    let graph = graph(&text);
    let outline = Outline::new(&graph, Mask::all(&graph), Grouping::None);
    let mut shown = String::new();
    for by in [By::Where, By::Name, By::WaitsFor, By::State] {
        let counts = counts(&outline, by);
        let total: usize = counts.iter().map(|count| count.tasks).sum();
        assert_eq!(total, graph.tasks.len());
        let options = TableOptions::default();
        shown.push_str(&written(|out| {
            counts_table(&outline, by, &counts, &options, out)
        }));
    }
    expect![[r#"
        TASKS  WHERE
        15     -
        6      Shop.work /srv/shop/shop.py:19
        1      serve /srv/shop/shop.py:42
        1      Shop.work /srv/shop/shop.py:17
        1      Shop.hold /srv/shop/hold.py:3
        1      leaf /srv/shop/hold.py:9
        1      main.<locals>.tick /srv/shop/tick.py:1
        TASKS  NAME
        7      worker-*
        5      conn-*
        5      run-*
        5      reply-*
        1      main
        1      holder
        1      leaf
        1      ticker
        TASKS  WAITS FOR
        5      queue Shop.jobs, to get
        5      stream, to read
        5      executor, for crunch
        5      future held by Connection._waiter
        1      tasks, by gather
        1      lock Shop.lock
        1      nothing, it is running
        1      a task
        1      -
        1      sleep
        TASKS  STATE
        25     waiting
        1      running
    "#]]
    .assert_eq(&shown);
    let by_state = counts(&outline, By::State);
    expect![[r#"
        {"schema":1,
        "target":{"pid":null,"python":"","executable":"","free_threaded":false},
        "snapshot":{"consistent":false,"paused_us":0,"total_us":0,"bytes_read":0},
        "by":"state",
        "counts":[
        {"tasks":25,"what":"waiting"},
        {"tasks":1,"what":"running"}],
        "problems":[]}
    "#]]
    .assert_eq(&written(|out| {
        counts_json(&outline, By::State, &by_state, out)
    }));
}
