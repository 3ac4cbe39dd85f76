//! Which objects stand for something that a pool has lent.
//!
//! ```text
//!   AsyncSessionTransaction ──session──> AsyncSession ──> what it has opened
//!   a request's context ──_resp──> ClientResponse ──_connection──> Connection
//!   Response ──stream──> … ──> PoolByteStream ──_pool_request──> the request
//! ```

use super::Waits;
use crate::asyncio::waits::roles;
use crate::limits;
use crate::map::HashMap;
use crate::object::{Fault, Kind};

/// How many objects are gone through from one that has another.
const LONGEST: usize = 8;

/// The modules of the libraries whose functions give back themselves what they
/// have in their variables.
const THEIRS: [&str; 11] = [
    "asyncpg/pool",
    "aiohttp/client",
    "aiohttp/client_reqrep",
    "aiohttp/connector",
    "httpx/_client",
    "httpcore/_async/connection_pool",
    "sqlalchemy/pool/base",
    "sqlalchemy/pool/impl",
    "psycopg_pool/pool_async",
    "redis/asyncio/client",
    "redis/asyncio/connection",
];

/// What an object of a class is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Class {
    Other,
    /// This attribute is another.
    Behind(&'static str),
    /// It is what is lent.
    Itself,
    /// A connection of SQLAlchemy, or one of psycopg.
    Connection,
    /// What stands for a connection of asyncpg until that is given back.
    Proxy,
    /// What a pool of SQLAlchemy's has of a connection, which it lends.
    Record,
    /// A session of SQLAlchemy.
    Session,
    /// The attributes are the pool and what it has lent.
    Pair(&'static str, &'static str),
}

/// Classes by their names, of asyncpg, SQLAlchemy and psycopg, aiohttp, httpx, redis. Of
/// two that a class is below the first one counts.
const CLASSES: [(&str, Class); 26] = [
    ("PoolConnectionHolder", Class::Itself),
    ("PoolConnectionProxy", Class::Proxy),
    ("PoolAcquireContext", Class::Behind("connection")),
    ("AsyncConnection", Class::Connection),
    ("_ConnectionRecord", Class::Record),
    ("_ConnectionFairy", Class::Behind("_connection_record")),
    ("AsyncTransaction", Class::Behind("connection")),
    // `engine.begin()` of SQLAlchemy 1.4.
    ("_trans_ctx", Class::Behind("conn")),
    ("AsyncSession", Class::Session),
    ("AsyncSessionTransaction", Class::Behind("session")),
    (
        "_AsyncSessionContextManager",
        Class::Behind("async_session"),
    ),
    ("AbstractConnection", Class::Itself),
    ("PubSub", Class::Behind("connection")),
    ("_BaseRequestContextManager", Class::Behind("_resp")),
    ("_SessionRequestContextManager", Class::Behind("_resp")),
    ("ClientWebSocketResponse", Class::Behind("_response")),
    ("ClientResponse", Class::Behind("_connection")),
    ("Connection", Class::Pair("_connector", "_protocol")),
    ("_TransportPlaceholder", Class::Itself),
    ("Response", Class::Behind("stream")),
    ("BoundAsyncStream", Class::Behind("_stream")),
    ("AsyncResponseStream", Class::Behind("_httpcore_stream")),
    ("PoolByteStream", Class::Pair("_pool", "_pool_request")),
    ("AsyncPoolRequest", Class::Itself),
    // The same before httpcore 1.0.3.
    ("ConnectionPoolByteStream", Class::Pair("_pool", "_status")),
    ("RequestStatus", Class::Itself),
];

/// What was found out of classes and functions.
#[derive(Debug, Default)]
pub(super) struct Seen {
    /// By class.
    classes: HashMap<u64, Class>,
    /// By code: whether its function is one of a library's.
    codes: HashMap<u64, bool>,
}

