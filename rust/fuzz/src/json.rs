//! The reader against serde_json, which knows nothing of us.
//!
//! Where the contract says more than RFC 8259 does: 32 open brackets (the judge has no bound, so the place of the 33rd
//! is found by hand and the judge asked whether all before it is in order), repeated keys (an error only where they are
//! looked up), lone surrogates (accepted, equal to nothing).

use _native::fault::Kind;
use _native::feed::{Feed, Out};
use _native::json::Tape;
use _native::shape::{Form, Path, Step};
use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

use crate::choices::Choices;
use crate::tree::Tree;

const CAP: usize = 1 << 20;

pub fn run(data: &[u8]) {
    check(data);
    // The same bytes elsewhere in memory, with more of them behind: what is not the frame's is not looked at.
    for (before, behind) in [(1, &b"\"]}123,"[..]), (13, b"0 \\u")] {
        let mut all = vec![b' '; before];
        all.extend_from_slice(data);
        all.extend_from_slice(behind);
        let here = verdict(&all[before..before + data.len()]);
        assert_eq!(here, verdict(data), "{:?}", String::from_utf8_lossy(data));
    }
}

fn verdict(data: &[u8]) -> Option<Kind> {
    Tape::default().read(data, CAP).err().map(|fault| fault.kind())
}

/// What the contract says of these bytes.
pub fn judge(data: &[u8]) -> Option<Kind> {
    if data.len() > CAP {
        return Some(Kind::TooLarge);
    }
    if std::str::from_utf8(data).is_err() {
        return Some(Kind::Malformed);
    }
    if let Some(at) = too_deep_at(data) {
        let before = serde_json::from_slice::<IgnoredAny>(&data[..=at]).expect_err("a bracket is open");
        return Some(if before.is_eof() { Kind::TooDeep } else { Kind::Malformed });
    }
    serde_json::from_slice::<IgnoredAny>(data).is_err().then_some(Kind::Malformed)
}

/// Where the 33rd bracket opens, if what stands before it is in order.
fn too_deep_at(data: &[u8]) -> Option<usize> {
    let (mut depth, mut in_string, mut at) = (0usize, false, 0);
    while at < data.len() {
        match (in_string, data[at]) {
            (true, b'\\') => at += 1,
            (_, b'"') => in_string = !in_string,
            (false, b'[' | b'{') if depth == 32 => return Some(at),
            (false, b'[' | b'{') => depth += 1,
            (false, b']' | b'}') => depth = depth.saturating_sub(1),
            _ => {}
        }
        at += 1;
    }
    None
}

fn check(data: &[u8]) {
    let data: Box<[u8]> = data.into();
    let ours = verdict(&data);
    assert_eq!(ours, judge(&data), "{:?}", String::from_utf8_lossy(&data));
    if ours.is_none() {
        // A lone surrogate, or a number beyond a double: the judge cannot say what it means.
        if let Ok(value) = serde_json::from_slice::<Value>(&data) {
            texts(&data, &value);
        }
    }
}

/// What serde_json reads, keys twice and all.
#[derive(Debug)]
enum Value {
    Text(String),
    List(Vec<Value>),
    Object(Vec<(String, Value)>),
    Null,
    Else,
}

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Value, D::Error> {
        from.deserialize_any(Any)
    }
}

struct Any;

impl<'de> Visitor<'de> for Any {
    type Value = Value;

    fn expecting(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
        f.write_str("any value")
    }
    fn visit_bool<E>(self, _: bool) -> Result<Value, E> {
        Ok(Value::Else)
    }
    fn visit_i64<E>(self, _: i64) -> Result<Value, E> {
        Ok(Value::Else)
    }
    fn visit_u64<E>(self, _: u64) -> Result<Value, E> {
        Ok(Value::Else)
    }
    fn visit_f64<E>(self, _: f64) -> Result<Value, E> {
        Ok(Value::Else)
    }
    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }
    fn visit_str<E>(self, text: &str) -> Result<Value, E> {
        Ok(Value::Text(text.into()))
    }
    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Value, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = list.next_element()? {
            items.push(item);
        }
        Ok(Value::List(items))
    }
    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value, A::Error> {
        let mut members = Vec::new();
        while let Some(member) = map.next_entry()? {
            members.push(member);
        }
        Ok(Value::Object(members))
    }
}

