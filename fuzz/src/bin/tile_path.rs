//! Paths of tiles and bundles: only the form that is printed is read.
#![no_main]

use libfuzzer_sys::fuzz_target;
use quorate_merkle::{BundleId, TileId, TilePath};

fuzz_target!(|text: &str| {
    if let Ok(path) = text.parse::<TilePath>() {
        assert_eq!(path.to_string(), text);
    }
    if let Ok(tile) = text.parse::<TileId>() {
        assert_eq!(tile.path(), text);
    }
    if let Ok(bundle) = text.parse::<BundleId>() {
        assert_eq!(bundle.path(), text);
    }
});
