//! What the console offers to whom: the table of `docs/roles.toml`, held against every page.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::{
    rig::{Browser, By},
    world::sign_in_as,
};
use crate::access::roles::{Call, Table, World, table};

/// The pages with the calls that they are made of: who may make the call sees the page.
const PAGES: [(&str, &str); 24] = [
    ("/", "GET /admin/v1/usage"),
    ("/requests", "GET /admin/v1/requests"),
    ("/requests/{request of mine}", "GET /admin/v1/requests/{request of mine}"),
    ("/requests/{request of ours}", "GET /admin/v1/requests/{request of ours}"),
    ("/requests/{request of theirs}", "GET /admin/v1/requests/{request of theirs}"),
    ("/keys", "GET /admin/v1/keys"),
    ("/keys/{mine}", "GET /admin/v1/keys/{mine}"),
    ("/keys/{ours}", "GET /admin/v1/keys/{ours}"),
    ("/keys/{theirs}", "GET /admin/v1/keys/{theirs}"),
    ("/projects", "GET /admin/v1/projects"),
    ("/projects/own", "GET /admin/v1/projects/own"),
    ("/projects/other", "GET /admin/v1/projects/other"),
    ("/projects/{project}", "GET /admin/v1/projects/other"),
    ("/models", "GET /admin/v1/models"),
    ("/models/{model}", "GET /admin/v1/models/{model}"),
    ("/providers", "GET /admin/v1/providers"),
    ("/providers/{provider}", "GET /admin/v1/providers/{provider}"),
    ("/providers/sandbox", "GET /admin/v1/providers/{provider}"),
    ("/users", "GET /admin/v1/users"),
    ("/users/{user}", "GET /admin/v1/users/{user}"),
    ("/users/{boss}", "GET /admin/v1/users/{user}"),
    ("/audit", "GET /admin/v1/audit"),
    ("/settings", "GET /admin/v1/settings"),
    ("/status", "GET /admin/v1/status"),
];
/// The playground is for everybody, and can be used by those who may use a key.
const CALLING: &str = "POST /v1/chat/completions as {mine}";
/// Objects that are on those pages.
const NAMED: &str = "{mine} {ours} {theirs} {project} {provider} {model} {user} {boss}";

/// Whether this is offered on the page: a form or a button for the call, with the fields that the body has, which can
/// be set to its values.
const OFFERED: &str = "const [call, body] = arguments;
    const leaves = (value, name) => {
      if (Array.isArray(value) && typeof value[0] === 'object') return value.flatMap((inner, at) => leaves(inner, `${name}[${at}]`));
      if (value === null || typeof value !== 'object' || Array.isArray(value)) return [[name, value]];
      return Object.entries(value).flatMap(([key, inner]) => leaves(inner, name === '' ? key : `${name}.${key}`));
    };
    const takes = (form, [name, value]) => {
      const control = form.querySelector(`[name=\"${CSS.escape(name)}\"]`);
      if (!control) return false;
      return control.tagName !== 'SELECT' || [...control.options].some((option) => option.value === String(value));
    };
    const all = [...document.querySelectorAll('[data-api]')].filter((one) => one.dataset.api === call);
    const own = [...document.querySelectorAll('[data-settings]')].filter((one) => `PATCH ${one.dataset.settings}` === call);
    return [...all, ...own].some((one) => body === null || leaves(body, '').filter(([name]) => name !== '').every((leaf) => takes(one, leaf)));";

/// What one of those in the table may do, by the letter of the table.
fn letter(table: &Table, call: &str, at: usize) -> char {
    let row = table.calls.iter().find(|row| row.call == call).unwrap_or_else(|| panic!("no row {call}"));
    row.may.chars().nth(at).expect("a letter for everybody")
}

/// The changes of the table, as they are offered on pages. What is in no form of the console: ending one session alone,
/// and writing off a node that lives.
fn changes(table: &Table) -> impl Iterator<Item = &Call> {
    let elsewhere = |call: &str| call.contains("/sessions/") || call.contains("/write-off");
    table.calls.iter().filter(move |row| {
        !row.call.starts_with("GET ") && row.call.contains("/admin/") && !elsewhere(&row.call)
    })
}

fn body_of(world: &mut World, row: &Call) -> Value {
    match row.body.as_str() {
        "" => Value::Null,
        body => serde_json::from_str(&world.filled(body)).expect("a body"),
    }
}

async fn email_of(world: &World, at: usize) -> String {
    let (_, session) = world.everybody[at].1.get("/admin/v1/session").await;
    session.json()["user"]["email"].as_str().expect("an address").to_owned()
}

/// The entries of the navigation.
async fn navigation(browser: &Browser) -> BTreeSet<String> {
    let script =
        "return [...document.querySelectorAll('#side nav a')].map((one) => one.getAttribute('href'))";
    let found = browser.ask(script, &[]).await;
    found.as_array().into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect()
}

