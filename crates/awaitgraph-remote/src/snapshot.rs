//! From the bytes of a process to a graph.
//!
//! ```text
//!   interpreters ─> threads ─> stacks, running loops ─┐
//!                └> tasks ─> coroutine chains ────────┼─> stacks, states, threads ─> Graph
//!                         └> futures, callbacks ──────┴─> awaiters
//! ```
//!
//! What cannot be read becomes a [`Problem`] and is left out; the rest is shown.

use awaitgraph_model::{Frame, Graph, Problem, Task, TaskIndex, TaskState, Thread, natural_order};

use crate::asyncio::{Awaiters, Modules, RawTask};
use crate::code::Codes;
use crate::coroutine::{Chain, End};
use crate::frame::RawFrame;
use crate::layout::Layout;
use crate::map::{HashMap, HashSet};
use crate::memory::Memory;
use crate::object::{Fault, Kind, Objects};
use crate::threads::Stack;

/// The most problems that are kept; the last then says how many there were.
const MOST_PROBLEMS: usize = 1000;
/// The most frames of all tasks together.
const MOST_FRAMES: usize = 1 << 26;

/// Gives a thread's kernel id for its `pthread_t`.
pub(crate) type ThreadIds<'a> = &'a dyn Fn(u64) -> Option<u64>;

/// Reads the graph of the CPython whose runtime is at `runtime`; the fields
/// that say how it was read are left to the caller.
pub(crate) fn read_graph(
    memory: &dyn Memory,
    layout: &Layout,
    runtime: u64,
    thread_ids: ThreadIds<'_>,
) -> Result<Graph, Mismatch> {
    let objects = Objects::new(memory, layout);
    let codes = Codes::new(&objects);
    let mut reading = Reading::new(&objects, &codes, thread_ids);
    match objects.interpreters(runtime) {
        Ok(interpreters) => {
            for interpreter in interpreters {
                reading.read_interpreter(interpreter)?;
            }
        }
        Err(fault) => reading.problem("the list of interpreters", fault),
    }
    let (threads, tasks, problems) = reading.finish();
    Ok(Graph {
        threads,
        tasks,
        codes: codes.into_codes(),
        problems,
        ..Graph::default()
    })
}

/// The target's tasks are not of the size that the layout says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Mismatch {
    /// `_asyncio.Task.__basicsize__` of the target.
    pub(crate) found: u64,
    /// That of the layout.
    pub(crate) expected: u64,
}

/// What has been read so far.
struct Reading<'a> {
    objects: &'a Objects<'a>,
    codes: &'a Codes<'a>,
    thread_ids: ThreadIds<'a>,
    threads: Vec<RawThread>,
    tasks: Vec<NamedTask>,
    problems: Vec<Problem>,
    left_out: usize,
    frames: usize,
    size_checked: bool,
}

/// A thread and the frames that it is in.
struct RawThread {
    interpreter: i64,
    id: u64,
    running_loop: Option<u64>,
    running_task: Option<u64>,
    stack: Stack,
}

/// A task, its name, and the interpreter that it belongs to.
struct NamedTask {
    raw: RawTask,
    name: String,
    interpreter: i64,
}

/// Where a thread executes a coroutine: which thread, and the place in its stack.
type Place = (usize, usize);

impl<'a> Reading<'a> {
    fn new(objects: &'a Objects<'a>, codes: &'a Codes<'a>, thread_ids: ThreadIds<'a>) -> Self {
        Self {
            objects,
            codes,
            thread_ids,
            threads: Vec::new(),
            tasks: Vec::new(),
            problems: Vec::new(),
            left_out: 0,
            frames: 0,
            size_checked: false,
        }
    }

    fn problem(&mut self, location: impl Into<String>, what: impl ToString) {
        if self.problems.len() < MOST_PROBLEMS {
            self.problems.push(Problem {
                location: location.into(),
                what: what.to_string(),
            });
        } else {
            self.left_out += 1;
        }
    }

