//! Code objects: the names that frames show, and the lines that they are at.

mod lines;

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use awaitgraph_model::{Code, CodeIndex, CodeTable, Frame, FrameKind};

use crate::layout::Instructions;
use crate::limits;
use crate::map::{HashMap, HashSet};
use crate::object::Reason::Unexpected;
use crate::object::{Fault, Kind, Objects, fault};

/// `Include/cpython/code.h`.
const CO_GENERATOR: u32 = 0x20;
const CO_COROUTINE: u32 = 0x80;
const CO_ASYNC_GENERATOR: u32 = 0x200;

/// The code objects of a target, each read once.
pub(crate) struct Codes<'a> {
    objects: &'a Objects<'a>,
    table: RefCell<CodeTable>,
    known: RefCell<HashMap<u64, Rc<CodeObject>>>,
    /// By code object and, where names belong to generators, the generator's name.
    indices: RefCell<HashMap<(u64, u64), CodeIndex>>,
    lines: RefCell<HashMap<(u64, i64), Option<u32>>>,
    /// Frames that were asked for lately, by code object and offset, each at a
    /// place that these give.
    recent: [Cell<Option<(u64, i64, Frame)>>; RECENT],
}

/// How many frames are at hand without a hash: so many that those in which
/// thousands of tasks are most likely have a place each.
const RECENT: usize = 64;

/// What we keep of a code object.
struct CodeObject {
    kind: FrameKind,
    file: String,
    name: String,
    first_line: u32,
    line_table: Vec<u8>,
}

impl<'a> Codes<'a> {
    pub(crate) fn new(objects: &'a Objects<'a>) -> Self {
        Self {
            objects,
            table: RefCell::default(),
            known: RefCell::default(),
            indices: RefCell::default(),
            lines: RefCell::default(),
            recent: [const { Cell::new(None) }; RECENT],
        }
    }

    /// Has what frames in these code objects are told by asked for together: each
    /// of it lies somewhere else.
    pub(crate) fn expect(&self, mut addrs: Vec<u64>) {
        addrs.sort_unstable();
        addrs.dedup();
        addrs.truncate(limits::MOST_CODES_AT_ONCE);
        self.objects.expect(&addrs);
        let layout = &self.objects.layout.code;
        let name = layout.qualname.unwrap_or(layout.name);
        let mut parts = Vec::new();
        for addr in addrs {
            for part in [layout.line_table, layout.filename, name] {
                // What cannot be read is met by whoever needs it.
                parts.extend(self.objects.pointer(addr, part).ok().flatten());
            }
        }
        self.objects.expect(&parts);
    }

    /// The frame that executes the code object at `addr`, at `offset` bytes of
    /// its instructions (negative: it has not begun).
    ///
    /// `qualname` is the generator's where the code object has none (to 3.10).
    pub(crate) fn frame(
        &self,
        addr: u64,
        offset: i64,
        qualname: Option<u64>,
    ) -> Result<Frame, Fault> {
        // Where the name is the generator's, the code object alone does not tell it.
        let place = (addr >> 5 ^ offset.cast_unsigned()) as usize % RECENT;
        let recent = self.recent.get(place).filter(|_| qualname.is_none());
        if let Some(recent) = recent
            && let Some((known, at, frame)) = recent.get()
            && (known, at) == (addr, offset)
        {
            return Ok(frame);
        }
        let frame = self.any_frame(addr, offset, qualname)?;
        if let Some(recent) = recent {
            recent.set(Some((addr, offset, frame)));
        }
        Ok(frame)
    }

    fn any_frame(&self, addr: u64, offset: i64, qualname: Option<u64>) -> Result<Frame, Fault> {
        let code = self.index(addr, qualname)?;
        if let Some(&line) = self.lines.borrow().get(&(addr, offset)) {
            return Ok(Frame { code, line });
        }
        let object = self.object(addr)?;
        let form = self.objects.layout.code.line_table_form;
        self.objects.spend(object.line_table.len() as u64 / 8)?;
        let line = lines::line_at(form, &object.line_table, object.first_line, offset);
        self.lines.borrow_mut().insert((addr, offset), line);
        Ok(Frame { code, line })
    }

    /// The frame of a compiled function whose qualified name is at `name`, and
    /// whose code object is at `addr`, if it has one. Its line is not known:
    /// that is in its machine code.
    pub(crate) fn compiled(&self, addr: u64, name: u64, kind: FrameKind) -> Result<Frame, Fault> {
        let key = (addr, name);
        if let Some(&code) = self.indices.borrow().get(&key) {
            return Ok(Frame { code, line: None });
        }
        let file = match addr {
            0 => String::new(),
            addr => self.object(addr)?.file.clone(),
        };
        let code = Code {
            function: self.objects.text(name)?,
            file,
            kind,
        };
        let code = self.table.borrow_mut().intern(code);
        self.indices.borrow_mut().insert(key, code);
        Ok(Frame { code, line: None })
    }

    /// The qualified name of the code object at `addr`, or its name where it
    /// has no other.
    pub(crate) fn name(&self, addr: u64) -> Result<String, Fault> {
        Ok(self.object(addr)?.name.clone())
    }

    /// The file that the code object at `addr` says it is from.
    pub(crate) fn file(&self, addr: u64) -> Result<String, Fault> {
        Ok(self.object(addr)?.file.clone())
    }

