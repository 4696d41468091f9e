//! The conversation in turns, as Anthropic has them: they alternate and begin with the user's, results of tools stand
//! first in theirs, and what a system says late stays where it was said.

use serde_json::{Value, json};

use super::blocks::text;
use super::messages::Item;

/// One turn.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Turn {
    pub(super) role: &'static str,
    pub(super) blocks: Vec<Value>,
}

const USER: &str = "user";
const ASSISTANT: &str = "assistant";
const SYSTEM: &str = "system";

/// What stands in a turn that has to be there and says nothing; white space would be refused.
const PLACEHOLDER: &str = ".";

/// The messages of the system at the beginning, taken off the conversation.
pub(super) fn leading_system(items: &mut Vec<Item>) -> Vec<Value> {
    match items.first_mut() {
        Some(Item::System(blocks)) => {
            let blocks = std::mem::take(blocks);
            items.remove(0);
            blocks
        }
        _ => Vec::new(),
    }
}

/// Whether the model is in the middle of a turn of tools that it began without thinking. With a budget for thinking
/// such a conversation is refused.
pub(super) fn in_unthinking_loop(items: &[Item]) -> bool {
    let mut spoken = items.iter().rev().filter(|item| !matches!(item, Item::System(_)));
    match (spoken.next(), spoken.next()) {
        (Some(Item::User { results, .. }), Some(Item::Assistant(blocks))) if !results.is_empty() => {
            blocks.first().is_none_or(|block| !is_thinking(block))
        }
        _ => false,
    }
}

fn is_thinking(block: &Value) -> bool {
    matches!(block.get("type").and_then(Value::as_str), Some("thinking" | "redacted_thinking"))
}

/// Leaves all thinking out.
pub(super) fn strip_thinking(items: &mut Vec<Item>) {
    for item in items.iter_mut() {
        if let Item::Assistant(blocks) = item {
            blocks.retain(|block| !is_thinking(block));
        }
    }
    items.retain(|item| !matches!(item, Item::Assistant(blocks) if blocks.is_empty()));
}

/// Puts what was said into turns. `late_system`: the model takes the role `system` inside a conversation.
pub(super) fn turns(items: Vec<Item>, late_system: bool) -> Vec<Turn> {
    let mut turns = Turns { turns: Vec::new(), sliding: Vec::new() };
    let mut items = items.into_iter().peekable();
    while let Some(item) = items.next() {
        let next = items.peek();
        let last_of_user = matches!(next, None | Some(Item::Assistant(_)));
        match item {
            Item::User { results, blocks } => {
                turns.user(results, blocks);
                if last_of_user {
                    turns.settle();
                }
            }
            Item::Assistant(blocks) => turns.add(ASSISTANT, blocks),
            Item::System(blocks) if late_system && turns.last_is(USER) && last_of_user => {
                turns.sliding.extend(blocks);
                turns.settle();
            }
            Item::System(blocks) if late_system && turns.last_is(ASSISTANT) && !last_of_user => {
                turns.sliding.extend(blocks);
            }
            Item::System(blocks) => {
                let blocks = std::mem::take(&mut turns.sliding).into_iter().chain(blocks);
                turns.user(Vec::new(), blocks.map(note).collect());
            }
        }
    }
    turns.finish()
}

struct Turns {
    turns: Vec<Turn>,
    /// What the system says, on its way behind the user's turn that comes next.
    sliding: Vec<Value>,
}

impl Turns {
    fn last_is(&self, role: &str) -> bool {
        self.turns.last().is_some_and(|turn| turn.role == role)
    }

    fn add(&mut self, role: &'static str, blocks: Vec<Value>) {
        match self.turns.last_mut().filter(|turn| turn.role == role) {
            Some(turn) => turn.blocks.extend(blocks),
            None => self.turns.push(Turn { role, blocks }),
        }
    }

    /// Results go before everything else of their turn.
    fn user(&mut self, results: Vec<Value>, blocks: Vec<Value>) {
        self.add(USER, blocks);
        if let Some(turn) = self.turns.last_mut().filter(|_| !results.is_empty()) {
            let is_result = |block: &Value| block.get("type").and_then(Value::as_str) == Some("tool_result");
            let at = turn.blocks.iter().take_while(|block| is_result(block)).count();
            turn.blocks.splice(at..at, results);
        }
    }

