//! What is done with a request before it is sent.

use std::hint::black_box;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, header::AUTHORIZATION};
use sluice_chat::scan::scan;
use sluice_gateway::measured::Door;
use sluice_providers::{
    dialect::{Call, UpstreamModel, dialect},
    vendor,
};

use crate::{Made, Part};

const KEYS: usize = 1_000;
const SMALL_BYTES: usize = 300;
const LARGE_BYTES: usize = 64 * 1024;

pub(crate) fn authenticate() -> Made {
    let secret = |n: usize| format!("sk-measured-{n:032}");
    let door = Door::new((0..KEYS).map(secret)).ok_or("no snapshot of the keys")?;
    let mut headers = HeaderMap::new();
    headers.insert(AUTHORIZATION, HeaderValue::from_str(&format!("Bearer {}", secret(KEYS / 2)))?);
    let run = move || match black_box(&door).opens(black_box(&headers)) {
        true => Ok(()),
        false => Err("the key was refused".into()),
    };
    Ok(Part { units: 1, run: Box::new(run) })
}

pub(crate) fn small() -> Made {
    scan_and_splice(SMALL_BYTES)
}

pub(crate) fn large() -> Made {
    scan_and_splice(LARGE_BYTES)
}

/// A body of so many bytes, its messages as long as that takes: prose with a line break now and then.
fn body(bytes: usize) -> Bytes {
    const LINE: &str = "The quick brown fox jumps over the lazy dog, and the dog does not mind.\\n";
    let (before, after) = (
        r#"{"model":"small","messages":[{"role":"system","content":"You are terse."},{"role":"user","content":""#,
        r#""}],"temperature":0.2,"max_completion_tokens":64}"#,
    );
    let room = bytes.saturating_sub(before.len() + after.len());
    let lines = room / LINE.len();
    let rest = "x".repeat(room % LINE.len());
    format!("{before}{}{rest}{after}", LINE.repeat(lines)).into()
}

/// Read, checked, and written for an upstream that knows the model under another name.
fn scan_and_splice(bytes: usize) -> Made {
    let body = body(bytes);
    let row = vendor("openai-compatible").ok_or("no such kind")?;
    let model = UpstreamModel::new("gpt-5-mini-2025-08-07");
    let run = move || {
        let found = scan(black_box(&body)).map_err(|_| "the body was refused")?;
        let call = Call::plain(&body, &found, &model, row);
        let encoded = dialect(row, model.name()).encode(&call).map_err(|error| error.message)?;
        black_box(encoded.body.len());
        Ok(())
    };
    Ok(Part { units: 1, run: Box::new(run) })
}
