//! Regular expressions of JSON Schema (the plain part of ECMA-262): texts that match, and whether one does.
//!
//! Known: literals, escapes, `\d \w \s` and their opposites, `\u` and `\x` with digits, `\p{L}`-like classes of letters and
//! digits, sets, `.`, groups, alternatives, repeats, `^ $ \b`. Not known: references back, looking around.

use std::cell::Cell;

use super::super::dice::Dice;
use super::Fuel;

/// Groups within groups at most.
const NESTING_MAX: u32 = 32;

/// Characters of a text that is compared; of longer ones nothing is said.
const COMPARED_MAX: usize = 256;

/// Steps of one comparison; beyond them it is given up.
const STEPS_MAX: u32 = 50_000;

/// Parts of a pattern that are open at once in a comparison.
const OPEN_MAX: u32 = 1_000;

/// What a repeat makes at most.
const REPEATS_MAX: u32 = 4_096;

#[derive(Clone, Debug)]
enum Node {
    Set(Set),
    Start,
    End,
    WordEdge(bool),
    Concat(Vec<Node>),
    Either(Vec<Node>),
    Repeat(Box<Node>, u32, Option<u32>),
}

/// A set of characters.
#[derive(Clone, Debug, Default)]
struct Set {
    ranges: Vec<(char, char)>,
    negated: bool,
}

/// A regular expression.
#[derive(Clone, Debug)]
pub(super) struct Pattern(Node);

impl Pattern {
    pub(super) fn parse(text: &str) -> Option<Self> {
        let mut parser = Parser { rest: text.chars().collect(), at: 0, nesting: 0 };
        let node = parser.either()?;
        (parser.at == parser.rest.len()).then_some(Self(node))
    }

    /// Whether the pattern is somewhere in the text. What is too long to say counts as yes.
    pub(super) fn is_match(&self, text: &str, fuel: &Fuel) -> bool {
        let text: Vec<char> = text.chars().collect();
        if text.len() > COMPARED_MAX || fuel.is_spent() {
            return true;
        }
        let comparison = Comparison { text: &text, steps: Cell::new(STEPS_MAX), open: Cell::new(0) };
        let found = (0..=text.len()).any(|start| comparison.node(&self.0, start, &mut |_| true));
        let left = comparison.steps.get();
        fuel.spend((STEPS_MAX - left) as usize / 8 + 1);
        found || left == 0
    }

    /// A text that matches and has a length, in characters; `None` when none was found.
    pub(super) fn text(
        &self,
        dice: &mut Dice,
        (fewest, most): (usize, usize),
        fuel: &Fuel,
    ) -> Option<String> {
        for more in [0, 1, 2, 3, 5, 8, 12, 20, 32, 64, fewest.min(REPEATS_MAX as usize) as u32] {
            for _ in 0..3 {
                let mut text = String::new();
                if fuel.is_spent() {
                    return None;
                }
                write(&self.0, more, dice, &mut text);
                let mut length = text.chars().count();
                fuel.spend(length);
                if length < fewest && more > 3 {
                    // Where the pattern is not bound to the end, anything may follow.
                    text.extend(std::iter::repeat_n('a', fewest - length));
                    length = fewest;
                }
                if (fewest..=most).contains(&length) && self.is_match(&text, fuel) {
                    return Some(text);
                }
            }
        }
        None
    }
}

/// Writes a text; what may be repeated is, up to `more` times more than it must.
fn write(node: &Node, more: u32, dice: &mut Dice, out: &mut String) {
    match node {
        Node::Set(set) => out.push(set.one(dice)),
        Node::Start | Node::End | Node::WordEdge(_) => {}
        Node::Concat(nodes) => nodes.iter().for_each(|node| write(node, more, dice, out)),
        Node::Either(nodes) => {
            let at = dice.below(nodes.len() as u64) as usize;
            if let Some(node) = nodes.get(at) {
                write(node, more, dice, out);
            }
        }
        Node::Repeat(node, fewest, most) => {
            let room = most.map_or(u32::MAX, |most| most.saturating_sub(*fewest)).min(more);
            let extra = if more > 1 { room.saturating_sub(dice.below(2) as u32) } else { room };
            for _ in 0..fewest.saturating_add(extra).min(REPEATS_MAX) {
                if out.len() > REPEATS_MAX as usize * 4 {
                    break;
                }
                write(node, more, dice, out);
            }
        }
    }
}

impl Set {
    fn has(&self, c: char) -> bool {
        self.ranges.iter().any(|(from, to)| (*from..=*to).contains(&c)) != self.negated
    }

    /// One of the set, if possible a plain one.
    fn one(&self, dice: &mut Dice) -> char {
        const PLAIN: &str = "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ-_. ";
        let plain: Vec<char> = PLAIN.chars().filter(|c| self.has(*c)).collect();
        if let Some(c) = plain.get(dice.below(plain.len() as u64) as usize) {
            return *c;
        }
        let seen = (' '..='~').chain('\u{a1}'..='\u{ff}').find(|c| self.has(*c));
        seen.or(self.ranges.first().map(|(from, _)| *from)).unwrap_or('?')
    }
}

