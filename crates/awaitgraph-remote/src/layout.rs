//! Where each build of CPython keeps what we read.
//!
//! Offsets are numbers; differences in behaviour are enums. Code outside this
//! room asks a [`Layout`] and never a version.
//!
//! ```text
//!   3.8 ─> 3.9 ─> 3.10 ─> 3.11 ─> 3.12 ─> 3.13 ─> 3.14 ─> 3.15    tables: each the
//!                                          ├─> 3.13t │       │      difference to the last
//!                                          └─────┴───┴───────┴── corrected by what the
//!                                                target says of itself: `_Py_DebugOffsets`,
//!                                                and from 3.14 `AsyncioDebug`
//! ```
//!
//! Every number of the tables was measured with the compiler's own debugging
//! information; the tests hold them against it again.

mod asyncio_debug;
mod debug_offsets;
mod tables;

pub(crate) use asyncio_debug::AsyncioDebug;
pub(crate) use debug_offsets::DebugOffsets;
pub(crate) use tables::{for_minor, for_minor_free_threaded};

/// One build's memory layout. All offsets are in bytes, from the start of the
/// struct that the field's group names.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Layout {
    pub(crate) object: Object,
    pub(crate) type_object: TypeObject,
    /// The size of an `_PyErr_StackItem`.
    pub(crate) error_item_size: u64,
    pub(crate) runtime: RuntimeState,
    pub(crate) interpreter: InterpreterState,
    pub(crate) thread: ThreadState,
    pub(crate) text: Text,
    pub(crate) str_hash: StrHash,
    pub(crate) int: Int,
    pub(crate) float_value: u64,
    pub(crate) dict: Dict,
    pub(crate) attributes: Attributes,
    pub(crate) set: Set,
    pub(crate) tuple_items: u64,
    pub(crate) list_items: u64,
    pub(crate) bytes_data: u64,
    pub(crate) weakref_object: u64,
    pub(crate) module: Module,
    pub(crate) function: Function,
    pub(crate) cell_content: u64,
    pub(crate) method: Method,
    pub(crate) builtin_self: u64,
    /// The `PyMethodDef`, which begins with the name.
    pub(crate) builtin_definition: u64,
    pub(crate) memory_view_length: u64,
    pub(crate) member: Member,
    pub(crate) partial: Partial,
    pub(crate) deque: Deque,
    pub(crate) simple_queue: SimpleQueue,
    pub(crate) socket: Socket,
    pub(crate) code: Code,
    pub(crate) frame: FrameLayout,
    pub(crate) generator: Generator,
    pub(crate) awaited: Awaited,
    pub(crate) future: Future,
    pub(crate) task: Task,
    pub(crate) registry: TaskRegistry,
}

/// `PyObject` and `PyVarObject`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Object {
    /// `sizeof(PyObject)`: where an object's own fields begin. It is also the
    /// offset of `ob_size`, and of the object that a wrapper
    /// (`async_generator_asend` and its like) wraps.
    pub(crate) header: u64,
    pub(crate) references: References,
    pub(crate) ob_type: u64,
}

/// Where an object counts the references to it.
#[derive(Debug, Clone, Copy)]
pub(crate) enum References {
    /// `ob_refcnt`; its lower half, where it has two: a count that is of any
    /// use fits that.
    Counted(u64),
    /// Without the GIL: the thread that made it counts in `ob_ref_local`, all
    /// others in `ob_ref_shared`, above two bits (`Include/object.h` of 3.13).
    Halves { local: u64, shared: u64 },
}

/// `PyTypeObject`, `PyHeapTypeObject`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct TypeObject {
    pub(crate) tp_name: u64,
    pub(crate) tp_basicsize: u64,
    pub(crate) tp_flags: u64,
    /// A `PyAsyncMethods`, which begins with `am_await`.
    pub(crate) tp_as_async: u64,
    pub(crate) tp_dictoffset: u64,
    pub(crate) tp_weaklistoffset: u64,
    pub(crate) tp_mro: u64,
    pub(crate) tp_dict: u64,
    pub(crate) ht_cached_keys: u64,
}

/// `_PyRuntimeState`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RuntimeState {
    pub(crate) interpreters_head: u64,
}

/// `PyInterpreterState`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct InterpreterState {
    pub(crate) next: u64,
    pub(crate) id: u64,
    pub(crate) modules: u64,
    pub(crate) threads_head: u64,
}

/// `PyThreadState`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ThreadState {
    pub(crate) next: u64,
    /// The `pthread_t`.
    pub(crate) thread_id: u64,
    /// The kernel's id, which CPython keeps from 3.11.
    pub(crate) native_thread_id: Option<u64>,
    pub(crate) current_frame: CurrentFrame,
    pub(crate) running_loop: RunningLoop,
}

