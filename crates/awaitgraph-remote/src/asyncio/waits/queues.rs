//! Queues of asyncio, and who is at their other end.

use awaitgraph_model::{Queue, QueueEnd, TaskIndex};

use super::Waits;
use super::frames::Level;
use super::reached::{ENDS, TAKES};
use super::roles::Role;
use crate::map::HashMap;
use crate::object::Fault;

/// The tasks that put something into a queue, and those that take from it.
#[derive(Debug, Default)]
pub(super) struct Users {
    pub(super) putters: HashMap<u64, Vec<TaskIndex>>,
    pub(super) getters: HashMap<u64, Vec<TaskIndex>>,
}

impl Users {
    /// Adds a task, which comes with all its queues at once.
    pub(super) fn add(users: &mut HashMap<u64, Vec<TaskIndex>>, queue: u64, task: TaskIndex) {
        let tasks = users.entry(queue).or_default();
        if tasks.last() != Some(&task) {
            tasks.push(task);
        }
    }
}

/// What a function's names say that it does with a queue.
#[derive(Debug, Clone, Copy, Default)]
struct Does {
    puts: bool,
    gets: bool,
}

impl Waits<'_> {
    /// What is known of the `asyncio.Queue` at `addr`.
    /// `outer` are the frames of who waits for it.
    pub(super) fn queue(
        &self,
        end: QueueEnd,
        addr: u64,
        outer: &[Level<'_>],
    ) -> Result<Queue, Fault> {
        let frames = &self.frames;
        let bound = frames.int(addr, "_maxsize")?;
        let others = self.others(end, &[addr])?;
        let words = match end {
            QueueEnd::Get => None,
            QueueEnd::Put => Some(TAKES),
            QueueEnd::Join => Some(ENDS),
        };
        let more_others = match words {
            Some(words) if !others.is_empty() => self.may_be_reached(addr, words, &others)?,
            _ => false,
        };
        Ok(Queue {
            end,
            size: frames.length(addr, "_queue")?,
            bound: bound
                .and_then(|it| u64::try_from(it).ok())
                .filter(|&it| it > 0),
            getters: frames.length(addr, "_getters")?,
            putters: frames.length(addr, "_putters")?,
            others,
            more_others,
            holders: match end {
                QueueEnd::Get => self.borrowers(addr, outer)?,
                QueueEnd::Put | QueueEnd::Join => Vec::new(),
            },
        })
    }

    /// The tasks at the other end.
    fn others(&self, end: QueueEnd, queues: &[u64]) -> Result<Vec<TaskIndex>, Fault> {
        let users = self.users()?;
        let at = match end {
            QueueEnd::Get => &users.putters,
            QueueEnd::Put | QueueEnd::Join => &users.getters,
        };
        let mut others: Vec<TaskIndex> = queues
            .iter()
            .filter_map(|queue| at.get(queue))
            .flatten()
            .copied()
            .collect();
        others.sort_unstable();
        others.dedup();
        Ok(self.within_share(others))
    }

    /// Who uses which queue: a frame of theirs has it in a variable, or in an
    /// attribute of its `self`, and its function speaks of `put` or of `get`.
    fn users(&self) -> Result<&Users, Fault> {
        if let Some(known) = self.users.get() {
            return Ok(known);
        }
        let mut users = Users::default();
        let mut does: HashMap<u64, Does> = HashMap::default();
        let mut queues: HashMap<u64, bool> = HashMap::default();
        let mut last = None;
        let mut is_queue = |object| -> Result<bool, Fault> {
            match last {
                Some((known, is_it)) if known == object => Ok(is_it),
                _ => {
                    let is_it = self.is_one("Queue", object, &mut queues)?;
                    if self.objects.is_intact() {
                        last = Some((object, is_it));
                    }
                    Ok(is_it)
                }
            }
        };
        let (mut found, mut levels) = (Vec::new(), Vec::new());
        for (position, chain) in self.picture.chains.iter().enumerate() {
            let task = TaskIndex::from_usize(position);
            levels.clear();
            self.add_levels(task, &mut levels);
            // Who is stuck at one end is of no use at the other.
            let stuck = self.stuck(&levels)?;
            for (place, frame) in chain.frames.iter().rev().enumerate() {
                if !frame.has_variables() {
                    continue;
                }
                let does = match does.get(&frame.code) {
                    Some(&known) => known,
                    None => {
                        let found = self.does(frame.code)?;
                        self.objects.hold(32)?;
                        does.insert(frame.code, found);
                        found
                    }
                };
                if !does.puts && !does.gets {
                    continue;
                }
                let role = levels.get(place).and_then(|it| self.frames.role(it.code));
                if matches!(role, Some(Role::Queue(_))) {
                    // One of its own methods, which have no other.
                    let own = self.frames.itself(frame)?;
                    if let Some(own) = own
                        && is_queue(own)?
                    {
                        found.push(own);
                    }
                } else {
                    let variables = self.frames.variables(frame.code)?;
                    for (place, name) in variables.names.iter().enumerate() {
                        let Some(value) = self.objects.variable(frame, place)? else {
                            continue;
                        };
                        if is_queue(value)? {
                            found.push(value);
                        } else if **name == *"self" {
                            for (_, value) in self.objects.attributes(value)? {
                                if is_queue(value)? {
                                    found.push(value);
                                }
                            }
                        }
                    }
                }
                for queue in found.drain(..) {
                    self.objects.hold(64)?;
                    if does.puts && stuck != Some((QueueEnd::Get, queue)) {
                        Users::add(&mut users.putters, queue, task);
                    }
                    if does.gets && stuck != Some((QueueEnd::Put, queue)) {
                        Users::add(&mut users.getters, queue, task);
                    }
                }
            }
        }
        Ok(self.users.get_or_init(|| users))
    }

    /// The end of a queue at which a task with these frames waits, and the queue.
    fn stuck(&self, levels: &[Level<'_>]) -> Result<Option<(QueueEnd, u64)>, Fault> {
        let is_one = |level: &Level<'_>| {
            let role = self.frames.role(level.code);
            matches!(role, Some(Role::Queue(_)))
        };
        if !levels.iter().any(is_one) {
            return Ok(None);
        }
        let Some(run) = self.run(levels)? else {
            return Ok(None);
        };
        let stuck = match (run.role, run.objects.last()) {
            (Role::Queue(end), Some(&queue)) => Some((end, queue)),
            _ => None,
        };
        self.spare.replace(run.objects);
        Ok(stuck)
    }

    /// What a function does, by the names of attributes that it mentions.
    fn does(&self, code: u64) -> Result<Does, Fault> {
        let words = ["put", "put_nowait", "get", "get_nowait"];
        let [put, put_nowait, get, get_nowait] = self.speaks_of(words, code)?;
        Ok(Does {
            puts: put || put_nowait,
            gets: get || get_nowait,
        })
    }
}
