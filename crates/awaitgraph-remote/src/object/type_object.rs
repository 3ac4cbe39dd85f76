//! Types: what kind of object something is, decided once per type.

use std::cell::Cell;
use std::rc::Rc;

use awaitgraph_model::FrameKind;

use super::{Fault, Objects};
use crate::limits;
use crate::object::Reason::Unexpected;

/// What we need to know of a type.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Type {
    pub(crate) addr: u64,
    pub(crate) kind: Kind,
    pub(crate) flags: u64,
    pub(crate) basicsize: u64,
    pub(crate) dictoffset: i64,
    pub(crate) weaklistoffset: i64,
}

/// The kinds of objects that can be read, or that can be followed.
///
/// A subclass is of its base's kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Kind {
    /// `str`.
    Text,
    /// `int`.
    Int,
    /// `float`.
    Float,
    /// `bytes`.
    Bytes,
    /// `tuple`.
    Tuple,
    /// `list`.
    List,
    /// `dict`.
    Dict,
    /// `set` or `frozenset`.
    Set,
    /// `None`.
    None,
    /// A module.
    Module,
    /// A function written in Python.
    Function,
    /// A bound method of such a function.
    Method,
    /// A function written in C, bound or not.
    Builtin,
    /// A closure's cell.
    Cell,
    /// `weakref.ref`.
    Weakref,
    /// `functools.partial`.
    Partial,
    /// `collections.deque`.
    Deque,
    /// `bytearray`.
    ByteArray,
    /// `memoryview`.
    MemoryView,
    /// `_queue.SimpleQueue`.
    SimpleQueue,
    /// `socket.socket`, by its base in C.
    Socket,
    /// What a class has for one of its `__slots__`.
    Member,
    /// A code object.
    Code,
    /// The object that stands for a frame.
    Frame,
    /// `greenlet.greenlet`.
    Greenlet,
    /// A coroutine, generator or asynchronous generator.
    Generator,
    /// The same, compiled by Cython.
    Compiled(FrameKind),
    /// An iterator or awaitable of CPython that passes on to the one object
    /// that its first field points to: `async_generator_asend` and `athrow`,
    /// `coroutine_wrapper`, `anext_awaitable`, `FutureIter`.
    Wrapper,
    /// 3.8-3.9: what a task registers with the future that it awaits; its
    /// first field is the task.
    TaskWakeup,
    /// `_asyncio.Task`.
    Task,
    /// `_asyncio.Future`.
    Future,
    /// `asyncio.tasks._PyTask`.
    PyTask,
    /// `asyncio.futures._PyFuture`, or another future written in Python.
    PyFuture,
    /// Anything else.
    Other,
}

/// `Include/object.h`: the flags that are read.
pub(crate) mod flags {
    pub(crate) const INLINE_VALUES: u64 = 1 << 2;
    pub(crate) const MANAGED_DICT: u64 = 1 << 4;
    pub(crate) const HEAPTYPE: u64 = 1 << 9;
    pub(super) const LONG_SUBCLASS: u64 = 1 << 24;
    pub(super) const LIST_SUBCLASS: u64 = 1 << 25;
    pub(super) const TUPLE_SUBCLASS: u64 = 1 << 26;
    pub(super) const BYTES_SUBCLASS: u64 = 1 << 27;
    pub(super) const UNICODE_SUBCLASS: u64 = 1 << 28;
    pub(super) const DICT_SUBCLASS: u64 = 1 << 29;
    pub(crate) const TYPE_SUBCLASS: u64 = 1 << 31;
}

