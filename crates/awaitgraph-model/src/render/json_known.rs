//! What stands in a document many times and is written once: of a hundred
//! thousand tasks most are in the same place, and wait for the same.

use std::cell::RefCell;
use std::hash::Hash;

use serde::ser::Error;
use serde::{Serialize, Serializer};
use serde_json::value::RawValue;

use crate::map::HashMap;
use crate::render::json_lines::text_in_list;

/// So many texts are kept. Where there are more, they are most likely all different.
const MOST: usize = 4096;

/// Texts of what is the same.
pub(super) struct Known<K>(RefCell<HashMap<K, Box<RawValue>>>);

impl<K: Eq + Hash + Copy> Known<K> {
    /// None yet.
    pub(super) fn new() -> Self {
        Self(RefCell::default())
    }

    /// What `view` makes, which is the same for each `key`.
    pub(super) fn of<V: Serialize>(&self, key: K, view: impl Fn() -> V) -> impl Serialize {
        One {
            known: self,
            key,
            view,
        }
    }
}

struct One<'k, K, F> {
    known: &'k Known<K>,
    key: K,
    view: F,
}

impl<K: Eq + Hash + Copy, V: Serialize, F: Fn() -> V> Serialize for One<'_, K, F> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self { known, key, view } = self;
        if let Some(text) = known.0.borrow().get(key) {
            return text.serialize(serializer);
        }
        if known.0.borrow().len() >= MOST {
            return view().serialize(serializer);
        }
        let text = text_in_list(&view()).and_then(RawValue::from_string);
        let text = text.map_err(S::Error::custom)?;
        let written = text.serialize(serializer);
        known.0.borrow_mut().insert(*key, text);
        written
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::render::json_lines::write_document;

    #[test]
    fn what_is_known_is_written_as_the_first_time() {
        let known = Known::new();
        // The last ones are not kept any more.
        for number in [1, 1].into_iter().chain(0..=MOST).chain([MOST, MOST]) {
            let view = || [("a\u{202e}", vec![number])];
            let mut texts = [String::new(), String::new()];
            let [text, expected] = &mut texts;
            write_document(&[[known.of(number, view)]], text).unwrap();
            write_document(&[[view()]], expected).unwrap();
            assert_eq!(text, expected);
        }
        assert_eq!(known.0.borrow().len(), MOST);
    }
}
