//! The rounds of one case: all that is compared in turn, so that a drift of the machine meets all of it.

use std::net::SocketAddr;

use serde_json::Value;

use super::{
    Options,
    cases::{Case, Shape},
    load::Load,
    overload,
    processes::{cpu, rss_kib},
    servers::{self, KEY, Server, Tools},
    start,
};

/// Most calls of one measurement: a bound that no machine reaches within the time.
const MAX_CALLS: u32 = 10_000_000;

/// What one measurement of one proxy gave.
#[derive(Clone, Debug, Default)]
pub(crate) struct Sample {
    /// In the unit of the case.
    pub(crate) value: f64,
    /// Of that, what was spent outside the kernel; where the case is about CPU time.
    pub(crate) user: Option<f64>,
    pub(crate) calls_per_s: Option<f64>,
    pub(crate) p50_us: Option<f64>,
    pub(crate) p99_us: Option<f64>,
    pub(crate) rss_kib: f64,
    /// Where more was asked for than could be answered.
    pub(crate) overloaded: Option<Overloaded>,
}

/// What else there is to say of a run with more calls than could be answered.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Overloaded {
    pub(crate) capacity_per_s: f64,
    pub(crate) refused_per_s: f64,
    pub(crate) failures: f64,
    /// Given up as long after the end as the run had taken.
    pub(crate) unfinished: f64,
    pub(crate) unloaded_p99_us: f64,
    /// From when calls were due until the load sent them.
    pub(crate) late_p99_us: f64,
}

/// All samples of one case, round by round.
#[derive(Debug)]
pub(crate) struct Measured {
    pub(crate) case: Case,
    /// What the others are compared with: nginx, or another call by the gateway.
    pub(crate) base: Vec<Sample>,
    pub(crate) gateway: Vec<Sample>,
    /// The other build of the gateway, if one was given.
    pub(crate) other: Vec<Sample>,
}

impl Measured {
    pub(super) fn of(&mut self, party: Party) -> &mut Vec<Sample> {
        match party {
            Party::Base => &mut self.base,
            Party::Gateway => &mut self.gateway,
            Party::Other => &mut self.other,
        }
    }
}

/// Whose turn it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Party {
    Base,
    Gateway,
    Other,
}

/// The servers of one case.
pub(super) struct Servers {
    upstream: Server,
    nginx: Option<Server>,
    gateway: Server,
    other: Option<Server>,
}

impl Servers {
    pub(super) fn start(tools: &Tools, case: &Case, options: &Options) -> Result<Self, String> {
        let upstream = servers::upstream(tools)?;
        let beside = options.beside.as_deref();
        Ok(Self {
            nginx: case.against.is_none().then(|| servers::nginx(tools, upstream.addr)).transpose()?,
            gateway: servers::gateway(tools, upstream.addr, case.durability)?,
            other: beside
                .map(|file| servers::other(tools, file, upstream.addr, case.durability))
                .transpose()?,
            upstream,
        })
    }

    /// Who takes part, with what serves it and the call that it is asked for.
    pub(super) fn parties(&self, case: &Case) -> Vec<(Party, &Server, &'static str)> {
        let base = self.nginx.as_ref().unwrap_or(&self.gateway);
        let mut parties = vec![
            (Party::Base, base, case.against.unwrap_or(case.kind)),
            (Party::Gateway, &self.gateway, case.kind),
        ];
        parties.extend(self.other.as_ref().map(|other| (Party::Other, other, case.kind)));
        parties
    }
}

pub(crate) fn measure(tools: &Tools, case: &Case, options: &Options) -> Result<Measured, String> {
    let mut measured = Measured { case: *case, base: Vec::new(), gateway: Vec::new(), other: Vec::new() };
    let result = match case.shape {
        Shape::Closed { connections, events } => closed(tools, &mut measured, options, (connections, events)),
        Shape::Open { connections } => open(tools, &mut measured, options, connections),
        Shape::Overload { times } => overload::measure(tools, &mut measured, options, times),
        Shape::Hold { .. } | Shape::Idle => memory(tools, &mut measured, options),
        Shape::Start { first } => starts(tools, &mut measured, options, first),
    };
    result.map_err(|text| format!("{}: {text}", case.name))?;
    Ok(measured)
}

fn closed(
    tools: &Tools,
    measured: &mut Measured,
    options: &Options,
    (connections, events): (u32, u32),
) -> Result<(), String> {
    let servers = Servers::start(tools, &measured.case, options)?;
    let parties = servers.parties(&measured.case);
    let sample = |server: &Server, kind: &str, seconds: f64| {
        let load =
            ["closed", kind, &server.addr.to_string(), KEY, &connections.to_string()].map(str::to_owned);
        let mut load =
            Load::start(tools, &[&load[..], &[seconds.to_string(), MAX_CALLS.to_string()]].concat())?;
        let before = cpu(server.id())?;
        let ran = load.run()?;
        let spent = cpu(server.id())?.since(before);
        let mut sample = latencies(&ran, server)?;
        let all = number(&ran["calls"])? * f64::from(events);
        sample.value = spent.total_us() / all;
        sample.user = Some(spent.user_us / all);
        Ok::<_, String>(sample)
    };
    for (_, server, kind) in &parties {
        sample(server, kind, options.seconds.min(0.5))?;
    }
    for round in 0..options.rounds {
        let mut order = parties.clone();
        // Who goes first alternates.
        if round % 2 == 1 {
            order.reverse();
        }
        for (party, server, kind) in order {
            measured.of(party).push(sample(server, kind, options.seconds)?);
        }
    }
    Ok(())
}

