//! The name by which a program refers to an object.
//!
//! ```text
//!   containers   the place of an object in a dict, a list, …
//!   globals      what the modules have
//! ```
//!
//! It is looked for where the program that waits has its things: in the
//! variables of its frames, in the attributes of what those hold, among the
//! globals of its modules, and in the attributes of what is there; at last in
//! the dicts and lists among all of these, as `Pool.locks['a']`.
//!
//! Tasks that are alike refer to the same loop, pool or module, each of which
//! is looked into once.

mod containers;
mod globals;

use std::borrow::Cow;
use std::cell::{Cell, OnceCell, RefCell};
use std::rc::Rc;

use super::frames::{Frames, Level};
use crate::limits;
use crate::map::HashMap;
use crate::object::{Fault, Kind, Objects, Type, flags};

use containers::{Containers, Reader, is_container};
use globals::Globals;

/// In how many of the program's own frames the attributes of attributes are
/// looked at.
const NEAREST: usize = 2;
/// How many attributes are looked at in all, for each time that is asked.
const SHARE: u64 = 24;
/// The same where little is asked.
const LEAST: u64 = 20_000;
/// How many objects are remembered with their attributes.
const HOLDERS: usize = 64;
/// For how many others one of them is kept that was asked for so often.
const MOST_USES: u32 = 64;

/// What is preferred where an object has several names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Prefer {
    /// The variable that is nearest to the wait, as a lock is passed around.
    Nearest,
    /// Where it is kept, as who completes a future has to find it.
    Kept,
}

/// An object that may have others: by its attributes, or as a container.
#[derive(Debug)]
pub(super) struct Holder {
    pub(super) addr: u64,
    is_container: bool,
    /// Its class where that is written in Python, or what is such a class itself.
    class: Option<u64>,
    /// Names and values.
    pub(super) attributes: Vec<(u64, u64)>,
    /// How often it was asked for since another was to take its place.
    uses: Cell<u32>,
    /// By value: which of its attributes has it as an attribute, and the name there.
    inner: OnceCell<Option<Inner>>,
    containers: OnceCell<Containers>,
}

/// By value: its number, and the object that has it by which name.
type Inner = HashMap<u64, (usize, u64, u64)>;

/// A value of a variable of one of the nearest frames.
struct Value {
    level: usize,
    /// Whether that is one of the nearest of the program's own.
    is_near: bool,
    /// Which of its variables.
    place: usize,
    holder: Rc<Holder>,
}

/// By value: the class that has it, and by which name.
type OfClass = HashMap<u64, (u64, u64)>;

/// Finds names.
pub(super) struct Names<'a> {
    objects: &'a Objects<'a>,
    /// By the dict of globals.
    globals: RefCell<HashMap<u64, Rc<Globals>>>,
    /// Those that were asked for last.
    last_globals: RefCell<Option<Rc<Globals>>>,
    /// How many attributes may still be looked at.
    left: Cell<u64>,
    /// Those that were asked for lately, each at a place by its address.
    holders: RefCell<[Option<Rc<Holder>>; HOLDERS]>,
    /// By class and attribute.
    qualified: RefCell<HashMap<(u64, u64), Rc<str>>>,
    /// The object and the attribute that were asked for last.
    last_qualified: RefCell<Option<(u64, u64, Rc<str>)>>,
    /// By class: what it and its bases have.
    classes: RefCell<HashMap<u64, Rc<OfClass>>>,
    /// By class: whether it is one of `asyncio.locks`.
    locks: RefCell<HashMap<u64, bool>>,
    containers: Reader,
    /// What the frames have, while a name is sought.
    values: RefCell<Vec<Value>>,
}

impl<'a> Names<'a> {
    pub(super) fn new(objects: &'a Objects<'a>) -> Self {
        Self {
            objects,
            globals: RefCell::default(),
            last_globals: RefCell::default(),
            left: Cell::new(LEAST),
            holders: RefCell::new([const { None }; HOLDERS]),
            qualified: RefCell::default(),
            last_qualified: RefCell::default(),
            classes: RefCell::default(),
            locks: RefCell::default(),
            containers: Reader::default(),
            values: RefCell::default(),
        }
    }

