//! Bundles: one session in one file, with the proof that a log recorded every receipt of it.
//!
//! # The file
//! One canonical JSON object (RFC 8785) and nothing around it, not even a final newline. Its members, in this order:
//! - `checkpoint`: the signed checkpoint, with the signatures and co-signatures that a policy asks for;
//! - `format`: `quorate/bundle/v1`;
//! - `leaves`: where the receipts stand in the log, as runs `[first index, number]`, each as long as it can be;
//! - `payload`, if it is in the file: what the session led to, any JSON value; the SHA-256 of its canonical text is the hash
//!   that the closing receipt binds;
//! - `proof`: one proof for all leaves, the base64 of each hash ([`quorate_merkle::MultiProof`]);
//! - `sealed`, if some content was shown: `sequence` of the step, `salt` and `content` in base64, rising;
//! - `session`: the session's id;
//! - `steps`: every receipt of the session as the log holds it, the opening first.
//!
//! A *presentation* is `{"bundle":…,"presentation":…}`: a bundle, and a receipt of type `bundle_presentation` by which the
//! session's key says for whom (`audience`), why now (`nonce`) and until when (`expires`) it shows the bundle with this BLAKE3
//! hash.
//!
//! An *attestation* is a DSSE envelope around an in-toto Statement v1 whose predicate is the bundle, signed by the session's key.
//!
//! What is not written in exactly this form is refused, so a session, its place in the log, a checkpoint and what is shown have
//! one file.

mod attestation;
mod error;
mod head;
mod presentation;
mod report;
mod scan;
mod text;
mod trim;
mod trust;
mod verify;
pub mod view;

pub use attestation::{Artifact, AttestError, AttestationError, MAX_STATEMENT_LEN};
pub use error::{BundleError, Failure};
pub use head::{Disclosure, Head, HeadError};
pub use presentation::{Presentation, PresentationError};
pub use report::{BundleReport, Enforced, PayloadForm, PayloadProof};
pub use scan::{ScanError, Source};
pub use trim::trimmed;
pub use trust::{HeadProof, Witnessed};
pub use verify::{BundleVerifier, opening, payload_hash};

/// The value of `format`.
pub const FORMAT: &str = "quorate/bundle/v1";

/// The longest payload inside a bundle, as canonical JSON: 16 MiB. A longer one is bound by its hash.
pub const MAX_PAYLOAD_LEN: usize = 16 << 20;

/// The most that a bundle may show of sealed content, in base64: 64 MiB.
pub const MAX_SEALED_LEN: usize = 64 << 20;

/// The longest text of the member `checkpoint`: a note of 64 KiB, of which every byte may need an escape of two.
const MAX_CHECKPOINT_LEN: usize = 2 * (64 << 10) + 2;

// A whole session fits into one proof.
const _: () = assert!(quorate_provenance::MAX_STEPS + 2 == quorate_merkle::MAX_MULTI_LEAVES as u64);

/// The longest presentation: it is a receipt.
const MAX_PRESENTATION_LEN: usize = quorate_receipt::MAX_RECEIPT_LEN;
