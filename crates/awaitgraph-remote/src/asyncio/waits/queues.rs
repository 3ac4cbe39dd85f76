//! Queues of asyncio, memory streams of anyio, and who is at their other end.

use awaitgraph_model::{Queue, QueueEnd, TaskIndex};

use super::Waits;
use super::frames::Level;
use super::roles::Role;
use crate::map::{HashMap, HashSet};
use crate::object::Fault;

/// The tasks that put something into a queue, and those that take from it.
#[derive(Debug, Default)]
pub(super) struct Users {
    putters: HashMap<u64, Vec<TaskIndex>>,
    getters: HashMap<u64, Vec<TaskIndex>>,
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
    pub(super) fn queue(&self, end: QueueEnd, addr: u64, outer: &[Level]) -> Result<Queue, Fault> {
        let frames = &self.frames;
        let bound = frames.int(addr, "_maxsize")?;
        Ok(Queue {
            end,
            size: frames.length(addr, "_queue")?,
            bound: bound
                .and_then(|it| u64::try_from(it).ok())
                .filter(|&it| it > 0),
            getters: frames.length(addr, "_getters")?,
            putters: frames.length(addr, "_putters")?,
            others: self.others(end, &[addr])?,
            holders: match end {
                QueueEnd::Get => self.borrowers(addr, outer)?,
                QueueEnd::Put | QueueEnd::Join => Vec::new(),
            },
        })
    }

    /// What is known of the memory stream of anyio one of whose ends is at `addr`.
    pub(super) fn memory_stream(&self, end: QueueEnd, addr: u64) -> Result<Queue, Fault> {
        let frames = &self.frames;
        let mut queue = Queue {
            end,
            size: None,
            bound: None,
            getters: None,
            putters: None,
            others: Vec::new(),
            holders: Vec::new(),
        };
        if let Some(state) = frames.attribute(addr, "_state")? {
            // Those that have no bound have the float infinity.
            let bound = frames.int(state, "max_buffer_size")?;
            queue.bound = bound.and_then(|it| u64::try_from(it).ok());
            queue.size = frames.length(state, "buffer")?;
            queue.getters = frames.length(state, "waiting_receivers")?;
            queue.putters = frames.length(state, "waiting_senders")?;
        }
        Ok(queue)
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
        let mut seen: HashSet<(u64, TaskIndex)> = HashSet::default();
        for (position, chain) in self.picture.chains.iter().enumerate() {
            let task = TaskIndex::from_usize(position);
            // Who is stuck at one end is of no use at the other.
            let stuck = match self.run(&self.levels(task))? {
                Some(run) => match (run.role, run.objects.last()) {
                    (Role::Queue(end), Some(&queue)) => Some((end, queue)),
                    _ => None,
                },
                None => None,
            };
            for frame in chain.frames.iter().filter(|it| it.has_variables()) {
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
                let variables = self.frames.variables(frame.code)?;
                let mut found = Vec::new();
                for (place, name) in variables.names.iter().enumerate() {
                    let Some(value) = self.objects.variable(frame.addr, place)? else {
                        continue;
                    };
                    if self.is_one("Queue", value, &mut queues)? {
                        found.push(value);
                    } else if **name == *"self" {
                        for (_, value) in self.objects.attributes(value)? {
                            if self.is_one("Queue", value, &mut queues)? {
                                found.push(value);
                            }
                        }
                    }
                }
                for queue in found {
                    self.objects.hold(64)?;
                    if does.puts
                        && stuck != Some((QueueEnd::Get, queue))
                        && seen.insert((queue, task))
                    {
                        users.putters.entry(queue).or_default().push(task);
                    }
                    if does.gets
                        && stuck != Some((QueueEnd::Put, queue))
                        && seen.insert((queue ^ 1, task))
                    {
                        users.getters.entry(queue).or_default().push(task);
                    }
                }
            }
        }
        Ok(self.users.get_or_init(|| users))
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
