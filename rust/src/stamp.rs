//! The venue's stamps, as nanoseconds since 1970.

use crate::number::{Decimal, POW10, TENS, integer};

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Unit {
    Seconds,
    Millis,
    Micros,
    Nanos,
    Iso,
}

/// A number in a unit; what is finer than a nanosecond is cut.
pub fn from_number(text: &[u8], unit: Unit) -> Option<i64> {
    let places = match unit {
        Unit::Seconds => 9,
        Unit::Millis => 6,
        Unit::Micros => 3,
        Unit::Nanos | Unit::Iso => 0,
    };
    // Nearly all are digits alone.
    if let Some(nanos) =
        integer(text).filter(|count| *count >= 0).and_then(|count| count.checked_mul(TENS[places as usize]))
    {
        return Some(nanos);
    }
    let number = Decimal::parse(text, 0)?;
    let shift = places - i64::from(number.scale);
    let nanos = if shift < 0 {
        number.mantissa / POW10[(-shift) as usize]
    } else if number.mantissa == 0 {
        0
    } else {
        number.mantissa.checked_mul(*POW10.get(shift as usize)?)?
    };
    i64::try_from(nanos).ok().filter(|&nanos| nanos >= 0)
}

/// `YYYY-MM-DDTHH:MM:SS[.f]` with `Z`, `+00:00` or nothing behind.
pub fn from_iso(text: &[u8]) -> Option<i64> {
    const PLACES: &[u8] = b"dddd-dd-ddTdd:dd:dd";
    let head = text.get(..PLACES.len())?;
    if !head.iter().zip(PLACES).all(|(byte, place)| if *place == b'd' { byte.is_ascii_digit() } else { byte == place })
    {
        return None;
    }
    let field =
        |from: usize, to: usize| head[from..to].iter().fold(0i64, |sum, byte| sum * 10 + i64::from(byte - b'0'));
    let (year, month, day) = (field(0, 4), field(5, 7), field(8, 10));
    let (hour, minute, second) = (field(11, 13), field(14, 16), field(17, 19));

    let mut rest = &text[PLACES.len()..];
    let mut fraction = 0;
    if let [b'.', after @ ..] = rest {
        let count = after.iter().take_while(|byte| byte.is_ascii_digit()).count();
        if !(1..=9).contains(&count) {
            return None;
        }
        let sum = after[..count].iter().fold(0i64, |sum, byte| sum * 10 + i64::from(byte - b'0'));
        fraction = sum * 10i64.pow(9 - count as u32);
        rest = &after[count..];
    }
    if !matches!(rest, b"" | b"Z" | b"+00:00") {
        return None;
    }
    let leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    let month_days = match month {
        1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
        4 | 6 | 9 | 11 => 30,
        2 if leap => 29,
        2 => 28,
        _ => return None,
    };
    if !(1970..=2261).contains(&year) || !(1..=month_days).contains(&day) || hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    // Days by the civil calendar, the year beginning in March so that the leap day is its last.
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let days = year * 365 + year / 4 - year / 100 + year / 400 + (month * 153 + 2) / 5 + day - 1 - 719_468;
    Some((((days * 24 + hour) * 60 + minute) * 60 + second) * 1_000_000_000 + fraction)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers() {
        assert_eq!(from_number(b"1633998511098", Unit::Millis), Some(1_633_998_511_098_000_000));
        assert_eq!(from_number(b"1.0000000019", Unit::Seconds), Some(1_000_000_001));
        assert_eq!(from_number(b"1.6e9", Unit::Seconds), Some(1_600_000_000_000_000_000));
        assert_eq!(from_number(b"-0.1", Unit::Nanos), Some(0));
        assert_eq!(from_number(b"0e38", Unit::Seconds), Some(0));
        assert_eq!(from_number(b"9223372036854775807", Unit::Nanos), Some(i64::MAX));
        for (text, unit) in
            [("-1", Unit::Nanos), ("9223372036854775808", Unit::Nanos), ("1e38", Unit::Seconds), ("x", Unit::Micros)]
        {
            assert_eq!(from_number(text.as_bytes(), unit), None, "{text}");
        }
    }

    #[test]
    fn iso() {
        assert_eq!(from_iso(b"1970-01-01T00:00:00"), Some(0));
        assert_eq!(from_iso(b"2021-10-12T00:28:31.098Z"), Some(1_633_998_511_098_000_000));
        assert_eq!(from_iso(b"2000-02-29T23:59:59.999999999+00:00"), Some(951_868_799_999_999_999));
        assert_eq!(from_iso(b"2261-12-31T23:59:59Z"), Some(9_214_646_399_000_000_000));
        for wrong in [
            "",
            "2021-10-12",
            "2021-02-29T00:00:00Z",
            "2100-02-29T00:00:00Z",
            "1969-12-31T23:59:59Z",
            "2262-01-01T00:00:00Z",
            "2021-13-01T00:00:00Z",
            "2021-00-01T00:00:00Z",
            "2021-01-00T00:00:00Z",
            "2021-01-01T24:00:00Z",
            "2021-01-01T00:00:60Z",
            "2021-01-01T00:60:00Z",
            "2021-01-01 00:00:00Z",
            "2021-01-01T00:00:00.Z",
            "2021-01-01T00:00:00.1234567890Z",
            "2021-01-01T00:00:00z",
            "2021-01-01T00:00:00+01:00",
            "2021-01-01T00:00:00Zx",
        ] {
            assert_eq!(from_iso(wrong.as_bytes()), None, "{wrong}");
        }
    }
}
