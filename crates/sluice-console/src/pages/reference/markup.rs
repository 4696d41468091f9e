//! Fields as nested lists.

use super::{
    chinese,
    fields::{Field, Form, Inner, Rule},
    texts::T,
};
use crate::{Language, html::Html, texts::fill};

/// Makes markup in one language.
#[derive(Clone, Copy, Debug)]
pub(super) struct Writer {
    language: Language,
    t: &'static T,
}

impl Writer {
    pub(super) fn new(language: Language) -> Self {
        Self { language, t: T::of(language) }
    }

    /// A text of the document, in the language of the page where it is known in it. What stands between backticks is
    /// code.
    pub(super) fn prose(self, text: &str) -> Html {
        let mut html = Html::default();
        self.push_prose(&mut html, text);
        html
    }

    fn push_prose(self, html: &mut Html, text: &str) {
        let chinese = match self.language {
            Language::English => None,
            Language::Chinese => chinese::of(text),
        };
        let is_foreign = self.language != Language::English && chinese.is_none();
        html.push(if is_foreign { "<span lang=\"en\">" } else { "" }, &[]);
        for (index, piece) in chinese.unwrap_or(text).split('`').enumerate() {
            html.push(if index % 2 == 0 { "{}" } else { "<code>{}</code>" }, &[&piece]);
        }
        html.push(if is_foreign { "</span>" } else { "" }, &[]);
    }

    /// A list of fields.
    pub(super) fn fields(self, fields: &[Field]) -> Html {
        let mut html = Html::default();
        self.push_fields(&mut html, fields);
        html
    }

    /// What is inside of a body.
    pub(super) fn inner(self, inner: &Inner) -> Html {
        let mut html = Html::default();
        self.push_inner(&mut html, inner);
        html
    }

    /// What holds of a body as a whole.
    pub(super) fn rules(self, rules: &[Rule]) -> Html {
        let mut html = Html::default();
        self.push_rules(&mut html, rules);
        html
    }

    fn push_fields(self, html: &mut Html, fields: &[Field]) {
        html.push("<ul class=\"fields\">", &[]);
        for field in fields {
            self.push_field(html, field);
        }
        html.push("</ul>", &[]);
    }

    fn push_field(self, html: &mut Html, field: &Field) {
        html.push(
            "<li id=\"{}\"><div><a class=\"name\" href=\"#{}\">{}</a> <code class=\"kind\">{}</code>",
            &[&field.anchor, &field.anchor, &field.name, &field.kind],
        );
        if field.required {
            html.push(" <span class=\"must\">{}</span>", &[&self.t.required]);
        }
        if field.deprecated {
            html.push(" <span class=\"badge warn plain\">{}</span>", &[&self.t.deprecated]);
        }
        html.push("</div>", &[]);
        if !field.description.is_empty() {
            html.push("<p>", &[]);
            self.push_prose(html, &field.description);
            html.push("</p>", &[]);
        }
        self.push_rules(html, &field.rules);
        let summary = match &field.inner {
            Inner::Fields(fields) => fill(self.t.inside, &[&fields.len()]),
            Inner::Forms(forms) => fill(self.t.forms, &[&forms.len()]),
            Inner::Nothing | Inner::Elsewhere(..) => String::new(),
        };
        if summary.is_empty() {
            self.push_inner(html, &field.inner);
        } else {
            html.push("<details><summary>{}</summary>", &[&summary]);
            self.push_inner(html, &field.inner);
            html.push("</details>", &[]);
        }
        html.push("</li>", &[]);
    }

    fn push_inner(self, html: &mut Html, inner: &Inner) {
        match inner {
            Inner::Nothing => {}
            Inner::Fields(fields) => self.push_fields(html, fields),
            Inner::Forms(forms) => {
                for form in forms {
                    self.push_form(html, form);
                }
            }
            Inner::Elsewhere(name, anchor) => {
                html.push("<p><a href=\"#{}\">{}</a></p>", &[anchor, &fill(self.t.see, &[name])]);
            }
        }
    }

    fn push_form(self, html: &mut Html, form: &Form) {
        html.push("<section class=\"one-form\"><h5 lang=\"en\">{}</h5>", &[&form.title]);
        if !form.description.is_empty() {
            html.push("<p>", &[]);
            self.push_prose(html, &form.description);
            html.push("</p>", &[]);
        }
        if !form.fields.is_empty() {
            self.push_fields(html, &form.fields);
        }
        html.push("</section>", &[]);
    }

    fn push_rules(self, html: &mut Html, rules: &[Rule]) {
        if rules.is_empty() {
            return;
        }
        html.push("<p class=\"rules\">", &[]);
        for rule in rules {
            html.push("<span>", &[]);
            let t = self.t;
            match rule {
                Rule::Range(text) => html.push("{} <code>{}</code>", &[&t.range, text]),
                Rule::Default(text) => html.push("{} <code>{}</code>", &[&t.default, text]),
                Rule::Pattern(text) => html.push("{} <code>{}</code>", &[&t.pattern, text]),
                Rule::Format(text) => html.push("{} <code>{}</code>", &[&t.format, text]),
                Rule::Example(text) => html.push("{} <code>{}</code>", &[&t.example, text]),
                Rule::Characters(least, most) => {
                    html.push("{}", &[&fill(t.characters, &[&self.span(*least, *most)])]);
                }
                Rule::Entries(least, most) => {
                    html.push("{}", &[&fill(t.entries, &[&self.span(*least, *most)])]);
                }
                Rule::Words(words) => {
                    html.push("{}", &[&t.one_of]);
                    for word in words {
                        html.push(" <code>{}</code>", &[word]);
                    }
                }
            }
            html.push("</span> ", &[]);
        }
        html.push("</p>", &[]);
    }

    fn span(self, least: Option<u64>, most: Option<u64>) -> String {
        match (least, most) {
            (Some(least), Some(most)) => fill(self.t.between, &[&least, &most]),
            (Some(least), None) => fill(self.t.at_least, &[&least]),
            (None, Some(most)) => fill(self.t.at_most, &[&most]),
            (None, None) => String::new(),
        }
    }
}
