//! The headers of an ELF file, wherever its bytes are: on disk, in the memory
//! of a process, or a core file's own.

use object::LittleEndian as LE;
use object::elf::{FileHeader64, NT_GNU_BUILD_ID, PT_NOTE, ProgramHeader64};
use object::pod;

use crate::memory::Memory;

/// The bytes of an ELF file's header.
pub(crate) const HEADER: usize = size_of::<FileHeader64<LE>>();
/// Those of one segment's header.
pub(crate) const SEGMENT_HEADER: usize = size_of::<ProgramHeader64<LE>>();

/// The most segments of a program or a library.
const MOST_SEGMENTS: usize = 256;
/// The largest note section of one that is read.
const LARGEST_NOTES: u64 = 64 * 1024;

/// A file's segments.
pub(crate) struct Headers(pub(crate) Vec<ProgramHeader64<LE>>);

/// One note.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Note<'a> {
    pub(crate) name: &'a [u8],
    pub(crate) kind: u32,
    pub(crate) content: &'a [u8],
}

impl Headers {
    /// Those of the program or library whose first byte is at `start`.
    pub(crate) fn read(memory: &dyn Memory, start: u64) -> Option<Self> {
        let mut bytes = [0; HEADER];
        memory.read(start, &mut bytes).ok()?;
        let header = header(&bytes)?;
        let count = usize::from(header.e_phnum.get(LE));
        if usize::from(header.e_phentsize.get(LE)) != SEGMENT_HEADER || count > MOST_SEGMENTS {
            return None;
        }
        let mut bytes = vec![0; count * SEGMENT_HEADER];
        let at = start.checked_add(header.e_phoff.get(LE))?;
        memory.read(at, &mut bytes).ok()?;
        Some(Self(segments(&bytes).to_vec()))
    }

    /// The build id. `place` gives where in `memory` a segment is.
    pub(crate) fn build_id(
        &self,
        memory: &dyn Memory,
        place: impl Fn(&ProgramHeader64<LE>) -> u64,
    ) -> Option<Vec<u8>> {
        let mut notes = self.0.iter().filter(|it| it.p_type.get(LE) == PT_NOTE);
        notes.find_map(|segment| {
            let length = segment.p_filesz.get(LE);
            if length > LARGEST_NOTES {
                return None;
            }
            let mut bytes = vec![0; length as usize];
            memory.read(place(segment), &mut bytes).ok()?;
            let align = segment.p_align.get(LE);
            let mut notes = notes_of(&bytes, align);
            let id = notes.find(|it| it.name == b"GNU" && it.kind == NT_GNU_BUILD_ID)?;
            Some(id.content.to_vec())
        })
    }
}

/// The header that a 64-bit file of this machine's byte order begins with.
pub(crate) fn header(bytes: &[u8]) -> Option<&FileHeader64<LE>> {
    let (header, _) = pod::from_bytes::<FileHeader64<LE>>(bytes).ok()?;
    let identity = &header.e_ident;
    let is_ours = identity.magic == object::elf::ELFMAG
        && identity.class == object::elf::ELFCLASS64
        && identity.data == object::elf::ELFDATA2LSB;
    is_ours.then_some(header)
}

/// As many headers of segments as there are bytes for.
pub(crate) fn segments(bytes: &[u8]) -> &[ProgramHeader64<LE>] {
    let count = bytes.len() / SEGMENT_HEADER;
    pod::slice_from_bytes(bytes, count).map_or(&[], |(segments, _)| segments)
}

/// The notes of a segment, up to the first that is cut off.
pub(crate) fn notes_of(bytes: &[u8], align: u64) -> impl Iterator<Item = Note<'_>> {
    let align = if align == 8 { 8 } else { 4 };
    let mut rest = bytes;
    std::iter::from_fn(move || {
        let (lengths, behind) = rest.split_first_chunk::<12>()?;
        let number = |at: usize| u32_at(lengths, at);
        let (name_length, length) = (number(0)? as usize, number(4)? as usize);
        let name = behind.get(..name_length)?;
        // The content begins and ends at a multiple of the alignment, counted
        // from the note's own beginning.
        let begin = (12 + name_length).next_multiple_of(align) - 12;
        let end = begin.checked_add(length)?;
        let content = behind.get(begin..end)?;
        let next = (12 + end).next_multiple_of(align) - 12;
        rest = behind.get(next..).unwrap_or_default();
        Some(Note {
            name: name.strip_suffix(b"\0").unwrap_or(name),
            kind: number(8)?,
            content,
        })
    })
}

/// The number at this place.
pub(crate) fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    let bytes = bytes.get(at..)?.first_chunk()?;
    Some(u32::from_le_bytes(*bytes))
}

/// The number at this place.
pub(crate) fn u64_at(bytes: &[u8], at: usize) -> Option<u64> {
    let bytes = bytes.get(at..)?.first_chunk()?;
    Some(u64::from_le_bytes(*bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn notes_are_read_up_to_the_one_that_is_cut_off() {
        let mut bytes = Vec::new();
        for (name, content) in [
            (b"GNU\0".as_slice(), b"abc".as_slice()),
            (b"CORE\0", b"12345"),
        ] {
            for number in [name.len(), content.len(), 7] {
                bytes.extend((number as u32).to_le_bytes());
            }
            for part in [name, content] {
                bytes.extend(part);
                bytes.resize(bytes.len().next_multiple_of(4), 0);
            }
        }
        let read = |length: usize| -> Vec<_> {
            let notes = notes_of(&bytes[..length], 4);
            notes.map(|note| (note.name, note.content)).collect()
        };
        let first = (b"GNU".as_slice(), b"abc".as_slice());
        assert_eq!(read(bytes.len()), [first, (b"CORE", b"12345")]);
        for length in 0..bytes.len() {
            let expected: &[_] = match length {
                0..19 => &[],
                // What only fills up may be missing.
                19..45 => &[first],
                _ => &[first, (b"CORE", b"12345")],
            };
            assert_eq!(read(length), expected, "{length}");
        }
    }
}
