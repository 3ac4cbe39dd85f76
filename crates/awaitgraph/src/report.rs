//! What the program says beside its results: why something failed, what to
//! try, and what could not be read. All of it goes to the error stream.

use anyhow::Error;
use awaitgraph_model::questions::Outline;
use awaitgraph_model::render::escape::Escaped;
use awaitgraph_model::render::{Color, UnreadProcess};
use awaitgraph_model::{Graph, Problem};
use clap::error::ErrorKind;

use crate::exit::ExitCode;
use crate::stream::Stream;

/// What comes after this many lines of a list is only counted.
const LINES_LISTED: usize = 20;

/// Answers `--help` and `--version`, and says what is wrong with the arguments.
pub(crate) fn usage(answer: &clap::Error, out: &mut Stream<'_>, err: &mut Stream<'_>) -> ExitCode {
    let is_asked_for = matches!(
        answer.kind(),
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion
    );
    if is_asked_for {
        tell_styled(answer, out);
        ExitCode::Complete
    } else {
        tell_styled(answer, err);
        ExitCode::Usage
    }
}

fn tell_styled(answer: &clap::Error, stream: &mut Stream<'_>) {
    let text = answer.render();
    match stream.color() {
        Color::Ansi => stream.tell(format_args!("{}", text.ansi())),
        Color::Plain => stream.tell(format_args!("{text}")),
    }
}

/// Says why nothing came out, and what to try.
pub(crate) fn failure(error: &Error, err: &mut Stream<'_>) -> ExitCode {
    say(err, format_args!("{error:#}"));
    if let Some(hint) = error
        .downcast_ref::<awaitgraph_remote::Error>()
        .and_then(awaitgraph_remote::Error::hint)
    {
        try_this(&hint, err);
    }
    ExitCode::Nothing
}

/// Says what is missing from the graph, or why it is empty.
pub(crate) fn graph(graph: &Graph, err: &mut Stream<'_>) -> ExitCode {
    if graph.tasks.is_empty() && graph.problems.is_empty() {
        let pid = graph.target.pid.unwrap_or_default();
        let python = &graph.target.python;
        let state = if graph.threads.is_empty() {
            "runs no asyncio event loop and has no asyncio tasks"
        } else {
            "runs an asyncio event loop, which has no tasks now"
        };
        say(err, format_args!("process {pid} (Python {python}) {state}"));
    }
    problems(&graph.problems, err)
}

/// Says that no task is what was asked for.
pub(crate) fn selection(outline: &Outline<'_>, err: &mut Stream<'_>) {
    if outline.task_count() == 0 && !outline.graph().tasks.is_empty() {
        let tasks = outline.graph().tasks.len();
        say(err, format_args!("no task matches, of {tasks}"));
    }
}

/// Lists the problems.
fn problems(problems: &[Problem], err: &mut Stream<'_>) -> ExitCode {
    if problems.is_empty() {
        return ExitCode::Complete;
    }
    let things = counted(problems.len(), "thing", "things");
    say(err, format_args!("{things} could not be read:"));
    let lines = problems
        .iter()
        .map(|problem| format!("{}: {}", problem.location, problem.what));
    list(lines, err);
    ExitCode::Problems
}

/// Lists the processes that could not be read.
pub(crate) fn unread(processes: &[UnreadProcess], hint: Option<&str>, err: &mut Stream<'_>) {
    let count = counted(processes.len(), "process", "processes");
    say(err, format_args!("{count} could not be read:"));
    list(processes.iter().map(|process| process.what.clone()), err);
    if let Some(hint) = hint {
        try_this(hint, err);
    }
}

/// Lists as many lines as a person would read, and counts the others.
fn list(mut lines: impl ExactSizeIterator<Item = String>, err: &mut Stream<'_>) {
    for line in lines.by_ref().take(LINES_LISTED) {
        err.tell(format_args!("  {}\n", Escaped(&line)));
    }
    if lines.len() > 0 {
        let more = lines.len();
        err.tell(format_args!("  and {more} more (--json has them all)\n"));
    }
}

fn try_this(hint: &str, err: &mut Stream<'_>) {
    err.tell(format_args!("  try: {}\n", Escaped(hint)));
}

