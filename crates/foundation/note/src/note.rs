//! Signed notes (signed-note "Format").

use core::fmt;

use crate::base64;
use crate::ed25519;
use crate::name::{KeyId, KeyName, NameError};
use crate::vkey::{KeyKind, PublicKey, VerifierKey};

/// The longest note we read or make, in bytes. A verifier must take at least 16 signatures; 16 at the size of
/// ML-DSA-87, the largest lattice signatures in sight, are 16 × 4/3 × 4,639 bytes ≈ 99 kB.
pub const MAX_NOTE_LEN: usize = 128 * 1024;

/// The most signature lines in a note: four times what signed-note "Format" asks for.
pub const MAX_SIGNATURES: usize = 64;

/// Em dash and space, which begin every signature line.
const LINE_START: &str = "\u{2014} ";

/// Why a line is not a signature line. The fault is in the line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SignatureLineError {
    /// Not em dash, space, name, space, base64.
    #[error("a signature line is an em dash, a key name and base64, separated by single spaces")]
    Form,
    /// The name is no key name.
    #[error("signature line: {0}")]
    Name(#[from] NameError),
    /// The signature is not canonical base64.
    #[error("signature line: the signature is not canonical base64")]
    Base64,
    /// The signature holds no more than a key ID.
    #[error("signature line: nothing follows the key ID")]
    TooShort,
}

/// One signature line: who claims to have signed, and the signature. Nothing about it is verified.
///
/// Prints without its final newline, and parses from that.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct SignatureLine {
    name: KeyName,
    id: KeyId,
    signature: Box<[u8]>,
}

impl SignatureLine {
    /// Makes a line. `signature` is what follows the key ID.
    ///
    /// # Errors
    /// [`SignatureLineError::TooShort`] if `signature` is empty.
    pub fn new(name: KeyName, id: KeyId, signature: &[u8]) -> Result<Self, SignatureLineError> {
        if signature.is_empty() {
            return Err(SignatureLineError::TooShort);
        }
        Ok(Self {
            name,
            id,
            signature: signature.into(),
        })
    }

    /// Reads a line, given without its final newline.
    ///
    /// # Errors
    /// [`SignatureLineError`] says what is wrong with it.
    pub fn parse(line: &str) -> Result<Self, SignatureLineError> {
        let rest = line
            .strip_prefix(LINE_START)
            .ok_or(SignatureLineError::Form)?;
        let (name, blob) = rest.split_once(' ').ok_or(SignatureLineError::Form)?;
        let name = KeyName::new(name)?;
        let blob = base64::decode(blob.as_bytes()).map_err(|_| SignatureLineError::Base64)?;
        let (id, signature) = blob
            .split_first_chunk()
            .ok_or(SignatureLineError::TooShort)?;
        Self::new(name, KeyId::from_bytes(*id), signature)
    }

    /// The key name that the line claims.
    #[must_use]
    pub fn name(&self) -> &KeyName {
        &self.name
    }

    /// The key ID that the line claims.
    #[must_use]
    pub fn id(&self) -> KeyId {
        self.id
    }

    /// What follows the key ID.
    #[must_use]
    pub fn signature(&self) -> &[u8] {
        &self.signature
    }
}

impl fmt::Display for SignatureLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut blob = self.id.as_bytes().to_vec();
        blob.extend_from_slice(&self.signature);
        write!(f, "{LINE_START}{} {}", self.name, base64::encode(&blob))
    }
}

impl fmt::Debug for SignatureLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SignatureLine")
            .field("name", &self.name)
            .field("id", &self.id)
            .field("signature_len", &self.signature.len())
            .finish()
    }
}

