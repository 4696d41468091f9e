//! Bodies of requests as they are sent: of one size each, filled with what the size is mostly made of.

use bytes::Bytes;

pub(crate) const SMALL: usize = 300;
pub(crate) const MIDDLE: usize = 4 * 1024;
pub(crate) const LARGE: usize = 64 * 1024;

/// What fills a body.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Filled {
    /// One long message with a line break now and then.
    Prose,
    /// The same in a script whose characters have three bytes.
    Chinese,
    /// One long message full of quotes, line breaks and tabs.
    Code,
    /// Many short messages.
    Messages,
    /// A picture in the message.
    Image,
    /// Schemas of tools.
    Tools,
}

impl Filled {
    pub(crate) const ALL: [(&str, Self); 6] = [
        ("prose", Self::Prose),
        ("chinese", Self::Chinese),
        ("code", Self::Code),
        ("messages", Self::Messages),
        ("image", Self::Image),
        ("tools", Self::Tools),
    ];

    /// A body of about so many bytes: never more, and never less by more than one repetition of what it repeats.
    pub(crate) fn body(self, bytes: usize) -> Bytes {
        let (before, repeated, after) = self.parts();
        let room = bytes.saturating_sub(before.len() + after.len());
        let filling = repeated.repeat(room / repeated.len());
        // Lists have a comma between their elements, and none behind the last.
        let filling = filling.strip_suffix(',').unwrap_or(&filling);
        format!("{before}{filling}{after}").into()
    }

    fn parts(self) -> (&'static str, &'static str, &'static str) {
        const TEXT: &str = r#"{"model":"small","messages":[{"role":"system","content":"You are terse."},{"role":"user","content":""#;
        const TEXT_END: &str = r#""}],"temperature":0.2,"max_completion_tokens":64}"#;
        match self {
            Self::Prose => {
                (TEXT, r"The quick brown fox jumps over the lazy dog, and the dog does not mind.\n", TEXT_END)
            }
            Self::Chinese => {
                (TEXT, r"敏捷的棕色狐狸跳过了那只懒狗，而那只狗并不介意这件事情，它继续睡觉。\n", TEXT_END)
            }
            Self::Code => (
                TEXT,
                r#"\tlet name = \"fox\"; // {\"jumps\": \"over\"}\n\t\tprintln!(\"{name}\");\n"#,
                TEXT_END,
            ),
            Self::Messages => (
                r#"{"model":"small","messages":["#,
                r#"{"role":"user","content":"What does the fox do?"},{"role":"assistant","content":"It jumps over the lazy dog."},"#,
                r#"],"temperature":0.2,"max_completion_tokens":64}"#,
            ),
            Self::Image => (
                r#"{"model":"small","messages":[{"role":"user","content":[{"type":"text","text":"What is this?"},{"type":"image_url","image_url":{"url":"data:image/png;base64,"#,
                "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9",
                r#""}}]}],"temperature":0.2,"max_completion_tokens":64}"#,
            ),
            Self::Tools => (
                r#"{"model":"small","messages":[{"role":"user","content":"Where is the fox?"}],"tools":["#,
                r#"{"type":"function","function":{"name":"find_animal","description":"Finds an animal on the map.","parameters":{"type":"object","properties":{"name":{"type":"string","description":"What it is called."},"near":{"type":"object","properties":{"lat":{"type":"number","minimum":-90,"maximum":90.0},"lon":{"type":"number"}},"required":["lat","lon"]},"kinds":{"type":"array","items":{"type":"string","enum":["fox","dog"]}}},"required":["name"],"additionalProperties":false},"strict":true}},"#,
                r#"],"temperature":0.2,"max_completion_tokens":64}"#,
            ),
        }
    }
}
