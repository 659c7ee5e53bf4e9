//! The Python module `tidebook.engine._native`.

use std::sync::Arc;

use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyByteArray, PyBytes, PyDict, PyList, PyMemoryView, PyTuple};

use crate::book::{self, Role};
use crate::fault::Fault;
use crate::feed::{self, Out};
use crate::looking::{raw_list, reach_of};
use crate::message::Side;
use crate::outcome::{Event, Outcome};
use crate::{declared, looking, quick};

fn decode_error(py: Python<'_>, fault: &Fault) -> PyErr {
    static CLASS: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    let class = CLASS.import(py, "tidebook.errors", "DecodeError");
    match class.and_then(|class| class.call1((fault.kind().word(), fault.text()))) {
        Ok(error) => PyErr::from_value(error),
        Err(error) => error,
    }
}

fn event(
    py: Python<'_>,
    book: Option<&Py<PyAny>>,
    what: Event,
    expected: Option<i128>,
    got: Option<i128>,
) -> PyResult<Py<PyAny>> {
    static CLASS: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    let class = CLASS.import(py, "tidebook.engine.contract", "Event")?;
    Ok(class.call1((book, what.word(), expected, got))?.unbind())
}

fn unrouted(py: Python<'_>) -> PyResult<Py<PyAny>> {
    static UNROUTED: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    Ok(UNROUTED.import(py, "tidebook.engine.contract", "UNROUTED")?.clone().unbind())
}

/// Bytes without a copy; the other carriers of bytes with one.
fn with_bytes<T>(given: &Bound<'_, PyAny>, read: impl FnOnce(&[u8]) -> T) -> PyResult<T> {
    if let Ok(bytes) = given.cast::<PyBytes>() {
        return Ok(read(bytes.as_bytes()));
    }
    if given.cast::<PyByteArray>().is_ok() || given.cast::<PyMemoryView>().is_ok() {
        let copy = given.py().get_type::<PyBytes>().call1((given,))?;
        return Ok(read(copy.cast::<PyBytes>()?.as_bytes()));
    }
    Err(PyTypeError::new_err("a frame is bytes, a bytearray or a memoryview"))
}

fn side_of(word: &str) -> PyResult<Side> {
    match word {
        "bid" => Ok(Side::Bid),
        "ask" => Ok(Side::Ask),
        _ => Err(PyValueError::new_err(format!("a side is \"bid\" or \"ask\", not {word:?}"))),
    }
}

fn count_of(n: Option<i64>) -> PyResult<usize> {
    n.map_or(Ok(usize::MAX), usize::try_from).map_err(|_| PyValueError::new_err("a count of levels is not negative"))
}

/// One book: levels, sequence and buffer. See `contract.Book`.
#[pyclass(module = "tidebook.engine._native", frozen)]
struct Book {
    core: Arc<book::Book>,
    kept: looking::Kept,
}

#[pymethods]
impl Book {
    #[new]
    #[pyo3(signature = (shape, rule, *, snapshot=None, depth_cap=20_000, price_scale=0, size_scale=0))]
    fn new(
        shape: &Bound<'_, PyAny>,
        rule: &Bound<'_, PyAny>,
        snapshot: Option<&Bound<'_, PyAny>>,
        depth_cap: usize,
        price_scale: i64,
        size_scale: i64,
    ) -> PyResult<Book> {
        let snapshot = snapshot.map(declared::shape).transpose()?;
        let (shape, rule) = (declared::shape(shape)?, declared::rule(rule)?);
        let core = book::Book::new(shape, snapshot, rule, depth_cap, (price_scale, size_scale));
        Ok(Book { core: Arc::new(core), kept: looking::Kept::default() })
    }

    #[getter]
    fn seeded(&self) -> bool {
        self.core.state().seeded
    }

    #[getter]
    fn bridged(&self) -> bool {
        self.core.state().bridged
    }

    #[getter]
    fn first(&self) -> Option<i64> {
        self.core.state().first
    }

    #[getter]
    fn last(&self) -> Option<i64> {
        self.core.state().last
    }

    #[getter]
    fn prev(&self) -> Option<i64> {
        self.core.state().prev
    }

    #[getter]
    fn venue_ns(&self) -> Option<i64> {
        self.core.state().venue_ns
    }

    #[getter]
    fn heard_ns(&self) -> Option<i64> {
        self.core.state().heard_ns
    }

