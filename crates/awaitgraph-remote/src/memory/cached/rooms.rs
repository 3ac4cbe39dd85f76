//! The memory that pages are copied into.
//!
//! It is asked of the system in regions of large pages, and given away as it is
//! needed. The kernel clears memory when it is first touched, which takes as long
//! as filling it: from the second region on a thread aside, if there is one, does
//! that ahead.

use std::alloc::{Layout, handle_alloc_error};

use super::part::{MOST_PAGES, PAGE};
use crate::memory::aside::{Aside, Errand};
use crate::sys::Region;

/// The bytes of a region: two large pages, and at first one.
const WHOLE: usize = MOST_PAGES * PAGE;
const FIRST: usize = WHOLE / 2;

/// What is left of the regions that there have been.
#[derive(Default)]
pub(super) struct Rooms {
    rest: Option<Region>,
    aside: Option<Box<dyn Aside>>,
    /// The next one, which is being touched.
    next: Option<Errand<Option<Region>>>,
}

impl Rooms {
    /// Has the thread aside get regions ready.
    pub(super) fn set_aside(&mut self, aside: Box<dyn Aside>) {
        self.aside = Some(aside);
    }

    /// The thread aside, if there is one.
    pub(super) fn aside(&self) -> Option<&dyn Aside> {
        self.aside.as_deref()
    }

    /// So many bytes, at most as many as the first region has.
    pub(super) fn give(&mut self, bytes: usize) -> Region {
        let rest = match self.rest.take() {
            Some(rest) if rest.len() >= bytes => rest,
            // Where a second one is needed, there will be many: one is always ahead.
            Some(_) => {
                let region = self.prepared().unwrap_or_else(|| fresh(WHOLE));
                self.prepare();
                region
            }
            None => fresh(FIRST),
        };
        self.rest.insert(rest).take(bytes)
    }

    /// What is left, for another to give away.
    pub(super) fn take_rest(&mut self) -> Option<Region> {
        self.rest.take()
    }

    /// Gives away what another has left.
    pub(super) fn put_rest(&mut self, rest: Option<Region>) {
        self.rest = rest;
    }

    fn prepare(&mut self) {
        if let (Some(aside), None) = (&self.aside, &self.next) {
            let (next, job) = Errand::new(|| touched(WHOLE));
            aside.run(job);
            self.next = Some(next);
        }
    }

    /// The region that was to be got ready, unless nobody has begun with that.
    fn prepared(&mut self) -> Option<Region> {
        self.next.take()?.result_if_begun()?
    }
}

fn fresh(bytes: usize) -> Region {
    Region::new(bytes)
        .unwrap_or_else(|_| handle_alloc_error(Layout::new::<[[u8; PAGE]; MOST_PAGES]>()))
}

/// So many bytes, each page of which has been touched.
fn touched(bytes: usize) -> Option<Region> {
    let mut region = Region::new(bytes).ok()?;
    for page in region.chunks_mut(PAGE) {
        if let Some(byte) = page.first_mut() {
            *byte = 0;
        }
    }
    Some(region)
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;
    use std::rc::Rc;

    use super::*;
    use crate::memory::aside::Job;

    /// Does nothing before it is told to.
    #[derive(Clone, Default)]
    struct Later(Rc<RefCell<Vec<Job>>>);

    impl Aside for Later {
        fn run(&self, job: Job) {
            self.0.borrow_mut().push(job);
        }
    }

    #[test]
    fn a_region_that_is_not_ready_is_not_waited_for() {
        let later = Later::default();
        let mut rooms = Rooms::default();
        rooms.set_aside(Box::new(later.clone()));
        let rest = |rooms: &Rooms| rooms.rest.as_ref().map(|rest| rest.len());
        // Many targets need no more than one.
        assert_eq!(rooms.give(FIRST - PAGE).len(), FIRST - PAGE);
        assert_eq!((rest(&rooms), later.0.borrow().len()), (Some(PAGE), 0));
        rooms.give(FIRST);
        assert_eq!(rest(&rooms), Some(WHOLE - FIRST));
        // Nobody has begun with the third one, and nobody will.
        rooms.give(FIRST);
        rooms.give(FIRST);
        assert_eq!(rest(&rooms), Some(WHOLE - FIRST));
        assert_eq!(later.0.borrow().len(), 2);
        for job in later.0.take() {
            job();
        }
        // The fourth was ready, and a fifth is on its way.
        rooms.give(FIRST);
        rooms.give(PAGE);
        assert_eq!(rest(&rooms), Some(WHOLE - PAGE));
        assert_eq!(later.0.borrow().len(), 1);
    }
}