    /// What `look` sees in one of the codes so far.
    pub(crate) fn with<T>(&self, index: CodeIndex, look: impl FnOnce(&Code) -> T) -> Option<T> {
        self.table.borrow().codes().get(index.as_usize()).map(look)
    }

    /// All code objects that a frame was asked for.
    pub(crate) fn into_codes(self) -> Vec<Code> {
        self.table.into_inner().into_codes()
    }

    /// Those of the codes so far for which `wanted` says yes.
    pub(crate) fn matching(&self, wanted: impl Fn(&Code) -> bool) -> HashSet<CodeIndex> {
        let table = self.table.borrow();
        let codes = table.codes().iter().enumerate();
        codes
            .filter(|(_, code)| wanted(code))
            .map(|(position, _)| CodeIndex::from_usize(position))
            .collect()
    }

    fn index(&self, addr: u64, qualname: Option<u64>) -> Result<CodeIndex, Fault> {
        let own_name = self.objects.layout.code.qualname.is_some();
        let qualname = qualname.filter(|_| !own_name);
        let key = (addr, qualname.unwrap_or(0));
        if let Some(&index) = self.indices.borrow().get(&key) {
            return Ok(index);
        }
        let object = self.object(addr)?;
        let function = match qualname {
            Some(qualname) if self.objects.kind_of(qualname)? == Kind::Text => {
                let qualname = self.objects.text(qualname)?;
                // `functools.wraps` gives a wrapper's generators another function's.
                let last = qualname.rsplit('.').next();
                if last == Some(&object.name) {
                    qualname
                } else {
                    object.name.clone()
                }
            }
            _ => object.name.clone(),
        };
        let code = Code {
            function,
            file: object.file.clone(),
            kind: object.kind,
        };
        let index = self.table.borrow_mut().intern(code);
        self.indices.borrow_mut().insert(key, index);
        Ok(index)
    }

    fn object(&self, addr: u64) -> Result<Rc<CodeObject>, Fault> {
        if let Some(known) = self.known.borrow().get(&addr) {
            return Ok(Rc::clone(known));
        }
        let object = Rc::new(self.read(addr)?);
        self.known.borrow_mut().insert(addr, Rc::clone(&object));
        Ok(object)
    }

    fn read(&self, addr: u64) -> Result<CodeObject, Fault> {
        let (objects, layout) = (self.objects, &self.objects.layout.code);
        if objects.kind_of(addr)? != Kind::Code {
            return fault(addr, &Unexpected("not a code object"));
        }
        let text = |offset, what| {
            let text = objects.required(addr, offset, what)?;
            match objects.kind_of(text)? {
                Kind::Text => objects.text(text),
                _ => fault(addr, what),
            }
        };
        let table = objects.required(
            addr,
            layout.line_table,
            &Unexpected("code without a line table"),
        )?;
        if objects.kind_of(table)? != Kind::Bytes {
            return fault(addr, &Unexpected("code whose line table is not bytes"));
        }
        let flags = objects.u32(addr, layout.flags)?;
        let kind = match flags {
            _ if flags & CO_ASYNC_GENERATOR != 0 => FrameKind::AsyncGenerator,
            _ if flags & CO_COROUTINE != 0 => FrameKind::Async,
            _ if flags & CO_GENERATOR != 0 => FrameKind::Generator,
            _ => FrameKind::Sync,
        };
        Ok(CodeObject {
            kind,
            file: text(
                layout.filename,
                &Unexpected("code whose file name is not a str"),
            )?,
            name: text(
                layout.qualname.unwrap_or(layout.name),
                &Unexpected("code whose name is not a str"),
            )?,
            first_line: objects.u32(addr, layout.firstlineno)?,
            line_table: objects.byte_string(table, limits::LONGEST_LINE_TABLE)?,
        })
    }
}

impl Objects<'_> {
    /// Where the instructions of the code object at `addr` begin.
    pub(crate) fn instructions(&self, addr: u64) -> Result<u64, Fault> {
        match self.layout.code.instructions {
            Instructions::Inline(offset) => Ok(addr.wrapping_add(offset)),
            Instructions::Bytes(offset) => {
                let bytes =
                    self.required(addr, offset, &Unexpected("code without instructions"))?;
                Ok(bytes.wrapping_add(self.layout.bytes_data))
            }
        }
    }

    /// The instructions of the code object at `addr`, the first of them where
    /// there are very many: pairs of a number and an operand.
    pub(crate) fn instruction_pairs(&self, addr: u64) -> Result<Vec<[u8; 2]>, Fault> {
        let header = self.layout.object.header;
        let length = match self.layout.code.instructions {
            // `_PyCode_NBYTES`: two bytes for each.
            Instructions::Inline(_) => self.u64(addr, header)?.saturating_mul(2),
            Instructions::Bytes(offset) => {
                let bytes =
                    self.required(addr, offset, &Unexpected("code without instructions"))?;
                self.u64(bytes, header)?
            }
        };
        let length = length.min(limits::LONGEST_CODE);
        self.hold(length)?;
        let mut bytes = vec![0; length as usize];
        self.fill(self.instructions(addr)?, &mut bytes)?;
        Ok(bytes.as_chunks().0.to_vec())
    }
}
