//! The kinds of CPython that are built, and all in which their builds differ.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use anyhow::{Context, Result};

/// What no distribution that this machine can ask has at hand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Without the GIL.
    FreeThreaded,
    /// On the C library musl, beside the glibc of this machine.
    OnMusl,
}

/// What no scene asks for and takes a third of the time to compile.
const NOT_ON_MUSL: &str = "\
*disabled*
_codecs_cn _codecs_hk _codecs_iso2022 _codecs_jp _codecs_kr _codecs_tw _multibytecodec
_csv _decimal _elementtree _lsprof _statistics _zoneinfo
cmath pyexpat readline syslog unicodedata xxsubtype
";

/// Asked for the name of its platform `musl-gcc` gives the one of glibc, which
/// `configure` refuses; with no answer it finds out by itself.
const MUSL_CC: &str = "\
#!/bin/sh
case $1 in *-print-multiarch) exit ;; esac
exec musl-gcc \"$@\"
";

impl Kind {
    /// The minor versions that are built: without the GIL those that are read.
    pub(crate) fn minors(self) -> &'static [u32] {
        match self {
            Self::FreeThreaded | Self::OnMusl => &[13],
        }
    }

    /// The name for people, of `3.13` or `3.13.15`.
    pub(super) fn name(self, version: &str) -> String {
        match self {
            Self::FreeThreaded => format!("CPython {version}t"),
            Self::OnMusl => format!("CPython {version} on musl"),
        }
    }

    /// The name of its folder in the cache.
    pub(super) fn folder(self, version: &str) -> String {
        match self {
            Self::FreeThreaded => format!("source-{version}t"),
            Self::OnMusl => format!("source-{version}-musl"),
        }
    }

    /// `python3.13t`, for `3.13.15`.
    pub(super) fn executable(self, version: &str) -> String {
        let minor: Vec<&str> = version.split('.').take(2).collect();
        let minor = minor.join(".");
        match self {
            Self::FreeThreaded => format!("python{minor}t"),
            Self::OnMusl => format!("python{minor}"),
        }
    }

    /// Its compiler, and Debian's package of it.
    pub(super) fn compiler(self) -> (&'static str, &'static str) {
        match self {
            Self::FreeThreaded => ("cc", "gcc"),
            Self::OnMusl => ("musl-gcc", "musl-tools"),
        }
    }

    /// What it must be able to import: what the scenes of the tests do. Modules
    /// are left out of a build, without a word, where there are no headers for
    /// them; on musl there are none for `ctypes` and `ssl`.
    pub(super) fn modules(self) -> &'static str {
        match self {
            Self::FreeThreaded => "asyncio, ctypes, ssl",
            Self::OnMusl => "asyncio, concurrent.futures.process, _interpreters",
        }
    }

    /// Why it may lack one of them.
    pub(super) fn lack(self) -> &'static str {
        match self {
            Self::FreeThreaded => "it lacks a module; are libffi-dev and libssl-dev installed?",
            Self::OnMusl => "it lacks a module",
        }
    }

    /// The arguments of `configure`. Puts what they name into `folder`, and into
    /// its `objects` what the build looks for there.
    pub(super) fn configure(self, folder: &Path) -> Result<Vec<String>> {
        Ok(match self {
            // With the record of all structs, which the layouts are held against.
            Self::FreeThreaded => vec![
                "--disable-gil".to_owned(),
                format!("OPT=-DNDEBUG -g {OPTIMIZATION}"),
            ],
            Self::OnMusl => {
                let modules = folder.join("objects/Modules");
                fs::create_dir_all(&modules)?;
                fs::write(modules.join("Setup.local"), NOT_ON_MUSL)?;
                let compiler = folder.join("musl-cc");
                fs::write(&compiler, MUSL_CC)?;
                fs::set_permissions(&compiler, fs::Permissions::from_mode(0o755))?;
                let compiler = compiler.to_str().context("the cache is not UTF-8")?;
                vec![
                    format!("CC={compiler}"),
                    // It would find the libraries of glibc.
                    "--with-pkg-config=no".to_owned(),
                    format!("OPT=-DNDEBUG {OPTIMIZATION} {MUSL_STACK}"),
                ]
            }
        })
    }
}

/// Compiles sooner than CPython's own choice; nothing of the layout depends on
/// it. Without any a frame of its interpreter takes 18 KB of the stack.
const OPTIMIZATION: &str = "-O1";

/// musl gives a thread 128 KiB, in which imports in a thread end the process.
const MUSL_STACK: &str = "-DTHREAD_STACK_SIZE=0x100000";

#[cfg(test)]
mod tests {
    use std::fs;
    use std::process::Command;

    use super::Kind;

    #[test]
    fn each_kind_has_names_of_its_own() {
        let (with, without) = (Kind::OnMusl, Kind::FreeThreaded);
        assert_eq!(without.name("3.13"), "CPython 3.13t");
        assert_eq!(without.folder("3.13.15"), "source-3.13.15t");
        assert_eq!(without.executable("3.13.15"), "python3.13t");
        assert_eq!(with.name("3.13"), "CPython 3.13 on musl");
        assert_eq!(with.folder("3.13.15"), "source-3.13.15-musl");
        assert_eq!(with.executable("3.13.15"), "python3.13");
    }

    #[test]
    fn the_compiler_of_musl_has_no_name_of_a_platform() {
        let id = std::process::id();
        let folder = std::env::temp_dir().join(format!("awaitgraph-kind-{id}"));
        let arguments = Kind::OnMusl.configure(&folder).unwrap();
        let compiler = arguments[0].strip_prefix("CC=").unwrap();
        for question in ["-print-multiarch", "--print-multiarch"] {
            // Not by itself: a file that another test's child still holds open for
            // writing cannot be executed.
            let mut shell = Command::new("sh");
            let answer = shell.args([compiler, question]).output().unwrap();
            assert!(answer.status.success() && answer.stdout.is_empty());
        }
        let left_out = fs::read_to_string(folder.join("objects/Modules/Setup.local")).unwrap();
        assert!(left_out.starts_with("*disabled*\n"));
        fs::remove_dir_all(&folder).unwrap();
    }
}
