//! The futures, tasks among them, that a loop's handles have in hand, and what
//! they will do with them: those of timers, and of descriptors that are watched.
//!
//! ```text
//!   call_later(5, future.set_result, None)     completes it: a sleep
//!   call_later(5, future.cancel)               gives up on what is waited for
//!   call_later(5, self._run, partial(wakes))   one more call below
//!   add_reader(fd, lambda: … future …)         in a closure
//! ```

use super::Waits;
use crate::object::Reason::Unexpected;
use crate::object::{Fault, Kind};

/// How many callables around another are seen through.
const WRAPPERS: usize = 3;
/// How many arguments of a callable are looked at.
const MOST_ARGUMENTS: usize = 16;

/// What a function speaks of that completes a future, and that gives up on one.
const COMPLETES: &str = "set_result";
const GIVES_UP: [&str; 2] = ["cancel", "set_exception"];

/// A future that a handle has in hand.
#[derive(Debug, Clone, Copy)]
pub(super) struct InHand {
    pub(super) future: u64,
    /// Whether it is only cancelled, or failed.
    pub(super) gives_up: bool,
}

/// Whether it is a future, or a task, which is one.
fn is_future(kind: Kind) -> bool {
    matches!(
        kind,
        Kind::Future | Kind::PyFuture | Kind::Task | Kind::PyTask
    )
}

impl Waits<'_> {
    /// The futures that the `Handle` at `addr` has in hand: as arguments, as
    /// what its callback is bound to, or in its callback's closure.
    pub(super) fn futures_of_handle(&self, addr: u64) -> Result<Vec<InHand>, Fault> {
        let names = ["_args", "_callback"];
        let [args, callback] = self.objects.attributes_named(addr, names)?;
        match callback {
            Some(callback) => self.futures_of_call(callback, args),
            None => Ok(Vec::new()),
        }
    }

    /// The same of what is called with the arguments in the tuple `args`.
    pub(super) fn futures_of_call(
        &self,
        callback: u64,
        args: Option<u64>,
    ) -> Result<Vec<InHand>, Fault> {
        let mut found = Vec::new();
        self.add_in_hand(callback, args, WRAPPERS, &mut found)?;
        Ok(found)
    }

    /// The only future that such a call has in hand, as that which ends a sleep: a
    /// function that completes its first argument, and has no other but `None`.
    /// Of any other call this does not tell.
    pub(super) fn only_future_of(
        &self,
        callback: u64,
        args: Option<u64>,
    ) -> Result<Option<u64>, Fault> {
        let objects = self.objects;
        let Some(args) = args else {
            return Ok(None);
        };
        let completes = objects.remembered(&self.completing, callback, || {
            let closure = objects.layout.function.closure;
            Ok(objects.kind_of(callback)? == Kind::Function
                && objects.pointer(callback, closure)?.is_none()
                && !self.function_gives_up(callback)?)
        })?;
        if !completes || objects.kind_of(args)? != Kind::Tuple || objects.length(args)? != 2 {
            return Ok(None);
        }
        let (Some(future), Some(other)) =
            (objects.tuple_item(args, 0)?, objects.tuple_item(args, 1)?)
        else {
            return Ok(None);
        };
        let is_it =
            is_future(objects.kind_of(future)?) && objects.kind_of_shared(other)? == Kind::None;
        Ok(is_it.then_some(future))
    }

    /// Adds those that the callable has that is called with the arguments in the
    /// tuple `args`.
    fn add_in_hand(
        &self,
        callable: u64,
        args: Option<u64>,
        left: usize,
        found: &mut Vec<InHand>,
    ) -> Result<(), Fault> {
        let (objects, layout) = (self.objects, &self.objects.layout);
        let has_future = |value| -> Result<bool, Fault> { Ok(is_future(objects.kind_of(value)?)) };
        let mut futures = Vec::new();
        let mut further = Vec::new();
        if let Some(args) = args
            && objects.kind_of_shared(args)? == Kind::Tuple
        {
            for value in objects.tuple(args)?.into_iter().take(MOST_ARGUMENTS) {
                match objects.kind_of(value)? {
                    kind if is_future(kind) => futures.push(value),
                    Kind::Function | Kind::Method | Kind::Builtin | Kind::Partial => {
                        further.push((value, None));
                    }
                    _ => {}
                }
            }
        }
        let mut function = None;
        match objects.kind_of(callable)? {
            Kind::Builtin => {
                if let Some(itself) = objects.pointer(callable, layout.builtin_self)?
                    && has_future(itself)?
                {
                    futures.push(itself);
                }
            }
            Kind::Method => {
                function = objects.pointer(callable, layout.method.function)?;
                if let Some(itself) = objects.pointer(callable, layout.method.self_)?
                    && has_future(itself)?
                {
                    futures.push(itself);
                }
            }
            Kind::Partial => {
                let inner = objects.pointer(callable, layout.partial.function)?;
                let args = objects.pointer(callable, layout.partial.args)?;
                further.extend(inner.map(|inner| (inner, args)));
            }
            Kind::Function => {
                function = Some(callable);
                if let Some(cells) = objects.pointer(callable, layout.function.closure)? {
                    for cell in objects.tuple(cells)?.into_iter().take(MOST_ARGUMENTS) {
                        if let Some(content) = objects.pointer(cell, layout.cell_content)?
                            && has_future(content)?
                        {
                            futures.push(content);
                        }
                    }
                }
            }
            _ => {}
        }
        if !futures.is_empty() {
            let gives_up = match function {
                Some(function) => self.function_gives_up(function)?,
                None => {
                    objects.kind_of(callable)? == Kind::Builtin
                        && GIVES_UP.contains(&&*objects.builtin_name(callable)?)
                }
            };
            let new = futures
                .into_iter()
                .map(|future| InHand { future, gives_up });
            found.extend(new);
        }
        if let Some(left) = left.checked_sub(1) {
            for (callable, args) in further {
                self.add_in_hand(callable, args, left, found)?;
            }
        }
        Ok(())
    }

    /// Whether all that the function at `addr` does with a future is to give up
    /// on it, by the attributes that it speaks of.
    fn function_gives_up(&self, addr: u64) -> Result<bool, Fault> {
        let objects = self.objects;
        if objects.kind_of(addr)? != Kind::Function {
            return Ok(false);
        }
        let what = &Unexpected("a function without code");
        let code = objects.required(addr, objects.layout.function.code, what)?;
        if let Some(&known) = self.give_up.borrow().get(&code) {
            return Ok(known);
        }
        let [cancel, fail] = GIVES_UP;
        let [completes, cancels, fails] = self.speaks_of([COMPLETES, cancel, fail], code)?;
        let gives_up = !completes && (cancels || fails);
        objects.hold(32)?;
        self.give_up.borrow_mut().insert(code, gives_up);
        Ok(gives_up)
    }
}
