//! `quorate key generate`: a witness's key, made where it will be used.

use std::fs::OpenOptions;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use quorate_note::{KeyKind, KeyName, PublicKey, VerifierKey, ed25519, mldsa44};
use serde_json::json;
use zeroize::Zeroizing;

use crate::failure::{Failure, Stop, reason};
use crate::out::Out;
use crate::text::Fields;

pub(super) fn run(name: &KeyName, ml_dsa_44: bool, output: &Path, out: Out) -> Result<(), Stop> {
    let mut seed = Zeroizing::new([0; 32]);
    getrandom::fill(seed.as_mut())
        .map_err(|e| Failure::environment("randomness", "cannot make a key", reason(&e)))?;
    let key = if ml_dsa_44 {
        PublicKey::MlDsa44(mldsa44::SecretKey::from_seed(*seed).public())
    } else {
        PublicKey::Ed25519Cosignature(ed25519::SecretKey::from_seed(*seed).public())
    };
    keep(&seed, output).map_err(|e| Failure::file("write", output, &e))?;
    let vkey = VerifierKey::new(name.clone(), key);
    let hex = (vkey.kind() == KeyKind::Ed25519Cosignature).then(|| hex(vkey.key_bytes()));
    // One witness has two keys, and a name stands once in a policy.
    let short = match vkey.kind() {
        KeyKind::MlDsa44 => "ml-dsa-44",
        KeyKind::Ed25519 | KeyKind::Ed25519Cosignature => "ed25519",
    };
    let line = format!("witness {name}-{short} {vkey}");
    let answer = json!({
        "name": name.as_str(),
        "vkey": vkey.to_string(),
        "pubkey_hex": hex,
        "policy": line,
        "seed_file": output.display().to_string(),
    });
    out.answer(&answer, |paint| {
        let mut fields = Fields::new().row("seed", format!("in {}", output.display()));
        if let Some(hex) = &hex {
            fields.push("pubkey_hex", hex);
        }
        format!(
            "{}\n{}{}\n  {vkey}\n{}\n  {line}\n\
             One witness is one vote: with a key of each kind, put both lines into one group,\n  \
             group {name} any {name}-ed25519 {name}-ml-dsa-44\n",
            paint.bold("A new witness key."),
            fields.render(paint),
            paint.dim("vkey"),
            paint.dim("line for a policy"),
        )
    })
}

/// A new file that only its owner can read, durable when this returns. An existing one is never overwritten.
pub(super) fn keep(seed: &[u8; 32], output: &Path) -> std::io::Result<()> {
    let mut text = Zeroizing::new(hex(seed));
    text.push('\n');
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(output)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    let directory = output.parent().filter(|p| !p.as_os_str().is_empty());
    std::fs::File::open(directory.unwrap_or(Path::new(".")))?.sync_all()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}
