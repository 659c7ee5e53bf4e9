//! Work whose instructions are counted: `guard SCENE` feeds the frames of one scene and prints how many were counted.
//!
//! The frames are made here, the same at every run: a book of a thousand levels a side that changes near its best
//! prices, two of five changes being removals, told in the ways in which venues write. Only `guarded_loop` is counted
//! (`make bench-guard`); what comes before it is set-up.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::hint::black_box;
use std::sync::Arc;

use _native::book::{Book, Role};
use _native::feed::Feed;
use _native::message::Side;
use _native::rule::{Bounds, Chain, Rule, Seed};
use _native::shape::{
    ChecksumAt, Digits, Form, IdAt, KindAt, Lists, Path, RowAt, RowsAt, Shape, Step, When, Whole, Words,
};

const DEPTH: usize = 1000;
const WARM: usize = 40;

fn path(text: &str) -> Path {
    let steps = text.split('.').filter(|part| !part.is_empty()).map(|part| match part.parse() {
        Ok(index) => Step::Index(index),
        Err(_) => Step::Key(part.as_bytes().into()),
    });
    Path { steps: steps.collect(), text: text.into(), ..Path::default() }
}

fn words(list: &[&str]) -> Words {
    list.iter().map(|word| word.as_bytes().into()).collect()
}

fn id(text: &str) -> Option<IdAt> {
    Some(IdAt { path: path(text), optional: false, none: None })
}

/// Changes in pairs of texts under ids; what the other scenes begin from.
fn pairs() -> Shape {
    Shape {
        form: Form { each: None, star: false, route: vec![path("stream")] },
        kind: KindAt {
            path: Some(path("data.e")),
            snapshot: words(&["whole"]),
            delta: words(&["depthUpdate"]),
            ..KindAt::default()
        },
        lists: Lists::Sides { bids: vec![path("data.b")], asks: vec![path("data.a")] },
        row: RowAt { price: path("0"), size: path("1"), ..RowAt::default() },
        both: None,
        signed: false,
        bid_words: words(&["buy"]),
        ask_words: words(&["sell"]),
        remove_words: vec![],
        skip_zero_price: false,
        text: true,
        json: false,
        scaled: false,
        first: id("data.U"),
        last: id("data.u"),
        prev: None,
        time: Some((path("data.E"), _native::stamp::Unit::Millis)),
        checksum: None,
        window: None,
    }
}

fn marked(at: &str) -> KindAt {
    KindAt {
        path: Some(path(at)),
        snapshot: words(&["snapshot"]),
        delta: words(&["update"]),
        default: Some(Whole::Delta),
        ..KindAt::default()
    }
}

fn shape(scene: &str) -> Shape {
    match scene {
        "four texts" => Shape {
            form: Form { each: Some(path("data")), star: false, route: vec![root("arg.channel"), root("arg.id")] },
            kind: KindAt { path: Some(root("action")), ..marked("") },
            lists: Lists::Sides { bids: vec![path("bids")], asks: vec![path("asks")] },
            first: None,
            last: id("seqId"),
            prev: id("prevSeqId"),
            time: Some((path("ts"), _native::stamp::Unit::Millis)),
            ..pairs()
        },
        "side words" => Shape {
            form: Form { each: None, star: false, route: vec![path("product")] },
            kind: marked("type"),
            lists: Lists::Rows(vec![RowsAt { path: path("changes"), action: None, single: false, flat: false }]),
            row: RowAt { side: Some(path("0")), price: path("1"), size: path("2"), ..RowAt::default() },
            first: None,
            last: None,
            time: Some((path("time"), _native::stamp::Unit::Iso)),
            ..pairs()
        },
        "objects" => Shape {
            form: Form { each: None, star: false, route: vec![path("channel"), path("data.0.symbol")] },
            kind: marked("type"),
            lists: Lists::Sides { bids: vec![path("data.0.bids")], asks: vec![path("data.0.asks")] },
            row: RowAt { price: path("price"), size: path("qty"), ..RowAt::default() },
            text: false,
            json: true,
            first: None,
            last: None,
            time: Some((path("data.0.timestamp"), _native::stamp::Unit::Iso)),
            checksum: Some(ChecksumAt {
                paths: vec![path("data.0.checksum")],
                depth: 10,
                interleaved: false,
                digits: Digits::Bare,
                joiner: Box::default(),
                when: When::Present,
            }),
            ..pairs()
        },
        _ => pairs(),
    }
}

fn root(text: &str) -> Path {
    Path { root: true, text: format!("/{text}"), ..path(text) }
}

/// splitmix64.
struct Draw(u64);

impl Draw {
    fn below(&mut self, n: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (z ^ (z >> 31)) % n
    }

