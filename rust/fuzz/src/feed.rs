//! A connection as it goes: frames by construction against a plain model of the books, the same frames written oddly on
//! a second feed (whose shapes mostly say the same in a way that is not the plain one), damaged frames, and what callers do
//! in between.

use _native::fault::Kind;
use _native::outcome::Event;
use _native::shape::{Path, Shape, Step, Whole};

use crate::choices::Choices;
use crate::dialect::Dialect;
use crate::json;
use crate::model::{self, Fact};
use crate::rig::{OTHER, Rig, Seen, Word, word};
use crate::tree::{self, NULL, Tree, bare, text};
use crate::venue::{Said, Venue};

/// Inputs of one connection. Under Miri each takes seconds.
const INPUTS: usize = if cfg!(miri) { 6 } else { 24 };
const TICK: i64 = 5_000_000;

pub fn run(data: &[u8]) {
    let how = &mut Choices::new(data);
    let dialect = Dialect::new(how);
    let mut session = Session::new(&dialect, how);
    for _ in 0..INPUTS {
        session.input();
    }
}

/// To whom a message of a frame goes.
#[derive(Clone, Copy, PartialEq, Debug)]
enum To {
    Book { book: usize, snapshot: bool },
    Other(usize),
    Nobody,
}

struct Session<'a, 'b> {
    dialect: &'a Dialect,
    how: &'a mut Choices<'b>,
    plain: Rig,
    odd: Rig,
    model: Option<[model::Book; 2]>,
    venues: [Venue; 2],
    /// Whether each book is wanted in its stream; others are in their place where not.
    wanted: [bool; 2],
    count: i64,
    /// The model's.
    counted: Option<i64>,
    now_ns: i64,
    heard: Vec<u8>,
    /// After the last input.
    seen: [Seen; 2],
}

impl<'a, 'b> Session<'a, 'b> {
    fn new(dialect: &'a Dialect, how: &'a mut Choices<'b>) -> Session<'a, 'b> {
        let [mut plain, mut odd] = [false, how.chance(60)].map(|roundabout| Rig::new(dialect, roundabout));
        for rig in [&mut plain, &mut odd] {
            rig.other(topic(dialect, "O").join(" ").as_bytes(), OTHER);
        }
        let model = Some([(); 2].map(|()| model::Book::new(&dialect.rule)));
        let venues = [(); 2].map(|()| Venue::new(dialect.first_id));
        let (count, now_ns) = (how.pick(&[1, 1, -3, i64::MAX - 9]), 1_700_000_000_000_000_000);
        let (wanted, counted, heard, seen) = ([true; 2], None, Vec::new(), plain.seen());
        Session { dialect, how, plain, odd, model, venues, wanted, count, counted, now_ns, heard, seen }
    }

    fn input(&mut self) {
        self.now_ns += self.how.pick(&[0, TICK, TICK, 4 * TICK]);
        let book = self.how.below(2);
        match self.how.below(100) {
            0..=1 => self.unseed(book),
            2..=3 => self.retain(book),
            4 => {
                [&mut self.plain, &mut self.odd].into_iter().for_each(|rig| rig.feed.reset());
                self.counted = None;
            }
            5..=6 => self.forget_or_want(),
            7..=9 => self.venues[book].moves(self.how),
            10..=24 if self.dialect.is_outside() || self.how.chance(10) => self.seed(book),
            25..=34 if self.dialect.repeats.is_some() => {
                let said = self.venues[book].whole(self.how, self.dialect, true, self.now_ns);
                self.frame(vec![(To::Book { book, snapshot: true }, said)], true);
            }
            _ => self.stream(),
        }
        self.compare();
    }

    fn unseed(&mut self, book: usize) {
        let keep = self.how.chance(50);
        [&self.plain, &self.odd].into_iter().for_each(|rig| rig.books[book].unseed(keep));
        if let Some(model) = &mut self.model {
            model[book].unseed(keep);
        }
    }

    fn retain(&mut self, book: usize) {
        let on = self.how.chance(60);
        [&self.plain, &self.odd].into_iter().for_each(|rig| rig.books[book].retain(on));
        if let Some(model) = &mut self.model {
            model[book].retain(&self.dialect.rule, on);
        }
    }

