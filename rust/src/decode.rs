//! From a message on the tape to its facts and rows, by a shape: all that the contract says, in its order.

use crate::facts::{self, Look, Value};
use crate::fault::{Result, malformed, missing, number};
use crate::json::{Doc, Kind};
use crate::message::{Message, Place, REMOVES, Room, Row, Side, Terms};
use crate::number::Decimal;
use crate::shape::{Lists, Path, RowAt, Shape};

/// A message on the tape.
#[derive(Clone, Copy)]
pub struct At<'a> {
    pub doc: Doc<'a>,
    pub at: usize,
}

impl Look for At<'_> {
    #[inline]
    fn look(&self, path: &Path) -> Result<Option<Value<'_>>> {
        Ok(path.look(&self.doc, self.at)?.map(|found| self.doc.value_at(found)))
    }

    fn leads(&self, path: &Path) -> Result<bool> {
        path.leads(&self.doc, self.at)
    }

    fn nests(&self, path: &Path) -> Result<Option<bool>> {
        let list = path.look(&self.doc, self.at)?.filter(|&found| self.doc.kind(found) == Kind::List);
        Ok(list.map(|list| self.doc.member(list, 0).is_none_or(|first| self.doc.kind(first) == Kind::List)))
    }
}

/// Reads the message into `out`, whose memory is reused.
pub fn read(doc: &Doc, at: usize, shape: &Shape, terms: Terms, snapshot: bool, out: &mut Message) -> Result<()> {
    out.clear();
    if facts::read(&At { doc: *doc, at }, shape, snapshot, out)? {
        Reader { doc, at, shape, terms, out, scratch: Vec::new() }.lists()?;
    }
    Ok(())
}

struct Reader<'a> {
    doc: &'a Doc<'a>,
    at: usize,
    shape: &'a Shape,
    terms: Terms,
    out: &'a mut Message,
    scratch: Vec<u8>,
}

/// A row while it is read.
#[derive(Clone, Copy, Default)]
struct Draft {
    row: Row,
    place: Place,
    id: Option<i64>,
}

