//! On which objects a function calls a method of some name.
//!
//! ```text
//!   self.lock.release()     load self │ attribute lock │ attribute release
//! ```
//!
//! An instruction is taken for what its operand may mean, and not for what it
//! is: the numbers of instructions change from version to version, and while a
//! program runs. So a way may be found that is not in the function, where two
//! operands happen to be such; one that is there is not missed for it. Where the
//! way then leads to what is asked for, it is how the program writes that.

use std::rc::Rc;

use super::Waits;
use crate::frame::RawFrame;
use crate::layout::{LocalNames, Operand};
use crate::limits;
use crate::map::HashSet;
use crate::object::Reason::Unexpected;
use crate::object::{Fault, Kind};

/// How many attributes may lie between a variable, or a global, and the object.
const MOST_ATTRIBUTES: usize = 4;

/// How a function comes by an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Way {
    from: From,
    /// The names of attributes, nearest to the object first.
    attributes: [Option<u64>; MOST_ATTRIBUTES],
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum From {
    /// The place of a variable.
    Variable(usize),
    /// The name of a global.
    Global(u64),
}

/// What there is to read the instructions of one function.
struct Function {
    pairs: Vec<[u8; 2]>,
    /// What globals and attributes are called.
    names: Vec<u64>,
    variables: usize,
    /// To 3.10: where the cells begin.
    cells: Option<usize>,
}

