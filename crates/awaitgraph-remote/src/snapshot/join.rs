//! What each task is in and does, and who awaits it, out of what was gathered.
//!
//! A suspended task's frames are those of its chain of coroutines. The frames
//! of one that is being executed are in its thread's stack, on top of what
//! called it; and on top of them may be those of a task that it started
//! eagerly. Where an exception is being thrown into a coroutine that awaits
//! another, only the frames further in are on the stack.
//!
//! ```text
//!   thread's stack, innermost first
//!     parse()            ┐ eager task, running
//!     handle()           ┘ its coroutine
//!     main()               running task: its coroutine
//!     Handle._run()      ┐
//!     run_forever()      ┘ the loop
//! ```

use std::mem;
use std::ops::Range;

use awaitgraph_model::{
    Awaiter, Code, Frame, How, Problem, Task, TaskIndex, TaskState, Thread, Wait, WaitsFor,
};

use super::gather::{Gathered, NamedTask, RawThread};
use super::problems::Problems;
use super::{Detail, chains};
use crate::asyncio::{Awaiters, Picture, RawTask, ThreadFrames, Waiting, Waits};
use crate::code::Codes;
use crate::coroutine::{Chain, Chains, End, Stacks};
use crate::frame::{Kept, RawFrame};
use crate::map::{HashMap, HashSet};
use crate::object::Reason::Unexpected;
use crate::object::{Fault, Objects};
use crate::process::Around;

/// Of so many tasks the functions are asked for together: nearly all others are in
/// the same.
const FIRST: usize = 1024;

/// The lists of a graph.
pub(super) struct Joined {
    pub(super) threads: Vec<Thread>,
    pub(super) tasks: Vec<Task>,
    pub(super) problems: Vec<Problem>,
}

/// Joins what was gathered.
pub(super) fn join(
    objects: &Objects<'_>,
    codes: &Codes<'_>,
    gathered: Gathered,
    around: &Around<'_>,
    detail: Detail,
) -> Joined {
    let Gathered {
        threads: raw_threads,
        tasks: mut raw_tasks,
        problems,
    } = gathered;
    let stacks = Stacks::new(
        raw_threads
            .iter()
            .map(|thread| thread.stack.frames.as_slice()),
    );
    let chains = chains::of(objects, &raw_tasks, &stacks, detail);
    let suspended = chains.iter().take(FIRST).flat_map(|chain| chain.frames);
    let on_stacks = (raw_threads.iter())
        .filter(|thread| thread.running_loop.is_some())
        .flat_map(|thread| &thread.stack.frames);
    codes.expect(on_stacks.chain(suspended).map(|it| it.code).collect());
    let mut joining = Joining {
        objects,
        codes,
        executing: Executing::find(&raw_threads, &chains),
        raw_threads: &raw_threads,
        problems,
    };
    let mut threads = joining.threads(&raw_tasks);
    let mut tasks = joining.tasks(&mut raw_tasks, &chains, &threads);
    let raw_tasks: Vec<RawTask> = raw_tasks.into_iter().map(|task| task.raw).collect();
    let (waiting, awaiting) = joining.awaiters(&raw_tasks, &mut tasks);
    if detail == Detail::Whole {
        objects.take_over();
        joining.waits(
            &raw_tasks,
            &chains,
            &mut tasks,
            &mut threads,
            (&waiting, &awaiting),
            around,
        );
    }
    Joined {
        threads,
        tasks,
        problems: joining.problems.into_list(),
    }
}

struct Joining<'a> {
    objects: &'a Objects<'a>,
    codes: &'a Codes<'a>,
    raw_threads: &'a [RawThread],
    executing: Executing,
    problems: Problems,
}

