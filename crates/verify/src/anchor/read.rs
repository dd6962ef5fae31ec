//! Reading the file.

use quorate_note::{LogKey, VerifierKey, WitnessKey};
use quorate_policy::{Policy, PolicyBuilder, Quorum};
use quorate_provenance::Rules;
use quorate_receipt::json::{self, Object, Value};

use super::error::AnchorError;
use super::{Anchor, LogTrust, MAX_ANCHOR_LEN, Require, jwks};

const MEMBERS: [&str; 8] = [
    "cosignature_threshold",
    "flow",
    "logs",
    "policy",
    "require",
    "require_payload_binding",
    "trust_jwks",
    "trusted_witnesses_hex",
];

const REQUIRE: [&str; 6] = [
    "audience",
    "complete",
    "max_age_seconds",
    "nonce",
    "payload_binding",
    "session",
];

pub(super) fn expected(path: &str, expected: &'static str) -> AnchorError {
    AnchorError::Expected {
        path: path.into(),
        expected,
    }
}

/// R3: what is misspelt must not be missed.
pub(super) fn known_members(
    object: &Object,
    path: &str,
    known: &[&str],
) -> Result<(), AnchorError> {
    match object.iter().find(|(name, _)| !known.contains(name)) {
        None => Ok(()),
        Some((name, _)) => Err(AnchorError::Unknown {
            path: format!("{path}{name}"),
        }),
    }
}

pub(super) fn text<'a>(
    object: &'a Object,
    member: &str,
    path: &str,
) -> Result<Option<&'a str>, AnchorError> {
    let Some(value) = object.get(member) else {
        return Ok(None);
    };
    let text = value.as_str().filter(|text| !text.is_empty());
    text.map(Some)
        .ok_or_else(|| expected(&format!("{path}{member}"), "a text, not empty"))
}

fn flag(object: &Object, member: &str, path: &str) -> Result<Option<bool>, AnchorError> {
    let Some(value) = object.get(member) else {
        return Ok(None);
    };
    let flag = value.as_bool();
    flag.map(Some)
        .ok_or_else(|| expected(&format!("{path}{member}"), "true or false"))
}

pub(super) fn read(file: &[u8]) -> Result<Anchor, AnchorError> {
    if file.len() > MAX_ANCHOR_LEN {
        let length = file.len();
        return Err(AnchorError::TooLong { length });
    }
    let value = json::parse(file)?;
    let object = value.as_object();
    let object = object.ok_or_else(|| expected("the whole", "an object"))?;
    if object.get("keys").is_some() {
        return Ok(Anchor {
            actors: jwks::read(object, "")?,
            log: LogTrust::Nobody,
            require: Require::default(),
            flow: None,
        });
    }
    known_members(object, "", &MEMBERS)?;
    let set = object.get("trust_jwks").ok_or(AnchorError::NoActors)?;
    let set = set.as_object();
    let set = set.ok_or_else(|| expected("trust_jwks", "a JWK set"))?;
    let actors = jwks::read(set, "trust_jwks.")?;
    let log = read_log(object)?;
    let require = read_require(object)?;
    let has_times =
        matches!(&log, LogTrust::Policy(policy) if !matches!(policy.quorum(), Quorum::None));
    if require.max_age_seconds.is_some() && !has_times {
        return Err(AnchorError::Contradiction(
            "`max_age_seconds` counts from the co-signatures of a quorum, and `policy` asks for none",
        ));
    }
    Ok(Anchor {
        actors,
        log,
        require,
        flow: object.get("flow").map(Rules::parse).transpose()?,
    })
}

fn read_log(object: &Object) -> Result<LogTrust, AnchorError> {
    let logs = read_logs(object)?;
    let witnesses = read_witnesses(object)?;
    let Some(policy) = text(object, "policy", "")? else {
        return match (logs, witnesses) {
            (None, None) => Ok(LogTrust::Nobody),
            (Some(logs), None) => Ok(LogTrust::Policy(Box::new(unwitnessed(logs)?))),
            (logs, Some((keys, threshold))) => Ok(LogTrust::Witnesses {
                logs: logs.unwrap_or_default(),
                keys,
                threshold,
            }),
        };
    };
    if logs.is_some() || witnesses.is_some() {
        return Err(AnchorError::Contradiction(
            "`policy` names logs and witnesses itself: `logs`, `trusted_witnesses_hex` and `cosignature_threshold` cannot \
             stand beside it",
        ));
    }
    let policy = Policy::parse(policy.as_bytes()).map_err(AnchorError::Policy)?;
    if policy.logs().is_empty() {
        return Err(AnchorError::Contradiction(
            "`policy` has no `log` line, so no log's signature can count",
        ));
    }
    Ok(LogTrust::Policy(Box::new(policy)))
}

fn list<'a>(object: &'a Object, member: &str) -> Result<Option<&'a [Value]>, AnchorError> {
    let Some(value) = object.get(member) else {
        return Ok(None);
    };
    let list = value.as_array().filter(|list| !list.is_empty());
    list.map(Some)
        .ok_or_else(|| expected(member, "a list, not empty"))
}

