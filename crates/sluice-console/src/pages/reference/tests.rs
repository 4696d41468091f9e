use serde_json::json;

use super::*;
use crate::{Language, Page, Who, test_visit::TestVisit};

/// The document as it is checked in.
fn document() -> Value {
    serde_json::from_str(include_str!("../../../../../docs/openapi.json")).unwrap()
}

fn page(owned: &TestVisit, document: Value) -> String {
    let key = json!({
        "id": "key_1", "name": "<b>", "prefix": "sk-ab", "project": null, "revoked": false, "expires_at": null
    });
    let answers = Answers::new().with("document", document).with("keys", json!({ "data": [key] }));
    let rendered = crate::render(&owned.visit(), &answers);
    assert_eq!(rendered.status, 200);
    rendered.html
}

fn of_nobody() -> TestVisit {
    TestVisit { who: Who::nobody(), ..TestVisit::new(Page::Reference) }
}

#[test]
fn every_call_and_every_field_has_a_place() {
    let html = page(&of_nobody(), document());
    for operation in
        document()["paths"].as_object().unwrap().values().flat_map(|item| item.as_object().unwrap().values())
    {
        if let Some(id) = operation["operationId"].as_str() {
            assert!(html.contains(&format!("<article id=\"{id}\"")), "{id}");
            assert!(html.contains(&format!("href=\"#{id}\"")), "{id}");
        }
    }
    let fields = document()["components"]["schemas"]["ChatCompletionRequest"]["properties"]
        .as_object()
        .unwrap()
        .clone();
    for name in fields.keys() {
        assert!(html.contains(&format!("<li id=\"createChatCompletion.{name}\"")), "{name}");
    }
}

#[test]
fn no_two_places_have_one_address_and_every_link_leads_somewhere() {
    let html = page(&of_nobody(), document());
    let after = |word: &str| -> Vec<String> {
        html.split(word).skip(1).map(|rest| rest.split('"').next().unwrap().to_owned()).collect()
    };
    let mut ids = after(" id=\"");
    let count = ids.len();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), count, "each id stands once");
    for target in after("href=\"#") {
        assert!(ids.binary_search(&target).is_ok(), "{target}");
    }
}

#[test]
fn what_holds_of_a_field_is_told() {
    let check = |language, expect: &[&str]| {
        let html = page(&of_nobody().language(language), document());
        for text in expect {
            assert!(html.contains(text), "{text}");
        }
    };
    check(
        Language::English,
        &[
            "<li id=\"createChatCompletion.model\"><div><a class=\"name\" href=\"#createChatCompletion.model\">model</a> \
             <code class=\"kind\">string</code> <span class=\"must\">required</span>",
            "Range <code>0 ≤ x ≤ 2</code>",
            "Default <code>1</code>",
            "<li id=\"createChatCompletion.messages.assistant.tool_calls\">",
            "<li id=\"createChatCompletion.200.usage.prompt_tokens_details.cached_tokens\">",
            "<li id=\"createKey.limits.rpm\">",
            "$SLUICEGATE_API_KEY",
            "The budget of this key is spent.",
        ],
    );
    check(Language::Chinese, &["取值范围", "必填", "请求体", "登录后试用"]);
}

#[test]
fn calls_are_tried_by_those_who_are_signed_in() {
    let check = |owned: TestVisit, expect: &[&str], not: &[&str]| {
        let html = page(&owned, document());
        expect.iter().for_each(|text| assert!(html.contains(text), "{text}"));
        not.iter().for_each(|text| assert!(!html.contains(text), "{text}"));
    };
    let sign_in = "href=\"/sign-in?next=%2Fdocs%23createChatCompletion\"";
    check(of_nobody(), &[sign_in], &["data-try=", "id=\"try\"", "key_1\""]);
    check(
        TestVisit::new(Page::Reference),
        &["data-try=\"createKey\"", "<option value=\"key_1\">&#60;b&#62; · sk-ab…</option>"],
        &[sign_in],
    );
}

#[test]
fn a_document_is_not_trusted() {
    let evil = "</code><script>alert(1)</script>`\"><img src=x>`";
    let html = page(
        &of_nobody(),
        json!({
            "tags": [{ "name": evil, "description": evil }],
            "paths": { evil: { "post": {
                "operationId": evil, "tags": [evil], "summary": evil, "description": evil, "security": [{ "key": [] }],
                "parameters": [{ "name": evil, "in": evil, "schema": { "type": evil, "pattern": evil }, "description": evil }],
                "requestBody": { "content": { "application/json": { "schema": { "properties": { evil: { "enum": [evil] } } } } } },
                "responses": { evil: { "description": evil, "content": { evil: { "example": evil } } } }
            } } }
        }),
    );
    assert!(!html.contains("<script>alert") && !html.contains("<img"));
    page(&of_nobody(), json!({}));
    page(&of_nobody(), json!({ "paths": { "/a": { "get": {} } }, "tags": 1, "servers": {} }));
}

#[test]
fn without_the_keys_the_document_is_there_all_the_same() {
    let owned = TestVisit::new(Page::Reference);
    let rendered = crate::render(&owned.visit(), &Answers::new().with("document", document()));
    assert_eq!(rendered.status, 200);
    assert!(rendered.html.contains("There is no key to act as"));
}
