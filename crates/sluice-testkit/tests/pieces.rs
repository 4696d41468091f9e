//! The pieces of the test kit against each other.
#![allow(clippy::unwrap_used, clippy::panic, clippy::disallowed_methods, reason = "tests")]

use std::time::Duration;

use sluice_testkit::{
    answers, bench_upstream,
    client::{Client, Ending, post},
    gate::Gate,
    load::{Call, Closed, Kind, hold_open, open_loop},
    tls::Authority,
    upstream::{PeerClose, Refusing, Script, Upstream},
};

fn chat(stream: bool) -> String {
    format!(r#"{{"model":"m","messages":[],"stream":{stream}}}"#)
}

#[tokio::test]
async fn default_answers() {
    let upstream = Upstream::start().await;
    let mut client = Client::connect(upstream.addr()).await;
    let (head, body) = client.exchange(post("k", "x-a: 1\r\nX-B: 2\r\n", chat(false))).await;
    assert_eq!(head.status, 200);
    assert_eq!(body.json()["choices"][0]["message"]["content"], "one two three");
    let (_, body) = client.exchange(post("k", "", chat(true))).await;
    assert_eq!(body.chunks.len(), 6, "one event a chunk: {:?}", body.chunks);
    assert_eq!(body.events().last().unwrap(), "[DONE]");
    assert_eq!(body.ending, Ending::Complete);

    let first = upstream.next_request().await;
    assert_eq!((first.connection, first.number), (0, 0));
    let names: Vec<String> = first.headers().into_iter().map(|(name, _)| name).collect();
    assert_eq!(names, ["host", "authorization", "content-type", "x-a", "X-B", "content-length"]);
    assert_eq!(upstream.next_request().await.body, chat(true));
    assert!(!upstream.is_closed(0));
    drop(client);
    assert_eq!(upstream.closed(0).await, PeerClose::Fin);
}

#[tokio::test]
async fn scripts_wait_write_and_end() {
    let upstream = Upstream::start().await;
    let gate = Gate::new();
    let part = answers::chunk(b"first");
    upstream.script(Script::new().write(answers::STREAM_HEAD).pieces(1, part).wait(&gate).fin());
    upstream.script(Script::new().write("HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhalf").reset());
    upstream.script(Script::new().stall());

    let mut client = Client::connect(upstream.addr()).await;
    client.send(post("k", "", chat(true))).await;
    let head = client.read_head().await;
    assert!(head.is_chunked());
    assert_eq!(client.next_chunk().await.unwrap(), "first");
    gate.open();
    assert_eq!(client.next_chunk().await, Err(Ending::Eof));

    let mut client = Client::connect(upstream.addr()).await;
    let (_, body) = client.exchange(post("k", "", chat(false))).await;
    assert_eq!((body.text(), body.ending), ("half", Ending::Reset));
    assert_eq!(upstream.closed(1).await, PeerClose::OurOwn);

    let mut client = Client::connect(upstream.addr()).await;
    client.send_pieces(post("k", "", chat(false)), 1).await;
    upstream.accepted(3).await;
    for _ in 0..3 {
        upstream.next_request().await;
    }
    client.finish_sending().await;
    assert_eq!(upstream.closed(2).await, PeerClose::Fin);

    upstream.reset_next_accepts(1);
    let mut client = Client::connect(upstream.addr()).await;
    assert_eq!(client.try_read_head().await.err(), Some(Ending::Reset));
}

#[tokio::test]
async fn a_writer_is_held_back_by_its_reader() {
    let upstream = Upstream::start().await;
    let total = 64 << 20;
    let all = Gate::new();
    upstream.script(Script::new().write(answers::answer(200, "", &vec![b'x'; total])).note(&all));
    let mut client = Client::connect_narrow(upstream.addr()).await;
    client.send(post("k", "", chat(false))).await;
    let head = client.read_head().await;
    assert!(!all.is_open() && upstream.written_bytes(0) < 32 << 20, "sockets hold less than this");
    assert_eq!(client.read_body(&head).await.bytes.len(), total);
    all.passed("the last byte written").await;
}

#[tokio::test]
async fn tls_and_refusal() {
    let authority = Authority::new();
    let upstream = Upstream::start_tls(&authority.identity(&["localhost"])).await;
    assert!(upstream.base_url().starts_with("https://localhost:"));
    let mut client = Client::connect_tls(upstream.addr(), authority.client_config(&["http/1.1"])).await;
    let (head, _) = client.exchange(post("k", "", chat(false))).await;
    assert_eq!(head.status, 200);

    let refusing = Refusing::new();
    let addr = refusing.base_url().replace("http://", "").replace("/v1", "");
    let refused = tokio::net::TcpStream::connect(&addr).await.unwrap_err();
    assert_eq!(refused.kind(), std::io::ErrorKind::ConnectionRefused);
}

#[tokio::test]
async fn load_against_the_bench_upstream() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().unwrap();
    tokio::spawn(bench_upstream::serve(listener));
    for kind in [Kind::Small, Kind::Body64k, Kind::Burst, Kind::Paced] {
        let closed = Closed::open(addr, 4, Call::new(kind, "k")).await.unwrap();
        let (_, measured) = closed.run(Duration::from_secs(60), 12).await;
        assert_eq!((measured.calls, measured.failures), (12, 0), "{kind:?}");
        assert_eq!(measured.total.count(), 12);
    }
    let call = Call::new(Kind::Small, "k");
    let measured = open_loop(addr, 2, call, 1_000, Duration::from_millis(20)).await.unwrap();
    assert_eq!((measured.calls, measured.failures), (20, 0));
    assert_eq!(hold_open(addr, 5, &Call::new(Kind::Idle, "k")).await.unwrap().len(), 5);
}
