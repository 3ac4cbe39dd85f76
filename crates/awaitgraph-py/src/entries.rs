//! `FutureCallGraph` and `FrameCallGraphEntry` objects, made fast.
//!
//! Both are frozen dataclasses with slots, and from CPython 3.14 they are
//! asyncio's own. A frozen dataclass sets each field through
//! `object.__setattr__`, which takes longer than all else that a capture does;
//! a new object of the same class whose slots are filled directly is the same
//! to Python.

use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::{PyTuple, PyType};

use crate::attribute::object_offset;
use crate::frame::Stack;
use crate::reference::{Answer, Raised, Ref};

/// The two classes.
pub(crate) struct GraphClasses {
    graph: SlotClass<3>,
    entry: SlotClass<1>,
}

impl GraphClasses {
    pub(crate) fn find(py: Python<'_>) -> PyResult<Self> {
        let classes = py.import("awaitgraph._classes")?;
        let class = |name: &str| -> PyResult<Bound<'_, PyType>> {
            Ok(classes.getattr(name)?.cast_into::<PyType>()?)
        };
        Ok(Self {
            graph: SlotClass::new(
                &class("FutureCallGraph")?,
                ["future", "call_stack", "awaited_by"],
            )?,
            entry: SlotClass::new(&class("FrameCallGraphEntry")?, ["frame"])?,
        })
    }

    /// `FutureCallGraph(future, call_stack, awaited_by)`.
    #[inline]
    pub(crate) fn graph<'py>(
        &self,
        future: Ref<'py>,
        call_stack: Ref<'py>,
        awaited_by: Ref<'py>,
    ) -> Answer<'py> {
        let py = future.py();
        self.graph.make(py, [future, call_stack, awaited_by])
    }

    /// A tuple with a `FrameCallGraphEntry(frame)` for each frame.
    #[inline]
    pub(crate) fn call_stack<'py>(&self, py: Python<'py>, stack: &mut Stack<'py>) -> Answer<'py> {
        tuple(
            py,
            stack
                .drain(..)
                .map(|frame| self.entry.make(py, [frame.frame])),
        )
    }
}

/// A tuple of what an iterator gives.
#[inline]
pub(crate) fn tuple<'py>(
    py: Python<'py>,
    items: impl ExactSizeIterator<Item = Answer<'py>>,
) -> Answer<'py> {
    // SAFETY: a new tuple is filled before anyone else sees it; one that is
    // left half filled by an error holds nulls, which its end allows for.
    unsafe {
        let size = items.len().cast_signed();
        let tuple = Ref::or_raised(py, ffi::PyTuple_New(size))?;
        for (index, item) in (0..size).zip(items) {
            ffi::PyTuple_SetItem(tuple.as_ptr(), index, item?.into_ptr());
        }
        Ok(tuple)
    }
}

/// A class made in Python whose objects are nothing but `N` slots.
struct SlotClass<const N: usize> {
    class: Py<PyType>,
    /// Where the slots are; `None` where the class is not as simple as that,
    /// and is called like any other.
    offsets: Option<[usize; N]>,
}

impl<const N: usize> SlotClass<N> {
    fn new(class: &Bound<'_, PyType>, fields: [&str; N]) -> PyResult<Self> {
        let py = class.py();
        let object = py.get_type::<PyAny>();
        let size: usize = class.getattr("__basicsize__")?.extract()?;
        let is_plain = class.get_type().is(py.get_type::<PyType>())
            && class
                .getattr("__bases__")?
                .eq(PyTuple::new(py, [&object])?)?
            && class.getattr("__new__")?.is(object.getattr("__new__")?)
            && !class.hasattr("__post_init__")?
            && size == size_of::<ffi::PyObject>() + size_of::<[*mut ffi::PyObject; N]>();
        let found: Vec<usize> = fields
            .iter()
            .filter_map(|field| object_offset(class, field))
            .collect();
        let offsets = found.try_into().ok().filter(|_| is_plain);
        Ok(Self {
            class: class.clone().unbind(),
            offsets,
        })
    }

    #[inline]
    fn make<'py>(&self, py: Python<'py>, fields: [Ref<'py>; N]) -> Answer<'py> {
        let Some(offsets) = &self.offsets else {
            return self.call(py, fields);
        };
        // SAFETY: what `object.__new__` does for a class without a beginning
        // or an end of its own; the slots of the new object are null, and take
        // the references over.
        unsafe {
            let object = ffi::PyType_GenericAlloc(self.class.as_ptr().cast(), 0);
            let object = Ref::or_raised(py, object)?;
            for (offset, field) in offsets.iter().zip(fields) {
                let slot = object.as_ptr().byte_add(*offset);
                slot.cast::<*mut ffi::PyObject>().write(field.into_ptr());
            }
            Ok(object)
        }
    }

    fn call<'py>(&self, py: Python<'py>, fields: [Ref<'py>; N]) -> Answer<'py> {
        let object = PyTuple::new(py, fields.map(Bound::from))
            .and_then(|fields| self.class.bind(py).call1(fields));
        object
            .map(Ref::from)
            .map_err(|error| Raised::set(py, error))
    }
}
