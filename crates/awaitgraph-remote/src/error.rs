//! Why a target could not be read, and what its user can try.

use std::fmt;
use std::path::PathBuf;

/// Why nothing could be read.
///
/// [`Display`](fmt::Display) says what happened and why in one sentence;
/// [`Error::hint`] says what to try.
#[derive(Debug)]
#[non_exhaustive]
pub enum Error {
    /// There is no process with this id.
    NoSuchProcess {
        /// The id asked for.
        pid: u32,
    },
    /// The process ended while it was read.
    Ended {
        /// The id asked for.
        pid: u32,
    },
    /// The process has ended, and its parent has not taken note yet.
    Zombie {
        /// The id asked for.
        pid: u32,
    },
    /// The process begins to run CPython, which has not made its modules yet;
    /// or it is about to end.
    Starting {
        /// The id asked for.
        pid: u32,
        /// The version, as the file's name has it.
        version: String,
    },
    /// A file that the process runs CPython from cannot be opened.
    Unopened {
        /// The id asked for.
        pid: u32,
        /// The file's path, as the process has it.
        path: String,
    },
    /// The process does not run CPython.
    NotPython {
        /// The id asked for.
        pid: u32,
        /// What it runs instead; empty for a thread of the kernel.
        executable: String,
    },
    /// The process runs a version of CPython that this reader does not know.
    UnknownVersion {
        /// The id asked for.
        pid: u32,
        /// The version as far as it could be told, as `3.7` or `2.7`.
        version: String,
    },
    /// The process runs a CPython without the GIL of a version of which that
    /// cannot be read: objects, frames and lists of tasks are laid out in other
    /// ways there.
    FreeThreaded {
        /// The id asked for.
        pid: u32,
        /// The version, as `3.14.0`.
        version: String,
    },
    /// The process runs a known version whose memory is not laid out as that
    /// version's should be.
    Layout {
        /// The id asked for.
        pid: u32,
        /// The version that it claims to be.
        version: String,
        /// What did not fit.
        what: String,
    },
    /// The kernel does not let us look into the process.
    NotPermitted {
        /// The id asked for.
        pid: u32,
        /// Which rule stands in the way.
        rule: Rule,
    },
    /// Another debugger has the process, so it cannot be stopped.
    Traced {
        /// The id asked for.
        pid: u32,
        /// The process id of the debugger.
        tracer: u32,
        /// Its name, as the kernel keeps it.
        tracer_name: String,
    },
    /// A thread of the process did not stop in time: it hangs in the kernel, or
    /// did not get to run at all.
    DoesNotStop {
        /// The id asked for.
        pid: u32,
        /// The thread that went on.
        thread: u32,
        /// Whether it only waits for a processor.
        is_ready: bool,
    },
    /// The file is no core file, or not one that can be read.
    NotCore {
        /// The file's path.
        path: PathBuf,
        /// What it is instead.
        why: NotCore,
    },
    /// A core needs a file that the process ran from, and it is not here.
    NoSuchFile {
        /// Its path, as the process had it.
        path: PathBuf,
        /// Its build id, where it has one that the core knows.
        build_id: Option<String>,
        /// A file that lies where it should, and is another.
        other: Option<PathBuf>,
    },
    /// A core does not say which files were mapped into the process.
    NoFilesInCore,
    /// The process of a core file could not be read.
    InCore {
        /// The core file's path.
        path: PathBuf,
        /// What the file itself lacks, in a sentence.
        cut_off: Option<String>,
        /// Why not.
        source: Box<Error>,
    },
    /// The system refused something that should have worked.
    System {
        /// What was tried, as `read /proc/4711/maps`.
        what: String,
        /// The system's answer.
        source: std::io::Error,
    },
}

/// What a file is that is no core file, or not one that can be read.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum NotCore {
    /// A folder, a device or a pipe.
    NoFile,
    /// There is nothing in it.
    Empty,
    /// Not an ELF file.
    NotElf,
    /// A program, a library or an object file.
    OtherElf,
    /// It ends within its headers.
    CutOff,
    /// It is of another architecture.
    Architecture {
        /// Which one.
        machine: String,
    },
    /// It is packed, and not with zstd.
    Packed {
        /// The program that packs so.
        program: &'static str,
    },
    /// It is packed with zstd, and nothing of it can be unpacked.
    Unpacking {
        /// What is wrong with it.
        what: String,
    },
}

