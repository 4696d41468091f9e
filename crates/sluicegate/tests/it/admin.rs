//! The admin API, from outside.

mod access;
mod books;
mod changes;
mod command_line;
mod keys;
mod models;
mod previews;
mod projects;
mod provider_test;
mod providers;
mod settings;
mod status;
mod tail;

use std::{
    net::SocketAddr,
    sync::{Mutex, PoisonError},
};

use serde_json::{Value, json};
use sluice_testkit::{
    client::{Body, Client, Head, post},
    patience::within,
    process::Gateway,
};

/// The directory for data, and nothing else: keys, providers and models are made by the tests.
pub(super) const SERVER: &str = "[server]\ndata_dir = \"{dir}/data\"\naccess_log = \"json\"\n\
     [[keys]]\nname = \"of the file\"\nsecret = \"sk-file-canary-aaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\"\n";

/// Whoever holds the token of a gateway. It remembers every answer, to look for what must not be in any.
pub(super) struct Admin {
    address: SocketAddr,
    data: SocketAddr,
    token: String,
    seen: Mutex<String>,
}

impl Admin {
    pub(super) fn of(gateway: &Gateway) -> Self {
        let token = std::fs::read_to_string(gateway.dir().join("data/admin.token")).unwrap();
        let (address, data) = (gateway.admin, gateway.data);
        Self { address, data, token: token.trim().to_owned(), seen: Mutex::default() }
    }

    /// Sends any request with any body; the token is there.
    pub(super) async fn send(&self, method: &str, path: &str, body: &[u8]) -> (Head, Body) {
        let mut request = format!(
            "{method} {path} HTTP/1.1\r\nhost: gateway.test\r\nauthorization: Bearer {}\r\n\
             content-type: application/json\r\ncontent-length: {}\r\n\r\n",
            self.token,
            body.len()
        )
        .into_bytes();
        request.extend_from_slice(body);
        let (head, body) = Client::connect(self.address).await.exchange(request).await;
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        seen.push_str(&head.raw);
        seen.push_str(body.text());
        (head, body)
    }

    /// The answer to a call, which must have this status.
    pub(super) async fn call(&self, method: &str, path: &str, body: Value, status: u16) -> Value {
        let text = if body.is_null() { String::new() } else { body.to_string() };
        let (head, answer) = self.send(method, path, text.as_bytes()).await;
        assert_eq!(head.status, status, "{method} {path} {body}: {}", answer.text());
        if status == 204 {
            assert!(answer.bytes.is_empty(), "{method} {path}: {}", answer.text());
            return Value::Null;
        }
        answer.json()
    }

    pub(super) async fn get(&self, path: &str) -> Value {
        self.call("GET", path, Value::Null, 200).await
    }

    pub(super) async fn create(&self, path: &str, body: Value) -> Value {
        self.call("POST", path, body, 201).await
    }

    pub(super) async fn patch(&self, path: &str, body: Value) -> Value {
        self.call("PATCH", path, body, 200).await
    }

    pub(super) async fn delete(&self, path: &str) {
        self.call("DELETE", path, Value::Null, 204).await;
    }

    /// A call that must be refused with this status, code and param.
    pub(super) async fn refused(
        &self,
        (method, path): (&str, &str),
        body: Value,
        (status, code, param): (u16, &str, Option<&str>),
    ) {
        let text = if body.is_null() { String::new() } else { body.to_string() };
        let (head, answer) = self.send(method, path, text.as_bytes()).await;
        assert_eq!(head.status, status, "{method} {path} {body}: {}", answer.text());
        let kind = if status == 503 { "service_unavailable_error" } else { "invalid_request_error" };
        crate::rig::assert_error_object(&format!("{method} {path} {body}"), &answer.json(), kind, code);
        assert_eq!(
            answer.json()["error"]["param"],
            json!(param),
            "{method} {path} {body}: {}",
            answer.text()
        );
    }

    /// A new key with everything allowed but for `extra`: its id and its secret.
    pub(super) async fn new_key(&self, name: &str, extra: Value) -> (String, String) {
        let mut body = json!({ "name": name });
        body.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
        let made = self.create("/admin/v1/keys", body).await;
        (made["id"].as_str().unwrap().to_owned(), made["secret"].as_str().unwrap().to_owned())
    }

    /// The id of a new user, a member of all projects but for `extra`.
    pub(super) async fn new_user(&self, email: &str, extra: Value) -> String {
        let mut body = json!({ "email": email, "role": "member", "projects": ["*"] });
        body.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
        self.create("/admin/v1/users", body).await["id"].as_str().unwrap().to_owned()
    }

    /// The status of a small request with this secret, and its `x-request-id`.
    pub(super) async fn ask(&self, secret: &str, model: &str) -> (u16, String) {
        let body = json!({
            "model": model, "max_completion_tokens": 5, "messages": [{ "role": "user", "content": "hello" }],
        });
        let (head, _) = Client::connect(self.data).await.exchange(post(secret, "", body.to_string())).await;
        (head.status, head.header("x-request-id").unwrap().to_owned())
    }

    /// The row of a request, once it is in the books with its details.
    pub(super) async fn row(&self, id: &str) -> Value {
        let path = format!("/admin/v1/requests/{id}");
        let look = async {
            loop {
                let (head, body) = self.send("GET", &path, b"").await;
                if head.status == 200 && !body.json()["status"].is_null() {
                    return body.json();
                }
                assert!(head.status == 200 || head.status == 404, "{}", body.text());
            }
        };
        within("the row of a request", look).await
    }

    /// Nothing that was ever answered has this in it.
    pub(super) fn never_said(&self, secret: &str) {
        let seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        assert!(!seen.contains(secret), "{secret} was answered");
    }
}

/// The entries of a list under `key`.
pub(super) fn each(list: &Value, key: &str) -> Vec<String> {
    let data = list["data"].as_array().unwrap_or_else(|| panic!("no list: {list}"));
    data.iter().map(|object| object[key].as_str().unwrap_or_default().to_owned()).collect()
}
