//! What is wrong in a graph, in blocks for people: what it is, then each task
//! with where it is and what it waits for.
//!
//! ```text
//! deadlock: a-to-b and b-to-a wait for each other
//!   a-to-b  transfer /app/bank.py:17
//!     waits for lock Account.lock (0x7f0a) held by b-to-a
//!   b-to-a  transfer /app/bank.py:17
//!     waits for lock Account.lock (0x7f0b) held by a-to-b
//!   and behind them wait: main, report
//! ```

use std::fmt::{self, Write};

use crate::graph::{Code, Frame, Graph, TaskIndex};
use crate::questions::{Because, BlockedLoop, Deadlock, Finding, Origin, OwnCode, Step};
use crate::render::duration::Duration;
use crate::render::line::{Color, Line, Span};
use crate::render::place;
use crate::render::wait::{self, Phrase};

/// How to write findings.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct FindingsOptions {
    /// Whether the text is coloured.
    pub color: Color,
    /// The columns to fit each line into; `None` leaves the lines whole.
    pub width: Option<usize>,
}

/// What comes after this many tasks or frames of a block is only counted.
const SHOWN: usize = 20;

const ABANDONED: (&str, &str) = ("abandoned: ", "what nobody is left to release");
const ORPHANED: (&str, &str) = ("orphaned: ", "a future that nothing is left to complete");

/// Writes a block for each finding, with an empty line between two.
pub fn findings<W: Write + ?Sized>(
    graph: &Graph,
    findings: &[Finding],
    options: &FindingsOptions,
    out: &mut W,
) -> fmt::Result {
    let own_code = OwnCode::new(graph);
    let mut blocks = Blocks::new(graph, &own_code, options, out);
    for (at, finding) in findings.iter().enumerate() {
        if at > 0 {
            blocks.out.write_char('\n')?;
        }
        match finding {
            Finding::Deadlock(deadlock) => blocks.deadlock(deadlock)?,
            Finding::Abandoned(tasks) => blocks.hopeless(ABANDONED, tasks)?,
            Finding::Orphaned(tasks) => blocks.hopeless(ORPHANED, tasks)?,
            Finding::BlockedLoop(blocked) => blocks.blocked_loop(blocked)?,
        }
    }
    Ok(())
}

/// What each finding is, in one line without its end.
pub fn headline(graph: &Graph, finding: &Finding) -> String {
    headline_of(graph, &OwnCode::new(graph), finding)
}

/// The same, for many findings of one graph.
pub(super) fn headline_of(graph: &Graph, own_code: &OwnCode, finding: &Finding) -> String {
    let mut text = String::new();
    let mut blocks = Blocks::new(graph, own_code, &FindingsOptions::default(), &mut text);
    match finding {
        Finding::Deadlock(deadlock) => blocks.push_deadlock(deadlock),
        Finding::Abandoned(tasks) => blocks.push_hopeless(ABANDONED, tasks),
        Finding::Orphaned(tasks) => blocks.push_hopeless(ORPHANED, tasks),
        Finding::BlockedLoop(blocked) => blocks.push_blocked_loop(blocked),
    }
    blocks.line.take_text()
}

/// Writes a block for each deadlock, with an empty line after each.
pub(super) fn deadlocks<W: Write + ?Sized>(
    graph: &Graph,
    own_code: &OwnCode,
    deadlocks: &[Deadlock],
    options: &FindingsOptions,
    out: &mut W,
) -> fmt::Result {
    let mut blocks = Blocks::new(graph, own_code, options, out);
    for deadlock in deadlocks {
        blocks.deadlock(deadlock)?;
        blocks.out.write_char('\n')?;
    }
    Ok(())
}

/// What one step of a deadlock waits for, in words.
pub(super) fn step_words(graph: &Graph, own_code: &OwnCode, step: Step) -> String {
    let mut line = Line::default();
    push_step(graph, own_code, step, &mut line);
    line.take_text()
}