struct Comparison<'a> {
    text: &'a [char],
    steps: Cell<u32>,
    open: Cell<u32>,
}

impl Comparison<'_> {
    fn node(&self, node: &Node, at: usize, then: &mut dyn FnMut(usize) -> bool) -> bool {
        let left = self.steps.get();
        if left == 0 {
            return false;
        }
        self.open.set(self.open.get() + 1);
        self.steps.set(if self.open.get() > OPEN_MAX { 0 } else { left - 1 });
        let found = self.step(node, at, then);
        self.open.set(self.open.get() - 1);
        found
    }

    fn step(&self, node: &Node, at: usize, then: &mut dyn FnMut(usize) -> bool) -> bool {
        match node {
            Node::Set(set) => self.text.get(at).is_some_and(|c| set.has(*c)) && then(at + 1),
            Node::Start => at == 0 && then(at),
            Node::End => at == self.text.len() && then(at),
            Node::WordEdge(wanted) => {
                let word = |at: Option<usize>| {
                    at.and_then(|at| self.text.get(at))
                        .is_some_and(|c| c.is_ascii_alphanumeric() || *c == '_')
                };
                (word(at.checked_sub(1)) != word(Some(at))) == *wanted && then(at)
            }
            Node::Concat(nodes) => self.all(nodes, at, then),
            Node::Either(nodes) => nodes.iter().any(|node| self.node(node, at, then)),
            Node::Repeat(node, fewest, most) => self.repeat((node, *fewest, *most), 0, at, then),
        }
    }

    fn all(&self, nodes: &[Node], at: usize, then: &mut dyn FnMut(usize) -> bool) -> bool {
        match nodes.split_first() {
            None => then(at),
            Some((first, rest)) => self.node(first, at, &mut |at| self.all(rest, at, then)),
        }
    }

    fn repeat(
        &self,
        (node, fewest, most): (&Node, u32, Option<u32>),
        done: u32,
        at: usize,
        then: &mut dyn FnMut(usize) -> bool,
    ) -> bool {
        if most.is_none_or(|most| done < most) {
            let again = self.node(node, at, &mut |next| {
                // What takes nothing would go on for ever.
                (next > at || done < fewest) && self.repeat((node, fewest, most), done + 1, next, then)
            });
            if again {
                return true;
            }
        }
        done >= fewest && then(at)
    }
}

struct Parser {
    rest: Vec<char>,
    at: usize,
    nesting: u32,
}

impl Parser {
    fn peek(&self) -> Option<char> {
        self.rest.get(self.at).copied()
    }

    fn take(&mut self) -> Option<char> {
        let c = self.peek()?;
        self.at += 1;
        Some(c)
    }

    fn takes(&mut self, text: &str) -> bool {
        let there = text.chars().enumerate().all(|(i, c)| self.rest.get(self.at + i) == Some(&c));
        if there {
            self.at += text.chars().count();
        }
        there
    }

    fn either(&mut self) -> Option<Node> {
        self.nesting += 1;
        if self.nesting > NESTING_MAX {
            return None;
        }
        let mut branches = vec![self.concat()?];
        while self.takes("|") {
            branches.push(self.concat()?);
        }
        self.nesting -= 1;
        if branches.len() == 1 { branches.pop() } else { Some(Node::Either(branches)) }
    }

    fn concat(&mut self) -> Option<Node> {
        let mut nodes = Vec::new();
        while self.peek().is_some_and(|c| c != '|' && c != ')') {
            let node = self.atom()?;
            nodes.push(self.repeated(node)?);
        }
        Some(Node::Concat(nodes))
    }

    fn repeated(&mut self, node: Node) -> Option<Node> {
        let (fewest, most) = match self.peek() {
            Some('*') => (0, None),
            Some('+') => (1, None),
            Some('?') => (0, Some(1)),
            Some('{') => match self.bounds() {
                Some(bounds) => bounds,
                // By itself a brace is a brace.
                None => return Some(node),
            },
            _ => return Some(node),
        };
        self.at += 1;
        // Whether it is greedy makes no difference here.
        self.takes("?");
        let repeat = Node::Repeat(Box::new(node), fewest, most);
        matches!(self.peek(), Some('*' | '+')).then_some(()).map_or(Some(repeat), |()| None)
    }

    /// `{1,2}`, up to its last brace.
    fn bounds(&mut self) -> Option<(u32, Option<u32>)> {
        let end = self.rest[self.at..].iter().position(|c| *c == '}')? + self.at;
        let inside: String = self.rest[self.at + 1..end].iter().collect();
        let bounds = match inside.split_once(',') {
            None => (inside.parse().ok()?, Some(inside.parse().ok()?)),
            Some((from, "")) => (from.parse().ok()?, None),
            Some((from, to)) => (from.parse().ok()?, Some(to.parse().ok()?)),
        };
        self.at = end;
        Some(bounds)
    }

