//! Pools that keep what they lend in a queue, as those of databases do.
//!
//! ```text
//!   waits:    Pool.acquire ──await──> self._queue.get()
//!   borrowed: async with pool.acquire():        an object on the value stack
//!                 …                             `pool`, or `gen`: a generator
//!                                               whose frame has the pool
//! ```
//!
//! Whoever is inside of an `async with` has borrowed something, where all of
//! this holds: its object refers to the same pool; one that waits is just
//! entering by the same class or generator function; and the end of it gives
//! something back, as its function speaks of `release` or of `put`.

use std::rc::Rc;

use awaitgraph_model::TaskIndex;

use super::Waits;
use super::frames::Level;
use crate::coroutine::{End, Stacks};
use crate::limits;
use crate::map::HashMap;
use crate::object::Reason::Unexpected;
use crate::object::{Fault, Kind, flags};

/// In how many frames of who waits it is looked for by what it enters.
const NEAREST: usize = 8;

/// What a function speaks of that gives back what was borrowed.
const GIVE_BACK: [&str; 3] = ["release", "put", "put_nowait"];

/// By what they entered, and the queue that this leads to: the tasks inside.
#[derive(Debug, Default)]
pub(super) struct Borrowed(HashMap<(Entry, u64), Vec<TaskIndex>>);

/// By what a task entered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Entry {
    /// The class whose `__aenter__` it was.
    Class(u64),
    /// The code of the generator.
    Code(u64),
}

/// What was found out of classes, functions and objects.
#[derive(Debug, Default)]
struct Known {
    /// By class: whether its `__aexit__` gives something back.
    classes: HashMap<u64, bool>,
    /// By code: whether it does.
    codes: HashMap<u64, bool>,
    /// By class: whether it is a queue.
    queues: HashMap<u64, bool>,
    /// By object.
    queues_of: HashMap<u64, Rc<[u64]>>,
}

impl Waits<'_> {
    /// The tasks that have borrowed something of the queue at `queue`; `outer`
    /// are the frames of one that waits for it.
    pub(super) fn borrowers(
        &self,
        queue: u64,
        outer: &[Level<'_>],
    ) -> Result<Vec<TaskIndex>, Fault> {
        let borrowed = self.borrowed()?;
        if borrowed.0.is_empty() {
            return Ok(Vec::new());
        }
        let mut tasks = Vec::new();
        let mut add = |entry| {
            let found = borrowed.0.get(&(entry, queue));
            tasks.extend(found.into_iter().flatten().copied());
        };
        for level in outer.iter().take(NEAREST) {
            add(Entry::Code(level.raw.code));
            if self.frames.is_named(level.code, "__aenter__")
                && let Some(object) = self.frames.itself(level.raw)?
            {
                add(Entry::Class(self.objects.type_of(object)?.addr));
            }
        }
        tasks.sort_unstable();
        tasks.dedup();
        Ok(self.within_share(tasks))
    }

    /// Whether anybody has borrowed something of a queue.
    pub(super) fn has_borrowers(&self) -> Result<bool, Fault> {
        Ok(!self.borrowed()?.0.is_empty())
    }

    fn borrowed(&self) -> Result<&Borrowed, Fault> {
        if let Some(known) = self.borrowed.get() {
            return Ok(known);
        }
        let objects = self.objects;
        let mut borrowed = Borrowed::default();
        let mut known = Known::default();
        let stacks = Stacks::default();
        for object in self.entered.objects() {
            let class = objects.type_of(object)?.addr;
            let mut entry = Entry::Class(class);
            let mut lent_by = Vec::new();
            if let Some(generator) = objects.attribute(object, "gen")? {
                // What a function with `asynccontextmanager` gave.
                if objects.kind_of(generator)? == Kind::Generator {
                    let mut frames = Vec::new();
                    // One that is being executed gives what it lends just now.
                    if objects.chain(generator, &stacks, &mut frames) != (End::Resting, None) {
                        continue;
                    }
                    for frame in frames {
                        if self.speaks_of_any(GIVE_BACK, frame.code, &mut known.codes)?
                            && let Some(pool) = self.frames.itself(&frame)?
                        {
                            entry = Entry::Code(frame.code);
                            lent_by.push(pool);
                        }
                    }
                }
            } else if self.class_gives_back(class, &mut known)? {
                let mut attributes = objects.attributes(object)?;
                attributes.truncate(limits::MOST_ATTRIBUTES);
                lent_by.extend(attributes.into_iter().map(|(_, value)| value));
            }
            for value in lent_by {
                for &queue in self.queues_of(value, &mut known)?.iter() {
                    let tasks = self.entered.tasks(object);
                    objects.hold(64 + 8 * tasks.len() as u64)?;
                    borrowed.0.entry((entry, queue)).or_default().extend(tasks);
                }
            }
        }
        Ok(self.borrowed.get_or_init(|| borrowed))
    }

    /// The queues to which an object leads: itself, or its attributes.
    fn queues_of(&self, object: u64, known: &mut Known) -> Result<Rc<[u64]>, Fault> {
        if let Some(found) = known.queues_of.get(&object) {
            return Ok(Rc::clone(found));
        }
        let type_ = self.objects.type_of(object)?;
        let mut found = Vec::new();
        if self.is_one("Queue", object, &mut known.queues)? {
            found.push(object);
        } else if type_.kind == Kind::Other && type_.flags & flags::HEAPTYPE != 0 {
            let mut attributes = self.objects.attributes(object)?;
            attributes.truncate(limits::MOST_ATTRIBUTES);
            for (_, value) in attributes {
                if self.is_one("Queue", value, &mut known.queues)? {
                    found.push(value);
                }
            }
        }
        self.objects.hold(64 + 8 * found.len() as u64)?;
        let found: Rc<[u64]> = found.into();
        known.queues_of.insert(object, Rc::clone(&found));
        Ok(found)
    }

    /// Whether the `__aexit__` of the class at `addr` gives something back.
    fn class_gives_back(&self, addr: u64, known: &mut Known) -> Result<bool, Fault> {
        if let Some(&known) = known.classes.get(&addr) {
            return Ok(known);
        }
        let objects = self.objects;
        let gives_back = match objects.class_attribute(addr, "__aexit__")? {
            Some(function) if objects.kind_of(function)? == Kind::Function => {
                let what = &Unexpected("a function without code");
                let code = objects.required(function, objects.layout.function.code, what)?;
                self.speaks_of_any(GIVE_BACK, code, &mut known.codes)?
            }
            _ => false,
        };
        objects.hold(32)?;
        known.classes.insert(addr, gives_back);
        Ok(gives_back)
    }
}
