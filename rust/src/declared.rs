//! Reads the Python declarations (`shape.py`, `rule.py`) once, when a book or feed is made.

use pyo3::conversion::FromPyObjectOwned;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;

use crate::rule::{Bounds, Bridge, Chain, Rule, Seed};
use crate::shape::{
    ChecksumAt, Digits, Form, IdAt, KindAt, Lists, Path, RowAt, RowsAt, Shape, Step, When, Whole, Window, Words,
};
use crate::stamp::Unit;

type Given<'a, 'py> = &'a Bound<'py, PyAny>;

fn field<'py, T: FromPyObjectOwned<'py>>(given: Given<'_, 'py>, name: &str) -> PyResult<T> {
    given.getattr(name)?.extract().map_err(Into::into)
}

/// A member that may be None.
fn maybe<'py, T>(
    given: Given<'_, 'py>,
    name: &str,
    read: impl Fn(Given<'_, 'py>) -> PyResult<T>,
) -> PyResult<Option<T>> {
    let value = given.getattr(name)?;
    if value.is_none() { Ok(None) } else { read(&value).map(Some) }
}

fn each<'py, T>(given: Given<'_, 'py>, name: &str, read: impl Fn(Given<'_, 'py>) -> PyResult<T>) -> PyResult<Vec<T>> {
    given.getattr(name)?.try_iter()?.map(|item| read(&item?)).collect()
}

/// The member of a closed list that the text `name` stands for.
fn choice<T: Copy>(given: Given<'_, '_>, name: &str, choices: &[(&str, T)]) -> PyResult<T> {
    let word: String = field(given, name)?;
    let found = choices.iter().find(|(known, _)| *known == word);
    found.map(|(_, choice)| *choice).ok_or_else(|| PyValueError::new_err(format!("{name}: {word:?} is not known")))
}

fn bytes(given: Given<'_, '_>) -> PyResult<Box<[u8]>> {
    Ok(given.extract::<String>()?.into_bytes().into())
}

fn words(given: Given<'_, '_>, name: &str) -> PyResult<Words> {
    each(given, name, bytes)
}

/// By `Path.of` itself, so that there is one reading of paths.
fn path(text: Given<'_, '_>) -> PyResult<Path> {
    static PATH: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    let class = PATH.import(text.py(), "tidebook.engine.shape", "Path")?;
    let parsed = class.call_method1("of", (text,))?;
    let steps = each(&parsed, "steps", |step| {
        if let Ok(text) = step.extract::<String>() {
            return Ok(Step::Key(text.into_bytes().into()));
        }
        // An index beyond 64 bits is out of range in any list.
        Ok(Step::Index(step.extract().unwrap_or(i64::MAX)))
    })?;
    Ok(Path { steps, root: field(&parsed, "root")?, text: text.extract()?, ..Path::default() })
}

pub fn id(given: Given<'_, '_>) -> PyResult<IdAt> {
    Ok(IdAt { path: path(&given.getattr("path")?)?, optional: field(given, "optional")?, none: field(given, "none")? })
}

fn kind(given: Given<'_, '_>) -> PyResult<KindAt> {
    let whole = |word: Given<'_, '_>| match word.extract::<String>()?.as_str() {
        "snapshot" => Ok(Whole::Snapshot),
        "delta" => Ok(Whole::Delta),
        other => Err(PyValueError::new_err(format!("default: {other:?} is not known"))),
    };
    let sentinel = |pair: Given<'_, '_>| Ok((path(&pair.get_item(0)?)?, pair.get_item(1)?.extract()?));
    Ok(KindAt {
        default: maybe(given, "default", whole)?,
        path: maybe(given, "path", path)?,
        snapshot: words(given, "snapshot")?,
        delta: words(given, "delta")?,
        ignore: words(given, "ignore")?,
        snapshot_keys: each(given, "snapshot_keys", path)?,
        delta_keys: each(given, "delta_keys", path)?,
        sentinel: maybe(given, "sentinel", sentinel)?,
        nested: maybe(given, "nested", path)?,
    })
}

fn row(given: Given<'_, '_>) -> PyResult<RowAt> {
    Ok(RowAt {
        price: path(&given.getattr("price")?)?,
        size: path(&given.getattr("size")?)?,
        side: maybe(given, "side", path)?,
        action: maybe(given, "action", path)?,
        count: maybe(given, "count", path)?,
        id: maybe(given, "id", path)?,
    })
}

fn rows(given: Given<'_, '_>) -> PyResult<RowsAt> {
    Ok(RowsAt {
        path: path(&given.getattr("path")?)?,
        action: maybe(given, "action", bytes)?,
        single: field(given, "single")?,
        flat: field(given, "flat")?,
    })
}

