//! Tasks that are in the same functions as another, and so wait in the same way.
//!
//! Of a thousand workers nearly all are alike. What the functions of one have
//! told need not be found out again for the others: what they wait for is the
//! same object, of which the same is said, or one of their own.
//!
//! ```text
//!   ways      how a variable leads to an object, and names it
//!   objects   events and queues of their own
//!   futures   futures of their own
//! ```

mod futures;
mod objects;
mod ways;

use std::cell::{Cell, RefCell};
use std::sync::Arc;

use awaitgraph_model::{CodeIndex, Task, TaskIndex, Wait, WaitsFor};

use super::frames::{Itself, Level};
use super::roles::Role;
use super::runs::Run;
use super::{MOST_TRIES, Waits, plain};
use crate::coroutine::Chain;
use crate::frame::RawFrame;
use crate::object::Fault;

use futures::OwnFuture;
use objects::OwnObject;

/// The variable of `asyncio.sleep` that has its timer.
pub(super) const TIMER: &str = "h";

/// How many are remembered, each at a place by its outermost function.
const EXAMPLES: usize = 8;

/// Tasks that others may be like.
#[derive(Default)]
pub(super) struct Examples([Place; EXAMPLES]);

/// Room for one.
#[derive(Default)]
struct Place {
    example: RefCell<Example>,
    /// What the last one waited for that was not like it.
    last: Cell<u64>,
    /// For how many that have an object of their own it may be made anew.
    tries: Tries,
}

impl Examples {
    /// The place of one that is in these functions, innermost first.
    fn place(&self, mut codes: impl DoubleEndedIterator<Item = CodeIndex>) -> &Place {
        let [first, ..] = &self.0;
        let outermost = codes.next_back().map_or(0, CodeIndex::as_usize);
        self.0.get(outermost % EXAMPLES).unwrap_or(first)
    }
}

/// A task, as far as others may be like it.
#[derive(Debug, Default)]
struct Example {
    /// The functions that it is in, innermost first, and what those that tell
    /// how it waits have as their `self`.
    frames: Vec<(CodeIndex, Option<u64>)>,
    waits: How,
}

impl Place {
    /// Something may have been found of one that is like the last.
    fn found(&self, found: Option<WaitsFor>) -> Option<Arc<WaitsFor>> {
        let found = found?;
        self.tries.0.set(MOST_TRIES);
        Some(Arc::new(found))
    }

    /// Whether one more may be looked at for what it has of its own.
    fn may_try(&self) -> bool {
        let left = self.tries.0.get().checked_sub(1);
        self.tries.0.set(left.unwrap_or_default());
        left.is_some()
    }

    /// Others may be like the task with these frames, whatever their objects are.
    fn set(&self, levels: &[Level<'_>], waits: Option<How>) {
        if let Some(waits) = waits {
            let mut example = self.example.borrow_mut();
            example.frames.clear();
            let codes = levels.iter().map(|level| (level.code, None));
            example.frames.extend(codes);
            example.waits = waits;
        }
    }
}

/// How often it may be looked for what may be no use.
struct Tries(Cell<u8>);

impl Default for Tries {
    fn default() -> Self {
        Self(Cell::new(MOST_TRIES))
    }
}

/// How it waits.
#[derive(Debug, Default)]
enum How {
    /// In a way of its own.
    #[default]
    Otherwise,
    /// For an object, of which this is said, whoever waits.
    For(Arc<WaitsFor>),
    /// It sleeps.
    Sleeps(Timer),
    /// For a future of its own.
    OwnFuture(OwnFuture),
    /// For another object of its own.
    Own(OwnObject),
}

/// Where the timer of a sleep is.
#[derive(Debug, Clone, Copy)]
struct Timer {
    /// The frame and the variable that have it.
    level: usize,
    variable: usize,
    /// Its type, and where it has the time when it calls.
    type_: u64,
    when: u64,
}

impl Example {
    fn is_like(&self, task: &Task, chain: Chain<'_>) -> bool {
        let count = self.frames.len();
        if chain.frames.len() != count || task.stack.len() != count || chain.fault.is_some() {
            return false;
        }
        let theirs = chain.frames.iter().rev().zip(&task.stack);
        (self.frames.iter().zip(theirs)).all(|(&(code, object), (raw, frame))| {
            frame.code == code && object.is_none_or(|object| raw.first_object() == object)
        })
    }
}

impl Waits<'_> {
    /// What is said of a task that waits for `future`, if it is like another.
    pub(super) fn like_another(
        &self,
        task: &Task,
        chain: Chain<'_>,
        future: u64,
    ) -> Result<Option<Arc<WaitsFor>>, Fault> {
        let codes = task.stack.iter().map(|frame| frame.code);
        let place = self.examples.place(codes);
        let example = place.example.borrow();
        if !example.is_like(task, chain) {
            return Ok(None);
        }
        match &example.waits {
            How::Otherwise => Ok(None),
            How::For(said) => Ok(self.may_say(said).then(|| Arc::clone(said))),
            How::Sleeps(timer) => {
                let frame = chain.frames.iter().rev().nth(timer.level);
                let left = match frame {
                    Some(frame) => self.left_of_such(timer, frame)?,
                    None => None,
                };
                let sleep = |left| Arc::new(plain(Wait::Sleep { left: Some(left) }, future));
                Ok(left.map(sleep))
            }
            How::OwnFuture(own) => {
                let found = self.such_a_future(own, future, chain)?;
                Ok(place.found(found))
            }
            How::Own(own) => {
                let found = self.such_an_object(own, task, chain)?;
                Ok(place.found(found))
            }
        }
    }

