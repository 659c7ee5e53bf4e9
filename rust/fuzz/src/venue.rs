//! The other side: what it has to say of one book, as messages of a shape and as what they mean.

use _native::shape::{IdAt, Lists, Path, RowAt, Shape, When};
use _native::stamp::Unit;

use crate::choices::Choices;
use crate::decimal::{self, Dec};
use crate::dialect::Dialect;
use crate::model::{Fact, Level, Row, Sides, What, best, checksum, cut, put};
use crate::texts;
use crate::tree::{NULL, Tree, bare, text};

/// A row before it is written. `side`: 0 bids, 1 asks.
struct Told {
    side: usize,
    /// The price as a number; None where only the id says it.
    price: Option<Dec>,
    removes: bool,
    id: Option<i64>,
}

/// A message: what stands at its own paths, what at paths of the frame, what all of it means.
pub struct Said {
    pub tree: Tree,
    pub at_root: Vec<(Path, Tree)>,
    pub fact: Fact,
}

pub struct Venue {
    pub id: i64,
    sides: Sides,
    ids: Vec<(i64, usize, Dec)>,
    next_id: i64,
}

impl Venue {
    pub fn new(first: i64) -> Venue {
        Venue { id: first, sides: Sides::default(), ids: Vec::new(), next_id: 1 }
    }

    /// Something that is never sent.
    pub fn moves(&mut self, how: &mut Choices) {
        self.id = self.id.saturating_add(how.range(1, 3));
    }

    pub fn change(&mut self, how: &mut Choices, dialect: &Dialect, now_ns: i64) -> Said {
        let shape = &dialect.shape;
        let was = self.id;
        let step = if how.chance(90) { how.range(1, 3) } else { how.range(0, 1) };
        self.id = self.id.saturating_add(step);
        let (mut first, mut prev) = (was.saturating_add(1), was);
        match how.below(40) {
            0 => first = first.saturating_add(2),
            1 => first = first.saturating_sub(5),
            2 => prev = prev.saturating_sub(2),
            3 => prev = prev.saturating_add(2),
            _ => {}
        }
        let most = if dialect.deep > 25 { how.pick(&[3, 20, 60]) } else { how.pick(&[1, 2, 3, 3, 6, 6, 20]) };
        let told = (0..how.below(most + 1)).map(|_| self.row(how, dialect)).collect();
        let mut said = Writer { how, dialect, shape, terms: terms(dialect, shape), venue: self }.message(false, told);
        let ids = (first, self.id, prev);
        Writer { how, dialect, shape, terms: (0, 0), venue: self }.ids(&mut said, ids, false);
        said.fact.received_ns = now_ns;
        self.learn(dialect, &said.fact);
        Writer { how, dialect, shape, terms: (0, 0), venue: self }.sum(&mut said);
        said
    }

    /// The whole book; `snapshot`: not in its stream.
    pub fn whole(&mut self, how: &mut Choices, dialect: &Dialect, snapshot: bool, now_ns: i64) -> Said {
        let shape = dialect.shape_by(snapshot);
        if self.sides[0].is_empty() || how.chance(30) {
            let more = if dialect.deep > 25 { dialect.deep } else { how.pick(&[1, 4, 12]) };
            for _ in 0..more {
                let row = self.row(how, dialect);
                if let Some(price) = row.price.filter(|_| !row.removes) {
                    let text = String::new();
                    let level = Level { size: Dec::of_parts(1, 0), price_text: text.clone(), size_text: text };
                    self.sides[row.side].insert(price, level);
                }
            }
        }
        let mut told: Vec<Told> = Vec::new();
        for side in [0, 1] {
            for (price, _) in best(&self.sides, side) {
                let removes = how.chance(3);
                let known = self.ids.iter().find(|(_, at, known)| *at == side && known == price).map(|(id, ..)| *id);
                let id = shape.row.id.is_some().then(|| known.unwrap_or(self.next_id));
                self.next_id += i64::from(known.is_none());
                told.push(Told { side, price: Some(price.clone()), removes, id });
            }
        }
        if how.chance(20) {
            how.shuffle(&mut told);
        }
        if how.chance(15) && !told.is_empty() {
            // The same price twice.
            let one = &told[how.below(told.len())];
            let again = Told { price: one.price.clone(), ..*one };
            told.push(again);
        }
        let mut said = Writer { how, dialect, shape, terms: terms(dialect, shape), venue: self }.message(true, told);
        let prev = self.id.saturating_sub(1);
        let id = if snapshot && how.chance(30) { self.id.saturating_sub(how.range(1, 4)) } else { self.id };
        Writer { how, dialect, shape, terms: (0, 0), venue: self }.ids(&mut said, (id, id, prev), true);
        said.fact.received_ns = now_ns;
        (self.sides, self.ids) = Default::default();
        self.learn(dialect, &said.fact);
        Writer { how, dialect, shape, terms: (0, 0), venue: self }.sum(&mut said);
        said
    }

