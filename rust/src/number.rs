//! Exact numbers: text → mantissa and scale, and back to doubles and to the texts that checksums want.

/// More digits than this, or a scale farther from zero, is no number for us.
pub const LIMIT: i64 = 38;

/// `mantissa × 10^−scale`; `digits` is how many stand before the point (0.05 and 0 have none).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Decimal {
    pub mantissa: i128,
    pub scale: i8,
    pub digits: u8,
}

impl Decimal {
    /// By the grammar `-?[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]+)?`, `more` being added to the scale.
    #[inline]
    pub fn parse(text: &[u8], more: i64) -> Option<Decimal> {
        let (negative, rest) = match text {
            [b'-', rest @ ..] => (true, rest),
            _ => (false, text),
        };
        // Up to 19 characters without an exponent fit 64 bits: nearly every number.
        if rest.len() > 19 {
            return slow(negative, rest, more);
        }
        let mut mantissa = 0u64;
        let mut point = None;
        for (at, &byte) in rest.iter().enumerate() {
            let digit = byte.wrapping_sub(b'0');
            if digit <= 9 {
                mantissa = mantissa * 10 + u64::from(digit);
            } else if byte == b'.' && point.is_none() {
                point = Some(at);
            } else {
                return slow(negative, rest, more);
            }
        }
        let behind = match point {
            None if rest.is_empty() => return None,
            None => 0,
            Some(at) if at == 0 || at + 1 == rest.len() => return None,
            Some(at) => rest.len() - at - 1,
        };
        let count = mantissa.checked_ilog10().map_or(0, |log| log + 1);
        finish(negative, u128::from(mantissa), i64::from(count), (behind as i64).saturating_add(more))
    }
}

/// A number in its usual form: `mantissa × 10^−scale`, `digits` of it before the point; `end` is behind it, and `next`
/// stands there.
#[derive(Clone, Copy, Debug)]
pub struct Usual {
    pub mantissa: u64,
    pub scale: u8,
    pub digits: u8,
    pub end: usize,
    pub next: u8,
}

const ZEROS: u64 = 0x3030_3030_3030_3030;

/// Eight bytes less `0` each, and a high bit in those that are no digits; the lowest of these is exact.
#[inline(always)]
fn digits(word: u64) -> (u64, u64) {
    let values = word ^ ZEROS;
    // Up to 9 plus 0x76 stays below 0x80. A carry of a greater one reaches only what comes behind it.
    (values, (values.wrapping_add(0x7676_7676_7676_7676) | values) & 0x8080_8080_8080_8080)
}

/// The value of eight digits, each a byte of at most 9, the first of which is the lowest: each step adds neighbours, the
/// left one being worth more. Zeros shifted in from below stand in front of the number.
#[inline(always)]
fn value(eight: u64) -> u64 {
    let pairs = eight.wrapping_mul(10 << 8 | 1) >> 8;
    let fours = (pairs & 0x00FF_00FF_00FF_00FF).wrapping_mul(100 << 16 | 1) >> 16;
    (fours & 0x0000_FFFF_0000_FFFF).wrapping_mul(10_000 << 32 | 1) >> 32
}

/// How many digits prices have had before and behind their points. Where the next one is the same, what follows it can be
/// looked at before this is known: the processor goes on with the guess.
#[derive(Clone, Copy, Debug, Default)]
pub struct Guess {
    whole: usize,
    behind: usize,
}

/// The guess, renewed where it was wrong: a branch, so that nothing has to wait for `count`.
#[inline(always)]
fn guessed(guess: &mut usize, count: usize) -> usize {
    if *guess != count {
        renew(guess, count);
    }
    *guess
}

#[cold]
#[inline(never)]
fn renew(guess: &mut usize, count: usize) {
    *guess = count;
}

