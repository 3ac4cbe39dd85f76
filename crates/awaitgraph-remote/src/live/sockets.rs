//! What the system knows of the sockets that tasks wait for, where the objects
//! in the target do not say it.

use std::sync::Arc;

use awaitgraph_model::{Graph, Socket, Wait};

use crate::limits;
use crate::map::HashMap;
use crate::process::Descriptor;

/// The descriptors of `graph` of which something is not known, each once and
/// no more than are asked for in a stop.
pub(super) fn unknown(graph: &Graph) -> Vec<i32> {
    let waits = graph.tasks.iter().filter_map(|it| it.waits_for.as_ref());
    let mut fds: Vec<i32> = waits
        .filter_map(|wait| match &wait.what {
            Wait::Socket(socket) => lacking(socket),
            _ => None,
        })
        .collect();
    fds.sort_unstable();
    fds.dedup();
    fds.truncate(limits::MOST_ASKED);
    fds
}

/// Adds what is in `asked`, or else what `tell` says, where something lacks.
pub(super) fn complete(
    graph: &mut Graph,
    mut asked: HashMap<i32, Descriptor>,
    tell: impl Fn(i32) -> Option<Descriptor>,
) {
    for task in &mut graph.tasks {
        let Some(wait) = &mut task.waits_for else {
            continue;
        };
        let Wait::Socket(socket) = &wait.what else {
            continue;
        };
        let Some(fd) = lacking(socket) else {
            continue;
        };
        let Wait::Socket(socket) = &mut Arc::make_mut(wait).what else {
            continue;
        };
        let found = asked
            .entry(fd)
            .or_insert_with(|| tell(fd).unwrap_or_default());
        let add = |what: &mut Option<String>, found: &Option<String>| {
            if what.is_none() {
                what.clone_from(found);
            }
        };
        add(&mut socket.family, &found.family);
        add(&mut socket.local, &found.local);
        add(&mut socket.peer, &found.peer);
    }
}

/// The descriptor, where something of it is not known.
fn lacking(socket: &Socket) -> Option<i32> {
    let is_whole = socket.family.is_some() && socket.local.is_some() && socket.peer.is_some();
    let is_pipe = socket.family.as_deref() == Some("pipe");
    socket.fd.filter(|_| !is_whole && !is_pipe)
}
