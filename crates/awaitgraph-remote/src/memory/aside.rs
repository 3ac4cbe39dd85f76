//! A thread aside, and what it is asked to do.
//!
//! Another thread may have to wait for a processor longer than all of it takes.
//! So what it has not begun can be taken back: whoever needs the result waits
//! only where it is being worked on.

use std::sync::mpsc::{self, Receiver};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::messages::receive;

/// A thread that does what it is given, one after the other.
pub(crate) trait Aside {
    /// Has `job` done some time, unless there is no such thread: then it is dropped.
    fn run(&self, job: Job);
}

/// What a thread aside can do.
pub(crate) type Job = Box<dyn FnOnce() + Send>;

/// Something that a thread has been asked to do.
pub(crate) struct Errand<T> {
    /// What is to be done, until somebody does it.
    todo: Arc<Mutex<Option<Todo<T>>>>,
    done: Receiver<T>,
}

type Todo<T> = Box<dyn FnOnce() -> T + Send>;

impl<T: Send + 'static> Errand<T> {
    /// Asks for the result of `todo`.
    pub(crate) fn new(todo: impl FnOnce() -> T + Send + 'static) -> (Self, Job) {
        let (give, done) = mpsc::sync_channel(1);
        let todo: Todo<T> = Box::new(todo);
        let todo = Arc::new(Mutex::new(Some(todo)));
        let theirs = Arc::clone(&todo);
        let job: Job = Box::new(move || {
            // The lock is not held while it is done.
            let todo = lock(&theirs).take();
            if let Some(todo) = todo {
                let _ = give.send(todo());
            }
        });
        (Self { todo, done }, job)
    }

    /// The result, unless nobody has begun with it: then nobody will. `None` too
    /// where whoever did it has failed.
    pub(crate) fn result_if_begun(self) -> Option<T> {
        let todo = lock(&self.todo).take();
        match todo {
            Some(_) => None,
            None => receive(&self.done).ok(),
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_nobody_began_is_not_waited_for() {
        let (errand, job) = Errand::new(|| 7);
        assert_eq!(errand.result_if_begun(), None);
        // Now there is nothing left to do.
        job();
    }

    #[test]
    fn what_was_done_is_had_from_whoever_did_it() {
        let (errand, job) = Errand::new(|| 7);
        std::thread::spawn(job).join().unwrap();
        assert_eq!(errand.result_if_begun(), Some(7));
    }

    #[test]
    fn a_thread_that_fails_is_no_reason_to_wait() {
        let (errand, job) = Errand::new(|| -> u8 { std::panic::resume_unwind(Box::new(())) });
        assert!(std::thread::spawn(job).join().is_err());
        assert_eq!(errand.result_if_begun(), None);
    }
}
