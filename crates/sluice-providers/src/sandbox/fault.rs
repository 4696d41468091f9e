//! The faults that a caller may order.

use sluice_chat::ApiError;

/// What goes wrong on purpose. Words are counted over all choices in the order in which they are sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Faults {
    /// `status=N`: an error answer with this status.
    pub(super) status: Option<u16>,
    /// `retry_after=S`: seconds in the `Retry-After` of that answer.
    pub(super) retry_after_s: Option<u64>,
    /// `reset`: the connection breaks before the head.
    pub(super) reset: bool,
    /// `silent`: no head ever comes.
    pub(super) silent: bool,
    /// `first_token_delay_ms=N`: of a stream between head and first event, else before the head.
    pub(super) first_token_delay_ms: u64,
    /// `chunk_delay_ms=N`: between the words of a stream.
    pub(super) chunk_delay_ms: u64,
    /// `cut_after=N`: the connection breaks after so many words.
    pub(super) cut_after: Option<u64>,
    /// `stall_after=N`: nothing more comes after so many words.
    pub(super) stall_after: Option<u64>,
    /// `malformed_at=N`: in place of the N-th word (from 1) comes an event that is not JSON.
    pub(super) malformed_at: Option<u64>,
    /// `error_event_after=N`: after so many words comes an error event, and the end.
    pub(super) error_event_after: Option<u64>,
    /// `no_done`: `[DONE]` is left out.
    pub(super) no_done: bool,
    /// `no_usage`: there is no usage, asked or not.
    pub(super) no_usage: bool,
    /// `seed=N`: the seed of the prose, before the request's own.
    pub(super) seed: Option<i64>,
    /// `once`: only the first attempt is faulty.
    once: bool,
}

impl Faults {
    /// Reads a list such as `status=429, retry_after=2, once`. Of a word given twice the last one holds.
    ///
    /// # Errors
    /// A 400 that names the first word that is not known or whose value cannot be.
    pub fn parse(text: &str) -> Result<Self, ApiError> {
        let mut faults = Self::default();
        faults.add(text)?;
        Ok(faults)
    }

    /// Reads more words into these faults.
    pub(super) fn add(&mut self, text: &str) -> Result<(), ApiError> {
        for word in text.split(',').map(str::trim).filter(|word| !word.is_empty()) {
            let (name, value) = match word.split_once('=') {
                Some((name, value)) => (name.trim(), Some(value.trim())),
                None => (word, None),
            };
            self.set(name, value).ok_or_else(|| unknown(word))?;
        }
        Ok(())
    }

    /// The faults of one attempt, the first being 1.
    pub(super) fn of_attempt(self, attempt: u32) -> Self {
        if self.once && attempt > 1 { Self { seed: self.seed, ..Self::default() } } else { self }
    }

    fn set(&mut self, name: &str, value: Option<&str>) -> Option<()> {
        let number = || value?.parse::<u64>().ok();
        match name {
            "status" => {
                let status = u16::try_from(number()?).ok()?;
                self.status = Some(status).filter(|status| (201..600).contains(status));
                self.status?;
            }
            "retry_after" => self.retry_after_s = Some(number()?),
            "first_token_delay_ms" => self.first_token_delay_ms = number()?,
            "chunk_delay_ms" => self.chunk_delay_ms = number()?,
            "cut_after" => self.cut_after = Some(number()?),
            "stall_after" => self.stall_after = Some(number()?),
            "malformed_at" => self.malformed_at = Some(number()?),
            "error_event_after" => self.error_event_after = Some(number()?),
            "seed" => self.seed = Some(value?.parse().ok()?),
            _ => {
                let flag = match name {
                    "reset" => &mut self.reset,
                    "silent" => &mut self.silent,
                    "no_done" => &mut self.no_done,
                    "no_usage" => &mut self.no_usage,
                    "once" => &mut self.once,
                    _ => return None,
                };
                *flag = value.is_none();
                return value.is_none().then_some(());
            }
        }
        Some(())
    }
}

fn unknown(word: &str) -> ApiError {
    let message = format!("'{word}' is not a fault that the sandbox knows, or its value cannot be");
    ApiError::invalid("invalid_value", message).with_param("x-sandbox-fault")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expect: Result<Faults, &str>) {
        let got = Faults::parse(text);
        match expect {
            Ok(expect) => assert_eq!(got, Ok(expect), "{text}"),
            Err(word) => assert!(got.unwrap_err().message.starts_with(&format!("'{word}' is not")), "{text}"),
        }
    }

    #[test]
    fn words() {
        check("", Ok(Faults::default()));
        check(
            "status=429, retry_after=2,once",
            Ok(Faults { status: Some(429), retry_after_s: Some(2), once: true, ..Faults::default() }),
        );
        check(
            " reset ,silent,no_done,no_usage,",
            Ok(Faults { reset: true, silent: true, no_done: true, no_usage: true, ..Faults::default() }),
        );
        check(
            "first_token_delay_ms=2000,chunk_delay_ms=15",
            Ok(Faults { first_token_delay_ms: 2000, chunk_delay_ms: 15, ..Faults::default() }),
        );
        check(
            "cut_after=40,stall_after=20,malformed_at=10,error_event_after=5,seed=-7",
            Ok(Faults {
                cut_after: Some(40),
                stall_after: Some(20),
                malformed_at: Some(10),
                error_event_after: Some(5),
                seed: Some(-7),
                ..Faults::default()
            }),
        );
        check("cut_after=1,cut_after=2", Ok(Faults { cut_after: Some(2), ..Faults::default() }));
        check("explode", Err("explode"));
        check("once,Reset", Err("Reset"));
        check("status", Err("status"));
        check("status=abc", Err("status=abc"));
        check("status=200", Err("status=200"));
        check("status=600", Err("status=600"));
        check("cut_after=-1", Err("cut_after=-1"));
        check("reset=1", Err("reset=1"));
    }

    #[test]
    fn once_spares_later_attempts_but_keeps_the_seed() {
        let faults = Faults::parse("status=500,seed=7,once").unwrap();
        assert_eq!(faults.of_attempt(1).status, Some(500));
        assert_eq!(faults.of_attempt(2), Faults { seed: Some(7), ..Faults::default() });
        assert_eq!(Faults::parse("reset").unwrap().of_attempt(9), Faults::parse("reset").unwrap());
    }
}