    /// The second book's topic comes and goes, or becomes another's.
    fn forget_or_want(&mut self) {
        let topic = self.dialect.topics[1].join(" ");
        self.wanted[1] = !self.wanted[1];
        let replaced = self.how.chance(50);
        for rig in [&mut self.plain, &mut self.odd] {
            match (self.wanted[1], replaced) {
                (true, _) => rig.want(self.dialect, 1, false),
                (false, true) => rig.other(topic.as_bytes(), OTHER + 1),
                (false, false) => rig.feed.forget(topic.as_bytes()),
            }
        }
        self.venues[1].moves(self.how);
        if !self.wanted[1] && !replaced {
            self.wanted[1] = true;
            for rig in [&mut self.plain, &mut self.odd] {
                rig.want(self.dialect, 1, false);
            }
        }
    }

    fn stream(&mut self) {
        let many = if self.dialect.shape.form.each.is_some() { self.how.pick(&[1, 1, 2, 3, 0]) } else { 1 };
        // Where the route is the frame's, all of its messages are one book's.
        let route = &self.dialect.shape.form.route;
        let shared = route.iter().all(|path| path.root).then(|| (self.how.below(2), self.how.below(30)));
        let mut messages = Vec::new();
        for _ in 0..many {
            let book = shared.map_or_else(|| self.how.below(2), |(book, _)| book);
            let (how, dialect, now_ns) = (&mut *self.how, self.dialect, self.now_ns);
            let seeded = self.plain.books[book].state().seeded;
            let every = dialect.shape.kind.default == Some(Whole::Snapshot);
            let marks = says_whole(&dialect.shape);
            let often = if dialect.is_outside() {
                3
            } else if seeded {
                8
            } else {
                70
            };
            let venue = &mut self.venues[book];
            let special = if how.chance(6) {
                if how.chance(50) { venue.beat(how, dialect, now_ns) } else { venue.check(how, dialect, now_ns) }
            } else {
                None
            };
            let said = match special {
                Some(said) => said,
                None if every || (marks && how.chance(often)) => venue.whole(how, dialect, false, now_ns),
                None => venue.change(how, dialect, now_ns),
            };
            let to = match shared.map_or_else(|| how.below(30), |(_, whose)| whose) {
                0 => To::Other(OTHER),
                1 => To::Nobody,
                _ if book == 1 && !self.wanted[1] => To::Other(OTHER + 1),
                _ => To::Book { book, snapshot: false },
            };
            messages.push((to, said));
        }
        self.frame(messages, false);
    }

    fn frame(&mut self, messages: Vec<(To, Said)>, snapshot: bool) {
        let dialect = self.dialect;
        let shape = dialect.shape_by(snapshot);
        let mut facts = Vec::new();
        let mut listed = Vec::new();
        let mut at_root = Vec::new();
        let form = &shape.form;
        for (to, mut said) in messages {
            let parts = match to {
                To::Book { book, snapshot } => dialect.topic(book, snapshot).expect("it is asked for").to_vec(),
                To::Other(OTHER) => topic(dialect, "O"),
                To::Other(_) => dialect.topics[1].clone(),
                To::Nobody => topic(dialect, "zz"),
            };
            let mut key = format!("k{}", facts.len());
            for (path, part) in form.route.iter().zip(&parts) {
                let is_true = dialect.topics[0].last().is_some_and(|name| name == "true");
                let token = if part == "zz" && is_true {
                    // What is no text is no topic, however it is written.
                    bare(if self.how.chance(50) { "true" } else { "" })
                } else if part.parse::<u64>().is_ok() && self.how.chance(50) {
                    bare(part)
                } else {
                    text(part)
                };
                match path {
                    _ if form.star && path.text == "#" => key = part.clone(),
                    Path { root: true, .. } => at_root.push((path.clone(), token)),
                    _ => said.tree.put(&path.steps, token),
                }
            }
            at_root.append(&mut said.at_root);
            facts.push((to, said.fact));
            listed.push((key, said.tree));
        }
        let mut root = put_together(form.each.as_ref(), form.star, listed, self.how);
        for (path, value) in at_root {
            root.put(&path.steps, value);
        }
        let counted = self.counter(&mut root);
        if self.how.chance(80) {
            match self.both(&root, None) {
                Ok(words) => self.expect(words, &facts, counted),
                // What an earlier damaged frame left may not fit together with what is in order.
                Err(Kind::Number) if self.model.is_none() => self.unchanged(),
                Err(kind) => panic!("{kind:?} for a frame in order: {}", String::from_utf8_lossy(&root.plain())),
            }
        } else {
            let mut damaged = root.clone();
            tree::damage(&mut damaged, self.how);
            let by_bytes = self.how.chance(45).then(|| {
                let mut bytes = damaged.plain();
                crate::bytes::damage(&mut bytes, self.how, &self.heard);
                bytes
            });
            match self.both(&damaged, by_bytes) {
                Ok(words) => {
                    let unread = words == [Word::Unrouted] && self.dialect.counter.is_none();
                    if !unread {
                        self.model = None;
                    }
                }
                Err(_) => self.unchanged(),
            }
        }
    }

