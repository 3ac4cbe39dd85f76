//! Types, and the objects that data is in.

use super::Held;
use crate::layout::{
    Attributes, Deque, Dict, DictKeys, Function, Int, Member, Method, Module, Object, Partial,
    References, Set, SimpleQueue, Socket, Text, TypeObject,
};

impl Held<'_, '_> {
    pub(super) fn object(&mut self, object: &Object) {
        let Object {
            header,
            references,
            ob_type,
        } = *object;
        self.size("PyObject", header);
        self.offset("PyVarObject.ob_size", header);
        match references {
            References::Counted(offset) => self.offset("PyObject.ob_refcnt", offset),
            References::Halves { local, shared } => {
                self.offset("PyObject.ob_ref_local", local);
                self.size("PyObject.ob_ref_local", 4);
                self.offset("PyObject.ob_ref_shared", shared);
                self.size("PyObject.ob_ref_shared", 8);
            }
        }
        self.offset("PyObject.ob_type", ob_type);
        // What a wrapper wraps comes first.
        self.offset("PyAsyncGenASend.ags_gen", header);
        self.offset("PyAsyncGenAThrow.agt_gen", header);
        self.offset("PyCoroWrapper.cw_coroutine", header);
        self.offset("futureiterobject.future", header);
        self.offset_if_any("anextawaitableobject.wrapped", header);
        self.offset_if_any("TaskWakeupMethWrapper.ww_task", header);
        self.offset_if_any("PyRunningLoopHolder.rl_loop", header);
    }

    pub(super) fn type_object(&mut self, type_object: &TypeObject) {
        let TypeObject {
            tp_name,
            tp_basicsize,
            tp_flags,
            tp_as_async,
            tp_dictoffset,
            tp_weaklistoffset,
            tp_mro,
            tp_dict,
            ht_cached_keys,
        } = *type_object;
        self.offset("PyTypeObject.tp_name", tp_name);
        self.offset("PyTypeObject.tp_basicsize", tp_basicsize);
        self.offset("PyTypeObject.tp_flags", tp_flags);
        self.offset("PyTypeObject.tp_as_async", tp_as_async);
        self.offset("PyAsyncMethods.am_await", 0);
        self.offset("PyTypeObject.tp_dictoffset", tp_dictoffset);
        self.offset("PyTypeObject.tp_weaklistoffset", tp_weaklistoffset);
        self.offset("PyTypeObject.tp_mro", tp_mro);
        self.offset("PyTypeObject.tp_dict", tp_dict);
        self.offset("PyHeapTypeObject.ht_cached_keys", ht_cached_keys);
    }

    pub(super) fn text(&mut self, text: &Text) {
        let Text {
            length,
            hash,
            state,
            ascii_data,
            data,
        } = *text;
        self.offset("PyASCIIObject.length", length);
        self.offset("PyASCIIObject.hash", hash);
        self.offset("PyASCIIObject.state", state);
        self.size("PyASCIIObject", ascii_data);
        self.size("PyCompactUnicodeObject", data);
        self.offset("PyUnicodeObject.data", data);
        // As `object::text` takes the state apart.
        let bit = |number| (8 * state + number, 1);
        self.bits("PyASCIIObject.state.kind", (8 * state + 2, 3));
        self.bits("PyASCIIObject.state.compact", bit(5));
        self.bits("PyASCIIObject.state.ascii", bit(6));
    }

    pub(super) fn int(&mut self, int: Int, header: u64) {
        let digits = header + 8;
        match int {
            Int::Signed => self.offset("PyLongObject.ob_digit", digits),
            Int::Tagged => {
                self.offset("PyLongObject.long_value.lv_tag", header);
                self.offset("PyLongObject.long_value.ob_digit", digits);
            }
        }
        self.size("digit", 4);
    }

    pub(super) fn dict(&mut self, dict: &Dict) {
        let Dict {
            ma_used,
            ma_keys,
            ma_values,
            keys,
            values,
        } = *dict;
        self.offset("PyDictObject.ma_used", ma_used);
        self.offset("PyDictObject.ma_keys", ma_keys);
        self.offset("PyDictObject.ma_values", ma_values);
        // As `object::dict` reads them.
        self.size("PyDictKeyEntry", 24);
        self.offset("PyDictKeyEntry.me_key", 8);
        self.offset("PyDictKeyEntry.me_value", 16);
        match keys {
            DictKeys::Sized => {
                self.offset("PyDictKeysObject.dk_size", 8);
                self.offset("PyDictKeysObject.dk_nentries", 32);
                self.offset("PyDictKeysObject.dk_indices", 40);
            }
            DictKeys::Log2 => {
                self.offset("PyDictKeysObject.dk_log2_index_bytes", 9);
                self.offset("PyDictKeysObject.dk_kind", 10);
                self.offset("PyDictKeysObject.dk_nentries", 24);
                self.offset("PyDictKeysObject.dk_indices", 32);
                self.enumerator("DICT_KEYS_GENERAL", 0);
                self.size("PyDictUnicodeEntry", 16);
                self.offset("PyDictUnicodeEntry.me_key", 0);
                self.offset("PyDictUnicodeEntry.me_value", 8);
            }
        }
        let found = self.types.offset("PyDictValues.values");
        self.expect("PyDictValues.values", found.or(Some(0)), Some(values));
    }

