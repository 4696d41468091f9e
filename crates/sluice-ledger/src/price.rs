//! Prices of a model, in nano-dollars per million tokens. A component that is `None` is not priced apart: it costs
//! what its parent costs (cached and cache-write as input, reasoning as output, audio as its text side).

use sluice_chat::Usage;

use crate::NanoUsd;

/// Prices per million tokens.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Price {
    pub input: NanoUsd,
    pub output: NanoUsd,
    pub cache_read: Option<NanoUsd>,
    /// Writing to the provider's cache with its five-minute lifetime.
    pub cache_write: Option<NanoUsd>,
    /// Writing to the provider's cache with its one-hour lifetime.
    pub cache_write_1h: Option<NanoUsd>,
    pub reasoning: Option<NanoUsd>,
    pub audio_input: Option<NanoUsd>,
    pub audio_output: Option<NanoUsd>,
    pub long_context: Option<LongContextPrice>,
}

/// Prices that hold for the whole request once its prompt is longer than `above_tokens`. Components that it does not
/// name keep their ratio to the input or output price, as Anthropic says of its tier ("long context pricing
/// multipliers stack with prompt caching") and Gemini's list has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LongContextPrice {
    pub above_tokens: u64,
    pub input: NanoUsd,
    pub output: NanoUsd,
    pub cache_read: Option<NanoUsd>,
}

/// Prices hold for so many tokens.
const TOKENS_PER_PRICE: u128 = 1_000_000;

impl Price {
    /// What `usage` costs. The sum is rounded up, once. `None`: more than the type holds.
    ///
    /// Cached and cache-write tokens lie inside the prompt, reasoning inside the completion, audio inside either;
    /// where the details are more than the whole, the whole counts. Cache-write tokens cost the five-minute price:
    /// usage does not tell the lifetimes apart.
    pub fn cost(&self, usage: &Usage) -> Option<NanoUsd> {
        let rates = self.rates(usage.prompt_tokens);
        let mut prompt = Side { left: usage.prompt_tokens, nano_millionths: 0 };
        prompt.take(usage.prompt.cached_tokens, rates.cache_read)?;
        prompt.take(usage.prompt.cache_write_tokens, rates.cache_write)?;
        prompt.take(usage.prompt.audio_tokens, rates.audio_input)?;
        prompt.take(u64::MAX, rates.input)?;
        let mut completion = Side { left: usage.completion_tokens, nano_millionths: 0 };
        completion.take(usage.completion.reasoning_tokens, rates.reasoning)?;
        completion.take(usage.completion.audio_tokens, rates.audio_output)?;
        completion.take(u64::MAX, rates.output)?;
        whole(prompt.nano_millionths.checked_add(completion.nano_millionths)?)
    }

    /// What any usage within so many tokens costs at most: every token at the dearest of its components, in the tier
    /// of long prompts too if the prompt may get there. `None`: more than the type holds.
    pub fn bound(&self, prompt_tokens_max: u64, output_tokens_max: u64) -> Option<NanoUsd> {
        let (base, long) = (self.rates(0), self.rates(prompt_tokens_max));
        let input = base.dearest_input().max(long.dearest_input());
        let output = base.dearest_output().max(long.dearest_output());
        let prompt = u128::from(prompt_tokens_max).checked_mul(u128::from(input.0))?;
        whole(prompt.checked_add(u128::from(output_tokens_max).checked_mul(u128::from(output.0))?)?)
    }

    /// Whether nothing ever costs anything.
    pub fn is_free(&self) -> bool {
        let rates = [self.rates(0), self.rates(u64::MAX)];
        rates.iter().all(|rates| rates.dearest_input().0 == 0 && rates.dearest_output().0 == 0)
    }

    /// Every component's price for a prompt of so many tokens.
    fn rates(&self, prompt_tokens: u64) -> Rates {
        let base = Rates {
            input: self.input,
            cache_read: self.cache_read.unwrap_or(self.input),
            cache_write: self.cache_write.unwrap_or(self.input),
            cache_write_1h: self.cache_write_1h.or(self.cache_write).unwrap_or(self.input),
            audio_input: self.audio_input.unwrap_or(self.input),
            output: self.output,
            reasoning: self.reasoning.unwrap_or(self.output),
            audio_output: self.audio_output.unwrap_or(self.output),
        };
        match self.long_context {
            Some(long) if prompt_tokens > long.above_tokens => base.in_tier(&long),
            _ => base,
        }
    }
}

/// One price for each kind of token.
struct Rates {
    input: NanoUsd,
    cache_read: NanoUsd,
    cache_write: NanoUsd,
    cache_write_1h: NanoUsd,
    audio_input: NanoUsd,
    output: NanoUsd,
    reasoning: NanoUsd,
    audio_output: NanoUsd,
}

impl Rates {
    fn in_tier(&self, long: &LongContextPrice) -> Self {
        let input = |component| in_ratio(component, self.input, long.input);
        let output = |component| in_ratio(component, self.output, long.output);
        Self {
            input: long.input,
            cache_read: long.cache_read.unwrap_or_else(|| input(self.cache_read)),
            cache_write: input(self.cache_write),
            cache_write_1h: input(self.cache_write_1h),
            audio_input: input(self.audio_input),
            output: long.output,
            reasoning: output(self.reasoning),
            audio_output: output(self.audio_output),
        }
    }

    fn dearest_input(&self) -> NanoUsd {
        self.input.max(self.cache_read).max(self.cache_write).max(self.cache_write_1h).max(self.audio_input)
    }

    fn dearest_output(&self) -> NanoUsd {
        self.output.max(self.reasoning).max(self.audio_output)
    }
}

/// `component` of a parent that cost `parent` and now costs `long`, rounded up. A parent that was free has no ratio:
/// the dearer of the two then.
fn in_ratio(component: NanoUsd, parent: NanoUsd, long: NanoUsd) -> NanoUsd {
    if parent.0 == 0 {
        return component.max(long);
    }
    let scaled = (u128::from(component.0) * u128::from(long.0)).div_ceil(u128::from(parent.0));
    NanoUsd(u64::try_from(scaled).unwrap_or(u64::MAX))
}

/// The tokens of one side that are not charged yet, and what the others cost, in millionths of a nano-dollar.
struct Side {
    left: u64,
    nano_millionths: u128,
}

impl Side {
    /// Charges `tokens` of what is left. `None`: more than the type holds.
    fn take(&mut self, tokens: u64, price: NanoUsd) -> Option<()> {
        let tokens = tokens.min(self.left);
        self.left -= tokens;
        let cost = u128::from(tokens).checked_mul(u128::from(price.0))?;
        self.nano_millionths = self.nano_millionths.checked_add(cost)?;
        Some(())
    }
}

fn whole(nano_millionths: u128) -> Option<NanoUsd> {
    u64::try_from(nano_millionths.div_ceil(TOKENS_PER_PRICE)).ok().map(NanoUsd)
}
