//! Whole outputs of the commands on the demo's service, on every interpreter
//! at hand.

use expect_test::{Expect, expect};

use crate::ran::{Ran, awaitgraph, program};
use crate::service::{Python, Service};

/// Runs a command on the service under each interpreter whose minor version is
/// asked for; all of them must show the same.
fn check(command: &str, minors: std::ops::RangeInclusive<u32>, expected: &Expect) {
    let mut shown: Option<String> = None;
    for python in Python::at_hand() {
        if !minors.contains(&python.minor) {
            continue;
        }
        let service = Service::start(&python);
        let ran = awaitgraph(&command.replace("PID", &service.pid().to_string()));
        assert_eq!((ran.code, ran.err.as_str()), (0, ""));
        let text = neutral(&ran.out, service.pid());
        match &shown {
            Some(shown) => assert_eq!(shown, &text, "3.{}", python.minor),
            None => shown = Some(text),
        }
    }
    if let Some(text) = shown {
        expected.assert_eq(&text);
    }
}

/// The text without what is different on every run, machine or patch level:
/// process ids, addresses, folders, and frames of the standard library.
fn neutral(text: &str, pid: u32) -> String {
    let demo = concat!(env!("CARGO_MANIFEST_DIR"), "/src/demo/");
    let pid = pid.to_string();
    let is_frame = |line: &str| {
        let line = line.trim_start_matches([' ', '│', '|']);
        line.starts_with("in ") || line.starts_with("File ")
    };
    let mut neutral = String::new();
    for line in text.lines() {
        if is_frame(line) && !line.contains(demo) {
            continue;
        }
        let line = line.replace(demo, "");
        let words: Vec<String> = line
            .split(' ')
            .map(|word| match word.split_once("0x") {
                Some((before, address)) => {
                    let rest = address.trim_start_matches(|c: char| c.is_ascii_hexdigit());
                    format!("{before}ADDR{rest}")
                }
                None if word == pid => "PID".to_owned(),
                None => match word.rsplit_once("/asyncio/") {
                    Some((_, file)) => {
                        format!("asyncio/{}LINE", file.trim_end_matches(char::is_numeric))
                    }
                    None => word.to_owned(),
                },
            })
            .collect();
        // The columns of a table are as wide as the ids were.
        let line = words.join(" ");
        neutral.push_str(&match line.split_once("  ") {
            Some(("ID" | "ADDR" | "ADDR …", _)) => {
                let fields = line
                    .split("  ")
                    .map(str::trim)
                    .filter(|field| !field.is_empty());
                fields.collect::<Vec<_>>().join("  ")
            }
            _ => line,
        });
        neutral.push('\n');
    }
    neutral
}

