//! What a CPython of 3.13 or later says of its own layout.
//!
//! `_PyRuntime` begins with `_Py_DebugOffsets`
//! (`Include/internal/pycore_debug_offsets.h`; 3.13: `pycore_runtime.h`): a
//! cookie, the exact version, and then numbers, in an order that each minor
//! version fixed anew. `_asyncio` has `AsyncioDebug` in a section of its own
//! from 3.14 (`Modules/_asynciomodule.c`).
//!
//! Both are bytes of the target and so untrusted: an offset that no struct of
//! CPython could have is refused.

use super::{
    AwaitedBy, Code, CurrentFrame, Dict, FrameLayout, FrameStates, Future, Generator, Instructions,
    InterpreterFrame, InterpreterState, Layout, Object, RunningLoop, RuntimeState, Set, StackTop,
    Task, TaskLists, TaskRegistry, Text, ThreadState, TypeObject,
};

/// `_Py_DebugOffsets`, as far as it is the same in all versions, and the
/// numbers behind that.
#[derive(Debug, Clone)]
pub(crate) struct DebugOffsets {
    /// `PY_VERSION_HEX`.
    pub(crate) version: u64,
    /// Whether the interpreter was built without the GIL.
    pub(crate) free_threaded: bool,
    numbers: Vec<u64>,
}

/// What an offset must be below: no struct of CPython is as large.
const LARGEST_STRUCT: u64 = 1 << 20;

