//! What tasks have in hand: which locks they are inside of, and until when.
//!
//! A frame inside a `with` or `async with` keeps the method that will be
//! called at its end on its value stack: bound to the object (to 3.13), or as
//! a function with the object behind it (3.14+).
//!
//! ```text
//!   async with lock:        value stack   … │ lock.__aexit__ │ … │ awaited
//!       await something()
//! ```
//!
//! The one that only waits to be let in has it there too: the frame further in
//! is then that of `__aenter__`. And who waits for a condition has let go of
//! its lock meanwhile.

use std::borrow::Cow;
use std::cell::RefCell;

use awaitgraph_model::{PrimitiveKind, TaskIndex};

use super::frames::{Frames, Level};
use super::roles::Role;
use crate::code::Codes;
use crate::coroutine::{Chain, End, Stacks};
use crate::frame::{Kept, RawFrame};
use crate::limits;
use crate::map::{HashMap, HashSet};
use crate::object::Reason::Unexpected;
use crate::object::{Fault, Kind, Objects, Remembered};

/// The bytes that are held for each object that a task is inside of.
const HELD_ENTERED: u64 = 96;

/// Of how many functions it is at hand how many values are none.
const LEAST: usize = 32;

/// What the tasks have in hand.
#[derive(Debug, Default)]
pub(super) struct Entered {
    /// The tasks that are inside of an object, by its address.
    tasks: HashMap<u64, Vec<TaskIndex>>,
    /// The timeouts that each task is inside of, outermost first.
    timeouts: HashMap<TaskIndex, Vec<u64>>,
    /// The frames of generators that tasks are inside of, as of a context manager.
    resting: Vec<(TaskIndex, RawFrame)>,
    /// The tasks that have let go of what they are inside of, to wait for it.
    have_let_go: HashSet<TaskIndex>,
}

impl Entered {
    /// The tasks that are inside of the object at `addr`, in the graph's order.
    pub(super) fn tasks(&self, addr: u64) -> &[TaskIndex] {
        self.tasks.get(&addr).map(Vec::as_slice).unwrap_or_default()
    }

    /// The objects that some task is inside of.
    pub(super) fn objects(&self) -> impl Iterator<Item = u64> {
        self.tasks.keys().copied()
    }

    /// The frames of generators that tasks are inside of, and whose.
    pub(super) fn resting(&self) -> &[(TaskIndex, RawFrame)] {
        &self.resting
    }

    /// Whether the task has let go of what it is inside of, to wait for it.
    pub(super) fn has_let_go(&self, task: TaskIndex) -> bool {
        self.have_let_go.contains(&task)
    }

    /// Whether any task is inside of a timeout.
    pub(super) fn has_timeouts(&self) -> bool {
        !self.timeouts.is_empty()
    }

    /// The timeouts that the task is inside of, outermost first.
    pub(super) fn timeouts(&self, task: TaskIndex) -> &[u64] {
        let timeouts = self.timeouts.get(&task);
        timeouts.map(Vec::as_slice).unwrap_or_default()
    }
}

/// What a method on the value stack is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Exit {
    /// Something else.
    None,
    /// The end of a `with`.
    Sync,
    /// The end of an `async with`.
    Async,
}

/// What a frame does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// It is suspended in an `await`: the last of its values is what it awaits.
    Awaits,
    /// It is suspended otherwise, at a `yield`.
    Rests,
    /// It is being executed.
    Executes,
}

/// The classes whose instances lead on, or say how long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Class {
    /// `asyncio.timeouts.Timeout`, one of the package `async_timeout`, a
    /// `CancelScope` of anyio, or a `TimerContext` of aiohttp.
    Timeout,
    /// `contextlib.ExitStack` or `AsyncExitStack`.
    ExitStack,
    /// What a function with `contextlib.contextmanager` or
    /// `asynccontextmanager` returned.
    Generator,
    Other,
}

/// Looks into the frames of tasks.
pub(super) struct Looking<'a, 'f> {
    objects: &'a Objects<'a>,
    codes: &'a Codes<'a>,
    frames: &'f Frames<'a>,
    /// By code: how many values a frame has that has nothing in hand.
    least: Remembered<u64, LEAST>,
    exits: RefCell<HashMap<u64, Exit>>,
    /// The function and the object that were met last, as many tasks may have
    /// the same.
    last_exit: Remembered<Exit, 1>,
    last_class: Remembered<Class, 1>,
    /// By code: whether it is an `__aenter__`.
    enters: RefCell<HashMap<u64, bool>>,
    classes: RefCell<HashMap<u64, Class>>,
    /// The generators that were looked at.
    generators: RefCell<HashSet<u64>>,
    stacks: Stacks,
    /// Room for what one task is inside of.
    inside: RefCell<Vec<(u64, Exit)>>,
    /// The frames of the generators that it is inside of.
    resting: RefCell<Vec<RawFrame>>,
}

