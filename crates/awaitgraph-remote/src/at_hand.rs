//! The CPython interpreters that a test can run over.
//!
//! `cargo xtask test` hands them over in two variables, a line `VERSION PATH`
//! each: those with the GIL, and builds of other kinds, of which the
//! free-threaded ones that can be read (`3.13.15t`) are taken; by hand:
//! `AWAITGRAPH_TEST_PYTHONS="$(cargo xtask pythons)" cargo test -p awaitgraph-remote`.

use std::io::{BufRead, BufReader, Write};
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Once;

use crate::layout::{Layout, for_minor, for_minor_free_threaded};

/// The minor versions that the reader knows.
const MINORS: RangeInclusive<u8> = 8..=15;

/// An interpreter.
#[derive(Debug, Clone)]
pub(crate) struct Python {
    /// As `3.11.7`.
    pub(crate) version: String,
    pub(crate) minor: u8,
    /// Whether it was built without the GIL.
    pub(crate) free_threaded: bool,
    pub(crate) path: PathBuf,
}

impl Python {
    /// The interpreters at hand, oldest first.
    pub(crate) fn all() -> Vec<Self> {
        static MISSING: Once = Once::new();
        let lines = std::env::var("AWAITGRAPH_TEST_PYTHONS").unwrap_or_default();
        let mut pythons: Vec<Self> = lines.lines().map(Self::from_line).collect();
        MISSING.call_once(|| {
            let there = |minor: &u8| pythons.iter().any(|python| python.minor == *minor);
            let missing = MINORS.filter(|minor| !there(minor));
            let missing: Vec<String> = missing.map(|minor| format!("3.{minor}")).collect();
            if !missing.is_empty() {
                let missing = missing.join(", ");
                say_not_tested(&format!("layouts and hostile memory of CPython {missing}"));
            }
        });
        let builds = std::env::var("AWAITGRAPH_TEST_BUILDS").unwrap_or_default();
        let builds = builds.lines().map(Self::from_line);
        pythons.extend(builds.filter(|it| it.free_threaded && it.knows_layout()));
        pythons.sort_by_key(|it| it.minor);
        pythons
    }

    /// Its layout, as the tables have it.
    pub(crate) fn table(&self) -> Layout {
        let table = self.known_layout();
        table.expect("a layout of each interpreter at hand")
    }

    fn knows_layout(&self) -> bool {
        self.known_layout().is_some()
    }

    fn known_layout(&self) -> Option<Layout> {
        match self.free_threaded {
            false => for_minor(self.minor),
            true => for_minor_free_threaded(self.minor),
        }
    }

    /// The one at `path`, of whatever version.
    #[cfg(fuzzing)]
    pub(crate) fn at(path: &std::path::Path) -> Self {
        Self {
            version: "3".to_owned(),
            minor: 0,
            free_threaded: false,
            path: path.to_owned(),
        }
    }

    fn from_line(line: &str) -> Self {
        let (version, path) = line.split_once(' ').expect("a line is `VERSION PATH`");
        let minor = version.split('.').nth(1).and_then(|it| it.parse().ok());
        // A debug build of the kind (`td`) is laid out in its own way.
        let with_gil = version.strip_suffix('t');
        Self {
            version: version.to_owned(),
            free_threaded: with_gil.is_some(),
            minor: minor.expect("a version is `3.MINOR.MICRO`"),
            path: path.into(),
        }
    }

    /// Runs `script` until it prints `ready`; it is to wait then, and ends
    /// when this does.
    pub(crate) fn start(&self, script: &str) -> Target {
        Self::start_command(&mut self.command(script))
    }

    /// The same in `folder`, into which the kernel writes a core if it crashes.
    pub(crate) fn start_to_crash(&self, script: &str, folder: &Path) -> Target {
        let mut command = Command::new("sh");
        let limit = "ulimit -c unlimited && exec \"$0\" \"$@\"";
        command.args(["-c", limit]).arg(&self.path);
        command.args(["-I", "-B", "-c", script]).current_dir(folder);
        Self::start_command(&mut command)
    }

    fn start_command(command: &mut Command) -> Target {
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().expect("the interpreter runs");
        let stdout = child.stdout.take().expect("its output is a pipe");
        let mut lines = BufReader::new(stdout).lines();
        let mut said = Vec::new();
        loop {
            let line = lines.next().expect("a script says when it is ready");
            match line.expect("a script prints UTF-8") {
                line if line == "ready" => break,
                line => said.push(line),
            }
        }
        Target { child, said }
    }

    fn command(&self, script: &str) -> Command {
        let mut command = Command::new(&self.path);
        command.args(["-I", "-B", "-c", script]);
        command.stdin(Stdio::null());
        command
    }

    /// What `script` prints.
    pub(crate) fn ask(&self, script: &str) -> String {
        let output = self.command(script).output().expect("the interpreter runs");
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{}: {errors}", self.version);
        String::from_utf8(output.stdout).expect("a script prints UTF-8")
    }
}

/// A process that waits.
pub(crate) struct Target {
    child: Child,
    /// The lines that it printed before it was ready.
    pub(crate) said: Vec<String>,
}

impl Target {
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Writes a line to it.
    pub(crate) fn tell(&mut self, line: &str) {
        let stdin = self.child.stdin.as_mut().expect("its input is a pipe");
        writeln!(stdin, "{line}").expect("it reads what it is told");
    }

    /// Lets it crash, and waits until its core is written.
    pub(crate) fn crash(mut self) {
        // Waiting would close it, at which a target ends by itself.
        let _stdin = self.child.stdin.take();
        let pid = self.pid().to_string();
        let sent = Command::new("kill").args(["-ABRT", &pid]).status();
        assert!(sent.is_ok_and(|status| status.success()));
        drop(self.child.wait());
    }
}

impl Drop for Target {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// Says what was not tested, in a line that `cargo xtask test` repeats at its end.
pub(crate) fn say_not_tested(what: &str) {
    // `println` would be captured, and shown only where a test fails. With one
    // thread for the tests, the test's name stands on the line already.
    let line = format!("\nnot tested: {what}\n");
    drop(std::io::stdout().write_all(line.as_bytes()));
}
