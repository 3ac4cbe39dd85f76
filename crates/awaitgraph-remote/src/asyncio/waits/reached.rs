//! Whether a semaphore or a queue is in no other hands than those on record.
//!
//! A permit may be given back, and a queue emptied, by what is no task: by a
//! timer, the callback of a task, a thread. Nothing of that is among the frames
//! of tasks; but each of them has to have the object, or what has it:
//!
//! ```text
//!   call_later(1, limit.release)            a reference that nobody accounts for
//!   add_done_callback(lambda _: limit.release())            the same, to its cell
//!   call_later(1, limiter.give_back)        a method that speaks of it, of a class
//!                                           whose instance has it
//! ```
//!
//! So all references to the object have to be found: in variables of tasks, in
//! cells, in closures, in attributes of objects, among globals. And no function
//! that comes with them, none of those objects' classes and none of the module's
//! may speak of what lets go of it. Only a function that reaches for it through
//! others (`service.limiter.limit.release()`) goes unseen.

use super::Waits;
use super::roles::Role;
use crate::coroutine::End;
use crate::limits;
use crate::map::{HashMap, HashSet};
use crate::object::Reason::Unexpected;
use crate::object::{Fault, Kind, flags};
use awaitgraph_model::{TaskIndex, TaskState};

/// What lets go of a semaphore. Who does so in a coroutine of its own has it on
/// record while that runs.
pub(super) const RELEASES: Words = Words {
    word: "release",
    in_coroutines: false,
};
/// What takes from a queue without waiting.
pub(super) const TAKES: Words = Words {
    word: "get_nowait",
    in_coroutines: true,
};
/// What tells a queue that an item is done.
pub(super) const ENDS: Words = Words {
    word: "task_done",
    in_coroutines: true,
};

/// How many objects are looked at for what they have.
const MOST_OWNERS: usize = 4096;
/// How many functions are looked at for one object.
const MOST_FUNCTIONS: usize = 4096;
/// How many of those who would have to go on first are asked whether they do.
const FEW: usize = 8;

const CO_COROUTINE: u32 = 0x80;
const CO_ASYNC_GENERATOR: u32 = 0x200;

/// What a function speaks of, and whether it matters where a coroutine does.
#[derive(Debug, Clone, Copy)]
pub(super) struct Words {
    word: &'static str,
    in_coroutines: bool,
}

/// Where semaphores and queues are found.
#[derive(Debug, Default)]
pub(super) struct Reached {
    found: HashMap<u64, Hands>,
    /// The code of the tasks' frames.
    on_record: HashSet<u64>,
}

/// In whose hands an object is.
#[derive(Debug, Default)]
struct Hands {
    /// The references that are found.
    times: u64,
    /// How often what leads to it was found: a cell, a method.
    ways: HashMap<u64, u64>,
    /// The functions that have it in their closures, by their code.
    functions: HashSet<u64>,
    /// The classes of those that have it as an attribute.
    classes: HashSet<u64>,
    /// The globals that it is one of.
    globals: HashSet<u64>,
}

/// What is known while they are looked for.
#[derive(Debug, Default)]
struct Known {
    semaphores: HashMap<u64, bool>,
    queues: HashMap<u64, bool>,
    /// Those that may have one as an attribute, and how far they are from a frame.
    owners: Vec<(u64, u8)>,
    functions: Vec<u64>,
    /// What was taken up already.
    seen: HashSet<u64>,
    /// The code whose globals were looked at.
    codes: HashSet<u64>,
}

