//! What a text says of a code object, kept with the code object.
//!
//! A program that logs its call graph shows the same few functions again and
//! again, and the words for one (a path as a literal, a name, the lines of
//! the places where it awaits) take longer to make than to write. CPython lets
//! an extension attach a pointer to a code object (PEP 523), which it hands
//! back with the code's end. So nothing is kept alive, nothing has to be looked
//! up, and what is kept is gone with what it is about.
//!
//! These functions were renamed in 3.12 and are not in the stable ABI: they are
//! asked for by name at import, and without them the words are made each time.

use std::cell::RefCell;
use std::ffi::{CStr, c_int, c_void};
use std::rc::Rc;

use awaitgraph_model::FrameKind;
use awaitgraph_model::render::call_graph::{FrameWords, Text};
use awaitgraph_model::render::escape::write_escaped;
use pyo3::ffi::{Py_ssize_t, PyFrameObject, PyObject};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyString, PyType};
use smallvec::SmallVec;

use crate::attribute::Field;
use crate::cpython;
use crate::frame::CallFrame;
use crate::running::{CO_ASYNC_GENERATOR, CO_COROUTINE, CO_GENERATOR};

/// The words for one code object.
pub(crate) struct CodeWords {
    pub(crate) words: FrameWords,
    /// Lines by instruction, of the last places that were asked about.
    lines: RefCell<SmallVec<[(c_int, c_int); LINES]>>,
}

/// A function awaits at few places.
const LINES: usize = 4;

/// How to read and keep them.
pub(crate) struct Codes {
    file: Field,
    name: Field,
    flags: Field,
    /// `co_qualname`, CPython 3.11+.
    qualified_name: Option<Field>,
    extra: Option<Extra>,
    /// `PyFrame_GetLasti`, CPython 3.11+.
    last_instruction: Option<unsafe extern "C" fn(*mut PyFrameObject) -> c_int>,
}

/// The place for our pointer in each code object.
struct Extra {
    index: Py_ssize_t,
    get: GetExtra,
    set: SetExtra,
}

type RequestIndex = unsafe extern "C" fn(unsafe extern "C" fn(*mut c_void)) -> Py_ssize_t;
type GetExtra = unsafe extern "C" fn(*mut PyObject, Py_ssize_t, *mut *mut c_void) -> c_int;
type SetExtra = unsafe extern "C" fn(*mut PyObject, Py_ssize_t, *mut c_void) -> c_int;

impl Codes {
    pub(crate) fn find(py: Python<'_>) -> PyResult<Self> {
        let code = py
            .import("types")?
            .getattr("CodeType")?
            .cast_into::<PyType>()?;
        let has_qualified_names = code.hasattr("co_qualname")?;
        Ok(Self {
            file: Field::new(&code, "co_filename"),
            name: Field::new(&code, "co_name"),
            flags: Field::new(&code, "co_flags"),
            qualified_name: has_qualified_names.then(|| Field::new(&code, "co_qualname")),
            extra: Extra::request(),
            // SAFETY: that is the function's signature since it exists.
            last_instruction: unsafe { exported(&[c"PyFrame_GetLasti"]) },
        })
    }

    /// The words for a frame's code, and the line that the frame is at.
    #[inline]
    pub(crate) fn words<'py>(
        &self,
        frame: &CallFrame<'py>,
    ) -> PyResult<(Rc<CodeWords>, Option<u32>)> {
        let py = frame.frame.py();
        let pointer = frame.frame.as_ptr().cast();
        // SAFETY: whoever put it on a stack made sure that it is a frame.
        let code = unsafe { Bound::from_owned_ptr_or_err(py, cpython::PyFrame_GetCode(pointer))? };
        let words = match self.extra.as_ref().and_then(|extra| extra.get(&code)) {
            Some(words) => words,
            None => {
                let words = Rc::new(self.read(&code, frame.owner.as_deref())?);
                if let Some(extra) = &self.extra {
                    extra.set(&code, words.clone());
                }
                words
            }
        };
        let line = self.line(&words, pointer);
        Ok((words, u32::try_from(line).ok()))
    }

    /// The line that a frame is at; negative where it has none.
    #[inline]
    fn line(&self, words: &CodeWords, frame: *mut PyFrameObject) -> c_int {
        // SAFETY: `frame` is one, as the only caller knows.
        let read = || unsafe { cpython::PyFrame_GetLineNumber(frame) };
        let Some(last_instruction) = self.last_instruction else {
            return read();
        };
        // SAFETY: as above.
        let at = unsafe { last_instruction(frame) };
        let mut lines = words.lines.borrow_mut();
        if let Some(&(_, line)) = lines.iter().find(|known| known.0 == at) {
            return line;
        }
        let line = read();
        if lines.len() == LINES {
            lines.remove(0);
        }
        lines.push((at, line));
        line
    }

    fn read<'py>(
        &self,
        code: &Bound<'py, PyAny>,
        owner: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<CodeWords> {
        let py = code.py();
        let name = self.name.read(code)?;
        let function = match (&self.qualified_name, owner) {
            (Some(qualified_name), _) => qualified_name.read(code)?,
            // Under another name (by functools.wraps) it is another function's.
            (None, Some(owner)) if owner.getattr(intern!(py, "__name__"))?.eq(&*name)? => {
                owner.getattr(intern!(py, "__qualname__"))?.into()
            }
            (None, _) => name,
        };
        let flags: i32 = self.flags.read(code)?.extract()?;
        let kind = if flags & CO_COROUTINE != 0 {
            FrameKind::Async
        } else if flags & CO_ASYNC_GENERATOR != 0 {
            FrameKind::AsyncGenerator
        } else if flags & CO_GENERATOR != 0 {
            FrameKind::Generator
        } else {
            FrameKind::Sync
        };
        let mut file = String::new();
        push_literal(&*self.file.read(code)?, &mut file)?;
        let function = function.str()?;
        Ok(CodeWords {
            words: FrameWords::new(Text::Ready(&file), &function.to_string_lossy(), kind),
            lines: RefCell::default(),
        })
    }
}