/// `[0-9]{1,7}(\.[0-9]{1,8})?` at `at`, the first digit a zero only where it stands alone, and no digit behind. `word`
/// gives the eight bytes at a place. None for every other form.
#[inline(always)]
pub fn usual(at: usize, word: impl Fn(usize) -> u64, guess: Option<&mut Guess>) -> Option<Usual> {
    let first = word(at);
    let (values, others) = digits(first);
    let mut whole = (others.trailing_zeros() / 8) as usize;
    let begins_with_zero = values as u8 == 0;
    if whole == 0 || whole == 8 || (begins_with_zero && whole > 1) {
        return None;
    }
    let mut behind_guess = None;
    if let Some(guess) = guess {
        whole = guessed(&mut guess.whole, whole);
        behind_guess = Some(&mut guess.behind);
    }
    let mantissa = value(values << (64 - 8 * whole as u32));
    let digits_before = if begins_with_zero { 0 } else { whole as u8 };
    let next = (first >> (8 * whole as u32)) as u8;
    if next != b'.' {
        return Some(Usual { mantissa, scale: 0, digits: digits_before, end: at + whole, next });
    }
    let begin = at + whole + 1;
    let second = word(begin);
    let (values, others) = digits(second);
    if others == 0 {
        let next = word(begin + 8) as u8;
        let mantissa = mantissa * 100_000_000 + value(values);
        return (!next.is_ascii_digit()).then_some(Usual {
            mantissa,
            scale: 8,
            digits: digits_before,
            end: begin + 8,
            next,
        });
    }
    let mut behind = (others.trailing_zeros() / 8) as usize;
    if behind == 0 {
        return None;
    }
    if let Some(guess) = behind_guess {
        behind = guessed(guess, behind);
    }
    let mantissa = mantissa * TENS[behind] as u64 + value(values << (64 - 8 * behind as u32));
    let next = (second >> (8 * behind as u32)) as u8;
    Some(Usual { mantissa, scale: behind as u8, digits: digits_before, end: begin + behind, next })
}

/// The same form with up to 18 digits in all.
pub fn usual_and_long(at: usize, word: impl Fn(usize) -> u64) -> Option<Usual> {
    // The digits from a place on: their value (it wraps where they are too many), and where they end.
    let run = |from: usize, mut sum: u64| {
        let mut at = from;
        loop {
            let byte = word(at) as u8;
            if !byte.is_ascii_digit() || at - from > 18 {
                return (sum, at);
            }
            sum = sum.wrapping_mul(10).wrapping_add(u64::from(byte - b'0'));
            at += 1;
        }
    };
    let (mut mantissa, mut end) = run(at, 0);
    let (whole, begins_with_zero) = (end - at, word(at) as u8 == b'0');
    let mut behind = 0;
    if word(end) as u8 == b'.' {
        let begin = end + 1;
        (mantissa, end) = run(begin, mantissa);
        behind = end - begin;
        if behind == 0 {
            return None;
        }
    }
    let is_usual = whole > 0 && whole + behind <= 18 && !(begins_with_zero && whole > 1);
    let digits = if begins_with_zero { 0 } else { whole as u8 };
    is_usual.then(|| Usual { mantissa, scale: behind as u8, digits, end, next: word(end) as u8 })
}

#[inline]
fn finish(negative: bool, mantissa: u128, count: i64, scale: i64) -> Option<Decimal> {
    if !(-LIMIT..=LIMIT).contains(&scale) {
        return None;
    }
    let digits = if count == 0 { 0 } else { (count - scale).max(0) };
    // 38 digits are below 2^127.
    let mantissa = if negative { -(mantissa as i128) } else { mantissa as i128 };
    Some(Decimal { mantissa, scale: scale as i8, digits: digits as u8 })
}

#[cold]
fn slow(negative: bool, rest: &[u8], more: i64) -> Option<Decimal> {
    let whole = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let (whole, mut rest) = rest.split_at(whole);
    let mut behind: &[u8] = &[];
    if let [b'.', after @ ..] = rest {
        let count = after.iter().take_while(|byte| byte.is_ascii_digit()).count();
        if count == 0 {
            return None;
        }
        (behind, rest) = after.split_at(count);
    }
    if whole.is_empty() {
        return None;
    }
    let exponent = match rest {
        [] => 0,
        [b'e' | b'E', sign @ (b'+' | b'-'), digits @ ..] => exponent(digits)? * if *sign == b'-' { -1 } else { 1 },
        [b'e' | b'E', digits @ ..] => exponent(digits)?,
        _ => return None,
    };
    let mut mantissa = 0u128;
    let mut count = 0;
    for &byte in whole.iter().chain(behind) {
        if count > 0 || byte != b'0' {
            count += 1;
            if count > LIMIT {
                return None;
            }
            mantissa = mantissa * 10 + u128::from(byte - b'0');
        }
    }
    finish(negative, mantissa, count, (behind.len() as i64 - exponent).saturating_add(more))
}