impl Waits<'_> {
    /// What is lent that the object stands for, and of which pool, where it
    /// says so.
    pub(super) fn things_of(
        &self,
        object: u64,
        seen: &mut Seen,
    ) -> Result<Vec<(Option<u64>, u64)>, Fault> {
        let frames = &self.frames;
        let mut here = object;
        for _ in 0..LONGEST {
            match self.class_of_thing(here, seen)? {
                Class::Other => break,
                Class::Itself => return Ok(vec![(None, here)]),
                Class::Behind(name) => match frames.attribute(here, name)? {
                    Some(next) => here = next,
                    None => break,
                },
                Class::Pair(pool, thing) => {
                    let pool = frames.attribute(here, pool)?;
                    let thing = frames.attribute(here, thing)?;
                    return Ok(thing.map(|thing| (pool, thing)).into_iter().collect());
                }
                Class::Connection => {
                    if let Some(pool) = frames.attribute(here, "_pool")? {
                        return Ok(vec![(Some(pool), here)]);
                    }
                    let inner = frames.attribute(here, "sync_connection")?;
                    return self.opened(inner.into_iter());
                }
                Class::Proxy => {
                    let names = ["_con", "_holder"];
                    let [connection, holder] = self.objects.attributes_named(here, names)?;
                    match (frames.not_none(connection)?, holder) {
                        (Some(_), Some(holder)) => here = holder,
                        _ => break,
                    }
                }
                Class::Record => {
                    let pool = frames.attribute(here, "_ConnectionRecord__pool")?;
                    return Ok(vec![(pool, here)]);
                }
                Class::Session => return self.opened_by_session(here),
            }
        }
        Ok(Vec::new())
    }

    /// What the connections of SQLAlchemy have until they are closed.
    fn opened(
        &self,
        connections: impl Iterator<Item = u64>,
    ) -> Result<Vec<(Option<u64>, u64)>, Fault> {
        let frames = &self.frames;
        let mut found = Vec::new();
        for connection in connections {
            // One that was detached is not of the pool any more.
            if let Some(opened) = frames.attribute(connection, "_dbapi_connection")?
                && let Some(record) = frames.attribute(opened, "_connection_record")?
                && let Some(pool) = frames.attribute(record, "_ConnectionRecord__pool")?
                && !found.contains(&(Some(pool), record))
            {
                found.push((Some(pool), record));
            }
        }
        Ok(found)
    }

    /// What a session of SQLAlchemy has for its transaction.
    fn opened_by_session(&self, session: u64) -> Result<Vec<(Option<u64>, u64)>, Fault> {
        let frames = &self.frames;
        let mut here = frames.attribute(session, "sync_session")?;
        for name in ["_transaction", "_connections"] {
            here = match here {
                Some(it) => frames.attribute(it, name)?,
                None => None,
            };
        }
        match here {
            // A connection stands there by itself, and once more by its engine.
            Some(used) if self.objects.kind_of(used)? == Kind::Dict => {
                let keys = self.objects.dict_items(used)?.into_iter();
                self.opened(keys.take(limits::MOST_ATTRIBUTES).map(|(key, _)| key))
            }
            _ => Ok(Vec::new()),
        }
    }

    fn class_of_thing(&self, object: u64, seen: &mut Seen) -> Result<Class, Fault> {
        let type_ = self.objects.type_of(object)?;
        if type_.kind != Kind::Other {
            return Ok(Class::Other);
        }
        if let Some(&known) = seen.classes.get(&type_.addr) {
            return Ok(known);
        }
        let names = self.objects.base_names(object)?;
        let mut classes = CLASSES.iter();
        let class = classes.find(|(name, _)| names.iter().any(|it| **it == **name));
        let class = class.map_or(Class::Other, |&(_, class)| class);
        self.objects.hold(32)?;
        seen.classes.insert(type_.addr, class);
        Ok(class)
    }

    /// Whether the function with this code is one of a library's.
    pub(super) fn is_of_library(&self, code: u64, seen: &mut Seen) -> Result<bool, Fault> {
        if let Some(&known) = seen.codes.get(&code) {
            return Ok(known);
        }
        let file = self.codes.file(code)?;
        let is_theirs = THEIRS.iter().any(|module| roles::is_file_of(&file, module));
        self.objects.hold(32)?;
        seen.codes.insert(code, is_theirs);
        Ok(is_theirs)
    }
}