    #[getter]
    fn applied_ns(&self) -> Option<i64> {
        self.core.state().applied_ns
    }

    #[getter]
    fn applied(&self) -> u64 {
        self.core.state().stats.applied
    }

    #[getter]
    fn bid_count(&self) -> usize {
        self.core.state().levels.count(Side::Bid)
    }

    #[getter]
    fn ask_count(&self) -> usize {
        self.core.state().levels.count(Side::Ask)
    }

    #[getter]
    fn buffered(&self) -> usize {
        self.core.state().buffer.len()
    }

    #[getter]
    fn reach<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyTuple>> {
        let reach = self.core.state().reach;
        reach_of(py, reach)
    }

    fn stats<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let stats = self.core.state().stats;
        let dict = PyDict::new(py);
        for (name, count) in stats.pairs() {
            dict.set_item(name, count)?;
        }
        Ok(dict)
    }

    #[pyo3(signature = (n=None, side=None))]
    fn look<'py>(&self, py: Python<'py>, n: Option<i64>, side: Option<&str>) -> PyResult<Bound<'py, PyAny>> {
        static CLASS: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
        let (n, side) = (count_of(n)?, side.map(side_of).transpose()?);
        // All is copied out before the first object is made: making one may run the collector, and with it any code.
        let (bids, asks, facts, reach, trimmed) = {
            let state = self.core.state();
            let rows = |one| match side {
                Some(only) if only != one => Vec::new(),
                _ => state.levels.best(one, n, |raw| raw),
            };
            let facts = (state.seeded, state.last, state.venue_ns, state.applied_ns);
            (rows(Side::Bid), rows(Side::Ask), facts, state.reach, state.stats.trimmed)
        };
        let (seeded, last, venue_ns, applied_ns) = facts;
        let reach = reach_of(py, reach)?;
        let class = CLASS.import(py, "tidebook.engine.contract", "Look")?;
        let (bids, asks) = (raw_list(py, &bids)?, raw_list(py, &asks)?);
        let fields = (bids, asks, seeded, last, venue_ns, applied_ns, reach, trimmed);
        // A named tuple's own constructor is Python, and three times as slow as that of the tuple that it is.
        static NEW: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
        let new = NEW.get_or_try_init(py, || Ok::<_, PyErr>(py.get_type::<PyTuple>().getattr("__new__")?.unbind()))?;
        new.bind(py).call1((class, fields))
    }

    #[pyo3(signature = (side, n=None))]
    fn levels<'py>(&self, py: Python<'py>, side: &str, n: Option<i64>) -> PyResult<Bound<'py, PyList>> {
        let raw = self.core.state().levels.best(side_of(side)?, count_of(n)?, |raw| raw);
        raw_list(py, &raw)
    }

    #[pyo3(signature = (side, n=None))]
    fn floats(&self, side: &str, n: Option<i64>) -> PyResult<Vec<(f64, f64)>> {
        let side = side_of(side)?;
        Ok(self.core.state().levels.best(side, count_of(n)?, |raw| raw.doubles()))
    }

    fn best(&self) -> looking::Best {
        looking::best(&self.core.state())
    }

    fn best_bid(&self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        self.kept.best(py, &self.core, Side::Bid)
    }

    fn best_ask(&self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        self.kept.best(py, &self.core, Side::Ask)
    }

    fn best_floats(&self, py: Python<'_>) -> PyResult<looking::Best> {
        Ok(looking::best(&*looking::current(py, &self.core)?))
    }

    #[pyo3(signature = (n=None))]
    fn top(&self, py: Python<'_>, n: Option<i64>) -> PyResult<Py<PyAny>> {
        self.kept.top(py, &self.core, count_of(n)?)
    }

    #[pyo3(signature = (n=None))]
    fn top_floats(&self, py: Python<'_>, n: Option<i64>) -> PyResult<Py<PyAny>> {
        self.kept.floats(py, &self.core, count_of(n)?)
    }

    #[pyo3(signature = (n=None))]
    fn top_doubles<'py>(&self, py: Python<'py>, n: Option<i64>) -> PyResult<Bound<'py, PyTuple>> {
        looking::doubles(py, &self.core, count_of(n)?)
    }

    #[pyo3(signature = (body, received_ns, asked_ns, *, cap=8 << 20, audit=false))]
    fn seed(
        slf: &Bound<'_, Self>,
        body: &Bound<'_, PyAny>,
        received_ns: i64,
        asked_ns: i64,
        cap: usize,
        audit: bool,
    ) -> PyResult<Py<PyAny>> {
        let py = slf.py();
        let core = &slf.get().core;
        let outcome = with_bytes(body, |body| match audit {
            false => core.seed(body, received_ns, asked_ns, cap),
            true => core.audit(body, received_ns, asked_ns, cap),
        })?;
        match outcome.map_err(|fault| decode_error(py, &fault))? {
            Outcome::Event { what, expected, got } => {
                event(py, Some(slf.clone().into_any().as_unbound()), what, expected, got)
            }
            Outcome::Changed => unreachable!("a snapshot from outside is an event"),
        }
    }

    #[pyo3(signature = (keep_buffer=false))]
    fn unseed(&self, keep_buffer: bool) {
        self.core.unseed(keep_buffer);
    }

    fn retain(&self, on: bool) {
        self.core.retain(on);
    }
}

