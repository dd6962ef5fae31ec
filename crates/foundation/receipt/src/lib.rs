//! Receipts: RFC 8785 canonical JSON, `root_hash`, DIDs, multibase keys and scroll names.
//!
//! In scope
//! - canonical JSON: RFC 8785 (June 2020) over the I-JSON of RFC 7493, duplicate names refused;
//! - receipts: what a scroll's leaf may be, what is added to a submitted one, `root_hash`;
//! - text forms: scroll names, DIDs, `ed25519:z…` keys and `z…` signatures (multibase base58btc, multicodec
//!   0xed), `blake3:`/`sha256:` hashes, RFC 3339 times in UTC;
//! - commitments to sealed content, and the message that signatures over a receipt cover.
//!
//! Out of scope
//! - what a receipt's content means (the engines), making and checking signatures, splitting streams into lines;
//! - time zones, leap seconds, DID documents, multibase bases and multicodecs other than the two named.
#![forbid(unsafe_code)]

mod error;
pub mod json;
mod receipt;
mod sealed;
mod signing;
mod text;

pub use error::ReceiptError;
pub use receipt::{MAX_RECEIPT_LEN, MAX_SUBMITTED_LEN, MAX_TYPE_LEN, Receipt};
pub use sealed::{Sealed, SealedError};
pub use signing::{UNSIGNED_MEMBERS, signed_message};
pub use text::did::{Did, DidError, DidKind};
pub use text::hash::{Blake3Hash, HashTextError, Sha256Text};
pub use text::key::{MultibaseError, PublicKeyText, SignatureText};
pub use text::scroll_name::{ScrollName, ScrollNameError};
pub use text::timestamp::{Timestamp, TimestampError};
