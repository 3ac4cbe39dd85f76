//! How many tasks have something in common.

use crate::map::HashMap;
use std::cmp::Reverse;

use crate::graph::{Frame, Task, TaskIndex, TaskState};
use crate::questions::{Link, Links, Outline, OwnCode};
use crate::waits::{Wait, WaitsFor, without_place};

/// What is to be in common.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum By {
    /// The innermost frame of the program's own code.
    Where,
    /// The name, but for numbers in it.
    Name,
    /// The kind and the name of what is waited for.
    WaitsFor,
    /// The state.
    State,
}

impl By {
    /// The word for it in every output: `where`, `name`, `waits-for`, `state`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Where => "where",
            Self::Name => "name",
            Self::WaitsFor => "waits-for",
            Self::State => "state",
        }
    }
}

/// Some tasks that have something in common.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Count {
    /// How many they are.
    pub tasks: usize,
    /// The first of them, in the graph's order.
    pub first: TaskIndex,
    /// What they have in common; from the target, not escaped.
    pub what: String,
}

/// Counts the tasks that are shown, the largest count first; equal ones in the
/// graph's order.
pub fn counts(outline: &Outline<'_>, by: By) -> Vec<Count> {
    let graph = outline.graph();
    let own_code = OwnCode::new(graph);
    // Of all tasks: what is waited for need not be shown.
    let children = (by == By::WaitsFor).then(|| Links::children(graph));
    let mut counts: Vec<Count> = Vec::new();
    let mut found: HashMap<String, usize> = HashMap::default();
    // Thousands of tasks stand at the same line, whose words are made once.
    let mut found_places: HashMap<Frame, usize> = HashMap::default();
    for (index, task) in graph.task_indices().zip(&graph.tasks) {
        if !outline.shows(index) {
            continue;
        }
        let next = counts.len();
        let frame = own_code.innermost(&task.stack).filter(|_| by == By::Where);
        if let Some(count) = frame
            .and_then(|frame| found_places.get(frame))
            .and_then(|&at| counts.get_mut(at))
        {
            count.tasks = count.tasks.saturating_add(1);
            continue;
        }
        let what = match by {
            By::Where => frame.map_or_else(|| "-".to_owned(), |frame| place(outline, frame)),
            By::Name => without_numbers(&task.name),
            By::WaitsFor => {
                let children = children.as_ref().map(|links| links.of(index));
                waits_for(task, children.unwrap_or_default())
            }
            By::State => task.state.as_str().to_owned(),
        };
        let at = *found.entry(what).or_insert_with_key(|what| {
            counts.push(Count {
                tasks: 0,
                first: index,
                what: what.clone(),
            });
            next
        });
        if let Some(frame) = frame {
            found_places.insert(*frame, at);
        }
        if let Some(count) = counts.get_mut(at) {
            count.tasks = count.tasks.saturating_add(1);
        }
    }
    counts.sort_by_key(|count| Reverse(count.tasks));
    counts
}

fn place(outline: &Outline<'_>, frame: &Frame) -> String {
    let Some(code) = outline.graph().code(frame) else {
        return "-".to_owned();
    };
    match frame.line {
        Some(line) => format!("{} {}:{line}", code.function, code.file),
        None => format!("{} {}", code.function, code.file),
    }
}

/// `worker-*` for `worker-17`.
fn without_numbers(name: &str) -> String {
    let mut pattern = String::with_capacity(name.len());
    let mut is_number = false;
    for c in name.chars() {
        if !c.is_ascii_digit() {
            pattern.push(c);
        } else if !is_number {
            pattern.push('*');
        }
        is_number = c.is_ascii_digit();
    }
    pattern
}

fn waits_for(task: &Task, children: &[Link]) -> String {
    match (&task.waits_for, task.state) {
        (Some(wait), TaskState::Waiting) => kind_and_name(wait),
        (None, TaskState::Waiting) => match children {
            [] => "-".to_owned(),
            [link, ..] if link.constructs.is_plain_await() => "a task".to_owned(),
            [link, ..] => format!("tasks, by {}", link.constructs),
        },
        (_, state) => format!("nothing, it is {}", state.as_str()),
    }
}

/// `lock Pool.lock`, `queue jobs, to get`, `executor, for crunch`.
fn kind_and_name(wait: &WaitsFor) -> String {
    let mut words = wait.what.kind().to_owned();
    if let Some(name) = wait.name_of_kind() {
        words.push(' ');
        words.push_str(name);
    }
    match &wait.what {
        Wait::Queue(queue) => {
            words.push_str(", to ");
            words.push_str(queue.end.as_str());
        }
        Wait::Socket(socket) => {
            if let Some(action) = socket.action {
                words.push_str(", to ");
                words.push_str(action);
            }
        }
        Wait::Executor(executor) => {
            if let Some(function) = &executor.function {
                words.push_str(", for ");
                words.push_str(function);
            }
        }
        Wait::Future(future) => {
            let others = future.also_held_by.iter().map(|it| without_place(it));
            let mut others = others.filter(|it| Some(*it) != wait.name_of_kind());
            if let Some(holder) = others.next() {
                words.push_str(" held by ");
                words.push_str(holder);
            }
        }
        Wait::Sleep { .. } | Wait::Primitive(_) | Wait::Pool(_) | Wait::Subprocess { .. } => {}
    }
    words
}
