//! `quorate trust-anchor …`: whom and what to believe. Files only.

use std::path::Path;

use quorate_policy::Policy;
use quorate_verify::anchor::{Anchor, AnchorError, MAX_ANCHOR_LEN};
use serde_json::{Map, Value, json};

use super::actor::jwk;
use super::kind::Kind;
use super::verify::read;
use crate::args::TrustAnchor;
use crate::failure::{Failure, Stop, reason};
use crate::out::{Out, Sink};
use crate::text::{Paint, printable};

/// Longer words are cut where a trust anchor is shown: a vkey of an Ed25519 key with a long name still fits.
const LONGEST_WORD: usize = 140;

pub(super) fn read_anchor(path: &Path) -> Result<Anchor, Failure> {
    const HINT: &str = "'quorate trust-anchor new' writes one; docs/bundles.md says what it holds";
    let bytes =
        read(path, MAX_ANCHOR_LEN as u64).map_err(|failure| match failure.is("too-long") {
            true => failure.hint(format!("name a trust anchor: {HINT}")),
            false => failure,
        })?;
    Anchor::parse(&bytes).map_err(|error| {
        let what = format!("cannot use the trust anchor {}", path.display());
        let hint = match Kind::of(&bytes).as_anchor() {
            Some(hint) => hint.to_owned(),
            None => HINT.to_owned(),
        };
        Failure::refused(error.code(), what, reason(&error)).hint(hint)
    })
}

pub(super) fn run(anchor: TrustAnchor, out: Out) -> Result<(), Stop> {
    match anchor {
        TrustAnchor::New {
            actors,
            policy,
            require_payload_binding,
            audience,
            nonce,
            max_age,
            output,
            force,
        } => {
            let mut anchor = Map::new();
            let mut keys: Vec<Value> = Vec::new();
            for (id, key) in actors {
                let known = keys
                    .iter_mut()
                    .find(|jwk| jwk["x"] == super::actor::jwk(&key)["x"]);
                match known {
                    Some(known) => {
                        if let Some(subjects) = known["subjects"].as_array_mut() {
                            subjects.push(id.into());
                        }
                    }
                    None => {
                        let mut jwk = jwk(&key);
                        jwk["subjects"] = json!([id]);
                        keys.push(jwk);
                    }
                }
            }
            anchor.insert("trust_jwks".to_owned(), json!({"keys": keys}));
            if let Some(file) = policy {
                let bytes = read(&file, quorate_policy::MAX_POLICY_LEN as u64)?;
                anchor.insert("policy".to_owned(), policy_text(&file, &bytes)?.into());
            }
            let mut require = Map::new();
            if require_payload_binding {
                require.insert("payload_binding".to_owned(), true.into());
            }
            for (name, text) in [("audience", audience), ("nonce", nonce)] {
                if let Some(text) = text {
                    require.insert(name.to_owned(), text.into());
                }
            }
            if let Some(seconds) = max_age {
                require.insert("max_age_seconds".to_owned(), seconds.into());
            }
            if !require.is_empty() {
                anchor.insert("require".to_owned(), require.into());
            }
            write(&Value::Object(anchor), output.as_deref(), force, out)
        }
        TrustAnchor::Show { file } => {
            let anchor = read_anchor(&file)?;
            let view = view(&anchor);
            out.answer(&view, |paint| {
                let mut text = String::new();
                for (name, lines) in shown(&anchor) {
                    text.push_str(&format!("{}\n", paint.bold(name)));
                    for line in lines {
                        text.push_str(&format!("  {}\n", printable(&line)));
                    }
                }
                text
            })
        }
        TrustAnchor::Check { file } => {
            let anchor = read_anchor(&file)?;
            let open = anchor.not_asked();
            let answer = json!({"ok": true, "not_asked": open});
            out.answer(&answer, |paint| {
                let mut text = format!(
                    "{} {} is a trust anchor.\n",
                    paint.good("Good:"),
                    file.display()
                );
                if !open.is_empty() {
                    text.push_str(&format!("{}\n", paint.bold(NOT_ASKED)));
                }
                text + &listed(&open, paint)
            })
        }
    }
}

/// What stands before what an anchor does not ask for.
const NOT_ASKED: &str = "It does not ask for:";

fn listed(sentences: &[String], paint: Paint) -> String {
    let lines = sentences.iter();
    lines.map(|line| paint.paragraph("  - ", line)).collect()
}

fn policy_text(file: &Path, bytes: &[u8]) -> Result<String, Failure> {
    let what = || format!("cannot use the policy {}", file.display());
    let parsed = Policy::parse(bytes).map_err(|e| {
        Failure::refused("policy-malformed", what(), reason(&e))
            .hint("'quorate policy check' says what is wrong with it")
    })?;
    if parsed.logs().is_empty() {
        return Err(Failure::refused(
            "policy-malformed",
            what(),
            "it has no 'log' line, so no log's signature could count",
        )
        .hint("'quorate policy show Provenance' writes one with the log's keys"));
    }
    String::from_utf8(bytes.to_vec()).map_err(|_| {
        Failure::refused(
            "policy-malformed",
            what(),
            "it is not UTF-8 text, which JSON must be",
        )
        .hint("write its names in ASCII")
    })
}

