//! What the words of a program tell: how its classes are called, and which
//! attributes its functions speak of (`co_names`).

use super::Waits;
use crate::map::HashMap;
use crate::object::Reason::Unexpected;
use crate::object::{Fault, Kind};

impl Waits<'_> {
    /// Whether the object is of a class of this name, or of one below it; what
    /// is `known` of classes by their address is added to.
    pub(super) fn is_one(
        &self,
        class: &str,
        object: u64,
        known: &mut HashMap<u64, bool>,
    ) -> Result<bool, Fault> {
        if self.objects.kind_of_shared(object)? != Kind::Other {
            return Ok(false);
        }
        let type_ = self.objects.type_of(object)?;
        if let Some(&known) = known.get(&type_.addr) {
            return Ok(known);
        }
        let names = self.objects.base_names(object)?;
        let is_it = names.iter().any(|it| **it == *class);
        self.objects.hold(32)?;
        known.insert(type_.addr, is_it);
        Ok(is_it)
    }

    /// Which of the `words` the function with this code object speaks of.
    pub(super) fn speaks_of<const N: usize>(
        &self,
        words: [&str; N],
        code: u64,
    ) -> Result<[bool; N], Fault> {
        let objects = self.objects;
        let what = &Unexpected("code without names");
        let names = objects.required(code, objects.layout.code.mentioned, what)?;
        let mut found = [false; N];
        for name in objects.tuple(names)? {
            if objects.kind_of(name)? != Kind::Text {
                continue;
            }
            for (found, word) in found.iter_mut().zip(words) {
                *found |= objects.text_is(name, word)?;
            }
        }
        Ok(found)
    }

    /// Whether it speaks of any; what is `known` of code objects by their
    /// address is added to.
    pub(super) fn speaks_of_any<const N: usize>(
        &self,
        words: [&str; N],
        code: u64,
        known: &mut HashMap<u64, bool>,
    ) -> Result<bool, Fault> {
        if let Some(&known) = known.get(&code) {
            return Ok(known);
        }
        let found = self.speaks_of(words, code)?.contains(&true);
        self.objects.hold(32)?;
        known.insert(code, found);
        Ok(found)
    }
}
