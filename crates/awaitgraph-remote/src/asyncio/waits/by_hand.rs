//! Which locks are let go of by hand, so that who is inside of them need not
//! have them.
//!
//! ```text
//!   async with lock:             its end is still on the value stack,
//!       lock.release()           but the lock is free, or somebody else's
//!       await something()
//! ```
//!
//! Whoever is inside of a lock has it, unless a function that it is in calls
//! `release` on that lock, or somebody does who never takes it. Then it is not
//! known who has it. The functions of asyncio and of the layers that are known
//! do so in their own ways, which are known too.

use std::rc::Rc;

use awaitgraph_model::{PrimitiveKind, TaskIndex};

use super::called::Way;
use super::roles::Role;
use super::{Picture, Waits};
use crate::frame::RawFrame;
use crate::map::{HashMap, HashSet};
use crate::object::Reason::Unexpected;
use crate::object::{Fault, Kind};

/// What is called on locks.
const WORDS: [&str; 2] = ["release", "acquire"];
/// The classes that are locks to those that call these.
const LOCKS: [&str; 3] = ["Lock", "Semaphore", "Condition"];

/// What the frames of a task call on a lock.
#[derive(Debug, Clone, Copy)]
struct Use {
    task: TaskIndex,
    releases: bool,
    acquires: bool,
}

impl Use {
    /// One of the word with this number.
    fn of(task: TaskIndex, word: usize) -> Self {
        Self {
            task,
            releases: word == 0,
            acquires: word == 1,
        }
    }
}

/// What is called on each lock.
#[derive(Debug, Default)]
pub(super) struct ByHand {
    uses: HashMap<u64, Vec<Use>>,
    /// By condition, and by its lock: the tasks that wait for it without being
    /// inside, and so have let go of it for somebody else.
    outside: HashMap<u64, Vec<TaskIndex>>,
}

/// The ways to what a function calls each of [`WORDS`] on.
type Ways = [Option<Rc<[Way]>>; WORDS.len()];

/// What is known of classes and of code.
#[derive(Debug, Default)]
struct Known {
    locks: [HashMap<u64, bool>; LOCKS.len()],
    /// By code; nothing of one that calls none of them, as nearly all.
    ways: HashMap<u64, Option<Ways>>,
    /// By class: the ways in its `__aenter__`.
    entries: HashMap<u64, Ways>,
}

