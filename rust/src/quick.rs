//! Facts made of small messages in one call from Python: `tidebook.engine.quick` says what for, and what else there is.

use std::sync::{Mutex, PoisonError};

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyList, PyString, PyTuple};

use crate::plain::{self, MOST, Value};

const MS: i64 = 1_000_000;

/// How an argument of the fact is made; of which field is its place among the names.
enum Part {
    Venue,
    Received,
    Nothing,
    Symbol(usize),
    Exact(usize),
    Id(usize),
    IdText(usize),
    Ms(usize),
    Flag(usize, [Py<PyString>; 2]),
}

/// The canonical symbol of the id that came last, as long as nothing else is known.
struct Known {
    seen: Py<PyAny>,
    id: Box<[u8]>,
    symbol: Py<PyAny>,
}

/// Called, it makes a list of one fact of a message that is plain, and leaves all others to `careful`.
#[pyclass(module = "tidebook.engine._native", frozen)]
pub struct Quick {
    make: Py<PyAny>,
    inside: Option<Box<[u8]>>,
    names: Vec<Box<[u8]>>,
    parts: Vec<Part>,
    careful: Py<PyAny>,
    known: Mutex<Option<Known>>,
}

#[pymethods]
impl Quick {
    #[new]
    fn new(
        py: Python<'_>,
        make: Py<PyAny>,
        inside: Option<&str>,
        parts: Vec<(String, String, String, String)>,
        careful: Py<PyAny>,
    ) -> PyResult<Quick> {
        let mut names: Vec<Box<[u8]>> = Vec::new();
        let mut made = Vec::with_capacity(parts.len());
        for (what, name, yes, no) in parts {
            let at = names.len();
            let part = match what.as_str() {
                "venue" => Part::Venue,
                "received" => Part::Received,
                "nothing" => Part::Nothing,
                "symbol" => Part::Symbol(at),
                "exact" => Part::Exact(at),
                "id" => Part::Id(at),
                "id_text" => Part::IdText(at),
                "ms" => Part::Ms(at),
                "flag" => Part::Flag(at, [PyString::new(py, &yes).unbind(), PyString::new(py, &no).unbind()]),
                _ => return Err(PyValueError::new_err(format!("a part is not {what:?}"))),
            };
            if !matches!(part, Part::Venue | Part::Received | Part::Nothing) {
                names.push(name.into_bytes().into());
            }
            made.push(part);
        }
        if names.len() > MOST {
            return Err(PyValueError::new_err(format!("a message is made of at most {MOST} fields")));
        }
        let inside = inside.map(|name| name.as_bytes().into());
        Ok(Quick { make, inside, names, parts: made, careful, known: Mutex::new(None) })
    }

    fn __call__<'py>(
        &self,
        py: Python<'py>,
        frame: &Bound<'py, PyAny>,
        seen: &Bound<'py, PyAny>,
    ) -> PyResult<Bound<'py, PyAny>> {
        match self.fact(py, frame, seen)? {
            Some(fact) => Ok(PyList::new(py, [fact])?.into_any()),
            None => self.careful.bind(py).call1((frame, seen)),
        }
    }

    /// The facts of several messages. What cannot be read is told to `failed`, with the error, and passed over.
    fn rows<'py>(
        &self,
        py: Python<'py>,
        frames: &Bound<'py, PyList>,
        seen: &Bound<'py, PyAny>,
        failed: &Bound<'py, PyAny>,
    ) -> PyResult<Bound<'py, PyList>> {
        let facts = PyList::empty(py);
        for frame in frames.iter() {
            if let Some(fact) = self.fact(py, &frame, seen)? {
                facts.append(fact)?;
                continue;
            }
            match self.careful.bind(py).call1((&frame, seen)) {
                Ok(more) => {
                    for fact in more.try_iter()? {
                        facts.append(fact?)?;
                    }
                }
                Err(error) => {
                    failed.call1((error.into_value(py), frame))?;
                }
            }
        }
        Ok(facts)
    }
}

