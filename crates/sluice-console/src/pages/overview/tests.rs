use serde_json::{Value, json};

use super::*;
use crate::{Language, Role, test_visit::TestVisit};

fn row(bucket: Option<&str>, model: &str, requests: u64, cost: u64) -> Value {
    let mut row = json!({
        "model": model, "requests": requests, "errors": 1, "prompt_tokens": 1000, "completion_tokens": 500,
        "cached_tokens": 100, "reasoning_tokens": 0, "cost_nanousd": cost,
        "first_token_ms": { "p50": 200.0, "p90": 300.0, "p95": 400.0, "p99": 900.0, "count": 9 },
        "total_ms": { "p50": 1200.0, "p90": 1300.0, "p95": 1400.0, "p99": 1900.0, "count": 9 },
    });
    if let Some(bucket) = bucket {
        row["bucket"] = bucket.into();
    }
    row
}

/// The answers of a gateway at work.
fn busy() -> Answers {
    let rows = [
        row(Some("2026-11-21T10:00:00Z"), "m & <m>", 40, 2_000_000_000),
        row(Some("2026-11-21T11:00:00Z"), "n", 10, 0),
    ];
    let status = json!({ "attention": [{
        "kind": "budget", "severity": "warning", "object": "project", "object_id": "<q>",
        "message": "The project '<q>' has spent 96 % of its budget.", "since": null,
    }] });
    Answers::new()
        .with("usage", json!({ "data": rows }))
        .with("groups", json!({ "data": [row(None, "m & <m>", 40, 2_000_000_000), row(None, "n", 10, 0)] }))
        .with("total", json!({ "data": [row(None, "", 50, 2_000_000_000)] }))
        .with("before", json!({ "data": [row(None, "", 40, 4_000_000_000_u64)] }))
        .with("times", json!({ "data": rows }))
        .with("keys", json!({ "data": [{ "id": "key_1", "name": "first", "revoked": false }] }))
        .with("status", status)
        .with("providers", json!({ "data": [{ "name": "openai", "origin": "admin" }] }))
        .with(
            "models",
            json!({ "data": [{ "name": "n", "targets": [{ "provider": "openai", "model": "x" }] }] }),
        )
}

fn page(visit: &TestVisit, answers: &Answers) -> String {
    let rendered = crate::render(&visit.visit(), answers);
    assert_eq!(rendered.status, 200, "{}", rendered.html);
    rendered.html
}

#[test]
fn the_admin_api_is_asked_for_what_the_address_says() {
    let check = |pairs: &[(&str, &str)], name: &str, expect: Option<&str>| {
        let visit = TestVisit::new(Page::Overview).query(pairs);
        let wants = wants(&visit.visit());
        let found = wants.iter().find(|want| want.name == name).map(|want| want.path.as_str());
        assert_eq!(found, expect, "{pairs:?} {name}");
    };
    let usage = "/admin/v1/usage?from=2026-11-20T12%3A00%3A00Z&to=2026-11-21T12%3A00%3A00Z";
    check(&[], "usage", Some(&format!("{usage}&group_by=model&bucket=hour")));
    check(&[], "groups", Some(&format!("{usage}&latency=only&group_by=model")));
    check(&[], "times", Some(&format!("{usage}&latency=only&bucket=hour")));
    let before = "/admin/v1/usage?from=2026-11-19T12%3A00%3A00Z&to=2026-11-20T12%3A00%3A00Z";
    check(&[("model", "a/b")], "before", Some(&format!("{before}&model=a%2Fb")));
    check(&[("by", "key"), ("model", "m")], "groups", None);
    check(&[("key", "k"), ("model", "m")], "times", None);
}