impl Objects<'_> {
    /// The type of the object at `addr`.
    pub(crate) fn type_of(&self, addr: u64) -> Result<Type, Fault> {
        let what = &Unexpected("an object without a type");
        self.type_at(self.required(addr, self.layout.object.ob_type, what)?)
    }

    /// Where the type at `addr` is, if it was asked for lately.
    #[inline]
    fn recent_at(&self, addr: u64) -> Option<&Cell<Option<Type>>> {
        // Types are some hundred bytes long, or more.
        self.recent.get((addr >> 5) as usize % self.recent.len())
    }

    /// The type at `addr` itself.
    pub(super) fn type_at(&self, addr: u64) -> Result<Type, Fault> {
        let place = self.recent_at(addr);
        if let Some(place) = place
            && let Some(known) = place.get()
            && known.addr == addr
        {
            return Ok(known);
        }
        if let Some(&known) = self.types.borrow().get(&addr) {
            if let Some(place) = place {
                place.set(Some(known));
            }
            return Ok(known);
        }
        let layout = &self.layout.type_object;
        let flags = self.u64(addr, layout.tp_flags)?;
        let type_ = Type {
            addr,
            kind: self.kind(addr, flags)?,
            flags,
            basicsize: self.u64(addr, layout.tp_basicsize)?,
            dictoffset: self.i64(addr, layout.tp_dictoffset)?,
            weaklistoffset: self.i64(addr, layout.tp_weaklistoffset)?,
        };
        self.hold(2 * size_of::<(u64, Type)>() as u64)?;
        self.types.borrow_mut().insert(addr, type_);
        Ok(type_)
    }

    /// The kind of the objects of the type at `addr`; `None` where that is none.
    pub(super) fn kind_of_type(&self, addr: u64) -> Result<Option<Kind>, Fault> {
        match self.type_at(addr) {
            Ok(type_) => Ok(Some(type_.kind)),
            Err(fault) if self.used_up().is_some() => Err(fault),
            Err(_) => Ok(None),
        }
    }

    /// The kind of the object at `addr`.
    pub(crate) fn kind_of(&self, addr: u64) -> Result<Kind, Fault> {
        let what = &Unexpected("an object without a type");
        let type_ = self.required(addr, self.layout.object.ob_type, what)?;
        match self.recent_at(type_).and_then(Cell::get) {
            Some(known) if known.addr == type_ => Ok(known.kind),
            _ => Ok(self.type_at(type_)?.kind),
        }
    }

    /// The same of an object that many may refer to, as `None` or what is
    /// passed to many tasks: it need not be read for each of them.
    pub(crate) fn kind_of_shared(&self, addr: u64) -> Result<Kind, Fault> {
        self.remembered(&self.kinds, addr, || self.kind_of(addr))
    }

    /// `tp_name` of the type at `addr`, cut where it is very long.
    pub(crate) fn type_name(&self, addr: u64) -> Result<Rc<str>, Fault> {
        if let Some(known) = self.type_names.borrow().get(&addr) {
            return Ok(Rc::clone(known));
        }
        let name = self.required(
            addr,
            self.layout.type_object.tp_name,
            &Unexpected("a type without a name"),
        )?;
        let name = Rc::<str>::from(self.c_string(name)?);
        self.hold(64 + name.len() as u64)?;
        self.type_names.borrow_mut().insert(addr, Rc::clone(&name));
        Ok(name)
    }

    /// The type of that name among the type of the object at `addr` and its bases.
    pub(crate) fn base_named(&self, addr: u64, name: &str) -> Result<Option<u64>, Fault> {
        for type_ in self.mro(self.type_of(addr)?.addr)? {
            if *self.type_name(type_)? == *name {
                return Ok(Some(type_));
            }
        }
        Ok(None)
    }

    /// The names of the type of the object at `addr` and its bases.
    pub(crate) fn base_names(&self, addr: u64) -> Result<Vec<Rc<str>>, Fault> {
        let mro = self.mro(self.type_of(addr)?.addr)?;
        mro.into_iter().map(|type_| self.type_name(type_)).collect()
    }

    /// Whether the type of the object at `addr` says that it can be awaited.
    pub(crate) fn is_awaitable(&self, addr: u64) -> Result<bool, Fault> {
        let type_ = self.type_of(addr)?.addr;
        match self.pointer(type_, self.layout.type_object.tp_as_async)? {
            Some(methods) => Ok(self.pointer(methods, 0)?.is_some()),
            None => Ok(false),
        }
    }

    /// `__mro__` of the type at `addr`: the type itself and all its bases.
    pub(super) fn mro(&self, addr: u64) -> Result<Vec<u64>, Fault> {
        match self.pointer(addr, self.layout.type_object.tp_mro)? {
            Some(mro) => {
                let mut types = self.tuple(mro)?;
                types.truncate(limits::MOST_BASES);
                Ok(types)
            }
            // A type that is not ready yet.
            None => Ok(vec![addr]),
        }
    }

    fn kind(&self, addr: u64, flags: u64) -> Result<Kind, Fault> {
        let by_flag = [
            (flags::UNICODE_SUBCLASS, Kind::Text),
            (flags::LONG_SUBCLASS, Kind::Int),
            (flags::BYTES_SUBCLASS, Kind::Bytes),
            (flags::TUPLE_SUBCLASS, Kind::Tuple),
            (flags::LIST_SUBCLASS, Kind::List),
            (flags::DICT_SUBCLASS, Kind::Dict),
        ];
        if let Some(&(_, kind)) = by_flag.iter().find(|(flag, _)| flags & flag != 0) {
            return Ok(kind);
        }
        let mut names = Vec::new();
        for type_ in self.mro(addr)? {
            let name = self.type_name(type_)?;
            let flags = self.u64(type_, self.layout.type_object.tp_flags)?;
            if let Some(kind) = kind_of_name(&name, flags & flags::HEAPTYPE != 0) {
                // Those of older versions of Cython have CPython's own names.
                return match (kind, compiled_kind(&name)) {
                    (Kind::Generator, Some(compiled))
                        if self.awaited_of_compiled(type_, compiled)?.is_some() =>
                    {
                        Ok(Kind::Compiled(compiled))
                    }
                    _ => Ok(kind),
                };
            }
            names.push(name);
        }
        // The classes of asyncio that are written in Python have plain names,
        // which a subclass of one in C may have too.
        let is_any = |wanted: [&str; 2]| names.iter().any(|name| wanted.contains(&&**name));
        if is_any(["Future", "_PyFuture"]) {
            let is_task = is_any(["Task", "_PyTask"]);
            return Ok(if is_task {
                Kind::PyTask
            } else {
                Kind::PyFuture
            });
        }
        Ok(Kind::Other)
    }
}