    fn read_interpreter(&mut self, addr: u64) -> Result<(), Mismatch> {
        let id = self
            .objects
            .i64(addr, self.objects.layout.interpreter.id)
            .unwrap_or(-1);
        let location = format!("interpreter {id}");
        let threads = match self.objects.threads(addr) {
            Ok(threads) => threads,
            Err(fault) => {
                self.problem(location.as_str(), fault);
                Vec::new()
            }
        };
        let modules = match Modules::of(self.objects, addr) {
            Ok(modules) => modules,
            Err(fault) => {
                self.problem(location, fault);
                return Ok(());
            }
        };
        for &thread in &threads {
            self.read_thread(thread, id, &modules);
        }
        let found = modules.tasks(addr, &threads);
        for (location, fault) in found.faults {
            self.problem(location, fault);
        }
        for task in found.tasks {
            self.check_size(task)?;
            self.read_task(task, id);
        }
        Ok(())
    }

    fn read_thread(&mut self, addr: u64, interpreter: i64, modules: &Modules<'_>) {
        let id = self.thread_id(addr);
        let (running_loop, running_task) = match modules.running(addr) {
            Ok(running) => running,
            Err(fault) => {
                self.problem(format!("the loop of thread {id}"), fault);
                (None, None)
            }
        };
        let stack = self.objects.stack(addr);
        self.threads.push(RawThread {
            interpreter,
            id,
            running_loop,
            running_task,
            stack,
        });
    }

    /// The kernel's id of a thread, else its `pthread_t`.
    fn thread_id(&self, addr: u64) -> u64 {
        let layout = &self.objects.layout.thread;
        let native = layout
            .native_thread_id
            .and_then(|offset| self.objects.u64(addr, offset).ok());
        native.filter(|&id| id != 0).unwrap_or_else(|| {
            let pthread = self.objects.u64(addr, layout.thread_id).unwrap_or(0);
            (self.thread_ids)(pthread).unwrap_or(pthread)
        })
    }

    /// Holds the layout against what the target says of its own tasks, once.
    fn check_size(&mut self, task: u64) -> Result<(), Mismatch> {
        if self.size_checked {
            return Ok(());
        }
        if let Ok(Some(found)) = self.objects.task_size(task) {
            let expected = self.objects.layout.task.size;
            if found != expected {
                return Err(Mismatch { found, expected });
            }
            self.size_checked = true;
        }
        Ok(())
    }

    fn read_task(&mut self, addr: u64, interpreter: i64) {
        let raw = match self.objects.task(addr) {
            Ok(Some(raw)) => raw,
            Ok(None) => return,
            Err(fault) => {
                self.problem(format!("task {addr:#x}"), fault);
                return;
            }
        };
        let name = self.objects.task_name(addr).unwrap_or_else(|fault| {
            self.problem(format!("task {addr:#x}"), fault);
            String::new()
        });
        self.tasks.push(NamedTask {
            raw,
            name,
            interpreter,
        });
    }

