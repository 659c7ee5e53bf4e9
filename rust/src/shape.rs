//! Compiled shapes: what `shape.py` declares, in the form in which the decoder walks it.

use crate::fault::Result;
use crate::json::{Doc, Kind};
use crate::stamp::Unit;

#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Step {
    Key(Box<[u8]>),
    Index(i64),
}

/// A path that no program leads to.
pub const NO_SLOT: u8 = u8::MAX;

#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Path {
    pub steps: Vec<Step>,
    /// From the frame's root instead of from the message.
    pub root: bool,
    /// As it was written, for people.
    pub text: String,
    /// Where a program leaves the value (`program.rs`).
    pub slot: u8,
}

impl Default for Path {
    fn default() -> Path {
        Path { steps: Vec::new(), root: false, text: String::new(), slot: NO_SLOT }
    }
}

impl Path {
    /// Where the path leads from `at`. A null is absent; a repeated key is a fault wherever the rest leads.
    #[inline]
    pub fn look(&self, doc: &Doc, at: usize) -> Result<Option<usize>> {
        let mut at = if self.root { 0 } else { at };
        for step in &self.steps {
            let next = match (step, doc.kind(at)) {
                (Step::Key(key), Kind::Object) => doc.value(at, key)?,
                (Step::Index(index), Kind::List) => doc.member(at, *index),
                _ => None,
            };
            match next {
                Some(next) => at = next,
                None => return Ok(None),
            }
        }
        Ok((doc.kind(at) != Kind::Null).then_some(at))
    }

    /// Whether the path leads somewhere, be it to a null.
    pub fn leads(&self, doc: &Doc, at: usize) -> Result<bool> {
        let mut at = if self.root { 0 } else { at };
        for step in &self.steps {
            let next = match (step, doc.kind(at)) {
                (Step::Key(key), Kind::Object) => doc.value(at, key)?,
                (Step::Index(index), Kind::List) => doc.member(at, *index),
                _ => None,
            };
            match next {
                Some(next) => at = next,
                None => return Ok(false),
            }
        }
        Ok(true)
    }
}

pub type Words = Vec<Box<[u8]>>;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Whole {
    Snapshot,
    Delta,
}

#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct KindAt {
    pub default: Option<Whole>,
    pub path: Option<Path>,
    pub snapshot: Words,
    pub delta: Words,
    pub ignore: Words,
    pub snapshot_keys: Vec<Path>,
    pub delta_keys: Vec<Path>,
    pub sentinel: Option<(Path, i64)>,
    pub nested: Option<Path>,
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub struct IdAt {
    pub path: Path,
    pub optional: bool,
    pub none: Option<i64>,
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RowsAt {
    pub path: Path,
    pub action: Option<Box<[u8]>>,
    pub single: bool,
    /// A list whose first element is neither a list nor an object is itself one row.
    pub flat: bool,
}

/// Where the lists of rows stand.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Lists {
    /// Alternatives for each side: the first that is present.
    Sides {
        bids: Vec<Path>,
        asks: Vec<Path>,
    },
    Rows(Vec<RowsAt>),
}

