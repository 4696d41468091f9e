//! How often somebody may be wrong. Waits grow with the failures of an account and of an address, and never last:
//! an address that has not failed itself is always heard at once, so that nobody can lock another out by failing in
//! their name.

use std::{collections::HashMap, net::IpAddr};

/// Failures that cost nothing.
const FREE: u32 = 5;
/// The first wait, and the longest.
const FIRST_WAIT_MS: u64 = 1_000;
const LONGEST_WAIT_MS: u64 = 60_000;
/// After so long without a failure it is forgotten.
const FORGET_MS: u64 = 15 * 60_000;
/// How many accounts, and how many addresses, are remembered.
const REMEMBERED: usize = 20_000;

#[derive(Debug, Default)]
pub(crate) struct Attempts {
    accounts: HashMap<String, Failures>,
    addresses: HashMap<IpAddr, Failures>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Failures {
    count: u32,
    last_ms: u64,
}

impl Failures {
    fn at(self, now_ms: u64) -> Self {
        if now_ms.saturating_sub(self.last_ms) > FORGET_MS { Self::default() } else { self }
    }

    /// How long it still takes until another attempt is heard.
    fn wait_ms(self, now_ms: u64) -> u64 {
        let Some(over) = self.count.checked_sub(FREE) else { return 0 };
        let wait = FIRST_WAIT_MS.checked_shl(over.min(16)).unwrap_or(LONGEST_WAIT_MS).min(LONGEST_WAIT_MS);
        self.last_ms.saturating_add(wait).saturating_sub(now_ms)
    }
}

impl Attempts {
    /// Begins an attempt, which counts as failed until [`Attempts::succeeded`] says otherwise: many at once are no
    /// way around the waits.
    ///
    /// # Errors
    /// After how many milliseconds to try again.
    pub(crate) fn begin(&mut self, account: &str, address: IpAddr, now_ms: u64) -> Result<(), u64> {
        let address = network(address);
        let of_account = self.accounts.get(account).copied().unwrap_or_default().at(now_ms);
        let of_address = self.addresses.get(&address).copied().unwrap_or_default().at(now_ms);
        let mut wait_ms = of_address.wait_ms(now_ms);
        if of_address.count > 0 {
            wait_ms = wait_ms.max(of_account.wait_ms(now_ms));
        }
        if wait_ms > 0 {
            return Err(wait_ms);
        }
        let more = |failures: Failures| Failures { count: failures.count.saturating_add(1), last_ms: now_ms };
        make_room(&mut self.accounts, now_ms);
        make_room(&mut self.addresses, now_ms);
        self.accounts.insert(account.to_owned(), more(of_account));
        self.addresses.insert(address, more(of_address));
        Ok(())
    }

    /// The attempt was right. The account's failures are forgotten; those of the address, which may have been for
    /// other accounts, stay.
    pub(crate) fn succeeded(&mut self, account: &str, address: IpAddr) {
        self.accounts.remove(account);
        self.passed(address);
    }

    /// The attempt was right, but is not all: the account's failures stay.
    pub(crate) fn passed(&mut self, address: IpAddr) {
        if let Some(failures) = self.addresses.get_mut(&network(address)) {
            failures.count = failures.count.saturating_sub(1);
        }
    }
}

/// Who has one address of IPv6 has a network of them.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(v6) => IpAddr::V6((v6.to_bits() >> 64 << 64).into()),
        v4 => v4,
    }
}

fn make_room<K: Clone + Eq + std::hash::Hash>(all: &mut HashMap<K, Failures>, now_ms: u64) {
    if all.len() < REMEMBERED {
        return;
    }
    all.retain(|_, failures| failures.at(now_ms).count > 0);
    if all.len() < REMEMBERED {
        return;
    }
    // The least that was failed is forgotten first.
    let mut counts: Vec<(u32, u64)> =
        all.values().map(|failures| (failures.count, failures.last_ms)).collect();
    let (_, middle, _) = counts.select_nth_unstable(REMEMBERED / 2);
    let middle = *middle;
    all.retain(|_, failures| (failures.count, failures.last_ms) > middle);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn waits_grow_and_end() {
        let mut attempts = Attempts::default();
        let mut now = 1_000_000;
        for _ in 0..FREE {
            assert_eq!(attempts.begin("a", ip("192.0.2.1"), now), Ok(()));
        }
        for wait in [1_000, 2_000, 4_000, 8_000, 16_000, 32_000, 60_000, 60_000] {
            assert_eq!(attempts.begin("a", ip("192.0.2.1"), now), Err(wait));
            assert_eq!(attempts.begin("a", ip("192.0.2.1"), now + wait - 1), Err(1));
            now += wait;
            assert_eq!(attempts.begin("a", ip("192.0.2.1"), now), Ok(()));
        }
        // Other accounts from there wait as well.
        assert_eq!(attempts.begin("b", ip("192.0.2.1"), now), Err(60_000));
        now += FORGET_MS + 1;
        for _ in 0..FREE {
            assert_eq!(attempts.begin("a", ip("192.0.2.1"), now), Ok(()));
        }
    }

    #[test]
    fn nobody_locks_another_out() {
        let mut attempts = Attempts::default();
        let now = 1_000_000;
        for n in 0..100_u32 {
            let from = IpAddr::V4((0xc633_6400 + n).into());
            assert_eq!(attempts.begin("owner", from, now), Ok(()), "each address is heard once");
            assert!(attempts.begin("owner", from, now).is_err() || n < FREE, "{n}");
        }
        let home = ip("192.0.2.9");
        assert_eq!(attempts.begin("owner", home, now), Ok(()));
        attempts.succeeded("owner", home);
        assert_eq!(attempts.begin("owner", home, now), Ok(()), "nothing is left of what was forgiven");
    }

    #[test]
    fn succeeding_elsewhere_gives_an_address_nothing() {
        let mut attempts = Attempts::default();
        let (here, now) = (ip("2001:db8::1"), 1_000_000);
        let mut heard = 0;
        for n in 0..50_u128 {
            // All of its network is one address.
            let next = IpAddr::V6((0x2001_0db8_u128 << 96 | n).into());
            if attempts.begin("mine", here, now).is_ok() {
                attempts.succeeded("mine", here);
            }
            heard += u32::from(attempts.begin("theirs", next, now).is_ok());
        }
        assert_eq!(heard, FREE);
    }

    #[test]
    fn memory_is_bounded_and_keeps_the_worst() {
        let mut attempts = Attempts::default();
        for _ in 0..FREE {
            attempts.begin("owner", ip("192.0.2.1"), 1_000).unwrap();
        }
        for n in 0..3 * u32::try_from(REMEMBERED).unwrap() {
            let _ = attempts.begin(&format!("a{n}"), IpAddr::V4(n.into()), 1_000);
        }
        assert!(attempts.accounts.len() <= REMEMBERED && attempts.addresses.len() <= REMEMBERED);
        assert_eq!(attempts.begin("owner", ip("192.0.2.1"), 1_000), Err(FIRST_WAIT_MS));
    }
}
