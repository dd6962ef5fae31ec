//! The tamper walk: whatever is changed, nothing is accepted.

use quorate_receipt::json::{self, Object, Value};
use quorate_verify::anchor::Anchor;

use crate::world::{World, anchor, at, present, verify};

/// A presentation of a bundle in which everything optional is there.
fn whole() -> Vec<u8> {
    present(
        &World::new().with_sealed().bundle(),
        "auditor.example",
        "n-1",
        at(5000),
    )
}

fn accepted(text: &[u8], anchor: &Anchor) -> bool {
    verify(text, anchor).is_ok()
}

#[test]
fn every_byte_changed_left_out_or_doubled_is_refused() {
    no_byte_of_it_is_free(&whole(), &anchor(""));
}

pub(crate) fn no_byte_of_it_is_free(text: &[u8], anchor: &Anchor) {
    assert!(accepted(text, anchor));
    for at in 0..text.len() {
        for bit in [1, 2, 32, 128] {
            let mut changed = text.to_vec();
            changed[at] ^= bit;
            assert!(!accepted(&changed, anchor), "byte {at}, bit {bit}");
        }
        let mut shorter = text.to_vec();
        let byte = shorter.remove(at);
        assert!(!accepted(&shorter, anchor), "byte {at} left out");
        let mut longer = text.to_vec();
        longer.insert(at, byte);
        assert!(!accepted(&longer, anchor), "byte {at} doubled");
    }
}

pub(crate) type Member = (String, Json);

/// JSON in which members may stand twice and in any order.
#[derive(Clone)]
pub(crate) enum Json {
    Text(String),
    List(Vec<Self>),
    Members(Vec<Member>),
}

impl Json {
    pub(crate) fn of(value: &Value) -> Self {
        match value {
            Value::Array(list) => Self::List(list.iter().map(Self::of).collect()),
            Value::Object(object) => Self::members(object),
            other => Self::Text(String::from_utf8(json::canonical(other)).unwrap()),
        }
    }

    fn members(object: &Object) -> Self {
        let member = |(name, value): (&str, &Value)| (name.to_owned(), Self::of(value));
        Self::Members(object.iter().map(member).collect())
    }

    fn write(&self, out: &mut String) {
        match self {
            Self::Text(text) => out.push_str(text),
            Self::List(list) => {
                out.push('[');
                for (n, value) in list.iter().enumerate() {
                    if n > 0 {
                        out.push(',');
                    }
                    value.write(out);
                }
                out.push(']');
            }
            Self::Members(members) => {
                out.push('{');
                for (n, (name, value)) in members.iter().enumerate() {
                    if n > 0 {
                        out.push(',');
                    }
                    out.push_str(
                        &String::from_utf8(json::canonical(&Value::from(&**name))).unwrap(),
                    );
                    out.push(':');
                    value.write(out);
                }
                out.push('}');
            }
        }
    }

    pub(crate) fn text(&self) -> String {
        let mut out = String::new();
        self.write(&mut out);
        out
    }

    /// Every way to change one thing in it.
    pub(crate) fn changes(&self) -> Vec<(String, Self)> {
        let mut changes = Vec::new();
        match self {
            Self::Text(text) => {
                for other in ["null", "0", "\"\"", "{}", "[]", "true"] {
                    if other != text {
                        changes.push((format!("= {other}"), Self::Text(other.into())));
                    }
                }
            }
            Self::List(list) => {
                for n in 0..list.len() {
                    let mut change = |what: &str, edit: &dyn Fn(&mut Vec<Self>)| {
                        let mut changed = list.clone();
                        edit(&mut changed);
                        changes.push((format!("[{n}] {what}"), Self::List(changed)));
                    };
                    change("dropped", &|l| drop(l.remove(n)));
                    change("doubled", &|l| l.insert(n, l[n].clone()));
                    change("doubled at the end", &|l| l.push(l[n].clone()));
                    if n > 0 && list[n].text() != list[n - 1].text() {
                        change("swapped", &|l| l.swap(n, n - 1));
                    }
                    for (what, inner) in list[n].changes() {
                        change(&what, &|l| l[n] = inner.clone());
                    }
                }
            }
            Self::Members(members) => {
                for name in ["", "a", "zz", "\u{0}"] {
                    for at in [0, members.len()] {
                        let mut changed = members.clone();
                        changed.insert(at, (name.into(), Self::Text("1".into())));
                        changes.push((format!("{name:?} added"), Self::Members(changed)));
                    }
                }
                for n in 0..members.len() {
                    let name = &members[n].0;
                    let mut change = |what: &str, edit: &dyn Fn(&mut Vec<Member>)| {
                        let mut changed = members.clone();
                        edit(&mut changed);
                        changes.push((format!(".{name} {what}"), Self::Members(changed)));
                    };
                    change("removed", &|m| drop(m.remove(n)));
                    change("renamed", &|m| m[n].0.push('x'));
                    change("upper case", &|m| m[n].0 = m[n].0.to_uppercase());
                    change("doubled", &|m| m.insert(n, m[n].clone()));
                    if n > 0 {
                        change("reordered", &|m| m.swap(n, n - 1));
                    }
                    for (what, inner) in members[n].1.changes() {
                        change(&what, &|m| m[n].1 = inner.clone());
                    }
                }
            }
        }
        changes
    }
}

#[test]
fn every_member_and_element_removed_renamed_doubled_reordered_swapped_or_added_is_refused() {
    let walked = no_member_or_element_of_it_is_free(&whole(), &anchor(""));
    assert!(walked > 500, "{walked}");
}

/// How many changes were tried.
pub(crate) fn no_member_or_element_of_it_is_free(text: &[u8], anchor: &Anchor) -> usize {
    let tree = Json::of(&json::parse(text).unwrap());
    assert_eq!(tree.text().as_bytes(), text);
    let changes = tree.changes();
    let walked = changes.len();
    for (what, changed) in changes {
        let changed = changed.text();
        if changed.as_bytes() != text {
            assert!(!accepted(changed.as_bytes(), anchor), "{what}");
        }
    }
    walked
}

/// `session_step` with another tool, another attribute, another parent: re-hashed as well as it can be without the key.
#[test]
fn a_step_changed_and_hashed_anew_is_refused_for_its_signature() {
    let world = World::new();
    let anchor = anchor("");
    for n in 0..world.receipts.len() {
        let mut object = world.receipts[n].object().clone();
        object.remove("root_hash");
        object.insert("attributes", Object::new().with("more", "text"));
        let changed = quorate_receipt::Receipt::from_object(&object, at(0)).unwrap();
        let mut other = World::new();
        other.receipts[n] = changed;
        // The log holds what was changed, its head is quorate: only the actor's key is missing.
        let code = crate::world::code(&other.bundle(), &anchor);
        assert_eq!(code, "receipt-signature", "{n}");
    }
}
