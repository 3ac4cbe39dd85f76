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

use awaitgraph_model::TaskIndex;

use super::Waits;
use super::frames::Level;
use crate::coroutine::{End, Stacks};
use crate::limits;
use crate::map::HashMap;
use crate::object::{Fault, Kind, flags};

/// In how many frames of who waits the pool is looked for.
const NEAREST: usize = 8;

/// The tasks that are inside of an object that gives something back at its
/// end, by what that refers to.
#[derive(Debug, Default)]
pub(super) struct Borrowed(HashMap<u64, Vec<(Entry, TaskIndex)>>);

/// By what a task entered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Entry {
    /// The class whose `__aenter__` it was.
    Class(u64),
    /// The code of the generator.
    Code(u64),
}

impl Waits<'_> {
    /// The tasks that have borrowed something of the queue at `queue`; `outer`
    /// are the frames of one that waits for it.
    pub(super) fn borrowers(&self, queue: u64, outer: &[Level]) -> Result<Vec<TaskIndex>, Fault> {
        let mut pools = vec![queue];
        let mut entries = Vec::new();
        for level in outer.iter().take(NEAREST) {
            entries.push(Entry::Code(level.raw.code));
            let Some(object) = self.frames.variable(&level.raw, "self")? else {
                continue;
            };
            if self.frames.is_named(level.code, "__aenter__") {
                entries.push(Entry::Class(self.objects.type_of(object)?.addr));
            }
            let mut attributes = self.objects.attributes(object)?;
            attributes.truncate(limits::MOST_ATTRIBUTES);
            for (_, value) in attributes {
                if value == queue {
                    pools.push(object);
                } else if self.is_of_the_program(value)? && self.has_attribute(value, queue)? {
                    pools.push(value);
                }
            }
        }
        let borrowed = self.borrowed()?;
        let tasks = pools.iter().filter_map(|pool| borrowed.0.get(pool));
        let tasks = tasks.flatten().filter(|(entry, _)| entries.contains(entry));
        let mut tasks: Vec<TaskIndex> = tasks.map(|&(_, task)| task).collect();
        tasks.sort_unstable();
        tasks.dedup();
        Ok(self.within_share(tasks))
    }

    fn is_of_the_program(&self, object: u64) -> Result<bool, Fault> {
        let type_ = self.objects.type_of(object)?;
        Ok(type_.kind == Kind::Other && type_.flags & flags::HEAPTYPE != 0)
    }

    fn has_attribute(&self, object: u64, wanted: u64) -> Result<bool, Fault> {
        let attributes = self.objects.attributes(object)?;
        Ok(attributes.iter().any(|&(_, value)| value == wanted))
    }

    fn borrowed(&self) -> Result<&Borrowed, Fault> {
        if let Some(known) = self.borrowed.get() {
            return Ok(known);
        }
        let objects = self.objects;
        let mut borrowed = Borrowed::default();
        let mut classes: HashMap<u64, bool> = HashMap::default();
        let mut codes: HashMap<u64, bool> = HashMap::default();
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
                        if self.gives_back(frame.code, &mut codes)?
                            && let Some(pool) = self.frames.variable(&frame, "self")?
                        {
                            entry = Entry::Code(frame.code);
                            lent_by.push(pool);
                        }
                    }
                }
            } else if self.class_gives_back(class, &mut classes, &mut codes)? {
                let attributes = objects.attributes(object)?.into_iter();
                lent_by.extend(attributes.map(|(_, value)| value));
            }
            for value in lent_by {
                if !self.is_of_the_program(value)? {
                    continue;
                }
                let tasks = self.entered.tasks(object);
                objects.hold(64 + 32 * tasks.len() as u64)?;
                let borrowers = borrowed.0.entry(value).or_default();
                borrowers.extend(tasks.iter().map(|&task| (entry, task)));
            }
        }
        Ok(self.borrowed.get_or_init(|| borrowed))
    }

    /// Whether the `__aexit__` of the class at `addr` gives something back.
    fn class_gives_back(
        &self,
        addr: u64,
        known: &mut HashMap<u64, bool>,
        codes: &mut HashMap<u64, bool>,
    ) -> Result<bool, Fault> {
        if let Some(&known) = known.get(&addr) {
            return Ok(known);
        }
        let objects = self.objects;
        let gives_back = match objects.class_attribute(addr, "__aexit__")? {
            Some(function) if objects.kind_of(function)? == Kind::Function => {
                let what = "a function without code";
                let code = objects.required(function, objects.layout.function.code, what)?;
                self.gives_back(code, codes)?
            }
            _ => false,
        };
        objects.hold(32)?;
        known.insert(addr, gives_back);
        Ok(gives_back)
    }

    fn gives_back(&self, code: u64, known: &mut HashMap<u64, bool>) -> Result<bool, Fault> {
        if let Some(&known) = known.get(&code) {
            return Ok(known);
        }
        let objects = self.objects;
        let what = "code without names";
        let names = objects.required(code, objects.layout.code.mentioned, what)?;
        let mut found = false;
        for name in objects.tuple(names)? {
            if objects.kind_of(name)? != Kind::Text {
                continue;
            }
            for word in ["release", "put", "put_nowait"] {
                found |= objects.text_is(name, word)?;
            }
        }
        objects.hold(32)?;
        known.insert(code, found);
        Ok(found)
    }
}
