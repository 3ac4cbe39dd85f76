//! Cores that are packed, cut off, of something else, or none at all.
//!
//! That a core may be cut off at any byte is tested where the reader is, in
//! `hostile/cores.rs`.

use std::fs::{self, File};
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::process::{Command, Stdio};

use libtest_mimic::{Failed, Trial};

use super::written::{Dumped, Filter, Writer, crashing, new_folder, only_file};
use super::{LIMIT, lasting, read};
use crate::pythons::{Python, Pythons};
use crate::scene::Reading;
use crate::upheaval::refused;
use crate::{compare, limited};

const HINT: &str = "  try: the file that the kernel, `coredumpctl dump` or `gcore PID` wrote\n";

pub(super) fn trials(pythons: &Pythons, writers: &[Writer]) -> Vec<Trial> {
    let mut trials = vec![
        crate::outcome::trial("what_is_no_core_file_is_said", || {
            no_core().map_err(Failed::from)
        }),
        crate::outcome::trial("a_core_that_is_not_there_is_said", || {
            let expected =
                "awaitgraph: cannot open /nowhere/core: No such file or directory (os error 2)\n";
            let reading = read(Path::new("/nowhere/core"), &[]);
            reading
                .and_then(|it| refused(&it, expected))
                .map_err(Failed::from)
        }),
    ];
    let zstd = has_zstd();
    if !zstd {
        pythons
            .gaps()
            .add("cores packed with zstd: the program zstd is not installed".to_owned());
    }
    let mut add = |sentence: &str, python: &Python, check: fn(&Python) -> Result<(), String>| {
        let name = format!("{sentence}::{}", python.version);
        let python = python.clone();
        trials.push(crate::outcome::trial(name, move || {
            check(&python).map_err(Failed::from)
        }));
    };
    if writers.contains(&Writer::Gcore) {
        for python in &pythons.interpreters {
            add(
                "a_core_of_gcore_without_its_notes_is_read",
                python,
                no_notes,
            );
        }
    }
    if !writers.contains(&Writer::Kernel) {
        return trials;
    }
    for python in &pythons.interpreters {
        add(
            "a_core_that_is_cut_off_shows_what_is_there",
            python,
            cut_off,
        );
        add(
            "a_core_that_ends_in_its_headers_is_said",
            python,
            headers_only,
        );
        add(
            "a_core_of_another_architecture_is_refused",
            python,
            architecture,
        );
        add("a_large_core_costs_little_memory", python, large);
        if zstd {
            add("a_core_packed_with_zstd_says_the_same", python, packed);
        }
    }
    trials.push(crate::outcome::trial(
        "a_core_of_what_is_not_python_is_said",
        || not_python().map_err(Failed::from),
    ));
    trials
}

fn dumped(python: &Python) -> Result<Dumped, String> {
    Dumped::new(python, Writer::Kernel, "gather.py", &[], Filter::Default)
}

fn no_core() -> Result<(), String> {
    let folder = new_folder();
    let path = folder.0.join("file");
    let shown = path.display();
    let machine: Vec<u8> = [b"\x7fELF\x01\x01\x01".as_slice(), &[0; 200]].concat();
    let cases: [(&[u8], String); 6] = [
        (
            b"",
            format!("awaitgraph: {shown} is no core file: it is empty\n{HINT}"),
        ),
        (
            b"#!/bin/sh\n",
            format!("awaitgraph: {shown} is no core file: it is not in the ELF format\n{HINT}"),
        ),
        (
            b"\x7fEL",
            format!(
                "awaitgraph: {shown} is cut off within its headers, before anything of the process\n"
            ),
        ),
        (
            &machine,
            format!(
                "awaitgraph: {shown} is a core file of another architecture (not a 64-bit little-endian one); those of x86-64 can be read\n"
            ),
        ),
        (
            b"\xfd7zXZ\0\0\x04",
            format!("awaitgraph: {shown} is packed with xz\n  try: unpack it with `xz -d` first\n"),
        ),
        (
            b"\x28\xb5\x2f\xfd nothing",
            format!("awaitgraph: {shown} is packed with zstd and cannot be unpacked"),
        ),
    ];
    for (content, expected) in cases {
        fs::write(&path, content).unwrap();
        let reading = read(&path, &[])?;
        // What is wrong with packed bytes is said in words that are not ours.
        if reading.code == Some(1) && content.starts_with(b"\x28") {
            if reading.stderr.starts_with(&expected) {
                continue;
            }
            return Err(reading.stderr);
        }
        refused(&reading, &expected)?;
    }
    let program = fs::canonicalize("/proc/self/exe").unwrap();
    let what = "is no core file but a program or a library";
    let expected = format!("awaitgraph: {} {what}\n{HINT}", program.display());
    refused(&read(&program, &[])?, &expected)?;
    let what = "is no core file: it is not a regular file";
    for path in ["/dev/null", "/"] {
        refused(
            &read(Path::new(path), &[])?,
            &format!("awaitgraph: {path} {what}\n{HINT}"),
        )?;
    }
    Ok(())
}

