//! The places of objects in containers: dicts, lists, tuples, sets, deques.
//!
//! One that many tasks lead to is looked through once, and remembered by what
//! is in it; of any other no more is looked at than its share.

use std::cell::{Cell, OnceCell, RefCell};
use std::rc::Rc;

use super::Names;
use crate::map::HashMap;
use crate::object::{Fault, Kind, Objects};

/// How many items of small containers, and attributes that may be such, are
/// looked at each time: as tasks that are alike have objects that are alike, all
/// of them have a name or none.
const SHARE_OF_ITEMS: u64 = 96;
/// One that is larger is most likely shared by many, and is read once. How many
/// items of such are looked at in all, and of each.
const SMALL: u64 = 32;
const MOST_CONTENTS: u64 = 400_000;
const MOST_ITEMS: u64 = 100_000;
/// How many of them are looked at as containers themselves, and how deep.
const MOST_INNER: usize = 64;
const MOST_INNER_OF_SMALL: usize = 4;
const DEPTH: usize = 2;

/// The bytes of most names with the key behind them.
const USUAL_NAME: usize = 32;
/// How much of a key is shown.
const LONGEST_KEY: usize = 32;

/// What a container has.
#[derive(Debug, Default)]
struct Contents {
    /// The objects in it in their order, each behind its key, if they have any.
    keyed: Vec<(u64, u64)>,
    /// Whether the keys are objects, as those of a dict, and not places.
    by_object: bool,
    /// The objects that have none, as those of a set.
    others: Vec<u64>,
    /// By the object, where it is the first time among all of them, one behind the
    /// other: the keys of a dict come last.
    places: OnceCell<HashMap<u64, usize>>,
    /// Where the next that is asked for most likely is: behind the last one.
    next: Cell<usize>,
    /// The first few containers in it.
    inner: Vec<(Option<Key>, u64)>,
}

impl Contents {
    /// The key of the first of `wanted` that is there, or none that would tell
    /// anything.
    fn find(&self, wanted: &[u64]) -> Option<Option<Key>> {
        // It is often the same as the last one, or that behind it.
        let next = self.next.get();
        if let [object] = wanted {
            for place in [next, next.saturating_sub(1)] {
                if let Some((key, there)) = self.keyed.get(place)
                    && there == object
                {
                    self.next.set(place + 1);
                    return Some(Some(self.key(*key)));
                }
            }
        }
        let places = self.places.get_or_init(|| {
            let mut places = HashMap::default();
            places.reserve(self.items().size_hint().0);
            for (place, (object, _)) in self.items().enumerate() {
                places.entry(object).or_insert(place);
            }
            places
        });
        let place = *wanted.iter().find_map(|it| places.get(it))?;
        self.next.set(place + 1);
        Some(self.keyed.get(place).map(|&(key, _)| self.key(key)))
    }

    /// All that is there, each with its key.
    fn items(&self) -> impl Iterator<Item = (u64, Option<Key>)> {
        let keyed = self.keyed.iter();
        // A dict without values stands for a set with an order.
        let keys = if self.by_object {
            self.keyed.as_slice()
        } else {
            &[]
        };
        let others = keys.iter().map(|&(key, _)| key);
        let others = others.chain(self.others.iter().copied());
        keyed
            .map(|&(key, object)| (object, Some(self.key(key))))
            .chain(others.map(|object| (object, None)))
    }

    fn key(&self, word: u64) -> Key {
        if self.by_object {
            Key::Object(word)
        } else {
            Key::Place(word)
        }
    }
}

#[derive(Debug, Clone, Copy)]
enum Key {
    /// The object that is the key of a dict.
    Object(u64),
    /// The place in a list.
    Place(u64),
}

/// Containers that are looked through together.
#[derive(Debug)]
pub(super) struct Containers {
    /// Each behind its name, or 0 where it is what has them all.
    list: Vec<(u64, u64)>,
    /// Whether they were looked through before.
    again: Cell<bool>,
    /// What is in them; `None` where that is too much.
    index: OnceCell<Option<Index>>,
}

impl Containers {
    pub(super) fn new(list: Vec<(u64, u64)>) -> Self {
        Self {
            list,
            again: Cell::new(false),
            index: OnceCell::new(),
        }
    }
}

