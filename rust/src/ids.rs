//! Which id stands for which level: at most one for each, so that there are never more than levels.

use std::borrow::Cow;
use std::collections::HashMap;

use crate::levels::Exact;
use crate::message::{Message, PRICED, Row, Side};
use crate::number::reduce;

/// A side, and a price with no zeros behind.
type Place = (Side, i128, i64);

fn place(side: Side, (price, scale): Exact) -> Place {
    let (price, scale) = reduce(price, i64::from(scale));
    (side, price, scale)
}

#[derive(Clone, Default)]
pub struct Ids {
    places: HashMap<i64, Place>,
    ids: HashMap<Place, i64>,
}

impl Ids {
    /// Gives the rows their prices where these are known by id, and learns what the rows say. An id that is not known is
    /// the error; what is known then is no matter until a snapshot starts anew.
    pub fn resolve<'a>(&mut self, message: &'a Message) -> Result<Cow<'a, Message>, i64> {
        if self.places.is_empty() && message.ids.is_empty() {
            return Ok(Cow::Borrowed(message));
        }
        let mut resolved = message.clone();
        for at in 0..resolved.rows.len() {
            let (mut row, id) = (resolved.rows[at], resolved.ids.get(at).copied());
            if !row.is_priced() {
                let id = id.expect("a row without a price has an id");
                let (_, price, scale) = self.places.get(&id).ok_or(id)?;
                resolved.set_price(&mut row, *price, *scale as i8);
                row.marks &= !PRICED; // it has no text
                resolved.rows[at] = row;
            }
            self.learn(&row, resolved.price(&row), id);
        }
        Ok(Cow::Owned(resolved))
    }

    fn learn(&mut self, row: &Row, price: i128, id: Option<i64>) {
        let at = place(row.side, (price, row.price_scale));
        match id {
            Some(id) if !row.removes() && self.places.get(&id) == Some(&at) => return,
            Some(id) => {
                if let Some(known) = self.places.remove(&id) {
                    self.ids.remove(&known);
                }
            }
            None if !row.removes() => return,
            None => {}
        }
        self.forget(&at);
        if let Some(id) = id.filter(|_| !row.removes()) {
            self.places.insert(id, at);
            self.ids.insert(at, id);
        }
    }

    /// The level goes.
    pub fn forget_level(&mut self, side: Side, price: Exact) {
        if !self.ids.is_empty() {
            self.forget(&place(side, price));
        }
    }

    fn forget(&mut self, at: &Place) {
        if let Some(id) = self.ids.remove(at) {
            self.places.remove(&id);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::REMOVES;

    /// id, side, price, removal
    type Given = (i64, Side, Option<Exact>, bool);

    fn message(rows: &[Given]) -> Message {
        let mut message = Message::default();
        for &(id, side, price, removes) in rows {
            let mut row = Row { side, marks: if removes { REMOVES } else { 0 }, ..Row::default() };
            if let Some((mantissa, scale)) = price {
                message.set_price(&mut row, mantissa, scale);
            }
            message.rows.push(row);
            message.ids.push(id);
        }
        message
    }

    #[test]
    fn one_id_for_a_level_and_one_level_for_an_id() {
        let mut ids = Ids::default();
        let found = |ids: &mut Ids, id| {
            ids.resolve(&message(&[(id, Side::Bid, None, false)])).map(|said| said.price(&said.rows[0]))
        };
        ids.resolve(&message(&[(1, Side::Bid, Some((1000, 1)), false), (2, Side::Ask, Some((1, -2)), false)])).unwrap();
        assert_eq!(ids.places.len(), 2);
        // The same level, written in another way, is taken over.
        ids.resolve(&message(&[(3, Side::Bid, Some((10, -1)), false)])).unwrap();
        assert_eq!((found(&mut ids, 1), ids.places.len()), (Err(1), 2));
        // An id that moves leaves nothing behind.
        ids.resolve(&message(&[(3, Side::Bid, Some((7, 0)), false), (3, Side::Bid, Some((8, 0)), false)])).unwrap();
        assert_eq!((found(&mut ids, 3), ids.places.len(), ids.ids.len()), (Ok(8), 2, 2));
        // A removal forgets the row's id, and that of the level.
        ids.resolve(&message(&[(9, Side::Bid, Some((80, 1)), true)])).unwrap();
        assert_eq!(found(&mut ids, 3), Err(3));
        ids.forget_level(Side::Bid, (100, 0));
        assert_eq!(ids.places.len(), 1);
        ids.forget_level(Side::Ask, (1000, 1));
        assert!(ids.places.is_empty() && ids.ids.is_empty());
    }
}