/// The last pages of a core are the stack of its main thread, which nothing
/// needs; in its first pages are the notes, which everything needs.
fn cut_off(python: &Python) -> Result<(), String> {
    let dumped = dumped(python)?;
    let (core, file) = (&dumped.core, open(&dumped.core));
    let length = file.metadata().unwrap().len();
    let shown = core.display();
    let told = |length: u64, whole: u64| {
        format!(
            "{shown}: it is cut off: {length} of its {whole} bytes are there, and what was in the others is missing\n"
        )
    };

    file.set_len(length - 4096).unwrap();
    let mut reading = read(core, &[])?;
    let expected = format!(
        "awaitgraph: 1 thing could not be read:\n  {}",
        told(length - 4096, length)
    );
    if (reading.code, &reading.stderr) != (Some(3), &expected) {
        return Err(format!("{reading:#?}"));
    }
    reading.document["problems"] = serde_json::Value::Array(Vec::new());
    reading.code = Some(0);
    reading.stderr.clear();
    compare::whole(&dumped.scene, &reading, true)?;

    file.set_len(length / 3).unwrap();
    let reading = read(core, &[])?;
    if !matches!(reading.code, Some(1 | 3)) {
        return Err(format!("{reading:#?}"));
    }
    if reading.code == Some(3) && !reading.stderr.contains(&told(length / 3, length)) {
        return Err(reading.stderr);
    }
    Ok(())
}

/// What gcore writes last says which files were mapped, and who the threads
/// were. The libraries are in the memory too; the program is not, so that a
/// static interpreter's own names are missing.
fn no_notes(python: &Python) -> Result<(), String> {
    let dumped = Dumped::new(python, Writer::Gcore, "gather.py", &[], Filter::Default)?;
    let file = open(&dumped.core);
    let mut place = [0; 8];
    // The first segment's header, which is that of the notes, behind the file's.
    let content = File::open(&dumped.core).unwrap();
    content.read_exact_at(&mut place, 64 + 8).unwrap();
    file.set_len(u64::from_le_bytes(place)).unwrap();
    let reading = read(&dumped.core, &[])?;
    let stacks = |document: &serde_json::Value| -> Vec<serde_json::Value> {
        let tasks = document["tasks"].as_array();
        let tasks = tasks.into_iter().flatten();
        tasks.map(|task| task["stack"].clone()).collect()
    };
    let is_shared = dumped.live["target"]["executable"]
        .as_str()
        .is_some_and(|path| fs::metadata(path).unwrap().len() < 1 << 20);
    let is_read = !is_shared || stacks(&reading.document) == stacks(&dumped.live);
    if is_read && reading.code == Some(3) && reading.stderr.contains("it is cut off: ") {
        return Ok(());
    }
    Err(format!("{reading:#?}"))
}

fn headers_only(python: &Python) -> Result<(), String> {
    let dumped = dumped(python)?;
    let (core, file) = (&dumped.core, open(&dumped.core));
    file.set_len(100).unwrap();
    let expected = format!(
        "awaitgraph: {} is cut off within its headers, before anything of the process\n",
        core.display()
    );
    refused(&read(core, &[])?, &expected)?;
    file.set_len(200).unwrap();
    // One segment's header is there, that of the notes.
    let expected = format!(
        "awaitgraph: core file {}: it does not say which files were mapped, and no CPython is seen in what it has; it is cut off within its headers: 200 bytes are there, and what was in the others is missing\n",
        core.display()
    );
    refused(&read(core, &[])?, &expected)
}

fn architecture(python: &Python) -> Result<(), String> {
    let dumped = dumped(python)?;
    let file = open(&dumped.core);
    for (number, name) in [(183, "aarch64"), (9999, "machine 9999 of the ELF standard")] {
        file.write_all_at(&u16::to_le_bytes(number), 18).unwrap();
        let expected = format!(
            "awaitgraph: {} is a core file of another architecture ({name}); those of x86-64 can be read\n",
            dumped.core.display()
        );
        refused(&read(&dumped.core, &[])?, &expected)?;
    }
    Ok(())
}

