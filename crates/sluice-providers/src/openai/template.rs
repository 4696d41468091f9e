//! Recognising the next event of a stream by the one before it.
//!
//! The events of one stream differ in little more than the fragment of text that they carry. An event that was
//! parsed once is kept as a template: the bytes around its strings. An event that consists of the same bytes around
//! other strings is the same JSON, so it is known to be valid, to finish nothing and to count nothing, for the price
//! of a comparison.

use memchr::memchr2;
use smallvec::SmallVec;

use crate::transcript::{Channel, Transcript};

/// Templates that are kept: choices, and kinds of fragments, that take turns.
const TEMPLATES_MAX: usize = 4;

/// Events of more bytes are not kept.
const TEMPLATE_BYTES_MAX: usize = 4096;

/// A string in a template that may differ, without its quotes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Hole {
    pub(crate) start: usize,
    pub(crate) end: usize,
    /// The text that it adds to; `None`: it is padding.
    pub(crate) channel: Option<Channel>,
}

pub(crate) type Holes = SmallVec<[Hole; 4]>;

/// Texts as they stand in an event, escapes and all.
type Texts<'b> = SmallVec<[(Channel, &'b [u8]); 2]>;

#[derive(Debug, Default)]
struct Template {
    block: Vec<u8>,
    holes: Holes,
    /// It is content even when its strings are empty: a call, audio.
    always_content: bool,
}

/// The templates of one stream.
#[derive(Debug, Default)]
pub(crate) struct Templates {
    kept: SmallVec<[Template; TEMPLATES_MAX]>,
    oldest: usize,
}

impl Templates {
    /// If `block` is an event like one before: whether it is content, and its UTF-8 bytes of text, unescaped. The texts
    /// themselves are added to `transcript`.
    #[inline]
    pub(crate) fn recognise(&self, block: &[u8], transcript: Option<&mut Transcript>) -> Option<(bool, u64)> {
        self.kept.iter().find_map(|template| template.fits(block).map(|fit| (template, fit))).map(
            |(template, (texts, content_bytes))| {
                if let Some(transcript) = transcript {
                    texts.iter().for_each(|(channel, text)| transcript.add(*channel, text));
                }
                (template.always_content || content_bytes > 0, content_bytes)
            },
        )
    }

    /// Keeps an event that carries nothing but content. `holes` are in order.
    pub(crate) fn learn(&mut self, block: &[u8], holes: Holes, always_content: bool) {
        if holes.is_empty() || block.len() > TEMPLATE_BYTES_MAX {
            return;
        }
        if self.kept.len() < TEMPLATES_MAX {
            self.kept.push(Template { block: block.to_vec(), holes, always_content });
            return;
        }
        let template = &mut self.kept[self.oldest];
        template.block.clear();
        template.block.extend_from_slice(block);
        template.holes = holes;
        template.always_content = always_content;
        self.oldest = (self.oldest + 1) % TEMPLATES_MAX;
    }
}

impl Template {
    /// Where `block` is an event like this one: the texts in it, and how many bytes they are, unescaped.
    #[inline]
    fn fits<'b>(&self, block: &'b [u8]) -> Option<(Texts<'b>, u64)> {
        let mut rest = block;
        let mut literal_start = 0;
        let mut content_bytes = 0;
        let mut texts = Texts::new();
        for hole in &self.holes {
            rest = rest.strip_prefix(&self.block[literal_start..hole.start])?;
            let (end, unescaped_bytes) = string_end(rest)?;
            let (text, behind) = rest.split_at_checked(end)?;
            if let Some(channel) = hole.channel {
                content_bytes += unescaped_bytes;
                texts.push((channel, text));
            }
            rest = behind;
            literal_start = hole.end;
        }
        (rest == &self.block[literal_start..]).then_some((texts, content_bytes))
    }
}