impl Waits<'_> {
    /// Whether something may do to the object what the words say that is not in
    /// the frame of a task; `needed` are those of which one is enough to go on,
    /// and where one does it does not matter.
    pub(super) fn may_be_reached(
        &self,
        object: u64,
        words: Words,
        needed: &[TaskIndex],
    ) -> Result<bool, Fault> {
        for &task in needed.iter().take(FEW) {
            if self.goes_on(task)? {
                return Ok(false);
            }
        }
        if !self.is_complete {
            return Ok(true);
        }
        let objects = self.objects;
        let reached = self.reached()?;
        let Some(hands) = reached.found.get(&object) else {
            return Ok(true);
        };
        let mut times = hands.times;
        for (&way, &found) in &hands.ways {
            if objects.references(way)? != found {
                return Ok(true);
            }
            times += 1;
        }
        let type_ = objects.type_of(object)?;
        if objects.references(object)? != times || objects.has_weak_references(object, &type_)? {
            return Ok(true);
        }
        let mut functions: Vec<u64> = hands.functions.iter().copied().collect();
        for &class in &hands.classes {
            for (_, dict) in objects.class_dicts(class)? {
                self.add_functions(dict, None, &mut functions)?;
            }
        }
        for &globals in &hands.globals {
            let module = objects.dict_get(globals, "__name__")?;
            self.add_functions(globals, module, &mut functions)?;
        }
        self.any_speaks_of(functions, words, &reached.on_record)
    }

    /// Whether the task is about to go on, or waits for something outside.
    fn goes_on(&self, task: TaskIndex) -> Result<bool, Fault> {
        let known = self.picture.tasks.get(task.as_usize());
        if known.is_none_or(|known| known.state != TaskState::Waiting) {
            return Ok(true);
        }
        let Some(run) = self.run(&self.levels(task))? else {
            return Ok(false);
        };
        let goes_on = matches!(
            run.role,
            Role::Sleep
                | Role::Stream(_)
                | Role::Transport(_)
                | Role::Socket(_)
                | Role::Descriptor(_)
                | Role::Server(_)
                | Role::Subprocess
                | Role::WorkerThread
                | Role::Watching(_)
        );
        self.spare.replace(run.objects);
        Ok(goes_on)
    }

    fn reached(&self) -> Result<&Reached, Fault> {
        if let Some(known) = self.reached.get() {
            return Ok(known);
        }
        let objects = self.objects;
        let mut reached = Reached::default();
        let mut known = Known::default();
        for chain in self.picture.chains.iter() {
            for frame in chain.frames.iter().filter(|it| it.has_variables()) {
                if reached.on_record.insert(frame.code) {
                    objects.hold(32)?;
                }
                // What is being executed has some of its values in registers.
                if chain.end == End::Executing {
                    continue;
                }
                let variables = self.frames.count(frame.code)?;
                objects.owned(frame, variables, |value| {
                    self.take_up(value, &mut known, &mut reached)
                })?;
                if known.codes.insert(frame.code) {
                    objects.hold(32)?;
                    self.take_up_globals(frame.addr, frame.code, &mut known, &mut reached)?;
                }
            }
        }
        let mut place = 0;
        while let Some(&function) = known.functions.get(place) {
            place += 1;
            self.take_up_closure(function, &mut known, &mut reached)?;
        }
        let mut place = 0;
        while let Some(&(owner, distance)) = known.owners.get(place) {
            place += 1;
            self.take_up_attributes(owner, distance, &mut known, &mut reached)?;
        }
        Ok(self.reached.get_or_init(|| reached))
    }

    /// Whether it is one of those that are sought.
    fn is_sought(&self, object: u64, known: &mut Known) -> Result<bool, Fault> {
        Ok(self.is_one("Semaphore", object, &mut known.semaphores)?
            || self.is_one("Queue", object, &mut known.queues)?)
    }

    /// Takes up what a frame has a reference to.
    fn take_up(&self, value: u64, known: &mut Known, reached: &mut Reached) -> Result<(), Fault> {
        let objects = self.objects;
        let to = match objects.kind_of_shared(value)? {
            Kind::Cell => objects.pointer(value, objects.layout.cell_content)?,
            Kind::Method => objects.pointer(value, objects.layout.method.self_)?,
            _ => Some(value),
        };
        let Some(to) = to else {
            return Ok(());
        };
        if self.is_sought(to, known)? {
            objects.hold(64)?;
            let hands = reached.found.entry(to).or_default();
            if value == to {
                hands.times += 1;
            } else {
                *hands.ways.entry(value).or_default() += 1;
            }
            return Ok(());
        }
        self.remember(to, 0, known)
    }

    /// Remembers an object that may have one of those that are sought.
    fn remember(&self, object: u64, distance: u8, known: &mut Known) -> Result<(), Fault> {
        let objects = self.objects;
        let is_function = match objects.kind_of_shared(object)? {
            Kind::Function => true,
            Kind::Other => {
                let flags = objects.type_of(object)?.flags;
                if flags & flags::HEAPTYPE == 0 || flags & flags::TYPE_SUBCLASS != 0 {
                    return Ok(());
                }
                false
            }
            _ => return Ok(()),
        };
        let have = known.owners.len() + known.functions.len();
        if have >= MOST_OWNERS || !known.seen.insert(object) {
            return Ok(());
        }
        objects.hold(64)?;
        if is_function {
            known.functions.push(object);
        } else {
            known.owners.push((object, distance));
        }
        Ok(())
    }

    /// Takes up what a function has in its closure.
    fn take_up_closure(
        &self,
        function: u64,
        known: &mut Known,
        reached: &mut Reached,
    ) -> Result<(), Fault> {
        let objects = self.objects;
        let layout = objects.layout;
        let Some(closure) = objects.pointer(function, layout.function.closure)? else {
            return Ok(());
        };
        let what = &Unexpected("a function without code");
        let code = objects.required(function, layout.function.code, what)?;
        for cell in objects.tuple(closure)? {
            if objects.kind_of_shared(cell)? != Kind::Cell {
                continue;
            }
            let Some(content) = objects.pointer(cell, layout.cell_content)? else {
                continue;
            };
            if self.is_sought(content, known)? {
                objects.hold(96)?;
                let hands = reached.found.entry(content).or_default();
                *hands.ways.entry(cell).or_default() += 1;
                hands.functions.insert(code);
            } else {
                self.remember(content, 0, known)?;
            }
        }
        Ok(())
    }

    /// Takes up the attributes of an object, and of those that it has.
    fn take_up_attributes(
        &self,
        owner: u64,
        distance: u8,
        known: &mut Known,
        reached: &mut Reached,
    ) -> Result<(), Fault> {
        let objects = self.objects;
        let class = objects.type_of(owner)?.addr;
        // Not with what wraps one: that has to be accounted for itself.
        let wraps = self.is_one("Semaphore", owner, &mut known.semaphores)?;
        let mut attributes = objects.attributes(owner)?;
        attributes.truncate(limits::MOST_ATTRIBUTES);
        for (_, value) in attributes {
            if self.is_sought(value, known)? {
                objects.hold(96)?;
                let hands = reached.found.entry(value).or_default();
                hands.times += 1;
                if !wraps {
                    hands.classes.insert(class);
                }
            } else if distance == 0 {
                self.remember(value, 1, known)?;
            }
        }
        Ok(())
    }

    /// Takes up the globals of which the code speaks.
    fn take_up_globals(
        &self,
        frame: u64,
        code: u64,
        known: &mut Known,
        reached: &mut Reached,
    ) -> Result<(), Fault> {
        let objects = self.objects;
        let Some(dict) = objects.globals(frame)? else {
            return Ok(());
        };
        let names = objects.required(
            code,
            objects.layout.code.mentioned,
            &Unexpected("code without names"),
        )?;
        for name in objects
            .tuple(names)?
            .into_iter()
            .take(limits::MOST_ATTRIBUTES)
        {
            if objects.kind_of_shared(name)? != Kind::Text {
                continue;
            }
            let Some(value) = objects.dict_get(dict, &objects.text(name)?)? else {
                continue;
            };
            if self.is_sought(value, known)? {
                objects.hold(96)?;
                let hands = reached.found.entry(value).or_default();
                if hands.globals.insert(dict) {
                    hands.times += 1;
                }
            } else {
                self.remember(value, 0, known)?;
            }
        }
        Ok(())
    }

    /// Adds the code of the functions in a namespace; of a module's only those
    /// that are its own, and those of its classes.
    fn add_functions(
        &self,
        namespace: u64,
        module: Option<u64>,
        functions: &mut Vec<u64>,
    ) -> Result<(), Fault> {
        let objects = self.objects;
        let layout = &objects.layout.function;
        for (_, value) in objects.dict_items(namespace)? {
            if functions.len() > MOST_FUNCTIONS {
                break;
            }
            match objects.kind_of_shared(value)? {
                Kind::Function => {
                    let of = objects.pointer(value, layout.module)?;
                    if module.is_none() || self.is_same_text(of, module)? {
                        let what = &Unexpected("a function without code");
                        functions.push(objects.required(value, layout.code, what)?);
                    }
                }
                // As a property has, or a static method.
                Kind::Other if module.is_none() => {
                    functions.extend(self.function_within(value)?);
                }
                Kind::Other if objects.type_of(value)?.flags & flags::TYPE_SUBCLASS != 0 => {
                    for (_, dict) in objects.class_dicts(value)?.into_iter().take(1) {
                        let of = objects.dict_get(dict, "__module__")?;
                        if self.is_same_text(of, module)? {
                            self.add_functions(dict, None, functions)?;
                        }
                    }
                }
                _ => {}
            }
        }
        Ok(())
    }

    fn is_same_text(&self, one: Option<u64>, other: Option<u64>) -> Result<bool, Fault> {
        let objects = self.objects;
        let (Some(one), Some(other)) = (one, other) else {
            return Ok(true);
        };
        if one == other {
            return Ok(true);
        }
        let are_texts = objects.kind_of_shared(one)? == Kind::Text
            && objects.kind_of_shared(other)? == Kind::Text;
        Ok(!are_texts || objects.text_is(one, &objects.text(other)?)?)
    }

    /// The code of the function that a `staticmethod` or `classmethod` wraps.
    fn function_within(&self, wrapper: u64) -> Result<Option<u64>, Fault> {
        let objects = self.objects;
        let name = objects.type_name(objects.type_of(wrapper)?.addr)?;
        if !matches!(&*name, "staticmethod" | "classmethod" | "property") {
            return Ok(None);
        }
        // The first thing that each of them has.
        match objects.pointer(wrapper, objects.layout.object.header)? {
            Some(function) if objects.kind_of(function)? == Kind::Function => {
                objects.pointer(function, objects.layout.function.code)
            }
            _ => Ok(None),
        }
    }

    /// Whether any of the functions speaks of the word, or one that is written
    /// within it.
    fn any_speaks_of(
        &self,
        mut functions: Vec<u64>,
        words: Words,
        on_record: &HashSet<u64>,
    ) -> Result<bool, Fault> {
        let objects = self.objects;
        let layout = &objects.layout.code;
        let mut seen: HashSet<u64> = HashSet::default();
        while let Some(code) = functions.pop() {
            if !seen.insert(code) {
                continue;
            }
            if seen.len() > MOST_FUNCTIONS {
                return Ok(true);
            }
            let flags = objects.u32(code, layout.flags)?;
            let is_coroutine = flags & (CO_COROUTINE | CO_ASYNC_GENERATOR) != 0;
            let matters = !on_record.contains(&code) && (words.in_coroutines || !is_coroutine);
            if matters && self.speaks_of([words.word], code)? == [true] {
                return Ok(true);
            }
            if let Some(constants) = objects.pointer(code, layout.constants)?
                && objects.kind_of(constants)? == Kind::Tuple
            {
                for constant in objects.tuple(constants)? {
                    if objects.kind_of_shared(constant)? == Kind::Code {
                        functions.push(constant);
                    }
                }
            }
        }
        Ok(false)
    }
}
