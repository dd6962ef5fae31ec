//! A bundle shown to somebody: for whom, why now, until when.

use quorate_note::ed25519;
use quorate_provenance::Subject;
use quorate_receipt::json::{Object, Value};
use quorate_receipt::{
    Blake3Hash, PublicKeyText, Receipt, ReceiptError, SignatureText, Timestamp, signed_message,
};

use crate::anchor::AskedOfPresentation;

/// The type of the receipt.
pub(super) const TYPE: &str = "bundle_presentation";

/// The longest audience and the longest nonce, in bytes.
const MAX_TEXT: usize = 1024;

/// By whom and to whom a bundle is shown. In a report, its signature was verified.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Presentation {
    /// Whom it is for.
    pub audience: Box<str>,
    /// What the audience chose, so that it cannot be shown again.
    pub nonce: Box<str>,
    /// When it was made, as the actor states it.
    pub timestamp: Timestamp,
    /// The last moment at which it counts.
    pub expires: Timestamp,
    /// BLAKE3 of the bundle's bytes.
    pub bundle: Blake3Hash,
}

/// Why a presentation does not hold.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PresentationError {
    /// No receipt in canonical form.
    #[error(transparent)]
    Receipt(#[from] ReceiptError),
    /// A member is missing, unknown or something else.
    #[error("`{0}` is missing or not in its form")]
    Member(&'static str),
    /// Not signed by the session's key.
    #[error("it is not signed by the session's key")]
    Signature,
    /// It is about other bytes.
    #[error("it presents the bundle {presented}, but this is {found}")]
    OtherBundle {
        /// What was signed.
        presented: Blake3Hash,
        /// What is there.
        found: Blake3Hash,
    },
    /// It is for somebody else.
    #[error("it is for {found:?}, the trust anchor asks for {required:?}")]
    Audience {
        /// Whom it is for.
        found: Box<str>,
        /// Who the anchor says the reader is.
        required: Box<str>,
    },
    /// It answers another question.
    #[error("its nonce is {found:?}, the trust anchor asks for {required:?}")]
    Nonce {
        /// Its nonce.
        found: Box<str>,
        /// The one that was given out.
        required: Box<str>,
    },
    /// It is dated after its end, or in the future.
    #[error("it is dated {signed}, which is after its end or in the future; it is {now}")]
    Dated {
        /// Its time.
        signed: Timestamp,
        /// The time given to the verifier.
        now: Timestamp,
    },
    /// The key does not count when it was shown, or now.
    #[error("by the trust anchor, the session's key does not count at {time}")]
    OutOfWindow {
        /// When.
        time: Timestamp,
    },
    /// It was for another time.
    #[error("it expired at {expires}, and it is {now}")]
    Expired {
        /// Until when it counted.
        expires: Timestamp,
        /// The time given to the verifier.
        now: Timestamp,
    },
}

impl PresentationError {
    pub(super) fn code(&self) -> &'static str {
        match self {
            Self::Receipt(_) | Self::Member(_) => "presentation-malformed",
            Self::Signature => "presentation-signature",
            Self::OtherBundle { .. } => "presentation-other-bundle",
            Self::Audience { .. } => "presentation-audience",
            Self::Nonce { .. } => "presentation-nonce",
            Self::Dated { .. } => "presentation-dated",
            Self::OutOfWindow { .. } => "presentation-out-of-window",
            Self::Expired { .. } => "presentation-expired",
        }
    }
}

/// What the presentation, or its absence, leaves open: only what the anchor compared is known to be the reader's.
pub(super) fn unasked(shown: Option<&Presentation>, asked: AskedOfPresentation) -> Vec<String> {
    let Some(shown) = shown else {
        return vec![
            "That it was made for you: whoever has the file can show it to anyone.".to_owned(),
        ];
    };
    let mut lines = Vec::new();
    if !asked.audience {
        lines.push(format!(
            "That it was made for you: it was made for {:?}, and the trust anchor did not ask whether that is you.",
            shown.audience
        ));
    }
    if !asked.nonce {
        lines.push(format!(
            "That it was made for this occasion: the trust anchor asked for no nonce, so an old presentation will do until it \
             expires, this one on {}.",
            shown.expires
        ));
    }
    lines
}

const MEMBERS: [&str; 8] = [
    "audience",
    "bundle",
    "expires",
    "nonce",
    "root_hash",
    "signatures",
    "timestamp",
    "type",
];

fn short(text: &str) -> bool {
    (1..=MAX_TEXT).contains(&text.len()) && !text.chars().any(char::is_control)
}

impl Presentation {
    /// Signs it, and wraps the bundle.
    ///
    /// # Errors
    /// [`PresentationError::Member`] for an empty, long or strange audience or nonce.
    pub fn present(
        bundle: &[u8],
        audience: &str,
        nonce: &str,
        expires: Timestamp,
        (subject, key): (&Subject, &ed25519::SecretKey),
        now: Timestamp,
    ) -> Result<Vec<u8>, PresentationError> {
        for (member, text) in [("audience", audience), ("nonce", nonce)] {
            if !short(text) {
                return Err(PresentationError::Member(member));
            }
        }
        let object = Object::new()
            .with("audience", audience)
            .with("bundle", Blake3Hash::of(bundle).to_string())
            .with("expires", expires.to_string())
            .with("nonce", nonce)
            .with("timestamp", now.to_string())
            .with("type", TYPE);
        let signature = SignatureText::from_bytes(key.sign(&signed_message(&object)));
        let signatures = Object::new().with(subject.as_str(), signature.to_string());
        let receipt = Receipt::from_object(&object.with("signatures", signatures), now)?;
        let mut out = b"{\"bundle\":".to_vec();
        out.extend_from_slice(bundle);
        out.extend_from_slice(b",\"presentation\":");
        out.extend_from_slice(receipt.bytes());
        out.push(b'}');
        Ok(out)
    }

    /// Reads one and checks that the session's key signed it.
    pub(super) fn verify(
        text: &[u8],
        subject: &Subject,
        key: &PublicKeyText,
    ) -> Result<Self, PresentationError> {
        let receipt = Receipt::parse_canonical(text)?;
        let object = receipt.object();
        let unknown = object.iter().any(|(name, _)| !MEMBERS.contains(&name));
        if receipt.type_() != TYPE || unknown {
            return Err(PresentationError::Member("type"));
        }
        let text = |member: &'static str| {
            let text = object.get_str(member).filter(|text| short(text));
            text.ok_or(PresentationError::Member(member))
        };
        let presentation = Self {
            audience: text("audience")?.into(),
            nonce: text("nonce")?.into(),
            timestamp: receipt.timestamp(),
            expires: Timestamp::parse(text("expires")?.as_bytes())
                .map_err(|_| PresentationError::Member("expires"))?,
            bundle: text("bundle")?
                .parse()
                .map_err(|_| PresentationError::Member("bundle"))?,
        };
        let signatures = object.get("signatures").and_then(Value::as_object);
        let signatures = signatures.filter(|signatures| signatures.len() == 1);
        let signature = signatures.and_then(|s| s.get_str(subject.as_str())?.parse().ok());
        let signature: SignatureText = signature.ok_or(PresentationError::Signature)?;
        let key = ed25519::PublicKey::from_bytes(key.as_bytes())
            .map_err(|_| PresentationError::Signature)?;
        key.verify(&signed_message(object), signature.as_bytes())
            .map_err(|_| PresentationError::Signature)?;
        Ok(presentation)
    }
}
