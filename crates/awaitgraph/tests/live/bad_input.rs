//! What cannot be read: each case has its own words and exit code 1, or 0
//! where there is nothing to read in a healthy Python.

use std::fs;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use libtest_mimic::{Failed, Trial};

use crate::pythons::{self, Python, Pythons};
use crate::scene::{self, Reading, Scene};
use crate::temporary::TemporaryFolder;
use crate::upheaval::refused;
use crate::{awaitgraph, compare, limited};

const LIMIT: Duration = Duration::from_secs(30);

/// `nobody` on every Linux.
const NOBODY: u32 = 65534;

/// Reports readiness and stays.
const PARKED: &str = "import os; os.write(1, b'{}\\n'); os.read(0, 1)";

const LIST: &str = "  try: `awaitgraph ps` lists the processes that run asyncio\n";

pub(crate) fn trials(pythons: &Pythons) -> Vec<Trial> {
    let gaps = pythons.gaps();
    let mut trials = vec![
        once("a_pid_that_does_not_exist_is_said", no_such_process),
        once("a_process_that_is_not_python_is_said", not_python),
        once("a_zombie_is_said_to_have_ended", zombie),
    ];
    if Path::new("/proc/2/comm").exists() && fs::read_link("/proc/2/exe").is_err() {
        trials.push(once("a_thread_of_the_kernel_is_not_python", kernel_thread));
    } else {
        gaps.add("a thread of the kernel: none is visible".to_owned());
    }
    for python in &pythons.interpreters {
        for (sentence, code) in [
            ("python_without_asyncio_is_an_empty_answer", ""),
            (
                "asyncio_without_tasks_is_an_empty_answer",
                "import asyncio; asyncio.run(asyncio.sleep(0)); ",
            ),
        ] {
            let (python, code) = (python.clone(), format!("{code}{PARKED}"));
            trials.push(crate::outcome::trial(
                format!("{sentence}::{}", python.version),
                move || no_tasks(&python, &code).map_err(Failed::from),
            ));
        }
    }
    for python in pythons.interpreters.clone() {
        trials.push(crate::outcome::trial(
            format!(
                "a_loop_without_tasks_is_an_empty_answer::{}",
                python.version
            ),
            move || idle_loop(&python).map_err(Failed::from),
        ));
    }
    for version in ["2.7", "3.6", "3.7"] {
        match unknown_python(version) {
            Some(path) => trials.push(crate::outcome::trial(
                format!("an_old_python_is_refused_by_its_version::{version}"),
                move || unknown_version(&path, version).map_err(Failed::from),
            )),
            None => gaps.add(format!(
                "the refusal of CPython {version}: it is not at hand"
            )),
        }
    }
    // SAFETY: it has no conditions.
    if unsafe { libc::geteuid() } != 0 {
        gaps.add("processes of another user: only root can start them".to_owned());
    } else if let Some(python) = pythons.interpreters.first().cloned() {
        trials.push(crate::outcome::trial(
            "a_process_of_another_user_is_refused",
            move || another_user(&python).map_err(Failed::from),
        ));
        let candidates = pythons.interpreters.iter().cloned();
        let system = pythons::named(Path::new("/usr/bin/python3"));
        match candidates.chain(system).find(open_to_nobody) {
            Some(python) => {
                trials.push(crate::outcome::trial(
                    "users_read_their_own_processes",
                    move || own_process(&python).map_err(Failed::from),
                ));
            }
            None => gaps.add(
                "an unprivileged user's own process: every CPython is in a closed folder"
                    .to_owned(),
            ),
        }
    }
    trials
}

fn once(sentence: &str, check: fn() -> Result<(), String>) -> Trial {
    crate::outcome::trial(sentence, move || check().map_err(Failed::from))
}

/// A process that is killed on drop.
struct Helper(Child);

impl Helper {
    fn start(command: &mut Command) -> Self {
        Self(command.stdin(Stdio::piped()).spawn().unwrap())
    }
}

