//! Attributes and methods of well-known types, read without a look-up.
//!
//! A type of CPython keeps its getters, members and methods in C tables, and
//! the stable ABI hands those tables out (`PyType_GetSlot`). So what
//! `object.name` would find through a dictionary and a descriptor is found
//! once, and later reads are one call through a pointer:
//!
//! ```text
//!   object.cr_await        ~25 ns     look-up in the type, descriptor, getter
//!   Field::read(object)     ~4 ns     getter
//! ```
//!
//! The short way is taken for objects of exactly the type that was asked; for
//! everything else (a subclass with an override, a duck type, CPython 3.9,
//! whose static types hand nothing out) a read is the plain `object.name`.
//! Either way the answer is that of Python.

use std::ffi::{CStr, c_int, c_void};
use std::ptr::NonNull;

use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::{PyString, PyType};

use crate::planted::load;
use crate::reference::{Answer, Raised, Ref};

/// An attribute.
pub(crate) struct Field {
    name: Py<PyString>,
    owner: Py<PyType>,
    shortcut: Option<FieldShortcut>,
}

#[derive(Clone, Copy)]
enum FieldShortcut {
    Getter(ffi::getter, *mut c_void),
    /// The offset of a pointer to an object.
    Object(usize),
}

// SAFETY: the pointers are into tables that live as long as the type, which
// `owner` keeps alive; nobody writes to them.
unsafe impl Send for Field {}
// SAFETY: as above.
unsafe impl Sync for Field {}

impl Field {
    /// The attribute `name` of objects of `owner`.
    pub(crate) fn new(owner: &Bound<'_, PyType>, name: &str) -> Self {
        let shortcut = lineage(owner).find_map(|base| {
            getter(&base, name)
                .map(|(get, closure)| FieldShortcut::Getter(get, closure))
                .or_else(|| object_offset(&base, name).map(FieldShortcut::Object))
        });
        Self {
            name: PyString::intern(owner.py(), name).unbind(),
            owner: owner.clone().unbind(),
            shortcut,
        }
    }

    /// `object.name`.
    #[inline]
    pub(crate) fn read<'py>(&self, object: &Bound<'py, PyAny>) -> Answer<'py> {
        let py = object.py();
        match self.shortcut {
            Some(FieldShortcut::Getter(get, closure)) if is_exactly(object, &self.owner) => {
                // SAFETY: the getter is of the object's own type.
                unsafe { Ref::or_raised(py, get(object.as_ptr(), closure)) }
            }
            Some(FieldShortcut::Object(offset)) if is_exactly(object, &self.owner) => {
                // SAFETY: the offset is one of the object's own type.
                match unsafe { load(object, offset) } {
                    Some(value) => Ok(value),
                    // `None`, or an error: Python decides.
                    None => self.look_up(object),
                }
            }
            _ => self.look_up(object),
        }
    }

    fn look_up<'py>(&self, object: &Bound<'py, PyAny>) -> Answer<'py> {
        // SAFETY: that is what the function returns.
        unsafe {
            let value = ffi::PyObject_GetAttr(object.as_ptr(), self.name.as_ptr());
            Ref::or_raised(object.py(), value)
        }
    }
}

/// A method without arguments.
pub(crate) struct Method {
    name: Py<PyString>,
    owner: Py<PyType>,
    shortcut: Option<ffi::PyCFunction>,
}

impl Method {
    /// The method `name` of objects of `owner`.
    pub(crate) fn new(owner: &Bound<'_, PyType>, name: &str) -> Self {
        Self {
            name: PyString::intern(owner.py(), name).unbind(),
            owner: owner.clone().unbind(),
            shortcut: lineage(owner).find_map(|base| method(&base, name)),
        }
    }

    /// `object.name()`.
    #[inline]
    pub(crate) fn call<'py>(&self, object: &Bound<'py, PyAny>) -> Answer<'py> {
        let py = object.py();
        match self.shortcut {
            Some(function) if is_exactly(object, &self.owner) => {
                // SAFETY: the function is of the object's own type and takes no argument.
                unsafe {
                    let value = function(object.as_ptr(), std::ptr::null_mut());
                    Ref::or_raised(py, value)
                }
            }
            _ => match object.call_method0(self.name.bind(py)) {
                Ok(value) => Ok(value.into()),
                Err(error) => Err(Raised::set(py, error)),
            },
        }
    }
}

/// Whether an object is of exactly this type.
#[inline]
pub(crate) fn is_exactly(object: &Bound<'_, PyAny>, owner: &Py<PyType>) -> bool {
    type_of(object) == owner.as_ptr().cast()
}

/// Whether an object is of this type or of a subtype, whatever it says of itself.
#[inline]
pub(crate) fn is_subtype(object: &Bound<'_, PyAny>, owner: &Py<PyType>) -> bool {
    // SAFETY: both are live types.
    unsafe { ffi::PyType_IsSubtype(type_of(object), owner.as_ptr().cast()) != 0 }
}

/// The type of an object, to compare with.
#[inline]
pub(crate) fn type_of(object: &Bound<'_, PyAny>) -> *mut ffi::PyTypeObject {
    // SAFETY: a live object has a type.
    unsafe { ffi::Py_TYPE(object.as_ptr()) }
}

