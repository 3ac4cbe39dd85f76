//! The layouts of release builds, each as the difference to the one before.
//!
//! Debug builds (`Py_DEBUG`) of 3.14 and 3.15 differ in what they tell of
//! themselves: the interpreter's list of tasks is 8 bytes further on.

mod free_threaded;
mod operands;

use super::{
    Attributes, AwaitSign, Awaited, AwaitedBy, Code, CurrentFrame, Deque, Dict, DictKeys,
    Executing, FrameLayout, FrameStates, Function, Future, Generator, HashAlgorithm, Instructions,
    Int, InterpreterFrame, InterpreterState, Layout, LineTable, LocalNames, Member, Method, Module,
    MustCancel, Object, ObjectFrame, Partial, References, RunningLoop, RuntimeState, Set,
    SimpleQueue, Socket, StackTop, StrHash, Task, TaskLists, TaskRegistry, Text, ThreadState,
    TypeObject,
};

pub(crate) use free_threaded::for_minor_free_threaded;

/// The layout of CPython 3.`minor` with the GIL, or `None` where it is not known.
pub(crate) fn for_minor(minor: u8) -> Option<Layout> {
    Some(match minor {
        8 => V3_8,
        9 => V3_9,
        10 => V3_10,
        11 => V3_11,
        12 => V3_12,
        13 => V3_13,
        14 => V3_14,
        15 => V3_15,
        _ => return None,
    })
}

const V3_8: Layout = Layout {
    object: Object {
        header: 16,
        references: References::Counted(0),
        ob_type: 8,
    },
    type_object: TypeObject {
        tp_name: 24,
        tp_basicsize: 32,
        tp_flags: 168,
        tp_as_async: 80,
        tp_dictoffset: 288,
        tp_weaklistoffset: 208,
        tp_mro: 344,
        tp_dict: 264,
        ht_cached_keys: 872,
    },
    error_item_size: 32,
    runtime: RuntimeState {
        interpreters_head: 32,
    },
    interpreter: InterpreterState {
        next: 0,
        id: 16,
        modules: 56,
        threads_head: 8,
    },
    thread: ThreadState {
        next: 8,
        thread_id: 176,
        native_thread_id: None,
        current_frame: CurrentFrame::Direct(24),
        running_loop: RunningLoop::Holder { dict: 152 },
    },
    text: Text {
        length: 16,
        hash: 24,
        state: 32,
        ascii_data: 48,
        data: 72,
    },
    str_hash: StrHash {
        algorithm: HashAlgorithm::SipHash24,
        secret: 0,
    },
    int: Int::Signed,
    float_value: 16,
    dict: Dict {
        ma_used: 16,
        ma_keys: 32,
        ma_values: 40,
        keys: DictKeys::Sized,
        values: 0,
    },
    attributes: Attributes::Dict,
    set: Set {
        used: 24,
        mask: 32,
        table: 40,
    },
    tuple_items: 24,
    list_items: 24,
    bytes_data: 32,
    weakref_object: 16,
    module: Module {
        md_dict: 16,
        md_state: 32,
    },
    function: Function {
        code: 16,
        closure: 48,
        qualname: 104,
        module: 88,
    },
    cell_content: 16,
    method: Method {
        function: 16,
        self_: 24,
    },
    builtin_self: 24,
    builtin_definition: 16,
    memory_view_length: 72,
    member: Member {
        definition: 40,
        offset: 16,
    },
    partial: Partial {
        function: 16,
        args: 24,
        keywords: 32,
    },
    deque: Deque {
        left_block: 24,
        left_index: 40,
        block_items: 8,
        block_right: 520,
    },
    simple_queue: SimpleQueue::List {
        items: 32,
        first: 40,
    },
    socket: Socket {
        fd: 16,
        family: 20,
        type_: 24,
    },
    code: Code {
        flags: 36,
        firstlineno: 40,
        filename: 104,
        name: 112,
        qualname: None,
        names: 80,
        local_names: LocalNames::Parts {
            varnames: 72,
            cellvars: 88,
        },
        mentioned: 64,
        constants: 56,
        exception_table: None,
        instructions: Instructions::Bytes(48),
        operands: operands::V3_8,
        line_table: 120,
        line_table_form: LineTable::Lnotab,
    },
    frame: FrameLayout::Object(ObjectFrame {
        back: 24,
        code: 32,
        lasti: 104,
        lasti_unit: 1,
        generator: 96,
        globals: 48,
        localsplus: 360,
        valuestack: 64,
        iblock: 112,
        blockstack: 120,
        stack_top: StackTop::Pointer(72),
        executing: Executing::Flag(116),
    }),
    generator: Generator {
        frame: 16,
        qualname: 56,
        states: FrameStates::OfFrame,
    },
    awaited: Awaited {
        sign: AwaitSign::NextIsYieldFrom { opcode: 72 },
        depth: 1,
    },
    future: Future {
        loop_: 16,
        callback0: 24,
        callbacks: 40,
        state: 72,
        awaited_by: None,
    },
    task: Task {
        size: 144,
        fut_waiter: 104,
        coro: 112,
        name: 120,
        must_cancel: MustCancel::Word(136),
        cancels_requested: None,
    },
    registry: TaskRegistry::AllTasks,
};

