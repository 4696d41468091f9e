//! Mistakes that people make in books like these, planted one at a time: each must be caught, by the law it breaks.

use std::fmt;

/// What always holds. A broken law names what the run must never do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Law {
    /// `leased` of a budget is the sum of the leases of all nodes, and none of them is below nothing.
    RowLeased,
    /// `posted + leased` stays within the limit but for what no lease covered.
    Limit,
    /// Only what requests cost beyond their bounds, what was written off, and what power losses made of ends that
    /// were not synced is not covered by a lease.
    Covered,
    /// `posted` is the sum of the rows, each counted once.
    PostedOnce,
    /// On a node: what it believes to have leased is free, held or spent and not posted.
    Purse,
    /// What a node believes is what the database says.
    Belief,
    /// A row charges what the journal said last, of what was left of it.
    Charge,
    /// What a caller was told is complete is in the books.
    Acknowledged,
    /// What an upstream was asked for is in the books.
    Recorded,
    /// Nobody is told that it is not its turn while it keeps the rules.
    Turn,
    /// At the end nothing is leased, held or open.
    Empty,
}

/// A law that was broken, and how.
#[derive(Debug)]
pub(crate) struct Violation {
    pub(crate) law: Law,
    pub(crate) text: String,
}

impl Violation {
    pub(crate) fn new(law: Law, text: impl fmt::Display) -> Self {
        Self { law, text: text.to_string() }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mutant {
    /// A batch that is sent again counts again.
    PostTwice,
    /// A lease is granted by what was seen of the row before.
    GrantByOldSight,
    /// The limit is not looked at when a lease is granted.
    GrantWithoutLimit,
    /// The caller hears the end before it is written.
    AckBeforeWrite,
    /// The caller hears the end before it is synced, though that was promised.
    AckBeforeSync,
    /// The upstream is called before the reservation is written.
    SendBeforeReserve,
    /// The cursor passes reservations that are open.
    CursorPastOpen,
    /// The journal is forgotten when a batch is sent.
    ForgetWhenSent,
    /// A silent node's leases go back by timeout.
    LeaseBackByTimeout,
    /// The database does not compare the number of a change.
    OpNotCompared,
    /// A change whose answer was lost is sent again as a new one.
    RetryAsNew,
    /// What goes back stays in the purse.
    ReturnWithoutTaking,
    /// A lost answer to a return is taken for a refusal.
    ReturnTakenBack,
    /// More goes back than the lease has left.
    ReturnBelowNothing,
    /// What was posted while a return was under way is not looked for in its answer.
    ReturnDifferenceDropped,
    /// The database listens to runs of a node that are over.
    EpochNotCompared,
    /// Recovery charges nothing for what was under way.
    MarkIgnored,
    /// Recovery forgets what was under way.
    OpenDropped,
    /// Recovery gives the leases back before it posts.
    LeasesBackFirst,
    /// An end gives back twice what was held.
    SettledTwice,
    /// A failed request keeps its hold.
    VoidKeepsHold,
    /// Recovery gives the leases back again in the same run, when the answer was lost.
    EndLeasesAgain,
    /// What was taken from the key stays taken when the project has too little.
    OneOfTwo,
    /// What no lease covered is not forgiven.
    UncoveredForgotten,
    /// A batch that is sent again is taken from the node's lease again.
    MirroredTwice,
    /// A lease is asked for while nobody knows whether a batch is in the books.
    LeaseWhileUnknown,
    /// A charge does not reduce the lease in the database.
    LeaseNotReduced,
    /// A charge goes to the window in which the request ended.
    WindowOfEnd,
}

impl Mutant {
    /// Each with the laws of which it breaks one first.
    pub(crate) const ALL: &[(Self, &[Law])] = &[
        (Self::PostTwice, &[Law::PostedOnce]),
        (Self::GrantByOldSight, &[Law::Limit]),
        (Self::GrantWithoutLimit, &[Law::Limit]),
        (Self::AckBeforeWrite, &[Law::Acknowledged]),
        (Self::AckBeforeSync, &[Law::Acknowledged]),
        (Self::SendBeforeReserve, &[Law::Recorded]),
        (Self::CursorPastOpen, &[Law::Acknowledged, Law::Recorded]),
        (Self::ForgetWhenSent, &[Law::Acknowledged, Law::Recorded]),
        (Self::LeaseBackByTimeout, &[Law::Covered, Law::Turn]),
        (Self::OpNotCompared, &[Law::Belief, Law::Purse, Law::Covered]),
        (Self::RetryAsNew, &[Law::Turn, Law::Belief]),
        (Self::ReturnWithoutTaking, &[Law::Purse]),
        (Self::ReturnTakenBack, &[Law::Belief, Law::Purse, Law::Covered]),
        (Self::ReturnBelowNothing, &[Law::RowLeased]),
        (Self::ReturnDifferenceDropped, &[Law::Purse]),
        (Self::EpochNotCompared, &[Law::Turn, Law::Belief, Law::Covered]),
        (Self::MarkIgnored, &[Law::Charge]),
        (Self::OpenDropped, &[Law::Recorded]),
        (Self::LeasesBackFirst, &[Law::Covered]),
        (Self::EndLeasesAgain, &[Law::Belief, Law::Turn, Law::Covered]),
        (Self::SettledTwice, &[Law::Purse]),
        (Self::VoidKeepsHold, &[Law::Purse]),
        (Self::OneOfTwo, &[Law::Purse]),
        (Self::UncoveredForgotten, &[Law::Purse]),
        (Self::MirroredTwice, &[Law::Belief]),
        (Self::LeaseWhileUnknown, &[Law::Belief]),
        (Self::LeaseNotReduced, &[Law::Limit, Law::Belief]),
        (Self::WindowOfEnd, &[Law::PostedOnce]),
    ];
}
