//! Rows of requests.

use sluice_ledger::{
    NanoUsd, RequestId, UsageSource,
    record::{Flags, Outcome},
};

use super::made::{DAY_MS, NOW_MS, batch, details, id, posting, session, voided};
use crate::{
    SqlStore, Store as _,
    books::Details,
    engine::{Arg, Mode, Statement},
    query::{RequestFilter, RequestRow, Visible},
    sql::request_plans as plans,
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
    let rows = store.requests(&all).await.unwrap().rows;
    let check = async |filter: RequestFilter, expect: &[u8]| {
        let found = store.requests(&filter).await.unwrap().rows;
        assert_eq!(numbers(&found), expect, "{filter:?}");
        assert!(found.iter().all(|row| filter.takes(row) || row.details.is_none()), "{filter:?}");
        let same = RequestFilter { limit: all.limit, ..filter.clone() };
        let taken = rows.iter().filter(|row| filter.takes(row)).count();
        assert!(taken >= found.len() || filter.status.is_some(), "{same:?}");
    };
    check(all.clone(), &[5, 4, 3, 2, 1]).await;
    check(RequestFilter { limit: 2, ..all.clone() }, &[5, 4]).await;
    check(RequestFilter { limit: 0, ..all.clone() }, &[]).await;
    check(RequestFilter { key: one("other"), ..all.clone() }, &[1]).await;
    check(RequestFilter { key: one("key_a"), limit: 2, ..all.clone() }, &[5, 4]).await;
    check(RequestFilter { project: one("other"), ..all.clone() }, &[2]).await;
    check(RequestFilter { model: one("other"), ..all.clone() }, &[3]).await;
    check(RequestFilter { status: Some((200, 200)), ..all.clone() }, &[3, 2, 1]).await;
    check(RequestFilter { status: Some((502, 502)), ..all.clone() }, &[4]).await;
    check(RequestFilter { status: Some((429, 429)), ..all.clone() }, &[5]).await;
    check(RequestFilter { trace_id: one("trace"), ..all.clone() }, &[5]).await;
    check(RequestFilter { trace_id: one("trace"), key: one("other"), ..all.clone() }, &[]).await;
    check(
        RequestFilter { key: one("key_a"), model: one("m"), status: Some((200, 200)), ..all.clone() },
        &[2],
    )
    .await;
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
    check(RequestFilter { failed: true, ..all.clone() }, &[5, 4]).await;
    check(RequestFilter { failed: true, status: Some((400, 499)), ..all.clone() }, &[5]).await;
    check(RequestFilter { status: Some((500, 599)), ..all.clone() }, &[4]).await;
    check(RequestFilter { status: Some((200, 299)), ..all.clone() }, &[3, 2, 1]).await;
    check(RequestFilter { provider: one("up"), ..all.clone() }, &[5, 3, 2, 1]).await;
    check(RequestFilter { provider: one("u"), ..all.clone() }, &[]).await;
    let from = |n: u64| Some(NOW_MS + n);
    check(RequestFilter { from_ms: from(2), to_ms: from(4), ..all.clone() }, &[3, 2]).await;
    check(RequestFilter { from_ms: from(2), key: one("key_a"), ..all.clone() }, &[5, 4, 3, 2]).await;
    check(RequestFilter { to_ms: from(3), key: one("key_a"), ..all.clone() }, &[2]).await;
    check(RequestFilter { min_cost: Some(NanoUsd(3)), ..all.clone() }, &[5, 3]).await;
    check(RequestFilter { min_total_us: Some(3), ..all.clone() }, &[5]).await;
    check(RequestFilter { min_total_us: Some(4), ..all.clone() }, &[]).await;
    let many: Vec<&str> = (0..20).map(|_| "none").chain(["key_a"]).collect();
    check(RequestFilter { limit: 2, ..seen(Visible::Keys(names(&many))) }, &[5, 4]).await;
    check(RequestFilter { key: one("other"), ..seen(Visible::Keys(names(&many))) }, &[]).await;
    let many: Vec<&str> = ["a\0", "'\"]", "other"].into_iter().cycle().take(30).collect();
    check(seen(Visible::Projects(names(&many))), &[2]).await;
}

pub(super) async fn beginnings(store: SqlStore) {
    let node = session(&store, "n").await;
    let mut sent = batch([posting(1, 1), posting(2, 2), posting(0x21, 3)]);
    for ((_, found), trace) in sent.postings.iter_mut().zip(["abc", "abd", "b"]) {
        *found = Some(Details { trace_id: trace.to_owned(), ..details(200) });
    }
    store.post(&node, &sent).await.unwrap();
    let check = async |text: &str, limit: u32, expect: &[u8]| {
        let filter = RequestFilter { beginning: Some(text.to_owned()), limit, ..RequestFilter::default() };
        assert_eq!(numbers(&store.requests(&filter).await.unwrap().rows), expect, "{text}");
    };
    check(&id(2).text(), 9, &[2]).await;
    check(&id(2).text()[4..], 9, &[2]).await;
    check(&id(2).text()[..35], 9, &[2, 1]).await;
    check("req_0000", 9, &[0x21, 2, 1]).await;
    check("req_0000", 1, &[0x21]).await;
    check("ab", 9, &[2, 1]).await;
    check("abd", 9, &[2]).await;
    check("b", 9, &[0x21]).await;
    check("bc", 9, &[]).await;
    check("%", 9, &[]).await;
    check("a\0", 9, &[]).await;
}