impl Joining<'_> {
    /// The threads that run a loop, or execute a task.
    fn threads(&mut self, tasks: &[NamedTask]) -> Vec<Thread> {
        let current: HashSet<u64> = self
            .raw_threads
            .iter()
            .filter_map(|thread| thread.running_task)
            .collect();
        let current: HashMap<u64, TaskIndex> = (tasks.iter().enumerate())
            .filter(|(_, task)| current.contains(&task.raw.addr))
            .map(|(position, task)| (task.raw.addr, TaskIndex::from_usize(position)))
            .collect();
        let mut threads = Vec::new();
        for (number, thread) in self.raw_threads.iter().enumerate() {
            let innermost = self.executing.innermost(number);
            if thread.running_loop.is_none() && innermost.is_none() {
                continue;
            }
            let location = || format!("the stack of thread {}", thread.id);
            if let Some(fault) = thread.stack.fault {
                self.problems.add(location(), fault);
            }
            let current = thread
                .running_task
                .and_then(|task| current.get(&task).copied());
            threads.push(Thread {
                interpreter: thread.interpreter,
                thread: thread.id,
                running: innermost.or(current),
                stack: self.stack(&location, thread.stack.frames.iter()),
                turn: None,
                at: None,
            });
        }
        threads.sort_by_key(|thread| (thread.interpreter, thread.thread));
        threads
    }

    /// The tasks, but for their awaiters. Their names move there.
    fn tasks(&mut self, raw: &mut [NamedTask], chains: &Chains, threads: &[Thread]) -> Vec<Task> {
        let raw_threads = self.raw_threads;
        let running: HashSet<TaskIndex> =
            threads.iter().filter_map(|thread| thread.running).collect();
        let loops: HashMap<u64, u64> = (raw_threads.iter())
            .filter_map(|thread| Some((thread.running_loop?, thread.id)))
            .collect();
        let mut tasks = Vec::with_capacity(raw.len());
        for (position, (task, chain)) in raw.iter_mut().zip(chains.iter()).enumerate() {
            let index = TaskIndex::from_usize(position);
            let location = || format!("task {:#x}", task.raw.addr);
            if let Some(fault) = chain.fault {
                self.problems.add_of_task(task.raw.addr, "{}", fault);
            }
            let on_stack = self
                .executing
                .frames_of(index)
                .and_then(|(thread, range)| raw_threads.get(thread)?.stack.frames.get(range));
            let stack = match on_stack {
                Some(frames) => {
                    // Those further out than the one that was found there.
                    let outer = chain.frames.iter().rev().skip(1);
                    self.stack(&location, frames.iter().chain(outer))
                }
                None => {
                    let above = switched_to(raw_threads, task, chain);
                    self.stack(&location, above.iter().chain(chain.frames.iter().rev()))
                }
            };
            let is_running = running.contains(&index) || chain.end == End::Executing;
            tasks.push(Task {
                id: task.raw.addr,
                name: mem::take(&mut task.name),
                state: if is_running {
                    TaskState::Running
                } else {
                    self.state(&task.raw)
                },
                interpreter: task.interpreter,
                thread: task.raw.loop_().and_then(|addr| loops.get(&addr).copied()),
                stack,
                awaited_by: Vec::new(),
                cancelling: task.raw.cancelling,
                limited: false,
                deadline: None,
                waits_for: None,
            });
        }
        tasks
    }

    /// What a task does that no thread executes.
    fn state(&mut self, task: &RawTask) -> TaskState {
        let Some(future) = task.waits_for() else {
            return TaskState::Ready;
        };
        let mut torn = None;
        let is_pending = (self.objects).watched(&mut torn, || self.objects.is_pending(future));
        if let Some(fault) = torn {
            self.problems.add_of_task(task.addr, "{}", fault);
        }
        match is_pending {
            // The task's wake-up is scheduled.
            Ok(false) => TaskState::Ready,
            // One of a kind that is not known is some library's own.
            Ok(true) => TaskState::Waiting,
            Err(fault) if matches!(fault.reason(), Unexpected(_)) => TaskState::Waiting,
            Err(fault) => {
                self.problems
                    .add(format!("what task {:#x} waits for", task.addr), fault);
                TaskState::Waiting
            }
        }
    }

    fn awaiters(&mut self, raw: &[RawTask], tasks: &mut [Task]) -> (Waiting, Awaiting) {
        let wait_for = self
            .codes
            .matching(|code| code.function == "wait_for" && is_asyncio(code, "tasks"));
        // A future written in Python is awaited through a generator of its own.
        let of_futures = self.codes.matching(|code| is_asyncio(code, "futures"));
        let is_in_wait_for = |task: &Task| {
            let mut frames = task.stack.iter().map(|frame| frame.code);
            let innermost = frames.find(|code| !of_futures.contains(code));
            innermost.is_some_and(|code| wait_for.contains(&code))
        };
        let in_wait_for = (tasks.iter().enumerate())
            .filter(|(_, task)| is_in_wait_for(task))
            .map(|(position, _)| TaskIndex::from_usize(position))
            .collect();
        let mut awaiters = Awaiters::new(self.objects, self.codes, raw, in_wait_for);
        let mut awaiting = Awaiting::new(tasks.len());
        for (task, own) in tasks.iter_mut().zip(raw) {
            let (awaited_by, fault) = awaiters.of(own);
            // What a torn task waits for is not known to be so.
            let of_torn = (awaited_by.iter())
                .filter_map(|awaiter| raw.get(awaiter.task.as_usize()))
                .any(|awaiter| self.problems.is_torn(awaiter.addr));
            let fault = fault.or(of_torn.then_some(Fault::TORN));
            awaiting.add(&awaited_by);
            task.awaited_by = awaited_by;
            if let Some(fault) = fault {
                self.problems
                    .add_of_task(task.id, "who waits for {}", fault);
            }
        }
        (awaiters.into_waiting(), awaiting)
    }

    /// What those wait for that wait for no task.
    fn waits(
        &mut self,
        raw: &[RawTask],
        chains: &Chains,
        tasks: &mut [Task],
        loops: &mut [Thread],
        (waiting, awaiting): (&Waiting, &Awaiting),
        around: &Around<'_>,
    ) {
        let threads: Vec<ThreadFrames<'_>> = (self.raw_threads.iter())
            .map(|thread| ThreadFrames {
                id: thread.id,
                loop_: thread.running_loop,
                frames: &thread.stack.frames,
            })
            .collect();
        let (executing, raw_threads) = (&self.executing, self.raw_threads);
        let on_stack = |task| {
            let (thread, range) = executing.frames_of(task)?;
            raw_threads.get(thread)?.stack.frames.get(range)
        };
        let picture = Picture {
            tasks,
            raw,
            chains,
            waiting,
            has_wait_for: awaiting.has_wait_for,
            threads: &threads,
            on_stack: &|task| on_stack(task).unwrap_or_default(),
        };
        let mut torn = None;
        let (waits, fault) = (self.objects).watched(&mut torn, || {
            Waits::new(self.objects, self.codes, around, picture)
        });
        if let Some(fault) = fault.or(torn) {
            self.problems.add("what the tasks have in hand", fault);
        }
        turns(self.objects, &waits, &threads, loops, &mut self.problems);
        let mut found = Vec::with_capacity(tasks.len());
        let mut limited = Vec::new();
        let mut deadlines = Vec::new();
        for (position, task) in tasks.iter().enumerate() {
            if task.state != TaskState::Waiting {
                found.push(None);
                continue;
            }
            let index = TaskIndex::from_usize(position);
            waits.look_ahead_from(index);
            let before = self.objects.torn();
            let mut result = match awaiting.of_one(index) {
                None => waits.of(index),
                Some(Loosely) => waits.of_body(index),
                Some(Firmly) => Ok(None),
            };
            let mut is_limited = waits.is_limited(index);
            if self.objects.torn() != before {
                result = Err(Fault::TORN);
                let mut torn = None;
                is_limited = (self.objects).watched(&mut torn, || waits.is_limited(index));
                is_limited = torn.map_or(is_limited, Err);
            }
            // What is not known to be so is told.
            if is_limited != Ok(false) {
                limited.push(index);
            }
            if is_limited == Ok(true) && result == Ok(None) {
                let mut torn = None;
                let deadline = (self.objects).watched(&mut torn, || waits.limit(index));
                match torn.map_or(deadline, Err) {
                    Ok(deadline) => deadlines.push((index, deadline)),
                    Err(fault) => result = Err(fault),
                }
            }
            found.push(match (result, is_limited) {
                (Ok(found), Ok(_)) => found,
                (Err(fault), _) | (_, Err(fault)) => {
                    self.problems
                        .add_of_task(task.id, "what {} waits for", fault);
                    None
                }
            });
        }
        // Only then there may be a circle.
        let needs_others = |wait: &WaitsFor| match &wait.what {
            Wait::Queue(queue) => !(queue.holders.is_empty() && queue.others.is_empty()),
            what => !what.holders().is_empty(),
        };
        if found.iter().flatten().any(|wait| needs_others(wait)) {
            let mut torn = None;
            let given_up = (self.objects).watched(&mut torn, || waits.given_up());
            match torn.map_or(given_up, Err) {
                Ok(given_up) => limited.extend(given_up),
                Err(fault) => self.problems.add("what timers end", fault),
            }
        }
        for (task, found) in tasks.iter_mut().zip(found) {
            task.waits_for = found;
        }
        for (task, deadline) in deadlines {
            if let Some(task) = tasks.get_mut(task.as_usize()) {
                task.deadline = deadline;
            }
        }
        for task in limited {
            if let Some(task) = tasks.get_mut(task.as_usize()) {
                task.limited = true;
            }
        }
    }

    fn stack<'f>(
        &mut self,
        location: &dyn Fn() -> String,
        frames: impl Iterator<Item = &'f RawFrame>,
    ) -> Vec<Frame> {
        // Slices chained to each other know how many they are.
        let mut stack = Vec::with_capacity(frames.size_hint().0);
        for frame in frames {
            match self.frame(frame) {
                Ok(frame) => stack.push(frame),
                Err(fault) => self.problems.add(location(), fault),
            }
        }
        stack
    }

    fn frame(&self, frame: &RawFrame) -> Result<Frame, Fault> {
        if let Kept::Compiled(kind) = frame.kept {
            return self.codes.compiled(frame.code, frame.first, kind);
        }
        let layout = self.objects.layout;
        let qualname = match frame.generator {
            Some(generator) if layout.code.qualname.is_none() => self
                .objects
                .pointer(generator.get(), layout.generator.qualname)?,
            _ => None,
        };
        self.codes.frame(frame.code, frame.offset.into(), qualname)
    }
}

