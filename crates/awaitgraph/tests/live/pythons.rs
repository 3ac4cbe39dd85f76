//! The interpreters to run the scenes under.
//!
//! `cargo xtask test` finds them and hands them over in four variables, a line
//! `VERSION PATH` for each interpreter, for each virtual environment with
//! packages, for each debug build (`3.14.10d`) and free-threaded build
//! (`3.13.15t`), and for each on the C library musl. Without them there is the
//! `python3` of PATH.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Mutex};

const INTERPRETERS: &str = "AWAITGRAPH_TEST_PYTHONS";
const ENVIRONMENTS: &str = "AWAITGRAPH_TEST_ENVIRONMENTS";
const BUILDS: &str = "AWAITGRAPH_TEST_BUILDS";
const MUSL: &str = "AWAITGRAPH_TEST_MUSL";

/// The minor versions that are read without the GIL too.
pub(crate) const FREE_THREADED: [u32; 1] = [13];

/// The minor versions that a whole run tests on musl too.
pub(crate) const ON_MUSL: [u32; 1] = [13];

/// An interpreter, or that of a virtual environment.
#[derive(Debug, Clone)]
pub(crate) struct Python {
    /// Its version as it says it, as `3.11.7`.
    pub(crate) version: String,
    /// The second number of the version.
    pub(crate) minor: u32,
    /// Its executable.
    pub(crate) path: PathBuf,
}

/// All that are at hand, and what was found missing.
pub(crate) struct Pythons {
    /// One or more of each minor version, oldest first; also those without the
    /// GIL that can be read.
    pub(crate) interpreters: Vec<Python>,
    environments: Vec<Python>,
    builds: Vec<Python>,
    /// Those that run on the C library musl.
    pub(crate) on_musl: Vec<Python>,
    /// Which module can be imported in which environment, as far as asked.
    modules: Mutex<BTreeMap<(PathBuf, String), bool>>,
    gaps: Gaps,
}

/// What could not be tested here, and why; clones are the same list.
#[derive(Clone, Default)]
pub(crate) struct Gaps(Arc<Mutex<Vec<String>>>);

impl Pythons {
    /// Those that the variables name, else the `python3` of PATH.
    pub(crate) fn at_hand() -> Self {
        let gaps = Gaps::default();
        let mut interpreters = lines(INTERPRETERS);
        if interpreters.is_empty() {
            interpreters.extend(named(Path::new("python3")));
            gaps.add(match interpreters.first() {
                Some(python) => format!(
                    "any CPython but {}, the python3 of PATH (`cargo xtask test` finds the others)",
                    python.version
                ),
                None => "anything live: there is no python3 in PATH".to_owned(),
            });
        }
        // Without the GIL everything is tried that is tried with it.
        let (read, builds): (Vec<Python>, _) = lines(BUILDS)
            .into_iter()
            .partition(|it| it.version.ends_with('t') && it.is_read());
        interpreters.extend(read);
        interpreters.sort_by_key(|it| it.minor);
        for minor in FREE_THREADED {
            let is_it = |it: &Python| it.minor == minor && it.is_free_threaded();
            if !interpreters.iter().any(is_it) {
                gaps.add(format!(
                    "CPython 3.{minor}t, without the GIL: there is none at hand \
                     (`cargo xtask pythons --build-free-threaded`)"
                ));
            }
        }
        Self {
            interpreters,
            environments: lines(ENVIRONMENTS),
            builds,
            on_musl: lines(MUSL),
            modules: Mutex::default(),
            gaps,
        }
    }

    /// Those of every kind.
    pub(crate) fn all(&self) -> impl Iterator<Item = &Python> {
        self.interpreters.iter().chain(&self.builds)
    }

    /// Builds with the interpreter's own checks (`Py_DEBUG`).
    pub(crate) fn debug_builds(&self) -> impl Iterator<Item = &Python> {
        let builds = self.builds.iter();
        builds.filter(|it| it.version.ends_with('d') && it.is_read())
    }

    /// Builds without the GIL that are refused.
    pub(crate) fn refused_builds(&self) -> impl Iterator<Item = &Python> {
        self.builds.iter().filter(|it| !it.is_read())
    }

    /// The environment of `python` if it has `module`; else that is noted.
    pub(crate) fn with_module(&self, python: &Python, module: &str) -> Option<&Python> {
        let found = self
            .environments
            .iter()
            .find(|it| it.version == python.version)
            .filter(|it| self.can_import(it, module));
        if found.is_none() {
            self.gaps
                .add(format!("{module} on CPython {}", python.version));
        }
        found
    }

    fn can_import(&self, environment: &Python, module: &str) -> bool {
        let key = (environment.path.clone(), module.to_owned());
        let mut modules = self.modules.lock().unwrap();
        *modules
            .entry(key)
            .or_insert_with(|| environment.can_import(module))
    }

    /// What could not be tested here.
    pub(crate) fn gaps(&self) -> Gaps {
        self.gaps.clone()
    }
}

impl Gaps {
    /// Notes something, once.
    pub(crate) fn add(&self, what: String) {
        let mut gaps = self.0.lock().unwrap();
        if !gaps.contains(&what) {
            gaps.push(what);
        }
    }

    pub(crate) fn all(&self) -> Vec<String> {
        self.0.lock().unwrap().clone()
    }
}

impl Python {
    fn new(line: &str) -> Option<Self> {
        let (version, path) = line.split_once(' ')?;
        Some(Self {
            version: version.to_owned(),
            minor: version.split('.').nth(1)?.parse().ok()?,
            path: path.into(),
        })
    }

    /// Whether it was built without the GIL.
    pub(crate) fn is_free_threaded(&self) -> bool {
        self.version.trim_end_matches('d').ends_with('t')
    }

    fn is_read(&self) -> bool {
        !self.is_free_threaded() || FREE_THREADED.contains(&self.minor)
    }

    /// Its version without the kind of build: `3.13.15` of `3.13.15t`.
    pub(crate) fn release(&self) -> &str {
        self.version.trim_end_matches(['t', 'd'])
    }

    /// The folder that its libraries are in, that of an environment's interpreter.
    pub(crate) fn prefix(&self) -> Result<PathBuf, String> {
        let code = "import sys; print(sys.base_prefix, end='')";
        let output = Command::new(&self.path).args(["-c", code]).output();
        let output = output.map_err(|error| error.to_string())?;
        Ok(String::from_utf8_lossy(&output.stdout).into_owned().into())
    }

    fn can_import(&self, module: &str) -> bool {
        let code = format!(
            "import importlib.util, sys; sys.exit(not importlib.util.find_spec({module:?}))"
        );
        let status = Command::new(&self.path).args(["-I", "-c", &code]).status();
        status.is_ok_and(|status| status.success())
    }
}

fn lines(variable: &str) -> Vec<Python> {
    let text = std::env::var(variable).unwrap_or_default();
    text.lines().filter_map(Python::new).collect()
}

/// The interpreter that `command` starts, which may be a script.
pub(crate) fn named(command: &Path) -> Option<Python> {
    let code = "import platform, sys; print(platform.python_version(), sys.executable)";
    let output = Command::new(command).args(["-I", "-c", code]).output();
    let text = String::from_utf8(output.ok()?.stdout).ok()?;
    Python::new(text.trim_end())
}
