//! A book kept slowly and plainly, by sections 5 to 7 of the engine's contract: maps of exact numbers, lists gone
//! through from their start.

use std::collections::BTreeMap;

use _native::outcome::{Event, Outcome, Stats};
use _native::rule::{Bridge, Chain, Rule, Seed};
use _native::shape::{ChecksumAt, Digits, Shape, When};

use crate::decimal::Dec;
use crate::dialect::Dialect;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum What {
    Ignored,
    Check,
    Snapshot,
    Change,
}

/// A row as it was meant. `side`: 0 bids, 1 asks.
#[derive(Clone, Debug)]
pub struct Row {
    pub side: usize,
    pub price: Option<(Dec, String)>,
    pub size: Dec,
    pub size_text: String,
    pub removes: bool,
    pub id: Option<i64>,
}

/// A message as it was meant.
#[derive(Clone, Debug)]
pub struct Fact {
    pub what: What,
    pub first: Option<i64>,
    pub last: Option<i64>,
    pub prev: Option<i64>,
    pub venue_ns: Option<i64>,
    pub received_ns: i64,
    pub checksum: Option<u32>,
    pub rows: Vec<Row>,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Level {
    pub size: Dec,
    pub price_text: String,
    pub size_text: String,
}

/// Bids and asks, both rising.
pub type Sides = [BTreeMap<Dec, Level>; 2];

/// One row, with its price. True when it removes what is not there.
pub fn put(sides: &mut Sides, row: &Row, price: &Dec) -> bool {
    if row.removes {
        return sides[row.side].remove(price).is_none();
    }
    let known = sides[row.side].get(price).map_or(String::new(), |level| level.price_text.clone());
    let price_text = row.price.as_ref().map_or(known, |(_, text)| text.clone());
    let level = Level { size: row.size.clone(), price_text, size_text: row.size_text.clone() };
    sides[row.side].insert(price.clone(), level);
    false
}

/// The worst beyond `most` go.
pub fn cut(sides: &mut Sides, side: usize, most: usize) -> Vec<Dec> {
    let mut gone = Vec::new();
    while sides[side].len() > most {
        let worst = if side == 0 { sides[0].pop_first() } else { sides[1].pop_last() };
        gone.extend(worst.map(|(price, _)| price));
    }
    gone
}

pub fn best(sides: &Sides, side: usize) -> Vec<(&Dec, &Level)> {
    if side == 0 { sides[0].iter().rev().collect() } else { sides[1].iter().collect() }
}

/// None where we would have to print doubles as others do.
pub fn checksum(sides: &Sides, spec: &ChecksumAt, signed: bool) -> Option<u32> {
    let mut parts: Vec<String> = Vec::new();
    let listed = [best(sides, 0), best(sides, 1)];
    let mut add = |side: usize, at: usize| -> Option<()> {
        if let Some((_, level)) = listed[side].get(at) {
            parts.push(written(&level.price_text, spec.digits)?);
            let minus = signed && side == 1;
            let text = level.size_text.strip_prefix('-').filter(|_| minus).unwrap_or(&level.size_text);
            parts.push(format!("{}{}", if minus { "-" } else { "" }, written(text, spec.digits)?));
        }
        Some(())
    };
    if spec.interleaved {
        for at in 0..spec.depth {
            add(0, at)?;
            add(1, at)?;
        }
    } else {
        for side in [1, 0] {
            for at in 0..spec.depth {
                add(side, at)?;
            }
        }
    }
    let joiner = std::str::from_utf8(&spec.joiner).expect("ours are text");
    Some(crc32(parts.join(joiner).as_bytes()))
}

fn written(text: &str, digits: Digits) -> Option<String> {
    let value: f64 = text.parse().ok()?;
    // Where all ways of printing a double are positional.
    let is_plain = (1e-4..1e15).contains(&value);
    match digits {
        Digits::AsSent => Some(text.into()),
        Digits::Bare => Some(text.replace('.', "").trim_start_matches('0').into()),
        Digits::Python => is_plain.then(|| format!("{value:?}")),
        Digits::JavaScript => is_plain.then(|| format!("{value}")),
    }
}

/// Bit by bit.
pub fn crc32(bytes: &[u8]) -> u32 {
    let mut sum = !0u32;
    for byte in bytes {
        sum ^= u32::from(*byte);
        for _ in 0..8 {
            sum = if sum & 1 == 1 { sum >> 1 ^ 0xEDB8_8320 } else { sum >> 1 };
        }
    }
    !sum
}

enum Verdict {
    Apply,
    Ignore,
    Gap(Option<i128>, Option<i64>),
}

#[derive(Clone)]
pub struct Book {
    pub seeded: bool,
    pub bridged: bool,
    pub first: Option<i64>,
    pub last: Option<i64>,
    pub prev: Option<i64>,
    pub venue_ns: Option<i64>,
    pub heard_ns: Option<i64>,
    pub applied_ns: Option<i64>,
    pub sides: Sides,
    pub reach: [Option<Dec>; 2],
    pub stats: Stats,
    pub buffer: Vec<Fact>,
    /// Which id stands for which level.
    ids: Vec<(i64, usize, Dec)>,
    base: Option<i64>,
    asked_ns: i64,
    pub retains: bool,
    said_unchecked: bool,
    /// We cannot say any more what is right.
    pub lost: bool,
}

/// `old` means received before this where ids do not tell.
struct Outside {
    asked_ns: i64,
    old_ns: i64,
}

impl Book {
    pub fn new(rule: &Rule) -> Book {
        Book {
            seeded: false,
            bridged: false,
            first: None,
            last: None,
            prev: None,
            venue_ns: None,
            heard_ns: None,
            applied_ns: None,
            sides: Default::default(),
            reach: [None, None],
            stats: Stats::default(),
            buffer: Vec::new(),
            ids: Vec::new(),
            base: None,
            asked_ns: 0,
            retains: rule.seed == Seed::Side,
            said_unchecked: false,
            lost: false,
        }
    }

