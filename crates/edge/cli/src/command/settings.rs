//! `quorate config …`: what the configuration comes to, and what its keys mean.

use std::path::Path;

use quorate_node::{
    CONFIG_KEYS, CONFIG_VARIABLES, Config as NodeConfig, ConfigKey, SecretSource, WitnessConfig,
};
use quorate_provenance::SourceClass;
use serde_json::{Value, json};

use crate::args::{Config, Global};
use crate::failure::{Failure, Stop};
use crate::local::Settings;
use crate::near;
use crate::out::Out;
use crate::text::{Fields, Paint};

pub(super) fn run(global: &Global, config: &Config, out: Out) -> Result<(), Stop> {
    match config {
        Config::Show => show(&Settings::load(global)?.config(), out),
        Config::Reference { key } => reference(key.as_deref(), out),
    }
}

/// One line of a configuration file.
#[derive(Debug)]
enum Line {
    /// `[table]` or `[[table]]`.
    Table(&'static str),
    /// A key and its value.
    Set(&'static str, Value),
    /// A comment.
    Note(String),
}

fn show(config: &NodeConfig, out: Out) -> Result<(), Stop> {
    let lines = lines(config);
    let mut text = String::new();
    for line in &lines {
        match line {
            Line::Table(table) => text.push_str(&format!("\n{table}\n")),
            // A JSON string, number, boolean or list of them is the same in TOML.
            Line::Set(name, value) => text.push_str(&format!("{name} = {value}\n")),
            Line::Note(note) => text.push_str(&format!("#{note}\n")),
        }
    }
    out.answer(&json!({"config": text}), |_| text.clone())
}

fn path(path: &Path) -> Value {
    path.display().to_string().into()
}

/// What the configuration came to. Read as a file, it comes to the same, but for seeds from the environment.
fn lines(config: &NodeConfig) -> Vec<Line> {
    let millis = |time: std::time::Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
    let mut lines = vec![Line::Set("data_dir", path(&config.data_dir))];
    if let Some(listen) = config.listen {
        lines.push(Line::Set("listen", listen.to_string().into()));
    }
    match &config.origin_prefix {
        Some(prefix) => lines.push(Line::Set("origin_prefix", prefix.as_str().into())),
        None => lines.push(Line::Note(
            "origin_prefix: the node's fingerprint".to_owned(),
        )),
    }
    lines.push(Line::Set("hosts", config.hosts.clone().into()));
    let interval = millis(config.checkpoint_interval);
    lines.push(Line::Set("checkpoint_interval_ms", interval.into()));
    match &config.policy {
        Some(policy) => lines.push(Line::Set("policy", path(policy))),
        None => lines.push(Line::Note(
            "policy: none, the node is unwitnessed".to_owned(),
        )),
    }
    for (name, time) in [
        ("more_cosignatures_ms", config.extras),
        ("longest_checkpoint_wait_ms", config.longest_checkpoint_wait),
        ("longest_quorum_wait_ms", config.longest_quorum_wait),
    ] {
        lines.push(Line::Set(name, millis(time).into()));
    }
    lines.push(Line::Set(
        "verify_kib_per_second",
        config.verify_kib_per_second.into(),
    ));
    for follow in &config.follow {
        lines.push(Line::Table("[[follow]]"));
        lines.push(Line::Set("file", path(&follow.file)));
        lines.push(Line::Set("scroll", follow.scroll.as_str().into()));
        lines.push(Line::Set("raw", follow.raw.into()));
    }
    for rule in config.flow.iter() {
        lines.push(Line::Table("[[flow]]"));
        let (kind, name) = rule.sink.parts();
        lines.push(Line::Set("kind", kind.into()));
        if let Some(name) = name {
            lines.push(Line::Set("name", name.into()));
        }
        if let Some(level) = rule.require {
            lines.push(Line::Set("require", level.as_str().into()));
        }
        let without: Vec<&str> = rule.without.classes().map(SourceClass::as_str).collect();
        lines.push(Line::Set("without", without.into()));
    }
    if let Some(witness) = &config.witness {
        witness_lines(witness, &mut lines);
    }
    lines
}

fn witness_lines(witness: &WitnessConfig, lines: &mut Vec<Line>) {
    lines.push(Line::Table("[witness]"));
    lines.push(Line::Set("name", witness.name.as_str().into()));
    if let Some(listen) = witness.listen {
        lines.push(Line::Set("listen", listen.to_string().into()));
    }
    for (name, sources) in [
        ("seed_files", &witness.keys.seeds),
        ("ml_dsa_seed_files", &witness.keys.ml_dsa_seeds),
    ] {
        let mut files = Vec::new();
        for source in sources {
            match source {
                SecretSource::File(file) => files.push(path(file)),
                SecretSource::Environment { name: variable, .. } => {
                    lines.push(Line::Note(format!(
                        "a seed from {variable} in place of {name}"
                    )));
                }
            }
        }
        lines.push(Line::Set(name, files.into()));
    }
    if let Some((socket, keys)) = &witness.keys.agent {
        let keys: Vec<String> = keys.iter().map(ToString::to_string).collect();
        lines.push(Line::Set("ssh_agent", path(socket)));
        lines.push(Line::Set("agent_keys", keys.into()));
    }
    for (origin, vkey) in &witness.logs {
        lines.push(Line::Table("[[witness.logs]]"));
        lines.push(Line::Set("vkey", vkey.as_str().into()));
        lines.push(Line::Set("origin", origin.as_str().into()));
    }
}

fn reference(wanted: Option<&str>, out: Out) -> Result<(), Stop> {
    let of = |key: &&ConfigKey| {
        wanted.is_none_or(|w| {
            let below = key.name.strip_prefix(w);
            below.is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
        })
    };
    let keys: Vec<&ConfigKey> = CONFIG_KEYS.iter().filter(of).collect();
    if keys.is_empty() {
        let wanted = wanted.unwrap_or_default();
        let what = format!("cannot explain {wanted}");
        let failure = Failure::refused("unknown-key", what, "the configuration has no such key")
            .hint("'quorate config reference' explains all of them");
        let names: Vec<&str> = CONFIG_KEYS.iter().map(|key| key.name).collect();
        return Err(near::or(failure, wanted, names).into());
    }
    let variables = if wanted.is_none() {
        CONFIG_VARIABLES
    } else {
        &[]
    };
    let answer = json!({
        "keys": keys.iter().map(|key| key_json(key)).collect::<Vec<_>>(),
        "variables": variables.iter().map(|v| json!({"name": v.name, "what": v.what})).collect::<Vec<_>>(),
    });
    out.answer(&answer, |paint| {
        let mut text = keys
            .iter()
            .map(|key| key_text(key, paint))
            .collect::<Vec<_>>()
            .join("\n");
        for variable in variables {
            text.push_str(&format!("\n{}\n", paint.bold(variable.name)));
            text.push_str(&paint.paragraph("  ", variable.what));
        }
        text
    })
}

fn key_json(key: &ConfigKey) -> Value {
    json!({
        "name": key.name,
        "kind": key.kind,
        "default": key.default,
        "variable": key.variable,
        "flag": key.flag,
        "what": key.what,
        "wrong": key.wrong,
        "example": key.example,
    })
}

fn key_text(key: &ConfigKey, paint: Paint) -> String {
    let mut fields = Fields::new()
        .row("takes", key.kind)
        .row("default", key.default);
    for (label, stronger) in [("variable", key.variable), ("flag", key.flag)] {
        if let Some(stronger) = stronger {
            fields.push(label, stronger);
        }
    }
    fields.push("if wrong", key.wrong);
    let what = paint.paragraph("  ", key.what);
    // Not laid out: a line that is broken is no TOML.
    let example: String = key.example.lines().map(|l| format!("    {l}\n")).collect();
    let (name, fields) = (paint.bold(key.name), fields.render(paint));
    format!("{name}\n{what}{fields}  example\n{example}")
}
