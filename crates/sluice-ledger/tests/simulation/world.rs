//! Three nodes, a database and a network between them, as discrete events: everything that happens follows from the
//! seed.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BinaryHeap},
};

use sluice_ledger::{AccountId, PurseId, RequestId, Window};

use crate::{
    books::{Books, Call, Reply},
    desk::{Node, Phase},
    mutant::{Law, Mutant, Violation},
    node::{Around, Plan},
    seed::Seed,
    truth::Truth,
};

const NODES: usize = 3;
const KEYS: u64 = 6;
const PROJECTS: u64 = 3;
const KEY_WINDOW_MS: i64 = 1_700;
const PROJECT_WINDOW_MS: i64 = 4_100;
/// No window of a run begins at 0: that is the window of budgets without windows.
const START_MS: u64 = 1_000_000;
/// A node waits so long for an answer of the database.
const CALL_MS: u64 = 60;
/// What was written is synced this often; an end waits for it where that is promised.
const SYNC_MS: u64 = 25;
/// What nobody used since the last look goes back.
const TIDY_MS: u64 = 100;
/// A request waits so long for money.
const QUEUE_MS: u64 = 400;
const WAITING_COUNT: usize = 20;

/// What a run is made of beside its seed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Setup {
    pub(crate) requests: u64,
    pub(crate) mutant: Option<Mutant>,
}

/// What happened in a run.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Tally {
    pub(crate) requests: u64,
    pub(crate) admitted: u64,
    pub(crate) rows: u64,
    pub(crate) interrupted: u64,
    pub(crate) kills: u64,
    pub(crate) power_losses: u64,
    pub(crate) write_offs: u64,
    pub(crate) calls_lost: u64,
    pub(crate) events: u64,
}

impl Tally {
    pub(crate) fn add(&mut self, other: &Self) {
        let Self {
            requests,
            admitted,
            rows,
            interrupted,
            kills,
            power_losses,
            write_offs,
            calls_lost,
            events,
        } = other;
        self.requests += requests;
        self.admitted += admitted;
        self.rows += rows;
        self.interrupted += interrupted;
        self.kills += kills;
        self.power_losses += power_losses;
        self.write_offs += write_offs;
        self.calls_lost += calls_lost;
        self.events += events;
    }
}

#[derive(Debug)]
enum Event {
    Arrive(usize),
    Mark(usize, u32, RequestId),
    End(usize, u32, RequestId),
    GiveUp(usize, u32, RequestId),
    Desk(usize, u32),
    /// A call reaches the database; `epoch` is the run that sent it.
    Deliver {
        node: usize,
        life: u32,
        epoch: u32,
        id: u64,
        call: Call,
    },
    Answer {
        node: usize,
        life: u32,
        id: u64,
        reply: Reply,
    },
    Timeout {
        node: usize,
        life: u32,
        id: u64,
    },
    Recall(usize, u32, PurseId),
    Sync(usize, u32),
    Tidy(usize, u32),
    Stop(usize, Stop),
    Start(usize),
    WriteOff(usize),
    LeasesTimeOut(usize, u32),
    DatabaseAway,
    DatabaseBack,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stop {
    Kill,
    Power,
    /// It does not come back before an operator writes it off.
    Long,
}

#[derive(Debug)]
pub(crate) struct World {
    setup: Setup,
    seed: Seed,
    now: u64,
    order: u64,
    queue: BinaryHeap<Reverse<(u64, u64)>>,
    events: BTreeMap<u64, Event>,
    books: Books,
    nodes: Vec<Node>,
    truth: Truth,
    away: bool,
    /// Callers are promised that the end is on the disk.
    power: bool,
    /// So many of a thousand requests cost more than their bound.
    excess: u64,
    /// So many of a thousand questions to the database are lost, and as many answers.
    losses: u64,
    /// Nothing breaks any more.
    calm: bool,
    tally: Tally,
}

impl World {
    pub(crate) fn new(seed: u64, setup: Setup) -> Self {
        let mut seed = Seed(seed);
        let mut limits = BTreeMap::new();
        for key in 0..KEYS {
            limits.insert(AccountId::key(&format!("k{key}")), seed.between(5_000, 500_000).cast_signed());
        }
        for project in 0..PROJECTS {
            let most = if project == 0 { 3_000_000 } else { 900_000 };
            limits
                .insert(AccountId::project(&format!("p{project}")), seed.between(20_000, most).cast_signed());
        }
        let power = seed.chance(500);
        let excess = [0, 0, 40, 250][usize::from(seed.chance(500)) * 2 + usize::from(seed.chance(500))];
        let losses = if seed.chance(700) { 30 } else { 150 };
        let mut world = Self {
            setup,
            seed,
            now: START_MS,
            order: 0,
            queue: BinaryHeap::new(),
            events: BTreeMap::new(),
            books: Books::new(NODES, limits, setup.mutant),
            nodes: (0..NODES).map(Node::new).collect(),
            truth: Truth::default(),
            away: false,
            power,
            excess,
            losses,
            calm: false,
            tally: Tally::default(),
        };
        for node in 0..NODES {
            world.after(1, Event::Start(node));
            world.after(10, Event::Arrive(node));
            world.plan_stop(node);
        }
        world.after(2_000, Event::DatabaseAway);
        world
    }

