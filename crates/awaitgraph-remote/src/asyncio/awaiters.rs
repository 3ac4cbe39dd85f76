//! Who waits for whom.
//!
//! A task that waits knows the future that it waits for. Turned round, that
//! gives every `task awaits future` edge. Where the future is not the awaited
//! task itself but stands for it (of a gather, a shield, a wait), the awaited
//! task's callbacks lead to it:
//!
//! ```text
//!   child ──callbacks──> outer future ──callbacks──> outer future <──waits for── task
//!             gather                      shield
//! ```
//!
//! From 3.14 the interpreter keeps a record too. It misses edges that the
//! callbacks show and has one that they don't, so the two are joined.

use std::mem;
use std::rc::Rc;
use std::sync::Arc;

use awaitgraph_model::{Awaiter, How, TaskIndex};

use super::callbacks::{Callbacks, Hop};
use super::task::RawTask;
use crate::code::Codes;
use crate::limits;
use crate::map::{HashMap, HashSet};
use crate::object::{Fault, Kind, Objects};

/// Finds the awaiters of tasks.
pub(crate) struct Awaiters<'a> {
    objects: &'a Objects<'a>,
    callbacks: Callbacks<'a>,
    /// The tasks, by address.
    tasks: HashMap<u64, TaskIndex>,
    waiting: Waiting,
    /// The tasks whose innermost frame is that of `asyncio.wait_for`.
    in_wait_for: HashSet<TaskIndex>,
    /// What was found behind a plain future.
    reached: HashMap<u64, Rc<Reach>>,
    /// The tasks that the interpreter's own record has behind one.
    recorded: HashMap<u64, Rc<[TaskIndex]>>,
    /// Those of one task, while they are looked for.
    found: Found,
    hops: Vec<Hop>,
    no_way: Arc<[u64]>,
}

/// The tasks that wait for each future. Most futures have one.
#[derive(Debug)]
pub(crate) struct Waiting {
    /// By the future's address, the first in the graph's order.
    first: HashMap<u64, TaskIndex>,
    /// By task, the next that waits for the same future.
    next: Vec<Option<TaskIndex>>,
    /// Whether there is any.
    has_next: bool,
}

impl Waiting {
    fn new(tasks: &[RawTask]) -> Self {
        let mut first = HashMap::with_capacity_and_hasher(tasks.len(), Default::default());
        let mut next = vec![None; tasks.len()];
        for (position, task) in tasks.iter().enumerate().rev() {
            if let Some(future) = task.waits_for()
                && let Some(next) = next.get_mut(position)
            {
                *next = first.insert(future, TaskIndex::from_usize(position));
            }
        }
        let has_next = next.iter().any(Option::is_some);
        Self {
            first,
            next,
            has_next,
        }
    }

    /// Those that wait for the future at `addr`, in the graph's order.
    pub(crate) fn on(&self, addr: u64) -> impl Iterator<Item = TaskIndex> {
        let next = |task: &TaskIndex| self.next.get(task.as_usize()).copied().flatten();
        std::iter::successors(self.first.get(&addr).copied(), next)
    }

    /// Whether several wait for the future at `addr`.
    pub(crate) fn is_shared(&self, addr: u64) -> bool {
        self.has_next && self.on(addr).nth(1).is_some()
    }
}

/// What was found behind a plain future.
#[derive(Debug, Default)]
struct Reach {
    /// Nearest first.
    tasks: Vec<Reached>,
    /// What could not be read on the way.
    fault: Option<Fault>,
}

/// A task that waits behind a plain future.
#[derive(Debug, Clone)]
struct Reached {
    task: TaskIndex,
    /// The futures from the plain one on, that one included.
    via: Arc<[u64]>,
}

impl<'a> Awaiters<'a> {
    /// `tasks` in the graph's order.
    pub(crate) fn new(
        objects: &'a Objects<'a>,
        codes: &'a Codes<'a>,
        tasks: &[RawTask],
        in_wait_for: HashSet<TaskIndex>,
    ) -> Self {
        let by_addr = (tasks.iter().enumerate())
            .map(|(position, task)| (task.addr, TaskIndex::from_usize(position)))
            .collect();
        Self {
            objects,
            callbacks: Callbacks::new(objects, codes),
            tasks: by_addr,
            waiting: Waiting::new(tasks),
            in_wait_for,
            reached: HashMap::default(),
            recorded: HashMap::default(),
            found: Found::default(),
            hops: Vec::new(),
            no_way: Arc::default(),
        }
    }

    /// The tasks that wait for each future.
    pub(crate) fn into_waiting(self) -> Waiting {
        self.waiting
    }

