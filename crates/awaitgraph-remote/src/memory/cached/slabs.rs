//! The memory that pages are kept in, asked of the system in large pieces.
//!
//! The kernel clears memory when it is first touched, which takes as long as
//! filling it. So that is done by a thread, ahead of whoever needs it, once it
//! is clear that there will be more.

use std::alloc::{Layout, handle_alloc_error};
use std::sync::mpsc::{self, Receiver, SyncSender};
use std::thread;

use memmap2::{Advice, MmapMut};

use super::pages::PAGE;

/// The pages of a slab.
pub(super) const SLAB: usize = 1024;
/// With so many pages in use, there will be more than a slab.
const MANY: usize = SLAB / 4 * 3;

/// Slabs, in the order in which they were needed.
#[derive(Debug, Default)]
pub(super) struct Slabs {
    slabs: Vec<MmapMut>,
    /// Where those come from that have been touched; none where there is no
    /// thread for it.
    ready: Option<Receiver<MmapMut>>,
    is_supplied: bool,
}

impl Slabs {
    /// How many they are.
    pub(super) fn len(&self) -> usize {
        self.slabs.len()
    }

    /// Adds one.
    pub(super) fn add(&mut self) {
        let ready = self.ready.as_ref().and_then(|ready| ready.recv().ok());
        self.slabs.push(ready.unwrap_or_else(fresh));
    }

    /// Has others got ready, once so many pages are in use that they will be needed.
    #[inline]
    pub(super) fn foresee(&mut self, used: usize) {
        if used >= MANY && !self.is_supplied {
            self.supply();
        }
    }

    #[cold]
    fn supply(&mut self) {
        self.is_supplied = true;
        // Each is got ready before somebody is there to take it.
        let (give, ready) = mpsc::sync_channel(0);
        let supplier = thread::Builder::new().name("supplier".to_owned());
        if supplier.spawn(move || supply(&give)).is_ok() {
            self.ready = Some(ready);
        }
    }

    /// The bytes of each.
    pub(super) fn iter_mut(&mut self) -> impl Iterator<Item = &mut [u8]> {
        self.slabs.iter_mut().map(|slab| &mut **slab)
    }

    #[inline]
    pub(super) fn get(&self, number: usize) -> Option<&[u8]> {
        self.slabs.get(number).map(|slab| &**slab)
    }

    pub(super) fn get_mut(&mut self, number: usize) -> Option<&mut [u8]> {
        self.slabs.get_mut(number).map(|slab| &mut **slab)
    }
}

/// Gets slabs ready until nobody takes them any more.
fn supply(give: &SyncSender<MmapMut>) {
    while give.send(touched(fresh())).is_ok() {}
}

/// Room for the pages of a slab.
fn fresh() -> MmapMut {
    let Ok(slab) = MmapMut::map_anon(SLAB * PAGE) else {
        handle_alloc_error(Layout::new::<[[u8; PAGE]; SLAB]>());
    };
    // Where the system has no large pages, small ones do.
    let _ = slab.advise(Advice::HugePage);
    slab
}

/// The same, after all of it has been touched.
fn touched(mut slab: MmapMut) -> MmapMut {
    for page in slab.chunks_mut(PAGE) {
        if let Some(byte) = page.first_mut() {
            *byte = 0;
        }
    }
    slab
}
