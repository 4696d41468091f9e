//! Settings: every one with where its value comes from, and those that can be made here.

mod texts;

use std::sync::LazyLock;

use askama::Template;
use serde::Deserialize;
use serde_json::Value;

use self::texts::T;
use crate::{
    Action, Answers, Language, List, Rendered, Visit, Want,
    html::Html,
    pages::problem,
    parts::Choice,
    shell::Shell,
    texts::{Chinese, fill},
};

/// The section of those that only the console has.
const CONSOLE: &str = "console";

/// What settings are for, in Chinese.
static CHINESE: LazyLock<Chinese> = LazyLock::new(|| Chinese::read(include_str!("chinese.txt")));

/// Those that can be made here where the configuration file does not name them.
const MADE: [&str; 4] = [
    "retention.request_rows_days",
    "sandbox.enabled",
    "console.display_currency",
    "console.default_language",
];

#[derive(Template)]
#[template(path = "settings.html")]
struct View<'a> {
    shell: Shell<'a>,
    t: &'static T,
    /// Those that can be made here.
    editable: Vec<Setting>,
    /// Those that could be, if they were not named elsewhere.
    fixed: Vec<Setting>,
    sections: Vec<Section>,
    shows: Vec<Choice>,
    may_write: bool,
}

/// A setting, as the admin API shows it.
#[derive(Clone, Debug, Deserialize)]
struct Setting {
    name: String,
    #[serde(default)]
    section: String,
    #[serde(default)]
    description: String,
    #[serde(default, rename = "type")]
    kind: String,
    #[serde(default)]
    value: Value,
    #[serde(default)]
    default: Value,
    #[serde(default)]
    is_set: bool,
    #[serde(default)]
    is_secret: bool,
    source: String,
    #[serde(default)]
    read_only: bool,
    #[serde(default)]
    needs_restart: bool,
    #[serde(default)]
    words: Vec<String>,
    range: Option<(i64, i64)>,
}

/// Settings that stand together.
struct Section {
    title: String,
    settings: Vec<Setting>,
}

pub(crate) fn wants(_visit: &Visit<'_>) -> Vec<Want> {
    vec![Want::new("settings", "settings")]
}

pub(crate) fn render(visit: &Visit<'_>, answers: &Answers) -> Rendered {
    let t = T::of(visit.language);
    let all = match answers.read::<List<Setting>>("settings") {
        Ok(list) => list.data,
        Err(problem) => return problem::render(visit, &problem),
    };
    let editable: Vec<Setting> = all.iter().filter(|setting| !setting.read_only).cloned().collect();
    let fixed = all
        .iter()
        .filter(|setting| setting.read_only && MADE.contains(&setting.name.as_str()))
        .cloned()
        .collect();
    let show = visit.query.text("show");
    let words = visit.query.text("q").to_lowercase();
    let mut sections: Vec<Section> = Vec::new();
    for setting in all.into_iter().filter(|setting| setting.is_found(&words, show)) {
        let title = if setting.section == CONSOLE { t.console } else { &setting.section };
        match sections.last_mut().filter(|section| section.title == title) {
            Some(section) => section.settings.push(setting),
            None => sections.push(Section { title: title.to_owned(), settings: vec![setting] }),
        }
    }
    Rendered::of(&View {
        shell: Shell::new(visit, t.title).with_scripts(&["settings.js"]),
        t,
        editable,
        fixed,
        sections,
        shows: Choice::list([("", t.show_all), ("set", t.show_set), ("restart", t.show_restart)], show),
        may_write: visit.who.can(Action::WriteGateway),
    })
}

impl Setting {
    fn is_found(&self, words: &str, show: &str) -> bool {
        let chinese = CHINESE.of(&self.description).unwrap_or_default();
        let text = format!("{} {} {chinese}", self.name, self.description).to_lowercase();
        let shown = match show {
            "set" => self.is_set,
            "restart" => self.needs_restart,
            _ => true,
        };
        shown && words.split_whitespace().all(|word| text.contains(word))
    }

    /// Its value in one line; empty where it has none.
    fn value_text(&self) -> String {
        if self.value.is_null() && !self.is_set { self.default_text() } else { text_of(&self.value) }
    }

    fn default_text(&self) -> String {
        text_of(&self.default)
    }

    /// A field of a value that is an object.
    fn field(&self, name: &str) -> String {
        self.value.get(name).map(text_of).unwrap_or_default()
    }

    /// Where its value comes from, and the kind of the badge.
    fn source_badge(&self, t: &T) -> (&'static str, &'static str) {
        match self.source.as_str() {
            "file" => (t.from_file, "accent plain"),
            "environment" => (t.from_environment, "accent plain"),
            "command_line" => (t.from_command_line, "accent plain"),
            "console" => (t.from_console, "good plain"),
            _ => (t.by_default, "plain"),
        }
    }

    /// What it is for, in a language if that is known: `code`, and links to chapters of the documentation as their names.
    fn described(&self, shell: &Shell<'_>) -> Html {
        let language = shell.visit.language;
        let chinese = CHINESE.of(&self.description).filter(|_| language == Language::Chinese);
        let own = language == Language::English || chinese.is_some();
        let mut html = Html::default();
        html.push(if own { "<p class=\"note plain\">" } else { "<p class=\"note plain\" lang=\"en\">" }, &[]);
        for (index, part) in chinese.unwrap_or(&self.description).split('`').enumerate() {
            if index % 2 == 1 {
                html.push("<code>{}</code>", &[&part]);
            } else {
                html.push("{}", &[&without_links(part)]);
            }
        }
        html.push("</p>", &[]);
        html
    }

