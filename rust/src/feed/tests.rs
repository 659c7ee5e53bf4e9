use super::*;

mod both_ways;

use crate::fault::Kind as FaultKind;
use crate::rule::tests::rule;
use crate::rule::{Bridge, Chain, Rule, Seed};
use crate::shape::Shape;
use crate::shape::tests::{diff_shape, whole_shape};

fn book(shape: Shape, rule: Rule) -> Arc<Book> {
    Arc::new(Book::new(shape, Some(whole_shape()), rule, 1000, (0, 0)))
}

fn every() -> Arc<Book> {
    book(Shape { first: None, last: None, ..diff_shape() }, rule(Seed::Stream, Chain::None, None))
}

fn outcome(feed: &mut Feed<&'static str>, frame: &str) -> Vec<String> {
    feed.feed(frame.as_bytes(), 1).unwrap();
    let name = |entry: &usize| (*feed.handle(*entry).unwrap()).to_string();
    let print = |out: &Out| match out {
        Out::Book(entry) | Out::Other(entry) => name(entry),
        Out::Unrouted => "unrouted".into(),
        Out::Event { entry, what, .. } => format!("{} {}", entry.as_ref().map_or("all".into(), name), what.word()),
    };
    feed.outcomes().iter().map(print).collect()
}

fn seeded(book: &Arc<Book>) {
    let whole = br#"{"lastUpdateId":1,"bids":[],"asks":[]}"#;
    book.seed(whole, 0, 0, 100).unwrap();
}

