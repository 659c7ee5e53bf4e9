//! What a shape compiles to for one pass over a frame (`pass.rs`): which keys of which object lead where.
//!
//! Not every shape compiles: what is rare, or needs to be looked at twice, is read from the tape alone (`decode.rs`).

use crate::message::Side;
use crate::shape::{ChecksumAt, Form, IdAt, Lists, NO_SLOT, Path, RowAt, Shape, Step, Words};

/// A value's place among those that are looked at after the pass; at most so many.
pub const SLOTS: usize = 24;

/// The longest key, with its quotes and its colon, that is known again at one glance.
const GLANCE: usize = 24;

/// Members that one object may be asked for, so that a bit says which were there.
const MOST_MEMBERS: usize = 64;

/// What a row is made of.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Cell {
    Price,
    Size,
    Side,
    Other,
}

/// Whose rows a list has.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Whose {
    Bids,
    Asks,
    /// Each row says its side itself.
    Rows,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Then {
    Nothing,
    /// Look inside, by this node.
    Node(usize),
    /// A list of messages, the first of which is read by this node.
    Message(usize),
    Rows(Whose),
    Cell(Cell),
}

/// What is done with a value: it is remembered in a slot (or not), and then looked into.
#[derive(Clone, Copy, Debug)]
pub struct Member {
    pub slot: u8,
    pub then: Then,
}

const UNASKED: Member = Member { slot: NO_SLOT, then: Then::Nothing };

/// A member in one word: moving it about costs nothing.
#[derive(Clone, Copy, Debug)]
pub struct Code(u32);

impl Code {
    pub fn of(member: Member) -> Code {
        let (what, which) = match member.then {
            Then::Nothing => (0, 0),
            Then::Node(node) => (1, node),
            Then::Message(node) => (2, node),
            Then::Rows(whose) => (3, whose as usize),
            Then::Cell(cell) => (4, cell as usize),
        };
        Code(u32::from(member.slot) | what << 8 | (which as u32) << 16)
    }

    #[inline(always)]
    pub fn slot(self) -> u8 {
        self.0 as u8
    }

    #[inline(always)]
    pub fn is_looked_into(self) -> bool {
        self.0 & 0xFF00 != 0
    }

    #[inline(always)]
    pub fn then(self) -> Then {
        let which = (self.0 >> 16) as usize;
        match self.0 >> 8 & 0xFF {
            0 => Then::Nothing,
            1 => Then::Node(which),
            2 => Then::Message(which),
            3 => Then::Rows([Whose::Bids, Whose::Asks, Whose::Rows][which % 3]),
            _ => Then::Cell([Cell::Price, Cell::Size, Cell::Side, Cell::Other][which % 4]),
        }
    }
}

/// A member of an object, with its bit among those that are asked for; none where nobody asks.
#[derive(Clone, Copy, Debug)]
pub struct Asked {
    pub bit: u64,
    pub code: Code,
}

impl Default for Asked {
    fn default() -> Asked {
        Asked { bit: 0, code: Code::of(UNASKED) }
    }
}

/// The key that stood at some position of an object the last time, with its quotes and its colon, and what is done with
/// its value.
#[derive(Clone, Copy, Debug, Default)]
pub struct Glance {
    words: [u64; 3],
    masks: [u64; 3],
    pub len: u8,
    pub asked: Asked,
}

impl Glance {
    /// Whether the key stands here again.
    #[inline(always)]
    pub fn is_at(&self, word: impl Fn(usize) -> u64) -> bool {
        if (word(0) ^ self.words[0]) & self.masks[0] != 0 || self.len == 0 {
            return false;
        }
        self.len <= 8
            || ((word(8) ^ self.words[1]) & self.masks[1] == 0
                && (self.len <= 16 || (word(16) ^ self.words[2]) & self.masks[2] == 0))
    }

    fn of(key: &[u8], asked: Asked) -> Glance {
        let mut glance = Glance { len: key.len() as u8, asked, ..Glance::default() };
        for (at, part) in key.chunks(8).enumerate() {
            let (mut bytes, mut mask) = ([0; 8], [0; 8]);
            bytes[..part.len()].copy_from_slice(part);
            mask[..part.len()].fill(0xFF);
            glance.words[at] = u64::from_le_bytes(bytes);
            glance.masks[at] = u64::from_le_bytes(mask);
        }
        glance
    }
}

/// Positions of an object at which keys are known again, and all of these.
pub const POSITIONS: usize = 16;
pub type Glances = [Glance; POSITIONS];

/// An object that is looked into, or a list.
#[derive(Clone, Debug)]
pub enum Node {
    Object(Members),
    List(Vec<Member>),
}

#[derive(Clone, Debug, Default)]
pub struct Members {
    pub asked: Vec<(Box<[u8]>, Member)>,
}

impl Node {
    /// Of which nothing is asked.
    fn nothing() -> Node {
        Node::Object(Members::default())
    }

