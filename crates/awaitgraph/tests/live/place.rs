//! Places to run a scene in: another root, other namespaces.
//!
//! A place is made by a thread of its own that then starts the scene and ends:
//! mounts and roots are a thread's, so that nobody else sees them, and nothing
//! of them is left behind.

use std::ffi::{CStr, CString};
use std::fs::{self, File};
use std::io::{self, Error, Result};
use std::os::fd::AsRawFd;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::FileExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::ptr;
use std::thread;

use crate::pythons::Python;
use crate::scene::{self, Scene};
use crate::temporary::{TemporaryFolder, copy_program};

/// What a scene is to have of its own.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Place {
    pub(crate) root: Root,
    pub(crate) pid_namespace: bool,
    pub(crate) user_namespace: bool,
    /// What its process is to do last, before it becomes the interpreter.
    pub(crate) last: Option<fn() -> Result<()>>,
}

/// What is at `/`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Root {
    #[default]
    /// What is there for us too.
    Same,
    /// Another file system, as in a container.
    Pivoted,
    /// A folder of a file system that only the scene has mounted.
    Changed,
}

impl Place {
    /// Starts a scene there. With another root the interpreter and all that it
    /// needs lie below a folder named as `folder`, which here is empty.
    pub(crate) fn start(
        self,
        python: &Python,
        folder: &TemporaryFolder,
        file: &str,
    ) -> std::result::Result<Scene, String> {
        let executable = fs::canonicalize(&python.path).map_err(|error| error.to_string())?;
        let prefix = python.prefix()?;
        let mut command;
        if self.root == Root::Same {
            command = Command::new(executable);
            command.arg(scene::folder().join(file));
        } else {
            let here = folder.0.join("python/usr");
            let inside = executable.strip_prefix(&prefix);
            command = Command::new(here.join(inside.map_err(|error| error.to_string())?));
            command
                .env("PYTHONHOME", &here)
                .env("LD_LIBRARY_PATH", here.join("lib"))
                .arg(folder.0.join("scenes").join(file));
        }
        if self.root != Root::Same || self.pid_namespace {
            // SAFETY: between fork and exec only system calls are made.
            unsafe { command.pre_exec(mount_proc) };
        }
        if self.user_namespace {
            // SAFETY: as above.
            unsafe { command.pre_exec(enter_user_namespace) };
        }
        if let Some(last) = self.last {
            // SAFETY: as above, says whoever gave it.
            unsafe { command.pre_exec(last) };
        }
        let loader = loader(&python.path).map_err(|error| error.to_string())?;
        let mut scene = Scene::spawn_by(&mut command, |command| {
            // What is compiled already is right for any path.
            command.env_remove("PYTHONPYCACHEPREFIX");
            command.env("PYTHONDONTWRITEBYTECODE", "1");
            apart(|| self.enter_and_spawn(&prefix, &loader, &folder.0, command))
        })?;
        let pid = scene.pid;
        scene.await_truth()?;
        // Its own idea of it may be another.
        scene.pid = pid;
        Ok(scene)
    }

    fn enter_and_spawn(
        self,
        prefix: &Path,
        loader: &Path,
        folder: &Path,
        command: &mut Command,
    ) -> Result<Child> {
        if self.root != Root::Same {
            make_root(folder, prefix, loader)?;
        }
        match self.root {
            Root::Same => {}
            Root::Changed => {
                std::os::unix::fs::chroot(folder)?;
                change_folder(c"/")?;
            }
            Root::Pivoted => {
                change_folder(&c_path(folder))?;
                let here = c".".as_ptr();
                // SAFETY: both paths end with a zero and outlive the calls.
                checked(unsafe { libc::syscall(libc::SYS_pivot_root, here, here) })?;
                // SAFETY: as above.
                checked(unsafe { libc::umount2(here, libc::MNT_DETACH) }.into())?;
                change_folder(c"/")?;
            }
        }
        if self.pid_namespace {
            unshare(libc::CLONE_NEWPID)?;
        }
        command.spawn()
    }
}

/// Why no places can be made here, if so.
pub(crate) fn none_at_hand() -> Option<String> {
    let tried = apart(|| {
        unshare(libc::CLONE_NEWPID)?;
        mount(None, Path::new("/tmp"), Some(c"tmpfs"), 0)?;
        let mut command = Command::new("true");
        // SAFETY: between fork and exec only system calls are made.
        unsafe { command.pre_exec(enter_user_namespace) };
        command.status()
    });
    tried.err().map(|error| error.to_string())
}

/// Does something in a thread with mounts of its own.
pub(crate) fn apart<T: Send>(work: impl FnOnce() -> Result<T> + Send) -> Result<T> {
    in_thread(|| {
        unshare(libc::CLONE_NEWNS)?;
        mount(None, Path::new("/"), None, libc::MS_REC | libc::MS_PRIVATE)?;
        work()
    })
}

/// Does something where `/proc` is mounted with these options.
pub(crate) fn with_proc<T: Send>(
    options: &CStr,
    work: impl FnOnce() -> Result<T> + Send,
) -> Result<T> {
    apart(|| {
        let (name, at) = (c"proc".as_ptr(), c"/proc".as_ptr());
        // SAFETY: all texts end with a zero and outlive the call.
        checked(unsafe { libc::mount(name, at, name, 0, options.as_ptr().cast()) }.into())?;
        work()
    })
}