/// Why bytes are not a signed note, or a note cannot be made. The fault is in what was given.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NoteError {
    /// Longer than [`MAX_NOTE_LEN`].
    #[error("a note of {len} bytes is longer than 131072")]
    TooLong {
        /// Length in bytes.
        len: usize,
    },
    /// Not UTF-8.
    #[error("the note is not UTF-8 at byte {offset}")]
    NotUtf8 {
        /// Where it stops being UTF-8.
        offset: usize,
    },
    /// A control character below U+0020 other than newline; CR is one.
    #[error("the note has the control character {byte:#04x} at byte {offset}")]
    ControlCharacter {
        /// Where.
        offset: usize,
        /// Which.
        byte: u8,
    },
    /// The text does not end in a newline, or no blank line follows it.
    #[error("the note has no text that ends in a newline and is followed by a blank line")]
    NoBlankLine,
    /// Nothing follows the blank line.
    #[error("the note has no signature")]
    NoSignature,
    /// The last signature line does not end in a newline.
    #[error("the note does not end in a newline")]
    Unterminated,
    /// More than [`MAX_SIGNATURES`].
    #[error("the note has more than 64 signatures")]
    TooManySignatures,
    /// A line after the blank line is no signature line.
    #[error("signature {index} of the note: {error}")]
    Signature {
        /// Which line after the blank line, from 0.
        index: usize,
        /// What is wrong with it.
        error: SignatureLineError,
    },
    /// Two lines claim the same key.
    #[error("the note has two signatures by {name}+{id}")]
    Duplicate {
        /// Key name.
        name: KeyName,
        /// Key ID.
        id: KeyId,
    },
}

/// A text with signature lines, well-formed and otherwise unverified: anybody can make one.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct SignedNote {
    text: String,
    signatures: Vec<SignatureLine>,
}

impl SignedNote {
    /// Reads a note: the text up to the last empty line, then signature lines.
    ///
    /// # Errors
    /// [`NoteError`] names the first rule that is broken.
    pub fn parse(note: &[u8]) -> Result<Self, NoteError> {
        if note.len() > MAX_NOTE_LEN {
            return Err(NoteError::TooLong { len: note.len() });
        }
        let note = str::from_utf8(note).map_err(|error| NoteError::NotUtf8 {
            offset: error.valid_up_to(),
        })?;
        check_characters(note)?;
        // The text keeps its own final newline; the blank line between belongs to neither side.
        let at = note.rfind("\n\n").ok_or(NoteError::NoBlankLine)?;
        let (text, rest) = note.split_at(at.saturating_add(1));
        let lines = rest.strip_prefix('\n').unwrap_or(rest);
        if lines.is_empty() {
            return Err(NoteError::NoSignature);
        }
        let lines = lines.strip_suffix('\n').ok_or(NoteError::Unterminated)?;
        let mut signatures = Vec::new();
        for (index, line) in lines.split('\n').enumerate() {
            if index >= MAX_SIGNATURES {
                return Err(NoteError::TooManySignatures);
            }
            let line = SignatureLine::parse(line)
                .map_err(|error| NoteError::Signature { index, error })?;
            signatures.push(line);
        }
        check_unique(&signatures)?;
        Ok(Self {
            text: text.to_owned(),
            signatures,
        })
    }

    /// Makes a note, under the same rules.
    ///
    /// # Errors
    /// [`NoteError`] names the rule that is broken.
    pub fn new(text: &str, signatures: Vec<SignatureLine>) -> Result<Self, NoteError> {
        check_characters(text)?;
        if !text.ends_with('\n') {
            return Err(NoteError::NoBlankLine);
        }
        if signatures.is_empty() {
            return Err(NoteError::NoSignature);
        }
        if signatures.len() > MAX_SIGNATURES {
            return Err(NoteError::TooManySignatures);
        }
        check_unique(&signatures)?;
        let note = Self {
            text: text.to_owned(),
            signatures,
        };
        let len = note.to_string().len();
        if len > MAX_NOTE_LEN {
            return Err(NoteError::TooLong { len });
        }
        Ok(note)
    }

    /// The text, with its final newline: what type 01 signatures are over. Not to be believed before
    /// [`verify`](Self::verify).
    #[must_use]
    pub fn text_unverified(&self) -> &str {
        &self.text
    }

