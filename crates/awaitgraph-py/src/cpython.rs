//! Functions of CPython that PyO3 leaves out under the stable ABI of 3.9.
//!
//! Each is a documented function that every CPython from 3.9 on exports with
//! this signature; the stable ABI lists them from 3.10 on.

use std::ffi::{c_char, c_int};

use pyo3::ffi::{Py_ssize_t, PyFrameObject, PyObject};

unsafe extern "C" {
    /// A new reference to the code that a frame executes.
    pub(crate) fn PyFrame_GetCode(frame: *mut PyFrameObject) -> *mut PyObject;

    /// The line that a frame is at; 0 or less where its code has none there.
    pub(crate) fn PyFrame_GetLineNumber(frame: *mut PyFrameObject) -> c_int;

    /// The text of a `str`, kept alive by it.
    pub(crate) fn PyUnicode_AsUTF8AndSize(
        text: *mut PyObject,
        size: *mut Py_ssize_t,
    ) -> *const c_char;
}