    /// The place for what slid here.
    fn settle(&mut self) {
        let sliding = std::mem::take(&mut self.sliding);
        if !sliding.is_empty() {
            self.add(SYSTEM, sliding);
        }
    }

    fn finish(mut self) -> Vec<Turn> {
        if self.turns.first().is_none_or(|turn| turn.role != USER) {
            self.turns.insert(0, Turn { role: USER, blocks: Vec::new() });
        }
        for turn in self.turns.iter_mut().filter(|turn| turn.role == USER && turn.blocks.is_empty()) {
            turn.blocks.extend(text(PLACEHOLDER));
        }
        // What an answer begins with must not end in white space.
        if let Some(turn) = self.turns.last_mut().filter(|turn| turn.role == ASSISTANT)
            && let Some(Value::String(said)) = turn.blocks.last_mut().and_then(|block| block.get_mut("text"))
        {
            said.truncate(said.trim_end().len());
        }
        self.turns
    }
}

/// What the system says to a model that hears it from the user only.
fn note(mut block: Value) -> Value {
    if let Some(Value::String(text)) = block.get_mut("text") {
        *text = format!("<system>\n{text}\n</system>");
    }
    block
}

/// The turns as JSON.
pub(super) fn written(turns: Vec<Turn>) -> Vec<Value> {
    turns.into_iter().map(|turn| json!({ "role": turn.role, "content": turn.blocks })).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `U`, `A`, `S` with a text, `R` for a result.
    fn check(said: &str, late_system: bool, expect: &str) {
        let items = said.split_whitespace().map(|word| {
            let block = json!({ "type": "text", "text": word });
            match word.as_bytes()[0] {
                b'U' => Item::User { results: vec![], blocks: vec![block] },
                b'R' => Item::User {
                    results: vec![json!({ "type": "tool_result", "tool_use_id": word })],
                    blocks: vec![],
                },
                b'A' => Item::Assistant(vec![block]),
                _ => Item::System(vec![block]),
            }
        });
        let turns = turns(items.collect(), late_system).into_iter().map(|turn| {
            let words = turn.blocks.iter().map(|block| {
                let text = block.get("text").or_else(|| block.get("tool_use_id")).unwrap();
                text.as_str().unwrap().replace("<system>\n", "<").replace("\n</system>", ">")
            });
            format!("{}:{}", turn.role, words.collect::<Vec<_>>().join(","))
        });
        assert_eq!(turns.collect::<Vec<_>>().join(" "), expect, "{said}");
    }

    #[test]
    fn late_words_of_the_system() {
        check("U1 S1 A1", true, "user:U1 system:S1 assistant:A1");
        check("U1 S1 A1", false, "user:U1,<S1> assistant:A1");
        check("U1 A1 U2 S1", true, "user:U1 assistant:A1 user:U2 system:S1");
        check("U1 A1 S1 U2", true, "user:U1 assistant:A1 user:U2 system:S1");
        check("U1 A1 S1 U2 A2", true, "user:U1 assistant:A1 user:U2 system:S1 assistant:A2");
        check("U1 A1 S1 U2", false, "user:U1 assistant:A1 user:<S1>,U2");
        check("U1 S1 U2", true, "user:U1,<S1>,U2");
        check("U1 A1 S1", true, "user:U1 assistant:A1 user:<S1>");
        check("U1 A1 S1 A2", true, "user:U1 assistant:A1 user:<S1> assistant:A2");
        check("U1 A1 S1 U2 S2", true, "user:U1 assistant:A1 user:U2 system:S1,S2");
        check("U1 A1 S1 U2 S2 U3", true, "user:U1 assistant:A1 user:U2,<S1>,<S2>,U3");
    }

    #[test]
    fn nothing_stands_between_a_call_and_its_result() {
        check("U1 A1 S1 R1 U2", false, "user:U1 assistant:A1 user:R1,<S1>,U2");
        check("U1 A1 R1 S1 R2", false, "user:U1 assistant:A1 user:R1,R2,<S1>");
        check("U1 A1 S1 R1", true, "user:U1 assistant:A1 user:R1 system:S1");
    }

    #[test]
    fn the_user_begins() {
        check("", true, "user:.");
        check("A1", true, "user:. assistant:A1");
        check("A1 U1", true, "user:. assistant:A1 user:U1");
    }
}
