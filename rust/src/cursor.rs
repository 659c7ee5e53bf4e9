//! A place in a frame, and how it moves on: spaces, strings, numbers, and values that nobody asked for.
//!
//! It validates what it passes over as JSON. None, everywhere: here it is not what was expected.

use crate::json::{Kind, MAX_DEPTH, hex4};

/// So many zeros follow the frame, and so eight bytes may be read some way behind each of its places.
pub const PAD: usize = 32;

const ONES: u64 = 0x0101_0101_0101_0101;
const HIGH: u64 = 0x8080_8080_8080_8080;

/// A high bit in each of eight bytes that is a quote, a backslash, a control character or beyond ASCII; the lowest is exact.
#[inline(always)]
fn specials(x: u64) -> u64 {
    // `(v - ONES) & !v & HIGH` marks zero bytes; a borrow can only mark bytes above a true one.
    let zero = |v: u64| v.wrapping_sub(ONES) & !v;
    let control = x.wrapping_sub(ONES * 0x20) & !x;
    (zero(x ^ (ONES * u64::from(b'"'))) | zero(x ^ (ONES * u64::from(b'\\'))) | control | x) & HIGH
}

/// A high bit in each of eight bytes that is no digit; the lowest is exact.
#[inline(always)]
fn no_digits(x: u64) -> u64 {
    let values = x ^ (ONES * u64::from(b'0'));
    (values.wrapping_add(ONES * 0x76) | values) & HIGH
}

pub struct Cursor<'a> {
    bytes: &'a [u8],
    pub at: usize,
    pub is_ascii: bool,
}

impl<'a> Cursor<'a> {
    /// `padded` are a frame and `PAD` zeros.
    pub fn new(padded: &'a [u8]) -> Cursor<'a> {
        assert!(padded.last_chunk::<PAD>() == Some(&[0; PAD]), "what follows a frame is zeros");
        Cursor { bytes: padded, at: 0, is_ascii: true }
    }

    /// Whether all of the frame was passed, and is UTF-8.
    pub fn is_at_the_end(&self) -> bool {
        let frame = &self.bytes[..self.bytes.len() - PAD];
        self.at == frame.len() && (self.is_ascii || std::str::from_utf8(frame).is_ok())
    }

    #[inline]
    pub fn slice(&self, from: usize, to: usize) -> &'a [u8] {
        &self.bytes[from..to]
    }

    #[inline(always)]
    pub fn byte(&self) -> u8 {
        self.byte_at(self.at)
    }

    #[inline(always)]
    pub fn byte_at(&self, at: usize) -> u8 {
        debug_assert!(at < self.bytes.len());
        // SAFETY: as in `word`.
        unsafe { *self.bytes.get_unchecked(at) }
    }

    /// Eight bytes, the first one the lowest.
    #[inline(always)]
    pub fn word(&self, at: usize) -> u64 {
        debug_assert!(at + 8 <= self.bytes.len());
        // SAFETY: `bytes` are a frame and `PAD` zeros behind it. A place only moves on over a byte that was looked at and
        // was not zero (a zero is legal nowhere in JSON), so that no place is beyond the first of these zeros; and no
        // reading begins farther than `PAD - 8` behind a place.
        unsafe { self.bytes.as_ptr().add(at).cast::<u64>().read_unaligned() }.to_le()
    }

    /// Whether these bytes, eight at most, stand at a place.
    #[inline(always)]
    pub fn is_at<const COUNT: usize>(&self, at: usize, bytes: [u8; COUNT]) -> bool {
        let mut wanted = [0; 8];
        wanted[..COUNT].copy_from_slice(&bytes);
        (self.word(at) ^ u64::from_le_bytes(wanted)) << (64 - 8 * COUNT) == 0
    }

    #[inline(never)]
    pub fn space(&mut self) {
        while let b' ' | b'\t' | b'\n' | b'\r' = self.byte() {
            self.at += 1;
        }
    }

    /// The next byte that is no space.
    #[inline(always)]
    pub fn peek(&mut self) -> u8 {
        if self.byte() <= b' ' {
            self.space();
        }
        self.byte()
    }

    #[inline]
    pub fn expect(&mut self, byte: u8) -> Option<()> {
        (self.peek() == byte).then(|| self.at += 1)
    }

