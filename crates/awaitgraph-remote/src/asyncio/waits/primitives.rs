//! Locks and their kin, of `Lib/asyncio/locks.py` and of anyio
//! (`_core/_synchronization.py`, `_backends/_asyncio.py`).

use awaitgraph_model::{Primitive, PrimitiveKind, TaskIndex};

use super::reached::RELEASES;
use super::{Run, Waits};
use crate::object::{Fault, Kind};

impl Waits<'_> {
    /// What is known of the primitive in which `run` ends.
    pub(super) fn primitive(&self, kind: PrimitiveKind, run: &Run) -> Result<Primitive, Fault> {
        let mut found = Primitive {
            kind,
            waiting: None,
            value: None,
            bound: None,
            holders: Vec::new(),
            entering: run.is_entering,
            more_holders: false,
            abandoned: false,
        };
        // What wraps another knows less of it.
        for &object in &run.objects {
            self.add_numbers(&mut found, object, run)?;
        }
        let (mut holders, mut named) = (Vec::new(), None);
        if matches!(
            kind,
            PrimitiveKind::Lock | PrimitiveKind::Condition | PrimitiveKind::Semaphore
        ) {
            for &object in &run.objects {
                if let Some(owner) = self.add_holders(kind, object, &mut holders)? {
                    named = Some(owner);
                }
            }
        }
        holders.sort_unstable();
        holders.dedup();
        let anybody = !holders.is_empty();
        match kind {
            PrimitiveKind::Lock | PrimitiveKind::Condition if found.value == Some(0) => {
                // Who is inside of a condition may have let go of it by another task,
                // as one that `wait_for` made for its `wait` to 3.11.
                holders.clear();
            }
            PrimitiveKind::Lock | PrimitiveKind::Condition if named.is_some() => {
                holders.clear();
                holders.extend(named);
            }
            PrimitiveKind::Lock | PrimitiveKind::Condition => {
                self.retain_certain(kind, &run.objects, &mut holders)?;
            }
            PrimitiveKind::Semaphore => {
                found.more_holders = !self.retain_certain(kind, &run.objects, &mut holders)?;
                // Of a bounded one it is known how many there are.
                if found.bound.is_none() && !holders.is_empty() {
                    for &object in &run.objects {
                        found.more_holders |= self.may_have_others(object, &holders)?
                            || self.may_be_reached(object, RELEASES, &holders)?;
                    }
                }
            }
            _ => {}
        }
        found.holders = self.within_share(holders);
        let is_taken = match kind {
            PrimitiveKind::Lock => found.value == Some(1),
            PrimitiveKind::Semaphore => found.value == Some(0),
            _ => false,
        };
        if is_taken
            && !anybody
            && self.is_complete
            && let [lock] = run.objects.as_slice()
        {
            found.abandoned = self.is_abandoned(*lock)?;
        }
        Ok(found)
    }

    fn add_numbers(&self, found: &mut Primitive, object: u64, run: &Run) -> Result<(), Fault> {
        let frames = &self.frames;
        let waiters = |name| frames.length(object, name);
        match found.kind {
            PrimitiveKind::Lock => {
                let names = ["_locked", "_waiters"];
                let [locked, waiters] = self.objects.attributes_named(object, names)?;
                found.value = match locked {
                    Some(locked) => frames.as_int(locked)?,
                    // anyio's says who has it.
                    None => self.has_owner(object)?.or(found.value),
                };
                self.add_waiting(found, waiters)?;
            }
            PrimitiveKind::Event | PrimitiveKind::Semaphore => {
                let names = ["_value", "_waiters"];
                let [value, waiters] = self.objects.attributes_named(object, names)?;
                if let Some(value) = value
                    && found.value.is_none()
                {
                    found.value = frames.as_int(value)?;
                }
                self.add_waiting(found, waiters)?;
                if found.kind == PrimitiveKind::Semaphore {
                    self.add_bound(found, object)?;
                }
            }
            PrimitiveKind::Condition => {
                if let Some(lock) = frames.attribute(object, "_lock")? {
                    found.value = match frames.int(lock, "_locked")? {
                        Some(locked) => Some(locked),
                        None => self.has_owner(lock)?,
                    };
                }
                // Of one whose lock is waited for, those that wait for that.
                if !run.is_entering || found.waiting.is_none() {
                    found.waiting = waiters("_waiters")?;
                }
            }
            PrimitiveKind::Barrier => {
                found.bound = found.bound.or(frames.int(object, "_parties")?);
                if found.bound.is_some() {
                    found.value = frames.int(object, "_count")?;
                    found.waiting = found.value.and_then(|count| u64::try_from(count).ok());
                }
            }
        }
        Ok(())
    }

    fn add_waiting(&self, found: &mut Primitive, waiters: Option<u64>) -> Result<(), Fault> {
        if let Some(waiters) = waiters
            && found.waiting.is_none()
        {
            found.waiting = Some(self.objects.length(waiters)?);
        }
        Ok(())
    }

    /// Adds how many a semaphore lets in, where it has a bound, as a
    /// `CapacityLimiter` of anyio has.
    fn add_bound(&self, found: &mut Primitive, object: u64) -> Result<(), Fault> {
        let frames = &self.frames;
        for bound in ["_bound_value", "_max_value"] {
            found.bound = found.bound.or(frames.int(object, bound)?);
        }
        if let Some(borrowers) = self.objects.attribute(object, "_borrowers")? {
            let taken = i64::try_from(self.objects.length(borrowers)?).ok();
            found.bound = frames.int(object, "_total_tokens")?;
            found.value = found.bound.zip(taken).map(|(all, taken)| all - taken);
            found.waiting = frames.length(object, "_wait_queue")?;
        }
        Ok(())
    }

    /// Adds the tasks that are inside of the primitive; returns the one that it
    /// names itself.
    fn add_holders(
        &self,
        kind: PrimitiveKind,
        object: u64,
        holders: &mut Vec<TaskIndex>,
    ) -> Result<Option<TaskIndex>, Fault> {
        let mut named = None;
        holders.extend_from_slice(self.entered.tasks(object));
        let mut locks = vec![object];
        if kind == PrimitiveKind::Condition
            && let Some(lock) = self.frames.attribute(object, "_lock")?
        {
            holders.extend_from_slice(self.entered.tasks(lock));
            locks.push(lock);
        }
        for &lock in &locks {
            // A condition that was made with this lock.
            for &condition in self.conditions()?.get(&lock).into_iter().flatten() {
                holders.extend_from_slice(self.entered.tasks(condition));
            }
            // One of anyio's conditions has an owner of its own, which it keeps.
            if kind != PrimitiveKind::Condition || lock != object {
                named = self.owner(lock)?.or(named);
            }
        }
        if kind == PrimitiveKind::Semaphore
            && let Some(borrowers) = self.frames.attribute(object, "_borrowers")?
            && self.objects.kind_of(borrowers)? == Kind::Set
        {
            let borrowers = self.objects.set(borrowers)?;
            holders.extend(borrowers.into_iter().filter_map(|it| self.task_at(it)));
        }
        Ok(named)
    }

    /// 1 where a lock of anyio says who owns it, 0 where it says that nobody does:
    /// before 4.0 by what its class has.
    fn has_owner(&self, lock: u64) -> Result<Option<i64>, Fault> {
        const OWNER: &str = "_owner_task";
        let owner = match self.objects.attribute(lock, OWNER)? {
            None if self.objects.attribute(lock, "_waiters")?.is_some() => {
                let class = self.objects.type_of(lock)?.addr;
                self.objects.class_attribute(class, OWNER)?
            }
            owner => owner,
        };
        match owner {
            Some(owner) => Ok(Some((self.objects.kind_of(owner)? != Kind::None).into())),
            None => Ok(None),
        }
    }

    /// The task that a lock of anyio says to be its owner.
    fn owner(&self, lock: u64) -> Result<Option<TaskIndex>, Fault> {
        let Some(owner) = self.frames.attribute(lock, "_owner_task")? else {
            return Ok(None);
        };
        if let Some(task) = self.task_at(owner) {
            return Ok(Some(task));
        }
        // Before 4.5 a `TaskInfo`, whose `id` is the task's address.
        match self.frames.int(owner, "id")? {
            Some(id) => Ok(self.task_at(id.cast_unsigned())),
            None => Ok(None),
        }
    }
}