    pub fn unseed(&mut self, keep_buffer: bool) {
        (self.seeded, self.bridged) = (false, false);
        if !keep_buffer {
            self.buffer.clear();
        }
    }

    pub fn retain(&mut self, rule: &Rule, on: bool) {
        self.retains = on || rule.seed == Seed::Side;
        if !self.retains && self.seeded {
            self.buffer.clear();
        }
    }

    /// `Book.seed`.
    pub fn seed(&mut self, dialect: &Dialect, fact: &Fact, asked_ns: i64) -> Outcome {
        let said_unchecked = self.said_unchecked;
        let outcome = self.adopt(dialect, fact, Outside { asked_ns, old_ns: asked_ns })[0];
        self.said_unchecked = said_unchecked;
        outcome
    }

    /// A message of a frame.
    pub fn take(&mut self, dialect: &Dialect, fact: &Fact, snapshot: bool, counter: Option<i64>) -> Vec<Outcome> {
        self.heard_ns = Some(fact.received_ns);
        let shape = dialect.shape_by(snapshot);
        match fact.what {
            What::Ignored => vec![],
            What::Check if self.seeded => self.check(shape, fact).into_iter().collect(),
            What::Check => vec![],
            What::Snapshot if snapshot && dialect.is_outside() => {
                let asked_ns = fact.received_ns;
                self.adopt(dialect, fact, Outside { asked_ns, old_ns: asked_ns.saturating_add(1) })
            }
            What::Snapshot => {
                let was_seeded = self.seeded;
                if let Some(fault) = self.set(dialect, fact) {
                    return vec![fault];
                }
                self.bridged = true;
                self.buffer.clear();
                if dialect.rule.connection && counter.is_some() {
                    self.last = counter;
                }
                if let Some(fault) = self.settle(dialect, shape, fact) {
                    return vec![fault];
                }
                vec![if was_seeded { Outcome::Changed } else { event(Event::Seeded, None, None) }]
            }
            What::Change => self.change(dialect, shape, fact, counter),
        }
    }

