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
    /// where the details are more than the whole, the whole counts. Cache-write tokens cost the five-minute price, but
    /// for those that are said to be kept for an hour.
    pub fn cost(&self, usage: &Usage) -> Option<NanoUsd> {
        let rates = self.rates(usage.prompt_tokens);
        let mut prompt = Side { left: usage.prompt_tokens, nano_millionths: 0 };
        prompt.take(usage.prompt.cached_tokens, rates.cache_read)?;
        let written = usage.prompt.cache_write_tokens;
        let for_an_hour = usage.prompt.cache_write_1h_tokens.min(written);
        prompt.take(for_an_hour, rates.cache_write_1h)?;
        prompt.take(written - for_an_hour, rates.cache_write)?;
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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use sluice_chat::usage::{CompletionDetails, PromptDetails};

    use super::*;

    const USD: u64 = 1_000_000_000;

    fn usage(prompt: [u64; 4], completion: [u64; 3]) -> Usage {
        let [prompt_tokens, cached_tokens, cache_write_tokens, audio_in] = prompt;
        let [completion_tokens, reasoning_tokens, audio_out] = completion;
        Usage {
            prompt_tokens,
            completion_tokens,
            prompt: PromptDetails {
                cached_tokens,
                cache_write_tokens,
                audio_tokens: audio_in,
                ..PromptDetails::default()
            },
            completion: CompletionDetails {
                reasoning_tokens,
                audio_tokens: audio_out,
                ..CompletionDetails::default()
            },
        }
    }

    fn price() -> Price {
        Price {
            input: NanoUsd(3 * USD),
            output: NanoUsd(15 * USD),
            cache_read: Some(NanoUsd(USD / 2)),
            cache_write: Some(NanoUsd(4 * USD)),
            cache_write_1h: Some(NanoUsd(6 * USD)),
            reasoning: Some(NanoUsd(20 * USD)),
            audio_input: Some(NanoUsd(40 * USD)),
            audio_output: Some(NanoUsd(80 * USD)),
            long_context: None,
        }
    }

    fn check(price: &Price, prompt: [u64; 4], completion: [u64; 3], nano: Option<u64>) {
        assert_eq!(price.cost(&usage(prompt, completion)), nano.map(NanoUsd), "{prompt:?} {completion:?}");
    }

    #[test]
    fn each_token_costs_what_it_is() {
        let all = price();
        check(&all, [0, 0, 0, 0], [0, 0, 0], Some(0));
        check(&all, [1_000, 0, 0, 0], [100, 0, 0], Some(3_000_000 + 1_500_000));
        check(&all, [1_000, 400, 0, 0], [100, 0, 0], Some(1_800_000 + 200_000 + 1_500_000));
        check(&all, [1_000, 400, 300, 200], [0, 0, 0], Some(200_000 + 1_200_000 + 8_000_000 + 300_000));
        check(&all, [0, 0, 0, 0], [100, 60, 30], Some(1_200_000 + 2_400_000 + 150_000));
        // What is not priced apart costs what its parent costs.
        let plain = Price { input: NanoUsd(3 * USD), output: NanoUsd(15 * USD), ..Price::default() };
        check(&plain, [1_000, 400, 300, 200], [100, 60, 30], Some(3_000_000 + 1_500_000));
        check(&Price::default(), [u64::MAX, 0, 0, 0], [u64::MAX, 0, 0], Some(0));
        assert!(Price::default().is_free() && !plain.is_free());
    }

    #[test]
    fn what_the_cache_keeps_for_an_hour_has_its_own_price() {
        let check = |written, for_an_hour, nano| {
            let mut usage = usage([1_000, 0, written, 0], [0, 0, 0]);
            usage.prompt.cache_write_1h_tokens = for_an_hour;
            assert_eq!(price().cost(&usage), Some(NanoUsd(nano)), "{written} {for_an_hour}");
        };
        check(300, 0, 300 * 4_000 + 700 * 3_000);
        check(300, 100, 100 * 6_000 + 200 * 4_000 + 700 * 3_000);
        check(300, 900, 300 * 6_000 + 700 * 3_000);
        check(0, 100, 1_000 * 3_000);
    }

    #[test]
    fn details_beyond_their_whole_are_cut() {
        check(&price(), [10, 100, 100, 100], [10, 100, 100], Some(10 * 500 + 10 * 20_000));
        check(&price(), [10, 5, 100, 100], [10, 5, 100], Some(5 * 500 + 5 * 4_000 + 5 * 20_000 + 5 * 80_000));
    }

    #[test]
    fn the_sum_is_rounded_up_once() {
        // 0.3 and 0.4 nano-dollars a token.
        let price = Price { input: NanoUsd(300_000), output: NanoUsd(400_000), ..Price::default() };
        check(&price, [1, 0, 0, 0], [0, 0, 0], Some(1));
        check(&price, [1, 0, 0, 0], [1, 0, 0], Some(1));
        check(&price, [2, 0, 0, 0], [1, 0, 0], Some(1));
        check(&price, [2, 0, 0, 0], [2, 0, 0], Some(2));
    }

    #[test]
    fn what_is_too_much_is_not_known() {
        let dear = Price { input: NanoUsd(u64::MAX), output: NanoUsd(u64::MAX), ..Price::default() };
        check(&dear, [1_000_000, 0, 0, 0], [0, 0, 0], Some(u64::MAX));
        check(&dear, [1_000_000, 0, 0, 0], [1, 0, 0], None);
        check(&dear, [u64::MAX, 0, 0, 0], [u64::MAX, 0, 0], None);
        assert_eq!(dear.bound(u64::MAX, u64::MAX), None);
    }

    #[test]
    fn long_prompts_have_their_own_prices() {
        let long = LongContextPrice {
            above_tokens: 200_000,
            input: NanoUsd(6 * USD),
            output: NanoUsd(30 * USD),
            cache_read: None,
        };
        let tiered = Price { long_context: Some(long), ..price() };
        check(&tiered, [200_000, 0, 0, 0], [10, 0, 0], Some(200_000 * 3_000 + 10 * 15_000));
        // The whole request, not what is above.
        check(&tiered, [200_001, 0, 0, 0], [10, 0, 0], Some(200_001 * 6_000 + 10 * 30_000));
        // Twice the input: twice the components of the prompt; reasoning goes with the output.
        check(&tiered, [200_001, 200_001, 0, 0], [10, 10, 0], Some(200_001 * 1_000 + 10 * 40_000));
        check(&tiered, [200_001, 0, 200_001, 0], [0, 0, 0], Some(200_001 * 8_000));
        let named = LongContextPrice { cache_read: Some(NanoUsd(USD)), ..long };
        let named = Price { long_context: Some(named), cache_read: None, ..tiered };
        check(&named, [200_001, 200_001, 0, 0], [0, 0, 0], Some(200_001 * 1_000));
        // Free below, dear above: the bound knows.
        let free_below = Price { long_context: Some(long), ..Price::default() };
        check(&free_below, [200_001, 200_001, 0, 0], [0, 0, 0], Some(200_001 * 6_000));
        assert_eq!(free_below.bound(200_000, 10), Some(NanoUsd(0)));
        assert_eq!(free_below.bound(200_001, 0), Some(NanoUsd(200_001 * 6_000)));
        assert!(!free_below.is_free());
    }

    #[test]
    fn bounds_take_the_dearest_component() {
        let bound = price().bound(1_000, 100);
        assert_eq!(bound, Some(NanoUsd(1_000 * 40_000 + 100 * 80_000)));
        let silent = Price { audio_input: None, audio_output: None, ..price() };
        assert_eq!(silent.bound(1_000, 100), Some(NanoUsd(1_000 * 6_000 + 100 * 20_000)));
    }

    fn amount() -> impl Strategy<Value = NanoUsd> {
        prop_oneof![Just(0), 0..=200 * USD, Just(u64::MAX / 2)].prop_map(NanoUsd)
    }

    prop_compose! {
        fn any_price()(
            whole in [amount(), amount()],
            parts in prop::array::uniform6(prop::option::of(amount())),
            long in prop::option::of((0..1_000u64, amount(), amount(), prop::option::of(amount()))),
        ) -> Price {
            let [input, output] = whole;
            let [cache_read, cache_write, cache_write_1h, reasoning, audio_input, audio_output] = parts;
            let long_context = long.map(|(above_tokens, input, output, cache_read)| {
                LongContextPrice { above_tokens, input, output, cache_read }
            });
            Price {
                input, output, cache_read, cache_write, cache_write_1h, reasoning, audio_input, audio_output,
                long_context,
            }
        }
    }

    proptest! {
        #[test]
        fn no_usage_within_the_tokens_costs_more_than_the_bound(
            price in any_price(),
            prompt in prop::array::uniform4(0..2_000u64),
            completion in prop::array::uniform3(0..2_000u64),
            more in [0..3_000u64, 0..3_000u64],
        ) {
            let usage = usage(prompt, completion);
            let bound = price.bound(prompt[0] + more[0], completion[0] + more[1]);
            if let Some(bound) = bound {
                prop_assert!(price.cost(&usage).is_some_and(|cost| cost <= bound), "{bound:?}");
            }
        }
    }
}