#[test]
fn routes() {
    let mut feed = Feed::new(None, 1 << 16);
    assert_eq!(outcome(&mut feed, r#"{"s":"A"}"#), ["unrouted"]);
    let (a, list) = (every(), every());
    let each = Form { each: Some(Path::of("data")), star: true, route: vec![Path::of("/t"), Path::of("#")] };
    let many =
        book(Shape { form: each, first: None, last: None, ..diff_shape() }, rule(Seed::Stream, Chain::None, None));
    feed.want(b"A", a.clone(), Role::Stream, "a");
    feed.want(b"l X", many.clone(), Role::Stream, "many");
    feed.other(b"T", None, || Ok::<_, ()>("t")).unwrap();
    [&a, &list, &many].into_iter().for_each(seeded);
    assert_eq!(outcome(&mut feed, r#"{"s":"A","b":[["1","1"]]}"#), ["a"]);
    assert_eq!(outcome(&mut feed, r#"{"s":"\u0041"}"#), ["a"]);
    assert_eq!(outcome(&mut feed, r#"{"s":"B"}"#), ["unrouted"]);
    assert_eq!(outcome(&mut feed, r#"{"s":"T"}"#), ["t"]);
    assert_eq!(outcome(&mut feed, r#"{"s":["A"],"t":"l","data":{"X":{},"Y":{}}}"#), ["many"]);
    // The first form decides: with an `s` the second is not tried.
    assert_eq!(outcome(&mut feed, r#"{"s":"B","t":"l","data":{"X":{}}}"#), ["unrouted"]);
    // Found by the text, but of another form.
    assert_eq!(outcome(&mut feed, r#"{"s":"l X"}"#), ["unrouted"]);
    assert_eq!(a.state().heard_ns, Some(1));
    feed.forget(b"A");
    assert_eq!(outcome(&mut feed, r#"{"s":"B","t":"l","data":{"X":{}}}"#), ["many"]);
    assert_eq!(feed.forms.len(), 1);
}

#[test]
fn a_topic_where_the_last_one_stood() {
    let mut feed = Feed::new(None, 1 << 16);
    let (a, b, c) = (every(), every(), every());
    feed.want(b"A", a.clone(), Role::Stream, "a");
    feed.want(b"B", b.clone(), Role::Stream, "b");
    feed.other(b"T", None, || Ok::<_, ()>("t")).unwrap();
    [&a, &b, &c].into_iter().for_each(seeded);
    for (topic, expected) in
        [("A", "a"), ("A", "a"), ("B", "b"), ("T", "t"), ("C", "unrouted"), ("C", "unrouted"), ("A", "a")]
    {
        assert_eq!(outcome(&mut feed, &format!(r#"{{"s":"{topic}","b":[["1","1"]]}}"#)), [expected]);
    }
    // What stands there now is something else, and the topic behind it.
    assert_eq!(outcome(&mut feed, r#"{"x":"A","s":"B"}"#), ["b"]);
    assert_eq!(outcome(&mut feed, r#"{"s":"A"}"#), ["a"]);
    feed.forget(b"A");
    assert_eq!(outcome(&mut feed, r#"{"s":"A"}"#), ["unrouted"]);
    feed.want(b"A", c.clone(), Role::Stream, "c");
    assert_eq!(outcome(&mut feed, r#"{"s":"A"}"#), ["c"]);
    feed.want(b"A", a.clone(), Role::Stream, "a");
    assert_eq!(outcome(&mut feed, r#"{"s":"A"}"#), ["a"]);
}

#[test]
fn books_of_one_kind_share_what_is_fixed() {
    let (one, same) = (every(), every());
    let other = book(diff_shape(), rule(Seed::Rest, Chain::Next, Some(Bridge::CoversNext)));
    assert!(Arc::ptr_eq(&one.plan, &same.plan));
    assert!(!Arc::ptr_eq(&one.plan, &other.plan));
}

#[test]
fn all_or_nothing_and_once() {
    let mut feed = Feed::new(None, 1 << 16);
    let form = Form { each: Some(Path::of("")), star: false, route: vec![Path::of("s")] };
    let shape = Shape { form, first: None, last: None, ..diff_shape() };
    let [a, b] = [(); 2].map(|()| book(shape.clone(), rule(Seed::Stream, Chain::None, None)));
    feed.want(b"A", a.clone(), Role::Stream, "a");
    feed.want(b"B", b.clone(), Role::Stream, "b");
    [&a, &b].into_iter().for_each(seeded);
    let fault = feed.feed(br#"[{"s":"A","b":[["1","1"]]},{"s":"B","b":[["x","1"]]}]"#, 5).unwrap_err();
    assert_eq!(fault.kind(), FaultKind::Number);
    assert_eq!(a.state().levels.count(crate::message::Side::Bid), 0);
    assert_eq!(a.state().heard_ns, None);
    let frame = r#"[{"s":"A","b":[["1","1"]]},{"s":"B"},{"s":"C"},{"s":"A","b":[["2","1"]]}]"#;
    assert_eq!(outcome(&mut feed, frame), ["a", "b"]);
    assert_eq!(a.state().levels.count(crate::message::Side::Bid), 2);
    // Prices of one frame are tested together, and forgotten with it.
    let frame = br#"[{"s":"A","b":[["1e20","1"]]},{"s":"A","b":[["1e-20","1"]]}]"#;
    assert_eq!(feed.feed(frame, 5).unwrap_err().kind(), FaultKind::Number);
    assert_eq!(outcome(&mut feed, r#"[{"s":"A","b":[["1e-20","1"]]}]"#), ["a"]);
}

#[test]
fn counts_a_connection() {
    let counter = IdAt { optional: true, ..IdAt::of("n") };
    let mut feed = Feed::new(Some(counter), 1 << 16);
    let counted = Rule { connection: true, ..rule(Seed::Stream, Chain::Next, None) };
    let a = book(Shape { first: None, last: None, ..diff_shape() }, counted);
    feed.want(b"A", a.clone(), Role::Stream, "a");
    seeded(&a);
    assert_eq!(outcome(&mut feed, r#"{"n":5,"s":"A"}"#), ["a"]);
    assert_eq!(a.state().last, Some(5));
    assert_eq!(outcome(&mut feed, r#"{"n":6}"#), ["unrouted"]);
    assert_eq!(outcome(&mut feed, r#"{"s":"A"}"#), ["a"]);
    assert_eq!(outcome(&mut feed, r#"{"n":8,"s":"A"}"#), ["all gap"]);
    assert!(!a.state().seeded);
    assert_eq!(a.state().stats.gaps, 1);
    assert_eq!(outcome(&mut feed, r#"{"n":8}"#), ["all gap", "unrouted"]);
    feed.reset();
    assert_eq!(outcome(&mut feed, r#"{"n":1}"#), ["unrouted"]);
    assert!(feed.feed(br#"{"n":1.5}"#, 0).is_err());
}

#[test]
fn the_other_role() {
    let mut feed = Feed::new(None, 1 << 16);
    let a = book(diff_shape(), rule(Seed::Rest, Chain::Next, Some(Bridge::CoversNext)));
    feed.want(b"", a.clone(), Role::Snapshot, "a");
    feed.want(b"A", a.clone(), Role::Stream, "a");
    // The whole shape's form has no route: every frame has its topic.
    assert_eq!(outcome(&mut feed, r#"{"lastUpdateId":1,"bids":[],"asks":[]}"#), ["a seeded"]);
}
