//! What the pages of requests show of sample answers.

use serde_json::{Value, json};

use super::{
    list, one,
    row::tests::{attempt, sample},
};
use crate::{Answers, Language, Page, Problem, Role, test_visit::TestVisit};

fn names(names: &[&str]) -> Value {
    let named = |name: &&str| json!({ "id": format!("id of {name}"), "name": name });
    json!({ "data": names.iter().map(named).collect::<Vec<_>>(), "next_cursor": null })
}

fn answers(rows: &Value, next: &Value) -> Answers {
    let keys = json!({ "data": [{ "id": "key_1", "name": "web <1>" }], "next_cursor": null });
    Answers::new()
        .with("models", names(&["fast", "a/b"]))
        .with("requests", json!({ "data": rows, "next_cursor": next }))
        .with("keys", keys)
        .with("projects", names(&["search"]))
        .with("providers", names(&["acme"]))
}

/// What stands between the tags of `<main>`.
fn main_of(html: &str) -> &str {
    html.split_once("<main").unwrap().1
}

fn member(mut owned: TestVisit) -> TestVisit {
    (owned.who.role, owned.who.projects) = (Role::Member, Some(Vec::new()));
    owned
}

#[test]
fn rows_lead_to_what_they_are_about() {
    let check = |changes: Value, expect: &[&str], never: &[&str]| {
        let owned = TestVisit::new(Page::Requests);
        let html = list::render(&owned.visit(), &answers(&json!([sample(&changes)]), &json!(null))).html;
        let html = main_of(&html).split_once("<template").unwrap().0.to_owned();
        for text in expect {
            assert!(html.contains(text), "{changes}: no {text} in {html}");
        }
        for text in never {
            assert!(!html.contains(text), "{changes}: {text} in {html}");
        }
    };
    check(
        json!({}),
        &[
            "href=\"/requests/req_01a1fd9936507c968a3c46367c91c0fb\"",
            "<span class=\"badge good\">200</span>",
            "href=\"/models/fast\">fast</a>",
            "acme / gpt-x",
            "href=\"/keys/key_1\">web &#60;1&#62;</a>",
            "1,200</data> → <data",
            "title=\"$0.000384\"",
        ],
        &["class=\"empty\"", "class=\"marks\"", "class=\"pager\""],
    );
    check(
        json!({ "model": "<img src=x>", "key_id": "key_2", "provider": null, "status": 402,
            "error_code": "insufficient_quota", "hedged": true, "charged_nanousd": null }),
        &[
            "&#60;img src=x&#62;",
            ">key_2</a>",
            "<span class=\"badge warn\">402</span>",
            "<code>insufficient_<wbr>quota</code>",
            "title=\"The budget of the key",
            "data-mark=\"hedged\"",
            "title=\"Not known\">–</span>",
        ],
        &["<img", "acme / gpt-x", "title=\"$"],
    );
    check(json!({ "model": "" }), &["(none)"], &["href=\"/models"]);
}

#[test]
fn a_list_without_rows_says_what_to_do_next() {
    let check = |owned: TestVisit, next: Value, expect: &[&str], never: &[&str]| {
        let html = list::render(&owned.visit(), &answers(&json!([]), &next)).html;
        let html = main_of(&html);
        for text in expect {
            assert!(html.contains(text), "no {text}");
        }
        for text in never {
            assert!(!html.contains(text), "{text}");
        }
    };
    let visit = |query| TestVisit::new(Page::Requests).query(query);
    check(visit(&[]), json!(null), &["No requests yet", "/keys#create", "href=\"/playground\""], &[]);
    check(member(visit(&[])), json!(null), &["No requests yet"], &["/keys#create", "filter-project"]);
    check(
        visit(&[("status", "503")]),
        json!(null),
        &["No request matches", "<option value=\"503\" selected>"],
        &["No requests yet", "class=\"pager\""],
    );
    check(
        visit(&[("model", "fast")]),
        json!("c1"),
        &["There are older ones", "href=\"/requests?model=fast&#38;cursor=c1\""],
        &[],
    );
}

