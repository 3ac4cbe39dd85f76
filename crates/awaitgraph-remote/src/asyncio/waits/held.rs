//! The futures that threads without a loop have in hand.
//!
//! ```text
//!   completer: f           a variable of a thread, which is to complete it
//!   Worker.run: Worker.f   an attribute of what a thread has
//!   work: jobs[...]        behind others in a queue: as a job, or part of one
//!   Worker.run: self.jobs[...]
//! ```

use super::Waits;
use crate::frame::RawFrame;
use crate::limits;
use crate::map::{HashMap, HashSet};
use crate::object::{Fault, Kind, flags};

/// How many items of a queue are looked at.
const MOST_QUEUED: usize = 4096;
/// How many things a job has that are looked at.
const MOST_PARTS: usize = 16;

/// How many variables are told of one future.
const MOST_NAMES: usize = 8;

/// By future: what of the threads that run no loop has it.
pub(super) type OfThreads = HashMap<u64, Held>;

#[derive(Debug, Default)]
pub(super) struct Held {
    names: Vec<String>,
    /// Whether a thread has it for itself, and so is to complete it.
    by_thread: bool,
}

/// What has been looked into.
#[derive(Default)]
struct Seen {
    /// The queues, of which several frames may have the same.
    queues: HashSet<u64>,
    /// By type: whether its instances are threads.
    threads: HashMap<u64, bool>,
}

impl Waits<'_> {
    /// By which variables other threads have one of the objects in hand, and
    /// whether one has it for itself.
    pub(super) fn held_by_threads(&self, wanted: &[u64]) -> Result<(Vec<String>, bool), Fault> {
        let held = self.held()?;
        let (mut names, mut by_thread) = (Vec::new(), false);
        if held.is_empty() {
            return Ok((names, by_thread));
        }
        for found in wanted.iter().filter_map(|object| held.get(object)) {
            names.extend(found.names.iter().cloned());
            by_thread |= found.by_thread;
        }
        Ok((names, by_thread))
    }

    /// Whether one of them has it in hand.
    pub(super) fn is_held_by_threads(&self, object: u64) -> Result<bool, Fault> {
        Ok(self.held()?.contains_key(&object))
    }

    /// What the threads that run no loop have.
    fn held(&self) -> Result<&OfThreads, Fault> {
        if let Some(known) = self.held.get() {
            return Ok(known);
        }
        let mut held = OfThreads::default();
        let mut seen = Seen::default();
        for thread in self.picture.threads.iter().filter(|it| it.loop_.is_none()) {
            for frame in thread.frames.iter().take(limits::DEEPEST_REFERENCES) {
                let variables = self.frames.variables(frame.code)?;
                for (place, name) in variables.names.iter().enumerate() {
                    if let Some(value) = self.objects.variable(frame, place)? {
                        self.add_held(frame, name, value, &mut seen, &mut held)?;
                    }
                }
            }
        }
        Ok(self.held.get_or_init(|| held))
    }

    /// Adds what a variable of a frame has.
    fn add_held(
        &self,
        frame: &RawFrame,
        variable: &str,
        value: u64,
        seen: &mut Seen,
        held: &mut OfThreads,
    ) -> Result<(), Fault> {
        let objects = self.objects;
        let kind = objects.kind_of(value)?;
        if matches!(kind, Kind::Future | Kind::PyFuture) {
            return self.add_names(frame, variable, &[value], true, held);
        }
        if !matches!(kind, Kind::SimpleQueue | Kind::Other) {
            return Ok(());
        }
        let queued = self.queued(value, seen)?;
        self.add_names(frame, &format!("{variable}[...]"), &queued, true, held)?;
        if kind != Kind::Other {
            return Ok(());
        }
        let mut attributes = objects.attributes(value)?;
        attributes.truncate(limits::MOST_ATTRIBUTES);
        for (name, attribute) in attributes {
            if objects.kind_of_shared(name)? != Kind::Text {
                continue;
            }
            if matches!(objects.kind_of(attribute)?, Kind::Future | Kind::PyFuture) {
                // Others may share an object that is no thread.
                let by_thread = self.is_one("Thread", value, &mut seen.threads)?;
                let class = objects.type_name(objects.type_of(value)?.addr)?;
                let name = format!("{class}.{}", objects.text(name)?);
                self.add_names(frame, &name, &[attribute], by_thread, held)?;
            } else if variable == "self" {
                let queued = self.queued(attribute, seen)?;
                if !queued.is_empty() {
                    let name = format!("{variable}.{}[...]", objects.text(name)?);
                    self.add_names(frame, &name, &queued, true, held)?;
                }
            }
        }
        Ok(())
    }

    /// Names what was found by a variable of a frame.
    fn add_names(
        &self,
        frame: &RawFrame,
        name: &str,
        futures: &[u64],
        by_thread: bool,
        held: &mut OfThreads,
    ) -> Result<(), Fault> {
        for &future in futures {
            let held = held.entry(future).or_default();
            held.by_thread |= by_thread;
            // Functions that call each other have the same `self`.
            let is_same = |it: &String| it.rsplit(": ").next() == Some(name);
            if held.names.len() < MOST_NAMES && !held.names.iter().any(is_same) {
                self.objects.hold(128)?;
                let function = self.codes.name(frame.code)?;
                held.names.push(format!("{function}: {name}"));
            }
        }
        Ok(())
    }

    /// The futures in a queue, if the object at `addr` is one of threads.
    fn queued(&self, addr: u64, seen: &mut Seen) -> Result<Vec<u64>, Fault> {
        let objects = self.objects;
        let mut found = Vec::new();
        let items = match objects.kind_of(addr)? {
            Kind::SimpleQueue if seen.queues.insert(addr) => objects.simple_queue(addr)?,
            // `queue.Queue` and its kin.
            Kind::Other if objects.type_of(addr)?.flags & flags::HEAPTYPE != 0 => {
                let names = ["queue", "not_empty"];
                match objects.attributes_named(addr, names)? {
                    [Some(items), Some(_)]
                        if objects.kind_of(items)? == Kind::Deque && seen.queues.insert(addr) =>
                    {
                        objects.deque(items)?
                    }
                    _ => return Ok(found),
                }
            }
            _ => return Ok(found),
        };
        objects.hold(32)?;
        for item in items.into_iter().take(MOST_QUEUED) {
            if item != 0 {
                self.add_parts(item, &mut found)?;
            }
        }
        Ok(found)
    }

    /// Adds the futures that a job is, or has.
    fn add_parts(&self, item: u64, found: &mut Vec<u64>) -> Result<(), Fault> {
        let objects = self.objects;
        let parts = match objects.kind_of(item)? {
            Kind::Future | Kind::PyFuture => vec![item],
            Kind::Tuple => objects.tuple(item)?,
            Kind::Other => (objects.attributes(item)?.into_iter())
                .map(|(_, value)| value)
                .collect(),
            _ => Vec::new(),
        };
        for part in parts.into_iter().take(MOST_PARTS) {
            if matches!(objects.kind_of(part)?, Kind::Future | Kind::PyFuture) {
                found.push(part);
            }
        }
        Ok(())
    }
}
