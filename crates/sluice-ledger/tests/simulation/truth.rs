//! What really happened to each request, kept apart from everything that is tested.

use std::collections::HashMap;

use sluice_ledger::{Posting, PurseId, RequestId};

use crate::{
    disk::{Disk, Place},
    mutant::{Law, Violation},
};

/// A request that was sent upstream and has no row yet.
#[derive(Debug)]
struct Fate {
    node: usize,
    purses: [PurseId; 2],
    place: Place,
    /// Offset behind its reservation.
    reserved: usize,
    /// Offset and cost of each mark.
    marks: Vec<(usize, i64)>,
    /// Offset and charge of its end.
    end: Option<(usize, i64)>,
    /// Charges of what was lost since, but may have been sent to the database before.
    lost: Vec<i64>,
    acknowledged: Option<i64>,
    /// It may be that nothing of it is left.
    gone: bool,
}

impl Fate {
    /// What it is charged by what is left of it.
    fn charge(&self) -> i64 {
        self.end.or(self.marks.last().copied()).map_or(0, |(_, charged)| charged)
    }
}

#[derive(Debug, Default)]
pub(crate) struct Truth {
    fates: HashMap<RequestId, Fate>,
    pub(crate) rows: u64,
    pub(crate) acknowledged: u64,
    pub(crate) interrupted: u64,
}

impl Truth {
    pub(crate) fn sent(&mut self, request: RequestId, purses: [PurseId; 2], place: Place, reserved: usize) {
        let fate = Fate {
            node: usize::from(request.0[0]),
            purses,
            place,
            reserved,
            marks: Vec::new(),
            end: None,
            lost: Vec::new(),
            acknowledged: None,
            gone: false,
        };
        self.fates.insert(request, fate);
    }

    pub(crate) fn marked(&mut self, request: RequestId, at: usize, cost: i64) {
        if let Some(fate) = self.fates.get_mut(&request) {
            fate.marks.push((at, cost));
        }
    }

    pub(crate) fn ended(&mut self, request: RequestId, at: usize, charged: i64) {
        if let Some(fate) = self.fates.get_mut(&request) {
            fate.end = Some((at, charged));
        }
    }

    /// The caller was told that the answer is complete.
    pub(crate) fn acknowledged(&mut self, request: RequestId, charged: i64) {
        self.acknowledged += 1;
        if let Some(fate) = self.fates.get_mut(&request) {
            fate.acknowledged = Some(charged);
        }
    }

    /// A row is new in the books.
    pub(crate) fn inserted(&mut self, posting: &Posting) -> Result<(), Violation> {
        self.rows += 1;
        let request = posting.reserve.request;
        let charged = i64::try_from(posting.charged().0).unwrap_or(i64::MAX);
        let Some(fate) = self.fates.remove(&request) else {
            return Err(Violation::new(Law::Charge, format!("nobody sent {request:?}")));
        };
        if fate.lost.contains(&charged) {
            return Ok(());
        }
        self.interrupted += u64::from(fate.end.is_none());
        if fate.acknowledged.is_some_and(|told| told != charged) {
            return Err(Violation::new(Law::Acknowledged, format!("{charged} in the books, {fate:?}")));
        }
        if charged != fate.charge() {
            return Err(Violation::new(Law::Charge, format!("{charged} in the books, {fate:?}")));
        }
        Ok(())
    }

    /// The power of a node went. What a caller was told must be on the disk if that was promised. Returns by how much
    /// more a purse may be charged now: an end that is gone counts at its last mark, which may have been more, and
    /// what the end gave back has perhaps been given to others.
    pub(crate) fn power_lost(
        &mut self,
        node: usize,
        disk: &Disk,
        promised: bool,
    ) -> Result<Vec<(PurseId, i64)>, Violation> {
        let mut more = Vec::new();
        for fate in self.fates.values_mut().filter(|fate| fate.node == node && !fate.gone) {
            let whole = disk.whole_to(fate.place);
            let before = fate.charge();
            fate.marks.retain(|(at, _)| *at <= whole);
            if fate.end.is_some_and(|(at, _)| at > whole) {
                if fate.acknowledged.is_some() && promised {
                    return Err(Violation::new(Law::Acknowledged, format!("lost: {fate:?}")));
                }
                (fate.end, fate.acknowledged) = (None, None);
            }
            let after = fate.charge();
            if before != after {
                fate.lost.push(before);
                more.extend(fate.purses.iter().map(|purse| (purse.clone(), (after - before).max(0))));
            }
            fate.gone |= fate.reserved > whole;
        }
        Ok(more)
    }

    /// The disk of a node is gone for ever.
    pub(crate) fn disk_lost(&mut self, node: usize) {
        for fate in self.fates.values_mut().filter(|fate| fate.node == node) {
            fate.gone = true;
        }
    }

    /// Everything has ended: what was sent and not lost has its row.
    pub(crate) fn check_end(&self) -> Result<(), Violation> {
        match self.fates.iter().find(|(_, fate)| !fate.gone) {
            None => Ok(()),
            Some((request, fate)) => {
                let law = if fate.acknowledged.is_some() { Law::Acknowledged } else { Law::Recorded };
                Err(Violation::new(law, format!("{request:?} {fate:?}")))
            }
        }
    }
}
