//! What is done to frames as bytes.

use crate::choices::Choices;

const PIECES: &[&[u8]] = &[
    b"\xff",
    b"\xc3",
    b"\xed\xa0\x80",
    b"\x00",
    b"\xef\xbb\xbf",
    b"\"",
    b"\\",
    b"{",
    b"}",
    b"[",
    b"]",
    b",",
    b":",
    b"e",
    b"-",
    b".",
    b"0",
    b" ",
    b"\n",
    b"\\u12",
    b"\\ud800",
    b"\\ud83d\\ude00",
    b"null",
    b"\"\"",
    b"1e",
    b"\\\"",
    b"\x7f",
    b"\xf0\x9f\x98\x80",
    b"\x1f",
    b"[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[",
    b"9999999999999999999999999999999999999999",
    b"\t\t\t\t\t\t\t\t\t",
    b"        ",
    b"true",
    b"false",
    b"\xe2\x82\xac",
    b"\xf4\x90\x80\x80",
    b"\xc0\x80",
];

pub fn damage(frame: &mut Vec<u8>, how: &mut Choices, other: &[u8]) {
    for _ in 0..how.pick(&[1, 1, 1, 2, 5]) {
        let size = frame.len();
        let at = how.below(size + 1);
        let to = (at + how.pick(&[1, 1, 2, 5, 20])).min(size);
        match how.below(9) {
            0 | 1 => drop(frame.splice(at..at, how.pick(PIECES).iter().copied())),
            2 => drop(frame.drain(at..to)),
            3 => frame.truncate(at),
            4 if at < size => frame[at] ^= 1 << how.below(8),
            5 if size < 1 << 14 => {
                let part = frame[at..to].to_vec();
                drop(frame.splice(at..at, part));
            }
            6 if !other.is_empty() => {
                frame.truncate(at);
                frame.extend_from_slice(&other[how.below(other.len())..]);
            }
            7 if at < size => frame[at] = how.pick(b"{}[]\",:0123456789.eE-+tfn\\u \n"),
            8 => frame.extend_from_slice(how.pick(&[&b" "[..], b"\n\t", b"x", b"{}", b"0", b"\0", b","])),
            _ => {}
        }
    }
}
