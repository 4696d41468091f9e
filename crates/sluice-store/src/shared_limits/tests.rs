//! The script on a real server, beside the arithmetic that it has to agree with.

use std::borrow::Cow;

use sluice_ledger::limit::{MINUTE_NS, Rate, TooMuch};
use sluice_testkit::services::Redis;
use tokio::net::TcpStream;

use super::*;

async fn connect(server: &Server) -> TcpStream {
    TcpStream::connect((server.host(), server.port())).await.unwrap()
}

async fn link(redis: &Redis, node: &str) -> Link {
    let server = Server::parse(&redis.url()).unwrap();
    Link::begin(&server, connect(&server).await, node).await.unwrap()
}

/// A link whose script goes by a clock that the test sets.
async fn link_by_the_clock_of_the_test(redis: &Redis) -> Link {
    let server = Server::parse(&redis.url()).unwrap();
    let script = SCRIPT
        .replace("redis.call('TIME')", "redis.call('LRANGE', 'clock', 0, 1)")
        .replace("'PX', expires_ms", "'PX', 3600000");
    assert!(script.contains("'clock'") && script.contains("3600000"));
    Link::with_script(&server, connect(&server).await, "n", Cow::Owned(script)).await.unwrap()
}

async fn set_clock(link: &mut Link, us: u64) {
    let _: i64 = link.ask(redis::cmd("DEL").arg("clock")).await.unwrap();
    let mut push = redis::cmd("RPUSH");
    push.arg("clock").arg(us / 1_000_000).arg(us % 1_000_000);
    let _: i64 = link.ask(&push).await.unwrap();
}

fn key(name: &str) -> Arc<str> {
    name.into()
}

fn slot(name: &str, limit: u32) -> Wish {
    Wish::Slot { key: key(name), limit }
}

async fn take(link: &mut Link, wishes: &[Wish]) -> Taken {
    let mut batch = Batch::default();
    batch.take(wishes);
    let rates = wishes.iter().filter(|wish| matches!(wish, Wish::Rate { .. })).count();
    link.exchange(&batch).await.unwrap().taken(rates).unwrap()
}

async fn beat(link: &mut Link, ttl_ms: u32) -> u32 {
    let mut batch = Batch::default();
    batch.beat(ttl_ms);
    link.exchange(&batch).await.unwrap().nodes().unwrap()
}

async fn hold(link: &mut Link, name: &str, held: u32) {
    let mut batch = Batch::default();
    batch.hold(&key(name), held);
    link.exchange(&batch).await.unwrap();
}

/// A small generator with a seed, so that a failure can be had again.
struct Dice(u64);

impl Dice {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % bound
    }
}

/// One limit under a row of takes and corrections: the script and the ledger must agree on every one of them.
async fn check_agreement(link: &mut Link, seed: u64) {
    let mut dice = Dice(seed);
    let limit = [1, 7, 60, 997, 6_000, 1_000_000, 400_000_000_000][usize::try_from(dice.below(7)).unwrap()];
    let (rate, key) = (Rate::per_minute(limit), key(&format!("agree:{seed}")));
    let mut us = 1_795_000_000_000_000 + dice.below(1_000_000_000);
    let mut tat_ns = 0;
    for step in 0..60 {
        us += dice.below(20_000_000) * dice.below(2);
        let now_ns = us * 1_000;
        set_clock(link, us).await;
        let units = dice.below(limit + limit / 8 + 1);
        if dice.below(3) == 0 {
            let difference = i64::try_from(units).unwrap() * if dice.below(2) == 0 { 1 } else { -1 };
            let duration = i64::try_from(rate.duration_ns(units)).unwrap();
            let mut batch = Batch::default();
            batch.post(&key, duration * difference.signum());
            link.exchange(&batch).await.unwrap();
            tat_ns = rate.post(tat_ns, now_ns, difference);
        }
        let wish = Wish::Rate { key: Arc::clone(&key), cost_ns: rate.duration_ns(units) };
        let taken = take(link, &[wish]).await;
        let name = format!("seed {seed}, step {step}: {units} of {limit}");
        match rate.take(tat_ns, now_ns, units) {
            Ok(next) => {
                assert_eq!(taken.refused, None, "{name}");
                tat_ns = next;
            }
            Err(TooMuch::Wait { ns }) => {
                assert_eq!(taken.refused, Some(Refused { wish: 0, wait_ns: Some(ns) }), "{name}");
            }
            // That it never fits is known without asking; the script says so for a limit that is empty enough.
            Err(TooMuch::Never) => assert!(taken.refused.is_some(), "{name}"),
        }
        assert_eq!(taken.reset_ns, [rate.reset_ns(tat_ns, now_ns)], "{name}");
    }
}

#[tokio::test]
async fn the_script_counts_as_the_ledger_does() {
    let redis = Redis::start();
    let mut link = link_by_the_clock_of_the_test(&redis).await;
    for seed in 0..60 {
        check_agreement(&mut link, seed).await;
    }
}

#[tokio::test]
async fn all_or_none() {
    let redis = Redis::start();
    let mut link = link(&redis, "a").await;
    let rate = |name: &str, cost_ns| Wish::Rate { key: key(name), cost_ns };
    let full = |wish| Some(Refused { wish, wait_ns: None });
    let wishes = [slot("s", 1), rate("r", MINUTE_NS / 2), rate("t", MINUTE_NS)];
    let taken = take(&mut link, &wishes).await;
    assert_eq!((taken.refused, taken.reset_ns), (None, vec![MINUTE_NS / 2, MINUTE_NS]));
    assert_eq!(take(&mut link, &wishes).await.refused, full(0), "the first in the way is named");
    hold(&mut link, "s", 0).await;
    let taken = take(&mut link, &wishes).await;
    let refused = taken.refused.unwrap();
    assert_eq!(refused.wish, 2);
    assert!(refused.wait_ns.is_some_and(|ns| ns > 0 && ns <= MINUTE_NS), "{refused:?}");
    assert!(taken.reset_ns[0] <= MINUTE_NS / 2, "nothing of the rate before it was kept: {taken:?}");
    assert_eq!(take(&mut link, &wishes[..1]).await.refused, None, "nor of the slot");
}

