//! A look ahead at objects that will be asked for what they have.

use super::type_object::flags;
use super::{Fault, Objects};
use crate::limits::Limits;
use crate::map::HashMap;

/// Of how few objects of a type it is not worth it.
const FEW: usize = 8;
/// How many attributes of each are looked at.
const MOST: u64 = 32;

impl Objects<'_> {
    /// Has another thread copy these objects meanwhile, and what their attributes
    /// refer to.
    pub(crate) fn look_ahead(&self, addrs: Vec<u64>) {
        let layout = *self.layout;
        self.memory.look_ahead(Box::new(move |memory| {
            let objects = Objects::new(memory, &layout, Limits::SNAPSHOT);
            // What cannot be read will be met by who needs it.
            let _ = objects.copy_around(&addrs);
        }));
    }

    /// Whether that is done, and worth what it takes.
    pub(crate) fn looks_ahead(&self) -> bool {
        self.memory.looks_ahead()
    }

    /// Takes over what was copied by then.
    pub(crate) fn take_over(&self) {
        self.memory.take_over();
    }

    /// Copies objects and what their attributes refer to.
    fn copy_around(&self, addrs: &[u64]) -> Result<(), Fault> {
        self.expect(addrs);
        let types = self.column(addrs, self.layout.object.ob_type)?;
        let mut by_type: HashMap<u64, Vec<u64>> = HashMap::default();
        for (type_, &addr) in types.into_iter().zip(addrs) {
            if let Some(type_) = type_ {
                by_type.entry(type_).or_default().push(addr);
            }
        }
        let mut referred = Vec::new();
        for (type_, addrs) in by_type.into_iter().filter(|(_, addrs)| addrs.len() >= FEW) {
            // One that cannot be read tells nothing of the others.
            let _ = self.add_referred(type_, &addrs, &mut referred);
        }
        self.expect(&referred);
        Ok(())
    }

    /// Adds what the attributes of objects of a type refer to.
    fn add_referred(
        &self,
        type_: u64,
        addrs: &[u64],
        referred: &mut Vec<u64>,
    ) -> Result<(), Fault> {
        let type_ = self.type_at(type_)?;
        if type_.flags & flags::HEAPTYPE == 0 {
            return Ok(());
        }
        let mut add = |words: Vec<Option<u64>>| {
            let mut words: Vec<u64> = words.into_iter().flatten().collect();
            // Many refer to the same.
            words.dedup();
            referred.extend(words);
        };
        if let Some(keys) = self.pointer(type_.addr, self.layout.type_object.ht_cached_keys)? {
            let begins = self.values_begin(addrs, &type_)?;
            let begins: Vec<u64> = begins.into_iter().flatten().collect();
            for place in 0..self.entries(keys)?.count.min(MOST) {
                add(self.column(&begins, 8 * place)?);
            }
        }
        for &(_, offset) in self.all_slots(type_.addr)?.iter().take(MOST as usize) {
            add(self.column(addrs, offset)?);
        }
        Ok(())
    }
}