    /// Lets everything happen, then lets everything end.
    pub(crate) fn run(mut self) -> Result<Tally, Violation> {
        self.happen(|world| world.tally.requests >= world.setup.requests)?;
        self.calm = true;
        for node in &mut self.nodes {
            node.closing = true;
        }
        let until = self.now + 120_000;
        self.happen(|world| {
            world.now > until || world.nodes.iter().all(|n| matches!(n.phase, Phase::Finished))
        })?;
        if let Some(node) = self.nodes.iter().find(|node| !matches!(node.phase, Phase::Finished)) {
            return Err(Violation::new(Law::Empty, format!("node {} does not end: {node:?}", node.id)));
        }
        self.books.check_end()?;
        self.truth.check_end()?;
        (self.tally.rows, self.tally.interrupted) = (self.truth.rows, self.truth.interrupted);
        Ok(self.tally)
    }

    fn happen(&mut self, done: impl Fn(&Self) -> bool) -> Result<(), Violation> {
        while !done(self)
            && let Some(Reverse((at, order))) = self.queue.pop()
        {
            let Some(event) = self.events.remove(&order) else { continue };
            self.now = at;
            self.tally.events += 1;
            self.step(event).map_err(|violation| {
                let text = format!("after {at} ms: {}", violation.text);
                Violation { text, ..violation }
            })?;
        }
        Ok(())
    }

    fn after(&mut self, ms: u64, event: Event) {
        self.order += 1;
        self.queue.push(Reverse((self.now + ms, self.order)));
        self.events.insert(self.order, event);
    }

