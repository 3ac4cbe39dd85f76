//! The names of alike tasks as one, and how many they are:
//! `worker-1 … worker-990 ×990`.

use crate::graph::{Graph, TaskIndex};
use crate::natural::natural_order;
use crate::render::line::{Line, Span};
use crate::render::place::shown_name;

/// How the names of some tasks are written as one.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Names<'a> {
    /// They have the same name, or there is only one task.
    Same(&'a str),
    /// There are two of them.
    Two(&'a str, &'a str),
    /// They are the same but for a number; the least and the greatest of it.
    Range(&'a str, &'a str),
    /// They begin the same.
    Prefix(&'a str),
    /// They have nothing in common; the first and the last.
    From(&'a str, &'a str),
}

impl<'a> Names<'a> {
    /// Of tasks of `graph`.
    pub(super) fn of(graph: &'a Graph, tasks: &[TaskIndex]) -> Self {
        let mut names = tasks
            .iter()
            .filter_map(|&task| graph.task(task))
            .map(shown_name);
        let Some(first) = names.next() else {
            return Self::Same("");
        };
        let (mut least, mut greatest) = (first, first);
        let mut prefix = first;
        let mut is_range = true;
        for name in names {
            if natural_order(name, least).is_lt() {
                least = name;
            }
            if natural_order(name, greatest).is_gt() {
                greatest = name;
            }
            is_range = is_range && around_number(name) == around_number(first);
            prefix = common_prefix(prefix, name);
        }
        if least == greatest {
            return Self::Same(first);
        }
        match tasks.len() {
            2 => Self::Two(least, greatest),
            _ if is_range && around_number(first).is_some() => Self::Range(least, greatest),
            _ if prefix.chars().count() >= SHORTEST_PREFIX => Self::Prefix(prefix),
            _ => Self::From(least, greatest),
        }
    }
}

/// A name that begins with less than this says nothing.
const SHORTEST_PREFIX: usize = 3;

/// What is before and behind the last number of a name.
fn around_number(name: &str) -> Option<(&str, &str)> {
    let end = name.rfind(|c: char| c.is_ascii_digit())?.checked_add(1)?;
    let (head, behind) = name.split_at_checked(end)?;
    let before = head.trim_end_matches(|c: char| c.is_ascii_digit());
    Some((before, behind))
}

fn common_prefix<'a>(a: &'a str, b: &str) -> &'a str {
    let differs = a.char_indices().zip(b.chars()).find(|((_, x), y)| x != y);
    let end = differs.map_or(a.len().min(b.len()), |((at, _), _)| at);
    a.get(..end).unwrap_or_default()
}

/// Adds the names of alike tasks, with their number where they are several.
pub(super) fn push_alike(graph: &Graph, tasks: &[TaskIndex], line: &mut Line) {
    match Names::of(graph, tasks) {
        Names::Same(name) => line.push_untrusted(Span::Name, name),
        Names::Two(a, b) => {
            line.push_untrusted(Span::Name, a);
            line.push(Span::Count, ", ");
            line.push_untrusted(Span::Name, b);
        }
        Names::Range(a, b) | Names::From(a, b) => {
            line.push_untrusted(Span::Name, a);
            line.push(Span::Count, " … ");
            line.push_untrusted(Span::Name, b);
        }
        Names::Prefix(prefix) => {
            line.push_untrusted(Span::Name, prefix);
            line.push(Span::Name, "*");
        }
    }
    if tasks.len() > 1 {
        line.push_format(Span::Count, format_args!(" ×{}", tasks.len()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::graph::Task;

    #[test]
    fn names_become_one() {
        for (names, shown) in [
            (vec!["a"], "a"),
            (vec!["a", "a", "a"], "a ×3"),
            (vec![""], "''"),
            (vec!["north", "south"], "north, south ×2"),
            (vec!["w-9", "w-10", "w-2"], "w-2 … w-10 ×3"),
            (vec!["a-1-x", "a-2-x", "a-3-x"], "a-1-x … a-3-x ×3"),
            (vec!["stock-n", "stock-s", "stock-10"], "stock-* ×3"),
            (vec!["größe-a", "größer", "größe"], "größe* ×3"),
            (vec!["b", "c", "a"], "a … c ×3"),
            (vec!["1", "2", "3"], "1 … 3 ×3"),
        ] {
            let task = |name: &&str| Task {
                name: (*name).to_owned(),
                ..Task::default()
            };
            let graph = Graph {
                tasks: names.iter().map(task).collect(),
                ..Graph::default()
            };
            let tasks: Vec<TaskIndex> = graph.task_indices().collect();
            let mut line = Line::default();
            push_alike(&graph, &tasks, &mut line);
            assert_eq!(line.take_text(), shown);
        }
    }
}
