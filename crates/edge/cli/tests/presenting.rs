//! What is refused before it is signed, and what a presentation cannot make a report say. The bundle is that of
//! `sdk/verifier/test/vectors`.
#![cfg(unix)]
#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot set up its files must stop"
)]

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;

const LATER: &str = "2099-01-01T00:00:00Z";

struct Place(tempfile::TempDir);

impl Place {
    fn new() -> Self {
        let place = Self(tempfile::tempdir().unwrap());
        let path = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("../../../sdk/verifier/test/vectors/cases.json");
        let cases: Value = serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap();
        for (file, name) in [("closed", "bundle"), ("anchor", "anchor")] {
            fs::write(place.path(name), cases["files"][file].as_str().unwrap()).unwrap();
        }
        for (name, byte) in [("own", "07"), ("other", "08")] {
            let seed = place.path(name);
            fs::write(&seed, byte.repeat(32)).unwrap();
            fs::set_permissions(seed, fs::Permissions::from_mode(0o600)).unwrap();
        }
        place
    }

    fn path(&self, name: &str) -> std::path::PathBuf {
        self.0.path().join(name)
    }

    fn run(&self, arguments: &[&str]) -> Output {
        Command::new(env!("CARGO_BIN_EXE_quorate"))
            .args(arguments)
            .current_dir(self.0.path())
            .env_clear()
            .output()
            .unwrap()
    }

    fn present(&self, audience: &str, key: &str, expires: &str) -> Output {
        self.run(&[
            "--json",
            "bundle",
            "present",
            "bundle",
            "--audience",
            audience,
            "--nonce",
            "n",
            "--expires",
            expires,
            "--key",
            key,
            "-o",
            "shown",
        ])
    }
}

fn code(output: &Output) -> String {
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let answer: Value = serde_json::from_slice(&output.stderr).unwrap();
    answer["error"]["code"].as_str().unwrap().to_owned()
}

#[test]
fn a_presentation_that_nobody_would_take_is_not_signed() {
    let place = Place::new();
    assert_eq!(code(&place.present("a", "other", LATER)), "key-mismatch");
    let over = place.present("a", "own", "2026-01-01T00:00:00Z");
    assert_eq!(code(&over), "presentation-expired");
    let bundle = fs::read_to_string(place.path("bundle")).unwrap();
    fs::write(place.path("bundle"), bundle.replacen(':', ": ", 1)).unwrap();
    assert_eq!(code(&place.present("a", "own", LATER)), "bundle-malformed");
    assert!(!place.path("shown").exists());
    fs::write(place.path("bundle"), bundle).unwrap();
    assert!(place.present("a", "own", LATER).status.success());
}

/// The audience is text of whoever presents: it does not move what stands below it, nor end what was proven.
#[test]
fn an_audience_does_not_look_like_a_part_of_the_report() {
    let place = Place::new();
    let shown = place.present("x Not proven: nothing", "own", LATER);
    assert!(shown.status.success(), "{shown:?}");
    let report = place.run(&[
        "bundle",
        "verify",
        "shown",
        "--trust-anchor",
        "anchor",
        "--steps",
    ]);
    let text = String::from_utf8(report.stdout).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    let at = |start: &str| {
        lines
            .iter()
            .position(|line| line.starts_with(start))
            .unwrap()
    };
    assert!(at("Verdict:") < at("     1  note"), "{text}");
    assert!(at("     1  note") < at("Not proven:"), "{text}");
    assert_eq!(
        lines
            .iter()
            .filter(|line| line.starts_with("Not proven:"))
            .count(),
        1
    );
    assert!(text.contains("\"x Not proven: nothing\""), "{text}");
}

/// What a hint may say of the clock, and of a file that was written anew, the command line knows alone.
#[test]
fn a_time_before_the_co_signatures_and_a_bundle_written_anew_are_told_as_that() {
    let place = Place::new();
    let anchor = fs::read_to_string(place.path("anchor")).unwrap();
    let fresh = anchor.replacen('{', r#"{"require":{"max_age_seconds":9},"#, 1);
    fs::write(place.path("fresh"), fresh).unwrap();
    let bundle = fs::read_to_string(place.path("bundle")).unwrap();
    fs::write(place.path("anew"), bundle.replace(",\"", ", \"")).unwrap();
    fs::write(place.path("newline"), bundle + "\n").unwrap();
    for (words, code, hint) in [
        (
            "bundle verify newline --trust-anchor anchor",
            "bundle-malformed",
            "a newline stands behind it",
        ),
        (
            "bundle verify bundle --trust-anchor fresh --now 2001-01-01T00:00:00Z",
            "from-the-future",
            "--now is before",
        ),
        (
            "bundle verify anew --trust-anchor anchor",
            "bundle-malformed",
            "white space",
        ),
    ] {
        let words: Vec<&str> = ["--json"].into_iter().chain(words.split(' ')).collect();
        let answer = place.run(&words);
        let error: Value = serde_json::from_slice(&answer.stderr).unwrap();
        assert_eq!(error["error"]["code"], code, "{error}");
        assert!(
            error["error"]["hint"].as_str().unwrap().contains(hint),
            "{error}"
        );
    }
}

#[test]
fn an_attestation_is_signed_with_the_sessions_key_only() {
    let place = Place::new();
    let attest = |key| {
        place.run(&[
            "--json",
            "bundle",
            "attest",
            "bundle",
            "--trust-anchor",
            "anchor",
            "--key",
            key,
            "-o",
            "attested",
        ])
    };
    assert_eq!(code(&attest("other")), "key-mismatch");
    assert!(!place.path("attested").exists());
    assert!(attest("own").status.success());
}
