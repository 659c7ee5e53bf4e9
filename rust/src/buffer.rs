//! The bounded buffer of changes that wait for a snapshot, or that a scheduled snapshot may need.

use std::collections::VecDeque;

use crate::message::{Message, Room};
use crate::number::LIMIT;
use crate::rule::Bounds;

/// One more than the largest scale, or count of digits, of an accepted message.
const ROOMS: usize = LIMIT as usize + 1;

#[derive(Clone)]
pub struct Buffer {
    changes: VecDeque<Message>,
    /// How many of the changes need this scale, this many digits: their maxima without going through all.
    scales: [u32; ROOMS],
    digits: [u32; ROOMS],
    rows: usize,
}

impl Default for Buffer {
    fn default() -> Buffer {
        Buffer { changes: VecDeque::new(), scales: [0; ROOMS], digits: [0; ROOMS], rows: 0 }
    }
}

impl Buffer {
    pub fn len(&self) -> usize {
        self.changes.len()
    }

    pub fn is_empty(&self) -> bool {
        self.changes.is_empty()
    }

    pub fn iter(&self) -> impl Iterator<Item = &Message> {
        self.changes.iter()
    }

    pub fn clear(&mut self) {
        *self = Buffer::default();
    }

    /// The room that all prices in it need.
    pub fn room(&self) -> Room {
        let highest = |counts: &[u32]| counts.iter().rposition(|&count| count > 0).unwrap_or(0) as u8;
        Room { scale: highest(&self.scales), digits: highest(&self.digits) }
    }

    fn slots(&mut self, room: Room) -> [&mut u32; 2] {
        [&mut self.scales[usize::from(room.scale)], &mut self.digits[usize::from(room.digits)]]
    }

    pub fn push(&mut self, change: Message) {
        self.slots(change.room).into_iter().for_each(|count| *count += 1);
        self.rows += change.rows.len();
        self.changes.push_back(change);
    }

    fn pop(&mut self) -> Option<Message> {
        let change = self.changes.pop_front()?;
        self.slots(change.room).into_iter().for_each(|count| *count -= 1);
        self.rows -= change.rows.len();
        Some(change)
    }

    /// The oldest beyond the bounds go; how many.
    pub fn bound(&mut self, bounds: Bounds, now_ns: i64) -> u64 {
        let mut dropped = 0;
        while let Some(oldest) = self.changes.front() {
            // The newest stays however many rows it has.
            let too_many_rows = self.rows > bounds.rows && self.changes.len() > 1;
            let too_old = now_ns.saturating_sub(oldest.received_ns) > bounds.age_ns;
            if self.changes.len() <= bounds.changes && !too_many_rows && !too_old {
                break;
            }
            self.pop();
            dropped += 1;
        }
        dropped
    }

    pub fn take(&mut self) -> Vec<Message> {
        std::mem::take(self).changes.into()
    }

    pub fn refill(&mut self, changes: impl IntoIterator<Item = Message>) {
        self.clear();
        changes.into_iter().for_each(|change| self.push(change));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::Row;

    fn change(received_ns: i64, scale: u8, digits: u8) -> Message {
        Message { received_ns, room: Room { scale, digits }, ..Message::default() }
    }

    #[test]
    fn bounds_and_room() {
        let mut buffer = Buffer::default();
        for (at, scale, digits) in [(0, 8, 2), (10, 2, 5), (20, 2, 4), (30, 1, 4)] {
            buffer.push(change(at, scale, digits));
        }
        assert_eq!(buffer.room(), Room { scale: 8, digits: 5 });
        let bounds = |changes, age_ns| Bounds { changes, rows: 100, age_ns };
        assert_eq!(buffer.bound(bounds(3, 1000), 30), 1);
        assert_eq!(buffer.room(), Room { scale: 2, digits: 5 });
        assert_eq!(buffer.bound(bounds(3, 10), 30), 1); // the one of 20 is just 10 old
        assert_eq!(buffer.room(), Room { scale: 2, digits: 4 });
        let all = buffer.take();
        assert!(buffer.is_empty() && buffer.room() == Room::default());
        buffer.refill(all.into_iter().skip(1));
        assert_eq!((buffer.len(), buffer.room()), (1, Room { scale: 1, digits: 4 }));
    }
    #[test]
    fn bounded_by_rows() {
        let rows = |count| Message { rows: vec![Row::default(); count], ..Message::default() };
        let bounds = Bounds { changes: 100, rows: 5, age_ns: 0 };
        let mut buffer = Buffer::default();
        for (count, dropped, left) in [(2, 0, 1), (3, 0, 2), (1, 1, 2), (0, 0, 3), (9, 3, 1), (0, 1, 1), (5, 0, 2)] {
            buffer.push(rows(count));
            assert_eq!((buffer.bound(bounds, 0), buffer.len()), (dropped, left));
        }
        buffer.refill([rows(5)]);
        buffer.push(rows(1));
        assert_eq!(buffer.bound(bounds, 0), 1);
        buffer.clear();
        buffer.push(rows(5));
        assert_eq!(buffer.bound(bounds, 0), 0);
    }
}
