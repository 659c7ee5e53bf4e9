//! What is true of the native engine, whatever it is given. Each target takes bytes and panics at the first thing that
//! is not so. The engine is used as its callers use it; nothing here knows how it does its work.

pub mod bytes;
pub mod choices;
pub mod decimal;
pub mod dialect;
pub mod feed;
pub mod json;
pub mod model;
pub mod number;
pub mod rig;
pub mod shapes;
pub mod texts;
pub mod tree;
pub mod venue;