    fn step(&mut self, event: Event) -> Result<(), Violation> {
        match event {
            Event::Arrive(node) => self.arrive(node),
            Event::Mark(node, life, request) if self.lives(node, life) => {
                let (node, mut around) = self.around(node);
                node.memory.mark(request, &mut node.disk, &mut around);
                Ok(())
            }
            Event::End(node, life, request) if self.lives(node, life) => self.end(node, request),
            Event::GiveUp(node, life, request) if self.lives(node, life) => {
                self.nodes[node].memory.waiting.retain(|plan| plan.request != request);
                Ok(())
            }
            Event::Desk(node, life) if self.lives(node, life) => self.desk(node),
            Event::Deliver { node, life, epoch, id, call } => self.deliver((node, life, epoch, id), &call),
            Event::Answer { node, life, id, reply } if self.waits(node, life, id) => {
                let (node_at, books, mut around) = self.parts(node);
                node_at.answered(reply, books, &mut around)?;
                self.serve_waiting(node)?;
                self.after(1, Event::Desk(node, life));
                Ok(())
            }
            Event::Timeout { node, life, id } if self.waits(node, life, id) => {
                self.nodes[node].timed_out(self.setup.mutant)?;
                self.after(5, Event::Desk(node, life));
                Ok(())
            }
            Event::Recall(node, life, purse) if self.lives(node, life) => {
                if let Some(entry) = self.nodes[node].memory.entries.get_mut(&purse) {
                    entry.recalled = true;
                }
                Ok(())
            }
            Event::Sync(node, life) if self.lives(node, life) => {
                let (node_at, around) = self.around(node);
                node_at.disk.sync(node_at.disk.epoch);
                node_at.memory.synced(around.truth);
                self.after(SYNC_MS, Event::Sync(node, life));
                Ok(())
            }
            Event::Tidy(node, life) if self.lives(node, life) => self.tidy(node),
            Event::Stop(node, how) => self.stop(node, how),
            Event::Start(node) => self.start(node),
            Event::WriteOff(node) => self.write_off(node),
            Event::LeasesTimeOut(node, life) if self.is_down(node, life) => {
                self.books.end_leases(node, false)
            }
            Event::DatabaseAway => {
                self.away = !self.calm;
                let ms = self.seed.between(20, 900);
                self.after(ms, Event::DatabaseBack);
                Ok(())
            }
            Event::DatabaseBack => {
                self.away = false;
                let ms = self.seed.between(1_000, 6_000);
                self.after(ms, Event::DatabaseAway);
                Ok(())
            }
            // Meant for a process that is gone, or for a call that nobody waits for any more.
            _ => Ok(()),
        }
    }

    fn lives(&self, node: usize, life: u32) -> bool {
        self.nodes[node].life == life && !matches!(self.nodes[node].phase, Phase::Down)
    }

    fn is_down(&self, node: usize, life: u32) -> bool {
        self.nodes[node].life == life && matches!(self.nodes[node].phase, Phase::Down)
    }

    fn waits(&self, node: usize, life: u32, id: u64) -> bool {
        self.lives(node, life) && self.nodes[node].asked.as_ref().is_some_and(|(asked, _)| *asked == id)
    }

    fn parts(&mut self, node: usize) -> (&mut Node, &Books, Around<'_>) {
        let around = Around {
            truth: &mut self.truth,
            mutant: self.setup.mutant,
            power: self.power,
            unix_ms: self.now,
        };
        (&mut self.nodes[node], &self.books, around)
    }

    fn around(&mut self, node: usize) -> (&mut Node, Around<'_>) {
        let (node, _, around) = self.parts(node);
        (node, around)
    }

    fn arrive(&mut self, node: usize) -> Result<(), Violation> {
        if self.calm {
            return Ok(());
        }
        let ms = self.seed.between(1, 12);
        self.after(ms, Event::Arrive(node));
        self.tally.requests += 1;
        let plan = self.plan(node);
        if !self.nodes[node].is_running() {
            return Ok(());
        }
        if self.admit(node, &plan)? {
            return Ok(());
        }
        if self.nodes[node].memory.waiting.len() < WAITING_COUNT {
            let life = self.nodes[node].life;
            self.after(QUEUE_MS, Event::GiveUp(node, life, plan.request));
            self.nodes[node].memory.waiting.push_back(plan);
        }
        Ok(())
    }

