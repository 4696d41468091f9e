//! One call in other words: for a shell, for Python, for Node. No key is ever in them.

use serde_json::Value;

use super::document::{Access, Parameter};

#[derive(Debug)]
pub(super) struct Sample {
    pub(super) label: &'static str,
    pub(super) text: String,
}

/// What a sample is made from.
#[derive(Debug)]
pub(super) struct Call<'a> {
    pub(super) method: String,
    /// Without a slash at its end.
    pub(super) server: &'a str,
    pub(super) path: &'a str,
    pub(super) access: Access,
    pub(super) parameters: &'a [Parameter],
    /// JSON.
    pub(super) body: Option<&'a str>,
    /// Its id in the document.
    pub(super) operation: &'a str,
}

impl Call<'_> {
    /// The address, with a plain word in place of each variable part.
    fn url(&self) -> String {
        let mut path = self.path.to_owned();
        for parameter in self.parameters.iter().filter(|parameter| parameter.place == "path") {
            let name = &parameter.field.name;
            let word = match name.as_str() {
                "id" if self.path.contains("/keys/") => "key_1",
                "id" if self.path.contains("/requests/") => "req_1",
                "id" if self.path.contains("/models/") => "sandbox/echo",
                _ => name,
            };
            path = path.replace(&format!("{{{name}}}"), word);
        }
        format!("{}{path}", self.server)
    }

    /// The variable of the environment that holds what the call needs.
    fn variable(&self) -> Option<&'static str> {
        match self.access {
            Access::Key => Some("SLUICEGATE_API_KEY"),
            Access::Admin | Access::AdminOrLocal => Some("SLUICEGATE_ADMIN_TOKEN"),
            Access::Everybody => None,
        }
    }
}

pub(super) fn samples(call: &Call<'_>) -> Vec<Sample> {
    let (python, node) = match call.operation {
        "createChatCompletion" => (openai_python(call), openai_node(call)),
        _ => (python(call), node(call)),
    };
    vec![
        Sample { label: "curl", text: curl(call) },
        Sample { label: "Python", text: python },
        Sample { label: "Node", text: node },
    ]
}

fn curl(call: &Call<'_>) -> String {
    let method = if call.method == "GET" { String::new() } else { format!("-X {} ", call.method) };
    let mut lines = vec![format!("curl {method}'{}'", call.url())];
    lines.extend(call.variable().map(|name| format!("-H \"Authorization: Bearer ${name}\"")));
    if let Some(body) = call.body {
        lines.push("-H 'Content-Type: application/json'".to_owned());
        lines.push(format!("-d '{}'", body.replace('\'', "'\\''")));
    }
    lines.join(" \\\n  ")
}

fn python(call: &Call<'_>) -> String {
    let mut lines = vec![format!("\"{}\",", call.url())];
    lines.extend(
        call.variable()
            .map(|name| format!("headers={{\"Authorization\": f\"Bearer {{os.environ['{name}']}}\"}},")),
    );
    if let Some(body) = call.body {
        lines.push(format!("json={},", indented(&literal(body))));
    }
    let import = if call.variable().is_some() { "import os\n\nimport requests" } else { "import requests" };
    let lines: String = lines.iter().map(|line| format!("    {line}\n")).collect();
    let method = call.method.to_lowercase();
    let shown = if call.method == "DELETE" { "response.status_code" } else { shown_by(call) };
    format!(
        "{import}\n\nresponse = requests.{method}(\n{lines})\nresponse.raise_for_status()\nprint({shown})\n"
    )
}

