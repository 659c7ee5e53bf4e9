//! One book: what a message does to it.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use crate::buffer::Buffer;
use crate::checksum;
use crate::decode::read;
use crate::fault::{Result, missing, number};
use crate::fetch::fetch;
use crate::ids::Ids;
use crate::json::{Kind, Tape};
use crate::levels::{Exact, Levels, nearer};
use crate::message::{Message, Room, Side, Terms, What};
use crate::number::{LIMIT, POW10};
use crate::outcome::{Event, Outcome, Stats, event};
use crate::rule::{Base, Rule, Seed, Verdict};
use crate::shape::{ChecksumAt, Shape, When};

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Role {
    Stream,
    Snapshot,
}

/// What is fixed when a book is made. Books of one kind share it: it is at hand for all of them.
#[derive(PartialEq)]
pub struct Plan {
    pub shape: Shape,
    pub snapshot: Option<Shape>,
    pub rule: Rule,
    pub depth_cap: usize,
    pub terms: Terms,
}

static PLANS: Mutex<Vec<Weak<Plan>>> = Mutex::new(Vec::new());

impl Plan {
    /// The same one where it is in use already.
    fn shared(self) -> Arc<Plan> {
        let mut plans = PLANS.lock().unwrap_or_else(PoisonError::into_inner);
        plans.retain(|plan| plan.strong_count() > 0);
        if let Some(known) = plans.iter().filter_map(Weak::upgrade).find(|plan| **plan == self) {
            return known;
        }
        let plan = Arc::new(self);
        plans.push(Arc::downgrade(&plan));
        plan
    }

    pub fn shape(&self, role: Role) -> &Shape {
        match role {
            Role::Stream => &self.shape,
            Role::Snapshot => self.snapshot.as_ref().unwrap_or(&self.shape),
        }
    }

    /// Whether a snapshot in this role comes from outside of the stream.
    pub fn is_outside(&self, role: Role) -> bool {
        role == Role::Snapshot && self.rule.seeds_outside()
    }
}

#[derive(Clone)]
pub struct State {
    pub seeded: bool,
    pub bridged: bool,
    pub first: Option<i64>,
    pub last: Option<i64>,
    pub prev: Option<i64>,
    pub venue_ns: Option<i64>,
    pub heard_ns: Option<i64>,
    pub applied_ns: Option<i64>,
    pub levels: Levels,
    /// The worst bid and ask of the last snapshot, or of what was kept since.
    pub reach: [Option<Exact>; 2],
    pub stats: Stats,
    pub buffer: Buffer,
    ids: Ids,
    /// Since the last snapshot, while seeded.
    room: Room,
    base: Base,
    retains: bool,
    said_unchecked: bool,
}

pub struct Book {
    pub plan: Arc<Plan>,
    state: Mutex<State>,
}

impl Book {
    pub fn new(shape: Shape, snapshot: Option<Shape>, rule: Rule, depth_cap: usize, scales: (i64, i64)) -> Book {
        let keep_texts = shape.checksum.is_some() || snapshot.as_ref().is_some_and(|shape| shape.checksum.is_some());
        let terms = Terms { price_scale: scales.0, size_scale: scales.1, keep_texts };
        let state = State {
            seeded: false,
            bridged: false,
            first: None,
            last: None,
            prev: None,
            venue_ns: None,
            heard_ns: None,
            applied_ns: None,
            levels: Levels::new(keep_texts),
            reach: [None; 2],
            stats: Stats::default(),
            buffer: Buffer::default(),
            ids: Ids::default(),
            room: Room::default(),
            base: Base::default(),
            retains: rule.seed == Seed::Side,
            said_unchecked: false,
        };
        Book { plan: Plan { shape, snapshot, rule, depth_cap, terms }.shared(), state: Mutex::new(state) }
    }

