//! Random histories against a list of byte strings.

use proptest::prelude::*;
use quorate_store::{Kind, Urgency};
use quorate_testkit::disk::FakeDisk;

use crate::support::{check_all, commit, create, open};

#[derive(Debug, Clone)]
enum Step {
    Append(Vec<Vec<u8>>),
    Maintain(bool),
    Reopen,
    Close,
}

/// Entries with and without times and ids, repeated ones among them.
fn entry(kind: Kind) -> impl Strategy<Value = Vec<u8>> {
    let any = proptest::collection::vec(any::<u8>(), 0..40);
    let keyed = (-5_i64..200, 0_u8..60, 0_u8..4)
        .prop_map(|(t, id, x)| format!("{t} id-{id} {x}").into_bytes());
    let long = (0_usize..3000).prop_map(|len| vec![b'z'; len + 1]);
    prop_oneof![6 => keyed, 2 => any, 1 => long].prop_map(move |mut bytes| {
        if kind == Kind::Receipts {
            bytes.retain(|b| *b != b'\n');
            bytes.push(b'.');
        }
        bytes
    })
}

fn steps(kind: Kind) -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        6 => proptest::collection::vec(entry(kind), 0..30).prop_map(Step::Append),
        2 => any::<bool>().prop_map(Step::Maintain),
        1 => Just(Step::Reopen),
        1 => Just(Step::Close),
    ];
    proptest::collection::vec(step, 1..20)
}

fn history(kind: Kind, steps: Vec<Step>) {
    let fake = FakeDisk::new();
    create(&fake, kind);
    let mut scroll = open(&fake);
    let mut model: Vec<Vec<u8>> = Vec::new();
    for step in steps {
        match step {
            Step::Append(entries) => {
                let first = model.len() as u64;
                assert_eq!(commit(&mut scroll, &entries).unwrap().first_index, first);
                model.extend(entries);
            }
            Step::Maintain(due) => {
                let urgency = if due {
                    Urgency::WhenDue
                } else {
                    Urgency::IfAnything
                };
                scroll.reader().maintain(urgency).unwrap();
            }
            Step::Reopen => {
                drop(scroll);
                scroll = open(&fake);
            }
            Step::Close => {
                scroll.split().0.close().unwrap();
                scroll = open(&fake);
            }
        }
    }
    check_all(&scroll.reader(), &model);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn a_receipt_scroll_is_a_list_of_lines(steps in steps(Kind::Receipts)) {
        history(Kind::Receipts, steps);
    }

    #[test]
    fn a_raw_scroll_is_a_list_of_byte_strings(steps in steps(Kind::Raw)) {
        history(Kind::Raw, steps);
    }
}
