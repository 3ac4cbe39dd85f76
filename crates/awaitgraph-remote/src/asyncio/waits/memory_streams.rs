//! Memory streams of anyio: what is in them, and who is at their other end.
//!
//! ```text
//!   MemoryObjectSendStream ──┐
//!   a clone of it ───────────┼──_state──> buffer, waiting_senders, waiting_receivers
//!   MemoryObjectReceiveStream┘
//! ```
//!
//! Which end a task has, the class tells; that it uses it, the words of its
//! function, or that it goes through it by `async for`: then the stream is on
//! the value stack.

use awaitgraph_model::{Queue, QueueEnd, TaskIndex};

use super::Waits;
use super::frames::Level;
use super::queues::{Users, add_user};
use super::roles::Role;
use crate::frame::RawFrame;
use crate::map::{HashMap, HashSet};
use crate::object::{Fault, Kind};

/// What who uses an end speaks of.
const SENDS: [&str; 2] = ["send", "send_nowait"];
const RECEIVES: [&str; 2] = ["receive", "receive_nowait"];

/// What was found out of classes and functions.
#[derive(Debug, Default)]
struct Known {
    /// By class: whose end it is, if any.
    ends: HashMap<u64, Option<QueueEnd>>,
    sends: HashMap<u64, bool>,
    receives: HashMap<u64, bool>,
}

/// An end of a stream that a frame has.
#[derive(Debug, Clone, Copy)]
struct Use {
    end: QueueEnd,
    stream: u64,
    used: bool,
}

/// Who uses which stream, by its state.
#[derive(Debug)]
pub(super) struct StreamUsers {
    putters: Users,
    getters: Users,
    /// The receiving ends that tasks were seen to have.
    receivers: HashMap<u64, HashSet<u64>>,
}

