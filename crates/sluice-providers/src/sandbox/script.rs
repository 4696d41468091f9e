//! An answer and its faults as a script.

use bytes::Bytes;
use serde_json::{Map, Value, json};
use sluice_chat::sse::{DONE, error_event, write_event};

use super::Step;
use super::answer::Answer;
use super::error::{Refusal, in_stream, of_status};
use super::request::Request;

const JSON: &str = "application/json";
const EVENTS: &str = "text/event-stream; charset=utf-8";

/// `created` of every answer, in seconds since 1970: the sandbox has no clock.
const CREATED_S: u64 = 1_730_000_000;

/// Stands for the "backend configuration" of the API: the version of the sandbox's own rules.
const FINGERPRINT: &str = "fp_sandbox_1";

pub(super) fn of_refusal(refusal: &Refusal) -> Vec<Step> {
    whole(refusal.status, None, refusal.error.to_json())
}

pub(super) fn of(request: &Request, answer: &Answer) -> Vec<Step> {
    let faults = &request.faults;
    let delay_ms = faults.first_token_delay_ms;
    let mut steps = Vec::new();
    let before_head = !request.stream || faults.status.is_some() || faults.reset;
    if delay_ms > 0 && before_head {
        steps.push(Step::WaitMs(delay_ms));
    }
    if faults.reset {
        steps.push(Step::Reset);
    } else if faults.silent {
        steps.push(Step::Silent);
    } else if let Some(status) = faults.status {
        let body = if status < 400 { Vec::new() } else { of_status(status).to_json() };
        steps.extend(whole(status, faults.retry_after_s, body));
    } else if request.stream {
        steps.extend(Stream { request, answer, steps: Vec::new(), words: 0 }.play());
    } else {
        steps.extend(completion(request, answer));
    }
    steps
}

fn whole(status: u16, retry_after_s: Option<u64>, body: Vec<u8>) -> Vec<Step> {
    let mut steps = vec![Step::Head { status, content_type: JSON, retry_after_s }];
    if !body.is_empty() {
        steps.push(Step::Bytes(Bytes::from(body)));
    }
    steps.push(Step::End);
    steps
}

/// The head of every object that is sent, in OpenAI's order.
fn envelope(request: &Request, object: &str) -> Map<String, Value> {
    let mut body = Map::new();
    body.insert("id".to_owned(), json!(request.id));
    body.insert("object".to_owned(), json!(object));
    body.insert("created".to_owned(), json!(CREATED_S));
    body.insert("model".to_owned(), json!(request.model.reported()));
    if let Some(tier) = &request.service_tier {
        body.insert("service_tier".to_owned(), json!(tier));
    }
    body.insert("system_fingerprint".to_owned(), json!(FINGERPRINT));
    body
}

/// A whole answer. Faults of a stream that name a word act on the middle of the body.
fn completion(request: &Request, answer: &Answer) -> Vec<Step> {
    let faults = &request.faults;
    if faults.error_event_after.is_some() {
        return whole(200, None, in_stream().to_json());
    }
    let choices = answer.choices.iter().enumerate().map(|(index, choice)| {
        json!({
            "index": index,
            "message": { "role": "assistant", "content": choice.text, "refusal": null, "annotations": [] },
            "logprobs": null,
            "finish_reason": choice.finish.as_str(),
        })
    });
    let mut body = envelope(request, "chat.completion");
    body.insert("choices".to_owned(), choices.collect());
    if !faults.no_usage {
        body.insert("usage".to_owned(), answer.usage.to_wire());
    }
    let mut body = Value::Object(body).to_string().into_bytes();
    let broken = match (faults.cut_after, faults.stall_after, faults.malformed_at) {
        (Some(_), _, _) => Some(Step::Reset),
        (None, Some(_), _) => Some(Step::Silent),
        (None, None, Some(_)) => Some(Step::End),
        (None, None, None) => None,
    };
    if broken.is_some() {
        body.truncate(body.len() / 2);
    }
    let mut steps = whole(200, None, body);
    if let (Some(last), Some(broken)) = (steps.last_mut(), broken) {
        *last = broken;
    }
    steps
}