impl Reader<'_> {
    fn lists(&mut self) -> Result<()> {
        let (doc, at) = (self.doc, self.at);
        match &self.shape.lists {
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
            for row in self.doc.members(list) {
                self.row(row, side, None)?;
            }
            return Ok(());
        }
        Ok(())
    }

    fn value(&self, path: &Path, at: usize) -> Result<Option<Value<'_>>> {
        Ok(path.look(self.doc, at)?.map(|found| self.doc.value_at(found)))
    }

    fn row(&mut self, at: usize, side: Side, list_action: Option<&[u8]>) -> Result<()> {
        let shape = self.shape;
        if !matches!(self.doc.kind(at), Kind::List | Kind::Object) {
            return Err(malformed("a row is neither a list nor an object"));
        }
        let places = &shape.row;
        let mut draft = Draft { row: Row { side, ..Row::default() }, ..Draft::default() };
        if let Some(path) = &places.side {
            let word = self.value(path, at)?.ok_or_else(|| missing("a row without its side"))?;
            draft.row.side = side_word(&word, shape)?;
        }
        let mut by_action = false;
        match places.action.as_ref().map(|path| self.value(path, at)).transpose()?.flatten() {
            Some(word) if matches!(word.kind, Kind::Object | Kind::List) => {
                return Err(malformed("a row's action is no word"));
            }
            Some(word) => by_action = word.is_word(&shape.remove_words),
            None => {
                by_action |= list_action.is_some_and(|action| shape.remove_words.iter().any(|word| **word == *action))
            }
        }
        let mut removes = by_action;
        if let Some(path) = &places.count {
            match self.value(path, at)?.ok_or_else(|| missing("a row without its count"))?.whole_number(path)? {
                0 => removes = true,
                ..0 => return Err(number("a negative count")),
                _ => {}
            }
        }
        if let Some(path) = &places.id {
            let found = self.value(path, at)?.ok_or_else(|| missing("a row without its id"))?;
            draft.id = Some(found.whole_number(path)?);
        }
        draft.row.marks = if removes { REMOVES } else { 0 };
        // The sign of the size is the side: then even a removal needs it.
        let reads_size = !by_action || shape.signed;
        self.half(draft, at, places, reads_size)?;
        if let Some(asks) = &shape.both {
            draft.row.side = Side::Ask;
            self.half(draft, at, asks, reads_size)?;
        }
        Ok(())
    }

    fn half(&mut self, mut draft: Draft, at: usize, places: &RowAt, reads_size: bool) -> Result<()> {
        let found = places.price.look(self.doc, at)?;
        let is_zero = self.price(&mut draft, found)?;
        if reads_size {
            let found = places.size.look(self.doc, at)?;
            self.size(&mut draft, found)?;
        }
        if !(self.shape.skip_zero_price && is_zero) {
            self.out.rows.push(draft.row);
            self.out.ids.extend(draft.id);
            if self.terms.keep_texts {
                self.out.places.push(draft.place);
            }
        }
        Ok(())
    }

    /// Whether it is zero.
    fn price(&mut self, draft: &mut Draft, at: Option<usize>) -> Result<bool> {
        let begin = self.out.texts.len() as u32;
        draft.place = Place { price_at: begin, size_at: begin, size_end: begin };
        let Some(at) = at else {
            return if draft.id.is_some() { Ok(false) } else { Err(missing("a row without its price")) };
        };
        let value = self.decimal(at, self.terms.price_scale)?;
        self.out.set_price(&mut draft.row, value.mantissa, value.scale);
        let end = self.out.texts.len() as u32;
        (draft.place.size_at, draft.place.size_end) = (end, end);
        let is_zero = value.mantissa == 0;
        if !(is_zero && self.shape.skip_zero_price) {
            self.out.room = self.out.room.with(Room::of(&value));
        }
        Ok(is_zero)
    }

    fn size(&mut self, draft: &mut Draft, at: Option<usize>) -> Result<()> {
        let Some(at) = at else { return Err(missing("a row without its size")) };
        let value = self.decimal(at, self.terms.size_scale)?;
        if self.shape.signed {
            draft.row.side = match value.mantissa {
                0 => return Err(number("a size of zero has no side")),
                ..0 => Side::Ask,
                _ => Side::Bid,
            };
        } else if value.mantissa < 0 {
            return Err(number("a negative size"));
        }
        self.out.set_size(&mut draft.row, value.mantissa.abs(), value.scale);
        draft.place.size_end = self.out.texts.len() as u32;
        if value.mantissa == 0 {
            draft.row.marks |= REMOVES;
        }
        Ok(())
    }

    fn decimal(&mut self, at: usize, scale: i64) -> Result<Decimal> {
        let legal = match self.doc.kind(at) {
            Kind::Plain | Kind::Escaped => self.shape.text,
            Kind::Number => self.shape.json,
            _ => false,
        };
        if !legal {
            return Err(malformed("a price or size is not written as this venue writes numbers"));
        }
        let more = if self.shape.scaled { scale } else { 0 };
        let Some(text) = self.doc.value_at(at).text(&mut self.scratch) else { return Err(number("not a number")) };
        let Some(value) = Decimal::parse(text, more) else {
            return Err(number(format!("not a number of at most 38 digits: {:.60}", String::from_utf8_lossy(text))));
        };
        if self.terms.keep_texts {
            self.out.texts.extend_from_slice(text);
        }
        Ok(value)
    }
}

fn side_word(word: &Value, shape: &Shape) -> Result<Side> {
    if word.is_text() {
        if word.is_word(&shape.bid_words) {
            return Ok(Side::Bid);
        }
        if word.is_word(&shape.ask_words) {
            return Ok(Side::Ask);
        }
    }
    Err(malformed("a row's side is no known word"))
}

#[cfg(test)]
mod tests;