fn read_logs(object: &Object) -> Result<Option<Vec<LogKey>>, AnchorError> {
    let Some(logs) = list(object, "logs")? else {
        return Ok(None);
    };
    let key = |value: &Value| {
        let vkey: VerifierKey = value.as_str()?.parse().ok()?;
        LogKey::try_from(vkey).ok()
    };
    let read = |(n, value): (usize, &Value)| {
        key(value).ok_or_else(|| expected(&format!("logs[{n}]"), "the vkey of a log"))
    };
    logs.iter()
        .enumerate()
        .map(read)
        .collect::<Result<_, _>>()
        .map(Some)
}

type Witnesses = (Vec<WitnessKey>, usize);

fn read_witnesses(object: &Object) -> Result<Option<Witnesses>, AnchorError> {
    let witnesses = list(object, "trusted_witnesses_hex")?;
    let threshold = object.get("cosignature_threshold");
    let (Some(witnesses), Some(threshold)) = (witnesses, threshold) else {
        return match (witnesses, threshold) {
            (None, None) => Ok(None),
            _ => Err(AnchorError::Contradiction(
                "`trusted_witnesses_hex` and `cosignature_threshold` say something only together",
            )),
        };
    };
    let mut keys: Vec<WitnessKey> = Vec::with_capacity(witnesses.len());
    for (n, value) in witnesses.iter().enumerate() {
        let path = format!("trusted_witnesses_hex[{n}]");
        let key = value.as_str().and_then(hex_key);
        let key = key.ok_or_else(|| expected(&path, "an Ed25519 key, 64 hexadecimal digits"))?;
        if keys
            .iter()
            .any(|known| known.key_bytes() == key.key_bytes())
        {
            return Err(AnchorError::DuplicateKey { path });
        }
        keys.push(key);
    }
    let threshold = threshold
        .as_u64()
        .and_then(|k| usize::try_from(k).ok())
        .filter(|k| (1..=keys.len()).contains(k));
    let threshold = threshold.ok_or_else(|| {
        expected(
            "cosignature_threshold",
            "a number from 1 to that of `trusted_witnesses_hex`",
        )
    })?;
    Ok(Some((keys, threshold)))
}

fn hex_key(text: &str) -> Option<WitnessKey> {
    let mut bytes = [0; 32];
    if text.len() != 64 || !text.is_ascii() {
        return None;
    }
    for (byte, digits) in bytes.iter_mut().zip(text.as_bytes().chunks(2)) {
        let digits = str::from_utf8(digits).ok()?;
        if !digits.bytes().all(|digit| digit.is_ascii_hexdigit()) {
            return None;
        }
        *byte = u8::from_str_radix(digits, 16).ok()?;
    }
    WitnessKey::from_raw_ed25519(bytes).ok()
}

/// Logs, and no witness.
fn unwitnessed(logs: Vec<LogKey>) -> Result<Policy, AnchorError> {
    let refused =
        |_| AnchorError::Contradiction("`logs` names a key twice, under one name or under two");
    let mut policy = PolicyBuilder::new();
    for log in logs {
        policy.log(log, None).map_err(refused)?;
    }
    policy.quorum_none().map_err(refused)?;
    policy.build().map_err(refused)
}

impl Default for Require {
    fn default() -> Self {
        Self {
            session: None,
            audience: None,
            nonce: None,
            max_age_seconds: None,
            payload_binding: false,
            complete: true,
        }
    }
}

fn read_require(object: &Object) -> Result<Require, AnchorError> {
    let binding = flag(object, "require_payload_binding", "")?;
    let mut require = Require {
        payload_binding: binding.unwrap_or(false),
        ..Require::default()
    };
    let Some(value) = object.get("require") else {
        return Ok(require);
    };
    let object = value.as_object();
    let object = object.ok_or_else(|| expected("require", "an object"))?;
    let path = "require.";
    known_members(object, path, &REQUIRE)?;
    if let Some(here) = flag(object, "payload_binding", path)? {
        if binding.is_some_and(|there| there != here) {
            return Err(AnchorError::Contradiction(
                "`require_payload_binding` and `require.payload_binding` differ",
            ));
        }
        require.payload_binding = here;
    }
    require.complete = flag(object, "complete", path)?.unwrap_or(true);
    require.audience = text(object, "audience", path)?.map(Into::into);
    require.nonce = text(object, "nonce", path)?.map(Into::into);
    if let Some(session) = text(object, "session", path)? {
        let id = session.parse();
        require.session =
            Some(id.map_err(|_| expected("require.session", "the id of a session, `blake3:…`"))?);
    }
    if let Some(age) = object.get("max_age_seconds") {
        let seconds = age.as_u64().filter(|seconds| *seconds > 0);
        require.max_age_seconds =
            Some(seconds.ok_or_else(|| {
                expected("require.max_age_seconds", "a number of seconds, from 1")
            })?);
    }
    Ok(require)
}
