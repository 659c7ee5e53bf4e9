//! Shapes put together from all that a shape can say.

use _native::rule::{Chain, Seed};
use _native::shape::{
    ChecksumAt, Digits, Form, IdAt, KindAt, Lists, Path, RowAt, RowsAt, Shape, When, Whole, Window, Words,
};
use _native::stamp::Unit;

use crate::choices::Choices;
use crate::tree::path;

pub fn words(list: &[&str]) -> Words {
    list.iter().map(|word| word.as_bytes().into()).collect()
}

fn id(at: &str, optional: bool, none: Option<i64>) -> IdAt {
    IdAt { path: path(at), optional, none }
}

/// The one place where a whole `Shape` is written down.
fn empty() -> Shape {
    Shape {
        form: Form::default(),
        kind: KindAt::default(),
        lists: Lists::Rows(vec![]),
        row: RowAt::default(),
        both: None,
        signed: false,
        bid_words: vec![],
        ask_words: vec![],
        remove_words: vec![],
        skip_zero_price: false,
        text: true,
        json: false,
        scaled: false,
        first: None,
        last: None,
        prev: None,
        time: None,
        checksum: None,
        window: None,
    }
}

/// The same shape with words that change nothing: an action that is never there, alternatives that are the same.
pub fn roundabout(shape: &Shape) -> Shape {
    let mut shape = shape.clone();
    shape.row.action.get_or_insert_with(|| path("never there"));
    if let Lists::Sides { bids, asks } = &mut shape.lists {
        bids.extend(bids.clone());
        asks.extend(asks.clone());
    }
    shape
}

pub fn stream(how: &mut Choices, seed: Seed, chain: Chain, counted: bool) -> Shape {
    if seed == Seed::Stream && how.chance(12) {
        return arrays(how);
    }
    let inner = how.pick(&["", "", "d.", "d.x.", "q.0."]);
    let mut shape = empty();
    shape.form = form(how, inner, counted);
    rows(how, inner, &mut shape, false);
    kind(how, inner, &mut shape, seed);
    ids(how, inner, &mut shape, chain);
    more(how, inner, &mut shape);
    shape
}

/// The shape of bodies and of the snapshots of another channel.
pub fn whole(how: &mut Choices, form: Form) -> Shape {
    let inner = how.pick(&["", "", "result."]);
    let mut shape = empty();
    shape.form = form;
    rows(how, inner, &mut shape, true);
    shape.kind.default = Some(Whole::Snapshot);
    if how.chance(85) {
        shape.last = Some(id(&format!("{inner}lastId"), how.chance(20), None));
    }
    more(how, inner, &mut shape);
    shape.window = None;
    shape
}

fn form(how: &mut Choices, inner: &str, counted: bool) -> Form {
    let (each, star) = how.pick(&[
        (None, false),
        (None, false),
        (None, false),
        (Some("data"), false),
        (Some("w.0.list"), false),
        (Some("m"), true),
        (Some("m.n"), true),
        (Some(""), false),
    ]);
    let each = each.filter(|each| !(counted && each.is_empty()));
    // `>` stands for the place where the message's other things are.
    let route: &[&str] = match each {
        None | Some("") => how.pick(&[&["s"][..], &[">s"], &["s", "t"], &["s", ">s2", "s3"]]),
        Some(_) if star => how.pick(&[&["#"][..], &["/ch", "#"], &["s"], &["/ch", ">s"]]),
        Some(_) => {
            how.pick(&[&["s"][..], &[">s"], &["/ch", "s"], &["/arg.ch", "s", "t"], &["/ch"], &["/arg.ch", "/arg.id"]])
        }
    };
    let route = route.iter().map(|text| path(&text.replace('>', inner)));
    Form { each: each.map(path), star, route: route.collect() }
}

