//! Whose a message is: the table of topics, and where the last frame's topic stood.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};
use std::ops::Range;

pub type Topics = HashMap<Box<[u8]>, usize, BuildHasherDefault<TopicHasher>>;

/// Eight bytes at a time. What is wanted is ours to say, so that nobody can fill the table with what collides.
#[derive(Default)]
pub struct TopicHasher(u64);

impl Hasher for TopicHasher {
    fn finish(&self) -> u64 {
        // The table uses the highest bits as well as the lowest ones.
        self.0 ^ (self.0 >> 32)
    }

    #[inline]
    fn write(&mut self, bytes: &[u8]) {
        let mut eights = bytes.chunks_exact(8);
        for eight in &mut eights {
            self.write_u64(u64::from_le_bytes(eight.try_into().expect("eight bytes")));
        }
        let rest = eights.remainder().iter().fold(0, |rest, &byte| rest << 8 | u64::from(byte));
        self.write_u64(rest);
    }

    #[inline]
    fn write_u64(&mut self, word: u64) {
        self.0 = (self.0.rotate_left(5) ^ word).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    }

    #[inline]
    fn write_usize(&mut self, length: usize) {
        self.write_u64(length as u64);
    }
}

/// The last frame that was passed: where its topic stood, what it was, and whose.
#[derive(Default)]
pub struct Last {
    pub spot: Range<usize>,
    pub topic: Vec<u8>,
    pub entry: Option<usize>,
}

/// Where a part of these bytes stands; beyond them, where it is none.
#[inline]
pub fn place(bytes: &[u8], part: &[u8]) -> Range<usize> {
    let start = (part.as_ptr() as usize).wrapping_sub(bytes.as_ptr() as usize);
    start..start.wrapping_add(part.len())
}

#[inline]
pub fn look_up(wanted: [&Topics; 2], topic: &[u8]) -> Option<usize> {
    wanted[0].get(topic).or_else(|| wanted[1].get(topic)).copied()
}