/// A core of some gigabytes, of which nearly all is of no interest.
fn large(python: &Python) -> Result<(), String> {
    const GIGABYTES: u64 = 6;
    let code = format!(
        "import asyncio, mmap, os, sys\n\
         held = [mmap.mmap(-1, 1 << 30, flags=mmap.MAP_PRIVATE) for _ in range({GIGABYTES})]\n\
         for one in held: one[0] = one[-1] = 1\n\
         async def main():\n    \
             os.write(1, b'{{}}\\n')\n    \
             await asyncio.Event().wait()\n\
         asyncio.run(main())"
    );
    let folder = new_folder();
    let mut command = crashing(&python.path);
    command.args(["-c", &code]).current_dir(&folder.0);
    let mut scene = crate::scene::Scene::start_command(&mut command)?;
    scene.crash();
    let core = only_file(&folder.0).ok_or("no core was written")?;
    let length = fs::metadata(&core).unwrap().len();
    if length < GIGABYTES << 30 {
        return Err(format!("a core of {length} bytes only"));
    }
    // 512 MiB of address space are not enough to read it into; what is mapped
    // counts too, so the limit is on data alone.
    let mut command = Command::new("sh");
    command.args(["-c", "ulimit -d 524288 && exec \"$0\" \"$@\""]);
    command.arg(crate::awaitgraph());
    command.args(["pstree", "--json", "--core"]).arg(&core);
    let reading: Reading = limited::output(&mut command, LIMIT)?.into();
    let tasks = reading.document["tasks"].as_array().map_or(0, Vec::len);
    if reading.code == Some(0) && tasks == 1 {
        return Ok(());
    }
    Err(format!("{reading:#?}"))
}

fn packed(python: &Python) -> Result<(), String> {
    let dumped = dumped(python)?;
    let packed = dumped.folder.0.join("core.zst");
    let mut zstd = Command::new("zstd");
    zstd.arg("-q").arg(&dumped.core).arg("-o").arg(&packed);
    limited::output(&mut zstd, LIMIT)?;
    let reading = read(&packed, &[])?;
    compare::whole(&dumped.scene, &reading, true)?;
    if lasting(&reading.document) != dumped.live {
        return Err(format!("{reading:#?}"));
    }
    // Nothing of it stays.
    let left = fs::read_dir(std::env::temp_dir()).unwrap().flatten();
    let name = |file: fs::DirEntry| file.file_name().to_string_lossy().into_owned();
    for name in left.map(name) {
        // Other tests have theirs in folders.
        if name.starts_with("awaitgraph-unpacked") {
            return Err(format!("{name} was left behind"));
        }
    }

    let length = fs::metadata(&packed).unwrap().len();
    open(&packed).set_len(length - 16).unwrap();
    let reading = read(&packed, &[])?;
    let tasks = reading.document["tasks"].as_array().map_or(0, Vec::len);
    if reading.code == Some(3)
        && reading.stderr.contains("it could be unpacked no further")
        && tasks > 0
    {
        return Ok(());
    }
    Err(format!("{reading:#?}"))
}

fn has_zstd() -> bool {
    let mut zstd = Command::new("zstd");
    let status = zstd.arg("-V").stdout(Stdio::null()).status();
    status.is_ok_and(|status| status.success())
}

fn not_python() -> Result<(), String> {
    let folder = new_folder();
    let mut command = crashing(Path::new("sleep"));
    command.arg("1000").current_dir(&folder.0);
    let mut sleep = command.spawn().unwrap();
    let pid = sleep.id();
    let executable = format!("/proc/{pid}/exe");
    let name = loop {
        // Until then it is the shell.
        let name = fs::read_link(&executable).unwrap();
        if name.ends_with("sleep") || name.ends_with("coreutils") || name.ends_with("busybox") {
            break name;
        }
        std::thread::yield_now();
    };
    limited::signal(pid, libc::SIGABRT);
    sleep.wait().unwrap();
    let core = only_file(&folder.0).ok_or("no core was written")?;
    let expected = format!(
        "awaitgraph: core file {}: process {pid} is not a Python process: it runs {}\n",
        core.display(),
        name.display()
    );
    refused(&read(&core, &[])?, &expected)
}

fn open(path: &Path) -> File {
    File::options().write(true).open(path).unwrap()
}
