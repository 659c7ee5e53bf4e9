//! Numbers, ids and stamps against the slow reading of `decimal`.

use _native::number::{self, Decimal};
use _native::stamp::{self, Unit};

use crate::choices::Choices;
use crate::decimal;

/// The first byte says what is added to the scale; the rest is the text.
pub fn run(data: &[u8]) {
    let (more, text) = match data {
        [] => (0, data),
        [first, rest @ ..] => (i64::from(*first as i8) / 3, rest),
    };
    check(text, more);
}

pub fn check(text: &[u8], more: i64) {
    // Exactly as long as the text: a look behind its end is one behind an allocation.
    let text: Box<[u8]> = text.into();
    let ours = Decimal::parse(&text, more).map(|d| (d.mantissa.to_string(), i64::from(d.scale), i64::from(d.digits)));
    let slow = decimal::read(&text, more).map(|read| (read.mantissa, read.scale, read.digits));
    assert_eq!(ours, slow, "{:?} + {more}", String::from_utf8_lossy(&text));
    assert_eq!(number::integer(&text), decimal::integer(&text), "{:?}", String::from_utf8_lossy(&text));
    for (unit, places) in [(Unit::Seconds, 9), (Unit::Millis, 6), (Unit::Micros, 3), (Unit::Nanos, 0)] {
        let ours = stamp::from_number(&text, unit);
        assert_eq!(ours, decimal::nanos(&text, places), "{:?} in {unit:?}", String::from_utf8_lossy(&text));
    }
    assert_eq!(stamp::from_iso(&text), iso(&text), "{:?}", String::from_utf8_lossy(&text));
}

/// The contract's text of it, one piece after the other, days counted one year and one month at a time.
pub fn iso(text: &[u8]) -> Option<i64> {
    let text = std::str::from_utf8(text).ok()?;
    let text = text.strip_suffix("+00:00").or_else(|| text.strip_suffix('Z')).unwrap_or(text);
    let (text, fraction) = match text.split_once('.') {
        Some((text, fraction)) if (1..=9).contains(&fraction.len()) => (text, format!("{fraction:0<9}")),
        Some(_) => return None,
        None => (text, "0".into()),
    };
    let (date, clock) = text.split_once('T')?;
    let digits = |text: &str, count: usize| {
        let fits = text.len() == count && text.bytes().all(|byte| byte.is_ascii_digit());
        fits.then(|| text.parse::<i64>().expect("few digits"))
    };
    let [year, month, day] = date.split('-').collect::<Vec<_>>()[..] else { return None };
    let [hour, minute, second] = clock.split(':').collect::<Vec<_>>()[..] else { return None };
    let (year, month, day) = (digits(year, 4)?, digits(month, 2)?, digits(day, 2)?);
    let (hour, minute, second) = (digits(hour, 2)?, digits(minute, 2)?, digits(second, 2)?);
    let fraction = digits(&fraction, fraction.len())?;
    if !(1970..=2261).contains(&year) || !(1..=12).contains(&month) {
        return None;
    }
    let leap = |year: i64| year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let length = |month: i64| match month {
        2 => 28 + i64::from(leap(year)),
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    };
    if !(1..=length(month)).contains(&day) || hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    let years: i64 = (1970..year).map(|year| 365 + i64::from(leap(year))).sum();
    let days = years + (1..month).map(length).sum::<i64>() + day - 1;
    Some((((days * 24 + hour) * 60 + minute) * 60 + second) * 1_000_000_000 + fraction)
}

/// A text that is a number, nearly one, or a stamp.
pub fn text(how: &mut Choices) -> Vec<u8> {
    let mut out = Vec::new();
    if how.chance(8) {
        let stamp = format!(
            "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}",
            how.range(1965, 2270),
            how.range(0, 13),
            how.range(0, 32),
            how.range(0, 24),
            how.range(0, 60),
            how.range(0, 60)
        );
        out.extend_from_slice(stamp.as_bytes());
        if how.chance(60) {
            out.push(b'.');
            digits(how, &mut out, 11);
        }
        out.extend_from_slice(how.pick(&[&b"Z"[..], b"+00:00", b"", b"z"]));
    } else {
        if how.chance(25) {
            out.push(b'-');
        }
        let most = how.pick(&[1, 3, 8, 19, 20, 39, 45]);
        digits(how, &mut out, most);
        if how.chance(60) {
            out.push(b'.');
            digits(how, &mut out, most);
        }
        if how.chance(25) {
            out.push(how.pick(b"eE"));
            out.extend_from_slice(how.pick(&[&b""[..], b"+", b"-", b"-0"]));
            let most = how.pick(&[1, 2, 2, 3, 25]);
            digits(how, &mut out, most);
        }
    }
    if how.chance(12) {
        crate::bytes::damage(&mut out, how, b"9223372036854775808");
    }
    out
}

fn digits(how: &mut Choices, out: &mut Vec<u8>, most: usize) {
    let count = how.below(most) + usize::from(how.chance(97));
    match how.below(4) {
        0 => out.extend(std::iter::repeat_n(how.pick(b"099"), count)),
        1 => out.extend_from_slice(&b"92233720368547758079223372036854775808184467440737095516"[..count]),
        _ => out.extend((0..count).map(|_| b'0' + how.below(10) as u8)),
    }
}
