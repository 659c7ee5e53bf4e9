//! One connection: which message of a frame is which book's. A frame is read completely before any of it is applied.

use std::sync::Arc;

use crate::book::{Book, Plan, Role, State, fits};
use crate::cursor::PAD;
use crate::decode::{At, read};
use crate::facts::{self, id};
use crate::fault::Result;
use crate::json::{Doc, Kind, Tape, unescape};
use crate::message::{Message, Room, What};
use crate::outcome::{Event, Outcome};
use crate::pass::{self, Passed, Slots};
use crate::program::Program;
use crate::rule::Base;
use crate::shape::{Form, IdAt, Path, Shape};
use crate::topics::{Last, Topics, look_up, place};

/// What is wanted under a topic. `handle` is the caller's own.
struct Entry<H> {
    target: Target,
    handle: H,
}

enum Target {
    /// `program` is the place of the compiled shape, if it compiles.
    Book {
        book: Arc<Book>,
        role: Role,
        program: Option<usize>,
    },
    Other,
}

/// A form, the books that are wanted under it, and the `Other`s that asked for it.
struct Wanted {
    form: Form,
    topics: Topics,
    others: Vec<Box<[u8]>>,
}

impl Wanted {
    fn is_needed(&self) -> bool {
        !self.topics.is_empty() || !self.others.is_empty()
    }
}

/// What came of a frame: places in `Feed::handle`, in order.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Out {
    Book(usize),
    Event { entry: Option<usize>, what: Event, expected: Option<i128>, got: Option<i128> },
    Other(usize),
    Unrouted,
}

/// A message that somebody wants, and where its facts are if it is a book's.
#[derive(Clone, Copy)]
struct Heard {
    entry: usize,
    message: Option<usize>,
}

pub struct Feed<H> {
    counter: Option<IdAt>,
    count: Option<i64>,
    cap: usize,
    /// These fit any form.
    others: Topics,
    entries: Vec<Option<Entry<H>>>,
    forms: Vec<Wanted>,
    /// One for each shape that was ever wanted and compiles, and for forms without books.
    programs: Vec<Program>,
    /// By which the next frame is passed: the one that fitted last.
    guess: Option<usize>,
    #[cfg(test)]
    has_passed: bool,
    slots: Slots,
    last: Last,
    padded: Vec<u8>,
    tape: Tape,
    scratch: Scratch,
}

/// Memory that is reused from frame to frame.
#[derive(Default)]
struct Scratch {
    topic: Vec<u8>,
    /// Where the messages are that somebody wants, and the entries.
    found: Vec<(usize, usize)>,
    rooms: Vec<(usize, Room, bool)>,
    heard: Vec<Heard>,
    /// Whether some message of the frame has no topic.
    has_loose: bool,
    messages: Vec<Message>,
    said: Vec<Outcome>,
    out: Vec<Out>,
}

/// Messages with more rows than this give their memory back.
const KEPT_ROWS: usize = 4096;

/// So does a frame of more bytes.
const KEPT_BYTES: usize = 1 << 20;

impl<H> Feed<H> {
    pub fn new(counter: Option<IdAt>, cap: usize) -> Feed<H> {
        Feed {
            counter,
            count: None,
            cap,
            others: Topics::default(),
            entries: Vec::new(),
            forms: Vec::new(),
            programs: Vec::new(),
            guess: None,
            #[cfg(test)]
            has_passed: false,
            slots: Slots::default(),
            last: Last::default(),
            padded: Vec::new(),
            tape: Tape::default(),
            scratch: Scratch::default(),
        }
    }

    pub fn want(&mut self, topic: &[u8], book: Arc<Book>, role: Role, handle: H) {
        let form = book.plan.shape(role).form.clone();
        self.forget_other(topic);
        self.forms.retain(|known| known.is_needed() || known.form == form);
        let program = self.compiled(book.plan.shape(role), book.plan.terms.keep_texts);
        let at = self.enter(Entry { target: Target::Book { book, role, program }, handle });
        if let Some(old) = self.known(form).topics.insert(topic.into(), at) {
            self.entries[old] = None;
        }
        self.guess();
    }

