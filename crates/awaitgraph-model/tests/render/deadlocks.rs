//! Deadlocks and the other findings, and what is none.

use awaitgraph_model::questions::{Links, deadlocks, findings};
use awaitgraph_model::render::{self, FindingsOptions};
use expect_test::{Expect, expect};

use crate::notation::{graph, written};

fn check(text: &str, expected: Expect) {
    let graph = graph(text);
    let deadlocks = deadlocks(&graph, &Links::children(&graph));
    let findings = findings(&graph, deadlocks);
    expected.assert_eq(&written(|out| {
        render::findings(&graph, &findings, &FindingsOptions::default(), out)
    }));
}

fn check_nothing_is_found(text: &str) {
    check(text, expect![""]);
}

#[test]
fn two_tasks_take_two_locks_in_different_order() {
    check(
        "main -gather-> a-to-b
         main -gather-> b-to-a
         main in serve /app/bank.py:40
         a-to-b in acquire /usr/lib/python3.12/asyncio/locks.py:9, transfer /app/bank.py:17
         b-to-a in acquire /usr/lib/python3.12/asyncio/locks.py:9, transfer /app/bank.py:17
         a-to-b waits for lock 0x7f0a name=Account.lock waiting=1 value=1 held by b-to-a
         b-to-a waits for lock 0x7f0b name=Account.lock waiting=1 value=1 held by a-to-b",
        expect![[r#"
            deadlock: a-to-b and b-to-a wait for each other
              a-to-b  transfer /app/bank.py:17
                waits for lock Account.lock (0x7f0a) held by b-to-a
              b-to-a  transfer /app/bank.py:17
                waits for lock Account.lock (0x7f0b) held by a-to-b
              behind them waits main
        "#]],
    );
}

#[test]
fn a_semaphore_of_one_is_a_lock() {
    check(
        "a waits for semaphore 0x10 value=0 bound=1 held by b
         b waits for semaphore 0x20 value=0 held by a",
        expect![[r#"
            deadlock: a and b wait for each other
              a
                waits for semaphore 0x10 (0 of 1 left) held by b
              b
                waits for semaphore 0x20 held by a
        "#]],
    );
}

#[test]
fn a_pool_that_lent_all_to_those_who_want_more_is_a_deadlock() {
    check(
        "a waits for queue 0x10 name=Pool.free size=0 bound=2 held by a, b
         b waits for queue 0x10 name=Pool.free size=0 bound=2 held by a, b",
        expect![[r#"
            deadlock: a and b wait for each other
              a
                waits for queue Pool.free held by a, b
              1 more task waits within the same circles
        "#]],
    );
    // One of three is lent to nobody knows whom, or on its way.
    check_nothing_is_found(
        "a waits for queue 0x10 name=Pool.free size=0 bound=3 held by a, b
         b waits for queue 0x10 name=Pool.free size=0 bound=3 held by a, b",
    );
    // Who sleeps will give back what it has.
    check_nothing_is_found(
        "a waits for queue 0x10 name=Pool.free size=0 bound=2 held by a, c
         c waits for sleep left=1",
    );
}

#[test]
fn a_pool_that_counts_is_a_deadlock_where_all_that_it_lent_is_on_record() {
    check(
        "a waits for pool 0x10 name=Engine.pool lent=3 bound=3 held by a, b
         b waits for pool 0x10 name=Engine.pool lent=3 bound=3 held by a, b",
        expect![[r#"
            deadlock: a and b wait for each other
              a
                waits for pool Engine.pool (3 of 3 lent) held by a, b
              1 more task waits within the same circles
        "#]],
    );
    for text in [
        // One is with nobody knows whom.
        "a waits for pool 0x10 lent=2 bound=2 more_holders held by a",
        // Another may have it, too.
        "a waits for pool 0x10 lent=1 bound=1 by_others held by a",
        // One is on its way.
        "a waits for pool 0x10 lent=1 bound=2 held by a",
        "a waits for pool 0x10 held by a",
        // Who sleeps will give back what it has.
        "a waits for pool 0x10 lent=2 bound=2 held by a, b
         b waits for sleep left=1",
        // It gives up in time.
        "a waits for pool 0x10 lent=1 bound=1 held by a
         a limited",
    ] {
        check_nothing_is_found(text);
    }
}

#[test]
fn a_task_gathers_what_waits_for_its_lock() {
    check(
        "main in run /app/x.py:9
         main -gather-> leaf
         main -gather-> other
         other waits for sleep left=3
         leaf in work /app/x.py:3
         leaf waits for lock 0x10 name=lock held by main
         late waits for lock 0x10 name=lock held by main
         later -> late",
        expect![[r#"
            deadlock: main and leaf wait for each other
              main  run /app/x.py:9
                awaits leaf, by gather
              leaf  work /app/x.py:3
                waits for lock lock (0x10) held by main
              behind them wait late, later
        "#]],
    );
}

#[test]
fn a_producer_and_a_consumer_hold_each_other_up_across_a_full_queue() {
    check(
        "producer in produce /app/x.py:9
         producer waits for queue 0x10 name=jobs end=put size=1 bound=1 others=consumer
         consumer in consume /app/x.py:19
         consumer waits for lock 0x20 name=lock held by producer",
        expect![[r#"
            deadlock: producer and consumer wait for each other
              producer  produce /app/x.py:9
                waits to put into queue jobs (full, 1/1), at whose other end is consumer
              consumer  consume /app/x.py:19
                waits for lock lock (0x20) held by producer
        "#]],
    );
    check(
        "main waits for queue 0x10 name=jobs end=join size=0 others=worker
         worker waits for lock 0x20 name=lock held by main",
        expect![[r#"
            deadlock: main and worker wait for each other
              main
                waits for the end of queue jobs (empty), at whose other end is worker
              worker
                waits for lock lock (0x20) held by main
        "#]],
    );
    check(
        "a waits for queue 0x10 end=put size=1 bound=1 others=b,c
         b waits for lock 0x20 held by a
         c waits for queue 0x30 end=put size=3 bound=3 others=b",
        expect![[r#"
            deadlock: 3 tasks wait for each other
              a
                waits to put into queue 0x10 (full, 1/1), at whose other end is b
              b
                waits for lock 0x20 held by a
              1 more task waits within the same circles
        "#]],
    );
}

#[test]
fn an_item_may_come_from_anywhere() {
    check(
        "a waits for queue 0x10 size=0 bound=1 others=b
         b waits for lock 0x20 held by a",
        expect![[""]],
    );
}

#[test]
fn a_task_waits_for_itself() {
    check(
        "a waits for lock 0x10 held by a
         b -gather-> b",
        expect![[r#"
            deadlock: a waits for itself
              a
                waits for lock 0x10 held by a

            deadlock: b waits for itself
              b
                awaits b, by gather
        "#]],
    );
}

#[test]
fn a_circle_of_awaits_over_a_task_group_at_its_end() {
    check(
        "main -task_group-> a
         main in _aexit /usr/lib/python3.13/asyncio/taskgroups.py:70, TaskGroup.__aexit__ /usr/lib/python3.13/asyncio/taskgroups.py:72, main /app/x.py:1
         a -shield-> b
         b -wait_for-> c
         c waits for lock 0x10 held by main",
        expect![[r#"
            deadlock: 4 tasks wait for each other
              main  main /app/x.py:1
                awaits a, by task_group
              a
                awaits b, by shield
              b
                awaits c, by wait_for
              c
                waits for lock 0x10 held by main
        "#]],
    );
}

#[test]
fn several_deadlocks_each_have_their_own_queue_behind_them() {
    check(
        "a -> b
         b -> a
         x waits for lock 0x10 held by y
         y waits for lock 0x20 held by x
         p -> a
         q -> x
         r -gather-> p
         r -gather-> q",
        expect![[r#"
            deadlock: a and b wait for each other
              a
                awaits b
              b
                awaits a
              behind them wait p, r

            deadlock: x and y wait for each other
              x
                waits for lock 0x10 held by y
              y
                waits for lock 0x20 held by x
              behind them waits q
        "#]],
    );
}

#[test]
fn whoever_can_go_on_by_another_way_is_in_no_deadlock() {
    for text in [
        // The other holder lets go.
        "a waits for semaphore 0x10 held by b, c
         b waits for lock 0x20 held by a
         c waits for sleep left=1",
        // Another may have a slot, too.
        "a waits for semaphore 0x10 value=0 more_holders held by b
         b waits for lock 0x20 held by a",
        // There are more slots than holders on record.
        "a waits for semaphore 0x10 bound=2 held by b
         b waits for lock 0x20 held by a",
        // Something was let go of, and is on its way.
        "a waits for semaphore 0x10 value=1 held by b
         b waits for lock 0x20 held by a",
        "a waits for lock 0x10 value=0 held by b
         b waits for lock 0x20 held by a",
        "a waits for lock 0x10 held by b
         b waits for lock 0x20 held by a
         b is ready",
        // The first that is done is enough.
        "a -wait-> b
         a -wait-> c
         b waits for lock 0x20 held by a
         c waits for sleep",
        // In the body of a task group, which does not wait for its tasks.
        "a in body /app/x.py:1
         a -task_group-> b
         a waits for sleep left=1
         b waits for lock 0x20 held by a",
        "a in body /app/x.py:1
         a -task_group-> b
         b waits for lock 0x20 held by a",
        // Whoever has the lock of a condition need not notify.
        "a waits for condition 0x10 held by b
         b waits for lock 0x20 held by a",
        // There is room, and there are items.
        "a waits for queue end=put size=1 bound=2 others=b
         b waits for lock 0x20 held by a",
        "a waits for queue size=1 bound=2 others=b
         b waits for lock 0x20 held by a",
        // Another takes from the queue, or nobody knows who does.
        "a waits for queue end=put size=2 bound=2 others=b more_others
         b waits for lock 0x20 held by a",
        "a waits for queue end=join size=0 others=b more_others
         b waits for lock 0x20 held by a",
        "a waits for queue end=put size=2 bound=2 others=b,c
         b waits for lock 0x20 held by a
         c waits for stream action=read",
        "a waits for queue end=put size=2 bound=2
         b waits for lock 0x20 held by a",
        "a waits for queue end=join size=0 others=b,c
         b waits for lock 0x20 held by a
         c waits for queue size=0",
        "a waits for queue end=join size=0
         b waits for lock 0x20 held by a",
        // A holder that is not on record.
        "a waits for lock 0x10
         b waits for lock 0x20 held by a",
        "a -> b\nb -> c\nc waits for future 0x10",
        // It gives up in time.
        "a waits for lock 0x10 deadline=3 held by b
         a limited
         b waits for lock 0x20 held by a",
        // It is cancelled with who gives up.
        "main limited
         main -gather-> a
         a waits for lock 0x10 held by b
         b waits for lock 0x20 held by a",
        "a limited
         a -shield-> b
         b waits for lock 0x20 held by a",
    ] {
        check_nothing_is_found(text);
    }
}

#[test]
fn the_lock_of_a_condition_is_one_like_any_other() {
    check(
        "a waits for condition 0x10 name=changed value=1 waiting=1 entering held by b
         b waits for lock 0x20 held by a",
        expect![[r#"
            deadlock: a and b wait for each other
              a
                waits for the lock of condition changed (0x10) held by b
              b
                waits for lock 0x20 held by a
        "#]],
    );
    check_nothing_is_found(
        "a waits for condition 0x10 value=0 entering held by b
         b waits for lock 0x20 held by a",
    );
}

#[test]
fn who_is_shielded_from_a_time_limit_is_not_ended_by_it() {
    check(
        "main limited
         main -shield-> a
         a waits for lock 0x10 held by b
         b waits for lock 0x20 held by a",
        expect![[r#"
            deadlock: a and b wait for each other
              a
                waits for lock 0x10 held by b
              b
                waits for lock 0x20 held by a
        "#]],
    );
}

#[test]
fn what_nobody_can_end_is_found_once_for_all_who_wait() {
    check(
        "a in work /app/x.py:3
         a waits for lock 0x10 name=lock abandoned waiting=2
         b waits for lock 0x10 name=lock abandoned waiting=2
         c waits for semaphore 0x20 abandoned
         d waits for future 0x30 orphaned
         e waits for future 0x30 orphaned
         f waits for future 0x40 orphaned deadline=3
         g waits for future 0x50 also_held_by=x",
        expect![[r#"
            abandoned: 2 tasks wait for what nobody is left to release
              a  work /app/x.py:3
                waits for lock lock (0x10), which nobody is left to release; 2 wait
              b
                waits for lock lock (0x10), which nobody is left to release; 2 wait

            abandoned: c waits for what nobody is left to release
              c
                waits for semaphore 0x20, which nobody is left to release
        "#]],
    );
}

#[test]
fn a_long_circle_is_told_in_its_first_steps() {
    let circle: String = (0..100)
        .map(|n| format!("t{n} waits for lock 0x{n} held by t{}\n", (n + 1) % 100))
        .collect();
    let graph = graph(&circle);
    let deadlocks = deadlocks(&graph, &Links::children(&graph));
    assert_eq!(deadlocks[0].steps.len(), 100);
    let findings = findings(&graph, deadlocks);
    let text = written(|out| render::findings(&graph, &findings, &FindingsOptions::default(), out));
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines.len(), 42);
    expect![[r#"
        deadlock: 100 tasks wait for each other
            waits for lock 0x19 held by t20
          and 80 more steps (--json has them all)"#]]
    .assert_eq(&[lines[0], lines[40], lines[41]].join("\n"));
}

#[test]
fn findings_as_json() {
    let graph = graph(
        "main -gather-> leaf
         leaf waits for lock 0x10 name=lock held by main
         late -> main
         a waits for lock 0x20 abandoned",
    );
    let findings = findings(&graph, deadlocks(&graph, &Links::children(&graph)));
    let text = written(|out| render::findings_json(&graph, &findings, out));
    let _: serde_json::Value = serde_json::from_str(&text).unwrap();
    expect![[r#"
        {"schema":1,
        "target":{"pid":null,"python":"","executable":"","free_threaded":false},
        "snapshot":{"consistent":false,"paused_us":0,"total_us":0,"bytes_read":0},
        "findings":[
        {"kind":"deadlock","what":"deadlock: main and leaf wait for each other","tasks":["0x1000","0x1010"],"steps":[{"task":"0x1000","next":"0x1010","because":"awaits","words":"awaits leaf, by gather"},{"task":"0x1010","next":"0x1000","because":"holds","words":"waits for lock lock (0x10) held by main"}],"behind":["0x1020"]},
        {"kind":"abandoned","what":"abandoned: a waits for what nobody is left to release","tasks":["0x1030"]}],
        "problems":[]}
    "#]].assert_eq(&text);
}