/// What is in several containers.
#[derive(Debug, Default)]
struct Index {
    /// By the object: where in a small one it is.
    small: HashMap<u64, Spot>,
    /// Each with where it is itself.
    large: Vec<(Spot, Rc<Contents>)>,
    /// How many containers are in it.
    count: usize,
}

/// A place in a container.
#[derive(Debug, Clone, Copy)]
struct Spot {
    /// The number of the container: what comes first gives the name.
    number: usize,
    /// The name of the outermost one.
    name: u64,
    /// The key there, and in the one inside of it.
    keys: [Option<Option<Key>>; 2],
}

impl Spot {
    /// The object that is the key there, if that is all; else 0.
    fn only_key(self) -> u64 {
        match self.keys {
            [Some(Some(Key::Object(key))), None] => key,
            _ => 0,
        }
    }

    /// The place of this key in the container that is here.
    fn at(mut self, key: Option<Key>) -> Self {
        if let Some(free) = self.keys.iter_mut().find(|it| it.is_none()) {
            *free = Some(key);
        }
        self
    }
}

/// Reads containers.
pub(super) struct Reader {
    /// By container.
    contents: RefCell<HashMap<u64, Rc<Contents>>>,
    /// How many items may still be read that are remembered.
    items_left: Cell<u64>,
    /// How many others, for the name that is just sought.
    share: Cell<u64>,
}

impl Default for Reader {
    fn default() -> Self {
        Self {
            contents: RefCell::default(),
            items_left: Cell::new(MOST_CONTENTS),
            share: Cell::new(0),
        }
    }
}

impl Reader {
    /// Begins the look for one name.
    pub(super) fn begin(&self) {
        self.share.set(SHARE_OF_ITEMS);
    }

    /// Whether so many may be looked at, which are counted.
    pub(super) fn take_of_share(&self, items: usize) -> bool {
        let left = self.share.get().checked_sub(items as u64);
        self.share.set(left.unwrap_or_default());
        left.is_some()
    }

    /// The same of those that are remembered.
    pub(super) fn take_to_keep(&self, objects: &Objects<'_>, items: u64) -> Result<bool, Fault> {
        let Some(left) = self.items_left.get().checked_sub(items) else {
            return Ok(false);
        };
        self.items_left.set(left);
        objects.hold(64 + 64 * items)?;
        Ok(true)
    }
}

