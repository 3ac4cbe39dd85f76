//! Targets whose files were deleted or replaced since they started, as an
//! upgrade in place does.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use libtest_mimic::Trial;

use crate::each::{self, CheckInFolder};
use crate::place;
use crate::pythons::{Python, Pythons};
use crate::scene::{self, Reading, Scene};
use crate::temporary::{TemporaryFolder, copy_program};
use crate::{awaitgraph, compare, limited, privileges};

const LIMIT: Duration = Duration::from_secs(30);

#[rustfmt::skip]
const CHECKS: &[(&str, CheckInFolder)] = &[
    ("a_target_whose_files_were_deleted_is_read", |python, folder| upgraded(python, folder, &|file| {
        fs::remove_file(file)
    })),
    ("a_target_whose_files_were_replaced_is_read", |python, folder| upgraded(python, folder, &|file| {
        let new = file.with_extension("new");
        copy_program(&awaitgraph(), &new)?;
        fs::rename(new, file)
    })),
    ("another_file_with_the_same_path_and_inode_is_not_taken", other_device),
];

pub(crate) fn trials(pythons: &Pythons) -> Vec<Trial> {
    if let Some(why) = place::none_at_hand() {
        let gaps = pythons.gaps();
        gaps.add(format!(
            "targets whose files were deleted or replaced: {why}"
        ));
        return Vec::new();
    }
    each::python_in_a_folder(pythons, CHECKS)
}

fn upgraded(
    python: &Python,
    folder: &TemporaryFolder,
    upgrade: &dyn Fn(&Path) -> std::io::Result<()>,
) -> Result<(), String> {
    let copy = Copy::new(python, folder)?;
    copy.make().map_err(|error| error.to_string())?;
    let mut scene = Scene::start_command(&mut copy.command("two_loops.py"))?;
    for file in copy.files() {
        upgrade(&file).map_err(|error| error.to_string())?;
    }
    compare::whole(&scene, &scene::read(scene.pid, &[], LIMIT)?, true)?;
    // Without the administrator's way to a deleted file.
    let mut reader = privileges::reader(folder, scene.pid)?;
    let reading = limited::output(privileges::only_ptrace(&mut reader), LIMIT)?;
    compare::whole(&scene, &Reading::from(reading), true)?;
    scene.is_well()
}

/// Where the target's files were, the reader has others, which have the same
/// inodes on another device.
fn other_device(python: &Python, folder: &TemporaryFolder) -> Result<(), String> {
    let copy = Copy::new(python, folder)?;
    let mut command = copy.command("two_loops.py");
    let tmpfs = || place::mount(None, &folder.0, Some(c"tmpfs"), 0);
    let mut scene = Scene::spawn_by(&mut command, |command| {
        place::apart(|| {
            tmpfs()?;
            copy.make()?;
            command.spawn()
        })
    })?;
    scene.await_truth()?;
    let pid = scene.pid;
    let reading = place::apart(|| {
        tmpfs()?;
        for file in copy.files() {
            fs::create_dir_all(file.parent().unwrap())?;
            let below_root = file.strip_prefix("/").unwrap();
            let theirs = Path::new(&format!("/proc/{pid}/root")).join(below_root);
            let inode = fs::metadata(&theirs)?.ino();
            fs::remove_file(theirs)?;
            lay(&file, inode)?;
        }
        Ok(scene::read(pid, &[], LIMIT))
    });
    let reading = reading.map_err(|error| error.to_string())??;
    compare::whole(&scene, &reading, true)?;
    scene.is_well()
}

/// Makes a file with this inode; a tmpfs counts them.
fn lay(path: &Path, inode: u64) -> std::io::Result<()> {
    const MOST: u32 = 100_000;
    for _ in 0..MOST {
        fs::copy("/bin/true", path)?;
        if fs::metadata(path)?.ino() == inode {
            return Ok(());
        }
        fs::remove_file(path)?;
    }
    Err(std::io::Error::other(format!("no file has inode {inode}")))
}

/// An interpreter whose own files are copies; its library is where it was.
struct Copy {
    /// What is copied, and to where.
    files: Vec<(PathBuf, PathBuf)>,
    /// Where it looks for the libraries that it brings, from and to.
    libraries: (PathBuf, PathBuf),
    home: PathBuf,
}

impl Copy {
    fn new(python: &Python, folder: &TemporaryFolder) -> Result<Self, String> {
        let executable = fs::canonicalize(&python.path).map_err(|error| error.to_string())?;
        let home = python.prefix()?;
        let to = folder.0.join("python/usr");
        let mut files = vec![(executable, to.join("bin/python"))];
        let name = format!("libpython3.{}.so.1.0", python.minor);
        let library = home.join("lib").join(&name);
        if library.exists() {
            files.push((library, to.join("lib").join(name)));
        }
        let multiarch = "lib/x86_64-linux-gnu";
        let libraries = (home.join(multiarch), to.join(multiarch));
        Ok(Self {
            files,
            libraries,
            home,
        })
    }

    fn make(&self) -> std::io::Result<()> {
        for (from, to) in &self.files {
            fs::create_dir_all(to.parent().unwrap())?;
            copy_program(from, to)?;
        }
        let (from, to) = &self.libraries;
        fs::create_dir_all(to.parent().unwrap())?;
        std::os::unix::fs::symlink(from, to)
    }

    fn files(&self) -> impl Iterator<Item = PathBuf> {
        self.files.iter().map(|(_, to)| to.clone())
    }

    fn command(&self, file: &str) -> Command {
        let mut command = Command::new(&self.files[0].1);
        command
            .env("PYTHONHOME", &self.home)
            .env("LD_LIBRARY_PATH", self.libraries.1.parent().unwrap())
            .arg(scene::folder().join(file));
        command
    }
}
