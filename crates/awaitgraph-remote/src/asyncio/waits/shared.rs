//! What is told alike to all tasks that wait for the same object.

use std::sync::Arc;

use awaitgraph_model::{Future, Pool, PrimitiveKind, QueueEnd, TaskIndex, Wait, WaitsFor};

use super::frames::Level;
use super::roles::Role;
use super::runs::Run;
use super::{FEW, HELD_WAIT, MOST_TRIES, Waits};
use crate::object::Fault;

/// Stands for the role of whoever waits for a pool.
const POOL: u8 = 16;

/// What is said of an object to everybody who waits for it.
pub(super) struct Known {
    whole: Arc<WaitsFor>,
    /// The same with few of the tasks that it names, for when there are too many
    /// of those, all in all.
    few: Option<Arc<WaitsFor>>,
    tries: u8,
    tries_of_holders: u8,
}

impl Known {
    fn new(whole: Arc<WaitsFor>) -> Self {
        Self {
            whole,
            few: None,
            tries: 1,
            tries_of_holders: 1,
        }
    }

    /// Changes what those are told that come from now on.
    fn change(&mut self, change: impl FnOnce(&mut WaitsFor)) {
        change(Arc::make_mut(&mut self.whole));
        self.few = None;
    }

    fn few(&mut self) -> &Arc<WaitsFor> {
        self.few.get_or_insert_with(|| {
            let mut few = WaitsFor::clone(&self.whole);
            match &mut few.what {
                Wait::Primitive(primitive) => primitive.holders.truncate(FEW),
                Wait::Queue(queue) => queue.others.truncate(FEW),
                Wait::Pool(pool) => pool.holders.truncate(FEW),
                _ => {}
            }
            Arc::new(few)
        })
    }
}

/// Who waits for the lock of a condition is told otherwise than who waits to be
/// notified.
fn key(object: u64, run: &Run) -> (u64, u8) {
    (object, run.role.number() | u8::from(run.is_entering) << 7)
}

