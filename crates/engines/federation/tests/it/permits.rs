//! One test for each cell of the table: a call, a level, and whether it may.

use std::sync::OnceLock;

use quorate_federation::permit::{
    Discover, GiveNotice, HandInCrossAnchor, HandInWitness, ListAgreements, NotifyAnchor,
    PlainCall, Propose, ReadAgreement, ReadMergedScroll, ReadProposal, ReadPublicReceipts,
    ReadRoots, ReadSharedReceipts, Respond, ScrollCall, TABLE, VerifyPublicReceipt,
    VerifySharedReceipt,
};
use quorate_federation::{Forbidden, MeshId, Permit, State, TrustLevel};

use crate::established::established;
use crate::node::pair;
use crate::support::{berlin, singapore, text, time};

/// Dublin's state, in which Berlin has this level.
fn at_level(level: TrustLevel) -> &'static State {
    static STATES: OnceLock<Vec<State>> = OnceLock::new();
    let states = STATES.get_or_init(|| {
        let with_agreement = TrustLevel::ALL[1..].iter().map(|&l| established(l).0.state);
        [pair().0.state].into_iter().chain(with_agreement).collect()
    });
    &states[usize::from(level.number())]
}

fn plain<C: PlainCall + std::fmt::Debug>(level: TrustLevel) -> Result<(), Forbidden> {
    let permit: Permit<C> = at_level(level).permit(&berlin().id, time(100))?;
    assert_eq!(permit.peer(), &berlin().id);
    assert_eq!(permit.level(), level);
    assert_eq!(permit.agreement().is_some(), level > TrustLevel::Isolated);
    Ok(())
}

fn shared<C: ScrollCall + std::fmt::Debug>(level: TrustLevel) -> Result<(), Forbidden> {
    let state = at_level(level);
    let permit: Permit<C> = state.permit_scroll(&berlin().id, &text("Compliance"), time(100))?;
    assert_eq!(permit.scroll(), Some(&text("Compliance")));
    assert_eq!(permit.level(), level);
    // What the agreement does not share is not had at any level.
    for other in ["Drills", "compliance"] {
        let refused: Result<Permit<C>, _> =
            state.permit_scroll(&berlin().id, &text(other), time(100));
        assert_eq!(
            refused.map(drop),
            Err(Forbidden::NotShared {
                peer: berlin().id,
                scroll: text(other)
            })
        );
    }
    Ok(())
}

fn cell(call: &str, level: u8, needs: u8, result: Result<(), Forbidden>) {
    let row = TABLE.iter().find(|row| row.call == call).unwrap();
    assert_eq!(row.level.number(), needs, "the table says so, too");
    let level_of = |n: u8| TrustLevel::from_number(u64::from(n)).unwrap();
    let expected = if level >= needs {
        Ok(())
    } else {
        Err(Forbidden::Level {
            peer: berlin().id,
            method: row.method,
            path: row.path,
            needs: level_of(needs),
            has: level_of(level),
        })
    };
    assert_eq!(result, expected);
}

macro_rules! row {
    ($module:ident, $check:ident, $call:ident, $needs:literal) => {
        mod $module {
            use super::*;

            row!(@cell level_0_isolated, Isolated, $check, $call, $needs);
            row!(@cell level_1_observe, Observe, $check, $call, $needs);
            row!(@cell level_2_verify, Verify, $check, $call, $needs);
            row!(@cell level_3_attest, Attest, $check, $call, $needs);
            row!(@cell level_4_integrate, Integrate, $check, $call, $needs);
        }
    };
    (@cell $name:ident, $level:ident, $check:ident, $call:ident, $needs:literal) => {
        #[test]
        fn $name() {
            let level = TrustLevel::$level;
            cell(stringify!($call), level.number(), $needs, $check::<$call>(level));
        }
    };
}

row!(discover, plain, Discover, 0);
row!(propose, plain, Propose, 0);
row!(read_proposal, plain, ReadProposal, 0);
row!(respond, plain, Respond, 0);
row!(list_agreements, plain, ListAgreements, 0);
row!(read_agreement, plain, ReadAgreement, 0);
row!(give_notice, plain, GiveNotice, 0);
row!(read_roots, plain, ReadRoots, 1);
row!(read_public_receipts, plain, ReadPublicReceipts, 1);
row!(verify_public_receipt, plain, VerifyPublicReceipt, 1);
row!(read_shared_receipts, shared, ReadSharedReceipts, 2);
row!(verify_shared_receipt, shared, VerifySharedReceipt, 2);
row!(notify_anchor, shared, NotifyAnchor, 2);
row!(hand_in_witness, shared, HandInWitness, 2);
row!(hand_in_cross_anchor, plain, HandInCrossAnchor, 3);
row!(read_merged_scroll, shared, ReadMergedScroll, 4);

#[test]
fn the_table_has_every_call_of_this_file_and_the_ten_paths() {
    assert_eq!(TABLE.len(), 16);
    let mut paths: Vec<_> = TABLE.iter().map(|row| row.path).collect();
    paths.sort_unstable();
    paths.dedup();
    assert_eq!(
        paths,
        [
            "/federation/agreements",
            "/federation/agreements/{id}",
            "/federation/discovery",
            "/federation/notify",
            "/federation/proposals",
            "/federation/proposals/{id}",
            "/federation/receipts/{scroll}",
            "/federation/roots",
            "/federation/verify",
            "/federation/witness",
        ]
    );
    for row in TABLE {
        let bound = [
            "ReadSharedReceipts",
            "VerifySharedReceipt",
            "NotifyAnchor",
            "HandInWitness",
            "ReadMergedScroll",
        ];
        assert_eq!(row.shared_scroll, bound.contains(&row.call));
    }
}

#[test]
fn others_have_no_level_and_neither_have_we_with_ourselves() {
    let state = at_level(TrustLevel::Integrate);
    let stranger: MeshId = text("did:vm:mesh:nobody");
    for mesh in [&singapore().id, &stranger, state.own().unwrap()] {
        assert_eq!(state.level(mesh, time(100)), TrustLevel::Isolated);
        let refused: Result<Permit<ReadRoots>, _> = state.permit(mesh, time(100));
        assert!(matches!(refused, Err(Forbidden::Level { .. })));
    }
}

#[test]
fn docs_federation_md_has_the_table() {
    let page = include_str!("../../../../../docs/federation.md");
    let rows: Vec<_> = TABLE
        .iter()
        .map(|row| {
            let shared = if row.shared_scroll { " yes |" } else { " |" };
            let level = row.level.number();
            format!(
                "| `{}` | `{} {}` | {level} |{shared}",
                row.call, row.method, row.path
            )
        })
        .collect();
    assert!(page.contains(&rows.join("\n")), "{}", rows.join("\n"));
}
