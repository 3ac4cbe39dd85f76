//! `dict`: its items, and the value of a str key.
//!
//! `Objects/dictobject.c` tells the two forms: a table of its own ("combined"),
//! or values beside keys that instances of a class share ("split").

use std::ptr;

use super::{Fault, Kind, Objects, fault};
use crate::layout::DictKeys;
use crate::limits;
use crate::object::Reason::Unexpected;

/// Where the entries of a dict's keys are.
pub(super) struct Entries {
    start: u64,
    pub(super) count: u64,
    size: u64,
    /// Where in an entry the key is; the value follows it.
    key: u64,
    indices: Indices,
}

/// The table that has the number of an entry at the place that its key's hash gives.
#[derive(Debug, Clone, Copy)]
struct Indices {
    start: u64,
    /// How many there are: a power of two.
    count: u64,
    /// The bytes of each.
    width: u64,
}

/// What stands there instead (`DKIX_EMPTY`, `DKIX_DUMMY`).
const EMPTY: i64 = -1;
const REMOVED: i64 = -2;
/// After how many places something else is the matter.
const MOST_PLACES: usize = 64;
/// How many entries are read together.
const ENTRIES_AT_ONCE: u64 = 64;
/// So few keys are soon looked through.
const FEW_KEYS: u64 = 16;

