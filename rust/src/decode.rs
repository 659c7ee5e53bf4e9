//! From a message on the tape to its facts, by a shape. Nothing is applied here.

use crate::fault::{Result, malformed, missing, number};
use crate::json::{Doc, Kind};
use crate::number::{Decimal, integer};
use crate::shape::{IdAt, KindAt, Lists, Path, RowAt, Shape, When, Whole, Words};
use crate::stamp::{self, Unit};

#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Hash)]
pub enum Side {
    #[default]
    Bid,
    Ask,
}

/// One level as a message writes it. `price_at`, `size_at` and `size_end` are places in the message's `texts`.
#[derive(Clone, Copy, Debug, Default)]
pub struct Row {
    pub price: i128,
    pub size: i128,
    pub id: i64,
    pub price_at: u32,
    pub size_at: u32,
    pub size_end: u32,
    pub price_scale: i8,
    pub size_scale: i8,
    pub side: Side,
    pub removes: bool,
    /// False where the price is still to be looked up by id.
    pub priced: bool,
    pub has_id: bool,
}

/// How much room prices need: the largest scale, and the most digits before the point.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Room {
    pub scale: u8,
    pub digits: u8,
}

impl Room {
    pub fn with(self, other: Room) -> Room {
        Room { scale: self.scale.max(other.scale), digits: self.digits.max(other.digits) }
    }

    pub fn sum(self) -> u32 {
        u32::from(self.scale) + u32::from(self.digits)
    }
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum What {
    /// Nothing but a sign of life.
    #[default]
    Ignored,
    Check,
    Snapshot,
    Change,
}

#[derive(Clone, Debug, Default)]
pub struct Message {
    pub what: What,
    pub first: Option<i64>,
    pub last: Option<i64>,
    pub prev: Option<i64>,
    pub venue_ns: Option<i64>,
    pub received_ns: i64,
    pub checksum: Option<u32>,
    pub rows: Vec<Row>,
    /// The rows' numbers as sent; kept only where a checksum may want them.
    pub texts: Vec<u8>,
    pub room: Room,
    /// Some size needs more than 64 bits.
    pub wide: bool,
}

/// What a book adds to a shape.
#[derive(Clone, Copy, Debug, Default)]
pub struct Terms {
    pub price_scale: i64,
    pub size_scale: i64,
    pub keep_texts: bool,
}

/// Reads the message at `at` into `out`, whose memory is reused.
pub fn read(doc: &Doc, at: usize, shape: &Shape, terms: Terms, snapshot: bool, out: &mut Message) -> Result<()> {
    let Message { rows, texts, .. } = std::mem::take(out);
    *out = Message { rows, texts, ..Message::default() };
    out.rows.clear();
    out.texts.clear();
    Reader { doc, at, shape, terms, out, scratch: Vec::new() }.run(snapshot)
}

/// An integer or its text, as ids are read.
pub fn whole_number(doc: &Doc, at: usize, path: &Path) -> Result<i64> {
    if !matches!(doc.kind(at), Kind::Number | Kind::Plain | Kind::Escaped) {
        return Err(malformed(format!("no integer at {}", path.text)));
    }
    let value = doc.text(at, &mut Vec::new()).and_then(integer);
    value.ok_or_else(|| number(format!("no integer of 64 bits at {}", path.text)))
}

/// The id in the message at `at`, if it has one.
pub fn id(doc: &Doc, at: usize, id: &IdAt) -> Result<Option<i64>> {
    match id.path.look(doc, at)? {
        Some(found) => Ok(Some(whole_number(doc, found, &id.path)?).filter(|value| Some(*value) != id.none)),
        None if id.optional => Ok(None),
        None => Err(missing(format!("no id at {}", id.path.text))),
    }
}

fn is_word(doc: &Doc, at: usize, words: &Words) -> bool {
    words.iter().any(|word| doc.says(at, word))
}

struct Reader<'a> {
    doc: &'a Doc<'a>,
    at: usize,
    shape: &'a Shape,
    terms: Terms,
    out: &'a mut Message,
    scratch: Vec<u8>,
}

