//! The frames in which a suspended task stands.
//!
//! A task's coroutine awaits something, that awaits something again, down to
//! the future that will wake the task. Coroutines and generators tell what they
//! await; the objects that Python puts between an asynchronous generator and
//! whoever iterates over it do not, but the garbage collector sees what they
//! hold:
//!
//! ```text
//!   coroutine ──cr_await──> asend ──(first referent)──> async generator ──ag_await──> ...
//! ```
//!
//! An iterator class written by the program is opaque: there the stack ends.

use std::sync::atomic::{AtomicUsize, Ordering};

use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyList, PyType};
use smallvec::SmallVec;

use crate::attribute::{Field, is_exactly, type_of};
use crate::reference::{Raised, Ref};

/// How to follow what awaits what.
pub(crate) struct Frames {
    coroutine: Suspendable,
    async_generator: Suspendable,
    generator: Suspendable,
    get_referents: Py<PyAny>,
    /// `Future.__await__` of asyncio in Python, a generator.
    future_await: Py<PyAny>,
    /// The types that were seen to be transparent, by address. They are static
    /// types of the interpreter, which are never freed.
    transparent: [AtomicUsize; TRANSPARENT.len()],
    /// What a C future gives to be iterated over: the usual end of a walk.
    future_iterator: Py<PyType>,
    frame_type: Py<PyType>,
    /// Whether only a coroutine knows its qualified name: to CPython 3.10.
    needs_owner: bool,
}

/// The types that hold exactly what they pass calls on to, first of all that
/// they hold.
const TRANSPARENT: [&str; 4] = [
    "async_generator_asend",
    "async_generator_athrow",
    "anext_awaitable",
    "coroutine_wrapper",
];

/// A kind of function that can be suspended.
struct Suspendable {
    class: Py<PyType>,
    awaited: Field,
    frame: Field,
    code: Field,
}

/// A frame on a stack.
pub(crate) struct CallFrame<'py> {
    pub(crate) frame: Ref<'py>,
    /// The coroutine or generator whose frame it is, kept where only that
    /// knows the qualified name.
    pub(crate) owner: Option<Ref<'py>>,
}

/// Frames, innermost first.
pub(crate) type Stack<'py> = SmallVec<[CallFrame<'py>; 8]>;

/// Which frames of a stack are wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Limit {
    All,
    /// That many, from the point where the task was started.
    Outermost(usize),
    /// That many, from where it stands now.
    Innermost(usize),
}

impl Frames {
    pub(crate) fn find(py: Python<'_>, future: &Bound<'_, PyAny>) -> PyResult<Self> {
        let types = py.import("types")?;
        let suspendable = |class: &str, prefix: &str, awaited: &str| -> PyResult<Suspendable> {
            let class = types.getattr(class)?.cast_into::<PyType>()?;
            Ok(Suspendable {
                awaited: Field::new(&class, awaited),
                frame: Field::new(&class, &format!("{prefix}_frame")),
                code: Field::new(&class, &format!("{prefix}_code")),
                class: class.unbind(),
            })
        };
        let py_future = py.import("asyncio.futures")?.getattr("_PyFuture")?;
        let code = types.getattr("CodeType")?;
        Ok(Self {
            coroutine: suspendable("CoroutineType", "cr", "cr_await")?,
            async_generator: suspendable("AsyncGeneratorType", "ag", "ag_await")?,
            generator: suspendable("GeneratorType", "gi", "gi_yieldfrom")?,
            frame_type: types.getattr("FrameType")?.cast_into::<PyType>()?.unbind(),
            get_referents: py.import("gc")?.getattr("get_referents")?.unbind(),
            future_iterator: future.call_method0("__await__")?.get_type().unbind(),
            future_await: py_future
                .getattr("__await__")?
                .getattr("__code__")?
                .unbind(),
            transparent: [const { AtomicUsize::new(0) }; TRANSPARENT.len()],
            needs_owner: !code.hasattr("co_qualname")?,
        })
    }

