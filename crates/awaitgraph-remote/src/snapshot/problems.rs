//! What could not be read, as long as it is worth listing.

use std::fmt::Display;

use awaitgraph_model::Problem;

use crate::limits;
use crate::map::HashSet;
use crate::object::Fault;

/// A list of problems that does not grow without end.
#[derive(Debug, Default)]
pub(super) struct Problems {
    kept: Vec<Problem>,
    left_out: usize,
    /// The tasks that are known to be torn.
    torn: HashSet<u64>,
}

impl Problems {
    pub(super) fn add(&mut self, location: impl Into<String>, what: impl ToString) {
        if self.kept.len() < limits::MOST_PROBLEMS {
            let (location, what) = (location.into(), what.to_string());
            self.kept.push(Problem { location, what });
        } else {
            self.left_out += 1;
        }
    }

    /// Adds a fault in what was read of a task: of its `part`, as in `who waits
    /// for task 0x7f05`. That it is torn is said once.
    pub(super) fn add_of_task(&mut self, task: u64, part: &str, fault: Fault) {
        match fault {
            Fault::TORN if !self.torn.insert(task) => {}
            Fault::TORN => self.add(format!("task {task:#x}"), fault),
            _ => self.add(part.replace("{}", &format!("task {task:#x}")), fault),
        }
    }

    /// Whether that was said of the task.
    pub(super) fn is_torn(&self, task: u64) -> bool {
        self.torn.contains(&task)
    }

    pub(super) fn into_list(mut self) -> Vec<Problem> {
        if self.left_out > 0 {
            let what = format!("{} more problems were left out", self.left_out);
            self.kept.push(Problem {
                location: "this list".to_owned(),
                what,
            });
        }
        self.kept
    }
}

/// That some of the target was left out, and why.
pub(super) fn incomplete(why: impl Display) -> Problem {
    Problem {
        location: "this snapshot".to_owned(),
        what: format!("{why}; what did not fit is missing"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_list_says_how_much_longer_it_would_be() {
        let mut problems = Problems::default();
        for number in 0..limits::MOST_PROBLEMS + 7 {
            problems.add(format!("task {number}"), "torn");
        }
        let list = problems.into_list();
        assert_eq!(list.len(), limits::MOST_PROBLEMS + 1);
        assert_eq!(
            list[limits::MOST_PROBLEMS].what,
            "7 more problems were left out"
        );
    }
}
