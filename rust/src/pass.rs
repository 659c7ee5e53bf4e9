//! One pass over a frame, led by a program: the frame is validated as JSON, the values that the program asks for are
//! remembered, and rows become numbers where they stand.
//!
//! It knows what is regular, and gives up on everything else without a word: `json.rs` and `decode.rs` then read the frame
//! from its beginning, and say what is wrong with it. What a pass does accept, they would read the same.

use crate::facts::{Look, Value};
use crate::fault::Result;
use crate::json::{Kind, MAX_DEPTH, hex4};
use crate::message::{Message, NARROW_SIZE, PRICED, Place, REMOVES, Room, Row, Side};
use crate::number::{Decimal, Digits, digits_of};
use crate::program::{Cell, Glance, Node, Program, Row as RowBy, SLOTS, Then, Whose};
use crate::shape::{NO_SLOT, Path, Words};

/// So many zeros follow the frame: eight bytes may be read at each of its places, and a zero is legal nowhere.
pub const PAD: usize = 8;

/// A value that was passed: its kind (None: it was not there) and its bytes.
#[derive(Clone, Copy, Debug, Default)]
pub struct Found {
    kind: Option<Kind>,
    start: u32,
    end: u32,
}

pub type Slots = [Found; SLOTS];

/// A message that was passed, to be looked at.
#[derive(Clone, Copy)]
pub struct Passed<'a> {
    pub bytes: &'a [u8],
    pub slots: &'a Slots,
}

impl<'a> Passed<'a> {
    /// The texts at the route's paths, joined by one space; None where one of them is no text.
    #[inline]
    pub fn topic<'t>(&self, route: &[Path], joined: &'t mut Vec<u8>) -> Option<&'t [u8]>
    where
        'a: 't,
    {
        let part = |path: &Path| {
            let found = self.slots[usize::from(path.slot)];
            let is_text = matches!(found.kind, Some(Kind::Plain | Kind::Number));
            is_text.then(|| &self.bytes[found.start as usize..found.end as usize])
        };
        if let [path] = route {
            return part(path);
        }
        joined.clear();
        for (index, path) in route.iter().enumerate() {
            if index > 0 {
                joined.push(b' ');
            }
            joined.extend_from_slice(part(path)?);
        }
        Some(joined)
    }
}

impl Look for Passed<'_> {
    #[inline]
    fn look(&self, path: &Path) -> Result<Option<Value<'_>>> {
        let found = self.slots[usize::from(path.slot)];
        let kind = found.kind.filter(|kind| *kind != Kind::Null);
        Ok(kind.map(|kind| Value { kind, raw: &self.bytes[found.start as usize..found.end as usize] }))
    }

    fn leads(&self, path: &Path) -> Result<bool> {
        Ok(self.slots[usize::from(path.slot)].kind.is_some())
    }

    fn nests(&self, _: &Path) -> Result<Option<bool>> {
        unreachable!("a shape that asks this is not compiled")
    }
}

/// Leads through `padded` (the frame, and `PAD` zeros). None: not regular. False: regular JSON, but the rows are not.
pub fn run(padded: &[u8], program: &mut Program, slots: &mut Slots, out: &mut Message) -> Option<bool> {
    slots.fill(Found::default());
    let Program { shape, nodes, row, keep_texts, routes_from_root, .. } = program;
    let mut pass = Pass {
        bytes: padded,
        at: 0,
        nodes,
        row,
        slots,
        out,
        room: Room::default(),
        text: shape.text,
        json: shape.json,
        keep_texts: *keep_texts,
        routes_from_root: *routes_from_root,
        skip_zero_price: shape.skip_zero_price,
        bid_words: &shape.bid_words,
        ask_words: &shape.ask_words,
        is_ascii: true,
        is_regular: true,
        sides: [false; 2],
    };
    pass.space();
    pass.inside(0, 0)?;
    pass.space();
    let end = padded.len() - PAD;
    if pass.at != end || (!pass.is_ascii && std::str::from_utf8(&padded[..end]).is_err()) {
        return None;
    }
    let (room, is_regular) = (pass.room, pass.is_regular);
    out.room = room;
    Some(is_regular)
}

