//! The way back of a stream, for each dialect: as many events of one word as a short answer has, each as it comes from
//! the socket.

use std::hint::black_box;

use base64::{Engine as _, prelude::BASE64_STANDARD};
use bytes::Bytes;
use sluice_chat::sse::SseReader;
use sluice_providers::{DecoderTerms, Passage, aws_stream, vendor};

use crate::{Made, Part};

const EVENTS: usize = 200;
const MAX_EVENT_BYTES: usize = 1 << 20;

fn stream(
    kind: &str,
    model: &'static str,
    (before, after): (Vec<Bytes>, Vec<Bytes>),
    event: impl Fn(usize) -> Bytes,
) -> Made {
    let row = vendor(kind).ok_or("no such kind")?;
    let pieces: Vec<Bytes> = before.into_iter().chain((0..EVENTS).map(event)).chain(after).collect();
    let mut out = Vec::new();
    let run = move || {
        let terms = DecoderTerms { upstream_model: model, ..DecoderTerms::plain(row, true, MAX_EVENT_BYTES) };
        let mut passage = Passage::new(&terms, true);
        for piece in &pieces {
            passage.push(piece.clone(), &mut out).map_err(|failure| failure.error.message)?;
            black_box(&out);
            out.clear();
        }
        passage.end(&mut out).map_err(|failure| failure.error.message)?;
        out.clear();
        Ok(())
    };
    Ok(Part { units: EVENTS as u64, run: Box::new(run) })
}

fn texts(all: &[&str]) -> Vec<Bytes> {
    all.iter().map(|text| Bytes::copy_from_slice(text.as_bytes())).collect()
}

/// The chunks of an answer: the first, those with a word, the last two.
fn chunks() -> (Vec<Bytes>, impl Fn(usize) -> Bytes, Vec<Bytes>) {
    let chunk = |delta: &str, finish: &str| {
        format!(
            "data: {{\"id\":\"chatcmpl-up1\",\"object\":\"chat.completion.chunk\",\"created\":1795219200,\
             \"model\":\"gpt-5-mini\",\"choices\":[{{\"index\":0,\"delta\":{delta},\"logprobs\":null,\
             \"finish_reason\":{finish}}}]}}\n\n"
        )
    };
    let first = chunk("{\"role\":\"assistant\",\"content\":\"\"}", "null");
    let last = chunk("{}", "\"stop\"");
    let word = move |n| chunk(&format!("{{\"content\":\" word{n:03}\"}}"), "null").into();
    (texts(&[&first]), word, texts(&[&last, "data: [DONE]\n\n"]))
}

/// What every decoder of such streams stands on.
pub(crate) fn sse() -> Made {
    let (before, word, after) = chunks();
    let pieces: Vec<Bytes> = before.into_iter().chain((0..EVENTS).map(word)).chain(after).collect();
    let run = move || {
        let mut reader = SseReader::new(MAX_EVENT_BYTES);
        for piece in &pieces {
            reader
                .feed(piece, &mut |event| {
                    black_box(&event);
                })
                .map_err(|_| "an event is too large")?;
        }
        Ok(())
    };
    Ok(Part { units: EVENTS as u64, run: Box::new(run) })
}

fn openai(kind: &str) -> Made {
    let (before, word, after) = chunks();
    stream(kind, "gpt-5-mini", (before, after), word)
}

pub(crate) fn exact() -> Made {
    openai("openai-compatible")
}

pub(crate) fn normalised() -> Made {
    openai("vllm")
}

