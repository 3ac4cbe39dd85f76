//! What a CPython of 3.13 or later says of its own layout.
//!
//! `_PyRuntime` begins with `_Py_DebugOffsets`
//! (`Include/internal/pycore_debug_offsets.h`; 3.13: `pycore_runtime.h`): a
//! cookie, the exact version, and then numbers, in an order that each minor
//! version fixed anew.
//!
//! It is bytes of the target and so untrusted: an offset that no struct of
//! CPython could have is refused.

mod groups;

use groups::{GROUPS_3_13, GROUPS_3_14, GROUPS_3_15, Group};

use super::{
    Code, CurrentFrame, Dict, FrameLayout, FrameStates, Generator, Instructions, InterpreterFrame,
    InterpreterState, Layout, Object, RunningLoop, RuntimeState, Set, StackTop, Text, ThreadState,
    TypeObject,
};
use crate::limits;

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
                .filter(|&number| number < limits::LARGEST_STRUCT)
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
            float_value: number("float_object", "ob_fval")?,
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
                globals: frame.globals,
                localsplus: number("interpreter_frame", "localsplus")?,
                owner: number("interpreter_frame", "owner")?,
                of_object: frame.of_object,
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
