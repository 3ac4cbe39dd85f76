//! The scenes, each with the sentence that it proves.

use std::time::Duration;

use libtest_mimic::{Failed, Trial};

use crate::compare;
use crate::limited;
use crate::pythons::{Python, Pythons};
use crate::scene::{self, Scene};

/// Far more than any scene here needs, for a debug build on a busy machine.
const LIMIT: Duration = Duration::from_secs(60);

/// The minor versions that there are.
const OLDEST: u32 = 8;
const NEWEST: u32 = u32::MAX;

/// The minor versions in which pure-Python tasks can do everything that C
/// tasks can: later ones do not let them use timeouts and task groups.
const PYTHON_TASKS_DO_ALL: u32 = 13;

/// How many graphs by chance there are for each interpreter.
const SEEDS: u32 = 12;

struct Row {
    sentence: &'static str,
    file: &'static str,
    from: u32,
    to: u32,
    /// A package that the scene imports.
    module: Option<&'static str>,
    /// The flavours in which it runs besides the plain one.
    flavours: &'static [Flavour],
    more_flavours: &'static [Flavour],
    /// Up to which minor version it can run with pure-Python tasks.
    python_tasks: u32,
}

/// A way to run a scene, or to read it, that must not change the answer.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Flavour {
    Plain,
    /// All tasks are pure-Python ones.
    PythonTasks,
    /// Every other task is.
    MixedTasks,
    Uvloop,
    /// Read while it runs: what is parked does not change.
    Nonblocking,
    /// With asyncio's debug mode and the interpreter's own checks.
    Development,
    /// With a trace function and a profile function, as debuggers have them.
    Traced,
}

use Flavour::{Development, MixedTasks, Nonblocking, Plain, PythonTasks, Traced, Uvloop};

impl Flavour {
    fn suffix(self) -> &'static str {
        match self {
            Plain => "",
            PythonTasks => "::of_python_tasks",
            MixedTasks => "::of_mixed_tasks",
            Uvloop => "::on_uvloop",
            Nonblocking => "::nonblocking",
            Development => "::in_development_mode",
            Traced => "::traced",
        }
    }

    /// What the scene is started with.
    fn scene_arguments(self) -> &'static [&'static str] {
        match self {
            Plain | Nonblocking => &[],
            PythonTasks => &["--tasks=python"],
            MixedTasks => &["--tasks=mixed"],
            Uvloop => &["--loop=uvloop"],
            Development => &["-Xdev"],
            Traced => &["--trace=on"],
        }
    }

    /// What the program is started with.
    fn arguments(self) -> &'static [&'static str] {
        match self {
            Nonblocking => &["--nonblocking"],
            _ => &[],
        }
    }
}

const fn row(sentence: &'static str, file: &'static str) -> Row {
    Row {
        sentence,
        file,
        from: OLDEST,
        to: NEWEST,
        module: None,
        flavours: &[],
        more_flavours: &[],
        python_tasks: NEWEST,
    }
}

impl Row {
    const fn from(self, from: u32) -> Self {
        Self { from, ..self }
    }

    const fn to(self, to: u32) -> Self {
        Self { to, ..self }
    }

    const fn needs(self, module: &'static str) -> Self {
        Self {
            module: Some(module),
            ..self
        }
    }

    /// Also with pure-Python tasks.
    const fn python_tasks(self) -> Self {
        Self {
            flavours: &[PythonTasks],
            ..self
        }
    }

    /// Also with pure-Python tasks, with a mix of both kinds, and on uvloop.
    const fn everywhere(self) -> Self {
        Self {
            flavours: &[PythonTasks, MixedTasks, Uvloop],
            ..self
        }
    }

    /// The same, but with pure-Python tasks only where those can do all.
    const fn nearly_everywhere(self) -> Self {
        Self {
            python_tasks: PYTHON_TASKS_DO_ALL,
            ..self.everywhere()
        }
    }

    const fn and(self, more_flavours: &'static [Flavour]) -> Self {
        Self {
            more_flavours,
            ..self
        }
    }

    /// Whether it can run in this flavour under this minor version.
    fn can_run(&self, flavour: Flavour, minor: u32) -> bool {
        let to = match flavour {
            PythonTasks | MixedTasks => self.python_tasks.min(self.to),
            _ => self.to,
        };
        (self.from..=to).contains(&minor)
    }
}

