//! Where interpreters may be: a variable, pyenv, uv, our cache, PATH.
//!
//! Candidates come in this order, each file once. A version manager's shims
//! are left out: they are scripts that choose an interpreter by the current
//! folder, and what they choose from is found in its own place.

use std::env;
use std::ffi::OsStr;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use anyhow::Result;

use crate::cache;

/// Interpreters that the contributor names.
const VARIABLE: &str = "AWAITGRAPH_PYTHONS";

/// An executable that may be an interpreter.
#[derive(Debug)]
pub(crate) struct Candidate {
    pub(crate) path: PathBuf,
    /// Whether the contributor named it.
    pub(crate) named: bool,
}

/// All candidates of this machine, symbolic links resolved.
pub(crate) fn candidates() -> Result<Vec<Candidate>> {
    let mut candidates = Vec::new();
    let named = env::var_os(VARIABLE).unwrap_or_default();
    for path in env::split_paths(&named).filter(|path| !path.as_os_str().is_empty()) {
        let before = candidates.len();
        if path.is_dir() {
            add_all(&mut candidates, in_installation(&path), true);
            add_all(&mut candidates, in_installations(&path), true);
        } else if path.is_file() {
            add_all(&mut candidates, [path.clone()], true);
        }
        if candidates.len() == before {
            eprintln!("{VARIABLE}: no new interpreter at {}", path.display());
        }
    }
    let path = env::var_os("PATH").unwrap_or_default();
    for versions in pyenv_versions(&path).into_iter().chain(uv_versions()) {
        add_all(&mut candidates, in_installations(&versions), false);
    }
    candidates.extend(fetched()?);
    for folder in env::split_paths(&path).filter(|folder| !is_shims(folder)) {
        add_all(&mut candidates, in_folder(&folder), false);
    }
    Ok(candidates)
}

/// The interpreters that were fetched, now or by an earlier run.
pub(crate) fn fetched() -> Result<Vec<Candidate>> {
    let mut candidates = Vec::new();
    for installation in folders_in(&cache::folder("pythons")?) {
        add_all(
            &mut candidates,
            in_folder(&installation.join("usr/bin")),
            false,
        );
    }
    Ok(candidates)
}

fn add_all(candidates: &mut Vec<Candidate>, paths: impl IntoIterator<Item = PathBuf>, named: bool) {
    for path in paths {
        let Ok(path) = path.canonicalize() else {
            continue;
        };
        if !candidates.iter().any(|it| is_same_file(&it.path, &path)) {
            candidates.push(Candidate { path, named });
        }
    }
}

/// Also where one is a hard link to the other, as CPython installs
/// `python3.13` and `python3.13t`.
fn is_same_file(a: &Path, b: &Path) -> bool {
    let file = |path: &Path| Some(path.metadata().ok()?).map(|it| (it.dev(), it.ino()));
    a == b || file(a).is_some_and(|it| file(b) == Some(it))
}

/// `python3*` of every installation that stands in a folder.
fn in_installations(folder: &Path) -> Vec<PathBuf> {
    folders_in(folder)
        .iter()
        .flat_map(|installation| in_installation(installation))
        .collect()
}

/// `python3*` in a folder itself and in its `bin`.
fn in_installation(folder: &Path) -> Vec<PathBuf> {
    let mut found = in_folder(folder);
    found.extend(in_folder(&folder.join("bin")));
    found
}

fn in_folder(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(folder) else {
        return Vec::new();
    };
    let mut found: Vec<PathBuf> = entries
        .flatten()
        .filter(|entry| is_interpreter_name(&entry.file_name()))
        .map(|entry| entry.path())
        .filter(|path| path.is_file())
        .collect();
    found.sort();
    found
}

fn folders_in(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(folder) else {
        return Vec::new();
    };
    let mut found: Vec<PathBuf> = entries
        .flatten()
        // A hidden one is not finished (see the cache).
        .filter(|entry| !entry.file_name().as_encoded_bytes().starts_with(b"."))
        .map(|entry| entry.path())
        .filter(|path| path.is_dir())
        .collect();
    found.sort();
    found
}