/// The kind of a coroutine or generator, by the plain name of its type.
fn compiled_kind(name: &str) -> Option<FrameKind> {
    Some(match name {
        "coroutine" | "iterable_coroutine" => FrameKind::Async,
        "generator" => FrameKind::Generator,
        "async_generator" => FrameKind::AsyncGenerator,
        _ => return None,
    })
}

/// The kind of a type of Cython's, `_cython_3_3_0.coroutine`: the version and
/// options are in its module's name.
fn kind_of_cython(name: &str) -> Option<Kind> {
    let (_, name) = name.strip_prefix("_cython_")?.split_once('.')?;
    match name {
        "coroutine_wrapper" | "async_generator_asend" | "async_generator_athrow" => {
            Some(Kind::Wrapper)
        }
        name => compiled_kind(name).map(Kind::Compiled),
    }
}

/// The kind of a type written in C, by its name; `heap` says that the type was
/// made at run time, as every class written in Python is.
fn kind_of_name(name: &str, heap: bool) -> Option<Kind> {
    let made_at_run_time = match name {
        "_asyncio.Task" => Kind::Task,
        "_asyncio.Future" => Kind::Future,
        "_asyncio.FutureIter" => Kind::Wrapper,
        "TaskWakeupMethWrapper" => Kind::TaskWakeup,
        "functools.partial" => Kind::Partial,
        "collections.deque" => Kind::Deque,
        "_queue.SimpleQueue" => Kind::SimpleQueue,
        "_socket.socket" => Kind::Socket,
        "greenlet.greenlet" => Kind::Greenlet,
        name if name.starts_with("_cython_") => return kind_of_cython(name),
        _ if heap => return None,
        "set" | "frozenset" => Kind::Set,
        "float" => Kind::Float,
        "bytearray" => Kind::ByteArray,
        "memoryview" => Kind::MemoryView,
        "NoneType" => Kind::None,
        "module" => Kind::Module,
        "function" => Kind::Function,
        "method" => Kind::Method,
        "builtin_function_or_method" => Kind::Builtin,
        "cell" => Kind::Cell,
        "weakref" | "weakref.ReferenceType" => Kind::Weakref,
        "member_descriptor" => Kind::Member,
        "code" => Kind::Code,
        "frame" => Kind::Frame,
        // The second one is only Cython's.
        "coroutine" | "iterable_coroutine" | "generator" | "async_generator" => Kind::Generator,
        "async_generator_asend"
        | "async_generator_athrow"
        | "coroutine_wrapper"
        | "anext_awaitable" => Kind::Wrapper,
        _ => return None,
    };
    Some(made_at_run_time)
}
