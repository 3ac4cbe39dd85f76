//! CPython as others build it: inside a program of their own, in one file,
//! stripped, and without the GIL.
//!
//! The programs are made here, from what an interpreter brings for that: its
//! shared library, or the archive of all of it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use libtest_mimic::{Failed, Trial};
use serde_json::Value;

use crate::pythons::{Gaps, Python, Pythons};
use crate::scene::{self, Scene};
use crate::temporary::TemporaryFolder;
use crate::{compare, limited};

const LIMIT: Duration = Duration::from_secs(60);

/// What an interpreter says of how it was built.
const QUESTION: &str = r#"
import json, os, sys, sysconfig
get = sysconfig.get_config_var
with open("/proc/self/maps") as maps:
    files = [line.split()[-1] for line in maps]
loader = [file for file in files if "/ld-linux" in file][0]
folders = [get("LIBDIR") or "", os.path.join(get("LIBDIR") or "", get("MULTIARCH") or ""), os.path.dirname(loader)]
names = ["libpython%d.%d%s.so.1.0" % (sys.version_info[:2] + (sys.abiflags,))]
shared = [os.path.join(folder, name) for folder in folders for name in names]
archive = os.path.join(get("LIBPL") or "", get("LIBRARY") or "")
print(json.dumps({
    "in_use": next((file for file in files if "/libpython" in file), None),
    "shared": next(filter(os.path.isfile, shared), None),
    "archive": archive if os.path.isfile(archive) else None,
    "libraries": "%s %s" % (get("LIBS") or "", get("SYSLIBS") or ""),
    "loader": loader,
    "home": "%s:%s" % (sys.base_prefix, sys.base_exec_prefix),
}))
"#;

/// What a program with a Python in it runs: a scene, as `python` would.
const RUN: &str = "import os, runpy, sys
if 'IDLE' in os.environ:
    import ctypes
    ctypes.CDLL(os.environ['IDLE'])
scene = os.environ['SCENE']
sys.argv = [scene]
sys.path.insert(0, os.path.dirname(scene))
runpy.run_path(scene, run_name='__main__')";

/// How a program comes by its Python.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    /// From the shared library.
    Linked,
    /// The same, and the loop is in a thread that the program made.
    InThread,
    /// All in one file, stripped, as python-build-standalone does it.
    Inside,
    /// The same without the symbol that says which version it is.
    Mute,
    /// The same, and it has loaded an extension that brought libpython along,
    /// which is a second Python that does nothing.
    Beside,
    /// `python` itself, and its library where it has one, stripped.
    Stripped,
}

impl Way {
    fn sentence(self) -> &'static str {
        match self {
            Self::Linked => "a_program_that_embeds_python_is_read",
            Self::InThread => "a_loop_in_a_thread_of_an_embedding_program_is_read",
            Self::Inside => "python_in_one_stripped_file_is_read",
            Self::Mute => "python_without_the_symbol_of_its_version_is_read",
            Self::Beside => "python_beside_an_idle_libpython_is_read",
            Self::Stripped => "a_stripped_copy_is_read",
        }
    }

    /// Whether a minor version can be had so.
    fn is_of(self, minor: u32) -> bool {
        // Older ones have no such symbol, later ones say it in their runtime too.
        self != Self::Mute || (11..=12).contains(&minor)
    }
}

const WAYS: [Way; 6] = [
    Way::Linked,
    Way::InThread,
    Way::Inside,
    Way::Mute,
    Way::Beside,
    Way::Stripped,
];

