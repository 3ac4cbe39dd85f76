//! Tasks that are in the same functions as another, and so wait in the same way.
//!
//! Of a thousand workers nearly all are alike. What the functions of one have
//! told need not be found out again for the others: what they wait for is the
//! same object, of which the same is said, or one of their own. They are looked at
//! together, so that their objects are read one behind the other. Whoever is not
//! quite like the others is left out, and looked at alone.
//!
//! ```text
//!   rows      tasks that are looked at together
//!   ways      how a variable leads to an object, and names it
//!   timers    those of a sleep
//!   objects   events and queues of their own
//!   futures   futures of their own
//!   orphans   those that nothing is left to complete
//! ```

mod futures;
mod objects;
mod orphans;
mod rows;
mod timers;
mod ways;

use std::array;
use std::cell::{Cell, RefCell};
use std::sync::Arc;

use awaitgraph_model::{CodeIndex, Task, TaskIndex, TaskState, WaitsFor};

use super::frames::{Itself, Level};
use super::roles::Role;
use super::runs::Run;
use super::{MOST_TRIES, Waits};
use crate::asyncio::RawTask;
use crate::coroutine::Chain;
use crate::frame::RawFrame;
use crate::object::Fault;

use futures::OwnFuture;
use objects::OwnObject;
use rows::Rows;
use timers::Timer;

pub(super) use timers::TIMER;

/// How many are remembered, each at a place by its outermost function.
const EXAMPLES: usize = 1 << EXAMPLE_BITS;
const EXAMPLE_BITS: u32 = 5;
/// How many tasks are looked at together, where another has just been found that
/// they may be like; four times as many each time after that, but no more than
/// these.
const FIRST: usize = 4;
const MOST: usize = 256;

/// Tasks that others may be like, and what was found of some that are.
#[derive(Default)]
pub(super) struct Examples {
    places: [Place; EXAMPLES],
    ahead: RefCell<Ahead>,
}

/// The next tasks.
#[derive(Default)]
struct Ahead {
    /// Which is the first of them.
    begin: usize,
    /// What was found of each.
    found: Vec<Option<Like>>,
    /// How many they are to be the next time.
    next: usize,
}

/// What is said of a task that is like another.
struct Like {
    said: Arc<WaitsFor>,
    /// Whether that is the same as of the other, and not of its own.
    is_same: bool,
    /// Whether none of its functions ends the wait in time.
    is_unlimited: bool,
}

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
    /// The number of the place of one that is in this function, from the outermost
    /// frame on.
    fn number(outermost: Function) -> usize {
        // Addresses are multiples of a power of two: what tells them apart is mixed
        // into the highest bits.
        let mixed = outermost.0.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        (mixed >> (u64::BITS - EXAMPLE_BITS)) as usize
    }

    /// The place of this number.
    fn place(&self, number: usize) -> &Place {
        let [first, ..] = &self.places;
        self.places.get(number).unwrap_or(first)
    }

    /// Forgets what was found of tasks: there is another that they may be like.
    fn begin_anew(&self) {
        *self.ahead.borrow_mut() = Ahead::default();
    }
}

