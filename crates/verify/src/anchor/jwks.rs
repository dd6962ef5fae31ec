//! JWK sets of Ed25519 keys (RFC 7517, RFC 8037 §2), with the scope of each key.

use quorate_note::ed25519;
use quorate_provenance::Subject;
use quorate_receipt::json::{Object, Value};
use quorate_receipt::{PublicKeyText, Timestamp};

use super::error::AnchorError;
use super::read::{expected, known_members, text};
use super::{ActorKey, MAX_ACTOR_KEYS, Scope};

/// Members of a key. `d` is known only to be refused by name.
const MEMBERS: [&str; 11] = [
    "alg",
    "crv",
    "d",
    "key_ops",
    "kid",
    "kty",
    "not_after",
    "not_before",
    "subjects",
    "use",
    "x",
];

pub(super) fn read(set: &Object, path: &str) -> Result<Vec<ActorKey>, AnchorError> {
    known_members(set, path, &["keys"])?;
    let list = format!("{path}keys");
    let keys = set
        .get("keys")
        .and_then(Value::as_array)
        .ok_or_else(|| expected(&list, "an array of keys"))?;
    if keys.is_empty() {
        return Err(AnchorError::NoActors);
    }
    if keys.len() > MAX_ACTOR_KEYS {
        return Err(AnchorError::TooManyActors);
    }
    let mut actors: Vec<ActorKey> = Vec::with_capacity(keys.len());
    for (n, key) in keys.iter().enumerate() {
        let path = format!("{list}[{n}]");
        let actor = read_key(key, &path)?;
        if actors.iter().any(|known| known.key == actor.key) {
            return Err(AnchorError::DuplicateKey { path });
        }
        actors.push(actor);
    }
    Ok(actors)
}

fn read_key(key: &Value, path: &str) -> Result<ActorKey, AnchorError> {
    let key = key.as_object().ok_or_else(|| expected(path, "a JWK"))?;
    let dotted = format!("{path}.");
    known_members(key, &dotted, &MEMBERS)?;
    let at = |member: &str| format!("{dotted}{member}");
    if key.get("d").is_some() {
        return Err(AnchorError::PrivateKey { path: path.into() });
    }
    let must = |member: &str, allowed: &[&str], what, may_be_absent: bool| match key
        .get(member)
        .map(Value::as_str)
    {
        None if may_be_absent => Ok(()),
        Some(Some(text)) if allowed.contains(&text) => Ok(()),
        _ => Err(expected(&at(member), what)),
    };
    must("kty", &["OKP"], "`OKP`", false)?;
    must("crv", &["Ed25519"], "`Ed25519`", false)?;
    must("alg", &["EdDSA", "Ed25519"], "`EdDSA` or `Ed25519`", true)?;
    must("use", &["sig"], "`sig`", true)?;
    if let Some(ops) = key.get("key_ops") {
        let is_verify = |op: &Value| op.as_str() == Some("verify");
        let fits = ops
            .as_array()
            .is_some_and(|ops| ops.len() == 1 && ops.iter().all(is_verify));
        if !fits {
            return Err(expected(&at("key_ops"), "[`verify`]"));
        }
    }
    let key_bytes = text(key, "x", &dotted)?
        .and_then(base64url)
        .filter(|bytes| ed25519::PublicKey::from_bytes(bytes).is_ok());
    let key_bytes = key_bytes
        .ok_or_else(|| expected(&at("x"), "an Ed25519 key in base64url without padding"))?;
    let not_before = time(key, "not_before", &dotted)?;
    let not_after = time(key, "not_after", &dotted)?;
    if let (Some(from), Some(until)) = (not_before, not_after)
        && until.micros() < from.micros()
    {
        return Err(expected(&at("not_after"), "no time before `not_before`"));
    }
    Ok(ActorKey {
        key: PublicKeyText::from_bytes(key_bytes),
        kid: text(key, "kid", &dotted)?.map(Into::into),
        subjects: scopes(key, &at("subjects"))?,
        not_before,
        not_after,
    })
}

fn scopes(key: &Object, path: &str) -> Result<Vec<Scope>, AnchorError> {
    let Some(list) = key.get("subjects") else {
        return Ok(Vec::new());
    };
    let what = "a list, not empty, of ids, or of prefixes that end in `/*` or `:*`";
    let list = list.as_array().filter(|list| !list.is_empty());
    let list = list.ok_or_else(|| expected(path, what))?;
    let scope = |value: &Value| {
        let text = value.as_str()?;
        match text.strip_suffix('*') {
            None => text.parse::<Subject>().ok().map(Scope::Exactly),
            Some(prefix) => is_prefix(prefix).then(|| Scope::Prefix(prefix.into())),
        }
    };
    list.iter()
        .enumerate()
        .map(|(n, value)| scope(value).ok_or_else(|| expected(&format!("{path}[{n}]"), what)))
        .collect()
}

/// Whether an id can begin so, and the prefix ends where a part of it does.
fn is_prefix(prefix: &str) -> bool {
    let whole_parts = prefix.ends_with('/') && !prefix.ends_with("//") || prefix.ends_with(':');
    whole_parts && format!("{prefix}x").parse::<Subject>().is_ok()
}

fn time(key: &Object, member: &str, path: &str) -> Result<Option<Timestamp>, AnchorError> {
    let Some(text) = text(key, member, path)? else {
        return Ok(None);
    };
    let parsed = Timestamp::parse(text.as_bytes());
    parsed.map(Some).map_err(|_| {
        expected(
            &format!("{path}{member}"),
            "an RFC 3339 time in UTC, with `Z`",
        )
    })
}

/// 32 bytes in base64url without padding (RFC 7515 §2), in their one form.
fn base64url(text: &str) -> Option<[u8; 32]> {
    if text.contains(['+', '/', '=']) {
        return None;
    }
    let standard = text.replace('-', "+").replace('_', "/") + "=";
    quorate_note::base64::decode_array(standard.as_bytes()).ok()
}
