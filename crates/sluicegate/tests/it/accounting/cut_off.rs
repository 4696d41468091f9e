//! One request that is cut off: by the end of the process, or by its caller.

use sluice_ledger::{NanoUsd, Record, estimate, frame};
use sluice_store::query::RequestRow;
use sluice_testkit::{
    answers,
    client::{Client, post},
    patience::within,
    process::{Gateway, Launch},
    upstream::{Script, Upstream},
};

use super::{SERVER, ask, books::Books, key};
use crate::rig::{launch, provider};

const SECRET: &str = "sk-cutoff-aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
const DOLLAR: u64 = 1_000_000_000;
const PROMPT: &str = "tell me a long story about a lighthouse";
/// Twenty words a piece, all of them different.
const PIECES: usize = 40;

fn piece(index: usize) -> String {
    (0..20).map(|word| format!("w{index}x{word} ")).collect()
}

/// A gateway before an upstream, at a dollar a token.
async fn start(upstream: &Upstream) -> (Launch, Gateway) {
    let model = "[[models]]\nname = \"dear\"\ntargets = [{ provider = \"up\", model = \"m\" }]\nstream_repair = \"off\"\n\
         price = { input = 1_000_000.0, output = 1_000_000.0 }\n";
    let budget = "budget = { usd = 100000.0, period = \"total\" }";
    let provider = provider("up", &upstream.base_url());
    let launch = launch().config(&format!("{SERVER}{provider}{model}{}", key("k", SECRET, budget)));
    let gateway = launch.serve().await;
    (launch, gateway)
}

async fn open(gateway: &Gateway) -> Client {
    let body = format!(
        r#"{{"model":"dear","stream":true,"max_completion_tokens":9000,"messages":[{{"role":"user","content":"{PROMPT}"}}]}}"#
    );
    let mut client = Client::connect(gateway.data).await;
    client.send(post(SECRET, "", body)).await;
    client
}

/// The answer that stalls in its middle.
fn half_an_answer() -> Script {
    let mut script = Script::new().write(answers::STREAM_HEAD);
    for index in 0..PIECES {
        script = script.write(answers::chunk(answers::text_event(&piece(index)).as_bytes()));
    }
    script.stall()
}

/// Reads all that comes of it. The request's id, and the tokens of prompt and answer by our own estimate.
async fn read_half(client: &mut Client) -> (String, u64, u64) {
    let head = client.read_head().await;
    assert_eq!(head.status, 200);
    client.read_until(piece(PIECES - 1).trim()).await;
    let delivered: usize = (0..PIECES).map(|index| piece(index).len()).sum();
    let delivered = estimate::text_tokens(delivered as u64, 0);
    let prompt = estimate::prompt_tokens(PROMPT.len() as u64, 0, 0);
    (head.header("x-request-id").unwrap().to_owned(), prompt, delivered)
}

/// What the books have once everything is settled; nothing is held then.
async fn settled(mut gateway: Gateway, id: &str) -> RequestRow {
    let books = Books::of(gateway.dir()).await;
    let row = books.row(id).await;
    gateway.terminate();
    assert!(gateway.ended().await.success());
    let purse = books.purse_of_key("k").await;
    assert_eq!(books.budget(&purse).await, (row.charged.unwrap(), NanoUsd(0)));
    assert_eq!(books.mismatches().await, [""; 0]);
    row
}

#[tokio::test]
async fn killed_in_the_middle_of_a_stream() {
    let upstream = Upstream::start().await;
    let (launch, mut gateway) = start(&upstream).await;
    upstream.script(half_an_answer());
    let mut client = open(&gateway).await;
    let (id, prompt, delivered) = read_half(&mut client).await;
    gateway.kill().await;
    let row = settled(launch.serve().await, &id).await;
    assert_eq!(row.usage_source.as_deref(), Some("interrupted"), "{row:?}");
    assert!(!row.flags.unconfirmed, "{row:?}");
    // The last mark is at most 64 tokens and one piece behind.
    assert!(row.prompt_tokens == prompt && row.completion_tokens <= delivered, "{row:?} of {delivered}");
    assert!(
        row.completion_tokens + 64 + piece(PIECES).len() as u64 / 4 >= delivered,
        "{row:?} of {delivered}"
    );
    assert_eq!(row.charged, Some(NanoUsd((row.prompt_tokens + row.completion_tokens) * DOLLAR)), "{row:?}");
}

