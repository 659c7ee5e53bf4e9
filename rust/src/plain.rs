//! Small messages in their plain form, from bytes to values in one pass: what is not plain is left to somebody else.
//!
//! Plain is a JSON object without spaces, in ASCII, whose strings hold no escapes and whose members are strings, numbers
//! and words; the fields that are wanted are in it, or in one object inside of it, each once. None, everywhere: it is not
//! plain, which says nothing about whether it is right.

/// Of how many fields a message may be made.
pub const MOST: usize = 16;

/// A value in the frame: `start..end` are its bytes, without the quotes of a string.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Value {
    pub start: usize,
    pub end: usize,
    pub is_string: bool,
}

impl Value {
    pub fn of<'a>(&self, frame: &'a [u8]) -> &'a [u8] {
        &frame[self.start..self.end]
    }
}

/// Where the fields called `names` stand; in the member called `inside`, or with None in the message itself.
pub fn find(frame: &[u8], inside: Option<&[u8]>, names: &[Box<[u8]>]) -> Option<[Option<Value>; MOST]> {
    let mut found = [None; MOST];
    let mut scan = Scan { frame, at: 0 };
    match inside {
        None => scan.members(|scan, key| scan.field(key, names, &mut found))?,
        Some(inside) => {
            let mut entered = false;
            scan.members(|scan, key| {
                if key != inside {
                    return scan.value().map(|_| ());
                }
                if entered {
                    return None;
                }
                entered = true;
                scan.members(|scan, key| scan.field(key, names, &mut found))
            })?;
        }
    }
    (scan.at == frame.len() && found[..names.len()].iter().all(Option::is_some)).then_some(found)
}

struct Scan<'a> {
    frame: &'a [u8],
    at: usize,
}

impl<'a> Scan<'a> {
    #[inline]
    fn byte(&self) -> u8 {
        self.frame.get(self.at).copied().unwrap_or(0) // which is plain nowhere
    }

    #[inline]
    fn expect(&mut self, byte: u8) -> Option<()> {
        (self.byte() == byte).then(|| self.at += 1)
    }

    /// An object: each member's key, and `member` passes over its value.
    #[inline]
    fn members(&mut self, mut member: impl FnMut(&mut Self, &'a [u8]) -> Option<()>) -> Option<()> {
        self.expect(b'{')?;
        loop {
            let key = self.string()?;
            self.expect(b':')?;
            let frame = self.frame;
            member(self, key.of(frame))?;
            let byte = self.byte();
            self.at += 1;
            match byte {
                b',' => {}
                b'}' => return Some(()),
                _ => return None,
            }
        }
    }

    #[inline]
    fn field(&mut self, key: &[u8], names: &[Box<[u8]>], found: &mut [Option<Value>; MOST]) -> Option<()> {
        let value = self.value()?;
        // Keys are short, and most are told apart by their first byte.
        let is_key = |name: &[u8]| name.first() == key.first() && name == key;
        if let Some(at) = names.iter().position(|name| is_key(name)) {
            if found[at].replace(value).is_some() {
                return None;
            }
        }
        Some(())
    }

    #[inline]
    fn string(&mut self) -> Option<Value> {
        self.expect(b'"')?;
        let start = self.at;
        let rest = self.frame.get(start..)?;
        let length = rest.iter().position(|byte| matches!(byte, b'"' | b'\\' | ..0x20 | 0x80..))?;
        if rest[length] != b'"' {
            return None;
        }
        self.at = start + length + 1;
        Some(Value { start, end: start + length, is_string: true })
    }

    #[inline]
    fn value(&mut self) -> Option<Value> {
        let start = self.at;
        match self.byte() {
            b'"' => return self.string(),
            b't' => self.word(b"true")?,
            b'f' => self.word(b"false")?,
            b'n' => self.word(b"null")?,
            _ => self.number()?,
        }
        Some(Value { start, end: self.at, is_string: false })
    }

    fn word(&mut self, word: &[u8]) -> Option<()> {
        self.frame[self.at..].starts_with(word).then(|| self.at += word.len())
    }

    /// Digits, with a point among them or without.
    fn number(&mut self) -> Option<()> {
        let first = self.byte();
        let whole = self.digits();
        if whole == 0 || (whole > 1 && first == b'0') {
            return None;
        }
        if self.byte() == b'.' {
            self.at += 1;
            (self.digits() > 0).then_some(())?;
        }
        Some(())
    }

    fn digits(&mut self) -> usize {
        let start = self.at;
        while self.byte().is_ascii_digit() {
            self.at += 1;
        }
        self.at - start
    }
}

/// At most 18 digits, with a point among them or without: the mantissa and the scale.
pub fn decimal(text: &[u8]) -> Option<(i64, u8)> {
    let (mut mantissa, mut point) = (0, None);
    if text.len() > 18 + usize::from(text.contains(&b'.')) {
        return None;
    }
    for (at, &byte) in text.iter().enumerate() {
        match byte {
            b'0'..=b'9' => mantissa = mantissa * 10 + i64::from(byte - b'0'),
            b'.' if point.is_none() && at > 0 => point = Some(at),
            _ => return None,
        }
    }
    match point {
        Some(at) if at + 1 == text.len() => None,
        Some(at) => Some((mantissa, (text.len() - at - 1) as u8)),
        None if text.is_empty() => None,
        None => Some((mantissa, 0)),
    }
}

/// A whole number of at most 18 digits, as it stands in JSON.
pub fn whole(value: Value, frame: &[u8]) -> Option<i64> {
    let text = value.of(frame);
    if value.is_string || text.len() > 18 || !text.iter().all(u8::is_ascii_digit) {
        return None;
    }
    Some(text.iter().fold(0, |sum, digit| sum * 10 + i64::from(digit - b'0')))
}

#[cfg(test)]
mod tests {
    use super::{decimal, find};

