//! Prices and sizes as venues write them, and as they could.

use crate::choices::Choices;
use crate::decimal::Dec;

/// How many digits a book's prices have before the point and behind it: together at most 38.
#[derive(Clone, Debug)]
pub struct Profile {
    pub scale: usize,
    pub negative: bool,
    base: String,
}

impl Profile {
    pub fn new(how: &mut Choices, most: usize) -> Profile {
        // Around 18 the narrow form ends, at 38 what can be told.
        let (digits, scale) = how.pick(&[
            (5, 2),
            (5, 2),
            (5, 8),
            (2, 3),
            (9, 9),
            (10, 9),
            (8, 10),
            (17, 1),
            (1, 17),
            (20, 10),
            (0, 18),
            (19, 19),
            (38, 0),
            (3, 35),
            (0, 38),
        ]);
        let (digits, scale) = if digits + scale > most { (5, 4) } else { (digits, scale) };
        let base = (0..digits).map(|at| char::from(b'0' + how.below(9) as u8 + u8::from(at == 0))).collect();
        Profile { scale, negative: how.chance(6), base }
    }

    /// A price near the others: the digits before the point and behind it.
    pub fn price(&self, how: &mut Choices) -> (bool, String, String) {
        let mut whole = self.base.clone();
        let vary = how.pick(&[1, 1, 2]).min(whole.len());
        whole.truncate(whole.len() - vary);
        whole.extend((0..vary).map(|_| char::from(b'0' + how.below(10) as u8)));
        // Now and then a finer one than all before it.
        let finest = if how.chance(90) { self.scale.min(2) } else { self.scale };
        let count = how.below(finest + 1);
        let behind: String = (0..count).map(|_| char::from(b'0' + how.pick(&[0, 1, 5, 9]))).collect();
        let whole = whole.trim_start_matches('0');
        let is_zero = whole.is_empty() && behind.bytes().all(|byte| byte == b'0');
        (self.negative && !is_zero && how.chance(50), if whole.is_empty() { "0".into() } else { whole.into() }, behind)
    }
}

/// One of the ways of writing a number with at most `scale` digits behind the point and 38 in all.
pub fn write(
    how: &mut Choices,
    (negative, whole, behind): &(bool, String, String),
    scale: usize,
    bare: bool,
) -> String {
    let sign = if *negative { "-" } else { "" };
    let (mut whole, mut behind) = (whole.clone(), behind.clone());
    if how.chance(25) {
        let room = scale.saturating_sub(behind.len()).min(37usize.saturating_sub(whole.len() + behind.len()));
        behind.push_str(&"0".repeat(how.below(room + 1)));
    }
    let mut exponent = String::new();
    if how.chance(8) {
        // The point moves, the exponent brings it back, and the scale stays.
        let moved = how.range(-4, 4);
        let digits = format!("{whole}{behind}");
        let at = whole.len() as i64 - moved;
        if at <= 0 {
            whole = "0".into();
            behind = "0".repeat(-at as usize) + &digits;
        } else if at as usize <= digits.len() {
            (whole, behind) = (digits[..at as usize].into(), digits[at as usize..].into());
        }
        if at <= 0 || at as usize <= digits.len() {
            let plus = if moved >= 0 { how.pick(&["", "+", "+0", "00"]) } else { "" };
            exponent = format!("{}{plus}{moved}", how.pick(&["e", "E"]));
            let trimmed = whole.trim_start_matches('0');
            whole = if trimmed.is_empty() { "0".into() } else { trimmed.into() };
        }
    }
    if !bare && how.chance(8) {
        whole.insert_str(0, &"0".repeat(how.pick(&[1, 2, 8, 19, 45])));
    }
    let point = if behind.is_empty() { "" } else { "." };
    format!("{sign}{whole}{point}{behind}{exponent}")
}

pub fn rewrite(how: &mut Choices, value: &Dec, more: i64, scale: usize, bare: bool) -> String {
    write(how, &value.parts(more), scale, bare)
}

/// A size that is not zero.
pub fn size(how: &mut Choices, bare: bool) -> String {
    let digits = |how: &mut Choices, most: usize| -> String {
        (0..how.below(most) + 1).map(|at| char::from(b'0' + how.below(9) as u8 + u8::from(at == 0))).collect()
    };
    match how.below(16) {
        0 => "1".into(),
        1 => format!("0.{}1", "0".repeat(how.pick(&[0, 1, 7, 17, 18, 19]))),
        2 => how
            .pick(&[
                "9223372036854775807",
                "9223372036854775808",
                "92233720368547758.07",
                "92233720368547758.08",
                "1e18",
                "18446744073709551615",
                "18446744073709551616",
                "9999999999999999999",
                "1e-18",
                "1E+3",
                "2.50e-3",
            ])
            .into(),
        3 => digits(how, 38),
        4 => format!("{}.{}", digits(how, 18), digits(how, 20)),
        _ => {
            let parts = (false, digits(how, 6), if how.chance(70) { digits(how, 8) } else { String::new() });
            write(how, &parts, 12, bare)
        }
    }
}

/// A size that is zero.
pub fn nothing(how: &mut Choices, bare: bool) -> String {
    let text = how.pick(&["0", "0", "0", "0.0", "0.00000000", "-0", "-0.0", "0e5", "0E-7", "0.000000000000000000000"]);
    if !bare && how.chance(5) { "000".into() } else { text.into() }
}
