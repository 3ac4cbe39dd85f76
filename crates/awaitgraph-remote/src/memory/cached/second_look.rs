//! What was copied, held against what the target has now.

use std::mem;

use super::pages::{CHUNK, PAGE, Run};
use super::{Cached, MOST_FETCHED};
use crate::memory::{Memory, Piece};

/// How much is held against what is here at a time: so little that it stays in
/// the processor's own cache.
const STAGE: usize = CHUNK;

/// What a second look at all that is here takes.
pub(crate) struct SecondLook {
    /// The pages of which something was used, and those that came with them.
    used: Vec<Run>,
    others: Vec<Run>,
    stage: Vec<u8>,
}

impl<M: Memory> Cached<M> {
    /// Reads every page again that was tried before, and says whether all that
    /// was ever used of them is still the same. Where it is not, it is from now on.
    pub(crate) fn refresh(&mut self) -> bool {
        self.compared.set(false);
        self.look_at_all(true)
    }

    /// Makes ready for [`Self::refresh_if_changed`], so that the target need not
    /// wait for that.
    pub(crate) fn second_look(&self) -> SecondLook {
        let kept = self.kept.borrow();
        SecondLook {
            used: kept.runs(true),
            others: kept.runs(false),
            // Not zeros, which would not be there before they are written to.
            stage: vec![1; STAGE],
        }
    }

    /// The same as [`Self::refresh`] where something has changed; where nothing
    /// has, only the pages are read of which something was used. Nothing may
    /// have been read since `second` was made.
    pub(crate) fn refresh_if_changed(&mut self, second: SecondLook) -> bool {
        let SecondLook {
            used,
            others,
            mut stage,
        } = second;
        self.compared.set(false);
        self.begin_again();
        if self.look_again(&used, &mut stage, true) {
            return true;
        }
        self.look_again(&others, &mut stage, true);
        false
    }

    /// The same, but what is here stays. What has changed is known from now on:
    /// reads of it are counted in [`Memory::torn`].
    pub(crate) fn compare(&mut self) -> bool {
        self.compared.set(true);
        self.look_at_all(false)
    }

    fn look_at_all(&mut self, renew: bool) -> bool {
        let SecondLook {
            used,
            others,
            mut stage,
        } = self.second_look();
        self.begin_again();
        let same = self.look_again(&used, &mut stage, renew);
        self.look_again(&others, &mut stage, renew);
        same
    }

    fn begin_again(&mut self) {
        self.left.set(MOST_FETCHED);
        self.forget_recent();
    }

    fn look_again(&mut self, runs: &[Run], stage: &mut [u8], renew: bool) -> bool {
        let mut kept = mem::take(self.kept.get_mut());
        let mut same = !self.dropped.get();
        let mut rest = runs;
        while !rest.is_empty() {
            let mut room = &mut *stage;
            let mut pieces = Vec::with_capacity(STAGE / PAGE);
            let mut left = rest.iter();
            while let Some(run) = left.as_slice().first()
                && let Some((bytes, behind)) = room.split_at_mut_checked(run.length * PAGE)
            {
                pieces.push(Piece::new(run.addr(), bytes));
                room = behind;
                left.next();
            }
            self.memory.read_many(&mut pieces);
            for (run, piece) in rest.iter().zip(&mut pieces) {
                let readable = self.settle(run.first, piece);
                same &= kept.look_again(*run, piece.bytes, readable, renew);
            }
            rest = left.as_slice();
        }
        *self.kept.get_mut() = kept;
        same
    }
}
