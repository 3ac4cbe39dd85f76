//! A running scene, and a reading of it.

use std::fs;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::mpsc::{self, Receiver, TryRecvError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use serde_json::Value;

use crate::pythons::Python;
use crate::{awaitgraph, limited};

/// Longer than a scene itself waits until it is parked.
const PATIENCE: Duration = Duration::from_secs(90);

/// A scene that is ready; it and all its processes are killed on drop.
pub(crate) struct Scene {
    child: Child,
    lines: Receiver<String>,
    first_line: Option<String>,
    stderr: Option<JoinHandle<String>>,
    /// The process to read; not always the one that we started.
    pub(crate) pid: u32,
    /// What the scene knows about itself.
    pub(crate) truth: Value,
}

/// The folder of the scenes.
pub(crate) fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/scenes")
}

fn bytecode() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join("bytecode")
}

impl Scene {
    /// Starts `file` and waits until it is ready. Arguments that begin with
    /// `-X` are for the interpreter.
    ///
    /// # Errors
    ///
    /// What the scene says on stderr, where it ends before.
    pub(crate) fn start(python: &Python, file: &str, arguments: &[&str]) -> Result<Self, String> {
        let (options, arguments): (Vec<&str>, Vec<&str>) =
            arguments.iter().partition(|it| it.starts_with("-X"));
        let mut command = Command::new(&python.path);
        command
            .args(options)
            .arg(folder().join(file))
            .args(arguments);
        Self::start_command(&mut command)
    }

    /// The same with a command of the test's own.
    pub(crate) fn start_command(command: &mut Command) -> Result<Self, String> {
        let mut scene = Self::spawn(command)?;
        scene.await_truth()?;
        Ok(scene)
    }

    /// Starts it and does not wait.
    pub(crate) fn spawn(command: &mut Command) -> Result<Self, String> {
        Self::spawn_by(command, Command::spawn)
    }

    /// The same where more is to be done than to start it.
    pub(crate) fn spawn_by(
        command: &mut Command,
        spawn: impl FnOnce(&mut Command) -> io::Result<Child>,
    ) -> Result<Self, String> {
        let variables = std::env::vars_os().map(|(name, _)| name);
        for name in variables.filter(|name| name.to_string_lossy().starts_with("PYTHON")) {
            command.env_remove(name);
        }
        command
            // Leaves nothing in the tree, and compiles each module only once.
            .env("PYTHONPYCACHEPREFIX", bytecode())
            .process_group(0)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child =
            spawn(command).map_err(|error| format!("{command:?} does not start: {error}"))?;
        let stdout = BufReader::new(child.stdout.take().unwrap());
        let mut stderr = child.stderr.take().unwrap();
        let (sender, receiver) = mpsc::channel();
        thread::spawn(move || {
            let mut lines = stdout.lines().map_while(Result::ok);
            lines.try_for_each(|line| sender.send(line))
        });
        Ok(Self {
            pid: child.id(),
            child,
            lines: receiver,
            stderr: Some(thread::spawn(move || {
                let mut text = Vec::new();
                let _ = stderr.read_to_end(&mut text);
                String::from_utf8_lossy(&text).into_owned()
            })),
            first_line: None,
            truth: Value::Null,
        })
    }

    /// Whether it has said so.
    pub(crate) fn is_ready(&mut self) -> bool {
        if self.first_line.is_none() {
            self.first_line = match self.lines.try_recv() {
                Ok(line) => Some(line),
                Err(TryRecvError::Empty) => None,
                Err(TryRecvError::Disconnected) => Some(String::new()),
            };
        }
        self.first_line.is_some()
    }

    /// Waits until it is ready.
    pub(crate) fn await_truth(&mut self) -> Result<(), String> {
        let line = match self.first_line.take() {
            Some(line) => line,
            None => self.lines.recv_timeout(PATIENCE).unwrap_or_default(),
        };
        match serde_json::from_str(&line) {
            Ok(truth) => self.truth = truth,
            Err(error) => {
                return Err(format!(
                    "the scene is wrong, not the reading: {line:?} ({error})\n{}",
                    self.stop()
                ));
            }
        }
        if let Some(pid) = self.truth["pid"].as_u64() {
            self.pid = u32::try_from(pid).unwrap();
        }
        Ok(())
    }

    /// Gives it a line to read.
    ///
    /// # Errors
    ///
    /// Where it has ended.
    pub(crate) fn tell(&mut self, line: &str) -> Result<(), String> {
        let mut stdin = self.child.stdin.as_ref().unwrap();
        writeln!(stdin, "{line}").map_err(|error| error.to_string())
    }

    /// Ends it, and gives what it said on stderr.
    pub(crate) fn stop(&mut self) -> String {
        self.kill();
        let said = self.stderr.take().map(JoinHandle::join);
        said.transpose().unwrap().unwrap_or_default()
    }

    fn kill(&mut self) {
        limited::signal_group(self.child.id(), libc::SIGKILL);
        let _ = self.child.wait();
    }

    /// Lets it crash, and waits until its core is written.
    pub(crate) fn crash(&mut self) {
        // Waiting would close it, at which a scene ends by itself.
        let _stdin = self.child.stdin.take();
        limited::signal(self.child.id(), libc::SIGABRT);
        let _ = self.child.wait();
    }

    /// That no thread of it is left stopped or traced, and that its loops run.
    ///
    /// # Errors
    ///
    /// What is wrong with it.
    pub(crate) fn is_well(&mut self) -> Result<(), String> {
        let mut stdin = self.child.stdin.as_ref().unwrap();
        stdin.write_all(b"?").map_err(|error| error.to_string())?;
        let answer = self.lines.recv_timeout(PATIENCE);
        let states = limited::thread_states(self.pid);
        let status = fs::read_to_string(format!("/proc/{}/status", self.pid));
        let traced = !status.unwrap_or_default().contains("TracerPid:\t0\n");
        if answer.as_deref() != Ok("well") || states.contains(['T', 't']) || traced {
            return Err(format!(
                "the target is not well: it says {answer:?}, its threads are {states:?}, traced: {traced}\n{}",
                self.stop()
            ));
        }
        // Its other loops say the same, later.
        while self.lines.try_recv().is_ok() {}
        Ok(())
    }
}

impl Drop for Scene {
    fn drop(&mut self) {
        self.kill();
    }
}

/// What `awaitgraph` gave for a process.
#[derive(Debug)]
pub(crate) struct Reading {
    /// Its exit code; `None` where a signal ended it.
    pub(crate) code: Option<i32>,
    /// The document; `Null` where stdout holds none.
    pub(crate) document: Value,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

/// Runs `awaitgraph pstree --json` with more arguments.
///
/// # Errors
///
/// Where it does not end in time.
pub(crate) fn read(pid: u32, arguments: &[&str], limit: Duration) -> Result<Reading, String> {
    let mut command = Command::new(awaitgraph());
    command.args(["pstree", "--json"]).args(arguments);
    Ok(limited::output(command.arg(pid.to_string()), limit)?.into())
}

impl From<Output> for Reading {
    fn from(output: Output) -> Self {
        let stdout = String::from_utf8_lossy(&output.stdout).into_owned();
        Self {
            code: output.status.code(),
            document: serde_json::from_str(&stdout).unwrap_or_default(),
            stdout,
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }
}
