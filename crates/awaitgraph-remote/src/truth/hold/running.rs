//! What runs: interpreters and threads, code, frames, coroutines, tasks.

use super::Held;
use crate::layout::{
    AwaitSign, Awaited, AwaitedBy, Code, CurrentFrame, Executing, FrameLayout, FrameStates, Future,
    Generator, Instructions, InterpreterFrame, InterpreterState, LineTable, LocalNames, MustCancel,
    ObjectFrame, RunningLoop, RuntimeState, StackTop, Task, TaskLists, TaskRegistry, ThreadState,
};

impl Held<'_, '_> {
    pub(super) fn states(
        &mut self,
        runtime: &RuntimeState,
        interpreter: &InterpreterState,
        thread: &ThreadState,
    ) {
        let RuntimeState { interpreters_head } = *runtime;
        self.offset("_PyRuntimeState.interpreters.head", interpreters_head);
        let InterpreterState {
            next,
            id,
            modules,
            threads_head,
        } = *interpreter;
        self.offset("PyInterpreterState.next", next);
        self.offset("PyInterpreterState.id", id);
        self.one_of(
            [
                "PyInterpreterState.modules",
                "PyInterpreterState.imports.modules",
            ],
            modules,
        );
        self.one_of(
            [
                "PyInterpreterState.tstate_head",
                "PyInterpreterState.threads.head",
            ],
            threads_head,
        );
        let ThreadState {
            next,
            thread_id,
            native_thread_id,
            current_frame,
            running_loop,
        } = *thread;
        self.offset("PyThreadState.next", next);
        self.offset("PyThreadState.thread_id", thread_id);
        self.optional("PyThreadState.native_thread_id", native_thread_id);
        match current_frame {
            CurrentFrame::Direct(offset) => self.one_of(
                ["PyThreadState.frame", "PyThreadState.current_frame"],
                offset,
            ),
            CurrentFrame::Through {
                cframe,
                current_frame,
            } => {
                self.offset("PyThreadState.cframe", cframe);
                self.one_of(
                    ["CFrame.current_frame", "_PyCFrame.current_frame"],
                    current_frame,
                );
            }
        }
        let no_task = self.types.offset("_PyThreadStateImpl.asyncio_running_task");
        match running_loop {
            RunningLoop::Holder { dict } | RunningLoop::Item { dict } => {
                self.offset("PyThreadState.dict", dict);
                self.expect("no asyncio_running_task", no_task, None);
            }
            RunningLoop::Thread { running_loop } => {
                self.offset("_PyThreadStateImpl.asyncio_running_loop", running_loop);
                self.expect("no asyncio_running_task", no_task, None);
            }
            RunningLoop::ThreadWithTask {
                running_loop,
                running_task,
            } => {
                self.offset("_PyThreadStateImpl.asyncio_running_loop", running_loop);
                self.offset("_PyThreadStateImpl.asyncio_running_task", running_task);
            }
        }
    }

    pub(super) fn code(&mut self, code: &Code) {
        let Code {
            flags,
            firstlineno,
            filename,
            name,
            qualname,
            names,
            local_names,
            mentioned,
            constants,
            exception_table,
            instructions,
            // `docs/layouts.md` tells how these were measured.
            operands: _,
            line_table,
            line_table_form,
        } = *code;
        self.offset("PyCodeObject.co_flags", flags);
        self.offset("PyCodeObject.co_firstlineno", firstlineno);
        self.offset("PyCodeObject.co_filename", filename);
        self.offset("PyCodeObject.co_name", name);
        self.optional("PyCodeObject.co_qualname", qualname);
        self.one_of(
            [
                "PyCodeObject.co_freevars",
                "PyCodeObject.co_localsplusnames",
            ],
            names,
        );
        match local_names {
            LocalNames::Parts { varnames, cellvars } => {
                self.offset("PyCodeObject.co_varnames", varnames);
                self.offset("PyCodeObject.co_cellvars", cellvars);
            }
            LocalNames::Whole => self.offset("PyCodeObject.co_localsplusnames", names),
        }
        self.offset("PyCodeObject.co_names", mentioned);
        self.offset("PyCodeObject.co_consts", constants);
        self.optional("PyCodeObject.co_exceptiontable", exception_table);
        match instructions {
            Instructions::Bytes(offset) => self.offset("PyCodeObject.co_code", offset),
            Instructions::Inline(offset) => self.offset("PyCodeObject.co_code_adaptive", offset),
        }
        match line_table_form {
            LineTable::Lnotab => self.offset("PyCodeObject.co_lnotab", line_table),
            LineTable::Ranges | LineTable::Locations => {
                self.offset("PyCodeObject.co_linetable", line_table);
            }
        }
    }