/// Held at a value that is far outside of all bounds, and far from overflow.
fn exponent(digits: &[u8]) -> Option<i64> {
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    Some(digits.iter().fold(0i64, |sum, &byte| (sum * 10 + i64::from(byte - b'0')).min(1 << 40)))
}

/// `-?[0-9]+` within 64 bits signed.
#[inline]
pub fn integer(text: &[u8]) -> Option<i64> {
    short_integer(text).or_else(|| long_integer(text))
}

/// `[0-9]{1,16}`.
#[inline]
fn short_integer(text: &[u8]) -> Option<i64> {
    let eight = |part: &[u8]| u64::from_le_bytes(part.try_into().expect("eight bytes"));
    let count = text.len();
    if count < 8 {
        let sum =
            text.iter().try_fold(0, |sum, &byte| byte.is_ascii_digit().then(|| sum * 10 + i64::from(byte - b'0')));
        return sum.filter(|_| count > 0);
    }
    if count > 16 {
        return None;
    }
    let (head, head_others) = digits(eight(&text[..8]));
    let (tail, tail_others) = digits(eight(&text[count - 8..]));
    // The last eight, and before them those that the first eight have more.
    let more = count - 8;
    let shift = 8 * (8 - more) as u32;
    let front = if more == 0 { 0 } else { value(head << shift) };
    (head_others | tail_others == 0).then(|| front as i64 * 100_000_000 + value(tail) as i64)
}

#[cold]
fn long_integer(text: &[u8]) -> Option<i64> {
    let (negative, digits) = match text {
        [b'-', rest @ ..] => (true, rest),
        _ => (false, text),
    };
    if digits.is_empty() {
        return None;
    }
    // Negative sums reach one further than positive ones.
    let sum = digits.iter().try_fold(0i64, |sum, &byte| {
        let digit = byte.wrapping_sub(b'0');
        if digit > 9 {
            return None;
        }
        sum.checked_mul(10)?.checked_sub(i64::from(digit))
    })?;
    if negative { Some(sum) } else { sum.checked_neg() }
}

/// Powers of ten that fit 64 bits.
pub const TENS: [i64; 19] = {
    let mut table = [1; 19];
    let mut at = 1;
    while at < 19 {
        table[at] = table[at - 1] * 10;
        at += 1;
    }
    table
};

pub const POW10: [i128; 39] = {
    let mut table = [1i128; 39];
    let mut at = 1;
    while at < 39 {
        table[at] = table[at - 1] * 10;
        at += 1;
    }
    table
};

/// The digits of a whole number.
pub fn print_digits(number: u128, out: &mut Vec<u8>) {
    let mut digits = [0; 39];
    let mut at = digits.len();
    let mut put = |digit: u8| {
        at -= 1;
        digits[at] = b'0' + digit;
    };
    if let Ok(mut small) = u64::try_from(number) {
        while small > 0 {
            put((small % 10) as u8);
            small /= 10;
        }
    } else {
        let mut left = number;
        while left > 0 {
            put((left % 10) as u8);
            left /= 10;
        }
    }
    out.extend_from_slice(&digits[at..]);
}

/// A number as anybody would write it: one digit before the point at least, `scale` behind it. (Where there is no such
/// way, what is written equals nothing that was read.)
pub fn print(mantissa: i128, scale: i8, out: &mut Vec<u8>) {
    if mantissa < 0 {
        out.push(b'-');
    }
    let begin = out.len();
    print_digits(mantissa.unsigned_abs(), out);
    let behind = usize::from(scale.max(0) as u8);
    let missing = (behind + 1).saturating_sub(out.len() - begin);
    out.splice(begin..begin, std::iter::repeat_n(b'0', missing));
    if behind > 0 {
        out.insert(out.len() - behind, b'.');
    }
}

/// The same number with no zeros behind: equal numbers become equal pairs.
pub fn reduce(mut mantissa: i128, mut scale: i64) -> (i128, i64) {
    if mantissa == 0 {
        return (0, 0);
    }
    while mantissa % 10 == 0 {
        mantissa /= 10;
        scale -= 1;
    }
    (mantissa, scale)
}

