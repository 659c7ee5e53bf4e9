//! What a message says besides its rows, wherever its values were found: on a tape, or in passing.

use crate::fault::{Result, malformed, missing, number};
use crate::json::{Kind, unescape};
use crate::message::{Message, What};
use crate::number::integer;
use crate::shape::{IdAt, KindAt, Path, Shape, When, Whole, Words};
use crate::stamp::{self, Unit};

/// A value of a frame. `raw` are its bytes, without the quotes of a string.
#[derive(Clone, Copy, Debug)]
pub struct Value<'a> {
    pub kind: Kind,
    pub raw: &'a [u8],
}

impl<'a> Value<'a> {
    /// A number or a string.
    #[inline]
    pub fn is_text(&self) -> bool {
        matches!(self.kind, Kind::Number | Kind::Plain | Kind::Escaped)
    }

    /// What a string means, or a scalar's text. None for a lone surrogate.
    #[inline]
    pub fn text<'b>(&self, scratch: &'b mut Vec<u8>) -> Option<&'b [u8]>
    where
        'a: 'b,
    {
        if self.kind != Kind::Escaped {
            return Some(self.raw);
        }
        scratch.clear();
        unescape(self.raw, scratch).then_some(scratch.as_slice())
    }

    /// Whether the string, or scalar, says `wanted`.
    #[inline]
    pub fn says(&self, wanted: &[u8]) -> bool {
        if self.kind != Kind::Escaped {
            return self.raw == wanted;
        }
        let mut text = Vec::new();
        unescape(self.raw, &mut text) && text == wanted
    }

    #[inline]
    pub fn is_word(&self, words: &Words) -> bool {
        words.iter().any(|word| self.says(word))
    }

    /// An integer or its text, as ids are read.
    #[inline]
    pub fn whole_number(&self, path: &Path) -> Result<i64> {
        if !self.is_text() {
            return Err(malformed(format!("no integer at {}", path.text)));
        }
        let value =
            if self.kind == Kind::Escaped { self.text(&mut Vec::new()).and_then(integer) } else { integer(self.raw) };
        value.ok_or_else(|| number(format!("no integer of 64 bits at {}", path.text)))
    }
}

/// One message, in which paths are looked up.
pub trait Look {
    /// Where the path leads. A null is absent; a repeated key is a fault wherever the rest leads.
    fn look(&self, path: &Path) -> Result<Option<Value<'_>>>;

    /// Whether the path leads somewhere, be it to a null.
    fn leads(&self, path: &Path) -> Result<bool>;

    /// Whether the list at the path holds lists (true), as an empty one does, or something else; None: no list is there.
    fn nests(&self, path: &Path) -> Result<Option<bool>>;
}

/// The id, if there is one.
pub fn id(at: &impl Look, id: &IdAt) -> Result<Option<i64>> {
    match at.look(&id.path)? {
        Some(found) => Ok(Some(found.whole_number(&id.path)?).filter(|value| Some(*value) != id.none)),
        None if id.optional => Ok(None),
        None => Err(missing(format!("no id at {}", id.path.text))),
    }
}

/// Everything but the rows, in the contract's order. False: the message has no rows, or nobody wants to know them.
pub fn read(at: &impl Look, shape: &Shape, snapshot: bool, out: &mut Message) -> Result<bool> {
    if let Some(alone) = shape.checksum.as_ref().filter(|checksum| checksum.when == When::Alone) {
        if first(at, &alone.paths)?.is_some() {
            out.what = What::Check;
            out.checksum = checksum(at, shape)?;
            return Ok(false);
        }
    }
    let whole = if snapshot { Some(Whole::Snapshot) } else { kind(at, &shape.kind)? };
    out.what = match whole {
        Some(Whole::Snapshot) => What::Snapshot,
        Some(Whole::Delta) => What::Change,
        None => return Ok(false),
    };
    if let Some(last) = &shape.last {
        let first = shape.first.as_ref().map(|first| id(at, first)).transpose()?;
        out.last = id(at, last)?;
        out.first = first.unwrap_or(out.last);
        out.prev = shape.prev.as_ref().map(|prev| id(at, prev)).transpose()?.flatten();
    }
    if let Some((path, unit)) = &shape.time {
        out.venue_ns = time(at, path, *unit)?;
    }
    out.checksum = checksum(at, shape)?;
    Ok(true)
}

/// None: the word says that the message is to be ignored.
fn kind(at: &impl Look, kind: &KindAt) -> Result<Option<Whole>> {
    if let Some(path) = &kind.nested {
        if let Some(whole) = at.nests(path)? {
            return Ok(Some(if whole { Whole::Snapshot } else { Whole::Delta }));
        }
    }
    for (keys, whole) in [(&kind.snapshot_keys, Whole::Snapshot), (&kind.delta_keys, Whole::Delta)] {
        for key in keys {
            if at.leads(key)? {
                return Ok(Some(whole));
            }
        }
    }
    if let Some((path, value)) = &kind.sentinel {
        if let Some(found) = at.look(path)?.filter(Value::is_text) {
            if found.text(&mut Vec::new()).and_then(integer) == Some(*value) {
                return Ok(Some(Whole::Snapshot));
            }
        }
    }
    if let Some(path) = &kind.path {
        if let Some(found) = at.look(path)? {
            if !matches!(found.kind, Kind::Object | Kind::List) {
                if found.is_word(&kind.snapshot) {
                    return Ok(Some(Whole::Snapshot));
                }
                if found.is_word(&kind.delta) {
                    return Ok(Some(Whole::Delta));
                }
                if found.is_word(&kind.ignore) {
                    return Ok(None);
                }
            }
            return Err(malformed(format!("an unknown word at {}", path.text)));
        }
    }
    kind.default.map(Some).ok_or_else(|| malformed("nothing says whether this is a snapshot"))
}

fn time(at: &impl Look, path: &Path, unit: Unit) -> Result<Option<i64>> {
    let Some(found) = at.look(path)? else { return Ok(None) };
    if !found.is_text() || (found.kind == Kind::Number && unit == Unit::Iso) {
        return Err(malformed(format!("no stamp at {}", path.text)));
    }
    let mut scratch = Vec::new();
    let text = found.text(&mut scratch);
    let nanos = match unit {
        Unit::Iso => text.and_then(stamp::from_iso),
        unit => text.and_then(|text| stamp::from_number(text, unit)),
    };
    nanos.map(Some).ok_or_else(|| number(format!("a stamp out of bounds at {}", path.text)))
}

/// What stands at the first of these that is present.
fn first<'a, 'p>(at: &'a impl Look, paths: &'p [Path]) -> Result<Option<(Value<'a>, &'p Path)>> {
    for path in paths {
        if let Some(found) = at.look(path)? {
            return Ok(Some((found, path)));
        }
    }
    Ok(None)
}

fn checksum(at: &impl Look, shape: &Shape) -> Result<Option<u32>> {
    let Some(checksum) = &shape.checksum else { return Ok(None) };
    let Some((found, path)) = first(at, &checksum.paths)? else { return Ok(None) };
    let value = found.whole_number(path)?;
    if !(-(1 << 31)..1 << 32).contains(&value) {
        return Err(number(format!("no checksum of 32 bits at {}", path.text)));
    }
    // A negative one plus 2^32 has the same low 32 bits.
    let value = value as u32;
    Ok((value != 0 || checksum.when != When::Nonzero).then_some(value))
}
