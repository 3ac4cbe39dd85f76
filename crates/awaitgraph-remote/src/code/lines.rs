//! From the place of an instruction to the line of its source.
//!
//! CPython changed the form of the table twice; `Objects/lnotab_notes.txt`
//! (3.10) and `Objects/locations.md` (`InternalDocs/code_objects.md`) tell them.

use crate::layout::LineTable;

/// The line of the instruction at `offset` bytes; `None` where it has none.
/// A negative offset is that of a frame that has not begun: its first line.
pub(super) fn line_at(form: LineTable, table: &[u8], first: u32, offset: i64) -> Option<u32> {
    let Ok(offset) = u64::try_from(offset) else {
        return Some(first);
    };
    let line = match form {
        LineTable::Lnotab => Some(lnotab(table, first.into(), offset)),
        LineTable::Ranges => ranges(table, first.into(), offset),
        LineTable::Locations => locations(table, first.into(), offset),
    };
    line.and_then(|line| u32::try_from(line).ok())
}

/// Pairs of steps: so many bytes further, so many lines further.
fn lnotab(table: &[u8], first: i64, offset: u64) -> i64 {
    let (mut at, mut line) = (0_u64, first);
    let (steps, _) = table.as_chunks::<2>();
    for &[bytes, lines] in steps {
        at += u64::from(bytes);
        if at > offset {
            break;
        }
        line += i64::from(lines.cast_signed());
    }
    line
}

/// Pairs of a range's length in bytes and its line's distance from the last
/// range's; -128 marks a range without a line.
fn ranges(table: &[u8], first: i64, offset: u64) -> Option<i64> {
    const NO_LINE: i8 = -128;
    let (mut end, mut line) = (0_u64, first);
    let (ranges, _) = table.as_chunks::<2>();
    for &[length, lines] in ranges {
        let lines = lines.cast_signed();
        end += u64::from(length);
        if lines != NO_LINE {
            line += i64::from(lines);
        }
        if offset < end {
            return (lines != NO_LINE).then_some(line);
        }
    }
    None
}

/// Entries that begin with a byte of 1, four bits for the form of what
/// follows, and three for the length in instructions of two bytes, less one.
fn locations(table: &[u8], first: i64, offset: u64) -> Option<i64> {
    const NO_LOCATION: u8 = 15;
    let (mut end, mut line) = (0_u64, first);
    let mut bytes = table.iter().copied().peekable();
    while let Some(head) = bytes.next() {
        let form = head >> 3 & 15;
        end += 2 * (u64::from(head & 7) + 1);
        match form {
            // Short: the same line, and columns.
            0..=9 => {}
            // One line: 0 to 2 lines on, and columns.
            10..=12 => line += i64::from(form - 10),
            // No columns, and long.
            13 | 14 => line += signed(&mut bytes),
            _ => {}
        }
        if offset < end {
            return (form != NO_LOCATION).then_some(line);
        }
        // Whatever else belongs to the entry: only a head has the highest bit.
        while bytes.next_if(|byte| byte & 0x80 == 0).is_some() {}
    }
    None
}

/// Six bits a byte, the lowest first, with a bit for "more to come"; the
/// lowest bit of all is the sign.
fn signed(bytes: &mut impl Iterator<Item = u8>) -> i64 {
    let (mut value, mut shift) = (0_u64, 0);
    for byte in bytes {
        // More is no line of a file, and so many of them would not fit a number.
        if shift < 36 {
            value |= u64::from(byte & 0x3f) << shift;
        }
        shift += 6;
        if byte & 0x40 == 0 {
            break;
        }
    }
    let magnitude = (value >> 1).cast_signed();
    if value & 1 == 0 {
        magnitude
    } else {
        -magnitude
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::replay::random::Random;

    #[test]
    fn a_frame_that_has_not_begun_is_at_the_first_line() {
        for form in [LineTable::Lnotab, LineTable::Ranges, LineTable::Locations] {
            assert_eq!(line_at(form, &[], 7, -2), Some(7));
        }
    }

    #[test]
    fn lnotab_steps_forward_and_back() {
        // Line 10 for four bytes, 12 for six, then 11.
        let table = [4, 2, 6, 0xff];
        let at = |offset| line_at(LineTable::Lnotab, &table, 10, offset);
        assert_eq!(
            [0, 2, 4, 8, 10, 400].map(at),
            [10, 10, 12, 12, 11, 11].map(Some)
        );
    }

    #[test]
    fn ranges_may_have_no_line() {
        let table = [2, 0, 4, 0x80, 2, 3];
        let at = |offset| line_at(LineTable::Ranges, &table, 5, offset);
        assert_eq!(
            [0, 2, 4, 6, 8].map(at),
            [Some(5), None, None, Some(8), None]
        );
    }

    #[test]
    fn locations_have_four_forms() {
        let table = [
            0x80 | (11 << 3),
            0,
            0,                    // one instruction, a line on
            0x80 | (15 << 3) | 1, // two without a location
            0x80 | (13 << 3),
            0x40 | 3,
            0x10, // one, a far step back: -(0x403 >> 1)
            0x80,
            0, // one, the same line
        ];
        let at = |offset| line_at(LineTable::Locations, &table, 1000, offset);
        let back = 1001 - (0x403 >> 1);
        assert_eq!(
            [0, 2, 4, 6, 8].map(at),
            [Some(1001), None, None, Some(back), Some(back)]
        );
    }

    #[test]
    fn lines_beyond_all_files_are_no_lines() {
        // Steps of 2^59 lines and of as many back, far more than numbers have room for.
        for (last, steps) in [(0x3e, 40), (0x3f, 40)] {
            let mut entry = vec![0x80 | (13 << 3) | 7];
            entry.extend([0x7f; 9]);
            entry.push(last);
            let table = entry.repeat(steps);
            for offset in [0, 16 * 20, 16 * 39] {
                assert_eq!(line_at(LineTable::Locations, &table, 7, offset), None);
            }
        }
    }

    #[test]
    fn any_bytes_give_an_answer() {
        for seed in 0..300 {
            let mut random = Random::new(seed);
            // Some have more of the bits that go on, or that begin anew.
            let (also, only) = (random.next() as u8 & 0xc0, random.next() as u8 | 0x3f);
            let table: Vec<u8> = (0..random.below(3000))
                .map(|_| (random.next() as u8 | also) & only)
                .collect();
            for form in [LineTable::Lnotab, LineTable::Ranges, LineTable::Locations] {
                for offset in [0, 1, 77, 4096, i64::MAX] {
                    let _ = line_at(form, &table, u32::MAX, offset);
                }
            }
        }
    }
}
