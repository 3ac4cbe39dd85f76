//! The connection at which a task waits by a future: a protocol's own, of which
//! the frames tell nothing but the object that has a transport.

use awaitgraph_model::{SocketKind, Wait, WaitsFor};

use super::frames::Level;
use super::{Waits, socket};
use crate::object::{Fault, Kind};

/// In how many frames a transport is looked for.
pub(super) const NEAREST: usize = 4;

/// What functions do that are called so, where they wait at a connection.
const ACTIONS: [(&str, &[&str]); 3] = [
    (
        "connect",
        &[
            "create_connection",
            "create_unix_connection",
            "start_tls",
            "connect_accepted_socket",
        ],
    ),
    ("write", &["drain", "_drain", "_drain_helper"]),
    ("close", &["close", "aclose", "wait_closed"]),
];

/// A connection that a task may wait at.
#[derive(Debug, Clone, Copy)]
pub(super) struct Connection {
    transport: u64,
    /// Which of the frames is one of its methods.
    distance: usize,
    /// Whether it is the connection's own future that is awaited.
    pub(super) is_certain: bool,
}

impl Waits<'_> {
    /// The connection that a task waits at, by the `self` of its nearest
    /// frames: that has a transport, and most likely the future too.
    pub(super) fn connection(
        &self,
        future: u64,
        is_future: bool,
        outer: &[Level<'_>],
    ) -> Result<Option<Connection>, Fault> {
        // Compiled coroutines have variables without names.
        let is_compiled = |level: &&Level<'_>| !level.raw.has_variables();
        let compiled = outer.iter().take_while(is_compiled).count();
        for (distance, level) in outer.iter().take(compiled.min(NEAREST)).enumerate() {
            if let Some(transport) = self.transport_of_compiled(level)? {
                return Ok(Some(Connection {
                    transport,
                    distance,
                    is_certain: true,
                }));
            }
        }
        for (distance, level) in outer.iter().skip(compiled).take(NEAREST).enumerate() {
            let Some(object) = self.frames.itself(level.raw)? else {
                continue;
            };
            let Some(transport) = self.transport_of(object)? else {
                continue;
            };
            // What is awaited in C nobody can tell.
            let is_certain =
                !is_future || compiled > 0 || self.objects.has_attribute(object, future)?;
            // Further out it must be the connection's own future.
            if distance == 0 || is_certain || self.is_of_protocol(object, future)? {
                return Ok(Some(Connection {
                    transport,
                    distance: compiled + distance,
                    is_certain,
                }));
            }
        }
        Ok(None)
    }

    /// The transport that a compiled coroutine has, or what it has has.
    fn transport_of_compiled(&self, level: &Level<'_>) -> Result<Option<u64>, Fault> {
        let objects = self.objects;
        let Some(coroutine) = level.raw.generator else {
            return Ok(None);
        };
        for object in objects.variables_of_compiled(coroutine.get())? {
            if objects.kind_of(object)? != Kind::Other {
                continue;
            }
            if self.is_transport(object)? {
                return Ok(Some(object));
            }
            if let Some(transport) = self.transport_of(object)? {
                return Ok(Some(transport));
            }
        }
        Ok(None)
    }

    /// What waits at a connection by one of its futures.
    pub(super) fn of_connection(
        &self,
        at: Connection,
        future: u64,
        outer: &[Level<'_>],
    ) -> Result<WaitsFor, Fault> {
        let mut found = socket(SocketKind::Stream, self.action_of(outer, at.distance));
        self.add_transport(&mut found, at.transport)?;
        let outer = outer.get(at.distance..).unwrap_or_default();
        let mut name = self.names.find(&self.frames, &[future], outer)?;
        if name.is_none() {
            name = self.names.find(&self.frames, &[at.transport], outer)?;
        }
        Ok(WaitsFor {
            what: Wait::Socket(Box::new(found)),
            id: Some(at.transport),
            name,
            deadline: None,
        })
    }

    /// What the nearest frames do at a connection, by what they are called.
    fn action_of(&self, outer: &[Level<'_>], distance: usize) -> &'static str {
        for level in outer.iter().take(distance.saturating_add(NEAREST)) {
            for (action, names) in ACTIONS {
                if names
                    .iter()
                    .any(|name| self.frames.is_named(level.code, name))
                {
                    return action;
                }
            }
        }
        "read"
    }

    /// Whether an attribute of an object's protocol is the future, as far as one
    /// can tell.
    fn is_of_protocol(&self, object: u64, future: u64) -> Result<bool, Fault> {
        for name in ["_protocol", "protocol"] {
            if let Some(protocol) = self.frames.attribute(object, name)? {
                // One that is written in C has it where we cannot look.
                if self.objects.attributes(protocol)?.is_empty()
                    || self.objects.has_attribute(protocol, future)?
                {
                    return Ok(true);
                }
            }
        }
        Ok(false)
    }
}