const V3_9: Layout = Layout {
    type_object: TypeObject {
        ht_cached_keys: 864,
        ..V3_8.type_object
    },
    interpreter: InterpreterState {
        id: 24,
        modules: 856,
        ..V3_8.interpreter
    },
    future: Future {
        state: 80,
        ..V3_8.future
    },
    task: Task {
        size: 184,
        fut_waiter: 144,
        coro: 152,
        name: 160,
        must_cancel: MustCancel::Word(176),
        cancels_requested: None,
    },
    ..V3_8
};

const V3_10: Layout = Layout {
    type_object: TypeObject {
        ht_cached_keys: 872,
        ..V3_9.type_object
    },
    function: Function {
        code: 48,
        closure: 72,
        qualname: 40,
        module: 104,
    },
    code: Code {
        line_table_form: LineTable::Ranges,
        ..V3_9.code
    },
    frame: FrameLayout::Object(ObjectFrame {
        back: 24,
        code: 32,
        lasti: 96,
        lasti_unit: 2,
        generator: 88,
        globals: 48,
        localsplus: 352,
        valuestack: 64,
        iblock: 104,
        blockstack: 112,
        stack_top: StackTop::Count(80),
        executing: Executing::State(108),
    }),
    generator: Generator {
        frame: 16,
        qualname: 48,
        states: FrameStates::OfFrame,
    },
    future: Future {
        state: 88,
        ..V3_9.future
    },
    task: Task {
        size: 192,
        fut_waiter: 152,
        coro: 160,
        name: 168,
        must_cancel: MustCancel::Word(184),
        cancels_requested: None,
    },
    ..V3_9
};

const V3_11: Layout = Layout {
    str_hash: StrHash {
        algorithm: HashAlgorithm::SipHash13,
        secret: 0,
    },
    error_item_size: 16,
    runtime: RuntimeState {
        interpreters_head: 40,
    },
    interpreter: InterpreterState {
        next: 0,
        id: 48,
        modules: 888,
        threads_head: 16,
    },
    thread: ThreadState {
        next: 8,
        thread_id: 152,
        native_thread_id: Some(160),
        current_frame: CurrentFrame::Through {
            cframe: 56,
            current_frame: 8,
        },
        running_loop: RunningLoop::Holder { dict: 128 },
    },
    dict: Dict {
        keys: DictKeys::Log2,
        ..V3_10.dict
    },
    attributes: Attributes::ValuesBefore,
    code: Code {
        flags: 48,
        firstlineno: 72,
        filename: 112,
        name: 120,
        qualname: Some(128),
        names: 96,
        local_names: LocalNames::Whole,
        mentioned: 32,
        constants: 24,
        exception_table: Some(40),
        instructions: Instructions::Inline(184),
        operands: operands::V3_11,
        line_table: 136,
        line_table_form: LineTable::Locations,
    },
    frame: FrameLayout::Interpreter(InterpreterFrame {
        executable: 32,
        previous: 48,
        instruction: 56,
        globals: 8,
        stack_top: StackTop::Count(64),
        localsplus: 72,
        owner: 69,
        of_object: 24,
    }),
    generator: Generator {
        frame: 80,
        qualname: 40,
        states: FrameStates::Numbered {
            offset: 75,
            created: -2,
            suspended: -1,
            suspended_yield_from: -1,
            executing: 0,
        },
    },
    awaited: Awaited {
        sign: AwaitSign::ResumeArgument,
        depth: 1,
    },
    task: Task {
        size: 176,
        fut_waiter: 128,
        coro: 136,
        name: 144,
        must_cancel: MustCancel::Word(160),
        cancels_requested: Some(168),
    },
    ..V3_10
};

const V3_12: Layout = Layout {
    type_object: TypeObject {
        ht_cached_keys: 880,
        ..V3_11.type_object
    },
    interpreter: InterpreterState {
        next: 0,
        id: 8,
        modules: 944,
        threads_head: 72,
    },
    thread: ThreadState {
        next: 8,
        thread_id: 136,
        native_thread_id: Some(144),
        current_frame: CurrentFrame::Through {
            cframe: 56,
            current_frame: 0,
        },
        running_loop: RunningLoop::Item { dict: 112 },
    },
    runtime: RuntimeState {
        interpreters_head: 40,
    },
    text: Text {
        ascii_data: 40,
        data: 56,
        ..V3_11.text
    },
    int: Int::Tagged,
    attributes: Attributes::TaggedBefore,
    code: Code {
        firstlineno: 68,
        instructions: Instructions::Inline(192),
        operands: operands::V3_12,
        ..V3_11.code
    },
    frame: FrameLayout::Interpreter(InterpreterFrame {
        executable: 0,
        previous: 8,
        instruction: 56,
        globals: 24,
        stack_top: StackTop::Count(64),
        localsplus: 72,
        owner: 70,
        of_object: 24,
    }),
    generator: Generator {
        frame: 72,
        qualname: 32,
        states: FrameStates::Numbered {
            offset: 67,
            created: -2,
            suspended: -1,
            suspended_yield_from: -1,
            executing: 0,
        },
    },
    registry: TaskRegistry::ScheduledAndEager,
    ..V3_11
};

