//! `cargo xtask bench --scale`: what a small request costs where there is much of something: keys, models, open streams,
//! bytes of its body. With all that is done behind the requests, rows in the database too. All amounts of one thing are measured in turn, round by round.

use std::time::Duration;

use serde_json::{Value, json};

use super::{
    Options,
    load::Load,
    processes::{Cpu, cpu, rss_kib},
    report::{Spread, spread},
    servers::{self, KEY, Server, Tools, World},
};

const CONNECTIONS: &str = "64";
/// More than any machine reaches within the time.
const MAX_CALLS: &str = "10000000";

/// Of many keys not all call at the same time.
const KEYS_IN_USE: u32 = 1_000;
/// Until caches and budgets are filled.
const WARM_S: f64 = 1.0;

/// At rest is who spends no more than a tick in so long.
const WAIT: Duration = Duration::from_millis(400);
const AT_REST_US: f64 = 10_000.0;
const MOST_WAITS: u32 = 50;

/// What there is much of, and how much.
#[derive(Clone, Copy, Debug)]
enum Much {
    Keys(u32),
    Models(u32),
    Streams(u32),
    /// The load generator's name for the call.
    Body(&'static str),
}

/// The parts of the table: names and rows.
fn groups() -> [(&'static str, Vec<Much>); 4] {
    [
        ("keys", vec![Much::Keys(10), Much::Keys(100_000)]),
        ("models", vec![Much::Models(10), Much::Models(1_000)]),
        ("streams", vec![Much::Streams(0), Much::Streams(2_000), Much::Streams(most_streams())]),
        ("bodies", ["small", "body4k", "body64k", "body1m"].map(Much::Body).to_vec()),
    ]
}

/// 20,000, or what this machine lets one process have open: a stream is two connections of the gateway.
fn most_streams() -> u32 {
    const WANTED: u32 = 20_000;
    let limits = std::fs::read_to_string("/proc/self/limits").unwrap_or_default();
    let line = limits.lines().find_map(|line| line.strip_prefix("Max open files"));
    let hard = line.and_then(|line| line.split_whitespace().nth(1)?.parse::<u32>().ok());
    hard.map_or(WANTED, |hard| (hard.saturating_sub(1_000) / 2).min(WANTED))
}

impl Much {
    fn name(self) -> String {
        match self {
            Self::Keys(n) => format!("{n} keys, {} in use", n.min(KEYS_IN_USE)),
            Self::Models(n) => format!("{n} models"),
            Self::Streams(n) => format!("{n} open streams"),
            Self::Body("small") => "body of 300 B".to_owned(),
            Self::Body("body4k") => "body of 4 KiB".to_owned(),
            Self::Body("body64k") => "body of 64 KiB".to_owned(),
            Self::Body(_) => "body of 1 MiB".to_owned(),
        }
    }

    fn world(self) -> World {
        match self {
            Self::Keys(keys) => World { keys, ..World::default() },
            Self::Models(models) => World { models, ..World::default() },
            Self::Streams(_) | Self::Body(_) => World::default(),
        }
    }

    fn call(self) -> (&'static str, Vec<String>) {
        match self {
            Self::Keys(keys) => ("small", vec![keys.min(KEYS_IN_USE).to_string()]),
            Self::Models(_) | Self::Streams(_) => ("small", Vec::new()),
            Self::Body(kind) => (kind, Vec::new()),
        }
    }
}

/// One row, under way.
struct Row {
    much: Much,
    server: Server,
    /// What the gateway needed before anybody asked, in KiB; and for the streams alone.
    idle_kib: f64,
    streams_kib: f64,
    /// They live as long as this does.
    _streams: Option<Load>,
    total_us: Vec<f64>,
    user_us: Vec<f64>,
    calls_per_s: Vec<f64>,
}

pub(super) fn run(tools: &Tools, options: &Options) -> Result<(), String> {
    println!(
        "{:<26} {:>16} {:>13} {:>10} {:>13} {:>10} {:>9} {:>11}",
        "there are", "CPU µs/request", "spread", "of it user", "spread", "calls/s", "RSS MiB", "KiB/stream"
    );
    let mut all = Vec::new();
    for (name, group) in groups() {
        if options.wants(name) {
            let rows = measure(tools, options, &group).map_err(|text| format!("{name}: {text}"))?;
            rows.iter().for_each(print);
            all.extend(rows.iter().map(to_json));
        }
    }
    println!(
        "\nof one worker, over {CONNECTIONS} connections; medians over {} rounds, with the lowest and highest",
        options.rounds
    );
    let Some(file) = &options.json else { return Ok(()) };
    let text =
        format!("{:#}\n", json!({ "rounds": options.rounds, "seconds": options.seconds, "rows": all }));
    std::fs::write(file, text).map_err(|error| format!("cannot write {file}: {error}"))
}

fn measure(tools: &Tools, options: &Options, group: &[Much]) -> Result<Vec<Row>, String> {
    let upstream = servers::upstream(tools)?;
    let mut rows = Vec::new();
    for much in group {
        rows.push(Row::start(tools, &upstream, *much)?);
    }
    for row in &mut rows {
        // The first call of a key waits for its share of the budget: some may wait too long when all begin at once.
        let _ = row.sample(tools, WARM_S);
        row.forget();
    }
    for round in 0..options.rounds {
        let turn = |row: &mut Row| row.sample(tools, options.seconds);
        // Who goes first alternates.
        if round % 2 == 0 {
            rows.iter_mut().try_for_each(turn)?;
        } else {
            rows.iter_mut().rev().try_for_each(turn)?;
        }
    }
    Ok(rows)
}

impl Row {
    fn start(tools: &Tools, upstream: &Server, much: Much) -> Result<Self, String> {
        let server = servers::gateway_in(tools, upstream.addr, much.world())?;
        let idle_kib = rss_kib(server.id())?;
        let streams = match much {
            Much::Streams(streams @ 1..) => {
                let args = ["hold", "idle", &server.addr.to_string(), KEY, &streams.to_string()];
                let mut load = Load::start(tools, &args.map(str::to_owned))?;
                let held = load.run()?;
                if held["held"].as_u64() != Some(streams.into()) {
                    return Err(format!("not all streams were opened: {held}"));
                }
                Some(load)
            }
            _ => None,
        };
        let streams_kib = rss_kib(server.id())? - idle_kib;
        let (total_us, user_us, calls_per_s) = Default::default();
        Ok(Self { much, server, idle_kib, streams_kib, _streams: streams, total_us, user_us, calls_per_s })
    }

    fn sample(&mut self, tools: &Tools, seconds: f64) -> Result<(), String> {
        let (kind, keys) = self.much.call();
        let addr = self.server.addr.to_string();
        let args = ["closed", kind, &addr, KEY, CONNECTIONS, &seconds.to_string(), MAX_CALLS];
        let mut load = Load::start(tools, &[&args.map(str::to_owned)[..], &keys].concat())?;
        let before = cpu(self.server.id())?;
        let ran = load.run()?;
        let spent = self.at_rest()?.since(before);
        let number = |value: &Value| value.as_f64().ok_or("the load's answer lacks a figure");
        let (calls, elapsed_ns) = (number(&ran["calls"])?, number(&ran["elapsed_ns"])?);
        self.total_us.push(spent.total_us() / calls);
        self.user_us.push(spent.user_us / calls);
        self.calls_per_s.push(calls / (elapsed_ns / 1e9));
        Ok(())
    }

    /// What it has spent once it does nothing more: rows of requests go to the database behind them.
    #[expect(clippy::disallowed_methods, reason = "a benchmark waits for a server that announces nothing")]
    fn at_rest(&self) -> Result<Cpu, String> {
        let mut spent = cpu(self.server.id())?;
        for _ in 0..MOST_WAITS {
            std::thread::sleep(WAIT);
            let now = cpu(self.server.id())?;
            if now.since(spent).total_us() <= AT_REST_US {
                return Ok(now);
            }
            spent = now;
        }
        Err("the gateway does not come to rest".to_owned())
    }

    /// What was measured so far was to warm it up.
    fn forget(&mut self) {
        for values in [&mut self.total_us, &mut self.user_us, &mut self.calls_per_s] {
            values.clear();
        }
    }

    fn kib_a_stream(&self) -> Option<f64> {
        match self.much {
            Much::Streams(streams @ 1..) => Some(self.streams_kib / f64::from(streams)),
            _ => None,
        }
    }
}

fn print(row: &Row) {
    let (total, user) = (spread(row.total_us.clone()), spread(row.user_us.clone()));
    let between = |spread: Spread| format!("{:.2}-{:.2}", spread.low, spread.high);
    println!(
        "{:<26} {:>16.2} {:>13} {:>10.2} {:>13} {:>10.0} {:>9.1} {:>11}",
        row.much.name(),
        total.median,
        between(total),
        user.median,
        between(user),
        spread(row.calls_per_s.clone()).median,
        rss_kib(row.server.id()).unwrap_or(row.idle_kib) / 1024.0,
        row.kib_a_stream().map_or_else(|| "-".to_owned(), |kib| format!("{kib:.1}"))
    );
}

fn to_json(row: &Row) -> Value {
    json!({ "name": row.much.name(), "cpu_us": spread(row.total_us.clone()).to_json(),
            "user_us": spread(row.user_us.clone()).to_json(),
            "calls_per_s": spread(row.calls_per_s.clone()).to_json(),
            "idle_rss_kib": row.idle_kib, "kib_a_stream": row.kib_a_stream() })
}
