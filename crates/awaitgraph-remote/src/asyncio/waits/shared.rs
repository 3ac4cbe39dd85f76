//! What is told alike to all tasks that wait for the same object.

use std::sync::Arc;

use awaitgraph_model::{Future, Primitive, QueueEnd, TaskIndex, Wait, WaitsFor};

use super::frames::Level;
use super::roles::Role;
use super::runs::Run;
use super::{FEW, HELD_WAIT, MOST_TRIES, Waits};
use crate::object::Fault;

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
                _ => {}
            }
            Arc::new(few)
        })
    }
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
        // Who waits for the lock of a condition is told otherwise than who waits
        // to be notified.
        let key = (object, run.role.number() | u8::from(run.is_entering) << 7);
        let of_awaiter;
        let outer = if outer.is_empty() {
            of_awaiter = self.frames_of_awaiter(task);
            &of_awaiter
        } else {
            outer
        };
        if let Some(known) = self.known.borrow_mut().get_mut(&key) {
            if known.whole.name.is_none() && known.tries < MOST_TRIES {
                known.tries += 1;
                if let Some(name) = self.name_of(&run.objects, outer)? {
                    known.change(|it| it.name = Some(name));
                }
            }
            // Who waited first may have come by another way.
            if let Wait::Queue(queue) = &known.whole.what
                && queue.end == QueueEnd::Get
                && queue.holders.is_empty()
                && known.tries_of_holders < MOST_TRIES
            {
                known.tries_of_holders += 1;
                let holders = self.borrowers(object, &self.and_awaiter(task, outer))?;
                known.change(|it| {
                    if let Wait::Queue(queue) = &mut it.what {
                        queue.holders = holders;
                    }
                });
            }
            return Ok(self.share_of(known));
        }
        let wait = match run.role {
            Role::Primitive(kind) => Wait::Primitive(self.primitive(kind, run)?),
            Role::MemoryStream(end) => Wait::Queue(self.memory_stream(end, object)?),
            Role::Queue(end) => {
                let outer = self.and_awaiter(task, outer);
                Wait::Queue(self.queue(end, object, &outer)?)
            }
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
        if let Wait::Primitive(Primitive {
            waiting: Some(1), ..
        }) = whole.what
        {
            return Ok(whole);
        }
        self.objects.hold(HELD_WAIT)?;
        let mut known = Known {
            whole,
            few: None,
            tries: 1,
            tries_of_holders: 1,
        };
        let said = self.share_of(&mut known);
        self.known.borrow_mut().insert(key, known);
        Ok(said)
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
        let named = match &known.whole.what {
            Wait::Primitive(primitive) => primitive.holders.len(),
            Wait::Queue(queue) => queue.others.len(),
            _ => 0,
        };
        match self.together.get().checked_sub(named) {
            Some(left) => {
                self.together.set(left);
                Arc::clone(&known.whole)
            }
            None => Arc::clone(known.few()),
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