    /// The place of the program of a shape.
    fn compiled(&mut self, shape: &Shape, keep_texts: bool) -> Option<usize> {
        let known = self.programs.iter().position(|program| program.is_of(shape, keep_texts));
        known.or_else(|| {
            self.programs.push(Program::of(shape, self.counter.as_ref(), keep_texts)?);
            Some(self.programs.len() - 1)
        })
    }

    /// Frames are passed by a program of the first form: only of that one it is known that no other comes before it.
    fn guess(&mut self) {
        self.last = Last::default();
        self.guess = None;
        let Some(Wanted { form, .. }) = self.forms.first() else { return };
        let form = form.clone();
        let known = self.programs.iter().rposition(|program| *program.form() == form);
        self.guess = known.or_else(|| self.compiled(&Shape::bare(form), false));
    }

    /// The form, which is looked for from now on.
    fn known(&mut self, form: Form) -> &mut Wanted {
        let at = self.forms.iter().position(|known| known.form == form).unwrap_or_else(|| {
            self.forms.push(Wanted { form, topics: Topics::default(), others: Vec::new() });
            self.forms.len() - 1
        });
        &mut self.forms[at]
    }

    /// The handle is made only where the topic is not an `Other` already.
    pub fn other<E>(
        &mut self,
        topic: &[u8],
        form: Option<Form>,
        make: impl FnOnce() -> std::result::Result<H, E>,
    ) -> std::result::Result<(), E> {
        if !self.others.contains_key(topic) {
            let handle = make()?;
            self.forget(topic);
            let at = self.enter(Entry { target: Target::Other, handle });
            self.others.insert(topic.into(), at);
        }
        if let Some(form) = form {
            let others = &mut self.known(form).others;
            if !others.iter().any(|known| **known == *topic) {
                others.push(topic.into());
            }
        }
        self.guess();
        Ok(())
    }

    fn enter(&mut self, entry: Entry<H>) -> usize {
        let at = self.entries.iter().position(Option::is_none).unwrap_or_else(|| {
            self.entries.push(None);
            self.entries.len() - 1
        });
        self.entries[at] = Some(entry);
        at
    }

    pub fn forget(&mut self, topic: &[u8]) {
        self.forget_other(topic);
        for known in &mut self.forms {
            if let Some(at) = known.topics.remove(topic) {
                self.entries[at] = None;
            }
        }
        self.forms.retain(Wanted::is_needed);
        self.guess();
    }

    fn forget_other(&mut self, topic: &[u8]) {
        if let Some(at) = self.others.remove(topic) {
            self.entries[at] = None;
            for known in &mut self.forms {
                known.others.retain(|other| **other != *topic);
            }
        }
    }

    pub fn reset(&mut self) {
        self.count = None;
    }

    pub fn handle(&self, entry: usize) -> Option<&H> {
        self.entries.get(entry)?.as_ref().map(|entry| &entry.handle)
    }

    /// What came of the last frame.
    pub fn outcomes(&self) -> &[Out] {
        &self.scratch.out
    }

    /// One data frame; after a fault nothing of it was applied.
    #[inline]
    pub fn feed(&mut self, frame: &[u8], received_ns: i64) -> Result<()> {
        self.scratch.out.clear();
        self.scratch.heard.clear();
        self.scratch.has_loose = false;
        // Places in a frame are kept in 32 bits.
        let has_passed = frame.len() <= self.cap.min(u32::MAX as usize - 1) && self.pass(frame, received_ns).is_some();
        #[cfg(test)]
        (self.has_passed = has_passed);
        if has_passed {
            return Ok(());
        }
        self.read_and_apply(frame, received_ns)
    }

