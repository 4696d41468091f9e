//! What the journal says about a request, and what comes of it in the books.
//!
//! A request writes one [`Reserve`] before anything is sent upstream, any number of [`Mark`]s while it streams, and
//! one [`Settle`] or [`Void`] before its last byte goes out. [`Posting`] is what the books take: the reservation and
//! its end together, made by [`Fold`](crate::recovery::Fold) alone.

use std::{
    collections::{BTreeMap, HashMap},
    hash::{BuildHasherDefault, Hash, Hasher},
    sync::Arc,
};

use sluice_chat::Usage;

use crate::{AccountId, NanoUsd, PurseId, UsageSource, Window};

/// Our id of a request: the UUID behind `x-request-id`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct RequestId(pub [u8; 16]);

/// A map by ids of requests. Their last bytes are random and ours: nobody can choose them so that they meet, so they
/// need no hash that withstands it.
pub type ByRequest<V> = HashMap<RequestId, V, BuildHasherDefault<IdHasher>>;

/// Hashes ids of requests.
#[derive(Clone, Copy, Debug, Default)]
pub struct IdHasher(u64);

impl Hasher for IdHasher {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        bytes.iter().for_each(|byte| self.write_u64(u64::from(*byte)));
    }

    fn write_u64(&mut self, bits: u64) {
        // An odd number with its bits all over: what is above takes part in what is below and the other way round.
        self.0 = (self.0.rotate_left(5) ^ bits).wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(32);
    }
}

impl Hash for RequestId {
    fn hash<H: Hasher>(&self, state: &mut H) {
        let (_, random) = self.0.split_at(8);
        state.write_u64(random.try_into().map_or(0, u64::from_ne_bytes));
    }
}

impl RequestId {
    /// The form of the `x-request-id` header: `req_` and 32 hexadecimal digits.
    pub fn text(&self) -> String {
        let mut text = String::with_capacity(36);
        text.push_str("req_");
        for byte in self.0 {
            for digit in [byte >> 4, byte & 15] {
                text.push(char::from_digit(u32::from(digit), 16).unwrap_or('0'));
            }
        }
        text
    }

    /// Reads the form of the header.
    pub fn from_text(text: &str) -> Option<Self> {
        let digits = text.strip_prefix("req_").filter(|d| d.len() == 32 && d.is_ascii())?;
        let mut bytes = [0; 16];
        for (byte, pair) in bytes.iter_mut().zip(digits.as_bytes().chunks_exact(2)) {
            let digit = |b: u8| matches!(b, b'0'..=b'9' | b'a'..=b'f').then(|| char::from(b).to_digit(16))?;
            *byte = u8::try_from(digit(pair[0])? * 16 + digit(pair[1])?).ok()?;
        }
        Some(Self(bytes))
    }
}

/// Written before anything is sent upstream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reserve {
    pub request: RequestId,
    /// When the request came, in milliseconds since the Unix epoch.
    pub unix_ms: u64,
    /// Id of the key.
    pub key: String,
    /// Name of the project.
    pub project: String,
    /// As the caller named it.
    pub model: String,
    pub stream: bool,
    /// The upper bound of the cost; 0 where no budget applies and for what is free.
    pub reserved: NanoUsd,
    /// The window of the key's budget from which `reserved` was taken, if the key has one.
    pub key_window: Option<Window>,
    /// The window of the project's budget from which `reserved` was taken, if the project has one.
    pub project_window: Option<Window>,
}

impl Reserve {
    /// The purses from which `reserved` was taken: none, one or two.
    pub fn purses(&self) -> impl Iterator<Item = PurseId> {
        let key = self.key_window.map(|window| PurseId { account: AccountId::key(&self.key), window });
        let project =
            self.project_window.map(|window| PurseId { account: AccountId::project(&self.project), window });
        key.into_iter().chain(project)
    }
}

/// Joins charges, in nano-dollars, of requests that have the same key, project and windows and came on the same day
/// (UTC): the first of them, with the sum. To the books they are like one request.
pub fn joined<'a>(charges: impl IntoIterator<Item = (&'a Reserve, i64)>) -> Vec<(&'a Reserve, i64)> {
    const DAY_MS: u64 = 86_400_000;
    let mut alike = BTreeMap::new();
    for (reserve, charged) in charges {
        let Reserve { key, project, key_window, project_window, unix_ms, .. } = reserve;
        let group = (unix_ms / DAY_MS, key_window, project_window, &**key, &**project);
        let (_, sum) = alike.entry(group).or_insert((reserve, 0_i64));
        *sum = sum.saturating_add(charged);
    }
    alike.into_values().collect()
}