#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct RowAt {
    pub price: Path,
    pub size: Path,
    pub side: Option<Path>,
    pub action: Option<Path>,
    pub count: Option<Path>,
    pub id: Option<Path>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Digits {
    AsSent,
    Bare,
    Python,
    JavaScript,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum When {
    Present,
    Nonzero,
    Alone,
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ChecksumAt {
    /// Alternatives: the first that is present.
    pub paths: Vec<Path>,
    pub depth: usize,
    pub interleaved: bool,
    pub digits: Digits,
    pub joiner: Box<[u8]>,
    pub when: When,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Window {
    pub levels: usize,
    pub client: bool,
}

/// Which frames a shape can be found in: two shapes with equal forms are looked for once.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Form {
    pub each: Option<Path>,
    /// `each` ended in `*`, which is taken off.
    pub star: bool,
    pub route: Vec<Path>,
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Shape {
    pub form: Form,
    pub kind: KindAt,
    pub lists: Lists,
    pub row: RowAt,
    pub both: Option<RowAt>,
    pub signed: bool,
    pub bid_words: Words,
    pub ask_words: Words,
    pub remove_words: Words,
    pub skip_zero_price: bool,
    /// Prices and sizes may be strings; may be JSON numbers.
    pub text: bool,
    pub json: bool,
    pub scaled: bool,
    pub first: Option<IdAt>,
    pub last: Option<IdAt>,
    pub prev: Option<IdAt>,
    pub time: Option<(Path, Unit)>,
    pub checksum: Option<ChecksumAt>,
    pub window: Option<Window>,
}

impl Shape {
    /// Only where messages and their topics stand.
    pub fn bare(form: Form) -> Shape {
        Shape {
            form,
            kind: KindAt::default(),
            lists: Lists::Sides { bids: Vec::new(), asks: Vec::new() },
            row: RowAt::default(),
            both: None,
            signed: false,
            bid_words: Words::new(),
            ask_words: Words::new(),
            remove_words: Words::new(),
            skip_zero_price: false,
            text: false,
            json: false,
            scaled: false,
            first: None,
            last: None,
            prev: None,
            time: None,
            checksum: None,
            window: None,
        }
    }

    pub fn has_rows(&self) -> bool {
        match &self.lists {
            Lists::Sides { bids, asks } => !bids.is_empty() || !asks.is_empty(),
            Lists::Rows(lists) => !lists.is_empty(),
        }
    }
}

#[cfg(test)]
pub mod tests {
    use super::*;
    use crate::json::Tape;

    impl Path {
        /// The reading of `shape.Path.of`.
        pub fn of(text: &str) -> Path {
            let body = text.strip_prefix('/').unwrap_or(text);
            let steps = body.split('.').filter(|_| !body.is_empty()).map(|part| match part.parse() {
                Ok(index) => Step::Index(index),
                Err(_) => Step::Key(part.as_bytes().into()),
            });
            Path { steps: steps.collect(), root: text.starts_with('/'), text: text.into(), slot: NO_SLOT }
        }
    }

    impl IdAt {
        pub fn of(text: &str) -> IdAt {
            IdAt { path: Path::of(text), optional: false, none: None }
        }
    }

    pub fn words(list: &[&str]) -> Words {
        list.iter().map(|word| word.as_bytes().into()).collect()
    }

    /// Deltas with ids U, u and sides b, a, routed by s.
    pub fn diff_shape() -> Shape {
        Shape {
            kind: KindAt { default: Some(Whole::Delta), ..KindAt::default() },
            lists: Lists::Sides { bids: vec![Path::of("b")], asks: vec![Path::of("a")] },
            row: RowAt { price: Path::of("0"), size: Path::of("1"), ..RowAt::default() },
            text: true,
            first: Some(IdAt::of("U")),
            last: Some(IdAt::of("u")),
            ..Shape::bare(Form { route: vec![Path::of("s")], ..Form::default() })
        }
    }

    /// A whole book with its id at `lastUpdateId`.
    pub fn whole_shape() -> Shape {
        Shape {
            form: Form::default(),
            kind: KindAt { default: Some(Whole::Snapshot), ..KindAt::default() },
            lists: Lists::Sides { bids: vec![Path::of("bids")], asks: vec![Path::of("asks")] },
            first: None,
            last: Some(IdAt::of("lastUpdateId")),
            ..diff_shape()
        }
    }

    #[test]
    fn paths() {
        let mut tape = Tape::default();
        let doc = tape.read(br#"{"a":{"0":[5,{"x":null}]},"r":1,"r":2,"n":{"r":9}}"#, 1 << 10).unwrap();
        let look = |text: &str, at| Path::of(text).look(&doc, at).map(|found| found.map(|at| doc.raw(at)));
        assert_eq!(look("a.0", 0).unwrap(), None); // an index step into an object
        let by_key = |key: &str| Step::Key(key.as_bytes().into());
        let inner = Path { steps: vec![by_key("a"), by_key("0")], ..Path::default() };
        let list = inner.look(&doc, 0).unwrap().unwrap();
        assert_eq!(look("0", list).unwrap(), Some(&b"5"[..]));
        assert_eq!(look("-1.x", list).unwrap(), None); // null
        assert_eq!(look("2", list).unwrap(), None);
        assert_eq!(look("/n.r", list).unwrap(), Some(&b"9"[..]));
        assert!(look("r", 0).is_err());
        assert!(look("r.missing.too", 0).is_err());
        assert_eq!(look("", list).unwrap(), Some(doc.raw(list)));
    }
}
