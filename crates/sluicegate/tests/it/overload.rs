//! More than a worker can do, for real. How late the admitted ones are is a figure of the machine, so it is asked for.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use sluice_testkit::{
    bench_upstream,
    client::{Client, Ending, post},
};
use tokio::task::JoinSet;

use crate::rig::{KEY, base_config, chat_with_usage, launch, model, provider};

/// What callers saw.
#[derive(Debug, Default)]
struct Seen {
    /// Of complete answers, from when they were due.
    latencies: Vec<Duration>,
    refused: usize,
}

impl Seen {
    fn quantile(&mut self, q: f64) -> Duration {
        self.latencies.sort_unstable();
        let at = (self.latencies.len() as f64 * q) as usize;
        self.latencies[at.min(self.latencies.len() - 1)]
    }
}

/// Makes `rate` calls a second for `time`, whatever becomes of them; the first third is not looked at.
async fn offer(addr: SocketAddr, rate: f64, time: Duration) -> Seen {
    let idle: Arc<Mutex<Vec<Client>>> = Arc::default();
    let seen: Arc<Mutex<Seen>> = Arc::default();
    let started = Instant::now();
    let mut ticks = tokio::time::interval(Duration::from_millis(5));
    let mut calls = JoinSet::new();
    let mut made = 0_u64;
    while started.elapsed() < time {
        let due = ticks.tick().await.into_std();
        while (made as f64) < started.elapsed().as_secs_f64() * rate {
            made += 1;
            let (idle, seen) = (Arc::clone(&idle), Arc::clone(&seen));
            let looked_at = started.elapsed() > time / 3;
            calls.spawn(async move {
                let taken = idle.lock().unwrap().pop();
                let mut client = match taken {
                    Some(client) => client,
                    None => Client::connect(addr).await,
                };
                let (head, body) = client.exchange(post(KEY, "", chat_with_usage("paced"))).await;
                let took = due.elapsed();
                let complete = head.status == 200 && body.ending == Ending::Complete;
                assert!(complete || head.status == 503, "{}", head.raw);
                if looked_at {
                    let mut seen = seen.lock().unwrap();
                    if complete { seen.latencies.push(took) } else { seen.refused += 1 }
                }
                idle.lock().unwrap().push(client);
            });
        }
        while calls.try_join_next().is_some() {}
    }
    while calls.join_next().await.is_some() {}
    let mut seen = seen.lock().unwrap();
    std::mem::take(&mut *seen)
}

#[tokio::test]
#[ignore = "prints figures; wants a quiet machine and --release"]
async fn admitted_requests_are_in_time_at_five_times_the_load() {
    const TIME: Duration = Duration::from_secs(9);
    let upstream = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    upstream.set_nonblocking(true).unwrap();
    let url = format!("http://{}/v1", upstream.local_addr().unwrap());
    // Apart from the callers, who have enough to do.
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            bench_upstream::serve(tokio::net::TcpListener::from_std(upstream).unwrap()).await
        });
    });
    let config = base_config().replacen("[server]", "[server]\nworkers = 1", 1)
        + &provider("up", &url)
        + &model("paced", &[("up", "paced")], "");
    let gateway = launch().config(&config).serve().await;
    let mut rate = 50.0;
    let mut unloaded = offer(gateway.data, rate, TIME).await;
    // Doubled until it is too much.
    let capacity = loop {
        let seen = offer(gateway.data, rate, TIME / 2).await;
        let done = seen.latencies.len() as f64 / (TIME / 3).as_secs_f64();
        println!("{rate:.0} a second: {done:.0} answered, {} refused", seen.refused);
        if done < 0.8 * rate {
            break done;
        }
        rate *= 2.0;
    };
    let mut loaded = offer(gateway.data, 5.0 * capacity, 2 * TIME).await;
    let good = loaded.latencies.len() as f64 / (2.0 * TIME.as_secs_f64() * 2.0 / 3.0);
    let (before, after) = (unloaded.quantile(0.99), loaded.quantile(0.99));
    let (half_before, half_after) = (unloaded.quantile(0.5), loaded.quantile(0.5));
    println!(
        "capacity {capacity:.0} a second; at five times that {good:.0} a second, {} refused; \
         p50 {half_after:?}, p99 {after:?}; unloaded p50 {half_before:?}, p99 {before:?}",
        loaded.refused
    );
    assert!(after <= 2 * before, "p99 {after:?}, unloaded {before:?}");
}