/// A stream being written.
struct Stream<'a> {
    request: &'a Request,
    answer: &'a Answer,
    steps: Vec<Step>,
    /// Words sent.
    words: u64,
}

impl Stream<'_> {
    fn play(mut self) -> Vec<Step> {
        let faults = self.request.faults;
        self.steps.push(Step::Head { status: 200, content_type: EVENTS, retry_after_s: None });
        if faults.first_token_delay_ms > 0 {
            self.steps.push(Step::WaitMs(faults.first_token_delay_ms));
        }
        for index in 0..self.answer.choices.len() {
            self.choice(index, &json!({ "role": "assistant", "content": "", "refusal": null }), None);
        }
        for (index, word) in self.answer.words() {
            if let Some(step) = self.broken(false) {
                return self.broken_off(step);
            }
            if faults.chunk_delay_ms > 0 && self.words > 0 {
                self.steps.push(Step::WaitMs(faults.chunk_delay_ms));
            }
            self.words += 1;
            if faults.malformed_at == Some(self.words) {
                self.malformed();
            } else {
                self.choice(index, &json!({ "content": word }), None);
            }
        }
        if let Some(step) = self.broken(true) {
            return self.broken_off(step);
        }
        if faults.malformed_at.is_some_and(|at| at == 0 || at > self.words) {
            self.malformed();
        }
        for (index, choice) in self.answer.choices.iter().enumerate() {
            self.choice(index, &json!({}), Some(choice.finish.as_str()));
        }
        self.end()
    }

    fn end(mut self) -> Vec<Step> {
        if self.shows_usage() {
            let mut chunk = envelope(self.request, "chat.completion.chunk");
            chunk.insert("choices".to_owned(), json!([]));
            chunk.insert("usage".to_owned(), self.answer.usage.to_wire());
            self.event(&Value::Object(chunk).to_string());
        }
        if !self.request.faults.no_done {
            self.steps.push(Step::Bytes(Bytes::from_static(DONE)));
        }
        self.steps.push(Step::End);
        self.steps
    }

    fn shows_usage(&self) -> bool {
        self.request.include_usage && !self.request.faults.no_usage
    }

    /// The fault that breaks the stream off here; after the last word also those that were to come later.
    fn broken(&self, after_all: bool) -> Option<Step> {
        let faults = &self.request.faults;
        let here = |after: Option<u64>| after.is_some_and(|after| after == self.words || after_all);
        if here(faults.cut_after) {
            Some(Step::Reset)
        } else if here(faults.stall_after) {
            Some(Step::Silent)
        } else {
            here(faults.error_event_after).then(|| Step::Bytes(Bytes::from(error_event(&in_stream()))))
        }
    }

    fn broken_off(mut self, step: Step) -> Vec<Step> {
        let declared = matches!(step, Step::Bytes(_));
        self.steps.push(step);
        if declared {
            self.steps.push(Step::End);
        }
        self.steps
    }

    fn choice(&mut self, index: usize, delta: &Value, finish: Option<&str>) {
        let mut chunk = envelope(self.request, "chat.completion.chunk");
        let choice = json!({ "index": index, "delta": delta, "logprobs": null, "finish_reason": finish });
        chunk.insert("choices".to_owned(), json!([choice]));
        if self.shows_usage() {
            chunk.insert("usage".to_owned(), Value::Null);
        }
        self.event(&Value::Object(chunk).to_string());
    }

    /// A chunk whose second half is missing.
    fn malformed(&mut self) {
        let half = format!("{{\"id\":\"{}\",\"object\":\"chat.comp", self.request.id);
        self.event(&half);
    }

    fn event(&mut self, data: &str) {
        let mut event = Vec::with_capacity(data.len() + 8);
        write_event(&mut event, data.as_bytes());
        self.steps.push(Step::Bytes(Bytes::from(event)));
    }
}
