//! Which id stands for which level: at most one for each, so that there are never more than levels.

use std::borrow::Cow;
use std::collections::HashMap;

use crate::decode::{Row, Side};
use crate::levels::Exact;
use crate::number::reduce;

/// A side, and a price with no zeros behind.
type Place = (Side, i128, i64);

fn place(side: Side, (price, scale): Exact) -> Place {
    let (price, scale) = reduce(price, i64::from(scale));
    (side, price, scale)
}

#[derive(Default)]
pub struct Ids {
    places: HashMap<i64, Place>,
    ids: HashMap<Place, i64>,
}

impl Ids {
    /// Gives the rows their prices where these are known by id, and learns what the rows say. An id that is not known is
    /// the error; what is known then is no matter until a snapshot starts anew.
    pub fn resolve<'a>(&mut self, rows: &'a [Row]) -> Result<Cow<'a, [Row]>, i64> {
        if self.places.is_empty() && !rows.iter().any(|row| row.has_id) {
            return Ok(Cow::Borrowed(rows));
        }
        let mut rows = rows.to_vec();
        for row in &mut rows {
            if !row.priced {
                let (_, price, scale) = self.places.get(&row.id).ok_or(row.id)?;
                (row.price, row.price_scale) = (*price, *scale as i8);
            }
            self.learn(row);
        }
        Ok(Cow::Owned(rows))
    }

    fn learn(&mut self, row: &Row) {
        let (price, id) = ((row.price, row.price_scale), row.has_id.then_some(row.id));
        let at = place(row.side, price);
        match id {
            Some(id) if !row.removes && self.places.get(&id) == Some(&at) => return,
            Some(id) => {
                if let Some(known) = self.places.remove(&id) {
                    self.ids.remove(&known);
                }
            }
            None if !row.removes => return,
            None => {}
        }
        self.forget(&at);
        if let Some(id) = id.filter(|_| !row.removes) {
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

    fn row(id: i64, side: Side, price: Option<Exact>, removes: bool) -> Row {
        let (mantissa, scale) = price.unwrap_or_default();
        Row {
            id,
            side,
            price: mantissa,
            price_scale: scale,
            removes,
            priced: price.is_some(),
            has_id: true,
            ..Row::default()
        }
    }

    #[test]
    fn one_id_for_a_level_and_one_level_for_an_id() {
        let mut ids = Ids::default();
        let found = |ids: &mut Ids, id| ids.resolve(&[row(id, Side::Bid, None, false)]).map(|rows| rows[0].price);
        ids.resolve(&[row(1, Side::Bid, Some((1000, 1)), false), row(2, Side::Ask, Some((1, -2)), false)]).unwrap();
        assert_eq!(ids.places.len(), 2);
        // The same level, written in another way, is taken over.
        ids.resolve(&[row(3, Side::Bid, Some((10, -1)), false)]).unwrap();
        assert_eq!((found(&mut ids, 1), ids.places.len()), (Err(1), 2));
        // An id that moves leaves nothing behind.
        ids.resolve(&[row(3, Side::Bid, Some((7, 0)), false), row(3, Side::Bid, Some((8, 0)), false)]).unwrap();
        assert_eq!((found(&mut ids, 3), ids.places.len(), ids.ids.len()), (Ok(8), 2, 2));
        // A removal forgets the row's id, and that of the level.
        ids.resolve(&[row(9, Side::Bid, Some((80, 1)), true)]).unwrap();
        assert_eq!(found(&mut ids, 3), Err(3));
        ids.forget_level(Side::Bid, (100, 0));
        assert_eq!(ids.places.len(), 1);
        ids.forget_level(Side::Ask, (1000, 1));
        assert!(ids.places.is_empty() && ids.ids.is_empty());
    }
}