    pub(super) fn frame(&mut self, frame: &FrameLayout) {
        match *frame {
            FrameLayout::Object(ObjectFrame {
                back,
                code,
                lasti,
                // `docs/layouts.md` tells how this was measured.
                lasti_unit: _,
                generator,
                globals,
                localsplus,
                valuestack,
                iblock,
                blockstack,
                stack_top,
                executing,
            }) => {
                self.offset("PyFrameObject.f_back", back);
                self.offset("PyFrameObject.f_code", code);
                self.offset("PyFrameObject.f_lasti", lasti);
                self.offset("PyFrameObject.f_gen", generator);
                self.offset("PyFrameObject.f_globals", globals);
                self.offset("PyFrameObject.f_localsplus", localsplus);
                self.offset("PyFrameObject.f_valuestack", valuestack);
                self.offset("PyFrameObject.f_iblock", iblock);
                self.offset("PyFrameObject.f_blockstack", blockstack);
                // As `frame::variables` reads them.
                self.size("PyTryBlock", 12);
                self.offset("PyTryBlock.b_level", 8);
                self.stack_top("PyFrameObject", ["f_stacktop", "f_stackdepth"], stack_top);
                match executing {
                    Executing::Flag(offset) => self.offset("PyFrameObject.f_executing", offset),
                    Executing::State(offset) => {
                        self.offset("PyFrameObject.f_state", offset);
                        self.size("PyFrameObject.f_state", 1);
                        self.enumerator("FRAME_EXECUTING", 0);
                    }
                }
            }
            FrameLayout::Interpreter(InterpreterFrame {
                executable,
                previous,
                instruction,
                globals,
                stack_top,
                localsplus,
                owner,
                of_object,
            }) => {
                self.one_of(
                    [
                        "_PyInterpreterFrame.f_code",
                        "_PyInterpreterFrame.f_executable",
                    ],
                    executable,
                );
                self.offset("_PyInterpreterFrame.previous", previous);
                self.one_of(
                    [
                        "_PyInterpreterFrame.prev_instr",
                        "_PyInterpreterFrame.instr_ptr",
                    ],
                    instruction,
                );
                self.offset("_PyInterpreterFrame.f_globals", globals);
                self.stack_top(
                    "_PyInterpreterFrame",
                    ["stackpointer", "stacktop"],
                    stack_top,
                );
                self.offset("_PyInterpreterFrame.localsplus", localsplus);
                self.offset("_PyInterpreterFrame.owner", owner);
                self.size("_PyInterpreterFrame.owner", 1);
                self.offset("PyFrameObject.f_frame", of_object);
                // As `frame` takes them.
                self.enumerator("FRAME_OWNED_BY_GENERATOR", 1);
                let own = ["FRAME_OWNED_BY_INTERPRETER", "FRAME_OWNED_BY_CSTACK"];
                let least = own
                    .iter()
                    .filter_map(|name| self.types.enumerator(name))
                    .min();
                self.expect(
                    "the least owner that shows nothing",
                    least.or(Some(3)),
                    Some(3),
                );
                self.enumerator("FRAME_OWNED_BY_FRAME_OBJECT", 2);
            }
        }
    }

    fn stack_top(&mut self, type_: &str, [pointer, count]: [&str; 2], top: StackTop) {
        let (name, offset) = match top {
            StackTop::Pointer(offset) => (pointer, offset),
            StackTop::Count(offset) => (count, offset),
        };
        self.offset(&format!("{type_}.{name}"), offset);
    }

