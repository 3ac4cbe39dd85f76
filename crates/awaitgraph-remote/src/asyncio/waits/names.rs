//! The name by which a program refers to an object.
//!
//! It is looked for where the program that waits has its things: in the
//! variables of its frames, in the attributes of what those hold, among the
//! globals of its modules, and in the attributes of what is there; at last in
//! the dicts and lists among all of these, as `Pool.locks['a']`.

use std::borrow::Cow;
use std::cell::{Cell, RefCell};
use std::rc::Rc;

use super::frames::{Frames, Level};
use crate::limits;
use crate::map::HashMap;
use crate::object::{Fault, Kind, Objects, flags};

/// In how many of them the attributes of attributes are looked at.
const NEAREST: usize = 2;
/// How many attributes are looked at in all, for each time that is asked.
const SHARE: u64 = 24;
/// The same where little is asked.
const LEAST: u64 = 20_000;
/// How many items of small containers, and attributes that may be such, are
/// looked at each time: as tasks that are alike have objects that are alike, all
/// of them have a name or none.
const SHARE_OF_ITEMS: u64 = 96;
/// One that is larger is most likely shared by many, and is read once. How many
/// items of such are looked at in all, and of each.
const SMALL: u64 = 32;
const MOST_CONTENTS: u64 = 400_000;
const MOST_ITEMS: u64 = 100_000;
/// How many of them are looked at as containers themselves, and how deep.
const MOST_INNER: usize = 64;
const MOST_INNER_OF_SMALL: usize = 4;
const DEPTH: usize = 2;
/// How much of a key is shown.
const LONGEST_KEY: usize = 32;

/// What is preferred where an object has several names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Prefer {
    /// The variable that is nearest to the wait, as a lock is passed around.
    Nearest,
    /// Where it is kept, as who completes a future has to find it.
    Kept,
}

/// What a container has.
#[derive(Debug, Default)]
struct Contents {
    /// By the object: its key there, or none that would tell anything.
    keys: HashMap<u64, Option<Key>>,
    /// The first few containers in it.
    inner: Vec<(Option<Key>, u64)>,
}

/// Containers, each behind its name.
type Containers = [(u64, u64)];

#[derive(Debug, Clone, Copy)]
enum Key {
    /// The object that is the key of a dict.
    Object(u64),
    /// The place in a list.
    Place(usize),
}

/// Finds names.
pub(super) struct Names<'a> {
    objects: &'a Objects<'a>,
    /// By the dict of globals: the names of the objects there.
    globals: RefCell<HashMap<u64, Rc<HashMap<u64, String>>>>,
    /// How many attributes may still be looked at.
    left: Cell<u64>,
    /// By the dict of globals: the containers there.
    global_containers: RefCell<HashMap<u64, Rc<Containers>>>,
    /// By container.
    contents: RefCell<HashMap<u64, Rc<Contents>>>,
    /// How many items of large containers may still be looked at.
    items_left: Cell<u64>,
    /// How many items of small ones, for the name that is just sought.
    share: Cell<u64>,
}

