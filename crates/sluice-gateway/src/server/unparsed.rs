//! Answers to what is no request head, in the form of all others: the error body, our ids, a line in the log.

use std::rc::Rc;

use http::{HeaderMap, Method};

use crate::{
    clock,
    exchange::Exchange,
    record::{Billing, Ending},
    refusal::Refusal,
    server::http1::HeadFault,
    worker::Worker,
};

/// The answer to what is not a head for this reason, as bytes, written down as a request of its own.
pub(super) fn answer(worker: &Rc<Worker>, fault: HeadFault) -> Vec<u8> {
    let unix_ms = clock::unix_ms();
    let ids = worker.ids.make(&HeaderMap::new(), unix_ms);
    let refusal = match fault {
        HeadFault::TooLarge => Refusal::headers_too_large(),
        HeadFault::Malformed => Refusal::malformed_head(),
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
