//! The C types that a compiler wrote down beside its code, by name.
//!
//! Only what a layout needs: where a member is, how large a struct is, what an
//! enumerator stands for. Nested and anonymous structs, typedefs and bit
//! fields are seen through.

use std::collections::HashMap;

use gimli::{AttributeValue, Dwarf, DwarfSections, EndianSlice, LittleEndian, UnitOffset};

type Slice<'s> = EndianSlice<'s, LittleEndian>;
type Unit<'s> = gimli::Unit<Slice<'s>>;
type Entry<'s> = gimli::DebuggingInformationEntry<Slice<'s>>;

/// The sections of one file.
pub(super) type Sections = DwarfSections<Vec<u8>>;

/// The types that some C sources know.
pub(crate) struct Types<'s> {
    files: Vec<File<'s>>,
    /// Structs, unions and typedefs; C lets each kind have the same name.
    names: HashMap<&'s [u8], Vec<Place>>,
    enumerators: HashMap<&'s [u8], i64>,
}

struct File<'s> {
    dwarf: Dwarf<Slice<'s>>,
    units: Vec<Unit<'s>>,
}

/// Where a type is described.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Place {
    file: usize,
    unit: usize,
    offset: UnitOffset,
}

/// A member of a struct, seen from the struct's begin.
#[derive(Debug, Clone, Copy)]
struct Member {
    bit_offset: u64,
    /// Of a bit field.
    bit_size: Option<u64>,
    of: Place,
}

impl<'s> Types<'s> {
    /// The types of `files`, as their units of the given `sources` tell them.
    pub(super) fn new(files: &'s [Sections], sources: &[&str]) -> Self {
        let mut types = Self {
            files: files.iter().map(File::new).collect(),
            names: HashMap::new(),
            enumerators: HashMap::new(),
        };
        for file in 0..types.files.len() {
            for unit in 0..types.files[file].units.len() {
                let name = types.files[file].units[unit].name;
                let name = name.map(|name| name.to_string_lossy()).unwrap_or_default();
                if sources.iter().any(|source| name.ends_with(source)) {
                    types.index(file, unit);
                }
            }
        }
        types
    }

    /// The offset of a member, as `PyTypeObject.tp_name`; `None` where there is no such.
    pub(crate) fn offset(&self, path: &str) -> Option<u64> {
        let member = self.member(path)?;
        assert_eq!(member.bit_offset % 8, 0, "{path} is a bit field");
        Some(member.bit_offset / 8)
    }

    /// The first bit of a bit field and how many it has.
    pub(super) fn bits(&self, path: &str) -> Option<(u64, u64)> {
        let member = self.member(path)?;
        Some((member.bit_offset, member.bit_size?))
    }

    /// `sizeof` of a type, or of a member.
    pub(super) fn size(&self, path: &str) -> Option<u64> {
        let place = match path.split_once('.') {
            Some(_) => self.complete(self.member(path)?.of)?,
            None => self.named(path)?,
        };
        self.number(place, gimli::DW_AT_byte_size)
    }

    /// The value of a constant of an `enum`.
    pub(super) fn enumerator(&self, name: &str) -> Option<i64> {
        self.enumerators.get(name.as_bytes()).copied()
    }

    fn member(&self, path: &str) -> Option<Member> {
        let (type_, members) = path.split_once('.')?;
        let mut here = Member {
            bit_offset: 0,
            bit_size: None,
            of: self.named(type_)?,
        };
        for name in members.split('.') {
            let of = self.complete(here.of)?;
            let found = self.find(of, name)?;
            here = Member {
                bit_offset: here.bit_offset + found.bit_offset,
                ..found
            };
        }
        Some(here)
    }

    /// The member `name` of the struct or union at `place`.
    fn find(&self, place: Place, name: &str) -> Option<Member> {
        let mut nested = Vec::new();
        for entry in self.children(place) {
            if entry.tag() != gimli::DW_TAG_member {
                continue;
            }
            let here = self
                .file(place)
                .attribute(place.unit, &entry, gimli::DW_AT_name);
            let member = Member {
                bit_offset: bit_offset(&entry),
                bit_size: unsigned(&entry, gimli::DW_AT_bit_size),
                of: self.type_of(place, &entry)?,
            };
            match here {
                Some(here) if here == name.as_bytes() => return Some(member),
                Some(_) => {}
                None => nested.push(member),
            }
        }
        nested.into_iter().find_map(|outer| {
            let inner = self.find(self.complete(outer.of)?, name)?;
            Some(Member {
                bit_offset: outer.bit_offset + inner.bit_offset,
                ..inner
            })
        })
    }

    fn named(&self, name: &str) -> Option<Place> {
        let places = self.names.get(name.as_bytes())?;
        places.iter().find_map(|&place| self.complete(place))
    }

