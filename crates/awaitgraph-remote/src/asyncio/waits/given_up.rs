//! Waits that a timer ends, though no time limit is around them.
//!
//! ```text
//!   call_later(9, task.cancel)            that of the task
//!   call_later(9, lambda: task.cancel())  the same
//!   as_completed(…, timeout=9)            that at its queue
//! ```
//!
//! All timers have to be looked through for that, which is done only where
//! somebody waits for what another task has.

use awaitgraph_model::TaskIndex;

use super::Waits;
use super::handles::InHand;
use crate::map::{HashMap, HashSet};
use crate::object::Reason::Unexpected;
use crate::object::{Fault, Kind};

/// What functions of asyncio are called by which the time limit of
/// `as_completed` runs out: to 3.12, and from 3.13.
const OUT_OF_TIME: [&str; 2] = ["_on_timeout", "_handle_timeout"];

impl Waits<'_> {
    /// The tasks whose waits the timers of all loops end.
    pub(crate) fn given_up(&self) -> Result<HashSet<TaskIndex>, Fault> {
        let objects = self.objects;
        let mut found = HashSet::default();
        let mut queues = HashMap::default();
        let loops: HashSet<u64> = (self.picture.raw.iter())
            .filter_map(|task| task.loop_())
            .collect();
        for loop_ in loops {
            if let Some(timers) = objects.attribute(loop_, "_scheduled")?
                && objects.kind_of(timers)? == Kind::List
            {
                for timer in objects.list(timers)? {
                    self.add_given_up(timer, &mut queues, &mut found)?;
                }
            }
        }
        Ok(found)
    }

    fn add_given_up(
        &self,
        timer: u64,
        queues: &mut HashMap<u64, bool>,
        found: &mut HashSet<TaskIndex>,
    ) -> Result<(), Fault> {
        let objects = self.objects;
        for InHand { future, gives_up } in self.futures_of_handle(timer)? {
            if gives_up && let Some(task) = self.task_at(future) {
                objects.hold(32)?;
                found.insert(task);
            }
        }
        let Some(callback) = self.frames.attribute(timer, "_callback")? else {
            return Ok(());
        };
        let layout = objects.layout;
        let (function, itself) = match objects.kind_of(callback)? {
            Kind::Function => (callback, None),
            Kind::Method => {
                let what = &Unexpected("a method without a function");
                let function = objects.required(callback, layout.method.function, what)?;
                (function, objects.pointer(callback, layout.method.self_)?)
            }
            _ => return Ok(()),
        };
        if objects.kind_of(function)? != Kind::Function {
            return Ok(());
        }
        let code = objects.required(
            function,
            layout.function.code,
            &Unexpected("a function without code"),
        )?;
        let name = self.codes.name(code)?;
        if !OUT_OF_TIME.contains(&name.rsplit('.').next().unwrap_or_default()) {
            return Ok(());
        }
        let mut in_hand = Vec::new();
        if let Some(itself) = itself {
            in_hand.extend(self.frames.attribute(itself, "_done")?);
        }
        if let Some(cells) = objects.pointer(function, layout.function.closure)? {
            for cell in objects.tuple(cells)? {
                in_hand.extend(objects.pointer(cell, layout.cell_content)?);
            }
        }
        for object in in_hand {
            if self.is_one("Queue", object, queues)?
                && let Some(getters) = self.frames.attribute(object, "_getters")?
                && objects.kind_of(getters)? == Kind::Deque
            {
                for getter in objects.deque(getters)? {
                    for task in self.picture.waiting.on(getter) {
                        objects.hold(32)?;
                        found.insert(task);
                    }
                }
            }
        }
        Ok(())
    }
}
