//! A bundle as an in-toto Statement v1 in a DSSE envelope, so that tools of that world can store, carry and match it.
//!
//! Source: DSSE v1 (secure-systems-lab/dsse, protocol.md 1.0.2) and in-toto Attestation Framework v1 (Statement,
//! `ResourceDescriptor`, `DigestSet`). Both leave the JSON free; here both are canonical (RFC 8785), there is one signature, by
//! the session's key, and `subject` follows from the bundle. So one bundle has one attestation, and no byte of it is free.

use quorate_note::{base64, ed25519};
use quorate_provenance::{Content, Step, StepKind};
use quorate_receipt::json::{self, Object, Value};
use quorate_receipt::{PublicKeyText, Sha256Text};

use super::error::{BundleError, Failure};
use super::report::{BundleReport, PayloadProof};
use super::scan::{Scanner, Source};
use super::verify::{BundleVerifier, payload_hash};

/// The envelope's `payloadType`.
const PAYLOAD_TYPE: &str = "application/vnd.in-toto+json";
/// What the statement begins with; its predicate, the bundle, follows.
pub(super) const BEFORE: &str = "{\"_type\":\"https://in-toto.io/Statement/v1\",\"predicate\":";
/// What stands between the predicate and the subjects.
pub(super) const AFTER: &str =
    ",\"predicateType\":\"https://github.com/quorate/quorate/bundle/v1\",\"subject\":";

/// The longest statement: 64 MiB, a bundle of some 90,000 steps. The signature covers all of it at once, so it is held in
/// memory.
pub const MAX_STATEMENT_LEN: usize = 64 << 20;

/// An artifact that an attestation is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Artifact {
    /// Of a step: the artifact's name. Else `payload` or `bundle`.
    pub name: Box<str>,
    /// SHA-256 of its bytes.
    pub hash: Sha256Text,
    /// Its media type, as the actor states it.
    pub media_type: Option<Box<str>>,
}

impl Artifact {
    /// What an artifact step made, if its content is elsewhere, by its hash.
    pub(super) fn of(step: &Step) -> Option<Self> {
        match (&step.kind, &step.content) {
            (
                StepKind::Artifact { name, .. },
                Some(Content::Hashed {
                    hash, media_type, ..
                }),
            ) => Some(Self {
                name: name.clone(),
                hash: *hash,
                media_type: media_type.clone(),
            }),
            _ => None,
        }
    }

    fn to_value(&self) -> Value {
        let hash = self.hash.to_string();
        let digest = Object::new().with("sha256", hash.trim_start_matches("sha256:"));
        let mut object = Object::new()
            .with("digest", digest)
            .with("name", &*self.name);
        if let Some(media_type) = &self.media_type {
            object.insert("mediaType", &**media_type);
        }
        Value::from(object)
    }
}

/// What a bundle is about: what its artifact steps made, then the payload; and if there is neither, the bundle itself.
pub(super) fn subjects(
    mut made: Vec<Artifact>,
    report: &BundleReport,
    bundle: &[u8],
) -> Vec<Artifact> {
    if let PayloadProof::Bound(payload) | PayloadProof::Shown(payload) = report.payload() {
        made.push(Artifact {
            name: "payload".into(),
            hash: payload.hash,
            media_type: payload.media_type.clone(),
        });
    }
    if made.is_empty() {
        made.push(Artifact {
            name: "bundle".into(),
            hash: payload_hash(bundle),
            media_type: None,
        });
    }
    made
}

/// The value of `subject`.
pub(super) fn subjects_text(subjects: &[Artifact]) -> Vec<u8> {
    let list: Vec<Value> = subjects.iter().map(Artifact::to_value).collect();
    json::canonical(&Value::Array(list))
}

/// Why an attestation does not hold, though its bundle does. The fault of whoever made or carried it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AttestationError {
    /// The payload is not canonical base64 of at most [`MAX_STATEMENT_LEN`] bytes.
    #[error("`payload` is not canonical base64 of at most {MAX_STATEMENT_LEN} bytes")]
    Payload,
    /// The session's key did not sign it.
    #[error("it is not signed by the session's key")]
    Signature,
    /// The statement is about other artifacts than its bundle.
    #[error("its subjects are not what the bundle is about")]
    Subjects,
}

impl AttestationError {
    pub(super) fn code(self) -> &'static str {
        match self {
            Self::Payload => "attestation-malformed",
            Self::Signature => "attestation-signature",
            Self::Subjects => "attestation-subjects",
        }
    }
}

/// A DSSE envelope with one signature, which was not checked yet.
pub(super) struct Envelope {
    pub(super) statement: Vec<u8>,
    key: Vec<u8>,
    signature: Vec<u8>,
}

