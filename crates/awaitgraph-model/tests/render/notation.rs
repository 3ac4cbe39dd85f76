//! Graphs written as text, one statement per line:
//!
//! ```text
//! main -> a                                   main awaits a
//! main -gather-> b                            ... by a construct
//! main in run /app/x.py:3, Loop.run /lib/l.py:9      its stack, innermost first
//! a is running                                its state
//! a on 4712                                   its thread; `1/4712` in interpreter 1
//! a waits for lock 0x7f0a held by b           what it waits for where that is no task
//! ```
//!
//! A line of one word only brings a task in. Tasks stand in the graph in the
//! order in which they are first named, with the ids 0x1000, 0x1010, …

use std::collections::HashMap;

use awaitgraph_model::{
    Awaiter, Code, CodeTable, Frame, FrameKind, Graph, How, Primitive, PrimitiveKind, Task,
    TaskIndex, TaskState, Wait, WaitsFor,
};

/// The graph that `text` describes.
pub(crate) fn graph(text: &str) -> Graph {
    let mut reader = Reader::default();
    for line in text.lines().map(str::trim).filter(|line| !line.is_empty()) {
        reader.statement(line);
    }
    reader.graph.codes = reader.codes.into_codes();
    reader.graph
}

/// What a renderer writes, as a string.
pub(crate) fn written(write: impl FnOnce(&mut String) -> std::fmt::Result) -> String {
    let mut out = String::new();
    write(&mut out).expect("a string takes everything");
    out
}

#[derive(Default)]
struct Reader {
    graph: Graph,
    codes: CodeTable,
    by_name: HashMap<String, TaskIndex>,
}

impl Reader {
    fn statement(&mut self, line: &str) {
        let (name, rest) = line.split_once(' ').unwrap_or((line, ""));
        let task = self.task(name);
        let (verb, rest) = rest.split_once(' ').unwrap_or((rest, ""));
        match verb {
            "" => {}
            "in" => {
                let stack = rest.split(", ").map(|frame| self.frame(frame)).collect();
                self.graph.tasks[task.as_usize()].stack = stack;
            }
            "is" => {
                self.graph.tasks[task.as_usize()].state = match rest {
                    "running" => TaskState::Running,
                    "ready" => TaskState::Ready,
                    "waiting" => TaskState::Waiting,
                    _ => panic!("no such state: {line}"),
                };
            }
            "on" => {
                let (interpreter, thread) = rest.split_once('/').unwrap_or(("0", rest));
                let task = &mut self.graph.tasks[task.as_usize()];
                task.interpreter = interpreter.parse().unwrap();
                task.thread = Some(thread.parse().unwrap());
            }
            "waits" => {
                let (what, holders) = rest.split_once(" held by ").unwrap_or((rest, ""));
                let mut words = what.split(' ').skip(1);
                let kind = match words.next().unwrap() {
                    "lock" => PrimitiveKind::Lock,
                    "semaphore" => PrimitiveKind::Semaphore,
                    "event" => PrimitiveKind::Event,
                    other => panic!("no such kind: {other}"),
                };
                let waits_for = WaitsFor {
                    id: words.next().map(address),
                    name: None,
                    deadline: None,
                    what: Wait::Primitive(Primitive {
                        kind,
                        waiting: None,
                        value: None,
                        bound: None,
                        holders: (holders.split(", "))
                            .filter(|name| !name.is_empty())
                            .map(|name| self.task(name))
                            .collect(),
                        abandoned: false,
                    }),
                };
                self.graph.tasks[task.as_usize()].waits_for = Some(waits_for);
            }
            arrow => {
                let how = match arrow {
                    "->" => How::Await,
                    "-gather->" => How::Gather,
                    "-shield->" => How::Shield,
                    "-wait_for->" => How::WaitFor,
                    "-task_group->" => How::TaskGroup,
                    "-recorded->" => How::Recorded,
                    _ => panic!("no such statement: {line}"),
                };
                let child = self.task(rest);
                self.graph.tasks[child.as_usize()].awaited_by.push(Awaiter {
                    task,
                    how,
                    via: Vec::new(),
                });
            }
        }
    }

    fn task(&mut self, name: &str) -> TaskIndex {
        *self.by_name.entry(name.to_owned()).or_insert_with(|| {
            let index = TaskIndex::from_usize(self.graph.tasks.len());
            self.graph.tasks.push(Task {
                id: 0x1000 + 16 * index.as_usize() as u64,
                name: name.to_owned(),
                ..Task::default()
            });
            index
        })
    }

    /// `run /app/x.py:3`, with `def` before it where the function is no coroutine.
    fn frame(&mut self, text: &str) -> Frame {
        let (kind, text) = match text.strip_prefix("def ") {
            Some(text) => (FrameKind::Sync, text),
            None => (FrameKind::Async, text),
        };
        let (function, place) = text.split_once(' ').unwrap();
        let (file, line) = place.rsplit_once(':').unwrap();
        Frame {
            code: self.codes.intern(Code {
                function: function.to_owned(),
                file: file.to_owned(),
                kind,
            }),
            line: line.parse().ok(),
        }
    }
}

fn address(text: &str) -> u64 {
    u64::from_str_radix(text.trim_start_matches("0x"), 16).unwrap()
}