    /// The tasks that wait for this one, in the graph's order, and what could
    /// not be read on the way.
    pub(crate) fn of(&mut self, task: &RawTask) -> (Vec<Awaiter>, Option<Fault>) {
        let before = self.objects.torn();
        let mut found = mem::take(&mut self.found);
        if let Err(fault) = self.add_found(task, &mut found) {
            found.fault = Some(fault);
        }
        found.settle();
        match self.recorded(task, &found) {
            Ok(recorded) => {
                found.awaiters.extend(recorded);
                found.settle();
            }
            Err(fault) => found.fault = Some(fault),
        }
        if self.objects.torn() != before {
            found.fault = found.fault.or(Some(Fault::TORN));
        }
        let fault = found.fault.take();
        // The list that was grown is grown but once.
        let awaiters = found.awaiters.drain(..).collect();
        self.found = found;
        (awaiters, fault)
    }

    /// Adds what the waiting tasks and the callbacks tell.
    fn add_found(&mut self, task: &RawTask, found: &mut Found) -> Result<(), Fault> {
        for waiting in self.waiting.on(task.addr) {
            self.hold(&[])?;
            found.add(waiting, self.plain(waiting), Arc::clone(&self.no_way));
        }
        let mut hops = mem::take(&mut self.hops);
        found.fault = self.callbacks.task_hops(task, &mut hops);
        let followed = hops.drain(..).try_for_each(|hop| self.follow(hop, found));
        self.hops = hops;
        followed
    }

    fn follow(&mut self, hop: Hop, found: &mut Found) -> Result<(), Fault> {
        match self.tasks.get(&hop.to) {
            Some(&task) => {
                let how = hop.how.unwrap_or_else(|| self.plain(task));
                self.hold(&[])?;
                found.add(task, how, Arc::clone(&self.no_way));
            }
            None if self.is_task(hop.to)? => {}
            None => {
                let how = hop.how.unwrap_or(How::Await);
                let reach = self.reach(hop.to);
                found.fault = reach.fault.or(found.fault);
                for reached in &reach.tasks {
                    self.hold(&reached.via)?;
                    found.add(reached.task, how, Arc::clone(&reached.via));
                }
            }
        }
        Ok(())
    }

    /// Whether it is a task. One that is not among the tasks is finished or
    /// could not be read: who waits for it waits for nothing behind it.
    fn is_task(&self, addr: u64) -> Result<bool, Fault> {
        let kind = self.objects.kind_of(addr)?;
        Ok(matches!(kind, Kind::Task | Kind::PyTask))
    }

    /// Accounts for an awaiter that is kept.
    fn hold(&self, via: &[u64]) -> Result<(), Fault> {
        self.objects.hold(HELD_AWAITER + 8 * via.len() as u64)
    }

    /// The construct by which a task waits for exactly what it awaits.
    fn plain(&self, task: TaskIndex) -> How {
        if self.in_wait_for.contains(&task) {
            How::WaitFor
        } else {
            How::Await
        }
    }

    /// The tasks behind the plain future at `addr`.
    fn reach(&mut self, addr: u64) -> Rc<Reach> {
        if let Some(known) = self.reached.get(&addr) {
            return Rc::clone(known);
        }
        let before = self.objects.torn();
        let mut reach = Reach::default();
        let mut seen_tasks = HashSet::default();
        let mut paths = Paths::from(addr);
        while let Some((place, future)) = paths.next() {
            let mut woken: Vec<TaskIndex> = self.waiting.on(future).collect();
            let mut hops = Vec::new();
            reach.fault = self.callbacks.hops(future, &mut hops).or(reach.fault);
            for hop in hops {
                match self.tasks.get(&hop.to) {
                    Some(&task) => woken.push(task),
                    None => match self.is_task(hop.to) {
                        Ok(true) => {}
                        Ok(false) => match self.objects.hold(HELD_WAY) {
                            Ok(()) => paths.push(hop.to, place),
                            Err(fault) => reach.fault = Some(fault),
                        },
                        Err(fault) => reach.fault = Some(fault),
                    },
                }
            }
            for task in woken {
                if seen_tasks.insert(task) {
                    let via = paths.to(place);
                    if let Err(fault) = self.hold(&via) {
                        reach.fault = Some(fault);
                        break;
                    }
                    let via = Arc::from(via);
                    reach.tasks.push(Reached { task, via });
                }
            }
        }
        if self.objects.torn() != before {
            reach.fault = reach.fault.or(Some(Fault::TORN));
        }
        let reach = Rc::new(reach);
        self.reached.insert(addr, Rc::clone(&reach));
        reach
    }

