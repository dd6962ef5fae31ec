//! Two of three witnesses, with one and two of them away.

use serde_json::Value;

use crate::scene::{Place, Running, policy};

/// A node with the scroll Deeds whose heads go to three witnesses, two of which must co-sign.
fn two_of_three(place: &Place, visibility: &str) -> (Vec<Running>, Running) {
    let witnesses = place.followed_scroll(3, visibility);
    let urls = witnesses
        .iter()
        .map(|w| (w, format!("http://{}", w.address())));
    let urls: Vec<_> = urls.collect();
    policy(&place.path("policy"), 2, &urls);
    let node = place.node(&["--policy", "policy"]);
    assert_eq!(node.start["witnessing"], "quorum q: 2 of 3");
    (witnesses, node)
}

#[test]
fn two_of_three_witnesses_make_a_head_quorate_and_anyone_can_check_it_offline() {
    let place = Place(tempfile::tempdir().unwrap());
    let (mut witnesses, _node) = two_of_three(&place, "restricted");

    let (status, answer) = place.append(60);
    assert_eq!(
        (status, &answer["watermark"]),
        (200, &"quorate".into()),
        "{answer}"
    );
    let proof = answer["proof"].as_str().unwrap();
    let verified = place.verify(proof, 0);
    let said = String::from_utf8_lossy(&verified.stdout).into_owned();
    assert!(verified.status.success(), "{said}");
    let lines = proof.lines().filter(|l| l.contains("witness.example/"));
    assert!(
        lines.count() >= 4,
        "both algorithms of two witnesses: {proof}"
    );

    // Without its co-signatures it does not verify: the policy that is served has the quorum in it.
    let bare: String = proof
        .lines()
        .filter(|l| !l.contains("witness.example/"))
        .map(|l| format!("{l}\n"))
        .collect();
    assert_eq!(place.verify(&bare, 0).status.code(), Some(1));

    // One is away: still quorate.
    let addresses: Vec<String> = witnesses.iter().map(Running::address).collect();
    drop(witnesses.pop());
    let (status, answer) = place.append(60);
    assert_eq!(
        (status, &answer["watermark"]),
        (200, &"quorate".into()),
        "{answer}"
    );

    // Two are away: durable, and it says how far it is.
    drop(witnesses.pop());
    let (status, answer) = place.append(1);
    assert_eq!(
        (status, &answer["watermark"]),
        (202, &"durable".into()),
        "{answer}"
    );
    let behind = place.until(|i| i["witnessing"]["behind"]["has"] == 1);
    assert_eq!(behind["witnessing"]["quorate"]["size"], 2);
    let state = place.done("node", &["log", "show", "Deeds"]);
    assert!(
        state.contains("durable, not quorate: 1 of 3 (2 needed), since"),
        "{state}"
    );

    // One comes back, and nobody has to do anything.
    witnesses.push(place.witness(1, &addresses[1]));
    let again = place.until(|i| i["watermark"] == "quorate");
    assert_eq!(again["witnessing"]["quorate"]["size"], 3);
    place.done("node", &["prove", "Deeds", "2", "-o", "late"]);
    let late = std::fs::read_to_string(place.path("late")).unwrap();
    assert!(place.verify(&late, 2).status.success());
}

/// From outside, with nothing but the node's address and the policy it serves.
#[test]
fn anyone_can_audit_and_watch_a_scroll_of_a_running_node_and_its_witnesses() {
    let place = Place(tempfile::tempdir().unwrap());
    let (mut witnesses, node) = two_of_three(&place, "public");
    let lines = "{\"type\":\"deed\"}\n".repeat(700);
    std::fs::write(place.path("lines"), lines).unwrap();
    place.done("node", &["append", "--scroll", "Deeds", "lines"]);
    let (status, answer) = place.append(60);
    assert_eq!(status, 200, "{answer}");
    place.done("node", &["policy", "show", "Deeds", "-o", "served.policy"]);

    let url = format!("{}/scrolls/Deeds", node.start["listen"].as_str().unwrap());
    let audit = ["log", "audit", &url, "--policy", "served.policy", "--json"];
    let audited: Value = serde_json::from_str(&place.done("nowhere", &audit)).unwrap();
    assert_eq!(
        (&audited["verdict"], &audited["size"]),
        (&"quorate".into(), &701.into())
    );

    let monitor = [
        "log",
        "monitor",
        &url,
        "--policy",
        "served.policy",
        "--state",
        "remembered",
        "--json",
    ];
    let watched = || -> Value {
        let done = place.run("nowhere", &monitor);
        serde_json::from_slice(&done.stdout).unwrap()
    };
    let first = watched();
    assert_eq!(
        (&first["well"], &first["remembered"]),
        (&true.into(), &701.into()),
        "{first}"
    );
    let (status, answer) = place.append(60);
    assert_eq!(status, 200, "{answer}");
    let second = watched();
    assert_eq!(
        (&second["well"], &second["remembered"]),
        (&true.into(), &702.into()),
        "{second}"
    );

    // A witness that is away is told, and nothing is wrong with the log.
    drop(witnesses.pop());
    let third = watched();
    let code = &third["findings"][0]["code"];
    assert_eq!(code, "witness-unreachable", "{third}");
    assert_eq!(place.run("nowhere", &monitor).status.code(), Some(3));
}

#[test]
fn a_scroll_that_no_witness_follows_yet_says_how_it_gets_quorate() {
    let place = Place(tempfile::tempdir().unwrap());
    let (_witnesses, _node) = two_of_three(&place, "restricted");
    let made = place.done("node", &["log", "create", "Fresh"]);
    assert!(made.contains("Its witnesses must follow it"), "{made}");
    assert!(made.contains("  quorate witness add-log "), "{made}");
    std::fs::write(place.path("receipt"), r#"{"type":"deed"}"#).unwrap();
    place.done("node", &["append", "--scroll", "Fresh", "receipt"]);
    let proved = place.done("node", &["prove", "Fresh", "0", "-o", "fresh.proof"]);
    assert!(proved.contains("Durable, not quorate"), "{proved}");
    let listed = place.done("node", &["log", "list"]);
    let row = listed.lines().find(|line| line.starts_with("Fresh "));
    assert!(row.unwrap().ends_with("durable"), "{listed}");
    // Each witness has been asked, and said that it does not know the scroll.
    let shown = loop {
        let shown = place.done("node", &["log", "show", "Fresh"]);
        if shown.contains("does not follow") {
            break shown;
        }
        std::thread::sleep(std::time::Duration::from_millis(20));
    };
    assert!(shown.contains("\n  quorate witness add-log "), "{shown}");
}
