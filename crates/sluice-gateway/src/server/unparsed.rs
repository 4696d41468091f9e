//! Answers to what did not parse as a request head.
//!
//! hyper answers such bytes itself, with a status and no body. What it writes is replaced by an answer in the form of
//! all others: the error body, our ids, a line in the log.

use std::rc::Rc;

use http::{HeaderMap, Method};

use crate::{
    clock,
    exchange::{Billing, Ending, Exchange},
    refusal::Refusal,
    worker::Worker,
};

/// The status of an answer that hyper made up on its own; `None` for our own answers, which carry our id.
pub(super) fn status_of_bare_answer(written: &[u8]) -> Option<u16> {
    let rest = written.strip_prefix(b"HTTP/1.1 4").or_else(|| written.strip_prefix(b"HTTP/1.0 4"))?;
    if memchr::memmem::find(written, b"x-request-id").is_some() {
        return None;
    }
    let digits = rest.get(..2)?;
    let digit = |b: u8| b.is_ascii_digit().then(|| u16::from(b - b'0'));
    Some(400 + digit(digits[0])? * 10 + digit(digits[1])?)
}

/// Our answer of that status, as bytes, written down as a request of its own.
pub(super) fn answer(worker: &Rc<Worker>, status: u16) -> Vec<u8> {
    let unix_ms = clock::unix_ms();
    let ids = worker.ids.make(&HeaderMap::new(), unix_ms);
    let refusal = match status {
        431 | 414 => Refusal::headers_too_large(),
        _ => Refusal::malformed_head(),
    };
    worker.shared.metrics.requests.inc();
    let mut exchange = Exchange::begin(worker, ids.clone(), Method::default(), unix_ms);
    exchange.note(|record| {
        record.route = "unparsed";
        record.status = refusal.status;
        record.error_code.clone_from(&refusal.error.code);
    });
    // Nothing was held, so nothing can fail.
    let _ = exchange.end(Ending::Complete, Billing::Free);
    let body = refusal.error.to_json();
    let reason = if refusal.status == 431 { "Request Header Fields Too Large" } else { "Bad Request" };
    let head = format!(
        "HTTP/1.1 {} {reason}\r\ncontent-type: application/json\r\nx-request-id: {}\r\nx-trace-id: {}\r\nconnection: close\r\ncontent-length: {}\r\n\r\n",
        refusal.status,
        ids.request_text(),
        ids.trace_text(),
        body.len()
    );
    [head.as_bytes(), &body].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_answers_without_our_id_are_replaced() {
        let check = |written: &str, expect| {
            assert_eq!(status_of_bare_answer(written.as_bytes()), expect, "{written}")
        };
        check("HTTP/1.1 400 Bad Request\r\nconnection: close\r\ncontent-length: 0\r\n\r\n", Some(400));
        check("HTTP/1.1 431 Request Header Fields Too Large\r\ncontent-length: 0\r\n\r\n", Some(431));
        check("HTTP/1.1 404 Not Found\r\nx-request-id: req_1\r\ncontent-length: 2\r\n\r\n{}", None);
        check("HTTP/1.1 200 OK\r\n\r\n", None);
        check("HTTP/1.1 100 Continue\r\n\r\n", None);
        check("4", None);
    }
}
