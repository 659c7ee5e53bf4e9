//! One invented venue: its shapes, the rule it is played by, and the topics of its two books.

use _native::rule::{Bounds, Bridge, Chain, Rule, Seed};
use _native::shape::{Form, IdAt, Shape};

use crate::choices::Choices;
use crate::shapes;
use crate::texts::Profile;
use crate::tree::path;

pub struct Dialect {
    pub shape: Shape,
    pub snapshot: Option<Shape>,
    pub rule: Rule,
    pub counter: Option<IdAt>,
    pub scales: (i64, i64),
    pub depth_cap: usize,
    pub profile: Profile,
    /// For each book the parts of its topic, and of the topic that repeats its snapshot.
    pub topics: [Vec<String>; 2],
    pub repeats: Option<[Vec<String>; 2]>,
    pub first_id: i64,
    /// How many levels a side the venue keeps. Few find most things; what lies far from the best needs many.
    pub deep: usize,
}

impl Dialect {
    pub fn new(how: &mut Choices) -> Dialect {
        let rule = rule(how);
        let counter = rule.connection.then(|| IdAt {
            path: path("n"),
            optional: how.chance(50),
            none: how.pick(&[None, Some(3)]),
        });
        let shape = shapes::stream(how, rule.seed, rule.chain, counter.is_some());
        let outside = rule.seeds_outside();
        let repeats = rule.seed == Seed::Side && how.chance(80);
        let form = match how.below(3) {
            _ if !repeats => Form::default(),
            0 => Form { each: None, star: false, route: vec![path("room")] },
            _ => shape.form.clone(),
        };
        let snapshot = (outside && (repeats || how.chance(70))).then(|| shapes::whole(how, form));
        let is_array = shape.kind.nested.is_some();
        let counter = counter
            .map(|counter| if is_array { IdAt { path: path("-1"), optional: false, none: None } } else { counter });
        let (whole, digits) = (shape.scaled || snapshot.as_ref().is_some_and(|shape| shape.scaled), 38);
        let topics = |parts: usize, last: [&str; 2]| {
            last.map(|name| (0..parts).map(|at| if at + 1 == parts { name } else { "book" }.to_string()).collect())
        };
        let parts = shape.form.route.len();
        let names = how.pick(&[
            ["X", "Y"],
            ["true", "null"],
            ["17", "18"],
            ["btc/usd@depth", "eth/usd@depth"],
            ["\u{e9}\u{20ac}", "\"q\\"],
        ]);
        Dialect {
            topics: topics(parts, names),
            repeats: repeats
                .then(|| topics(snapshot.as_ref().map_or(0, |s| s.form.route.len()), ["whole X", "whole Y"])),
            profile: Profile::new(how, if whole { digits - 8 } else { digits }),
            scales: if whole { how.pick(&[(0, 0), (2, 8), (8, 2)]) } else { (0, 0) },
            depth_cap: how.pick(&[1000, 1000, 1000, 12, 4, 0]),
            first_id: if shape.kind.sentinel.is_some() {
                10
            } else {
                how.pick(&[10, 10, 70, -6, i64::MAX - 40, i64::MIN + 3])
            },
            deep: if how.chance(8) { how.pick(&[40, 70, 150, 300, 600]) } else { 25 },
            shape,
            snapshot,
            rule,
            counter,
        }
    }

    pub fn shape_by(&self, snapshot: bool) -> &Shape {
        self.snapshot.as_ref().filter(|_| snapshot).unwrap_or(&self.shape)
    }

    pub fn is_outside(&self) -> bool {
        self.rule.seeds_outside()
    }

    pub fn topic(&self, book: usize, snapshot: bool) -> Option<&[String]> {
        if snapshot { self.repeats.as_ref().map(|topics| &*topics[book]) } else { Some(&self.topics[book]) }
    }
}

fn rule(how: &mut Choices) -> Rule {
    let seed = how.pick(&[
        Seed::Stream,
        Seed::Stream,
        Seed::Stream,
        Seed::Every,
        Seed::Rest,
        Seed::Rest,
        Seed::Request,
        Seed::Side,
    ]);
    let connection = seed == Seed::Stream && how.chance(25);
    let chain = match seed {
        Seed::Every => Chain::None,
        _ if connection => Chain::Next,
        _ => how.pick(&[Chain::Next, Chain::Prev, Chain::Rising, Chain::None]),
    };
    let bridges = [Bridge::CoversNext, Bridge::Covers, Bridge::Prev, Bridge::PrevRange, Bridge::Same, Bridge::After];
    let outside = matches!(seed, Seed::Request | Seed::Rest | Seed::Side);
    Rule {
        seed,
        chain,
        bridge: outside.then(|| match chain {
            Chain::Next if how.chance(60) => Bridge::CoversNext,
            Chain::Prev if how.chance(60) => Bridge::PrevRange,
            _ => how.pick(&bridges),
        }),
        connection,
        compares: how.chance(50),
        empty_id: how.pick(&[None, None, None, Some(12)]),
        bounds: Bounds {
            changes: how.pick(&[10_000, 10_000, 3]),
            rows: how.pick(&[500_000, 500_000, 9]),
            age_ns: how.pick(&[60_000_000_000, 60_000_000_000, 20_000_000]),
        },
    }
}
