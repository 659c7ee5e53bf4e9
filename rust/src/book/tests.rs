use super::*;
use crate::fault::Kind as FaultKind;
use crate::rule::tests::rule;
use crate::rule::{Bounds, Bridge, Chain};
use crate::shape::tests::{diff_shape, whole_shape};
use crate::shape::{Digits, Path, Window};

fn rest() -> Book {
    book(rule(Seed::Rest, Chain::Next, Some(Bridge::CoversNext)))
}

fn book(rule: Rule) -> Book {
    Book::new(diff_shape(), Some(whole_shape()), rule, 1000, (0, 0))
}

fn take(book: &Book, text: &str, role: Role, received_ns: i64) -> Vec<Outcome> {
    let mut tape = Tape::default();
    let doc = tape.read(text.as_bytes(), 1 << 16).unwrap();
    let mut message = Message { received_ns, ..Message::default() };
    read(&doc, 0, book.plan.shape(role), book.plan.terms, role == Role::Snapshot, &mut message).unwrap();
    message.received_ns = received_ns;
    let mut out = Vec::new();
    book.state().take(&book.plan, &message, role, None, &mut out);
    out
}

/// A change with one bid, its price being the last id.
fn change(book: &Book, first: i64, last: i64) -> Vec<Outcome> {
    take(book, &format!(r#"{{"U":{first},"u":{last},"b":[["{last}","1"]]}}"#), Role::Stream, last)
}

fn snapshot(book: &Book, id: i64) -> Outcome {
    let body = format!(r#"{{"lastUpdateId":{id},"bids":[["1","1"]],"asks":[["1000","1"]]}}"#);
    book.seed(body.as_bytes(), 0, 0, 1 << 16).unwrap()
}

fn bids(book: &Book) -> Vec<i128> {
    book.state().levels.best(Side::Bid, 100, |raw| raw.price)
}

fn is_bridged(book: &Book) -> bool {
    book.state().bridged
}

fn gap(expected: i128, got: i128) -> Outcome {
    Outcome::Event { what: Event::Gap, expected: Some(expected), got: Some(got) }
}

#[test]
fn buffered_bridged_and_lost() {
    let book = rest();
    assert_eq!(change(&book, 3, 4), [event(Event::Waiting)]);
    assert_eq!(change(&book, 5, 6), []);
    assert_eq!(change(&book, 7, 8), []);
    let too_old = Outcome::Event { what: Event::TooOld, expected: Some(1), got: Some(3) };
    assert_eq!(snapshot(&book, 1), too_old);
    assert_eq!(book.state().buffer.len(), 3);
    assert_eq!(snapshot(&book, 5), event(Event::Seeded));
    assert_eq!(bids(&book), [8, 6, 1]);
    assert!(is_bridged(&book));
    assert_eq!(book.state().buffer.len(), 0);
    assert_eq!(change(&book, 8, 9), [Outcome::Changed]); // an overlap
    assert_eq!(change(&book, 8, 9), []);
    assert_eq!(change(&book, 11, 12), [gap(10, 11)]);
    assert_eq!(bids(&book), [9, 8, 6, 1]);
    assert!(!book.state().seeded);
    assert_eq!(book.state().buffer.len(), 1);
    assert_eq!(snapshot(&book, 11), event(Event::Seeded));
    assert_eq!(book.state().last, Some(12));
    assert_eq!(book.state().stats.gaps, 1);
}

#[test]
fn not_bridged_yet() {
    let book = rest();
    assert_eq!(snapshot(&book, 10), event(Event::Seeded));
    assert!(!is_bridged(&book));
    assert_eq!(change(&book, 9, 10), []);
    assert_eq!(change(&book, 12, 13), [Outcome::Event { what: Event::Gap, expected: Some(10), got: Some(12) }]);
    assert_eq!(snapshot(&book, 12), event(Event::Seeded));
    assert!(is_bridged(&book));
}

#[test]
fn a_gap_among_the_survivors() {
    let book = rest();
    change(&book, 5, 6);
    change(&book, 9, 10);
    change(&book, 11, 12);
    assert_eq!(snapshot(&book, 4), gap(7, 9));
    assert!(!book.state().seeded);
    assert_eq!(book.state().buffer.len(), 2);
    assert_eq!(snapshot(&book, 9), event(Event::Seeded));
}

#[test]
fn retained_changes_survive_a_scheduled_snapshot() {
    let book = book(Rule { compares: true, ..rule(Seed::Side, Chain::Rising, Some(Bridge::After)) });
    assert_eq!(snapshot(&book, 4), event(Event::Seeded));
    change(&book, 5, 5);
    change(&book, 6, 6);
    let body = r#"{"lastUpdateId":5,"bids":[["2","1"]],"asks":[]}"#;
    assert_eq!(take(&book, body, Role::Snapshot, 7), [event(Event::Seeded)]);
    assert_eq!(bids(&book), [6, 2]);
    assert_eq!(book.state().buffer.len(), 1);
    let body = r#"{"lastUpdateId":6,"bids":[["2.0","1"],["6","1.0"]],"asks":[]}"#;
    take(&book, body, Role::Snapshot, 8);
    assert_eq!(book.state().stats.compare_equal, 1);
    assert_eq!(book.state().stats.compare_different, 0);
    assert_eq!(book.state().reach, [Some((20, 1)), None]);
}

#[test]
fn bounds_of_the_buffer() {
    let rest = rule(Seed::Rest, Chain::Next, Some(Bridge::CoversNext));
    let book = book(Rule { bounds: Bounds { changes: 2, ..rest.bounds }, ..rest });
    (1..=5).for_each(|id| _ = change(&book, id, id));
    assert_eq!(book.state().buffer.len(), 2);
    assert_eq!(book.state().stats.buffer_dropped, 3);
}

#[test]
fn prices_fit_together() {
    let body = |price: &str| format!(r#"{{"lastUpdateId":9,"bids":[["{price}","1"]],"asks":[]}}"#);
    let book = rest();
    take(&book, r#"{"U":10,"u":10,"b":[["1e30","1"]]}"#, Role::Stream, 0);
    let fault = book.seed(body("0.00000001").as_bytes(), 0, 0, 1 << 16).unwrap_err();
    assert_eq!(fault.kind(), FaultKind::Number);
    assert!(!book.state().seeded);
    assert!(book.seed(body("0.0000001").as_bytes(), 0, 0, 1 << 16).is_ok());
    assert_eq!(book.state().levels.worst(Side::Bid).map(|raw| raw.price), Some(1));
}

#[test]
fn windows_and_checksums() {
    let spec = ChecksumAt {
        paths: vec![Path::of("c")],
        depth: 10,
        interleaved: true,
        digits: Digits::AsSent,
        joiner: (*b":").into(),
        when: When::Present,
    };
    let window = Some(Window { levels: 2, client: true });
    let shape = Shape { checksum: Some(spec), window, ..diff_shape() };
    let book = Book::new(shape, Some(whole_shape()), rule(Seed::Stream, Chain::Next, None), 1000, (0, 0));
    let whole = r#"{"lastUpdateId":1,"bids":[["1","1"],["2","1"],["3.0","1"]],"asks":[]}"#;
    assert_eq!(take(&book, whole, Role::Snapshot, 0), [event(Event::Seeded)]);
    assert_eq!(book.state().stats.cut, 1);
    assert_eq!(bids(&book), [30, 20]);
    assert_eq!(change(&book, 2, 2), [Outcome::Changed, event(Event::Unchecked)]);
    assert_eq!(change(&book, 3, 3), [Outcome::Changed]);
    // The later text of an equal price counts.
    let right = checksum::crc32(b"4:1:3:1");
    let text = format!(r#"{{"U":4,"u":4,"b":[["4","1"]],"c":{}}}"#, right as i32);
    assert_eq!(take(&book, &text, Role::Stream, 0), [Outcome::Changed]);
    let text = r#"{"U":5,"u":5,"c":1}"#;
    let failed = Outcome::Event { what: Event::Checksum, expected: Some(1), got: Some(i128::from(right)) };
    assert_eq!(take(&book, text, Role::Stream, 0), [failed]);
    assert!(!book.state().seeded);
    assert_eq!(book.state().stats.unchecked, 2);
}

#[test]
fn ids_stand_for_prices() {
    let mut shape = diff_shape();
    (shape.first, shape.last) = (None, None);
    shape.row.id = Some(Path::of("2"));
    shape.remove_words = vec![(*b"delete").into()];
    shape.row.action = Some(Path::of("3"));
    let whole = Shape { kind: whole_shape().kind, ..shape.clone() };
    let book = Book::new(shape, Some(whole), rule(Seed::Stream, Chain::None, None), 1000, (0, 0));
    take(&book, r#"{"b":[["5","1",77],["4","1",78]]}"#, Role::Snapshot, 0);
    assert_eq!(take(&book, r#"{"b":[[null,"9",77],[null,null,78,"delete"]]}"#, Role::Stream, 0), [Outcome::Changed]);
    assert_eq!(book.state().levels.best(Side::Bid, 9, |raw| (raw.price, raw.size)), [(5, 9)]);
    let unknown = Outcome::Event { what: Event::UnknownId, expected: None, got: Some(78) };
    assert_eq!(take(&book, r#"{"b":[["6","1",79],[null,"9",78]]}"#, Role::Stream, 0), [unknown]);
    assert_eq!(bids(&book), [5]);
    assert!(!book.state().seeded);
}

#[test]
fn the_reach_draws_in() {
    let book = Book::new(diff_shape(), Some(whole_shape()), rule(Seed::Stream, Chain::None, None), 2, (0, 0));
    let whole = r#"{"lastUpdateId":1,"bids":[["1","1"],["2","1"],["3","1"]],"asks":[["9","1"],["8","1"]]}"#;
    take(&book, whole, Role::Snapshot, 0);
    assert_eq!(book.state().reach, [Some((2, 0)), Some((9, 0))]);
    take(&book, r#"{"U":2,"u":2,"b":[["2.50","1"]],"a":[["10","1"],["7.5","1"]]}"#, Role::Stream, 0);
    assert_eq!(book.state().reach, [Some((250, 2)), Some((800, 2))]);
    // What is kept now is worse than what was trimmed before.
    take(&book, r#"{"U":3,"u":3,"b":[["2.5","0"],["0.001","1"],["0.002","1"]]}"#, Role::Stream, 0);
    assert_eq!(book.state().stats.trimmed, 5);
    assert_eq!(book.state().reach, [Some((250, 2)), Some((800, 2))]);
}
