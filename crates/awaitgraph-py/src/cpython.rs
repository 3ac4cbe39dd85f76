//! Functions of CPython that PyO3 leaves out under the stable ABI of 3.9.
//!
//! Each is a documented function that every CPython from 3.9 on exports with
//! this signature. The stable ABI lists all but `PyUnicode_New`, from 3.10 on.

use std::ffi::{c_char, c_int};

use pyo3::ffi::{Py_ssize_t, PyFrameObject, PyObject};

unsafe extern "C" {
    /// Ends an object whose last reference is gone.
    pub(crate) fn _Py_Dealloc(object: *mut PyObject);

    /// A new reference to the code that a frame executes.
    pub(crate) fn PyFrame_GetCode(frame: *mut PyFrameObject) -> *mut PyObject;

    /// The line that a frame is at; 0 or less where its code has none there.
    pub(crate) fn PyFrame_GetLineNumber(frame: *mut PyFrameObject) -> c_int;

    /// A new `str` to be filled, of a length and with characters up to the largest.
    pub(crate) fn PyUnicode_New(size: Py_ssize_t, largest: u32) -> *mut PyObject;

    /// The text of a `str`, kept alive by it.
    pub(crate) fn PyUnicode_AsUTF8AndSize(
        text: *mut PyObject,
        size: *mut Py_ssize_t,
    ) -> *const c_char;
}
