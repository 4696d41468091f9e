//! The fields of a model, for making one and for changing it.

use super::{LongContext, Model, Price, Target, texts::T};
use crate::{parts::Choice, shell::Shell};

/// What the form's macros show.
pub(super) struct Form {
    pub(super) price: Price,
    pub(super) long: LongContext,
    /// Its rows: one of them empty where there are none yet.
    pub(super) rows: Vec<Row>,
    /// What is added.
    pub(super) more: Row,
    /// How many rows the page came with, as the script counts them.
    pub(super) came_with: usize,
    pub(super) capabilities: String,
    pub(super) unpriced: Vec<Choice>,
    pub(super) stream_repair: Vec<Choice>,
    pub(super) strict: Vec<Choice>,
    pub(super) hedge: Vec<Choice>,
}

/// One target.
pub(super) struct Row {
    /// Its place in the list; empty in the template of rows.
    pub(super) index: String,
    pub(super) target: Target,
    pub(super) providers: Vec<Choice>,
}

impl Row {
    fn new(index: String, target: Target, providers: &[String]) -> Self {
        let mut names: Vec<&str> = providers.iter().map(String::as_str).collect();
        if !target.provider.is_empty() && !names.contains(&target.provider.as_str()) {
            names.push(&target.provider);
        }
        let providers = Choice::list(names.into_iter().map(|name| (name, name)), &target.provider);
        Self { index, target, providers }
    }

    pub(super) fn weight(&self) -> u64 {
        self.target.share()
    }

    pub(super) fn capabilities(&self) -> String {
        self.target.capabilities.as_deref().unwrap_or_default().join(", ")
    }

    /// Whether it says something about what the model can do there.
    pub(super) fn says_more(&self) -> bool {
        let Target { context_length, max_output_tokens, capabilities, .. } = &self.target;
        context_length.is_some() || max_output_tokens.is_some() || capabilities.is_some()
    }
}

impl Form {
    pub(super) fn new(shell: &Shell<'_>, t: &T, model: &Model, providers: &[String]) -> Self {
        // What is chosen first is what people have, before what is built in.
        let first = providers.iter().find(|name| *name != "sandbox").or(providers.first());
        let empty = || Target { provider: first.cloned().unwrap_or_default(), ..Target::default() };
        let mut rows: Vec<Row> = (0_usize..)
            .zip(&model.targets)
            .map(|(index, target)| Row::new(index.to_string(), target.clone(), providers))
            .collect();
        if rows.is_empty() {
            rows.push(Row::new("0".to_owned(), empty(), providers));
        }
        let flag = |value: Option<bool>| match value {
            None => "",
            Some(true) => "true",
            Some(false) => "false",
        };
        let switch =
            |chosen: &str| Choice::list([("", t.as_usual), ("true", t.on), ("false", t.off)], chosen);
        let price = model.price.clone().unwrap_or_default();
        Self {
            long: price.long_context.clone().unwrap_or_default(),
            price,
            more: Row::new(String::new(), empty(), providers),
            came_with: rows.len(),
            rows,
            capabilities: model.capabilities_line(),
            unpriced: Choice::list(
                [("", t.unpriced_refused), ("free", t.unpriced_free)],
                &shell.text(&model.unpriced),
            ),
            stream_repair: Choice::list(
                [("", t.as_usual), ("splice", t.repair_splice), ("off", t.off)],
                &shell.text(&model.stream_repair),
            ),
            strict: switch(flag(model.strict)),
            hedge: switch(flag(model.hedge.enabled)),
        }
    }
}
