//! What is known of the running interpreter: learnt once, at import.

use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;

use crate::callback::Callbacks;
use crate::code_words::Codes;
use crate::entries::GraphClasses;
use crate::frame::Frames;
use crate::future::Futures;
use crate::running::Running;

/// Everything that depends on the version of CPython.
pub(crate) struct Interpreter {
    pub(crate) futures: Futures,
    pub(crate) callbacks: Callbacks,
    pub(crate) frames: Frames,
    pub(crate) running: Running,
    pub(crate) classes: GraphClasses,
    pub(crate) codes: Codes,
}

static INTERPRETER: PyOnceLock<Interpreter> = PyOnceLock::new();

impl Interpreter {
    /// The running one.
    #[inline]
    pub(crate) fn get(py: Python<'_>) -> PyResult<&Self> {
        INTERPRETER.get_or_try_init(py, || Self::learn(py))
    }

    fn learn(py: Python<'_>) -> PyResult<Self> {
        let futures = Futures::find(py)?;
        Ok(Self {
            callbacks: Callbacks::find(py)?,
            frames: Frames::find(py, &futures.new_future(py)?)?,
            running: Running::find(py)?,
            classes: GraphClasses::find(py)?,
            codes: Codes::find(py)?,
            futures,
        })
    }
}