impl Envelope {
    /// Reads one to its end, if this is one.
    pub(super) fn read<S: Source>(
        scanner: &mut Scanner<S>,
    ) -> Result<Option<Self>, Failure<S::Error>> {
        if !scanner.accept("{\"payload\":")? {
            return Ok(None);
        }
        // An escape is in none of these strings' alphabets, so nothing is unescaped.
        let payload = scanner.string(MAX_STATEMENT_LEN.div_ceil(3) * 4)?;
        scanner.expect(
            ",\"payloadType\":\"application/vnd.in-toto+json\",\"signatures\":[{\"keyid\":",
        )?;
        let key = scanner.string(256)?;
        scanner.expect(",\"sig\":")?;
        let signature = scanner.string(256)?;
        scanner.expect("}]}")?;
        scanner.end()?;
        let statement =
            base64::decode(&payload).map_err(|_| BundleError::from(AttestationError::Payload))?;
        Ok(Some(Self {
            statement,
            key,
            signature,
        }))
    }

    /// Whether the session's key, under its own name, signed the statement.
    pub(super) fn verify(&self, key: &PublicKeyText) -> Result<(), AttestationError> {
        let named = self.key == key.to_string().as_bytes();
        let signature = base64::decode_array::<{ ed25519::SIGNATURE_LEN }>(&self.signature);
        let public = ed25519::PublicKey::from_bytes(key.as_bytes());
        match (named, signature, public) {
            (true, Ok(signature), Ok(public)) => public
                .verify(
                    &pre_authentication(PAYLOAD_TYPE, &self.statement),
                    &signature,
                )
                .map_err(|_| AttestationError::Signature),
            _ => Err(AttestationError::Signature),
        }
    }
}

/// The pre-authentication encoding (DSSE protocol.md, "Signature Definition"), which the signature covers.
fn pre_authentication(kind: &str, body: &[u8]) -> Vec<u8> {
    let mut out = format!("DSSEv1 {} {kind} {} ", kind.len(), body.len()).into_bytes();
    out.extend_from_slice(body);
    out
}

/// Why no attestation was made. Nothing was signed.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum AttestError {
    /// The bundle does not verify.
    #[error(transparent)]
    Refused(#[from] BundleError),
    /// It is a presentation or an attestation already.
    #[error("it is a presentation or an attestation, not a bare bundle")]
    NotBare,
    /// The key is not the session's.
    #[error("the key is not the one that signed the session")]
    OtherKey,
    /// The statement would be too long.
    #[error("the statement would be longer than {MAX_STATEMENT_LEN} bytes")]
    TooLong,
}

impl BundleVerifier<'_> {
    /// Signs a bundle as a statement, with the session's key: one canonical JSON object, a DSSE envelope. What does not
    /// verify is not signed.
    ///
    /// # Errors
    /// [`AttestError`]: the bundle's fault, or the caller's for another key; nothing was signed.
    pub fn attest(&self, bundle: &[u8], key: &ed25519::SecretKey) -> Result<Vec<u8>, AttestError> {
        let mut made = Vec::new();
        let report = self.verify_each(bundle, |step, _| made.extend(Artifact::of(step)));
        let report = report.map_err(|failure| match failure {
            Failure::Refused(error) => error,
            Failure::Read(never) => match never {},
        })?;
        if report.presentation().is_some() || report.attestation().is_some() {
            return Err(AttestError::NotBare);
        }
        if report.session().key().as_bytes() != key.public().as_bytes() {
            return Err(AttestError::OtherKey);
        }
        let subjects = subjects_text(&subjects(made, &report, bundle));
        let parts = [BEFORE.as_bytes(), bundle, AFTER.as_bytes(), &subjects, b"}"];
        let statement = parts.concat();
        if statement.len() > MAX_STATEMENT_LEN {
            return Err(AttestError::TooLong);
        }
        let signature = key.sign(&pre_authentication(PAYLOAD_TYPE, &statement));
        let envelope = format!(
            "{{\"payload\":\"{}\",\"payloadType\":\"{PAYLOAD_TYPE}\",\"signatures\":[{{\"keyid\":\"{}\",\"sig\":\"{}\"}}]}}",
            base64::encode(&statement),
            report.session().key(),
            base64::encode(&signature),
        );
        Ok(envelope.into_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // DSSE protocol.md, "Test Vectors".
    #[test]
    fn dsse_what_is_signed_is_the_pre_authentication_encoding() {
        let encoded = pre_authentication("http://example.com/HelloWorld", b"hello world");
        assert_eq!(
            encoded,
            b"DSSEv1 29 http://example.com/HelloWorld 11 hello world"
        );
    }
}
