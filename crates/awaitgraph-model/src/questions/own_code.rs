//! Which frame of a stack the user wrote.
//!
//! A waiting task's innermost frame is nearly always `sleep`, `acquire` or
//! `read` of the standard library, the same for a thousand tasks. What tells
//! them apart is the innermost frame of the program itself.

use crate::graph::{Code, Frame, Graph};

/// Who wrote a piece of code, told by the path of its file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Origin {
    /// The program that is looked at.
    Own,
    /// A package that was installed: below `site-packages` or `dist-packages`.
    Installed,
    /// The standard library of CPython.
    Standard,
}

impl Origin {
    /// The origin of `code`.
    pub fn of(code: &Code) -> Self {
        let file = code.file.as_str();
        // Programs that are packed into one file have the library's paths from
        // within it, as `asyncio/tasks.py`.
        let packed = ["<frozen ", "asyncio/", "concurrent/futures/"];
        if packed.iter().any(|start| file.starts_with(start)) {
            return Self::Standard;
        }
        let mut folders: Vec<&str> = file.split(['/', '\\']).collect();
        folders.pop();
        if folders
            .iter()
            .any(|&folder| matches!(folder, "site-packages" | "dist-packages"))
        {
            return Self::Installed;
        }
        let in_library = folders.windows(2).any(|pair| match pair {
            // A build run from its source tree, and every build on Windows.
            ["Lib", "asyncio"] => true,
            ["lib" | "lib64", versioned] => is_versioned_folder(versioned),
            _ => false,
        });
        if in_library || folders.iter().any(|folder| is_library_archive(folder)) {
            Self::Standard
        } else {
            Self::Own
        }
    }
}

/// Finds the innermost frame of the user's own code in the stacks of one graph.
#[derive(Debug)]
pub struct OwnCode {
    /// The origin of each code of the graph, told once.
    origins: Vec<Origin>,
    /// Which codes are of asyncio itself.
    asyncio: Vec<bool>,
    /// Which are of what runs functions in threads.
    workers: Vec<bool>,
    /// Which were in no file, as what a library makes by `exec` and what is
    /// typed into a console.
    without_file: Vec<bool>,
}

impl OwnCode {
    /// Sorts the code of `graph`.
    pub fn new(graph: &Graph) -> Self {
        Self {
            origins: graph.codes.iter().map(Origin::of).collect(),
            asyncio: graph.codes.iter().map(is_asyncio).collect(),
            workers: graph.codes.iter().map(is_worker).collect(),
            without_file: (graph.codes.iter())
                .map(|code| code.file.starts_with('<') && Origin::of(code) == Origin::Own)
                .collect(),
        }
    }

    /// The innermost frame of the user's own code, of one in a file where there
    /// is one; where there is none, the innermost of an installed package; where
    /// there is none either, the innermost frame. `None` for an empty stack.
    pub fn innermost<'s>(&self, stack: &'s [Frame]) -> Option<&'s Frame> {
        let mut best: Option<((Origin, bool), &Frame)> = None;
        for frame in stack {
            let without_file = self.without_file.get(frame.code.as_usize());
            let rank = (self.origin(frame), without_file == Some(&true));
            if best.is_none_or(|(known, _)| rank < known) {
                best = Some((rank, frame));
            }
            if rank == (Origin::Own, false) {
                break;
            }
        }
        best.map(|(_, frame)| frame)
    }

    /// Whether the frame is one of asyncio itself.
    pub fn is_asyncio(&self, frame: &Frame) -> bool {
        self.asyncio.get(frame.code.as_usize()) == Some(&true)
    }

    /// Whether the frame is one by which a thread of an executor runs whatever
    /// it is given.
    pub fn is_worker(&self, frame: &Frame) -> bool {
        self.workers.get(frame.code.as_usize()) == Some(&true)
    }

    fn origin(&self, frame: &Frame) -> Origin {
        let origin = self.origins.get(frame.code.as_usize());
        origin.copied().unwrap_or(Origin::Standard)
    }
}

/// Whether the code is in the folder `asyncio` of the standard library.
fn is_asyncio(code: &Code) -> bool {
    let mut folders = code.file.rsplit(['/', '\\']).skip(1);
    folders.next() == Some("asyncio") && Origin::of(code) == Origin::Standard
}

/// Whether the code is of the threads of the standard library or of anyio.
fn is_worker(code: &Code) -> bool {
    const FILES: [&str; 3] = [
        "/threading.py",
        "/concurrent/futures/thread.py",
        "/anyio/_backends/_asyncio.py",
    ];
    let mut files = FILES.iter();
    Origin::of(code) != Origin::Own && files.any(|file| code.file.ends_with(file))
}

/// Whether `folder` is named `python3.12`, or `python3.13t` (free-threaded).
fn is_versioned_folder(folder: &str) -> bool {
    folder
        .strip_prefix("python3.")
        .map(|minor| minor.strip_suffix('t').unwrap_or(minor))
        .is_some_and(is_number)
}

/// Whether `name` is `python312.zip`, the library of an embedded interpreter.
fn is_library_archive(name: &str) -> bool {
    name.strip_prefix("python3")
        .and_then(|rest| rest.strip_suffix(".zip"))
        .is_some_and(is_number)
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::Origin::{self, Installed, Own, Standard};
    use crate::graph::Code;

    #[test]
    fn the_path_tells_who_wrote_the_code() {
        for (file, origin) in [
            ("/usr/lib/python3.11/asyncio/tasks.py", Standard),
            ("/opt/py/lib/python3.13t/asyncio/locks.py", Standard),
            ("/usr/lib64/python3.9/contextlib.py", Standard),
            ("/usr/lib/python312.zip/asyncio/tasks.pyc", Standard),
            ("/src/cpython/Lib/asyncio/tasks.py", Standard),
            ("<frozen runpy>", Standard),
            ("asyncio/tasks.py", Standard),
            (
                "/app/.venv/lib/python3.12/site-packages/anyio/_core.py",
                Installed,
            ),
            (
                "/usr/lib/python3/dist-packages/aiohttp/client.py",
                Installed,
            ),
            ("/app/service.py", Own),
            ("service.py", Own),
            ("<string>", Own),
            ("<stdin>", Own),
            ("", Own),
            ("/home/me/lib/python3.x/notes.py", Own),
            ("/home/me/lib/python3.12", Own),
            ("/home/me/site-packages.py", Own),
        ] {
            let code = Code {
                function: "f".to_owned(),
                file: file.to_owned(),
                kind: crate::FrameKind::Async,
            };
            assert_eq!(Origin::of(&code), origin, "{file}");
        }
    }
}
