//! The cache, over memories that are made up.

use std::sync::atomic::{AtomicU8, AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::sync::mpsc::{self, Sender};
use std::sync::{Arc, Mutex};

use super::*;
use crate::memory::aside::Job;

/// Every byte is the low byte of its page's number; one page is not mapped.
struct Numbered {
    hole: u64,
    reads: AtomicUsize,
}

impl Memory for Numbered {
    fn read(&self, addr: u64, buf: &mut [u8]) -> Result<(), Unreadable> {
        self.reads.fetch_add(1, Relaxed);
        let page = |at: u64| at / PAGE as u64;
        let last = addr + buf.len() as u64 - 1;
        if (page(addr)..=page(last)).contains(&self.hole) {
            return Err(Unreadable {
                addr,
                why: Why::Unmapped,
            });
        }
        for (at, byte) in (addr..).zip(buf) {
            *byte = page(at) as u8;
        }
        Ok(())
    }
}

fn cached(hole: u64) -> Cached<Numbered> {
    Cached::new(Numbered {
        hole,
        reads: AtomicUsize::new(0),
    })
}

#[test]
fn a_read_may_cross_pages_and_chunks() {
    let memory = cached(1000);
    let mut buf = [0; 2 * PAGE];
    memory.read((CHUNK - PAGE / 2) as u64, &mut buf).unwrap();
    assert_eq!((buf[0], buf[PAGE / 2], buf[2 * PAGE - 1]), (15, 16, 17));
}

#[test]
fn a_page_is_read_once() {
    let memory = cached(1000);
    for _ in 0..3 {
        memory.read(8, &mut [0; 8]).unwrap();
    }
    assert_eq!(memory.memory.reads.load(Relaxed), 1);
}

#[test]
fn what_is_expected_is_asked_for_together_and_once() {
    struct Many(AtomicUsize);
    impl Memory for Many {
        fn read(&self, addr: u64, buf: &mut [u8]) -> Result<(), Unreadable> {
            panic!("{} bytes at {addr:#x} were asked for alone", buf.len());
        }
        fn read_many(&self, pieces: &mut [Piece<'_>]) {
            self.0.fetch_add(pieces.len(), Relaxed);
            for piece in pieces {
                if piece.addr != 7 * CHUNK as u64 {
                    piece.bytes.fill((piece.addr / CHUNK as u64) as u8);
                    piece.result = Ok(());
                }
            }
        }
    }
    let mut memory = Cached::new(Many(AtomicUsize::new(0)));
    let addrs: Vec<u64> = (0..20)
        .map(|it| (1 + it % 10) * CHUNK as u64 + 8 * it)
        .collect();
    for _ in 0..2 {
        memory.expect(&addrs);
        assert_eq!(memory.memory.0.load(Relaxed), 10);
    }
    for &addr in &addrs {
        let mut byte = [0];
        match memory.read(addr, &mut byte) {
            Ok(()) => assert_eq!(u64::from(byte[0]), addr / CHUNK as u64),
            Err(error) => assert_eq!(error.addr / CHUNK as u64, 7),
        }
    }
    assert!(memory.refresh());
}

#[test]
fn a_chunk_in_use_is_read_as_a_whole() {
    let memory = cached(1000);
    for page in 0..PAGES as u64 {
        memory.read(page * PAGE as u64, &mut [0; 8]).unwrap();
    }
    // Four alone, two groups, all others.
    assert_eq!(memory.memory.reads.load(Relaxed), 7);
    assert_eq!(memory.bytes_read(), CHUNK as u64);
    // Who needed all of that needs all of the next.
    memory.read(CHUNK as u64, &mut [0]).unwrap();
    assert_eq!(memory.memory.reads.load(Relaxed), 8);
    assert_eq!(memory.bytes_read(), 2 * CHUNK as u64);
    // Not so of one in which little was used of what came.
    memory.read(2 * CHUNK as u64, &mut [0]).unwrap();
    assert_eq!(memory.bytes_read(), 2 * CHUNK as u64 + PAGE as u64);
}

#[test]
fn a_hole_hides_nothing_but_itself() {
    let memory = cached(5);
    let mut found = Vec::new();
    for page in 0..PAGES as u64 {
        let mut byte = [0];
        if memory.read(page * PAGE as u64 + 77, &mut byte).is_ok() {
            found.push(u64::from(byte[0]));
        }
    }
    let expected: Vec<u64> = (0..16).filter(|&page| page != 5).collect();
    assert_eq!(found, expected);
}

#[test]
fn fetching_has_an_end() {
    let memory = cached(0);
    memory.left.set(100);
    let why = |number: u64| {
        memory
            .read(number << 40, &mut [0])
            .map_err(|error| error.why)
    };
    assert_eq!(why(0), Err(Why::Unmapped));
    let end = (1..).find(|&number| why(number) == Err(Why::TooMuch));
    // A page and a fetch each.
    assert_eq!(end, Some(49));
    assert_eq!(why(0), Err(Why::TooMuch));
    assert_eq!(memory.lost(), None);
    memory.reopen();
    assert_eq!(why(49), Ok(()));
}

#[test]
fn a_picture_of_one_moment_tells_what_came_later() {
    struct Clock(AtomicU8);
    impl Memory for Clock {
        fn read(&self, _addr: u64, buf: &mut [u8]) -> Result<(), Unreadable> {
            buf.fill(self.0.load(Relaxed));
            Ok(())
        }
    }
    let byte = |memory: &Cached<Clock>, addr| {
        let mut byte = [0];
        memory.read(addr, &mut byte).map(|()| byte[0])
    };
    let mut memory = Cached::new(Clock(AtomicU8::new(1)));
    assert_eq!(byte(&memory, 7), Ok(1));
    memory.memory.0.store(2, Relaxed);
    assert_eq!(byte(&memory, 7), Ok(1));
    memory.refresh();
    memory.begin_anew();
    memory.memory.0.store(3, Relaxed);
    assert_eq!((byte(&memory, 7), memory.is_late()), (Ok(2), false));
    assert_eq!(
        (byte(&memory, CHUNK as u64), memory.is_late()),
        (Ok(3), true)
    );
    memory.refresh();
    memory.begin_anew();
    memory.expect(&[7, CHUNK as u64]);
    assert!(!memory.is_late());
    memory.expect(&[4 * CHUNK as u64]);
    assert!(memory.is_late());
    memory.reopen();
    assert_eq!((byte(&memory, 7), memory.is_late()), (Ok(3), true));
}

/// Every byte is the same but for one.
#[derive(Clone)]
struct Flat {
    odd: Arc<AtomicU64>,
    hole: Arc<AtomicU64>,
}
impl Memory for Flat {
    fn apart(&self) -> Option<Box<dyn Memory + Send>> {
        Some(Box::new(self.clone()))
    }

    fn read(&self, addr: u64, buf: &mut [u8]) -> Result<(), Unreadable> {
        let range = addr..addr + buf.len() as u64;
        if range.contains(&self.hole.load(Relaxed)) {
            let why = Why::Unmapped;
            return Err(Unreadable { addr, why });
        }
        buf.fill(7);
        if range.contains(&self.odd.load(Relaxed)) {
            buf[(self.odd.load(Relaxed) - addr) as usize] = 8;
        }
        Ok(())
    }
}

fn flat() -> Cached<Flat> {
    let nowhere = || Arc::new(AtomicU64::new(1 << 40));
    Cached::new(Flat {
        odd: nowhere(),
        hole: nowhere(),
    })
}

/// That a change of this page is seen, that it goes, and that it comes back.
fn changes_are_seen(memory: &mut Cached<Flat>, page: u64) {
    let odd = page * PAGE as u64 + 99;
    memory.memory.odd.store(odd, Relaxed);
    assert!(!memory.refresh(), "page {page}");
    let mut byte = [0];
    memory.read(odd, &mut byte).unwrap();
    assert_eq!(byte, [8]);
    assert!(memory.refresh());
    memory.memory.hole.store(odd, Relaxed);
    assert!(!memory.refresh(), "page {page}");
    assert!(memory.read(odd, &mut byte).is_err());
    memory.memory.hole.store(1 << 40, Relaxed);
    assert!(!memory.refresh(), "page {page}");
    assert!(memory.refresh());
}

#[test]
fn a_refresh_tells_whether_anything_that_was_read_has_changed() {
    let mut memory = flat();
    // More than is held against what is here at a time, some of it alone.
    for page in (0..200).chain([300, 400, 500]) {
        memory.read(page * PAGE as u64 + 99, &mut [0]).unwrap();
    }
    assert!(memory.refresh());
    for page in [0, 77, 199, 400] {
        changes_are_seen(&mut memory, page);
    }
    // Nothing of this page was asked for.
    memory.memory.odd.store(333 * PAGE as u64, Relaxed);
    memory.refresh();
    assert!(memory.refresh());
}

#[test]
fn what_lies_in_several_parts_is_looked_at_as_a_whole() {
    let mut memory = flat();
    let pages = 3 * ROOM as u64 + 7;
    for page in 0..pages {
        memory.read(page * PAGE as u64 + 99, &mut [0]).unwrap();
    }
    let before = memory.bytes_read();
    assert!(memory.refresh());
    assert_eq!(memory.bytes_read() - before, before);
    for page in [0, ROOM as u64, 2 * ROOM as u64 + 77, pages - 1] {
        changes_are_seen(&mut memory, page);
    }
}

/// A thread that does what it is given, or none that loses all of it.
struct Thread(Option<Sender<Job>>);
impl Aside for Thread {
    fn run(&self, job: Job) {
        if let Some(jobs) = &self.0 {
            jobs.send(job).unwrap();
        }
    }
}

#[test]
fn a_thread_aside_looks_at_some_of_it() {
    let (jobs, received) = mpsc::channel::<Job>();
    let thread = std::thread::spawn(move || received.iter().map(|job| job()).count());
    for (aside, jobs) in [(true, Some(jobs)), (false, None)] {
        let mut memory = flat();
        memory.set_aside(Box::new(Thread(jobs)));
        let pages = 5 * ROOM as u64 + 7;
        for page in 0..pages {
            memory.read(page * PAGE as u64 + 99, &mut [0]).unwrap();
        }
        for page in (0..5).map(|part| part * ROOM as u64 + 8 * part) {
            changes_are_seen(&mut memory, page);
        }
        memory.memory.odd.store(77 * PAGE as u64 + 99, Relaxed);
        assert!(!memory.compare());
        memory.read(77 * PAGE as u64 + 99, &mut [0]).unwrap();
        assert_eq!(memory.torn(), 1, "{aside}");
    }
    assert!(thread.join().unwrap() > 10);
}

#[test]
fn what_nobody_used_is_read_again_only_if_something_has_changed() {
    let mut memory = flat();
    // Five pages that were asked for bring three neighbours of the last.
    for page in 0..5 {
        memory.read(page * PAGE as u64, &mut [0]).unwrap();
    }
    let nobody = 7 * PAGE as u64;
    let before = memory.bytes_read();
    assert_eq!(before, 8 * PAGE as u64);
    let second = memory.second_look();
    memory.memory.odd.store(nobody, Relaxed);
    assert!(memory.refresh_if_changed(second));
    assert_eq!(memory.bytes_read() - before, 5 * PAGE as u64);
    memory.memory.odd.store(0, Relaxed);
    memory.refresh_if_changed(memory.second_look());
    memory.memory.odd.store(nobody, Relaxed);
    let second = memory.second_look();
    assert!(!memory.refresh_if_changed(second));
    // Only what is used from then on counts.
    memory.begin_anew();
    let mut byte = [0];
    memory.read(nobody, &mut byte).unwrap();
    assert_eq!((byte, memory.is_late()), ([8], false));
    memory.memory.odd.store(1, Relaxed);
    assert!(!memory.refresh_if_changed(memory.second_look()));
    memory.begin_anew();
    memory.read(PAGE as u64, &mut byte).unwrap();
    memory.memory.odd.store(nobody, Relaxed);
    assert!(memory.refresh_if_changed(memory.second_look()));
}

#[test]
fn what_lasts_is_not_looked_at_again() {
    let mut memory = flat();
    let addr = 7 * PAGE as u64 + 64;
    assert_eq!(memory.lasting_word(addr), Ok(0x0707_0707_0707_0707));
    memory.memory.odd.store(addr, Relaxed);
    assert!(memory.refresh_if_changed(memory.second_look()));
    // Of a page of which something was seen to change it is not taken for granted.
    memory.memory.odd.store(addr + 1, Relaxed);
    memory.compare();
    assert_eq!(memory.torn(), 0);
    assert!(memory.lasting_word(addr).is_ok());
    assert_eq!(memory.torn(), 1);
}

#[test]
fn many_words_are_read_as_one_is() {
    let memory = cached(77);
    // One behind the other, back and forth, on the page that is not mapped, and not
    // at a multiple of eight; 0 is none, wherever that would lead to.
    let pages = [3, 3, 4, 90, 77, 3, 400, 77, 4];
    let mut addrs: Vec<u64> = pages.iter().map(|page| page * PAGE as u64 + 64).collect();
    addrs.extend([0, 3 * PAGE as u64 + 1, 0x1234_5678_9ab0]);
    let word = |page: u64| u64::from_le_bytes([page as u8; 8]);
    let mut expected: Vec<_> = (pages.iter())
        .map(|&page| (page != 77).then(|| word(page)))
        .collect();
    expected.extend([None, None, Some(word(0x1_2345_6789))]);
    for offset in [24, 24_u64.wrapping_neg()] {
        assert_eq!(memory.words(&addrs, &[offset]), expected);
    }
    let far = 5 * PAGE as u64;
    let words = memory.words(&[8, 0, 16], &[far, 0, 8, 2 * far]);
    let row = [Some(word(5)), None, None, Some(word(10))];
    assert_eq!(words, [row, [None; 4], row].concat());
}

#[test]
fn words_that_have_changed_are_left_out_and_not_counted() {
    let mut memory = flat();
    let addr = 7 * PAGE as u64 + 64;
    let addrs = [addr, addr + 64, 9 * PAGE as u64];
    let all = [Some(0x0707_0707_0707_0707); 3];
    assert_eq!(memory.words(&addrs, &[0]), all);
    memory.memory.odd.store(addr + 65, Relaxed);
    assert!(!memory.compare());
    assert_eq!(memory.words(&addrs, &[0]), [all[0], None, all[2]]);
    assert_eq!(memory.torn(), 0);
    assert!(memory.word(addr + 64).is_ok());
    assert_eq!(memory.torn(), 1);
}

#[test]
fn what_is_not_kept_is_not_the_same() {
    let mut memory = cached(1 << 40);
    memory.read(0, &mut [0; 8]).unwrap();
    assert!(memory.refresh());
    memory.read(0, &mut vec![0; LARGE]).unwrap();
    assert!(!memory.refresh());
    memory.reopen();
    assert!(memory.refresh());
}

#[test]
fn a_refresh_finds_the_same_holes() {
    let mut memory = cached(5);
    for page in 0..PAGES as u64 {
        let _ = memory.read(page * PAGE as u64, &mut [0]);
    }
    memory.refresh();
    memory.begin_anew();
    let readable = |page: u64| memory.read(page * PAGE as u64, &mut [0]).is_ok();
    assert!((0..16).all(|page| readable(page) == (page != 5)));
    assert!(!memory.is_late());
}

/// Threads aside that do what they are given when they are told to, or at once.
#[derive(Clone, Default)]
struct Later(Arc<Mutex<Vec<Job>>>);

impl Aside for Later {
    fn run(&self, job: Job) {
        self.0.lock().unwrap().push(job);
    }
}

impl Later {
    /// Has another thread do all that there is.
    fn work(&self) {
        let jobs = std::mem::take(&mut *self.0.lock().unwrap());
        std::thread::spawn(|| jobs.into_iter().for_each(|job| job()))
            .join()
            .unwrap();
    }
}

fn aside() -> (Cached<Flat>, Later) {
    let (mut memory, later) = (flat(), Later::default());
    memory.set_aside(Box::new(later.clone()));
    memory.begin_ahead();
    // So much is here that as much again may be copied ahead.
    for page in 0..200 {
        memory.read(page * PAGE as u64, &mut [0]).unwrap();
    }
    (memory, later)
}

/// Has the pages of these numbers copied ahead.
fn look_at(memory: &Cached<Flat>, numbers: std::ops::Range<u64>) {
    let addrs: Vec<u64> = numbers.map(|number| number * PAGE as u64).collect();
    memory.look_ahead(Box::new(move |memory| memory.expect(&addrs)));
}

#[test]
fn what_is_copied_ahead_is_not_copied_again() {
    let (mut memory, later) = aside();
    let before = memory.bytes_read();
    look_at(&memory, 100..300);
    look_at(&memory, 250..330);
    later.work();
    assert_eq!(memory.bytes_read(), before);
    memory.take_over();
    // Some of it was here before.
    let all = 330 * PAGE as u64;
    assert_eq!(memory.bytes_read(), all);
    for page in 0..330 {
        memory.read(page * PAGE as u64 + 99, &mut [0]).unwrap();
    }
    assert_eq!(memory.bytes_read(), all);
    for page in [77, 201, 329] {
        changes_are_seen(&mut memory, page);
    }
}

#[test]
fn what_is_here_stays_where_it_is() {
    let (mut memory, later) = aside();
    let used = 50 * PAGE as u64;
    memory.look_ahead(Box::new(move |memory| {
        memory.read(used, &mut [0]).unwrap();
        memory.expect(&[400 * PAGE as u64]);
    }));
    later.work();
    memory.take_over();
    assert!(memory.is_late());
    memory.memory.odd.store(used, Relaxed);
    assert!(!memory.refresh());
}

#[test]
fn what_is_not_begun_in_time_is_left() {
    let (memory, later) = aside();
    let before = memory.bytes_read();
    look_at(&memory, 400..410);
    memory.take_over();
    later.work();
    memory.take_over();
    assert_eq!(memory.bytes_read(), before);
    memory.read(400 * PAGE as u64, &mut [0]).unwrap();
    assert!(memory.bytes_read() > before);
}

#[test]
fn of_another_moment_nothing_is_taken_over() {
    let (mut memory, later) = aside();
    look_at(&memory, 400..410);
    later.work();
    memory.refresh();
    let before = memory.bytes_read();
    memory.take_over();
    // Nor is anything looked at ahead when all of it is read once more.
    look_at(&memory, 420..430);
    later.work();
    memory.take_over();
    assert_eq!((memory.bytes_read(), memory.is_late()), (before, true));
    memory.begin_anew();
    memory.take_over();
    assert!(!memory.is_late());
}

#[test]
fn not_much_more_is_copied_ahead_than_is_here() {
    let (memory, later) = aside();
    let before = memory.bytes_read();
    for begin in (1000..9000).step_by(500) {
        look_at(&memory, begin..begin + 500);
    }
    later.work();
    memory.take_over();
    let ahead = memory.bytes_read() - before;
    assert!((2 * before..=4 * before).contains(&ahead), "{ahead} bytes");
}

#[test]
fn nothing_more_is_looked_at_where_that_is_not_worth_it() {
    let (memory, later) = aside();
    look_at(&memory, 400..500);
    later.work();
    look_at(&memory, 500..502);
    assert!(memory.looks_ahead());
    later.work();
    look_at(&memory, 400..500);
    look_at(&memory, 400..500);
    later.work();
    assert!(memory.looks_ahead());
    for _ in 0..4 {
        look_at(&memory, 450..500);
    }
    later.work();
    assert!(!memory.looks_ahead());
    look_at(&memory, 600..700);
    later.work();
    memory.take_over();
    let before = memory.bytes_read();
    memory.read(600 * PAGE as u64, &mut [0]).unwrap();
    assert!(memory.bytes_read() > before);
}

#[test]
fn what_cannot_be_read_ahead_hides_nothing() {
    let (memory, later) = aside();
    memory.memory.hole.store(403 * PAGE as u64 + 5, Relaxed);
    look_at(&memory, 400..410);
    later.work();
    memory.take_over();
    let is_there = |page: u64| memory.read(page * PAGE as u64, &mut [0]).is_ok();
    assert!((400..410).all(|page| is_there(page) == (page != 403)));
}