    /// Joins what was read: the threads and tasks of the graph, and the problems.
    fn finish(mut self) -> (Vec<Thread>, Vec<Task>, Vec<Problem>) {
        let mut tasks = std::mem::take(&mut self.tasks);
        tasks.sort_by(|a, b| {
            (a.interpreter.cmp(&b.interpreter))
                .then_with(|| natural_order(&a.name, &b.name))
                .then(a.raw.addr.cmp(&b.raw.addr))
        });
        let index: HashMap<u64, TaskIndex> = tasks
            .iter()
            .enumerate()
            .map(|(position, task)| (task.raw.addr, TaskIndex::from_usize(position)))
            .collect();

        let chains: Vec<Chain> = tasks.iter().map(|task| self.chain(task)).collect();
        let places = self.places(&chains);
        let threads = self.graph_threads(&index, &places);
        let running: HashSet<TaskIndex> =
            threads.iter().filter_map(|thread| thread.running).collect();
        let begins = begins(&places);
        let loops: HashMap<u64, u64> = self
            .threads
            .iter()
            .filter_map(|thread| Some((thread.running_loop?, thread.id)))
            .collect();

        let mut graph_tasks = Vec::with_capacity(tasks.len());
        for (position, (task, chain)) in tasks.iter().zip(&chains).enumerate() {
            let task_index = TaskIndex::from_usize(position);
            let place = places.get(&task_index);
            let is_running = running.contains(&task_index) || chain.end == End::Executing;
            let location = || format!("task {:#x}", task.raw.addr);
            let stack = match place {
                Some(&(thread, end)) => {
                    let begin = begins.get(&task_index).copied().unwrap_or(0);
                    self.executing_stack(location(), thread, begin..end + 1)
                }
                None => self.frames(&location, chain.frames.iter().rev()),
            };
            if let Some(fault) = chain.fault {
                self.problem(location(), fault);
            }
            graph_tasks.push(Task {
                id: task.raw.addr,
                name: task.name.clone(),
                state: if is_running {
                    TaskState::Running
                } else {
                    self.state(&task.raw)
                },
                interpreter: task.interpreter,
                thread: task.raw.loop_.and_then(|addr| loops.get(&addr).copied()),
                stack,
                awaited_by: Vec::new(),
                waits_for: None,
            });
        }
        let raw: Vec<RawTask> = tasks.into_iter().map(|task| task.raw).collect();
        self.join(&raw, &mut graph_tasks);
        if self.left_out > 0 {
            let what = format!("{} more problems were left out", self.left_out);
            self.problems.push(Problem {
                location: "this list".to_owned(),
                what,
            });
        }
        (threads, graph_tasks, self.problems)
    }

    fn chain(&self, task: &NamedTask) -> Chain {
        match task.raw.coro {
            Some(coro) => self.objects.chain(coro),
            None => Chain::default(),
        }
    }

    /// Where the tasks whose coroutines are being executed stand in the
    /// threads' stacks.
    fn places(&self, chains: &[Chain]) -> HashMap<TaskIndex, Place> {
        let executing: Vec<(TaskIndex, u64)> = chains
            .iter()
            .enumerate()
            .filter(|(_, chain)| chain.end == End::Executing)
            // The outermost frame of the chain is where the task begins.
            .filter_map(|(task, chain)| {
                Some((TaskIndex::from_usize(task), chain.frames.first()?.addr))
            })
            .collect();
        if executing.is_empty() {
            return HashMap::default();
        }
        let mut by_frame = HashMap::default();
        for (thread, raw) in self.threads.iter().enumerate() {
            for (position, frame) in raw.stack.frames.iter().enumerate() {
                by_frame.insert(frame.addr, (thread, position));
            }
        }
        executing
            .into_iter()
            .filter_map(|(task, frame)| Some((task, *by_frame.get(&frame)?)))
            .collect()
    }

    /// The threads that run a loop, or execute a task.
    fn graph_threads(
        &mut self,
        index: &HashMap<u64, TaskIndex>,
        places: &HashMap<TaskIndex, Place>,
    ) -> Vec<Thread> {
        let raw = std::mem::take(&mut self.threads);
        let mut threads = Vec::new();
        for (number, thread) in raw.iter().enumerate() {
            // The innermost of the tasks on its stack is the one that it executes.
            let innermost = places
                .iter()
                .filter(|&(_, &(of, _))| of == number)
                .min_by_key(|&(_, &(_, position))| position)
                .map(|(&task, _)| task);
            let current = thread
                .running_task
                .and_then(|task| index.get(&task).copied());
            if thread.running_loop.is_none() && innermost.is_none() {
                continue;
            }
            if let Some(fault) = thread.stack.fault {
                self.problem(format!("the stack of thread {}", thread.id), fault);
            }
            let location = || format!("the stack of thread {}", thread.id);
            threads.push(Thread {
                interpreter: thread.interpreter,
                thread: thread.id,
                running: innermost.or(current),
                stack: self.frames(&location, thread.stack.frames.iter()),
            });
        }
        self.threads = raw;
        threads.sort_by_key(|thread| (thread.interpreter, thread.thread));
        threads
    }