    /// What the next request is going to be.
    fn plan(&mut self, node: usize) -> Plan {
        let mut request = [0; 16];
        request[0] = u8::try_from(node).unwrap_or_default();
        request[8..].copy_from_slice(&self.tally.requests.to_be_bytes());
        let key = self.seed.next() % KEYS;
        let bound = self.seed.between(50, 900);
        let charged = match self.seed.between(1, 100) {
            _ if self.seed.chance(self.excess) => Some(self.seed.between(bound, bound * 3)),
            1..=12 => None,
            13..=30 => Some(bound),
            _ => Some(self.seed.between(0, bound)),
        };
        let short = self.seed.chance(700);
        Plan {
            request: RequestId(request),
            key: format!("k{key}"),
            project: format!("p{}", key % PROJECTS),
            windows: [key_window(key, self.now), project_window(key % PROJECTS, self.now)],
            bound,
            charged,
            marks: self.seed.between(0, 2),
            lasts_ms: if short { self.seed.between(1, 60) } else { self.seed.between(60, 1_500) },
        }
    }

    fn admit(&mut self, node: usize, plan: &Plan) -> Result<bool, Violation> {
        let (node_at, mut around) = self.around(node);
        if node_at.memory.admit(plan, &mut node_at.disk, &mut around)?.is_some() {
            return Ok(false);
        }
        let life = node_at.life;
        self.tally.admitted += 1;
        for mark in 1..=plan.marks {
            self.after(plan.lasts_ms * mark / (plan.marks + 1), Event::Mark(node, life, plan.request));
        }
        self.after(plan.lasts_ms, Event::End(node, life, plan.request));
        Ok(true)
    }

    fn end(&mut self, node: usize, request: RequestId) -> Result<(), Violation> {
        if self.setup.mutant == Some(Mutant::AckBeforeWrite)
            && let Some(running) = self.nodes[node].memory.running.get_mut(&request)
            && running.marks < u64::MAX
        {
            // The caller knows; the journal only in a moment.
            let charged = running.plan.charged;
            running.marks = u64::MAX;
            if let Some(charged) = charged {
                self.truth.acknowledged(request, charged.cast_signed());
            }
            let life = self.nodes[node].life;
            self.after(3, Event::End(node, life, request));
            return Ok(());
        }
        let (node_at, mut around) = self.around(node);
        node_at.memory.end(request, &mut node_at.disk, &mut around)?;
        self.serve_waiting(node)
    }

    /// Something is free: whoever waits may try again, in the order in which they came.
    fn serve_waiting(&mut self, node: usize) -> Result<(), Violation> {
        let mut waiting = std::mem::take(&mut self.nodes[node].memory.waiting);
        while let Some(plan) = waiting.pop_front() {
            if !self.admit(node, &plan)? {
                waiting.push_front(plan);
                break;
            }
        }
        self.nodes[node].memory.waiting = waiting;
        Ok(())
    }

    fn desk(&mut self, node: usize) -> Result<(), Violation> {
        let live = self.nodes.iter().filter(|node| node.is_running()).count();
        let node_at = &mut self.nodes[node];
        if node_at.asked.is_some() {
            return Ok(());
        }
        node_at.live_nodes = u32::try_from(live).unwrap_or(u32::MAX);
        let (life, epoch) = (node_at.life, node_at.disk.epoch);
        let Some(call) = node_at.next_call(&self.books, &mut self.seed, self.setup.mutant) else {
            self.after(8, Event::Desk(node, life));
            return Ok(());
        };
        let id = self.order;
        self.nodes[node].asked = Some((id, call.clone()));
        self.after(CALL_MS, Event::Timeout { node, life, id });
        let lost = !self.calm && self.seed.chance(self.losses);
        let late = self.seed.chance(400);
        if lost {
            self.tally.calls_lost += 1;
        }
        if !lost || late {
            let ms = if lost { self.seed.between(CALL_MS, 1_500) } else { self.seed.between(1, 5) };
            self.after(ms, Event::Deliver { node, life, epoch, id, call });
        }
        Ok(())
    }

