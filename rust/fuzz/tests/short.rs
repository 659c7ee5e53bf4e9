//! A short run of each target, and that each of them can fail.

use tidebook_fuzz::choices::Choices;
use tidebook_fuzz::decimal::{Dec, read};
use tidebook_fuzz::{feed, json, number};

/// Under Miri a few say as much about memory.
const COUNT: u64 = if cfg!(miri) { 3 } else { 300 };

#[test]
fn connections() {
    (0..COUNT).for_each(|at| feed::run(&at.to_le_bytes()));
}

#[test]
fn texts_and_numbers() {
    for at in 0..COUNT * 10 {
        let seed = at.to_le_bytes();
        let how = &mut Choices::new(&seed);
        json::run(&json::text(how, &[]));
        number::check(&number::text(how), how.range(-3, 3));
    }
}

#[test]
fn the_same_bytes_are_the_same_choices() {
    let all = |data: &[u8]| {
        let how = &mut Choices::new(data);
        (0..50).map(|_| how.below(1000)).collect::<Vec<_>>()
    };
    assert_eq!(all(b"abc"), all(b"abc"));
    assert_ne!(all(b"abc"), all(b"abd"));
}

#[test]
fn judges_say_no() {
    assert!(json::judge(b"[1,]").is_some());
    assert!(json::judge(b"[1]").is_none());
    assert_eq!(read(b"1e39", 0), None);
    assert_ne!(read(b"1.5", 0).map(|read| read.value), Some(Dec::of_parts(15, 2)));
    assert_eq!(number::iso(b"2021-02-29T00:00:00Z"), None);
}
