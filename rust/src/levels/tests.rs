use super::*;
use crate::message::{Place, REMOVES};
use crate::number::Decimal;
use std::collections::BTreeMap;

struct Lcg(u64);

impl Lcg {
    fn below(&mut self, n: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % n
    }
}

fn push(message: &mut Message, side: Side, price: &str, size: &str) {
    let (p, s) = (Decimal::parse(price.as_bytes(), 0).unwrap(), Decimal::parse(size.as_bytes(), 0).unwrap());
    let price_at = message.texts.len() as u32;
    message.texts.extend_from_slice(price.as_bytes());
    let size_at = message.texts.len() as u32;
    message.texts.extend_from_slice(size.as_bytes());
    message.places.push(Place { price_at, size_at, size_end: message.texts.len() as u32 });
    let mut row = Row { side, marks: if s.mantissa == 0 { REMOVES } else { 0 }, ..Row::default() };
    message.set_price(&mut row, p.mantissa, p.scale);
    message.set_size(&mut row, s.mantissa, s.scale);
    message.rows.push(row);
    message.room = message.room.with(Room::of(&p));
}

type Model = BTreeMap<(i128, i64), ((i128, i64), String, String)>;

/// Random books of several scales and widths against a sorted map of reduced numbers.
fn against_the_model(seed: u64, prices: &[&str], snapshots: bool) {
    let mut random = Lcg(seed);
    let mut levels = Levels::new(true);
    let mut room = Room::default();
    let mut models: [BTreeMap<String, Model>; 1] = [BTreeMap::new()];
    let model = &mut models[0];
    let mut absent = 0;
    let mut expected_absent = 0;
    for step in 0..300 {
        let mut message = Message::default();
        let whole = snapshots && step % 50 == 0;
        if whole {
            model.clear();
        }
        for _ in 0..random.below(12) {
            let side = if random.below(2) == 0 { Side::Bid } else { Side::Ask };
            let price = format!("{}{}", 1 + random.below(40), prices[random.below(prices.len() as u64) as usize]);
            let size = ["0", "0.00", "1.50", "2", "7e3", "0.00000001"][random.below(6) as usize];
            push(&mut message, side, &price, size);
            let parsed = Decimal::parse(price.as_bytes(), 0).unwrap();
            let sized = Decimal::parse(size.as_bytes(), 0).unwrap();
            let sorted = model.entry(format!("{side:?}")).or_default();
            let key = reduce(parsed.mantissa, i64::from(parsed.scale));
            if sized.mantissa == 0 {
                expected_absent += u64::from(sorted.remove(&key).is_none() && !whole);
            } else {
                let size_key = reduce(sized.mantissa, i64::from(sized.scale));
                sorted.insert(key, (size_key, price.clone(), size.to_string()));
            }
        }
        if whole {
            room = message.room;
            levels = Levels::whole(&message, true);
        } else {
            room = room.with(message.room);
            absent += levels.apply(&message, room);
        }
        for side in [Side::Bid, Side::Ask] {
            let empty = Model::new();
            let sorted = model.get(&format!("{side:?}")).unwrap_or(&empty);
            let mut expected: Vec<_> = sorted.iter().collect();
            let value = |key: &(i128, i64)| key.0 * POW10[(20 - key.1) as usize];
            expected.sort_by_key(|(key, _)| if side == Side::Bid { -value(key) } else { value(key) });
            let got = levels.best(side, usize::MAX, |raw| raw.reduced());
            assert_eq!(got.len(), levels.count(side));
            let wanted: Vec<_> = expected.iter().map(|(key, (size, _, _))| (**key, *size)).collect();
            assert_eq!(got, wanted);
            let texts = levels.texts(side, usize::MAX);
            assert_eq!(texts.len(), expected.len());
            for (texts, (_, (_, price, size))) in texts.iter().zip(&expected) {
                assert_eq!((texts.price(), texts.size()), (price.as_bytes(), size.as_bytes()));
            }
        }
    }
    assert_eq!(absent, expected_absent);
}

#[test]
fn model() {
    against_the_model(1, &["", ".0", ".5"], false);
    against_the_model(2, &["", ".50", ".123456", "e2"], true);
    against_the_model(3, &["0000000000000", ".00000001", "e-3", ""], false); // goes wide
    against_the_model(4, &["00000000000", ".12345678", "e1"], true);
}

#[test]
fn grows_wide_and_cuts() {
    let mut message = Message::default();
    push(&mut message, Side::Bid, "1.5", "1");
    push(&mut message, Side::Bid, "0.5", "1");
    push(&mut message, Side::Ask, "2", "123456789012345678901234567890");
    let mut levels = Levels::whole(&message, false);
    assert!(matches!(levels.form, Form::Wide(_)));
    assert_eq!(levels.get(Side::Ask, 0).unwrap().size, 123_456_789_012_345_678_901_234_567_890);
    let mut gone = Vec::new();
    let cut = [Side::Bid, Side::Ask].map(|side| levels.cut(side, 1, |raw| gone.push(raw.exact_price())));
    assert_eq!((cut, gone), ([1, 0], vec![(5, 1)]));
    assert_eq!(levels.worst(Side::Bid).unwrap().doubles(), (1.5, 1.0));

    let mut narrow = Message::default();
    push(&mut narrow, Side::Bid, "1.50", "1.0");
    let other = Levels::whole(&narrow, false);
    assert!(matches!(other.form, Form::Narrow(_)));
    assert!(!levels.equals(&other));
    push(&mut narrow, Side::Ask, "2.000", "12345678901234567890123456789e1");
    assert!(levels.equals(&Levels::whole(&narrow, false)));
}

#[test]
fn long_sides() {
    let mut levels = Levels::new(false);
    let mut random = Lcg(9);
    let mut model = BTreeMap::new();
    let room = Room { scale: 0, digits: 5 };
    for _ in 0..6000 {
        let mut message = Message::default();
        let price = 1 + random.below(2000);
        let size = random.below(3);
        push(&mut message, Side::Ask, &price.to_string(), &size.to_string());
        levels.apply(&message, room);
        if size == 0 {
            model.remove(&price)
        } else {
            model.insert(price, size)
        };
    }
    let got = levels.best(Side::Ask, usize::MAX, |raw| (raw.price as u64, raw.size as u64));
    assert_eq!(got, model.into_iter().collect::<Vec<_>>());
}