/// How far each loop has come with what it has to call.
fn turns(
    objects: &Objects<'_>,
    waits: &Waits<'_>,
    threads: &[ThreadFrames<'_>],
    loops: &mut [Thread],
    problems: &mut Problems,
) {
    let by_id: HashMap<u64, &ThreadFrames<'_>> = threads.iter().map(|it| (it.id, it)).collect();
    for loop_ in loops {
        let Some(thread) = by_id.get(&loop_.thread) else {
            continue;
        };
        let mut torn = None;
        let found = objects.watched(&mut torn, || {
            let turn = waits.turn_of(thread.frames)?;
            Ok((turn, waits.place_of_uv(thread.loop_)?))
        });
        match torn.map_or(found, Err) {
            Ok((turn, at)) => (loop_.turn, loop_.at) = (turn, at),
            Err(fault) => {
                let location = format!("the loop of thread {}", loop_.thread);
                problems.add(location, fault);
            }
        }
    }
}

/// The frames that a running task is in where they do not lead back to its
/// coroutine: a greenlet (as SQLAlchemy's asyncio has them) begins a stack of
/// its own.
fn switched_to<'t>(threads: &'t [RawThread], task: &NamedTask, chain: Chain<'_>) -> &'t [RawFrame] {
    let is_its = |thread: &&RawThread| thread.running_task == Some(task.raw.addr);
    match threads.iter().find(is_its) {
        Some(thread) if chain.end == End::Executing => &thread.stack.frames,
        _ => &[],
    }
}

/// Whether the code is of a module of asyncio, wherever the standard library is.
fn is_asyncio(code: &Code, module: &str) -> bool {
    let file = code.file.trim_end_matches('c');
    let path = file
        .strip_suffix(".py")
        .and_then(|file| file.strip_suffix(module));
    path.is_some_and(|path| path.ends_with("asyncio/"))
}

/// How a task waits for others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Grip {
    /// They are its task group's, or only on record: it may be waiting for
    /// something else meanwhile.
    Loosely,
    /// It can do nothing before.
    Firmly,
}