impl Quick {
    /// None for a message that is not plain.
    fn fact<'py>(
        &self,
        py: Python<'py>,
        frame: &Bound<'py, PyAny>,
        seen: &Bound<'py, PyAny>,
    ) -> PyResult<Option<Bound<'py, PyAny>>> {
        let (Ok(bytes), Ok(seen)) = (frame.cast::<PyBytes>(), seen.cast::<PyTuple>()) else { return Ok(None) };
        let bytes = bytes.as_bytes();
        let Some(found) = plain::find(bytes, self.inside.as_deref(), &self.names) else { return Ok(None) };
        match self.arguments(py, bytes, &found, seen)? {
            Some(arguments) => self.make.bind(py).call1(arguments).map(Some),
            None => Ok(None),
        }
    }

    fn arguments<'py>(
        &self,
        py: Python<'py>,
        frame: &[u8],
        found: &[Option<Value>; MOST],
        seen: &Bound<'py, PyTuple>,
    ) -> PyResult<Option<Bound<'py, PyTuple>>> {
        let mut made = Vec::with_capacity(self.parts.len());
        for part in &self.parts {
            let one = match part {
                Part::Venue => Some(seen.get_item(0)?),
                Part::Received => Some(seen.get_item(2)?),
                Part::Nothing => Some(py.None().into_bound(py)),
                Part::Symbol(at) => match found[*at] {
                    Some(id) if id.is_string => Some(self.symbol(py, id.of(frame), seen)?),
                    _ => None,
                },
                Part::Exact(at) => match found[*at].filter(|text| text.is_string) {
                    Some(text) => match plain::decimal(text.of(frame)) {
                        Some(number) => Some(number.into_pyobject(py)?.into_any()),
                        None => None,
                    },
                    None => None,
                },
                Part::Id(at) => match found[*at].and_then(|value| plain::whole(value, frame)) {
                    Some(id) => Some(id.into_pyobject(py)?.into_any()),
                    None => None,
                },
                Part::IdText(at) => match found[*at] {
                    // A number of JSON has no zeros before it: its digits are its text.
                    Some(value) if plain::whole(value, frame).is_some() => Some(text(py, value.of(frame)).into_any()),
                    _ => None,
                },
                Part::Ms(at) => {
                    match found[*at].and_then(|value| plain::whole(value, frame)).and_then(|ms| ms.checked_mul(MS)) {
                        Some(ns) => Some(ns.into_pyobject(py)?.into_any()),
                        None => None,
                    }
                }
                Part::Flag(at, [yes, no]) => match found[*at].filter(|value| !value.is_string) {
                    Some(value) if value.of(frame) == b"true" => Some(yes.bind(py).clone().into_any()),
                    Some(value) if value.of(frame) == b"false" => Some(no.bind(py).clone().into_any()),
                    _ => None,
                },
            };
            let Some(one) = one else { return Ok(None) };
            made.push(one);
        }
        Ok(Some(PyTuple::new(py, made)?))
    }

    /// `seen.symbol` of this id. Who gives the same `seen` again is given the same symbol: it is of one read of a socket,
    /// and nothing is listed anew meanwhile.
    fn symbol<'py>(&self, py: Python<'py>, id: &[u8], seen: &Bound<'py, PyTuple>) -> PyResult<Bound<'py, PyAny>> {
        if let Some(known) = &*self.known.lock().unwrap_or_else(PoisonError::into_inner) {
            if known.seen.is(seen) && *known.id == *id {
                return Ok(known.symbol.bind(py).clone());
            }
        }
        let symbol = seen.get_item(1)?.call1((text(py, id),))?;
        let known = Known { seen: seen.clone().into_any().unbind(), id: id.into(), symbol: symbol.clone().unbind() };
        // What was known goes when the lock is open again: that may run any code.
        let gone = self.known.lock().unwrap_or_else(PoisonError::into_inner).replace(known);
        drop(gone);
        Ok(symbol)
    }
}

/// ASCII, as all is that is plain.
fn text<'py>(py: Python<'py>, ascii: &[u8]) -> Bound<'py, PyString> {
    PyString::new(py, std::str::from_utf8(ascii).unwrap_or_default())
}