impl Waits<'_> {
    /// Takes out of the `holders` those that may have let go of it; whether that
    /// is known of all that may have it. `objects` are the same thing to the
    /// program.
    pub(super) fn retain_certain(
        &self,
        kind: PrimitiveKind,
        objects: &[u64],
        holders: &mut Vec<TaskIndex>,
    ) -> Result<bool, Fault> {
        if holders.is_empty() {
            return Ok(true);
        }
        let by_hand = self.by_hand()?;
        let inside: HashSet<TaskIndex> = holders.iter().copied().collect();
        let mut not_certain: HashSet<TaskIndex> = HashSet::default();
        let mut anybody = false;
        for found in (objects.iter()).flat_map(|it| by_hand.uses.get(it).into_iter().flatten()) {
            if !found.releases {
                continue;
            }
            if inside.contains(&found.task) {
                not_certain.insert(found.task);
            } else if !found.acquires {
                // Who waits for it has yet to get it.
                let waits_for = self.lock_waited_for(found.task)?;
                anybody |= !waits_for.is_some_and(|it| objects.contains(&it));
            }
        }
        if kind != PrimitiveKind::Semaphore {
            for task in
                (objects.iter()).flat_map(|it| by_hand.outside.get(it).into_iter().flatten())
            {
                let task = self.picture.tasks.get(task.as_usize());
                let mut awaited_by = task.map(|it| it.awaited_by.iter()).unwrap_or_default();
                match awaited_by.find(|it| inside.contains(&it.task)) {
                    Some(awaiter) => _ = not_certain.insert(awaiter.task),
                    None => anybody = true,
                }
            }
        }
        holders.retain(|task| !not_certain.contains(task));
        // One at a time has it.
        if kind != PrimitiveKind::Semaphore && (anybody || holders.len() > 1) {
            holders.clear();
        }
        Ok(!anybody && not_certain.is_empty())
    }

    fn by_hand(&self) -> Result<&ByHand, Fault> {
        if let Some(known) = self.by_hand.get() {
            return Ok(known);
        }
        let mut found = ByHand::default();
        let mut known = Known::default();
        let Picture {
            chains, on_stack, ..
        } = self.picture;
        for (position, chain) in chains.iter().enumerate() {
            let task = TaskIndex::from_usize(position);
            self.add_outside(task, &mut found)?;
            for frame in chain.frames.iter().chain(on_stack(task)) {
                self.add_uses(task, frame, &mut known, &mut found)?;
            }
        }
        for (task, frame) in self.entered.resting() {
            self.add_uses(*task, frame, &mut known, &mut found)?;
        }
        for object in self.entered.objects() {
            self.add_uses_on_entry(object, &mut known, &mut found)?;
        }
        Ok(self.by_hand.get_or_init(|| found))
    }

    /// Adds the condition that the task waits for without being inside.
    fn add_outside(&self, task: TaskIndex, found: &mut ByHand) -> Result<(), Fault> {
        if self.entered.has_let_go(task) {
            return Ok(());
        }
        let this = self.picture.tasks.get(task.as_usize());
        let mut roles = (this.into_iter().flat_map(|it| &it.stack))
            .map_while(|frame| self.frames.role(frame.code));
        if !roles.any(|role| role == Role::Primitive(PrimitiveKind::Condition)) {
            return Ok(());
        }
        let Some(run) = self.run(&self.levels(task))? else {
            return Ok(());
        };
        if run.role == Role::Primitive(PrimitiveKind::Condition) {
            let mut objects = run.objects;
            if let Some(&condition) = objects.last()
                && let Some(lock) = self.frames.attribute(condition, "_lock")?
            {
                objects.push(lock);
            }
            objects.sort_unstable();
            objects.dedup();
            for object in objects {
                self.objects.hold(32)?;
                found.outside.entry(object).or_default().push(task);
            }
        }
        Ok(())
    }

    /// Adds what a frame of the task calls on locks.
    fn add_uses(
        &self,
        task: TaskIndex,
        frame: &RawFrame,
        known: &mut Known,
        found: &mut ByHand,
    ) -> Result<(), Fault> {
        if !frame.has_variables() {
            return Ok(());
        }
        let ways = match known.ways.get(&frame.code) {
            Some(None) => return Ok(()),
            Some(Some(known)) => known.clone(),
            None => {
                let code = self.frame_of(frame)?.code;
                let is_known = self.frames.role(code).is_some() || self.frames.is_asyncio(code);
                let ways = match is_known {
                    true => Ways::default(),
                    false => self.ways_to_called(WORDS, frame.code)?,
                };
                self.objects.hold(32)?;
                let has_any = ways.iter().any(Option::is_some);
                let any = has_any.then(|| ways.clone());
                known.ways.insert(frame.code, any);
                ways
            }
        };
        for (number, ways) in ways.iter().enumerate() {
            let Some(ways) = ways else {
                continue;
            };
            let add = Use::of(task, number);
            for way in ways.iter() {
                let object = self.at_end_of(way, frame)?;
                self.add_use(object, add, known, found)?;
            }
            // A method of a lock may call that of its base.
            self.add_use(self.frames.itself(frame)?, add, known, found)?;
        }
        Ok(())
    }

    /// Adds what the `__aenter__` of an object that tasks are inside of calls on
    /// locks.
    fn add_uses_on_entry(
        &self,
        object: u64,
        known: &mut Known,
        found: &mut ByHand,
    ) -> Result<(), Fault> {
        let objects = self.objects;
        let class = objects.type_of(object)?.addr;
        let ways = match known.entries.get(&class) {
            Some(known) => known.clone(),
            None => {
                let ways = match objects.class_attribute(class, "__aenter__")? {
                    Some(function)
                        if !self.is_lock_like(object, known)?
                            && objects.kind_of(function)? == Kind::Function =>
                    {
                        let what = &Unexpected("a function without code");
                        let code =
                            objects.required(function, objects.layout.function.code, what)?;
                        self.ways_to_called(WORDS, code)?
                    }
                    _ => Ways::default(),
                };
                objects.hold(32)?;
                known.entries.insert(class, ways.clone());
                ways
            }
        };
        for (number, ways) in ways.iter().enumerate() {
            for way in ways.iter().flat_map(|it| it.iter()) {
                let lock = self.at_end_from_self(way, object)?;
                for &task in self.entered.tasks(object) {
                    self.add_use(lock, Use::of(task, number), known, found)?;
                }
            }
        }
        Ok(())
    }

    fn add_use(
        &self,
        object: Option<u64>,
        added: Use,
        known: &mut Known,
        found: &mut ByHand,
    ) -> Result<(), Fault> {
        let Some(lock) = object else {
            return Ok(());
        };
        if !self.is_lock_like(lock, known)? {
            return Ok(());
        }
        let uses = found.uses.entry(lock).or_default();
        match uses.last_mut() {
            Some(last) if last.task == added.task => {
                last.releases |= added.releases;
                last.acquires |= added.acquires;
            }
            _ => {
                self.objects.hold(64)?;
                uses.push(added);
            }
        }
        Ok(())
    }

    fn is_lock_like(&self, object: u64, known: &mut Known) -> Result<bool, Fault> {
        for (class, known) in LOCKS.iter().zip(&mut known.locks) {
            if self.is_one(class, object, known)? {
                return Ok(true);
            }
        }
        Ok(false)
    }
}