    fn is_old(&self, rule: &Rule, base: Option<i64>, old_ns: i64, change: &Fact) -> bool {
        if base.is_some() && base == rule.empty_id {
            return false;
        }
        match (base, change.last) {
            (Some(base), Some(id)) if rule.bridge == Some(Bridge::Covers) => id < base,
            (Some(base), Some(id)) => id <= base,
            _ => change.received_ns < old_ns,
        }
    }

    /// Whether a change may be the first behind the snapshot; if not, what a gap says of it.
    fn bridges(&self, rule: &Rule, base: Option<i64>, change: &Fact) -> Result<(), (Option<i128>, Option<i64>)> {
        let Some(bridge) = rule.bridge else { return Ok(()) };
        if bridge == Bridge::After || (base.is_some() && base == rule.empty_id) {
            return Ok(());
        }
        let wide = |id: Option<i64>| id.map(i128::from);
        let (first, id, prev) = (wide(change.first), wide(change.last), wide(change.prev));
        let holds = wide(base).is_some_and(|s| match bridge {
            Bridge::CoversNext => first.is_some_and(|first| first <= s + 1) && id.is_some_and(|id| s < id),
            Bridge::Covers => {
                (first.is_some_and(|first| first <= s) && id.is_some_and(|id| s <= id)) || prev == Some(s)
            }
            Bridge::Prev => prev == Some(s),
            Bridge::PrevRange => prev.is_some_and(|prev| prev <= s) && id.is_some_and(|id| s < id),
            Bridge::Same => first == Some(s + 1),
            Bridge::After => true,
        });
        let by_prev = matches!(bridge, Bridge::Prev | Bridge::PrevRange);
        if holds { Ok(()) } else { Err((wide(base), if by_prev { change.prev } else { change.first })) }
    }

    fn judge(&self, rule: &Rule, change: &Fact) -> Verdict {
        let next = self.last.map(|last| i128::from(last) + 1);
        match rule.chain {
            _ if rule.connection => Verdict::Apply,
            Chain::None => Verdict::Apply,
            Chain::Rising => match (change.last, self.last) {
                (Some(_), None) => Verdict::Apply,
                (Some(id), Some(last)) if id > last => Verdict::Apply,
                _ => Verdict::Ignore,
            },
            Chain::Prev if change.prev.is_some() && change.prev == self.last => Verdict::Apply,
            Chain::Prev => Verdict::Gap(self.last.map(i128::from), change.prev),
            Chain::Next => match (change.first, change.last, self.last) {
                (Some(_), Some(id), Some(last)) if id <= last => Verdict::Ignore,
                (Some(first), Some(_), Some(_)) if Some(i128::from(first)) <= next => Verdict::Apply,
                (Some(first), Some(_), _) => Verdict::Gap(next, Some(first)),
                _ => Verdict::Gap(next, None),
            },
        }
    }

    /// A snapshot from outside.
    fn adopt(&mut self, dialect: &Dialect, fact: &Fact, outside: Outside) -> Vec<Outcome> {
        let rule = &dialect.rule;
        let base = fact.last;
        let survivors: Vec<Fact> =
            self.buffer.iter().filter(|change| !self.is_old(rule, base, outside.old_ns, change)).cloned().collect();
        if let Some(first) = survivors.first() {
            if let Err((expected, got)) = self.bridges(rule, base, first) {
                self.stats.too_old += 1;
                return vec![event(Event::TooOld, expected, got)];
            }
        }
        if let Some(fault) = self.set(dialect, fact) {
            return vec![fault];
        }
        self.bridged = rule.bridge.is_none();
        (self.base, self.asked_ns) = (base, outside.asked_ns);
        self.buffer.clear();
        if let Some(fault) = self.settle(dialect, dialect.shape_by(true), fact) {
            return vec![fault];
        }
        let mut behind = Vec::new();
        for (at, change) in survivors.iter().enumerate() {
            let verdict = if self.bridged { self.judge(rule, change) } else { Verdict::Apply };
            match verdict {
                Verdict::Ignore => self.stats.ignored += 1,
                Verdict::Gap(expected, got) => {
                    self.unseed(false);
                    self.stats.gaps += 1;
                    self.buffer = survivors[at..].to_vec();
                    return vec![event(Event::Gap, expected, got)];
                }
                Verdict::Apply => match self.put(dialect, &dialect.shape, change, None) {
                    Ok(said) => behind.extend(said.into_iter().filter(|one| *one != Outcome::Changed)),
                    Err(fault) => return vec![fault],
                },
            }
        }
        if self.retains {
            self.buffer = survivors;
        }
        behind.insert(0, event(Event::Seeded, None, None));
        behind
    }

