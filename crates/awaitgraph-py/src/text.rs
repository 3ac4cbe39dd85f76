//! The awaiters of a future as text, in the words of CPython 3.14.
//!
//! The words themselves are written by `awaitgraph_model`; this finds what they
//! are about. A program runs few functions in many tasks, so what the text
//! needs of a code object is read once a call. It is not kept for the next
//! one: that would keep the code alive, or need to notice its end.

use std::ops::Range;

use awaitgraph_model::FrameKind;
use awaitgraph_model::render::call_graph::{CallFrame, CallGraph, CallGraphWriter, Node, Text};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyString, PyType};

use crate::addresses::{Addresses, Number};
use crate::attribute::Field;
use crate::awaiters::Awaiters;
use crate::cpython;
use crate::frame::{self, Stack};
use crate::interpreter::Interpreter;
use crate::running::{CO_ASYNC_GENERATOR, CO_COROUTINE, CO_GENERATOR};
use crate::scene::Scene;

/// What is read of code objects.
pub(crate) struct Codes {
    file: Field,
    name: Field,
    flags: Field,
    /// `co_qualname`, CPython 3.11+.
    qualified_name: Option<Field>,
}

impl Codes {
    pub(crate) fn find(py: Python<'_>) -> PyResult<Self> {
        let code = py
            .import("types")?
            .getattr("CodeType")?
            .cast_into::<PyType>()?;
        Ok(Self {
            file: Field::new(&code, "co_filename"),
            name: Field::new(&code, "co_name"),
            flags: Field::new(&code, "co_flags"),
            qualified_name: match code.hasattr("co_qualname")? {
                true => Some(Field::new(&code, "co_qualname")),
                false => None,
            },
        })
    }
}

/// The text of a scene, from its first node up, without a line feed at its end.
pub(crate) fn write_text(scene: &mut Scene<'_, '_>) -> PyResult<String> {
    let lines = Lines::of(scene)?;
    let mut text = String::new();
    // Writing into a String does not fail.
    let _ = CallGraphWriter::new(&lines).write_from(0, &mut text);
    text.pop();
    Ok(text)
}

/// All that the text of a scene says.
struct Lines<'s, 'py> {
    awaiters: &'s Awaiters<'py>,
    /// For each node of the scene; nothing for one that is not shown.
    nodes: Vec<Headline>,
    frames: Vec<FrameLine>,
    codes: Vec<CodeWords>,
    /// All strings, one after the other.
    words: String,
}

#[derive(Clone, Default)]
struct Headline {
    /// The name, of a task.
    name: Option<Word>,
    frames: Range<usize>,
}

struct FrameLine {
    code: usize,
    line: Option<u32>,
}

#[derive(Clone)]
struct CodeWords {
    file: Word,
    function: Word,
    kind: FrameKind,
}

/// A string, by its place among all of them.
#[derive(Clone)]
struct Word {
    place: Range<usize>,
    /// Whether it is what Python's `repr` made of the string.
    is_literal: bool,
}

impl<'s, 'py> Lines<'s, 'py> {
    fn of(scene: &'s mut Scene<'_, 'py>) -> PyResult<Self> {
        let mut reading = Reading {
            interpreter: scene.interpreter,
            frames: Vec::new(),
            codes: Vec::new(),
            addresses: Addresses::default(),
            alive: Vec::new(),
            words: String::new(),
        };
        let mut nodes = vec![Headline::default(); scene.awaiters.len()];
        let mut stack = Stack::new();
        for (node, headline) in nodes.iter_mut().enumerate() {
            if !scene.awaiters.is_shown(node) {
                continue;
            }
            scene.stack(node, &mut stack)?;
            let start = reading.frames.len();
            for frame in stack.drain(..) {
                reading.add_frame(frame)?;
            }
            headline.frames = start..reading.frames.len();
            if scene.awaiters.is_task(node) {
                let name = reading
                    .interpreter
                    .futures
                    .name_of(scene.awaiters.future(node))?;
                headline.name = Some(reading.add_quoted(&name)?);
            }
        }
        let Reading {
            frames,
            codes,
            words,
            ..
        } = reading;
        Ok(Self {
            awaiters: &scene.awaiters,
            nodes,
            frames,
            codes,
            words,
        })
    }

    fn word(&self, word: &Word) -> &str {
        self.words.get(word.place.clone()).unwrap_or_default()
    }

    fn quoted(&self, word: &Word) -> Text<'_> {
        match word.is_literal {
            true => Text::Repr(self.word(word)),
            false => Text::Plain(self.word(word)),
        }
    }
}

impl CallGraph for Lines<'_, '_> {
    fn node_count(&self) -> usize {
        self.nodes.len()
    }

