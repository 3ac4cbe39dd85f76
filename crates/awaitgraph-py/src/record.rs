//! The awaiters that a program declares by hand, where the interpreter keeps
//! no record of its own.
//!
//! To CPython 3.13 a future has no place for them, and from 3.14 the two
//! implementations of asyncio each record only their own futures; a pair of
//! one of each finds no place there either. Such edges are kept here, beside
//! the futures, by address:
//!
//! ```text
//!   waiters     future -> [waiter, waiter]        in the order in which they were added
//!   awaited     waiter -> [future]                to find the edges of one that dies
//!   guards      any of both -> weak reference     calls `forget` when it dies
//! ```
//!
//! An address is in the table only while its object lives, so no later object
//! at the same address is ever taken for it, and nothing is kept alive.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use pyo3::prelude::*;
use pyo3::types::{PyWeakrefMethods, PyWeakrefReference};

static RECORD: Mutex<Option<Record>> = Mutex::new(None);
/// Whether an edge was ever added: in most programs none is.
static IS_USED: AtomicBool = AtomicBool::new(false);

type Address = usize;

#[derive(Default)]
struct Record {
    waiters: HashMap<Address, Vec<Address>>,
    awaited: HashMap<Address, Vec<Address>>,
    guards: HashMap<Address, Py<PyWeakrefReference>>,
    /// The object that each guard, by its own address, stands for.
    guarded: HashMap<Address, Address>,
}

/// Records that `waiter` waits for `future`, until either of them dies.
pub(crate) fn add(future: &Bound<'_, PyAny>, waiter: &Bound<'_, PyAny>) -> PyResult<()> {
    // Made before the record is locked: an allocation may collect garbage,
    // which may call `forget`.
    let forget = wrap_pyfunction!(forget, future.py())?;
    let mut guards = Vec::with_capacity(2);
    for object in [future, waiter] {
        guards.push((
            address(object),
            PyWeakrefReference::new_with(object, &forget)?.unbind(),
        ));
    }
    let mut unused = Vec::new();
    let mut record = lock();
    let record_mut = record.get_or_insert_default();
    for (object, guard) in guards {
        match record_mut.guards.entry(object) {
            Entry::Occupied(_) => unused.push(guard),
            Entry::Vacant(entry) => {
                record_mut.guarded.insert(guard.as_ptr() as Address, object);
                entry.insert(guard);
            }
        }
    }
    let (future, waiter) = (address(future), address(waiter));
    let waiters = record_mut.waiters.entry(future).or_default();
    if !waiters.contains(&waiter) {
        waiters.push(waiter);
        record_mut.awaited.entry(waiter).or_default().push(future);
    }
    drop(record);
    IS_USED.store(true, Ordering::Relaxed);
    Ok(())
}

/// Takes that back.
pub(crate) fn discard(future: &Bound<'_, PyAny>, waiter: &Bound<'_, PyAny>) {
    let (future, waiter) = (address(future), address(waiter));
    let mut record = lock();
    let Some(record_mut) = record.as_mut() else {
        return;
    };
    remove(&mut record_mut.waiters, future, waiter);
    remove(&mut record_mut.awaited, waiter, future);
    let unused = [future, waiter].map(|object| record_mut.drop_guard_if_unused(object));
    drop(record);
    drop(unused);
}

/// The waiters recorded for `future`, in the order in which they were added.
#[inline]
pub(crate) fn waiters<'py>(future: &Bound<'py, PyAny>) -> Vec<Bound<'py, PyAny>> {
    if !IS_USED.load(Ordering::Relaxed) {
        return Vec::new();
    }
    let py = future.py();
    let record = lock();
    let Some(record) = record.as_ref() else {
        return Vec::new();
    };
    let waiters = record.waiters.get(&address(future)).into_iter().flatten();
    waiters
        .filter_map(|waiter| record.guards.get(waiter)?.bind(py).upgrade())
        .collect()
}

/// Called with the guard of an object that is dying.
#[pyfunction]
fn forget(guard: &Bound<'_, PyAny>) {
    let mut record = lock();
    let Some(record_mut) = record.as_mut() else {
        return;
    };
    let Some(&dead) = record_mut.guarded.get(&address(guard)) else {
        return;
    };
    let mut unused = vec![record_mut.drop_guard(dead)];
    for waiter in record_mut.waiters.remove(&dead).unwrap_or_default() {
        remove(&mut record_mut.awaited, waiter, dead);
        unused.push(record_mut.drop_guard_if_unused(waiter));
    }
    for future in record_mut.awaited.remove(&dead).unwrap_or_default() {
        remove(&mut record_mut.waiters, future, dead);
        unused.push(record_mut.drop_guard_if_unused(future));
    }
    drop(record);
    drop(unused);
}

impl Record {
    fn drop_guard_if_unused(&mut self, object: Address) -> Option<Py<PyWeakrefReference>> {
        let is_used = self.waiters.contains_key(&object) || self.awaited.contains_key(&object);
        if is_used {
            None
        } else {
            self.drop_guard(object)
        }
    }

    /// Hands the guard out, to be dropped when the record is no longer locked.
    fn drop_guard(&mut self, object: Address) -> Option<Py<PyWeakrefReference>> {
        let guard = self.guards.remove(&object)?;
        self.guarded.remove(&(guard.as_ptr() as Address));
        Some(guard)
    }
}

fn remove(map: &mut HashMap<Address, Vec<Address>>, key: Address, value: Address) {
    if let Entry::Occupied(mut entry) = map.entry(key) {
        entry.get_mut().retain(|&present| present != value);
        if entry.get().is_empty() {
            entry.remove();
        }
    }
}

fn address(object: &Bound<'_, PyAny>) -> Address {
    object.as_ptr() as Address
}

fn lock() -> MutexGuard<'static, Option<Record>> {
    RECORD.lock().unwrap_or_else(PoisonError::into_inner)
}
