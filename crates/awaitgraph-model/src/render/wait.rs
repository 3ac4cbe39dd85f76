//! What a task waits for, in a person's words.
//!
//! ```text
//!   waits for lock Pool.lock (0x7f0a) held by worker-2; 3 wait
//!   waits to get from queue jobs (empty, 0/10); timeout in 1.2 s
//!   runs crunch in thread 4712: Image.resize /app/x.py:9
//! ```
//!
//! The same words stand at the end of a task's line, and, as a noun, behind
//! `Waits for:`. Alike tasks that share a line share its words: where they wait
//! for the same object those of the first, else those that hold for all.

use std::fmt;

use crate::graph::{Graph, TaskIndex, TaskState};
use crate::questions::OwnCode;
use crate::render::duration::Duration;
use crate::render::line::{Line, Span};
use crate::render::place::{self, push_names};
use crate::waits::{
    Executor, Future, Pool, Primitive, PrimitiveKind, Queue, QueueEnd, Socket, SocketKind, Wait,
    WaitsFor, without_place,
};

/// How the words fit what stands before them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Phrase {
    /// Behind a task: `waits for lock Pool.lock`.
    Verb,
    /// Behind `Waits for:`: `lock Pool.lock`.
    Noun,
}

/// Adds what the tasks wait for, which are one, or alike; nothing where that
/// is not on record, or where they do not wait any more.
pub(super) fn push_wait(
    graph: &Graph,
    own_code: &OwnCode,
    tasks: &[TaskIndex],
    phrase: Phrase,
    line: &mut Line,
) {
    let first = tasks.first().and_then(|&task| graph.task(task));
    let Some(first) = first.filter(|task| task.state == TaskState::Waiting) else {
        return;
    };
    let Some(first) = first.waits_for.as_ref() else {
        push_limit(graph, tasks, phrase, line);
        return;
    };
    let mut words = Words {
        graph,
        own_code,
        phrase,
        line,
        wait: first,
    };
    let range = Range::of(tasks, graph);
    if let Wait::Sleep { .. } = first.what {
        words.sleep(range.left);
    } else if range.others == 0 {
        words.one();
    } else {
        words.several(&range);
    }
    words.deadline(range.deadline, tasks.len() > 1);
}

/// Adds until when the tasks wait for others, where they do so within a limit.
fn push_limit(graph: &Graph, tasks: &[TaskIndex], phrase: Phrase, line: &mut Line) {
    let deadlines = tasks.iter().filter_map(|&task| graph.task(task)?.deadline);
    let Some(first) = deadlines.reduce(f64::min) else {
        return;
    };
    if phrase == Phrase::Noun {
        line.push(Span::Waits, "what it awaits; ");
    }
    push_deadline(first, tasks.len() > 1, line);
}

/// Adds in how long the limit is reached, or for how long it has been.
fn push_deadline(deadline: f64, several: bool, line: &mut Line) {
    let word = if several { "first timeout" } else { "timeout" };
    let words = if deadline < 0.0 {
        format!("{word} overdue by {}", Duration(-deadline))
    } else {
        format!("{word} in {}", Duration(deadline))
    };
    line.push(Span::Waits, &words);
}

/// What alike tasks do not have in common.
struct Range<'a> {
    /// How many other objects they wait for than the first of them.
    others: usize,
    left: Option<(f64, f64)>,
    /// The earliest.
    deadline: Option<f64>,
    /// The addresses of their sockets, where all have the same.
    peer: Option<&'a str>,
    local: Option<&'a str>,
}

impl<'a> Range<'a> {
    fn of(tasks: &[TaskIndex], graph: &'a Graph) -> Self {
        let mut ids: Vec<Option<u64>> = Vec::new();
        let mut range = Self {
            others: 0,
            left: None,
            deadline: None,
            peer: None,
            local: None,
        };
        for waits_for in tasks.iter().filter_map(|&task| graph.task(task)) {
            let Some(waits_for) = &waits_for.waits_for else {
                continue;
            };
            if let Wait::Socket(socket) = &waits_for.what {
                let (peer, local) = (socket.peer.as_deref(), socket.local.as_deref());
                let is_first = ids.is_empty();
                range.peer = peer.filter(|it| is_first || range.peer == Some(*it));
                range.local = local.filter(|it| is_first || range.local == Some(*it));
            }
            ids.push(waits_for.id);
            if let Wait::Sleep { left: Some(left) } = waits_for.what {
                let (least, most) = range.left.unwrap_or((left, left));
                range.left = Some((least.min(left), most.max(left)));
            }
            if let Some(deadline) = waits_for.deadline {
                range.deadline = Some(range.deadline.map_or(deadline, |d| d.min(deadline)));
            }
        }
        ids.sort_unstable();
        ids.dedup();
        range.others = ids.len().saturating_sub(1);
        range
    }
}