/// Does something in a thread that sees the mounts of process `pid`.
pub(crate) fn beside<T: Send>(pid: u32, work: impl FnOnce() -> Result<T> + Send) -> Result<T> {
    in_thread(|| {
        unshare(libc::CLONE_FS)?;
        let namespace = File::open(format!("/proc/{pid}/ns/mnt"))?;
        // SAFETY: the call touches no memory; the file is open.
        checked(unsafe { libc::setns(namespace.as_raw_fd(), libc::CLONE_NEWNS) }.into())?;
        work()
    })
}

fn in_thread<T: Send>(work: impl FnOnce() -> Result<T> + Send) -> Result<T> {
    thread::scope(|scope| scope.spawn(work).join().unwrap())
}

/// Mounts a file system of its own at `folder`, with the system's files, the
/// interpreter and the scenes; those two where `folder` is again below it.
fn make_root(folder: &Path, prefix: &Path, loader: &Path) -> Result<()> {
    mount(None, folder, Some(c"tmpfs"), 0)?;
    let inside = |path: &Path| folder.join(path.strip_prefix("/").unwrap_or(path));
    let bind = |from: &Path, to: &Path| {
        fs::create_dir_all(inside(to))?;
        mount(Some(from), &inside(to), None, libc::MS_BIND | libc::MS_REC)
    };
    for system in ["/usr", "/lib", "/lib64", "/dev"].map(Path::new) {
        if system.exists() {
            bind(system, system)?;
        }
    }
    bind(prefix, &folder.join("python/usr"))?;
    bind(&scene::folder(), &folder.join("scenes"))?;
    fs::create_dir_all(folder.join("proc"))?;
    let loader_inside = inside(loader);
    if !loader_inside.exists() {
        fs::create_dir_all(loader_inside.parent().unwrap_or(folder))?;
        copy_program(loader, &loader_inside)?;
    }
    Ok(())
}

/// The dynamic loader that an executable asks for.
pub(crate) fn loader(executable: &Path) -> Result<PathBuf> {
    const INTERPRETER: u32 = 3;
    let file = File::open(executable)?;
    let number = |at: u64, bytes: usize| -> Result<u64> {
        let mut number = [0; 8];
        file.read_exact_at(&mut number[..bytes], at)?;
        Ok(u64::from_le_bytes(number))
    };
    let (headers, count) = (number(32, 8)?, number(56, 2)?);
    for header in (0..count).map(|index| headers + 56 * index) {
        if number(header, 4)? == u64::from(INTERPRETER) {
            let mut path = vec![0; number(header + 32, 8)? as usize];
            file.read_exact_at(&mut path, number(header + 8, 8)?)?;
            path.pop();
            return Ok(PathBuf::from(String::from_utf8_lossy(&path).into_owned()));
        }
    }
    Err(Error::other("no dynamic loader"))
}

fn mount_proc() -> Result<()> {
    let (name, at) = (c"proc".as_ptr(), c"/proc".as_ptr());
    // SAFETY: all texts end with a zero; there is no data.
    checked(unsafe { libc::mount(name, at, name, 0, ptr::null()) }.into())
}

/// Makes it root of a user namespace in which there is nobody else.
pub(crate) fn enter_user_namespace() -> Result<()> {
    unshare(libc::CLONE_NEWUSER)?;
    let files = [
        (c"/proc/self/setgroups", c"deny"),
        (c"/proc/self/uid_map", c"0 0 1"),
        (c"/proc/self/gid_map", c"0 0 1"),
    ];
    for (path, text) in files {
        let bytes = text.to_bytes();
        // SAFETY: the path ends with a zero, and the text is as long as said.
        checked(unsafe {
            let file = libc::open(path.as_ptr(), libc::O_WRONLY | libc::O_CLOEXEC);
            libc::write(file, bytes.as_ptr().cast(), bytes.len()) as i64
        })?;
    }
    Ok(())
}

/// Mounts `from`, or a new file system of this kind.
pub(crate) fn mount(
    from: Option<&Path>,
    to: &Path,
    kind: Option<&CStr>,
    flags: libc::c_ulong,
) -> Result<()> {
    let (from, to) = (c_path(from.unwrap_or(Path::new("none"))), c_path(to));
    let kind = kind.map_or(ptr::null(), CStr::as_ptr);
    // SAFETY: all texts end with a zero and outlive the call; there is no data.
    checked(unsafe { libc::mount(from.as_ptr(), to.as_ptr(), kind, flags, ptr::null()) }.into())
}

fn unshare(flags: libc::c_int) -> Result<()> {
    // SAFETY: the call touches no memory.
    checked(unsafe { libc::unshare(flags) }.into())
}

fn change_folder(path: &CStr) -> Result<()> {
    // SAFETY: the path ends with a zero.
    checked(unsafe { libc::chdir(path.as_ptr()) }.into())
}

/// What a system call answered.
pub(crate) fn checked(result: i64) -> io::Result<()> {
    match result {
        ..0 => Err(Error::last_os_error()),
        _ => Ok(()),
    }
}

fn c_path(path: &Path) -> CString {
    CString::new(path.as_os_str().as_bytes()).unwrap()
}
