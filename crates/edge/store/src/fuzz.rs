//! The parsers of files, for fuzz targets: each takes any bytes and must not panic.

use std::path::Path;

use crate::frame;
use crate::journal::Scan;
use crate::snapshot::Snapshot;
use crate::spec::ScrollSpec;

/// `commit.journal`: true if it is one of the scroll with an all-zero fingerprint.
#[must_use]
pub fn journal(data: &[u8]) -> bool {
    Scan::parse(data, Path::new("commit.journal"), &[0; 32]).is_ok()
}

/// Makes the checksums of a journal's frames right again, so that a fuzzer gets past them to what they frame.
pub fn forge_journal(data: &mut [u8]) {
    let scroll = frame::unchecked(data).and_then(|base| base.payload.first_chunk().copied());
    if let Some(scroll) = scroll {
        frame::forge(data, &scroll);
    }
}

/// `snapshot`. What is accepted is exactly what would be written.
#[must_use]
pub fn snapshot(data: &[u8]) -> bool {
    Snapshot::decode(data).is_ok()
}

/// `scroll.json`. What is accepted is exactly what would be written.
#[must_use]
pub fn scroll_json(data: &[u8]) -> bool {
    ScrollSpec::decode(data, Path::new("scroll.json")).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frame::Place;
    use crate::journal::EXTENT;
    use crate::seal::{BASE, Base, Cursors, Position, SEAL, Seal};
    use proptest::prelude::*;
    use quorate_merkle::Hash;

    /// A whole journal of one base and two seals, with room after them, and how long each lane is without it.
    fn good_journal() -> (Vec<u8>, usize) {
        let position = Position {
            size: 0,
            bytes: 0,
            root: Hash::EMPTY_ROOT,
            at: 0,
        };
        let base = Base {
            spec: [0; 32],
            seq: 0,
            chain: [0; 32],
            position,
            cursors: Cursors::new(),
        };
        let mut lanes = [Vec::new(), Vec::new()];
        let mut twice = |kind, payload: &[u8]| {
            for (lane, out) in (0..).zip(&mut lanes) {
                let at = out.len() as u64;
                frame::encode(kind, payload, &[0; 32], Place { lane, at }, out);
            }
        };
        twice(BASE, &base.encode());
        let (mut before, mut prev) = (position, [0; 32]);
        for seq in 1..3 {
            let seal = Seal {
                seq,
                prev,
                first: before.size,
                start: before.bytes,
                checksum: [1; 32],
                after: Position {
                    size: before.size + 3,
                    bytes: before.bytes + 50,
                    ..position
                },
                cursors: vec![("input".into(), vec![7])],
            };
            let mut payload = Vec::new();
            seal.encode(&mut payload);
            assert_eq!(Seal::decode(&payload), Some(seal.clone()));
            twice(SEAL, &payload);
            before = seal.after;
            prev = crate::seal::chain(&payload);
        }
        let [mut out, second] = lanes;
        out.resize(EXTENT as usize, 0);
        out.extend_from_slice(&second);
        out.resize(out.len() + 512, 0);
        (out, second.len())
    }

    /// The byte of a lane, or of the room after it, that any number stands for.
    fn place(lane: usize, any: u16, used: usize) -> usize {
        lane * EXTENT as usize + usize::from(any) % (used + 100)
    }

    proptest! {
        #[test]
        fn no_bytes_make_a_parser_panic(data in proptest::collection::vec(any::<u8>(), 0..600)) {
            prop_assert!(!journal(&data) && !snapshot(&data) && !scroll_json(&data));
        }

        #[test]
        fn a_journal_with_changed_bytes_is_refused_or_says_a_prefix_of_the_same(
            changes in proptest::collection::vec((0..2_usize, any::<u16>(), any::<u8>()), 0..6),
            cut in any::<u16>(),
        ) {
            let (mut data, used) = good_journal();
            for (lane, at, value) in changes {
                data[place(lane, at, used)] = value;
            }
            data.truncate(data.len() - usize::from(cut) % 600);
            if let Ok(scan) = Scan::parse(&data, Path::new("j"), &[0; 32]) {
                prop_assert!([0, 3, 6].contains(&scan.position().size));
            }
        }

        #[test]
        fn changes_in_one_lane_of_a_journal_lose_nothing(
            lane in 0..2_usize,
            changes in proptest::collection::vec((any::<u16>(), any::<u8>()), 0..60),
        ) {
            let (mut data, used) = good_journal();
            for (at, value) in changes {
                data[place(lane, at, used)] = value;
            }
            let scan = Scan::parse(&data, Path::new("j"), &[0; 32]).unwrap();
            prop_assert_eq!(scan.position().size, 6);
        }

        #[test]
        fn a_forged_journal_makes_no_parser_panic(
            changes in proptest::collection::vec((0..2_usize, any::<u16>(), any::<u8>()), 0..6),
        ) {
            let (mut data, used) = good_journal();
            for (lane, at, value) in changes {
                data[place(lane, at, used)] = value;
            }
            forge_journal(&mut data);
            let _either = journal(&data);
        }
    }

    #[test]
    fn a_whole_journal_is_read_to_its_end() {
        let scan = Scan::parse(&good_journal().0, Path::new("j"), &[0; 32]).unwrap();
        assert_eq!(
            (scan.position().size, scan.seals.len(), scan.damaged_copy),
            (6, 2, None)
        );
    }
}
