//! What directly waits for one future, from all that tells.

use std::cmp::Ordering;

use awaitgraph_model::natural_order;
use pyo3::prelude::*;

use crate::callback::Waiter;
use crate::future::{Futures, Recorded, Shape};
use crate::interpreter::Interpreter;
use crate::record;
use crate::reference::Ref;

/// Gives what waits for a future, as its callbacks tell, to `each`.
#[inline]
pub(super) fn in_callbacks<'py>(
    interpreter: &Interpreter,
    future: &Bound<'py, PyAny>,
    shape: Shape,
    mut each: impl FnMut(Waiter<'py>) -> PyResult<()>,
) -> PyResult<()> {
    let Interpreter {
        futures, callbacks, ..
    } = interpreter;
    let follow = |callback: &Bound<'py, PyAny>| callbacks.follow(callback, futures, &mut each);
    match shape {
        Shape::Task | Shape::Plain => futures.callbacks(future, follow),
        Shape::Concurrent => futures.callbacks_of_concurrent(future, follow),
    }
}

/// Gives what waits for a future, as the interpreter and the program have
/// recorded it, to `each`.
#[inline]
pub(super) fn on_record<'py>(
    interpreter: &Interpreter,
    future: &Bound<'py, PyAny>,
    shape: Shape,
    mut each: impl FnMut(Waiter<'py>),
) -> PyResult<()> {
    if shape == Shape::Concurrent {
        return Ok(());
    }
    let futures = &interpreter.futures;
    let waiter = |object: Ref<'py>| match futures.shape_of(&object) {
        Some(shape @ (Shape::Task | Shape::Plain)) => Some(Waiter { object, shape }),
        Some(Shape::Concurrent) | None => None,
    };
    match futures.recorded(future)? {
        Recorded::Nobody => {}
        Recorded::One(object) => waiter(object).into_iter().for_each(&mut each),
        Recorded::Several(set) => {
            let objects = set.try_iter()?.collect::<PyResult<Vec<_>>>()?;
            let mut waiters: Vec<_> = objects
                .into_iter()
                .map(Ref::from)
                .filter_map(waiter)
                .collect();
            // They come in the order of their addresses.
            sort_by_name(futures, &mut waiters);
            waiters.into_iter().for_each(&mut each);
        }
    }
    let by_hand = record::waiters(future).into_iter().map(Ref::from);
    by_hand.filter_map(waiter).for_each(each);
    Ok(())
}

/// Puts waiters into an order that is the same in every run: tasks by name, as
/// people list names, then futures.
pub(crate) fn sort_by_name(futures: &Futures, waiters: &mut [Waiter<'_>]) {
    waiters.sort_by_cached_key(|waiter| {
        let name = (waiter.shape == Shape::Task).then(|| futures.own_name_of(&waiter.object));
        (Named(name.flatten()), waiter.object.as_ptr() as usize)
    });
}

/// A name, or none: those come last.
#[derive(PartialEq, Eq)]
struct Named(Option<String>);

impl Ord for Named {
    fn cmp(&self, other: &Self) -> Ordering {
        match (&self.0, &other.0) {
            (Some(a), Some(b)) => natural_order(a, b),
            (a, b) => b.is_some().cmp(&a.is_some()),
        }
    }
}

impl PartialOrd for Named {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}
