//! Sockets, transports, servers and child processes.

use std::net::{IpAddr, SocketAddr};

use awaitgraph_model::{PrimitiveKind, Socket, SocketKind, TaskIndex, Wait, WaitsFor};

use super::frames::Level;
use super::roles::Role;
use super::{Run, Waits, plain, socket};
use crate::limits;
use crate::object::{Fault, Kind, flags};

/// The attributes by which an object has its transport, and those by which it
/// has another that has one.
const TRANSPORTS: [&str; 2] = ["_transport", "transport"];
const ON_THE_WAY: [&str; 5] = ["_protocol", "protocol", "_stream", "_writer", "writer"];
/// Where anyio's classes have their sockets, each in an attribute of its own.
const RAW_SOCKETS: [&str; 4] = [
    "_raw_socket",
    "_RawSocketMixin__raw_socket",
    "_TCPSocketListener__raw_socket",
    "_UNIXSocketListener__raw_socket",
];
/// The bytes of a port, and the colon before it.
const LONGEST_PORT: usize = 6;
/// In how many frames of an awaiter one is looked for that watches a descriptor.
const NEAREST: usize = 2;
/// The transport below one of TLS; how many such are seen through.
const LAYERS: usize = 4;
/// `AF_UNIX`, `AF_INET`, `AF_INET6`, `SOCK_STREAM` and `SOCK_DGRAM` of Linux.
const UNIX: i32 = 1;
const INET: i32 = 2;
const INET6: i32 = 10;
const STREAM: i32 = 1;
const DATAGRAM: i32 = 2;

