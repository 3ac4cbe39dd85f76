//! Which tasks of a graph are asked for.

use crate::map::HashSet;

use wildmatch::WildMatch;

use crate::graph::{Code, Frame, Graph, Task, TaskIndex, TaskState};
use crate::questions::Links;
use crate::waits::Wait;

/// A set of tasks of one graph.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mask {
    /// For each task; `None` where all are in it.
    tasks: Option<Vec<bool>>,
}

impl Mask {
    /// All tasks of `graph`.
    pub fn all(_graph: &Graph) -> Self {
        Self { tasks: None }
    }

    /// The tasks of `graph` for which `is_in` holds.
    pub fn of(graph: &Graph, is_in: impl Fn(TaskIndex, &Task) -> bool) -> Self {
        let tasks = graph.task_indices().zip(&graph.tasks);
        Self {
            tasks: Some(tasks.map(|(index, task)| is_in(index, task)).collect()),
        }
    }

    /// Whether the task is in it.
    pub fn contains(&self, task: TaskIndex) -> bool {
        match &self.tasks {
            None => true,
            Some(tasks) => tasks.get(task.as_usize()) == Some(&true),
        }
    }

    /// Whether it is known to hold all tasks.
    pub fn is_all(&self) -> bool {
        self.tasks.is_none()
    }

    /// Adds whatever `next` leads to from the tasks of this set.
    fn spread(mut self, next: impl Fn(TaskIndex, &mut Vec<TaskIndex>)) -> Self {
        let Some(tasks) = &mut self.tasks else {
            return self;
        };
        let is_in = |(at, &is_in): (usize, &bool)| is_in.then(|| TaskIndex::from_usize(at));
        let mut open: Vec<TaskIndex> = tasks.iter().enumerate().filter_map(is_in).collect();
        let mut found = Vec::new();
        while let Some(task) = open.pop() {
            next(task, &mut found);
            for task in found.drain(..) {
                if let Some(is_in @ false) = tasks.get_mut(task.as_usize()) {
                    *is_in = true;
                    open.push(task);
                }
            }
        }
        self
    }

    /// The tasks of this set and those of another.
    fn or(mut self, other: &Self) -> Self {
        match (&mut self.tasks, &other.tasks) {
            (Some(tasks), Some(others)) => {
                for (is_in, &other) in tasks.iter_mut().zip(others) {
                    *is_in |= other;
                }
            }
            (tasks, _) => *tasks = None,
        }
        self
    }
}

/// What is asked for. Each list that is not empty must have something that
/// matches a task.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Filter {
    /// Names, or patterns of them with `*` and `?`, or ids.
    pub tasks: Vec<String>,
    /// Functions (`Shop.charge`, or only `charge`) or files (`shop.py`, `shop.py:37`),
    /// or patterns of them, of any frame of a task.
    pub places: Vec<String>,
    /// States.
    pub states: Vec<TaskState>,
    /// Threads, as in [`Task::thread`].
    pub threads: Vec<u64>,
}

/// The answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Selection {
    /// The tasks asked for. Where they are asked for by name also those that
    /// wait for them and those that they wait for, directly or not.
    pub tasks: Mask,
    /// These, and all that wait for them up to the roots.
    pub with_awaiters: Mask,
}

impl Selection {
    /// Selects from `graph`.
    pub fn new(graph: &Graph, filter: &Filter) -> Self {
        if *filter == Filter::default() {
            return Self {
                tasks: Mask::all(graph),
                with_awaiters: Mask::all(graph),
            };
        }
        let names: Vec<Pattern> = filter.tasks.iter().map(|it| Pattern::new(it)).collect();
        let places = Places::new(graph, &filter.places);
        let matching = Mask::of(graph, |_, task| {
            (names.is_empty() || names.iter().any(|name| name.is_of(task)))
                && (filter.states.is_empty() || filter.states.contains(&task.state))
                && (filter.threads.is_empty()
                    || (task.thread).is_some_and(|thread| filter.threads.contains(&thread)))
                && (filter.places.is_empty() || places.are_in(&task.stack))
        });
        let awaiters = Links::awaiters(graph);
        let with_awaiters = matching.clone().spread(|task, found| {
            found.extend(awaiters.of(task).iter().map(|link| link.task));
        });
        if filter.tasks.is_empty() {
            return Self {
                tasks: matching,
                with_awaiters,
            };
        }
        let children = awaiters.reversed();
        let below = matching.spread(|task, found| {
            found.extend(children.of(task).iter().map(|link| link.task));
            if let Some(waits_for) = graph.task(task).and_then(|it| it.waits_for.as_ref()) {
                found.extend(waits_for.what.holders());
                if let Wait::Queue(queue) = &waits_for.what {
                    found.extend(&queue.others);
                }
            }
        });
        let tasks = with_awaiters.or(&below);
        Self {
            with_awaiters: tasks.clone(),
            tasks,
        }
    }
}

/// A name, a pattern of names, or an id.
struct Pattern {
    text: String,
    id: Option<u64>,
    glob: WildMatch,
}

impl Pattern {
    fn new(text: &str) -> Self {
        Self {
            text: text.to_owned(),
            id: match text.strip_prefix("0x") {
                Some(digits) => u64::from_str_radix(digits, 16).ok(),
                None => text.parse().ok(),
            },
            glob: WildMatch::new(text),
        }
    }

    fn is_of(&self, task: &Task) -> bool {
        self.id == Some(task.id) || self.is_name(&task.name)
    }

    fn is_name(&self, name: &str) -> bool {
        self.text == name || self.glob.matches(name)
    }

    /// `charge` is `Shop.charge` too, and `run` is `main.<locals>.run`.
    fn is_function(&self, code: &Code) -> bool {
        let last = code.function.rsplit('.').next().unwrap_or_default();
        self.is_name(&code.function) || self.is_name(last)
    }

    /// `shop.py` is `/srv/shop/shop.py` too.
    fn is_file(&self, code: &Code) -> bool {
        let ends_with = code
            .file
            .strip_suffix(self.text.as_str())
            .is_some_and(|folder| folder.is_empty() || folder.ends_with('/'));
        let last = code.file.rsplit('/').next().unwrap_or_default();
        ends_with || self.is_name(&code.file) || self.is_name(last)
    }
}

/// The places that are asked for, found once for each code of a graph.
struct Places {
    codes: Vec<bool>,
    lines: HashSet<(usize, u32)>,
}

impl Places {
    fn new(graph: &Graph, places: &[String]) -> Self {
        let mut found = Self {
            codes: vec![false; graph.codes.len()],
            lines: HashSet::default(),
        };
        for place in places {
            let pattern = Pattern::new(place);
            let at_line = place
                .rsplit_once(':')
                .and_then(|(file, line)| Some((Pattern::new(file), line.parse::<u32>().ok()?)));
            for (at, (code, is_in)) in graph.codes.iter().zip(&mut found.codes).enumerate() {
                *is_in |= pattern.is_function(code) || pattern.is_file(code);
                if let Some((file, line)) = &at_line
                    && (file.is_file(code) || file.is_function(code))
                {
                    found.lines.insert((at, *line));
                }
            }
        }
        found
    }

    fn are_in(&self, stack: &[Frame]) -> bool {
        stack.iter().any(|frame| {
            let code = frame.code.as_usize();
            self.codes.get(code) == Some(&true)
                || (frame.line).is_some_and(|line| self.lines.contains(&(code, line)))
        })
    }
}
