//! Who may read whom: what the kernel allows is read, and what it forbids is
//! named, with what would allow it.

use std::ffi::CStr;
use std::fs::{self, File};
use std::io::Result as IoResult;
use std::os::unix::fs::FileExt;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};

use libtest_mimic::Trial;

use crate::each::{self, CheckInFolder};
use crate::place::{self, Place, Root};
use crate::privileges::{self, nobody, only_ptrace, powerless_root, reader};
use crate::pythons::{Python, Pythons};
use crate::scene::{self, Reading, Scene};
use crate::temporary::TemporaryFolder;
use crate::{compare, filter, limited};

const LIMIT: Duration = Duration::from_secs(30);
const PTRACE_SCOPE: &str = "/proc/sys/kernel/yama/ptrace_scope";

#[rustfmt::skip]
const CHECKS: &[(&str, CheckInFolder)] = &[
    ("only_the_capability_sys_ptrace_is_needed", only_capability),
    ("ones_own_process_needs_no_privilege", same_user),
    ("a_process_that_is_not_dumpable_is_refused_by_name", not_dumpable),
    ("a_process_with_more_capabilities_is_refused_by_name", more_capabilities),
    ("root_without_capabilities_is_told_of_them", root_without_capabilities),
    ("root_without_capabilities_reads_its_equal", equal_root),
    ("root_of_a_user_namespace_is_told_of_it", root_of_namespace),
    ("a_filter_that_forbids_reading_is_named", forbidden_reading),
    ("a_reader_makes_no_call_that_could_write", no_writing_calls),
    ("the_memory_of_a_target_is_the_same_after_a_reading", unchanged_memory),
];

pub(crate) fn trials(pythons: &Pythons) -> Vec<Trial> {
    let gaps = pythons.gaps();
    if let Some(why) = place::none_at_hand() {
        gaps.add(format!("readers of other users: {why}"));
        return Vec::new();
    }
    match fs::read_to_string(PTRACE_SCOPE) {
        Err(_) => gaps.add("kernel.yama.ptrace_scope: this kernel is without Yama".to_owned()),
        Ok(_) => {
            gaps.add("kernel.yama.ptrace_scope: it is this machine's, not a test's".to_owned())
        }
    }
    each::python_in_a_folder(pythons, CHECKS)
}

fn read(command: &mut Command) -> Result<Reading, String> {
    Ok(limited::output(command, LIMIT)?.into())
}

/// A scene of another user, in a root where that one may read all files.
fn of_nobody(
    python: &Python,
    folder: &TemporaryFolder,
    last: fn() -> IoResult<()>,
) -> Result<Scene, String> {
    let place = Place {
        root: Root::Pivoted,
        last: Some(last),
        ..Place::default()
    };
    place.start(python, folder, "two_loops.py")
}

/// That nothing was read, and the rule and what helps were named.
fn refused(mut scene: Scene, reading: &Reading, rule: &str, hint: &str) -> Result<(), String> {
    let pid = scene.pid;
    let expected =
        format!("awaitgraph: no permission to read process {pid}: {rule}\n  try: {hint}\n");
    if reading.code != Some(1) || !reading.stdout.is_empty() || reading.stderr != expected {
        return Err(format!("expected:\n{expected}got {reading:#?}"));
    }
    scene.is_well()
}

fn allowed(mut scene: Scene, reading: &Reading) -> Result<(), String> {
    compare::whole(&scene, reading, true)?;
    scene.is_well()
}

fn only_capability(python: &Python, folder: &TemporaryFolder) -> Result<(), String> {
    let scene = Scene::start(python, "two_loops.py", &[])?;
    let reading = read(only_ptrace(&mut reader(folder, scene.pid)?))?;
    allowed(scene, &reading)
}

fn same_user(python: &Python, folder: &TemporaryFolder) -> Result<(), String> {
    let scene = of_nobody(python, folder, privileges::become_nobody)?;
    let reading = read(nobody(&mut reader(folder, scene.pid)?))?;
    allowed(scene, &reading)
}

fn not_dumpable(python: &Python, folder: &TemporaryFolder) -> Result<(), String> {
    let hint = "run it with sudo, or with the capability SYS_PTRACE; the program allows it with prctl(PR_SET_DUMPABLE, 1), best after it has changed its user";
    for (options, rule) in [
        (c"hidepid=0", "it is not dumpable (PR_SET_DUMPABLE)"),
        (
            c"hidepid=1",
            "it is not dumpable (PR_SET_DUMPABLE), or has capabilities that awaitgraph lacks",
        ),
    ] {
        let scene = Scene::start(python, "changed_user.py", &[])?;
        let reading = read_where(options, nobody(&mut reader(folder, scene.pid)?))?;
        refused(scene, &reading, rule, hint)?;
    }
    let scene = Scene::start(python, "changed_user.py", &[])?;
    let reading = read(only_ptrace(&mut reader(folder, scene.pid)?))?;
    allowed(scene, &reading)
}

fn more_capabilities(python: &Python, folder: &TemporaryFolder) -> Result<(), String> {
    let scene = of_nobody(python, folder, privileges::keep_only_ptrace)?;
    let reading = read_where(c"hidepid=0", nobody(&mut reader(folder, scene.pid)?))?;
    let hint = "run it with sudo, or with the capability SYS_PTRACE";
    let rule = "it has capabilities that awaitgraph lacks";
    refused(scene, &reading, rule, hint)
}

