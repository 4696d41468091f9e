//! The fields beside conversation and tools, and the body in which all of it stands.

use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};
use sluice_chat::request::Stop;

use super::blocks::{cache_control, mark};
use super::encode::{Conversation, Draft, Offer};
use super::route::Route;
use super::thinking::Plan;
use super::tools::Choice;
use super::turns;

/// Breakpoints of the prompt cache in one request.
const MARKERS_MAX: usize = 4;

/// Longer texts for a user are hashed. Servers that are compatible take no more.
const USER_ID_CHARS_MAX: usize = 255;

/// The least `top_p` beside thinking.
const THINKING_TOP_P_MIN: f64 = 0.95;

impl Draft<'_> {
    /// The model, the limit, and the conversation, in the order that makes long prefixes of equal requests equal.
    pub(super) fn head(&mut self, limit: u64, conversation: Conversation, tools: Vec<Value>) {
        match self.route.version_in_body() {
            Some(version) => drop(self.body.insert("anthropic_version".to_owned(), version.into())),
            None => {
                let name = self.call.upstream_model.name();
                self.body.insert("model".to_owned(), name.into());
            }
        }
        self.body.insert("max_tokens".to_owned(), limit.into());
        if !tools.is_empty() {
            self.body.insert("tools".to_owned(), tools.into());
        }
        if !self.system.is_empty() {
            let system = std::mem::take(&mut self.system);
            self.body.insert("system".to_owned(), system.into());
        }
        let turns = turns::turns(conversation.items, self.model.late_system);
        self.body.insert("messages".to_owned(), turns::written(turns).into());
    }

    /// `temperature`, `top_p` and `top_k`, as far as the model, or the thinking, lets them be.
    pub(super) fn sampling(
        &mut self,
        temperature: Option<f64>,
        top_p: Option<f64>,
        top_k: Option<Value>,
        plan: &Plan,
    ) {
        let temperature = temperature.map(|temperature| temperature.min(1.0));
        // One is what it is anyway.
        let is_one = temperature.is_none_or(|temperature| (1.0 - temperature).abs() < f64::EPSILON);
        match temperature.filter(|_| !is_one) {
            Some(temperature) if self.model.sampling && !plan.is_on() => {
                self.body.insert("temperature".to_owned(), json!(temperature));
            }
            Some(_) => self.dropped.push("temperature".to_owned()),
            None => {}
        }
        if let Some(top_p) = top_p.filter(|top_p| *top_p < 1.0) {
            let beside_thinking = !plan.is_on() || top_p >= THINKING_TOP_P_MIN;
            let beside_temperature = is_one || self.model.both_samplings;
            if self.model.sampling && beside_thinking && beside_temperature {
                self.body.insert("top_p".to_owned(), json!(top_p));
            } else {
                self.dropped.push("top_p".to_owned());
            }
        }
        match top_k.filter(|top_k| !top_k.is_null()) {
            Some(top_k) if top_k.is_u64() && self.model.sampling && !plan.is_on() => {
                self.body.insert("top_k".to_owned(), top_k);
            }
            Some(_) => self.dropped.push("top_k".to_owned()),
            None => {}
        }
    }

    /// Strings without anything to see are refused.
    pub(super) fn stop(&mut self, stop: Option<Stop>) {
        let Some(stop) = stop else { return };
        let all = stop.as_slice();
        let kept: Vec<&String> = all.iter().filter(|text| !text.trim().is_empty()).collect();
        if kept.len() < all.len() {
            self.dropped.push("stop".to_owned());
        }
        if !kept.is_empty() {
            self.body.insert("stop_sequences".to_owned(), json!(kept));
        }
    }

    pub(super) fn user(&mut self, user: Option<String>) {
        if let Some(user) = user.filter(|user| !user.is_empty()) {
            self.body.insert("metadata".to_owned(), json!({ "user_id": user_id(&user) }));
        }
    }

    pub(super) fn tier(&mut self, tier: Option<String>) {
        let tier = tier.unwrap_or_default();
        let known = match tier.as_str() {
            "" => return,
            "auto" => "auto",
            "default" => "standard_only",
            _ => return self.dropped.push("service_tier".to_owned()),
        };
        if self.route == Route::Direct {
            self.body.insert("service_tier".to_owned(), known.into());
        } else if known != "auto" {
            self.dropped.push("service_tier".to_owned());
        }
    }

    /// What stands behind the conversation.
    pub(super) fn tail(&mut self, plan: Plan, offer: Offer) {
        let choice = match offer.choice {
            None if offer.one_at_a_time => Some(Choice::Auto),
            choice => choice,
        };
        if let Some(choice) = choice {
            self.body.insert("tool_choice".to_owned(), choice.written(offer.one_at_a_time));
        }
        if let Some(thinking) = plan.thinking {
            self.body.insert("thinking".to_owned(), thinking);
        }
        let mut config = Map::new();
        if let Some(effort) = plan.effort {
            config.insert("effort".to_owned(), effort.into());
        }
        if let Some(format) = offer.format {
            config.insert("format".to_owned(), format);
        }
        if !config.is_empty() {
            self.body.insert("output_config".to_owned(), Value::Object(config));
        }
        // InvokeModel says it in its path.
        if self.call.scan.stream && self.route != Route::Bedrock {
            self.body.insert("stream".to_owned(), true.into());
        }
    }

    /// Fields beyond the API.
    pub(super) fn others(&mut self, rest: Map<String, Value>) {
        match cache_control(&rest) {
            Some(marker) if self.route == Route::Direct => {
                self.body.insert("cache_control".to_owned(), marker);
            }
            // What it means, for platforms that do not know it: the last block ends what is kept.
            Some(marker) => {
                let last = self.body.get_mut("messages").and_then(|all| all.as_array_mut()?.last_mut());
                let blocks = last.and_then(|turn| turn.get_mut("content")?.as_array_mut());
                mark(blocks.map(Vec::as_mut_slice).unwrap_or_default(), Some(marker));
            }
            None => {}
        }
        for (name, value) in rest {
            if !value.is_null() && name != "cache_control" {
                self.dropped.push(name);
            }
        }
    }

    /// Of too many markers the last ones stay: they cover the most.
    pub(super) fn markers(&mut self) {
        let of_body = usize::from(self.body.contains_key("cache_control"));
        let mut left = MARKERS_MAX - of_body;
        let mut lost = false;
        let mut visit = |block: &mut Value| {
            let Some(block) = block.as_object_mut().filter(|block| block.contains_key("cache_control"))
            else {
                return;
            };
            if left == 0 {
                block.shift_remove("cache_control");
                lost = true;
            }
            left = left.saturating_sub(1);
        };
        for name in ["messages", "system", "tools"] {
            let list = self.body.get_mut(name).and_then(Value::as_array_mut);
            for entry in list.into_iter().flatten().rev() {
                let content = entry.get_mut("content").filter(|_| name == "messages");
                match content.and_then(Value::as_array_mut) {
                    Some(blocks) => blocks.iter_mut().rev().for_each(&mut visit),
                    None => visit(entry),
                }
            }
        }
        if lost {
            self.dropped.push("cache_control".to_owned());
        }
    }
}

/// What stands for a user upstream: as it is, or a hash where it may tell who somebody is.
fn user_id(user: &str) -> String {
    let digits = user.bytes().filter(u8::is_ascii_digit).count();
    let like_a_phone = digits >= 7 && user.bytes().all(|b| b.is_ascii_digit() || b"+-() .".contains(&b));
    let plain = user.bytes().all(|b| (0x20..0x7f).contains(&b));
    if !user.contains('@') && !like_a_phone && plain && user.len() <= USER_ID_CHARS_MAX {
        return user.to_owned();
    }
    Sha256::digest(user.as_bytes()).iter().take(16).map(|byte| format!("{byte:02x}")).collect()
}
