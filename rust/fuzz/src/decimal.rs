//! Numbers read slowly and plainly, digit by digit, by sections 4 and 5 of the engine's contract.

use std::cmp::Ordering;

/// `±0.d1d2d3… × 10^point`, the first and last digit not zero. Zero has no digits.
#[derive(Clone, PartialEq, Eq, Hash, Default)]
pub struct Dec {
    negative: bool,
    digits: Vec<u8>,
    point: i64,
}

impl std::fmt::Debug for Dec {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (negative, whole, behind) = self.parts(0);
        write!(f, "{}{whole}.{behind}", if negative { "-" } else { "" })
    }
}

/// A text read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Read {
    pub value: Dec,
    /// As a decimal text, without leading zeros.
    pub mantissa: String,
    pub scale: i64,
    /// How many digits stand before the point.
    pub digits: i64,
}

impl Dec {
    fn new(negative: bool, digits: &[u8], scale: i64) -> Dec {
        let leading = digits.iter().take_while(|&&digit| digit == 0).count();
        let mut digits = digits[leading..].to_vec();
        let point = digits.len() as i64 - scale;
        while digits.last() == Some(&0) {
            digits.pop();
        }
        if digits.is_empty() { Dec::default() } else { Dec { negative, digits, point } }
    }

    pub fn of_parts(mantissa: i128, scale: i64) -> Dec {
        let digits: Vec<u8> = mantissa.unsigned_abs().to_string().bytes().map(|byte| byte - b'0').collect();
        Dec::new(mantissa < 0, &digits, scale)
    }

    pub fn is_zero(&self) -> bool {
        self.digits.is_empty()
    }

    pub fn is_negative(&self) -> bool {
        self.negative
    }

    pub fn abs(&self) -> Dec {
        Dec { negative: false, ..self.clone() }
    }

    pub fn negated(&self) -> Dec {
        Dec { negative: !self.negative && !self.is_zero(), ..self.clone() }
    }

    /// The digits before the point and those behind it, with neither zeros in front nor at the end; the sign apart.
    /// `more` is taken off the scale: 1.5 with 2 is 150.
    pub fn parts(&self, more: i64) -> (bool, String, String) {
        let point = self.point + more;
        let zeros = |count: i64| "0".repeat(count.max(0) as usize);
        let digits: String = self.digits.iter().map(|digit| char::from(digit + b'0')).collect();
        if self.is_zero() {
            return (false, "0".into(), String::new());
        }
        let digits = format!("{}{digits}{}", zeros(1 - point), zeros(point - digits.len() as i64));
        let (whole, behind) = digits.split_at(point.max(1) as usize);
        (self.negative, whole.into(), behind.into())
    }

    /// By the standard library, which rounds correctly.
    pub fn double(&self) -> f64 {
        let digits: String = self.digits.iter().map(|digit| char::from(digit + b'0')).collect();
        let sign = if self.negative { "-" } else { "" };
        format!("{sign}0.{digits}0e{}", self.point).parse().expect("digits and an exponent")
    }
}

impl Ord for Dec {
    fn cmp(&self, other: &Dec) -> Ordering {
        let sign = |dec: &Dec| if dec.is_zero() { 0 } else { 1 - 2 * i32::from(dec.negative) };
        if sign(self) != sign(other) || self.is_zero() {
            return sign(self).cmp(&sign(other));
        }
        // The same sign: the further the point, the larger; then digit by digit, a longer one being larger.
        let by_size = self.point.cmp(&other.point).then_with(|| self.digits.cmp(&other.digits));
        if self.negative { by_size.reverse() } else { by_size }
    }
}

impl PartialOrd for Dec {
    fn partial_cmp(&self, other: &Dec) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

fn digits_of(text: &str) -> Option<Vec<u8>> {
    (!text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()))
        .then(|| text.bytes().map(|byte| byte - b'0').collect())
}

