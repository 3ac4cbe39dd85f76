//! The name of an object as the program writes it where it waits for it.
//!
//! ```text
//!   async with app.db.lock:          app.db.lock
//!   await state.jobs.get()           state.jobs
//! ```
//!
//! It is asked for where an object has no other name: what is far from all
//! variables, or in another module, is not looked for there.

use std::rc::Rc;

use super::Waits;
use super::frames::Level;
use crate::object::Fault;

/// What is called on an object to wait for it.
const WAITS: [&str; 6] = ["acquire", "wait", "wait_for", "get", "put", "join"];
/// In how many of the program's own frames it is looked for.
const NEAREST: usize = 2;
/// How many ways are followed for one name: most of them end at once.
const MOST: usize = 96;

impl Waits<'_> {
    /// The name of one of `wanted`, which are the same thing to the program, in
    /// frames of it, innermost first.
    pub(super) fn name_as_written(
        &self,
        wanted: &[u64],
        levels: &[Level<'_>],
    ) -> Result<Option<String>, Fault> {
        let own = levels.iter().filter(|it| it.raw.has_variables());
        let own = own.filter(|it| !self.frames.is_asyncio(it.code));
        let mut left = MOST;
        for level in own.take(NEAREST) {
            let code = level.raw.code;
            let known = self.ways_to_waited.borrow().get(&code).cloned();
            let ways = match known {
                Some(ways) => ways,
                None => {
                    let ways = self.ways_to_used(WAITS, code)?;
                    self.objects.hold(32)?;
                    (self.ways_to_waited.borrow_mut()).insert(code, Rc::clone(&ways));
                    ways
                }
            };
            for way in ways.iter() {
                let Some(fewer) = left.checked_sub(1) else {
                    return Ok(None);
                };
                left = fewer;
                if let Some(object) = self.at_end_of(way, level.raw)?
                    && wanted.contains(&object)
                    && let Some(name) = self.written(way, level.raw)?
                {
                    return Ok(Some(name));
                }
            }
        }
        Ok(None)
    }
}
