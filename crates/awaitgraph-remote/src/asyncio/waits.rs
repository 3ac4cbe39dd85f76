//! What a task waits for that waits for no other task.
//!
//! ```text
//!   roles       what the functions of asyncio, and of layers above it, wait for
//!   runs        the innermost frames of a task whose functions are known
//!   frames      the variables of a task's frames, by name
//!   holders     which locks each task is inside of, and until when
//!   by_hand     which of these are let go of by hand
//!   called      on which objects a function calls a method
//!   releasers   who may hold a semaphore, too
//!   reached     whether it is in other hands than those of tasks
//!   names       the name by which the program refers to an object
//!   written     the same as it is written where it is waited for
//!   pools       who has borrowed what a queue lends
//!   lenders     the same of pools that count what they lend
//!   shared      what is told alike to all that wait for the same
//!   alike       those that wait in the same way as others
//!   sight       which variables of other tasks have a future
//!   primitives, queues, memory_streams, timers, sockets, executors, futures
//!               what is known of each
//!   connections those that a protocol has of its own
//!   handles     the futures that timers and descriptors of a loop complete
//!   held        those that threads complete
//!   deadlines   how long a task waits at most
//!   given_up    the waits that timers end
//!   uvloop      the same where uvloop has it
//!   words       what the names in a program tell
//! ```
//!
//! The innermost frames tell the construct, and their `self` the object. Only
//! where they are not known, the future that is awaited is all there is: then
//! its callbacks, timers, and the frames of other threads may tell more.

mod abandoned;
mod alike;
mod by_hand;
mod called;
mod connections;
mod deadlines;
mod executors;
mod frames;
mod futures;
mod given_up;
mod handles;
mod held;
mod holders;
mod lenders;
mod memory_streams;
mod names;
mod pools;
mod primitives;
mod queues;
mod reached;
mod releasers;
mod roles;
mod runs;
mod shared;
mod sight;
mod sockets;
mod timers;
mod uvloop;
mod words;
mod written;

use std::cell::{Cell, OnceCell, RefCell};
use std::rc::Rc;
use std::sync::Arc;

use awaitgraph_model::{
    CodeIndex, Frame, Future, Socket, SocketKind, Task, TaskIndex, Wait, WaitsFor,
};

use super::awaiters::Waiting;
use super::callbacks::Callbacks;
use super::task::RawTask;
use crate::code::Codes;
use crate::coroutine::{Chain, Chains, End};
use crate::frame::RawFrame;
use crate::limits;
use crate::map::HashMap;
use crate::object::{Fault, Objects, Remembered};
use crate::process::Around;

use alike::{Examples, TIMER};
use executors::Workers;
use frames::{Frames, Level};
use holders::{Entered, Looking};
use names::Names;
use roles::Role;
use runs::Run;
use shared::Known;

/// How many are named all the same.
const FEW: usize = 16;
/// For how many tasks that wait for the same nameless object a name is sought.
const MOST_TRIES: u8 = 4;

/// How many types are known to have nothing to do with a transport.
const APART: usize = 64;

/// All tasks, and what is known of them so far.
#[derive(Clone, Copy)]
pub(crate) struct Picture<'a> {
    /// As the graph has them, with who awaits them.
    pub(crate) tasks: &'a [Task],
    pub(crate) raw: &'a [RawTask],
    pub(crate) chains: &'a Chains,
    pub(crate) waiting: &'a Waiting,
    /// Whether some task waits for another through `asyncio.wait_for`.
    pub(crate) has_wait_for: bool,
    pub(crate) threads: &'a [ThreadFrames<'a>],
    /// The frames of a task that is being executed, as its thread has them.
    pub(crate) on_stack: &'a dyn Fn(TaskIndex) -> &'a [RawFrame],
}

/// A thread's frames, innermost first.
#[derive(Clone, Copy)]
pub(crate) struct ThreadFrames<'a> {
    pub(crate) id: u64,
    /// The loop that it runs.
    pub(crate) loop_: Option<u64>,
    pub(crate) frames: &'a [RawFrame],
}