impl Waits<'_> {
    /// What is known of the memory stream one of whose ends is at `addr`.
    pub(super) fn memory_stream(&self, end: QueueEnd, addr: u64) -> Result<Queue, Fault> {
        let frames = &self.frames;
        let mut queue = Queue {
            end,
            size: None,
            bound: None,
            getters: None,
            putters: None,
            others: Vec::new(),
            more_others: false,
            holders: Vec::new(),
        };
        if let Some(state) = frames.attribute(addr, "_state")? {
            // Those that have no bound have the float infinity.
            let bound = frames.int(state, "max_buffer_size")?;
            queue.bound = bound.and_then(|it| u64::try_from(it).ok());
            queue.size = frames.length(state, "buffer")?;
            queue.getters = frames.length(state, "waiting_receivers")?;
            queue.putters = frames.length(state, "waiting_senders")?;
            let users = self.stream_users()?;
            let at = match end {
                QueueEnd::Get => &users.putters,
                QueueEnd::Put | QueueEnd::Join => &users.getters,
            };
            // Who has an end that nobody was seen to have may take from it too.
            let open = frames.int(state, "open_receive_channels")?;
            let seen = users.receivers.get(&state).map_or(0, HashSet::len);
            let are_all = open.and_then(|it| usize::try_from(it).ok()) <= Some(seen);
            if end == QueueEnd::Get || are_all {
                let others = at.get(&state).cloned().unwrap_or_default();
                queue.others = self.within_share(others);
            }
        }
        Ok(queue)
    }

    /// Who uses which stream, by its state.
    fn stream_users(&self) -> Result<&StreamUsers, Fault> {
        if let Some(known) = self.stream_users.get() {
            return Ok(known);
        }
        let (mut putters, mut getters) = (Users::default(), Users::default());
        let mut receivers: HashMap<u64, HashSet<u64>> = HashMap::default();
        let mut known = Known::default();
        let (mut found, mut levels) = (Vec::new(), Vec::new());
        for (position, chain) in self.picture.chains.iter().enumerate() {
            let task = TaskIndex::from_usize(position);
            levels.clear();
            self.add_levels(task, &mut levels);
            // Who is stuck at one end is of no use at the other.
            let stuck = self.stuck_at_stream(&levels)?;
            for frame in chain.frames.iter().filter(|it| it.has_variables()) {
                self.add_ends(frame, &mut known, &mut found)?;
                for Use { end, stream, used } in found.drain(..) {
                    self.objects.hold(96)?;
                    let Some(state) = self.frames.attribute(stream, "_state")? else {
                        continue;
                    };
                    if end == QueueEnd::Get {
                        receivers.entry(state).or_default().insert(stream);
                    }
                    if !used {
                        continue;
                    }
                    let (users, other) = match end {
                        QueueEnd::Put => (&mut putters, QueueEnd::Get),
                        QueueEnd::Get | QueueEnd::Join => (&mut getters, QueueEnd::Put),
                    };
                    if stuck != Some((other, state)) {
                        add_user(users, state, task);
                    }
                }
            }
        }
        let users = StreamUsers {
            putters,
            getters,
            receivers,
        };
        Ok(self.stream_users.get_or_init(|| users))
    }

    /// Adds the ends of streams that the frame has, used or not.
    fn add_ends(
        &self,
        frame: &RawFrame,
        known: &mut Known,
        found: &mut Vec<Use>,
    ) -> Result<(), Fault> {
        let objects = self.objects;
        let variables = self.frames.variables(frame.code)?;
        let mut streams = Vec::new();
        for (place, name) in variables.names.iter().enumerate() {
            let Some(value) = objects.variable(frame, place)? else {
                continue;
            };
            if let Some(end) = self.end_of_stream(value, known)? {
                // Not the stream's own methods.
                if **name != *"self" {
                    streams.push((end, value));
                }
            } else if **name == *"self" {
                for (_, value) in objects.attributes(value)? {
                    if let Some(end) = self.end_of_stream(value, known)? {
                        streams.push((end, value));
                    }
                }
            }
        }
        for (end, stream) in streams {
            let used = match end {
                QueueEnd::Put => self.speaks_of_any(SENDS, frame.code, &mut known.sends)?,
                QueueEnd::Get | QueueEnd::Join => {
                    self.speaks_of_any(RECEIVES, frame.code, &mut known.receives)?
                        || self.goes_through(frame, stream)?
                }
            };
            found.push(Use { end, stream, used });
        }
        Ok(())
    }

    /// Whether the suspended frame is in an `async for` over the object.
    fn goes_through(&self, frame: &RawFrame, object: u64) -> Result<bool, Fault> {
        let variables = self.frames.count(frame.code)?;
        let values = self.objects.value_stack(frame, variables, 0)?;
        Ok(values.contains(&object))
    }

    /// Which end of a stream the object is, if it is one.
    fn end_of_stream(&self, addr: u64, known: &mut Known) -> Result<Option<QueueEnd>, Fault> {
        if self.objects.kind_of_shared(addr)? != Kind::Other {
            return Ok(None);
        }
        let class = self.objects.type_of(addr)?.addr;
        if let Some(&known) = known.ends.get(&class) {
            return Ok(known);
        }
        let mut end = None;
        for name in self.objects.base_names(addr)? {
            end = match &*name {
                "MemoryObjectSendStream" => Some(QueueEnd::Put),
                "MemoryObjectReceiveStream" => Some(QueueEnd::Get),
                _ => continue,
            };
            break;
        }
        self.objects.hold(32)?;
        known.ends.insert(class, end);
        Ok(end)
    }

    /// The end of a stream at which a task with these frames waits, and its state.
    fn stuck_at_stream(&self, levels: &[Level<'_>]) -> Result<Option<(QueueEnd, u64)>, Fault> {
        for level in levels {
            match self.frames.role(level.code) {
                Some(Role::MemoryStream(end)) => {
                    let Some(stream) = self.frames.itself(level.raw)? else {
                        return Ok(None);
                    };
                    let state = self.frames.attribute(stream, "_state")?;
                    return Ok(state.map(|state| (end, state)));
                }
                Some(_) => {}
                None => break,
            }
        }
        Ok(None)
    }
}