    /// A lock that nobody else wants: it is there so that the book may be looked at from any thread.
    #[inline]
    pub fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(|poisoned| self.half_applied(poisoned))
    }

    /// Has it brought here while something else is done.
    #[inline]
    pub fn fetch(&self) {
        fetch(&self.state);
    }

    /// A bug has ended a message in its middle: nobody knows what the book is.
    #[cold]
    fn half_applied<'a>(&'a self, poisoned: PoisonError<MutexGuard<'a, State>>) -> MutexGuard<'a, State> {
        self.state.clear_poison();
        let mut state = poisoned.into_inner();
        state.unseed();
        state.buffer.clear();
        state
    }

    /// A snapshot from outside.
    pub fn seed(&self, body: &[u8], received_ns: i64, asked_ns: i64, cap: usize) -> Result<Outcome> {
        self.whole(body, received_ns, asked_ns, cap, false)
    }

    /// The same, which replaces a seeded book only where it differs.
    pub fn audit(&self, body: &[u8], received_ns: i64, asked_ns: i64, cap: usize) -> Result<Outcome> {
        self.whole(body, received_ns, asked_ns, cap, true)
    }

    fn whole(&self, body: &[u8], received_ns: i64, asked_ns: i64, cap: usize, audit: bool) -> Result<Outcome> {
        let shape = self.plan.shape(Role::Snapshot);
        let mut tape = Tape::default();
        let doc = tape.read(body, cap)?;
        let mut at = Some(0);
        if let Some(each) = &shape.form.each {
            at = each.look(&doc, 0)?.and_then(|found| match doc.kind(found) {
                Kind::List => doc.member(found, 0),
                Kind::Object if shape.form.star => doc.members(found).nth(1),
                _ => None,
            });
        }
        let at = at.ok_or_else(|| missing("no message in the body"))?;
        let mut message = Message::default();
        read(&doc, at, shape, self.plan.terms, true, &mut message)?;
        message.received_ns = received_ns;
        let mut outcomes = Vec::new();
        let mut state = self.state();
        if message.what != What::Snapshot {
            return Err(missing("no book in the body"));
        }
        fits(message.room.with(state.surviving_room(&self.plan, &message, asked_ns)))?;
        let said_unchecked = state.said_unchecked;
        if audit && state.seeded {
            state.audit(&self.plan, &message, asked_ns, &mut outcomes);
        } else {
            state.adopt(&self.plan, &message, asked_ns, asked_ns, &mut outcomes);
        }
        // One outcome fits here; `unchecked` is said another time.
        state.said_unchecked = said_unchecked;
        Ok(outcomes[0])
    }

    pub fn unseed(&self, keep_buffer: bool) {
        let mut state = self.state();
        state.unseed();
        if !keep_buffer {
            state.buffer.clear();
        }
    }

    pub fn retain(&self, on: bool) {
        let mut state = self.state();
        state.retains = on || self.plan.rule.seed == Seed::Side;
        if !state.retains && state.seeded {
            state.buffer.clear();
        }
    }
}

/// Whether prices that need this room fit together.
pub fn fits(room: Room) -> Result<()> {
    if i64::from(room.sum()) <= LIMIT {
        return Ok(());
    }
    Err(number(format!(
        "prices of {} digits before and {} behind the point do not fit together",
        room.digits, room.scale
    )))
}

impl State {
    /// The room that the book's prices need before another message, and whether a change would add to it: not where it
    /// is ignored because nothing has seeded the book.
    pub fn room(&self, plan: &Plan) -> (Room, bool) {
        let room = if self.seeded { self.room } else { self.buffer.room() };
        (room, self.seeded || plan.rule.seeds_outside())
    }

    /// Whether the prices of a message in the stream, the only one of its frame, fit to those of the book.
    pub fn has_room(&self, plan: &Plan, message: &Message) -> bool {
        match message.what {
            What::Ignored | What::Check => true,
            What::Change => fits(self.room(plan).0.with(message.room)).is_ok(),
            What::Snapshot => fits(message.room).is_ok(),
        }
    }

    /// The room of the buffered changes that a snapshot would not make old.
    pub fn surviving_room(&self, plan: &Plan, snapshot: &Message, asked_ns: i64) -> Room {
        let base = Base { id: snapshot.last, asked_ns };
        let survivors = self.buffer.iter().filter(|change| !plan.rule.is_old(&base, change));
        survivors.fold(Room::default(), |room, change| room.with(change.room))
    }

