//! The innermost frames of a task: those whose functions are known tell what it
//! waits for.

use awaitgraph_model::{PrimitiveKind, TaskIndex};

use super::Waits;
use super::frames::Level;
use super::roles::Role;
use crate::object::Fault;

/// The innermost frames of a task, as far as their functions are known.
pub(super) struct Run {
    pub(super) role: Role,
    /// That of the innermost.
    pub(super) innermost: Role,
    /// What their `self` is, innermost first, each once.
    pub(super) objects: Vec<u64>,
    /// How many of the levels they are.
    pub(super) length: usize,
    /// Whether it is only the lock of a condition that is waited for, to enter.
    pub(super) is_entering: bool,
}

impl<'a> Waits<'a> {
    /// The frames of a task that is suspended, innermost first.
    pub(super) fn levels(&self, task: TaskIndex) -> Vec<Level<'a>> {
        let mut levels = Vec::new();
        self.add_levels(task, &mut levels);
        levels
    }

    /// Adds them; whether they are all.
    pub(super) fn add_levels(&self, task: TaskIndex, levels: &mut Vec<Level<'a>>) -> bool {
        let position = task.as_usize();
        let (Some(chain), Some(task)) = (
            self.picture.chains.get(position),
            self.picture.tasks.get(position),
        ) else {
            return false;
        };
        // Where some could not be read, it is not known which are which.
        if chain.frames.len() != task.stack.len() {
            return false;
        }
        levels.reserve(chain.frames.len());
        for (raw, frame) in chain.frames.iter().rev().zip(&task.stack) {
            let code = frame.code;
            levels.push(Level { raw, code });
        }
        chain.fault.is_none()
    }

    /// The innermost frames whose functions are known.
    pub(super) fn run(&self, levels: &[Level<'_>]) -> Result<Option<Run>, Fault> {
        let mut run: Option<Run> = None;
        for (place, level) in levels.iter().enumerate() {
            let Some(role) = self.frames.role(level.code) else {
                break;
            };
            if role == Role::Awaiting {
                continue;
            }
            let object = self.frames.itself(level.raw)?;
            match &mut run {
                None if role != Role::Enter => {
                    let mut objects = self.spare.take();
                    objects.clear();
                    objects.extend(object);
                    run = Some(Run {
                        role,
                        innermost: role,
                        objects,
                        length: place + 1,
                        is_entering: false,
                    });
                }
                None => break,
                Some(run) => {
                    let inner = run.objects.last().copied();
                    match role {
                        // It looks up now and then.
                        Role::WaitFor if self.is_watching(levels.get(place + 1)) => {}
                        // What these wait for is not theirs.
                        Role::Sleep | Role::WaitFor | Role::WaitSet | Role::WorkerThread => break,
                        Role::Enter => {
                            if let (Some(object), Some(inner)) = (object, inner)
                                && object != inner
                                && self.frames.attribute(object, "_lock")? == Some(inner)
                                && self.objects.attribute(object, "_waiters")?.is_some()
                                && self.objects.attribute(object, "_owner_task")?.is_none()
                            {
                                run.role = Role::Primitive(PrimitiveKind::Condition);
                                run.is_entering = true;
                            }
                        }
                        role => {
                            // One of anyio, or one that has been notified and waits for
                            // the lock once more.
                            run.is_entering |= run.role == Role::Primitive(PrimitiveKind::Lock)
                                && role == Role::Primitive(PrimitiveKind::Condition);
                            run.role = role;
                        }
                    }
                    run.length = place + 1;
                    run.objects.extend(object.filter(|_| object != inner));
                }
            }
        }
        Ok(run)
    }

    /// Whether the frame is of somebody who has the loop watch a descriptor.
    pub(super) fn is_watching(&self, level: Option<&Level<'_>>) -> bool {
        let role = level.and_then(|level| self.frames.role(level.code));
        matches!(role, Some(Role::Watching(_)))
    }

    /// The frames of who awaits a task that has no frames of the program, as one
    /// that `wait_for` or `gather` made for `queue.get()`.
    pub(super) fn frames_of_awaiter(&self, task: TaskIndex) -> Vec<Level<'a>> {
        let task = self.picture.tasks.get(task.as_usize());
        match task.and_then(|task| task.awaited_by.first()) {
            Some(awaiter) => self.levels(awaiter.task),
            None => Vec::new(),
        }
    }

    /// The frames, and behind them those of who awaits the task: to 3.11
    /// `wait_for` has a task of its own for what it waits for.
    pub(super) fn and_awaiter<'l>(
        &'l self,
        task: TaskIndex,
        outer: &[Level<'l>],
    ) -> Vec<Level<'l>> {
        let mut levels = outer.to_vec();
        levels.extend(self.frames_of_awaiter(task));
        levels
    }
}
