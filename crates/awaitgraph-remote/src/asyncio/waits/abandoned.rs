//! Locks, and semaphores, that nobody is left to let go of.
//!
//! A lock that was taken by a bare `acquire()` has no holder on record: the
//! task that took it may live, and let go of it in its own time. Only where
//! all references to a lock are accounted for, and none is of somebody who
//! could release it, it is certain that nobody will:
//!
//! ```text
//!   reference count  =  variables of those who wait for it
//!                     + variables of functions that neither take nor release
//!                       a lock by name
//! ```
//!
//! A function that speaks of `acquire` may well be the one that has the lock,
//! and let a function of its own release it.
//!
//! An attribute counts like a variable, where its object is in turn only in
//! variables of such functions, and no method of its class releases anything. A
//! lock that is a global, in a list, or further away may be released from
//! anywhere, and is never said to be abandoned.

use std::rc::Rc;

use awaitgraph_model::{PrimitiveKind, TaskIndex};

use super::Waits;
use super::roles::Role;
use super::runs::Run;
use crate::coroutine::End;
use crate::limits;
use crate::map::HashMap;
use crate::object::Reason::Unexpected;
use crate::object::{Fault, Kind, Remembered, flags};

/// What a function speaks of that lets go of a lock, or has to do with it before.
const RELEASE: [&str; 4] = ["release", "acquire", "__aenter__", "__aexit__"];

/// How many objects are looked at for the locks that they have.
const MOST_OWNERS: usize = 4096;

/// The references to locks that are accounted for.
#[derive(Debug, Default)]
pub(super) struct Counted {
    locks: HashMap<u64, Count>,
}

/// How often the frames of tasks refer to an object.
#[derive(Debug, Default)]
struct Count {
    times: u64,
    in_hand: InHand,
}

/// Who of those that refer to an object may release a lock.
#[derive(Debug, Clone, Copy, Default)]
enum InHand {
    #[default]
    Nobody,
    /// Tasks that wait for this lock, and release no other before.
    Waiting(u64),
    Somebody,
}

impl InHand {
    /// Adds a task that may release something once it has what it waits for, if
    /// that is a lock.
    fn add(&mut self, waits_for: Option<u64>) {
        *self = match (*self, waits_for) {
            (Self::Nobody, Some(lock)) => Self::Waiting(lock),
            (Self::Waiting(known), Some(lock)) if known == lock => *self,
            _ => Self::Somebody,
        };
    }

    /// Whether somebody may release this lock.
    fn may_release(self, lock: u64) -> bool {
        match self {
            Self::Nobody => false,
            Self::Waiting(known) => known != lock,
            Self::Somebody => true,
        }
    }
}

/// What leads from a frame to an object: a cell, or a bound method.
#[derive(Debug, Clone, Copy)]
struct Way {
    to: u64,
    times: u64,
}

/// What an object of a class may be to a lock.
#[derive(Debug, Clone, Copy)]
enum Sort {
    Lock,
    /// It may have one.
    Owner,
    Nothing,
}

/// What is known of classes and of code.
struct Known {
    /// By class.
    sorts: HashMap<u64, Sort>,
    /// Of the objects that were met last.
    last: Remembered<Sort, 4>,
    /// By code: whether it has to do with taking or releasing.
    codes: HashMap<u64, bool>,
    /// By code: whether it releases.
    releasing: HashMap<u64, bool>,
    /// By class: whether a method of it releases.
    classes: HashMap<u64, bool>,
}