impl Waits<'_> {
    /// The ways by which the function with this code comes by what it calls each
    /// of the `words` on; `None` for one that it does not speak of.
    pub(super) fn ways_to_called<const N: usize>(
        &self,
        words: [&str; N],
        code: u64,
    ) -> Result<[Option<Rc<[Way]>>; N], Fault> {
        let mut found = [const { None }; N];
        let spoken = self.speaks_of(words, code)?;
        if !spoken.contains(&true) {
            return Ok(found);
        }
        let function = self.function(code)?;
        for ((word, is_spoken), found) in words.iter().zip(spoken).zip(&mut found) {
            if is_spoken {
                let mut ways = Vec::new();
                self.add_ways(&function, word, &mut ways)?;
                *found = Some(self.each_once(ways)?);
            }
        }
        Ok(found)
    }

    /// The ways by which it comes by what it calls any of the `words` on, or
    /// enters by `async with`; but for what it has a name of its own for.
    pub(super) fn ways_to_used<const N: usize>(
        &self,
        words: [&str; N],
        code: u64,
    ) -> Result<Rc<[Way]>, Fault> {
        let function = self.function(code)?;
        let mut ways = Vec::new();
        for word in words {
            self.add_ways(&function, word, &mut ways)?;
        }
        let async_with = self.objects.layout.code.operands.async_with;
        for (place, &[instruction, _]) in function.pairs.iter().enumerate() {
            if instruction == async_with {
                self.add_ways_to(&function, place, [None; MOST_ATTRIBUTES], &mut ways);
            }
        }
        ways.retain(|way| way.attributes != [None; MOST_ATTRIBUTES]);
        self.each_once(ways)
    }

    fn each_once(&self, mut ways: Vec<Way>) -> Result<Rc<[Way]>, Fault> {
        let mut seen = HashSet::default();
        ways.retain(|way| seen.insert(*way));
        self.objects.hold(64 * ways.len() as u64)?;
        Ok(Rc::from(ways))
    }

    fn function(&self, code: u64) -> Result<Function, Fault> {
        let objects = self.objects;
        let names = objects.required(
            code,
            objects.layout.code.mentioned,
            &Unexpected("code without names"),
        )?;
        let cells = match objects.layout.code.local_names {
            LocalNames::Parts { varnames, .. } => {
                let names = objects.required(code, varnames, &Unexpected("code without names"))?;
                Some(objects.length(names)? as usize)
            }
            LocalNames::Whole => None,
        };
        Ok(Function {
            pairs: objects.instruction_pairs(code)?,
            names: objects.tuple(names)?,
            variables: self.frames.count(code)?,
            cells,
        })
    }

    /// Adds the ways to what it calls the word on.
    fn add_ways(&self, function: &Function, word: &str, ways: &mut Vec<Way>) -> Result<(), Fault> {
        let objects = self.objects;
        let operands = &objects.layout.code.operands;
        let mut wanted = Vec::new();
        for (number, &name) in function.names.iter().enumerate() {
            if objects.kind_of(name)? == Kind::Text && objects.text_is(name, word)? {
                wanted.push(number);
            }
        }
        for (place, &[instruction, operand]) in function.pairs.iter().enumerate() {
            for &number in &wanted {
                if instruction == operands.async_with
                    || !is_number(operands.attribute, operand, number)
                {
                    continue;
                }
                // What does not fit into one byte stands in an instruction before.
                let is_long = number << operands.attribute.flags > usize::from(u8::MAX);
                let end = place.saturating_sub(usize::from(is_long));
                self.add_ways_to(function, end, [None; MOST_ATTRIBUTES], ways);
            }
        }
        Ok(())
    }

    /// Adds the ways to what the instructions before `end` load.
    fn add_ways_to(
        &self,
        function: &Function,
        end: usize,
        attributes: [Option<u64>; MOST_ATTRIBUTES],
        ways: &mut Vec<Way>,
    ) {
        let operands = &self.objects.layout.code.operands;
        let mut open = vec![(end, attributes)];
        while let Some((end, attributes)) = open.pop() {
            if ways.len() >= limits::MOST_CALLED {
                return;
            }
            let operand_at = |distance: usize| {
                let place = end.checked_sub(distance)?;
                let &[_, operand] = function.pairs.get(place)?;
                Some(operand)
            };
            let name_at = |operand: Operand| {
                let number = operand_at(1 + operand.caches)? >> operand.flags;
                function.names.get(usize::from(number)).copied()
            };
            if let Some(operand) = operand_at(1).map(usize::from) {
                // From 3.13 one instruction may load two, each by four bits.
                let places = [
                    Some(operand),
                    Some(operand & 15).filter(|&it| it != operand),
                ];
                let cell = function.cells.map(|cells| cells + operand);
                for place in places.into_iter().chain([cell]).flatten() {
                    if place < function.variables {
                        let from = From::Variable(place);
                        ways.push(Way { from, attributes });
                    }
                }
            }
            if let Some(name) = name_at(operands.global) {
                let from = From::Global(name);
                ways.push(Way { from, attributes });
            }
            if let Some(name) = name_at(operands.attribute)
                && let Some(free) = attributes.iter().position(Option::is_none)
            {
                let mut attributes = attributes;
                if let Some(place) = attributes.get_mut(free) {
                    *place = Some(name);
                }
                open.push((
                    end.saturating_sub(1 + operands.attribute.caches),
                    attributes,
                ));
            }
        }
    }

    /// How the program writes it: `state.lock`, `app.db.lock`; with the class of
    /// a method's object in place of its `self`. `None` where it is but a name.
    pub(super) fn written(&self, way: &Way, frame: &RawFrame) -> Result<Option<String>, Fault> {
        let objects = self.objects;
        let text = |name| match objects.kind_of(name)? {
            Kind::Text => objects.text(name),
            _ => Ok(String::new()),
        };
        if way.attributes.iter().all(Option::is_none) {
            return Ok(None);
        }
        let mut written = match way.from {
            From::Global(name) => text(name)?,
            From::Variable(place) => {
                let variables = self.frames.variables(frame.code)?;
                let name = variables.names.get(place).map(|it| String::from(&**it));
                let name = name.unwrap_or_default();
                match objects.variable(frame, place)? {
                    Some(itself) if name == "self" => {
                        let class = objects.type_name(objects.type_of(itself)?.addr)?;
                        class.rsplit('.').next().unwrap_or_default().to_owned()
                    }
                    _ => name,
                }
            }
        };
        for &name in way.attributes.iter().rev().flatten() {
            written.push('.');
            written.push_str(&text(name)?);
        }
        objects.hold(written.len() as u64)?;
        Ok(Some(written))
    }

    /// Where the way leads from this frame.
    pub(super) fn at_end_of(&self, way: &Way, frame: &RawFrame) -> Result<Option<u64>, Fault> {
        let objects = self.objects;
        let start = match way.from {
            From::Variable(place) => objects.variable(frame, place)?,
            From::Global(name) => match objects.globals(frame.addr)? {
                Some(dict) if objects.kind_of(name)? == Kind::Text => {
                    objects.dict_get(dict, &objects.text(name)?)?
                }
                _ => None,
            },
        };
        self.along(way, start)
    }

    /// Where the way leads in a method of `object`, if it begins at its `self`.
    pub(super) fn at_end_from_self(&self, way: &Way, object: u64) -> Result<Option<u64>, Fault> {
        match way.from {
            From::Variable(0) => self.along(way, Some(object)),
            _ => Ok(None),
        }
    }

    fn along(&self, way: &Way, start: Option<u64>) -> Result<Option<u64>, Fault> {
        let mut reached = start;
        for &name in way.attributes.iter().rev().flatten() {
            let Some(object) = reached else {
                return Ok(None);
            };
            let objects = self.objects;
            reached = match objects.kind_of(name)? {
                Kind::Text => objects.attribute_of_any(object, &objects.text(name)?)?,
                _ => None,
            };
        }
        Ok(reached)
    }
}

fn is_number(operand: Operand, found: u8, number: usize) -> bool {
    let mask = usize::from(u8::MAX) >> operand.flags;
    usize::from(found >> operand.flags) == number & mask
}
