//! Traces and logs into a real node, and out again as bundles.
#![cfg(unix)]
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test stops at what it did not expect"
)]

mod scene;

use std::fs;
use std::path::Path;

use serde_json::Value;

use scene::{ACTOR, Scene, text};

fn example(name: &str) -> String {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../examples/agent-trace");
    folder.join(name).display().to_string()
}

impl Scene {
    fn import(&self, file: &str, flags: &str) -> Value {
        let words = format!("session import {file} --subject {ACTOR} --key seed{flags}");
        self.json(&words)
    }

    /// The session's bundle, and what its verifier says of it.
    fn verified(&self, session: &str) -> (Value, Value) {
        self.does(&format!("bundle export {session} -o bundle --with-sealed"));
        let report = self.json("bundle verify bundle --trust-anchor anchor.json --steps");
        let bundle = serde_json::from_slice(&fs::read(self.file("bundle")).unwrap()).unwrap();
        (bundle, report)
    }
}

fn kinds(report: &Value) -> Vec<&str> {
    let listed = report["listed"].as_array().unwrap();
    listed.iter().map(|step| text(step, "kind")).collect()
}

#[test]
fn real_traces_and_logs_become_sessions_that_verify() {
    let scene = Scene::new();
    let traced = [
        "note",
        "note",
        "note",
        "model_call",
        "retrieval",
        "tool_call",
        "model_call",
        "tool_call",
        "model_call",
        "note",
    ];
    for name in ["trace.otlp.jsonl", "trace-older-names.otlp.jsonl"] {
        let done = scene.import(&example(name), " --source model_call=user");
        let (bundle, report) = scene.verified(text(&done, "session"));
        assert_eq!(kinds(&report), traced);
        assert_eq!(report["complete"], true);
        // Before the page was fetched the model said what it was asked; afterwards everything derives from the web.
        let listed = report["listed"].as_array().unwrap();
        assert_eq!(listed[3]["integrity"], "trusted");
        assert_eq!(
            listed[7]["sources"],
            serde_json::json!(["user", "web", "tool"])
        );
        let file = fs::read(example(name)).unwrap();
        let opening = &bundle["steps"][0];
        assert_eq!(opening["attributes"]["import.format"], "otlp");
        assert_eq!(opening["attributes"]["import.trace"], done["trace"]);
        let hash = quorate_verify::bundle::payload_hash(&file).to_string();
        assert_eq!(opening["attributes"]["import.file"], hash.as_str());
        // The spans are in it, member by member.
        let export: Value = serde_json::from_slice(&file).unwrap();
        for scope in export["resourceSpans"][0]["scopeSpans"].as_array().unwrap() {
            for span in scope["spans"].as_array().unwrap() {
                let steps = bundle["steps"].as_array().unwrap();
                assert!(
                    steps.iter().any(|step| step["content"]["inline"] == *span),
                    "{span}"
                );
            }
        }
        assert_eq!(
            opening["timestamp"].as_str().map(|t| &t[..11]),
            Some("2025-06-02T")
        );
    }
    fs::write(scene.file("made.json"), "{\"summary\": 1}").unwrap();
    let done = scene.import(&example("agent-log.jsonl"), " --payload made.json");
    let (_, report) = scene.verified(text(&done, "session"));
    assert_eq!(
        kinds(&report),
        [
            "note",
            "note",
            "retrieval",
            "model_call",
            "artifact",
            "tool_call"
        ]
    );
    assert_eq!(report["payload"]["hash"], done["payload"]);
    let done = scene.import(&example("chat.jsonl"), "");
    let (_, report) = scene.verified(text(&done, "session"));
    assert_eq!(
        report["sources"],
        serde_json::json!(["user", "operator", "tool"])
    );
}

#[test]
fn each_trace_of_a_file_is_a_session_and_one_can_be_picked() {
    let scene = Scene::new();
    let first = fs::read_to_string(example("trace.otlp.jsonl")).unwrap();
    let second = fs::read_to_string(example("trace-older-names.otlp.jsonl")).unwrap();
    fs::write(scene.file("both"), format!("{first}{second}{first}")).unwrap();
    let words = format!("session import both --subject {ACTOR} --key seed");
    let done = scene.run(&words);
    assert!(done.status.success());
    assert_eq!(String::from_utf8(done.stdout).unwrap().lines().count(), 2);
    let aside = String::from_utf8(done.stderr).unwrap();
    assert!(aside.contains("Left out: 7 spans"), "{aside}");
    fs::write(scene.file("made.json"), "{}").unwrap();
    let bound = format!("{words} --payload made.json");
    assert_eq!(scene.run(&bound).status.code(), Some(2));
    let preview = scene.json("session import both --dry-run");
    let trace = text(&preview["traces"][1], "trace").to_owned();
    let upper = trace.to_ascii_uppercase();
    let done = scene.json(&format!("{bound} --trace {upper}"));
    assert_eq!(text(&done, "trace"), trace);
    let sessions = scene.json("session list");
    assert_eq!(sessions["sessions"].as_array().unwrap().len(), 3);
}