const V3_13: Layout = Layout {
    runtime: RuntimeState {
        interpreters_head: 632,
    },
    interpreter: InterpreterState {
        next: 7264,
        id: 7272,
        modules: 7656,
        threads_head: 7344,
    },
    thread: ThreadState {
        next: 8,
        thread_id: 152,
        native_thread_id: Some(160),
        current_frame: CurrentFrame::Direct(72),
        running_loop: RunningLoop::Thread { running_loop: 304 },
    },
    dict: Dict {
        values: 8,
        ..V3_12.dict
    },
    attributes: Attributes::Inline { dict: 24 },
    simple_queue: SimpleQueue::Ring {
        items: 40,
        capacity: 48,
        first: 32,
        count: 56,
    },
    code: Code {
        instructions: Instructions::Inline(200),
        operands: operands::V3_13,
        ..V3_12.code
    },
    generator: Generator {
        states: FrameStates::Numbered {
            offset: 67,
            created: -3,
            suspended: -2,
            suspended_yield_from: -1,
            executing: 0,
        },
        ..V3_12.generator
    },
    awaited: Awaited {
        sign: AwaitSign::State,
        depth: 1,
    },
    future: Future {
        state: 96,
        ..V3_12.future
    },
    task: Task {
        size: 144,
        fut_waiter: 112,
        coro: 120,
        name: 128,
        must_cancel: MustCancel::Bit { byte: 100, bit: 2 },
        cancels_requested: Some(104),
    },
    ..V3_12
};

const V3_14: Layout = Layout {
    type_object: TypeObject {
        ht_cached_keys: 880,
        ..V3_13.type_object
    },
    runtime: RuntimeState {
        interpreters_head: 808,
    },
    interpreter: InterpreterState {
        next: 7272,
        id: 7280,
        modules: 7688,
        threads_head: 7344,
    },
    thread: ThreadState {
        running_loop: RunningLoop::ThreadWithTask {
            running_loop: 864,
            running_task: 872,
        },
        ..V3_13.thread
    },
    tuple_items: 32,
    code: Code {
        instructions: Instructions::Inline(208),
        operands: operands::V3_14,
        ..V3_13.code
    },
    frame: FrameLayout::Interpreter(InterpreterFrame {
        executable: 0,
        previous: 8,
        instruction: 56,
        globals: 24,
        stack_top: StackTop::Pointer(64),
        localsplus: 80,
        owner: 74,
        of_object: 24,
    }),
    future: Future {
        state: 104,
        awaited_by: Some(AwaitedBy {
            value: 96,
            is_set: 109,
        }),
        ..V3_13.future
    },
    task: Task {
        size: 168,
        fut_waiter: 120,
        coro: 128,
        name: 136,
        must_cancel: MustCancel::Bit { byte: 110, bit: 2 },
        cancels_requested: Some(112),
    },
    registry: TaskRegistry::Lists(TaskLists {
        thread_head: 880,
        interpreter_head: 10880,
        node: 152,
        other_tasks: 48,
    }),
    ..V3_13
};

const V3_15: Layout = Layout {
    type_object: TypeObject {
        ht_cached_keys: 888,
        ..V3_14.type_object
    },
    runtime: RuntimeState {
        interpreters_head: 936,
    },
    interpreter: InterpreterState {
        next: 7264,
        id: 7272,
        modules: 7592,
        threads_head: 7336,
    },
    thread: ThreadState {
        thread_id: 176,
        native_thread_id: Some(184),
        running_loop: RunningLoop::ThreadWithTask {
            running_loop: 1024,
            running_task: 1032,
        },
        ..V3_14.thread
    },
    module: Module {
        md_state: 24,
        ..V3_14.module
    },
    code: Code {
        operands: operands::V3_15,
        ..V3_14.code
    },
    generator: Generator {
        states: FrameStates::Numbered {
            offset: 67,
            created: 0,
            suspended: 1,
            suspended_yield_from: 2,
            executing: 4,
        },
        ..V3_14.generator
    },
    awaited: Awaited {
        sign: AwaitSign::State,
        depth: 2,
    },
    registry: TaskRegistry::Lists(TaskLists {
        thread_head: 1048,
        interpreter_head: 10856,
        node: 152,
        other_tasks: 48,
    }),
    ..V3_14
};
