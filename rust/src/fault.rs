//! Why a frame was rejected.

use std::fmt;

/// The kinds on which both engines agree; the text is for people.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    Malformed,
    Number,
    Missing,
    Repeated,
    TooDeep,
    TooLarge,
}

impl Kind {
    pub fn word(self) -> &'static str {
        match self {
            Kind::Malformed => "malformed",
            Kind::Number => "number",
            Kind::Missing => "missing",
            Kind::Repeated => "repeated",
            Kind::TooDeep => "too_deep",
            Kind::TooLarge => "too_large",
        }
    }
}

/// Boxed, so that a result on the hot path stays one word.
#[derive(Debug)]
pub struct Fault(Box<(Kind, String)>);

pub type Result<T> = std::result::Result<T, Fault>;

impl Fault {
    pub fn kind(&self) -> Kind {
        self.0.0
    }

    pub fn text(&self) -> &str {
        &self.0.1
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.kind().word(), self.text())
    }
}

#[cold]
pub fn fault(kind: Kind, text: impl Into<String>) -> Fault {
    Fault(Box::new((kind, text.into())))
}

#[cold]
pub fn malformed(text: impl Into<String>) -> Fault {
    fault(Kind::Malformed, text)
}

#[cold]
pub fn number(text: impl Into<String>) -> Fault {
    fault(Kind::Number, text)
}

#[cold]
pub fn missing(text: impl Into<String>) -> Fault {
    fault(Kind::Missing, text)
}