#[test]
fn the_tree_before_task_groups() {
    check(
        "pstree PID",
        8..=10,
        &expect![[r#"
            Task-1  in_a_group service.py:88
            ├── [gather] nightly-report  Shop.transaction service.py:32  waits for lock Shop.ledger (ADDR) held by worker-1; 3 wait
            ├── [gather] stock  Shop.stock_everywhere service.py:71  timeout in 60 min
            │   └── [gather] stock-north, stock-south ×2  Shop.stock service.py:66  waits for event Shop.provider (ADDR); 3 wait
            ├── [gather] worker-1  Shop.book service.py:44
            │   └── [shield] payment-5  Shop.charge service.py:37  waits for event Shop.provider (ADDR); 3 wait
            ├── [gather] worker-2, worker-3 ×2  Shop.transaction service.py:32  waits for lock Shop.ledger (ADDR) held by worker-1; 3 wait
            └── [gather] worker-4  Shop.worker service.py:50  waits to get from queue Shop.orders (empty)
            heartbeat  beat service.py:118  timeout in 60 min
            └── [wait_for] Task-9  Event.wait asyncio/locks.py:LINE  waits for event Shop.shutdown (ADDR); timeout in 60 min
        "#]],
    );
}

#[test]
fn the_tree_where_wait_for_makes_a_task() {
    check(
        "pstree PID",
        11..=11,
        &expect![[r#"
            Task-1  in_a_group service.py:84
            ├── [task_group] nightly-report  Shop.transaction service.py:32  waits for lock Shop.ledger (ADDR) held by worker-1; 3 wait
            ├── [task_group] stock  Shop.stock_everywhere service.py:71  timeout in 60 min
            │   └── [gather] stock-north, stock-south ×2  Shop.stock service.py:66  waits for event Shop.provider (ADDR); 3 wait
            ├── [task_group] worker-1  Shop.book service.py:44
            │   └── [shield] payment-5  Shop.charge service.py:37  waits for event Shop.provider (ADDR); 3 wait
            ├── [task_group] worker-2, worker-3 ×2  Shop.transaction service.py:32  waits for lock Shop.ledger (ADDR) held by worker-1; 3 wait
            └── [task_group] worker-4  Shop.worker service.py:50  waits to get from queue Shop.orders (empty)
            heartbeat  beat service.py:118  timeout in 60 min
            └── [wait_for] Task-9  Event.wait asyncio/locks.py:LINE  waits for event Shop.shutdown (ADDR); timeout in 60 min
        "#]],
    );
}

#[test]
fn the_tree() {
    check(
        "pstree PID",
        12..=u32::MAX,
        &expect![[r#"
            Task-1  in_a_group service.py:84
            ├── [task_group] nightly-report  Shop.transaction service.py:32  waits for lock Shop.ledger (ADDR) held by worker-1; 3 wait
            ├── [task_group] stock  Shop.stock_everywhere service.py:71  timeout in 60 min
            │   └── [gather] stock-north, stock-south ×2  Shop.stock service.py:66  waits for event Shop.provider (ADDR); 3 wait
            ├── [task_group] worker-1  Shop.book service.py:44
            │   └── [shield] payment-5  Shop.charge service.py:37  waits for event Shop.provider (ADDR); 3 wait
            ├── [task_group] worker-2, worker-3 ×2  Shop.transaction service.py:32  waits for lock Shop.ledger (ADDR) held by worker-1; 3 wait
            └── [task_group] worker-4  Shop.worker service.py:50  waits to get from queue Shop.orders (empty)
            heartbeat  beat service.py:118  waits for event Shop.shutdown (ADDR); timeout in 60 min
        "#]],
    );
}

#[test]
fn the_tree_with_all_frames() {
    check(
        "pstree PID --stack",
        12..=u32::MAX,
        &expect![[r#"
            Task-1
            │   in main service.py:109
            │   in Shop.serve service.py:78
            │   in in_a_group service.py:84
            ├── [task_group] nightly-report  waits for lock Shop.ledger (ADDR) held by worker-1; 3 wait
            │       in Shop.report service.py:61
            │       in Shop.open_orders service.py:57
            │       in Shop.transaction service.py:32
            ├── [task_group] stock  timeout in 60 min
            │   │   in Shop.stock_everywhere service.py:71
            │   └── [gather] stock-north, stock-south ×2  waits for event Shop.provider (ADDR); 3 wait
            │           in Shop.stock service.py:66
            ├── [task_group] worker-1
            │   │   in Shop.worker service.py:51
            │   │   in Shop.book service.py:44
            │   └── [shield] payment-5  waits for event Shop.provider (ADDR); 3 wait
            │           in Shop.charge service.py:37
            ├── [task_group] worker-2, worker-3 ×2  waits for lock Shop.ledger (ADDR) held by worker-1; 3 wait
            │       in Shop.worker service.py:51
            │       in Shop.book service.py:40
            │       in Shop.transaction service.py:32
            └── [task_group] worker-4  waits to get from queue Shop.orders (empty)
                    in Shop.worker service.py:50
            heartbeat  waits for event Shop.shutdown (ADDR); timeout in 60 min
                in beat service.py:118
        "#]],
    );
}

#[test]
fn the_table() {
    check(
        "ps PID",
        12..=u32::MAX,
        &expect![[r#"
            ID  STATE  THREAD  NAME  AWAITED BY  WHERE
            ADDR  waiting  PID  Task-1  -  in_a_group service.py:84
            ADDR  waiting  PID  heartbeat  -  beat service.py:118  waits for event Shop.shutdown (ADDR); timeout in 60 min
            ADDR  waiting  PID  nightly-report  Task-1  Shop.transaction service.py:32  waits for lock Shop.ledger (ADDR) held by worker-1; 3 wait
            ADDR  waiting  PID  payment-5  worker-1  Shop.charge service.py:37  waits for event Shop.provider (ADDR); 3 wait
            ADDR  waiting  PID  stock  Task-1  Shop.stock_everywhere service.py:71  timeout in 60 min
            ADDR …  waiting  PID  stock-north, stock-south ×2  stock  Shop.stock service.py:66  waits for event Shop.provider (ADDR); 3 wait
            ADDR  waiting  PID  worker-1  Task-1  Shop.book service.py:44
            ADDR …  waiting  PID  worker-2, worker-3 ×2  Task-1  Shop.transaction service.py:32  waits for lock Shop.ledger (ADDR) held by worker-1; 3 wait
            ADDR  waiting  PID  worker-4  Task-1  Shop.worker service.py:50  waits to get from queue Shop.orders (empty)
        "#]],
    );
}

#[test]
fn every_task_with_its_awaiters() {
    check(
        "dump PID",
        12..=u32::MAX,
        &expect![[r#"
            * Task(name='heartbeat', id=ADDR)
              + Call stack:
              |   File 'service.py', line 118, in async beat()
              + Waits for: event Shop.shutdown (ADDR); timeout in 60 min

            * Task(name='nightly-report', id=ADDR)
              + Call stack:
              |   File 'service.py', line 32, in async generator Shop.transaction()
              |   File 'service.py', line 57, in async generator Shop.open_orders()
              |   File 'service.py', line 61, in async Shop.report()
              + Waits for: lock Shop.ledger (ADDR) held by worker-1; 3 wait
              + Awaited by:
                * Task(name='Task-1', id=ADDR)
                  + Call stack:
                  |   File 'service.py', line 84, in async in_a_group()
                  |   File 'service.py', line 78, in async Shop.serve()
                  |   File 'service.py', line 109, in async main()

            * Task(name='payment-5', id=ADDR)
              + Call stack:
              |   File 'service.py', line 37, in async Shop.charge()
              + Waits for: event Shop.provider (ADDR); 3 wait
              + Awaited by:
                * Task(name='worker-1', id=ADDR)
                  + Call stack:
                  |   File 'service.py', line 44, in async Shop.book()
                  |   File 'service.py', line 51, in async Shop.worker()
                  + Awaited by:
                    * Task(name='Task-1', id=ADDR) (*)

            * Task(name='stock-north', id=ADDR) … Task(name='stock-south', id=ADDR) ×2
              + Call stack:
              |   File 'service.py', line 66, in async Shop.stock()
              + Waits for: event Shop.provider (ADDR); 3 wait
              + Awaited by:
                * Task(name='stock', id=ADDR)
                  + Call stack:
                  |   File 'service.py', line 71, in async Shop.stock_everywhere()
                  + Waits for: what it awaits; timeout in 60 min
                  + Awaited by:
                    * Task(name='Task-1', id=ADDR) (*)

            * Task(name='worker-2', id=ADDR) … Task(name='worker-3', id=ADDR) ×2
              + Call stack:
              |   File 'service.py', line 32, in async generator Shop.transaction()
              |   File 'service.py', line 40, in async Shop.book()
              |   File 'service.py', line 51, in async Shop.worker()
              + Waits for: lock Shop.ledger (ADDR) held by worker-1; 3 wait
              + Awaited by:
                * Task(name='Task-1', id=ADDR) (*)

            * Task(name='worker-4', id=ADDR)
              + Call stack:
              |   File 'service.py', line 50, in async Shop.worker()
              + Waits for: an item of queue Shop.orders (empty)
              + Awaited by:
                * Task(name='Task-1', id=ADDR) (*)
        "#]],
    );
}

#[test]
fn every_task_by_itself() {
    for python in Python::at_hand() {
        let service = Service::start(&python);
        let tree = awaitgraph(&format!("pstree {} --no-group", service.pid())).out;
        let list = awaitgraph(&format!("ps {} --no-group", service.pid())).out;
        let dump = awaitgraph(&format!("dump {} --no-group", service.pid())).out;
        let names = "stock-north stock-south worker-2 worker-3";
        for name in names.split(' ') {
            assert_eq!(tree.matches(&format!("{name}  ")).count(), 1, "{tree}");
            assert_eq!(list.matches(&format!("  {name}  ")).count(), 1, "{list}");
            assert!(
                dump.contains(&format!("* Task(name='{name}', id=")),
                "{dump}"
            );
        }
        assert!(!(tree + &list + &dump).contains('×'));
    }
}

#[test]
fn only_what_is_asked_for() {
    check(
        "pstree PID --task payment-*",
        8..=10,
        &expect![[r#"
            Task-1  in_a_group service.py:88
            └── [gather] worker-1  Shop.book service.py:44
                └── [shield] payment-5  Shop.charge service.py:37  waits for event Shop.provider (ADDR); 3 wait
        "#]],
    );
    check(
        "pstree PID --where Shop.stock",
        12..=u32::MAX,
        &expect![[r#"
            Task-1  in_a_group service.py:84
            └── [task_group] stock  Shop.stock_everywhere service.py:71  timeout in 60 min
                └── [gather] stock-north, stock-south ×2  Shop.stock service.py:66  waits for event Shop.provider (ADDR); 3 wait
        "#]],
    );
    check(
        "ps PID --where service.py:32",
        12..=u32::MAX,
        &expect![[r#"
            ID  STATE  THREAD  NAME  AWAITED BY  WHERE
            ADDR  waiting  PID  nightly-report  Task-1  Shop.transaction service.py:32  waits for lock Shop.ledger (ADDR) held by worker-1; 3 wait
            ADDR …  waiting  PID  worker-2, worker-3 ×2  Task-1  Shop.transaction service.py:32  waits for lock Shop.ledger (ADDR) held by worker-1; 3 wait
        "#]],
    );
    check(
        "ps PID --by where",
        12..=u32::MAX,
        &expect![[r#"
        TASKS  WHERE
        3      Shop.transaction service.py:32
        2      Shop.stock service.py:66
        1      in_a_group service.py:84
        1      beat service.py:118
        1      Shop.charge service.py:37
        1      Shop.stock_everywhere service.py:71
        1      Shop.book service.py:44
        1      Shop.worker service.py:50
    "#]],
    );
    check(
        "ps PID --by name --state waiting",
        12..=u32::MAX,
        &expect![[r#"
            TASKS  NAME
            4      worker-*
            1      Task-*
            1      heartbeat
            1      nightly-report
            1      payment-*
            1      stock
            1      stock-north
            1      stock-south
        "#]],
    );
    for python in Python::at_hand() {
        let service = Service::start(&python);
        let pid = service.pid();
        let json = |arguments: &str| -> serde_json::Value {
            let ran = awaitgraph(&format!("{arguments} --json"));
            assert_eq!((ran.code, ran.err.as_str()), (0, ""));
            serde_json::from_str(&ran.out).unwrap()
        };
        let tasks = json(&format!(
            "dump {pid} --where Shop.transaction --thread {pid}"
        ));
        assert_eq!(tasks["tasks"].as_array().map(Vec::len), Some(3));
        let counts = json(&format!("ps {pid} --by state"));
        assert_eq!(counts["counts"][0]["what"], "waiting");
        let ran = awaitgraph(&format!("pstree {pid} --task nobody"));
        assert_eq!((ran.code, ran.out.as_str()), (0, ""));
        assert!(
            ran.err.starts_with("awaitgraph: no task matches, of "),
            "{}",
            ran.err
        );
    }
}

#[test]
fn nothing_is_wrong_with_a_service_that_only_waits() {
    for python in Python::at_hand() {
        let service = Service::start(&python);
        let ran = awaitgraph(&format!("check {}", service.pid()));
        assert_eq!((ran.code, ran.out.as_str()), (0, ""), "{}", ran.err);
        assert!(
            ran.err.starts_with("awaitgraph: nothing found, in 1"),
            "{}",
            ran.err
        );
        let ran = awaitgraph(&format!("check {} --json --for 0", service.pid()));
        assert_eq!((ran.code, ran.err.as_str()), (0, ""));
        let document: serde_json::Value = serde_json::from_str(&ran.out).unwrap();
        assert_eq!(document["findings"], serde_json::json!([]));
        assert_eq!(document["target"]["pid"], service.pid());
    }
}

#[test]
fn the_graph_for_graphviz() {
    check(
        "ps PID --format dot",
        12..=u32::MAX,
        &expect![[r#"
            digraph awaitgraph {
                node [shape=box, fontname="monospace"];
                t0 [label="Task-1\nin_a_group service.py:84"];
                t1 [label="heartbeat\nbeat service.py:118\nwaits for event Shop.shutdown (ADDR); timeout in 60 min"];
                t2 [label="nightly-report\nShop.transaction service.py:32\nwaits for lock Shop.ledger (ADDR) held by worker-1; 3 wait"];
                t3 [label="payment-5\nShop.charge service.py:37\nwaits for event Shop.provider (ADDR); 3 wait"];
                t4 [label="stock\nShop.stock_everywhere service.py:71\ntimeout in 60 min"];
                t5 [label="stock-north, stock-south ×2\nShop.stock service.py:66\nwaits for event Shop.provider (ADDR); 3 wait"];
                t7 [label="worker-1\nShop.book service.py:44"];
                t8 [label="worker-2, worker-3 ×2\nShop.transaction service.py:32\nwaits for lock Shop.ledger (ADDR) held by worker-1; 3 wait"];
                t10 [label="worker-4\nShop.worker service.py:50\nwaits to get from queue Shop.orders (empty)"];
                t0 -> t2 [label="task_group"];
                t0 -> t4 [label="task_group"];
                t0 -> t7 [label="task_group"];
                t0 -> t8 [label="task_group"];
                t0 -> t10 [label="task_group"];
                t2 -> t7 [label="lock Shop.ledger", style=dashed];
                t4 -> t5 [label="gather"];
                t7 -> t3 [label="shield"];
                t8 -> t7 [label="lock Shop.ledger", style=dashed];
            }
        "#]],
    );
}

#[test]
fn the_graph_for_markdown() {
    check(
        "dump PID --format mermaid",
        12..=u32::MAX,
        &expect![[r#"
            flowchart TD
                t0["Task-1<br/>in_a_group service.py:84"]
                t1["heartbeat<br/>beat service.py:118<br/>waits for event Shop.shutdown (ADDR)#59; timeout in 60 min"]
                t2["nightly-report<br/>Shop.transaction service.py:32<br/>waits for lock Shop.ledger (ADDR) held by worker-1#59; 3 wait"]
                t3["payment-5<br/>Shop.charge service.py:37<br/>waits for event Shop.provider (ADDR)#59; 3 wait"]
                t4["stock<br/>Shop.stock_everywhere service.py:71<br/>timeout in 60 min"]
                t5["stock-north, stock-south ×2<br/>Shop.stock service.py:66<br/>waits for event Shop.provider (ADDR)#59; 3 wait"]
                t7["worker-1<br/>Shop.book service.py:44"]
                t8["worker-2, worker-3 ×2<br/>Shop.transaction service.py:32<br/>waits for lock Shop.ledger (ADDR) held by worker-1#59; 3 wait"]
                t10["worker-4<br/>Shop.worker service.py:50<br/>waits to get from queue Shop.orders (empty)"]
                t0 -->|"task_group"| t2
                t0 -->|"task_group"| t4
                t0 -->|"task_group"| t7
                t0 -->|"task_group"| t8
                t0 -->|"task_group"| t10
                t2 -.->|"lock Shop.ledger"| t7
                t4 -->|"gather"| t5
                t7 -->|"shield"| t3
                t8 -.->|"lock Shop.ledger"| t7
        "#]],
    );
}

#[test]
fn a_service_at_rest_looks_the_same_when_it_is_not_stopped() {
    for python in Python::at_hand() {
        let service = Service::start(&python);
        let stopped = awaitgraph(&format!("pstree {}", service.pid()));
        let running = awaitgraph(&format!("pstree {} --nonblocking", service.pid()));
        assert_eq!((running.code, running.err.as_str()), (0, ""));
        assert_eq!(stopped.out, running.out);
    }
}

#[test]
fn the_json_is_the_same_from_every_command() {
    for python in Python::at_hand() {
        let service = Service::start(&python);
        let documents = ["ps", "pstree", "dump"].map(|command| {
            let ran = awaitgraph(&format!("{command} {} --json", service.pid()));
            assert_eq!((ran.code, ran.err.as_str()), (0, ""));
            let mut document: serde_json::Value = serde_json::from_str(&ran.out).unwrap();
            // How long it took, and so how much was read anew.
            document["snapshot"] = serde_json::Value::Null;
            // And what time is left, which goes by.
            for task in document["tasks"].as_array_mut().unwrap() {
                task.as_object_mut().unwrap().remove("deadline");
                if let Some(waits_for) = task["waits_for"].as_object_mut() {
                    waits_for.retain(|key, _| !["left", "deadline"].contains(&key.as_str()));
                }
            }
            document
        });
        assert_eq!(documents[0], documents[1]);
        assert_eq!(documents[0], documents[2]);
        assert_eq!(documents[0]["schema"], 1);
        assert_eq!(documents[0]["target"]["pid"], service.pid());
        assert_eq!(documents[0]["tasks"][0]["name"], "Task-1");
    }
}

#[test]
fn the_list_of_processes_has_the_service() {
    for python in Python::at_hand() {
        let service = Service::start(&python);
        let ran = awaitgraph("ps --json");
        let document: serde_json::Value = serde_json::from_str(&ran.out).unwrap();
        let processes = document["processes"].as_array().unwrap();
        let row = processes
            .iter()
            .find(|row| row["pid"] == service.pid())
            .unwrap();
        assert_eq!(row["tasks"]["running"], 0);
        assert!(row["tasks"]["waiting"].as_u64() >= Some(9), "{row}");
        assert!(
            row["command"]
                .as_str()
                .unwrap()
                .ends_with("/src/demo/service.py")
        );
    }
}

#[test]
fn the_demo_shows_its_service_and_the_command_that_does() {
    for python in Python::at_hand() {
        let ran = Ran::of(
            program()
                .arg("demo")
                .env("AWAITGRAPH_PYTHON", python.path()),
        );
        assert_eq!(ran.code, 0, "{}", ran.err);
        assert!(ran.out.starts_with("Task-1  in_a_group /"), "{}", ran.out);
        assert!(ran.out.contains("└── [shield] payment-5  Shop.charge /"));
        let lines: Vec<&str> = ran.err.lines().collect();
        let service = format!("  $ {} /", python.path());
        assert!(lines[1].starts_with(&service) && lines[1].ends_with("/demo_service.py"));
        let (command, pid) = lines[3].rsplit_once(' ').unwrap();
        assert_eq!(command, "  $ awaitgraph pstree");
        let ran = awaitgraph(&format!("pstree {pid}"));
        assert_eq!(ran.code, 1, "the service outlived the demo: {}", ran.out);
    }
}

#[test]
fn the_service_ends_when_its_input_does() {
    for python in Python::at_hand() {
        assert!(Service::start(&python).ends_with_its_input());
    }
}

#[test]
fn the_output_is_coloured_only_where_that_is_asked_for() {
    for python in Python::at_hand().iter().take(1) {
        let service = Service::start(python);
        let plain = awaitgraph(&format!("pstree {}", service.pid()));
        let colored = awaitgraph(&format!("pstree {} --color always", service.pid()));
        assert!(!plain.out.contains('\x1b'));
        assert!(colored.out.contains("\x1b[1mTask-1\x1b[0m"));
    }
}