    fn atom(&mut self) -> Option<Node> {
        Some(match self.take()? {
            '^' => Node::Start,
            '$' => Node::End,
            '.' => Node::Set(Set { ranges: vec![('\n', '\n'), ('\r', '\r')], negated: true }),
            '[' => Node::Set(self.set()?),
            '(' => {
                if self.takes("?") && !self.takes(":") {
                    self.named_group()?;
                }
                let inner = self.either()?;
                self.takes(")").then_some(inner)?
            }
            '\\' => match self.peek()? {
                'b' | 'B' => Node::WordEdge(self.take()? == 'b'),
                '1'..='9' | 'k' => return None,
                _ => Node::Set(self.escape()?),
            },
            '*' | '+' | '?' => return None,
            c => Node::Set(one(c)),
        })
    }

    fn named_group(&mut self) -> Option<()> {
        let named = self.takes("<") && !matches!(self.peek(), Some('=' | '!'));
        while named && self.take()? != '>' {}
        named.then_some(())
    }

    fn set(&mut self) -> Option<Set> {
        let mut set = Set { negated: self.takes("^"), ..Set::default() };
        loop {
            let from = match self.take()? {
                ']' => return Some(set),
                '\\' => self.escape()?,
                c => one(c),
            };
            let ranged = self.peek() == Some('-') && self.rest.get(self.at + 1).is_some_and(|c| *c != ']');
            match (&from.ranges[..], ranged && !from.negated) {
                ([(start, end)], true) if start == end => {
                    self.at += 1;
                    let to = match self.take()? {
                        '\\' => self.escape()?,
                        c => one(c),
                    };
                    set.ranges.push((*start, to.ranges.first()?.1));
                }
                _ => set.ranges.extend(from.positive()),
            }
        }
    }

    /// What follows a backslash.
    fn escape(&mut self) -> Option<Set> {
        let class = |ranges: &[(char, char)], negated| Set { ranges: ranges.to_vec(), negated };
        Some(match self.take()? {
            'd' => class(DIGITS, false),
            'D' => class(DIGITS, true),
            'w' => class(WORD, false),
            'W' => class(WORD, true),
            's' => class(SPACE, false),
            'S' => class(SPACE, true),
            'n' => one('\n'),
            'r' => one('\r'),
            't' => one('\t'),
            'f' => one('\u{c}'),
            'v' => one('\u{b}'),
            '0' => one('\0'),
            'x' => self.coded(2)?,
            'u' if self.takes("{") => {
                let digits = self.rest[self.at..].iter().position(|c| *c == '}')?;
                let set = self.coded(digits)?;
                self.at += 1;
                set
            }
            'u' => self.coded(4)?,
            negated @ ('p' | 'P') => {
                let end = self.rest[self.at..].iter().position(|c| *c == '}')? + self.at;
                let name: String = self.rest[self.at + 1..end].iter().collect();
                self.at = end + 1;
                let ranges = match name.as_str() {
                    "L" | "Letter" | "Alphabetic" => LETTERS,
                    "Lu" | "Uppercase_Letter" => &[('A', 'Z')],
                    "Ll" | "Lowercase_Letter" => &[('a', 'z')],
                    "N" | "Nd" | "Number" => DIGITS,
                    _ => return None,
                };
                class(ranges, negated == 'P')
            }
            c if c.is_ascii_alphanumeric() => return None,
            c => one(c),
        })
    }

    fn coded(&mut self, digits: usize) -> Option<Set> {
        let text: String = self.rest.get(self.at..self.at + digits)?.iter().collect();
        self.at += digits;
        u32::from_str_radix(&text, 16).ok().and_then(char::from_u32).map(one)
    }
}

impl Set {
    /// The ranges of a set as such without a negation.
    fn positive(&self) -> Vec<(char, char)> {
        if !self.negated {
            return self.ranges.clone();
        }
        let mut ranges = self.ranges.clone();
        ranges.sort_unstable();
        let mut from = 0_u32;
        let mut out = Vec::new();
        for (start, end) in ranges {
            let before = (from..start as u32).rev().find_map(char::from_u32);
            out.extend((from..start as u32).find_map(char::from_u32).zip(before));
            from = end as u32 + 1;
        }
        out.extend(char::from_u32(from).map(|from| (from, char::MAX)));
        out
    }
}

fn one(c: char) -> Set {
    Set { ranges: vec![(c, c)], negated: false }
}

const DIGITS: &[(char, char)] = &[('0', '9')];
const WORD: &[(char, char)] = &[('0', '9'), ('A', 'Z'), ('_', '_'), ('a', 'z')];
const SPACE: &[(char, char)] = &[('\t', '\r'), (' ', ' '), ('\u{a0}', '\u{a0}'), ('\u{2028}', '\u{2029}')];
/// Of the letters of all scripts those that are the most used.
const LETTERS: &[(char, char)] = &[
    ('A', 'Z'),
    ('a', 'z'),
    ('\u{c0}', '\u{d6}'),
    ('\u{d8}', '\u{f6}'),
    ('\u{f8}', '\u{2ff}'),
    ('\u{370}', '\u{3ff}'),
    ('\u{400}', '\u{52f}'),
    ('\u{4e00}', '\u{9fff}'),
];
