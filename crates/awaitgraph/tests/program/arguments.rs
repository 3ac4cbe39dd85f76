//! Wrong usage, wrong targets, and the help.

use std::io::Read;
use std::process::Stdio;

use expect_test::expect;

use crate::ran::{Ran, awaitgraph, program};

#[test]
fn wrong_usage_is_exit_code_2_with_nothing_on_stdout() {
    for arguments in [
        "",
        "top",
        "pstree",
        "pstree main",
        "pstree 0",
        "pstree -7",
        "pstree 4294967297",
        "pstree 1 2",
        "pstree 1 --json --format dot",
        "pstree 1 --format svg",
        "pstree 1 --color sometimes",
        "ps --format dot",
        "ps --format mermaid",
        "dump --core",
        "dump --core core 1",
        "dump --core core --nonblocking",
        "dump 1 --sysroot /",
        "ps --sysroot /",
        "ps --by where",
        "ps --by size 1",
        "ps 1 --by name --format dot",
        "ps --task main",
        "pstree 1 --state asleep",
        "pstree 1 --thread main",
        "check",
        "check 1 --for -1",
        "check 1 --for ever",
        "check 1 --for inf",
        "check 1 --format dot",
    ] {
        let ran = awaitgraph(arguments);
        assert_eq!((ran.code, ran.out.as_str()), (2, ""), "{arguments}");
        assert!(ran.err.contains("--help"), "{arguments}: {}", ran.err);
    }
}

#[test]
fn a_name_is_no_process_id() {
    expect![[r#"
        error: invalid value 'main' for '[PID]': not a process id; `awaitgraph ps` lists the processes that run asyncio

        For more information, try '--help'.
    "#]].assert_eq(&awaitgraph("pstree main").err);
}

#[test]
fn a_list_of_processes_is_no_graph() {
    expect![[r#"
        error: a list of processes is no graph: without a PID there is --format text and json

        Usage: awaitgraph [OPTIONS] <COMMAND>

        For more information, try '--help'.
    "#]]
    .assert_eq(&awaitgraph("ps --format dot").err);
}

#[test]
fn help_and_version_are_results() {
    for arguments in [
        "-h",
        "--help",
        "--version",
        "ps --help",
        "pstree --help",
        "dump --help",
        "check --help",
        "demo --help",
    ] {
        let ran = awaitgraph(arguments);
        assert_eq!((ran.code, ran.err.as_str()), (0, ""), "{arguments}");
        assert!(!ran.out.contains('\x1b'), "no colours into a pipe");
        assert!(!ran.out.is_empty());
    }
}

#[test]
fn a_process_that_does_not_exist() {
    // The kernel gives no process so high a number.
    let ran = awaitgraph("pstree 2147483647");
    assert_eq!((ran.code, ran.out.as_str()), (1, ""));
    expect![[r#"
        awaitgraph: there is no process 2147483647
          try: `awaitgraph ps` lists the processes that run asyncio
    "#]]
    .assert_eq(&ran.err);
}

#[test]
fn a_process_that_is_not_python() {
    let mut shell = std::process::Command::new("cat")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    // Before it runs `cat`, the process is one of ours: it has begun once it answers.
    std::io::Write::write_all(shell.stdin.as_mut().unwrap(), b".").unwrap();
    shell.stdout.as_mut().unwrap().read_exact(&mut [0]).unwrap();
    for command in ["ps", "pstree", "dump", "check"] {
        let ran = awaitgraph(&format!("{command} {} --json", shell.id()));
        assert_eq!((ran.code, ran.out.as_str()), (1, ""), "{command}");
        assert!(
            ran.err.contains("is not a Python process: it runs /"),
            "{}",
            ran.err
        );
        assert!(
            ran.err.contains("try: `awaitgraph ps` lists"),
            "{}",
            ran.err
        );
    }
    drop(shell.stdin.take());
    shell.wait().unwrap();
}

#[test]
fn a_closed_pipe_is_no_error() {
    let mut child = program()
        .arg("--help")
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success());
    assert_eq!(output.stderr, b"");
}

#[test]
fn colour_is_for_terminals_unless_it_is_asked_for() {
    let plain = Ran::of(program().args(["ps", "--json"]));
    assert!(!plain.out.contains('\x1b') && !plain.err.contains('\x1b'));
}
