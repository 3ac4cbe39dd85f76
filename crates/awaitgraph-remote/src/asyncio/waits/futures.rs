//! Futures of which the frames do not tell what they stand for.

use std::cell::{Cell, OnceCell, RefCell};
use std::rc::Rc;

use awaitgraph_model::{Executor, Future, SocketKind, Wait, WaitsFor};

use super::connections::Connection;
use super::frames::Level;
use super::handles::InHand;
use super::names::Prefer;
use super::sight::is_kept;
use super::{FEW, MOST_TRIES, Waits, plain, socket};
use crate::map::HashMap;
use crate::object::{Fault, Kind, Type};

/// How many futures around another are seen through.
const MOST_AROUND: usize = 8;

/// What is known of a future, whoever waits for it.
#[derive(Debug)]
pub(super) struct Behind {
    type_: Type,
    is_future: bool,
    /// The `concurrent.futures.Future` that it stands for.
    chained: Option<u64>,
    /// The futures that it is around, where nothing more is known of those.
    within: Vec<u64>,
    /// What completes it, where that is known.
    found: Option<Box<WaitsFor>>,
    name: RefCell<Option<String>>,
    /// For how many tasks a name was sought.
    tries: Cell<u8>,
}

/// The bytes that are held for it.
const HELD_BEHIND: u64 = 512;

