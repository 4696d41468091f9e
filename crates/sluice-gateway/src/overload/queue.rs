//! Requests that wait for room, fair between keys.

use std::{
    collections::{HashMap, VecDeque},
    time::{Duration, Instant},
};

use crate::bounds;

/// One line for each key that has somebody waiting; the lines take turns. A line that is never empty only makes
/// everybody in it late: its key asks for more than its share, and so its members wait a short time only, until nobody
/// has stood in it for a while.
#[derive(Debug)]
pub(super) struct Queue<T> {
    lines: HashMap<String, Line<T>>,
    /// Keys with somebody in their line, in the order of their turns.
    turns: VecDeque<String>,
    length: usize,
    most: usize,
}

/// Has at least one member, or was busy a moment ago.
#[derive(Debug)]
struct Line<T> {
    /// Since when it was never empty, but for moments since it is busy.
    since: Instant,
    /// When the last one left it.
    emptied: Instant,
    members: VecDeque<Member<T>>,
    /// Members that were let in since the last look, and between the two before.
    taken: usize,
    taken_before: usize,
}

#[derive(Debug)]
struct Member<T> {
    since: Instant,
    what: T,
}

impl<T> Line<T> {
    fn of(first: Member<T>) -> Self {
        let since = first.since;
        Self { since, emptied: since, members: VecDeque::from([first]), taken: 0, taken_before: 0 }
    }

    fn is_busy(&self, now: Instant) -> bool {
        now.saturating_duration_since(self.since) >= bounds::QUEUE_BUSY
    }

    /// How long a member may wait now.
    fn age(&self, now: Instant) -> Duration {
        if self.is_busy(now) { bounds::QUEUE_BUSY_AGE } else { bounds::ADMISSION_QUEUE }
    }

    /// Whether there are as many as a busy line needs so that somebody is there whenever there is room. All others
    /// would only make them wait longer, or wait in vain.
    fn is_full(&self, now: Instant) -> bool {
        let taken = self.taken.max(self.taken_before);
        self.is_busy(now) && self.members.len() >= taken / bounds::QUEUE_BUSY_PART + bounds::QUEUE_BUSY_LEAST
    }

    /// Whether it is as if it had never been there.
    fn is_over(&self, now: Instant) -> bool {
        self.members.is_empty()
            && (now.saturating_duration_since(self.emptied) >= bounds::QUEUE_CALM
                || self.emptied.saturating_duration_since(self.since) < bounds::QUEUE_BUSY)
    }

    /// Takes the first out if it has waited too long.
    fn pop_late(&mut self, now: Instant) -> Option<T> {
        let age = self.age(now);
        let late = |member: &mut Member<T>| now.saturating_duration_since(member.since) >= age;
        self.members.pop_front_if(late).map(|member| member.what)
    }
}

impl<T> Queue<T> {
    /// Of at most `most` members.
    pub(super) fn new(most: usize) -> Self {
        Self { lines: HashMap::new(), turns: VecDeque::new(), length: 0, most }
    }

    pub(super) fn len(&self) -> usize {
        self.length
    }

    pub(super) fn is_empty(&self) -> bool {
        self.length == 0
    }

    /// Whether one more of this key would wait in vain.
    pub(super) fn refuses(&self, key: &str, now: Instant) -> bool {
        self.lines.get(key).is_some_and(|line| line.is_full(now))
    }

    /// Adds one. Returns who must go for it: itself where it would wait in vain; where the queue is full, the newest of
    /// the longest line.
    pub(super) fn push(&mut self, key: &str, what: T, now: Instant) -> Option<T> {
        let member = Member { since: now, what };
        if let Some(line) = self.lines.get_mut(key).filter(|line| !line.is_over(now)) {
            let was_empty = line.members.is_empty();
            while line.pop_late(now).is_some() {
                self.length -= 1;
            }
            if line.is_full(now) {
                return Some(member.what);
            }
            line.members.push_back(member);
            if was_empty {
                self.turns.push_back(key.to_owned());
            }
        } else {
            self.lines.insert(key.to_owned(), Line::of(member));
            self.turns.push_back(key.to_owned());
        }
        self.length += 1;
        if self.length > self.most { self.shed(now) } else { None }
    }

