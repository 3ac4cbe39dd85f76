//! What a task waits for, in JSON: the keys of the kind at hand, each left out
//! where there is nothing to say. `kind`, `id` and `holders` are always there.

use serde::{Serialize, Serializer};

use crate::graph::{Graph, TaskIndex};
use crate::render::json::{Address, FrameView, List};
use crate::waits::{Wait, WaitsFor};

/// The object behind `waits_for`.
pub(super) fn waits_for<'a>(graph: &'a Graph, wait: &'a WaitsFor) -> impl Serialize + use<'a> {
    View {
        kind: wait.what.kind(),
        id: wait.id.map(Address),
        holders: List(wait.what.holders(), |&holder| Address::of(graph, holder)),
        name: wait.name.as_deref(),
        deadline: wait.deadline.and_then(seconds),
        about: About::of(graph, wait),
    }
}

#[derive(Serialize)]
struct View<'a, Holders: Serialize, About: Serialize> {
    kind: &'static str,
    id: Option<Address>,
    holders: Holders,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    deadline: Option<f64>,
    #[serde(flatten)]
    about: About,
}

/// What is known of each kind.
#[derive(Serialize)]
#[serde(untagged)]
enum About<'a, Tasks: Serialize, Frames: Serialize> {
    Sleep {
        #[serde(skip_serializing_if = "Option::is_none")]
        left: Option<f64>,
    },
    Primitive {
        #[serde(skip_serializing_if = "Option::is_none")]
        waiting: Option<u64>,
        #[serde(skip_serializing_if = "Option::is_none")]
        value: Option<i64>,
        #[serde(skip_serializing_if = "Option::is_none")]
        bound: Option<i64>,
        #[serde(skip_serializing_if = "is_false")]
        entering: bool,
        #[serde(skip_serializing_if = "is_false")]
        abandoned: bool,
    },
    Queue {
        end: &'static str,
        #[serde(skip_serializing_if = "Option::is_none")]
        size: Option<u64>,
        #[serde(skip_serializing_if = "Option::is_none")]
        bound: Option<u64>,
        #[serde(skip_serializing_if = "Option::is_none")]
        getters: Option<u64>,
        #[serde(skip_serializing_if = "Option::is_none")]
        putters: Option<u64>,
        #[serde(skip_serializing_if = "Option::is_none")]
        others: Option<Tasks>,
    },
    Pool {
        #[serde(skip_serializing_if = "Option::is_none")]
        lent: Option<u64>,
        #[serde(skip_serializing_if = "Option::is_none")]
        bound: Option<u64>,
        #[serde(skip_serializing_if = "Option::is_none")]
        waiting: Option<u64>,
        #[serde(skip_serializing_if = "is_false")]
        more_holders: bool,
    },
    Socket {
        #[serde(skip_serializing_if = "Option::is_none")]
        action: Option<&'static str>,
        #[serde(skip_serializing_if = "Option::is_none")]
        fd: Option<i32>,
        #[serde(skip_serializing_if = "Option::is_none")]
        family: Option<&'a str>,
        #[serde(skip_serializing_if = "Option::is_none")]
        local: Option<&'a str>,
        #[serde(skip_serializing_if = "Option::is_none")]
        peer: Option<&'a str>,
        #[serde(skip_serializing_if = "Option::is_none")]
        buffered: Option<u64>,
    },
    Executor {
        #[serde(skip_serializing_if = "Option::is_none")]
        thread: Option<u64>,
        #[serde(skip_serializing_if = "Option::is_none")]
        stack: Option<Frames>,
        #[serde(skip_serializing_if = "Option::is_none")]
        queued_before: Option<u64>,
        #[serde(skip_serializing_if = "Option::is_none")]
        function: Option<&'a str>,
    },
    Subprocess {
        #[serde(skip_serializing_if = "Option::is_none")]
        pid: Option<u32>,
        #[serde(skip_serializing_if = "Option::is_none")]
        alive: Option<bool>,
    },
    Future {
        #[serde(skip_serializing_if = "HeldBy::is_empty")]
        held_by: HeldBy<'a>,
        #[serde(skip_serializing_if = "is_false")]
        orphaned: bool,
    },
}

/// What refers to a future.
struct HeldBy<'a>(&'a WaitsFor);

impl HeldBy<'_> {
    fn is_empty(&self) -> bool {
        self.0.held_by().next().is_none()
    }
}

impl Serialize for HeldBy<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.held_by())
    }
}

impl About<'_, (), ()> {
    fn of<'a>(
        graph: &'a Graph,
        wait: &'a WaitsFor,
    ) -> About<'a, impl Serialize + use<'a>, impl Serialize + use<'a>> {
        match &wait.what {
            Wait::Sleep { left } => About::Sleep {
                left: left.and_then(seconds),
            },
            Wait::Primitive(primitive) => About::Primitive {
                waiting: primitive.waiting,
                value: primitive.value,
                bound: primitive.bound,
                entering: primitive.entering,
                abandoned: primitive.abandoned,
            },
            Wait::Queue(queue) => About::Queue {
                end: queue.end.as_str(),
                size: queue.size,
                bound: queue.bound,
                getters: queue.getters,
                putters: queue.putters,
                others: (!queue.others.is_empty())
                    .then(|| List(&queue.others, |&task: &TaskIndex| Address::of(graph, task))),
            },
            Wait::Pool(pool) => About::Pool {
                lent: pool.lent,
                bound: pool.bound,
                waiting: pool.waiting,
                more_holders: pool.more_holders,
            },
            Wait::Socket(socket) => About::Socket {
                action: socket.action,
                fd: socket.fd,
                family: socket.family.as_deref(),
                local: socket.local.as_deref(),
                peer: socket.peer.as_deref(),
                buffered: socket.buffered,
            },
            Wait::Executor(executor) => About::Executor {
                thread: executor.thread,
                stack: (!executor.stack.is_empty())
                    .then(|| List(&executor.stack, |frame| FrameView::of(graph, frame))),
                queued_before: executor.queued_before,
                function: executor.function.as_deref(),
            },
            Wait::Subprocess { pid, alive } => About::Subprocess {
                pid: *pid,
                alive: *alive,
            },
            Wait::Future(future) => About::Future {
                held_by: HeldBy(wait),
                orphaned: future.orphaned,
            },
        }
    }
}

/// Milliseconds are enough, and JSON knows no infinity.
pub(super) fn seconds(seconds: f64) -> Option<f64> {
    seconds
        .is_finite()
        .then(|| (seconds * 1000.0).round() / 1000.0)
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde asks for it")]
fn is_false(value: &bool) -> bool {
    !value
}
