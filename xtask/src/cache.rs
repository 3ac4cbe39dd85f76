//! The folder, outside the tree, where fetched interpreters and tools are kept.
//!
//! What is put there appears whole or not at all: it is built in a folder
//! beside its place and then renamed, so neither an interrupted run nor two
//! runs at once leave half an interpreter behind.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

const UNFINISHED: &str = ".unfinished-";

/// `$XDG_CACHE_HOME/awaitgraph/NAME` (by default `~/.cache/awaitgraph/NAME`).
pub(crate) fn folder(name: &str) -> Result<PathBuf> {
    let base = match std::env::var_os("XDG_CACHE_HOME").map(PathBuf::from) {
        // The specification says that a relative path is to be ignored.
        Some(path) if path.is_absolute() => path,
        _ => {
            let home = std::env::home_dir().context("no home folder to keep a cache in")?;
            home.join(".cache")
        }
    };
    Ok(base.join("awaitgraph").join(name))
}

/// A folder in the making; removed on drop unless it was put in its place.
pub(crate) struct Unfinished {
    path: PathBuf,
}

impl Unfinished {
    /// An empty folder inside `parent`, so that it can be renamed within it.
    pub(crate) fn in_folder(parent: &Path) -> Result<Self> {
        fs::create_dir_all(parent)
            .with_context(|| format!("cannot create {}", parent.display()))?;
        // The executables in it will hold absolute paths.
        let parent = parent.canonicalize()?;
        remove_abandoned(&parent);
        let mut serial = 0_u32;
        loop {
            let path = parent.join(format!("{UNFINISHED}{}-{serial}", std::process::id()));
            match fs::create_dir(&path) {
                Ok(()) => return Ok(Self { path }),
                Err(error) if error.kind() == ErrorKind::AlreadyExists => {
                    serial = serial.saturating_add(1);
                }
                Err(error) => {
                    return Err(error).with_context(|| format!("cannot create {}", path.display()));
                }
            }
        }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Where a part of this folder will be found under its final name.
    pub(crate) fn place(&self, name: &str) -> PathBuf {
        self.path.with_file_name(name)
    }

    /// Renames `part`, a folder inside this one, to its final name beside this
    /// one. Where another run was faster its result stays.
    pub(crate) fn put(&self, part: &Path, name: &str) -> Result<PathBuf> {
        let place = self.place(name);
        match fs::rename(part, &place) {
            Err(error)
                if !matches!(
                    error.kind(),
                    ErrorKind::DirectoryNotEmpty | ErrorKind::AlreadyExists
                ) =>
            {
                Err(error).with_context(|| format!("cannot create {}", place.display()))
            }
            _ => Ok(place),
        }
    }
}

impl Drop for Unfinished {
    fn drop(&mut self) {
        // What remains is removed by a later run.
        let _ = fs::remove_dir_all(&self.path);
    }
}

/// Removes what runs that were killed have left.
fn remove_abandoned(parent: &Path) {
    let Ok(entries) = fs::read_dir(parent) else {
        return;
    };
    for entry in entries.flatten() {
        let name = entry.file_name();
        let owner = name
            .to_str()
            .and_then(|name| name.strip_prefix(UNFINISHED))
            .and_then(|rest| rest.split('-').next())
            .and_then(|pid| pid.parse::<u32>().ok());
        if let Some(pid) = owner
            && !Path::new(&format!("/proc/{pid}")).exists()
        {
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::{UNFINISHED, Unfinished};

    #[test]
    fn a_folder_appears_whole_or_not_at_all() {
        let parent = std::env::temp_dir().join(format!("awaitgraph-cache-{}", std::process::id()));
        // No process has this number: the kernel's limit is 2^22.
        let abandoned = parent.join(format!("{UNFINISHED}99999999-0"));
        fs::create_dir_all(&abandoned).unwrap();

        let first = Unfinished::in_folder(&parent).unwrap();
        let second = Unfinished::in_folder(&parent).unwrap();
        assert!(!abandoned.exists());
        for (unfinished, text) in [(&first, "first"), (&second, "second")] {
            let part = unfinished.path().join("part");
            fs::create_dir(&part).unwrap();
            fs::write(part.join("file"), text).unwrap();
            unfinished.put(&part, "done").unwrap();
        }
        drop((first, second));

        assert_eq!(
            fs::read_to_string(parent.join("done/file")).unwrap(),
            "first"
        );
        assert_eq!(fs::read_dir(&parent).unwrap().count(), 1);
        fs::remove_dir_all(&parent).unwrap();
    }
}