/// Reads where `/proc` hides the processes of others, or does not.
fn read_where(options: &CStr, command: &mut Command) -> Result<Reading, String> {
    place::with_proc(options, || Ok(read(command))).map_err(|error| error.to_string())?
}

fn root_without_capabilities(python: &Python, folder: &TemporaryFolder) -> Result<(), String> {
    let hint = "start the container with `--cap-add=SYS_PTRACE`, or run awaitgraph on the host";
    let rule = "root without the capability SYS_PTRACE";
    // One that may more, and one of another user.
    let scene = Scene::start(python, "two_loops.py", &[])?;
    let reading = read(powerless_root(&mut reader(folder, scene.pid)?))?;
    refused(scene, &reading, rule, hint)?;
    let scene = of_nobody(python, folder, privileges::become_nobody)?;
    let reading = read(powerless_root(&mut reader(folder, scene.pid)?))?;
    refused(scene, &reading, rule, hint)
}

fn equal_root(python: &Python, folder: &TemporaryFolder) -> Result<(), String> {
    let place = Place {
        last: Some(privileges::drop_capabilities),
        ..Place::default()
    };
    let scene = place.start(python, folder, "two_loops.py")?;
    let reading = read(powerless_root(&mut reader(folder, scene.pid)?))?;
    allowed(scene, &reading)
}

fn root_of_namespace(python: &Python, folder: &TemporaryFolder) -> Result<(), String> {
    let scene = Scene::start(python, "two_loops.py", &[])?;
    let mut command = reader(folder, scene.pid)?;
    // SAFETY: between fork and exec only system calls are made.
    unsafe { command.pre_exec(place::enter_user_namespace) };
    let reading = read(&mut command)?;
    let hint = "run it outside of the container or sandbox that you are in";
    refused(
        scene,
        &reading,
        "it is outside of this user namespace",
        hint,
    )
}

fn forbidden_reading(python: &Python, folder: &TemporaryFolder) -> Result<(), String> {
    let scene = Scene::start(python, "two_loops.py", &[])?;
    let mut command = reader(folder, scene.pid)?;
    // SAFETY: as above.
    unsafe { command.pre_exec(filter::forbid_reading) };
    let reading = read(&mut command)?;
    let hint = "start the container with `--cap-add=SYS_PTRACE` and a seccomp profile that allows ptrace and process_vm_readv, or run awaitgraph on the host";
    refused(scene, &reading, "a system call filter refuses it", hint)
}

/// The kernel kills a reader that makes one, stopping and not.
fn no_writing_calls(python: &Python, folder: &TemporaryFolder) -> Result<(), String> {
    let mut scene = Scene::start(python, "two_loops.py", &[])?;
    for options in [&[][..], &["--nonblocking"]] {
        let mut command = reader(folder, scene.pid)?;
        command.args(options);
        // SAFETY: as above.
        unsafe { command.pre_exec(filter::kill_at_writing_calls) };
        compare::whole(&scene, &read(&mut command)?, options.is_empty())?;
    }
    scene.is_well()
}

fn unchanged_memory(python: &Python, _: &TemporaryFolder) -> Result<(), String> {
    let mut scene = Scene::start(python, "two_loops.py", &[])?;
    let pid = scene.pid;
    limited::signal(pid, libc::SIGSTOP);
    let since = Instant::now();
    while limited::thread_states(pid).contains(|state| state != 'T') {
        if since.elapsed() > LIMIT {
            return Err("it does not stop".to_owned());
        }
        std::thread::yield_now();
    }
    let before = writable(pid).map_err(|error| error.to_string())?;
    for options in [&[][..], &["--nonblocking"]] {
        compare::whole(
            &scene,
            &scene::read(pid, options, LIMIT)?,
            options.is_empty(),
        )?;
    }
    let after = writable(pid).map_err(|error| error.to_string())?;
    if limited::thread_states(pid).contains(|state| state != 'T') {
        return Err("it no longer is stopped".to_owned());
    }
    for ((line, bytes), (other_line, other_bytes)) in before.iter().zip(&after) {
        if line != other_line || bytes != other_bytes {
            return Err(format!("{line} has changed, now {other_line}"));
        }
    }
    let bytes: usize = before.iter().flat_map(|(_, it)| it).map(Vec::len).sum();
    if before.len() != after.len() || bytes < 1 << 20 {
        let (before, after) = (before.len(), after.len());
        return Err(format!("{before} mappings of {bytes} bytes, then {after}"));
    }
    limited::signal(pid, libc::SIGCONT);
    scene.is_well()
}

/// What the process can write to: each mapping's line, and its bytes; none of
/// those behind the end of a file.
fn writable(pid: u32) -> IoResult<Vec<(String, Option<Vec<u8>>)>> {
    let folder = PathBuf::from(format!("/proc/{pid}"));
    let memory = File::open(folder.join("mem"))?;
    let maps = fs::read_to_string(folder.join("maps"))?;
    let mut found = Vec::new();
    for line in maps.lines() {
        let mut fields = line.split_whitespace();
        let (range, rights) = (fields.next().unwrap(), fields.next().unwrap());
        if rights.starts_with("rw") {
            let (start, end) = range.split_once('-').unwrap();
            let number = |text| u64::from_str_radix(text, 16).unwrap();
            let (start, end) = (number(start), number(end));
            let mut bytes = vec![0; (end - start) as usize];
            let read = memory.read_exact_at(&mut bytes, start);
            found.push((line.to_owned(), read.is_ok().then_some(bytes)));
        }
    }
    Ok(found)
}
