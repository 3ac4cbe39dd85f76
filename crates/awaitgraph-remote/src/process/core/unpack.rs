//! A core file that was packed with zstd, as `systemd-coredump` keeps them.
//!
//! It is unpacked into a file without a name, which is gone when it is closed,
//! however that comes. Pages of zeros take no space there.

use std::fs::{File, OpenOptions};
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use ruzstd::decoding::errors::{FrameDecoderError, ReadFrameHeaderError};
use ruzstd::decoding::{BlockDecodingStrategy, FrameDecoder, StreamingDecoder};

use super::not_core;
use crate::error::{Error, NotCore};
use crate::memory::CoreBytes;

/// Told how many bytes of the packed file were unpacked, and how many there are.
pub(crate) type Progress<'a> = &'a mut dyn FnMut(u64, u64);

/// What a frame of zstd, and one to skip, begins with; the lowest four bits of
/// the latter may be any.
const FRAME: u32 = 0xfd2f_b528;
const SKIPPED: u32 = 0x184d_2a50;

/// The most that a core is unpacked to. A core of zeros packs to nothing.
const MOST: u64 = 1 << 40;

const PAGE: usize = 4096;
/// As many bytes of a core as its headers take at the most.
const HEADERS: usize = 8 << 20;
/// What is unpacked at once.
const STEP: usize = 1 << 20;

/// That a file is packed.
pub(super) struct Packed;

/// Why a file could not be unpacked.
pub(super) enum Failure {
    Io(PathBuf, io::Error),
    Zstd(String),
}

impl Failure {
    pub(super) fn into_error(self, path: &Path) -> Error {
        match self {
            Self::Zstd(what) => not_core(path, NotCore::Unpacking { what }),
            Self::Io(folder, source) => Error::System {
                what: format!(
                    "unpack {} into {} (TMPDIR can name another folder)",
                    path.display(),
                    folder.display()
                ),
                source,
            },
        }
    }
}

/// Whether a file is packed with zstd.
pub(super) fn packed(file: &File) -> Option<Packed> {
    let mut magic = [0; 4];
    file.read_exact_at(&mut magic, 0).ok()?;
    let magic = u32::from_le_bytes(magic);
    (magic == FRAME || magic & !0xf == SKIPPED).then_some(Packed)
}

/// The program that unpacks what these bytes begin.
pub(super) fn packed_otherwise(bytes: &[u8]) -> Option<&'static str> {
    let kinds: [(&[u8], &str); 4] = [
        (b"\xfd7zXZ\0", "xz"),
        (b"\x04\x22\x4d\x18", "lz4"),
        (b"\x1f\x8b", "gzip"),
        (b"BZh", "bzip2"),
    ];
    let mut kinds = kinds.into_iter();
    let kind = kinds.find(|(magic, _)| bytes.starts_with(magic));
    kind.map(|(_, program)| program)
}

/// Unpacks `file`, and says what is wrong where that did not come to its end.
pub(super) fn unpack(
    file: File,
    _: Packed,
    length: u64,
    progress: Progress<'_>,
) -> Result<(File, Option<String>), Failure> {
    let folder = std::env::temp_dir();
    let failed = |error| Failure::Io(folder.clone(), error);
    let unpacked = Sparse {
        file: nameless(&folder).map_err(failed)?,
        length: 0,
        most: None,
    };
    let mut unpacking = Unpacking {
        reader: BufReader::with_capacity(STEP, Counted { file, read: 0 }),
        unpacked,
        wrong: None,
    };
    let mut tell = |read| progress(read, length);
    while unpacking.frame(&mut tell).map_err(failed)? {}
    let Unpacking {
        unpacked, wrong, ..
    } = unpacking;
    if unpacked.length == 0 {
        let what = wrong.unwrap_or_else(|| "nothing is in it".to_owned());
        return Err(Failure::Zstd(what));
    }
    let wrong = wrong.map(|what| {
        let length = unpacked.length;
        format!("it could be unpacked no further than its first {length} bytes, {what}, and what was in the others is missing")
    });
    Ok((unpacked.finished().map_err(failed)?, wrong))
}

struct Unpacking {
    reader: BufReader<Counted>,
    unpacked: Sparse,
    /// Why it went no further.
    wrong: Option<String>,
}

