//! Appending, proving and erasing over the API of a real node.

#![expect(clippy::unwrap_used, reason = "helpers of tests stop as tests do")]

mod common;

use axum::http::StatusCode;
use common::{call, close, get, get_json, new_scroll, open, post, rig, stream};
use futures_util::FutureExt as _;
use quorate_node::Mode;
use serde_json::{Value, json};

#[tokio::test(flavor = "multi_thread")]
async fn a_receipt_is_appended_proved_and_verified_from_files_alone() {
    let rig = rig().await;
    new_scroll(&rig.api, "Compliance", "receipts", "restricted").await;
    for n in 0..5 {
        let (status, body) = post(
            &rig.api,
            "/scrolls/Compliance/receipts",
            json!({"type": "check", "n": n}),
        )
        .await;
        assert_eq!(
            (status, body["index"].as_u64()),
            (StatusCode::OK, Some(n)),
            "{body}"
        );
        assert_eq!(body["watermark"], "durable");
    }
    let (_, entry) = get(&rig.api, "/scrolls/Compliance/entries/3").await;
    let (status, proof) = get(&rig.api, "/scrolls/Compliance/proof?index=3").await;
    assert_eq!(status, StatusCode::OK);
    let (_, policy) = get(&rig.api, "/scrolls/Compliance/policy").await;
    let policy = quorate_policy::Policy::parse(&policy).unwrap();
    let report = quorate_verify::verify_entry(&proof, &entry, &policy).unwrap();
    assert_eq!(report.index(), 3);
    let mut altered = entry.clone();
    altered[5] ^= 1;
    assert!(quorate_verify::verify_entry(&proof, &altered, &policy).is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restart_finds_everything_and_goes_on() {
    let dir = tempfile::tempdir().unwrap();
    let node = open(dir.path(), Mode::Online).await;
    assert!(node.first_start());
    let api = node.api();
    new_scroll(&api, "A", "receipts", "public").await;
    post(
        &api,
        "/scrolls/A/receipts",
        json!({"type": "x", "id": "one"}),
    )
    .await;
    let before = get_json(&api, "/scrolls/A").await;
    drop(api);
    close(node).await;
    let node = open(dir.path(), Mode::Online).await;
    assert!(!node.first_start());
    let api = node.api();
    let after = get_json(&api, "/scrolls/A").await;
    assert_eq!(
        (&before["root"], &before["vkeys"]),
        (&after["root"], &after["vkeys"])
    );
    let (_, body) = post(&api, "/scrolls/A/receipts", json!({"type": "x"})).await;
    assert_eq!(body["index"], 1);
    let (_, found) = get(&api, "/scrolls/A/receipts?id=one").await;
    assert_eq!(found.iter().filter(|b| **b == b'\n').count(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn receipts_are_found_by_index_hash_id_and_time() {
    let rig = rig().await;
    new_scroll(&rig.api, "A", "receipts", "public").await;
    for n in 0..20 {
        let body = json!({"type": "x", "id": format!("r-{n}"), "timestamp": format!("2026-01-01T00:00:{n:02}Z")});
        post(&rig.api, "/scrolls/A/receipts", body).await;
    }
    let line = |bytes: Vec<u8>| -> Vec<Value> {
        bytes
            .split(|b| *b == b'\n')
            .filter(|l| !l.is_empty())
            .map(|l| serde_json::from_slice(l).unwrap())
            .collect()
    };
    let (_, by_index) = get(&rig.api, "/scrolls/A/receipts?index=7").await;
    let seven = line(by_index).remove(0);
    for query in [
        format!("hash={}", seven["leaf_hash"].as_str().unwrap()),
        format!("hash={}", seven["receipt"]["root_hash"].as_str().unwrap()),
        "id=r-7".to_owned(),
        "since=2026-01-01T00:00:07Z&until=2026-01-01T00:00:08Z".to_owned(),
        "from=7&limit=1".to_owned(),
    ] {
        let (status, found) = get(&rig.api, &format!("/scrolls/A/receipts?{query}")).await;
        assert_eq!(
            (status, line(found)),
            (StatusCode::OK, vec![seven.clone()]),
            "{query}"
        );
    }
    let (_, none) = get(&rig.api, "/scrolls/A/receipts?id=nobody").await;
    assert_eq!(none, b"");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_array_is_appended_all_or_nothing_and_its_bad_item_is_named() {
    let rig = rig().await;
    new_scroll(&rig.api, "A", "receipts", "public").await;
    let (status, body) = post(
        &rig.api,
        "/scrolls/A/receipts",
        json!([{"type": "x"}, {"no": "type"}, {"type": "x"}]),
    )
    .await;
    assert_eq!(
        (status, &body["error"]["line"]),
        (StatusCode::BAD_REQUEST, &json!(2)),
        "{body}"
    );
    assert_eq!(get_json(&rig.api, "/scrolls/A").await["size"], 0);
    let (status, body) = post(
        &rig.api,
        "/scrolls/A/receipts",
        json!([{"type": "x"}, {"type": "y"}]),
    )
    .await;
    assert_eq!(status, StatusCode::OK);
    assert_eq!(body["receipts"][1]["index"], 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_says_how_far_it_got_and_names_its_bad_line() {
    let rig = rig().await;
    new_scroll(&rig.api, "A", "receipts", "public").await;
    let good: Vec<u8> = (0..30_000)
        .flat_map(|n| format!("{{\"type\":\"x\",\"n\":{n}}}\n").into_bytes())
        .collect();
    let (status, body) = stream(&rig.api, "/scrolls/A/receipts", &good).await;
    assert_eq!(
        (status, &body["lines"]),
        (StatusCode::OK, &json!(30_000)),
        "{body}"
    );
    assert_eq!(get_json(&rig.api, "/scrolls/A").await["size"], 30_000);
    // Two good chunks, then a bad line: whole chunks before it stand, the bad one has left nothing behind.
    let line = format!("{{\"type\":\"x\",\"pad\":\"{}\"}}\n", "p".repeat(1000));
    let mut bad = line.repeat(2500).into_bytes();
    bad.extend_from_slice(b"{\"type\":\"x\",\"type\":\"y\"}\n");
    let (status, body) = stream(&rig.api, "/scrolls/A/receipts", &bad).await;
    assert_eq!(
        (status, &body["error"]["line"]),
        (StatusCode::BAD_REQUEST, &json!(2501)),
        "{body}"
    );
    let durable = body["durable"]["lines"].as_u64().unwrap();
    assert!(durable < 2501);
    assert_eq!(
        get_json(&rig.api, "/scrolls/A").await["size"],
        30_000 + durable
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn oversized_truncated_duplicate_key_crlf_and_non_utf8_input_changes_nothing() {
    let rig = rig().await;
    new_scroll(&rig.api, "A", "receipts", "public").await;
    let long = format!("{{\"type\":\"x\",\"pad\":\"{}\"}}", "p".repeat(65_536));
    let cases: [(&[u8], &str); 6] = [
        (long.as_bytes(), "too-long"),
        (b"{\"type\":\"x\"", "malformed"),
        (b"{\"type\":\"x\",\"type\":\"x\"}", "malformed"),
        (b"{\"type\":\"\xff\"}", "malformed"),
        (b"{\"no\":\"type\"}", "not-a-receipt"),
        (b"", "malformed"),
    ];
    for (input, code) in cases {
        let (_, body) = call(
            &rig.api,
            "POST",
            "/scrolls/A/receipts",
            "application/json",
            input,
        )
        .await;
        let body: Value = serde_json::from_slice(&body).unwrap();
        assert_eq!(
            body["error"]["code"],
            code,
            "{}",
            String::from_utf8_lossy(&input[..input.len().min(60)])
        );
    }
    let (_, body) = stream(&rig.api, "/scrolls/A/receipts", b"{\"type\":\"x\"}\r\n").await;
    assert_eq!(
        (&body["error"]["code"], &body["error"]["line"]),
        (&json!("carriage-return"), &json!(1))
    );
    let (_, body) = post(
        &rig.api,
        "/scrolls/A/receipts",
        json!({"type": "x", "pad": "p".repeat(65_500)}),
    )
    .await;
    let hint = format!("{}{}", body["error"]["message"], body["error"]["hint"]);
    assert!(
        hint.contains("hash") && hint.contains("--seal"),
        "the two ways out are named: {hint}"
    );
    assert_eq!(get_json(&rig.api, "/scrolls/A").await["size"], 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_raw_scroll_takes_opaque_entries_and_serves_them_in_bundles() {
    let rig = rig().await;
    new_scroll(&rig.api, "Raw", "raw", "public").await;
    for n in 0..3u8 {
        let (status, index) =
            call(&rig.api, "POST", "/scrolls/Raw/add", "", &[n, b'\n', 0xff]).await;
        assert_eq!(
            (status, index),
            (StatusCode::OK, n.to_string().into_bytes())
        );
    }
    let (status, _) = call(&rig.api, "POST", "/scrolls/Raw/checkpoint", "", b"").await;
    assert_eq!(status, StatusCode::OK);
    let (status, bundle) = get(&rig.api, "/scrolls/Raw/tile/entries/000.p/3").await;
    assert_eq!(
        (status, bundle),
        (
            StatusCode::OK,
            vec![0, 3, 0, 10, 255, 0, 3, 1, 10, 255, 0, 3, 2, 10, 255]
        )
    );
    let (status, _) = get(&rig.api, "/scrolls/Raw/tile/0/000.p/4").await;
    assert_eq!(status, StatusCode::NOT_FOUND);
    let (status, tile) = get(&rig.api, "/scrolls/Raw/tile/0/000.p/3").await;
    assert_eq!((status, tile.len()), (StatusCode::OK, 96));
    let (status, body) = post(&rig.api, "/scrolls/Raw/receipts", json!({"type": "x"})).await;
    assert_eq!(
        (status, &body["error"]["code"]),
        (StatusCode::CONFLICT, &json!("wrong-format"))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn engine_scrolls_refuse_generic_appends() {
    let rig = rig().await;
    let before = get_json(&rig.api, "/scrolls/Identity").await;
    let (status, body) = post(
        &rig.api,
        "/scrolls/Identity/receipts",
        json!({"type": "key_rotation"}),
    )
    .await;
    assert_eq!(
        (status, &body["error"]["code"]),
        (StatusCode::FORBIDDEN, &json!("engine-scroll"))
    );
    assert_eq!(
        get_json(&rig.api, "/scrolls/Identity").await["size"],
        before["size"]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn scroll_names_that_differ_only_in_case_are_refused() {
    let rig = rig().await;
    new_scroll(&rig.api, "PsiField", "receipts", "restricted").await;
    for name in ["psifield", "PsiField", "IDENTITY", "bad name", "../x", ""] {
        let (status, _) = post(&rig.api, "/scrolls", json!({"name": name})).await;
        assert!(status.is_client_error(), "{name:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn erased_content_is_gone_its_proof_stays_and_says_so() {
    let rig = rig().await;
    new_scroll(&rig.api, "A", "receipts", "restricted").await;
    let (status, body) = call(
        &rig.api,
        "POST",
        "/scrolls/A/sealed?type=report",
        "",
        b"personal data",
    )
    .await;
    assert_eq!(status, StatusCode::OK, "{}", String::from_utf8_lossy(&body));
    let (_, content) = get(&rig.api, "/scrolls/A/sealed/0").await;
    assert_eq!(content, b"personal data");
    let (_, entry) = get(&rig.api, "/scrolls/A/entries/0").await;
    let sealed = rig.dir.path().join("data/receipts/a/sealed");
    assert!(contains(&sealed, b"personal data"));
    let (status, body) = post(
        &rig.api,
        "/scrolls/A/erase",
        json!({"index": 0, "reason": "subject's request"}),
    )
    .await;
    assert_eq!(
        (status, &body["index"]),
        (StatusCode::OK, &json!(1)),
        "{body}"
    );
    assert!(!contains(&sealed, b"personal data"));
    let (status, gone) = get(&rig.api, "/scrolls/A/sealed/0").await;
    assert_eq!(status, StatusCode::GONE);
    assert!(
        String::from_utf8(gone)
            .unwrap()
            .contains("content erased on ")
    );
    let (_, proof) = get(&rig.api, "/scrolls/A/proof?index=0").await;
    let (_, policy) = get(&rig.api, "/scrolls/A/policy").await;
    let policy = quorate_policy::Policy::parse(&policy).unwrap();
    let report = quorate_verify::verify_entry(&proof, &entry, &policy).unwrap();
    assert!(report.content_erased().is_some());
    // Again: nothing new is recorded.
    let (_, body) = post(
        &rig.api,
        "/scrolls/A/erase",
        json!({"index": 0, "reason": "again"}),
    )
    .await;
    assert_eq!(body["index"], 1);
    assert_eq!(get_json(&rig.api, "/scrolls/A").await["size"], 2);
}

fn contains(dir: &std::path::Path, needle: &[u8]) -> bool {
    let Ok(entries) = std::fs::read_dir(dir) else {
        return false;
    };
    entries.flatten().any(|e| {
        let path = e.path();
        if path.is_dir() {
            contains(&path, needle)
        } else {
            std::fs::read(&path)
                .unwrap()
                .windows(needle.len())
                .any(|w| w == needle)
        }
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_caller_that_waits_for_a_checkpoint_gets_the_finished_proof() {
    let rig = rig().await;
    new_scroll(&rig.api, "A", "receipts", "public").await;
    let (_, body) = post(
        &rig.api,
        "/scrolls/A/receipts?wait=checkpoint",
        json!({"type": "x"}),
    )
    .await;
    assert!(
        body["proof"]
            .as_str()
            .unwrap()
            .starts_with("c2sp.org/tlog-proof@v1\n"),
        "{body}"
    );
    let (status, body) = post(
        &rig.api,
        "/scrolls/A/receipts?wait=quorate",
        json!({"type": "x"}),
    )
    .await;
    assert_eq!(
        (status, &body["error"]["code"]),
        (StatusCode::CONFLICT, &json!("unwitnessed"))
    );
    assert_eq!(
        get_json(&rig.api, "/scrolls/A").await["size"],
        1,
        "nothing was appended"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn log_keys_rotate_with_overlap_and_retired_keys_never_sign_again() {
    let rig = rig().await;
    new_scroll(&rig.api, "A", "receipts", "public").await;
    post(
        &rig.api,
        "/scrolls/A/receipts?wait=checkpoint",
        json!({"type": "x"}),
    )
    .await;
    let vkeys = |info: &Value| info["vkeys"].as_array().unwrap().clone();
    let old = vkeys(&get_json(&rig.api, "/scrolls/A").await);
    let (status, body) = post(&rig.api, "/keys/rotate", json!({"role": "log"})).await;
    assert_eq!(
        (status, &body["event"]),
        (StatusCode::OK, &json!("role_key")),
        "{body}"
    );
    let both = vkeys(&get_json(&rig.api, "/scrolls/A").await);
    assert_eq!((old.len(), both.len()), (2, 4));
    let (_, body) = post(
        &rig.api,
        "/scrolls/A/receipts?wait=checkpoint",
        json!({"type": "x"}),
    )
    .await;
    assert_eq!(
        body["proof"].as_str().unwrap().matches("\u{2014} ").count(),
        4
    );
    let (status, body) = post(
        &rig.api,
        "/keys/rotate",
        json!({"role": "log", "retire": true}),
    )
    .await;
    assert_eq!(status, StatusCode::OK, "{body}");
    let new = vkeys(&get_json(&rig.api, "/scrolls/A").await);
    assert!(new.len() == 2 && new.iter().all(|k| !old.contains(k)));
    let (_, body) = post(
        &rig.api,
        "/scrolls/A/receipts?wait=checkpoint",
        json!({"type": "x"}),
    )
    .await;
    assert_eq!(
        body["proof"].as_str().unwrap().matches("\u{2014} ").count(),
        2
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_identity_rotates_to_the_committed_key_also_from_offline() {
    let rig = rig().await;
    let before = get_json(&rig.api, "/keys").await;
    let (status, body) = post(&rig.api, "/keys/rotate", json!({"role": "identity"})).await;
    assert_eq!(status, StatusCode::OK, "{body}");
    let after = get_json(&rig.api, "/keys").await;
    assert_ne!(before["identity_key"], after["identity_key"]);
    assert_eq!(before["node"], after["node"]);
    let (_, body) = call(&rig.api, "POST", "/keys/offline", "", b"").await;
    let text: Value = serde_json::from_slice(&body).unwrap();
    let text = text["next_key"].as_str().unwrap().to_owned();
    let commitment = text
        .lines()
        .find_map(|l| l.strip_prefix("commitment: "))
        .unwrap();
    assert_eq!(
        get_json(&rig.api, "/keys").await["next_key"],
        "on this machine",
        "an answer that got lost loses no key"
    );
    let (status, _) = post(&rig.api, "/keys/offline", json!({"commitment": commitment})).await;
    assert_eq!(status, StatusCode::OK);
    assert_eq!(get_json(&rig.api, "/keys").await["next_key"], "offline");
    let (status, body) = post(&rig.api, "/keys/rotate", json!({"role": "identity"})).await;
    assert_eq!(status, StatusCode::CONFLICT, "{body}");
    let (status, body) = post(
        &rig.api,
        "/keys/rotate",
        json!({"role": "identity", "next_key": text}),
    )
    .await;
    assert_eq!(status, StatusCode::OK, "{body}");
    assert_eq!(
        get_json(&rig.api, "/keys").await["next_key"],
        "on this machine"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_of_a_running_node_is_restored_into_an_empty_directory_only() {
    let rig = rig().await;
    new_scroll(&rig.api, "A", "receipts", "restricted").await;
    call(&rig.api, "POST", "/scrolls/A/sealed", "", b"kept content").await;
    post(
        &rig.api,
        "/scrolls/A/receipts?wait=checkpoint",
        json!({"type": "x"}),
    )
    .await;
    let (_, made) = post(
        &rig.api,
        "/tokens",
        json!({"actor": "did:vm:agent:a", "scrolls": ["A"]}),
    )
    .await;
    assert!(made["token"].is_string());
    let copy = rig.dir.path().join("copy");
    let (status, body) = post(&rig.api, "/backup", json!({"to": copy.to_str().unwrap()})).await;
    assert_eq!(status, StatusCode::OK, "{body}");
    let (status, _) = post(&rig.api, "/backup", json!({"to": copy.to_str().unwrap()})).await;
    assert_eq!(status, StatusCode::CONFLICT, "a backup never overwrites");
    let before = get_json(&rig.api, "/scrolls/A").await;

    assert!(
        quorate_node::restore(&copy, &rig.dir.path().join("data")).is_err(),
        "restore needs an empty directory"
    );
    let other = tempfile::tempdir().unwrap();
    quorate_node::restore(&copy, &other.path().join("data")).unwrap();
    let node = open(other.path(), Mode::Online).await;
    let api = node.api();
    let after = get_json(&api, "/scrolls/A").await;
    assert_eq!(
        (&before["root"], &before["origin"], &before["vkeys"]),
        (&after["root"], &after["origin"], &after["vkeys"])
    );
    let (_, content) = get(&api, "/scrolls/A/sealed/0").await;
    assert_eq!(content, b"kept content");
    assert_eq!(
        get_json(&api, "/tokens").await["tokens"],
        json!([]),
        "a revocation made since must not be undone"
    );
    assert!(get_json(&api, "/node").await["restored_from"].is_string());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_or_unfinished_backup_is_refused() {
    let rig = rig().await;
    new_scroll(&rig.api, "A", "receipts", "restricted").await;
    post(
        &rig.api,
        "/scrolls/A/receipts?wait=checkpoint",
        json!({"type": "x"}),
    )
    .await;
    let copy = rig.dir.path().join("copy");
    post(&rig.api, "/backup", json!({"to": copy.to_str().unwrap()})).await;
    let target = rig.dir.path().join("restored");
    let record = copy.join("receipts/a/a_events.jsonl");
    let mut bytes = std::fs::read(&record).unwrap();
    bytes[10] ^= 1;
    std::fs::write(&record, &bytes).unwrap();
    assert!(quorate_node::restore(&copy, &target).is_err());
    bytes[10] ^= 1;
    std::fs::write(&record, &bytes).unwrap();
    std::fs::remove_file(copy.join("BACKUP")).unwrap();
    assert!(quorate_node::restore(&copy, &target).is_err());
    assert!(!target.exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_behind_its_own_signed_checkpoint_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let node = open(dir.path(), Mode::Online).await;
    let api = node.api();
    new_scroll(&api, "A", "receipts", "restricted").await;
    post(
        &api,
        "/scrolls/A/receipts?wait=checkpoint",
        json!({"type": "x"}),
    )
    .await;
    drop(api);
    close(node).await;
    let scroll = dir.path().join("data/receipts/a");
    let saved = dir.path().join("old");
    copy(&scroll, &saved);
    let node = open(dir.path(), Mode::Online).await;
    let api = node.api();
    post(
        &api,
        "/scrolls/A/receipts?wait=checkpoint",
        json!({"type": "y"}),
    )
    .await;
    drop(api);
    close(node).await;
    std::fs::remove_dir_all(&scroll).unwrap();
    copy(&saved, &scroll);
    let error = common::try_open(common::config(dir.path()), Mode::Online)
        .await
        .unwrap_err();
    assert!(
        error.to_string().contains("a head over 2 was signed"),
        "{error}"
    );
}

fn copy(from: &std::path::Path, to: &std::path::Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        let target = to.join(path.file_name().unwrap());
        if path.is_dir() {
            copy(&path, &target);
        } else {
            std::fs::copy(&path, &target).unwrap();
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_of_keys_is_carried_to_its_end_when_its_caller_goes_away() {
    let dir = tempfile::tempdir().unwrap();
    let node = open(dir.path(), Mode::Online).await;
    let api = node.api();
    for _ in 0..5 {
        let events = get_json(&api, "/keys").await["events"].as_u64().unwrap();
        // Polled once, then dropped: the caller has gone away.
        let gone = post(&api, "/keys/rotate", json!({"role": "identity"}));
        assert!(gone.now_or_never().is_none());
        while get_json(&api, "/keys").await["events"].as_u64().unwrap() == events {
            tokio::task::yield_now().await;
        }
    }
    drop(api);
    close(node).await;
    open(dir.path(), Mode::Online).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_quiet_scroll_is_signed_anew_when_log_keys_change() {
    let rig = rig().await;
    new_scroll(&rig.api, "Quiet", "receipts", "public").await;
    let signatures = async || {
        let (_, note) = get(&rig.api, "/scrolls/Quiet/checkpoint").await;
        String::from_utf8(note)
            .unwrap()
            .matches("\u{2014} ")
            .count()
    };
    for (body, expected) in [
        (json!({"role": "log"}), 4),
        (json!({"role": "log", "retire": true}), 2),
    ] {
        let (status, answer) = post(&rig.api, "/keys/rotate", body).await;
        assert_eq!(status, StatusCode::OK, "{answer}");
        while signatures().await != expected {
            tokio::task::yield_now().await;
        }
    }
    let (_, policy) = get(&rig.api, "/scrolls/Quiet/policy").await;
    let policy = quorate_policy::Policy::parse(&policy).unwrap();
    let (_, note) = get(&rig.api, "/scrolls/Quiet/checkpoint").await;
    policy
        .verify(quorate_note::SignedCheckpoint::parse(&note).unwrap())
        .unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_can_pose_as_the_record_of_an_erasure() {
    let rig = rig().await;
    new_scroll(&rig.api, "A", "receipts", "restricted").await;
    for forged in [
        json!({"type": "content_erased"}),
        json!({"type": "x", "id": "erasure-of-blake3:00"}),
    ] {
        let (status, body) = post(&rig.api, "/scrolls/A/receipts", forged).await;
        assert_eq!(status, StatusCode::BAD_REQUEST, "{body}");
    }
    assert_eq!(get_json(&rig.api, "/scrolls/A").await["size"], 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn r3_a_scroll_of_which_a_head_was_signed_cannot_just_be_gone() {
    let dir = tempfile::tempdir().unwrap();
    let node = open(dir.path(), Mode::Online).await;
    new_scroll(&node.api(), "A", "receipts", "restricted").await;
    close(node).await;
    std::fs::remove_dir_all(dir.path().join("data/receipts/a")).unwrap();
    let error = common::try_open(common::config(dir.path()), Mode::Online)
        .await
        .unwrap_err();
    assert!(error.to_string().contains("\"A\" is missing"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn r3_an_operator_token_that_others_can_read_or_that_was_emptied_is_refused() {
    use std::os::unix::fs::PermissionsExt as _;
    let dir = tempfile::tempdir().unwrap();
    close(open(dir.path(), Mode::Online).await).await;
    let token = dir.path().join("data/operator.token");
    std::fs::set_permissions(&token, std::fs::Permissions::from_mode(0o644)).unwrap();
    assert!(
        common::try_open(common::config(dir.path()), Mode::Online)
            .await
            .is_err()
    );
    std::fs::set_permissions(&token, std::fs::Permissions::from_mode(0o600)).unwrap();
    std::fs::write(&token, "\n").unwrap();
    assert!(
        common::try_open(common::config(dir.path()), Mode::Online)
            .await
            .is_err()
    );
    std::fs::remove_file(&token).unwrap();
    open(dir.path(), Mode::Online).await;
}
