//! Rows of requests.

use sluice_ledger::{
    NanoUsd, RequestId, UsageSource,
    record::{Flags, Outcome},
};

use super::made::{NOW_MS, batch, details, id, posting, session, voided};
use crate::{
    SqlStore, Store as _,
    books::Details,
    query::{RequestFilter, RequestRow, Visible},
};

fn numbers(rows: &[RequestRow]) -> Vec<u8> {
    rows.iter().map(|row| row.request.0[15]).collect()
}

pub(super) async fn filters(store: SqlStore) {
    let node = session(&store, "n").await;
    let mut sent = batch([posting(1, 1), posting(2, 2), posting(3, 3), voided(4), posting(5, 5)]);
    sent.postings[0].0.reserve.key = "other".to_owned();
    sent.postings[1].0.reserve.project = "other".to_owned();
    sent.postings[2].0.reserve.model = "other".to_owned();
    sent.postings[4].1 = Some(Details { trace_id: "trace".to_owned(), ..details(429) });
    store.post(&node, &sent).await.unwrap();
    let all = RequestFilter { limit: 10, ..RequestFilter::default() };
    let one = |text: &str| Some(text.to_owned());
    let check = async |filter: RequestFilter, expect: &[u8]| {
        assert_eq!(numbers(&store.requests(&filter).await.unwrap()), expect, "{filter:?}");
    };
    check(all.clone(), &[5, 4, 3, 2, 1]).await;
    check(RequestFilter { limit: 2, ..all.clone() }, &[5, 4]).await;
    check(RequestFilter { limit: 0, ..all.clone() }, &[]).await;
    check(RequestFilter { key: one("other"), ..all.clone() }, &[1]).await;
    check(RequestFilter { key: one("key_a"), limit: 2, ..all.clone() }, &[5, 4]).await;
    check(RequestFilter { project: one("other"), ..all.clone() }, &[2]).await;
    check(RequestFilter { model: one("other"), ..all.clone() }, &[3]).await;
    check(RequestFilter { status: Some(200), ..all.clone() }, &[3, 2, 1]).await;
    check(RequestFilter { status: Some(502), ..all.clone() }, &[4]).await;
    check(RequestFilter { status: Some(429), ..all.clone() }, &[5]).await;
    check(RequestFilter { trace_id: one("trace"), ..all.clone() }, &[5]).await;
    check(RequestFilter { trace_id: one("trace"), key: one("other"), ..all.clone() }, &[]).await;
    check(RequestFilter { key: one("key_a"), model: one("m"), status: Some(200), ..all.clone() }, &[2]).await;
    check(RequestFilter { key: one("'; --\0"), ..all.clone() }, &[]).await;
    let names = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect::<Vec<_>>();
    let seen = |visible: Visible| RequestFilter { visible, ..all.clone() };
    check(seen(Visible::Keys(names(&["other"]))), &[1]).await;
    check(seen(Visible::Keys(names(&["other", "key_a", "other"]))), &[5, 4, 3, 2, 1]).await;
    check(RequestFilter { limit: 3, ..seen(Visible::Keys(names(&["other", "key_a"]))) }, &[5, 4, 3]).await;
    check(RequestFilter { key: one("key_a"), ..seen(Visible::Keys(names(&["other"]))) }, &[]).await;
    check(RequestFilter { project: one("other"), ..seen(Visible::Keys(names(&["key_a"]))) }, &[2]).await;
    check(seen(Visible::Projects(names(&["other", "a\0b"]))), &[2]).await;
    check(RequestFilter { project: one("other"), ..seen(Visible::Projects(names(&["none"]))) }, &[]).await;
    check(RequestFilter { model: one("other"), ..seen(Visible::Projects(names(&["other"]))) }, &[]).await;
    check(seen(Visible::Keys(Vec::new())), &[]).await;
}

pub(super) async fn pages_with_equal_times(store: SqlStore) {
    let node = session(&store, "n").await;
    let mut sent = batch((1..=7).map(|n| posting(n, n)));
    for (posting, _) in &mut sent.postings[1..6] {
        posting.reserve.unix_ms = NOW_MS + 3;
    }
    store.post(&node, &sent).await.unwrap();
    for (key, model) in [(None, None), (Some("key_a".to_owned()), None), (None, Some("m".to_owned()))] {
        let mut filter = RequestFilter { key, model, limit: 2, ..RequestFilter::default() };
        let mut found = Vec::new();
        loop {
            let page = store.requests(&filter).await.unwrap();
            let Some(last) = page.last() else { break };
            filter.before = Some((last.unix_ms, last.request));
            found.extend(numbers(&page));
        }
        assert_eq!(found, [7, 6, 5, 4, 3, 2, 1], "{filter:?}");
    }
}

pub(super) async fn every_column(store: SqlStore) {
    let node = session(&store, "n").await;
    let mut full = posting(1, 9);
    full.reserve.stream = true;
    full.reserve.reserved = NanoUsd(11);
    let flags = Flags { absurd: true, excess: false, unconfirmed: true };
    if let Outcome::Settled(settle) = &mut full.outcome {
        settle.flags = flags;
    }
    let mut unpriced = posting(2, 0);
    if let Outcome::Settled(settle) = &mut unpriced.outcome {
        settle.charged = None;
    }
    let mut sent = batch([full, unpriced]);
    sent.postings[0].1 = Some(details(200));
    store.post(&node, &sent).await.unwrap();
    let expect = RequestRow {
        request: id(1),
        unix_ms: NOW_MS + 1,
        key: "key_a".to_owned(),
        project: "p".to_owned(),
        model: "m".to_owned(),
        stream: true,
        provider: Some("up".to_owned()),
        upstream_model: Some("up-m".to_owned()),
        price_version: Some("v1".to_owned()),
        usage_source: Some(UsageSource::Provider.as_str().to_owned()),
        prompt_tokens: 10,
        completion_tokens: 5,
        cached_tokens: 4,
        cache_write_tokens: 3,
        reasoning_tokens: 2,
        reserved: NanoUsd(11),
        charged: Some(NanoUsd(9)),
        flags,
        details: Some(details(200)),
    };
    assert_eq!(store.request(id(1)).await.unwrap(), Some(expect));
    assert_eq!(store.request(id(2)).await.unwrap().unwrap().charged, None);
    assert_eq!(store.request(RequestId([0xff; 16])).await.unwrap(), None);
}