impl Names<'_> {
    /// Where in the containers one of `wanted` is: what `push_called` adds for the
    /// name of the container, and behind it the place there as `['a']` or `[3]`.
    pub(super) fn place_in(
        &self,
        containers: &Containers,
        wanted: &[u64],
        push_called: impl FnOnce(u64, &mut String) -> Result<(), Fault>,
    ) -> Result<Option<String>, Fault> {
        if containers.list.is_empty() {
            return Ok(None);
        }
        let found = if containers.again.replace(true)
            && let Some(index) = self.index(containers)
        {
            index.find(wanted)
        } else {
            self.look_through(containers, wanted)?
        };
        let Some(spot) = found else {
            return Ok(None);
        };
        let mut name = String::with_capacity(USUAL_NAME);
        push_called(spot.name, &mut name)?;
        self.push_keys(&spot, &mut name)?;
        Ok(Some(name))
    }

    fn push_keys(&self, spot: &Spot, name: &mut String) -> Result<(), Fault> {
        for key in spot.keys.into_iter().flatten() {
            name.push('[');
            self.push_key(key, name)?;
            name.push(']');
        }
        Ok(())
    }

    /// The same of several objects, 0 for none, each by itself: only of those in
    /// containers that have been looked through.
    pub(super) fn places_in(
        &self,
        containers: &Containers,
        wanted: &[u64],
        push_called: impl Fn(u64, &mut String) -> Result<(), Fault>,
    ) -> Result<Vec<Option<String>>, Fault> {
        let Some(index) = self.index(containers).filter(|_| containers.again.get()) else {
            return Ok(vec![None; wanted.len()]);
        };
        let spots: Vec<Option<Spot>> = (wanted.iter())
            .map(|&it| if it == 0 { None } else { index.find(&[it]) })
            .collect();
        // Most keys of dicts with many items are numbers.
        let keys: Vec<u64> = (spots.iter())
            .map(|spot| spot.map_or(0, Spot::only_key))
            .collect();
        let numbers = self.objects.ints(&keys)?;
        let (mut last, mut called) = (None, String::new());
        let mut names = Vec::with_capacity(wanted.len());
        for (spot, number) in spots.into_iter().zip(numbers) {
            let Some(spot) = spot else {
                names.push(None);
                continue;
            };
            if last != Some(spot.name) {
                called.clear();
                push_called(spot.name, &mut called)?;
                last = Some(spot.name);
            }
            let mut name = String::with_capacity(USUAL_NAME);
            name.push_str(&called);
            let pushed = match number {
                Some(number) => {
                    name.push('[');
                    name.push_str(itoa::Buffer::new().format(number));
                    name.push(']');
                    Ok(())
                }
                // One that cannot be read tells nothing of the others.
                None => self.push_keys(&spot, &mut name),
            };
            names.push(pushed.is_ok().then_some(name));
        }
        Ok(names)
    }

    /// The same without an index.
    fn look_through(&self, containers: &Containers, wanted: &[u64]) -> Result<Option<Spot>, Fault> {
        for &(name, container) in &containers.list {
            let outermost = Spot {
                number: 0,
                name,
                keys: [None; 2],
            };
            let found = self.spot_in(outermost, container, wanted, DEPTH)?;
            if found.is_some() {
                return Ok(found);
            }
        }
        Ok(None)
    }

    fn index<'c>(&self, containers: &'c Containers) -> Option<&'c Index> {
        let index = containers.index.get_or_init(|| {
            let mut index = Index::default();
            for &(name, container) in &containers.list {
                let outermost = Spot {
                    number: 0,
                    name,
                    keys: [None; 2],
                };
                // What cannot be read may lie behind what is wanted.
                let added = self.add_to_index(outermost, container, DEPTH, &mut index);
                if !added.unwrap_or(false) {
                    return None;
                }
            }
            self.objects.is_intact().then_some(index)
        });
        index.as_ref()
    }

    /// Adds what is in the container at `addr`, which is at `spot` itself;
    /// whether there was room for all of it.
    fn add_to_index(
        &self,
        mut spot: Spot,
        addr: u64,
        depth: usize,
        index: &mut Index,
    ) -> Result<bool, Fault> {
        let kind = self.objects.kind_of(addr)?;
        if !is_container(kind) {
            return Ok(true);
        }
        spot.number = index.count;
        index.count += 1;
        let length = self.objects.length(addr)?;
        let contents = if length > SMALL {
            let contents = self.contents(addr, kind)?;
            index.large.push((spot, Rc::clone(&contents)));
            contents
        } else {
            if !self.containers.take_to_keep(self.objects, length)? {
                return Ok(false);
            }
            let contents = self.read_contents(addr, kind, MOST_INNER_OF_SMALL)?;
            for (object, key) in contents.items() {
                index.small.entry(object).or_insert_with(|| spot.at(key));
            }
            Rc::new(contents)
        };
        if let Some(deeper) = depth.checked_sub(1).filter(|&it| it > 0) {
            for &(key, inner) in &contents.inner {
                if !self.add_to_index(spot.at(key), inner, deeper, index)? {
                    return Ok(false);
                }
            }
        }
        Ok(true)
    }

    /// Where in the container at `addr`, which is at `spot` itself, one of `wanted`
    /// is; `None` where it is not there, or that is no container. Of `depth` ones
    /// inside of each other.
    fn spot_in(
        &self,
        spot: Spot,
        addr: u64,
        wanted: &[u64],
        depth: usize,
    ) -> Result<Option<Spot>, Fault> {
        let kind = self.objects.kind_of(addr)?;
        if !is_container(kind) {
            return Ok(None);
        }
        let contents = if self.objects.length(addr)? > SMALL {
            self.contents(addr, kind)?
        } else {
            Rc::new(self.contents_in_share(addr, kind)?)
        };
        if let Some(key) = contents.find(wanted) {
            return Ok(Some(spot.at(key)));
        }
        let Some(deeper) = depth.checked_sub(1).filter(|&it| it > 0) else {
            return Ok(None);
        };
        for &(key, inner) in &contents.inner {
            let found = self.spot_in(spot.at(key), inner, wanted, deeper)?;
            if found.is_some() {
                return Ok(found);
            }
        }
        Ok(None)
    }

    /// Adds a str or an int as Python writes it; of anything else there is no short
    /// form that could be told from outside.
    fn push_key(&self, key: Option<Key>, name: &mut String) -> Result<(), Fault> {
        let objects = self.objects;
        let other = "...";
        match key {
            Some(Key::Place(place)) => name.push_str(itoa::Buffer::new().format(place)),
            Some(Key::Object(key)) => match objects.kind_of(key)? {
                Kind::Text => {
                    let text = objects.text(key)?;
                    if text.chars().count() > LONGEST_KEY {
                        name.push_str(other);
                    } else {
                        name.push('\'');
                        name.push_str(&text);
                        name.push('\'');
                    }
                }
                Kind::Int => match objects.int(key) {
                    Ok(number) => name.push_str(itoa::Buffer::new().format(number)),
                    Err(_) => name.push_str(other),
                },
                _ => name.push_str(other),
            },
            None => name.push_str(other),
        }
        Ok(())
    }

    /// What is in the large container at `addr`; nothing of one that is too
    /// large.
    fn contents(&self, addr: u64, kind: Kind) -> Result<Rc<Contents>, Fault> {
        if let Some(known) = self.containers.contents.borrow().get(&addr) {
            return Ok(Rc::clone(known));
        }
        let length = self.objects.length(addr)?;
        let contents =
            if length <= MOST_ITEMS && self.containers.take_to_keep(self.objects, length)? {
                self.read_contents(addr, kind, MOST_INNER)?
            } else {
                Contents::default()
            };
        let contents = Rc::new(contents);
        let known = Rc::clone(&contents);
        self.containers.contents.borrow_mut().insert(addr, known);
        Ok(contents)
    }

    /// What is in a small one; nothing once the share is used up.
    fn contents_in_share(&self, addr: u64, kind: Kind) -> Result<Contents, Fault> {
        let length = self.objects.length(addr)? as usize;
        if !self.containers.take_of_share(1 + length) {
            return Ok(Contents::default());
        }
        self.read_contents(addr, kind, MOST_INNER_OF_SMALL)
    }

    fn read_contents(&self, addr: u64, kind: Kind, most_inner: usize) -> Result<Contents, Fault> {
        let objects = self.objects;
        let mut contents = Contents::default();
        match kind {
            Kind::Dict => {
                contents.keyed = objects.dict_items(addr)?;
                contents.by_object = true;
            }
            Kind::List | Kind::Tuple => {
                let items = match kind {
                    Kind::List => objects.list(addr)?,
                    _ => objects.tuple(addr)?,
                };
                contents.keyed = (0..).zip(items).collect();
            }
            Kind::Set => contents.others = objects.set(addr)?,
            _ => contents.others = objects.deque(addr)?,
        }
        // The keys of a dict are none, and the first few items tell of what
        // kind all are.
        let count = contents.keyed.len() + contents.others.len();
        let mut inner = Vec::new();
        for (it, key) in contents.items().take(count.min(most_inner)) {
            // A slot of a list that is being filled is empty.
            if it != 0 && is_container(objects.kind_of(it)?) {
                inner.push((key, it));
            }
        }
        contents.inner = inner;
        Ok(contents)
    }
}

impl Index {
    /// Where the first of `wanted` is.
    fn find(&self, wanted: &[u64]) -> Option<Spot> {
        let mut found = wanted
            .iter()
            .filter_map(|it| self.small.get(it).copied())
            .min_by_key(|spot| spot.number);
        for (spot, contents) in &self.large {
            if found.is_some_and(|found| found.number < spot.number) {
                break;
            }
            if let Some(key) = contents.find(wanted) {
                found = Some(spot.at(key));
                break;
            }
        }
        found
    }
}

pub(super) fn is_container(kind: Kind) -> bool {
    matches!(
        kind,
        Kind::Dict | Kind::List | Kind::Tuple | Kind::Deque | Kind::Set
    )
}