#[tokio::test]
async fn slots_of_a_node_that_is_gone_come_back() {
    let redis = Redis::start();
    let (mut a, mut b) = (link(&redis, "a").await, link(&redis, "b").await);
    assert_eq!((beat(&mut a, 60_000).await, beat(&mut b, 60_000).await), (1, 2));
    hold(&mut a, "s", 2).await;
    assert_eq!(take(&mut b, &[slot("s", 3)]).await.refused, None);
    assert!(take(&mut b, &[slot("s", 3)]).await.refused.is_some());
    assert!(take(&mut a, &[slot("s", 3)]).await.refused.is_some());
    // `a` says nothing any more.
    beat(&mut a, 1).await;
    let gone = async { while beat(&mut b, 60_000).await > 1 {} };
    sluice_testkit::patience::within("the end of a node", gone).await;
    assert_eq!(take(&mut b, &[slot("s", 3)]).await.refused, None);
    // It was only slow: what it says it holds counts again.
    beat(&mut a, 60_000).await;
    hold(&mut a, "s", 2).await;
    assert!(take(&mut b, &[slot("s", 4)]).await.refused.is_some());
    let mut batch = Batch::default();
    batch.leave();
    a.exchange(&batch).await.unwrap();
    assert_eq!(take(&mut b, &[slot("s", 4)]).await.refused, None, "a node that leaves holds nothing");
}

#[tokio::test]
async fn a_batch_goes_in_its_order_and_a_lost_script_is_loaded_again() {
    let redis = Redis::start();
    let mut link = link(&redis, "a").await;
    let _: String = link.ask(redis::cmd("SCRIPT").arg("FLUSH")).await.unwrap();
    let rate = |cost_ns| [Wish::Rate { key: key("r"), cost_ns }];
    let mut batch = Batch::default();
    batch.beat(60_000);
    batch.take(&rate(MINUTE_NS));
    batch.post(&key("r"), -i64::try_from(MINUTE_NS / 2).unwrap());
    batch.take(&rate(MINUTE_NS / 4));
    let mut answers = link.exchange(&batch).await.unwrap();
    assert_eq!(answers.nodes().unwrap(), 1);
    assert_eq!(answers.taken(1).unwrap(), Taken { refused: None, reset_ns: vec![MINUTE_NS] });
    assert_eq!(answers.taken(1).unwrap(), Taken { refused: None, reset_ns: vec![MINUTE_NS / 4 * 3] });
    assert!(matches!(answers.taken(1), Err(LinkError::Foreign)), "there are no more");
}

#[tokio::test]
async fn every_key_expires() {
    let redis = Redis::start();
    let mut link = link(&redis, "a").await;
    take(&mut link, &[slot("s", 9), Wish::Rate { key: key("r"), cost_ns: 1_000_000_000 }]).await;
    hold(&mut link, "h", 1).await;
    for name in ["s", "r", "h"] {
        let ttl: i64 = link.ask(redis::cmd("PTTL").arg(name)).await.unwrap();
        assert!((1..=60_000).contains(&ttl), "{name}: {ttl}");
    }
}

#[tokio::test]
async fn passwords() {
    const CANARY: &str = "canary-password";
    let redis = Redis::start();
    let mut open = link(&redis, "a").await;
    let mut set = redis::cmd("CONFIG");
    let _: String = open.ask(set.arg("SET").arg("requirepass").arg("p%ss word")).await.unwrap();
    let host = redis.url().replace("redis://", "");
    let begin = async |url: String| {
        let server = Server::parse(&url).unwrap();
        assert!(!format!("{server:?} {server}").contains(CANARY));
        Link::begin(&server, connect(&server).await, "b").await.map(drop)
    };
    assert!(begin(format!("redis://:p%25ss%20word@{host}/3")).await.is_ok(), "and a database of its own");
    for wrong in [format!("redis://:{CANARY}@{host}"), format!("redis://{CANARY}:{CANARY}@{host}")] {
        let error = begin(wrong).await.unwrap_err();
        assert!(matches!(error, LinkError::Refused), "{error}");
        assert!(!format!("{error} {error:?}").contains(CANARY), "{error:?}");
    }
    let error = begin(format!("redis://{host}")).await.unwrap_err();
    assert!(matches!(error, LinkError::Refused), "{error}");
}

#[test]
fn urls() {
    let check = |url: &str, expect: Option<&str>| {
        let server = Server::parse(url);
        assert_eq!(server.as_ref().ok().map(ToString::to_string).as_deref(), expect, "{url}: {server:?}");
        let text = server.map_or_else(|error| format!("{error} {error:?}"), |server| format!("{server:?}"));
        assert!(!text.contains("canary"), "{text}");
    };
    check("redis://localhost", Some("redis://localhost:6379"));
    check("rediss://user:canary@redis.example:6380/2", Some("rediss://redis.example:6380"));
    check("redis://[::1]:7", Some("redis://[::1]:7"));
    check("redis://:canary@h/x", None);
    check("rediss://:canary@h#insecure", None);
    check("http://:canary@h", None);
    check("canary", None);
}