/// The double nearest to `mantissa × 10^−scale`.
pub fn double(mantissa: i128, scale: i64) -> f64 {
    const EXACT: [f64; 23] = [
        1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19,
        1e20, 1e21, 1e22,
    ];
    // Both operands are exact, so that the one division rounds correctly.
    // By way of 64 bits: from 128 the conversion is a call.
    if let Ok(small) = i64::try_from(mantissa) {
        if small.unsigned_abs() < 1 << 53 && (0..=22).contains(&scale) {
            return small as f64 / EXACT[scale as usize];
        }
    }
    format!("{mantissa}e{}", -scale).parse().expect("digits and an exponent")
}

/// The shortest digits that give `value` back, without zeros behind, and the exponent of the first one.
fn shortest(value: f64) -> (String, i32) {
    let text = format!("{:e}", value.abs());
    let (digits, exponent) = text.split_once('e').expect("LowerExp writes an exponent");
    (digits.replace('.', ""), exponent.parse().expect("LowerExp writes a number behind the e"))
}

fn positional(out: &mut Vec<u8>, digits: &str, exponent: i32, tail: &str) {
    if exponent < 0 {
        out.extend_from_slice(b"0.");
        out.extend(std::iter::repeat_n(b'0', (-exponent - 1) as usize));
        out.extend_from_slice(digits.as_bytes());
        return;
    }
    let whole = exponent as usize + 1;
    if digits.len() > whole {
        out.extend_from_slice(&digits.as_bytes()[..whole]);
        out.push(b'.');
        out.extend_from_slice(&digits.as_bytes()[whole..]);
    } else {
        out.extend_from_slice(digits.as_bytes());
        out.extend(std::iter::repeat_n(b'0', whole - digits.len()));
        out.extend_from_slice(tail.as_bytes());
    }
}

fn with_point(out: &mut Vec<u8>, digits: &str) {
    out.extend_from_slice(&digits.as_bytes()[..1]);
    if digits.len() > 1 {
        out.push(b'.');
        out.extend_from_slice(&digits.as_bytes()[1..]);
    }
}

/// As Python's `repr(float)` prints.
pub fn python(value: f64, out: &mut Vec<u8>) {
    if value.is_sign_negative() {
        out.push(b'-');
    }
    if value.is_infinite() {
        return out.extend_from_slice(b"inf");
    }
    let (digits, exponent) = shortest(value);
    if value == 0.0 || (-4..16).contains(&exponent) {
        return positional(out, &digits, exponent, ".0");
    }
    with_point(out, &digits);
    let sign = if exponent < 0 { '-' } else { '+' };
    out.extend_from_slice(format!("e{sign}{:02}", exponent.abs()).as_bytes());
}

