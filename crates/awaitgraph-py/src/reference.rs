//! Owned references and raised exceptions, at the price that C pays for them.
//!
//! Under the stable ABI of 3.12 and later a count is changed by a call into the
//! interpreter, and PyO3 does so for every version. Under that of 3.9, which
//! all later versions keep to, the count is a word at the beginning of the
//! object. A capture takes and drops some twenty references for each task, so
//! here it is that word, and half of it from 3.12 on.
//!
//! Likewise a `PyErr` is several words that every call would hand up through
//! memory; [`Raised`] says no more than that the interpreter holds the exception.

use std::mem::ManuallyDrop;
use std::ops::Deref;

use pyo3::ffi;
use pyo3::prelude::*;

use crate::cpython;

/// An owned reference to an object; otherwise a [`Bound`].
pub(crate) struct Ref<'py>(ManuallyDrop<Bound<'py, PyAny>>);

impl<'py> Ref<'py> {
    /// The object that a function of the interpreter returned, or its exception.
    ///
    /// # Safety
    ///
    /// `object` is a new reference, or null, and then an exception is raised.
    #[inline]
    pub(crate) unsafe fn or_raised(py: Python<'py>, object: *mut ffi::PyObject) -> Answer<'py> {
        // SAFETY: the caller's.
        match unsafe { Bound::from_owned_ptr_or_opt(py, object) } {
            Some(object) => Ok(object.into()),
            None => Err(Raised(py)),
        }
    }

    /// Another reference to the object at `object`, if any.
    ///
    /// # Safety
    ///
    /// There is a live object, or `object` is null.
    #[inline]
    pub(crate) unsafe fn borrowed(py: Python<'py>, object: *mut ffi::PyObject) -> Option<Self> {
        if object.is_null() {
            return None;
        }
        // SAFETY: the caller's; the new reference is the one that is counted here.
        unsafe {
            count_up(object);
            Bound::from_owned_ptr_or_opt(py, object).map(Self::from)
        }
    }

    /// Gives the reference away.
    #[inline]
    pub(crate) fn into_ptr(self) -> *mut ffi::PyObject {
        let object = self.0.as_ptr();
        std::mem::forget(self);
        object
    }

    /// The object, unless it is `None`.
    #[inline]
    pub(crate) fn unless_none(self) -> Option<Self> {
        if self.is_none() { None } else { Some(self) }
    }
}

impl<'py> From<Bound<'py, PyAny>> for Ref<'py> {
    #[inline]
    fn from(object: Bound<'py, PyAny>) -> Self {
        Self(ManuallyDrop::new(object))
    }
}

impl<'py> From<Ref<'py>> for Bound<'py, PyAny> {
    #[inline]
    fn from(object: Ref<'py>) -> Self {
        let mut object = ManuallyDrop::new(object);
        // SAFETY: taken once; the Ref is not dropped.
        unsafe { ManuallyDrop::take(&mut object.0) }
    }
}

impl<'py> Deref for Ref<'py> {
    type Target = Bound<'py, PyAny>;

    #[inline]
    fn deref(&self) -> &Bound<'py, PyAny> {
        &self.0
    }
}

impl AsRef<Py<PyAny>> for Ref<'_> {
    #[inline]
    fn as_ref(&self) -> &Py<PyAny> {
        self.0.as_unbound()
    }
}

impl Clone for Ref<'_> {
    #[inline]
    fn clone(&self) -> Self {
        // SAFETY: the object is alive, as we hold it, and the new reference is counted.
        unsafe {
            count_up(self.as_ptr());
            Self(ManuallyDrop::new(Bound::from_owned_ptr(
                self.py(),
                self.as_ptr(),
            )))
        }
    }
}

impl Drop for Ref<'_> {
    #[inline]
    fn drop(&mut self) {
        // SAFETY: the reference is ours, and we are attached to the interpreter.
        unsafe {
            let object = self.as_ptr();
            let count = object.cast::<u64>();
            if is_immortal(*count) {
                return;
            }
            *count = (*count).wrapping_sub(1);
            if *count as u32 == 0 {
                cpython::_Py_Dealloc(object);
            }
        }
    }
}

/// # Safety
///
/// There is a live object, and the new reference is somebody's to drop.
#[inline]
unsafe fn count_up(object: *mut ffi::PyObject) {
    // SAFETY: the caller's. An object begins with its count.
    unsafe {
        let count = object.cast::<u64>();
        if !is_immortal(*count) {
            *count = (*count).wrapping_add(1);
        }
    }
}

/// Whether an object's references are not counted: from CPython 3.12, if the
/// highest of the lower 32 bits is set (`Include/refcount.h`). Before, no count
/// comes so far.
#[inline]
fn is_immortal(count: u64) -> bool {
    (count as u32).cast_signed() < 0
}

/// An exception that the interpreter holds, until this is dropped.
pub(crate) struct Raised<'py>(Python<'py>);

impl<'py> Raised<'py> {
    /// Hands an exception to the interpreter.
    #[cold]
    pub(crate) fn set(py: Python<'py>, error: PyErr) -> Self {
        error.restore(py);
        Self(py)
    }
}

impl Drop for Raised<'_> {
    #[cold]
    fn drop(&mut self) {
        // SAFETY: we are attached to the interpreter.
        unsafe { ffi::PyErr_Clear() }
    }
}

/// An object, or an exception.
pub(crate) type Answer<'py> = Result<Ref<'py>, Raised<'py>>;

impl From<Raised<'_>> for PyErr {
    #[cold]
    fn from(raised: Raised<'_>) -> Self {
        Self::fetch(raised.0)
    }
}
