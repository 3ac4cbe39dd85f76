//! Tuples, lists, sets, weak sets, deques and bytes.

use super::{Fault, Kind, Objects, fault};
use crate::layout::SimpleQueue;
use crate::limits;
use crate::object::Reason::{TooMuch, Unexpected};

/// The items of a deque's block (`BLOCKLEN` in `Modules/_collectionsmodule.c`).
const DEQUE_BLOCK: u64 = 64;
/// How many items are read at once.
const AT_ONCE: usize = 64;

impl Objects<'_> {
    /// The items of the tuple at `addr`.
    pub(crate) fn tuple(&self, addr: u64) -> Result<Vec<u64>, Fault> {
        let count = self.u64(addr, self.layout.object.header)?;
        self.pointers(addr.wrapping_add(self.layout.tuple_items), count)
    }

    /// The item of the tuple at `addr` in this place, if it has so many.
    pub(crate) fn tuple_item(&self, addr: u64, place: usize) -> Result<Option<u64>, Fault> {
        let count = self.u64(addr, self.layout.object.header)?;
        if place as u64 >= count.min(limits::MOST_ITEMS) {
            return Ok(None);
        }
        let item = self.layout.tuple_items + 8 * place as u64;
        self.required(addr, item, &Unexpected("an item that is NULL"))
            .map(Some)
    }

    /// The items of the list at `addr`.
    pub(crate) fn list(&self, addr: u64) -> Result<Vec<u64>, Fault> {
        match self.u64(addr, self.layout.object.header)? {
            0 => Ok(Vec::new()),
            count => {
                let items = self.required(
                    addr,
                    self.layout.list_items,
                    &Unexpected("a list without items"),
                )?;
                self.pointers(items, count)
            }
        }
    }

    /// The items of the set at `addr`, in the order of their slots.
    pub(crate) fn set(&self, addr: u64) -> Result<Vec<u64>, Fault> {
        match self.set_as_it_is(addr)? {
            (keys, None) => Ok(keys),
            (_, Some(fault)) => Err(fault),
        }
    }

    /// The same of a set that may be in the middle of a change, and what is then
    /// wrong: one that grows has a new, empty table, which is filled little by
    /// little (`set_table_resize` in `Objects/setobject.c`). A target may be
    /// stopped there, and more likely so where its threads need no GIL.
    pub(crate) fn set_as_it_is(&self, addr: u64) -> Result<(Vec<u64>, Option<Fault>), Fault> {
        let layout = &self.layout.set;
        let used = self.u64(addr, layout.used)?;
        if used == 0 {
            return Ok((Vec::new(), None));
        }
        let slots = self.u64(addr, layout.mask)?.saturating_add(1);
        if slots > limits::MOST_SLOTS {
            return fault(addr, &Unexpected("a set of impossible size"));
        }
        let table = self.required(addr, layout.table, &Unexpected("a set without a table"))?;
        let mut keys = Vec::new();
        self.words(table, 2 * slots, |words| {
            // A slot is a key and its hash; a deleted one has a dummy key and the hash -1.
            let (slots, _) = words.as_chunks::<2>();
            let taken = slots
                .iter()
                .filter(|&&[key, hash]| key != 0 && hash != u64::MAX);
            keys.extend(taken.map(|&[key, _]| key));
        })?;
        let what = &Unexpected("a set in the middle of a change");
        let fault = (keys.len() as u64 != used).then_some(Fault::new(addr, what));
        Ok((keys, fault))
    }

    /// The living objects of the `weakref.WeakSet` at `addr`, and what could
    /// not be read of the others.
    pub(crate) fn weak_set(&self, addr: u64) -> Result<(Vec<u64>, Option<Fault>), Fault> {
        let Some(data) = self.attribute(addr, "data")? else {
            return fault(addr, &Unexpected("a WeakSet without data"));
        };
        if self.kind_of(data)? != Kind::Set {
            return fault(addr, &Unexpected("a WeakSet whose data is no set"));
        }
        let (mut references, mut missed) = self.set_as_it_is(data)?;
        // What was made one after the other lies side by side.
        references.sort_unstable();
        self.expect(&references);
        let mut objects = Vec::with_capacity(references.len());
        for reference in references {
            match self.referent(reference) {
                Ok(object) => objects.extend(object),
                Err(fault) if matches!(fault.reason(), TooMuch(_)) => return Err(fault),
                Err(fault) => missed = Some(fault),
            }
        }
        Ok((objects, missed))
    }

    /// The object that the weak reference at `addr` refers to, if it is alive.
    fn referent(&self, addr: u64) -> Result<Option<u64>, Fault> {
        if self.kind_of(addr)? == Kind::Weakref
            && let Some(object) = self.pointer(addr, self.layout.weakref_object)?
            && self.kind_of(object)? != Kind::None
        {
            return Ok(Some(object));
        }
        Ok(None)
    }

    /// The items of the `collections.deque` at `addr`.
    pub(crate) fn deque(&self, addr: u64) -> Result<Vec<u64>, Fault> {
        let layout = &self.layout.deque;
        let mut left = self
            .u64(addr, self.layout.object.header)?
            .min(limits::MOST_ITEMS);
        let mut block = self.required(
            addr,
            layout.left_block,
            &Unexpected("a deque without blocks"),
        )?;
        let mut index = self.u64(addr, layout.left_index)?;
        let mut items = Vec::new();
        while left > 0 {
            if index >= DEQUE_BLOCK {
                block = self.required(
                    block,
                    layout.block_right,
                    &Unexpected("a deque that breaks off"),
                )?;
                index = 0;
            }
            items.push(self.u64(block, layout.block_items + 8 * index)?);
            index += 1;
            left -= 1;
        }
        Ok(items)
    }

    /// How many items the collection at `addr` has; 0 where it is none.
    pub(crate) fn length(&self, addr: u64) -> Result<u64, Fault> {
        match self.kind_of(addr)? {
            // What has `ob_size`.
            Kind::Tuple | Kind::List | Kind::Deque | Kind::Bytes | Kind::ByteArray => {
                self.u64(addr, self.layout.object.header)
            }
            Kind::MemoryView => self.u64(addr, self.layout.memory_view_length),
            Kind::Set => self.u64(addr, self.layout.set.used),
            Kind::Dict => self.u64(addr, self.layout.dict.ma_used),
            _ => Ok(0),
        }
    }

    /// The items of the `_queue.SimpleQueue` at `addr`, the next one first.
    pub(crate) fn simple_queue(&self, addr: u64) -> Result<Vec<u64>, Fault> {
        match self.layout.simple_queue {
            SimpleQueue::List { items, first } => {
                let first = usize::try_from(self.u64(addr, first)?).unwrap_or(usize::MAX);
                let items = self.required(addr, items, &Unexpected("a queue without a list"))?;
                let count = self.u64(items, self.layout.object.header)?;
                if count == 0 {
                    return Ok(Vec::new());
                }
                let items = self.required(
                    items,
                    self.layout.list_items,
                    &Unexpected("a list without items"),
                )?;
                // What was taken out leaves NULL until the list is cut.
                self.hold_items(addr, count)?;
                let mut found = Vec::new();
                self.words(items, count, |words| found.extend_from_slice(words))?;
                Ok(found.get(first..).unwrap_or_default().to_vec())
            }
            SimpleQueue::Ring {
                items,
                capacity,
                first,
                count,
            } => {
                let count = self.u64(addr, count)?;
                if count == 0 {
                    return Ok(Vec::new());
                }
                let (capacity, first) = (self.u64(addr, capacity)?, self.u64(addr, first)?);
                let items = self.required(addr, items, &Unexpected("a queue without items"))?;
                self.hold_items(addr, count)?;
                let mut found = Vec::new();
                for number in 0..count {
                    let place = first
                        .wrapping_add(number)
                        .checked_rem(capacity)
                        .unwrap_or(0);
                    found.push(self.u64(items, place.wrapping_mul(8))?);
                }
                Ok(found)
            }
        }
    }

    /// Accounts for the items of the queue at `addr`.
    fn hold_items(&self, addr: u64, count: u64) -> Result<(), Fault> {
        if count > limits::MOST_ITEMS {
            return fault(addr, &Unexpected("a queue of impossible size"));
        }
        self.hold(8 * count)
    }

    /// The content of the bytes object at `addr`, of at most `most` bytes.
    pub(crate) fn byte_string(&self, addr: u64, most: u64) -> Result<Vec<u8>, Fault> {
        let length = self.u64(addr, self.layout.object.header)?;
        if length > most {
            return fault(addr, &Unexpected("a bytes object of impossible size"));
        }
        self.hold(length)?;
        let mut bytes = vec![0; length as usize];
        self.fill(addr.wrapping_add(self.layout.bytes_data), &mut bytes)?;
        Ok(bytes)
    }

    /// `count` pointers at `addr`, none of which may be NULL.
    fn pointers(&self, addr: u64, count: u64) -> Result<Vec<u64>, Fault> {
        if count > limits::MOST_ITEMS {
            return fault(addr, &Unexpected("a collection of impossible size"));
        }
        // A count that is not true must not make a list of its size.
        let mut pointers = Vec::with_capacity(count.min(AT_ONCE as u64) as usize);
        self.words(addr, count, |words| pointers.extend_from_slice(words))?;
        if pointers.contains(&0) {
            fault(addr, &Unexpected("an item that is NULL"))
        } else {
            Ok(pointers)
        }
    }

    /// Gives `with` the `count` words at `addr`, piece by piece: a count that is
    /// not true ends where the memory does, before anything of its size is made.
    pub(super) fn words(
        &self,
        addr: u64,
        count: u64,
        mut with: impl FnMut(&[u64]),
    ) -> Result<(), Fault> {
        let mut bytes = [0; 8 * AT_ONCE];
        let mut words = [0; AT_ONCE];
        let mut done = 0;
        while done < count {
            let take = (count - done).min(AT_ONCE as u64) as usize;
            let (Some(bytes), Some(words)) = (bytes.get_mut(..8 * take), words.get_mut(..take))
            else {
                break;
            };
            self.fill(addr.wrapping_add(8 * done), bytes)?;
            let (chunks, _) = bytes.as_chunks::<8>();
            for (word, &chunk) in words.iter_mut().zip(chunks) {
                *word = u64::from_le_bytes(chunk);
            }
            with(words);
            done += take as u64;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::layout::for_minor;
    use crate::limits::Limits;
    use crate::memory::{Memory, Unreadable};

    const SET: u64 = 0x1000;
    const TABLE: u64 = 0x2000;

    /// A set of eight slots that says that it has two items.
    struct Slots([u64; 16]);

    impl Memory for Slots {
        fn read(&self, addr: u64, buf: &mut [u8]) -> Result<(), Unreadable> {
            let set = for_minor(13).expect("a layout").set;
            for (place, byte) in (addr..).zip(buf) {
                let (word, shift) = (place & !7, 8 * (place & 7));
                let word = match word {
                    it if it == SET + set.used => 2,
                    it if it == SET + set.mask => 7,
                    it if it == SET + set.table => TABLE,
                    it => (it.checked_sub(TABLE))
                        .and_then(|it| self.0.get((it / 8) as usize))
                        .copied()
                        .unwrap_or(0),
                };
                *byte = (word >> shift) as u8;
            }
            Ok(())
        }
    }

    #[test]
    fn a_set_that_grows_is_told() {
        let layout = for_minor(13).expect("a layout");
        let mut slots = [0; 16];
        let read = |slots: [u64; 16]| {
            let memory = Slots(slots);
            let objects = Objects::new(&memory, &layout, Limits::QUESTION);
            (objects.set_as_it_is(SET), objects.set(SET))
        };
        // A key and its hash, and a place where there was one.
        slots[..4].copy_from_slice(&[0x10, 1, 0x99, u64::MAX]);
        let addr = SET;
        let what = &Unexpected("a set in the middle of a change");
        let fault = Fault::new(addr, what);
        let said = (Ok((vec![0x10], Some(fault))), Err(fault));
        assert_eq!(read(slots), said);
        slots[6..8].copy_from_slice(&[0x20, 2]);
        let said = (Ok((vec![0x10, 0x20], None)), Ok(vec![0x10, 0x20]));
        assert_eq!(read(slots), said);
    }
}
