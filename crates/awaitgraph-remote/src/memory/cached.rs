//! Whole chunks of a target's memory, read once.
//!
//! CPython's objects lie close together: a task, its coroutine, its name and
//! its waiter are small and come from the same pools. Reading 64 KiB costs
//! little more than reading 64 bytes, so nearly every object after the first
//! is already here.
//!
//! A chunk that is not mapped as a whole is kept as pages, each there or not.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};
use std::rc::Rc;

use super::{Memory, Unreadable, Why};

/// How much is read at once.
const CHUNK: usize = 64 * 1024;
/// The unit in which memory is mapped.
const PAGE: usize = 4096;
/// How much is kept. A service with 100,000 tasks needs 150 MiB; past this
/// bound the cache starts anew, which costs time and nothing else.
const KEPT_CHUNKS: usize = 1024 * 1024 * 1024 / CHUNK;
/// Reads from this size on go past the cache.
const LARGE: usize = 4 * CHUNK;

/// A [`Memory`] that remembers what was read.
pub(crate) struct Cached<M> {
    memory: M,
    chunks: RefCell<HashMap<u64, Rc<Chunk>, BuildHasherDefault<ChunkHasher>>>,
    last: RefCell<Option<(u64, Rc<Chunk>)>>,
    bytes_read: Cell<u64>,
    gone: Cell<Option<Why>>,
}

/// The bytes of one chunk.
struct Chunk {
    bytes: Box<[u8]>,
    /// Which pages could be read, a bit each.
    readable: u32,
}

impl<M: Memory> Cached<M> {
    pub(crate) fn new(memory: M) -> Self {
        Self {
            memory,
            chunks: RefCell::default(),
            last: RefCell::default(),
            bytes_read: Cell::new(0),
            gone: Cell::new(None),
        }
    }

    /// How many bytes were copied from the target so far.
    pub(crate) fn bytes_read(&self) -> u64 {
        self.bytes_read.get()
    }

    /// Whether a read failed because the process is gone or closed to us.
    pub(crate) fn lost(&self) -> Option<Why> {
        self.gone.get()
    }

    fn chunk(&self, number: u64) -> Rc<Chunk> {
        if let Some((last, chunk)) = &*self.last.borrow()
            && *last == number
        {
            return Rc::clone(chunk);
        }
        let known = self.chunks.borrow().get(&number).map(Rc::clone);
        let chunk = known.unwrap_or_else(|| {
            let chunk = Rc::new(self.fetch(number));
            let mut chunks = self.chunks.borrow_mut();
            if chunks.len() >= KEPT_CHUNKS {
                chunks.clear();
            }
            chunks.insert(number, Rc::clone(&chunk));
            chunk
        });
        *self.last.borrow_mut() = Some((number, Rc::clone(&chunk)));
        chunk
    }

    fn fetch(&self, number: u64) -> Chunk {
        let start = number.wrapping_mul(CHUNK as u64);
        let mut bytes = vec![0; CHUNK].into_boxed_slice();
        if self.read_through(start, &mut bytes).is_ok() {
            let readable = u32::MAX;
            return Chunk { bytes, readable };
        }
        let mut readable = 0;
        for (page, buf) in bytes.chunks_mut(PAGE).enumerate() {
            let addr = start.wrapping_add((page * PAGE) as u64);
            if self.gone.get().is_none() && self.read_through(addr, buf).is_ok() {
                readable |= 1 << page;
            } else {
                buf.fill(0);
            }
        }
        Chunk { bytes, readable }
    }

    fn read_through(&self, addr: u64, buf: &mut [u8]) -> Result<(), Unreadable> {
        let result = self.memory.read(addr, buf);
        match result {
            Ok(()) => self
                .bytes_read
                .set(self.bytes_read.get() + buf.len() as u64),
            Err(error) if error.why != Why::Unmapped => self.gone.set(Some(error.why)),
            Err(_) => {}
        }
        result
    }
}

impl<M: Memory> Memory for Cached<M> {
    fn read(&self, addr: u64, buf: &mut [u8]) -> Result<(), Unreadable> {
        let unreadable = |why| Unreadable { addr, why };
        if buf.len() >= LARGE {
            return self.read_through(addr, buf);
        }
        let mut done = 0;
        while done < buf.len() {
            let here = addr
                .checked_add(done as u64)
                .ok_or(unreadable(Why::Unmapped))?;
            let chunk = self.chunk(here / CHUNK as u64);
            let offset = (here % CHUNK as u64) as usize;
            let take = (CHUNK - offset).min(buf.len() - done);
            let pages = offset / PAGE..=(offset + take - 1) / PAGE;
            if pages
                .into_iter()
                .any(|page| chunk.readable & (1 << page) == 0)
            {
                return Err(unreadable(self.gone.get().unwrap_or(Why::Unmapped)));
            }
            let from = chunk.bytes.get(offset..offset + take);
            let to = buf.get_mut(done..done + take);
            if let (Some(from), Some(to)) = (from, to) {
                to.copy_from_slice(from);
            }
            done += take;
        }
        Ok(())
    }
}

/// Chunk numbers are consecutive small integers: spreading their bits is enough.
#[derive(Default)]
struct ChunkHasher(u64);

impl Hasher for ChunkHasher {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.write_u64(u64::from(byte));
        }
    }

    fn write_u64(&mut self, number: u64) {
        self.0 = (self.0 ^ number)
            .wrapping_mul(0x9e37_79b9_7f4a_7c15)
            .rotate_left(29);
    }
}
