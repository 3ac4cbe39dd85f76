//! Futures that nothing is left to complete, of many tasks at once.

use super::super::Waits;
use super::rows::Rows;
use crate::object::{Fault, Type};

/// What is known of the references to one of the futures.
#[derive(Debug, Clone, Copy)]
struct Count {
    /// How many are accounted for: that of the task itself, and those of its frames.
    found: u64,
    /// What else leads to it, and how often the frames have that; or 0.
    way: u64,
    times: u64,
    /// Whether all of that is known.
    is_certain: bool,
}

impl Count {
    /// The references of a task that nobody else shares the future with.
    const OF_TASK: Self = Self {
        found: 1,
        way: 0,
        times: 0,
        is_certain: true,
    };

    /// Adds a cell with the future in it, or what awaits it.
    fn add_way(&mut self, way: u64) {
        if self.way == 0 {
            (self.way, self.found) = (way, self.found + 1);
        }
        self.times += 1;
        // Of a second one another count would have to be kept.
        self.is_certain &= self.way == way;
    }
}

impl Waits<'_> {
    /// Whether nothing is left to complete the futures of these tasks, none of which
    /// waits for the same as another: as for one, but where that is not seen at once
    /// it is not so.
    pub(super) fn are_orphaned(&self, rows: &Rows<'_>, type_: &Type) -> Result<Vec<bool>, Fault> {
        let objects = self.objects;
        let futures = rows.futures();
        let mut counts = vec![Count::OF_TASK; futures.len()];
        // What else the frames have, and whose it is.
        let (mut values, mut whose) = (Vec::new(), Vec::new());
        for level in 0..rows.depth() {
            let frames: Vec<_> = rows.frames(level).collect();
            // They are in the same functions.
            let code = frames.iter().flatten().map(|frame| frame.code).next();
            let Some(variables) = code.map(|code| self.frames.count(code)).transpose()? else {
                continue;
            };
            let owned = objects.owned_of_each(&frames, variables)?;
            let each = owned.chunks(owned.len() / frames.len().max(1));
            for (row, (owned, count)) in each.zip(&mut counts).enumerate() {
                for value in owned {
                    match *value {
                        None => count.is_certain = false,
                        Some(0) => {}
                        Some(value) if futures.get(row) == Some(&value) => count.found += 1,
                        Some(value) => {
                            values.push(value);
                            whose.push(row);
                        }
                    }
                }
            }
        }
        for ((content, &way), &row) in objects
            .passed_on(&values)?
            .into_iter()
            .zip(&values)
            .zip(&whose)
        {
            if let (Some(count), Some(future)) = (counts.get_mut(row), futures.get(row)) {
                match content {
                    None => count.is_certain = false,
                    Some(content) if content == *future => count.add_way(way),
                    Some(_) => {}
                }
            }
        }
        let ways: Vec<u64> = counts.iter().map(|count| count.way).collect();
        let of_ways = objects.references_to_each(&ways)?;
        let of_futures = objects.references_to_each(futures)?;
        let weak = objects.weak_references_of_each(futures, type_)?;
        Ok((counts.iter().zip(of_ways).zip(of_futures).zip(weak))
            .map(|(((count, of_way), of_future), weak)| {
                count.is_certain
                    && (count.way == 0 || of_way == Some(count.times))
                    && of_future == Some(count.found)
                    && weak == Some(false)
            })
            .collect())
    }
}
