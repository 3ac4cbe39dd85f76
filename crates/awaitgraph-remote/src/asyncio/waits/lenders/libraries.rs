//! What is known of the pool that a task waits for, of each library.

use super::{Lender, Library, Waits};
use crate::asyncio::waits::frames::Level;
use crate::map::HashSet;
use crate::object::{Fault, Kind};

/// In how many frames around a queue the pool is looked for that keeps it.
const NEAREST: usize = 12;

impl Waits<'_> {
    /// The pool at `addr`, which a task waits for with these frames, of which
    /// the `inner` ones are those of the library.
    pub(in crate::asyncio::waits) fn lender_of(
        &self,
        library: Library,
        addr: u64,
        inner: &[Level<'_>],
    ) -> Result<Lender, Fault> {
        match library {
            Library::Aiohttp => self.connector(addr, inner),
            Library::Httpcore => self.pool_of_httpcore(addr),
        }
    }

    /// The pool of SQLAlchemy that keeps the queue at `queue`; `outer` are the
    /// frames of one that waits for an item of that, one of which is a function
    /// of the pool.
    ///
    /// It lends as many as its queue takes (`pool_size`), and opens some more
    /// (`max_overflow`), which it closes when they come back.
    pub(in crate::asyncio::waits) fn pool_of_sqlalchemy(
        &self,
        queue: u64,
        outer: &[Level<'_>],
    ) -> Result<Option<Lender>, Fault> {
        let frames = &self.frames;
        for level in outer.iter().take(NEAREST) {
            if !frames.is(level.code, "sqlalchemy/pool/impl", "_do_get") {
                continue;
            }
            let Some(pool) = frames.itself(level.raw)? else {
                continue;
            };
            let Some(adapted) = frames.attribute(pool, "_pool")? else {
                continue;
            };
            if frames.attribute(adapted, "_queue")? != Some(queue) {
                continue;
            }
            let size = frames.int(adapted, "maxsize")?;
            let here = frames.length(queue, "_queue")?;
            let here = here.and_then(|it| i64::try_from(it).ok());
            let overflow = frames.int(pool, "_overflow")?;
            let most = frames.int(pool, "_max_overflow")?;
            let add = |a: Option<i64>, b: Option<i64>| a?.checked_add(b?);
            let lent = add(add(size, overflow), here.map(|it| -it));
            let count = |it: Option<i64>| it.and_then(|it| u64::try_from(it).ok());
            return Ok(Some(Lender {
                pool,
                key: pool,
                lent: count(lent),
                bound: count(add(size, most)),
                waiting: frames.length(queue, "_getters")?,
                things: None,
            }));
        }
        Ok(None)
    }

    /// The pool of httpcore: of its requests, those that have a connection.
    fn pool_of_httpcore(&self, pool: u64) -> Result<Lender, Fault> {
        let (objects, frames) = (self.objects, &self.frames);
        let mut lender = Lender {
            pool,
            key: pool,
            lent: None,
            bound: (frames.int(pool, "_max_connections")?).and_then(|it| u64::try_from(it).ok()),
            waiting: None,
            things: None,
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
            lender.things = Some(things);
        }
        Ok(lender)
    }
}