impl Waits<'_> {
    /// A stream, or another object that has a transport.
    pub(super) fn stream(
        &self,
        run: &Run,
        action: &'static str,
        future: u64,
        outer: &[Level<'_>],
    ) -> Result<WaitsFor, Fault> {
        let mut found = socket(SocketKind::Stream, action);
        let mut transport = None;
        for &object in run.objects.iter().rev() {
            transport = self.transport_of(object)?;
            if transport.is_some() {
                break;
            }
        }
        if action == "read" {
            for &object in &run.objects {
                let buffer = self.frames.length(object, "_buffer")?;
                found.buffered = found.buffered.or(buffer);
            }
        }
        if let Some(transport) = transport {
            self.add_transport(&mut found, transport)?;
        }
        // What the program has in hand rather than what is beneath it.
        let wanted: Vec<u64> = run.objects.iter().rev().copied().chain(transport).collect();
        Ok(WaitsFor {
            what: Wait::Socket(Box::new(found)),
            id: transport.or(run.objects.last().copied()).or(Some(future)),
            name: self.names.find(&self.frames, &wanted, outer)?,
            deadline: None,
        })
    }

    /// A transport that is being made.
    pub(super) fn connecting(
        &self,
        action: &'static str,
        future: u64,
        inner: &[Level<'_>],
    ) -> Result<WaitsFor, Fault> {
        let mut found = socket(SocketKind::Stream, action);
        let mut id = future;
        for level in inner {
            for name in ["transport", "transp"] {
                if let Some(transport) = self.frames.variable(level.raw, name)? {
                    self.add_transport(&mut found, transport)?;
                    id = transport;
                }
            }
        }
        Ok(plain(Wait::Socket(Box::new(found)), id))
    }

    /// A bare socket or file descriptor.
    pub(super) fn socket(
        &self,
        action: &'static str,
        future: u64,
        inner: &[Level<'_>],
        outer: &[Level<'_>],
    ) -> Result<WaitsFor, Fault> {
        let mut found = socket(SocketKind::Socket, action);
        let mut object = None;
        'frames: for level in inner {
            for name in ["sock", "obj"] {
                if let Some(value) = self.frames.variable(level.raw, name)? {
                    object = Some(value);
                    break 'frames;
                }
            }
            if let Some(owner) = self.frames.itself(level.raw)? {
                for name in RAW_SOCKETS {
                    if let Some(value) = self.frames.attribute(owner, name)? {
                        object = Some(value);
                        break 'frames;
                    }
                }
            }
        }
        if let Some(object) = object {
            self.add_socket(&mut found, object)?;
            if found.fd.is_none() {
                found.fd = self
                    .frames
                    .as_int(object)?
                    .and_then(|fd| fd.try_into().ok());
            }
        }
        if action == "connect"
            && let Some(level) = inner.first()
            && let Some(address) = self.frames.variable(level.raw, "address")?
        {
            found.peer = self.address(address)?;
        }
        let name = match object {
            Some(object) => self.names.find(&self.frames, &[object], outer)?,
            None => None,
        };
        // What asyncio's own transport has is not what the program calls it.
        let name = name.filter(|it| !it.starts_with("_Selector"));
        Ok(WaitsFor {
            what: Wait::Socket(Box::new(found)),
            id: object.or(Some(future)),
            name,
            deadline: None,
        })
    }

    /// A descriptor that the loop watches for the outermost of the frames.
    pub(super) fn watching(
        &self,
        action: &'static str,
        future: u64,
        inner: &[Level<'_>],
    ) -> Result<WaitsFor, Fault> {
        let mut found = socket(SocketKind::Socket, action);
        if let Some(level) = inner.last() {
            if let Some(fd) = self.frames.variable(level.raw, "fileno")? {
                found.fd = self.frames.as_int(fd)?.and_then(|fd| fd.try_into().ok());
            }
            if let Some(wanted) = self.frames.variable(level.raw, "s")?
                && let Some(wanted) = self.frames.as_int(wanted)?
                && wanted & 1 != 0
            {
                found.action = Some("read");
            }
        }
        Ok(plain(Wait::Socket(Box::new(found)), future))
    }

    /// The same for the task that awaits one that waits for an event: to 3.11
    /// `wait_for` makes a task of its own for that.
    pub(super) fn watching_of_awaiter(
        &self,
        task: TaskIndex,
        run: &Run,
        future: u64,
        outer: &[Level<'_>],
    ) -> Result<Option<WaitsFor>, Fault> {
        if run.role != Role::Primitive(PrimitiveKind::Event) || !outer.is_empty() {
            return Ok(None);
        }
        let levels = self.frames_of_awaiter(task);
        let is_watching = |level: &Level<'_>| self.is_watching(Some(level));
        let Some(place) = levels.iter().take(NEAREST).position(is_watching) else {
            return Ok(None);
        };
        match levels.get(..=place) {
            Some(inner) => match inner.last().and_then(|it| self.frames.role(it.code)) {
                Some(Role::Watching(action)) => self.watching(action, future, inner).map(Some),
                _ => Ok(None),
            },
            None => Ok(None),
        }
    }

    /// A server of `loop.create_server`.
    pub(super) fn server(
        &self,
        action: &'static str,
        server: u64,
        outer: &[Level<'_>],
    ) -> Result<WaitsFor, Fault> {
        let mut found = socket(SocketKind::Server, action);
        if let Some(sockets) = self.frames.attribute(server, "_sockets")?
            && self.objects.kind_of(sockets)? == Kind::List
            && let Some(&first) = self.objects.list(sockets)?.first()
        {
            self.add_socket(&mut found, first)?;
        }
        Ok(WaitsFor {
            what: Wait::Socket(Box::new(found)),
            id: Some(server),
            name: self.names.find(&self.frames, &[server], outer)?,
            deadline: None,
        })
    }

    /// A child process.
    pub(super) fn subprocess(
        &self,
        run: &Run,
        future: u64,
        outer: &[Level<'_>],
    ) -> Result<WaitsFor, Fault> {
        let mut pid = None;
        for &object in &run.objects {
            // One of anyio has one of asyncio.
            let inner = self.frames.attribute(object, "_process")?;
            for object in [Some(object), inner].into_iter().flatten() {
                for name in ["_pid", "pid"] {
                    pid = pid.or(self.frames.int(object, name)?);
                }
            }
        }
        let pid = pid.and_then(|pid| u32::try_from(pid).ok());
        Ok(WaitsFor {
            what: Wait::Subprocess {
                pid,
                alive: pid.and_then(|pid| (self.around.is_alive)(pid)),
            },
            id: run.objects.last().copied().or(Some(future)),
            name: self.names.find(&self.frames, &run.objects, outer)?,
            deadline: None,
        })
    }

    /// The transport that an object has, or that what it has has.
    pub(super) fn transport_of(&self, addr: u64) -> Result<Option<u64>, Fault> {
        // As most objects of programs, each of which may be one of thousands.
        if self.is_apart(addr)? {
            return Ok(None);
        }
        if let Some(transport) = self.own_transport(addr)? {
            return Ok(Some(transport));
        }
        for name in ON_THE_WAY {
            if let Some(next) = self.frames.attribute(addr, name)?
                && self.is_instance(next)?
                && let Some(transport) = self.own_transport(next)?
            {
                return Ok(Some(transport));
            }
        }
        Ok(None)
    }

    /// Whether the object has nothing that could lead to a transport.
    pub(super) fn is_apart(&self, addr: u64) -> Result<bool, Fault> {
        (self.objects).lacks(addr, &[&TRANSPORTS, &ON_THE_WAY], &self.apart)
    }

    fn own_transport(&self, addr: u64) -> Result<Option<u64>, Fault> {
        if !self.is_instance(addr)? {
            return Ok(None);
        }
        let found = self.objects.attributes_named(addr, TRANSPORTS)?;
        for transport in found.into_iter().flatten() {
            if self.is_transport(transport)? {
                return Ok(Some(transport));
            }
        }
        Ok(None)
    }

    /// Whether the object is of a class made at run time and of no other kind.
    fn is_instance(&self, addr: u64) -> Result<bool, Fault> {
        let type_ = self.objects.type_of(addr)?;
        Ok(type_.kind == Kind::Other && type_.flags & flags::HEAPTYPE != 0)
    }

    /// Whether it is a transport of asyncio or of uvloop.
    pub(super) fn is_transport(&self, addr: u64) -> Result<bool, Fault> {
        let type_ = self.objects.type_of(addr)?;
        if let Some(&known) = self.transports.borrow().get(&type_.addr) {
            return Ok(known);
        }
        let names = self.objects.base_names(addr)?;
        let is_it = names.iter().any(|name| {
            matches!(&**name, "BaseTransport" | "_SSLProtocolTransport")
                || name.starts_with("uvloop.loop.") && name.ends_with("Transport")
        });
        self.objects.hold(32)?;
        self.transports.borrow_mut().insert(type_.addr, is_it);
        Ok(is_it)
    }

    /// Adds what the transport at `addr` says of itself.
    pub(super) fn add_transport(&self, found: &mut Socket, addr: u64) -> Result<(), Fault> {
        let (objects, frames) = (self.objects, &self.frames);
        let names = ["_ssl_protocol", "_sock_fd", "_fileno", "_sock", "_extra"];
        let mut here = addr;
        let mut found_here = objects.attributes_named(here, names)?;
        for _ in 0..LAYERS {
            let below = match frames.not_none(found_here[0])? {
                Some(tls) => frames.attribute(tls, "_transport")?,
                None => self.below_tls_of_uv(here)?,
            };
            let Some(below) = below else {
                break;
            };
            here = below;
            found_here = objects.attributes_named(here, names)?;
        }
        let [_, sock_fd, fileno, sock, extra] = found_here;
        for fd in [sock_fd, fileno].into_iter().flatten() {
            let fd = frames.as_int(fd)?;
            found.fd = found.fd.or(fd.and_then(|fd| i32::try_from(fd).ok()));
        }
        if let Some(socket) = frames.not_none(sock)? {
            self.add_socket(found, socket)?;
        }
        if let Some(extra) = extra
            && objects.kind_of(extra)? == Kind::Dict
        {
            let names = ["socket", "pipe", "sockname", "peername"];
            let [socket, pipe, local, peer] = objects.dict_named(extra, names)?;
            if found.family.is_none()
                && let Some(socket) = socket
            {
                self.add_socket(found, socket)?;
            }
            if pipe.is_some() {
                found.family = Some("pipe".to_owned());
            }
            if let Some(address) = local {
                found.local = self.address(address)?;
            }
            if let Some(address) = peer {
                found.peer = self.address(address)?;
            }
        }
        // To close it, what is left is written first.
        if matches!(found.action, Some("write" | "close")) {
            found.buffered = self.buffered(here)?;
        }
        if found.fd.is_none() {
            found.fd = self.descriptor_of_uv(here)?;
        }
        Ok(())
    }

    /// How many bytes wait to be written: a bytearray, or from 3.12 a deque of
    /// pieces.
    fn buffered(&self, transport: u64) -> Result<Option<u64>, Fault> {
        let Some(buffer) = self.frames.attribute(transport, "_buffer")? else {
            return Ok(None);
        };
        if self.objects.kind_of(buffer)? != Kind::Deque {
            return self.objects.length(buffer).map(Some);
        }
        let mut bytes = 0_u64;
        for piece in self
            .objects
            .deque(buffer)?
            .into_iter()
            .take(limits::MOST_BUFFERS)
        {
            bytes = bytes.saturating_add(match self.objects.kind_of(piece)? {
                // Of `sendto`: what to send, and where to.
                Kind::Tuple => match self.objects.tuple(piece)?.first() {
                    Some(&data) => self.objects.length(data)?,
                    None => 0,
                },
                _ => self.objects.length(piece)?,
            });
        }
        Ok(Some(bytes))
    }

    /// Adds what the `socket.socket` at `addr` says of itself, or the wrapper
    /// that asyncio puts around one.
    pub(super) fn add_socket(&self, found: &mut Socket, addr: u64) -> Result<(), Fault> {
        let mut addr = addr;
        if self.objects.kind_of(addr)? != Kind::Socket {
            match self.frames.attribute(addr, "_sock")? {
                Some(inner) if self.objects.kind_of(inner)? == Kind::Socket => addr = inner,
                _ => return Ok(()),
            }
        }
        let layout = &self.objects.layout.socket;
        let fd = self.objects.i32(addr, layout.fd)?;
        let family = self.objects.i32(addr, layout.family)?;
        let type_ = self.objects.i32(addr, layout.type_)?;
        if fd >= 0 {
            found.fd = Some(fd);
        }
        let family = match (family, type_ & 0xf) {
            (UNIX, _) => "unix",
            (INET | INET6, STREAM) => "tcp",
            (INET | INET6, DATAGRAM) => "udp",
            _ => return Ok(()),
        };
        found.family = Some(family.to_owned());
        Ok(())
    }

    /// The text of an address, as `getsockname` gives it: `127.0.0.1:80`,
    /// `[::1]:80`, `/run/socket`, `@abstract`.
    pub(super) fn address(&self, addr: u64) -> Result<Option<String>, Fault> {
        let objects = self.objects;
        Ok(match objects.kind_of(addr)? {
            Kind::Tuple => {
                let (Some(host), Some(port)) =
                    (objects.tuple_item(addr, 0)?, objects.tuple_item(addr, 1)?)
                else {
                    return Ok(None);
                };
                let port = self.frames.as_int(port)?;
                if objects.kind_of(host)? != Kind::Text {
                    return Ok(None);
                }
                let mut host = objects.text_with(host, LONGEST_PORT)?;
                let Some(port) = port.and_then(|port| u16::try_from(port).ok()) else {
                    return Ok(None);
                };
                if !host.contains(':') {
                    host.push(':');
                    host.push_str(itoa::Buffer::new().format(port));
                    return Ok(Some(host));
                }
                // An address of version 6 has its brackets.
                Some(match host.parse() {
                    Ok(ip) => SocketAddr::new(IpAddr::V6(ip), port).to_string(),
                    Err(_) => format!("[{host}]:{port}"),
                })
            }
            Kind::Text => Some(objects.text(addr)?).filter(|path| !path.is_empty()),
            Kind::Bytes => {
                let bytes = objects.byte_string(addr, limits::LONGEST_ADDRESS)?;
                match bytes.strip_prefix(&[0]) {
                    Some(name) => Some(format!("@{}", String::from_utf8_lossy(name))),
                    None if bytes.is_empty() => None,
                    None => Some(String::from_utf8_lossy(&bytes).into_owned()),
                }
            }
            _ => None,
        })
    }
}
