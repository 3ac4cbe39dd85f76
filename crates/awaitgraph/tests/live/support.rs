//! `docs/support.md`: what is read of which CPython, and the test that shows it.
//!
//! It is made of the tests that have passed in this run, so that it cannot say
//! what no test shows. What a run leaves out is not held, and a machine without
//! some interpreter or package has fewer tests: then only what it has is held
//! against the file. `UPDATE_EXPECT=1` writes the file anew, where no test was
//! left out.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};

use crate::pythons::Pythons;

/// The minor versions, those without the GIL, and the builds with the
/// interpreter's own checks.
const COLUMNS: [&str; 11] = [
    "3.8", "3.9", "3.10", "3.11", "3.12", "3.13", "3.14", "3.15", "3.13t", "3.14d", "3.15d",
];

/// A heading, or what is read with the name of its test.
enum Line {
    Heading(&'static str),
    Row(&'static str, &'static str),
}

use Line::{Heading, Row};

#[rustfmt::skip]
const LINES: &[Line] = &[
    Heading("Builds"),
    Row("as distributions and pyenv build it, static or shared", "gather_shows_both_children"),
    Row("stripped", "a_stripped_copy_is_read"),
    Row("all in one stripped file, as python-build-standalone", "python_in_one_stripped_file_is_read"),
    Row("the same beside a libpython that does nothing", "python_beside_an_idle_libpython_is_read"),
    Row("without the symbol that tells the version", "python_without_the_symbol_of_its_version_is_read"),
    Row("inside a program of another name", "a_program_that_embeds_python_is_read"),
    Row("the same, the loop in a thread that the program made", "a_loop_in_a_thread_of_an_embedding_program_is_read"),
    Row("without the GIL, and with the GIL switched on in it", "a_free_threaded_build_with_its_gil_on_is_read"),
    Heading("Places"),
    Row("on the C library musl", "a_target_under_a_musl_loader_is_read"),
    Row("a core file of the kernel", "a_core_of_the_kernel_says_the_same"),
    Row("a core file of gcore", "a_core_of_gcore_says_the_same"),
    Row("a loop in a thread that is not the main one", "the_loop_need_not_be_in_the_main_thread"),
    Row("a loop in each of many threads", "forty_threads_have_forty_loops"),
    Row("the same, and they all execute Python", "loops_that_run_at_once_are_read"),
    Row("a process whose main thread has ended", "a_process_outlives_its_main_thread"),
    Row("a forked child", "a_forked_child_is_read"),
    Row("several interpreters in one process", "a_subinterpreter_has_its_own_tasks"),
    Row("the same, where they share asyncio's list of tasks", "interpreters_that_share_a_registry_share_no_tasks"),
    Row("a loop of uvloop", "gather_shows_both_children::on_uvloop"),
    Row("a loop of the user's own", "loops_of_the_users_own_are_loops"),
    Heading("Kinds of task"),
    Row("pure-Python tasks", "gather_shows_both_children::of_python_tasks"),
    Row("both kinds in one loop", "gather_shows_both_children::of_mixed_tasks"),
    Row("subclasses of the C task, with fields of their own", "subclasses_of_task_are_tasks"),
    Row("subclasses of the Python task", "subclasses_of_the_python_task_are_tasks"),
    Row("registered by `_register_task`", "registered_tasks_are_shown_once"),
    Row("the same, of a class that is no task: named as a problem", "a_registered_object_that_is_no_task_is_a_problem"),
    Row("eager tasks that have parked", "eager_tasks_that_parked_are_tasks_like_others"),
    Row("an eager task in its first step", "an_eager_first_step_runs_inside_another_task"),
    Row("tasks of threads that have ended", "tasks_outlive_their_thread"),
    Row("tasks of loops that do not run", "tasks_outlive_their_loop"),
    Row("being cancelled (marked)", "cancelled_tasks_are_shown_until_they_are_done"),
    Row("over a generator", "a_generator_can_be_a_task"),
    Row("over an awaitable of another kind", "awaitable_objects_can_be_tasks"),
    Row("over an iterator written in Python: no frames behind it", "an_opaque_iterator_ends_the_stack_but_not_the_edge"),
    Row("compiled by Cython: without lines", "coroutines_of_cython_are_shown"),
    Row("of uvloop, which is compiled by it", "coroutines_of_uvloop_are_shown"),
    Row("over a greenlet, as those of SQLAlchemy", "the_frames_of_a_greenlet_are_in_the_stack"),
    Heading("Who waits for whom"),
    Row("await", "an_awaited_task_is_below_its_awaiter"),
    Row("shield", "shield_is_seen_through"),
    Row("wait", "wait_shows_the_tasks_still_going"),
    Row("wait_for", "wait_for_shows_its_task"),
    Row("as_completed", "as_completed_shows_what_is_left"),
    Row("TaskGroup", "a_task_group_owns_its_children_during_its_body"),
    Row("a task group of anyio", "an_anyio_task_group_owns_its_children"),
    Row("run_coroutine_threadsafe", "run_coroutine_threadsafe_joins_two_loops"),
    Row("locks, and who holds them", "locks_have_names_and_holders"),
    Row("queues", "queues_have_sizes_and_other_ends"),
    Row("streams", "streams_have_descriptors_and_addresses"),
    Row("TLS, datagrams, bare sockets", "connections_of_tls_and_datagrams_have_descriptors"),
    Row("the same on uvloop", "connections_of_tls_and_datagrams_have_descriptors::on_uvloop"),
    Row("threads and processes of executors", "executors_have_threads_and_queues"),
    Row("pools, and who has borrowed of them", "pools_say_who_has_borrowed"),
    Row("what is kept in containers, by name", "names_are_found_in_containers"),
    Row("primitives, sockets, threads and processes of anyio", "anyio_is_told_in_its_own_terms"),
    Row("requests of aiohttp, and who waits for a connection", "requests_of_aiohttp_are_streams"),
    Row("requests of httpx", "requests_of_httpx_are_streams"),
    Row("queries of asyncpg, and its pool", "queries_of_asyncpg_are_streams_and_its_pool_says_who_has_borrowed"),
    Row("a web service with ten thousand connections", "ten_thousand_connections_are_one_line"),
];

/// What can be had on no machine of ours.
const CLOSING: &str = "
3.13t was built from Debian's source package (`cargo xtask pythons
--build-free-threaded`), static; packages that need a wheel for it were not tried.
3.13 on musl was built from the same (`--build-on-musl`). 3.9 was read on musl
once, by hand: to 3.10 the id of a thread is looked for where musl keeps it.

Not run: 3.14t and 3.15t, free-threaded as well, for want of an interpreter and
of its source. They are told by their own `_Py_DebugOffsets` and refused: a test
of the reader shows that with a made-up runtime, and the live tests where one is
at hand. All in one file: 3.14 and 3.15, of which the tests fetch no archive;
their own `python` is one such file.
Coroutines of Cython: for 3.14 and 3.15 only those of uvloop, as the tests fetch
no headers of them to compile others. Machines other than x86-64: none.
";

/// What a cell says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mark {
    /// Every test of it has passed.
    Yes,
    /// There is a test, and one of it has failed.
    Failed,
    /// There is none.
    None,
    /// There is one that this run was told to leave out.
    LeftOut,
}

impl Mark {
    fn text(self) -> &'static str {
        match self {
            Self::Yes => "yes",
            Self::Failed => "**fails**",
            Self::None => "–",
            Self::LeftOut => "?",
        }
    }
}

/// Holds the file against the tests that there are and how they have ended.
///
/// # Errors
///
/// Where it says anything else.
pub(crate) fn hold(
    names: &[String],
    outcomes: &BTreeMap<String, bool>,
    pythons: &Pythons,
) -> Result<(), String> {
    let at_hand: BTreeSet<String> = pythons.all().map(|it| column(&it.version)).collect();
    let gaps = pythons.gaps().all().join("\n");
    let found = document(names, outcomes);
    let is_whole = names.iter().all(|name| outcomes.contains_key(name));
    if is_whole && std::env::var_os("UPDATE_EXPECT").is_some_and(|it| it == "1") {
        fs::write(file(), &found).unwrap();
    }
    let kept = fs::read_to_string(file()).unwrap_or_default();
    check(&kept, &found, &at_hand, &gaps)
}

fn file() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/support.md")
}

/// That the file says the same of all that there is here.
fn check(kept: &str, found: &str, at_hand: &BTreeSet<String>, gaps: &str) -> Result<(), String> {
    let mut differences = String::new();
    let (mut of_kept, mut of_found) = (kept.lines(), found.lines());
    loop {
        let (kept, found) = match (of_kept.next(), of_found.next()) {
            (None, None) => break,
            (kept, found) => (kept.unwrap_or_default(), found.unwrap_or_default()),
        };
        let (kept_cells, found_cells) = (cells(kept), cells(found));
        let is_row = kept_cells.first() == found_cells.first() && kept_cells.len() > COLUMNS.len();
        let test = kept_cells.last().copied().unwrap_or_default();
        let test = test
            .trim_matches('`')
            .split("::")
            .next()
            .unwrap_or_default();
        let is_same = if is_row {
            let values = kept_cells.iter().zip(&found_cells).skip(1);
            let mut of_columns = COLUMNS.iter().zip(values);
            of_columns.all(|(column, (kept, found))| {
                let can_be_less = !at_hand.contains(*column) || is_gap(gaps, test, column);
                kept == found
                    || (*found == Mark::None.text() && can_be_less)
                    // Not known to be otherwise.
                    || (*found == Mark::LeftOut.text() && *kept != Mark::None.text())
            })
        } else {
            kept == found
        };
        if !is_same {
            let _ = writeln!(differences, "- {kept}\n+ {found}");
        }
    }
    if differences.is_empty() {
        return Ok(());
    }
    Err(format!(
        "docs/support.md is not what has passed (UPDATE_EXPECT=1 writes it anew):\n{differences}"
    ))
}