    fn change(&mut self, dialect: &Dialect, shape: &Shape, fact: &Fact, counter: Option<i64>) -> Vec<Outcome> {
        let rule = &dialect.rule;
        if !self.seeded {
            if !dialect.is_outside() {
                self.stats.ignored += 1;
                return vec![];
            }
            let is_first = self.buffer.is_empty();
            self.keep(rule, fact);
            return if is_first { vec![event(Event::Waiting, None, None)] } else { vec![] };
        }
        let verdict = if self.bridged {
            self.judge(rule, fact)
        } else if self.is_old(rule, self.base, self.asked_ns, fact) {
            Verdict::Ignore
        } else {
            match self.bridges(rule, self.base, fact) {
                Ok(()) => Verdict::Apply,
                Err((expected, got)) => Verdict::Gap(expected, got),
            }
        };
        match verdict {
            Verdict::Ignore => {
                self.stats.ignored += 1;
                vec![]
            }
            Verdict::Gap(expected, got) => {
                self.unseed(false);
                self.stats.gaps += 1;
                if dialect.is_outside() {
                    self.keep(rule, fact);
                }
                vec![event(Event::Gap, expected, got)]
            }
            Verdict::Apply => match self.put(dialect, shape, fact, counter) {
                Ok(said) => {
                    if self.retains {
                        self.keep(rule, fact);
                    }
                    said
                }
                Err(fault) => vec![fault],
            },
        }
    }

    fn put(
        &mut self,
        dialect: &Dialect,
        shape: &Shape,
        fact: &Fact,
        counter: Option<i64>,
    ) -> Result<Vec<Outcome>, Outcome> {
        let mut ids = self.ids.clone();
        let prices = self.prices(fact, &mut ids)?;
        self.ids = ids;
        for (row, price) in fact.rows.iter().zip(&prices) {
            self.stats.absent_removals += u64::from(put(&mut self.sides, row, price));
        }
        self.bridged = true;
        self.note(fact);
        if dialect.rule.connection && counter.is_some() {
            self.last = counter;
        }
        if let Some(fault) = self.settle(dialect, shape, fact) {
            return Err(fault);
        }
        let mut said = vec![Outcome::Changed];
        if fact.checksum.is_none() && shape.checksum.as_ref().is_some_and(|spec| spec.when != When::Alone) {
            self.stats.unchecked += 1;
            if !self.said_unchecked {
                self.said_unchecked = true;
                said.push(event(Event::Unchecked, None, None));
            }
        }
        Ok(said)
    }

    /// Replaces both sides; what went wrong.
    fn set(&mut self, dialect: &Dialect, fact: &Fact) -> Option<Outcome> {
        let mut ids = Vec::new();
        let prices = match self.prices(fact, &mut ids) {
            Ok(prices) => prices,
            Err(fault) => return Some(fault),
        };
        let mut sides = Sides::default();
        for (row, price) in fact.rows.iter().zip(&prices) {
            put(&mut sides, row, price);
        }
        let nothing_newer = fact.last.is_none() || self.last.is_none() || fact.last == self.last;
        if dialect.rule.compares && self.seeded && nothing_newer {
            let numbers = |sides: &Sides| -> Vec<(Dec, Dec)> {
                sides.iter().flatten().map(|(price, level)| (price.clone(), level.size.clone())).collect()
            };
            let same = numbers(&sides) == numbers(&self.sides) && sides[0].len() == self.sides[0].len();
            let counted = if same { &mut self.stats.compare_equal } else { &mut self.stats.compare_different };
            *counted += 1;
        }
        self.reach = [0, 1].map(|side| best(&sides, side).last().map(|(price, _)| (*price).clone()));
        (self.sides, self.ids, self.seeded) = (sides, ids, true);
        self.stats.snapshots += 1;
        self.note(fact);
        None
    }

