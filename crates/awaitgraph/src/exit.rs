//! What the program's exit code says.

/// How a run of the program ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum ExitCode {
    /// All was read.
    Complete = 0,
    /// Nothing could be read.
    Nothing = 1,
    /// The arguments are wrong.
    Usage = 2,
    /// Something was read, with problems.
    Problems = 3,
    /// Something is wrong in the process.
    Findings = 4,
}

impl From<ExitCode> for std::process::ExitCode {
    fn from(code: ExitCode) -> Self {
        Self::from(code as u8)
    }
}