fn checksum(given: Given<'_, '_>) -> PyResult<ChecksumAt> {
    let digits = [
        ("as_sent", Digits::AsSent),
        ("bare", Digits::Bare),
        ("python_float", Digits::Python),
        ("javascript", Digits::JavaScript),
    ];
    Ok(ChecksumAt {
        paths: each(given, "paths", path)?,
        depth: field(given, "depth")?,
        interleaved: choice(given, "order", &[("interleaved", true), ("asks_then_bids", false)])?,
        digits: choice(given, "digits", &digits)?,
        joiner: bytes(&given.getattr("joiner")?)?,
        when: choice(given, "when", &[("present", When::Present), ("nonzero", When::Nonzero), ("alone", When::Alone)])?,
    })
}

fn time(given: Given<'_, '_>) -> PyResult<(Path, Unit)> {
    let units =
        [("s", Unit::Seconds), ("ms", Unit::Millis), ("us", Unit::Micros), ("ns", Unit::Nanos), ("iso", Unit::Iso)];
    Ok((path(&given.getattr("path")?)?, choice(given, "unit", &units)?))
}

fn window(given: Given<'_, '_>) -> PyResult<Window> {
    Ok(Window { levels: field(given, "levels")?, client: choice(given, "cut", &[("client", true), ("venue", false)])? })
}

pub fn form(given: Given<'_, '_>) -> PyResult<Form> {
    let mut form = Form { each: maybe(given, "each", path)?, star: false, route: each(given, "route", path)? };
    if let Some(each) = &mut form.each {
        form.star = each.steps.last() == Some(&Step::Key((*b"*").into()));
        each.steps.truncate(each.steps.len() - usize::from(form.star));
    }
    Ok(form)
}

pub fn shape(given: Given<'_, '_>) -> PyResult<Shape> {
    let lists = each(given, "rows", rows)?;
    let lists = if lists.is_empty() {
        Lists::Sides { bids: each(given, "bids", path)?, asks: each(given, "asks", path)? }
    } else {
        Lists::Rows(lists)
    };
    let (text, json) =
        choice(given, "number", &[("text", (true, false)), ("json", (false, true)), ("either", (true, true))])?;
    Ok(Shape {
        form: form(given)?,
        kind: kind(&given.getattr("kind")?)?,
        lists,
        row: row(&given.getattr("row")?)?,
        both: maybe(given, "both", row)?,
        signed: field(given, "signed")?,
        bid_words: words(given, "bid_words")?,
        ask_words: words(given, "ask_words")?,
        remove_words: words(given, "remove_words")?,
        skip_zero_price: field(given, "skip_zero_price")?,
        text,
        json,
        scaled: field(given, "scaled")?,
        first: maybe(given, "first", id)?,
        last: maybe(given, "last", id)?,
        prev: maybe(given, "prev", id)?,
        time: maybe(given, "time", time)?,
        checksum: maybe(given, "checksum", checksum)?,
        window: maybe(given, "window", window)?,
    })
}

pub fn rule(given: Given<'_, '_>) -> PyResult<Rule> {
    let seeds = [
        ("every", Seed::Every),
        ("stream", Seed::Stream),
        ("request", Seed::Request),
        ("rest", Seed::Rest),
        ("side", Seed::Side),
    ];
    let chains = [("next", Chain::Next), ("prev", Chain::Prev), ("rising", Chain::Rising), ("none", Chain::None)];
    let bridges = [
        ("covers_next", Bridge::CoversNext),
        ("covers", Bridge::Covers),
        ("prev", Bridge::Prev),
        ("prev_range", Bridge::PrevRange),
        ("same", Bridge::Same),
        ("after", Bridge::After),
    ];
    let has_bridge = !given.getattr("bridge")?.is_none();
    let proofs: Vec<String> = each(given, "proof", |proof| proof.extract())?;
    Ok(Rule {
        seed: choice(given, "seed", &seeds)?,
        chain: choice(given, "chain", &chains)?,
        bridge: if has_bridge { Some(choice(given, "bridge", &bridges)?) } else { None },
        connection: choice(given, "scope", &[("topic", false), ("connection", true)])?,
        compares: proofs.iter().any(|proof| proof == "compare"),
        empty_id: field(given, "empty_id")?,
        bounds: Bounds {
            changes: field(given, "buffer_changes")?,
            rows: field(given, "buffer_rows")?,
            // Beyond what 64 bits of nanoseconds hold, the cast stays at the largest.
            age_ns: (field::<f64>(given, "buffer_seconds")? * 1e9) as i64,
        },
    })
}
