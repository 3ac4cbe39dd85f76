//! Who may hold a semaphore without being on record.
//!
//! ```text
//!   on record:      async with limit: …
//!   not on record:  await limit.acquire()
//!                   try: …
//!                   finally: limit.release()
//! ```
//!
//! How many a semaphore lets in is not kept anywhere, unless it is a bounded
//! one. So it is not known from those on record whether they are all: somebody
//! else may have it whose function speaks of `release`, and who has the semaphore
//! in a variable, in an attribute of its `self`, or as a global; or who is inside
//! of an object that has it.

use awaitgraph_model::TaskIndex;

use super::Waits;
use crate::frame::RawFrame;
use crate::limits;
use crate::map::HashMap;
use crate::object::Reason::Unexpected;
use crate::object::{Fault, Kind};

/// By semaphore: the tasks that may release it.
pub(super) type Releasers = HashMap<u64, Vec<TaskIndex>>;

/// What is known of classes and of code.
#[derive(Debug, Default)]
struct Known {
    semaphores: HashMap<u64, bool>,
    /// By code: whether it releases something.
    codes: HashMap<u64, bool>,
    /// By code: the semaphores among the globals that it speaks of.
    globals: HashMap<u64, Vec<u64>>,
}

impl Waits<'_> {
    /// Whether a task besides the `holders` may hold the semaphore.
    pub(super) fn may_have_others(
        &self,
        semaphore: u64,
        holders: &[TaskIndex],
    ) -> Result<bool, Fault> {
        if !self.is_complete {
            return Ok(true);
        }
        let others = self.releasers()?.get(&semaphore);
        for &task in others.into_iter().flatten() {
            // Who waits for it has it only then.
            if !holders.contains(&task) && self.lock_waited_for(task)? != Some(semaphore) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn releasers(&self) -> Result<&Releasers, Fault> {
        if let Some(known) = self.releasers.get() {
            return Ok(known);
        }
        let objects = self.objects;
        let mut releasers = Releasers::default();
        let mut known = Known::default();
        let mut found = Vec::new();
        let mut add = |semaphores: &mut Vec<u64>, task: TaskIndex| -> Result<(), Fault> {
            for semaphore in semaphores.drain(..) {
                let tasks = releasers.entry(semaphore).or_default();
                if tasks.last() != Some(&task) {
                    objects.hold(64)?;
                    tasks.push(task);
                }
            }
            Ok(())
        };
        for (position, chain) in self.picture.chains.iter().enumerate() {
            let task = TaskIndex::from_usize(position);
            let on_stack = (self.picture.on_stack)(task);
            let frames = chain.frames.iter().chain(on_stack);
            for frame in frames.filter(|it| it.has_variables()) {
                if self.speaks_of_any(["release"], frame.code, &mut known.codes)? {
                    self.semaphores_of(frame, &mut known, &mut found)?;
                }
            }
            add(&mut found, task)?;
        }
        for object in self.entered.objects() {
            self.semaphores_in(object, &mut known, &mut found)?;
            for &task in self.entered.tasks(object) {
                add(&mut found.clone(), task)?;
            }
            found.clear();
        }
        Ok(self.releasers.get_or_init(|| releasers))
    }

    /// Adds the semaphores that a frame has in sight.
    fn semaphores_of(
        &self,
        frame: &RawFrame,
        known: &mut Known,
        found: &mut Vec<u64>,
    ) -> Result<(), Fault> {
        let objects = self.objects;
        let variables = self.frames.variables(frame.code)?;
        for (place, name) in variables.names.iter().enumerate() {
            let Some(value) = objects.variable(frame, place)? else {
                continue;
            };
            if self.is_one("Semaphore", value, &mut known.semaphores)? {
                found.push(value);
            } else if **name == *"self" {
                self.semaphores_in(value, known, found)?;
            }
        }
        if let Some(globals) = known.globals.get(&frame.code) {
            found.extend(globals);
            return Ok(());
        }
        let mut globals = Vec::new();
        if let Some(dict) = objects.globals(frame.addr)? {
            let what = &Unexpected("code without names");
            let names = objects.required(frame.code, objects.layout.code.mentioned, what)?;
            for name in objects
                .tuple(names)?
                .into_iter()
                .take(limits::MOST_ATTRIBUTES)
            {
                if objects.kind_of(name)? == Kind::Text
                    && let Some(value) = objects.dict_get(dict, &objects.text(name)?)?
                    && self.is_one("Semaphore", value, &mut known.semaphores)?
                {
                    globals.push(value);
                }
            }
        }
        objects.hold(32 + 8 * globals.len() as u64)?;
        found.extend(&globals);
        known.globals.insert(frame.code, globals);
        Ok(())
    }

    /// Adds the semaphores that an object has.
    fn semaphores_in(
        &self,
        object: u64,
        known: &mut Known,
        found: &mut Vec<u64>,
    ) -> Result<(), Fault> {
        let mut attributes = self.objects.attributes(object)?;
        attributes.truncate(limits::MOST_ATTRIBUTES);
        for (_, value) in attributes {
            if self.is_one("Semaphore", value, &mut known.semaphores)? {
                found.push(value);
            }
        }
        Ok(())
    }
}
