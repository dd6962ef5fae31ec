//! Folders are floors. A crate may use crates on floors below its own, never above; within the foundation and
//! the edge only crates listed earlier than itself; engines do not import engines. Dev-dependencies are exempt.

mod house;

use house::Member;

/// The foundation, bottom first.
const FOUNDATION: [&str; 6] = [
    "merkle",
    "note",
    "policy",
    "receipt",
    "lineage",
    "anchor-proof",
];
/// The edge, bottom first.
const EDGE: [&str; 7] = [
    "store",
    "anchor",
    "node",
    "replication",
    "trace",
    "cli",
    "verifier-wasm",
];

/// Where in the house a crate stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place<'a> {
    Foundation(usize),
    Engine(&'a str),
    Verify,
    Edge(usize),
    Support,
}

impl<'a> Place<'a> {
    fn of(folder: &'a str) -> Result<Self, String> {
        let stranger = || {
            format!("{folder} stands on no floor: name it in the order of its floor in this test")
        };
        let order =
            |names: &[&str], name: &str| names.iter().position(|n| *n == name).ok_or_else(stranger);
        match folder.split('/').collect::<Vec<_>>()[..] {
            ["crates", "foundation", name] => Ok(Self::Foundation(order(&FOUNDATION, name)?)),
            ["crates", "engines", name] => Ok(Self::Engine(name)),
            ["crates", "verify"] => Ok(Self::Verify),
            ["crates", "edge", name] => Ok(Self::Edge(order(&EDGE, name)?)),
            ["crates", "support", _] => Ok(Self::Support),
            _ => Err(stranger()),
        }
    }

    fn may_use(self, other: Self) -> bool {
        match (self, other) {
            (Self::Foundation(user), Self::Foundation(used))
            | (Self::Edge(user), Self::Edge(used)) => used < user,
            (Self::Engine(_) | Self::Verify | Self::Edge(_), Self::Foundation(_))
            | (Self::Verify, Self::Engine("provenance"))
            | (Self::Edge(_), Self::Engine(_) | Self::Verify)
            | (Self::Support, _) => true,
            _ => false,
        }
    }
}

#[test]
fn a_crate_uses_only_crates_below_it() {
    let members = house::members();
    let shared = house::shared_dependencies();
    let mut wrong = Vec::new();
    for user in &members {
        for name in user.dependencies(&shared) {
            let Some(used) = members.iter().find(|m| m.name == name) else {
                continue;
            };
            match (Place::of(&user.folder), Place::of(&used.folder)) {
                (Ok(a), Ok(b)) if a.may_use(b) => {}
                (Ok(_), Ok(_)) => {
                    wrong.push(format!("{} may not use {}", user.folder, used.folder));
                }
                (Err(e), _) | (_, Err(e)) => wrong.push(e),
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn every_crate_stands_on_a_floor_and_is_a_member() {
    let mut listed: Vec<String> = house::members().into_iter().map(|m| m.folder).collect();
    for folder in &listed {
        assert!(Place::of(folder).is_ok(), "{:?}", Place::of(folder));
    }
    listed.sort();
    assert_eq!(listed, house::folders_with_manifest());
}

#[test]
fn the_floor_rule_refuses_up_and_sideways() {
    let place = |folder: &'static str| Place::of(folder).unwrap();
    let may = |user, used| place(user).may_use(place(used));
    assert!(may("crates/foundation/note", "crates/foundation/merkle"));
    assert!(may("crates/engines/witness", "crates/foundation/lineage"));
    assert!(may("crates/verify", "crates/engines/provenance"));
    assert!(may("crates/edge/node", "crates/edge/store"));
    assert!(may("crates/support/load", "crates/edge/cli"));

    assert!(
        !may("crates/foundation/merkle", "crates/foundation/note"),
        "up within the foundation"
    );
    assert!(
        !may("crates/foundation/note", "crates/foundation/note"),
        "itself"
    );
    assert!(
        !may("crates/foundation/note", "crates/verify"),
        "up a floor"
    );
    assert!(
        !may("crates/engines/witness", "crates/engines/provenance"),
        "sideways between engines"
    );
    assert!(
        !may("crates/engines/witness", "crates/edge/store"),
        "an engine with a disk"
    );
    assert!(
        !may("crates/verify", "crates/engines/witness"),
        "only provenance"
    );
    assert!(
        !may("crates/verify", "crates/edge/store"),
        "a verifier with a disk"
    );
    assert!(
        !may("crates/edge/store", "crates/edge/node"),
        "up within the edge"
    );
    assert!(
        !may("crates/edge/node", "crates/support/testkit"),
        "shipped code on test code"
    );
    assert!(Place::of("crates/foundation/misc").is_err());
}

#[test]
fn dependencies_are_seen_in_every_section_and_under_other_names() {
    let manifest = r#"
        [dependencies]
        plain = "1"
        renamed = { package = "real-name", version = "1" }
        inherited.workspace = true
        [build-dependencies]
        builder = "1"
        [target.'cfg(unix)'.dependencies]
        per-target = "1"
        [dev-dependencies]
        only-in-tests = "1"
    "#;
    let shared: toml::Table = r#"inherited = { package = "quorate-node", path = "x" }"#
        .parse()
        .unwrap();
    let member = Member {
        name: String::new(),
        folder: String::new(),
        manifest: manifest.parse().unwrap(),
    };
    let mut names = member.dependencies(&shared);
    names.sort();
    assert_eq!(
        names,
        [
            "builder",
            "per-target",
            "plain",
            "quorate-node",
            "real-name"
        ]
    );
}
