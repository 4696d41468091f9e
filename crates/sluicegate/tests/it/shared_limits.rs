//! Limits that several nodes count together through Redis, and what happens when it does not answer.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use sluice_testkit::{
    client::{Client, get, post},
    patience::within,
    process::{Gateway, Launch},
    services::Redis,
    tls::Authority,
};
use tokio::{task::JoinSet, time::Instant};

use crate::{
    accounting::{SERVER, ask, key},
    rig::launch,
};

const SECRET: &str = "sk-shared-aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
const OTHER: &str = "sk-sharer-aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";

/// A node that shares limits through `redis`.
fn node(redis_url: &str, keys: &str) -> Launch {
    launch().config(&format!("{SERVER}[redis]\nurl = \"{redis_url}\"\n{keys}"))
}

async fn two_nodes(redis: &Redis, keys: &str) -> [Gateway; 2] {
    let nodes = [node(&redis.url(), keys).serve().await, node(&redis.url(), keys).serve().await];
    for node in &nodes {
        shares_with(node, 2).await;
    }
    nodes
}

async fn metrics(gateway: &Gateway) -> String {
    let (head, body) = Client::connect(gateway.admin).await.exchange(get("/metrics", "")).await;
    assert_eq!(head.status, 200);
    body.text().to_owned()
}

