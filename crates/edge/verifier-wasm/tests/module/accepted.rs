//! What holds, under anchors that ask for more and for less.

use crate::cases::{Cases, guide, options};
use crate::common::log_vkey;
use crate::world::{World, anchor_text, at, jwks, present};

pub(crate) fn add(cases: &mut Cases) {
    let closed = World::new().bundle();
    cases.bundle("closed", &closed, anchor_text(""), "accepted");
    cases.bundle("guide", &closed, guide(2), "accepted");
    cases.bundle("bare jwk set", &closed, jwks(""), "accepted");
    let mut alone = World::new();
    alone.witnesses = Vec::new();
    let logs = format!(
        r#"{{"logs":["{}"],"trust_jwks":{}}}"#,
        log_vkey(100),
        jwks("")
    );
    cases.bundle("logs alone", &alone.bundle(), logs, "accepted");
    let named = guide(2).replacen('{', &format!(r#"{{"logs":["{}"],"#, log_vkey(100)), 1);
    cases.bundle("guide, with a log", &closed, named, "accepted");
    cases.world(
        "sealed content shown",
        &World::new().with_sealed(),
        "accepted",
    );
    let shown = present(&closed, "auditor.example", "n-1", at(5000));
    let asks = r#","require":{"audience":"auditor.example","nonce":"n-1"}"#;
    cases.bundle("presented", &shown, anchor_text(asks), "accepted");
    for (name, asks) in [
        ("presented, by an anchor that asks for neither", ""),
        (
            "presented, by an anchor of an audience",
            r#""audience":"auditor.example""#,
        ),
        ("presented, by an anchor of a nonce", r#""nonce":"n-1""#),
    ] {
        let anchor = anchor_text(&format!(r#","require":{{{asks}}}"#));
        cases.bundle(name, &shown, anchor, "accepted");
    }
    let flow = r#","flow":[{"sink":{"kind":"artifact","name":"relase.json"},"without":["web"]},
        {"sink":{"kind":"artifact","name":"*"},"require":"untrusted","without":["memory"]},
        {"sink":{"kind":"payload"},"without":["memory"]}]"#;
    let adversarial = flow.replace(r#""require":"untrusted","#, "");
    cases.bundle(
        "rules, one of them about no step",
        &closed,
        anchor_text(&adversarial),
        "accepted",
    );
    cases.bundle(
        "rules, one of them broken",
        &closed,
        anchor_text(flow),
        "flow-refused",
    );
    let args = vec![closed, anchor_text("").into(), options("")];
    cases.push("steps", "steps", args, "accepted");

    let args = vec![
        crate::hostile::world().bundle(),
        anchor_text("").into(),
        options(""),
    ];
    cases.push("markup in every string", "steps", args, "accepted");

    let mut open = World::new();
    open.receipts.pop();
    open.payload = None;
    let takes = anchor_text(r#","require":{"complete":false}"#);
    cases.bundle(
        "open session that is asked for",
        &open.bundle(),
        takes,
        "accepted",
    );
    cases.world("open session", &open, "incomplete");
    let args = vec![open.bundle(), anchor_text("").into(), options("")];
    cases.push(
        "no steps of what does not hold",
        "steps",
        args,
        "incomplete",
    );
}