/// Where objects of a type point to the object that is their attribute `name`:
/// a member in C, or a slot (`__slots__`) of a class made in Python.
pub(crate) fn object_offset(owner: &Bound<'_, PyType>, name: &str) -> Option<usize> {
    /// `T_OBJECT` of structmember.h: read as `None` where there is nothing.
    const OBJECT_OR_NONE: c_int = 6;
    let mut entry = table::<ffi::PyMemberDef>(owner, ffi::Py_tp_members)?.as_ptr();
    // SAFETY: the table ends with an entry without a name.
    let member = unsafe {
        loop {
            if (*entry).name.is_null() {
                return None;
            }
            if CStr::from_ptr((*entry).name).to_bytes() == name.as_bytes() {
                break *entry;
            }
            entry = entry.add(1);
        }
    };
    let is_object = [OBJECT_OR_NONE, ffi::Py_T_OBJECT_EX].contains(&member.type_code);
    let is_simple = member.flags & !ffi::Py_READONLY == 0;
    (is_object && is_simple).then(|| usize::try_from(member.offset).ok())?
}

/// The type and its bases, nearest first.
fn lineage<'py>(owner: &Bound<'py, PyType>) -> impl Iterator<Item = Bound<'py, PyType>> {
    owner
        .mro()
        .into_iter()
        .filter_map(|base| base.cast_into::<PyType>().ok())
}

fn getter(owner: &Bound<'_, PyType>, name: &str) -> Option<(ffi::getter, *mut c_void)> {
    let mut entry = table::<ffi::PyGetSetDef>(owner, ffi::Py_tp_getset)?.as_ptr();
    // SAFETY: the table ends with an entry without a name.
    unsafe {
        while !(*entry).name.is_null() {
            if CStr::from_ptr((*entry).name).to_bytes() == name.as_bytes() {
                return (*entry).get.map(|get| (get, (*entry).closure));
            }
            entry = entry.add(1);
        }
    }
    None
}

fn method(owner: &Bound<'_, PyType>, name: &str) -> Option<ffi::PyCFunction> {
    let mut entry = table::<ffi::PyMethodDef>(owner, ffi::Py_tp_methods)?.as_ptr();
    // SAFETY: the table ends with an entry without a name.
    unsafe {
        while !(*entry).ml_name.is_null() {
            if CStr::from_ptr((*entry).ml_name).to_bytes() == name.as_bytes() {
                // Any other convention takes other arguments.
                let plain = (*entry).ml_flags == ffi::METH_NOARGS;
                return plain.then(|| (*entry).ml_meth.PyCFunction);
            }
            entry = entry.add(1);
        }
    }
    None
}

fn table<T>(owner: &Bound<'_, PyType>, slot: c_int) -> Option<NonNull<T>> {
    // SAFETY: an unknown slot or (3.9) a static type is an error, not undefined.
    let found = unsafe { ffi::PyType_GetSlot(owner.as_type_ptr(), slot) };
    if found.is_null() {
        drop(PyErr::take(owner.py()));
    }
    NonNull::new(found.cast())
}

/// A function that can be called without arguments.
pub(crate) struct Function {
    object: Py<PyAny>,
    shortcut: Option<FunctionShortcut>,
}

#[derive(Clone, Copy)]
enum FunctionShortcut {
    NoArguments(ffi::PyCFunction),
    Vector(VectorFunction),
}

/// `METH_FASTCALL | METH_KEYWORDS`, whose form has not changed since CPython 3.7.
type VectorFunction = unsafe extern "C" fn(
    *mut ffi::PyObject,
    *const *mut ffi::PyObject,
    ffi::Py_ssize_t,
    *mut ffi::PyObject,
) -> *mut ffi::PyObject;

const VECTOR_WITH_KEYWORDS: c_int = 0x0080 | ffi::METH_KEYWORDS;

impl Function {
    /// A function, of which calls are shorter if it is a builtin one.
    pub(crate) fn new(function: &Bound<'_, PyAny>) -> Self {
        let builtin = function.py().get_type::<pyo3::types::PyCFunction>();
        let shortcut = if function.get_type().is(&builtin) {
            // SAFETY: it is exactly a builtin function.
            unsafe {
                let flags = ffi::PyCFunction_GetFlags(function.as_ptr());
                let pointer = ffi::PyCFunction_GetFunction(function.as_ptr());
                match (flags, pointer) {
                    (ffi::METH_NOARGS, Some(pointer)) => {
                        Some(FunctionShortcut::NoArguments(pointer))
                    }
                    (VECTOR_WITH_KEYWORDS, Some(pointer)) => {
                        // The flags say that it is of this form.
                        let pointer =
                            std::mem::transmute::<ffi::PyCFunction, VectorFunction>(pointer);
                        Some(FunctionShortcut::Vector(pointer))
                    }
                    _ => None,
                }
            }
        } else {
            None
        };
        Self {
            object: function.clone().unbind(),
            shortcut,
        }
    }

    /// Whether this is `function`.
    pub(crate) fn is(&self, function: &Bound<'_, PyAny>) -> bool {
        function.is(&self.object)
    }

    /// `function()`.
    #[inline]
    pub(crate) fn call<'py>(&self, py: Python<'py>) -> Answer<'py> {
        // SAFETY: each pointer is of the builtin function that we hold, and of
        // the form by which it is called.
        unsafe {
            let receiver = || ffi::PyCFunction_GetSelf(self.object.as_ptr());
            let value = match self.shortcut {
                Some(FunctionShortcut::NoArguments(function)) => {
                    function(receiver(), std::ptr::null_mut())
                }
                Some(FunctionShortcut::Vector(function)) => {
                    function(receiver(), std::ptr::null(), 0, std::ptr::null_mut())
                }
                None => {
                    return match self.object.bind(py).call0() {
                        Ok(value) => Ok(value.into()),
                        Err(error) => Err(Raised::set(py, error)),
                    };
                }
            };
            Ref::or_raised(py, value)
        }
    }
}
