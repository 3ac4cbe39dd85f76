//! What an interpreter says of itself.

use std::ffi::OsStr;
use std::fmt;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

use crate::version::{MINORS, Version};

/// One answer a line, so that no quoting is needed; the path last, as bytes.
///
/// Written so that it also runs on Python 3.0, and on distributions that ship
/// the interpreter without the whole standard library.
const QUESTIONS: &str = r"
import os, sys
try:
    import asyncio
    missing = ''
except ImportError:
    missing = 'asyncio'
try:
    library = os.confstr('CS_GNU_LIBC_VERSION') or ''
except (ValueError, OSError):
    library = ''
fields = [sys.implementation.name, '%d %d %d %s %d' % tuple(sys.version_info), sys.abiflags, missing, library]
out = sys.stdout.buffer
for field in fields:
    out.write(field.encode() + b'\n')
out.write(os.fsencode(os.path.realpath(sys.executable)))
";

/// A CPython that can be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Interpreter {
    pub(crate) version: Version,
    /// `sys.abiflags`: `t` for a free-threaded build, `d` for a debug build.
    abi_flags: String,
    /// The executable, no symbolic link.
    pub(crate) path: PathBuf,
    /// Whether the contributor named it in `AWAITGRAPH_PYTHONS`.
    pub(crate) named: bool,
}

impl Interpreter {
    /// A release build with the GIL.
    pub(crate) fn is_plain(&self) -> bool {
        self.abi_flags.is_empty()
    }

    /// A release build without the GIL.
    pub(crate) fn is_free_threaded(&self) -> bool {
        self.kind() == "t"
    }

    /// What is added to a version for a build of its kind: `t`, `d`, `td` or nothing.
    pub(crate) fn kind(&self) -> &str {
        &self.abi_flags
    }

    #[cfg(test)]
    pub(crate) fn for_test(version_info: &str, abi_flags: &str, path: &str) -> Self {
        Self {
            version: Version::from_version_info(version_info).unwrap(),
            abi_flags: abi_flags.to_owned(),
            path: PathBuf::from(path),
            named: false,
        }
    }
}

/// `VERSION PATH`, the line that stands for an interpreter everywhere.
impl fmt::Display for Interpreter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}{} {}",
            self.version,
            self.abi_flags,
            self.path.display()
        )
    }
}

/// What came of asking.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    Usable(Interpreter),
    /// One on another C library than this machine's, which is musl: it is for the
    /// tests of that, and lacks what others ask for.
    OnMusl(Interpreter),
    /// A Python, but not one for us; says why.
    OfNoUse(String),
}

/// Runs an executable and asks what it is.
pub(crate) fn ask(path: &Path) -> Result<Answer> {
    // Isolated: neither the caller's environment nor the current folder may
    // change what it imports.
    let output = Command::new(path)
        .args(["-I", "-c", QUESTIONS])
        .stdin(Stdio::null())
        .output()
        .context("it cannot be started")?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        bail!(
            "it does not answer as Python does: {}",
            said.lines().last().unwrap_or("no word")
        );
    }
    understand(&output.stdout)
}

fn understand(answer: &[u8]) -> Result<Answer> {
    let mut lines = answer.splitn(6, |byte| *byte == b'\n');
    let mut text = || -> Result<&str> {
        let line = lines.next().context("it did not answer as Python does")?;
        Ok(std::str::from_utf8(line)?)
    };
    let implementation = text()?;
    let version = Version::from_version_info(text()?)?;
    let abi_flags = text()?;
    let missing = text()?;
    let on_glibc = text()?.starts_with("glibc");
    let path = lines.next().context("it did not answer as Python does")?;
    if implementation != "cpython" {
        return Ok(Answer::OfNoUse(format!(
            "it is {implementation}, not CPython"
        )));
    }
    if !version.is_supported() {
        return Ok(Answer::OfNoUse(format!(
            "it is {version}; awaitgraph reads 3.{} to 3.{}",
            MINORS.start(),
            MINORS.end()
        )));
    }
    if !missing.is_empty() {
        return Ok(Answer::OfNoUse(format!("it lacks the module {missing}")));
    }
    let interpreter = Interpreter {
        version,
        abi_flags: abi_flags.to_owned(),
        path: PathBuf::from(OsStr::from_bytes(path)),
        named: false,
    };
    // Where the machine itself is on musl, all are, and lack nothing.
    if cfg!(target_env = "gnu") && !on_glibc {
        return Ok(Answer::OnMusl(interpreter));
    }
    Ok(Answer::Usable(interpreter))
}

#[cfg(test)]
mod tests {
    use super::{Answer, Interpreter, understand};

    #[test]
    fn a_release_build_is_usable() {
        let answer =
            understand(b"cpython\n3 14 10 final 0\n\n\nglibc 2.36\n/opt/a b/python3.14").unwrap();
        let expected = Interpreter::for_test("3 14 10 final 0", "", "/opt/a b/python3.14");
        assert!(expected.is_plain());
        assert_eq!(expected.to_string(), "3.14.10 /opt/a b/python3.14");
        assert_eq!(answer, Answer::Usable(expected));
    }

    #[test]
    fn free_threaded_and_debug_builds_are_told_apart() {
        let Answer::Usable(interpreter) =
            understand(b"cpython\n3 13 0 final 0\ntd\n\nglibc 2.36\n/p").unwrap()
        else {
            panic!("it is usable");
        };
        assert!(!interpreter.is_plain());
        assert_eq!(interpreter.to_string(), "3.13.0td /p");
    }

    #[test]
    #[cfg(target_env = "gnu")]
    fn one_on_musl_is_no_ordinary_interpreter() {
        let answer = understand(b"cpython\n3 13 15 final 0\n\n\n\n/p").unwrap();
        let interpreter = Interpreter::for_test("3 13 15 final 0", "", "/p");
        assert_eq!(answer, Answer::OnMusl(interpreter));
    }

    #[test]
    fn what_is_of_no_use_says_why() {
        for (answer, why) in [
            (
                &b"pypy\n3 10 14 final 0\n\n\nglibc 2.36\n/p"[..],
                "it is pypy, not CPython",
            ),
            (
                b"cpython\n3 7 16 final 0\nm\n\nglibc 2.36\n/p",
                "it is 3.7.16; awaitgraph reads 3.8 to 3.15",
            ),
            (
                b"cpython\n3 11 2 final 0\n\nasyncio\nglibc 2.36\n/p",
                "it lacks the module asyncio",
            ),
        ] {
            assert_eq!(understand(answer).unwrap(), Answer::OfNoUse(why.to_owned()));
        }
    }

    #[test]
    fn what_is_no_answer_is_an_error() {
        for answer in [
            &b""[..],
            b"cpython",
            b"hello\nworld\n\n\n\n/p",
            b"cpython\n3 8 18 final 0\n\n\nglibc 2.36",
        ] {
            assert!(understand(answer).is_err());
        }
    }
}