    /// What can be chosen for it; none: it is typed.
    fn choices(&self, t: &T) -> Vec<Choice> {
        let own = if self.source == "console" { self.value_text() } else { String::new() };
        let usual = fill(t.usual, &[&name_of(&self.default_text(), t)]);
        let values: Vec<String> = match self.kind.as_str() {
            "boolean" => ["true", "false"].map(str::to_owned).to_vec(),
            _ => self.words.clone(),
        };
        if values.is_empty() {
            return Vec::new();
        }
        let labels: Vec<String> = values.iter().map(|value| name_of(value, t)).collect();
        let mut options = vec![("", usual.as_str())];
        options.extend(values.iter().zip(&labels).map(|(value, label)| (value.as_str(), label.as_str())));
        Choice::list(options, &own)
    }

    /// What a field for it starts with: what was set here.
    fn own_text(&self) -> String {
        if self.source == "console" { self.value_text() } else { String::new() }
    }

    fn range_text(&self) -> String {
        self.range.map(|(low, high)| format!("{low} – {high}")).unwrap_or_default()
    }

    /// How the script reads its field.
    fn data_type(&self) -> &'static str {
        match self.kind.as_str() {
            "boolean" => "json",
            "integer" => "integer",
            _ => "text",
        }
    }

    fn label(&self, t: &T) -> String {
        match self.name.as_str() {
            "retention.request_rows_days" => t.request_rows_days.to_owned(),
            "sandbox.enabled" => t.sandbox_enabled.to_owned(),
            "console.display_currency" => t.display_currency.to_owned(),
            "console.default_language" => t.default_language.to_owned(),
            other => other.to_owned(),
        }
    }
}

/// A value of a choice as people say it.
fn name_of(value: &str, t: &T) -> String {
    match value {
        "true" => t.on.to_owned(),
        "false" => t.off.to_owned(),
        "en" => "English".to_owned(),
        "zh" => "简体中文".to_owned(),
        other => other.to_owned(),
    }
}

fn text_of(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        Value::Object(fields) => match (fields.get("code"), fields.get("usd_rate")) {
            (Some(code), Some(rate)) => format!("1 USD = {} {}", text_of(rate), text_of(code)),
            _ => value.to_string(),
        },
        Value::Array(items) => items.iter().map(text_of).collect::<Vec<_>>().join(", "),
        other => other.to_string(),
    }
}

/// `[name](place)` as the name.
fn without_links(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, (name, after))) = rest.split_once('[').and_then(|(before, link)| {
        let (name, place) = link.split_once("](")?;
        Some((before, (name, place.split_once(')')?.1)))
    }) {
        plain.push_str(before);
        plain.push_str(name);
        rest = after;
    }
    plain.push_str(rest);
    plain
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::{Page, Role, test_visit::TestVisit};

    fn setting(name: &str, more: &Value) -> Value {
        let mut setting = json!({
            "name": name, "section": "[server]", "description": "A `word` and [a link](x.md) <b>.", "type": "integer",
            "value": null, "default": null, "is_set": false, "is_secret": false, "source": "default",
            "read_only": true, "needs_restart": false, "words": [], "range": null,
        });
        for (field, value) in more.as_object().into_iter().flatten() {
            setting[field] = value.clone();
        }
        setting
    }

    fn check(role: Role, query: &[(&str, &str)], has: &[&str], lacks: &[&str]) {
        let settings = [
            setting(
                "server.max_body_bytes",
                &json!({ "value": 7, "source": "file", "is_set": true, "range": [1, 9] }),
            ),
            setting("database.url", &json!({ "is_secret": true, "source": "environment", "is_set": true })),
            setting(
                "server.listen",
                &json!({ "value": "127.0.0.1:1", "type": "string", "needs_restart": true }),
            ),
            setting(
                "sandbox.enabled",
                &json!({ "value": false, "default": true, "type": "boolean",
                                               "source": "console", "is_set": true, "read_only": false }),
            ),
            setting(
                "retention.request_rows_days",
                &json!({ "value": 90, "default": 90, "read_only": false }),
            ),
            setting("console.default_language", &json!({ "value": "zh", "source": "file", "is_set": true })),
            setting(
                "console.display_currency",
                &json!({ "section": "console", "type": "object", "source": "console", "is_set": true,
                        "value": { "code": "EUR", "usd_rate": 0.92 }, "read_only": false }),
            ),
        ];
        let answers = Answers::new().with("settings", json!({ "data": settings, "next_cursor": null }));
        TestVisit::new(Page::Settings).query(query).shows(role, &answers, has, lacks);
    }

    #[test]
    fn settings_are_told_and_changed() {
        let form = "data-settings";
        check(
            Role::Owner,
            &[],
            &[
                form,
                "<code>word</code> and a link &#60;b&#62;.",
                "name=\"sandbox.enabled\"",
                "<option value=\"false\" selected>",
                "name=\"console.display_currency.code\"",
                "value=\"EUR\"",
                "value=\"0.92\"",
                "1 USD = 0.92 EUR",
                "name=\"retention.request_rows_days\"",
                "placeholder=\"90\"",
                "<li data-fixed=\"console.default_language\">",
                "127.0.0.1:1",
            ],
            &["<b>", "name=\"server.listen\"", "name=\"console.default_language\""],
        );
        check(Role::Viewer, &[], &["127.0.0.1:1"], &[form, "name=\"sandbox.enabled\""]);
        check(Role::Viewer, &[("q", "LISTEN")], &["127.0.0.1:1"], &["database.url"]);
        check(Role::Viewer, &[("show", "set")], &["database.url"], &["127.0.0.1:1"]);
        check(Role::Viewer, &[("q", "nothing like it")], &["class=\"empty\""], &["database.url"]);
    }
}
