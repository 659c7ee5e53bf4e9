//! Both sides of a book, sorted with the best level at the end, where nearly all changes happen.
//!
//! Keys are signed: an ask's price is negated, so that both sides ascend towards their best and share their code.
//! The prices of a book share one scale, a size keeps its own. Numbers are of 64 bits (narrow); a book in which
//! something does not fit is rewritten with 128 bits (wide), by the same code.

use crate::decode::{Message, Room, Row, Side};
use crate::number::{POW10, double, reduce};

/// A price or size of 64 or 128 bits.
pub trait Width: Copy + Ord {
    fn of(value: i128) -> Self;
    fn wide(self) -> i128;
    /// The caller has made sure that it fits.
    fn times_ten_to(self, power: usize) -> Self;
    fn negated(self) -> Self;
}

impl Width for i64 {
    #[inline]
    fn of(value: i128) -> i64 {
        i64::try_from(value).expect("what is wider went to the wide form")
    }
    #[inline]
    fn wide(self) -> i128 {
        i128::from(self)
    }
    #[inline]
    fn times_ten_to(self, power: usize) -> i64 {
        const TENS: [i64; 19] = {
            let mut table = [1; 19];
            let mut at = 1;
            while at < 19 {
                table[at] = table[at - 1] * 10;
                at += 1;
            }
            table
        };
        if self == 0 { 0 } else { self.checked_mul(TENS[power]).expect("prices fit together") }
    }
    #[inline]
    fn negated(self) -> i64 {
        -self
    }
}

impl Width for i128 {
    fn of(value: i128) -> i128 {
        value
    }
    fn wide(self) -> i128 {
        self
    }
    fn times_ten_to(self, power: usize) -> i128 {
        if self == 0 { 0 } else { self.checked_mul(POW10[power]).expect("prices fit together") }
    }
    fn negated(self) -> i128 {
        -self
    }
}

#[derive(Clone, Copy, Debug)]
pub struct Level<N> {
    key: N,
    size: N,
    scale: i8,
}

/// A level's price and size as sent.
#[derive(Clone, Debug, Default)]
pub struct Texts {
    bytes: Box<[u8]>,
    split: usize,
}

impl Texts {
    fn of(row: &Row, texts: &[u8]) -> Texts {
        let (start, split, end) = (row.price_at as usize, row.size_at as usize, row.size_end as usize);
        Texts { bytes: texts[start..end].into(), split: split - start }
    }

    /// For a row whose price was looked up by its id.
    fn with_size(&self, size: &[u8]) -> Texts {
        Texts { bytes: [self.price(), size].concat().into(), split: self.split }
    }

    pub fn price(&self) -> &[u8] {
        &self.bytes[..self.split]
    }

    pub fn size(&self) -> &[u8] {
        &self.bytes[self.split..]
    }
}

#[derive(Clone, Debug)]
struct Half<N> {
    levels: Vec<Level<N>>,
    /// Parallel to `levels`, or empty where no checksum wants them.
    texts: Vec<Texts>,
}

impl<N: Width> Half<N> {
    fn new() -> Half<N> {
        Half { levels: Vec::new(), texts: Vec::new() }
    }

    /// Where the key is, or where it would stand. Searched from the best end, in growing windows.
    #[inline]
    fn place(&self, key: N) -> Result<usize, usize> {
        let mut from = 0;
        for window in [32, 256] {
            let start = self.levels.len().saturating_sub(window);
            if start == 0 {
                break;
            }
            if self.levels[start].key <= key {
                from = start;
                break;
            }
        }
        match self.levels[from..].binary_search_by(|level| level.key.cmp(&key)) {
            Ok(at) => Ok(from + at),
            Err(at) => Err(from + at),
        }
    }

    /// False for the removal of a level that is not there.
    #[inline]
    fn put(&mut self, level: Level<N>, row: &Row, texts: Option<&[u8]>) -> bool {
        match (self.place(level.key), row.removes) {
            (Ok(at), true) => {
                self.levels.remove(at);
                if texts.is_some() {
                    self.texts.remove(at);
                }
            }
            (Err(_), true) => return false,
            (Ok(at), false) => {
                self.levels[at] = level;
                if let Some(texts) = texts {
                    let new = Texts::of(row, texts);
                    self.texts[at] = if row.priced { new } else { self.texts[at].with_size(new.size()) };
                }
            }
            (Err(at), false) => {
                self.levels.insert(at, level);
                if let Some(texts) = texts {
                    self.texts.insert(at, Texts::of(row, texts));
                }
            }
        }
        true
    }