fn open(tools: &Tools, measured: &mut Measured, options: &Options, connections: u32) -> Result<(), String> {
    let servers = Servers::start(tools, &measured.case, options)?;
    let parties = servers.parties(&measured.case);
    let load = |how: &str, kind: &str, addr: SocketAddr, seconds: f64, last: u32| {
        let args = [how, kind, &addr.to_string(), KEY, &connections.to_string()].map(str::to_owned);
        Load::start(tools, &[&args[..], &[seconds.to_string(), last.to_string()]].concat())?.run()
    };
    let (mut rate, capacity_s) = (0, options.seconds.min(2.0));
    for (party, server, kind) in &parties {
        let warm = *party != Party::Base;
        let ran = load(
            "closed",
            kind,
            server.addr,
            if warm { capacity_s.min(0.5) } else { capacity_s },
            MAX_CALLS,
        )?;
        if !warm {
            rate = (rate_of(&ran)? / 2.0).round() as u32;
        }
    }
    for _ in 0..options.rounds {
        let direct = load("open", measured.case.kind, servers.upstream.addr, options.seconds, rate)?;
        let direct_p99 = number(&direct["total"]["p99_us"])?;
        for (party, server, kind) in &parties {
            let ran = load("open", kind, server.addr, options.seconds, rate)?;
            let mut sample = latencies(&ran, server)?;
            // At least one microsecond: a proxy that adds nothing cannot be divided by.
            sample.value = (number(&ran["total"]["p99_us"])? - direct_p99).max(1.0);
            measured.of(*party).push(sample);
        }
    }
    Ok(())
}

fn memory(tools: &Tools, measured: &mut Measured, options: &Options) -> Result<(), String> {
    let kind = measured.case.kind;
    for _ in 0..options.rounds.min(3) {
        let upstream = servers::upstream(tools)?;
        let durability = measured.case.durability;
        let beside = options.beside.as_deref();
        for party in [Party::Base, Party::Gateway, Party::Other] {
            // Fresh each time: what an earlier load left allocated would hide what a stream needs.
            let server = match (party, beside) {
                (Party::Base, _) => servers::nginx(tools, upstream.addr)?,
                (Party::Gateway, _) => servers::gateway(tools, upstream.addr, durability)?,
                (Party::Other, Some(file)) => servers::other(tools, file, upstream.addr, durability)?,
                (Party::Other, None) => continue,
            };
            let idle = rss_kib(server.id())?;
            let value = match measured.case.shape {
                Shape::Hold { streams } => {
                    let args = ["hold", kind, &server.addr.to_string(), KEY, &streams.to_string()];
                    let mut load = Load::start(tools, &args.map(str::to_owned))?;
                    let held = load.run()?;
                    if number(&held["held"])? < f64::from(streams) {
                        return Err(format!("not all streams were opened: {held}"));
                    }
                    (rss_kib(server.id())? - idle) / f64::from(streams)
                }
                _ => idle / 1024.0,
            };
            let sample = Sample { value, rss_kib: rss_kib(server.id())?, ..Sample::default() };
            measured.of(party).push(sample);
        }
    }
    Ok(())
}

fn starts(tools: &Tools, measured: &mut Measured, options: &Options, first: bool) -> Result<(), String> {
    let upstream = servers::upstream(tools)?;
    for _ in 0..options.rounds {
        for (party, program) in [
            (Party::Base, None),
            (Party::Gateway, Some(tools.gateway())),
            (Party::Other, options.beside.as_deref()),
        ] {
            if party == Party::Other && program.is_none() {
                continue;
            }
            let sample = start::measure(tools, upstream.addr, program, first)?;
            measured.of(party).push(sample);
        }
    }
    Ok(())
}

fn latencies(ran: &Value, server: &Server) -> Result<Sample, String> {
    Ok(Sample {
        value: 0.0,
        user: None,
        calls_per_s: Some(rate_of(ran)?),
        p50_us: Some(number(&ran["total"]["p50_us"])?),
        p99_us: Some(number(&ran["total"]["p99_us"])?),
        rss_kib: rss_kib(server.id())?,
        overloaded: None,
    })
}

fn rate_of(ran: &Value) -> Result<f64, String> {
    Ok(number(&ran["calls"])? / (number(&ran["elapsed_ns"])? / 1e9))
}

pub(super) fn number(value: &Value) -> Result<f64, String> {
    value.as_f64().ok_or_else(|| "the load's answer lacks a figure".to_owned())
}
