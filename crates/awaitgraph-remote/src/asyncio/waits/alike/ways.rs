//! How a variable of a task's frames leads to an object, and gives it its name.
//!
//! Tasks in the same functions have their objects in the same places. Each is
//! looked up there, and whoever has it elsewhere is not like the others.

use std::rc::Rc;

use super::super::Waits;
use super::super::frames::Level;
use super::super::names::Holder;
use super::rows::Rows;
use crate::limits;
use crate::object::{Fault, Place};

/// The frame, innermost first, and its variable from which one comes to an object.
#[derive(Debug)]
pub(super) struct Way {
    level: usize,
    variable: usize,
    how: How,
}

/// How its value leads there.
#[derive(Debug)]
enum How {
    /// It is the object; and the variable's name.
    Itself(String),
    /// By an attribute, which gives this name.
    Attribute([Place; 1], String),
    /// By a container that the value is or has; and the variable's name.
    Within(Rc<Holder>, String),
}

impl Way {
    /// Whether the object is the value of the variable.
    pub(super) fn is_variable(&self) -> bool {
        matches!(self.how, How::Itself(_))
    }
}

impl Waits<'_> {
    /// How one comes to an object of this name; `levels` are the frames of who
    /// waits for it, the first `known` of which are not asked, nor compiled ones:
    /// their variables lie elsewhere.
    pub(super) fn way_to(
        &self,
        object: u64,
        levels: &[Level<'_>],
        known: usize,
        name: &str,
    ) -> Result<Option<Way>, Fault> {
        let frames = levels.iter().enumerate().skip(known);
        let frames = frames.filter(|(_, it)| it.raw.has_variables());
        for (level, it) in frames.take(limits::MOST_OWNER_FRAMES) {
            let variables = self.frames.variables(it.raw.code)?;
            for (variable, called) in variables.names.iter().enumerate() {
                let value = self.objects.variable_itself(it.raw, variable)?;
                let how = match value {
                    0 => None,
                    value if value == object => {
                        (**called == *name).then(|| How::Itself(name.to_owned()))
                    }
                    value => self.way_from(value, called, object, name)?,
                };
                if let Some(how) = how {
                    return Ok(Some(Way {
                        level,
                        variable,
                        how,
                    }));
                }
            }
        }
        Ok(None)
    }

    /// How the value of a variable that is `called` so leads to an object of this
    /// name.
    fn way_from(
        &self,
        value: u64,
        called: &str,
        object: u64,
        name: &str,
    ) -> Result<Option<How>, Fault> {
        let Some(holder) = self.names.holder(value)? else {
            return Ok(None);
        };
        for &(attribute, its) in &holder.attributes {
            if its == object && self.names.qualified(value, attribute)? == name {
                let place = self.objects.place_of_value(value, object)?;
                return Ok(place.map(|place| How::Attribute([place], name.to_owned())));
            }
        }
        let found = (self.names).name_within(&holder, &[object], |out| {
            out.push_str(called);
            Ok(())
        })?;
        let is_it = found.as_deref() == Some(name);
        Ok(is_it.then(|| How::Within(holder, called.to_owned())))
    }

    /// The names of objects to each of which one comes in the same way from the
    /// frames of a task; `None` where one does not.
    pub(super) fn names_by(
        &self,
        way: &Way,
        found: &[u64],
        rows: &Rows<'_>,
    ) -> Result<Vec<Option<String>>, Fault> {
        let values = self.variables_of(rows, way.level, way.variable)?;
        let pairs = values.iter().zip(found);
        let names: Vec<Option<String>> = match &way.how {
            How::Itself(name) => pairs
                .map(|(value, object)| (value == object).then(|| name.clone()))
                .collect(),
            How::Attribute(place, name) => {
                let theirs = self.objects.values_of_each(&values, place)?;
                (theirs.into_iter().zip(found))
                    .map(|(its, &object)| (its == Some([object])).then(|| name.clone()))
                    .collect()
            }
            How::Within(holder, called) => {
                let theirs: Vec<u64> = pairs
                    .map(|(&value, &object)| if value == holder.addr { object } else { 0 })
                    .collect();
                self.names.names_within(holder, &theirs, called)?
            }
        };
        // Each may be said of the object, and once more of who has it.
        let length: usize = names.iter().flatten().map(String::len).sum();
        self.objects.hold(2 * length as u64)?;
        Ok(names)
    }
}