/// For bytes that begin inside a JSON string: the offset of its closing quote and its UTF-8 bytes, unescaped.
/// `None` when this is no valid string.
pub(crate) fn string_end(bytes: &[u8]) -> Option<(usize, u64)> {
    let mut at = 0;
    let mut unescaped_bytes = 0;
    loop {
        let plain = memchr2(b'"', b'\\', &bytes[at..])?;
        let segment = &bytes[at..at + plain];
        if segment.iter().any(|byte| *byte < 0x20) || std::str::from_utf8(segment).is_err() {
            return None;
        }
        unescaped_bytes += plain as u64;
        at += plain;
        if bytes[at] == b'"' {
            return Some((at, unescaped_bytes));
        }
        match bytes.get(at + 1)? {
            b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' => {
                unescaped_bytes += 1;
                at += 2;
            }
            b'u' => {
                let digits = std::str::from_utf8(bytes.get(at + 2..at + 6)?).ok()?;
                if !digits.bytes().all(|digit| digit.is_ascii_hexdigit()) {
                    return None;
                }
                unescaped_bytes += match u16::from_str_radix(digits, 16).ok()? {
                    0..0x80 => 1,
                    // Half of a surrogate pair, which makes four bytes.
                    0x80..0x800 | 0xd800..0xe000 => 2,
                    _ => 3,
                };
                at += 6;
            }
            _ => return None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check_string(text: &str) {
        let quoted = format!("\"{text}\"");
        let oracle: Option<String> = serde_json::from_str(&quoted).ok();
        let got = string_end(&quoted.as_bytes()[1..]).filter(|(end, _)| end + 2 == quoted.len());
        assert_eq!(got.map(|(_, bytes)| bytes), oracle.map(|text| text.len() as u64), "{quoted}");
    }

    #[test]
    fn strings_end_where_json_says() {
        for text in [
            "",
            "a",
            "a b",
            "größe",
            "漢字",
            r#"\""#,
            r"\\",
            r"\n\t\/",
            r"\u00e9",
            r"\u6f22",
            r"\ud83d\ude00",
            "😀",
        ] {
            check_string(text);
        }
        for text in ["a\nb", r"\x", r"\u12", r"\u12g4", r"\u+123", "\"", "\u{1}", "\\"] {
            check_string(text);
        }
        assert_eq!(string_end(b"abc"), None);
        assert_eq!(string_end(b"\xff\""), None);
    }

    #[test]
    fn only_the_holes_may_differ() {
        let block = br#"data: {"i":0,"c":"one","p":"xyz"}"#;
        let hole = |needle: &str, channel| {
            let start = std::str::from_utf8(block).unwrap().find(needle).unwrap();
            Hole { start, end: start + needle.len(), channel }
        };
        let mut templates = Templates::default();
        templates.learn(
            block,
            Holes::from_slice(&[hole("one", Some(Channel::Content)), hole("xyz", None)]),
            false,
        );
        let check = |text: &str, expect: Option<u64>| {
            let expect = expect.map(|bytes| (bytes > 0, bytes));
            assert_eq!(templates.recognise(text.as_bytes(), None), expect, "{text}");
        };
        check(r#"data: {"i":0,"c":"one","p":"xyz"}"#, Some(3));
        check(r#"data: {"i":0,"c":"","p":""}"#, Some(0));
        check(r#"data: {"i":0,"c":"two \" three","p":"abcdefgh"}"#, Some(11));
        check(r#"data: {"i":1,"c":"one","p":"xyz"}"#, None);
        check(r#"data: {"i":0,"c":"one","p":"xyz"} "#, None);
        check(r#"data: {"i":0,"c":"one","p":"xyz""#, None);
        check(r#"data: {"i":0,"c":"one","finish":"x","p":"xyz"}"#, None);
        check(r#"data: {"i":0,"c":"o\qe","p":"xyz"}"#, None);
        check("", None);
    }

    #[test]
    fn the_oldest_template_gives_way() {
        let mut templates = Templates::default();
        for i in 0..=TEMPLATES_MAX {
            let block = format!("{i}\"x\"");
            templates.learn(
                block.as_bytes(),
                Holes::from_slice(&[Hole { start: 2, end: 3, channel: Some(Channel::Content) }]),
                true,
            );
        }
        assert_eq!(templates.recognise(b"0\"y\"", None), None);
        assert_eq!(templates.recognise(b"1\"y\"", None), Some((true, 1)));
        assert_eq!(templates.recognise(b"4\"yy\"", None), Some((true, 2)));
    }
}
