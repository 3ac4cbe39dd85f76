//! Tuples, lists, sets, weak sets, deques and bytes.

use super::{Fault, Kind, Objects, unexpected};

/// The most items that are walked.
const MOST_ITEMS: u64 = 1 << 26;
/// The items of a deque's block (`BLOCKLEN` in `Modules/_collectionsmodule.c`).
const DEQUE_BLOCK: u64 = 64;
/// How many items are read at once.
const AT_ONCE: usize = 4096;

impl Objects<'_> {
    /// The items of the tuple at `addr`.
    pub(crate) fn tuple(&self, addr: u64) -> Result<Vec<u64>, Fault> {
        let count = self.u64(addr, self.layout.object.header)?;
        self.pointers(addr.wrapping_add(self.layout.tuple_items), count)
    }

    /// The items of the list at `addr`.
    pub(crate) fn list(&self, addr: u64) -> Result<Vec<u64>, Fault> {
        match self.u64(addr, self.layout.object.header)? {
            0 => Ok(Vec::new()),
            count => {
                let items = self.required(addr, self.layout.list_items, "a list without items")?;
                self.pointers(items, count)
            }
        }
    }

    /// The items of the set at `addr`, in the order of their slots.
    pub(crate) fn set(&self, addr: u64) -> Result<Vec<u64>, Fault> {
        let layout = &self.layout.set;
        if self.u64(addr, layout.used)? == 0 {
            return Ok(Vec::new());
        }
        let slots = self.u64(addr, layout.mask)?.saturating_add(1);
        let table = self.required(addr, layout.table, "a set without a table")?;
        // A slot is a key and its hash; a deleted one has a dummy key and the hash -1.
        let words = self.words(table, slots.saturating_mul(2))?;
        let (entries, _) = words.as_chunks::<2>();
        Ok(entries
            .iter()
            .filter(|&&[key, hash]| key != 0 && hash != u64::MAX)
            .map(|&[key, _]| key)
            .collect())
    }

    /// The living objects of the `weakref.WeakSet` at `addr`.
    pub(crate) fn weak_set(&self, addr: u64) -> Result<Vec<u64>, Fault> {
        let Some(data) = self.attribute(addr, "data")? else {
            return unexpected(addr, "a WeakSet without data");
        };
        if self.kind_of(data)? != Kind::Set {
            return unexpected(addr, "a WeakSet whose data is no set");
        }
        let mut objects = Vec::new();
        for reference in self.set(data)? {
            if self.kind_of(reference)? == Kind::Weakref
                && let Some(object) = self.pointer(reference, self.layout.weakref_object)?
                && self.kind_of(object)? != Kind::None
            {
                objects.push(object);
            }
        }
        Ok(objects)
    }

    /// The items of the `collections.deque` at `addr`.
    pub(crate) fn deque(&self, addr: u64) -> Result<Vec<u64>, Fault> {
        let layout = &self.layout.deque;
        let mut left = self.u64(addr, self.layout.object.header)?.min(MOST_ITEMS);
        let mut block = self.required(addr, layout.left_block, "a deque without blocks")?;
        let mut index = self.u64(addr, layout.left_index)?;
        let mut items = Vec::new();
        while left > 0 {
            if index >= DEQUE_BLOCK {
                block = self.required(block, layout.block_right, "a deque that breaks off")?;
                index = 0;
            }
            items.push(self.u64(block, layout.block_items + 8 * index)?);
            index += 1;
            left -= 1;
        }
        Ok(items)
    }

    /// The content of the bytes object at `addr`, of at most `most` bytes.
    pub(crate) fn byte_string(&self, addr: u64, most: u64) -> Result<Vec<u8>, Fault> {
        let length = self.u64(addr, self.layout.object.header)?;
        if length > most {
            return unexpected(addr, "a bytes object of impossible size");
        }
        let mut bytes = vec![0; length as usize];
        self.fill(addr.wrapping_add(self.layout.bytes_data), &mut bytes)?;
        Ok(bytes)
    }

    /// `count` pointers at `addr`, none of which may be NULL.
    fn pointers(&self, addr: u64, count: u64) -> Result<Vec<u64>, Fault> {
        let pointers = self.words(addr, count)?;
        if pointers.contains(&0) {
            unexpected(addr, "an item that is NULL")
        } else {
            Ok(pointers)
        }
    }

    /// `count` words at `addr`, read piece by piece: an impossible count ends
    /// where the memory does, before anything of its size is made.
    fn words(&self, addr: u64, count: u64) -> Result<Vec<u64>, Fault> {
        if count > 2 * MOST_ITEMS {
            return unexpected(addr, "a collection of impossible size");
        }
        let mut words = Vec::new();
        let mut buf = vec![0; 8 * count.min(AT_ONCE as u64) as usize];
        while (words.len() as u64) < count {
            let take = (count - words.len() as u64).min(AT_ONCE as u64) as usize;
            let Some(piece) = buf.get_mut(..8 * take) else {
                break;
            };
            self.fill(addr.wrapping_add(8 * words.len() as u64), piece)?;
            let (chunks, _) = piece.as_chunks::<8>();
            words.extend(chunks.iter().map(|&chunk| u64::from_le_bytes(chunk)));
        }
        Ok(words)
    }
}