    fn shed(&mut self, now: Instant) -> Option<T> {
        // Of lines of one length the one whose turn comes last.
        let length = |key: &String| self.lines.get(key).map_or(0, |line| line.members.len());
        let key = self.turns.iter().max_by_key(|key| length(key))?.clone();
        let line = self.lines.get_mut(&key)?;
        let member = line.members.pop_back()?;
        self.length -= 1;
        if line.members.is_empty() {
            line.emptied = now;
            self.turns.retain(|turn| *turn != key);
        }
        Some(member.what)
    }

    /// The next in turn; those before it who have waited too long are dropped.
    pub(super) fn pop(&mut self, now: Instant) -> Option<T> {
        loop {
            let key = self.turns.pop_front()?;
            let line = self.lines.get_mut(&key)?;
            while line.pop_late(now).is_some() {
                self.length -= 1;
            }
            let next = line.members.pop_front();
            self.length -= usize::from(next.is_some());
            line.taken += usize::from(next.is_some());
            if !line.members.is_empty() {
                self.turns.push_back(key);
            } else {
                line.emptied = now;
                if line.is_over(now) {
                    self.lines.remove(&key);
                }
            }
            if let Some(member) = next {
                return Some(member.what);
            }
        }
    }

    /// Removes those who have waited too long. Is to be called once in the time that a busy line may wait.
    pub(super) fn expire(&mut self, now: Instant) -> Vec<T> {
        let mut late = Vec::new();
        for line in self.lines.values_mut() {
            line.taken_before = std::mem::take(&mut line.taken);
            while let Some(what) = line.pop_late(now) {
                late.push(what);
                line.emptied = now;
            }
        }
        self.length -= late.len();
        self.lines.retain(|_, line| !line.is_over(now));
        self.turns.retain(|key| self.lines.get(key).is_some_and(|line| !line.members.is_empty()));
        late
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock;

    fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    /// Adds `(key, name)`s at `now`.
    fn fill(queue: &mut Queue<&'static str>, members: &[(&str, &'static str)], now: Instant) {
        for (key, name) in members {
            assert_eq!(queue.push(key, name, now), None);
        }
    }

    fn all(queue: &mut Queue<&'static str>, now: Instant) -> Vec<&'static str> {
        std::iter::from_fn(|| queue.pop(now)).collect()
    }

    #[test]
    fn keys_take_turns() {
        let now = clock::now();
        let check = |members: &[(&str, &'static str)], expect: &[&str]| {
            let mut queue = Queue::new(100);
            fill(&mut queue, members, now);
            assert_eq!(all(&mut queue, now), expect);
            assert_eq!((queue.len(), queue.lines.len(), queue.turns.len()), (0, 0, 0));
        };
        check(&[], &[]);
        check(&[("a", "1"), ("a", "2"), ("a", "3")], &["1", "2", "3"]);
        check(&[("a", "1"), ("a", "2"), ("a", "3"), ("b", "4")], &["1", "4", "2", "3"]);
        check(&[("a", "1"), ("b", "2"), ("c", "3"), ("b", "4"), ("a", "5")], &["1", "2", "3", "5", "4"]);
    }

    #[test]
    fn a_key_that_comes_back_waits_for_its_turn() {
        let now = clock::now();
        let mut queue = Queue::new(100);
        fill(&mut queue, &[("a", "1"), ("b", "2"), ("b", "3")], now);
        assert_eq!(queue.pop(now), Some("1"));
        fill(&mut queue, &[("a", "4")], now);
        assert_eq!(all(&mut queue, now), ["2", "4", "3"]);
    }

    #[test]
    fn a_full_queue_sheds_from_its_longest_line() {
        let now = clock::now();
        let mut queue = Queue::new(3);
        fill(&mut queue, &[("a", "1"), ("a", "2"), ("a", "3")], now);
        assert_eq!(queue.push("a", "4", now), Some("4"));
        assert_eq!(queue.push("b", "5", now), Some("3"));
        assert_eq!(queue.push("b", "6", now), Some("6"), "of lines of one length the last");
        assert_eq!(queue.push("c", "7", now), Some("2"));
        assert_eq!(queue.push("d", "8", now), Some("8"));
        assert_eq!(all(&mut queue, now), ["1", "5", "7"]);
    }

    #[test]
    fn waiting_has_a_bound() {
        let start = clock::now();
        let mut queue = Queue::new(100);
        fill(&mut queue, &[("a", "1")], start);
        let before = bounds::QUEUE_BUSY.checked_sub(ms(1)).unwrap();
        fill(&mut queue, &[("a", "2"), ("b", "3")], start + before);
        assert_eq!(queue.expire(start + before), Vec::<&str>::new());
        // The line was never empty: everybody in it but the newest is late.
        let now = start + bounds::QUEUE_BUSY;
        assert_eq!(queue.expire(now), ["1"]);
        assert_eq!(queue.pop(now + bounds::QUEUE_BUSY_AGE), Some("3"), "another key is not held to that");
        fill(&mut queue, &[("a", "4")], now + ms(1));
        assert_eq!(queue.pop(now + bounds::QUEUE_BUSY_AGE), Some("4"), "what is late goes");
        assert_eq!((queue.len(), queue.pop(now + bounds::QUEUE_BUSY_AGE)), (0, None));
        // Empty: it begins anew.
        let later = now + ms(1_000);
        fill(&mut queue, &[("a", "5")], later);
        assert_eq!(queue.pop(later + before), Some("5"));
        fill(&mut queue, &[("a", "6")], later);
        assert_eq!(queue.expire(later + bounds::ADMISSION_QUEUE), ["6"]);
        assert!(queue.is_empty());
    }

    #[test]
    fn a_busy_line_is_busy_until_nobody_has_stood_in_it_for_a_while() {
        let check = |away: Duration, waits: Duration| {
            let (mut queue, start) = (Queue::new(100), clock::now());
            fill(&mut queue, &[("a", "1"), ("a", "2")], start);
            let busy = start + bounds::QUEUE_BUSY;
            assert_eq!(queue.pop(start), Some("1"));
            assert_eq!(queue.expire(busy), ["2"]);
            assert_eq!((queue.len(), queue.turns.len()), (0, 0));
            let back = busy + away;
            fill(&mut queue, &[("a", "3")], back);
            let before = waits.checked_sub(ms(1)).unwrap();
            assert_eq!(queue.expire(back + before), Vec::<&str>::new(), "{away:?}");
            assert_eq!(queue.expire(back + waits), ["3"], "{away:?}");
        };
        check(ms(0), bounds::QUEUE_BUSY_AGE);
        check(bounds::QUEUE_CALM.checked_sub(ms(1)).unwrap(), bounds::QUEUE_BUSY_AGE);
        // As if it had never been busy: late when it has become so again.
        check(bounds::QUEUE_CALM, bounds::QUEUE_BUSY);
        // A line that was never busy leaves nothing behind.
        let (mut queue, now) = (Queue::new(100), clock::now());
        fill(&mut queue, &[("a", "1")], now);
        assert_eq!((queue.pop(now), queue.lines.len()), (Some("1"), 0));
    }

    #[test]
    fn a_busy_line_is_no_longer_than_it_must_be() {
        let check = |let_in: usize, looks: u32, expect: usize| {
            let (mut queue, mut now) = (Queue::new(1_000), clock::now());
            fill(&mut queue, &[("a", "1")], now);
            for _ in 0..looks {
                now += ms(40);
                queue.expire(now);
                for _ in 0..let_in {
                    assert_eq!(queue.push("a", "next", now), None);
                    assert!(queue.pop(now).is_some());
                }
            }
            for _ in 0..300 {
                queue.push("a", "more", now);
            }
            assert_eq!(
                (queue.len().min(300), queue.refuses("a", now)),
                (expect, expect < 300),
                "{let_in} {looks}"
            );
            assert_eq!(queue.push("b", "another", now), None);
        };
        check(0, 12, 300);
        check(40, 12, 300);
        check(0, 13, 8);
        check(40, 13, 40 / 4 + 8);
        check(100, 50, 100 / 4 + 8);
    }
}