    /// Remembers a task for others that may be like it: the frames that it is in,
    /// what they told, and what was said of it.
    pub(super) fn set_example(
        &self,
        task: TaskIndex,
        levels: &[Level<'_>],
        run: &Run,
        said: &Arc<WaitsFor>,
    ) -> Result<(), Fault> {
        // Who comes to something torn has to see that itself. And where all
        // functions are asyncio's own, it matters who awaits the task.
        if !self.objects.is_intact() || run.length >= levels.len() {
            return Ok(());
        }
        let place = self.examples.place(levels.iter().map(|level| level.code));
        let waits = match (run.role, run.objects.last()) {
            (Role::Sleep, _) => match self.timer_of(levels, run)? {
                Some(timer) => How::Sleeps(timer),
                None => return Ok(()),
            },
            // The second in a row that waits for it is not the last, most likely.
            (_, Some(&object)) if place.last.replace(object) == object => {
                match self.said_to_all(run, object) {
                    // Of a pool's queue another thing is said to who enters the pool.
                    Some(whole) if Arc::ptr_eq(&whole, said) => How::For(whole),
                    _ => return Ok(()),
                }
            }
            (_, Some(&object)) => {
                let task = self.picture.tasks.get(task.as_usize());
                if let (Some(task), true) = (task, place.may_try()) {
                    let own = self.own_object(task, object, levels, run, said)?;
                    place.set(levels, own.map(How::Own));
                }
                return Ok(());
            }
            _ => return Ok(()),
        };
        let mut example = place.example.borrow_mut();
        example.waits = How::Otherwise;
        example.frames.clear();
        for (place, level) in levels.iter().enumerate() {
            let mut object = None;
            if place < run.length && self.frames.role(level.code) != Some(Role::Awaiting) {
                match self.frames.has_itself(level.raw)? {
                    Itself::First => object = Some(level.raw.first_object()),
                    Itself::Missing => {}
                    // It is not seen at once.
                    Itself::Elsewhere => return Ok(()),
                }
            }
            example.frames.push((level.code, object));
        }
        example.waits = waits;
        Ok(())
    }

    /// The same of one that waits for a future of which no function tells
    /// anything.
    pub(super) fn set_example_of_future(
        &self,
        future: u64,
        levels: &[Level<'_>],
        said: &WaitsFor,
    ) -> Result<(), Fault> {
        let place = self.examples.place(levels.iter().map(|level| level.code));
        if self.objects.is_intact() && !self.is_shared(future) && place.may_try() {
            let own = self.own_future(future, levels, said)?;
            place.set(levels, own.map(How::OwnFuture));
        }
        Ok(())
    }

    /// Where one that sleeps has its timer.
    fn timer_of(&self, levels: &[Level<'_>], run: &Run) -> Result<Option<Timer>, Fault> {
        let level = run.length.saturating_sub(1);
        let Some(frame) = levels.get(level).map(|level| level.raw) else {
            return Ok(None);
        };
        let Some(variable) = self.frames.only_place(frame.code, TIMER)? else {
            return Ok(None);
        };
        let Some(timer) = self.frames.variable(frame, TIMER)? else {
            return Ok(None);
        };
        let when = self.objects.only_in_slot(timer, "_when")?;
        Ok(when.map(|(type_, when)| Timer {
            level,
            variable,
            type_,
            when,
        }))
    }

    /// Seconds until the timer calls that the frame has in that place; `None`
    /// where it has none, or another.
    fn left_of_such(&self, timer: &Timer, frame: &RawFrame) -> Result<Option<f64>, Fault> {
        let objects = self.objects;
        let addr = objects.variable_itself(frame, timer.variable)?;
        if addr == 0 || objects.u64(addr, objects.layout.object.ob_type)? != timer.type_ {
            return Ok(None);
        }
        match objects.pointer(addr, timer.when)? {
            Some(when) => Ok(self.left(objects.number(when)?)),
            None => Ok(None),
        }
    }
}