    fn known(&self) -> Vec<Glance> {
        let Node::Object(members) = self else { return Vec::new() };
        let keys = members.asked.iter().map(|(key, _)| (key, [b"\"", &**key, b"\":"].concat()));
        // What would have to be escaped is found by its text.
        let short = keys.filter(|(key, written)| {
            written.len() <= GLANCE && key.iter().all(|byte| (b' '..0x7F).contains(byte) && !b"\"\\".contains(byte))
        });
        short.map(|(key, written)| Glance::of(&written, members.find(key))).collect()
    }
}

impl Members {
    /// What is done with the value of a key.
    pub fn find(&self, key: &[u8]) -> Asked {
        let at = self.asked.iter().position(|(known, _)| **known == *key);
        at.map_or_else(Asked::default, |at| Asked { bit: 1 << at, code: Code::of(self.asked[at].1) })
    }
}

/// Learns a key, if it is short and valid by itself.
pub fn learn(glances: &mut Glances, position: usize, written: &[u8], asked: Asked) {
    if position < POSITIONS && written.len() <= GLANCE && written.is_ascii() {
        glances[position] = Glance::of(written, asked);
    }
}

/// One frame of so many is learned from: where frames of several kinds come in turn, what one teaches another forgets.
const LEARNING: u32 = 4;

/// A compiled shape. Its paths know their slots.
#[derive(Clone, Debug)]
pub struct Program {
    pub shape: Shape,
    /// As it was given, to be found again by.
    source: Shape,
    pub counter: Option<IdAt>,
    /// Each has the number by which members lead to it; the frame is the first.
    pub nodes: Vec<Node>,
    /// Of each node.
    pub glances: Vec<Glances>,
    /// The keys that are asked for, as far as they are short. Of each node.
    pub known: Vec<Vec<Glance>>,
    /// How many slots its paths have.
    pub slots: u8,
    frames: u32,
    pub terms: Terms,
}

/// What a pass needs to know besides where things are.
#[derive(Clone, Debug)]
pub struct Terms {
    pub row: Row,
    /// All messages of a frame have one topic.
    pub routes_from_root: bool,
    pub keep_texts: bool,
    pub skip_zero_price: bool,
    /// Numbers may be strings; may be bare.
    pub text: bool,
    pub json: bool,
    /// Words for sides.
    pub sides: Vec<(Box<[u8]>, Side)>,
}

impl Terms {
    #[inline]
    pub fn side(&self, word: &[u8]) -> Option<Side> {
        self.sides.iter().find(|(known, _)| **known == *word).map(|(_, side)| *side)
    }
}

#[derive(Clone, Debug)]
pub enum Row {
    Object(usize),
    List(Vec<Cell>),
}

impl Program {
    /// Whether the next frame is one to learn from.
    pub fn learns(&mut self) -> bool {
        self.frames = self.frames.wrapping_add(1);
        self.frames % LEARNING == 1
    }

    /// Which frames it leads through.
    pub fn form(&self) -> &Form {
        &self.source.form
    }

    pub fn is_of(&self, shape: &Shape, keep_texts: bool) -> bool {
        self.terms.keep_texts == keep_texts && self.source == *shape
    }

    /// For frames of a form in which nobody wants a book.
    pub fn bare(form: &Form, counter: Option<&IdAt>) -> Option<Program> {
        Program::of(&Shape::bare(form.clone()), counter, false)
    }

    /// None where the shape asks for more than one pass can give.
    pub fn of(source: &Shape, counter: Option<&IdAt>, keep_texts: bool) -> Option<Program> {
        let shape = source.clone();
        let more =
            shape.both.is_some() || shape.signed || shape.scaled || shape.form.star || shape.kind.nested.is_some();
        if more {
            return None;
        }
        let mut made = Compiler { nodes: vec![None], slots: 0 };
        let row = if shape.has_rows() { made.row(&shape.row)? } else { Row::List(Vec::new()) };
        let words = |words: &Words, side| words.iter().map(move |word| (word.clone(), side)).collect::<Vec<_>>();
        let terms = Terms {
            row,
            routes_from_root: shape.form.route.iter().all(|path| path.root) || shape.form.each.is_none(),
            keep_texts,
            skip_zero_price: shape.skip_zero_price,
            text: shape.text,
            json: shape.json,
            sides: [words(&shape.bid_words, Side::Bid), words(&shape.ask_words, Side::Ask)].concat(),
        };
        let counter = counter.cloned();
        let mut program = Program {
            shape,
            source: source.clone(),
            counter,
            nodes: Vec::new(),
            glances: Vec::new(),
            known: Vec::new(),
            slots: 0,
            frames: 0,
            terms,
        };
        let message = made.message(&program.shape)?;
        let shape = &mut program.shape;
        for path in &mut shape.form.route {
            made.slot(path, message)?;
        }
        let kind = &mut shape.kind;
        let kinds = kind.path.iter_mut().chain(&mut kind.snapshot_keys).chain(&mut kind.delta_keys);
        for path in kinds.chain(kind.sentinel.as_mut().map(|(path, _)| path)) {
            made.slot(path, message)?;
        }
        for id in [&mut shape.first, &mut shape.last, &mut shape.prev].into_iter().flatten() {
            made.slot(&mut id.path, message)?;
        }
        if let Some((path, _)) = &mut shape.time {
            made.slot(path, message)?;
        }
        if let Some(ChecksumAt { paths, .. }) = &mut shape.checksum {
            for path in paths {
                made.slot(path, message)?;
            }
        }
        if let Some(counter) = &mut program.counter {
            made.slot(&mut counter.path, 0)?;
        }
        made.lists(&program.shape, message)?;
        program.slots = made.slots;
        program.nodes = made.nodes.into_iter().map(|node| node.unwrap_or_else(Node::nothing)).collect();
        program.glances = vec![Glances::default(); program.nodes.len()];
        program.known = program.nodes.iter().map(Node::known).collect();
        Some(program)
    }
}

