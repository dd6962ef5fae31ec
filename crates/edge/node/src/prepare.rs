//! From submitted bytes to entries ready to append: canonical form, actor, look-up keys, leaf hash.

use quorate_receipt::json::Value;
use quorate_receipt::{Receipt, ReceiptError, Sealed, Timestamp};
use quorate_store::{EntryError, EntryKeys, IndexError, Indexer, PreparedEntry, id_fingerprint};
use thiserror::Error;

use crate::auth::Writer;
use crate::sealed::{ERASED, ERASURE_ID};

/// The member that names who wrote a receipt.
pub(crate) const ACTOR: &str = "actor";

/// How the member's name stands in canonical text; only receipts that have it are looked into.
const SEALED_NAME: &str = "\"sealed\":";

/// Why an entry was refused. The caller's fault; nothing was appended.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub(crate) enum PrepareError {
    /// There is nothing: an empty line, or an empty body.
    #[error("it is empty")]
    Empty,
    /// It is not a receipt.
    #[error(transparent)]
    Receipt(#[from] ReceiptError),
    /// The receipt names another actor than the token is bound to.
    #[error("the receipt names the actor {claimed:?}, but this token writes as {bound}")]
    ForeignActor {
        /// What the receipt says.
        claimed: String,
        /// Whom the token is bound to.
        bound: String,
    },
    /// The receipt has a `root_hash` but no `actor`: adding one would make the hash wrong.
    #[error("the receipt has a root_hash but does not name its actor {bound}")]
    HashedWithoutActor {
        /// Whom the token is bound to.
        bound: String,
    },
    /// The receipt has a member `sealed` that is not a commitment.
    #[error("the member `sealed` is reserved for the commitment to sealed content")]
    MalformedSealed,
    /// The receipt poses as the record of an erasure, which only an erasure makes.
    #[error("the type {ERASED:?} and ids that begin with {ERASURE_ID:?} are reserved for erasures")]
    ReservedErasure,
    /// The entry cannot stand in the scroll: it is longer than an entry bundle can say, or the batch is full.
    #[error(transparent)]
    Entry(#[from] EntryError),
}

/// Brings one submitted receipt into canonical form. A writer's receipts name their actor; it is added if
/// missing.
///
/// # Errors
/// See [`PrepareError`].
pub(crate) fn accept(
    input: &[u8],
    now: Timestamp,
    writer: Option<&Writer>,
) -> Result<Receipt, PrepareError> {
    if input.is_empty() {
        return Err(PrepareError::Empty);
    }
    let receipt = Receipt::accept(input, now)?;
    if receipt.text().contains(SEALED_NAME)
        && receipt
            .get(Sealed::MEMBER)
            .is_some_and(|v| Sealed::from_value(v).is_err())
    {
        return Err(PrepareError::MalformedSealed);
    }
    if receipt.type_() == ERASED || receipt.id().is_some_and(|id| id.starts_with(ERASURE_ID)) {
        return Err(PrepareError::ReservedErasure);
    }
    let Some(writer) = writer else {
        return Ok(receipt);
    };
    let bound = writer.actor.to_string();
    match receipt.get(ACTOR) {
        Some(Value::String(actor)) if *actor == bound => Ok(receipt),
        Some(other) => {
            let claimed = other.as_str().unwrap_or("(not a string)").to_owned();
            Err(PrepareError::ForeignActor { claimed, bound })
        }
        None => with_actor(input, &receipt, now, bound),
    }
}

fn with_actor(
    input: &[u8],
    accepted: &Receipt,
    now: Timestamp,
    bound: String,
) -> Result<Receipt, PrepareError> {
    // Whether the submitter hashed the receipt is seen in what was submitted, not in what was completed.
    let submitted = quorate_receipt::json::parse(input).map_err(ReceiptError::from)?;
    if submitted
        .as_object()
        .is_some_and(|o| o.get("root_hash").is_some())
    {
        return Err(PrepareError::HashedWithoutActor { bound });
    }
    let mut object = accepted.object().clone();
    object.remove("root_hash");
    object.insert(ACTOR, bound);
    Ok(Receipt::from_object(&object, now)?)
}

/// The entry of a receipt: its leaf hash and look-up keys are computed here, on the caller's thread.
///
/// # Errors
/// [`PrepareError::Entry`].
pub(crate) fn entry_of(receipt: Receipt) -> Result<PreparedEntry, PrepareError> {
    let keys = keys_of(&receipt);
    Ok(PreparedEntry::new(receipt.into_bytes(), keys)?)
}

/// An opaque entry.
///
/// # Errors
/// [`PrepareError::Entry`].
pub(crate) fn raw_entry(bytes: Vec<u8>) -> Result<PreparedEntry, PrepareError> {
    Ok(PreparedEntry::new(bytes, EntryKeys::default())?)
}

fn keys_of(receipt: &Receipt) -> EntryKeys {
    let mut keys = EntryKeys::at(receipt.timestamp().micros());
    keys.push_id(id_fingerprint(&receipt.root_hash().to_string()));
    if let Some(id) = receipt.id() {
        keys.push_id(id_fingerprint(id));
    }
    if let Some(sealed) = sealed_in(receipt) {
        keys.push_id(id_fingerprint(&sealed.commitment.to_string()));
    }
    keys
}

/// The commitment in a receipt. Most have none, and their text says so at once.
pub(crate) fn sealed_in(receipt: &Receipt) -> Option<Sealed> {
    if !receipt.text().contains(SEALED_NAME) {
        return None;
    }
    Sealed::from_value(receipt.get(Sealed::MEMBER)?).ok()
}

/// Finds the look-up keys of stored receipts again, at replay and rebuild.
#[derive(Debug, Clone, Copy, Default)]
pub struct ReceiptIndexer;

impl Indexer for ReceiptIndexer {
    fn keys(&self, entry: &[u8]) -> Result<EntryKeys, IndexError> {
        let receipt = Receipt::parse_canonical(entry).map_err(|e| IndexError(e.to_string()))?;
        Ok(keys_of(&receipt))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn writer() -> Writer {
        Writer {
            token_id: "t".into(),
            actor: "did:vm:agent:builder".parse().unwrap(),
            scrolls: vec!["A".into()],
        }
    }

    fn now() -> Timestamp {
        Timestamp::parse(b"2026-11-20T12:00:00Z").unwrap()
    }

    #[test]
    fn a_writers_receipt_names_its_actor() {
        let receipt = accept(br#"{"type":"x"}"#, now(), Some(&writer())).unwrap();
        assert_eq!(
            receipt.get(ACTOR).and_then(Value::as_str),
            Some("did:vm:agent:builder")
        );
        assert_eq!(Receipt::parse_canonical(receipt.bytes()).unwrap(), receipt);
    }

    #[test]
    fn a_writer_cannot_write_as_somebody_else() {
        let input = br#"{"actor":"did:vm:human:ceo","type":"x"}"#;
        assert!(matches!(
            accept(input, now(), Some(&writer())),
            Err(PrepareError::ForeignActor { .. })
        ));
        assert!(
            accept(input, now(), None).is_ok(),
            "the operator vouches for what it submits"
        );
    }

    #[test]
    fn a_hashed_receipt_without_its_actor_is_refused_to_a_writer() {
        let receipt = accept(br#"{"type":"x"}"#, now(), None).unwrap();
        assert!(matches!(
            accept(receipt.bytes(), now(), Some(&writer())),
            Err(PrepareError::HashedWithoutActor { .. })
        ));
    }
}
