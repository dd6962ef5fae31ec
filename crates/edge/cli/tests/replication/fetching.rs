//! What is fetched, and what is refused.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use serde_json::Value;

use crate::process::{Scene, noise, ran, vector};

#[test]
fn a_published_bundle_is_fetched_verified_and_saved() {
    let scene = Scene::new();
    let publisher = scene.publish("publisher", &["bundle.json"]);
    let (hash, ticket) = &publisher.shown[0];
    assert_eq!(*hash, blake3::hash(&vector("closed")).to_string());

    let saved = scene.path("saved.json");
    let more = ["--show-payload", "-o", saved.to_str().unwrap()];
    let (code, answer, error) = ran(scene.fetch(ticket, hash, &more));
    assert_eq!((code, error.as_str()), (0, ""), "{answer}");
    assert_eq!(fs::read(&saved).unwrap(), vector("closed"));
    assert_eq!(
        answer["transport"]["blake3_hash"],
        Value::from(hash.as_str())
    );
    assert_eq!(answer["transport"]["octets"], vector("closed").len());
    assert_eq!(answer["transport"]["resumed_octets"], 0);
    assert_eq!(answer["provenance"]["verified"], true);
    assert_eq!(answer["saved"], saved.to_str().unwrap());
    let bundle: Value = serde_json::from_slice(&vector("closed")).unwrap();
    assert_eq!(answer["payload"], bundle["payload"]);
    assert!(
        !scene.fetching(hash).exists(),
        "what was saved is not kept twice"
    );

    let mut checked = scene.quorate("none");
    checked.args(["bundle", "verify", "--now", crate::process::NOW]);
    checked.arg(&saved).arg("--trust-anchor");
    checked.arg(scene.path("anchor.json"));
    let (code, mut report, _) = ran(checked);
    assert_eq!(code, 0);
    report.as_object_mut().unwrap().remove("verified");
    let mut fetched = answer["provenance"].clone();
    fetched.as_object_mut().unwrap().remove("verified");
    assert_eq!(fetched, report, "the verdict of 'bundle verify'");
}

#[test]
fn fetched_is_not_trusted() {
    let scene = Scene::new();
    fs::write(scene.path("other.json"), noise(100_000)).unwrap();
    let publisher = scene.publish("publisher", &["bundle.json", "other.json"]);
    // Not a bundle at all, and a bundle that the anchor does not cover.
    let anchor = String::from_utf8(vector("anchor")).unwrap();
    for (n, code) in [(1, "bundle-malformed"), (0, "actor-unknown")] {
        if n == 0 {
            let other = anchor.replace(
                "6kpsY-KcUgq-9VB7Ey7F-ZVHdq6-vnuSQh7qaRRG0iw",
                "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo",
            );
            assert_ne!(other, anchor);
            fs::write(scene.path("anchor.json"), other).unwrap();
        }
        let (hash, ticket) = &publisher.shown[n];
        let saved = scene.path("saved.json");
        let more = ["-o", saved.to_str().unwrap()];
        let (exit, answer, error) = ran(scene.fetch(ticket, hash, &more));
        assert_eq!(exit, 1, "{answer}");
        assert_eq!(answer["transport"]["verified"], true, "both are told apart");
        assert_eq!(answer["provenance"]["verified"], false);
        assert_eq!(answer["provenance"]["code"], error.as_str());
        assert_eq!(error, code);
        assert!(!saved.exists(), "nothing is saved that does not verify");
        assert_eq!(answer["saved"], Value::Null);
        let left: Vec<_> = fs::read_dir(scene.path("")).unwrap().collect();
        let names = left.iter().map(|e| e.as_ref().unwrap().file_name());
        assert!(
            names
                .into_iter()
                .all(|n| !n.to_string_lossy().contains("saved"))
        );
    }
}

