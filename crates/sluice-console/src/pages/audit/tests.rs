//! What the page shows of sample answers.

use serde_json::{Value, json};

use super::render;
use crate::{Answers, Language, Page, test_visit::TestVisit};

fn page(owned: &TestVisit, entries: &Value, next: &Value) -> String {
    let answers = Answers::new()
        .with("audit", json!({ "data": entries, "next_cursor": next }))
        .with("users", json!({ "data": [{ "id": "usr_7", "email": "ops@example.com" }] }));
    let html = render(&owned.visit(), &answers).html;
    html.split_once("<main").unwrap().1.to_owned()
}

fn entry(changes: &Value) -> Value {
    let mut entry = json!({
        "id": 12, "created_at": "2026-11-21T10:13:56.219Z", "actor": "usr_7", "action": "update", "object": "key",
        "object_id": "key_1", "before": { "name": "web" }, "after": { "name": "web" },
    });
    entry.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
    entry
}

#[test]
fn entries_say_who_changed_what() {
    let check = |changes: Value, expect: &[&str], never: &[&str]| {
        let html = page(&TestVisit::new(Page::Audit).zone(480), &json!([entry(&changes)]), &json!(null));
        let html = html.split_once("<ol").unwrap().1;
        let html = html.split_once("<pre").unwrap().0;
        for text in expect {
            assert!(html.contains(text), "{changes}: no {text} in {html}");
        }
        for text in never {
            assert!(!html.contains(text), "{changes}: {text} in {html}");
        }
    };
    let limits = |rpm: Value| json!({ "name": "web", "limits": { "rpm": rpm } });
    check(
        json!({ "before": limits(json!(60)), "after": limits(json!(1200)) }),
        &[
            "id=\"entry-12\"",
            "2026-11-21 18:13:56",
            "href=\"/users/usr_7\">ops@example.com</a>",
            "changed</span> Key",
            "href=\"/keys/key_1\">web</a>",
            "<code>limits.rpm</code>",
            "<del>60</del> <span aria-label=\"becomes\" role=\"img\">→</span> <ins>1,200</ins>",
        ],
        &["<code>name</code>"],
    );
    check(json!({}), &["No field that is shown here has changed."], &["<dl"]);
    check(
        json!({ "actor": "admin_token", "action": "delete", "object": "provider", "object_id": "<acme>", "after": null,
            "before": { "name": "<acme>", "base_url": "https://x/<b>", "internal": false } }),
        &["Admin token", "deleted</span> Provider", "&#60;acme&#62;", "<del>https://x/&#60;b&#62;</del>"],
        &["href=\"/providers", "internal", "<b>", "→"],
    );
    check(
        json!({ "before": { "models": ["a", "b<"] }, "after": { "models": ["a", "c"] } }),
        &["a, <del>b&#60;</del> <span", "</span> a, <ins>c</ins>"],
        &[],
    );
    check(
        json!({ "before": { "models": ["a", "b"] }, "after": { "models": ["a"] } }),
        &["a, <del>b</del> <span", "</span> a</dd>"],
        &["<ins>"],
    );
    check(
        json!({ "before": { "budget": null }, "after": { "budget": { "limit_nanousd": 50_000_000_000_u64 },
            "price": { "input_nanousd_per_mtok": 150_000_000 }, "expires_at": "2026-12-01T00:00:00Z",
            "idle_ms": 30_000 } }),
        &["$50.00", "$0.15 per million tokens", "2026-12-01 08:00:00", "30.0 s"],
        &["<del>"],
    );
    check(
        json!({ "action": "explode", "object": "moon", "actor": "usr_8", "before": "no <json>", "after": 7 }),
        &["explode</span> moon", "usr_8", "&#60;json&#62;"],
        &["href=\"/users", "href=\"/keys"],
    );
}

#[test]
fn many_fields_unfold() {
    let fields: serde_json::Map<String, Value> = (0..9).map(|n| (format!("f{n}"), json!(n))).collect();
    let html = page(
        &TestVisit::new(Page::Audit),
        &json!([entry(&json!({ "before": null, "after": fields }))]),
        &json!("c"),
    );
    let (shown, more) = html.split_once("<summary>3 more</summary>").unwrap();
    assert!(shown.contains("<code>f5</code>") && !shown.contains("<code>f6</code>"));
    assert!(more.contains("<code>f8</code>") && more.contains("href=\"/audit?cursor=c\""));
}

#[test]
fn without_entries_the_page_says_what_to_do_next() {
    let check = |query: &[(&str, &str)], expect: &[&str]| {
        let owned = TestVisit::new(Page::Audit).query(query).language(Language::Chinese);
        let html = page(&owned, &json!([]), &json!(null));
        for text in expect {
            assert!(html.contains(text), "{query:?}: {text}");
        }
        assert!(!html.contains("<ol"));
    };
    check(&[], &["暂无记录", "href=\"/providers\"", "href=\"/keys\""]);
    check(
        &[("object", "key"), ("actor", "usr_9")],
        &["没有匹配的记录", "<option value=\"key\" selected>", "<option value=\"usr_9\" selected>"],
    );
}
