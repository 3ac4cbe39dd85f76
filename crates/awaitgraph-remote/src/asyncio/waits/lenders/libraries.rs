//! What is known of the pool that a task waits for, of each library.

use super::Lender;
use crate::asyncio::waits::Waits;
use crate::map::HashSet;
use crate::object::{Fault, Kind};

impl Waits<'_> {
    /// The pool of SQLAlchemy at `pool`, if it keeps the queue at `queue`
    /// (`sqlalchemy/pool/impl.py`).
    ///
    /// It lends as many as its queue takes (`pool_size`), and opens some more
    /// (`max_overflow`), which it closes when they come back.
    pub(super) fn pool_of_sqlalchemy(
        &self,
        pool: u64,
        queue: u64,
    ) -> Result<Option<Lender>, Fault> {
        let frames = &self.frames;
        let Some(adapted) = frames.attribute(pool, "_pool")? else {
            return Ok(None);
        };
        if frames.attribute(adapted, "_queue")? != Some(queue) {
            return Ok(None);
        }
        let size = frames.int(adapted, "maxsize")?;
        let here = frames.length(queue, "_queue")?;
        let here = here.and_then(|it| i64::try_from(it).ok());
        let overflow = frames.int(pool, "_overflow")?;
        let most = frames.int(pool, "_max_overflow")?;
        let add = |a: Option<i64>, b: Option<i64>| a?.checked_add(b?);
        let lent = add(add(size, overflow), here.map(|it| -it));
        Ok(Some(Lender {
            lent: count(lent),
            bound: count(add(size, most)),
            waiting: frames.length(queue, "_getters")?,
            ..Lender::of(pool)
        }))
    }

    /// The pool of asyncpg at `pool`, if it keeps the queue at `queue`
    /// (`asyncpg/pool.py`): what is not in there of all that it has, is lent.
    pub(super) fn pool_of_asyncpg(&self, pool: u64, queue: u64) -> Result<Option<Lender>, Fault> {
        let (objects, frames) = (self.objects, &self.frames);
        let [holders, queue_here] = objects.attributes_named(pool, ["_holders", "_queue"])?;
        let here = frames.attribute(queue, "_queue")?;
        let (Some(holders), Some(here)) = (holders, here) else {
            return Ok(None);
        };
        if queue_here != Some(queue) || objects.kind_of(holders)? != Kind::List {
            return Ok(None);
        }
        let here: HashSet<u64> = match objects.kind_of(here)? {
            Kind::List => objects.list(here)?.into_iter().collect(),
            Kind::Deque => objects.deque(here)?.into_iter().collect(),
            _ => return Ok(None),
        };
        let mut things = objects.list(holders)?;
        let all = things.len() as u64;
        things.retain(|it| !here.contains(it));
        Ok(Some(Lender {
            lent: Some(things.len() as u64),
            bound: Some(all),
            waiting: frames.length(queue, "_getters")?,
            things: Some(things.into()),
            ..Lender::of(pool)
        }))
    }

    /// The pool of psycopg at `pool` (`psycopg_pool/base.py`). It counts those
    /// that it is about to open among its own, too.
    pub(super) fn pool_of_psycopg(&self, pool: u64) -> Result<Option<Lender>, Fault> {
        let frames = &self.frames;
        let all = count(frames.int(pool, "_nconns")?);
        let here = frames.length(pool, "_pool")?;
        Ok(Some(Lender {
            lent: all.zip(here).and_then(|(all, here)| all.checked_sub(here)),
            bound: count(frames.int(pool, "_max_size")?),
            waiting: frames.length(pool, "_waiting")?,
            is_at_most: true,
            ..Lender::of(pool)
        }))
    }

    /// The pool of redis at `pool`, if it has the condition at `condition`: one
    /// that lets tasks wait (`BlockingConnectionPool`, as of redis 5).
    pub(super) fn pool_of_redis(&self, pool: u64, condition: u64) -> Result<Option<Lender>, Fault> {
        let frames = &self.frames;
        if frames.attribute(pool, "_condition")? != Some(condition) {
            return Ok(None);
        }
        let Some(used) = frames.attribute(pool, "_in_use_connections")? else {
            return Ok(None);
        };
        let things = self.items_of_set(used)?;
        Ok(Some(Lender {
            lent: Some(things.len() as u64),
            bound: count(frames.int(pool, "max_connections")?),
            waiting: frames.length(condition, "_waiters")?,
            things: Some(things.into()),
            ..Lender::of(pool)
        }))
    }

    /// The pool of httpcore: of its requests, those that have a connection.
    pub(super) fn pool_of_httpcore(&self, pool: u64) -> Result<Lender, Fault> {
        let (objects, frames) = (self.objects, &self.frames);
        let mut lender = Lender {
            bound: count(frames.int(pool, "_max_connections")?),
            ..Lender::of(pool)
        };
        if let Some(requests) = frames.attribute(pool, "_requests")?
            && objects.kind_of(requests)? == Kind::List
        {
            let mut things = Vec::new();
            let mut waiting = 0u64;
            let mut connections = HashSet::default();
            for request in objects.list(requests)? {
                match objects.attribute(request, "connection")? {
                    Some(connection) if objects.kind_of_shared(connection)? == Kind::None => {
                        waiting += 1;
                    }
                    Some(connection) => {
                        objects.hold(32)?;
                        connections.insert(connection);
                        things.push(request);
                    }
                    None => {}
                }
            }
            lender.lent = Some(connections.len() as u64);
            lender.waiting = Some(waiting);
            lender.things = Some(things.into());
        }
        Ok(lender)
    }
}

fn count(value: Option<i64>) -> Option<u64> {
    value.and_then(|value| u64::try_from(value).ok())
}