/// The rule by which the kernel forbids one process to look into another.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Rule {
    /// It belongs to another user, and we are not privileged.
    OtherUser {
        /// The user id of the target.
        owner: u32,
    },
    /// The system does not show us the processes of others.
    Hidden,
    /// Yama's `kernel.yama.ptrace_scope` allows descendants only (1), the
    /// administrator only (2), or nobody (3).
    PtraceScope {
        /// The value of the setting.
        scope: u32,
    },
    /// We are root in a container that was not given `CAP_SYS_PTRACE`.
    Capability,
    /// It is not dumpable: it said so by `prctl(PR_SET_DUMPABLE)`, changed its
    /// user, or came from a program with capabilities or of another user.
    NotDumpable,
    /// It is of our user, and has capabilities that we lack.
    MoreCapabilities,
    /// One of those two: it is of our user, and is hidden from us.
    Closed,
    /// It is outside of the user namespace in which we are privileged.
    UserNamespace,
    /// A system call filter (a container's, most likely) refuses the call.
    Seccomp,
    /// None of those that we know.
    Unknown,
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::OtherUser { owner } => write!(f, "it belongs to user {owner}"),
            Self::PtraceScope { scope } => write!(f, "kernel.yama.ptrace_scope is {scope}"),
            Self::Hidden => f.write_str("it is hidden, as another user's processes are"),
            Self::Capability => f.write_str("root without the capability SYS_PTRACE"),
            Self::NotDumpable => f.write_str("it is not dumpable (PR_SET_DUMPABLE)"),
            Self::MoreCapabilities => f.write_str("it has capabilities that awaitgraph lacks"),
            Self::Closed => f.write_str(
                "it is not dumpable (PR_SET_DUMPABLE), or has capabilities that awaitgraph lacks",
            ),
            Self::UserNamespace => f.write_str("it is outside of this user namespace"),
            Self::Seccomp => f.write_str("a system call filter refuses it"),
            Self::Unknown => f.write_str("the kernel refuses it"),
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoSuchProcess { pid } => write!(f, "there is no process {pid}"),
            Self::Ended { pid } => write!(f, "process {pid} ended while it was read"),
            Self::Zombie { pid } => write!(
                f,
                "process {pid} has ended already: a zombie that its parent has not waited for"
            ),
            Self::Starting { pid, version } => write!(
                f,
                "process {pid} has no modules: its Python {version} is just starting, or ending"
            ),
            Self::Unopened { pid, path } => write!(
                f,
                "process {pid} runs {path}, which cannot be opened: it was replaced or deleted since the process started, or is out of our sight"
            ),
            Self::NotPython { pid, executable } if executable.is_empty() => {
                write!(f, "process {pid} is not a Python process")
            }
            Self::NotPython { pid, executable } => {
                write!(
                    f,
                    "process {pid} is not a Python process: it runs {executable}"
                )
            }
            Self::UnknownVersion { pid, version } => write!(
                f,
                "process {pid} runs Python {version}, whose memory this version of awaitgraph does not know"
            ),
            Self::FreeThreaded { pid, version } => write!(
                f,
                "process {pid} runs a free-threaded Python {version}, which cannot be read yet"
            ),
            Self::Layout { pid, version, what } => write!(
                f,
                "process {pid} says that it runs Python {version}, but its memory is not laid out so: {what}"
            ),
            Self::NotPermitted { pid, rule } => {
                write!(f, "no permission to read process {pid}: {rule}")
            }
            Self::Traced {
                pid,
                tracer,
                tracer_name,
            } => write!(
                f,
                "process {pid} cannot be stopped: {tracer_name} (process {tracer}) is debugging it"
            ),
            Self::DoesNotStop {
                pid,
                thread,
                is_ready,
            } => {
                write!(f, "process {pid} does not stop: its thread {thread} ")?;
                f.write_str(match is_ready {
                    true => "gets no processor to run on (the machine, or its group, has too much to do)",
                    false => "hangs in the kernel",
                })
            }
            Self::NotCore { path, why } => write!(f, "{} {why}", path.display()),
            Self::NoSuchFile {
                path,
                build_id,
                other,
            } => {
                write!(f, "{}", path.display())?;
                if let Some(id) = build_id {
                    write!(f, " (build id {id})")?;
                }
                match other {
                    Some(other) => write!(f, " is not here: {} is another file", other.display()),
                    None => f.write_str(" is not here"),
                }
            }
            Self::NoFilesInCore => f.write_str(
                "it does not say which files were mapped, and no CPython is seen in what it has",
            ),
            Self::InCore {
                path,
                cut_off,
                source,
            } => {
                write!(f, "core file {}", path.display())?;
                match **source {
                    Self::NoSuchFile { .. } => {
                        write!(f, " lacks what is in the program's own files, and {source}")?
                    }
                    _ => write!(f, ": {source}")?,
                }
                match cut_off {
                    Some(what) => write!(f, "; {what}"),
                    None => Ok(()),
                }
            }
            Self::System { what, source } => write!(f, "cannot {what}: {source}"),
        }
    }
}

