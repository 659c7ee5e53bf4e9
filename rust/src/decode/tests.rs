use super::*;
use crate::fault::Kind as FaultKind;
use crate::json::Tape;
use crate::message::What;
use crate::shape::tests::{diff_shape, words};
use crate::shape::{KindAt, RowsAt};

fn read_as(shape: &Shape, frame: &str) -> std::result::Result<Message, FaultKind> {
    let mut tape = Tape::default();
    let doc = tape.read(frame.as_bytes(), 1 << 16).unwrap();
    let mut message = Message::default();
    let outcome = read(&doc, 0, shape, Terms::default(), false, &mut message).map_err(|fault| fault.kind());
    outcome.map(|()| message)
}

/// side, price, size, removal
fn rows(message: &Message) -> Vec<(Side, i128, i128, bool)> {
    message.rows.iter().map(|row| (row.side, message.price(row), message.size(row), row.removes())).collect()
}

#[test]
fn a_change() {
    let message = read_as(&diff_shape(), r#"{"U":5,"u":"7","b":[["1.50","0"]],"a":[["2","3.0"],["-1","1"]]}"#).unwrap();
    assert_eq!((message.what, message.first, message.last, message.prev), (What::Change, Some(5), Some(7), None));
    let expected = [(Side::Bid, 150, 0, true), (Side::Ask, 2, 30, false), (Side::Ask, -1, 1, false)];
    assert_eq!(rows(&message), expected);
    assert_eq!(message.room, Room { scale: 2, digits: 1 });
    let absent = read_as(&diff_shape(), r#"{"U":5,"u":7,"b":null}"#).unwrap();
    assert!(absent.rows.is_empty());
}

#[test]
fn faults_in_order() {
    for (frame, kind) in [
        (r#"{"u":1,"b":5}"#, FaultKind::Missing),
        (r#"{"U":1.0,"u":[],"b":5}"#, FaultKind::Number),
        (r#"{"U":true,"u":1}"#, FaultKind::Malformed),
        (r#"{"U":"x","u":1}"#, FaultKind::Number),
        (r#"{"U":9223372036854775808,"u":1}"#, FaultKind::Number),
        (r#"{"U":1,"u":1,"b":{},"a":[["x"]]}"#, FaultKind::Malformed),
        (r#"{"U":1,"u":1,"b":[5]}"#, FaultKind::Malformed),
        (r#"{"U":1,"u":1,"b":[[]]}"#, FaultKind::Missing),
        (r#"{"U":1,"u":1,"b":[["1"]]}"#, FaultKind::Missing),
        (r#"{"U":1,"u":1,"b":[["1",null]]}"#, FaultKind::Missing),
        (r#"{"U":1,"u":1,"b":[[1,"1"]]}"#, FaultKind::Malformed),
        (r#"{"U":1,"u":1,"b":[["1","-1"]]}"#, FaultKind::Number),
        (r#"{"U":1,"u":1,"b":[["1"," 1"]]}"#, FaultKind::Number),
        (r#"{"U":1,"u":1,"b":[["\ud800","1"]]}"#, FaultKind::Number),
        (r#"{"U":1,"u":1,"b":[{}]}"#, FaultKind::Missing),
        (r#"{"U":1,"u":1,"b":[],"\u0062":[]}"#, FaultKind::Repeated),
        (r#"{"u":1,"U":1,"U":1}"#, FaultKind::Repeated),
    ] {
        assert_eq!(read_as(&diff_shape(), frame).map(|_| ()), Err(kind), "{frame}");
    }
}

#[test]
fn kinds() {
    let kind = KindAt {
        nested: Some(Path::of("n")),
        snapshot_keys: vec![Path::of("whole"), Path::of("in.whole")],
        delta_keys: vec![Path::of("part")],
        sentinel: Some((Path::of("p"), -1)),
        path: Some(Path::of("t")),
        snapshot: words(&["full"]),
        delta: words(&["diff", "true", "7"]),
        ignore: words(&["hb"]),
        default: None,
    };
    let shape = Shape { kind, first: None, last: None, ..diff_shape() };
    for (frame, what) in [
        (r#"{"n":[]}"#, Ok(What::Snapshot)),
        (r#"{"n":[[1]],"part":1}"#, Ok(What::Snapshot)),
        (r#"{"n":[1]}"#, Ok(What::Change)),
        (r#"{"n":"hb","t":"hb"}"#, Ok(What::Ignored)),
        (r#"{"whole":1,"part":1}"#, Ok(What::Snapshot)),
        (r#"{"whole":null,"part":1}"#, Ok(What::Snapshot)),
        (r#"{"in":{"whole":null},"part":1}"#, Ok(What::Snapshot)),
        (r#"{"in":null,"part":1}"#, Ok(What::Change)),
        (r#"{"in":[],"part":1}"#, Ok(What::Change)),
        (r#"{"in":{"whole":1,"whole":1}}"#, Err(FaultKind::Repeated)),
        (r#"{"part":1,"t":"full"}"#, Ok(What::Change)),
        (r#"{"p":-1,"t":"diff"}"#, Ok(What::Snapshot)),
        (r#"{"p":"-1"}"#, Ok(What::Snapshot)),
        (r#"{"p":0,"t":"f\u0075ll"}"#, Ok(What::Snapshot)),
        (r#"{"t":true}"#, Ok(What::Change)),
        (r#"{"t":7}"#, Ok(What::Change)),
        (r#"{"t":"other"}"#, Err(FaultKind::Malformed)),
        (r#"{"t":[]}"#, Err(FaultKind::Malformed)),
        (r#"{"t":null}"#, Err(FaultKind::Malformed)),
        (r#"{}"#, Err(FaultKind::Malformed)),
        (r#"{"whole":1,"whole":1}"#, Err(FaultKind::Repeated)),
    ] {
        assert_eq!(read_as(&shape, frame).map(|message| message.what), what, "{frame}");
    }
}

fn rows_shape(path: &str) -> Shape {
    let list = RowsAt { path: Path::of(path), action: None, single: false, flat: false };
    Shape { lists: Lists::Rows(vec![list]), first: None, last: None, json: true, ..diff_shape() }
}

#[test]
fn signs_and_counts() {
    let row = RowAt { price: Path::of("0"), count: Some(Path::of("1")), size: Path::of("2"), ..RowAt::default() };
    let shape = Shape { signed: true, row, ..rows_shape("r") };
    let message = read_as(&shape, r#"{"r":[[10,2,1.5],[11,3,-2],[12,0,-1],[13,0,1]]}"#).unwrap();
    let expected =
        [(Side::Bid, 10, 15, false), (Side::Ask, 11, 2, false), (Side::Ask, 12, 1, true), (Side::Bid, 13, 1, true)];
    assert_eq!(rows(&message), expected);
    assert_eq!(read_as(&shape, r#"{"r":[[10,0,0]]}"#).map(|_| ()), Err(FaultKind::Number));
    assert_eq!(read_as(&shape, r#"{"r":[[10,-1,1]]}"#).map(|_| ()), Err(FaultKind::Number));
    assert_eq!(read_as(&shape, r#"{"r":[[10]]}"#).map(|_| ()), Err(FaultKind::Missing));
}

#[test]
fn side_words_actions_and_ids() {
    let row = RowAt {
        price: Path::of("price"),
        size: Path::of("size"),
        side: Some(Path::of("side")),
        action: None,
        count: None,
        id: Some(Path::of("id")),
    };
    let lists = ["update", "delete"].map(|action| RowsAt {
        path: Path::of(action),
        action: Some(action.as_bytes().into()),
        single: false,
        flat: false,
    });
    let shape = Shape {
        lists: Lists::Rows(lists.into()),
        row,
        bid_words: words(&["buy"]),
        ask_words: words(&["sell"]),
        remove_words: words(&["delete"]),
        ..rows_shape("")
    };
    let frame = r#"{"delete":[{"id":3,"side":"sell"}],"update":[{"id":"2","side":"buy","size":5}]}"#;
    let message = read_as(&shape, frame).unwrap();
    assert_eq!(rows(&message), [(Side::Bid, 0, 5, false), (Side::Ask, 0, 0, true)]);
    assert!(message.ids.len() == message.rows.len() && message.rows.iter().all(|row| !row.is_priced()));
    for (frame, kind) in [
        (r#"{"update":[{"id":2,"size":5}]}"#, FaultKind::Missing),
        (r#"{"update":[{"id":2,"side":"none","size":5}]}"#, FaultKind::Malformed),
        (r#"{"update":[{"side":"buy","size":5}]}"#, FaultKind::Missing),
        (r#"{"update":[{"id":2,"side":"buy"}]}"#, FaultKind::Missing),
    ] {
        assert_eq!(read_as(&shape, frame).map(|_| ()), Err(kind), "{frame}");
    }
}

#[test]
fn both_sides_in_a_row_and_zero_prices() {
    let places = |price: &str, size: &str| RowAt { price: Path::of(price), size: Path::of(size), ..RowAt::default() };
    let shape =
        Shape { row: places("bp", "bs"), both: Some(places("ap", "as")), skip_zero_price: true, ..rows_shape("u") };
    let message = read_as(&shape, r#"{"u":[{"ap":2,"as":1,"bp":1,"bs":3},{"ap":3,"as":1,"bp":0.00,"bs":0}]}"#).unwrap();
    assert_eq!(rows(&message), [(Side::Bid, 1, 3, false), (Side::Ask, 2, 1, false), (Side::Ask, 3, 1, false)]);
    assert_eq!(message.room, Room { scale: 0, digits: 1 });
}

#[test]
fn single_rows() {
    let mut shape = rows_shape("");
    shape.row.side = Some(Path::of("side"));
    shape.row.price = Path::of("price");
    shape.row.size = Path::of("qty");
    shape.bid_words = words(&["buy"]);
    shape.ask_words = words(&["sell"]);
    shape.lists = Lists::Rows(vec![RowsAt { path: Path::default(), action: None, single: true, flat: false }]);
    let message = read_as(&shape, r#"{"side":"sell","price":5e-1,"qty":1e2}"#).unwrap();
    assert_eq!(rows(&message), [(Side::Ask, 5, 1, false)]);
    assert_eq!((message.rows[0].price_scale, message.rows[0].size_scale), (1, -2));
}