/// One struct within the struct: its name, and those of its fields. Every
/// field is a `uint64_t`.
type Group = (&'static str, &'static [&'static str]);

impl DebugOffsets {
    /// With what `_PyRuntime` begins from 3.13 on.
    pub(crate) const COOKIE: [u8; 8] = *b"xdebugpy";
    /// How many bytes to read for [`Self::parse`].
    pub(crate) const SIZE: usize = 8 * (3 + 110);

    /// Reads the struct; `None` where the bytes do not begin with the cookie.
    pub(crate) fn parse(bytes: &[u8]) -> Option<Self> {
        let rest = bytes.strip_prefix(&Self::COOKIE)?;
        let (numbers, _) = rest.as_chunks::<8>();
        let mut numbers = numbers.iter().map(|&bytes| u64::from_le_bytes(bytes));
        Some(Self {
            version: numbers.next()?,
            free_threaded: numbers.next()? != 0,
            numbers: numbers.collect(),
        })
    }

    /// The minor version, where this is a Python 3.
    pub(crate) fn minor(&self) -> Option<u8> {
        (self.version >> 24 == 3).then_some((self.version >> 16 & 0xff) as u8)
    }

    /// `base`, which is the table of this minor version, with the target's own numbers.
    ///
    /// # Errors
    ///
    /// The name of the number that cannot be true.
    pub(crate) fn correct(&self, base: Layout) -> Result<Layout, &'static str> {
        let groups = match self.minor() {
            Some(13) => GROUPS_3_13,
            Some(14) => GROUPS_3_14,
            Some(15) => GROUPS_3_15,
            _ => return Err("the minor version"),
        };
        let FrameLayout::Interpreter(frame) = base.frame else {
            return Err("the kind of frame");
        };
        let has = |group| groups.iter().any(|(name, _)| *name == group);
        let number = |group, field| {
            let place = place(groups, group, field).and_then(|place| self.numbers.get(place));
            place
                .copied()
                .filter(|&number| number < LARGEST_STRUCT)
                .ok_or(field)
        };
        Ok(Layout {
            object: Object {
                ob_type: number("pyobject", "ob_type")?,
                ..base.object
            },
            type_object: TypeObject {
                tp_name: number("type_object", "tp_name")?,
                tp_flags: number("type_object", "tp_flags")?,
                ..base.type_object
            },
            runtime: RuntimeState {
                interpreters_head: number("runtime_state", "interpreters_head")?,
            },
            interpreter: InterpreterState {
                next: number("interpreter_state", "next")?,
                id: number("interpreter_state", "id")?,
                modules: number("interpreter_state", "imports_modules")?,
                threads_head: number("interpreter_state", "threads_head")?,
            },
            thread: ThreadState {
                next: number("thread_state", "next")?,
                thread_id: number("thread_state", "thread_id")?,
                native_thread_id: Some(number("thread_state", "native_thread_id")?),
                current_frame: CurrentFrame::Direct(number("thread_state", "current_frame")?),
                running_loop: match base.thread.running_loop {
                    // The first field behind the public `PyThreadState`
                    // (`_PyThreadStateImpl` in `pycore_tstate.h`).
                    RunningLoop::Thread { .. } => RunningLoop::Thread {
                        running_loop: number("thread_state", "size")?,
                    },
                    other => other,
                },
            },
            text: Text {
                length: number("unicode_object", "length")?,
                state: number("unicode_object", "state")?,
                ascii_data: number("unicode_object", "asciiobject_size")?,
                ..base.text
            },
            dict: Dict {
                ma_keys: number("dict_object", "ma_keys")?,
                ma_values: number("dict_object", "ma_values")?,
                ..base.dict
            },
            set: if has("set_object") {
                Set {
                    used: number("set_object", "used")?,
                    mask: number("set_object", "mask")?,
                    table: number("set_object", "table")?,
                }
            } else {
                base.set
            },
            tuple_items: number("tuple_object", "ob_item")?,
            list_items: number("list_object", "ob_item")?,
            bytes_data: number("bytes_object", "ob_sval")?,
            code: Code {
                filename: number("code_object", "filename")?,
                name: number("code_object", "name")?,
                qualname: Some(number("code_object", "qualname")?),
                line_table: number("code_object", "linetable")?,
                firstlineno: number("code_object", "firstlineno")?,
                names: number("code_object", "localsplusnames")?,
                instructions: Instructions::Inline(number("code_object", "co_code_adaptive")?),
                ..base.code
            },
            frame: FrameLayout::Interpreter(InterpreterFrame {
                executable: number("interpreter_frame", "executable")?,
                previous: number("interpreter_frame", "previous")?,
                instruction: number("interpreter_frame", "instr_ptr")?,
                localsplus: number("interpreter_frame", "localsplus")?,
                owner: number("interpreter_frame", "owner")?,
                stack_top: match frame.stack_top {
                    StackTop::Pointer(_) => {
                        StackTop::Pointer(number("interpreter_frame", "stackpointer")?)
                    }
                    count @ StackTop::Count(_) => count,
                },
            }),
            generator: match base.generator.states {
                FrameStates::Numbered {
                    created,
                    suspended,
                    suspended_yield_from,
                    executing,
                    ..
                } if has("gen_object") => Generator {
                    frame: number("gen_object", "gi_iframe")?,
                    states: FrameStates::Numbered {
                        offset: number("gen_object", "gi_frame_state")?,
                        created,
                        suspended,
                        suspended_yield_from,
                        executing,
                    },
                    ..base.generator
                },
                _ => base.generator,
            },
            ..base
        })
    }
}

/// Which number it is, counted from the one after `free_threaded`.
fn place(groups: &[Group], group: &str, field: &str) -> Option<usize> {
    let mut before = 0;
    for (name, fields) in groups {
        if *name == group {
            return Some(before + fields.iter().position(|name| *name == field)?);
        }
        before += fields.len();
    }
    None
}

/// The groups of 3.13, in their order, up to the last that is read.
const GROUPS_3_13: &[Group] = &[
    (
        "runtime_state",
        &["size", "finalizing", "interpreters_head"],
    ),
    (
        "interpreter_state",
        &[
            "size",
            "id",
            "next",
            "threads_head",
            "gc",
            "imports_modules",
            "sysdict",
            "builtins",
            "ceval_gil",
            "gil_runtime_state",
            "gil_runtime_state_enabled",
            "gil_runtime_state_locked",
            "gil_runtime_state_holder",
        ],
    ),
    (
        "thread_state",
        &[
            "size",
            "prev",
            "next",
            "interp",
            "current_frame",
            "thread_id",
            "native_thread_id",
            "datastack_chunk",
            "status",
        ],
    ),
    (
        "interpreter_frame",
        &[
            "size",
            "previous",
            "executable",
            "instr_ptr",
            "localsplus",
            "owner",
        ],
    ),
    (
        "code_object",
        &[
            "size",
            "filename",
            "name",
            "qualname",
            "linetable",
            "firstlineno",
            "argcount",
            "localsplusnames",
            "localspluskinds",
            "co_code_adaptive",
        ],
    ),
    ("pyobject", &["size", "ob_type"]),
    ("type_object", &["size", "tp_name", "tp_repr", "tp_flags"]),
    ("tuple_object", &["size", "ob_item", "ob_size"]),
    ("list_object", &["size", "ob_item", "ob_size"]),
    ("dict_object", &["size", "ma_keys", "ma_values"]),
    ("float_object", &["size", "ob_fval"]),
    ("long_object", &["size", "lv_tag", "ob_digit"]),
    ("bytes_object", &["size", "ob_size", "ob_sval"]),
    (
        "unicode_object",
        &["size", "state", "length", "asciiobject_size"],
    ),
];

/// The groups of 3.14.
const GROUPS_3_14: &[Group] = &[
    (
        "runtime_state",
        &["size", "finalizing", "interpreters_head"],
    ),
    (
        "interpreter_state",
        &[
            "size",
            "id",
            "next",
            "threads_head",
            "threads_main",
            "gc",
            "imports_modules",
            "sysdict",
            "builtins",
            "ceval_gil",
            "gil_runtime_state",
            "gil_runtime_state_enabled",
            "gil_runtime_state_locked",
            "gil_runtime_state_holder",
            "code_object_generation",
            "tlbc_generation",
        ],
    ),
    (
        "thread_state",
        &[
            "size",
            "prev",
            "next",
            "interp",
            "current_frame",
            "thread_id",
            "native_thread_id",
            "datastack_chunk",
            "status",
        ],
    ),
    (
        "interpreter_frame",
        &[
            "size",
            "previous",
            "executable",
            "instr_ptr",
            "localsplus",
            "owner",
            "stackpointer",
            "tlbc_index",
        ],
    ),
    (
        "code_object",
        &[
            "size",
            "filename",
            "name",
            "qualname",
            "linetable",
            "firstlineno",
            "argcount",
            "localsplusnames",
            "localspluskinds",
            "co_code_adaptive",
            "co_tlbc",
        ],
    ),
    ("pyobject", &["size", "ob_type"]),
    ("type_object", &["size", "tp_name", "tp_repr", "tp_flags"]),
    ("tuple_object", &["size", "ob_item", "ob_size"]),
    ("list_object", &["size", "ob_item", "ob_size"]),
    ("set_object", &["size", "used", "table", "mask"]),
    ("dict_object", &["size", "ma_keys", "ma_values"]),
    ("float_object", &["size", "ob_fval"]),
    ("long_object", &["size", "lv_tag", "ob_digit"]),
    ("bytes_object", &["size", "ob_size", "ob_sval"]),
    (
        "unicode_object",
        &["size", "state", "length", "asciiobject_size"],
    ),
    ("gc", &["size", "collecting"]),
    (
        "gen_object",
        &["size", "gi_name", "gi_iframe", "gi_frame_state"],
    ),
];

/// The groups of 3.15.
const GROUPS_3_15: &[Group] = &[
    (
        "runtime_state",
        &["size", "finalizing", "interpreters_head"],
    ),
    (
        "interpreter_state",
        &[
            "size",
            "id",
            "next",
            "threads_head",
            "threads_main",
            "gc",
            "imports_modules",
            "sysdict",
            "builtins",
            "ceval_gil",
            "gil_runtime_state",
            "gil_runtime_state_enabled",
            "gil_runtime_state_locked",
            "gil_runtime_state_holder",
            "code_object_generation",
            "tlbc_generation",
        ],
    ),
    (
        "thread_state",
        &[
            "size",
            "prev",
            "next",
            "interp",
            "current_frame",
            "base_frame",
            "last_profiled_frame",
            "last_profiled_frame_seq",
            "thread_id",
            "native_thread_id",
            "datastack_chunk",
            "status",
            "holds_gil",
            "gil_requested",
            "current_exception",
            "exc_state",
        ],
    ),
    ("err_stackitem", &["exc_value"]),
    (
        "interpreter_frame",
        &[
            "size",
            "previous",
            "executable",
            "instr_ptr",
            "localsplus",
            "owner",
            "stackpointer",
            "tlbc_index",
        ],
    ),
    (
        "code_object",
        &[
            "size",
            "filename",
            "name",
            "qualname",
            "linetable",
            "firstlineno",
            "argcount",
            "localsplusnames",
            "localspluskinds",
            "co_code_adaptive",
            "co_tlbc",
        ],
    ),
    ("pyobject", &["size", "ob_type"]),
    (
        "type_object",
        &[
            "size",
            "tp_name",
            "tp_repr",
            "tp_flags",
            "tp_basicsize",
            "tp_dictoffset",
        ],
    ),
    ("heap_type_object", &["size", "ht_cached_keys"]),
    ("tuple_object", &["size", "ob_item", "ob_size"]),
    ("list_object", &["size", "ob_item", "ob_size"]),
    ("set_object", &["size", "used", "table", "mask"]),
    ("dict_object", &["size", "ma_keys", "ma_values"]),
    ("float_object", &["size", "ob_fval"]),
    ("long_object", &["size", "lv_tag", "ob_digit"]),
    ("bytes_object", &["size", "ob_size", "ob_sval"]),
    (
        "unicode_object",
        &[
            "size",
            "state",
            "length",
            "asciiobject_size",
            "compactunicodeobject_size",
        ],
    ),
    (
        "gc",
        &[
            "size",
            "collecting",
            "frame",
            "generation_stats_size",
            "generation_stats",
        ],
    ),
    (
        "gen_object",
        &["size", "gi_name", "gi_iframe", "gi_frame_state"],
    ),
];

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