/// Tokens of the answer that the journal says were delivered.
fn marked(gateway: &Gateway) -> u64 {
    let mut marked = 0;
    for file in std::fs::read_dir(gateway.dir().join("data/journal")).unwrap() {
        let path = file.unwrap().path();
        if path.extension().is_none_or(|extension| extension != "log") {
            continue;
        }
        let bytes = std::fs::read(path).unwrap();
        let mut rest = bytes.as_slice();
        while let Ok(Some((_, record, used))) = frame::decode(rest) {
            if let Record::Mark(mark) = record {
                marked = mark.usage.completion_tokens;
            }
            rest = &rest[used..];
        }
    }
    marked
}

#[tokio::test]
async fn a_few_words_before_a_silence_are_not_forgotten() {
    let upstream = Upstream::start().await;
    let (launch, mut gateway) = start(&upstream).await;
    let words = answers::chunk(answers::text_event("one two three four").as_bytes());
    upstream.script(Script::new().write(answers::STREAM_HEAD).write(words).stall());
    let mut client = open(&gateway).await;
    let id = client.read_head().await.header("x-request-id").unwrap().to_owned();
    let noted = async {
        while marked(&gateway) == 0 {
            tokio::task::yield_now().await;
        }
    };
    within("a mark in the silence", noted).await;
    gateway.kill().await;
    let row = settled(launch.serve().await, &id).await;
    assert_eq!(row.completion_tokens, estimate::text_tokens(18, 0), "{row:?}");
}

#[tokio::test]
async fn counts_that_cannot_be_are_flagged() {
    let upstream = Upstream::start().await;
    let (_launch, gateway) = start(&upstream).await;
    let body = answers::completion("one two three four");
    let mut body: serde_json::Value = serde_json::from_str(&body).unwrap();
    body["usage"]["prompt_tokens"] = serde_json::json!(-3);
    upstream.script(Script::new().write(answers::json_answer(200, &body.to_string())));
    let (head, _) = Client::connect(gateway.data).await.exchange(ask(SECRET, "dear", PROMPT, 90)).await;
    assert_eq!(head.status, 200);
    let row = settled(gateway, head.header("x-request-id").unwrap()).await;
    assert_eq!((row.flags.absurd, row.usage_source.as_deref()), (true, Some("estimated")), "{row:?}");
}

#[tokio::test]
async fn killed_before_anything_came() {
    let upstream = Upstream::start().await;
    let (launch, mut gateway) = start(&upstream).await;
    upstream.script(Script::new().stall());
    let _client = open(&gateway).await;
    upstream.next_request().await;
    gateway.kill().await;
    let gateway = launch.serve().await;
    let rows = Books::of(gateway.dir()).await.rows().await;
    let [row] = rows.as_slice() else { panic!("one row: {rows:?}") };
    let row = settled(gateway, &row.request.text()).await;
    assert_eq!((row.charged, row.flags.unconfirmed), (Some(NanoUsd(0)), true), "{row:?}");
    assert_eq!(row.usage_source.as_deref(), Some("interrupted"), "{row:?}");
    assert!(row.reserved.0 >= 9000 * DOLLAR, "{row:?}");
}

#[tokio::test]
async fn left_by_its_caller() {
    let upstream = Upstream::start().await;
    let (_launch, gateway) = start(&upstream).await;
    upstream.script(half_an_answer());
    let mut client = open(&gateway).await;
    let (id, prompt, delivered) = read_half(&mut client).await;
    drop(client);
    let row = settled(gateway, &id).await;
    assert_eq!(row.usage_source.as_deref(), Some("interrupted"), "{row:?}");
    assert_eq!((row.prompt_tokens, row.completion_tokens), (prompt, delivered), "{row:?}");
    assert_eq!(row.charged, Some(NanoUsd((prompt + delivered) * DOLLAR)), "{row:?}");
}