#[test]
fn what_is_seen_by_whom() {
    let visit = |role| {
        let mut visit = TestVisit::new(Page::Overview);
        visit.who.role = role;
        visit
    };
    let check = |role, expect: &[&str], without: &[&str]| {
        let html = page(&visit(role), &busy());
        for text in expect {
            assert!(html.contains(text), "{role:?} lacks {text}: {html}");
        }
        for text in without {
            assert!(!html.contains(text), "{role:?} has {text}");
        }
    };
    let all = [
        ">50</data></a></dd><dd class=\"aside\">+25.0 % vs. before</dd>",
        "title=\"$2.00\">$2.00</data></dd><dd class=\"aside\">−50.0 % vs. before</dd>",
        "p95 400 ms",
        "href=\"/requests?from=2026-11-20T12%3A00%3A00Z&#38;to=2026-11-21T12%3A00%3A00Z&#38;status=error\"",
        "href=\"/?model=m%20%26%20%3Cm%3E\">m &#38; &#60;m&#62;</a>",
    ];
    check(Role::Owner, &all, &["<m>", "<q>", "class=\"steps\""]);
    check(Role::Owner, &["Budget near its end", "/projects/%3Cq%3E"], &[]);
    check(Role::Billing, &all, &["Budget near its end"]);
    let html = page(&visit(Role::Owner).language(Language::Chinese), &busy());
    assert!(html.contains("预算即将用尽") && html.contains("较上期 +25.0 %"));
}

#[test]
fn an_empty_install_is_shown_the_way() {
    let nothing = json!({ "data": [] });
    let check = |providers: Value, models: Value, keys: Value, next: Option<&str>| {
        let answers = Answers::new()
            .with("usage", nothing.clone())
            .with("status", json!({ "attention": [] }))
            .with("providers", json!({ "data": providers }))
            .with("models", json!({ "data": models }))
            .with("keys", json!({ "data": keys }));
        let html = page(&TestVisit::new(Page::Overview), &answers);
        let found = html.split("<li class=\"next\"><div><h3>").nth(1).and_then(|rest| rest.split('<').next());
        assert_eq!(found, next);
        assert_eq!(html.contains("No requests in this time"), next.is_none());
    };
    let sandbox = json!([{ "name": "sandbox", "origin": "built_in" }]);
    let own = json!([{ "name": "sandbox", "origin": "built_in" }, { "name": "p", "origin": "admin" }]);
    let model =
        |provider: &str| json!([{ "name": "m", "targets": [{ "provider": provider, "model": "x" }] }]);
    let key = json!([{ "id": "key_1", "name": "k", "revoked": false }]);
    let gone = json!([{ "id": "key_1", "name": "k", "revoked": true }]);
    check(sandbox.clone(), json!([]), json!([]), Some("Connect a provider"));
    check(sandbox, json!([]), key.clone(), Some("Connect a provider"));
    check(own.clone(), model("sandbox"), key.clone(), Some("Offer a model"));
    check(own.clone(), model("p"), gone, Some("Create a key"));
    check(own, model("p"), key, None);
}

#[test]
fn answers_that_are_missing_leave_the_rest() {
    let away =
        Problem { status: 503, code: "accounting_unavailable".to_owned(), message: "Away.".to_owned() };
    let visit = TestVisit::new(Page::Overview);
    let mut answers = busy();
    answers.put("status", Err(away.clone()));
    answers.put("before", Err(away.clone()));
    answers.put("times", Err(away.clone()));
    answers.put("groups", Err(away.clone()));
    let html = page(&visit, &answers);
    assert!(html.contains("accounting_unavailable") && html.contains("no answers were timed"));
    assert!(html.contains("m &#38; &#60;m&#62;</a></th>"), "the table needs no times");
    answers.put("usage", Err(away));
    let rendered = crate::render(&visit.visit(), &answers);
    assert!(rendered.status == 503 && rendered.html.contains("The database does not answer"));
}

#[test]
fn rows_are_sorted() {
    let check = |sort: &str, expect: &[&str]| {
        let html = page(&TestVisit::new(Page::Overview).query(&[("sort", sort)]), &busy());
        let rows = html.split("<th scope=\"row\" class=\"long\">").skip(1);
        let names: Vec<&str> = rows.filter_map(|row| row.split("\">").nth(1)?.split('<').next()).collect();
        assert_eq!(names, expect, "{sort}");
    };
    check("", &["m &#38; &#60;m&#62;", "n"]);
    check("requests", &["n", "m &#38; &#60;m&#62;"]);
    check("-name", &["n", "m &#38; &#60;m&#62;"]);
    check("-spend", &["m &#38; &#60;m&#62;", "n"]);
}
