//! A length of time, in words.

use std::fmt;

/// A number of seconds, as exact as a person wants it.
pub(super) struct Duration(pub(super) f64);

impl fmt::Display for Duration {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        const MINUTE: f64 = 60.0;
        const HOUR: f64 = 60.0 * MINUTE;
        const DAY: f64 = 24.0 * HOUR;
        let seconds = self.0;
        if !seconds.is_finite() {
            out.write_str("an infinite time")
        } else if seconds < 10.0 {
            write!(out, "{seconds:.1} s")
        } else if seconds < 2.0 * MINUTE {
            write!(out, "{seconds:.0} s")
        } else if seconds < 2.0 * HOUR {
            write!(out, "{:.0} min", seconds / MINUTE)
        } else if seconds < 2.0 * DAY {
            write!(out, "{:.0} h", seconds / HOUR)
        } else {
            write!(out, "{:.0} days", seconds / DAY)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Duration;

    #[test]
    fn a_time_is_as_exact_as_a_person_wants_it() {
        for (seconds, words) in [
            (0.0, "0.0 s"),
            (3.21, "3.2 s"),
            (59.6, "60 s"),
            (3599.7, "60 min"),
            (86_400.0, "24 h"),
            (1e9, "11574 days"),
            (f64::INFINITY, "an infinite time"),
            (f64::NAN, "an infinite time"),
        ] {
            assert_eq!(Duration(seconds).to_string(), words);
        }
    }
}
