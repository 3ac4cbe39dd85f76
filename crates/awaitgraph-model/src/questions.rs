//! What one can ask of a graph: pure functions of a [`Graph`](crate::Graph),
//! one file each.
//!
//! All of them are linear in the tasks and edges of the graph and none of them
//! recurses: a graph may be a chain of 100,000 tasks, and it may hold cycles.

mod components;
mod links;
mod own_code;
mod states;

pub use components::Components;
pub use links::{Constructs, Link, Links};
pub use own_code::{Origin, OwnCode};
pub use states::StateCounts;