fn push_step(graph: &Graph, own_code: &OwnCode, step: Step, line: &mut Line) {
    let next = [step.next];
    match step.because {
        Because::Awaits(constructs) => {
            line.push(Span::Waits, "awaits ");
            place::push_names(graph, &next, Span::Waits, line);
            if !constructs.is_plain_await() {
                line.push_format(Span::Waits, format_args!(", by {constructs}"));
            }
        }
        Because::Holds => wait::push_wait(graph, own_code, &[step.task], Phrase::Verb, line),
        Because::AtQueue => {
            wait::push_wait(graph, own_code, &[step.task], Phrase::Verb, line);
            line.push(Span::Waits, ", at whose other end is ");
            place::push_names(graph, &next, Span::Waits, line);
        }
    }
}

struct Blocks<'a, W: ?Sized> {
    graph: &'a Graph,
    own_code: &'a OwnCode,
    options: FindingsOptions,
    line: Line,
    out: &'a mut W,
}

impl<'a, W: Write + ?Sized> Blocks<'a, W> {
    fn new(
        graph: &'a Graph,
        own_code: &'a OwnCode,
        options: &FindingsOptions,
        out: &'a mut W,
    ) -> Self {
        Self {
            graph,
            own_code,
            options: *options,
            line: Line::default(),
            out,
        }
    }

    fn deadlock(&mut self, deadlock: &Deadlock) -> fmt::Result {
        self.push_deadlock(deadlock);
        self.finish_line()?;
        for &step in deadlock.steps.iter().take(SHOWN) {
            self.task(step.task)?;
            self.line.push(Span::Text, "    ");
            push_step(self.graph, self.own_code, step, &mut self.line);
            self.finish_line()?;
        }
        let more_steps = deadlock.steps.len().saturating_sub(SHOWN);
        let others = deadlock.tasks.len().saturating_sub(deadlock.steps.len());
        if more_steps > 0 {
            let steps = counted(more_steps, "more step", "more steps");
            self.remark(format_args!("and {steps} (--json has them all)"))?;
        }
        if others > 0 {
            let tasks = counted(others, "more task waits", "more tasks wait");
            self.remark(format_args!("{tasks} within the same circles"))?;
        }
        if !deadlock.behind.is_empty() {
            let them = if deadlock.tasks.len() == 1 {
                "it"
            } else {
                "them"
            };
            let verb = if deadlock.behind.len() == 1 {
                "waits"
            } else {
                "wait"
            };
            self.line.push(Span::Text, "  ");
            self.line
                .push_format(Span::Text, format_args!("behind {them} {verb} "));
            place::push_names(self.graph, &deadlock.behind, Span::Text, &mut self.line);
            self.finish_line()?;
        }
        Ok(())
    }

    fn push_deadlock(&mut self, deadlock: &Deadlock) {
        self.line.push(Span::Cycle, "deadlock: ");
        match deadlock.tasks.as_slice() {
            [_] => {
                self.push_names(&deadlock.tasks);
                self.line.push(Span::Heading, " waits for itself");
            }
            [a, b] => {
                self.push_names(&[*a]);
                self.line.push(Span::Heading, " and ");
                self.push_names(&[*b]);
                self.line.push(Span::Heading, " wait for each other");
            }
            tasks => self.line.push_format(
                Span::Heading,
                format_args!("{} tasks wait for each other", tasks.len()),
            ),
        }
    }

    /// Tasks that wait for one thing which will not come.
    fn hopeless(&mut self, words: (&str, &str), tasks: &[TaskIndex]) -> fmt::Result {
        self.push_hopeless(words, tasks);
        self.finish_line()?;
        for &task in tasks.iter().take(SHOWN) {
            self.task(task)?;
            self.line.push(Span::Text, "    ");
            wait::push_wait(
                self.graph,
                self.own_code,
                &[task],
                Phrase::Verb,
                &mut self.line,
            );
            self.finish_line()?;
        }
        match tasks.len().saturating_sub(SHOWN) {
            0 => Ok(()),
            more => {
                let tasks = counted(more, "more task", "more tasks");
                self.remark(format_args!("and {tasks} (--json has them all)"))
            }
        }
    }

    fn push_hopeless(&mut self, (word, what): (&str, &str), tasks: &[TaskIndex]) {
        self.line.push(Span::Cycle, word);
        match tasks {
            [_] => {
                self.push_names(tasks);
                self.line.push(Span::Heading, " waits for ");
            }
            _ => self.line.push_format(
                Span::Heading,
                format_args!("{} tasks wait for ", tasks.len()),
            ),
        }
        self.line.push(Span::Heading, what);
    }

