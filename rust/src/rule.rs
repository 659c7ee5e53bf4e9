//! Sync rules: what `rule.py` declares, as far as an engine needs it.

use crate::message::Message;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Seed {
    Every,
    Stream,
    Request,
    Rest,
    Side,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Chain {
    Next,
    Prev,
    Rising,
    None,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Bridge {
    CoversNext,
    Covers,
    Prev,
    PrevRange,
    Same,
    After,
}

#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Rule {
    pub seed: Seed,
    pub chain: Chain,
    pub bridge: Option<Bridge>,
    /// The feed counts its frames; books of this rule do not.
    pub connection: bool,
    /// Proof `compare` is among the proofs.
    pub compares: bool,
    pub empty_id: Option<i64>,
    pub bounds: Bounds,
}

/// What a buffer holds at most: changes, rows of all of them together, and by age.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Bounds {
    pub changes: usize,
    pub rows: usize,
    pub age_ns: i64,
}

/// What is to be done with a change.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Verdict {
    Apply,
    Ignore,
    Gap { expected: Option<i128>, got: Option<i128> },
}

/// The snapshot that changes are bridged to.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Base {
    pub id: Option<i64>,
    pub asked_ns: i64,
}

fn gap(expected: Option<i128>, got: Option<i64>) -> Verdict {
    Verdict::Gap { expected, got: got.map(i128::from) }
}

impl Rule {
    /// Snapshots come from outside of the stream.
    pub fn seeds_outside(&self) -> bool {
        matches!(self.seed, Seed::Request | Seed::Rest | Seed::Side)
    }

    /// Whether the snapshot says that it has no history.
    pub fn is_empty_id(&self, base: &Base) -> bool {
        base.id.is_some() && base.id == self.empty_id
    }

    /// Whether the snapshot already holds the change.
    pub fn is_old(&self, base: &Base, change: &Message) -> bool {
        if self.is_empty_id(base) {
            return false;
        }
        match (base.id, change.last) {
            (Some(base), Some(id)) if self.bridge == Some(Bridge::Covers) => id < base,
            (Some(base), Some(id)) => id <= base,
            _ => change.received_ns < base.asked_ns,
        }
    }

    /// Whether a change may be the first behind the snapshot.
    pub fn bridges(&self, base: &Base, change: &Message) -> bool {
        let Some(bridge) = self.bridge else { return true };
        if bridge == Bridge::After || self.is_empty_id(base) {
            return true;
        }
        let Some(base) = base.id else { return false };
        let (first, last, prev) = (change.first, change.last, change.prev);
        let from_first = |limit: Option<i64>| matches!((first, limit), (Some(first), Some(limit)) if first <= limit);
        match bridge {
            // id >= base + 1, without an overflow.
            Bridge::CoversNext => from_first(Some(base.saturating_add(1))) && last.is_some_and(|id| id > base),
            Bridge::Covers => (from_first(Some(base)) && last.is_some_and(|id| id >= base)) || prev == Some(base),
            Bridge::Prev => prev == Some(base),
            Bridge::PrevRange => prev.is_some_and(|prev| prev <= base) && last.is_some_and(|id| id > base),
            Bridge::Same => base.checked_add(1).is_some_and(|next| first == Some(next)),
            Bridge::After => true,
        }
    }

    /// The gap between a snapshot and a change that does not bridge to it.
    pub fn unbridged(&self, base: &Base, change: &Message) -> (Option<i128>, Option<i128>) {
        let by_prev = matches!(self.bridge, Some(Bridge::Prev | Bridge::PrevRange));
        let got = if by_prev { change.prev } else { change.first };
        (base.id.map(i128::from), got.map(i128::from))
    }

    /// A change behind a bridged book whose last id is `last`.
    pub fn judge(&self, last: Option<i64>, change: &Message) -> Verdict {
        if self.connection {
            return Verdict::Apply;
        }
        match self.chain {
            Chain::None => Verdict::Apply,
            Chain::Rising => match (change.last, last) {
                (Some(id), Some(last)) if id > last => Verdict::Apply,
                (Some(_), None) => Verdict::Apply,
                _ => Verdict::Ignore,
            },
            Chain::Prev => match (change.prev, last) {
                (Some(prev), Some(last)) if prev == last => Verdict::Apply,
                (prev, last) => gap(last.map(i128::from), prev),
            },
            Chain::Next => {
                let expected = last.map(|last| i128::from(last) + 1);
                match (change.first, change.last, last) {
                    (Some(_), Some(id), Some(last)) if id <= last => Verdict::Ignore,
                    (Some(first), Some(_), Some(last)) if i128::from(first) <= i128::from(last) + 1 => Verdict::Apply,
                    (Some(first), Some(_), _) => gap(expected, Some(first)),
                    _ => gap(expected, None),
                }
            }
        }
    }
}

#[cfg(test)]
pub mod tests {
    use super::*;

    pub fn rule(seed: Seed, chain: Chain, bridge: Option<Bridge>) -> Rule {
        Rule {
            seed,
            chain,
            bridge,
            connection: false,
            compares: false,
            empty_id: None,
            bounds: Bounds { changes: 100, rows: 1000, age_ns: 60_000_000_000 },
        }
    }