    /// Small ones mostly.
    fn near(&mut self, most: u64) -> u64 {
        let limit = 1 + self.below(most);
        let limit = 1 + self.below(limit);
        self.below(limit)
    }

    fn size(&mut self) -> u64 {
        let digits = 4 + self.below(6) as u32;
        1 + self.below(10u64.pow(digits))
    }
}

/// A side, a price in cents, a size in 10^-8 (0 removes).
type Row = (usize, u64, u64);

struct Market {
    draw: Draw,
    /// By distance from the middle, 1 being the best.
    sides: [BTreeMap<u64, u64>; 2],
    at: u64,
}

const MIDDLE: u64 = 6_000_000;

impl Market {
    fn new() -> Market {
        let mut market = Market { draw: Draw(1), sides: Default::default(), at: 1_000_000 };
        for side in 0..2 {
            let mut at = 0;
            while market.sides[side].len() < DEPTH {
                at += [1, 1, 1, 2, 3, 5, 8][market.draw.below(7) as usize];
                let size = market.draw.size();
                market.sides[side].insert(at, size);
            }
        }
        market
    }

    fn price(side: usize, away: u64) -> u64 {
        if side == 0 { MIDDLE - away } else { MIDDLE + away }
    }

    fn whole(&self) -> Vec<Row> {
        let rows =
            |side: usize| self.sides[side].iter().map(move |(away, size)| (side, Market::price(side, *away), *size));
        rows(0).chain(rows(1)).collect()
    }

    fn change(&mut self, levels: u64) -> Vec<Row> {
        let count = levels - levels / 4 + self.draw.below(levels / 2 + 1);
        let mut rows = Vec::new();
        for _ in 0..count {
            let side = self.draw.below(2) as usize;
            let rank = self.draw.near(300) as usize;
            let known = *self.sides[side].keys().nth(rank).expect("a thousand levels");
            let (away, size) = match self.draw.below(100) {
                0..=36 if self.sides[side].len() > DEPTH - 100 => (known, 0),
                37..=39 => (known + 1 + self.draw.below(9), 0),
                0..=61 => (known, self.draw.size()),
                _ => (1 + self.draw.near(600), self.draw.size()),
            };
            if size == 0 {
                self.sides[side].remove(&away);
            } else {
                self.sides[side].insert(away, size);
            }
            rows.push((side, Market::price(side, away), size));
        }
        rows
    }

    fn checksum(&self) -> u32 {
        let mut line = String::new();
        for side in [1, 0] {
            for (away, size) in self.sides[side].iter().take(10) {
                write!(line, "{}{size}", Market::price(side, *away)).expect("a String takes all");
            }
        }
        _native::checksum::crc32(line.as_bytes())
    }
}

fn decimal(value: u64, scale: u32, places: usize) -> String {
    let unit = 10u64.pow(scale);
    let part = format!("{:0width$}", value % unit, width = scale as usize);
    format!("{}.{part}{}", value / unit, "0".repeat(places - scale as usize))
}

fn listed(rows: &[Row], side: usize, one: impl Fn(u64, u64) -> String) -> String {
    let texts: Vec<String> = rows.iter().filter(|row| row.0 == side).map(|row| one(row.1, row.2)).collect();
    texts.join(",")
}

