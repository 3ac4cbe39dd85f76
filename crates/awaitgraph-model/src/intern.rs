//! Each code object once: a service with 40,000 tasks runs a few hundred functions.

use crate::map::HashMap;

use crate::graph::{Code, CodeIndex};

/// Gives equal [`Code`]s the same [`CodeIndex`].
#[derive(Debug, Default)]
pub struct CodeTable {
    codes: Vec<Code>,
    index: HashMap<Code, CodeIndex>,
}

impl CodeTable {
    /// The index of `code`, which is stored if it is new.
    pub fn intern(&mut self, code: Code) -> CodeIndex {
        if let Some(&index) = self.index.get(&code) {
            return index;
        }
        let index = CodeIndex::from_usize(self.codes.len());
        self.codes.push(code.clone());
        self.index.insert(code, index);
        index
    }

    /// The codes so far, in the order of their indices.
    pub fn codes(&self) -> &[Code] {
        &self.codes
    }

    /// The list for [`Graph::codes`](crate::Graph::codes).
    pub fn into_codes(self) -> Vec<Code> {
        self.codes
    }
}