/// Name and data of the events of an answer: the first two, those with a word, the last three.
type Said = (&'static str, String);

fn anthropic_events() -> ([Said; 2], impl Fn(usize) -> Said, [Said; 3]) {
    let said = |name: &'static str, rest: &str| (name, format!("{{\"type\":\"{name}\"{rest}}}"));
    let start = said(
        "message_start",
        ",\"message\":{\"id\":\"msg_1\",\"type\":\"message\",\"role\":\"assistant\",\"model\":\"m\",\"content\":[],\
         \"stop_reason\":null,\"stop_sequence\":null,\"usage\":{\"input_tokens\":9,\"output_tokens\":1}}",
    );
    let block =
        said("content_block_start", ",\"index\":0,\"content_block\":{\"type\":\"text\",\"text\":\"\"}");
    let word = move |n: usize| {
        let text = format!(",\"index\":0,\"delta\":{{\"type\":\"text_delta\",\"text\":\" word{n:03}\"}}");
        said("content_block_delta", &text)
    };
    let stop = said("content_block_stop", ",\"index\":0");
    let delta = said(
        "message_delta",
        ",\"delta\":{\"stop_reason\":\"end_turn\",\"stop_sequence\":null},\"usage\":{\"output_tokens\":200}",
    );
    ([start, block], word, [stop, delta, said("message_stop", "")])
}

pub(crate) fn anthropic() -> Made {
    let event = |(name, data): Said| Bytes::from(format!("event: {name}\ndata: {data}\n\n"));
    let (before, word, after) = anthropic_events();
    let ends = (before.map(event).to_vec(), after.map(event).to_vec());
    stream("anthropic", "claude-sonnet-4-5", ends, |n| event(word(n)))
}

/// The same events in the frames of AWS, which hold them in base64.
pub(crate) fn anthropic_on_aws() -> Made {
    let event =
        |(_, data): Said| frame("chunk", &format!("{{\"bytes\":\"{}\"}}", BASE64_STANDARD.encode(data)));
    let (before, word, after) = anthropic_events();
    let ends = (before.map(event).to_vec(), after.map(event).to_vec());
    stream("bedrock", "anthropic.claude-sonnet-4-5-20250929-v1:0", ends, |n| event(word(n)))
}

pub(crate) fn gemini() -> Made {
    let event = |text: &str, finish: &str, n: usize| {
        format!(
            "data: {{\"candidates\":[{{\"content\":{{\"parts\":[{{\"text\":\"{text}\"}}],\"role\":\"model\"}}{finish},\
             \"index\":0}}],\"usageMetadata\":{{\"promptTokenCount\":9,\"candidatesTokenCount\":{n},\
             \"totalTokenCount\":{}}},\"modelVersion\":\"m\",\"responseId\":\"up1\"}}\r\n\r\n",
            n + 9
        )
    };
    let last = event(".", ",\"finishReason\":\"STOP\"", EVENTS);
    let ends = (Vec::new(), texts(&[&last]));
    stream("gemini", "gemini-2.5-flash", ends, |n| event(&format!(" word{n:03}"), "", n + 1).into())
}

fn frame(name: &str, payload: &str) -> Bytes {
    let headers = [(":event-type", name), (":content-type", "application/json"), (":message-type", "event")];
    aws_stream::write(&headers, payload.as_bytes()).into()
}

pub(crate) fn bedrock() -> Made {
    let before = vec![frame("messageStart", "{\"role\":\"assistant\",\"p\":\"abc\"}")];
    let usage = "{\"usage\":{\"inputTokens\":9,\"outputTokens\":200,\"totalTokens\":209},\"metrics\":{\"latencyMs\":350}}";
    let after = vec![
        frame("contentBlockStop", "{\"contentBlockIndex\":0}"),
        frame("messageStop", "{\"stopReason\":\"end_turn\"}"),
        frame("metadata", usage),
    ];
    stream("bedrock", "amazon.nova-pro-v1:0", (before, after), |n| {
        let delta =
            format!("{{\"contentBlockIndex\":0,\"delta\":{{\"text\":\" word{n:03}\"}},\"p\":\"abcdefgh\"}}");
        frame("contentBlockDelta", &delta)
    })
}

pub(crate) fn cohere() -> Made {
    let event = |kind: &str, rest: &str| format!("event: {kind}\ndata: {{\"type\":\"{kind}\"{rest}}}\n\n");
    let start = event(
        "message-start",
        ",\"id\":\"29f14a5a-11de-4cae-9800-25e4747408ea\",\"delta\":{\"message\":{\"role\":\"assistant\",\
         \"content\":[],\"tool_plan\":\"\",\"tool_calls\":[],\"citations\":[]}}",
    );
    let block = event(
        "content-start",
        ",\"index\":0,\"delta\":{\"message\":{\"content\":{\"type\":\"text\",\"text\":\"\"}}}",
    );
    let stop = event("content-end", ",\"index\":0");
    let end = event(
        "message-end",
        ",\"delta\":{\"finish_reason\":\"COMPLETE\",\"usage\":{\"tokens\":{\"input_tokens\":9.0,\"output_tokens\":200.0}}}",
    );
    let ends = (texts(&[&start, &block]), texts(&[&stop, &end]));
    stream("cohere", "command-a-03-2025", ends, |n| {
        let text =
            format!(",\"index\":0,\"delta\":{{\"message\":{{\"content\":{{\"text\":\" word{n:03}\"}}}}}}");
        event("content-delta", &text).into()
    })
}

pub(crate) fn ollama() -> Made {
    let line = |text: &str, rest: &str| {
        format!(
            "{{\"model\":\"llama3.1:8b\",\"created_at\":\"2026-11-20T10:00:00.123456789Z\",\
             \"message\":{{\"role\":\"assistant\",\"content\":\"{text}\"}},{rest}}}\n"
        )
    };
    let last = line("", "\"done\":true,\"done_reason\":\"stop\",\"prompt_eval_count\":9,\"eval_count\":200");
    let ends = (Vec::new(), texts(&[&last]));
    stream("ollama", "llama3.1:8b", ends, |n| line(&format!(" word{n:03}"), "\"done\":false").into())
}
