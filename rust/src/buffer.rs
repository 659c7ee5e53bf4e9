//! The bounded buffer of changes that wait for a snapshot, or that a scheduled snapshot may need.

use std::collections::VecDeque;

use crate::decode::{Message, Room};
use crate::number::LIMIT;

/// One more than the largest scale, or count of digits, of an accepted message.
const ROOMS: usize = LIMIT as usize + 1;

pub struct Buffer {
    changes: VecDeque<Message>,
    /// How many of the changes need this scale, this many digits: their maxima without going through all.
    scales: [u32; ROOMS],
    digits: [u32; ROOMS],
}

impl Default for Buffer {
    fn default() -> Buffer {
        Buffer { changes: VecDeque::new(), scales: [0; ROOMS], digits: [0; ROOMS] }
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
        self.changes.push_back(change);
    }

    fn pop(&mut self) -> Option<Message> {
        let change = self.changes.pop_front()?;
        self.slots(change.room).into_iter().for_each(|count| *count -= 1);
        Some(change)
    }

    /// The oldest beyond the bounds go; how many.
    pub fn bound(&mut self, changes: usize, age_ns: i64, now_ns: i64) -> u64 {
        let mut dropped = 0;
        while let Some(oldest) = self.changes.front() {
            if self.changes.len() <= changes && now_ns.saturating_sub(oldest.received_ns) <= age_ns {
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
        assert_eq!(buffer.bound(3, 1000, 30), 1);
        assert_eq!(buffer.room(), Room { scale: 2, digits: 5 });
        assert_eq!(buffer.bound(3, 10, 30), 1); // the one of 20 is just 10 old
        assert_eq!(buffer.room(), Room { scale: 2, digits: 4 });
        let all = buffer.take();
        assert!(buffer.is_empty() && buffer.room() == Room::default());
        buffer.refill(all.into_iter().skip(1));
        assert_eq!((buffer.len(), buffer.room()), (1, Room { scale: 1, digits: 4 }));
    }
}
