//! One pass over a frame: validates it as JSON and leaves a flat tape of its values.
//!
//! A container is followed by its members; `next` leads behind them, so that skipping a value costs one step.
//! An object's members alternate: key, value, key, value.

use crate::facts::Value;
use crate::fault::{Fault, Kind as FaultKind, Result, fault, malformed};

/// Open brackets at one place; one more is `too_deep`.
pub const MAX_DEPTH: usize = 32;

/// A tape of more nodes than this is given back after its frame.
const KEPT_NODES: usize = 1 << 16;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum Kind {
    Object,
    List,
    /// A string without escapes: its bytes are its text.
    Plain,
    /// A string that has to be unescaped first.
    Escaped,
    Number,
    True,
    False,
    Null,
}

/// `start..end` are the bytes of a scalar, without the quotes of a string.
#[derive(Clone, Copy, Debug)]
pub struct Node {
    pub start: u32,
    pub end: u32,
    pub next: u32,
    pub kind: Kind,
}

/// The nodes of one frame; the memory is reused for the next.
#[derive(Default)]
pub struct Tape {
    nodes: Vec<Node>,
}

/// A frame and its tape, to be looked at.
#[derive(Clone, Copy)]
pub struct Doc<'a> {
    pub bytes: &'a [u8],
    pub nodes: &'a [Node],
}

impl Tape {
    pub fn read<'a>(&'a mut self, frame: &'a [u8], cap: usize) -> Result<Doc<'a>> {
        if frame.len() > cap || frame.len() >= u32::MAX as usize {
            return Err(fault(FaultKind::TooLarge, format!("{} bytes, the cap is {cap}", frame.len())));
        }
        if std::str::from_utf8(frame).is_err() {
            return Err(malformed("not UTF-8"));
        }
        if self.nodes.capacity() > KEPT_NODES {
            self.nodes = Vec::with_capacity(KEPT_NODES);
        }
        self.nodes.clear();
        Scan { bytes: frame, at: 0, nodes: &mut self.nodes }.run()?;
        Ok(Doc { bytes: frame, nodes: &self.nodes })
    }
}

struct Scan<'a> {
    bytes: &'a [u8],
    at: usize,
    nodes: &'a mut Vec<Node>,
}

