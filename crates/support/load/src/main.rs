//! Load generator and durability check.

fn main() {}