    /// The type itself: behind typedefs and qualifiers, and elsewhere if a
    /// source knows no more than its name.
    fn complete(&self, mut place: Place) -> Option<Place> {
        loop {
            let entry = self.entry(place);
            if matches!(
                entry.tag(),
                gimli::DW_TAG_typedef
                    | gimli::DW_TAG_const_type
                    | gimli::DW_TAG_volatile_type
                    | gimli::DW_TAG_atomic_type
            ) {
                place = self.type_of(place, &entry)?;
            } else if entry.has_attr(gimli::DW_AT_declaration) {
                let name = self
                    .file(place)
                    .attribute(place.unit, &entry, gimli::DW_AT_name)?;
                let places = self.names.get(name)?;
                return places.iter().copied().find(|&place| {
                    let entry = self.entry(place);
                    entry.tag() != gimli::DW_TAG_typedef
                        && !entry.has_attr(gimli::DW_AT_declaration)
                });
            } else {
                return Some(place);
            }
        }
    }

    fn type_of(&self, place: Place, entry: &Entry<'s>) -> Option<Place> {
        match entry.attr_value(gimli::DW_AT_type)? {
            AttributeValue::UnitRef(offset) => Some(Place { offset, ..place }),
            // Where units were optimised together, one refers to another.
            AttributeValue::DebugInfoRef(offset) => {
                let units = self.file(place).units.iter().enumerate();
                let (unit, offset) = units.into_iter().find_map(|(number, unit)| {
                    Some((number, offset.to_unit_offset(&unit.header)?))
                })?;
                Some(Place {
                    unit,
                    offset,
                    ..place
                })
            }
            _ => None,
        }
    }

    fn number(&self, place: Place, attribute: gimli::DwAt) -> Option<u64> {
        unsigned(&self.entry(place), attribute)
    }

    fn file(&self, place: Place) -> &File<'s> {
        &self.files[place.file]
    }

    fn entry(&self, place: Place) -> Entry<'s> {
        let unit = &self.file(place).units[place.unit];
        unit.entry(place.offset)
            .expect("an entry where another refers to")
    }

    fn children(&self, place: Place) -> Vec<Entry<'s>> {
        let unit = &self.file(place).units[place.unit];
        children(unit, Some(place.offset))
    }

    /// Notes the names of a unit's types.
    fn index(&mut self, file: usize, unit: usize) {
        let of = &self.files[file];
        for entry in children(&of.units[unit], None) {
            match entry.tag() {
                gimli::DW_TAG_structure_type | gimli::DW_TAG_union_type | gimli::DW_TAG_typedef => {
                    if let Some(name) = of.attribute(unit, &entry, gimli::DW_AT_name) {
                        let offset = entry.offset();
                        let place = Place { file, unit, offset };
                        self.names.entry(name).or_default().push(place);
                    }
                }
                gimli::DW_TAG_enumeration_type => {
                    for constant in children(&of.units[unit], Some(entry.offset())) {
                        let name = of.attribute(unit, &constant, gimli::DW_AT_name);
                        let value = constant.attr_value(gimli::DW_AT_const_value);
                        if let (Some(name), Some(value)) =
                            (name, value.and_then(|it| it.sdata_value()))
                        {
                            self.enumerators.insert(name, value);
                        }
                    }
                }
                _ => {}
            }
        }
    }
}

impl<'s> File<'s> {
    fn new(sections: &'s Sections) -> Self {
        let dwarf = sections.borrow(|section| EndianSlice::new(section, LittleEndian));
        let mut units = Vec::new();
        let mut headers = dwarf.units();
        while let Some(header) = headers.next().expect("a header of a unit") {
            units.push(dwarf.unit(header).expect("a unit"));
        }
        Self { dwarf, units }
    }

    /// The text of an attribute.
    fn attribute(&self, unit: usize, entry: &Entry<'s>, name: gimli::DwAt) -> Option<&'s [u8]> {
        let value = entry.attr_value(name)?;
        let text = self.dwarf.attr_string(&self.units[unit], value);
        Some(text.expect("a string").slice())
    }
}

/// The entries directly below the one at `parent`, or below the unit itself.
fn children<'s>(unit: &Unit<'s>, parent: Option<UnitOffset>) -> Vec<Entry<'s>> {
    let mut cursor = match parent {
        Some(offset) => unit
            .entries_at_offset(offset)
            .expect("an offset of an entry"),
        None => unit.entries(),
    };
    let mut found = Vec::new();
    let parent = cursor.next_dfs().expect("an entry");
    if parent.is_some_and(|entry| entry.has_children()) {
        let mut child = cursor.next_entry().map(|_| cursor.current());
        while let Some(entry) = child.expect("an entry") {
            found.push(entry.clone());
            child = cursor.next_sibling();
        }
    }
    found
}

fn bit_offset(entry: &Entry<'_>) -> u64 {
    match unsigned(entry, gimli::DW_AT_data_bit_offset) {
        Some(bits) => bits,
        // A union's members have none.
        None => 8 * unsigned(entry, gimli::DW_AT_data_member_location).unwrap_or(0),
    }
}

fn unsigned(entry: &Entry<'_>, attribute: gimli::DwAt) -> Option<u64> {
    entry.attr_value(attribute)?.udata_value()
}