    /// The name of one of `wanted`, which are the same thing to the program;
    /// `levels` are the frames of the program, innermost first.
    pub(super) fn find(
        &self,
        frames: &Frames<'a>,
        wanted: &[u64],
        levels: &[Level<'_>],
    ) -> Result<Option<String>, Fault> {
        self.find_preferring(Prefer::Nearest, frames, wanted, levels)
    }

    /// The same with a choice.
    pub(super) fn find_preferring(
        &self,
        prefer: Prefer,
        frames: &Frames<'a>,
        wanted: &[u64],
        levels: &[Level<'_>],
    ) -> Result<Option<String>, Fault> {
        let mut values = self.values.take();
        let found = self.find_among(prefer, frames, wanted, levels, &mut values);
        values.clear();
        self.values.replace(values);
        found
    }

    fn find_among(
        &self,
        prefer: Prefer,
        frames: &Frames<'a>,
        wanted: &[u64],
        levels: &[Level<'_>],
        values: &mut Vec<Value>,
    ) -> Result<Option<String>, Fault> {
        self.left.set(self.left.get() + SHARE);
        let levels = levels.get(..limits::MOST_OWNER_FRAMES).unwrap_or(levels);
        let mut with_variables = Cow::Borrowed(levels);
        if !levels.iter().all(|it| it.raw.has_variables()) {
            with_variables.to_mut().retain(|it| it.raw.has_variables());
        }
        let levels = &*with_variables;
        let mut variable = None;
        let mut own = 0;
        for (distance, level) in levels.iter().enumerate() {
            // How asyncio calls it is not how the program does.
            let is_own = !frames.is_asyncio(level.code);
            let is_near = is_own && own < NEAREST;
            own += usize::from(is_own);
            let variables = frames.variables(level.raw.code)?;
            let begin = values.len();
            for (place, name) in variables.names.iter().enumerate() {
                let Some(value) = self.objects.variable(level.raw, place)? else {
                    continue;
                };
                if !wanted.contains(&value) {
                    if let Some(holder) = self.holder(value)? {
                        values.push(Value {
                            level: distance,
                            is_near,
                            place,
                            holder,
                        });
                    }
                } else if is_own && **name != *"self" {
                    match prefer {
                        Prefer::Nearest => return Ok(Some(String::from(&**name))),
                        Prefer::Kept => _ = variable.get_or_insert_with(|| String::from(&**name)),
                    }
                }
            }
            let here = values.get(begin..).unwrap_or_default();
            for value in here {
                if let Some(name) = self.attribute(&value.holder, wanted)? {
                    return Ok(Some(name));
                }
            }
            if is_near {
                for value in here {
                    if let Some(name) = self.attribute_of_attribute(&value.holder, wanted)? {
                        return Ok(Some(name));
                    }
                }
            }
        }
        let nearest = values.iter().filter(|value| value.is_near);
        if prefer == Prefer::Kept
            && let Some(name) = self.in_containers(frames, wanted, levels, nearest.clone())?
        {
            return Ok(Some(name));
        }
        if variable.is_some() {
            return Ok(variable);
        }
        let mut before = None;
        for level in levels {
            let globals = self.objects.globals(level.raw.addr)?;
            if globals == before {
                continue;
            }
            before = globals;
            if let Some(globals) = globals {
                let globals = self.globals(globals);
                let names = self.names_of_globals(&globals)?;
                if let Some(name) = wanted.iter().find_map(|it| names.get(it)) {
                    return Ok(Some(name.clone()));
                }
            }
        }
        match prefer {
            Prefer::Nearest => self.in_containers(frames, wanted, levels, nearest),
            Prefer::Kept => Ok(None),
        }
    }

    /// The place of one of `wanted` in a container: in a variable of one of the
    /// nearest frames, in an attribute of what is there, or in a global.
    fn in_containers<'v>(
        &self,
        frames: &Frames<'a>,
        wanted: &[u64],
        levels: &[Level<'_>],
        values: impl Iterator<Item = &'v Value>,
    ) -> Result<Option<String>, Fault> {
        self.containers.begin();
        for Value {
            level,
            place,
            holder,
            ..
        } in values
        {
            let push_variable = |out: &mut String| {
                let level = levels.get(*level).map(|it| frames.variables(it.raw.code));
                let variables = level.transpose()?;
                let name = variables.as_ref().and_then(|it| it.names.get(*place));
                out.push_str(name.map_or("", |name| name));
                Ok(())
            };
            if let Some(name) = self.name_within(holder, wanted, push_variable)? {
                return Ok(Some(name));
            }
            if let Some(class) = holder.class
                && let Some(name) = self.class_attribute(class, wanted)?
            {
                return Ok(Some(name));
            }
        }
        // The innermost frames may be asyncio's.
        let home = levels.iter().find(|it| !frames.is_asyncio(it.code));
        let globals = home
            .or(levels.first())
            .map(|it| self.objects.globals(it.raw.addr));
        let Some(globals) = globals.transpose()?.flatten() else {
            return Ok(None);
        };
        let globals = self.globals(globals);
        let containers = self.containers_among_globals(&globals)?;
        self.place_in(containers, wanted, |name, out| {
            out.push_str(&self.objects.text(name)?);
            Ok(())
        })
    }

    /// The place of one of `wanted` in a container that an object is or has;
    /// `push_variable` adds the name of the object itself.
    pub(super) fn name_within(
        &self,
        holder: &Holder,
        wanted: &[u64],
        push_variable: impl FnOnce(&mut String) -> Result<(), Fault>,
    ) -> Result<Option<String>, Fault> {
        match self.containers_of(holder)? {
            Some(containers) => self.place_in(containers, wanted, |name, out| match name {
                0 => push_variable(out),
                name => self.push_qualified(holder.addr, name, out),
            }),
            None => Ok(None),
        }
    }

    /// The same of several objects, 0 for none, each by itself; the object that has
    /// the containers is `called` so.
    pub(super) fn names_within(
        &self,
        holder: &Holder,
        wanted: &[u64],
        called: &str,
    ) -> Result<Vec<Option<String>>, Fault> {
        match self.containers_of(holder)? {
            Some(containers) => self.places_in(containers, wanted, |name, out| match name {
                0 => {
                    out.push_str(called);
                    Ok(())
                }
                name => self.push_qualified(holder.addr, name, out),
            }),
            None => Ok(vec![None; wanted.len()]),
        }
    }

    /// The object at `addr` with its attributes, where it may have others.
    pub(super) fn holder(&self, addr: u64) -> Result<Option<Rc<Holder>>, Fault> {
        let kind = self.objects.kind_of_shared(addr)?;
        let is_container = is_container(kind);
        if kind != Kind::Other && !is_container {
            return Ok(None);
        }
        let place = (addr >> 4) as usize % HOLDERS;
        if let Some(Some(known)) = self.holders.borrow().get(place)
            && known.addr == addr
        {
            known.uses.set(MOST_USES.min(known.uses.get() + 1));
            return Ok(Some(Rc::clone(known)));
        }
        let type_ = self.objects.type_of(addr)?;
        let attributes = self.attributes(addr, &type_)?;
        let is_all = attributes.is_some();
        let holder = Rc::new(Holder {
            addr,
            is_container,
            class: match type_.flags {
                it if it & flags::TYPE_SUBCLASS != 0 => Some(addr),
                it if it & flags::HEAPTYPE != 0 && !is_container => Some(type_.addr),
                _ => None,
            },
            attributes: attributes.unwrap_or_default(),
            uses: Cell::new(0),
            inner: OnceCell::new(),
            containers: OnceCell::new(),
        });
        if is_all
            && self.objects.is_intact()
            && let Some(place) = self.holders.borrow_mut().get_mut(place)
        {
            match place {
                Some(other) if other.uses.get() > 0 => other.uses.update(|uses| uses - 1),
                _ => *place = Some(Rc::clone(&holder)),
            }
        }
        Ok(Some(holder))
    }

    /// The attribute of the object that is one of `wanted`.
    fn attribute(&self, holder: &Holder, wanted: &[u64]) -> Result<Option<String>, Fault> {
        let attributes = holder.attributes.iter().filter_map(|&(name, value)| {
            let place = wanted.iter().position(|&it| it == value)?;
            Some((place, name))
        });
        match attributes.min_by_key(|&(place, _)| place) {
            Some((_, name)) => self.qualified(holder.addr, name).map(Some),
            None => Ok(None),
        }
    }

    fn attribute_of_attribute(
        &self,
        holder: &Holder,
        wanted: &[u64],
    ) -> Result<Option<String>, Fault> {
        if holder.uses.get() > 0
            && let Some(inner) = self.inner(holder)
        {
            let found = wanted.iter().filter_map(|it| inner.get(it));
            return match found.min() {
                Some(&(_, holder, name)) => self.qualified(holder, name).map(Some),
                None => Ok(None),
            };
        }
        for &(_, value) in &holder.attributes {
            if let Some(inner) = self.holder(value)?
                && let Some(name) = self.attribute(&inner, wanted)?
            {
                return Ok(Some(name));
            }
        }
        Ok(None)
    }

    /// What the attributes of an object have that many refer to; `None` where
    /// that is too much.
    fn inner<'h>(&self, holder: &'h Holder) -> Option<&'h Inner> {
        let inner = holder.inner.get_or_init(|| {
            let mut found = Inner::default();
            for &(_, value) in &holder.attributes {
                // What cannot be read may lie behind what is wanted.
                let Some(inner) = self.holder(value).ok()? else {
                    continue;
                };
                for &(name, value) in &inner.attributes {
                    let number = found.len();
                    found.entry(value).or_insert((number, inner.addr, name));
                }
            }
            let is_all = self.left.get() > 0 && self.objects.is_intact();
            let is_held = self.objects.hold(64 * found.len() as u64).is_ok();
            (is_all && is_held).then_some(found)
        });
        inner.as_ref()
    }

    /// The containers that an object is or has; `None` where those are more than
    /// the share of a name.
    fn containers_of<'h>(&self, holder: &'h Holder) -> Result<Option<&'h Containers>, Fault> {
        if let Some(known) = holder.containers.get() {
            return Ok(Some(known));
        }
        let mut found = Vec::new();
        if holder.is_container {
            found.push((0, holder.addr));
        } else if self.is_lock(holder)? {
            // What it has are the futures of who waits for it.
        } else if holder.uses.get() > 0 || self.containers.take_of_share(holder.attributes.len()) {
            for &(name, value) in &holder.attributes {
                if is_container(self.objects.kind_of(value)?) {
                    found.push((name, value));
                }
            }
        } else {
            return Ok(None);
        }
        let containers = holder.containers.get_or_init(|| Containers::new(found));
        Ok(Some(containers))
    }

    /// Whether it is of a class of `asyncio.locks`.
    fn is_lock(&self, holder: &Holder) -> Result<bool, Fault> {
        let Some(class) = holder.class.filter(|&class| class != holder.addr) else {
            return Ok(false);
        };
        if let Some(&known) = self.locks.borrow().get(&class) {
            return Ok(known);
        }
        let module = self.objects.class_attribute(class, "__module__")?;
        let is_lock = match module {
            Some(name) if self.objects.kind_of(name)? == Kind::Text => {
                self.objects.text_is(name, "asyncio.locks")?
            }
            _ => false,
        };
        self.objects.hold(32)?;
        self.locks.borrow_mut().insert(class, is_lock);
        Ok(is_lock)
    }

    /// The attribute of the class at `addr`, or of its bases, that is one of
    /// `wanted`.
    fn class_attribute(&self, addr: u64, wanted: &[u64]) -> Result<Option<String>, Fault> {
        let objects = self.objects;
        let of_class = self.of_class(addr)?;
        match wanted.iter().find_map(|it| of_class.get(it)) {
            Some(&(class, name)) if objects.kind_of(name)? == Kind::Text => {
                let class = objects.type_name(class)?;
                Ok(Some(format!("{class}.{}", objects.text(name)?)))
            }
            _ => Ok(None),
        }
    }

    /// What the class at `addr` and its bases have.
    fn of_class(&self, addr: u64) -> Result<Rc<OfClass>, Fault> {
        if let Some(known) = self.classes.borrow().get(&addr) {
            return Ok(Rc::clone(known));
        }
        let objects = self.objects;
        let mut found = OfClass::default();
        for (class, dict) in objects.class_dicts(addr)? {
            let length = objects.length(dict)?;
            if self.containers.take_to_keep(objects, length)? {
                for (name, value) in objects.dict_items(dict)? {
                    found.entry(value).or_insert((class, name));
                }
            }
        }
        let found = Rc::new(found);
        self.classes.borrow_mut().insert(addr, Rc::clone(&found));
        Ok(found)
    }

    /// `Class.attribute`.
    pub(super) fn qualified(&self, holder: u64, name: u64) -> Result<String, Fault> {
        let mut found = String::new();
        self.push_qualified(holder, name, &mut found)?;
        Ok(found)
    }

    /// Adds that.
    fn push_qualified(&self, holder: u64, name: u64, out: &mut String) -> Result<(), Fault> {
        let objects = self.objects;
        if let Some((object, attribute, known)) = &*self.last_qualified.borrow()
            && (*object, *attribute) == (holder, name)
        {
            objects.hold(known.len() as u64)?;
            out.push_str(known);
            return Ok(());
        }
        let class = objects.type_of(holder)?.addr;
        if let Some(known) = self.qualified.borrow().get(&(class, name)) {
            objects.hold(known.len() as u64)?;
            out.push_str(known);
            let last = (holder, name, Rc::clone(known));
            self.last_qualified.replace(Some(last));
            return Ok(());
        }
        let of_class = objects.type_name(class)?;
        let of_class = of_class.rsplit('.').next().unwrap_or_default();
        let text = match objects.kind_of(name)? {
            Kind::Text => objects.text(name)?,
            _ => String::new(),
        };
        let found = format!("{of_class}.{text}");
        objects.hold(64 + 2 * found.len() as u64)?;
        out.push_str(&found);
        if objects.is_intact() {
            let found = Rc::from(found);
            self.qualified.borrow_mut().insert((class, name), found);
        }
        Ok(())
    }

    /// The attributes of an object of a class written in Python; `None` where
    /// there were too many in all.
    fn attributes(&self, addr: u64, type_: &Type) -> Result<Option<Vec<(u64, u64)>>, Fault> {
        if type_.kind != Kind::Other || type_.flags & flags::HEAPTYPE == 0 {
            return Ok(Some(Vec::new()));
        }
        if self.left.get() == 0 {
            return Ok(None);
        }
        let mut attributes = self.objects.attributes(addr)?;
        attributes.truncate(limits::MOST_ATTRIBUTES);
        let cost = 1 + attributes.len() as u64;
        self.left.set(self.left.get().saturating_sub(cost));
        Ok(Some(attributes))
    }
}