/// Finds what tasks wait for.
pub(crate) struct Waits<'a> {
    objects: &'a Objects<'a>,
    codes: &'a Codes<'a>,
    around: &'a Around<'a>,
    picture: Picture<'a>,
    frames: Frames<'a>,
    names: Names<'a>,
    callbacks: Callbacks<'a>,
    by_addr: OnceCell<HashMap<u64, TaskIndex>>,
    entered: Entered,
    /// Whether `entered` is all that there is.
    is_complete: bool,
    /// By object and role: what is said of it, whoever waits.
    known: RefCell<HashMap<(u64, u8), Known>>,
    by_hand: OnceCell<by_hand::ByHand>,
    /// By code: how it comes by what it may wait for.
    ways_to_waited: RefCell<HashMap<u64, Rc<[called::Way]>>>,
    releasers: OnceCell<releasers::Releasers>,
    reached: OnceCell<reached::Reached>,
    /// By lock: the conditions that were made with it.
    conditions: OnceCell<HashMap<u64, Vec<u64>>>,
    workers: OnceCell<Workers>,
    scheduled: RefCell<HashMap<u64, Rc<HashMap<u64, f64>>>>,
    /// By loop: when the requests of aiohttp end.
    requests: RefCell<HashMap<u64, Rc<HashMap<u64, f64>>>>,
    watched: RefCell<HashMap<u64, Rc<futures::Watched>>>,
    putters: OnceCell<queues::Users>,
    getters: OnceCell<queues::Users>,
    stream_users: OnceCell<memory_streams::StreamUsers>,
    borrowed: OnceCell<pools::Borrowed>,
    loans: OnceCell<lenders::Loans>,
    connectors: RefCell<HashMap<u64, Rc<lenders::Connector>>>,
    behind: RefCell<HashMap<u64, Rc<futures::Behind>>>,
    /// By future: whether nothing is left that could complete it.
    orphaned: RefCell<HashMap<u64, bool>>,
    counted: OnceCell<abandoned::Counted>,
    /// By code: whether all that it does with a future is to give up on it.
    give_up: RefCell<HashMap<u64, bool>>,
    examples: Examples,
    /// The task that was last told by another, where no timer ends its wait.
    unlimited: Cell<Option<TaskIndex>>,
    /// The type of futures that was last seen to tell nothing.
    plain: Cell<u64>,
    /// Whether the function that a timer called last completes its argument.
    completing: Remembered<bool, 1>,
    /// What threads have.
    held: OnceCell<held::OfThreads>,
    /// By future: the variables of tasks that have it.
    in_tasks: OnceCell<HashMap<u64, Vec<sight::Variable>>>,
    /// By function: the library for a pool of which one waits there.
    waiting_within: RefCell<HashMap<CodeIndex, Option<lenders::Within>>>,
    /// By type: whether its instances are transports.
    transports: RefCell<HashMap<u64, bool>>,
    /// By type: whether its instances have nothing that could lead to one.
    apart: Remembered<bool, APART>,
    together: Cell<usize>,
    /// Room for what a run of frames has.
    spare: RefCell<Vec<u64>>,
    /// The frames of one task, while it is looked at.
    levels: RefCell<Vec<Level<'a>>>,
}

impl<'a> Waits<'a> {
    pub(crate) fn new(
        objects: &'a Objects<'a>,
        codes: &'a Codes<'a>,
        around: &'a Around<'a>,
        picture: Picture<'a>,
    ) -> (Self, Option<Fault>) {
        let mut waits = Self {
            objects,
            codes,
            around,
            picture,
            frames: Frames::new(objects, codes),
            names: Names::new(objects),
            callbacks: Callbacks::new(objects, codes),
            by_addr: OnceCell::new(),
            entered: Entered::default(),
            is_complete: false,
            known: RefCell::default(),
            by_hand: OnceCell::new(),
            ways_to_waited: RefCell::default(),
            releasers: OnceCell::new(),
            reached: OnceCell::new(),
            conditions: OnceCell::new(),
            workers: OnceCell::new(),
            scheduled: RefCell::default(),
            requests: RefCell::default(),
            watched: RefCell::default(),
            putters: OnceCell::new(),
            getters: OnceCell::new(),
            stream_users: OnceCell::new(),
            borrowed: OnceCell::new(),
            loans: OnceCell::new(),
            connectors: RefCell::default(),
            behind: RefCell::default(),
            orphaned: RefCell::default(),
            counted: OnceCell::new(),
            give_up: RefCell::default(),
            examples: Examples::default(),
            unlimited: Cell::new(None),
            plain: Cell::new(0),
            completing: Remembered::new(),
            held: OnceCell::new(),
            in_tasks: OnceCell::new(),
            waiting_within: RefCell::default(),
            transports: RefCell::default(),
            apart: Remembered::new(),
            together: Cell::new(limits::MOST_TOGETHER),
            spare: RefCell::default(),
            levels: RefCell::default(),
        };
        let (entered, is_complete, fault) = waits.look_into_all();
        waits.entered = entered;
        waits.is_complete = is_complete;
        (waits, fault)
    }

