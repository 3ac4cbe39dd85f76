//! Pointers inside objects whose fields nothing public tells.
//!
//! A known object is planted in another one by public means, and the memory of
//! that is searched for its address. What is found once in one object holds
//! for all of its type.

use pyo3::ffi;
use pyo3::prelude::*;

use crate::reference::Ref;

/// The object that `object` points to at `offset`.
///
/// # Safety
///
/// At `offset` of `object` there is a pointer to an object, or null.
#[inline]
pub(crate) unsafe fn load<'py>(object: &Bound<'py, PyAny>, offset: usize) -> Option<Ref<'py>> {
    // SAFETY: the caller's. The interpreter is ours while it is read.
    unsafe {
        let value = object
            .as_ptr()
            .byte_add(offset)
            .cast::<*mut ffi::PyObject>()
            .read();
        Ref::borrowed(object.py(), value)
    }
}

/// The only offset at which `object`, of `size` bytes, points to `planted`.
pub(crate) fn place_of(
    planted: &Bound<'_, PyAny>,
    object: &Bound<'_, PyAny>,
    size: usize,
) -> Option<usize> {
    let step = size_of::<*mut ffi::PyObject>();
    let mut places = (size_of::<ffi::PyObject>()..=size.checked_sub(step)?)
        .step_by(step)
        .filter(|&offset| {
            // SAFETY: within the object, as its type says how large it is.
            let word = unsafe { object.as_ptr().byte_add(offset).cast::<usize>().read() };
            word == planted.as_ptr() as usize
        });
    let place = places.next()?;
    places.next().is_none().then_some(place)
}
