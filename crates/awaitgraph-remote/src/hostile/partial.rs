//! A graph of which some could not be read, beside the whole.

use awaitgraph_model::{Awaiter, Frame, Graph, Task, Thread};

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
