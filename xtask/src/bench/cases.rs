//! What is measured, with the marks of the design's performance page.

/// How a case is driven, and which figure it yields.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shape {
    /// Closed loop; CPU µs per request, or per event when `events` is more than one.
    Closed { connections: u32, events: u32 },
    /// Open loop at half of nginx's own capacity; µs that the proxy adds to the 99th percentile.
    Open { connections: u32 },
    /// Open loop at so many times what the proxy can answer; 99th percentile of what it answers, as a multiple of that
    /// under little load.
    Overload { times: u32 },
    /// Open streams that say nothing; KiB of resident memory each.
    Hold { streams: u32 },
    /// Nothing at all; MiB of resident memory.
    Idle,
    /// From the start of the program: of one that has run before until it takes calls, of one that runs for the first
    /// time until it has answered one; in milliseconds.
    Start { first: bool },
}

/// One line of the table.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Case {
    pub(crate) name: &'static str,
    /// The load generator's name for the call.
    pub(crate) kind: &'static str,
    pub(crate) shape: Shape,
    pub(crate) mark: Option<Mark>,
    /// What the gateway's journal survives: `process` or `power`.
    pub(crate) durability: &'static str,
    /// The load generator's name for the call that ours is compared with, by ours too; `None`: the same call by nginx.
    pub(crate) against: Option<&'static str>,
}

/// What is to be reached.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Mark {
    /// At most this many times what it is compared with.
    Ratio(f64),
    /// At most this much, in the case's unit.
    Value(f64),
}

impl Shape {
    pub(crate) fn unit(self) -> &'static str {
        match self {
            Self::Closed { events: 1, .. } => "CPU µs/request",
            Self::Closed { .. } => "CPU µs/event",
            Self::Open { .. } => "µs added at p99",
            Self::Overload { .. } => "p99/unloaded p99",
            Self::Hold { .. } => "KiB RSS/stream",
            Self::Idle => "MiB RSS",
            Self::Start { first: false } => "ms to ready",
            Self::Start { first: true } => "ms to an answer",
        }
    }
}

/// All cases, in the order of the table.
pub(crate) fn all() -> Vec<Case> {
    let closed = |name, kind, connections, events, mark| Case {
        name,
        kind,
        shape: Shape::Closed { connections, events },
        mark,
        durability: "process",
        against: None,
    };
    // Per event of the stream that they are compared with: the texts are the same, the framing is the dialect's.
    let beside_burst = |name, mark| Case { against: Some("burst"), ..closed(name, name, 16, 67, mark) };
    let start = |name, first, most_ms| Case {
        name,
        kind: "small",
        shape: Shape::Start { first },
        mark: Some(Mark::Value(most_ms)),
        durability: "process",
        against: None,
    };
    let overload = |name, times| Case {
        name,
        kind: "talk",
        shape: Shape::Overload { times },
        mark: Some(Mark::Value(2.0)),
        durability: "process",
        against: None,
    };
    vec![
        closed("small-c1", "small", 1, 1, None),
        closed("small-c16", "small", 16, 1, Some(Mark::Ratio(1.5))),
        closed("small-c64", "small", 64, 1, Some(Mark::Ratio(1.5))),
        closed("small-c256", "small", 256, 1, None),
        Case { durability: "power", ..closed("small-power", "small", 64, 1, None) },
        closed("body64k-c16", "body64k", 16, 1, Some(Mark::Ratio(1.6))),
        closed("burst-c16", "burst", 16, 67, Some(Mark::Ratio(1.0))),
        beside_burst("normalised", None),
        beside_burst("translated-anthropic", Some(Mark::Ratio(3.0))),
        beside_burst("translated-gemini", Some(Mark::Ratio(3.0))),
        closed("paced-c64", "paced", 64, 64, Some(Mark::Ratio(1.0))),
        Case {
            name: "open-small",
            kind: "small",
            shape: Shape::Open { connections: 64 },
            mark: Some(Mark::Ratio(2.0)),
            durability: "process",
            against: None,
        },
        overload("overload-2x", 2),
        overload("overload-5x", 5),
        Case {
            name: "idle-streams",
            kind: "idle",
            shape: Shape::Hold { streams: 2_000 },
            mark: Some(Mark::Value(20.0)),
            durability: "process",
            against: None,
        },
        Case {
            name: "idle-rss",
            kind: "small",
            shape: Shape::Idle,
            mark: Some(Mark::Value(20.0)),
            durability: "process",
            against: None,
        },
        start("cold-start", false, 100.0),
        start("first-run", true, 1_000.0),
    ]
}
