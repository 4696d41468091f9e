//! The rounds of one case: nginx and the gateway in turn, so that a drift of the machine meets both.

use std::net::SocketAddr;

use serde_json::Value;

use super::{
    Options,
    cases::{Case, Shape},
    load::Load,
    processes::{cpu, rss_kib},
    servers::{self, KEY, Server, Tools},
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
}

/// All samples of one case, round by round.
#[derive(Debug)]
pub(crate) struct Measured {
    pub(crate) case: Case,
    pub(crate) nginx: Vec<Sample>,
    pub(crate) gateway: Vec<Sample>,
}

pub(crate) fn measure(tools: &Tools, case: &Case, options: &Options) -> Result<Measured, String> {
    let mut measured = Measured { case: *case, nginx: Vec::new(), gateway: Vec::new() };
    let result = match case.shape {
        Shape::Closed { connections, events } => closed(tools, &mut measured, options, (connections, events)),
        Shape::Open { connections } => open(tools, &mut measured, options, connections),
        Shape::Hold { .. } | Shape::Idle => memory(tools, &mut measured, options),
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
    let upstream = servers::upstream(tools)?;
    let nginx = servers::beside(tools, options.beside.as_deref(), upstream.addr)?;
    let gateway = servers::gateway(tools, upstream.addr, measured.case.durability)?;
    let kind = measured.case.kind;
    let sample = |server: &Server, seconds: f64| {
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
    for server in [&nginx, &gateway] {
        sample(server, options.seconds.min(0.5))?;
    }
    for round in 0..options.rounds {
        // Who goes first alternates.
        let order = if round % 2 == 0 { [true, false] } else { [false, true] };
        for is_nginx in order {
            if is_nginx {
                measured.nginx.push(sample(&nginx, options.seconds)?);
            } else {
                measured.gateway.push(sample(&gateway, options.seconds)?);
            }
        }
    }
    Ok(())
}

fn open(tools: &Tools, measured: &mut Measured, options: &Options, connections: u32) -> Result<(), String> {
    let upstream = servers::upstream(tools)?;
    let nginx = servers::beside(tools, options.beside.as_deref(), upstream.addr)?;
    let gateway = servers::gateway(tools, upstream.addr, measured.case.durability)?;
    let kind = measured.case.kind;
    let load = |how: &str, addr: SocketAddr, seconds: f64, last: u32| {
        let args = [how, kind, &addr.to_string(), KEY, &connections.to_string()].map(str::to_owned);
        Load::start(tools, &[&args[..], &[seconds.to_string(), last.to_string()]].concat())?.run()
    };
    let capacity = load("closed", nginx.addr, options.seconds.min(2.0), MAX_CALLS)?;
    let rate = (rate_of(&capacity)? / 2.0).round() as u32;
    load("closed", gateway.addr, options.seconds.min(0.5), MAX_CALLS)?;
    for _ in 0..options.rounds {
        let direct = load("open", upstream.addr, options.seconds, rate)?;
        let direct_p99 = number(&direct["total"]["p99_us"])?;
        for (server, into) in [(&nginx, &mut measured.nginx), (&gateway, &mut measured.gateway)] {
            let ran = load("open", server.addr, options.seconds, rate)?;
            let mut sample = latencies(&ran, server)?;
            // At least one microsecond: a proxy that adds nothing cannot be divided by.
            sample.value = (number(&ran["total"]["p99_us"])? - direct_p99).max(1.0);
            into.push(sample);
        }
    }
    Ok(())
}

fn memory(tools: &Tools, measured: &mut Measured, options: &Options) -> Result<(), String> {
    let kind = measured.case.kind;
    for _ in 0..options.rounds.min(3) {
        let upstream = servers::upstream(tools)?;
        for is_nginx in [true, false] {
            // Fresh each time: what an earlier load left allocated would hide what a stream needs.
            let server = match is_nginx {
                true => servers::beside(tools, options.beside.as_deref(), upstream.addr)?,
                false => servers::gateway(tools, upstream.addr, measured.case.durability)?,
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
            if is_nginx { measured.nginx.push(sample) } else { measured.gateway.push(sample) }
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
    })
}

fn rate_of(ran: &Value) -> Result<f64, String> {
    Ok(number(&ran["calls"])? / (number(&ran["elapsed_ns"])? / 1e9))
}

fn number(value: &Value) -> Result<f64, String> {
    value.as_f64().ok_or_else(|| "the load's answer lacks a figure".to_owned())
}