use Grip::{Firmly, Loosely};

/// The tasks that wait for others.
struct Awaiting {
    grips: Vec<Option<Grip>>,
    /// Whether one does so through `asyncio.wait_for`.
    has_wait_for: bool,
}

impl Awaiting {
    /// None of so many tasks.
    fn new(tasks: usize) -> Self {
        Self {
            grips: vec![None; tasks],
            has_wait_for: false,
        }
    }

    /// Adds those that await a task.
    fn add(&mut self, awaiters: &[Awaiter]) {
        for awaiter in awaiters {
            self.has_wait_for |= awaiter.how == How::WaitFor;
            if let Some(grip) = self.grips.get_mut(awaiter.task.as_usize()) {
                let is_loose = matches!(awaiter.how, How::TaskGroup | How::Recorded);
                if !is_loose {
                    *grip = Some(Firmly);
                } else if grip.is_none() {
                    *grip = Some(Loosely);
                }
            }
        }
    }

    fn of_one(&self, task: TaskIndex) -> Option<Grip> {
        self.grips.get(task.as_usize()).copied().flatten()
    }
}

/// The tasks whose coroutines are being executed, and where.
struct Executing {
    /// By task: the thread, and the task's part of its stack.
    places: HashMap<TaskIndex, (usize, Range<usize>)>,
    /// By thread: the innermost task on its stack.
    innermost: HashMap<usize, TaskIndex>,
}