/// As JavaScript's `String(Number)` prints.
pub fn javascript(value: f64, out: &mut Vec<u8>) {
    if value == 0.0 {
        return out.push(b'0');
    }
    if value < 0.0 {
        out.push(b'-');
    }
    if value.is_infinite() {
        return out.extend_from_slice(b"Infinity");
    }
    let (digits, exponent) = shortest(value);
    if (-6..21).contains(&exponent) {
        return positional(out, &digits, exponent, "");
    }
    with_point(out, &digits);
    let sign = if exponent < 0 { '-' } else { '+' };
    out.extend_from_slice(format!("e{sign}{}", exponent.abs()).as_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(text: &str) -> Option<(i128, i8, u8)> {
        Decimal::parse(text.as_bytes(), 0).map(|number| (number.mantissa, number.scale, number.digits))
    }

    #[test]
    fn decimals() {
        assert_eq!(parts("60000.10"), Some((6_000_010, 2, 5)));
        assert_eq!(parts("-0"), Some((0, 0, 0)));
        assert_eq!(parts("0.05"), Some((5, 2, 0)));
        assert_eq!(parts("000000000000000000000000000000000000000000000001.0"), Some((10, 1, 1)));
        assert_eq!(parts("1e5"), Some((1, -5, 6)));
        assert_eq!(parts("1.50E-3"), Some((150, 5, 0)));
        assert_eq!(parts("12e+1"), Some((12, -1, 3)));
        assert_eq!(parts("9999999999999999999"), Some((9_999_999_999_999_999_999, 0, 19)));
        assert_eq!(parts("-18446744073709551617"), Some((-18_446_744_073_709_551_617, 0, 20)));
        let most = "9".repeat(38);
        assert_eq!(parts(&most), Some((most.parse().unwrap(), 0, 38)));
        assert_eq!(parts(&"9".repeat(39)), None);
        assert_eq!(parts(&format!("1{}", "0".repeat(38))), None);
        assert_eq!(parts("1e-38"), Some((1, 38, 0)));
        assert_eq!(parts("1e38"), Some((1, -38, 39)));
        for wrong in ["1e-39", "1e39", "0e39", "1e99999999999999999999999", "0.0e-38"] {
            assert_eq!(parts(wrong), None, "{wrong}");
        }
        for wrong in [
            "", "-", ".", "1.", ".5", "1.e5", "+1", "1_0", " 1", "1 ", "1e", "1e+", "1.2.3", "--1", "NaN", "0x1",
            "1e5.0",
        ] {
            assert_eq!(parts(wrong), None, "{wrong}");
            assert_eq!(parts(&format!("{wrong}{}", " ".repeat(30))), None, "{wrong}");
        }
        assert_eq!(Decimal::parse(b"1e-40", -4).map(|number| number.scale), Some(36));
        assert_eq!(Decimal::parse(b"12345", 4).map(|n| (n.mantissa, n.scale, n.digits)), Some((12345, 4, 1)));
    }

    #[test]
    fn integers() {
        assert_eq!(integer(b"-9223372036854775808"), Some(i64::MIN));
        assert_eq!(integer(b"9223372036854775807"), Some(i64::MAX));
        assert_eq!(integer(b"0000000000000000000000000000001"), Some(1));
        for wrong in ["9223372036854775808", "-9223372036854775809", "", "-", "1.0", "1e2", "+1", " 1", "a"] {
            assert_eq!(integer(wrong.as_bytes()), None, "{wrong}");
        }
    }

    #[test]
    fn doubles() {
        assert_eq!(double(6_000_010, 2), 60000.10);
        assert_eq!(double(1, -30), 1e30);
        assert_eq!(double(-5, 38), -5e-38);
        assert_eq!(double(123_456_789_012_345_678_901_234_567_890, 20), 1_234_567_890.123_456_7);
        let mut seed = 1u64;
        for _ in 0..20_000 {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let (mantissa, scale) = (i128::from(seed >> (seed % 50)), (seed >> 7) % 39);
            assert_eq!(double(mantissa, scale as i64), format!("{mantissa}e-{scale}").parse::<f64>().unwrap());
        }
    }

    #[test]
    fn printing() {
        let print = |how: fn(f64, &mut Vec<u8>), value: f64| {
            let mut out = Vec::new();
            how(value, &mut out);
            String::from_utf8(out).unwrap()
        };
        for (value, as_python, as_javascript) in [
            (0.0, "0.0", "0"),
            (1.0, "1.0", "1"),
            (-1.5, "-1.5", "-1.5"),
            (0.0001, "0.0001", "0.0001"),
            (0.00001, "1e-05", "0.00001"),
            (0.000001, "1e-06", "0.000001"),
            (1.25e-7, "1.25e-07", "1.25e-7"),
            (1e-7, "1e-07", "1e-7"),
            (123456789012345680.0, "1.2345678901234568e+17", "123456789012345680"),
            (1e15, "1000000000000000.0", "1000000000000000"),
            (1e16, "1e+16", "10000000000000000"),
            (1e21, "1e+21", "1e+21"),
            (1.5e100, "1.5e+100", "1.5e+100"),
            (29000.1, "29000.1", "29000.1"),
        ] {
            assert_eq!(print(python, value), as_python);
            assert_eq!(print(javascript, value), as_javascript);
        }
    }

    #[test]
    fn reducing() {
        assert_eq!(reduce(1500, 3), reduce(15, 1));
        assert_eq!(reduce(0, 8), reduce(0, -3));
        assert_eq!(reduce(-100, 0), (-1, -2));
    }
}
