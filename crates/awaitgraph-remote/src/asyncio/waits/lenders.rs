//! Pools that count what they lend, as those of connections do, and who has it.
//!
//! ```text
//!   waits:  QueuePool._do_get        a function that is known, whose `self` is the
//!                                    pool, or knows it
//!   has:    async with engine.connect():
//!               …                    an object on the value stack
//!           await session.get(url)   in a function of the library itself
//!           one = await connect()    a variable of the program
//! ```
//!
//! The first two give back what they have by themselves. A variable may be one
//! of several that have the same: its task is named where it is the only one,
//! and does not count as all that there is to know of it.
//!
//! ```text
//!   things      which objects stand for something that was lent
//!   libraries   what is known of the pool, of each library
//!   connector   the same of aiohttp, which has one for each host
//! ```

mod connector;
mod libraries;
mod things;

use std::rc::Rc;
use std::sync::Arc;

use awaitgraph_model::{CodeIndex, Pool, TaskIndex, WaitsFor};

use super::Waits;
use super::frames::Level;
use super::names::Prefer;
use crate::coroutine::{End, Stacks};
use crate::frame::RawFrame;
use crate::map::{HashMap, HashSet};
use crate::object::{Fault, Kind};

pub(super) use connector::Connector;
use things::Seen;

/// Whose pools these are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Library {
    /// The connections of a client of aiohttp.
    Aiohttp,
    /// Those of httpcore, which has them for httpx.
    Httpcore,
}

/// Whose pool it is within which a queue or a condition is waited for.
#[derive(Debug, Clone, Copy)]
pub(super) enum Within {
    Asyncpg,
    Sqlalchemy,
    Psycopg,
    Redis,
}

/// The functions that wait so: their modules and names. `self` is the pool.
const WAITING: [(&str, &str, Within); 6] = [
    ("asyncpg/pool", "_acquire_impl", Within::Asyncpg),
    ("asyncpg/pool", "_acquire", Within::Asyncpg),
    ("sqlalchemy/pool/impl", "_do_get", Within::Sqlalchemy),
    (
        "psycopg_pool/pool_async",
        "_getconn_unchecked",
        Within::Psycopg,
    ),
    ("psycopg_pool/pool_async", "getconn", Within::Psycopg),
    ("redis/asyncio/connection", "get_connection", Within::Redis),
];

/// In how many frames around a queue or a condition such a one is looked for.
const NEAREST: usize = 12;

/// A pool that a task waits for.
#[derive(Debug)]
struct Lender {
    pool: u64,
    /// By this it is told alike to all that wait for the same: the pool, or what
    /// it has lent of one kind; 0 where it is for nobody else.
    key: u64,
    lent: Option<u64>,
    bound: Option<u64>,
    waiting: Option<u64>,
    /// Whether some of the `lent` may be with nobody, as those that it is about
    /// to open.
    is_at_most: bool,
    /// What it has lent; `None` where it does not say so.
    things: Option<Rc<[u64]>>,
}

impl Lender {
    /// One of which nothing more is known.
    fn of(pool: u64) -> Self {
        Self {
            pool,
            key: pool,
            lent: None,
            bound: None,
            waiting: None,
            is_at_most: false,
            things: None,
        }
    }
}

/// What tasks have of what pools lend.
#[derive(Debug, Default)]
pub(super) struct Loans {
    /// By pool: what is known to be of it.
    of_pools: HashMap<u64, HashSet<u64>>,
    /// By thing: who has it.
    owners: HashMap<u64, Vec<Owner>>,
}

#[derive(Debug, Clone, Copy)]
struct Owner {
    task: TaskIndex,
    /// Whether it is certain that this one gives it back.
    is_sure: bool,
}