struct Pass<'a> {
    bytes: &'a [u8],
    at: usize,
    nodes: &'a mut [Node],
    row: &'a RowBy,
    slots: &'a mut Slots,
    out: &'a mut Message,
    room: Room,
    text: bool,
    json: bool,
    keep_texts: bool,
    routes_from_root: bool,
    skip_zero_price: bool,
    bid_words: &'a Words,
    ask_words: &'a Words,
    is_ascii: bool,
    is_regular: bool,
    /// Whether the bids, the asks were found: of two alternatives that are both there only the first counts.
    sides: [bool; 2],
}

impl Pass<'_> {
    #[inline]
    fn byte(&self) -> u8 {
        self.bytes.get(self.at).copied().unwrap_or(0)
    }

    #[inline]
    fn word(&self, at: usize) -> u64 {
        let eight = self.bytes.get(at..at + 8);
        eight.map_or(0, |eight| u64::from_le_bytes(eight.try_into().expect("eight bytes")))
    }

    #[inline]
    fn space(&mut self) {
        while matches!(self.byte(), b' ' | b'\t' | b'\n' | b'\r') {
            self.at += 1;
        }
    }

    /// The next byte that is no space.
    #[inline]
    fn next(&mut self) -> u8 {
        if self.byte() <= b' ' {
            self.space();
        }
        self.byte()
    }

    #[inline]
    fn expect(&mut self, byte: u8) -> Option<()> {
        (self.next() == byte).then(|| self.at += 1)
    }

    /// A comma (true), or the end of what is open.
    #[inline]
    fn goes_on(&mut self, end: u8) -> Option<bool> {
        let byte = self.next();
        self.at += 1;
        if byte == b',' { Some(true) } else { (byte == end).then_some(false) }
    }

    /// An object or list that is looked into; another value is passed over. `depth` brackets are open.
    fn inside(&mut self, node: usize, depth: usize) -> Option<Kind> {
        let byte = self.next();
        match &self.nodes[node] {
            Node::Object(_) if byte == b'{' && depth < MAX_DEPTH => self.object(node, depth + 1).map(|()| Kind::Object),
            Node::List(_) if byte == b'[' && depth < MAX_DEPTH => self.list(node, depth + 1).map(|()| Kind::List),
            _ => self.skip(depth),
        }
    }

    fn object(&mut self, node: usize, depth: usize) -> Option<()> {
        self.at += 1;
        if self.next() == b'}' {
            self.at += 1;
            return Some(());
        }
        let mut seen = 0u64;
        for position in 0.. {
            let member = self.key(node, position)?;
            if member == Glance::NONE {
                self.skip(depth)?;
            } else {
                let bit = 1 << (member % 64);
                if seen & bit != 0 {
                    return None;
                }
                seen |= bit;
                let Node::Object(members) = &self.nodes[node] else { return None };
                let (_, member) = &members.asked[usize::from(member)];
                let (slot, then) = (member.slot, member.then);
                self.value(slot, then, depth)?;
            }
            if !self.goes_on(b'}')? {
                break;
            }
            self.next();
        }
        Some(())
    }

    fn list(&mut self, node: usize, depth: usize) -> Option<()> {
        self.at += 1;
        if self.next() == b']' {
            self.at += 1;
            return Some(());
        }
        for index in 0.. {
            let Node::List(members) = &self.nodes[node] else { return None };
            match members.get(index) {
                Some(member) => {
                    let (slot, then) = (member.slot, member.then);
                    self.value(slot, then, depth)?;
                }
                None => {
                    self.skip(depth)?;
                }
            }
            if !self.goes_on(b']')? {
                break;
            }
        }
        Some(())
    }

    /// The key that stands here, and its colon: which member it is, or `NONE`.
    #[inline]
    fn key(&mut self, node: usize, position: usize) -> Option<u8> {
        let Node::Object(members) = &self.nodes[node] else { return None };
        if let Some(glance) = members.glances.get(position) {
            if glance.is_at(|ahead| self.word(self.at + ahead)) {
                self.at += usize::from(glance.len);
                return Some(glance.member);
            }
        }
        self.strange_key(node, position)
    }

    #[cold]
    fn strange_key(&mut self, node: usize, position: usize) -> Option<u8> {
        let begin = self.at;
        let (key, is_plain) = self.string()?;
        if !is_plain {
            return None;
        }
        let is_close = self.byte() == b':';
        self.expect(b':')?;
        let bytes = self.bytes;
        let Node::Object(members) = &mut self.nodes[node] else { return None };
        Some(members.find(&bytes[key.0..key.1], position, is_close.then(|| &bytes[begin..self.at])))
    }

    #[inline]
    fn value(&mut self, slot: u8, then: Then, depth: usize) -> Option<()> {
        self.next();
        let start = self.at;
        let kind = match then {
            Then::Nothing => self.skip(depth)?,
            Then::Node(node) => self.inside(node, depth)?,
            Then::Message(node) => {
                self.expect(b'[')?;
                if self.next() == b']' || depth + 1 >= MAX_DEPTH {
                    return None;
                }
                self.inside(node, depth + 1)?;
                while self.goes_on(b']')? {
                    // Each message would need slots of its own. Their topic, at least, is known where they have one.
                    self.is_regular = false;
                    self.routes_from_root.then(|| self.skip(depth + 1))??;
                }
                Kind::List
            }
            Then::Rows(whose) => match self.rows(whose, depth) {
                Some(()) => Kind::List,
                None => {
                    self.at = start;
                    let kind = self.skip(depth)?;
                    self.is_regular &= kind == Kind::Null;
                    kind
                }
            },
            Then::Cell(_) => return None,
        };
        if slot != NO_SLOT {
            if kind == Kind::Escaped {
                return None;
            }
            let quote = usize::from(kind == Kind::Plain);
            let (start, end) = ((start + quote) as u32, (self.at - quote) as u32);
            self.slots[usize::from(slot)] = Found { kind: Some(kind), start, end };
        }
        Some(())
    }

    // Rows -----------------------------------------------------------------------------------------

    /// None: these are no regular rows.
    fn rows(&mut self, whose: Whose, depth: usize) -> Option<()> {
        if self.byte() != b'[' {
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
        if depth + 2 > MAX_DEPTH {
            return None;
        }
        self.expect(b'[')?;
        if self.next() == b']' {
            self.at += 1;
            return Some(());
        }
        let by = self.row;
        loop {
            let mut row = Row { side, ..Row::default() };
            let mut place = Place::default();
            match by {
                RowBy::List(cells) => self.list_row(cells, &mut row, &mut place, depth + 2)?,
                RowBy::Object(node) => self.object_row(*node, &mut row, &mut place, depth + 2)?,
            }
            if !(self.skip_zero_price && self.out.price(&row) == 0) {
                self.out.rows.push(row);
                if self.keep_texts {
                    self.out.places.push(place);
                }
            }
            if !self.goes_on(b']')? {
                return Some(());
            }
        }
    }

    #[inline]
    fn list_row(&mut self, cells: &[Cell], row: &mut Row, place: &mut Place, depth: usize) -> Option<()> {
        self.expect(b'[')?;
        let mut goes_on = true;
        for cell in cells {
            if !goes_on {
                return None;
            }
            self.cell(*cell, row, place, depth)?;
            goes_on = self.goes_on(b']')?;
        }
        while goes_on {
            self.skip(depth)?;
            goes_on = self.goes_on(b']')?;
        }
        Some(())
    }

    #[inline]
    fn object_row(&mut self, node: usize, row: &mut Row, place: &mut Place, depth: usize) -> Option<()> {
        self.expect(b'{')?;
        self.next();
        let mut seen = 0u64;
        for position in 0.. {
            let member = self.key(node, position)?;
            if member == Glance::NONE {
                self.skip(depth)?;
            } else {
                let bit = 1 << (member % 64);
                let Node::Object(members) = &self.nodes[node] else { return None };
                let Then::Cell(cell) = members.asked[usize::from(member)].1.then else { return None };
                if seen & bit != 0 {
                    return None;
                }
                seen |= bit;
                self.cell(cell, row, place, depth)?;
            }
            if !self.goes_on(b'}')? {
                break;
            }
            self.next();
        }
        let Node::Object(members) = &self.nodes[node] else { return None };
        // Each of them is needed.
        (seen.count_ones() as usize == members.asked.len()).then_some(())
    }

    #[inline]
    fn cell(&mut self, cell: Cell, row: &mut Row, place: &mut Place, depth: usize) -> Option<()> {
        match cell {
            Cell::Price => self.price(row, place),
            Cell::Size => self.size(row, place),
            Cell::Side => {
                self.next();
                let ((start, end), is_plain) = self.string()?;
                let word = &self.bytes[start..end];
                let is_in = |words: &Words| words.iter().any(|known| **known == *word);
                row.side = match (is_plain, is_in(self.bid_words)) {
                    (false, _) => return None,
                    (_, true) => Side::Bid,
                    (_, false) => is_in(self.ask_words).then_some(Side::Ask)?,
                };
                Some(())
            }
            Cell::Other => self.skip(depth).map(|_| ()),
        }
    }

    #[inline]
    fn price(&mut self, row: &mut Row, place: &mut Place) -> Option<()> {
        let begin = self.begin()?;
        let (room, is_zero) = match self.number(begin) {
            Some(number) => {
                row.price = number.mantissa as i64; // below 10^18
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
        if !(self.skip_zero_price && is_zero) {
            self.room = self.room.with(room);
        }
        if self.keep_texts {
            (place.price_at, place.size_at) = self.keep(begin);
        }
        Some(())
    }

    #[inline]
    fn size(&mut self, row: &mut Row, place: &mut Place) -> Option<()> {
        let begin = self.begin()?;
        let is_zero = match self.number(begin) {
            Some(number) if number.mantissa < NARROW_SIZE => {
                row.size = number.mantissa as i64;
                row.size_scale = number.scale as i8;
                number.mantissa == 0
            }
            found => {
                if found.is_some() {
                    self.at = begin;
                }
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
        if self.keep_texts {
            (place.size_at, place.size_end) = self.keep(begin);
            // A size that stands before its price: their texts would be kept the wrong way round.
            if place.size_at < place.price_at || row.marks & PRICED == 0 {
                return None;
            }
        }
        Some(())
    }

    /// Where the number begins that stands here; behind its quote, if it has one.
    #[inline]
    fn begin(&mut self) -> Option<usize> {
        let is_quoted = self.next() == b'"';
        self.at += usize::from(is_quoted);
        (if is_quoted { self.text } else { self.json }).then_some(self.at)
    }

    /// The number in its usual form: digits, perhaps a point and more of them, 18 at most.
    #[inline]
    fn number(&mut self, begin: usize) -> Option<Digits> {
        let digits = digits_of(self.word(begin), |ahead| self.word(begin + ahead))?;
        let end = begin + digits.len;
        self.at = end;
        let behind = self.byte();
        if begin > 0 && self.bytes[begin - 1] == b'"' {
            self.at += 1;
            return (behind == b'"').then_some(digits);
        }
        matches!(behind, b',' | b']' | b'}' | b' ' | b'\t' | b'\n' | b'\r').then_some(digits)
    }

    /// The number in any form.
    #[cold]
    fn rare_number(&mut self, begin: usize) -> Option<Decimal> {
        self.at = begin;
        let raw = if begin > 0 && self.bytes[begin - 1] == b'"' {
            self.at -= 1;
            let ((start, end), is_plain) = self.string()?;
            is_plain.then(|| &self.bytes[start..end])?
        } else {
            self.bare_number()?;
            &self.bytes[begin..self.at]
        };
        Decimal::parse(raw, 0)
    }

    /// Keeps the text of the number that ends here: where it begins and ends in `texts`.
    fn keep(&mut self, begin: usize) -> (u32, u32) {
        let is_quoted = begin > 0 && self.bytes[begin - 1] == b'"';
        let texts = &mut self.out.texts;
        let from = texts.len() as u32;
        texts.extend_from_slice(&self.bytes[begin..self.at - usize::from(is_quoted)]);
        (from, texts.len() as u32)
    }

    // What nobody asked for ------------------------------------------------------------------------

    /// Passes over a value and says what it was. `depth` brackets are open.
    fn skip(&mut self, depth: usize) -> Option<Kind> {
        match self.next() {
            b'"' => self.string().map(|(_, is_plain)| if is_plain { Kind::Plain } else { Kind::Escaped }),
            b'-' | b'0'..=b'9' => self.bare_number().map(|()| Kind::Number),
            b'{' => self.skip_members(depth + 1, b'}').map(|()| Kind::Object),
            b'[' => self.skip_members(depth + 1, b']').map(|()| Kind::List),
            b't' => self.literal(b"true").map(|()| Kind::True),
            b'f' => self.literal(b"false").map(|()| Kind::False),
            b'n' => self.literal(b"null").map(|()| Kind::Null),
            _ => None,
        }
    }

    fn skip_members(&mut self, depth: usize, end: u8) -> Option<()> {
        if depth > MAX_DEPTH {
            return None;
        }
        self.at += 1;
        if self.next() == end {
            self.at += 1;
            return Some(());
        }
        loop {
            if end == b'}' {
                self.next();
                self.string()?;
                self.expect(b':')?;
            }
            self.skip(depth)?;
            if !self.goes_on(end)? {
                return Some(());
            }
        }
    }

    fn literal(&mut self, word: &[u8]) -> Option<()> {
        self.bytes[self.at..].starts_with(word).then(|| self.at += word.len())
    }

    /// The string that begins here: where its inside is, and whether it is without escapes.
    #[inline]
    fn string(&mut self) -> Option<((usize, usize), bool)> {
        const ONES: u64 = 0x0101_0101_0101_0101;
        const HIGH: u64 = 0x8080_8080_8080_8080;
        if self.byte() != b'"' {
            return None;
        }
        let start = self.at + 1;
        let mut at = start;
        let mut is_plain = true;
        loop {
            let x = self.word(at);
            // `(v - ONES) & !v & HIGH` marks zero bytes; a borrow can only mark bytes above a true one, and the lowest counts.
            let zero = |v: u64| v.wrapping_sub(ONES) & !v;
            let control = x.wrapping_sub(ONES * 0x20) & !x;
            let found = (zero(x ^ (ONES * u64::from(b'"'))) | zero(x ^ (ONES * u64::from(b'\\'))) | control | x) & HIGH;
            if found == 0 {
                at += 8;
                continue;
            }
            at += (found.trailing_zeros() / 8) as usize;
            match self.bytes.get(at)? {
                b'"' => break,
                b'\\' => {
                    is_plain = false;
                    at += match self.bytes.get(at + 1)? {
                        b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' => 2,
                        b'u' if hex4(self.bytes, at + 2).is_some() => 6,
                        _ => return None,
                    };
                }
                0x80.. => {
                    self.is_ascii = false;
                    at += 1;
                }
                _ => return None,
            }
        }
        self.at = at + 1;
        Some(((start, at), is_plain))
    }

    /// A number as JSON has it.
    #[inline]
    fn bare_number(&mut self) -> Option<()> {
        self.at += usize::from(self.byte() == b'-');
        let first = self.byte();
        let digits = self.digits();
        if digits == 0 || (digits > 1 && first == b'0') {
            return None;
        }
        if self.byte() == b'.' {
            self.at += 1;
            (self.digits() > 0).then_some(())?;
        }
        if let b'e' | b'E' = self.byte() {
            self.at += 1;
            self.at += usize::from(matches!(self.byte(), b'+' | b'-'));
            (self.digits() > 0).then_some(())?;
        }
        Some(())
    }

    #[inline]
    fn digits(&mut self) -> usize {
        let start = self.at;
        while self.byte().is_ascii_digit() {
            self.at += 1;
        }
        self.at - start
    }
}