    /// What only the interpreter's own record has, beside what was found.
    fn recorded(&mut self, task: &RawTask, found: &Found) -> Result<Vec<Awaiter>, Fault> {
        let first = self.objects.task_recorded_awaiters(task)?;
        let mut recorded = Vec::new();
        let mut is_news = false;
        for &awaiter in first.as_slice() {
            is_news |= match self.tasks.get(&awaiter) {
                Some(&task) => !found.has(task),
                None => !self.behind(awaiter)?.iter().all(|&task| found.has(task)),
            };
        }
        if !is_news {
            return Ok(recorded);
        }
        let mut paths = Paths::from(task.addr);
        let mut seen = HashSet::default();
        while let Some((place, future)) = paths.next() {
            for &awaiter in self.objects.recorded_awaiters(future)?.as_slice() {
                match self.tasks.get(&awaiter) {
                    Some(&task) if !found.has(task) && seen.insert(task) => {
                        // The awaited task itself is where the path begins, not on it.
                        let via = paths.to(place).split_off(1);
                        self.hold(&via)?;
                        recorded.push(Awaiter {
                            task,
                            how: How::Recorded,
                            via: Arc::from(via),
                        });
                    }
                    Some(_) => {}
                    None if self.is_task(awaiter)? => {}
                    None => {
                        self.objects.hold(HELD_WAY)?;
                        paths.push(awaiter, place);
                    }
                }
            }
        }
        Ok(recorded)
    }
}

impl Awaiters<'_> {
    /// The tasks that are recorded behind a future, which is none of the tasks:
    /// all children of a gather have the same one.
    fn behind(&mut self, future: u64) -> Result<Rc<[TaskIndex]>, Fault> {
        if let Some(known) = self.recorded.get(&future) {
            return Ok(Rc::clone(known));
        }
        let mut tasks = Vec::new();
        if !self.is_task(future)? {
            let mut paths = Paths::from(future);
            while let Some((place, future)) = paths.next() {
                for &awaiter in self.objects.recorded_awaiters(future)?.as_slice() {
                    match self.tasks.get(&awaiter) {
                        Some(&task) => tasks.push(task),
                        None if self.is_task(awaiter)? => {}
                        None => {
                            self.objects.hold(HELD_WAY)?;
                            paths.push(awaiter, place);
                        }
                    }
                }
            }
        }
        self.objects.hold(size_of_val(&*tasks) as u64)?;
        let tasks = Rc::from(tasks);
        if self.objects.is_intact() {
            self.recorded.insert(future, Rc::clone(&tasks));
        }
        Ok(tasks)
    }
}

/// The bytes that are held for an awaiter, without its way.
const HELD_AWAITER: u64 = 128;

/// The bytes that are held for a future on the way, at most.
const HELD_WAY: u64 = 128;

/// Futures on the way from one, breadth first, each once.
struct Paths {
    futures: Vec<Way>,
    seen: HashSet<u64>,
    next: usize,
}

/// One of them, and the way to it.
struct Way {
    future: u64,
    /// The place of the one before it.
    before: Option<usize>,
    /// The place of the last that is told of the way, and how many are.
    told: (usize, usize),
}

impl Paths {
    fn from(addr: u64) -> Self {
        Self {
            futures: vec![Way {
                future: addr,
                before: None,
                told: (0, 1),
            }],
            seen: HashSet::from_iter([addr]),
            next: 0,
        }
    }

    /// The next future to look at, and its place.
    fn next(&mut self) -> Option<(usize, u64)> {
        let place = self.next;
        let way = self.futures.get(place)?;
        self.next += 1;
        Some((place, way.future))
    }

    fn push(&mut self, future: u64, before: usize) {
        if self.seen.insert(future) {
            let told = match self.futures.get(before) {
                Some(way) if way.told.1 >= limits::LONGEST_WAY => way.told,
                Some(way) => (self.futures.len(), way.told.1 + 1),
                None => return,
            };
            self.futures.push(Way {
                future,
                before: Some(before),
                told,
            });
        }
    }

    /// The futures from the first to the one at `place`.
    fn to(&self, place: usize) -> Vec<u64> {
        let mut via = Vec::new();
        let mut here = self.futures.get(place).map(|way| way.told.0);
        while let Some(way) = here.and_then(|place| self.futures.get(place)) {
            via.push(way.future);
            here = way.before;
        }
        via.reverse();
        via
    }
}

/// Awaiters of one task, each pair of task and construct once.
#[derive(Default)]
struct Found {
    awaiters: Vec<Awaiter>,
    fault: Option<Fault>,
}

impl Found {
    fn add(&mut self, task: TaskIndex, how: How, via: Arc<[u64]>) {
        self.awaiters.push(Awaiter { task, how, via });
    }

    /// Brings the awaiters into the graph's order; of several ways between the
    /// same two tasks by the same construct, the shortest stays.
    fn settle(&mut self) {
        self.awaiters
            .sort_by_key(|awaiter| (awaiter.task, awaiter.how, awaiter.via.len()));
        self.awaiters
            .dedup_by_key(|awaiter| (awaiter.task, awaiter.how));
    }

    /// Whether the task is among the awaiters, which are in order.
    fn has(&self, task: TaskIndex) -> bool {
        self.awaiters
            .binary_search_by_key(&task, |awaiter| awaiter.task)
            .is_ok()
    }
}
