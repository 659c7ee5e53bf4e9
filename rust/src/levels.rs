//! Both sides of a book, sorted with the best level at the end, where nearly all changes happen.
//!
//! Keys are signed: an ask's price is negated, so that both sides ascend towards their best and share their code.
//! The prices of a book share one scale, a size keeps its own. Numbers are of 64 bits (narrow: a level is 16 bytes, the
//! size's scale being the last byte of its word); a book in which something does not fit is rewritten with 128 bits
//! (wide), by the same code.
//!
//! A removal leaves its place behind, dead: nothing moves. The price may return there, a new level beside it may take the
//! place over, and when too many are dead the side is packed. The last level, the best, is never dead.

use std::cmp::Ordering;
use std::collections::BTreeMap;

use crate::fetch::fetch;
use crate::message::{Message, Room, Row, Side};
use crate::number::{POW10, TENS, double, reduce};

/// A price of 64 or 128 bits, and the size that goes with it.
pub trait Width: Copy + Ord + std::fmt::Debug {
    /// A size with its scale. Zero, and nothing else, is dead.
    type Size: Copy + std::fmt::Debug;
    const DEAD: Self::Size;
    fn unpack(size: Self::Size) -> (i128, i8);
    fn is_dead(size: Self::Size) -> bool;
    fn wide(self) -> i128;
    /// The caller has made sure that it fits.
    fn times_ten_to(self, power: usize) -> Self;
    fn level(message: &Message, row: &Row, scale: u8) -> Level<Self>;
}

impl Width for i64 {
    type Size = i64;
    const DEAD: i64 = 0;

    #[inline]
    fn unpack(size: i64) -> (i128, i8) {
        (i128::from(size >> 8), size as i8)
    }
    #[inline]
    fn is_dead(size: i64) -> bool {
        size == 0
    }
    #[inline]
    fn wide(self) -> i128 {
        i128::from(self)
    }
    #[inline]
    fn times_ten_to(self, power: usize) -> i64 {
        if self == 0 { 0 } else { self.checked_mul(TENS[power]).expect("prices fit together") }
    }
    #[inline]
    fn level(_: &Message, row: &Row, scale: u8) -> Level<i64> {
        debug_assert!(row.is_narrow(), "what is wider went to the wide form");
        let more = i32::from(scale) - i32::from(row.price_scale);
        let price = if more == 0 { row.price } else { row.price.times_ten_to(more as usize) };
        let key = if row.side == Side::Bid { price } else { -price };
        let size = if row.removes() { 0 } else { row.size << 8 | i64::from(row.size_scale as u8) };
        Level { key, size }
    }
}

impl Width for i128 {
    type Size = (i128, i8);
    const DEAD: (i128, i8) = (0, 0);

    fn unpack(size: (i128, i8)) -> (i128, i8) {
        size
    }
    fn is_dead(size: (i128, i8)) -> bool {
        size.0 == 0
    }
    fn wide(self) -> i128 {
        self
    }
    fn times_ten_to(self, power: usize) -> i128 {
        if self == 0 { 0 } else { self.checked_mul(POW10[power]).expect("prices fit together") }
    }
    fn level(message: &Message, row: &Row, scale: u8) -> Level<i128> {
        let price = message.price(row).times_ten_to((i32::from(scale) - i32::from(row.price_scale)) as usize);
        let key = if row.side == Side::Bid { price } else { -price };
        // A removal's size is never looked at.
        let size = if row.removes() { (0, 0) } else { (message.size(row), row.size_scale) };
        Level { key, size }
    }
}

#[derive(Clone, Copy, Debug)]
pub struct Level<N: Width> {
    key: N,
    size: N::Size,
}

impl<N: Width> Level<N> {
    #[inline]
    fn is_dead(&self) -> bool {
        N::is_dead(self.size)
    }
}

/// A price and a size that are written oddly. No price: that one is written as usual, with `scale` digits behind the point.
#[derive(Clone, Debug)]
struct Texts {
    price: Option<Box<[u8]>>,
    scale: i8,
    size: Box<[u8]>,
}

/// Stands for the scale of what is written oddly.
const ODD: i8 = i8::MIN;

