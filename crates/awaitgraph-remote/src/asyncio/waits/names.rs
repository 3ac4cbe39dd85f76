//! The name by which a program refers to an object.
//!
//! It is looked for where the program that waits has its things: in the
//! variables of its frames, in the attributes of what those hold, among the
//! globals of its modules, and in the attributes of what is there.

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

/// Finds names.
pub(super) struct Names<'a> {
    objects: &'a Objects<'a>,
    /// By the dict of globals: the names of the objects there.
    globals: RefCell<HashMap<u64, Rc<HashMap<u64, String>>>>,
    /// How many attributes may still be looked at.
    left: Cell<u64>,
}

impl<'a> Names<'a> {
    pub(super) fn new(objects: &'a Objects<'a>) -> Self {
        Self {
            objects,
            globals: RefCell::default(),
            left: Cell::new(LEAST),
        }
    }

    /// The name of one of `wanted`, which are the same thing to the program;
    /// `levels` are the frames of the program, innermost first.
    pub(super) fn find(
        &self,
        frames: &Frames<'a>,
        wanted: &[u64],
        levels: &[Level],
    ) -> Result<Option<String>, Fault> {
        self.left.set(self.left.get() + SHARE);
        let levels = levels.get(..limits::MOST_OWNER_FRAMES).unwrap_or(levels);
        for (distance, level) in levels.iter().enumerate() {
            let variables = frames.variables(level.raw.code)?;
            let mut holders = Vec::new();
            for (place, name) in variables.names.iter().enumerate() {
                let Some(value) = self.objects.variable(level.raw.addr, place)? else {
                    continue;
                };
                if wanted.contains(&value) {
                    if **name != *"self" {
                        return Ok(Some(name.to_string()));
                    }
                } else {
                    holders.push(value);
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
}
