//! The awaiters of a future as text, in the words of CPython 3.14.
//!
//! The words themselves are written by `awaitgraph_model`; this finds what they
//! are about, all of it before the first is written: what a program's own
//! methods return may change the graph that is being looked at.

use std::cell::Cell;
use std::ops::Range;
use std::rc::Rc;

use awaitgraph_model::render::call_graph::{CallGraph, CallGraphWriter, FrameWords, Node, Text};
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::PyString;
use smallvec::SmallVec;

use crate::awaiters::Awaiters;
use crate::code_words::{CodeWords, push_literal};
use crate::cpython;
use crate::frame::Stack;
use crate::scene::Scene;

/// The text of a scene, from its first node up, without a line feed at its end.
pub(crate) fn write_text<'py>(
    py: Python<'py>,
    scene: &Scene<'_, 'py>,
) -> PyResult<Bound<'py, PyString>> {
    let lines = Lines::of(scene)?;
    let mut text = ROOM.take();
    text.clear();
    text.reserve(lines.size);
    // Writing into a String does not fail.
    let _ = CallGraphWriter::new(&lines).write_from(0, &mut text);
    text.pop();
    let result = new_str(py, &text);
    if text.capacity() <= MOST_ROOM {
        ROOM.set(text);
    }
    result
}

thread_local! {
    /// Room to write in, kept from one call to the next: the kernel takes
    /// longer to clear new pages than we take to fill them.
    static ROOM: Cell<String> = const { Cell::new(String::new()) };
}

/// What is kept for a thread at the most, in bytes.
const MOST_ROOM: usize = 1 << 20;

/// All that the text of a scene says.
struct Lines<'s, 'py> {
    awaiters: &'s Awaiters<'py>,
    /// For each node of the scene; nothing for one that is not shown.
    nodes: SmallVec<[Headline; 8]>,
    frames: SmallVec<[(Rc<CodeWords>, Option<u32>); 8]>,
    /// The names of all tasks, as literals.
    names: String,
    /// About how long the text will be.
    size: usize,
}

struct Headline {
    name: Range<usize>,
    frames: Range<usize>,
}

impl<'s, 'py> Lines<'s, 'py> {
    fn of(scene: &'s Scene<'_, 'py>) -> PyResult<Self> {
        let Scene {
            awaiters,
            interpreter,
            ..
        } = scene;
        let count = awaiters.len();
        let mut lines = Self {
            awaiters,
            nodes: SmallVec::with_capacity(count),
            frames: SmallVec::with_capacity(count),
            names: String::with_capacity(count.saturating_mul(16)),
            size: 0,
        };
        let mut stack = Stack::new();
        for node in 0..count {
            let (first_name, first_frame) = (lines.names.len(), lines.frames.len());
            if awaiters.is_shown(node) {
                scene.stack(node, &mut stack)?;
                let indentation = awaiters.depth(node).min(1_000).saturating_mul(4);
                let mut size = indentation.saturating_add(30).saturating_mul(3);
                for frame in stack.drain(..) {
                    let (words, line) = interpreter.codes.words(&frame)?;
                    size = size
                        .saturating_add(indentation)
                        .saturating_add(words.words.size());
                    lines.frames.push((words, line));
                }
                lines.size = lines.size.saturating_add(size);
                if awaiters.is_task(node) {
                    let name = interpreter.futures.name_of(awaiters.future(node))?;
                    push_literal(&name, &mut lines.names)?;
                }
            }
            lines.nodes.push(Headline {
                name: first_name..lines.names.len(),
                frames: first_frame..lines.frames.len(),
            });
        }
        lines.size = lines.size.saturating_add(lines.names.len());
        Ok(lines)
    }
}

impl CallGraph for Lines<'_, '_> {
    fn node_count(&self) -> usize {
        self.nodes.len()
    }

    #[inline]
    fn node(&self, node: usize) -> Node<'_> {
        let id = self.awaiters.future(node).as_ptr() as u64;
        if !self.awaiters.is_task(node) {
            return Node::Future { id };
        }
        let name = self.nodes.get(node).map(|headline| headline.name.clone());
        let name = name.and_then(|name| self.names.get(name));
        Node::Task {
            name: Text::Ready(name.unwrap_or_default()),
            id,
        }
    }

    #[inline]
    fn frames(&self, node: usize) -> impl Iterator<Item = (&FrameWords, Option<u32>)> {
        let place = self.nodes.get(node).map(|headline| headline.frames.clone());
        let frames = place.and_then(|place| self.frames.get(place));
        frames
            .unwrap_or_default()
            .iter()
            .map(|(words, line)| (&words.words, *line))
    }

    #[inline]
    fn awaiter(&self, node: usize, position: usize) -> Option<usize> {
        self.awaiters.waiter(node, position)
    }
}

/// A new `str`.
fn new_str<'py>(py: Python<'py>, text: &str) -> PyResult<Bound<'py, PyString>> {
    if !text.is_ascii() || text.is_empty() {
        return Ok(PyString::new(py, text));
    }
    // What Python would do, but for looking at each character to see that it
    // is ASCII, which takes it longer than all the rest.
    //
    // SAFETY: nobody has seen the new string yet. One of ASCII characters is
    // its own UTF-8, so the bytes that it hands out are those to be filled.
    unsafe {
        let size = ffi::Py_ssize_t::try_from(text.len())?;
        let new = Bound::from_owned_ptr_or_err(py, cpython::PyUnicode_New(size, 0x7f))?;
        let mut room = 0;
        let bytes = cpython::PyUnicode_AsUTF8AndSize(new.as_ptr(), &raw mut room);
        if bytes.is_null() || room != size {
            return Ok(PyString::new(py, text));
        }
        bytes
            .cast_mut()
            .cast::<u8>()
            .copy_from_nonoverlapping(text.as_ptr(), text.len());
        Ok(new.cast_into::<PyString>()?)
    }
}
