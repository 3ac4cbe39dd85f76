//! What the `_asyncio` of a CPython of 3.14 or later says of its own layout.
//!
//! `AsyncioDebug` stands in a section of its own (`Modules/_asynciomodule.c`),
//! which may be in the extension module, in libpython or in the interpreter.
//! Like `_Py_DebugOffsets` it is bytes of the target and so untrusted.

use super::{AwaitedBy, Future, Layout, RunningLoop, Task, TaskLists, TaskRegistry, ThreadState};
use crate::limits::LARGEST_STRUCT;

/// `Py_AsyncioModuleDebugOffsets`, the content of the section `.AsyncioDebug`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct AsyncioDebug([u64; 13]);

impl AsyncioDebug {
    /// How many bytes to read for [`Self::parse`].
    pub(crate) const SIZE: usize = 8 * 13;

    /// Reads the struct; `None` where an offset cannot be true.
    pub(crate) fn parse(bytes: &[u8; Self::SIZE]) -> Option<Self> {
        let mut numbers = [0; 13];
        let (chunks, _) = bytes.as_chunks::<8>();
        for (number, &chunk) in numbers.iter_mut().zip(chunks) {
            *number = u64::from_le_bytes(chunk);
        }
        numbers
            .iter()
            .all(|&number| number < LARGEST_STRUCT)
            .then_some(Self(numbers))
    }

    /// `base` with the target's own numbers. `fut_waiter` and `fut_state` are
    /// not among them and follow from their neighbours.
    pub(crate) fn correct(&self, base: Layout) -> Layout {
        let Self(
            [
                size,
                name,
                awaited_by,
                is_task,
                awaited_by_is_set,
                coro,
                node,
                _interpreter_size,
                interpreter_head,
                _thread_size,
                running_loop,
                running_task,
                thread_head,
            ],
        ) = *self;
        let TaskRegistry::Lists(lists) = base.registry else {
            return base;
        };
        Layout {
            future: Future {
                state: is_task.saturating_sub(4),
                awaited_by: Some(AwaitedBy {
                    value: awaited_by,
                    is_set: awaited_by_is_set,
                }),
                ..base.future
            },
            task: Task {
                size,
                fut_waiter: coro.saturating_sub(8),
                coro,
                name,
                ..base.task
            },
            thread: ThreadState {
                running_loop: RunningLoop::ThreadWithTask {
                    running_loop,
                    running_task,
                },
                ..base.thread
            },
            registry: TaskRegistry::Lists(TaskLists {
                thread_head,
                interpreter_head,
                node,
                ..lists
            }),
            ..base
        }
    }
}
