//! The ELF files of an interpreter: their data, and their debugging information.

use std::fs;
use std::path::{Path, PathBuf};

use gimli::SectionId;
use object::read::elf::ElfFile64;
use object::{CompressionFormat, Object, ObjectSection, ObjectSymbol};

use super::dwarf::Sections;
use crate::at_hand::Python;

/// Prints the executable, libpython, and the modules whose structs are read,
/// as far as they are files of their own.
const FILES: &str = "
import _asyncio, _collections, _functools, _queue, _socket
with open('/proc/self/maps') as maps:
    files = {line.split(None, 5)[5].strip() for line in maps if ' r-xp ' in line and '/' in line}
for file in sorted(files):
    modules = ('_asyncio', '_collections', '_functools', '_queue', '_socket')
    if file.rsplit('/', 1)[1].startswith(('python', 'libpython') + modules):
        print(file)
";

/// The files that an interpreter's code comes from.
pub(crate) struct Files(Vec<(PathBuf, Vec<u8>)>);

impl Files {
    pub(super) fn of(python: &Python) -> Self {
        let files = python.ask(FILES);
        let read = |path: &str| (path.into(), fs::read(path).expect("a file that is mapped"));
        Self(files.lines().map(read).collect())
    }

    /// The debugging information, or the path of the first file that has none.
    pub(super) fn debugging_information(&self) -> Result<Vec<Sections>, &Path> {
        let mut found = Vec::new();
        for (path, data) in &self.0 {
            let elf = parse(data);
            let sections = match elf.section_by_name(".debug_info") {
                Some(_) => Some(sections(&elf)),
                None => detached(path, &elf).map(|data| sections(&parse(&data))),
            };
            found.push(sections.ok_or(path.as_path())?);
        }
        Ok(found)
    }

    /// With what the variable of this name begins, as it is in the file.
    pub(super) fn variable(&self, name: &str, length: u64) -> Option<Vec<u8>> {
        self.0.iter().find_map(|(_, data)| {
            let elf = parse(data);
            let symbol = elf
                .dynamic_symbols()
                .find(|symbol| symbol.is_definition() && symbol.name() == Ok(name))?;
            let section = elf.section_by_index(symbol.section_index()?).ok()?;
            Some(section.data_range(symbol.address(), length).ok()??.to_vec())
        })
    }

    /// The section of this name, as it is in the file.
    pub(super) fn section(&self, name: &str) -> Option<Vec<u8>> {
        self.0.iter().find_map(|(_, data)| {
            let elf = parse(data);
            let section = elf.section_by_name(name)?;
            Some(section.data().ok()?.to_vec())
        })
    }
}

fn parse(data: &[u8]) -> ElfFile64<'_> {
    ElfFile64::parse(data).expect("an ELF file")
}

fn sections(elf: &ElfFile64<'_>) -> Sections {
    let load = |id: SectionId| -> Result<Vec<u8>, std::convert::Infallible> {
        // The rest, as large again, tells where variables and code are.
        let wanted = matches!(
            id,
            SectionId::DebugInfo
                | SectionId::DebugAbbrev
                | SectionId::DebugStr
                | SectionId::DebugLine
                | SectionId::DebugLineStr
        );
        let section = elf.section_by_name(id.name()).filter(|_| wanted);
        Ok(section.map(|it| uncompressed(&it)).unwrap_or_default())
    };
    let Ok(sections) = Sections::load(load);
    sections
}

fn uncompressed<'data>(section: &impl ObjectSection<'data>) -> Vec<u8> {
    let content = section.compressed_data().expect("a section with content");
    match content.format {
        CompressionFormat::None => content.data.to_vec(),
        CompressionFormat::Zlib => {
            miniz_oxide::inflate::decompress_to_vec_zlib(content.data).expect("zlib's format")
        }
        other => panic!("a section is compressed in a way that is not known: {other:?}"),
    }
}

/// The file that a distribution keeps the debugging information of `path` in:
/// `usr/lib/debug/.build-id/cc/cda1….debug`, below any of the folders above it.
fn detached(path: &Path, elf: &ElfFile64<'_>) -> Option<Vec<u8>> {
    let id = elf.build_id().ok()??;
    let hex: String = id.iter().map(|byte| format!("{byte:02x}")).collect();
    let (folder, name) = hex.split_at_checked(2)?;
    path.ancestors().find_map(|root| {
        let debug = root.join("usr/lib/debug/.build-id").join(folder);
        fs::read(debug.join(format!("{name}.debug"))).ok()
    })
}