    fn note(&mut self, fact: &Fact) {
        (self.first, self.last, self.prev) = (fact.first, fact.last, fact.prev);
        self.venue_ns = fact.venue_ns.or(self.venue_ns);
        self.applied_ns = Some(fact.received_ns);
        self.stats.applied += 1;
    }

    /// The rows' prices, and the ids after them.
    fn prices(&mut self, fact: &Fact, ids: &mut Vec<(i64, usize, Dec)>) -> Result<Vec<Dec>, Outcome> {
        let mut prices = Vec::new();
        for row in &fact.rows {
            let known = ids.iter().find(|(id, ..)| Some(*id) == row.id).map(|(.., price)| price.clone());
            let Some(price) = row.price.as_ref().map(|(price, _)| price.clone()).or(known) else {
                self.unseed(false);
                return Err(event(Event::UnknownId, None, row.id));
            };
            if row.removes || row.id.is_some() {
                ids.retain(|(id, side, at)| Some(*id) != row.id && (*side != row.side || *at != price));
            }
            if let Some(id) = row.id.filter(|_| !row.removes) {
                ids.push((id, row.side, price.clone()));
            }
            prices.push(price);
        }
        Ok(prices)
    }

    /// What follows each applied message; the checksum's fault.
    fn settle(&mut self, dialect: &Dialect, shape: &Shape, fact: &Fact) -> Option<Outcome> {
        let window = dialect.shape.window;
        for side in [0, 1] {
            if let Some(window) = window.filter(|window| window.client) {
                self.stats.cut += self.cut(side, window.levels);
            }
            let trimmed = self.cut(side, dialect.depth_cap);
            self.stats.trimmed += trimmed;
            let worst = best(&self.sides, side).last().map(|(price, _)| (*price).clone());
            if let Some(worst) = worst.filter(|_| trimmed > 0) {
                let is_better = |reach: &Dec| if side == 0 { worst > *reach } else { worst < *reach };
                if self.reach[side].as_ref().is_none_or(is_better) {
                    self.reach[side] = Some(worst);
                }
            }
        }
        if let Some(window) = window.filter(|window| !window.client) {
            self.stats.over_window += self.sides.iter().filter(|side| side.len() > window.levels).count() as u64;
        }
        self.check(shape, fact)
    }

    fn cut(&mut self, side: usize, most: usize) -> u64 {
        let gone = cut(&mut self.sides, side, most);
        self.ids.retain(|(_, at, price)| *at != side || !gone.contains(price));
        gone.len() as u64
    }

    fn check(&mut self, shape: &Shape, fact: &Fact) -> Option<Outcome> {
        let (Some(theirs), Some(spec)) = (fact.checksum, &shape.checksum) else { return None };
        let Some(ours) = checksum(&self.sides, spec, shape.signed) else {
            self.lost = true;
            return None;
        };
        if ours == theirs {
            self.stats.checksum_passed += 1;
            return None;
        }
        self.stats.checksum_failed += 1;
        self.unseed(false);
        Some(event(Event::Checksum, Some(i128::from(theirs)), Some(i64::from(ours))))
    }

    fn keep(&mut self, rule: &Rule, fact: &Fact) {
        self.buffer.push(fact.clone());
        loop {
            let rows: usize = self.buffer.iter().map(|change| change.rows.len()).sum();
            let Some(oldest) = self.buffer.first() else { return };
            let is_too_old = fact.received_ns - oldest.received_ns > rule.bounds.age_ns;
            let is_too_long = rows > rule.bounds.rows && self.buffer.len() > 1;
            if self.buffer.len() <= rule.bounds.changes && !is_too_long && !is_too_old {
                return;
            }
            self.buffer.remove(0);
            self.stats.buffer_dropped += 1;
        }
    }
}

pub fn event(what: Event, expected: Option<i128>, got: Option<i64>) -> Outcome {
    Outcome::Event { what, expected, got: got.map(i128::from) }
}