#[rustfmt::skip]
const ROWS: &[Row] = &[
    // What awaits what.
    row("an_awaited_task_is_below_its_awaiter", "await_task").everywhere(),
    row("coroutines_of_one_task_are_one_stack", "nested_coroutines").everywhere(),
    row("gather_shows_both_children", "gather").everywhere().and(&[Nonblocking, Development, Traced]),
    row("a_gather_of_gathers_leads_to_who_awaits_the_outermost", "gather_nested").everywhere(),
    row("gather_with_exceptions_shows_those_still_going", "gather_return_exceptions").everywhere(),
    row("a_child_gathered_twice_has_one_edge", "gather_same_twice").everywhere(),
    row("a_gather_that_nobody_awaits_is_in_the_record_only", "gather_not_awaited").everywhere(),
    row("a_gather_belongs_to_who_awaits_it", "gather_of_another").everywhere(),
    row("shield_is_seen_through", "shield").everywhere().and(&[Development]),
    row("shields_inside_a_gather_are_the_nearest_construct", "shield_in_gather").everywhere(),
    row("wait_shows_the_tasks_still_going", "wait_all").everywhere().and(&[Development]),
    row("wait_for_the_first_shows_all_candidates", "wait_first").everywhere(),
    row("wait_over_plain_futures_is_seen_through", "wait_of_gather").everywhere(),
    row("wait_for_shows_its_task", "wait_for").nearly_everywhere(),
    row("wait_for_of_a_coroutine_is_a_task_or_a_frame", "wait_for_coroutine").nearly_everywhere(),
    row("wait_for_without_a_limit_is_wait_for", "wait_for_without_limit").nearly_everywhere(),
    row("wait_for_around_gather_and_shield_is_seen_through", "wait_for_gather").nearly_everywhere(),
    row("as_completed_shows_what_is_left", "as_completed").everywhere().and(&[Development]),
    row("async_as_completed_shows_what_is_left", "as_completed_async").from(13).everywhere(),
    row("as_completed_waits_for_nothing_in_its_body", "as_completed_in_body").everywhere(),
    row("as_completed_has_two_takers", "as_completed_by_two").everywhere(),
    row("a_task_group_owns_its_children_during_its_body", "task_group_body").from(11).nearly_everywhere(),
    row("a_child_awaited_in_the_body_has_two_edges", "task_group_body_awaits_child").from(11).nearly_everywhere(),
    row("a_task_group_waits_at_its_end", "task_group_end").from(11).nearly_everywhere(),
    row("a_subclass_of_task_group_owns_its_children", "task_group_subclass").from(11).nearly_everywhere(),
    row("task_groups_nest", "task_group_nested").from(11).nearly_everywhere().and(&[Nonblocking, Development]),
    row("an_aborting_task_group_waits_for_the_stubborn", "task_group_aborting").from(11).nearly_everywhere(),
    row("a_timeout_adds_nothing", "timeout").from(11).nearly_everywhere(),
    row("eager_tasks_that_parked_are_tasks_like_others", "eager").from(12),
    row("eager_children_belong_to_their_group", "eager_task_group").from(12),
    row("an_eager_first_step_runs_inside_another_task", "eager_running").from(12).and(&[Traced]),
    row("one_task_has_several_awaiters", "several_awaiters").everywhere().and(&[Nonblocking]),
    row("a_partial_that_completes_a_future_is_an_edge", "partial_callback").everywhere(),
    row("a_future_s_own_method_is_an_edge", "completing_methods").everywhere(),
    row("other_callbacks_are_no_edges", "other_callbacks").everywhere(),
    row("futures_that_complete_each_other_are_followed_once", "callback_cycle").everywhere(),
    row("futures_that_only_look_like_futures_are_waited_for", "duck_futures").python_tasks(),
    row("locks_and_queues_are_no_edges", "primitives").everywhere(),
    row("a_barrier_is_no_edge", "barrier").from(11),
    row("work_in_an_executor_is_no_edge", "executor").everywhere(),
    row("run_coroutine_threadsafe_joins_two_loops", "threadsafe").everywhere().and(&[Nonblocking]),
    row("a_thread_that_blocks_on_a_coroutine_is_no_edge", "threadsafe_blocking").everywhere(),
    row("edges_that_the_program_records_are_recorded", "recorded").from(14),
    row("servers_and_clients_are_shown", "streams").everywhere(),
    row("waiting_for_a_child_process_is_shown", "child_process"),
    row("an_anyio_task_group_owns_its_children", "anyio_task_group").needs("anyio"),
    row("aiohttp_requests_are_shown", "aiohttp_request").needs("aiohttp"),
    row("aiohttp_handlers_are_shown", "aiohttp_server").needs("aiohttp"),
    // Stacks.
    row("async_for_leads_into_the_generator", "async_for").python_tasks().and(&[Nonblocking, Development, Traced]),
    row("a_generator_at_rest_is_not_in_the_stack", "async_for_body").python_tasks(),
    row("async_context_managers_are_seen_through", "async_context_manager").python_tasks().and(&[Nonblocking]),
    row("an_exit_stack_is_seen_through", "exit_stack"),
    row("asend_athrow_and_aclose_lead_into_the_generator", "generator_methods").python_tasks(),
    row("anext_leads_into_the_iterator", "anext_builtin").from(10).python_tasks(),
    row("await_methods_of_all_kinds_are_followed", "await_method").python_tasks(),
    row("generator_based_coroutines_are_followed", "types_coroutine").python_tasks(),
    row("a_generator_can_be_a_task", "generator_tasks").to(10).python_tasks(),
    row("an_opaque_iterator_ends_the_stack_but_not_the_edge", "opaque_awaitables"),
    row("steps_of_a_generator_can_be_tasks", "generator_steps_as_tasks").python_tasks(),
    row("awaitable_objects_can_be_tasks", "awaitables_as_tasks").python_tasks(),
    row("comprehensions_are_frames_or_not", "comprehensions").and(&[Traced]),
    row("functions_have_their_qualified_names", "functions"),
    row("other_things_on_the_value_stack_do_not_mislead", "value_stack").python_tasks().and(&[Development, Traced]),
    row("match_and_with_statements_do_not_mislead", "pattern_matching").from(10),
    row("exception_groups_do_not_mislead", "exception_groups").from(11),
    row("the_line_is_that_of_the_await", "multiline").and(&[Development, Traced]),
    row("long_functions_keep_their_lines", "long_function").and(&[Traced]),
    row("every_line_table_is_read", "line_table"),
    row("every_file_name_is_read", "file_names"),
    // Tasks.
    row("every_name_is_read", "names").python_tasks().and(&[Nonblocking]),
    row("names_made_of_objects_are_read", "names_of_objects").python_tasks(),
    row("unset_names_are_numbered", "names_unset").and(&[Development]),
    row("subclasses_of_task_are_tasks", "task_subclasses"),
    row("names_of_classes_do_not_mislead", "misleading_classes"),
    row("subclasses_of_the_python_task_are_tasks", "python_task_subclasses"),
    row("registered_tasks_are_shown_once", "registered_tasks"),
    row("the_frames_of_a_greenlet_are_in_the_stack", "greenlet_switch").needs("greenlet").and(&[Nonblocking, Development, Traced]),
    row("queries_of_sqlalchemy_are_shown", "sqlalchemy_query").needs("sqlalchemy"),
    row("a_greenlet_in_hand_is_not_in_the_stack", "greenlet_in_hand").needs("greenlet"),
    row("finished_tasks_are_left_out", "finished").python_tasks(),
    row("a_registry_full_of_holes_is_read", "registry_with_holes").everywhere(),
    row("ready_tasks_are_told_from_waiting_ones", "ready").everywhere().and(&[Nonblocking]),
    row("a_resting_task_is_ready", "resting").everywhere(),
    row("cancelled_tasks_are_shown_until_they_are_done", "cancelled").everywhere(),
    row("a_blocking_task_shows_its_synchronous_code", "running_sync").everywhere().and(&[Nonblocking]),
    row("a_blocking_task_shows_coroutines_and_generators", "running_nested").and(&[Development, Traced]),
    row("a_blocking_task_shows_python_called_from_c", "running_through_c"),
    row("a_sleeping_task_is_running", "running_sleep"),
    row("a_task_whose_coroutine_has_returned_runs_without_a_stack", "completed_coroutine"),
    row("a_task_that_blocks_while_it_is_cancelled_shows_all_of_it", "running_after_cancel"),
    row("a_task_that_blocks_while_it_closes_a_generator_shows_it", "closing_generator"),
    row("a_blocking_import_is_shown", "running_import"),
    row("a_blocking_callback_is_no_task", "running_callback").everywhere(),
    row("a_blocking_done_callback_is_no_task", "running_done_callback").everywhere(),
    row("a_blocking_signal_handler_is_no_task", "running_signal_handler"),
    row("a_loop_inside_a_loop_runs_two_tasks", "reentrant_loop"),
    row("a_loop_inside_a_loop_rests", "reentrant_loop_idle"),
    row("a_task_that_holds_the_gil_is_read", "running_gil_held"),
    // What those wait for that wait for no task.
    row("a_sleep_says_how_long_it_lasts", "waits_sleep").everywhere().and(&[Nonblocking]),
    row("timers_are_seen_behind_futures", "waits_timers").python_tasks(),
    row("tasks_alike_wait_each_for_its_own", "waits_alike").nearly_everywhere().and(&[Nonblocking]),
    row("objects_of_their_own_are_told_one_by_one", "waits_own").nearly_everywhere().and(&[Nonblocking]),
    row("thousands_that_are_alike_are_told_one_by_one", "waits_many").nearly_everywhere().and(&[Nonblocking]),
    row("futures_of_their_own_may_have_timers", "waits_own_timed").python_tasks(),
    row("locks_have_names_and_holders", "waits_locks").everywhere().and(&[Nonblocking, Development]),
    row("a_lock_that_was_let_go_of_within_is_not_held", "let_go_meanwhile"),
    row("a_lock_released_by_hand_has_no_holder_on_record", "released_by_hand").everywhere(),
    row("a_running_task_holds_its_lock", "waits_running").everywhere().and(&[Nonblocking]),
    row("a_running_task_is_at_the_other_end_of_its_queue", "waits_for_running").everywhere(),
    row("a_barrier_counts", "waits_barrier").from(11).everywhere(),
    row("queues_have_sizes_and_other_ends", "waits_queues").everywhere(),
    row("names_are_found_in_containers", "waits_names").nearly_everywhere(),
    row("names_are_found_far_away", "waits_names_far").nearly_everywhere(),
    row("pools_say_who_has_borrowed", "waits_pool").python_tasks(),
    row("pools_that_count_say_who_has_borrowed", "waits_pools").nearly_everywhere(),
    row("streams_have_descriptors_and_addresses", "waits_streams").python_tasks().and(&[Nonblocking, Development]),
    row("connections_of_tls_and_datagrams_have_descriptors", "waits_transports").everywhere(),
    row("files_that_are_sent_are_told_by_their_sockets", "waits_sendfile").python_tasks(),
    row("executors_have_threads_and_queues", "waits_executor").everywhere(),
    row("child_processes_have_ids", "waits_subprocess").everywhere(),
    row("futures_are_told_by_who_has_them", "waits_futures").everywhere(),
    row("time_limits_are_told", "waits_deadlines").nearly_everywhere(),
    row("anyio_is_told_in_its_own_terms", "waits_anyio").needs("anyio").and(&[Uvloop]),
    row("requests_of_aiohttp_are_streams", "waits_aiohttp").needs("aiohttp").and(&[Uvloop]),
    row("requests_of_httpx_are_streams", "waits_httpx").needs("httpx").and(&[Uvloop]),
    row("queries_of_asyncpg_are_streams_and_its_pool_says_who_has_borrowed", "waits_asyncpg").needs("asyncpg").and(&[Uvloop]),
    row("the_pool_of_sqlalchemy_says_who_has_borrowed", "waits_sqlalchemy").needs("sqlalchemy"),
    row("a_watched_descriptor_is_seen_behind_an_event", "waits_psycopg").nearly_everywhere(),
    row("connections_of_websockets_are_streams", "waits_websockets").needs("websockets").and(&[Uvloop]),
    row("coroutines_of_uvloop_are_shown", "uvloop_compiled").needs("uvloop").and(&[Uvloop]),
    row("transports_of_uvloop_are_read", "waits_uvloop").needs("uvloop").and(&[Uvloop]),
    // Loops, threads, processes, interpreters.
    row("each_thread_has_its_loop", "two_loops").everywhere().and(&[Nonblocking]),
    row("the_loop_need_not_be_in_the_main_thread", "loop_in_thread"),
    row("forty_threads_have_forty_loops", "many_threads"),
    row("loops_that_run_at_once_are_read", "loops_at_once"),
    row("a_process_outlives_its_main_thread", "main_thread_ended").and(&[Nonblocking]),
    row("tasks_outlive_their_thread", "thread_ended"),
    row("tasks_outlive_their_loop", "loop_stopped"),
    row("tasks_without_any_running_loop_are_shown", "no_loop_runs"),
    row("loops_of_the_users_own_are_loops", "custom_loop"),
    row("crowded_dictionaries_are_read", "crowded_modules"),
    row("pure_python_futures_are_seen_through", "python_futures").and(&[Nonblocking]),
    row("a_forked_child_is_read", "forked"),
    row("a_subinterpreter_has_its_own_tasks", "subinterpreter").from(12),
    row("interpreters_that_share_a_registry_share_no_tasks", "subinterpreter_shared").to(11),
    // Shapes.
    row("cycles_are_read", "cycle").everywhere(),
    row("a_task_can_await_itself", "self_gather").everywhere(),
    row("a_ladder_of_diamonds_is_read", "diamonds").everywhere().and(&[Nonblocking]),
    row("five_thousand_tasks_in_a_chain_are_read", "chain_of_tasks").and(&[Nonblocking]),
    row("three_thousand_frames_of_one_task_are_read", "deep_coroutine"),
    row("ten_thousand_synchronous_frames_are_read", "running_deep"),
    row("a_task_with_two_thousand_awaiters_is_read", "popular_task"),
    row("sixty_diamonds_of_futures_are_read", "ladder_of_futures"),
    row("thousands_of_futures_around_each_other_are_read", "nested_futures"),
    row("huge_names_and_frames_are_read", "huge_values"),
    row("a_thousand_workers_are_read", "workers"),
];

