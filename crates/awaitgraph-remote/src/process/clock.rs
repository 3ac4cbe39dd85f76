//! The clock of a process's event loops.

use std::fs;

use super::status;
use crate::sys;

/// What `CLOCK_MONOTONIC` says now in the process `pid`, in seconds; `None`
/// where it is in another time namespace and that one's offset is not shown.
pub(crate) fn monotonic(pid: u32) -> Option<f64> {
    let now = sys::monotonic();
    let namespace = |of: &str| fs::read_link(format!("/proc/{of}/ns/time")).ok();
    let mut theirs = pid.to_string();
    if namespace(&theirs).is_none() {
        theirs = status::living(pid).to_string();
    }
    // To Linux 5.6 there are none.
    if namespace(&theirs) == namespace("self") {
        return Some(now);
    }
    Some(now - offset("self")? + offset(&theirs)?)
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
        let before = monotonic(std::process::id()).expect("a clock");
        assert!(monotonic(std::process::id()).expect("a clock") >= before);
    }
}
