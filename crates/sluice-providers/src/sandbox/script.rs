//! What is played: an answer and its faults, or an error.

use std::collections::VecDeque;

use bytes::Bytes;
use serde_json::{Map, Value, json};

use super::Step;
use super::answer::Answer;
use super::error::{Refusal, in_stream, of_status};
use super::request::Request;
use super::stream::Stream;
use super::whole::Whole;

pub(super) const JSON: &str = "application/json";
pub(super) const EVENTS: &str = "text/event-stream; charset=utf-8";

/// `created` of every answer, in seconds since 1970: the sandbox has no clock.
const CREATED_S: u64 = 1_730_000_000;

/// `expires_at` of every sound, in seconds since 1970.
pub(super) const AUDIO_EXPIRES_S: u64 = CREATED_S + 3_600;

/// Stands for the "backend configuration" of the API: the version of the sandbox's own rules.
const FINGERPRINT: &str = "fp_sandbox_1";

/// What the sandbox does, step by step. Made as it is asked for: it keeps the request's text and little more.
#[derive(Debug)]
pub struct Script {
    /// What comes before the rest.
    first: VecDeque<Step>,
    rest: Rest,
}

#[derive(Debug)]
enum Rest {
    Nothing,
    Stream(Box<Stream>),
    Whole(Box<Whole>),
}

impl Iterator for Script {
    type Item = Step;

    fn next(&mut self) -> Option<Step> {
        if let Some(step) = self.first.pop_front() {
            return Some(step);
        }
        match &mut self.rest {
            Rest::Nothing => None,
            Rest::Stream(stream) => stream.next(),
            Rest::Whole(whole) => whole.next(),
        }
    }
}

impl Script {
    pub(super) fn of_refusal(refusal: &Refusal) -> Self {
        Self { first: error_body(refusal.status, None, refusal.error.to_json()), rest: Rest::Nothing }
    }

    pub(super) fn of(request: &Request) -> Self {
        let faults = &request.faults;
        let delay_ms = faults.first_token_delay_ms;
        let mut first = VecDeque::new();
        let before_head = !request.stream || faults.status.is_some() || faults.reset;
        if delay_ms > 0 && before_head {
            first.push_back(Step::WaitMs(delay_ms));
        }
        let mut rest = Rest::Nothing;
        if faults.reset {
            first.push_back(Step::Reset);
        } else if faults.silent {
            first.push_back(Step::Silent);
        } else if let Some(status) = faults.status {
            let body = if status < 400 { Vec::new() } else { of_status(status).to_json() };
            first.extend(error_body(status, faults.retry_after_s, body));
        } else if request.stream {
            rest = Rest::Stream(Box::new(Stream::new(request, Answer::of(request))));
        } else if faults.error_event_after.is_some() {
            first.extend(error_body(200, None, in_stream().to_json()));
        } else {
            rest = Rest::Whole(Box::new(Whole::new(request, Answer::of(request))));
        }
        Self { first, rest }
    }
}

fn error_body(status: u16, retry_after_s: Option<u64>, body: Vec<u8>) -> VecDeque<Step> {
    let mut steps = VecDeque::from([Step::Head { status, content_type: JSON, retry_after_s }]);
    if !body.is_empty() {
        steps.push_back(Step::Bytes(Bytes::from(body)));
    }
    steps.push_back(Step::End);
    steps
}

/// The head of every object that is sent, in OpenAI's order, without the brace that ends it.
pub(super) fn envelope(request: &Request, object: &str) -> Vec<u8> {
    let mut body = Map::new();
    body.insert("id".to_owned(), json!(request.id));
    body.insert("object".to_owned(), json!(object));
    body.insert("created".to_owned(), json!(CREATED_S));
    body.insert("model".to_owned(), json!(request.model.reported()));
    if let Some(tier) = &request.service_tier {
        body.insert("service_tier".to_owned(), json!(tier));
    }
    body.insert("system_fingerprint".to_owned(), json!(FINGERPRINT));
    let mut text = Value::Object(body).to_string();
    text.pop();
    text.into_bytes()
}