    fn node(&self, node: usize) -> Node<'_> {
        let id = self.awaiters.future(node).as_ptr() as u64;
        match self
            .nodes
            .get(node)
            .and_then(|headline| headline.name.as_ref())
        {
            Some(name) => Node::Task {
                name: self.quoted(name),
                id,
            },
            None => Node::Future { id },
        }
    }

    fn frames(&self, node: usize) -> impl Iterator<Item = CallFrame<'_>> {
        let frames = self
            .nodes
            .get(node)
            .and_then(|headline| self.frames.get(headline.frames.clone()));
        frames.unwrap_or_default().iter().filter_map(|frame| {
            let code = self.codes.get(frame.code)?;
            Some(CallFrame {
                file: self.quoted(&code.file),
                line: frame.line,
                function: self.word(&code.function),
                kind: code.kind,
            })
        })
    }

    fn awaiter(&self, node: usize, position: usize) -> Option<usize> {
        self.awaiters.waiter(node, position)
    }
}

/// Reads what the lines say.
struct Reading<'a, 'py> {
    interpreter: &'a Interpreter,
    frames: Vec<FrameLine>,
    codes: Vec<CodeWords>,
    /// The numbers of the code objects read so far, which `alive` holds.
    addresses: Addresses,
    alive: Vec<Bound<'py, PyAny>>,
    words: String,
}

impl<'py> Reading<'_, 'py> {
    #[inline]
    fn add_frame(&mut self, frame: frame::CallFrame<'py>) -> PyResult<()> {
        let py = frame.frame.py();
        let pointer = frame.frame.as_ptr().cast();
        // SAFETY: whoever put it on the stack made sure that it is a frame.
        let (line, code) = unsafe {
            let code = cpython::PyFrame_GetCode(pointer);
            (
                cpython::PyFrame_GetLineNumber(pointer),
                Bound::from_owned_ptr_or_err(py, code)?,
            )
        };
        let code = match self.addresses.number(code.as_ptr() as usize) {
            Number::Known(number) => number,
            Number::New(number) => {
                let words = self.read_code(&code, frame.owner.as_ref())?;
                self.codes.push(words);
                self.alive.push(code);
                number
            }
        };
        self.frames.push(FrameLine {
            code,
            line: u32::try_from(line).ok(),
        });
        Ok(())
    }

    fn read_code(
        &mut self,
        code: &Bound<'py, PyAny>,
        owner: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<CodeWords> {
        let py = code.py();
        let codes = &self.interpreter.codes;
        let function = match (&codes.qualified_name, owner) {
            (Some(qualified_name), _) => qualified_name.read(code)?,
            (None, owner) => {
                let name = codes.name.read(code)?;
                match owner {
                    // Under another name (by functools.wraps) it is another function's.
                    Some(owner) if owner.getattr(intern!(py, "__name__"))?.eq(&name)? => {
                        owner.getattr(intern!(py, "__qualname__"))?
                    }
                    _ => name,
                }
            }
        };
        let flags: i32 = codes.flags.read(code)?.extract()?;
        let file = codes.file.read(code)?;
        Ok(CodeWords {
            file: self.add_quoted(&file)?,
            function: self.add(&function.str()?, false),
            kind: if flags & CO_COROUTINE != 0 {
                FrameKind::Async
            } else if flags & CO_ASYNC_GENERATOR != 0 {
                FrameKind::AsyncGenerator
            } else if flags & CO_GENERATOR != 0 {
                FrameKind::Generator
            } else {
                FrameKind::Sync
            },
        })
    }

    /// Adds a value that is shown by its `repr`.
    fn add_quoted(&mut self, value: &Bound<'py, PyAny>) -> PyResult<Word> {
        if let Ok(text) = value.cast_exact::<PyString>()
            && let Some(text) = utf8(text)
            && text.bytes().all(|byte| matches!(byte, b' '..=b'~'))
        {
            // What Python makes of these is known.
            return Ok(self.push(text, false));
        }
        Ok(self.add(&value.repr()?, true))
    }

    fn add(&mut self, text: &Bound<'py, PyString>, is_literal: bool) -> Word {
        match utf8(text) {
            Some(text) => self.push(text, is_literal),
            None => self.push(&text.to_string_lossy(), is_literal),
        }
    }

    fn push(&mut self, text: &str, is_literal: bool) -> Word {
        let start = self.words.len();
        self.words.push_str(text);
        Word {
            place: start..self.words.len(),
            is_literal,
        }
    }
}

/// The text of a string, `None` where it holds half a surrogate pair.
#[inline]
fn utf8<'a>(text: &'a Bound<'_, PyString>) -> Option<&'a str> {
    let mut size = 0;
    // SAFETY: the interpreter keeps the bytes, which are valid UTF-8, as long as the string.
    unsafe {
        let bytes = cpython::PyUnicode_AsUTF8AndSize(text.as_ptr(), &raw mut size);
        if bytes.is_null() {
            drop(PyErr::take(text.py()));
            return None;
        }
        let bytes = std::slice::from_raw_parts(bytes.cast::<u8>(), usize::try_from(size).ok()?);
        Some(std::str::from_utf8_unchecked(bytes))
    }
}
