//! Queues of asyncio, and who is at their other end.

use awaitgraph_model::{Queue, QueueEnd, TaskIndex};

use super::Waits;
use super::frames::Level;
use super::reached::{ENDS, TAKES};
use super::roles::Role;
use crate::frame::RawFrame;
use crate::map::HashMap;
use crate::object::Fault;

/// By queue: the tasks that put something into it, or those that take from it.
pub(super) type Users = HashMap<u64, Vec<TaskIndex>>;

/// Adds a task, which comes with all its queues at once.
pub(super) fn add_user(users: &mut Users, queue: u64, task: TaskIndex) {
    let tasks = users.entry(queue).or_default();
    if tasks.last() != Some(&task) {
        tasks.push(task);
    }
}

/// What a function speaks of that puts something into a queue, or takes from it.
const PUTS: [&str; 2] = ["put", "put_nowait"];
const GETS: [&str; 2] = ["get", "get_nowait"];

/// What a queue has.
pub(super) const OF_QUEUE: [&str; 4] = ["_maxsize", "_queue", "_getters", "_putters"];

/// How many items there is room for, by a queue's `_maxsize`: in one without a
/// bound that is not positive.
pub(super) fn bound_of(maxsize: Option<i64>) -> Option<u64> {
    let bound = maxsize.and_then(|it| u64::try_from(it).ok());
    bound.filter(|&it| it > 0)
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
        let [bound, items, getters, putters] = self.objects.attributes_named(addr, OF_QUEUE)?;
        let bound = match bound {
            Some(bound) => self.frames.as_int(bound)?,
            None => None,
        };
        let length = |list: Option<u64>| list.map(|list| self.objects.length(list)).transpose();
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
            size: length(items)?,
            bound: bound_of(bound),
            getters: length(getters)?,
            putters: length(putters)?,
            others,
            more_others,
            holders: match end {
                QueueEnd::Get => self.borrowers(addr, outer)?,
                QueueEnd::Put | QueueEnd::Join => Vec::new(),
            },
        })
    }

    /// The tasks at the other end.
    pub(super) fn others(&self, end: QueueEnd, queues: &[u64]) -> Result<Vec<TaskIndex>, Fault> {
        let at = match end {
            QueueEnd::Get => self.users(QueueEnd::Put)?,
            QueueEnd::Put | QueueEnd::Join => self.users(QueueEnd::Get)?,
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

    /// Who uses this end of which queue: a frame of theirs has it in a variable, or
    /// in an attribute of its `self`, and its function speaks of `put` or of `get`.
    fn users(&self, end: QueueEnd) -> Result<&Users, Fault> {
        let (known, words, other) = match end {
            QueueEnd::Put => (&self.putters, PUTS, QueueEnd::Get),
            QueueEnd::Get | QueueEnd::Join => (&self.getters, GETS, QueueEnd::Put),
        };
        if let Some(known) = known.get() {
            return Ok(known);
        }
        let mut users = Users::default();
        let mut codes: HashMap<u64, bool> = HashMap::default();
        let mut queues: HashMap<u64, bool> = HashMap::default();
        let (mut found, mut levels) = (Vec::new(), Vec::new());
        for (position, chain) in self.picture.chains.iter().enumerate() {
            let task = TaskIndex::from_usize(position);
            let stack = self.picture.tasks.get(position);
            let stack = stack.map(|task| task.stack.as_slice()).unwrap_or_default();
            // Of one that is being executed there are more.
            let is_same = stack.len() == chain.frames.len();
            for (place, frame) in chain.frames.iter().rev().enumerate() {
                if frame.has_variables() && self.speaks_of_any(words, frame.code, &mut codes)? {
                    let own = stack.get(place).filter(|_| is_same);
                    let role = own.and_then(|it| self.frames.role(it.code));
                    self.add_queues(frame, role, &mut queues, &mut found)?;
                }
            }
            if found.is_empty() {
                continue;
            }
            levels.clear();
            self.add_levels(task, &mut levels);
            // Who is stuck at one end is of no use at the other.
            let stuck = self.stuck(&levels)?;
            for queue in found.drain(..) {
                self.objects.hold(64)?;
                if stuck != Some((other, queue)) {
                    add_user(&mut users, queue, task);
                }
            }
        }
        Ok(known.get_or_init(|| users))
    }

    /// Adds the queues that a frame has, whose function has this role.
    fn add_queues(
        &self,
        frame: &RawFrame,
        role: Option<Role>,
        queues: &mut HashMap<u64, bool>,
        found: &mut Vec<u64>,
    ) -> Result<(), Fault> {
        if matches!(role, Some(Role::Queue(_))) {
            // One of its own methods, which have no other.
            if let Some(own) = self.frames.itself(frame)?
                && self.is_one("Queue", own, queues)?
            {
                found.push(own);
            }
            return Ok(());
        }
        let variables = self.frames.variables(frame.code)?;
        for (place, name) in variables.names.iter().enumerate() {
            let Some(value) = self.objects.variable(frame, place)? else {
                continue;
            };
            if self.is_one("Queue", value, queues)? {
                found.push(value);
            } else if **name == *"self" {
                for (_, value) in self.objects.attributes(value)? {
                    if self.is_one("Queue", value, queues)? {
                        found.push(value);
                    }
                }
            }
        }
        Ok(())
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
}
