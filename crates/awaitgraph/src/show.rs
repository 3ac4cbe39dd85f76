//! A graph on the output, in the format that was asked for.

use awaitgraph_model::Graph;
use awaitgraph_model::render::{self, TableOptions, TreeFrames, TreeOptions};

use crate::arguments::Format;
use crate::stream::Stream;

/// How a command shows a graph as text. The other formats are the same for all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum View {
    Table,
    Tree(TreeFrames),
    CallGraph,
}

/// Writes `graph` to `out`.
pub(crate) fn graph(
    graph: &Graph,
    view: View,
    format: Format,
    out: &mut Stream<'_>,
) -> anyhow::Result<()> {
    let (color, width) = (out.color(), out.width());
    out.write(|text| match (format, view) {
        (Format::Json, _) => render::json(graph, text),
        (Format::Dot, _) => render::dot(graph, text),
        (Format::Mermaid, _) => render::mermaid(graph, text),
        (Format::Text, View::Table) => render::table(graph, &TableOptions { color, width }, text),
        (Format::Text, View::Tree(frames)) => {
            let options = TreeOptions {
                frames,
                color,
                width,
            };
            render::tree(graph, &options, text)
        }
        (Format::Text, View::CallGraph) => render::call_graph(graph, text),
    })
}
