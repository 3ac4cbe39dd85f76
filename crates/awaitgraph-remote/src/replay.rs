//! The memory of a real process, kept, and played back with changes: for the
//! tests in `hostile/`, and for a fuzzer, which comes in by [`Door`].

#[cfg(fuzzing)]
mod door;
pub(crate) mod random;

use std::cell::RefCell;
use std::collections::hash_map::Entry;

use crate::at_hand::Python;
use crate::map::{HashMap, HashSet};
use crate::memory::{Live, Memory, Unreadable, Why};
use crate::process::{Ids, Runtime, find_runtime};
use random::{Random, mix};

#[cfg(fuzzing)]
pub use door::Door;

const PAGE: u64 = 4096;

type Page = Box<[u8; PAGE as usize]>;

/// Memory that keeps each page that is read, and which words were.
pub(crate) struct Recorder<M> {
    memory: M,
    recording: RefCell<Recording>,
}

/// What was read of a process.
#[derive(Default)]
pub(crate) struct Recording {
    pages: HashMap<u64, Page>,
    /// The addresses of all words that were asked for, in that order.
    words: Vec<u64>,
    seen: HashSet<u64>,
}

impl<M> Recorder<M> {
    pub(crate) fn new(memory: M) -> Self {
        Self {
            memory,
            recording: RefCell::default(),
        }
    }

    pub(crate) fn into_recording(self) -> Recording {
        self.recording.into_inner()
    }
}

impl<M: Memory> Memory for Recorder<M> {
    fn read(&self, addr: u64, buf: &mut [u8]) -> Result<(), Unreadable> {
        let mut recording = self.recording.borrow_mut();
        for number in pages(addr, buf.len()) {
            if let Entry::Vacant(place) = recording.pages.entry(number) {
                let mut page = Box::new([0; PAGE as usize]);
                self.memory.read(number.wrapping_mul(PAGE), &mut page[..])?;
                place.insert(page);
            }
        }
        for word in (addr & !7..addr + buf.len() as u64).step_by(8) {
            if recording.seen.insert(word) {
                recording.words.push(word);
            }
        }
        fill(addr, buf, |number| recording.pages.get(&number))
    }
}

/// A recording that is played back, changed or not.
pub(crate) struct Playback<'r> {
    recording: &'r Recording,
    numbers: Vec<u64>,
    changed: HashMap<u64, Page>,
    elsewhere: Elsewhere,
}

/// What is where nothing was recorded.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Elsewhere {
    /// Nothing.
    Unmapped,
    /// The recorded pages again, in some order: all memory there is.
    Again(u64),
}

impl Recording {
    /// Of the scene, as it is read by `with`.
    pub(crate) fn of_scene(
        python: &Python,
        with: impl FnOnce(&dyn Memory, &Runtime),
    ) -> (Self, Runtime) {
        let target = python.start(include_str!("replay/scene.py"));
        let runtime = find_runtime(&Ids::of(target.pid())).expect("a runtime");
        let recorder = Recorder::new(Live::new(target.pid()));
        with(&recorder, &runtime);
        (recorder.into_recording(), runtime)
    }

    /// The recording as it is.
    pub(crate) fn play(&self, elsewhere: Elsewhere) -> Playback<'_> {
        let mut numbers: Vec<u64> = self.pages.keys().copied().collect();
        numbers.sort_unstable();
        Playback {
            recording: self,
            numbers,
            changed: HashMap::default(),
            elsewhere,
        }
    }

    fn word(&self, addr: u64) -> u64 {
        let mut word = [0; 8];
        let read = fill(addr, &mut word, |number| self.pages.get(&number));
        read.map_or(0, |()| u64::from_le_bytes(word))
    }
}

impl Playback<'_> {
    /// Changes `count` words, each in one of many ways; only such as were read
    /// late, if luck will have it, so that the reading gets that far.
    pub(crate) fn change(&mut self, random: &mut Random, count: usize) {
        let first = random.below(self.recording.words.len());
        let words = &self.recording.words[first..];
        for _ in 0..count {
            let addr = *random.one_of(words);
            let old = self.recording.word(addr);
            let new = match random.below(12) {
                0..=1 => old ^ 1 << random.below(64),
                2 => old ^ 1 << random.below(8),
                // A pointer to something else that is there.
                3..=5 => self.recording.word(*random.one_of(words)),
                6 => addr,
                7 => random.next() >> random.below(64),
                8 => 1 << random.below(64),
                9 => old.wrapping_add(random.next() % 33).wrapping_sub(16),
                10 => u64::MAX,
                _ => {
                    self.page(addr / PAGE).fill(0);
                    continue;
                }
            };
            self.set(addr, new);
        }
    }

    /// Changes the recorded word of this number, counted from the first that
    /// was read, in a way that `how` tells.
    #[cfg(fuzzing)]
    pub(crate) fn change_one(&mut self, number: usize, how: u8, value: u64) {
        let words = &self.recording.words;
        let addr = words[number % words.len()];
        let old = self.recording.word(addr);
        let new = match how % 6 {
            0 => value,
            1 => old ^ value,
            2 => old.wrapping_add(value),
            3 => old ^ 1 << (value % 64),
            4 => self.recording.word(words[value as usize % words.len()]),
            _ => words[value as usize % words.len()],
        };
        self.set(addr, new);
    }

    fn set(&mut self, addr: u64, word: u64) {
        for (at, byte) in (addr..).zip(word.to_le_bytes()) {
            self.page(at / PAGE)[(at % PAGE) as usize] = byte;
        }
    }

    fn page(&mut self, number: u64) -> &mut Page {
        let recorded = self.recording.pages.get(&number).cloned();
        self.changed
            .entry(number)
            .or_insert_with(|| recorded.unwrap_or_else(|| Box::new([0; PAGE as usize])))
    }

    fn find(&self, number: u64) -> Option<&Page> {
        let pages = &self.recording.pages;
        let known = self.changed.get(&number).or_else(|| pages.get(&number));
        match self.elsewhere {
            Elsewhere::Unmapped => known,
            Elsewhere::Again(seed) => known.or_else(|| {
                let place = mix(seed ^ number) % self.numbers.len() as u64;
                let number = self.numbers.get(place as usize)?;
                self.changed.get(number).or_else(|| pages.get(number))
            }),
        }
    }
}

impl Memory for Playback<'_> {
    fn read(&self, addr: u64, buf: &mut [u8]) -> Result<(), Unreadable> {
        fill(addr, buf, |number| self.find(number))
    }
}

/// The pages that some bytes lie in.
fn pages(addr: u64, length: usize) -> impl Iterator<Item = u64> {
    let last = addr.saturating_add(length.saturating_sub(1) as u64);
    addr / PAGE..=last / PAGE
}

fn fill<'p>(
    addr: u64,
    buf: &mut [u8],
    page: impl Fn(u64) -> Option<&'p Page>,
) -> Result<(), Unreadable> {
    let unmapped = Unreadable {
        addr,
        why: Why::Unmapped,
    };
    let mut done = 0;
    for number in pages(addr, buf.len()) {
        let page = page(number).ok_or(unmapped)?;
        let skip = (addr.wrapping_add(done as u64) % PAGE) as usize;
        let take = (PAGE as usize - skip).min(buf.len() - done);
        buf[done..done + take].copy_from_slice(&page[skip..skip + take]);
        done += take;
    }
    // Else the address space ended before the bytes did.
    if done == buf.len() {
        Ok(())
    } else {
        Err(unmapped)
    }
}