    /// The short way, for frames that a program leads through. None: nothing has happened yet.
    fn pass(&mut self, frame: &[u8], received_ns: i64) -> Option<()> {
        let mut guess = self.guess?;
        if self.padded.capacity() > KEPT_BYTES {
            self.padded = Vec::with_capacity(KEPT_BYTES);
        }
        self.padded.clear();
        self.padded.extend_from_slice(frame);
        self.padded.extend_from_slice(&[0; PAD]);
        if self.scratch.messages.is_empty() {
            self.scratch.messages.push(Message::default());
        }
        let expected = self.expect();
        let message = &mut self.scratch.messages[0];
        let (counted, entry) = loop {
            message.clear();
            let program = &mut self.programs[guess];
            let is_regular = pass::run(&self.padded, program, &mut self.slots, message)?;
            let passed = Passed { bytes: &self.padded, slots: &self.slots };
            let topic = passed.topic(&program.shape.form.route, &mut self.scratch.topic)?;
            let spot = place(&self.padded, topic);
            let entry = match expected {
                Some(entry) if spot == self.last.spot => Some(entry),
                _ => look_up([&self.forms[0].topics, &self.others], topic),
            };
            let is_another = entry != self.last.entry;
            if is_another || spot != self.last.spot {
                self.last.topic.clear();
                self.last.topic.extend_from_slice(topic);
                (self.last.spot, self.last.entry) = (spot, entry);
            }
            let counted = program.counter.as_ref().map(|counter| id(&passed, counter)).transpose().ok()?.flatten();
            if let Some(Entry { target: Target::Book { book, role, program: own }, .. }) =
                entry.and_then(|entry| self.entries[entry].as_ref())
            {
                let own = (*own)?;
                if is_another {
                    book.state().levels.fetch();
                }
                if own != guess {
                    guess = own;
                    continue;
                }
                if !is_regular || !read_passed(&passed, &program.shape, book, *role, received_ns, message)? {
                    return None;
                }
            }
            break (counted, entry);
        };
        self.guess = Some(guess);
        match entry.map(|at| (at, &self.entries[at])) {
            // What nearly all frames are: one change of one book, on a connection that does not count.
            Some((at, Some(Entry { target: Target::Book { book, role, .. }, .. }))) if counted.is_none() => {
                let Scratch { messages, said, out, .. } = &mut self.scratch;
                let mut state = book.state();
                state.has_room(&book.plan, &messages[0]).then_some(())?;
                apply(&mut state, &book.plan, *role, self.count, &mut messages[0], said);
                tell(said, at, |_| false, out);
            }
            Some((_, Some(Entry { target: Target::Book { book, .. }, .. })))
                if !book.state().has_room(&book.plan, &self.scratch.messages[0]) =>
            {
                return None;
            }
            Some((at, found)) => {
                let is_book = matches!(found, Some(Entry { target: Target::Book { .. }, .. }));
                self.scratch.heard.push(Heard { entry: at, message: is_book.then_some(0) });
                self.count_and_apply(counted);
            }
            None => self.count_and_apply(counted),
        }
        Some(())
    }

    /// Whose the frame is if its topic stands where the last one stood, as it mostly does. The book is brought here while
    /// the frame is read: where there are many, it has to come from far.
    #[inline]
    fn expect(&self) -> Option<usize> {
        let topic = self.padded.get(self.last.spot.clone())?;
        if *topic == *self.last.topic {
            return self.last.entry;
        }
        // A part of a longer one is no topic.
        (self.padded.get(self.last.spot.end) == Some(&b'"')).then_some(())?;
        let found = look_up([&self.forms[0].topics, &self.others], topic)?;
        if let Some(Entry { target: Target::Book { book, .. }, .. }) = &self.entries[found] {
            book.fetch();
        }
        Some(found)
    }

    fn read_and_apply(&mut self, frame: &[u8], received_ns: i64) -> Result<()> {
        let doc = self.tape.read(frame, self.cap)?;
        let counted = self.counter.as_ref().map(|counter| id(&At { doc, at: 0 }, counter)).transpose()?.flatten();
        if route(&doc, &self.forms, &self.others, &mut self.scratch)? {
            self.scratch.decode(&doc, &self.entries, received_ns)?;
        }
        // From here on nothing can fail.
        self.count_and_apply(counted);
        Ok(())
    }

    /// The connection's counter, which may have a hole, and then the messages.
    fn count_and_apply(&mut self, counted: Option<i64>) {
        if let Some(counted) = counted {
            let last = self.count.replace(counted).filter(|last| last.checked_add(1) != Some(counted));
            if let Some(last) = last {
                lose(&self.entries);
                self.scratch.out.push(Out::Event {
                    entry: None,
                    what: Event::Gap,
                    expected: Some(i128::from(last) + 1),
                    got: Some(i128::from(counted)),
                });
            }
        }
        let (entries, count) = (&self.entries, self.count);
        let Scratch { heard, has_loose, messages, said, out, .. } = &mut self.scratch;
        for heard in heard.iter() {
            match (&entries[heard.entry], heard.message) {
                (Some(Entry { target: Target::Book { book, role, .. }, .. }), Some(at)) => {
                    apply(&mut book.state(), &book.plan, *role, count, &mut messages[at], said);
                    tell(said, heard.entry, |known| is_book(&entries[known], book), out);
                }
                _ => {
                    if !out.contains(&Out::Other(heard.entry)) {
                        out.push(Out::Other(heard.entry));
                    }
                }
            }
        }
        if *has_loose || heard.is_empty() {
            out.push(Out::Unrouted);
        }
    }
}