impl Scan<'_> {
    fn run(&mut self) -> Result<()> {
        // Iterative: the frames that nest deepest are the ones to be careful with.
        let mut open = [0u32; MAX_DEPTH];
        let mut depth = 0;
        self.space();
        'value: loop {
            match self.peek() {
                Some(b'"') => self.string()?,
                Some(b'-' | b'0'..=b'9') => self.number()?,
                Some(bracket @ (b'{' | b'[')) => {
                    if depth == MAX_DEPTH {
                        return Err(fault(FaultKind::TooDeep, format!("nested deeper than {MAX_DEPTH}")));
                    }
                    open[depth] = self.nodes.len() as u32;
                    depth += 1;
                    let is_object = bracket == b'{';
                    self.push(if is_object { Kind::Object } else { Kind::List }, self.at, self.at);
                    self.at += 1;
                    self.space();
                    match self.peek() {
                        Some(b'}') if is_object => {}
                        Some(b']') if !is_object => {}
                        _ => {
                            if is_object {
                                self.key()?;
                            }
                            continue 'value;
                        }
                    }
                }
                Some(b't') => self.literal(b"true", Kind::True)?,
                Some(b'f') => self.literal(b"false", Kind::False)?,
                Some(b'n') => self.literal(b"null", Kind::Null)?,
                _ => return Err(self.wrong("no value")),
            }
            // A value ends here, or an empty container is about to be closed.
            loop {
                self.space();
                if depth == 0 {
                    return if self.at == self.bytes.len() { Ok(()) } else { Err(self.wrong("more behind the value")) };
                }
                let container = open[depth - 1] as usize;
                let is_object = self.nodes[container].kind == Kind::Object;
                match self.peek() {
                    Some(b',') => {
                        self.at += 1;
                        self.space();
                        if is_object {
                            self.key()?;
                        }
                        continue 'value;
                    }
                    Some(b'}') if is_object => {}
                    Some(b']') if !is_object => {}
                    _ => return Err(self.wrong("neither a comma nor the end")),
                }
                self.at += 1;
                depth -= 1;
                let next = self.nodes.len() as u32;
                let node = &mut self.nodes[container];
                node.end = self.at as u32;
                node.next = next;
            }
        }
    }

    #[inline]
    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    #[inline]
    fn space(&mut self) {
        while let Some(b' ' | b'\t' | b'\n' | b'\r') = self.peek() {
            self.at += 1;
        }
    }

    #[inline]
    fn push(&mut self, kind: Kind, start: usize, end: usize) {
        let next = self.nodes.len() as u32 + 1;
        self.nodes.push(Node { start: start as u32, end: end as u32, next, kind });
    }

    #[cold]
    fn wrong(&self, what: &str) -> Fault {
        malformed(format!("not JSON: {what} at byte {}", self.at))
    }

    #[inline]
    fn key(&mut self) -> Result<()> {
        if self.peek() != Some(b'"') {
            return Err(self.wrong("no key"));
        }
        self.string()?;
        self.space();
        if self.peek() != Some(b':') {
            return Err(self.wrong("no colon"));
        }
        self.at += 1;
        self.space();
        Ok(())
    }

    fn literal(&mut self, word: &[u8], kind: Kind) -> Result<()> {
        if !self.bytes[self.at..].starts_with(word) {
            return Err(self.wrong("no value"));
        }
        self.push(kind, self.at, self.at + word.len());
        self.at += word.len();
        Ok(())
    }

    #[inline]
    fn string(&mut self) -> Result<()> {
        let start = self.at + 1;
        let mut at = start;
        let mut kind = Kind::Plain;
        loop {
            at = skip_ordinary(self.bytes, at);
            match self.bytes.get(at) {
                Some(b'"') => break,
                Some(b'\\') => {
                    kind = Kind::Escaped;
                    at += match self.bytes.get(at + 1) {
                        Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => 2,
                        Some(b'u') if hex4(self.bytes, at + 2).is_some() => 6,
                        _ => return Err(self.wrong("a wrong escape in the string")),
                    };
                }
                Some(_) => return Err(self.wrong("a control character in the string")),
                None => return Err(self.wrong("an open string")),
            }
        }
        self.push(kind, start, at);
        self.at = at + 1;
        Ok(())
    }

    #[inline]
    fn number(&mut self) -> Result<()> {
        let start = self.at;
        if self.peek() == Some(b'-') {
            self.at += 1;
        }
        let first = self.peek();
        let digits = self.digits();
        if digits == 0 || (digits > 1 && first == Some(b'0')) {
            return Err(self.wrong("a wrong number"));
        }
        if self.peek() == Some(b'.') {
            self.at += 1;
            if self.digits() == 0 {
                return Err(self.wrong("a wrong number"));
            }
        }
        if let Some(b'e' | b'E') = self.peek() {
            self.at += 1;
            if let Some(b'+' | b'-') = self.peek() {
                self.at += 1;
            }
            if self.digits() == 0 {
                return Err(self.wrong("a wrong number"));
            }
        }
        self.push(Kind::Number, start, self.at);
        Ok(())
    }

    #[inline]
    fn digits(&mut self) -> usize {
        let start = self.at;
        while let Some(b'0'..=b'9') = self.peek() {
            self.at += 1;
        }
        self.at - start
    }
}

/// The first quote, backslash or control character from `at` on, eight bytes at a time.
#[inline]
fn skip_ordinary(bytes: &[u8], mut at: usize) -> usize {
    const ONES: u64 = 0x0101_0101_0101_0101;
    const HIGH: u64 = 0x8080_8080_8080_8080;
    while let Some(eight) = bytes.get(at..at + 8) {
        let x = u64::from_le_bytes(eight.try_into().expect("eight bytes"));
        // `(v - ONES) & !v & HIGH` marks zero bytes; a borrow can only mark bytes above a true one, and the lowest counts.
        let zero = |v: u64| v.wrapping_sub(ONES) & !v;
        let control = x.wrapping_sub(ONES * 0x20) & !x;
        let found = (zero(x ^ (ONES * u64::from(b'"'))) | zero(x ^ (ONES * u64::from(b'\\'))) | control) & HIGH;
        if found != 0 {
            return at + (found.trailing_zeros() / 8) as usize;
        }
        at += 8;
    }
    while bytes.get(at).is_some_and(|&byte| byte >= 0x20 && byte != b'"' && byte != b'\\') {
        at += 1;
    }
    at
}

