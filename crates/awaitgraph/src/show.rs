//! A graph on the output, in the format that was asked for.

use awaitgraph_model::Graph;
use awaitgraph_model::questions::{By, Filter, Grouping, Outline, Selection, counts};
use awaitgraph_model::render::{
    self, DumpFrames, FindingsOptions, TableOptions, TreeFrames, TreeOptions,
};

use crate::arguments::Format;
use crate::check::Checked;
use crate::exit::ExitCode;
use crate::report;
use crate::stream::Stream;

/// How a command shows a graph as text. The other formats are the same for all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum View {
    Table,
    Tree(TreeFrames),
    CallGraph(DumpFrames),
}

/// What of a graph is shown, and how.
#[derive(Debug, Clone)]
pub(crate) struct Shown {
    pub(crate) view: View,
    pub(crate) filter: Filter,
    pub(crate) grouping: Grouping,
}

impl Shown {
    fn outline<'a>(&self, graph: &'a Graph, format: Format) -> Outline<'a> {
        let selection = Selection::new(graph, &self.filter);
        // In a list those stand that were asked for, in a picture also what
        // they hang on.
        match (format, self.view) {
            (Format::Json, _) => Outline::new(graph, selection.tasks, Grouping::None),
            (Format::Text, View::Table) => Outline::new(graph, selection.tasks, self.grouping),
            _ => Outline::new(graph, selection.with_awaiters, self.grouping),
        }
    }
}

/// Writes `graph` to `out`, and what there is to say about it to `err`.
pub(crate) fn graph(
    graph: &Graph,
    shown: &Shown,
    format: Format,
    out: &mut Stream<'_>,
    err: &mut Stream<'_>,
) -> anyhow::Result<ExitCode> {
    let (color, width) = (out.color(), out.width());
    let outline = shown.outline(graph, format);
    out.write(|text| match (format, shown.view) {
        (Format::Json, _) => render::json(&outline, text),
        (Format::Dot, _) => render::dot(&outline, text),
        (Format::Mermaid, _) => render::mermaid(&outline, text),
        (Format::Text, View::Table) => {
            render::table(&outline, &TableOptions { color, width }, text)
        }
        (Format::Text, View::Tree(frames)) => {
            let options = TreeOptions {
                frames,
                color,
                width,
            };
            render::tree(&outline, &options, text)
        }
        (Format::Text, View::CallGraph(frames)) => render::dump(&outline, frames, text),
    })?;
    report::selection(&outline, err);
    Ok(report::graph(graph, err))
}

/// Writes how many of the tasks of `graph` have something in common.
pub(crate) fn tasks_by(
    graph: &Graph,
    by: By,
    shown: &Shown,
    format: Format,
    out: &mut Stream<'_>,
    err: &mut Stream<'_>,
) -> anyhow::Result<ExitCode> {
    let selection = Selection::new(graph, &shown.filter);
    let outline = Outline::new(graph, selection.tasks, Grouping::None);
    let counts = counts(&outline, by);
    let options = TableOptions {
        color: out.color(),
        width: out.width(),
    };
    out.write(|text| match format {
        Format::Json => render::counts_json(&outline, by, &counts, text),
        _ => render::counts_table(&outline, by, &counts, &options, text),
    })?;
    report::selection(&outline, err);
    Ok(report::graph(graph, err))
}

/// Writes what was found to be wrong.
pub(crate) fn findings(
    checked: &Checked,
    format: Format,
    out: &mut Stream<'_>,
    err: &mut Stream<'_>,
) -> anyhow::Result<ExitCode> {
    let Checked { graph, findings } = checked;
    let options = FindingsOptions {
        color: out.color(),
        width: out.width(),
    };
    out.write(|text| match format {
        Format::Json => render::findings_json(graph, findings, text),
        _ => render::findings(graph, findings, &options, text),
    })?;
    let code = report::graph(graph, err);
    if !findings.is_empty() {
        return Ok(ExitCode::Findings);
    }
    if code == ExitCode::Complete && format == Format::Text && !graph.tasks.is_empty() {
        let tasks = report::counted(graph.tasks.len(), "task", "tasks");
        report::say(err, format_args!("nothing found, in {tasks}"));
    }
    Ok(code)
}