/// How a thread state leads to its innermost frame.
#[derive(Debug, Clone, Copy)]
pub(crate) enum CurrentFrame {
    /// 3.8-3.10 and 3.13+: a pointer in the thread state.
    Direct(u64),
    /// 3.11-3.12: through `tstate->cframe`, which lies on the C stack.
    Through { cframe: u64, current_frame: u64 },
}

/// How a thread state leads to the loop that it runs and the task that it executes.
#[derive(Debug, Clone, Copy)]
pub(crate) enum RunningLoop {
    /// 3.8-3.11: `tstate->dict['__asyncio_running_event_loop__']` is a holder
    /// whose first field is the loop; the task is in `_current_tasks`.
    Holder { dict: u64 },
    /// 3.12: the same item is the loop itself.
    Item { dict: u64 },
    /// 3.13: the loop is in the thread state, the task in `_current_tasks`.
    Thread { running_loop: u64 },
    /// 3.14+: both are in the thread state.
    ThreadWithTask {
        running_loop: u64,
        running_task: u64,
    },
}

/// `PyASCIIObject`, `PyCompactUnicodeObject`, `PyUnicodeObject`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Text {
    pub(crate) length: u64,
    pub(crate) hash: u64,
    pub(crate) state: u64,
    /// `sizeof(PyASCIIObject)`: where the characters of an ASCII string are.
    pub(crate) ascii_data: u64,
    /// `sizeof(PyCompactUnicodeObject)`: where those of another are, or the
    /// pointer to them where the string is not compact.
    pub(crate) data: u64,
}

/// How a str is hashed (`Python/pyhash.c`).
#[derive(Debug, Clone, Copy)]
pub(crate) struct StrHash {
    pub(crate) algorithm: HashAlgorithm,
    /// Where the process has the key, `_Py_HashSecret`; 0 where that is not known.
    pub(crate) secret: u64,
}

/// An algorithm, unless CPython was built to take another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum HashAlgorithm {
    /// To 3.10.
    SipHash24,
    /// From 3.11.
    SipHash13,
}

/// `PyLongObject`.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Int {
    /// To 3.11: `ob_size` counts the digits, with the number's sign.
    Signed,
    /// From 3.12: `lv_tag` has the count above three bits, the sign in the lowest two.
    Tagged,
}

/// `PyDictObject` and `PyDictKeysObject`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Dict {
    pub(crate) ma_used: u64,
    pub(crate) ma_keys: u64,
    pub(crate) ma_values: u64,
    pub(crate) keys: DictKeys,
    /// Where the values begin in what `ma_values` points to.
    pub(crate) values: u64,
}

/// The form of `PyDictKeysObject`.
#[derive(Debug, Clone, Copy)]
pub(crate) enum DictKeys {
    /// To 3.10: `dk_size` at 8, `dk_nentries` at 32, indices at 40, and
    /// entries of hash, key and value.
    Sized,
    /// From 3.11: `dk_log2_index_bytes` at 9, `dk_kind` at 10, `dk_nentries`
    /// at 24, indices at 32; only `dk_kind` 0 has hashes in its entries.
    Log2,
}

/// Where an object keeps its instance attributes.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Attributes {
    /// To 3.10: a dict at `tp_dictoffset`.
    Dict,
    /// 3.11: with `Py_TPFLAGS_MANAGED_DICT`, values at -32 or a dict at -24.
    ValuesBefore,
    /// 3.12: with that flag, at -24 values (lowest bit set, one byte on) or a dict.
    TaggedBefore,
    /// 3.13+: a dict `dict` bytes in front of the object (24; 8 without the
    /// GIL), else with `Py_TPFLAGS_INLINE_VALUES` values behind it.
    Inline { dict: u64 },
}

/// `PySetObject`; an entry is a key and a hash.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Set {
    pub(crate) used: u64,
    pub(crate) mask: u64,
    pub(crate) table: u64,
}

/// `PyModuleObject`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Module {
    pub(crate) md_dict: u64,
    /// Read only from 3.14 on, of `_asyncio`.
    pub(crate) md_state: u64,
}

/// `PyFunctionObject`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Function {
    pub(crate) code: u64,
    pub(crate) closure: u64,
    pub(crate) qualname: u64,
    pub(crate) module: u64,
}

/// `PyMethodObject`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Method {
    pub(crate) function: u64,
    pub(crate) self_: u64,
}

/// `PyMemberDescrObject`, which a class has for each of its `__slots__`, and
/// the `PyMemberDef` that it points to.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Member {
    pub(crate) definition: u64,
    /// Where in the definition the slot's place in an instance stands.
    pub(crate) offset: u64,
}

/// `partialobject` of `functools`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Partial {
    pub(crate) function: u64,
    pub(crate) args: u64,
    pub(crate) keywords: u64,
}

