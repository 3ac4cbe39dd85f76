//! A symbol found by the hash of its name, as the dynamic linker finds it.
//!
//! A program has thousands of symbols, and a look at each takes longer than all
//! else that is read of its file. The section `.gnu.hash` says where one is, if
//! it is there (`GnuHashHeader` and `gnu_hash` in `object::elf` have its form).

use std::fs::File;
use std::os::unix::fs::FileExt;

use object::elf::{FileHeader64, GnuHashHeader, SHT_GNU_HASH, Sym64, gnu_hash};
use object::read::elf::{SectionHeader, SectionTable, Sym};
use object::{Endianness, ReadRef, U32, pod};

/// The most symbols of one bucket that are looked at. Linkers make buckets of
/// two or three.
const MOST_ALIKE: u64 = 1 << 10;
/// The longest name that is asked for.
const LONGEST_NAME: usize = 32;

/// A file's dynamic symbols, by the hashes of their names.
pub(super) struct ByHash<'f> {
    file: &'f File,
    endian: Endianness,
    symbol_base: u32,
    bucket_count: u32,
    /// Where in the file these are.
    buckets: u64,
    values: u64,
    symbols: u64,
    names: u64,
}

impl<'f> ByHash<'f> {
    /// `None` where the file has no such table.
    pub(super) fn new<'a, R: ReadRef<'a>>(
        file: &'f File,
        sections: &SectionTable<'a, FileHeader64<Endianness>, R>,
        endian: Endianness,
    ) -> Option<Self> {
        let mut tables = sections.iter();
        let table = tables.find(|section| section.sh_type(endian) == SHT_GNU_HASH)?;
        let symbols = sections.section(table.link(endian)).ok()?;
        let names = sections.section(symbols.link(endian)).ok()?;
        let mut bytes = [0; size_of::<GnuHashHeader<Endianness>>()];
        let start = table.sh_offset(endian);
        file.read_exact_at(&mut bytes, start).ok()?;
        let (header, _) = pod::from_bytes::<GnuHashHeader<Endianness>>(&bytes).ok()?;
        let bucket_count = header.bucket_count.get(endian);
        let filter = u64::from(header.bloom_count.get(endian)) * size_of::<u64>() as u64;
        let buckets = (start.checked_add(bytes.len() as u64)?).checked_add(filter)?;
        Some(Self {
            file,
            endian,
            symbol_base: header.symbol_base.get(endian),
            bucket_count,
            buckets,
            values: buckets.checked_add(u64::from(bucket_count) * 4)?,
            symbols: symbols.sh_offset(endian),
            names: names.sh_offset(endian),
        })
    }

    /// The address of a symbol that the file defines. `name` ends with a zero.
    pub(super) fn address(&self, name: &[u8]) -> Option<u64> {
        let hash = gnu_hash(name.strip_suffix(b"\0")?);
        let bucket = u64::from(hash.checked_rem(self.bucket_count)?);
        let first = u64::from(self.word(self.buckets.checked_add(bucket * 4)?)?);
        let of_base = first.checked_sub(self.symbol_base.into())?;
        for place in 0..MOST_ALIKE {
            let value = self.word(self.values.checked_add((of_base + place) * 4)?)?;
            // The lowest bit says that it is the bucket's last.
            if value | 1 == hash | 1
                && let Some(symbol) = self.symbol(first + place)
                && symbol.is_definition(self.endian)
                && self.is_named(&symbol, name)
            {
                return Some(symbol.st_value(self.endian));
            }
            if value & 1 != 0 {
                break;
            }
        }
        None
    }

    fn word(&self, at: u64) -> Option<u32> {
        let mut bytes = [0; 4];
        self.file.read_exact_at(&mut bytes, at).ok()?;
        let (word, _) = pod::from_bytes::<U32<Endianness>>(&bytes).ok()?;
        Some(word.get(self.endian))
    }

    fn symbol(&self, number: u64) -> Option<Sym64<Endianness>> {
        let mut bytes = [0; size_of::<Sym64<Endianness>>()];
        let at = self.symbols.checked_add(number * bytes.len() as u64)?;
        self.file.read_exact_at(&mut bytes, at).ok()?;
        pod::from_bytes(&bytes).ok().map(|(symbol, _)| *symbol)
    }

    fn is_named(&self, symbol: &Sym64<Endianness>, name: &[u8]) -> bool {
        let mut found = [0; LONGEST_NAME];
        let at = self.names.checked_add(symbol.st_name(self.endian).into());
        match (at, found.get_mut(..name.len())) {
            (Some(at), Some(found)) => self.file.read_exact_at(found, at).is_ok() && found == name,
            _ => false,
        }
    }
}