#[test]
fn what_is_wrong_with_a_filter_stands_beside_it() {
    let owned = TestVisit::new(Page::Requests).query(&[("q", "ab"), ("min_cost", "<b>"), ("status", "9xx")]);
    let mut given = answers(&json!([]), &json!(null));
    let message = "'status' must be one of <these>".to_owned();
    given.put("requests", Err(Problem { status: 400, code: "invalid_value".to_owned(), message }));
    let page = list::render(&owned.visit(), &given);
    assert_eq!(page.status, 200);
    for text in [
        "At least four characters.",
        "An amount in US dollars",
        "<details class=\"more\" open>",
        "value=\"&#60;b&#62;\"",
        "&#60;these&#62;",
        "<option value=\"9xx\" selected>",
    ] {
        assert!(page.html.contains(text), "{text}");
    }
    assert!(!page.html.contains("class=\"empty\""));
    let away = Problem { status: 503, code: "accounting_unavailable".to_owned(), message: String::new() };
    given.put("requests", Err(away));
    assert_eq!(list::render(&owned.visit(), &given).status, 503);
}

#[test]
fn only_what_grows_can_be_followed() {
    let check = |query: &[(&str, &str)], expect: Option<&str>| {
        let owned = TestVisit::new(Page::Requests).query(query);
        let html = list::render(&owned.visit(), &answers(&json!([sample(&json!({}))]), &json!(null))).html;
        let found = html.split_once("data-tail=\"").map(|(_, rest)| rest.split_once('"').unwrap().0);
        assert_eq!(found, expect, "{query:?}");
        assert_eq!(html.contains("<template id=\"row\">"), expect.is_some());
    };
    check(&[], Some("/admin/v1/requests/tail"));
    check(&[("key", "a b")], Some("/admin/v1/requests/tail?key=a%20b"));
    check(&[("cursor", "x")], None);
}

fn one_page(owned: &TestVisit, changes: &Value) -> String {
    let given = Answers::new()
        .with("request", sample(changes))
        .with("keys", json!({ "data": [{ "id": "key_1", "name": "web" }] }))
        .with("models", names(&["fast"]));
    one::render(&owned.visit(), &given).html
}

#[test]
fn one_request_is_explained() {
    let check = |owned: TestVisit, changes: Value, expect: &[&str], never: &[&str]| {
        let html = one_page(&owned, &changes);
        let html = main_of(&html).split_once("<pre").unwrap().0;
        for text in expect {
            assert!(html.contains(text), "{changes}: no {text} in {html}");
        }
        for text in never {
            assert!(!html.contains(text), "{changes}: {text}");
        }
    };
    let visit = || TestVisit::new(Page::Request);
    check(
        visit(),
        json!({ "cached_tokens": 1000 }),
        &[
            "acme answered with gpt-x at the first attempt.",
            "href=\"/requests?trace_id=6436721a04af05988b59c3b7b453ccac\"",
            "href=\"/keys/key_1\">web</a>",
            "href=\"/projects/search\"",
            "href=\"/models/fast\"",
            "href=\"/providers/acme\"",
            "200 tokens / s",
            "of $0.000561 reserved",
            "Given back",
            "set on the model",
            "first choice",
            "1,000",
        ],
        &["Wasted"],
    );
    let failed =
        attempt(&json!({ "outcome": "failed", "reason": "quota_<x>", "why": "odd", "provider": "<p>" }));
    check(
        visit(),
        json!({ "status": 502, "error_code": "upstream_timeout", "attempts": [failed.clone(), failed],
            "wasted_nanousd": 10_200, "reserved_nanousd": 0, "flags": ["excess", "new"], "trace_id": null }),
        &[
            "All 2 attempts failed.",
            "No answer came in time.",
            "quota_<wbr>&#60;x&#62;",
            "odd",
            "$0.0000102",
            "It cost more than was reserved.",
            ">new</span>",
            "nothing: no budget applies",
            "href=\"/providers/%3Cp%3E\"",
        ],
        &["trace_id=", "Given back", "<x>", "<p>&"],
    );
    check(
        visit().language(Language::Chinese),
        json!({ "status": 402, "error_code": "insufficient_quota", "attempts": [], "charged_nanousd": null }),
        &["在调用任何目标之前被拒绝。", "没有调用任何目标。", "该模型没有价格。"],
        &["<th scope=\"col\">目标"],
    );
    check(
        member(visit()),
        json!({}),
        &["href=\"/keys/key_1\"", "search", "acme"],
        &["href=\"/projects", "href=\"/providers"],
    );
}

#[test]
fn what_the_api_tells_is_there_to_copy() {
    let html = one_page(&TestVisit::new(Page::Request), &json!({ "model": "</pre><script>" }));
    let raw = html.split_once("<pre").unwrap().1.split_once("</pre>").unwrap().0.to_owned();
    assert!(raw.contains("&#34;model&#34;: &#34;&#60;/pre&#62;&#60;script&#62;&#34;"), "{raw}");
    assert!(!main_of(&html).contains("<script>"));
}
