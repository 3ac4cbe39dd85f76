//! Objects of uvloop, which are written in Cython: their fields have no names.
//!
//! ```text
//!   _SSLProtocolTransport ──> SSLProtocol ──> TCPTransport ──> uv_tcp_t: descriptor
//!   _SyncSocketReaderFuture ──> socket.socket             data <──┘
//! ```
//!
//! What such an object refers to is told by its type, and taken only where
//! there is but one of it; a handle of libuv leads back to the object that has
//! it. Where neither holds nothing is said.

use awaitgraph_model::{SocketKind, Wait, WaitsFor};

use super::frames::Level;
use super::{Waits, socket};
use crate::object::{Fault, Kind};

/// The largest object of uvloop that is looked through: a transport of TLS has
/// its buffers in it.
const LARGEST: u64 = 4096;

/// How many sockets of a server are looked at.
const MOST_LISTENERS: usize = 16;

/// A kind of handle, and where its descriptor is (libuv's `include/uv.h` and
/// `include/uv/unix.h`, the same in all of 1.x): `UV_NAMED_PIPE`, `UV_TCP` and
/// `UV_UDP` of `uv_handle_type`.
const HANDLES: [(i32, u64); 3] = [(7, 184), (12, 184), (15, 176)];
/// Where a handle tells its kind.
const TYPE: u64 = 16;

