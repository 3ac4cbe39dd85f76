//! Graphs written as text, one statement per line:
//!
//! ```text
//! main -> a                                   main awaits a
//! main -gather-> b                            ... by a construct
//! main in run /app/x.py:3, Loop.run /lib/l.py:9      its stack, innermost first
//! a is running                                its state
//! a limited                                   a time limit is around its wait
//! a on 4712                                   its thread; `1/4712` in interpreter 1
//! a waits for lock 0x7f0a held by b           what it waits for where that is no task
//! a waits for queue end=put size=9 bound=9    ... with whatever else is known
//! ```
//!
//! A line of one word only brings a task in. Tasks stand in the graph in the
//! order in which they are first named, with the ids 0x1000, 0x1010, …

use std::collections::HashMap;
use std::fmt::Debug;
use std::str::FromStr;
use std::sync::Arc;

use awaitgraph_model::{
    Awaiter, Code, CodeTable, Executor, Frame, FrameKind, Future, Graph, How, Pool, Primitive,
    PrimitiveKind, Queue, QueueEnd, Socket, SocketKind, Task, TaskIndex, TaskState, Wait, WaitsFor,
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
            "limited" => self.graph.tasks[task.as_usize()].limited = true,
            "cancels" => self.graph.tasks[task.as_usize()].cancelling = true,
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
                let waits_for = self.waits_for(rest.strip_prefix("for ").unwrap());
                self.graph.tasks[task.as_usize()].waits_for = Some(Arc::new(waits_for));
            }
            arrow => {
                let how = match arrow {
                    "->" => How::Await,
                    "-gather->" => How::Gather,
                    "-shield->" => How::Shield,
                    "-wait_for->" => How::WaitFor,
                    "-wait->" => How::Wait,
                    "-as_completed->" => How::AsCompleted,
                    "-callback->" => How::Callback,
                    "-task_group->" => How::TaskGroup,
                    "-recorded->" => How::Recorded,
                    _ => panic!("no such statement: {line}"),
                };
                let child = self.task(rest);
                self.graph.tasks[child.as_usize()].awaited_by.push(Awaiter {
                    task,
                    how,
                    via: Arc::default(),
                });
            }
        }
    }

    /// `lock 0x7f0a waiting=2 name=Pool.lock held by b, c`
    fn waits_for(&mut self, text: &str) -> WaitsFor {
        let (what, holders) = text.split_once(" held by ").unwrap_or((text, ""));
        let mut words = what.split(' ').peekable();
        let kind = words.next().unwrap();
        let id = words.next_if(|word| word.starts_with("0x")).map(address);
        let mut about: HashMap<&str, &str> = words
            .map(|word| word.split_once('=').unwrap_or((word, "")))
            .collect();
        let waits_for = WaitsFor {
            id,
            name: about.remove("name").map(str::to_owned),
            deadline: number(about.remove("deadline")),
            what: self.wait(kind, &mut about, holders),
        };
        assert!(about.is_empty(), "not of a {kind}: {about:?}");
        waits_for
    }

    fn wait(&mut self, kind: &str, about: &mut HashMap<&str, &str>, holders: &str) -> Wait {
        let text = |word: Option<&str>| word.map(str::to_owned);
        let primitive = match kind {
            "lock" => Some(PrimitiveKind::Lock),
            "semaphore" => Some(PrimitiveKind::Semaphore),
            "condition" => Some(PrimitiveKind::Condition),
            "barrier" => Some(PrimitiveKind::Barrier),
            "event" => Some(PrimitiveKind::Event),
            _ => None,
        };
        if let Some(kind) = primitive {
            return Wait::Primitive(Box::new(Primitive {
                kind,
                waiting: number(about.remove("waiting")),
                value: number(about.remove("value")),
                bound: number(about.remove("bound")),
                holders: self.tasks(holders, ", "),
                more_holders: about.remove("more_holders").is_some(),
                entering: about.remove("entering").is_some(),
                abandoned: about.remove("abandoned").is_some(),
            }));
        }
        match kind {
            "sleep" => Wait::Sleep {
                left: number(about.remove("left")),
            },
            "queue" => Wait::Queue(Box::new(Queue {
                end: match about.remove("end") {
                    Some("put") => QueueEnd::Put,
                    Some("join") => QueueEnd::Join,
                    _ => QueueEnd::Get,
                },
                size: number(about.remove("size")),
                bound: number(about.remove("bound")),
                getters: number(about.remove("getters")),
                putters: number(about.remove("putters")),
                others: self.tasks(about.remove("others").unwrap_or_default(), ","),
                more_others: about.remove("more_others").is_some(),
                holders: self.tasks(holders, ", "),
            })),
            "pool" => Wait::Pool(Box::new(Pool {
                lent: number(about.remove("lent")),
                bound: number(about.remove("bound")),
                waiting: number(about.remove("waiting")),
                holders: self.tasks(holders, ", "),
                more_holders: about.remove("more_holders").is_some(),
                by_others: about.remove("by_others").is_some(),
            })),
            "socket" | "stream" | "server" => Wait::Socket(Box::new(Socket {
                kind: match kind {
                    "socket" => SocketKind::Socket,
                    "stream" => SocketKind::Stream,
                    _ => SocketKind::Server,
                },
                action: about.remove("action").map(|action| {
                    let known = ["read", "write", "connect", "accept", "close"];
                    known.into_iter().find(|&known| known == action).unwrap()
                }),
                fd: number(about.remove("fd")),
                family: text(about.remove("family")),
                local: text(about.remove("local")),
                peer: text(about.remove("peer")),
                buffered: number(about.remove("buffered")),
            })),
            "executor" => Wait::Executor(Box::new(Executor {
                thread: number(about.remove("thread")),
                stack: (about.remove("at").into_iter())
                    .map(|frame| self.frame(&frame.replace('@', " ")))
                    .collect(),
                queued_before: number(about.remove("queued_before")),
                function: text(about.remove("function")),
            })),
            "subprocess" => Wait::Subprocess {
                pid: number(about.remove("pid")),
                alive: number(about.remove("alive")),
            },
            "future" | "threadsafe" => Wait::Future(Future {
                threadsafe: kind == "threadsafe",
                also_held_by: (about.remove("also_held_by").into_iter())
                    .flat_map(|holders| holders.split(','))
                    .map(str::to_owned)
                    .collect(),
                orphaned: about.remove("orphaned").is_some(),
            }),
            other => panic!("no such kind: {other}"),
        }
    }

    fn tasks(&mut self, names: &str, separator: &str) -> Vec<TaskIndex> {
        let names = names.split(separator).filter(|name| !name.is_empty());
        names.map(|name| self.task(name)).collect()
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

    /// `run /app/x.py:3`, with `def` or `generator` before it where the function
    /// is no coroutine.
    fn frame(&mut self, text: &str) -> Frame {
        let (kind, text) = match text.split_once(' ') {
            Some(("def", text)) => (FrameKind::Sync, text),
            Some(("generator", text)) => (FrameKind::Generator, text),
            _ => (FrameKind::Async, text),
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

fn number<T: FromStr<Err: Debug>>(word: Option<&str>) -> Option<T> {
    word.map(|word| word.parse().unwrap())
}

fn address(text: &str) -> u64 {
    u64::from_str_radix(text.trim_start_matches("0x"), 16).unwrap()
}