/// A place in the value is looked up through a feed's route, as a topic is: it has the text that the judge read there.
fn texts(data: &[u8], value: &Value) {
    let mut how = Choices::new(data);
    for _ in 0..2 {
        let (mut steps, mut repeated, mut at) = (Vec::new(), false, value);
        loop {
            at = match at {
                Value::List(items) if !items.is_empty() => {
                    let index = how.below(items.len());
                    let back = how.chance(30);
                    steps.push(Step::Index(index as i64 - if back { items.len() as i64 } else { 0 }));
                    &items[index]
                }
                Value::Object(members) if !members.is_empty() => {
                    let (key, value) = &members[how.below(members.len())];
                    repeated |= members.iter().filter(|(known, _)| known == key).count() > 1;
                    steps.push(Step::Key(key.as_bytes().into()));
                    value
                }
                _ => break,
            };
        }
        let wanted = if let Value::Text(text) = at { text.as_str() } else { "nothing" };
        let route = vec![Path { steps, root: how.chance(50), text: "a place".into(), ..Path::default() }];
        let mut feed = Feed::new(None, CAP);
        let form = Form { each: None, star: false, route };
        feed.other(wanted.as_bytes(), Some(form), || Ok::<_, ()>(7)).expect("a handle was made");
        let said = feed.feed(data, 1).map_err(|fault| fault.kind());
        if repeated {
            assert_eq!(said, Err(Kind::Repeated));
            continue;
        }
        assert_eq!(said, Ok(()));
        let is_heard = matches!(feed.outcomes(), [Out::Other(_)]);
        if let Value::Text(_) = at {
            assert!(is_heard, "{wanted:?} was not found in {:?}", String::from_utf8_lossy(data));
        } else {
            assert!(!is_heard && feed.outcomes() == [Out::Unrouted]);
        }
    }
}

/// JSON, more or less: a value printed plainly or oddly, then perhaps damaged.
pub fn text(how: &mut Choices, corpus: &[Vec<u8>]) -> Vec<u8> {
    let other = if corpus.is_empty() { &[][..] } else { &corpus[how.below(corpus.len())] };
    let mut out = if !other.is_empty() && how.chance(30) {
        other.to_vec()
    } else {
        let depth = how.pick(&[2, 4, 4, 6, 33]);
        let mut tree = value(how, depth);
        if how.chance(20) {
            crate::tree::damage(&mut tree, how);
        }
        if how.chance(50) { tree.plain() } else { tree.odd(how) }
    };
    if how.chance(50) {
        crate::bytes::damage(&mut out, how, other);
    }
    out.truncate(1 << 15);
    out
}

fn value(how: &mut Choices, depth: usize) -> Tree {
    let most = if depth > 6 { 2 } else { 4 };
    match how.below(if depth == 0 { 6 } else { 12 }) {
        0 | 1 => Tree::Text(string(how)),
        2..=4 => {
            let mut text = String::from_utf8(crate::number::text(how)).unwrap_or_default();
            if text.trim_start_matches('-').starts_with('0') && how.chance(90) {
                text = text.replacen('0', "3", 1);
            }
            Tree::Bare(text)
        }
        5 => Tree::Bare(how.pick(&["", "true", "false"]).into()),
        6..=8 => Tree::List((0..how.below(most) + usize::from(depth > 6)).map(|_| value(how, depth - 1)).collect()),
        _ => {
            let members = (0..how.below(most)).map(|_| (string(how), value(how, depth - 1))).collect();
            Tree::Object { members, fixed: false }
        }
    }
}

fn string(how: &mut Choices) -> String {
    let length = how.pick(&[0, 1, 1, 2, 3, 7, 8, 9, 15, 16, 17, 31, 32, 33, 64, 70]);
    let plain = how.chance(70);
    let letters =
        ['a', 'b', '0', ' ', '/', '"', '\\', '\n', '\u{7f}', '\u{e9}', '\u{20ac}', '\u{1F600}', '\0', '\u{1f}'];
    (0..length).map(|_| if plain { how.pick(&['a', 'b', '1', 'Z']) } else { how.pick(&letters) }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_judge_knows_what_the_contract_adds() {
        let deep = |count: usize| [b"[".repeat(count), b"]".repeat(count)].concat();
        assert_eq!(judge(&deep(32)), None);
        assert_eq!(judge(&deep(33)), Some(Kind::TooDeep));
        assert_eq!(judge(&[&b"[x,"[..], &deep(40)].concat()), Some(Kind::Malformed));
        assert_eq!(judge(&[&b"["[..], &deep(40), b"x"].concat()), Some(Kind::TooDeep));
        assert_eq!(judge(br#""\ud800""#), None);
        assert_eq!(judge(b"\"\xed\xa0\x80\""), Some(Kind::Malformed));
        assert_eq!(judge(b"1e99999"), None);
        assert_eq!(judge(b"\"[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[\\\"[\""), None);
    }
}