impl<'a, 'f> Looking<'a, 'f> {
    pub(super) fn new(
        objects: &'a Objects<'a>,
        codes: &'a Codes<'a>,
        frames: &'f Frames<'a>,
    ) -> Self {
        Self {
            objects,
            codes,
            frames,
            least: Remembered::new(),
            exits: RefCell::default(),
            last_exit: Remembered::new(),
            last_class: Remembered::new(),
            enters: RefCell::default(),
            classes: RefCell::default(),
            generators: RefCell::default(),
            stacks: Stacks::default(),
            inside: RefCell::default(),
            resting: RefCell::default(),
        }
    }

    /// Adds what the suspended task whose frames are in `chain` has in hand.
    /// `levels` are the same frames, innermost first, where they are known.
    pub(super) fn add(
        &self,
        task: TaskIndex,
        chain: Chain<'_>,
        on_stack: &[RawFrame],
        levels: impl Fn() -> Vec<Level<'a>>,
        entered: &mut Entered,
    ) -> Result<(), Fault> {
        let mut inside = self.inside.take();
        inside.clear();
        let last = chain.frames.len().saturating_sub(1);
        // What is being executed lies on the thread's stack, innermost first;
        // the outermost of that is the last of the chain.
        let mut frames = Cow::Borrowed(chain.frames);
        if on_stack.len() > 1 {
            frames.to_mut().extend(on_stack.iter().rev().skip(1));
        }
        for (place, frame) in frames.iter().enumerate() {
            let state = if frame.kept == Kept::InGreenlet {
                State::Executes
            } else if place < last || matches!(chain.end, End::Awaiting(_)) {
                State::Awaits
            } else if chain.end == End::Executing {
                State::Executes
            } else {
                State::Rests
            };
            if !self.has_in_hand(frame, state)? {
                continue;
            }
            let before = inside.len();
            self.frame(frame, state, &mut inside)?;
            if inside.len() > before
                && let Some(inner) = frames.get(place + 1)
                && let Some(&(object, _)) = inside.last()
                && self.is_entering(inner, object)?
            {
                inside.pop();
            }
        }
        let mut resting = self.resting.borrow_mut();
        (entered.resting).extend(resting.drain(..).map(|frame| (task, frame)));
        if inside.is_empty() {
            self.inside.replace(inside);
            return Ok(());
        }
        let before = inside.len();
        self.let_go_of(&levels(), &mut inside)?;
        if inside.len() < before {
            self.objects.hold(32)?;
            entered.have_let_go.insert(task);
        }
        for (object, exit) in inside.drain(..) {
            match self.class(object)? {
                Class::Timeout => {
                    self.objects.hold(HELD_ENTERED)?;
                    entered.timeouts.entry(task).or_default().push(object);
                }
                _ if exit == Exit::Async => {
                    self.objects.hold(HELD_ENTERED)?;
                    let tasks = entered.tasks.entry(object).or_default();
                    // A task comes but once, and all of it at once.
                    if tasks.last() != Some(&task) {
                        tasks.push(task);
                    }
                }
                _ => {}
            }
        }
        self.inside.replace(inside);
        Ok(())
    }