/// `dequeobject` of `collections`, and its blocks of 64 items.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Deque {
    pub(crate) left_block: u64,
    pub(crate) left_index: u64,
    pub(crate) block_items: u64,
    pub(crate) block_right: u64,
}

/// `simplequeueobject` of `_queue`.
#[derive(Debug, Clone, Copy)]
pub(crate) enum SimpleQueue {
    /// To 3.12: a list, and the place of the first item in it.
    List { items: u64, first: u64 },
    /// From 3.13: a ring of so many places.
    Ring {
        items: u64,
        capacity: u64,
        first: u64,
        count: u64,
    },
}

/// `PySocketSockObject` of `_socket`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Socket {
    pub(crate) fd: u64,
    pub(crate) family: u64,
    pub(crate) type_: u64,
}

/// `PyCodeObject`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Code {
    pub(crate) flags: u64,
    pub(crate) firstlineno: u64,
    pub(crate) filename: u64,
    pub(crate) name: u64,
    /// From 3.11.
    pub(crate) qualname: Option<u64>,
    /// A tuple of names that ends with those of the closure's cells.
    pub(crate) names: u64,
    /// The names of its other variables.
    pub(crate) local_names: LocalNames,
    /// A tuple of the names of globals and attributes that it mentions.
    pub(crate) mentioned: u64,
    /// A tuple of its constants, among them the code of functions within it.
    pub(crate) constants: u64,
    /// From 3.11: which instructions have a handler, and how deep the value
    /// stack is there.
    pub(crate) exception_table: Option<u64>,
    pub(crate) instructions: Instructions,
    pub(crate) operands: Operands,
    pub(crate) line_table: u64,
    pub(crate) line_table_form: LineTable,
}

/// Where a code object has the names of its variables, in the order in which
/// a frame has their values.
#[derive(Debug, Clone, Copy)]
pub(crate) enum LocalNames {
    /// To 3.10: in three tuples, of which [`Code::names`] is the last.
    Parts { varnames: u64, cellvars: u64 },
    /// From 3.11: [`Code::names`] has them all.
    Whole,
}

/// Where a code object's instructions are.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Instructions {
    /// To 3.10: in a bytes object.
    Bytes(u64),
    /// From 3.11: at the end of the code object itself.
    Inline(u64),
}

/// How instructions name what they load. Each is two bytes, of which the second
/// is its operand, and may have caches behind it that are as long.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Operands {
    /// The instruction right behind what loads the object of an `async with`.
    pub(crate) async_with: u8,
    /// Of an attribute or a method.
    pub(crate) attribute: Operand,
    pub(crate) global: Operand,
}

/// An operand that is the number of a name in [`Code::mentioned`].
#[derive(Debug, Clone, Copy)]
pub(crate) struct Operand {
    /// How many of its lowest bits tell something else.
    pub(crate) flags: u32,
    /// How many caches follow the instruction.
    pub(crate) caches: usize,
}

/// The form of the table that maps instructions to lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LineTable {
    /// 3.8-3.9: `co_lnotab`, steps of both.
    Lnotab,
    /// 3.10: PEP 626, ranges with a mark for "no line".
    Ranges,
    /// 3.11+: PEP 657, ranges with columns.
    Locations,
}

/// What a frame is.
#[derive(Debug, Clone, Copy)]
pub(crate) enum FrameLayout {
    /// 3.8-3.10: `PyFrameObject`, one heap object a call.
    Object(ObjectFrame),
    /// 3.11+: `_PyInterpreterFrame`, on the thread's data stack or inside a generator.
    Interpreter(InterpreterFrame),
}

impl FrameLayout {
    /// How a frame says where its value stack ends.
    pub(crate) fn stack_top(&self) -> StackTop {
        match self {
            Self::Object(frame) => frame.stack_top,
            Self::Interpreter(frame) => frame.stack_top,
        }
    }
}

/// `PyFrameObject` of 3.8-3.10.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ObjectFrame {
    pub(crate) back: u64,
    pub(crate) code: u64,
    pub(crate) lasti: u64,
    /// How many bytes of instructions one step of `f_lasti` is.
    pub(crate) lasti_unit: i64,
    pub(crate) generator: u64,
    pub(crate) globals: u64,
    pub(crate) localsplus: u64,
    pub(crate) valuestack: u64,
    /// How many of the blocks are in use.
    pub(crate) iblock: u64,
    pub(crate) blockstack: u64,
    pub(crate) stack_top: StackTop,
    pub(crate) executing: Executing,
}

/// `_PyInterpreterFrame`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct InterpreterFrame {
    pub(crate) executable: u64,
    pub(crate) previous: u64,
    pub(crate) instruction: u64,
    pub(crate) globals: u64,
    pub(crate) stack_top: StackTop,
    pub(crate) localsplus: u64,
    pub(crate) owner: u64,
    /// `f_frame` of the `PyFrameObject` that stands for such a frame.
    pub(crate) of_object: u64,
}