fn kind(how: &mut Choices, inner: &str, shape: &mut Shape, seed: Seed) {
    let kind = &mut shape.kind;
    let either = if seed == Seed::Every { Whole::Snapshot } else { Whole::Delta };
    kind.default = Some(either);
    let marked = seed == Seed::Stream;
    if !marked && how.chance(60) {
        return;
    }
    match how.below(4) {
        0 | 1 => {
            kind.path = Some(path(how.pick(&["kind", "type.is"])));
            kind.snapshot = words(&["snapshot", "whole", "7"]);
            kind.delta = words(&["update", "1", "true"]);
            kind.ignore = words(&["beat", "null "]);
            if how.chance(50) {
                kind.default = None;
            }
        }
        2 => {
            kind.snapshot_keys = vec![path("full"), path(&format!("{inner}init"))];
            if how.chance(40) {
                kind.delta_keys = vec![path("diff")];
                kind.default = None;
            }
        }
        _ => kind.sentinel = Some((path(&format!("{inner}was")), -1)),
    }
}

fn ids(how: &mut Choices, inner: &str, shape: &mut Shape, chain: Chain) {
    let needs = match chain {
        Chain::Next => (true, false),
        Chain::Prev => (false, true),
        _ => (how.chance(30), how.chance(30)),
    };
    if how.chance(8) || (chain == Chain::None && how.chance(50)) {
        return;
    }
    let at = |name: &str| format!("{inner}{name}");
    let mut one = |name: &str| {
        let optional = how.chance(20);
        id(&at(name), optional, how.pick(&[None, None, Some(0), Some(77)]))
    };
    shape.last = Some(one("u"));
    let by_sentinel = shape.kind.sentinel.is_some();
    if needs.0 {
        shape.first = Some(one("U"));
    }
    if needs.1 || by_sentinel {
        shape.prev = Some(one(if by_sentinel { "was" } else { "pu" }));
    }
}

/// Where rows are and what is in them.
fn rows(how: &mut Choices, inner: &str, shape: &mut Shape, whole: bool) {
    let at = |name: &str| path(&format!("{inner}{name}"));
    let one = |name: &str| RowsAt { path: at(name), action: None, single: false, flat: false };
    (shape.text, shape.json) = how.pick(&[(true, false), (true, false), (false, true), (true, true)]);
    shape.remove_words = words(&["delete", "0"]);
    (shape.bid_words, shape.ask_words) = (words(&["buy", "b", "1"]), words(&["sell", "offer", "2"]));
    let sides = |how: &mut Choices| match how.below(6) {
        // Long keys that differ at their ends.
        5 => Lists::Sides { bids: vec![at("all_the_levels_bid")], asks: vec![at("all_the_levels_ask")] },
        0 => Lists::Sides { bids: vec![at("bids"), at("b")], asks: vec![at("asks"), at("a")] },
        1 => Lists::Sides { bids: vec![at("book.b")], asks: vec![at("book.a")] },
        _ => Lists::Sides { bids: vec![at("b")], asks: vec![at("a")] },
    };
    let pair = |price: &str, size: &str| RowAt { price: path(price), size: path(size), ..RowAt::default() };
    let objects =
        |how: &mut Choices| how.pick(&[("price", "qty"), ("p", "s"), ("at", "at2"), ("v.p", "v.s"), ("p", "n.0")]);
    match how.below(if whole { 8 } else { 14 }) {
        0..=2 => {
            shape.lists = sides(how);
            shape.row = pair("0", "1");
        }
        3 => {
            shape.lists = sides(how);
            let (price, size) =
                how.pick(&[("1", "0"), ("0", "3"), ("2", "1"), ("-2", "-1"), ("0", "-1"), ("0.0", "1")]);
            shape.row = pair(price, size);
        }
        4 | 5 => {
            shape.lists = sides(how);
            let (price, size) = objects(how);
            shape.row = pair(price, size);
        }
        6 => {
            shape.lists = sides(how);
            shape.row = RowAt { action: Some(path("0")), ..pair("1", "2") };
            if how.chance(30) {
                shape.row.count = Some(path("3"));
            }
        }
        7 | 8 => {
            shape.lists = Lists::Rows(if how.chance(70) { vec![one("u8")] } else { vec![one("u8"), one("more")] });
            let (side, price, size) = how.pick(&[("0", "1", "2"), ("0", "1", "2"), ("2", "0", "1"), ("0", "2", "3")]);
            shape.row = RowAt { side: Some(path(side)), ..pair(price, size) };
        }
        9 => {
            shape.lists = Lists::Rows(vec![one("u8")]);
            let (price, size) = objects(how);
            shape.row = RowAt { side: Some(path("side")), ..pair(price, size) };
        }
        10 => {
            let list = |name: &str, action: &str| RowsAt { action: Some(action.as_bytes().into()), ..one(name) };
            shape.lists = Lists::Rows(vec![list("del", "delete"), list("upd", "update"), list("ins", "insert")]);
            shape.row = RowAt { side: Some(path("side")), ..pair("price", "size") };
        }
        11 => {
            shape.lists = Lists::Rows(vec![RowsAt { single: true, ..one("row") }]);
            shape.row = RowAt { side: Some(path("side")), ..pair("price", "qty") };
        }
        12 => {
            shape.lists = Lists::Rows(vec![one("units")]);
            shape.row = pair("bp", "bs");
            shape.both = Some(pair("ap", "as"));
        }
        _ => {
            shape.lists = Lists::Rows(vec![one("table")]);
            let (side, id) = (Some(path("side")), Some(path("id")));
            shape.row = RowAt { side, id, action: Some(path("do")), ..pair("price", "size") };
        }
    }
    shape.skip_zero_price = how.chance(15);
}

