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
                Some(owner) if owner != crate::sys::effective_user() => Rule::OtherUser { owner },
                Some(0) => Rule::Capability,
                Some(_) => Rule::Closed,
                None => Rule::Hidden,
            },
        },
    }
}

/// Lets process `tracer`, or any process for `None`, look into this one where
/// `kernel.yama.ptrace_scope` is 1. Without Yama there is nothing to allow.
pub(crate) fn allow_attach(tracer: Option<u32>) -> Result<(), Error> {
    let gone = |pid: u32| Error::NoSuchProcess { pid };
    if let Some(pid) = tracer.filter(|&pid| pid == 0 || !crate::sys::exists(pid)) {
        return Err(gone(pid));
    }
    match crate::sys::set_ptracer(tracer) {
        Ok(()) => Ok(()),
        Err(error) if error.raw_os_error() == Some(libc::EINVAL) => match tracer {
            Some(pid) if !crate::sys::exists(pid) => Err(gone(pid)),
            _ => Ok(()),
        },
        Err(source) => Err(Error::System {
            what: "allow other processes to attach".to_owned(),
            source,
        }),
    }
}

fn rule(pid: u32) -> Rule {
    let own = own_capabilities();
    let privileged = own & CAP_SYS_PTRACE != 0;
    let us = crate::sys::effective_user();
    if !privileged && let Some(rule) = rule_for_unprivileged(pid, us, own) {
        // Root that lacks the capability is in a container.
        return if us == 0 { Rule::Capability } else { rule };
    }
    let scope = ptrace_scope();
    if scope >= 3 || (scope >= 1 && !privileged) {
        return Rule::PtraceScope { scope };
    }
    if status::own_field("Seccomp").is_some_and(|mode| mode == "2") {
        return Rule::Seccomp;
    }
    if privileged && !is_first_user_namespace() {
        return Rule::UserNamespace;
    }
    if !privileged && us == 0 {
        return Rule::Capability;
    }
    Rule::Unknown
}
/// What the capability would overrule, in the kernel's order.
fn rule_for_unprivileged(pid: u32, us: u32, own_capabilities: u64) -> Option<Rule> {
    let owner = owner(pid)?;
    if owner != us {
        return Some(Rule::OtherUser { owner });
    }
    // What is in its folder belongs to root then, or to root of its user namespace.
    let shown = fs::metadata(format!("/proc/{pid}/stat")).ok()?.uid();
    if shown != us {
        return Some(Rule::NotDumpable);
    }
    let theirs = status::field(pid, "CapPrm").map_or(0, |set| capabilities(&set));
    (theirs & !own_capabilities != 0).then_some(Rule::MoreCapabilities)
}

fn ptrace_scope() -> u32 {
    fs::read_to_string("/proc/sys/kernel/yama/ptrace_scope")
        .ok()
        .and_then(|scope| scope.trim().parse().ok())
        .unwrap_or(0)
}

/// Whether our user ids are those of the whole machine.
fn is_first_user_namespace() -> bool {
    const ALL: [&str; 3] = ["0", "0", "4294967295"];
    fs::read_to_string("/proc/self/uid_map").is_ok_and(|map| map.split_whitespace().eq(ALL))
}

fn owner(pid: u32) -> Option<u32> {
    let by_status = status::field(pid, "Uid").and_then(|uids| {
        uids.split_whitespace()
            .next()
            .and_then(|uid| uid.parse().ok())
    });
    by_status.or_else(|| Some(fs::metadata(format!("/proc/{pid}")).ok()?.uid()))
}

fn own_capabilities() -> u64 {
    status::own_field("CapEff").map_or(0, |set| capabilities(&set))
}

fn capabilities(set: &str) -> u64 {
    u64::from_str_radix(set, 16).unwrap_or(0)
}
