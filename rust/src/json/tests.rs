use super::*;

fn outcome(frame: &[u8]) -> Option<FaultKind> {
    Tape::default().read(frame, 1 << 23).err().map(|fault| fault.kind())
}

#[test]
fn grammar() {
    let good: &[&str] = &[
        "1",
        " \t\r\n[ ]\n",
        "{}",
        "[[],{}]",
        r#"{"a":{"b":[1,2,{"c":null}]},"a":1}"#,
        "-0",
        "0.1",
        "1e5",
        "1E+05",
        "-12.50e-07",
        "true",
        "[false,null]",
        r#""\"\\\/\b\f\n\r\tA\ud800""#,
        "\"é😀\u{7f}\"",
        r#""""#,
        r#"[ "a" , "b" ]"#,
    ];
    for text in good {
        assert_eq!(outcome(text.as_bytes()), None, "{text}");
    }
    let bad: &[&[u8]] = &[
        b"",
        b" ",
        b"[",
        b"]",
        b"{",
        b"[1",
        b"[1,]",
        b"[,1]",
        b"[1 2]",
        b"{\"a\"}",
        b"{\"a\":}",
        b"{\"a\":1,}",
        b"{a:1}",
        b"{1:1}",
        b"[1}",
        b"{\"a\":1]",
        b"01",
        b"-",
        b"-a",
        b"+1",
        b".5",
        b"1.",
        b"1.e5",
        b"1e",
        b"1e+",
        b"1 1",
        b"tru",
        b"True",
        b"nul",
        b"NaN",
        b"Infinity",
        b"-Infinity",
        b"'a'",
        b"\"",
        b"\"a",
        b"\"\\\"",
        b"\"\\x\"",
        b"\"\\u12\"",
        b"\"\\u12g4\"",
        b"\"\n\"",
        b"\"\x1f 1234567\"",
        b"\"1234567\x01\"",
        b"\xef\xbb\xbf1",
        b"\"\xff\"",
        b"\"\xed\xa0\x80\"",
        b"1\x00",
        b"[1]x",
        b"\x0b1",
        b"\"\\",
    ];
    for text in bad {
        assert_eq!(outcome(text), Some(FaultKind::Malformed), "{:?}", String::from_utf8_lossy(text));
    }
}

#[test]
fn depth_and_size() {
    let nested = |n: usize| [b"[".repeat(n), b"]".repeat(n)].concat();
    assert_eq!(outcome(&nested(32)), None);
    assert_eq!(outcome(&nested(33)), Some(FaultKind::TooDeep));
    assert_eq!(outcome(&b"[".repeat(4 << 20)), Some(FaultKind::TooDeep));
    assert_eq!(outcome(&b"{\"a\":".repeat(1 << 19)), Some(FaultKind::TooDeep));
    // Whichever comes first, from left to right; but UTF-8 is judged before.
    assert_eq!(outcome(&[b"[1 1,", b"[".repeat(40).as_slice()].concat()), Some(FaultKind::Malformed));
    assert_eq!(outcome(&[b"[".repeat(40).as_slice(), b"\xff"].concat()), Some(FaultKind::Malformed));
    let fault = Tape::default().read(b"[1]", 2).err().map(|fault| fault.kind());
    assert_eq!(fault, Some(FaultKind::TooLarge));
}

#[test]
fn looking() {
    let mut tape = Tape::default();
    let frame = r#"{"a":[10,[20],"3"],"b":{"x":1},"\u0062\ud83d\ude00":7,"c":1,"c":2,"\ud800":0}"#.as_bytes();
    let doc = tape.read(frame, 1 << 10).unwrap();
    let list = doc.value(0, b"a").unwrap().unwrap();
    assert_eq!(doc.members(list).map(|at| doc.raw(at)).last(), Some(&b"3"[..]));
    assert_eq!(doc.raw(doc.member(list, 0).unwrap()), b"10");
    assert_eq!(doc.raw(doc.member(list, -1).unwrap()), b"3");
    assert_eq!(doc.member(list, 3), None);
    assert_eq!(doc.member(list, -4), None);
    assert_eq!(doc.raw(doc.value(0, "b😀".as_bytes()).unwrap().unwrap()), b"7");
    assert_eq!(doc.value(0, b"none").unwrap(), None);
    assert_eq!(doc.value(0, b"c").unwrap_err().kind(), FaultKind::Repeated);
}

#[test]
fn the_swift_scan_finds_what_the_plain_one_finds() {
    for special in 0..=255u8 {
        for place in 0..20 {
            let mut bytes = [b'a'; 24];
            bytes[place] = special;
            let plain = bytes.iter().position(|&b| b < 0x20 || b == b'"' || b == b'\\').unwrap_or(24);
            assert_eq!(skip_ordinary(&bytes, 0), plain);
        }
    }
}