impl Drop for Helper {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn no_such_process() -> Result<(), String> {
    let mut ended = Helper::start(&mut Command::new("true"));
    let pid = ended.0.id();
    ended.0.wait().unwrap();
    let expected = format!("awaitgraph: there is no process {pid}\n{LIST}");
    refused(&scene::read(pid, &[], LIMIT)?, &expected)
}

fn not_python() -> Result<(), String> {
    let sleep = Helper::start(Command::new("sleep").arg("1000"));
    let pid = sleep.0.id();
    let executable = fs::read_link(format!("/proc/{pid}/exe")).unwrap();
    let expected = format!(
        "awaitgraph: process {pid} is not a Python process: it runs {}\n{LIST}",
        executable.display()
    );
    refused(&scene::read(pid, &[], LIMIT)?, &expected)
}

fn kernel_thread() -> Result<(), String> {
    let expected = format!("awaitgraph: process 2 is not a Python process\n{LIST}");
    refused(&scene::read(2, &[], LIMIT)?, &expected)
}

fn zombie() -> Result<(), String> {
    let ended = Helper::start(&mut Command::new("true"));
    let pid = ended.0.id();
    while limited::thread_states(pid) != "Z" {
        std::thread::yield_now();
    }
    let expected = format!(
        "awaitgraph: process {pid} has ended already: a zombie that its parent has not waited for\n  \
         try: `awaitgraph ps` lists the processes that run asyncio\n"
    );
    refused(&scene::read(pid, &[], LIMIT)?, &expected)
}

fn no_tasks(python: &Python, code: &str) -> Result<(), String> {
    let scene = Scene::start_command(Command::new(&python.path).args(["-c", code]))?;
    let reading = scene::read(scene.pid, &[], LIMIT)?;
    let expected = format!(
        "awaitgraph: process {} (Python {}) runs no asyncio event loop and has no asyncio tasks\n",
        scene.pid,
        python.release()
    );
    let empty = ["tasks", "threads", "problems"]
        .iter()
        .all(|key| reading.document[key].as_array().is_some_and(Vec::is_empty));
    if reading.code == Some(0) && empty && reading.stderr == expected {
        return Ok(());
    }
    Err(format!(
        "expected an empty answer and\n{expected}got {reading:#?}"
    ))
}

fn idle_loop(python: &Python) -> Result<(), String> {
    let scene = Scene::start(python, "loop_without_tasks.py", &[])?;
    let mut reading = scene::read(scene.pid, &[], LIMIT)?;
    let expected = format!(
        "awaitgraph: process {} (Python {}) runs an asyncio event loop, which has no tasks now\n",
        scene.pid,
        python.release()
    );
    if reading.stderr != expected {
        return Err(format!("expected\n{expected}got {reading:#?}"));
    }
    reading.stderr.clear();
    compare::whole(&scene, &reading, true)
}

/// Where pyenv or PATH has a version that is too old.
fn unknown_python(version: &str) -> Option<PathBuf> {
    let name = format!("python{version}");
    let home = std::env::home_dir().unwrap_or_default();
    let pyenv = fs::read_dir(home.join(".pyenv/versions"))
        .into_iter()
        .flatten();
    let folders = pyenv.flatten().map(|it| it.path().join("bin"));
    let path = std::env::var_os("PATH").unwrap_or_default();
    folders
        .chain(std::env::split_paths(&path))
        .map(|folder| folder.join(&name))
        .find(|file| {
            // A shim of pyenv is there for versions that are not.
            let output = Command::new(file).arg("-V").output();
            output.is_ok_and(|output| output.status.success())
        })
}

fn unknown_version(path: &Path, version: &str) -> Result<(), String> {
    let scene = Scene::start_command(Command::new(path).args(["-c", PARKED]))?;
    let expected = format!(
        "awaitgraph: process {} runs Python {version}, whose memory this version of awaitgraph does not know\n  \
         try: CPython 3.8 to 3.15 can be read; a newer awaitgraph may know more\n",
        scene.pid
    );
    refused(&scene::read(scene.pid, &[], LIMIT)?, &expected)
}

/// A copy of the program where `nobody` can start it.
fn open_copy(name: &str) -> TemporaryFolder {
    let name = format!("awaitgraph-{}-{name}", std::process::id());
    let folder = TemporaryFolder::new(&name);
    // By another process: a child that another test forks meanwhile would
    // hold the copy open for writing, and it could not be started.
    let copied = Command::new("cp").arg(awaitgraph()).arg(&folder.0).status();
    assert!(copied.is_ok_and(|status| status.success()));
    folder
}

fn read_as_nobody(folder: &TemporaryFolder, pid: u32) -> Result<Reading, String> {
    let name = awaitgraph();
    let mut command = as_nobody(&folder.0.join(name.file_name().unwrap()));
    command.args(["pstree", "--json", &pid.to_string()]);
    Ok(limited::output(&mut command, LIMIT)?.into())
}

fn as_nobody(program: &Path) -> Command {
    let mut command = Command::new(program);
    command.uid(NOBODY).gid(NOBODY).current_dir("/");
    command
}

fn another_user(python: &Python) -> Result<(), String> {
    let scene = Scene::start(python, "await_task.py", &[])?;
    let expected = format!(
        "awaitgraph: no permission to read process {}: it belongs to user 0\n  \
         try: run it as that user, with sudo, or with the capability SYS_PTRACE\n",
        scene.pid
    );
    refused(&read_as_nobody(&open_copy("other"), scene.pid)?, &expected)
}

fn open_to_nobody(python: &Python) -> bool {
    let mut command = as_nobody(&python.path);
    let status = command
        .args(["-c", "import asyncio"])
        .stderr(Stdio::null())
        .status();
    status.is_ok_and(|status| status.success())
}

fn own_process(python: &Python) -> Result<(), String> {
    let folder = open_copy("own");
    for file in ["truth.py", "stacks.py", "await_task.py"] {
        fs::copy(scene::folder().join(file), folder.0.join(file)).unwrap();
    }
    let mut command = as_nobody(&python.path);
    let scene = Scene::start_command(command.arg(folder.0.join("await_task.py")))?;
    let reading = read_as_nobody(&folder, scene.pid)?;
    compare::whole(&scene, &reading, true)
}
