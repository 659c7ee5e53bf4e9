//! What a reader is given: levels that become Decimals when they are read, tuples of floats, packed doubles.

use std::sync::{Mutex, MutexGuard, PoisonError};

use pyo3::basic::CompareOp;
use pyo3::buffer::PyBuffer;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyBytes, PyInt, PyList, PyString, PyTuple, PyType};

use crate::book::{self, State};
use crate::levels::{Exact, Raw};
use crate::message::Side;
use crate::plain;

/// Small integers, which nearly all are, take the short way.
fn int(py: Python<'_>, value: i128) -> PyResult<Bound<'_, PyInt>> {
    match i64::try_from(value) {
        Ok(small) => Ok(small.into_pyobject(py)?),
        Err(_) => Ok(value.into_pyobject(py)?),
    }
}

fn exact(py: Python<'_>, number: Exact) -> PyResult<Bound<'_, PyTuple>> {
    (int(py, number.0)?, number.1).into_pyobject(py)
}

/// A Decimal, as `tidebook.model.number.decimal_of` makes it.
fn decimal(py: Python<'_>, number: Exact) -> PyResult<Py<PyAny>> {
    static MAKERS: PyOnceLock<(Py<PyAny>, Vec<Py<PyAny>>)> = PyOnceLock::new();
    let (times, powers) = MAKERS.get_or_try_init(py, || {
        let module = py.import("tidebook.model.number")?;
        let table = module.getattr("POWERS")?;
        let powers = (-38..=38).map(|scale| Ok(table.get_item(scale)?.unbind()));
        Ok::<_, PyErr>((module.getattr("times")?.unbind(), powers.collect::<PyResult<_>>()?))
    })?;
    let power = &powers[(i32::from(number.1) + 38) as usize];
    times.call1(py, (int(py, number.0)?, power))
}

/// A number of 64 bits with its scale, and its Decimal.
type Priced = (i64, i8, Py<PyAny>);

const PRICES: usize = 512;

/// The same prices are the best ones again and again: their Decimals, each in the one place where it may be.
static MADE: Mutex<[Option<Priced>; PRICES]> = Mutex::new([const { None }; PRICES]);

/// The Decimal of a price.
fn price(py: Python<'_>, number: Exact) -> PyResult<Py<PyAny>> {
    let (Ok(mantissa), scale) = (i64::try_from(number.0), number.1) else { return decimal(py, number) };
    let at = (mantissa as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15) >> (u64::BITS - PRICES.ilog2());
    match &lock(&MADE)[at as usize] {
        Some((known, its, made)) if (*known, *its) == (mantissa, scale) => return Ok(made.clone_ref(py)),
        _ => {}
    }
    let made = decimal(py, number)?;
    let gone = lock(&MADE)[at as usize].replace((mantissa, scale, made.clone_ref(py)));
    drop(gone);
    Ok(made)
}

/// `tidebook.model.number.exact`; what is not digits with a point, few enough for 64 bits, goes there.
#[pyfunction(name = "exact")]
pub fn exact_of<'py>(py: Python<'py>, text: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
    static REST: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    if let Ok(plain) = text.cast::<PyString>() {
        if let Some((mantissa, scale)) = plain.to_str().ok().and_then(|text| plain::decimal(text.as_bytes())) {
            return Ok((mantissa, scale).into_pyobject(py)?.into_any());
        }
    }
    REST.import(py, "tidebook.model.number", "exact")?.call1((text,))
}

/// `tidebook.model.number.exact_raw`, in the same way.
#[pyfunction(name = "exact_raw")]
pub fn exact_of_raw<'py>(py: Python<'py>, raw: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
    static REST: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    let mut text = [0; 21];
    let mut length = usize::MAX;
    if let Ok(buffer) = PyBuffer::<u8>::get(raw) {
        let size = buffer.item_count();
        if size <= text.len() && buffer.copy_to_slice(py, &mut text[..size]).is_ok() {
            length = size;
        }
    }
    let bare = match text.get(..length) {
        Some([b'"', inside @ .., b'"']) => inside,
        other => other.unwrap_or_default(),
    };
    match plain::decimal(bare) {
        Some((mantissa, scale)) => Ok((mantissa, scale).into_pyobject(py)?.into_any()),
        None => REST.import(py, "tidebook.model.number", "exact_raw")?.call1((raw,)),
    }
}

