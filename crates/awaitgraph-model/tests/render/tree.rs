//! The tree of `pstree`.

use awaitgraph_model::questions::Outline;
use awaitgraph_model::render::{Color, TreeFrames, TreeOptions, tree};
use expect_test::{Expect, expect};

use crate::notation::{graph, written};

fn check(text: &str, expected: Expect) {
    check_with(text, TreeOptions::default(), expected);
}

fn check_with(text: &str, options: TreeOptions, expected: Expect) {
    let graph = graph(text);
    expected.assert_eq(&written(|out| tree(&Outline::whole(&graph), &options, out)));
}

const SERVICE: &str = "
    main in wait /usr/lib/python3.12/asyncio/tasks.py:451, serve /app/service.py:42
    main -gather-> worker-1
    main -gather-> worker-2
    worker-1 in acquire /usr/lib/python3.12/asyncio/locks.py:113, work /app/service.py:17
    worker-1 waits for lock 0x7f0a held by worker-2
    worker-2 in def parse /app/service.py:30, work /app/service.py:19
    worker-2 is running
    ticker in sleep /usr/lib/python3.12/asyncio/tasks.py:665
    ticker is ready
";

#[test]
fn a_task_stands_above_the_tasks_that_it_waits_for() {
    check(
        SERVICE,
        expect![[r#"
        main  serve /app/service.py:42
        ├── [gather] worker-1  work /app/service.py:17  waits for lock 0x7f0a held by worker-2
        └── [gather] worker-2  parse /app/service.py:30  running
        ticker  sleep /usr/lib/python3.12/asyncio/tasks.py:665  ready
    "#]],
    );
}

#[test]
fn no_task_is_an_empty_tree() {
    check("", expect![""]);
}

#[test]
fn all_frames_lead_down_into_the_tasks_awaited() {
    let options = TreeOptions {
        frames: TreeFrames::All,
        ..TreeOptions::default()
    };
    check_with(
        SERVICE,
        options,
        expect![[r#"
        main
        │   in serve /app/service.py:42
        │   in wait /usr/lib/python3.12/asyncio/tasks.py:451
        ├── [gather] worker-1  waits for lock 0x7f0a held by worker-2
        │       in work /app/service.py:17
        │       in acquire /usr/lib/python3.12/asyncio/locks.py:113
        └── [gather] worker-2  running
                in work /app/service.py:19
                in parse /app/service.py:30
        ticker  ready
            in sleep /usr/lib/python3.12/asyncio/tasks.py:665
    "#]],
    );
}

#[test]
fn what_stands_at_several_places_is_shown_whole_at_the_first() {
    check(
        "top -> left
         top -> right
         left -> shared
         right -> shared
         shared -> leaf",
        expect![[r#"
            top
            ├── left
            │   └── shared
            │       └── leaf
            └── right
                └── shared (*)
        "#]],
    );
}

#[test]
fn a_cycle_is_cut() {
    check(
        "a -> b\nb -> a",
        expect![[r#"
            deadlock: a and b wait for each other
              a
                awaits b
              b
                awaits a

            a
            └── b
                └── a (cycle)
        "#]],
    );
}

#[test]
fn a_task_that_awaits_itself_is_a_cycle() {
    check(
        "a -> a",
        expect![[r#"
            deadlock: a waits for itself
              a
                awaits a

            a
            └── a (cycle)
        "#]],
    );
}

#[test]
fn a_cycle_begins_at_its_first_task_and_not_at_one_that_hangs_on_it() {
    check(
        "leaf
         y -> x
         x -> y
         x -> leaf
         alone",
        expect![[r#"
            deadlock: y and x wait for each other
              y
                awaits x
              x
                awaits y

            alone
            y
            └── x
                ├── leaf
                └── y (cycle)
        "#]],
    );
}

#[test]
fn a_cycle_below_a_root_is_shown_there() {
    check(
        "root -> a\na -> b\nb -> a",
        expect![[r#"
            deadlock: a and b wait for each other
              a
                awaits b
              b
                awaits a
              behind them waits root

            root
            └── a
                └── b
                    └── a (cycle)
        "#]],
    );
}

#[test]
fn the_construct_stands_before_the_child_unless_it_is_a_plain_await() {
    check(
        "main -> a
         main -gather-> b
         main -task_group-> c
         main -recorded-> c
         main -> d
         main -shield-> d",
        expect![[r#"
            main
            ├── a
            ├── [gather] b
            ├── [task_group, recorded] c
            └── [await, shield] d
        "#]],
    );
}

#[test]
fn threads_get_headings_where_there_are_several() {
    check(
        "a on 100
         a -> b
         b on 100
         c on 101
         d on 1/102
         e -> f",
        expect![[r#"
            thread 100:
            a
            └── b

            thread 101:
            c

            no running loop:
            e
            └── f

            interpreter 1, thread 102:
            d
        "#]],
    );
}

#[test]
fn one_thread_gets_no_heading() {
    check(
        "a on 100\nb on 100",
        expect![[r#"
        a
        b
    "#]],
    );
}

#[test]
fn holders_of_a_lock_are_named_up_to_three() {
    check(
        "a waits for semaphore 0x10 held by b, c, d, e, f
         g waits for event",
        expect![[r#"
            a  waits for semaphore 0x10 held by b, c, d and 2 more
            b
            c
            d
            e
            f
            g  waits for event
        "#]],
    );
}

#[test]
fn colours_mark_what_is_what() {
    let options = TreeOptions {
        color: Color::Ansi,
        ..TreeOptions::default()
    };
    let graph = graph(
        "a in f /app/x.py:3
         a -gather-> b
         b is running
         b -> a",
    );
    let text = written(|out| tree(&Outline::whole(&graph), &options, out)).replace('\x1b', "␛");
    expect![[r#"
        ␛[1ma␛[0m  ␛[36mf␛[0m ␛[2m/app/x.py␛[0m␛[2m:3␛[0m
        ␛[2m└── [gather] ␛[0m␛[1mb␛[0m  ␛[32mrunning␛[0m
        ␛[2m    └── ␛[0m␛[1ma␛[0m  ␛[36mf␛[0m ␛[2m/app/x.py␛[0m␛[2m:3␛[0m␛[1;31m (cycle)␛[0m
    "#]]
    .assert_eq(&text);
}

#[test]
fn narrow_lines_lose_the_beginning_of_the_path_first() {
    for (width, expected) in [
        (
            80,
            expect![[r#"
                deadlock: a-task-with-a-long-name and 東京 wait for each other
                  a-task-with-a-long-name  handle /srv/app/current/service.py:117
                    awaits 東京
                  東京  read /srv/app/東京/io.py:9
                    waits for lock 0x7f0a held by a-task-with-a-long-name

                a-task-with-a-long-name  handle /srv/app/current/service.py:117
                └── 東京  read …/io.py:9  waits for lock 0x7f0a held by a-task-with-a-long-name
            "#]],
        ),
        (
            52,
            expect![[r#"
                deadlock: a-task-with-… and 東京 wait for each other
                  a-task-with-a-long-name  handle …/service.py:117
                    awaits 東京
                  東京  read /srv/app/東京/io.py:9
                    waits for lock 0x7f0a held by a-task-with-a-lon…

                a-task-with-a-long-name  handle …/service.py:117
                └── 東京  read …/io.py:9  waits for lock 0x7f0a hel…
            "#]],
        ),
        (
            40,
            expect![[r#"
                deadlock: a-task-with… and 東京 wait fo…
                  a-task-with-…  handle …/service.py:117
                    awaits 東京
                  東京  read /srv/app/東京/io.py:9
                    waits for lock 0x7f0a held by a-tas…

                a-task-with-a-…  handle …/service.py:117
                └── 東京  read …/io.py:9  waits for loc…
            "#]],
        ),
        (
            30,
            expect![[r#"
                deadlock: a-task-with… and 東…
                  a-task-with…  handle …py:117
                    awaits 東京
                  東京  read …/東京/io.py:9
                    waits for lock 0x7f0a hel…

                a-task-with…  handle …e.py:117
                └── 東京  read …/io.py:9  wai…
            "#]],
        ),
        (
            8,
            expect![[r#"
                deadloc…
                  a-tas…
                    awa…
                  東京 …
                    wai…

                a-task-…
                └── 東…
            "#]],
        ),
    ] {
        let options = TreeOptions {
            width: Some(width),
            ..TreeOptions::default()
        };
        check_with(
            "a-task-with-a-long-name in handle /srv/app/current/service.py:117
             a-task-with-a-long-name -> 東京 
             東京 in read /srv/app/東京/io.py:9
             東京 waits for lock 0x7f0a held by a-task-with-a-long-name",
            options,
            expected,
        );
    }
}

#[test]
fn a_deep_tree_begins_anew_at_the_left() {
    let chain: String = (0..110).map(|n| format!("t{n} -> t{}\n", n + 1)).collect();
    let graph = graph(&chain);
    let text = written(|out| tree(&Outline::whole(&graph), &TreeOptions::default(), out));
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines.len(), 111);
    expect![[r#"
        t0
        └── t1
            └── t2
                                                                                                                                                                                                            └── t50
        50› └── t51
        50›     └── t52
        50›                                                                                                                                                                                                     └── t100
        100› └── t101
        100›                                     └── t110"#]].assert_eq(
        &[0, 1, 2, 50, 51, 52, 100, 101, 110]
            .map(|at| lines[at])
            .join("\n"),
    );
}

#[test]
fn frames_keep_to_the_level_of_their_task_where_the_indentation_begins_anew() {
    let mut text: String = (0..52).map(|n| format!("t{n} -> t{}\n", n + 1)).collect();
    text.push_str("t50 in f /app/x.py:50\nt51 in f /app/x.py:51\nt52 in f /app/x.py:52");
    let graph = graph(&text);
    let options = TreeOptions {
        frames: TreeFrames::All,
        ..TreeOptions::default()
    };
    let text = written(|out| tree(&Outline::whole(&graph), &options, out));
    let lines: Vec<&str> = text.lines().skip(50).collect();
    expect![[r#"
                                                                                                                                                                                                            └── t50
                                                                                                                                                                                                                │   in f /app/x.py:50
        50› └── t51
        50›     │   in f /app/x.py:51
        50›     └── t52
        50›             in f /app/x.py:52"#]].assert_eq(&lines.join("\n"));
}

#[test]
fn a_task_that_is_being_cancelled_says_so_first() {
    check(
        "a waits for event
         a cancels
         b is ready
         b cancels
         c cancels",
        expect![[r#"
            a  cancelling, waits for event
            b  cancelling, ready
            c  cancelling
        "#]],
    );
}