/// Some thousand rows, of which the key `rare` has the oldest.
const MANY: Statement = Statement::new(
    "WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c WHERE n < 8000) INSERT INTO requests \
     SELECT unhex(printf('%032x', n)), 1795219200000 + n, CASE n WHEN 1 THEN 'rare' ELSE 'k' END, 'p', 'm', 0, \
     200, 0, n, 0, 'up', 'x', 'v', 'provider', 1, 1, 0, 0, 0, NULL, NULL, NULL, NULL, n, 0, NULL FROM c",
    "WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c WHERE n < 8000) INSERT INTO requests \
     SELECT decode(lpad(to_hex(n), 32, '0'), 'hex'), 1795219200000 + n, CASE n WHEN 1 THEN 'rare' ELSE 'k' END, \
     'p', 'm', 0, 200, 0, n, 0, 'up', 'x', 'v', 'provider', 1, 1, 0, 0, 0, NULL, NULL, NULL, NULL, n, 0, NULL FROM c",
);

pub(super) async fn what_is_rare_is_looked_for_in_steps(store: SqlStore) {
    let mut tx = store.begin(Mode::Write).await.unwrap();
    tx.execute(&MANY, &[] as &[Arg<'_>]).await.unwrap();
    tx.commit().await.unwrap();
    let all = RequestFilter { limit: 2, ..RequestFilter::default() };
    // The pages that a search has, by their numbers of rows.
    let check = async |mut filter: RequestFilter, expect: &[usize]| {
        let mut found = Vec::new();
        loop {
            let page = store.requests(&filter).await.unwrap();
            found.push(page.rows.len());
            let Some(next) = page.next else { break };
            assert!(filter.before.is_none_or(|before| next < before), "{filter:?}");
            filter.before = Some(next);
        }
        assert_eq!(found, expect, "{filter:?}");
    };
    let rare = Some("rare".to_owned());
    let many = (0..20).map(|n| format!("none {n}")).chain(rare.clone()).collect();
    let few = Visible::Keys(vec!["rare".to_owned(), "k".to_owned()]);
    check(RequestFilter { visible: few.clone(), min_cost: Some(NanoUsd(7_999)), ..all.clone() }, &[2, 0])
        .await;
    check(RequestFilter { visible: few, to_ms: Some(DAY_MS + 4), ..all.clone() }, &[2, 1]).await;
    check(RequestFilter { key: rare.clone(), ..all.clone() }, &[1]).await;
    check(RequestFilter { visible: Visible::Keys(many), ..all.clone() }, &[0, 1]).await;
    check(RequestFilter { model: Some("m".to_owned()), min_total_us: Some(7_999), ..all.clone() }, &[2, 0])
        .await;
    check(RequestFilter { provider: Some("x".to_owned()), ..all.clone() }, &[0, 0]).await;
    check(RequestFilter { provider: rare.clone(), from_ms: Some(DAY_MS + 4_500), ..all.clone() }, &[0]).await;
    check(RequestFilter { key: rare, min_total_us: Some(1), ..all }, &[1]).await;
}

/// Which index each way of asking uses, and that nothing is sorted.
#[tokio::test]
async fn lists_are_led_by_an_index() {
    let dir = tempfile::tempdir().unwrap();
    let store = SqlStore::open_sqlite(&dir.path().join("db")).await.unwrap();
    for (statement, expect) in plans() {
        let found = store.plan(&statement).await;
        assert!(found.contains(expect), "{expect}: {found}");
        assert!(!found.contains("SCAN requests"), "{expect}: {found}");
        assert!(!found.contains("TEMP B-TREE") || found.contains("COMPOUND QUERY"), "{expect}: {found}");
    }
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
            found.extend(numbers(&page.rows));
            let Some(next) = page.next else { break };
            filter.before = Some(next);
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
        failed: false,
        details: Some(details(200)),
    };
    // What a batch says that its rows will be.
    assert_eq!(sent.rows()[0], expect);
    assert_eq!(store.request(id(1)).await.unwrap(), Some(expect));
    assert_eq!(store.request(id(2)).await.unwrap().unwrap().charged, None);
    assert_eq!(store.request(RequestId([0xff; 16])).await.unwrap(), None);
}