impl Waits<'_> {
    /// The descriptor of a transport of uvloop.
    pub(super) fn descriptor_of_uv(&self, addr: u64) -> Result<Option<i32>, Fault> {
        let objects = self.objects;
        for word in self.words_of_uv(addr)? {
            // The handle's `data` leads back.
            if objects.u64(word, 0) == Ok(addr) {
                let kind = objects.i32(word, TYPE)?;
                if let Some(&(_, place)) = HANDLES.iter().find(|(known, _)| *known == kind) {
                    let fd = objects.i32(word, place)?;
                    return Ok(Some(fd).filter(|&fd| fd >= 0));
                }
            }
        }
        Ok(None)
    }

    /// The transport below one of TLS.
    pub(super) fn below_tls_of_uv(&self, addr: u64) -> Result<Option<u64>, Fault> {
        let is_protocol = |type_: &str| type_ == "uvloop.loop.SSLProtocol";
        let Some(protocol) = self.only_one_of_uv(addr, is_protocol)? else {
            return Ok(None);
        };
        self.only_one_of_uv(protocol, |type_| {
            matches!(
                type_,
                "uvloop.loop.TCPTransport" | "uvloop.loop.UnixTransport"
            )
        })
    }

    /// The socket that a future of `loop.sock_recv` and its kin waits for, and
    /// what for.
    pub(super) fn socket_of_uv(&self, future: u64) -> Result<Option<(u64, &'static str)>, Fault> {
        let objects = self.objects;
        let type_ = objects.type_of(future)?;
        let action = match &*objects.type_name(type_.addr)? {
            "_SyncSocketReaderFuture" => "read",
            "_SyncSocketWriterFuture" => "write",
            _ => return Ok(None),
        };
        // A class of Python's own making: it has attributes.
        let mut found = None;
        for (_, value) in objects.attributes(future)? {
            if objects.kind_of(value)? == Kind::Socket {
                found = Some(value);
            }
        }
        Ok(found.map(|socket| (socket, action)))
    }

    /// Says what a socket is waited for where the future alone does not: one
    /// that `loop.sock_accept` awaits is one to read from like any other.
    pub(super) fn add_action_of_uv(&self, found: &mut WaitsFor, levels: &[Level<'_>]) {
        let Some(level) = levels.first().filter(|it| !it.raw.has_variables()) else {
            return;
        };
        let action = self
            .codes
            .with(level.code, |code| match code.function.rsplit('.').next() {
                Some("sock_accept") => Some("accept"),
                Some("sock_connect") => Some("connect"),
                _ => None,
            });
        if let (Wait::Socket(socket), Some(Some(action))) = (&mut found.what, action) {
            socket.action = Some(action);
        }
    }

    /// The server that the innermost frame waits for, if that is a method of one
    /// of uvloop's: it has its sockets in a list.
    pub(super) fn server_of_uv(&self, levels: &[Level<'_>]) -> Result<Option<WaitsFor>, Fault> {
        let objects = self.objects;
        let Some(level) = levels.first().filter(|it| !it.raw.has_variables()) else {
            return Ok(None);
        };
        let action = self
            .codes
            .with(level.code, |code| match code.function.as_str() {
                "Server.serve_forever" => Some("accept"),
                "Server.wait_closed" => Some("close"),
                _ => None,
            });
        let (Some(Some(action)), Some(coroutine)) = (action, level.raw.generator) else {
            return Ok(None);
        };
        let mut server = None;
        for object in objects.variables_of_compiled(coroutine.get())? {
            let type_ = objects.type_of(object)?.addr;
            if *objects.type_name(type_)? == *"uvloop.loop.Server" {
                server = Some(object);
            }
        }
        let Some(server) = server else {
            return Ok(None);
        };
        let mut found = socket(SocketKind::Server, action);
        for word in self.words_of_uv(server)? {
            // Of a number nothing can be read.
            if objects.kind_of(word) != Ok(Kind::List) {
                continue;
            }
            for listener in objects.list(word)?.into_iter().take(MOST_LISTENERS) {
                if found.fd.is_none() {
                    found.fd = self.descriptor_of_uv(listener)?;
                }
            }
        }
        let outer = levels.get(1..).unwrap_or_default();
        Ok(Some(WaitsFor {
            what: Wait::Socket(Box::new(found)),
            id: Some(server),
            name: self.names.find(&self.frames, &[server], outer)?,
            deadline: None,
        }))
    }

    /// The only object that the one at `addr` has whose type is one of those.
    fn only_one_of_uv(
        &self,
        addr: u64,
        is_one: impl Fn(&str) -> bool,
    ) -> Result<Option<u64>, Fault> {
        let objects = self.objects;
        let mut found = None;
        for word in self.words_of_uv(addr)? {
            // What is no pointer to an object has no type that could be read.
            let Ok(type_) = objects.type_of(word) else {
                continue;
            };
            if objects
                .type_name(type_.addr)
                .is_ok_and(|name| is_one(&name))
            {
                if found.is_some_and(|it| it != word) {
                    return Ok(None);
                }
                found = Some(word);
            }
        }
        Ok(found)
    }

    /// Where the loop at `addr` has come to in what it has to call, if it is one of
    /// uvloop: that is in a deque (`_ready` in `uvloop/loop.pyx`), of which what
    /// is called is taken out on the left.
    pub(crate) fn place_of_uv(&self, addr: Option<u64>) -> Result<Option<u64>, Fault> {
        let Some(addr) = addr else {
            return Ok(None);
        };
        let (objects, layout) = (self.objects, &self.objects.layout.deque);
        // What the package gives is of a class in Python, of which that is the base.
        let names = objects.base_names(addr)?;
        if !names.iter().any(|name| **name == *"uvloop.loop.Loop") {
            return Ok(None);
        }
        let mut place = None;
        for word in self.words_in(addr, objects.type_of(addr)?.basicsize)? {
            if objects.kind_of(word) == Ok(Kind::Deque) {
                let block = objects.u64(word, layout.left_block)?;
                let index = objects.u64(word, layout.left_index)?;
                let here = block.wrapping_mul(LARGEST).wrapping_add(index);
                place = Some(here.wrapping_add(place.unwrap_or(0)));
            }
        }
        Ok(place)
    }

    /// The words in an object of uvloop that may be pointers; none of any other.
    fn words_of_uv(&self, addr: u64) -> Result<Vec<u64>, Fault> {
        let objects = self.objects;
        let type_ = objects.type_of(addr)?;
        if !objects.type_name(type_.addr)?.starts_with("uvloop.") {
            return Ok(Vec::new());
        }
        self.words_in(addr, type_.basicsize)
    }

    /// The same of an object of this size.
    fn words_in(&self, addr: u64, size: u64) -> Result<Vec<u64>, Fault> {
        let header = self.objects.layout.object.header;
        let mut words = Vec::new();
        for offset in (header..size.min(LARGEST)).step_by(8) {
            if let Some(word) = self.objects.pointer(addr, offset)?
                && word.is_multiple_of(8)
            {
                words.push(word);
            }
        }
        Ok(words)
    }
}