    /// A sign of life, where the shape has a word for it.
    pub fn beat(&mut self, how: &mut Choices, dialect: &Dialect, now_ns: i64) -> Option<Said> {
        let kind = &dialect.shape.kind;
        let path = kind.path.as_ref().filter(|_| !kind.ignore.is_empty())?;
        if !kind.snapshot_keys.is_empty() || !kind.delta_keys.is_empty() {
            return None;
        }
        let mut tree = NULL;
        if kind.nested.is_some() {
            tree.put(&crate::tree::path("2").steps, NULL);
        }
        tree.put(&path.steps, text(std::str::from_utf8(&kind.ignore[how.below(kind.ignore.len())]).ok()?));
        Some(Said { tree, at_root: vec![], fact: Fact { received_ns: now_ns, ..fact(What::Ignored) } })
    }

    /// A message that is only a checksum.
    pub fn check(&mut self, how: &mut Choices, dialect: &Dialect, now_ns: i64) -> Option<Said> {
        let shape = &dialect.shape;
        shape.checksum.as_ref().filter(|spec| spec.when == When::Alone)?;
        let mut said = Said { tree: NULL, at_root: vec![], fact: Fact { received_ns: now_ns, ..fact(What::Check) } };
        if shape.kind.nested.is_some() {
            said.tree.put(&crate::tree::path("1").steps, text("cs"));
        }
        Writer { how, dialect, shape, terms: (0, 0), venue: self }.write_sum(&mut said);
        said.fact.checksum.is_some().then_some(said)
    }

    fn learn(&mut self, dialect: &Dialect, fact: &Fact) {
        for row in &fact.rows {
            let known = self.ids.iter().find(|(id, ..)| Some(*id) == row.id).map(|(.., price)| price.clone());
            let Some(price) = row.price.as_ref().map(|(price, _)| price.clone()).or(known) else { continue };
            put(&mut self.sides, row, &price);
            self.ids.retain(|(id, side, at)| Some(*id) != row.id && (*side != row.side || *at != price));
            if let Some(id) = row.id.filter(|_| !row.removes) {
                self.ids.push((id, row.side, price));
            }
        }
        for side in [0, 1] {
            let window =
                dialect.shape.window.filter(|window| window.client).map_or(dialect.deep, |window| window.levels);
            for gone in cut(&mut self.sides, side, window) {
                self.ids.retain(|(_, at, price)| *at != side || *price != gone);
            }
        }
    }