    /// What each task is inside of, whether that is all that there is, and what
    /// could not be read of it.
    fn look_into_all(&self) -> (Entered, bool, Option<Fault>) {
        let (mut entered, mut missed) = (Entered::default(), None);
        let mut is_complete = true;
        let looking = Looking::new(self.objects, self.codes, &self.frames);
        for (position, chain) in self.picture.chains.iter().enumerate() {
            let task = TaskIndex::from_usize(position);
            let mut on_stack: &[RawFrame] = &[];
            if chain.end == End::Executing {
                on_stack = (self.picture.on_stack)(task);
            } else if !self.has_all(task, chain) {
                // Of one whose innermost frames are missing it is not known
                // whether it is inside of something or only about to be.
                is_complete = false;
                continue;
            } else {
                match looking.has_nothing(chain) {
                    Ok(true) => continue,
                    Ok(false) => {}
                    Err(fault) => {
                        missed = Some(fault);
                        continue;
                    }
                }
            }
            let levels = || self.levels(task);
            if let Err(fault) = looking.add(task, chain, on_stack, levels, &mut entered) {
                missed = Some(fault);
            }
        }
        (entered, is_complete && missed.is_none(), missed)
    }

    /// What the task waits for, and what could not be read of that.
    pub(crate) fn of(&self, task: TaskIndex) -> Result<Option<Arc<WaitsFor>>, Fault> {
        let Some(future) = self.raw(task).and_then(RawTask::waits_for) else {
            return Ok(None);
        };
        if let Some(found) = self.like_another(task) {
            return self.within_limit(task, found, &[]).map(Some);
        }
        let mut levels = self.levels.take();
        let found = if self.add_levels(task, &mut levels) {
            self.of_levels(task, future, &levels)
        } else {
            Ok(Arc::new(plain(Wait::Future(Future::default()), future)))
        };
        levels.clear();
        self.levels.replace(levels);
        found.map(Some)
    }