impl Reader<'_> {
    fn run(&mut self, snapshot: bool) -> Result<()> {
        let (doc, at, shape) = (self.doc, self.at, self.shape);
        if let Some(checksum) = shape.checksum.as_ref().filter(|checksum| checksum.when == When::Alone) {
            if self.first(&checksum.paths)?.is_some() {
                self.out.what = What::Check;
                self.out.checksum = self.checksum()?;
                return Ok(());
            }
        }
        let whole = if snapshot { Some(Whole::Snapshot) } else { self.kind(&shape.kind)? };
        self.out.what = match whole {
            Some(Whole::Snapshot) => What::Snapshot,
            Some(Whole::Delta) => What::Change,
            None => return Ok(()),
        };
        if let Some(last) = &shape.last {
            let first = shape.first.as_ref().map(|first| id(doc, at, first)).transpose()?;
            self.out.last = id(doc, at, last)?;
            self.out.first = first.unwrap_or(self.out.last);
            self.out.prev = shape.prev.as_ref().map(|prev| id(doc, at, prev)).transpose()?.flatten();
        }
        if let Some((path, unit)) = &shape.time {
            self.out.venue_ns = self.time(path, *unit)?;
        }
        self.out.checksum = self.checksum()?;
        match &shape.lists {
            Lists::Sides { bids, asks } => {
                self.side(bids, Side::Bid)?;
                self.side(asks, Side::Ask)
            }
            Lists::Rows(lists) => {
                for list in lists {
                    let Some(found) = list.path.look(doc, at)? else { continue };
                    let action = list.action.as_deref();
                    if list.single {
                        self.row(found, Side::Bid, action)?;
                        continue;
                    }
                    self.expect_list(found, &list.path)?;
                    let is_row = |first| !matches!(doc.kind(first), Kind::Object | Kind::List);
                    if list.flat && doc.member(found, 0).is_some_and(is_row) {
                        self.row(found, Side::Bid, action)?;
                        continue;
                    }
                    for row in doc.members(found) {
                        self.row(row, Side::Bid, action)?;
                    }
                }
                Ok(())
            }
        }
    }

    /// None: the word says that the message is to be ignored.
    fn kind(&mut self, kind: &KindAt) -> Result<Option<Whole>> {
        let (doc, at) = (self.doc, self.at);
        if let Some(path) = &kind.nested {
            if let Some(list) = path.look(doc, at)?.filter(|&found| doc.kind(found) == Kind::List) {
                let whole = doc.member(list, 0).is_none_or(|first| doc.kind(first) == Kind::List);
                return Ok(Some(if whole { Whole::Snapshot } else { Whole::Delta }));
            }
        }
        for (keys, whole) in [(&kind.snapshot_keys, Whole::Snapshot), (&kind.delta_keys, Whole::Delta)] {
            for key in keys {
                if key.leads(doc, at)? {
                    return Ok(Some(whole));
                }
            }
        }
        if let Some((path, value)) = &kind.sentinel {
            if let Some(found) = path.look(doc, at)? {
                let is_text = matches!(doc.kind(found), Kind::Number | Kind::Plain | Kind::Escaped);
                if is_text && doc.text(found, &mut self.scratch).and_then(integer) == Some(*value) {
                    return Ok(Some(Whole::Snapshot));
                }
            }
        }
        if let Some(path) = &kind.path {
            if let Some(found) = path.look(doc, at)? {
                if !matches!(doc.kind(found), Kind::Object | Kind::List) {
                    if is_word(doc, found, &kind.snapshot) {
                        return Ok(Some(Whole::Snapshot));
                    }
                    if is_word(doc, found, &kind.delta) {
                        return Ok(Some(Whole::Delta));
                    }
                    if is_word(doc, found, &kind.ignore) {
                        return Ok(None);
                    }
                }
                return Err(malformed(format!("an unknown word at {}", path.text)));
            }
        }
        kind.default.map(Some).ok_or_else(|| malformed("nothing says whether this is a snapshot"))
    }

    fn time(&mut self, path: &Path, unit: Unit) -> Result<Option<i64>> {
        let Some(at) = path.look(self.doc, self.at)? else { return Ok(None) };
        let fits = match self.doc.kind(at) {
            Kind::Number => unit != Unit::Iso,
            Kind::Plain | Kind::Escaped => true,
            _ => false,
        };
        if !fits {
            return Err(malformed(format!("no stamp at {}", path.text)));
        }
        let text = self.doc.text(at, &mut self.scratch);
        let nanos = match unit {
            Unit::Iso => text.and_then(stamp::from_iso),
            unit => text.and_then(|text| stamp::from_number(text, unit)),
        };
        nanos.map(Some).ok_or_else(|| number(format!("a stamp out of bounds at {}", path.text)))
    }

    /// Where the first of these leads that is present.
    fn first<'p>(&self, paths: &'p [Path]) -> Result<Option<(usize, &'p Path)>> {
        for path in paths {
            if let Some(found) = path.look(self.doc, self.at)? {
                return Ok(Some((found, path)));
            }
        }
        Ok(None)
    }

    fn checksum(&self) -> Result<Option<u32>> {
        let Some(checksum) = &self.shape.checksum else { return Ok(None) };
        let Some((at, path)) = self.first(&checksum.paths)? else { return Ok(None) };
        let value = whole_number(self.doc, at, path)?;
        if !(-(1 << 31)..1 << 32).contains(&value) {
            return Err(number(format!("no checksum of 32 bits at {}", path.text)));
        }
        // A negative one plus 2^32 has the same low 32 bits.
        let value = value as u32;
        Ok((value != 0 || checksum.when != When::Nonzero).then_some(value))
    }

    fn expect_list(&self, at: usize, path: &Path) -> Result<()> {
        if self.doc.kind(at) == Kind::List {
            return Ok(());
        }
        Err(malformed(format!("no list of levels at {}", path.text)))
    }

    fn side(&mut self, alternatives: &[Path], side: Side) -> Result<()> {
        for path in alternatives {
            let Some(list) = path.look(self.doc, self.at)? else { continue };
            self.expect_list(list, path)?;
            if let Some(places) = self.shape.pair {
                for row in self.doc.members(list) {
                    self.pair(row, side, places)?;
                }
            } else {
                for row in self.doc.members(list) {
                    self.row(row, side, None)?;
                }
            }
            return Ok(());
        }
        Ok(())
    }

    /// The short way for rows of price and size alone; `row` would read the same.
    #[inline]
    fn pair(&mut self, at: usize, side: Side, (price, size): (usize, usize)) -> Result<()> {
        let doc = self.doc;
        if doc.kind(at) != Kind::List {
            return self.row(at, side, None);
        }
        let (price, size) = if (price, size) == (0, 1) {
            let mut members = doc.members(at);
            (members.next(), members.next())
        } else {
            (doc.members(at).nth(price), doc.members(at).nth(size))
        };
        let present = |found: Option<usize>| found.filter(|&at| doc.kind(at) != Kind::Null);
        let mut row = Row { side, ..Row::default() };
        self.price(&mut row, present(price), false)?;
        self.size(&mut row, present(size), false)?;
        self.push(row);
        Ok(())
    }

    fn row(&mut self, at: usize, side: Side, list_action: Option<&[u8]>) -> Result<()> {
        let (doc, shape) = (self.doc, self.shape);
        if !matches!(doc.kind(at), Kind::List | Kind::Object) {
            return Err(malformed("a row is neither a list nor an object"));
        }
        let places = &shape.row;
        let mut row = Row { side, ..Row::default() };
        if let Some(path) = &places.side {
            let word = path.look(doc, at)?.ok_or_else(|| missing("a row without its side"))?;
            row.side = self.side_word(word)?;
        }
        let mut by_action = false;
        match places.action.as_ref().map(|path| path.look(doc, at)).transpose()?.flatten() {
            Some(word) if matches!(doc.kind(word), Kind::Object | Kind::List) => {
                return Err(malformed("a row's action is no word"));
            }
            Some(word) => by_action = is_word(doc, word, &shape.remove_words),
            None => {
                by_action |= list_action.is_some_and(|action| shape.remove_words.iter().any(|word| **word == *action))
            }
        }
        row.removes = by_action;
        if let Some(path) = &places.count {
            let found = path.look(doc, at)?.ok_or_else(|| missing("a row without its count"))?;
            match whole_number(doc, found, path)? {
                0 => row.removes = true,
                ..0 => return Err(number("a negative count")),
                _ => {}
            }
        }
        if let Some(path) = &places.id {
            let found = path.look(doc, at)?.ok_or_else(|| missing("a row without its id"))?;
            row.id = whole_number(doc, found, path)?;
            row.has_id = true;
        }
        // The sign of the size is the side: then even a removal needs it.
        let reads_size = !by_action || shape.signed;
        self.half(row, at, places, reads_size)?;
        if let Some(asks) = &shape.both {
            self.half(Row { side: Side::Ask, ..row }, at, asks, reads_size)?;
        }
        Ok(())
    }

    fn half(&mut self, mut row: Row, at: usize, places: &RowAt, reads_size: bool) -> Result<()> {
        let found = places.price.look(self.doc, at)?;
        let by_id = row.has_id;
        self.price(&mut row, found, by_id)?;
        if reads_size {
            let found = places.size.look(self.doc, at)?;
            self.size(&mut row, found, self.shape.signed)?;
        }
        self.push(row);
        Ok(())
    }

    fn side_word(&self, at: usize) -> Result<Side> {
        if matches!(self.doc.kind(at), Kind::Number | Kind::Plain | Kind::Escaped) {
            if is_word(self.doc, at, &self.shape.bid_words) {
                return Ok(Side::Bid);
            }
            if is_word(self.doc, at, &self.shape.ask_words) {
                return Ok(Side::Ask);
            }
        }
        Err(malformed("a row's side is no known word"))
    }

    #[inline]
    fn price(&mut self, row: &mut Row, at: Option<usize>, by_id: bool) -> Result<()> {
        row.price_at = self.out.texts.len() as u32;
        row.size_at = row.price_at;
        row.size_end = row.price_at;
        let Some(at) = at else {
            return if by_id { Ok(()) } else { Err(missing("a row without its price")) };
        };
        let more = if self.shape.scaled { self.terms.price_scale } else { 0 };
        let value = self.decimal(at, more)?;
        row.priced = true;
        row.price = value.mantissa;
        row.price_scale = value.scale;
        row.size_at = self.out.texts.len() as u32;
        row.size_end = row.size_at;
        if value.mantissa != 0 || !self.shape.skip_zero_price {
            self.out.room = self.out.room.with(Room { scale: value.scale.max(0) as u8, digits: value.digits });
        }
        Ok(())
    }

    #[inline]
    fn size(&mut self, row: &mut Row, at: Option<usize>, signed: bool) -> Result<()> {
        let Some(at) = at else { return Err(missing("a row without its size")) };
        let more = if self.shape.scaled { self.terms.size_scale } else { 0 };
        let value = self.decimal(at, more)?;
        row.size = value.mantissa;
        row.size_scale = value.scale;
        row.size_end = self.out.texts.len() as u32;
        if signed {
            match value.mantissa {
                0 => return Err(number("a size of zero has no side")),
                ..0 => {
                    row.side = Side::Ask;
                    row.size = -value.mantissa;
                }
                _ => row.side = Side::Bid,
            }
        } else if value.mantissa < 0 {
            return Err(number("a negative size"));
        }
        row.removes |= value.mantissa == 0;
        // By its magnitude: a sign may be taken off later.
        self.out.wide |= value.mantissa.unsigned_abs() > i64::MAX as u128;
        Ok(())
    }

    #[inline]
    fn decimal(&mut self, at: usize, more: i64) -> Result<Decimal> {
        let legal = match self.doc.kind(at) {
            Kind::Plain | Kind::Escaped => self.shape.text,
            Kind::Number => self.shape.json,
            _ => false,
        };
        if !legal {
            return Err(malformed("a price or size is not written as this venue writes numbers"));
        }
        let Some(text) = self.doc.text(at, &mut self.scratch) else { return Err(number("not a number")) };
        let Some(value) = Decimal::parse(text, more) else {
            return Err(number(format!("not a number of at most 38 digits: {:.60}", String::from_utf8_lossy(text))));
        };
        if self.terms.keep_texts {
            self.out.texts.extend_from_slice(text);
        }
        Ok(value)
    }

    #[inline]
    fn push(&mut self, row: Row) {
        if !(self.shape.skip_zero_price && row.priced && row.price == 0) {
            self.out.rows.push(row);
        }
    }
}

#[cfg(test)]
mod tests;
