//! Maps of what a target says: quick, and seeded so that it cannot choose keys
//! that collide.

use foldhash::fast::RandomState;

/// A hash map that is quick for short keys.
pub(crate) type HashMap<K, V> = std::collections::HashMap<K, V, RandomState>;
/// A hash set that is quick for short keys.
pub(crate) type HashSet<K> = std::collections::HashSet<K, RandomState>;