pub fn hex4(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..at + 4)?.iter().try_fold(0, |sum, &byte| Some(sum * 16 + char::from(byte).to_digit(16)?))
}

/// Appends what the raw inside of a valid string means. False for a lone surrogate: such a text equals nothing.
pub fn unescape(raw: &[u8], out: &mut Vec<u8>) -> bool {
    let mut at = 0;
    while at < raw.len() {
        if raw[at] != b'\\' {
            out.push(raw[at]);
            at += 1;
            continue;
        }
        at += 2;
        out.push(match raw[at - 1] {
            b'b' => 8,
            b'f' => 12,
            b'n' => b'\n',
            b'r' => b'\r',
            b't' => b'\t',
            b'u' => {
                let mut code = hex4(raw, at).unwrap_or(0);
                at += 4;
                if (0xD800..0xDC00).contains(&code) && raw[at..].starts_with(b"\\u") {
                    let low = hex4(raw, at + 2).unwrap_or(0);
                    if (0xDC00..0xE000).contains(&low) {
                        code = 0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00);
                        at += 6;
                    }
                }
                let Some(letter) = char::from_u32(code) else { return false };
                out.extend_from_slice(letter.encode_utf8(&mut [0; 4]).as_bytes());
                continue;
            }
            same => same,
        });
    }
    true
}

impl<'a> Doc<'a> {
    #[inline]
    pub fn node(&self, at: usize) -> Node {
        self.nodes[at]
    }

    #[inline]
    pub fn kind(&self, at: usize) -> Kind {
        self.nodes[at].kind
    }

    #[inline]
    pub fn raw(&self, at: usize) -> &'a [u8] {
        let node = &self.nodes[at];
        &self.bytes[node.start as usize..node.end as usize]
    }

    #[inline]
    pub fn value_at(&self, at: usize) -> Value<'a> {
        Value { kind: self.kind(at), raw: self.raw(at) }
    }

    /// The members of a list.
    #[inline]
    pub fn members(&self, list: usize) -> Members<'a> {
        Members { nodes: self.nodes, at: list + 1, end: self.nodes[list].next as usize }
    }

    /// The value under `key`. All keys are inspected: the same one twice is `repeated`.
    #[inline]
    pub fn value(&self, object: usize, key: &[u8]) -> Result<Option<usize>> {
        let end = self.nodes[object].next as usize;
        let mut at = object + 1;
        let mut found = None;
        while at < end {
            if self.value_at(at).says(key) {
                if found.is_some() {
                    return Err(fault(
                        FaultKind::Repeated,
                        format!("the key {:?} stands twice", String::from_utf8_lossy(key)),
                    ));
                }
                found = Some(at + 1);
            }
            at = self.nodes[at + 1].next as usize;
        }
        Ok(found)
    }

    /// The member at `index`, negative from the end.
    #[inline]
    pub fn member(&self, list: usize, index: i64) -> Option<usize> {
        let mut members = self.members(list);
        if index >= 0 {
            return members.nth(usize::try_from(index).ok()?);
        }
        let back = usize::try_from(index.unsigned_abs()).ok()?;
        let count = self.members(list).count();
        members.nth(count.checked_sub(back)?)
    }
}

pub struct Members<'a> {
    nodes: &'a [Node],
    at: usize,
    end: usize,
}

impl Iterator for Members<'_> {
    type Item = usize;

    #[inline]
    fn next(&mut self) -> Option<usize> {
        if self.at >= self.end {
            return None;
        }
        let this = self.at;
        self.at = self.nodes[this].next as usize;
        Some(this)
    }
}

#[cfg(test)]
mod tests;
