//! Numbers as text without a formatter: they are in every answer, in every line of the log, in every request upstream.

/// The most digits that a number has.
const DIGITS_MAX: usize = 20;

/// A number in decimal digits.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Digits {
    text: [u8; DIGITS_MAX],
    from: usize,
}

impl Digits {
    pub(crate) fn of(mut value: u64) -> Self {
        let (mut text, mut from) = ([b'0'; DIGITS_MAX], DIGITS_MAX);
        loop {
            from -= 1;
            text[from] += (value % 10) as u8;
            value /= 10;
            if value == 0 {
                return Self { text, from };
            }
        }
    }

    pub(crate) fn as_bytes(&self) -> &[u8] {
        &self.text[self.from..]
    }

    pub(crate) fn as_str(&self) -> &str {
        std::str::from_utf8(self.as_bytes()).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written_whole() {
        for value in [0, 7, 10, 1_234_567_890, u64::MAX] {
            assert_eq!(Digits::of(value).as_str(), value.to_string());
        }
    }
}