/// Whether this machine lacks what a test takes: that itself, a package of that
/// version, or a way to write cores.
fn is_gap(gaps: &str, test: &str, column: &str) -> bool {
    let of_version = format!(" on CPython {column}.");
    gaps.lines().any(|gap| {
        let is_of_package = gap.contains(&of_version) && !gap.contains(": ");
        let is_of_cores = gap.contains("core") && test.contains("_core_");
        gap.contains(test) || is_of_package || is_of_cores || gap.contains("there is no cc")
    })
}

fn cells(line: &str) -> Vec<&str> {
    let line = line.trim().trim_start_matches('|').trim_end_matches('|');
    line.split('|').map(str::trim).collect()
}

/// The whole file.
fn document(names: &[String], outcomes: &BTreeMap<String, bool>) -> String {
    let mut text = "# What is read\n\nEach line is shown by the test that it names \
        (`cargo xtask test`), on every version with a mark; this file is written by \
        the run of the tests, and says what has passed in it. `t` stands for builds without \
        the GIL, `d` for builds with Py_DEBUG.\n"
        .to_owned();
    for line in LINES {
        match line {
            Heading(heading) => {
                let columns = COLUMNS.join(" | ");
                let rule = "|---".repeat(COLUMNS.len() + 2);
                let _ = write!(text, "\n## {heading}\n\n| | {columns} | test |\n{rule}|\n");
            }
            Row(what, test) => {
                let marks = COLUMNS.map(|column| mark(names, outcomes, test, column).text());
                let _ = writeln!(text, "| {what} | {} | `{test}` |", marks.join(" | "));
            }
        }
    }
    text + CLOSING
}