    /// A part of a thread's stack, as frames of the graph.
    fn executing_stack(
        &mut self,
        location: String,
        thread: usize,
        range: std::ops::Range<usize>,
    ) -> Vec<Frame> {
        let thread = self.threads.get(thread);
        let part = thread
            .and_then(|thread| thread.stack.frames.get(range))
            .unwrap_or_default();
        let part = part.to_vec();
        self.frames(&|| location.clone(), part.iter())
    }

    fn frames<'f>(
        &mut self,
        location: &dyn Fn() -> String,
        frames: impl ExactSizeIterator<Item = &'f RawFrame>,
    ) -> Vec<Frame> {
        let mut stack = Vec::with_capacity(frames.len());
        for frame in frames {
            if self.frames >= MOST_FRAMES {
                self.problem(location(), "more frames than one snapshot holds");
                break;
            }
            self.frames += 1;
            match self.frame(frame) {
                Ok(frame) => stack.push(frame),
                Err(fault) => self.problem(location(), fault),
            }
        }
        stack
    }

    fn frame(&self, frame: &RawFrame) -> Result<Frame, Fault> {
        let layout = self.objects.layout;
        let qualname = match frame.generator {
            Some(generator) if layout.code.qualname.is_none() => {
                self.objects.pointer(generator, layout.generator.qualname)?
            }
            _ => None,
        };
        self.codes.frame(frame.code, frame.offset, qualname)
    }

    fn state(&self, task: &RawTask) -> TaskState {
        match task.waits_for {
            None => TaskState::Ready,
            // Once that is done, the task's wake-up is scheduled.
            Some(future) if !self.objects.is_pending(future).unwrap_or(true) => TaskState::Ready,
            Some(_) => TaskState::Waiting,
        }
    }

    fn join(&mut self, raw: &[RawTask], tasks: &mut [Task]) {
        let wait_for = self.codes.matching(|code| {
            code.function == "wait_for" && code.file.ends_with("asyncio/tasks.py")
        });
        let in_wait_for = tasks
            .iter()
            .enumerate()
            .filter(|(_, task)| {
                task.stack
                    .first()
                    .is_some_and(|frame| wait_for.contains(&frame.code))
            })
            .map(|(position, _)| TaskIndex::from_usize(position))
            .collect::<HashSet<_>>();
        let mut awaiters = Awaiters::new(self.objects, self.codes, raw, in_wait_for);
        for task in tasks {
            let (awaited_by, fault) = awaiters.of(task.id);
            task.awaited_by = awaited_by;
            if let Some(fault) = fault {
                self.problem(format!("who waits for task {:#x}", task.id), fault);
            }
        }
    }
}

/// Where in a thread's stack each executing task's own frames begin: behind
/// those of the task that it started eagerly, if it did.
fn begins(places: &HashMap<TaskIndex, Place>) -> HashMap<TaskIndex, usize> {
    let mut in_order: Vec<(Place, TaskIndex)> =
        places.iter().map(|(&task, &place)| (place, task)).collect();
    in_order.sort_unstable();
    let mut begins = HashMap::default();
    let mut last: Option<Place> = None;
    for ((thread, position), task) in in_order {
        let begin = match last {
            Some((same, end)) if same == thread => end + 1,
            _ => 0,
        };
        begins.insert(task, begin);
        last = Some((thread, position));
    }
    begins
}

impl Objects<'_> {
    /// `_asyncio.Task.__basicsize__`, by way of a task of that type or a subclass.
    fn task_size(&self, task: u64) -> Result<Option<u64>, Fault> {
        let type_ = self.type_of(task)?;
        if type_.kind != Kind::Task {
            return Ok(None);
        }
        let layout = &self.layout.type_object;
        let mut here = Some(type_.addr);
        for _ in 0..64 {
            let Some(addr) = here else {
                break;
            };
            if self.type_name(addr)? == "_asyncio.Task" {
                return Ok(Some(self.u64(addr, layout.tp_basicsize)?));
            }
            here = self.pointer(addr, layout.tp_base)?;
        }
        Ok(None)
    }
}