/// What the answer is read as.
fn shown_by(call: &Call<'_>) -> &'static str {
    if call.path == "/metrics" { "response.text" } else { "response.json()" }
}

fn node(call: &Call<'_>) -> String {
    let mut rows = Vec::new();
    if call.method != "GET" {
        rows.push(format!("method: \"{}\",", call.method));
    }
    let mut headers: Vec<String> = call
        .variable()
        .map(|name| format!("Authorization: `Bearer ${{process.env.{name}}}`"))
        .into_iter()
        .collect();
    if call.body.is_some() {
        headers.push("\"Content-Type\": \"application/json\"".to_owned());
    }
    if !headers.is_empty() {
        rows.push(format!("headers: {{ {} }},", headers.join(", ")));
    }
    if let Some(body) = call.body {
        rows.push(format!("body: JSON.stringify({}),", body.replace('\n', "\n  ")));
    }
    let options = match rows.as_slice() {
        [] => String::new(),
        rows => format!(", {{\n{}}}", rows.iter().map(|row| format!("  {row}\n")).collect::<String>()),
    };
    let shown = match (call.method.as_str(), call.path) {
        ("DELETE", _) => "response.status",
        (_, "/metrics") => "await response.text()",
        _ => "await response.json()",
    };
    format!("const response = await fetch(\"{}\"{options});\nconsole.log({shown});\n", call.url())
}

fn openai_python(call: &Call<'_>) -> String {
    let fields = object(call.body.unwrap_or_default());
    let rows: String = fields
        .iter()
        .map(|(name, value)| format!("    {name}={},\n", indented(&literal(&value.to_string()))))
        .collect();
    format!(
        "import os\n\nfrom openai import OpenAI\n\nclient = OpenAI(\n    base_url=\"{}/v1\",\n    \
         api_key=os.environ[\"SLUICEGATE_API_KEY\"],\n)\n\ncompletion = client.chat.completions.create(\n{rows})\n\
         print(completion.choices[0].message.content)\n",
        call.server
    )
}

fn openai_node(call: &Call<'_>) -> String {
    format!(
        "import OpenAI from \"openai\";\n\nconst client = new OpenAI({{\n  baseURL: \"{}/v1\",\n  \
         apiKey: process.env.SLUICEGATE_API_KEY,\n}});\n\nconst completion = await \
         client.chat.completions.create({});\nconsole.log(completion.choices[0].message.content);\n",
        call.server,
        call.body.unwrap_or("{}")
    )
}

fn object(body: &str) -> serde_json::Map<String, Value> {
    serde_json::from_str(body).unwrap_or_default()
}

/// JSON as Python writes it.
fn literal(json: &str) -> String {
    let value: Value = serde_json::from_str(json).unwrap_or_default();
    written(&value, 0)
}

fn written(value: &Value, depth: usize) -> String {
    let inner = "    ".repeat(depth + 1);
    let end = "    ".repeat(depth);
    match value {
        Value::Null => "None".to_owned(),
        Value::Bool(true) => "True".to_owned(),
        Value::Bool(false) => "False".to_owned(),
        Value::Array(items) if !items.is_empty() => {
            let items: String =
                items.iter().map(|item| format!("{inner}{},\n", written(item, depth + 1))).collect();
            format!("[\n{items}{end}]")
        }
        Value::Object(fields) if !fields.is_empty() => {
            let row = |(name, item): (&String, &Value)| {
                format!("{inner}{}: {},\n", Value::String(name.clone()), written(item, depth + 1))
            };
            let rows: String = fields.iter().map(row).collect();
            format!("{{\n{rows}{end}}}")
        }
        value => value.to_string(),
    }
}

/// The lines after the first, one step further in.
fn indented(text: &str) -> String {
    text.replace('\n', "\n    ")
}

#[cfg(test)]
mod tests {
    use super::{super::fields::Field, *};

    fn call<'a>(
        parameters: &'a [Parameter],
        (method, path, access): (&str, &'a str, Access),
        body: Option<&'a str>,
    ) -> Call<'a> {
        let operation = if path.ends_with("completions") { "createChatCompletion" } else { "other" };
        Call { method: method.to_owned(), server: "http://h:1", path, access, parameters, body, operation }
    }

    #[test]
    fn samples_are_whole_programs() {
        let id = [Parameter {
            place: "path".to_owned(),
            field: Field { name: "id".to_owned(), ..Field::default() },
        }];
        let check = |what, parameters: &[Parameter], body, expect: [&str; 3]| {
            let found = samples(&call(parameters, what, body));
            assert_eq!(found.iter().map(|sample| sample.text.as_str()).collect::<Vec<_>>(), expect);
        };
        check(
            ("PATCH", "/admin/v1/keys/{id}", Access::Admin),
            &id,
            Some("{\n  \"name\": \"it's\"\n}"),
            [
                "curl -X PATCH 'http://h:1/admin/v1/keys/key_1' \\\n  -H \"Authorization: Bearer \
                 $SLUICEGATE_ADMIN_TOKEN\" \\\n  -H 'Content-Type: application/json' \\\n  -d '{\n  \"name\": \
                 \"it'\\''s\"\n}'",
                "import os\n\nimport requests\n\nresponse = requests.patch(\n    \"http://h:1/admin/v1/keys/key_1\",\n    \
                 headers={\"Authorization\": f\"Bearer {os.environ['SLUICEGATE_ADMIN_TOKEN']}\"},\n    json={\n        \
                 \"name\": \"it's\",\n    },\n)\nresponse.raise_for_status()\nprint(response.json())\n",
                "const response = await fetch(\"http://h:1/admin/v1/keys/key_1\", {\n  method: \"PATCH\",\n  headers: { \
                 Authorization: `Bearer ${process.env.SLUICEGATE_ADMIN_TOKEN}`, \"Content-Type\": \"application/json\" \
                 },\n  body: JSON.stringify({\n    \"name\": \"it's\"\n  }),\n});\nconsole.log(await response.json());\n",
            ],
        );
        check(
            ("GET", "/health/live", Access::Everybody),
            &[],
            None,
            [
                "curl 'http://h:1/health/live'",
                "import requests\n\nresponse = requests.get(\n    \"http://h:1/health/live\",\n)\n\
                 response.raise_for_status()\nprint(response.json())\n",
                "const response = await fetch(\"http://h:1/health/live\");\nconsole.log(await response.json());\n",
            ],
        );
        check(
            ("POST", "/v1/chat/completions", Access::Key),
            &[],
            Some("{\"model\":\"m\",\"stream\":null}"),
            [
                "curl -X POST 'http://h:1/v1/chat/completions' \\\n  -H \"Authorization: Bearer $SLUICEGATE_API_KEY\" \
                 \\\n  -H 'Content-Type: application/json' \\\n  -d '{\"model\":\"m\",\"stream\":null}'",
                "import os\n\nfrom openai import OpenAI\n\nclient = OpenAI(\n    base_url=\"http://h:1/v1\",\n    \
                 api_key=os.environ[\"SLUICEGATE_API_KEY\"],\n)\n\ncompletion = client.chat.completions.create(\n    \
                 model=\"m\",\n    stream=None,\n)\nprint(completion.choices[0].message.content)\n",
                "import OpenAI from \"openai\";\n\nconst client = new OpenAI({\n  baseURL: \"http://h:1/v1\",\n  apiKey: \
                 process.env.SLUICEGATE_API_KEY,\n});\n\nconst completion = await \
                 client.chat.completions.create({\"model\":\"m\",\"stream\":null});\n\
                 console.log(completion.choices[0].message.content);\n",
            ],
        );
    }
}