/// Waits until `gateway` knows of so many nodes; 0: until it counts for itself.
async fn shares_with(gateway: &Gateway, nodes: u32) {
    let line = format!("sluicegate_redis_nodes {nodes}\n");
    let shares = async {
        while !metrics(gateway).await.contains(&line) {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    within(&line, shares).await;
}

async fn status(client: &mut Client, secret: &str) -> u16 {
    client.exchange(ask(secret, "sandbox/echo", "x", 5)).await.0.status
}

/// Sends so many requests to each of `nodes` at once. Returns how many were let through.
async fn let_through(nodes: &[Gateway], secret: &'static str, each: usize) -> u64 {
    let mut callers = JoinSet::new();
    for node in nodes {
        for _ in 0..4 {
            let addr = node.data;
            callers.spawn(async move {
                let mut client = Client::connect(addr).await;
                let mut through = 0;
                for _ in 0..each / 4 {
                    match status(&mut client, secret).await {
                        200 => through += 1,
                        429 => {}
                        other => panic!("{other}"),
                    }
                }
                through
            });
        }
    }
    callers.join_all().await.into_iter().sum()
}

/// What `rpm` may let through since `since`, beyond itself.
fn flowed_back(rpm: u64, since: Instant) -> u64 {
    u64::try_from(since.elapsed().as_millis()).unwrap() * rpm / 60_000 + 1
}

/// What a test saw, and on which nodes.
struct Seen {
    nodes: Vec<Gateway>,
    /// How often the test itself made Redis silent.
    silences: usize,
    wrong: Option<String>,
}

impl Seen {
    fn new(nodes: Vec<Gateway>) -> Self {
        Self { nodes, silences: 0, wrong: None }
    }

    fn check(&mut self, right: bool, name: &str) {
        if !right && self.wrong.is_none() {
            self.wrong = Some(name.to_owned());
        }
    }

    /// Whether a node has not had its answer in time although Redis ran: the machine was too busy.
    fn was_disturbed(&self) -> bool {
        self.nodes.iter().any(|node| times(node, "limits are not shared") > self.silences)
    }
}

fn times(node: &Gateway, text: &str) -> usize {
    node.lines.so_far().iter().filter(|line| line.contains(text)).count()
}

/// Runs a test that needs every answer of Redis in time, and again where the machine was too busy for that.
async fn undisturbed(test: impl AsyncFn() -> Seen) {
    const ATTEMPTS: usize = 20;
    for _ in 0..ATTEMPTS {
        let seen = test().await;
        match &seen.wrong {
            None => return,
            Some(_) if seen.was_disturbed() => {}
            Some(wrong) => panic!("{wrong}"),
        }
    }
    panic!("this machine was too busy {ATTEMPTS} times");
}

#[tokio::test]
async fn two_nodes_let_through_what_one_may() {
    undisturbed(async || {
        let redis = Redis::start();
        let nodes = two_nodes(&redis, &key("k", SECRET, "limits = { rpm = 20 }")).await;
        let since = Instant::now();
        let through = let_through(&nodes, SECRET, 40).await;
        let (head, _) =
            Client::connect(nodes[1].data).await.exchange(ask(SECRET, "sandbox/echo", "x", 5)).await;
        assert_eq!(head.header("x-ratelimit-limit-requests"), Some("20"), "{}", head.raw);
        let mut seen = Seen::new(nodes.into());
        seen.check((20..=20 + flowed_back(20, since)).contains(&through), &format!("{through} went through"));
        seen.check(head.header("x-ratelimit-remaining-requests") == Some("0"), &head.raw);
        seen
    })
    .await;
}

#[tokio::test]
async fn tokens_that_were_not_used_come_back_for_all() {
    let redis = Redis::start();
    let nodes = two_nodes(&redis, &key("k", SECRET, "limits = { tpm = 100 }")).await;
    let mut first = Client::connect(nodes[0].data).await;
    let mut second = Client::connect(nodes[1].data).await;
    let answer = first.exchange(ask(SECRET, "sandbox/echo", "x", 101)).await;
    assert_eq!((answer.0.status, answer.0.header("x-should-retry")), (429, Some("false")));
    for client in [&mut first, &mut second] {
        let settled =
            async { while client.exchange(ask(SECRET, "sandbox/echo", "x", 80)).await.0.status != 200 {} };
        within("what the request before did not use", settled).await;
    }
}

/// A stream that goes on until its connection is dropped.
async fn endless(addr: SocketAddr, secret: &str) -> (Client, u16) {
    let body = r#"{"model":"sandbox/echo","stream":true,"messages":[{"role":"user","content":"x y z"}]}"#;
    let mut client = Client::connect(addr).await;
    client.send(post(secret, "x-sandbox-fault: stall_after=1\r\n", body)).await;
    let status = client.read_head().await.status;
    (client, status)
}

#[tokio::test]
async fn places_of_a_node_that_was_killed_come_back() {
    undisturbed(async || {
        let redis = Redis::start();
        let [mut a, b] = two_nodes(&redis, &key("k", SECRET, "limits = { parallel = 2 }")).await;
        let (on_a, status_a) = endless(a.data, SECRET).await;
        let (on_b, status_b) = endless(b.data, SECRET).await;
        assert_eq!((status_a, status_b), (200, 200));
        let mut client = Client::connect(b.data).await;
        for node in [&a, &b] {
            assert_eq!(status(&mut Client::connect(node.data).await, SECRET).await, 429);
        }
        let mut seen = Seen::new(Vec::new());
        a.kill().await;
        drop(on_a);
        let back = async { while status(&mut client, SECRET).await != 200 {} };
        within("the place that the dead node held", back).await;
        // One after the other on one node: what the one gave back is there for the next.
        for turn in 0..50 {
            let status = status(&mut client, SECRET).await;
            seen.check(status == 200, &format!("{status} in turn {turn}"));
        }
        drop(on_b);
        seen.nodes = vec![a, b];
        seen
    })
    .await;
}

#[tokio::test]
async fn a_place_on_one_node_is_free_for_the_other() {
    undisturbed(async || {
        let redis = Redis::start();
        let [a, b] = two_nodes(&redis, &key("k", SECRET, "limits = { parallel = 1 }")).await;
        let (held, got) = endless(a.data, SECRET).await;
        let mut client = Client::connect(b.data).await;
        let second = status(&mut client, SECRET).await;
        drop(held);
        let freed = async { while status(&mut client, SECRET).await != 200 {} };
        within("the place of a caller who left the other node", freed).await;
        let mut seen = Seen::new(vec![a, b]);
        seen.check((got, second) == (200, 429), &format!("{got} and {second}"));
        seen
    })
    .await;
}

/// Callers who never stop, on both nodes; none may see anything but 200 and 429.
struct Load {
    stop: Arc<AtomicBool>,
    answered: Arc<AtomicU64>,
    callers: JoinSet<()>,
}

impl Load {
    fn start(nodes: &[Gateway]) -> Self {
        let mut load = Self { stop: Arc::default(), answered: Arc::default(), callers: JoinSet::new() };
        for addr in nodes.iter().flat_map(|node| [node.data; 4]) {
            let (stop, answered) = (Arc::clone(&load.stop), Arc::clone(&load.answered));
            load.callers.spawn(async move {
                let mut client = Client::connect(addr).await;
                while !stop.load(Ordering::Relaxed) {
                    let status = status(&mut client, OTHER).await;
                    assert!(matches!(status, 200 | 429), "{status}");
                    answered.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
        load
    }

    /// Waits for so many more answers.
    async fn goes_on(&self, answers: u64) {
        let wanted = self.answered.load(Ordering::Relaxed) + answers;
        let more = async {
            while self.answered.load(Ordering::Relaxed) < wanted {
                tokio::task::yield_now().await;
            }
        };
        within("answers", more).await;
    }

    async fn end(self) {
        self.stop.store(true, Ordering::Relaxed);
        self.callers.join_all().await;
    }
}

/// Redis stops to answer, in one way or the other: load goes on without an error, and each node has its half.
async fn without_redis(nodes: &[Gateway], load: &Load) {
    for node in nodes {
        shares_with(node, 0).await;
    }
    load.goes_on(500).await;
}

async fn with_redis_again(nodes: &[Gateway], load: &Load) {
    for node in nodes {
        shares_with(node, 2).await;
    }
    load.goes_on(100).await;
}

async fn silent_then_dead_then_back() -> Seen {
    let mut redis = Redis::start();
    let keys = key("k", SECRET, "limits = { rpm = 10 }")
        + &key("load", OTHER, "limits = { rpm = 1_000_000, tpm = 1_000_000_000, parallel = 100 }");
    let nodes = two_nodes(&redis, &keys).await;
    let load = Load::start(&nodes);
    load.goes_on(100).await;

    redis.pause();
    without_redis(&nodes, &load).await;
    let since = Instant::now();
    let halves = let_through(&nodes, SECRET, 20).await;
    let of_halves = 10..=10 + 2 * flowed_back(5, since);
    redis.resume();
    with_redis_again(&nodes, &load).await;

    redis.stop();
    without_redis(&nodes, &load).await;
    redis.start_again();
    with_redis_again(&nodes, &load).await;
    let since = Instant::now();
    let shared = let_through(&nodes, SECRET, 40).await;
    let of_one = 10..=10 + flowed_back(10, since);
    load.end().await;

    let mut seen = Seen { silences: 2, ..Seen::new(nodes.into()) };
    seen.check(of_halves.contains(&halves), &format!("{halves} went through where each has its half"));
    seen.check(of_one.contains(&shared), &format!("{shared} went through when limits were shared again"));
    let lines = |text| seen.nodes.iter().map(|node| times(node, text)).collect::<Vec<_>>();
    let (not_shared, are_shared) = (lines("limits are not shared"), lines("limits are shared"));
    seen.check(not_shared == [2, 2] && are_shared == [3, 3], "there is not one line for each change");
    for node in &seen.nodes {
        assert!(!metrics(node).await.contains("sluicegate_redis_failures_total 0\n"));
    }
    seen
}

#[tokio::test]
async fn redis_silent_then_dead_then_back() {
    undisturbed(silent_then_dead_then_back).await;
}

#[tokio::test]
async fn a_start_without_redis() {
    const CANARY: &str = "canary-of-redis";
    // A port on which nobody listens.
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let url = format!("redis://u:{CANARY}@127.0.0.1:{port}");
    let mut gateway = node(&url, &key("k", SECRET, "limits = { rpm = 2, parallel = 9 }")).serve().await;
    let said = |line: &str| line.contains("limits are not shared").then(|| line.to_owned());
    let line = gateway.lines.find("what is wrong", said).await;
    assert!(line.contains("connection refused") && line.contains(&format!("127.0.0.1:{port}")), "{line}");
    let mut client = Client::connect(gateway.data).await;
    assert_eq!([status(&mut client, SECRET).await, status(&mut client, SECRET).await], [200, 200]);
    assert_eq!(status(&mut client, SECRET).await, 429, "it counts for itself");
    gateway.terminate();
    assert!(gateway.ended().await.success());
    assert!(!gateway.lines.so_far().join("\n").contains(CANARY));
}

#[tokio::test]
async fn redis_under_tls() {
    let authority = Authority::new();
    let redis = Redis::start_tls(&authority.identity(&["localhost"]));
    let start = async |server: &str| {
        let keys = key("k", SECRET, "limits = { rpm = 2 }");
        let config = format!("{SERVER}{server}[redis]\nurl = \"{}\"\n{keys}", redis.url());
        let launch = launch();
        let ca = launch.dir().join("ca.pem");
        std::fs::write(&ca, authority.pem()).unwrap();
        launch.env("SSL_CERT_FILE", &ca.display().to_string()).config(&config).serve().await
    };
    let (trusting, distrusting) = (start("native_roots = true\n").await, start("").await);
    shares_with(&trusting, 1).await;
    assert_eq!(status(&mut Client::connect(trusting.data).await, SECRET).await, 200);
    let said = |line: &str| line.contains("limits are not shared").then(|| line.to_owned());
    let line = distrusting.lines.find("what is wrong", said).await;
    assert!(line.contains("certificate"), "{line}");
    assert_eq!(status(&mut Client::connect(distrusting.data).await, SECRET).await, 200);
}

#[tokio::test]
async fn a_node_that_ends_leaves_at_once() {
    let redis = Redis::start();
    let [mut a, b] = two_nodes(&redis, &key("k", SECRET, "limits = { parallel = 1 }")).await;
    a.terminate();
    assert!(a.ended().await.success());
    shares_with(&b, 1).await;
    assert_eq!(status(&mut Client::connect(b.data).await, SECRET).await, 200);
}
