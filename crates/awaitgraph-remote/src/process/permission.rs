//! Which rule of the kernel keeps us out of a process.
//!
//! `ptrace(2)`, "Ptrace access mode checking", has the rules. The kernel says
//! no more than EPERM, so we look at each in the order in which it checks them.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use super::status::{self, Life};
use crate::error::{Error, Rule};

/// The bit of `CAP_SYS_PTRACE` in a capability set (`capabilities(7)`).
const CAP_SYS_PTRACE: u64 = 1 << 19;
const PTRACE_SCOPE: &str = "/proc/sys/kernel/yama/ptrace_scope";

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
    if let Some(rule) = rule_of_yama(Path::new(PTRACE_SCOPE), privileged) {
        return rule;
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

/// The rule of Yama (`Documentation/admin-guide/LSM/Yama.rst` of the kernel),
/// whose setting is in the file at `path`; there is none without Yama. The
/// capability overrules it up to 2, nothing overrules 3.
fn rule_of_yama(path: &Path, privileged: bool) -> Option<Rule> {
    let scope = fs::read_to_string(path).ok()?.trim().parse().ok()?;
    (scope >= 3 || (scope >= 1 && !privileged)).then_some(Rule::PtraceScope { scope })
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

#[cfg(test)]
mod tests {
    use super::*;

    /// What is said where the setting is `scope`; nothing where it allows it.
    fn said(scope: &str, privileged: bool) -> Option<String> {
        let name = format!("awaitgraph-ptrace-scope-{}", std::process::id());
        let path = std::env::temp_dir().join(name);
        fs::write(&path, scope).expect("a file");
        let rule = rule_of_yama(&path, privileged);
        fs::remove_file(&path).expect("a file");
        let error = Error::NotPermitted {
            pid: 7,
            rule: rule?,
        };
        let hint = error.hint().unwrap_or_default();
        Some(format!("{error}\n  try: {hint}"))
    }

    /// No kernel at hand has Yama, so that nothing but its file can be had.
    #[test]
    fn the_setting_of_yama_is_named_with_what_helps() {
        let no = "no permission to read process 7: kernel.yama.ptrace_scope is";
        let changing =
            "run it with sudo, or allow it with `sudo sysctl kernel.yama.ptrace_scope=0`";
        let program = "the program allows it with `awaitgraph.allow_attach()`";
        let boot = "the setting can only be changed at boot: `sysctl kernel.yama.ptrace_scope=1` in the boot configuration, then restart";
        let cases = [
            ("0\n", None, None),
            (
                "1\n",
                Some(format!("{no} 1\n  try: {changing}; {program}")),
                None,
            ),
            ("2\n", Some(format!("{no} 2\n  try: {changing}")), None),
            (
                "3\n",
                Some(format!("{no} 3\n  try: {boot}")),
                Some(format!("{no} 3\n  try: {boot}")),
            ),
            ("what\n", None, None),
        ];
        for (scope, unprivileged, privileged) in cases {
            assert_eq!(said(scope, false), unprivileged, "{scope}");
            assert_eq!(said(scope, true), privileged, "{scope}");
        }
        assert_eq!(rule_of_yama(Path::new("/nowhere"), false), None);
    }
}
