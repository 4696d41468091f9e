//! Audit: who changed what, and when.

mod difference;
#[cfg(test)]
mod tests;
mod texts;
mod values;

use std::collections::BTreeMap;

use askama::Template;
use serde::Deserialize;
use serde_json::Value;

use self::texts::T;
use crate::{
    Action, Answers, List, Page, Rendered, Visit, Want,
    html::Html,
    pages::problem,
    parts::{Choice, Pager},
    shell::Shell,
    texts::fill,
};

/// Changes of an entry that are shown at once; the others unfold.
const AT_ONCE: usize = 6;
const OBJECTS: [&str; 7] = ["key", "project", "provider", "model", "user", "settings", "node"];
const FILTERS: [&str; 3] = ["object", "object_id", "actor"];
/// The actor of what is done with the admin token.
const ADMIN_TOKEN: &str = "admin_token";

#[derive(Template)]
#[template(path = "audit.html")]
struct View<'a> {
    shell: Shell<'a>,
    t: &'static T,
    filtered: bool,
    objects: Vec<Choice>,
    actors: Vec<Choice>,
    entries: Vec<Entry>,
    pager: Pager,
}

/// An entry as the admin API tells it.
#[derive(Deserialize)]
struct Told {
    id: i64,
    created_at: String,
    actor: String,
    action: String,
    object: String,
    object_id: String,
    before: Option<Value>,
    after: Option<Value>,
}

/// An entry as the page shows it.
struct Entry {
    told: Told,
    actor: String,
    /// Empty where the actor has no page.
    actor_href: String,
    action: String,
    class: &'static str,
    object: String,
    name: String,
    /// Empty where the object has no page.
    href: String,
    changes: Vec<Shown>,
    more: Vec<Shown>,
    raw: String,
}

impl Entry {
    fn more_label(&self, t: &'static T) -> String {
        fill(t.fields_more, &[&self.more.len()])
    }
}

/// A change as the page shows it.
struct Shown {
    path: String,
    before: Option<Html>,
    after: Option<Html>,
}

#[derive(Deserialize)]
struct User {
    id: String,
    email: String,
}

pub(crate) fn wants(visit: &Visit<'_>) -> Vec<Want> {
    let mut wants = vec![
        Want::new("audit", "audit").with_those(visit.query, &["object", "object_id", "actor", "cursor"]),
    ];
    if visit.who.can(Action::SeeGateway) {
        wants.push(Want::new("users", "users").with("limit", "500"));
    }
    wants
}

pub(crate) fn render(visit: &Visit<'_>, answers: &Answers) -> Rendered {
    let t = T::of(visit.language);
    let list: List<Told> = match answers.read("audit") {
        Ok(list) => list,
        Err(problem) => return problem::render(visit, &problem),
    };
    let users = answers.read::<List<User>>("users").map(|list| list.data).unwrap_or_default();
    let emails = users.iter().map(|user| (user.id.as_str(), user.email.as_str())).collect();
    let shell = Shell::new(visit, t.title);
    let filter = |name| visit.query.text(name);
    Rendered::of(&View {
        t,
        filtered: FILTERS.iter().any(|name| visit.query.get(name).is_some()),
        objects: Choice::list(
            std::iter::once(("", t.any)).chain(OBJECTS.iter().map(|object| (*object, kind(t, object)))),
            filter("object"),
        ),
        actors: actors(t, &users, filter("actor")),
        entries: list.data.into_iter().map(|told| entry(&shell, t, &emails, told)).collect(),
        pager: Pager::new(visit, list.next_cursor.as_deref()),
        shell,
    })
}

fn actors(t: &'static T, users: &[User], chosen: &str) -> Vec<Choice> {
    let mut all = vec![("", t.any), (ADMIN_TOKEN, t.admin_token)];
    all.extend(users.iter().map(|user| (user.id.as_str(), user.email.as_str())));
    if !all.iter().any(|(id, _)| *id == chosen) {
        all.push((chosen, chosen));
    }
    Choice::list(all, chosen)
}

fn entry(shell: &Shell<'_>, t: &'static T, emails: &BTreeMap<&str, &str>, told: Told) -> Entry {
    let changes = difference::changes(told.before.as_ref(), told.after.as_ref());
    let mut changes: Vec<Shown> = changes.into_iter().map(|change| values::shown(shell, t, change)).collect();
    let more = if changes.len() > AT_ONCE + 1 { changes.split_off(AT_ONCE) } else { Vec::new() };
    let email = emails.get(told.actor.as_str());
    let (actor, actor_href) = match told.actor.as_str() {
        ADMIN_TOKEN => (t.admin_token.to_owned(), String::new()),
        id if email.is_some() => (email.copied().unwrap_or(id).to_owned(), Page::User.path(id)),
        id => (id.to_owned(), String::new()),
    };
    let raw = serde_json::json!({ "before": told.before, "after": told.after });
    Entry {
        actor,
        actor_href,
        action: action(t, &told.action).to_owned(),
        class: class(&told.action),
        object: kind(t, &told.object).to_owned(),
        name: name(&told, emails),
        href: href(&told),
        changes,
        more,
        raw: serde_json::to_string_pretty(&raw).unwrap_or_default(),
        told,
    }
}

/// What the object is called: ids of keys and users say little.
fn name(told: &Told, emails: &BTreeMap<&str, &str>) -> String {
    let text = |field: &str| {
        let of = |object: &Option<Value>| Some(object.as_ref()?.get(field)?.as_str()?.to_owned());
        of(&told.after).or_else(|| of(&told.before))
    };
    let named = match told.object.as_str() {
        "key" => text("name"),
        "user" => text("email").or_else(|| Some((*emails.get(told.object_id.as_str())?).to_owned())),
        _ => None,
    };
    named.unwrap_or_else(|| told.object_id.clone())
}

fn href(told: &Told) -> String {
    if told.action == "delete" {
        return String::new();
    }
    match told.object.as_str() {
        "key" => Page::Key.path(&told.object_id),
        "project" => Page::Project.path(&told.object_id),
        "provider" => Page::Provider.path(&told.object_id),
        "model" => Page::Model.path(&told.object_id),
        "user" => Page::User.path(&told.object_id),
        "settings" => Page::Settings.path(""),
        "node" => Page::Status.path(""),
        _ => String::new(),
    }
}

/// A word that is new is told as it is.
fn action<'a>(t: &'static T, word: &'a str) -> &'a str {
    match word {
        "create" => t.create,
        "update" => t.update,
        "delete" => t.delete,
        "revoke" => t.revoke,
        "rotate" => t.rotate,
        "write_off" => t.write_off,
        "invite" => t.invite,
        "accept_invite" => t.accept_invite,
        "password" => t.password,
        "set_totp" => t.set_totp,
        "remove_totp" => t.remove_totp,
        "sign_in" => t.sign_in,
        other => other,
    }
}

fn class(action: &str) -> &'static str {
    match action {
        "create" => "good",
        "delete" | "revoke" | "write_off" => "bad",
        "sign_in" => "",
        _ => "accent",
    }
}

fn kind<'a>(t: &'static T, object: &'a str) -> &'a str {
    match object {
        "key" => t.key,
        "project" => t.project,
        "provider" => t.provider,
        "model" => t.model,
        "user" => t.user,
        "settings" => t.settings,
        "node" => t.node,
        other => other,
    }
}
