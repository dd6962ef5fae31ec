//! Paths below `<prefix>/tile/` (`tlog-tiles`, "Merkle Tree" and "Log entries").

use proptest::prelude::*;
use quorate_merkle::{BundleId, TileError, TileId, TilePath, TilePathError};

fn parse(path: &str) -> Result<TilePath, TilePathError> {
    let parsed = path.parse();
    if let Ok(parsed) = &parsed {
        assert_eq!(TilePath::to_string(parsed), path);
    }
    parsed
}

#[test]
fn paths_are_those_of_the_specification() {
    for (level, index, width, path) in [
        (0, 0, 256, "0/000"),
        (0, 0, 1, "0/000.p/1"),
        (0, 0, 255, "0/000.p/255"),
        (0, 999, 256, "0/999"),
        (0, 1000, 256, "0/x001/000"),
        (0, 1067, 112, "0/x001/067.p/112"),
        // The example of the specification.
        (0, 1_234_067, 256, "0/x001/x234/067"),
        (1, 1_234_067, 8, "1/x001/x234/067.p/8"),
        (2, 999_999, 256, "2/x999/999"),
        (0, 1_000_000, 256, "0/x001/x000/000"),
        // 70,000 leaves: 273 full and one of 112, one full and one of 17, one of 1.
        (0, 273, 112, "0/273.p/112"),
        (1, 1, 17, "1/001.p/17"),
        (2, 0, 1, "2/000.p/1"),
        (7, 0, 64, "7/000.p/64"),
        (
            0,
            18_014_398_509_481_983,
            256,
            "0/x018/x014/x398/x509/x481/983",
        ),
    ] {
        let tile = TileId::new(level, index, width).unwrap();
        assert_eq!(tile.path(), path);
        assert_eq!(parse(path), Ok(TilePath::Tile(tile)));
        assert_eq!(path.parse(), Ok(tile));
    }
    for (index, width, path) in [
        (0, 256, "entries/000"),
        (273, 112, "entries/273.p/112"),
        (1_234_067, 256, "entries/x001/x234/067"),
        (1067, 112, "entries/x001/067.p/112"),
    ] {
        let bundle = BundleId::new(index, width).unwrap();
        assert_eq!(bundle.path(), path);
        assert_eq!(parse(path), Ok(TilePath::Entries(bundle)));
        assert_eq!(path.parse(), Ok(bundle));
    }
}

// tlog-tiles, "Merkle Tree": "<L> is the level of the tile, and MUST be a decimal ASCII integer between 0 and 63, with
// no additional leading zeroes."
#[test]
fn tile_level_must_be_a_decimal_from_0_to_63_without_leading_zeros() {
    for level in [
        "",
        "00",
        "01",
        "007",
        "64",
        "100",
        "256",
        "-1",
        "+1",
        " 1",
        "1 ",
        "0x1",
        "a",
        "٣",
        "entrie",
        "entriess",
        "Entries",
        "99999999999999999999",
        ".",
        "..",
    ] {
        assert_eq!(
            parse(&format!("{level}/000")),
            Err(TilePathError::Level),
            "{level:?}"
        );
    }
    for level in 0..8 {
        assert!(parse(&format!("{level}/000.p/1")).is_ok());
    }
    // In the grammar, but 256^8 leaves are more than any tree has.
    for level in 8..64 {
        assert_eq!(
            parse(&format!("{level}/000")),
            Err(TilePathError::Tile(TileError::OutOfReach {
                level,
                index: 0,
                width: 256
            }))
        );
    }
    for path in ["", "0", "000", "entries", "/000", "/0/000", "tile/0/000"] {
        assert_eq!(parse(path), Err(TilePathError::Level), "{path:?}");
    }
}

// tlog-tiles, "Merkle Tree": "<N> ... MUST be a non-negative integer encoded into zero-padded 3-digit path elements."
#[test]
fn tile_index_must_be_in_zero_padded_3_digit_elements() {
    for index in [
        "",
        "0",
        "00",
        "0000",
        "1",
        "67",
        "1067",
        "-01",
        "+01",
        " 01",
        "01 ",
        "0 1",
        "00a",
        "0x0",
        "００1",
        "x001/67",
        "x001/0067",
        "x1/067",
        "x01/067",
        "x0001/067",
        "x001/",
        "x001//067",
        "x001/067/",
        "/000",
        "000/",
        "//",
        "000%",
        "000?",
        "000#",
        "000\n",
        "000.p",
        "000.",
        "000.q/1",
        ".p",
    ] {
        for prefix in ["0", "entries"] {
            assert_eq!(
                parse(&format!("{prefix}/{index}")),
                Err(TilePathError::Index),
                "{index:?}"
            );
        }
    }
}

