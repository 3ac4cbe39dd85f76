//! `awaitgraph demo` where it cannot start.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use expect_test::{Expect, expect};

use crate::ran::{Ran, program};

/// A folder for one test, removed at its end.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
        let _ = fs::remove_dir_all(&path);
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    /// A program that stands in for Python.
    fn script(&self, name: &str, body: &str) -> PathBuf {
        let path = self.0.join(name);
        fs::write(&path, format!("#!/bin/sh\n{body}\n")).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        path
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn check(ran: &Ran, folder: &Folder, expected: Expect) {
    assert_eq!((ran.code, ran.out.as_str()), (1, ""));
    let text = ran.err.replace(folder.0.to_str().unwrap(), "FOLDER");
    expected.assert_eq(&text);
}

#[test]
fn no_python_on_the_path() {
    let folder = Folder::new("no-python");
    let ran = Ran::of(
        program()
            .arg("demo")
            .env_remove("AWAITGRAPH_PYTHON")
            .env("PATH", &folder.0),
    );
    check(
        &ran,
        &folder,
        expect![[r#"
        awaitgraph: there is no Python on the PATH to run the demo with; install python3, or set AWAITGRAPH_PYTHON to one
    "#]],
    );
}

#[test]
fn only_a_python_that_is_too_old() {
    let folder = Folder::new("old-python");
    folder.script("python3", "echo 3 7");
    let ran = Ran::of(
        program()
            .arg("demo")
            .env_remove("AWAITGRAPH_PYTHON")
            .env("PATH", &folder.0),
    );
    check(
        &ran,
        &folder,
        expect![[r#"
            awaitgraph: the demo needs CPython 3.8 to 3.15, and the newest on the PATH is 3.7; set AWAITGRAPH_PYTHON to another one
        "#]],
    );
}

#[test]
fn the_python_that_was_named_is_none() {
    let folder = Folder::new("named-python");
    let python = folder.0.join("python");
    let ran = Ran::of(program().arg("demo").env("AWAITGRAPH_PYTHON", python));
    check(
        &ran,
        &folder,
        expect![[r#"
            awaitgraph: AWAITGRAPH_PYTHON names FOLDER/python, which does not run as CPython with the GIL
        "#]],
    );
}

#[test]
fn a_service_that_does_not_start_says_why() {
    let folder = Folder::new("broken-python");
    let python = folder.script(
        "python3",
        r#"case "$2" in -c) echo 3 12;; *) printf 'no module \033[31masyncio\n' >&2; exit 1;; esac"#,
    );
    let ran = Ran::of(program().arg("demo").env("AWAITGRAPH_PYTHON", python));
    check(
        &ran,
        &folder,
        expect![[r#"
        awaitgraph: the service did not start: no module \x1b[31masyncio
    "#]],
    );
}

#[test]
fn nothing_is_left_behind() {
    let folder = Folder::new("temporary");
    let python = folder.script(
        "python3",
        r#"case "$2" in -c) echo 3 12;; *) exit 1;; esac"#,
    );
    let temporary = folder.0.join("tmp");
    fs::create_dir(&temporary).unwrap();
    let ran = Ran::of(
        program()
            .arg("demo")
            .env("AWAITGRAPH_PYTHON", python)
            .env("TMPDIR", &temporary),
    );
    assert_eq!(ran.code, 1);
    assert_eq!(fs::read_dir(&temporary).unwrap().count(), 0);
}