/// Who answered, and by which price. The same for all answers of one target.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Answered {
    /// Name of the provider.
    pub provider: String,
    /// The name that the provider knows.
    pub upstream_model: String,
    /// Where the price is from; empty for an unpriced model.
    pub price_version: String,
}

/// Written while a stream runs: what it would be charged if it ended here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mark {
    pub request: RequestId,
    pub usage: Usage,
    /// `None`: the model has no price.
    pub cost: Option<NanoUsd>,
    pub answered: Arc<Answered>,
}

/// What was odd about a charge.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Flags {
    /// The provider reported usage that cannot be; it was estimated instead.
    pub absurd: bool,
    /// It cost more than was reserved.
    pub excess: bool,
    /// The process died before anything was known of the answer: the provider may have billed it, we did not.
    pub unconfirmed: bool,
}

impl Flags {
    /// As one byte of the journal: bit 0 `absurd`, bit 1 `excess`, bit 2 `unconfirmed`.
    pub fn bits(self) -> u8 {
        u8::from(self.absurd) | u8::from(self.excess) << 1 | u8::from(self.unconfirmed) << 2
    }

    /// Reads the byte; unknown bits are ignored.
    pub fn from_bits(bits: u8) -> Self {
        Self { absurd: bits & 1 != 0, excess: bits & 2 != 0, unconfirmed: bits & 4 != 0 }
    }
}

/// Written before the last byte of an answer goes out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settle {
    pub request: RequestId,
    /// When the answer ended, in milliseconds since the Unix epoch.
    pub unix_ms: u64,
    pub usage: Usage,
    pub source: UsageSource,
    /// `None`: the model has no price.
    pub charged: Option<NanoUsd>,
    pub answered: Arc<Answered>,
    pub flags: Flags,
}

/// Written where a request costs nothing: it failed, or nothing of it was delivered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Void {
    pub request: RequestId,
    /// When the request ended, in milliseconds since the Unix epoch.
    pub unix_ms: u64,
    /// The status that the caller got.
    pub status: u16,
}

/// The first frame of a segment: whose it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checkpoint {
    /// Id of the node.
    pub node: String,
    pub unix_ms: u64,
}

/// A lease that was granted (`change` > 0) or went back (`change` < 0); for whoever inspects the journal. What holds
/// is in the database.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeaseChange {
    pub purse: PurseId,
    /// In nano-dollars.
    pub change: i64,
}

/// One record of the journal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Record {
    Checkpoint(Checkpoint),
    Lease(LeaseChange),
    Reserve(Reserve),
    Mark(Mark),
    Settle(Settle),
    Void(Void),
}

/// How a request ended, for the books.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    Settled(Settle),
    Voided(Void),
}

/// One request in the books: what was reserved, and how it ended. Posted once, by the id of its request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Posting {
    pub reserve: Reserve,
    pub outcome: Outcome,
}

impl Posting {
    /// What is charged; 0 for a request that failed or has no price.
    pub fn charged(&self) -> NanoUsd {
        match &self.outcome {
            Outcome::Settled(settle) => settle.charged.unwrap_or_default(),
            Outcome::Voided(_) => NanoUsd::default(),
        }
    }

    /// Whether the request failed.
    pub fn is_error(&self) -> bool {
        matches!(self.outcome, Outcome::Voided(_))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn charges_are_joined_where_they_are_alike() {
        let reserve = |key: &str, unix_ms, window| Reserve {
            request: RequestId([1; 16]),
            unix_ms,
            key: key.to_owned(),
            project: "p".to_owned(),
            model: "m".to_owned(),
            stream: false,
            reserved: NanoUsd(1),
            key_window: Some(Window(window)),
            project_window: None,
        };
        let all = [
            (reserve("a", 1, 0), 1),
            (reserve("b", 1, 0), 2),
            (reserve("a", 86_399_999, 0), 4),
            (reserve("a", 86_400_000, 0), 8),
            (reserve("a", 1, 1), 16),
            (reserve("b", 2, 0), -3),
        ];
        let mut sums: Vec<_> = joined(all.iter().map(|(reserve, charged)| (reserve, *charged)))
            .into_iter()
            .map(|(_, n)| n)
            .collect();
        sums.sort_unstable();
        assert_eq!(sums, [-1, 5, 8, 16]);
    }

    #[test]
    fn request_ids_are_read_back() {
        let id = RequestId([0x0f; 16]);
        assert_eq!(id.text(), format!("req_{}", "0f".repeat(16)));
        let check = |text: &str, expect| assert_eq!(RequestId::from_text(text), expect, "{text}");
        check(&id.text(), Some(id));
        check("req_0F", None);
        check(&format!("req_{}", "0F".repeat(16)), None);
        check(&format!("req_{}", "+f".repeat(16)), None);
        check(&"0f".repeat(18), None);
    }
}
