//! Tidebook's native engine: frames in, books out. No I/O, no clock, no callbacks into Python.
//!
//! `src/tidebook/engine/README.md` is its specification. Only `python.rs`, `looking.rs`, `quick.rs` and `declared.rs` know Python.

pub mod book;
pub mod buffer;
pub mod checksum;
pub mod cursor;
pub mod decode;
pub mod facts;
pub mod fault;
pub mod feed;
pub mod fetch;
pub mod ids;
pub mod json;
pub mod levels;
pub mod message;
pub mod number;
pub mod outcome;
pub mod pass;
pub mod plain;
pub mod program;
pub mod rule;
pub mod shape;
pub mod stamp;
pub mod topics;

#[cfg(feature = "python")]
mod declared;
#[cfg(feature = "python")]
mod looking;
#[cfg(feature = "python")]
mod python;
#[cfg(feature = "python")]
mod quick;