/// `-?[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]+)?`, `more` being added to the scale.
pub fn read(text: &[u8], more: i64) -> Option<Read> {
    let text = std::str::from_utf8(text).ok()?;
    let (negative, text) = text.strip_prefix('-').map_or((false, text), |rest| (true, rest));
    let (number, exponent) = match text.split_once(['e', 'E']) {
        Some((number, exponent)) => (number, exponent),
        None => (text, "0"),
    };
    let (whole, behind) = match number.split_once('.') {
        Some((whole, behind)) => (whole, digits_of(behind)?),
        None => (number, Vec::new()),
    };
    let mut digits = digits_of(whole)?;
    digits.extend(&behind);
    let (minus, exponent) = match exponent.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, exponent.strip_prefix('+').unwrap_or(exponent)),
    };
    digits_of(exponent)?;
    let exponent = exponent.trim_start_matches('0');
    // Longer ones are out of bounds whatever stands before them.
    let exponent: i64 = if exponent.len() > 9 { return None } else { exponent.parse().unwrap_or(0) };
    let scale = behind.len() as i64 - if minus { -exponent } else { exponent } + more;
    let value = Dec::new(negative, &digits, scale);
    let digits: String = digits.iter().skip_while(|&&digit| digit == 0).map(|d| char::from(d + b'0')).collect();
    if digits.len() > 38 || !(-38..=38).contains(&scale) {
        return None;
    }
    let before = if digits.is_empty() { 0 } else { (digits.len() as i64 - scale).max(0) };
    let sign = if negative && !digits.is_empty() { "-" } else { "" };
    let mantissa = if digits.is_empty() { "0".into() } else { format!("{sign}{digits}") };
    Some(Read { value, mantissa, scale, digits: before })
}

/// `-?[0-9]+` within 64 bits signed, compared as text.
pub fn integer(text: &[u8]) -> Option<i64> {
    let text = std::str::from_utf8(text).ok()?;
    let (negative, digits) = text.strip_prefix('-').map_or((false, text), |rest| (true, rest));
    digits_of(digits)?;
    let digits = digits.trim_start_matches('0');
    let limit = if negative { "9223372036854775808" } else { "9223372036854775807" };
    if digits.len() > limit.len() || (digits.len() == limit.len() && digits > limit) {
        return None;
    }
    let sign = if negative { "-" } else { "" };
    Some(format!("{sign}0{digits}").parse().expect("it is in bounds"))
}

/// Nanoseconds: the point moved by `places`, what is behind it cut; 0 … 2^63−1.
pub fn nanos(text: &[u8], places: i64) -> Option<i64> {
    let value = read(text, 0)?.value;
    let whole = (value.point + places).max(0) as usize;
    let digits: String =
        value.digits.iter().chain(std::iter::repeat(&0)).take(whole.min(60)).map(|d| char::from(d + b'0')).collect();
    let found = integer(if digits.is_empty() { b"0" } else { digits.as_bytes() })?;
    (found == 0 || !value.negative).then_some(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dec(text: &str) -> Dec {
        read(text.as_bytes(), 0).unwrap().value
    }

    #[test]
    fn order() {
        let rising = ["-1e20", "-10.5", "-10", "-0.01", "0", "0.001", "0.01", "9", "10", "10.01", "10.1", "1e3"];
        for pair in rising.windows(2) {
            assert!(dec(pair[0]) < dec(pair[1]), "{pair:?}");
        }
        assert_eq!(dec("1.50"), dec("15e-1"));
        assert_eq!(dec("-0.0"), dec("0"));
        assert_eq!(Dec::of_parts(-1500, 3), dec("-1.5"));
        assert_eq!(dec("0.05").double(), 0.05);
        let parts = |text: &str, more| {
            let (negative, whole, behind) = dec(text).parts(more);
            assert!(!negative);
            (whole, behind)
        };
        assert_eq!(parts("1.5", 0), ("1".into(), "5".into()));
        assert_eq!(parts("1.5", 2), ("150".into(), String::new()));
        assert_eq!(parts("0.0012", 0), ("0".into(), "0012".into()));
        assert_eq!(parts("0.0012", 3), ("1".into(), "2".into()));
        assert_eq!(parts("1e3", 0), ("1000".into(), String::new()));
    }

    #[test]
    fn readings() {
        let parts = |text: &str| read(text.as_bytes(), 0).map(|read| (read.mantissa, read.scale, read.digits));
        assert_eq!(parts("60000.10"), Some(("6000010".into(), 2, 5)));
        assert_eq!(parts("0012e+1"), Some(("12".into(), -1, 3)));
        assert_eq!(parts("-0"), Some(("0".into(), 0, 0)));
        for wrong in ["", "-", ".5", "1.", "1e", "1e1.0", "+1", " 1", "1e39", "1e-39", "0e39"] {
            assert_eq!(parts(wrong), None, "{wrong}");
        }
        assert_eq!(integer(b"-9223372036854775808"), Some(i64::MIN));
        assert_eq!(integer(b"9223372036854775808"), None);
        assert_eq!(nanos(b"1.0000000019", 9), Some(1_000_000_001));
        assert_eq!(nanos(b"-0.1", 0), Some(0));
        assert_eq!(nanos(b"-1", 0), None);
    }
}