/// Messages that are lists: a flat row or a list of rows at 1, counts, the sign being the side.
fn arrays(how: &mut Choices) -> Shape {
    let mut shape = empty();
    shape.form = Form { each: None, star: false, route: vec![path("0")] };
    let nested = Some(path("1"));
    shape.kind = KindAt { nested, path: Some(path("1")), ignore: words(&["hb", "beat"]), ..KindAt::default() };
    shape.lists = Lists::Rows(vec![RowsAt { path: path("1"), action: None, single: false, flat: true }]);
    let (price, size) = (path("0"), path("2"));
    shape.row = RowAt { price, size, count: Some(path("1")), ..RowAt::default() };
    shape.signed = true;
    (shape.text, shape.json) = how.pick(&[(false, true), (true, true)]);
    if how.chance(50) {
        shape.checksum = Some(sum(how, vec![path("2")], When::Alone));
    }
    window(how, &mut shape);
    shape
}

fn sum(how: &mut Choices, paths: Vec<Path>, when: When) -> ChecksumAt {
    ChecksumAt {
        paths,
        depth: how.pick(&[3, 10, 25]),
        interleaved: how.chance(50),
        digits: how.pick(&[Digits::AsSent, Digits::AsSent, Digits::Bare, Digits::Python, Digits::JavaScript]),
        joiner: how.pick(&[&b":"[..], b"", b"|"]).into(),
        when,
    }
}

fn window(how: &mut Choices, shape: &mut Shape) {
    if how.chance(35) {
        shape.window = Some(Window { levels: how.pick(&[2, 5, 10]), client: how.chance(70) });
    }
}

fn more(how: &mut Choices, inner: &str, shape: &mut Shape) {
    let at = |name: &str| path(&format!("{inner}{name}"));
    if how.chance(60) {
        let unit = how.pick(&[Unit::Seconds, Unit::Millis, Unit::Micros, Unit::Nanos, Unit::Iso]);
        shape.time = Some((at("E"), unit));
    }
    // The text of a price that was looked up is nothing that the contract speaks of.
    if shape.row.id.is_none() && how.chance(30) {
        let paths = if how.chance(70) { vec![at("c")] } else { vec![at("c1"), path("c2")] };
        let when = how.pick(&[When::Present, When::Nonzero, When::Alone]);
        shape.checksum = Some(sum(how, paths, when));
    }
    shape.scaled = how.chance(10);
    window(how, shape);
}