#[tokio::test]
async fn everybody_sees_and_is_offered_what_the_table_says() {
    let table = table();
    let (gateway, mut world) = World::new(&table.who).await;
    world.make_requests().await;
    world.make(NAMED).await;
    let browser = Browser::start(&gateway).await;
    let mut wrong = Vec::new();
    // What the owner is offered is what there is.
    let mut there: BTreeSet<usize> = BTreeSet::new();
    for (at, who) in table.who.iter().enumerate() {
        sign_in_as(&browser, &email_of(&world, at).await).await;
        let mut expect: BTreeSet<String> = PAGES
            .iter()
            .filter(|(_, call)| letter(&table, call, at) == '+')
            .map(|(page, _)| (*page).to_owned())
            .collect();
        expect.retain(|page| page.matches('/').count() == 1);
        expect.extend(["/docs", "/playground"].map(str::to_owned));
        assert_eq!(navigation(&browser).await, expect, "the navigation of {who}");
        browser.open("/playground").await;
        let calls = letter(&table, CALLING, at) == '+';
        assert_eq!(browser.has(By::Button("Send")).await, calls, "{who}");
        assert_eq!(browser.has(By::Heading("There is no key to act as")).await, !calls, "{who}");
        let mut offered = BTreeSet::new();
        for (page, call) in PAGES {
            let letter = letter(&table, call, at);
            let path = world.filled(page);
            browser.open(&path).await;
            let expect = match letter {
                '+' => (200, ""),
                '-' => (403, "role_not_allowed"),
                _ => (404, "_not_found"),
            };
            let (status, text) = (browser.status().await, browser.text().await);
            if (status, text.contains(expect.1)) != (expect.0, true) {
                wrong.push(format!("{who}: {page}: {status}, not {letter}"));
            }
            let complaints = browser.complaints().await;
            if !complaints.iter().all(|one| status != 200 && one.contains(&format!("status of {status}"))) {
                wrong.push(format!("{who}: {page}: {complaints:?}"));
            }
            assert!(browser.has(By::Css("main h1")).await, "{who}: {page}");
            for (number, row) in changes(&table).enumerate() {
                let arguments = [json!(world.filled(&row.call)), body_of(&mut world, row)];
                if browser.ask(OFFERED, &arguments).await == true {
                    offered.insert(number);
                }
            }
        }
        if who == "owner" {
            there.clone_from(&offered);
        }
        for (number, row) in changes(&table).enumerate() {
            let may = row.may.chars().nth(at) == Some('+');
            // What is allowed to nobody but others' own is offered to whom it is allowed.
            let expect = may && there.contains(&number);
            if offered.contains(&number) != expect {
                wrong.push(format!("{who}: {} ({}): offered: {}", row.call, row.about, !expect));
            }
        }
    }
    let missing: Vec<&str> = changes(&table)
        .enumerate()
        .filter(|(number, _)| !there.contains(number))
        .map(|(_, row)| row.call.as_str())
        .collect();
    assert_eq!(missing, [""; 0], "what an owner may do is offered somewhere");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// All that changes can be seen at.
async fn everything(world: &World) -> Vec<Value> {
    let mut all = Vec::new();
    for list in ["keys", "projects", "models", "providers", "users", "settings"] {
        let mut list = world.admin.get(&format!("/admin/v1/{list}")).await;
        // When somebody was last seen changes by looking.
        for one in list["data"].as_array_mut().into_iter().flatten() {
            one.as_object_mut().map(|one| one.remove("last_sign_in_at"));
        }
        all.push(list);
    }
    all
}

#[tokio::test]
async fn what_is_not_offered_is_refused_and_changes_nothing() {
    let table = table();
    let (gateway, mut world) = World::new(&table.who).await;
    world.make(NAMED).await;
    let browser = Browser::start(&gateway).await;
    let send = "const [call, body] = arguments; const [method, path] = call.split(' ');
        const headers = { 'content-type': 'application/json', 'x-csrf-token': document.querySelector('meta[name=csrf-token]').content };
        return fetch(path, { method, headers, body: body === null ? undefined : JSON.stringify(body) }).then((answer) => answer.status);";
    // A form as the page of somebody else has it, which the browser's own tools bring back.
    let bring = "const form = document.createElement('form'); form.dataset.api = arguments[0];
        const field = Object.assign(document.createElement('input'), { name: 'name', value: 'brought' });
        const error = Object.assign(document.createElement('p'), { className: 'form-error' });
        const button = Object.assign(document.createElement('button'), { textContent: 'Do it all the same' });
        form.append(field, error, button); document.querySelector('main').append(form);";
    for (at, who) in table.who.iter().enumerate() {
        sign_in_as(&browser, &email_of(&world, at).await).await;
        let before = everything(&world).await;
        for row in changes(&table) {
            let expect = match row.may.chars().nth(at) {
                Some('-') => 403,
                Some('0') => 404,
                Some('x') => 400,
                _ => continue,
            };
            let arguments = [json!(world.filled(&row.call)), body_of(&mut world, row)];
            assert_eq!(browser.ask(send, &arguments).await, expect, "{who}: {} ({})", row.call, row.about);
        }
        if letter(&table, "POST /admin/v1/projects", at) == '-' {
            browser.ask(bring, &[json!("POST /admin/v1/projects")]).await;
            browser.click(By::Button("Do it all the same")).await;
            browser.until("document.querySelector('.form-error').textContent !== ''").await;
        }
        assert_eq!(everything(&world).await, before, "{who}");
        // The browser tells of each refusal.
        browser.complaints().await;
    }
}