    pub(super) fn attributes(&mut self, attributes: Attributes) {
        // Where in front of an object they are is known to macros only
        // (`docs/layouts.md`); of what kind they are, the values' struct tells.
        let values = self.types.offset("PyDictValues.values");
        let embedded = self.types.offset("PyDictValues.embedded");
        let expected = match attributes {
            Attributes::Dict => (false, false),
            Attributes::ValuesBefore | Attributes::TaggedBefore => (true, false),
            Attributes::Inline { dict: _ } => (true, true),
        };
        let found = (values.is_some(), embedded.is_some());
        self.expect(
            "PyDictValues, and whether it has `embedded`",
            Some(found),
            Some(expected),
        );
    }

    pub(super) fn set(&mut self, set: &Set) {
        let Set { used, mask, table } = *set;
        self.offset("PySetObject.used", used);
        self.offset("PySetObject.mask", mask);
        self.offset("PySetObject.table", table);
        self.size("setentry", 16);
        self.offset("setentry.key", 0);
        self.offset("setentry.hash", 8);
    }

    pub(super) fn module(&mut self, module: &Module) {
        let Module { md_dict, md_state } = *module;
        self.offset("PyModuleObject.md_dict", md_dict);
        self.offset("PyModuleObject.md_state", md_state);
    }

    pub(super) fn function(&mut self, function: &Function) {
        let Function {
            code,
            closure,
            qualname,
            module,
        } = *function;
        self.offset("PyFunctionObject.func_code", code);
        self.offset("PyFunctionObject.func_closure", closure);
        self.offset("PyFunctionObject.func_qualname", qualname);
        self.offset("PyFunctionObject.func_module", module);
    }

    pub(super) fn member(&mut self, member: &Member) {
        let Member { definition, offset } = *member;
        self.offset("PyMemberDescrObject.d_member", definition);
        self.offset("PyMemberDef.offset", offset);
        self.offset("PyMemberDef.type", 8);
    }

    pub(super) fn method(&mut self, method: &Method) {
        let Method { function, self_ } = *method;
        self.offset("PyMethodObject.im_func", function);
        self.offset("PyMethodObject.im_self", self_);
    }

    pub(super) fn partial(&mut self, partial: &Partial) {
        let Partial {
            function,
            args,
            keywords,
        } = *partial;
        self.offset("partialobject.fn", function);
        self.offset("partialobject.args", args);
        self.offset("partialobject.kw", keywords);
    }

    pub(super) fn deque(&mut self, deque: &Deque) {
        let Deque {
            left_block,
            left_index,
            block_items,
            block_right,
        } = *deque;
        self.offset("dequeobject.leftblock", left_block);
        self.offset("dequeobject.leftindex", left_index);
        self.offset("BLOCK.data", block_items);
        self.offset("BLOCK.rightlink", block_right);
        // `BLOCKLEN`, as `object::collections` has it.
        self.expect("BLOCKLEN", Some((block_right - block_items) / 8), Some(64));
    }

    pub(super) fn simple_queue(&mut self, queue: &SimpleQueue) {
        match *queue {
            SimpleQueue::List { items, first } => {
                self.offset("simplequeueobject.lst", items);
                self.offset("simplequeueobject.lst_pos", first);
            }
            SimpleQueue::Ring {
                items,
                capacity,
                first,
                count,
            } => {
                self.offset("simplequeueobject.buf.items", items);
                self.offset("simplequeueobject.buf.items_cap", capacity);
                self.offset("simplequeueobject.buf.get_idx", first);
                self.offset("simplequeueobject.buf.num_items", count);
            }
        }
    }

    pub(super) fn socket(&mut self, socket: &Socket) {
        let Socket { fd, family, type_ } = *socket;
        self.offset("PySocketSockObject.sock_fd", fd);
        self.offset("PySocketSockObject.sock_family", family);
        self.offset("PySocketSockObject.sock_type", type_);
    }
}
