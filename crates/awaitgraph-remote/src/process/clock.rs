//! The clock of a process's event loops.

use std::fs;

use crate::sys;

/// The `CLOCK_MONOTONIC` of a process.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Clock {
    /// How much later it is there than here, in seconds; `None` where it is in
    /// another time namespace and that one's offset is not shown.
    ahead: Option<f64>,
}

impl Clock {
    /// That of the process which `living` is a thread of that lives.
    pub(crate) fn of(living: u32) -> Self {
        let namespace = |of: &str| fs::read_link(format!("/proc/{of}/ns/time")).ok();
        let theirs = living.to_string();
        // To Linux 5.6 there are none.
        if namespace(&theirs) == namespace("self") {
            return Self { ahead: Some(0.0) };
        }
        let ahead = offset(&theirs).zip(offset("self"));
        Self {
            ahead: ahead.map(|(theirs, ours)| theirs - ours),
        }
    }

    /// What it says now, in seconds.
    pub(crate) fn now(self) -> Option<f64> {
        Some(sys::monotonic() + self.ahead?)
    }
}

/// How much later it is in a process's time namespace than in the first one.
fn offset(of: &str) -> Option<f64> {
    let text = fs::read_to_string(format!("/proc/{of}/timens_offsets")).ok()?;
    offset_in(&text)
}

/// The line `monotonic SECONDS NANOSECONDS`.
fn offset_in(text: &str) -> Option<f64> {
    let mut lines = text.lines().map(str::split_whitespace);
    let mut fields = lines.find_map(|mut fields| match fields.next() {
        Some("monotonic") => Some(fields),
        _ => None,
    })?;
    let seconds: f64 = fields.next()?.parse().ok()?;
    let nanoseconds: f64 = fields.next()?.parse().ok()?;
    Some(seconds + nanoseconds / 1e9)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_namespace_of_its_own_is_so_much_later() {
        let text = "monotonic      172800         500000000\nboottime       604800         0\n";
        assert_eq!(offset_in(text), Some(172_800.5));
        assert_eq!(offset_in("boottime 1 2\n"), None);
    }

    #[test]
    fn our_own_clock_goes_on() {
        let clock = Clock::of(std::process::id());
        let before = clock.now().expect("a clock");
        assert!(clock.now().expect("a clock") >= before);
    }
}
