//! The instance attributes of an object of a class written in Python.
//!
//! Those that the class names in `__slots__` have places in the object, which
//! the class knows. For the rest 3.8 to 3.10 keep a dict; 3.11, 3.12 and 3.13
//! each found another way to do without one for as long as nobody asks
//! (`Objects/object_layout.md` in CPython).

use std::cell::Cell;
use std::ptr;
use std::rc::Rc;

use awaitgraph_model::FrameKind;

use super::type_object::flags;
use super::{Fault, Found, Kind, Objects, Remembered, Room, Slots, Type, Way};
use crate::layout::Attributes;
use crate::limits;
use crate::object::Reason::Unexpected;

/// Where objects of a type have one of their attributes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Place {
    pub(super) type_: Type,
    pub(super) way: Way,
    pub(super) at: u64,
}

/// `T_OBJECT_EX` of `Include/structmember.h`, later `Py_T_OBJECT_EX` of `Include/descrobject.h`.
const OBJECT_EX: i32 = 16;

impl Objects<'_> {
    /// The attribute `name` of the object at `addr`, as far as it is in the
    /// instance itself; `None` where it has none of that name.
    pub(crate) fn attribute(&self, addr: u64, name: &'static str) -> Result<Option<u64>, Fault> {
        let [found] = self.attributes_named(addr, [name])?;
        Ok(found)
    }

    /// The same of several attributes.
    pub(crate) fn attributes_named<const N: usize>(
        &self,
        addr: u64,
        names: [&'static str; N],
    ) -> Result<[Option<u64>; N], Fault> {
        let type_ = self.type_of(addr)?;
        let place = self.attributes_place(addr, &type_)?;
        let mut values = [None; N];
        for (value, name) in values.iter_mut().zip(names) {
            let found = match place {
                (Some(dict), _) => self.dict_of_instance_get(dict, name)?,
                (None, Some(values)) => match self.at_hand(type_.addr, name, Way::Values)? {
                    Some(place) => self.pointer(values, 8 * place)?,
                    None => None,
                },
                _ => None,
            };
            *value = match found {
                Some(value) => Some(value),
                None => match self.at_hand(type_.addr, name, Way::Slot)? {
                    Some(offset) => self.pointer(addr, offset)?,
                    None => None,
                },
            };
        }
        Ok(values)
    }

    /// Whether the object at `addr` cannot have any of these attributes, which is
    /// the same for all objects of its type that have values and no dict of their
    /// own. Of any other this does not tell.
    /// `known` has what was found of types before.
    pub(crate) fn lacks<const N: usize>(
        &self,
        addr: u64,
        names: &[&[&'static str]],
        known: &Remembered<bool, N>,
    ) -> Result<bool, Fault> {
        let type_ = self.type_of(addr)?;
        let Some(1..) = self.values_of_instance(addr, &type_)? else {
            return Ok(false);
        };
        self.remembered(known, type_.addr, || {
            for name in names.iter().copied().flatten() {
                for way in [Way::Values, Way::Slot] {
                    if self.at_hand(type_.addr, name, way)?.is_some() {
                        return Ok(false);
                    }
                }
            }
            Ok(true)
        })
    }

    /// The type of the object at `addr`, and where its instances have their slot
    /// `name`; `None` where they have it otherwise, or may have.
    pub(crate) fn only_in_slot(
        &self,
        addr: u64,
        name: &'static str,
    ) -> Result<Option<(u64, u64)>, Fault> {
        let type_ = self.type_of(addr)?;
        let has_dict = type_.flags & flags::MANAGED_DICT != 0 || type_.dictoffset != 0;
        let offset = match has_dict {
            true => None,
            false => self.at_hand(type_.addr, name, Way::Slot)?,
        };
        Ok(offset.map(|offset| (type_.addr, offset)))
    }

    /// Where instances of the type at `addr` have what is called `name`, if
    /// they have it in this way.
    fn at_hand(&self, addr: u64, name: &'static str, way: Way) -> Result<Option<u64>, Fault> {
        let number = ((addr >> 5) as usize ^ name.as_ptr() as usize).wrapping_add(way as usize);
        let recent = self.found.get(number % self.found.len());
        if let Some(Some(known)) = recent.map(Cell::get)
            && known.type_ == addr
            && known.way == way
            && ptr::eq(known.name, name)
        {
            return Ok(known.at);
        }
        let at = match way {
            Way::Values => match self.pointer(addr, self.layout.type_object.ht_cached_keys)? {
                Some(keys) => self.place_of(keys, name)?,
                None => None,
            },
            Way::Slot => self.slot(addr, name)?,
        };
        if let Some(recent) = recent
            && self.is_intact()
        {
            recent.set(Some(Found {
                type_: addr,
                name,
                way,
                at,
            }));
        }
        Ok(at)
    }

    /// Names (each a str, most likely) and values of the attributes of the
    /// object at `addr`, as far as they are in the instance itself.
    pub(crate) fn attributes(&self, addr: u64) -> Result<Vec<(u64, u64)>, Fault> {
        let type_ = self.type_of(addr)?;
        if type_.flags & flags::HEAPTYPE == 0 {
            return Ok(Vec::new());
        }
        let mut found = match self.attributes_place(addr, &type_)? {
            (Some(dict), _) if self.kind_of(dict)? == Kind::Dict => self.dict_items(dict)?,
            (None, Some(values)) => {
                match self.pointer(type_.addr, self.layout.type_object.ht_cached_keys)? {
                    Some(keys) => self.shared_keys_items(keys, values)?,
                    None => Vec::new(),
                }
            }
            _ => Vec::new(),
        };
        for &(name, offset) in self.all_slots(type_.addr)?.iter() {
            if let Some(value) = self.pointer(addr, offset)? {
                found.push((name, value));
            }
        }
        Ok(found)
    }

    /// The attribute `name` of any object at `addr`: of an instance in itself or
    /// in its class, of a class, a module, a namespace.
    pub(crate) fn attribute_of_any(&self, addr: u64, name: &str) -> Result<Option<u64>, Fault> {
        let type_ = self.type_of(addr)?;
        if type_.flags & flags::TYPE_SUBCLASS != 0 {
            return self.class_attribute(addr, name);
        }
        if type_.flags & flags::HEAPTYPE == 0 {
            return match self.dict_at_offset(addr, &type_)? {
                Some(dict) if self.kind_of(dict)? == Kind::Dict => self.dict_get(dict, name),
                _ => Ok(None),
            };
        }
        let own = self.attributes(addr)?.into_iter();
        for (known, value) in own.take(limits::MOST_ATTRIBUTES) {
            if self.kind_of(known)? == Kind::Text && self.text_is(known, name)? {
                return Ok(Some(value));
            }
        }
        self.class_attribute(type_.addr, name)
    }

    /// Whether any of those is this value.
    pub(crate) fn has_attribute(&self, addr: u64, value: u64) -> Result<bool, Fault> {
        let type_ = self.type_of(addr)?;
        if type_.flags & flags::HEAPTYPE == 0 {
            return Ok(false);
        }
        let mut found = false;
        match self.attributes_place(addr, &type_)? {
            (Some(dict), _) if self.kind_of(dict)? == Kind::Dict => {
                let items = self.dict_items(dict)?;
                found = items.iter().any(|&(_, item)| item == value);
            }
            (None, Some(values)) => {
                if let Some(keys) =
                    self.pointer(type_.addr, self.layout.type_object.ht_cached_keys)?
                {
                    let count = self.entries(keys)?.count;
                    self.words(values, count, |words| found |= words.contains(&value))?;
                }
            }
            _ => {}
        }
        let slots = self.all_slots(type_.addr)?;
        if !slots.is_empty() && !found {
            let mut room = Room::new();
            let between = self.layout.object.header..type_.basicsize;
            let fields = self.fields(&mut room, addr, between)?;
            for &(_, offset) in slots.iter() {
                found |= fields.u64(offset)? == value;
            }
        }
        Ok(found)
    }

    /// Where objects of the type of the one at `addr` have these attributes; `None`
    /// where they lack one, or this one has a dict of its own.
    pub(crate) fn places_named<const N: usize>(
        &self,
        addr: u64,
        names: [&'static str; N],
    ) -> Result<Option<[Place; N]>, Fault> {
        let type_ = self.type_of(addr)?;
        let Some(values) = self.values_of_instance(addr, &type_)? else {
            return Ok(None);
        };
        let ways = [Way::Slot, Way::Values];
        let ways = ways.get(..1 + usize::from(values != 0)).unwrap_or_default();
        let mut places = [Place {
            type_,
            way: Way::Slot,
            at: 0,
        }; N];
        for (place, name) in places.iter_mut().zip(names) {
            for &way in ways {
                if let Some(at) = self.at_hand(type_.addr, name, way)? {
                    (place.way, place.at) = (way, at);
                }
            }
            if place.at == 0 && place.way == Way::Slot {
                return Ok(None);
            }
        }
        Ok(Some(places))
    }

    /// Where the object at `addr` has this value, and others of its type may have
    /// another; `None` where it does not, or has a dict of its own.
    pub(crate) fn place_of_value(&self, addr: u64, value: u64) -> Result<Option<Place>, Fault> {
        let type_ = self.type_of(addr)?;
        if type_.flags & flags::HEAPTYPE == 0 {
            return Ok(None);
        }
        let place = |way, at| Ok(Some(Place { type_, way, at }));
        match self.values_of_instance(addr, &type_)? {
            None => return Ok(None),
            Some(values @ 1..) => {
                let keys = self.layout.type_object.ht_cached_keys;
                if let Some(keys) = self.pointer(type_.addr, keys)? {
                    let (mut seen, mut at) = (0, None);
                    let count = self.entries(keys)?.count;
                    self.words(values, count, |words| {
                        let found = words.iter().position(|&word| word == value);
                        at = at.or(found.map(|found| seen + found as u64));
                        seen += words.len() as u64;
                    })?;
                    if let Some(at) = at {
                        return place(Way::Values, at);
                    }
                }
            }
            Some(0) => {}
        }
        for &(_, offset) in self.all_slots(type_.addr)?.iter() {
            if self.u64(addr, offset)? == value {
                return place(Way::Slot, offset);
            }
        }
        Ok(None)
    }

    /// What the object at `addr` has in these places of its type; `None` where it
    /// is of another type, or has a dict of its own.
    pub(crate) fn values_at<const N: usize>(
        &self,
        addr: u64,
        places: &[Place; N],
    ) -> Result<Option<[Option<u64>; N]>, Fault> {
        let mut found = [None; N];
        let Some(Place { type_, .. }) = places.first() else {
            return Ok(Some(found));
        };
        if self.u64(addr, self.layout.object.ob_type)? != type_.addr {
            return Ok(None);
        }
        let (None, values) = self.attributes_place(addr, type_)? else {
            return Ok(None);
        };
        for (found, place) in found.iter_mut().zip(places) {
            *found = match (place.way, values) {
                (Way::Values, Some(values)) => self.pointer(values, 8 * place.at)?,
                (Way::Slot, _) => self.pointer(addr, place.at)?,
                (Way::Values, None) => None,
            };
        }
        Ok(Some(found))
    }

    /// Where the values of an object begin, whose keys its type has, also where a dict
    /// has these (to 3.10 each that has attributes has one); 0 where it has no
    /// attributes but slots, and `None` where it has a dict of its own.
    fn values_of_instance(&self, addr: u64, type_: &Type) -> Result<Option<u64>, Fault> {
        let (dict, values) = self.attributes_place(addr, type_)?;
        let Some(dict) = dict else {
            return Ok(Some(values.unwrap_or(0)));
        };
        let layout = &self.layout.dict;
        let keys = self.pointer(type_.addr, self.layout.type_object.ht_cached_keys)?;
        if !self.shares_keys() || keys.is_none() || self.pointer(dict, layout.ma_keys)? != keys {
            return Ok(None);
        }
        let values = self.pointer(dict, layout.ma_values)?;
        Ok(values.map(|values| values.wrapping_add(layout.values)))
    }

    /// Whether the dicts of instances are looked into for values whose keys their
    /// type has. Later ones have a dict only once somebody has asked for it.
    pub(super) fn shares_keys(&self) -> bool {
        matches!(self.layout.attributes, Attributes::Dict)
    }

    /// Where the attributes of an object are: its dict, or values whose keys
    /// its type has.
    fn attributes_place(
        &self,
        addr: u64,
        type_: &Type,
    ) -> Result<(Option<u64>, Option<u64>), Fault> {
        let managed = type_.flags & flags::MANAGED_DICT != 0;
        Ok(match self.layout.attributes {
            Attributes::ValuesBefore if managed => (self.before(addr, 24)?, self.before(addr, 32)?),
            Attributes::TaggedBefore if managed => match self.before(addr, 24)? {
                // The pointer is to the byte before the values.
                Some(tagged) if tagged & 1 != 0 => (None, Some(tagged.wrapping_add(1))),
                dict => (dict, None),
            },
            Attributes::Inline { dict } if managed => match self.before(addr, dict)? {
                None if type_.flags & flags::INLINE_VALUES != 0 => {
                    let values = addr.wrapping_add(type_.basicsize);
                    (None, Some(values.wrapping_add(self.layout.dict.values)))
                }
                dict => (dict, None),
            },
            _ => (self.dict_at_offset(addr, type_)?, None),
        })
    }

    /// Where in an object of the type at `addr` its slot `name` is.
    fn slot(&self, addr: u64, name: &'static str) -> Result<Option<u64>, Fault> {
        if let Some(&known) = self.slots.borrow().get(&(addr, name)) {
            return Ok(known);
        }
        let mut found = None;
        for type_ in self.mro(addr)? {
            let Some(dict) = self.pointer(type_, self.layout.type_object.tp_dict)? else {
                continue;
            };
            if let Some(member) = self.dict_get(dict, name)? {
                if self.kind_of(member)? == Kind::Member {
                    let layout = &self.layout.member;
                    let what = &Unexpected("a slot without a definition");
                    let definition = self.required(member, layout.definition, what)?;
                    found = Some(self.u64(definition, layout.offset)?);
                }
                break;
            }
        }
        self.hold(128)?;
        self.slots.borrow_mut().insert((addr, name), found);
        Ok(found)
    }

    /// Where the compiled coroutines (generators, …) of the type at `addr` have
    /// what they await; `None` where the type tells no place, as CPython's own do not.
    pub(crate) fn awaited_of_compiled(
        &self,
        addr: u64,
        kind: FrameKind,
    ) -> Result<Option<u64>, Fault> {
        let name = match kind {
            FrameKind::Async => "cr_await",
            FrameKind::Generator => "gi_yieldfrom",
            FrameKind::AsyncGenerator => "ag_await",
            FrameKind::Sync => return Ok(None),
        };
        let offset = self.slot(addr, name)?;
        Ok(offset.filter(|&offset| offset <= limits::LARGEST_STRUCT))
    }

    /// Names and places of all slots of the type at `addr` and its bases.
    pub(super) fn all_slots(&self, addr: u64) -> Result<Slots, Fault> {
        if let Some(known) = self.all_slots.borrow().get(&addr) {
            return Ok(Rc::clone(known));
        }
        let layout = &self.layout;
        let mut found = Vec::new();
        for type_ in self.mro(addr)? {
            // Those of a type written in C are no objects, as a rule.
            let flags = self.u64(type_, layout.type_object.tp_flags)?;
            if flags & flags::HEAPTYPE == 0 {
                continue;
            }
            let Some(dict) = self.pointer(type_, layout.type_object.tp_dict)? else {
                continue;
            };
            for (name, member) in self.dict_items(dict)? {
                if self.kind_of(member)? == Kind::Member {
                    let what = &Unexpected("a slot without a definition");
                    let definition = self.required(member, layout.member.definition, what)?;
                    if self.i32(definition, 8)? == OBJECT_EX {
                        found.push((name, self.u64(definition, layout.member.offset)?));
                    }
                }
            }
        }
        self.hold(128 + 16 * found.len() as u64)?;
        let found = Slots::from(found);
        self.all_slots.borrow_mut().insert(addr, Rc::clone(&found));
        Ok(found)
    }

    /// The attribute `name` of the class at `addr`, as far as one of its bases
    /// that is written in Python has it.
    pub(crate) fn class_attribute(&self, addr: u64, name: &str) -> Result<Option<u64>, Fault> {
        for (_, dict) in self.class_dicts(addr)? {
            if let Some(found) = self.dict_get(dict, name)? {
                return Ok(Some(found));
            }
        }
        Ok(None)
    }

    /// The class at `addr` and its bases, as far as they are written in Python,
    /// each with its dict.
    pub(crate) fn class_dicts(&self, addr: u64) -> Result<Vec<(u64, u64)>, Fault> {
        let mut found = Vec::new();
        for type_ in self.mro(addr)? {
            let flags = self.u64(type_, self.layout.type_object.tp_flags)?;
            if flags & flags::HEAPTYPE != 0
                && let Some(dict) = self.pointer(type_, self.layout.type_object.tp_dict)?
            {
                found.push((type_, dict));
            }
        }
        Ok(found)
    }

    fn before(&self, addr: u64, distance: u64) -> Result<Option<u64>, Fault> {
        self.pointer(addr.wrapping_sub(distance), 0)
    }

    fn dict_at_offset(&self, addr: u64, type_: &Type) -> Result<Option<u64>, Fault> {
        // A negative offset counts from the end of an object of variable size;
        // no class that we look into has one.
        match u64::try_from(type_.dictoffset) {
            Ok(offset) if offset > 0 => self.pointer(addr, offset),
            _ => Ok(None),
        }
    }
}
