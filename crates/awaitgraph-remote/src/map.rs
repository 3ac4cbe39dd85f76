//! Maps and sets by address.
//!
//! The reader looks up a dozen addresses for each task, and the addresses are
//! the target's: the hash must be quick, and seeded so that nobody can choose
//! addresses that collide.

use foldhash::fast::RandomState;

/// A hash map that is quick for short keys.
pub(crate) type HashMap<K, V> = std::collections::HashMap<K, V, RandomState>;
/// A hash set that is quick for short keys.
pub(crate) type HashSet<K> = std::collections::HashSet<K, RandomState>;