    /// The signature lines, none of them verified.
    #[must_use]
    pub fn signatures(&self) -> &[SignatureLine] {
        &self.signatures
    }

    /// The note's bytes. [`parse`](Self::parse) reads them back as the same note.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        self.to_string().into_bytes()
    }

    /// Verifies a note that is no checkpoint, with keys of type 01.
    ///
    /// Lines by other keys are ignored. A line that claims a known key must verify under a known key of that name
    /// and ID.
    ///
    /// # Errors
    /// [`NoteSignatureError`]; the note must then be rejected as a whole.
    pub fn verify(&self, keys: &[VerifierKey]) -> Result<VerifiedNote, NoteSignatureError> {
        let mut signed_by = Vec::new();
        for key in keys {
            // The other types are only defined over checkpoints.
            if key.kind() != KeyKind::Ed25519 {
                return Err(NoteSignatureError::Kind { kind: key.kind() });
            }
        }
        for line in &self.signatures {
            let mut claimed = false;
            let mut verified = false;
            for vkey in keys {
                if line.name() != vkey.name() || line.id() != vkey.id() {
                    continue;
                }
                claimed = true;
                let (PublicKey::Ed25519(key) | PublicKey::Ed25519Cosignature(key)) = vkey.key()
                else {
                    continue;
                };
                let signature: Result<&[u8; ed25519::SIGNATURE_LEN], _> =
                    line.signature().try_into();
                if signature.is_ok_and(|s| key.verify(self.text.as_bytes(), s).is_ok()) {
                    verified = true;
                    if !signed_by.contains(vkey) {
                        signed_by.push(vkey.clone());
                    }
                }
            }
            if claimed && !verified {
                return Err(NoteSignatureError::Invalid {
                    name: line.name().clone(),
                    id: line.id(),
                });
            }
        }
        if signed_by.is_empty() {
            return Err(NoteSignatureError::UnknownKeys);
        }
        Ok(VerifiedNote {
            text: self.text.clone(),
            signed_by,
        })
    }
}

impl fmt::Display for SignedNote {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.text)?;
        for line in &self.signatures {
            writeln!(f, "{line}")?;
        }
        Ok(())
    }
}

/// Why a note's signatures are not accepted. The note's sender is at fault, except for `Kind`, the caller's.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NoteSignatureError {
    /// No line is by a known key.
    #[error("the note is not signed by a known key")]
    UnknownKeys,
    /// A line claims a known key and does not verify.
    #[error("the signature by {name}+{id} does not verify")]
    Invalid {
        /// Key name.
        name: KeyName,
        /// Key ID.
        id: KeyId,
    },
    /// A key whose signatures are defined over checkpoints only.
    #[error("a key of type {kind} does not sign plain notes")]
    Kind {
        /// The key's type.
        kind: KeyKind,
    },
}

/// A text that a known key signed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VerifiedNote {
    text: String,
    signed_by: Vec<VerifierKey>,
}

impl VerifiedNote {
    /// The text, with its final newline.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The keys whose signatures verified; at least one.
    #[must_use]
    pub fn signed_by(&self) -> &[VerifierKey] {
        &self.signed_by
    }
}

fn check_characters(text: &str) -> Result<(), NoteError> {
    match text.bytes().position(|b| b < 0x20 && b != b'\n') {
        None => Ok(()),
        Some(offset) => Err(NoteError::ControlCharacter {
            offset,
            byte: text.as_bytes()[offset],
        }),
    }
}

fn check_unique(signatures: &[SignatureLine]) -> Result<(), NoteError> {
    // At most 64 lines, so pairs are cheap to compare.
    for (index, line) in signatures.iter().enumerate() {
        let earlier = signatures.iter().take(index);
        if earlier
            .into_iter()
            .any(|e| e.name == line.name && e.id == line.id)
        {
            return Err(NoteError::Duplicate {
                name: line.name.clone(),
                id: line.id,
            });
        }
    }
    Ok(())
}
