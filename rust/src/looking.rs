//! What a reader is given: levels that become Decimals when they are read, tuples of floats, packed doubles.

use std::sync::{Mutex, MutexGuard, PoisonError};

use pyo3::basic::CompareOp;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyBytes, PyInt, PyList, PyTuple, PyType};

use crate::book::{self, State};
use crate::levels::{Exact, Raw};
use crate::message::Side;

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
        Ok(self.price.get_or_try_init(py, || decimal(py, self.raw.exact_price()))?.clone_ref(py))
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
    if state.seeded { Ok(state) } else { Err(unseeded(py)) }
}

pub type Best = (Option<f64>, Option<f64>, Option<f64>, Option<f64>);

/// Bid, its size, ask, its size.
pub fn best(state: &State) -> Best {
    let best = |side| state.levels.get(side, 0).as_ref().map(Raw::doubles).unzip();
    let ((bid, bid_size), (ask, ask_size)) = (best(Side::Bid), best(Side::Ask));
    (bid, bid_size, ask, ask_size)
}

/// What was made for readers since the last change.
#[derive(Default)]
pub struct Kept(Mutex<Made>);

#[derive(Default)]
struct Made {
    /// How many messages had been applied.
    applied: u64,
    best: [Option<Py<PyAny>>; 2],
    top: Option<(usize, Py<PyAny>)>,
}

impl Kept {
    /// A lock that is held for no longer than it takes to copy a reference: never while an object is made or goes.
    fn made(&self) -> MutexGuard<'_, Made> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn look<T>(&self, applied: u64, look: impl FnOnce(&Made) -> Option<T>) -> Option<T> {
        let made = self.made();
        if made.applied == applied { look(&made) } else { None }
    }

    fn keep(&self, applied: u64, keep: impl FnOnce(&mut Made)) {
        let mut fresh = Made { applied, ..Made::default() };
        let mut made = self.made();
        if made.applied != applied {
            std::mem::swap(&mut *made, &mut fresh);
        }
        keep(&mut made);
        drop(made); // before what is `fresh` now goes
    }

    /// The best level of a side, the same object until the next change; None where the side is empty.
    pub fn best(&self, py: Python<'_>, core: &book::Book, side: Side) -> PyResult<Py<PyAny>> {
        let (applied, raw) = {
            let state = current(py, core)?;
            (state.stats.applied, state.levels.get(side, 0))
        };
        if let Some(found) =
            self.look(applied, |made| made.best[side as usize].as_ref().map(|level| level.clone_ref(py)))
        {
            return Ok(found);
        }
        let found = match raw {
            Some(raw) => Py::new(py, Level::new(raw))?.into_any(),
            None => py.None(),
        };
        let kept = found.clone_ref(py);
        self.keep(applied, |made| made.best[side as usize] = Some(kept));
        Ok(found)
    }

    /// The best `n` of both sides, the same object until the next change or another `n`.
    pub fn top(&self, py: Python<'_>, core: &book::Book, n: usize) -> PyResult<Py<PyAny>> {
        let applied = current(py, core)?.stats.applied;
        let found = self.look(applied, |made| match &made.top {
            Some((most, rows)) if *most == n => Some(rows.clone_ref(py)),
            _ => None,
        });
        if let Some(found) = found {
            return Ok(found);
        }
        let (applied, bids, asks) = {
            let state = current(py, core)?;
            let rows = |side| state.levels.best(side, n, |raw| raw);
            (state.stats.applied, rows(Side::Bid), rows(Side::Ask))
        };
        let levels = |rows: Vec<Raw>| {
            let made = rows.into_iter().map(|raw| Py::new(py, Level::new(raw))).collect::<PyResult<Vec<_>>>()?;
            PyTuple::new(py, made)
        };
        let found = (levels(bids)?, levels(asks)?).into_pyobject(py)?.into_any().unbind();
        let kept = found.clone_ref(py);
        let mut gone = None;
        self.keep(applied, |made| gone = made.top.replace((n, kept)));
        drop(gone);
        Ok(found)
    }
}

/// Rows of two floats.
pub fn floats<'py>(py: Python<'py>, core: &book::Book, n: usize) -> PyResult<Bound<'py, PyTuple>> {
    let (bids, asks) = {
        let state = current(py, core)?;
        let rows = |side| state.levels.best(side, n, |raw| raw.doubles());
        (rows(Side::Bid), rows(Side::Ask))
    };
    (PyTuple::new(py, bids)?, PyTuple::new(py, asks)?).into_pyobject(py)
}

/// The same as doubles of this machine, one behind the other.
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
