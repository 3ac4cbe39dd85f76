//! The demo's service, started by the test itself so that it lives as long as
//! the test looks at it.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

/// An interpreter that the service can run with.
pub(crate) struct Python {
    pub(crate) minor: u32,
    path: String,
}

impl Python {
    /// Those that `cargo xtask test` found, else the `python3` of PATH.
    pub(crate) fn at_hand() -> Vec<Self> {
        let named = std::env::var("AWAITGRAPH_TEST_PYTHONS").unwrap_or_default();
        let found: Vec<Self> = named.lines().filter_map(Self::from_line).collect();
        if found.is_empty() {
            Self::of_path().into_iter().collect()
        } else {
            found
        }
    }

    pub(crate) fn path(&self) -> &str {
        &self.path
    }

    fn of_path() -> Option<Self> {
        let code = "import platform, sys; print(platform.python_version(), sys.executable)";
        let output = Command::new("python3").args(["-I", "-c", code]).output();
        Self::from_line(String::from_utf8(output.ok()?.stdout).ok()?.trim_end())
    }

    /// `3.11.7 /usr/bin/python3.11`
    fn from_line(line: &str) -> Option<Self> {
        let (version, path) = line.split_once(' ')?;
        Some(Self {
            minor: version.split('.').nth(1)?.parse().ok()?,
            path: path.to_owned(),
        })
    }
}

/// The service, killed when it is dropped.
pub(crate) struct Service(Child);

impl Service {
    /// Starts it and waits until it is ready.
    pub(crate) fn start(python: &Python) -> Self {
        let file = concat!(env!("CARGO_MANIFEST_DIR"), "/src/demo/service.py");
        let mut child = Command::new(&python.path)
            .args(["-I", file])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        let stdout = child.stdout.take().unwrap();
        BufReader::new(stdout).read_line(&mut line).unwrap();
        assert_eq!(line, "ready\n", "{}", python.path);
        Self(child)
    }

    pub(crate) fn pid(&self) -> u32 {
        self.0.id()
    }

    /// Takes away its standard input, and waits for its end.
    pub(crate) fn ends_with_its_input(mut self) -> bool {
        drop(self.0.stdin.take());
        self.0.wait().is_ok_and(|status| status.success())
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
