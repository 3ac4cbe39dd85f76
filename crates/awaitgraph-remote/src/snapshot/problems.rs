//! What could not be read, as long as it is worth listing.

use awaitgraph_model::Problem;

/// The most problems that are kept; the last then says how many there were.
const MOST: usize = 1000;

/// A list of problems that does not grow without end.
#[derive(Debug, Default)]
pub(super) struct Problems {
    kept: Vec<Problem>,
    left_out: usize,
}

impl Problems {
    pub(super) fn add(&mut self, location: impl Into<String>, what: impl ToString) {
        if self.kept.len() < MOST {
            let (location, what) = (location.into(), what.to_string());
            self.kept.push(Problem { location, what });
        } else {
            self.left_out += 1;
        }
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
pub(super) fn incomplete(why: &str) -> Problem {
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
        for number in 0..MOST + 7 {
            problems.add(format!("task {number}"), "torn");
        }
        let list = problems.into_list();
        assert_eq!(list.len(), MOST + 1);
        assert_eq!(list[MOST].what, "7 more problems were left out");
    }
}