    /// So many of the worst go.
    fn drop_worst(&mut self, over: usize) {
        self.levels.drain(..over);
        if !self.texts.is_empty() {
            self.texts.drain(..over);
        }
    }
}

#[derive(Clone, Debug)]
struct Sides<N> {
    scale: u8,
    bids: Half<N>,
    asks: Half<N>,
}

#[inline]
fn level_of<N: Width>(row: &Row, scale: u8) -> Level<N> {
    let price = N::of(row.price).times_ten_to((i32::from(scale) - i32::from(row.price_scale)) as usize);
    let key = if row.side == Side::Bid { price } else { price.negated() };
    // A removal's size is never looked at, and may be too wide.
    let size = if row.removes { 0 } else { row.size };
    Level { key, size: N::of(size), scale: row.size_scale }
}

impl<N: Width> Sides<N> {
    fn half_mut(&mut self, side: Side) -> &mut Half<N> {
        if side == Side::Bid { &mut self.bids } else { &mut self.asks }
    }

    fn half(&self, side: Side) -> &Half<N> {
        if side == Side::Bid { &self.bids } else { &self.asks }
    }

    fn rescale(&mut self, scale: u8) {
        let power = usize::from(scale - self.scale);
        for level in self.bids.levels.iter_mut().chain(&mut self.asks.levels) {
            level.key = level.key.times_ten_to(power);
        }
        self.scale = scale;
    }

    /// Rows in order; how many removals found nothing.
    fn apply(&mut self, rows: &[Row], texts: Option<&[u8]>) -> u64 {
        let mut absent = 0;
        for row in rows {
            let level = level_of(row, self.scale);
            absent += u64::from(!self.half_mut(row.side).put(level, row, texts));
        }
        absent
    }

    /// A whole book: sorted at once; of rows with one price the last counts.
    fn whole(rows: &[Row], texts: Option<&[u8]>, scale: u8) -> Sides<N> {
        let mut sides = Sides { scale, bids: Half::new(), asks: Half::new() };
        for side in [Side::Bid, Side::Ask] {
            let mut sorted: Vec<(Level<N>, &Row)> =
                rows.iter().filter(|row| row.side == side).map(|row| (level_of(row, scale), row)).collect();
            sorted.sort_by_key(|(level, _)| level.key);
            let half = sides.half_mut(side);
            half.levels.reserve_exact(sorted.len());
            for (at, (level, row)) in sorted.iter().enumerate() {
                let later = sorted.get(at + 1).is_some_and(|(next, _)| next.key == level.key);
                if later || row.removes {
                    continue;
                }
                half.levels.push(*level);
                if let Some(texts) = texts {
                    half.texts.push(Texts::of(row, texts));
                }
            }
        }
        sides
    }

    fn widened(&self) -> Sides<i128> {
        let half = |half: &Half<N>| Half {
            levels: half
                .levels
                .iter()
                .map(|l| Level { key: l.key.wide(), size: l.size.wide(), scale: l.scale })
                .collect(),
            texts: half.texts.clone(),
        };
        Sides { scale: self.scale, bids: half(&self.bids), asks: half(&self.asks) }
    }

    fn raw(&self, side: Side, level: &Level<N>) -> Raw {
        let key = level.key.wide();
        let price = if side == Side::Bid { key } else { -key };
        Raw { price, price_scale: self.scale, size: level.size.wide(), size_scale: level.scale }
    }
}

/// A mantissa and its scale.
pub type Exact = (i128, i8);

/// A level as exact numbers.
#[derive(Clone, Copy, Debug)]
pub struct Raw {
    pub price: i128,
    pub price_scale: u8,
    pub size: i128,
    pub size_scale: i8,
}

impl Raw {
    pub fn exact_price(&self) -> Exact {
        (self.price, self.price_scale as i8)
    }