/// A number as it was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Written<'a> {
    /// As anybody would write it: mantissa and scale.
    Usual(i128, i8),
    Odd(&'a [u8]),
}

/// A side with more dead places than this, and half of its length, is packed.
const DEAD: usize = 64;

/// So many at the best end are searched without a branch that could be foreseen wrongly, where nearly all changes happen.
/// A power of four.
const NEAR: usize = 256;

/// How many of these levels are below the key. Three of each quarter's ends are compared at a time: a step waits for
/// one of them, not for one after the other.
#[inline(always)]
fn rank<N: Width>(levels: &[Level<N>; NEAR], key: N) -> usize {
    let mut at = 0;
    let mut quarter = NEAR / 4;
    // No place is beyond them: the remainder changes nothing, and spares a test of each.
    let below = |at: usize| usize::from(levels[at % NEAR].key < key);
    while quarter > 0 {
        at += quarter * (below(at + quarter - 1) + below(at + 2 * quarter - 1) + below(at + 3 * quarter - 1));
        quarter /= 4;
    }
    at + below(at)
}

#[derive(Clone, Debug)]
struct Half<N: Width> {
    levels: Vec<Level<N>>,
    /// How many digits the prices were sent with, or `ODD`; parallel to `levels`, or empty where no checksum wants it. (The
    /// digits of a size are its own scale.)
    sent: Vec<i8>,
    odd: BTreeMap<N, Texts>,
    dead: usize,
}

impl<N: Width> Half<N> {
    fn new() -> Half<N> {
        Half { levels: Vec::new(), sent: Vec::new(), odd: BTreeMap::new(), dead: 0 }
    }

    fn count(&self) -> usize {
        self.levels.len() - self.dead
    }

    fn live(&self) -> impl DoubleEndedIterator<Item = &Level<N>> {
        self.levels.iter().filter(|level| !level.is_dead())
    }

    /// Where the key is, or where it would stand.
    #[inline(always)]
    fn place(&self, key: N) -> usize {
        match self.levels.split_last_chunk::<NEAR>() {
            Some((rest, near)) if near[0].key <= key => rest.len() + rank(near, key),
            Some((rest, _)) => rest.partition_point(|level| level.key < key),
            None => self.levels.partition_point(|level| level.key < key),
        }
    }

    /// False for the removal of a level that is not there. `TEXTS`: what the row was written like may be wanted. Whether a
    /// row changes, removes or revives cannot be foreseen, and is no branch.
    #[inline]
    fn put<const TEXTS: bool>(&mut self, level: Level<N>, message: &Message, row: usize) -> bool {
        let at = self.place(level.key);
        let (removes, len) = (level.is_dead(), self.levels.len());
        let Some(found) = self.levels.get_mut(at).filter(|found| found.key == level.key) else {
            if !removes {
                self.insert::<TEXTS>(at, level, message, row);
            }
            return !removes;
        };
        let was_dead = found.is_dead();
        found.size = level.size;
        self.dead = self.dead + usize::from(removes) - usize::from(was_dead);
        if TEXTS {
            if !removes {
                self.note(at, !was_dead, message, row);
            } else if !was_dead && !self.odd.is_empty() {
                self.odd.remove(&level.key);
            }
        }
        if at + 1 == len {
            self.pop();
        }
        !(removes & was_dead)
    }

    /// How the row has written the level at `at`. A row that is not priced leaves the price of a live one as it was written.
    #[inline]
    fn note(&mut self, at: usize, is_live: bool, message: &Message, row: usize) {
        if self.odd.is_empty() && message.odds.is_empty() {
            self.sent[at] = message.rows[row].price_scale;
        } else {
            self.note_odd(at, is_live, message, row);
        }
    }