    fn row(&mut self, how: &mut Choices, dialect: &Dialect) -> Told {
        let side = how.below(2);
        let by_id = dialect.shape.row.id.is_some();
        if by_id && how.chance(50) && !self.ids.is_empty() {
            let (id, side, price) = self.ids[how.below(self.ids.len())].clone();
            let id = if how.chance(4) { id + 1000 } else { id };
            let price = how.chance(40).then_some(price);
            let side = if how.chance(95) { side } else { 1 - side };
            return Told { side, price, removes: how.chance(40), id: Some(id) };
        }
        let known: Vec<&Dec> = self.sides[side].keys().collect();
        let (price, removes) = if !known.is_empty() && how.chance(60) {
            (known[how.below(known.len())].clone(), how.chance(50))
        } else {
            let (negative, whole, behind) = dialect.profile.price(how);
            let sign = if negative { "-" } else { "" };
            let point = if behind.is_empty() { "" } else { "." };
            let price = decimal::read(format!("{sign}{whole}{point}{behind}").as_bytes(), dialect.scales.0);
            (price.expect("profiles are in bounds").value, how.chance(10))
        };
        self.next_id += i64::from(by_id);
        Told { side, price: Some(price), removes, id: by_id.then_some(self.next_id) }
    }
}

/// What is added to the scales of prices and of sizes.
fn terms(dialect: &Dialect, shape: &Shape) -> (i64, i64) {
    if shape.scaled { dialect.scales } else { (0, 0) }
}

fn fact(what: What) -> Fact {
    let (rows, received_ns) = (vec![], 0);
    Fact { what, first: None, last: None, prev: None, venue_ns: None, received_ns, checksum: None, rows }
}

fn at(said: &mut Said, path: &Path, value: Tree) {
    if path.root {
        said.at_root.push((path.clone(), value));
    } else {
        said.tree.put(&path.steps, value);
    }
}

struct Writer<'a, 'b, 'c> {
    how: &'a mut Choices<'b>,
    dialect: &'c Dialect,
    shape: &'c Shape,
    terms: (i64, i64),
    venue: &'a mut Venue,
}

