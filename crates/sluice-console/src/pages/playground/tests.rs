use serde_json::{Value, json};

use super::*;
use crate::{Language, Page, Problem, Role, Who, test_visit::TestVisit};

fn key(id: &str, more: &Value) -> Value {
    let mut key = json!({
        "id": id, "name": format!("name of {id}"), "prefix": "sk-ab", "project": "default", "revoked": false,
        "expires_at": null
    });
    if let (Some(key), Value::Object(more)) = (key.as_object_mut(), more) {
        key.extend(more.clone());
    }
    key
}

fn page(owned: &TestVisit, keys: &Value, models: &[&str]) -> String {
    let models: Vec<Value> = models.iter().map(|name| json!({ "name": name })).collect();
    let answers =
        Answers::new().with("keys", json!({ "data": keys })).with("models", json!({ "data": models }));
    crate::render(&owned.visit(), &answers).html
}

/// What stands in the value of the first tag that has `marker`.
fn value_of<'a>(html: &'a str, marker: &str) -> &'a str {
    let rest = &html[html.find(marker).unwrap()..];
    rest.split_once("value=\"").unwrap().1.split('"').next().unwrap()
}

#[test]
fn one_click_sends() {
    let check = |query: &[(&str, &str)], models: &[&str], expect: &str| {
        let owned = TestVisit::new(Page::Playground).query(query);
        let html = page(&owned, &json!([key("key_1", &json!({}))]), models);
        assert_eq!(value_of(&html, "data-field=\"model\""), expect);
        assert!(html.contains("Explain in two sentences"), "the first prompt stands there");
    };
    check(&[], &["a", "b"], "a");
    check(&[], &[], "sandbox/text");
    check(&[("model", "x\"<y")], &["a"], "x&#34;&#60;y");
}

#[test]
fn only_keys_that_work_are_offered() {
    let owned = TestVisit::new(Page::Playground).query(&[("key", "key_4")]);
    let keys = json!([
        key("key_1", &json!({ "revoked": true })),
        key("key_2", &json!({ "expires_at": "2026-11-21T11:59:59Z" })),
        key("key_3", &json!({ "expires_at": "2026-11-21T12:00:01Z", "name": "<script>alert(1)</script>" })),
        key("key_4", &json!({})),
    ]);
    let html = page(&owned, &keys, &[]);
    let offered: Vec<&str> =
        html.split("<option value=\"key_").skip(1).map(|rest| rest.split('<').next().unwrap()).collect();
    assert_eq!(
        offered,
        [
            "3\">&#60;script&#62;alert(1)&#60;/script&#62; · default · sk-ab…",
            "4\" selected>name of key_4 · default · sk-ab…"
        ]
    );
    assert!(!html.contains("<script>alert"));
}

#[test]
fn keys_of_others_are_for_owners_and_admins() {
    let check = |role, expect: &[&str]| {
        let mut owned = TestVisit::new(Page::Playground);
        owned.who = Who { role, ..owned.who };
        let mine = json!({ "owner_user_id": owned.who.user_id });
        let keys = json!([
            key("key_1", &mine),
            key("key_2", &json!({})),
            key("key_3", &json!({ "owner_user_id": "usr_other" }))
        ]);
        let html = page(&owned, &keys, &[]);
        let offered: Vec<&str> = html.split("<option value=\"key_").skip(1).map(|rest| &rest[..1]).collect();
        assert_eq!(offered, expect, "{role:?}");
    };
    check(Role::Owner, &["1", "2", "3"]);
    check(Role::Admin, &["1", "2", "3"]);
    check(Role::Billing, &["1"]);
    check(Role::Viewer, &["1"]);
    check(Role::Member, &["1"]);
}

#[test]
fn without_a_key_it_says_where_to_get_one() {
    let check = |role, language, expect: &[&str], not: &str| {
        let mut owned = TestVisit::new(Page::Playground).language(language);
        owned.who = Who { role, ..owned.who };
        let html = page(&owned, &json!([key("key_1", &json!({ "revoked": true }))]), &["a"]);
        for text in expect {
            assert!(html.contains(text), "{text}");
        }
        assert!(!html.contains(not) && !html.contains("id=\"playground\""), "{not}");
    };
    check(
        Role::Owner,
        Language::English,
        &["href=\"/keys#create\"", "Make a key first"],
        "Ask an administrator",
    );
    check(Role::Member, Language::English, &["Ask an administrator"], "href=\"/keys#create\"");
    check(Role::Owner, Language::Chinese, &["创建密钥", "还没有可用的密钥"], "Create a key");
}

#[test]
fn models_that_may_not_be_listed_stop_nothing() {
    let owned = TestVisit::new(Page::Playground);
    let mut answers = Answers::new().with("keys", json!({ "data": [key("key_1", &json!({}))] }));
    let refusal = Problem { status: 403, code: "role_not_allowed".to_owned(), message: "No.".to_owned() };
    answers.put("models", Err(refusal));
    let rendered = crate::render(&owned.visit(), &answers);
    assert_eq!(rendered.status, 200);
    assert!(rendered.html.contains("id=\"playground\"") && rendered.html.contains("sandbox/text"));
}