fn write(anchor: &Value, output: Option<&Path>, force: bool, out: Out) -> Result<(), Stop> {
    let mut text = serde_json::to_string_pretty(anchor)
        .map_err(|e| Failure::environment("report", "cannot write the trust anchor", reason(&e)))?;
    text.push('\n');
    // What is written is what is read.
    let read = Anchor::parse(text.as_bytes()).map_err(|e| {
        Failure::refused(e.code(), "cannot make this trust anchor", reason(&e)).hint(unmade(&e))
    })?;
    let open = read.not_asked();
    let mut sink = Sink::open_trusted(output, force, "a trust anchor")?;
    sink.write(text.as_bytes())?;
    sink.finish()?;
    if let Some(file) = output.filter(|file| *file != Path::new("-")) {
        let answer = json!({"file": file.display().to_string(), "not_asked": open});
        out.answer(&answer, |_| {
            format!(
                "Written to {}. Hand it over by another way than the bundles it is for.\n",
                file.display()
            )
        })?;
    }
    if !open.is_empty() {
        let lines = listed(&open, out.paint());
        out.aside(&format!("{NOT_ASKED}\n{}", lines.trim_end()));
    }
    Ok(())
}

/// What to do about words that make no anchor.
fn unmade(error: &AnchorError) -> &'static str {
    let about = |member: &str| matches!(error, AnchorError::Expected { path, .. } if path.starts_with(member));
    match error {
        AnchorError::Contradiction(_) => {
            "--max-age needs a --policy whose quorum asks for witnesses: leave one out, or name another policy"
        }
        _ if about("require.max_age_seconds") => "--max-age is a number of seconds, from 1",
        _ if about("require.audience") => {
            "give --audience the text that the presentation is made for, or leave it out"
        }
        _ if about("require.nonce") => {
            "give --nonce the text that you chose for the presentation, or leave it out"
        }
        _ => "an ID is a DID or a SPIFFE ID, or a prefix of some that ends in /* or :*",
    }
}

/// A policy's line for people: an ML-DSA-44 key alone has 1,800 characters.
fn shortened(line: &str) -> String {
    let words = line
        .split(' ')
        .map(|word| match word.char_indices().nth(LONGEST_WORD) {
            None => word.to_owned(),
            Some((end, _)) => format!("{}… ({} characters)", &word[..end], word.chars().count()),
        });
    words.collect::<Vec<_>>().join(" ")
}

fn shown(anchor: &Anchor) -> Vec<(&'static str, Vec<String>)> {
    let mut actors = Vec::new();
    for actor in anchor.actors() {
        actors.push(match actor.kid() {
            Some(kid) => format!("{} ({kid})", actor.key()),
            None => actor.key().to_string(),
        });
        let scopes: Vec<String> = actor.subjects().iter().map(ToString::to_string).collect();
        actors.push(match scopes.is_empty() {
            true => "  may act for anyone".to_owned(),
            false => format!("  may act for {}", scopes.join(", ")),
        });
        let from = actor.not_before().map(|time| format!("from {time}"));
        let until = actor.not_after().map(|time| format!("until {time}"));
        let window: Vec<String> = from.into_iter().chain(until).collect();
        if !window.is_empty() {
            actors.push(format!("  {}", window.join(" ")));
        }
    }
    let log = match anchor.policy() {
        Some(policy) => {
            let text = String::from_utf8_lossy(&policy.render()).into_owned();
            text.lines().map(shortened).collect()
        }
        None => {
            let mut lines = vec![anchor.log_trust().to_owned()];
            if let Some(witnesses) = anchor.witnesses() {
                let (needed, of) = (witnesses.threshold, witnesses.keys.len());
                lines.push(format!("{needed} of these {of} must have co-signed:"));
                lines.extend(witnesses.keys.iter().map(|key| format!("  {key}")));
                lines.extend(witnesses.logs.iter().map(|vkey| format!("log {vkey}")));
            }
            lines
        }
    };
    vec![
        ("Actors", actors),
        ("Log", log),
        ("Requirements", anchor.requirements()),
    ]
}

fn view(anchor: &Anchor) -> Value {
    let actors: Vec<Value> = anchor
        .actors()
        .iter()
        .map(|actor| {
            json!({
                "key": actor.key().to_string(),
                "kid": actor.kid(),
                "subjects": actor.subjects().iter().map(ToString::to_string).collect::<Vec<_>>(),
                "not_before": actor.not_before().map(|t| t.to_string()),
                "not_after": actor.not_after().map(|t| t.to_string()),
            })
        })
        .collect();
    let policy = anchor
        .policy()
        .map(|p| String::from_utf8_lossy(&p.render()).into_owned());
    json!({
        "actors": actors,
        "policy": policy,
        "log": anchor.log_trust(),
        "witnesses": anchor.witnesses().map(|witnesses| json!({
            "threshold": witnesses.threshold,
            "keys_hex": witnesses.keys,
            "logs": witnesses.logs,
        })),
        "requirements": anchor.requirements(),
        "not_asked": anchor.not_asked(),
    })
}