impl Writer<'_, '_, '_> {
    fn message(&mut self, whole: bool, told: Vec<Told>) -> Said {
        let shape = self.shape;
        let what = if whole { What::Snapshot } else { What::Change };
        let mut said = Said { tree: NULL, at_root: vec![], fact: fact(what) };
        let kind = &shape.kind;
        let keys = if whole { &kind.snapshot_keys } else { &kind.delta_keys };
        if !keys.is_empty() {
            let value = self.how.pick(&["", "1", "[]"]);
            at(&mut said, &keys[self.how.below(keys.len())], bare(value));
        }
        let words = if whole { &kind.snapshot } else { &kind.delta };
        if let Some(path) = kind.path.as_ref().filter(|_| !words.is_empty()) {
            let word = std::str::from_utf8(&words[self.how.below(words.len())]).expect("ours are text");
            let is_bare = matches!(word, "7" | "1" | "true") && self.how.chance(50);
            at(&mut said, path, if is_bare { bare(word) } else { text(word) });
        }
        if let Some((path, value)) = kind.sentinel.as_ref().filter(|_| whole && shape.prev.is_none()) {
            at(&mut said, path, bare(value));
        }
        if kind.nested.is_some() {
            // What is counted from the end must not come to stand where a checksum would.
            at(&mut said, &crate::tree::path("2"), NULL);
        }
        if let Some((path, unit)) = &shape.time {
            if self.how.chance(85) {
                let (value, ns) = self.time(*unit);
                said.fact.venue_ns = Some(ns);
                at(&mut said, path, value);
            }
        }
        match &shape.lists {
            Lists::Sides { bids, asks } => {
                for (side, paths) in [(0, bids), (1, asks)] {
                    let rows: Vec<&Told> = told.iter().filter(|row| row.side == side).collect();
                    let mut trees = Vec::new();
                    for row in &rows {
                        trees.push(self.row(row, None, &mut said.fact.rows));
                    }
                    let value = match self.how.below(3) {
                        0 if rows.is_empty() => continue,
                        1 if rows.is_empty() => NULL,
                        _ => Tree::List(trees),
                    };
                    let chosen = self.how.below(paths.len());
                    let is_there = value != NULL;
                    at(&mut said, &paths[chosen], value);
                    // A later alternative is not looked at.
                    for path in paths.iter().skip(chosen + 1).filter(|_| is_there) {
                        let told = Told { side, ..self.venue.row(self.how, self.dialect) };
                        let row = self.row(&told, None, &mut Vec::new());
                        at(&mut said, path, if self.how.chance(60) { Tree::List(vec![row]) } else { NULL });
                    }
                }
            }
            Lists::Rows(lists) => {
                if shape.both.is_some() {
                    let sides = [0, 1].map(|side| told.iter().filter(|row| row.side == side).collect::<Vec<_>>());
                    let mut trees = Vec::new();
                    for (bid, ask) in sides[0].iter().zip(&sides[1]) {
                        let mut tree = self.row(bid, None, &mut said.fact.rows);
                        let asks = self.row(ask, shape.both.as_ref(), &mut said.fact.rows);
                        tree.put(&[], asks);
                        trees.push(tree);
                    }
                    at(&mut said, &lists[0].path, Tree::List(trees));
                    return said;
                }
                let mut shared: Vec<Vec<Told>> = lists.iter().map(|_| Vec::new()).collect();
                let has_actions = lists.iter().any(|list| list.action.is_some());
                for row in told {
                    let usable: Vec<usize> = (0..lists.len())
                        .filter(|&at| !has_actions || (lists[at].action.as_deref() == Some(b"delete")) == row.removes)
                        .collect();
                    shared[usable[self.how.below(usable.len())]].push(row);
                }
                for (list, mut rows) in lists.iter().zip(shared) {
                    let one = list.single || (shape.kind.nested.is_some() && !whole);
                    if one && rows.is_empty() {
                        if list.single {
                            continue;
                        }
                        // A flat row is what makes it a change.
                        rows.push(Told { removes: true, ..self.venue.row(self.how, self.dialect) });
                    }
                    let by = list.action.as_deref().filter(|action| *action == b"delete");
                    let mut trees = Vec::new();
                    for row in rows.iter().take(if one { 1 } else { rows.len() }) {
                        trees.push(match by {
                            Some(_) => self.gone(row, &mut said.fact.rows),
                            None => self.row(row, None, &mut said.fact.rows),
                        });
                    }
                    let value = if one { trees.remove(0) } else { Tree::List(trees) };
                    if matches!(&value, Tree::List(rows) if rows.is_empty())
                        && self.how.chance(50)
                        && shape.kind.nested.is_none()
                    {
                        continue;
                    }
                    at(&mut said, &list.path, value);
                }
            }
        }
        said
    }

    /// A removal because of the list it stands in: its size is read by nobody.
    fn gone(&mut self, told: &Told, facts: &mut Vec<Row>) -> Tree {
        let before = facts.len();
        let mut tree = self.row(&Told { removes: false, price: told.price.clone(), ..*told }, None, facts);
        facts[before..].iter_mut().for_each(|row| row.removes = true);
        if self.how.chance(60) {
            tree.put(&self.shape.row.size.steps, NULL);
        }
        tree
    }

    fn row(&mut self, told: &Told, places: Option<&RowAt>, facts: &mut Vec<Row>) -> Tree {
        let shape = self.shape;
        let row = places.unwrap_or(&shape.row);
        let mut tree = NULL;
        let mut values: Vec<(&Path, Tree)> = Vec::new();
        let by_list = matches!(&shape.lists, Lists::Rows(lists) if lists.iter().any(|list| list.action.is_some()));
        let can_act = row.action.is_some();
        // How it is removed: by an action, a count, or a size of zero.
        let way = if !told.removes || by_list {
            None
        } else if can_act && (row.id.is_some() || self.how.chance(60)) {
            Some("action")
        } else if row.count.is_some() && (shape.signed || self.how.chance(50)) {
            Some("count")
        } else {
            (!shape.signed && !(by_list && told.removes)).then_some("size")
        };
        let removes = way.is_some();
        let mut side = told.side;
        if let Some(path) = &row.side {
            let words = if side == 0 { &shape.bid_words } else { &shape.ask_words };
            let word = std::str::from_utf8(&words[self.how.below(words.len())]).expect("ours are text");
            let is_bare = word.parse::<u8>().is_ok() && self.how.chance(50);
            values.push((path, if is_bare { bare(word) } else { text(word) }));
        }
        if let Some(path) = &row.action {
            let word = if way == Some("action") {
                self.how.pick(&["delete", "0"])
            } else {
                self.how.pick(&["new", "change", ""])
            };
            let value = if word == "0" && self.how.chance(50) { bare(word) } else { text(word) };
            // Without an action a row is set, unless its list says otherwise.
            values.push((path, if word.is_empty() && self.how.chance(50) { NULL } else { value }));
        }
        if let Some(path) = &row.count {
            let count = if way == Some("count") { 0 } else { self.how.range(1, 9) };
            values.push((path, if self.how.chance(80) { bare(count) } else { text(&count.to_string()) }));
        }
        if let (Some(path), Some(id)) = (&row.id, told.id) {
            values.push((path, if self.how.chance(80) { bare(id) } else { text(&id.to_string()) }));
        }
        let mut price = None;
        if let Some(value) = &told.price {
            let is_bare = self.is_bare();
            let limit =
                self.dialect.profile.scale + self.dialect.scales.0.max(0) as usize - self.terms.0.max(0) as usize;
            let written = texts::rewrite(self.how, value, self.terms.0, limit, is_bare);
            let (text, token) = self.number(written, is_bare);
            price = Some((value.clone(), text));
            values.push((&row.price, token));
        }
        let is_bare = self.is_bare();
        let reads_size = way != Some("action") || shape.signed;
        let mut written =
            if way == Some("size") { texts::nothing(self.how, is_bare) } else { texts::size(self.how, is_bare) };
        if shape.signed && side == 1 {
            written.insert(0, '-');
        }
        let read =
            decimal::read(written.as_bytes(), self.terms.1).unwrap_or_else(|| panic!("the size {written:?} is ours"));
        let (mut size_text, token) = self.number(written, is_bare);
        if reads_size || self.how.chance(50) {
            values.push((&row.size, token));
        }
        if !reads_size {
            size_text.clear();
        }
        if shape.signed {
            side = usize::from(read.value.is_negative());
        }
        // What is counted from the end of a list comes last.
        values.sort_by_key(|(path, _)| {
            path.steps.first().map_or(0, |step| match step {
                _native::shape::Step::Index(index) if *index < 0 => 100 + index,
                _ => 0,
            })
        });
        for (path, value) in values {
            tree.put(&path.steps, value);
        }
        self.extra(&mut tree, row);
        if !(shape.skip_zero_price && price.as_ref().is_some_and(|(price, _)| price.is_zero())) {
            facts.push(Row {
                side,
                price,
                size: read.value.abs(),
                size_text,
                removes,
                id: told.id.filter(|_| row.id.is_some()),
            });
        }
        tree
    }

    /// What the venue says besides, and nobody reads.
    fn extra(&mut self, tree: &mut Tree, row: &RowAt) {
        let from_end = [&row.price, &row.size].iter().any(|path| path.text.starts_with('-'));
        match tree {
            Tree::List(items) if !from_end && self.how.chance(30) => {
                for _ in 0..self.how.below(3) + 1 {
                    items.push(bare(self.how.pick(&["0", "1", "", "true", "[1,2]", "{\"x\":[]}", "-1.5e3"])));
                }
            }
            Tree::Object { members, .. } if self.how.chance(30) => {
                let key = self.how.pick(&["zz", "pric", "price ", "", "sz", "P"]);
                if members.iter().all(|(known, _)| known != key) {
                    let at = self.how.below(members.len() + 1);
                    members.insert(at, (key.into(), bare(self.how.pick(&["0", "", "[{}]", "\"x\""]))));
                }
            }
            _ => {}
        }
    }

    fn is_bare(&mut self) -> bool {
        self.shape.json && (!self.shape.text || self.how.chance(50))
    }

    fn number(&self, written: String, is_bare: bool) -> (String, Tree) {
        let token = if is_bare { bare(&written) } else { text(&written) };
        (written, token)
    }

    fn ids(&mut self, said: &mut Said, (first, last, prev): (i64, i64, i64), whole: bool) {
        let shape = self.shape;
        let Some(spec) = &shape.last else { return };
        let mut one = |spec: &IdAt, value: i64, sure: bool| -> Option<i64> {
            if spec.optional && !sure && self.how.chance(8) {
                return None;
            }
            let token = match self.how.below(10) {
                0 | 1 => text(&value.to_string()),
                2 if value >= 0 => text(&format!("000{value}")),
                _ => bare(value),
            };
            at(said, &spec.path, token);
            (Some(value) != spec.none).then_some(value)
        };
        let last = one(spec, last, false);
        let first = shape.first.as_ref().map(|spec| one(spec, first, false));
        let sentinel = shape.kind.sentinel.as_ref().filter(|_| whole).map(|(_, value)| *value);
        let prev = shape.prev.as_ref().and_then(|spec| one(spec, sentinel.unwrap_or(prev), sentinel.is_some()));
        said.fact.last = last;
        said.fact.first = first.unwrap_or(last);
        said.fact.prev = prev;
    }

    fn sum(&mut self, said: &mut Said) {
        let spec = self.shape.checksum.as_ref().filter(|spec| spec.when != When::Alone);
        if spec.is_some() && self.how.chance(85) {
            self.write_sum(said);
        }
    }

    fn write_sum(&mut self, said: &mut Said) {
        let Some(spec) = &self.shape.checksum else { return };
        let Some(sum) = checksum(&self.venue.sides, spec, self.shape.signed) else { return };
        let sum = if self.how.chance(97) { sum } else { sum.wrapping_add(1) };
        let sum = if self.how.chance(3) { 0 } else { sum };
        let shown = if self.how.chance(50) { i64::from(sum) } else { i64::from(sum as i32) };
        let token = if self.how.chance(70) { bare(shown) } else { text(&shown.to_string()) };
        let path = &spec.paths[self.how.below(spec.paths.len())];
        at(said, path, token);
        said.fact.checksum = (sum != 0 || spec.when != When::Nonzero).then_some(sum);
    }

    fn time(&mut self, unit: Unit) -> (Tree, i64) {
        let ns = 1_600_000_000_000_000_000 + (self.how.long() % 100_000_000_000_000_000) as i64;
        let places = match unit {
            Unit::Seconds => 9,
            Unit::Millis => 6,
            Unit::Micros => 3,
            Unit::Nanos => 0,
            Unit::Iso => {
                let day = self.how.range(1, 28);
                let (month, hour, second) = (self.how.range(1, 12), self.how.range(0, 23), self.how.range(0, 59));
                let tail = self.how.pick(&["", "Z", "+00:00", ".5Z", ".123456789", ".000001+00:00"]);
                let stamp = format!("2024-{month:02}-{day:02}T{hour:02}:07:{second:02}{tail}");
                let ns = crate::number::iso(stamp.as_bytes()).expect("ours are in order");
                return (text(&stamp), ns);
            }
        };
        let unit = 10i64.pow(places);
        let mut written = (ns / unit).to_string();
        let mut told = ns / unit * unit;
        if places > 0 && self.how.chance(40) {
            written = format!("{written}.{:0width$}", ns % unit, width = places as usize);
            told = ns;
            if self.how.chance(30) {
                written.push_str("999");
            }
        }
        (if self.how.chance(60) { bare(&written) } else { text(&written) }, told)
    }
}
