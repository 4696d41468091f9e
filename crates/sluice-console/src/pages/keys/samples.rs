//! A first call with a key, in the words of the usual clients. `{}` stands where the secret goes.

/// The same call in three languages.
#[derive(Debug)]
pub(crate) struct Samples {
    pub(crate) curl: String,
    pub(crate) python: String,
    pub(crate) node: String,
}

impl Samples {
    /// Of a model at an address such as `http://127.0.0.1:8080/v1`.
    pub(crate) fn new(base_url: &str, model: &str) -> Self {
        // JSON's strings are strings of these languages too, and single quotes are closed for the shell.
        let text = |text: &str| serde_json::Value::from(text).to_string();
        let (base, model) = (text(base_url), text(model));
        let body = format!(r#"{{"model": {model}, "messages": [{{"role": "user", "content": "Hello"}}]}}"#);
        Self {
            curl: format!(
                "curl {base_url}/chat/completions \\\n  -H 'Authorization: Bearer {{}}' \\\n  -H 'Content-Type: application/json' \\\n  -d '{}'",
                body.replace('\'', r"'\''")
            ),
            python: format!(
                "from openai import OpenAI\n\nclient = OpenAI(base_url={base}, api_key=\"{{}}\")\nreply = client.chat.completions.create(\n    model={model},\n    messages=[{{\"role\": \"user\", \"content\": \"Hello\"}}],\n)\nprint(reply.choices[0].message.content)"
            ),
            node: format!(
                "import OpenAI from \"openai\";\n\nconst client = new OpenAI({{ baseURL: {base}, apiKey: \"{{}}\" }});\nconst reply = await client.chat.completions.create({{\n  model: {model},\n  messages: [{{ role: \"user\", content: \"Hello\" }}],\n}});\nconsole.log(reply.choices[0].message.content);"
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_cannot_break_out_of_their_quotes() {
        let samples = Samples::new("http://h/v1", "o'x\"\n");
        assert!(samples.curl.contains(r#""model": "o'\''x\"\n""#), "{}", samples.curl);
        assert!(samples.python.contains(r#"model="o'x\"\n","#), "{}", samples.python);
        assert!(samples.node.contains(r#"model: "o'x\"\n","#), "{}", samples.node);
        // The first braces that are empty are those of the secret.
        for sample in [&samples.curl, &samples.python, &samples.node] {
            let at = sample.find("{}").unwrap_or_default();
            let before = &sample[..at];
            assert!(
                before.ends_with("Bearer ")
                    || before.ends_with("api_key=\"")
                    || before.ends_with("apiKey: \"")
            );
        }
    }
}
