//! The gateway for a long time under a modest load of all kinds: whether its memory stays what it is.
//!
//! It measures no time, so other work on the machine does not matter. The first third is for pools, caches and the
//! allocator to fill. Memory is flat where the median of the last third is not above that of the middle third by more
//! than 2 MiB or 3 %, whichever is more.

use std::{
    fs,
    io::{Read, Write},
    net::{SocketAddr, TcpStream},
    time::{Duration, Instant},
};

use super::{
    load::Load,
    processes::rss_kib,
    report,
    servers::{self, KEY, Server, Tools},
};
use crate::Outcome;

pub(crate) const NAME: &str = "soak";

const CALLS_PER_S: u32 = 60;
const SAMPLE_EVERY: Duration = Duration::from_secs(5);
/// What the desk has left to do when the load is over it has done within this.
const SETTLE: Duration = Duration::from_secs(60);
const GROWTH_KIB: f64 = 2048.0;
const GROWTH_SHARE: f64 = 0.03;
/// Connections come and go.
const GROWTH_FDS: f64 = 16.0;

/// One look at the gateway.
#[derive(Clone, Copy, Debug)]
struct Sample {
    minutes: f64,
    rss_kib: f64,
    fds: f64,
    /// Records of the journal that the desk has not read, or not posted.
    backlog: f64,
}

/// Runs it for so many minutes.
pub(crate) fn run(tools: &Tools, minutes: f64) -> Outcome {
    let upstream = servers::upstream(tools)?;
    let gateway = servers::gateway(tools, upstream.addr, "process")?;
    let admin = gateway.admin.ok_or("the gateway has no admin listener")?;
    let seconds = minutes * 60.0;
    let args = ["mix", &gateway.addr.to_string(), KEY, &seconds.to_string(), &CALLS_PER_S.to_string()];
    let load = Load::start(tools, &args.map(str::to_owned))?;
    println!(
        "soak: {minutes} min of {CALLS_PER_S} calls a second of all kinds, two of ten left by their callers\n"
    );
    println!("{:>8} {:>10} {:>6} {:>9}", "minutes", "RSS KiB", "fds", "backlog");
    let loaded = std::thread::spawn(move || {
        let mut load = load;
        load.run()
    });
    let samples = watch(&gateway, admin, &|| loaded.is_finished())?;
    let ran = loaded.join().map_err(|_| "the load broke")??;
    println!("\n{} calls, {} more were refused for overload", ran["calls"], ran["refused"]);
    posted(&gateway, admin)?;
    judge(&samples)
}

#[expect(
    clippy::disallowed_methods,
    reason = "a command-line tool that looks at another process from time to time"
)]
fn watch(server: &Server, admin: SocketAddr, is_over: &dyn Fn() -> bool) -> Result<Vec<Sample>, String> {
    let started = Instant::now();
    let mut samples = Vec::new();
    let mut shown = 0.0;
    while !is_over() {
        let seen = look(server, admin, started.elapsed())?;
        if seen.minutes >= shown {
            println!("{:>8.1} {:>10.0} {:>6} {:>9}", seen.minutes, seen.rss_kib, seen.fds, seen.backlog);
            shown += 1.0;
        }
        samples.push(seen);
        std::thread::sleep(SAMPLE_EVERY);
    }
    // The last one may be of a gateway without load.
    samples.pop();
    Ok(samples)
}

fn look(server: &Server, admin: SocketAddr, since: Duration) -> Result<Sample, String> {
    let fds = fs::read_dir(format!("/proc/{}/fd", server.id())).map_err(|error| error.to_string())?.count();
    Ok(Sample {
        minutes: since.as_secs_f64() / 60.0,
        rss_kib: rss_kib(server.id())?,
        fds: fds as f64,
        backlog: backlog(&metrics(admin)?)?,
    })
}

/// Waits until the books have everything.
#[expect(
    clippy::disallowed_methods,
    reason = "a command-line tool that looks at another process from time to time"
)]
fn posted(server: &Server, admin: SocketAddr) -> Outcome {
    let started = Instant::now();
    loop {
        let backlog = look(server, admin, Duration::ZERO)?.backlog;
        if backlog == 0.0 {
            println!("the books had everything {:.1} s after the last call", started.elapsed().as_secs_f64());
            return Ok(());
        }
        if started.elapsed() > SETTLE {
            return Err(format!("{backlog} records of the journal are not in the books"));
        }
        std::thread::sleep(Duration::from_millis(200));
    }
}

