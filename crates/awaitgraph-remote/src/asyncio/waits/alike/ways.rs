//! How a variable of a task's frames leads to an object, and gives it its name.
//!
//! Tasks in the same functions have their objects in the same places. Each is
//! looked up there, and whoever has it elsewhere is not like the others.

use std::rc::Rc;

use super::super::Waits;
use super::super::frames::Level;
use super::super::names::Holder;
use crate::coroutine::Chain;
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

    /// The name of an object to which one comes in the same way from the frames in
    /// `chain`; `None` where one does not.
    pub(super) fn name_by(
        &self,
        way: &Way,
        object: u64,
        chain: Chain<'_>,
    ) -> Result<Option<String>, Fault> {
        let frame = chain.frames.iter().rev().nth(way.level);
        let Some(frame) = frame.filter(|it| it.has_variables()) else {
            return Ok(None);
        };
        let value = self.objects.variable_itself(frame, way.variable)?;
        let found = match &way.how {
            How::Itself(name) if value == object => Some(name.clone()),
            How::Attribute(place, name) if value != 0 => {
                let its = self.objects.values_at(value, place)?;
                (its == Some([Some(object)])).then(|| name.clone())
            }
            How::Within(holder, called) if value == holder.addr => {
                self.names.name_within(holder, &[object], |out| {
                    out.push_str(called);
                    Ok(())
                })?
            }
            _ => None,
        };
        // It may be said of the object, and once more of who has it.
        let length = found.as_ref().map_or(0, String::len);
        self.objects.hold(2 * length as u64)?;
        Ok(found)
    }
}
