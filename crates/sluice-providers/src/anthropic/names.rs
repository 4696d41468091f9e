//! Names of tools and ids of calls, whose alphabet is narrower at Anthropic than in what callers send.

use std::collections::HashMap;

use crate::hash::stable_hash;
use crate::reading::Reading;

/// Characters of a tool's name, by the older models.
const NAME_CHARS_MAX: usize = 64;

/// The text, or one of `A-Z a-z 0-9 _ -` that stands for it: cleaned, cut, and with a hash that keeps texts apart
/// that clean alike.
fn narrowed(text: &str, chars_max: usize) -> String {
    let fits = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    if !text.is_empty() && text.len() <= chars_max && text.chars().all(fits) {
        return text.to_owned();
    }
    let clean = text.chars().map(|c| if fits(c) { c } else { '_' }).take(chars_max - 9);
    let hash = stable_hash(&[text.as_bytes()]) as u32;
    format!("{}_{hash:08x}", clean.collect::<String>())
}

/// The upstream's name of a tool; a name that is another there is noted, so that answers say the caller's.
pub(super) fn tool(name: &str, reading: &mut Reading) -> String {
    let sent = narrowed(name, NAME_CHARS_MAX);
    if sent != name && !reading.renamed_tools.iter().any(|(known, _)| *known == sent) {
        reading.renamed_tools.push((sent.clone(), name.to_owned()));
    }
    sent
}

/// Ids of calls: every call of a conversation has one of its own, and results go to the newest call of their id.
#[derive(Debug, Default)]
pub(super) struct CallIds {
    /// How often an id was used.
    used: HashMap<String, u32>,
}

const ID_CHARS_MAX: usize = 128;

impl CallIds {
    /// The upstream's id of a call that is made.
    pub(super) fn call(&mut self, id: &str) -> String {
        let times = self.used.entry(id.to_owned()).or_default();
        *times += 1;
        said(id, *times)
    }

    /// The upstream's id of the call that a result belongs to.
    pub(super) fn result(&self, id: &str) -> String {
        said(id, self.used.get(id).copied().unwrap_or(1))
    }
}

fn said(id: &str, times: u32) -> String {
    if times > 1 { narrowed(&format!("{id}#{times}"), ID_CHARS_MAX) } else { narrowed(id, ID_CHARS_MAX) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_fit_stay() {
        let mut reading = Reading::default();
        assert_eq!(tool("get_weather-2", &mut reading), "get_weather-2");
        assert_eq!(reading, Reading::default());
        let odd = tool("mcp.server/tool", &mut reading);
        assert!(odd.starts_with("mcp_server_tool_") && odd.len() == 24, "{odd}");
        assert_eq!(reading.callers_name(&odd), "mcp.server/tool");
        assert_ne!(tool("mcp.server.tool", &mut reading), odd);
        assert_eq!(tool(&"x".repeat(90), &mut reading).len(), 64);
    }

    #[test]
    fn an_id_that_comes_again_is_another() {
        let mut ids = CallIds::default();
        assert_eq!(ids.call("call_1"), "call_1");
        assert_eq!(ids.result("call_1"), "call_1");
        let second = ids.call("call_1");
        assert_ne!(second, "call_1");
        assert_eq!(ids.result("call_1"), second);
        assert_eq!(ids.result("other"), "other");
        assert!(ids.call("functions.f:0").bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_'));
    }
}
