//! The hash of a str, as the target has it.
//!
//! A dict has a key at the place that its hash gives, and each process hashes
//! with a key of its own (`Python/pyhash.c`). With that, a module is found among
//! hundreds, and a name in a module, without a look at all the others.

use siphasher::sip::{SipHasher13, SipHasher24};

use super::{Fault, Kind, Objects};
use crate::layout::HashAlgorithm;

/// The longest str by which the hash is tried.
const LONGEST: u64 = 64;
/// What a str has for a hash that nobody asked for yet.
const NOT_HASHED: u64 = u64::MAX;

/// What is known of how the target hashes.
#[derive(Debug, Clone, Copy, Default)]
pub(super) enum Hashing {
    #[default]
    NotAsked,
    /// With this key, most likely.
    Assumed([u64; 2]),
    /// With this key: some str has the hash that it gives.
    Certain([u64; 2]),
    /// In a way that is not known.
    Unknown,
}

impl Objects<'_> {
    /// The hash of `text`, if it can be told.
    pub(crate) fn str_hash(&self, text: &str) -> Option<u64> {
        if let Hashing::NotAsked = self.hashing.get() {
            self.hashing.set(self.ask_for_key());
        }
        match self.hashing.get() {
            Hashing::Assumed(key) | Hashing::Certain(key) => Some(self.hash_with(key, text)),
            Hashing::NotAsked | Hashing::Unknown => None,
        }
    }

    /// Whether the target hashes as we take it to; where that has not been seen
    /// yet, by the hashes that `strings` have.
    pub(super) fn hashes_as_expected(
        &self,
        strings: impl FnOnce() -> Result<Vec<u64>, Fault>,
    ) -> Result<bool, Fault> {
        let key = match self.hashing.get() {
            Hashing::Certain(_) => return Ok(true),
            Hashing::Assumed(key) => key,
            Hashing::NotAsked | Hashing::Unknown => return Ok(false),
        };
        for addr in strings()? {
            let layout = &self.layout.text;
            let hash = self.u64(addr, layout.hash)?;
            if self.kind_of(addr)? == Kind::Text
                && hash != NOT_HASHED
                && (1..=LONGEST).contains(&self.u64(addr, layout.length)?)
                && let Ok(text) = self.text(addr)
                && text.is_ascii()
            {
                let is_so = hash == self.hash_with(key, &text);
                self.hashing.set(match is_so {
                    true => Hashing::Certain(key),
                    false => Hashing::Unknown,
                });
                return Ok(is_so);
            }
        }
        Ok(false)
    }

    fn ask_for_key(&self) -> Hashing {
        let secret = self.layout.str_hash.secret;
        match (self.u64(secret, 0), self.u64(secret, 8)) {
            (Ok(first), Ok(second)) if secret != 0 => Hashing::Assumed([first, second]),
            _ => Hashing::Unknown,
        }
    }

    fn hash_with(&self, [first, second]: [u64; 2], text: &str) -> u64 {
        let hash = match self.layout.str_hash.algorithm {
            HashAlgorithm::SipHash13 => {
                SipHasher13::new_with_keys(first, second).hash(text.as_bytes())
            }
            HashAlgorithm::SipHash24 => {
                SipHasher24::new_with_keys(first, second).hash(text.as_bytes())
            }
        };
        // That one stands for an error.
        if hash == u64::MAX { hash - 1 } else { hash }
    }
}