    /// The counter of the connection has a hole.
    pub fn lose(&mut self) {
        self.unseed();
        self.buffer.clear();
        self.stats.gaps += 1;
    }

    fn unseed(&mut self) {
        self.seeded = false;
        self.bridged = false;
    }

    /// One message, read and tested before. `counter` is the feed's, where it has one.
    pub fn take(&mut self, plan: &Plan, message: &Message, role: Role, counter: Option<i64>, out: &mut Vec<Outcome>) {
        self.heard_ns = Some(message.received_ns);
        match message.what {
            What::Ignored => {}
            What::Check => {
                if self.seeded {
                    self.check(plan.shape(role), message, out);
                }
            }
            What::Snapshot if plan.is_outside(role) => {
                // All that was heard before it is older.
                self.adopt(plan, message, message.received_ns, message.received_ns.saturating_add(1), out);
            }
            What::Snapshot => self.replace(plan, message, role, counter, out),
            What::Change => self.change(plan, message, role, counter, out),
        }
    }

    /// A snapshot in the stream.
    fn replace(&mut self, plan: &Plan, message: &Message, role: Role, counter: Option<i64>, out: &mut Vec<Outcome>) {
        let was_seeded = self.seeded;
        if !self.set(plan, message, out) {
            return;
        }
        self.bridged = true;
        self.buffer.clear();
        if plan.rule.connection {
            self.last = counter.or(self.last);
        }
        if self.settle(plan, plan.shape(role), message, out) {
            out.push(if was_seeded { Outcome::Changed } else { event(Event::Seeded) });
        }
    }

    /// A snapshot from outside, with the changes that came behind it. Where ids do not tell, buffered changes received
    /// before `old_ns` are old, later ones before `asked_ns`.
    fn adopt(&mut self, plan: &Plan, message: &Message, asked_ns: i64, old_ns: i64, out: &mut Vec<Outcome>) {
        let rule = &plan.rule;
        let base = Base { id: message.last, asked_ns: old_ns };
        if let Some(first) = self.buffer.iter().find(|change| !rule.is_old(&base, change)) {
            if !rule.bridges(&base, first) {
                let (expected, got) = rule.unbridged(&base, first);
                self.stats.too_old += 1;
                out.push(Outcome::Event { what: Event::TooOld, expected, got });
                return;
            }
        }
        if !self.set(plan, message, out) {
            return;
        }
        // Without a bridge the chain alone judges.
        self.bridged = rule.bridge.is_none();
        self.base = Base { asked_ns, ..base };
        let mut survivors = self.buffer.take();
        survivors.retain(|change| !rule.is_old(&base, change));
        if !self.settle(plan, plan.shape(Role::Snapshot), message, out) {
            return;
        }
        let mut unchecked = Vec::new();
        for (at, change) in survivors.iter().enumerate() {
            let verdict = if self.bridged { rule.judge(self.last, change) } else { Verdict::Apply };
            match verdict {
                Verdict::Ignore => self.stats.ignored += 1,
                Verdict::Gap { expected, got } => {
                    self.unseed();
                    self.stats.gaps += 1;
                    self.buffer.refill(survivors.drain(at..));
                    out.push(Outcome::Event { what: Event::Gap, expected, got });
                    return;
                }
                Verdict::Apply => {
                    let mut said = Vec::new();
                    if !self.put(plan, &plan.shape, change, None, &mut said) {
                        out.append(&mut said);
                        return;
                    }
                    unchecked.extend(said.into_iter().filter(|outcome| *outcome != Outcome::Changed));
                }
            }
        }
        if self.retains {
            self.buffer.refill(survivors);
        }
        out.push(event(Event::Seeded));
        out.append(&mut unchecked);
    }