impl<'a> Names<'a> {
    pub(super) fn new(objects: &'a Objects<'a>) -> Self {
        Self {
            objects,
            globals: RefCell::default(),
            left: Cell::new(LEAST),
            global_containers: RefCell::default(),
            contents: RefCell::default(),
            items_left: Cell::new(MOST_CONTENTS),
            share: Cell::new(0),
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
        self.left.set(self.left.get() + SHARE);
        let levels = levels.get(..limits::MOST_OWNER_FRAMES).unwrap_or(levels);
        let mut with_variables = Cow::Borrowed(levels);
        if !levels.iter().all(|it| it.raw.has_variables()) {
            with_variables.to_mut().retain(|it| it.raw.has_variables());
        }
        let levels = &*with_variables;
        let mut variable = None;
        for (distance, level) in levels.iter().enumerate() {
            let variables = frames.variables(level.raw.code)?;
            let mut holders = Vec::new();
            for (place, name) in variables.names.iter().enumerate() {
                let Some(value) = self.objects.variable(level.raw.addr, place)? else {
                    continue;
                };
                if !wanted.contains(&value) {
                    holders.push(value);
                } else if **name != *"self" {
                    match prefer {
                        Prefer::Nearest => return Ok(Some(name.to_string())),
                        Prefer::Kept => _ = variable.get_or_insert_with(|| name.to_string()),
                    }
                }
            }
            for &holder in &holders {
                if let Some(name) = self.attribute(holder, wanted)? {
                    return Ok(Some(name));
                }
            }
            if distance < NEAREST {
                for &holder in &holders {
                    if let Some(name) = self.attribute_of_attribute(holder, wanted)? {
                        return Ok(Some(name));
                    }
                }
            }
        }
        if prefer == Prefer::Kept
            && let Some(name) = self.in_containers(frames, wanted, levels)?
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
                let names = self.names_of_globals(globals)?;
                if let Some(name) = wanted.iter().find_map(|it| names.get(it)) {
                    return Ok(Some(name.clone()));
                }
            }
        }
        match prefer {
            Prefer::Nearest => self.in_containers(frames, wanted, levels),
            Prefer::Kept => Ok(None),
        }
    }

    /// The place of one of `wanted` in a container: in a variable of one of the
    /// nearest frames, in an attribute of what is there, or in a global.
    fn in_containers(
        &self,
        frames: &Frames<'a>,
        wanted: &[u64],
        levels: &[Level<'_>],
    ) -> Result<Option<String>, Fault> {
        self.share.set(SHARE_OF_ITEMS);
        for level in levels.iter().take(NEAREST) {
            let variables = frames.variables(level.raw.code)?;
            for (place, name) in variables.names.iter().enumerate() {
                let Some(value) = self.objects.variable(level.raw.addr, place)? else {
                    continue;
                };
                if let Some(key) = self.key_in(value, wanted, DEPTH)? {
                    return Ok(Some(format!("{name}{key}")));
                }
                for (name, inner) in self.attributes_in_share(value)? {
                    if let Some(key) = self.key_in(inner, wanted, DEPTH)? {
                        let name = self.qualified(value, name)?;
                        return Ok(Some(format!("{name}{key}")));
                    }
                }
                let type_ = self.objects.type_of(value)?;
                let class = if type_.flags & flags::TYPE_SUBCLASS != 0 {
                    value
                } else if type_.kind == Kind::Other && type_.flags & flags::HEAPTYPE != 0 {
                    type_.addr
                } else {
                    continue;
                };
                if let Some(name) = self.class_attribute(class, wanted)? {
                    return Ok(Some(name));
                }
            }
        }
        let Some(level) = levels.first() else {
            return Ok(None);
        };
        let Some(globals) = self.objects.globals(level.raw.addr)? else {
            return Ok(None);
        };
        for container in self.containers_among_globals(globals)?.iter() {
            if let Some(key) = self.key_in(container.1, wanted, DEPTH)? {
                let name = self.objects.text(container.0)?;
                return Ok(Some(format!("{name}{key}")));
            }
        }
        Ok(None)
    }

    /// The attribute of the object at `holder` that is one of `wanted`.
    pub(super) fn attribute(&self, holder: u64, wanted: &[u64]) -> Result<Option<String>, Fault> {
        let found =
            (self.attributes(holder)?.into_iter()).find(|(_, value)| wanted.contains(value));
        match found {
            Some((name, _)) => self.qualified(holder, name).map(Some),
            None => Ok(None),
        }
    }

    fn attribute_of_attribute(&self, holder: u64, wanted: &[u64]) -> Result<Option<String>, Fault> {
        for (_, value) in self.attributes(holder)? {
            if let Some(name) = self.attribute(value, wanted)? {
                return Ok(Some(name));
            }
        }
        Ok(None)
    }

    /// Where in the container at `addr` one of `wanted` is, as `['a']` or `[3]`;
    /// `None` where it is not there, or that is no container. Of `depth` ones
    /// inside of each other.
    fn key_in(&self, addr: u64, wanted: &[u64], depth: usize) -> Result<Option<String>, Fault> {
        let kind = self.objects.kind_of(addr)?;
        if !is_container(kind) {
            return Ok(None);
        }
        let contents = if self.objects.length(addr)? > SMALL {
            self.contents(addr, kind)?
        } else {
            Rc::new(self.contents_in_share(addr, kind)?)
        };
        if let Some(&key) = wanted.iter().find_map(|it| contents.keys.get(it)) {
            return Ok(Some(format!("[{}]", self.shown(key)?)));
        }
        let Some(deeper) = depth.checked_sub(1).filter(|&it| it > 0) else {
            return Ok(None);
        };
        for &(key, inner) in &contents.inner {
            if let Some(rest) = self.key_in(inner, wanted, deeper)? {
                return Ok(Some(format!("[{}]{rest}", self.shown(key)?)));
            }
        }
        Ok(None)
    }

    fn shown(&self, key: Option<Key>) -> Result<String, Fault> {
        match key {
            Some(Key::Place(place)) => Ok(place.to_string()),
            Some(Key::Object(key)) => self.shown_key(key),
            None => Ok("...".to_owned()),
        }
    }

    /// The attribute of the class at `addr`, or of its bases, that is one of
    /// `wanted`.
    fn class_attribute(&self, addr: u64, wanted: &[u64]) -> Result<Option<String>, Fault> {
        let objects = self.objects;
        for (class, dict) in objects.class_dicts(addr)? {
            let contents = self.contents(dict, Kind::Dict)?;
            if let Some(Some(Key::Object(name))) =
                wanted.iter().find_map(|it| contents.keys.get(it)).copied()
                && objects.kind_of(name)? == Kind::Text
            {
                let class = objects.type_name(class)?;
                return Ok(Some(format!("{class}.{}", objects.text(name)?)));
            }
        }
        Ok(None)
    }

    /// A str or an int as Python writes it; of anything else there is no short
    /// form that could be told from outside.
    fn shown_key(&self, key: u64) -> Result<String, Fault> {
        let objects = self.objects;
        Ok(match objects.kind_of(key)? {
            Kind::Text => {
                let text = objects.text(key)?;
                if text.chars().count() > LONGEST_KEY {
                    "...".to_owned()
                } else {
                    format!("'{text}'")
                }
            }
            Kind::Int => match objects.int(key) {
                Ok(number) => number.to_string(),
                Err(_) => "...".to_owned(),
            },
            _ => "...".to_owned(),
        })
    }

    /// What is in the large container at `addr`; nothing of one that is too
    /// large.
    fn contents(&self, addr: u64, kind: Kind) -> Result<Rc<Contents>, Fault> {
        if let Some(known) = self.contents.borrow().get(&addr) {
            return Ok(Rc::clone(known));
        }
        let length = self.objects.length(addr)?;
        let left = self.items_left.get();
        let contents = if length <= MOST_ITEMS.min(left) {
            self.items_left.set(left.saturating_sub(length));
            self.objects.hold(64 + 64 * length)?;
            self.read_contents(addr, kind, MOST_INNER)?
        } else {
            Contents::default()
        };
        let contents = Rc::new(contents);
        let known = Rc::clone(&contents);
        self.contents.borrow_mut().insert(addr, known);
        Ok(contents)
    }

    /// What is in a small one; nothing once the share is used up.
    fn contents_in_share(&self, addr: u64, kind: Kind) -> Result<Contents, Fault> {
        if !self.take_of_share(1 + self.objects.length(addr)?) {
            return Ok(Contents::default());
        }
        self.read_contents(addr, kind, MOST_INNER_OF_SMALL)
    }

    /// The attributes of the object at `addr`; none once the share is used up.
    fn attributes_in_share(&self, addr: u64) -> Result<Vec<(u64, u64)>, Fault> {
        let type_ = self.objects.type_of(addr)?;
        if type_.kind != Kind::Other || type_.flags & flags::HEAPTYPE == 0 {
            return Ok(Vec::new());
        }
        let mut attributes = self.objects.attributes(addr)?;
        attributes.truncate(limits::MOST_ATTRIBUTES);
        if !self.take_of_share(attributes.len() as u64) {
            return Ok(Vec::new());
        }
        Ok(attributes)
    }

    fn take_of_share(&self, items: u64) -> bool {
        let left = self.share.get().checked_sub(items);
        self.share.set(left.unwrap_or_default());
        left.is_some()
    }

    fn read_contents(&self, addr: u64, kind: Kind, most_inner: usize) -> Result<Contents, Fault> {
        let objects = self.objects;
        let items: Vec<(u64, Option<Key>)> = match kind {
            Kind::Dict => {
                let mut items = Vec::new();
                for (key, it) in objects.dict_items(addr)? {
                    items.push((it, Some(Key::Object(key))));
                    // A dict without values stands for a set with an order.
                    items.push((key, None));
                }
                items
            }
            Kind::List | Kind::Tuple => {
                let items = match kind {
                    Kind::List => objects.list(addr)?,
                    _ => objects.tuple(addr)?,
                };
                let items = items.into_iter().enumerate();
                items
                    .map(|(place, it)| (it, Some(Key::Place(place))))
                    .collect()
            }
            Kind::Set => (objects.set(addr)?.into_iter())
                .map(|it| (it, None))
                .collect(),
            _ => (objects.deque(addr)?.into_iter())
                .map(|it| (it, None))
                .collect(),
        };
        let mut contents = Contents::default();
        // The keys of a dict are none, and the first few items tell of what
        // kind all are.
        let inner = items
            .iter()
            .filter(|(_, key)| key.is_some() || !matches!(kind, Kind::Dict));
        for &(it, key) in inner.take(most_inner) {
            // A slot of a list that is being filled is empty.
            if it != 0 && is_container(objects.kind_of(it)?) {
                contents.inner.push((key, it));
            }
        }
        for (it, key) in items {
            contents.keys.entry(it).or_insert(key);
        }
        Ok(contents)
    }

    /// `Class.attribute`.
    fn qualified(&self, holder: u64, name: u64) -> Result<String, Fault> {
        let objects = self.objects;
        let class = objects.type_name(objects.type_of(holder)?.addr)?;
        let class = class.rsplit('.').next().unwrap_or_default();
        let name = match objects.kind_of(name)? {
            Kind::Text => objects.text(name)?,
            _ => String::new(),
        };
        objects.hold((class.len() + name.len()) as u64)?;
        Ok(format!("{class}.{name}"))
    }

    /// The attributes of an object of a class written in Python, as long as
    /// there are not too many in all.
    fn attributes(&self, addr: u64) -> Result<Vec<(u64, u64)>, Fault> {
        let type_ = self.objects.type_of(addr)?;
        if type_.kind != Kind::Other || type_.flags & flags::HEAPTYPE == 0 {
            return Ok(Vec::new());
        }
        if self.left.get() == 0 {
            return Ok(Vec::new());
        }
        let mut attributes = self.objects.attributes(addr)?;
        attributes.truncate(limits::MOST_ATTRIBUTES);
        let cost = 1 + attributes.len() as u64;
        self.left.set(self.left.get().saturating_sub(cost));
        Ok(attributes)
    }

    /// The names of the objects among the globals in `dict`, and of their
    /// attributes.
    fn names_of_globals(&self, dict: u64) -> Result<Rc<HashMap<u64, String>>, Fault> {
        if let Some(known) = self.globals.borrow().get(&dict) {
            return Ok(Rc::clone(known));
        }
        let objects = self.objects;
        let mut names: HashMap<u64, String> = HashMap::default();
        let mut items = objects.dict_items(dict)?;
        items.truncate(limits::MOST_GLOBALS);
        let mut instances = Vec::new();
        for &(name, value) in &items {
            let type_ = objects.type_of(value)?;
            if !matches!(
                type_.kind,
                Kind::Other | Kind::Future | Kind::PyFuture | Kind::Task | Kind::PyTask
            ) || type_.flags & flags::HEAPTYPE == 0
            {
                continue;
            }
            if objects.kind_of(name)? == Kind::Text {
                let name = objects.text(name)?;
                objects.hold(128)?;
                names.entry(value).or_insert(name);
                instances.push(value);
            }
        }
        for instance in instances {
            for (name, value) in self.attributes(instance)? {
                if objects.type_of(value)?.flags & flags::HEAPTYPE != 0
                    && !names.contains_key(&value)
                {
                    objects.hold(128)?;
                    names.insert(value, self.qualified(instance, name)?);
                }
            }
        }
        let names = Rc::new(names);
        self.globals.borrow_mut().insert(dict, Rc::clone(&names));
        Ok(names)
    }

    /// Names and addresses of the containers among the globals in `dict`, other
    /// than those of the module itself.
    fn containers_among_globals(&self, dict: u64) -> Result<Rc<Containers>, Fault> {
        if let Some(known) = self.global_containers.borrow().get(&dict) {
            return Ok(Rc::clone(known));
        }
        let objects = self.objects;
        let mut found = Vec::new();
        for (name, value) in objects
            .dict_items(dict)?
            .into_iter()
            .take(limits::MOST_GLOBALS)
        {
            let kind = objects.kind_of(value)?;
            if is_container(kind)
                && objects.kind_of(name)? == Kind::Text
                && !objects.text(name)?.starts_with("__")
            {
                objects.hold(16)?;
                found.push((name, value));
            }
        }
        let found: Rc<Containers> = found.into();
        let known = Rc::clone(&found);
        self.global_containers.borrow_mut().insert(dict, known);
        Ok(found)
    }
}

fn is_container(kind: Kind) -> bool {
    matches!(
        kind,
        Kind::Dict | Kind::List | Kind::Tuple | Kind::Deque | Kind::Set
    )
}