struct Compiler {
    /// None: nothing is asked of it yet, and it may become an object or a list.
    nodes: Vec<Option<Node>>,
    slots: u8,
}

impl Compiler {
    fn node(&mut self) -> usize {
        self.nodes.push(None);
        self.nodes.len() - 1
    }

    /// The node by which messages are read.
    fn message(&mut self, shape: &Shape) -> Option<usize> {
        let Some(each) = &shape.form.each else { return Some(0) };
        let message = self.node();
        let member = self.member(&each.steps, 0)?;
        member.then = Then::Message(message);
        Some(message)
    }

    /// What is done with the value to which the steps lead, from a node on.
    fn member(&mut self, steps: &[Step], mut from: usize) -> Option<&mut Member> {
        let (last, before) = steps.split_last()?;
        for step in before {
            let fresh = self.nodes.len();
            let member = self.step(step, from)?;
            from = match member.then {
                Then::Nothing => {
                    member.then = Then::Node(fresh);
                    self.node()
                }
                Then::Node(node) => node,
                _ => return None,
            };
        }
        self.step(last, from)
    }

    fn step(&mut self, step: &Step, node: usize) -> Option<&mut Member> {
        let node = &mut self.nodes[node];
        match step {
            Step::Key(key) => {
                let Node::Object(members) = node.get_or_insert_with(|| Node::Object(Members::default())) else {
                    return None;
                };
                let asked = &mut members.asked;
                let at = asked.iter().position(|(known, _)| known == key).unwrap_or_else(|| {
                    asked.push((key.clone(), UNASKED));
                    asked.len() - 1
                });
                (at < MOST_MEMBERS).then(|| &mut asked[at].1)
            }
            Step::Index(index) => {
                let Node::List(members) = node.get_or_insert_with(|| Node::List(Vec::new())) else { return None };
                let index = usize::try_from(*index).ok().filter(|index| *index < MOST_MEMBERS)?;
                if members.len() <= index {
                    members.resize(index + 1, UNASKED);
                }
                Some(&mut members[index])
            }
        }
    }

    fn slot(&mut self, path: &mut Path, message: usize) -> Option<()> {
        let next = self.slots;
        let member = self.member(&path.steps, if path.root { 0 } else { message })?;
        if member.slot == NO_SLOT {
            member.slot = next;
            self.slots += 1;
        }
        path.slot = self.member(&path.steps, if path.root { 0 } else { message })?.slot;
        (usize::from(self.slots) <= SLOTS).then_some(())
    }

    fn lists(&mut self, shape: &Shape, message: usize) -> Option<()> {
        match &shape.lists {
            Lists::Sides { bids, asks } => {
                for (paths, whose) in [(bids, Whose::Bids), (asks, Whose::Asks)] {
                    for path in paths {
                        self.rows(path, message, whose)?;
                    }
                }
            }
            Lists::Rows(lists) => {
                // The order of several lists counts, and here they come as they stand in the frame.
                let [list] = &**lists else { return None };
                if list.single || list.flat || list.action.is_some() {
                    return None;
                }
                self.rows(&list.path, message, Whose::Rows)?;
            }
        }
        Some(())
    }

    fn rows(&mut self, path: &Path, message: usize, whose: Whose) -> Option<()> {
        let member = self.member(&path.steps, if path.root { 0 } else { message })?;
        if member.then != Then::Nothing {
            return None;
        }
        member.then = Then::Rows(whose);
        Some(())
    }

    fn row(&mut self, row: &RowAt) -> Option<Row> {
        if row.action.is_some() || row.count.is_some() || row.id.is_some() {
            return None;
        }
        let node = self.node();
        let places = [(Some(&row.price), Cell::Price), (Some(&row.size), Cell::Size), (row.side.as_ref(), Cell::Side)];
        for (path, cell) in places.into_iter().filter_map(|(path, cell)| Some((path?, cell))) {
            if path.root || path.steps.len() != 1 {
                return None;
            }
            let member = self.member(&path.steps, node)?;
            if member.then != Then::Nothing {
                return None;
            }
            member.then = Then::Cell(cell);
        }
        Some(match self.nodes[node].as_ref()? {
            Node::Object(_) => Row::Object(node),
            Node::List(members) => Row::List(
                members
                    .iter()
                    .map(|member| if let Then::Cell(cell) = member.then { cell } else { Cell::Other })
                    .collect(),
            ),
        })
    }
}