impl Waits<'_> {
    /// What is said alike to everybody who waits for an object.
    pub(super) fn shared(
        &self,
        task: TaskIndex,
        run: &Run,
        object: u64,
        outer: &[Level<'_>],
    ) -> Result<Arc<WaitsFor>, Fault> {
        let key = key(object, run);
        let of_awaiter;
        let outer = if outer.is_empty() {
            of_awaiter = self.frames_of_awaiter(task);
            &of_awaiter
        } else {
            outer
        };
        let mut around = Vec::new();
        if matches!(
            run.role,
            Role::Queue(_) | Role::Primitive(PrimitiveKind::Condition)
        ) {
            around = self.and_awaiter(task, outer);
        }
        if matches!(
            run.role,
            Role::Queue(QueueEnd::Get) | Role::Primitive(PrimitiveKind::Condition)
        ) && let Some(said) = self.pool_around(object, &around)?
        {
            return Ok(said);
        }
        if let Some(known) = self.known.borrow_mut().get_mut(&key) {
            let find = || self.name_of(&run.objects, outer);
            self.try_name(known, find)?;
            // Who waited first may have come by another way.
            if let Wait::Queue(queue) = &known.whole.what
                && queue.end == QueueEnd::Get
                && queue.holders.is_empty()
                && known.tries_of_holders < MOST_TRIES
            {
                known.tries_of_holders += 1;
                let holders = self.borrowers(object, &around)?;
                known.change(|it| {
                    if let Wait::Queue(queue) = &mut it.what {
                        queue.holders = holders;
                    }
                });
            }
            return Ok(self.share_of(known));
        }
        let wait = match run.role {
            Role::Primitive(kind) => Wait::Primitive(Box::new(self.primitive(kind, run)?)),
            Role::MemoryStream(end) => Wait::Queue(Box::new(self.memory_stream(end, object)?)),
            Role::Queue(end) => Wait::Queue(Box::new(self.queue(end, object, &around)?)),
            _ => Wait::Future(Future::default()),
        };
        let name = self.name_of(&run.objects, outer)?;
        let whole = Arc::new(WaitsFor {
            what: wait,
            id: Some(object),
            name,
            deadline: None,
        });
        // Of one that nobody else waits for nothing need be remembered.
        let waiting = match (&whole.what, run.role) {
            (Wait::Primitive(primitive), _) => primitive.waiting,
            (Wait::Queue(queue), Role::Queue(QueueEnd::Get)) => queue.getters,
            _ => None,
        };
        if waiting == Some(1) {
            return Ok(whole);
        }
        self.objects.hold(HELD_WAIT)?;
        let mut known = Known::new(whole);
        let said = self.share_of(&mut known);
        self.known.borrow_mut().insert(key, known);
        Ok(said)
    }

    /// What is said alike to everybody who waits for a pool, or for the part of
    /// it that `key` tells; `find` is asked the first time.
    pub(super) fn shared_pool(
        &self,
        key: u64,
        pool: u64,
        outer: &[Level<'_>],
        find: impl FnOnce() -> Result<Pool, Fault>,
    ) -> Result<Arc<WaitsFor>, Fault> {
        if let Some(said) = self.said_of_pool(key, pool, outer)? {
            return Ok(said);
        }
        let key = (key, POOL);
        let whole = Arc::new(WaitsFor {
            what: Wait::Pool(Box::new(find()?)),
            id: Some(pool),
            name: self.name_of_pool(pool, outer)?,
            deadline: None,
        });
        self.objects.hold(HELD_WAIT)?;
        let mut known = Known::new(whole);
        let said = self.share_of(&mut known);
        if key.0 != 0 {
            self.known.borrow_mut().insert(key, known);
        }
        Ok(said)
    }

    /// The same where it was asked for already.
    pub(super) fn said_of_pool(
        &self,
        key: u64,
        pool: u64,
        outer: &[Level<'_>],
    ) -> Result<Option<Arc<WaitsFor>>, Fault> {
        match self.known.borrow_mut().get_mut(&(key, POOL)) {
            Some(known) => {
                self.try_name(known, || self.name_of_pool(pool, outer))?;
                Ok(Some(self.share_of(known)))
            }
            None => Ok(None),
        }
    }

    /// Looks once more for a name, where there is none yet.
    fn try_name(
        &self,
        known: &mut Known,
        find: impl FnOnce() -> Result<Option<String>, Fault>,
    ) -> Result<(), Fault> {
        if known.whole.name.is_none() && known.tries < MOST_TRIES {
            known.tries += 1;
            let name = find()?;
            if name.is_some() {
                known.change(|it| it.name = name);
            }
        }
        Ok(())
    }

    /// What is said of an object to everybody who waits for it in this way, if
    /// nothing of that is left to be found.
    pub(super) fn said_to_all(&self, run: &Run, object: u64) -> Option<Arc<WaitsFor>> {
        let known = self.known.borrow();
        let known = known.get(&key(object, run))?;
        let is_named = known.whole.name.is_some() || known.tries >= MOST_TRIES;
        let is_held = match &known.whole.what {
            Wait::Queue(queue) if queue.end == QueueEnd::Get => {
                !queue.holders.is_empty() || known.tries_of_holders >= MOST_TRIES
            }
            _ => true,
        };
        (is_named && is_held).then(|| Arc::clone(&known.whole))
    }

    /// Whether this may be said to one more, with all the tasks that it names.
    pub(super) fn may_say(&self, whole: &WaitsFor) -> bool {
        let named = match &whole.what {
            Wait::Primitive(primitive) => primitive.holders.len(),
            Wait::Queue(queue) => queue.others.len(),
            Wait::Pool(pool) => pool.holders.len(),
            _ => 0,
        };
        let left = self.together.get().checked_sub(named);
        if let Some(left) = left {
            self.together.set(left);
        }
        left.is_some()
    }

    /// The name of what `objects` are, all the same to the program.
    fn name_of(&self, objects: &[u64], outer: &[Level<'_>]) -> Result<Option<String>, Fault> {
        match self.names.find(&self.frames, objects, outer)? {
            None => self.name_as_written(objects, outer),
            name => Ok(name),
        }
    }

    /// What is said to one more who waits for the object, with as many of the
    /// tasks as may be named, all in all.
    fn share_of(&self, known: &mut Known) -> Arc<WaitsFor> {
        if self.may_say(&known.whole) {
            Arc::clone(&known.whole)
        } else {
            Arc::clone(known.few())
        }
    }

    /// As many of the tasks as may be named, all in all.
    pub(super) fn within_share(&self, mut tasks: Vec<TaskIndex>) -> Vec<TaskIndex> {
        match self.together.get().checked_sub(tasks.len()) {
            Some(left) => self.together.set(left),
            None => tasks.truncate(FEW),
        }
        tasks
    }
}