fn metrics(admin: SocketAddr) -> Result<String, String> {
    let mut answer = String::new();
    let mut get = || {
        let mut stream = TcpStream::connect(admin)?;
        stream.write_all(b"GET /metrics HTTP/1.1\r\nhost: soak\r\nconnection: close\r\n\r\n")?;
        stream.read_to_string(&mut answer)
    };
    get().map_err(|error| format!("no metrics: {error}"))?;
    Ok(answer)
}

fn backlog(metrics: &str) -> Result<f64, String> {
    let value = |name: &str| {
        let line = metrics.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        line.and_then(|text| text.trim().parse::<f64>().ok()).ok_or_else(|| format!("no metric {name}"))
    };
    Ok(value("sluicegate_journal_unread_records")? + value("sluicegate_journal_unposted_requests")?)
}

/// Whether memory and descriptors of the last third are those of the middle third.
fn judge(samples: &[Sample]) -> Outcome {
    let third = samples.len() / 3;
    if third == 0 {
        return Err("too short to say anything".to_owned());
    }
    let (middle, last) = (&samples[third..2 * third], &samples[samples.len() - third..]);
    let median = |of: &[Sample], pick: fn(&Sample) -> f64| report::median(of.iter().map(pick).collect());
    let (before, after) = (median(middle, |s| s.rss_kib), median(last, |s| s.rss_kib));
    let (fds_before, fds_after) = (median(middle, |s| s.fds), median(last, |s| s.fds));
    println!(
        "RSS {before:.0} KiB in the middle third, {after:.0} KiB in the last ({:+.1} KiB a minute over both); \
         descriptors {fds_before:.0} and {fds_after:.0}; backlog at most {:.0}",
        slope(&samples[third..]),
        samples.iter().map(|s| s.backlog).fold(0.0, f64::max),
    );
    if after - before > GROWTH_KIB.max(before * GROWTH_SHARE) {
        return Err(format!("memory is not flat: {:+.0} KiB", after - before));
    }
    if fds_after - fds_before > GROWTH_FDS {
        return Err(format!("descriptors are not given back: {:+.0}", fds_after - fds_before));
    }
    Ok(())
}

/// KiB a minute, by least squares.
fn slope(samples: &[Sample]) -> f64 {
    let count = samples.len().max(1) as f64;
    let mean = |pick: fn(&Sample) -> f64| samples.iter().map(pick).sum::<f64>() / count;
    let (x, y) = (mean(|s| s.minutes), mean(|s| s.rss_kib));
    let of = |f: &dyn Fn(&Sample) -> f64| samples.iter().map(f).sum::<f64>();
    let spread = of(&|s| (s.minutes - x).powi(2));
    if spread == 0.0 { 0.0 } else { of(&|s| (s.minutes - x) * (s.rss_kib - y)) / spread }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn samples(rss_kib: impl Fn(f64) -> f64, fds: impl Fn(f64) -> f64) -> Vec<Sample> {
        let minutes = (0..90).map(f64::from);
        minutes.map(|m| Sample { minutes: m, rss_kib: rss_kib(m), fds: fds(m), backlog: 0.0 }).collect()
    }

    #[test]
    fn what_is_flat() {
        let check = |rss: &dyn Fn(f64) -> f64, fds: &dyn Fn(f64) -> f64, expect: bool| {
            let seen = samples(rss, fds);
            assert_eq!(judge(&seen).is_ok(), expect, "{} KiB a minute", slope(&seen[30..]));
        };
        check(&|_| 40_000.0, &|_| 90.0, true);
        check(&|m| 40_000.0 + 9_000.0 * (m / 30.0).min(1.0), &|_| 90.0, true);
        check(&|m| 40_000.0 + 60.0 * m, &|_| 90.0, true);
        check(&|m| 40_000.0 + 80.0 * m, &|_| 90.0, false);
        check(&|m| 400_000.0 + 300.0 * m, &|_| 90.0, true);
        check(&|_| 40_000.0, &|m| 90.0 + m, false);
        assert!(judge(&[]).is_err());
    }

    #[test]
    fn slopes() {
        assert!((slope(&samples(|m| 7.0 + 3.0 * m, |_| 0.0)) - 3.0).abs() < 1e-9);
        assert_eq!(slope(&[]), 0.0);
    }

    #[test]
    fn what_is_left_to_post() {
        let text = "sluicegate_journal_unread_records 3\nsluicegate_journal_unposted_requests 4\n# EOF";
        assert_eq!(backlog(text), Ok(7.0));
        assert!(backlog("").is_err());
    }
}
