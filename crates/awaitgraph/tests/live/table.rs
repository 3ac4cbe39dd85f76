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

struct Row {
    sentence: &'static str,
    file: &'static str,
    from: u32,
    to: u32,
    /// A package that the scene imports.
    module: Option<&'static str>,
    /// Up to which minor version it also runs with pure-Python tasks.
    python_tasks: Option<u32>,
    /// Whether it also runs on uvloop.
    uvloop: bool,
}

const fn row(sentence: &'static str, file: &'static str) -> Row {
    Row {
        sentence,
        file,
        from: OLDEST,
        to: NEWEST,
        module: None,
        python_tasks: None,
        uvloop: false,
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

    /// Also with pure-Python tasks, with a mix of both kinds, and on uvloop.
    const fn everywhere(self) -> Self {
        Self {
            python_tasks: Some(NEWEST),
            uvloop: true,
            ..self
        }
    }

    /// The same, but with pure-Python tasks only where those can do all.
    const fn nearly_everywhere(self) -> Self {
        Self {
            python_tasks: Some(PYTHON_TASKS_DO_ALL),
            uvloop: true,
            ..self
        }
    }
}

#[rustfmt::skip]
const ROWS: &[Row] = &[
    // What awaits what.
    row("an_awaited_task_is_below_its_awaiter", "await_task").everywhere(),
    row("coroutines_of_one_task_are_one_stack", "nested_coroutines").everywhere(),
    row("gather_shows_both_children", "gather").everywhere(),
    row("a_gather_of_gathers_leads_to_who_awaits_the_outermost", "gather_nested").everywhere(),
    row("gather_with_exceptions_shows_those_still_going", "gather_return_exceptions").everywhere(),
    row("a_child_gathered_twice_has_one_edge", "gather_same_twice").everywhere(),
    row("a_gather_that_nobody_awaits_is_in_the_record_only", "gather_not_awaited").everywhere(),
    row("a_gather_belongs_to_who_awaits_it", "gather_of_another").everywhere(),
    row("shield_is_seen_through", "shield").everywhere(),
    row("shields_inside_a_gather_are_the_nearest_construct", "shield_in_gather").everywhere(),
    row("wait_shows_the_tasks_still_going", "wait_all").everywhere(),
    row("wait_for_the_first_shows_all_candidates", "wait_first").everywhere(),
    row("wait_over_plain_futures_is_seen_through", "wait_of_gather").everywhere(),
    row("wait_for_shows_its_task", "wait_for").nearly_everywhere(),
    row("wait_for_of_a_coroutine_is_a_task_or_a_frame", "wait_for_coroutine").nearly_everywhere(),
    row("wait_for_without_a_limit_is_wait_for", "wait_for_without_limit").nearly_everywhere(),
    row("wait_for_around_gather_and_shield_is_seen_through", "wait_for_gather").nearly_everywhere(),
    row("as_completed_shows_what_is_left", "as_completed").everywhere(),
    row("async_as_completed_shows_what_is_left", "as_completed_async").from(13).everywhere(),
    row("as_completed_waits_for_nothing_in_its_body", "as_completed_in_body").everywhere(),
    row("as_completed_has_two_takers", "as_completed_by_two").everywhere(),
    row("a_task_group_owns_its_children_during_its_body", "task_group_body").from(11).nearly_everywhere(),
    row("a_child_awaited_in_the_body_has_two_edges", "task_group_body_awaits_child").from(11).nearly_everywhere(),
    row("a_task_group_waits_at_its_end", "task_group_end").from(11).nearly_everywhere(),
    row("task_groups_nest", "task_group_nested").from(11).nearly_everywhere(),
    row("an_aborting_task_group_waits_for_the_stubborn", "task_group_aborting").from(11).nearly_everywhere(),
    row("a_timeout_adds_nothing", "timeout").from(11).nearly_everywhere(),
    row("eager_tasks_that_parked_are_tasks_like_others", "eager").from(12),
    row("eager_children_belong_to_their_group", "eager_task_group").from(12),
    row("an_eager_first_step_runs_inside_another_task", "eager_running").from(12),
    row("one_task_has_several_awaiters", "several_awaiters").everywhere(),
    row("a_partial_that_completes_a_future_is_an_edge", "partial_callback").everywhere(),
    row("other_callbacks_are_no_edges", "other_callbacks").everywhere(),
    row("locks_and_queues_are_no_edges", "primitives").everywhere(),
    row("a_barrier_is_no_edge", "barrier").from(11),
    row("work_in_an_executor_is_no_edge", "executor").everywhere(),
    row("run_coroutine_threadsafe_joins_two_loops", "threadsafe").everywhere(),
    row("servers_and_clients_are_shown", "streams").everywhere(),
    row("waiting_for_a_child_process_is_shown", "child_process"),
    row("an_anyio_task_group_owns_its_children", "anyio_task_group").needs("anyio"),
    row("aiohttp_requests_are_shown", "aiohttp_request").needs("aiohttp"),
    // Stacks.
    row("async_for_leads_into_the_generator", "async_for").everywhere(),
    row("a_generator_at_rest_is_not_in_the_stack", "async_for_body").everywhere(),
    row("async_context_managers_are_seen_through", "async_context_manager").everywhere(),
    row("an_exit_stack_is_seen_through", "exit_stack"),
    row("asend_athrow_and_aclose_lead_into_the_generator", "generator_methods").everywhere(),
    row("anext_leads_into_the_iterator", "anext_builtin").from(10).everywhere(),
    row("await_methods_of_all_kinds_are_followed", "await_method").everywhere(),
    row("generator_based_coroutines_are_followed", "types_coroutine").everywhere(),
    row("a_generator_can_be_a_task", "generator_tasks").to(10).everywhere(),
    row("an_opaque_iterator_ends_the_stack_but_not_the_edge", "opaque_awaitables"),
    row("comprehensions_are_frames_or_not", "comprehensions"),
    row("functions_have_their_qualified_names", "functions"),
    row("other_things_on_the_value_stack_do_not_mislead", "value_stack").everywhere(),
    row("match_and_with_statements_do_not_mislead", "pattern_matching").from(10),
    row("exception_groups_do_not_mislead", "exception_groups").from(11),
    row("the_line_is_that_of_the_await", "multiline"),
    row("long_functions_keep_their_lines", "long_function"),
    row("every_line_table_is_read", "line_table"),
    row("every_file_name_is_read", "file_names"),
    // Tasks.
    row("every_name_is_read", "names").everywhere(),
    row("names_made_of_objects_are_read", "names_of_objects").everywhere(),
    row("unset_names_are_numbered", "names_unset"),
    row("subclasses_of_task_are_tasks", "task_subclasses"),
    row("subclasses_of_the_python_task_are_tasks", "python_task_subclasses"),
    row("finished_tasks_are_left_out", "finished").everywhere(),
    row("ready_tasks_are_told_from_waiting_ones", "ready").everywhere(),
    row("a_resting_task_is_ready", "resting").everywhere(),
    row("cancelled_tasks_are_shown_until_they_are_done", "cancelled").everywhere(),
    row("a_blocking_task_shows_its_synchronous_code", "running_sync").everywhere(),
    row("a_blocking_task_shows_coroutines_and_generators", "running_nested"),
    row("a_blocking_task_shows_python_called_from_c", "running_through_c"),
    row("a_sleeping_task_is_running", "running_sleep"),
    row("a_blocking_import_is_shown", "running_import"),
    row("a_blocking_callback_is_no_task", "running_callback").everywhere(),
    row("a_blocking_done_callback_is_no_task", "running_done_callback").everywhere(),
    row("a_task_that_holds_the_gil_is_read", "running_gil_held"),
    // Loops, threads, processes, interpreters.
    row("each_thread_has_its_loop", "two_loops").everywhere(),
    row("the_loop_need_not_be_in_the_main_thread", "loop_in_thread"),
    row("forty_threads_have_forty_loops", "many_threads"),
    row("tasks_outlive_their_thread", "thread_ended"),
    row("tasks_outlive_their_loop", "loop_stopped"),
    row("tasks_without_any_running_loop_are_shown", "no_loop_runs"),
    row("loops_of_the_users_own_are_loops", "custom_loop"),
    row("pure_python_futures_are_seen_through", "python_futures"),
    row("a_forked_child_is_read", "forked"),
    row("a_subinterpreter_has_its_own_tasks", "subinterpreter").from(12),
    // Shapes.
    row("cycles_are_read", "cycle").everywhere(),
    row("a_task_can_await_itself", "self_gather").everywhere(),
    row("a_ladder_of_diamonds_is_read", "diamonds").everywhere(),
    row("five_thousand_tasks_in_a_chain_are_read", "chain_of_tasks"),
    row("three_thousand_frames_of_one_task_are_read", "deep_coroutine"),
    row("a_thousand_workers_are_read", "workers"),
];

/// A test for each scene, flavour and interpreter.
pub(crate) fn trials(pythons: &Pythons) -> Vec<Trial> {
    let mut trials = Vec::new();
    for python in &pythons.interpreters {
        for row in ROWS {
            if !(row.from..=row.to).contains(&python.minor) {
                continue;
            }
            match row.module {
                None => trials.push(trial(row, "", python, &[], &[])),
                Some(module) => {
                    let environment = pythons.with_module(python, module);
                    trials.extend(environment.map(|it| trial(row, "", it, &[], &[])));
                }
            }
            if row.python_tasks.is_some_and(|to| python.minor <= to) {
                let (pure, mixed) = (&["--tasks=python"], &["--tasks=mixed"]);
                trials.push(trial(row, "of_python_tasks", python, pure, &[]));
                trials.push(trial(row, "of_mixed_tasks", python, mixed, &[]));
            }
            if row.uvloop {
                let environment = pythons.with_module(python, "uvloop");
                let option = &["--loop=uvloop"];
                trials.extend(environment.map(|it| trial(row, "on_uvloop", it, option, &[])));
                // What is parked can as well be read while it runs.
                trials.push(trial(row, "nonblocking", python, &[], &["--nonblocking"]));
            }
        }
    }
    trials
}

fn trial(
    row: &Row,
    flavour: &str,
    python: &Python,
    scene_arguments: &'static [&'static str],
    arguments: &'static [&'static str],
) -> Trial {
    let mut name = format!("{}::{}", row.sentence, python.version);
    if !flavour.is_empty() {
        name = format!("{name}::{flavour}");
    }
    let file = format!("{}.py", row.file);
    let python = python.clone();
    Trial::test(name, move || {
        check(&python, &file, scene_arguments, arguments).map_err(|text| {
            let mut command = format!("{} tests/scenes/{file}", python.path.display());
            for argument in scene_arguments {
                command = command + " " + argument;
            }
            Failed::from(format!("{command} < /dev/null\n{text}"))
        })
    })
}

fn check(
    python: &Python,
    file: &str,
    scene_arguments: &[&str],
    arguments: &[&str],
) -> Result<(), String> {
    let mut scene = Scene::start(python, file, scene_arguments)?;
    let reading = scene::read(scene.pid, arguments, LIMIT)?;
    let states = limited::thread_states(scene.pid);
    let stopped = !arguments.contains(&"--nonblocking");
    let result = compare::whole(&scene, &reading, stopped).and_then(|()| {
        if states.is_empty() || states.contains(['T', 't']) {
            return Err(format!(
                "the target is gone or was left stopped: {states:?}\n"
            ));
        }
        Ok(())
    });
    result.map_err(|text| text + &scene.stop())
}
