//! How many tokens a prompt has, before anybody has counted them: a guess for rates and for answers without usage,
//! and a bound for budgets.

/// Tokens that a part with media is taken for: an image of 1024 × 1024 at high detail is 765 tokens by OpenAI's guide
/// on images, about 1,400 by Anthropic's (width × height / 750), 258 a tile by Gemini's.
pub const MEDIA_PART_TOKENS: u64 = 1_024;

/// Tokens that a part with media is reserved at: the dearest image of OpenAI's guide on images is one of 768 × 2048
/// for gpt-4o-mini, 2,833 + 8 × 5,667 = 48,169. Hours of audio or video and books as files can be more, though never
/// more than the model's context length: whoever knows that takes the lesser.
pub const MEDIA_PART_TOKENS_MAX: u64 = 50_000;

/// Tokens that a vendor adds to what the caller wrote: roles and separators of messages, and the instructions that
/// come with tools (346 for Claude 4, by Anthropic's page on tool use).
pub const ADDED_TOKENS_MAX: u64 = 512;

/// ASCII bytes to a token; OpenAI's rule of thumb for English.
const ASCII_BYTES_PER_TOKEN: u64 = 4;

/// Other bytes to a token: one character of Chinese, Japanese or Korean, two of Cyrillic, Greek or Arabic letters with
/// some space.
const OTHER_BYTES_PER_TOKEN: u64 = 3;

/// Tokens of `text_bytes` bytes of UTF-8, of which `non_ascii_bytes` are not ASCII, together with `media_parts` parts
/// of images, audio, video or files. A guess, good to some tens of percent.
pub fn prompt_tokens(text_bytes: u64, non_ascii_bytes: u64, media_parts: u32) -> u64 {
    text_tokens(text_bytes, non_ascii_bytes).saturating_add(u64::from(media_parts) * MEDIA_PART_TOKENS)
}

/// Tokens of `text_bytes` bytes of UTF-8, of which `non_ascii_bytes` are not ASCII; also for text that was delivered.
pub fn text_tokens(text_bytes: u64, non_ascii_bytes: u64) -> u64 {
    let other = non_ascii_bytes.min(text_bytes);
    (text_bytes - other).div_ceil(ASCII_BYTES_PER_TOKEN) + other.div_ceil(OTHER_BYTES_PER_TOKEN)
}

/// Tokens that such a prompt has at most: none is shorter than a byte. See [`MEDIA_PART_TOKENS_MAX`] for what media
/// can do to that.
pub fn prompt_bound(text_bytes: u64, media_parts: u32) -> u64 {
    text_bytes.saturating_add(u64::from(media_parts) * MEDIA_PART_TOKENS_MAX).saturating_add(ADDED_TOKENS_MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_guessed_by_classes_of_bytes() {
        let check = |text: &str, expect: u64| {
            let other = text.bytes().filter(|b| !b.is_ascii()).count() as u64;
            assert_eq!(text_tokens(text.len() as u64, other), expect, "{text}");
        };
        check("", 0);
        check("a", 1);
        check("The quick brown fox jumps over the lazy dog.", 11);
        check("你好，世界", 5);
        check("a你", 2);
        assert_eq!(text_tokens(3, 100), 1);
        assert_eq!(text_tokens(u64::MAX, u64::MAX), u64::MAX / 3);
        assert_eq!(prompt_tokens(8, 0, 2), 2 + 2 * MEDIA_PART_TOKENS);
        assert_eq!(
            prompt_tokens(u64::MAX, 0, u32::MAX),
            u64::MAX / 4 + 1 + u64::from(u32::MAX) * MEDIA_PART_TOKENS
        );
    }

    #[test]
    fn bounds_are_above_guesses() {
        for (bytes, other, media) in [(0, 0, 0), (1, 1, 0), (1_000, 500, 3), (u64::MAX, 0, u32::MAX)] {
            let (guess, bound) = (prompt_tokens(bytes, other, media), prompt_bound(bytes, media));
            assert!(guess <= bound && bytes <= bound, "{bytes} {other} {media}");
        }
        assert_eq!(prompt_bound(100, 1), 100 + MEDIA_PART_TOKENS_MAX + ADDED_TOKENS_MAX);
    }
}