/// Writes one line of our own, with the program's name before it.
pub(crate) fn say(err: &mut Stream<'_>, text: std::fmt::Arguments<'_>) {
    let text = text.to_string();
    err.tell(format_args!("awaitgraph: {}\n", Escaped(&text)));
}

/// `1 process`, `2 processes`.
pub(crate) fn counted(count: usize, one: &str, many: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { many })
}

#[cfg(test)]
mod tests {
    use awaitgraph_model::{Target, Thread};
    use expect_test::{Expect, expect};

    use super::*;

    fn check(expected: Expect, code: ExitCode, tell: impl FnOnce(&mut Stream<'_>) -> ExitCode) {
        let mut told = Vec::new();
        assert_eq!(tell(&mut Stream::new(&mut told, None)), code);
        expected.assert_eq(std::str::from_utf8(&told).unwrap());
    }

    fn empty_graph() -> Graph {
        Graph {
            target: Target {
                pid: Some(4711),
                python: "3.11.7".to_owned(),
                ..Target::default()
            },
            ..Graph::default()
        }
    }

    #[test]
    fn a_python_without_asyncio_is_an_empty_answer() {
        check(
            expect![[r#"
            awaitgraph: process 4711 (Python 3.11.7) runs no asyncio event loop and has no asyncio tasks
        "#]],
            ExitCode::Complete,
            |err| super::graph(&empty_graph(), err),
        );
    }

    #[test]
    fn a_loop_without_tasks_is_an_empty_answer() {
        let mut graph = empty_graph();
        graph.threads.push(Thread::default());
        check(
            expect![[r#"
            awaitgraph: process 4711 (Python 3.11.7) runs an asyncio event loop, which has no tasks now
        "#]],
            ExitCode::Complete,
            |err| super::graph(&graph, err),
        );
    }

    #[test]
    fn the_first_problems_are_listed_and_the_others_counted() {
        let mut graph = empty_graph();
        graph.problems = (0..23)
            .map(|n| Problem {
                location: format!("task {n}"),
                what: "its name is \x1b[31mred\n".to_owned(),
            })
            .collect();
        check(
            expect![[r#"
            awaitgraph: 23 things could not be read:
              task 0: its name is \x1b[31mred\n
              task 1: its name is \x1b[31mred\n
              task 2: its name is \x1b[31mred\n
              task 3: its name is \x1b[31mred\n
              task 4: its name is \x1b[31mred\n
              task 5: its name is \x1b[31mred\n
              task 6: its name is \x1b[31mred\n
              task 7: its name is \x1b[31mred\n
              task 8: its name is \x1b[31mred\n
              task 9: its name is \x1b[31mred\n
              task 10: its name is \x1b[31mred\n
              task 11: its name is \x1b[31mred\n
              task 12: its name is \x1b[31mred\n
              task 13: its name is \x1b[31mred\n
              task 14: its name is \x1b[31mred\n
              task 15: its name is \x1b[31mred\n
              task 16: its name is \x1b[31mred\n
              task 17: its name is \x1b[31mred\n
              task 18: its name is \x1b[31mred\n
              task 19: its name is \x1b[31mred\n
              and 3 more (--json has them all)
        "#]],
            ExitCode::Problems,
            |err| super::graph(&graph, err),
        );
    }

    #[test]
    fn an_error_says_what_happened_why_and_what_to_try() {
        let error = awaitgraph_remote::Error::NotPermitted {
            pid: 4711,
            rule: awaitgraph_remote::Rule::PtraceScope { scope: 1 },
        };
        check(
            expect![[r#"
            awaitgraph: no permission to read process 4711: kernel.yama.ptrace_scope is 1
              try: run it with sudo, or allow it with `sudo sysctl kernel.yama.ptrace_scope=0`; the program allows it with `awaitgraph.allow_attach()`
        "#]],
            ExitCode::Nothing,
            |err| failure(&error.into(), err),
        );
    }

    #[test]
    fn the_name_of_an_executable_is_shown_as_text() {
        let error = awaitgraph_remote::Error::NotPython {
            pid: 4711,
            executable: "/tmp/\x1b]0;owned\x07".to_owned(),
        };
        check(
            expect![[r#"
            awaitgraph: process 4711 is not a Python process: it runs /tmp/\x1b]0;owned\x07
              try: `awaitgraph ps` lists the processes that run asyncio
        "#]],
            ExitCode::Nothing,
            |err| failure(&error.into(), err),
        );
    }
}
