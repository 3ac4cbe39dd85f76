//! The service that `awaitgraph demo` looks at: a Python program of our own.
//!
//! It must be gone when the demo is, however that ends. A [`Service`] that is
//! dropped is killed; and if this process dies without dropping anything, the
//! service sees the end of its standard input and ends by itself.

use std::fs;
use std::io::{self, BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use anyhow::{Context, bail};

mod python;

use python::Python;

const SOURCE: &str = include_str!("demo/service.py");

/// A first start of Python from a slow disk takes seconds.
const PATIENCE: Duration = Duration::from_secs(30);

/// The running service.
pub(crate) struct Service {
    child: Child,
    /// The version of its Python, as `3.11`.
    pub(crate) python: String,
    /// What was started, as a user would type it.
    pub(crate) command: String,
}

impl Service {
    /// Starts the service and waits until all its tasks stand where they are
    /// to be seen.
    pub(crate) fn start() -> anyhow::Result<Self> {
        let python = Python::find()?;
        let folder = Folder::new().context("cannot write the service to a temporary folder")?;
        let file = folder.0.join("demo_service.py");
        fs::write(&file, SOURCE).with_context(|| format!("cannot write {}", file.display()))?;
        let child = Command::new(&python.program)
            // The user's own environment could change what the demo shows.
            .arg("-I")
            .arg(&file)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .with_context(|| format!("cannot run {}", python.program.display()))?;
        let mut service = Self {
            child,
            python: format!("{}.{}", python.version.0, python.version.1),
            command: format!("{} {}", python.program.display(), file.display()),
        };
        service.wait_until_ready()?;
        // By now Python has read the file.
        drop(folder);
        Ok(service)
    }

    /// Its process id.
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    fn wait_until_ready(&mut self) -> anyhow::Result<()> {
        let Some(stdout) = self.child.stdout.take() else {
            bail!("the service has no standard output");
        };
        let (sender, receiver) = mpsc::channel();
        // Reading a pipe cannot be given a time limit, waiting for a thread can.
        thread::spawn(move || {
            let mut line = String::new();
            let read = BufReader::new(stdout).read_line(&mut line);
            // No one listens any more where the time is over.
            let _ = sender.send(read.map(|_| line));
        });
        let Ok(line) = receiver.recv_timeout(PATIENCE) else {
            bail!(
                "the service did not start within {} seconds",
                PATIENCE.as_secs()
            );
        };
        if line.context("cannot read from the service")?.trim_end() == "ready" {
            return Ok(());
        }
        let mut said = String::new();
        if let Some(mut stderr) = self.child.stderr.take() {
            // An error here would only hide the one that we are after.
            let _ = stderr.read_to_string(&mut said);
        }
        bail!("the service did not start: {}", said.trim());
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        // Fails where it has ended by itself, which is as good.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A temporary folder, removed when it is dropped.
struct Folder(PathBuf);

impl Folder {
    fn new() -> io::Result<Self> {
        let base = std::env::temp_dir();
        let mut last = io::Error::from(io::ErrorKind::AlreadyExists);
        for attempt in 0..100 {
            let mut name = format!("awaitgraph-demo-{}", std::process::id());
            if attempt > 0 {
                name = format!("{name}-{attempt}");
            }
            let path = base.join(name);
            match create_private(&path) {
                Ok(()) => return Ok(Self(path)),
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => last = error,
                Err(error) => return Err(error),
            }
        }
        Err(last)
    }
}

/// Creates a folder that others cannot put files into; it must not exist yet.
fn create_private(path: &Path) -> io::Result<()> {
    use std::os::unix::fs::DirBuilderExt;
    fs::DirBuilder::new().mode(0o700).create(path)
}

impl Drop for Folder {
    fn drop(&mut self) {
        // What is left behind in a temporary folder harms no one.
        let _ = fs::remove_dir_all(&self.0);
    }
}