/// A test for each scene, flavour and interpreter.
pub(crate) fn trials(pythons: &Pythons) -> Vec<Trial> {
    let mut trials = Vec::new();
    for python in &pythons.interpreters {
        for row in ROWS {
            for &flavour in [&[Plain], row.flavours, row.more_flavours]
                .into_iter()
                .flatten()
            {
                if !row.can_run(flavour, python.minor) {
                    continue;
                }
                let module = if flavour == Uvloop {
                    Some("uvloop")
                } else {
                    row.module
                };
                let found = match module {
                    None => Some(python),
                    Some(module) => pythons.with_module(python, module),
                };
                trials.extend(found.map(|python| trial(row, flavour, python)));
            }
        }
    }
    // What needs no package, of each build with the interpreter's own checks.
    for python in pythons.debug_builds() {
        let rows = ROWS.iter().filter(|row| row.module.is_none());
        let rows = rows.filter(|row| row.can_run(Plain, python.minor));
        trials.extend(rows.map(|row| trial(row, Plain, python)));
    }
    trials.extend(random_graphs(pythons));
    trials
}

/// Graphs by chance, always the same ones.
fn random_graphs(pythons: &Pythons) -> Vec<Trial> {
    let row = row("random_graphs_are_read", "random_graph");
    let mut trials = Vec::new();
    for python in &pythons.interpreters {
        let flavours = [Plain, PythonTasks, MixedTasks, Nonblocking];
        for (seed, flavour) in (0..SEEDS).zip(flavours.into_iter().cycle()) {
            let name = format!("seed_{seed}{}", flavour.suffix());
            let arguments = vec![format!("--seed={seed}")];
            trials.push(trial_named(&name, arguments, &row, flavour, python));
        }
    }
    trials
}