    /// A snapshot from outside that replaces a seeded book only where it differs as far as it reaches, with the changes
    /// behind it applied; `compare_different` counts what differs as far as both reach. What is newer than the book
    /// cannot be compared yet.
    fn audit(&mut self, plan: &Plan, message: &Message, asked_ns: i64, out: &mut Vec<Outcome>) {
        if let (Some(theirs), Some(ours)) = (message.last, self.last) {
            if theirs > ours {
                let (expected, got) = (Some(i128::from(theirs)), Some(i128::from(ours)));
                out.push(Outcome::Event { what: Event::Ahead, expected, got });
                return;
            }
            let base = Base { id: message.last, asked_ns };
            if theirs < ours && self.buffer.iter().all(|change| plan.rule.is_old(&base, change)) {
                // Of what came since then nothing was retained: both cannot be compared at one sequence.
                let (expected, got) = (Some(i128::from(theirs)), Some(i128::from(ours)));
                self.stats.too_old += 1;
                out.push(Outcome::Event { what: Event::TooOld, expected, got });
                return;
            }
        }
        let before = self.clone();
        self.adopt(plan, message, asked_ns, asked_ns, out);
        if out[0] != event(Event::Seeded) {
            return;
        }
        // Behind its own reach the book never claimed to know: a snapshot that knows more shows no fault of it.
        let both =
            [Side::Bid, Side::Ask].map(|side| nearer(side, before.reach[side as usize], self.reach[side as usize]));
        let is_right = before.levels.agree(&self.levels, both);
        // It was compared once, as a whole, whatever else the rule compares.
        let equal = before.stats.compare_equal + u64::from(is_right);
        let different = before.stats.compare_different + u64::from(!is_right);
        if is_right && before.levels.agree(&self.levels, self.reach) {
            *self = before;
            out[0] = event(Event::Equal);
        }
        self.stats.compare_equal = equal;
        self.stats.compare_different = different;
    }

    /// Replaces both sides. False when an id is not known.
    fn set(&mut self, plan: &Plan, message: &Message, out: &mut Vec<Outcome>) -> bool {
        let mut ids = Ids::default();
        let resolved = match ids.resolve(message) {
            Ok(resolved) => resolved,
            Err(id) => return self.unknown(id, out),
        };
        let levels = Levels::whole(&resolved, plan.terms.keep_texts);
        let nothing_newer = message.last.is_none() || self.last.is_none() || message.last == self.last;
        if plan.rule.compares && self.seeded && nothing_newer {
            if levels.equals(&self.levels) {
                self.stats.compare_equal += 1;
            } else {
                self.stats.compare_different += 1;
            }
        }
        let worst = |side| levels.worst(side).map(|raw| raw.exact_price());
        self.reach = [worst(Side::Bid), worst(Side::Ask)];
        self.levels = levels;
        self.ids = ids;
        self.room = message.room;
        self.seeded = true;
        self.stats.snapshots += 1;
        self.note(message);
        true
    }

    fn change(&mut self, plan: &Plan, message: &Message, role: Role, counter: Option<i64>, out: &mut Vec<Outcome>) {
        let rule = &plan.rule;
        if !self.seeded {
            if !rule.seeds_outside() {
                self.stats.ignored += 1;
                return;
            }
            let is_first = self.buffer.is_empty();
            self.keep(plan, message);
            if is_first {
                out.push(event(Event::Waiting));
            }
            return;
        }
        let verdict = if self.bridged {
            rule.judge(self.last, message)
        } else if rule.is_old(&self.base, message) {
            Verdict::Ignore
        } else if rule.bridges(&self.base, message) {
            Verdict::Apply
        } else {
            let (expected, got) = rule.unbridged(&self.base, message);
            Verdict::Gap { expected, got }
        };
        match verdict {
            Verdict::Ignore => self.stats.ignored += 1,
            Verdict::Gap { expected, got } => {
                self.unseed();
                self.stats.gaps += 1;
                self.buffer.clear();
                if rule.seeds_outside() {
                    self.keep(plan, message);
                }
                out.push(Outcome::Event { what: Event::Gap, expected, got });
            }
            Verdict::Apply => {
                if self.put(plan, plan.shape(role), message, counter, out) && self.retains {
                    self.keep(plan, message);
                }
            }
        }
    }