struct Words<'a> {
    graph: &'a Graph,
    own_code: &'a OwnCode,
    phrase: Phrase,
    line: &'a mut Line,
    wait: &'a WaitsFor,
}

impl Words<'_> {
    fn one(&mut self) {
        let wait = self.wait;
        match &wait.what {
            Wait::Sleep { .. } => {}
            Wait::Primitive(primitive) => self.primitive(primitive),
            Wait::Queue(queue) => self.queue(queue),
            Wait::Pool(pool) => self.pool(pool),
            Wait::Socket(socket) => self.socket(socket),
            Wait::Executor(executor) => self.executor(executor),
            Wait::Subprocess { pid, alive } => self.subprocess(*pid, *alive),
            Wait::Future(future) => self.future(future),
        }
    }

    fn sleep(&mut self, left: Option<(f64, f64)>) {
        self.begin("sleeps", "sleep");
        match left {
            None => {}
            Some((least, _)) if least < 0.0 => {
                self.push_format(format_args!(", overdue by {}", Duration(-least)));
            }
            Some((least, most)) => {
                let (from, to) = (Duration(least).to_string(), Duration(most).to_string());
                if from == to {
                    self.push_format(format_args!(", {to} left"));
                } else {
                    self.push_format(format_args!(", {from} to {to} left"));
                }
            }
        }
    }

    fn primitive(&mut self, primitive: &Primitive) {
        self.begin("waits for ", "");
        if primitive.entering {
            self.push("the lock of ");
        }
        self.push(primitive.kind.as_str());
        let (kind, value, bound) = (primitive.kind, primitive.value, primitive.bound);
        let about = match (kind, value, bound) {
            (PrimitiveKind::Barrier, Some(here), Some(all)) => {
                Some(format!("{here} of {all} here"))
            }
            (PrimitiveKind::Semaphore, Some(left), Some(most)) => {
                Some(format!("{left} of {most} left"))
            }
            _ => None,
        };
        match (&self.wait.name, self.wait.id) {
            (Some(name), id) => {
                self.push(" ");
                self.push_untrusted(name);
                match (id, about) {
                    (Some(id), Some(about)) => {
                        self.push_format(format_args!(" ({id:#x}, {about})"))
                    }
                    (Some(id), None) => self.push_format(format_args!(" ({id:#x})")),
                    (None, Some(about)) => self.push_format(format_args!(" ({about})")),
                    (None, None) => {}
                }
            }
            (None, id) => {
                if let Some(id) = id {
                    self.push_format(format_args!(" {id:#x}"));
                }
                if let Some(about) = about {
                    self.push_format(format_args!(" ({about})"));
                }
            }
        }
        if primitive.abandoned {
            self.push(", which nobody is left to release");
        } else if !primitive.holders.is_empty() {
            self.push(" held by ");
            push_names(self.graph, &primitive.holders, Span::Waits, self.line);
        } else if self.wait.id.is_some()
            && (matches!(kind, PrimitiveKind::Lock | PrimitiveKind::Semaphore)
                || primitive.entering)
        {
            self.push(", holder not on record");
        }
        self.queue_length(primitive.waiting);
    }

    fn queue(&mut self, queue: &Queue) {
        let waiting = match queue.end {
            // Of a pool it is said who has what is missing.
            QueueEnd::Get if !queue.holders.is_empty() => {
                self.begin("waits for queue", "queue");
                queue.getters
            }
            QueueEnd::Get => {
                self.begin("waits to get from queue", "an item of queue");
                queue.getters
            }
            QueueEnd::Put => {
                self.begin("waits to put into queue", "room in queue");
                queue.putters
            }
            QueueEnd::Join => {
                self.begin("waits for the end of queue", "the end of queue");
                None
            }
        };
        self.push_name_or_id();
        match (queue.size, queue.bound) {
            (None, _) => {}
            (Some(0), _) if !queue.holders.is_empty() => {}
            (Some(0), None) => self.push(" (empty)"),
            (Some(size), None) => self.push_format(format_args!(" ({size} in it)")),
            (Some(size), Some(bound)) => {
                let word = match size {
                    0 => "empty, ",
                    _ if size >= bound => "full, ",
                    _ => "",
                };
                self.push_format(format_args!(" ({word}{size}/{bound})"));
            }
        }
        if !queue.holders.is_empty() {
            self.push(" held by ");
            push_names(self.graph, &queue.holders, Span::Waits, self.line);
        }
        self.queue_length(waiting);
    }

    fn pool(&mut self, pool: &Pool) {
        self.begin("waits for ", "");
        self.push("pool");
        self.push_name_or_id();
        if let (Some(lent), Some(bound)) = (pool.lent, pool.bound) {
            self.push_format(format_args!(" ({lent} of {bound} lent)"));
        }
        if !pool.holders.is_empty() {
            self.push(" held by ");
            push_names(self.graph, &pool.holders, Span::Waits, self.line);
            if pool.more_holders {
                self.push(", others not on record");
            }
        } else if pool.more_holders {
            self.push(", holder not on record");
        }
        self.queue_length(pool.waiting);
    }

    fn socket(&mut self, socket: &Socket) {
        let end = match socket.action {
            Some("read") => {
                self.begin("reads ", "data from ");
                socket.peer.as_ref().or(socket.local.as_ref())
            }
            Some("write") => {
                self.begin("writes to ", "room to write to ");
                socket.peer.as_ref().or(socket.local.as_ref())
            }
            Some("connect") => {
                self.begin("connects to ", "a connection to ");
                socket.peer.as_ref()
            }
            Some("accept") => {
                self.begin("accepts on ", "a connection on ");
                socket.local.as_ref()
            }
            Some("close") => {
                self.begin("waits for the end of ", "the end of ");
                socket.peer.as_ref().or(socket.local.as_ref())
            }
            _ => {
                self.begin("waits for ", "");
                socket.peer.as_ref().or(socket.local.as_ref())
            }
        };
        if let (Some(end), SocketKind::Server) = (end, socket.kind) {
            self.push("server ");
            self.push_untrusted(end);
        } else if let Some(end) = end {
            self.push_untrusted(end);
        } else {
            if let Some(family) = &socket.family {
                self.push_untrusted(family);
                self.push(" ");
            }
            self.push(socket.kind.as_str());
            self.push_name_or_id();
        }
        let buffered = socket.buffered.filter(|&bytes| bytes > 0);
        match (socket.fd, buffered) {
            (Some(fd), Some(bytes)) => {
                self.push_format(format_args!(" (fd {fd}, {bytes} bytes buffered)"));
            }
            (Some(fd), None) => self.push_format(format_args!(" (fd {fd})")),
            (None, Some(bytes)) => self.push_format(format_args!(" ({bytes} bytes buffered)")),
            (None, None) => {}
        }
    }

    fn executor(&mut self, executor: &Executor) {
        let function = executor.function.as_deref();
        let Some(thread) = executor.thread else {
            self.begin("waits for an executor", "an executor");
            if let Some(function) = function {
                self.push(" to run ");
                self.push_untrusted(function);
            }
            match executor.queued_before {
                None => {}
                Some(0) => self.push(", next in its queue"),
                Some(before) => self.push_format(format_args!(", {before} queued before it")),
            }
            return;
        };
        self.begin("runs ", "");
        self.push_untrusted(function.unwrap_or("a function"));
        self.push_format(format_args!(" in thread {thread}"));
        // Of a function in C there are only the frames that call it.
        let frame = self.own_code.innermost(&executor.stack);
        if let Some(frame) = frame.filter(|frame| !self.own_code.is_worker(frame)) {
            self.push(": ");
            place::push_wait_frame(self.graph, frame, self.line);
        }
    }

    fn subprocess(&mut self, pid: Option<u32>, alive: Option<bool>) {
        self.begin("waits for ", "");
        match pid {
            Some(pid) => self.push_format(format_args!("process {pid}")),
            None => self.push("a child process"),
        }
        if alive == Some(false) {
            self.push(", which has ended");
        }
    }

    fn future(&mut self, future: &Future) {
        self.begin("waits for ", "");
        let kind = if future.threadsafe {
            "a future of another thread"
        } else if self.wait.held_by().next().is_none() && self.wait.id.is_some() {
            "future"
        } else {
            "a future"
        };
        self.push(kind);
        if future.orphaned {
            self.push_id();
            return self.push(", which nothing is left to complete");
        }
        let mut holders: Vec<&str> = self.wait.held_by().collect();
        if holders.is_empty() && kind == "future" {
            return self.push_id();
        }
        // An attribute or a container has it; a variable is only a name for it.
        if let Some(name) = self.wait.name.as_deref()
            && !name.contains(['.', '['])
        {
            self.push(" called ");
            self.push_untrusted(name);
            holders.retain(|&holder| holder != name);
        }
        if holders.is_empty() {
            return;
        }
        self.push(" held by ");
        for (at, holder) in holders.iter().take(place::NAMES_SHOWN).enumerate() {
            self.push(if at == 0 { "" } else { ", " });
            self.push_untrusted(holder);
        }
        let more = holders.len().saturating_sub(place::NAMES_SHOWN);
        if more > 0 {
            self.push_format(format_args!(" and {more} more"));
        }
    }

    /// What holds for tasks that wait for different objects.
    fn several(&mut self, range: &Range<'_>) {
        let (wait, count) = (self.wait, range.others.saturating_add(1));
        match &wait.what {
            Wait::Sleep { .. } => return,
            Wait::Primitive(primitive) => {
                self.begin("wait for ", "");
                self.push_format(format_args!("{count} {}", plural(primitive.kind.as_str())));
            }
            Wait::Queue(queue) => {
                match queue.end {
                    QueueEnd::Get => self.begin("wait to get from ", "items of "),
                    QueueEnd::Put => self.begin("wait to put into ", "room in "),
                    QueueEnd::Join => self.begin("wait for the end of ", "the end of "),
                }
                self.push_format(format_args!("{count} queues"));
            }
            Wait::Pool(_) => {
                self.begin("wait for ", "");
                self.push_format(format_args!("{count} pools"));
            }
            Wait::Socket(socket) => {
                match socket.action {
                    Some("read") => self.begin("read ", "data from "),
                    Some("write") => self.begin("write to ", "room to write to "),
                    Some("connect") => self.begin("connect to ", "connections to "),
                    Some("accept") => self.begin("accept on ", "connections on "),
                    Some("close") => self.begin("wait for the end of ", "the end of "),
                    _ => self.begin("wait for ", ""),
                }
                let sockets = plural(socket.kind.as_str());
                // Of a client all lead to the same peer, of a server they have
                // the address in common at which it listens.
                if let Some(peer) = range.peer {
                    self.push_untrusted(peer);
                    self.push_format(format_args!(" ({count} {sockets})"));
                } else {
                    self.push_format(format_args!("{count} {sockets}"));
                    if let Some(local) = range.local {
                        self.push(" on ");
                        self.push_untrusted(local);
                    }
                }
                return;
            }
            Wait::Executor(executor) => {
                let function = executor.function.as_deref().unwrap_or("a function");
                if executor.thread.is_some() {
                    self.begin("run ", "");
                    self.push_untrusted(function);
                    self.push(" in threads");
                } else {
                    self.begin("wait for an executor to run ", "an executor to run ");
                    self.push_untrusted(function);
                }
                return;
            }
            Wait::Subprocess { .. } => {
                self.begin("wait for ", "");
                return self.push_format(format_args!("{count} processes"));
            }
            Wait::Future(future) => {
                self.begin("wait for ", "");
                self.push_format(format_args!("{count} futures"));
                if future.threadsafe {
                    self.push(" of other threads");
                }
                if let Some(holder) = wait.held_by().next() {
                    let is_a_variable = wait.name.is_some() && !holder.contains(['.', '[']);
                    self.push(if is_a_variable {
                        " called "
                    } else {
                        " held by "
                    });
                    self.push_untrusted(without_place(holder));
                }
                return;
            }
        }
        if let Some(name) = wait.name_of_kind() {
            self.push(" ");
            self.push_untrusted(name);
        }
    }

    fn deadline(&mut self, deadline: Option<f64>, several: bool) {
        let Some(deadline) = deadline else { return };
        self.push("; ");
        push_deadline(deadline, several, self.line);
    }

    /// How many wait, this one included, where it is not alone.
    fn queue_length(&mut self, waiting: Option<u64>) {
        if let Some(waiting) = waiting.filter(|&waiting| waiting > 1) {
            self.push_format(format_args!("; {waiting} wait"));
        }
    }

    fn begin(&mut self, verb: &str, noun: &str) {
        self.push(match self.phrase {
            Phrase::Verb => verb,
            Phrase::Noun => noun,
        });
    }

    fn push_name_or_id(&mut self) {
        match &self.wait.name {
            Some(name) => {
                self.push(" ");
                self.push_untrusted(name);
            }
            None => self.push_id(),
        }
    }

    fn push_id(&mut self) {
        if let Some(id) = self.wait.id {
            self.push_format(format_args!(" {id:#x}"));
        }
    }

    fn push(&mut self, text: &str) {
        self.line.push(Span::Waits, text);
    }

    fn push_untrusted(&mut self, text: &str) {
        self.line.push_untrusted(Span::Waits, text);
    }

    fn push_format(&mut self, text: fmt::Arguments<'_>) {
        self.line.push_format(Span::Waits, text);
    }
}

/// Adds the kind of a wait, and by which name it goes, as `lock Pool.lock`.
pub(super) fn push_kind_and_name(wait: &WaitsFor, line: &mut Line) {
    line.push(Span::Waits, wait.what.kind());
    if let Some(name) = &wait.name {
        line.push(Span::Waits, " ");
        line.push_untrusted(Span::Waits, name);
    }
}

/// `locks`, `processes`.
fn plural(word: &str) -> String {
    format!("{word}s")
}
