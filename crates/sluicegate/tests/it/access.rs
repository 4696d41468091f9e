//! Who may come in to the console, and what they may do: from outside, as browsers and as others do it.

mod account;
mod attacks;
mod oidc;
mod owners;
pub(super) mod roles;
mod sign_in;
mod tls;
mod users;

use std::{net::SocketAddr, sync::Arc};

use rustls::ClientConfig;
use serde_json::{Value, json};
use sluice_testkit::{
    client::{Body, Client, Head},
    process::Gateway,
};

use crate::admin::Admin;

pub(super) const PASSWORD: &str = "a password of some length";

/// The path of the one-time link that the gateway printed.
pub(super) async fn printed_link(gateway: &Gateway) -> String {
    let link = |line: &str| {
        let at = line.find("/sign-in/link/")?;
        Some(line[at..].split_whitespace().next()?.to_owned())
    };
    gateway.lines.find("the sign-in link", link).await
}

/// What a browser with cookies does; and what it can be made to do by other headers.
#[derive(Clone, Debug)]
pub(super) struct Browser {
    pub(super) admin: SocketAddr,
    pub(super) cookie: Option<String>,
    pub(super) csrf: String,
    /// Other than its own.
    pub(super) host: Option<String>,
    /// Other than its own; empty for none.
    pub(super) origin: Option<String>,
    /// Further lines of each request.
    pub(super) extra: String,
    /// Whom it trusts; `None`: it speaks without TLS.
    pub(super) tls: Option<Arc<ClientConfig>>,
}

impl Browser {
    pub(super) fn new(gateway: &Gateway) -> Self {
        let (cookie, host, origin, tls) = (None, None, None, None);
        Self { admin: gateway.admin, cookie, csrf: String::new(), host, origin, extra: String::new(), tls }
    }

    /// The first owner, signed in by the printed link.
    pub(super) async fn owner(gateway: &Gateway) -> Self {
        let mut browser = Self::new(gateway);
        let link = printed_link(gateway).await;
        let (head, _) = browser.form(&link, &[("email", "owner@example.com"), ("password", PASSWORD)]).await;
        assert_eq!((head.status, head.header("location")), (303, Some("/")), "{}", head.raw);
        browser.learn_csrf().await;
        browser
    }

    /// Somebody whom the owner has made, signed in by password.
    pub(super) async fn user(gateway: &Gateway, owner: &Self, role: &str, projects: Value) -> (Self, String) {
        let email = format!("{role}-{}@example.com", projects.to_string().len());
        let body = json!({ "email": email, "role": role, "projects": projects, "password": PASSWORD });
        let (head, made) = owner.api("POST", "/admin/v1/users", body).await;
        assert_eq!(head.status, 201, "{}", made.text());
        let mut browser = Self::new(gateway);
        assert_eq!(browser.sign_in(&email, PASSWORD).await, 303);
        browser.learn_csrf().await;
        (browser, made.json()["id"].as_str().unwrap().to_owned())
    }

    /// The status of a sign-in.
    pub(super) async fn sign_in(&mut self, email: &str, password: &str) -> u16 {
        self.form("/sign-in", &[("email", email), ("password", password)]).await.0.status
    }

    pub(super) async fn learn_csrf(&mut self) {
        let (head, session) = self.get("/admin/v1/session").await;
        assert_eq!(head.status, 200, "{}", session.text());
        self.csrf = session.json()["csrf_token"].as_str().unwrap().to_owned();
    }

    pub(super) async fn get(&self, path: &str) -> (Head, Body) {
        self.exchange("GET", path, "", "").await
    }

    /// Sends a form as the page that has it does.
    pub(super) async fn form(&mut self, path: &str, fields: &[(&str, &str)]) -> (Head, Body) {
        let mut body = url::form_urlencoded::Serializer::new(String::new());
        body.extend_pairs(fields).append_pair("csrf_token", &self.csrf);
        let (head, body) =
            self.exchange("POST", path, "application/x-www-form-urlencoded", &body.finish()).await;
        self.keep(&head);
        (head, body)
    }

    /// A call of the admin API as a page makes it.
    pub(super) async fn api(&self, method: &str, path: &str, body: Value) -> (Head, Body) {
        let text = if body.is_null() { String::new() } else { body.to_string() };
        self.exchange(method, path, "application/json", &text).await
    }

    /// The head of an answer whose body has no end.
    pub(super) async fn opened(&self, path: &str) -> Head {
        let mut client = self.connect().await;
        client.send(self.request("GET", path, "", "")).await;
        client.read_head().await
    }

    async fn connect(&self) -> Client {
        match &self.tls {
            Some(config) => Client::connect_tls(self.admin, Arc::clone(config)).await,
            None => Client::connect(self.admin).await,
        }
    }

    async fn exchange(&self, method: &str, path: &str, kind: &str, body: &str) -> (Head, Body) {
        self.connect().await.exchange(self.request(method, path, kind, body)).await
    }

    fn request(&self, method: &str, path: &str, kind: &str, body: &str) -> String {
        let host = self.host.clone().unwrap_or_else(|| self.admin.to_string());
        let mut head = format!("{method} {path} HTTP/1.1\r\nhost: {host}\r\n{}", self.extra);
        let origin = self.origin.clone().unwrap_or_else(|| match self.tls {
            Some(_) => format!("https://{host}"),
            None => format!("http://{host}"),
        });
        if method != "GET" && !origin.is_empty() {
            head += &format!("origin: {origin}\r\n");
        }
        if let Some(cookie) = &self.cookie {
            head += &format!("cookie: {cookie}\r\n");
        }
        if kind == "application/json" && !self.csrf.is_empty() {
            head += &format!("x-csrf-token: {}\r\n", self.csrf);
        }
        if !kind.is_empty() {
            head += &format!("content-type: {kind}\r\ncontent-length: {}\r\n", body.len());
        }
        format!("{head}\r\n{body}")
    }

    /// Keeps the cookie that an answer sets.
    pub(super) fn keep(&mut self, head: &Head) {
        if let Some(set) = head.header("set-cookie") {
            let cookie = set.split(';').next().unwrap_or_default();
            self.cookie = (!cookie.ends_with('=')).then(|| cookie.to_owned());
        }
    }

    /// Whether it is signed in.
    pub(super) async fn is_in(&self) -> bool {
        match self.get("/admin/v1/session").await.0.status {
            200 => true,
            401 => false,
            status => panic!("the session answers {status}"),
        }
    }
}

/// A gateway with a first owner who is signed in.
pub(super) async fn with_owner() -> (Gateway, Browser, Admin) {
    let gateway = crate::rig::launch().config(crate::admin::SERVER).serve().await;
    let owner = Browser::owner(&gateway).await;
    let admin = Admin::of(&gateway);
    (gateway, owner, admin)
}