    fn change(first: i64, last: i64, prev: i64) -> Message {
        Message { first: Some(first), last: Some(last), prev: Some(prev), ..Message::default() }
    }

    fn base(id: i64) -> Base {
        Base { id: Some(id), asked_ns: 0 }
    }

    #[test]
    fn bridges() {
        let holds = |bridge, first, last, prev| {
            let rule = rule(Seed::Rest, Chain::Next, Some(bridge));
            rule.bridges(&base(10), &change(first, last, prev))
        };
        for (bridge, yes, no) in [
            (Bridge::CoversNext, vec![(11, 11, 0), (5, 20, 0), (11, 12, 0)], vec![(12, 13, 0), (5, 10, 0)]),
            (Bridge::Covers, vec![(10, 10, 0), (5, 20, 0), (12, 13, 10)], vec![(11, 13, 9), (5, 9, 0)]),
            (Bridge::Prev, vec![(0, 0, 10)], vec![(11, 11, 9), (11, 11, 11)]),
            (Bridge::PrevRange, vec![(0, 11, 10), (0, 11, 3)], vec![(0, 10, 9), (0, 12, 11)]),
            (Bridge::Same, vec![(11, 99, 0)], vec![(10, 12, 0), (12, 12, 0)]),
            (Bridge::After, vec![(50, 60, 40)], vec![]),
        ] {
            yes.iter().for_each(|&(f, l, p)| assert!(holds(bridge, f, l, p), "{bridge:?} {f} {l} {p}"));
            no.iter().for_each(|&(f, l, p)| assert!(!holds(bridge, f, l, p), "{bridge:?} {f} {l} {p}"));
        }
        let none = Message::default();
        for bridge in [Bridge::CoversNext, Bridge::Covers, Bridge::Prev, Bridge::PrevRange, Bridge::Same] {
            let rule = rule(Seed::Rest, Chain::Next, Some(bridge));
            assert!(!rule.bridges(&base(10), &none));
            assert!(!rule.bridges(&Base::default(), &none));
        }
        let at_the_end = rule(Seed::Rest, Chain::Next, Some(Bridge::Same));
        assert!(!at_the_end.bridges(&base(i64::MAX), &change(i64::MIN, 0, 0)));
    }

    #[test]
    fn old() {
        let rule_of = |bridge| rule(Seed::Rest, Chain::Next, Some(bridge));
        assert!(!rule_of(Bridge::Covers).is_old(&base(10), &change(1, 10, 0)));
        assert!(rule_of(Bridge::Covers).is_old(&base(10), &change(1, 9, 0)));
        assert!(rule_of(Bridge::CoversNext).is_old(&base(10), &change(1, 10, 0)));
        let empty = Rule { empty_id: Some(10), ..rule_of(Bridge::Prev) };
        assert!(!empty.is_old(&base(10), &change(1, 2, 0)));
        assert!(empty.bridges(&base(10), &change(77, 78, 76)));
        let at = |received_ns| Message { received_ns, ..Message::default() };
        let asked = Base { id: None, asked_ns: 50 };
        assert!(rule_of(Bridge::After).is_old(&asked, &at(49)));
        assert!(!rule_of(Bridge::After).is_old(&asked, &at(50)));
    }

    #[test]
    fn chains() {
        let judge = |chain, last, change: &Message| rule(Seed::Stream, chain, None).judge(last, change);
        let gap = |expected, got| Verdict::Gap { expected, got };
        assert_eq!(judge(Chain::Next, Some(10), &change(11, 12, 0)), Verdict::Apply);
        assert_eq!(judge(Chain::Next, Some(10), &change(3, 12, 0)), Verdict::Apply);
        assert_eq!(judge(Chain::Next, Some(10), &change(3, 10, 0)), Verdict::Ignore);
        assert_eq!(judge(Chain::Next, Some(10), &change(12, 13, 0)), gap(Some(11), Some(12)));
        assert_eq!(judge(Chain::Next, Some(10), &Message::default()), gap(Some(11), None));
        assert_eq!(judge(Chain::Next, Some(i64::MAX), &change(0, i64::MAX, 0)), Verdict::Ignore);
        assert_eq!(judge(Chain::Prev, Some(10), &change(0, 5, 10)), Verdict::Apply);
        assert_eq!(judge(Chain::Prev, Some(10), &change(0, 11, 9)), gap(Some(10), Some(9)));
        assert_eq!(judge(Chain::Prev, Some(10), &Message::default()), gap(Some(10), None));
        assert_eq!(judge(Chain::Rising, Some(10), &change(0, 10, 0)), Verdict::Ignore);
        assert_eq!(judge(Chain::Rising, Some(10), &change(0, 11, 0)), Verdict::Apply);
        assert_eq!(judge(Chain::Rising, Some(10), &Message::default()), Verdict::Ignore);
        assert_eq!(judge(Chain::Rising, None, &change(0, 11, 0)), Verdict::Apply);
        assert_eq!(judge(Chain::None, Some(10), &change(0, 1, 0)), Verdict::Apply);
    }
}
