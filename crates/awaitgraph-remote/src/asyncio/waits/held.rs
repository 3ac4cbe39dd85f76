//! The futures that threads without a loop have in hand, which will complete them.
//!
//! ```text
//!   a thread's frame ── future                      in a variable
//!                   └── queue ── (future, work)     behind others: a job
//!                       self._queue
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

/// By future: the variables that lead to it.
pub(super) type Held = HashMap<u64, Vec<String>>;

impl Waits<'_> {
    /// By which variables other threads have one of the objects in hand, and
    /// whether any has.
    pub(super) fn held_by_threads(&self, wanted: &[u64]) -> Result<(Vec<String>, bool), Fault> {
        let held = self.held()?;
        if held.is_empty() {
            return Ok((Vec::new(), false));
        }
        let mut names = Vec::new();
        for object in wanted {
            names.extend(held.get(object).into_iter().flatten().cloned());
        }
        let any = !names.is_empty();
        Ok((names, any))
    }

    /// What the threads that run no loop have.
    fn held(&self) -> Result<&Held, Fault> {
        if let Some(known) = self.held.get() {
            return Ok(known);
        }
        let mut held = Held::default();
        let mut queues = HashSet::default();
        for thread in self.picture.threads.iter().filter(|it| !it.runs_a_loop) {
            for frame in thread.frames.iter().take(limits::DEEPEST_REFERENCES) {
                self.add_held(frame, &mut queues, &mut held)?;
            }
        }
        Ok(self.held.get_or_init(|| held))
    }

    /// Adds what a frame has, but for the queues that others have too.
    fn add_held(
        &self,
        frame: &RawFrame,
        queues: &mut HashSet<u64>,
        held: &mut Held,
    ) -> Result<(), Fault> {
        let objects = self.objects;
        let variables = self.frames.variables(frame.code)?;
        for (place, name) in variables.names.iter().enumerate() {
            let Some(value) = objects.variable(frame, place)? else {
                continue;
            };
            let mut found = Vec::new();
            match objects.kind_of(value)? {
                Kind::Future | Kind::PyFuture => found.push(value),
                Kind::SimpleQueue => self.add_queued(value, queues, &mut found)?,
                Kind::Other if **name == *"self" => {
                    let mut attributes = objects.attributes(value)?;
                    attributes.truncate(limits::MOST_ATTRIBUTES);
                    for (attribute, value) in attributes {
                        self.add_queued(value, queues, &mut found)?;
                        if found.is_empty() || objects.kind_of(attribute)? != Kind::Text {
                            continue;
                        }
                        let attribute = objects.text(attribute)?;
                        let queue = format!("{name}.{attribute}[...]");
                        self.add_names(frame, &queue, &mut found, held)?;
                    }
                }
                Kind::Other => self.add_queued(value, queues, &mut found)?,
                _ => {}
            }
            match found.as_slice() {
                [one] if *one == value => self.add_names(frame, name, &mut found, held)?,
                _ => self.add_names(frame, &format!("{name}[...]"), &mut found, held)?,
            }
        }
        Ok(())
    }

    /// Names what was found by a variable of a frame.
    fn add_names(
        &self,
        frame: &RawFrame,
        name: &str,
        found: &mut Vec<u64>,
        held: &mut Held,
    ) -> Result<(), Fault> {
        if found.is_empty() {
            return Ok(());
        }
        let function = self.codes.name(frame.code)?;
        for future in found.drain(..) {
            self.objects.hold(128)?;
            let names = held.entry(future).or_default();
            names.push(format!("{function}: {name}"));
        }
        Ok(())
    }

    /// Adds the futures in a queue, if the object at `addr` is one of threads.
    fn add_queued(
        &self,
        addr: u64,
        queues: &mut HashSet<u64>,
        found: &mut Vec<u64>,
    ) -> Result<(), Fault> {
        let objects = self.objects;
        let items = match objects.kind_of(addr)? {
            Kind::SimpleQueue if queues.insert(addr) => objects.simple_queue(addr)?,
            // `queue.Queue` and its kin.
            Kind::Other if objects.type_of(addr)?.flags & flags::HEAPTYPE != 0 => {
                let names = ["queue", "not_empty"];
                match objects.attributes_named(addr, names)? {
                    [Some(items), Some(_)]
                        if objects.kind_of(items)? == Kind::Deque && queues.insert(addr) =>
                    {
                        objects.deque(items)?
                    }
                    _ => return Ok(()),
                }
            }
            _ => return Ok(()),
        };
        objects.hold(32)?;
        for item in items.into_iter().take(MOST_QUEUED) {
            if item != 0 {
                self.add_parts(item, found)?;
            }
        }
        Ok(())
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