    /// Puts the frames that `coroutine` stands in into `stack`, innermost first.
    #[inline]
    pub(crate) fn suspended<'py>(
        &self,
        coroutine: Ref<'py>,
        limit: Limit,
        stack: &mut Stack<'py>,
    ) -> Result<(), Raised<'py>> {
        let start = stack.len();
        let most = match limit {
            Limit::Outermost(most) => most,
            Limit::All | Limit::Innermost(_) => usize::MAX,
        };
        let mut walk = Walk {
            frames: self,
            foreign: 0,
        };
        let mut awaited = Some(coroutine);
        while let Some(object) = awaited
            && stack.len().saturating_sub(start) < most
        {
            awaited = walk.step(object, stack)?;
        }
        if let Limit::Innermost(most) = limit {
            let surplus = stack.len().saturating_sub(start).saturating_sub(most);
            drop(stack.drain(start..start.saturating_add(surplus)));
        }
        if let Some(frames) = stack.get_mut(start..) {
            frames.reverse();
        }
        Ok(())
    }

    /// The frame of a coroutine, where it has one.
    pub(crate) fn frame_of<'py>(
        &self,
        coroutine: &Bound<'py, PyAny>,
    ) -> PyResult<Option<Ref<'py>>> {
        let mut stack = Stack::new();
        self.suspended(coroutine.clone().into(), Limit::Outermost(1), &mut stack)?;
        Ok(stack.pop().map(|frame| frame.frame))
    }

    /// Whether this is what a C future gives to be iterated over.
    #[inline]
    fn is_end(&self, object: &Bound<'_, PyAny>) -> bool {
        is_exactly(object, &self.future_iterator)
    }

    /// Whether this passes all calls on to the object that it holds.
    fn is_transparent(&self, object: &Bound<'_, PyAny>) -> PyResult<bool> {
        let own = type_of(object) as usize;
        if self
            .transparent
            .iter()
            .any(|known| known.load(Ordering::Relaxed) == own)
        {
            return Ok(true);
        }
        let py = object.py();
        let class = object.get_type();
        let name = class.getattr(intern!(py, "__name__"))?;
        for (place, known) in self.transparent.iter().zip(TRANSPARENT) {
            // One of that name made by a program stands in another module.
            if name.eq(known)? && class.getattr(intern!(py, "__module__"))?.eq("builtins")? {
                place.store(own, Ordering::Relaxed);
                return Ok(true);
            }
        }
        Ok(false)
    }
}

/// A walk along what awaits what.
struct Walk<'a> {
    frames: &'a Frames,
    /// How many objects of classes unknown to us it came by.
    foreign: usize,
}

/// What the interpreter itself links together has an end. Classes written by
/// anyone may give a new object forever.
const MOST_FOREIGN: usize = 10_000;

impl Walk<'_> {
    /// Adds the frame of `object`, and returns what `object` awaits.
    #[inline]
    fn step<'py>(
        &mut self,
        object: Ref<'py>,
        stack: &mut Stack<'py>,
    ) -> Result<Option<Ref<'py>>, Raised<'py>> {
        let Frames {
            coroutine,
            async_generator,
            generator,
            ..
        } = self.frames;
        let kind = if is_exactly(&object, &coroutine.class) {
            coroutine
        } else if is_exactly(&object, &async_generator.class) {
            async_generator
        } else if is_exactly(&object, &generator.class) {
            if generator.code.read(&object)?.is(&self.frames.future_await) {
                // The end. A C future has no frame there either.
                return Ok(None);
            }
            generator
        } else {
            if self.frames.is_end(&object) {
                return Ok(None);
            }
            let py = object.py();
            return self
                .step_through(object, stack)
                .map_err(|error| Raised::set(py, error));
        };
        let frame = kind.frame.read(&object)?;
        let awaited = kind.awaited.read(&object)?;
        if !frame.is_none() {
            let owner = self.frames.needs_owner.then_some(object);
            stack.push(CallFrame { frame, owner });
        }
        Ok(awaited.unless_none())
    }

    /// The same for an object that is no coroutine or generator of Python's.
    fn step_through<'py>(
        &mut self,
        object: Ref<'py>,
        stack: &mut Stack<'py>,
    ) -> PyResult<Option<Ref<'py>>> {
        let py = object.py();
        if self.frames.is_transparent(&object)? {
            let held = self.frames.get_referents.bind(py).call1((&*object,))?;
            return Ok(held.cast::<PyList>()?.iter().next().map(Ref::from));
        }
        // Coroutines of other compilers (Cython) have the same attributes.
        self.foreign = self.foreign.saturating_add(1);
        if self.foreign > MOST_FOREIGN {
            return Ok(None);
        }
        for (awaited, frame) in [
            (intern!(py, "cr_await"), intern!(py, "cr_frame")),
            (intern!(py, "ag_await"), intern!(py, "ag_frame")),
            (intern!(py, "gi_yieldfrom"), intern!(py, "gi_frame")),
        ] {
            if let Some(awaited) = object.getattr_opt(awaited)? {
                let frame = object.getattr_opt(frame)?;
                if let Some(frame) =
                    frame.filter(|frame| is_exactly(frame, &self.frames.frame_type))
                {
                    let owner = self.frames.needs_owner.then_some(object);
                    stack.push(CallFrame {
                        frame: frame.into(),
                        owner,
                    });
                }
                return Ok(Ref::from(awaited).unless_none());
            }
        }
        Ok(None)
    }
}