pub(crate) fn trials(pythons: &Pythons) -> Vec<Trial> {
    let mut trials = Vec::new();
    let has_compiler = Command::new("cc").arg("--version").output().is_ok();
    if !has_compiler {
        let what = "programs that embed CPython: there is no cc";
        pythons.gaps().add(what.to_owned());
    }
    for python in pythons.interpreters.iter().filter(|_| has_compiler) {
        for way in WAYS {
            if !way.is_of(python.minor) {
                continue;
            }
            let Some(build) = Build::of(python, way, &pythons.gaps()) else {
                continue;
            };
            let name = format!("{}::{}", way.sentence(), python.version);
            trials.push(crate::outcome::trial(name, move || {
                build.check().map_err(Failed::from)
            }));
        }
    }
    for python in &pythons.interpreters {
        let sentence = "a_registered_object_that_is_no_task_is_a_problem";
        let name = format!("{sentence}::{}", python.version);
        let python = python.clone();
        trials.push(crate::outcome::trial(name, move || {
            named(&python).map_err(Failed::from)
        }));
    }
    for python in pythons
        .interpreters
        .iter()
        .filter(|it| it.is_free_threaded())
    {
        let name = format!(
            "a_free_threaded_build_with_its_gil_on_is_read::{}",
            python.version
        );
        let python = python.clone();
        trials.push(crate::outcome::trial(name, move || {
            with_gil_on(&python).map_err(Failed::from)
        }));
    }
    for python in pythons.refused_builds() {
        let name = format!("a_free_threaded_build_is_refused::{}", python.version);
        let python = python.clone();
        trials.push(crate::outcome::trial(name, move || {
            refused(&python).map_err(Failed::from)
        }));
    }
    trials
}

/// A program to be made.
struct Build {
    python: Python,
    way: Way,
    said: Value,
}

impl Build {
    /// `None` where the interpreter does not bring what it takes; that is noted.
    fn of(python: &Python, way: Way, gaps: &Gaps) -> Option<Self> {
        let mut command = Command::new(&python.path);
        let output = command.args(["-I", "-c", QUESTION]).output().ok()?;
        let said: Value = serde_json::from_slice(&output.stdout).unwrap_or_default();
        let (needed, what) = match way {
            Way::Stripped => ("loader", "loader"),
            Way::Linked | Way::InThread => ("shared", "shared library"),
            Way::Inside | Way::Mute => ("archive", "archive (libpython.a)"),
            // It may be all in one file itself.
            Way::Beside if said["in_use"].is_null() => ("shared", "shared library"),
            Way::Beside => ("archive", "archive (libpython.a)"),
        };
        let lacks_library = way == Way::Beside && said["shared"].is_null();
        if said[needed].is_null() || lacks_library {
            let (sentence, version) = (way.sentence(), &python.version);
            gaps.add(format!("{sentence} on CPython {version}: it has no {what}"));
            return None;
        }
        Some(Self {
            python: python.clone(),
            way,
            said,
        })
    }

    fn text(&self, key: &str) -> &str {
        self.said[key].as_str().unwrap_or_default()
    }

    fn check(&self) -> Result<(), String> {
        let id = std::process::id();
        let folder = format!("awaitgraph-{:?}-{}-{id}", self.way, self.python.version);
        let folder = TemporaryFolder::new(&folder.to_lowercase());
        let mut command = match self.way {
            Way::Stripped => self.stripped(&folder.0)?,
            Way::Beside if self.said["in_use"].is_null() => {
                let mut command = Command::new(&self.python.path);
                command.args(["-c", RUN]);
                command
            }
            _ => {
                let mut command = Command::new(self.program(&folder.0)?);
                command.arg(RUN);
                command
            }
        };
        if self.way == Way::InThread {
            command.arg("thread");
        }
        if self.way == Way::Beside {
            command.env("IDLE", self.text("shared"));
        }
        command.env("SCENE", scene::folder().join("gather.py"));
        command.env("PYTHONHOME", self.text("home"));
        let mut scene = Scene::start_command(&mut command)?;
        self.is_meant(&scene, &folder.0)?;
        let reading = scene::read(scene.pid, &[], LIMIT)?;
        compare::whole(&scene, &reading, true).map_err(|text| text + &scene.stop())
    }

    /// That it is the program that was to be read.
    fn is_meant(&self, scene: &Scene, folder: &Path) -> Result<(), String> {
        let maps = fs::read_to_string(format!("/proc/{}/maps", scene.pid));
        let maps = maps.map_err(|error| error.to_string())?;
        let ours = folder.to_string_lossy();
        let of_python: Vec<&str> = maps
            .lines()
            .filter(|line| line.contains("/libpython"))
            .collect();
        let is_meant = (maps.contains(&*ours) || self.way == Way::Beside)
            && match self.way {
                Way::Linked | Way::InThread | Way::Beside => !of_python.is_empty(),
                Way::Inside | Way::Mute => of_python.is_empty(),
                Way::Stripped => of_python.iter().all(|line| line.contains(&*ours)),
            };
        if is_meant {
            return Ok(());
        }
        Err(format!("not the program that was made:\n{maps}"))
    }

