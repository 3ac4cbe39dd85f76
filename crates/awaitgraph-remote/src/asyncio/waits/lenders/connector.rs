//! The connector of a client of aiohttp: how many connections it has lent, in
//! all and to each host.
//!
//! ```text
//!   _acquired            all that are lent, or being opened        limit
//!   _acquired_per_host   the same by host, scheme, proxy, …        limit_per_host
//!   _waiters             by the same the futures of those that wait
//! ```
//!
//! The functions that wait have the key of their host in a variable. What is
//! waited for is one of all where all are lent, else one of that host.

use std::rc::Rc;

use super::Lender;
use crate::asyncio::waits::Waits;
use crate::asyncio::waits::frames::Level;
use crate::map::HashMap;
use crate::object::{Fault, Kind};

/// What two keys of hosts have in common where they are alike
/// (`ConnectionKey`): a tuple, or before aiohttp 3.11 an object with these.
const PARTS: [&str; 7] = [
    "host",
    "port",
    "is_ssl",
    "ssl",
    "proxy",
    "proxy_auth",
    "proxy_headers_hash",
];
/// The most parts that a key has.
const MOST_PARTS: usize = 16;

/// What a connector has lent, and to whom it has not.
#[derive(Debug, Default)]
pub(in crate::asyncio::waits) struct Connector {
    limit: Option<u64>,
    limit_per_host: Option<u64>,
    acquired: Rc<[u64]>,
    waiting: u64,
    /// By the name of the host.
    hosts: HashMap<String, Vec<Host>>,
}

#[derive(Debug)]
struct Host {
    key: u64,
    /// The set of what is lent, if there is one.
    acquired: Option<u64>,
    waiting: u64,
}

impl Waits<'_> {
    /// The connector at `addr`, which a task waits for with these frames.
    pub(super) fn connector(&self, addr: u64, inner: &[Level<'_>]) -> Result<Lender, Fault> {
        let connector = self.connector_at(addr)?;
        let lent = connector.acquired.len() as u64;
        let mut lender = Lender {
            pool: addr,
            key: addr,
            lent: Some(lent),
            bound: connector.limit,
            waiting: Some(connector.waiting),
            is_at_most: false,
            things: Some(Rc::clone(&connector.acquired)),
        };
        let is_of_host = connector.limit.is_none_or(|limit| lent < limit);
        let Some(limit) = connector.limit_per_host.filter(|_| is_of_host) else {
            return Ok(lender);
        };
        // Where its host is not found, it is not known what it waits for.
        lender.key = 0;
        (lender.lent, lender.bound, lender.waiting) = (None, None, None);
        lender.things = Some(Rc::default());
        let mut keys = inner.iter().map(|it| self.frames.variable(it.raw, "key"));
        let Some(key) = keys.find_map(Result::transpose).transpose()? else {
            return Ok(lender);
        };
        let alike = match self.name_of_host(key)? {
            Some(name) => connector.hosts.get(&name),
            None => None,
        };
        for host in alike.into_iter().flatten() {
            if let Some(acquired) = host.acquired
                && self.is_same_host(host.key, key)?
            {
                let things = self.items_of_set(acquired)?;
                lender.key = acquired;
                lender.lent = Some(things.len() as u64);
                lender.bound = Some(limit);
                lender.things = Some(things.into());
            }
        }
        let mut waiting = 0u64;
        for host in alike.into_iter().flatten() {
            if host.waiting > 0 && self.is_same_host(host.key, key)? {
                waiting = waiting.saturating_add(host.waiting);
            }
        }
        lender.waiting = Some(waiting).filter(|&it| it > 0);
        Ok(lender)
    }

    /// What is known of the connector, which is read once.
    fn connector_at(&self, addr: u64) -> Result<Rc<Connector>, Fault> {
        if let Some(known) = self.connectors.borrow().get(&addr) {
            return Ok(Rc::clone(known));
        }
        let (objects, frames) = (self.objects, &self.frames);
        let names = ["_acquired", "_acquired_per_host", "_waiters"];
        let [acquired, per_host, waiters] = objects.attributes_named(addr, names)?;
        let limit = |name| -> Result<Option<u64>, Fault> {
            let limit = frames.int(addr, name)?.filter(|&it| it > 0);
            Ok(limit.and_then(|it| u64::try_from(it).ok()))
        };
        let mut connector = Connector {
            limit: limit("_limit")?,
            limit_per_host: limit("_limit_per_host")?,
            ..Connector::default()
        };
        if let Some(acquired) = acquired {
            connector.acquired = self.items_of_set(acquired)?.into();
        }
        for (dict, waits) in [(per_host, false), (waiters, true)] {
            let Some(dict) = dict else { continue };
            if objects.kind_of(dict)? != Kind::Dict {
                continue;
            }
            for (key, value) in objects.dict_items(dict)? {
                let waiting = if waits { objects.length(value)? } else { 0 };
                connector.waiting = connector.waiting.saturating_add(waiting);
                if connector.limit_per_host.is_some()
                    && let Some(name) = self.name_of_host(key)?
                {
                    objects.hold(96 + name.len() as u64)?;
                    connector.hosts.entry(name).or_default().push(Host {
                        key,
                        acquired: (!waits).then_some(value),
                        waiting,
                    });
                }
            }
        }
        objects.hold(128 + 8 * connector.acquired.len() as u64)?;
        let connector = Rc::new(connector);
        let mut connectors = self.connectors.borrow_mut();
        connectors.insert(addr, Rc::clone(&connector));
        Ok(connector)
    }

    pub(super) fn items_of_set(&self, set: u64) -> Result<Vec<u64>, Fault> {
        match self.objects.kind_of(set)? {
            Kind::Set => self.objects.set(set),
            _ => Ok(Vec::new()),
        }
    }

    /// The first part of a key.
    fn name_of_host(&self, key: u64) -> Result<Option<String>, Fault> {
        let name = match self.objects.kind_of(key)? {
            Kind::Tuple => self.objects.tuple_item(key, 0)?,
            _ => self.objects.attribute(key, "host")?,
        };
        match name {
            Some(name) if self.objects.kind_of(name)? == Kind::Text => {
                self.objects.text(name).map(Some)
            }
            _ => Ok(None),
        }
    }

    fn parts_of_key(&self, key: u64) -> Result<Vec<Option<u64>>, Fault> {
        Ok(match self.objects.kind_of(key)? {
            Kind::Tuple => self.objects.tuple(key)?.into_iter().map(Some).collect(),
            _ => self.objects.attributes_named(key, PARTS)?.to_vec(),
        })
    }

    /// Whether two keys are alike, as far as that is seen: of what is neither
    /// text nor a number only whether it is the same object.
    fn is_same_host(&self, a: u64, b: u64) -> Result<bool, Fault> {
        if a == b {
            return Ok(true);
        }
        let objects = self.objects;
        let (a, b) = (self.parts_of_key(a)?, self.parts_of_key(b)?);
        if a.len() != b.len() || a.len() > MOST_PARTS {
            return Ok(false);
        }
        for (a, b) in a.into_iter().zip(b) {
            let is_same = a == b
                || match (a, b) {
                    (Some(a), Some(b)) => match (objects.kind_of(a)?, objects.kind_of(b)?) {
                        (Kind::Text, Kind::Text) => objects.text(a)? == objects.text(b)?,
                        (Kind::Int, Kind::Int) => {
                            let a = self.frames.as_int(a)?;
                            a.is_some() && a == self.frames.as_int(b)?
                        }
                        _ => false,
                    },
                    _ => false,
                };
            if !is_same {
                return Ok(false);
            }
        }
        Ok(true)
    }
}
