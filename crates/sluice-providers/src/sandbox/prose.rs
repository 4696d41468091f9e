//! Text for the sandbox: what its tokens are, and seeded prose.

use super::dice::Dice;

/// A token has at most this many characters, so that no text without white space becomes one huge chunk.
const TOKEN_CHARS_MAX: usize = 16;

/// The bytes of the first token of a text.
pub(super) fn token_bytes(text: &str) -> usize {
    let mut in_word = false;
    for (count, (at, c)) in text.char_indices().enumerate() {
        if count == TOKEN_CHARS_MAX || in_word && c.is_whitespace() {
            return at;
        }
        in_word |= !c.is_whitespace();
    }
    text.len()
}

/// Splits a text into tokens: words with the white space before them, and white space at the end.
pub(super) fn tokens(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = text;
    std::iter::from_fn(move || {
        let (token, after) = rest.split_at(token_bytes(rest));
        rest = after;
        Some(token).filter(|token| !token.is_empty())
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

/// A word.
pub(super) fn word(dice: &mut Dice) -> &'static str {
    WORDS[dice.below(WORDS.len() as u64) as usize]
}

/// Prose of 60 to 179 words, the same for the same seed and choice.
pub(super) fn prose(seed: i64, choice: u32) -> String {
    let mut dice = Dice::of(&[&seed.to_le_bytes(), &choice.to_le_bytes()]);
    let words = 60 + dice.below(120);
    prose_of(words, &mut dice)
}

/// Prose of so many words.
pub(super) fn prose_of(words: u64, dice: &mut Dice) -> String {
    let mut text = String::new();
    let mut until_full_stop = 0;
    let mut sentences = 0;
    for left in (0..words).rev() {
        let word = word(dice);
        if until_full_stop == 0 {
            until_full_stop = 6 + dice.below(8);
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
        check("0123456789abcdefXYZ w", &["0123456789abcdef", "XYZ", " w"]);
        check(&" ".repeat(17), &["                ", " "]);
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