    fn deliver(
        &mut self,
        (node, life, epoch, id): (usize, u32, u32, u64),
        call: &Call,
    ) -> Result<(), Violation> {
        // A node that ends in order has closed its pool before it gives back what it leased: nothing comes late.
        let last =
            matches!(self.nodes[node].asked, Some((asked, Call::EndLeases)) if asked != id && self.calm);
        if self.away || last || matches!(self.nodes[node].phase, Phase::Finished) {
            return Ok(());
        }
        self.books.window = key_window(0, self.now);
        let done = self.books.execute(node, epoch, call)?;
        for posting in &done.inserted {
            self.truth.inserted(posting)?;
        }
        if let Some(purse) = done.recall {
            for other in (0..NODES).filter(|other| *other != node) {
                let life = self.nodes[other].life;
                self.after(3, Event::Recall(other, life, purse.clone()));
            }
        }
        if self.calm || !self.seed.chance(self.losses) {
            let ms = self.seed.between(1, 5);
            self.after(ms, Event::Answer { node, life, id, reply: done.reply });
        } else {
            self.tally.calls_lost += 1;
        }
        Ok(())
    }

    fn tidy(&mut self, node: usize) -> Result<(), Violation> {
        let now = self.now;
        self.nodes[node].tidy(|purse| {
            let number = |name: &str| name.bytes().last().map_or(0, |digit| u64::from(digit - b'0'));
            match purse.account.as_str() {
                name if name.starts_with("key:") => key_window(number(name), now),
                name => project_window(number(name), now),
            }
        });
        let life = self.nodes[node].life;
        self.after(TIDY_MS, Event::Tidy(node, life));
        Ok(())
    }

    fn plan_stop(&mut self, node: usize) {
        let how = match self.seed.between(1, 100) {
            1..=55 => Stop::Kill,
            56..=92 => Stop::Power,
            _ => Stop::Long,
        };
        let ms = self.seed.between(200, 4_500);
        self.after(ms, Event::Stop(node, how));
    }

    fn stop(&mut self, node: usize, how: Stop) -> Result<(), Violation> {
        if self.calm || matches!(self.nodes[node].phase, Phase::Down) {
            return Ok(());
        }
        self.nodes[node].stop();
        self.tally.kills += 1;
        if how == Stop::Power {
            self.tally.power_losses += 1;
            self.nodes[node].disk.lose_power(&mut self.seed);
            let more = self.truth.power_lost(node, &self.nodes[node].disk, self.power)?;
            self.books.powers_went(more);
        }
        if self.setup.mutant == Some(Mutant::LeaseBackByTimeout) {
            let life = self.nodes[node].life;
            self.after(100, Event::LeasesTimeOut(node, life));
        }
        if how == Stop::Long {
            self.after(3_000, Event::WriteOff(node));
        }
        let ms = if how == Stop::Long { 3_500 } else { self.seed.between(5, 400) };
        self.after(ms, Event::Start(node));
        Ok(())
    }

    fn start(&mut self, node: usize) -> Result<(), Violation> {
        self.nodes[node].start();
        let life = self.nodes[node].life;
        for (ms, event) in
            [(1, Event::Desk(node, life)), (5, Event::Sync(node, life)), (TIDY_MS, Event::Tidy(node, life))]
        {
            self.after(ms, event);
        }
        self.plan_stop(node);
        Ok(())
    }

    /// An operator gives back what a node holds that will not come back. It does all the same, with its disk or
    /// with an empty one.
    fn write_off(&mut self, node: usize) -> Result<(), Violation> {
        self.tally.write_offs += 1;
        self.books.end_leases(node, true)?;
        if self.seed.chance(500) {
            let epoch = self.nodes[node].disk.epoch;
            self.nodes[node].disk = crate::disk::Disk { epoch, ..Default::default() };
            self.truth.disk_lost(node);
        }
        Ok(())
    }
}

fn key_window(key: u64, now: u64) -> Window {
    Window(if key.is_multiple_of(2) { now.cast_signed() / KEY_WINDOW_MS * KEY_WINDOW_MS } else { 0 })
}

fn project_window(project: u64, now: u64) -> Window {
    Window(if project == 0 { 0 } else { now.cast_signed() / PROJECT_WINDOW_MS * PROJECT_WINDOW_MS })
}