/// Adds the `repr` of a value, safe to write, to `text`.
#[inline]
pub(crate) fn push_literal(value: &Bound<'_, PyAny>, text: &mut String) -> PyResult<()> {
    if let Some(plain) = value.cast_exact::<PyString>().ok().and_then(plain) {
        text.push('\'');
        text.push_str(plain);
        text.push('\'');
        return Ok(());
    }
    // Writing into a String does not fail.
    let _ = write_escaped(&value.repr()?.to_string_lossy(), text);
    Ok(())
}

/// The text of a string of which the `repr` is no more than the text in quotes,
/// as is that of nearly every name and path.
#[inline]
fn plain<'a>(text: &'a Bound<'_, PyString>) -> Option<&'a str> {
    let mut size = 0;
    // SAFETY: the interpreter keeps the bytes, which are valid UTF-8, as long
    // as the string.
    let text = unsafe {
        let bytes = cpython::PyUnicode_AsUTF8AndSize(text.as_ptr(), &raw mut size);
        if bytes.is_null() {
            drop(PyErr::take(text.py()));
            return None;
        }
        let bytes = std::slice::from_raw_parts(bytes.cast::<u8>(), usize::try_from(size).ok()?);
        std::str::from_utf8_unchecked(bytes)
    };
    let is_plain = |byte| matches!(byte, b' '..=b'~') && byte != b'\'' && byte != b'\\';
    text.bytes().all(is_plain).then_some(text)
}

impl Extra {
    /// A place of our own, if there is one left.
    fn request() -> Option<Self> {
        // SAFETY: these are the functions' signatures in every version that
        // has them; only their names have changed.
        let (request, get, set) = unsafe {
            (
                exported::<RequestIndex>(&[
                    c"PyUnstable_Eval_RequestCodeExtraIndex",
                    c"_PyEval_RequestCodeExtraIndex",
                ])?,
                exported::<GetExtra>(&[c"PyUnstable_Code_GetExtra", c"_PyCode_GetExtra"])?,
                exported::<SetExtra>(&[c"PyUnstable_Code_SetExtra", c"_PyCode_SetExtra"])?,
            )
        };
        // SAFETY: what is kept there is what `release` releases.
        let index = unsafe { request(release) };
        (index >= 0).then_some(Self { index, get, set })
    }

    /// What is kept with a code object.
    #[inline]
    fn get(&self, code: &Bound<'_, PyAny>) -> Option<Rc<CodeWords>> {
        let mut words = std::ptr::null_mut();
        // SAFETY: nobody else writes to our place, and its pointer is valid as
        // long as the code object.
        unsafe {
            if (self.get)(code.as_ptr(), self.index, &raw mut words) != 0 {
                drop(PyErr::take(code.py()));
                return None;
            }
            let words = words.cast::<CodeWords>().cast_const();
            if words.is_null() {
                return None;
            }
            Rc::increment_strong_count(words);
            Some(Rc::from_raw(words))
        }
    }

    /// Keeps words with a code object, instead of any that are there.
    fn set(&self, code: &Bound<'_, PyAny>, words: Rc<CodeWords>) {
        let words = Rc::into_raw(words).cast_mut().cast::<c_void>();
        // SAFETY: the code object takes the reference over; where it can't, we
        // take it back.
        unsafe {
            if (self.set)(code.as_ptr(), self.index, words) != 0 {
                drop(PyErr::take(code.py()));
                release(words);
            }
        }
    }
}

/// Called by the interpreter at the end of a code object.
unsafe extern "C" fn release(words: *mut c_void) {
    if !words.is_null() {
        // SAFETY: it is the reference that `set` gave away. The interpreter is
        // ours, as at every other use of the count.
        drop(unsafe { Rc::from_raw(words.cast::<CodeWords>().cast_const()) });
    }
}

/// The function that the interpreter exports under the first of these names
/// that it has.
///
/// # Safety
///
/// `F` is the type of a function pointer, and the function has that signature.
unsafe fn exported<F: Copy>(names: &[&CStr]) -> Option<F> {
    const { assert!(size_of::<F>() == size_of::<*mut c_void>()) };
    names.iter().find_map(|name| {
        // SAFETY: a lookup by name; the pointer is a function's, as the caller knows.
        unsafe {
            let function = libc::dlsym(libc::RTLD_DEFAULT, name.as_ptr());
            (!function.is_null()).then(|| std::mem::transmute_copy::<*mut c_void, F>(&function))
        }
    })
}