impl Unpacking {
    /// Unpacks one frame, and says whether another may follow.
    fn frame(&mut self, tell: &mut dyn FnMut(u64)) -> io::Result<bool> {
        if self.reader.fill_buf()?.is_empty() {
            return Ok(false);
        }
        let mut frame = match StreamingDecoder::new(&mut self.reader) {
            Ok(frame) => frame,
            Err(FrameDecoderError::ReadFrameHeaderError(ReadFrameHeaderError::SkipFrame {
                length,
                ..
            })) => {
                let skipped = &mut (&mut self.reader).take(length.into());
                io::copy(skipped, &mut io::sink())?;
                return Ok(true);
            }
            Err(error) => {
                self.wrong = Some(match self.unpacked.length {
                    0 => error.to_string(),
                    _ => "where it is damaged".to_owned(),
                });
                return Ok(false);
            }
        };
        let mut step = vec![0; STEP];
        loop {
            match frame.read(&mut step) {
                Ok(0) => break,
                Ok(read) => self.unpacked.write(step.get(..read).unwrap_or_default())?,
                Err(_) => {
                    self.wrong = Some("where it is damaged or ends".to_owned());
                    let rest = rest_of(frame.into_frame_decoder());
                    self.unpacked.write(&rest)?;
                    return Ok(false);
                }
            }
            tell(frame.get_ref().get_ref().read);
            if self.unpacked.is_whole() {
                return Ok(false);
            }
        }
        let decoder = frame.into_frame_decoder();
        let computed = decoder.get_calculated_checksum();
        if let Some(stored) = decoder.get_checksum_from_data()
            && computed != Some(stored)
        {
            self.wrong = Some("of which some are not as they were".to_owned());
        }
        Ok(true)
    }
}

/// What a decoder still held when it failed: it keeps as much as later blocks
/// may repeat. So it is given a last block, which is empty.
fn rest_of(mut decoder: FrameDecoder) -> Vec<u8> {
    const LAST_BLOCK: [u8; 3] = [1, 0, 0];
    const CHECKSUM: [u8; 4] = [0; 4];
    let end = LAST_BLOCK.iter().chain(&CHECKSUM).copied();
    let end: Vec<u8> = end.collect();
    let all = BlockDecodingStrategy::All;
    let ended = decoder.decode_blocks(end.as_slice(), all).is_ok();
    ended
        .then(|| decoder.collect())
        .flatten()
        .unwrap_or_default()
}

/// A file that only we can see, and nobody after us.
fn nameless(folder: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).mode(0o600);
    let mut unnamed = options.clone();
    match unnamed.custom_flags(libc::O_TMPFILE).open(folder) {
        // Not every file system knows that, and an old kernel takes the flag for another.
        Err(error) if matches!(error.raw_os_error(), Some(libc::EOPNOTSUPP | libc::EISDIR)) => {
            let name = format!("awaitgraph-unpacked-{}", std::process::id());
            let path = folder.join(name);
            let file = options.create_new(true).open(&path)?;
            std::fs::remove_file(path)?;
            Ok(file)
        }
        other => other,
    }
}

/// A file, and how much of it was read.
struct Counted {
    file: File,
    read: u64,
}

impl Read for Counted {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let read = self.file.read(buf)?;
        self.read = self.read.saturating_add(read as u64);
        Ok(read)
    }
}

/// A core that is written from its beginning to its end.
struct Sparse {
    file: File,
    length: u64,
    /// Where it ends, once that is known.
    most: Option<u64>,
}

impl Sparse {
    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        for page in bytes.chunks(PAGE) {
            if page.iter().all(|&byte| byte == 0) {
                self.file.seek(SeekFrom::Current(page.len() as i64))?;
            } else {
                self.file.write_all(page)?;
            }
        }
        self.length = self.length.saturating_add(bytes.len() as u64);
        Ok(())
    }

    /// Whether nothing that belongs to a core can follow.
    fn is_whole(&mut self) -> bool {
        // By then all headers are there.
        if self.most.is_none() && self.length >= HEADERS as u64 {
            self.most = Some(self.end_of_core());
        }
        self.length >= self.most.unwrap_or(MOST)
    }

    fn end_of_core(&self) -> u64 {
        let Ok(file) = self.file.try_clone() else {
            return MOST;
        };
        match super::headers(&CoreBytes::new(file, HEADERS as u64)) {
            Ok(headers) if headers.is_whole => headers.end().min(MOST),
            Ok(_) => MOST,
            Err(_) => 0,
        }
    }

    /// The file, zeros at its end included.
    fn finished(self) -> io::Result<File> {
        self.file.set_len(self.length)?;
        Ok(self.file)
    }
}