    /// The frame's count, of a feed that counts.
    fn counter(&mut self, root: &mut Tree) -> Option<i64> {
        let counter = self.dialect.counter.as_ref()?;
        self.count = self.count.saturating_add(i64::from(!self.how.chance(2)) + i64::from(self.how.chance(2)));
        if counter.optional && self.how.chance(10) {
            return None;
        }
        root.put(
            &counter.path.steps,
            if self.how.chance(70) { bare(self.count) } else { text(&self.count.to_string()) },
        );
        (Some(self.count) != counter.none).then_some(self.count)
    }

    /// The same on both feeds; what they said.
    fn both(&mut self, tree: &Tree, by_bytes: Option<Vec<u8>>) -> Result<Vec<Word>, Kind> {
        let (plain, odd) = match by_bytes {
            Some(bytes) => (bytes.clone(), bytes),
            None => (tree.plain(), tree.odd(self.how)),
        };
        self.heard = plain.clone();
        // One ends where its memory ends, the other has more behind it that could be read on.
        let plain = plain.into_boxed_slice();
        let before = self.how.below(9);
        let behind = self.how.pick(&[&b"0"[..], b"\"", b"]}", b"}", b",", b" ", b"\x80"]);
        let mut around = vec![b'['; before];
        around.extend_from_slice(&odd);
        around.extend_from_slice(behind);
        let said = self.plain.feed(&plain, self.now_ns);
        let odd_said = self.odd.feed(&around[before..before + odd.len()], self.now_ns);
        if let Some(fault) = json::judge(&plain) {
            // Which fault of two comes first may be another in another order.
            assert_eq!((&said, odd_said), (&Err(fault), Err(json::judge(&odd).expect("the same faults"))));
            return said;
        }
        let odd = odd_said;
        assert_eq!(said, odd, "{}\n{}", String::from_utf8_lossy(&plain), String::from_utf8_lossy(&around));
        said
    }

    fn expect(&mut self, words: Vec<Word>, facts: &[(To, Fact)], counted: Option<i64>) {
        let Some(model) = &mut self.model else { return };
        let mut wanted = Vec::new();
        if let Some(count) = counted {
            if let Some(last) = self.counted.replace(count).filter(|last| last.checked_add(1) != Some(count)) {
                for (at, book) in model.iter_mut().enumerate() {
                    // Only books that are wanted are the feed's.
                    if self.dialect.rule.connection && self.wanted[at] {
                        book.unseed(false);
                        book.stats.gaps += 1;
                    }
                }
                let (expected, got) = (Some(i128::from(last) + 1), Some(i128::from(count)));
                wanted.push(Word::Event { book: None, what: Event::Gap, expected, got });
            }
        }
        if facts.iter().all(|(to, _)| *to == To::Nobody) {
            wanted.push(Word::Unrouted);
        }
        for (to, fact) in facts {
            match *to {
                To::Book { book, snapshot } => {
                    for outcome in model[book].take(self.dialect, fact, snapshot, self.counted) {
                        let word = word(book, outcome);
                        if !matches!(word, Word::Book(_)) || !wanted.contains(&word) {
                            wanted.push(word);
                        }
                    }
                }
                To::Other(handle) if !wanted.contains(&Word::Other(handle)) => wanted.push(Word::Other(handle)),
                _ => {}
            }
        }
        if model.iter().any(|book| book.lost) {
            self.model = None;
            return;
        }
        assert_eq!(words, wanted, "{}\n{facts:?}", String::from_utf8_lossy(&self.heard));
    }