impl fmt::Display for NotCore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoFile => f.write_str("is no core file: it is not a regular file"),
            Self::Empty => f.write_str("is no core file: it is empty"),
            Self::NotElf => f.write_str("is no core file: it is not in the ELF format"),
            Self::OtherElf => f.write_str("is no core file but a program or a library"),
            Self::CutOff => {
                f.write_str("is cut off within its headers, before anything of the process")
            }
            Self::Architecture { machine } => write!(
                f,
                "is a core file of another architecture ({machine}); those of x86-64 can be read"
            ),
            Self::Packed { program } => write!(f, "is packed with {program}"),
            Self::Unpacking { what } => {
                write!(f, "is packed with zstd and cannot be unpacked: {what}")
            }
        }
    }
}

// Its text tells the cause too, so that there is none to be told beside it.
impl std::error::Error for Error {}

impl Error {
    /// What the user can try, as one sentence; `None` where nothing would help.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::NoSuchProcess { .. }
            | Self::NotPython { .. }
            | Self::Ended { .. }
            | Self::Zombie { .. } => {
                Some("`awaitgraph ps` lists the processes that run asyncio".to_owned())
            }
            Self::UnknownVersion { .. } => {
                Some("CPython 3.8 to 3.15 can be read; a newer awaitgraph may know more".to_owned())
            }
            Self::FreeThreaded { .. } => {
                Some("of free-threaded CPythons 3.13 can be read, and with the GIL all of 3.8 to 3.15".to_owned())
            }
            Self::Layout { .. } => Some(
                "this may be a patched or debug build of CPython; please report it with the output of `python -VV`"
                    .to_owned(),
            ),
            Self::NotPermitted { rule, .. } => Some(match rule {
                Rule::OtherUser { .. } | Rule::Hidden => {
                    "run it as that user, with sudo, or with the capability SYS_PTRACE".to_owned()
                }
                Rule::NotDumpable | Rule::Closed => {
                    "run it with sudo, or with the capability SYS_PTRACE; the program allows it with prctl(PR_SET_DUMPABLE, 1), best after it has changed its user".to_owned()
                }
                Rule::MoreCapabilities => {
                    "run it with sudo, or with the capability SYS_PTRACE".to_owned()
                }
                Rule::UserNamespace => {
                    "run it outside of the container or sandbox that you are in".to_owned()
                }
                Rule::PtraceScope { scope: 1 } => {
                    "run it with sudo, or allow it with `sudo sysctl kernel.yama.ptrace_scope=0`; the program allows it with `awaitgraph.allow_attach()`".to_owned()
                }
                Rule::PtraceScope { scope: 3 } => {
                    "the setting can only be changed at boot: `sysctl kernel.yama.ptrace_scope=1` in the boot configuration, then restart".to_owned()
                }
                Rule::PtraceScope { .. } => {
                    "run it with sudo, or allow it with `sudo sysctl kernel.yama.ptrace_scope=0`".to_owned()
                }
                Rule::Capability => {
                    "start the container with `--cap-add=SYS_PTRACE`, or run awaitgraph on the host".to_owned()
                }
                Rule::Seccomp => {
                    "start the container with `--cap-add=SYS_PTRACE` and a seccomp profile that allows ptrace and process_vm_readv, or run awaitgraph on the host".to_owned()
                }
                Rule::Unknown => {
                    "run it with sudo, or from outside of the container or sandbox that you are in"
                        .to_owned()
                }
            }),
            Self::Traced { .. } | Self::DoesNotStop { .. } => {
                Some("`--nonblocking` reads it without stopping it".to_owned())
            }
            Self::Starting { .. } => Some("look again in a moment".to_owned()),
            Self::Unopened { .. } => {
                Some("run it with sudo: the administrator can still open it".to_owned())
            }
            Self::NotCore { why, .. } => Some(match why {
                NotCore::Packed { program } => format!("unpack it with `{program} -d` first"),
                NotCore::CutOff | NotCore::Architecture { .. } | NotCore::Unpacking { .. } => {
                    return None;
                }
                _ => "the file that the kernel, `coredumpctl dump` or `gcore PID` wrote".to_owned(),
            }),
            Self::NoSuchFile { build_id, .. } => {
                let sysroot = "--sysroot DIR, where DIR holds the files of the machine or container that the core is from";
                Some(match build_id {
                    Some(id) => format!("{sysroot}; or `debuginfod-find executable {id}`"),
                    None => sysroot.to_owned(),
                })
            }
            Self::InCore { source, .. } => match **source {
                // They speak of processes that are there.
                Self::NotPython { .. } | Self::Starting { .. } => None,
                ref source => source.hint(),
            },
            Self::NoFilesInCore | Self::System { .. } => None,
        }
    }
}