#[test]
fn sealed_spans_are_shown_to_the_octet_and_are_not_in_the_receipts() {
    let scene = Scene::new();
    let done = scene.import(&example("agent-log.jsonl"), " --seal");
    let (bundle, report) = scene.verified(text(&done, "session"));
    assert_eq!(report["content_shown"], 6);
    let steps = bundle["steps"].to_string();
    assert!(!steps.contains("breaks nothing") && steps.contains("summary.txt"));
    let log = fs::read_to_string(example("agent-log.jsonl")).unwrap();
    for (line, sealed) in log.lines().zip(bundle["sealed"].as_array().unwrap()) {
        let content = quorate_note::base64::decode(text(sealed, "content").as_bytes()).unwrap();
        assert_eq!(String::from_utf8(content).unwrap(), line);
    }
}

/// As if the node had gone away after two steps: what is missing is recorded, and derives from what was there.
#[test]
fn an_import_goes_on_where_it_broke_off() {
    let scene = Scene::new();
    let file = example("agent-log.jsonl");
    let preview = scene.json(&format!("session import {file} --dry-run"));
    let plan = text(&preview["traces"][0], "plan").to_owned();
    let words = format!("session open --subject {ACTOR} --key seed --attribute import.plan={plan}");
    let session = scene.does(&words).trim().to_owned();
    for source in ["user", "local_file"] {
        scene.does(&format!(
            "session step {session} --key seed --note --source {source}"
        ));
    }
    let resume = format!("session import {file} --key seed --resume {session}");
    // Other flags are another import.
    assert_eq!(scene.refused(&format!("{resume} --seal")), "other-import");
    assert_eq!(
        scene.refused(&format!("{resume} --source note=web")),
        "other-import"
    );
    let done = scene.json(&resume);
    assert_eq!(done["steps"], 6);
    let (bundle, report) = scene.verified(&session);
    assert_eq!(report["steps"], 6);
    let steps = bundle["steps"].as_array().unwrap();
    assert_eq!(
        steps[4]["parents"],
        serde_json::json!([steps[2]["root_hash"], steps[3]["root_hash"]])
    );
    assert_eq!(scene.refused(&resume), "session-closed");
}

/// The node refuses the last of several batches: what is recorded is told, and the rest follows once it may.
#[test]
fn a_large_import_says_what_was_recorded_before_it_broke_off() {
    let mut scene = Scene::new();
    let filler = "x".repeat(3000);
    let line = format!("{{\"source\":\"web\",\"text\":\"{filler}\"}}\n");
    let deploy = "{\"kind\":\"tool_call\",\"tool\":\"deploy\"}\n";
    fs::write(scene.file("log"), line.repeat(2500) + deploy).unwrap();
    scene.stop();
    scene.configured("[[flow]]\nkind = \"tool_call\"\nname = \"deploy\"\nwithout = [\"web\"]\n");
    scene.start("data");
    let words = format!("session import log --subject {ACTOR} --key seed");
    let refused = scene.run(&words);
    assert_eq!(refused.status.code(), Some(1));
    let error = String::from_utf8(refused.stderr).unwrap();
    let sessions = scene.json("session list");
    let [session] = sessions["sessions"].as_array().unwrap().as_slice() else {
        panic!("{sessions}");
    };
    let (id, steps) = (text(session, "id"), session["steps"].as_u64().unwrap());
    assert!(
        (2000..2500).contains(&steps) && session["state"] == "open",
        "{session}"
    );
    assert!(error.contains("must not derive from web"), "{error}");
    let told = format!("{steps} of 2501 steps of the session {id} are recorded");
    assert!(
        error.contains(&told) && error.contains(&format!("--resume {id}")),
        "{error}"
    );
    scene.stop();
    scene.configured("");
    scene.start("data");
    scene.does(&format!("session import log --key seed --resume {id}"));
    let (_, report) = scene.verified(id);
    assert_eq!(
        (&report["steps"], &report["complete"]),
        (&Value::from(2501), &Value::from(true))
    );
    assert_eq!(report["sources"], serde_json::json!(["web", "tool"]));
}

#[test]
fn an_import_that_is_left_open_is_closed_by_going_on() {
    let scene = Scene::new();
    let file = example("chat.jsonl");
    let session = scene.import(&file, " --open");
    let session = text(&session, "session");
    assert_eq!(
        scene.json(&format!("session show {session}"))["state"],
        "open"
    );
    scene.does(&format!(
        "session import {file} --key seed --resume {session}"
    ));
    let (_, report) = scene.verified(session);
    assert_eq!(report["steps"], 5);
}

#[test]
fn nothing_is_recorded_of_a_file_with_a_mistake_or_from_the_future() {
    let scene = Scene::new();
    let import = |name: &str| format!("session import {name} --subject {ACTOR} --key seed");
    fs::write(
        scene.file("wrong"),
        "{}\n{\"kind\":\"note\",\"source\":\"nobody\"}\n",
    )
    .unwrap();
    fs::write(
        scene.file("ahead"),
        "{\"time\":\"2025-01-01T00:00:00Z\"}\n{\"time\":\"9999-01-01T00:00:00Z\"}\n",
    )
    .unwrap();
    let large = format!("{{}}\n{{\"s\":\"{}\"}}\n", "x".repeat(20 << 20));
    fs::write(scene.file("large"), large).unwrap();
    assert_eq!(
        scene.refused(&format!("{} --seal", import("large"))),
        "too-long"
    );
    assert_eq!(scene.refused(&import("wrong")), "import-malformed");
    assert_eq!(scene.refused(&import("ahead")), "ahead");
    let other = format!("{} --trace 00", import(&example("trace.otlp.jsonl")));
    assert_eq!(scene.refused(&other), "no-trace");
    assert_eq!(
        scene.json("session list")["sessions"],
        serde_json::json!([])
    );
}