/// `python3`, `python3.13`, `python3.13t`, `python3.14d`; not `python3-config`.
fn is_interpreter_name(name: &OsStr) -> bool {
    let Some(rest) = name.to_str().and_then(|name| name.strip_prefix("python3")) else {
        return false;
    };
    let minor = rest.trim_end_matches(['t', 'd']);
    match minor.strip_prefix('.') {
        Some(digits) => !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit()),
        None => minor.is_empty(),
    }
}

fn is_shims(folder: &Path) -> bool {
    folder.file_name() == Some(OsStr::new("shims"))
}

/// pyenv's folder is in a variable, in its usual place, or beside its shims.
fn pyenv_versions(path: &OsStr) -> Vec<PathBuf> {
    let mut roots: Vec<PathBuf> = env::var_os("PYENV_ROOT")
        .map(PathBuf::from)
        .into_iter()
        .collect();
    roots.extend(env::home_dir().map(|home| home.join(".pyenv")));
    roots.extend(
        env::split_paths(path)
            .filter(|folder| is_shims(folder))
            .filter_map(|folder| folder.parent().map(Path::to_owned)),
    );
    roots
        .into_iter()
        .map(|root| root.join("versions"))
        .collect()
}

fn uv_versions() -> Option<PathBuf> {
    if let Some(folder) = env::var_os("UV_PYTHON_INSTALL_DIR") {
        return Some(PathBuf::from(folder));
    }
    let data = match env::var_os("XDG_DATA_HOME").map(PathBuf::from) {
        Some(path) if path.is_absolute() => path,
        _ => env::home_dir()?.join(".local/share"),
    };
    Some(data.join("uv/python"))
}

#[cfg(test)]
mod tests {
    use std::ffi::OsStr;
    use std::fs;
    use std::os::unix::fs::symlink;
    use std::path::Path;

    use super::{add_all, in_installations, is_interpreter_name, is_shims};

    #[test]
    fn interpreters_are_known_by_name() {
        for name in [
            "python3",
            "python3.8",
            "python3.15",
            "python3.13t",
            "python3.14d",
        ] {
            assert!(is_interpreter_name(OsStr::new(name)), "{name}");
        }
        for name in [
            "python",
            "python2.7",
            "python3-config",
            "python3.11-config",
            "python3.",
            "python3x",
        ] {
            assert!(!is_interpreter_name(OsStr::new(name)), "{name}");
        }
    }

    #[test]
    fn shims_are_known_by_their_folder() {
        assert!(is_shims(Path::new("/home/x/.pyenv/shims")));
        assert!(!is_shims(Path::new("/usr/bin")));
    }

    #[test]
    fn the_names_of_one_file_are_one_candidate() {
        let root = std::env::temp_dir().join(format!("awaitgraph-search-{}", std::process::id()));
        for version in ["3.9.1", "3.10.2", ".unfinished-1-0"] {
            let bin = root.join(version).join("bin");
            fs::create_dir_all(&bin).unwrap();
            fs::write(bin.join("python3.9"), "").unwrap();
            symlink("python3.9", bin.join("python3")).unwrap();
            fs::hard_link(bin.join("python3.9"), bin.join("python3.9t")).unwrap();
            symlink("gone", bin.join("python3.8")).unwrap();
        }
        let mut candidates = Vec::new();
        add_all(&mut candidates, in_installations(&root), false);
        let real = root.canonicalize().unwrap();
        let names: Vec<&Path> = candidates
            .iter()
            .map(|it| it.path.strip_prefix(&real).unwrap())
            .collect();
        assert_eq!(
            names,
            [
                Path::new("3.10.2/bin/python3.9"),
                Path::new("3.9.1/bin/python3.9")
            ]
        );
        fs::remove_dir_all(&root).unwrap();
    }
}