#[test]
fn a_ticket_for_another_hash_is_refused_before_anyone_is_asked() {
    let scene = Scene::new();
    fs::write(scene.path("other.json"), noise(100)).unwrap();
    let mut publisher = scene.publish("publisher", &["bundle.json", "other.json"]);
    let hash = publisher.shown[1].0.clone();
    let ticket = publisher.shown[0].1.clone();
    publisher.kill();
    let (code, _, error) = ran(scene.fetch(&ticket, &hash, &[]));
    assert_eq!((code, error.as_str()), (1, "ticket-mismatch"));
    assert!(!scene.path("fetcher").exists());
}

#[test]
fn more_than_the_limit_is_refused_before_a_download() {
    let scene = Scene::new();
    fs::write(scene.path("big"), noise(3_000_000)).unwrap();
    let publisher = scene.publish("publisher", &["big"]);
    let (hash, ticket) = &publisher.shown[0];
    let (code, _, error) = ran(scene.fetch(ticket, hash, &["--max-size", "2999999"]));
    assert_eq!((code, error.as_str()), (1, "too-large"));
    let data = scene.fetching(hash).join(format!("blobs/data/{hash}.data"));
    assert!(!data.exists(), "nothing was written");
    let (code, answer, error) = ran(scene.fetch(ticket, hash, &["--max-size", "3000000"]));
    assert_eq!((code, error.as_str()), (1, "bundle-malformed"));
    assert_eq!(answer["transport"]["octets"], 3_000_000);
}

#[test]
fn a_ticket_is_good_again_after_a_kill_and_a_restart() {
    let scene = Scene::new();
    let mut publisher = scene.publish("publisher", &["bundle.json"]);
    let before = publisher.shown.clone();
    publisher.kill();
    fs::remove_file(scene.path("bundle.json")).unwrap();
    let (code, _, error) = ran(scene.fetch(&before[0].1, &before[0].0, &[]));
    assert_eq!((code, error.as_str()), (3, "unreachable"));

    let again = scene.publish_again("publisher");
    assert_eq!(again.shown, before);
    let (code, answer, _) = ran(scene.fetch(&before[0].1, &before[0].0, &[]));
    assert_eq!(code, 0, "{answer}");
    let key = fs::metadata(scene.path("publisher/replicas/key")).unwrap();
    assert_eq!(key.permissions().mode() & 0o777, 0o600);
}

#[test]
fn one_process_publishes_from_a_folder() {
    let scene = Scene::new();
    let _publisher = scene.publish("publisher", &["bundle.json"]);
    let mut second = scene.quorate("publisher");
    second.args(["bundle", "publish"]);
    let (code, _, error) = ran(second);
    assert_eq!((code, error.as_str()), (3, "in-use"));
}

#[test]
fn nothing_and_an_empty_file_are_not_published() {
    let scene = Scene::new();
    fs::write(scene.path("empty"), "").unwrap();
    for (file, exit, code) in [
        (None, 1, "nothing-published"),
        (Some("empty"), 1, "empty"),
        (Some("none"), 3, "file"),
    ] {
        let mut command = scene.quorate("publisher");
        command.args(["bundle", "publish", "--bind", "127.0.0.1:0"]);
        command.args(file.map(|f| scene.path(f)));
        let (found, _, error) = ran(command);
        assert_eq!((found, error.as_str()), (exit, code));
    }
}

#[test]
fn a_node_starts_where_bundles_were_fetched_before() {
    let scene = Scene::new();
    let publisher = scene.publish("publisher", &["bundle.json"]);
    let (hash, ticket) = &publisher.shown[0];
    assert_eq!(ran(scene.fetch(ticket, hash, &[])).0, 0);
    let mut created = scene.quorate("fetcher");
    created.args(["up", "--listen", "127.0.0.1:0"]);
    created.stdout(std::process::Stdio::piped());
    let mut node = created.spawn().unwrap();
    let mut line = String::new();
    let stdout = node.stdout.take().unwrap();
    std::io::BufRead::read_line(&mut std::io::BufReader::new(stdout), &mut line).unwrap();
    node.kill().unwrap();
    node.wait().unwrap();
    assert!(line.contains("\"first_start\":true"), "{line}");
}