/// The facts of a passed message, and whether it may be applied as it is: rare cases are left to the long way.
#[inline]
fn read_passed(
    passed: &Passed,
    shape: &Shape,
    book: &Book,
    role: Role,
    received_ns: i64,
    message: &mut Message,
) -> Option<bool> {
    if !facts::read(passed, shape, role == Role::Snapshot, message).ok()? {
        message.rows.clear();
    }
    message.received_ns = received_ns;
    Some(message.what != What::Snapshot || !book.plan.is_outside(role))
}

/// What comes of a message is left in `said`.
#[inline]
fn apply(
    state: &mut State,
    plan: &Plan,
    role: Role,
    count: Option<i64>,
    message: &mut Message,
    said: &mut Vec<Outcome>,
) {
    said.clear();
    state.take(plan, message, role, count, said);
    if message.rows.capacity() > KEPT_ROWS {
        *message = Message::default();
    }
}

/// A book that changed more than once stands once.
#[inline]
fn tell(said: &[Outcome], entry: usize, is_same: impl Fn(usize) -> bool, out: &mut Vec<Out>) {
    for outcome in said {
        match *outcome {
            Outcome::Changed => {
                if !out.iter().any(|known| matches!(known, Out::Book(known) if is_same(*known))) {
                    out.push(Out::Book(entry));
                }
            }
            Outcome::Event { what, expected, got } => out.push(Out::Event { entry: Some(entry), what, expected, got }),
        }
    }
}

/// The books of a connection whose counter has a hole.
fn lose<H>(entries: &[Option<Entry<H>>]) {
    let mut lost: Vec<&Arc<Book>> = Vec::new();
    for entry in entries.iter().flatten() {
        if let Target::Book { book, .. } = &entry.target {
            if book.plan.rule.connection && !lost.iter().any(|known| Arc::ptr_eq(known, book)) {
                book.state().lose();
                lost.push(book);
            }
        }
    }
}

/// Finds the frame's form, and leaves its messages with the entries that want them in `scratch.found`.
fn route(doc: &Doc, forms: &[Wanted], others: &Topics, scratch: &mut Scratch) -> Result<bool> {
    for Wanted { form, topics, .. } in forms {
        let wanted = [topics, others];
        scratch.found.clear();
        let (mut has_topic, mut has_loose) = (false, false);
        let Some(at) = form.each.as_ref().map_or(Ok(Some(0)), |path| path.look(doc, 0))? else { continue };
        match doc.kind(at) {
            _ if form.each.is_none() => has_topic = scratch.find(doc, at, None, form, wanted)?,
            Kind::List => {
                for member in doc.members(at) {
                    let has_one = scratch.find(doc, member, None, form, wanted)?;
                    (has_topic, has_loose) = (has_topic | has_one, has_loose | !has_one);
                }
            }
            Kind::Object if form.star => {
                let mut members = doc.members(at);
                while let (Some(key), Some(value)) = (members.next(), members.next()) {
                    let has_one = scratch.find(doc, value, Some(key), form, wanted)?;
                    (has_topic, has_loose) = (has_topic | has_one, has_loose | !has_one);
                }
            }
            _ => {}
        }
        if has_topic {
            scratch.has_loose = has_loose;
            return Ok(true);
        }
    }
    Ok(false)
}

