//! The upstream of the benchmarks: as little work as possible, all of it prepared before the first request.
//!
//! The model's name says what it answers: `small` (a whole answer of 600 bytes), `burst` (67 events as fast as the
//! socket takes them, a write each), `paced` (64 events, one each 5 ms), `talk` (the same, one each 20 ms), `idle` (the
//! first word, then nothing). Asked on the paths of Anthropic or Gemini, it answers every model with the texts of `burst`
//! in their events.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use bytes::Bytes;
use memchr::memmem;
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::Notify,
};

use crate::answers;

/// Bytes of the JSON body of the whole answer.
const WHOLE_ANSWER_BYTES: usize = 600;
/// Events of the burst stream, `[DONE]` included.
pub const BURST_EVENTS: usize = 67;
/// Events of the paced stream, `[DONE]` included.
pub const PACED_EVENTS: usize = 64;
/// Time between two events of the paced stream.
const PACE: Duration = Duration::from_millis(5);
/// The same of a stream at the speed at which models talk.
const TALK_PACE: Duration = Duration::from_millis(20);

struct Answers {
    whole: Bytes,
    burst: Vec<Vec<u8>>,
    paced: Vec<Vec<u8>>,
    anthropic: Vec<Vec<u8>>,
    gemini: Vec<Vec<u8>>,
}

impl Answers {
    fn new() -> Self {
        let empty = answers::completion("").len();
        let whole = answers::whole(&"x".repeat(WHOLE_ANSWER_BYTES - empty));
        let burst = words(BURST_EVENTS);
        Self {
            whole,
            burst: writes(&openai(&burst)),
            paced: writes(&openai(&words(PACED_EVENTS))),
            anthropic: writes(&anthropic(&burst)),
            gemini: writes(&gemini(&burst)),
        }
    }
}

/// The texts of a stream with this many events in OpenAI's dialect.
fn words(events: usize) -> Vec<String> {
    (0..events - 3).map(|n| format!(" word{n:02}")).collect()
}

fn openai(words: &[String]) -> Vec<String> {
    answers::events(&words.iter().map(String::as_str).collect::<Vec<_>>(), false)
}

fn anthropic(words: &[String]) -> Vec<String> {
    let event = |data: Value| {
        let kind = data["type"].as_str().unwrap_or_default();
        format!("event: {kind}\ndata: {data}\n\n")
    };
    let delta = |text: &String| {
        let delta = json!({ "type": "text_delta", "text": text });
        event(json!({ "type": "content_block_delta", "index": 0, "delta": delta }))
    };
    let mut all = vec![
        event(json!({ "type": "message_start", "message": {
            "id": "msg_up1", "type": "message", "role": "assistant", "model": answers::MODEL, "content": [],
            "stop_reason": null, "stop_sequence": null, "usage": { "input_tokens": 9, "output_tokens": 1 },
        } })),
        event(json!({
            "type": "content_block_start", "index": 0, "content_block": { "type": "text", "text": "" },
        })),
    ];
    all.extend(words.iter().map(delta));
    all.push(event(json!({ "type": "content_block_stop", "index": 0 })));
    all.push(event(json!({
        "type": "message_delta", "delta": { "stop_reason": "end_turn", "stop_sequence": null },
        "usage": { "output_tokens": words.len() },
    })));
    all.push(event(json!({ "type": "message_stop" })));
    all
}

/// Every event has the counts so far, and the last one the reason.
fn gemini(words: &[String]) -> Vec<String> {
    let event = |(at, text): (usize, &String)| {
        let content = json!({ "parts": [{ "text": text }], "role": "model" });
        let mut candidate = json!({ "content": content, "index": 0 });
        if at + 1 == words.len() {
            candidate["finishReason"] = json!("STOP");
        }
        let counts =
            json!({ "promptTokenCount": 9, "candidatesTokenCount": at + 1, "totalTokenCount": at + 10 });
        let data = json!({
            "candidates": [candidate], "usageMetadata": counts, "modelVersion": answers::MODEL, "responseId": "up1",
        });
        format!("data: {data}\r\n\r\n")
    };
    words.iter().enumerate().map(event).collect()
}

/// The writes of a stream: head and first event, the others, zero chunk with the last one.
fn writes(events: &[String]) -> Vec<Vec<u8>> {
    let mut writes: Vec<Vec<u8>> = events.iter().map(|event| answers::chunk(event.as_bytes())).collect();
    writes[0].splice(0..0, answers::STREAM_HEAD.bytes());
    if let Some(last) = writes.last_mut() {
        last.extend_from_slice(answers::LAST_CHUNK.as_bytes());
    }
    writes
}

/// Serves for ever on `listener`, on the caller's runtime.
pub async fn serve(listener: TcpListener) {
    let answers = Arc::new(Answers::new());
    let (beats, talk) = (Beats::start(PACE), Beats::start(TALK_PACE));
    let mut number = 0;
    loop {
        if let Ok((stream, _)) = listener.accept().await {
            number += 1;
            let beats = (beats.clone(), talk.clone());
            let answers = Arc::clone(&answers);
            tokio::spawn(async move {
                // A connection that breaks is the end of that connection alone.
                let _ = converse(stream, &answers, beats, number).await;
            });
        }
    }
}