// tlog-tiles, "Merkle Tree": "All but the last path element MUST begin with an x."
#[test]
fn all_but_the_last_element_of_an_index_must_begin_with_x() {
    for index in [
        "001/067",
        "x067",
        "x001/x067",
        "x001/234/067",
        "001/x234/067",
        "X001/067",
        "xx01/067",
        "x001/x234/x067",
        "x/067",
        "001x/067",
    ] {
        assert_eq!(
            parse(&format!("0/{index}")),
            Err(TilePathError::Index),
            "{index:?}"
        );
        assert_eq!(
            parse(&format!("entries/{index}")),
            Err(TilePathError::Index),
            "{index:?}"
        );
    }
}

#[test]
fn tile_index_has_one_spelling() {
    for index in ["x000/000", "x000/067", "x000/x001/067", "x000/x000/000"] {
        assert_eq!(
            parse(&format!("0/{index}")),
            Err(TilePathError::Index),
            "{index:?}"
        );
    }
}

#[test]
fn tile_index_past_any_tree_is_refused() {
    assert_eq!(
        parse("0/x018/x014/x398/x509/x481/984"),
        Err(TilePathError::Tile(TileError::OutOfReach {
            level: 0,
            index: 1 << 54,
            width: 256
        }))
    );
    assert_eq!(
        parse("7/001.p/1"),
        Err(TilePathError::Tile(TileError::OutOfReach {
            level: 7,
            index: 1,
            width: 1
        }))
    );
    // 2^64 and a thousand groups: no overflow.
    for index in [
        "x018/x446/x744/x073/x709/x551/616".to_owned(),
        "x999/".repeat(1000) + "999",
    ] {
        assert_eq!(parse(&format!("0/{index}")), Err(TilePathError::Index));
    }
}

// tlog-tiles, "Merkle Tree": "<W> is the width of the tile, a decimal ASCII integer between 1 and 255, with no
// additional leading zeroes."
#[test]
fn partial_width_must_be_a_decimal_from_1_to_255_without_leading_zeros() {
    for width in 1..=255 {
        assert!(parse(&format!("0/000.p/{width}")).is_ok());
        assert!(parse(&format!("entries/000.p/{width}")).is_ok());
    }
    for width in [
        "",
        "0",
        "00",
        "01",
        "001",
        "256",
        "257",
        "1000",
        "65536",
        "65537",
        "18446744073709551617",
        "-1",
        "+1",
        " 1",
        "1 ",
        "1/",
        "/1",
        "1.p/1",
        "a",
        "0x1",
        "٣",
    ] {
        for prefix in ["0", "entries"] {
            assert_eq!(
                parse(&format!("{prefix}/000.p/{width}")),
                Err(TilePathError::Width),
                "{width:?}"
            );
        }
    }
}

#[test]
fn tiles_and_bundles_are_not_taken_for_each_other() {
    assert_eq!("entries/000".parse::<TileId>(), Err(TilePathError::Level));
    assert_eq!("0/000".parse::<BundleId>(), Err(TilePathError::Level));
}

fn tiles() -> impl Strategy<Value = TileId> {
    (0..=7_u8, any::<u64>(), 0..64_u32, 1..=256_u16)
        .prop_filter_map("some tree has the tile", |(level, index, shift, width)| {
            TileId::new(level, index >> shift, width).ok()
        })
}

proptest! {
    #[test]
    fn tile_paths_round_trip(tile in tiles()) {
        prop_assert_eq!(tile.path().parse(), Ok(TilePath::Tile(tile)));
    }

    #[test]
    fn bundle_paths_round_trip(tile in tiles()) {
        if let Ok(bundle) = BundleId::new(tile.index(), tile.width()) {
            prop_assert_eq!(bundle.path().parse(), Ok(TilePath::Entries(bundle)));
        }
    }

    /// One spelling per resource: whatever parses prints as it was.
    #[test]
    fn accepted_paths_are_the_printed_ones(
        path in "([0-9]{1,2}|entries)(/x?[0-9]{1,4}){0,4}(\\.p/[0-9]{0,4})?|[0-9x/.p]{0,20}|.{0,20}"
    ) {
        let _ = parse(&path);
    }
}