/// Levels as a list of `contract.RawLevel`.
pub fn raw_list<'py>(py: Python<'py>, raw: &[Raw]) -> PyResult<Bound<'py, PyList>> {
    let rows = raw
        .iter()
        .map(|raw| (int(py, raw.price)?, raw.price_scale, int(py, raw.size)?, raw.size_scale).into_pyobject(py));
    PyList::new(py, rows.collect::<PyResult<Vec<Bound<'py, PyTuple>>>>()?)
}

/// The worst known bid and ask price as `contract.Reach`.
pub fn reach_of(py: Python<'_>, reach: [Option<Exact>; 2]) -> PyResult<Bound<'_, PyTuple>> {
    let [bid, ask] = reach.map(|end| end.map(|end| exact(py, end)).transpose());
    (bid?, ask?).into_pyobject(py)
}

/// A price and the size that stands there: `tidebook.model.market.Level`, with the Decimals kept once they are made.
#[pyclass(module = "tidebook.engine._native", frozen)]
pub struct Level {
    raw: Raw,
    price: PyOnceLock<Py<PyAny>>,
    size: PyOnceLock<Py<PyAny>>,
}

impl Level {
    fn new(raw: Raw) -> Level {
        Level { raw, price: PyOnceLock::new(), size: PyOnceLock::new() }
    }

    fn pair<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyTuple>> {
        (self.price(py)?, self.size(py)?).into_pyobject(py)
    }
}

/// Its own kind in Python: what is made anew, and what this one is.
fn level_class(py: Python<'_>) -> PyResult<&Bound<'_, PyAny>> {
    static CLASS: PyOnceLock<Py<PyType>> = PyOnceLock::new();
    Ok(CLASS.import(py, "tidebook.model.market", "Level")?.as_any())
}

#[pymethods]
impl Level {
    #[classattr]
    #[pyo3(name = "__match_args__")]
    fn match_args() -> (&'static str, &'static str) {
        ("price", "size")
    }

    #[getter]
    fn price(&self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        Ok(self.price.get_or_try_init(py, || price(py, self.raw.exact_price()))?.clone_ref(py))
    }

    #[getter]
    fn size(&self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        Ok(self.size.get_or_try_init(py, || decimal(py, (self.raw.size, self.raw.size_scale)))?.clone_ref(py))
    }

    #[getter]
    fn exact_price<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyTuple>> {
        exact(py, self.raw.exact_price())
    }

    #[getter]
    fn exact_size<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyTuple>> {
        exact(py, (self.raw.size, self.raw.size_scale))
    }

    #[getter]
    fn floats(&self) -> (f64, f64) {
        self.raw.doubles()
    }

    fn __len__(&self) -> usize {
        2
    }

    fn __iter__<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        Ok(self.pair(py)?.try_iter()?.into_any())
    }

    fn __getitem__<'py>(&self, py: Python<'py>, index: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        self.pair(py)?.as_any().get_item(index)
    }

    #[pyo3(signature = (*args))]
    fn index<'py>(&self, py: Python<'py>, args: &Bound<'py, PyTuple>) -> PyResult<Bound<'py, PyAny>> {
        self.pair(py)?.as_any().call_method1("index", args.clone())
    }

    fn count<'py>(&self, py: Python<'py>, value: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        self.pair(py)?.as_any().call_method1("count", (value,))
    }

    fn __contains__(&self, py: Python<'_>, value: &Bound<'_, PyAny>) -> PyResult<bool> {
        self.pair(py)?.as_any().contains(value)
    }

    /// As its pair is to another level's pair, or to a tuple.
    fn __richcmp__(&self, py: Python<'_>, other: &Bound<'_, PyAny>, how: CompareOp) -> PyResult<Py<PyAny>> {
        let pair = if let Ok(level) = other.cast::<Level>() {
            level.get().pair(py)?
        } else if let Ok(tuple) = other.cast::<PyTuple>() {
            tuple.clone()
        } else if other.is_instance(level_class(py)?)? {
            (other.getattr("price")?, other.getattr("size")?).into_pyobject(py)?
        } else {
            return Ok(py.NotImplemented());
        };
        Ok(self.pair(py)?.as_any().rich_compare(pair, how)?.unbind())
    }

    fn __hash__(&self, py: Python<'_>) -> PyResult<isize> {
        self.pair(py)?.hash()
    }

    fn __reduce__<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyTuple>> {
        (level_class(py)?, self.pair(py)?).into_pyobject(py)
    }

    fn __str__<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        level_class(py)?.call1(self.pair(py)?)?.str().map(Bound::into_any)
    }

    fn __format__<'py>(&self, py: Python<'py>, spec: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        self.__str__(py)?.call_method1("__format__", (spec,))
    }

    fn __repr__<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        level_class(py)?.call1(self.pair(py)?)?.repr().map(Bound::into_any)
    }
}

