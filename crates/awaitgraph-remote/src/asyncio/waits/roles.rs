//! What the function that a frame executes waits for, where it is one of
//! asyncio or of a layer above it that is known.
//!
//! A wait ends in a few functions of `Lib/asyncio`, and these call each other:
//! `Barrier.wait` waits in `Condition.wait`, which waits in `Lock.acquire`. So
//! the frames are looked at from the innermost one outwards for as long as
//! they are known, and the last one tells what the program asked for.

use awaitgraph_model::{Code, PrimitiveKind, QueueEnd};

use super::lenders::Library;

/// What a known function waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    /// `Future.__await__` of a future written in Python.
    Awaiting,
    /// `asyncio.sleep`: the variable `h` is the timer.
    Sleep,
    /// `asyncio.wait_for`: the variable `fut` is what it waits for.
    WaitFor,
    /// `asyncio.wait`: the variable `fs` is.
    WaitSet,
    /// `self` is the primitive.
    Primitive(PrimitiveKind),
    /// `self` is what the program wrote behind `async with`.
    Enter,
    /// `self` is the queue.
    Queue(QueueEnd),
    /// `self` is one end of a memory stream of anyio.
    MemoryStream(QueueEnd),
    /// `self` is a pool of connections, or asks one.
    Pool(Library),
    /// `self` leads to a transport.
    Stream(&'static str),
    /// The variable `transport` is one.
    Transport(&'static str),
    /// The variable `sock` is a socket, or `self` has one.
    Socket(&'static str),
    /// The variable `obj` or `sock` is a socket or a file descriptor.
    Descriptor(&'static str),
    /// `self` is the server.
    Server(&'static str),
    /// `self` is a child process, or its transport.
    Subprocess,
    /// A thread of anyio runs what was asked for.
    WorkerThread,
    /// The variable `fileno` is a descriptor that the loop watches meanwhile, and
    /// `s` tells what for: 1 to read, 2 to write.
    Watching(&'static str),
}

impl Role {
    /// A number that tells those apart that several tasks may wait at.
    pub(super) fn number(self) -> u8 {
        match self {
            Self::Queue(QueueEnd::Get) => 1,
            Self::Queue(QueueEnd::Put) => 2,
            Self::Queue(QueueEnd::Join) => 3,
            Self::Primitive(Lock) => 4,
            Self::Primitive(Semaphore) => 5,
            Self::Primitive(Condition) => 6,
            Self::Primitive(Barrier) => 7,
            Self::Primitive(Event) => 8,
            _ => 0,
        }
    }
}

use PrimitiveKind::{Barrier, Condition, Event, Lock, Semaphore};
use Role::{
    Awaiting, Descriptor, Enter, MemoryStream, Pool, Primitive, Queue, Server, Sleep, Socket,
    Stream, Subprocess, Transport, WaitFor, WaitSet, Watching, WorkerThread,
};

/// Modules, and in each the functions by their qualified names.
const KNOWN: [(&str, &[(&str, Role)]); 23] = [
    (
        "asyncio/futures",
        &[("Future.__await__", Awaiting), ("__await__", Awaiting)],
    ),
    (
        "asyncio/tasks",
        &[("sleep", Sleep), ("wait_for", WaitFor), ("_wait", WaitSet)],
    ),
    (
        "asyncio/locks",
        &[
            ("_ContextManagerMixin.__aenter__", Enter),
            ("Lock.acquire", Primitive(Lock)),
            ("Event.wait", Primitive(Event)),
            ("Condition.wait", Primitive(Condition)),
            ("Condition.wait_for", Primitive(Condition)),
            ("Semaphore.acquire", Primitive(Semaphore)),
            ("Barrier.wait", Primitive(Barrier)),
            ("Barrier._block", Primitive(Barrier)),
            ("Barrier._wait", Primitive(Barrier)),
            ("Barrier.__aenter__", Primitive(Barrier)),
        ],
    ),
    (
        "asyncio/queues",
        &[
            ("Queue.get", Queue(QueueEnd::Get)),
            ("Queue.put", Queue(QueueEnd::Put)),
            ("Queue.join", Queue(QueueEnd::Join)),
        ],
    ),
    (
        "asyncio/streams",
        &[
            ("StreamReader._wait_for_data", Stream("read")),
            ("StreamReader.read", Stream("read")),
            ("StreamReader.readline", Stream("read")),
            ("StreamReader.readuntil", Stream("read")),
            ("StreamReader.readexactly", Stream("read")),
            ("StreamReader.__anext__", Stream("read")),
            ("FlowControlMixin._drain_helper", Stream("write")),
            ("StreamWriter.drain", Stream("write")),
            ("StreamWriter.wait_closed", Stream("close")),
        ],
    ),
    (
        "asyncio/selector_events",
        &[
            ("BaseSelectorEventLoop.sock_recv", Socket("read")),
            ("BaseSelectorEventLoop.sock_recv_into", Socket("read")),
            ("BaseSelectorEventLoop.sock_recvfrom", Socket("read")),
            ("BaseSelectorEventLoop.sock_recvfrom_into", Socket("read")),
            ("BaseSelectorEventLoop.sock_sendall", Socket("write")),
            ("BaseSelectorEventLoop.sock_sendto", Socket("write")),
            ("BaseSelectorEventLoop.sock_connect", Socket("connect")),
            ("BaseSelectorEventLoop.sock_accept", Socket("accept")),
            (
                "BaseSelectorEventLoop._sock_sendfile_native",
                Socket("write"),
            ),
            ("BaseSelectorEventLoop._sendfile_native", Transport("write")),
        ],
    ),
    (
        "asyncio/unix_events",
        &[(
            "_UnixSelectorEventLoop._sock_sendfile_native",
            Socket("write"),
        )],
    ),
    (
        "asyncio/base_events",
        &[
            (
                "BaseEventLoop._create_connection_transport",
                Transport("connect"),
            ),
            ("BaseEventLoop.start_tls", Transport("connect")),
            ("Server.serve_forever", Server("accept")),
            ("Server.wait_closed", Server("close")),
        ],
    ),
    (
        "asyncio/base_subprocess",
        &[("BaseSubprocessTransport._wait", Subprocess)],
    ),
    ("asyncio/subprocess", &[("Process.wait", Subprocess)]),
    (
        "anyio/_backends/_asyncio",
        &[
            ("Event.wait", Primitive(Event)),
            ("Lock.acquire", Primitive(Lock)),
            ("Semaphore.acquire", Primitive(Semaphore)),
            ("CapacityLimiter.acquire", Primitive(Semaphore)),
            ("CapacityLimiter.acquire_on_behalf_of", Primitive(Semaphore)),
            ("CapacityLimiter.__aenter__", Primitive(Semaphore)),
            ("SocketStream.receive", Stream("read")),
            ("SocketStream.send", Stream("write")),
            ("UDPSocket.receive", Stream("read")),
            ("UDPSocket.send", Stream("write")),
            ("ConnectedUDPSocket.receive", Stream("read")),
            ("ConnectedUDPSocket.send", Stream("write")),
            ("_RawSocketMixin._wait_until_readable", Socket("read")),
            ("_RawSocketMixin._wait_until_writable", Socket("write")),
            ("UNIXSocketStream.receive", Socket("read")),
            ("UNIXSocketStream.send", Socket("write")),
            ("UNIXSocketStream.receive_fds", Socket("read")),
            ("UNIXSocketStream.send_fds", Socket("write")),
            ("UNIXDatagramSocket.receive", Socket("read")),
            ("UNIXDatagramSocket.send", Socket("write")),
            ("ConnectedUNIXDatagramSocket.receive", Socket("read")),
            ("ConnectedUNIXDatagramSocket.send", Socket("write")),
            ("UNIXSocketListener.accept", Socket("accept")),
            ("TCPSocketListener.accept", Socket("accept")),
            ("wait_readable", Descriptor("read")),
            ("wait_writable", Descriptor("write")),
            ("wait_socket_readable", Descriptor("read")),
            ("wait_socket_writable", Descriptor("write")),
            ("AsyncIOBackend.wait_readable", Descriptor("read")),
            ("AsyncIOBackend.wait_writable", Descriptor("write")),
            ("AsyncIOBackend.wait_socket_readable", Descriptor("read")),
            ("AsyncIOBackend.wait_socket_writable", Descriptor("write")),
            ("Process.wait", Subprocess),
            ("run_sync_in_worker_thread", WorkerThread),
            ("AsyncIOBackend.run_sync_in_worker_thread", WorkerThread),
        ],
    ),
    (
        "anyio/_core/_synchronization",
        &[
            ("EventAdapter.wait", Primitive(Event)),
            ("Lock.acquire", Primitive(Lock)),
            ("Lock.__aenter__", Enter),
            ("LockAdapter.acquire", Primitive(Lock)),
            ("LockAdapter.__aenter__", Enter),
            ("Condition.acquire", Primitive(Condition)),
            ("Condition.wait", Primitive(Condition)),
            ("Condition.wait_for", Primitive(Condition)),
            ("Condition.__aenter__", Primitive(Condition)),
            ("Semaphore.acquire", Primitive(Semaphore)),
            ("Semaphore.__aenter__", Enter),
            ("SemaphoreAdapter.acquire", Primitive(Semaphore)),
            ("SemaphoreAdapter.__aenter__", Enter),
            ("CapacityLimiterAdapter.acquire", Primitive(Semaphore)),
            (
                "CapacityLimiterAdapter.acquire_on_behalf_of",
                Primitive(Semaphore),
            ),
            ("CapacityLimiterAdapter.__aenter__", Enter),
        ],
    ),
    (
        "anyio/streams/memory",
        &[
            (
                "MemoryObjectReceiveStream.receive",
                MemoryStream(QueueEnd::Get),
            ),
            ("MemoryObjectSendStream.send", MemoryStream(QueueEnd::Put)),
        ],
    ),
    (
        "aiohttp/streams",
        &[
            ("StreamReader._wait", Stream("read")),
            ("DataQueue.read", Stream("read")),
            ("FlowControlDataQueue.read", Stream("read")),
        ],
    ),
    (
        "aiohttp/base_protocol",
        &[("BaseProtocol._drain_helper", Stream("write"))],
    ),
    (
        "aiohttp/connector",
        &[
            (
                "BaseConnector._wait_for_available_connection",
                Pool(Library::Aiohttp),
            ),
            ("BaseConnector.connect", Pool(Library::Aiohttp)),
        ],
    ),
    (
        "aiohttp/web_protocol",
        &[("RequestHandler.start", Stream("read"))],
    ),
    (
        "httpcore/_synchronization",
        &[("AsyncEvent.wait", Primitive(Event))],
    ),
    (
        "httpcore/_async/connection_pool",
        &[
            (
                "AsyncPoolRequest.wait_for_connection",
                Pool(Library::Httpcore),
            ),
            // Before 1.0.3.
            ("RequestStatus.wait_for_connection", Pool(Library::Httpcore)),
            (
                "AsyncConnectionPool.handle_async_request",
                Pool(Library::Httpcore),
            ),
        ],
    ),
    (
        "psycopg/waiting",
        &[
            ("wait_async", Watching("write")),
            ("wait_conn_async", Watching("connect")),
        ],
    ),
    (
        "websockets/asyncio/messages",
        &[
            ("SimpleQueue.get", Stream("read")),
            ("Assembler.get", Stream("read")),
            ("Assembler.get_iter", Stream("read")),
        ],
    ),
    (
        "websockets/asyncio/connection",
        &[
            ("Connection.recv", Stream("read")),
            ("Connection.recv_streaming", Stream("read")),
            ("Connection.__aiter__", Stream("read")),
            ("Connection.drain", Stream("write")),
            ("Connection.wait_closed", Stream("close")),
        ],
    ),
    (
        "websockets/legacy/protocol",
        &[("WebSocketCommonProtocol.wait_closed", Stream("close"))],
    ),
];

/// What the function waits for, if it is known.
pub(super) fn of(code: &Code) -> Option<Role> {
    let path = module_path(code)?;
    let (_, functions) = KNOWN.iter().find(|(module, _)| is_module(path, module))?;
    let (_, role) = functions.iter().find(|(name, _)| *name == code.function)?;
    Some(*role)
}

/// Whether the code is of the module whose path ends so.
pub(super) fn is_of(code: &Code, module: &str) -> bool {
    module_path(code).is_some_and(|path| is_module(path, module))
}

/// Whether the file is that of the module whose path ends so.
pub(super) fn is_file_of(file: &str, module: &str) -> bool {
    let path = file.trim_end_matches('c').strip_suffix(".py");
    path.is_some_and(|path| is_module(path, module))
}

/// Whether the code is of a module of asyncio.
pub(super) fn is_asyncio(code: &Code) -> bool {
    code.file.rsplit('/').nth(1) == Some("asyncio")
}

/// The path of a module's file without its extension.
fn module_path(code: &Code) -> Option<&str> {
    code.file.trim_end_matches('c').strip_suffix(".py")
}

/// Whether a path is that of a module, wherever its library is.
fn is_module(path: &str, module: &str) -> bool {
    let folder = path.strip_suffix(module);
    folder.is_some_and(|folder| folder.is_empty() || folder.ends_with('/'))
}