#[derive(Clone, Copy)]
enum Kind {
    Whole,
    Burst,
    Paced,
    Talk,
    Idle,
    Anthropic,
    Gemini,
}

async fn converse(
    mut stream: TcpStream,
    answers: &Answers,
    (beats, talk): (Beats, Beats),
    number: usize,
) -> std::io::Result<()> {
    stream.set_nodelay(true)?;
    let mut buffer = Vec::with_capacity(2048);
    while let Some(kind) = next_request(&mut stream, &mut buffer).await? {
        match kind {
            Kind::Whole => stream.write_all(&answers.whole).await?,
            Kind::Burst => write_each(&mut stream, &answers.burst).await?,
            Kind::Anthropic => write_each(&mut stream, &answers.anthropic).await?,
            Kind::Gemini => write_each(&mut stream, &answers.gemini).await?,
            Kind::Paced => write_paced(&mut stream, &answers.paced, &beats, number).await?,
            Kind::Talk => write_paced(&mut stream, &answers.paced, &talk, number).await?,
            // The role alone is no content, and a gateway may hold it back.
            Kind::Idle => stream.write_all(&answers.paced[..2].concat()).await?,
        }
    }
    Ok(())
}

async fn write_each(stream: &mut TcpStream, writes: &[Vec<u8>]) -> std::io::Result<()> {
    for write in writes {
        stream.write_all(write).await?;
    }
    Ok(())
}

async fn write_paced(
    stream: &mut TcpStream,
    writes: &[Vec<u8>],
    beats: &Beats,
    number: usize,
) -> std::io::Result<()> {
    for write in writes {
        beats.next(number).await;
        stream.write_all(write).await?;
    }
    Ok(())
}

/// Beats out of step with one another, from a thread that sleeps by the kernel's fine clock. The runtime's own timers
/// fire together once a millisecond, which would hand the events of many streams to the proxy in bunches; those of
/// real upstreams come one by one.
#[derive(Clone)]
struct Beats(Arc<[Notify; PHASES]>);

/// Streams are out of step by this share of their pace.
const PHASES: usize = 64;

impl Beats {
    /// Starts the thread; it ends with the process.
    fn start(pace: Duration) -> Self {
        let beats = Self(Arc::new(std::array::from_fn(|_| Notify::new())));
        let ticking = beats.clone();
        std::thread::spawn(move || {
            let start = Instant::now();
            let step = pace / u32::try_from(PHASES).unwrap_or(1);
            for beat in 0_u32.. {
                ticking.0[beat as usize % PHASES].notify_waiters();
                std::thread::sleep((start + step * (beat + 1)).saturating_duration_since(Instant::now()));
            }
        });
        beats
    }

    async fn next(&self, stream: usize) {
        self.0[stream % PHASES].notified().await;
    }
}

/// Reads one request and drops it; `None` at the end of the connection.
async fn next_request(stream: &mut TcpStream, buffer: &mut Vec<u8>) -> std::io::Result<Option<Kind>> {
    let head_end = loop {
        if let Some(end) = memmem::find(buffer, b"\r\n\r\n") {
            break end + 4;
        }
        if stream.read_buf(buffer).await? == 0 {
            return Ok(None);
        }
    };
    let length = content_length(&buffer[..head_end]);
    while buffer.len() < head_end + length {
        if stream.read_buf(buffer).await? == 0 {
            return Ok(None);
        }
    }
    let start = &buffer[head_end..(head_end + length).min(head_end + 200)];
    let path = &buffer[..memchr::memchr(b'\r', buffer).unwrap_or_default()];
    let kind = if memmem::find(path, b"/v1/messages").is_some() {
        Kind::Anthropic
    } else if memmem::find(path, b":streamGenerateContent").is_some() {
        Kind::Gemini
    } else if memmem::find(start, b"\"burst\"").is_some() {
        Kind::Burst
    } else if memmem::find(start, b"\"paced\"").is_some() {
        Kind::Paced
    } else if memmem::find(start, b"\"talk\"").is_some() {
        Kind::Talk
    } else if memmem::find(start, b"\"idle\"").is_some() {
        Kind::Idle
    } else {
        Kind::Whole
    };
    buffer.drain(..head_end + length);
    Ok(Some(kind))
}

fn content_length(head: &[u8]) -> usize {
    let lower = head.to_ascii_lowercase();
    let Some(at) = memmem::find(&lower, b"content-length:") else { return 0 };
    let digits = lower[at + 15..].iter().skip_while(|b| **b == b' ').take_while(|b| b.is_ascii_digit());
    digits.fold(0, |sum, digit| sum * 10 + usize::from(digit - b'0'))
}