impl Waits<'_> {
    /// Whether nobody is left who could let go of the lock, which is taken and
    /// has no holder on record.
    pub(super) fn is_abandoned(&self, lock: u64) -> Result<bool, Fault> {
        Ok(match self.counted()?.locks.get(&lock) {
            Some(count) if !count.in_hand.may_release(lock) => {
                let type_ = self.objects.type_of(lock)?;
                !self.objects.has_weak_references(lock, &type_)?
                    && count.times == self.objects.references(lock)?
            }
            _ => false,
        })
    }

    fn counted(&self) -> Result<&Counted, Fault> {
        if let Some(known) = self.counted.get() {
            return Ok(known);
        }
        let objects = self.objects;
        let mut counted = Counted::default();
        let mut owners: HashMap<u64, Count> = HashMap::default();
        let mut ways: HashMap<u64, Way> = HashMap::default();
        let mut known = Known {
            sorts: HashMap::default(),
            last: Remembered::new(),
            codes: HashMap::default(),
            releasing: HashMap::default(),
            classes: HashMap::default(),
        };
        for (position, chain) in self.picture.chains.iter().enumerate() {
            let task = TaskIndex::from_usize(position);
            // Who waits for a lock cannot release it meanwhile.
            let mut waits_for = None;
            for frame in chain.frames.iter().filter(|it| it.has_variables()) {
                let mut speaks = None;
                let variables = self.frames.count(frame.code)?;
                objects.owned(frame, variables, |value| {
                    let to = match objects.kind_of_shared(value)? {
                        Kind::Other => Some(value),
                        Kind::Cell => objects.pointer(value, objects.layout.cell_content)?,
                        Kind::Method => objects.pointer(value, objects.layout.method.self_)?,
                        _ => None,
                    };
                    let Some(to) = to else {
                        return Ok(());
                    };
                    let sort =
                        objects.remembered(&known.last, to, || self.sort(to, &mut known.sorts))?;
                    let counts = match sort {
                        Sort::Lock => &mut counted.locks,
                        Sort::Owner if owners.len() < MOST_OWNERS || owners.contains_key(&to) => {
                            &mut owners
                        }
                        Sort::Owner | Sort::Nothing => return Ok(()),
                    };
                    objects.hold(64)?;
                    let count = counts.entry(to).or_default();
                    if value == to {
                        count.times += 1;
                    } else {
                        let way = ways.entry(value).or_insert(Way { to, times: 0 });
                        way.times += 1;
                        count.times += u64::from(way.times == 1);
                    }
                    if chain.end == End::Executing {
                        count.in_hand = InHand::Somebody;
                        return Ok(());
                    }
                    let speaks = match speaks {
                        Some(known) => known,
                        None => *speaks.insert(self.speaks_of_any(
                            RELEASE,
                            frame.code,
                            &mut known.codes,
                        )?),
                    };
                    if speaks {
                        let waits_for = match waits_for {
                            Some(known) => known,
                            None => *waits_for.insert(self.lock_waited_for(task)?),
                        };
                        count.in_hand.add(waits_for);
                    }
                    Ok(())
                })?;
            }
        }
        // A cell or a method that somebody else has too leads there from elsewhere.
        for (&way, &Way { to, times }) in &ways {
            if objects.references(way)? != times {
                for counts in [&mut counted.locks, &mut owners] {
                    if let Some(count) = counts.get_mut(&to) {
                        count.in_hand = InHand::Somebody;
                    }
                }
            }
        }
        for (&owner, count) in &owners {
            self.count_attributes(owner, count, &mut counted, &mut known)?;
        }
        Ok(self.counted.get_or_init(|| counted))
    }

    fn sort(&self, addr: u64, known: &mut HashMap<u64, Sort>) -> Result<Sort, Fault> {
        let objects = self.objects;
        let type_ = objects.type_of(addr)?;
        if type_.kind != Kind::Other {
            return Ok(Sort::Nothing);
        }
        if let Some(&known) = known.get(&type_.addr) {
            return Ok(known);
        }
        let names = objects.base_names(addr)?;
        let is_lock = |name: &Rc<str>| matches!(&**name, "Lock" | "Semaphore");
        let is_of_class = type_.flags & flags::HEAPTYPE != 0;
        let sort = if names.iter().any(is_lock) {
            Sort::Lock
        } else if is_of_class && type_.flags & flags::TYPE_SUBCLASS == 0 {
            Sort::Owner
        } else {
            Sort::Nothing
        };
        objects.hold(32)?;
        if objects.is_intact() {
            known.insert(type_.addr, sort);
        }
        Ok(sort)
    }

    /// The lock that a suspended task waits for.
    pub(super) fn lock_waited_for(&self, task: TaskIndex) -> Result<Option<u64>, Fault> {
        let is_lock =
            |kind: PrimitiveKind| matches!(kind, PrimitiveKind::Lock | PrimitiveKind::Semaphore);
        let run = self.run(&self.levels(task))?;
        let is_one = |run: &Run| matches!(run.role, Role::Primitive(kind) if is_lock(kind));
        let lock = run.filter(is_one).and_then(|run| {
            let lock = run.objects.last().copied();
            self.spare.replace(run.objects);
            lock
        });
        Ok(lock)
    }

    /// Counts the attributes of an object, where nobody else has the object who
    /// could release one of them.
    fn count_attributes(
        &self,
        owner: u64,
        count: &Count,
        counted: &mut Counted,
        known: &mut Known,
    ) -> Result<(), Fault> {
        let objects = self.objects;
        let type_ = objects.type_of(owner)?;
        if matches!(count.in_hand, InHand::Somebody)
            || objects.references(owner)? != count.times
            || objects.has_weak_references(owner, &type_)?
        {
            return Ok(());
        }
        let mut attributes = objects.attributes(owner)?;
        attributes.truncate(limits::MOST_ATTRIBUTES);
        for (_, value) in attributes {
            if !count.in_hand.may_release(value)
                && let Some(lock) = counted.locks.get_mut(&value)
                && !self.class_releases(type_.addr, known)?
            {
                lock.times += 1;
            }
        }
        Ok(())
    }

    /// Whether a method of the class at `addr` releases something.
    fn class_releases(&self, addr: u64, known: &mut Known) -> Result<bool, Fault> {
        if let Some(&known) = known.classes.get(&addr) {
            return Ok(known);
        }
        let objects = self.objects;
        let mut releases = false;
        for (_, dict) in objects.class_dicts(addr)? {
            for (_, method) in objects.dict_items(dict)? {
                if objects.kind_of(method)? == Kind::Function {
                    let what = &Unexpected("a function without code");
                    let code = objects.required(method, objects.layout.function.code, what)?;
                    releases |= self.speaks_of_any(["release"], code, &mut known.releasing)?;
                }
            }
        }
        objects.hold(32)?;
        known.classes.insert(addr, releases);
        Ok(releases)
    }
}
