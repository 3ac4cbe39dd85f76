//! Versions of CPython, in the order in which they were released.
//!
//! A release candidate comes before its release, so the newest of several
//! interpreters is the greatest version.

use std::fmt;

use anyhow::{Context, Result, bail};

/// The minor versions that awaitgraph reads, as in "3.MINOR".
pub(crate) const MINORS: std::ops::RangeInclusive<u32> = 8..=15;

/// Those of them that can be built without the GIL, from `Py_GIL_DISABLED` on.
pub(crate) const FREE_THREADED: std::ops::RangeInclusive<u32> = 13..=15;

/// A version such as 3.14.10 or 3.15.0rc1.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Version {
    pub(crate) major: u32,
    pub(crate) minor: u32,
    pub(crate) micro: u32,
    level: Level,
    serial: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Level {
    Alpha,
    Beta,
    Candidate,
    Final,
}

impl Version {
    /// Reads the fields of `sys.version_info` as Python prints them: `3 15 0 candidate 1`.
    pub(crate) fn from_version_info(fields: &str) -> Result<Self> {
        let parts: Vec<&str> = fields.split(' ').collect();
        let [major, minor, micro, level, serial] = parts.as_slice() else {
            bail!("not a version_info: {fields:?}");
        };
        let number = |text: &str| {
            text.parse::<u32>()
                .with_context(|| format!("not a version_info: {fields:?}"))
        };
        Ok(Self {
            major: number(major)?,
            minor: number(minor)?,
            micro: number(micro)?,
            level: match *level {
                "alpha" => Level::Alpha,
                "beta" => Level::Beta,
                "candidate" => Level::Candidate,
                "final" => Level::Final,
                other => bail!("not a release level: {other:?}"),
            },
            serial: number(serial)?,
        })
    }

    /// Whether awaitgraph reads this version.
    pub(crate) fn is_supported(&self) -> bool {
        self.major == 3 && MINORS.contains(&self.minor)
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.major, self.minor, self.micro)?;
        match self.level {
            Level::Alpha => write!(f, "a{}", self.serial),
            Level::Beta => write!(f, "b{}", self.serial),
            Level::Candidate => write!(f, "rc{}", self.serial),
            Level::Final => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Version;

    fn version(fields: &str) -> Version {
        Version::from_version_info(fields).unwrap()
    }

    #[test]
    fn is_shown_as_python_shows_it() {
        assert_eq!(version("3 14 10 final 0").to_string(), "3.14.10");
        assert_eq!(version("3 15 0 candidate 1").to_string(), "3.15.0rc1");
        assert_eq!(version("3 15 0 alpha 7").to_string(), "3.15.0a7");
    }

    #[test]
    fn a_candidate_is_older_than_its_release() {
        assert!(version("3 15 0 candidate 2") < version("3 15 0 final 0"));
        assert!(version("3 9 18 final 0") < version("3 10 0 alpha 1"));
    }

    #[test]
    fn only_the_read_versions_are_supported() {
        assert!(!version("3 7 16 final 0").is_supported());
        assert!(version("3 8 18 final 0").is_supported());
        assert!(version("3 15 2 final 0").is_supported());
        assert!(!version("3 16 0 alpha 1").is_supported());
        assert!(!version("2 7 18 final 0").is_supported());
    }

    #[test]
    fn what_is_no_version_is_refused() {
        for fields in [
            "",
            "3 14",
            "3 14 x final 0",
            "3 14 0 gamma 0",
            "3 14 0 final 0 0",
        ] {
            assert!(Version::from_version_info(fields).is_err(), "{fields:?}");
        }
    }
}
