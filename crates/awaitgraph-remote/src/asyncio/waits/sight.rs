//! What in sight refers to a future: variables of other tasks (`setter: f`), and
//! the place where it is kept.

use awaitgraph_model::{Future, TaskIndex, Wait, WaitsFor};

use super::frames::Level;
use super::names::Prefer;
use super::{FEW, Waits};
use crate::map::HashMap;
use crate::object::{Fault, Kind};

/// How many variables are told of one future.
const MOST: usize = 8;

/// A variable of a task's frame.
#[derive(Debug, Clone, Copy)]
pub(super) struct Variable {
    task: TaskIndex,
    code: u64,
    place: usize,
}

/// Whether a name is that of a place where an object is kept, and not only of a
/// variable that has it.
pub(super) fn is_kept(name: &str) -> bool {
    name.contains(['.', '['])
}

impl Waits<'_> {
    /// What is known of several futures of which one is to be completed, and
    /// `around` is for all.
    pub(super) fn of_several(
        &self,
        futures: &[u64],
        around: u64,
        outer: &[Level<'_>],
    ) -> Result<WaitsFor, Fault> {
        let futures = futures.get(..FEW).unwrap_or(futures);
        let (mut held_by, threadsafe) = self.held_by_threads(futures)?;
        let name = (self.names).find_preferring(Prefer::Kept, &self.frames, futures, outer)?;
        if !name.as_deref().is_some_and(is_kept) {
            held_by.extend(self.held_by_tasks(futures, around)?);
        }
        Ok(WaitsFor {
            what: Wait::Future(Future {
                threadsafe,
                also_held_by: held_by,
                orphaned: false,
            }),
            id: Some(around),
            name,
            deadline: None,
        })
    }

    /// The variables that have one of the `wanted`, of tasks that do not wait
    /// for `future`.
    pub(super) fn held_by_tasks(&self, wanted: &[u64], future: u64) -> Result<Vec<String>, Fault> {
        let in_tasks = self.in_tasks()?;
        let mut found = Vec::new();
        for variable in wanted.iter().filter_map(|it| in_tasks.get(it)).flatten() {
            let mut waiting = self.picture.waiting.on(future);
            if waiting.any(|task| task == variable.task) {
                continue;
            }
            let variables = self.frames.variables(variable.code)?;
            if let Some(name) = variables.names.get(variable.place) {
                let function = self.codes.name(variable.code)?;
                found.push(format!("{function}: {name}"));
            }
            if found.len() == MOST {
                break;
            }
        }
        Ok(found)
    }

    /// What the tasks have in their variables, but for what they wait for.
    fn in_tasks(&self) -> Result<&HashMap<u64, Vec<Variable>>, Fault> {
        if let Some(known) = self.in_tasks.get() {
            return Ok(known);
        }
        let objects = self.objects;
        let mut found: HashMap<u64, Vec<Variable>> = HashMap::default();
        for (position, chain) in self.picture.chains.iter().enumerate() {
            let task = TaskIndex::from_usize(position);
            let own = self.raw(task).and_then(|raw| raw.waits_for());
            for frame in chain.frames.iter().filter(|it| it.has_variables()) {
                for place in 0..self.frames.count(frame.code)? {
                    let Some(value) = objects.variable(frame, place)? else {
                        continue;
                    };
                    if Some(value) == own
                        || !matches!(
                            objects.kind_of_shared(value)?,
                            Kind::Future | Kind::PyFuture
                        )
                    {
                        continue;
                    }
                    let variables = found.entry(value).or_default();
                    if variables.len() < MOST {
                        objects.hold(64)?;
                        let code = frame.code;
                        variables.push(Variable { task, code, place });
                    }
                }
            }
        }
        Ok(self.in_tasks.get_or_init(|| found))
    }
}
