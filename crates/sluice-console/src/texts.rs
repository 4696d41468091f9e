//! Texts in the languages of the console.

use std::collections::BTreeMap;

/// The texts of one page or part, by name, in English and in Chinese: `name: "English", "中文";`. A text without its
/// translation does not compile, one that nobody uses is a warning, and so are slots (`{0}`) that one language lacks.
///
/// `T::of(language)` has them; [`fill`](crate::texts::fill) fills slots.
macro_rules! texts {
    ($(#[$meta:meta])* $vis:vis struct $Name:ident { $($key:ident: $en:literal, $zh:literal;)* }) => {
        $(#[$meta])*
        #[derive(Debug)]
        $vis struct $Name { $($vis $key: &'static str,)* }

        impl $Name {
            const EN: Self = Self { $($key: $en,)* };
            const ZH: Self = Self { $($key: $zh,)* };

            $vis const fn of(language: $crate::Language) -> &'static Self {
                match language {
                    $crate::Language::English => &Self::EN,
                    $crate::Language::Chinese => &Self::ZH,
                }
            }
        }

        $(const _: () = assert!(
            $crate::texts::slots($en) == $crate::texts::slots($zh),
            concat!("the slots of `", stringify!($key), "` differ between the languages"),
        );)*
    };
}
pub(crate) use texts;

/// Which of the slots `{0}` to `{9}` a text has, as bits.
pub const fn slots(text: &str) -> u16 {
    let bytes = text.as_bytes();
    let (mut found, mut at) = (0, 0);
    while at + 2 < bytes.len() {
        if bytes[at] == b'{' && bytes[at + 1].is_ascii_digit() && bytes[at + 2] == b'}' {
            found |= 1 << (bytes[at + 1] - b'0');
        }
        at += 1;
    }
    found
}

/// A text whose slots `{0}`, `{1}` … are filled with `values`, in the order that its language wants. What is filled in
/// is not looked through for slots.
pub fn fill(text: &str, values: &[&dyn std::fmt::Display]) -> String {
    let mut filled = String::with_capacity(text.len() + 16 * values.len());
    let mut rest = text;
    while let Some(at) = rest.find('{') {
        filled.push_str(&rest[..at]);
        let digit = rest[at + 1..].chars().next().and_then(|c| c.to_digit(10));
        let value = digit.filter(|_| rest[at + 2..].starts_with('}')).and_then(|n| values.get(n as usize));
        match value {
            Some(value) => {
                filled.push_str(&value.to_string());
                rest = &rest[at + 3..];
            }
            None => {
                filled.push('{');
                rest = &rest[at + 1..];
            }
        }
    }
    filled.push_str(rest);
    filled
}

/// Texts that come from elsewhere, in Chinese by what they are in English: a file that has an English line, its Chinese
/// line, and an empty one. What is not there stays English, and is marked so.
#[derive(Debug)]
pub struct Chinese(BTreeMap<&'static str, &'static str>);

impl Chinese {
    /// Reads such a file.
    #[must_use]
    pub fn read(lines: &'static str) -> Self {
        Self(lines.split("\n\n").filter_map(|pair| pair.trim().split_once('\n')).collect())
    }

    /// A text in Chinese.
    #[must_use]
    pub fn of(&self, english: &str) -> Option<&'static str> {
        self.0.get(english).copied()
    }

    /// All of them, English and Chinese.
    pub fn pairs(&self) -> impl Iterator<Item = (&'static str, &'static str)> {
        self.0.iter().map(|(english, chinese)| (*english, *chinese))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slots_are_filled_in_the_order_of_the_language() {
        let check = |text: &str, values: &[&dyn std::fmt::Display], expect: &str| {
            assert_eq!(fill(text, values), expect, "{text}");
        };
        check("{0} of {1}", &[&1, &2], "1 of 2");
        check("共 {1} 个，第 {0} 个", &[&1, &2], "共 2 个，第 1 个");
        check("{0}", &[&"{0}"], "{0}");
        check("a { b } {x} {5}", &[&1], "a { b } {x} {5}");
        check("{", &[], "{");
        check("{0", &[&1], "{0");
        check("{你}", &[&1], "{你}");
    }

    #[test]
    fn slots_are_known() {
        assert_eq!(slots("a"), 0);
        assert_eq!(slots("{0} {2} {x}"), 0b101);
        assert_eq!(slots("{0"), 0);
    }
}