    pub fn doubles(&self) -> (f64, f64) {
        (double(self.price, i64::from(self.price_scale)), double(self.size, i64::from(self.size_scale)))
    }

    /// Equal numbers give equal keys.
    fn reduced(&self) -> ((i128, i64), (i128, i64)) {
        (reduce(self.price, i64::from(self.price_scale)), reduce(self.size, i64::from(self.size_scale)))
    }
}

#[derive(Clone, Debug)]
enum Form {
    Narrow(Sides<i64>),
    Wide(Sides<i128>),
}

/// The levels of one book.
#[derive(Clone, Debug)]
pub struct Levels {
    form: Form,
    keep_texts: bool,
}

/// Runs one expression on whichever form there is.
macro_rules! on {
    ($form:expr, $sides:ident => $do:expr) => {
        match $form {
            Form::Narrow($sides) => $do,
            Form::Wide($sides) => $do,
        }
    };
}

/// Every price below 10^18 in the shared scale fits 64 bits.
fn is_narrow(room: Room, wide: bool) -> bool {
    room.sum() <= 18 && !wide
}

impl Levels {
    pub fn new(keep_texts: bool) -> Levels {
        Levels { form: Form::Narrow(Sides { scale: 0, bids: Half::new(), asks: Half::new() }), keep_texts }
    }

    /// A whole book from a snapshot.
    pub fn whole(message: &Message, rows: &[Row], keep_texts: bool) -> Levels {
        let texts = keep_texts.then_some(&*message.texts);
        let scale = message.room.scale;
        let form = if is_narrow(message.room, message.wide) {
            Form::Narrow(Sides::whole(rows, texts, scale))
        } else {
            Form::Wide(Sides::whole(rows, texts, scale))
        };
        Levels { form, keep_texts }
    }

    /// A change. `room` is that of all prices that the book has had since its snapshot, with these. How many removals
    /// found nothing.
    pub fn apply(&mut self, message: &Message, rows: &[Row], room: Room) -> u64 {
        if let Form::Narrow(sides) = &self.form {
            if !is_narrow(room, message.wide) {
                self.form = Form::Wide(sides.widened());
            }
        }
        let texts = self.keep_texts.then_some(&*message.texts);
        on!(&mut self.form, sides => {
            if message.room.scale > sides.scale {
                sides.rescale(message.room.scale);
            }
            sides.apply(rows, texts)
        })
    }

    /// The worst beyond `most` go, each after `gone` was told; how many.
    pub fn cut(&mut self, side: Side, most: usize, gone: impl FnMut(Raw)) -> usize {
        on!(&mut self.form, sides => {
            let over = sides.half(side).levels.len().saturating_sub(most);
            if over > 0 {
                sides.half(side).levels[..over].iter().map(|level| sides.raw(side, level)).for_each(gone);
                sides.half_mut(side).drop_worst(over);
            }
            over
        })
    }

    pub fn count(&self, side: Side) -> usize {
        on!(&self.form, sides => sides.half(side).levels.len())
    }

    /// The `index`-th best.
    pub fn get(&self, side: Side, index: usize) -> Option<Raw> {
        on!(&self.form, sides => sides.half(side).levels.iter().nth_back(index).map(|level| sides.raw(side, level)))
    }

    pub fn worst(&self, side: Side) -> Option<Raw> {
        on!(&self.form, sides => sides.half(side).levels.first().map(|level| sides.raw(side, level)))
    }

    /// The best `n`, best first.
    pub fn best<T>(&self, side: Side, n: usize, make: impl Fn(Raw) -> T) -> Vec<T> {
        on!(&self.form, sides => {
            sides.half(side).levels.iter().rev().take(n).map(|level| make(sides.raw(side, level))).collect()
        })
    }

    /// The texts of the `index`-th best.
    pub fn texts(&self, side: Side, index: usize) -> Option<&Texts> {
        on!(&self.form, sides => sides.half(side).texts.iter().nth_back(index))
    }

    pub fn equals(&self, other: &Levels) -> bool {
        [Side::Bid, Side::Ask].into_iter().all(|side| {
            let count = self.count(side);
            count == other.count(side)
                && self.best(side, count, |raw| raw.reduced()) == other.best(side, count, |raw| raw.reduced())
        })
    }
}

#[cfg(test)]
mod tests;
