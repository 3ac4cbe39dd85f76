//! Pages that a thread aside copies ahead.
//!
//! What one of the last looks at the target will need can often be told long
//! before, as the objects that tasks wait for lie behind their frames. While the
//! rest is read, a thread aside goes there with a cache of its own, which is taken
//! over in one piece when it is needed; what has not been begun by then is left.
//!
//! ```text
//!   here    tasks ── frames ── awaiters ──────────┐ take over ── what they wait for
//!   aside          └ look ┘└ look ┘└ look ┘ ──────┘
//! ```

use std::cell::{Cell, RefCell};
use std::mem;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::pages::Pages;
use super::part::PAGE;
use super::{Cached, KEPT_CHUNKS};
use crate::memory::aside::Errand;
use crate::memory::{Look, Memory, Piece, Unreadable};
use crate::sys::Region;

/// So many times as much as is here may be copied ahead; half of that where it lies
/// scattered.
const SHARE: u64 = 4;
/// How many pages a look has to bring to be worth what it takes.
const LEAST: u64 = 16;

/// What is looked at ahead.
#[derive(Default)]
pub(super) struct Ahead {
    copied: Arc<Mutex<Copied>>,
    /// Which pages somebody has copied, once something has been looked at.
    known: RefCell<Option<Arc<Known>>>,
    looks: RefCell<Vec<Errand<()>>>,
    /// Whether anything is to be looked at.
    is_wanted: Cell<bool>,
    /// Whether this is the thread that looks ahead.
    is_aside: bool,
}

impl Ahead {
    /// Has things looked at from now on.
    pub(super) fn begin(&self) {
        self.is_wanted.set(true);
    }

    /// Whether that is so, and those that have been done were worth it.
    pub(super) fn is_wanted(&self) -> bool {
        let known = self.known.borrow();
        self.is_wanted.get() && known.as_ref().is_none_or(|known| known.is_worth_it())
    }

    /// Notes that these pages are copied.
    pub(super) fn note(&self, numbers: &[u64]) {
        if let Some(known) = &*self.known.borrow() {
            known.add(numbers);
        }
    }

    /// Leaves those that nobody has copied, where that is to be done ahead.
    pub(super) fn retain_unknown(&self, numbers: &mut Vec<u64>) {
        if let (Some(known), true) = (&*self.known.borrow(), self.is_aside) {
            numbers.retain(|&number| !known.has(number));
        }
    }

    /// Forgets what was copied, and has nothing more looked at.
    pub(super) fn forget(&self) {
        self.is_wanted.set(false);
        self.end_looks();
        mem::take(&mut *lock(&self.copied));
        self.known.take();
    }

    /// Has no look begun from now on. One that is on its way is waited for.
    fn end_looks(&self) {
        // From the last on, as they are begun from the first on.
        for look in self.looks.take().into_iter().rev() {
            let _ = look.result_if_begun();
        }
    }
}

/// What was copied.
#[derive(Default)]
struct Copied {
    pages: Pages,
    /// Room for more.
    rest: Option<Region>,
    bytes_read: u64,
}

fn lock(copied: &Mutex<Copied>) -> MutexGuard<'_, Copied> {
    copied.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Pages, as far as can be told from few bits: some that are not among them seem to
/// be.
pub(super) struct Known {
    bits: Box<[AtomicU64]>,
    /// How many looks have been done, and how many pages they have brought.
    looks: AtomicU64,
    brought: AtomicU64,
}

/// How many bits: a page takes one.
const BITS: u64 = 1 << 20;

impl Known {
    fn new() -> Self {
        let words = (0..BITS / 64).map(|_| AtomicU64::new(0));
        Self {
            bits: words.collect(),
            looks: AtomicU64::new(0),
            brought: AtomicU64::new(0),
        }
    }

    /// Adds a look that has brought so many bytes.
    fn add_look(&self, bytes: u64) {
        self.brought.fetch_add(bytes / PAGE as u64, Relaxed);
        self.looks.fetch_add(1, Relaxed);
    }

    fn is_worth_it(&self) -> bool {
        self.brought.load(Relaxed) >= LEAST * self.looks.load(Relaxed)
    }

    fn word(&self, number: u64) -> Option<(&AtomicU64, u64)> {
        // Far apart as heaps lie, their pages do not meet all at the same bits.
        let place = (number ^ number >> 20) % BITS;
        let word = self.bits.get((place / 64) as usize)?;
        Some((word, 1 << (place % 64)))
    }

    /// Adds pages.
    pub(super) fn add(&self, numbers: &[u64]) {
        for &number in numbers {
            if let Some((word, bit)) = self.word(number) {
                word.fetch_or(bit, Relaxed);
            }
        }
    }

    /// Whether the page of this number seems to be among them.
    pub(super) fn has(&self, number: u64) -> bool {
        let word = self.word(number);
        word.is_some_and(|(word, bit)| word.load(Relaxed) & bit != 0)
    }
}

/// The target's memory, for a thread aside.
struct Apart(Box<dyn Memory + Send>);

impl Memory for Apart {
    fn read(&self, addr: u64, buf: &mut [u8]) -> Result<(), Unreadable> {
        self.0.read(addr, buf)
    }

    fn read_many(&self, pieces: &mut [Piece<'_>]) {
        self.0.read_many(pieces);
    }
}

impl<M: Memory> Cached<M> {
    /// Has `look` done by the thread aside, if there is one, with a memory of its own.
    pub(super) fn look_aside(&self, look: Look) {
        if !self.ahead.is_wanted() {
            return;
        }
        let rooms = self.rooms.borrow();
        let (Some(aside), Some(memory)) = (rooms.aside(), self.memory.apart()) else {
            return;
        };
        let known = Arc::clone(self.ahead.known.borrow_mut().get_or_insert_with(|| {
            let known = Known::new();
            known.add(&self.kept.borrow().numbers());
            Arc::new(known)
        }));
        let copied = Arc::clone(&self.ahead.copied);
        let most = SHARE * self.bytes_read.get();
        let (errand, job) = Errand::new(move || {
            let mut copied = lock(&copied);
            let Copied {
                pages,
                rest,
                bytes_read,
            } = mem::take(&mut *copied);
            let mut own = Cached::new(Apart(memory));
            own.kept.replace(pages);
            own.rooms.get_mut().put_rest(rest);
            own.ahead.known.replace(Some(Arc::clone(&known)));
            own.ahead.is_aside = true;
            own.left.set(most.saturating_sub(bytes_read) / PAGE as u64);
            look(&own);
            known.add_look(own.bytes_read.get());
            *copied = Copied {
                bytes_read: bytes_read + own.bytes_read.get(),
                pages: own.kept.into_inner(),
                rest: own.rooms.get_mut().take_rest(),
            };
        });
        aside.run(job);
        self.ahead.looks.borrow_mut().push(errand);
    }

    /// Takes over what was copied ahead.
    pub(super) fn take_over_pages(&self) {
        self.ahead.end_looks();
        let copied = mem::take(&mut *lock(&self.ahead.copied));
        let mut kept = self.kept.borrow_mut();
        if copied.bytes_read == 0 || kept.chunks() + copied.pages.chunks() > KEPT_CHUNKS {
            return;
        }
        self.bytes_read
            .set(self.bytes_read.get() + copied.bytes_read);
        let cost = 2 * copied.bytes_read / PAGE as u64;
        self.left.set(self.left.get().saturating_sub(cost));
        self.late.set(true);
        kept.take_over(copied.pages);
    }
}
