//! How the tests of this run have ended: what is said to be supported is what
//! has passed.

use std::collections::BTreeMap;
use std::sync::Mutex;

use libtest_mimic::{Failed, Trial};

/// By name: whether the test has passed.
static OUTCOMES: Mutex<BTreeMap<String, bool>> = Mutex::new(BTreeMap::new());

/// A test of which it is kept how it ended.
pub(crate) fn trial(
    name: impl Into<String>,
    run: impl FnOnce() -> Result<(), Failed> + Send + 'static,
) -> Trial {
    let name = name.into();
    Trial::test(name.clone(), move || {
        // Kept before it runs, too: it may panic.
        keep(&name, false);
        let result = run();
        keep(&name, result.is_ok());
        result
    })
}

fn keep(name: &str, has_passed: bool) {
    OUTCOMES.lock().unwrap().insert(name.to_owned(), has_passed);
}

/// Those that have run.
pub(crate) fn all() -> BTreeMap<String, bool> {
    OUTCOMES.lock().unwrap().clone()
}
