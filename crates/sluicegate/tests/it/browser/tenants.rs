//! Two projects on one gateway: whoever may see one of them sees nothing of the other, on any page, in any way of asking.

use serde_json::json;
use sluice_testkit::{
    answers,
    client::{Client, post},
    upstream::Script,
};

use super::{
    rig::{Browser, By},
    world::{World, sign_in_as},
};
use crate::{access::PASSWORD, rig::chat};

/// One of the two projects, with what may be seen of it by its own people alone.
struct Tenant {
    project: String,
    key: String,
    secret: String,
    requests: Vec<String>,
    /// All that would give it away.
    marks: Vec<String>,
}

impl Tenant {
    /// A project with a member, a key of theirs, and requests: good ones, and one that failed.
    async fn new(world: &World, name: &str, good: usize) -> Self {
        let project = format!("{name}-project");
        let admin = &world.admin;
        admin.create("/admin/v1/projects", json!({ "name": project, "limits": { "rpm": 4_000 } })).await;
        let mut marks = vec![project.clone(), format!("{name}-key"), format!("{name}-member@example.com")];
        let mut member = String::new();
        for role in ["member", "admin", "billing", "viewer"] {
            let email = format!("{name}-{role}@example.com");
            let body = json!({ "email": email, "role": role, "projects": [project], "password": PASSWORD });
            let user = admin.create("/admin/v1/users", body).await;
            if role == "member" {
                member = user["id"].as_str().expect("an id").to_owned();
            }
        }
        let body = json!({ "name": format!("{name}-key"), "project": project, "owner_user_id": member });
        let made = admin.create("/admin/v1/keys", body).await;
        let text = |field: &str| made[field].as_str().expect("a text").to_owned();
        let (key, secret) = (text("id"), text("secret"));
        marks.extend([key.clone(), text("prefix"), member]);
        let error =
            json!({ "error": { "message": format!("{name}-error"), "code": format!("{name}_code") } });
        let mut requests = Vec::new();
        for at in 0..=good {
            if at == good {
                world.rig.upstream.script(Script::new().write(answers::json_answer(400, &error.to_string())));
            }
            let trace = format!("{name}-trace-{at}");
            let request = post(&secret, &format!("x-trace-id: {trace}\r\n"), chat("m", false));
            let (head, _) = Client::connect(world.rig.gateway.data).await.exchange(request).await;
            let id = head.header("x-request-id").expect("an id").to_owned();
            admin.row(&id).await;
            marks.push(id.clone());
            requests.push(id);
        }
        marks.extend(["trace", "error"].map(|what| format!("{name}-{what}")));
        marks.push(format!("{name}_code"));
        Self { project, key, secret, requests, marks }
    }

    /// Every page with something of this project, and every question that names something of it.
    fn paths(&self) -> Vec<String> {
        let Self { project, key, requests, .. } = self;
        let mut paths: Vec<String> = [
            "/",
            "/requests",
            "/keys",
            "/projects",
            "/models",
            "/models/m",
            "/playground",
            "/account",
            "/docs",
        ]
        .map(str::to_owned)
        .into();
        paths.extend(["/providers", "/users", "/audit", "/settings", "/status"].map(str::to_owned));
        paths.extend(["key", "project", "model", "provider"].map(|by| format!("/?by={by}")));
        paths.extend([
            format!("/?key={key}"),
            format!("/?project={project}&by=key"),
            format!("/keys/{key}"),
            format!("/keys?project={project}"),
            format!("/keys?q={project}"),
            format!("/projects/{project}"),
            format!("/playground?key={key}"),
            format!("/requests?key={key}"),
            format!("/requests?project={project}"),
            format!("/requests?q={}", requests[0]),
            format!("/requests?trace_id={}", self.marks.last().expect("marks")),
            "/requests?status=error".to_owned(),
            format!("/audit?object={key}"),
        ]);
        paths.extend(requests.iter().map(|id| format!("/requests/{id}")));
        paths
    }
}

/// What a figure of the page says.
async fn figure(browser: &Browser, name: &str) -> String {
    let script = "const term = [...document.querySelectorAll('.figures dt')].find((term) => term.textContent === arguments[0]);
        return term.nextElementSibling.textContent.trim()";
    browser.ask(script, &[json!(name)]).await.as_str().unwrap_or_default().to_owned()
}

/// Which marks of the other project stand anywhere in the document, but for those that the address itself has.
async fn given_away(browser: &Browser, path: &str, marks: &[String]) -> Vec<String> {
    let document = browser.ask("return document.documentElement.outerHTML", &[]).await;
    let document = document.as_str().unwrap_or_default().to_owned();
    marks.iter().filter(|mark| !path.contains(*mark) && document.contains(*mark)).cloned().collect()
}

#[tokio::test]
async fn nothing_of_another_project_is_seen() {
    let world = World::empty().await;
    let (north, south) = (Tenant::new(&world, "north", 2).await, Tenant::new(&world, "south", 4).await);
    let browser = &world.browser;
    let mut wrong = Vec::new();
    for (who, own, other, asked, failed) in [
        ("north-viewer", &north, &south, "3", "1"),
        ("north-admin", &north, &south, "3", "1"),
        ("north-billing", &north, &south, "3", "1"),
        ("north-member", &north, &south, "3", "1"),
        ("south-viewer", &south, &north, "5", "1"),
    ] {
        sign_in_as(browser, &format!("{who}@example.com")).await;
        assert_eq!(
            (figure(browser, "Requests").await, figure(browser, "Errors").await),
            (asked.to_owned(), failed.to_owned()),
            "{who}"
        );
        for path in own.paths().into_iter().chain(other.paths()) {
            browser.open(&path).await;
            browser.find(By::Css("main h1")).await;
            let found = given_away(browser, &path, &other.marks).await;
            if !found.is_empty() {
                wrong.push(format!("{who}: {path}: {found:?}"));
            }
        }
        // What is theirs is there.
        for path in ["/requests", "/keys", "/?by=key"] {
            browser.open(path).await;
            assert_ne!(given_away(browser, path, &own.marks).await, [""; 0], "{who}: {path}");
        }
        browser.complaints().await;
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[tokio::test]
async fn what_comes_live_is_of_the_own_project() {
    let world = World::empty().await;
    let (north, south) = (Tenant::new(&world, "north", 1).await, Tenant::new(&world, "south", 1).await);
    let browser = &world.browser;
    sign_in_as(browser, "north-viewer@example.com").await;
    browser.open("/requests").await;
    browser.click(By::Button("Follow live")).await;
    browser.find(By::Text("Live: new requests appear at the top")).await;
    for secret in [&south.secret, &north.secret] {
        world.rig.exchange(post(secret, "x-trace-id: of-both\r\n", chat("m", true))).await;
    }
    browser.until("document.querySelectorAll('#rows tr').length === 3").await;
    assert_eq!(given_away(browser, "/requests", &south.marks).await, [""; 0]);
    assert_eq!(browser.complaints().await, [""; 0]);
}