impl Scratch {
    /// Looks up the topic of the message at `at`. False when it has none.
    #[inline]
    fn find(&mut self, doc: &Doc, at: usize, key: Option<usize>, form: &Form, wanted: [&Topics; 2]) -> Result<bool> {
        let part = |path: &Path| -> Result<Option<usize>> {
            let is_key = form.star && path.text == "#";
            let found = if is_key { key } else { path.look(doc, at)? };
            Ok(found.filter(|&found| matches!(doc.kind(found), Kind::Number | Kind::Plain | Kind::Escaped)))
        };
        if let [path] = &*form.route {
            let Some(found) = part(path)? else { return Ok(false) };
            let entry = doc.value_at(found).text(&mut self.topic).and_then(|topic| look_up(wanted, topic));
            self.found.extend(entry.map(|entry| (at, entry)));
            return Ok(true);
        }
        self.topic.clear();
        let mut is_text = true;
        for (index, path) in form.route.iter().enumerate() {
            let Some(found) = part(path)? else { return Ok(false) };
            if index > 0 {
                self.topic.push(b' ');
            }
            match doc.kind(found) {
                Kind::Escaped => is_text &= unescape(doc.raw(found), &mut self.topic),
                _ => self.topic.extend_from_slice(doc.raw(found)),
            }
        }
        let entry = look_up(wanted, &self.topic).filter(|_| is_text);
        self.found.extend(entry.map(|entry| (at, entry)));
        Ok(true)
    }

    /// Reads all messages that somebody wants, and tests that the prices of each book fit together.
    fn decode<H>(&mut self, doc: &Doc, entries: &[Option<Entry<H>>], received_ns: i64) -> Result<()> {
        let mut used = 0;
        self.rooms.clear();
        for &(at, entry) in &self.found {
            let Some(Entry { target: Target::Book { book, role, .. }, .. }) = &entries[entry] else {
                self.heard.push(Heard { entry, message: None });
                continue;
            };
            if used == self.messages.len() {
                self.messages.push(Message::default());
            }
            let (before, rest) = self.messages.split_at_mut(used);
            let message = &mut rest[0];
            read(doc, at, book.plan.shape(*role), book.plan.terms, *role == Role::Snapshot, message)?;
            message.received_ns = received_ns;
            let earlier = self.heard.iter().filter_map(|heard| {
                let is_same = is_book(&entries[heard.entry], book);
                heard.message.filter(|_| is_same).map(|at| &before[at])
            });
            test_room(book, *role, message, earlier, &mut self.rooms)?;
            self.heard.push(Heard { entry, message: Some(used) });
            used += 1;
        }
        Ok(())
    }
}

/// Tests a message against the prices of its book and of the frame's messages before it; `rooms` has what these need.
fn test_room<'m>(
    book: &Arc<Book>,
    role: Role,
    message: &Message,
    earlier: impl Iterator<Item = &'m Message>,
    rooms: &mut Vec<(usize, Room, bool)>,
) -> Result<()> {
    let known = rooms.iter_mut().find(|(known, ..)| *known == Arc::as_ptr(book) as usize);
    let (room, adds) = known.as_ref().map_or_else(|| book.state().room(&book.plan), |(_, room, adds)| (*room, *adds));
    let (room, adds) = match message.what {
        What::Ignored | What::Check => return Ok(()),
        What::Change => {
            let together = room.with(message.room);
            fits(together)?;
            (if adds { together } else { room }, adds)
        }
        What::Snapshot if book.plan.is_outside(role) => {
            // All that was heard before it is older, where ids do not tell.
            let old_ns = message.received_ns.saturating_add(1);
            let mut together = message.room.with(book.state().surviving_room(&book.plan, message, old_ns));
            let base = Base { id: message.last, asked_ns: old_ns };
            for change in earlier.filter(|change| change.what == What::Change) {
                if !book.plan.rule.is_old(&base, change) {
                    together = together.with(change.room);
                }
            }
            fits(together)?;
            // It may turn out to be too old: what follows in this frame has to fit with both books.
            (room.with(together), true)
        }
        What::Snapshot => {
            fits(message.room)?;
            (message.room, true)
        }
    };
    match known {
        Some(known) => (known.1, known.2) = (room, adds),
        None => rooms.push((Arc::as_ptr(book) as usize, room, adds)),
    }
    Ok(())
}

fn is_book<H>(entry: &Option<Entry<H>>, book: &Arc<Book>) -> bool {
    matches!(entry, Some(Entry { target: Target::Book { book: known, .. }, .. }) if Arc::ptr_eq(known, book))
}

#[cfg(test)]
mod tests;
