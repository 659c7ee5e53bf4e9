//! Rows in passing. Nearly all are texts in their usual form, price before size, without spaces: `pairs` reads these.

use super::Pass;
use crate::json::MAX_DEPTH;
use crate::message::{NARROW_SIZE, PRICED, REMOVES, Room, Row, Side};
use crate::number::{Decimal, Guess, Usual, usual, usual_and_long};
use crate::program::{Asked, Cell, Node, Row as By, Then, Whose};

/// From one text to the next.
const NEXT: [u8; 3] = *b"\",\"";

impl Pass<'_> {
    /// None: these are no regular rows.
    pub fn rows(&mut self, whose: Whose, depth: usize) -> Option<()> {
        if self.at.byte() != b'[' || depth + 2 > MAX_DEPTH {
            return None;
        }
        let side = match whose {
            Whose::Bids | Whose::Asks => {
                let seen = &mut self.sides[usize::from(whose == Whose::Asks)];
                if std::mem::replace(seen, true) {
                    return None;
                }
                if whose == Whose::Bids { Side::Bid } else { Side::Ask }
            }
            Whose::Rows => Side::Bid,
        };
        self.at.at += 1;
        if self.at.peek() == b']' {
            self.at.at += 1;
            return Some(());
        }
        let terms = self.terms;
        match &terms.row {
            By::List(cells) => {
                let is_sided = match **cells {
                    _ if !terms.text => None,
                    [Cell::Price, Cell::Size] => Some(false),
                    [Cell::Side, Cell::Price, Cell::Size] => Some(true),
                    _ => None,
                };
                loop {
                    if is_sided.is_some_and(|is_sided| self.pairs(side, is_sided)) {
                        return Some(());
                    }
                    let mut row = Row { side, ..Row::default() };
                    self.list_row(cells, &mut row, depth + 2)?;
                    self.push(row);
                    if !self.at.goes_on(b']')? {
                        return Some(());
                    }
                    self.at.peek();
                }
            }
            By::Object(node) => loop {
                let mut row = Row { side, ..Row::default() };
                self.object_row(*node, &mut row, depth + 2)?;
                self.push(row);
                if !self.at.goes_on(b']')? {
                    return Some(());
                }
            },
        }
    }

    /// As many rows as are in the usual form. True: behind the end of the list; false: at a row of another form.
    fn pairs(&mut self, side: Side, is_sided: bool) -> bool {
        let (cursor, rows) = (&mut self.at, &mut self.out.rows);
        let (mut side, mut room, mut guess) = (side, self.room, Guess::default());
        // Where the row begins; its first text begins two bytes later.
        let mut begin = cursor.at;
        let is_over = cursor.is_at(begin, *b"[\"")
            && loop {
                let mut at = begin + 2;
                let row = 'row: {
                    if is_sided {
                        let Some(length) = cursor.short(at) else { break 'row None };
                        let Some(said) = self.terms.side(cursor.slice(at, at + length)) else { break 'row None };
                        side = said;
                        at += length;
                        if !cursor.is_at(at, NEXT) {
                            break 'row None;
                        }
                        at += 3;
                    }
                    let Some(price) = usual(at, |at| cursor.word(at), Some(&mut guess)) else { break 'row None };
                    if !cursor.is_at(price.end, NEXT) {
                        break 'row None;
                    }
                    let Some(size) = usual(price.end + 3, |at| cursor.word(at), None) else { break 'row None };
                    at = size.end;
                    // Texts that nobody asked for. Mostly of one digit: then it need not be measured before what follows is
                    // looked at.
                    while cursor.is_at(at, NEXT) {
                        if cursor.byte_at(at + 3).is_ascii_digit() && cursor.byte_at(at + 4) == b'"' {
                            at += 4;
                            continue;
                        }
                        let Some(length) = cursor.short(at + 3) else { break 'row None };
                        at += 3 + length;
                    }
                    let goes_on = cursor.is_at(at, *b"\"],[\"");
                    // A list that goes on in another way is looked at more closely.
                    (goes_on || cursor.is_at(at, *b"\"]]")).then_some((price, size, goes_on))
                };
                let Some((price, size, goes_on)) = row else { break false };
                if price.mantissa != 0 || !self.terms.skip_zero_price {
                    let needs = Room { scale: price.scale, digits: price.digits };
                    if needs != room {
                        room = room.with(needs);
                    }
                    rows.push(Row {
                        price: price.mantissa as i64,
                        size: size.mantissa as i64, // 15 digits are below `NARROW_SIZE`
                        price_scale: price.scale as i8,
                        size_scale: size.scale as i8,
                        side,
                        marks: PRICED | if size.mantissa == 0 { REMOVES } else { 0 },
                    });
                }
                begin = at + 3;
                if !goes_on {
                    break true;
                }
            };
        cursor.at = begin;
        self.room = room;
        is_over
    }

    #[inline]
    fn push(&mut self, row: Row) {
        if !(self.terms.skip_zero_price && self.out.price(&row) == 0) {
            self.out.rows.push(row);
        }
    }

    fn list_row(&mut self, cells: &[Cell], row: &mut Row, depth: usize) -> Option<()> {
        self.at.expect(b'[')?;
        let mut goes_on = true;
        for cell in cells {
            if !goes_on {
                return None;
            }
            self.cell(*cell, row, depth)?;
            goes_on = self.at.goes_on(b']')?;
        }
        while goes_on {
            self.at.skip(depth)?;
            goes_on = self.at.goes_on(b']')?;
        }
        Some(())
    }

    #[inline]
    fn object_row(&mut self, node: usize, row: &mut Row, depth: usize) -> Option<()> {
        self.at.expect(b'{')?;
        self.at.peek();
        let Node::Object(members) = &self.nodes[node] else { return None };
        let mut seen = 0;
        for position in 0.. {
            let Asked { bit, code } = self.key(node, position)?;
            if seen & bit != 0 {
                return None;
            }
            seen |= bit;
            match code.then() {
                Then::Cell(cell) => self.cell(cell, row, depth)?,
                _ => self.at.skip(depth).map(|_| ())?,
            }
            if !self.at.goes_on(b'}')? {
                break;
            }
            self.at.peek();
        }
        // Each of them is needed.
        (seen.count_ones() as usize == members.asked.len()).then_some(())
    }

    #[inline]
    fn cell(&mut self, cell: Cell, row: &mut Row, depth: usize) -> Option<()> {
        match cell {
            Cell::Price => self.price(row),
            Cell::Size => self.size(row),
            Cell::Side => {
                self.at.peek();
                let ((start, end), is_plain) = self.at.string()?;
                is_plain.then_some(())?;
                row.side = self.terms.side(self.at.slice(start, end))?;
                Some(())
            }
            Cell::Other => self.at.skip(depth).map(|_| ()),
        }
    }

    #[inline]
    fn price(&mut self, row: &mut Row) -> Option<()> {
        let begin = self.begin()?;
        let (room, is_zero) = match self.number(begin) {
            Some(number) => {
                row.price = number.mantissa as i64; // 18 digits at most
                row.price_scale = number.scale as i8;
                row.marks |= PRICED;
                (Room { scale: number.scale, digits: number.digits }, number.mantissa == 0)
            }
            None => {
                let value = self.rare_number(begin)?;
                self.out.set_price(row, value.mantissa, value.scale);
                (Room::of(&value), value.mantissa == 0)
            }
        };
        if !(self.terms.skip_zero_price && is_zero) {
            self.room = self.room.with(room);
        }
        Some(())
    }

    #[inline]
    fn size(&mut self, row: &mut Row) -> Option<()> {
        let begin = self.begin()?;
        let is_zero = match self.number(begin) {
            Some(number) if number.mantissa < NARROW_SIZE => {
                row.size = number.mantissa as i64;
                row.size_scale = number.scale as i8;
                number.mantissa == 0
            }
            _ => {
                let value = self.rare_number(begin)?;
                if value.mantissa < 0 {
                    return None;
                }
                self.out.set_size(row, value.mantissa, value.scale);
                value.mantissa == 0
            }
        };
        if is_zero {
            row.marks |= REMOVES;
        }
        Some(())
    }

    /// Where the number begins that stands here; behind its quote, if it has one.
    #[inline]
    fn begin(&mut self) -> Option<usize> {
        let is_quoted = self.at.peek() == b'"';
        self.at.at += usize::from(is_quoted);
        (if is_quoted { self.terms.text } else { self.terms.json }).then_some(self.at.at)
    }

    fn is_quoted(&self, begin: usize) -> bool {
        begin > 0 && self.at.byte_at(begin - 1) == b'"'
    }

    /// The number in its usual form.
    #[inline]
    fn number(&mut self, begin: usize) -> Option<Usual> {
        let number =
            usual(begin, |at| self.at.word(at), None).or_else(|| usual_and_long(begin, |at| self.at.word(at)))?;
        self.at.at = number.end;
        if self.is_quoted(begin) {
            return (number.next == b'"').then(|| self.at.at += 1).map(|()| number);
        }
        matches!(number.next, b',' | b']' | b'}' | b' ' | b'\t' | b'\n' | b'\r').then_some(number)
    }

    /// The number in any form; not where its text may be wanted.
    #[cold]
    fn rare_number(&mut self, begin: usize) -> Option<Decimal> {
        (!self.terms.keep_texts).then_some(())?;
        self.at.at = begin;
        if self.is_quoted(begin) {
            self.at.at -= 1;
            let ((start, end), is_plain) = self.at.string()?;
            is_plain.then(|| Decimal::parse(self.at.slice(start, end), 0))?
        } else {
            self.at.bare_number()?;
            Decimal::parse(self.at.slice(begin, self.at.at), 0)
        }
    }
}