/// How a suspended frame says where its value stack ends.
#[derive(Debug, Clone, Copy)]
pub(crate) enum StackTop {
    /// 3.8-3.9 and 3.14+: a pointer behind the last value.
    Pointer(u64),
    /// 3.10-3.13: how many values there are (from 3.11 locals included).
    Count(u64),
}

/// How a `PyFrameObject` says that it is being executed.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Executing {
    /// 3.8-3.9: `f_executing` is not 0.
    Flag(u64),
    /// 3.10: `f_state` is 0.
    State(u64),
}

/// `PyGenObject`, `PyCoroObject` and `PyAsyncGenObject` alike.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Generator {
    /// `gi_frame` (a pointer, to 3.10) or `gi_iframe` (the frame itself).
    pub(crate) frame: u64,
    pub(crate) qualname: u64,
    pub(crate) states: FrameStates,
}

/// How a generator says what its frame does.
#[derive(Debug, Clone, Copy)]
pub(crate) enum FrameStates {
    /// To 3.10: it doesn't, the frame does.
    OfFrame,
    /// From 3.11: `gi_frame_state` at `offset`, with these meanings.
    Numbered {
        offset: u64,
        created: i8,
        suspended: i8,
        suspended_yield_from: i8,
        executing: i8,
    },
}

/// Which value of a suspended frame is the one that it awaits, if it awaits any.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Awaited {
    /// How the frame shows that it awaits (or yields from) something.
    pub(crate) sign: AwaitSign,
    /// The value's place, counted from the end of the value stack; 1 is the last.
    pub(crate) depth: u64,
}

/// How a suspended frame shows that it awaits something.
#[derive(Debug, Clone, Copy)]
pub(crate) enum AwaitSign {
    /// 3.8-3.10: its next instruction is `YIELD_FROM`, whose number is `opcode`.
    NextIsYieldFrom { opcode: u8 },
    /// 3.11-3.12: its next instruction is a `RESUME` whose argument is 2
    /// (after `yield from`) or 3 (after `await`), not 1 (after `yield`).
    ResumeArgument,
    /// 3.13+: its state is "suspended in yield from".
    State,
}

/// `FutureObj` of `_asyncio`, with which a `TaskObj` begins.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Future {
    pub(crate) loop_: u64,
    pub(crate) callback0: u64,
    pub(crate) callbacks: u64,
    pub(crate) state: u64,
    /// What the interpreter recorded, from 3.14.
    pub(crate) awaited_by: Option<AwaitedBy>,
}

/// `fut_awaited_by`: a future, or a set of futures.
#[derive(Debug, Clone, Copy)]
pub(crate) struct AwaitedBy {
    pub(crate) value: u64,
    pub(crate) is_set: u64,
}

/// `TaskObj` of `_asyncio`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Task {
    /// `tp_basicsize` of `_asyncio.Task`, by which the target confirms this layout.
    pub(crate) size: u64,
    pub(crate) fut_waiter: u64,
    pub(crate) coro: u64,
    pub(crate) name: u64,
    pub(crate) must_cancel: MustCancel,
    /// `task_num_cancels_requested`, from 3.11.
    pub(crate) cancels_requested: Option<u64>,
}

/// `task_must_cancel` of `TaskObj`.
#[derive(Debug, Clone, Copy)]
pub(crate) enum MustCancel {
    /// To 3.12: an int.
    Word(u64),
    /// From 3.13: a bit of a byte.
    Bit { byte: u64, bit: u8 },
}

/// Where the tasks are.
#[derive(Debug, Clone, Copy)]
pub(crate) enum TaskRegistry {
    /// 3.8-3.11: `asyncio.tasks._all_tasks`.
    AllTasks,
    /// 3.12-3.13: `asyncio.tasks._scheduled_tasks` and `_eager_tasks`.
    ScheduledAndEager,
    /// 3.14+: those two, the sets of tasks in the state of `_asyncio` that
    /// others registered, and lists of the tasks written in C.
    Lists(TaskLists),
}

/// The intrusive lists of tasks, from 3.14.
#[derive(Debug, Clone, Copy)]
pub(crate) struct TaskLists {
    /// The list's head in `PyThreadState`.
    pub(crate) thread_head: u64,
    /// The list's head in `PyInterpreterState`: tasks of threads that have ended.
    pub(crate) interpreter_head: u64,
    /// The list's node in `TaskObj`.
    pub(crate) node: u64,
    /// The WeakSet of other tasks in the state of `_asyncio`; the set of eager
    /// ones lies behind it.
    pub(crate) other_tasks: u64,
}
