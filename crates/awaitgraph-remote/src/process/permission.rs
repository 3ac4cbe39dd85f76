//! Which rule of the kernel keeps us out of a process.
//!
//! `ptrace(2)`, "Ptrace access mode checking", has the rules. The kernel says
//! no more than EPERM, so we look at each in the order in which it checks them.

use std::fs;
use std::os::unix::fs::MetadataExt;

use super::status::{self, Life};
use crate::error::{Error, Rule};

/// The bit of `CAP_SYS_PTRACE` in a capability set (`capabilities(7)`).
const CAP_SYS_PTRACE: u64 = 1 << 19;

/// The error for a process that the kernel does not let us read.
pub(crate) fn not_permitted(pid: u32) -> Error {
    match status::life(pid) {
        Life::Gone | Life::Zombie => Error::Ended { pid },
        Life::Alive => Error::NotPermitted {
            pid,
            rule: rule(pid),
        },
        Life::Hidden => Error::NotPermitted {
            pid,
            rule: match owner(pid) {
                Some(owner) => Rule::OtherUser { owner },
                None => Rule::Hidden,
            },
        },
    }
}

fn rule(pid: u32) -> Rule {
    let privileged = own_capabilities() & CAP_SYS_PTRACE != 0;
    let scope = fs::read_to_string("/proc/sys/kernel/yama/ptrace_scope")
        .ok()
        .and_then(|scope| scope.trim().parse().ok())
        .unwrap_or(0);
    let us = crate::sys::effective_user();
    if !privileged && let Some(owner) = owner(pid).filter(|&owner| owner != us) {
        return if us == 0 {
            Rule::Capability
        } else {
            Rule::OtherUser { owner }
        };
    }
    if scope >= 3 || (scope >= 1 && !privileged) {
        return Rule::PtraceScope { scope };
    }
    if status::own_field("Seccomp").is_some_and(|mode| mode == "2") {
        return Rule::Seccomp;
    }
    if !privileged && us == 0 {
        Rule::Capability
    } else {
        Rule::Unknown
    }
}

fn owner(pid: u32) -> Option<u32> {
    // `/proc/PID` itself belongs to root where the process is not dumpable.
    let by_status = status::field(pid, "Uid").and_then(|uids| {
        uids.split_whitespace()
            .next()
            .and_then(|uid| uid.parse().ok())
    });
    by_status.or_else(|| Some(fs::metadata(format!("/proc/{pid}")).ok()?.uid()))
}

fn own_capabilities() -> u64 {
    status::own_field("CapEff")
        .and_then(|set| u64::from_str_radix(&set, 16).ok())
        .unwrap_or(0)
}
