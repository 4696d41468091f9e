//! What is done with a request before it is sent.

use std::hint::black_box;

use http::{HeaderMap, HeaderValue, header::AUTHORIZATION};
use sluice_chat::scan::scan;
use sluice_gateway::measured::Door;
use sluice_providers::{
    dialect::{Call, UpstreamModel, dialect},
    vendor,
};

use crate::{
    Made, Part,
    bodies::{Filled, LARGE, SMALL},
};

const KEYS: usize = 1_000;

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
    scan_and_splice(Filled::Prose, SMALL)
}

pub(crate) fn large() -> Made {
    scan_and_splice(Filled::Prose, LARGE)
}

pub(crate) fn large_of_messages() -> Made {
    scan_and_splice(Filled::Messages, LARGE)
}

pub(crate) fn large_of_code() -> Made {
    scan_and_splice(Filled::Code, LARGE)
}

pub(crate) fn large_of_tools() -> Made {
    scan_and_splice(Filled::Tools, LARGE)
}

pub(crate) fn large_in_chinese() -> Made {
    scan_and_splice(Filled::Chinese, LARGE)
}

/// Read, checked, and written for an upstream that knows the model under another name.
fn scan_and_splice(filled: Filled, bytes: usize) -> Made {
    let body = filled.body(bytes);
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