fn unseeded(py: Python<'_>) -> PyErr {
    static CLASS: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    match CLASS.import(py, "tidebook.engine.contract", "NotSeeded").and_then(|class| class.call0()) {
        Ok(error) => PyErr::from_value(error),
        Err(error) => error,
    }
}

/// A book that is seeded, locked; as `contract.NotSeeded` else.
pub fn current<'a>(py: Python<'_>, core: &'a book::Book) -> PyResult<MutexGuard<'a, State>> {
    let state = core.state();
    if state.seeded {
        return Ok(state);
    }
    // Making an object may run the collector, and with it code that looks at this book.
    drop(state);
    Err(unseeded(py))
}

pub type Best = (Option<f64>, Option<f64>, Option<f64>, Option<f64>);

/// Bid, its size, ask, its size.
pub fn best(state: &State) -> Best {
    let best = |side| state.levels.get(side, 0).as_ref().map(Raw::doubles).unzip();
    let ((bid, bid_size), (ask, ask_size)) = (best(Side::Bid), best(Side::Ask));
    (bid, bid_size, ask, ask_size)
}

/// Sides of more levels are made anew each time.
const MOST_KEPT: usize = 1000;

/// What was made for readers. A level that is as it was keeps its object, with the Decimals that were made of it.
#[derive(Default)]
pub struct Kept {
    best: [Mutex<Option<Row>>; 2],
    levels: Mutex<Shelf>,
    floats: Mutex<Shelf>,
}

/// A level's numbers, and what was made of them.
struct Row {
    raw: Raw,
    made: Py<PyAny>,
}

#[derive(Default)]
struct Shelf {
    /// How many messages had been applied, how many levels were asked for, and both sides as they were given.
    given: Option<(u64, usize, Py<PyAny>)>,
    rows: [Vec<Row>; 2],
}

/// These locks are held while something is taken out or put back: never while an object is made or goes, which may run
/// the collector, and with it any code.
fn lock<T>(kept: &Mutex<T>) -> MutexGuard<'_, T> {
    kept.lock().unwrap_or_else(PoisonError::into_inner)
}

fn same(one: &Raw, other: &Raw) -> bool {
    same_price(one, other) && one.size == other.size && one.size_scale == other.size_scale
}

fn same_price(one: &Raw, other: &Raw) -> bool {
    one.price == other.price && one.price_scale == other.price_scale
}

fn level(py: Python<'_>, raw: &Raw) -> PyResult<Py<PyAny>> {
    Ok(Py::new(py, Level::new(*raw))?.into_any())
}

fn pair(py: Python<'_>, raw: &Raw) -> PyResult<Py<PyAny>> {
    Ok(raw.doubles().into_pyobject(py)?.into_any().unbind())
}

/// The rows of one side, best first; those of `before` that are as they were stay.
fn rows_of(
    before: Vec<Row>,
    now: Vec<Raw>,
    side: Side,
    make: impl Fn(&Raw) -> PyResult<Py<PyAny>>,
) -> PyResult<Vec<Row>> {
    let is_past = |row: &Raw, raw: &Raw| {
        row.price_scale != raw.price_scale || row.price == raw.price || (row.price > raw.price) == (side == Side::Bid)
    };
    let mut before = before.into_iter().peekable();
    let mut rows = Vec::with_capacity(now.len());
    for raw in now {
        while before.next_if(|row| is_past(&row.raw, &raw) && !same(&row.raw, &raw)).is_some() {}
        rows.push(match before.next_if(|row| same(&row.raw, &raw)) {
            Some(row) => row,
            None => Row { made: make(&raw)?, raw },
        });
    }
    Ok(rows)
}

