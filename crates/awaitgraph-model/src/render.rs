//! The graph as text, one file per format.
//!
//! Every renderer writes as it walks, so that 70,000 tasks need no more memory
//! than one line, and none of them recurses. What comes from the target (names
//! and paths) is untrusted: it reaches the output only through [`escape`].

mod duration;
pub mod escape;
mod grid;
mod line;
mod names;
mod place;
mod wait;

pub mod call_graph;
mod counts;
mod dot;
mod dump;
mod findings;
mod json;
mod json_findings;
mod json_known;
mod json_lines;
mod json_waits;
mod mermaid;
mod picture;
mod processes;
mod table;
mod tree;

pub use counts::{counts_json, counts_table};
pub use dot::dot;
pub use dump::{DumpFrames, dump};
pub use findings::{FindingsOptions, findings, headline};
pub use grid::TableOptions;
pub use json::json;
pub use json_findings::findings_json;
pub use line::Color;
pub use mermaid::mermaid;
pub use processes::{ProcessRow, UnreadProcess, processes_json, processes_table};
pub use table::table;
pub use tree::{TreeFrames, TreeOptions, tree};
