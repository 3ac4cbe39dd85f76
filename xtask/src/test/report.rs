//! What a run of all tests says at its end.

use anyhow::{Result, bail};

use crate::pythons::probe::Interpreter;
use crate::version::{FREE_THREADED, MINORS};

/// Collected while the runners run, so that nothing of it scrolls away.
#[derive(Default)]
pub(crate) struct Report {
    /// Each runner's own last words.
    closings: Vec<(String, String)>,
    /// What could not be tested, and why.
    gaps: Vec<String>,
    failed: Vec<String>,
}

impl Report {
    /// A runner's own closing line.
    pub(crate) fn closing(&mut self, runner: &str, line: &str) {
        self.closings.push((runner.to_owned(), line.to_owned()));
    }

    /// Something that this machine has no means to test.
    pub(crate) fn gap(&mut self, what: String) {
        self.gaps.push(what);
    }

    /// A runner that ended with a failure.
    pub(crate) fn failure(&mut self, runner: &str) {
        self.failed.push(runner.to_owned());
    }

    /// Prints all of it; the last lines tell the minor versions, and those
    /// without the GIL.
    pub(crate) fn print(&self, tested: &[&Interpreter]) {
        println!("\n{}", self.text(tested));
    }

    /// An error if a runner failed.
    pub(crate) fn verdict(&self) -> Result<()> {
        if !self.failed.is_empty() {
            bail!("failed: {}", self.failed.join(", "));
        }
        Ok(())
    }

    fn text(&self, tested: &[&Interpreter]) -> String {
        let mut lines = Vec::new();
        let width = self
            .closings
            .iter()
            .map(|(runner, _)| runner.len())
            .max()
            .unwrap_or(0);
        for (runner, line) in &self.closings {
            lines.push(format!("{runner:width$}  {line}"));
        }
        lines.extend(self.gaps.iter().map(|gap| format!("not tested: {gap}")));
        let plain = MINORS.map(|minor| (minor, ""));
        for (minor, kind) in plain.chain(FREE_THREADED.map(|minor| (minor, "t"))) {
            let versions: Vec<String> = tested
                .iter()
                .filter(|it| it.version.minor == minor && it.kind() == kind)
                .map(|it| it.version.to_string())
                .collect();
            let name = format!("CPython 3.{minor}{kind}");
            lines.push(if versions.is_empty() {
                format!("{name:13}  missing")
            } else {
                format!("{name:13}  tested  {}", versions.join(", "))
            });
        }
        lines.join("\n")
    }
}

#[cfg(test)]
mod tests {
    use super::Report;
    use crate::pythons::probe::Interpreter;

    #[test]
    fn ends_with_a_line_for_each_minor_version_and_those_without_the_gil() {
        let mut report = Report::default();
        report.closing("model unittests", "test result: ok. 3 passed");
        report.closing("pytest 3.9.18", "1 failed in 0.1s");
        report.failure("pytest 3.9.18");
        report.gap("uvloop on 3.15.2: there is no wheel".to_owned());
        let old = Interpreter::for_test("3 11 2 final 0", "", "/a");
        let new = Interpreter::for_test("3 11 7 final 0", "", "/b");
        let nine = Interpreter::for_test("3 9 18 final 0", "", "/c");
        let expected = "\
model unittests  test result: ok. 3 passed
pytest 3.9.18    1 failed in 0.1s
not tested: uvloop on 3.15.2: there is no wheel
CPython 3.8    missing
CPython 3.9    tested  3.9.18
CPython 3.10   missing
CPython 3.11   tested  3.11.2, 3.11.7
CPython 3.12   missing
CPython 3.13   missing
CPython 3.14   missing
CPython 3.15   missing
CPython 3.13t  tested  3.13.15
CPython 3.14t  missing
CPython 3.15t  missing";
        let free_threaded = Interpreter::for_test("3 13 15 final 0", "t", "/d");
        let tested = [&nine, &old, &new, &free_threaded];
        assert_eq!(report.text(&tested), expected);
        assert_eq!(
            report.verdict().unwrap_err().to_string(),
            "failed: pytest 3.9.18"
        );
    }

    #[test]
    fn nothing_failed_is_no_error() {
        assert!(Report::default().verdict().is_ok());
    }
}
