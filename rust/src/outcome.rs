//! What a message led to, and what a book counts.

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Event {
    Seeded,
    Waiting,
    Gap,
    TooOld,
    Checksum,
    Unchecked,
    UnknownId,
    /// Of an audit: nothing was replaced.
    Equal,
    Ahead,
}

impl Event {
    pub fn word(self) -> &'static str {
        match self {
            Event::Seeded => "seeded",
            Event::Waiting => "waiting",
            Event::Gap => "gap",
            Event::TooOld => "too_old",
            Event::Checksum => "checksum",
            Event::Unchecked => "unchecked",
            Event::UnknownId => "unknown_id",
            Event::Equal => "equal",
            Event::Ahead => "ahead",
        }
    }
}

/// What a message led to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Outcome {
    Changed,
    Event { what: Event, expected: Option<i128>, got: Option<i128> },
}

pub fn event(what: Event) -> Outcome {
    Outcome::Event { what, expected: None, got: None }
}

#[derive(Clone, Copy, Debug, Default)]
pub struct Stats {
    pub snapshots: u64,
    pub applied: u64,
    pub ignored: u64,
    pub gaps: u64,
    pub too_old: u64,
    pub buffer_dropped: u64,
    pub absent_removals: u64,
    pub cut: u64,
    pub trimmed: u64,
    pub over_window: u64,
    pub checksum_passed: u64,
    pub checksum_failed: u64,
    pub unchecked: u64,
    pub compare_equal: u64,
    pub compare_different: u64,
}

impl Stats {
    pub fn pairs(&self) -> [(&'static str, u64); 15] {
        [
            ("snapshots", self.snapshots),
            ("applied", self.applied),
            ("ignored", self.ignored),
            ("gaps", self.gaps),
            ("too_old", self.too_old),
            ("buffer_dropped", self.buffer_dropped),
            ("absent_removals", self.absent_removals),
            ("cut", self.cut),
            ("trimmed", self.trimmed),
            ("over_window", self.over_window),
            ("checksum_passed", self.checksum_passed),
            ("checksum_failed", self.checksum_failed),
            ("unchecked", self.unchecked),
            ("compare_equal", self.compare_equal),
            ("compare_different", self.compare_different),
        ]
    }
}