impl Objects<'_> {
    /// The value of `key` in the dict at `addr`.
    pub(crate) fn dict_get(&self, addr: u64, key: &str) -> Result<Option<u64>, Fault> {
        let entries = self.entries(self.dict_keys(addr)?)?;
        match self.find(&entries, key)? {
            Some(index) => {
                let values = self.pointer(addr, self.layout.dict.ma_values)?;
                self.entry_value(&entries, index, values)
            }
            None => Ok(None),
        }
    }

    /// The values of several keys in the dict at `addr`, which is small and has
    /// them by names that others like it have too.
    pub(crate) fn dict_named<const N: usize>(
        &self,
        addr: u64,
        names: [&'static str; N],
    ) -> Result<[Option<u64>; N], Fault> {
        let entries = self.entries(self.dict_keys(addr)?)?;
        let values = self.pointer(addr, self.layout.dict.ma_values)?;
        let mut found = [None; N];
        for index in 0..entries.count {
            let entry = entries.start.wrapping_add(index * entries.size);
            let Some(key) = self.pointer(entry, entries.key)? else {
                continue;
            };
            for (found, name) in found.iter_mut().zip(names) {
                if found.is_none() && self.is_named(key, name)? {
                    *found = self.entry_value(&entries, index, values)?;
                    break;
                }
            }
        }
        Ok(found)
    }

    /// Whether the key at `addr` is this str. One that is written in a program
    /// is one object, wherever it is used, and need not be read again.
    fn is_named(&self, addr: u64, name: &'static str) -> Result<bool, Fault> {
        if let Some(known) = self.names.get(addr) {
            return Ok(ptr::eq(known, name) || known == name);
        }
        if self.kind_of(addr)? != Kind::Text || !self.text_is(addr, name)? {
            return Ok(false);
        }
        self.remember(&self.names, addr, name);
        Ok(true)
    }

    /// The value of `key` in the dict of an instance, which most likely shares its keys
    /// with those of other instances.
    pub(super) fn dict_of_instance_get(
        &self,
        addr: u64,
        key: &'static str,
    ) -> Result<Option<u64>, Fault> {
        let Some(values) = self.pointer(addr, self.layout.dict.ma_values)? else {
            return self.dict_get(addr, key);
        };
        match self.place_of(self.dict_keys(addr)?, key)? {
            Some(index) => self.pointer(values, self.layout.dict.values + 8 * index),
            None => Ok(None),
        }
    }

    /// Keys and values of the dict at `addr`, in its order.
    pub(crate) fn dict_items(&self, addr: u64) -> Result<Vec<(u64, u64)>, Fault> {
        let entries = self.entries(self.dict_keys(addr)?)?;
        let mut items = Vec::new();
        match self.pointer(addr, self.layout.dict.ma_values)? {
            Some(values) => {
                let values = values.wrapping_add(self.layout.dict.values);
                return self.shared_items(&entries, values);
            }
            None => self.each_entry(&entries, |key, value| {
                // What there is room for was read, but for the first few.
                if items.len() == items.capacity() {
                    let most = 3 * items.len() + ENTRIES_AT_ONCE as usize;
                    items.reserve_exact(most.min(entries.count as usize - items.len()));
                }
                if key != 0 && value != 0 {
                    items.push((key, value));
                }
            })?,
        }
        Ok(items)
    }

    /// Gives `with` the words of keys and values of a table that has both, 0 where
    /// there is none.
    fn each_entry(&self, entries: &Entries, mut with: impl FnMut(u64, u64)) -> Result<(), Fault> {
        let mut bytes = [0; 24 * ENTRIES_AT_ONCE as usize];
        let mut done = 0;
        while done < entries.count {
            let take = ENTRIES_AT_ONCE.min(entries.count - done);
            let length = (take * entries.size) as usize;
            let bytes = bytes.get_mut(..length).unwrap_or_default();
            self.fill(entries.start.wrapping_add(done * entries.size), bytes)?;
            for entry in bytes.chunks_exact(entries.size as usize) {
                let (words, _) = entry.as_chunks::<8>();
                let mut words = words.iter().skip(entries.key as usize / 8);
                let mut word = || words.next().map_or(0, |word| u64::from_le_bytes(*word));
                with(word(), word());
            }
            done += take;
        }
        Ok(())
    }

    /// The items of values beside the shared keys at `keys`.
    pub(super) fn shared_keys_items(
        &self,
        keys: u64,
        values: u64,
    ) -> Result<Vec<(u64, u64)>, Fault> {
        self.shared_items(&self.entries(keys)?, values)
    }

    fn shared_items(&self, entries: &Entries, values: u64) -> Result<Vec<(u64, u64)>, Fault> {
        let mut items = Vec::new();
        for index in 0..entries.count {
            let entry = entries.start.wrapping_add(index * entries.size);
            if let Some(key) = self.pointer(entry, entries.key)?
                && let Some(value) = self.pointer(values, 8 * index)?
            {
                items.push((key, value));
            }
        }
        Ok(items)
    }

    /// Which of the values beside the shared keys at `keys` is that of `key`.
    pub(super) fn place_of(&self, keys: u64, key: &'static str) -> Result<Option<u64>, Fault> {
        if let Some(&known) = self.places.borrow().get(&(keys, key)) {
            return Ok(known);
        }
        let found = self.find(&self.entries(keys)?, key)?;
        self.hold(128)?;
        self.places.borrow_mut().insert((keys, key), found);
        Ok(found)
    }

    /// Which of the entries has this key.
    fn find(&self, entries: &Entries, key: &str) -> Result<Option<u64>, Fault> {
        if entries.count > FEW_KEYS
            && let Some(hash) = self.str_hash(key)
            && let Ok(Some(found)) = self.find_by_hash(entries, key, hash)
        {
            return Ok(found);
        }
        self.find_among_all(entries, key)
    }

    /// The same where the target would look (`lookdict_index` and its kin); `None`
    /// where that tells nothing.
    fn find_by_hash(
        &self,
        entries: &Entries,
        key: &str,
        hash: u64,
    ) -> Result<Option<Option<u64>>, Fault> {
        let Indices {
            start,
            count,
            width,
        } = entries.indices;
        let mask = count.wrapping_sub(1);
        let (mut rest, mut place) = (hash, hash & mask);
        for _ in 0..MOST_PLACES {
            let at = start.wrapping_add(place.wrapping_mul(width));
            let index = match width {
                1 => i64::from(self.u8(at, 0)?.cast_signed()),
                2 => i64::from(i16::from_le_bytes(self.bytes(at, 0)?)),
                4 => i64::from(self.i32(at, 0)?),
                _ => self.i64(at, 0)?,
            };
            match index {
                EMPTY => {
                    let is_sure = self.hashes_as_expected(|| self.keys(entries, FEW_KEYS))?;
                    return Ok(is_sure.then_some(None));
                }
                REMOVED => {}
                _ => {
                    let index = index.cast_unsigned();
                    if index >= entries.count {
                        return Ok(None);
                    }
                    let entry = entries.start.wrapping_add(index * entries.size);
                    if let Some(name) = self.pointer(entry, entries.key)?
                        && self.key_is(name, key)?
                    {
                        return Ok(Some(Some(index)));
                    }
                }
            }
            rest >>= 5;
            place = place.wrapping_mul(5).wrapping_add(rest).wrapping_add(1) & mask;
        }
        Ok(None)
    }

    /// The first keys, `most` of them.
    fn keys(&self, entries: &Entries, most: u64) -> Result<Vec<u64>, Fault> {
        let mut keys = Vec::new();
        for index in 0..entries.count.min(most) {
            let entry = entries.start.wrapping_add(index * entries.size);
            keys.extend(self.pointer(entry, entries.key)?);
        }
        Ok(keys)
    }

    /// The same, one key after the other.
    fn find_among_all(&self, entries: &Entries, key: &str) -> Result<Option<u64>, Fault> {
        // A key that cannot be read may have been the one.
        let mut missed = None;
        let mut next = 0;
        while next < entries.count {
            // The keys lie wherever there was room when they were made.
            let mut names = Vec::new();
            for index in next..entries.count.min(next + limits::MOST_KEYS_AT_ONCE) {
                let entry = entries.start.wrapping_add(index * entries.size);
                names.push(self.u64(entry, entries.key)?);
            }
            self.expect(&names);
            for (index, &name) in (next..).zip(&names) {
                if name == 0 {
                    continue;
                }
                match self.key_is(name, key) {
                    Ok(true) => return Ok(Some(index)),
                    Ok(false) => {}
                    Err(fault) => {
                        // One that is no str was not.
                        if self.kind_of(name).is_ok_and(|kind| kind != Kind::Text) {
                            continue;
                        }
                        missed = missed.or(Some(fault));
                    }
                }
            }
            next += limits::MOST_KEYS_AT_ONCE;
        }
        match missed {
            Some(fault) => Err(fault),
            None => Ok(None),
        }
    }

    /// Whether the key at `addr` is this str. Of others it is enough to know that
    /// they are not: for as long as the dict has them they will not be.
    fn key_is(&self, addr: u64, key: &str) -> Result<bool, Fault> {
        let length = self.lasting_u64(addr, self.layout.text.length)?;
        Ok(length == key.len() as u64 && self.text_is(addr, key)?)
    }

    fn dict_keys(&self, addr: u64) -> Result<u64, Fault> {
        self.required(
            addr,
            self.layout.dict.ma_keys,
            &Unexpected("a dict without keys"),
        )
    }

    fn entry_value(
        &self,
        entries: &Entries,
        index: u64,
        values: Option<u64>,
    ) -> Result<Option<u64>, Fault> {
        match values {
            Some(values) => self.pointer(values, self.layout.dict.values + 8 * index),
            None => {
                let entry = entries.start.wrapping_add(index * entries.size);
                self.pointer(entry, entries.key + 8)
            }
        }
    }

    pub(super) fn entries(&self, keys: u64) -> Result<Entries, Fault> {
        let entries = match self.layout.dict.keys {
            DictKeys::Sized => {
                let size = self.u64(keys, 8)?;
                let index_width = match size {
                    0..=0xff => 1,
                    0x100..=0xffff => 2,
                    0x1_0000..=0xffff_ffff => 4,
                    _ => 8,
                };
                Entries {
                    start: keys
                        .wrapping_add(40)
                        .wrapping_add(size.wrapping_mul(index_width)),
                    count: self.u64(keys, 32)?,
                    size: 24,
                    key: 8,
                    indices: Indices {
                        start: keys.wrapping_add(40),
                        count: size,
                        width: index_width,
                    },
                }
            }
            DictKeys::Log2 => {
                let [log2_size, log2_index_bytes, kind, _] = self.bytes(keys, 8)?;
                if log2_index_bytes > 40 || log2_size > log2_index_bytes {
                    return fault(keys, &Unexpected("not a dict's keys"));
                }
                let hashes = kind == 0;
                Entries {
                    start: keys.wrapping_add(32).wrapping_add(1 << log2_index_bytes),
                    count: self.u64(keys, 24)?,
                    size: if hashes { 24 } else { 16 },
                    key: if hashes { 8 } else { 0 },
                    indices: Indices {
                        start: keys.wrapping_add(32),
                        count: 1 << log2_size,
                        width: 1 << (log2_index_bytes - log2_size),
                    },
                }
            }
        };
        if entries.count > limits::MOST_ENTRIES {
            return fault(keys, &Unexpected("a dict of impossible size"));
        }
        Ok(entries)
    }
}
