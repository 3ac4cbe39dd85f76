//! One reading of one process, whatever its bytes come from.

use awaitgraph_model::{Graph, Problem, Target};

use crate::error::Error;
use crate::memory::Memory;
use crate::process::{Around, Runtime};
use crate::snapshot::{self, Detail, Mismatch};
use crate::version;

/// A process that runs CPython.
pub(crate) struct Subject<'a> {
    pub(crate) pid: u32,
    pub(crate) executable: &'a str,
    pub(crate) runtime: &'a Runtime,
    pub(crate) detail: Detail,
}

impl Subject<'_> {
    /// Looks at what changes soonest, so that `memory` has it.
    pub(crate) fn visit(&self, memory: &dyn Memory) {
        if let Ok(identity) = version::identify(self.pid, memory, self.runtime) {
            snapshot::visit_stacks(memory, &identity.layout, identity.py_runtime);
        }
    }

    /// Its graph, as `memory` has it; how it was read is left to the caller.
    pub(crate) fn read(&self, memory: &dyn Memory, around: &Around<'_>) -> Result<Graph, Error> {
        let (pid, runtime) = (self.pid, self.runtime);
        let identity = version::identify(pid, memory, runtime)?;
        let layout = &identity.layout;
        let py_runtime = identity.py_runtime;
        match snapshot::read_graph(memory, layout, py_runtime, around, self.detail) {
            Ok(mut graph) => {
                let others = not_read(pid, identity.others);
                graph.problems.extend(others);
                Ok(Graph {
                    target: Target {
                        pid: Some(pid),
                        own_pid: None,
                        python: identity.version,
                        executable: self.executable.to_owned(),
                        free_threaded: identity.free_threaded,
                    },
                    ..graph
                })
            }
            Err(Mismatch { found, expected }) => Err(Error::Layout {
                pid,
                version: identity.version,
                what: format!("a task has {found} bytes, not {expected}"),
            }),
        }
    }
}

/// Says that there are more CPythons in the process.
fn not_read(pid: u32, count: usize) -> Option<Problem> {
    let what = match count {
        0 => return None,
        1 => "it runs another CPython besides, which is not read".to_owned(),
        count => format!("it runs {count} CPythons besides, which are not read"),
    };
    Some(Problem {
        location: format!("process {pid}"),
        what,
    })
}
