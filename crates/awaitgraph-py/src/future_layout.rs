//! Where a C future keeps its callbacks and its awaiters, learnt by planting.
//!
//! `Future._callbacks` and `Future._asyncio_awaited_by` build a new list and a
//! new frozen set at every read, which would cost more than all the rest of a
//! capture. The pointers themselves are a load away, but their places differ
//! between versions. So at import a future is made, known objects are planted
//! in it by its public methods, and its memory is searched for them:
//!
//! ```text
//!   Future object   | header | fut_loop | callback0 | context0 | callbacks | ...
//!                                            ^ first              ^ a list that holds the second
//! ```
//!
//! A subclass, `Task` too, begins with the fields of its base, so one place
//! serves all. Where any step does not come out as expected the layout stays
//! unknown and the attributes are read instead: slower, never wrong.

use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{IntoPyDict, PyBool, PyList, PySet, PyTuple, PyType};

use crate::planted::{load, place_of};
use crate::reference::Ref;

/// The places, as offsets into any object of the type or of a subtype.
#[derive(Debug, Clone, Copy)]
pub(crate) struct FutureLayout {
    /// The first callback, or null.
    callback0: usize,
    /// The list of `(callback, context)` for the second callback on, or null.
    callbacks: usize,
    /// Null, one future, or an exact set of futures. CPython 3.14+.
    awaited_by: Option<usize>,
}

impl FutureLayout {
    /// The layout of `future_type`, the C class `_asyncio.Future`.
    ///
    /// `add_to_awaited_by` is the C function of 3.14+ of that name.
    pub(crate) fn learn(
        future_type: &Bound<'_, PyType>,
        add_to_awaited_by: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<Option<Self>> {
        let py = future_type.py();
        let size: usize = future_type.getattr("__basicsize__")?.extract()?;

        let future = new_future(future_type)?;
        let (first, second) = (py.import("builtins")?.getattr("id")?, PyList::empty(py));
        for planted in [&first, second.as_any()] {
            future.call_method1(intern!(py, "add_done_callback"), (planted,))?;
        }
        let Some(list) = referents(&future)?
            .into_iter()
            .find(|object| holds_callback(object, second.as_any()))
        else {
            return Ok(None);
        };
        let (Some(callback0), Some(callbacks)) = (
            place_of(&first, &future, size),
            place_of(&list, &future, size),
        ) else {
            return Ok(None);
        };

        let awaited_by = match add_to_awaited_by {
            None => None,
            Some(add) => {
                let (one, two) = (new_future(future_type)?, new_future(future_type)?);
                add.call1((&future, &one))?;
                let alone = place_of(&one, &future, size);
                add.call1((&future, &two))?;
                let set = referents(&future)?
                    .into_iter()
                    .find(|object| object.is_exact_instance_of::<PySet>());
                let together = set.and_then(|set| place_of(&set, &future, size));
                match (alone, together) {
                    (Some(alone), Some(together)) if alone == together => Some(alone),
                    _ => return Ok(None),
                }
            }
        };
        Ok(Some(Self {
            callback0,
            callbacks,
            awaited_by,
        }))
    }

    /// The first callback of a future, and the list of the others.
    ///
    /// # Safety
    ///
    /// `future` is of the type whose layout this is, or of a subtype.
    #[inline]
    pub(crate) unsafe fn callbacks<'py>(
        &self,
        future: &Bound<'py, PyAny>,
    ) -> (Option<Ref<'py>>, Option<Ref<'py>>) {
        // SAFETY: the caller's.
        unsafe { (load(future, self.callback0), load(future, self.callbacks)) }
    }

    /// What a future is awaited by, on record: a future, or an exact set of futures.
    ///
    /// # Safety
    ///
    /// As for [`callbacks`](Self::callbacks).
    #[inline]
    pub(crate) unsafe fn awaited_by<'py>(&self, future: &Bound<'py, PyAny>) -> Option<Ref<'py>> {
        // SAFETY: the caller's.
        unsafe { load(future, self.awaited_by?) }
    }
}

/// A future of no loop, which nobody will complete.
pub(crate) fn new_future<'py>(class: &Bound<'py, PyType>) -> PyResult<Bound<'py, PyAny>> {
    let py = class.py();
    // All that a future asks of its loop is whether debugging is on: `bool()` is False.
    let settings = [("get_debug", py.get_type::<PyBool>())].into_py_dict(py)?;
    let nowhere = py
        .import("types")?
        .getattr("SimpleNamespace")?
        .call((), Some(&settings))?;
    class.call((), Some(&[("loop", nowhere)].into_py_dict(py)?))
}

fn referents<'py>(object: &Bound<'py, PyAny>) -> PyResult<Vec<Bound<'py, PyAny>>> {
    object
        .py()
        .import("gc")?
        .call_method1("get_referents", (object,))?
        .extract()
}

/// Whether this is the list `[(callback, context)]`.
fn holds_callback(object: &Bound<'_, PyAny>, callback: &Bound<'_, PyAny>) -> bool {
    object.is_exact_instance_of::<PyList>()
        && object
            .get_item(0)
            .and_then(|entry| entry.cast_into::<PyTuple>().map_err(PyErr::from))
            .and_then(|entry| entry.get_item(0))
            .is_ok_and(|first| first.is(callback))
}