/// What the tests `SENTENCE::VERSION…`, or `SENTENCE::VERSION::FLAVOUR`, say.
fn mark(names: &[String], outcomes: &BTreeMap<String, bool>, test: &str, wanted: &str) -> Mark {
    let (sentence, flavour) = test.split_once("::").unwrap_or((test, ""));
    let is_of = |name: &&String| {
        let mut parts = name.splitn(3, "::");
        parts.next() == Some(sentence)
            && parts
                .next()
                .is_some_and(|version| column(version) == wanted)
            && (flavour.is_empty() || parts.next() == Some(flavour))
    };
    let mut found = Mark::None;
    for name in names.iter().filter(is_of) {
        found = match (outcomes.get(name), found) {
            (Some(false), _) => return Mark::Failed,
            (None, _) | (_, Mark::LeftOut) => Mark::LeftOut,
            (Some(true), _) => Mark::Yes,
        };
    }
    found
}

/// `3.14d` of `3.14.10d`.
fn column(version: &str) -> String {
    let flags: String = version
        .chars()
        .rev()
        .take_while(char::is_ascii_lowercase)
        .collect();
    let flags: String = flags
        .chars()
        .rev()
        .filter(|it| "td".contains(*it))
        .collect();
    let mut parts = version.split('.');
    let minor = parts.by_ref().take(2).collect::<Vec<_>>().join(".");
    minor + &flags
}
