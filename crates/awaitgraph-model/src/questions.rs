//! What one can ask of a graph: pure functions of a [`Graph`](crate::Graph),
//! one file each.
//!
//! All of them are linear in the tasks and edges of the graph and none of them
//! recurses: a graph may be a chain of 100,000 tasks, and it may hold cycles.

mod components;
mod links;

mod counts;
mod deadlocks;
mod findings;
mod groups;
mod outline;
mod own_code;
mod selection;
mod states;
mod watch;

pub use components::Components;
pub use counts::{By, Count, counts};
pub use deadlocks::{Because, Deadlock, Step, deadlocks};
pub use findings::{BlockedLoop, Finding, findings};
pub use links::{Constructs, Link, Links};
pub use outline::{Grouping, Outline};
pub use own_code::{Origin, OwnCode};
pub use selection::{Filter, Mask, Selection};
pub use states::StateCounts;
pub use watch::Watch;
