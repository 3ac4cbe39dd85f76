//! The ids by which a process in another pid namespace knows itself, its
//! threads and its children, and what those are to us.
//!
//! Its memory holds its own ids, `/proc` and ptrace speak of ours.
//! `pid_namespaces(7)` describes them.

use std::fs;

use super::status::{self, Ids};
use crate::map::HashMap;

/// Both ids of each thread and child of one process.
pub(crate) struct OwnIds {
    /// What it calls itself, where the kernel tells.
    pub(crate) process: Option<u32>,
    /// Ours, by its own; `None` where the two are the same, as they are of a
    /// process in our namespace.
    threads: Option<HashMap<u32, u32>>,
    children: HashMap<u32, u32>,
}

impl OwnIds {
    pub(crate) fn of(ids: &Ids) -> Self {
        let (pid, ids) = (ids.process, &ids.by_namespace);
        let mut found = Self {
            process: ids.last().copied(),
            threads: None,
            children: HashMap::default(),
        };
        // One in a pid namespace below ours has an id of its own there.
        if ids.len() < 2 {
            return found;
        }
        let own_id = |id| status::ids(id).last().copied();
        let mut own_threads = HashMap::default();
        for thread in status::threads(pid).unwrap_or_default() {
            own_threads.extend(own_id(thread).map(|own| (own, thread)));
            let children = fs::read_to_string(format!("/proc/{pid}/task/{thread}/children"));
            for child in children.unwrap_or_default().split_whitespace() {
                if let Ok(child) = child.parse() {
                    let own = own_id(child);
                    found.children.extend(own.map(|own| (own, child)));
                }
            }
        }
        found.threads = Some(own_threads);
        found
    }

    /// What we call its thread `own`.
    pub(crate) fn thread(&self, own: u32) -> Option<u32> {
        match &self.threads {
            Some(threads) => threads.get(&own).copied(),
            None => Some(own),
        }
    }

    /// What it calls the thread that is `ours` to us.
    pub(crate) fn own_thread(&self, ours: u32) -> u32 {
        let threads = self.threads.iter().flatten();
        let mut own = threads.filter(|(_, thread)| **thread == ours);
        own.next().map_or(ours, |(own, _)| *own)
    }

    /// What we call its child `own`; `None` where that is not known, or is the same.
    pub(crate) fn child(&self, own: u32) -> Option<u32> {
        self.children.get(&own).copied()
    }

    /// Whether the two are the same.
    pub(crate) fn are_ours(&self) -> bool {
        self.threads.is_none()
    }
}