    fn blocked_loop(&mut self, blocked: &BlockedLoop) -> fmt::Result {
        self.push_blocked_loop(blocked);
        self.finish_line()?;
        if let Some(task) = blocked.task.and_then(|task| self.graph.task(task)) {
            self.line.push(Span::Text, "  ");
            place::push_name(task, &mut self.line);
            if let Some(frame) = &blocked.coroutine {
                self.line.push(Span::Text, "  ");
                place::push_frame(self.graph, frame, &mut self.line);
            }
            self.finish_line()?;
        }
        let outermost_first = blocked.stack.iter().rev();
        let left_out = blocked.stack.len().saturating_sub(SHOWN);
        for frame in outermost_first.clone().take(SHOWN / 2) {
            self.frame(frame)?;
        }
        if left_out > 0 {
            let frames = counted(left_out, "more frame", "more frames");
            self.remark(format_args!("  ... {frames}"))?;
        }
        for frame in outermost_first.skip(SHOWN / 2).skip(left_out) {
            self.frame(frame)?;
        }
        if let Some(turn) = blocked.turn {
            self.remark(format_args!(
                "the loop has not come round for {}",
                Duration(turn)
            ))?;
        }
        if blocked.ready > 0 {
            let tasks = counted(
                blocked.ready,
                "task of the loop is",
                "tasks of the loop are",
            );
            self.remark(format_args!("{tasks} ready to run meanwhile"))?;
        }
        if let Some(overdue) = blocked.overdue {
            self.remark(format_args!(
                "a sleep of the loop is overdue by {}",
                Duration(overdue)
            ))?;
        }
        Ok(())
    }

    fn push_blocked_loop(&mut self, blocked: &BlockedLoop) {
        self.line.push(Span::Cycle, "blocked loop: ");
        match blocked.task {
            Some(task) => self.push_names(&[task]),
            None => self.push_callback(&blocked.stack),
        }
        if blocked.interpreter == 0 {
            self.line.push_format(
                Span::Heading,
                format_args!(" does not let go of thread {}", blocked.thread),
            );
        } else {
            self.line.push_format(
                Span::Heading,
                format_args!(
                    " does not let go of thread {} of interpreter {}",
                    blocked.thread, blocked.interpreter
                ),
            );
        }
        self.line.push_format(
            Span::Heading,
            format_args!(
                ", in {} looks over {}",
                blocked.looks,
                Duration(blocked.seconds)
            ),
        );
    }

    /// A callback by its outermost function that is not asyncio's own, which may
    /// have called it.
    fn push_callback(&mut self, stack: &[Frame]) {
        let codes = || stack.iter().rev().filter_map(|it| self.graph.code(it));
        let is_others = |code: &&Code| Origin::of(code) != Origin::Standard;
        match codes().find(is_others).or_else(|| codes().next()) {
            Some(code) => {
                self.line.push(Span::Heading, "callback ");
                self.line.push(Span::Heading, &code.function);
            }
            None => (self.line).push(Span::Heading, "a callback that is written in C"),
        }
    }

    fn frame(&mut self, frame: &Frame) -> fmt::Result {
        self.line.push(Span::Faint, "    in ");
        place::push_frame(self.graph, frame, &mut self.line);
        self.finish_line()
    }

    /// The name of a task and where it is.
    fn task(&mut self, index: TaskIndex) -> fmt::Result {
        let Some(task) = self.graph.task(index) else {
            return Ok(());
        };
        self.line.push(Span::Text, "  ");
        place::push_name(task, &mut self.line);
        if let Some(frame) = self.own_code.innermost(&task.stack) {
            self.line.push(Span::Text, "  ");
            place::push_frame(self.graph, frame, &mut self.line);
        }
        self.finish_line()
    }

    fn push_names(&mut self, tasks: &[TaskIndex]) {
        place::push_names(self.graph, tasks, Span::Name, &mut self.line);
    }

    fn remark(&mut self, text: fmt::Arguments<'_>) -> fmt::Result {
        self.line.push(Span::Text, "  ");
        self.line.push_format(Span::Text, text);
        self.finish_line()
    }

    fn finish_line(&mut self) -> fmt::Result {
        self.line
            .finish(self.options.color, self.options.width, &mut *self.out)
    }
}

fn counted(count: usize, one: &str, many: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { many })
}
