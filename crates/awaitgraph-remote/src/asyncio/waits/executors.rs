//! Work in threads: which thread runs it, or what is queued before it.
//!
//! ```text
//!   future ──callback──> concurrent.futures.Future <── _WorkItem.future <── a worker's frame
//!          _call_check_cancel: `source`                            └── _work_queue
//! ```

use awaitgraph_model::{Executor, Frame, Wait, WaitsFor};

use super::{Waits, plain};
use crate::frame::RawFrame;
use crate::map::HashMap;
use crate::object::{Fault, Kind};

/// How many wrappers around a function are seen through.
pub(super) const WRAPPERS: usize = 8;
const POOL: &str = "concurrent/futures/thread";
const PROCESSES: &str = "concurrent/futures/process";
const ANYIO: &str = "anyio/_backends/_asyncio";

/// What the threads of the target work on.
#[derive(Debug, Default)]
pub(super) struct Workers {
    /// By the future that will have the result.
    work: HashMap<u64, Work>,
}

/// A piece of work.
#[derive(Debug, Clone, Copy)]
struct Work {
    /// The `_WorkItem`, where there is one.
    item: Option<u64>,
    place: Place,
}

#[derive(Debug, Clone, Copy)]
enum Place {
    /// In the thread of this number.
    Thread(usize),
    /// In a queue, behind so many others.
    Queue(u64),
    /// In another process, or on its way to one.
    Process,
}

