//! One feed with its two books, and all that can be seen of them.

use std::convert::Infallible;
use std::sync::Arc;

use _native::book::{Book, Role};
use _native::fault::Kind;
use _native::feed::{Feed, Out};
use _native::levels::Levels;
use _native::message::Side;
use _native::outcome::{Event, Outcome};
use _native::shape::Shape;

use crate::decimal::Dec;
use crate::dialect::Dialect;
use crate::shapes;

pub const CAP: usize = 1 << 20;
/// Handles from here on are others'.
pub const OTHER: usize = 100;

/// An outcome, with the book or the other by its handle.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Word {
    Book(usize),
    Event { book: Option<usize>, what: Event, expected: Option<i128>, got: Option<i128> },
    Other(usize),
    Unrouted,
}

pub fn word(book: usize, outcome: Outcome) -> Word {
    match outcome {
        Outcome::Changed => Word::Book(book),
        Outcome::Event { what, expected, got } => Word::Event { book: Some(book), what, expected, got },
    }
}

/// A book as it can be looked at.
#[derive(Clone, PartialEq, Debug)]
pub struct Seen {
    pub seeded: bool,
    pub bridged: bool,
    pub ids: [Option<i64>; 3],
    pub stamps: [Option<i64>; 3],
    /// Best first.
    pub levels: [Vec<(Dec, Dec)>; 2],
    pub reach: [Option<Dec>; 2],
    pub stats: Vec<(&'static str, u64)>,
    pub buffered: usize,
}

pub const SIDES: [Side; 2] = [Side::Bid, Side::Ask];

pub fn seen(book: &Book) -> Seen {
    let state = book.state();
    let levels = SIDES.map(|side| {
        let count = state.levels.count(side);
        state.levels.best(side, count, |raw| {
            (Dec::of_parts(raw.price, i64::from(raw.price_scale)), Dec::of_parts(raw.size, i64::from(raw.size_scale)))
        })
    });
    Seen {
        seeded: state.seeded,
        bridged: state.bridged,
        ids: [state.first, state.last, state.prev],
        stamps: [state.venue_ns, state.heard_ns, state.applied_ns],
        levels,
        reach: state.reach.map(|reach| reach.map(|(price, scale)| Dec::of_parts(price, i64::from(scale)))),
        stats: state.stats.pairs().to_vec(),
        buffered: state.buffer.len(),
    }
}

pub struct Rig {
    pub feed: Feed<usize>,
    pub books: [Arc<Book>; 2],
}

impl Rig {
    /// `roundabout`: with shapes that say the same and are not plain, so that no fast way is taken.
    pub fn new(dialect: &Dialect, roundabout: bool) -> Rig {
        let told = |shape: &Shape| if roundabout { shapes::roundabout(shape) } else { shape.clone() };
        let book = || {
            let Dialect { shape, snapshot, rule, .. } = dialect;
            Arc::new(Book::new(told(shape), snapshot.as_ref().map(told), *rule, dialect.depth_cap, dialect.scales))
        };
        let mut rig = Rig { feed: Feed::new(dialect.counter.clone(), CAP), books: [book(), book()] };
        for book in [0, 1] {
            rig.want(dialect, book, false);
            rig.want(dialect, book, true);
        }
        rig
    }

    pub fn want(&mut self, dialect: &Dialect, book: usize, snapshot: bool) {
        let role = if snapshot { Role::Snapshot } else { Role::Stream };
        if let Some(topic) = dialect.topic(book, snapshot) {
            self.feed.want(topic.join(" ").as_bytes(), self.books[book].clone(), role, book);
        }
    }

    pub fn other(&mut self, topic: &[u8], handle: usize) {
        self.feed.other(topic, None, || Ok::<_, Infallible>(handle)).expect("handles are made without fault");
    }

    pub fn feed(&mut self, frame: &[u8], now_ns: i64) -> Result<Vec<Word>, Kind> {
        self.feed.feed(frame, now_ns).map_err(|fault| {
            if std::env::var_os("FUZZ_SAY").is_some() {
                println!("{fault}: {}", String::from_utf8_lossy(frame));
            }
            fault.kind()
        })?;
        let name = |entry: usize| *self.feed.handle(entry).expect("an outcome's entry is there");
        let words = self.feed.outcomes().iter().map(|out| match *out {
            Out::Book(entry) => Word::Book(name(entry)),
            Out::Other(entry) => Word::Other(name(entry)),
            Out::Unrouted => Word::Unrouted,
            Out::Event { entry, what, expected, got } => Word::Event { book: entry.map(name), what, expected, got },
        });
        Ok(words.collect())
    }

    pub fn seed(&self, book: usize, body: &[u8], now_ns: i64, asked_ns: i64) -> Result<Word, Kind> {
        let outcome = self.books[book].seed(body, now_ns, asked_ns, CAP).map_err(|fault| fault.kind())?;
        Ok(word(book, outcome))
    }

    pub fn seen(&self) -> [Seen; 2] {
        [0, 1].map(|book| seen(&self.books[book]))
    }

    /// The same as another one, to be looked at without making numbers of the levels.
    pub fn raw(&self) -> impl PartialEq + std::fmt::Debug {
        [0, 1].map(|book| {
            let state = self.books[book].state();
            let levels = SIDES.map(|side| {
                state
                    .levels
                    .best(side, state.levels.count(side), |raw| (raw.price, raw.price_scale, raw.size, raw.size_scale))
            });
            let ids = [state.first, state.last, state.prev, state.venue_ns, state.heard_ns, state.applied_ns];
            (levels, ids, state.reach, state.stats.pairs(), state.seeded, state.bridged, state.buffer.len())
        })
    }

    /// What holds of every book at every time.
    pub fn examine(&self, dialect: &Dialect, seen: &[Seen; 2]) {
        for (book, seen) in self.books.iter().zip(seen) {
            let state = book.state();
            for (at, side) in SIDES.into_iter().enumerate() {
                let levels = &seen.levels[at];
                assert_eq!(levels.len(), state.levels.count(side));
                for pair in levels.windows(2) {
                    let in_order = if at == 0 { pair[0].0 > pair[1].0 } else { pair[0].0 < pair[1].0 };
                    assert!(in_order, "{pair:?} on side {at}");
                }
                assert!(levels.iter().all(|(_, size)| !size.is_zero() && !size.is_negative()));
                let window = dialect.shape.window.filter(|window| window.client).map_or(usize::MAX, |w| w.levels);
                assert!(levels.len() <= dialect.depth_cap.min(window), "{} levels", levels.len());
                self.prefixes(levels, &state.levels, side);
            }
            let bounds = dialect.rule.bounds;
            assert!(seen.buffered <= bounds.changes);
            let rows: usize = state.buffer.iter().map(|change| change.rows.len()).sum();
            assert!(rows <= bounds.rows || seen.buffered == 1, "{rows} rows in {} changes", seen.buffered);
        }
    }

    /// Few of the levels are the first of all of them, one by one too; doubles are the nearest ones.
    fn prefixes(&self, seen: &[(Dec, Dec)], levels: &Levels, side: Side) {
        let all = levels.best(side, seen.len(), |raw| raw.doubles());
        for ((price, size), doubles) in seen.iter().zip(&all).take(2) {
            assert_eq!((price.double(), size.double()), *doubles);
        }
        for n in [0, 1, 2, seen.len() / 2, seen.len(), seen.len() + 1] {
            let best = levels.best(side, n, |raw| raw.doubles());
            assert_eq!(best, all[..n.min(all.len())]);
            assert_eq!(levels.get(side, n).map(|raw| raw.doubles()).as_ref(), all.get(n));
        }
    }
}
