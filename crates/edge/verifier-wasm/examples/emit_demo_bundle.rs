//! `emit_demo_bundle [FOLDER]`: a session of an agent as a bundle, and a trust anchor for it, as `bundle.json` and
//! `anchor.json`; in `sdk/verifier/demo` if no folder is named. What `demo.html` shows. The keys are made from constants, so
//! that the files come out the same everywhere: they prove nothing to anybody.
#![expect(clippy::unwrap_used, reason = "test data")]

#[path = "../../../verify/tests/common/mod.rs"]
mod common;
#[path = "../tests/module/demo.rs"]
mod demo;
#[path = "../../../verify/tests/bundle/world.rs"]
#[expect(dead_code, reason = "made for the tests of the verifier")]
mod world;

use std::path::{Path, PathBuf};

fn main() {
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../sdk/verifier/demo");
    let folder = std::env::args().nth(1).map_or(beside, PathBuf::from);
    std::fs::create_dir_all(&folder).unwrap();
    for (name, text) in demo::files() {
        let path = folder.join(name);
        std::fs::write(&path, text).unwrap();
        println!("{}", path.display());
    }
}
