//! Text for the sandbox: what its tokens are, and seeded prose.

use crate::hash::stable_hash;

/// Splits a text into tokens: words with the white space before them, and white space at the end.
pub(super) fn tokens(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = text;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let word = rest.find(|c: char| !c.is_whitespace()).unwrap_or(rest.len());
        let end = rest[word..].find(char::is_whitespace).map_or(rest.len(), |end| word + end);
        let (token, after) = rest.split_at(end);
        rest = after;
        Some(token)
    })
}

/// How many tokens a text has.
pub(super) fn count_tokens(text: &str) -> u64 {
    tokens(text).count() as u64
}

const WORDS: &[&str] = &[
    "water",
    "gate",
    "river",
    "stone",
    "light",
    "morning",
    "harbour",
    "window",
    "letter",
    "garden",
    "quiet",
    "narrow",
    "early",
    "patient",
    "bright",
    "distant",
    "small",
    "steady",
    "opens",
    "carries",
    "follows",
    "answers",
    "waits",
    "turns",
    "measures",
    "keeps",
    "remembers",
    "crosses",
    "the",
    "a",
    "every",
    "one",
    "another",
    "this",
    "its",
    "our",
    "beyond",
    "under",
    "between",
    "against",
    "toward",
    "without",
    "and",
    "but",
    "while",
    "because",
    "slowly",
    "again",
    "never",
    "often",
    "almost",
    "engine",
    "market",
    "signal",
    "winter",
    "copper",
    "bridge",
    "tower",
    "meadow",
    "lantern",
    "village",
    "current",
    "shadow",
    "evening",
];

/// Prose of 60 to 179 words, the same for the same seed and choice.
pub(super) fn prose(seed: i64, choice: u32) -> String {
    let mut state = stable_hash(&[&seed.to_le_bytes(), &choice.to_le_bytes()]);
    let mut below = move |bound: u64| {
        // splitmix64
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % bound
    };
    let words = 60 + below(120);
    let mut text = String::new();
    let mut until_full_stop = 0;
    let mut sentences = 0;
    for left in (0..words).rev() {
        let word = WORDS[below(WORDS.len() as u64) as usize];
        if until_full_stop == 0 {
            until_full_stop = 6 + below(8);
            let gap = if sentences > 0 && sentences % 4 == 0 { "\n\n" } else { " " };
            text.push_str(if text.is_empty() { "" } else { gap });
            text.push_str(&word[..1].to_ascii_uppercase());
            text.push_str(&word[1..]);
            sentences += 1;
        } else {
            text.push(' ');
            text.push_str(word);
        }
        until_full_stop -= 1;
        if until_full_stop == 0 || left == 0 {
            text.push('.');
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expect: &[&str]) {
        assert_eq!(tokens(text).collect::<Vec<_>>(), expect);
        assert_eq!(tokens(text).collect::<String>(), text);
    }

    #[test]
    fn a_token_is_a_word_with_the_white_space_before_it() {
        check("", &[]);
        check("one", &["one"]);
        check("one two", &["one", " two"]);
        check(" one  two\n\nthree ", &[" one", "  two", "\n\nthree", " "]);
        check("你好 世界", &["你好", " 世界"]);
        check("\u{3000}字", &["\u{3000}字"]);
    }

    #[test]
    fn prose_depends_on_seed_and_choice_alone() {
        assert_eq!(prose(7, 0), prose(7, 0));
        assert_ne!(prose(7, 0), prose(8, 0));
        assert_ne!(prose(7, 0), prose(7, 1));
        for seed in 0..50 {
            let text = prose(seed, 0);
            assert!((60..180).contains(&count_tokens(&text)), "{text}");
            assert!(text.ends_with('.') && text.starts_with(|c: char| c.is_ascii_uppercase()), "{text}");
        }
    }
}
