//! awaitgraph.
fn main() {}
