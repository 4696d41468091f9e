//! Tools over three turns with the official Python SDK, at providers with words of their own: what the provider gets in
//! the second and the third turn holds what it said before, word for word, and what it signed.

mod providers;

use serde_json::{Value, json};
use sluice_providers::aws_stream;
use sluice_testkit::{
    answers,
    upstream::{Request, Script, Upstream},
};
use tokio::process::Command;

use super::program;
use crate::rig::{base_config, launch, model};

/// The ways to ask that the program has, in its order, and whether each gives back what it does not know of.
const WAYS: [(&str, bool); 3] = [("whole", true), ("helper", true), ("by_hand", false)];

/// What the provider says in one turn.
struct Turn {
    reasoning: &'static str,
    /// Of the reasoning or of the first call.
    signature: String,
    /// Id and city.
    calls: Vec<(String, &'static str)>,
    text: &'static str,
}

impl Turn {
    /// All ids and signatures of the conversations differ: none can come from another's.
    fn new(conversation: usize, turn: usize) -> Self {
        let (reasoning, cities, text): (_, &[&'static str], _) = match turn {
            0 => ("Two of them.", &["Rome", "Oslo"], ""),
            1 => ("One more.", &["Bonn"], ""),
            _ => ("", &[], "Nowhere."),
        };
        let calls = cities.iter().map(|city| (format!("call_{conversation}{turn}{city}"), *city)).collect();
        Self { reasoning, signature: format!("c2lnAA{conversation}{turn}"), calls, text }
    }

    fn reason(&self, of_calls: &'static str, of_text: &'static str) -> &'static str {
        if self.calls.is_empty() { of_text } else { of_calls }
    }
}

/// One provider: how it is set up, what it answers, and what it should hear about a turn that is over.
struct Provider {
    settings: &'static str,
    model: &'static str,
    /// Where the messages are in a request.
    messages: &'static str,
    first: Value,
    answer: fn(&Turn, streamed: bool) -> Script,
    streams: fn(&Request) -> bool,
    history: fn(&Turn, all_given_back: bool) -> Vec<Value>,
}

async fn three_turns(provider: Provider) {
    let upstream = Upstream::start().await;
    let Provider { answer, streams, .. } = provider;
    upstream
        .respond(move |request| answer(&Turn::new(request.number / 3, request.number % 3), streams(request)));
    let settings = format!(
        "[[providers]]\nname = \"p\"\nbase_url = \"http://{}\"\n{}\n",
        upstream.addr(),
        provider.settings
    );
    let config = base_config() + &settings + &model("m", &[("p", provider.model)], "");
    let gateway = launch().config(&config).serve().await;

    let mut command = Command::new(program::prepared("SLUICEGATE_TEST_PYTHON_OPENAI"));
    command.args(["-c", include_str!("python/translated.py")]);
    let got = program::run(command, &gateway.base_url()).await;
    for (conversation, (way, gives_all_back)) in WAYS.into_iter().enumerate() {
        let turns: Vec<Turn> = (0..3).map(|turn| Turn::new(conversation, turn)).collect();
        let saw = turns.iter().map(|turn| {
            let (ids, cities): (Vec<_>, Vec<_>) = turn.calls.iter().cloned().unzip();
            json!([turn.reason("tool_calls", "stop"), ids, cities, turn.text])
        });
        got.check(&[(way, saw.collect())]);
        let mut said = vec![provider.first.clone()];
        for turn in &turns {
            let request = upstream.next_request().await;
            assert_eq!((provider.streams)(&request), way != "whole", "{way}: {}", request.request_line());
            assert_eq!(request.json()[provider.messages], json!(said), "{way}");
            said.extend((provider.history)(turn, gives_all_back));
        }
    }
}

const QUESTION: &str = "Where is it sunny?";

fn result_of(city: &str) -> String {
    format!("rain in {city}")
}

fn event_stream(events: &[Value]) -> Script {
    let text = |event: &Value| match event["type"].as_str() {
        Some(kind) => format!("event: {kind}\ndata: {event}\n\n"),
        None => format!("data: {event}\n\n"),
    };
    Script::new().write(answers::chunked_stream(&events.iter().map(text).collect::<Vec<_>>()))
}

fn json_answer(answer: &Value) -> Script {
    Script::new().write(answers::json_answer(200, &answer.to_string()))
}