/// The frame of one message of a scene.
fn frame(scene: &str, market: &mut Market, rows: &[Row], whole: bool) -> String {
    let word = if whole { "snapshot" } else { "update" };
    let was = market.at;
    market.at += 1 + market.draw.below(20);
    let (at, millis) = (market.at, 1_767_225_600_000 + market.at);
    match scene {
        "four texts" => {
            let row = |price, size| {
                let shown = if size == 0 { "0".into() } else { decimal(size, 8, 8) };
                format!(r#"["{}","{shown}","0","{}"]"#, decimal(price, 2, 2), u8::from(size > 0))
            };
            let (asks, bids) = (listed(rows, 1, row), listed(rows, 0, row));
            format!(
                r#"{{"arg":{{"channel":"books","id":"A-B"}},"action":"{word}","data":[{{"asks":[{asks}],"bids":[{bids}],"ts":"{millis}","prevSeqId":{was},"seqId":{at}}}]}}"#
            )
        }
        "side words" => {
            let texts: Vec<String> = rows
                .iter()
                .map(|&(side, price, size)| {
                    format!(r#"["{}","{}","{}"]"#, ["buy", "sell"][side], decimal(price, 2, 2), decimal(size, 8, 8))
                })
                .collect();
            let changes = texts.join(",");
            format!(
                r#"{{"type":"{word}","product":"A-B","changes":[{changes}],"time":"2026-01-01T00:01:02.{:06}Z"}}"#,
                at % 1_000_000
            )
        }
        "objects" => {
            let row = |price, size| format!(r#"{{"price":{},"qty":{}}}"#, decimal(price, 2, 2), decimal(size, 8, 8));
            let (bids, asks, sum) = (listed(rows, 0, row), listed(rows, 1, row), market.checksum());
            format!(
                r#"{{"channel":"book","type":"{word}","data":[{{"symbol":"A/B","bids":[{bids}],"asks":[{asks}],"checksum":{sum},"timestamp":"2026-01-01T00:01:02.{:06}Z"}}]}}"#,
                at % 1_000_000
            )
        }
        _ => {
            let row = |price, size| format!(r#"["{}","{}"]"#, decimal(price, 2, 8), decimal(size, 8, 8));
            let (bids, asks, kind) =
                (listed(rows, 0, row), listed(rows, 1, row), if whole { "whole" } else { "depthUpdate" });
            format!(
                r#"{{"stream":"ab@depth","data":{{"e":"{kind}","E":{millis},"s":"AB","U":{},"u":{at},"b":[{bids}],"a":[{asks}]}}}}"#,
                was + 1
            )
        }
    }
}

/// Small messages that are no book's, among them.
fn small(market: &mut Market, at: usize) -> String {
    let (price, size) = (decimal(MIDDLE + market.draw.near(50), 2, 8), decimal(market.draw.size(), 8, 8));
    if at % 2 == 0 {
        return format!(
            r#"{{"stream":"ab@trade","data":{{"e":"trade","E":1767225600123,"s":"AB","t":{at},"p":"{price}","q":"{size}","T":1767225600122,"m":true}}}}"#
        );
    }
    format!(
        r#"{{"stream":"ab@ticker","data":{{"u":{at},"s":"AB","b":"{price}","B":"{size}","a":"{price}","A":"{size}"}}}}"#
    )
}

/// The work that is counted: each frame fed, and the best of both sides looked at.
#[inline(never)]
fn guarded_loop(feed: &mut Feed<u8>, book: &Book, frames: &[String]) {
    for frame in frames {
        feed.feed(frame.as_bytes(), 1).expect("the frames are in order");
        let state = book.state();
        for side in [Side::Bid, Side::Ask] {
            black_box(state.levels.get(side, 0).map(|raw| raw.doubles()));
        }
    }
}

fn main() {
    let scene = std::env::args().nth(1).unwrap_or_default();
    let (levels, count) = match scene.as_str() {
        "light" | "four texts" | "side words" | "objects" => (11, 500),
        "mid" => (30, 200),
        "heavy" => (107, 100),
        "small" => (11, 1000),
        _ => {
            eprintln!("guard light|mid|heavy|four texts|side words|objects|small");
            std::process::exit(2);
        }
    };
    let chain = match scene.as_str() {
        "four texts" => Chain::Prev,
        "side words" | "objects" => Chain::None,
        _ => Chain::Next,
    };
    let bounds = Bounds { changes: 10_000, rows: 500_000, age_ns: 60_000_000_000 };
    let rule =
        Rule { seed: Seed::Stream, chain, bridge: None, connection: false, compares: false, empty_id: None, bounds };
    let book = Arc::new(Book::new(shape(&scene), None, rule, 20_000, (0, 0)));
    let mut feed = Feed::new(None, 1 << 22);
    for topic in ["ab@depth", "books A-B", "A-B", "book A/B"] {
        feed.want(topic.as_bytes(), book.clone(), Role::Stream, 0);
    }
    for topic in ["ab@trade", "ab@ticker"] {
        feed.other(topic.as_bytes(), None, || Ok::<_, ()>(1)).expect("a handle was made");
    }
    let mut market = Market::new();
    let rows = market.whole();
    let mut frames = vec![frame(&scene, &mut market, &rows, true)];
    for at in 0..WARM + count {
        if scene == "small" && at % 8 > 0 {
            frames.push(small(&mut market, at));
            continue;
        }
        let rows = market.change(levels);
        frames.push(frame(&scene, &mut market, &rows, false));
    }
    warm_up(&mut feed, &book, &frames[..=WARM]);
    guarded_loop(&mut feed, &book, &frames[WARM + 1..]);
    let stats = book.state().stats;
    let fed = frames.iter().filter(|frame| !frame.contains("@trade") && !frame.contains("@ticker")).count() as u64;
    assert_eq!((stats.applied, stats.gaps, stats.checksum_failed), (fed, 0, 0), "the scene is not what it should be");
    println!("{count}");
}

/// What comes first is not counted: memory is got once.
fn warm_up(feed: &mut Feed<u8>, book: &Book, frames: &[String]) {
    for frame in frames {
        feed.feed(frame.as_bytes(), 1).expect("the frames are in order");
    }
    assert!(book.state().levels.count(Side::Bid) > DEPTH / 2);
}