    /// Applies a change. False when the book is not seeded any more.
    fn put(
        &mut self,
        plan: &Plan,
        shape: &Shape,
        message: &Message,
        counter: Option<i64>,
        out: &mut Vec<Outcome>,
    ) -> bool {
        let resolved = match self.ids.resolve(message) {
            Ok(resolved) => resolved,
            Err(id) => return self.unknown(id, out),
        };
        self.room = self.room.with(message.room);
        self.stats.absent_removals += self.levels.apply(&resolved, self.room);
        self.bridged = true;
        self.note(message);
        if plan.rule.connection {
            self.last = counter.or(self.last);
        }
        if !self.settle(plan, shape, message, out) {
            return false;
        }
        out.push(Outcome::Changed);
        if message.checksum.is_none() && shape.checksum.as_ref().is_some_and(|checksum| checksum.when != When::Alone) {
            self.stats.unchecked += 1;
            if !self.said_unchecked {
                self.said_unchecked = true;
                out.push(event(Event::Unchecked));
            }
        }
        true
    }

    fn note(&mut self, message: &Message) {
        self.first = message.first;
        self.last = message.last;
        self.prev = message.prev;
        self.venue_ns = message.venue_ns.or(self.venue_ns);
        self.applied_ns = Some(message.received_ns);
        self.stats.applied += 1;
    }

    fn keep(&mut self, plan: &Plan, message: &Message) {
        self.buffer.push(message.clone());
        let rule = &plan.rule;
        self.stats.buffer_dropped += self.buffer.bound(rule.bounds, message.received_ns);
    }

    /// Nothing is applied, and nothing is known any more: always false.
    fn unknown(&mut self, id: i64, out: &mut Vec<Outcome>) -> bool {
        self.unseed();
        self.buffer.clear();
        out.push(Outcome::Event { what: Event::UnknownId, expected: None, got: Some(i128::from(id)) });
        false
    }

    /// What follows each applied message. False when the checksum is different.
    fn settle(&mut self, plan: &Plan, shape: &Shape, message: &Message, out: &mut Vec<Outcome>) -> bool {
        let window = plan.shape.window;
        for side in [Side::Bid, Side::Ask] {
            if let Some(window) = window.filter(|window| window.client) {
                self.stats.cut += self.cut(side, window.levels);
            }
            let trimmed = self.cut(side, plan.depth_cap);
            if trimmed > 0 {
                self.stats.trimmed += trimmed;
                self.draw_in(side);
            }
        }
        if let Some(window) = window.filter(|window| !window.client) {
            let longer = [Side::Bid, Side::Ask].into_iter().filter(|side| self.levels.count(*side) > window.levels);
            self.stats.over_window += longer.count() as u64;
        }
        self.check(shape, message, out)
    }

    /// The worst levels beyond `most` go, with their ids; how many.
    fn cut(&mut self, side: Side, most: usize) -> u64 {
        let ids = &mut self.ids;
        self.levels.cut(side, most, |raw| ids.forget_level(side, raw.exact_price())) as u64
    }

    /// Behind the worst level that was kept nothing is known any more.
    fn draw_in(&mut self, side: Side) {
        let Some(worst) = self.levels.worst(side) else { return };
        let reach = &mut self.reach[usize::from(side == Side::Ask)];
        // The scale of the levels grows until a snapshot sets both anew: the reach fits into it.
        let is_better = reach.is_none_or(|(price, scale)| {
            let reach = price * POW10[usize::from(worst.price_scale) - scale as usize];
            if side == Side::Bid { worst.price > reach } else { worst.price < reach }
        });
        if is_better {
            *reach = Some(worst.exact_price());
        }
    }

    fn check(&mut self, shape: &Shape, message: &Message, out: &mut Vec<Outcome>) -> bool {
        let (Some(theirs), Some(spec)) = (message.checksum, &shape.checksum) else { return true };
        let ours = self.checksum(spec, shape.signed);
        if ours == theirs {
            self.stats.checksum_passed += 1;
            return true;
        }
        self.stats.checksum_failed += 1;
        self.unseed();
        self.buffer.clear();
        let (expected, got) = (Some(i128::from(theirs)), Some(i128::from(ours)));
        out.push(Outcome::Event { what: Event::Checksum, expected, got });
        false
    }

    fn checksum(&self, spec: &ChecksumAt, signed: bool) -> u32 {
        checksum::compute(&self.levels, spec, signed)
    }
}

#[cfg(test)]
mod tests;
