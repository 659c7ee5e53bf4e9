//! Frames of many forms, well made and broken, read in one pass and by the long way: nobody can tell which it was.

use super::*;
use crate::message::Side;
use crate::rule::tests::rule;
use crate::rule::{Bridge, Chain, Rule, Seed};
use crate::shape::tests::{diff_shape, words};
use crate::shape::{ChecksumAt, Digits, IdAt, KindAt, Lists, RowAt, RowsAt, Shape, When, Window};
use crate::stamp::Unit;

struct Lcg(u64);

impl Lcg {
    fn below(&mut self, n: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % n
    }

    fn of<T: Copy>(&mut self, choices: &[T]) -> T {
        choices[self.below(choices.len())]
    }
}

/// A shape, and how a frame of it is written: `@b` and `@a` stand for rows, `@n` for a number that counts up.
struct Case {
    shape: Shape,
    rule: Rule,
    topic: &'static [u8],
    frames: &'static [&'static str],
    row: fn(&str, &str, Side) -> String,
}

fn stream(chain: Chain) -> Rule {
    rule(Seed::Stream, chain, None)
}

fn id(path: &str) -> Option<IdAt> {
    Some(IdAt::of(path))
}

fn cases() -> Vec<Case> {
    let pair: fn(&str, &str, Side) -> String = |price, size, _| format!(r#"["{price}","{size}"]"#);
    let kind = |path: &str| KindAt {
        path: Some(Path::of(path)),
        snapshot: words(&["snapshot"]),
        delta: words(&["update"]),
        ignore: words(&["pong"]),
        ..KindAt::default()
    };
    let sides = |bids: &str, asks: &str| Lists::Sides { bids: vec![Path::of(bids)], asks: vec![Path::of(asks)] };
    let list = RowsAt { path: Path::of("changes"), action: None, single: false, flat: false };
    vec![
        Case {
            shape: Shape { time: Some((Path::of("E"), Unit::Millis)), ..diff_shape() },
            rule: rule(Seed::Rest, Chain::Next, Some(Bridge::CoversNext)),
            topic: b"A",
            frames: &[
                r#"{"e":"x","E":1700000000@n,"s":"A","U":@n,"u":@n,"b":[@b],"a":[@a]}"#,
                r#"{"s":"A","b":null,"u":@n,"U":@n,"a":[@a],"more":{"b":[1,{"x":"\n"}],"s":"B"}}"#,
                r#"{"s":"A","U":@n,"u":@n,"b":[@b]}"#,
                r#"{"s":"T","b":"5","a":1}"#,
                r#"{"s":"nobody's"}"#,
            ],
            row: pair,
        },
        Case {
            shape: Shape {
                form: Form {
                    each: Some(Path::of("data")),
                    star: false,
                    route: vec![Path::of("/arg.c"), Path::of("/arg.i")],
                },
                kind: kind("/action"),
                first: None,
                last: id("seq"),
                prev: Some(IdAt { path: Path::of("prev"), optional: true, none: Some(-1) }),
                checksum: Some(ChecksumAt {
                    paths: vec![Path::of("sum")],
                    depth: 2,
                    interleaved: true,
                    digits: Digits::AsSent,
                    joiner: (*b":").into(),
                    when: When::Nonzero,
                }),
                window: Some(Window { levels: 5, client: false }),
                ..diff_shape()
            },
            rule: stream(Chain::Rising),
            topic: b"books A",
            frames: &[
                r#"{"arg":{"c":"books","i":"A"},"action":"snapshot","data":[{"b":[@b],"a":[@a],"sum":0,"seq":@n,"prev":-1}]}"#,
                r#"{"arg":{"c":"books","i":"A"},"action":"update","data":[{"b":[@b],"a":[@a],"sum":0,"seq":@n,"prev":3}]}"#,
                r#"{"arg":{"c":"books","i":"A"},"action":"update","data":[{"b":[@b],"seq":@n},{"a":[@a],"seq":@n}]}"#,
                r#"{"arg":{"c":"trades","i":"A"},"data":[{"b":1},{"b":2}]}"#,
                r#"{"data":[],"arg":{"c":"books","i":"A"},"action":"pong"}"#,
                r#"{"data":[{"seq":@n}],"arg":{"c":"books","i":"A"},"action":"pong"}"#,
                r#"{"data":[{"seq":@n,"sum":7}],"arg":{"c":"books","i":"A"},"action":"update"}"#,
            ],
            row: |price, size, _| format!(r#"["{price}","{size}","0","é"]"#),
        },
        Case {
            shape: Shape {
                form: Form { route: vec![Path::of("channel"), Path::of("data.0.symbol")], ..Form::default() },
                kind: kind("type"),
                lists: sides("data.0.bids", "data.0.asks"),
                row: RowAt { price: Path::of("price"), size: Path::of("qty"), ..RowAt::default() },
                text: false,
                json: true,
                first: None,
                last: None,
                checksum: Some(ChecksumAt {
                    paths: vec![Path::of("data.0.checksum")],
                    depth: 3,
                    interleaved: false,
                    digits: Digits::Bare,
                    joiner: (*b"").into(),
                    when: When::Present,
                }),
                window: Some(Window { levels: 4, client: true }),
                ..diff_shape()
            },
            rule: stream(Chain::None),
            topic: b"book A",
            frames: &[
                r#"{"channel":"book","type":"snapshot","data":[{"symbol":"A","bids":[@b],"asks":[@a]}]}"#,
                r#"{"channel":"book","type":"update","data":[{"symbol":"A","bids":[@b],"asks":[@a],"x":[]}]}"#,
                r#"{"channel":"book","type":"update","data":[{"symbol":"A","bids":[@b],"asks":[],"checksum":@n}]}"#,
                r#"{"channel":"status"}"#,
            ],
            row: |price, size, _| format!(r#"{{"price":{price},"qty":{size}}}"#),
        },
        Case {
            shape: Shape {
                form: Form { route: vec![Path::of("type"), Path::of("id")], ..Form::default() },
                lists: Lists::Rows(vec![list]),
                row: RowAt { price: Path::of("1"), size: Path::of("2"), side: Some(Path::of("0")), ..RowAt::default() },
                bid_words: words(&["buy"]),
                ask_words: words(&["sell"]),
                skip_zero_price: true,
                json: true,
                first: None,
                last: None,
                ..diff_shape()
            },
            rule: stream(Chain::None),
            topic: b"l2 A",
            frames: &[
                r#"{"type":"l2","id":"A","changes":[@b]}"#,
                r#"{"type":"l2","id":"A","changes":[@a]}"#,
                r#"{"id":"A","changes":null,"type":"l2"}"#,
                r#"{"type":"l2","id":"A","changes":[@a],"changes":[]}"#,
            ],
            row: |price, size, side| {
                format!(r#"["{}","{price}",{size}]"#, if side == Side::Bid { "buy" } else { "sell" })
            },
        },
    ]
}

fn rows(random: &mut Lcg, case: &Case, side: Side) -> String {
    let prices = [
        "1",
        "2",
        "2.0",
        "10.5",
        "10.50",
        "3.25",
        "0",
        "0.5",
        "7",
        "99999999",
        "12345678.12345678",
        "4e1",
        "1.234567890123",
    ];
    let sizes = [
        "0",
        "0.00",
        "1",
        "1.5",
        "20.00000000",
        "0.00000001",
        "123456789.123",
        "1234567890123456789",
        "7e3",
        "36028797018963968",
    ];
    let odd = [
        "-1",
        "01",
        "1.",
        ".5",
        "",
        "1e",
        "1E+2",
        "null",
        "1_0",
        "99999999999999999999999999999999999999999",
        "-0",
        "1.2.3",
        "00.5",
    ];
    let list: Vec<String> = (0..random.below(5))
        .map(|_| {
            let mut pick =
                |usual: &[&'static str]| if random.below(40) == 0 { random.of(&odd) } else { random.of(usual) };
            let (price, size) = (pick(&prices), pick(&sizes));
            (case.row)(price, size, side)
        })
        .collect();
    list.join(",")
}

/// A frame, now and then with a fault in it.
fn frame(random: &mut Lcg, case: &Case, count: &mut usize) -> Vec<u8> {
    let mut text = random.of(case.frames).to_string();
    for (mark, side) in [("@b", Side::Bid), ("@a", Side::Ask)] {
        while text.contains(mark) {
            text = text.replacen(mark, &rows(random, case, side), 1);
        }
    }
    let step = random.of(&[1, 1, 1, 1, 1, 2]);
    *count += step;
    text = text.replace("@n", &count.to_string());
    let mut bytes = text.into_bytes();
    match random.below(12) {
        0 => {
            let at = random.below(bytes.len());
            bytes[at] = random.of(b"\"\\{}[],:0e- \x01\xC3tn");
        }
        1 => {
            bytes.truncate(random.below(bytes.len()));
        }
        2 => {
            let places: Vec<usize> = (0..bytes.len()).filter(|at| b",:[]{}".contains(&bytes[*at])).collect();
            bytes.insert(random.of(&places) + random.below(2), random.of(b" \t\n\r"));
        }
        3 => {
            // The first letter of some word, escaped.
            let places: Vec<usize> =
                (1..bytes.len()).filter(|at| bytes[at - 1] == b'"' && bytes[*at].is_ascii_alphanumeric()).collect();
            let at = random.of(&places);
            let escaped = format!("\\u{:04x}", bytes[at]).into_bytes();
            bytes.splice(at..=at, escaped);
        }
        4 => bytes.extend_from_slice(random.of(&[&b" "[..], b"x", b"\0", b"{}", b"\n"])),
        _ => {}
    }
    bytes
}

fn state(feed: &Feed<&'static str>, book: &Book, outcome: &Result<()>) -> String {
    let said = outcome.as_ref().map(|()| feed.outcomes()).map_err(|fault| fault.kind());
    let state = book.state();
    let levels = [Side::Bid, Side::Ask].map(|side| state.levels.best(side, usize::MAX, |raw| raw));
    let ids = (state.first, state.last, state.prev, state.venue_ns, state.heard_ns, state.applied_ns);
    format!("{said:?} {levels:?} {ids:?} {:?} {:?} {}", state.stats, state.reach, state.buffer.len())
}

#[test]
fn one_pass_or_two() {
    for (number, case) in cases().iter().enumerate() {
        let mut random = Lcg(77 + number as u64);
        let (mut passed, mut read) = (0, 0);
        for round in 0..40 {
            let mut feeds = [0, 1].map(|way| {
                let mut feed = Feed::new(None, 1 << 16);
                let book = Arc::new(Book::new(case.shape.clone(), None, case.rule, 6, (0, 0)));
                feed.want(case.topic, book.clone(), Role::Stream, "book");
                feed.other(b"T", None, || Ok::<_, ()>("t")).unwrap();
                feed.other(b"trades A", None, || Ok::<_, ()>("trades")).unwrap();
                if way == 1 {
                    feed.guess = None;
                }
                if case.rule.seeds_outside() && round % 2 == 0 {
                    book.seed(br#"{"s":"A","U":0,"u":0,"b":[["1","1"]],"a":[]}"#, 0, 0, 100).unwrap();
                } else {
                    feed.feed(&frame(&mut Lcg(3), case, &mut 0), 0).ok();
                }
                (feed, book)
            });
            let mut count = 0;
            for step in 0..60 {
                let bytes = frame(&mut random, case, &mut count);
                let [short, long] = feeds.each_mut().map(|(feed, book)| {
                    let outcome = feed.feed(&bytes, step);
                    passed += usize::from(feed.has_passed);
                    state(feed, book, &outcome)
                });
                assert_eq!(short, long, "{}", String::from_utf8_lossy(&bytes));
                read += usize::from(short.starts_with("Ok"));
            }
            assert!(feeds[1].0.guess.is_none());
        }
        assert!(read > 1200 && passed > read / 2, "{number}: {read} of 2400 were in order, {passed} were passed");
    }
}
