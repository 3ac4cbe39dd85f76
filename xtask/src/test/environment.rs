//! Virtual environments of the interpreters, with what the tests import.
//!
//! They lie in the target folder, are made once and are used as they are until
//! the interpreter or the list of packages changes.

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;

use anyhow::{Context, Result, anyhow};

use super::report::Report;
use crate::command;
use crate::pypi;
use crate::pythons::probe::Interpreter;
use crate::version::Version;
use crate::workspace::target_folder;

/// What an environment holds. The first three are written in Python and exist
/// for every version; the others are compiled and come as wheels or not at all.
pub(crate) const PACKAGES: [&str; 11] = [
    "pytest",
    "anyio",
    "httpx",
    "uvloop",
    "aiohttp",
    "greenlet",
    "asyncpg",
    "sqlalchemy",
    "aiosqlite",
    "websockets",
    "cython",
];

const EVERYWHERE: usize = 3;

/// A virtual environment of one interpreter.
pub(crate) struct Environment {
    pub(crate) version: Version,
    pub(crate) folder: PathBuf,
}

impl Environment {
    /// The environment's interpreter.
    pub(crate) fn python(&self) -> PathBuf {
        self.folder.join("bin/python")
    }

    /// A command in the environment, as if it were activated.
    pub(crate) fn command(&self) -> Result<Command> {
        let mut command = Command::new(self.python());
        let path = std::env::var_os("PATH").unwrap_or_default();
        let folders = std::iter::once(self.folder.join("bin")).chain(std::env::split_paths(&path));
        command.env("PATH", std::env::join_paths(folders)?);
        command.env("VIRTUAL_ENV", &self.folder);
        command.env_remove("PYTHONPATH").env_remove("PYTHONHOME");
        Ok(command)
    }

    /// Installs by pip, from wheels only.
    pub(crate) fn install(&self, pips: &[&Path], arguments: &[&str]) -> Result<()> {
        let python = self.python();
        let mut pip = pypi::pip(&python);
        if !pypi::has_module(&python, "pip") {
            pip.env("PYTHONPATH", pypi::packages("pip", pips)?);
        }
        pip.args(["install", "--quiet", "--only-binary=:all:"])
            .args(arguments);
        command::output(&mut pip)?;
        Ok(())
    }
}

/// `VERSION PATH`, as for an interpreter.
impl fmt::Display for Environment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.version, self.python().display())
    }
}

/// Makes what is missing, one environment for each interpreter.
pub(crate) fn prepare(
    interpreters: &[&Interpreter],
    report: &mut Report,
) -> Result<Vec<Environment>> {
    let folder = target_folder()?.join("environments");
    let pips: Vec<&Path> = interpreters.iter().map(|it| it.path.as_path()).collect();
    let one = |interpreter: &Interpreter| {
        let version = interpreter.version.clone();
        let folder = folder.join(version.to_string());
        let environment = Environment { version, folder };
        let absent = make(&environment, interpreter, &pips)
            .with_context(|| format!("no environment for {interpreter}"))?;
        anyhow::Ok((environment, absent))
    };
    // All at once: each takes a processor for some ten seconds, the first time.
    let made = thread::scope(|scope| {
        let threads: Vec<_> = interpreters
            .iter()
            .map(|interpreter| scope.spawn(|| one(interpreter)))
            .collect();
        let joined = threads.into_iter().map(|thread| thread.join());
        joined.collect::<Vec<_>>()
    });
    let mut environments = Vec::new();
    for result in made {
        let (environment, absent) = result.map_err(|_| anyhow!("a thread panicked"))??;
        for package in absent {
            report.gap(format!(
                "{package} on {}: it has no wheel",
                environment.version
            ));
        }
        environments.push(environment);
    }
    Ok(environments)
}

/// The packages that do not exist for this version.
fn make(
    environment: &Environment,
    interpreter: &Interpreter,
    pips: &[&Path],
) -> Result<Vec<String>> {
    // Written last; its first line says what the environment was made for.
    let record = environment.folder.join("awaitgraph-packages.txt");
    let wanted = format!("{interpreter}: {}", PACKAGES.join(" "));
    if let Ok(text) = fs::read_to_string(&record)
        && let Some(absent) = text.strip_prefix(&wanted)
    {
        return Ok(absent.split_whitespace().map(str::to_owned).collect());
    }

    eprintln!(
        "making a virtual environment for CPython {}",
        environment.version
    );
    if environment.folder.exists() {
        fs::remove_dir_all(&environment.folder)?;
    }
    let mut venv = Command::new(&interpreter.path);
    venv.args(["-I", "-m", "venv"]);
    if !pypi::has_module(&interpreter.path, "ensurepip") {
        venv.arg("--without-pip");
    }
    command::output(venv.arg(&environment.folder))?;
    let (everywhere, compiled) = PACKAGES.split_at(EVERYWHERE);
    // First, so that an index that can't be reached is known as such.
    environment.install(pips, everywhere)?;
    let mut absent = Vec::new();
    for package in compiled {
        match environment.install(pips, &[package]) {
            Ok(()) => {}
            Err(error) if error.to_string().contains("No matching distribution found") => {
                absent.push((*package).to_owned());
            }
            Err(error) => return Err(error),
        }
    }
    fs::write(record, format!("{wanted}\n{}\n", absent.join("\n")))?;
    Ok(absent)
}