impl Executing {
    fn find(threads: &[RawThread], chains: &Chains) -> Self {
        let mut found = Self {
            places: HashMap::default(),
            innermost: HashMap::default(),
        };
        let owners: HashMap<u64, TaskIndex> = (chains.iter().enumerate())
            .filter(|(_, chain)| chain.end == End::Executing)
            .flat_map(|(task, chain)| {
                let task = TaskIndex::from_usize(task);
                chain.frames.iter().map(move |frame| (frame.addr, task))
            })
            .collect();
        if owners.is_empty() {
            return found;
        }
        for (number, thread) in threads.iter().enumerate() {
            let mut begin = 0;
            for (position, frame) in thread.stack.frames.iter().enumerate() {
                let Some(&task) = owners.get(&frame.addr) else {
                    continue;
                };
                // The first that is met is where the task's chain ends: what
                // lies on top of it is the task's too. The others are in the chain.
                found
                    .places
                    .entry(task)
                    .or_insert((number, begin..position + 1));
                found.innermost.entry(number).or_insert(task);
                begin = position + 1;
            }
        }
        found
    }

    fn innermost(&self, thread: usize) -> Option<TaskIndex> {
        self.innermost.get(&thread).copied()
    }

    fn frames_of(&self, task: TaskIndex) -> Option<(usize, Range<usize>)> {
        self.places.get(&task).cloned()
    }
}
