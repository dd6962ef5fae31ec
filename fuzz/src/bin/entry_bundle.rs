//! Entry bundles and tiles of hashes: what is read frames again to the same bytes.
#![no_main]

use libfuzzer_sys::fuzz_target;
use quorate_merkle::bundle::{decode_bundle, push_entry};
use quorate_merkle::{BundleId, TileId, decode_hashes, encode_hashes};

fuzz_target!(|input: (u16, &[u8])| {
    let (width, bytes) = input;
    let width = width % 257;
    if let Ok(id) = BundleId::new(0, width)
        && let Ok(entries) = decode_bundle(&id, bytes)
    {
        let mut again = Vec::new();
        for entry in &entries {
            push_entry(&mut again, entry).expect("a decoded entry fits");
        }
        assert_eq!(again, bytes);
        assert_eq!(entries.len(), usize::from(width));
    }
    if let Ok(id) = TileId::new(0, 0, width)
        && let Ok(hashes) = decode_hashes(&id, bytes)
    {
        assert_eq!(encode_hashes(&hashes), bytes);
    }
});
