//! What 3.13 and later say of themselves, against the tables and against the
//! compiler's record of the two structs in which they say it.

use super::elf::Files;
use super::for_each;
use crate::at_hand::Python;
use crate::layout::{AsyncioDebug, DebugOffsets, Layout};

/// `table` with the numbers that the interpreter's own files tell; `None`
/// where they tell none.
pub(super) fn corrected(files: &Files, table: Layout) -> Option<Layout> {
    let offsets = files.variable("_PyRuntime", DebugOffsets::SIZE as u64)?;
    let layout = DebugOffsets::parse(&offsets)?
        .correct(table)
        .expect("offsets that can be true");
    Some(match asyncio_debug(files) {
        Some(debug) => debug.correct(layout),
        None => layout,
    })
}

fn asyncio_debug(files: &Files) -> Option<AsyncioDebug> {
    let bytes = files.section(".AsyncioDebug")?;
    AsyncioDebug::parse(bytes.first_chunk().expect("the whole struct"))
}

/// `table` with 0 for each number that an interpreter can tell.
fn wrong_where_it_can_be_told(table: Layout, minor: u8) -> Layout {
    let mut bytes = DebugOffsets::COOKIE.to_vec();
    let version = 3 << 24 | u64::from(minor) << 16;
    bytes.extend(version.to_le_bytes());
    bytes.resize(DebugOffsets::SIZE, 0);
    let zeros = DebugOffsets::parse(&bytes).expect("a cookie and zeros");
    let layout = zeros.correct(table).expect("zeros, which are small");
    let zeros = AsyncioDebug::parse(&[0; AsyncioDebug::SIZE]).expect("zeros, which are small");
    zeros.correct(layout)
}

#[test]
fn what_an_interpreter_says_of_itself_rights_a_wrong_table() {
    let pythons = Python::all();
    for python in pythons.iter().filter(|python| python.minor >= 13) {
        let table = python.table();
        let files = Files::of(python);
        let right = corrected(&files, table).expect("3.13 and later describe themselves");
        let wrong = wrong_where_it_can_be_told(table, python.minor);
        let righted = corrected(&files, wrong).expect("3.13 and later describe themselves");
        assert_ne!(format!("{wrong:#?}"), format!("{right:#?}"));
        assert_eq!(format!("{righted:#?}"), format!("{right:#?}"));
        assert_eq!(asyncio_debug(&files).is_some(), python.minor >= 14);
    }
}

/// The numbers of `Py_AsyncioModuleDebugOffsets`, in the order in which they are parsed.
const ASYNCIO_DEBUG: [&str; 13] = [
    "asyncio_task_object.size",
    "asyncio_task_object.task_name",
    "asyncio_task_object.task_awaited_by",
    "asyncio_task_object.task_is_task",
    "asyncio_task_object.task_awaited_by_is_set",
    "asyncio_task_object.task_coro",
    "asyncio_task_object.task_node",
    "asyncio_interpreter_state.size",
    "asyncio_interpreter_state.asyncio_tasks_head",
    "asyncio_thread_state.size",
    "asyncio_thread_state.asyncio_running_loop",
    "asyncio_thread_state.asyncio_running_task",
    "asyncio_thread_state.asyncio_tasks_head",
];

#[test]
fn asyncio_debug_is_in_the_order_of_the_struct() {
    let mut pythons = Python::all();
    pythons.retain(|python| python.minor >= 14);
    for_each(&pythons, |python, _, types| {
        for (place, name) in ASYNCIO_DEBUG.iter().enumerate() {
            let found = types.offset(&format!("Py_AsyncioModuleDebugOffsets.{name}"));
            assert_eq!(found, Some(8 * place as u64), "{}: {name}", python.version);
        }
    });
}
