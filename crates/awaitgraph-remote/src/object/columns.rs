//! The same of many objects at once.
//!
//! What thousands of objects have in the same place is read object after object
//! in one go: the pages that it takes are asked for together, and no step waits
//! for the one before. Nothing fails here but for all of them: of an object that
//! cannot be read, that is not what the others are, or of which something is
//! known to have changed, there is `None`, and it has to be looked at alone.

use super::type_object::flags;
use super::{Fault, Kind, Objects, Place, Type, Way};
use crate::layout::{Attributes, References};

/// A word of each object.
pub(crate) type Column = Vec<Option<u64>>;

/// Several words of each object, one object after the other.
pub(crate) struct Rows<const N: usize>(Column);

impl<const N: usize> Rows<N> {
    /// The words of each.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &[Option<u64>; N]> {
        self.0.as_chunks().0.iter()
    }
}

impl Objects<'_> {
    /// The words at `offset` of these objects, which are at hand; 0 stands for no
    /// object.
    pub(crate) fn column(&self, addrs: &[u64], offset: u64) -> Result<Column, Fault> {
        self.spend(addrs.len() as u64)?;
        Ok(self.memory.words(addrs, &[offset]))
    }

    /// The same at several offsets.
    pub(crate) fn rows<const N: usize>(
        &self,
        addrs: &[u64],
        offsets: [u64; N],
    ) -> Result<Rows<N>, Fault> {
        self.spend((N * addrs.len()) as u64)?;
        Ok(Rows(self.memory.words(addrs, &offsets)))
    }

    /// The words at `offset` of those of these objects that are of a kind: what is not
    /// has none.
    fn words_of_kind(
        &self,
        addrs: &[u64],
        offset: u64,
        is_such: impl Fn(Kind) -> bool,
    ) -> Result<Column, Fault> {
        self.expect(addrs);
        let rows = self.rows(addrs, [self.layout.object.ob_type, offset])?;
        let mut last = (0, false);
        let mut words = Vec::with_capacity(addrs.len());
        for &[type_, word] in rows.iter() {
            let type_ = type_.unwrap_or_default();
            if type_ != last.0 {
                let kind = self.kind_of_type(type_)?;
                last = (type_, kind.is_some_and(&is_such));
            }
            words.push(word.filter(|_| last.1));
        }
        Ok(words)
    }

    /// Whether each is an object of a kind.
    pub(crate) fn are_of_kind(
        &self,
        addrs: &[u64],
        is_such: impl Fn(Kind) -> bool,
    ) -> Result<Vec<bool>, Fault> {
        let words = self.words_of_kind(addrs, self.layout.object.ob_type, is_such)?;
        Ok(words.iter().map(Option::is_some).collect())
    }

    /// What each of these passes on to: a cell to what is in it, what stands for
    /// something that is awaited to that; 0 for anything else.
    pub(crate) fn passed_on(&self, addrs: &[u64]) -> Result<Column, Fault> {
        self.expect(addrs);
        let object = &self.layout.object;
        let offsets = [object.ob_type, self.layout.cell_content, object.header];
        let rows = self.rows(addrs, offsets)?;
        let mut last = (0, None);
        let mut found = Vec::with_capacity(addrs.len());
        for &[type_, content, wrapped] in rows.iter() {
            let type_ = type_.unwrap_or_default();
            if type_ != last.0 {
                last = (type_, self.kind_of_type(type_)?);
            }
            found.push(match last.1 {
                Some(Kind::Cell) => content,
                Some(Kind::Wrapper) => wrapped,
                kind => kind.map(|_| 0),
            });
        }
        Ok(found)
    }

    /// How many references to each are counted; `None` of any where that takes more
    /// than one look.
    pub(crate) fn references_to_each(&self, addrs: &[u64]) -> Result<Column, Fault> {
        match self.layout.object.references {
            References::Counted(offset) if offset.is_multiple_of(8) => {
                let words = self.column(addrs, offset)?;
                let lower = |word: Option<u64>| word.map(|word| u64::from(word as u32));
                Ok(words.into_iter().map(lower).collect())
            }
            _ => Ok(vec![None; addrs.len()]),
        }
    }

    /// Whether there are weak references to each of these objects of a type.
    pub(crate) fn weak_references_of_each(
        &self,
        addrs: &[u64],
        type_: &Type,
    ) -> Result<Vec<Option<bool>>, Fault> {
        match type_.weaklistoffset {
            0 => Ok(vec![Some(false); addrs.len()]),
            offset => {
                let lists = self.column(addrs, offset.cast_unsigned())?;
                let is_there = |list: Option<u64>| list.map(|list| list != 0);
                Ok(lists.into_iter().map(is_there).collect())
            }
        }
    }

    /// The words at several offsets of these objects, one object after the other.
    pub(crate) fn words_of_each(&self, addrs: &[u64], offsets: &[u64]) -> Result<Column, Fault> {
        self.spend((offsets.len() * addrs.len()) as u64)?;
        Ok(self.memory.words(addrs, offsets))
    }

    /// How many items each has that is a list or a deque.
    pub(crate) fn lengths(&self, addrs: &[u64]) -> Result<Column, Fault> {
        let has_size = |kind| matches!(kind, Kind::List | Kind::Deque);
        self.words_of_kind(addrs, self.layout.object.header, has_size)
    }

    /// The ints at these addresses, where they fit 60 bits.
    pub(crate) fn ints(&self, addrs: &[u64]) -> Result<Vec<Option<i64>>, Fault> {
        let is_int = |kind| kind == Kind::Int;
        let header = self.layout.object.header;
        let sizes = self.words_of_kind(addrs, header, is_int)?;
        let digits = self.column(addrs, header + 8)?;
        // Behind an int that has none, nothing need be.
        let value = |(size, digits): (Option<u64>, Option<u64>)| {
            self.value_of_digits(size?, digits.unwrap_or_default())
        };
        Ok(sizes.into_iter().zip(digits).map(value).collect())
    }

    /// The floats at these addresses.
    pub(crate) fn floats(&self, addrs: &[u64]) -> Result<Vec<Option<f64>>, Fault> {
        let is_float = |kind| kind == Kind::Float;
        let words = self.words_of_kind(addrs, self.layout.float_value, is_float)?;
        Ok(words
            .into_iter()
            .map(|word| word.map(f64::from_bits))
            .collect())
    }

    /// Whether each of them is of this type, and has values but no dict of its own.
    pub(crate) fn have_values(&self, addrs: &[u64], type_: &Type) -> Result<Vec<bool>, Fault> {
        let begins = self.values_begin(addrs, type_)?;
        let has_values = |begin: Option<u64>| begin.is_some_and(|begin| begin != 0);
        Ok(begins.into_iter().map(has_values).collect())
    }

    /// What each has in these places of its type: 0 where nothing is. `None` where
    /// it is of another type, or has a dict of its own.
    pub(crate) fn values_of_each<const N: usize>(
        &self,
        addrs: &[u64],
        places: &[Place; N],
    ) -> Result<Vec<Option<[u64; N]>>, Fault> {
        let Some(Place { type_, .. }) = places.first() else {
            return Ok(vec![None; addrs.len()]);
        };
        let begins = self.values_begin(addrs, type_)?;
        let are_such: Vec<bool> = begins.iter().map(Option::is_some).collect();
        let begins: Vec<u64> = begins.into_iter().map(Option::unwrap_or_default).collect();
        let mut found = vec![Some([0; N]); addrs.len()];
        for (way, addrs, unit) in [(Way::Values, begins.as_slice(), 8), (Way::Slot, addrs, 1)] {
            let is_it = places.each_ref().map(|place| place.way == way);
            if !is_it.contains(&true) {
                continue;
            }
            let offsets = places.map(|place| if place.way == way { unit * place.at } else { 0 });
            let rows = self.rows(addrs, offsets)?;
            for (values, row) in found.iter_mut().zip(rows.iter()) {
                let words = row.iter().zip(is_it).zip(values.iter_mut().flatten());
                let mut has_all = true;
                for ((word, _), value) in words.filter(|((_, is_it), _)| *is_it) {
                    has_all &= word.is_some();
                    *value = word.unwrap_or_default();
                }
                if !has_all {
                    *values = None;
                }
            }
        }
        for (values, is_such) in found.iter_mut().zip(are_such) {
            if !is_such {
                *values = None;
            }
        }
        Ok(found)
    }

    /// Where the values of these objects begin, whose keys their type has; 0 where it
    /// has none. `None` where one is of another type, or has a dict of its own.
    pub(super) fn values_begin(&self, addrs: &[u64], type_: &Type) -> Result<Column, Fault> {
        let managed = type_.flags & flags::MANAGED_DICT != 0;
        // What tells of a dict: its place, or 0 where there can be none.
        let at = match self.layout.attributes {
            Attributes::ValuesBefore | Attributes::TaggedBefore if managed => 24_u64.wrapping_neg(),
            Attributes::Inline { dict } if managed => dict.wrapping_neg(),
            _ => u64::try_from(type_.dictoffset).unwrap_or(0),
        };
        let ob_type = self.layout.object.ob_type;
        self.expect(addrs);
        // Only 3.11 has the values in front of the dict.
        let before = match self.layout.attributes {
            Attributes::ValuesBefore if managed => at.wrapping_sub(8),
            _ => ob_type,
        };
        let rows = self.rows(addrs, [ob_type, if at == 0 { ob_type } else { at }, before])?;
        let inner = type_.basicsize.wrapping_add(self.layout.dict.values);
        let has_values = type_.flags & flags::INLINE_VALUES != 0;
        let mut found = Vec::with_capacity(addrs.len());
        for (&[its, dict, before], addr) in rows.iter().zip(addrs) {
            let none = dict.filter(|&dict| dict == 0 || at == 0);
            let values = match self.layout.attributes {
                Attributes::ValuesBefore if managed => none.and(before),
                // The pointer is to the byte before the values.
                Attributes::TaggedBefore if managed => dict
                    .filter(|tagged| tagged & 1 != 0)
                    .map(|tagged| tagged.wrapping_add(1)),
                Attributes::Inline { .. } if managed => none
                    .filter(|_| has_values)
                    .map(|_| addr.wrapping_add(inner)),
                _ => none.map(|_| 0),
            };
            found.push(values.filter(|_| its == Some(type_.addr)));
        }
        if at != 0 && self.shares_keys() {
            let dict = |&[its, dict, _]: &[Option<u64>; 3]| match its {
                Some(its) if its == type_.addr => dict.unwrap_or(0),
                _ => 0,
            };
            let dicts: Vec<u64> = rows.iter().map(dict).collect();
            self.add_values_of_dicts(&dicts, type_, &mut found)?;
        }
        if !matches!(self.layout.attributes, Attributes::Inline { .. }) {
            let far: Vec<u64> = found.iter().copied().flatten().collect();
            self.expect(&far);
        }
        Ok(found)
    }

    /// Adds where the values of these dicts of instances of a type begin, whose keys
    /// the type has.
    fn add_values_of_dicts(
        &self,
        dicts: &[u64],
        type_: &Type,
        found: &mut Column,
    ) -> Result<(), Fault> {
        let layout = &self.layout.dict;
        let keys = self.pointer(type_.addr, self.layout.type_object.ht_cached_keys)?;
        self.expect(dicts);
        let rows = self.rows(dicts, [layout.ma_keys, layout.ma_values])?;
        for (found, &[its, values]) in found.iter_mut().zip(rows.iter()) {
            let values = values.filter(|&values| values != 0 && its.is_some() && its == keys);
            *found = found.or(values.map(|values| values.wrapping_add(layout.values)));
        }
        Ok(())
    }
}