/// By future: the descriptor that completes it, and when.
pub(super) type Watched = HashMap<u64, (i32, &'static str)>;

impl Waits<'_> {
    /// What is known of a future; `levels` are the frames of the task that
    /// waits for it, the first `known` of which are asyncio's own.
    pub(super) fn of_future(
        &self,
        future: u64,
        levels: &[Level<'_>],
        known: usize,
    ) -> Result<WaitsFor, Fault> {
        if let Some(server) = self.server_of_uv(levels)? {
            return Ok(server);
        }
        let outer = levels.get(known..).unwrap_or_default();
        // What the loop has in hand is asked after what is certain: there may be
        // much of it.
        let at = OnceCell::new();
        let connection = |is_future| -> Result<Option<Connection>, Fault> {
            match at.get() {
                Some(&known) => Ok(known),
                None => {
                    let found = self.connection(future, is_future, outer)?;
                    Ok(*at.get_or_init(|| found))
                }
            }
        };
        let first = || match connection(true)? {
            Some(at) if at.is_certain => self.of_connection(at, future, outer).map(Some),
            _ => Ok(None),
        };
        let behind = self.behind_within(future, MOST_AROUND, &first)?;
        if let Some(found) = &behind.found {
            let mut found = WaitsFor::clone(found);
            self.add_action_of_uv(&mut found, levels);
            return Ok(found);
        }
        let Behind {
            is_future, chained, ..
        } = *behind;
        if chained.is_none()
            && let Some(at) = connection(is_future)?
        {
            return self.of_connection(at, future, outer);
        }
        // One around others is completed by who completes those.
        let mut wanted: Vec<u64> = match behind.within.as_slice() {
            [] => vec![future],
            within => within.to_vec(),
        };
        wanted.extend(chained);
        let (mut all, by_thread) = self.held_by_threads(&wanted)?;
        let tries = behind.tries.get();
        let mut name = behind.name.borrow().clone();
        if name.is_none() && tries < MOST_TRIES {
            behind.tries.set(tries + 1);
            name = self
                .names
                .find_preferring(Prefer::Kept, &self.frames, &wanted, outer)?;
            behind.name.borrow_mut().clone_from(&name);
        }
        let threadsafe = chained.is_some() || by_thread;
        // One that asyncio itself has behind a limit is completed by that.
        let is_in_reach = threadsafe || name.as_deref().is_some_and(is_kept);
        let orphaned =
            is_future && !is_in_reach && known == 0 && self.is_orphaned(future, &behind.type_)?;
        // A variable of who waits for it tells nothing of who may complete it.
        if is_future && !orphaned && !name.as_deref().is_some_and(is_kept) {
            all.extend(self.held_by_tasks(&wanted, future)?);
        }
        also_named(&mut all, name.as_deref());
        Ok(WaitsFor {
            what: Wait::Future(Future {
                threadsafe,
                also_held_by: all,
                orphaned,
            }),
            id: Some(future),
            name,
            deadline: None,
        })
    }

    /// What completes a future, where that is known.
    pub(super) fn completes(&self, future: u64) -> Result<Option<WaitsFor>, Fault> {
        Ok(self.behind(future)?.found.as_deref().cloned())
    }

    /// The futures that are left of what one of `asyncio.shield` or of `gather`
    /// stands for.
    fn within(&self, future: u64, shielded: Option<u64>) -> Result<Vec<u64>, Fault> {
        if let Some(shielded) = shielded {
            return Ok(vec![shielded]);
        }
        let objects = self.objects;
        if *objects.type_name(objects.type_of(future)?.addr)? != *"_GatheringFuture" {
            return Ok(Vec::new());
        }
        let Some(children) = objects.attribute(future, "_children")? else {
            return Ok(Vec::new());
        };
        if objects.kind_of(children)? != Kind::List {
            return Ok(Vec::new());
        }
        let mut left = Vec::new();
        for child in objects.list(children)? {
            if objects.is_pending(child)? && left.last() != Some(&child) {
                left.push(child);
            }
        }
        Ok(left)
    }

    /// What completes several futures: what completes the only one, or an
    /// executor, with the function where it runs the same for all.
    fn completes_all(
        &self,
        futures: &[u64],
        around: u64,
        left: usize,
    ) -> Result<Option<WaitsFor>, Fault> {
        if let [one] = futures {
            let behind = self.behind_within(*one, left, &|| Ok(None))?;
            return Ok(behind.found.as_deref().cloned());
        }
        let mut function: Option<String> = None;
        for (place, &future) in futures.iter().enumerate() {
            // Not further in: futures around futures around each other would be
            // looked at again and again.
            let behind = self.behind_within(future, 0, &|| Ok(None))?;
            let Some(WaitsFor {
                what: Wait::Executor(executor),
                ..
            }) = behind.found.as_deref()
            else {
                return Ok(None);
            };
            if place == 0 {
                function.clone_from(&executor.function);
            } else if executor.function != function {
                function = None;
            }
        }
        let executor = Executor {
            function,
            ..Executor::default()
        };
        Ok((!futures.is_empty()).then(|| plain(Wait::Executor(Box::new(executor)), around)))
    }

    /// What `asyncio.wait` waits for, by a future of its own: the `futures`.
    pub(super) fn of_set(
        &self,
        futures: &[u64],
        own: u64,
        outer: &[Level<'_>],
    ) -> Result<WaitsFor, Fault> {
        if let Some(found) = self.completes_all(futures, own, MOST_AROUND)? {
            return Ok(found);
        }
        // A connection waits for an answer or its end, whichever comes first.
        for &future in futures.iter().take(MOST_AROUND) {
            if let Some(at) = self.connection(future, true, outer)?
                && at.is_certain
            {
                return self.of_connection(at, future, outer);
            }
        }
        self.of_several(futures, own, outer)
    }

    /// What is known of a future, whoever waits for it.
    fn behind(&self, future: u64) -> Result<Rc<Behind>, Fault> {
        self.behind_within(future, MOST_AROUND, &|| Ok(None))
    }

    /// The same; `left` is how many futures around another are seen through, and
    /// `first` what is asked before the loop, by somebody who knows more.
    fn behind_within(
        &self,
        future: u64,
        left: usize,
        first: &dyn Fn() -> Result<Option<WaitsFor>, Fault>,
    ) -> Result<Rc<Behind>, Fault> {
        if let Some(known) = self.behind.borrow().get(&future) {
            return Ok(Rc::clone(known));
        }
        let type_ = self.objects.type_of(future)?;
        let stands_for = self.callbacks.behind(future)?;
        let is_plain = self.is_plain(&type_)?;
        let mut behind = Behind {
            type_,
            is_future: matches!(type_.kind, Kind::Future | Kind::PyFuture),
            chained: None,
            within: Vec::new(),
            found: None,
            name: RefCell::default(),
            tries: Cell::new(0),
        };
        let mut found = None;
        let mut is_of_one = !self.is_shared(future);
        if behind.is_future {
            behind.chained = stands_for.source;
            found = match behind.chained {
                Some(source) => self.work(source, future)?,
                None => first()?,
            };
            // Whoever knew more has said it, for himself.
            is_of_one |= found.is_some() && behind.chained.is_none();
            if found.is_none() && behind.chained.is_none() {
                found = self.completed_by_loop(future, type_.kind, is_plain)?;
            }
        }
        if found.is_none()
            && (!is_plain || stands_for.shielded.is_some())
            && let Some(left) = left.checked_sub(1)
        {
            let within = self.within(future, stands_for.shielded)?;
            found = self.completes_all(&within, future, left)?;
            if found.is_none() && within.len() <= FEW {
                behind.within = within;
                self.see_through(&mut behind, left)?;
            }
        }
        behind.found = found.map(Box::new);
        let behind = Rc::new(behind);
        // Of one that nobody else waits for nothing need be remembered.
        if is_of_one {
            return Ok(behind);
        }
        self.objects.hold(HELD_BEHIND)?;
        self.behind.borrow_mut().insert(future, Rc::clone(&behind));
        Ok(behind)
    }

    /// Puts what the only future within is around in its place.
    fn see_through(&self, behind: &mut Behind, left: usize) -> Result<(), Fault> {
        if let [one] = *behind.within {
            let inner = self.behind_within(one, left, &|| Ok(None))?;
            behind.chained = behind.chained.or(inner.chained);
            if !inner.within.is_empty() {
                behind.within.clone_from(&inner.within);
            }
        }
        Ok(())
    }

    /// Whether the type is that of asyncio's own futures, and so tells nothing.
    pub(super) fn is_plain(&self, type_: &Type) -> Result<bool, Fault> {
        if self.plain.get() == type_.addr {
            return Ok(true);
        }
        let is_plain = matches!(
            &*self.objects.type_name(type_.addr)?,
            "_asyncio.Future" | "Future"
        );
        if is_plain {
            self.plain.set(type_.addr);
        }
        Ok(is_plain)
    }

    /// What the loop has, or uvloop, that completes the future.
    pub(super) fn completed_by_loop(
        &self,
        future: u64,
        kind: Kind,
        is_plain: bool,
    ) -> Result<Option<WaitsFor>, Fault> {
        let loop_ = match kind {
            Kind::Future => self
                .objects
                .pointer(future, self.objects.layout.future.loop_)?,
            _ => self.objects.attribute(future, "_loop")?,
        };
        // What the loop has in hand it has a reference to; there may be much of it.
        if is_plain
            && !loop_.is_some_and(|loop_| self.scheduled.borrow().contains_key(&loop_))
            && self.is_orphaned(future, &self.objects.type_of(future)?)?
        {
            return Ok(None);
        }
        // Who waits for a descriptor may have a timer too, to look up now and then.
        if let Some(found) = self.watched_descriptor(future, loop_)? {
            return Ok(Some(found));
        }
        if let Some(left) = self.left_of_scheduled(future, loop_)? {
            return Ok(Some(plain(Wait::Sleep { left: Some(left) }, future)));
        }
        match is_plain {
            true => Ok(None),
            false => self.bare_socket_of_uv(future),
        }
    }

    /// Whether the loop at `addr` has nothing in hand that completes a plain future.
    pub(super) fn completes_nothing(&self, addr: u64) -> Result<bool, Fault> {
        Ok(self.watched(addr)?.is_empty() && self.scheduled(addr)?.is_empty())
    }

    /// The descriptor for which the loop has a callback that completes the future.
    fn watched_descriptor(
        &self,
        future: u64,
        loop_: Option<u64>,
    ) -> Result<Option<WaitsFor>, Fault> {
        let Some(loop_) = loop_ else {
            return Ok(None);
        };
        let Some(&(fd, action)) = self.watched(loop_)?.get(&future) else {
            return Ok(None);
        };
        let mut found = socket(SocketKind::Socket, action);
        found.fd = Some(fd);
        Ok(Some(plain(Wait::Socket(Box::new(found)), future)))
    }

    /// The bare socket that a future of uvloop is for.
    fn bare_socket_of_uv(&self, future: u64) -> Result<Option<WaitsFor>, Fault> {
        let Some((object, action)) = self.socket_of_uv(future)? else {
            return Ok(None);
        };
        let mut found = socket(SocketKind::Socket, action);
        self.add_socket(&mut found, object)?;
        Ok(Some(plain(Wait::Socket(Box::new(found)), object)))
    }

    /// The futures that callbacks for descriptors have in hand, of the loop at
    /// `addr` (`_selector._fd_to_key`: a key's `data` is a pair of handles).
    fn watched(&self, addr: u64) -> Result<Rc<Watched>, Fault> {
        if let Some(known) = self.watched.borrow().get(&addr) {
            return Ok(Rc::clone(known));
        }
        let objects = self.objects;
        let mut found = HashMap::default();
        if let Some(selector) = self.frames.attribute(addr, "_selector")?
            && let Some(keys) = self.frames.attribute(selector, "_fd_to_key")?
            && objects.kind_of(keys)? == Kind::Dict
        {
            for (_, key) in objects.dict_items(keys)? {
                // A `SelectorKey`: object, descriptor, events, data.
                if objects.kind_of(key)? != Kind::Tuple {
                    continue;
                }
                let parts = objects.tuple(key)?;
                let (Some(&fd), Some(&data)) = (parts.get(1), parts.get(3)) else {
                    continue;
                };
                if objects.kind_of(data)? != Kind::Tuple {
                    continue;
                }
                for (handle, action) in objects.tuple(data)?.into_iter().zip(["read", "write"]) {
                    if objects.kind_of_shared(handle)? == Kind::None {
                        continue;
                    }
                    let futures = self.futures_of_handle(handle)?;
                    // Most handles are those of transports.
                    if futures.is_empty() {
                        continue;
                    }
                    let fd = self.frames.as_int(fd)?;
                    let Some(fd) = fd.and_then(|fd| i32::try_from(fd).ok()) else {
                        continue;
                    };
                    for InHand { future, .. } in futures {
                        objects.hold(48)?;
                        found.entry(future).or_insert((fd, action));
                    }
                }
            }
        }
        let found = Rc::new(found);
        self.watched.borrow_mut().insert(addr, Rc::clone(&found));
        Ok(found)
    }

    /// Whether nothing is left that could complete the future.
    pub(super) fn is_orphaned(&self, future: u64, type_: &Type) -> Result<bool, Fault> {
        if let Some(&known) = self.orphaned.borrow().get(&future) {
            return Ok(known);
        }
        let found =
            !self.objects.has_weak_references(future, type_)? && self.is_only_awaited(future)?;
        if !self.is_shared(future) {
            return Ok(found);
        }
        self.objects.hold(32)?;
        self.orphaned.borrow_mut().insert(future, found);
        Ok(found)
    }

    /// Whether all references to the future are those of the tasks that wait
    /// for it: their own, those of their frames, and of what they await it
    /// through.
    fn is_only_awaited(&self, future: u64) -> Result<bool, Fault> {
        let objects = self.objects;
        let mut found = 0_u64;
        // What leads to it, each as often as the frames have it.
        let mut ways = self.spare.take();
        ways.clear();
        for task in self.picture.waiting.on(future) {
            found += 1;
            let frames = self.picture.chains.get(task.as_usize());
            let frames = frames.into_iter().flat_map(|chain| chain.frames);
            for frame in frames.filter(|it| it.has_variables()) {
                let variables = self.frames.count(frame.code)?;
                objects.owned(frame, variables, |value| {
                    if value == future {
                        found += 1;
                    } else if self.leads_to(value, future)? {
                        ways.push(value);
                    }
                    Ok(())
                })?;
            }
        }
        ways.sort_unstable();
        let mut has_others = false;
        for way in ways.chunk_by(u64::eq) {
            found += 1;
            // A function elsewhere may have the same variable.
            if let Some(&addr) = way.first() {
                has_others |= objects.references(addr)? != way.len() as u64;
            }
        }
        self.spare.replace(ways);
        Ok(!has_others && found == objects.references(future)?)
    }

    /// Whether the object is a cell with the future in it, or what awaits it.
    fn leads_to(&self, addr: u64, future: u64) -> Result<bool, Fault> {
        let offset = match self.objects.kind_of_shared(addr)? {
            Kind::Cell => self.objects.layout.cell_content,
            Kind::Wrapper => self.objects.layout.object.header,
            _ => return Ok(false),
        };
        Ok(self.objects.pointer(addr, offset)? == Some(future))
    }

    /// Whether several tasks await the future.
    pub(super) fn is_shared(&self, future: u64) -> bool {
        self.picture.waiting.is_shared(future)
    }
}

/// Leaves of what refers to an object of this name what the name does not tell.
pub(super) fn also_named(held_by: &mut Vec<String>, name: Option<&str>) {
    held_by.dedup();
    if held_by.first().map(String::as_str) == name {
        held_by.drain(..held_by.len().min(1));
    }
}
