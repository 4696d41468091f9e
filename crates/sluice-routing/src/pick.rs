//! In which order the targets of a model are tried: by tier, and within a tier by lot, weighted.

use std::{cmp::Ordering, time::Instant};

use crate::{
    Dice,
    attempts::Slot,
    fleet::{Fleet, Standing},
};

/// With stickiness a target takes this much of its share of the calls under way, in hundredths; what is beyond goes
/// to the next.
const BOUND_PERCENT: u64 = 125;

/// Sorts the slots. Each gets a lot drawn with its weight, by hash where the request is sticky; the least is first.
pub(crate) fn order(
    slots: &mut [Slot],
    sticky: Option<u64>,
    fleet: &dyn Fleet,
    now: Instant,
    dice: &mut Dice<'_>,
) {
    if slots.len() < 2 {
        return;
    }
    for slot in &mut *slots {
        let bits = match sticky {
            Some(hash) => mixed(hash ^ mixed(slot.is.identity)),
            None => dice(),
        };
        slot.lot = lot(bits, slot.is.weight);
    }
    slots.sort_unstable_by(|a, b| {
        let lots = a.lot.partial_cmp(&b.lot).unwrap_or(Ordering::Equal);
        a.is.priority.cmp(&b.is.priority).then(lots).then(a.is.target.cmp(&b.is.target))
    });
    if sticky.is_some() {
        for tier in slots.chunk_by_mut(|a, b| a.is.priority == b.is.priority) {
            spread(tier, fleet, now);
        }
    }
}

/// Puts the first target that has room within its bound at the head of its tier.
fn spread(tier: &mut [Slot], fleet: &dyn Fleet, now: Instant) {
    let ready = |slot: &Slot| slot.is.healthless || fleet.standing(slot.is.target, now) == Standing::Ready;
    let in_flight = |slot: &Slot| u64::from(fleet.load(slot.is.target, now).in_flight);
    if tier.len() < 2 {
        return;
    }
    let (mut calls, mut weights) = (1, 0);
    for slot in tier.iter().filter(|slot| ready(slot)) {
        calls += in_flight(slot);
        weights += u64::from(slot.is.weight);
    }
    let within = |slot: &Slot| {
        let bound = (calls * u64::from(slot.is.weight) * BOUND_PERCENT).div_ceil(100 * weights.max(1));
        in_flight(slot) < bound
    };
    if let Some(at) = tier.iter().position(|slot| ready(slot) && within(slot)) {
        tier[..=at].rotate_right(1);
    }
}

/// An exponentially distributed lot: of several, the least belongs to each in proportion to its weight.
fn lot(bits: u64, weight: u32) -> f64 {
    if weight == 0 {
        return f64::INFINITY;
    }
    // 52 bits and a half: neither 0 nor 1.
    #[expect(clippy::cast_precision_loss, reason = "52 bits fit")]
    let uniform = ((bits >> 12) as f64 + 0.5) / (1_u64 << 52) as f64;
    -uniform.ln() / f64::from(weight)
}

/// Spreads a number over all bits (the finaliser of SplitMix64).
fn mixed(number: u64) -> u64 {
    let mut z = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}
