//! A graph of which some could not be read, beside the whole.

use awaitgraph_model::{Awaiter, Frame, Graph, Task, TaskIndex, Thread, Wait, WaitsFor};

/// Whether both graphs say the same, problems aside.
pub(super) fn same(a: &Graph, b: &Graph) -> bool {
    let text = |graph: &Graph| format!("{:?}{:?}{:?}", graph.threads, graph.tasks, graph.codes);
    text(a) == text(b)
}

/// The first thing in `part` that is not so in `whole`.
pub(super) fn made_up(part: &Graph, whole: &Graph) -> Option<String> {
    for task in &part.tasks {
        let Some(truth) = whole.tasks.iter().find(|it| it.id == task.id) else {
            return Some(format!("task {:#x}", task.id));
        };
        if task.name != truth.name && !task.name.is_empty() {
            return Some(format!("the name {:?}, not {:?}", task.name, truth.name));
        }
        if !is_part(&frames(part, &task.stack), &frames(whole, &truth.stack)) {
            let (ours, theirs) = (frames(part, &task.stack), frames(whole, &truth.stack));
            return Some(format!("the stack {ours:#?}, not {theirs:#?}"));
        }
        let awaiters = awaiters(whole, truth);
        for awaiter in self::awaiters(part, task) {
            if !awaiters.contains(&awaiter) {
                return Some(format!("that {awaiter:#x} awaits {:#x}", task.id));
            }
        }
        if let Some(waits_for) = &task.waits_for
            && !is_less(part, waits_for, whole, truth.waits_for.as_deref())
        {
            let theirs = &truth.waits_for;
            return Some(format!("that it waits for {waits_for:?}, not {theirs:?}"));
        }
    }
    for thread in &part.threads {
        let stack = frames(part, &thread.stack);
        let is_it = |truth: &Thread| {
            // 0 stands for an id that could not be read.
            [truth.thread, 0].contains(&thread.thread)
                && is_part(&stack, &frames(whole, &truth.stack))
        };
        if !whole.threads.iter().any(is_it) {
            return Some(format!("{thread:?} with {stack:#?}"));
        }
    }
    None
}

/// Whether what a task waits for says less than, or the same as, the truth.
/// What could not be followed to more is a future.
fn is_less(part: &Graph, ours: &WaitsFor, whole: &Graph, truth: Option<&WaitsFor>) -> bool {
    let Some(truth) = truth else {
        // A task whose awaited tasks were lost waits for a future at most.
        return matches!(&ours.what, Wait::Future(future) if !future.orphaned);
    };
    let ids = |graph: &Graph, tasks: &[TaskIndex]| -> Vec<u64> {
        let id = |&task: &TaskIndex| graph.task(task).map(|task| task.id);
        tasks.iter().filter_map(id).collect()
    };
    let known = ids(whole, truth.what.holders());
    let are_known = ids(part, ours.what.holders())
        .iter()
        .all(|holder| known.contains(holder));
    are_known
        && match (&ours.what, &truth.what) {
            (Wait::Primitive(ours), Wait::Primitive(truth)) => {
                ours.kind == truth.kind && (truth.abandoned || !ours.abandoned)
            }
            (Wait::Future(ours), Wait::Future(truth)) => truth.orphaned || !ours.orphaned,
            (Wait::Future(ours), _) => !ours.orphaned,
            (ours, truth) => ours.kind() == truth.kind(),
        }
}

fn frames(graph: &Graph, stack: &[Frame]) -> Vec<String> {
    let name = |frame: &Frame| graph.code(frame).map(|code| &code.function);
    stack
        .iter()
        .map(|it| format!("{:?}:{:?}", name(it), it.line))
        .collect()
}

/// The ids of the tasks that await one.
fn awaiters(graph: &Graph, task: &Task) -> Vec<u64> {
    let id = |awaiter: &Awaiter| graph.task(awaiter.task).map(|task| task.id);
    task.awaited_by.iter().filter_map(id).collect()
}

/// Whether all of `part` is in `whole`, in that order.
fn is_part(part: &[String], whole: &[String]) -> bool {
    let mut whole = whole.iter();
    part.iter().all(|one| whole.any(|other| other == one))
}