    /// Whether none of the frames of the suspended task is inside of something,
    /// as is seen at once of nearly all.
    pub(super) fn has_nothing(&self, chain: Chain<'_>) -> Result<bool, Fault> {
        if !matches!(chain.end, End::Awaiting(_)) {
            return Ok(false);
        }
        let mut frames = chain.frames.iter().peekable();
        while let Some(frame) = frames.next() {
            if frame.kept == Kept::InGreenlet {
                return Ok(false);
            }
            if self.has_in_hand(frame, State::Awaits)?
                && !frames
                    .peek()
                    .map_or(Ok(false), |inner| self.only_enters(frame, inner))?
            {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Whether the frame may be inside of something: nearly all have nothing on
    /// their value stack but what they await.
    fn has_in_hand(&self, frame: &RawFrame, state: State) -> Result<bool, Fault> {
        if !frame.has_variables() {
            return Ok(false);
        }
        if state != State::Awaits {
            return Ok(true);
        }
        let find = || {
            let variables = self.frames.count(frame.code)?;
            Ok(self.objects.values_of_nothing(variables))
        };
        let least = self.objects.remembered(&self.least, frame.code, find)?;
        Ok(u64::from(frame.values) > least)
    }

    /// Adds the objects whose `with` the frame is inside of, outermost first,
    /// and what those lead to.
    fn frame(
        &self,
        frame: &RawFrame,
        state: State,
        inside: &mut Vec<(u64, Exit)>,
    ) -> Result<(), Fault> {
        let objects = self.objects;
        let (mut frame, mut state) = (*frame, state);
        let mut rest = Vec::new();
        for _ in 0..limits::MOST_INSIDE {
            let variables = self.frames.count(frame.code)?;
            let awaited = objects.layout.awaited.depth;
            let values = match state {
                State::Awaits => objects.value_stack(&frame, variables, awaited)?,
                State::Rests => objects.value_stack(&frame, variables, 0)?,
                State::Executes => objects.executing_stack(&frame, variables)?,
            };
            for (place, &value) in values.iter().enumerate() {
                let behind = values.get(place + 1).copied();
                self.value(value, behind, inside, &mut rest)?;
            }
            // As nearly always, there is nothing more.
            let Some(next) = rest.pop() else {
                break;
            };
            if inside.len() > limits::MOST_INSIDE {
                break;
            }
            (frame, state) = (next, State::Rests);
        }
        Ok(())
    }

    fn value(
        &self,
        value: u64,
        behind: Option<u64>,
        inside: &mut Vec<(u64, Exit)>,
        rest: &mut Vec<RawFrame>,
    ) -> Result<(), Fault> {
        if value == 0 {
            return Ok(());
        }
        let objects = self.objects;
        let (object, exit) = match objects.kind_of_shared(value)? {
            Kind::Method => self.method(value)?,
            Kind::Function => (behind.filter(|&it| it != 0), self.exit(value)?),
            // One that `async for` or `for` goes through, or that is called by hand.
            Kind::Generator => {
                rest.extend(self.generator(value)?);
                return Ok(());
            }
            _ => return Ok(()),
        };
        match object {
            Some(object) if exit != Exit::None => self.object(object, exit, inside, rest),
            _ => Ok(()),
        }
    }

    fn object(
        &self,
        object: u64,
        exit: Exit,
        inside: &mut Vec<(u64, Exit)>,
        rest: &mut Vec<RawFrame>,
    ) -> Result<(), Fault> {
        let objects = self.objects;
        let mut next = Some((object, exit));
        // Last in, first out; a stack may have been entered by another.
        let mut entered = Vec::new();
        while let Some((object, exit)) = next {
            inside.push((object, exit));
            match self.class(object)? {
                Class::ExitStack => self.exit_callbacks(object, &mut entered)?,
                Class::Generator => {
                    if let Some(generator) = objects.attribute(object, "gen")?
                        && objects.kind_of(generator)? == Kind::Generator
                    {
                        rest.extend(self.generator(generator)?);
                    }
                }
                Class::Timeout | Class::Other => {}
            }
            next = entered
                .pop()
                .filter(|_| inside.len() <= limits::MOST_INSIDE);
        }
        Ok(())
    }

    /// Adds what the `ExitStack` at `addr` has entered, innermost first.
    fn exit_callbacks(&self, addr: u64, entered: &mut Vec<(u64, Exit)>) -> Result<(), Fault> {
        let objects = self.objects;
        let Some(callbacks) = objects.attribute(addr, "_exit_callbacks")? else {
            return Ok(());
        };
        if objects.kind_of(callbacks)? != Kind::Deque {
            return Ok(());
        }
        let begin = entered.len();
        // Pairs: whether it is a plain `with`, and the method.
        for pair in objects
            .deque(callbacks)?
            .into_iter()
            .take(limits::MOST_INSIDE.saturating_sub(begin))
        {
            if objects.kind_of(pair)? == Kind::Tuple
                && let Some(&method) = objects.tuple(pair)?.get(1)
                && objects.kind_of(method)? == Kind::Method
                && let (Some(object), exit) = self.method(method)?
                && exit != Exit::None
            {
                entered.push((object, exit));
            }
        }
        if let Some(added) = entered.get_mut(begin..) {
            added.reverse();
        }
        Ok(())
    }

    /// The frames of a generator that rests at a `yield`. One is in the hands
    /// of one task only, and is looked at once.
    fn generator(&self, addr: u64) -> Result<Vec<RawFrame>, Fault> {
        if !self.generators.borrow_mut().insert(addr) {
            return Ok(Vec::new());
        }
        self.objects.hold(32)?;
        let mut frames = Vec::new();
        Ok(match self.objects.chain(addr, &self.stacks, &mut frames) {
            (End::Resting, None) => {
                self.objects.hold(64 * frames.len() as u64)?;
                self.resting.borrow_mut().extend(&frames);
                frames
            }
            _ => Vec::new(),
        })
    }

    /// The object and the meaning of a bound method.
    fn method(&self, addr: u64) -> Result<(Option<u64>, Exit), Fault> {
        let layout = &self.objects.layout.method;
        match self.objects.pointer(addr, layout.function)? {
            Some(function) if self.objects.kind_of_shared(function)? == Kind::Function => Ok((
                self.objects.pointer(addr, layout.self_)?,
                self.exit(function)?,
            )),
            _ => Ok((None, Exit::None)),
        }
    }

    /// The meaning of the function at `addr`.
    fn exit(&self, addr: u64) -> Result<Exit, Fault> {
        let find = || self.exit_of(addr);
        self.objects.remembered(&self.last_exit, addr, find)
    }

    fn exit_of(&self, addr: u64) -> Result<Exit, Fault> {
        let layout = &self.objects.layout.function;
        let code =
            self.objects
                .required(addr, layout.code, &Unexpected("a function without code"))?;
        if let Some(&known) = self.exits.borrow().get(&code) {
            return Ok(known);
        }
        let name = self.codes.name(code)?;
        let exit = match name.rsplit('.').next() {
            Some("__aexit__") => Exit::Async,
            Some("__exit__") => Exit::Sync,
            _ => Exit::None,
        };
        self.objects.hold(32)?;
        self.exits.borrow_mut().insert(code, exit);
        Ok(exit)
    }

    fn class(&self, object: u64) -> Result<Class, Fault> {
        let find = || self.class_of(object);
        self.objects.remembered(&self.last_class, object, find)
    }

    fn class_of(&self, object: u64) -> Result<Class, Fault> {
        let type_ = self.objects.type_of(object)?.addr;
        if let Some(&known) = self.classes.borrow().get(&type_) {
            return Ok(known);
        }
        let mut class = Class::Other;
        for name in self.objects.base_names(object)? {
            class = match &*name {
                "Timeout" | "CancelScope" | "TimerContext" => Class::Timeout,
                "ExitStack" | "AsyncExitStack" => Class::ExitStack,
                "_GeneratorContextManagerBase" => Class::Generator,
                _ => continue,
            };
            break;
        }
        self.objects.hold(32)?;
        self.classes.borrow_mut().insert(type_, class);
        Ok(class)
    }

    /// Whether the frame is that of the object's `__aenter__`.
    fn is_entering(&self, frame: &RawFrame, object: u64) -> Result<bool, Fault> {
        Ok(self.enters(frame)? && self.frames.itself(frame)? == Some(object))
    }

    /// Whether the frame is that of an `__aenter__`.
    fn enters(&self, frame: &RawFrame) -> Result<bool, Fault> {
        if !frame.has_variables() {
            return Ok(false);
        }
        let known = self.enters.borrow().get(&frame.code).copied();
        if let Some(known) = known {
            return Ok(known);
        }
        let name = self.codes.name(frame.code)?;
        let enters = name.rsplit('.').next() == Some("__aenter__");
        self.objects.hold(32)?;
        self.enters.borrow_mut().insert(frame.code, enters);
        Ok(enters)
    }

    /// Whether all that the suspended frame has in hand is what it is just
    /// entering, by the frame further in: as who waits for a lock.
    fn only_enters(&self, frame: &RawFrame, inner: &RawFrame) -> Result<bool, Fault> {
        if !self.enters(inner)? {
            return Ok(false);
        }
        let objects = self.objects;
        let variables = self.frames.count(frame.code)?;
        let values = objects.few_values(frame, variables, objects.layout.awaited.depth)?;
        let Some([exit, behind]) = values.filter(|&[exit, _]| exit != 0) else {
            return Ok(false);
        };
        let object = match (objects.kind_of_shared(exit)?, behind) {
            (Kind::Method, 0) => objects.pointer(exit, objects.layout.method.self_)?,
            (Kind::Function, behind) if behind != 0 => Some(behind),
            _ => None,
        };
        Ok(object.is_some() && object == self.frames.itself(inner)?)
    }

    /// Takes out the condition that the task has let go of while it waits for it.
    fn let_go_of(&self, levels: &[Level<'_>], inside: &mut Vec<(u64, Exit)>) -> Result<(), Fault> {
        for level in levels {
            let Some(role) = self.frames.role(level.code) else {
                break;
            };
            if role == Role::Primitive(PrimitiveKind::Condition)
                && let Some(condition) = self.frames.itself(level.raw)?
            {
                let lock = self.frames.attribute(condition, "_lock")?;
                inside.retain(|&(object, _)| object != condition && Some(object) != lock);
            }
        }
        Ok(())
    }
}