impl Waits<'_> {
    /// What is known of the work whose result the `concurrent.futures.Future`
    /// at `source` will have; `None` where no executor has it.
    pub(super) fn work(&self, source: u64, future: u64) -> Result<Option<WaitsFor>, Fault> {
        let Some(&Work { item, place }) = self.workers()?.work.get(&source) else {
            return Ok(None);
        };
        let function = match item {
            Some(item) => self.function_of_item(item)?,
            None => None,
        };
        self.executor(place, function, future).map(Some)
    }

    /// Work that anyio gave to a thread of its own.
    pub(super) fn worker_thread(
        &self,
        future: u64,
        function: Option<u64>,
    ) -> Result<WaitsFor, Fault> {
        let function = match function {
            Some(function) => self.function_name(function)?,
            None => None,
        };
        let work = self.workers()?.work.get(&future).copied();
        let place = work.map_or(Place::Process, |work| work.place);
        self.executor(place, function, future)
    }

    fn executor(
        &self,
        place: Place,
        function: Option<String>,
        future: u64,
    ) -> Result<WaitsFor, Fault> {
        let mut executor = Executor {
            function,
            ..Executor::default()
        };
        match place {
            Place::Thread(number) => {
                if let Some(thread) = self.picture.threads.get(number) {
                    executor.thread = Some(thread.id);
                    executor.stack = self.stack_of(thread.frames)?;
                }
            }
            Place::Queue(before) => executor.queued_before = Some(before),
            Place::Process => {}
        }
        Ok(plain(Wait::Executor(Box::new(executor)), future))
    }

    fn stack_of(&self, frames: &[RawFrame]) -> Result<Vec<Frame>, Fault> {
        let mut stack = Vec::new();
        for frame in frames {
            self.objects.hold_frame()?;
            stack.push(self.frame_of(frame)?);
        }
        Ok(stack)
    }

    /// What all threads work on.
    fn workers(&self) -> Result<&Workers, Fault> {
        if let Some(known) = self.workers.get() {
            return Ok(known);
        }
        let mut workers = Workers::default();
        for (number, thread) in self.picture.threads.iter().enumerate() {
            // A worker's own frames are the outermost ones.
            for frame in thread.frames.iter().rev().take(WORKER_FRAMES) {
                self.add_work(number, frame, &mut workers)?;
            }
        }
        Ok(self.workers.get_or_init(|| workers))
    }

    fn add_work(
        &self,
        number: usize,
        frame: &RawFrame,
        workers: &mut Workers,
    ) -> Result<(), Fault> {
        let code = self.frame_of(frame)?.code;
        let frames = &self.frames;
        let is = |module, name| frames.is(code, module, name);
        let place = Place::Thread(number);
        if is(POOL, "run") {
            if let Some(item) = frames.itself(frame)? {
                self.add_item(item, place, workers)?;
            }
        } else if is(POOL, "_worker") {
            if let Some(queue) = frames.variable(frame, "work_queue")?
                && self.objects.kind_of(queue)? == Kind::SimpleQueue
            {
                for (before, item) in self.objects.simple_queue(queue)?.into_iter().enumerate() {
                    // One that wakes the workers for their end is `None`.
                    if item != 0 {
                        self.add_item(item, Place::Queue(before as u64), workers)?;
                    }
                }
            }
            // Taken out of the queue, and about to be run.
            if let Some(item) = frames.variable(frame, "work_item")? {
                self.add_item(item, place, workers)?;
            }
        } else if is(ANYIO, "run") {
            if let Some(future) = frames.variable(frame, "future")? {
                self.objects.hold(64)?;
                workers.work.insert(future, Work { item: None, place });
            }
        } else if is(PROCESSES, "run") || is(PROCESSES, "_queue_management_worker") {
            let items = match frames.itself(frame)? {
                Some(manager) => frames.attribute(manager, "pending_work_items")?,
                None => frames.variable(frame, "pending_work_items")?,
            };
            if let Some(items) = items
                && self.objects.kind_of(items)? == Kind::Dict
            {
                for (_, item) in self.objects.dict_items(items)? {
                    self.add_item(item, Place::Process, workers)?;
                }
            }
        }
        Ok(())
    }

    fn add_item(&self, item: u64, place: Place, workers: &mut Workers) -> Result<(), Fault> {
        if let Some(future) = self.frames.attribute(item, "future")? {
            self.objects.hold(64)?;
            let item = Some(item);
            workers.work.insert(future, Work { item, place });
        }
        Ok(())
    }

    /// The name of the function of a `_WorkItem`: `fn`, or from 3.14 `task`, a
    /// tuple that begins with it.
    fn function_of_item(&self, item: u64) -> Result<Option<String>, Fault> {
        if let Some(function) = self.frames.attribute(item, "fn")? {
            return self.function_name(function);
        }
        match self.frames.attribute(item, "task")? {
            Some(task) if self.objects.kind_of(task)? == Kind::Tuple => {
                match self.objects.tuple(task)?.first() {
                    Some(&function) => self.function_name(function),
                    None => Ok(None),
                }
            }
            _ => Ok(None),
        }
    }

    /// The name of the function that a callable calls in the end.
    pub(super) fn function_name(&self, addr: u64) -> Result<Option<String>, Fault> {
        let (objects, layout) = (self.objects, &self.objects.layout);
        let mut here = Some(addr);
        for _ in 0..WRAPPERS {
            let Some(addr) = here else {
                break;
            };
            match objects.kind_of(addr)? {
                Kind::Function => {
                    let name = objects.pointer(addr, layout.function.qualname)?;
                    return match name {
                        Some(name) if objects.kind_of(name)? == Kind::Text => {
                            objects.text(name).map(Some)
                        }
                        _ => Ok(None),
                    };
                }
                Kind::Method => here = objects.pointer(addr, layout.method.function)?,
                Kind::Builtin => return objects.builtin_name(addr).map(Some),
                Kind::Partial => {
                    let function = objects.pointer(addr, layout.partial.function)?;
                    // `asyncio.to_thread` has `context.run` call it.
                    let runs_another = match function {
                        Some(it) if objects.kind_of(it)? == Kind::Builtin => {
                            objects.builtin_name(it)? == "run"
                        }
                        _ => false,
                    };
                    here = if runs_another
                        && let Some(args) = objects.pointer(addr, layout.partial.args)?
                    {
                        objects.tuple(args)?.first().copied()
                    } else {
                        function
                    };
                }
                // An object that is called, as one of a class with `__call__`.
                Kind::Other => {
                    let class = objects.type_of(addr)?.addr;
                    here = objects.class_attribute(class, "__call__")?;
                }
                _ => break,
            }
        }
        Ok(None)
    }
}

/// How many of a thread's outermost frames may be those of a worker.
const WORKER_FRAMES: usize = 16;
