//! The frames of tasks, with their variables by name.

use std::cell::RefCell;
use std::rc::Rc;

use awaitgraph_model::CodeIndex;

use super::roles::{self, Role};
use crate::code::Codes;
use crate::frame::RawFrame;
use crate::map::HashMap;
use crate::object::Reason::Unexpected;
use crate::object::{Fault, Kind, Objects};

/// Of how many code objects the number of variables is at hand.
const RECENT: usize = 64;

/// A code object that was asked for lately.
type Recent = RefCell<Option<(u64, Rc<Variables>)>>;

/// A frame, as it lies in memory and as the graph has it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Level<'a> {
    pub(super) raw: &'a RawFrame,
    pub(super) code: CodeIndex,
}

/// Reads variables of frames; what is the same for all frames of a function is
/// read once.
pub(super) struct Frames<'a> {
    objects: &'a Objects<'a>,
    codes: &'a Codes<'a>,
    variables: RefCell<HashMap<u64, Rc<Variables>>>,
    /// Those of the code objects that were asked for last, each at a place by
    /// its address.
    recent: [Recent; RECENT],
    /// By code index: whether it was looked at, and what it is.
    roles: RefCell<Vec<Option<Option<Role>>>>,
    /// By code index: whether it is asyncio's, where that was asked for.
    asyncio: RefCell<Vec<Option<bool>>>,
}

/// Where a frame has its `self`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Itself {
    /// In its first variable, and not in a cell.
    First,
    Elsewhere,
    /// Its function has no such variable.
    Missing,
}

/// The variables of a code object.
#[derive(Debug)]
pub(super) struct Variables {
    pub(super) names: Vec<Box<str>>,
    /// Which are called `self`.
    itself: Vec<usize>,
}

impl Variables {
    /// Which ones have this name: to 3.10 an argument that an inner function
    /// uses has two places, and is in the second, its cell (`Python/ceval.c`,
    /// "Allocate and initialize storage for cell vars").
    fn places(&self, name: &str) -> impl Iterator<Item = usize> {
        let all = self.names.iter().enumerate();
        all.filter(move |(_, it)| ***it == *name)
            .map(|(place, _)| place)
    }
}

impl<'a> Frames<'a> {
    pub(super) fn new(objects: &'a Objects<'a>, codes: &'a Codes<'a>) -> Self {
        Self {
            objects,
            codes,
            variables: RefCell::default(),
            recent: [const { RefCell::new(None) }; RECENT],
            roles: RefCell::default(),
            asyncio: RefCell::default(),
        }
    }

    /// The variables of the code object at `addr`.
    pub(super) fn variables(&self, addr: u64) -> Result<Rc<Variables>, Fault> {
        let recent = self.recent_at(addr);
        if let Some(recent) = recent
            && let Some((known, variables)) = &*recent.borrow()
            && *known == addr
        {
            return Ok(Rc::clone(variables));
        }
        let variables = self.variables_of(addr)?;
        if let Some(recent) = recent {
            recent.replace(Some((addr, Rc::clone(&variables))));
        }
        Ok(variables)
    }

    fn recent_at(&self, addr: u64) -> Option<&Recent> {
        self.recent.get((addr >> 5) as usize % RECENT)
    }

    fn variables_of(&self, addr: u64) -> Result<Rc<Variables>, Fault> {
        if let Some(known) = self.variables.borrow().get(&addr) {
            return Ok(Rc::clone(known));
        }
        let objects = self.objects;
        let mut names = Vec::new();
        for name in objects.variable_names(addr)? {
            objects.hold(64)?;
            names.push(match objects.kind_of(name)? {
                Kind::Text => objects.text(name)?.into_boxed_str(),
                _ => Box::default(),
            });
        }
        let mut variables = Variables {
            names,
            itself: Vec::new(),
        };
        variables.itself = variables.places("self").collect();
        let variables = Rc::new(variables);
        self.variables
            .borrow_mut()
            .insert(addr, Rc::clone(&variables));
        Ok(variables)
    }

    /// How many variables the code object at `addr` has.
    pub(super) fn count(&self, addr: u64) -> Result<usize, Fault> {
        if let Some(recent) = self.recent_at(addr)
            && let Some((known, variables)) = &*recent.borrow()
            && *known == addr
        {
            return Ok(variables.names.len());
        }
        Ok(self.variables(addr)?.names.len())
    }

    /// The value of the variable of this name; `None` where the frame has none,
    /// or it is `None`.
    pub(super) fn variable(&self, frame: &RawFrame, name: &str) -> Result<Option<u64>, Fault> {
        if !frame.has_variables() {
            return Ok(None);
        }
        for place in self.variables(frame.code)?.places(name) {
            let found = self.objects.variable_but_none(frame, place)?;
            if found.is_some() {
                return Ok(found);
            }
        }
        Ok(None)
    }

    /// The value of `self`, which most functions that are known have.
    pub(super) fn itself(&self, frame: &RawFrame) -> Result<Option<u64>, Fault> {
        if !frame.has_variables() {
            return Ok(None);
        }
        let recent = self.recent_at(frame.code).map(RefCell::borrow);
        if let Some(Some((known, variables))) = recent.as_deref()
            && *known == frame.code
        {
            return self.first_of(frame, &variables.itself);
        }
        drop(recent);
        self.first_of(frame, &self.variables(frame.code)?.itself)
    }

