//! The same of many objects at once.
//!
//! What thousands of objects have in the same place is read object after object
//! in one go: the pages that it takes are asked for together, and no step waits
//! for the one before. Nothing fails here but for all of them: of an object that
//! cannot be read, that is not what the others are, or of which something is
//! known to have changed, there is `None`, and it has to be looked at alone.

use super::type_object::flags;
use super::{Fault, Kind, Objects, Place, Type, Way};
use crate::layout::Attributes;

/// A word of each object.
pub(crate) type Column = Vec<Option<u64>>;

impl Objects<'_> {
    /// The words at `offset` of these objects, which are at hand; 0 stands for no
    /// object.
    pub(crate) fn column(&self, addrs: &[u64], offset: u64) -> Result<Column, Fault> {
        self.spend(addrs.len() as u64)?;
        Ok(self.memory.words(addrs, offset))
    }

    /// The same of objects that have not been looked at before.
    pub(crate) fn first_column(&self, addrs: &[u64], offset: u64) -> Result<Column, Fault> {
        self.expect(addrs);
        self.column(addrs, offset)
    }

    /// Whether each of them is of this type.
    pub(crate) fn are_of(&self, addrs: &[u64], type_: u64) -> Result<Vec<bool>, Fault> {
        let types = self.first_column(addrs, self.layout.object.ob_type)?;
        Ok(types.into_iter().map(|it| it == Some(type_)).collect())
    }

    /// Of what kind each is.
    pub(crate) fn kinds(&self, addrs: &[u64]) -> Result<Vec<Option<Kind>>, Fault> {
        let types = self.first_column(addrs, self.layout.object.ob_type)?;
        let mut last = None;
        let mut kinds = Vec::with_capacity(addrs.len());
        for type_ in types {
            kinds.push(match (type_, last) {
                (None | Some(0), _) => None,
                (Some(type_), Some((known, kind))) if type_ == known => Some(kind),
                (Some(type_), _) => {
                    let kind = self.kind_of_type(type_)?;
                    last = kind.map(|kind| (type_, kind));
                    kind
                }
            });
        }
        Ok(kinds)
    }

    /// How many items each has that is a list or a deque.
    pub(crate) fn lengths(&self, addrs: &[u64]) -> Result<Column, Fault> {
        let kinds = self.kinds(addrs)?;
        let mut sizes = self.column(addrs, self.layout.object.header)?;
        for (size, kind) in sizes.iter_mut().zip(kinds) {
            if !matches!(kind, Some(Kind::List | Kind::Deque)) {
                *size = None;
            }
        }
        Ok(sizes)
    }

    /// The floats at these addresses.
    pub(crate) fn floats(&self, addrs: &[u64]) -> Result<Vec<Option<f64>>, Fault> {
        let kinds = self.kinds(addrs)?;
        let words = self.column(addrs, self.layout.float_value)?;
        let is_float = |kind: &Option<Kind>| *kind == Some(Kind::Float);
        Ok((words.into_iter().zip(&kinds))
            .map(|(word, kind)| word.filter(|_| is_float(kind)).map(f64::from_bits))
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
        let mut rows: Vec<_> = begins.iter().map(|it| it.map(|_| [0; N])).collect();
        let begins: Vec<u64> = begins.into_iter().map(Option::unwrap_or_default).collect();
        for (number, place) in places.iter().enumerate() {
            let values = match place.way {
                Way::Values => self.column(&begins, 8 * place.at)?,
                Way::Slot => self.column(addrs, place.at)?,
            };
            for (row, value) in rows.iter_mut().zip(values) {
                match (row.as_mut().and_then(|row| row.get_mut(number)), value) {
                    (Some(slot), Some(value)) => *slot = value,
                    _ => *row = None,
                }
            }
        }
        Ok(rows)
    }

    /// Where the values of these objects begin, whose keys their type has; 0 where it
    /// has none. `None` where one is of another type, or has a dict of its own.
    fn values_begin(&self, addrs: &[u64], type_: &Type) -> Result<Column, Fault> {
        let are_such = self.are_of(addrs, type_.addr)?;
        let managed = type_.flags & flags::MANAGED_DICT != 0;
        let mut found = match self.layout.attributes {
            Attributes::ValuesBefore if managed => {
                let dicts = self.column(addrs, 24_u64.wrapping_neg())?;
                let mut values = self.column(addrs, 32_u64.wrapping_neg())?;
                for (values, dict) in values.iter_mut().zip(dicts) {
                    if dict != Some(0) {
                        *values = None;
                    }
                }
                values
            }
            Attributes::TaggedBefore if managed => {
                let mut values = self.column(addrs, 24_u64.wrapping_neg())?;
                for values in &mut values {
                    // The pointer is to the byte before the values.
                    let tagged = values.filter(|tagged| tagged & 1 != 0);
                    *values = tagged.map(|tagged| tagged.wrapping_add(1));
                }
                values
            }
            Attributes::Inline { dict } if managed => {
                let mut dicts = self.column(addrs, dict.wrapping_neg())?;
                let inner = type_.basicsize.wrapping_add(self.layout.dict.values);
                let has_values = type_.flags & flags::INLINE_VALUES != 0;
                for (dict, addr) in dicts.iter_mut().zip(addrs) {
                    let none = dict.filter(|&dict| dict == 0 && has_values);
                    *dict = none.map(|_| addr.wrapping_add(inner));
                }
                dicts
            }
            _ => match u64::try_from(type_.dictoffset) {
                Ok(offset) if offset > 0 => {
                    let dicts = self.column(addrs, offset)?;
                    dicts
                        .into_iter()
                        .map(|dict| dict.filter(|&it| it == 0))
                        .collect()
                }
                _ => vec![Some(0); addrs.len()],
            },
        };
        for (values, is_such) in found.iter_mut().zip(are_such) {
            if !is_such {
                *values = None;
            }
        }
        if managed && !matches!(self.layout.attributes, Attributes::Inline { .. }) {
            let far: Vec<u64> = found.iter().copied().flatten().collect();
            self.expect(&far);
        }
        Ok(found)
    }
}
