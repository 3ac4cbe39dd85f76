//! Every number of a layout, by the name that CPython gives it.
//!
//! Each struct is taken apart without `..`, so that a field that is added to
//! the layout does not compile until it is held here.

mod objects;
mod running;

use super::dwarf::Types;
use crate::layout::Layout;

/// Compares numbers with the compiler's, and keeps what differs.
pub(super) struct Held<'t, 's> {
    types: &'t Types<'s>,
    of: String,
    wrong: Vec<String>,
}

impl<'t, 's> Held<'t, 's> {
    pub(super) fn new(types: &'t Types<'s>, of: String) -> Self {
        let wrong = Vec::new();
        Self { types, of, wrong }
    }

    /// What is wrong with `layout`, a line each.
    pub(super) fn all(mut self, layout: &Layout) -> Vec<String> {
        let Layout {
            object,
            type_object,
            error_item_size,
            runtime,
            interpreter,
            thread,
            text,
            int,
            float_value,
            dict,
            attributes,
            set,
            tuple_items,
            list_items,
            bytes_data,
            weakref_object,
            module,
            function,
            cell_content,
            method,
            builtin_self,
            builtin_definition,
            memory_view_length,
            member,
            partial,
            deque,
            simple_queue,
            socket,
            code,
            frame,
            generator,
            awaited,
            future,
            task,
            registry,
            // Held by `truth::asked`.
            str_hash: _,
        } = layout;
        self.object(object);
        self.type_object(type_object);
        self.size("_PyErr_StackItem", *error_item_size);
        self.states(runtime, interpreter, thread);
        self.text(text);
        self.int(*int, object.header);
        self.offset("PyFloatObject.ob_fval", *float_value);
        self.dict(dict);
        self.attributes(*attributes);
        self.set(set);
        self.offset("PyTupleObject.ob_item", *tuple_items);
        self.offset("PyListObject.ob_item", *list_items);
        self.offset("PyBytesObject.ob_sval", *bytes_data);
        self.offset("PyWeakReference.wr_object", *weakref_object);
        self.module(module);
        self.function(function);
        self.offset("PyCellObject.ob_ref", *cell_content);
        self.method(method);
        self.offset("PyCFunctionObject.m_self", *builtin_self);
        self.offset("PyCFunctionObject.m_ml", *builtin_definition);
        self.offset("PyMethodDef.ml_name", 0);
        self.offset("PyMemoryViewObject.view.len", *memory_view_length);
        self.member(member);
        self.partial(partial);
        self.deque(deque);
        self.simple_queue(simple_queue);
        self.socket(socket);
        self.code(code);
        self.frame(frame);
        self.generator(generator, frame);
        self.awaited(awaited);
        self.future(future);
        self.task(task);
        self.registry(registry);
        self.wrong
    }

    fn offset(&mut self, path: &str, expected: u64) {
        self.expect(path, self.types.offset(path), Some(expected));
    }

    fn optional(&mut self, path: &str, expected: Option<u64>) {
        self.expect(path, self.types.offset(path), expected);
    }

    /// For a member that not every version has.
    fn offset_if_any(&mut self, path: &str, expected: u64) {
        if let Some(found) = self.types.offset(path) {
            self.expect(path, Some(found), Some(expected));
        }
    }

    /// For a member that was renamed or moved: exactly one name is this version's.
    fn one_of(&mut self, paths: [&str; 2], expected: u64) {
        let found = paths.map(|path| self.types.offset(path));
        let name = paths.join(" or ");
        match found {
            [Some(_), Some(_)] => self.wrong.push(format!("{}: {name} has both", self.of)),
            [one, other] => self.expect(&name, one.or(other), Some(expected)),
        }
    }

    fn size(&mut self, path: &str, expected: u64) {
        let name = format!("sizeof {path}");
        self.expect(&name, self.types.size(path), Some(expected));
    }

    fn bits(&mut self, path: &str, expected: (u64, u64)) {
        self.expect(path, self.types.bits(path), Some(expected));
    }

    fn enumerator(&mut self, name: &str, expected: i8) {
        self.expect(name, self.types.enumerator(name), Some(expected.into()));
    }

    fn expect<T: PartialEq + std::fmt::Debug>(
        &mut self,
        name: &str,
        found: Option<T>,
        ours: Option<T>,
    ) {
        if found != ours {
            let line = format!("{}: {name} is {found:?}, ours is {ours:?}", self.of);
            self.wrong.push(line);
        }
    }
}
