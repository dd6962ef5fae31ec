//! Names, keys, hashes and times as text. Each type parses exactly what it prints.

pub(crate) mod did;
pub(crate) mod hash;
pub(crate) mod key;
pub(crate) mod scroll_name;
pub(crate) mod timestamp;