    #[cold]
    fn note_odd(&mut self, at: usize, is_live: bool, message: &Message, row: usize) {
        let (before, key) = (self.sent[at], self.levels[at].key);
        let known = self.odd.remove(&key);
        let scale = message.rows[row].price_scale;
        let Some((price, size)) = message.odd(row) else {
            self.sent[at] = scale;
            return;
        };
        let size = size.into();
        let keeps_price = is_live && !message.rows[row].is_priced();
        let texts = match known {
            Some(known) if keeps_price => Texts { size, ..known },
            None if keeps_price => Texts { price: None, scale: before, size },
            _ => Texts { price: Some(price.into()), scale, size },
        };
        self.sent[at] = ODD;
        self.odd.insert(key, texts);
    }

    /// A new level, in a dead place beside it where there is one.
    #[inline]
    fn insert<const TEXTS: bool>(&mut self, at: usize, level: Level<N>, message: &Message, row: usize) {
        let takes_over =
            [at, at.wrapping_sub(1)].into_iter().find(|&at| self.levels.get(at).is_some_and(Level::is_dead));
        if let Some(at) = takes_over {
            self.dead -= 1;
            self.levels[at] = level;
            if TEXTS {
                self.note(at, false, message, row);
            }
            return;
        }
        if self.levels.len() == self.levels.capacity() {
            // By an eighth: a book's memory is what its levels take.
            self.levels.reserve_exact(16 + self.levels.len() / 8);
        }
        self.levels.insert(at, level);
        if TEXTS {
            self.sent.insert(at, 0);
            self.note(at, false, message, row);
        }
    }

    /// Takes the dead off the best end.
    fn pop(&mut self) {
        let kept = self.levels.iter().rposition(|level| !level.is_dead()).map_or(0, |at| at + 1);
        self.dead -= self.levels.len() - kept;
        self.levels.truncate(kept);
        self.sent.truncate(kept);
    }

    /// What is left to do after a message.
    #[inline]
    fn settle(&mut self) {
        if self.dead > DEAD + self.levels.len() / 2 {
            self.pack();
        }
    }

    #[cold]
    fn pack(&mut self) {
        if !self.sent.is_empty() {
            let mut levels = self.levels.iter();
            self.sent.retain(|_| levels.next().is_some_and(|level| !level.is_dead()));
        }
        self.levels.retain(|level| !level.is_dead());
        self.dead = 0;
    }

    /// So many of the worst go.
    fn drop_worst(&mut self, over: usize) {
        for level in self.levels.iter_mut().filter(|level| !level.is_dead()).take(over) {
            level.size = N::DEAD;
            if !self.odd.is_empty() {
                self.odd.remove(&level.key);
            }
        }
        self.dead += over;
        self.pop();
        self.settle();
    }
}

#[derive(Clone, Debug)]
struct Sides<N: Width> {
    scale: u8,
    bids: Half<N>,
    asks: Half<N>,
}

impl<N: Width> Sides<N> {
    #[inline]
    fn half_mut(&mut self, side: Side) -> &mut Half<N> {
        if side == Side::Bid { &mut self.bids } else { &mut self.asks }
    }

    fn half(&self, side: Side) -> &Half<N> {
        if side == Side::Bid { &self.bids } else { &self.asks }
    }

    fn rescale(&mut self, scale: u8) {
        let power = usize::from(scale - self.scale);
        for half in [&mut self.bids, &mut self.asks] {
            // What is dead need not fit.
            half.pack();
            for level in &mut half.levels {
                level.key = level.key.times_ten_to(power);
            }
            let odd = std::mem::take(&mut half.odd);
            half.odd = odd.into_iter().map(|(key, texts)| (key.times_ten_to(power), texts)).collect();
        }
        self.scale = scale;
    }

    /// Rows in order; how many removals found nothing.
    fn apply<const TEXTS: bool>(&mut self, message: &Message) -> u64 {
        let mut absent = 0;
        let scale = self.scale;
        for (at, row) in message.rows.iter().enumerate() {
            let level = N::level(message, row, scale);
            absent += u64::from(!self.half_mut(row.side).put::<TEXTS>(level, message, at));
        }
        self.bids.settle();
        self.asks.settle();
        absent
    }

