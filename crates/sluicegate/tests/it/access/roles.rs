//! The table of `docs/roles.toml`, held against a running gateway: every call, everybody, every object.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;
use serde_json::{Value, json};
use sluice_testkit::patience::within;

use super::{Browser, with_owner};
use crate::admin::Admin;

const TABLE: &str = include_str!("../../../../../docs/roles.toml");
const DOCUMENT: &str = include_str!("../../../../../docs/openapi.json");

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Table {
    pub(crate) who: Vec<String>,
    pub(crate) calls: Vec<Call>,
    lists: Vec<List>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Call {
    pub(crate) call: String,
    #[serde(default)]
    pub(crate) about: String,
    #[serde(default)]
    pub(crate) body: String,
    pub(crate) may: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct List {
    call: String,
    field: String,
    all: String,
    own: String,
    member: Option<String>,
}

pub(crate) fn table() -> Table {
    toml::from_str(TABLE).unwrap()
}

/// The gateway, with everything that the table names.
pub(crate) struct World {
    pub(crate) admin: Admin,
    pub(crate) everybody: Vec<(String, Browser)>,
    member: String,
    /// What stands for the names in braces.
    names: BTreeMap<String, String>,
    made: u32,
}

impl World {
    pub(crate) async fn new(who: &[String]) -> (sluice_testkit::process::Gateway, Self) {
        let (gateway, owner, admin) = with_owner().await;
        for project in ["own", "other"] {
            admin.create("/admin/v1/projects", json!({ "name": project })).await;
        }
        let (mut everybody, mut member) = (Vec::new(), String::new());
        for name in who {
            let (role, projects) = match name.strip_suffix('*') {
                Some(role) => (role, json!(["own"])),
                None => (name.as_str(), json!(["*"])),
            };
            let (browser, id) = Browser::user(&gateway, &owner, role, projects).await;
            if role == "member" {
                member = id;
            }
            everybody.push((name.clone(), browser));
        }
        let node = admin.get("/admin/v1/nodes").await["data"][0]["id"].as_str().unwrap().to_owned();
        let sessions = owner.get("/admin/v1/sessions").await.1.json();
        let session = sessions["data"][0]["id"].as_str().unwrap().to_owned();
        let names = [("node".to_owned(), node), ("session".to_owned(), session)].into();
        (gateway, Self { admin, everybody, member, names, made: 0 })
    }

    /// A name that nothing has.
    fn new_name(&mut self) -> String {
        self.made += 1;
        format!("n{}", self.made)
    }

    async fn key(&mut self, name: &str, project: &str, owner: Option<&str>) -> (String, String) {
        let made = json!({ "project": project, "owner_user_id": owner });
        let (id, secret) = self.admin.new_key(name, made).await;
        (id, secret)
    }

    /// One request with each key, for the rows about requests.
    pub(crate) async fn make_requests(&mut self) {
        let member = self.member.clone();
        for (name, project, owner) in
            [("mine", "own", Some(member.as_str())), ("ours", "own", None), ("theirs", "other", None)]
        {
            let (_, secret) = self.key(&format!("of {name}"), project, owner).await;
            let (status, id) = self.admin.ask(&secret, "sandbox/echo").await;
            assert_eq!(status, 200);
            self.admin.row(&id).await;
            self.names.insert(format!("request of {name}"), id);
        }
    }

    /// What stands in braces is made anew, as far as a call changes it.
    pub(crate) async fn make(&mut self, call: &str) {
        let name = self.new_name();
        let member = self.member.clone();
        for (key, project, owner) in
            [("mine", "own", Some(member.as_str())), ("ours", "own", None), ("theirs", "other", None)]
        {
            if call.contains(&format!("{{{key}}}")) {
                let (id, _) = self.key(&format!("{name} {key}"), project, owner).await;
                self.names.insert(key.to_owned(), id);
            }
        }
        let objects = [
            ("{project}", "project", "/admin/v1/projects", "name", json!({ "name": name })),
            (
                "{provider}",
                "provider",
                "/admin/v1/providers",
                "name",
                json!({ "name": name, "kind": "openai" }),
            ),
            (
                "{model}",
                "model",
                "/admin/v1/models",
                "name",
                json!({ "name": name, "targets": [{ "provider": "sandbox", "model": "echo" }] }),
            ),
            (
                "{user}",
                "user",
                "/admin/v1/users",
                "id",
                json!({ "email": format!("{name}@example.com"), "role": "viewer", "projects": ["*"] }),
            ),
            (
                "{boss}",
                "boss",
                "/admin/v1/users",
                "id",
                json!({ "email": format!("{name}-boss@example.com"), "role": "owner" }),
            ),
        ];
        for (there, name, path, id, body) in objects {
            if call.contains(there) {
                let made = self.admin.create(path, body).await;
                self.names.insert(name.to_owned(), made[id].as_str().unwrap().to_owned());
            }
        }
    }

    pub(crate) fn filled(&mut self, text: &str) -> String {
        let mut text = text.to_owned();
        if text.contains("{new}") {
            text = text.replace("{new}", &self.new_name());
        }
        for (name, value) in &self.names {
            text = text.replace(&format!("{{{name}}}"), value);
        }
        text
    }

    /// The status of a call by somebody, and the code of an error.
    async fn status(&mut self, browser: &Browser, call: &str, body: &str) -> (u16, String) {
        let (call, body) = (self.filled(call), self.filled(body));
        let (method, path) = call.split_once(' ').unwrap();
        let (path, key) = path.split_once(" as ").map_or((path, None), |(path, key)| (path, Some(key)));
        let mut browser = browser.clone();
        if let Some(key) = key {
            browser.extra = format!("x-sluicegate-key-id: {key}\r\n");
        }
        if path.ends_with("/tail") {
            // It has no end.
            return (browser.opened(path).await.status, String::new());
        }
        let body = if body.is_empty() { Value::Null } else { serde_json::from_str(&body).unwrap() };
        let (head, answer) = browser.api(method, path, body).await;
        let code = if head.status >= 400 {
            answer.json()["error"]["code"].as_str().unwrap().to_owned()
        } else {
            String::new()
        };
        (head.status, code)
    }
}

#[tokio::test]
async fn everybody_may_do_what_the_table_says() {
    let table = table();
    let (_gateway, mut world) = World::new(&table.who).await;
    let mut wrong = Vec::new();
    world.make_requests().await;
    for Call { call, about, body, may } in &table.calls {
        let everybody = world.everybody.clone();
        assert_eq!(may.len(), everybody.len(), "{call}");
        for ((who, browser), expect) in everybody.iter().zip(may.chars()) {
            world.make(call).await;
            let (status, code) = world.status(browser, call, body).await;
            let found = match (status, code.as_str()) {
                (200..=299, _) | (409, "in_use") => '+',
                (403, "role_not_allowed") => '-',
                (404, code) if code.ends_with("_not_found") => '0',
                (400, "invalid_value") => 'x',
                _ => '?',
            };
            if found != expect {
                wrong.push(format!("{who}: {call} ({about}): {status} {code}, not {expect}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[tokio::test]
async fn lists_show_what_their_reader_may_see() {
    let table = table();
    let (_gateway, mut world) = World::new(&table.who).await;
    let member = world.member.clone();
    let mut ids = BTreeMap::new();
    for (name, project, owner) in
        [("mine", "own", Some(member.as_str())), ("ours", "own", None), ("theirs", "other", None)]
    {
        let (id, secret) = world.key(name, project, owner).await;
        let (_, request) = world.admin.ask(&secret, "sandbox/echo").await;
        world.admin.row(&request).await;
        ids.insert(id, name.to_owned());
    }
    for List { call, field, all, own, member } in &table.lists {
        for (who, browser) in &world.everybody {
            let expect = match who.as_str() {
                "member" => member.as_ref(),
                scoped if scoped.ends_with('*') => Some(own),
                _ => Some(all),
            };
            let Some(expect) = expect else { continue };
            let path = call.strip_prefix("GET ").unwrap();
            let seen = async {
                let (_, list) = browser.get(path).await;
                let data = list.json()["data"].as_array().unwrap().clone();
                let names = data.iter().map(|one| one[field].as_str().unwrap_or_default().to_owned());
                let names: BTreeSet<String> = names
                    .map(|name| ids.get(&name).cloned().unwrap_or(name))
                    .filter(|name| name != "of the file" && name != "default")
                    .collect();
                names.into_iter().collect::<Vec<_>>().join(" ")
            };
            assert_eq!(&within("a list", seen).await, expect, "{who}: {call}");
        }
    }
    // Who answers for a model is nothing to those who see but their own.
    for (who, browser) in &world.everybody {
        world
            .admin
            .send(
                "POST",
                "/admin/v1/models",
                br#"{"name":"m","targets":[{"provider":"sandbox","model":"echo"}]}"#,
            )
            .await;
        let model = browser.get("/admin/v1/models/m").await.1.json();
        let everywhere = !who.ends_with('*') && who != "member";
        assert_eq!(model.get("targets").is_some(), everywhere, "{who}: {model}");
        assert!(model.get("price").is_some() && model.get("capabilities").is_some(), "{who}: {model}");
    }
}

/// A path that is not in the table has nobody who said who may use it.
#[test]
fn the_table_has_every_call_of_the_admin_api() {
    let document: Value = serde_json::from_str(DOCUMENT).unwrap();
    let bare = |path: &str| -> String {
        let named = ["sandbox", "own", "other"];
        let part = |part: &str| {
            if part.starts_with('{') || named.contains(&part) { "{}".to_owned() } else { part.to_owned() }
        };
        path.split('/').map(part).collect::<Vec<_>>().join("/")
    };
    let known: BTreeSet<String> =
        table().calls.iter().map(|call| bare(&call.call.replace("{request of", "{request_of"))).collect();
    let mut missing = Vec::new();
    for (path, methods) in document["paths"].as_object().unwrap() {
        for method in ["get", "post", "patch", "delete"] {
            let call = bare(&format!("{} {path}", method.to_uppercase()));
            if path.starts_with("/admin/") && methods.get(method).is_some() && !known.contains(&call) {
                missing.push(call);
            }
        }
    }
    assert!(missing.is_empty(), "docs/roles.toml does not say who may: {missing:?}");
}