impl Place {
    /// Whether one more may be looked at for what it has of its own.
    fn may_try(&self) -> bool {
        let left = self.tries.0.get().checked_sub(1);
        self.tries.0.set(left.unwrap_or_default());
        left.is_some()
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

/// What tells functions apart: where the code is, or the number of one that has none
/// in memory, far above all memory that there is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Function(u64);

impl Function {
    fn of(raw: &RawFrame, code: impl FnOnce() -> Option<CodeIndex>) -> Self {
        if raw.has_variables() {
            return Self(raw.code);
        }
        Self(code().map_or(0, |code| !(code.as_usize() as u64)))
    }

    fn of_level(level: &Level<'_>) -> Self {
        Self::of(level.raw, || Some(level.code))
    }
}

/// A task, as far as others may be like it.
#[derive(Debug, Default)]
struct Example {
    /// The functions that it is in, innermost first, and what those that tell
    /// how it waits have as their `self`.
    frames: Vec<(Function, Option<u64>)>,
    /// Whether none of them ends the wait in time.
    is_unlimited: bool,
    waits: How,
}

impl Example {
    fn is_like(&self, task: &Task, chain: Chain<'_>) -> bool {
        let count = self.frames.len();
        if chain.frames.len() != count || task.stack.len() != count || chain.fault.is_some() {
            return false;
        }
        let theirs = chain.frames.iter().rev().enumerate();
        (self.frames.iter().zip(theirs)).all(|(&(function, object), (level, raw))| {
            Function::of(raw, || code_at(task, level)) == function
                && object.is_none_or(|object| raw.first_object() == object)
        })
    }
}

/// The function of one of a task's frames, by how far out it is.
fn code_at(task: &Task, level: usize) -> Option<CodeIndex> {
    task.stack.get(level).map(|frame| frame.code)
}

impl Waits<'_> {
    /// What is said of a task, if it is like another.
    pub(super) fn like_another(&self, task: TaskIndex) -> Option<Arc<WaitsFor>> {
        let mut ahead = self.examples.ahead.borrow_mut();
        let number = task.as_usize().wrapping_sub(ahead.begin);
        let like = ahead.found.get_mut(number).and_then(Option::take);
        let like = like.filter(|like| !like.is_same || self.may_say(&like.said));
        if like.as_ref().is_some_and(|like| like.is_unlimited) {
            self.unlimited.set(Some(task));
        }
        like.map(|like| like.said)
    }

    /// Looks at the task and some behind it, unless that has been done, for those that
    /// are like another. What is met on the way that is not of the same moment as the
    /// rest is met again by whose it is, and of no consequence here.
    pub(crate) fn look_ahead_from(&self, task: TaskIndex) {
        let mut ahead = self.examples.ahead.borrow_mut();
        let position = task.as_usize();
        if position.wrapping_sub(ahead.begin) < ahead.found.len() {
            return;
        }
        let before = self.objects.torn();
        let looked = self.look_ahead(position, &mut ahead);
        // What could not be read either is met by who goes the long way.
        if looked.is_err() || self.objects.torn() != before {
            ahead.found.fill_with(|| None);
        }
    }

    /// Looks at the task at this position and some behind it.
    fn look_ahead(&self, position: usize, ahead: &mut Ahead) -> Result<(), Fault> {
        let count = ahead.next.clamp(FIRST, MOST);
        ahead.begin = position;
        ahead.next = 4 * count;
        ahead.found.clear();
        let mut alike: [Rows<'_>; EXAMPLES] = array::from_fn(|_| Rows::default());
        let tasks = self.picture.tasks.iter().zip(self.picture.raw);
        for (place, (task, raw)) in tasks.skip(position).take(count).enumerate() {
            let mut found = None;
            let chain = self.picture.chains.get(position + place);
            let future = RawTask::waits_for(raw).filter(|_| task.state == TaskState::Waiting);
            if let (Some(chain), Some(future)) = (chain, future) {
                let outermost = chain.frames.first().map_or(Function(0), |raw| {
                    Function::of(raw, || task.stack.last().map(|frame| frame.code))
                });
                let number = Examples::number(outermost);
                let example = self.examples.place(number).example.borrow();
                if example.is_like(task, chain) {
                    match (&example.waits, alike.get_mut(number)) {
                        (How::For(said), _) => {
                            found = Some(Like {
                                said: Arc::clone(said),
                                is_same: true,
                                is_unlimited: example.is_unlimited,
                            });
                        }
                        (How::Otherwise, _) | (_, None) => {}
                        (_, Some(rows)) => rows.add(place, task, chain, future),
                    }
                }
            }
            ahead.found.push(found);
        }
        for (place, rows) in self.examples.places.iter().zip(&alike) {
            if !rows.is_empty() {
                self.look_at(place, rows, &mut ahead.found)?;
            }
        }
        Ok(())
    }

    /// Looks at the objects of tasks that are in the same functions as another.
    fn look_at(
        &self,
        place: &Place,
        rows: &Rows<'_>,
        ahead: &mut [Option<Like>],
    ) -> Result<(), Fault> {
        let example = place.example.borrow();
        let found = match &example.waits {
            How::Otherwise | How::For(_) => return Ok(()),
            How::Sleeps(timer) => self.such_sleeps(timer, rows)?,
            How::OwnFuture(own) => self.such_futures(own, rows)?,
            How::Own(own) => self.such_objects(own, rows)?,
        };
        for (number, found) in rows.places().zip(found) {
            if let (Some(said), Some(ahead)) = (found, ahead.get_mut(number)) {
                *ahead = Some(Like {
                    said,
                    is_same: false,
                    is_unlimited: example.is_unlimited,
                });
                place.tries.0.set(MOST_TRIES);
            }
        }
        Ok(())
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
        let place = self.example_of(levels);
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
                    self.set_own(place, levels, own.map(How::Own));
                }
                return Ok(());
            }
            _ => return Ok(()),
        };
        let mut frames = Vec::with_capacity(levels.len());
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
            frames.push((Function::of_level(level), object));
        }
        self.set(place, levels, frames, waits);
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
        let place = self.example_of(levels);
        if self.objects.is_intact() && !self.is_shared(future) && place.may_try() {
            let own = self.own_future(future, levels, said)?;
            self.set_own(place, levels, own.map(How::OwnFuture));
        }
        Ok(())
    }

    /// Where a task with these frames is remembered.
    fn example_of(&self, levels: &[Level<'_>]) -> &Place {
        let outermost = levels.last().map_or(Function(0), Function::of_level);
        self.examples.place(Examples::number(outermost))
    }

    /// Others may be like the task with these frames, whatever their objects are.
    fn set_own(&self, place: &Place, levels: &[Level<'_>], waits: Option<How>) {
        if let Some(waits) = waits {
            let functions = levels.iter().map(Function::of_level);
            let frames = functions.map(|function| (function, None)).collect();
            self.set(place, levels, frames, waits);
        }
    }

    fn set(
        &self,
        place: &Place,
        levels: &[Level<'_>],
        frames: Vec<(Function, Option<u64>)>,
        waits: How,
    ) {
        let innermost = levels.first().map(|level| level.code);
        place.example.replace(Example {
            frames,
            is_unlimited: !innermost.is_some_and(|code| self.may_be_limited(code)),
            waits,
        });
        self.examples.begin_anew();
    }
}