    /// A whole book: sorted at once; of rows with one price the last counts.
    fn whole(message: &Message, keep_texts: bool) -> Sides<N> {
        let scale = message.room.scale;
        let mut sides = Sides { scale, bids: Half::new(), asks: Half::new() };
        for side in [Side::Bid, Side::Ask] {
            let rows = message.rows.iter().enumerate().filter(|(_, row)| row.side == side);
            let mut sorted: Vec<(Level<N>, usize)> =
                rows.map(|(at, row)| (N::level(message, row, scale), at)).collect();
            sorted.sort_by_key(|(level, _)| level.key);
            let half = sides.half_mut(side);
            half.levels.reserve_exact(sorted.len());
            for (at, (level, row)) in sorted.iter().enumerate() {
                let later = sorted.get(at + 1).is_some_and(|(next, _)| next.key == level.key);
                if later || level.is_dead() {
                    continue;
                }
                half.levels.push(*level);
                if keep_texts {
                    half.sent.push(0);
                    half.note(half.levels.len() - 1, false, message, *row);
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
                .map(|level| Level { key: level.key.wide(), size: N::unpack(level.size) })
                .collect(),
            sent: half.sent.clone(),
            odd: half.odd.iter().map(|(key, texts)| (key.wide(), texts.clone())).collect(),
            dead: half.dead,
        };
        Sides { scale: self.scale, bids: half(&self.bids), asks: half(&self.asks) }
    }

    #[inline]
    fn raw(&self, side: Side, level: &Level<N>) -> Raw {
        let key = level.key.wide();
        let price = if side == Side::Bid { key } else { -key };
        let (size, size_scale) = N::unpack(level.size);
        Raw { price, price_scale: self.scale, size, size_scale }
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

    /// `scale` and `odd` say how.
    fn written(self, scale: i8, odd: Option<&Texts>) -> [Written<'_>; 2] {
        // The book's scale may have grown since.
        let price = |scale: i8| Written::Usual(self.price / POW10[(self.price_scale as i8 - scale) as usize], scale);
        match odd {
            None => [price(scale), Written::Usual(self.size, self.size_scale)],
            Some(Texts { price: None, scale, size }) => [price(*scale), Written::Odd(size)],
            Some(Texts { price: Some(price), size, .. }) => [Written::Odd(price), Written::Odd(size)],
        }
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
#[inline]
fn is_narrow(room: Room, wide: bool) -> bool {
    room.sum() <= 18 && !wide
}

impl Levels {
    pub fn new(keep_texts: bool) -> Levels {
        Levels { form: Form::Narrow(Sides { scale: 0, bids: Half::new(), asks: Half::new() }), keep_texts }
    }

    /// A whole book from a snapshot.
    pub fn whole(message: &Message, keep_texts: bool) -> Levels {
        let form = if is_narrow(message.room, message.wide) {
            Form::Narrow(Sides::whole(message, keep_texts))
        } else {
            Form::Wide(Sides::whole(message, keep_texts))
        };
        Levels { form, keep_texts }
    }

    /// A change. `room` is that of all prices that the book has had since its snapshot, with these. How many removals
    /// found nothing.
    pub fn apply(&mut self, message: &Message, room: Room) -> u64 {
        if let Form::Narrow(sides) = &self.form {
            if !is_narrow(room, message.wide) {
                self.form = Form::Wide(sides.widened());
            }
        }
        let keep_texts = self.keep_texts;
        on!(&mut self.form, sides => {
            if message.room.scale > sides.scale {
                sides.rescale(message.room.scale);
            }
            if keep_texts { sides.apply::<true>(message) } else { sides.apply::<false>(message) }
        })
    }

    /// The worst beyond `most` go, each after `gone` was told; how many.
    #[inline]
    pub fn cut(&mut self, side: Side, most: usize, gone: impl FnMut(Raw)) -> usize {
        on!(&mut self.form, sides => {
            let over = sides.half(side).count().saturating_sub(most);
            if over > 0 {
                sides.half(side).live().take(over).map(|level| sides.raw(side, level)).for_each(gone);
                sides.half_mut(side).drop_worst(over);
            }
            over
        })
    }

    #[inline]
    pub fn count(&self, side: Side) -> usize {
        on!(&self.form, sides => sides.half(side).count())
    }

    /// The `index`-th best.
    pub fn get(&self, side: Side, index: usize) -> Option<Raw> {
        on!(&self.form, sides => {
            let half = sides.half(side);
            let found = if index == 0 { half.levels.last() } else { half.live().nth_back(index) };
            found.map(|level| sides.raw(side, level))
        })
    }

    pub fn worst(&self, side: Side) -> Option<Raw> {
        on!(&self.form, sides => sides.half(side).live().next().map(|level| sides.raw(side, level)))
    }

    /// Has what a change mostly looks at brought here: of both sides the best quarter of the near window, and the places
    /// of the rest of it at which the first two steps of a search look.
    pub fn fetch(&self) {
        on!(&self.form, sides => {
            for levels in [&sides.bids.levels, &sides.asks.levels] {
                let window = &levels[levels.len().saturating_sub(NEAR)..];
                let (rest, best) = window.split_at(window.len().saturating_sub(NEAR / 4));
                best.iter().step_by(4).for_each(fetch);
                rest.iter().step_by(16).for_each(fetch);
            }
        });
    }

    /// The best `n`, best first.
    pub fn best<T>(&self, side: Side, n: usize, make: impl Fn(Raw) -> T) -> Vec<T> {
        on!(&self.form, sides => {
            let half = sides.half(side);
            let mut found = Vec::with_capacity(n.min(half.count()));
            found.extend(half.live().rev().take(n).map(|level| make(sides.raw(side, level))));
            found
        })
    }

    /// Prices and sizes of the best `n` as they were sent, best first.
    pub fn written(&self, side: Side, n: usize) -> Vec<[Written<'_>; 2]> {
        on!(&self.form, sides => {
            let half = sides.half(side);
            let pairs = half.levels.iter().zip(&half.sent).rev().filter(|(level, _)| !level.is_dead());
            let write = |(level, scale): (&Level<_>, &i8)| {
                let odd = if *scale == ODD { half.odd.get(&level.key) } else { None };
                sides.raw(side, level).written(*scale, odd)
            };
            pairs.take(n).map(write).collect()
        })
    }

    pub fn equals(&self, other: &Levels) -> bool {
        [Side::Bid, Side::Ask].into_iter().all(|side| {
            let count = self.count(side);
            count == other.count(side)
                && self.best(side, count, |raw| raw.reduced()) == other.best(side, count, |raw| raw.reduced())
        })
    }

    /// Whether both have the same levels up to these worst prices; to the end where there is none.
    pub fn agree(&self, other: &Levels, reach: [Option<Exact>; 2]) -> bool {
        let known = |levels: &Levels, side: Side, worst: Option<Exact>| {
            let behind = if side == Side::Bid { Ordering::Less } else { Ordering::Greater };
            let mut found = levels.best(side, levels.count(side), |raw| raw);
            found.retain(|raw| worst.is_none_or(|worst| ordered(raw.exact_price(), worst) != behind));
            found.iter().map(Raw::reduced).collect::<Vec<_>>()
        };
        let sides = [Side::Bid, Side::Ask].into_iter().zip(reach);
        sides.into_iter().all(|(side, worst)| known(self, side, worst) == known(other, side, worst))
    }
}

/// The better of two worst prices; None reaches to the end.
pub fn nearer(side: Side, one: Option<Exact>, other: Option<Exact>) -> Option<Exact> {
    let (Some(one), Some(other)) = (one, other) else { return one.or(other) };
    let is_better = ordered(one, other) == if side == Side::Bid { Ordering::Greater } else { Ordering::Less };
    Some(if is_better { one } else { other })
}

/// Which of two prices is higher. One that cannot be written at the other's scale is beyond it.
fn ordered(one: Exact, other: Exact) -> Ordering {
    let scale = one.1.max(other.1);
    let at = |(price, own): Exact| {
        POW10.get((i64::from(scale) - i64::from(own)) as usize).and_then(|by| price.checked_mul(*by))
    };
    match (at(one), at(other)) {
        (Some(one), Some(other)) => one.cmp(&other),
        (None, _) => one.0.cmp(&0),
        (_, None) => 0.cmp(&other.0),
    }
}

#[cfg(test)]
mod tests;