    fn seed(&mut self, book: usize) {
        let mut said = self.venues[book].whole(self.how, self.dialect, true, self.now_ns);
        let form = &self.dialect.shape_by(true).form;
        let mut root = put_together(form.each.as_ref(), form.star, vec![("k".into(), said.tree)], self.how);
        for (path, value) in said.at_root.drain(..) {
            root.put(&path.steps, value);
        }
        let asked_ns = self.now_ns - self.how.pick(&[0, 1, TICK, 3 * TICK, 20 * TICK]);
        let in_order = self.how.chance(85);
        if !in_order {
            tree::damage(&mut root, self.how);
        }
        let [plain, odd] = [root.plain(), root.odd(self.how)];
        let words = self.plain.seed(book, &plain, self.now_ns, asked_ns);
        let odd_words = self.odd.seed(book, &odd, self.now_ns, asked_ns);
        match json::judge(&plain) {
            Some(fault) => {
                assert_eq!((&words, odd_words), (&Err(fault), Err(json::judge(&odd).expect("the same faults"))))
            }
            None => assert_eq!(words, odd_words),
        }
        match words {
            Err(kind) => {
                let fits = in_order && (self.model.is_some() || kind != Kind::Number);
                assert!(!fits, "{kind:?} for a body in order: {}", String::from_utf8_lossy(&plain));
                self.unchanged();
            }
            // A counted connection's `last` is nothing that a body says.
            Ok(_) if !in_order || self.dialect.rule.connection => self.model = None,
            Ok(said_word) => {
                if let Some(model) = &mut self.model {
                    let outcome = model[book].seed(self.dialect, &said.fact, asked_ns);
                    if model[book].lost {
                        self.model = None;
                        return;
                    }
                    assert_eq!(said_word, word(book, outcome), "{}\n{:?}", String::from_utf8_lossy(&plain), said.fact);
                }
            }
        }
    }

    fn compare(&mut self) {
        self.seen = self.plain.seen();
        self.plain.examine(self.dialect, &self.seen);
        self.same();
        let Some(model) = &self.model else { return };
        for (seen, book) in self.seen.iter().zip(model) {
            assert_eq!(*seen, meant(book), "after {}", String::from_utf8_lossy(&self.heard));
        }
    }

    /// Both feeds have the same books; numbers may be told in another way.
    fn same(&self) {
        if self.plain.raw() != self.odd.raw() {
            assert_eq!(self.plain.seen(), self.odd.seen());
        }
    }

    fn unchanged(&self) {
        assert_eq!(self.seen, self.plain.seen(), "what was rejected left something");
        self.same();
    }
}

fn meant(book: &model::Book) -> Seen {
    Seen {
        seeded: book.seeded,
        bridged: book.bridged,
        ids: [book.first, book.last, book.prev],
        stamps: [book.venue_ns, book.heard_ns, book.applied_ns],
        levels: [0, 1].map(|side| {
            let levels = model::best(&book.sides, side);
            levels.into_iter().map(|(price, level)| (price.clone(), level.size.clone())).collect()
        }),
        reach: book.reach.clone(),
        stats: book.stats.pairs().to_vec(),
        buffered: book.buffer.len(),
    }
}

fn topic(dialect: &Dialect, name: &str) -> Vec<String> {
    let parts = dialect.shape.form.route.len();
    (0..parts).map(|at| if at + 1 == parts { name } else { "book" }.to_string()).collect()
}

/// Whether the shape can say that a message is a whole book.
fn says_whole(shape: &Shape) -> bool {
    let kind = &shape.kind;
    !kind.snapshot.is_empty() || !kind.snapshot_keys.is_empty() || kind.sentinel.is_some() || kind.nested.is_some()
}

/// The messages where `each` has them.
fn put_together(each: Option<&Path>, star: bool, mut listed: Vec<(String, Tree)>, how: &mut Choices) -> Tree {
    let Some(path) = each else { return listed.pop().map_or(NULL, |(_, tree)| tree) };
    let values = if star && (listed.iter().any(|(key, _)| !key.starts_with('k')) || how.chance(50)) {
        Tree::Object { members: listed, fixed: true }
    } else {
        Tree::List(listed.into_iter().map(|(_, tree)| tree).collect())
    };
    let mut root = NULL;
    let steps: &[Step] = &path.steps;
    root.put(steps, values);
    root
}
