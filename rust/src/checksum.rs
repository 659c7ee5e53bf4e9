//! The venue's CRC-32 over the best levels, made from ours.

use crate::levels::{Levels, Written};
use crate::message::Side;
use crate::number::{double, javascript, print, print_digits, python};
use crate::shape::{ChecksumAt, Digits};

/// For each of eight places, what a byte there contributes.
const TABLES: [[u32; 256]; 8] = {
    let mut tables = [[0u32; 256]; 8];
    let mut byte = 0;
    while byte < 256 {
        let mut crc = byte as u32;
        let mut bit = 0;
        while bit < 8 {
            crc = if crc & 1 == 1 { (crc >> 1) ^ 0xEDB8_8320 } else { crc >> 1 };
            bit += 1;
        }
        tables[0][byte] = crc;
        byte += 1;
    }
    let mut place = 1;
    while place < 8 {
        byte = 0;
        while byte < 256 {
            let before = tables[place - 1][byte];
            tables[place][byte] = (before >> 8) ^ tables[0][(before & 0xFF) as usize];
            byte += 1;
        }
        place += 1;
    }
    tables
};

/// zlib's CRC-32, eight bytes at a time.
pub fn crc32(bytes: &[u8]) -> u32 {
    let mut crc = !0u32;
    let mut eights = bytes.chunks_exact(8);
    for eight in &mut eights {
        let word = u64::from_le_bytes(eight.try_into().expect("eight bytes")) ^ u64::from(crc);
        crc = word
            .to_le_bytes()
            .iter()
            .zip(TABLES.iter().rev())
            .fold(0, |sum, (&byte, table)| sum ^ table[usize::from(byte)]);
    }
    !eights.remainder().iter().fold(crc, |crc, &byte| (crc >> 8) ^ TABLES[0][((crc ^ u32::from(byte)) & 0xFF) as usize])
}

pub fn compute(levels: &Levels, spec: &ChecksumAt, signed: bool) -> u32 {
    let mut line = Line { bytes: Vec::with_capacity(64 * spec.depth.min(1000)), spec, begun: false };
    let [bids, asks] = [Side::Bid, Side::Ask].map(|side| levels.written(side, spec.depth));
    if spec.interleaved {
        for index in 0..bids.len().max(asks.len()) {
            bids.get(index).into_iter().for_each(|level| line.add(level, false));
            asks.get(index).into_iter().for_each(|level| line.add(level, signed));
        }
    } else {
        asks.iter().for_each(|level| line.add(level, signed));
        bids.iter().for_each(|level| line.add(level, false));
    }
    crc32(&line.bytes)
}

/// What the checksum is made of.
struct Line<'a> {
    bytes: Vec<u8>,
    spec: &'a ChecksumAt,
    begun: bool,
}

impl Line<'_> {
    fn add(&mut self, level: &[Written; 2], negate: bool) {
        for (number, negate) in level.iter().zip([false, negate]) {
            self.join();
            self.bytes.extend(negate.then_some(b'-'));
            match *number {
                Written::Usual(mantissa, scale) => self.usual(mantissa, scale),
                Written::Odd(text) => self.odd(if negate { text.strip_prefix(b"-").unwrap_or(text) } else { text }),
            }
        }
    }

    fn join(&mut self) {
        if self.begun {
            self.bytes.extend_from_slice(&self.spec.joiner);
        }
        self.begun = true;
    }

    fn usual(&mut self, mantissa: i128, scale: i8) {
        match self.spec.digits {
            Digits::AsSent => print(mantissa, scale, &mut self.bytes),
            // Without its point and the zeros in front, a number is its mantissa, and zero is nothing.
            Digits::Bare if mantissa >= 0 => print_digits(mantissa.unsigned_abs(), &mut self.bytes),
            Digits::Bare => {
                let mut text = Vec::new();
                print(mantissa, scale, &mut text);
                self.odd(&text);
            }
            Digits::Python => python(double(mantissa, i64::from(scale)), &mut self.bytes),
            Digits::JavaScript => javascript(double(mantissa, i64::from(scale)), &mut self.bytes),
        }
    }

    fn odd(&mut self, text: &[u8]) {
        match self.spec.digits {
            Digits::AsSent => self.bytes.extend_from_slice(text),
            Digits::Bare => {
                self.bytes.extend(text.iter().filter(|byte| **byte != b'.').skip_while(|byte| **byte == b'0'));
            }
            Digits::Python => python(value(text), &mut self.bytes),
            Digits::JavaScript => javascript(value(text), &mut self.bytes),
        }
    }
}

/// The decoder has read the text as a number; only a price that was looked up by its id has none.
fn value(text: &[u8]) -> f64 {
    std::str::from_utf8(text).ok().and_then(|text| text.parse().ok()).unwrap_or(0.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decode::read;
    use crate::json::Tape;
    use crate::message::{Message, Terms};
    use crate::shape::tests::whole_shape;
    use crate::shape::{Path, When};

    #[test]
    fn known_values() {
        assert_eq!(crc32(b""), 0);
        assert_eq!(crc32(b"123456789"), 0xCBF4_3926);
        assert_eq!(crc32(b"The quick brown fox jumps over the lazy dog"), 0x414F_A339);
    }

    fn spec(interleaved: bool, digits: Digits, joiner: &str) -> ChecksumAt {
        let (paths, joiner) = (vec![Path::of("c")], joiner.as_bytes().into());
        ChecksumAt { paths, depth: 2, interleaved, digits, joiner, when: When::Present }
    }

    #[test]
    fn lines() {
        let frame =
            br#"{"lastUpdateId":1,"bids":[["5.10","0.00000010"],["5.0","2"],["4","3"]],"asks":[["05.20","1.0"]]}"#;
        let mut tape = Tape::default();
        let doc = tape.read(frame, 1 << 10).unwrap();
        let mut message = Message::default();
        read(&doc, 0, &whole_shape(), Terms { keep_texts: true, ..Terms::default() }, true, &mut message).unwrap();
        let levels = Levels::whole(&message, true);
        for (spec, signed, line) in [
            (spec(true, Digits::AsSent, ":"), false, "5.10:0.00000010:05.20:1.0:5.0:2"),
            (spec(false, Digits::AsSent, ":"), false, "05.20:1.0:5.10:0.00000010:5.0:2"),
            (spec(false, Digits::Bare, ""), false, "5201051010502"),
            (spec(true, Digits::Python, ":"), false, "5.1:1e-07:5.2:1.0:5.0:2.0"),
            (spec(true, Digits::JavaScript, ":"), true, "5.1:1e-7:5.2:-1:5:2"),
            (spec(false, Digits::Bare, ":"), true, "520:-10:510:10:50:2"),
        ] {
            assert_eq!(compute(&levels, &spec, signed), crc32(line.as_bytes()), "{line}");
        }
    }
}