    fn of_levels(
        &self,
        task: TaskIndex,
        future: u64,
        levels: &[Level<'_>],
    ) -> Result<Arc<WaitsFor>, Fault> {
        let (found, innermost) = match self.run(levels)? {
            Some(run) => {
                let found = match (run.role, run.objects.last()) {
                    (
                        Role::Primitive(_) | Role::Queue(_) | Role::MemoryStream(_),
                        Some(&object),
                    ) => {
                        let outer = levels.get(run.length..).unwrap_or_default();
                        match self.watching_of_awaiter(task, &run, future, outer)? {
                            Some(found) => Arc::new(found),
                            None => self.shared(task, &run, object, outer)?,
                        }
                    }
                    (Role::Pool(library), Some(&pool)) => {
                        let (inner, outer) =
                            levels.split_at_checked(run.length).unwrap_or((levels, &[]));
                        self.pool_of(library, pool, inner, outer)?
                    }
                    _ => Arc::new(self.of_run(&run, future, levels)?),
                };
                self.if_found(self.set_example(task, levels, &run, &found))?;
                self.spare.replace(run.objects);
                (found, Some(run.innermost))
            }
            None => {
                let found = self.of_future(future, levels, 0)?;
                self.if_found(self.set_example_of_future(future, levels, &found))?;
                (Arc::new(found), None)
            }
        };
        let in_wait_for = matches!(innermost, Some(Role::WaitFor | Role::WaitSet));
        self.within_limit(task, found, if in_wait_for { levels } else { &[] })
    }

    /// What was found of tasks that are alike, or nothing where that could not be
    /// read: then there is the long way. Where nothing more can be, that is told.
    fn if_found<T: Default>(&self, found: Result<T, Fault>) -> Result<T, Fault> {
        match found {
            Err(_) if self.objects.used_up().is_none() => Ok(T::default()),
            found => found,
        }
    }

    /// The same with when what is around it gives up; `levels` are the task's
    /// frames, where the innermost of them may be waiting for so long.
    fn within_limit(
        &self,
        task: TaskIndex,
        mut found: Arc<WaitsFor>,
        levels: &[Level<'_>],
    ) -> Result<Arc<WaitsFor>, Fault> {
        self.objects.hold(HELD_WAIT)?;
        let deadline = self.deadline(task, levels)?;
        if found.deadline != deadline {
            Arc::make_mut(&mut found).deadline = deadline;
        }
        Ok(found)
    }

    /// The same of a task that also waits for others, as one in the body of a
    /// task group: only where it is known what it waits for itself.
    pub(crate) fn of_body(&self, task: TaskIndex) -> Result<Option<Arc<WaitsFor>>, Fault> {
        match self.run(&self.levels(task))? {
            Some(run) if !matches!(run.role, Role::WaitFor | Role::WaitSet) => self.of(task),
            Some(_) => Ok(None),
            None => match self.raw(task).and_then(RawTask::waits_for) {
                Some(future) if self.completes(future)?.is_some() => self.of(task),
                _ => Ok(None),
            },
        }
    }

    /// The task whose object is at `addr`.
    fn task_at(&self, addr: u64) -> Option<TaskIndex> {
        let by_addr = self.by_addr.get_or_init(|| {
            (self.picture.raw.iter().enumerate())
                .map(|(position, task)| (task.addr, TaskIndex::from_usize(position)))
                .collect()
        });
        by_addr.get(&addr).copied()
    }

    fn raw(&self, task: TaskIndex) -> Option<&'a RawTask> {
        self.picture.raw.get(task.as_usize())
    }

    /// Whether these are all of the task's frames.
    fn has_all(&self, task: TaskIndex, chain: Chain<'_>) -> bool {
        let task = self.picture.tasks.get(task.as_usize());
        let stack = task.map(|it| it.stack.len());
        chain.fault.is_none() && stack == Some(chain.frames.len())
    }

    /// What a task waits for that is in such functions, but for what is shared.
    fn of_run(&self, run: &Run, future: u64, levels: &[Level<'_>]) -> Result<WaitsFor, Fault> {
        let (inner, outer) = levels.split_at_checked(run.length).unwrap_or((levels, &[]));
        let level = inner.last();
        let object = run.objects.last().copied();
        match (run.role, object) {
            (Role::Sleep, _) => {
                let timer = match level {
                    Some(level) => self.frames.variable(level.raw, TIMER)?,
                    None => None,
                };
                let left = match timer {
                    Some(timer) => self.left_of_timer(timer)?,
                    None => None,
                };
                Ok(plain(Wait::Sleep { left }, future))
            }
            (Role::WaitFor, _) => {
                let awaited = match level {
                    Some(level) => self.frames.variable(level.raw, "fut")?,
                    None => None,
                };
                self.behind_construct(awaited, future, levels, run.length)
            }
            (Role::WaitSet, _) => {
                let pending = match level {
                    Some(level) => self.pending_of_set(level.raw)?,
                    None => Vec::new(),
                };
                match pending.as_slice() {
                    [one] => self.of_future(*one, levels, run.length),
                    several => {
                        let outer = levels.get(run.length..).unwrap_or_default();
                        self.of_set(several, future, outer)
                    }
                }
            }
            (Role::Stream(action), Some(_)) => self.stream(run, action, future, outer),
            (Role::Transport(action), _) => self.connecting(action, future, inner),
            (Role::Socket(action) | Role::Descriptor(action), _) => {
                self.socket(action, future, inner, outer)
            }
            (Role::Watching(action), _) => self.watching(action, future, inner),
            (Role::Server(action), Some(server)) => self.server(action, server, outer),
            (Role::Subprocess, Some(_)) => self.subprocess(run, future, outer),
            (Role::WorkerThread, _) => {
                let function = match level {
                    Some(level) => self.frames.variable(level.raw, "func")?,
                    None => None,
                };
                self.worker_thread(future, function)
            }
            _ => self.of_future(future, levels, run.length),
        }
    }

    /// What `asyncio.wait` or `wait_for` waits for. Its own future is completed
    /// by its time limit too, and so tells nothing.
    fn behind_construct(
        &self,
        awaited: Option<u64>,
        own: u64,
        levels: &[Level<'_>],
        known: usize,
    ) -> Result<WaitsFor, Fault> {
        match awaited {
            Some(future) => self.of_future(future, levels, known),
            None => Ok(plain(Wait::Future(Future::default()), own)),
        }
    }

    /// The conditions that tasks are inside of, by their locks.
    fn conditions(&self) -> Result<&HashMap<u64, Vec<u64>>, Fault> {
        if let Some(known) = self.conditions.get() {
            return Ok(known);
        }
        let mut conditions: HashMap<u64, Vec<u64>> = HashMap::default();
        let mut classes: HashMap<u64, bool> = HashMap::default();
        for object in self.entered.objects() {
            let class = self.objects.type_of(object)?.addr;
            let is_condition = match classes.get(&class) {
                Some(&known) => known,
                None => {
                    let names = self.objects.base_names(object)?;
                    let is_it = names.iter().any(|name| **name == *"Condition");
                    classes.insert(class, is_it);
                    is_it
                }
            };
            if is_condition && let Some(lock) = self.frames.attribute(object, "_lock")? {
                conditions.entry(lock).or_default().push(object);
            }
        }
        for conditions in conditions.values_mut() {
            conditions.sort_unstable();
        }
        Ok(self.conditions.get_or_init(|| conditions))
    }

    fn frame_of(&self, raw: &RawFrame) -> Result<Frame, Fault> {
        self.codes.frame(raw.code, raw.offset.into(), None)
    }
}

/// The bytes that are held for what a task waits for.
const HELD_WAIT: u64 = 256;

fn plain(what: Wait, id: u64) -> WaitsFor {
    WaitsFor {
        what,
        id: Some(id),
        name: None,
        deadline: None,
    }
}

fn socket(kind: SocketKind, action: &'static str) -> Socket {
    Socket {
        kind,
        action: Some(action),
        fd: None,
        family: None,
        local: None,
        peer: None,
        buffered: None,
    }
}