    fn texts(frame: &str, inside: Option<&str>) -> Option<Vec<String>> {
        let names: Vec<Box<[u8]>> = ["a", "b"].iter().map(|name| name.as_bytes().into()).collect();
        let found = find(frame.as_bytes(), inside.map(str::as_bytes), &names)?;
        let text = |at: usize| String::from_utf8(found[at].expect("all are there").of(frame.as_bytes()).to_vec());
        Some((0..2).map(|at| text(at).expect("ASCII")).collect())
    }

    #[test]
    fn fields_are_found_in_any_order() {
        for frame in [r#"{"a":"1.5","b":2}"#, r#"{"b":2,"a":"1.5"}"#, r#"{"x":null,"b":2,"c":0.5,"a":"1.5","d":true}"#]
        {
            assert_eq!(texts(frame, None), Some(vec!["1.5".into(), "2".into()]), "{frame}");
            let wrapped = format!(r#"{{"stream":"x","data":{frame},"n":1}}"#);
            assert_eq!(texts(&wrapped, Some("data")), Some(vec!["1.5".into(), "2".into()]), "{wrapped}");
        }
    }

    #[test]
    fn what_is_not_plain_is_left_alone() {
        for frame in [
            "",
            "{",
            "{}",
            r#"{"a":1,"b":2"#,
            r#"{"a":1,"b":2} "#,
            r#"{"a":1, "b":2}"#,
            r#"{"a":1,"b":2,}"#,
            r#"{"a":1,"a":1,"b":2}"#,
            r#"{"a":1}"#,
            r#"{"a":[1],"b":2}"#,
            r#"{"a":{},"b":2}"#,
            r#"{"a":01,"b":2}"#,
            r#"{"a":1.,"b":2}"#,
            r#"{"a":1e5,"b":2}"#,
            r#"{"a":-1,"b":2}"#,
            r#"{"a":"\n","b":2}"#,
            r#"{"a":"é","b":2}"#,
            "{\"a\":\"\t\",\"b\":2}",
            r#"{"a":nul,"b":2}"#,
            r#"{"a":1,"b":2}}"#,
        ] {
            assert_eq!(texts(frame, None), None, "{frame}");
        }
        assert_eq!(texts(r#"{"data":{"a":1,"b":2},"data":{"a":1,"b":2}}"#, Some("data")), None);
        assert_eq!(texts(r#"{"a":1,"b":2}"#, Some("data")), None);
    }

    #[test]
    fn numbers_are_exact_or_left_alone() {
        assert_eq!(decimal(b"60000.10"), Some((6_000_010, 2)));
        assert_eq!(decimal(b"999999999999999999"), Some((999_999_999_999_999_999, 0)));
        for text in
            ["", ".", "1.", ".5", "1.2.3", "-1", "+1", "1e5", "1_0", "1000000000000000000", "0.0000000000000000001"]
        {
            assert_eq!(decimal(text.as_bytes()), None, "{text}");
        }
    }
}