    pub(super) fn generator(&mut self, generator: &Generator, frames: &FrameLayout) {
        let Generator {
            frame,
            qualname,
            states,
        } = *generator;
        for (type_, prefix) in [
            ("PyGenObject", "gi"),
            ("PyCoroObject", "cr"),
            ("PyAsyncGenObject", "ag"),
        ] {
            let name = match frames {
                FrameLayout::Object(_) => "frame",
                FrameLayout::Interpreter(_) => "iframe",
            };
            self.offset(&format!("{type_}.{prefix}_{name}"), frame);
            self.offset(&format!("{type_}.{prefix}_qualname"), qualname);
            if let FrameStates::Numbered { offset, .. } = states {
                let path = format!("{type_}.{prefix}_frame_state");
                self.offset(&path, offset);
                self.size(&path, 1);
            }
        }
        if let FrameStates::Numbered {
            offset: _,
            created,
            suspended,
            suspended_yield_from,
            executing,
        } = states
        {
            self.enumerator("FRAME_CREATED", created);
            self.enumerator("FRAME_SUSPENDED", suspended);
            self.enumerator("FRAME_EXECUTING", executing);
            let found = self.types.enumerator("FRAME_SUSPENDED_YIELD_FROM");
            // To 3.12 it is no state of its own.
            let found = found.or(Some(suspended.into()));
            self.expect(
                "FRAME_SUSPENDED_YIELD_FROM",
                found,
                Some(suspended_yield_from.into()),
            );
        }
    }

    pub(super) fn awaited(&mut self, awaited: &Awaited) {
        // The number of an instruction is asked of the interpreter; which
        // value is awaited is what the compiler of Python code decides
        // (`docs/layouts.md`).
        let Awaited { sign, depth: _ } = *awaited;
        let own_state = self
            .types
            .enumerator("FRAME_SUSPENDED_YIELD_FROM")
            .is_some();
        let expected = match sign {
            AwaitSign::NextIsYieldFrom { opcode: _ } | AwaitSign::ResumeArgument => false,
            AwaitSign::State => true,
        };
        self.expect(
            "FRAME_SUSPENDED_YIELD_FROM as a state",
            Some(own_state),
            Some(expected),
        );
    }

    pub(super) fn future(&mut self, future: &Future) {
        let Future {
            loop_,
            callback0,
            callbacks,
            state,
            awaited_by,
        } = *future;
        for (type_, prefix) in [("FutureObj", "fut"), ("TaskObj", "task")] {
            let path = |name| format!("{type_}.{prefix}_{name}");
            self.offset(&path("loop"), loop_);
            self.offset(&path("callback0"), callback0);
            self.offset(&path("callbacks"), callbacks);
            self.offset(&path("state"), state);
            self.size(&path("state"), 4);
            self.optional(&path("awaited_by"), awaited_by.map(|it| it.value));
            if let Some(AwaitedBy { value: _, is_set }) = awaited_by {
                self.offset(&path("awaited_by_is_set"), is_set);
                self.size(&path("awaited_by_is_set"), 1);
            }
        }
        self.enumerator("STATE_PENDING", 0);
    }

    pub(super) fn task(&mut self, task: &Task) {
        let Task {
            size,
            fut_waiter,
            coro,
            name,
            must_cancel,
            cancels_requested,
        } = *task;
        self.size("TaskObj", size);
        self.offset("TaskObj.task_fut_waiter", fut_waiter);
        self.offset("TaskObj.task_coro", coro);
        self.offset("TaskObj.task_name", name);
        match must_cancel {
            MustCancel::Word(offset) => {
                self.offset("TaskObj.task_must_cancel", offset);
                self.size("TaskObj.task_must_cancel", 4);
            }
            MustCancel::Bit { byte, bit } => {
                let expected = (8 * byte + u64::from(bit), 1);
                self.bits("TaskObj.task_must_cancel", expected);
            }
        }
        self.optional("TaskObj.task_num_cancels_requested", cancels_requested);
        if cancels_requested.is_some() {
            self.size("TaskObj.task_num_cancels_requested", 4);
        }
    }

    pub(super) fn registry(&mut self, registry: &TaskRegistry) {
        let node = self.types.offset("TaskObj.task_node");
        match *registry {
            TaskRegistry::AllTasks | TaskRegistry::ScheduledAndEager => {
                self.expect("no list of tasks", node, None);
            }
            TaskRegistry::Lists(TaskLists {
                thread_head,
                interpreter_head,
                node,
                other_tasks,
            }) => {
                self.offset("_PyThreadStateImpl.asyncio_tasks_head", thread_head);
                self.offset("PyInterpreterState.asyncio_tasks_head", interpreter_head);
                self.offset("TaskObj.task_node", node);
                self.offset("asyncio_state.non_asyncio_tasks", other_tasks);
                self.offset("asyncio_state.non_asyncio_eager_tasks", other_tasks + 8);
                // As `asyncio::registry` follows them.
                self.offset("llist_node.next", 0);
                self.offset("llist_node.prev", 8);
            }
        }
    }
}
