//! A folder for the time of one test, and programs in it.

use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A folder that everyone may enter; removed on drop.
pub(crate) struct TemporaryFolder(pub(crate) PathBuf);

impl TemporaryFolder {
    pub(crate) fn new(name: &str) -> Self {
        let folder = std::env::temp_dir().join(name);
        fs::create_dir_all(&folder).unwrap();
        fs::set_permissions(&folder, fs::Permissions::from_mode(0o755)).unwrap();
        Self(folder)
    }
}

impl Drop for TemporaryFolder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Copies a program that is to be started.
///
/// We do not do it ourselves: a child that another test starts meanwhile has the
/// copy open for writing, and the kernel does not start such a file.
pub(crate) fn copy_program(from: &Path, to: &Path) -> io::Result<()> {
    let status = Command::new("cp").arg(from).arg(to).status()?;
    match status.success() {
        true => Ok(()),
        false => Err(io::Error::other(format!(
            "cp {} {}: {status}",
            from.display(),
            to.display()
        ))),
    }
}
