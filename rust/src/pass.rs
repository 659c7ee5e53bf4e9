//! One pass over a frame, led by a program: the frame is validated as JSON, the values that the program asks for are
//! remembered, and rows become numbers where they stand.
//!
//! It knows what is regular, and gives up on everything else without a word: `json.rs` and `decode.rs` then read the frame
//! from its beginning, and say what is wrong with it. What a pass does accept, they would read the same.

use crate::cursor::Cursor;
use crate::facts::{Look, Value};
use crate::fault::Result;
use crate::json::{Kind, MAX_DEPTH};
use crate::message::{Message, Room};
use crate::program::{Asked, Code, Glance, Glances, Node, POSITIONS, Program, SLOTS, Terms, Then, learn};
use crate::shape::{NO_SLOT, Path};

mod rows;

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
    let learns = program.learns();
    let has_messages = program.form().each.is_none();
    let Program { terms, nodes, glances, known, slots: asked, .. } = program;
    slots[..usize::from(*asked)].fill(Found::default());
    let mut pass = Pass {
        at: Cursor::new(padded),
        nodes,
        glances,
        known,
        learns,
        terms,
        slots,
        out,
        room: Room::default(),
        has_messages,
        is_regular: true,
        sides: [false; 2],
    };
    pass.at.space();
    pass.inside(0, 0)?;
    pass.at.space();
    (pass.at.is_at_the_end() && pass.has_messages).then_some(())?;
    let (room, is_regular) = (pass.room, pass.is_regular);
    out.room = room;
    Some(is_regular)
}

struct Pass<'a> {
    at: Cursor<'a>,
    nodes: &'a [Node],
    glances: &'a mut [Glances],
    known: &'a [Vec<Glance>],
    learns: bool,
    terms: &'a Terms,
    slots: &'a mut Slots,
    out: &'a mut Message,
    room: Room,
    has_messages: bool,
    is_regular: bool,
    /// Whether the bids, the asks were found: of two alternatives that are both there only the first counts.
    sides: [bool; 2],
}

impl Pass<'_> {
    /// An object or list that is looked into; another value is passed over. `depth` brackets are open.
    fn inside(&mut self, node: usize, depth: usize) -> Option<Kind> {
        let byte = self.at.peek();
        match &self.nodes[node] {
            Node::Object(_) if byte == b'{' && depth < MAX_DEPTH => self.object(node, depth + 1).map(|()| Kind::Object),
            Node::List(_) if byte == b'[' && depth < MAX_DEPTH => self.list(node, depth + 1).map(|()| Kind::List),
            _ => self.at.skip(depth),
        }
    }

    fn object(&mut self, node: usize, depth: usize) -> Option<()> {
        self.at.at += 1;
        if self.at.peek() == b'}' {
            self.at.at += 1;
            return Some(());
        }
        let mut seen = 0;
        for position in 0.. {
            let Asked { bit, code } = self.key(node, position)?;
            if seen & bit != 0 {
                return None;
            }
            seen |= bit;
            self.value(code, depth)?;
            if !self.at.goes_on(b'}')? {
                break;
            }
            self.at.peek();
        }
        Some(())
    }

    fn list(&mut self, node: usize, depth: usize) -> Option<()> {
        self.at.at += 1;
        if self.at.peek() == b']' {
            self.at.at += 1;
            return Some(());
        }
        let Node::List(members) = &self.nodes[node] else { return None };
        for index in 0.. {
            match members.get(index) {
                Some(member) => self.value(Code::of(*member), depth)?,
                None => self.at.skip(depth).map(|_| ())?,
            }
            if !self.at.goes_on(b']')? {
                break;
            }
        }
        Some(())
    }

    /// The key that stands here, with its colon, is passed: what is done with its value.
    #[inline(always)]
    fn key(&mut self, node: usize, position: usize) -> Option<Asked> {
        if let Some(glance) = self.glances[node].get(position) {
            if glance.is_at(|ahead| self.at.word(self.at.at + ahead)) {
                self.at.at += usize::from(glance.len);
                return Some(glance.asked);
            }
        }
        self.strange_key(node, position)
    }

    /// A key that did not stand here the last time.
    #[inline(never)]
    fn strange_key(&mut self, node: usize, position: usize) -> Option<Asked> {
        let known = self.known[node].iter().find(|known| known.is_at(|ahead| self.at.word(self.at.at + ahead)));
        if let Some(known) = known {
            if self.learns && position < POSITIONS {
                self.glances[node][position] = *known;
            }
            self.at.at += usize::from(known.len);
            return Some(known.asked);
        }
        let begin = self.at.at;
        let (key, is_plain) = self.at.string()?;
        if !is_plain {
            return None;
        }
        let is_close = self.at.byte() == b':';
        self.at.expect(b':')?;
        let Node::Object(members) = &self.nodes[node] else { return None };
        let asked = members.find(self.at.slice(key.0, key.1));
        if is_close && self.learns {
            learn(&mut self.glances[node], position, self.at.slice(begin, self.at.at), asked);
        }
        Some(asked)
    }

    #[inline(always)]
    fn value(&mut self, code: Code, depth: usize) -> Option<()> {
        self.at.peek();
        let start = self.at.at;
        let kind = if code.is_looked_into() { self.look_into(code.then(), depth)? } else { self.at.pass(depth)? };
        let slot = code.slot();
        if slot != NO_SLOT {
            if kind == Kind::Escaped {
                return None;
            }
            let quote = usize::from(kind == Kind::Plain);
            let (start, end) = ((start + quote) as u32, (self.at.at - quote) as u32);
            self.slots[usize::from(slot)] = Found { kind: Some(kind), start, end };
        }
        Some(())
    }

    fn look_into(&mut self, then: Then, depth: usize) -> Option<Kind> {
        let start = self.at.at;
        Some(match then {
            Then::Nothing => self.at.skip(depth)?,
            Then::Node(node) => self.inside(node, depth)?,
            Then::Message(node) => {
                self.at.expect(b'[')?;
                if self.at.peek() == b']' || depth + 1 >= MAX_DEPTH {
                    return None;
                }
                self.has_messages = true;
                self.inside(node, depth + 1)?;
                while self.at.goes_on(b']')? {
                    // Each message would need slots of its own. Their topic, at least, is known where they have one.
                    self.is_regular = false;
                    self.terms.routes_from_root.then(|| self.at.skip(depth + 1))??;
                }
                Kind::List
            }
            Then::Rows(whose) => match self.rows(whose, depth) {
                Some(()) => Kind::List,
                None => {
                    self.at.at = start;
                    let kind = self.at.skip(depth)?;
                    self.is_regular &= kind == Kind::Null;
                    kind
                }
            },
            Then::Cell(_) => return None,
        })
    }
}
