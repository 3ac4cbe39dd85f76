//! What the modules of a program have: the names of the objects among their
//! globals, and the containers there.

use std::cell::OnceCell;
use std::rc::Rc;

use super::Names;
use super::containers::{Containers, is_container};
use crate::limits;
use crate::map::HashMap;
use crate::object::{Fault, Kind, flags};

/// What a module has.
#[derive(Debug, Default)]
pub(super) struct Globals {
    dict: u64,
    /// The names of the objects there.
    names: OnceCell<HashMap<u64, String>>,
    containers: OnceCell<Containers>,
}

impl Names<'_> {
    pub(super) fn globals(&self, dict: u64) -> Rc<Globals> {
        if let Some(last) = &*self.last_globals.borrow()
            && last.dict == dict
        {
            return Rc::clone(last);
        }
        let mut globals = self.globals.borrow_mut();
        let globals = globals.entry(dict).or_insert_with(|| {
            let globals = Globals {
                dict,
                ..Globals::default()
            };
            Rc::new(globals)
        });
        self.last_globals.replace(Some(Rc::clone(globals)));
        Rc::clone(globals)
    }

    /// The names of the objects among the globals, and of their attributes.
    pub(super) fn names_of_globals<'g>(
        &self,
        globals: &'g Globals,
    ) -> Result<&'g HashMap<u64, String>, Fault> {
        if let Some(known) = globals.names.get() {
            return Ok(known);
        }
        let objects = self.objects;
        let mut names: HashMap<u64, String> = HashMap::default();
        let mut items = objects.dict_items(globals.dict)?;
        items.truncate(limits::MOST_GLOBALS);
        let (mut instances, mut classes) = (Vec::new(), Vec::new());
        for &(name, value) in &items {
            let type_ = objects.type_of(value)?;
            if type_.flags & flags::TYPE_SUBCLASS != 0 {
                classes.push(value);
                continue;
            }
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
                instances.push((value, type_));
            }
        }
        for (instance, type_) in instances {
            for (name, value) in self.attributes(instance, &type_)?.unwrap_or_default() {
                if objects.type_of(value)?.flags & flags::HEAPTYPE != 0
                    && !names.contains_key(&value)
                {
                    objects.hold(128)?;
                    names.insert(value, self.qualified(instance, name)?);
                }
            }
        }
        for class in classes {
            self.add_names_of_class(class, &mut names)?;
        }
        Ok(globals.names.get_or_init(|| names))
    }

    /// Adds the names of what the class at `addr` has itself: its bases are
    /// classes of their own.
    fn add_names_of_class(&self, addr: u64, names: &mut HashMap<u64, String>) -> Result<(), Fault> {
        let objects = self.objects;
        let dicts = objects.class_dicts(addr)?;
        let Some(&(_, dict)) = dicts.iter().find(|&&(class, _)| class == addr) else {
            return Ok(());
        };
        let mut items = objects.dict_items(dict)?;
        items.truncate(limits::MOST_ATTRIBUTES);
        for (name, value) in items {
            if objects.type_of(value)?.flags & flags::HEAPTYPE != 0
                && !names.contains_key(&value)
                && objects.kind_of(name)? == Kind::Text
            {
                objects.hold(128)?;
                let class = objects.type_name(addr)?;
                names.insert(value, format!("{class}.{}", objects.text(name)?));
            }
        }
        Ok(())
    }

    /// The containers among the globals, other than those of the module itself.
    pub(super) fn containers_among_globals<'g>(
        &self,
        globals: &'g Globals,
    ) -> Result<&'g Containers, Fault> {
        if let Some(known) = globals.containers.get() {
            return Ok(known);
        }
        let objects = self.objects;
        let mut found = Vec::new();
        for (name, value) in objects
            .dict_items(globals.dict)?
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
        Ok(globals.containers.get_or_init(|| Containers::new(found)))
    }
}