    /// Makes a program whose name says nothing.
    fn program(&self, folder: &Path) -> Result<PathBuf, String> {
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/programs/embedding.c");
        let program = folder.join("server");
        let mut cc = Command::new("cc");
        cc.arg(source).arg("-o").arg(&program).arg("-pthread");
        match self.way {
            Way::Linked | Way::InThread | Way::Stripped => {
                // It runs with the C library of its Python, which may be newer than ours.
                let (library, loader) = (self.text("shared"), self.text("loader"));
                for path in [library, loader] {
                    let folder = Path::new(path).parent().unwrap_or(Path::new("/"));
                    cc.arg(format!("-Wl,-rpath,{}", folder.display()));
                }
                cc.arg(format!("-Wl,--dynamic-linker={loader}"));
                cc.args(["-Wl,--disable-new-dtags", "-Wl,--allow-shlib-undefined"]);
                cc.arg(library);
            }
            Way::Inside | Way::Mute | Way::Beside => {
                cc.args(["-rdynamic", "-s", "-Wl,--whole-archive"]);
                cc.arg(self.text("archive")).arg("-Wl,--no-whole-archive");
                cc.args(self.text("libraries").split_whitespace());
                cc.args(["-lm", "-ldl", "-lutil"]);
            }
        }
        if self.way == Way::Mute {
            let exports = folder.join("exports");
            let text = "{ global: *; local: Py_Version; };";
            fs::write(&exports, text).map_err(|error| error.to_string())?;
            cc.arg(format!("-Wl,--version-script={}", exports.display()));
        }
        limited::succeeds(&mut cc)?;
        Ok(program)
    }

    /// A command that runs `python` from stripped copies.
    fn stripped(&self, folder: &Path) -> Result<Command, String> {
        // As deep as where an interpreter may look for its libraries from.
        let folder = folder.join("usr/bin");
        fs::create_dir_all(&folder).map_err(|error| error.to_string())?;
        let copy = |file: &Path| {
            let copy = folder.join(file.file_name().unwrap_or_default());
            let mut strip = Command::new("strip");
            limited::succeeds(strip.arg("-o").arg(&copy).arg(file)).map(|()| copy)
        };
        let mut command = Command::new(copy(&self.python.path)?);
        command.arg(scene::folder().join("gather.py"));
        let loader = Path::new(self.text("loader"));
        command.env("LD_LIBRARY_PATH", loader.parent().unwrap_or(loader));
        if let Some(library) = self.said["in_use"].as_str() {
            // A library of a name that is loaded already is not loaded again.
            command.env("LD_PRELOAD", copy(Path::new(library))?);
        }
        Ok(command)
    }
}

/// That what others registered as a task and is none is named, and the rest shown.
fn named(python: &Python) -> Result<(), String> {
    let scene = Scene::start(python, "registered_object.py", &[])?;
    let reading = scene::read(scene.pid, &[], LIMIT)?;
    let tasks = reading.document["tasks"].as_array().map(Vec::len);
    let problems = reading.document["problems"].as_array();
    let what = "not a task of a kind that is known";
    let is_named = problems.is_some_and(|it| it.len() == 1 && it[0].to_string().contains(what));
    if reading.code == Some(3) && tasks == Some(1) && is_named {
        return Ok(());
    }
    Err(format!("{reading:#?}"))
}

/// The GIL can be switched on at the start, or by an extension module that asks
/// for it, which changes nothing of what lies where.
fn with_gil_on(python: &Python) -> Result<(), String> {
    let mut scene = Scene::start(python, "two_loops.py", &["-Xgil=1"])?;
    let reading = scene::read(scene.pid, &[], LIMIT)?;
    compare::whole(&scene, &reading, true).map_err(|text| text + &scene.stop())
}

/// That a build without the GIL is not taken for another.
fn refused(python: &Python) -> Result<(), String> {
    let scene = Scene::start(python, "gather.py", &[])?;
    let reading = scene::read(scene.pid, &[], LIMIT)?;
    let says = "runs a free-threaded Python ";
    if reading.code == Some(1) && reading.stdout.is_empty() && reading.stderr.contains(says) {
        return Ok(());
    }
    Err(format!("{reading:#?}"))
}