    /// A comma (true), or the end of what is open.
    #[inline(always)]
    pub fn goes_on(&mut self, end: u8) -> Option<bool> {
        let byte = self.peek();
        let goes_on = byte == b',';
        (goes_on || byte == end).then(|| self.at += 1)?;
        Some(goes_on)
    }

    /// The length of the string whose inside begins at `at`, if it is plain and its closing quote is among the next eight
    /// bytes.
    #[inline(always)]
    pub fn short(&self, at: usize) -> Option<usize> {
        let length = (specials(self.word(at)).trailing_zeros() / 8) as usize;
        (length < 8 && self.byte_at(at + length) == b'"').then_some(length)
    }

    /// As `skip`; whole numbers and strings take a short way.
    #[inline(always)]
    pub fn pass(&mut self, depth: usize) -> Option<Kind> {
        let begin = self.at;
        match self.byte() {
            b'"' => return self.string().map(|(_, is_plain)| if is_plain { Kind::Plain } else { Kind::Escaped }),
            b'1'..=b'9' => {
                self.digits();
                if let b',' | b'}' | b']' = self.byte() {
                    return Some(Kind::Number);
                }
                self.at = begin;
            }
            _ => {}
        }
        self.skip(depth)
    }

    /// Passes over a value and says what it was. `depth` brackets are open.
    pub fn skip(&mut self, depth: usize) -> Option<Kind> {
        match self.peek() {
            b'"' => self.string().map(|(_, is_plain)| if is_plain { Kind::Plain } else { Kind::Escaped }),
            b'-' | b'0'..=b'9' => self.bare_number().map(|()| Kind::Number),
            b'{' => self.skip_members(depth + 1, b'}').map(|()| Kind::Object),
            b'[' => self.skip_members(depth + 1, b']').map(|()| Kind::List),
            b't' => self.literal(b"true").map(|()| Kind::True),
            b'f' => self.literal(b"false").map(|()| Kind::False),
            b'n' => self.literal(b"null").map(|()| Kind::Null),
            _ => None,
        }
    }

    fn skip_members(&mut self, depth: usize, end: u8) -> Option<()> {
        if depth > MAX_DEPTH {
            return None;
        }
        self.at += 1;
        if self.peek() == end {
            self.at += 1;
            return Some(());
        }
        loop {
            if end == b'}' {
                self.peek();
                self.string()?;
                self.expect(b':')?;
            }
            self.skip(depth)?;
            if !self.goes_on(end)? {
                return Some(());
            }
        }
    }

    fn literal(&mut self, word: &[u8]) -> Option<()> {
        self.bytes[self.at..].starts_with(word).then(|| self.at += word.len())
    }

    /// The string that begins here: where its inside is, and whether it is without escapes.
    #[inline]
    pub fn string(&mut self) -> Option<((usize, usize), bool)> {
        if self.byte() != b'"' {
            return None;
        }
        let start = self.at + 1;
        let mut at = start;
        let mut is_plain = true;
        loop {
            let found = specials(self.word(at));
            if found == 0 {
                at += 8;
                continue;
            }
            at += (found.trailing_zeros() / 8) as usize;
            match self.bytes.get(at)? {
                b'"' => break,
                b'\\' => {
                    is_plain = false;
                    at += match self.bytes.get(at + 1)? {
                        b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' => 2,
                        b'u' if hex4(self.bytes, at + 2).is_some() => 6,
                        _ => return None,
                    };
                }
                0x80.. => {
                    self.is_ascii = false;
                    at += 1;
                }
                _ => return None,
            }
        }
        self.at = at + 1;
        Some(((start, at), is_plain))
    }

    /// A number as JSON has it.
    #[inline]
    pub fn bare_number(&mut self) -> Option<()> {
        self.at += usize::from(self.byte() == b'-');
        let first = self.byte();
        let digits = self.digits();
        if digits == 0 || (digits > 1 && first == b'0') {
            return None;
        }
        if self.byte() == b'.' {
            self.at += 1;
            (self.digits() > 0).then_some(())?;
        }
        if let b'e' | b'E' = self.byte() {
            self.at += 1;
            self.at += usize::from(matches!(self.byte(), b'+' | b'-'));
            (self.digits() > 0).then_some(())?;
        }
        Some(())
    }

    #[inline(always)]
    fn digits(&mut self) -> usize {
        let start = self.at;
        loop {
            let count = (no_digits(self.word(self.at)).trailing_zeros() / 8) as usize;
            self.at += count;
            if count < 8 {
                break;
            }
        }
        self.at - start
    }
}
