use quorate_federation::Permit;
use quorate_federation::permit::{Discover, ReadMergedScroll};

fn serve(_: Permit<ReadMergedScroll>) {}

fn other(permit: Permit<Discover>) {
    serve(permit);
}

fn main() {}
