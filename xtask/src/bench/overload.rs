//! More calls than the proxy can answer, due on a fixed schedule whatever becomes of them.
//!
//! What it can answer at most is looked for first: rates are doubled until calls are refused, fail or are late. Then
//! each round asks for little, and for several times that; goodput is what was answered in the time, and its 99th
//! percentile is compared with that of little load. How late the load itself is, is measured too.

use serde_json::Value;

use super::{
    Options,
    load::Load,
    processes::rss_kib,
    rounds::{Measured, Overloaded, Sample, Servers, number},
    servers::{KEY, Server, Tools},
};

/// Calls a second at which the search begins.
const RATE_LOW: f64 = 200.0;
/// No rate above this: the load's own core would be the bottleneck.
const RATE_HIGH: f64 = 16_000.0;
/// This is little load.
const LITTLE: f64 = 50.0;
/// The limit on what runs finds its place in the first third of each run.
const SECONDS_LEAST: f64 = 6.0;

/// What one run of the load saw.
struct Ran {
    good_per_s: f64,
    refused_per_s: f64,
    failures: f64,
    unfinished: f64,
    p50_us: f64,
    p99_us: f64,
    late_p99_us: f64,
}

pub(super) fn measure(
    tools: &Tools,
    measured: &mut Measured,
    options: &Options,
    times: u32,
) -> Result<(), String> {
    let servers = Servers::start(tools, &measured.case, options)?;
    let seconds = options.seconds.max(SECONDS_LEAST);
    let run = |server: &Server, kind: &str, rate: f64| {
        let rate = rate.clamp(1.0, RATE_HIGH).round();
        let args = ["overload", kind, &server.addr.to_string(), KEY, &seconds.to_string(), &rate.to_string()];
        Ran::of(&Load::start(tools, &args.map(str::to_owned))?.run_failing()?)
    };
    let parties = servers.parties(&measured.case);
    let mut capacities = Vec::new();
    for (_, server, kind) in &parties {
        let little = run(server, kind, LITTLE)?;
        let (mut rate, mut most) = (RATE_LOW, 0.0_f64);
        loop {
            let ran = run(server, kind, rate)?;
            most = most.max(ran.good_per_s);
            if ran.good_per_s < 0.95 * rate || ran.p99_us > 2.0 * little.p99_us || rate >= RATE_HIGH {
                break;
            }
            rate *= 2.0;
        }
        capacities.push(most);
    }
    for _ in 0..options.rounds {
        for ((party, server, kind), capacity) in parties.iter().zip(&capacities) {
            let little = run(server, kind, LITTLE)?;
            let ran = run(server, kind, f64::from(times) * capacity)?;
            measured.of(*party).push(Sample {
                value: ran.p99_us / little.p99_us,
                user: None,
                calls_per_s: Some(ran.good_per_s),
                p50_us: Some(ran.p50_us),
                p99_us: Some(ran.p99_us),
                rss_kib: rss_kib(server.id())?,
                overloaded: Some(Overloaded {
                    capacity_per_s: *capacity,
                    refused_per_s: ran.refused_per_s,
                    failures: ran.failures,
                    unfinished: ran.unfinished,
                    unloaded_p99_us: little.p99_us,
                    late_p99_us: ran.late_p99_us,
                }),
            });
        }
    }
    Ok(())
}

impl Ran {
    fn of(ran: &Value) -> Result<Self, String> {
        let seconds = number(&ran["elapsed_ns"])? / 1e9;
        Ok(Self {
            good_per_s: number(&ran["calls"])? / seconds,
            refused_per_s: number(&ran["refused"])? / seconds,
            failures: number(&ran["failures"])?,
            unfinished: number(&ran["unfinished"])?,
            p50_us: number(&ran["total"]["p50_us"])?,
            p99_us: number(&ran["total"]["p99_us"])?,
            late_p99_us: number(&ran["late_us"]["p99_us"])?,
        })
    }
}
