//! The layouts of builds without the GIL (`--disable-gil`), each as the
//! difference to that of the same version with it.
//!
//! An object's header has 16 bytes more: the thread that it belongs to, a lock,
//! and the references counted twice. There is no header of the garbage
//! collector in front of it. So nearly everything lies 16 bytes further on.
//!
//! 3.14 and 3.15 are not here, as none of them could be run: they also keep
//! instructions for each thread apart and mark references on the value stack.

use super::V3_13;
use crate::layout::{
    Attributes, Code, Deque, Dict, FrameLayout, FrameStates, Function, Future, Generator,
    Instructions, InterpreterFrame, InterpreterState, Layout, Member, Method, Module, MustCancel,
    Object, Partial, References, RunningLoop, Set, SimpleQueue, Socket, StackTop, Task, Text,
    ThreadState, TypeObject,
};

/// The layout of CPython 3.`minor` without the GIL, or `None` where it is not known.
pub(crate) fn for_minor_free_threaded(minor: u8) -> Option<Layout> {
    match minor {
        13 => Some(V3_13T),
        _ => None,
    }
}

const V3_13T: Layout = Layout {
    object: Object {
        header: 32,
        references: References::Halves {
            local: 12,
            shared: 16,
        },
        ob_type: 24,
    },
    type_object: TypeObject {
        tp_name: 40,
        tp_basicsize: 48,
        tp_flags: 184,
        tp_dictoffset: 304,
        tp_weaklistoffset: 224,
        tp_as_async: 96,
        tp_mro: 360,
        tp_dict: 280,
        ht_cached_keys: 896,
    },
    interpreter: InterpreterState {
        modules: 7664,
        ..V3_13.interpreter
    },
    thread: ThreadState {
        running_loop: RunningLoop::Thread { running_loop: 312 },
        ..V3_13.thread
    },
    text: Text {
        length: 32,
        hash: 40,
        state: 48,
        ascii_data: 56,
        data: 72,
    },
    float_value: 32,
    dict: Dict {
        ma_used: 32,
        ma_keys: 48,
        ma_values: 56,
        ..V3_13.dict
    },
    attributes: Attributes::Inline { dict: 8 },
    set: Set {
        used: 40,
        mask: 48,
        table: 56,
    },
    tuple_items: 40,
    list_items: 40,
    bytes_data: 48,
    weakref_object: 32,
    module: Module {
        md_dict: 32,
        md_state: 48,
    },
    function: Function {
        code: 64,
        closure: 88,
        qualname: 56,
        module: 120,
    },
    cell_content: 32,
    method: Method {
        function: 32,
        self_: 40,
    },
    builtin_self: 40,
    builtin_definition: 32,
    memory_view_length: 88,
    member: Member {
        definition: 56,
        ..V3_13.member
    },
    partial: Partial {
        function: 32,
        args: 40,
        keywords: 48,
    },
    deque: Deque {
        left_block: 40,
        left_index: 56,
        ..V3_13.deque
    },
    simple_queue: SimpleQueue::Ring {
        items: 56,
        capacity: 64,
        first: 48,
        count: 72,
    },
    socket: Socket {
        fd: 32,
        family: 36,
        type_: 40,
    },
    code: Code {
        flags: 64,
        firstlineno: 84,
        filename: 128,
        name: 136,
        qualname: Some(144),
        names: 112,
        mentioned: 48,
        constants: 40,
        exception_table: Some(56),
        instructions: Instructions::Inline(216),
        line_table: 152,
        ..V3_13.code
    },
    frame: FrameLayout::Interpreter(InterpreterFrame {
        executable: 0,
        previous: 8,
        instruction: 56,
        globals: 24,
        stack_top: StackTop::Count(64),
        localsplus: 72,
        owner: 70,
        of_object: 40,
    }),
    generator: Generator {
        frame: 88,
        qualname: 48,
        states: FrameStates::Numbered {
            offset: 83,
            created: -3,
            suspended: -2,
            suspended_yield_from: -1,
            executing: 0,
        },
    },
    future: Future {
        loop_: 32,
        callback0: 40,
        callbacks: 56,
        state: 112,
        ..V3_13.future
    },
    task: Task {
        size: 160,
        fut_waiter: 128,
        coro: 136,
        name: 144,
        must_cancel: MustCancel::Bit { byte: 116, bit: 2 },
        cancels_requested: Some(120),
    },
    ..V3_13
};