impl Waits<'_> {
    /// What is said to everybody who waits in a function that is known for the
    /// pool at `pool`; the `inner` ones of its frames are those of the library.
    pub(super) fn pool_of(
        &self,
        library: Library,
        pool: u64,
        inner: &[Level<'_>],
        outer: &[Level<'_>],
    ) -> Result<Arc<WaitsFor>, Fault> {
        if library == Library::Aiohttp {
            return self.lender(&self.connector(pool, inner)?, outer);
        }
        match self.said_of_pool(pool, pool, outer)? {
            Some(said) => Ok(said),
            None => self.lender(&self.pool_of_httpcore(pool)?, outer),
        }
    }

    /// The same to one who waits at a queue or a condition that is `inner` to a
    /// pool: one of its frames is a function of that.
    pub(super) fn pool_around(
        &self,
        inner: u64,
        outer: &[Level<'_>],
    ) -> Result<Option<Arc<WaitsFor>>, Fault> {
        for level in outer.iter().take(NEAREST) {
            let Some(library) = self.waits_within(level.code) else {
                continue;
            };
            let Some(pool) = self.frames.itself(level.raw)? else {
                continue;
            };
            if let Some(said) = self.said_of_pool(pool, pool, outer)? {
                return Ok(Some(said));
            }
            let lender = match library {
                Within::Asyncpg => self.pool_of_asyncpg(pool, inner)?,
                Within::Sqlalchemy => self.pool_of_sqlalchemy(pool, inner)?,
                Within::Psycopg => self.pool_of_psycopg(pool)?,
                Within::Redis => self.pool_of_redis(pool, inner)?,
            };
            return match lender {
                Some(lender) => self.lender(&lender, outer).map(Some),
                None => Ok(None),
            };
        }
        Ok(None)
    }

    /// The library in whose function one waits for a pool, if it is such a function.
    fn waits_within(&self, code: CodeIndex) -> Option<Within> {
        if let Some(&known) = self.waiting_within.borrow().get(&code) {
            return known;
        }
        let is_it = |&&(module, name, _): &&(_, _, _)| self.frames.is(code, module, name);
        let within = WAITING.iter().find(is_it).map(|&(_, _, within)| within);
        self.waiting_within.borrow_mut().insert(code, within);
        within
    }

    /// What is said to everybody who waits for the pool; `outer` are the frames
    /// of this one.
    fn lender(&self, lender: &Lender, outer: &[Level<'_>]) -> Result<Arc<WaitsFor>, Fault> {
        self.shared_pool(lender.key, lender.pool, outer, || self.pool(lender))
    }

    /// The name of a pool to the program, whose own frames are asked first: in a
    /// library's functions it goes by another.
    pub(super) fn name_of_pool(
        &self,
        pool: u64,
        outer: &[Level<'_>],
    ) -> Result<Option<String>, Fault> {
        let mut own = outer.to_vec();
        own.retain(|level| !self.frames.is_installed(level.code));
        let name = (self.names).find_preferring(Prefer::Kept, &self.frames, &[pool], &own)?;
        match name {
            None if own.len() < outer.len() => {
                (self.names).find_preferring(Prefer::Kept, &self.frames, &[pool], outer)
            }
            name => Ok(name),
        }
    }

    fn pool(&self, lender: &Lender) -> Result<Pool, Fault> {
        let loans = self.loans()?;
        let none = HashSet::default();
        let of_pool = loans.of_pools.get(&lender.pool).unwrap_or(&none);
        let things: Rc<[u64]> = match &lender.things {
            Some(things) => Rc::clone(things),
            None => of_pool.iter().copied().collect(),
        };
        let mut holders = Vec::new();
        let (mut on_record, mut in_variables) = (0u64, 0u64);
        for thing in &*things {
            let owners = loans.owners.get(thing).map(Vec::as_slice);
            let owners = owners.unwrap_or_default();
            let sure = owners.iter().filter(|it| it.is_sure);
            let before = holders.len();
            holders.extend(sure.map(|it| it.task));
            if holders.len() > before {
                on_record += 1;
            } else if let [first, rest @ ..] = owners
                && rest.iter().all(|it| it.task == first.task)
            {
                holders.push(first.task);
                in_variables += 1;
            }
        }
        holders.sort_unstable();
        holders.dedup();
        let all = match &lender.things {
            Some(things) => Some(things.len() as u64),
            None => lender.lent,
        };
        let has_more = all.is_none_or(|all| on_record + in_variables < all);
        Ok(Pool {
            lent: lender.lent.filter(|_| !(has_more && lender.is_at_most)),
            bound: lender.bound,
            waiting: lender.waiting,
            holders: self.within_share(holders),
            more_holders: has_more && !lender.is_at_most,
            by_others: in_variables > 0,
        })
    }

    /// Who has what, which is looked for once.
    fn loans(&self) -> Result<&Loans, Fault> {
        if let Some(known) = self.loans.get() {
            return Ok(known);
        }
        let mut loans = Loans::default();
        let mut seen = Seen::default();
        for object in self.entered.objects() {
            let tasks = self.entered.tasks(object);
            let found = self.things_of(object, &mut seen)?;
            self.add_owners(&found, tasks, true, &mut loans)?;
            for frame in self.generator_of(object)? {
                self.add_variables(&frame, tasks, &mut seen, &mut loans)?;
            }
        }
        for (position, chain) in self.picture.chains.iter().enumerate() {
            let task = [TaskIndex::from_usize(position)];
            let [index] = task;
            let on_stack = (self.picture.on_stack)(index);
            for frame in chain.frames.iter().chain(on_stack) {
                self.add_variables(frame, &task, &mut seen, &mut loans)?;
            }
        }
        Ok(self.loans.get_or_init(|| loans))
    }

    /// Adds what the variables of a frame have.
    fn add_variables(
        &self,
        frame: &RawFrame,
        tasks: &[TaskIndex],
        seen: &mut Seen,
        loans: &mut Loans,
    ) -> Result<(), Fault> {
        if !frame.has_variables() {
            return Ok(());
        }
        for place in 0..self.frames.count(frame.code)? {
            let Some(value) = self.objects.variable(frame, place)? else {
                continue;
            };
            if self.objects.kind_of_shared(value)? != Kind::Other {
                continue;
            }
            let found = self.things_of(value, seen)?;
            if !found.is_empty() {
                let is_sure = self.is_of_library(frame.code, seen)?;
                self.add_owners(&found, tasks, is_sure, loans)?;
            }
        }
        Ok(())
    }

    fn add_owners(
        &self,
        things: &[(Option<u64>, u64)],
        tasks: &[TaskIndex],
        is_sure: bool,
        loans: &mut Loans,
    ) -> Result<(), Fault> {
        for &(pool, thing) in things {
            self.objects.hold(64 + 16 * tasks.len() as u64)?;
            if let Some(pool) = pool {
                loans.of_pools.entry(pool).or_default().insert(thing);
            }
            let owners = loans.owners.entry(thing).or_default();
            for &task in tasks {
                if !owners
                    .iter()
                    .rev()
                    .take(2)
                    .any(|it| it.task == task && it.is_sure == is_sure)
                {
                    owners.push(Owner { task, is_sure });
                }
            }
        }
        Ok(())
    }

    /// The frames of the generator that rests in what a function with
    /// `asynccontextmanager` gave; none of any other object.
    fn generator_of(&self, object: u64) -> Result<Vec<RawFrame>, Fault> {
        let objects = self.objects;
        let mut frames = Vec::new();
        if let Some(generator) = objects.attribute(object, "gen")?
            && objects.kind_of(generator)? == Kind::Generator
            && objects.chain(generator, &Stacks::default(), &mut frames) != (End::Resting, None)
        {
            frames.clear();
        }
        Ok(frames)
    }
}