    /// Where it has that.
    pub(super) fn has_itself(&self, frame: &RawFrame) -> Result<Itself, Fault> {
        if !frame.has_variables() {
            return Ok(Itself::Elsewhere);
        }
        let variables = self.variables(frame.code)?;
        Ok(match *variables.itself {
            [] => Itself::Missing,
            [0] if frame.first != 0 && self.itself(frame)? == Some(frame.first_object()) => {
                Itself::First
            }
            _ => Itself::Elsewhere,
        })
    }

    /// The only variable of this name of the code object at `addr`.
    pub(super) fn only_place(&self, addr: u64, name: &str) -> Result<Option<usize>, Fault> {
        let variables = self.variables(addr)?;
        let mut places = variables.places(name);
        Ok(places.next().filter(|_| places.next().is_none()))
    }

    /// The first of these variables that there is.
    fn first_of(&self, frame: &RawFrame, places: &[usize]) -> Result<Option<u64>, Fault> {
        for &place in places {
            let found = self.objects.variable_but_none(frame, place)?;
            if found.is_some() {
                return Ok(found);
            }
        }
        Ok(None)
    }

    /// The attribute of this name; `None` where there is none, or it is `None`.
    pub(super) fn attribute(&self, addr: u64, name: &'static str) -> Result<Option<u64>, Fault> {
        self.not_none(self.objects.attribute(addr, name)?)
    }

    /// The attribute of this name, where it is an int of no more than 60 bits.
    pub(super) fn int(&self, addr: u64, name: &'static str) -> Result<Option<i64>, Fault> {
        match self.objects.attribute(addr, name)? {
            Some(value) => self.as_int(value),
            None => Ok(None),
        }
    }

    /// The int at `addr`, where it is one of no more than 60 bits.
    pub(super) fn as_int(&self, addr: u64) -> Result<Option<i64>, Fault> {
        if self.objects.kind_of_shared(addr)? != Kind::Int {
            return Ok(None);
        }
        match self.objects.int(addr) {
            Ok(value) => Ok(Some(value)),
            // No number of anything; `sys.maxsize` stands for no bound.
            Err(fault) if matches!(fault.reason(), Unexpected(_)) => Ok(None),
            Err(fault) => Err(fault),
        }
    }

    /// How many items the attribute of this name has.
    pub(super) fn length(&self, addr: u64, name: &'static str) -> Result<Option<u64>, Fault> {
        match self.objects.attribute(addr, name)? {
            Some(value) => Ok(Some(self.objects.length(value)?)),
            None => Ok(None),
        }
    }

    /// What the frame's function waits for, if it is known.
    pub(super) fn role(&self, code: CodeIndex) -> Option<Role> {
        let place = code.as_usize();
        if let Some(&Some(known)) = self.roles.borrow().get(place) {
            return known;
        }
        let role = self.codes.with(code, roles::of)?;
        let mut roles = self.roles.borrow_mut();
        if roles.len() <= place {
            roles.resize(place + 1, None);
        }
        if let Some(known) = roles.get_mut(place) {
            *known = Some(role);
        }
        role
    }

    /// Whether the frame's function is one of asyncio's own.
    pub(super) fn is_asyncio(&self, code: CodeIndex) -> bool {
        let place = code.as_usize();
        if let Some(&Some(known)) = self.asyncio.borrow().get(place) {
            return known;
        }
        let is_it = self.codes.with(code, roles::is_asyncio) == Some(true);
        let mut asyncio = self.asyncio.borrow_mut();
        if asyncio.len() <= place {
            asyncio.resize(place + 1, None);
        }
        if let Some(known) = asyncio.get_mut(place) {
            *known = Some(is_it);
        }
        is_it
    }

    /// Whether the frame's function is one of an installed package.
    pub(super) fn is_installed(&self, code: CodeIndex) -> bool {
        let is_it = (self.codes).with(code, |code| {
            let mut folders = code.file.split('/');
            folders.any(|it| matches!(it, "site-packages" | "dist-packages"))
        });
        is_it == Some(true)
    }

    /// Whether the frame's function has this plain name.
    pub(super) fn is_named(&self, code: CodeIndex, name: &str) -> bool {
        let is_it = (self.codes).with(code, |code| code.function.rsplit('.').next() == Some(name));
        is_it == Some(true)
    }

    /// Whether the frame's function is one of `module` with this plain name.
    pub(super) fn is(&self, code: CodeIndex, module: &str, name: &str) -> bool {
        let is_it = self.codes.with(code, |code| {
            code.function.rsplit('.').next() == Some(name) && roles::is_of(code, module)
        });
        is_it == Some(true)
    }

    pub(super) fn not_none(&self, addr: Option<u64>) -> Result<Option<u64>, Fault> {
        match addr {
            Some(addr) if self.objects.kind_of_shared(addr)? == Kind::None => Ok(None),
            addr => Ok(addr),
        }
    }
}
