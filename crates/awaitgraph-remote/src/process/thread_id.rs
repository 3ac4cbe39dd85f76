//! The kernel's id of a thread that cannot be asked for its registers.
//!
//! To 3.10 CPython keeps only the `pthread_t` of a thread, which is the address
//! of the C library's own record of it; that has the kernel's id. Where in it
//! is the C library's secret, so the place is believed only if what stands
//! there is the id of one of the process's threads.

use super::OwnIds;
use super::status::{self, Ids};
use crate::memory::Memory;

/// Where glibc (720) and musl (48, 56) keep the id on 64-bit machines.
const PLACES: [u64; 3] = [720, 48, 56];

/// The id of the thread whose `pthread_t` is `pthread`, of the process with these ids.
pub(crate) fn thread_in(memory: &dyn Memory, ids: &Ids, pthread: u64) -> Option<u32> {
    let threads = status::threads(ids.process).ok()?;
    let ids = OwnIds::of(ids);
    PLACES.iter().find_map(|&place| {
        let mut id = [0; 4];
        memory.read(pthread.checked_add(place)?, &mut id).ok()?;
        let ours = ids.thread(u32::from_le_bytes(id));
        ours.filter(|id| threads.contains(id))
    })
}