/// One connection: frames in, outcomes out. See `contract.Feed`.
#[pyclass(module = "tidebook.engine._native")]
struct Feed {
    core: feed::Feed<Py<PyAny>>,
}

#[pymethods]
impl Feed {
    #[new]
    #[pyo3(signature = (*, counter=None, cap=4 << 20))]
    fn new(counter: Option<&Bound<'_, PyAny>>, cap: usize) -> PyResult<Feed> {
        Ok(Feed { core: feed::Feed::new(counter.map(declared::id).transpose()?, cap) })
    }

    #[pyo3(signature = (topic, book, role="stream"))]
    fn want(&mut self, topic: &[u8], book: &Bound<'_, Book>, role: &str) -> PyResult<()> {
        let role = match role {
            "stream" => Role::Stream,
            "snapshot" => Role::Snapshot,
            _ => return Err(PyValueError::new_err(format!("a role is \"stream\" or \"snapshot\", not {role:?}"))),
        };
        self.core.want(topic, book.get().core.clone(), role, book.clone().into_any().unbind());
        Ok(())
    }

    #[pyo3(signature = (topic, form=None))]
    fn other(&mut self, py: Python<'_>, topic: &[u8], form: Option<&Bound<'_, PyAny>>) -> PyResult<()> {
        let form = form.map(declared::form).transpose()?;
        static CLASS: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
        let class = CLASS.import(py, "tidebook.engine.contract", "Other")?;
        self.core.other(topic, form, || Ok(class.call1((PyBytes::new(py, topic),))?.unbind()))
    }

    fn forget(&mut self, topic: &[u8]) {
        self.core.forget(topic);
    }

    fn reset(&mut self) {
        self.core.reset();
    }

    fn feed(&mut self, py: Python<'_>, frame: &Bound<'_, PyAny>, received_ns: i64) -> PyResult<Py<PyAny>> {
        with_bytes(frame, |frame| self.core.feed(frame, received_ns))?.map_err(|fault| decode_error(py, &fault))?;
        match self.core.outcomes() {
            [] => Ok(py.None()),
            [one] => self.object(py, one),
            several => {
                let objects: Vec<_> = several.iter().map(|one| self.object(py, one)).collect::<PyResult<_>>()?;
                Ok(PyTuple::new(py, objects)?.into_any().unbind())
            }
        }
    }
}

impl Feed {
    fn object(&self, py: Python<'_>, out: &Out) -> PyResult<Py<PyAny>> {
        let handle = |entry: usize| self.core.handle(entry).expect("nothing was forgotten since the frame");
        match *out {
            Out::Book(entry) | Out::Other(entry) => Ok(handle(entry).clone_ref(py)),
            Out::Unrouted => unrouted(py),
            Out::Event { entry, what, expected, got } => event(py, entry.map(handle), what, expected, got),
        }
    }
}

/// Tidebook's native engine.
#[pymodule(gil_used = true)]
fn _native(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add("name", "native")?;
    module.add_class::<Book>()?;
    module.add_class::<looking::Level>()?;
    module.add_class::<quick::Quick>()?;
    module.add_function(wrap_pyfunction!(looking::exact_of, module)?)?;
    module.add_function(wrap_pyfunction!(looking::exact_of_raw, module)?)?;
    module.add_class::<Feed>()
}