fn trial(row: &Row, flavour: Flavour, python: &Python) -> Trial {
    trial_named(flavour.suffix(), Vec::new(), row, flavour, python)
}

fn trial_named(
    suffix: &str,
    mut arguments: Vec<String>,
    row: &Row,
    flavour: Flavour,
    python: &Python,
) -> Trial {
    let suffix = suffix.trim_start_matches(':');
    let name = format!("{}::{}::{suffix}", row.sentence, python.version);
    let file = format!("{}.py", row.file);
    let python = python.clone();
    arguments.extend(flavour.scene_arguments().iter().map(|it| (*it).to_owned()));
    crate::outcome::trial(name.trim_end_matches(':'), move || {
        check(&python, &file, &arguments, flavour).map_err(|text| {
            let (python, arguments) = (python.path.display(), arguments.join(" "));
            Failed::from(format!(
                "{python} tests/scenes/{file} {arguments} < /dev/null\n{text}"
            ))
        })
    })
}

fn check(
    python: &Python,
    file: &str,
    arguments: &[String],
    flavour: Flavour,
) -> Result<(), String> {
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let mut scene = Scene::start(python, file, &arguments)?;
    let reading = scene::read(scene.pid, flavour.arguments(), LIMIT)?;
    let states = limited::thread_states(scene.pid);
    let result = compare::whole(&scene, &reading, flavour != Nonblocking).and_then(|()| {
        if states.is_empty() || states.contains(['T', 't']) {
            return Err(format!(
                "the target is gone or was left stopped: {states:?}\n"
            ));
        }
        Ok(())
    });
    result.map_err(|text| text + &scene.stop())
}
