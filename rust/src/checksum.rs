//! The venue's CRC-32 over the best levels, made from ours.

use crate::levels::{Levels, Texts};
use crate::message::Side;
use crate::number::{javascript, python};
use crate::shape::{ChecksumAt, Digits};

const TABLE: [u32; 256] = {
    let mut table = [0u32; 256];
    let mut byte = 0;
    while byte < 256 {
        let mut crc = byte as u32;
        let mut bit = 0;
        while bit < 8 {
            crc = if crc & 1 == 1 { (crc >> 1) ^ 0xEDB8_8320 } else { crc >> 1 };
            bit += 1;
        }
        table[byte] = crc;
        byte += 1;
    }
    table
};

/// zlib's CRC-32.
pub fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0u32, |crc, &byte| (crc >> 8) ^ TABLE[((crc ^ u32::from(byte)) & 0xFF) as usize])
}

pub fn compute(levels: &Levels, spec: &ChecksumAt, signed: bool) -> u32 {
    let mut line = Vec::with_capacity(64 * spec.depth.min(1000));
    let mut begun = false;
    let sides = [Side::Bid, Side::Ask].map(|side| levels.texts(side, spec.depth));
    let mut add = |side: Side, texts: &Texts| {
        for (text, negate) in [(texts.price(), false), (texts.size(), signed && side == Side::Ask)] {
            if begun {
                line.extend_from_slice(&spec.joiner);
            }
            begun = true;
            write(&mut line, text, spec.digits, negate);
        }
    };
    let [bids, asks] = &sides;
    if spec.interleaved {
        for index in 0..bids.len().max(asks.len()) {
            bids.get(index).into_iter().for_each(|texts| add(Side::Bid, texts));
            asks.get(index).into_iter().for_each(|texts| add(Side::Ask, texts));
        }
    } else {
        asks.iter().for_each(|texts| add(Side::Ask, texts));
        bids.iter().for_each(|texts| add(Side::Bid, texts));
    }
    crc32(&line)
}

fn write(line: &mut Vec<u8>, mut text: &[u8], digits: Digits, negate: bool) {
    if negate {
        text = text.strip_prefix(b"-").unwrap_or(text);
        line.push(b'-');
    }
    match digits {
        Digits::AsSent => line.extend_from_slice(text),
        Digits::Bare => line.extend(text.iter().filter(|byte| **byte != b'.').skip_while(|byte| **byte == b'0')),
        Digits::Python => python(value(text), line),
        Digits::JavaScript => javascript(value(text), line),
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