impl Kept {
    /// The best level of a side; None where the side is empty.
    pub fn best(&self, py: Python<'_>, core: &book::Book, side: Side) -> PyResult<Py<PyAny>> {
        let raw = current(py, core)?.levels.get(side, 0);
        let Some(raw) = raw else { return Ok(py.None()) };
        let kept = &self.best[side as usize];
        let before = match &*lock(kept) {
            Some(row) if same(&row.raw, &raw) => return Ok(row.made.clone_ref(py)),
            Some(row) if same_price(&row.raw, &raw) => Some(row.made.clone_ref(py)),
            _ => None,
        };
        let fresh = Level::new(raw);
        // Mostly it is the size alone that has changed.
        if let Some(price) = before.as_ref().and_then(|made| made.cast_bound::<Level>(py).ok()?.get().price.get(py)) {
            let _ = fresh.price.set(py, price.clone_ref(py));
        }
        let made = Py::new(py, fresh)?.into_any();
        let row = Row { made: made.clone_ref(py), raw };
        let gone = lock(kept).replace(row);
        drop(gone);
        Ok(made)
    }

    /// The best `n` levels of both sides.
    pub fn top(&self, py: Python<'_>, core: &book::Book, n: usize) -> PyResult<Py<PyAny>> {
        given(py, core, n, &self.levels, |raw| level(py, raw))
    }

    /// The same as rows of two floats.
    pub fn floats(&self, py: Python<'_>, core: &book::Book, n: usize) -> PyResult<Py<PyAny>> {
        given(py, core, n, &self.floats, |raw| pair(py, raw))
    }
}

/// Both sides; until the next change, or another `n`, the same object.
fn given(
    py: Python<'_>,
    core: &book::Book,
    n: usize,
    shelf: &Mutex<Shelf>,
    make: impl Fn(&Raw) -> PyResult<Py<PyAny>>,
) -> PyResult<Py<PyAny>> {
    let (applied, before, now) = {
        let state = current(py, core)?;
        let mut shelf = lock(shelf);
        if let Some((applied, most, both)) = &shelf.given {
            if *applied == state.stats.applied && *most == n {
                return Ok(both.clone_ref(py));
            }
        }
        let now = [Side::Bid, Side::Ask].map(|side| state.levels.best(side, n, |raw| raw));
        (state.stats.applied, std::mem::take(&mut shelf.rows), now)
    };
    let ([bids, asks], [bids_now, asks_now]) = (before, now);
    let rows = [rows_of(bids, bids_now, Side::Bid, &make)?, rows_of(asks, asks_now, Side::Ask, &make)?];
    let [bids, asks] = rows.each_ref().map(|rows| PyTuple::new(py, rows.iter().map(|row| row.made.bind(py))));
    let both = (bids?, asks?).into_pyobject(py)?.into_any().unbind();
    if rows.iter().any(|rows| rows.len() > MOST_KEPT) {
        return Ok(both);
    }
    let fresh = Shelf { given: Some((applied, n, both.clone_ref(py))), rows };
    let gone = {
        let mut shelf = lock(shelf);
        match &shelf.given {
            // Another thread has been here meanwhile: what it gave is given again.
            Some((known, most, both)) if *known == applied && *most == n => return Ok(both.clone_ref(py)),
            Some((known, ..)) if *known > applied => fresh,
            _ => std::mem::replace(&mut *shelf, fresh),
        }
    };
    drop(gone);
    Ok(both)
}

/// The best `n` of both sides as doubles of this machine, price and size in turn.
pub fn doubles<'py>(py: Python<'py>, core: &book::Book, n: usize) -> PyResult<Bound<'py, PyTuple>> {
    let (bids, asks) = {
        let state = current(py, core)?;
        let rows = |side| {
            let rows = state.levels.best(side, n, |raw| {
                let (price, size) = raw.doubles();
                [price.to_ne_bytes(), size.to_ne_bytes()]
            });
            rows.into_iter().flatten().flatten().collect::<Vec<u8>>()
        };
        (rows(Side::Bid), rows(Side::Ask))
    };
    (PyBytes::new(py, &bids), PyBytes::new(py, &asks)).into_pyobject(py)
}
