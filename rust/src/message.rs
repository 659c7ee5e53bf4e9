//! What a message says, before anything of it is applied: its ids, its time, its rows.

use crate::number::{Decimal, LIMIT};

#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Hash)]
pub enum Side {
    #[default]
    Bid,
    Ask,
}

/// The level goes.
pub const REMOVES: u8 = 1;
/// Without it the price is still to be looked up by id.
pub const PRICED: u8 = 2;
/// The number stands in the message's `wides`, at the place that the row has instead.
const WIDE_PRICE: u8 = 4;
const WIDE_SIZE: u8 = 8;

/// Sizes below this are kept with their scale in one word of 64 bits.
pub const NARROW_SIZE: u64 = 1 << 55;

/// One level as a message writes it, in 24 bytes. The numbers are read by `Message::price` and `Message::size`.
#[derive(Clone, Copy, Debug, Default)]
pub struct Row {
    pub price: i64,
    pub size: i64,
    pub price_scale: i8,
    pub size_scale: i8,
    pub side: Side,
    pub marks: u8,
}

impl Row {
    #[inline]
    pub fn removes(&self) -> bool {
        self.marks & REMOVES != 0
    }

    #[inline]
    pub fn is_priced(&self) -> bool {
        self.marks & PRICED != 0
    }

    /// Whether both numbers are the row's own.
    #[inline]
    pub fn is_narrow(&self) -> bool {
        self.marks & (WIDE_PRICE | WIDE_SIZE) == 0
    }
}

/// A row whose numbers are not written as anybody would write them, and where these stand in the message's `texts`.
#[derive(Clone, Copy, Debug, Default)]
pub struct Odd {
    pub row: usize,
    pub price_at: usize,
    pub size_at: usize,
    pub size_end: usize,
}

/// How much room prices need: the largest scale, and the most digits before the point.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Room {
    pub scale: u8,
    pub digits: u8,
}

impl Room {
    #[inline]
    pub fn of(price: &Decimal) -> Room {
        Room { scale: price.scale.max(0) as u8, digits: price.digits }
    }

    #[inline]
    pub fn with(self, other: Room) -> Room {
        Room { scale: self.scale.max(other.scale), digits: self.digits.max(other.digits) }
    }

    #[inline]
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
    /// One a row where rows have ids, else empty.
    pub ids: Vec<i64>,
    /// Rows whose texts a checksum may want, by number.
    pub odds: Vec<Odd>,
    pub texts: Vec<u8>,
    pub wides: Vec<i128>,
    pub room: Room,
    /// Some size needs more than `NARROW_SIZE`.
    pub wide: bool,
}

/// What a book adds to a shape.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Terms {
    pub price_scale: i64,
    pub size_scale: i64,
    pub keep_texts: bool,
}

impl Message {
    /// Nothing, in the memory that it has.
    #[inline]
    pub fn clear(&mut self) {
        self.what = What::Ignored;
        (self.first, self.last, self.prev, self.venue_ns) = (None, None, None, None);
        self.received_ns = 0;
        self.checksum = None;
        self.rows.clear();
        self.ids.clear();
        self.odds.clear();
        self.texts.clear();
        self.wides.clear();
        self.room = Room::default();
        self.wide = false;
    }

    #[inline]
    pub fn price(&self, row: &Row) -> i128 {
        if row.marks & WIDE_PRICE == 0 { i128::from(row.price) } else { self.wides[row.price as usize] }
    }

    #[inline]
    pub fn size(&self, row: &Row) -> i128 {
        if row.marks & WIDE_SIZE == 0 { i128::from(row.size) } else { self.wides[row.size as usize] }
    }

    /// A row's price and size as sent, where these are written oddly.
    pub fn odd(&self, row: usize) -> Option<(&[u8], &[u8])> {
        if self.odds.is_empty() {
            return None;
        }
        let odd = &self.odds[self.odds.binary_search_by_key(&row, |odd| odd.row).ok()?];
        Some((&self.texts[odd.price_at..odd.size_at], &self.texts[odd.size_at..odd.size_end]))
    }

    /// Writes the price into the row; a number that is too wide for it goes to `wides`.
    pub fn set_price(&mut self, row: &mut Row, mantissa: i128, scale: i8) {
        row.price_scale = scale;
        row.marks = (row.marks & !WIDE_PRICE) | PRICED;
        if let Ok(price) = i64::try_from(mantissa) {
            row.price = price;
        } else {
            row.marks |= WIDE_PRICE;
            row.price = self.put_aside(mantissa);
        }
    }

    /// Writes the size, which is not negative. Zeros at its end are taken off where it is narrow without them, and is still a
    /// number with a scale of ours.
    pub fn set_size(&mut self, row: &mut Row, mut mantissa: i128, mut scale: i8) {
        let is_wide = |mantissa: i128| mantissa.unsigned_abs() >= u128::from(NARROW_SIZE);
        if is_wide(mantissa) {
            let given = (mantissa, scale);
            while is_wide(mantissa) && mantissa % 10 == 0 && i64::from(scale) > -LIMIT {
                mantissa /= 10;
                scale -= 1;
            }
            if is_wide(mantissa) {
                (mantissa, row.size_scale) = given;
                row.marks |= WIDE_SIZE;
                row.size = self.put_aside(mantissa);
                self.wide = true;
                return;
            }
        }
        row.size_scale = scale;
        row.size = mantissa as i64;
    }

    #[cold]
    fn put_aside(&mut self, number: i128) -> i64 {
        self.wides.push(number);
        self.wides.len() as i64 - 1
    }
}
