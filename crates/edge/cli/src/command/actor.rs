//! `quorate actor …`: who may record sessions.

use std::io::Read as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use http::Method;
use quorate_note::{base64, ed25519::SecretKey};
use quorate_receipt::PublicKeyText;
use serde_json::{Value, json};
use zeroize::Zeroizing;

use super::generate::keep;
use super::scroll::{array, string};
use crate::args::Actor;
use crate::client::{Client, Without};
use crate::failure::{Failure, Stop, reason};
use crate::local::Settings;
use crate::out::Out;
use crate::text::{Table, seconds};
use crate::uri::Uri;

/// A seed's file: 64 hexadecimal digits and a newline.
const MAX_SEED: u64 = 128;
const SEED_HINT: &str =
    "name the file with the seed; 'quorate actor generate --output FILE' makes one";

/// A key's JWK, as trust anchors hold it.
pub(super) fn jwk(key: &PublicKeyText) -> Value {
    let x = base64::encode(key.as_bytes());
    let x = x.trim_end_matches('=').replace('+', "-").replace('/', "_");
    json!({"kty": "OKP", "crv": "Ed25519", "x": x})
}

pub(super) fn generate(output: &Path, out: Out) -> Result<(), Stop> {
    let mut seed = Zeroizing::new([0; 32]);
    getrandom::fill(seed.as_mut())
        .map_err(|e| Failure::environment("randomness", "cannot make a key", reason(&e)))?;
    keep(&seed, output).map_err(|e| Failure::file("write", output, &e))?;
    let key = public(&SecretKey::from_seed(*seed));
    let answer = json!({
        "key": key.to_string(),
        "jwk": jwk(&key),
        "seed_file": output.display().to_string(),
    });
    out.answer(&answer, |paint| {
        format!(
            "{} Its seed is in {}.\n  {key}\n{}\n",
            paint.bold("A new actor's key."),
            output.display(),
            paint.dim(&format!("To let it record: quorate actor add ID {key}")),
        )
    })
}

pub(super) fn key(file: &Path, out: Out) -> Result<(), Stop> {
    let key = public(&secret(file)?);
    let answer = json!({"key": key.to_string(), "jwk": jwk(&key)});
    out.answer(&answer, |_| format!("{key}\n"))
}

fn public(secret: &SecretKey) -> PublicKeyText {
    PublicKeyText::from_bytes(*secret.public().as_bytes())
}

/// The key in a seed's file, which nobody else may read.
pub(super) fn secret(path: &Path) -> Result<SecretKey, Failure> {
    let refused = |why: &str, hint: &str| {
        let what = format!("cannot use the key {}", path.display());
        Failure::refused("key-unusable", what, why).hint(hint)
    };
    let failed = |e| Failure::file("read", path, &e);
    // What is judged and what is read are one open file, whatever becomes of the name.
    let mut file = std::fs::File::open(path).map_err(failed)?;
    let meta = file.metadata().map_err(failed)?;
    if meta.is_dir() {
        return Err(refused("it is a directory", SEED_HINT));
    }
    let mut text = Zeroizing::new(Vec::with_capacity(256));
    (&mut file)
        .take(MAX_SEED + 1)
        .read_to_end(&mut text)
        .map_err(failed)?;
    let digits = text.strip_suffix(b"\n").unwrap_or(&text);
    let seed = seed(digits).ok_or_else(|| {
        let why = match text.is_empty() {
            true => "it is empty; a seed is 64 hexadecimal digits",
            false => "it does not hold a seed: 64 hexadecimal digits",
        };
        refused(why, SEED_HINT)
    })?;
    // Only of a seed: whoever names another file by mistake is not to change who may read that.
    if meta.permissions().mode() & 0o077 != 0 {
        return Err(refused(
            "others may read it",
            "run 'chmod 600' on it; if others had access to it, make a new key and remove this one",
        ));
    }
    Ok(SecretKey::from_seed(*seed))
}

fn seed(digits: &[u8]) -> Option<Zeroizing<[u8; 32]>> {
    let mut seed = Zeroizing::new([0; 32]);
    if digits.len() != 64 {
        return None;
    }
    for (byte, pair) in seed.iter_mut().zip(digits.chunks(2)) {
        let digit = |c: u8| {
            char::from(c)
                .to_digit(16)
                .filter(|_| !c.is_ascii_uppercase())
        };
        let (high, low) = (digit(pair[0])?, digit(pair[1])?);
        *byte = u8::try_from(high * 16 + low).ok()?;
    }
    Some(seed)
}

pub(super) async fn run(settings: &Settings, actor: Actor, out: Out) -> Result<(), Stop> {
    match actor {
        Actor::Generate { output } => generate(&output, out),
        Actor::Key { file } => key(&file, out),
        Actor::Add {
            actor,
            key,
            not_before,
            not_after,
            again,
        } => {
            let mut client = Client::connect(settings, Without::Refuse).await?;
            let body = json!({
                "actor": actor.as_str(),
                "key": key.to_string(),
                "not_before": not_before.map(|t| t.to_string()),
                "not_after": not_after.map(|t| t.to_string()),
                "again": again,
            });
            let what = format!("cannot pin a key of {actor}");
            let done = client
                .change(Method::POST, &Uri::path(&["actors"]), Some(&body), &what)
                .await
                .map_err(|failure| match failure.is("taken-back") {
                    true => failure.hint(
                        "make a new key with 'quorate actor generate'; if this one is in no other hands, pin it once more with --again",
                    ),
                    false => failure,
                })?;
            out.answer(&done, |_| {
                format!("{key}\nmay record sessions of {actor} from now on.\n")
            })?;
            Ok(())
        }
        Actor::Remove { actor, key } => {
            let mut client = Client::connect(settings, Without::Refuse).await?;
            let body = json!({"actor": actor.as_str(), "key": key.to_string()});
            let what = format!("cannot take back a key of {actor}");
            let uri = Uri::path(&["actors", "remove"]);
            let done = client
                .change(Method::POST, &uri, Some(&body), &what)
                .await?;
            out.answer(&done, |_| {
                format!(
                    "{key}\nrecords nothing more. What it recorded stays, and is still provable.\n"
                )
            })?;
            Ok(())
        }
        Actor::List => {
            let mut client = Client::connect(settings, Without::Read).await?;
            let list = client
                .get(&Uri::path(&["actors"]), "cannot list the actors")
                .await?;
            out.answer(&list, |paint| {
                if array(&list, "actors").is_empty() {
                    return "No key is pinned. 'quorate actor generate' makes one, 'quorate actor add' pins it.\n"
                        .to_owned();
                }
                let mut table = Table::new(&["actor", "state", "key"]);
                for actor in array(&list, "actors") {
                    let state = match actor["in_force"].as_bool() {
                        Some(true) => "pinned".to_owned(),
                        _ => format!("removed {}", seconds(string(actor, "removed_at"))),
                    };
                    table.push(&[string(actor, "actor"), &state, string(actor, "key")]);
                }
                table.render(paint)
            })?;
            Ok(())
        }
    }
}
